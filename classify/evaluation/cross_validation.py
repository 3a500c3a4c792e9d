"""How right a model is: on tracks of artists that it has not heard, and what a leak would say."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from earmark.classify.dataset import splits
from earmark.classify.dataset.pooling import pool
from earmark.classify.evaluation import metrics
from earmark.classify.evaluation.calibration import calibrate, cross_fitted
from earmark.classify.evaluation.held_out import Job, Run, run_folds
from earmark.classify.evaluation.result import Evaluation, beside_labels
from earmark.classify.model.ensemble import Ensemble, Floats, softmax
from earmark.classify.score import EXPLAINED_COLUMNS, ranked, scored
from earmark.extract.errors import LabelError
from earmark.extract.feature_table import FeatureTable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from earmark.classify.dataset.build import Dataset
    from earmark.classify.dataset.splits import Indices
    from earmark.classify.evaluation.held_out import Search
    from earmark.classify.model.bundle import Bundle
    from earmark.classify.model.estimator import GenreClassifier

    Fold = tuple[Indices, Indices]

__all__ = ["cross_validate", "judge", "plan", "predicted", "test"]

FEW_TRACKS, MANY_TRACKS = 2_000, 20_000
"""Where once over the data is enough, and where a fifth of it is."""

EXPLAINED = 20
"""Errors that are explained."""


def plan(tracks: int) -> tuple[int | None, int]:
    """Return how many folds to test and how often, for a number of tracks.

    Where there are few tracks, chance is averaged out by repeats; where there are many, one
    fold of five is known to a percent. None stands for all folds.
    """
    if tracks < FEW_TRACKS:
        return None, 3
    return (None, 1) if tracks < MANY_TRACKS else (1, 1)


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
    rounds = _rounds(dataset, count, repeats, seed, leaky)
    runs, learners = run_folds(dataset, model, rounds.jobs, search, show_progress, progress)
    genres = sorted(dataset.labels.unique())
    fixed = _fixed_share(model, dataset)
    outcomes = [_calibrated(run, genres, fixed) for run in runs]
    honest = runs[: len(rounds.honest)]
    share, temperature = calibrate(
        np.concatenate([run.trees for run in honest]),
        np.concatenate([run.linear for run in honest]),
        np.concatenate([metrics.codes(run.tracks["label"].tolist(), genres) for run in honest]),
        fixed,
    )
    numbers = _numbers(dataset, rounds, runs, outcomes, genres)
    numbers |= {"linear_share": share, "temperature": temperature}
    first = pd.DataFrame(outcomes[0], index=runs[0].tracks.index, columns=genres)
    tests = [test for _, test in rounds.honest[0]]
    sure = [
        replace(learner.ensemble_, linear_share=share, temperature=temperature)
        for learner in learners
    ]
    known = [[str(genre) for genre in learner.classes_] for learner in learners]
    wrong = _surest_errors(runs[0].tracks["label"], first)
    reasons = _explained(dataset, tests, sure, known, wrong)
    tracks = runs[0].tracks.assign(fold=runs[0].folds)
    return Evaluation(numbers, tracks, first, share, temperature, reasons)


def judge(dataset: Dataset, fold: Fold, run: Run) -> Evaluation:
    """Say how right trees without a linear part were on the one part that was held out.

    Parameters
    ----------
    dataset : Dataset
        A row per track is enough, and nothing of its features is looked at.
    fold : tuple of ndarray of int
        The rows that were trained on, and those that were held out.
    run : Run
        The log-odds of the latter, of all genres of the data set.
    """
    genres = sorted(dataset.labels.unique())
    truth = metrics.codes(run.tracks["label"].tolist(), genres)
    _, temperature = calibrate(run.trees, run.linear, truth, 0.0)
    outcome = _calibrated(run, genres, 0.0)
    numbers = _numbers(dataset, _Rounds(0, [[fold]], {}), [run], [outcome], genres)
    numbers |= {"linear_share": 0.0, "temperature": temperature}
    chances = pd.DataFrame(outcome, index=run.tracks.index, columns=genres)
    nothing = pd.DataFrame(columns=EXPLAINED_COLUMNS)
    tracks = run.tracks.assign(fold=run.folds)
    return Evaluation(numbers, tracks, chances, 0.0, temperature, nothing)


@dataclass(frozen=True)
class _Rounds:
    """What is trained on and tested on.

    Parameters
    ----------
    seed : int
        Of the first shuffle.
    honest : list of list of pairs
        For each repeat the rows of its folds; no group is on both sides.
    leaky : dict of str to list of pairs
        What would be too kind, by name.
    """

    seed: int
    honest: list[list[Fold]]
    leaky: dict[str, list[Fold]]

    @property
    def jobs(self) -> list[Job]:
        """Every run over the folds, the honest ones first."""
        return [
            *(
                Job("honest folds", seed, folds)
                for seed, folds in enumerate(self.honest, self.seed)
            ),
            *(Job(f"{name} folds", self.seed, own) for name, own in self.leaky.items()),
        ]


def _rounds(dataset: Dataset, count: int, repeats: int | None, seed: int, leaky: bool) -> _Rounds:
    tested, usual = plan(len(dataset.per_track()))
    repeats = usual if repeats is None else repeats
    if repeats > 1:
        tested = None
    shuffles = range(seed, seed + repeats)
    if dataset.split is not None:
        honest = [list(splits.published_folds(dataset)) for _ in shuffles]
    else:
        honest = [list(splits.folds(dataset, count, shuffle))[:tested] for shuffle in shuffles]
    too_kind: dict[str, list[Fold]] = {}
    if leaky:
        too_kind["leaky"] = list(splits.random_folds(dataset, count, seed))[:tested]
        # Where nothing but the track is known, a split of tracks at random is the leaky one.
        if (
            not dataset.keys.equals(dataset.groups)
            and dataset.keys.duplicated().any()
            and dataset.split is None
        ):
            apart = replace(dataset, groups=dataset.keys)
            too_kind["duplicates"] = list(splits.folds(apart, count, seed))[:tested]
    return _Rounds(seed, honest, too_kind)


def _numbers(
    dataset: Dataset,
    rounds: _Rounds,
    runs: Sequence[Run],
    outcomes: Sequence[Floats],
    genres: Sequence[str],
) -> dict[str, Any]:
    """Return the metrics of the honest runs, what the data are, and what leaks would have added."""
    labelled = dataset.per_track()
    repeats = len(rounds.honest)
    numbers = _summary(runs[:repeats], outcomes[:repeats], genres) | {
        "commonest": float(labelled["label"].value_counts(normalize=True).iloc[0]),
        "folds": len(rounds.honest[0]),
        "repeats": repeats,
        "grouped_by": dataset.grouped_by,
        "published": dataset.split is not None,
        "crossing": splits.crossing(dataset),
        "tracks": len(labelled),
        "tested": len(runs[0].tracks),
        "groups": int(labelled["group"].nunique()),
        "genres": _per_genre(labelled, runs[:repeats], outcomes[:repeats], genres),
    }
    for name, run, outcome in zip(rounds.leaky, runs[repeats:], outcomes[repeats:], strict=True):
        numbers[name] = _summary([run], [outcome], genres)
        # One shuffle is compared with one: the first.
        once = _summary(runs[:1], outcomes[:1], genres)
        numbers[name]["added"] = numbers[name]["accuracy"] - once["accuracy"]
    if dataset.duplicates is not None:
        kinds = dataset.duplicates.summary()
        numbers["duplicate_tracks"] = {kind: own for kind, own in kinds.items() if own["tracks"]}
    return numbers


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
    runs: Sequence[Run], outcomes: Sequence[Floats], genres: Sequence[str]
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
    runs: Sequence[Run],
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


def _fixed_share(model: GenreClassifier, dataset: Dataset) -> float | None:
    """Return the share of the linear part where the user, or the table's size, has fixed it."""
    share = model.parameters(len(dataset.features), dataset.labels.nunique())["linear_share"]
    return share if model.linear_share is not None or share == 0 else None


def _calibrated(run: Run, genres: Sequence[str], share: float | None) -> Floats:
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
    found, labelled = _tested(bundle, dataset)
    foreign = sorted(set(labelled["label"]) - set(bundle.genres))
    if len(foreign) == labelled["label"].nunique():
        raise LabelError(
            f"the model knows none of the genres {', '.join(foreign[:5])}; it knows "
            f"{', '.join(bundle.genres[:12])}"
        )
    logits: Floats = found.to_numpy(float)
    run = Run(labelled, logits, logits, np.zeros(len(found), np.int64))
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


def predicted(bundle: Bundle, dataset: Dataset, top: int = 3) -> pd.DataFrame:
    """Return what a trained model says of labelled tracks, beside their labels.

    Parameters
    ----------
    bundle, dataset
        As for `test`.
    top : int
        How many genres to name.

    Returns
    -------
    DataFrame
        As from `Evaluation.predictions`, without folds.
    """
    return beside_labels(*_tested(bundle, dataset), top)


def _tested(bundle: Bundle, dataset: Dataset) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the log-odds of the tracks that have sound, and their labels and groups."""
    table = FeatureTable(dataset.features.assign(path=dataset.tracks), dataset.about)
    found = scored(bundle, table).logits
    return found, dataset.per_track().set_index("track").reindex(found.index)
