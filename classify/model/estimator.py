"""The learner: XGBoost and a linear part as one scikit-learn classifier of genres."""

from __future__ import annotations

from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

import numpy as np
import xgboost
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from earmark.classify.model import boosting, vector_leaf
from earmark.classify.model.defaults import one_tree_for_all, suited
from earmark.classify.model.ensemble import Ensemble, matrix, softmax
from earmark.classify.model.linear import Categories, Linear

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import ArrayLike, NDArray

__all__ = ["GenreClassifier"]


FEW_VALUES = 2_000_000
"""Values of training data up to which one thread is fastest."""


class GenreClassifier(ClassifierMixin, BaseEstimator):
    """Gradient-boosted trees (XGBoost) and a linear part over descriptors.

    The log-odds of both are mixed. What is None takes a value that suits the size of the table
    (`earmark.classify.model.defaults`). Every genre is weighted alike, and NaN is a value like
    another.

    Parameters
    ----------
    n_estimators : int, optional
        Number of boosting rounds; with early stopping the most there are.
    learning_rate : float, optional
        Share of each tree that is added.
    max_depth : int, optional
        Depth of the trees.
    max_bin : int, optional
        Steps in which a column is cut.
    subsample, colsample_bynode : float, optional
        Share of rows per tree and of columns per split. Rows are dealt into parts of a half, a
        third and so on, one for each round in turn; a larger share is drawn for each tree.
    min_child_weight, reg_lambda : float, optional
        Smallest weight in a leaf and L2 penalty.
    linear_share : float, optional
        Share of the linear part in the log-odds, 0–1; 0 leaves the trees alone.
    linear_strength : float
        Inverse of the penalty of the linear part, scikit-learn's ``C``.
    temperature : float
        What log-odds are divided by; `earmark.classify.train` finds it on tracks that were held
        out.
    categorical_features : "from_dtype", sequence of str or int, or None
        Columns whose values are categories, by name or position; by default those of a data
        frame that have the dtype ``category``, as in `HistGradientBoostingClassifier`.
    early_stopping : bool, optional
        Hold out a part and stop when it gets no better.
    validation_fraction : float
        The part that is held out; no group of `fit` is on both sides.
    n_iter_no_change : int
        Rounds without a gain after which to stop.
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
    ensemble_ : earmark.classify.model.ensemble.Ensemble
        What was trained.
    n_iter_ : int
        Rounds that are used.
    categories_ : list of (ndarray or None)
        For each column its values, or None for a number.

    References
    ----------
    Chen and Guestrin, "XGBoost: a scalable tree boosting system", KDD 2016.

    Examples
    --------
    >>> table = [[72.0, 0.4], [76.0, 0.5], [80.0, 0.4], [150.0, 0.9], [160.0, 1.0], [170.0, 0.9]]
    >>> model = GenreClassifier(n_estimators=20)
    >>> model = model.fit(table, ["reggae", "reggae", "reggae", "metal", "metal", "metal"])
    >>> model.predict([[78.0, 0.5], [155.0, 0.9]]).tolist()
    ['reggae', 'metal']
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "n_estimators": [Interval(Integral, 1, None, closed="left"), None],
        "learning_rate": [Interval(Real, 0, None, closed="neither"), None],
        "max_depth": [Interval(Integral, 0, None, closed="left"), None],
        "max_bin": [Interval(Integral, 2, None, closed="left"), None],
        "subsample": [Interval(Real, 0, 1, closed="right"), None],
        "colsample_bynode": [Interval(Real, 0, 1, closed="right"), None],
        "min_child_weight": [Interval(Real, 0, None, closed="left"), None],
        "reg_lambda": [Interval(Real, 0, None, closed="left"), None],
        "linear_share": [Interval(Real, 0, 1, closed="both"), None],
        "linear_strength": [Interval(Real, 0, None, closed="neither")],
        "temperature": [Interval(Real, 0, None, closed="neither")],
        "categorical_features": ["array-like", str, None],
        "early_stopping": ["boolean", None],
        "validation_fraction": [Interval(Real, 0, 1, closed="left")],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left")],
        "class_weight": [StrOptions({"balanced"}), dict, None],
        "device": [str],
        "n_jobs": [Integral, None],
        "random_state": ["random_state"],
    }
    """What `fit` takes; anything else is refused by name."""

    def __init__(
        self,
        n_estimators: int | None = None,
        learning_rate: float | None = None,
        max_depth: int | None = None,
        max_bin: int | None = None,
        subsample: float | None = None,
        colsample_bynode: float | None = None,
        min_child_weight: float | None = None,
        reg_lambda: float | None = None,
        linear_share: float | None = None,
        linear_strength: float = 0.1,
        temperature: float = 1.0,
        categorical_features: Literal["from_dtype"] | Sequence[str] | Sequence[int] | None = (
            "from_dtype"
        ),
        early_stopping: bool | None = None,
        validation_fraction: float = 0.05,
        n_iter_no_change: int = 15,
        class_weight: str | dict[Any, float] | None = "balanced",
        device: str = "cpu",
        n_jobs: int | None = None,
        random_state: int = 0,
    ) -> None:
        self.n_estimators = n_estimators
        self.learning_rate = learning_rate
        self.max_depth = max_depth
        self.max_bin = max_bin
        self.subsample = subsample
        self.colsample_bynode = colsample_bynode
        self.min_child_weight = min_child_weight
        self.reg_lambda = reg_lambda
        self.linear_share = linear_share
        self.linear_strength = linear_strength
        self.temperature = temperature
        self.categorical_features = categorical_features
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.class_weight = class_weight
        self.device = device
        self.n_jobs = n_jobs
        self.random_state = random_state

    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        groups: ArrayLike | None = None,
        after_round: Callable[[int, int], object] | None = None,
    ) -> Self:
        """Train.

        Parameters
        ----------
        X : array-like of shape (rows, columns)
            Descriptors; NaN is missing.
        y : array-like of shape (rows,)
            Genres.
        sample_weight : array-like of shape (rows,), optional
            Of the rows, times the balance of the genres.
        groups : array-like of shape (rows,), optional
            Artists: what early stopping must not have on both sides.
        after_round : callable, optional
            Is told after each round of trees how many are done, and of how many at most.

        Raises
        ------
        ValueError
            One genre only, infinite values, no weight at all, or a parameter out of its range
            (scikit-learn's ``InvalidParameterError``).
        """
        self._validate_params()
        X, categories = self._numbers(X, reset=True)
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
        self.categories_ = _values(features, categories)
        chosen = self.parameters(len(features), len(self.classes_))
        threads = self.threads(features.size)
        booster = self._boost(chosen, features, encoded, weights, groups, threads, after_round)
        linear = None
        if chosen["linear_share"] > 0:
            linear = Linear.fit(features, encoded, weights, self.categories_, self.linear_strength)
        self.n_iter_ = booster.num_boosted_rounds()
        self.ensemble_ = Ensemble(
            booster, linear, self.categories_, chosen["linear_share"], self.temperature, threads
        )
        return self

    def parameters(self, rows: int, genres: int) -> dict[str, Any]:
        """Return the parameters that so many rows of so many genres are trained with."""
        usual = suited(rows, genres)
        given = {name: getattr(self, name) for name in usual}
        return usual | {name: value for name, value in given.items() if value is not None}

    def threads(self, values: int) -> int:
        """Return the threads that so many values are trained with; 0 stands for all."""
        return self.n_jobs or (1 if values < FEW_VALUES else 0)

    def _boost(
        self,
        chosen: dict[str, Any],
        features: NDArray[np.float32],
        encoded: NDArray[np.int64],
        weights: NDArray[np.float64],
        groups: ArrayLike | None,
        threads: int,
        after_round: Callable[[int, int], object] | None,
    ) -> xgboost.Booster:
        """Grow the trees, with early stopping as many as a held-out part has use for."""
        seed = self._seed()
        device = boosting.usable_device(self.device)
        parameters = boosting.booster_parameters(chosen, len(self.classes_), seed, device)
        parameters |= {"nthread": threads}
        rounds = chosen["n_estimators"]
        together = one_tree_for_all(len(features), len(self.classes_))
        if together:
            parameters |= {"multi_strategy": "multi_output_tree"}

        def data(rows: Any) -> xgboost.DMatrix:
            return matrix(
                features[rows],
                self.categories_,
                threads,
                ordinal=together,
                label=encoded[rows],
                weight=weights[rows],
            )

        def loss(rows: Any) -> Any:
            return vector_leaf.objective(encoded[rows], weights[rows], seed) if together else None

        held_out = (
            boosting.held_out(encoded, groups, self.validation_fraction, seed)
            if chosen["early_stopping"]
            else np.zeros(len(encoded), bool)
        )
        told = [] if after_round is None else [boosting.Told(after_round, rounds)]
        if held_out.any():
            booster = xgboost.train(
                parameters,
                data(~held_out),
                rounds,
                obj=loss(~held_out),
                evals=[(data(held_out), "held_out")],
                early_stopping_rounds=self.n_iter_no_change,
                verbose_eval=False,
                callbacks=told,
            )
            return booster[: booster.best_iteration + 1]
        parts = 1 if together else int(1 / chosen["subsample"] + 1e-9)
        if parts == 1:
            every = slice(None)
            return xgboost.train(parameters, data(every), rounds, obj=loss(every), callbacks=told)
        dealt = [data(rows) for rows in boosting.dealt(np.flatnonzero(weights), parts, seed)]
        return boosting.in_turn(parameters | {"subsample": 1.0}, dealt, rounds, told)

    def _seed(self) -> int:
        if isinstance(self.random_state, int):
            return self.random_state
        return int(np.random.RandomState(self.random_state).randint(2**31 - 1))

    def _numbers(self, X: Any, *, reset: bool) -> tuple[Any, list[int]]:
        """Turn columns of the dtype ``category`` into numbers; also say which are categories.

        What a category is called is remembered in the order that the training data has.
        """
        wanted = self.categorical_features
        names = list(getattr(X, "columns", []))
        if reset:
            self._texts: dict[Any, Any] = {}
        if names and hasattr(X, "dtypes"):
            for name in [own for own in names if str(X.dtypes[own]) == "category"]:
                if reset:
                    self._texts[name] = X[name].cat.categories
            if self._texts:
                coded = {
                    name: known.get_indexer(X[name]).astype(float)
                    for name, known in self._texts.items()
                    if name in names
                }
                X = X.assign(
                    **{name: np.where(codes < 0, np.nan, codes) for name, codes in coded.items()}
                )
        if wanted is None:
            return X, []
        if isinstance(wanted, str):
            if wanted != "from_dtype":
                raise ValueError(
                    f"categorical_features is {wanted!r}: give 'from_dtype', a list of columns or "
                    "None"
                )
            return X, [names.index(name) for name in self._texts]
        unknown = [own for own in wanted if isinstance(own, str) and own not in names]
        if unknown:
            raise ValueError(f"categorical_features names {unknown[0]!r}, which is no column")
        places = [names.index(own) if isinstance(own, str) else own for own in wanted]
        return X, [*places, *(names.index(name) for name in self._texts)]

    def _checked(self, X: ArrayLike) -> NDArray[np.float32]:
        check_is_fitted(self)
        X, _ = self._numbers(X, reset=False)
        features: NDArray[np.float32] = validate_data(
            self, X, dtype=np.float32, ensure_all_finite="allow-nan", reset=False
        )
        return features

    def logits(self, X: ArrayLike) -> NDArray[np.float64]:
        """Return log-odds up to a constant of the row, shape (rows, n_classes).

        Their mean over the windows of a track, through softmax, gives the track's probabilities.
        """
        return self.ensemble_.logits(self._checked(X))

    def parts(self, X: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the log-odds of the trees and of the linear part, before they are mixed."""
        return self.ensemble_.parts(self._checked(X))

    def predict_proba(self, X: ArrayLike) -> NDArray[np.float64]:
        """Return the probability of each genre, shape (rows, n_classes)."""
        values = self._checked(X)
        return softmax(self.ensemble_.logits(values))

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Return the most probable genre of each row."""
        chances = self.predict_proba(X)
        genres: NDArray[Any] = self.classes_[chances.argmax(axis=1)]
        return genres

    def contributions(self, X: ArrayLike) -> NDArray[np.float64]:
        """Return what each column adds to the log-odds of the genre that is predicted.

        Of shape (rows, columns + 1); see `earmark.classify.model.ensemble.Ensemble.contributions`.
        """
        values = self._checked(X)
        return self.ensemble_.contributions(values, self.ensemble_.logits(values).argmax(axis=1))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags


def _values(features: NDArray[np.float32], categorical: Sequence[int]) -> Categories:
    """Return for each column its values, sorted, where it holds categories."""
    chosen = {place % features.shape[1] for place in categorical}
    return [
        np.unique(features[np.isfinite(features[:, column]), column]) if column in chosen else None
        for column in range(features.shape[1])
    ]
