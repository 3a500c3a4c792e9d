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
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Literal, cast

import earmark
from earmark.classify.app.jobs import serialize, worker
from earmark.extract.errors import BusyError, JobError

__all__ = ["Kind", "Line", "Ring", "State", "Ticket", "starts"]

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
class Kind:
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


def usual(workers: int, warm: Callable[[], object] | None = None) -> dict[str, Kind]:
    """Return the kinds of work of the app: analyses, and one training at a time."""
    return {
        "listen": Kind(workers, eager=True, memory=4 * 2**30, warm=warm),
        # Four times what a training on 100,000 rows of 250 columns takes.
        "train": Kind(threads=None, nice=10, memory=8 * 2**30),
    }


class Ticket:
    """What whoever submits a job gets for it; `Line.submit` makes it.

    Parameters
    ----------
    line : Line
        Where it was submitted.
    kind, owner, name : str
        Of the work, whose it is, and ``module:function``.
    order : bytes
        What the worker gets.
    timeout : float
        Seconds that it may run.
    """

    def __init__(
        self, line: Line, kind: str, owner: str, name: str, order: bytes, timeout: float
    ) -> None:
        self.kind, self.owner, self.name, self.timeout = kind, owner, name, timeout
        self.state: State = "waiting"
        self.error = ""
        self.progress: tuple[float, str] = (0.0, "")
        self._line = line
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


class Ring:
    """Owners with the jobs that they wait for, in the order of their turns."""

    def __init__(self) -> None:
        self._queues: dict[str, deque[Ticket]] = {}

    def __len__(self) -> int:
        return sum(map(len, self._queues.values()))

    def __iter__(self) -> Iterator[Ticket]:
        """Go through the jobs in the order in which they start."""
        turns = itertools.zip_longest(*self._queues.values())
        return (ticket for turn in turns for ticket in turn if ticket is not None)

    def of(self, owner: str) -> int:
        """Return how many jobs an owner has in it."""
        return len(self._queues.get(owner, ()))

    def add(self, ticket: Ticket, first: bool = False) -> None:
        """Put a job behind the owner's others, or before them; a new owner behind all others."""
        queue = self._queues.setdefault(ticket.owner, deque())
        if first:
            queue.appendleft(ticket)
        else:
            queue.append(ticket)

    def take(self) -> Ticket:
        """Take out the job whose turn it is; its owner goes to the end."""
        owner = next(iter(self._queues))
        queue = self._queues.pop(owner)
        ticket = queue.popleft()
        if queue:
            self._queues[owner] = queue
        return ticket

    def remove(self, ticket: Ticket) -> None:
        """Take out a job that does not want its turn any longer."""
        queue = self._queues[ticket.owner]
        queue.remove(ticket)
        if not queue:
            del self._queues[ticket.owner]


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

    def __init__(self, kind: Kind) -> None:
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
            worker.write_frame(cast(BinaryIO, self._process.stdin), b"J", order)

    def receive(self) -> tuple[bytes, bytes]:
        return worker.read_frame(cast(BinaryIO, self._process.stdout))

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
                cast(BinaryIO, stream).close()
        return self._process.wait()


@dataclass
class _Seat:
    """Where one worker works: its process may change."""

    process: _Process | None = None
    starting: float | None = None
    ticket: Ticket | None = None

    @property
    def ready(self) -> bool:
        """Whether there is a worker that could take a job at once."""
        return self.process is not None and self.starting is None and not self.process.ended


@dataclass
class _Room:
    """What there is for one kind of work."""

    kind: Kind
    waiting: Ring = field(default_factory=Ring)
    seats: list[_Seat] = field(default_factory=list)
    start_times: deque[float] = field(default_factory=lambda: deque(maxlen=REMEMBERED))


class Line:
    """The line of the whole server.

    Parameters
    ----------
    workers : int
        Processes for analyses.
    warm : callable, optional
        Function of a module, without arguments, that loads what every analysis needs.
    kinds : mapping of str to Kind, optional
        The kinds of work, where they are not the `usual` ones.
    per_owner, in_all : int
        How many jobs of one owner, and of all, may wait.
    """

    def __init__(
        self,
        workers: int = 1,
        *,
        warm: Callable[[], object] | None = None,
        kinds: Mapping[str, Kind] | None = None,
        per_owner: int = 1000,
        in_all: int = 5000,
    ) -> None:
        self._per_owner, self._in_all = per_owner, in_all
        self._changed = threading.Condition()
        self._closed = False
        self._durations: dict[str, deque[tuple[float, float]]] = {}
        self._plan: tuple[float, dict[Ticket, tuple[int, float]]] | None = None
        self._rooms = {name: _Room(kind) for name, kind in (kinds or usual(workers, warm)).items()}
        atexit.register(self.close)
        for room in self._rooms.values():
            for _ in range(room.kind.workers):
                seat = _Seat()
                room.seats.append(seat)
                threading.Thread(target=self._serve, args=(room, seat), daemon=True).start()

    def submit(
        self,
        owner: str,
        function: Callable[..., Any],
        *arguments: Any,
        timeout: float,
        kind: str = "listen",
        first: bool = False,
        **keywords: Any,
    ) -> Ticket:
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
        room = self._rooms[kind]
        ticket = Ticket(self, kind, owner, name, order, timeout)
        with self._changed:
            if self._closed:
                raise BusyError("the app is closing; start it again")
            if room.waiting.of(owner) >= self._per_owner:
                raise BusyError(
                    f"{self._per_owner} jobs of yours are waiting, and more are not taken; wait "
                    "until some are done, or cancel them"
                )
            if sum(len(room.waiting) for room in self._rooms.values()) >= self._in_all:
                raise BusyError(
                    f"{self._in_all} jobs are waiting, and more are not taken; try again in a few "
                    "minutes"
                )
            room.waiting.add(ticket, first)
            self._touch()
        return ticket

    def leave(self, owner: str) -> None:
        """Cancel all that an owner has waiting or running."""
        with self._changed:
            for ticket in self._tickets():
                if ticket.owner == owner:
                    ticket.cancel()

    def close(self) -> None:
        """Cancel everything and end the workers."""
        with self._changed:
            self._closed = True
            seats = [seat for room in self._rooms.values() for seat in room.seats]
            for ticket in self._tickets():
                self._stop(ticket, "cancelled", "was cancelled, for the app is closing")
            self._touch()
        for seat in seats:
            if seat.process is not None:
                seat.process.end()
        atexit.unregister(self.close)

    @property
    def ready(self) -> bool:
        """Whether every worker that starts with the line could take a job at once."""
        with self._changed:
            return all(
                seat.ready
                for room in self._rooms.values()
                if room.kind.eager
                for seat in room.seats
            )

    def _tickets(self) -> list[Ticket]:
        """Return all that wait or run. The lock is held."""
        rooms = self._rooms.values()
        running = [seat.ticket for room in rooms for seat in room.seats if seat.ticket is not None]
        return [*running, *(ticket for room in rooms for ticket in room.waiting)]

    # --- What tickets ask for ------------------------------------------------------------------

    def _wait_for(self, condition: Callable[[], bool], timeout: float | None) -> bool:
        with self._changed:
            return self._changed.wait_for(condition, timeout)

    def _touch(self) -> None:
        """Tell everybody that something has changed. The lock is held."""
        self._plan = None
        self._changed.notify_all()

    def _stop(self, ticket: Ticket, state: State, message: str) -> None:
        """End a job before it ends itself."""
        with self._changed:
            if ticket.finished:
                return
            if ticket.state == "waiting":
                self._rooms[ticket.kind].waiting.remove(ticket)
            elif state == "cancelled":
                self._let_go(ticket)
            elif ticket._end is not None:
                ticket._end()
            ticket.state, ticket.error, ticket._order = state, message, b""
            self._touch()

    def _let_go(self, ticket: Ticket) -> None:
        """End a running job whose result nobody wants. The lock is held."""
        room = self._rooms[ticket.kind]
        left = ticket._began + self._longest(room, ticket)[0] - time.monotonic()

        def end() -> None:
            with self._changed:
                if ticket._end is not None:
                    ticket._end()

        if left > self._longest_start(room):
            end()
        else:
            # Those who wait are served sooner by this worker, when it is done, than by a new one.
            timer = threading.Timer(max(0.0, left), end)
            timer.daemon = True
            timer.start()

    def _forecast(self, ticket: Ticket) -> tuple[int, float]:
        """Return how many jobs start before one, and in how many seconds it does at the latest."""
        with self._changed:
            if ticket.state != "waiting":
                return 0, 0.0
            now = time.monotonic()
            # With the running jobs alone it changes slowly: many tickets may ask at once.
            if self._plan is None or now - self._plan[0] > 0.2:
                plan: dict[Ticket, tuple[int, float]] = {}
                for room in self._rooms.values():
                    waiting = list(room.waiting)
                    free = [self._free(room, seat, now) for seat in room.seats]
                    times = starts(free, (self._longest(room, one)[0] for one in waiting))
                    plan |= zip(waiting, enumerate(times), strict=True)
                self._plan = now, plan
            ahead, start = self._plan[1][ticket]
            return ahead, max(0.0, start - now) + HANDING_OVER

    def _free(self, room: _Room, seat: _Seat, now: float) -> float:
        """Return when a worker is free, at the latest."""
        start = 0.0 if seat.ready else self._longest_start(room)
        if seat.ticket is not None:
            usual, limit = self._longest(room, seat.ticket)
            began = seat.ticket._began + start
            # What takes longer than it should may take as long as it can.
            return began + usual if began + usual > now else max(now, began + limit)
        return max(now, (now if seat.starting is None else seat.starting) + start)

    def _longest(self, room: _Room, ticket: Ticket) -> tuple[float, float]:
        """Return how long a job takes, by those of late, and at the most."""
        # What is stopped takes its worker with it.
        limit = ticket.timeout + self._longest_start(room)
        known = self._durations.get(ticket.name)
        if not known:
            return limit, limit
        timeouts, durations = zip(*known, strict=True)
        # A file is given more time the larger it is: of one that is larger than all of these, no
        # more is known than that it takes no longer for the rest than it is given.
        rest = max(0.0, ticket.timeout - max(timeouts))
        return min(limit, MARGIN * max(durations) + rest + HANDING_OVER), limit

    def _longest_start(self, room: _Room) -> float:
        known = room.start_times
        return min(START_LIMIT, MARGIN * max(known) if known else math.inf)

    # --- What the thread of each worker does ---------------------------------------------------

    def _serve(self, room: _Room, seat: _Seat) -> None:
        """Give jobs to a worker, and replace it where it ends."""
        if room.kind.eager:
            self._start(room, seat)
        while (ticket := self._take(room, seat)) is not None:
            if seat.process is not None and seat.process.ended:
                status = _status(seat.process.close())
                if not self._closed:
                    log.warning("a worker ended while it was idle (%s)", status)
                seat.process = None
            problem = "" if seat.process is not None else self._start(room, seat)
            if seat.process is None:
                self._finish(room, seat, ticket, "failed", f"no worker could be started: {problem}")
                continue
            state, outcome = self._run(seat.process, ticket)
            self._finish(room, seat, ticket, state, outcome)
            del ticket, outcome
            if seat.process is None and room.kind.eager:
                self._start(room, seat)
        if seat.process is not None:
            seat.process.close()

    def _take(self, room: _Room, seat: _Seat) -> Ticket | None:
        """Wait for the next job; None where the line was closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or len(room.waiting))
            if self._closed:
                return None
            ticket = room.waiting.take()
            seat.ticket, ticket._began, ticket.state = ticket, time.monotonic(), "running"
            self._touch()
            return ticket

    def _start(self, room: _Room, seat: _Seat) -> str:
        """Start a worker and return what went wrong, if anything."""
        began = time.monotonic()
        with self._changed:
            if self._closed:
                return "the app is closing"
            try:
                process = seat.process = _Process(room.kind)
            except OSError as error:
                return str(error.strerror or error)
            seat.starting = began
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
            seat.starting = None
            if problem:
                seat.process = None
            else:
                room.start_times.append(time.monotonic() - began)
            self._touch()
        return problem

    def _run(self, process: _Process, ticket: Ticket) -> tuple[State, Any]:
        """Let a worker do a job and return its state, and its result or what went wrong."""
        limit = f"took longer than {ticket.timeout:g} s, which is the limit here, and was stopped"
        timer = threading.Timer(ticket.timeout, self._stop, (ticket, "failed", limit))
        timer.daemon = True
        with self._changed:
            if ticket.finished:
                return ticket.state, ticket.error
            ticket._began = time.monotonic()
            ticket._end = process.end
        timer.start()
        process.jobs += 1
        process.send(ticket._order)
        ticket._order = b""
        try:
            while True:
                kind, data = process.receive()
                if kind == worker.PROGRESS:
                    ticket.progress = _progress(data)
                elif kind == worker.DONE:
                    return "done", serialize.unpack(data)
                elif kind == worker.FAILED:
                    message, trace = json.loads(data)
                    # Whoever has gone took along what the job was about.
                    if trace and not ticket.finished:
                        log.error("%s: %s", ticket.name, trace)
                    return "failed", str(message)
                else:
                    raise EOFError
        except EOFError:
            status = _status(process.close())
            if not ticket.finished:
                log.warning("%s ended its worker (%s)", ticket.name, status)
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

    def _finish(self, room: _Room, seat: _Seat, ticket: Ticket, state: State, outcome: Any) -> None:
        """Note what became of a job, and part with a worker that has ended or done enough."""
        with self._changed:
            # Whoever stops a job does it under the lock: from here on, nobody ends the worker.
            seat.ticket, ticket._end = None, None
            old = seat.process
            if old is not None and (
                old.ended or (old.jobs >= RETIRES_AFTER and not len(room.waiting))
            ):
                seat.process = None
            # Who has stopped it is not told of an answer that was on its way by then.
            if not ticket.finished:
                ticket.state = state
                if state == "done":
                    known = self._durations.setdefault(ticket.name, deque(maxlen=REMEMBERED))
                    known.append((ticket.timeout, time.monotonic() - ticket._began))
                    ticket._result = outcome
                    ticket.progress = 1.0, ticket.progress[1]
                else:
                    ticket.error = outcome
            self._touch()
        if old is not None and seat.process is None:
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
