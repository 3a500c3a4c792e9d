"""How long the sound in a file is, by what is there and not by what its header says.

A header may lie: a recorder that crashed never filled it in, four bytes cannot hold the length of
a WAV of more than 4 GiB, an encoder that wrote to a pipe could not go back, a program cut the file
and left the old header. libsndfile believes headers. So it is given a file only if the header is
seen to be right; FFmpeg, which reads on until there is no more, gets the others, with lengths that
hold.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, BinaryIO

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["Extent", "places", "read"]

READ_AT_ONCE = 2**20


@dataclass(frozen=True)
class Extent:
    """What a look at the header and at the end of a file tells.

    Parameters
    ----------
    plain : bool
        Whether the file is one stream that is as long as its header says, for libsndfile.
    said : float or None
        Seconds that the header says where that is wrong; the sound that is there is right.
    replaced : mapping of int to bytes
        Lengths that hold, by the position in the file of those that do not.
    links : tuple of int
        Where streams begin that are laid end to end and have to be opened one by one.
    note : str
        What is odd and hinders nothing.
    damage : str
        What is missing or broken, where decoders would not say so.
    fewest : int or None
        Samples per channel that there are at least, of formats where libsndfile guesses the number.
    """

    plain: bool
    said: float | None = None
    replaced: Mapping[int, bytes] = field(default_factory=dict)
    links: tuple[int, ...] = ()
    note: str = ""
    damage: str = ""
    fewest: int | None = None


def read(file: BinaryIO, at: int, layout: str) -> tuple[Any, ...]:
    """Return the values that stand at a position, zeros beyond the end of the file."""
    size = struct.calcsize(layout)
    file.seek(at)
    return struct.unpack(layout, file.read(size).ljust(size, b"\0"))


def _pieces(file: BinaryIO, start: int, stop: int, overlap: int) -> Iterator[tuple[int, bytes]]:
    """Yield a part of a file piece by piece with their positions; each repeats the end before."""
    file.seek(start)
    held, at = b"", start
    while at + len(held) < stop:
        piece = file.read(min(READ_AT_ONCE, stop - at - len(held)))
        if not piece:
            return
        kept = held[len(held) - overlap :] if overlap < len(held) else held
        at += len(held) - len(kept)
        held = kept + piece
        yield at, held


def places(file: BinaryIO, start: int, stop: int, mark: bytes) -> Iterator[int]:
    """Yield where a mark stands in a part of a file, reading no further than is asked for."""
    for position, data in _pieces(file, start, stop, len(mark) - 1):
        at = data.find(mark)
        while at >= 0:
            yield position + at
            at = data.find(mark, at + 1)
