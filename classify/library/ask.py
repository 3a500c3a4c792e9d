"""Which tracks of a table are like one that somebody names, or like a file, and why."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from earmark.classify.library import similar
from earmark.classify.library.meant import named
from earmark.classify.reasons import by_family
from earmark.classify.reasons import told as told_of
from earmark.extract.errors import SchemaError, SettingsError
from earmark.extract.feature_table import FeatureTable

if TYPE_CHECKING:
    from earmark.classify.library.similar import Index, Rows

__all__ = ["find", "why"]

LIKE_IT = "music like it"
"""What `earmark.classify.reasons` calls tracks that are no genre."""

TOLD = 3
"""Families of descriptors that are told."""


def find(
    track: str,
    table: pd.DataFrame | FeatureTable,
    *,
    count: int = 10,
    duplicates: bool = False,
    reasons: bool = False,
) -> pd.DataFrame:
    """Return the tracks of a table that are most like a track.

    Parameters
    ----------
    track : str
        The track as the table names it, some words of its path, artist and title, or an audio
        file: where it is not in the table by its sum, it is analysed as the table was.
    table : DataFrame or FeatureTable
        As for `index`.
    count, duplicates
        As for `Index.near`.
    reasons : bool
        Also say why, in words.

    Returns
    -------
    DataFrame
        ``path`` and ``similarity``, and ``reasons`` where they are asked for.

    Raises
    ------
    FindError
        The table has no such track or several, and there is no such file.
    FileError
        The file cannot be analysed.
    SchemaError
        The table has no descriptors, a row has no path, or the table does not say how to analyse a
        file like its tracks.
    """
    source = FeatureTable.of(table).recognised()
    frame, paths = source.frame, source.paths
    if not (paths == track).any() and Path(track).is_file():
        rows, sha256 = _analysed(Path(track), source)
        same = frame["sha256"] == sha256
        if same.any():
            track = str(paths[same].iloc[0])
        else:
            rows = pd.concat([frame.assign(path=paths), rows], ignore_index=True)
            source = source.with_frame(rows)
    else:
        track = named(track, source)
    ready = similar.index_of(source)
    place = ready.places[track]
    found = ready.nearest(place, count, duplicates=duplicates)
    if reasons:
        found["reasons"] = why(source, ready, place, found["place"].to_numpy())
    return found.drop(columns="place")


def why(source: FeatureTable, ready: Index, place: int, others: Rows) -> list[str]:
    """Say in words in what tracks are like a track: how both differ from the average track.

    Parameters
    ----------
    source : FeatureTable
        What the index was made of.
    ready : Index
        The tracks.
    place : int
        The row of the track.
    others : ndarray of int
        Rows of those like it.

    Returns
    -------
    list of str
        For each of the others the families of descriptors that speak for it, the strongest first;
        empty where none is worth telling.
    """
    columns = similar.columns_of(source)
    means, _ = similar.per_track(source, columns)
    shared = pd.DataFrame(ready.vectors[others] * ready.vectors[place], columns=columns)
    numbers = means[columns].astype("float64")
    normal = pd.DataFrame({"middle": numbers.mean(), "spread": numbers.std(ddof=0)})
    values = numbers.iloc[others].reset_index(drop=True)
    heard = values.filter(like="tag_")
    tags = heard.clip(upper=numbers.iloc[place][heard.columns], axis=1)
    told = by_family(shared, values, dict.fromkeys(values.index, LIKE_IT), normal, tags)
    # What is alike in what a network hears, and in no word of it, says nothing to a listener.
    told = told[~told["words"].str.endswith(LIKE_IT)]
    by_track = dict(iter(told.groupby("path", sort=False)))
    return [
        "; ".join(told_of(by_track[row], 1, TOLD)) if row in by_track else ""
        for row in values.index
    ]


def _analysed(path: Path, table: FeatureTable) -> tuple[pd.DataFrame, str]:
    """Return rows of a file like those of a table, and the sum of the file."""
    # Whoever asks for a track of the table analyses nothing.
    from earmark.extract import config
    from earmark.extract.audio.sources import Track
    from earmark.extract.batch import run
    from earmark.extract.batch.track import Extraction, analyse, error_of

    if not table.set or "sha256" not in table.frame:
        raise SchemaError(
            f"{table.source} was not made by Earmark: a file cannot be analysed like its tracks. "
            "Name a track of the table"
        )
    settings = config.parse(table.provenance.get("settings") or {}, table.source)
    windows = table.provenance.get("windows")
    if windows is not None and not isinstance(windows, int | float):
        raise SettingsError(f"{table.source}: windows = {windows!r} is no number of seconds")
    extraction = Extraction(str(table.set).rpartition("-")[0], settings, windows)
    if table.fingerprint not in (None, extraction.schema.fingerprint):
        raise SchemaError(
            f"{table.source} was made by another version of Earmark: its values cannot be compared "
            "with new ones. Make it again with `earmark extract`, or name a track of the table"
        )
    outcome = analyse(Track(str(path), path), extraction)
    if outcome.failure is not None:
        raise error_of(outcome.failure)
    return run.tabulate([outcome], extraction.schema), outcome.sha256
