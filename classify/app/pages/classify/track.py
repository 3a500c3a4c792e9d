"""The selected track: how it sounds, its genre, what speaks for it, and its values."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from earmark.classify import reasons
from earmark.classify.app import session
from earmark.classify.app.errors import JobError
from earmark.classify.app.jobs.track_analysis import TrackAnalysis, model_at
from earmark.classify.app.widgets import charts, grid, player, radar, theme, waiting
from earmark.classify.app.widgets.waiting import POLL, WAIT

if TYPE_CHECKING:
    from earmark.classify.app.jobs.track_list import Item, TrackList

__all__ = ["show_track"]


def show_track(track_list: TrackList) -> None:
    """Draw the selected track, once it is analysed."""
    item = track_list.chosen
    if item is None or item not in track_list.items:
        return
    if not item.picture:
        track_list.show(item)
        track_list.refresh(session.queue())
    if item.waits:
        _wait_briefly(track_list, item)
    if item.waits:
        theme.fragment(_waiting, POLL)(track_list, item)
    elif item.analysis is not None:
        _show_analysis(track_list, item)


def _wait_briefly(track_list: TrackList, item: Item) -> None:
    """Wait a moment for a track that is being analysed, to draw it without a progress bar."""
    job = item.job
    if job is None or job.ahead:
        return
    place = st.empty()
    place.caption("Listening…")
    # `refresh` below takes in the error of a failed job.
    with contextlib.suppress(TimeoutError, JobError):
        job.result(WAIT)
    place.empty()
    track_list.refresh(session.queue())


def _waiting(track_list: TrackList, item: Item) -> None:
    """Show the progress of the analysis of a track, until it is done."""
    track_list.refresh(session.queue())
    if not item.waits:
        st.rerun()
    st.subheader(theme.plain(item.name), anchor=False)
    job = item.job
    share = job.progress[0] if job else 0.0
    if waiting.progress_bar(share, waiting.queue_position(job) or "Listening…", "stop one"):
        track_list.stop(item)
        st.rerun()


def _show_analysis(track_list: TrackList, item: Item) -> None:
    analysis = item.analysis
    if analysis is None:
        return
    st.divider()
    if analysis.picture is not None:
        sound = Path(analysis.sound) if analysis.sound else None
        player.show(analysis.picture, sound, item.name, "player")
    elif item.error:
        theme.show_error(f"{item.name}: {item.error}")
    _facts(analysis)
    left, right = st.columns(2, gap="large")
    with left:
        st.markdown("##### Genre")
        if not analysis.genres:
            theme.empty_state("No genre", "It is silent, or shorter than a tenth of a second.")
            return
        theme.figure(charts.genres(analysis.genres, analysis.probabilities), key="genres")
        _why(analysis)
    with right:
        st.markdown("##### The thirteen values")
        typical = model_at(track_list.model).typical.get(analysis.genres[0], {})
        theme.figure(radar.radar(analysis.values, typical), key="radar")
        st.dataframe(
            grid.values(analysis.values, typical), hide_index=True, height="content", key="values"
        )


def _why(analysis: TrackAnalysis) -> None:
    """Tell what speaks for the genre and what against it: in words, and behind a fold by column."""
    st.markdown(f"##### Why {theme.plain(analysis.genres[0])}?")
    families = pd.DataFrame(analysis.families, columns=["family", "words", "contribution"])
    for sign, heading in ((1, "For it"), (-1, "Against it")):
        if found := reasons.told(families, sign):
            lines = "\n".join(f"- {theme.plain(line)}" for line in found)
            st.markdown(f"{heading}:\n\n{lines}")
    if analysis.tags:
        named = ", ".join(f"{tag} {charts.percent(share)}" for tag, share in analysis.tags)
        st.caption(theme.plain(f"Tags, as a network hears them: {named}"))
    with st.expander("By descriptor"):
        theme.figure(charts.reasons(analysis.reasons), key="reasons")
        st.caption("Green speaks for it, orange against it, beside the average genre.")


def _facts(analysis: TrackAnalysis) -> None:
    minutes, seconds = divmod(int(analysis.duration), 60)
    facts = [f"{minutes}:{seconds:02d}", f"{analysis.sample_rate / 1000:g} kHz"]
    facts.append({1: "mono", 2: "stereo"}.get(analysis.channels, f"{analysis.channels} channels"))
    st.caption(" · ".join(facts))
