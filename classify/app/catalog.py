"""What the library page holds: tables below the root, opened once for everybody. No Streamlit."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from earmark.classify.app.files.paths import resolve_below_root
from earmark.classify.app.files.zip import zip_files
from earmark.classify.app.jobs.track_analysis import model_at
from earmark.classify.library import library, playlists
from earmark.classify.model import genre_profiles as typicals
from earmark.classify.model.storage import ABOUT
from earmark.extract import sets, tables
from earmark.extract.errors import EarmarkError, FindError, SchemaError

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from earmark.classify.app.jobs.queue import Job
    from earmark.classify.library.library import Library

__all__ = [
    "Below",
    "Opened",
    "Version",
    "in_names_of_theirs",
    "listed",
    "locate",
    "named",
    "opened",
    "renamed",
    "stamp",
    "typical",
    "version",
    "zipped",
]

FOLDERS = ("data/features", "data", "")
"""Where below the root tables are looked for, the likeliest first."""

MOST = 200
"""Tables that are offered; others can be named."""

MODELS = 3
"""Models whose genres are held of a table."""

Version = tuple[str, int]
"""The directory of a model, and when what is in it was written."""

ENOUGH = 4
"""Tracks of a genre with a value that say what is typical of it."""


@dataclass(eq=False)
class Opened:
    """A table that was opened, and what was found out about it since.

    Parameters
    ----------
    libraries : dict
        The library with the genres of the table under an empty name, and with those that models
        gave, under their versions.
    mapping : Job, optional
        The job that draws up the map, one for all who look at the table.
    """

    libraries: dict[str | Version, Library] = field(repr=False)
    mapping: Job | None = field(default=None, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)

    @property
    def places(self) -> NDArray[np.float64] | None:
        """Where its tracks are on the map, once that is known: an array of (tracks, 2)."""
        done = self.mapping is not None and self.mapping.state == "done"
        return self.mapping.result() if self.mapping is not None and done else None

    def mapped(self, submit: Callable[[], Job], unwanted: Job | None = None) -> Job:
        """Return the job that draws up the map.

        Parameters
        ----------
        submit : callable
            Puts it in the line: where nobody has, and where those whose job it was have stopped it
            or are gone.
        unwanted : Job, optional
            What is not submitted again.
        """
        with self._lock:
            job = self.mapping
            if job is None or (job.state == "cancelled" and job is not unwanted):
                job = self.mapping = submit()
            return job

    def forget(self, job: Job) -> None:
        """Let a map that could not be drawn up be tried again."""
        with self._lock:
            if self.mapping is job:
                self.mapping = None

    def hold(self, model: Version, named: Library) -> None:
        """Keep the library with the genres of a model; that of the oldest of too many goes."""
        self.libraries[model] = named
        models = [key for key in self.libraries if key]
        for key in models[:-MODELS]:
            self.libraries.pop(key, None)


@dataclass(frozen=True, eq=False)
class Below(Mapping[str, str]):
    """Where tracks are whose paths begin in a folder, each found when it is asked for.

    Parameters
    ----------
    folder : Path
        The folder.
    paths : iterable of str
        The tracks.
    """

    folder: Path
    paths: Collection[str] = field(repr=False)

    def __getitem__(self, path: str) -> str:
        return path if path.startswith("/") else f"{self.folder.as_posix().rstrip('/')}/{path}"

    def __iter__(self) -> Iterator[str]:
        return iter(self.paths)

    def __len__(self) -> int:
        return len(self.paths)


def version(model: str) -> Version:
    """Return what names the model in a directory for as long as it stays the same."""
    about = Path(model) / ABOUT
    return model, about.stat().st_mtime_ns if about.is_file() else 0


@contextmanager
def in_names_of_theirs(called: Mapping[str, str]) -> Iterator[None]:
    """Say what goes wrong of files as those know them who named or brought them.

    Parameters
    ----------
    called : mapping of str to str
        What they call them, by what we do.
    """
    try:
        yield
    except EarmarkError as error:
        raise SchemaError(renamed(str(error), called)) from error


def renamed(text: str, called: Mapping[str, str]) -> str:
    """Return a text with other names in place of ours."""
    for ours, theirs in called.items():
        text = text.replace(ours, theirs)
    return text


def listed(root: Path) -> list[str]:
    """Return the tables below the root that are offered, as they are named from there."""
    found = []
    for folder in FOLDERS:
        for path in sorted((root / folder).glob("*"))[: 10 * MOST]:
            if path.name.startswith(".") or not path.name.lower().endswith(tables.READABLE):
                continue
            if path.is_file() and path.resolve().is_relative_to(root):
                # Of other people's CSV files nobody knows what they are, and requirements are many.
                kind = tables.kind_of(path)
                if kind != "failures" and (kind or folder):
                    found.append(path.relative_to(root).as_posix())
    return found[:MOST]


def stamp(path: Path) -> tuple[int, int]:
    """Return what changes when a file does."""
    status = path.stat()
    return status.st_mtime_ns, status.st_size


def opened(path: Path, genres: str | None) -> Opened:
    """Open a table, with the genres as for `earmark.classify.library.library.open_library`.

    Raises
    ------
    SchemaError
        It is no table.
    LabelError
        The genres do not fit it.
    """
    return Opened({"": library.open_library(path, genres)})


def named(
    path: str, model: str, called: str, report: Callable[[float, str], None] | None = None
) -> pd.DataFrame:
    """Find the genres of the tracks of a table: what a worker does.

    Parameters
    ----------
    path : str
        Of the table.
    model : str
        The directory of the model.
    called : str
        What the table is called by those who named it.
    report : callable, optional
        Is told the share that is done, and a text.

    Returns
    -------
    DataFrame
        ``path``, ``genre`` and ``probability``, a row per track.

    Raises
    ------
    SchemaError
        The table was not made like the one that the model was trained on.
    """
    say = report or (lambda _share, _text: None)
    say(0.1, "reading the table")
    with in_names_of_theirs({path: called, model: Path(model).name}):
        own = library.open_library(path)
        say(0.3, f"finding the genres of {len(own):,} tracks")
        return own.predicted(model_at(model)).tracks[["path", "genre", "probability"]]


def locate(path: str, folders: Iterable[str], root: Path) -> Path | None:
    """Return the file of a track, if it is below the root.

    Parameters
    ----------
    path : str
        As a table has it: relative to what was analysed, or absolute.
    folders : iterable of str
        Where it may be relative to, below the root.
    root : Path
        Nothing outside it is found.
    """
    for folder in folders:
        try:
            found = resolve_below_root(str(Path(folder or ".") / path), root)
        except FindError:
            continue
        if found.is_file():
            return found
    return None


def typical(own: Library, genre: str) -> dict[str, list[float]]:
    """Return the quartiles of a genre of a library, of the columns that enough tracks have."""
    part = own.tracks[own.tracks["genre"] == genre]
    known = part.count()
    names = [name for name in sets.SPOTIFY_COLUMNS if known.get(name, 0) >= ENOUGH]
    return typicals.of(part[names], part["genre"], part["path"]).get(genre, {})


def zipped(rows: pd.DataFrame, at_least: float, paths: Mapping[str, str] | None = None) -> bytes:
    """Return a playlist for each genre, all in one ZIP archive."""
    with tempfile.TemporaryDirectory(prefix="earmark-") as folder:
        made = playlists.write(rows, Path(folder), at_least=at_least, paths=paths)
        return zip_files({playlist.path.name: playlist.path for playlist in made})
