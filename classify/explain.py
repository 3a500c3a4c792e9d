"""Why a track has its genre: the columns that spoke for it and those that spoke against it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from earmark.classify import score

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from earmark.classify.model.bundle import Bundle
    from earmark.extract.feature_table import FeatureTable

__all__ = ["COLUMNS", "explanations", "ranked"]

COLUMNS = ["path", "genre", "feature", "value", "contribution"]

CHUNK = 10_000_000
"""Contributions that are held at once, in numbers."""


def explanations(
    bundle: Bundle,
    table: pd.DataFrame | FeatureTable,
    *,
    about: dict[str, Any] | None = None,
    where: str = "the table",
    top: int = 5,
) -> pd.DataFrame:
    """Say what spoke for and against the genre of every track.

    Parameters
    ----------
    bundle, table, about, where
        As for `earmark.classify.score.predictions`.
    top : int
        How many columns to name for, and how many against.

    Returns
    -------
    DataFrame
        ``path``, ``genre`` (the most probable one), ``feature``, ``value`` (of windows the mean)
        and ``contribution``: what the column adds to the genre's log-odds beyond what it adds to
        the average genre's. Positive ones speak for the genre. For each track the strongest for,
        then the strongest against. See `earmark.classify.model.ensemble.Ensemble.contributions`.

    Raises
    ------
    SchemaError
        As from `predictions`.
    """
    features, paths = score.audible(bundle, table, about=about, where=where)
    values = np.mean(bundle.filled(features), axis=0) if len(features) else features.to_numpy()
    known = np.array([name in features for name in bundle.inputs])
    order, logits = score.pool(bundle.logits(features), paths)
    best = pd.Series(logits.argmax(axis=1), order)
    genre_of_row = best.reindex(paths).to_numpy()
    # As many rows at a time as come to so many numbers.
    step = max(1, CHUNK // (len(bundle.genres) * (len(bundle.inputs) + 1)))
    added = np.zeros((len(paths), len(bundle.inputs)))
    for start in range(0, len(paths), step):
        rows = slice(start, start + step)
        added[rows] = bundle.ensemble.contributions(values[rows], genre_of_row[rows])[:, :-1]
    added[:, ~known] = 0.0
    genres = [bundle.genres[place] for place in genre_of_row]
    return ranked(added, values, paths, genres, bundle.inputs, top)


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
    order, added = score.pool(contributions, paths)
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
    return pd.DataFrame(rows, columns=COLUMNS)
