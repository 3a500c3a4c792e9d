"""The feature table on disk: Parquet, CSV and JSON lines, with provenance, written atomically."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from earmark.extract import schema as schemas
from earmark.extract.config import DEFAULTS
from earmark.extract.errors import SchemaError, WriteError, printable
from earmark.extract.schema import KEYS, Schema

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

__all__ = [
    "FORMATS",
    "READABLE",
    "atomic",
    "check_output",
    "check_scales",
    "described",
    "failures_path",
    "feature_columns",
    "kind_of",
    "metadata",
    "read",
    "write",
    "write_failures",
]

FORMATS = (".parquet", ".csv", ".jsonl")
READABLE = (*FORMATS, *(f".csv{ending}" for ending in (".gz", ".bz2", ".xz", ".zip")))
"""How the names of tables end that can be read."""

FAILURE_COLUMNS = ("path", "stage", "error", "message")

METADATA_KEY = b"earmark"

HEADS = {
    ("path", "sha256"): "features",
    ("path", "start", "seconds", "sha256"): "features",
    ("path", "genre", "probability"): "predictions",
    FAILURE_COLUMNS[:3]: "failures",
    ("feature", "chroma_cens"): "features",
}
"""How the tables begin that Earmark writes, and what they hold."""

MISSING = ["", "NA", "N/A", "NaN", "nan", "null", "None"]


@contextlib.contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """Give a temporary file that takes the place of `path` when the block ends without an error.

    Raises
    ------
    WriteError
        The folder cannot be made or written to.
    """
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        os.close(handle)
        temporary = Path(name)
        yield temporary
        # mkstemp is private to the user; a table is as readable as any other new file.
        mask = os.umask(0)
        os.umask(mask)
        temporary.chmod(0o666 & ~mask)
        temporary.replace(path)
    except OSError as error:
        raise WriteError(path, f"cannot be written: {error.strerror or error}") from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def check_output(path: Path, kind: str) -> None:
    """Refuse an output before any work is done for it.

    Parameters
    ----------
    path : Path
        Where a table is to go.
    kind : {"features", "predictions"}
        What it will be: only a table of the same kind is replaced.

    Raises
    ------
    WriteError
        Its ending names no format, it is a folder, or something else stands there.
    """
    if printable(path) != str(path):
        raise WriteError(path, "is no name in UTF-8; choose another")
    if path.suffix.lower() not in FORMATS:
        raise WriteError(path, f"ends in none of {' '.join(FORMATS)}; the ending names the format")
    if path.is_dir():
        raise WriteError(path, "is a folder; name a file in it")
    for target, due in ((path, kind), (failures_path(path), "failures")):
        if target.exists() and target.stat().st_size and (found := kind_of(target)) != due:
            what = f"holds {found}" if found else "is no table of Earmark's"
            raise WriteError(target, f"stands there already and {what}; it is kept, name another")
    folder = next(parent for parent in path.absolute().parents if parent.exists())
    if not folder.is_dir():
        raise WriteError(path, f"cannot be written: {folder} is no folder")
    if not os.access(folder, os.W_OK):
        raise WriteError(path, f"cannot be written: no permission to write in {folder}")


def kind_of(path: Path) -> str | None:
    """Tell what a table that Earmark wrote holds; None where someone else wrote the file."""
    try:
        if path.suffix.lower() == ".parquet":
            parquet = pq.read_schema(path)
            if METADATA_KEY not in (parquet.metadata or {}):
                return None
            names = parquet.names
        else:
            with path.open(encoding="utf-8") as lines:
                line = lines.readline(100_000)
            head = line.rstrip("\r\n").split(",")
            names = list(json.loads(line)) if line.startswith("{") else head
    except (OSError, ValueError, pa.ArrowException):
        return None
    return next((kind for head, kind in HEADS.items() if tuple(names[: len(head)]) == head), None)


def metadata(schema: Schema) -> dict[str, Any]:
    """Return what a table says of itself: set, fingerprint and the versions that made it."""
    from importlib.metadata import version

    from earmark.version import __version__

    libraries = ("librosa", "numpy", "scipy", "soundfile", "soxr")
    return {
        "set": schema.set,
        "fingerprint": schema.fingerprint,
        "columns": schema.names,
        "settings": schema.settings.model_dump() if schema.settings else {},
        "windows": schema.windows,
        "earmark": __version__,
        **{name: version(name) for name in libraries},
    }


def write(table: pd.DataFrame, path: Path, schema: Schema | None = None) -> None:
    """Write a table in the format that the ending of `path` names.

    Parameters
    ----------
    table : DataFrame
        Any table with a column ``path``.
    path : Path
        Ends in .parquet, .csv or .jsonl. What stood there is replaced in one step.
    schema : Schema, optional
        Of a feature table: Parquet carries it in its metadata.

    Raises
    ------
    WriteError
        The file cannot be written.
    """
    with appending(path, schema) as append:
        append(table)


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
    with atomic(path) as temporary, contextlib.ExitStack() as stack:
        if path.suffix.lower() == ".parquet":
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
                    table.to_csv(file, index=False, header=not file.tell(), lineterminator="\n")
                else:
                    file.write(_json_lines(table))

        yield append


def write_with_headers(table: pd.DataFrame, path: Path, headers: Sequence[tuple[str, ...]]) -> None:
    """Write descriptors as CSV with several header rows, as the Free Music Archive's table has.

    ``pandas.read_csv(path, index_col=0, header=[0, 1, 2])`` reads it. Tracks are known by the
    number that their file is called by, or else by their path.

    Parameters
    ----------
    table : DataFrame
        A row per track, with ``path`` and ``sha256``.
    path : Path
        What stood there is replaced in one step.
    headers : sequence of tuple
        What each column is called in every row.

    Raises
    ------
    WriteError
        The file cannot be written.
    """
    paths = table["path"].to_numpy(object)
    stems = [PurePosixPath(name).stem for name in paths]
    numbered = all(stem.isdecimal() for stem in stems) and len({*map(int, stems)}) == len(stems)
    index = pd.Index([int(stem) for stem in stems] if numbered else paths, name="track_id")
    columns = pd.MultiIndex.from_tuples(list(headers), names=["feature", "statistics", "number"])
    values = table.drop(columns=["path", "sha256"]).set_axis(columns, axis=1).set_axis(index)
    with atomic(path) as temporary:
        values.to_csv(temporary, lineterminator="\n")


def _arrow(table: pd.DataFrame, schema: Schema | None) -> pa.Table:
    arrow = pa.Table.from_pandas(table, preserve_index=False)
    about = metadata(schema) if schema else {}
    declared = {column.name: column for column in schema.columns} if schema else {}
    fields = [
        field.with_metadata(
            {
                "unit": declared[field.name].unit,
                "range": json.dumps([_finite(bound) for bound in declared[field.name].range]),
                "version": str(declared[field.name].version),
            }
        )
        if field.name in declared
        else field
        for field in arrow.schema
    ]
    return arrow.cast(
        pa.schema(fields, {**(arrow.schema.metadata or {}), METADATA_KEY: json.dumps(about)})
    )


def _json_lines(table: pd.DataFrame) -> str:
    """Return a JSON object per row; numbers have the fewest digits that give them back."""
    plain: dict[str, list[object]] = {}
    for name in map(str, table):
        column = table[name]
        if pd.api.types.is_extension_array_dtype(column.dtype):
            # As numbers of NumPy's, integers of which some are missing would be none.
            column = column.astype(object)
        values = column.to_numpy()
        # The text of a float32 is shorter than that of the float64 that it becomes.
        plain[name] = [
            None if missing else float(str(value)) if isinstance(value, np.floating) else value
            for value, missing in zip(
                values.tolist() if values.dtype.kind in "iub" else values,
                pd.isna(values),
                strict=True,
            )
        ]
    rows = zip(*plain.values(), strict=True)
    return "".join(
        json.dumps(dict(zip(plain, row, strict=True)), ensure_ascii=False) + "\n" for row in rows
    )


def _read_csv(path: Path) -> pd.DataFrame:
    """Read a CSV exactly; a track may be called NA, a value that is NA is missing."""
    missing = {name: MISSING for name in pd.read_csv(path, nrows=0).columns if name != "path"}
    return pd.read_csv(
        path,
        dtype={"path": str, "sha256": str},
        keep_default_na=False,
        na_values=missing,
    )


def _finite(bound: float) -> float | None:
    return float(bound) if np.isfinite(bound) else None


def read(path: str | Path) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Read a table of any of the formats (CSV also compressed) and what it says of itself.

    Returns
    -------
    table : DataFrame
        The table.
    about : dict
        As `metadata` gave it; empty where the format holds none or someone else wrote it.

    Raises
    ------
    SchemaError
        The file is missing, empty, or not a table.
    """
    path = Path(path)
    try:
        if path.suffix.lower() == ".parquet":
            arrow = pq.read_table(path)
            about = json.loads((arrow.schema.metadata or {}).get(METADATA_KEY, b"{}"))
            table = arrow.to_pandas()
        elif path.suffix.lower() == ".jsonl":
            table, about = pd.read_json(path, lines=True, dtype=False), {}
        else:
            table, about = _read_csv(path), {}
    except FileNotFoundError:
        raise SchemaError(f"{path}: does not exist; make it with `earmark extract`") from None
    except (OSError, ValueError, pa.ArrowException) as error:
        raise SchemaError(f"{path}: cannot be read as a table: {error}") from error
    if not len(table):
        raise SchemaError(f"{path}: has no rows; look at its failures table")
    return table, about


def failures_path(path: Path) -> Path:
    """Return where the failures of a table go: ``x.parquet`` → ``x.failures.csv``."""
    return path.with_name(f"{path.stem}.failures.csv")


def write_failures(failures: Sequence[Sequence[str]], path: Path) -> Path | None:
    """Write the failures table beside a table, or remove an old one where nothing failed."""
    target = failures_path(path)
    if not failures:
        target.unlink(missing_ok=True)
        return None
    write(pd.DataFrame(failures, columns=list(FAILURE_COLUMNS)), target)
    return target


def feature_columns(table: pd.DataFrame, about: dict[str, Any]) -> list[str]:
    """Return the columns of a table that describe music: declared ones, else all numeric ones."""
    declared: list[str] = about.get("columns", [])
    if declared:
        return [name for name in table.columns if name in set(declared)]
    return [name for name in table.select_dtypes("number").columns if name not in KEYS]


def described(table: pd.DataFrame, columns: Sequence[str]) -> pd.Series:
    """Tell for each row whether anything is known of its sound: silence only has a duration."""
    lengths = ("duration_ms", "length")
    return table[[name for name in columns if name not in lengths]].notna().any(axis=1)


def check_scales(versioned: str | None, table: pd.DataFrame, where: str) -> None:
    """Refuse a table of Spotify's whose values are percentages, as some that go round have them.

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
