"""The process that works for the app: it takes one job after another from its parent.

The two talk in frames over stdin and stdout: eight bytes of length, one that says what it is, and
the rest. What the parent sends is pickled, for the parent is trusted; what goes back is not
(`earmark.classify.app.jobs.serialize`).
"""

from __future__ import annotations

import contextlib
import faulthandler
import gc
import importlib
import inspect
import json
import os
import pickle
import signal
import struct
import sys
import threading
import time
import traceback
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, BinaryIO

from earmark.extract.errors import EarmarkError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "DONE",
    "FAILED",
    "PROGRESS",
    "READY",
    "main",
    "named",
    "read_frame",
    "write_frame",
]

READY, PROGRESS, DONE, FAILED = b"R", b"P", b"D", b"F"

LARGEST_FRAME = 2**30
"""Bytes: no answer is so long, and a length that says so is a lie."""

REPORTS_APART = 0.1
"""Seconds between two reports of a job that go out; nobody sees more of them."""


def write_frame(stream: BinaryIO, kind: bytes, data: bytes = b"") -> None:
    """Write one message."""
    stream.write(struct.pack("<Qc", len(data), kind))
    stream.write(data)
    stream.flush()


def read_frame(stream: BinaryIO) -> tuple[bytes, bytes]:
    """Read one message: its kind and its data.

    Raises
    ------
    EOFError
        The other side has ended, or what it sends is no message.
    """
    head = stream.read(9)
    if len(head) < 9:
        raise EOFError
    length, kind = struct.unpack("<Qc", head)
    data = stream.read(length) if length <= LARGEST_FRAME else b""
    if len(data) < length:
        raise EOFError
    return kind, data


def named(name: str) -> Callable[..., Any]:
    """Return the function that ``module:function`` names."""
    module, _, function = name.partition(":")
    found: Callable[..., Any] = getattr(importlib.import_module(module), function)
    return found


def main() -> None:
    """Work until the parent ends."""
    # What libraries print must not get among the answers.
    answers = os.fdopen(os.dup(1), "wb")
    orders = os.fdopen(os.dup(0), "rb")
    os.dup2(2, 1)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    # Of a crash in a library, at least the place goes to the server's log.
    faulthandler.enable()
    waiting: SimpleQueue[bytes] = SimpleQueue()
    threading.Thread(target=_listen, args=(orders, waiting), daemon=True).start()
    how = json.loads(sys.argv[1])
    if how["nice"] and hasattr(os, "nice"):
        os.nice(how["nice"])
    if how["memory"]:
        _limit_memory(how["memory"])
    if how["warm"]:
        named(how["warm"])()
    # What is loaded by now stays: the search for garbage need not look at it again.
    gc.collect()
    gc.freeze()
    write_frame(answers, READY)
    while True:
        _work(waiting.get(), answers)


def _listen(orders: BinaryIO, waiting: SimpleQueue[bytes]) -> None:
    """Take orders, and end with the parent, whatever the other thread is doing."""
    with contextlib.suppress(EOFError):
        while True:
            waiting.put(read_frame(orders)[1])
    if hasattr(os, "killpg") and os.getpgrp() == os.getpid():
        # What the job has started ends too.
        os.killpg(0, signal.SIGKILL)
    os._exit(0)


def _limit_memory(limit: int) -> None:
    """Let an allocation fail where a damaged file asks for all the memory there is."""
    with contextlib.suppress(ImportError, OSError, ValueError):
        import resource

        # Not RLIMIT_AS: compilers and thread pools reserve address space that they never touch.
        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        resource.setrlimit(resource.RLIMIT_DATA, (limit, hard))


def _work(order: bytes, answers: BinaryIO) -> None:
    """Do one job and send what became of it."""
    from earmark.classify.app.jobs import serialize

    try:
        name, arguments, keywords = pickle.loads(order)
        function = named(name)
        if "report" in inspect.signature(function).parameters and "report" not in keywords:
            keywords = {**keywords, "report": _reporter(answers)}
        result = serialize.pack(function(*arguments, **keywords))
    except MemoryError:
        _fail(answers, "needs more memory than a job may take")
    except EarmarkError as error:
        _fail(answers, str(error))
    except BaseException as error:
        _fail(answers, f"went wrong ({type(error).__name__}: {error}); please report it", True)
    else:
        write_frame(answers, DONE, result)


def _fail(answers: BinaryIO, message: str, unforeseen: bool = False) -> None:
    trace = traceback.format_exc() if unforeseen else ""
    write_frame(answers, FAILED, json.dumps([message, trace]).encode())


def _reporter(answers: BinaryIO) -> Callable[..., None]:
    """Return what a job calls to say how far it is: `report(fraction, text)`."""
    last = -REPORTS_APART

    def report(fraction: float, text: str = "") -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= REPORTS_APART:
            last = now
            write_frame(answers, PROGRESS, json.dumps([float(fraction), str(text)]).encode())

    return report
