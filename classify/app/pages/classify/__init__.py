"""Classify: a genre for each uploaded file, or for each track of a folder, with the reasons."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from earmark.classify import score
from earmark.classify.app import session
from earmark.classify.app.jobs.track_analysis import model_at
from earmark.classify.app.jobs.track_list import TrackList
from earmark.classify.app.pages.classify.results import show_results
from earmark.classify.app.pages.classify.sources import choose_sources
from earmark.classify.app.pages.classify.track import show_track
from earmark.classify.app.widgets import model_picker, theme

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["page"]


def page() -> None:
    """Draw the page."""
    theme.page_header("Classify", "A genre for every track, what speaks for it, and how it sounds.")
    model = model_picker.choose_model("classify model")
    track_list = _track_list(model)
    with theme.errors_shown():
        # After an error here, running jobs are still shown and can be stopped.
        choose_sources(track_list)
    if not track_list.items:
        theme.empty_state(
            "Nothing here yet",
            "Drop a few tracks above, or name a folder. They are analysed where this app runs, and "
            "what you drop is removed when you leave.",
        )
        return
    # A single track is shown above the table, which has only one row.
    parts = (show_results, show_track) if len(track_list.items) > 1 else (show_track, show_results)
    for part in parts:
        part(track_list)


def _track_list(model: Path) -> TrackList:
    """Return the track list of this session, classified by the chosen model."""
    if "track list" not in st.session_state:
        st.session_state["track list"] = TrackList(session.owner(), model, session.scratch().path)
    track_list: TrackList = st.session_state["track list"]
    track_list.folder = session.scratch().path
    if track_list.model != model:
        score.extraction_of(model_at(model), model_picker.model_name(model))
        track_list.change_model(model)
    return track_list
