"""A table of descriptors becomes genres, and the reasons for them.

A table is checked and its log-odds are computed once (`scored`); predictions and explanations are
views of that.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from earmark.classify.dataset.build import finite, flags, row_names
from earmark.classify.dataset.pooling import pool
from earmark.classify.model.ensemble import softmax
from earmark.extract import config, schema, sets, tables
from earmark.extract.batch.track import Extraction
from earmark.extract.errors import BundleError, SchemaError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from earmark.classify.model.bundle import Bundle

__all__ = [
    "EXPLAINED_COLUMNS",
    "Scored",
    "check",
    "explanations",
    "extraction_of",
    "paths_of",
    "predictions",
    "ranked",
    "scored",
]

EXPLAINED_COLUMNS = ["path", "genre", "feature", "value", "contribution"]

CHUNK = 10_000_000
"""Contributions that are held at once, in numbers."""


@dataclass(frozen=True, eq=False)
class Scored:
    """What a model says of the tracks of a table.

    Parameters
    ----------
    bundle : Bundle
        The model.
    features : DataFrame of shape (rows, inputs)
        Those inputs of the model that the table has, of the rows that have sound.
    tracks : ndarray of shape (rows,)
        The track of each of these rows.
    paths : list of str
        All tracks of the table, also those without sound, in order.
    logits : DataFrame of shape (tracks with sound, genres)
        The log-odds of each genre, averaged over the rows of a track; by path.
    """

    bundle: Bundle
    features: pd.DataFrame
    tracks: NDArray[np.object_]
    paths: list[str]
    logits: pd.DataFrame

    def predictions(self, top: int = 3) -> pd.DataFrame:
        """Return the most probable genres of every track.

        Parameters
        ----------
        top : int
            How many genres to name.

        Returns
        -------
        DataFrame
            ``path``, ``genre``, ``probability``, ``genre_2``, ``probability_2`` …, a row per
            track. A track without sound has no genre: its cells are missing.
        """
        probabilities = softmax(self.logits.to_numpy())
        top = max(1, min(top, len(self.bundle.genres)))
        ranks = np.argsort(-probabilities, axis=1, kind="stable")[:, :top]
        genres = np.asarray(self.bundle.genres, object)[ranks]
        chances = np.take_along_axis(probabilities, ranks, axis=1)
        columns: dict[str, object] = {}
        for rank in range(top):
            suffix = "" if rank == 0 else f"_{rank + 1}"
            index = self.logits.index
            columns[f"genre{suffix}"] = pd.Series(genres[:, rank], index, dtype="str")
            columns[f"probability{suffix}"] = pd.Series(chances[:, rank], index, dtype="float32")
        return pd.DataFrame(columns).reindex(self.paths).rename_axis("path").reset_index()

    def explanations(self, top: int = 5) -> pd.DataFrame:
        """Say what spoke for and against the genre of every track.

        Parameters
        ----------
        top : int
            How many columns to name for, and how many against.

        Returns
        -------
        DataFrame
            ``path``, ``genre`` (the most probable one), ``feature``, ``value`` (of windows the
            mean) and ``contribution``: what the column adds to the genre's log-odds beyond what it
            adds to the average genre's. Positive ones speak for the genre. For each track the
            strongest for, then the strongest against. See
            `earmark.classify.model.ensemble.Ensemble.contributions`.
        """
        bundle, features, tracks = self.bundle, self.features, self.tracks
        values = np.mean(bundle.filled(features), axis=0) if len(features) else features.to_numpy()
        present = np.array([name in features for name in bundle.inputs])
        best = pd.Series(self.logits.to_numpy().argmax(axis=1), self.logits.index)
        genre_of_row = best.reindex(tracks).to_numpy()
        # As many rows at a time as come to so many numbers.
        step = max(1, CHUNK // (len(bundle.genres) * (len(bundle.inputs) + 1)))
        added = np.zeros((len(tracks), len(bundle.inputs)))
        for start in range(0, len(tracks), step):
            rows = slice(start, start + step)
            added[rows] = bundle.ensemble.contributions(values[rows], genre_of_row[rows])[:, :-1]
        added[:, ~present] = 0.0
        genres = [bundle.genres[place] for place in genre_of_row]
        return ranked(added, values, tracks, genres, bundle.inputs, top)


def scored(
    bundle: Bundle,
    table: pd.DataFrame,
    *,
    about: dict[str, Any] | None = None,
    where: str = "the table",
) -> Scored:
    """Check a table and compute the log-odds of its tracks.

    Parameters
    ----------
    bundle : Bundle
        The model.
    table : DataFrame
        Rows of tracks, or of windows, whose log-odds are averaged over a track.
    about : dict, optional
        What the table says of itself (`earmark.extract.tables.read`).
    where : str
        What to call the table in an error.

    Raises
    ------
    SchemaError
        The table has other columns than the model was trained on, other settings made it, or a row
        has no path.
    """
    check(bundle, table, about, where)
    present = [name for name in bundle.columns if name in table]
    audible = tables.described(table, present).to_numpy()
    features = table.loc[audible, [name for name in bundle.inputs if name in table]]
    if "explicit" in features:
        features = features.assign(explicit=flags(features["explicit"]))
    paths = paths_of(table, where)
    finite(features, paths[audible], where)
    tracks = paths.to_numpy(object)[audible]
    index, logits = pool(bundle.logits(features), tracks)
    return Scored(
        bundle=bundle,
        features=features,
        tracks=tracks,
        paths=paths.drop_duplicates().tolist(),
        logits=pd.DataFrame(logits, index=index, columns=bundle.genres),
    )


def predictions(
    bundle: Bundle,
    table: pd.DataFrame,
    *,
    about: dict[str, Any] | None = None,
    where: str = "the table",
    top: int = 3,
) -> pd.DataFrame:
    """Return the most probable genres of every track: `scored`, then `Scored.predictions`."""
    return scored(bundle, table, about=about, where=where).predictions(top)


def explanations(
    bundle: Bundle,
    table: pd.DataFrame,
    *,
    about: dict[str, Any] | None = None,
    where: str = "the table",
    top: int = 5,
) -> pd.DataFrame:
    """Say what spoke for and against each genre: `scored`, then `Scored.explanations`."""
    return scored(bundle, table, about=about, where=where).explanations(top)


def extraction_of(bundle: Bundle, where: str) -> Extraction:
    """Return what has to be computed of audio files for a model.

    Parameters
    ----------
    bundle : Bundle
        The model.
    where : str
        What to call it in an error.

    Raises
    ------
    BundleError
        It was trained on a table that Earmark did not make.
    """
    if bundle.set_name is None:
        raise BundleError(
            f"{where}: was trained on a table that Earmark did not extract; it can classify "
            "tables with the same columns, not audio files"
        )
    return Extraction(bundle.set_name, config.parse(bundle.settings, where), bundle.windows)


def check(bundle: Bundle, table: pd.DataFrame, about: dict[str, Any] | None, where: str) -> None:
    """Refuse a table that was not made like the one that the model was trained on.

    Raises
    ------
    SchemaError
        It has other columns, or other settings made it.
    """
    about = about or {}
    remedy = (
        f"Make the table with `earmark extract --set {bundle.set_name}` of the "
        "version of Earmark that trained the model, or train the model again"
        if bundle.set
        else "Train the model again on a table with these columns"
    )
    given = sets.needed(bundle.set, tables.feature_columns(table, about))
    if not bundle.set and set(bundle.columns) <= set(table.columns):
        # Somebody else's table may hold more: labels, names, splits.
        given = [str(name) for name in table.columns if name in set(bundle.columns)]
    # What a model can do without is asked for nowhere.
    needed = [name for name in bundle.columns if name not in bundle.stand_ins]
    given = [name for name in given if name not in bundle.stand_ins]
    schema.check(needed, given, where, remedy + ".")
    tables.check_scales(bundle.set, table, where)
    theirs = about.get("fingerprint")
    if theirs and bundle.fingerprint and theirs != bundle.fingerprint:
        others = [
            f"{name} {value} (the model has {bundle.settings.get(name)})"
            for name, value in about.get("settings", {}).items()
            if value != bundle.settings.get(name)
        ]
        if about.get("set") not in (None, bundle.set):
            others = [f"set {about['set']} (the model has {bundle.set})"]
        elif others:
            remedy = "Extract again with the model's settings, or train on this table"
        raise SchemaError(
            f"{where} was not extracted like the table that the model was trained on: "
            f"{', '.join(others) or f'other versions ({theirs}, not {bundle.fingerprint})'}. "
            f"{remedy}."
        )


def paths_of(table: pd.DataFrame, where: str | Path = "the table") -> pd.Series:
    """Return the track that each row is of; in a table without paths, whatever names its rows.

    Parameters
    ----------
    table : DataFrame
        Its paths may also be numbers.
    where : str or Path
        What to call the table in an error.

    Raises
    ------
    SchemaError
        A path is missing.
    """
    if "path" in table:
        missing = table["path"].isna()
        if missing.any():
            raise SchemaError(
                f"{where}: {int(missing.sum())} of its {len(table)} rows have no path, the first "
                f"of them row {int(missing.argmax()) + 1}; name their tracks, or leave them out"
            )
        return table["path"].astype(str)
    if isinstance(table.index, pd.RangeIndex):
        return pd.Series(row_names(table), table.index)
    return pd.Series(table.index.astype(str), table.index)


def ranked(
    contributions: NDArray[np.float64],
    values: NDArray[np.float32],
    paths: NDArray[np.object_],
    genres: Sequence[str],
    inputs: Sequence[str],
    top: int,
) -> pd.DataFrame:
    """Name the columns that added most to each track's genre, and those that took most away.

    Parameters
    ----------
    contributions : ndarray of shape (rows, inputs)
        From `earmark.classify.model.ensemble.Ensemble.contributions`, without what it starts from.
    values : ndarray of shape (rows, inputs)
        What they are of.
    paths, genres : sequence of str, a value for each row
        The track, and its genre that is explained.
    inputs : sequence of str
        What the columns are called.
    top : int
        How many to name each way.
    """
    order, added = pool(contributions, paths)
    shown = pd.DataFrame(values).groupby(pd.factorize(paths)[0]).mean().to_numpy()
    genre_of = dict(zip(paths, genres, strict=True))
    rows = []
    for track, of_track, seen in zip(order, added, shown, strict=True):
        places = np.argsort(-of_track, kind="stable")
        speaking = [place for place in places[:top] if of_track[place] > 0]
        speaking += [place for place in places[::-1][:top] if of_track[place] < 0]
        rows += [
            (track, genre_of[track], inputs[place], seen[place], of_track[place])
            for place in speaking
        ]
    return pd.DataFrame(rows, columns=EXPLAINED_COLUMNS)
