"""When jobs will start, and how long they take: upper estimates from the latest of their kind."""

from __future__ import annotations

import heapq
import math
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from earmark.classify.app.jobs.job import Job

__all__ = ["HANDING_OVER", "START_LIMIT", "Experience", "starts"]

START_LIMIT = 300.0
"""Seconds a worker may take to start; the first one ever on a machine compiles the kernels."""

MARGIN = 1.5
"""By how much the longest of the latest jobs is multiplied to estimate how long one takes."""

HANDING_OVER = 0.5
"""Seconds that a busy machine may need to wake a thread and start a job in a free worker."""

REMEMBERED = 32
"""Jobs of each function, with their limits and durations, that estimates look back on."""


def starts(free: Sequence[float], durations: Iterable[float]) -> list[float]:
    """Return when each of some jobs starts, which take free workers in their order.

    Where workers are free earlier, and jobs take less long, none starts later: of upper estimates
    it makes upper estimates.

    Parameters
    ----------
    free : sequence of float
        When each worker is free.
    durations : iterable of float
        How long each job takes, in the order in which they start.
    """
    heap = list(free)
    heapq.heapify(heap)
    times = []
    for duration in durations:
        times.append(heap[0])
        heapq.heapreplace(heap, heap[0] + duration)
    return times


class Experience:
    """How long the latest jobs of each function took, and the latest starts of workers."""

    def __init__(self) -> None:
        self._starts: deque[float] = deque(maxlen=REMEMBERED)
        self._jobs: dict[str, deque[tuple[float, float]]] = {}

    def add_start(self, seconds: float) -> None:
        """Note how long a worker took to start."""
        self._starts.append(seconds)

    def add_job(self, job: Job, seconds: float) -> None:
        """Note how long a job took."""
        measured = self._jobs.setdefault(job.name, deque(maxlen=REMEMBERED))
        measured.append((job.timeout, seconds))

    def longest(self, job: Job) -> tuple[float, float]:
        """Return how long a job takes, judged by the latest of its function, and at the most."""
        # A job that is stopped takes its worker with it.
        limit = job.timeout + self.longest_start()
        measured = self._jobs.get(job.name)
        if not measured:
            return limit, limit
        timeouts, durations = zip(*measured, strict=True)
        # A file is given more time the larger it is: of one that is larger than all of these, no
        # more is known than that it takes no longer for the rest than it is given.
        rest = max(0.0, job.timeout - max(timeouts))
        return min(limit, MARGIN * max(durations) + rest + HANDING_OVER), limit

    def longest_start(self) -> float:
        """Return how long a worker takes to start."""
        times = self._starts
        return min(START_LIMIT, MARGIN * max(times) if times else math.inf)
