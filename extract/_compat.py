"""Where the extraction reaches into internals of a library, which may change any time."""

from __future__ import annotations

import contextlib
import ctypes
import os
import re
import sys
import tempfile
import threading
from typing import TYPE_CHECKING, Any, BinaryIO

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

__all__ = ["LibraryMessages", "packer", "positions"]


MOST_PLANES = 8

_STDERR = 2
_OF_MPG123 = re.compile(r"mpg123|Xing|MPEG|^(Note|Warning|Error): ", re.IGNORECASE)
_reading_stderr = threading.Lock()


class LibraryMessages:
    """Catch what libmpg123, which is inside libsndfile, writes to stderr.

    It does so without the name of the file, and libsndfile has no way to tell it not to. What other
    threads write meanwhile is caught as well, so that only lines with the library's name are kept
    and the rest is passed on.

    Attributes
    ----------
    lines : list of str
        What was written; it grows with each `caught`.
    """

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._file = tempfile.TemporaryFile()  # noqa: SIM115

    @contextlib.contextmanager
    def caught(self) -> Iterator[None]:
        """Catch what is written in this context."""
        with _reading_stderr:
            try:
                before = os.dup(_STDERR)
            except OSError:
                # A program without a window or terminal may have no stderr.
                yield
                return
            sys.stderr.flush()
            os.dup2(self._file.fileno(), _STDERR)
            try:
                yield
            finally:
                os.dup2(before, _STDERR)
                os.close(before)
                if os.fstat(self._file.fileno()).st_size:
                    _sort_lines(self._file, self.lines)

    def close(self) -> None:
        """Forget the file that catches them."""
        self._file.close()


def positions(layout: Any) -> tuple[str, ...]:
    """Return the name of each channel's place by a layout of PyAV's.

    PyAV copies the pointer in a layout of a file's own (neither one that FFmpeg has a name for nor
    an unknown one), and frees it once with the frame and once with the layout, which ends the
    process. So such a layout is never freed: some bytes a frame, in rare files.
    """
    if " channels (" in layout.name:
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(layout))
    return tuple(channel.name for channel in layout.channels)


def packer(channels: int) -> Callable[[Any], Iterable[Any]]:
    """Return what makes those frames of PyAV's readable that have many planes.

    PyAV takes the planes of a frame to end with a null pointer, which with eight or more channels
    lies outside of the frame.
    """
    if channels < MOST_PLANES:
        return lambda frame: (frame,)
    import av

    resampler = av.AudioResampler(format="flt")
    return lambda frame: resampler.resample(frame) if frame.format.is_planar else (frame,)


def _sort_lines(file: BinaryIO, lines: list[str]) -> None:
    """Keep the lines of libmpg123 and print the others."""
    file.seek(0)
    written = file.read().splitlines(keepends=True)
    file.seek(0)
    file.truncate()
    for line in written:
        text = line.decode("utf-8", "replace").strip()
        if "Xing" in text:
            # How long the file is we have seen ourselves.
            continue
        if _OF_MPG123.search(text):
            lines.append(text.rpartition("]")[2].strip() or text)
        elif text:
            os.write(_STDERR, line)
