"""Classify: a genre for each uploaded file, or for each track of a folder, with the reasons."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from earmark.classify import score
from earmark.classify.app import session
from earmark.classify.app.errors import JobError
from earmark.classify.app.files.paths import resolve_below_root
from earmark.classify.app.jobs import tagging, track_list
from earmark.classify.app.jobs.track_analysis import TrackAnalysis, model_at
from earmark.classify.app.jobs.track_list import Item, TrackList
from earmark.classify.app.jobs.track_list import table as tabulate
from earmark.classify.app.settings import app_settings
from earmark.classify.app.widgets import charts, grid, model_picker, player, radar, theme, waiting
from earmark.classify.app.widgets.waiting import POLL
from earmark.extract.errors import EarmarkError, FileError, FindError, printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from earmark.classify.app.jobs.queue import Job

__all__ = ["page"]

WAIT = 1.5
"""Seconds to wait for a job before a progress bar is drawn: enough for a song."""

ERROR = "classify wrong"
"""The session key of the error about the folder that was named."""

SHOWN_ERRORS = 5
"""Errors about files that are shown at once; the others are behind a click."""


def page() -> None:
    """Draw the page."""
    theme.page_header("Classify", "A genre for every track, what speaks for it, and how it sounds.")
    model = model_picker.choose_model("classify model")
    track_list = _track_list(model)
    with theme.errors_shown():
        # After an error here, running jobs are still shown and can be stopped.
        _sources(track_list)
    if not track_list.items:
        theme.empty_state(
            "Nothing here yet",
            "Drop a few tracks above, or name a folder. They are analysed where this app runs, and "
            "what you drop is removed when you leave.",
        )
        return
    # A single track is shown above the table, which has only one row.
    parts = (_results_board, _track) if len(track_list.items) > 1 else (_track, _results_board)
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


def _sources(track_list: TrackList) -> None:
    dropped, named = st.tabs([":material/upload: Drop files", ":material/folder: Name a folder"])
    with dropped:
        _drop(track_list)
    with named:
        _name(track_list)


def _drop(track_list: TrackList) -> None:
    limits = app_settings()
    turn = st.session_state.setdefault("uploads turn", 0)
    dropped = st.file_uploader(
        "Audio files",
        accept_multiple_files=True,
        key=f"uploads {turn}",
        max_upload_size=limits.upload_mb,
        label_visibility="collapsed",
    )
    _show_refused(st.session_state.get("uploads refused", []))
    if not dropped:
        st.caption(
            f"Up to {limits.uploads} files, {limits.upload_mb} MB each and {limits.session_mb} MB "
            "together."
        )
        return
    if track_list.source is not None:
        _clear(track_list)
    scratch = session.scratch()
    refused: list[tuple[str, str]] = []
    st.session_state["uploads refused"] = refused
    # Another key is an empty box.
    st.session_state["uploads turn"] = turn + 1
    # From here until `add` no function of Streamlit is called: it may end this run
    # for a rerun after a click, and the uploads kept so far would be lost.
    uploads: list[tuple[str, Path]] = []
    for file in dropped:
        try:
            upload = scratch.keep(file.name, file)
            uploads.append((upload.name, upload.path))
        except FileError as error:
            refused.append((error.path, error.message))
        except EarmarkError as error:
            refused.append((file.name, str(error)))
    track_list.add(uploads)
    session.forget(file.file_id for file in dropped)
    st.rerun()


def _show_refused(refused: Sequence[tuple[str, str]]) -> None:
    """Show which files were not analysed, and why."""
    for name, why in refused[:SHOWN_ERRORS]:
        theme.show_error(f"{name}: {why}")
    if len(refused) > SHOWN_ERRORS:
        with st.expander(f"{len(refused) - SHOWN_ERRORS} more"):
            rows = pd.DataFrame(refused[SHOWN_ERRORS:], columns=["track", "why"])
            st.dataframe(rows, hide_index=True)


def _clear(track_list: TrackList) -> None:
    """Remove all tracks, their files and their errors."""
    track_list.clear()
    session.scratch().clear()
    for said in ("uploads refused", ERROR):
        st.session_state.pop(said, None)


def _name(track_list: TrackList) -> None:
    root = app_settings().root
    with st.form("folder", border=False):
        named = st.text_input(
            "Folder",
            placeholder="data/raw" if (root / "data" / "raw").is_dir() else "Music/2024",
            help=f"Below {theme.plain(str(root))}; searched at every depth.",
        )
        if st.form_submit_button("Analyse", type="primary", icon=":material/play_arrow:"):
            with theme.remember_error(ERROR):
                _search(named)
    _take_folder(track_list, root)
    theme.show_remembered_error(ERROR)
    if track_list.more:
        st.warning(
            f"{track_list.more:,} more tracks of the folder were not taken. "
            "`earmark classify` takes all."
        )


def _take_folder(track_list: TrackList, root: Path) -> None:
    """Add the tracks of a folder to the track list, once it was searched."""
    if "classify finding" not in st.session_state:
        return
    folder, named, job = st.session_state["classify finding"]
    with contextlib.suppress(TimeoutError, JobError):
        job.result(WAIT)
    if not job.finished:
        theme.fragment(_searching, POLL)(job)
        return
    if job.state != "cancelled":
        with theme.remember_error(ERROR):
            # A link may lead out of the root.
            tracks = [(name, path) for name, path in job.result() if path.is_relative_to(root)]
            if not tracks:
                raise FindError(printable(named), "holds no audio files but links to elsewhere")
            most = app_settings().folder_tracks
            _clear(track_list)
            track_list.source, track_list.more = folder, max(0, len(tracks) - most)
            track_list.add(tracks[:most])
    # Last, so that a rerun that interrupts this one takes the tracks.
    del st.session_state["classify finding"]


def _search(named: str) -> None:
    """Submit the search of a folder, and cancel the one before."""
    folder = resolve_below_root(named)
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
    """Show that a folder is being searched, until it is done."""
    if job.finished:
        st.rerun()
    if waiting.progress_bar(
        0.0, waiting.queue_position(job) or "Looking for tracks…", "stop search"
    ):
        job.cancel()
        st.rerun()


def _results_board(track_list: TrackList) -> None:
    """Draw the table, and redraw it for as long as tracks are being analysed."""
    busy = track_list.refresh(session.queue())
    # A long table takes longer to draw.
    every = max(POLL, len(track_list.items) / 2000)
    theme.fragment(_table, every if busy else None)(track_list)


def _table(track_list: TrackList) -> None:
    busy = track_list.refresh(session.queue())
    drawn = st.session_state.get("classify drawn", (track_list.chosen, busy))
    st.session_state["classify drawn"] = track_list.chosen, busy
    if drawn != (track_list.chosen, busy):
        # Another track was selected, or all is done: both change the page outside of this fragment.
        st.rerun()
    done, failed, stopped = track_list.done, track_list.failed, track_list.stopped
    left = len(track_list.items) - len(done) - len(failed) - len(stopped)
    if left:
        text = f"{len(track_list.items) - left} of {len(track_list.items)} tracks"
        if waiting.progress_bar(1 - left / len(track_list.items), text, "stop all"):
            track_list.stop()
            st.rerun()
    _show_refused([(item.name, item.error) for item in failed])
    if done:
        _results(track_list, done, busy)
    with st.container(horizontal=True):
        if stopped and st.button(f"Go on with {len(stopped)} more", icon=":material/play_arrow:"):
            track_list.resume()
            st.rerun()
        if st.button("Clear", icon=":material/delete_sweep:", disabled=busy):
            _clear(track_list)
            st.rerun()


def _results(track_list: TrackList, done: list[Item], busy: bool) -> None:
    words, genres, least = st.columns([3, 3, 2])
    for key in ("classify search", "classify least"):
        theme.persistent_key(key)
    text = words.text_input("Search", placeholder="part of a name", key="classify search")
    names = sorted(
        {item.analysis.genres[0] for item in done if item.analysis and item.analysis.genres}
    )
    held = st.session_state.get(theme.persistent_key("classify genres"), [])
    if not set(held) <= set(names):
        # The tracks or the model have changed.
        del st.session_state["classify genres"]
    chosen = genres.multiselect("Genres", names, key="classify genres", placeholder="all")
    share = least.slider("At least", 0, 100, step=5, format="%d %%", key="classify least")
    shown = [
        item
        for item in done
        if text.casefold() in item.name.casefold()
        and (
            not chosen
            or (item.analysis and item.analysis.genres[:1] and item.analysis.genres[0] in chosen)
        )
        and (
            not share
            or (item.analysis and max(item.analysis.probabilities, default=0) >= share / 100)
        )
    ]
    table = tabulate(shown)
    # The row of the selected track.
    looked_at = [place for place, item in enumerate(shown) if item is track_list.chosen]

    def choose() -> None:
        picked = st.session_state["classify table"]["selection"]["rows"]
        if picked:
            track_list.chosen = shown[picked[0]]

    st.dataframe(
        grid.for_display(table),
        hide_index=True,
        column_config=grid.columns(),
        height=min(38 + 35 * max(len(table), 1), 420),
        on_select=choose,
        selection_mode="single-row",
        selection_default=grid.select_rows("classify table", looked_at),
        key="classify table",
    )
    st.caption(f"{len(table):,} of {len(track_list.items):,} tracks. Select one to look at it.")
    # Playlists of uploads hold file names only, as the copies here are temporary.
    there = {item.name: str(item.path) for item in shown} if track_list.source else None
    grid.downloads(table, "genres", there)
    planned = st.toggle(
        "What would the tags be?",
        disabled=busy,
        key="plan",
        help="A dry run: what would be written into the files, beside what is there.",
    )
    if planned and not busy:
        _plan(shown, table)


def _plan(shown: list[Item], table: pd.DataFrame) -> None:
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


def _track(track_list: TrackList) -> None:
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
        st.markdown(f"##### Why {theme.plain(analysis.genres[0])}?")
        theme.figure(charts.reasons(analysis.reasons), key="reasons")
        st.caption("Green speaks for it, orange against it, beside the average genre.")
    with right:
        st.markdown("##### The thirteen values")
        typical = model_at(track_list.model).typical.get(analysis.genres[0], {})
        theme.figure(radar.radar(analysis.values, typical), key="radar")
        st.dataframe(
            grid.values(analysis.values, typical), hide_index=True, height="content", key="values"
        )


def _facts(analysis: TrackAnalysis) -> None:
    minutes, seconds = divmod(int(analysis.duration), 60)
    facts = [f"{minutes}:{seconds:02d}", f"{analysis.sample_rate / 1000:g} kHz"]
    facts.append({1: "mono", 2: "stereo"}.get(analysis.channels, f"{analysis.channels} channels"))
    st.caption(" · ".join(facts))
