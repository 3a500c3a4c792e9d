"""What the tags of a file say before anything is written to it, or why it is left."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from earmark.classify.dataset import tags as file_tags
from earmark.classify.library.tagging.changes import PLANNED, FilePlan
from earmark.classify.library.tagging.fields import MARK
from earmark.classify.library.tagging.opened import open_tags
from earmark.extract.errors import DecodeError, printable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from earmark.classify.library.tagging.fields import Tags

__all__ = ["Albums", "Known", "look", "sha256_of"]

Albums = Literal["tag", "folder", "none"]
"""What makes tracks an album: the tag of that name, the folder, or nothing."""

SOURCE = re.compile(r"source ([0-9a-f]{16})")


@dataclass(frozen=True)
class Known:
    """What a look into a file has told."""

    plan: FilePlan
    now: Mapping[str, list[str]]
    second: Mapping[str, list[str]]
    is_opus: bool
    album: tuple[str, ...]


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file, as tables have it."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def look(
    row: Mapping[str, object],
    locations: Mapping[str, Path],
    seen: dict[Path, str],
    albums: Albums,
    hashed: bool,
) -> Known:
    """Read what the tags of a file say, or why it is left."""
    path = str(row["path"])
    file = FilePlan(path, locations.get(path, Path(path)))
    try:
        if path not in locations:
            raise DecodeError(path, "is not in the folder")
        real = file.location.resolve(strict=True)
        if real in seen:
            raise DecodeError(path, f"is the same file as {seen[real]}, whose row is taken")
        seen[real] = path
        tags = open_tags(real)
        digest = sha256_of(real) if hashed else ""
        now = {name: tags.get(name) for name in PLANNED}
        _refuse(path, row, digest, tags)
        names = real.stat().st_nlink
    except DecodeError as error:
        return Known(replace(file, left=error.message), {}, {}, False, ())
    except (OSError, RuntimeError) as error:
        reason = f"cannot be read: {getattr(error, 'strerror', None) or error}"
        return Known(replace(file, left=reason), {}, {}, False, ())
    notes = list(tags.notes)
    if file.location.is_symlink():
        notes.append(f"is a link to {printable(real)}, which is written")
    if names > 1:
        notes.append(f"has {names} names (hard links)")
    return Known(
        replace(file, location=real, sha256=digest, notes=tuple(notes)),
        now,
        _elsewhere(real, tags),
        tags.is_opus,
        _album(tags, real, albums),
    )


def _refuse(path: str, row: Mapping[str, object], digest: str, tags: Tags) -> None:
    """Refuse a file to which nothing may be written."""
    if tags.refused:
        raise DecodeError(path, tags.refused)
    due = row.get("sha256")
    if digest and isinstance(due, str) and due and due != digest:
        # Our own tags are no change: they name the file that was analysed.
        mark = SOURCE.search(" ".join(tags.get(MARK.lower())))
        if mark is None or not due.startswith(mark[1]):
            raise DecodeError(path, "has changed since it was analysed; extract it again")


def _elsewhere(path: Path, tags: Tags) -> dict[str, list[str]]:
    """Return the values that stand in tags of another kind in the same file."""
    if tags.second is not None:
        return {name: found for name in PLANNED if (found := tags.second.get(name))}
    if tags.kind == "WAVE" and not tags.get("genre"):
        # RIFF has a genre of its own, and no other of these fields.
        try:
            genre = file_tags.read(path).get("genre")
            return {"genre": genre} if genre else {}
        except DecodeError:
            return {}
    return {}


def _album(tags: Tags, path: Path, albums: Albums) -> tuple[str, ...]:
    """Return what tracks of one album have in common; nothing where a track is of none."""
    folder = str(path.parent)
    if albums == "folder":
        return (folder,)
    title = " ".join(tags.get("album")).strip().casefold()
    if albums == "none" or not title:
        return ()
    # Without whose album it is, two of a name in two folders are two.
    return title, " ".join(tags.get("albumartist")).strip().casefold() or folder
