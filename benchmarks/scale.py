"""What a batch costs as it grows: time, memory and disk for each track, for thousands of them.

Short pieces of real music become MP3s under as many names as are wanted, each with a tag of its
own, so that no two have the same bytes. Every run is a process of its own whose family is watched
in /proc (Linux). A run of each size: with one worker, and with two; with two that are killed half
way, and resumed; once more with nothing new; with one in a hundred new. The bare analysis, one
worker, two, and Dask with as many take turns on one folder, and the best round counts.

Where other programs keep the machine busy, the time on the processor holds and that on the clock
does not; the load is written beside them. A table names the commit that it was made by, so run it
where nothing is committed or changed meanwhile. Rows of tables larger than that are made from real
ones, and classified; and what the parent does for many files is seen where they are few under many
names.

example:

    python benchmarks/scale.py music/ -o benchmarks/scale.json --plot docs/scale.png
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast

# What is measured is the project that this file lies in, whatever is installed.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import music
import numpy as np
from speed import machine

import earmark
from earmark.extract import tables
from earmark.extract.batch import run

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray


ROOT = Path(__file__).resolve().parents[1]
CHILD = Path(__file__).with_name("scale_child.py")

EXTRACTION = run.Extraction("default")

SECONDS = 2.5
"""Length of the pieces."""

PIECES = 64
"""Different ones, from all recordings in turn."""

IN_A_FOLDER = 1000

NEW = 0.01
"""Share of tracks that an incremental run finds new."""

EVERY = 0.1
"""Seconds between two looks at the processes."""

ROLES = {b"earmark.extract.batch.worker": "worker", b"multiprocessing": "dask"}
"""What processes are, by what stands in their command."""

CONTESTANTS = {
    "bare": ("bare", 1),
    "1 worker": ("processes", 1),
    "2 workers": ("processes", 2),
    "Dask, 1 worker": ("dask", 1),
    "Dask, 2 workers": ("dask", 2),
}

Report = dict[str, Any]


# --- Music --------------------------------------------------------------------------------------


def pieces(recordings: Sequence[Path], folder: Path) -> list[bytes]:
    """Return short MP3s, cut from each of the recordings in turn."""
    whole = [music.read(path) for path in recordings]
    found: list[bytes] = []
    for turn in range(PIECES):
        for samples, rate in whole:
            length = round(SECONDS * rate)
            piece = samples[turn * length : (turn + 1) * length]
            if len(piece) == length and len(found) < PIECES:
                path = folder / "piece.mp3"
                music.write_mp3(path, piece, rate)
                found.append(path.read_bytes())
                path.unlink()
    return found


def fill(folder: Path, cuts: Sequence[bytes], numbers: range) -> None:
    """Write tracks, each with the tag (ID3v1) that names it."""
    for number in numbers:
        path = folder / f"{number // IN_A_FOLDER:04d}" / f"{number:07d}.mp3"
        path.parent.mkdir(parents=True, exist_ok=True)
        tag = b"TAG" + f"track {number}".encode().ljust(124, b"\0") + b"\xff"
        path.write_bytes(cuts[number % len(cuts)] + tag)


# --- Who watches it -----------------------------------------------------------------------------


@dataclass
class Watch:
    """What a process and all that it has started have used, from time to time.

    Parameters
    ----------
    peak : dict
        Most bytes that one held: the ``parent``, a ``worker`` that analyses, a process of ``dask``.
    cpu : list of tuple of float
        When, and how many seconds on the processor until then, of all together.
    used : dict
        Those of each process, in the same roles.
    """

    peak: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    cpu: list[tuple[float, float]] = field(default_factory=list)
    used: dict[str, dict[int, float]] = field(default_factory=lambda: defaultdict(dict))

    def follow(self, process: subprocess.Popen[str], most: float) -> None:
        """Look until the process ends, which it does at once where it holds too much."""
        while process.poll() is None:
            self.look(process.pid)
            if self.peak["parent"] > most:
                process.kill()
            time.sleep(EVERY)

    def look(self, root: int) -> None:
        """Add what is used now."""
        tick, page = os.sysconf("SC_CLK_TCK"), os.sysconf("SC_PAGE_SIZE")
        family = {root}
        # Children have greater numbers than their parents, until numbers begin anew.
        for pid in sorted(
            int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()
        ):
            with contextlib.suppress(OSError):
                stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
                values = stat.rpartition(")")[2].split()
                if pid != root and int(values[1]) not in family:
                    continue
                family.add(pid)
                command = Path(f"/proc/{pid}/cmdline").read_bytes()
                # A process that has been forked is still called what its parent is.
                role = next((role for mark, role in ROLES.items() if mark in command), "forked")
                role = "parent" if pid == root else role
                self.used[role][pid] = (int(values[11]) + int(values[12])) / tick
                self.peak[role] = max(self.peak[role], int(values[21]) * page)
        self.cpu.append((time.monotonic(), sum(map(self.cpu_of, self.used))))

    def cpu_of(self, role: str) -> float:
        """Return how many seconds on the processor were used in a role."""
        return sum(self.used[role].values())

    def seconds(self, *when: float) -> NDArray[np.float64]:
        """Return how many seconds on the processor were used by then."""
        times, used = zip(*self.cpu, strict=True)
        found: NDArray[np.float64] = np.interp(when, times, used)
        return found


def watched(command: Sequence[object], most: float) -> tuple[Report, Watch, str]:
    """Run a command, and return what it took, how it went on, and what it printed."""
    watch, said = Watch(), [""]
    begun = time.monotonic()
    with subprocess.Popen(
        list(map(str, command)),
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    ) as process:
        stream = cast("IO[str]", process.stdout)
        reader = threading.Thread(target=lambda: said.insert(0, stream.read()))
        reader.start()
        watch.follow(process, most)
        reader.join()
    mib = {
        f"{role}_mib": round(held / 2**20, 1)
        for role, held in watch.peak.items()
        if role != "forked"
    }
    report = {
        "status": process.returncode,
        "seconds": round(time.monotonic() - begun, 2),
        "cpu_seconds": round(watch.cpu[-1][1], 2),
        "cpu_seconds_of": {role: round(watch.cpu_of(role), 2) for role in watch.used},
        **mib,
        "load": os.getloadavg()[0],
    }
    return report, watch, said[0]


def measured(
    kind: str, workers: int, folder: Path, output: Path, most: float, stop: int = 0
) -> Report:
    """Run an extraction; the later half of the tracks tells what one takes when all runs."""
    order = [kind, workers, folder, output, stop]
    begun = time.monotonic()
    report, watch, said = watched([sys.executable, CHILD, *order], most)
    if report["status"] != (-signal.SIGKILL if stop else 0):
        raise SystemExit(f"{order}: ended with status {report['status']}")
    if stop:
        return report
    answer = json.loads(said)
    times = answer.pop("times")
    report |= answer
    if times:
        report["analysed"] = len(times)
        report["before_first"] = round(times[0] - begun, 2)
        report["after_last"] = round(begun + report["seconds"] - times[-1], 2)
    if len(times) > 1:
        middle = len(times) // 2
        tracks = len(times) - 1 - middle or 1
        used = np.diff(watch.seconds(times[middle], times[-1]))[0]
        report["ms_per_track"] = round(1e3 * (times[-1] - times[middle]) / tracks, 3)
        report["cpu_ms_per_track"] = round(1e3 * float(used) / tracks, 3)
    return report


# --- What is measured ---------------------------------------------------------------------------


def grown(cuts: Sequence[bytes], tracks: int, scratch: Path, most: float) -> Report:
    """Run a folder of a size in every way."""
    folder, output, again = scratch / "music", scratch / "t.parquet", scratch / "again.parquet"
    fill(folder, cuts, range(tracks))
    report: Report = {"tracks": tracks}

    def add(name: str, kind: str, workers: int, table: Path, stop: int = 0) -> None:
        report[name] = measured(kind, workers, folder, table, most, stop)
        tell(f"{tracks:,} tracks, {name}", report[name])

    add("1 worker", "processes", 1, again)
    add("2 workers", "processes", 2, output)
    same = output.read_bytes() == again.read_bytes()
    again.unlink()
    for beside in scratch.glob("again.*"):
        beside.unlink()
    add("killed", "processes", 2, again, stop=tracks // 2)
    add("resumed", "processes", 2, again)
    report["identical"] = same and output.read_bytes() == again.read_bytes()
    table = tables.read(output).frame
    report["rows"] = len(table)
    report["names"] = int(table["path"].nunique())
    sizes = {"table": output, "ledger": tables.files_path(output)}
    report["bytes"] = {name: path.stat().st_size for name, path in sizes.items()}
    add("unchanged", "processes", 2, output)
    fill(folder, cuts, range(tracks, tracks + max(1, round(NEW * tracks))))
    add("incremental", "processes", 2, output)
    return report


def named(cuts: Sequence[bytes], names: int, scratch: Path, most: float) -> Report:
    """Run a folder of many names of few files (hard links), and again with nothing new.

    All is done for each of them but the analysis, so that what the parent holds is seen soon.
    """
    folder, output = scratch / "music", scratch / "t.parquet"
    fill(scratch / "first", cuts, range(len(cuts)))
    first = sorted((scratch / "first").rglob("*.mp3"))
    for number in range(names):
        path = folder / f"{number // IN_A_FOLDER:04d}" / f"{number:07d}.mp3"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.hardlink_to(first[number % len(first)])
    report: Report = {"names": names}
    for name in ("2 workers", "unchanged"):
        report[name] = measured("processes", 2, folder, output, most)
        tell(f"{names:,} names, {name}", report[name])
    report["bytes"] = output.stat().st_size
    return report


def compared(cuts: Sequence[bytes], tracks: int, rounds: int, scratch: Path, most: float) -> Report:
    """Let the ways to analyse one folder take turns; the best round of each counts."""
    folder = scratch / "music"
    fill(folder, cuts, range(tracks))
    taken: dict[str, list[Report]] = {name: [] for name in CONTESTANTS}
    for number in range(rounds):
        for name, (kind, workers) in CONTESTANTS.items():
            output = scratch / f"{number}-{kind}-{workers}.parquet"
            taken[name].append(measured(kind, workers, folder, output, most))
            tell(f"{tracks:,} tracks, {name}", taken[name][-1])
    keys = ("ms_per_track", "cpu_ms_per_track", "seconds", "cpu_seconds")
    best = {
        name: {key: min(report[key] for report in reports) for key in keys}
        for name, reports in taken.items()
    }

    def ratios(key: str) -> dict[str, float]:
        value = {name: numbers[key] for name, numbers in best.items()}
        pairs = {
            "1 worker ÷ bare": value["1 worker"] / value["bare"],
            "rate of 2 workers ÷ 1": value["1 worker"] / value["2 workers"],
            "Dask ÷ processes, 1 worker": value["Dask, 1 worker"] / value["1 worker"],
            "Dask ÷ processes, 2 workers": value["Dask, 2 workers"] / value["2 workers"],
        }
        return {name: round(ratio, 3) for name, ratio in pairs.items()}

    return {
        "tracks": tracks,
        "rounds": taken,
        "best": best,
        "clock": ratios("ms_per_track"),
        "processor": ratios("cpu_ms_per_track"),
    }


def simulate(real: Path, rows: int, output: Path) -> None:
    """Write a table of as many rows, drawn from real ones and each a little different."""
    frame = tables.read(real).frame
    numbers = frame.select_dtypes("float").columns
    low, high = frame[numbers].min(), frame[numbers].max()
    rng = np.random.default_rng(0)
    with tables.appending(output, EXTRACTION.schema) as append:
        for start in range(0, rows, run.ROWS_AT_ONCE):
            count = min(run.ROWS_AT_ONCE, rows - start)
            some = frame.iloc[rng.integers(0, len(frame), count)].reset_index(drop=True)
            noise = rng.normal(1, 1e-3, (count, len(numbers)))
            some = some.astype(dict.fromkeys(numbers, "float64"))
            moved = (some[numbers] * noise).clip(low, high, axis=1)
            some[numbers] = moved
            some = some.astype(frame.dtypes.to_dict())
            some["path"] = [f"{number:07d}.mp3" for number in range(start, start + count)]
            some["sha256"] = [f"{number:064x}" for number in range(start, start + count)]
            append(some)


def classified(real: Path, rows: int, scratch: Path, most: float) -> Report:
    """Classify simulated rows with the model that a table of the default set is enough for."""
    table, output = scratch / "rows.parquet", scratch / "genres.parquet"
    simulate(real, rows, table)
    command = [sys.executable, "-m", "earmark", "classify", table, "-m", "light", "-o", output]
    report, _, _ = watched([*command, "-q"], most)
    report |= {"rows": rows, "bytes": table.stat().st_size}
    if report["status"] == 0:
        report["us_per_row"] = round(1e6 * report["seconds"] / rows, 1)
    tell(f"{rows:,} rows, classified", report)
    return report


def tell(what: str, report: Report) -> None:
    """Say on stderr what was measured."""
    print(f"{what}: {json.dumps(report, default=str)}", file=sys.stderr, flush=True)


def draw(report: Report, output: Path) -> None:
    """Draw time and memory against the number of tracks."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    sizes = [entry["tracks"] for entry in report["sizes"]]

    def line(name: str, key: str) -> list[float]:
        return [entry[name][key] for entry in report["sizes"]]

    figure, (left, right) = plt.subplots(1, 2, figsize=(7, 2.6), layout="constrained")
    for name, marker in (("1 worker", "o"), ("2 workers", "s")):
        left.plot(sizes, line(name, "cpu_ms_per_track"), marker=marker, label=name)
        right.plot(sizes, line(name, "parent_mib"), marker=marker, label=f"parent, {name}")
    right.plot(sizes, line("2 workers", "worker_mib"), marker="^", label="a worker")
    for entry in report["names"]:
        right.plot(entry["names"], entry["2 workers"]["parent_mib"], "kx", label="parent, names")
    left.set_title("on the processor, ms a track", fontsize=9)
    right.set_title("memory, MiB", fontsize=9)
    for axes in (left, right):
        axes.set(xscale="log", xlabel="tracks", ylim=(0, None))
        axes.set_ylim(0, 1.25 * axes.get_ylim()[1])
        axes.legend(fontsize=7, loc="lower right")
        axes.tick_params(labelsize=8)
        axes.grid(alpha=0.3)
    figure.savefig(output, dpi=100)
    plt.close(figure)


# --- The command line ---------------------------------------------------------------------------


def parse() -> argparse.Namespace:
    """Read the arguments."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("sources", nargs="*", type=Path, help="music; by default the recordings")
    parser.add_argument("--tracks", nargs="*", type=int, default=[1000, 10_000], metavar="N")
    parser.add_argument("--large", action="store_true", help="also 100,000 tracks (6 GB, an hour)")
    parser.add_argument("--names", nargs="*", type=int, default=[100_000], metavar="N")
    parser.add_argument("--rows", nargs="*", type=int, default=[100_000, 1_000_000], metavar="N")
    parser.add_argument("--compare", type=int, default=3000, metavar="N", help="tracks; 0: not")
    parser.add_argument("-n", "--rounds", type=int, default=2, help="of comparing")
    parser.add_argument("--most", type=float, default=12, metavar="GIB", help="a process may hold")
    parser.add_argument("--scratch", type=Path, help="where the music is made")
    parser.add_argument("-o", "--output", type=Path, default=Path("scale.json"))
    parser.add_argument("--plot", type=Path)
    return parser.parse_args()


@contextlib.contextmanager
def emptied(parent: Path | None) -> Iterator[Path]:
    """Give a folder that is gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="scale-", dir=parent))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def main() -> None:
    """Measure, write and draw."""
    arguments = parse()
    most = arguments.most * 2**30
    report: Report = {
        "date": date.today().isoformat(),
        "earmark": earmark.__version__,
        "machine": machine(),
        "load_before": os.getloadavg(),
        "seconds_of_a_track": SECONDS,
        "sizes": [],
        "names": [],
        "rows": [],
    }
    with emptied(arguments.scratch) as scratch:
        recordings = music.choose(arguments.sources or [music.default()], PIECES)
        cuts = pieces(recordings, scratch)
        report["bytes_of_a_track"] = round(sum(map(len, cuts)) / len(cuts)) + 128
        # The first run on a machine compiles the kernels.
        fill(scratch / "one", cuts, range(1))
        measured("bare", 1, scratch / "one", scratch / "none.parquet", most)
        real = scratch / "real.parquet"
        for tracks in [*arguments.tracks, *([100_000] if arguments.large else [])]:
            with emptied(scratch) as place:
                report["sizes"].append(grown(cuts, tracks, place, most))
                shutil.copy(place / "t.parquet", real)
            keep(report, arguments)
        if arguments.compare:
            with emptied(scratch) as place:
                report["compared"] = compared(
                    cuts, arguments.compare, arguments.rounds, place, most
                )
            keep(report, arguments)
        for names in arguments.names:
            with emptied(scratch) as place:
                report["names"].append(named(cuts, names, place, most))
            keep(report, arguments)
        for rows in arguments.rows if real.exists() else []:
            with emptied(scratch) as place:
                report["rows"].append(classified(real, rows, place, most))
            keep(report, arguments)


def keep(report: Report, arguments: argparse.Namespace) -> None:
    """Write and draw what there is so far: the rest takes long."""
    report["load_after"] = os.getloadavg()
    with tables.atomic(arguments.output) as temporary:
        temporary.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    if arguments.plot and report["sizes"]:
        draw(report, arguments.plot)


if __name__ == "__main__":
    main()
