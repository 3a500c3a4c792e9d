"""MP3 streams joined end to end in one file, as mixes often are.

The first frame of an MP3 may say how many bytes its stream has (the Xing header; LAME calls it Info
for a constant bitrate). A reader that relies on it stops after the first of several streams.
"""

from __future__ import annotations

import os
import struct
from typing import BinaryIO

__all__ = ["after_tag", "begins", "is_joined"]

# Kilobits per second of layer III, by the index in the header: MPEG 1, and MPEG 2 and 2.5.
_BITRATES = (
    (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
)
_SAMPLE_RATES = (44100, 48000, 32000)

FRAMES_IN_A_ROW = 8
"""As many frames, each beginning where the one before ends, are no accident."""

SEARCHED = 2**16
"""Bytes after the first stream and the tag that may follow it in which another one may begin."""


def is_joined(file: BinaryIO) -> bool:
    """Tell whether another stream follows the one whose length the first header states.

    Parameters
    ----------
    file : binary file
        Any file; its position is left as it was.

    Returns
    -------
    bool
        False too where it is no MP3, or its header states no length. Tags at the end are no stream.

    Examples
    --------
    >>> with open(demo / "house-128bpm-a-minor.mp3", "rb") as file:
    ...     is_joined(file)
    False
    """
    before = file.tell()
    try:
        start = after_tag(file, 0)
        file.seek(start)
        head = file.read(4096)
        headers = [at for at in (head.find(b"Xing"), head.find(b"Info")) if at >= 0]
        if not _frame_length(head) or not headers:
            return False
        flags, *fields = struct.unpack_from(">III", head[min(headers) + 4 :].ljust(12, b"\0"))
        if not flags & 2:
            return False
        # Bit 0: the number of frames comes next; bit 1: then the number of bytes.
        end = start + fields[flags & 1]
        if end >= file.seek(0, os.SEEK_END):
            return False
        file.seek(after_tag(file, end))
        rest = file.read(SEARCHED)
        return begins(rest)
    finally:
        file.seek(before)


def begins(data: bytes) -> bool:
    """Tell whether a run of frames begins anywhere in the data."""
    return any(_has_frames(data, at) for at in range(len(data)) if data[at] == 0xFF)


def after_tag(file: BinaryIO, at: int) -> int:
    """Return the position after the ID3v2 tag at a position, or this one where there is no tag."""
    file.seek(at)
    head = file.read(10)
    if len(head) < 10 or head[:3] != b"ID3":
        return at
    size = 0
    for byte in head[6:]:
        size = size << 7 | byte & 0x7F
    # A footer repeats the header.
    return at + 10 + size + (10 if head[5] & 0x10 else 0)


def _has_frames(data: bytes, at: int) -> bool:
    """Tell whether frames follow one another from a position on, or to the end of the data."""
    for count in range(FRAMES_IN_A_ROW):
        length = _frame_length(data[at : at + 4])
        if not length:
            return count > 1 and at >= len(data) - 4
        at += length
    return True


def _frame_length(header: bytes) -> int:
    """Return the length in bytes of a frame of MPEG layer III by its header; 0 for no header."""
    if len(header) < 4 or header[0] != 0xFF or header[1] & 0xE6 != 0xE2:
        return 0
    version = header[1] >> 3 & 3
    bitrate, rate = header[2] >> 4, header[2] >> 2 & 3
    if version == 1 or not 1 <= bitrate <= 14 or rate == 3:
        return 0
    first = version == 3
    sample_rate = _SAMPLE_RATES[rate] // (1 if first else 2 if version == 2 else 4)
    kilobits = _BITRATES[0 if first else 1][bitrate - 1]
    return (144 if first else 72) * kilobits * 1000 // sample_rate + (header[2] >> 1 & 1)
