"""Files and folders become an ordered list of tracks, each with its name in tables."""

from __future__ import annotations

import os
import stat
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path, PurePath, PurePosixPath
from typing import TYPE_CHECKING

from earmark.extract.audio import formats, remote
from earmark.extract.errors import FetchError, FileError, FindError, NotFoundError, printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from earmark.extract.audio.remote import RemoteFile

__all__ = ["AUDIO_SUFFIXES", "Track", "find", "unsearched_files"]

AUDIO_SUFFIXES = formats.SUFFIXES
"""Endings of the files that are taken from a folder. A file given by itself may have any name."""

MOST_ENDINGS = 12
"""Endings that are named of files that are not searched."""


@dataclass(frozen=True, slots=True)
class Track:
    """One audio file.

    Parameters
    ----------
    path : str
        Its name in tables, with ``/`` on every system (see `find`).
    location : Path
        Where it is.
    remote : RemoteFile, optional
        Where it is, if that is a URL.
    """

    path: str
    location: Path
    remote: RemoteFile | None = None


def find(
    sources: Iterable[str | Path],
    unsearched: Counter[str] | None = None,
    *,
    urls: bool = False,
) -> tuple[list[Track], list[FileError]]:
    """List the audio files of the sources, each once, in an order that never changes.

    What a track is called depends on what is named, and not on what else there is. The tracks of
    the only folder are called by their paths in it; those of several folders by the folder as it
    was named and that. Files that are named themselves, and no folder, have their own names where
    these differ; else a file is called what it was named, and begins with ``./`` where it might
    also be a path in the only folder.

    Parameters
    ----------
    sources : iterable of str or Path
        Files and folders. Folders are searched at every depth, links followed; what is hidden
        (a name that starts with a dot) is passed over.
    unsearched : Counter, optional
        Counts by their endings the files of folders that are not searched.
    urls : bool
        Whether sources may be URLs, too: of files, folders and lists (``.m3u8``). What stands
        behind ``?``, and a password, is in no name.

    Returns
    -------
    tracks : list of Track
        Source after source, sorted by path within each. A file that links lead to, too, is called
        by its own name.
    failures : list of FileError
        Sources that do not exist or hold no audio, and folders that cannot be read.

    Examples
    --------
    >>> tracks, failures = find([demo])
    >>> tracks[0].path
    'hip-hop-90bpm-d-minor.mp3'
    >>> find(["no-such-folder"])[1]
    [NotFoundError('no-such-folder', 'does not exist; check the spelling')]
    """
    failures: list[FileError] = []
    given = list(_without_lists(listed(sources), failures, urls))
    online = _searched_urls(given, failures)
    # Unlike those of a Path, this never raises.
    folders = len({PurePath(source) for source in given if os.path.isdir(source)})  # noqa: PTH112
    folders += sum(is_folder for is_folder, _ in online.values())
    files = [name for _, name in {(_place(source), _place(source).name) for source in given}]
    short = not folders and len(set(files)) == len(files)
    found: dict[str, tuple[bool, Track]] = {}
    others: dict[str, list[str]] = {}
    for named in given:
        if remote.is_url(named):
            for name, file in _chosen(str(named), online, failures, others):
                place = remote.shown(file.url)
                called = (
                    (name if name and folders == 1 else place) if not short else _place(place).name
                )
                track = Track(printable(called), Path(place), file)
                if found.setdefault(place, (False, track))[1].remote != file:
                    failures.append(FindError(place, "is another file only by what follows the ?"))
            continue
        source = Path(named)
        for relative, own in _search(source, failures, others):
            location = source / relative
            real = os.path.realpath(location)
            linked = real != str(own)
            name = (relative if folders == 1 and relative.parts else location).as_posix()
            if short:
                name = location.name
            if folders == 1 and not relative.parts and not _leads_out(location):
                name = f"./{name}"
            # A file is analysed once, however many links lead to it.
            if real not in found or (found[real][0] and not linked):
                found.pop(real, None)
                found[real] = linked, Track(printable(name), location)
    if unsearched is not None:
        unsearched.update(ending for endings in others.values() for ending in endings)
    return [track for _, track in found.values()], failures


def listed(sources: Iterable[str | Path]) -> Iterator[str | Path]:
    """Yield sources, and in the place of a list what stands in it.

    Parameters
    ----------
    sources : iterable of str or Path
        ``@list.txt`` is a text file with a source on each line, ``-`` such lines on stdin. Blank
        lines and what begins with ``#`` are passed over. A path is taken from where Earmark runs,
        as every other. A file that is itself called so is named ``./-`` or ``./@list.txt``.

    Raises
    ------
    FindError
        A list cannot be read.
    """
    for source in sources:
        if source == "-":
            yield from _lines(sys.stdin.buffer.read(), "stdin")
        elif isinstance(source, str) and source.startswith("@"):
            try:
                content = Path(source[1:]).read_bytes()
            except OSError as error:
                raise FindError(source[1:], f"cannot be read: {error.strerror}") from error
            yield from _lines(content, source[1:])
        else:
            yield source


def _lines(content: bytes, name: str) -> list[str]:
    """Return the sources that a list names; paths need not be in UTF-8, as on the command line."""
    lines = os.fsdecode(content.removeprefix(b"\xef\xbb\xbf")).replace("\r\n", "\n").split("\n")
    found = [line for line in lines if line.strip() and not line.startswith("#")]
    if not found:
        raise FindError(name, "names no file or folder; write one on each line")
    return found


def unsearched_files(counts: Mapping[str, int]) -> str:
    """Say how many files of folders were not searched, by their endings.

    Examples
    --------
    >>> unsearched_files({".txt": 1, ".spx": 2})
    '3 files with endings that are not searched: .spx 2, .txt 1'
    """
    ranked = sorted(counts.items(), key=lambda each: (-each[1], each[0]))
    named = ", ".join(f"{ending or 'none'} {count}" for ending, count in ranked[:MOST_ENDINGS])
    more = len(ranked) - MOST_ENDINGS
    total = sum(counts.values())
    return (
        f"{total} {'file' if total == 1 else 'files'} with endings that are not searched: {named}"
        + (f", and {more} more endings" if more > 0 else "")
    )


def _without_lists(
    given: Iterable[str | Path], failures: list[FileError], urls: bool
) -> Iterator[str | Path]:
    """Yield sources, and in the place of a URL of a list what that names."""
    for source in given:
        url = str(source)
        try:
            if not remote.is_url(source):
                yield source
            elif not urls:
                message = "is a URL; download the files and name their folder"
                failures.append(FindError(remote.shown(url), message))
            elif remote.is_list(url):
                yield from remote.listed(url)
            else:
                yield url
        except (FindError, FetchError) as error:
            failures.append(error)


def _searched_urls(
    given: Iterable[str | Path], failures: list[FileError]
) -> dict[str, tuple[bool, dict[str, RemoteFile]]]:
    """Return whether each of the URLs is that of a folder, and its files."""
    result = {}
    silent: set[str] = set()
    for url in dict.fromkeys(str(source) for source in given if remote.is_url(source)):
        try:
            result[url] = remote.search(url, silent)
        except (FindError, FetchError) as error:
            failures.append(error)
    return result


def _place(source: str | Path) -> PurePath:
    return PurePosixPath(remote.shown(str(source))) if remote.is_url(source) else PurePath(source)


def _chosen(
    url: str,
    online: Mapping[str, tuple[bool, dict[str, RemoteFile]]],
    failures: list[FileError],
    others: dict[str, list[str]],
) -> Iterator[tuple[str, RemoteFile]]:
    """Yield the audio files at a URL, by their paths in it; a file by an empty one."""
    is_folder, files = online.get(url, (False, {}))
    if not is_folder:
        yield from files.items()
        return
    seen = [name for name in files if not any(part.startswith(".") for part in name.split("/"))]
    wanted = [name for name in seen if PurePosixPath(name).suffix.lower() in AUDIO_SUFFIXES]
    chosen = set(wanted)
    others[url] = [PurePosixPath(name).suffix.lower() for name in seen if name not in chosen]
    if not wanted:
        failures.append(FindError(remote.shown(url), "holds no audio files"))
    for name in sorted(wanted, key=lambda name: name.split("/")):
        yield name, files[name]


def _leads_out(path: Path) -> bool:
    return path.is_absolute() or path.parts[:1] == ("..",)


def _search(
    source: Path, failures: list[FileError], others: dict[str, list[str]]
) -> Iterator[tuple[PurePath, Path]]:
    """Yield the path of each of the audio files of a source relative to it, and without links.

    The second is where the file is unless a link leads to it. The endings of the others are added
    by the folder that they are in.
    """
    try:
        is_folder = stat.S_ISDIR(source.stat().st_mode)
    except (FileNotFoundError, ValueError):
        failures.append(NotFoundError(source))
        return
    except OSError as error:
        failures.append(FindError(source, f"cannot be read: {error.strerror}"))
        return
    # A source that is a link is none of those places.
    home = Path() if source.is_symlink() else Path(os.path.realpath(source))
    if not is_folder:
        yield PurePath(), home
        return

    names: list[PurePath] = []
    passed: list[str] = []
    for folder, files in _folders(source, failures):
        searched = [name for name in files if name.suffix.lower() in AUDIO_SUFFIXES]
        names += searched
        others[folder] = [
            name.suffix.lower() for name in files if name.suffix.lower() not in AUDIO_SUFFIXES
        ]
        passed += others[folder]
    if not names:
        reason = (
            unsearched_files(Counter(passed))
            if passed
            else "none with an ending such as .mp3 or .flac"
        )
        failures.append(FindError(source, f"holds no audio files ({reason})"))
    for name in sorted(names, key=lambda name: name.parts):
        yield name, home / name


def _folders(source: Path, failures: list[FileError]) -> Iterator[tuple[str, list[PurePath]]]:
    """Yield where each folder of a source really is, and its files relative to the source.

    Each comes once, without what is hidden. Those that links lead to come last, so that what lies
    below the source itself is found there.
    """

    def unreadable(error: OSError) -> None:
        failures.append(FindError(error.filename, f"cannot be searched: {error.strerror}"))

    visited: set[str] = set()
    waiting = [source]
    while waiting:
        for folder, folders, files in os.walk(waiting.pop(0), onerror=unreadable):
            real = os.path.realpath(folder)
            if real in visited:
                folders.clear()
                continue
            visited.add(real)
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            # Unlike those of a Path, this never raises: a dead mount is a failure of its own.
            links = [Path(folder, name) for name in folders]
            waiting += [link for link in links if os.path.islink(link)]  # noqa: PTH114
            inside = PurePath(os.path.relpath(folder, source))
            yield real, [inside / name for name in files if not name.startswith(".")]
