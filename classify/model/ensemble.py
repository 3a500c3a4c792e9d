"""What a trained model computes: trees and a linear part, mixed in log-odds and tempered.

Nothing here needs scikit-learn, so that a model can be used without waiting for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from earmark.classify.model import ubjson
from earmark.classify.model.vector_leaf import has_vector_leaves, single

if TYPE_CHECKING:
    import xgboost

    from earmark.classify.model.linear import Categories, Linear

__all__ = ["Ensemble", "coded", "matrix", "mixed", "softmax"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Ensemble:
    """Gradient-boosted trees and a linear part.

    Parameters
    ----------
    booster : xgboost.Booster
        The trees; their columns of categories hold positions in `categories`.
    linear : Linear or None
        The linear part.
    categories : list of (ndarray or None)
        For each column its sorted values, or None for a number.
    linear_share : float
        Share of the linear part in the log-odds, 0–1.
    temperature : float
        What log-odds are divided by: above 1 it makes the model less sure (Guo et al., "On
        calibration of modern neural networks", ICML 2017).
    n_jobs : int
        Threads; 0 takes all.
    """

    booster: xgboost.Booster
    linear: Linear | None
    categories: Categories
    linear_share: float = 0.0
    temperature: float = 1.0
    n_jobs: int = 0

    def parts(self, values: NDArray[np.float32]) -> tuple[Floats, Floats]:
        """Return the log-odds of the trees and of the linear part, each of (rows, genres)."""
        # Trees give one column for two genres under some objectives, never under softprob.
        trees = self.booster.predict(self._matrix(values), output_margin=True).astype(float)
        trees = trees.reshape(len(values), -1)
        return trees, self.linear.logits(values) if self.linear else np.zeros_like(trees)

    def logits(self, values: NDArray[np.float32]) -> Floats:
        """Return log-odds up to a constant of the row, shape (rows, genres).

        Their mean over the windows of a track is the track's.
        """
        return mixed(*self.parts(values), self.linear_share, self.temperature)

    def contributions(self, values: NDArray[np.float32], genres: NDArray[np.int64]) -> Floats:
        """Return what each column adds to the log-odds of a genre, shape (rows, columns + 1).

        They say how much more a column speaks for the genre than for the average genre: what
        speaks for all speaks for none. The last is what the model starts from. Together they are
        the genre's `logits` less the mean of all. Of the trees they are Shapley values (Lundberg et
        al., "From local explanations to global understanding with explainable AI for trees",
        Nature Machine Intelligence 2, 2020), of the linear part its terms.

        Parameters
        ----------
        values : ndarray of shape (rows, columns)
            The inputs.
        genres : ndarray of shape (rows,)
            The genre of each row that is to be explained, by number.
        """
        trees = self._of_trees(values, genres)
        linear = self.linear.contributions(values) if self.linear else None
        if linear is None:
            return mixed(trees, np.zeros_like(trees), self.linear_share, self.temperature)
        own = linear[np.arange(len(values)), genres] - linear.mean(axis=1)
        return mixed(trees, own, self.linear_share, self.temperature)

    def _of_trees(self, values: NDArray[np.float32], genres: NDArray[np.int64]) -> Floats:
        data = self._matrix(values)
        if self._plain is None:
            raw = self.booster.predict(data, pred_contribs=True).astype(float)
            added = raw.reshape(len(values), -1, values.shape[1] + 1)
            own: Floats = added[np.arange(len(values)), genres] - added.mean(axis=1)
            return own
        own = np.zeros((len(values), values.shape[1] + 1))
        for genre in np.unique(genres):
            rows = np.flatnonzero(genres == genre)
            trees = single(self._plain, int(genre))
            own[rows] = trees.predict(self._matrix(values[rows]), pred_contribs=True)
        return own

    @cached_property
    def _plain(self) -> dict[str, Any] | None:
        """The trees in JSON where they have vectors in their leaves."""
        if not self.together:
            return None
        model: dict[str, Any] = ubjson.decode(self.booster.save_raw("ubj"))
        return model

    @cached_property
    def together(self) -> bool:
        """Whether one tree a round is for all genres, with a vector in each leaf."""
        return has_vector_leaves(ubjson.decode(self.booster[:1].save_raw("ubj")))

    def _matrix(self, values: NDArray[np.float32]) -> xgboost.DMatrix:
        return matrix(values, self.categories, self.n_jobs, ordinal=self.together)


def matrix(
    values: NDArray[np.float32],
    categories: Categories,
    n_jobs: int,
    *,
    ordinal: bool = False,
    **more: object,
) -> xgboost.DMatrix:
    """Return rows as XGBoost takes them: a category as its place, an unknown one as missing.

    Parameters
    ----------
    values : ndarray of shape (rows, columns)
        The inputs.
    categories : list of (ndarray or None)
        For each column its sorted values, or None for a number.
    n_jobs : int
        Threads.
    ordinal : bool
        Whether the places of categories are numbers: XGBoost's trees with vectors in their leaves
        know no categories.
    **more
        Of the `DMatrix`.
    """
    import xgboost

    if all(own is None for own in categories):
        return xgboost.DMatrix(values, nthread=n_jobs, **more)
    places = coded(values, categories)
    if ordinal:
        return xgboost.DMatrix(places, nthread=n_jobs, **more)
    types = ["float" if own is None else "c" for own in categories]
    return xgboost.DMatrix(
        places, nthread=n_jobs, feature_types=types, enable_categorical=True, **more
    )


def coded(values: NDArray[np.float32], categories: Categories) -> NDArray[np.float32]:
    """Return rows with each category as its place among the known ones, an unknown one as NaN."""
    found = values.copy()
    for index, own in enumerate(categories):
        if own is not None:
            places = np.searchsorted(own, values[:, index]).clip(max=max(0, len(own) - 1))
            known = own[places] == values[:, index] if len(own) else np.zeros(len(values), bool)
            found[:, index] = np.where(known, places, np.nan)
    return found


def mixed(trees: Floats, linear: Floats, linear_share: float, temperature: float) -> Floats:
    """Mix the log-odds of the two parts."""
    logits: Floats = ((1 - linear_share) * trees + linear_share * linear) / temperature
    return logits


def softmax(logits: Floats) -> Floats:
    """Return probabilities along the last axis."""
    raised = np.exp(logits - logits.max(axis=-1, keepdims=True))
    probabilities: Floats = raised / raised.sum(axis=-1, keepdims=True)
    return probabilities
