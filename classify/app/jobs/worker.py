"""What runs in a worker process of the app: it takes one job after another from its parent.

The two exchange `earmark.extract.batch.frames`. What the parent sends is pickled, for the parent is
trusted; what goes back is not (`earmark.classify.app.jobs.serialize`).
"""

from __future__ import annotations

import faulthandler
import gc
import importlib
import inspect
import json
import os
import pickle
import sys
import time
import traceback
from typing import TYPE_CHECKING, Any

from earmark.extract.batch import frames
from earmark.extract.batch.worker import limit_memory
from earmark.extract.errors import EarmarkError

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import BinaryIO

__all__ = [
    "DONE",
    "FAILED",
    "JOB",
    "PROGRESS",
    "READY",
    "imported",
    "main",
]

JOB, READY, PROGRESS, DONE, FAILED = b"J", b"R", b"P", b"D", b"F"
"""Kinds of frames: the parent sends jobs, the worker the rest."""

REPORT_INTERVAL = 0.1
"""Seconds between two reports of progress that are sent; nobody sees more of them."""


def imported(name: str) -> Callable[..., Any]:
    """Import the function that ``module:function`` names."""
    module, _, attribute = name.partition(":")
    function: Callable[..., Any] = getattr(importlib.import_module(module), attribute)
    return function


def main() -> None:
    """Work until the parent ends."""
    from_parent, to_parent = frames.parent()
    # Of a crash in a library, at least the place goes to the server's log.
    faulthandler.enable()
    requests = frames.received(from_parent)
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
    frames.write(to_parent, READY)
    while True:
        _work(requests.get(), to_parent)


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
        frames.write(to_parent, DONE, result)


def _fail(to_parent: BinaryIO, message: str, unforeseen: bool = False) -> None:
    trace = traceback.format_exc() if unforeseen else ""
    frames.write(to_parent, FAILED, json.dumps([message, trace]).encode())


def _reporter(to_parent: BinaryIO) -> Callable[..., None]:
    """Return the function that a job calls to say how far it is: `report(fraction, text)`."""
    last = -REPORT_INTERVAL

    def report(fraction: float, text: str = "") -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= REPORT_INTERVAL:
            last = now
            frames.write(to_parent, PROGRESS, json.dumps([float(fraction), str(text)]).encode())

    return report
