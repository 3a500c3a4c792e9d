"""Tracks are analysed on a cluster of Dask's.

Tracks are sent as what they are called and where they are, never as bytes: every worker must reach
the same files under the same names. Short ones go together, and results come back task by task. A
worker that dies loses what it was doing to others; a scheduler that is started again is connected
to again, and gets what was not finished. Whoever may reach a scheduler can run code on it, as
always with Dask: keep it in a network that is trusted, or use its TLS.
"""

from __future__ import annotations

import contextlib
import pickle
import threading
import time
import uuid
from collections import deque
from dataclasses import dataclass
from functools import lru_cache
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any

from earmark.extract.batch import worker
from earmark.extract.batch.executors import DEATHS, GRACE, MEMORY, START_LIMIT
from earmark.extract.batch.track import SECONDS_PER_FILE, Outcome, failed
from earmark.extract.errors import AnalyseError, SettingsError

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from earmark.extract.audio.sources import Track
    from earmark.extract.batch.track import Job
    from earmark.extract.batch.worker import Message

__all__ = ["LOCAL", "Cluster", "connected", "scheduler"]

LOCAL = "local"
"""Instead of an address: a scheduler and workers that are started here, and end with the run."""

AHEAD = 4
"""Tasks that are out per thread of the workers: they need not wait, the scheduler stays small."""

TASK_SECONDS = 1.0
"""What a task should take: Dask spends some ten milliseconds on each, as a short track takes."""

TRACKS_PER_TASK = 64
"""Tracks of one task at most."""

CONNECTING = 30.0
"""Seconds in which a scheduler must answer at first."""

PATIENCE = 300.0
"""Seconds in which a scheduler that has gone must be back."""


@dataclass(frozen=True)
class Cluster:
    """Works on tracks on a cluster; an `Executor`.

    Parameters
    ----------
    address : str
        Of the scheduler, such as ``tcp://host:8786``, or ``local``.
    workers : int
        How many are started by ``local``.
    memory : int, optional
        Bytes that each process that analyses may hold (on Linux); None for no limit.
    """

    address: str
    workers: int = 1
    memory: int | None = MEMORY

    def run(self, tracks: Sequence[Track], job: Job) -> Generator[tuple[int, Outcome], None, None]:
        """Work on tracks; see `Executor.run`.

        Raises
        ------
        SettingsError
            Dask is not installed, or no scheduler answers.
        """
        if not tracks:
            return
        address = scheduler(self.address, self.workers)
        yield from _Run(address, tracks, job, self.memory).outcomes()


def scheduler(address: str, workers: int) -> Any:
    """Return what clients connect to: an address, or what is started here where it is `LOCAL`.

    Parameters
    ----------
    address : str
        Of the scheduler, such as ``tcp://host:8786``, or ``local``.
    workers : int
        How many are started by ``local``.

    Raises
    ------
    SettingsError
        Dask is not installed.
    """
    try:
        import distributed  # noqa: F401
    except ImportError as error:
        raise SettingsError("--scheduler needs Dask: pip install 'earmark[cluster]'") from error
    return _local(workers) if address == LOCAL else address


def connected(address: Any, patience: float = CONNECTING) -> Any:
    """Return a client of a scheduler that may have to be waited for.

    Parameters
    ----------
    address : str or LocalCluster
        As `scheduler` gives it.
    patience : float
        Seconds.

    Raises
    ------
    SettingsError
        No scheduler answers, or none can be called so.
    """
    import distributed

    deadline = time.monotonic() + patience
    while True:
        try:
            return distributed.Client(address, timeout=5, set_as_default=False)
        except OSError as error:
            if time.monotonic() > deadline:
                raise SettingsError(
                    f"--scheduler {address}: no scheduler answers; start one with "
                    "`dask scheduler`, and workers with `dask worker`"
                ) from error
            time.sleep(1)
        except ValueError as error:
            raise SettingsError(
                f"--scheduler {address}: {error}; name it like tcp://host:8786, or local"
            ) from error


@lru_cache(maxsize=1)
def _local(workers: int) -> Any:
    """Return a scheduler and workers on this machine, which Dask ends with this process."""
    import distributed

    return distributed.LocalCluster(n_workers=workers, threads_per_worker=1, dashboard_address=None)


class _Run:
    """One run on a cluster."""

    def __init__(self, address: Any, tracks: Sequence[Track], job: Job, memory: int | None) -> None:
        self._address, self._tracks = address, tracks
        self._job = pickle.dumps((job, memory))
        self._waiting = deque(range(len(tracks)))
        self._alone: deque[int] = deque()
        self._out: dict[Any, list[int]] = {}
        self._pace = TASK_SECONDS

    def outcomes(self) -> Generator[tuple[int, Outcome], None, None]:
        patience = CONNECTING
        while self._waiting or self._alone or self._out:
            client = connected(self._address, patience)
            try:
                yield from self._until_lost(client)
            finally:
                # Also where nobody wants the rest: the cluster must not go on with it.
                for future in self._out:
                    with contextlib.suppress(Exception):
                        future.cancel()
                client.close(timeout=5)
            # What was out when the scheduler went is given out again.
            for some in self._out.values():
                self._waiting.extendleft(reversed(some))
            self._out.clear()
            patience = PATIENCE

    def _until_lost(self, client: Any) -> Generator[tuple[int, Outcome], None, None]:
        """Yield outcomes until all are there, or the scheduler has gone."""
        import distributed

        done: SimpleQueue[Any] = SimpleQueue()
        while self._waiting or self._alone or self._out:
            threads = sum(client.nthreads().values()) if client.status == "running" else 0
            places = max(AHEAD * threads, AHEAD)
            while len(self._out) < places and (some := self._task(places)):
                tracks = [self._tracks[index] for index in some]
                key = f"earmark-{uuid.uuid4().hex}"
                future = client.submit(work, self._job, tracks, key=key, pure=False)
                self._out[future] = some
                future.add_done_callback(done.put)
            try:
                future = done.get(timeout=1)
            except Empty:
                if client.status != "running":
                    return
                continue
            if future not in self._out:
                continue
            try:
                seconds, found = future.result(timeout=60)
            except distributed.KilledWorker:
                some = self._out.pop(future)
                if len(some) > 1:
                    # One of them did it.
                    self._alone.extend(some)
                    continue
                path = self._tracks[some[0]].path
                message = "killed the workers that read it: damaged, or too big for their memory"
                yield some[0], failed(path, AnalyseError(path, message))
                continue
            except (OSError, distributed.CancelledError, TimeoutError):
                # The scheduler has gone, or nobody has the result any more.
                if client.status != "running":
                    return
                self._waiting.extend(self._out.pop(future))
                continue
            except Exception as error:
                raise AnalyseError(
                    "workers", f"cannot analyse ({error}); is the same Earmark installed on all?"
                ) from error
            some = self._out.pop(future)
            self._pace += (seconds / len(some) - self._pace) / 2
            for index, data in zip(some, found, strict=True):
                yield index, worker.unpacked(data)

    def _task(self, places: int) -> list[int]:
        """Take the tracks of the next task: as many as are worth it, and fewer towards the end."""
        if self._alone:
            return [self._alone.popleft()]
        count = min(TASK_SECONDS / max(self._pace, 1e-6), len(self._waiting) / places)
        count = min(max(1, int(count)), TRACKS_PER_TASK, len(self._waiting))
        return [self._waiting.popleft() for _ in range(count)]


_OWN = threading.local()
"""The process of each thread of a worker: what hangs or crashes in it harms nobody else."""


def work(job: bytes, tracks: Sequence[Track]) -> tuple[float, list[bytes]]:
    """Analyse some tracks, and say how long it took: what is sent to a worker of Dask's."""
    seat: _Seat | None = getattr(_OWN, "seat", None)
    if seat is None or seat.job != job:
        if seat is not None:
            seat.close()
        seat = _OWN.seat = _Seat(job)
    seat.start()
    begun = time.monotonic()
    found = [worker.packed(seat.outcome(track)) for track in tracks]
    return time.monotonic() - begun, found


class _Seat:
    """A process that does one track at a time, and is replaced when it dies or is late."""

    def __init__(self, job: bytes) -> None:
        self.job = job
        self._process: worker.WorkerProcess | None = None
        self._said: SimpleQueue[Message] = SimpleQueue()

    def close(self) -> None:
        if self._process is not None:
            self._process.kill()
        self._process = None

    def start(self) -> None:
        """Have a process, where one can be had."""
        if self._process is not None:
            return
        self._said = SimpleQueue()
        # The job comes from the run, which is trusted as every client of Dask's is.
        job, memory = pickle.loads(self.job)  # noqa: S301
        self._process = worker.WorkerProcess(job, self._said.put, memory)
        if self._next(time.monotonic() + START_LIMIT) is None:
            self.close()

    def outcome(self, track: Track) -> Outcome:
        """Return what becomes of a track within its time."""
        reason = "it does not start"
        for _ in range(DEATHS):
            self.start()
            if self._process is None:
                continue
            self._process.send(track)
            begun, allowed = time.monotonic(), SECONDS_PER_FILE
            while (message := self._next(begun + allowed + GRACE)) is not None:
                if message.kind == worker.ALLOW:
                    allowed = message.seconds
                    continue
                if message.kind == worker.LAST:
                    self.close()
                return message.outcome
            if time.monotonic() > begun + allowed + GRACE:
                self.close()
                late = (
                    f"took longer than {allowed:.0f} s and was stopped; allow more with --timeout"
                )
                return failed(track.path, AnalyseError(track.path, late))
            reason = self._process.reason
            self.close()
        message_ = f"killed the process that read it ({reason}): damaged, or too big"
        return failed(track.path, AnalyseError(track.path, message_))

    def _next(self, deadline: float) -> Message | None:
        """Return the next message; None where the process has ended, or is late."""
        try:
            message = self._said.get(timeout=max(0.0, deadline - time.monotonic()))
        except Empty:
            return None
        return None if message.kind == worker.END else message
