"""The process of one contestant: it pins itself to a core, warms up, and runs once per round.

`speed.py` starts it in the contestant's own environment, so this needs the standard library alone.
Its only argument is a JSON object; each line on stdin asks for a round and gets a line of JSON on
stdout. The start of Python and the imports therefore never count, and contestants take turns.
"""

from __future__ import annotations

import importlib
import json
import os
import re
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from collections.abc import Callable


def peak_mib() -> float:
    """Return the most memory that this process has held, in MiB.

    Linux's `ru_maxrss` begins at that of the process which started this one; `VmHWM` does not.
    """
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
        return int(re.findall(r"VmHWM:\s*(\d+)", status)[0]) / 1024
    except (OSError, IndexError):
        import resource

        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak / (2**20 if sys.platform == "darwin" else 2**10)


def timed(action: Callable[[str], Any], path: str) -> tuple[float, float, Any]:
    """Run the action on a file and return its wall and processor time, and what it gave."""
    wall, cpu = time.perf_counter(), time.process_time()
    result = action(path)
    return time.perf_counter() - wall, time.process_time() - cpu, result


def serve(order: dict[str, Any], answers: TextIO) -> None:
    """Prepare the contestant, then time it on all the files for every line on stdin."""

    def answer(**values: object) -> None:
        print(json.dumps(values), file=answers, flush=True)

    try:
        module = importlib.import_module(order["module"])
        action = getattr(module, order["maker"])(*order["arguments"])
        if order["alone"]:
            action(order["files"][0])
        answer(ready=True)
        for _ in sys.stdin:
            wall, cpu, results = zip(*(timed(action, path) for path in order["files"]), strict=True)
            answer(wall=wall, cpu=cpu, results=results, peak_mib=peak_mib())
    except Exception as error:
        # Contestants are other people's programs: whatever ends one must not end the others.
        answer(error=f"{type(error).__name__}: {error}")


if __name__ == "__main__":
    ordered = json.loads(sys.argv[1])
    # Before anything is imported that might count the cores and start a thread on each.
    if ordered["alone"] and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    # What contestants print must not get among the answers.
    kept = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    serve(ordered, kept)
