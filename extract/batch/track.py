"""One file becomes its rows, or a failure: what a worker does."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import time
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Protocol

import numpy as np
from threadpoolctl import ThreadpoolController

from earmark.extract import errors, sets
from earmark.extract import schema as schemas
from earmark.extract.audio import decode, remote
from earmark.extract.config import DEFAULTS, Settings
from earmark.extract.errors import AnalyseError, DecodeError, FileError, SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from numpy.typing import NDArray

    from earmark.extract.audio.sources import Track

    Allow = Callable[[float], object]
    Failure = tuple[str, str, str, str]

__all__ = [
    "SECONDS_PER_FILE",
    "Analysis",
    "Digest",
    "Extraction",
    "Job",
    "Outcome",
    "analyse",
    "error_of",
    "failed",
    "failure",
    "one_thread",
    "stamp",
    "warm",
]

SECONDS_PER_FILE = 30.0
TIMES_REAL_TIME = 20.0
"""A file may take this many seconds and, beside, its length divided by this."""

BLOCK, SLOWEST = 2**24, 100_000
"""Bytes that are summed up at a time, and in a second at the least."""

CIRCUMSTANCES = frozenset(
    getattr(errno, name)
    for name in (
        *("EIO", "ESTALE", "ENOTCONN", "ETIMEDOUT", "EHOSTDOWN", "EHOSTUNREACH", "ENODEV"),
        *("ENETDOWN", "ENETUNREACH", "ECONNRESET", "ENXIO", "EACCES", "EPERM", "ENOENT"),
        *("EMFILE", "ENFILE", "ENOMEM"),
    )
    if hasattr(errno, name)
)
"""Errors of the system that say nothing of a file: it may be read another time."""

NO_MEMORY = "needs more memory than a worker may take; leave it out, or allow more with --memory"

EMPTY = "holds no samples; copy it again from where it came"

FAR_BEYOND = 8.0
"""Full scale is 1. A float file may exceed it: a loud mix by some dB, and none by 18."""


@dataclass(frozen=True)
class Extraction:
    """What to compute for every track.

    Parameters
    ----------
    set : str
        The feature set.
    settings : Settings
        What else changes the values.
    windows : float, optional
        Length in seconds of the windows that rows describe; None for a row per track.
    tracks : bool
        Whether there is a row per track beside those of the windows, too.
    timeout : float, optional
        Seconds that a file may take; None for `SECONDS_PER_FILE` and a twentieth of its length.
    """

    set: str
    settings: Settings = DEFAULTS
    windows: float | None = None
    tracks: bool = False
    timeout: float | None = None

    def __post_init__(self) -> None:
        if self.windows is not None and not 0.5 <= self.windows <= 3600:
            raise SettingsError(f"windows = {self.windows:g}: between 0.5 and 3600 seconds")
        if self.timeout is not None and not self.timeout > 0:
            raise SettingsError(f"timeout = {self.timeout:g}: more than 0 seconds")
        feature_set = sets.get(self.set)
        if self.settings.tempo_range and not feature_set.finds_tempo:
            raise SettingsError(
                f"tempo_range: the set {self.set} has no tempo, or one that is defined elsewhere; "
                "the sets default and spotify can bring theirs into a range"
            )
        if not feature_set.configurable and self.settings.of_sound != DEFAULTS:
            raise SettingsError(
                f"the set {self.set} is defined with settings of its own; leave others out"
            )

    @property
    def made(self) -> str:
        """What tells rows apart that cannot be used for one another."""
        windows = "" if self.windows is None else f"-{self.windows:g}s"
        tracks = "-tracks" if windows and self.tracks else ""
        return f"{self.schema.fingerprint}{windows}{tracks}"

    @property
    def schema(self) -> schemas.Schema:
        """The columns of the table: that of windows, where they are asked for."""
        return schemas.of(self.set, self.settings, self.windows)

    @property
    def track_schema(self) -> schemas.Schema:
        """The columns of the table with a row per track."""
        return schemas.of(self.set, self.settings)

    def rows(self, audio: decode.Audio) -> sets.Rows:
        """Describe an open file."""
        whole = self.tracks or self.windows is None
        highest = 0.0

        def watched() -> Iterator[NDArray[np.float32]]:
            nonlocal highest
            for block in audio.blocks:
                highest = max(highest, block.max(initial=0), -block.min(initial=0))
                yield block

        rows = sets.get(self.set).rows(
            replace(audio, blocks=watched()), self.settings, self.windows, whole
        )
        if highest > FAR_BEYOND:
            note = (
                f"samples reach {highest:.6g} times full scale, as floats on a scale of integers "
                "do; scale them to ±1, for what goes with the level (loudness, peaks, RMS) is wrong"
            )
            rows = replace(rows, notes=(note, *rows.notes))
        return rows


@dataclass(frozen=True)
class Outcome:
    """What became of one track: rows, or a failure.

    Parameters
    ----------
    path : str
        The track's name in tables.
    sha256 : str
        Of the file.
    starts, seconds : ndarray of shape (rows,), float64
        Where each window begins and how long it is; a row of the whole track begins at NaN.
    values : ndarray of shape (rows, columns), float64
        The descriptors.
    failure : tuple of str, optional
        Path, stage, error and message; then there are no rows.
    stamp : str
        Of the file before it was analysed (see `stamp`); empty where it was circumstances and not
        the file that made it fail, so that another attempt may be better.
    notes : tuple of str
        What is odd about a file that was analysed all the same, a sentence each.
    """

    path: str
    sha256: str
    starts: NDArray[np.float64]
    seconds: NDArray[np.float64]
    values: NDArray[np.float64]
    failure: tuple[str, str, str, str] | None = None
    stamp: str = ""
    notes: tuple[str, ...] = ()

    @property
    def audio_seconds(self) -> float:
        """How long the track is; 0 where nobody knows."""
        whole = np.isnan(self.starts)
        return float((self.seconds[whole][:1] if whole.any() else self.seconds).sum())

    def named(self, path: str) -> Outcome:
        """Return the same for another file of the same content."""
        failure = (path, *self.failure[1:]) if self.failure else None
        return replace(self, path=path, failure=failure)


def failure(path: str, error: FileError) -> tuple[str, str, str, str]:
    """Return the row of the failures table: path, stage, error and message."""
    return path, error.stage, type(error).__name__, error.message


def error_of(failure: tuple[str, str, str, str]) -> FileError:
    """Return the error that became a row of the failures table."""
    path, _, name, message = failure
    error: FileError = getattr(errors, name)(path, message)
    return error


def failed(path: str, error: FileError) -> Outcome:
    """Return the outcome of a track that could not be analysed."""
    nothing = np.empty(0)
    return Outcome(path, "", nothing, nothing, nothing.reshape(0, 0), failure(path, error))


class Job(Protocol):
    """What is done with each of many tracks; it can be sent to another process."""

    def __call__(self, track: Track, allow: Allow) -> Outcome:
        """Do it: whatever goes wrong is a failure, and no exception.

        Parameters
        ----------
        track : Track
            The track.
        allow : callable
            Is told how many seconds the track may take in all, whenever that becomes more.
        """
        ...

    def warm(self) -> None:
        """Load what every track would wait for."""
        ...


@dataclass(frozen=True)
class Analysis:
    """The job of describing tracks.

    Parameters
    ----------
    extraction : Extraction
        What to compute.
    """

    extraction: Extraction

    def __call__(self, track: Track, allow: Allow) -> Outcome:
        """Analyse a track."""
        return analyse(track, self.extraction, allow)

    def warm(self) -> None:
        """Compile or load every kernel."""
        warm(self.extraction)


def analyse(track: Track, extraction: Extraction, allow: Allow = lambda _: None) -> Outcome:
    """Analyse one file; whatever goes wrong with it becomes a failure, never an exception.

    Parameters
    ----------
    track, extraction
        What to compute of which file.
    allow : callable, optional
        As of a `Job`.
    """
    before = stamp(track)
    try:
        outcome = _analyse(track, extraction, allow)
    except DecodeError as error:
        outcome = failed(track.path, error)
        if _by_circumstances(error) or stamp(track) != before:
            before = ""
    except FileError as error:
        outcome, before = failed(track.path, error), ""
    except MemoryError:
        outcome, before = failed(track.path, AnalyseError(track.path, NO_MEMORY)), ""
    except Exception as error:
        # A file that breaks what nobody foresaw must not end the run of all the others.
        message = f"could not be analysed ({type(error).__name__}: {error}); please report it"
        outcome, before = failed(track.path, AnalyseError(track.path, message)), ""
    return replace(outcome, stamp=before)


def _by_circumstances(error: DecodeError) -> bool:
    """Tell whether a disk, a network or a permission failed, and not the file."""
    cause = error.__cause__
    return isinstance(cause, OSError) and cause.errno in CIRCUMSTANCES


class Digest:
    """The job of finding out what the content of tracks is."""

    def __call__(self, track: Track, allow: Allow) -> Outcome:
        """Sum up the bytes of a file."""
        try:
            digest = hashlib.sha256()
            with _here(track, allow) as (location, allow_here), location.open("rb") as handle:
                read = 0
                while block := handle.read(BLOCK):
                    digest.update(block)
                    read += len(block)
                    allow_here(SECONDS_PER_FILE + read / SLOWEST)
        except FileError as error:
            return failed(track.path, error)
        except OSError as error:
            message = f"cannot be read: {error.strerror}"
            return failed(track.path, DecodeError(track.path, message))
        nothing = np.empty(0)
        return Outcome(track.path, digest.hexdigest(), nothing, nothing, nothing.reshape(0, 0))

    def warm(self) -> None:
        """Load nothing: it is all there."""


def _analyse(track: Track, extraction: Extraction, allow: Allow) -> Outcome:
    with _here(track, allow) as (location, allow_here):
        with one_thread(), decode.open_audio(location) as audio:
            rows = extraction.rows(_in_time(track, audio, extraction.timeout, allow_here))
        if not rows.duration:
            raise DecodeError(track.path, EMPTY)
        try:
            with location.open("rb") as handle:
                sha256 = hashlib.file_digest(handle, "sha256").hexdigest()
        except OSError as error:
            raise DecodeError(track.path, f"cannot be read again: {error.strerror}") from error
    notes = (*audio.notes, *rows.notes)
    return Outcome(track.path, sha256, rows.starts, rows.seconds, rows.values, notes=notes)


@contextlib.contextmanager
def _here(track: Track, allow: Allow) -> Iterator[tuple[Path, Allow]]:
    """Give the place where a track can be read, and who is told how long that may take."""
    if track.remote is None:
        yield track.location, allow
        return
    begun = time.monotonic()
    with remote.local_copy(
        track.remote, lambda size: allow(SECONDS_PER_FILE + size / SLOWEST)
    ) as copy:
        fetched = time.monotonic() - begun
        allow(SECONDS_PER_FILE + fetched)
        yield copy, lambda seconds: allow(seconds + fetched)


def _in_time(
    track: Track, audio: decode.Audio, timeout: float | None, allow: Allow
) -> decode.Audio:
    """Let nobody read from a file for longer than the time that it may take."""
    begun = time.monotonic()

    def blocks() -> Iterator[NDArray[np.float32]]:
        samples, told = 0, 0.0
        for block in audio.blocks:
            samples += len(block)
            length = samples / audio.sample_rate
            allowed = timeout or SECONDS_PER_FILE + length / TIMES_REAL_TIME
            if allowed - told >= 1:
                told = allowed
                allow(allowed)
            yield block
            if time.monotonic() - begun > allowed:
                raise AnalyseError(
                    track.path,
                    f"took longer than {allowed:.0f} s, and {length:.0f} s of it were read; allow "
                    "more with --timeout",
                )

    return replace(audio, blocks=blocks())


def one_thread() -> AbstractContextManager[object]:
    """Keep libraries to one thread: more would disturb other workers, and round differently."""
    limited: AbstractContextManager[object] = _thread_pools().limit(limits=1, user_api="blas")
    return limited


@lru_cache(maxsize=1)
def _thread_pools() -> ThreadpoolController:
    return ThreadpoolController()


def warm(extraction: Extraction) -> None:
    """Compile or load every kernel before workers start, so that they do not compile together."""
    noise = np.random.default_rng(0).normal(0, 0.1, (44100, 2)).astype(np.float32)
    extraction.rows(decode.Audio(44100, 2, iter([noise])))


def stamp(track: Track) -> str:
    """Return what changes when a file is replaced: its size and time of change."""
    if track.remote is not None:
        return track.remote.stamp
    try:
        status = track.location.stat()
    except OSError:
        return ""
    return f"{status.st_size}-{status.st_mtime_ns}"
