"""FLAC: the number in its last frame tells how long it is."""

from __future__ import annotations

from typing import BinaryIO

from earmark.extract.audio.extent import Extent, places, read

__all__ = ["extent"]

LARGEST_FRAME = 2**18
"""Bytes from the end of a file in which its last frame begins: more than encoders write."""


def extent(file: BinaryIO, start: int, stop: int) -> Extent:
    """Look at a FLAC: its last frame must end where the header says, and no other one begins."""
    first, largest, _, packed, low = read(file, start + 8, ">HH6sII")
    bits = packed << 32 | low
    rate, total = bits >> 44, bits & (2**36 - 1)
    if not total or not rate:
        return Extent(plain=False)
    said = total / rate
    others = [*places(file, start + 8, stop, b"fLaC\x00\x00\x00\x22")]
    if others:
        return Extent(plain=False, said=said, links=(start, *others))
    begin = max(start + 42, stop - LARGEST_FRAME)
    file.seek(begin)
    ends = _frame_ends(file.read(stop - begin), first if first == largest else 0)
    # Frames may leave the sample rate to the header of the file.
    plain = bool({(total, rate), (total, 0)} & ends)
    return Extent(plain=plain, said=None if plain else said)


_RATES = (0, 88200, 176400, 192000, 8000, 16000, 22050, 24000, 32000, 44100, 48000, 96000)
"""Sample rates by the code in a frame's header; higher codes say them in bytes of their own."""


def _frame_ends(data: bytes, block: int) -> set[tuple[int, int]]:
    """Return the sample after each frame and its rate, by what seems to be headers in the data."""
    ends = set()
    at = data.find(b"\xff")
    while 0 <= at < len(data) - 5:
        if data[at + 1] & 0xFE == 0xF8:
            head = data[at : at + 16]
            code = head[2] & 15
            if end := _frame_end(head, block):
                ends.add((end, _RATES[code] if code < len(_RATES) else 0))
        at = data.find(b"\xff", at + 1)
    return ends


def _frame_end(head: bytes, block: int) -> int:
    """Return the number of the sample after a frame by its header; 0 where there is none."""
    code, length = head[2] >> 4, 5
    # The number is coded as UTF-8 is, in up to seven bytes.
    ones = 8 - (~head[4] & 0xFF).bit_length()
    if ones == 1 or ones > 7 or not code:
        return 0
    number = head[4] & (0x7F >> ones)
    for byte in head[5 : 4 + ones]:
        number = number << 6 | byte & 0x3F
        length += 1
    size = {1: 192, **{c: 576 << c - 2 for c in range(2, 6)}}.get(code, 256 << max(0, code - 8))
    if code in (6, 7):
        size = int.from_bytes(head[length : length + code - 5], "big") + 1
        length += code - 5
    length += {12: 1, 13: 2, 14: 2}.get(head[2] & 15, 0)
    if length >= len(head) or _crc8(head[:length]) != head[length]:
        return 0
    return number + size if head[1] & 1 else number * block + size


def _crc8(data: bytes) -> int:
    value = 0
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = (value << 1 ^ 0x07) & 0xFF if value & 0x80 else value << 1
    return value
