"""Write the measured tables of the README and of the guide from the numbers that were saved.

    python benchmarks/readme.py                              # after a training or a measurement
    python benchmarks/readme.py --speed speed.json           # keeps new numbers of speed, too

A table stands between two marks. The genres come from the bundles of the models that ship, the
descriptors from `extract/measured.json` (`benchmarks/descriptors.py`), the speed from
`benchmarks/speed.json` (`benchmarks/speed.py`), what a batch costs as it grows from
`benchmarks/scale.json` (`benchmarks/scale.py`).
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

# The numbers are those of the project that this file lies in, whatever is installed.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from earmark.extract import measurements
from earmark.extract.files import atomic

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from earmark.extract.measurements import Measurement

ROOT = Path(__file__).resolve().parents[1]
SPEED = ROOT / "benchmarks" / "speed.json"
SCALE = ROOT / "benchmarks" / "scale.json"

PAGES = {
    ROOT / "README.md": ("accuracy", "brief", "speed"),
    ROOT / "docs" / "guide" / "genres.md": ("accuracy", "sure", "speech"),
    ROOT / "docs" / "guide" / "spotify.md": ("descriptors",),
    ROOT / "docs" / "guide" / "table.md": ("speed",),
    ROOT / "docs" / "a-million-tracks.md": ("scale", "rows"),
}
"""Which tables stand on which page."""

BRIEF = (
    ("tempo", "within 4 %, the octave"),
    ("tempo", "within 4 %, twice"),
    ("key", "MIREX"),
    *((name, "rank correlation") for name in ("danceability", "energy", "valence")),
    *((name, "rank correlation") for name in ("acousticness", "speechiness", "instrumentalness")),
    ("liveness", "rank correlation"),
)
"""The measurements that the README shows, of the first truth that there is of each."""


def metrics_of(model: str) -> dict[str, Any]:
    """Return what a model that ships was measured to be."""
    path = ROOT / "classify" / "models" / model / "bundle.json"
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))["metrics"]
    return found


def lines(header: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    """Lay out a table."""
    head = list(header)
    every = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(map(str, row))} |\n" for row in every)


def accuracy() -> str:
    """Say how often the models are right on collections that they were not trained on."""
    default, light = metrics_of("default")["left_out"], metrics_of("light")["left_out"]
    rows = [
        (
            name,
            own["tracks"],
            *(f"{one['accuracy']:.2f} / {one['top_3']:.2f}" for one in (light[name], own)),
            "{:.2f} to {:.2f}".format(*own["interval"]["accuracy"]),
            f"{own['ece']:.2f}",
        )
        for name, own in default.items()
    ]
    header = ("left out", "tracks", "`light`: right / among three", "default: right / among three")
    return lines((*header, "95 % interval", "calibration error"), rows)


def sure() -> str:
    """Say how often the default model is right, by how sure it is."""
    steps = metrics_of("default")["coverage"].items()
    rows = [(step, f"{share:.0%}", f"{right:.0%}") for step, (share, right) in steps]
    return lines(("how sure", "of the tracks", "right"), rows)


def speech() -> str:
    """Say how much speech of held-out speakers is called speech."""
    kinds = metrics_of("default")["speech"]["made"].items()
    return lines(
        ("how it was made", "clips", "called speech"),
        [(kind, size, f"{right:.3f}") for kind, (size, right) in kinds],
    )


def _ours(row: Measurement) -> str:
    bounds = "" if row.low is None else f" ({row.low:.2f} to {row.high:.2f})"
    return f"**{row.ours:.2f}**{bounds}"


def _others(row: Measurement) -> str:
    return ", ".join(f"{name} {value:.2f}" for name, value in row.others.items() if value)


def descriptors() -> str:
    """Show all measurements of the descriptors."""
    header = ("descriptor", "measure", "truth", "n", "Earmark", "others")
    rows = [
        (f"`{row.descriptor}`", row.measure, row.truth, row.n, _ours(row), _others(row))
        for row in measurements.read()[0]
    ]
    return lines(header, rows)


def brief() -> str:
    """Say most in few rows, one of each descriptor."""
    every, _ = measurements.read()
    rows = []
    for name, measure in BRIEF:
        of_name = [row for row in every if row.descriptor == name]
        first = next(row for row in of_name if row.measure.startswith(measure))
        # Beside it what the embedding adds, of the same truth.
        more = [row for row in of_name if row.measure.endswith("with musicnn")]
        beside = [_ours(row) for row in more if row.truth == first.truth]
        own = (f"`{name}`", first.measure, first.truth, first.n, _ours(first))
        rows.append((*own, *(beside or [""]), _others(first)))
    header = ("descriptor", "measure", "truth", "n", "Earmark", "with musicnn", "others")
    return lines(header, rows)


def speed() -> str:
    """Say how fast Earmark and others read and describe the same files."""
    report = json.loads(SPEED.read_text(encoding="utf-8"))
    rows = [
        (row["name"], f"{row['times_real_time']:.0f}", f"{row['time_to_default']:.2f}")
        for row in report["contestants"]
        if not row.get("error")
    ]
    table = lines(("", "× real time", "time, Earmark's default set = 1"), rows)
    system = report["machine"]
    return f"{table}\n{system['processor']}, one core; {report['date']}.\n"


def scale() -> str:
    """Say what a batch costs as it grows, on tracks that are short: what is around the analysis."""
    report = json.loads(SCALE.read_text(encoding="utf-8"))
    rows = [
        (
            f"{size['tracks']:,}",
            *(f"{size[run]['cpu_ms_per_track']:.1f}" for run in ("1 worker", "2 workers")),
            *(f"{size['2 workers'][part]:.0f}" for part in ("parent_mib", "worker_mib")),
            *(f"{size[run]['seconds']:.1f}" for run in ("unchanged", "incremental")),
        )
        for size in report["sizes"]
    ]
    header = (
        f"tracks of {report['seconds_of_a_track']:g} s",
        *("processor, ms each, 1 worker", "2 workers", "MiB, the run", "a worker"),
        *("nothing new, s", "one in a hundred new, s"),
    )
    system = report["machine"]
    return f"{lines(header, rows)}\n{system['processor']}; {report['date']}.\n"


def rows() -> str:
    """Say what it takes to classify a table that is there, as it grows."""
    report = json.loads(SCALE.read_text(encoding="utf-8"))
    return lines(
        ("rows that are classified", "s", "GiB of memory"),
        [
            (f"{one['rows']:,}", f"{one['seconds']:.0f}", f"{one['parent_mib'] / 1024:.1f}")
            for one in report["rows"]
        ],
    )


TABLES: dict[str, Callable[[], str]] = {
    table.__name__: table
    for table in (accuracy, sure, speech, descriptors, brief, speed, scale, rows)
}


def filled(text: str, name: str) -> str:
    """Return a page with the table that belongs between the marks of its name.

    Raises
    ------
    ValueError
        The page does not have two such marks.
    """
    mark = f"<!-- {name} -->\n"
    parts = text.split(mark)
    if len(parts) != 3:
        raise ValueError(f"{mark.strip()} stands there {len(parts) - 1} times, not twice")
    return f"{parts[0]}{mark}\n{TABLES[name]()}\n{mark}{parts[2]}"


def main() -> None:
    """Fill every page."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--speed", type=Path, help="numbers of speed to keep")
    arguments = parser.parse_args()
    if arguments.speed:
        SPEED.write_bytes(arguments.speed.read_bytes())
    for page, names in PAGES.items():
        text = page.read_text(encoding="utf-8")
        for name in names:
            text = filled(text, name)
        with atomic(page) as temporary:
            temporary.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
