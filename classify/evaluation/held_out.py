"""The log-odds of tracks under models that had not seen them: training and testing on folds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
import pandas as pd

from earmark.classify.dataset.build import Dataset, weights
from earmark.classify.dataset.pooling import pool

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from numpy.typing import NDArray

    from earmark.classify.dataset.splits import Indices
    from earmark.classify.model.ensemble import Floats
    from earmark.classify.model.estimator import GenreClassifier

__all__ = ["Run", "Search", "learn", "run_folds"]

UNKNOWN_GENRE = 20.0
"""What a genre that a fold could not learn lies below all others, in log-odds."""


class Search(Protocol):
    """A search for better parameters, such as ``partial(tune.search, trials=20)``."""

    def __call__(self, dataset: Dataset, model: GenreClassifier, *, seed: int) -> GenreClassifier:
        """Return the model with better parameters; nothing but the data set may be looked at."""


@dataclass(frozen=True, eq=False)
class Run:
    """The log-odds of tracks under models that had not seen them: once over the folds."""

    tracks: pd.DataFrame
    trees: Floats
    linear: Floats
    folds: NDArray[np.int64]


def learn(
    model: GenreClassifier, dataset: Dataset, rows: Indices | slice = slice(None), seed: int = 0
) -> GenreClassifier:
    """Train a copy of a model on rows of a data set; `weights` is the only balance."""
    from sklearn.base import clone

    learner: GenreClassifier = clone(model).set_params(
        class_weight=None, categorical_features=dataset.categorical, random_state=seed
    )
    balanced = weights(dataset)[rows]
    learner.fit(
        dataset.features.iloc[rows],
        dataset.labels.iloc[rows],
        sample_weight=balanced / balanced.mean(),
        groups=dataset.groups.iloc[rows],
    )
    return learner


def run_folds(
    dataset: Dataset,
    model: GenreClassifier,
    jobs: Sequence[tuple[int, Sequence[tuple[Indices, Indices]]]],
    search: Search | None,
    show_progress: bool,
    progress: Callable[[int, int], object] | None,
) -> tuple[list[Run], list[GenreClassifier]]:
    """Train and test on every pair of every job; also return what was trained for the first."""
    import joblib
    from tqdm import tqdm

    genres = sorted(dataset.labels.unique())
    tasks = [
        joblib.delayed(_held_out)(dataset, model, genres, train, test, seed, search)
        for seed, pairs in jobs
        for train, test in pairs
    ]
    # XGBoost lets go of the interpreter while it trains: threads suffice, one fold on each. A
    # large table has a thread of its own for each core already.
    workers = -1 if model.threads(dataset.features.size) == 1 else 1
    pool_of_threads = joblib.Parallel(n_jobs=workers, prefer="threads", return_as="generator")
    parts = iter(
        tqdm(
            pool_of_threads(tasks),
            total=len(tasks),
            desc="cross-validation",
            unit="fold",
            disable=not show_progress,
        )
    )
    runs, learners, done = [], [], 0
    for extraction, (_, pairs) in enumerate(jobs):
        found = []
        for _ in pairs:
            trees, linear, learner = next(parts)
            done += 1
            if progress is not None:
                progress(done, len(tasks))
            found.append((trees, linear))
            if extraction == 0:
                learners.append(learner)
        runs.append(_run(dataset, pairs, found))
    return runs, learners


def _held_out(
    dataset: Dataset,
    model: GenreClassifier,
    genres: Sequence[str],
    train: Indices,
    test: Indices,
    seed: int,
    search: Search | None,
) -> tuple[Floats, Floats, GenreClassifier]:
    """Train on some rows and return the log-odds of others, of trees and linear part."""
    if search is not None:
        model = search(dataset.subset(train), model, seed=seed)
    learner = learn(model, dataset, train, seed)
    places = [genres.index(genre) for genre in learner.classes_]

    def widened(known: Floats) -> Floats:
        lowest = known.min(axis=1, keepdims=True) - UNKNOWN_GENRE
        wide = np.repeat(lowest, len(genres), axis=1)
        wide[:, places] = known
        return wide

    trees, linear = learner.parts(dataset.features.iloc[test])
    return widened(trees), widened(linear), learner


def _run(
    dataset: Dataset,
    pairs: Iterable[tuple[Indices, Indices]],
    parts: Sequence[tuple[Floats, Floats]],
) -> Run:
    """Average the rows of each track."""
    tests = [test for _, test in pairs]
    rows = np.concatenate(tests)
    paths = dataset.tracks.to_numpy(object)[rows]
    stacked = np.stack([np.concatenate(own) for own in zip(*parts, strict=True)], axis=1)
    order, means = pool(stacked, paths)
    fold_of_row = np.repeat(np.arange(len(tests)), [len(test) for test in tests])
    folds = pd.Series(fold_of_row, paths).groupby(level=0, sort=False).first().reindex(order)
    known = dataset.per_track().set_index("track")[["label", "group"]].reindex(order)
    own = folds.to_numpy(np.int64)
    if len(tests) == 1:
        # One fold is calibrated in halves, whole groups to each.
        own = pd.factorize(known["group"])[0] % 2
    return Run(known, means[:, 0], means[:, 1], own)
