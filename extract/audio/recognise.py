"""What a file is by its content, whatever it is called."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

from earmark.extract.audio import foreign_tags, formats

if TYPE_CHECKING:
    from earmark.extract.audio.formats import AudioFormat

__all__ = ["Recognised", "recognise"]

HEAD = 2**16
"""Bytes that a file is judged by."""

_NOT_AUDIO: tuple[tuple[dict[int, bytes], str], ...] = (
    ({0: b"%PDF"}, "a PDF"),
    ({0: b"PK\x03\x04"}, "a ZIP archive (or an Office document); unpack it first"),
    ({0: b"PK\x05\x06"}, "an empty ZIP archive"),
    ({0: b"Rar!"}, "a RAR archive; unpack it first"),
    ({0: b"7z\xbc\xaf\x27\x1c"}, "a 7z archive; unpack it first"),
    ({0: b"\x1f\x8b"}, "a gzip archive; unpack it first"),
    ({0: b"BZh"}, "a bzip2 archive; unpack it first"),
    ({0: b"\xfd7zXZ"}, "an xz archive; unpack it first"),
    ({257: b"ustar"}, "a tar archive; unpack it first"),
    ({0: b"\x89PNG"}, "a picture (PNG)"),
    ({0: b"\xff\xd8\xff"}, "a picture (JPEG)"),
    ({0: b"GIF8"}, "a picture (GIF)"),
    ({0: b"RIFF", 8: b"WEBP"}, "a picture (WebP)"),
    ({0: b"II*\x00"}, "a picture (TIFF)"),
    ({0: b"MM\x00*"}, "a picture (TIFF)"),
    ({0: b"RIFF", 8: b"AVI "}, "an AVI video"),
    ({0: b"FLV\x01"}, "a Flash video"),
    ({0: b"\x00\x00\x01\xba"}, "an MPEG video"),
    ({0: b"MThd"}, "a MIDI file, which holds notes and no sound"),
    ({0: b"#EXTM3U"}, "a playlist; upload the files that it names"),
    ({0: b"[playlist]"}, "a playlist; upload the files that it names"),
    ({0: b"\x7fELF"}, "a program"),
    ({0: b"MZ"}, "a program"),
    ({0: b"\xd0\xcf\x11\xe0"}, "an old Office document"),
    ({0: b"{\\rtf"}, "an RTF document"),
    ({0: b"PAR1"}, "a Parquet table"),
    ({0: b"SQLite format 3"}, "an SQLite database"),
)
"""How files begin that people take for music or bring by mistake, and what they are."""


@dataclass(frozen=True)
class Recognised:
    """What a file is.

    Parameters
    ----------
    format : AudioFormat or None
        None where it is no audio format of our table.
    start, stop : int
        Where its content begins and ends in the file, between the tags.
    instead : str
        What it is where it is no audio, such as ``a PDF``; empty where nobody knows.
    note : str
        What is odd about where it begins.
    """

    format: AudioFormat | None
    start: int
    stop: int
    instead: str = ""
    note: str = ""


def recognise(file: BinaryIO) -> Recognised:
    """Tell by its first bytes what a file is, once the tags before them are stepped over.

    Parameters
    ----------
    file : binary file
        Open for reading; its position is moved.

    Examples
    --------
    >>> import io
    >>> recognise(io.BytesIO(b"%PDF-1.7")).instead
    'a PDF'
    """
    start, stop = foreign_tags.bounds(file)
    if start == stop:
        return Recognised(None, start, stop, "a tag and no music" if start or stop else "")
    head = _read(file, start, stop)
    if beginning := _beginning(head):
        # What looks like frames of MP3 may stand in any file.
        return Recognised(None, start, stop, beginning)
    found = formats.identify(head)
    if start and found is not None and not found.takes_id3:
        note = f"begins with {start} bytes of a tag that its format does not know"
        return Recognised(found, start, stop, note=note)
    if found is not None:
        return Recognised(found, start, stop)
    return _after_junk(file, start, stop, head)


def _after_junk(file: BinaryIO, start: int, stop: int, head: bytes) -> Recognised:
    """Tell what a file is that does not begin as any format does."""
    begin = start
    if head.startswith(b"\0"):
        # Some files begin with zeros, as many as were lost of what stood before.
        begin = _after_zeros(file, start, stop)
        head = _read(file, begin, stop)
        if not head:
            return Recognised(None, start, stop, "nothing but zeros")
        if found := formats.identify(head):
            return Recognised(found, begin, stop, note=f"begins with {begin - start} zeros")
    if (at := formats.find_adts(head)) >= 0:
        # As MP3 does, AAC of a stream may begin anywhere.
        begin += at
        note = f"begins with {begin - start} bytes that are no sound"
        return Recognised(formats.AAC, begin, stop, note=note)
    return Recognised(None, start, stop, _description(head))


def _read(file: BinaryIO, start: int, stop: int) -> bytes:
    file.seek(start)
    return file.read(min(HEAD, stop - start))


def _after_zeros(file: BinaryIO, start: int, stop: int) -> int:
    """Return where something else than zeros begins."""
    while head := _read(file, start, stop):
        if kept := head.lstrip(b"\0"):
            return start + len(head) - len(kept)
        start += len(head)
    return stop


def _beginning(head: bytes) -> str:
    """Name a file that is no audio by how it begins; empty where that says nothing."""
    return next((name for magic, name in _NOT_AUDIO if formats.has_magic(head, magic)), "")


def _description(head: bytes) -> str:
    """Name what is no audio by what it holds; empty where that says nothing."""
    if _is_utf16(head):
        return "text"
    # A character may be cut at the end of what was read.
    text = head.decode("utf-8", "ignore")
    if b"\0" not in head and len(text.encode()) > 0.9 * len(head):
        text = text.lstrip("\ufeff \t\r\n").lower()
        if text.startswith(("<!doctype html", "<html")) or "<html" in text[:1000]:
            return "a web page (HTML); was it saved in place of the music?"
        if text.startswith(("<?xml", "<svg")):
            return "an XML or SVG file"
        return "text"
    return ""


def _is_utf16(head: bytes) -> bool:
    """Tell whether this is text in UTF-16: a mark first, and then printable characters."""
    codec = {b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}.get(head[:2])
    if codec is None:
        return False
    text = head[2:].decode(codec, "replace")
    printable = sum(each.isprintable() or each.isspace() for each in text)
    return bool(text) and printable > 0.99 * len(text)
