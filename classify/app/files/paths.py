"""The path guard: only what lies below the root is opened, and no table that is too large."""

from __future__ import annotations

import contextlib
import lzma
import zipfile
import zlib
from functools import lru_cache
from pathlib import Path

from earmark.classify.app.settings import app_settings
from earmark.extract import spreadsheets
from earmark.extract.errors import FindError, printable
from earmark.extract.tables import READABLE

__all__ = ["check_table_size", "resolve_below_root", "resolve_table"]

MOST_CELLS = 200_000_000
"""Rows times columns of a table that is opened: so many numbers take 1.6 GB."""

MOST_COLUMNS = 20_000
"""Columns of a table that is opened: each costs some ten kilobytes, however few its rows."""

MOST_FOOTER = 16 * 2**20
"""Bytes of the description of a Parquet table that is read."""

PIECE = 2**20
"""Bytes of a table that are read at a time."""

UNREADABLE = (
    *(OSError, EOFError, ValueError, RuntimeError, IndexError),
    *(zlib.error, lzma.LZMAError, zipfile.BadZipFile),
)
"""What libraries raise where a file is not what its ending says."""


def resolve_below_root(named: str, root: Path | None = None) -> Path:
    """Return the path of a file or folder that somebody named.

    Parameters
    ----------
    named : str
        Relative to the root, or absolute. It is where links lead that has to lie below the root.
    root : Path, optional
        By default that of the settings.

    Returns
    -------
    Path
        Absolute, without links.

    Raises
    ------
    FindError
        It lies elsewhere, is hidden, or is not there. The message is the same for all three, so
        that nobody learns what else there is on this machine.
    """
    root = root or app_settings().root
    try:
        path = (root / Path(named.strip() or ".").expanduser()).resolve(strict=True)
    except (OSError, RuntimeError, ValueError):
        path = None
    # Hidden files hold keys and passwords, and the root may be somebody's home.
    if (
        path is None
        or not path.is_relative_to(root)
        or any(part.startswith(".") for part in path.relative_to(root).parts)
    ):
        raise FindError(
            printable(named),
            f"is not there; name a folder or a file below {printable(root)}. Another root is named "
            "by `earmark app --root FOLDER`, or by the variable EARMARK_APP_ROOT.",
        )
    return path


def resolve_table(named: str, root: Path | None = None) -> Path:
    """Return the path of a table that somebody named, be it of features, labels or predictions.

    Parameters
    ----------
    named, root
        As for `resolve_below_root`.

    Raises
    ------
    FindError
        It lies elsewhere or is not there, is no table, or is larger than tables may be here.
    """
    path = resolve_below_root(named, root)
    if path.is_dir():
        raise FindError(printable(named), "is a folder; name a table")
    if not path.is_file():
        raise FindError(printable(named), "is no regular file; name a table")
    if not path.name.lower().endswith(READABLE):
        raise FindError(printable(named), f"ends in none of {' '.join(READABLE)}")
    check_table_size(path, named)
    return path


def check_table_size(path: Path, named: str) -> None:
    """Refuse a table that is too large, also one that is so only when it is decompressed.

    Parameters
    ----------
    path : Path
        The table.
    named : str
        What its owner calls it, for messages.

    Raises
    ------
    FindError
        It is too large, or no table at all.
    """
    limit_mb = app_settings().table_mb
    limit = limit_mb * 10**6
    try:
        status = path.stat()
        size, cells, columns = status.st_size, 0, 0
        if size <= limit:
            size, cells, columns = _measure(str(path), status.st_mtime_ns, size, limit)
    except UNREADABLE as error:
        raise FindError(printable(named), "cannot be read as a table; is it damaged?") from error
    if size > limit:
        raise FindError(
            printable(named),
            f"is larger than {limit_mb} MB, the limit here; EARMARK_APP_TABLE_MB allows more",
        )
    if columns > MOST_COLUMNS:
        raise FindError(
            printable(named),
            f"has more than {MOST_COLUMNS:,} columns, the limit here: is it the right table?",
        )
    if cells > MOST_CELLS:
        raise FindError(
            printable(named),
            f"has {cells:,} cells, rows times columns; {MOST_CELLS:,} are the limit here",
        )


@lru_cache(maxsize=256)
def _measure(path: str, _modified: int, size: int, limit: int) -> tuple[int, int, int]:
    """Return how many bytes, cells and columns a table has once it is decompressed.

    Nothing is read beyond `limit` bytes. When the file was modified only tells the cache that it
    has to be measured again.
    """
    name = path.lower()
    if name.endswith(".parquet"):
        import pyarrow.parquet as pq

        with open(path, "rb") as file:  # noqa: PTH123
            file.seek(-8, 2)
            end = file.read(8)
        footer = int.from_bytes(end[:4], "little")
        if end.endswith(b"PAR1") and MOST_FOOTER < footer < size:
            # It describes each column in a hundred bytes or more, and takes twenty times the room.
            return size, 0, footer // 100
        metadata = pq.read_metadata(path)
        return size, metadata.num_rows * metadata.num_columns, metadata.num_columns
    total, lines, columns = 0, 0, 0
    with contextlib.ExitStack() as stack:
        file = spreadsheets.decompressed(Path(path), stack)
        while total <= limit and (piece := file.read(PIECE)):
            if not lines:
                columns += piece.partition(b"\n")[0].count(b",")
            lines += max(piece.count(b"\n"), piece.count(b"\r"))
            total += len(piece)
    return total, lines * (columns + 1), columns + 1
