"""What is needed to make one version of a file from another, byte by byte.

Writing a tag moves the sound and leaves it as it is: all but some hundred bytes of the file as it
was stand in the file as it is, too. A delta names those that do, and holds the others: with it
the old file is made again, exactly, whatever its format, and whatever a library for tags does.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Iterator
    from mmap import mmap

__all__ = ["apply", "encode"]

Bytes = NDArray[np.uint8]

LEAST = 32
"""Bytes in a row that are worth copying."""

WINDOW = 1 << 16
"""Bytes that are looked through at once for the next that are the same."""


def encode(base: bytes | mmap, target: bytes | mmap) -> bytes:
    """Return what makes the target of the base.

    Parameters
    ----------
    base, target : bytes
        The file that will be there, and the one that shall be made of it.

    Examples
    --------
    >>> old, new = b"head" + bytes(range(256)), b"longer head" + bytes(range(256))
    >>> delta = encode(new, old)
    >>> len(delta) < 30, b"".join(apply(new, delta)) == old
    (True, True)
    """
    old, new = np.frombuffer(target, np.uint8), np.frombuffer(base, np.uint8)
    numbers: list[int] = []
    literals = []
    # How far what is the same lies from where it was: what stands before a tag does not move,
    # what stands behind it moves as far as the file grew.
    shifts = [0, len(new) - len(old)]
    at = done = 0
    while at < len(old):
        length, shift = max((_alike(old, new, at, shift), shift) for shift in shifts)
        if length >= LEAST or length == len(old) - at:
            numbers += (at - done, at + shift, length)
            literals.append(old[done:at].tobytes())
            at = done = at + length
            continue
        distance = _distance(old, new, at, shifts)
        if distance is None:
            # Nothing near: once in a while it is worth to look everywhere.
            anchor = old[at : at + LEAST]
            plain = len(np.unique(anchor)) <= LEAST // 4
            found = -1 if plain else base.find(anchor.tobytes())
            if found >= 0:
                shifts[2:] = [found - at]
            distance = 0 if found >= 0 else min(WINDOW, len(old) - at)
        at += distance
    numbers += (len(old) - done, 0, 0)
    literals.append(old[done:].tobytes())
    table = np.array(numbers, "<u8").tobytes()
    return zlib.compress(len(table).to_bytes(8, "little") + table + b"".join(literals), 9)


def apply(base: bytes | mmap, delta: bytes) -> Iterator[bytes]:
    """Make the target again, piece by piece.

    Raises
    ------
    ValueError
        The delta is damaged, or of another base.
    """
    try:
        plain = zlib.decompress(delta)
    except zlib.error as error:
        raise ValueError("is damaged") from error
    start = 8 + int.from_bytes(plain[:8], "little")
    if start > len(plain) or (start - 8) % 24:
        raise ValueError("is damaged")
    view = memoryview(base)
    for count, at, length in np.frombuffer(plain[8:start], "<u8").reshape(-1, 3).tolist():
        if start + count > len(plain) or at + length > len(view):
            raise ValueError("is of another file")
        yield plain[start : start + count]
        start += count
        for piece in range(at, at + length, WINDOW):
            yield bytes(view[piece : min(piece + WINDOW, at + length)])


def _alike(old: Bytes, new: Bytes, at: int, shift: int) -> int:
    """Return how many bytes from here are the same, so far apart."""
    most = min(len(old) - at, len(new) - at - shift)
    if at + shift < 0:
        return 0
    done = 0
    step = 256
    while done < most:
        stop = min(done + step, most)
        same = old[at + done : at + stop] == new[at + shift + done : at + shift + stop]
        if not same.all():
            return done + int(same.argmin())
        done, step = stop, min(2 * step, 1 << 22)
    return max(most, 0)


def _distance(old: Bytes, new: Bytes, at: int, shifts: list[int]) -> int | None:
    """Return how far on the next bytes are the same again, if within a window."""
    stop = min(at + WINDOW, len(old))
    runs = (_run(old, new, at, stop, shift) for shift in shifts)
    return min((place for place in runs if place is not None), default=None)


def _run(old: Bytes, new: Bytes, at: int, stop: int, shift: int) -> int | None:
    """Return after how many bytes a run of the same begins within the next, so far apart."""
    first = max(at, -shift)
    last = min(stop, len(new) - shift)
    if last - first < LEAST:
        return None
    different = np.flatnonzero(old[first:last] != new[first + shift : last + shift])
    edges = np.concatenate([[-1], different, [last - first]])
    gaps = np.flatnonzero(np.diff(edges) > LEAST)
    # Nothing before the first difference: that would be where we are.
    return int(edges[gaps[0]]) + 1 + first - at if len(gaps) else None
