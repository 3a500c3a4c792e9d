"""What the tags of files say, and what would be written to them. Nothing is written here."""

from __future__ import annotations

import math
import stat
import zlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from earmark.extract.audio.sources import find
from earmark.extract.errors import DecodeError, LabelError, SchemaError

__all__ = ["FIELDS", "key_name", "plan", "read"]

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

FIELDS = ("genre", "bpm", "key")
"""The tags that can be written."""

TONICS = (
    ("C", "Db", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B"),
    ("C", "C#", "D", "Eb", "E", "F", "F#", "G", "G#", "A", "Bb", "B"),
)
"""The twelve tonics as they are written most in major, and in minor."""

COLUMNS = ["path", "field", "now", "then", "what"]

LONGEST = 200
"""Characters of a value; what is longer is cut."""

UNPACKED = 2**20
"""Bytes that all compressed frames of a file may unpack to; those that would go beyond are left."""


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
        from mutagen.id3 import _frames
    except ImportError:
        raise LabelError(
            "reading tags needs mutagen; install it with: pip install 'earmark[tags]'"
        ) from None
    try:
        # Opening a pipe or a device would wait for ever.
        if not stat.S_ISREG(Path(path).stat().st_mode):
            raise DecodeError(path, "is not a regular file")
        # Two megabytes of a compressed frame may be two gigabytes, and mutagen unpacks them all.
        _frames.zlib = _Zlib()
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


class _Zlib:
    """As much of zlib as mutagen calls, which unpacks so much of a file and no more."""

    error = zlib.error

    def __init__(self) -> None:
        self._left = UNPACKED

    def decompress(self, data: bytes) -> bytes:
        # For zlib, a limit of nothing is none.
        stream = zlib.decompressobj()
        found = stream.decompress(data, max(self._left, 1))
        self._left -= len(found)
        if not stream.eof:
            raise zlib.error("incomplete, or more than is unpacked")
        return found


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


def key_name(key: float, mode: float) -> str:
    """Return a key as it is written in tags: ``C``, ``F#m``; empty where it is not known."""
    if not (key in range(12) and mode in (0, 1)):
        return ""
    return TONICS[0][int(key)] if mode == 1 else f"{TONICS[1][int(key)]}m"


def plan(
    predictions: pd.DataFrame,
    files: str | Path | Mapping[str, Path],
    fields: Iterable[str] = FIELDS,
    *,
    at_least: float = 0.0,
) -> pd.DataFrame:
    """Say what would be written to the tags of files, and what would stay.

    Parameters
    ----------
    predictions : DataFrame
        ``path`` and ``genre``, with ``probability``; for the other fields ``tempo``, ``key`` and
        ``mode``, as a feature table has them.
    files : str, Path or mapping of str to Path
        The folder to which the paths are relative, or where the file of each path is.
    fields : iterable of str
        Which of `FIELDS`; one of which the table knows nothing is passed over.
    at_least : float
        Leave genres alone that are less probable.

    Returns
    -------
    DataFrame
        ``path``, ``field``, ``now`` (empty where the file says nothing; several values have
        semicolons between them), ``then`` and ``what``: add, replace, keep (it says the same, or
        nothing better is known), or why the file cannot be read, whose row has no field. Values
        are cut as in `read`.

    Raises
    ------
    FindError
        The folder is not there, or holds no audio.
    SchemaError
        A field is none that can be written, or the table has no paths.
    """
    fields = list(fields)
    for field in fields:
        if field not in FIELDS:
            raise SchemaError(f"no tag {field!r} can be written; choose from {', '.join(FIELDS)}")
    if "path" not in predictions:
        raise SchemaError("the table has no column 'path' that names the files")
    locations = files if isinstance(files, Mapping) else _located(files)
    known = predictions.drop_duplicates("path").set_index("path")
    wanted = {
        field: values for field, values in _wanted(known, at_least).items() if field in fields
    }
    rows = []
    for path in known.index:
        try:
            if path not in locations:
                raise DecodeError(path, "is not in the folder")
            now = read(locations[path])
        except DecodeError as error:
            rows.append((path, "", "", "", error.message))
            continue
        for field, values in wanted.items():
            held, then = "; ".join(now.get(field, []))[:LONGEST], values[path][:LONGEST]
            rows.append((path, field, held, then, _what(held, then)))
    return pd.DataFrame(rows, columns=COLUMNS, dtype="str")


def _located(folder: str | Path) -> dict[str, Path]:
    found, failures = find([folder])
    if not found:
        raise failures[0]
    return {track.path: track.location for track in found}


def _wanted(known: pd.DataFrame, at_least: float) -> dict[str, dict[str, str]]:
    """Return what is known of each track by field; empty where nothing is."""
    values = {}
    if "genre" in known:
        sure = pd.to_numeric(known.get("probability", pd.Series(1.0, known.index))) >= at_least
        values["genre"] = dict(known["genre"].where(sure).fillna("").astype(str))
    if "tempo" in known:
        tempo = pd.to_numeric(known["tempo"], errors="coerce")
        values["bpm"] = {
            path: f"{value:.0f}" if math.isfinite(value) and value > 0 else ""
            for path, value in tempo.items()
        }
    if {"key", "mode"} <= set(known):
        names = (key_name(*pair) for pair in zip(known["key"], known["mode"], strict=True))
        values["key"] = dict(zip(known.index, names, strict=True))
    return values


def _what(now: str, then: str) -> str:
    if not then or _same(now, then):
        return "keep"
    return "replace" if now else "add"


def _same(now: str, then: str) -> bool:
    """Tell whether two values say the same: case says nothing, nor do decimals of a tempo."""
    try:
        return round(float(now)) == round(float(then))
    except (ValueError, OverflowError):
        return now.casefold() == then.casefold()
