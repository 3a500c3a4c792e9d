"""How right a model is: on tracks of artists that it has not heard, and what a leak would say."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from classify import metrics, splits
from classify.calibration import calibrate, cross_fitted
from classify.dataset import Dataset, weights
from classify.ensemble import Floats, softmax
from classify.model import GenreClassifier
from classify.predict import pool
from classify.splits import Indices

__all__ = ["Evaluation", "cross_validate", "learn", "plan"]

FEW_TRACKS, MANY_TRACKS = 2_000, 20_000
"""Where once over the data is enough, and where a fifth of it is."""

UNKNOWN_GENRE = 20.0
"""What a genre that a fold could not learn lies below all others, in log-odds."""


@dataclass(frozen=True, eq=False)
class Evaluation:
    """What a cross-validation gave.

    Parameters
    ----------
    metrics : dict
        Means over the repeats, their spread, intervals, and numbers per genre.
    tracks : DataFrame
        ``label`` and ``group`` of the tracks that were tested, by path.
    probabilities : DataFrame of shape (tracks, genres)
        What was found for them by models that had not seen them, in the first repeat.
    linear_share, temperature : float
        With which the held-out tracks come out most likely.
    """

    metrics: dict[str, Any]
    tracks: pd.DataFrame
    probabilities: pd.DataFrame
    linear_share: float
    temperature: float

    @property
    def genres(self) -> list[str]:
        """The genres, sorted."""
        return [str(genre) for genre in self.probabilities.columns]

    @property
    def confusion(self) -> NDArray[np.int64]:
        """Counts of tracks, true genres in rows."""
        truth = self.tracks["label"].tolist()
        return metrics.confusion(truth, self.probabilities.to_numpy(), self.genres)


@dataclass(frozen=True, eq=False)
class _Run:
    """The log-odds of tracks under models that had not seen them: once over the folds."""

    tracks: pd.DataFrame
    trees: Floats
    linear: Floats
    folds: NDArray[np.int64]


def plan(tracks: int) -> tuple[int | None, int]:
    """Return how many folds to test and how often, for a number of tracks.

    Where there are few tracks, chance is averaged out by repeats; where there are many, one
    fold of five is known to a percent. None stands for all folds.
    """
    if tracks < FEW_TRACKS:
        return None, 3
    return (None, 1) if tracks < MANY_TRACKS else (1, 1)


def learn(
    model: GenreClassifier, dataset: Dataset, rows: Indices | slice = slice(None), seed: int = 0
) -> GenreClassifier:
    """Train a copy of a model on rows of a data set; `weights` is the only balance."""
    from sklearn.base import clone

    learner = clone(model).set_params(
        class_weight=None, categorical_features=dataset.categorical, random_state=seed
    )
    own = weights(dataset)[rows]
    return learner.fit(
        dataset.features.iloc[rows],
        dataset.labels.iloc[rows],
        sample_weight=own / own.mean(),
        groups=dataset.groups.iloc[rows],
    )


def cross_validate(
    dataset: Dataset,
    model: GenreClassifier,
    *,
    count: int = 5,
    repeats: int | None = None,
    seed: int = 0,
    leaky: bool = False,
    tune: int = 0,
    show_progress: bool = False,
) -> Evaluation:
    """Measure a model by grouped cross-validation.

    The data set's published split is followed where it has one. Share and temperature of each
    fold are found on the others.

    Parameters
    ----------
    dataset : Dataset
        Rows of tracks or windows.
    model : GenreClassifier
        Is cloned; it stays as it is.
    count : int
        Folds.
    repeats : int, optional
        How often with another shuffle; by default three times for less than 2,000 tracks. From
        20,000 on a single fold is tested, and once.
    seed : int
        Of the first repeat; the next ones count on.
    leaky : bool
        Also measure what a random split would have said, and what duplicates would have added.
    tune : int
        Trials of a search for better parameters, within the training part of every fold.
    show_progress : bool
        Show a bar on stderr.

    Raises
    ------
    LabelError
        A fold leaves one genre only.
    """
    labelled = dataset.per_track()
    tested_folds, usual = plan(len(labelled))
    repeats = usual if repeats is None else repeats
    if repeats > 1:
        tested_folds = None
    shuffles = range(seed, seed + repeats)
    if dataset.split is not None:
        honest = [list(splits.published_folds(dataset)) for _ in shuffles]
    else:
        honest = [list(splits.folds(dataset, count, own))[:tested_folds] for own in shuffles]
    ladders: dict[str, list[tuple[Indices, Indices]]] = {}
    if leaky:
        ladders["leaky"] = list(splits.random_folds(dataset, count, seed))[:tested_folds]
        if not dataset.keys.equals(dataset.groups):
            apart = replace(dataset, groups=dataset.keys)
            ladders["duplicates"] = list(splits.folds(apart, count, seed))[:tested_folds]
    jobs = [(own, pairs) for own, pairs in zip(shuffles, honest, strict=True)]
    jobs += [(seed, pairs) for pairs in ladders.values()]
    runs = _runs(dataset, model, jobs, tune, show_progress)

    genres = sorted(dataset.labels.unique())
    fixed = _fixed_share(model, dataset)
    outcomes = [_calibrated(run, genres, fixed) for run in runs]
    scores = pd.DataFrame(
        [
            metrics.evaluate(run.tracks["label"].tolist(), own, genres)
            for run, own in zip(runs, outcomes, strict=True)
        ]
    )
    own = scores.iloc[:repeats]
    tracks = labelled.set_index("track")
    numbers: dict[str, Any] = {
        **{str(name): float(value) for name, value in own.mean().items()},
        "spread": {str(name): float(value) for name, value in own.std(ddof=0).items()},
        "interval": _intervals(runs[:repeats], outcomes[:repeats], genres),
        "commonest": float(tracks["label"].value_counts(normalize=True).iloc[0]),
        "folds": len(honest[0]),
        "repeats": repeats,
        "grouped_by": "published split" if dataset.split is not None else dataset.grouped_by,
        "tracks": len(tracks),
        "tested": len(runs[0].tracks),
        "groups": int(tracks["group"].nunique()),
        "genres": metrics.per_genre(
            [label for run in runs[:repeats] for label in run.tracks["label"]],
            np.concatenate(outcomes[:repeats]),
            genres,
        ),
    }
    for place, name in enumerate(ladders, start=repeats):
        numbers[name] = {
            **{str(key): float(value) for key, value in scores.iloc[place].items()},
            "interval": _intervals(runs[place : place + 1], outcomes[place : place + 1], genres),
        }
    truths = np.concatenate([_numbers(run, genres) for run in runs[:repeats]])
    share, temperature = calibrate(
        np.concatenate([run.trees for run in runs[:repeats]]),
        np.concatenate([run.linear for run in runs[:repeats]]),
        truths,
        fixed,
    )
    numbers |= {"linear_share": share, "temperature": temperature}
    first = pd.DataFrame(outcomes[0], index=runs[0].tracks.index, columns=genres)
    return Evaluation(numbers, runs[0].tracks, first, share, temperature)


def _runs(
    dataset: Dataset,
    model: GenreClassifier,
    jobs: Sequence[tuple[int, Sequence[tuple[Indices, Indices]]]],
    tune: int,
    show_progress: bool,
) -> list[_Run]:
    """Train and test on every pair of every job."""
    import joblib
    from tqdm import tqdm

    genres = sorted(dataset.labels.unique())
    tasks = [
        joblib.delayed(_held_out)(dataset, model, genres, train, test, seed, tune)
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
    return [_run(dataset, pairs, [next(parts) for _ in pairs]) for _, pairs in jobs]


def _held_out(
    dataset: Dataset,
    model: GenreClassifier,
    genres: Sequence[str],
    train: Indices,
    test: Indices,
    seed: int,
    tune: int,
) -> tuple[Floats, Floats]:
    """Train on some rows and return the log-odds of others, of trees and linear part."""
    if tune:
        from classify.tune import search

        model = search(dataset.subset(train), model, tune, seed=seed)
    learner = learn(model, dataset, train, seed)
    places = [genres.index(genre) for genre in learner.classes_]

    def widened(known: Floats) -> Floats:
        lowest = known.min(axis=1, keepdims=True) - UNKNOWN_GENRE
        wide = np.repeat(lowest, len(genres), axis=1)
        wide[:, places] = known
        return wide

    trees, linear = learner.parts(dataset.features.iloc[test])
    return widened(trees), widened(linear)


def _run(
    dataset: Dataset,
    pairs: Iterable[tuple[Indices, Indices]],
    parts: Sequence[tuple[Floats, Floats]],
) -> _Run:
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
    return _Run(known, means[:, 0], means[:, 1], own)


def _numbers(run: _Run, genres: Sequence[str]) -> NDArray[np.int64]:
    return run.tracks["label"].map({genre: place for place, genre in enumerate(genres)}).to_numpy()


def _fixed_share(model: GenreClassifier, dataset: Dataset) -> float | None:
    """Return the share of the linear part where the user, or the table's size, has fixed it."""
    share = model.parameters(len(dataset.features))["linear_share"]
    return share if model.linear_share is not None or share == 0 else None


def _calibrated(run: _Run, genres: Sequence[str], share: float | None) -> Floats:
    truth = _numbers(run, genres)
    return softmax(cross_fitted(run.trees, run.linear, truth, run.folds, share))


def _intervals(
    runs: Sequence[_Run], outcomes: Sequence[Floats], genres: Sequence[str]
) -> dict[str, list[float]]:
    """Return intervals of 95 % of accuracy and top-3, over groups and not over repeats."""
    found = {}
    for name, most in (("accuracy", 1), ("top_3", 3)):
        right = [
            metrics.hits(run.tracks["label"].tolist(), own, genres, most)
            for run, own in zip(runs, outcomes, strict=True)
        ]
        per_track = (
            pd.Series(
                np.concatenate(right).astype(float),
                np.concatenate([run.tracks.index for run in runs]),
            )
            .groupby(level=0)
            .mean()
        )
        group = runs[0].tracks["group"].reindex(per_track.index)
        found[name] = list(metrics.interval(per_track.to_numpy(), group.to_numpy()))
    return found
