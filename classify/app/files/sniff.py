"""What a file is by its content, whatever it is called and whatever the browser claims."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO

from earmark.extract.audio import formats, mp3

if TYPE_CHECKING:
    from earmark.extract.audio.formats import AudioFormat

__all__ = ["sniff"]

HEAD = 2**16
"""Bytes that a file is judged by; some MP3s begin with a long silence of zeros."""

ACCEPTED = "Music is taken as MP3, FLAC, WAV, M4A, Ogg, AIFF and the like."

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
    ({0: b".RMF"}, "a RealMedia file"),
    ({0: b".ra\xfd"}, "a RealAudio file"),
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


def sniff(file: BinaryIO) -> tuple[AudioFormat | None, str]:
    """Return the audio format of a file, or say what it is instead.

    Parameters
    ----------
    file : binary file
        Open for reading; its position is moved.

    Returns
    -------
    audio_format : AudioFormat or None
        None where it is no audio that is taken here.
    problem : str
        What it is then, to follow its name in a message; else empty.
    """
    start = 0
    for _ in range(4):
        # A tag may be as long as the picture in it, and some programs put one before another.
        start = mp3.after_tag(file, start)
    file.seek(start)
    head = file.read(HEAD)
    if not head and start:
        return None, "holds a tag and no music; copy it again from where it came"
    if not head:
        return None, "is empty (0 bytes); was the upload interrupted?"
    audio_format = formats.identify(head)
    if audio_format is formats.MP3 and _beginning(head):
        # What looks like frames of MP3 may stand in any file.
        audio_format = None
    return audio_format, "" if audio_format else f"is {_description(head)}. {ACCEPTED}"


def _beginning(head: bytes) -> str:
    """Name a file by how it begins; empty where that says nothing."""
    return next((name for magic, name in _NOT_AUDIO if formats.has_magic(head, magic)), "")


def _description(head: bytes) -> str:
    """Name what is no audio."""
    if name := _beginning(head):
        return name
    # A character may be cut at the end of what was read.
    text = head.decode("utf-8", "ignore")
    if b"\0" not in head and len(text.encode()) > 0.9 * len(head):
        text = text.lstrip("\ufeff \t\r\n").lower()
        if text.startswith(("<!doctype html", "<html")) or "<html" in text[:1000]:
            return "a web page (HTML); was it saved in place of the music?"
        if text.startswith(("<?xml", "<svg")):
            return "an XML or SVG file"
        return "text"
    if not head.strip(b"\0"):
        return "nothing but zeros; copy it again from where it came"
    return "no audio in a format that is known here"
