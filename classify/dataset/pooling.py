"""The windows of a track become one row: means of log-odds, of descriptors what suits each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["CATEGORIES", "per_track", "pool"]

CATEGORIES = ("explicit", "key", "mode", "time_signature")
"""Numbers whose order says nothing."""


def pool(
    values: NDArray[np.floating], tracks: NDArray[np.object_]
) -> tuple[NDArray[np.object_], NDArray[np.float64]]:
    """Average what is known of the windows of each track, such as their log-odds.

    Returns
    -------
    tracks : ndarray of shape (tracks,)
        Each track once, in the order in which they first occur.
    means : ndarray of shape (tracks, ...)
        Of the first axis of `values`.
    """
    codes, unique = pd.factorize(tracks)
    sums = np.zeros((len(unique), *values.shape[1:]))
    np.add.at(sums, codes, values)
    counts = np.maximum(np.bincount(codes, minlength=len(unique)), 1)
    means: NDArray[np.float64] = sums / counts.reshape(-1, *(1,) * (values.ndim - 1))
    return unique, means


def per_track(values: pd.DataFrame, tracks: pd.Series) -> pd.DataFrame:
    """Sum up the windows of each track.

    Parameters
    ----------
    values : DataFrame of shape (windows, descriptors)
        Numbers.
    tracks : Series of shape (windows,)
        The track of each.

    Returns
    -------
    DataFrame
        By track, in the order in which they first occur, the means of what is known; of durations
        the sum, of tempi the median, and of categories the commonest value, the smallest of
        several.
    """
    of_row = tracks.to_numpy(object)
    grouped = values.groupby(of_row, sort=False)
    pooled = grouped.mean()
    if len(pooled) == len(values):
        return pooled
    if "tempo" in pooled:
        # Half or twice the tempo in one window must not move it.
        pooled["tempo"] = grouped["tempo"].median()
    if "duration_ms" in pooled:
        pooled["duration_ms"] = grouped["duration_ms"].sum(min_count=1)
    for name in pooled.columns.intersection(list(CATEGORIES)):
        sizes = values.groupby([of_row, values[name].to_numpy()]).size()
        counts = sizes.rename_axis(["track", "value"]).reset_index(name="count")
        counts = counts.sort_values("count", ascending=False, kind="stable")
        pooled[name] = counts.drop_duplicates("track").set_index("track")["value"]
    return pooled
