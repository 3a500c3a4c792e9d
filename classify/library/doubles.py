"""The same recording in several files: what may be cleared out, once somebody has heard it.

A table tells of files with the same bytes, of the same numbers, and of the same audio at another
bit rate (`earmark.classify.dataset.duplicates`). Another edit (a part of it, louder, with silence
before) differs in too many numbers for a table to tell: where the files are there, those whose
sounds have words in common (`earmark.classify.library.shared_words`) are held against each other
(`earmark.classify.library.fingerprint`), and are named only if they agree.

Measured on 40 real recordings (Emotify, songs, 4Q) and 280 files made of them: cut to 12 seconds
from the middle or to the first 14, 9 dB louder into a limiter, with 3 seconds of silence before,
equalised, MP3 at 64 kb/s mono, Opus at 48 kb/s. Of 780 pairs of different recordings 0.47 of the
bits differ at least, of a recording and what was made of it 0.22 at most; 0.35 parts them, and all
320 files were brought together as 40 recordings, and none of 336 real tracks with another but
for the one recording that is there twice. The same recording 4 % faster, or in another
pitch, is another version: 0.46 and more.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from earmark.classify.dataset import duplicates
from earmark.classify.library import fingerprint, shared_words
from earmark.extract.errors import FileError, SchemaError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from earmark.extract.feature_table import FeatureTable

__all__ = ["COLUMNS", "EDIT", "Doubles", "find"]

COLUMNS = ["recording", "path", "what", "of", "seconds", "difference"]

EDIT = "edit"

WORDS = {**duplicates.KINDS, EDIT: "another edit of the recording"}

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
        Called with how many files were heard, of how many.

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
    failures: list[FileError] = []
    heard = _heard(told.tracks, files or {}, failures, report)
    near = {(int(a), int(b)) for a, b in shared_words.pairs(heard)}
    compared = 0
    for a, b in sorted(pair for pair in recoded | near if same[pair[0]] != same[pair[1]]):
        one, other = heard[a], heard[b]
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


def _heard(
    tracks: NDArray[np.object_],
    files: Mapping[str, Path],
    failures: list[FileError],
    report: Callable[[int, int], None] | None,
) -> list[fingerprint.Fingerprint | None]:
    """Return the fingerprints of the tracks whose files are there."""
    heard: list[fingerprint.Fingerprint | None] = []
    for place, path in enumerate(map(str, tracks)):
        if report and files:
            report(place, len(tracks))
        try:
            heard.append(fingerprint.of_file(files[path]) if path in files else None)
        except FileError as error:
            failures.append(error)
            heard.append(None)
    return heard


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
