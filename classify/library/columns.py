"""What a table of tracks says in other words: columns that follow from others, or from tags.

A rule, an order or a playlist for each value may ask for them as if they stood in the table:
``camelot`` (8A), ``musical_key`` (F#m), ``tempo_band`` (120-129), ``mood`` (the strongest tag that
is one), ``decade``, and from the files' own tags ``artist``, ``title``, ``album`` and ``year``.
"""

from __future__ import annotations

import difflib
import re
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from earmark.classify import sound_tags
from earmark.classify.dataset import duplicates, labels, names, tags
from earmark.extract import tables
from earmark.extract.errors import DecodeError, SchemaError
from earmark.extract.key_names import camelot, key_name

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping
    from pathlib import Path

    from earmark.extract.feature_table import FeatureTable

__all__ = [
    "DERIVED",
    "FROM_TAGS",
    "joined",
    "read",
    "tracks_of",
    "unknown",
    "with_column",
    "with_columns",
    "with_tags",
]

BAND = 10
"""BPM of a band of tempos."""

MOODS = ("happy", "sad", "Mellow", "party", "sexy", "beautiful", "chill", "chillout")
"""The words of listeners (`earmark.classify.sound_tags`) that say a mood."""

FROM_TAGS = ("artist", "title", "album", "year")
"""What the tags of files say."""

ROLES = {
    "artist": labels.ARTIST_COLUMNS,
    "title": labels.TITLE_COLUMNS,
    "album": labels.ALBUM_COLUMNS,
    "year": ("year",),
}

MOST_NAMED = 12
"""Columns of a table that a message names."""

YEAR = re.compile(r"\d{4}")


def tracks_of(source: FeatureTable) -> pd.DataFrame:
    """Return a row for each track of a table, with the means of its windows."""
    frame = source.frame.assign(path=source.paths)
    if not source.windowed:
        return frame.drop_duplicates("path").reset_index(drop=True)
    frame = frame.drop(columns=["start", "seconds"])
    firsts = frame.drop_duplicates("path").set_index("path")
    means = frame.groupby("path", sort=False)[source.columns].mean()
    firsts[source.columns] = means.reindex(firsts.index)
    return firsts.reset_index()


def read(
    table: Path, features: Path | None = None, named: Collection[str] | None = None
) -> tuple[pd.DataFrame, FeatureTable]:
    """Read tracks, and the descriptors that they are compared by.

    Parameters
    ----------
    table : Path
        Predictions, a table of descriptors, or any with paths.
    features : Path, optional
        Beside it a table of descriptors of the same tracks, named by one rule
        (`earmark.classify.dataset.names`); tracks that it has not are left out.
    named : collection of str, optional
        The columns that are asked for: of the descriptors only these are read, and those that tell
        recordings apart. By default all.

    Returns
    -------
    tracks : DataFrame
        From `tracks_of`, with the columns of both.
    source : FeatureTable
        The descriptors.
    """
    without = None if named is None else partial(_unasked, set(named))
    source = tables.read(features or table, without).recognised()
    tracks = tracks_of(source)
    if features is None:
        return tracks, source
    found = tracks_of(tables.read(table))
    paired = names.pair(found["path"].astype(str).tolist(), tracks["path"].astype(str)).paths
    found["path"] = pd.Series(paired, found.index, dtype="object")
    return joined(found.dropna(subset="path"), tracks), source


def _unasked(named: set[str], provenance: Mapping[str, Any]) -> set[str]:
    """Return the descriptors of a table that nobody asks for, and that tell no recordings apart."""
    if "mood" in named:
        named = named | set(sound_tags.of_columns())
    declared = set(provenance.get("columns") or ())
    telling = duplicates.telling(provenance)
    return set() if telling is None else declared - set(telling) - named


def joined(tracks: pd.DataFrame, others: pd.DataFrame) -> pd.DataFrame:
    """Return tracks with the columns of another table that they have not, by path."""
    new = [name for name in others if name not in tracks]
    known = others.drop_duplicates("path").set_index("path")[new]
    return pd.concat(
        [tracks.reset_index(drop=True), known.reindex(tracks["path"]).reset_index(drop=True)],
        axis=1,
    )


def with_columns(tracks: pd.DataFrame, wanted: Iterable[str]) -> pd.DataFrame:
    """Return tracks with those of `DERIVED` that are wanted and not there.

    Raises
    ------
    SchemaError
        One cannot be told from the table; the message names what is missing.
    """
    for name in wanted:
        if name in DERIVED and name not in tracks:
            needed, make = DERIVED[name]
            absent = [column for column in needed if column not in tracks]
            if absent:
                raise SchemaError(
                    f"the table has no {' and no '.join(absent)}: {name} follows from it"
                )
            tracks = _with(tracks, {name: make(tracks)})
    return tracks


def with_column(tracks: pd.DataFrame, name: str, files: Mapping[str, Path] | None) -> pd.DataFrame:
    """Return tracks with a column that follows from others or, where files are known, from tags."""
    from_tags = {name: name, "decade": "year"}.get(name)
    if files is not None and from_tags in FROM_TAGS:
        tracks = with_tags(tracks, files, [str(from_tags)])
    return with_columns(tracks, [name])


def with_tags(
    tracks: pd.DataFrame, files: Mapping[str, Path], wanted: Iterable[str] = FROM_TAGS
) -> pd.DataFrame:
    """Return tracks with what the tags of their files say and the table does not.

    Parameters
    ----------
    tracks : DataFrame
        With ``path``.
    files : mapping of str to Path
        Where the file of each is; tags of others, and of what cannot be read, are missing.
    wanted : iterable of str
        Of `FROM_TAGS`; the length comes with them.
    """
    wanted = [name for name in wanted if not any(own in tracks for own in ROLES[name])]
    lengthless = "duration_ms" not in tracks and "seconds" not in tracks
    if not wanted and not lengthless:
        return tracks
    said: list[dict[str, str]] = []
    for path in tracks["path"].astype(str):
        try:
            found = tags.read(files[path]) if path in files else {}
        except DecodeError:
            found = {}
        # Some formats name an artist in two fields.
        said.append({name: "; ".join(dict.fromkeys(values)) for name, values in found.items()})
    new: dict[str, Any] = {}
    for name in wanted:
        values = [own.get(name) for own in said]
        if name == "year":
            years = [YEAR.match(value or "") for value in values]
            new[name] = np.array([float(own[0]) if own else np.nan for own in years])
        else:
            new[name] = np.array(values, object)
    if lengthless:
        new["duration_ms"] = [1000 * float(own.get("seconds", "nan")) for own in said]
    return _with(tracks, new)


def unknown(name: str, table: pd.DataFrame) -> str:
    """Say that a table has no column of a name, what it has, and what may be meant.

    Examples
    --------
    >>> print(unknown("energi", pd.DataFrame({"path": ["a.mp3"], "energy": [0.5]})))
    the table has no column 'energi'; is energy meant? It has path, energy
    >>> unknown("year", pd.DataFrame({"path": ["a.mp3"]})).partition("; ")[2]
    'with the folder of the files (--audio) it is read from their tags. It has path'
    """
    own = [str(column) for column in table]
    near = difflib.get_close_matches(name, [*own, *DERIVED, *FROM_TAGS], 1)
    hint = ""
    if name in (*FROM_TAGS, "decade"):
        hint = "; with the folder of the files (--audio) it is read from their tags"
    elif near:
        hint = f"; is {near[0]} meant?"
    more = " …" if len(own) > MOST_NAMED else ""
    end = " " if hint.endswith("?") else ". "
    return f"the table has no column {name!r}{hint}{end}It has {', '.join(own[:MOST_NAMED])}{more}"


def _with(tracks: pd.DataFrame, new: Mapping[str, Any]) -> pd.DataFrame:
    """Return tracks with columns that they have not: beside the others, however many those are."""
    return pd.concat([tracks, pd.DataFrame(dict(new), tracks.index)], axis=1)


def _numbers(tracks: pd.DataFrame, name: str) -> pd.Series:
    return pd.to_numeric(tracks[name], errors="coerce").astype("float64")


def _by_key(tracks: pd.DataFrame, name: Callable[[float, float], str]) -> pd.Series:
    pairs = zip(_numbers(tracks, "key"), _numbers(tracks, "mode"), strict=True)
    return pd.Series([name(*pair) or None for pair in pairs], tracks.index, object)


def _banded(values: pd.Series, width: int) -> pd.Series:
    lowest = np.floor(values / width) * width
    named: pd.Series = lowest.map(
        lambda low: f"{low:.0f}-{low + width - 1:.0f}", na_action="ignore"
    )
    return named


def _decade(years: pd.Series) -> pd.Series:
    tens = np.floor(years / 10) * 10
    named: pd.Series = tens.map(lambda year: f"{year:.0f}", na_action="ignore")
    return named


def _mood(tracks: pd.DataFrame) -> pd.Series:
    columns = {own: tag for own, tag in sound_tags.of_columns().items() if tag in MOODS}
    values = tracks.reindex(columns=list(columns)).astype("float64").fillna(0.0)
    strongest = values.idxmax(axis=1).map(lambda own: str(columns[own]).lower())
    return strongest.where(values.max(axis=1) >= sound_tags.LEAST, None)


DERIVED: Mapping[str, tuple[tuple[str, ...], Callable[[pd.DataFrame], pd.Series]]] = {
    "camelot": (("key", "mode"), lambda tracks: _by_key(tracks, camelot)),
    "musical_key": (("key", "mode"), lambda tracks: _by_key(tracks, key_name)),
    "tempo_band": (("tempo",), lambda tracks: _banded(_numbers(tracks, "tempo"), BAND)),
    "decade": (("year",), lambda tracks: _decade(_numbers(tracks, "year"))),
    "mood": (("tag_happy",), _mood),
}
"""Columns that follow from others: from which, and how."""
