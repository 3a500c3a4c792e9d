"""What outlives a run of a page: the queue of the process, and what belongs to one session."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

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
    return _session(owner()).scratch


@dataclass(frozen=True)
class _Session:
    """What goes when a session does."""

    owner: str
    scratch: uploads.Scratch

    def close(self) -> None:
        line().leave(self.owner)
        self.scratch.close()


@st.cache_resource(scope="session", show_spinner=False, on_release=_Session.close)
def _session(owner: str) -> _Session:
    limits, megabyte = setting(), 10**6
    return _Session(
        owner,
        uploads.Scratch(
            uploads.Limits(
                limits.upload_mb * megabyte, limits.uploads, limits.session_mb * megabyte
            )
        ),
    )
