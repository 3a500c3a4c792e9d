"""A process that analyses one track after another, and how its parent sees it.

The two exchange `earmark.extract.batch.frames`. What the parent sends is pickled, for the parent is
trusted. What comes back was made from files of strangers: it is JSON and plain numbers, and never
unpickled.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import pickle
import signal
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, NamedTuple, cast

import numpy as np

from earmark.extract.batch import frames
from earmark.extract.batch.track import NO_MEMORY, Outcome

if TYPE_CHECKING:
    from collections.abc import Callable

    from earmark.extract.audio.sources import Track
    from earmark.extract.batch.track import Job

__all__ = ["Message", "WorkerProcess", "limit_memory", "main", "packed", "unpacked"]

JOB, TRACK, READY, ALLOW, DONE, LAST, END = b"J", b"T", b"R", b"A", b"D", b"L", b"E"
"""Kinds of frames: the parent sends the job and tracks, the worker the rest. `LAST` is an outcome
after which the worker takes no more; `END` is said for a worker that has ended."""

CODE = "from earmark.extract.batch.worker import main; main()"


class Message(NamedTuple):
    """What a worker said, and when (by `time.monotonic`)."""

    worker: WorkerProcess
    kind: bytes
    data: bytes
    when: float

    @property
    def seconds(self) -> float:
        """How long the track may take, of a message of the kind `ALLOW`."""
        return float(self.data)

    @property
    def outcome(self) -> Outcome:
        """What became of the track, of a message of the kind `DONE` or `LAST`."""
        return unpacked(self.data)


class WorkerProcess:
    """A process that analyses one track after another.

    Parameters
    ----------
    job : Job
        What it does with each.
    hear : callable
        Is given every `Message` of it, in a thread that does nothing else.
    memory : int, optional
        Bytes that it may hold (on Linux); None for no limit.

    Raises
    ------
    OSError
        The process cannot be started.
    """

    def __init__(
        self, job: Job, hear: Callable[[Message], object], memory: int | None = None
    ) -> None:
        root = str(Path(str(sys.modules["earmark"].__file__)).parents[1])
        paths = os.environ.get("PYTHONPATH")
        self._process = subprocess.Popen(
            [sys.executable, "-c", CODE, str(memory or 0)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={
                **os.environ,
                **{f"{name}_NUM_THREADS": "1" for name in frames.THREADS},
                "PYTHONPATH": root if not paths else root + os.pathsep + paths,
            },
            # Ctrl-C is for the parent alone; and what a library starts can be ended with it.
            start_new_session=True,
        )
        self._hear = hear
        threading.Thread(target=self._listen, daemon=True).start()
        self._send(JOB, job)

    def send(self, track: Track) -> None:
        """Send a track; where the process has ended, a message says so."""
        self._send(TRACK, track)

    def _send(self, kind: bytes, content: object) -> None:
        with contextlib.suppress(OSError):
            frames.write(cast("BinaryIO", self._process.stdin), kind, pickle.dumps(content))

    def _listen(self) -> None:
        stream = cast("BinaryIO", self._process.stdout)
        with contextlib.suppress(EOFError, OSError, ValueError):
            while True:
                kind, data = frames.read(stream)
                self._hear(Message(self, kind, data, time.monotonic()))
        # Whoever talks nonsense is of no use any more; who has ended says how in a moment.
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(1)
        self.kill()
        self._process.wait()
        self._hear(Message(self, END, b"", time.monotonic()))
        for pipe in (self._process.stdin, stream):
            with contextlib.suppress(OSError):
                cast("BinaryIO", pipe).close()

    def kill(self) -> None:
        """End the process and all that it has started, without waiting for it."""
        if self._process.poll() is None:
            with contextlib.suppress(OSError):
                if hasattr(os, "killpg"):
                    os.killpg(self._process.pid, signal.SIGKILL)
                else:
                    self._process.kill()

    @property
    def pid(self) -> int:
        """The number of the process."""
        return self._process.pid

    @property
    def reason(self) -> str:
        """How the process ended, in words: the name of the signal, or the status."""
        status = self._process.poll()
        with contextlib.suppress(ValueError):
            if status is not None and status < 0:
                return signal.Signals(-status).name
        return f"status {status}"


def packed(outcome: Outcome) -> bytes:
    """Return an outcome as bytes that nobody has to unpickle."""
    head = json.dumps(
        [
            outcome.path,
            outcome.sha256,
            outcome.values.shape,
            outcome.failure,
            outcome.stamp,
            outcome.notes,
        ]
    ).encode()
    arrays = (outcome.starts, outcome.seconds, outcome.values)
    numbers = (np.ascontiguousarray(array, np.float64).tobytes() for array in arrays)
    return b"".join([struct.pack("<Q", len(head)), head, *numbers])


def unpacked(data: bytes) -> Outcome:
    """Return the outcome that was `packed`."""
    (length,) = struct.unpack("<Q", data[:8])
    path, sha256, (rows, columns), failure, stamp, notes = json.loads(data[8 : 8 + length])
    numbers = np.frombuffer(data, np.float64, offset=8 + length).copy()
    return Outcome(
        path,
        sha256,
        numbers[:rows],
        numbers[rows : 2 * rows],
        numbers[2 * rows :].reshape(rows, columns),
        tuple(failure) if failure else None,
        stamp,
        tuple(notes),
    )


def main() -> None:
    """Work until the parent ends: what runs in the process."""
    from_parent, to_parent = frames.parent()
    sent = frames.received(from_parent)
    memory = int(sys.argv[1])
    if memory:
        limit_memory(memory)
    try:
        # They come from the parent, which is trusted.
        job: Job = pickle.loads(sent.get())  # noqa: S301
        job.warm()
        # What is loaded by now stays: the garbage collector need not look at it again.
        gc.collect()
        gc.freeze()
        frames.write(to_parent, READY)
        while True:
            track = pickle.loads(sent.get())  # noqa: S301
            outcome = job(track, lambda seconds: frames.write(to_parent, ALLOW, b"%f" % seconds))
            # What an allocation that failed has left behind, nobody knows.
            spent = outcome.failure is not None and outcome.failure[3] == NO_MEMORY
            frames.write(to_parent, LAST if spent else DONE, packed(outcome))
    except BrokenPipeError:
        os._exit(0)


def limit_memory(limit: int) -> None:
    """Let an allocation fail where a damaged file asks for all the memory there is."""
    with contextlib.suppress(ImportError, OSError, ValueError):
        import resource

        # Not RLIMIT_AS: compilers and thread pools reserve address space that they never touch.
        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        resource.setrlimit(resource.RLIMIT_DATA, (limit, hard))
