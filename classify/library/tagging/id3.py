"""Tags of ID3 (MP3, AIFF, WAV, True Audio, DSF), and which of them are not to be touched."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Any

from earmark.classify.library.tagging.fields import Tags
from earmark.extract.audio import foreign_tags

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path
    from typing import BinaryIO

__all__ = ["Id3", "refused"]


FRAME = re.compile(rb"[A-Z][A-Z0-9]{2}[A-Z0-9\0]?")

PICTURES = {"PNG": "image/png", "JPG": "image/jpeg"}


class Id3(Tags):
    """ID3v2.3 and 2.4; what is 2.2 becomes 2.3."""

    names = "id3"

    def __init__(self, file: Any) -> None:
        super().__init__(file)
        found = file.tags.version
        self.version = 3 if (2, 2, 0) <= found < (2, 4, 0) else 4
        if (2, 2, 0) <= found < (2, 3, 0):
            self.notes = ("has a tag of ID3v2.2, which becomes 2.3",)
            for picture in file.tags.getall("APIC"):
                # 2.2 says of what kind a picture is in three letters.
                picture.mime = PICTURES.get(picture.mime, picture.mime)
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


def refused(handle: BinaryIO, tags: Tags) -> str:
    """Say why tags are not to be touched; nothing where they may be."""
    start = foreign_tags.after_id3(handle, 0)
    if start and foreign_tags.after_id3(handle, start) != start:
        return "has two tags of ID3v2, one behind the other; which of them counts nobody knows"
    if not isinstance(tags, Id3):
        return ""
    tag = _tag(handle, tags)
    held = Counter(frame.FrameID for frame in tags.file.tags.values())
    if tag[3:4] != b"\x02":
        # Those that nobody knows are written as they are; of 2.2 they cannot be.
        held.update(data[:4].decode("latin-1") for data in tags.file.tags.unknown_frames)
    lost = _frames(tag) - held
    if lost:
        return (
            f"has frames that are damaged, there twice or of no name in ID3v2.3 "
            f"({', '.join(sorted(lost))}) and would be lost or joined; mend its tags with another "
            "program first"
        )
    return ""


def _tag(handle: BinaryIO, tags: Tags) -> bytes:
    """Return the bytes of a tag of ID3v2, which formats have in other places; none without one."""
    from mutagen.id3 import ID3NoHeaderError

    handle.seek(0)
    try:
        tags.file.tags._pre_load_header(handle)
    except ID3NoHeaderError:
        return b""
    begin = handle.tell()
    size = foreign_tags.after_id3(handle, begin) - begin
    handle.seek(begin)
    return handle.read(size)


def _frames(tag: bytes) -> Counter[str]:
    """Count the frames of a tag of ID3v2 by the names that they have in 2.3."""
    from mutagen.id3 import Frames, Frames_2_2

    if not tag:
        return Counter()
    version, flags, body = tag[3], tag[5], tag[10:]
    if version < 4 and flags & 0x80:
        body = body.replace(b"\xff\x00", b"\xff")
    if version > 2 and flags & 0x40:
        # The size of the extended header counts itself in 2.4 alone.
        size = int.from_bytes(body[:4], "big") + 4 if version == 3 else _small(body[:4])
        body = body[size:]
    letters, head = (3, 6) if version == 2 else (4, 10)
    found: Counter[str] = Counter()
    at = 0
    while FRAME.fullmatch(name := body[at : at + letters]):
        raw = body[at + letters : at + 2 * letters]
        size = _small(raw) if version == 4 else int.from_bytes(raw, "big")
        if size:
            # Some programs write the names of 2.2 into tags of 2.3.
            short = name.rstrip(b"\0").decode()
            above = Frames_2_2[short].__base__.__name__ if short in Frames_2_2 else short
            found[above if above in Frames else short] += 1
        at += head + size
    return found


def _small(data: bytes) -> int:
    """Return the number that stands in the seven low bits of each byte."""
    return sum((byte & 0x7F) << 7 * place for place, byte in enumerate(reversed(data)))
