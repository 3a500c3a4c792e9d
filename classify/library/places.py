"""Where playlists go, what they are called, and how they say where the tracks are."""

from __future__ import annotations

import os
import re
import unicodedata
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from earmark.classify.dataset import names as naming
from earmark.extract.audio.sources import find

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["LONGEST", "Style", "filename", "locate", "located_as", "targets", "writable"]

Style = Literal["auto", "relative", "absolute"]
"""How paths are written."""

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


def filename(name: str) -> str:
    """Return a name for a file that every system takes, as like the given one as can be."""
    name = unicodedata.normalize("NFC", name)
    safe = "".join("_" if sign in UNSAFE or not sign.isprintable() else sign for sign in name)
    safe = safe.encode("utf-8", "replace")[:LONGEST].decode("utf-8", "ignore").strip(". ")
    if safe.partition(".")[0].rstrip().upper() in DEVICES:
        safe = f"_{safe}"
    return safe or "_"


def locate(
    audio: str | Path,
    directory: Path,
    tracks: Iterable[str] | None = None,
    *,
    style: Style = "auto",
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
    style : {"auto", "relative", "absolute"}
        Whether paths are relative to the playlist; by default where it stands in that folder, so
        that both can be moved together.

    Returns
    -------
    dict
        By the path of a track in the table what to write.

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
    return _lines(locations, audio, directory, style)


def located_as(
    files: Mapping[str, Path], audio: Path, output: Path, single: bool, style: Style
) -> dict[str, str]:
    """Return what to write for files that were found, as `locate` does.

    Parameters
    ----------
    files : mapping of str to Path
        Where the file of each path is.
    audio : Path
        The folder that was analysed.
    output : Path
        The playlist, or the folder of several.
    single : bool
        Whether it is one.
    style : {"auto", "relative", "absolute"}
        As for `locate`.
    """
    return _lines(files, audio, output.parent if single else output, style)


def _lines(
    locations: Mapping[str, Path], audio: str | Path, directory: Path, style: Style
) -> dict[str, str]:
    root, place = Path(os.path.realpath(audio)), Path(os.path.realpath(directory))
    written = {}
    for path, found_at in locations.items():
        location = found_at.absolute()
        together = place.is_relative_to(root) and location.is_relative_to(root)
        near = together if style == "auto" else style == "relative"
        relative = os.path.relpath(location, place) if near else None
        line = Path(relative).as_posix() if relative else str(location)
        # An address may stand for any name, but has to be whole.
        written[path] = line if writable(line) else location.as_uri()
    return written


def targets(names: list[str], directory: Path, ending: str) -> list[Path]:
    """Name the files of playlists; those that differ in nothing but case get numbers."""
    taken: set[str] = set()
    targets = []
    for name in names:
        base, number = filename(name), 1
        chosen = base
        while chosen.casefold() in taken:
            number += 1
            chosen = f"{base} ({number})"
        taken.add(chosen.casefold())
        targets.append(directory / f"{chosen}{ending}")
    return targets


def writable(path: str) -> bool:
    """Tell whether a path is one line of text."""
    return not BREAKING.search(path)
