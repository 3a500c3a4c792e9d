"""A file becomes its tags: of which kind they are, and whether others stand around them."""

from __future__ import annotations

import stat
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from earmark.classify._compat import bounded_unpacking
from earmark.classify.library.tagging.id3 import Id3, refused
from earmark.classify.library.tagging.kinds import Ape, Asf, Atoms, Comments
from earmark.extract.errors import DecodeError, LabelError

if TYPE_CHECKING:
    from pathlib import Path

    from earmark.classify.library.tagging.fields import Tags

__all__ = ["open_tags", "require_mutagen"]

LONGEST = 200
"""Characters of a library's message that are passed on."""


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
                file = type(file)(path, translate=False, load_v1=False)
        if kind is None:
            raise DecodeError(path, "is of a format that cannot hold the tags that are written")
        tags = kind(file)
        with path.open("rb") as handle:
            tags.refused = refused(handle, tags)
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
