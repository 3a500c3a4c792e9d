"""Playlists and collections as other programs read them, in XML.

XSPF is read by VLC, Audacious, Clementine and others; Rekordbox's XML by Rekordbox and what
imports from it; that of iTunes by Mixxx, Traktor, Serato and Music. Texts are written so that no
name breaks the format: what XML cannot hold is left out of a text, and a file whose name it cannot
hold is named by its address.
"""

from __future__ import annotations

import os
import plistlib
import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, quote_from_bytes
from xml.etree import ElementTree

import numpy as np
import pandas as pd

from earmark.classify.dataset import labels
from earmark.classify.dataset import names as naming
from earmark.extract.key_names import key_name

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Entry", "entries", "is_ours", "itunes", "rekordbox", "xspf"]

MARK = "<!--#EARMARK-->"
"""The second line of an XSPF that is made here: only those are replaced.

Rekordbox and iTunes have a field for the program that made a file, and readers of whom nobody knows
whether they expect a comment.
"""

MADE = (MARK, '<PRODUCT Name="Earmark"', "<string>Earmark</string>")
"""What stands at the beginning of what is made here."""

HEAD = '<?xml version="1.0" encoding="UTF-8"?>'

NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

LENGTHS = {"duration_ms": 1000.0, "seconds": 1.0}
"""Columns that say how long a track is, and their units in a second."""


@dataclass(frozen=True)
class Entry:
    """A track of a playlist, as far as it is known.

    Parameters
    ----------
    path : str
        As the table names it.
    file : str
        What to write for it: a path, relative or whole, or the address of a file.
    title, artist, album, genre, key, year : str
        Empty where nothing is known; without a title, it is what the file is called.
    seconds : int
        -1 where it is not known.
    tempo : float
        NaN where it is not known.
    """

    path: str
    file: str
    title: str
    artist: str
    album: str
    genre: str
    key: str
    year: str
    seconds: int
    tempo: float


def entries(rows: pd.DataFrame, paths: Mapping[str, str] | None = None) -> list[Entry]:
    """Return the tracks of a table in their order.

    Parameters
    ----------
    rows : DataFrame
        With ``path``, and what is known of artist, title, album, genre, year
        (`earmark.classify.dataset.labels`), length, key and tempo.
    paths : mapping of str to str, optional
        What to write for each path; tracks that it does not have are left out. By default the
        path itself.
    """
    names = rows["path"].astype(str).tolist()
    artists, titles, albums, genres, years = (
        _column(rows, columns)
        for columns in (
            labels.ARTIST_COLUMNS,
            labels.TITLE_COLUMNS,
            labels.ALBUM_COLUMNS,
            labels.GENRE_COLUMNS,
            ("year",),
        )
    )
    key, mode, tempo = (_numbers(rows, name) for name in ("key", "mode", "tempo"))
    found = []
    for place, seconds in enumerate(_seconds(rows)):
        path = names[place]
        file = path if paths is None else paths.get(path, "")
        if file:
            found.append(
                Entry(
                    path,
                    file,
                    # Without a title, what the file is called says most.
                    titles[place] or stem(path),
                    artists[place],
                    albums[place],
                    genres[place],
                    key_name(key[place], mode[place]),
                    years[place][:4].removesuffix(".0"),
                    seconds,
                    float(tempo[place]),
                )
            )
    return found


def is_ours(beginning: str) -> bool:
    """Tell from the first thousand signs of a file whether it is XML that was made here."""
    return beginning.startswith("<?xml") and any(mark in beginning for mark in MADE)


def xspf(tracks: list[Entry], name: str = "") -> str:
    """Return a playlist in XSPF; relative paths are relative to it."""
    root = ElementTree.Element("playlist", version="1", xmlns="http://xspf.org/ns/0/")
    if name:
        _add(root, "title", name)
    _add(root, "creator", "Earmark")
    listed = ElementTree.SubElement(root, "trackList")
    for track in tracks:
        own = ElementTree.SubElement(listed, "track")
        _add(own, "location", _address(track.file))
        for tag, text in (
            ("title", track.title),
            ("creator", track.artist),
            ("album", track.album),
        ):
            if text:
                _add(own, tag, text)
        if track.seconds >= 0:
            _add(own, "duration", str(1000 * track.seconds))
    return _written(root, f"{HEAD}\n{MARK}")


def rekordbox(lists: Mapping[str, list[Entry]], base: Path, version: str = "") -> str:
    """Return a collection and its playlists for Rekordbox, as its makers describe the format.

    Of every track there stands what is known: the location alone has to be there. Whole seconds,
    two decimals of a tempo, and addresses on ``localhost`` are theirs.

    Parameters
    ----------
    lists : mapping of str to list of Entry
        The tracks of each playlist. A track that several have is in the collection once.
    base : Path
        The folder to which relative paths are relative: Rekordbox wants whole ones.
    version : str
        Of Earmark.
    """
    numbers = _numbered(lists)
    root = ElementTree.Element("DJ_PLAYLISTS", Version="1.0.0")
    ElementTree.SubElement(root, "PRODUCT", Name="Earmark", Version=version, Company="")
    collection = ElementTree.SubElement(root, "COLLECTION", Entries=str(len(numbers)))
    for track, number in numbers.values():
        known: dict[str, str] = {
            "Name": track.title,
            "Artist": track.artist,
            "Album": track.album,
            "Genre": track.genre,
            "Year": track.year if track.year.isdecimal() else "",
            "Tonality": track.key,
            "TotalTime": str(track.seconds) if track.seconds >= 0 else "",
            "AverageBpm": f"{track.tempo:.2f}" if np.isfinite(track.tempo) else "",
        }
        own = ElementTree.SubElement(collection, "TRACK", TrackID=str(number))
        for name, value in known.items():
            if value:
                own.set(name, _text(value))
        own.set("Location", _whole_address(track.file, base))
    nodes = ElementTree.SubElement(root, "PLAYLISTS")
    top = ElementTree.SubElement(nodes, "NODE", Type="0", Name="ROOT", Count=str(len(lists)))
    for name, tracks in lists.items():
        node = ElementTree.SubElement(
            top, "NODE", Name=_text(name), Type="1", KeyType="0", Entries=str(len(tracks))
        )
        for track in tracks:
            ElementTree.SubElement(node, "TRACK", Key=str(numbers[track.file][1]))
    return _written(root)


def itunes(lists: Mapping[str, list[Entry]], base: Path) -> str:
    """Return a collection and its playlists as iTunes writes them; as `rekordbox`."""
    numbers = _numbered(lists)
    tracks: dict[str, dict[str, Any]] = {}
    for track, number in numbers.values():
        known: dict[str, Any] = {
            "Name": _text(track.title),
            "Artist": _text(track.artist),
            "Album": _text(track.album),
            "Genre": _text(track.genre),
            "Year": int(track.year) if track.year.isdecimal() else None,
            "Total Time": 1000 * track.seconds if track.seconds >= 0 else None,
            "BPM": round(track.tempo) if np.isfinite(track.tempo) else None,
        }
        tracks[str(number)] = {
            "Track ID": number,
            **{name: value for name, value in known.items() if value not in ("", None)},
            "Track Type": "File",
            "Location": _whole_address(track.file, base),
        }
    playlists = [
        {
            "Name": _text(name),
            "Playlist ID": place,
            "Playlist Items": [{"Track ID": numbers[track.file][1]} for track in own],
        }
        for place, (name, own) in enumerate(lists.items(), len(numbers) + 1)
    ]
    library = {
        "Major Version": 1,
        "Minor Version": 1,
        "Application Version": "Earmark",
        "Tracks": tracks,
        "Playlists": playlists,
    }
    return plistlib.dumps(library, sort_keys=False).decode("utf-8")


def stem(path: str) -> str:
    """Return what a file is called, without folders and ending."""
    name = path.rstrip("/").rpartition("/")[2]
    return naming.ENDING.sub("", name) or path


def _numbered(lists: Mapping[str, list[Entry]]) -> dict[str, tuple[Entry, int]]:
    found: dict[str, tuple[Entry, int]] = {}
    for tracks in lists.values():
        for track in tracks:
            found.setdefault(track.file, (track, len(found) + 1))
    return found


def _address(file: str) -> str:
    """Return a path as a part of an address: relative where the path is."""
    if file.startswith("file:///"):
        return file
    if PurePosixPath(file).is_absolute():
        return f"file://{quote_from_bytes(os.fsencode(file))}"
    if (windows := PureWindowsPath(file)).is_absolute():
        return windows.as_uri()
    written = quote(file.encode("utf-8", "surrogateescape"))
    # A colon before the first slash would be that of an address.
    return written if written.startswith(".") else f"./{written}"


def _whole_address(file: str, base: Path) -> str:
    """Return the address of a file, as DJ programs write it."""
    if not file.startswith("file:///") and not PureWindowsPath(file).is_absolute():
        file = os.path.abspath(base / file)  # noqa: PTH100 - links stay as they are named
    return _address(file).replace("file:///", "file://localhost/", 1)


def _add(parent: ElementTree.Element, tag: str, text: str) -> None:
    ElementTree.SubElement(parent, tag).text = _text(text)


def _text(text: str) -> str:
    return NO_XML.sub("", text)


def _written(root: ElementTree.Element, head: str = HEAD) -> str:
    ElementTree.indent(root)
    return f"{head}\n{ElementTree.tostring(root, encoding='unicode')}\n"


def _column(rows: pd.DataFrame, names: tuple[str, ...]) -> list[str]:
    found = next((name for name in names if name in rows), None)
    if found is None:
        return [""] * len(rows)
    return [
        "" if gone else str(value).strip()
        for value, gone in zip(rows[found].tolist(), rows[found].isna(), strict=True)
    ]


def _numbers(rows: pd.DataFrame, name: str) -> np.ndarray[Any, np.dtype[np.float64]]:
    if name not in rows:
        return np.full(len(rows), np.nan)
    values = pd.to_numeric(rows[name], errors="coerce")
    return np.asarray(values.to_numpy(np.float64, na_value=np.nan), np.float64)


def _seconds(rows: pd.DataFrame) -> list[int]:
    """Return whole seconds, -1 where they are not known."""
    # In rows of windows, seconds are those of the window.
    columns = [
        name for name in LENGTHS if name in rows and not (name == "seconds" and "start" in rows)
    ]
    found = next(iter(columns), None)
    if found is None:
        return [-1] * len(rows)
    values = _numbers(rows, found) / LENGTHS[found]
    usable = np.isfinite(values) & (values >= 0) & (values < 1e9)
    return [int(value) for value in np.where(usable, np.rint(np.where(usable, values, 0)), -1)]
