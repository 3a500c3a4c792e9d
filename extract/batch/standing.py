"""What stands where a table is to go: its rows, and the ledger of the files that they are of.

The ledger lies beside the table, ``T.files.parquet``, and says of every file where it was, how
large and when changed, its content and what became of it. It is what makes a run incremental; where
it is lost, files are known by their content alone.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from operator import attrgetter
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from earmark.extract import partitioned, tables
from earmark.extract.batch.track import Outcome
from earmark.extract.errors import SchemaError, WriteError
from earmark.extract.feature_table import FeatureTable
from earmark.extract.key_names import COLUMN
from earmark.extract.schema import KEYS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from earmark.extract.schema import Schema

__all__ = ["Entry", "Ledger", "Rows", "Standing", "standing"]

ENTRIES_AT_ONCE = 10_000
"""Entries that are laid together to be written."""

GROUPS_HELD = 4
"""Pieces of a table that are held while it is read in order."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What is known of one file.

    Parameters
    ----------
    path : str
        The track's name in tables.
    location : str
        Where it was.
    stamp : str
        Its size and time of change; empty where what became of it is not to be believed again.
    sha256 : str
        Its content; empty where it could not be analysed.
    stage, error, message : str
        Why it could not be analysed.
    notes : str
        What is odd about it, a line each.
    """

    path: str
    location: str
    stamp: str
    sha256: str
    stage: str = ""
    error: str = ""
    message: str = ""
    notes: str = ""

    @classmethod
    def of(cls, outcome: Outcome, location: str, stamp: str) -> Entry:
        """Return the entry for what became of a file."""
        failure = (outcome.failure or ("", "", "", ""))[1:]
        notes = "\n".join(outcome.notes)
        return cls(outcome.path, location, stamp, outcome.sha256, *failure, notes)

    @property
    def failure(self) -> tuple[str, str, str, str] | None:
        """The row of the failures table, if any."""
        return (self.path, self.stage, self.error, self.message) if self.stage else None

    @property
    def size(self) -> str:
        """Its size in bytes, as `stamp` begins."""
        return self.stamp.partition("-")[0]


class Ledger(dict[str, Entry]):
    """Entries by the names of tracks, and what made the table that they are of."""

    made: str = ""

    @classmethod
    def read(cls, table: Path) -> Ledger:
        """Read the ledger beside a table; what cannot be read is as good as none."""
        ledger = cls()
        try:
            found = tables.read(tables.files_path(table))
            columns = [found.frame[name].tolist() for name in Entry.__dataclass_fields__]
            entries = [Entry(*row) for row in zip(*columns, strict=True)]
        except (SchemaError, KeyError):
            return ledger
        ledger.made = str(found.provenance.get("made"))
        ledger.update((entry.path, entry) for entry in entries)
        return ledger

    @classmethod
    def write(cls, entries: Sequence[Entry], made: str, table: Path) -> None:
        """Write the ledger beside a table."""
        names = list(Entry.__dataclass_fields__)
        of = attrgetter(*names)
        with tables.appending(tables.files_path(table)) as append:
            for start in range(0, max(len(entries), 1), ENTRIES_AT_ONCE):
                rows = [of(entry) for entry in entries[start : start + ENTRIES_AT_ONCE]]
                frame = pd.DataFrame(rows, columns=names, dtype="str")
                append(FeatureTable(frame, {"made": made}).to_frame())


class Rows:
    """The rows of a table, by track; a table of millions is never held.

    Parameters
    ----------
    path : Path
        The table.
    schema : Schema
        What it is a table of.
    """

    def __init__(self, path: Path, schema: Schema) -> None:
        self.path = path
        self._names = [name for name in KEYS if schema.windows or name in ("path", "sha256")]
        self._columns = schema.names
        self.count = 0
        self.sha256: dict[str, str] = {}
        self._spans: dict[str, tuple[int, int]] = {}
        self._starts = [0]
        self._frame = None if tables.in_parquet(path) else tables.read(path).frame
        self._groups = list(_groups(path)) if self._frame is None else []
        known = self._frame.columns if self._frame is not None else _schema(path).names
        self.named = COLUMN in known
        for keys in self._keys():
            paths, contents = (keys[name].to_numpy(object) for name in ("path", "sha256"))
            edges = [0, *(np.flatnonzero(paths[1:] != paths[:-1]) + 1).tolist(), len(paths)]
            for first, end in pairwise(edges):
                if first < end:
                    self._add(str(paths[first]), str(contents[first]), first, end)
            self.count += len(keys)
            self._starts.append(self.count)
        self._group = lru_cache(maxsize=GROUPS_HELD)(self._read)

    def _keys(self) -> Iterator[pd.DataFrame]:
        if self._frame is not None:
            yield self._frame[["path", "sha256"]]
            return
        for path, group in self._groups:
            with pq.ParquetFile(path) as file:
                yield file.read_row_group(group, columns=["path", "sha256"]).to_pandas()

    def _add(self, path: str, sha256: str, first: int, end: int) -> None:
        first, end = self.count + first, self.count + end
        if path in self._spans and self._spans[path][1] == first:
            # The rows of one track go on in the next piece.
            first = self._spans[path][0]
        self._spans[path] = first, end
        self.sha256[path] = sha256

    @property
    def order(self) -> list[str]:
        """The tracks, in the order of their rows."""
        return list(self._spans)

    def of(self, path: str) -> tuple[NDArray[np.float64], ...]:
        """Return where the rows of a track start, how long they are, and their values."""
        first, end = self._spans[path]
        pieces = []
        while first < end:
            group = bisect_right(self._starts, first) - 1
            begin, until = self._starts[group], min(end, self._starts[group + 1])
            held = self._group(group)
            pieces.append([array[first - begin : until - begin] for array in held])
            first = until
        return tuple(np.concatenate(arrays) for arrays in zip(*pieces, strict=True))

    def _read(self, group: int) -> tuple[NDArray[np.float64], ...]:
        if self._frame is not None:
            frame = self._frame
        else:
            path, within = self._groups[group]
            with pq.ParquetFile(path) as file:
                frame = file.read_row_group(within).to_pandas()
        nothing = np.full(len(frame), np.nan)
        windowed = "start" in frame
        starts = frame["start"].to_numpy(np.float64) if windowed else nothing
        seconds = frame["seconds"].to_numpy(np.float64) if windowed else nothing
        values = frame[self._columns].to_numpy(np.float64, na_value=np.nan)
        return starts, seconds, values


def _groups(table: Path) -> Iterator[tuple[Path, int]]:
    """Yield the row groups of a table in Parquet, and the files that they are in."""
    for path in partitioned.paths(table):
        for group in range(pq.read_metadata(path).num_row_groups):
            yield path, group


def _schema(table: Path) -> pa.Schema:
    """Return the schema of a table in Parquet."""
    return pq.read_schema(partitioned.files(table, tables.provenance_of)[0])


@dataclass(frozen=True)
class Standing:
    """Tables that a run goes on with, and their ledger.

    Parameters
    ----------
    tables : tuple of Rows
        The table and, where there are two, the one with a row per track; none where none stands.
    ledger : Ledger
        Of their files.
    """

    tables: tuple[Rows, ...]
    ledger: Ledger

    def sha256(self, path: str) -> str | None:
        """Return the content that the rows of a track are of; None where it has none."""
        found = {rows.sha256.get(path) for rows in self.tables}
        return found.pop() if len(found) == 1 else None

    @property
    def order(self) -> list[str]:
        """The tracks that have rows, in their order."""
        return self.tables[0].order if self.tables else []

    def same_order(self, paths: list[str]) -> bool:
        """Whether these are the tracks of every table, in this order."""
        return bool(self.tables) and all(rows.order == paths for rows in self.tables)

    @property
    def named(self) -> bool:
        """Whether a table names the keys."""
        return any(rows.named for rows in self.tables)

    def outcome(self, path: str) -> Outcome:
        """Return what became of a track that has rows."""
        parts = [rows.of(path) for rows in self.tables]
        starts, seconds, values = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
        entry = self.ledger.get(path)
        notes = tuple(entry.notes.splitlines()) if entry else ()
        return Outcome(path, self.sha256(path) or "", starts, seconds, values, notes=notes)


def standing(
    wanted: Mapping[Path, Schema], made: str, found: int, *, force: bool, readable: bool = True
) -> Standing:
    """Read what stands where tables are to go.

    Parameters
    ----------
    wanted : mapping
        What is to be written where.
    made : str
        How the ledger calls what is wanted.
    found : int
        Tracks that the command has found.
    force : bool
        Whether what stands there is to be replaced, whatever it is.
    readable : bool
        Whether tables of this form can be read again.

    Raises
    ------
    WriteError
        A table stands there that was made otherwise, or that the command would make smaller.
    """
    nothing = Standing((), Ledger())
    present = [path for path in wanted if tables.is_there(path)]
    if force or not present:
        return nothing
    ledger = Ledger.read(next(iter(wanted)))
    rows = []
    for path in present:
        schema = wanted[path]
        difference, known = _difference(path, schema, readable)
        if difference is None and not known and ledger.made != made:
            # Such a table does not say how it was made, and nobody else does.
            difference = "" if not ledger.made else "was made with another set, settings or rows"
        if difference is None:
            rows.append(Rows(path, schema))
            continue
        if difference:
            message = f"stands there already with {_count(path):,} rows and {difference}; {REMEDY}"
            raise WriteError(path, message)
        count = tables.read(path).paths.nunique() if readable else _count(path)
        if count > found:
            raise WriteError(path, _anew(count, found))
    if len(rows) < len(wanted):
        # Without the other table, every track has to be analysed for it all the same.
        for one in rows:
            if len(one.sha256) > found:
                raise WriteError(one.path, _anew(len(one.sha256), found))
        return nothing
    return Standing(tuple(rows), ledger)


REMEDY = "name another output, or replace it with --force"


def _difference(path: Path, schema: Schema, readable: bool) -> tuple[str | None, bool]:
    """Say what of a table is otherwise than wanted, and whether it says how it was made.

    The difference is None where there is none, and empty where nothing can be told.
    """
    if not readable:
        return "", False
    columns = [name for name in KEYS if schema.windows or name in ("path", "sha256")]
    columns += schema.names
    try:
        if tables.in_parquet(path):
            arrow = _schema(path)
            found, said = list(arrow.names), dict(tables.provenance_of(arrow))
        else:
            # The first row is enough.
            found, said = tables.column_names(path), {}
    except (OSError, ValueError, pa.ArrowException, SchemaError) as error:
        raise WriteError(path, f"stands there already and cannot be read: {error}") from error
    if said.get("fingerprint", schema.fingerprint) != schema.fingerprint:
        same_set = said.get("set") == schema.set
        of = "other settings" if same_set else f"the set {said.get('set')}, not {schema.set}"
        return f"was made with {of}", True
    if said and said.get("windows") != schema.windows:
        return f"has a row per {_row(said.get('windows'))}, not per {_row(schema.windows)}", True
    # Names of keys follow from the rest.
    found = [name for name in found if name != COLUMN]
    if found != columns:
        other = [name for name in found if name not in columns]
        missing = [name for name in columns if name not in found]
        named = f"other columns ({', '.join(map(str, (other or missing or found)[:3]))})"
        return f"has {named} than the command makes", bool(said)
    return None, "fingerprint" in said


def _row(windows: float | None) -> str:
    return f"window of {windows:g} s" if windows else "track"


def _anew(count: int, found: int) -> str:
    return (
        f"stands there already with {count:,} tracks and would be made anew of {found:,}; {REMEDY}"
    )


def _count(path: Path) -> int:
    if tables.in_parquet(path):
        return sum(int(pq.read_metadata(file).num_rows) for file in partitioned.paths(path))
    with path.open("rb") as lines:
        count = sum(1 for _ in lines)
    return count - (path.suffix.lower() == ".csv")
