"""The log-odds of tracks under models that had not seen them: training and testing on folds."""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
import pandas as pd

from earmark.classify.dataset.build import Dataset, weights
from earmark.classify.dataset.pooling import pool
from earmark.classify.evaluation.progress import Bar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from numpy.typing import NDArray

    from earmark.classify.dataset.splits import Indices
    from earmark.classify.model.ensemble import Floats
    from earmark.classify.model.estimator import GenreClassifier

__all__ = ["Job", "Run", "Search", "halves", "learn", "run_folds"]

UNKNOWN_GENRE = 20.0
"""What a genre that a fold could not learn lies below all others, in log-odds."""


class Search(Protocol):
    """A search for better parameters, such as ``partial(tune.search, trials=20)``."""

    def __call__(self, dataset: Dataset, model: GenreClassifier, *, seed: int) -> GenreClassifier:
        """Return the model with better parameters; nothing but the data set may be looked at."""


@dataclass(frozen=True, eq=False)
class Job:
    """Once over the folds: what is trained on and tested on, and with which seed.

    Parameters
    ----------
    kind : str
        What the folds are called while somebody waits for them.
    seed : int
        Of the learner.
    folds : sequence of pairs
        The rows of each training part and of each test part.
    """

    kind: str
    seed: int
    folds: Sequence[tuple[Indices, Indices]]


@dataclass(frozen=True, eq=False)
class Run:
    """The log-odds of tracks under models that had not seen them: once over the folds."""

    tracks: pd.DataFrame
    trees: Floats
    linear: Floats
    folds: NDArray[np.int64]


def learn(
    model: GenreClassifier,
    dataset: Dataset,
    rows: Indices | slice = slice(None),
    seed: int = 0,
    after_round: Callable[[int, int], object] | None = None,
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
        after_round=after_round,
    )
    return learner


def run_folds(
    dataset: Dataset,
    model: GenreClassifier,
    jobs: Sequence[Job],
    search: Search | None,
    show_progress: bool,
    progress: Callable[[int, int], object] | None,
) -> tuple[list[Run], list[GenreClassifier]]:
    """Train and test on every pair of every job; also return what was trained for the first."""
    import joblib

    genres = sorted(dataset.labels.unique())
    kinds: Counter[str] = Counter()
    for job in jobs:
        kinds[job.kind] += len(job.folds)
    with Bar(kinds, shown=show_progress) as bar:
        tasks = [
            joblib.delayed(_held_out)(dataset, model, genres, pair, job, search, bar)
            for job in jobs
            for pair in job.folds
        ]
        parts = joblib.Parallel(
            n_jobs=_workers(dataset, model), prefer="threads", return_as="generator"
        )(tasks)
        runs, learners, done = [], [], 0
        for place, job in enumerate(jobs):
            found = []
            for trees, linear, learner in itertools.islice(parts, len(job.folds)):
                done += 1
                if progress is not None:
                    progress(done, len(tasks))
                found.append((trees, linear))
                if place == 0:
                    learners.append(learner)
            runs.append(_run(dataset, job.folds, found))
    return runs, learners


def _workers(dataset: Dataset, model: GenreClassifier) -> int:
    """Return how many folds are trained side by side; −1 stands for one on each core.

    XGBoost lets go of the interpreter while it trains: threads suffice. A large table has a thread
    of its own for each core already.
    """
    return -1 if model.threads(dataset.features.size) == 1 else 1


def _held_out(
    dataset: Dataset,
    model: GenreClassifier,
    genres: Sequence[str],
    pair: tuple[Indices, Indices],
    job: Job,
    search: Search | None,
    bar: Bar,
) -> tuple[Floats, Floats, GenreClassifier]:
    """Train on some rows and return the log-odds of others, of trees and linear part."""
    train, test = pair
    with bar.part(job.kind) as moved:
        if search is not None:
            model = search(dataset.subset(train), model, seed=job.seed)
        learner = learn(model, dataset, train, job.seed, moved)
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
        own = halves(known["group"])
    return Run(known, means[:, 0], means[:, 1], own)


def halves(groups: pd.Series) -> NDArray[np.int64]:
    """Part the tracks of a single fold, whole groups to each half: each calibrates the other."""
    own: NDArray[np.int64] = pd.factorize(groups)[0] % 2
    return own
