"""Why a track has its genre: the columns that spoke for it and those that spoke against it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from classify import predict
from classify.bundle import Bundle
from extract import tables

__all__ = ["explanations"]

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
    predict.check(bundle, table, about, where)
    paths = predict.paths_of(table).to_numpy()
    described = tables.described(table, bundle.columns).to_numpy()
    tracks = pd.unique(paths[described])
    rows_of = pd.Series(np.flatnonzero(described)).groupby(paths[described]).indices
    given = table[bundle.inputs].to_numpy(np.float32)[described]
    most = max(1, CHUNK // (len(bundle.genres) * (len(bundle.inputs) + 1)))
    # Whole tracks to a chunk, as many as come to so many rows.
    sizes = np.array([len(rows_of[track]) for track in tracks], int)
    chunk_of = np.cumsum(sizes) // most
    parts = []
    for chunk in np.unique(chunk_of):
        chosen = np.concatenate([rows_of[track] for track in tracks[chunk_of == chunk]])
        parts.append(_explained(bundle, given[chosen], paths[described][chosen], top))
    columns = ["path", "genre", "feature", "value", "contribution"]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)


def _explained(bundle: Bundle, values: np.ndarray, paths: np.ndarray, top: int) -> pd.DataFrame:
    """Explain some tracks, whose rows stand together."""
    order, added = predict.pool(bundle.ensemble.contributions(values), paths)
    best = added.sum(axis=2).argmax(axis=1)
    own = added[np.arange(len(order)), best, :-1]
    shown = pd.DataFrame(values, columns=bundle.inputs).groupby(paths, sort=False).mean()
    rows = []
    for track, genre, contributions, seen in zip(order, best, own, shown.to_numpy(), strict=True):
        ranked = np.argsort(-contributions, kind="stable")
        speaking = [place for place in ranked[:top] if contributions[place] > 0]
        speaking += [place for place in ranked[::-1][:top] if contributions[place] < 0]
        rows += [
            (track, bundle.genres[genre], bundle.inputs[place], seen[place], contributions[place])
            for place in speaking
        ]
    return pd.DataFrame(rows, columns=["path", "genre", "feature", "value", "contribution"])
