"""The linear half of the model: multinomial logistic regression over standardised descriptors.

Trees cut a descriptor at values that hold for the collections they saw; a line that is pulled
towards zero moves with all of them a little. On recordings from elsewhere it is the sounder half.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

__all__ = ["Linear", "widths"]

Floats = NDArray[np.float64]
Categories = Sequence[NDArray[np.float32] | None]

FARTHEST = 4.0
"""Standard deviations at which a value is cut off: one odd column must not outvote the others."""


@dataclass(frozen=True, eq=False)
class Linear:
    """Weights of standardised inputs; a column of categories is an input for each of its values.

    Parameters
    ----------
    mean, scale : ndarray of shape (expanded inputs,)
        Of the training data.
    weights : ndarray of shape (genres, expanded inputs)
        Log-odds for a standard deviation of the input.
    intercept : ndarray of shape (genres,)
        Log-odds of the average track.
    categories : list of (ndarray or None)
        For each column its values, or None for a number.
    """

    mean: Floats
    scale: Floats
    weights: Floats
    intercept: Floats
    categories: Categories

    @classmethod
    def fit(
        cls,
        values: NDArray[np.float32],
        encoded: NDArray[np.int64],
        row_weights: Floats,
        categories: Categories,
        strength: float,
    ) -> Self:
        """Fit to values of shape (rows, columns) and genres by number.

        Parameters
        ----------
        values, encoded, row_weights
            The training data; NaN is missing.
        categories : list of (ndarray or None)
            As above.
        strength : float
            Inverse of the L2 penalty, scikit-learn's ``C``.
        """
        from sklearn.linear_model import LogisticRegression
        from threadpoolctl import threadpool_limits

        expanded = _expand(values, categories)
        known = np.isfinite(expanded)
        shares = np.where(known, row_weights[:, None], 0.0)
        total = np.maximum(shares.sum(axis=0), np.finfo(float).tiny)
        filled = np.where(known, expanded, 0.0)
        mean = (shares * filled).sum(axis=0) / total
        variance = (shares * (filled - mean) ** 2).sum(axis=0) / total
        # What differs by rounding alone is constant.
        varies = variance > (1e-6 * np.abs(mean)) ** 2
        scale = np.where(varies, np.sqrt(variance), 1.0)
        inputs = _standardised(expanded, mean, scale)
        regression = LogisticRegression(C=strength, max_iter=1000, tol=1e-3)
        # Folds are trained side by side: threads of threads would wait for each other.
        with threadpool_limits(1):
            regression.fit(inputs, encoded, sample_weight=row_weights / row_weights.mean())
        weights, intercept = regression.coef_, regression.intercept_
        if len(weights) == 1:
            # Of two genres scikit-learn tells the odds of the second alone.
            weights, intercept = (
                np.vstack([-weights, weights]) / 2,
                np.r_[-intercept, intercept] / 2,
            )
        return cls(mean, scale, weights, intercept, categories)

    def contributions(self, values: NDArray[np.float32]) -> Floats:
        """Return what each column adds, shape (rows, genres, columns + 1); last, the intercept."""
        added = self.inputs(values)[:, None, :] * self.weights[None]
        sizes = np.array(widths(self.categories))
        starts = np.r_[0, np.cumsum(sizes)[:-1]].astype(int)
        # A column without any known category has no inputs of its own.
        some = sizes > 0
        filled = np.zeros((*added.shape[:2], len(sizes)))
        filled[:, :, some] = np.add.reduceat(added, starts[some], axis=2)
        bias = np.broadcast_to(self.intercept[None, :, None], (*filled.shape[:2], 1))
        return np.concatenate([filled, bias], axis=2)

    def logits(self, values: NDArray[np.float32]) -> Floats:
        """Return log-odds up to a constant of the row, shape (rows, genres)."""
        return self.inputs(values) @ self.weights.T + self.intercept

    def inputs(self, values: NDArray[np.float32]) -> Floats:
        """Return what is weighted: standard deviations from the mean, cut off; 0 where missing."""
        return _standardised(_expand(values, self.categories), self.mean, self.scale)

    def to_json(self) -> dict[str, Any]:
        """Return plain lists; `from_json` gives the same numbers back, to the last digit."""
        names = ("mean", "scale", "weights", "intercept")
        return {name: getattr(self, name).tolist() for name in names}

    @classmethod
    def from_json(cls, stored: dict[str, Any], categories: Categories) -> Self:
        """Read what `to_json` gave.

        Raises
        ------
        ValueError
            The shapes do not fit together.
        """
        names = ("mean", "scale", "weights", "intercept")
        mean, scale, weights, intercept = (np.array(stored[name], float) for name in names)
        inputs = sum(widths(categories))
        if not (
            mean.shape == scale.shape == (inputs,)
            and weights.ndim == 2
            and weights.shape == (*intercept.shape, inputs)
            and all(np.isfinite(part).all() for part in (mean, scale, weights, intercept))
        ):
            raise ValueError("the linear part does not fit its columns")
        return cls(mean, scale, weights, intercept, categories)


def widths(categories: Categories) -> list[int]:
    """Return of how many inputs each column consists."""
    return [1 if own is None else len(own) for own in categories]


def _expand(values: NDArray[np.float32], categories: Categories) -> Floats:
    """Lay out columns of categories as a column of 0 and 1 for each value; missing stays so."""
    if all(own is None for own in categories):
        return values.astype(np.float64)
    parts = []
    for column, own in zip(values.T.astype(np.float64), categories, strict=True):
        if own is None:
            parts.append(column[:, None])
        else:
            hits = (column[:, None] == own).astype(float)
            parts.append(np.where(np.isnan(column)[:, None], np.nan, hits))
    return np.concatenate(parts, axis=1)


def _standardised(expanded: Floats, mean: Floats, scale: Floats) -> Floats:
    """Return standard deviations from the mean, cut off; what is missing is average."""
    return np.nan_to_num(np.clip((expanded - mean) / scale, -FARTHEST, FARTHEST), nan=0.0)
