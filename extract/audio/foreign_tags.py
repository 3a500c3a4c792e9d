"""Tags that stand before and behind the sound of a file, whatever its format.

Programs put ID3, APE and Lyrics3 tags around files of formats that know nothing of them. Decoders
stumble over them; so they are stepped over before anybody decodes.
"""

from __future__ import annotations

import os
from typing import BinaryIO

__all__ = ["after_id3", "bounds"]

MOST = 16
"""Tags in a row on either side; more are no tags."""

_APE_HAS_HEADER = 1 << 31


def bounds(file: BinaryIO) -> tuple[int, int]:
    """Return where the sound of a file begins and ends, between its tags.

    Parameters
    ----------
    file : binary file
        Open for reading; its position is moved.

    Returns
    -------
    start, stop : int
        Positions in the file; equal where it holds nothing but tags.

    Examples
    --------
    >>> bounds(io.BytesIO(b"fLaC..." + b"TAG" + bytes(125)))
    (0, 7)
    """
    stop = file.seek(0, os.SEEK_END)
    start = 0
    for _ in range(MOST):
        after = _after_ape(file, after_id3(file, start))
        if after == start:
            break
        start = after
    start = min(start, stop)
    for _ in range(MOST):
        before = _before_tag(file, start, stop)
        if before == stop:
            break
        stop = before
    return start, stop


def after_id3(file: BinaryIO, at: int) -> int:
    """Return the position after the ID3v2 tag at a position, or this one where there is no tag."""
    file.seek(at)
    head = file.read(10)
    # Version and sizes never have these bits; "ID3" alone may be the beginning of a text.
    if len(head) < 10 or head[:3] != b"ID3" or 0xFF in head[3:5] or max(head[6:]) & 0x80:
        return at
    # A footer repeats the header.
    return at + 10 + _synchsafe(head[6:]) + (10 if head[5] & 0x10 else 0)


def _synchsafe(data: bytes) -> int:
    """Return the number that stands in the seven low bits of each byte."""
    size = 0
    for byte in data:
        size = size << 7 | byte & 0x7F
    return size


def _after_ape(file: BinaryIO, at: int) -> int:
    """Return the position after the APE tag that begins with its header at a position."""
    file.seek(at)
    head = file.read(32)
    if len(head) < 32 or head[:8] != b"APETAGEX":
        return at
    # The size counts the footer and not the header.
    return at + 32 + int.from_bytes(head[12:16], "little")


def _before_tag(file: BinaryIO, start: int, stop: int) -> int:
    """Return where the tag begins that ends at a position, or this position."""

    def ending(length: int) -> bytes:
        if stop - start < length:
            return b""
        file.seek(stop - length)
        return file.read(length)

    size = 0
    if ending(128)[:3] == b"TAG":
        size = 128
        # An enhanced tag of 227 bytes may stand before it.
        if ending(355)[:4] == b"TAG+":
            size += 227
    elif (foot := ending(32))[:8] == b"APETAGEX":
        size = int.from_bytes(foot[12:16], "little")
        if int.from_bytes(foot[20:24], "little") & _APE_HAS_HEADER:
            size += 32
    elif (foot := ending(15))[6:] == b"LYRICS200" and foot[:6].isdigit():
        size = int(foot[:6]) + 15
    elif (foot := ending(10))[:3] == b"3DI":
        size = _synchsafe(foot[6:]) + 20
    return stop - size if 0 < size <= stop - start else stop
