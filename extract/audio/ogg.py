"""Ogg: pages with checksums and numbers tell whether anything is missing."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from earmark.extract.audio.extent import Extent, places
from earmark.extract.signal.kernels import kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["extent"]


@dataclass(frozen=True)
class _Page:
    """A page of an Ogg: of which stream, its number in it, whether it is the stream's first."""

    serial: int
    number: int
    is_first: bool
    intact: bool
    stop: int


def extent(file: BinaryIO, start: int, stop: int) -> Extent:
    """Look at an Ogg: undamaged pages, each behind the other, of one stream.

    Pages that begin a stream, behind others that do not, begin another link of a chain. libsndfile
    fills in what damaged pages held, or stops there, without a word.
    """
    links: list[int] = []
    numbers: dict[int, int] = {}
    whole, begun, cut, at = True, False, False, start
    while at < stop:
        page = _page(file, at, stop)
        if page is None:
            # Of a file that was cut the last page is not whole, and libsndfile reads what is left.
            at = next(places(file, at + 1, stop, b"OggS\0"), stop)
            whole, cut = whole and at == stop, at == stop
            continue
        if page.is_first and (begun or not links):
            links.append(at)
        begun = not page.is_first
        in_order = page.is_first or page.number == numbers.get(page.serial, -2) + 1
        whole = whole and page.intact and in_order
        numbers[page.serial] = page.number
        at = page.stop
    damage = "" if whole else "pages are missing or broken"
    note = "breaks off in the middle of a page; the rest is missing" if cut and whole else ""
    plain = whole and len(links) == 1
    return Extent(plain, links=tuple(links), note=note, damage=damage)


def _page(file: BinaryIO, at: int, stop: int) -> _Page | None:
    """Return the page at a position, or None where there is none or not all of it."""
    file.seek(at)
    head = file.read(27 + 255)
    if len(head) < 27 or head[:5] != b"OggS\0":
        return None
    sizes = head[27 : 27 + head[26]]
    end = at + 27 + head[26] + sum(sizes)
    if end > stop:
        return None
    file.seek(at)
    data = np.frombuffer(file.read(end - at), np.uint8).copy()
    serial, number, checksum = struct.unpack_from("<III", head, 14)
    data[22:26] = 0
    intact = len(data) == end - at and int(_checksum(data, _CRC_TABLE)) == checksum
    return _Page(serial, number, bool(head[5] & 2), intact, end)


def _crc_table() -> NDArray[np.uint32]:
    """Return the checksums of single bytes for the polynomial of Ogg."""
    table = np.arange(256, dtype=np.uint32) << 24
    for _ in range(8):
        table = np.where(table >> 31, table << 1 ^ 0x04C11DB7, table << 1).astype(np.uint32)
    return table.astype(np.uint32)


_CRC_TABLE = _crc_table()


@kernel
def _checksum(data, table):
    value = np.uint32(0)
    for byte in data:
        value = np.uint32(value << np.uint32(8)) ^ table[(value >> np.uint32(24)) ^ byte]
    return value
