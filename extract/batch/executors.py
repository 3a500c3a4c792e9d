"""Who analyses the tracks of a run: this process, or others on this machine.

A run knows only the protocol `Executor`: it gives tracks and a job, and gets outcomes as they
finish. Whoever implements it owes the run one outcome for each track, whatever happens: what takes
longer than its time, more memory than there is, or ends the process that works on it is a failure,
and the others are analysed all the same.
"""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Protocol

from earmark.extract.batch import worker
from earmark.extract.batch.track import SECONDS_PER_FILE, Outcome, failed
from earmark.extract.batch.worker import Message, WorkerProcess
from earmark.extract.errors import AnalyseError

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Sequence

    from earmark.extract.audio.sources import Track
    from earmark.extract.batch.track import Job

    Outcomes = Generator[tuple[int, Outcome], None, None]

__all__ = ["MEMORY", "TRACKS_PER_WORKER", "Executor", "Here", "Processes"]

TRACKS_PER_WORKER = 12
"""A worker takes seconds to start: it pays only for this many tracks or more."""

MEMORY = 4 * 2**30
"""Bytes that a worker may hold: many times what an hour of music takes."""

GRACE = 2.0
"""Seconds beyond its time after which a track that does not end by itself is ended."""

START_LIMIT = 600.0
"""Seconds that a worker may take to start: on a new machine, it compiles the kernels first."""

STARTS = 3
"""So many workers in a row that end before they have started are enough."""

AHEAD = 2
"""Tracks that a worker has been given at a time, so that it need not wait for the next."""

DEATHS = 2
"""A track is to blame for the death of a worker when it happens so often: once, somebody else may
have ended it, such as a system that is out of memory."""


class Executor(Protocol):
    """Whoever can work on many tracks."""

    def run(self, tracks: Sequence[Track], job: Job) -> Outcomes:
        """Work on tracks and yield the index and outcome of each, once, as they finish.

        Closing the generator ends what runs, at once. An outcome is what ``job(track, allow)``
        returns, or `failed` with an `AnalyseError` where it could not return.

        Parameters
        ----------
        tracks : sequence of Track
            Each is sent as it is (its source, never its bytes).
        job : Job
            Can be pickled. It calls ``allow(seconds)`` with how long the track may take in all, as
            soon and as often as it knows; before that it is `SECONDS_PER_FILE`.
        """
        ...


class Here:
    """Works on one track after another in this process; a track ends by itself, or never."""

    def run(self, tracks: Sequence[Track], job: Job) -> Outcomes:
        """Work on tracks in their order; see `Executor.run`."""
        for index, track in enumerate(tracks):
            yield index, job(track, lambda _: None)


@dataclass(frozen=True)
class Processes:
    """Works on tracks in processes of this machine.

    Parameters
    ----------
    workers : int
        How many at most; there are fewer for few tracks.
    memory : int, optional
        Bytes that each may hold (on Linux); None for no limit.
    isolate : bool
        Whether it is another process, too, where one is enough: what hangs or crashes cannot harm
        the run then. Otherwise it is this one, which need not start.
    """

    workers: int = 1
    memory: int | None = MEMORY
    isolate: bool = True

    def run(self, tracks: Sequence[Track], job: Job) -> Outcomes:
        """Work on tracks; see `Executor.run`.

        Raises
        ------
        AnalyseError
            No worker can be started.
        """
        workers = max(1, min(self.workers, len(tracks) // TRACKS_PER_WORKER))
        if workers == 1 and not self.isolate:
            yield from Here().run(tracks, job)
            return
        pool = _Pool(tracks, job, self.memory)
        try:
            yield from pool.outcomes(workers)
        finally:
            pool.close()


@dataclass
class _Seat:
    """A worker, and the tracks that it has been given; it works on the first of them."""

    worker: WorkerProcess
    begun: float
    allowed: float = START_LIMIT
    ready: bool = False
    given: deque[int] = field(default_factory=deque)

    @property
    def deadline(self) -> float:
        if self.ready and not self.given:
            return float("inf")
        return self.begun + self.allowed + GRACE


class _Pool:
    """The workers of one run."""

    def __init__(self, tracks: Sequence[Track], job: Job, memory: int | None) -> None:
        self._tracks, self._job, self._memory = tracks, job, memory
        self._waiting = deque(range(len(tracks)))
        self._left = len(tracks)
        self._deaths: dict[int, int] = {}
        self._failed_starts = 0
        self._said: SimpleQueue[Message] = SimpleQueue()
        self._seats: dict[WorkerProcess, _Seat] = {}

    def outcomes(self, workers: int) -> Iterator[tuple[int, Outcome]]:
        while self._left:
            # The first one compiles or loads what all of them need; then the others start.
            started = any(seat.ready for seat in self._seats.values())
            while self._waiting and len(self._seats) < (workers if started else 1):
                self._start()
            for index, outcome in self._next():
                self._left -= 1
                yield index, outcome

    def close(self) -> None:
        for seat in self._seats.values():
            seat.worker.kill()

    def _start(self) -> None:
        try:
            process = WorkerProcess(self._job, self._said.put, self._memory)
        except OSError as error:
            raise AnalyseError("workers", f"cannot be started: {error.strerror}") from error
        self._seats[process] = _Seat(process, time.monotonic())

    def _next(self) -> Iterator[tuple[int, Outcome]]:
        """Wait for the next message or the next deadline, and yield what is finished by then."""
        soonest = min(seat.deadline for seat in self._seats.values())
        try:
            # Not longer than a second, for on some systems nothing else ends the waiting.
            message = self._said.get(timeout=min(1.0, max(0.0, soonest - time.monotonic())))
        except Empty:
            # All that was said has been heard: whoever is late is late.
            yield from self._late(time.monotonic())
            return
        seat = self._seats.get(message.worker)
        if seat is None:
            # Of a worker that was given up.
            return
        if message.kind == worker.ALLOW:
            seat.allowed = message.seconds
        elif message.kind == worker.END:
            yield from self._ended(seat)
        else:
            if message.kind == worker.READY:
                seat.ready, self._failed_starts = True, 0
            else:
                yield seat.given.popleft(), message.outcome
            seat.begun, seat.allowed = message.when, SECONDS_PER_FILE
            if message.kind == worker.LAST:
                self._give_up(seat)
            else:
                self._give(seat)

    def _give(self, seat: _Seat) -> None:
        while self._waiting and len(seat.given) < AHEAD:
            index = self._waiting.popleft()
            if not seat.given:
                seat.begun = time.monotonic()
            seat.given.append(index)
            seat.worker.send(self._tracks[index])

    def _late(self, now: float) -> Iterator[tuple[int, Outcome]]:
        for seat in [seat for seat in self._seats.values() if seat.deadline < now]:
            if not seat.ready:
                self._not_started("took too long")
            else:
                message = (
                    f"took longer than {seat.allowed:.0f} s and was stopped; allow more with "
                    "--timeout"
                )
                yield self._failure(seat.given.popleft(), message)
            self._give_up(seat)

    def _ended(self, seat: _Seat) -> Iterator[tuple[int, Outcome]]:
        if not seat.ready:
            self._not_started(seat.worker.reason)
        elif seat.given:
            index = seat.given[0]
            self._deaths[index] = self._deaths.get(index, 0) + 1
            if self._deaths[index] >= DEATHS:
                seat.given.popleft()
                message = (
                    f"killed the process that read it ({seat.worker.reason}): damaged, or too big "
                    "for the memory there is"
                )
                yield self._failure(index, message)
        self._give_up(seat)

    def _give_up(self, seat: _Seat) -> None:
        """Part with a worker; others do what it has been given."""
        seat.worker.kill()
        del self._seats[seat.worker]
        self._waiting.extendleft(reversed(seat.given))

    def _not_started(self, reason: str) -> None:
        self._failed_starts += 1
        if self._failed_starts >= STARTS:
            raise AnalyseError("workers", f"cannot be started ({reason}); see what is said above")

    def _failure(self, index: int, message: str) -> tuple[int, Outcome]:
        track = self._tracks[index]
        return index, failed(track.path, AnalyseError(track.path, message))
