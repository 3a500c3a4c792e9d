"""Rows with paths become playlists: extended M3U in UTF-8, one for each genre.

A line of a playlist is a path, whatever it says: names that would begin a comment, a second line
or an address are written so that they do not.
"""

from __future__ import annotations

import os
import re
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from earmark.classify.dataset import labels
from earmark.classify.dataset import names as naming
from earmark.classify.dataset.build import one_line
from earmark.extract import tables
from earmark.extract.audio.sources import find
from earmark.extract.errors import SchemaError, WriteError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["ENDING", "Playlist", "check", "filename", "locate", "text", "write"]

ENDING = ".m3u8"

HEAD = "#EXTM3U"

MARK = "#EARMARK"
"""The second line of playlists made here: only those are replaced."""

LENGTHS = {"duration_ms": 1000.0, "seconds": 1.0}
"""Columns that say how long a track is, and their units in a second."""

UNSAFE = set('<>:"/\\\\|?*')
"""What no name of a file may hold on one system or another."""

DEVICES = {"CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$"} | {
    f"{port}{number}" for port in ("COM", "LPT") for number in "0123456789¹²³"
}
"""Names that Windows keeps for itself, with whatever ending."""

BREAKING = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
"""Controls, other ends of a line, and what is no text in UTF-8."""

LONGEST = 120
"""Bytes of a name: some systems take 143, most 255."""


@dataclass(frozen=True)
class Playlist:
    """A playlist that was written.

    Parameters
    ----------
    name : str
        What all its tracks have in common, such as the genre.
    path : Path
        Where it is.
    tracks : int
        How many it holds.
    """

    name: str
    path: Path
    tracks: int


def text(rows: pd.DataFrame, paths: Mapping[str, str] | None = None) -> str:
    """Return a playlist of the rows of a table, in their order.

    Parameters
    ----------
    rows : DataFrame
        With ``path`` and, where they are known, an artist, a title
        (`earmark.classify.dataset.labels`) and
        a length (``duration_ms`` or ``seconds``).
    paths : mapping of str to str, optional
        What to write for each path; tracks that it does not have are left out. By default the
        path itself. One that has a line break in it cannot be written and is left out.

    Returns
    -------
    str
        It ends with a line break; a player that reads UTF-8 reads it.
    """
    artists, titles = (
        _column(rows, names) for names in (labels.ARTIST_COLUMNS, labels.TITLE_COLUMNS)
    )
    seconds = _seconds(rows)
    lines = [HEAD, MARK]
    for path, artist, title, length in zip(rows["path"], artists, titles, seconds, strict=True):
        written = _line(str(path) if paths is None else paths.get(str(path), ""))
        if not written:
            continue
        # Without a title, what the file is called says most.
        named = title or _stem(str(path))
        shown = f"{artist} - {named}" if artist else named
        lines += [f"#EXTINF:{length},{one_line(shown)}", written]
    return "\n".join(lines) + "\n"


def write(
    rows: pd.DataFrame,
    directory: Path,
    *,
    by: str = "genre",
    at_least: float = 0.5,
    paths: Mapping[str, str] | None = None,
) -> list[Playlist]:
    """Write a playlist for each genre.

    Parameters
    ----------
    rows : DataFrame
        Predictions, or any table with ``path`` and a column to part it by.
    directory : Path
        Where they go: it is made where it is not. Playlists that were made here before are
        replaced; other people's files are kept.
    by : str
        The column whose values become playlists.
    at_least : float
        Leave out tracks whose ``probability`` is lower, where the table has that.
    paths : mapping of str to str, optional
        As for `text`.

    Returns
    -------
    list of Playlist
        Sorted by name; in each the most probable tracks come first, then as the paths are sorted.

    Raises
    ------
    SchemaError
        The table has no such column.
    WriteError
        Somebody else's file has the name of a playlist, or the directory cannot be written.
    """
    for name in ("path", by):
        if name not in rows:
            have = ", ".join(map(str, rows.columns[:8]))
            raise SchemaError(f"the table has no column {name!r}; it has {have}")
    rows = rows.astype({"path": str}).drop_duplicates("path").sort_values("path", kind="stable")
    if "probability" in rows:
        chances = pd.to_numeric(rows["probability"], errors="coerce")
        order = np.argsort(-chances.fillna(-1).to_numpy(), kind="stable")
        rows = rows.iloc[order][(chances >= at_least).to_numpy()[order]]
    if paths is not None:
        rows = rows[rows["path"].isin(paths.keys())]
    names = rows[by].map(one_line, na_action="ignore")
    found = {str(name): part for name, part in rows.groupby(names, sort=True) if name != ""}
    targets = dict(zip(found, _targets(list(found), directory), strict=True))
    for target in targets.values():
        check(target)
    for name, part in found.items():
        with tables.atomic(targets[name]) as temporary:
            temporary.write_text(text(part, paths), encoding="utf-8", newline="\n")
    return [Playlist(name, targets[name], len(part)) for name, part in found.items()]


def check(path: Path) -> None:
    """Refuse a place where something stands that is no playlist made here.

    Raises
    ------
    WriteError
        It is somebody else's.
    """
    if not os.path.lexists(path):
        return
    try:
        with path.open("rb") as lines:
            own = lines.read(len(HEAD) + len(MARK) + 2) == f"{HEAD}\n{MARK}\n".encode()
    except OSError:
        own = False
    if not own:
        raise WriteError(
            path, "stands there already and was not made by Earmark; it is kept, name another"
        )


def filename(name: str) -> str:
    """Return a name for a file that every system takes, as like the given one as can be."""
    name = unicodedata.normalize("NFC", name)
    safe = "".join("_" if sign in UNSAFE or not sign.isprintable() else sign for sign in name)
    safe = safe.encode("utf-8", "replace")[:LONGEST].decode("utf-8", "ignore").strip(". ")
    if safe.partition(".")[0].rstrip().upper() in DEVICES:
        safe = f"_{safe}"
    return safe or "_"


def locate(
    audio: str | Path, directory: Path, tracks: Iterable[str] | None = None
) -> dict[str, str]:
    """Find where the tracks of a folder are, as seen from a playlist.

    Parameters
    ----------
    audio : str or Path
        The folder that was analysed.
    directory : Path
        Where the playlist goes.
    tracks : iterable of str, optional
        The paths of the tracks in a table; by default as the folder alone would give them.

    Returns
    -------
    dict
        By the path of a track in the table what to write: relative to the playlist where it stands
        in that folder, so that both can be moved together, else the whole path.

    Raises
    ------
    FindError
        The folder is not there, or holds no audio.
    """
    if tracks is None:
        found, failures = find([audio])
        if not found:
            raise failures[0]
        locations = {track.path: track.location for track in found}
    else:
        locations = naming.located(tracks, audio)
    root, place = Path(os.path.realpath(audio)), Path(os.path.realpath(directory))
    written = {}
    for path, found_at in locations.items():
        location = found_at.absolute()
        together = place.is_relative_to(root) and location.is_relative_to(root)
        relative = os.path.relpath(location, place) if together else None
        line = Path(relative).as_posix() if relative else str(location)
        # An address may stand for any name, but has to be whole.
        written[path] = line if _writable(line) else location.as_uri()
    return written


def _targets(names: list[str], directory: Path) -> list[Path]:
    """Name the files; those that differ in nothing but case get numbers."""
    taken: set[str] = set()
    targets = []
    for name in names:
        base, number = filename(name), 1
        chosen = base
        while chosen.casefold() in taken:
            number += 1
            chosen = f"{base} ({number})"
        taken.add(chosen.casefold())
        targets.append(directory / f"{chosen}{ENDING}")
    return targets


def _writable(path: str) -> bool:
    """Tell whether a path is one line of text."""
    return not BREAKING.search(path)


def _line(path: str) -> str:
    """Return a path as it stands in a playlist; nothing where it cannot."""
    if not path or not _writable(path):
        return ""
    if path.startswith("file:///"):
        return path
    # A comment, an address, or something that begins or ends with a space.
    misleading = path[0] in "#\ufeff" or path != path.strip() or "://" in path
    return f"./{path}" if misleading and not path.startswith("/") else path


def _stem(path: str) -> str:
    name = path.rstrip("/").rpartition("/")[2]
    return naming.ENDING.sub("", name) or path


def _column(rows: pd.DataFrame, names: tuple[str, ...]) -> list[str]:
    found = next((name for name in names if name in rows), None)
    if found is None:
        return [""] * len(rows)
    return [
        "" if gone else str(value).strip()
        for value, gone in zip(rows[found].tolist(), rows[found].isna(), strict=True)
    ]


def _seconds(rows: pd.DataFrame) -> list[int]:
    """Return whole seconds, -1 where they are not known."""
    # In rows of windows, seconds are those of the window.
    columns = [
        name for name in LENGTHS if name in rows and not (name == "seconds" and "start" in rows)
    ]
    found = next(iter(columns), None)
    if found is None:
        return [-1] * len(rows)
    values = pd.to_numeric(rows[found], errors="coerce").to_numpy(float, na_value=np.nan)
    values = values / LENGTHS[found]
    usable = np.isfinite(values) & (values >= 0) & (values < 1e9)
    seconds: list[int] = (
        np.where(usable, np.rint(np.where(usable, values, 0)), -1).astype(int).tolist()
    )
    return seconds
