"""One run over a folder, in the process that `scale.py` starts and watches.

It imports what the command line does, and no more.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import signal
import sys
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from earmark.extract.audio import sources as files
from earmark.extract.batch import run
from earmark.extract.batch.cluster import Cluster
from earmark.extract.batch.executors import Executor, Processes
from earmark.extract.batch.track import Analysis, Job, Outcome, analyse, warm

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from earmark.extract.audio.sources import Track

EXTRACTION = run.Extraction("default")


@dataclass
class Timed:
    """An executor that notes when each outcome comes, and ends everything after some.

    Parameters
    ----------
    executor : Executor
        Who does the work.
    stop : int
        After so many the process ends as by a power cut; 0 for never.
    times : list of float
        When outcomes came.
    """

    executor: Executor
    stop: int = 0
    times: list[float] = field(default_factory=list)

    def run(self, tracks: Sequence[Track], job: Job) -> Generator[tuple[int, Outcome], None, None]:
        """Work on tracks."""
        with contextlib.closing(self.executor.run(tracks, job)) as outcomes:
            for found in outcomes:
                # Finding out what is new looks at files, too.
                if isinstance(job, Analysis):
                    self.times.append(time.monotonic())
                    if len(self.times) == self.stop:
                        os.kill(os.getpid(), signal.SIGKILL)
                yield found


def analysed(kind: str, workers: int, folder: Path, output: Path, stop: int) -> dict[str, Any]:
    """Analyse a folder, and return when outcomes came, and how many of which kind there were."""
    if kind == "bare":
        warm(EXTRACTION)
        # As a worker does.
        gc.collect()
        gc.freeze()
        times = []
        for track in files.find([folder])[0]:
            analyse(track, EXTRACTION)
            times.append(time.monotonic())
        return {"times": times}
    executor: Executor = Processes(workers) if kind == "processes" else Cluster("local", workers)
    timed = Timed(executor, stop)
    result = run.extract([folder], EXTRACTION, output=output, executor=timed)
    return {"times": timed.times, "counts": asdict(result.counts)}


if __name__ == "__main__":
    kind, workers, folder, output, stop = sys.argv[1:]
    print(json.dumps(analysed(kind, int(workers), Path(folder), Path(output), int(stop))))
