"""A job, and the fair order in which jobs wait."""

from __future__ import annotations

import itertools
from collections import deque
from typing import TYPE_CHECKING, Any, Literal, Protocol

from earmark.classify.app.errors import JobError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["FairQueue", "Job", "State"]

State = Literal["waiting", "running", "done", "failed", "cancelled"]


class Scheduler(Protocol):
    """What a job asks the pool that runs it."""

    def wait_until(self, condition: Callable[[], bool], timeout: float | None) -> bool:
        """Wait until a condition holds, and return whether it does."""

    def forecast(self, job: Job) -> tuple[int, float]:
        """Return how many jobs start before one, and in how many seconds it does at the latest."""

    def stop(self, job: Job, state: State, message: str) -> None:
        """End a job before it ends itself."""


class Job:
    """What `JobQueue.submit` returns: how far a job is, and its result.

    Parameters
    ----------
    pool : Scheduler
        The pool of workers that runs it.
    owner : str
        For whom it is done.
    name : str
        The function, as ``module:function``.
    request : bytes
        What the worker gets.
    timeout : float
        Seconds that it may run.

    Attributes
    ----------
    state : {"waiting", "running", "done", "failed", "cancelled"}
    error : str
        Why it has no result.
    progress : (float, str)
        The share that is done, between 0 and 1, and what is being done.
    """

    def __init__(
        self, pool: Scheduler, owner: str, name: str, request: bytes, timeout: float
    ) -> None:
        self.owner, self.name, self.timeout = owner, name, timeout
        self.state: State = "waiting"
        self.error = ""
        self.progress: tuple[float, str] = (0.0, "")
        # What follows is the pool's; it is changed under its lock.
        self.request = request
        self.value: Any = None
        self.began = 0.0
        self.end_worker: Callable[[], object] | None = None
        self._pool = pool

    def __repr__(self) -> str:
        return f"<{self.name} for {self.owner}: {self.state}>"

    @property
    def finished(self) -> bool:
        """Whether it is done, failed or cancelled."""
        return self.state not in ("waiting", "running")

    @property
    def ahead(self) -> int:
        """How many of the jobs that wait now start before it."""
        return self._pool.forecast(self)[0]

    @property
    def wait(self) -> float:
        """Seconds until it starts, at the longest.

        For the first job that an owner has waiting it holds whatever others submit later; the
        start of the rest moves back where new owners come, who have their turns too.
        """
        return self._pool.forecast(self)[1]

    def result(self, timeout: float | None = None) -> Any:
        """Wait until the job is done and return its result.

        Parameters
        ----------
        timeout : float, optional
            Seconds to wait for it; None to wait for as long as it takes.

        Raises
        ------
        JobError
            It failed, ran out of time or was cancelled.
        TimeoutError
            It has not finished by then.
        """
        if not self._pool.wait_until(lambda: self.finished, timeout):
            raise TimeoutError(f"{self.name} is {self.state}")
        if self.state != "done":
            raise JobError(self.error)
        return self.value

    def cancel(self) -> None:
        """Wait or run no longer; a job that has finished stays as it is."""
        self._pool.stop(self, "cancelled", "was cancelled")


class FairQueue:
    """Waiting jobs, whose owners take turns.

    A new owner goes to the end, and so does one whose job was taken. So the first job of anybody
    waits for one job of each other owner at most, however many they have, and nobody who comes
    later goes before it.
    """

    def __init__(self) -> None:
        self._jobs: dict[str, deque[Job]] = {}

    def __len__(self) -> int:
        return sum(map(len, self._jobs.values()))

    def __iter__(self) -> Iterator[Job]:
        """Go through the jobs in the order in which they start."""
        rounds = itertools.zip_longest(*self._jobs.values())
        return (job for turn in rounds for job in turn if job is not None)

    def count(self, owner: str) -> int:
        """Return how many jobs of an owner are waiting."""
        return len(self._jobs.get(owner, ()))

    def add(self, job: Job, first: bool = False) -> None:
        """Put a job behind its owner's others, or before them."""
        jobs = self._jobs.setdefault(job.owner, deque())
        if first:
            jobs.appendleft(job)
        else:
            jobs.append(job)

    def take(self) -> Job:
        """Take out the job whose turn it is; its owner goes to the end."""
        owner = next(iter(self._jobs))
        jobs = self._jobs.pop(owner)
        job = jobs.popleft()
        if jobs:
            self._jobs[owner] = jobs
        return job

    def remove(self, job: Job) -> None:
        """Take out a job that is no longer wanted."""
        jobs = self._jobs[job.owner]
        jobs.remove(job)
        if not jobs:
            del self._jobs[job.owner]
