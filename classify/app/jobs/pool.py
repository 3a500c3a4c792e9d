"""A pool: the jobs of one kind that wait, and the workers that run them.

A thread for each worker slot takes the job whose turn it is, has the worker process run it, and
replaces a process that has ended.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from earmark.classify.app.jobs import serialize, worker
from earmark.classify.app.jobs.forecast import HANDING_OVER, START_LIMIT, Experience, starts
from earmark.classify.app.jobs.job import FairQueue, Job, State
from earmark.classify.app.jobs.process import WorkerProcess, exit_reason

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Pool", "PoolSettings", "Slot", "usual_pools"]

PLANNED = 0.2
"""Seconds that a plan of the starts is used for, where no job comes or goes."""

RETIRES_AFTER = 300
"""Jobs after which a worker is replaced, when nobody waits, so that no leak adds up."""

GROWN = 0.5
"""Share of its memory from which on a worker that has done its job is replaced: what it took for
one large file it would hold for ever."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class PoolSettings:
    """How the workers of a pool run.

    Parameters
    ----------
    workers : int
        How many there are.
    threads : int, optional
        Threads of the numerical libraries in each; None for as many as there are cores.
    eager : bool
        Whether they start at once, and not with the first job.
    nice : int
        By how much they give way to other processes.
    memory : int, optional
        Bytes that each may hold (on Linux); None for no limit.
    warm : callable, optional
        Function of a module, without arguments, that loads what every job needs.
    """

    workers: int = 1
    threads: int | None = 1
    eager: bool = False
    nice: int = 0
    memory: int | None = None
    warm: Callable[[], object] | None = None

    def start(self) -> WorkerProcess:
        """Start a worker."""
        return WorkerProcess(self.threads, self.nice, self.memory, self.warm)


def usual_pools(workers: int, warm: Callable[[], object] | None = None) -> dict[str, PoolSettings]:
    """Return the pools of the app: analyses, and one training at a time."""
    return {
        "analyse": PoolSettings(workers, eager=True, memory=4 * 2**30, warm=warm),
        # Four times what a training on 100,000 rows of 250 columns takes.
        "train": PoolSettings(threads=None, nice=10, memory=8 * 2**30),
    }


@dataclass
class Slot:
    """The place of one worker in its pool; the process in it is replaced where it ends.

    Parameters
    ----------
    process : WorkerProcess, optional
        None before it is started.
    starting : float, optional
        Since when the process is starting; None when it has started.
    job : Job, optional
        What it runs.
    """

    process: WorkerProcess | None = None
    starting: float | None = None
    job: Job | None = None

    @property
    def ready(self) -> bool:
        """Whether there is a worker that could take a job at once."""
        return self.process is not None and self.starting is None and not self.process.ended


class Pool:
    """Workers of one kind, and the jobs that wait for them.

    Parameters
    ----------
    settings : PoolSettings
        How the workers run.
    changed : Condition
        The lock of the whole queue, by which everybody is told of changes.
    """

    def __init__(self, settings: PoolSettings, changed: threading.Condition) -> None:
        self.settings = settings
        self.waiting = FairQueue()
        self.slots = [Slot() for _ in range(settings.workers)]
        self._changed = changed
        self._closed = False
        self._experience = Experience()
        self._plan: tuple[float, dict[Job, tuple[int, float]]] | None = None
        for slot in self.slots:
            threading.Thread(target=self._serve, args=(slot,), daemon=True).start()

    # --- What the queue asks for: the lock is held ---------------------------------------------

    def add(self, job: Job, first: bool = False) -> None:
        """Have a job wait for its turn."""
        self.waiting.add(job, first)
        self._announce()

    @property
    def jobs(self) -> list[Job]:
        """All that run or wait."""
        running = [slot.job for slot in self.slots if slot.job is not None]
        return [*running, *self.waiting]

    def close(self) -> None:
        """Cancel all jobs and take no more; `end` ends the workers then."""
        self._closed = True
        for job in self.jobs:
            self.stop(job, "cancelled", "was cancelled, for the app is closing")
        self._announce()

    def end(self) -> None:
        """End the workers of a pool that was closed; this needs no lock."""
        for slot in self.slots:
            if slot.process is not None:
                slot.process.end()

    # --- What jobs ask for ---------------------------------------------------------------------

    def wait_until(self, condition: Callable[[], bool], timeout: float | None) -> bool:
        """Wait until a condition holds, and return whether it does."""
        with self._changed:
            return self._changed.wait_for(condition, timeout)

    def stop(self, job: Job, state: State, message: str) -> None:
        """End a job before it ends itself."""
        with self._changed:
            if job.finished:
                return
            if job.state == "waiting":
                self.waiting.remove(job)
            elif state == "cancelled":
                self._abandon(job)
            elif job.end_worker is not None:
                job.end_worker()
            job.state, job.error, job.request = state, message, b""
            self._announce()

    def forecast(self, job: Job) -> tuple[int, float]:
        """Return how many jobs start before one, and in how many seconds it does at the latest."""
        with self._changed:
            if job.state != "waiting":
                return 0, 0.0
            now = time.monotonic()
            # With the running jobs alone it changes slowly, and many jobs may be asked at once.
            if self._plan is None or now - self._plan[0] > PLANNED:
                waiting = list(self.waiting)
                free = [self._free_at(slot, now) for slot in self.slots]
                times = starts(free, (self._experience.longest(one)[0] for one in waiting))
                self._plan = now, dict(zip(waiting, enumerate(times), strict=True))
            ahead, start = self._plan[1][job]
            return ahead, max(0.0, start - now) + HANDING_OVER

    def _announce(self) -> None:
        """Tell everybody who waits that something has changed. The lock is held."""
        self._plan = None
        self._changed.notify_all()

    def _abandon(self, job: Job) -> None:
        """End a running job whose result nobody wants. The lock is held."""
        left = job.began + self._experience.longest(job)[0] - time.monotonic()

        def end() -> None:
            with self._changed:
                if job.end_worker is not None:
                    job.end_worker()

        if left > self._experience.longest_start():
            end()
        else:
            # Those who wait are served sooner by this worker, when it is done, than by a new one.
            _timer(max(0.0, left), end)

    def _free_at(self, slot: Slot, now: float) -> float:
        """Return when a worker is free, at the latest."""
        start = 0.0 if slot.ready else self._experience.longest_start()
        if slot.job is not None:
            usual, limit = self._experience.longest(slot.job)
            began = slot.job.began + start
            # What takes longer than it should may take as long as it can.
            return began + usual if began + usual > now else max(now, began + limit)
        return max(now, (now if slot.starting is None else slot.starting) + start)

    # --- What the thread of each worker slot does ----------------------------------------------

    def _serve(self, slot: Slot) -> None:
        """Give jobs to a worker, and replace it where it ends."""
        if self.settings.eager:
            self._start(slot)
        while (job := self._take(slot)) is not None:
            if slot.process is not None and slot.process.ended:
                status = exit_reason(slot.process.close())
                if not self._closed:
                    log.warning("a worker ended while it was idle (%s)", status)
                slot.process = None
            problem = "" if slot.process is not None else self._start(slot)
            if slot.process is None:
                self._finish(slot, job, "failed", f"no worker could be started: {problem}")
                continue
            state, outcome = self._run(slot.process, job)
            self._finish(slot, job, state, outcome)
            # A result that nobody waits for must not be held until the next job comes.
            del job, outcome
            if slot.process is None and self.settings.eager:
                self._start(slot)
        if slot.process is not None:
            slot.process.close()

    def _take(self, slot: Slot) -> Job | None:
        """Wait for the next job; None where the pool was closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or len(self.waiting))
            if self._closed:
                return None
            job = self.waiting.take()
            slot.job, job.began, job.state = job, time.monotonic(), "running"
            self._announce()
            return job

    def _start(self, slot: Slot) -> str:
        """Start a worker and return what went wrong, if anything."""
        began = time.monotonic()
        with self._changed:
            if self._closed:
                return "the app is closing"
            try:
                process = slot.process = self.settings.start()
            except OSError as error:
                return str(error.strerror or error)
            slot.starting = began
            self._announce()
        timer = _timer(START_LIMIT, process.end)
        problem = ""
        try:
            kind, _ = process.receive()
            if kind != worker.READY:
                raise EOFError
        except EOFError:
            problem = f"it ended while it started ({exit_reason(process.close())}); see the log"
            if not self._closed:
                log.error("a worker could not be started: %s", problem)
        timer.cancel()
        with self._changed:
            slot.starting = None
            if problem:
                slot.process = None
            else:
                self._experience.add_start(time.monotonic() - began)
            self._announce()
        return problem

    def _run(self, process: WorkerProcess, job: Job) -> tuple[State, Any]:
        """Let a worker do a job and return its state, and its result or what went wrong."""
        with self._changed:
            if job.finished:
                return job.state, job.error
            job.began = time.monotonic()
            job.end_worker = process.end
        message = f"took longer than {job.timeout:g} s, which is the limit here, and was stopped"
        timer = _timer(job.timeout, self.stop, job, "failed", message)
        process.send(job.request)
        job.request = b""
        try:
            return _outcome(process, job)
        except EOFError:
            status = exit_reason(process.close())
            if not job.finished:
                log.warning("%s ended its worker (%s)", job.name, status)
            return "failed", (
                f"ended the process that worked on it ({status}); the file may be damaged, or too "
                "big for the memory there is"
            )
        except Exception as error:
            # A worker that does not answer as it should is not asked again.
            process.end()
            return "failed", str(error)
        finally:
            timer.cancel()

    def _finish(self, slot: Slot, job: Job, state: State, outcome: Any) -> None:
        """Note what became of a job, and part with a worker that has ended or done enough."""
        with self._changed:
            # Whoever stops a job does it under the lock: from here on, nobody ends the worker.
            slot.job, job.end_worker = None, None
            old = slot.process
            if old is not None and (
                old.ended
                or (old.jobs >= RETIRES_AFTER and not len(self.waiting))
                or (self.settings.memory and old.resident > self.settings.memory * GROWN)
            ):
                slot.process = None
            # A job that was stopped stays so, though an answer was on its way.
            if not job.finished:
                job.state = state
                if state == "done":
                    self._experience.add_job(job, time.monotonic() - job.began)
                    job.value = outcome
                    job.progress = 1.0, job.progress[1]
                else:
                    job.error = outcome
            self._announce()
        if old is not None and slot.process is None:
            old.close()


def _outcome(process: WorkerProcess, job: Job) -> tuple[State, Any]:
    """Read what a worker says until its job has ended."""
    while True:
        kind, data = process.receive()
        if kind == worker.PROGRESS:
            job.progress = _progress(data)
        elif kind == worker.DONE:
            return "done", serialize.unpack(data)
        elif kind == worker.FAILED:
            message, trace = json.loads(data)
            # Nobody asks why a job failed that was cancelled: its files may have been removed.
            if trace and not job.finished:
                log.error("%s: %s", job.name, trace)
            return "failed", str(message)
        else:
            raise EOFError


def _progress(data: bytes) -> tuple[float, str]:
    fraction, text = json.loads(data)
    # In this order, NaN becomes 0.
    return min(max(0.0, float(fraction)), 1.0), str(text)[:200]


def _timer(seconds: float, function: Callable[..., object], *arguments: object) -> threading.Timer:
    """Call a function later, unless the process ends or the timer is cancelled."""
    timer = threading.Timer(seconds, function, arguments)
    timer.daemon = True
    timer.start()
    return timer
