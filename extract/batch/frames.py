"""How a process and its parent talk: frames over stdin and stdout.

A frame is eight bytes of length, one that says what kind of frame it is, and the data.
"""

from __future__ import annotations

import contextlib
import os
import signal
import struct
import threading
from queue import SimpleQueue
from typing import BinaryIO

__all__ = ["THREADS", "parent", "read", "received", "write"]

HEAD = struct.Struct("<Qc")

LARGEST = 2**31
"""Bytes: no frame is so long, and a length that says so is refused."""

THREADS = ("OMP", "OPENBLAS", "MKL", "NUMBA", "VECLIB", "NUMEXPR")
"""Libraries whose number of threads an environment variable ``…_NUM_THREADS`` limits."""


def write(stream: BinaryIO, kind: bytes, data: bytes = b"") -> None:
    """Write one frame.

    Raises
    ------
    OSError
        The other side has ended, and the stream may be closed by now.
    """
    try:
        stream.write(HEAD.pack(len(data), kind))
        stream.write(data)
        stream.flush()
    except ValueError as error:
        raise BrokenPipeError from error


def read(stream: BinaryIO) -> tuple[bytes, bytes]:
    """Read one frame: its kind and its data.

    Raises
    ------
    EOFError
        The other side has ended, or what it sends is no frame.
    """
    head = stream.read(HEAD.size)
    if len(head) < HEAD.size:
        raise EOFError
    length, kind = HEAD.unpack(head)
    data = stream.read(length) if length <= LARGEST else b""
    if len(data) < length:
        raise EOFError
    return kind, data


def parent() -> tuple[BinaryIO, BinaryIO]:
    """Return the streams from the parent and to it, which nobody else of the process has then.

    What libraries print goes to stderr, and does not get among the frames.
    """
    to_parent = os.fdopen(os.dup(1), "wb")
    from_parent = os.fdopen(os.dup(0), "rb")
    os.dup2(2, 1)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    return from_parent, to_parent


def received(from_parent: BinaryIO) -> SimpleQueue[bytes]:
    """Return where the data of frames come in, from now on.

    The process ends with its parent, whatever it is doing, and so does what it has started.
    """
    waiting: SimpleQueue[bytes] = SimpleQueue()

    def receive() -> None:
        with contextlib.suppress(EOFError, OSError):
            while True:
                waiting.put(read(from_parent)[1])
        if hasattr(os, "killpg") and os.getpgrp() == os.getpid():
            os.killpg(0, signal.SIGKILL)
        os._exit(0)

    threading.Thread(target=receive, daemon=True).start()
    return waiting
