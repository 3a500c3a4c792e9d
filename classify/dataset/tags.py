"""What the tags of audio files say."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import TYPE_CHECKING, Any

from earmark.classify._compat import bounded_unpacking
from earmark.extract.errors import DecodeError, LabelError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["LONGEST", "read"]

NAMES = {
    "genre": ("TCON", "genre", "\xa9gen", "WM/Genre"),
    "bpm": ("TBPM", "bpm", "tmpo", "WM/BeatsPerMinute"),
    "key": ("TKEY", "initialkey", "----:com.apple.iTunes:initialkey", "WM/InitialKey"),
    "artist": ("TPE1", "artist", "\xa9ART", "Author"),
    "albumartist": ("TPE2", "albumartist", "aART", "WM/AlbumArtist"),
    "album": ("TALB", "album", "\xa9alb", "WM/AlbumTitle"),
    "title": ("TIT2", "title", "\xa9nam", "Title"),
}
"""What a tag is called in ID3, in Vorbis comments and APE, in MP4, and in ASF."""

LONGEST = 200
"""Characters of a value; what is longer is cut."""


def read(path: str | Path) -> dict[str, list[str]]:
    """Return what the tags of a file say.

    Parameters
    ----------
    path : str or Path
        An audio file: MP3, FLAC, Ogg, Opus, M4A, AIFF, WAV, WMA, APE …

    Returns
    -------
    dict
        The values of those of `NAMES` that are there, at most `LONGEST` characters of each, and
        ``seconds``, how long the file is.

    Raises
    ------
    DecodeError
        The file cannot be read, or its tags are damaged.
    LabelError
        mutagen is not installed.
    """
    try:
        import mutagen
    except ImportError:
        raise LabelError(
            "reading tags needs mutagen; install it with: pip install 'earmark[tags]'"
        ) from None
    try:
        # Opening a pipe or a device would wait for ever.
        if not stat.S_ISREG(Path(path).stat().st_mode):
            raise DecodeError(path, "is not a regular file")
        with bounded_unpacking():
            file = mutagen.File(path)
    except OSError as error:
        raise DecodeError(path, f"cannot be read: {error.strerror or error}") from error
    except DecodeError:
        raise
    except Exception as error:
        # Damaged tags break the library in more ways than it has errors for.
        raise DecodeError(path, f"its tags cannot be read: {str(error)[:LONGEST]}") from error
    if file is None:
        raise DecodeError(path, "is of no format whose tags are known")
    found = {field: _values_of(file.tags, names) for field, names in NAMES.items()}
    seconds = float(getattr(file.info, "length", 0) or 0)
    found["seconds"] = [f"{seconds:.3f}"] if seconds > 0 else []
    return {field: values for field, values in found.items() if values}


def _values_of(tags: Any, names: Sequence[str]) -> list[str]:
    """Return the values of a tag under the first of the names that it has."""
    for name in names:
        try:
            # ID3 has its genres as numbers, too.
            values = tags.getall(name)[0].genres if name == "TCON" else tags[name]
        except (KeyError, IndexError, AttributeError, TypeError, ValueError):
            continue
        values = getattr(values, "text", values)
        texts = [
            value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
            for value in (values if isinstance(values, list | tuple) else [values])
        ]
        if given := [text.strip()[:LONGEST] for text in texts if text.strip()]:
            return given
    return []
