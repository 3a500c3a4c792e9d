"""Boosting for many genres: one tree for all of them, whose splits are found on a sketch.

A tree for each of a hundred genres in every round takes an hour where one tree with a vector in its
leaves takes minutes. Even then most of the time goes into summing a hundred gradients for every
split that is tried. Here splits are tried on a few random mixtures of the gradients, another few
in every round, and only the leaves are computed in full. That is faster, and as every round looks
at the genres from another side, the trees are less alike.

References
----------
Iosipoi and Vakhrushev, "SketchBoost: fast gradient boosted decision tree for multioutput problems",
NeurIPS 2022 (random projection).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["objective"]

MIXTURES = 5
"""Columns of the sketch."""

CHUNK = 1024
"""Rows at a time: what fits into a core's cache."""

SMALLEST_HESSIAN = 1e-6

Singles = NDArray[np.float32]


def objective(encoded: NDArray[np.int64], weights: NDArray[np.float64], seed: int) -> Any | None:
    """Return softmax cross-entropy with sketched splits, as XGBoost's training takes it.

    Parameters
    ----------
    encoded : ndarray of shape (rows,)
        Genres by number.
    weights : ndarray of shape (rows,)
        Of the rows.
    seed : int
        Of the mixtures.

    Returns
    -------
    TreeObjective or None
        None where this version of XGBoost knows no sketches.
    """
    try:
        from xgboost.objective import TreeObjective
    except ImportError:
        return None

    class Sketch(TreeObjective):
        def __init__(self) -> None:
            self.generator = np.random.default_rng(seed)
            self.weights = weights.astype(np.float32)[:, None]
            self.sketch: Singles = np.empty((0, 0), np.float32)

        def __call__(self, iteration: int, prediction: Any, data: Any) -> tuple[Singles, Singles]:
            """Return gradients and hessians of shape (rows, genres)."""
            margins = np.asarray(prediction, np.float32).reshape(len(encoded), -1)
            genres = margins.shape[1]
            mixing = self.generator.standard_normal((genres, MIXTURES)) / np.sqrt(MIXTURES)
            mixing = mixing.astype(np.float32)
            gradients, hessians = np.empty_like(margins), np.empty_like(margins)
            self.sketch = np.empty((len(encoded), MIXTURES), np.float32)
            for start in range(0, len(encoded), CHUNK):
                rows = slice(start, start + CHUNK)
                chances = np.exp(margins[rows] - margins[rows].max(axis=1, keepdims=True))
                chances /= chances.sum(axis=1, keepdims=True)
                # Twice the diagonal, as XGBoost's own softmax has it.
                hessians[rows] = np.maximum(2 * chances * (1 - chances), SMALLEST_HESSIAN)
                chances[np.arange(len(chances)), encoded[rows]] -= 1
                gradients[rows] = chances * self.weights[rows]
                hessians[rows] *= self.weights[rows]
                self.sketch[rows] = gradients[rows] @ mixing
            return gradients, hessians

        def split_grad(self, iteration: int, gradients: Any, hessians: Any) -> tuple[Any, Any]:
            """Return what splits are found on, of shape (rows, mixtures)."""
            return self.sketch, np.repeat(self.weights, MIXTURES, axis=1)

    return Sketch()
