"""Genre over time: the windows of a long recording, such as a DJ mix, become parts of one genre."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["SECONDS", "joined"]

SECONDS = 30.0
"""Length of the parts that are judged by themselves: about what a listener needs."""

Floats = NDArray[np.float64]


def joined(spans: pd.DataFrame, logits: Floats, seconds: float) -> tuple[pd.DataFrame, Floats]:
    """Lay windows together to parts, and parts beside each other of the same genre to longer ones.

    Parameters
    ----------
    spans : DataFrame of shape (windows, 3)
        ``path``, ``start`` and ``seconds``, the windows of a track in order.
    logits : ndarray of shape (windows, genres)
        The log-odds of each; NaN for silence.
    seconds : float
        About how long a part is: as many windows as come to that, one at least.

    Returns
    -------
    spans : DataFrame of shape (parts, 3)
        As above.
    logits : ndarray of shape (parts, genres)
        Means over the windows that have sound, which count by their lengths; NaN where none has.
    """
    windows = max(1, round(seconds / spans["seconds"].median())) if len(spans) else 1
    number = spans.groupby("path", sort=False).cumcount().to_numpy() // windows
    spans, logits = _summed(spans, logits, number)
    known = ~np.isnan(logits).any(axis=1)
    best = np.where(known, np.nan_to_num(logits).argmax(axis=1), -1)
    return _summed(spans, logits, best)


def _summed(
    spans: pd.DataFrame, logits: Floats, values: NDArray[np.integer]
) -> tuple[pd.DataFrame, Floats]:
    """Lay neighbours of the same track and the same value together."""
    other = spans["path"].ne(spans["path"].shift()).to_numpy()
    runs = np.cumsum(other | (np.diff(values, prepend=-2) != 0)) - 1
    count = int(runs[-1]) + 1 if len(runs) else 0
    sounding = np.where(np.isnan(logits).any(axis=1), 0.0, spans["seconds"])
    sums = np.zeros((count, logits.shape[1]))
    np.add.at(sums, runs, np.nan_to_num(logits) * sounding[:, None])
    weights = np.bincount(runs, sounding, count)[:, None]
    means = np.divide(sums, weights, out=np.full_like(sums, np.nan), where=weights > 0)
    grouped = spans.assign(end=spans["start"] + spans["seconds"]).groupby(runs)
    found = grouped.agg(path=("path", "first"), start=("start", "min"), end=("end", "max"))
    found["seconds"] = found.pop("end") - found["start"]
    return found.reset_index(drop=True), means
