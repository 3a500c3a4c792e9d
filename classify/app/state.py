"""What outlives a run of a page: the queue of the process, and what belongs to one session."""

from __future__ import annotations

import secrets
from pathlib import Path

import streamlit as st

from classify.app import uploads
from classify.app.line import Line
from classify.app.setting import setting

__all__ = ["line", "owner", "scratch", "setting"]


@st.cache_resource(show_spinner=False)
def line() -> Line:
    """Return the one queue of this process; its workers start with it."""
    return Line(workers=setting().workers)


def owner() -> str:
    """Return a name of this session that nobody else can guess: who a job is done for."""
    if "owner" not in st.session_state:
        st.session_state["owner"] = secrets.token_hex(8)
    found: str = st.session_state["owner"]
    return found


def scratch() -> Path:
    """Return the folder of this session; it goes when the session does."""
    return _scratch(owner()).path


@st.cache_resource(scope="session", show_spinner=False, on_release=lambda folder: folder.close())
def _scratch(owner: str) -> uploads.Scratch:
    return uploads.Scratch()
