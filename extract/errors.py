"""The errors of Earmark: one root, one subclass per stage, each naming the file.

Every message says what was wrong, with which value, and what to do about it.
The command line prints the message without a traceback.
"""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path, PurePath

__all__ = [
    "AnalyseError",
    "BundleError",
    "DecodeError",
    "EarmarkError",
    "FetchError",
    "FileError",
    "FindError",
    "LabelError",
    "NotFoundError",
    "SchemaError",
    "SettingsError",
    "WriteError",
    "printable",
]


def printable(path: str | PurePath) -> str:
    r"""Return a path as text that can be written anywhere, even if its name is not valid UTF-8.

    Examples
    --------
    >>> print(printable(b"caf\xe9.mp3".decode("utf-8", "surrogateescape")))
    caf\xe9.mp3
    """
    return str(path).encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


class EarmarkError(Exception):
    """The base class of every error that Earmark raises on purpose."""


class SettingsError(EarmarkError):
    """A setting is unknown or out of its range."""


class SchemaError(EarmarkError):
    """A table does not have the columns that it should have."""


class LabelError(EarmarkError):
    """Labels do not match a table, or are too few to learn from."""


class BundleError(EarmarkError):
    """A model bundle is missing, damaged or of another protocol."""


class FileError(EarmarkError):
    """Something is wrong with one file.

    Parameters
    ----------
    path : str or Path
        The file, as the user knows it.
    message : str
        What was wrong and what to do.
    """

    stage = ""

    def __init__(self, path: str | Path, message: str) -> None:
        # Both arguments go to the base class, so that pickling between processes keeps them.
        self.path = printable(path)
        super().__init__(self.path, message)
        self.message = message

    def __str__(self) -> str:
        return f"{self.path}: {self.message}"


class FindError(FileError):
    """A source does not exist, cannot be read or holds no audio."""

    stage = "find"


class NotFoundError(FindError, FileNotFoundError):
    """A source that somebody named does not exist.

    Examples
    --------
    >>> error = NotFoundError("nope.mp3")
    >>> print(error)
    nope.mp3: does not exist; check the spelling
    >>> isinstance(error, FileNotFoundError)
    True
    """

    def __init__(self, path: str | Path, message: str = "does not exist; check the spelling"):
        super().__init__(path, message)
        self.errno, self.strerror, self.filename = errno.ENOENT, message, self.path

    def __reduce__(self) -> tuple[type[NotFoundError], tuple[str, str]]:
        # That of an OSError has a third argument, its file.
        return type(self), (self.path, self.message)


class FetchError(FileError):
    """A file is elsewhere and cannot be brought here: a network, a server or a permission."""

    stage = "fetch"


class DecodeError(FileError):
    """The bytes of a file are not audio that can be decoded."""

    stage = "decode"


class AnalyseError(FileError):
    """The audio was decoded but could not be analysed."""

    stage = "analyse"


class WriteError(FileError):
    """An output cannot be written."""

    stage = "write"
