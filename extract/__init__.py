"""Audio files become a table of descriptors.

Examples
--------
>>> import extract
>>> row = extract.features("song.mp3")  # doctest: +SKIP
>>> table = extract.table(["music/", "one.flac"], workers=4)  # doctest: +SKIP
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

    from extract.config import Settings

__all__ = ["__version__", "features", "table"]

__version__ = "0.1.0"


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
        Sample rate, window and the rest; see `extract.config.Settings`.

    Returns
    -------
    Series
        The values by the names of their columns, float64; its name is the path. What cannot be
        computed is NaN.

    Raises
    ------
    FileError
        The file cannot be found, decoded or analysed.
    """
    import pandas as pd

    from extract import errors
    from extract.analyse import Job, analyse
    from extract.config import DEFAULTS
    from extract.files import Track

    job = Job(set, settings or DEFAULTS)
    outcome = analyse(Track(str(path), Path(path)), job)
    if outcome.failure is not None:
        _, _, name, message = outcome.failure
        raise getattr(errors, name)(path, message)
    return pd.Series(outcome.values[0], index=job.schema.names, name=str(path))


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
        ``attrs["failures"]``.

    Raises
    ------
    FindError
        The sources hold no audio at all.
    """
    from extract import run, tables
    from extract.config import DEFAULTS

    job = run.Job(set, settings or DEFAULTS, windows)
    paths = [sources] if isinstance(sources, str | Path) else sources
    result = run.extract(paths, job, workers=workers, progress=progress)
    if result.failures:
        first = ": ".join((result.failures[0][0], result.failures[0][3]))
        warnings.warn(f"{len(result.failures)} failed, the first: {first}", stacklevel=2)
    result.table.attrs["failures"] = [
        dict(zip(tables.FAILURE_COLUMNS, failure, strict=True)) for failure in result.failures
    ]
    return result.table
