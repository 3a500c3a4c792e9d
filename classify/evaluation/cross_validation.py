"""How right a model is: on tracks of artists that it has not heard, and what a leak would say."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import pandas as pd

from earmark.classify.dataset import splits
from earmark.classify.dataset.build import Dataset, weights
from earmark.classify.dataset.pooling import pool
from earmark.classify.evaluation import metrics
from earmark.classify.evaluation.calibration import calibrate, cross_fitted
from earmark.classify.evaluation.result import Evaluation
from earmark.classify.model.ensemble import Ensemble, Floats, softmax
from earmark.classify.score import EXPLAINED_COLUMNS, ranked, scored
from earmark.extract.errors import LabelError
from earmark.extract.feature_table import FeatureTable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from numpy.typing import NDArray

    from earmark.classify.dataset.splits import Indices
    from earmark.classify.model.bundle import Bundle
    from earmark.classify.model.estimator import GenreClassifier

__all__ = ["Search", "cross_validate", "learn", "plan", "test"]

FEW_TRACKS, MANY_TRACKS = 2_000, 20_000
"""Where once over the data is enough, and where a fifth of it is."""

EXPLAINED = 20
"""Errors that are explained."""

UNKNOWN_GENRE = 20.0
"""What a genre that a fold could not learn lies below all others, in log-odds."""


class Search(Protocol):
    """A search for better parameters, such as ``partial(tune.search, trials=20)``."""

    def __call__(self, dataset: Dataset, model: GenreClassifier, *, seed: int) -> GenreClassifier:
        """Return the model with better parameters; nothing but the data set may be looked at."""


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


def cross_validate(
    dataset: Dataset,
    model: GenreClassifier,
    *,
    count: int = 5,
    repeats: int | None = None,
    seed: int = 0,
    leaky: bool = False,
    search: Search | None = None,
    show_progress: bool = False,
    progress: Callable[[int, int], object] | None = None,
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
    search : callable, optional
        Looks for better parameters of the model within the training part of every fold; see
        `earmark.classify.evaluation.tune.search`.
    show_progress : bool
        Show a bar on stderr.
    progress : callable, optional
        Is told after each fold how many are done, and of how many.

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
        # Where nothing but the track is known, a split of tracks at random is the leaky one.
        if (
            not dataset.keys.equals(dataset.groups)
            and dataset.keys.duplicated().any()
            and (dataset.split is None)
        ):
            apart = replace(dataset, groups=dataset.keys)
            ladders["duplicates"] = list(splits.folds(apart, count, seed))[:tested_folds]
    jobs = [(own, pairs) for own, pairs in zip(shuffles, honest, strict=True)]
    jobs += [(seed, pairs) for pairs in ladders.values()]
    runs, learners = _runs(dataset, model, jobs, search, show_progress, progress)
    genres = sorted(dataset.labels.unique())
    fixed = _fixed_share(model, dataset)
    outcomes = [_calibrated(run, genres, fixed) for run in runs]

    numbers = _summary(runs[:repeats], outcomes[:repeats], genres) | {
        "commonest": float(labelled["label"].value_counts(normalize=True).iloc[0]),
        "folds": len(honest[0]),
        "repeats": repeats,
        "grouped_by": dataset.grouped_by,
        "published": dataset.split is not None,
        "crossing": splits.crossing(dataset),
        "tracks": len(labelled),
        "tested": len(runs[0].tracks),
        "groups": int(labelled["group"].nunique()),
        "genres": _per_genre(labelled, runs[:repeats], outcomes[:repeats], genres),
    }
    for place, name in enumerate(ladders, start=repeats):
        numbers[name] = _summary(runs[place : place + 1], outcomes[place : place + 1], genres)
        # One shuffle is compared with one: the first.
        once = _summary(runs[:1], outcomes[:1], genres)
        numbers[name]["added"] = numbers[name]["accuracy"] - once["accuracy"]
    if dataset.duplicates is not None:
        found = dataset.duplicates.summary()
        numbers["doubles"] = {kind: own for kind, own in found.items() if own["tracks"]}
    share, temperature = calibrate(
        np.concatenate([run.trees for run in runs[:repeats]]),
        np.concatenate([run.linear for run in runs[:repeats]]),
        np.concatenate(
            [metrics.codes(run.tracks["label"].tolist(), genres) for run in runs[:repeats]]
        ),
        fixed,
    )
    numbers |= {"linear_share": share, "temperature": temperature}
    first = pd.DataFrame(outcomes[0], index=runs[0].tracks.index, columns=genres)
    tests = [test for _, test in honest[0]]
    sure = [
        replace(learner.ensemble_, linear_share=share, temperature=temperature)
        for learner in learners[: len(tests)]
    ]
    known = [[str(genre) for genre in learner.classes_] for learner in learners[: len(tests)]]
    wrong = _surest_errors(runs[0].tracks["label"], first)
    reasons = _explained(dataset, tests, sure, known, wrong)
    return Evaluation(numbers, runs[0].tracks, first, share, temperature, reasons)


def _surest_errors(labels: pd.Series, probabilities: pd.DataFrame) -> list[str]:
    """Return the paths of the tracks that were taken for another genre with most certainty."""
    wrong = probabilities[probabilities.idxmax(axis=1) != labels]
    return [str(path) for path in wrong.max(axis=1).nlargest(EXPLAINED).index]


def _explained(
    dataset: Dataset,
    tests: Sequence[Indices],
    ensembles: Sequence[Ensemble],
    genres: Sequence[Sequence[str]],
    chosen: Sequence[str],
) -> pd.DataFrame:
    """Say what spoke for the genres of some tracks in the models that had not seen them."""
    inputs = list(dataset.features.columns)
    parts = [pd.DataFrame(columns=EXPLAINED_COLUMNS)]
    for test, ensemble, known in zip(tests, ensembles, genres, strict=True):
        rows = test[dataset.tracks.iloc[test].isin(chosen).to_numpy()]
        if len(rows):
            values = dataset.features.iloc[rows].to_numpy(np.float32)
            paths = dataset.tracks.to_numpy(object)[rows]
            order, logits = pool(ensemble.logits(values), paths)
            best = pd.Series(logits.argmax(axis=1), order).reindex(paths).to_numpy()
            added = ensemble.contributions(values, best)[:, :-1]
            taken_for = [known[place] for place in best]
            parts.append(ranked(added, values, paths, taken_for, inputs, top=3))
    return pd.concat(parts[1:] or parts, ignore_index=True)


def _summary(
    runs: Sequence[_Run], outcomes: Sequence[Floats], genres: Sequence[str]
) -> dict[str, Any]:
    """Return means over the repeats, their spread, and intervals of 95 % over groups."""
    labels = [run.tracks["label"].tolist() for run in runs]
    scores = pd.DataFrame(
        [metrics.evaluate(own, found, genres) for own, found in zip(labels, outcomes, strict=True)]
    )
    ranks = pd.concat(
        [
            pd.Series(metrics.ranks(own, found, genres), run.tracks.index)
            for own, found, run in zip(labels, outcomes, runs, strict=True)
        ]
    )
    intervals = {}
    for name, most in (("accuracy", 1), ("top_3", 3), ("top_5", 5)):
        if name in scores:
            # A track that was tested in every repeat is one track all the same.
            right = (ranks < most).groupby(level=0).mean()
            groups = runs[0].tracks["group"].reindex(right.index)
            intervals[name] = list(metrics.interval(right.to_numpy(), groups.to_numpy()))
    return {
        **{str(name): float(value) for name, value in scores.mean().items()},
        "spread": {str(name): float(value) for name, value in scores.std(ddof=0).items()},
        "interval": intervals,
    }


def _per_genre(
    labelled: pd.DataFrame,
    runs: Sequence[_Run],
    outcomes: Sequence[Floats],
    genres: Sequence[str],
    shown: Sequence[str] | None = None,
) -> dict[str, dict[str, float | int | None]]:
    """Return tracks, groups, recall and precision of each genre; None where there is none."""
    truth = [label for run in runs for label in run.tracks["label"]]
    found = metrics.per_genre(truth, np.concatenate(outcomes), genres)
    counts = labelled.groupby("label")["group"].agg(["size", "nunique"])
    sizes, owners = counts["size"].to_dict(), counts["nunique"].to_dict()
    recalls, precisions = found["recall"].to_dict(), found["precision"].to_dict()

    def known(value: float) -> float | None:
        return None if np.isnan(value) else float(value)

    return {
        genre: {
            "tracks": int(sizes[genre]),
            "groups": int(owners[genre]),
            "recall": known(recalls[genre]),
            "precision": known(precisions[genre]),
        }
        for genre in (genres if shown is None else shown)
    }


def _runs(
    dataset: Dataset,
    model: GenreClassifier,
    jobs: Sequence[tuple[int, Sequence[tuple[Indices, Indices]]]],
    search: Search | None,
    show_progress: bool,
    progress: Callable[[int, int], object] | None,
) -> tuple[list[_Run], list[GenreClassifier]]:
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


def _fixed_share(model: GenreClassifier, dataset: Dataset) -> float | None:
    """Return the share of the linear part where the user, or the table's size, has fixed it."""
    share = model.parameters(len(dataset.features), dataset.labels.nunique())["linear_share"]
    return share if model.linear_share is not None or share == 0 else None


def _calibrated(run: _Run, genres: Sequence[str], share: float | None) -> Floats:
    truth = metrics.codes(run.tracks["label"].tolist(), genres)
    return softmax(cross_fitted(run.trees, run.linear, truth, run.folds, share))


def test(bundle: Bundle, dataset: Dataset) -> dict[str, Any]:
    """Measure a trained model on labelled tracks.

    Nothing is fitted here. A track whose genre the model does not know counts as an error.

    Parameters
    ----------
    bundle : Bundle
        The model.
    dataset : Dataset
        With every column of a table that was made like the model's, none ignored. What the model
        was trained on says nothing.

    Returns
    -------
    dict
        Metrics as those of an `Evaluation`.

    Raises
    ------
    SchemaError
        The table was made otherwise.
    LabelError
        The model knows none of the genres.
    """
    table = FeatureTable(dataset.features.assign(path=dataset.tracks), dataset.about)
    found = scored(bundle, table).logits
    labelled = dataset.per_track().set_index("track").reindex(found.index)
    foreign = sorted(set(labelled["label"]) - set(bundle.genres))
    if len(foreign) == labelled["label"].nunique():
        raise LabelError(
            f"the model knows none of the genres {', '.join(foreign[:5])}; it knows "
            f"{', '.join(bundle.genres[:12])}"
        )
    logits: Floats = found.to_numpy(float)
    run = _Run(labelled, logits, logits, np.zeros(len(found), np.int64))
    chances = [softmax(logits)]
    every = labelled.reset_index(names="track")
    known = [genre for genre in bundle.genres if genre in set(labelled["label"])]
    genres = _per_genre(every, [run], chances, bundle.genres, known)
    return _summary([run], chances, bundle.genres) | {
        "commonest": float(labelled["label"].value_counts(normalize=True).iloc[0]),
        "unknown": {genre: int((labelled["label"] == genre).sum()) for genre in foreign},
        "tracks": len(labelled),
        "tested": len(labelled),
        "groups": int(labelled["group"].nunique()),
        "grouped_by": dataset.grouped_by,
        "genres": genres,
    }
