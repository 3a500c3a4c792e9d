"""The selected track of the library page: its sound, its values, tracks like it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from earmark.classify.app import catalog, session
from earmark.classify.app.files.transcode import browser_playable
from earmark.classify.app.pages.library.selection import AUTOPLAY, SELECTED, WAY, select
from earmark.classify.app.pages.library.tracks import loudness_unit, track_name
from earmark.classify.app.settings import app_settings
from earmark.classify.app.widgets import grid, theme
from earmark.classify.app.widgets.jobs import session_job
from earmark.classify.app.widgets.table_picker import SESSION
from earmark.classify.app.widgets.waiting import POLL
from earmark.extract.errors import SchemaError

if TYPE_CHECKING:
    from earmark.classify.app.jobs.queue import Job
    from earmark.classify.app.jobs.track_list import TrackList
    from earmark.classify.library.library import Library

__all__ = ["show_track"]

SIMILAR = 10
"""Similar tracks that are shown."""

ENDS = {
    "first": ("From here", ":material/start:"),
    "last": ("To here", ":material/last_page:"),
}
"""The ends of a playlist that leads from one track to another."""

MIXED = 500
"""Tracks, the most similar first, among which those are looked for that mix."""


def show_track(library: Library, table: str, audio: str) -> None:
    """Draw the selected track: its sound, similar tracks, and its values."""
    place = st.session_state.get(SELECTED)
    if place is None or place >= len(library):
        theme.empty_state("No track selected", "Select one to hear it, and to find others like it.")
        return
    row = library.tracks.iloc[place]
    st.markdown(f"## {theme.plain(track_name(library, place))}")
    words = [row.get(name) for name in ("artist", "album", "genre")]
    words = [theme.plain(word) for word in words if isinstance(word, str)]
    st.caption(" · ".join(words) or "no genre known")
    _sound(library, place, table, audio)
    _ends(place)
    _similar(library, place)
    genre = row.get("genre")
    usual = catalog.genre_profile(library, genre) if isinstance(genre, str) else {}
    numbers = {name: float(row[name]) for name in library.numbers}
    with st.expander("Values", icon=":material/equalizer:"):
        config = st.column_config.TextColumn
        st.dataframe(
            grid.values(numbers, usual, loudness_unit(library, table)),
            hide_index=True,
            column_config={
                "descriptor": config(width=115),
                "this track": config(width=80),
                "typical": config("its genre here" if usual else "", width=130),
            },
        )


def _ends(place: int) -> None:
    """Draw buttons that make a track the first or the last of a playlist."""

    def put(end: str) -> None:
        st.session_state[WAY] = st.session_state.get(WAY, {}) | {end: place}
        if len(st.session_state[WAY]) == len(ENDS):
            st.session_state["library view"] = "Playlists"

    held = st.session_state.get(WAY, {})
    with st.container(horizontal=True):
        for end, (label, icon) in ENDS.items():
            st.button(
                label,
                icon=icon,
                help="A playlist that leads from one track to another; see Playlists.",
                on_click=put,
                args=(end,),
                disabled=held.get(end) == place,
                key=f"library way {end}",
            )


def _sound(library: Library, place: int, table: str, audio: str) -> None:
    """Play a track, in a format that browsers play, once a worker has made it."""
    path = str(library.tracks["path"].iloc[place])
    if table == SESSION:
        track_list: TrackList = st.session_state["track list"]
        file = next((item.path for item in track_list.done if item.name == path), None)
    else:
        folders = [audio] if audio else ["", str(Path(table).parent)]
        places = (catalog.locate(path, folders, root) for root in session.roots())
        file = next(filter(None, places), None)
    if file is None:
        st.caption(":material/volume_off: Its file is not found. Name its folder under Options.")
        return
    job = session_job(
        "library sound",
        browser_playable,
        *(str(file), str(session.scratch().path)),
        pool="analyse",
        timeout=app_settings().track_seconds,
    )
    if job.finished:
        _player(job, file, path)
    else:
        theme.fragment(_preparing, POLL)(job)


def _preparing(job: Job) -> None:
    """Show a placeholder until the sound is ready."""
    if job.finished:
        st.rerun()
    st.skeleton(height=54)


def _player(job: Job, file: Path, path: str) -> None:
    if job.state != "done":
        theme.show_error(job.error.replace(str(file), path))
        return
    sound, kind = job.result()
    if not Path(sound).is_file():
        # Converted files are removed when they become many.
        st.session_state.pop("library sound", None)
        st.rerun()
    # A worker parses untrusted files: its answer must not name any other file.
    if Path(sound) == file or Path(sound).parent == session.scratch().path:
        st.audio(str(sound), format=kind, autoplay=bool(st.session_state.pop(AUTOPLAY, False)))


def _similar(library: Library, place: int) -> None:
    """Draw the tracks most similar to a track."""
    st.markdown("## Similar tracks")
    can_mix = {"tempo", "key", "mode"} <= set(library.tracks)
    mixing = can_mix and st.toggle(
        "Only what mixes",
        key=theme.persistent_key("library mixes"),
        help="Within 6 % of its tempo, or of its double or half, and of the same key or one beside "
        "it on Camelot's wheel.",
    )
    try:
        neighbours = library.index.nearest(place, MIXED if mixing else SIMILAR)
    except SchemaError:
        return
    if mixing:
        places = neighbours["place"].to_numpy()
        fitting = catalog.mixes(library.tracks, place, places)[:SIMILAR]
        neighbours = neighbours[neighbours["place"].isin(fitting)]
    if not len(neighbours):
        st.caption("None of the tracks that are most alike.")
        return
    similar = library.tracks.iloc[neighbours["place"]]
    shown = pd.DataFrame({"track": [track_name(library, other) for other in neighbours["place"]]})
    for name in ("genre", "artist"):
        if name in similar:
            shown[name] = similar[name].to_numpy()
    shown.insert(min(2, len(shown.columns)), "%", 100 * neighbours["similarity"].to_numpy())

    def choose() -> None:
        row = grid.picked(f"library similar {place}", len(neighbours))
        if row is not None:
            select(int(neighbours["place"].iloc[row]))

    st.dataframe(
        shown,
        hide_index=True,
        column_config={
            "track": st.column_config.TextColumn("track", width=150),
            "genre": st.column_config.TextColumn("genre", width=80),
            "%": st.column_config.NumberColumn("%", format="%.0f", width=45),
        },
        on_select=choose,
        selection_mode="single-row",
        key=f"library similar {place}",
    )
