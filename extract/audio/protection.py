"""Music that is locked: what a decoder gives of it is noise, or an error that misleads."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from io import RawIOBase
    from typing import BinaryIO

__all__ = ["LOCKED", "is_locked"]

LOCKED = "is protected against copying (DRM); only its shop's player reads it"

MP4_MARKS = (b"sinf", b"drms", b"aavd")
"""The box that says how a track of MP4 is locked, and the codecs of shops that lock without it."""

WAY = (b"trak", b"mdia", b"minf", b"stbl", b"stsd")
"""The boxes, one in the other, that lead to what says how a track is coded; a picture elsewhere may
hold any bytes."""

ASF_HEADER = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
ASF_MARKS = tuple(
    bytes.fromhex(name)
    for name in (
        "fbb3112223bdd211b4b700a0c955fc6e",
        "14e68a292226174cb935dae07ee9289c",
        "338505438169e6499b74ad12cb86d58c",
    )
)
"""The objects that say how a file of Windows Media is locked, as their names stand in it."""

MOST_BOXES = 10_000
LONGEST = 2**24
"""Boxes, and bytes of a header, that are looked at."""


def is_locked(file: BinaryIO | RawIOBase) -> bool:
    """Tell whether an MP4 or Windows Media file is locked; its position is as it was.

    Parameters
    ----------
    file : file object
        Open for reading bytes.
    """
    before = file.tell()
    try:
        file.seek(0)
        if file.read(16) == ASF_HEADER:
            size = int.from_bytes(file.read(8) or b"", "little")
            header = file.read(min(size, LONGEST)) or b""
            return any(mark in header for mark in ASF_MARKS)
        codings = _inside(_movie(file), WAY)
        return any(mark in coding for coding in codings for mark in MP4_MARKS)
    finally:
        file.seek(before)


def _movie(file: BinaryIO | RawIOBase) -> bytes:
    """Return what the box of an MP4 file holds that describes its tracks; nothing without one."""
    at = 0
    for _ in range(MOST_BOXES):
        file.seek(at)
        head = file.read(16) or b""
        size, kind, start = int.from_bytes(head[:4]), head[4:8], 8
        if size == 1:
            size, start = int.from_bytes(head[8:16]), 16
        if len(head) < 8 or size < start or not kind.isalnum():
            return b""
        if kind == b"moov":
            file.seek(at + start)
            return file.read(min(size - start, LONGEST)) or b""
        at += size
    return b""


def _boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield the kind and the content of each box."""
    at = 0
    while at + 8 <= len(data):
        size = int.from_bytes(data[at : at + 4])
        if size < 8:
            return
        yield data[at + 4 : at + 8], data[at + 8 : at + size]
        at += size


def _inside(data: bytes, way: tuple[bytes, ...]) -> Iterator[bytes]:
    """Yield the content of the boxes that lie in boxes of these kinds, one in the other."""
    for kind, content in _boxes(data):
        if kind == way[0]:
            yield from _inside(content, way[1:]) if way[1:] else (content,)
