"""A part of a file as a file of its own, with some of its bytes replaced."""

from __future__ import annotations

import io
import os
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["View"]


class View(io.RawIOBase):
    """Part of an open file, read as if it were a file.

    Parameters
    ----------
    file : binary file
        Open for reading; its position is moved.
    start, stop : int
        Where the part begins and ends.
    replaced : mapping of int to bytes, optional
        What is read instead, by the position in `file`: lengths that were never filled in, say.

    Examples
    --------
    >>> View(io.BytesIO(b"tag, sound, tag"), 5, 10, {5: b"S"}).read()
    b'Sound'
    """

    def __init__(
        self, file: BinaryIO, start: int, stop: int, replaced: Mapping[int, bytes] | None = None
    ) -> None:
        self._file, self._start, self._stop = file, start, stop
        self._replaced = dict(replaced or {})
        self._at = start

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def tell(self) -> int:
        """Return the position in the part."""
        return self._at - self._start

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move to a position in the part and return it."""
        base = {os.SEEK_SET: self._start, os.SEEK_CUR: self._at, os.SEEK_END: self._stop}[whence]
        self._at = max(self._start, base + offset)
        return self.tell()

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        """Read as many bytes as fit and return their number; 0 at the end."""
        target = memoryview(buffer).cast("B")
        count = max(0, min(len(target), self._stop - self._at))
        self._file.seek(self._at)
        data = self._file.read(count)
        target[: len(data)] = data
        for position, new in self._replaced.items():
            low = max(position, self._at)
            high = min(position + len(new), self._at + len(data))
            if low < high:
                target[low - self._at : high - self._at] = new[low - position : high - position]
        self._at += len(data)
        return len(data)
