"""What outlives a run of a page: the queue of the process, and what belongs to one session."""

from __future__ import annotations

import secrets
import threading
import time
import weakref
from typing import TYPE_CHECKING, Any

import streamlit as st

from earmark.classify.app import _compat
from earmark.classify.app.files import scratch as uploads
from earmark.classify.app.jobs import track_analysis
from earmark.classify.app.jobs.queue import JobQueue
from earmark.classify.app.settings import setting

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["forget", "owner", "queue", "scratch", "setting"]

LOOK = 2.0
"""Seconds between two looks at who is still there."""


@st.cache_resource(show_spinner=False)
def queue() -> JobQueue:
    """Return the one queue of this process; its workers start with it."""
    return JobQueue(workers=setting().workers, warm=track_analysis.warm)


def owner() -> str:
    """Return a name of this session that nobody else can guess: who a job is done for."""
    if "owner" not in st.session_state:
        st.session_state["owner"] = secrets.token_hex(8)
    found: str = st.session_state["owner"]
    return found


def forget(files: Iterable[str]) -> None:
    """Have Streamlit let go of uploads, which it holds in memory until their session ends.

    Parameters
    ----------
    files : iterable of str
        What Streamlit calls them: their `file_id`. Boxes that show them are empty after this.
    """
    _compat.forget_uploads(files)


def scratch() -> uploads.Scratch:
    """Return the folder of this session; it goes when the session does."""
    return _session().scratch


class _Session:
    """What goes when a session does, and not when its connection is lost for a moment."""

    def __init__(self, own: str) -> None:
        limits, megabyte = setting(), 10**6
        self.scratch = uploads.Scratch(
            uploads.Limits(
                limits.upload_mb * megabyte, limits.uploads, limits.session_mb * megabyte
            )
        )
        self.end = weakref.finalize(self, _leave, queue(), own, self.scratch)
        name = _compat.session_id()
        if name is not None:
            _ends()[name] = self.end, None


def _leave(queue: JobQueue, own: str, scratch: uploads.Scratch) -> None:
    # The garbage collector may interrupt a thread that holds the lock of the queue. The jobs go
    # before the files that they read.
    threading.Thread(target=queue.leave, args=(own,), daemon=True).start()
    scratch.close()


def _session() -> _Session:
    found: _Session | None = st.session_state.get("session")
    if found is None or not found.end.alive:
        found = st.session_state["session"] = _Session(owner())
    return found


Ends = dict[str, tuple["weakref.finalize[Any, Any]", float | None]]
"""By the name of a session what ends it, and since when nobody has been connected to it."""


@st.cache_resource(show_spinner=False)
def _ends() -> Ends:
    ends: Ends = {}
    threading.Thread(target=_watch, args=(ends,), daemon=True).start()
    return ends


def _watch(ends: Ends) -> None:
    """End sessions to which nobody came back: Streamlit forgets them some day, and says nothing."""
    patience = float(st.get_option("server.disconnectedSessionTTL")) + LOOK
    while True:
        time.sleep(LOOK)
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
