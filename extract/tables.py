"""The feature table on disk: Parquet, CSV and JSON lines, with provenance, written atomically."""

from __future__ import annotations

import contextlib
import json
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from earmark.extract import partitioned, sets, spreadsheets
from earmark.extract import schema as schemas
from earmark.extract.config import DEFAULTS, parse
from earmark.extract.errors import SchemaError, SettingsError, WriteError
from earmark.extract.feature_table import FeatureTable
from earmark.extract.files import atomic, settle
from earmark.extract.outputs import (
    FAILURE_COLUMNS,
    FORMATS,
    METADATA_KEY,
    NOTE_COLUMNS,
    check_output,
    column_names,
    failures_path,
    files_path,
    in_parquet,
    is_there,
    kind_of,
    notes_path,
    report_path,
)
from earmark.extract.provenance import metadata
from earmark.extract.texts import json_lines, text, write_csv, write_with_headers

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    from earmark.extract.schema import Schema

__all__ = [
    "FAILURE_COLUMNS",
    "FORMATS",
    "NOTE_COLUMNS",
    "READABLE",
    "atomic",
    "check_output",
    "check_scales",
    "column_names",
    "failures_path",
    "files_path",
    "in_parquet",
    "is_table",
    "is_there",
    "kind_of",
    "metadata",
    "notes_path",
    "provenance_of",
    "read",
    "report_path",
    "settle",
    "text",
    "write",
    "write_failures",
    "write_notes",
    "write_with_headers",
]

READABLE = (*FORMATS, *(f".csv{ending}" for ending in (".gz", ".bz2", ".xz", ".zip")))
"""How the names of tables end that can be read."""


def is_table(source: str | Path) -> bool:
    """Tell by its name whether a source is a table rather than music; a folder, by its parts."""
    return str(source).lower().endswith(READABLE) or partitioned.is_one(source)


def write(table: pd.DataFrame | FeatureTable, path: Path, schema: Schema | None = None) -> None:
    """Write a table in the format that the ending of `path` names.

    Parameters
    ----------
    table : DataFrame or FeatureTable
        Any table with a column ``path``. Parquet keeps the provenance that it carries.
    path : Path
        Ends in .parquet, .csv or .jsonl, or in nothing for a folder of parts in Parquet. What stood
        there is replaced in one step.
    schema : Schema, optional
        Of a feature table: Parquet carries it in its metadata.

    Raises
    ------
    WriteError
        The file cannot be written.
    """
    with appending(path, schema) as append:
        append(table.to_frame() if isinstance(table, FeatureTable) else table)


@contextlib.contextmanager
def appending(path: Path, schema: Schema | None = None) -> Iterator[Callable[[pd.DataFrame], None]]:
    """Give a function that appends rows to a table, which is in place when the block ends.

    For tables that are too large to be held: the same pieces give the same bytes.

    Parameters
    ----------
    path, schema
        As for `write`.

    Raises
    ------
    WriteError
        The file cannot be written.
    """
    if not path.suffix:
        with partitioned.swapped(path) as folder, _Parts(folder, schema) as parts:
            yield parts.append
        return
    with atomic(path) as temporary, contextlib.ExitStack() as stack:
        if in_parquet(path):
            writers: list[pq.ParquetWriter] = []

            def append(table: pd.DataFrame) -> None:
                arrow = _arrow(table, schema)
                if not writers:
                    writers.append(stack.enter_context(pq.ParquetWriter(temporary, arrow.schema)))
                writers[0].write_table(arrow)

        else:
            csv = path.suffix.lower() == ".csv"
            file = stack.enter_context(temporary.open("w", encoding="utf-8", newline=""))

            def append(table: pd.DataFrame) -> None:
                if csv:
                    write_csv(table, file, index=False, header=not file.tell())
                else:
                    file.write(json_lines(table))

        yield append


class _Parts:
    """Writes rows to one part after another; the same rows give the same parts."""

    def __init__(self, folder: Path, schema: Schema | None) -> None:
        self._folder, self._schema = folder, schema
        self._writer: pq.ParquetWriter | None = None
        self._path = folder
        self._count = self._rows = 0

    def append(self, table: pd.DataFrame) -> None:
        arrow = _arrow(table, self._schema)
        if self._rows + len(table) > partitioned.ROWS:
            self._close()
        if self._writer is None:
            self._path = self._folder / f"part-{self._count:05d}.parquet"
            self._writer = pq.ParquetWriter(self._path, arrow.schema)
            self._count += 1
        self._writer.write_table(arrow)
        self._rows += len(table)

    def _close(self) -> None:
        if self._writer is not None:
            self._writer.close()
            settle(self._path)
        self._writer, self._rows = None, 0

    def __enter__(self) -> _Parts:
        return self

    def __exit__(self, *_: object) -> None:
        self._close()


def _arrow(table: pd.DataFrame, schema: Schema | None) -> pa.Table:
    known = FeatureTable.of(table)
    # Without attributes: the provenance stands in the metadata of ours, and once.
    arrow = pa.Table.from_pandas(known.frame, preserve_index=False)
    provenance = metadata(schema) if schema else known.provenance
    described = _of_fields(schema or _schema_of(known), known)
    fields = [
        field.with_metadata(described[field.name]) if field.name in described else field
        for field in arrow.schema
    ]
    texts = {METADATA_KEY: json.dumps(dict(provenance))}
    return arrow.cast(pa.schema(fields, {**(arrow.schema.metadata or {}), **texts}))


def _of_fields(schema: Schema | None, table: FeatureTable) -> dict[str, dict[str, str]]:
    """Return what Parquet says of each column: unit, range and version, or the version alone."""
    if schema is None:
        return {name: {"version": str(of)} for name, of in table.column_versions.items()}
    return {
        column.name: {
            "unit": column.unit,
            "range": json.dumps([_finite(bound) for bound in column.range]),
            "version": str(column.version),
        }
        for column in schema.columns
    }


def _schema_of(table: FeatureTable) -> Schema | None:
    """Return the schema that a table was made by, where this version of Earmark has it."""
    name = (table.set or "").rpartition("-")[0]
    if name not in sets.SETS:
        return None
    try:
        settings = parse(dict(table.provenance.get("settings") or {}), table.source)
    except (SettingsError, TypeError, ValueError):
        return None
    schema = schemas.of(name, settings, table.provenance.get("windows"))
    return schema if schema.fingerprint == table.fingerprint else None


@lru_cache(maxsize=1)
def _descriptors() -> frozenset[str]:
    """Return the names of all columns of numbers that are known here."""
    known = (name for each in sets.SETS for name in schemas.of(each, DEFAULTS).names)
    return frozenset((*known, "start", "seconds", "probability"))


def _finite(bound: float) -> float | None:
    return float(bound) if np.isfinite(bound) else None


def read(
    path: str | Path, without: Callable[[Mapping[str, Any]], Collection[str]] | None = None
) -> FeatureTable:
    """Read a table of any of the formats (CSV also compressed), or one in parts.

    Parameters
    ----------
    path : str or Path
        The table.
    without : callable, optional
        Given the provenance of a table in Parquet, names columns that need not be read: of many
        columns that saves most of the time.

    Returns
    -------
    FeatureTable
        Its provenance is empty where the format holds none, or someone else wrote the file.

    Raises
    ------
    SchemaError
        The file is missing, empty, or not a table.
    """
    path = Path(path)
    try:
        if in_parquet(path):
            files = partitioned.files(path, provenance_of) if path.is_dir() else [path]
            schema = pq.read_schema(files[0])
            provenance = provenance_of(schema)
            left = set(without(provenance)) if without else set()
            names = [name for name in schema.names if name not in left] if left else None
            arrow = pa.concat_tables(
                [pq.read_table(file, columns=names, pre_buffer=False) for file in files],
                promote_options="permissive",
            )
            # A part is looked at and not changed: its columns may stay where they were read to.
            frame = arrow.to_pandas(split_blocks=bool(left))
            table = FeatureTable.of(frame, str(path), provenance)
        elif path.suffix.lower() == ".jsonl":
            table = FeatureTable(pd.read_json(path, lines=True, dtype=False), {}, str(path))
        else:
            frame = spreadsheets.read(path, names=schemas.TEXTS, known=_descriptors())
            table = FeatureTable(frame, {}, str(path))
    except FileNotFoundError:
        raise SchemaError(f"{path}: does not exist; make it with `earmark extract`") from None
    except UnicodeDecodeError as error:
        raise SchemaError(
            f"{path}: cannot be read as a table: it is not in UTF-8; save it as CSV in UTF-8"
        ) from error
    except (OSError, ValueError, pa.ArrowException) as error:
        raise SchemaError(f"{path}: cannot be read as a table: {error}") from error
    if not len(table):
        raise SchemaError(f"{path}: has no rows; look at its failures table")
    return table


def provenance_of(schema: pa.Schema) -> Mapping[str, Any]:
    """Return what the metadata of a Parquet file say of its values."""
    provenance = json.loads((schema.metadata or {}).get(METADATA_KEY, b"{}"))
    if not isinstance(provenance, dict) or not provenance:
        return {}
    if "column_versions" not in provenance:
        # Older tables have the versions of their columns in the fields alone.
        versions = {field.name: (field.metadata or {}).get(b"version", b"") for field in schema}
        provenance["column_versions"] = {
            name: int(version) for name, version in versions.items() if version.isdigit()
        }
    return provenance


def write_failures(failures: Sequence[Sequence[str]], path: Path) -> Path | None:
    """Write the failures table beside a table, or remove an old one where nothing failed."""
    return _write_beside(failures, FAILURE_COLUMNS, failures_path(path))


def write_notes(notes: Sequence[Sequence[str]], path: Path) -> Path | None:
    """Write the notes on files beside a table, or remove old ones where there are none."""
    return _write_beside(notes, NOTE_COLUMNS, notes_path(path))


def _write_beside(
    rows: Sequence[Sequence[str]], columns: Sequence[str], target: Path
) -> Path | None:
    if not rows:
        try:
            target.unlink(missing_ok=True)
        except OSError as error:
            raise WriteError(target, f"cannot be removed: {error.strerror}") from error
        return None
    write(pd.DataFrame(rows, columns=list(columns)), target)
    return target


def check_scales(versioned: str | None, table: pd.DataFrame, where: str) -> None:
    """Refuse a table of Spotify's whose values are percentages, as some that go round have them.

    Parameters
    ----------
    versioned : str, optional
        Name of the feature set with its version.
    table : DataFrame
        The values.
    where : str
        What to call the table in an error.

    Raises
    ------
    SchemaError
        A column of 0 to 1 holds more.
    """
    if (versioned or "").rpartition("-")[0] != "spotify":
        return
    for column in schemas.of("spotify", DEFAULTS).columns:
        if column.range == (0, 1) and column.name in table:
            highest = pd.to_numeric(table[column.name], errors="coerce").max()
            if highest > 1:
                raise SchemaError(
                    f"{where}: {column.name} reaches {highest:g}, but Spotify's runs from 0 to 1; "
                    "divide percentages by 100"
                )
