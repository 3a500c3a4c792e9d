"""The queue in which the app's work waits: fair, with time limits, in processes of its own.

Decoding other people's files can hang, crash, or take all the memory there is; none of that may
reach the server. So every job runs in a worker process (`earmark.classify.app.jobs.worker`), one
at a time, and whatever goes wrong there ends that job and that process alone: another one takes
its place. Each kind of work has a pool of workers (`earmark.classify.app.jobs.pool`), whose jobs
start in turns of their owners (`earmark.classify.app.jobs.job`).

A library for this (pebble) was looked at. It ends jobs as well, but all of its workers share one
pipe and a lock, so that one of them can hold up or forge what the others say; what they say is
unpickled in the server; and it knows neither turns nor progress.
"""

from __future__ import annotations

import atexit
import pickle
import threading
from typing import TYPE_CHECKING, Any

from earmark.classify.app.errors import BusyError
from earmark.classify.app.jobs.job import Job
from earmark.classify.app.jobs.pool import Pool, PoolSettings, usual_pools
from earmark.classify.app.jobs.process import import_name

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["Job", "JobQueue"]


class JobQueue:
    """The jobs of the whole server.

    Parameters
    ----------
    workers : int
        Processes for analyses.
    warm : callable, optional
        Function of a module, without arguments, that loads what every analysis needs.
    pools : mapping of str to PoolSettings, optional
        The pools by their names, where they are not the `usual_pools`.
    per_owner, in_all : int
        How many jobs of one owner in one pool, and of all in all, may wait.

    Examples
    --------
    >>> from math import gcd
    >>> queue = JobQueue(pools={"analyse": PoolSettings()})
    >>> queue.submit("me", gcd, 12, 18, timeout=60).result()
    6
    >>> queue.close()
    """

    def __init__(
        self,
        workers: int = 1,
        *,
        warm: Callable[[], object] | None = None,
        pools: Mapping[str, PoolSettings] | None = None,
        per_owner: int = 1000,
        in_all: int = 5000,
    ) -> None:
        self._per_owner, self._in_all = per_owner, in_all
        self._changed = threading.Condition()
        self._closed = False
        self._pools = {
            name: Pool(settings, self._changed)
            for name, settings in (pools or usual_pools(workers, warm)).items()
        }
        atexit.register(self.close)

    def submit(
        self,
        owner: str,
        function: Callable[..., Any],
        *arguments: Any,
        timeout: float,
        pool: str = "analyse",
        first: bool = False,
        **keywords: Any,
    ) -> Job:
        """Put a job in the queue.

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
        pool : str
            The pool of workers that runs it.
        first : bool
            Whether it goes before the others that its owner has waiting; those of other owners
            have their turns all the same.

        Returns
        -------
        Job
            How far it is, and its result.

        Raises
        ------
        BusyError
            As many jobs are waiting as may, of this owner or in all; or the queue was closed.
        TypeError
            The function is none that a worker can import.
        """
        name = import_name(function)
        request = pickle.dumps((name, arguments, keywords))
        chosen = self._pools[pool]
        job = Job(chosen, owner, name, request, timeout)
        with self._changed:
            if self._closed:
                raise BusyError("the app is closing; start it again")
            if chosen.waiting.count(owner) >= self._per_owner:
                raise BusyError(
                    f"{self._per_owner} jobs of yours are waiting, and more are not taken; wait "
                    "until some are done, or cancel them"
                )
            if sum(len(one.waiting) for one in self._pools.values()) >= self._in_all:
                raise BusyError(
                    f"{self._in_all} jobs are waiting, and more are not taken; try again in a few "
                    "minutes"
                )
            chosen.add(job, first)
        return job

    def leave(self, owner: str) -> None:
        """Cancel all that an owner has waiting or running."""
        with self._changed:
            for pool in self._pools.values():
                for job in pool.jobs:
                    if job.owner == owner:
                        job.cancel()

    def close(self) -> None:
        """Cancel everything and end the workers."""
        with self._changed:
            self._closed = True
            for pool in self._pools.values():
                pool.close()
        for pool in self._pools.values():
            pool.end()
        atexit.unregister(self.close)

    @property
    def ready(self) -> bool:
        """Whether every worker that starts with the queue could take a job at once."""
        with self._changed:
            return all(
                slot.ready
                for pool in self._pools.values()
                if pool.settings.eager
                for slot in pool.slots
            )
