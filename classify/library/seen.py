"""What lies in folders that are watched, and in which of them something has happened.

The system tells of events, and of too many it loses some; so only those are asked for that may be
news of a file. Opening and reading are none, and ours beside: whoever looks through ten thousand
folders would be told of each, lose the rest, and look again.
"""

from __future__ import annotations

import contextlib
import errno
import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from earmark.extract.audio.sources import AUDIO_SUFFIXES
from earmark.extract.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

__all__ = ["News", "Stamp", "files", "stamp", "watched"]

Stamp = tuple[int, int]
"""Size of a file, and the time of its last change in nanoseconds."""


def files(folders: Iterable[str | Path], *, links: bool = True) -> Iterator[tuple[str, Stamp]]:
    """Give the audio files of folders at every depth, each once, without what is hidden.

    They are those of `earmark.extract.audio.sources.find`, a hundred thousand of them in a second.

    Parameters
    ----------
    folders : iterable of str or Path
        Where to look.
    links : bool
        Whether links are followed. What they lead to comes last, so that a file is called by its
        own name where it has one here.
    """
    visited: set[str] = set()
    seen: set[str] = set()
    linked: list[str] = []
    waiting = [(os.fspath(folder), os.path.realpath(folder)) for folder in folders][::-1]
    while waiting or linked:
        if not waiting:
            path = linked.pop(0)
            real = os.path.realpath(path)
            # Unlike those of a Path, this never raises.
            if os.path.isdir(real):  # noqa: PTH112
                waiting.append((path, real))
            elif real not in seen and _is_audio(path) and (found := stamp(Path(path))):
                seen.add(real)
                yield path, found
            continue
        folder, home = waiting.pop()
        if home in visited:
            continue
        visited.add(home)
        below = []
        for entry in _entries(folder):
            if entry.is_symlink():
                if links:
                    linked.append(entry.path)
            elif entry.is_dir():
                below.append((entry.path, os.path.join(home, entry.name)))  # noqa: PTH118
            elif _is_audio(entry.name):
                seen.add(os.path.join(home, entry.name))  # noqa: PTH118
                with contextlib.suppress(OSError):
                    about = entry.stat()
                    yield entry.path, (about.st_size, about.st_mtime_ns)
        waiting += reversed(below)


def stamp(path: Path) -> Stamp | None:
    """Return size and time of a file; None where there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_size, found.st_mtime_ns


class News:
    """In which folders something has happened since somebody asked."""

    def __init__(self) -> None:
        self._wake = threading.Event()
        self._lock = threading.Lock()
        self._folders: set[Path] = set()

    def add(self, folder: Path) -> None:
        """Say that something has happened in a folder."""
        with self._lock:
            self._folders.add(folder)
        self._wake.set()

    def wait(self, seconds: float) -> bool:
        """Wait for what has not been waited for yet, and tell whether there was anything."""
        found = self._wake.wait(seconds)
        self._wake.clear()
        return found

    def take(self) -> set[Path]:
        """Return the folders, and forget them."""
        with self._lock:
            found, self._folders = self._folders, set()
        return found


@contextlib.contextmanager
def watched(
    folders: Sequence[Path], news: News, say: Callable[[str], object] = print
) -> Iterator[None]:
    """Gather in which folders files come, change or are moved to.

    Parameters
    ----------
    folders : sequence of Path
        Watched at every depth.
    news : News
        Is told.
    say : callable
        Called where the system does not watch so many folders: then there are no news.

    Raises
    ------
    SettingsError
        watchdog is not installed.
    """
    try:
        from watchdog import events
        from watchdog.observers import Observer
    except ImportError:
        raise SettingsError(
            "watching needs watchdog; install it with: pip install 'earmark[watch]'"
        ) from None

    class Listener(events.FileSystemEventHandler):
        def __init__(self, root: Path) -> None:
            self.root = root

        def on_any_event(self, event: events.FileSystemEvent) -> None:
            path = Path(os.fsdecode(event.dest_path or event.src_path))
            if any(part.startswith(".") for part in path.relative_to(self.root).parts):
                return
            if event.is_directory:
                # It may have been moved here with all that it holds.
                news.add(path)
            elif _is_audio(path.name):
                news.add(path.parent)

    wanted: list[type[events.FileSystemEvent]] = [
        *(events.FileCreatedEvent, events.FileModifiedEvent, events.FileClosedEvent),
        *(events.FileMovedEvent, events.DirCreatedEvent, events.DirMovedEvent),
    ]
    observer = Observer()
    try:
        for folder in folders:
            observer.schedule(Listener(folder), str(folder), recursive=True, event_filter=wanted)
        observer.start()
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EMFILE):
            raise
        say(
            "the system does not watch so many folders (on Linux, fs.inotify.max_user_watches says "
            "how many): what comes is seen when everything is looked through"
        )
    try:
        yield
    finally:
        if observer.is_alive():
            observer.stop()
            observer.join()


def _entries(folder: str) -> list[os.DirEntry[str]]:
    """Return what is in a folder and not hidden, by name; nothing where it cannot be read."""
    try:
        with os.scandir(folder) as found:
            return sorted(
                (entry for entry in found if not entry.name.startswith(".")),
                key=lambda entry: entry.name,
            )
    except OSError:
        return []


def _is_audio(name: str) -> bool:
    base = os.path.basename(name)  # noqa: PTH119
    return not base.startswith(".") and os.path.splitext(base)[1].lower() in AUDIO_SUFFIXES  # noqa: PTH122
