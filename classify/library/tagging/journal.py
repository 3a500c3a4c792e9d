"""What was changed in which file, and how it was before: on the disk before anything is changed.

A journal is a text file of JSON lines: the first says what it is, and each of the others is of one
file that was about to be changed. It holds the old values by field, for people, and what makes the
old file of the new one (`delta`), for `earmark untag`. Whether a change was made tells the file
itself, by its sum.
"""

from __future__ import annotations

import base64
import binascii
import datetime
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from earmark.classify.library.tagging.safe import sync_folder
from earmark.extract.errors import WriteError
from earmark.version import __version__

if TYPE_CHECKING:
    from types import TracebackType
    from typing import BinaryIO, Self

__all__ = ["Entry", "Journal", "default_path", "read"]

KIND = "journal of tags"
VERSION = 1


@dataclass(frozen=True)
class Entry:
    """The change of one file.

    Parameters
    ----------
    path : str
        Where it is.
    old, new : str
        SHA-256 of the file before and after.
    modified : int
        When it was changed last before, in nanoseconds.
    sound : str
        The sum over its sound (`earmark.classify.library.tagging.sound`).
    fields : dict
        By field the values before and after.
    delta : bytes
        What makes the old file of the new one.
    """

    path: str
    old: str
    new: str
    modified: int
    sound: str
    fields: dict[str, tuple[list[str], list[str]]]
    delta: bytes

    @property
    def location(self) -> Path:
        """The file."""
        return Path(self.path)


def default_path(now: datetime.datetime | None = None) -> Path:
    """Return how a journal is called that nobody named: by the time, in this folder."""
    now = now or datetime.datetime.now()
    return Path(f"earmark-{now:%Y%m%d-%H%M%S}.journal")


class Journal:
    """A journal that is written; it is made with its first entry.

    Parameters
    ----------
    path : Path
        Where nothing stands yet.

    Raises
    ------
    WriteError
        Something stands there, or it cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: BinaryIO | None = None
        if path.exists():
            raise WriteError(
                path, "is there already; a journal is never written over, name another"
            )
        if not os.access(path.absolute().parent, os.W_OK):
            raise WriteError(path, "cannot be written: its folder is not there, or not yours")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._file is not None:
            self._file.close()

    def add(self, entry: Entry) -> None:
        """Write an entry, and return when it is on the disk.

        Raises
        ------
        WriteError
            It cannot be written.
        """
        line = asdict(entry) | {"delta": base64.b64encode(entry.delta).decode()}
        try:
            if self._file is None:
                self._file = self.path.open("xb", buffering=0)
                self._write({"earmark": KIND, "version": VERSION, "by": __version__})
                sync_folder(self.path.absolute().parent)
            self._write(line)
            os.fsync(self._file.fileno())
        except OSError as error:
            reason = error.strerror or error
            raise WriteError(
                self.path, f"the journal cannot be written, so no tags are: {reason}"
            ) from error

    def _write(self, values: dict[str, Any]) -> None:
        # Names that are no UTF-8 are kept: JSON escapes what stands for their bytes.
        rest = memoryview(json.dumps(values).encode() + b"\n")
        while rest and self._file is not None:
            rest = rest[self._file.write(rest) :]


def read(path: Path) -> list[Entry]:
    """Read a journal.

    A last line that was cut is of a change that was not made, and is passed over.

    Raises
    ------
    WriteError
        The file is not there, or no journal, or damaged.
    """
    try:
        lines = path.read_bytes().split(b"\n")
    except OSError as error:
        raise WriteError(path, f"cannot be read: {error.strerror or error}") from error
    entries = []
    for number, line in enumerate(lines[:-1], 1):
        try:
            values = json.loads(line)
            if number == 1:
                if values["earmark"] != KIND:
                    raise ValueError
                if values["version"] != VERSION:
                    raise WriteError(
                        path, f"is of version {values['version']}; a newer Earmark wrote it"
                    )
                continue
            delta = base64.b64decode(values.pop("delta"), validate=True)
            values["fields"] = {
                name: (list(before), list(after))
                for name, (before, after) in values["fields"].items()
            }
            entries.append(Entry(**values, delta=delta))
        except (ValueError, KeyError, TypeError, AttributeError, binascii.Error) as error:
            if number == 1:
                raise WriteError(path, "is no journal of `earmark tag --write`") from error
            raise WriteError(path, f"line {number} is damaged: nothing of it is used") from error
    if len(lines) < 2:
        raise WriteError(path, "is no journal of `earmark tag --write`")
    return entries
