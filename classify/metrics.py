"""How good predictions are: accuracy, macro-F1, top-3 and the confusion matrix.

Conventions: `truth` holds genres, shape (tracks,); `probabilities` has shape (tracks, genres), its
columns in the order of `genres`. Rows are tracks, never windows. A truth that is not among the
genres counts as an error.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["accuracy", "confusion", "evaluate", "macro_f1", "top_k"]

Probabilities = NDArray[np.floating]


def accuracy(truth: Sequence[str], probabilities: Probabilities, genres: Sequence[str]) -> float:
    """Share of tracks whose most probable genre is the true one."""
    return top_k(truth, probabilities, genres, 1)


def top_k(
    truth: Sequence[str], probabilities: Probabilities, genres: Sequence[str], k: int
) -> float:
    """Share of tracks whose true genre is among the `k` most probable ones."""
    order = np.argsort(-probabilities, axis=1, kind="stable")[:, :k]
    best = np.asarray(genres, object)[order]
    return float((best == np.asarray(truth, object)[:, None]).any(axis=1).mean())


def confusion(
    truth: Sequence[str], probabilities: Probabilities, genres: Sequence[str]
) -> NDArray[np.int64]:
    """Count tracks by true genre (rows) and predicted genre (columns)."""
    index = {genre: position for position, genre in enumerate(genres)}
    counts = np.zeros((len(genres), len(genres)), np.int64)
    for true, predicted in zip(truth, probabilities.argmax(axis=1), strict=True):
        if true in index:
            counts[index[true], predicted] += 1
    return counts


def macro_f1(truth: Sequence[str], probabilities: Probabilities, genres: Sequence[str]) -> float:
    """Mean over the genres that occur of the harmonic mean of precision and recall."""
    counts = confusion(truth, probabilities, genres)
    hits = counts.diagonal()
    total = counts.sum(axis=0) + counts.sum(axis=1)
    occurs = counts.sum(axis=1) > 0
    return float((2 * hits[occurs] / np.maximum(total[occurs], 1)).mean()) if occurs.any() else 0.0


def evaluate(
    truth: Sequence[str], probabilities: Probabilities, genres: Sequence[str]
) -> dict[str, float]:
    """Return accuracy, macro-F1 and top-3 accuracy."""
    return {
        "accuracy": accuracy(truth, probabilities, genres),
        "macro_f1": macro_f1(truth, probabilities, genres),
        "top_3": top_k(truth, probabilities, genres, 3),
    }
