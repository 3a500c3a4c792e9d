"""How each format holds the tags that are written: names as players and DJ programs read them.

A file has one of five kinds of tags: ID3 (MP3, AIFF, WAV, True Audio, DSF), Vorbis comments (FLAC,
Ogg, Opus, Speex), the atoms of MP4, APEv2 (Monkey's Audio, WavPack, Musepack) and ASF (WMA). For
each there is a class (`earmark.classify.library.tagging.id3` and `kinds`) that gets and sets the
values of a field, and tells all else that the tags hold.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

__all__ = ["MARK", "NATIVE", "Native", "Tags"]

MARK = "EARMARK"
"""The field that says which values are Earmark's, and where they come from."""

FREEFORM = "----:com.apple.iTunes:"


@dataclass(frozen=True)
class Native:
    """What a field is called in each kind of tags; by default as it is called here."""

    id3: str
    comment: str
    mp4: str
    ape: str
    asf: str


def _named(name: str) -> Native:
    """Return where a field goes that no format has a name for."""
    return Native(f"TXXX:{name}", name, FREEFORM + name, name, name)


NATIVE = {
    "genre": Native("TCON", "GENRE", "\xa9gen", "Genre", "WM/Genre"),
    "bpm": Native("TBPM", "BPM", "tmpo", "BPM", "WM/BeatsPerMinute"),
    "key": Native("TKEY", "INITIALKEY", f"{FREEFORM}initialkey", "INITIALKEY", "WM/InitialKey"),
    "album": Native("TALB", "ALBUM", "\xa9alb", "Album", "WM/AlbumTitle"),
    "albumartist": Native("TPE2", "ALBUMARTIST", "aART", "Album Artist", "WM/AlbumArtist"),
    "mood": Native("TMOO", "MOOD", f"{FREEFORM}MOOD", "Mood", "WM/Mood"),
    "energy": _named("ENERGYLEVEL"),
    **{
        f"replaygain_{name}": Native(
            f"TXXX:REPLAYGAIN_{name.upper()}",
            f"REPLAYGAIN_{name.upper()}",
            f"{FREEFORM}replaygain_{name}",
            f"REPLAYGAIN_{name.upper()}",
            f"REPLAYGAIN_{name.upper()}",
        )
        for name in ("track_gain", "track_peak", "album_gain", "album_peak")
    },
}
"""What fields are called that formats or programs have a name for."""


class Tags(ABC):
    """The tags of an open file.

    Parameters
    ----------
    file : mutagen.FileType
        As mutagen read it.

    Attributes
    ----------
    notes : tuple of str
        What a reader of the plan has to know.
    refused : str
        Why nothing may be written; empty where it may.
    second : Tags, optional
        Those of another kind that stand around them: APE behind an MP3, ID3 before a FLAC.
    """

    notes: tuple[str, ...] = ()
    refused: str = ""
    second: Tags | None = None

    def __init__(self, file: Any) -> None:
        self.file = file
        if file.tags is None:
            file.add_tags()

    @property
    def is_opus(self) -> bool:
        """Whether loudness goes into the fields of Opus."""
        return self.kind == "OggOpus"

    @property
    def kind(self) -> str:
        """What mutagen calls the format."""
        return type(self.file).__name__

    def native(self, field: str) -> str:
        """Return what a field is called here."""
        return str(getattr(NATIVE.get(field) or _named(field.upper()), self.names))

    names: ClassVar[str]
    """The attribute of `Native` with the names of this kind."""

    @abstractmethod
    def get(self, field: str) -> list[str]:
        """Return the values of a field, empty where it is not there."""

    @abstractmethod
    def set(self, field: str, values: Sequence[str]) -> None:
        """Set the values of a field; without values it is removed."""

    @abstractmethod
    def save(self, path: Path) -> None:
        """Write the tags into a file, which has the same content as the one they were read from."""

    @abstractmethod
    def everything(self) -> list[tuple[str, object]]:
        """Return all that the tags hold, what can be compared, by the name that it has here."""

    def others(self, fields: Sequence[str]) -> list[tuple[str, object]]:
        """Return all that the tags hold but for some fields."""
        own = {self.native(field).casefold() for field in fields}
        return [(name, value) for name, value in self.everything() if name.casefold() not in own]
