"""Classify: a genre for each uploaded file, or for each track of a folder, with the reasons."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from earmark.classify import score
from earmark.classify.app import session, visits
from earmark.classify.app.jobs.track_analysis import model_at
from earmark.classify.app.jobs.track_list import TrackList
from earmark.classify.app.pages.classify.filters import find, looked_at, sought
from earmark.classify.app.pages.classify.results import show_results
from earmark.classify.app.pages.classify.sources import (
    choose_sources,
    offer_demo,
    offer_undo,
    open_folder,
    take_sources,
)
from earmark.classify.app.pages.classify.tags import show_undo
from earmark.classify.app.pages.classify.track import show_track
from earmark.classify.app.widgets import address, model_picker, theme

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["page"]

GAINS = (
    (
        ":material/graphic_eq:",
        "Genre",
        "The likeliest, and how often such an answer is right.",
    ),
    (":material/speed:", "Tempo, key, mood", "With beats and bars that you can see and hear."),
    (":material/chat:", "Why", "What speaks for the genre and what against it, in words."),
    (":material/lock:", "Yours", "Nothing leaves this computer, and no file is changed unasked."),
)
"""What somebody who has nothing here yet gets: icon, what, and a sentence."""


def page() -> None:
    """Draw the page."""
    held: TrackList | None = st.session_state.get("track list")
    if held is None or not held.items:
        _welcome(first=held is None)
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        st.title("Classify", anchor=False)
        track_list = _track_list(_model())
    with (
        theme.errors_shown(),
        st.expander("More tracks, or another folder", icon=":material/add:"),
    ):
        choose_sources(track_list)
    with theme.errors_shown():
        # After an error here, running jobs are still shown and can be stopped.
        take_sources(track_list)
    # A single track is shown above the table, which has only one row.
    parts = (show_results, show_track) if len(track_list.items) > 1 else (show_track, show_results)
    for part in parts:
        part(track_list)
    show_undo()
    _tell_address(track_list)
    visits.remember(track_list)
    visits.tell()


def _welcome(first: bool) -> None:
    """Draw what somebody sees who has nothing here yet."""
    opened = address.given("classify", "folder", "track", "q")
    if first and not opened.get("folder"):
        visits.restore_model("classify model")
    theme.page_header(
        "Earmark", "Drop a song, and see its genre, tempo, key and mood, and what speaks for them."
    )
    boxes = st.container()
    with st.container(horizontal=True, vertical_alignment="center"):
        demo = st.container()
        model = _model()
    track_list = _track_list(model)
    if named := opened.get("folder"):
        open_folder(named[0], *opened["track"][:1])
        find(*opened["q"][:1])
    elif first:
        visits.restore(track_list)
    with boxes, theme.errors_shown():
        choose_sources(track_list)
    with demo, theme.errors_shown():
        offer_undo(track_list)
        offer_demo(track_list)
    with theme.errors_shown():
        take_sources(track_list)
    if track_list.items:
        st.rerun()
    address.told(folder=None, track=None, q=None)
    visits.remember(track_list)
    visits.tell()
    for column, (icon, what, sentence) in zip(st.columns(len(GAINS)), GAINS, strict=True):
        with column.container(border=True, height="stretch"):
            st.markdown(f"## {icon} {what}")
            st.caption(sentence)
    show_undo()


def _tell_address(track_list: TrackList) -> None:
    """Have the address say which folder and track are looked at; what was dropped has none."""
    source = track_list.source
    root = None if source is None else session.root_of(source)
    if source is None or root is None:
        address.told(folder=None, track=None, q=None)
        return
    seen = looked_at(track_list)
    address.told(
        folder=source.relative_to(root).as_posix(),
        track=None if seen is None else seen.name,
        q=sought() or None,
    )


def _model() -> Path:
    """Draw the choice of a model, which most leave as it is, behind a button."""
    with st.popover("Options", icon=":material/tune:"):
        visits.switch()
        return model_picker.choose_model("classify model")


def _track_list(model: Path) -> TrackList:
    """Return the track list of this session, classified by the chosen model."""
    if "track list" not in st.session_state:
        st.session_state["track list"] = TrackList(session.owner(), model, session.scratch().path)
    track_list: TrackList = st.session_state["track list"]
    track_list.folder = session.scratch().path
    track_list.kept = visits.results()
    if track_list.model != model:
        score.extraction_of(model_at(model), model_picker.model_name(model))
        track_list.change_model(model)
    return track_list
