"""Vorbis comments, the atoms of MP4, APEv2, and the attributes of ASF (WMA)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from earmark.classify.library.tagging.fields import Tags

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

__all__ = ["Ape", "Asf", "Atoms", "Comments"]


class Lists(Tags):
    """Tags that hold a list of texts by name."""

    def _name(self, field: str) -> str:
        """Return what a field is called in this file."""
        return self.native(field)

    def set(self, field: str, values: Sequence[str]) -> None:
        """Replace all values of a name."""
        name = self._name(field)
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


class Asf(Lists):
    """The attributes of WMA."""

    names = "asf"

    def _name(self, field: str) -> str:
        name = self.native(field)
        same = [each for each in self.file.tags.as_dict() if each.casefold() == name.casefold()]
        return str(same[0]) if same else name

    def get(self, field: str) -> list[str]:
        """Return the values of all attributes of a name."""
        return [str(value) for value in self.file.tags.get(self._name(field), [])]

    def everything(self) -> list[tuple[str, object]]:
        """Return all attributes."""
        held = [(name, (value.TYPE, value.value)) for name, value in self.file.tags]
        return sorted(held, key=lambda each: (each[0], repr(each[1])))
