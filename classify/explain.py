"""Why a track has its genre: the columns that spoke for it and those that spoke against it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from classify import predict
from classify.bundle import Bundle

__all__ = ["COLUMNS", "explanations", "ranked"]

COLUMNS = ["path", "genre", "feature", "value", "contribution"]

CHUNK = 10_000_000
"""Contributions that are held at once, in numbers."""


def explanations(
    bundle: Bundle,
    table: pd.DataFrame,
    *,
    about: dict[str, Any] | None = None,
    where: str = "the table",
    top: int = 5,
) -> pd.DataFrame:
    """Say what spoke for and against the genre of every track.

    Parameters
    ----------
    bundle, table, about, where
        As for `classify.predict.predictions`.
    top : int
        How many columns to name for, and how many against.

    Returns
    -------
    DataFrame
        ``path``, ``genre`` (the most probable one), ``feature``, ``value`` (of windows the mean)
        and ``contribution``: what the column adds to the genre's log-odds beyond what it adds to
        the average genre's. Positive ones speak for the genre. For each track the strongest for,
        then the strongest against. See `classify.ensemble.Ensemble.contributions`.

    Raises
    ------
    SchemaError
        As from `predictions`.
    """
    features, paths = predict.audible(bundle, table, about=about, where=where)
    values = np.mean(bundle.filled(features), axis=0) if len(features) else features.to_numpy()
    known = np.array([name in features for name in bundle.inputs])
    tracks = pd.unique(paths)
    rows_of = pd.Series(range(len(paths))).groupby(paths).indices
    most = max(1, CHUNK // (len(bundle.genres) * (len(bundle.inputs) + 1)))
    # Whole tracks to a chunk, as many as come to so many rows.
    sizes = np.array([len(rows_of[track]) for track in tracks], int)
    chunk_of = np.cumsum(sizes) // most
    parts = []
    for chunk in np.unique(chunk_of):
        chosen = np.concatenate([rows_of[track] for track in tracks[chunk_of == chunk]])
        added = bundle.ensemble.contributions(values[chosen])
        added[:, :, :-1][:, :, ~known] = 0.0
        parts.append(
            ranked(added, values[chosen], paths[chosen], bundle.genres, bundle.inputs, top)
        )
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=COLUMNS)


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
    contributions : ndarray of shape (rows, genres, inputs + 1)
        From `classify.ensemble.Ensemble.contributions`.
    values : ndarray of shape (rows, inputs)
        What they are of.
    paths : ndarray of shape (rows,)
        The track of each row.
    genres, inputs : sequence of str
        What the axes are called.
    top : int
        How many to name each way.
    """
    order, added = predict.pool(contributions, paths)
    best = added.sum(axis=2).argmax(axis=1)
    own = added[np.arange(len(order)), best, :-1]
    shown = pd.DataFrame(values).groupby(pd.factorize(paths)[0]).mean().to_numpy()
    rows = []
    for track, genre, of_track, seen in zip(order, best, own, shown, strict=True):
        places = np.argsort(-of_track, kind="stable")
        speaking = [place for place in places[:top] if of_track[place] > 0]
        speaking += [place for place in places[::-1][:top] if of_track[place] < 0]
        rows += [
            (track, genres[genre], inputs[place], seen[place], of_track[place])
            for place in speaking
        ]
    return pd.DataFrame(rows, columns=COLUMNS)
