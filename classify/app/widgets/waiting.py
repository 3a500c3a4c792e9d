"""Widgets for a running job: its progress, its place in the queue, a button that stops it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import streamlit as st

if TYPE_CHECKING:
    from earmark.classify.app.jobs.queue import Job

__all__ = ["POLL", "WAIT", "progress_bar", "queue_position"]

POLL = 0.4
"""Seconds between two redraws while a job runs."""

WAIT = 1.5
"""Seconds to wait for a job before a progress bar is drawn: enough for a song."""


def queue_position(job: Job | None) -> str:
    """Describe how long a job waits in the queue; empty where it does not wait for others."""
    if job is None or job.state != "waiting" or not job.ahead:
        return ""
    return f"{job.ahead} before you; starts within {max(1, math.ceil(job.wait))} s"


def progress_bar(share: float, text: str, key: str) -> bool:
    """Draw a progress bar, and return whether its stop button was pressed."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.progress(share, text)
        return st.button("Stop", icon=":material/stop:", key=key)
