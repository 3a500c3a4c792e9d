"""Train the models that name genres by the sound, and write their honest cards.

Two ship: `default` looks at hand-made descriptors and at the learned embedding, `light` at the
hand-made ones alone. The audio is not part of this project. The script expects a folder with
``gtzan/``, ``emotify/``, ``panda4q/``, ``songs/`` and ``mixed/``, each holding ``audio/`` and
``tracks.csv``, ``librosa/`` with that library's recordings, and Spotify's table of tracks in
``spotify/``; and espeak-ng on the path:

    python classify/models/train_default.py ../shared/data

It measures twice before it trains on everything: by cross-validation with no artist on both sides,
and by leaving out each corpus in turn, which says what to expect of strangers' files and how sure
the models may be.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from earmark.classify import train
from earmark.classify.evaluation import held_out
from earmark.classify.evaluation.model_card import model_card
from earmark.classify.evaluation.summary import summary
from earmark.classify.model import genre_profiles, storage
from earmark.classify.model.estimator import GenreClassifier
from earmark.classify.model.linear import Linear
from earmark.classify.models.train_card import describe
from earmark.classify.models.train_corpora import (
    AMBIGUOUS,
    ASIDE,
    ELSEWHERE,
    FEWEST_TRACKS,
    HAND_MADE,
    LEAST_MOTION,
    WITH_EMBEDDING,
    collect,
    dataset_of,
)
from earmark.classify.models.train_outside import (
    SHARE,
    Outside,
    coverage,
    measured,
    temperature_of,
)
from earmark.classify.models.train_speech import FOLDS, SPEECH, fold_of
from earmark.classify.models.train_spoken import told
from earmark.extract.sets import SPOTIFY_COLUMNS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from earmark.classify.dataset.build import Dataset
    from earmark.classify.evaluation.result import Evaluation
    from earmark.classify.model.bundle import Bundle

ROUNDS = 150


@dataclass(frozen=True)
class Recipe:
    """What one of the models looks at, a row per track.

    Parameters
    ----------
    set : str
        The feature set.
    strength : float
        Of the linear half: the more it is held back, the more often it is right on a left-out
        corpus.
    reserve : float
        By how much speech is held back in the linear half, in log-odds: the more, the less music is
        called speech.
    unsure : tuple of str
        Genres that it finds too seldom to be asked for them.
    """

    set: str
    strength: float
    reserve: float
    unsure: tuple[str, ...] = ()

    @property
    def model(self) -> GenreClassifier:
        """The learner."""
        return GenreClassifier(
            n_estimators=ROUNDS,
            # As for few rows, however many the augmentation makes.
            subsample=0.7,
            linear_share=SHARE,
            linear_strength=self.strength,
        )


MODELS = {
    "default": Recipe(WITH_EMBEDDING, 0.005, 4.5),
    "light": Recipe(HAND_MADE, 0.02, 6.5, ("rnb",)),
}

SEEDS = range(3)
"""With which the models without a corpus are trained."""

SPOTIFY_NAMES = {"hiphop": "hip-hop", "rnb": "r-n-b"}
"""What Spotify's table calls the genres that it calls otherwise."""


def of_spotify(data: Path, genres: Sequence[str]) -> genre_profiles.Typical:
    """Return what whole songs of the genres measure.

    The corpora cannot say it: theirs are clips, with a level that somebody has set.
    """
    table = pd.read_csv(data / "spotify" / "spotify_tracks.csv.gz")
    of_genre = genre_profiles.of(
        table[list(SPOTIFY_COLUMNS)], table["track_genre"], table.index.to_series()
    )
    names = {genre: SPOTIFY_NAMES.get(genre, genre) for genre in genres}
    return {genre: of_genre[name] for genre, name in names.items() if name in of_genre}


def leave_out(dataset: Dataset, table: pd.DataFrame, name: str, recipe: Recipe) -> Outside:
    """Train without one corpus and what was made of it, and test on it.

    Tested are the genres that the training knows.
    """
    corpus = table["corpus"]
    heard = ((corpus == name) | table["bed"].str.startswith(f"{name}/")).to_numpy()
    known = dataset.labels[learnable(dataset, table) & ~heard]
    testable = dataset.labels.isin({*known, AMBIGUOUS})
    chosen = ((corpus == name) & testable).to_numpy()
    tested = dataset.subset(chosen)
    learners = [learn(dataset, table, ~heard, recipe, seed) for seed in SEEDS]
    trees, linear = np.stack([own.parts(tested.features) for own in learners], axis=1)
    genres = [str(genre) for genre in learners[0].classes_]
    about = (table.loc[chosen, "made"], tested.labels, tested.groups)
    return Outside(genres, trees, linear, *map(list, about))


def learn(
    dataset: Dataset, table: pd.DataFrame, used: NDArray[np.bool_], recipe: Recipe, seed: int = 0
) -> GenreClassifier:
    """Train on some rows: the genres on those that have one, speech against all music."""
    learner = held_out.learn(
        recipe.model, dataset.subset(used & learnable(dataset, table)), seed=seed
    )
    ensemble = learner.ensemble_
    genres = [str(genre) for genre in learner.classes_]
    if ensemble.linear is not None and SPEECH in genres:
        linear = tell_speech(ensemble.linear, genres, dataset.subset(used), recipe)
        learner.ensemble_ = replace(ensemble, linear=linear)
    return learner


def tell_speech(linear: Linear, genres: Sequence[str], dataset: Dataset, recipe: Recipe) -> Linear:
    """Give the linear half its second say on speech."""
    spoken = (dataset.labels == SPEECH).to_numpy()
    return told(linear, genres, dataset.features.to_numpy(np.float32), spoken, recipe.reserve)


def learnable(dataset: Dataset, table: pd.DataFrame) -> NDArray[np.bool_]:
    """Return which rows may be trained on."""
    rows: NDArray[np.bool_] = (
        (dataset.labels != AMBIGUOUS) & (table["corpus"] != ASIDE)
    ).to_numpy()
    return rows


def spoken(dataset: Dataset, table: pd.DataFrame, recipe: Recipe) -> dict[str, Any]:
    """Return how much speech of held-out speakers is called speech, by how it was made."""
    is_speech = (dataset.labels == SPEECH).to_numpy()
    folds = table["group"].map(fold_of).to_numpy()
    called = np.zeros(len(is_speech), bool)
    for number in range(FOLDS):
        tested = is_speech & (folds == number)
        learner = learn(dataset, table, ~tested, recipe)
        called[tested] = learner.predict(dataset.features[tested]) == SPEECH
    kinds = table.loc[is_speech, "made"].replace("", "as recorded").to_numpy()
    by_kind = pd.Series(called[is_speech]).groupby(kinds).agg(["size", "mean"])
    return {
        "tracks": int(is_speech.sum()),
        "groups": int(table.loc[is_speech, "group"].nunique()),
        "recall": float(called[is_speech].mean()),
        "made": {str(name): [int(size), float(mean)] for name, size, mean in by_kind.itertuples()},
    }


def kept(table: pd.DataFrame, recipe: Recipe) -> pd.DataFrame:
    """Return the rows that a model is trained or tested on."""
    counts = table.loc[(table["corpus"] != ASIDE) & (table["made"] == ""), "label"].value_counts()
    rare = table["label"].map(counts).fillna(0) < FEWEST_TRACKS
    return table[~rare & ~table["label"].isin(recipe.unsure)].reset_index(drop=True)


def trained_on(table: pd.DataFrame, name: str, data: Path) -> tuple[Bundle, Evaluation, str]:
    """Measure and train one of the models; also return its card."""
    recipe = MODELS[name]
    table = kept(table, recipe)
    dataset = dataset_of(table, recipe.set)
    outside = {own: leave_out(dataset, table, own, recipe) for own in ELSEWHERE}
    thin = leave_out(dataset, table, ASIDE, recipe)
    # What is said of a corpus knows nothing of it, not even how sure one may be.
    temperatures = {
        own: temperature_of(others for other, others in outside.items() if other != own)
        for own in outside
    }
    temperature = temperature_of(outside.values())
    left_out = {own: measured(outside[own], temperatures[own]) for own in outside}
    left_out[ASIDE] = measured(thin, temperature)
    print(f"{name}, left out: {left_out}", file=sys.stderr)
    clear = replace(dataset.subset(learnable(dataset, table)), duplicates=dataset.duplicates)
    evaluation, bundle = train.train(clear, recipe.model, repeats=1, show_progress=True)
    numbers = evaluation.metrics | {
        "left_out": left_out,
        "coverage": coverage(outside, temperatures),
        "speech": spoken(dataset, table, recipe),
    }
    print("\n".join(summary(numbers)), file=sys.stderr)
    linear = Linear.from_json(bundle.linear or {}, [None] * len(bundle.inputs))
    # What Spotify's table has no genre for keeps what the corpora say of it.
    bundle = replace(
        bundle,
        linear=tell_speech(linear, bundle.genres, dataset, recipe).to_json(),
        metrics=numbers,
        temperature=temperature,
        typical=bundle.typical | of_spotify(data, bundle.genres),
        least_motion=LEAST_MOTION,
    )
    card = model_card(f"The {name} genre model", numbers, describe(clear, numbers))
    return bundle, evaluation, card


def main() -> None:
    """Extract, measure, train and write the bundles."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="folder with the corpora")
    parser.add_argument("-o", "--output", type=Path, default=storage.DEFAULT.parent)
    parser.add_argument("--only", choices=list(MODELS), help="one of the models")
    parser.add_argument(
        "--table", type=Path, help="Parquet file that keeps what was extracted, or has it already"
    )
    arguments = parser.parse_args()

    if arguments.table is not None and arguments.table.exists():
        table = pd.read_parquet(arguments.table)
    else:
        table = collect(arguments.data)
        if arguments.table is not None:
            table.to_parquet(arguments.table)
    for name in [arguments.only] if arguments.only else MODELS:
        bundle, evaluation, card = trained_on(table, name, arguments.data)
        # No pickles: they would double the size, and belong to one version of each library.
        train.write(arguments.output / name, bundle, card, evaluation=evaluation)


if __name__ == "__main__":
    main()
