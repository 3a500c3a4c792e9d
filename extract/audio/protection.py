"""Music that is locked: what a decoder gives of it is noise, or an error that misleads."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import BinaryIO

__all__ = ["LOCKED", "is_locked"]

LOCKED = "is locked (DRM): only the shop's own players can play it; get a copy that is not"

MP4_MARKS = (b"sinf", b"drms", b"aavd")
"""The box that says how a track of MP4 is locked, and the codecs of shops that lock without it."""

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

LONGEST = 2**24
"""Bytes of a header that are looked at."""


def is_locked(file: BinaryIO) -> bool:
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
            header = file.read(min(int.from_bytes(file.read(8), "little"), LONGEST))
            return any(mark in header for mark in ASF_MARKS)
        header = _movie(file)
        return any(mark in header for mark in MP4_MARKS)
    finally:
        file.seek(before)


def _movie(file: BinaryIO) -> bytes:
    """Return the box of an MP4 file that describes its tracks; nothing where there is none."""
    at = 0
    while True:
        file.seek(at)
        head = file.read(16)
        size, kind = int.from_bytes(head[:4]), head[4:8]
        if size == 1:
            size = int.from_bytes(head[8:16])
        if len(head) < 8 or size < 8 or not kind.isalnum():
            return b""
        if kind == b"moov":
            return head + file.read(min(size, LONGEST))
        at += size
