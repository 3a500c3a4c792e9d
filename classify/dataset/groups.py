"""What must stay on one side of a split: an artist, an album, a recording however often it stands.

Groups are connected components: two spellings of an artist who share one file are one group.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from earmark.classify.dataset.duplicates import components

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from earmark.classify.dataset.duplicates import Duplicates, Indices

__all__ = ["album_key", "artist_key", "joined", "what"]

UNKNOWN_ARTISTS = {"", "unknown", "unknown artist", "various", "various artists", "va"}

UNKNOWN_ALBUMS = {
    *("", "unknown", "unknown album", "untitled", "demo", "live", "singles", "hits"),
    *("greatest hits", "best of", "the best of"),
}
"""Titles that many artists' albums have, or none."""

FURTHER_ARTISTS = re.compile(r";|[\s(\[](?:feat|ft|featuring)\b\.?\s", re.IGNORECASE)
"""What stands between the first artist and the next."""


def artist_key(name: object) -> str | None:
    """Return what spellings of an artist have in common; None where none is named."""
    first = FURTHER_ARTISTS.split(str(name), maxsplit=1)[0] if _given(name) else ""
    return _plain(first, UNKNOWN_ARTISTS)


def album_key(title: object) -> str | None:
    """Return what spellings of an album have in common; None where it says nothing."""
    return _plain(str(title) if _given(title) else "", UNKNOWN_ALBUMS)


def _given(value: object) -> bool:
    return value is not None and value == value  # noqa: PLR0124 (NaN)


def _plain(text: str, unknown: set[str]) -> str | None:
    plain = " ".join(unicodedata.normalize("NFKC", text).casefold().split())
    return None if plain in unknown else plain


def joined(
    artists: Sequence[str | None], albums: Sequence[str | None] | None, found: Duplicates
) -> tuple[NDArray[np.object_], NDArray[np.object_]]:
    """Name what each track belongs to.

    Parameters
    ----------
    artists, albums : sequence of shape (tracks,)
        As they are written; an album says something only where the artist is unknown. Without
        albums, the first are no artists but names to be taken as they are.
    found : Duplicates
        Of the same tracks.

    Returns
    -------
    keys : ndarray of shape (tracks,)
        The artist, else the album, else the track itself.
    groups : ndarray of shape (tracks,)
        The same, joined where tracks are doubles of one another.
    """
    owners: list[tuple[int, str]] = []
    names = []
    keys = _owner_keys(artists, albums)
    for index, track in enumerate(found.tracks):
        kind, key = next(
            ((rank, key) for rank, key in enumerate(keys[index]) if key is not None),
            (2, str(track)),
        )
        owners.append((kind, key))
        names.append(
            (str(artists[index]), f"{albums[index] if albums else ''} (album)", str(track))[kind]
        )
    own, _ = pd.factorize(pd.Series(owners, dtype=object))
    every = np.arange(len(own))
    rank = np.array([kind for kind, _ in owners])

    def named(codes: Indices) -> NDArray[np.object_]:
        # The artist that comes first; a path only where there is nothing else.
        order = np.lexsort((every, rank, codes))
        heads = order[np.unique(codes[order], return_index=True)[1]]
        return np.array(names, object)[heads][np.unique(codes, return_inverse=True)[1]]

    firsts = np.unique(own, return_index=True)[1]
    same_owner = np.column_stack([every, firsts[own]])
    return named(own), named(components(len(own), [same_owner, *found.pairs.values()]))


def what(artists: Sequence[str | None], albums: Sequence[str | None]) -> str:
    """Say what groups are: artists, or albums, or nothing but tracks, whichever is known at all."""
    keys = _owner_keys(artists, albums)
    ranks = [rank for rank in (0, 1) if any(key[rank] is not None for key in keys)]
    return ("artist", "album", "track")[min(ranks, default=2)]


def _owner_keys(
    artists: Sequence[str | None], albums: Sequence[str | None] | None
) -> list[tuple[str | None, str | None]]:
    if albums is None:
        return [(name if _given(name) else None, None) for name in artists]
    by_artist = {name: artist_key(name) for name in set(artists)}
    by_album = {name: album_key(name) for name in set(albums)}
    return [
        (by_artist[artist], by_album[album]) for artist, album in zip(artists, albums, strict=True)
    ]
