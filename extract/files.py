"""Files that are whole or not there: written beside their place, and put there in one step."""

from __future__ import annotations

import contextlib
import errno
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from earmark.extract.errors import WriteError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["atomic", "settle"]


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
        settle(temporary)
        temporary.replace(path)
        settle(path.parent)
    except OSError as error:
        raise WriteError(path, f"cannot be written: {error.strerror or error}") from error
    finally:
        if temporary is not None:
            # In a folder that has become read-only, it stays.
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)


def settle(path: Path) -> None:
    """Have a file, or the names in a folder, on the disk for good before anything goes on.

    A file that takes the place of another is written before its name is: after a power cut, the
    name is that of the old one or of the new one, and of either the whole.
    """
    if path.is_dir() and os.name == "nt":
        # There, folders cannot be opened.
        return
    handle = os.open(path, os.O_RDWR if path.is_file() else os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        # Some network folders know no such thing.
        if error.errno not in (errno.EINVAL, errno.ENOTSUP, errno.EBADF):
            raise
    finally:
        os.close(handle)
