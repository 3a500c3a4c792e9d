"""How fast the extraction is: times real time on one core, against decoding alone.

    python benchmarks/speed.py FILE... [-n 5] [-o speed.json]

Each file is read several times; the best time counts, since noise only ever adds. The process pins
itself to one core where the system allows it. Ratios hold between machines, seconds do not.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable
from pathlib import Path

from extract import decode, run
from extract.config import DEFAULTS
from extract.files import Track
from extract.tables import atomic


def best(action: Callable[[], object], repeats: int) -> float:
    """Return the shortest of some runs in seconds, after one that warms the caches."""
    action()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        action()
        times.append(time.perf_counter() - start)
    return min(times)


def decoded(path: Path) -> float:
    """Decode a file and return its duration in seconds."""
    with decode.open_audio(path) as audio:
        return sum(len(block) for block in audio.blocks) / audio.sample_rate


def measure(path: Path, repeats: int) -> dict[str, float | str]:
    """Time the decoding of a file and its whole analysis, per track and per window."""
    seconds = decoded(path)
    numbers: dict[str, float | str] = {"file": path.name, "seconds": seconds}
    decoding = best(lambda: decoded(path), repeats)
    numbers["decode"] = seconds / decoding
    for name, windows in (("default", None), ("default, windows of 6 s", 6.0)):
        job = run.Job("default", DEFAULTS, windows)
        taken = best(lambda job=job: run.analyse(Track(path.name, path), job), repeats)
        numbers[name] = seconds / taken
        numbers[f"{name} ÷ decode"] = taken / decoding
    return numbers


def main() -> None:
    """Measure the files, print a table and save it as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("-n", "--repeats", type=int, default=5)
    parser.add_argument("-o", "--output", type=Path, default=Path("speed.json"))
    arguments = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    rows = [measure(path, arguments.repeats) for path in arguments.files]
    print("times real time on one core, and analysis ÷ decoding alone")
    for row in rows:
        print(f"{row['file']} ({row['seconds']:.0f} s)")
        for name, value in row.items():
            if name not in ("file", "seconds"):
                print(f"  {name:<34} {value:8.2f}")
    with atomic(arguments.output) as temporary:
        temporary.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
