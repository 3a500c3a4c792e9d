"""The tables of the library page: found below the root, opened once for all sessions.

Nothing here needs Streamlit.
"""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from earmark.classify.app.files.paths import resolve_below_root
from earmark.classify.app.files.zip import zip_files
from earmark.classify.app.jobs.track_analysis import model_at
from earmark.classify.library import library, playlists
from earmark.classify.library.mixing import cost as mixing_cost
from earmark.classify.library.mixing import wheel
from earmark.classify.model import genre_profiles
from earmark.classify.model.storage import ABOUT
from earmark.extract import sets, tables
from earmark.extract.errors import EarmarkError, FindError, SchemaError
from earmark.extract.key_names import camelot, compatible

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from earmark.classify.app.jobs.queue import Job
    from earmark.classify.library.library import Library

__all__ = [
    "ModelVersion",
    "OpenTable",
    "TrackPaths",
    "errors_with_user_names",
    "file_stamp",
    "genre_profile",
    "list_tables",
    "locate",
    "mixes",
    "model_version",
    "open_table",
    "predict_genres",
    "way",
    "with_user_names",
    "zip_playlists",
]

FOLDERS = ("data/features", "data", "")
"""Folders below the root in which tables are searched, the likeliest first."""

MOST = 200
"""Tables that are offered at most; any other can be typed in."""

MODELS = 3
"""Models whose predictions are kept for each table."""

PITCH = 0.06
"""Share by which a DJ changes a tempo without anybody hearing it much."""

ModelVersion = tuple[str, int]
"""The directory of a model, and the time in ns at which its description was written."""

CHOICE = 24
"""Tracks most like one of a way, of which another may be taken that mixes."""

ENOUGH = 4
"""Tracks with a value that a genre needs before its quartiles are shown."""


@dataclass(eq=False)
class OpenTable:
    """An open table, with what was computed from it since.

    Parameters
    ----------
    libraries : dict
        The library with the genres of the table under an empty name, and those with genres
        predicted by models under the versions of the models.
    mapping : Job, optional
        The job that computes the map; all sessions that show the table share it.
    """

    libraries: dict[str | ModelVersion, Library] = field(repr=False)
    mapping: Job | None = field(default=None, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)

    @property
    def positions(self) -> NDArray[np.float64] | None:
        """The positions of the tracks on the map, of shape (tracks, 2); None until computed."""
        done = self.mapping is not None and self.mapping.state == "done"
        return self.mapping.result() if self.mapping is not None and done else None

    def map_job(self, submit: Callable[[], Job], unwanted: Job | None = None) -> Job:
        """Return the job that computes the map, and submit one where there is none.

        Parameters
        ----------
        submit : callable
            Submits the job. It is called where there is no job yet, or where the session that owned
            the job stopped it or ended.
        unwanted : Job, optional
            A job that this session stopped: it is not submitted again.
        """
        with self._lock:
            job = self.mapping
            if job is None or (job.state == "cancelled" and job is not unwanted):
                job = self.mapping = submit()
            return job

    def forget_map(self, job: Job) -> None:
        """Drop a failed job, so that the map can be tried again."""
        with self._lock:
            if self.mapping is job:
                self.mapping = None

    def add_predicted(self, model: ModelVersion, library: Library) -> None:
        """Keep the library with the genres of a model, of the last few models only."""
        self.libraries[model] = library
        models = [key for key in self.libraries if key]
        for key in models[:-MODELS]:
            self.libraries.pop(key, None)


@dataclass(frozen=True, eq=False)
class TrackPaths(Mapping[str, str]):
    """Maps the path of each track to its path below a folder, joined on access.

    Parameters
    ----------
    folder : Path
        The folder.
    paths : iterable of str
        The paths of the tracks, as the table has them.
    """

    folder: Path
    paths: Collection[str] = field(repr=False)

    def __getitem__(self, path: str) -> str:
        return path if path.startswith("/") else f"{self.folder.as_posix().rstrip('/')}/{path}"

    def __iter__(self) -> Iterator[str]:
        return iter(self.paths)

    def __len__(self) -> int:
        return len(self.paths)


def model_version(model: str) -> ModelVersion:
    """Return a key for the model in a directory that changes when the model does."""
    about = Path(model) / ABOUT
    return model, about.stat().st_mtime_ns if about.is_file() else 0


@contextmanager
def errors_with_user_names(user_names: Mapping[str, str]) -> Iterator[None]:
    """In errors, call files by the names that the user gave them.

    Parameters
    ----------
    user_names : mapping of str to str
        The user's name of each file, by the path that code uses.

    Raises
    ------
    SchemaError
        In place of any `EarmarkError`, with the names replaced.
    """
    try:
        yield
    except EarmarkError as error:
        raise SchemaError(with_user_names(str(error), user_names)) from error


def with_user_names(text: str, user_names: Mapping[str, str]) -> str:
    """Return a text with paths replaced by the names that the user gave the files."""
    for path, name in user_names.items():
        text = text.replace(path, name)
    return text


def list_tables(root: Path) -> list[str]:
    """Return the tables to offer, as paths relative to the root."""
    names = []
    for folder in FOLDERS:
        for path in sorted((root / folder).glob("*"))[: 10 * MOST]:
            if path.name.startswith(".") or not path.name.lower().endswith(tables.READABLE):
                continue
            if path.is_file() and path.resolve().is_relative_to(root):
                # At the root itself any CSV could be anything: only tables that Earmark made count.
                kind = _kind(str(path), file_stamp(path))
                if kind not in ("failures", "notes") and (kind or folder):
                    names.append(path.relative_to(root).as_posix())
    return names[:MOST]


@lru_cache(maxsize=10 * MOST)
def _kind(path: str, _stamp: tuple[int, int]) -> str | None:
    """Return what Earmark calls a table; it is looked into again only where it has changed."""
    return tables.kind_of(Path(path))


def file_stamp(path: Path) -> tuple[int, int]:
    """Return the modification time in ns and the size in bytes of a file."""
    status = path.stat()
    return status.st_mtime_ns, status.st_size


def open_table(path: Path, genres: str | None) -> OpenTable:
    """Open a table, with the genres as for `earmark.classify.library.library.open_library`.

    Raises
    ------
    SchemaError
        The file is no table.
    LabelError
        The genres do not fit the table.
    """
    return OpenTable({"": library.open_library(path, genres)})


def predict_genres(
    path: str, model: str, table_name: str, report: Callable[[float, str], None] | None = None
) -> pd.DataFrame:
    """Predict the genres of the tracks of a table; runs in a worker process.

    Parameters
    ----------
    path : str
        The path of the table.
    model : str
        The directory of the model.
    table_name : str
        The name that the user gave the table, for error messages.
    report : callable, optional
        Called with the share that is done, from 0 to 1, and a text.

    Returns
    -------
    DataFrame
        ``path``, ``genre`` and ``probability``, a row per track.

    Raises
    ------
    SchemaError
        The table was not made like the one that the model was trained on.
    """
    tell = report or _ignore_progress
    tell(0.1, "reading the table")
    with errors_with_user_names({path: table_name, model: Path(model).name}):
        tracks = library.open_library(path)
        tell(0.3, f"finding the genres of {len(tracks):,} tracks")
        return tracks.predicted(model_at(model)).tracks[["path", "genre", "probability"]]


def _ignore_progress(share: float, text: str) -> None:
    """Report progress to nobody."""


def locate(path: str, folders: Iterable[str], root: Path) -> Path | None:
    """Return the audio file of a track, or None where there is none below the root.

    Parameters
    ----------
    path : str
        As in the table: relative to the folder that was analysed, or absolute.
    folders : iterable of str
        Folders below the root to which the path may be relative.
    root : Path
        Files outside of it are ignored.
    """
    for folder in folders:
        try:
            file = resolve_below_root(str(Path(folder or ".") / path), root)
        except FindError:
            continue
        if file.is_file():
            return file
    return None


def mixes(tracks: pd.DataFrame, place: int, others: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return those of some tracks that a DJ can play after one, in their order.

    Their tempo, or its double or half, is within `PITCH` of the track's, and their key is the same
    or beside it on Camelot's wheel.

    Parameters
    ----------
    tracks : DataFrame
        With ``tempo``, ``key`` and ``mode``; what is unknown does not mix.
    place : int
        The row of the track.
    others : ndarray of int
        The rows of the others.
    """
    tempo, key, mode = (tracks[name].to_numpy(float) for name in ("tempo", "key", "mode"))
    own = camelot(key[place], mode[place])
    return np.array(
        [
            other
            for other in others
            if any(
                abs(times * tempo[other] / tempo[place] - 1) <= PITCH for times in (0.5, 1.0, 2.0)
            )
            and compatible(own, camelot(key[other], mode[other]))
        ],
        np.int64,
    )


def way(
    library: Library, first: int, last: int, count: int, mixing: bool = False
) -> NDArray[np.int64]:
    """Return tracks that lead from one to another, each a little more like the last.

    Parameters
    ----------
    library : Library
        With descriptors to compare.
    first, last : int
        The rows of the tracks at both ends.
    count : int
        Tracks in all.
    mixing : bool
        Whether tempo and key shall fit from each track to the next: then of the tracks along the
        way, and those most like each, those are taken that cost least to mix
        (`earmark.classify.library.mixing.cost`).

    Returns
    -------
    ndarray of int
        Their rows, in order; fewer where the library has no more.
    """
    found = library.index.between(first, last, count)
    return _mixed(library, _slots(library, found)) if mixing else found


def _slots(library: Library, way: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Return for each track of a way those that may stand in its place, each recording once."""
    index = library.index
    near = [index.nearest(int(place), CHOICE)["place"].to_numpy(np.int64) for place in way[1:-1]]
    numbers = index.recordings(np.concatenate([way, *near]))
    taken = set(numbers[: len(way)].tolist())
    slots, at = [way[:1]], len(way)
    for place, others in zip(way[1:-1], near, strict=True):
        new = []
        for other in others:
            if int(numbers[at]) not in taken:
                taken.add(int(numbers[at]))
                new.append(other)
            at += 1
        slots.append(np.array([place, *new], np.int64))
    return [*slots, way[-1:]]


def _mixed(library: Library, slots: list[NDArray[np.int64]]) -> NDArray[np.int64]:
    """Return of each slot the track that makes all cost least to mix, one after the other."""
    tempo, key, mode = (library.tracks[name].to_numpy(float) for name in ("tempo", "key", "mode"))
    place = wheel(key, mode)
    best, before = np.zeros(1), []
    for one, other in pairwise(slots):
        prices = mixing_cost(
            tempo[one][:, None], place[one][:, None], tempo[other][None], place[other][None]
        )
        total = best[:, None] + prices
        before.append(total.argmin(axis=0))
        best = total.min(axis=0)
    found: list[np.int64] = []
    at = int(best.argmin())
    for slot, back in zip(slots[:0:-1], before[::-1], strict=True):
        found.append(slot[at])
        at = int(back[at])
    return np.array([slots[0][at], *found[::-1]], np.int64)


def genre_profile(library: Library, genre: str) -> dict[str, list[float]]:
    """Return the quartiles of each column over the tracks of a genre that have a value."""
    part = library.tracks[library.tracks["genre"] == genre]
    counts = part.count()
    names = [name for name in sets.SPOTIFY_COLUMNS if counts.get(name, 0) >= ENOUGH]
    return genre_profiles.of(part[names], part["genre"], part["path"]).get(genre, {})


def zip_playlists(
    rows: pd.DataFrame, at_least: float, paths: Mapping[str, str] | None = None
) -> bytes:
    """Return a ZIP archive of one playlist per genre."""
    with tempfile.TemporaryDirectory(prefix="earmark-") as folder:
        written, _ = playlists.write(rows, Path(folder), at_least=at_least, paths=paths)
        return zip_files({playlist.path.name: playlist.path for playlist in written})
