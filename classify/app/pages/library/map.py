"""The map of the library page: a dot per track, similar tracks close together."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from earmark.classify.app.pages.library.selection import SELECTED, select
from earmark.classify.app.widgets import theme
from earmark.classify.app.widgets.jobs import submit, unfinished
from earmark.classify.app.widgets.scatter import drawn, tracks_map
from earmark.classify.library.map import layout
from earmark.extract.errors import EarmarkError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from earmark.classify.app.catalog import OpenTable
    from earmark.classify.library.library import Library

__all__ = ["show_map"]


def show_map(library: Library, opened: OpenTable, rows: NDArray[np.int64]) -> None:
    """Draw the map, with the tracks of the given rows in the foreground."""
    positions = _positions(library, opened)
    if positions is None:
        return
    chosen = st.session_state.get(SELECTED)
    if not len(rows):
        st.caption("Nothing found: all tracks are in the background.")

    def choose() -> None:
        picked = st.session_state["library map"]["selection"]["points"]
        if picked:
            data = picked[0].get("customdata")
            select(int(data[0] if isinstance(data, list) else data))

    theme.figure(
        tracks_map(positions, library.tracks, rows, library.genres, chosen),
        height=560,
        modebar=True,
        key="library map",
        on_select=choose,
        selection_mode="points",
    )
    dots = len(drawn(len(library), rows)[0])
    part = (
        f" {dots:,} of the {len(rows):,} tracks that were found are drawn."
        if dots < len(rows)
        else ""
    )
    st.caption(f"Tracks that sound alike lie together. Click one to hear it.{part}")


def _positions(library: Library, opened: OpenTable) -> NDArray[np.float64] | None:
    """Return the positions of the tracks, None until the job that all sessions share is done."""
    if opened.positions is None:
        key = "library mapping"
        try:
            job = opened.map_job(
                lambda: submit(layout, library.index.vectors),
                st.session_state.get(f"{key} stopped"),
            )
        except EarmarkError as error:
            theme.show_error(error)
            return None
        if unfinished(job, key, lambda: opened.forget_map(job)):
            return None
    return opened.positions
