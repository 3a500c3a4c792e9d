"""The folders below a root, one level at a time. Nothing here needs Streamlit."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from earmark.extract.audio import formats

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["MOST", "Folder", "look_into"]

MOST = 100
"""Folders that are named at most."""

ENTRIES = 20_000
"""Entries that are looked at at most: a page is drawn meanwhile."""

SUFFIXES = tuple(formats.MIME_TYPES)


@dataclass(frozen=True)
class Folder:
    """What is in a folder.

    Parameters
    ----------
    folders : list of str
        The names of the folders in it, at most `MOST`.
    more : int
        How many others there are.
    tracks : int
        Its own files that end like music.
    """

    folders: list[str]
    more: int
    tracks: int


def look_into(folder: Path, root: Path) -> Folder:
    """Return what is in a folder; what is hidden, or leads out of the root, is not there.

    Parameters
    ----------
    folder : Path
        Below the root; one that cannot be read is empty.
    root : Path
        Absolute, without links.
    """
    names, tracks = [], 0
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for _, entry in zip(range(ENTRIES), entries, strict=False):
            if entry.name.startswith("."):
                continue
            with contextlib.suppress(OSError):
                if entry.is_dir():
                    inside = not entry.is_symlink() or (folder / entry.name).resolve(
                        strict=True
                    ).is_relative_to(root)
                    names += [entry.name] * inside
                else:
                    tracks += entry.name.lower().endswith(SUFFIXES)
    names.sort(key=lambda name: (name.casefold(), name))
    return Folder(names[:MOST], max(0, len(names) - MOST), tracks)
