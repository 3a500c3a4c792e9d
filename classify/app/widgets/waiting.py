"""Waiting for a worker: how far it is, when it starts, and a button that stops it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import streamlit as st

if TYPE_CHECKING:
    from earmark.classify.app.jobs.queue import Job

__all__ = ["POLL", "bar", "turn"]

POLL = 0.4
"""Seconds between two looks at what the workers have done."""


def turn(job: Job | None) -> str:
    """Say when the turn of a job comes; nothing where none is before it."""
    if job is None or job.state != "waiting" or not job.ahead:
        return ""
    return f"{job.ahead} before you; starts within {max(1, math.ceil(job.wait))} s"


def bar(share: float, text: str, key: str) -> bool:
    """Draw how far something is, and return whether somebody wants to stop it."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.progress(share, text)
        return st.button("Stop", icon=":material/stop:", key=key)
