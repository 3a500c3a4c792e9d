"""Library: a table of many tracks to search, to see as a map, to hear, to make playlists of."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import streamlit as st

from earmark.classify.app import catalog
from earmark.classify.app.catalog import ModelVersion, OpenTable
from earmark.classify.app.files.paths import resolve_below_root, resolve_table
from earmark.classify.app.jobs.track_list import TrackList
from earmark.classify.app.jobs.track_list import table as tabulate
from earmark.classify.app.pages.library.filters import as_parts, choose_query, open_query
from earmark.classify.app.pages.library.map import show_map
from earmark.classify.app.pages.library.playlists import offer_playlists, track_locations
from earmark.classify.app.pages.library.selection import SELECTED, WAY, select
from earmark.classify.app.pages.library.track import show_track
from earmark.classify.app.pages.library.tracks import show_tracks
from earmark.classify.app.widgets import address, model_picker, table_picker, theme
from earmark.classify.app.widgets.jobs import session_job, unfinished
from earmark.classify.app.widgets.table_picker import SESSION, PickedTable
from earmark.classify.library.library import Library, from_table
from earmark.classify.model import storage
from earmark.extract.errors import EarmarkError

__all__ = ["page"]

VIEWS = ("Tracks", "Map", "Playlists")
"""What is shown of what was found."""

IN_TABLE, FOLDERS = "in the table", "folders of the files"
"""Sources of genres, beside a file that is typed in."""

SESSION_MARK = "library session mark"
"""The session key that tells which analyses the library of the session was made from."""


def page() -> None:
    """Draw the page."""
    theme.page_header(
        "Library", "A table of many tracks: search it, see it as a map, make playlists of it."
    )
    picked, beside = table_picker.pick_table("library table")
    if picked is None:
        theme.empty_state(
            "No table yet",
            "Name one above, or upload it: a table that `earmark extract` made, predictions, or a "
            "table of Spotify's. Those in data/features are found by themselves. What is "
            "classified here becomes a library, too.",
            ":material/library_music:",
        )
        return
    table = picked.option
    with beside:
        genres, audio = _choose_details(table)
    if picked.path is None:
        library, opened = _session_library()
    else:
        opened = _open(picked, picked.path, genres)
        library = opened.libraries[""]
        if not library.genres and (model := _choose_model(table)):
            version = catalog.model_version(model)
            if version not in opened.libraries and not _predicted(
                opened, picked, picked.path, version
            ):
                return
            library = opened.libraries[version]
    # A selected row belongs to one table, as it was.
    stamp = (
        st.session_state[SESSION_MARK] if picked.path is None else catalog.file_stamp(picked.path)
    )
    if st.session_state.get("library shown") != (table, stamp):
        st.session_state["library shown"] = table, stamp
        st.session_state[SELECTED] = None
        st.session_state[WAY] = {}
    theme.fragment(_browse)(library, opened, table, audio)


def _choose_model(table: str) -> str:
    """Offer to predict genres; return the directory of the chosen model, or an empty string."""
    key = f"library model {table}"
    with st.container(horizontal=True, vertical_alignment="bottom"):
        # Tables seldom hold what the default model hears beside the descriptors.
        directory = str(model_picker.choose_model("library model", first=storage.LIGHT))
        taken: str = st.session_state.get(key, "")

        def take() -> None:
            st.session_state[key] = directory

        st.button(
            "Find the genres",
            icon=":material/auto_awesome:",
            on_click=take,
            disabled=taken == directory,
        )
    if not taken:
        st.caption("The table has no genres. Name a file that has them under Options, or a model.")
    return taken


def _choose_details(table: str) -> tuple[str, str]:
    """Draw the options; return the source of the genres and the folder of the music."""
    with st.popover("Options", icon=":material/tune:"):
        genres = st.selectbox(
            "Genres",
            [IN_TABLE, FOLDERS] if table != SESSION else [IN_TABLE],
            accept_new_options=table != SESSION,
            help="Or type where predictions or a CSV with a column genre are.",
            key=theme.persistent_key(f"library genres {table}"),
        )
        audio = st.text_input(
            "Folder of the music",
            placeholder="where the paths of the table begin",
            help="Then tracks can be played, and playlists lead to them.",
            key=theme.persistent_key(f"library audio {table}"),
        )
        if audio:
            try:
                resolve_below_root(audio)
            except EarmarkError as error:
                theme.show_error(error)
                audio = ""
    return genres or IN_TABLE, audio


def _open(picked: PickedTable, path: Path, genres: str) -> OpenTable:
    if genres == FOLDERS:
        source: str | None = "folders"
    elif genres == IN_TABLE:
        source = None
    else:
        source = str(resolve_table(genres))
    stamps = (
        catalog.file_stamp(path),
        catalog.file_stamp(Path(source)) if source and source != "folders" else None,
    )
    user_names = {str(path): picked.name, **({source: genres} if source else {})}
    with st.spinner("Opening the table…"), catalog.errors_with_user_names(user_names):
        return _open_once(str(path), source, stamps)


@st.cache_resource(max_entries=3, show_spinner=False)
def _open_once(path: str, genres: str | None, stamps: object) -> OpenTable:  # noqa: ARG001 - in the key of the cache
    """Open a table once for all sessions, for as long as the files do not change."""
    return catalog.open_table(Path(path), genres)


def _session_library() -> tuple[Library, OpenTable]:
    """Return the tracks classified in this session as a library."""
    track_list: TrackList = st.session_state["track list"]
    mark = [id(item.analysis) for item in track_list.done]
    if st.session_state.get(SESSION_MARK) != mark:
        previous: OpenTable | None = st.session_state.get("library session")
        if previous is not None and previous.mapping is not None:
            previous.mapping.cancel()
        table = tabulate(track_list.done).drop_duplicates("path")
        st.session_state[SESSION_MARK] = mark
        st.session_state["library session"] = OpenTable({"": from_table(table)})
    opened: OpenTable = st.session_state["library session"]
    return opened.libraries[""], opened


def _predicted(opened: OpenTable, picked: PickedTable, path: Path, version: ModelVersion) -> bool:
    """Add the genres that a model predicts; False until its job is done."""
    key, model = "library naming", version[0]
    stamps = version, catalog.file_stamp(path)
    job = session_job(key, catalog.predict_genres, str(path), model, picked.name, stamps=stamps)
    if unfinished(job, key, lambda: st.session_state.pop(key)):
        return False
    opened.add_predicted(version, opened.libraries[""].with_genres(job.result()).prepare())
    return True


def _browse(library: Library, opened: OpenTable, table: str, audio: str) -> None:
    """Draw all that depends on the query: the fragment that a change of the query redraws."""
    opened_at = address.given("library")
    open_query(opened_at, library, table)
    _open_track(opened_at, library)
    query = choose_query(library, table)
    rows = library.select(query)
    st.session_state.setdefault("library view", VIEWS[0])
    with st.container(horizontal=True, vertical_alignment="center"):
        view = st.segmented_control(
            "View",
            VIEWS,
            required=True,
            label_visibility="collapsed",
            key="library view",
        )
        st.markdown(f"**{len(rows):,}** of {len(library):,} tracks")
    chosen = st.session_state.get(SELECTED)
    paths = library.tracks["path"].iloc[[] if chosen is None else [chosen]]
    address.told(**as_parts(query), view=view if view != VIEWS[0] else None, track=[*paths])
    locations = track_locations(library, table, audio)
    left, right = st.columns([2, 1], gap="large")
    with left:
        if view == "Map":
            show_map(library, opened, rows)
        elif view == "Playlists":
            offer_playlists(library, rows, locations)
        else:
            show_tracks(library, rows, query, table, locations)
    with right:
        show_track(library, table, audio)


def _open_track(parts: dict[str, list[str]], library: Library) -> None:
    """Select the track, and the view, that an address names."""
    if (view := parts.get("view")) and view[0] in VIEWS:
        st.session_state["library view"] = view[0]
    if path := parts.get("track"):
        places = np.flatnonzero(library.tracks["path"].to_numpy() == path[0])
        if len(places):
            # Nobody has pressed anything yet: it does not begin to play.
            select(int(places[0]), play=False)
