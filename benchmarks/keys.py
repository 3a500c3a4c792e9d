"""How often the key of common progressions is found: in all twelve keys, by mode.

FluidSynth plays them, by instruments that the weights were not learnt from, and they are analysed
as any other file is. None of these progressions was learnt from, either. Twice: from the tonic on,
as a song begins, and from the second chord on, as an excerpt may, which leaves less to tell
relative keys apart by. Needs Debian's packages ``fluidsynth`` and ``fluid-soundfont-gm``:

    apt-get install fluidsynth fluid-soundfont-gm

example:

    python benchmarks/keys.py -o keys.json
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

# What is measured is the project that this file lies in, whatever is installed.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from earmark.extract.descriptors import tonal
from earmark.extract.estimators import fit_key, fit_key_renders
from earmark.extract.estimators.fit_key_renders import COMMON, Song, song_in

if TYPE_CHECKING:
    from collections.abc import Iterator

Report = dict[str, dict[str, float]]

BEGINNINGS = {"from the tonic": 0, "from the second chord": 1}


def songs(mode: str, start: int, keys: int) -> Iterator[Song]:
    """Yield the common progressions of a mode in the first so many keys."""
    for number, chords in enumerate(COMMON[mode]):
        for tonic in range(keys):
            yield song_in(tonic, mode, chords, number + tonic, start)


def found(song: Song) -> int:
    """Return the key of a song among the 24, minor first, as the descriptor `key` hears it."""
    with tempfile.TemporaryDirectory() as folder:
        key, mode, _ = tonal.key(fit_key.track_of(fit_key_renders.render(song, Path(folder))))
    return int(12 * mode + key)


def measure(keys: int) -> Report:
    """Return the score of MIREX and the share of right keys, by mode and beginning."""
    report: Report = {}
    for mode in COMMON:
        report[mode] = {}
        for beginning, start in BEGINNINGS.items():
            pairs = [(found(song), song.number) for song in songs(mode, start, keys)]
            marks = [fit_key.mirex(answer, right) for answer, right in pairs]
            exact = [answer == right for answer, right in pairs]
            report[mode][f"songs {beginning}"] = len(pairs)
            report[mode][f"MIREX {beginning}"] = round(sum(marks) / len(marks), 3)
            report[mode][f"exact {beginning}"] = round(sum(exact) / len(exact), 3)
    return report


def table(report: Report) -> str:
    """Return the report as a table of Markdown, a row for each mode."""
    heads = [f"{beginning}: MIREX (exact)" for beginning in BEGINNINGS]
    lines = [f"| mode | {' | '.join(heads)} |", "| --- |" + " --- |" * len(heads)]
    for mode, row in report.items():
        cells = [f"{row[f'MIREX {at}']:.3f} ({row[f'exact {at}']:.3f})" for at in BEGINNINGS]
        lines.append(f"| {mode} | {' | '.join(cells)} |")
    totals = []
    for at in BEGINNINGS:
        count = sum(row[f"songs {at}"] for row in report.values())
        means = [
            sum(row[f"{what} {at}"] * row[f"songs {at}"] for row in report.values()) / count
            for what in ("MIREX", "exact")
        ]
        totals.append(f"{means[0]:.3f} ({means[1]:.3f})")
    return "\n".join([*lines, f"| all | {' | '.join(totals)} |"])


def main() -> None:
    """Render, analyse, report."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--keys", type=int, default=12, help="how many of the twelve keys")
    parser.add_argument("-o", "--output", type=Path, help="write the report as JSON")
    arguments = parser.parse_args()
    report = measure(arguments.keys)
    print(table(report))
    if arguments.output:
        arguments.output.write_text(json.dumps(report, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
