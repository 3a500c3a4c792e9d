"""The playlists of the library page: what was found, similar tracks, one per genre."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd
import streamlit as st

from earmark.classify.app import catalog
from earmark.classify.app.files.paths import resolve_below_root
from earmark.classify.app.pages.library.selection import SELECTED, WAY, select
from earmark.classify.app.pages.library.tracks import track_name
from earmark.classify.app.widgets import grid, theme
from earmark.classify.app.widgets.table_picker import SESSION
from earmark.classify.library import playlists
from earmark.extract.errors import SchemaError

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
    with st.container(border=True):
        st.markdown("## From one track to another")
        _way(library, locations)
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


def _way(library: Library, locations: Mapping[str, str] | None) -> None:
    """Draw the playlist that leads from one track to another, as a list to hear."""
    held: dict[str, int] = st.session_state.get(WAY, {})
    names = {end: theme.plain(track_name(library, place)) for end, place in held.items()}
    if len(held) < 2 or held["first"] == held["last"]:
        for end, word in (("first", "From"), ("last", "To")):
            if end in names:
                st.caption(f"{word} **{names[end]}**.")
        st.caption(
            "Select a track and press From here, then another and To here: each track between "
            "them sounds a little more like the last."
        )
        return
    st.caption(f"From **{names['first']}** to **{names['last']}**.")
    count = st.slider("Tracks in all", 3, 50, 12, key=theme.persistent_key("library way count"))
    can_mix = {"tempo", "key", "mode"} <= set(library.tracks)
    mixing = can_mix and st.toggle(
        "Each mixes with the next",
        key=theme.persistent_key("library way mixes"),
        help="Of the tracks along the way those are taken whose tempo and key fit best.",
    )
    asked = (id(library), held["first"], held["last"], count, mixing)
    # A long library takes a second, and nothing else on the page changes it.
    known, rows = st.session_state.get("library way found", (None, None))
    if known != asked:
        try:
            rows = catalog.way(library, held["first"], held["last"], count, mixing)
        except SchemaError as error:
            theme.show_error(error)
            return
        st.session_state["library way found"] = asked, rows
    part = library.tracks.iloc[rows]
    shown = pd.DataFrame({"track": [track_name(library, int(row)) for row in rows]})
    for name in ("artist", "genre", "tempo", "key", "mode"):
        if name in part:
            shown[name] = part[name].to_numpy()
    key = f"library way {hash((count, mixing, *held.items()))}"

    def choose() -> None:
        place = grid.picked(key, len(rows))
        if place is not None:
            select(int(rows[place]))

    st.dataframe(
        grid.for_display(shown),
        hide_index=True,
        column_config=grid.columns(),
        placeholder="",
        on_select=choose,
        selection_mode="single-row",
        key=key,
    )
    _offer("way", lambda: playlists.text(part, locations).encode())


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
