"""Where classify reaches into the insides of a library.

Each place has a test in ``tests/test_compat.py`` that fails when the library changes there.
"""

from __future__ import annotations

import threading
import zlib
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["UNPACKED", "bounded_unpacking"]

UNPACKED = 2**20
"""Bytes that all compressed frames of a file may unpack to; those that would go beyond are left."""

_LOCK = threading.RLock()


@contextmanager
def bounded_unpacking() -> Iterator[None]:
    """Within this, mutagen unpacks at most `UNPACKED` bytes of the compressed frames of ID3 tags.

    Two megabytes of a compressed frame may be two gigabytes, and mutagen unpacks them all. Its
    module of frames calls the name ``zlib`` in its own namespace: the name is exchanged there, for
    one file at a time, and put back.
    """
    from mutagen.id3 import _frames

    frames: Any = _frames
    with _LOCK:
        original = frames.zlib
        frames.zlib = _BoundedZlib()
        try:
            yield
        finally:
            frames.zlib = original


class _BoundedZlib:
    """As much of zlib as mutagen calls, which unpacks so many bytes of a file and no more."""

    error = zlib.error

    def __init__(self) -> None:
        self._left = UNPACKED

    def decompress(self, data: bytes) -> bytes:
        # For zlib, a limit of nothing is none.
        stream = zlib.decompressobj()
        unpacked = stream.decompress(data, max(self._left, 1))
        self._left -= len(unpacked)
        if not stream.eof:
            raise zlib.error("incomplete, or more than is unpacked")
        return unpacked
