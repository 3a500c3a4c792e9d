"""A table in a folder: ``part-00000.parquet`` and so on, which readers of Parquet take as one.

What is too large for one file, or is to be read by many at once, goes there. Every part says what
it is a part of, as a table in one file does.
"""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from earmark.extract.errors import SchemaError, WriteError
from earmark.extract.files import settle

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["ROWS", "files", "holds_other", "is_one", "paths", "swapped"]

ROWS = 100_000
"""Rows of a part, after which another begins: some hundred megabytes."""

PATTERN = "part-*.parquet"

ALIKE = ("set", "fingerprint", "windows")
"""What the parts of one table must agree in."""


def is_one(path: str | Path) -> bool:
    """Tell whether a folder holds a table in parts."""
    path = Path(path)
    return path.is_dir() and any(path.glob(PATTERN))


def holds_other(folder: Path) -> str | None:
    """Return the name of something in a folder that is no part of a table; None if all are."""
    return next((path.name for path in folder.iterdir() if not path.match(PATTERN)), None)


def paths(table: Path) -> list[Path]:
    """Return the files of a table in Parquet: the parts of a folder in order, or the one file."""
    return sorted(table.glob(PATTERN)) if table.is_dir() else [table]


def files(table: Path, said: Any) -> list[Path]:
    """Return the files of a table in Parquet, which were made alike.

    Parameters
    ----------
    table : Path
        A folder of parts, or one file.
    said : callable
        Given the schema of a file, returns its provenance.

    Raises
    ------
    SchemaError
        There is none, one cannot be read, or they were not made alike.
    """
    found = paths(table)
    if not found:
        raise SchemaError(f"{table}: holds no {PATTERN}; name a folder that does, or a file")
    first: tuple[Any, ...] = ()
    for file in found:
        try:
            schema = pq.read_schema(file)
        except FileNotFoundError:
            raise SchemaError(f"{file}: does not exist; make it with `earmark extract`") from None
        except (OSError, ValueError, pa.ArrowException) as error:
            raise SchemaError(f"{file}: cannot be read as Parquet: {error}") from error
        about = said(schema)
        made = (list(schema.names), *(about.get(name) for name in ALIKE))
        first = first or made
        if made != first:
            raise SchemaError(
                f"{file}: was not made like {found[0]} (other columns, another set, settings or "
                "windows); lay tables together that were made alike"
            )
    return found


@contextlib.contextmanager
def swapped(folder: Path) -> Iterator[Path]:
    """Give an empty folder that takes the place of another when the block ends without an error.

    No system swaps two folders in one step: where the power fails between the two, the next call
    puts the old one back (`settled`).

    Raises
    ------
    WriteError
        The folder cannot be made, written to or replaced.
    """
    temporary = None
    try:
        settled(folder)
        folder.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
        # mkdtemp is private to the user; a table is as readable as any other new folder.
        model = temporary / "model"
        model.mkdir()
        temporary.chmod(model.stat().st_mode & 0o7777)
        model.rmdir()
        yield temporary
        settle(temporary)
        if folder.exists():
            folder.replace(_before(folder))
        temporary.replace(folder)
        settle(folder.parent)
    except OSError as error:
        raise WriteError(folder, f"cannot be written: {error.strerror or error}") from error
    finally:
        settled(folder)
        if temporary is not None:
            shutil.rmtree(temporary, ignore_errors=True)


def settled(folder: Path) -> None:
    """Put a folder back that was moved aside and not replaced, or remove it if it was."""
    before = _before(folder)
    if not before.exists():
        return
    if folder.exists():
        shutil.rmtree(before, ignore_errors=True)
    else:
        before.replace(folder)


def _before(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}.before")
