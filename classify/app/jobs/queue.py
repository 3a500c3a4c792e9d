"""The line in which the work of the app waits: fair, with time limits, in processes of its own.

Decoding other people's files can hang, crash, or take all the memory there is; none of that may
reach the server. So every job runs in a worker process (`earmark.classify.app.jobs.worker`), one
at a time, and
whatever goes wrong there ends that job and that process alone: another one takes its place.

Owners take turns: the line of each kind of work is a ring of those who have something in it, and
whoever comes goes to its end. So the first job of anybody waits for one job of each other owner at
most, however many they have, and nobody who comes later can go before it.

A library for this (pebble) was looked at. It ends jobs as well, but all of its workers share one
pipe and a lock, so that one of them can hold up or forge what the others say; what they say is
unpickled in the server; and it knows neither turns nor progress.
"""

from __future__ import annotations

import atexit
import contextlib
import heapq
import itertools
import json
import logging
import math
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Literal, cast

import earmark
from earmark.classify.app.jobs import serialize, worker
from earmark.extract.errors import BusyError, JobError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

__all__ = ["FairQueue", "Job", "JobQueue", "PoolSettings", "State", "starts"]

State = Literal["waiting", "running", "done", "failed", "cancelled"]

START_LIMIT = 300.0
"""Seconds a worker may take to start; the first one ever on a machine compiles the kernels."""

MARGIN = 1.5
"""How much longer than the longest of late a job may take before its estimate was wrong."""

HANDING_OVER = 0.5
"""Seconds that a busy machine may need to wake a thread and start a job in a free worker."""

REMEMBERED = 32
"""Jobs of each function, with their limits and durations, that estimates look back on."""

RETIRES_AFTER = 300
"""Jobs after which a worker is replaced, when nobody waits, so that no leak adds up."""

THREADS = ("OMP", "OPENBLAS", "MKL", "NUMBA", "VECLIB", "NUMEXPR")

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class PoolSettings:
    """A kind of work, which has workers of its own.

    Parameters
    ----------
    workers : int
        How many.
    threads : int, optional
        Threads of the numerical libraries in each; None for as many as there are cores.
    eager : bool
        Whether they start with the line, and not with the first job.
    nice : int
        By how much they give way to others.
    memory : int, optional
        Bytes that each may hold (on Linux); None for as many as there are.
    warm : callable, optional
        Function without arguments that loads what every job needs.
    """

    workers: int = 1
    threads: int | None = 1
    eager: bool = False
    nice: int = 0
    memory: int | None = None
    warm: Callable[[], object] | None = None


def usual(workers: int, warm: Callable[[], object] | None = None) -> dict[str, PoolSettings]:
    """Return the kinds of work of the app: analyses, and one training at a time."""
    return {
        "listen": PoolSettings(workers, eager=True, memory=4 * 2**30, warm=warm),
        # Four times what a training on 100,000 rows of 250 columns takes.
        "train": PoolSettings(threads=None, nice=10, memory=8 * 2**30),
    }


class Job:
    """What whoever submits a job gets for it; `JobQueue.submit` makes it.

    Parameters
    ----------
    line : JobQueue
        Where it was submitted.
    kind, owner, name : str
        Of the work, whose it is, and ``module:function``.
    order : bytes
        What the worker gets.
    timeout : float
        Seconds that it may run.
    """

    def __init__(
        self, queue: JobQueue, kind: str, owner: str, name: str, order: bytes, timeout: float
    ) -> None:
        self.kind, self.owner, self.name, self.timeout = kind, owner, name, timeout
        self.state: State = "waiting"
        self.error = ""
        self.progress: tuple[float, str] = (0.0, "")
        self._line = queue
        self._order = order
        self._result: Any = None
        self._began = 0.0
        self._end: Callable[[], object] | None = None

    def __repr__(self) -> str:
        return f"<{self.name} for {self.owner}: {self.state}>"

    @property
    def finished(self) -> bool:
        """Whether it is done, failed or cancelled."""
        return self.state not in ("waiting", "running")

    @property
    def ahead(self) -> int:
        """How many jobs start before it, of those that are there."""
        return self._line._forecast(self)[0]

    @property
    def wait(self) -> float:
        """Seconds until it starts, at the longest.

        For the first job that an owner has waiting it holds whatever others submit later; the
        start of the rest moves back where new owners come, who have their turns too.
        """
        return self._line._forecast(self)[1]

    def result(self, timeout: float | None = None) -> Any:
        """Return what the job gave, once it has.

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
        if not self._line._wait_for(lambda: self.finished, timeout):
            raise TimeoutError(f"{self.name} is {self.state}")
        if self.state != "done":
            raise JobError(self.error)
        return self._result

    def cancel(self) -> None:
        """Leave the line, or stop running; what has finished stays as it is."""
        self._line._stop(self, "cancelled", "was cancelled")


class FairQueue:
    """Owners with the jobs that they wait for, in the order of their turns."""

    def __init__(self) -> None:
        self._queues: dict[str, deque[Job]] = {}

    def __len__(self) -> int:
        return sum(map(len, self._queues.values()))

    def __iter__(self) -> Iterator[Job]:
        """Go through the jobs in the order in which they start."""
        turns = itertools.zip_longest(*self._queues.values())
        return (job for turn in turns for job in turn if job is not None)

    def of(self, owner: str) -> int:
        """Return how many jobs an owner has in it."""
        return len(self._queues.get(owner, ()))

    def add(self, job: Job, first: bool = False) -> None:
        """Put a job behind the owner's others, or before them; a new owner behind all others."""
        queue = self._queues.setdefault(job.owner, deque())
        if first:
            queue.appendleft(job)
        else:
            queue.append(job)

    def take(self) -> Job:
        """Take out the job whose turn it is; its owner goes to the end."""
        owner = next(iter(self._queues))
        queue = self._queues.pop(owner)
        job = queue.popleft()
        if queue:
            self._queues[owner] = queue
        return job

    def remove(self, job: Job) -> None:
        """Take out a job that does not want its turn any longer."""
        queue = self._queues[job.owner]
        queue.remove(job)
        if not queue:
            del self._queues[job.owner]


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


class _Process:
    """A worker process as its parent sees it."""

    def __init__(self, kind: PoolSettings) -> None:
        limited = {} if kind.threads is None else dict.fromkeys(THREADS, kind.threads)
        root = str(Path(earmark.__file__).parents[1])
        paths = os.environ.get("PYTHONPATH")
        how = {
            "nice": kind.nice,
            "memory": kind.memory,
            "warm": _name(kind.warm) if kind.warm else None,
        }
        self._lock = threading.Lock()
        self.jobs = 0
        self._ended = False
        self._process = subprocess.Popen(
            [
                *(
                    sys.executable,
                    "-c",
                    "from earmark.classify.app.jobs.worker import main; main()",
                ),
                json.dumps(how),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={
                **os.environ,
                **{f"{name}_NUM_THREADS": str(count) for name, count in limited.items()},
                "PYTHONPATH": root if not paths else root + os.pathsep + paths,
            },
            # Ctrl-C is the server's affair; and what a job starts can be ended with it.
            start_new_session=True,
        )

    def send(self, order: bytes) -> None:
        with contextlib.suppress(OSError):
            # Where it has ended already, there is no answer either.
            worker.write_frame(cast("BinaryIO", self._process.stdin), b"J", order)

    def receive(self) -> tuple[bytes, bytes]:
        return worker.read_frame(cast("BinaryIO", self._process.stdout))

    @property
    def ended(self) -> bool:
        """Whether it was ended, or has ended by itself; what it has started ends with it."""
        if self._process.poll() is not None:
            self.end()
        return self._ended

    def end(self) -> None:
        """End the process and all that it has started."""
        with self._lock:
            if not self._ended:
                self._ended = True
                # Until somebody waits for it, which was just now if at all, no other process gets
                # its number.
                with contextlib.suppress(OSError):
                    if hasattr(os, "killpg"):
                        os.killpg(self._process.pid, signal.SIGKILL)
                    else:
                        self._process.kill()

    def close(self) -> int:
        """End it, once nobody reads from it any longer, and return its status."""
        self.end()
        for stream in (self._process.stdin, self._process.stdout):
            with contextlib.suppress(OSError):
                cast("BinaryIO", stream).close()
        return self._process.wait()


@dataclass
class _Slot:
    """Where one worker works: its process may change."""

    process: _Process | None = None
    starting: float | None = None
    job: Job | None = None

    @property
    def ready(self) -> bool:
        """Whether there is a worker that could take a job at once."""
        return self.process is not None and self.starting is None and not self.process.ended


@dataclass
class _Pool:
    """What there is for one kind of work."""

    kind: PoolSettings
    waiting: FairQueue = field(default_factory=FairQueue)
    slots: list[_Slot] = field(default_factory=list)
    start_times: deque[float] = field(default_factory=lambda: deque(maxlen=REMEMBERED))


class JobQueue:
    """The line of the whole server.

    Parameters
    ----------
    workers : int
        Processes for analyses.
    warm : callable, optional
        Function of a module, without arguments, that loads what every analysis needs.
    kinds : mapping of str to PoolSettings, optional
        The kinds of work, where they are not the `usual` ones.
    per_owner, in_all : int
        How many jobs of one owner, and of all, may wait.
    """

    def __init__(
        self,
        workers: int = 1,
        *,
        warm: Callable[[], object] | None = None,
        kinds: Mapping[str, PoolSettings] | None = None,
        per_owner: int = 1000,
        in_all: int = 5000,
    ) -> None:
        self._per_owner, self._in_all = per_owner, in_all
        self._changed = threading.Condition()
        self._closed = False
        self._durations: dict[str, deque[tuple[float, float]]] = {}
        self._plan: tuple[float, dict[Job, tuple[int, float]]] | None = None
        self._pools = {name: _Pool(kind) for name, kind in (kinds or usual(workers, warm)).items()}
        atexit.register(self.close)
        for pool in self._pools.values():
            for _ in range(pool.kind.workers):
                slot = _Slot()
                pool.slots.append(slot)
                threading.Thread(target=self._serve, args=(pool, slot), daemon=True).start()

    def submit(
        self,
        owner: str,
        function: Callable[..., Any],
        *arguments: Any,
        timeout: float,
        kind: str = "listen",
        first: bool = False,
        **keywords: Any,
    ) -> Job:
        """Put a job in the line.

        Parameters
        ----------
        owner : str
            Who takes turns with others, such as a session.
        function : callable
            A function of a module. Where it has a parameter ``report``, it gets a function that
            it may call with a share of one and a text, to say how far it is. What it returns must
            be plain (`earmark.classify.app.jobs.serialize`).
        *arguments, **keywords
            For the function.
        timeout : float
            Seconds that it may run before it is stopped.
        kind : str
            Of the work.
        first : bool
            Whether it goes before the others that its owner has waiting; those of other owners
            have their turns all the same.

        Raises
        ------
        BusyError
            The owner, or all together, have as much waiting as may be.
        """
        name = _name(function)
        order = pickle.dumps((name, arguments, keywords))
        pool = self._pools[kind]
        job = Job(self, kind, owner, name, order, timeout)
        with self._changed:
            if self._closed:
                raise BusyError("the app is closing; start it again")
            if pool.waiting.of(owner) >= self._per_owner:
                raise BusyError(
                    f"{self._per_owner} jobs of yours are waiting, and more are not taken; wait "
                    "until some are done, or cancel them"
                )
            if sum(len(pool.waiting) for pool in self._pools.values()) >= self._in_all:
                raise BusyError(
                    f"{self._in_all} jobs are waiting, and more are not taken; try again in a few "
                    "minutes"
                )
            pool.waiting.add(job, first)
            self._touch()
        return job

    def leave(self, owner: str) -> None:
        """Cancel all that an owner has waiting or running."""
        with self._changed:
            for job in self._waiting_jobs():
                if job.owner == owner:
                    job.cancel()

    def close(self) -> None:
        """Cancel everything and end the workers."""
        with self._changed:
            self._closed = True
            slots = [slot for pool in self._pools.values() for slot in pool.slots]
            for job in self._waiting_jobs():
                self._stop(job, "cancelled", "was cancelled, for the app is closing")
            self._touch()
        for slot in slots:
            if slot.process is not None:
                slot.process.end()
        atexit.unregister(self.close)

    @property
    def ready(self) -> bool:
        """Whether every worker that starts with the line could take a job at once."""
        with self._changed:
            return all(
                slot.ready
                for pool in self._pools.values()
                if pool.kind.eager
                for slot in pool.slots
            )

    def _waiting_jobs(self) -> list[Job]:
        """Return all that wait or run. The lock is held."""
        pools = self._pools.values()
        running = [slot.job for pool in pools for slot in pool.slots if slot.job is not None]
        return [*running, *(job for pool in pools for job in pool.waiting)]

    # --- What tickets ask for ------------------------------------------------------------------

    def _wait_for(self, condition: Callable[[], bool], timeout: float | None) -> bool:
        with self._changed:
            return self._changed.wait_for(condition, timeout)

    def _touch(self) -> None:
        """Tell everybody that something has changed. The lock is held."""
        self._plan = None
        self._changed.notify_all()

    def _stop(self, job: Job, state: State, message: str) -> None:
        """End a job before it ends itself."""
        with self._changed:
            if job.finished:
                return
            if job.state == "waiting":
                self._pools[job.kind].waiting.remove(job)
            elif state == "cancelled":
                self._let_go(job)
            elif job._end is not None:
                job._end()
            job.state, job.error, job._order = state, message, b""
            self._touch()

    def _let_go(self, job: Job) -> None:
        """End a running job whose result nobody wants. The lock is held."""
        pool = self._pools[job.kind]
        left = job._began + self._longest(pool, job)[0] - time.monotonic()

        def end() -> None:
            with self._changed:
                if job._end is not None:
                    job._end()

        if left > self._longest_start(pool):
            end()
        else:
            # Those who wait are served sooner by this worker, when it is done, than by a new one.
            timer = threading.Timer(max(0.0, left), end)
            timer.daemon = True
            timer.start()

    def _forecast(self, job: Job) -> tuple[int, float]:
        """Return how many jobs start before one, and in how many seconds it does at the latest."""
        with self._changed:
            if job.state != "waiting":
                return 0, 0.0
            now = time.monotonic()
            # With the running jobs alone it changes slowly: many tickets may ask at once.
            if self._plan is None or now - self._plan[0] > 0.2:
                plan: dict[Job, tuple[int, float]] = {}
                for pool in self._pools.values():
                    waiting = list(pool.waiting)
                    free = [self._free(pool, slot, now) for slot in pool.slots]
                    times = starts(free, (self._longest(pool, one)[0] for one in waiting))
                    plan |= zip(waiting, enumerate(times), strict=True)
                self._plan = now, plan
            ahead, start = self._plan[1][job]
            return ahead, max(0.0, start - now) + HANDING_OVER

    def _free(self, pool: _Pool, slot: _Slot, now: float) -> float:
        """Return when a worker is free, at the latest."""
        start = 0.0 if slot.ready else self._longest_start(pool)
        if slot.job is not None:
            usual, limit = self._longest(pool, slot.job)
            began = slot.job._began + start
            # What takes longer than it should may take as long as it can.
            return began + usual if began + usual > now else max(now, began + limit)
        return max(now, (now if slot.starting is None else slot.starting) + start)

    def _longest(self, pool: _Pool, job: Job) -> tuple[float, float]:
        """Return how long a job takes, by those of late, and at the most."""
        # What is stopped takes its worker with it.
        limit = job.timeout + self._longest_start(pool)
        known = self._durations.get(job.name)
        if not known:
            return limit, limit
        timeouts, durations = zip(*known, strict=True)
        # A file is given more time the larger it is: of one that is larger than all of these, no
        # more is known than that it takes no longer for the rest than it is given.
        rest = max(0.0, job.timeout - max(timeouts))
        return min(limit, MARGIN * max(durations) + rest + HANDING_OVER), limit

    def _longest_start(self, pool: _Pool) -> float:
        known = pool.start_times
        return min(START_LIMIT, MARGIN * max(known) if known else math.inf)

    # --- What the thread of each worker does ---------------------------------------------------

    def _serve(self, pool: _Pool, slot: _Slot) -> None:
        """Give jobs to a worker, and replace it where it ends."""
        if pool.kind.eager:
            self._start(pool, slot)
        while (job := self._take(pool, slot)) is not None:
            if slot.process is not None and slot.process.ended:
                status = _status(slot.process.close())
                if not self._closed:
                    log.warning("a worker ended while it was idle (%s)", status)
                slot.process = None
            problem = "" if slot.process is not None else self._start(pool, slot)
            if slot.process is None:
                self._finish(pool, slot, job, "failed", f"no worker could be started: {problem}")
                continue
            state, outcome = self._run(slot.process, job)
            self._finish(pool, slot, job, state, outcome)
            del job, outcome
            if slot.process is None and pool.kind.eager:
                self._start(pool, slot)
        if slot.process is not None:
            slot.process.close()

    def _take(self, pool: _Pool, slot: _Slot) -> Job | None:
        """Wait for the next job; None where the line was closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or len(pool.waiting))
            if self._closed:
                return None
            job = pool.waiting.take()
            slot.job, job._began, job.state = job, time.monotonic(), "running"
            self._touch()
            return job

    def _start(self, pool: _Pool, slot: _Slot) -> str:
        """Start a worker and return what went wrong, if anything."""
        began = time.monotonic()
        with self._changed:
            if self._closed:
                return "the app is closing"
            try:
                process = slot.process = _Process(pool.kind)
            except OSError as error:
                return str(error.strerror or error)
            slot.starting = began
            self._touch()
        timer = threading.Timer(START_LIMIT, process.end)
        timer.daemon = True
        timer.start()
        problem = ""
        try:
            kind, _ = process.receive()
            if kind != worker.READY:
                raise EOFError
        except EOFError:
            problem = f"it ended while it started ({_status(process.close())}); see the log"
            if not self._closed:
                log.error("a worker could not be started: %s", problem)
        timer.cancel()
        with self._changed:
            slot.starting = None
            if problem:
                slot.process = None
            else:
                pool.start_times.append(time.monotonic() - began)
            self._touch()
        return problem

    def _run(self, process: _Process, job: Job) -> tuple[State, Any]:
        """Let a worker do a job and return its state, and its result or what went wrong."""
        limit = f"took longer than {job.timeout:g} s, which is the limit here, and was stopped"
        timer = threading.Timer(job.timeout, self._stop, (job, "failed", limit))
        timer.daemon = True
        with self._changed:
            if job.finished:
                return job.state, job.error
            job._began = time.monotonic()
            job._end = process.end
        timer.start()
        process.jobs += 1
        process.send(job._order)
        job._order = b""
        try:
            while True:
                kind, data = process.receive()
                if kind == worker.PROGRESS:
                    job.progress = _progress(data)
                elif kind == worker.DONE:
                    return "done", serialize.unpack(data)
                elif kind == worker.FAILED:
                    message, trace = json.loads(data)
                    # Whoever has gone took along what the job was about.
                    if trace and not job.finished:
                        log.error("%s: %s", job.name, trace)
                    return "failed", str(message)
                else:
                    raise EOFError
        except EOFError:
            status = _status(process.close())
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

    def _finish(self, pool: _Pool, slot: _Slot, job: Job, state: State, outcome: Any) -> None:
        """Note what became of a job, and part with a worker that has ended or done enough."""
        with self._changed:
            # Whoever stops a job does it under the lock: from here on, nobody ends the worker.
            slot.job, job._end = None, None
            old = slot.process
            if old is not None and (
                old.ended or (old.jobs >= RETIRES_AFTER and not len(pool.waiting))
            ):
                slot.process = None
            # Who has stopped it is not told of an answer that was on its way by then.
            if not job.finished:
                job.state = state
                if state == "done":
                    known = self._durations.setdefault(job.name, deque(maxlen=REMEMBERED))
                    known.append((job.timeout, time.monotonic() - job._began))
                    job._result = outcome
                    job.progress = 1.0, job.progress[1]
                else:
                    job.error = outcome
            self._touch()
        if old is not None and slot.process is None:
            old.close()


def _name(function: Callable[..., Any]) -> str:
    """Return ``module:function`` for a function that a worker can import."""
    module, name = function.__module__, function.__qualname__
    if module == "__main__" or getattr(sys.modules.get(module), name, None) is not function:
        raise TypeError(f"{module}.{name} is no function of a module, which a worker could import")
    return f"{module}:{name}"


def _status(status: int) -> str:
    """Say how a process ended."""
    with contextlib.suppress(ValueError):
        if status < 0:
            return signal.Signals(-status).name
    return f"status {status}"


def _progress(data: bytes) -> tuple[float, str]:
    fraction, text = json.loads(data)
    # In this order, what is no number becomes 0.
    return min(max(0.0, float(fraction)), 1.0), str(text)[:200]
