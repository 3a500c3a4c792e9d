"""Training: honest cross-validation first, then the model on all of the data."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from classify import metrics
from classify.bundle import Bundle
from classify.dataset import Dataset, weights
from classify.model import GenreClassifier
from classify.predict import pool
from classify.splits import Indices, folds

__all__ = ["Evaluation", "cross_validate", "fit", "learn", "probabilities", "write"]


@dataclass(frozen=True)
class Evaluation:
    """What a cross-validation gave.

    Parameters
    ----------
    metrics : dict
        Means over the repeats, their spread, and numbers per genre.
    confusion : ndarray of shape (genres, genres)
        Counts of tracks, true genres in rows, of the first repeat.
    genres : list of str
        Sorted.
    """

    metrics: dict[str, Any]
    confusion: NDArray[np.int64]
    genres: list[str]


def learn(
    model: GenreClassifier,
    features: pd.DataFrame,
    labels: pd.Series,
    row_weights: NDArray[np.float64],
    **parameters: Any,
) -> GenreClassifier:
    """Train a copy of a model, with the balance of `classify.dataset.weights` as the only one."""
    from sklearn.base import clone

    learner = clone(model).set_params(class_weight=None, **parameters)
    return learner.fit(features, labels, sample_weight=row_weights)


def probabilities(
    learner: GenreClassifier, features: pd.DataFrame, tracks: pd.Series
) -> pd.DataFrame:
    """Return the probability of each genre (columns) for each track (rows)."""
    paths, chances = pool(learner.predict_proba(features), tracks.to_numpy())
    return pd.DataFrame(chances, index=paths, columns=learner.classes_)


def _held_out(
    dataset: Dataset,
    model: GenreClassifier,
    row_weights: NDArray[np.float64],
    train: Indices,
    test: Indices,
    seed: int,
) -> pd.DataFrame:
    """Train on some rows and return the probabilities of the tracks of others."""
    features, labels = dataset.features.iloc[train], dataset.labels.iloc[train]
    learner = learn(model, features, labels, row_weights[train], random_state=seed)
    return probabilities(learner, dataset.features.iloc[test], dataset.tracks.iloc[test])


def cross_validate(
    dataset: Dataset,
    model: GenreClassifier,
    *,
    count: int = 5,
    repeats: int = 3,
    seed: int = 0,
    show_progress: bool = False,
) -> Evaluation:
    """Measure a model by grouped cross-validation, repeated with other folds.

    Parameters
    ----------
    dataset : Dataset
        Rows of tracks or windows.
    model : GenreClassifier
        Is cloned; it stays as it is.
    count, repeats : int
        Folds, and how often with another shuffle.
    seed : int
        Of the first repeat; the next ones count on.
    show_progress : bool
        Show a bar on stderr.
    """
    import joblib
    from tqdm import tqdm

    tracks = dataset.per_track().set_index("track")
    genres = sorted(tracks["label"].unique())
    row_weights = weights(dataset)
    splits = [list(folds(dataset, count, seed + repeat)) for repeat in range(repeats)]
    tasks = [
        joblib.delayed(_held_out)(dataset, model, row_weights, train, test, seed + repeat)
        for repeat, own in enumerate(splits)
        for train, test in own
    ]
    # XGBoost lets go of the interpreter while it trains: threads suffice, one fold on each.
    pool_of_threads = joblib.Parallel(n_jobs=-1, prefer="threads", return_as="generator")
    parts = iter(
        tqdm(
            pool_of_threads(tasks),
            total=len(tasks),
            desc="cross-validation",
            unit="fold",
            disable=not show_progress,
        )
    )
    runs, matrices = [], []
    for own in splits:
        chances = pd.concat([next(parts) for _ in own]).reindex(columns=genres).fillna(0.0)
        truth = tracks["label"].reindex(chances.index).tolist()
        runs.append(metrics.evaluate(truth, chances.to_numpy(), genres))
        matrices.append(metrics.confusion(truth, chances.to_numpy(), genres))
    matrix = np.sum(matrices, axis=0)
    per_genre = {
        genre: {
            "tracks": int((tracks["label"] == genre).sum()),
            "groups": int(tracks.loc[tracks["label"] == genre, "group"].nunique()),
            "recall": float(matrix[index, index] / max(1, matrix[index].sum())),
            "precision": float(matrix[index, index] / max(1, matrix[:, index].sum())),
        }
        for index, genre in enumerate(genres)
    }
    values = pd.DataFrame(runs)
    groups = int(tracks["group"].nunique())
    return Evaluation(
        {
            **{str(name): float(value) for name, value in values.mean().items()},
            "spread": values.std(ddof=0).to_dict(),
            "commonest": float(tracks["label"].value_counts(normalize=True).iloc[0]),
            "folds": len(splits[0]),
            "repeats": repeats,
            "grouped_by": dataset.grouped_by if groups < len(tracks) else "track",
            "tracks": len(tracks),
            "groups": groups,
            "genres": per_genre,
        },
        matrices[0],
        genres,
    )


def fit(
    dataset: Dataset, model: GenreClassifier, evaluation: Evaluation
) -> tuple[Bundle, dict[str, Any]]:
    """Train on all of the data.

    Returns
    -------
    bundle : Bundle
        Ready to be saved.
    pickles : dict
        A plain `xgboost.XGBClassifier` and a `LabelEncoder`, for scikit-learn users, by file name.
    """
    from importlib.metadata import version

    import xgboost
    from sklearn.preprocessing import LabelEncoder

    from extract import __version__

    learner = learn(model, dataset.features, dataset.labels, weights(dataset))
    raw = bytes(learner.booster_.save_raw("ubj"))
    about = dataset.about
    bundle = Bundle(
        model=raw,
        genres=[str(genre) for genre in learner.classes_],
        columns=dataset.columns,
        inputs=list(dataset.features.columns),
        set=about.get("set"),
        fingerprint=about.get("fingerprint"),
        windows=about.get("windows"),
        settings=about.get("settings", {}),
        learner=model.get_params(),
        metrics=evaluation.metrics,
        versions={"earmark": __version__, "xgboost": version("xgboost")},
    )
    plain = xgboost.XGBClassifier()
    plain.load_model(bytearray(raw))
    return bundle, {"model.joblib": plain, "encoder.joblib": LabelEncoder().fit(dataset.labels)}


def write(
    bundle: Bundle, pickles: dict[str, Any], evaluation: Evaluation, card: str, directory: Path
) -> None:
    """Write the bundle with its card and the confusion matrix."""
    from classify import bundle as bundles
    from classify import report

    bundles.save(bundle, directory, card, pickles)
    report.confusion_png(
        evaluation.confusion,
        evaluation.genres,
        f"accuracy {evaluation.metrics['accuracy']:.2f}, "
        f"no {evaluation.metrics['grouped_by']} on both sides",
        directory / "confusion.png",
    )
