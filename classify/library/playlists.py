"""Rows with paths become playlists: M3U, XSPF or Rekordbox's XML, one for each genre or one.

A line of a playlist is a path, whatever it says: names that would begin a comment, a second line
or an address are written so that they do not.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from earmark.classify.dataset.build import one_line
from earmark.classify.library import exchange
from earmark.classify.library.places import targets, writable
from earmark.extract import tables
from earmark.extract.errors import SchemaError, WriteError
from earmark.version import __version__

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = [
    "ENDING",
    "ENDINGS",
    "Playlist",
    "check",
    "surest_first",
    "text",
    "write",
    "write_collection",
    "write_one",
    "write_some",
]


ENDING = ".m3u8"

ENDINGS = (ENDING, ".m3u", ".xspf", ".xml")
"""How playlists end: extended M3U, XSPF, and the XML of Rekordbox."""

HEAD = "#EXTM3U"

MARK = "#EARMARK"
"""The second line of playlists made here: only those are replaced."""


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
    rows, paths
        As for `earmark.classify.library.exchange.entries`. A path that has a line break in it
        cannot be written and is left out.

    Returns
    -------
    str
        It ends with a line break; a player that reads UTF-8 reads it.
    """
    lines = [HEAD, MARK]
    for track in exchange.entries(rows, paths):
        if written := _line(track.file):
            shown = f"{track.artist} - {track.title}" if track.artist else track.title
            lines += [f"#EXTINF:{track.seconds},{one_line(shown)}", written]
    return "\n".join(lines) + "\n"


def render(
    ending: str, name: str, rows: pd.DataFrame, paths: Mapping[str, str] | None, folder: Path
) -> str:
    """Return a playlist in the format that the ending of its file names.

    Parameters
    ----------
    ending : str
        One of `ENDINGS`: extended M3U in UTF-8, XSPF, or the XML of Rekordbox.
    name : str
        What it is called.
    rows, paths
        As for `text`.
    folder : Path
        Where it goes.
    """
    if ending in (ENDING, ".m3u"):
        return text(rows, paths)
    tracks = exchange.entries(rows, paths)
    if ending == ".xspf":
        return exchange.xspf(tracks, name)
    return exchange.rekordbox({name: tracks}, folder, __version__)


def write_one(rows: pd.DataFrame, path: Path, paths: Mapping[str, str] | None = None) -> Playlist:
    """Write the rows of a table, in their order, as one playlist.

    Raises
    ------
    WriteError
        The ending names no format, or somebody else's file stands there.
    """
    check_output(path)
    rows = rows.astype({"path": str})
    if paths is not None:
        rows = rows[rows["path"].isin(paths.keys())]
    made = render(path.suffix.lower(), path.stem, rows, paths, path.parent)
    with tables.atomic(path) as temporary:
        temporary.write_text(made, encoding="utf-8", newline="\n")
    return Playlist(path.stem, path, len(rows))


def write(
    rows: pd.DataFrame,
    directory: Path,
    *,
    by: str = "genre",
    at_least: float = 0.5,
    paths: Mapping[str, str] | None = None,
    ending: str = ENDING,
    ordered: bool = False,
) -> tuple[list[Playlist], list[WriteError]]:
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
    ending : str
        One of `ENDINGS`.
    ordered : bool
        The rows are in the order that they shall have. By default the most probable tracks come
        first, then as the paths are sorted.

    Returns
    -------
    made : list of Playlist
        Sorted by name.
    kept : list of WriteError
        Those whose name a file has that somebody else made: it is kept, and the others are written.

    Raises
    ------
    SchemaError
        The table has no such column.
    WriteError
        The directory cannot be written.
    """
    for name in ("path", by):
        if name not in rows:
            have = ", ".join(map(str, rows.columns[:8]))
            raise SchemaError(f"the table has no column {name!r}; it has {have}")
    rows = rows.astype({"path": str}).drop_duplicates("path")
    if not ordered:
        rows = surest_first(rows)
    if at_least and "probability" in rows:
        rows = rows[pd.to_numeric(rows["probability"], errors="coerce") >= at_least]
    if paths is not None:
        rows = rows[rows["path"].isin(paths.keys())]
    names = rows[by].map(one_line, na_action="ignore")
    found = {str(name): part for name, part in rows.groupby(names, sort=True) if name != ""}
    made, kept = [], []
    for (name, part), target in zip(
        found.items(), targets(list(found), directory, ending), strict=True
    ):
        try:
            check(target)
        except WriteError as error:
            kept.append(error)
            continue
        with tables.atomic(target) as temporary:
            rendered = render(ending, name, part, paths, directory)
            temporary.write_text(rendered, encoding="utf-8", newline="\n")
        made.append(Playlist(name, target, len(part)))
    return made, kept


def write_some(
    rows: pd.DataFrame,
    output: Path,
    by: str,
    paths: Mapping[str, str] | None,
    ending: str,
    single: bool,
) -> tuple[list[Playlist], list[WriteError]]:
    """Write rows, in their order, as one playlist or one for each value of a column in a folder."""
    if single:
        return [write_one(rows, output, paths)], []
    return write(rows, output, by=by, at_least=0, paths=paths, ending=ending, ordered=True)


def write_collection(
    rows: pd.DataFrame, path: Path, paths: Mapping[str, str] | None, *, itunes: bool = False
) -> int:
    """Write tracks, and a playlist for each genre, for DJ programs; return how many tracks.

    Parameters
    ----------
    rows : DataFrame
        The tracks, with what is known of them.
    path : Path
        Where it goes.
    paths : mapping of str to str, optional
        As for `text`.
    itunes : bool
        In the form of iTunes; by default in that of Rekordbox.

    Raises
    ------
    WriteError
        Somebody else's file stands there.
    """
    check(path)
    made = collection(rows, path.parent, paths, itunes=itunes)
    with tables.atomic(path) as temporary:
        temporary.write_text(made, encoding="utf-8", newline="\n")
    return len(rows) if paths is None else int(rows["path"].astype(str).isin(paths.keys()).sum())


def collection(
    rows: pd.DataFrame, folder: Path, paths: Mapping[str, str] | None, *, itunes: bool = False
) -> str:
    """Return what `write_collection` writes into a file of a folder."""
    tracks = exchange.entries(rows, paths)
    lists = {"all": tracks}
    for track in tracks:
        if track.genre:
            lists.setdefault(track.genre, []).append(track)
    if itunes:
        return exchange.itunes(lists, folder)
    return exchange.rekordbox(lists, folder, __version__)


def surest_first(rows: pd.DataFrame) -> pd.DataFrame:
    """Return rows as their paths are sorted, the most probable first where that is known."""
    rows = rows.sort_values("path", kind="stable")
    if "probability" not in rows:
        return rows
    chances = pd.to_numeric(rows["probability"], errors="coerce").fillna(-1).to_numpy()
    return rows.iloc[np.argsort(-chances, kind="stable")]


def check_output(path: Path) -> None:
    """Refuse a place for one playlist, before any work is done for it.

    Raises
    ------
    WriteError
        The ending names no format, or somebody else's file stands there.
    """
    if path.suffix.lower() not in ENDINGS:
        raise WriteError(path, f"ends in none of {' '.join(ENDINGS)}; the ending names the format")
    check(path)


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
        with path.open("rb") as file:
            beginning = file.read(1000).decode("utf-8", "replace").replace("\r\n", "\n")
        own = beginning.startswith(f"{HEAD}\n{MARK}\n") or exchange.is_ours(beginning)
    except OSError:
        own = False
    if not own:
        raise WriteError(
            path, "stands there already and was not made by Earmark; it is kept, name another"
        )


def _line(path: str) -> str:
    """Return a path as it stands in a playlist; nothing where it cannot."""
    if not path or not writable(path):
        return ""
    if path.startswith("file:///"):
        return path
    # A comment, an address, or something that begins or ends with a space.
    misleading = path[0] in "#\ufeff" or path != path.strip() or "://" in path
    return f"./{path}" if misleading and not path.startswith("/") else path
