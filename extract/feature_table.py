"""A table of descriptors with what it says of itself: which columns are sound, what made them."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import pandas as pd

from earmark.extract import provenance as origins
from earmark.extract import schema as schemas
from earmark.extract import sets
from earmark.extract.config import DEFAULTS
from earmark.extract.errors import SchemaError
from earmark.extract.schema import NAME_COLUMNS, NAMES

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = [
    "ATTRIBUTE",
    "FeatureTable",
    "concat",
    "describes_sound",
    "facts_table",
    "merge",
    "names_of_rows",
]

ATTRIBUTE = "earmark"
"""Where a DataFrame carries the provenance of its values, in its ``attrs``."""

NO_SOUND = re.compile(r"Unnamed:|probability(_\d+)?$")
"""Columns of numbers that describe no sound: the number of the row that pandas writes first, and
how sure predictions are."""

LENGTHS = ("duration_ms", "length")
"""Silence has these too."""


def describes_sound(name: str) -> bool:
    """Tell by its name whether a column of numbers may describe sound.

    Examples
    --------
    >>> [name for name in ("path", "tempo", "track_id", "probability_2") if describes_sound(name)]
    ['tempo']
    """
    return name not in NAMES and not NO_SOUND.match(name)


def facts_table(name: str, facts: Mapping[str, str]) -> str:
    """Return a small table for notebooks, whatever the facts hold.

    Examples
    --------
    >>> facts_table("Trained", {"genres": "R&B"})
    '<table><caption>Trained</caption><tr><th>genres</th><td>R&amp;B</td></tr></table>'
    """
    rows = (
        f"<tr><th>{html.escape(key)}</th><td>{html.escape(value)}</td></tr>"
        for key, value in facts.items()
    )
    return f"<table><caption>{html.escape(name)}</caption>{''.join(rows)}</table>"


@dataclass(frozen=True, eq=False, repr=False)
class FeatureTable:
    """Rows of tracks or windows, with the provenance of their values.

    Parameters
    ----------
    frame : DataFrame
        The rows, with the columns that name them.
    provenance : mapping
        What made the values (`earmark.extract.provenance.metadata`); empty where nobody knows,
        such as of a CSV.
    source : str
        What to call the table in an error.

    Examples
    --------
    >>> import pandas as pd
    >>> table = FeatureTable.of(pd.DataFrame({"path": ["a.mp3"], "tempo": [120.0]}))
    >>> table.columns, table.windowed, table.fingerprint
    (['tempo'], False, None)
    """

    frame: pd.DataFrame = field(repr=False)
    provenance: Mapping[str, Any] = field(default_factory=dict)
    source: str = "the table"

    @classmethod
    def of(
        cls,
        table: pd.DataFrame | FeatureTable,
        source: str = "the table",
        provenance: Mapping[str, Any] | None = None,
    ) -> FeatureTable:
        """Return a table of either type as a `FeatureTable`.

        Parameters
        ----------
        table : DataFrame or FeatureTable
            A DataFrame may carry its provenance in ``attrs``.
        source : str
            What to call a DataFrame in an error.
        provenance : mapping, optional
            What made the values; by default what the table carries.
        """
        if isinstance(table, FeatureTable):
            return replace(table, provenance=provenance) if provenance else table
        carried = table.attrs.get(ATTRIBUTE)
        if table.attrs:
            # pandas copies attributes with every column that is taken.
            table = table.copy(deep=False)
            table.attrs = {}
        return cls(table, provenance or (carried if isinstance(carried, dict) else {}), source)

    def __len__(self) -> int:
        return len(self.frame)

    def __repr__(self) -> str:
        name = type(self).__name__
        return f"{name}({', '.join(f'{key} {value}' for key, value in self._facts.items())})"

    def _repr_html_(self) -> str:
        """Return what a notebook shows: what the table is, and its first rows."""
        rows = self.frame.head(5).to_html(max_cols=12, notebook=True)
        return facts_table(type(self).__name__, self._facts) + rows

    @property
    def _facts(self) -> dict[str, str]:
        kind = "windows" if self.windowed else "tracks"
        return {
            "set": self.set or "unknown",
            kind: f"{len(self.frame):,}",
            "descriptors": f"{len(self.columns):,}",
            "fingerprint": self.fingerprint or "unknown",
        }

    def to_frame(self) -> pd.DataFrame:
        """Return a DataFrame that carries the provenance in ``attrs["earmark"]``."""
        frame = self.frame.copy(deep=False)
        if self.provenance:
            frame.attrs[ATTRIBUTE] = dict(self.provenance)
        return frame

    def with_frame(self, frame: pd.DataFrame) -> FeatureTable:
        """Return other rows or columns of the same provenance, such as a selection."""
        return replace(self, frame=frame)

    def recognised(self) -> FeatureTable:
        """Return the table with the provenance that its columns speak for, if it has none.

        A table without provenance that has all columns of a feature set, such as a CSV, counts as
        extracted with the default settings.
        """
        if self.provenance:
            return self
        length = round(float(self.frame["seconds"].median()), 2) if self.windowed else None
        present = set(self.columns)
        made = [schemas.of(name, DEFAULTS, length) for name in sets.SETS]
        # A set may hold all columns of another.
        for schema in sorted(made, key=lambda schema: -len(schema.columns)):
            name = schema.set.rpartition("-")[0]
            if set(sets.needed(name, schema.names)) <= present:
                return replace(self, provenance=origins.Provenance(schema))
        return self

    @cached_property
    def columns(self) -> list[str]:
        """The columns that describe sound: those of its set, else all numbers but of names."""
        declared = set(self.provenance.get("columns") or ())
        if declared:
            return [name for name in self.frame.columns if name in declared]
        return self.numeric

    @cached_property
    def numeric(self) -> list[str]:
        """The columns of numbers that may describe sound, also those that its set has not."""
        numbers = self.frame.select_dtypes("number").columns
        return [name for name in numbers if describes_sound(str(name))]

    @property
    def windowed(self) -> bool:
        """Whether rows are windows of tracks."""
        return {"start", "seconds"} <= set(self.frame.columns)

    @property
    def set(self) -> str | None:
        """Name and version of the feature set, such as ``default-4``; None where nobody knows."""
        return self.provenance.get("set")

    @property
    def fingerprint(self) -> str | None:
        """Changes with whatever changes a value; None where nobody knows."""
        return self.provenance.get("fingerprint")

    @property
    def column_versions(self) -> dict[str, int]:
        """The version of the descriptor of each column, by name; empty where nobody knows."""
        versions = self.provenance.get("column_versions")
        if not isinstance(versions, Mapping):
            return {}
        return {name: version for name, version in versions.items() if isinstance(version, int)}

    @property
    def has_sound(self) -> pd.Series:
        """Whether anything is known of the sound of each row: silence only has a duration."""
        return self.has_sound_in(self.columns)

    def has_sound_in(self, columns: Iterable[str]) -> pd.Series:
        """Tell whether anything is known of the sound of each row, by some columns alone."""
        present = [name for name in columns if name not in LENGTHS and name in self.frame]
        return self.frame[present].notna().any(axis=1)

    @property
    def paths(self) -> pd.Series:
        """The track that each row is of; in a table without paths, whatever names its rows.

        Raises
        ------
        SchemaError
            A path is missing.
        """
        frame = self.frame
        if "path" in frame:
            missing = frame["path"].isna()
            if missing.any():
                raise SchemaError(
                    f"{self.source}: {int(missing.sum())} of its {len(frame)} rows have no path, "
                    f"the first of them row {int(missing.argmax()) + 1}; name their tracks, or "
                    "leave them out"
                )
            return frame["path"].astype(str)
        if isinstance(frame.index, pd.RangeIndex):
            return pd.Series(names_of_rows(frame), frame.index)
        return pd.Series(frame.index.astype(str), frame.index)


def names_of_rows(frame: pd.DataFrame) -> list[str]:
    """Name the rows of a table that has no paths."""
    for name in NAME_COLUMNS:
        if name in frame and frame[name].notna().all() and frame[name].is_unique:
            return frame[name].astype(str).tolist()
    return [f"row {index}" for index in range(len(frame))]


def concat(tables: Sequence[pd.DataFrame | FeatureTable]) -> FeatureTable:
    """Lay tables together that were made alike.

    Parameters
    ----------
    tables : sequence of DataFrame or FeatureTable
        At least one, all of one fingerprint and of windows of one length.

    Returns
    -------
    FeatureTable
        All rows in order. Where versions of libraries differ, its provenance names all.

    Raises
    ------
    SchemaError
        A table does not say how it was made, or they were made differently.
    """
    parts = [
        FeatureTable.of(table, f"table {number}") for number, table in enumerate(tables, start=1)
    ]
    if not parts:
        raise SchemaError("there is no table to join")
    for part in parts:
        if part.fingerprint is None:
            raise SchemaError(
                f"{part.source} does not say how it was made, as Parquet tables of Earmark's do; "
                "join those, or extract it again with an output that ends in .parquet"
            )
    first = parts[0]
    for part in parts[1:]:
        if _made(part) != _made(first):
            raise SchemaError(
                f"{first.source} and {part.source} were not made alike ({_made(first)}; "
                f"{_made(part)}): their values cannot be compared. Extract both with the same "
                "version of Earmark, set and settings"
            )
    frame = pd.concat([part.frame for part in parts], ignore_index=True)
    return FeatureTable(frame, _joined([part.provenance for part in parts]), first.source)


def merge(tables: Sequence[pd.DataFrame | FeatureTable]) -> FeatureTable:
    """Join tables that were made alike; a row that several have is there once.

    Parameters
    ----------
    tables : sequence of DataFrame or FeatureTable
        As for `concat`, made by Earmark.

    Returns
    -------
    FeatureTable
        The rows in order; of those with the same path, start and content the first.

    Raises
    ------
    SchemaError
        As from `concat`, or a path stands for files of different content.
    """
    joined = concat(tables)
    frame = joined.frame
    missing = [name for name in ("path", "sha256") if name not in frame]
    if missing:
        raise SchemaError(f"{joined.source}: has no column {missing[0]} to join it by")
    contents = frame.groupby("path", sort=False)["sha256"].nunique(dropna=False)
    changed = [str(path) for path in contents.index[contents > 1]]
    if changed:
        what = "1 path stands" if len(changed) == 1 else f"{len(changed)} paths stand"
        raise SchemaError(
            f"{what} for files of different content in the tables, such as {changed[0]}; leave one "
            "of them out, or extract them anew"
        )
    keys = [name for name in ("path", "start", "sha256") if name in frame]
    return joined.with_frame(frame.drop_duplicates(keys, ignore_index=True))


def _made(table: FeatureTable) -> str:
    windows = table.provenance.get("windows")
    rows = f"windows of {windows:g} s" if windows else "tracks"
    return f"set {table.set}, fingerprint {table.fingerprint}, a row per {rows}"


def _joined(provenances: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return one provenance for all; it names every version where they differ."""
    joined = dict(provenances[0])
    names = dict.fromkeys(name for provenance in provenances for name in provenance)
    for name in names:
        if name not in origins.DESCRIPTION:
            values = dict.fromkeys(
                str(entry[name]) for entry in provenances if entry.get(name) is not None
            )
            joined[name] = ", ".join(values)
    return joined
