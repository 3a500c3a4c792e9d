"""Train the model of Spotify's table: small enough to ship, with an honest card.

The table is not part of this project: 114 genres, with Spotify's own values for every track. The
script expects it as CSV:

    python classify/models/train_spotify.py ../shared/data/spotify/spotify_tracks.csv.gz

It measures on a fifth of the recordings, which had no part in any choice, and then trains on all.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from earmark.classify import train
from earmark.classify.dataset import build, splits
from earmark.classify.dataset.build import SPOTIFY_EXTRAS, Dataset
from earmark.classify.evaluation import cross_validation
from earmark.classify.evaluation.model_card import model_card
from earmark.classify.evaluation.summary import summary
from earmark.classify.model import storage
from earmark.classify.model.estimator import GenreClassifier

if TYPE_CHECKING:
    from earmark.classify.evaluation.result import Evaluation
    from earmark.classify.model.bundle import Bundle

GENRE = "track_genre"

MODEL = GenreClassifier(n_estimators=700, learning_rate=0.2, max_depth=4, reg_lambda=5.0)
"""The size of such a model is that of its leaves, each of which holds a number for every genre. On
a fifth of the training part, many shallow trees were the best of one size: 75 trees of depth 7
found 0.322 of the genres, 150 of depth 6 0.335, 300 of depth 5 0.341 and 600 of depth 4 0.346, each
in about 5 MB; 400 trees of depth 8, which take 42 MB, 0.353."""

FEW = (
    *("blues", "classical", "country", "disco", "electronic", "hip-hop", "jazz", "latin", "metal"),
    *("pop", "reggae", "rock"),
)
"""Genres as people name them when asked for a dozen: how right the model is among these alone."""


def main() -> None:
    """Measure, train and write the bundle."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("table", type=Path, help="Spotify's table of tracks")
    parser.add_argument("-o", "--output", type=Path, default=storage.SPOTIFY)
    arguments = parser.parse_args()

    data = build.build(arguments.table, label=GENRE)
    evaluation, trained = train.train(data, MODEL, show_progress=True)
    numbers = evaluation.metrics | {
        "limits": limits(data, evaluation),
        "of_sound": of_sound(data, evaluation),
    }
    trained = replace(trained, metrics=numbers)
    print("\n".join(summary(numbers)), file=sys.stderr)
    print(numbers["limits"], numbers["of_sound"], file=sys.stderr)
    card = model_card("The model of Spotify's table", numbers, describe(trained, numbers))
    # No report: its pictures of 114 genres would take more room than they have use.
    train.write(arguments.output, trained, card, pickles=train.pickles(trained, data))


def limits(data: Dataset, evaluation: Evaluation) -> dict[str, float]:
    """Say what the choice of genres does to the numbers.

    Returns
    -------
    dict
        ``"most"``: how right one can be at best who names one genre for a recording that stands in
        the table under several. ``"any"``: how often the genre found is one of them. ``"few"``: how
        right the model is on the tracks of a dozen genres, choosing among these.
    """
    genres = pd.DataFrame({"group": data.groups, "label": data.labels})
    counts = genres.value_counts(["group", "label"])
    of_group = genres.groupby("group")["label"].agg(set)
    tracks, chances = evaluation.tracks, evaluation.probabilities
    found = chances.idxmax(axis=1)
    any_of = [genre in own for genre, own in zip(found, tracks["group"].map(of_group), strict=True)]
    few = tracks["label"].isin(FEW)
    right = chances.loc[few, list(FEW)].idxmax(axis=1) == tracks.loc[few, "label"]
    return {
        "most": float(counts.groupby("group").max().sum() / counts.sum()),
        "any": float(np.mean(any_of)),
        "few": float(right.mean()),
    }


def of_sound(data: Dataset, evaluation: Evaluation) -> dict[str, float]:
    """Measure on the same fold without what audio files do not have."""
    train_rows, test_rows = next(splits.folds(data, 5, 0))
    model = train.fit(data.subset(train_rows), MODEL, replace(evaluation, metrics={}))
    tested = data.subset(test_rows)
    heard = replace(tested, features=tested.features.drop(columns=list(SPOTIFY_EXTRAS)))
    numbers = cross_validation.test(model, heard)
    return {name: numbers[name] for name in ("accuracy", "top_3", "top_5")}


def describe(trained: Bundle, numbers: dict[str, Any]) -> list[str]:
    """Write the paragraphs of the card that are this model's own."""
    leaky, limit, sound = numbers["leaky"], numbers["limits"], numbers["of_sound"]
    libraries = ", ".join(
        f"{name} {version(name)}" for name in ("scikit-learn", "xgboost", "numpy", "joblib")
    )
    return [
        f"XGBoost, {MODEL.n_estimators} trees of depth {MODEL.max_depth} with a number for every "
        f"genre in each leaf, on {len(trained.inputs)} columns of Spotify's table of tracks: "
        f"{', '.join(trained.inputs)}. It knows {len(trained.genres)} genres. Made by "
        "`classify/models/train_spotify.py`.",
        "",
        f"Trained on {numbers['tracks']} rows of that table, of {numbers['groups']} recordings: "
        "a recording stands there once for each of its genres and albums. All rows of one are on "
        "the same side of the split, recognised by the same numbers to the last digit. The table "
        "names no artists: songs of one artist are on both sides, and the numbers are too high by "
        "what that gives. Size and shape of the trees were chosen within the training part.",
        "",
        "## What to expect",
        "",
        f"The first genre is right for {_percent(numbers['accuracy'])} of the tracks, and the "
        f"right one is among the first five for {_percent(numbers['top_5'])}. A random split, "
        "which has the same recording on both sides, would have said "
        f"{_percent(leaky['accuracy'])} and {_percent(leaky['top_5'])}: it flatters nobody here, "
        "since the copy that is learned from mostly stands under another genre.",
        "",
        f"That is low because {len(trained.genres)} genres are many and overlap: the table has "
        "`latin` beside `latino`, `punk` beside `punk-rock`, `singer-songwriter` beside "
        "`songwriter`, and some that are no music of their own, such as `british`, `happy` or "
        "`study`. By chance one would be right for "
        f"{_percent(1 / len(trained.genres), 1)}. Who names one genre for a recording that stands "
        f"under several can be right for {_percent(limit['most'])} at best. The genre found is one "
        f"of the recording's genres for {_percent(limit['any'])}. For tracks of "
        f"{len(FEW)} broad genres ({', '.join(FEW)}), choosing among these alone, it is right for "
        f"{_percent(limit['few'])}.",
        "",
        "Audio files have no popularity and are not marked as explicit. Where these are missing, "
        "the model takes the mean over several typical values, and on the same fold is right for "
        f"{_percent(sound['accuracy'])} (among the first five: {_percent(sound['top_5'])}). These "
        "are still Spotify's own values: of those that Earmark estimates from audio expect less. "
        "Of an excerpt the length says nothing of the song: below a minute it takes the mean over "
        "several typical lengths. "
        "The table has about as many tracks of each genre as of any other, as no collection has.",
        "",
        "## With scikit-learn",
        "",
        "Earmark reads `model.ubj` and `bundle.json`. `model.joblib` and `encoder.joblib` hold the "
        "same trees for those who work with scikit-learn; open such files only where you trust "
        "who made them. A row is the columns in this order, `key` from 0 to 11, `mode` and "
        "`explicit` 0 or 1; the probabilities are not tempered.",
        "",
        "```python",
        "import joblib",
        "",
        'model, encoder = joblib.load("model.joblib"), joblib.load("encoder.joblib")',
        f"# {', '.join(trained.inputs[:8])},",
        f"# {', '.join(trained.inputs[8:])}",
        "row = [0.76, 0.7, 1, -5.9, 0, 0.09, 0.13, 0.0, 0.13, 0.55, 112.0, 4, 203000, 60, 1]",
        "print(encoder.inverse_transform(model.predict([row])))",
        "```",
        "",
        f"Written with {libraries}; other versions may refuse them. The vectors in the leaves need "
        "XGBoost 3.2 or newer.",
    ]


def _percent(share: float, digits: int = 0) -> str:
    return f"{100 * share:.{digits}f} %"


if __name__ == "__main__":
    main()
