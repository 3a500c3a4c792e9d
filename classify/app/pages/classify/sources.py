"""Where tracks come from: files that are dropped, or a folder that is named."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from earmark.classify.app import session
from earmark.classify.app.errors import JobError
from earmark.classify.app.jobs import track_list
from earmark.classify.app.pages.classify.filters import forget_filter
from earmark.classify.app.settings import app_settings
from earmark.classify.app.widgets import folder_browser, theme, waiting
from earmark.classify.app.widgets.waiting import POLL, WAIT
from earmark.classify.insights import tracks
from earmark.extract.audio import formats
from earmark.extract.errors import EarmarkError, FileError, FindError, printable

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from earmark.classify.app.jobs.queue import Job
    from earmark.classify.app.jobs.track_list import TrackList

__all__ = [
    "choose_sources",
    "clear",
    "offer_demo",
    "offer_undo",
    "open_folder",
    "put_aside",
    "show_failed",
    "take_sources",
]

ERROR = "classify wrong"
"""The session key of the error about the folder that was named."""

WANTED = "classify wanted"
"""The session key of the track that is looked at once its folder was searched."""

SHOWN_ERRORS = 5
"""Errors about files that are shown at once; the others are behind a click."""


def choose_sources(track_list: TrackList) -> None:
    """Let the user drop files or name a folder, and add their tracks to the track list."""
    dropped, whole, named = st.tabs(
        [
            ":material/upload: Drop files",
            ":material/drive_folder_upload: Drop a folder",
            ":material/folder: Name a folder",
        ]
    )
    with dropped:
        _drop(track_list)
    with whole:
        _drop(track_list, folder=True)
    with named:
        _name()


def _drop(track_list: TrackList, folder: bool = False) -> None:
    limits = app_settings()
    turn = st.session_state.setdefault("uploads turn", 0)
    dropped = st.file_uploader(
        "A folder of music" if folder else "Audio files",
        # Of a folder the browser sends what ends like music, and no text or picture beside it.
        type=[suffix.removeprefix(".") for suffix in formats.MIME_TYPES] if folder else None,
        accept_multiple_files="directory" if folder else True,
        key=f"{'folder' if folder else 'uploads'} {turn}",
        max_upload_size=limits.upload_mb,
        label_visibility="collapsed",
    )
    if not dropped:
        st.caption(
            f"Up to {limits.uploads} files, {limits.upload_mb} MB each and {limits.session_mb} MB "
            "together."
        )
        return
    if track_list.source is not None or CLEARED in st.session_state:
        clear(track_list)
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
    forget_filter()
    session.forget(file.file_id for file in dropped)
    st.rerun()


def take_sources(track_list: TrackList) -> None:
    """Take in the folder that was named, once it was searched, and say what was not taken."""
    show_failed(st.session_state.get("uploads refused", []))
    _take_folder(track_list)
    theme.show_remembered_error(ERROR)
    if track_list.more:
        st.warning(
            f"{track_list.more:,} more tracks of the folder were not taken. "
            "`earmark classify` takes all."
        )
    if track_list.outside:
        links = "1 link leads" if track_list.outside == 1 else f"{track_list.outside:,} links lead"
        st.caption(f":material/link_off: {links} out of the root folder and were not followed.")


def open_folder(named: str, track: str = "") -> None:
    """Analyse a folder that an address names, and look at one of its tracks."""
    st.session_state[WANTED] = track
    with theme.remember_error(ERROR):
        _search(named)


def offer_demo(track_list: TrackList) -> None:
    """Offer the demo tracks to somebody who has no music at hand; a wheel has none."""
    found = sorted(path for path in tracks.DEMO.glob("*") if path.suffix in formats.MIME_TYPES)
    if found and st.button("Try the demo tracks", icon=":material/play_circle:", key="demo"):
        clear(track_list)
        track_list.source = tracks.DEMO
        track_list.add([(path.name, path) for path in found])
        st.rerun()


def show_failed(refused: Sequence[tuple[str, str]]) -> None:
    """Show which files were not analysed, and why."""
    for name, why in refused[:SHOWN_ERRORS]:
        theme.show_error(f"{name}: {why}")
    if len(refused) > SHOWN_ERRORS:
        with st.expander(f"{len(refused) - SHOWN_ERRORS} more"):
            rows = pd.DataFrame(refused[SHOWN_ERRORS:], columns=["track", "why"])
            st.dataframe(rows, hide_index=True)


CLEARED = "classify cleared"
"""The session key of what was cleared last, which can be brought back."""


def put_aside(track_list: TrackList) -> None:
    """Remove all tracks from the page; their files stay until others come."""
    kept = [*track_list.items], track_list.source, track_list.more
    track_list.clear()
    st.session_state[CLEARED] = kept


def offer_undo(track_list: TrackList) -> None:
    """Offer to bring back what was cleared."""
    if CLEARED not in st.session_state:
        return
    if st.button("Bring back what was cleared", icon=":material/undo:", key="undo"):
        items, track_list.source, track_list.more = st.session_state.pop(CLEARED)
        track_list.items += items
        track_list.resume()
        track_list.chosen = items[0]
        st.rerun()


def clear(track_list: TrackList) -> None:
    """Remove all tracks, their files and their errors."""
    track_list.clear()
    session.scratch().clear()
    forget_filter()
    st.session_state.pop(CLEARED, None)
    for said in ("uploads refused", ERROR):
        st.session_state.pop(said, None)


BOX = "classify folder"
"""The key of the box in which a folder is named."""


def _name() -> None:
    root, *others = session.roots()
    folder_browser.browse(root, BOX)
    with st.form("folder", border=False):
        named = st.text_input(
            "Folder",
            placeholder="data/raw" if (root / "data" / "raw").is_dir() else "Miles Davis/1959",
            help=f"Below {theme.plain(' or '.join(map(str, [root, *others])))}; searched at every "
            "depth.",
            key=theme.persistent_key(BOX),
        )
        if st.form_submit_button("Analyse", type="primary", icon=":material/play_arrow:"):
            with theme.remember_error(ERROR):
                if not named.strip():
                    # Everything below the root may be more than anybody wants.
                    raise FindError("no folder", f"was named; a dot stands for all of {root}")
                _search(named)


def _take_folder(track_list: TrackList) -> None:
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
            found = job.result()
            root = session.root_of(folder)
            inside = [(name, path) for name, path in found if root and path.is_relative_to(root)]
            if not inside:
                raise FindError(printable(named), "holds no audio files but links to elsewhere")
            most = app_settings().folder_tracks
            clear(track_list)
            track_list.source, track_list.more = folder, max(0, len(inside) - most)
            track_list.outside = len(found) - len(inside)
            added = track_list.add(inside[:most])
            wanted = st.session_state.pop(WANTED, "")
            track_list.chosen = next((one for one in added if one.name == wanted), added[0])
    # Last, so that a rerun that interrupts this one takes the tracks.
    del st.session_state["classify finding"]


def _search(named: str) -> None:
    """Submit the search of a folder, and cancel the one before."""
    folder = session.below_roots(named)
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
