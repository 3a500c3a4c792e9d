"""What must stay on one side of a split: an artist, an album, a recording however often it stands.

Groups are connected components: two spellings of an artist who share one file are one group.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from earmark.extract import sets

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["KINDS", "Duplicates", "album_key", "artist_key", "duplicates", "joined", "what"]

Indices = NDArray[np.int64]

KINDS = {
    "file": "the same file",
    "features": "the same numbers to the last digit",
    "recoded": "the same audio at another bit rate or in another format",
}
"""How a track can be there twice, and what that is called."""

UNKNOWN_ARTISTS = {"", "unknown", "unknown artist", "various", "various artists", "va"}

UNKNOWN_ALBUMS = {
    *("", "unknown", "unknown album", "untitled", "demo", "live", "singles", "hits"),
    *("greatest hits", "best of", "the best of"),
}
"""Titles that many artists' albums have, or none."""

FURTHER_ARTISTS = re.compile(r";|[\s(\[](?:feat|ft|featuring)\b\.?\s", re.IGNORECASE)
"""What stands between the first artist and the next."""

ANCHORS = tuple(f"tonnetz_{index:02d}_mean" for index in range(6))
"""Columns that a codec hardly changes: the harmony of the whole track."""

ANCHOR_RADIUS = 1.0
"""How far re-encodings may be apart in an anchor, in units of `_scaled`: ten times the median."""

LENGTH_TOLERANCE = 0.3
"""Seconds by which re-encodings may differ in length: encoders pad."""

NEIGHBOURS = 8
"""Tracks that are compared with each one; further versions are reached through these."""

SAME_RECORDING = 0.25
"""Distance up to which two tracks of the default set are one recording.

It is the median of the absolute differences over all columns, each divided by its median absolute
deviation. Of 480 re-encodings of 60 real tracks (MP3 at 64, 96 mono, 128 and 320 kb/s, at 22 kHz,
Vorbis, Opus and AAC) the furthest was 0.20 from its source, and the nearest of 278,000 pairs of
other tracks 0.36. In Emotify it finds two pairs, which are indeed one recording each.
"""


@dataclass(frozen=True)
class Duplicates:
    """Which tracks are there more than once.

    Parameters
    ----------
    tracks : ndarray of shape (tracks,)
        The path of each track.
    pairs : dict
        For each of `KINDS` an array of shape (pairs, 2) of positions in `tracks`. They connect all
        that are alike, but not each with each.
    """

    tracks: NDArray[np.object_]
    pairs: Mapping[str, Indices]

    def counts(self) -> dict[str, int]:
        """Return for each kind how many tracks have a double."""
        return {kind: len(np.unique(pairs)) for kind, pairs in self.pairs.items()}

    def examples(self, kind: str, most: int = 5) -> list[tuple[str, str]]:
        """Return the paths of some pairs."""
        return [(str(self.tracks[a]), str(self.tracks[b])) for a, b in self.pairs[kind][:most]]

    def recordings(self) -> Indices:
        """Return for each track a number that its doubles share."""
        return _components(len(self.tracks), self.pairs.values())

    def disagreements(self, labels: Sequence[str]) -> int:
        """Count the recordings that stand under more than one label."""
        labelled = pd.Series(np.asarray(labels, object)).groupby(self.recordings())
        return int((labelled.nunique() > 1).sum())

    def summary(self) -> dict[str, dict[str, Any]]:
        """Return counts and examples by kind, for a report."""
        return {
            kind: {"tracks": count, "examples": self.examples(kind)}
            for kind, count in self.counts().items()
        }


def artist_key(name: object) -> str | None:
    """Return what spellings of an artist have in common; None where none is named."""
    first = FURTHER_ARTISTS.split(str(name), maxsplit=1)[0] if _given(name) else ""
    return _plain(first, UNKNOWN_ARTISTS)


def album_key(title: object) -> str | None:
    """Return what spellings of an album have in common; None where it says nothing."""
    return _plain(str(title) if _given(title) else "", UNKNOWN_ALBUMS)


def _given(value: object) -> bool:
    return value is not None and value == value


def _plain(text: str, unknown: set[str]) -> str | None:
    plain = " ".join(unicodedata.normalize("NFKC", text).casefold().split())
    return None if plain in unknown else plain


def duplicates(
    features: pd.DataFrame,
    tracks: pd.Series,
    sha256: pd.Series | None,
    about: Mapping[str, Any],
    seconds: pd.Series | None = None,
    inputs: Sequence[str] | None = None,
) -> Duplicates:
    """Find the tracks that are there more than once.

    Parameters
    ----------
    features : DataFrame of shape (rows, columns)
        All descriptors; rows are tracks or windows of tracks, in order.
    tracks : Series of shape (rows,)
        The path of each row's track.
    sha256 : Series of shape (rows,), optional
        Of the track's file.
    about : dict
        What the table says of itself. Re-encodings are looked for in the default set alone, whose
        columns were measured.
    seconds : Series of shape (rows,), optional
        The length of each window.
    inputs : sequence of str, optional
        The columns that make two tracks identical; by default all. In Spotify's table those of its
        audio alone: a track stands there with other popularity and explicit flags.
    """
    codes, paths = pd.factorize(tracks)
    first = np.unique(codes, return_index=True)[1]
    files = None if sha256 is None else sha256.to_numpy(object)[first]
    audio = list(sets.SPOTIFY_COLUMNS)
    identity = audio if set(audio) <= set(features) else list(inputs or features.columns)
    numbers = _fingerprints(features[identity], codes, len(paths))
    pairs = {
        "file": _alike(files) if files is not None else np.empty((0, 2), np.int64),
        "features": _alike(numbers),
        "recoded": np.empty((0, 2), np.int64),
    }
    if str(about.get("set")).startswith("default-") and set(ANCHORS) <= set(features):
        # What is the same already is compared once only.
        own = _components(len(paths), pairs.values())
        ones = np.unique(own, return_index=True)[1]
        ones = ones[[numbers[one] is not None for one in ones]]
        means = features.astype("float64").groupby(codes).mean().iloc[ones]
        lengths: NDArray[np.float64] = (
            means["duration_ms"].to_numpy() / 1000
            if seconds is None
            else seconds.groupby(codes).sum().to_numpy()[ones]
        )
        pairs["recoded"] = ones[_recoded(means.drop(columns="duration_ms"), lengths)]
    return Duplicates(np.asarray(paths, object), pairs)


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
    return named(own), named(_components(len(own), [same_owner, *found.pairs.values()]))


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


def _components(count: int, links: Any) -> Indices:
    """Return for each of `count` things the number of the connected component that it is in."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    pairs = np.concatenate([np.empty((0, 2), np.int64), *links])
    graph = coo_matrix((np.ones(len(pairs), bool), (pairs[:, 0], pairs[:, 1])), (count, count))
    found: Indices = connected_components(graph, directed=False)[1]
    return found


def _alike(values: NDArray[np.object_]) -> Indices:
    """Return pairs of positions that connect equal values; a missing one equals none."""
    codes, _ = pd.factorize(values)
    order = np.argsort(codes, kind="stable")
    order = order[codes[order] >= 0]
    following = codes[order[1:]] == codes[order[:-1]]
    return np.column_stack([order[:-1][following], order[1:][following]])


def _fingerprints(features: pd.DataFrame, codes: Indices, count: int) -> NDArray[np.object_]:
    """Return a number per track that stands for all values of its rows, in order.

    None where all values of a track are equal or missing: two silences are not one recording.
    """
    values = features.astype("float64")
    place = pd.Series(codes).groupby(codes).cumcount()
    hashed = pd.util.hash_pandas_object(values.set_axis(place.to_numpy()))
    sums = np.zeros(count, np.uint64)
    np.add.at(sums, codes, hashed.to_numpy())
    lowest, highest = (
        extreme.groupby(codes).agg(how).to_numpy()
        for extreme, how in ((values.min(axis=1), "min"), (values.max(axis=1), "max"))
    )
    found = sums.astype(object)
    found[~(lowest < highest)] = None
    return found


def _scaled(means: pd.DataFrame) -> pd.DataFrame:
    """Divide columns by how far tracks usually are from the middle; drop those where all agree."""
    centred = means - means.median()
    spread = centred.abs().median()
    used = spread > 0
    return (centred.loc[:, used] / spread[used]).astype("float32")


def _recoded(means: pd.DataFrame, lengths: NDArray[np.float64]) -> Indices:
    """Return pairs of tracks (positions in rows) that sound like one recording.

    Only neighbours in length and harmony are compared, so that time and memory grow with the
    number of tracks and not with its square.
    """
    from scipy.spatial import cKDTree

    scaled = _scaled(means)
    anchors = [name for name in ANCHORS if name in scaled]
    points = np.column_stack([scaled[anchors] / ANCHOR_RADIUS, lengths / LENGTH_TOLERANCE])
    usable = np.flatnonzero(np.isfinite(points).all(axis=1))
    if len(usable) < 2 or not anchors:
        return np.empty((0, 2), np.int64)
    _, near = cKDTree(points[usable]).query(
        points[usable], NEIGHBOURS + 1, p=np.inf, distance_upper_bound=1.0
    )
    left, rank = np.nonzero(near < len(usable))
    pairs = usable[np.column_stack([left, near[left, rank]])]
    pairs = np.unique(np.sort(pairs[pairs[:, 0] != pairs[:, 1]], axis=1), axis=0)
    values = scaled.to_numpy()
    alike = [_alike_in_sound(values[part[:, 0]], values[part[:, 1]]) for part in _parts(pairs)]
    return pairs[np.concatenate([np.empty(0, bool), *alike])]


def _parts(pairs: Indices, size: int = 20_000) -> list[Indices]:
    return [pairs[start : start + size] for start in range(0, len(pairs), size)]


def _alike_in_sound(a: NDArray[np.float32], b: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Tell for each pair of rows whether most of what both know is nearly the same."""
    apart = np.abs(a - b)
    known = np.isfinite(apart)
    # A missing difference sorts last: the middle of those that are known is looked up by count.
    apart.sort(axis=1)
    counts = known.sum(axis=1)
    middle = apart[np.arange(len(apart)), np.maximum(counts - 1, 0) // 2]
    return (counts >= a.shape[1] / 2) & (middle <= SAME_RECORDING)
