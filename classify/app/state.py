"""What outlives a run of a page: the queue of the process, and what belongs to one session."""

from __future__ import annotations

import secrets
import threading
import weakref

import streamlit as st

from classify.app import hear, uploads
from classify.app.line import Line
from classify.app.setting import setting

__all__ = ["line", "owner", "scratch", "setting"]


@st.cache_resource(show_spinner=False)
def line() -> Line:
    """Return the one queue of this process; its workers start with it."""
    return Line(workers=setting().workers, warm=hear.warm)


def owner() -> str:
    """Return a name of this session that nobody else can guess: who a job is done for."""
    if "owner" not in st.session_state:
        st.session_state["owner"] = secrets.token_hex(8)
    found: str = st.session_state["owner"]
    return found


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
        # Streamlit says nothing when it forgets a session; what it forgets is collected.
        weakref.finalize(self, _leave, line(), own)


def _leave(line: Line, own: str) -> None:
    # Whoever is interrupted by the collection may hold the line's lock.
    threading.Thread(target=line.leave, args=(own,), daemon=True).start()


def _session() -> _Session:
    if "session" not in st.session_state:
        st.session_state["session"] = _Session(owner())
    found: _Session = st.session_state["session"]
    return found
