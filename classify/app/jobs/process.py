"""A worker process as the server sees it: started, asked, and ended with all that it has started.

What runs in it is `earmark.classify.app.jobs.worker`.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast

import earmark
from earmark.classify.app.jobs import worker
from earmark.extract.batch import frames

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["WorkerProcess", "exit_reason", "import_name"]

CODE = "from earmark.classify.app.jobs.worker import main; main()"


class WorkerProcess:
    """A process that runs one job after another.

    Parameters
    ----------
    threads : int, optional
        Threads of the numerical libraries; None for as many as there are cores.
    nice : int
        By how much it gives way to other processes.
    memory : int, optional
        Bytes that it may hold (on Linux); None for no limit.
    warm : callable, optional
        Function of a module, without arguments, that it calls before the first job.

    Raises
    ------
    OSError
        The process cannot be started.
    """

    def __init__(
        self,
        threads: int | None = 1,
        nice: int = 0,
        memory: int | None = None,
        warm: Callable[[], object] | None = None,
    ) -> None:
        limits = (
            {}
            if threads is None
            else {f"{name}_NUM_THREADS": str(threads) for name in frames.THREADS}
        )
        root = str(Path(earmark.__file__).parents[1])
        paths = os.environ.get("PYTHONPATH")
        options = {"nice": nice, "memory": memory, "warm": import_name(warm) if warm else None}
        self._lock = threading.Lock()
        self._killed = False
        self.jobs = 0
        self._process = subprocess.Popen(
            [sys.executable, "-c", CODE, json.dumps(options)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={
                **os.environ,
                **limits,
                "PYTHONPATH": root if not paths else root + os.pathsep + paths,
            },
            # Ctrl-C is for the server alone; and what a job starts can be ended with it.
            start_new_session=True,
        )

    def send(self, request: bytes) -> None:
        """Send a job; where the process has ended, `receive` says so."""
        self.jobs += 1
        with contextlib.suppress(OSError):
            frames.write(cast("BinaryIO", self._process.stdin), worker.JOB, request)

    def receive(self) -> tuple[bytes, bytes]:
        """Return the next message, its kind and its data; EOFError where the process has ended."""
        return frames.read(cast("BinaryIO", self._process.stdout))

    @property
    def ended(self) -> bool:
        """Whether it has ended; then, what it has started is ended too."""
        if self._process.poll() is not None:
            self.end()
        return self._killed

    @property
    def resident(self) -> int:
        """Bytes of memory that it holds; 0 where that is not told (it is on Linux)."""
        with contextlib.suppress(OSError, ValueError):
            pages = int(Path(f"/proc/{self._process.pid}/statm").read_text().split()[1])
            return pages * os.sysconf("SC_PAGE_SIZE")
        return 0

    def end(self) -> None:
        """End the process and all that it has started."""
        with self._lock:
            if not self._killed:
                self._killed = True
                # No other process can have its number yet: that is free once somebody has waited
                # for it, which happens just before this at the earliest.
                with contextlib.suppress(OSError):
                    if hasattr(os, "killpg"):
                        os.killpg(self._process.pid, signal.SIGKILL)
                    else:
                        self._process.kill()

    def close(self) -> int:
        """End it, once nobody reads from it any longer, and return its exit status."""
        self.end()
        for stream in (self._process.stdin, self._process.stdout):
            with contextlib.suppress(OSError):
                cast("BinaryIO", stream).close()
        return self._process.wait()


def import_name(function: Callable[..., Any]) -> str:
    """Return ``module:function``, by which a worker imports a function.

    Raises
    ------
    TypeError
        It cannot be imported: a lambda, a method, or a function of the script itself.
    """
    module, name = function.__module__, function.__qualname__
    if module == "__main__" or getattr(sys.modules.get(module), name, None) is not function:
        raise TypeError(f"{module}.{name} is no function of a module, which a worker could import")
    return f"{module}:{name}"


def exit_reason(status: int) -> str:
    """Say in words how a process ended: the name of the signal, or the status."""
    with contextlib.suppress(ValueError):
        if status < 0:
            return signal.Signals(-status).name
    return f"status {status}"
