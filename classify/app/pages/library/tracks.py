"""The tracks of the library page as a table of several pages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st

from earmark.classify.app.pages.library.selection import SELECTED, select
from earmark.classify.app.widgets import grid, theme
from earmark.classify.app.widgets.table_picker import SESSION
from earmark.classify.insights.tracks import FOREIGN_UNITS

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd
    from numpy.typing import NDArray

    from earmark.classify.library.library import Library, Query

__all__ = ["loudness_unit", "show_tracks", "track_name"]

PAGE = 50
"""Rows that are sent to a browser at a time."""


def show_tracks(
    library: Library,
    rows: NDArray[np.int64],
    query: Query,
    table: str,
    locations: Mapping[str, str] | None,
) -> None:
    """Draw the tracks that match the query, and buttons to download them."""
    if not len(rows):
        theme.empty_state("Nothing found", "Take a word or a filter away.", ":material/search_off:")
        return
    ranges = tuple(query.ranges.items())
    query_hash = hash((table, query.text, query.genres, ranges, query.sort, query.descending))
    key = f"library rows {query_hash}"
    pages = -(-len(rows) // PAGE)
    # The table, or its genres, may have changed, and have fewer pages now.
    number = min(st.session_state.get(f"{key} page", 1), pages)
    shown = library.page(rows, number - 1, PAGE)

    # The row of the selected track.
    looked_at = np.flatnonzero(shown.index == st.session_state.get(SELECTED)).tolist()

    def choose() -> None:
        place = grid.picked("library rows", len(shown))
        select(None if place is None else int(shown.index[place]))

    st.dataframe(
        grid.for_display(shown),
        hide_index=True,
        column_config=_columns(shown, loudness_unit(library, table)),
        column_order=_order(shown, query.sort),
        height=38 + 35 * min(len(shown), 14),
        on_select=choose,
        selection_mode="single-row",
        selection_default=grid.select_rows("library rows", looked_at),
        placeholder="",
        key="library rows",
    )
    if pages > 1:
        st.pagination(pages, key=f"{key} page")
    grid.downloads(library.tracks.iloc[rows], "library", locations)


def _order(shown: pd.DataFrame, sort: str = "path") -> list[str]:
    """Return the order of the columns: the sorted one in view, the path last beside a title."""
    names = ["title", "artist", *([] if sort == "path" else [sort]), "genre", "probability"]
    first = [name for name in dict.fromkeys(names) if name in shown and name != "mode"]
    rest = [name for name in map(str, shown) if name not in (*first, "path", "mode")]
    return [*first, *rest, "path"] if "title" in shown else ["path", *first, *rest]


def _columns(shown: pd.DataFrame, loudness: str) -> dict[str, Any]:
    """Return how Streamlit shows the columns; the title stays in sight."""
    config = st.column_config.TextColumn
    if "title" not in shown:
        return grid.columns(loudness)
    return grid.columns(loudness) | {
        "title": config("title", width=200, pinned=True),
        "artist": config("artist", width=150),
        "album": config("album", width=150),
        "path": config("path", width="large"),
    }


def loudness_unit(library: Library, table: str) -> str:
    """Return the unit of the loudness: LUFS in tables that Earmark made."""
    by_earmark = table == SESSION or "sha256" in library.table.frame
    return grid.LUFS if by_earmark else FOREIGN_UNITS["loudness"]


def track_name(library: Library, row: int) -> str:
    """Return the title of a track, or its path where it has none."""
    track = library.tracks.iloc[row]
    title = track.get("title")
    return title if isinstance(title, str) else str(track["path"])
