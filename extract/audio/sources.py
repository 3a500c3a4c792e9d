"""Files and folders become an ordered list of tracks, each with its name in tables."""

from __future__ import annotations

import os
import stat
from collections import Counter
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

from earmark.extract.audio import formats
from earmark.extract.errors import FindError, printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["AUDIO_SUFFIXES", "Track", "find"]

AUDIO_SUFFIXES = formats.SUFFIXES
"""Endings of the files that are taken from a folder. A file given by itself may have any name."""


@dataclass(frozen=True)
class Track:
    """One audio file.

    Parameters
    ----------
    path : str
        Its name in tables: relative to its source, with ``/`` on every system.
    location : Path
        Where it is.
    """

    path: str
    location: Path


def find(sources: Iterable[str | Path]) -> tuple[list[Track], list[FindError]]:
    """List the audio files of the sources, each once, in an order that never changes.

    Parameters
    ----------
    sources : iterable of str or Path
        Files and folders. Folders are searched at every depth, links followed; what is hidden
        (a name that starts with a dot) is passed over.

    Returns
    -------
    tracks : list of Track
        Source after source, sorted by path within each.
    failures : list of FindError
        Sources that do not exist or hold no audio, and folders that cannot be read.

    Examples
    --------
    >>> tracks, failures = find([demo])
    >>> tracks[0].path
    'hip-hop-90bpm-d-minor.mp3'
    >>> find(["no-such-folder"])[1]
    [FindError('no-such-folder', 'does not exist; check the spelling')]
    """
    failures: list[FindError] = []
    names_at: dict[Path, tuple[str, str]] = {}
    for given in sources:
        if "://" in str(given):
            message = "is a URL; download the files and name their folder"
            failures.append(FindError(str(given), message))
            continue
        source = Path(given)
        for full, relative in _search(source, failures):
            names = printable(relative.as_posix()), printable(full.as_posix())
            # A file is analysed once, however many links lead to it.
            names_at.setdefault(Path(os.path.realpath(full)), names)

    # Two sources may hold the same relative path: there the name of the source goes before it,
    # and the whole path where even that is not enough.
    short = Counter(relative for relative, _ in names_at.values())
    chosen = {
        location: relative if short[relative] == 1 else full
        for location, (relative, full) in names_at.items()
    }
    counts = Counter(chosen.values())
    tracks = [
        Track(name if counts[name] == 1 else printable(location.as_posix()), location)
        for location, name in chosen.items()
    ]
    return tracks, failures


def _search(source: Path, failures: list[FindError]) -> Iterator[tuple[Path, PurePath]]:
    """Yield the path and the path relative to the source of each of its audio files."""
    try:
        is_folder = stat.S_ISDIR(source.stat().st_mode)
    except (FileNotFoundError, ValueError):
        failures.append(FindError(source, "does not exist; check the spelling"))
        return
    except OSError as error:
        failures.append(FindError(source, f"cannot be read: {error.strerror}"))
        return
    if not is_folder:
        yield source, PurePath(source.name)
        return

    def unreadable(error: OSError) -> None:
        failures.append(FindError(error.filename, f"cannot be searched: {error.strerror}"))

    names: list[PurePath] = []
    visited: set[str] = set()
    for folder, folders, files in os.walk(source, onerror=unreadable, followlinks=True):
        real = os.path.realpath(folder)
        if real in visited:
            folders.clear()
            continue
        visited.add(real)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        inside = PurePath(os.path.relpath(folder, source))
        names += [
            inside / name
            for name in files
            if not name.startswith(".") and PurePath(name).suffix.lower() in AUDIO_SUFFIXES
        ]
    if not names:
        failures.append(
            FindError(source, "holds no audio files (none with an ending such as .mp3 or .flac)")
        )
    for relative in sorted(names, key=lambda name: name.parts):
        yield source / relative, relative
