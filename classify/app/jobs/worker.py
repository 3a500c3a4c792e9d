"""What runs in a worker process of the app: it takes one job after another from its parent.

The two exchange messages over stdin and stdout: eight bytes of length, one that says what kind of
message it is, and the data. What the parent sends is pickled, for the parent is trusted; what goes
back is not (`earmark.classify.app.jobs.serialize`).
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

from earmark.extract.batch.worker import limit_memory
from earmark.extract.errors import EarmarkError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "DONE",
    "FAILED",
    "JOB",
    "PROGRESS",
    "READY",
    "imported",
    "main",
    "read_frame",
    "write_frame",
]

JOB, READY, PROGRESS, DONE, FAILED = b"J", b"R", b"P", b"D", b"F"
"""Kinds of messages: the parent sends jobs, the worker the rest."""

LARGEST_FRAME = 2**30
"""Bytes: no message is so long, and a length that says so is refused."""

REPORT_INTERVAL = 0.1
"""Seconds between two reports of progress that are sent; nobody sees more of them."""


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


def imported(name: str) -> Callable[..., Any]:
    """Import the function that ``module:function`` names."""
    module, _, attribute = name.partition(":")
    function: Callable[..., Any] = getattr(importlib.import_module(module), attribute)
    return function


def main() -> None:
    """Work until the parent ends."""
    # What libraries print must not get among the messages.
    to_parent = os.fdopen(os.dup(1), "wb")
    from_parent = os.fdopen(os.dup(0), "rb")
    os.dup2(2, 1)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    # Of a crash in a library, at least the place goes to the server's log.
    faulthandler.enable()
    requests: SimpleQueue[bytes] = SimpleQueue()
    threading.Thread(target=_receive, args=(from_parent, requests), daemon=True).start()
    options = json.loads(sys.argv[1])
    if options["nice"] and hasattr(os, "nice"):
        os.nice(options["nice"])
    if options["memory"]:
        limit_memory(options["memory"])
    if options["warm"]:
        imported(options["warm"])()
    # What is loaded by now stays: the garbage collector need not look at it again.
    gc.collect()
    gc.freeze()
    write_frame(to_parent, READY)
    while True:
        _work(requests.get(), to_parent)


def _receive(from_parent: BinaryIO, requests: SimpleQueue[bytes]) -> None:
    """Take in requests, and end with the parent, whatever the other thread is doing."""
    with contextlib.suppress(EOFError):
        while True:
            requests.put(read_frame(from_parent)[1])
    if hasattr(os, "killpg") and os.getpgrp() == os.getpid():
        # What the job has started ends too.
        os.killpg(0, signal.SIGKILL)
    os._exit(0)


def _work(request: bytes, to_parent: BinaryIO) -> None:
    """Run one job and send its result, or what went wrong."""
    from earmark.classify.app.jobs import serialize

    try:
        # It comes from the parent, which is trusted.
        name, arguments, keywords = pickle.loads(request)  # noqa: S301
        function = imported(name)
        if "report" in inspect.signature(function).parameters and "report" not in keywords:
            keywords = {**keywords, "report": _reporter(to_parent)}
        result = serialize.pack(function(*arguments, **keywords))
    except MemoryError:
        _fail(to_parent, "needs more memory than a job may take")
    except EarmarkError as error:
        _fail(to_parent, str(error))
    except BaseException as error:
        _fail(to_parent, f"went wrong ({type(error).__name__}: {error}); please report it", True)
    else:
        write_frame(to_parent, DONE, result)


def _fail(to_parent: BinaryIO, message: str, unforeseen: bool = False) -> None:
    trace = traceback.format_exc() if unforeseen else ""
    write_frame(to_parent, FAILED, json.dumps([message, trace]).encode())


def _reporter(to_parent: BinaryIO) -> Callable[..., None]:
    """Return the function that a job calls to say how far it is: `report(fraction, text)`."""
    last = -REPORT_INTERVAL

    def report(fraction: float, text: str = "") -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= REPORT_INTERVAL:
            last = now
            write_frame(to_parent, PROGRESS, json.dumps([float(fraction), str(text)]).encode())

    return report
