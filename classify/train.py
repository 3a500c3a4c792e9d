"""The recipe: measure a model by cross-validation, train it on everything, write it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from earmark.classify.dataset.build import SPOTIFY_EXTRAS, Dataset
from earmark.classify.evaluation.cross_validation import cross_validate
from earmark.classify.evaluation.held_out import learn
from earmark.classify.evaluation.progress import Bar
from earmark.classify.model import genre_profiles, storage
from earmark.classify.model.bundle import LENGTH, Bundle
from earmark.classify.model.estimator import GenreClassifier
from earmark.classify.model.linear import widths
from earmark.extract.feature_table import FeatureTable

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from earmark.classify.evaluation.held_out import Search
    from earmark.classify.evaluation.result import Evaluation

__all__ = ["card", "fit", "pickles", "train", "write"]

STAND_INS = 8
"""Tracks whose popularity stands in for that of audio files, which have none."""


def train(
    dataset: Dataset,
    model: GenreClassifier | None = None,
    *,
    count: int = 5,
    repeats: int | None = None,
    seed: int = 0,
    search: Search | None = None,
    show_progress: bool = False,
    progress: Callable[[int, int], object] | None = None,
) -> tuple[Evaluation, Bundle]:
    """Measure a model by cross-validation, then train it on all of the data.

    Parameters
    ----------
    dataset : Dataset
        Rows of tracks or windows.
    model : GenreClassifier, optional
        Is cloned; by default one with the parameters that suit the size of the table.
    count, repeats, seed, search, show_progress, progress
        As for `earmark.classify.evaluation.cross_validation.cross_validate`; with a search, the
        final model gets parameters of its own, searched for on all of the data.

    Returns
    -------
    evaluation : Evaluation
        What to expect of the model, also beside what leaks would have said.
    bundle : Bundle
        The model, ready for `write`.

    Raises
    ------
    LabelError
        A fold leaves one genre only.

    Examples
    --------
    >>> from earmark.classify.dataset import build
    >>> from earmark.classify import train
    >>> dataset = build.build("features.parquet", "labels.csv")  # doctest: +SKIP
    >>> evaluation, bundle = train.train(dataset)  # doctest: +SKIP
    """
    model = GenreClassifier() if model is None else model
    evaluation = cross_validate(
        dataset,
        model,
        count=count,
        repeats=repeats,
        seed=seed,
        leaky=True,
        search=search,
        show_progress=show_progress,
        progress=progress,
    )
    if search is not None:
        model = search(dataset, model, seed=seed)
    return evaluation, fit(dataset, model, evaluation, seed, show_progress=show_progress)


def fit(
    dataset: Dataset,
    model: GenreClassifier,
    evaluation: Evaluation,
    seed: int = 0,
    *,
    show_progress: bool = False,
) -> Bundle:
    """Train on all of the data, with the linear share and temperature of the evaluation."""
    import xgboost
    from sklearn.base import clone

    from earmark.version import __version__

    sure = clone(model).set_params(
        linear_share=evaluation.linear_share, temperature=evaluation.temperature
    )
    with Bar({"final fit": 1}, shown=show_progress) as bar, bar.part("final fit") as moved:
        learner = learn(sure, dataset, seed=seed, after_round=moved)
    ensemble = learner.ensemble_
    raw = bytes(ensemble.booster.save_raw("ubj"))
    about = dataset.about
    inputs = list(dataset.features.columns)
    versions = FeatureTable(dataset.features, about).column_versions
    return Bundle(
        model=raw,
        genres=[str(genre) for genre in learner.classes_],
        columns=dataset.columns,
        inputs=inputs,
        set=about.get("set"),
        fingerprint=about.get("fingerprint"),
        windows=about.get("windows"),
        column_versions={name: versions[name] for name in inputs if name in versions},
        settings=about.get("settings", {}),
        linear=ensemble.linear.to_json() if ensemble.linear else None,
        linear_share=ensemble.linear_share,
        temperature=ensemble.temperature,
        categories={
            name: values.astype(float).tolist()
            for name, values in zip(inputs, ensemble.categories, strict=True)
            if values is not None
        },
        stand_ins=_stand_ins(dataset),
        learner=sure.get_params() | sure.parameters(len(dataset.features), len(learner.classes_)),
        metrics=evaluation.metrics,
        versions={"earmark": __version__, "xgboost": xgboost.__version__},
        typical=genre_profiles.of(
            pd.concat([dataset.features, dataset.ignored], axis=1), dataset.labels, dataset.tracks
        ),
    )


def pickles(bundle: Bundle, dataset: Dataset) -> dict[str, Any]:
    """Return what scikit-learn's users may want of a model, by the names of the files.

    Parameters
    ----------
    bundle : Bundle
        The model.
    dataset : Dataset
        What it was trained on.

    Returns
    -------
    dict
        A plain `xgboost.XGBClassifier`, behind what turns categories into their places where there
        are any, and a `LabelEncoder`.
    """
    from sklearn.preprocessing import LabelEncoder

    model, encoder = storage.PICKLES
    return {model: _plain(bundle, dataset), encoder: LabelEncoder().fit(dataset.labels)}


def _plain(bundle: Bundle, dataset: Dataset) -> Any:
    """Return the trees as scikit-learn's users know them: rows of the inputs → numbers of genres.

    It is made of others' classes alone: who loads it needs nothing of Earmark.
    """
    import xgboost
    from sklearn.compose import ColumnTransformer
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import FunctionTransformer, OrdinalEncoder

    def encoder(values: list[float]) -> Any:
        return OrdinalEncoder(
            categories=[np.array(values, np.float32)],
            handle_unknown="use_encoded_value",
            unknown_value=np.nan,
        )

    known = [bundle.categories.get(name) for name in bundle.inputs]
    types = ["float" if own is None else "c" for own in known]
    ordinal = not bundle.categories or bundle.ensemble.together
    trees = xgboost.XGBClassifier(feature_types=None if ordinal else types)
    trees.load_model(bytearray(bundle.model))
    if not bundle.categories:
        return trees
    # The inputs by their number: their names stand in the card, and lists of numbers have none.
    places = ColumnTransformer(
        [
            (name, "passthrough" if own is None else encoder(own), [place])
            for place, (name, own) in enumerate(zip(bundle.inputs, known, strict=True))
        ]
    )
    numbers = FunctionTransformer(np.asarray, kw_args={"dtype": np.float32})
    prepared = Pipeline([("numbers", numbers), ("places", places)]).fit(dataset.features)
    return Pipeline([*prepared.steps, ("trees", trees)])


def _stand_ins(dataset: Dataset) -> dict[str, list[float]]:
    """Return typical values of what Spotify's tables say beside the sound, of the same tracks.

    And lengths of songs, for excerpts.
    """
    names = [name for name in SPOTIFY_EXTRAS if name in dataset.features]
    if not names or not str(dataset.about.get("set")).startswith("spotify-"):
        return {}
    known = dataset.features[names].dropna().sort_values(names, ignore_index=True)
    found = {name: _typical(known[name]) for name in names}
    if LENGTH in dataset.features:
        lengths = _typical(dataset.features[LENGTH].dropna().sort_values(ignore_index=True))
        # Any length with any popularity: not the short ones with the rare ones.
        found[LENGTH] = np.random.default_rng(0).permutation(lengths).tolist()
    return found


def _typical(ordered: pd.Series) -> list[float]:
    """Return as many values as there are stand-ins, evenly from the first to the last."""
    places = ((np.arange(STAND_INS) + 0.5) / STAND_INS * len(ordered)).astype(int)
    return ordered.iloc[places].astype(float).tolist()


def card(title: str, source: str, dataset: Dataset, bundle: Bundle, rows: int | None = None) -> str:
    """Write the card of a model that somebody trained.

    Parameters
    ----------
    title : str
        What the model is called.
    source : str
        What its table is called.
    dataset : Dataset
        What it was trained on.
    bundle : Bundle
        The model, with its metrics.
    rows : int, optional
        How many it was trained on, where the data set holds none of them.
    """
    from earmark.classify.evaluation.model_card import model_card

    numbers = bundle.metrics
    lines = [
        f"Trained by Earmark on {numbers['tracks']} tracks "
        f"({len(dataset.features) if rows is None else rows} rows, "
        f"{len(bundle.inputs)} of {len(bundle.columns)} descriptors) from `{source}`; "
        f"{len(bundle.genres)} genres: {', '.join(bundle.genres)}.",
        *(f"\n{note}." for note in dataset.notes),
    ]
    return model_card(title, numbers, lines)


def write(
    directory: Path,
    bundle: Bundle,
    card: str,
    *,
    evaluation: Evaluation | None = None,
    pickles: dict[str, Any] | None = None,
) -> None:
    """Write the bundle with its card, and what else there is.

    Parameters
    ----------
    directory : Path
        Where; a bundle that stands there is replaced, anything else refused.
    bundle : Bundle
        The model.
    card : str
        Its card, Markdown.
    evaluation : Evaluation, optional
        With it a report is written beside the model.
    pickles : dict, optional
        From `pickles`.

    Raises
    ------
    WriteError
        Something else stands there, or the directory cannot be written.
    """
    from earmark.classify.evaluation import report

    storage.save(bundle, directory, card, pickles)
    if evaluation is None:
        return
    report.write(
        directory,
        title=f"Genre model {directory.name}",
        evaluation=evaluation,
        importances=importances(bundle),
        explanations=evaluation.explanations,
        card=card,
    )


def importances(bundle: Bundle) -> pd.Series:
    """Return the share of each input in what the model knows, the greatest first.

    Of the trees it is the gain of all splits, of the linear part the spread of its log-odds over
    the genres; both as shares, mixed as their log-odds are.
    """
    gain = pd.Series(bundle.booster.get_score(importance_type="total_gain"), dtype=float)
    names = {f"f{place}": name for place, name in enumerate(bundle.inputs)}
    trees = gain.rename(index=names).reindex(bundle.inputs).fillna(0.0)
    shares = trees / max(trees.sum(), 1e-12)
    if (linear := bundle.ensemble.linear) is not None:
        of_column = np.repeat(bundle.inputs, widths(linear.categories))
        spread = pd.Series(linear.weights.std(axis=0), of_column).groupby(level=0).sum()
        spread = spread.reindex(bundle.inputs).fillna(0.0)
        linear_shares = spread / max(spread.sum(), 1e-12)
        shares = (1 - bundle.linear_share) * shares + bundle.linear_share * linear_shares
    return shares.sort_values(ascending=False)
