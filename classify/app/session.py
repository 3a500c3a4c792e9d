"""State that outlives a rerun: the queue of the process, and the folder of each session."""

from __future__ import annotations

import contextlib
import secrets
import threading
import time
import weakref
from typing import TYPE_CHECKING, Any

import streamlit as st

from earmark.classify.app import _compat
from earmark.classify.app.files.paths import resolve_below_root
from earmark.classify.app.files.scratch import Limits, Scratch
from earmark.classify.app.jobs import track_analysis
from earmark.classify.app.jobs.queue import JobQueue
from earmark.classify.app.server import is_loopback
from earmark.classify.app.settings import app_settings
from earmark.extract.errors import FindError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

__all__ = [
    "below_roots",
    "forget",
    "may_write",
    "owner",
    "queue",
    "root_of",
    "roots",
    "scratch",
]

CHECK_INTERVAL = 2.0
"""Seconds between two checks which sessions are still connected."""


@st.cache_resource(show_spinner=False)
def queue() -> JobQueue:
    """Return the one job queue of this process; the first call starts its workers."""
    return JobQueue(workers=app_settings().workers, warm=track_analysis.warm)


def owner() -> str:
    """Return the random name under which this session submits jobs; nobody can guess it."""
    if "owner" not in st.session_state:
        st.session_state["owner"] = secrets.token_hex(8)
    name: str = st.session_state["owner"]
    return name


def forget(files: Iterable[str]) -> None:
    """Remove uploads from the memory of Streamlit, which holds them until their session ends.

    Parameters
    ----------
    files : iterable of str
        The `file_id` of each upload. Boxes that show them are empty after this.
    """
    _compat.forget_uploads(files)


def may_write() -> bool:
    """Tell whether tags may be written: it was allowed, and nobody else reaches the app."""
    return app_settings().allow_writing and is_loopback(st.get_option("server.address"))


def roots() -> list[Path]:
    """Return the folders below which music may be, the likeliest first.

    They are the user's folder of music, where no root was named and nobody else reaches the app,
    and the root.
    """
    own = app_settings()
    alone = is_loopback(st.get_option("server.address"))
    return [own.music, own.root] if own.music is not None and alone else [own.root]


def root_of(path: Path) -> Path | None:
    """Return the folder of `roots` that something lies in; None where it lies in none."""
    path = path.resolve()
    return next((root for root in roots() if path.is_relative_to(root)), None)


def below_roots(named: str) -> Path:
    """Return the path of music that somebody named.

    Raises
    ------
    FindError
        It is below none of the `roots`.
    """
    *others, last = roots()
    for root in others:
        with contextlib.suppress(FindError):
            return resolve_below_root(named, root)
    return resolve_below_root(named, last)


def scratch() -> Scratch:
    """Return the folder of this session, which is removed when the session ends."""
    return _session().scratch


class _Session:
    """Resources freed when a session ends, but not when its connection is lost briefly."""

    def __init__(self, owner: str) -> None:
        limits, megabyte = app_settings(), 10**6
        self.scratch = Scratch(
            Limits(limits.upload_mb * megabyte, limits.uploads, limits.session_mb * megabyte)
        )
        self.end = weakref.finalize(self, _leave, queue(), owner, self.scratch)
        name = _compat.session_id()
        if name is not None:
            _ends()[name] = self.end, None


def _leave(queue: JobQueue, owner: str, scratch: Scratch) -> None:
    # A finalizer may interrupt a thread that holds the lock of the queue, so another thread
    # cancels the jobs. They end before the files that they read are removed.
    threading.Thread(target=queue.leave, args=(owner,), daemon=True).start()
    scratch.close()


def _session() -> _Session:
    current: _Session | None = st.session_state.get("session")
    if current is None or not current.end.alive:
        current = st.session_state["session"] = _Session(owner())
    return current


Ends = dict[str, tuple["weakref.finalize[Any, Any]", float | None]]
"""By session id: the finalizer that ends it, and since when it has been disconnected."""


@st.cache_resource(show_spinner=False)
def _ends() -> Ends:
    ends: Ends = {}
    threading.Thread(target=_watch, args=(ends,), daemon=True).start()
    return ends


def _watch(ends: Ends) -> None:
    """End sessions that stayed disconnected: Streamlit drops them without any event."""
    patience = float(st.get_option("server.disconnectedSessionTTL")) + CHECK_INTERVAL
    while True:
        time.sleep(CHECK_INTERVAL)
        now = time.monotonic()
        for name, (end, since) in list(ends.items()):
            if not end.alive:
                del ends[name]
            elif _compat.is_connected(name):
                ends[name] = end, None
            elif since is None:
                ends[name] = end, now
            elif now - since > patience:
                end()
