"""Telling the demo tracks, which a script computed, from music that somebody played."""

from __future__ import annotations

import csv
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["ARTIST", "synthetic"]

ARTIST = "Earmark demo"
"""The artist that ``data/raw/tracks.csv`` names."""


def synthetic(sources: Iterable[str | Path], paths: Iterable[str]) -> list[str]:
    """Return those of the tracks that are demo tracks: the ``tracks.csv`` beside them says so.

    Parameters
    ----------
    sources : iterable of str or Path
        The files and folders that the tracks come from.
    paths : iterable of str
        What the tracks are called.
    """
    names: set[str] = set()
    for source in map(Path, sources):
        table = (source if source.is_dir() else source.parent) / "tracks.csv"
        try:
            with table.open(encoding="utf-8", newline="") as lines:
                names |= {
                    str(row.get("path")) for row in csv.DictReader(lines) if ARTIST in row.values()
                }
        except (OSError, UnicodeDecodeError, csv.Error):
            continue
    return [path for path in paths if PurePosixPath(path).name in names]
