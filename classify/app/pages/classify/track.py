"""The selected track: how it sounds, its genre, what speaks for it, and its values."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from earmark.classify import demo
from earmark.classify.app import session
from earmark.classify.app.errors import JobError
from earmark.classify.app.jobs.track_analysis import TrackAnalysis, model_at
from earmark.classify.app.pages.classify.filters import looked_at
from earmark.classify.app.widgets import (
    charts,
    grid,
    headline,
    player,
    radar,
    reasoning,
    theme,
    timeline,
    waiting,
)
from earmark.classify.app.widgets.waiting import POLL, WAIT

if TYPE_CHECKING:
    from earmark.classify.app.jobs.track_list import Item, TrackList

__all__ = ["show_track"]


def show_track(track_list: TrackList) -> None:
    """Draw the track that is looked at, once it is analysed."""
    item = looked_at(track_list)
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
    st.markdown(f"## {theme.plain(item.name)}")
    job = item.job
    share = job.progress[0] if job else 0.0
    if waiting.progress_bar(share, waiting.queue_position(job) or "Listening…", "stop one"):
        track_list.stop(item)
        st.rerun()


def _show_analysis(track_list: TrackList, item: Item) -> None:
    analysis = item.analysis
    if analysis is None:
        return
    _headline(track_list, item, analysis)
    if analysis.picture is not None:
        sound = Path(analysis.sound) if analysis.sound else None
        player.show(analysis.picture, sound, item.name, "player")
        if sound is None and not item.path.is_file():
            st.caption("Its file was dropped in an earlier visit. Drop it again to hear it.")
    elif item.error:
        theme.show_error(f"{item.name}: {item.error}")
    _over_time(track_list, item)
    left, right = st.columns(2, gap="large")
    with left:
        st.markdown("## Genre")
        if not analysis.genres:
            st.caption("None: it is silent, or shorter than a tenth of a second.")
            return
        theme.figure(charts.genres(analysis.genres, analysis.probabilities), key="genres")
        _why(analysis)
    with right:
        st.markdown("## The thirteen values")
        typical = model_at(track_list.model).typical.get(analysis.genres[0], {})
        theme.figure(radar.radar(analysis.values, typical), key="radar")
        st.dataframe(
            grid.values(analysis.values, typical), hide_index=True, height="content", key="values"
        )


def _over_time(track_list: TrackList, item: Item) -> None:
    """Draw what changes in the course of a track, once a worker has found it out."""
    if not track_list.follow(session.queue(), item):
        theme.fragment(_following, POLL)(track_list, item)
    elif item.course.found is not None:
        timeline.show(item.course.found)
    else:
        st.caption(theme.plain(f"Over time: {item.course.error}", 400))


def _following(track_list: TrackList, item: Item) -> None:
    """Show a placeholder until it is known what changes in the course of a track."""
    if track_list.follow(session.queue(), item):
        st.rerun()
    st.skeleton(height=180)


def _headline(track_list: TrackList, item: Item, analysis: TrackAnalysis) -> None:
    """Draw what is asked first: what it is called, its genre, how sure that is, and the facts."""
    with st.container(horizontal=True, gap="medium", key="headline"):
        if analysis.cover:
            st.image(analysis.cover, width=132, alt="The cover")
        with st.container(gap="xsmall"):
            _called(item, analysis)
            if not analysis.genres:
                st.markdown("### No genre")
                return
            _genre(track_list, analysis)
            _facts(analysis)
    if analysis.artist == demo.ARTIST or demo.synthetic([item.path], [item.name]):
        st.caption(
            ":material/info: A demo track: synthetic, computed by a script, and no measure of how "
            "right the model is."
        )


def _called(item: Item, analysis: TrackAnalysis) -> None:
    """Draw the title, artist and album as far as the tags say them, and what the file is."""
    minutes, seconds = divmod(int(analysis.duration), 60)
    channels = {1: "mono", 2: "stereo"}.get(analysis.channels, f"{analysis.channels} channels")
    about = [analysis.artist, analysis.album, item.name if analysis.title else ""]
    about += [f"{minutes}:{seconds:02d}", f"{analysis.sample_rate / 1000:g} kHz", channels]
    st.markdown(f"## {theme.plain(analysis.title or item.name)}")
    st.caption(" · ".join(theme.plain(part) for part in about if part))


def _genre(track_list: TrackList, analysis: TrackAnalysis) -> None:
    """Draw the genre, the next ones, and how sure that is; a guess in grey."""
    sure = headline.certainty(analysis.probabilities[0], model_at(track_list.model).metrics)
    speech = headline.is_speech(analysis.genres, analysis.values)
    named = [
        f"{theme.plain(genre)} {charts.percent(share)}"
        for genre, share in zip(analysis.genres[:3], analysis.probabilities[:3], strict=True)
    ]
    others = f":gray[:small[{', '.join(named[1:])}]]" if named[1:] else ""
    if speech:
        st.markdown(f"### Speech, not music :gray[:small[{', '.join(named)}]]")
    elif sure.weak:
        st.markdown(f"### :gray[{named[0]}?] {others}")
    else:
        st.markdown(f"### {named[0]} {others}")
    st.markdown(f"**{sure.words}.** :gray[{theme.plain(sure.told, 400)}]")


def _why(analysis: TrackAnalysis) -> None:
    """Tell what speaks for the genre and what against it: in words, and behind a fold by column."""
    st.markdown(f"## Why {theme.plain(analysis.genres[0])}?")
    families = pd.DataFrame(analysis.families, columns=["family", "words", "contribution"])
    reasoning.show(families)
    if analysis.tags:
        named = ", ".join(f"{tag} {charts.percent(share)}" for tag, share in analysis.tags)
        st.caption(theme.plain(f"Tags, as a network hears them: {named}"))
    with st.expander("By descriptor"):
        theme.figure(charts.reasons(analysis.reasons), key="reasons")
        st.caption("Green speaks for it, orange against it, beside the average genre.")


def _facts(analysis: TrackAnalysis) -> None:
    """Draw tempo, key, energy and mood in a line; of speech they mean nothing."""
    if headline.is_speech(analysis.genres, analysis.values):
        return
    found = headline.facts(analysis.values, analysis.tags)
    with st.container(horizontal=True, gap="medium"):
        for name, value in found.items():
            st.markdown(f":gray[{name}] **{theme.plain(value)}**", width="content")
