"""What the tags of audio files say."""

from __future__ import annotations

import importlib.util
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Any

from earmark.classify._compat import bounded_unpacking
from earmark.extract.audio import metadata
from earmark.extract.errors import DecodeError, LabelError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["LONGEST", "read"]

NAMES = {
    "genre": ("TCON", "genre", "\xa9gen", "WM/Genre"),
    "bpm": ("TBPM", "bpm", "tmpo", "WM/BeatsPerMinute"),
    "key": ("TKEY", "initialkey", "----:com.apple.iTunes:initialkey", "WM/InitialKey"),
    "artist": ("TPE1", "artist", "\xa9ART", "Author"),
    "albumartist": ("TPE2", "albumartist", "aART", "WM/AlbumArtist", "album_artist"),
    "album": ("TALB", "album", "\xa9alb", "WM/AlbumTitle"),
    "title": ("TIT2", "title", "\xa9nam", "Title"),
    "year": ("TDRC", "date", "\xa9day", "WM/Year", "year"),
}
"""What a tag is called in ID3, in Vorbis comments and APE, in MP4, in ASF, and by FFmpeg."""

LONGEST = 200
"""Characters of a value; what is longer is cut."""


def read(path: str | Path) -> dict[str, list[str]]:
    """Return what the tags of a file say.

    Parameters
    ----------
    path : str or Path
        An audio file: MP3, FLAC, Ogg, Opus, M4A, AIFF, WAV, WMA, APE … What mutagen does not know
        (RIFF INFO, Matroska, CAF, APE tags of other formats) is looked for where no genre is known.

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
    if importlib.util.find_spec("mutagen") is None:
        raise LabelError("reading tags needs mutagen; install it with: pip install 'earmark[tags]'")
    path = Path(path)
    try:
        # Opening a pipe or a device would wait for ever.
        if not stat.S_ISREG(path.stat().st_mode):
            raise DecodeError(path, "is not a regular file")
    except OSError as error:
        raise DecodeError(path, f"cannot be read: {error.strerror or error}") from error
    found, failure, has_id3 = _by_mutagen(path)
    if "genre" not in found:
        found = _by_ape(path) | found
    if "genre" not in found and not has_id3:
        try:
            found = _fields(*metadata.read(path)) | found
        except DecodeError as error:
            failure = failure or error
    if failure and not found:
        raise failure
    return found


def _by_mutagen(path: Path) -> tuple[dict[str, list[str]], DecodeError | None, bool]:
    """Return what mutagen reads, its failure, and whether there is an ID3 tag.

    FFmpeg must not read those: it would unpack their frames without a limit.
    """
    import mutagen
    from mutagen.id3 import ID3

    try:
        with path.open("rb") as file:
            has_id3 = file.read(3) == b"ID3"
        with bounded_unpacking():
            tagged = mutagen.File(path)
    except OSError as error:
        raise DecodeError(path, f"cannot be read: {error.strerror or error}") from error
    except Exception as error:
        # Damaged tags break the library in more ways than it has errors for.
        reason = f"its tags cannot be read: {str(error)[:LONGEST]}"
        return {}, DecodeError(path, reason), has_id3
    if tagged is None:
        return {}, DecodeError(path, "is of no format whose tags are known"), has_id3
    seconds = float(getattr(tagged.info, "length", 0) or 0)
    return _fields(tagged.tags, seconds), None, has_id3 or isinstance(tagged.tags, ID3)


def _by_ape(path: Path) -> dict[str, list[str]]:
    """Read an APE tag, which programs put behind files of any format."""
    from mutagen.apev2 import APEv2

    try:
        return _fields(APEv2(path))
    except Exception:
        # There is none, or it is damaged: nothing else is at stake.
        return {}


def _fields(tags: Any, seconds: float = 0) -> dict[str, list[str]]:
    found = {field: _values_of(tags, names) for field, names in NAMES.items()}
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
        # APE has a zero between several.
        texts = [
            text
            for value in (values if isinstance(values, list | tuple) else [values])
            for text in (
                value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
            ).split("\0")
        ]
        if given := [text.strip()[:LONGEST] for text in texts if text.strip()]:
            return given
    return []
