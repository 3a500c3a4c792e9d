"""Which tracks of the table are shown: those with a word, of some genres, that are sure enough."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import streamlit as st

from earmark.classify.app.widgets import theme

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from earmark.classify.app.jobs.track_list import Item, TrackList

__all__ = ["Filter", "choose_filter", "find", "forget_filter", "looked_at", "sought"]

TEXT, GENRES, LEAST = "classify search", "classify genres", "classify least"
"""The keys of the widgets."""


@dataclass(frozen=True)
class Filter:
    """What a track must have to be shown.

    Parameters
    ----------
    text : str
        Part of its name, title, artist or album.
    genres : collection of str
        Its genre is one of these; empty for any.
    least : float
        Probability that its genre has at least.
    """

    text: str = ""
    genres: Collection[str] = ()
    least: float = 0.0

    def takes(self, item: Item) -> bool:
        """Tell whether a track is shown; of one that is not analysed only the name is known."""
        found = item.analysis
        names = [item.name, *((found.title, found.artist, found.album) if found else ())]
        if not any(self.text.casefold() in name.casefold() for name in names):
            return False
        genres = found.genres[:1] if found else []
        if self.genres and not set(genres) & set(self.genres):
            return False
        return max(found.probabilities, default=0.0) >= self.least if found else not self.least


def choose_filter(items: Iterable[Item]) -> Filter:
    """Draw the filters of analysed tracks, and return what they say."""
    words, genres, least = st.columns([3, 3, 2])
    words.text_input("Search", placeholder="part of a name", key=theme.persistent_key(TEXT))
    known = {item.analysis.genres[0] for item in items if item.analysis and item.analysis.genres}
    if not set(st.session_state.get(theme.persistent_key(GENRES), [])) <= known:
        # The tracks or the model have changed.
        del st.session_state[GENRES]
    genres.multiselect("Genres", sorted(known), key=GENRES, placeholder="all")
    theme.persistent_key(LEAST)
    least.slider("At least", 0, 100, step=5, format="%d %%", key=LEAST)
    return _current()


def looked_at(track_list: TrackList) -> Item | None:
    """Return the track that is shown beside the table: the chosen one, or else the first of it."""
    chosen, wanted = track_list.chosen, _current()
    if len(track_list.items) < 2 or (chosen is not None and wanted.takes(chosen)):
        return chosen
    if wanted == Filter():
        return None
    return next(filter(wanted.takes, track_list.done), None)


def sought() -> str:
    """Return the words that are looked for."""
    return _current().text


def find(text: str = "") -> None:
    """Look for words, as an address says."""
    if text:
        st.session_state[theme.persistent_key(TEXT)] = text


def forget_filter() -> None:
    """Show all tracks: those that come now are not to be hidden by what was looked for before."""
    for key in (TEXT, GENRES, LEAST):
        st.session_state.pop(key, None)
        st.session_state.get("widget values", {}).pop(key, None)


def _current() -> Filter:
    text, genres, least = (
        st.session_state.get(theme.persistent_key(key)) for key in (TEXT, GENRES, LEAST)
    )
    return Filter(text or "", tuple(genres or ()), (least or 0) / 100)
