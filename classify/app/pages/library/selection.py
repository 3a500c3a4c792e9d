"""The track that is selected on the library page, kept in the session."""

from __future__ import annotations

import streamlit as st

__all__ = ["AUTOPLAY", "SELECTED", "WAY", "select"]

SELECTED = "library track"
"""The session key of the row of the selected track."""

AUTOPLAY = "library play"
"""The session key that tells whether a track that was just selected starts to play."""


WAY = "library way"
"""The session key of the rows between which a playlist leads, by "first" and "last"."""


def select(row: int | None, play: bool = True) -> None:
    """Select the track of a row, or none, and say whether to play it at once."""
    st.session_state[SELECTED] = row
    st.session_state[AUTOPLAY] = play and row is not None
