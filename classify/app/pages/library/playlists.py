"""The playlists of the library page: what was found, similar tracks, one per genre."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import streamlit as st

from earmark.classify.app import catalog
from earmark.classify.app.files.paths import resolve_below_root
from earmark.classify.app.pages.library.selection import SELECTED
from earmark.classify.app.pages.library.tracks import track_name
from earmark.classify.app.widgets import grid, theme
from earmark.classify.app.widgets.table_picker import SESSION
from earmark.classify.library import playlists

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

    from earmark.classify.app.jobs.track_list import TrackList
    from earmark.classify.library.library import Library

__all__ = ["offer_playlists", "track_locations"]


def track_locations(library: Library, table: str, audio: str) -> Mapping[str, str] | None:
    """Return the path of each track for playlists; None for the paths of the table."""
    if table == SESSION:
        track_list: TrackList = st.session_state["track list"]
        return (
            {item.name: str(item.path) for item in track_list.done} if track_list.source else None
        )
    return catalog.TrackPaths(resolve_below_root(audio), library.tracks["path"]) if audio else None


def offer_playlists(
    library: Library, rows: NDArray[np.int64], locations: Mapping[str, str] | None
) -> None:
    """Draw the playlists that can be downloaded."""
    if locations is None:
        st.caption(
            "The playlists hold the paths of the table: put them into the folder that was "
            "analysed, or name that folder under Options."
        )
    with st.container(border=True):
        st.markdown("## What was found")
        most = st.slider("Tracks at most", 10, 500, 100, 10, key="library found most")
        shown = library.tracks.iloc[rows[:most]]
        st.caption(f"The first {len(shown):,}, in the order in which they are sorted.")
        _offer("found", lambda: playlists.text(shown, locations).encode(), not len(shown))
    with st.container(border=True):
        st.markdown("## Like one track")
        row = st.session_state.get(SELECTED)
        if row is None:
            st.caption("Select a track under Tracks or on the map.")
        else:
            count = st.slider("Tracks", 5, 100, 25, 5, key="library similar count")
            st.caption(f"{theme.plain(track_name(library, row))}, and those most like it.")
            _offer("similar", lambda: _similar_list(library, row, count, locations))
    if library.genres:
        with st.container(border=True):
            st.markdown("## One for each genre")
            least = (
                st.slider("Probability at least", 0, 100, 50, 5, format="%d %%", key="library sure")
                if "probability" in library.tracks
                else 0
            )
            st.caption("Of what was found, in one ZIP file.")
            part = library.tracks.iloc[rows]
            _offer(
                "genres",
                lambda: catalog.zip_playlists(part, least / 100, locations),
                not len(part),
                ".zip",
            )


def _offer(name: str, made: Any, disabled: bool = False, ending: str = playlists.ENDING) -> None:
    st.download_button(
        "Playlists" if ending == ".zip" else "Playlist",
        made,
        f"{name}{ending}",
        "application/zip" if ending == ".zip" else grid.MIME[ending],
        icon=":material/queue_music:",
        on_click="ignore",
        disabled=disabled,
        key=f"library playlist {name}",
    )


def _similar_list(
    library: Library, row: int, count: int, locations: Mapping[str, str] | None
) -> bytes:
    neighbours = library.index.nearest(row, count)["place"].to_numpy()
    return playlists.text(library.tracks.iloc[[row, *neighbours]], locations).encode()
