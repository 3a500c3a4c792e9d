"""The same recording in several files: what may be cleared out, once somebody has heard it.

A table tells of files with the same bytes, of the same numbers, and of the same audio at another
bit rate (`earmark.classify.dataset.duplicates`). Another edit (a part of it, louder, with silence
before) differs in too many numbers for a table to be sure: those that are near enough are held
against each other by their sounds (`earmark.classify.library.fingerprint`), where the files are
there, and are named only if these agree.

Measured on 40 real recordings (Emotify, songs, 4Q) and 280 files made of them: cut to 12 seconds
from the middle or to the first 14, 9 dB louder into a limiter, with 3 seconds of silence before,
equalised, MP3 at 64 kb/s mono, Opus at 48 kb/s. Of 780 pairs of different recordings 0.47 of the
bits differ at least, of a recording and what was made of it 0.22 at most; 0.35 parts them, and all
320 files were brought together as 40 recordings. The same recording 4 % faster, or in another
pitch, is another version: 0.46 and more.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from earmark.classify.dataset import duplicates
from earmark.classify.library import fingerprint, similar
from earmark.extract.errors import FileError, SchemaError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from earmark.extract.feature_table import FeatureTable

__all__ = ["COLUMNS", "EDIT", "Doubles", "candidates", "find"]

COLUMNS = ["recording", "path", "what", "of", "seconds", "difference"]

EDIT = "edit"

WORDS = {**duplicates.KINDS, EDIT: "another edit of the recording"}

NEAR = 0.5
"""Cosine from which on tracks are near enough to be held against each other."""

MOST = 20
"""Tracks that one is held against, the nearest."""

BLOCK, PART = 1024, 20_000
"""Tracks, and pairs, that are compared at once."""

SAMPLED = 4096
"""Tracks that tell where the nearest of one begin."""

TELLING = 10
"""Numbers from which on two tracks with the same ones are one recording."""


@dataclass(frozen=True)
class Doubles:
    """The recordings that are there several times.

    Parameters
    ----------
    table : DataFrame
        ``recording`` (a number), ``path``, ``what`` (what it is to the first of its recording, in
        words; of the first "the longest"), ``of`` (the path that it was compared with), ``seconds``
        and ``difference`` (share of the bits that differ, where sounds were compared).
    compared : int
        Pairs whose sounds were compared.
    failures : list of FileError
        Files that could not be read.
    """

    table: pd.DataFrame
    compared: int
    failures: list[FileError]


def find(
    source: FeatureTable,
    files: Mapping[str, Path] | None = None,
    report: Callable[[int, int], None] | None = None,
) -> Doubles:
    """Find the recordings that are in a table several times.

    Parameters
    ----------
    source : FeatureTable
        A table of descriptors.
    files : mapping of str to Path, optional
        Where the files are: edits are looked for, and what a table calls another bit rate is held
        against what can be heard.
    report : callable, optional
        Called with how many pairs were compared, of how many.

    Raises
    ------
    SchemaError
        The table has no descriptors.
    """
    source = source.recognised()
    if not source.columns:
        raise SchemaError(f"{source.source} has no descriptors to tell recordings by")
    frame = source.frame
    told = duplicates.find(
        frame[source.columns],
        source.paths,
        frame.get("sha256"),
        dict(source.provenance),
        frame.get("seconds"),
    )
    # Many tracks have one tempo: few numbers tell nothing.
    sure = ("file", "features") if len(source.columns) >= TELLING else ("file",)
    links = [(int(a), int(b), kind, np.nan) for kind in sure for a, b in told.pairs[kind]]
    same = duplicates.components(len(told.tracks), [told.pairs[kind] for kind in sure])
    recoded = {(int(a), int(b)) for a, b in told.pairs["recoded"]}
    near = set()
    if files is not None:
        near = {(int(a), int(b)) for a, b in candidates(similar.index(source).vectors)}
    asked = sorted(pair for pair in recoded | near if same[pair[0]] != same[pair[1]])
    heard: dict[int, fingerprint.Fingerprint | None] = {}
    failures: list[FileError] = []
    compared = 0
    for done, (a, b) in enumerate(asked):
        if report:
            report(done, len(asked))
        one, other = (_print(place, told.tracks, files, heard, failures) for place in (a, b))
        if one is None or other is None:
            if (a, b) in recoded:
                links.append((a, b, "recoded", np.nan))
            continue
        compared += 1
        found = fingerprint.match(one, other)
        # Too little to compare says nothing against what the numbers say.
        if found.same or ((a, b) in recoded and not found.seconds):
            kind = "recoded" if (a, b) in recoded else EDIT
            links.append((a, b, kind, found.distance if found.seconds else np.nan))
    return Doubles(_table(told.tracks, links, source), compared, failures)


def candidates(vectors: NDArray[np.float32]) -> NDArray[np.int64]:
    """Return the pairs of tracks that are near each other, each once.

    Parameters
    ----------
    vectors : ndarray of shape (tracks, columns)
        As from `earmark.classify.library.similar.standardised`.

    Returns
    -------
    ndarray of shape (pairs, 2)
            Those whose cosine is `NEAR` at least, for each track of its `MOST` nearest, which are
        looked for along some axes (`earmark.classify.library.similar.Index.sketch`).
    """
    known = np.flatnonzero(vectors.any(axis=1))
    vectors = vectors[known]
    if len(vectors) < 2:
        return np.empty((0, 2), np.int64)
    some = vectors[:: max(1, len(vectors) // 20_000)]
    axes = np.linalg.eigh((some.T @ some).astype(np.float64))[1][:, ::-1][:, : similar.AXES]
    places = vectors @ axes.astype(np.float32)
    step = max(1, len(vectors) // SAMPLED)
    enough = (
        min(-(-4 * MOST // step), len(vectors) - 1) if step > 1 else min(MOST, len(vectors) - 1)
    )
    found = [np.empty((0, 2), np.int64)]
    for start in range(0, len(vectors), BLOCK):
        own = np.arange(start, min(start + BLOCK, len(vectors)))
        closeness = places[own] @ places.T
        closeness[np.arange(len(own)), own] = -np.inf
        # Where the nearest begin is told by some: to sort all would take most of the time.
        cut = -np.partition(-closeness[:, ::step], enough - 1, axis=1)[:, enough - 1]
        rows, near = np.nonzero(closeness >= cut[:, None])
        cosines = np.concatenate(
            [
                np.einsum("ij,ij->i", vectors[own[rows[part]]], vectors[near[part]])
                for part in (slice(at, at + PART) for at in range(0, len(rows), PART))
            ]
        )
        order = np.lexsort((-cosines, rows))
        rank = np.arange(len(rows)) - np.searchsorted(rows, rows)
        kept = order[(rank < MOST) & (cosines[order] >= NEAR)]
        found.append(np.column_stack([own[rows[kept]], near[kept]]))
    chosen = known[np.concatenate(found)]
    unique: NDArray[np.int64] = np.unique(np.sort(chosen, axis=1), axis=0)
    return unique


def _print(
    place: int,
    tracks: NDArray[np.object_],
    files: Mapping[str, Path] | None,
    heard: dict[int, fingerprint.Fingerprint | None],
    failures: list[FileError],
) -> fingerprint.Fingerprint | None:
    if place not in heard:
        heard[place] = None
        path = str(tracks[place])
        if files is not None and path in files:
            try:
                heard[place] = fingerprint.of_file(files[path])
            except FileError as error:
                failures.append(error)
    return heard[place]


def _table(
    tracks: NDArray[np.object_], links: list[tuple[int, int, str, float]], source: FeatureTable
) -> pd.DataFrame:
    """Return the recordings, the longest file of each first."""
    pairs = np.array([link[:2] for link in links], np.int64).reshape(-1, 2)
    numbers = duplicates.components(len(tracks), [pairs])
    lengths = _lengths(source).reindex(tracks).to_numpy()
    rows = []
    of_track: dict[int, list[tuple[int, str, float]]] = {}
    for a, b, kind, difference in links:
        of_track.setdefault(a, []).append((b, kind, difference))
        of_track.setdefault(b, []).append((a, kind, difference))
    groups: dict[int, list[int]] = {}
    for own in sorted(of_track):
        groups.setdefault(int(numbers[own]), []).append(own)
    for number, members in enumerate(groups.values(), 1):
        ranked = sorted(members, key=lambda own: (-np.nan_to_num(lengths[own]), str(tracks[own])))
        seen: set[int] = set()
        for own in _reached(ranked, of_track):
            row: tuple[str, str, float] = ("the first of its recording", "", np.nan)
            told = [link for link in of_track[own] if link[0] in seen]
            if told:
                order = list(WORDS)
                other, kind, difference = min(told, key=lambda link: order.index(link[1]))
                row = WORDS[kind], str(tracks[other]), difference
            rows.append((number, tracks[own], row[0], row[1], lengths[own], row[2]))
            seen.add(own)
    return pd.DataFrame(rows, columns=COLUMNS)


def _reached(ranked: list[int], of_track: Mapping[int, list[tuple[int, str, float]]]) -> list[int]:
    """Return tracks of one recording so that each is linked with one before it."""
    order, left = [ranked[0]], ranked[1:]
    while left:
        linked = {other for own in order for other, _, _ in of_track[own]}
        following = next(own for own in left if own in linked)
        order.append(following)
        left.remove(following)
    return order


def _lengths(source: FeatureTable) -> pd.Series:
    frame = source.frame
    if source.windowed:
        return frame["seconds"].groupby(source.paths.to_numpy()).sum()
    if "duration_ms" not in frame:
        return pd.Series(dtype=float)
    return pd.Series(frame["duration_ms"].to_numpy() / 1000, source.paths).groupby(level=0).first()
