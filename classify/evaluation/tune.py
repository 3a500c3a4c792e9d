"""A search for better parameters of the learner, by folds that no artist crosses."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from earmark.classify.evaluation.cross_validation import cross_validate
from earmark.extract.errors import LabelError

if TYPE_CHECKING:
    import optuna

    from earmark.classify.dataset.build import Dataset
    from earmark.classify.model.estimator import GenreClassifier

__all__ = ["search"]

FOLDS = 3


def search(dataset: Dataset, model: GenreClassifier, trials: int, seed: int = 0) -> GenreClassifier:
    """Return a copy of the model with the parameters that came out best.

    Parameters
    ----------
    dataset : Dataset
        What to search on; what the result is judged by must not be in it.
    model : GenreClassifier
        Where the search starts: its own parameters are the first trial.
    trials : int
        How many sets of parameters to try.
    seed : int
        Of folds and search.

    Raises
    ------
    LabelError
        Optuna is not installed.

    References
    ----------
    Akiba et al., "Optuna: a next-generation hyperparameter optimization framework", KDD 2019.
    """
    try:
        import optuna
    except ImportError:
        raise LabelError(
            "tuning needs Optuna; install it with: pip install 'earmark[tune]'"
        ) from None
    from sklearn.base import clone

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    # A published split is what the result is judged by; the search has folds of its own.
    dataset = replace(dataset, split=None)
    usual = model.parameters(len(dataset.features), dataset.labels.nunique())

    def loss(trial: optuna.Trial) -> float:
        candidate = clone(model).set_params(**_suggest(trial, usual))
        found = cross_validate(dataset, candidate, count=FOLDS, repeats=1, seed=seed)
        return float(found.metrics["log_loss"])

    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed))
    start = {name: usual[name] for name in _RANGES} | {"linear_strength": model.linear_strength}
    if all(low <= start[name] <= high for name, (low, high) in (_RANGES | _LINEAR).items()):
        study.enqueue_trial(start)
    study.optimize(loss, n_trials=trials)
    best: GenreClassifier = clone(model).set_params(**study.best_params)
    return best


_RANGES: dict[str, tuple[float, float]] = {
    "n_estimators": (50, 800),
    "learning_rate": (0.02, 0.3),
    "max_depth": (2, 10),
    "subsample": (0.1, 1.0),
    "colsample_bynode": (0.03, 1.0),
    "min_child_weight": (0.1, 20.0),
    "reg_lambda": (0.1, 30.0),
}
"""Where to look; orders of magnitude count alike."""

_LINEAR = {"linear_strength": (1e-3, 1.0)}


def _suggest(trial: optuna.Trial, usual: dict[str, Any]) -> dict[str, Any]:
    chosen: dict[str, Any] = {
        name: trial.suggest_int(name, int(low), int(high), log=True)
        if isinstance(usual[name], int)
        else trial.suggest_float(name, low, high, log=True)
        for name, (low, high) in _RANGES.items()
    }
    return chosen | {
        name: trial.suggest_float(name, low, high, log=True)
        for name, (low, high) in _LINEAR.items()
    }
