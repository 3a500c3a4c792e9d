"""Which tags would be written into files: a dry run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from earmark.classify.app import session
from earmark.classify.app.jobs import tagging
from earmark.classify.app.settings import app_settings
from earmark.classify.app.widgets import theme, waiting
from earmark.classify.app.widgets.waiting import POLL

if TYPE_CHECKING:
    import pandas as pd

    from earmark.classify.app.jobs.queue import Job
    from earmark.classify.app.jobs.track_list import Item, TrackList

__all__ = ["show_planned_tags"]


def show_planned_tags(shown: list[Item], table: pd.DataFrame) -> None:
    """Show which tags would be written into the files, without writing any."""
    track_list: TrackList = st.session_state["track list"]
    asked = (track_list.model, *shown)
    before, job = st.session_state.get("classify plan", ((), None))
    if job is None or before != asked:
        if job is not None:
            job.cancel()
        paths = {item.name: str(item.path) for item in shown}
        limit = app_settings().track_seconds + len(shown) * tagging.SECONDS
        job = session.queue().submit(session.owner(), tagging.planned, table, paths, timeout=limit)
        st.session_state["classify plan"] = asked, job
    if not job.finished:
        theme.fragment(_planning, POLL)(job)
        return
    if job.state == "done":
        _planned(job.result())
    elif job.state == "failed":
        theme.show_error(job.error)
    else:
        st.caption("Stopped.")
    if st.button("Read the files again", icon=":material/refresh:", key="plan again"):
        del st.session_state["classify plan"]
        st.rerun()


def _planning(job: Job) -> None:
    """Show the progress of reading tags, until it is done."""
    if job.finished:
        st.rerun()
    share, text = job.progress
    if waiting.progress_bar(
        share, waiting.queue_position(job) or text or "Reading tags…", "stop plan"
    ):
        job.cancel()
        st.rerun()


def _planned(plan: pd.DataFrame) -> None:
    counts = plan["what"].value_counts()
    said = [f"{counts.get(what, 0)} to {what}" for what in ("add", "replace", "keep")]
    st.caption(f"A dry run, no file is touched: {', '.join(said)}.")
    st.dataframe(plan, hide_index=True, key="planned")
