"""Tracks that are in a table more than once: the same file, the same numbers, or a re-encoding."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from earmark.extract import schema, sets
from earmark.extract.config import DEFAULTS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

__all__ = ["KINDS", "Duplicates", "components", "find", "same_files", "telling"]

Indices = NDArray[np.int64]

KINDS = {
    "file": "the same file",
    "features": "the same numbers to the last digit",
    "recoded": "the same audio at another bit rate or in another format",
}
"""How a track can be there twice, and what that is called."""

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
        return components(len(self.tracks), self.pairs.values())

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


def find(
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
    measured = _of_default(features, about)
    if measured is not None:
        # What is the same already is compared once only.
        components_so_far = components(len(paths), pairs.values())
        ones = np.unique(components_so_far, return_index=True)[1]
        ones = ones[[numbers[one] is not None for one in ones]]
        means = measured.astype("float64").groupby(codes).mean().iloc[ones]
        lengths: NDArray[np.float64] = (
            means["duration_ms"].to_numpy() / 1000
            if seconds is None
            else seconds.groupby(codes).sum().to_numpy()[ones]
        )
        pairs["recoded"] = ones[_recoded(means.drop(columns="duration_ms"), lengths)]
    return Duplicates(np.asarray(paths, object), pairs)


def same_files(tracks: pd.Series, sha256: pd.Series | None) -> Duplicates:
    """Find the tracks that are the same file, where nothing else of them is at hand.

    Parameters
    ----------
    tracks : Series of shape (tracks,)
        The path of each track, once.
    sha256 : Series of shape (tracks,), optional
        Of its file.
    """
    pairs = np.empty((0, 2), np.int64) if sha256 is None else _alike(sha256.to_numpy(object))
    return Duplicates(tracks.to_numpy(object), {"file": pairs})


def telling(about: Mapping[str, Any]) -> list[str] | None:
    """Return the columns in which distances were measured, those of the default set.

    Parameters
    ----------
    about : mapping
        What a table says of itself; None where it is not of that set.
    """
    made_of = str(about.get("set")).rpartition("-")[0].split("+")
    return list(schema.of("default", DEFAULTS).names) if "default" in made_of else None


def _of_default(features: pd.DataFrame, about: Mapping[str, Any]) -> pd.DataFrame | None:
    """Return the columns of the default set, in which distances were measured; None without it."""
    names = telling(about)
    if names is None or not set(ANCHORS) <= set(features):
        return None
    return features[[name for name in features if name in set(names)]]


def components(count: int, links: Iterable[Indices]) -> Indices:
    """Return for each of `count` things the number of the connected component that it is in.

    Examples
    --------
    >>> components(5, [np.array([[3, 1], [1, 4]])]).tolist()
    [0, 1, 2, 1, 1]
    """
    left, right = np.concatenate([np.empty((0, 2), np.int64), *links]).T
    first = np.arange(count)
    # Every thing takes the first one that it knows of, and then what that one knows of.
    while len(apart := np.flatnonzero(first[left] != first[right])):
        left, right = left[apart], right[apart]
        ends = first[left], first[right]
        np.minimum.at(first, np.maximum(*ends), np.minimum(*ends))
        while not np.array_equal(first, beyond := first[first]):
            first = beyond
    numbers: Indices = np.unique(first, return_inverse=True)[1]
    return numbers


def _alike(values: NDArray[np.object_]) -> Indices:
    """Return pairs of positions that connect equal values; a missing one equals none."""
    codes, _ = pd.factorize(values)
    order = np.argsort(codes, kind="stable")
    order = order[codes[order] >= 0]
    following = codes[order[1:]] == codes[order[:-1]]
    pairs: Indices = np.column_stack([order[:-1][following], order[1:][following]])
    return pairs


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
    sounds_alike = [
        _alike_in_sound(values[part[:, 0]], values[part[:, 1]]) for part in _parts(pairs)
    ]
    same: Indices = pairs[np.concatenate([np.empty(0, bool), *sounds_alike])]
    return same


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
    alike: NDArray[np.bool_] = (counts >= a.shape[1] / 2) & (middle <= SAME_RECORDING)
    return alike
