"""Where a table goes: what may be replaced there, and what is written beside it.

Beside ``x.parquet`` stand ``x.failures.csv`` and ``x.notes.csv``, where there are any,
``x.files.parquet``, by which files are known again, and ``x.report.json``.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from earmark.extract import partitioned
from earmark.extract.errors import WriteError, printable

if TYPE_CHECKING:
    from pathlib import Path

__all__ = [
    "FAILURE_COLUMNS",
    "FORMATS",
    "METADATA_KEY",
    "NOTE_COLUMNS",
    "check_output",
    "column_names",
    "failures_path",
    "files_path",
    "in_parquet",
    "is_there",
    "kind_of",
    "notes_path",
    "report_path",
]


FORMATS = (".parquet", ".csv", ".jsonl")

FAILURE_COLUMNS = ("path", "stage", "error", "message")

NOTE_COLUMNS = ("path", "note")

METADATA_KEY = b"earmark"

HEADS = {
    ("path", "sha256"): "features",
    ("path", "start", "seconds", "sha256"): "features",
    ("path", "genre", "probability"): "predictions",
    ("path", "genre", "feature", "value", "contribution"): "reasons",
    ("path", "start", "seconds", "genre", "probability"): "segments",
    ("path", "location", "stamp", "sha256"): "a ledger",
    FAILURE_COLUMNS[:3]: "failures",
    NOTE_COLUMNS: "notes",
    ("feature", "chroma_cens"): "features",
    ("recording", "path", "what"): "doubles",
}
"""How the tables begin that Earmark writes, and what they hold."""


def in_parquet(path: Path) -> bool:
    """Tell whether a table is in Parquet: a file, or a folder of parts (without an ending)."""
    return path.suffix.lower() == ".parquet" or not path.suffix or path.is_dir()


def check_output(path: Path, kind: str) -> None:
    """Refuse an output before any work is done for it.

    Parameters
    ----------
    path : Path
        Where a table is to go. A feature table whose name has no ending is a folder of parts.
    kind : {"features", "predictions", "doubles"}
        What it will be: only a table of the same kind is replaced.

    Raises
    ------
    WriteError
        Its ending names no format, it is a folder of other things, or something else stands there.
    """
    if printable(path) != str(path):
        raise WriteError(path, "is no name in UTF-8; choose another")
    in_parts = kind == "features" and not path.suffix
    if path.suffix.lower() not in FORMATS and not in_parts:
        raise WriteError(path, f"ends in none of {' '.join(FORMATS)}; the ending names the format")
    if path.is_dir() and (not in_parts or partitioned.holds_other(path)):
        raise WriteError(path, "is a folder; name a file in it, or a new folder")
    beside = (
        (failures_path(path), "failures"),
        (notes_path(path), "notes"),
        (files_path(path), "a ledger"),
    )
    for target, due in ((path, kind), *beside):
        if is_there(target) and (found := kind_of(target)) != due:
            what = f"holds {found}" if found else "is no table of Earmark's"
            raise WriteError(target, f"stands there already and {what}; it is kept, name another")
    folder = next(parent for parent in path.absolute().parents if parent.exists())
    if not folder.is_dir():
        raise WriteError(path, f"cannot be written: {folder} is no folder")
    if not os.access(folder, os.W_OK):
        raise WriteError(path, f"cannot be written: no permission to write in {folder}")


def is_there(path: Path) -> bool:
    """Tell whether something stands where a table is to go: a file or folder that is not empty."""
    if path.is_dir():
        return any(path.iterdir())
    return path.exists() and path.stat().st_size > 0


def kind_of(path: Path) -> str | None:
    """Tell what a table that Earmark wrote holds; None where someone else wrote the file."""
    try:
        if in_parquet(path):
            parquet = pq.read_schema(next(iter(partitioned.paths(path)), path))
            if METADATA_KEY not in (parquet.metadata or {}):
                return None
            names = parquet.names
        else:
            names = column_names(path)
    except (OSError, ValueError, pa.ArrowException):
        return None
    return next((kind for head, kind in HEADS.items() if tuple(names[: len(head)]) == head), None)


def column_names(path: Path) -> list[str]:
    """Return the names of the columns of a CSV or of JSON lines that Earmark wrote."""
    with path.open(encoding="utf-8") as lines:
        line = lines.readline(100_000)
    return list(json.loads(line)) if line.startswith("{") else line.rstrip("\r\n").split(",")


def failures_path(path: Path) -> Path:
    """Return where the failures of a table go: ``x.parquet`` → ``x.failures.csv``."""
    return path.with_name(f"{path.stem}.failures.csv")


def notes_path(path: Path) -> Path:
    """Return where the notes on files of a table go: ``x.parquet`` → ``x.notes.csv``."""
    return path.with_name(f"{path.stem}.notes.csv")


def files_path(path: Path) -> Path:
    """Return where the ledger of a table goes: ``x.parquet`` → ``x.files.parquet``."""
    return path.with_name(f"{path.stem}.files.parquet")


def report_path(path: Path) -> Path:
    """Return where the report on a table goes: ``x.parquet`` → ``x.report.json``."""
    return path.with_name(f"{path.stem}.report.json")
