"""Classify: files or a folder become genres, with what is to be seen of each track, and why."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from earmark.classify import score
from earmark.classify.app import session
from earmark.classify.app.files.paths import inside
from earmark.classify.app.jobs import tagging, track_list
from earmark.classify.app.jobs.track_analysis import TrackAnalysis, model_at
from earmark.classify.app.jobs.track_list import Item, TrackList
from earmark.classify.app.settings import app_settings
from earmark.classify.app.widgets import charts, grid, model_picker, player, radar, theme, waiting
from earmark.classify.app.widgets.waiting import POLL
from earmark.extract.errors import EarmarkError, FileError, FindError, JobError, printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from earmark.classify.app.jobs.queue import Job

__all__ = ["page"]

SOON = 1.5
"""Seconds in which a song is analysed."""

WRONG = "classify wrong"
"""Where a session keeps what was wrong with the folder that was named."""

SAID = 5
"""Files of which it is said at once why they were not analysed."""


def page() -> None:
    """Draw the page."""
    theme.page_header("Classify", "A genre for every track, what speaks for it, and how it sounds.")
    model = model_picker.choose_model("classify model")
    own = _shelf(model)
    with theme.errors_shown():
        # What runs is shown, and can be stopped, whatever else is wrong.
        _sources(own)
    if not own.items:
        theme.empty_state(
            "Nothing here yet",
            "Drop a few tracks above, or name a folder. They are analysed where this app runs, and "
            "what you drop is removed when you leave.",
        )
        return
    # Of one track there is more to see than a row.
    parts = (_board, _track) if len(own.items) > 1 else (_track, _board)
    for part in parts:
        part(own)


def _shelf(model: Path) -> TrackList:
    """Return the shelf of this session, described by the model that is chosen."""
    if "track list" not in st.session_state:
        st.session_state["track list"] = TrackList(session.owner(), model, session.scratch().path)
    own: TrackList = st.session_state["track list"]
    own.folder = session.scratch().path
    if own.model != model:
        score.extraction_of(model_at(model), model_picker.model_name(model))
        own.again(model)
    return own


def _sources(own: TrackList) -> None:
    dropped, named = st.tabs([":material/upload: Drop files", ":material/folder: Name a folder"])
    with dropped:
        _drop(own)
    with named:
        _name(own)


def _drop(own: TrackList) -> None:
    limits = app_settings()
    turn = st.session_state.setdefault("uploads turn", 0)
    dropped = st.file_uploader(
        "Audio files",
        accept_multiple_files=True,
        key=f"uploads {turn}",
        max_upload_size=limits.upload_mb,
        label_visibility="collapsed",
    )
    _refused(st.session_state.get("uploads refused", []))
    if not dropped:
        st.caption(
            f"Up to {limits.uploads} files, {limits.upload_mb} MB each and {limits.session_mb} MB "
            "together."
        )
        return
    if own.source is not None:
        _clear(own)
    scratch = session.scratch()
    refused: list[tuple[str, str]] = []
    st.session_state["uploads refused"] = refused
    # Another key is an empty box.
    st.session_state["uploads turn"] = turn + 1
    # From here to the shelf Streamlit is asked for nothing: it would end a run that somebody's
    # next click makes another of, and what was kept would be nobody's.
    kept: list[tuple[str, Path]] = []
    for file in dropped:
        try:
            upload = scratch.keep(file.name, file)
            kept.append((upload.name, upload.path))
        except FileError as error:
            refused.append((error.path, error.message))
        except EarmarkError as error:
            refused.append((file.name, str(error)))
    own.add(kept)
    session.forget(file.file_id for file in dropped)
    st.rerun()


def _refused(told: Sequence[tuple[str, str]]) -> None:
    """Say which files are not analysed, and why; many of them behind a click."""
    for name, why in told[:SAID]:
        theme.show_error(f"{name}: {why}")
    if len(told) > SAID:
        with st.expander(f"{len(told) - SAID} more"):
            rows = pd.DataFrame(told[SAID:], columns=["track", "why"])
            st.dataframe(rows, hide_index=True)


def _clear(own: TrackList) -> None:
    """Take everything away, and all that was said of it."""
    own.clear()
    session.scratch().clear()
    for said in ("uploads refused", WRONG):
        st.session_state.pop(said, None)


def _name(own: TrackList) -> None:
    root = app_settings().root
    with st.form("folder", border=False):
        named = st.text_input(
            "Folder",
            placeholder="data/raw" if (root / "data" / "raw").is_dir() else "Music/2024",
            help=f"Below {theme.plain(str(root))}; searched at every depth.",
        )
        if st.form_submit_button("Analyse", type="primary", icon=":material/play_arrow:"):
            with theme.remember_error(WRONG):
                _search(named)
    _found(own, root)
    theme.show_remembered_error(WRONG)
    if own.more:
        st.warning(
            f"{own.more:,} more tracks of the folder were not taken. `earmark classify` takes all."
        )


def _found(own: TrackList, root: Path) -> None:
    """Put what a folder holds on the shelf, once it was searched."""
    if "classify finding" not in st.session_state:
        return
    folder, named, job = st.session_state["classify finding"]
    with contextlib.suppress(TimeoutError, JobError):
        job.result(SOON)
    if not job.finished:
        theme.fragment(_searching, POLL)(job)
        return
    if job.state != "cancelled":
        with theme.remember_error(WRONG):
            # A link may lead out of the root.
            tracks = [(name, path) for name, path in job.result() if path.is_relative_to(root)]
            if not tracks:
                raise FindError(printable(named), "holds no audio files but links to elsewhere")
            most = app_settings().folder_tracks
            _clear(own)
            own.source, own.more = folder, max(0, len(tracks) - most)
            own.add(tracks[:most])
    # Only now: a run that ends before is followed by one that takes them.
    del st.session_state["classify finding"]


def _search(named: str) -> None:
    """Have a folder searched; what was searched before is nobody's wish any more."""
    folder = inside(named)
    if before := st.session_state.pop("classify finding", None):
        before[-1].cancel()
    job = session.queue().submit(
        session.owner(),
        track_list.search,
        *(folder, named),
        timeout=app_settings().track_seconds,
        first=True,
    )
    st.session_state["classify finding"] = folder, named, job


def _searching(job: Job) -> None:
    """Say that a folder is searched, until it is."""
    if job.finished:
        st.rerun()
    if waiting.progress_bar(
        0.0, waiting.queue_position(job) or "Looking for tracks…", "stop search"
    ):
        job.cancel()
        st.rerun()


def _board(own: TrackList) -> None:
    """Draw the table, again and again for as long as there is more to come."""
    busy = own.refresh(session.queue())
    # A long table takes longer to draw.
    every = max(POLL, len(own.items) / 2000)
    theme.fragment(_table, every if busy else None)(own)


def _table(own: TrackList) -> None:
    busy = own.refresh(session.queue())
    drawn = st.session_state.get("classify drawn", (own.chosen, busy))
    st.session_state["classify drawn"] = own.chosen, busy
    if drawn != (own.chosen, busy):
        # Another track is looked at, or all is done: that is drawn outside of this part.
        st.rerun()
    done, failed, stopped = own.done, own.failed, own.stopped
    left = len(own.items) - len(done) - len(failed) - len(stopped)
    if left:
        text = f"{len(own.items) - left} of {len(own.items)} tracks"
        if waiting.progress_bar(1 - left / len(own.items), text, "stop all"):
            own.stop()
            st.rerun()
    _refused([(item.name, item.error) for item in failed])
    if done:
        _results(own, done, busy)
    with st.container(horizontal=True):
        if stopped and st.button(f"Go on with {len(stopped)} more", icon=":material/play_arrow:"):
            own.resume()
            st.rerun()
        if st.button("Clear", icon=":material/delete_sweep:", disabled=busy):
            _clear(own)
            st.rerun()


def _results(own: TrackList, done: list[Item], busy: bool) -> None:
    words, genres, least = st.columns([3, 3, 2])
    for key in ("classify search", "classify least"):
        theme.persistent_key(key)
    text = words.text_input("Search", placeholder="part of a name", key="classify search")
    names = sorted({item.heard.genres[0] for item in done if item.heard and item.heard.genres})
    held = st.session_state.get(theme.persistent_key("classify genres"), [])
    if not set(held) <= set(names):
        # Other tracks, or another model.
        del st.session_state["classify genres"]
    chosen = genres.multiselect("Genres", names, key="classify genres", placeholder="all")
    share = least.slider("At least", 0, 100, step=5, format="%d %%", key="classify least")
    shown = [
        item
        for item in done
        if text.casefold() in item.name.casefold()
        and (
            not chosen or (item.heard and item.heard.genres[:1] and item.heard.genres[0] in chosen)
        )
        and (not share or (item.heard and max(item.heard.probabilities, default=0) >= share / 100))
    ]
    found = track_list.table(shown)
    # The row of the track that is looked at.
    looked_at = [place for place, item in enumerate(shown) if item is own.chosen]

    def choose() -> None:
        picked = st.session_state["classify table"]["selection"]["rows"]
        if picked:
            own.chosen = shown[picked[0]]

    st.dataframe(
        grid.spoken(found),
        hide_index=True,
        column_config=grid.columns(),
        height=min(38 + 35 * max(len(found), 1), 420),
        on_select=choose,
        selection_mode="single-row",
        selection_default=grid.marked("classify table", looked_at),
        key="classify table",
    )
    st.caption(f"{len(found):,} of {len(own.items):,} tracks. Select one to look at it.")
    # A playlist of what was uploaded knows names alone: nobody finds our copies.
    there = {item.name: str(item.path) for item in shown} if own.source else None
    grid.downloads(found, "genres", there)
    planned = st.toggle(
        "What would the tags be?",
        disabled=busy,
        key="plan",
        help="A dry run: what would be written into the files, beside what is there.",
    )
    if planned and not busy:
        _plan(shown, found)


def _plan(shown: list[Item], found: pd.DataFrame) -> None:
    """Show what would be written into the files; nothing is."""
    own: TrackList = st.session_state["track list"]
    asked = (own.model, *shown)
    before, job = st.session_state.get("classify plan", ((), None))
    if job is None or before != asked:
        if job is not None:
            job.cancel()
        paths = {item.name: str(item.path) for item in shown}
        limit = app_settings().track_seconds + len(shown) * tagging.SECONDS
        job = session.queue().submit(session.owner(), tagging.planned, found, paths, timeout=limit)
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
    """Say how far the reading of tags is, until it is done."""
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


def _track(own: TrackList) -> None:
    item = own.chosen
    if item is None or item not in own.items:
        return
    if not item.picture:
        own.show(item)
        own.refresh(session.queue())
    if item.waits:
        _soon(own, item)
    if item.waits:
        theme.fragment(_waiting, POLL)(own, item)
    elif item.heard is not None:
        _portrait(own, item)


def _soon(own: TrackList, item: Item) -> None:
    """Wait a moment for what nobody is before: it is drawn at once, and not at the next look."""
    job = item.job
    if job is None or job.ahead:
        return
    place = st.empty()
    place.caption("Listening…")
    # Why it failed is said by whoever takes it in.
    with contextlib.suppress(TimeoutError, JobError):
        job.result(SOON)
    place.empty()
    own.refresh(session.queue())


def _waiting(own: TrackList, item: Item) -> None:
    """Say how long it takes, until it is there."""
    own.refresh(session.queue())
    if not item.waits:
        st.rerun()
    st.subheader(theme.plain(item.name), anchor=False)
    job = item.job
    share = job.progress[0] if job else 0.0
    if waiting.progress_bar(share, waiting.queue_position(job) or "Listening…", "stop one"):
        own.stop(item)
        st.rerun()


def _portrait(own: TrackList, item: Item) -> None:
    heard = item.heard
    assert heard is not None
    st.divider()
    if heard.picture is not None:
        sound = Path(heard.sound) if heard.sound else None
        player.show(heard.picture, sound, item.name, "player")
    elif item.error:
        theme.show_error(f"{item.name}: {item.error}")
    _facts(heard)
    left, right = st.columns(2, gap="large")
    with left:
        st.markdown("##### Genre")
        if not heard.genres:
            theme.empty_state("No genre", "It is silent, or shorter than a tenth of a second.")
            return
        theme.figure(charts.genres(heard.genres, heard.probabilities), key="genres")
        st.markdown(f"##### Why {theme.plain(heard.genres[0])}?")
        theme.figure(charts.reasons(heard.reasons), key="reasons")
        st.caption("Green speaks for it, orange against it, beside the average genre.")
    with right:
        st.markdown("##### The thirteen values")
        typical = model_at(own.model).typical.get(heard.genres[0], {})
        theme.figure(radar.radar(heard.values, typical), key="radar")
        st.dataframe(
            grid.values(heard.values, typical), hide_index=True, height="content", key="values"
        )


def _facts(heard: TrackAnalysis) -> None:
    minutes, seconds = divmod(int(heard.duration), 60)
    facts = [f"{minutes}:{seconds:02d}", f"{heard.sample_rate / 1000:g} kHz"]
    facts.append({1: "mono", 2: "stereo"}.get(heard.channels, f"{heard.channels} channels"))
    st.caption(" · ".join(facts))
