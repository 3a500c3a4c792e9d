"""Audio files become a table of descriptors.

The examples use the six tracks in ``data/raw``, which a copy of the project has.
"""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pandas as pd

    from earmark.extract.batch.track import Extraction
    from earmark.extract.config import Settings

__all__ = ["beats", "concat", "features", "table", "tracks_and_windows"]


def features(
    path: str | Path, *, set: str = "default", settings: Settings | None = None
) -> pd.Series:
    """Compute the descriptors of one file.

    Parameters
    ----------
    path : str or Path
        An audio file of any format.
    set : str
        Name of the feature set.
    settings : Settings, optional
        Sample rate, window and the rest; see `earmark.extract.config.Settings`.

    Returns
    -------
    Series
        The values by the names of their columns, float64; its name is the path. What cannot be
        computed is NaN. What is odd about the file is told in a warning.

    Raises
    ------
    NotFoundError
        There is no such file (a `FileNotFoundError`, too).
    FileError
        The file cannot be decoded or analysed.

    Examples
    --------
    >>> row = features("data/raw/jazz-120bpm-b-flat-major.wav")
    >>> int(row["duration_ms"]), round(row["tempo"]), int(row["key"]), int(row["mode"])
    (12800, 120, 10, 1)
    """
    import pandas as pd

    from earmark.extract.audio.sources import Track
    from earmark.extract.batch.track import Extraction, analyse, error_of
    from earmark.extract.config import DEFAULTS

    extraction = Extraction(set, settings or DEFAULTS)
    _require(path)
    outcome = analyse(Track(str(path), Path(path)), extraction)
    if outcome.failure is not None:
        raise error_of(outcome.failure)
    if outcome.notes:
        warnings.warn(f"{path}: {'; '.join(outcome.notes)}", stacklevel=2)
    return pd.Series(outcome.values[0], index=extraction.schema.names, name=str(path))


def beats(path: str | Path, *, settings: Settings | None = None) -> pd.DataFrame:
    """Find the beats of one file, and where its bars begin.

    Beats follow the tempo where it changes, up to half an octave around that of the whole file.

    Parameters
    ----------
    path : str or Path
        An audio file of any format.
    settings : Settings, optional
        As for `features`.

    Returns
    -------
    DataFrame
        ``time`` in seconds, ``beat``, its number in the bar, 1 for the first, and ``tempo``, that
        of the few seconds around it; without rows where nothing repeats. ``attrs["tempo"]`` says
        in words how the tempo changes, and is empty where it does not. All are estimates: bars are
        as long as `time_signature` says, and begin where bass, harmony and sound change, which is
        right in little more than half of the tracks.

    Raises
    ------
    NotFoundError
        There is no such file (a `FileNotFoundError`, too).
    DecodeError
        The file cannot be decoded.

    Examples
    --------
    >>> found = beats("data/raw/house-128bpm-a-minor.mp3")
    >>> print(f"{60 / found['time'].diff().mean():.0f} beats per minute")
    128 beats per minute
    >>> sorted(found["beat"].unique().tolist())
    [1, 2, 3, 4]
    """
    import pandas as pd

    from earmark.extract.audio import decode
    from earmark.extract.batch.track import EMPTY
    from earmark.extract.config import DEFAULTS
    from earmark.extract.descriptors import rhythm
    from earmark.extract.engine import registry, single_pass
    from earmark.extract.errors import DecodeError
    from earmark.extract.sets import TRACK_WINDOW

    _require(path)
    listener = rhythm.Listener()
    wanted = tuple(registry.get(name) for name in listener.NEEDS)
    with decode.open_audio(Path(path)) as audio:
        track = single_pass.summarise_track(
            audio, wanted, settings or DEFAULTS, {TRACK_WINDOW}, listener
        )[TRACK_WINDOW]
    if not track.seconds:
        raise DecodeError(path, EMPTY)
    times, numbers, tempi = rhythm.beats(track, listener)
    found = pd.DataFrame({"time": times, "beat": numbers, "tempo": tempi})
    if len(found):
        found.attrs["tempo"] = track.cached(rhythm.tempo_map).words()
    return found


def table(
    sources: Iterable[str | Path],
    *,
    set: str = "default",
    settings: Settings | None = None,
    windows: float | None = None,
    workers: int = 1,
    progress: bool = False,
) -> pd.DataFrame:
    """Compute the descriptors of every audio file of the sources.

    Parameters
    ----------
    sources : iterable of str or Path
        Files, and folders that are searched at every depth.
    set, settings
        As for `features`.
    windows : float, optional
        Length in seconds of the windows that rows describe; None for a row per track.
    workers : int
        Number of processes.
    progress : bool
        Show a bar on stderr.

    Returns
    -------
    DataFrame
        A row per track or window: ``path``, (``start``, ``seconds``,) ``sha256`` and the columns
        of the set. Files that could not be analysed are named in a warning and listed as dicts in
        ``attrs["failures"]``, what is odd about others in ``attrs["notes"]``; what made the values
        stands in ``attrs["earmark"]``, so that a model can refuse a table that was not made like
        its own.

    Raises
    ------
    FindError
        The sources hold no audio at all.

    Examples
    --------
    A folder is searched at every depth; a file is named as it was given:

    >>> found = table(["data/raw"], set="spotify")
    >>> found["path"].iloc[2]
    'jazz-120bpm-b-flat-major.wav'
    >>> found["time_signature"].tolist()
    [4, 4, 4, 4, 4, 3]
    >>> found.attrs["failures"]
    []
    >>> found.attrs["earmark"]["columns"][:3]
    ['danceability', 'energy', 'key']
    """
    from earmark.extract.batch import run
    from earmark.extract.config import DEFAULTS

    extraction = run.Extraction(set, settings or DEFAULTS, windows)
    return _run(sources, extraction, workers, progress)[0]


def tracks_and_windows(
    sources: Iterable[str | Path],
    *,
    windows: float = 6.0,
    set: str = "default",
    settings: Settings | None = None,
    workers: int = 1,
    progress: bool = False,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Compute the descriptors of tracks and of their windows in one pass.

    Parameters
    ----------
    sources, windows, set, settings, workers, progress
        As for `table`.

    Returns
    -------
    tracks, windows : DataFrame
        The same as `table` gives without and with `windows`.

    Examples
    --------
    >>> tracks, windows = tracks_and_windows(["data/raw/waltz-96bpm-f-major.flac"], windows=5)
    >>> len(tracks), len(windows)
    (1, 3)
    >>> windows["start"].round().tolist()
    [0.0, 5.0, 10.0]
    """
    from earmark.extract.batch import run
    from earmark.extract.config import DEFAULTS

    extraction = run.Extraction(set, settings or DEFAULTS, windows, tracks=True)
    by_window, by_track = _run(sources, extraction, workers, progress)
    return by_track, by_window


def concat(tables: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """Lay tables together that were made alike.

    ``pandas.concat`` loses what made the values where files of some tables failed, and lays tables
    together whose values cannot be compared.

    Parameters
    ----------
    tables : iterable of DataFrame
        From `table`, all of one set, with the same settings and windows.

    Returns
    -------
    DataFrame
        All rows in order, with what made the values in ``attrs["earmark"]`` and the failures of
        all tables in ``attrs["failures"]``.

    Raises
    ------
    SchemaError
        The tables were made differently, or one does not say how.

    Examples
    --------
    >>> first = table(["data/raw/house-128bpm-a-minor.mp3"])
    >>> second = table(["data/raw/metal-150bpm-e-minor.m4a"])
    >>> len(concat([first, second]))
    2
    """
    from earmark.extract import feature_table

    parts = list(tables)
    joined = feature_table.concat(parts).to_frame()
    for kind in ("failures", "notes"):
        joined.attrs[kind] = [row for part in parts for row in part.attrs.get(kind, ())]
    return joined


def _require(path: str | Path) -> None:
    """Refuse a file that is not there, as `open` does."""
    from earmark.extract.errors import NotFoundError

    if not os.path.exists(path):  # noqa: PTH110 - unlike that of a Path, this never raises
        if Path(path).is_symlink():
            raise NotFoundError(path, "is a link to nothing")
        raise NotFoundError(path)


def _run(
    sources: Iterable[str | Path], extraction: Extraction, workers: int, progress: bool
) -> tuple[pd.DataFrame, ...]:
    from earmark.extract import tables
    from earmark.extract.batch import executors, run

    paths = [sources] if isinstance(sources, str | Path) else sources
    executor = executors.Processes(workers, isolate=False)
    result = run.extract(paths, extraction, executor=executor, progress=progress)
    if result.failures:
        first = ": ".join((result.failures[0][0], result.failures[0][3]))
        warnings.warn(f"{len(result.failures)} failed, the first: {first}", stacklevel=3)
    failures = [dict(zip(tables.FAILURE_COLUMNS, row, strict=True)) for row in result.failures]
    notes = [dict(zip(tables.NOTE_COLUMNS, row, strict=True)) for row in result.notes]
    frames = tuple(table.to_frame() for table in result.held)
    for frame in frames:
        frame.attrs["failures"] = failures
        frame.attrs["notes"] = notes
    return frames
