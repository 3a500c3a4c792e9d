"""Audio files, or a table, become what is known of tracks and where their files are."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from earmark.classify import load, score
from earmark.classify.dataset.names import located, pair
from earmark.classify.dataset.pooling import per_track
from earmark.classify.library.tagging.changes import Origin
from earmark.classify.library.tagging.look import sha256_of
from earmark.extract import tables
from earmark.extract.audio.sources import find
from earmark.extract.batch import executors, run
from earmark.extract.errors import SchemaError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from earmark.classify.trained import Trained
    from earmark.extract.feature_table import FeatureTable

__all__ = ["Known", "of_files", "of_table"]

LEVEL = ["loudness", "true_peak"]
"""What ReplayGain is made of."""


@dataclass(frozen=True)
class Known:
    """What is known of tracks.

    Parameters
    ----------
    rows : DataFrame
        A row per track; see `earmark.classify.library.tagging.plan.make`.
    locations : dict
        The file of each path that was found.
    origin : Origin
        Where the values come from.
    notes : list of str
        What a reader has to know.
    failures : list of tuple of str
        Path, stage, error and message of what could not be analysed.
    """

    rows: pd.DataFrame
    locations: dict[str, Path]
    origin: Origin
    notes: list[str] = field(default_factory=list)
    failures: Sequence[tuple[str, ...]] = ()


def of_files(
    sources: Sequence[str | Path],
    model: str | Path | None = None,
    *,
    level: bool = True,
    timeout: float | None = None,
    workers: int = 1,
    progress: bool = False,
) -> Known:
    """Analyse and classify audio files.

    Parameters
    ----------
    sources : sequence of str or Path
        Files and folders.
    model : str or Path, optional
        A model directory; by default the one that ships.
    level : bool
        Whether loudness and true peak are wanted, which takes a second pass: no set has them beside
        what a model looks at.
    timeout, progress
        As for `earmark.extract.batch.run.extract`.
    workers : int
        Processes that analyse.

    Raises
    ------
    FindError
        The sources hold no audio.
    """
    bundle = load(model)
    extraction = replace(
        score.extraction_of(bundle, str(model or "the default model")), timeout=timeout
    )
    executor = executors.Processes(workers)
    result = run.extract(sources, extraction, executor=executor, progress=progress)
    table = result.held[-1]
    rows = _rows(bundle, table)
    if level:
        loud = run.extract(
            sources,
            run.Extraction("loudness", timeout=timeout),
            executor=executor,
            progress=progress,
        )
        levels = loud.held[0].frame.set_index("path")[[*LEVEL, "duration_ms"]]
        rows = rows.drop(columns=levels.columns.intersection(rows.columns)).join(levels, on="path")
    locations = {track.path: track.location for track in find(sources)[0]}
    origin = Origin(table.set, _name(model))
    return Known(rows, locations, origin, failures=result.failures)


def of_table(
    path: Path,
    folder: Path | None = None,
    model: str | Path | None = None,
    features: Sequence[Path] = (),
) -> Known:
    """Take what a table knows: predictions, or features, which are classified.

    Parameters
    ----------
    path : Path
        The table.
    folder : Path, optional
        The folder that was analysed; by default the paths of the table are taken as they are.
        Files that are called otherwise now are found by their sums, if the table has those.
    model : str or Path, optional
        The model that classifies features; by default the one that ships and looks at them.
    features : sequence of Path
        Tables of the same tracks beside it, whose columns count where no table before has them.

    Raises
    ------
    SchemaError
        The table names no files, or none that are there.
    """
    table = tables.read(path)
    frame = table.frame
    if "path" not in frame:
        raise SchemaError(f"{path}: has no column 'path' that names the files")
    notes: list[str] = []
    origin = Origin(table.set)
    if "genre" in frame and model is None:
        rows = frame
    else:
        bundle, named = _model_for(table, model)
        if bundle is None:
            notes.append(f"{path} has no genres, and no model looks at its columns alone")
            rows = frame if not table.windowed else _of_tracks(table)
        else:
            rows, origin = _rows(bundle, table), Origin(table.set, named)
    rows = _with_level(rows, table)
    double = int(rows["path"].duplicated().sum())
    if double:
        notes.append(f"{path} has {double} rows of files that it has already; the first counts")
    for other in features:
        beside = tables.read(other)
        rows = _beside(rows, _with_level(_of_tracks(beside), beside))
        origin = replace(origin, set=origin.set or beside.set)
    locations = _located(rows, folder)
    if not locations:
        where = f"in {folder}" if folder else "here; name the folder that was analysed: --audio DIR"
        raise SchemaError(f"{path}: none of the files that it names is {where}")
    return Known(rows, locations, origin, notes)


def _rows(bundle: Trained, table: FeatureTable) -> pd.DataFrame:
    """Return the genres of tracks, and beside them what the table says."""
    found = score.scored(bundle, table).predictions(top=1)
    own = _of_tracks(table).drop(columns=["genre", "probability"], errors="ignore")
    return found.merge(own, on="path", how="left")


def _of_tracks(table: FeatureTable) -> pd.DataFrame:
    """Return a row for each track."""
    frame = table.frame
    if not table.windowed:
        return frame.assign(path=table.paths).drop_duplicates("path")
    numbers = frame[table.columns].select_dtypes("number")
    tracks = per_track(numbers, table.paths).rename_axis("path").reset_index()
    if "sha256" in frame:
        sums = dict(zip(table.paths, frame["sha256"], strict=True))
        tracks["sha256"] = tracks["path"].map(sums)
    return tracks


def _with_level(rows: pd.DataFrame, table: FeatureTable) -> pd.DataFrame:
    """Return rows without a loudness that does not tell how a player shall turn a track up.

    That of windows is not that of the track, and without a peak it may be on Spotify's own scale.
    """
    if table.windowed or not set(LEVEL) <= set(rows):
        return rows.drop(columns=rows.columns.intersection(LEVEL))
    return rows


def _beside(rows: pd.DataFrame, others: pd.DataFrame) -> pd.DataFrame:
    """Return rows with the columns that another table of the same tracks has and they have not."""
    paired = pair(rows["path"].astype(str).tolist(), others["path"].astype(str)).paths
    known = others.assign(path=others["path"].astype(str)).drop_duplicates("path")
    new = known.set_index("path").reindex(paired).set_axis(rows.index)
    return rows.join(new[[name for name in new if name not in rows]])


def _model_for(table: FeatureTable, model: str | Path | None) -> tuple[Trained | None, str]:
    """Return a model that looks at what the table has, and what it is called."""
    if model is not None:
        return load(model), _name(model)
    for name in (None, "light"):
        bundle = load(name)
        if set(bundle.inputs) <= set(table.frame):
            return bundle, _name(name)
    return None, ""


def _name(model: str | Path | None) -> str:
    return Path(model).name if model is not None else "default"


def _located(rows: pd.DataFrame, folder: Path | None) -> dict[str, Path]:
    """Find the files of tracks by their names, and those that moved by their sums."""
    names = rows["path"].dropna().astype(str).drop_duplicates()
    if folder is None:
        return {name: Path(name) for name in names if Path(name).is_file()}
    found = located(names, folder)
    if "sha256" not in rows or len(found) == len(names):
        return found
    gone = rows[~rows["path"].isin(list(found))].dropna(subset=["sha256"])
    wanted = dict(zip(gone["sha256"], gone["path"], strict=True))
    taken = {place.resolve() for place in found.values()}
    for track in find([folder])[0]:
        if wanted and track.location.resolve() not in taken:
            try:
                name = wanted.pop(sha256_of(track.location), None)
            except OSError:
                continue
            if name is not None:
                found[name] = track.location
    return found
