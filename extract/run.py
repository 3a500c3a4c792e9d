"""Many files: workers, progress, failures, and taking up again what was interrupted."""

from __future__ import annotations

import contextlib
import hashlib
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from extract import decode, files, frames, reduce, registry, schema, sets, tables
from extract.config import Settings
from extract.errors import AnalyseError, DecodeError, FileError, FindError, SettingsError
from extract.files import Track

__all__ = ["Job", "Outcome", "Result", "extract", "outcomes", "tabulate"]

TRACKS_PER_WORKER = 8
"""A worker takes seconds to start: it pays only for this many tracks or more."""

SECONDS_PER_PART = 5.0
"""What is finished goes to disk at least this often."""


@dataclass(frozen=True)
class Job:
    """What to compute for every track.

    Parameters
    ----------
    set : str
        The feature set.
    settings : Settings
        What else changes the values.
    windows : float, optional
        Length in seconds of the windows that rows describe; None for a row per track.
    """

    set: str
    settings: Settings
    windows: float | None = None

    def __post_init__(self) -> None:
        if self.windows is not None and not 0.5 <= self.windows <= 3600:
            raise SettingsError(f"windows = {self.windows:g}: between 0.5 and 3600 seconds")
        sets.descriptors(self.set)

    @property
    def schema(self) -> schema.Schema:
        """The columns of the table."""
        return schema.of(self.set, self.settings, self.windows)


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
        Where each window begins and how long it is; the whole track in a row of its own.
    values : ndarray of shape (rows, columns), float64
        The descriptors.
    failure : tuple of str, optional
        Path, stage, error and message; then there are no rows.
    """

    path: str
    sha256: str
    starts: NDArray[np.float64]
    seconds: NDArray[np.float64]
    values: NDArray[np.float64]
    failure: tuple[str, str, str, str] | None = None


def _failed(path: str, error: FileError) -> Outcome:
    nothing = np.empty(0)
    return Outcome(
        path,
        "",
        nothing,
        nothing,
        nothing.reshape(0, 0),
        (path, error.stage, type(error).__name__, error.message),
    )


def analyse(track: Track, job: Job) -> Outcome:
    """Analyse one file; whatever goes wrong with it becomes a failure, never an exception."""
    try:
        return _analyse(track, job)
    except FileError as error:
        return _failed(track.path, error)
    except Exception as error:
        # A file that breaks what nobody foresaw must not end the run of all the others.
        message = f"could not be analysed ({type(error).__name__}: {error}); please report it"
        return _failed(track.path, AnalyseError(track.path, message))


def _analyse(track: Track, job: Job) -> Outcome:
    descriptors = sets.descriptors(job.set)
    with decode.open_audio(track.location) as audio:
        series = frames.analyse(audio, job.settings, (*descriptors, *_always()))
    if not series.seconds:
        raise DecodeError(track.path, "holds no samples; copy it again from where it came")
    try:
        with track.location.open("rb") as handle:
            sha256 = hashlib.file_digest(handle, "sha256").hexdigest()
    except OSError as error:
        raise DecodeError(track.path, f"cannot be read again: {error.strerror}") from error
    pieces = [(0.0, series)] if job.windows is None else list(series.windows(job.windows))
    return Outcome(
        track.path,
        sha256,
        np.array([start for start, _ in pieces]),
        np.array([piece.seconds for _, piece in pieces]),
        np.array([reduce.row(piece, descriptors) for _, piece in pieces]),
    )


def _always() -> tuple[registry.Descriptor, ...]:
    """Return what every row needs, whatever the set: which frames are active."""
    return (registry.get("active"),)


def warm(job: Job) -> None:
    """Compile or load every kernel before workers start, so that they do not compile together."""
    noise = np.random.default_rng(0).normal(0, 0.1, (44100, 2)).astype(np.float32)
    descriptors = sets.descriptors(job.set)
    audio = decode.Audio(44100, 2, iter([noise]))
    reduce.row(frames.analyse(audio, job.settings, (*descriptors, *_always())), descriptors)


def outcomes(tracks: Sequence[Track], job: Job, workers: int = 1) -> Iterator[tuple[int, Outcome]]:
    """Analyse tracks and yield their index and outcome, in the order in which they finish.

    A file that kills its worker becomes a failure; the others are analysed all the same.
    """
    workers = max(1, min(workers, len(tracks) // TRACKS_PER_WORKER))
    if workers == 1:
        for index, track in enumerate(tracks):
            yield index, analyse(track, job)
        return

    from joblib.externals.loky.process_executor import TerminatedWorkerError

    warm(job)
    waiting = set(range(len(tracks)))
    while waiting:
        begun: set[int] = set()
        try:
            for index, outcome in _parallel(tracks, sorted(waiting), job, workers, begun.add):
                waiting.discard(index)
                yield index, outcome
        except TerminatedWorkerError:
            # Whoever was being analysed may have done it: each goes alone, the rest together.
            for index in sorted(begun & waiting):
                waiting.discard(index)
                try:
                    yield from _parallel(tracks, [index], job, 2, begun.add)
                except TerminatedWorkerError:
                    error = AnalyseError(
                        tracks[index].path, "killed the process that read it (damaged, or too big)"
                    )
                    yield index, _failed(tracks[index].path, error)


def _parallel(
    tracks: Sequence[Track],
    indices: Iterable[int],
    job: Job,
    workers: int,
    begin: Callable[[int], object],
) -> Iterator[tuple[int, Outcome]]:
    import joblib

    def tasks() -> Iterator[object]:
        for index in indices:
            begin(index)
            yield joblib.delayed(_indexed)(index, tracks[index], job)

    with joblib.parallel_config(backend="loky", inner_max_num_threads=1):
        pool = joblib.Parallel(
            n_jobs=workers, return_as="generator_unordered", batch_size=1, pre_dispatch=2 * workers
        )
        yield from pool(tasks())


def _indexed(index: int, track: Track, job: Job) -> tuple[int, Outcome]:
    return index, analyse(track, job)


def tabulate(results: Sequence[Outcome], job: Job) -> pd.DataFrame:
    """Lay the rows of outcomes together in the columns of the schema."""
    good = [outcome for outcome in results if outcome.failure is None]
    counts = [len(outcome.starts) for outcome in good]
    data: dict[str, object] = {"path": np.repeat([outcome.path for outcome in good], counts)}
    if job.windows is not None:
        data["start"] = np.concatenate([np.empty(0), *(outcome.starts for outcome in good)])
        data["seconds"] = np.concatenate([np.empty(0), *(outcome.seconds for outcome in good)])
    data["sha256"] = np.repeat([outcome.sha256 for outcome in good], counts)
    columns = job.schema.columns
    values = np.concatenate(
        [np.empty((0, len(columns))), *(outcome.values for outcome in good)], axis=0
    )
    for index, column in enumerate(columns):
        data[column.name] = values[:, index].astype(column.dtype)
    return pd.DataFrame(data).astype({"path": "str", "sha256": "str"})


class _Parts:
    """Finished outcomes on disk, so that an interrupted run can be taken up again.

    A part is one Parquet file with the rows and failures of some tracks, written atomically. It is
    believed for a track as long as the file's size and time of change are the same.
    """

    def __init__(self, output: Path, job: Job) -> None:
        self.folder = output.with_name(f"{output.name}.parts")
        self._job = job
        self._held: list[tuple[Track, Outcome]] = []
        self._saved = time.monotonic()
        self._count = 0

    def _name(self) -> str:
        windows = "" if self._job.windows is None else f"-{self._job.windows:g}s"
        return f"{self._job.schema.fingerprint}{windows}"

    def finished(self, tracks: Sequence[Track]) -> dict[int, Outcome]:
        """Return the outcomes of an earlier run that still hold."""
        stored: dict[tuple[str, str], Outcome] = {}
        for part in sorted(self.folder.glob(f"{self._name()}-*.parquet")):
            self._count += 1
            # A part that was damaged, by a power cut say, is as good as none.
            with contextlib.suppress(OSError, ValueError, KeyError, pa.ArrowException):
                stored |= self._load(part)
        return {
            index: stored[key]
            for index, track in enumerate(tracks)
            if (key := (track.path, _stamp(track))) in stored
        }

    def _load(self, part: Path) -> dict[tuple[str, str], Outcome]:
        rows = pd.read_parquet(part)
        names = self._job.schema.names
        found = {}
        for _, own in rows.groupby(["path", "stamp"], sort=False):
            first = own.iloc[0]
            path, stamp = str(first["path"]), str(first["stamp"])
            failure = (path, first["stage"], first["error"], first["message"])
            found[path, stamp] = Outcome(
                path,
                first["sha256"],
                own["start"].to_numpy(),
                own["seconds"].to_numpy(),
                own[names].to_numpy(np.float64),
                failure if first["stage"] else None,
            )
        return found

    def add(self, track: Track, outcome: Outcome) -> None:
        self._held.append((track, outcome))
        if time.monotonic() - self._saved > SECONDS_PER_PART:
            self.save()

    def save(self) -> None:
        if not self._held:
            return
        names = self._job.schema.names
        records = []
        for track, outcome in self._held:
            stage, error, message = (outcome.failure or ("", "", "", ""))[1:]
            failed = outcome.failure is not None
            values = np.full((1, len(names)), np.nan) if failed else outcome.values
            rows = pd.DataFrame(values, columns=names)
            rows["path"], rows["stamp"], rows["sha256"] = track.path, _stamp(track), outcome.sha256
            rows["start"] = 0.0 if failed else outcome.starts
            rows["seconds"] = 0.0 if failed else outcome.seconds
            rows["stage"], rows["error"], rows["message"] = stage, error, message
            records.append(rows)
        part = self.folder / f"{self._name()}-{self._count:06d}.parquet"
        tables.write(pd.concat(records, ignore_index=True), part)
        self._count += 1
        self._held.clear()
        self._saved = time.monotonic()

    def remove(self) -> None:
        # Parts of other settings go too; what is not ours stays, and with it the folder.
        for part in self.folder.glob("*-[0-9][0-9][0-9][0-9][0-9][0-9].parquet"):
            part.unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            self.folder.rmdir()


def _stamp(track: Track) -> str:
    """Return what changes when a file is replaced: its size and time of change."""
    try:
        status = track.location.stat()
    except OSError:
        return ""
    return f"{status.st_size}-{status.st_mtime_ns}"


@dataclass(frozen=True)
class Result:
    """What a run gave.

    Parameters
    ----------
    table : DataFrame
        A row per track or window, in the order of the tracks.
    failures : list of tuple of str
        Path, stage, error and message of what could not be analysed.
    """

    table: pd.DataFrame
    failures: list[tuple[str, ...]]


def extract(
    sources: Iterable[str | Path],
    job: Job,
    *,
    output: Path | None = None,
    workers: int = 1,
    progress: bool = False,
) -> Result:
    """Analyse every audio file of the sources.

    Parameters
    ----------
    sources : iterable of str or Path
        Files and folders.
    job : Job
        What to compute.
    output : Path, optional
        Where the table goes, and its failures beside it. Finished tracks are kept in a folder
        ``<output>.parts`` meanwhile, so that an interrupted run goes on where it was.
    workers : int
        Processes; the table is the same for any number.
    progress : bool
        Show a bar on stderr.

    Raises
    ------
    FindError
        The sources hold no audio at all.
    WriteError
        The output cannot be written.
    """
    sources = list(sources)
    if output is not None:
        tables.check_output(output)
    tracks, unfound = files.find(sources)
    if not tracks:
        raise unfound[0] if unfound else FindError("sources", "name at least one file or folder")
    parts = None if output is None else _Parts(output, job)
    done = parts.finished(tracks) if parts else {}
    rest = [index for index in range(len(tracks)) if index not in done]
    try:
        for index, outcome in _with_progress(
            outcomes([tracks[index] for index in rest], job, workers),
            len(tracks),
            len(done),
            progress,
        ):
            done[rest[index]] = outcome
            if parts:
                parts.add(tracks[rest[index]], outcome)
    except BaseException:
        if parts:
            parts.save()
        raise
    ordered = [done[index] for index in range(len(tracks))]
    failures: list[tuple[str, ...]] = [
        (error.path, error.stage, type(error).__name__, error.message) for error in unfound
    ]
    failures += [outcome.failure for outcome in ordered if outcome.failure is not None]
    result = Result(tabulate(ordered, job), failures)
    if output is not None and parts is not None:
        tables.write(result.table, output, job.schema)
        tables.write_failures(failures, output)
        parts.remove()
    return result


def _with_progress(
    results: Iterator[tuple[int, Outcome]], total: int, done: int, show: bool
) -> Iterator[tuple[int, Outcome]]:
    from tqdm import tqdm

    failed = 0
    with tqdm(
        total=total, initial=done, unit="track", disable=not show, dynamic_ncols=True
    ) as progress:
        # The first run on a machine compiles the kernels, and workers take a moment to start.
        progress.set_description("preparing")
        for index, outcome in results:
            failed += outcome.failure is not None
            progress.set_description("analysing", refresh=False)
            if failed:
                progress.set_postfix(failed=failed)
            progress.update()
            yield index, outcome
