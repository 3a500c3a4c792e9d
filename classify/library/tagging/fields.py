"""How each format holds the tags that are written: names as players and DJ programs read them.

A file has one of five kinds of tags: ID3 (MP3, AIFF, WAV, True Audio, DSF), Vorbis comments (FLAC,
Ogg, Opus, Speex), the atoms of MP4, APEv2 (Monkey's Audio, WavPack, Musepack) and ASF (WMA). For
each there is a class below that gets and sets the values of a field, and tells all else that the
tags hold.
"""

from __future__ import annotations

import re
import stat
from abc import ABC, abstractmethod
from collections import Counter
from dataclasses import dataclass
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, ClassVar

from earmark.classify._compat import bounded_unpacking
from earmark.extract.audio import foreign_tags
from earmark.extract.errors import DecodeError, LabelError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path
    from typing import BinaryIO

__all__ = ["MARK", "NATIVE", "Tags", "open_tags", "require_mutagen"]

MARK = "EARMARK"
"""The field that says which values are Earmark's, and where they come from."""

FREEFORM = "----:com.apple.iTunes:"

LONGEST = 200
"""Characters of a library's message that are passed on."""


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


class Id3(Tags):
    """ID3v2.3 and 2.4; what is 2.2 becomes 2.3."""

    names = "id3"

    def __init__(self, file: Any) -> None:
        super().__init__(file)
        found = file.tags.version
        self.version = 3 if (2, 2, 0) <= found < (2, 4, 0) else 4
        if (2, 2, 0) <= found < (2, 3, 0):
            self.notes = ("has a tag of ID3v2.2, which becomes 2.3",)
            file.tags.update_to_v23()
        elif found < (2, 0, 0):
            self.notes = ("has a tag of ID3v1 alone, which stays and is repeated in ID3v2.4",)

    def native(self, field: str) -> str:
        """Return what a field is called here; the frame for moods is new in 2.4."""
        return "TXXX:MOOD" if field == "mood" and self.version == 3 else super().native(field)

    def _frames(self, field: str) -> Iterator[Any]:
        wanted = self.native(field).casefold()
        for name, frame in self.file.tags.items():
            if name.casefold() == wanted:
                yield frame

    def get(self, field: str) -> list[str]:
        """Return the values of all frames of a field; genres by their names."""
        values: list[str] = []
        for frame in self._frames(field):
            values += frame.genres if field == "genre" else map(str, frame.text)
        return values

    def set(self, field: str, values: Sequence[str]) -> None:
        """Set the text of a frame; 2.3 knows of one value only."""
        from mutagen import id3

        tags = self.file.tags
        for frame in list(self._frames(field)):
            del tags[frame.HashKey]
        if not values:
            return
        name = self.native(field)
        texts = ["; ".join(values)] if self.version == 3 else list(values)
        latin = all(ord(character) < 256 for text in texts for character in text)
        encoding = id3.Encoding.UTF8 if self.version == 4 else id3.Encoding.UTF16
        about: dict[str, Any] = {"encoding": id3.Encoding.LATIN1 if latin else encoding}
        if name.startswith("TXXX:"):
            tags.add(id3.TXXX(desc=name[5:], text=texts, **about))
        else:
            tags.add(getattr(id3, name)(text=texts, **about))

    def save(self, path: Path) -> None:
        """Write the tags in the version that they have; a tag of ID3v1 stays as it is."""
        about: dict[str, Any] = {"v2_version": self.version, "v23_sep": None}
        with path.open("rb") as handle:
            handle.seek(max(path.stat().st_size - 128, 0))
            last = handle.read()
        self.file.save(str(path), **about)
        if last.startswith(b"TAG"):
            with path.open("r+b") as handle:
                handle.seek(-128, 2)
                if handle.read(3) == b"TAG":
                    handle.seek(-128, 2)
                    handle.write(last)

    def everything(self) -> list[tuple[str, object]]:
        """Return all frames, also those that mutagen does not know."""
        frames = [(name, _plain(frame)) for name, frame in self.file.tags.items()]
        unknown = [("unknown", bytes(data)) for data in self.file.tags.unknown_frames]
        return sorted(frames, key=lambda each: each[0]) + unknown


def _plain(frame: Any) -> object:
    """Return what a frame says, however its text is encoded."""
    from mutagen.id3 import Frame

    about = {name: value for name, value in vars(frame).items() if name != "encoding"}
    for name, value in about.items():
        if hasattr(value, "items"):
            about[name] = {key: _plain(inner) for key, inner in value.items()}
        elif isinstance(value, list):
            about[name] = [
                _plain(each) if isinstance(each, Frame) else getattr(each, "text", each)
                for each in value
            ]
    return type(frame).__name__, about


class Lists(Tags):
    """Tags that hold a list of texts by name."""

    def set(self, field: str, values: Sequence[str]) -> None:
        """Replace all values of a name."""
        name = self.native(field)
        if values:
            self.file.tags[name] = list(values)
        elif name in self.file.tags:
            del self.file.tags[name]

    def save(self, path: Path) -> None:
        """Write them."""
        self.file.save(str(path))


class Comments(Lists):
    """Vorbis comments, in FLAC and Ogg."""

    names = "comment"

    def get(self, field: str) -> list[str]:
        """Return the values of all comments of a name."""
        return list(self.file.tags.get(self.native(field), []))

    def everything(self) -> list[tuple[str, object]]:
        """Return all comments and, of FLAC, the other blocks."""
        blocks = [
            (f"block {block.code}", block.write())
            for block in getattr(self.file, "metadata_blocks", [])
            # Comments, and what is left free.
            if block.code not in (1, 4)
        ]
        return [*map(tuple, self.file.tags), *blocks]


class Atoms(Tags):
    """The atoms of MP4, and freeform ones for what it has none for."""

    names = "mp4"

    def _name(self, field: str) -> str:
        """Return the name as it stands in the file: programs write it large and small."""
        name = self.native(field)
        same = [each for each in self.file.tags if each.casefold() == name.casefold()]
        return str(same[0]) if same else name

    def get(self, field: str) -> list[str]:
        """Return the values of an atom."""
        values = self.file.tags.get(self._name(field), [])
        return [
            each.decode("utf-8", "replace") if isinstance(each, bytes) else str(each)
            for each in values
        ]

    def set(self, field: str, values: Sequence[str]) -> None:
        """Set the values of an atom; that of the tempo holds whole numbers."""
        from mutagen.mp4 import MP4FreeForm

        tags, name = self.file.tags, self._name(field)
        if not values:
            tags.pop(name, None)
        elif name == "tmpo":
            tags[name] = [round(float(value)) for value in values]
        elif name.startswith("----"):
            tags[name] = [MP4FreeForm(value.encode()) for value in values]
        else:
            tags[name] = list(values)

    def save(self, path: Path) -> None:
        """Write the atoms."""
        self.file.save(str(path))

    def everything(self) -> list[tuple[str, object]]:
        """Return all atoms, and the chapters."""
        tags = [
            (name, list(values)) if isinstance(values, list) else (name, values)
            for name, values in sorted(self.file.tags.items())
        ]
        failed = [(name, list(data)) for name, data in self.file.tags._failed_atoms.items()]
        chapters = [(each.start, each.title) for each in getattr(self.file, "chapters", None) or []]
        return [*tags, *failed, ("chapters", chapters)]


class Ape(Lists):
    """APEv2."""

    names = "ape"

    def get(self, field: str) -> list[str]:
        """Return the values of an item; there are zeros between them."""
        value = self.file.tags.get(self.native(field))
        return [] if value is None else str(value).split("\0")

    def everything(self) -> list[tuple[str, object]]:
        """Return all items."""
        held = [(name, (item.kind, item._write())) for name, item in self.file.tags.items()]
        return sorted(held, key=lambda each: each[0])


class Asf(Tags):
    """The attributes of WMA."""

    names = "asf"

    def _name(self, field: str) -> str:
        name = self.native(field)
        same = [each for each in self.file.tags.as_dict() if each.casefold() == name.casefold()]
        return str(same[0]) if same else name

    def get(self, field: str) -> list[str]:
        """Return the values of all attributes of a name."""
        return [str(value) for value in self.file.tags.get(self._name(field), [])]

    def set(self, field: str, values: Sequence[str]) -> None:
        """Replace all attributes of a name."""
        name = self._name(field)
        if values:
            self.file.tags[name] = list(values)
        elif name in self.file.tags:
            del self.file.tags[name]

    def save(self, path: Path) -> None:
        """Write the attributes."""
        self.file.save(str(path))

    def everything(self) -> list[tuple[str, object]]:
        """Return all attributes."""
        held = [(name, (value.TYPE, value.value)) for name, value in self.file.tags]
        return sorted(held, key=lambda each: (each[0], repr(each[1])))


def require_mutagen() -> None:
    """Refuse to go on without what reads and writes tags.

    Raises
    ------
    LabelError
        mutagen is not installed.
    """
    try:
        import mutagen  # noqa: F401
    except ImportError:
        raise LabelError(
            "writing tags needs mutagen; install it with: pip install 'earmark[tags]'"
        ) from None


def open_tags(path: Path) -> Tags:
    """Open the tags of a file for reading and writing.

    Raises
    ------
    DecodeError
        The file cannot be read, its tags are damaged, or its format cannot hold tags.
    LabelError
        mutagen is not installed.
    """
    require_mutagen()
    import mutagen

    try:
        # Opening a pipe or a device would wait for ever.
        if not stat.S_ISREG(path.stat().st_mode):
            raise DecodeError(path, "is not a regular file")
        with bounded_unpacking():
            file = mutagen.File(path)
            kind = None if file is None else _kind_of(file)
            if kind is Id3 and file.tags is not None and file.tags.version >= (2, 2, 0):
                # As it stands: by itself mutagen makes everything 2.4, and adds what ID3v1 says.
                old = file.tags.version < (2, 3, 0)
                file = type(file)(path, translate=old, load_v1=False)
        if kind is None:
            raise DecodeError(path, "is of a format that cannot hold the tags that are written")
        tags = kind(file)
        with path.open("rb") as handle:
            tags.refused = _refused(handle, tags)
    except DecodeError:
        raise
    except OSError as error:
        raise DecodeError(path, f"cannot be read: {error.strerror or error}") from error
    except Exception as error:
        # Damaged tags break the library in more ways than it has errors for.
        reason = f"its tags cannot be read, so none are written: {str(error)[:LONGEST]}"
        raise DecodeError(path, reason) from error
    tags.second = _second(path, tags)
    return tags


def _refused(handle: BinaryIO, tags: Tags) -> str:
    """Say why tags are not to be touched; nothing where they may be."""
    start = foreign_tags.after_id3(handle, 0)
    if start and foreign_tags.after_id3(handle, start) != start:
        return "has two tags of ID3v2, one behind the other; which of them counts nobody knows"
    if not start or not isinstance(tags, Id3) or tags.notes:
        return ""
    handle.seek(0)
    held = Counter(frame.FrameID for frame in tags.file.tags.values())
    held.update(data[:4].decode("latin-1") for data in tags.file.tags.unknown_frames)
    lost = _frames(handle.read(start)) - held
    if lost:
        return (
            f"has frames that are damaged or there twice ({', '.join(sorted(lost))}) and would be "
            "lost or joined; mend its tags with another program first"
        )
    return ""


def _frames(tag: bytes) -> Counter[str]:
    """Count the frames of a tag of ID3v2.3 or 2.4 by their names."""
    version, flags, body = tag[3], tag[5], tag[10:]
    if version == 3 and flags & 0x80:
        body = body.replace(b"\xff\x00", b"\xff")
    if flags & 0x40:
        # The size of the extended header counts itself in 2.4 alone.
        size = int.from_bytes(body[:4], "big") + 4 if version == 3 else _small(body[:4])
        body = body[size:]
    found: Counter[str] = Counter()
    at = 0
    while re.fullmatch(rb"[A-Z][A-Z0-9]{3}", body[at : at + 4]):
        raw = body[at + 4 : at + 8]
        size = int.from_bytes(raw, "big") if version == 3 else _small(raw)
        if size:
            found[body[at : at + 4].decode()] += 1
        at += 10 + size
    return found


def _small(data: bytes) -> int:
    """Return the number that stands in the seven low bits of each byte."""
    return sum((byte & 0x7F) << 7 * place for place, byte in enumerate(reversed(data)))


def _second(path: Path, tags: Tags) -> Tags | None:
    """Return the tags of another kind that stand around those of the format."""
    from mutagen.apev2 import APEv2
    from mutagen.id3 import ID3

    for kind, reader in ((Id3, ID3), (Ape, APEv2)):
        if isinstance(tags, kind):
            continue
        try:
            with bounded_unpacking():
                found: Tags | None = kind(SimpleNamespace(tags=reader(path)))
        except Exception:
            # There are none, or they are damaged: nothing is written to them.
            found = None
        if found is not None:
            return found
    return None


def _kind_of(file: Any) -> type[Tags] | None:
    from mutagen.aac import AAC
    from mutagen.ac3 import AC3
    from mutagen.apev2 import APEv2File
    from mutagen.asf import ASF
    from mutagen.flac import FLAC
    from mutagen.id3 import ID3, ID3FileType
    from mutagen.mp4 import MP4
    from mutagen.ogg import OggFileType

    if isinstance(file, AAC | AC3):
        return None
    kinds: dict[Any, type[Tags]] = {
        (FLAC, OggFileType): Comments,
        MP4: Atoms,
        APEv2File: Ape,
        ASF: Asf,
        ID3FileType: Id3,
    }
    for classes, kind in kinds.items():
        if isinstance(file, classes):
            return kind
    # They have a class each.
    holds_id3 = type(file).__name__ in {"WAVE", "AIFF", "DSF", "DSDIFF"}
    return Id3 if holds_id3 or isinstance(file.tags, ID3) else None
