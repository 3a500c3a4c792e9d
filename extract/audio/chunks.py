"""WAV and its like: files of chunks, of which one holds the sound."""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, BinaryIO

from earmark.extract.audio.extent import Extent, read

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["aiff", "au", "caf", "rf64", "wav", "wave64"]

_AU_WIDTHS = {1: 1, 2: 1, 3: 2, 4: 3, 5: 4, 6: 4, 7: 8, 27: 1}
"""Bytes of a sample by the encoding of an AU."""

ENDLESS = "does not say how long it is, and is read to its end"

UNKNOWN = (0, 2**31 - 1, 2**31, 2**32 - 1)
"""What encoders write into four bytes where they do not know the length, or a little less."""


@dataclass(frozen=True)
class _Chunk:
    """A chunk of a file: its name, where its size stands, where its content begins, how long."""

    name: bytes
    size_at: int
    start: int
    size: int


def _chunks(
    file: BinaryIO,
    at: int,
    stop: int,
    name_length: int = 4,
    size_layout: str = "<I",
    aligned: int = 2,
    counts_head: bool = False,
) -> Iterator[_Chunk]:
    """Yield the chunks that follow one another; the last may reach beyond the end."""
    width = struct.calcsize(size_layout)
    head = name_length + width
    while at + head <= stop:
        file.seek(at)
        data = file.read(head)
        if len(data) < head:
            return
        (size,) = struct.unpack(size_layout, data[name_length:])
        size -= head if counts_head else 0
        yield _Chunk(data[:name_length], at + name_length, at + head, size)
        if size < 0:
            return
        at += head + size + -size % aligned


_FILES = (b"RIFF", b"RIFX", b"RF64", b"FORM", b"riff", b"caff")
"""Names of what is a file of its own, and no chunk of another."""


def _is_chain(chunks: Iterator[_Chunk], stop: int) -> bool:
    """Tell whether chunks, or nothing, follow one another up to the end of the file."""
    for chunk in chunks:
        if (
            chunk.size < 0
            or chunk.name[:4] in _FILES
            or not chunk.name[:4].isascii()
            or not chunk.name[:4].decode("ascii").isprintable()
        ):
            return False
        if chunk.start + chunk.size >= stop:
            # Programs leave out the byte that fills an odd chunk up, and forget to count it.
            return chunk.start + chunk.size <= stop + 2
    return True


def wav(file: BinaryIO, start: int, stop: int) -> Extent:
    """Look at a WAV: `data` must end where the file does, or where another chunk begins."""
    (kind,) = read(file, start, "4s")
    layout = ">I" if kind == b"RIFX" else "<I"
    bytes_per_second = 0
    for chunk in _chunks(file, start + 12, stop, size_layout=layout):
        if chunk.name == b"fmt ":
            _, _, _, bytes_per_second = read(file, chunk.start, layout[0] + "HHII")
        if chunk.name == b"data":
            end = chunk.start + chunk.size
            behind = _chunks(file, end + chunk.size % 2, stop, size_layout=layout)
            return _extent(chunk, stop, behind, layout, bytes_per_second)
    return Extent(plain=True)


def _is_guess(size: int, unknown: tuple[int, ...] = UNKNOWN) -> bool:
    """Tell whether a size is what encoders write where they do not know it, or a little less."""
    return any(0 <= each - size <= 4096 for each in unknown if each)


def _extent(
    chunk: _Chunk,
    stop: int,
    behind: Iterator[_Chunk],
    layout: str,
    bytes_per_second: float,
    unknown: tuple[int, ...] = UNKNOWN,
) -> Extent:
    """Judge the chunk that holds the sound."""
    there = stop - chunk.start
    said = chunk.size / bytes_per_second if bytes_per_second else None
    guessed = chunk.size < 0 or _is_guess(chunk.size, unknown)
    if chunk.size > there:
        if guessed or said:
            return Extent(plain=True, said=None if guessed else said)
        return Extent(plain=True, note=f"breaks off: {there} of {chunk.size} bytes are there")
    if chunk.size == there or (chunk.size > 0 and _is_chain(behind, stop)):
        return Extent(plain=True)
    if chunk.size == 0 and (not there or _is_chain(behind, stop)):
        return Extent(plain=True)
    if chunk.size > 0 and not guessed and there - chunk.size < 2**32 - 2**20:
        # Four bytes cannot hold more than 4 GiB; a smaller length was once filled in, and what
        # stands behind is something else.
        rest = there - chunk.size
        note = f"has {rest} bytes behind its sound that nobody reads"
        return Extent(plain=False, said=said, note=note)
    largest = 2 ** (8 * struct.calcsize(layout)) - 1
    filled = struct.pack(layout, min(there, largest))
    return Extent(
        plain=False,
        said=said if chunk.size > 0 and not guessed else None,
        note="" if chunk.size > 0 and not guessed else ENDLESS,
        replaced={chunk.size_at: filled},
    )


def rf64(file: BinaryIO, start: int, stop: int) -> Extent:
    """Look at an RF64 or BW64, whose lengths stand in a chunk of their own."""
    (kind,) = read(file, start, "4s")
    if kind == b"RIFX":
        return wav(file, start, stop)
    lengths = size = bytes_per_second = 0
    for chunk in _chunks(file, start + 12, stop):
        if chunk.name == b"ds64":
            lengths = chunk.start
            (size,) = read(file, lengths + 8, "<q")
        elif chunk.name == b"fmt ":
            _, _, _, bytes_per_second = read(file, chunk.start, "<HHII")
        elif chunk.name == b"data":
            if chunk.size not in (0, 2**32 - 1):
                size = chunk.size
            sound = _Chunk(chunk.name, lengths + 8, chunk.start, size)
            behind = _chunks(file, chunk.start + size + size % 2, stop)
            extent = _extent(sound, stop, behind, "<q", bytes_per_second, ())
            if extent.replaced:
                endless = {chunk.size_at: b"\xff" * 4}
                return replace(extent, replaced={**extent.replaced, **endless})
            return extent
    return Extent(plain=True)


def wave64(file: BinaryIO, start: int, stop: int) -> Extent:
    """Look at a Wave64: as WAV, with names of 16 bytes and sizes of 8 that count the head."""
    bytes_per_second = 0

    def chunks(at: int) -> Iterator[_Chunk]:
        return _chunks(file, at, stop, 16, "<q", 8, counts_head=True)

    for chunk in chunks(start + 40):
        if chunk.name[:4] == b"fmt ":
            _, _, _, bytes_per_second = read(file, chunk.start, "<HHII")
        elif chunk.name[:4] == b"data":
            end = chunk.start + max(0, chunk.size)
            # The size counts the 24 bytes of the head.
            found = _extent(chunk, stop, chunks(end + -end % 8), "<q", bytes_per_second, ())
            if not found.replaced:
                return found
            whole = struct.pack("<q", stop - chunk.start + 24)
            return replace(found, replaced={chunk.size_at: whole})
    return Extent(plain=True)


def aiff(file: BinaryIO, start: int, stop: int) -> Extent:
    """Look at an AIFF: the frames that are counted must be there, and no more."""
    count_at = frame = counted = 0
    sound: _Chunk | None = None
    rate = 0.0
    compressed = False
    for chunk in _chunks(file, start + 12, stop, size_layout=">I"):
        if chunk.name == b"COMM":
            channels, counted, bits, exponent, mantissa = read(file, chunk.start, ">HIHHQ")
            count_at, frame = chunk.start + 2, channels * ((bits + 7) // 8)
            rate = mantissa * 2.0 ** (min(exponent & 0x7FFF, 16500) - 16383 - 63)
            (code,) = read(file, chunk.start + 18, "4s") if chunk.size >= 22 else (b"NONE",)
            compressed = code not in (b"NONE", b"sowt", b"twos", b"fl32", b"FL32", b"in24", b"in32")
        elif chunk.name == b"SSND":
            sound = chunk
            break
    if sound is None or not frame:
        return Extent(plain=True)
    if compressed:
        # How many bytes a second has only the decoder knows.
        cut = sound.size > stop - sound.start
        return _extent(sound, stop, iter(()), ">I", 0) if cut else Extent(plain=True)
    (offset,) = read(file, sound.start, ">I")
    begin = sound.start + 8 + offset
    end = sound.start + sound.size
    behind = _chunks(file, end + sound.size % 2, stop, size_layout=">I")
    extent = _extent(sound, stop, behind, ">I", frame * rate)
    there = max(0, (stop if extent.replaced else min(stop, end)) - begin) // frame
    if not extent.replaced and counted >= there:
        short = counted > there and not _is_guess(counted)
        return replace(extent, said=counted / rate if short and rate else None)
    filled = {count_at: struct.pack(">I", min(there, 2**32 - 1)), **extent.replaced}
    return Extent(
        plain=False,
        said=counted / rate if counted and rate else None,
        replaced=filled,
        note="" if counted else ENDLESS,
    )


def au(file: BinaryIO, start: int, stop: int) -> Extent:
    """Look at an AU: the sound is all that follows the header."""
    offset, size, encoding, rate, channels = read(file, start + 4, ">IIIII")
    there = stop - start - offset
    if size == there or there <= 0:
        return Extent(plain=True)
    filled = struct.pack(">I", min(there, 2**32 - 1))
    bytes_per_second = rate * channels * _AU_WIDTHS.get(encoding, 0)
    said = size / bytes_per_second if size and bytes_per_second else None
    said, note = (None, ENDLESS) if not size or _is_guess(size) else (said, "")
    return Extent(plain=False, said=said, replaced={start + 8: filled}, note=note)


def caf(file: BinaryIO, start: int, stop: int) -> Extent:
    """Look at a CAF: as WAV, with sizes of 8 bytes, of which -1 is for up to the end."""

    def chunks(at: int) -> Iterator[_Chunk]:
        return _chunks(file, at, stop, size_layout=">q", aligned=1)

    bytes_per_second = 0.0
    for chunk in chunks(start + 8):
        if chunk.name == b"desc":
            rate, _, _, packet, frames = read(file, chunk.start, ">d4sIII")
            bytes_per_second = rate * packet / frames if frames else 0.0
        elif chunk.name == b"data" and chunk.size >= 0:
            behind = chunks(chunk.start + chunk.size)
            return _extent(chunk, stop, behind, ">q", bytes_per_second, ())
    return Extent(plain=True)
