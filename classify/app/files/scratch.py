"""Private folders of sessions: uploads are limited, checked, and kept as long as their session.

A file lies under a name of our own in a folder that only this user can open; what somebody called
it is text that is shown, and never part of a path.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import os
import secrets
import shutil
import tempfile
import unicodedata
import weakref
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, TextIO

from earmark.classify.app.errors import UploadError
from earmark.classify.app.files.sniff import sniff
from earmark.extract.errors import WriteError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from earmark.extract.audio.formats import AudioFormat

__all__ = ["Limits", "Scratch", "Upload", "display_name", "sweep", "temporary"]

PIECE = 2**20
"""Bytes that are copied at a time."""

LONGEST_NAME = 255
"""Characters of a name that are kept: no file system has longer ones, so exports say the own."""

PREFIX = "earmark-app-"
"""How the names of our folders among the temporary files begin."""


@dataclass(frozen=True)
class Limits:
    """How much of what is uploaded is kept.

    Parameters
    ----------
    file_bytes : int
        Of one file.
    files : int
        In one session.
    session_bytes : int
        Of all files of a session.
    """

    file_bytes: int = 200 * 10**6
    files: int = 50
    session_bytes: int = 1000 * 10**6


@dataclass(frozen=True)
class Upload:
    """An uploaded file that is kept.

    Parameters
    ----------
    name : str
        What somebody called it: to be shown as text.
    path : Path
        Where it is, under a name of our own.
    audio_format : AudioFormat
        What it is by its content.
    size : int
        In bytes.
    """

    name: str
    path: Path
    audio_format: AudioFormat
    size: int


class Scratch:
    """The private folder of a session; it is removed when the session ends.

    Parameters
    ----------
    limits : Limits
        How much it may hold of what is uploaded.

    Raises
    ------
    WriteError
        There is no room for temporary files.
    """

    def __init__(self, limits: Limits | None = None) -> None:
        self.limits = limits or Limits()
        try:
            self.path = Path(tempfile.mkdtemp(prefix="session-", dir=_process_folder()))
        except OSError as error:
            raise WriteError(tempfile.gettempdir(), _reason(error)) from error
        self._uploads: list[Upload] = []
        # The folder goes also where nobody calls `close`, and at the end of the process.
        self._remove = weakref.finalize(self, shutil.rmtree, self.path, ignore_errors=True)

    @property
    def uploads(self) -> tuple[Upload, ...]:
        """What is kept, in the order in which it came."""
        return tuple(self._uploads)

    def keep(self, name: str, source: BinaryIO) -> Upload:
        """Copy what was uploaded.

        Parameters
        ----------
        name : str
            What somebody calls it.
        source : binary file
            What the browser sent; it is read to its end, and no further than it may be long.

        Raises
        ------
        UploadError
            It is no audio, too large, or one too many; or there is no room for it.
        """
        name, limits = display_name(name), self.limits
        if len(self._uploads) >= limits.files:
            raise UploadError(
                name, f"is one too many: {limits.files} files are kept here; remove some first"
            )
        path = self.path / f"{secrets.token_hex(8)}.part"
        left = limits.session_bytes - sum(upload.size for upload in self._uploads)
        try:
            with path.open("xb+") as target:
                size = 0
                while piece := source.read(PIECE):
                    size += len(piece)
                    if size > limits.file_bytes:
                        raise UploadError(
                            name,
                            f"is larger than {_megabytes(limits.file_bytes)}, which is the limit "
                            "here; a shorter piece, or an MP3 of it, will do",
                        )
                    if size > left:
                        raise UploadError(
                            name,
                            f"does not fit: {_megabytes(limits.session_bytes)} are kept of all "
                            "your files together; remove some first",
                        )
                    target.write(piece)
                target.flush()
                audio_format, problem = sniff(target)
            if audio_format is None:
                raise UploadError(name, problem)
            final = path.with_suffix(audio_format.suffix)
            path.rename(final)
        except OSError as error:
            raise UploadError(name, _reason(error)) from error
        finally:
            path.unlink(missing_ok=True)
        self._uploads.append(Upload(name, final, audio_format, size))
        return self._uploads[-1]

    def keep_table(self, name: str, source: BinaryIO) -> Path:
        """Copy a table that was uploaded; whether it is one is seen when a worker reads it.

        Parameters
        ----------
        name, source
            As for `keep`.

        Raises
        ------
        UploadError
            It is neither Parquet nor text, or too large; or there is no room for it.
        """
        name, most = display_name(name), self.limits.file_bytes
        piece = source.read(PIECE)
        parquet = piece.startswith(b"PAR1")
        if not piece.strip():
            raise UploadError(name, "is empty")
        if not parquet and b"\0" in piece:
            raise UploadError(name, "is no table: upload CSV or Parquet")
        path = self.path / f"{secrets.token_hex(8)}.part"
        size = 0
        try:
            with path.open("xb") as target:
                while piece:
                    size += len(piece)
                    if size > most:
                        raise UploadError(
                            name, f"is larger than {_megabytes(most)}, which is the limit here"
                        )
                    target.write(piece)
                    piece = source.read(PIECE)
            return path.rename(path.with_suffix(".parquet" if parquet else ".csv"))
        except OSError as error:
            raise UploadError(name, _reason(error)) from error
        finally:
            path.unlink(missing_ok=True)

    def remove(self, upload: Upload) -> None:
        """Remove one file, which makes room for another; nothing where it is removed already."""
        with contextlib.suppress(ValueError):
            self._uploads.remove(upload)
        upload.path.unlink(missing_ok=True)

    def clear(self) -> None:
        """Remove all files that were uploaded."""
        for upload in self.uploads:
            self.remove(upload)

    def close(self) -> None:
        """Remove the folder with all that is in it."""
        self._uploads.clear()
        self._remove()


def display_name(name: str) -> str:
    """Return a name as it is shown: one short line that cannot disturb the text around it.

    Control characters and those that turn the direction of writing are left out, as are folders;
    what is too long loses its middle. Whoever shows it in HTML or Markdown has to escape it.
    """
    name = "".join(
        " " if character.isspace() else character
        for character in name.replace("\\", "/")
        if character.isspace() or unicodedata.category(character)[0] != "C"
    )
    # Only now: what is left may be nothing but a dot, which names a folder.
    parts = (" ".join(part.split()) for part in reversed(name.split("/")))
    name = unicodedata.normalize("NFC", next((part for part in parts if part.strip(".")), ""))
    if len(name) > LONGEST_NAME:
        half = LONGEST_NAME // 2
        name = f"{name[: half - 1]}…{name[-half:]}"
    return name or "a file without a name"


# --- Where it is kept --------------------------------------------------------------------------


@functools.cache
def _process_folder() -> Path:
    """Return the folder of this process; what killed processes have left is removed first."""
    with contextlib.suppress(OSError):
        sweep()
    folder, lock = _make()
    weakref.finalize(_process_folder, _remove, folder, lock)
    return folder


@contextlib.contextmanager
def temporary() -> Iterator[Path]:
    """Make a folder for a while; where the process is killed, `sweep` removes it."""
    folder, lock = _make()
    try:
        yield folder
    finally:
        _remove(folder, lock)


def _make() -> tuple[Path, TextIO]:
    """Make a folder and the open file that locks it: `sweep` spares it while that is open."""
    folder = Path(tempfile.mkdtemp(prefix=PREFIX))
    lock = (folder / "new").open("w")
    # Where there are no locks, it never gets the name by which `sweep` knows our folders.
    with contextlib.suppress(OSError):
        _lock(lock)
        # Only now may it be found: the lock ends with the process, however that ends.
        (folder / "new").rename(folder / "lock")
    return folder, lock


def _remove(folder: Path, lock: TextIO) -> None:
    # Windows removes no file that is open.
    lock.close()
    shutil.rmtree(folder, ignore_errors=True)


def sweep(where: Path | None = None) -> int:
    """Remove the folders that killed processes have left, and return how many there were.

    Parameters
    ----------
    where : Path, optional
        By default the folder for temporary files.
    """
    removed = 0
    for folder in _folders(where or Path(tempfile.gettempdir())):
        with contextlib.suppress(OSError), (folder / "lock").open("r+") as file:
            _lock(file)
            shutil.rmtree(folder, ignore_errors=True)
            removed += 1
    return removed


def _folders(where: Path) -> Iterator[Path]:
    """Yield the folders that processes of this user made."""
    for folder in where.glob(f"{PREFIX}*"):
        if folder.is_symlink() or not (folder / "lock").is_file():
            continue
        if not hasattr(os, "getuid") or folder.stat().st_uid == os.getuid():
            yield folder


def _lock(file: TextIO) -> None:
    """Lock a file for as long as it is open, or raise OSError where somebody else has."""
    try:
        import fcntl
    except ImportError:
        # Where it cannot be seen whether a folder is in use, it is never removed.
        raise OSError(errno.ENOSYS, "no locks") from None
    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _megabytes(size: int) -> str:
    return f"{size / 10**6:.0f} MB"


def _reason(error: OSError) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return (
            "cannot be kept: the disk of the server is full; try again later, or tell whoever "
            "runs it"
        )
    return f"cannot be kept: {error.strerror or error}"
