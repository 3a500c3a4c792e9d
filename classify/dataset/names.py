r"""Which track somebody means: labels, predictions and folders of music name those of a table.

There is one rule. A name is that of a track where one of both paths is the end of the other, folder
by folder: ``jazz/01.wav`` is ``music/jazz/01.wav``, and not ``rock/01.wav``. Of several such tracks
it is the one with which the most folders agree, then the one with the same ending; where two are as
good, it is none. Only if not a single name of a list is one of a track like this, the folders at
the beginning are taken to be others on purpose, and the longest common end decides.

Unicode writes é in two ways (NFC and NFD), and macOS hands out the one where people type the other:
they are the same here, as are ``\`` and ``/``.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left, bisect_right
from typing import TYPE_CHECKING, NamedTuple

from earmark.extract.audio.sources import find

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

__all__ = ["ENDING", "Matcher", "Pairs", "located", "pair"]

ENDING = re.compile(r"\.(?=\w*[a-z])\w{2,5}$", re.IGNORECASE)
"""The ending of a file's name; that of ``blues.00000`` is none."""

AFTER_ALL = chr(0x10FFFF)

MOST_CANDIDATES = 64
"""Tracks that may be meant by a name before it is taken to say nothing."""

Key = tuple[str, ...]


class _Found(NamedTuple):
    """A track, and how well a name fits it: the larger, the better."""

    path: str
    fit: tuple[bool, bool, int, bool]


class Pairs(NamedTuple):
    """The tracks that names mean.

    Parameters
    ----------
    paths : list of str or None
        The path of the track that each name means; None where it means none.
    loose : bool
        Whether folders at the beginning of the paths contradict each other everywhere.
    """

    paths: list[str | None]
    loose: bool


class Matcher:
    """Finds the track of a table that a name means.

    Parameters
    ----------
    paths : iterable of str
        Of the table.

    Examples
    --------
    >>> track = Matcher(["jazz/01.wav", "rock/01.wav", "rock/02.wav"])
    >>> track("02.mp3"), track("/music/rock/01.wav")
    ('rock/02.wav', 'rock/01.wav')
    >>> track("01.wav"), track("pop/02.wav")
    (None, None)
    """

    def __init__(self, paths: Iterable[str]) -> None:
        self._paths = dict.fromkeys(paths)
        entries = sorted((*_parted(path), path) for path in self._paths)
        self._keys = [key for key, _, _ in entries]
        self._endings = [ending for _, ending, _ in entries]
        self._names = [path for _, _, path in entries]

    def __call__(self, named: str) -> str | None:
        """Return the path of the track; None where there is none, or several."""
        found = self._find(named)
        return found.path if found else None

    def _find(self, named: str, *, loose: bool = False) -> _Found | None:
        """Find the track that is meant; if loose, by the longest common end, whatever is before."""
        if named in self._paths:
            return _Found(named, (True, True, 0, True))
        key, ending = _parted(named)
        at = bisect_left(self._keys, key)
        neighbours = self._keys[max(at - 1, 0) : at + 1]
        common = max((_common(key, other) for other in neighbours), default=0)
        for length in range(common, 0, -1):
            whole, longer = self._with_end(key[:length])
            places = whole
            if not whole and (length == len(key) or (loose and length == common)):
                places = longer
            if places:
                return self._best(places, length, len(key), ending)
        return None

    def _with_end(self, end: Key) -> tuple[range, range]:
        """Return where the paths are that are this, and those that end so."""
        first = bisect_left(self._keys, end)
        middle = bisect_right(self._keys, end)
        return range(first, middle), range(middle, bisect_left(self._keys, (*end, AFTER_ALL)))

    def _best(self, places: range, length: int, own: int, ending: str) -> _Found | None:
        if len(places) > MOST_CANDIDATES:
            return None
        alike = [place for place in places if self._endings[place] == ending]
        chosen = alike or list(places)
        if len(chosen) > 1:
            return None
        whole = length == own == len(self._keys[chosen[0]])
        return _Found(self._names[chosen[0]], (False, whole, length, bool(alike)))


def pair(names: Sequence[str], paths: Iterable[str]) -> Pairs:
    """Find the tracks that the names of a list mean.

    Parameters
    ----------
    names : sequence of str
        As somebody wrote them. Of several that may mean the same track those do that fit best.
    paths : iterable of str
        Of the tracks.

    Examples
    --------
    >>> pair(["jazz/01.wav", "pop/02.wav"], ["jazz/01.wav", "rock/02.wav"])
    Pairs(paths=['jazz/01.wav', None], loose=False)
    >>> pair(["/old/01.wav", "/old/02.wav"], ["new/01.wav", "new/02.wav"])
    Pairs(paths=['new/01.wav', 'new/02.wav'], loose=True)
    """
    matcher = Matcher(paths)
    found = {name: matcher._find(name) for name in names}
    loose = not any(found.values())
    if loose:
        found = {name: matcher._find(name, loose=True) for name in found}
    rivals: dict[str, list[_Found]] = {}
    for each in found.values():
        if each:
            rivals.setdefault(each.path, []).append(each)
    best = {path: max(each.fit for each in several) for path, several in rivals.items()}
    if loose:
        # Which of two names is meant, nobody knows here.
        for path, several in rivals.items():
            if sum(each.fit == best[path] for each in several) > 1:
                del best[path]
    paired = {
        name: each.path if each and best.get(each.path) == each.fit else None
        for name, each in found.items()
    }
    return Pairs([paired[name] for name in names], loose and any(paired.values()))


def located(paths: Iterable[str], folder: str | Path) -> dict[str, Path]:
    """Find the files of tracks in a folder.

    Parameters
    ----------
    paths : iterable of str
        As a table names them.
    folder : str or Path
        The folder that was analysed, or one that holds it or lies in it.

    Returns
    -------
    dict
        By path where the file is, for the tracks that are there.

    Raises
    ------
    FindError
        The folder is not there, or holds no audio.
    """
    tracks, failures = find([folder])
    if not tracks:
        raise failures[0]
    places = {track.path: track.location for track in tracks}
    names = list(dict.fromkeys(paths))
    found = pair(names, places)
    if found.loose:
        # Files of the same name in other folders are other music.
        return {}
    return {
        name: places[path]
        for name, path in zip(names, found.paths, strict=True)
        if path is not None
    }


def _parted(path: str) -> tuple[Key, str]:
    """Return the parts of a path from its end, the name without its ending, and the ending."""
    plain = unicodedata.normalize("NFC", path.strip()).replace("\\", "/")
    parts = [part for part in plain.split("/") if part not in ("", ".")]
    while parts and parts[0] == "..":
        del parts[0]
    if not parts:
        return (), ""
    name = parts.pop()
    stem = ENDING.sub("", name)
    return (stem, *reversed(parts)), name[len(stem) :].lower()


def _common(one: Key, other: Key) -> int:
    """Count the parts that two paths have in common at their ends."""
    count = 0
    for mine, theirs in zip(one, other, strict=False):
        if mine != theirs:
            break
        count += 1
    return count
