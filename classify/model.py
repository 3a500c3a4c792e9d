"""The learner: XGBoost as a scikit-learn classifier of genres."""

from __future__ import annotations

import json
import logging
import warnings
from functools import cache
from typing import Any, Self

import numpy as np
import xgboost
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

__all__ = ["GenreClassifier"]

logger = logging.getLogger(__name__)

SMALL = 2_000_000
"""Values of training data up to which one thread is fastest."""


class GenreClassifier(ClassifierMixin, BaseEstimator):
    """Gradient-boosted trees (XGBoost) over descriptors.

    The defaults are made for some hundred tracks and a hundred columns: shallow trees that see a
    part of the columns each, and every genre weighted alike. NaN is a value like another.

    Parameters
    ----------
    n_estimators : int
        Number of boosting rounds.
    learning_rate : float
        Share of each tree that is added.
    max_depth : int
        Depth of the trees.
    subsample, colsample_bynode : float
        Share of rows per tree and of columns per split.
    min_child_weight, reg_lambda : float
        Smallest weight in a leaf and L2 penalty.
    class_weight : {"balanced"}, dict or None
        As everywhere in scikit-learn.
    device : {"cpu", "cuda"}
        Where to train; without a GPU it is the CPU, with a line in the log.
    n_jobs : int, optional
        Threads; by default one for small data, where waiting for each other costs more than it
        gives, and else all.
    random_state : int
        Seed.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The genres, sorted.
    booster_ : xgboost.Booster
        The trained trees.

    References
    ----------
    Chen and Guestrin, "XGBoost: a scalable tree boosting system", KDD 2016.
    """

    def __init__(
        self,
        n_estimators: int = 300,
        learning_rate: float = 0.08,
        max_depth: int = 4,
        subsample: float = 0.7,
        colsample_bynode: float = 0.2,
        min_child_weight: float = 1.0,
        reg_lambda: float = 2.0,
        class_weight: str | dict[Any, float] | None = "balanced",
        device: str = "cpu",
        n_jobs: int | None = None,
        random_state: int = 0,
    ) -> None:
        self.n_estimators = n_estimators
        self.learning_rate = learning_rate
        self.max_depth = max_depth
        self.subsample = subsample
        self.colsample_bynode = colsample_bynode
        self.min_child_weight = min_child_weight
        self.reg_lambda = reg_lambda
        self.class_weight = class_weight
        self.device = device
        self.n_jobs = n_jobs
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Train on descriptors of shape (rows, columns) and genres of shape (rows,)."""
        features: NDArray[np.float32]
        features, y = validate_data(self, X, y, dtype=np.float32, ensure_all_finite="allow-nan")
        check_classification_targets(y)
        self.classes_, encoded = np.unique(y, return_inverse=True)
        weights = compute_sample_weight(self.class_weight, y)
        if sample_weight is not None:
            weights = weights * np.asarray(sample_weight, float)
        if not weights.any():
            raise ValueError("every sample weight is zero: nothing is left to learn from")
        if len(self.classes_) < 2:
            raise ValueError(f"classifier can't train on one class only: {self.classes_[0]!r}")
        threads = self.n_jobs or (1 if features.size < SMALL else 0)
        data = xgboost.DMatrix(features, encoded, weight=weights, nthread=threads)
        self.booster_ = xgboost.train(self._parameters(threads), data, self.n_estimators)
        return self

    def _parameters(self, threads: int) -> dict[str, Any]:
        return {
            "objective": "multi:softprob",
            "num_class": len(self.classes_),
            "tree_method": "hist",
            "learning_rate": self.learning_rate,
            "max_depth": self.max_depth,
            "subsample": self.subsample,
            "colsample_bynode": self.colsample_bynode,
            "min_child_weight": self.min_child_weight,
            "lambda": self.reg_lambda,
            "device": usable_device(self.device),
            "seed": int(np.random.RandomState(self.random_state).randint(2**31 - 1))
            if not isinstance(self.random_state, int)
            else self.random_state,
            "nthread": threads,
            "verbosity": 0,
        }

    def predict_proba(self, X: ArrayLike) -> NDArray[np.float32]:
        """Return the probability of each genre, shape (rows, n_classes)."""
        check_is_fitted(self)
        X = validate_data(self, X, dtype=np.float32, ensure_all_finite="allow-nan", reset=False)
        return self.booster_.predict(xgboost.DMatrix(X, nthread=self.n_jobs))

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Return the most probable genre of each row."""
        check_is_fitted(self)
        return self.classes_[self.predict_proba(X).argmax(axis=1)]

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags


@cache
def usable_device(device: str) -> str:
    """Return the device, or ``"cpu"`` with a line in the log where there is no GPU."""
    if device == "cpu":
        return device
    probe = xgboost.DMatrix(np.zeros((2, 1)), np.array([0, 1]))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            parameters = {"device": device, "tree_method": "hist", "verbosity": 0}
            booster = xgboost.train(parameters, probe, 1)
        # XGBoost itself goes over to the CPU, more or less silently: its configuration tells.
        used = json.loads(booster.save_config())["learner"]["generic_param"]["device"]
    except xgboost.core.XGBoostError:
        used = "cpu"
    if used == "cpu":
        logger.warning("no GPU can be used here: training on the CPU")
    return str(used)
