"""How fast the extraction is on one core, against decoding alone and against other extractors.

Music becomes MP3 at 192 kb/s and 16-bit WAV in a temporary folder. Every contestant runs in a
process of its own, pinned to one core, with one thread: it warms up, and then all take turns, once
a round. The best round of each file counts, since noise only ever adds; start and imports never do.
Peers run in an environment of their own, which --peers makes and fills, and which later runs find.
Last, a folder of MP3s is analysed with one and with two workers, not pinned.

Ratios hold between machines, seconds do not. Where other programs keep the machine busy, --clock
cpu counts the time that contestants had the processor.

example:

    python benchmarks/speed.py --peers -n 5 -o speed.json music/
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

# What is measured is the project that this file lies in, whatever is installed.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import music
import numpy as np
import peers
import plain_librosa
import soundfile

import earmark
from earmark.extract import sets
from earmark.extract.batch.executors import TRACKS_PER_WORKER
from earmark.extract.engine import registry
from earmark.extract.files import atomic

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

HERE = Path(__file__).resolve().parent

THREADS = ("OMP", "OPENBLAS", "MKL", "NUMBA", "RAYON", "VECLIB", "NUMEXPR")

OURS = ("numpy", "scipy", "numba", "soxr", "soundfile", "librosa", "pyloudnorm")

DEFAULT = sets.DEFAULT_SET

Report = dict[str, Any]


@dataclass
class Contestant:
    """One thing that is timed, and its times.

    Parameters
    ----------
    name : str
        What the table calls it.
    module, maker, arguments : str, str, list
        The function, in this folder, that prepares it.
    format : {"mp3", "wav"}
        What it reads.
    package : str
        The distribution that must be in the peers' environment; empty for what runs in ours.
    alone : bool
        Whether it is pinned to one core with one thread, and warmed up.
    """

    name: str
    module: str
    maker: str
    arguments: list[Any] = field(default_factory=list)
    format: str = "mp3"
    package: str = ""
    alone: bool = True
    rounds: list[Report] = field(default_factory=list)
    error: str = ""

    def seconds(self, clock: str) -> float:
        """Return the best round of each file, summed over the files."""
        return float(np.min([times[clock] for times in self.rounds], axis=0).sum())

    def spread(self, clock: str) -> float:
        """Return by which share the median round took longer than the best."""
        median = statistics.median(sum(times[clock]) for times in self.rounds)
        return median / self.seconds(clock) - 1


def contestants(clock: str) -> list[Contestant]:
    """Return everything that is timed on single files, in the order of the table."""
    names = [entry.name for entry in registry.in_set(DEFAULT)]
    known = [name for name in names if name in plain_librosa.available()]
    smile = [
        Contestant(f"openSMILE {name}", "peers", "opensmile", [name], package="opensmile")
        for name in ("ComParE_2016", "eGeMAPSv02")
    ]
    return [
        Contestant("decode, WAV", "ours", "decoding", format="wav"),
        Contestant("decode", "ours", "decoding"),
        *(Contestant(name, "ours", "features", [name]) for name in sets.SETS),
        Contestant(f"{DEFAULT}, windows of 6 s", "ours", "features", [DEFAULT, 6.0]),
        Contestant(f"{DEFAULT}, WAV", "ours", "features", [DEFAULT], format="wav"),
        Contestant("plain librosa", "plain_librosa", "plain", [False, known]),
        Contestant("plain librosa, one STFT", "plain_librosa", "plain", [True, known]),
        Contestant("FMA's script", "fma_script", "fma"),
        Contestant("Essentia MusicExtractor", "peers", "essentia", package="essentia"),
        Contestant("bliss", "peers", "bliss", package="bliss-audio"),
        *smile,
        # For MP3 it calls the program ffmpeg, which need not be there.
        Contestant(
            "pyAudioAnalysis, WAV", "peers", "pyaudioanalysis", [], "wav", "pyAudioAnalysis"
        ),
        Contestant(f"stages of {DEFAULT}", "ours", "stages", [DEFAULT, clock]),
    ]


# --- Timing ------------------------------------------------------------------------------------


@contextlib.contextmanager
def started(
    entry: Contestant, paths: Sequence[str], python: Path
) -> Iterator[subprocess.Popen[str]]:
    """Start the process of a contestant, and end it with the block."""
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    if not entry.package:
        environment["PYTHONPATH"] = str(HERE.parent)
    if entry.alone:
        environment |= {f"{name}_NUM_THREADS": "1" for name in THREADS}
    order = {
        "module": entry.module,
        "maker": entry.maker,
        "arguments": entry.arguments,
        "files": paths,
        "alone": entry.alone,
    }
    with subprocess.Popen(
        [str(python), str(HERE / "child.py"), json.dumps(order)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=environment,
    ) as process:
        yield process


def answer(entry: Contestant, process: subprocess.Popen[str]) -> Report:
    """Read what a contestant answers, and note it where it failed."""
    if process.stdout is None:
        raise RuntimeError("the contestant has no pipe to answer through")
    line = process.stdout.readline()
    values = json.loads(line) if line else {"error": f"ended with status {process.wait()}"}
    entry.error = values.get("error", "")
    return values


def compete(
    entries: Sequence[Contestant],
    paths: dict[str, list[str]],
    rounds: int,
    environment: Path | None = None,
) -> None:
    """Let the contestants take turns for some rounds, each in its process."""
    absent = peers.absent(environment)
    running = []
    with contextlib.ExitStack() as stack:
        for entry in entries:
            entry.error = absent.get(entry.package, "")
            if entry.error:
                continue
            python = Path(sys.executable)
            if entry.package and environment is not None:
                python = peers.interpreter(environment)
            print(f"preparing {entry.name} …", file=sys.stderr)
            process = stack.enter_context(started(entry, paths[entry.format], python))
            answer(entry, process)
            running.append((entry, process))
        for number in range(rounds):
            print(f"round {number + 1} of {rounds} …", file=sys.stderr)
            for entry, process in running:
                if not entry.error and process.stdin is not None:
                    print(file=process.stdin, flush=True)
                    values = answer(entry, process)
                    if not entry.error:
                        entry.rounds.append(values)


def compete_with_workers(sources: Sequence[Path], tracks: int, rounds: int) -> Report:
    """Time one and two workers on a folder by the wall clock; the first round starts them."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    if (cores or 1) < 2:
        return {"error": "needs two cores"}
    entries = [
        Contestant(f"{count} workers", "ours", "folder", [DEFAULT, count], alone=False)
        for count in (1, 2)
    ]
    with tempfile.TemporaryDirectory(prefix="earmark-speed-") as temporary:
        folder = Path(temporary, "tracks")
        seconds = music.write_folder(folder, sources, tracks)
        report: Report = {"tracks": tracks, "seconds": seconds, "others": others()}
        compete(entries, {"mp3": [str(folder)]}, 1 + rounds)
    for entry in entries:
        if entry.error:
            return {"error": entry.error}
        first, *later = (times["wall"][0] for times in entry.rounds)
        report[entry.name] = {"first": first, "later": min(later)}
    for when in ("first", "later"):
        report[f"gain, {when}"] = report["1 workers"][when] / report["2 workers"][when]
    return report


# --- What is said of it ------------------------------------------------------------------------


def machine() -> Report:
    """Return the processor's name, the number of cores, and the system."""
    name = platform.processor()
    with contextlib.suppress(OSError, StopIteration):
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        name = next(line.split(":")[1].strip() for line in lines if "model name" in line)
    return {"processor": name, "cores": os.cpu_count(), "system": platform.platform()}


def others() -> float | None:
    """Return how many cores other programs keep busy while this one sleeps; None if unknown."""

    def busy() -> float:
        fields = Path("/proc/stat").read_text(encoding="ascii").splitlines()[0].split()[1:]
        idle, waiting = map(int, fields[3:5])
        return (sum(map(int, fields[:8])) - idle - waiting) / os.sysconf("SC_CLK_TCK")

    try:
        before = busy()
        time.sleep(1)
        return busy() - before
    except OSError:
        return None


def measured(entry: Contestant, clock: str, seconds: float, reference: float) -> Report:
    """Return the numbers of a contestant, or why there are none.

    `seconds` is the length of the music, `reference` the time that the set `default` took.
    """
    row: Report = {"name": entry.name, "format": entry.format}
    if entry.error:
        return {**row, "error": entry.error}
    taken = entry.seconds(clock)
    return {
        **row,
        "times_real_time": seconds / taken,
        "values": entry.rounds[0]["results"][0],
        "time_to_default": taken / reference,
        "spread": entry.spread(clock),
        "waited": entry.seconds("wall") / entry.seconds("cpu") - 1,
        "peak_mib": max(times["peak_mib"] for times in entry.rounds),
        "wall": [times["wall"] for times in entry.rounds],
        "cpu": [times["cpu"] for times in entry.rounds],
    }


def ratios(rows: Sequence[Report]) -> dict[str, float]:
    """Return how often one contestant's time goes into another's, for the pairs that matter."""
    pairs = [
        (DEFAULT, "decode"),
        (f"{DEFAULT}, WAV", "decode, WAV"),
        (f"{DEFAULT}, windows of 6 s", DEFAULT),
        ("Essentia MusicExtractor", DEFAULT),
        ("bliss", DEFAULT),
        ("openSMILE ComParE_2016", DEFAULT),
        ("openSMILE eGeMAPSv02", DEFAULT),
        ("pyAudioAnalysis, WAV", f"{DEFAULT}, WAV"),
        ("plain librosa", DEFAULT),
        ("plain librosa, one STFT", DEFAULT),
        ("FMA's script", "fma"),
    ]
    times = {row["name"]: row["time_to_default"] for row in rows if "error" not in row}
    return {
        f"{above} ÷ {below}": times[above] / times[below]
        for above, below in pairs
        if above in times and below in times
    }


def stages(entry: Contestant, seconds: float) -> dict[str, float]:
    """Return the milliseconds of each stage per minute of music, the longest first.

    Of each file the round counts that was the fastest as a whole.
    """
    total: dict[str, float] = {}
    for results in zip(*(times["results"] for times in entry.rounds), strict=True):
        for stage, taken in min(results, key=lambda spent: sum(spent.values())).items():
            total[stage] = total.get(stage, 0.0) + taken * 60_000 / seconds
    return dict(sorted(total.items(), key=lambda item: -item[1]))


def show(report: Report) -> None:
    """Print the report as tables."""
    system = report["machine"]
    print(f"{system['processor']}, {system['cores']} cores, {system['system']}")
    print(", ".join(f"{name} {number}" for name, number in report["versions"].items()))
    for file in report["files"]:
        print(
            f"{file['name']}: {file['seconds']:.0f} s, {file['rate']} Hz, "
            f"{file['channels']} channels, MP3 at {file['kbps']:.0f} kb/s"
        )
    print(
        f"\none core, one thread, {report['clock']} time, best of {report['rounds']} rounds; "
        "MP3 where it does not say WAV"
    )
    print(f"{'':<26}{'x real time':>12}{'values':>8}{'÷ default':>11}{'spread':>8}{'peak MiB':>10}")
    for row in report["contestants"]:
        if "error" in row:
            print(f"{row['name']:<26} not measured: {row['error']}")
        else:
            print(
                f"{row['name']:<26}{row['times_real_time']:>12.1f}{row['values'] or '':>8}"
                f"{row['time_to_default']:>11.2f}{row['spread']:>8.0%}{row['peak_mib']:>10.0f}"
            )
    if report["without_librosa"]:
        missing = ", ".join(report["without_librosa"])
        print(f"plain librosa does less than {DEFAULT}: it has no call for {missing}")
    print("\nhow often the second time goes into the first")
    for name, ratio in report["ratios"].items():
        print(f"  {name:<48}{ratio:>8.2f}")
    for name, spent in report["stages"].items():
        print(f"\n{name}, milliseconds per minute of music")
        for stage, milliseconds in spent.items():
            print(f"  {stage:<26}{milliseconds:>9.2f}{milliseconds / sum(spent.values()):>8.1%}")
    show_workers(report["workers"])
    waited = max((row.get("waited", 0) for row in report["contestants"]), default=0)
    if report["clock"] == "wall" and waited > 0.05:
        print(
            f"\nThe machine was busy: a contestant waited for {waited:.0%} longer than it worked. "
            "Repeat when it is not, or with --clock cpu."
        )


def show_workers(report: Report) -> None:
    """Print what one and two workers did, if they were measured."""
    if "error" in report:
        print(f"\nworkers: not measured: {report['error']}")
    elif report:
        print(f"\n{report['tracks']} MP3s, {report['seconds'] / 60:.0f} minutes, by the wall clock")
        for name in ("1 workers", "2 workers"):
            speed = {when: report["seconds"] / report[name][when] for when in ("first", "later")}
            print(
                f"  {name:<12}{speed['first']:>8.0f} x real time with their start, "
                f"{speed['later']:.0f} without"
            )
        print(
            f"  two are {report['gain, first']:.2f} times as fast with their start, "
            f"{report['gain, later']:.2f} without"
        )
        if (report["others"] or 0) > 0.1:
            print(
                f"  Nothing follows from this: other programs kept {report['others']:.1f} of "
                f"{os.cpu_count()} cores busy."
            )


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "sources",
        nargs="*",
        type=Path,
        help="music: files or folders (default: librosa/ in EARMARK_DATA or ../shared/data, else "
        "the demo tracks)",
    )
    parser.add_argument(
        "-l", "--longest", type=int, default=3, help="use the so many longest files (default: 3)"
    )
    parser.add_argument("-n", "--rounds", type=int, default=5, help="default: 5")
    parser.add_argument("-o", "--output", type=Path, default=Path("speed.json"), metavar="JSON")
    parser.add_argument(
        "--peers", action="store_true", help="install the other extractors that are not there yet"
    )
    parser.add_argument(
        "--environment",
        type=Path,
        default=HERE / ".peers",
        metavar="FOLDER",
        help="where the other extractors are, and are installed (default: benchmarks/.peers)",
    )
    parser.add_argument(
        "--only",
        action="append",
        metavar="NAME",
        help="a contestant by its name, beside `default`; may be repeated",
    )
    parser.add_argument("--clock", choices=["wall", "cpu"], default="wall", help="default: wall")
    parser.add_argument(
        "--tracks",
        type=int,
        default=16 * TRACKS_PER_WORKER,
        help="tracks for the workers, 0 to leave them out (default: %(default)s)",
    )
    arguments = parser.parse_args()
    if arguments.longest < 1 or arguments.rounds < 1:
        parser.error("at least one file and one round")
    if 0 < arguments.tracks < 2 * TRACKS_PER_WORKER:
        parser.error(f"two workers start for {2 * TRACKS_PER_WORKER} tracks or more")
    names = [entry.name for entry in contestants(arguments.clock)]
    if unknown := set(arguments.only or ()) - set(names):
        parser.error(f"no contestant is called {unknown.pop()!r}; there are {'; '.join(names)}")
    return arguments


def main() -> None:
    """Measure, print the tables, and save all numbers as JSON."""
    arguments = parse()
    environment = arguments.environment
    if arguments.peers:
        peers.install(environment)
    entries = contestants(arguments.clock)
    if arguments.only:
        # What the others are held against is always there.
        entries = [entry for entry in entries if entry.name in {DEFAULT, *arguments.only}]

    sources = music.choose(arguments.sources or [music.default()], arguments.longest)
    described: list[Report] = []
    with tempfile.TemporaryDirectory(prefix="earmark-speed-") as temporary:
        paths: dict[str, list[str]] = {"mp3": [], "wav": []}
        for number, path in enumerate(sources):
            samples, rate = music.read(path)
            mp3, wav = (Path(temporary, f"{number}.{ending}") for ending in paths)
            music.write_mp3(mp3, samples, rate)
            soundfile.write(wav, samples, rate, subtype="PCM_16")
            paths["mp3"].append(str(mp3))
            paths["wav"].append(str(wav))
            seconds = len(samples) / rate
            described.append(
                {
                    "name": path.name,
                    "seconds": seconds,
                    "rate": rate,
                    "channels": samples.shape[1],
                    "kbps": mp3.stat().st_size * 8 / seconds / 1000,
                }
            )
        compete(entries, paths, arguments.rounds, environment)
    workers: Report = {}
    if arguments.tracks:
        workers = compete_with_workers(sources, arguments.tracks, min(arguments.rounds, 3))

    total = sum(file["seconds"] for file in described)
    reference = next(entry for entry in entries if entry.name == DEFAULT)
    if reference.error:
        raise SystemExit(f"{DEFAULT}: {reference.error}")
    taken = reference.seconds(arguments.clock)
    rows = [
        measured(entry, arguments.clock, total, taken)
        for entry in entries
        if entry.maker != "stages"
    ]
    own = peers.versions(Path(sys.executable), OURS)
    absent = peers.absent(environment)
    theirs = {}
    if len(absent) < len(peers.PACKAGES):
        theirs = peers.versions(peers.interpreter(environment), peers.PACKAGES)
    report = {
        "date": date.today().isoformat(),
        "machine": machine(),
        "versions": {
            "Earmark": earmark.__version__,
            "Python": platform.python_version(),
            **own,
            "libsndfile": soundfile.__libsndfile_version__,
            **theirs,
        },
        "clock": arguments.clock,
        "rounds": arguments.rounds,
        "files": described,
        "contestants": rows,
        "without_librosa": [
            entry.name
            for entry in registry.in_set(DEFAULT)
            if entry.name not in plain_librosa.available()
        ],
        "ratios": ratios(rows),
        "stages": {
            entry.name: stages(entry, total)
            for entry in entries
            if entry.maker == "stages" and not entry.error
        },
        "workers": workers,
    }
    show(report)
    with atomic(arguments.output) as out:
        out.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
