"""A table of any origin as tracks: finite numbers, and a genre where one is known.

Whatever looks at a table as a whole looks at `Tracks`: what names a track, what was infinite, and
windows instead of tracks have been dealt with here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from earmark.classify.dataset import build, labels
from earmark.classify.dataset.pooling import per_track
from earmark.classify.html.words import counted, listed
from earmark.classify.insights import statistics
from earmark.extract import schema, sets, tables
from earmark.extract.config import DEFAULTS
from earmark.extract.feature_table import FeatureTable, describes_sound, names_of_rows

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from earmark.classify.dataset.genres import Rule

__all__ = [
    "ALL",
    "CHOSEN",
    "DEMO",
    "FOREIGN_UNITS",
    "UNORDERED",
    "Tracks",
    "about",
    "demo",
    "describe",
    "numbers",
    "read",
]

DEMO = Path(__file__).parents[2] / "data" / "raw"

ALL, CHOSEN, VAST = 60, 24, 1000
"""Descriptors up to which all are shown; how many stand for them where there are more; and how many
are looked at at all."""

UNORDERED = ("key",)
"""Numbers of which more is not more: they have no correlation and no median."""

FOREIGN_UNITS = {"loudness": "dB", "popularity": "0 to 100"}
"""Units in tables that Earmark did not make."""


@dataclass(frozen=True)
class Tracks:
    """What is known of the tracks of a table.

    Parameters
    ----------
    name : str
        What the table is called.
    values : DataFrame of shape (tracks, descriptors)
        Finite numbers, float64; NaN where there is none.
    genres : Series of shape (tracks,), optional
        The genre of each, missing where nobody knows it; None where none is known at all.
    artists : Series of shape (tracks,), optional
        Whose track each is, missing where nobody knows.
    gaps : Series
        The share of rows without a value, by column of the table.
    rows : int
        Rows of the table: more than tracks where these are windows.
    units : dict
        Of the descriptors that have one.
    notes : list of str
        What was passed over.
    """

    name: str
    values: pd.DataFrame
    genres: pd.Series | None
    artists: pd.Series | None
    gaps: pd.Series
    rows: int
    units: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    @property
    def count(self) -> str:
        """How many there are, in words."""
        count = counted(len(self.values), "track")
        if self.rows > len(self.values):
            return f"{count} (means of {counted(self.rows, 'window')})"
        return count

    @property
    def descriptors(self) -> list[str]:
        """The names of the descriptors."""
        return [str(name) for name in self.values]

    @cached_property
    def varying(self) -> list[str]:
        """The descriptors that differ between tracks."""
        return [name for name in self.descriptors if self.values[name].nunique() > 1]

    @cached_property
    def ranked(self) -> pd.DataFrame:
        """Spearman's correlations of all descriptors that vary and are ordered."""
        names = [name for name in self.varying if name not in UNORDERED]
        return statistics.rank_correlations(self.values[_spread(names, VAST)])

    @cached_property
    def principal(self) -> list[str]:
        """The descriptors that are shown one by one: all, or some that stand for all."""
        present = self.descriptors
        if len(present) <= ALL:
            return present
        known = (*sets.SPOTIFY_COLUMNS, *build.SPOTIFY_EXTRAS)
        chosen = [name for name in known if name in present]
        others = [str(name) for name in self.ranked if name not in chosen]
        chosen += statistics.representatives(self.ranked.loc[others, others], CHOSEN - len(chosen))
        return chosen or present[:CHOSEN]


def read(
    table: str | Path,
    source: str | None = None,
    *,
    label: str | None = None,
    ignore_unknown: bool = False,
    audio: str | Path | None = None,
    genre_list: Rule = "first",
) -> Tracks:
    """Read a table, and genres where there are any.

    Parameters
    ----------
    table : str or Path
        Any table that `earmark.extract.tables.read` reads.
    source : str, optional
        Where the genres are, as `labels` of `earmark.classify.dataset.build.build`; None where
        they are in the
        table, or nowhere.
    label : str, optional
        Name of the column of the genre; by default the first of
        `earmark.classify.dataset.labels.GENRE_COLUMNS`.
    ignore_unknown, audio, genre_list
        As for `earmark.classify.dataset.build.build`.

    Raises
    ------
    SchemaError
        The table cannot be read.
    LabelError
        The labels do not fit it.
    """
    return describe(
        tables.read(table),
        source,
        label=label,
        ignore_unknown=ignore_unknown,
        audio=audio,
        genre_list=genre_list,
    )


def describe(
    table: pd.DataFrame | FeatureTable,
    source: str | None = None,
    *,
    where: str | Path = "the table",
    label: str | None = None,
    ignore_unknown: bool = False,
    audio: str | Path | None = None,
    genre_list: Rule = "first",
) -> Tracks:
    """Bring a table into the form that pictures are made of: a row per track, finite numbers.

    Windows of a track are summed up as `earmark.classify.dataset.pooling.per_track` does.

    Parameters
    ----------
    table : DataFrame or FeatureTable
        The table.
    where : str or Path
        Where a DataFrame comes from.
    source, label, ignore_unknown, audio, genre_list
        As for `read`.
    """
    given = FeatureTable.of(table, str(where))
    where, frame = given.source, given.frame
    frame = frame.set_axis([str(name) for name in frame.columns], axis=1)
    frame = frame.loc[:, ~frame.columns.duplicated()].reset_index(drop=True).copy()
    provenance = given.with_frame(frame).recognised().provenance
    gaps = frame.isna().mean()
    windows = "start" in frame
    if source is None and not windows:
        # Nothing is joined by name: every row is a track, whatever it is called.
        frame["path"] = [f"row {place}" for place in range(len(frame))]
    elif "path" not in frame:
        frame["path"] = names_of_rows(frame)
    frame["path"] = frame["path"].astype(str)
    genre = label or labels.genre_column(frame.columns)
    known: pd.DataFrame | None = None
    notes: list[str] = []
    if source is not None or genre is not None:
        known, notes = labels.read(
            *(frame, where, source),
            label=label,
            ignore_unknown=ignore_unknown,
            audio=audio,
            genre_list=genre_list,
        )
    values, infinite, found = _sound(frame, genre)
    notes += found
    gaps = gaps.add(infinite, fill_value=0)[gaps.index]
    paths, rows = frame["path"], len(frame)
    if windows:
        values = per_track(values, paths)
        paths = pd.Series(values.index)
    of = {
        role: None if known is None else paths.map(known[role]).reset_index(drop=True)
        for role in ("label", "artist")
    }
    genres, found = _genres(of["label"])
    notes += found
    return Tracks(
        name=Path(where).name,
        values=values.reset_index(drop=True),
        genres=genres,
        artists=of["artist"],
        gaps=gaps,
        rows=rows,
        units=_units([str(name) for name in values], provenance, "sha256" in frame),
        notes=notes,
    )


def _sound(frame: pd.DataFrame, genre: str | None) -> tuple[pd.DataFrame, pd.Series, list[str]]:
    """Return what describes the sound in finite numbers, the share that was infinite, and notes."""
    sound = [name for name in map(str, frame) if describes_sound(name) and name != genre]
    values = numbers(frame[sound])
    notes = []
    wild = (values.abs() > np.finfo(np.float32).max).to_numpy()
    infinite = pd.Series(wild.sum(axis=0) / max(1, len(wild)), values.columns)
    if wild.any():
        notes.append(f"{counted(int(wild.sum()), 'infinite value')} taken for missing")
        values = values.mask(wild)
    # Below this, differences have no digits left to be divided by.
    values = values.mask(values.abs() < np.finfo(np.float32).tiny, 0.0)
    if "key" in values:
        values["key"] = values["key"].where(values["key"].between(0, 11))
    empty = [str(name) for name in values if values[name].isna().all()]
    if empty:
        notes.append(f"nothing at all in {listed(empty)}")
    return values.drop(columns=empty), infinite, notes


def _genres(given: pd.Series | None) -> tuple[pd.Series | None, list[str]]:
    """Return the genre of each track, None where no track has one, and notes."""
    if given is None:
        return None, []
    genres = given.map(build.one_line, na_action="ignore")
    unknown = int(genres.isna().sum())
    if unknown == len(genres):
        return None, ["no track has a genre"]
    if unknown:
        return genres, [f"{counted(unknown, 'track')} of {len(genres):,} without a genre"]
    return genres, []


def demo() -> Tracks | None:
    """Analyse the demo tracks, which only a copy of the project has; None where there are none.

    This takes some seconds.
    """
    import earmark

    genres = DEMO / "tracks.csv"
    if not genres.is_file():
        return None
    return describe(earmark.table([DEMO], set="spotify"), str(genres), where="demo tracks")


def about(tracks: Tracks) -> list[str]:
    """Say in sentences what a table holds."""
    genres = 0 if tracks.genres is None else tracks.genres.nunique()
    known = counted(genres, "genre") if genres else "no genres"
    first = f"{tracks.count}, {counted(tracks.values.shape[1], 'descriptor')}, {known}."
    return [first, *(f"{note[0].upper()}{note[1:]}." for note in tracks.notes)]


def numbers(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the columns of numbers, and of what is true or false; what is in words is left out."""
    kinds = pd.api.types
    found = {}
    for name in frame:
        column = build.flags(frame[name]) if name == "explicit" else frame[name]
        if kinds.is_numeric_dtype(column) and not kinds.is_complex_dtype(column):
            found[str(name)] = column.to_numpy(dtype=float, na_value=np.nan)
    return pd.DataFrame(found, frame.index)


def _units(columns: Sequence[str], provenance: Mapping[str, Any], ours: bool) -> dict[str, str]:
    """Return the units of columns that have one."""
    name = str(provenance.get("set", "")).rpartition("-")[0]
    declared = schema.of(name if name in sets.SETS else "spotify", DEFAULTS).columns
    units = {column.name: column.unit for column in declared} | ({} if ours else FOREIGN_UNITS)
    return {column: units[column] for column in columns if units.get(column)}


def _spread(names: Sequence[str], most: int) -> list[str]:
    """Return at most so many names, evenly spread."""
    if len(names) <= most:
        return list(names)
    return [names[place] for place in np.linspace(0, len(names) - 1, most).astype(int)]
