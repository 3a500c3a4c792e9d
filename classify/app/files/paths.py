"""Folders, files and tables that people name below the root, and what of them is opened."""

from __future__ import annotations

import bz2
import contextlib
import gzip
import lzma
import zipfile
import zlib
from functools import lru_cache
from pathlib import Path
from typing import IO, TYPE_CHECKING

from earmark.classify.app.settings import app_settings
from earmark.extract.errors import FindError, printable
from earmark.extract.tables import READABLE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from io import BufferedIOBase

__all__ = ["check_table", "inside", "table"]

MOST_CELLS = 200_000_000
"""Rows times columns of a table that is opened: so many numbers take 1.6 GB."""

PIECE = 2**20
"""Bytes of a table that are looked at at a time."""

UNREADABLE = (
    *(OSError, EOFError, ValueError, RuntimeError, IndexError),
    *(zlib.error, lzma.LZMAError, zipfile.BadZipFile),
)
"""What libraries raise where a file is not what its ending says."""


def inside(named: str, root: Path | None = None) -> Path:
    """Return the file or folder that somebody named below the root.

    Parameters
    ----------
    named : str
        Relative to the root, or absolute. Links are followed before they are judged.
    root : Path, optional
        By default that of the setting.

    Raises
    ------
    FindError
        It lies elsewhere, is hidden, or is not there. All are said in the same words: what else
        there is is nobody's business.
    """
    root = root or app_settings().root
    try:
        found = (root / Path(named.strip() or ".").expanduser()).resolve(strict=True)
    except (OSError, RuntimeError, ValueError):
        found = None
    # Keys and passwords lie in what is hidden, also below a root that is somebody's home.
    if (
        found is None
        or not found.is_relative_to(root)
        or any(part.startswith(".") for part in found.relative_to(root).parts)
    ):
        raise FindError(
            printable(named), f"is not there; name a folder or a file below {printable(root)}"
        )
    return found


def table(named: str, root: Path | None = None) -> Path:
    """Return the table that somebody named below the root, be it of values, labels or genres.

    Raises
    ------
    FindError
        It lies elsewhere or is not there, is no table, or is larger than tables may be here.
    """
    path = inside(named, root)
    if path.is_dir():
        raise FindError(printable(named), "is a folder; name a table")
    if not path.is_file():
        raise FindError(printable(named), "is no regular file; name a table")
    if not path.name.lower().endswith(READABLE):
        raise FindError(printable(named), f"ends in none of {' '.join(READABLE)}")
    check_table(path, named)
    return path


def check_table(path: Path, named: str) -> None:
    """Refuse a table that is larger than tables may be here, also one that only grows when read.

    Parameters
    ----------
    path : Path
        Where it is.
    named : str
        What somebody calls it.

    Raises
    ------
    FindError
        It is too large, or no table at all.
    """
    most = app_settings().table_mb
    try:
        status = path.stat()
        size, cells = status.st_size, 0
        if size <= most * 10**6:
            size, cells = _measured(str(path), status.st_mtime_ns, size, most * 10**6)
    except UNREADABLE as error:
        raise FindError(printable(named), "cannot be read as a table; is it damaged?") from error
    if size > most * 10**6:
        raise FindError(
            printable(named),
            f"is larger than {most} MB, the limit here; EARMARK_APP_TABLE_MB allows more",
        )
    if cells > MOST_CELLS:
        raise FindError(
            printable(named),
            f"has {cells:,} cells, rows times columns; {MOST_CELLS:,} are the limit here",
        )


@lru_cache(maxsize=256)
def _measured(path: str, stamp: int, size: int, most: int) -> tuple[int, int]:
    """Return how many bytes and cells a table has once it is unpacked, counting up to a limit."""
    name = path.lower()
    if name.endswith(".parquet"):
        import pyarrow.parquet as pq

        about = pq.read_metadata(path)
        return size, about.num_rows * about.num_columns
    total, lines, columns = 0, 0, 0
    with _unpacked(path) as file:
        while total <= most and (piece := file.read(PIECE)):
            if not lines:
                columns += piece.partition(b"\n")[0].count(b",")
            lines += max(piece.count(b"\n"), piece.count(b"\r"))
            total += len(piece)
    return total, lines * (columns + 1)


@contextlib.contextmanager
def _unpacked(path: str) -> Iterator[BufferedIOBase | IO[bytes]]:
    """Open a file, whatever it is packed with, to read what is in it piece by piece."""
    with contextlib.ExitStack() as stack:
        match Path(path).suffix.lower():
            case ".gz":
                yield stack.enter_context(gzip.open(path))
            case ".bz2":
                yield stack.enter_context(bz2.open(path))
            case ".xz":
                yield stack.enter_context(lzma.open(path))
            case ".zip":
                archive = stack.enter_context(zipfile.ZipFile(path))
                yield stack.enter_context(archive.open(archive.namelist()[0]))
            case _:
                yield stack.enter_context(Path(path).open("rb"))
