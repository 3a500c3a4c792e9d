"""A table of many tracks that can be searched, filtered, sorted and read page by page.

What makes a search quick is computed once, when the library is opened: the text of every track in
plain letters, and the order of every column of texts. A library never changes; it can be held once
for everybody.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from earmark.classify import score
from earmark.classify.dataset import labels
from earmark.classify.dataset import names as naming
from earmark.classify.dataset.pooling import per_track
from earmark.classify.insights.tracks import numbers
from earmark.classify.library import similar
from earmark.classify.library.words import plain
from earmark.extract import tables
from earmark.extract.errors import LabelError, SchemaError
from earmark.extract.feature_table import FeatureTable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from earmark.classify.model.bundle import Bundle

__all__ = ["VALUES", "Library", "Query", "from_table", "open_library"]

Rows = NDArray[np.int64]

TEXTS = {
    "title": labels.TITLE_COLUMNS,
    "artist": labels.ARTIST_COLUMNS,
    "album": labels.ALBUM_COLUMNS,
}
"""What is known of a track in words beside its path and genre."""

VALUES = (
    *("tempo", "key", "mode", "energy", "danceability", "valence", "acousticness"),
    *("instrumentalness", "speechiness", "liveness", "loudness", "popularity", "explicit"),
    *("duration_ms", "time_signature"),
)
"""The values that people look at first, in the order in which they are shown."""

MOST_VALUES = 20
"""Values that are held of a table of which nothing is known."""


@dataclass(frozen=True)
class Query:
    """What is looked for.

    Parameters
    ----------
    text : str
        Words that must all occur in the path, title, artist, album or genre of a track, in any
        order, as parts of words too.
    genres : sequence of str
        One of these; none for any.
    ranges : mapping of str to pair of float
        By column the lowest and the highest value; a track whose value is missing is not found.
    sort : str
        A column.
    descending : bool
        The highest first. What is missing comes last both ways.
    """

    text: str = ""
    genres: Sequence[str] = ()
    ranges: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    sort: str = "path"
    descending: bool = False


@dataclass(frozen=True)
class Library:
    """Tracks, and what is known of them.

    Parameters
    ----------
    tracks : DataFrame
        A row per track: ``path``, of ``title``, ``artist``, ``album``, ``genre`` and
        ``probability`` what is known, and values.
    table : FeatureTable
        As it was read: rows of tracks or windows, with all descriptors.
    """

    tracks: pd.DataFrame
    table: FeatureTable = field(repr=False)

    def __len__(self) -> int:
        return len(self.tracks)

    @property
    def numbers(self) -> list[str]:
        """The columns that are numbers."""
        return list(self.tracks.select_dtypes("number").columns)

    @cached_property
    def genres(self) -> list[str]:
        """The genres, the most frequent first."""
        if "genre" not in self.tracks:
            return []
        counts = self.tracks["genre"].value_counts()
        return sorted(map(str, counts.index), key=lambda name: (-counts[name], name))

    @cached_property
    def bounds(self) -> dict[str, tuple[float, float]]:
        """The lowest and the highest value of each column of numbers that differ."""
        found = {}
        for name in self.numbers:
            values = self.tracks[name].to_numpy(np.float64)
            values = values[np.isfinite(values)]
            if len(values) and values.min() < values.max():
                found[name] = float(values.min()), float(values.max())
        return found

    @cached_property
    def index(self) -> similar.Index:
        """The tracks, ready to be compared; raises `SchemaError` where nothing describes them."""
        return similar.index(self.table)

    @cached_property
    def _texts(self) -> pa.Array:
        """The text of each track in plain letters; words of two columns never run together."""
        names = [name for name in ("path", *TEXTS, "genre") if name in self.tracks]
        columns = (self.tracks[name].fillna("").astype(str).tolist() for name in names)
        return pa.array([plain("\n".join(parts)) for parts in zip(*columns, strict=True)])

    @cached_property
    def _codes(self) -> NDArray[np.int64]:
        """The number of each track's genre in `genres`, -1 where it has none."""
        if not self.genres:
            return np.full(len(self), -1, np.int64)
        places = {name: place for place, name in enumerate(self.genres)}
        return np.asarray(self.tracks["genre"].map(places).fillna(-1), np.int64)

    @cached_property
    def _ranks(self) -> dict[str, NDArray[np.float64]]:
        """What each column is sorted by: itself, or the place of a text among all texts."""
        ranks = {}
        for name in map(str, self.tracks):
            column = self.tracks[name]
            if pd.api.types.is_numeric_dtype(column.dtype):
                ranks[name] = column.to_numpy(np.float64, na_value=np.nan)
                continue
            codes, texts = pd.factorize(column)
            keys = [plain(str(text)) for text in texts.tolist()]
            place = np.empty(len(keys) + 1)
            place[sorted(range(len(keys)), key=keys.__getitem__)] = np.arange(len(keys))
            place[-1] = np.nan
            ranks[name] = place[codes]
        return ranks

    def prepare(self) -> Library:
        """Compute what searches need, and return the library."""
        _ = self._texts, self._ranks, self._codes, self.bounds
        return self

    def select(self, query: Query) -> Rows:
        """Return the rows of the tracks that are found, in the order that is asked for.

        Raises
        ------
        SchemaError
            The query names a column that is not there.
        """
        for name in (query.sort, *query.ranges):
            if name not in self._ranks:
                raise SchemaError(
                    f"the library has no column {name!r}; it has {', '.join(self._ranks)}"
                )
        found = np.ones(len(self), bool)
        for word in plain(query.text).split():
            found &= pc.match_substring(self._texts, word).to_numpy(zero_copy_only=False)
        if query.genres:
            wanted = [place for place, name in enumerate(self.genres) if name in set(query.genres)]
            found &= np.isin(self._codes, wanted)
        for name, (low, high) in query.ranges.items():
            values = self._ranks[name]
            found &= (values >= low) & (values <= high)
        rows = np.flatnonzero(found)
        keys = self._ranks[query.sort][rows]
        # NaN sorts last both ways, and ties stay in the order of the table.
        return rows[np.argsort(-keys if query.descending else keys, kind="stable")]

    def page(self, rows: Rows, number: int = 0, size: int = 50) -> pd.DataFrame:
        """Return a page of the rows that were found; its index says where they stand."""
        return self.tracks.iloc[rows[number * size : (number + 1) * size]]

    def with_genres(self, predictions: pd.DataFrame) -> Library:
        """Return the library with other genres.

        Parameters
        ----------
        predictions : DataFrame
            ``path`` and ``genre``, and ``probability`` where it is known.
        """
        tracks = self.tracks.drop(columns=["genre", "probability"], errors="ignore")
        known = predictions.drop_duplicates("path").set_index("path").reindex(tracks["path"])
        words = sum(name in tracks for name in ("path", *TEXTS))
        # Also a decade is a genre: 1980, which reads as 1980.0 where others have none.
        names = known["genre"].convert_dtypes().map(str, na_action="ignore")
        tracks.insert(words, "genre", names.astype(object).where(names.notna(), None).to_numpy())
        if "probability" in known:
            tracks.insert(words + 1, "probability", known["probability"].to_numpy(np.float32))
        return Library(tracks, self.table)

    def predicted(self, bundle: Bundle) -> Library:
        """Return the library with the genres that a model gives its tracks.

        Raises
        ------
        SchemaError
            The table was not made like the one that the model was trained on.
        """
        return self.with_genres(score.scored(bundle, self.table).predictions(top=1))


def open_library(
    path: str | Path, genres: str | Path | None = None, *, label: str | None = None
) -> Library:
    """Read a table as a library.

    Parameters
    ----------
    path : str or Path
        A feature table of Earmark's, predictions, or another table with a row per track, such as
        Spotify's.
    genres : str or Path, optional
        Where the genres are: predictions, a CSV of labels, or ``"folders"`` for the folder of each
        file. By default a column of the table.
    label : str, optional
        What the column of the genre is called; by default one of
        `earmark.classify.dataset.labels.GENRE_COLUMNS`.

    Raises
    ------
    SchemaError
        The table cannot be read.
    LabelError
        The labels do not fit the table.
    """
    return from_table(tables.read(path), genres, label=label)


def from_table(
    table: pd.DataFrame | FeatureTable,
    genres: str | Path | None = None,
    *,
    label: str | None = None,
) -> Library:
    """Make a library of a table that was read; parameters and errors as of `open_library`."""
    source = FeatureTable.of(table).recognised()
    table, paths = source.frame, source.paths
    codes, unique = pd.factorize(paths)
    firsts = np.unique(codes, return_index=True)[1]
    columns: dict[str, Any] = {"path": np.asarray(unique, object)}
    for role, names in TEXTS.items():
        name = next((name for name in names if name in table), None)
        if name is not None:
            texts = table[name].iloc[firsts].astype("object")
            columns[role] = texts.where(texts.notna(), None).to_numpy(object)
    values = numbers(table[_shown(source)])
    # Only windows add up: a track that is listed twice is what its first row says.
    values = per_track(values, paths) if "start" in table else values.iloc[firsts]
    with np.errstate(over="ignore"):
        # What is larger than any number of this kind is as good as infinite.
        columns |= {str(name): values[name].to_numpy(np.float32) for name in values}
    library = Library(pd.DataFrame(columns), source)
    named = label or labels.genre_column(table.columns)
    if genres is None and named is None:
        return library.prepare()
    if (
        genres is not None
        and Path(genres).is_file()
        and tables.kind_of(Path(genres)) == "predictions"
    ):
        return library.with_genres(_predictions(genres, library.tracks["path"])).prepare()
    known, _ = labels.read(
        table.assign(path=paths)[["path", *([named] if named in table else [])]],
        source.source,
        None if genres is None else str(genres),
        label=label,
        ignore_unknown=True,
        # What stands in the table is shown as it is, and may be a model's.
        genre_list="whole" if genres is None else "first",
    )
    found = known["label"].rename("genre").reset_index()
    if genres is None and "probability" in table:
        found["probability"] = table["probability"].iloc[firsts].to_numpy()
    return library.with_genres(found).prepare()


def _predictions(path: str | Path, tracks: pd.Series) -> pd.DataFrame:
    """Read predictions, by the paths of tracks that they name as labels may name them.

    Where names fit a track that several say something of, nobody knows which is meant.
    """
    predictions = tables.read(path)
    found, said = predictions.frame, predictions.paths
    own = pd.Series(naming.pair(said.tolist(), tracks).paths, said.index, dtype="object")
    chosen = own.notna() & ((own == said) | ~own.duplicated(keep=False))
    if not chosen.any():
        raise LabelError(
            f"{path}: none of its {len(found)} tracks is in the table; it says {said.iloc[0]!r} "
            f"where the table says {tracks.iloc[0]!r}"
        )
    return found.assign(path=own)[chosen]


def _shown(table: FeatureTable) -> list[str]:
    """Return the columns that are looked at: the known values, and in small tables all numbers."""
    known = [name for name in VALUES if name in table.frame]
    if table.set and known:
        return known
    others = [name for name in table.numeric if name not in (*known, *labels.GENRE_COLUMNS)]
    return known + others[: max(0, MOST_VALUES - len(known))]
