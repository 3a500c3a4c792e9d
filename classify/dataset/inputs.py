"""Which columns of a table are learned from, and which values they may hold."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from earmark.extract import schema, sets
from earmark.extract.engine.registry import Column
from earmark.extract.errors import LabelError, SchemaError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from earmark.extract.feature_table import FeatureTable

__all__ = [
    "FILE_DESCRIPTORS",
    "SPOTIFY_EXTRAS",
    "STATISTICS",
    "finite",
    "flags",
    "learned_from",
    "without",
]


FILE_DESCRIPTORS = ("duration_ms", "length", "loudness", "true_peak")
"""What says more about the file (an excerpt, a mastering) than about the music in it."""

SPOTIFY_EXTRAS = {
    "popularity": Column("popularity", "", (0, 100), dtype="int64"),
    "explicit": Column("explicit", "0 no, 1 yes", (0, 1), dtype="int64"),
}
"""What Spotify's tables say beside the sound; audio files do not."""

STATISTICS = "mean|std|var|median|min|max|skew|kurtosis|confidence"
"""What may follow the name of a descriptor in that of a column, beside numbers."""


def learned_from(
    table: FeatureTable,
    others: Sequence[str | None],
    notes: list[str],
    *,
    ignore: Sequence[str] = (),
    use: Sequence[str] = (),
    keep_all: bool = False,
) -> tuple[list[str], list[str]]:
    """Return the descriptors of a table, and those of them that are learned from.

    Parameters
    ----------
    table : FeatureTable
        Its columns count, not its rows.
    others : sequence of str or None
        The columns of labels, groups and folds.
    notes : list of str
        What was passed over or taken back is said there.
    ignore, use, keep_all
        As for `build`.

    Raises
    ------
    LabelError
        Nothing is left, or a name fits no descriptor.
    """
    columns = _columns(table, others, notes)
    if not columns:
        raise LabelError(f"{table.source}: has no numeric columns to learn from")
    # Only Earmark knows the sum of the file: in Spotify's table a length is the song's own.
    of_the_file = FILE_DESCRIPTORS if table.set and "sha256" in table.frame else ()
    by_default = [] if keep_all else [name for name in of_the_file if name in columns]
    inputs = _inputs(columns, by_default, list(ignore), list(use), notes)
    if str(table.set).startswith("spotify-"):
        # What was left out beside the sound need not be in a table that is classified.
        columns = [name for name in columns if name in inputs or name not in SPOTIFY_EXTRAS]
    return columns, inputs


def _inputs(
    columns: list[str], by_default: list[str], ignore: list[str], use: list[str], notes: list[str]
) -> list[str]:
    """Return the columns that are learned from.

    Parameters
    ----------
    columns : list of str
        All descriptors of the table.
    by_default : list of str
        Those that are left out unless somebody asks for them.
    ignore, use : list of str
        What somebody wants left out beside them, and which of them they want back.
    notes : list of str
        What was taken back is said there.
    """
    for name in use:
        if name in ignore:
            raise LabelError(f"{name!r} cannot both be used and be ignored")
        if name not in by_default:
            said = f"only {', '.join(by_default)} can be taken back" if by_default else "nothing is"
            raise LabelError(f"{name!r} is not left out by default: {said}")
    if use:
        notes.append(
            f"learned from, though it says more about the file than about the music: "
            f"{', '.join(use)}"
        )
    return without(columns, [*(name for name in by_default if name not in use), *ignore])


def finite(features: pd.DataFrame, paths: pd.Series, where: str) -> None:
    """Refuse values that no descriptor has.

    Raises
    ------
    SchemaError
        One is infinite, or beyond what 32 bits hold.
    """
    values = features.to_numpy(np.float64)
    wild = np.argwhere(np.abs(values) > np.finfo(np.float32).max)
    if len(wild):
        row, column = wild[0]
        raise SchemaError(
            f"{where}: {features.columns[column]} of {paths.iloc[row]} is {values[row, column]:g}, "
            "which is no value that can be learned from; correct it, or leave it blank"
        )


def flags(values: pd.Series) -> pd.Series:
    """Turn what is true or false, in words or numbers, into 1 and 0."""
    known = {
        **dict.fromkeys(("true", "yes", "t", "y", "1", "1.0"), 1.0),
        **dict.fromkeys(("false", "no", "f", "n", "0", "0.0"), 0.0),
        # As spreadsheets write them in other languages.
        **dict.fromkeys(("wahr", "vrai", "vero", "verdadero", "verdadeiro", "waar"), 1.0),
        **dict.fromkeys(("falsch", "faux", "falso", "onwaar"), 0.0),
    }
    return values.astype(str).str.lower().map(known)


def _columns(table: FeatureTable, others: Sequence[str | None], notes: list[str]) -> list[str]:
    """Return what a model may learn from: the descriptors of a table but labels, groups and folds.

    Numbers that the set of the table has not are named in the notes.
    """
    names = [*schema.NAMES, *others]
    columns = [name for name in sets.needed(table.set, table.columns) if name not in names]
    if str(table.set).startswith("spotify-"):
        columns += [name for name in SPOTIFY_EXTRAS if name in table.frame and name not in names]
    known = {*table.columns, *columns, *others}
    foreign = [name for name in table.numeric if name not in known]
    if foreign:
        notes.append(f"not learned from, since the set has no such columns: {', '.join(foreign)}")
    return columns


def without(columns: Sequence[str], ignored: Sequence[str]) -> list[str]:
    """Return the columns but those of the ignored descriptors.

    Raises
    ------
    LabelError
        A name fits no column, or none is left.
    """

    def belongs(column: str, name: str) -> bool:
        return re.fullmatch(rf"{re.escape(name)}(_(\d+|{STATISTICS}))*", column) is not None

    for name in ignored:
        if not any(belongs(column, name) for column in columns):
            raise LabelError(f"no column is of a descriptor {name!r} that could be ignored")
    kept = [column for column in columns if not any(belongs(column, name) for name in ignored)]
    if not kept:
        raise LabelError("every column is ignored: nothing is left to learn from")
    return kept
