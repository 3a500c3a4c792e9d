"""Train the default model: every labelled track of three corpora, and an honest card.

The audio is not part of this project. The script expects a folder with ``gtzan/``, ``emotify/`` and
``panda4q/``, each holding ``audio/`` and ``tracks.csv``, and Spotify's table of tracks in
``spotify/``:

    python classify/models/train_default.py ../shared/data

It measures twice before it trains on everything: by cross-validation with no artist on both sides,
and by leaving out each corpus in turn, which says what to expect of strangers' files.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from earmark.classify import train
from earmark.classify.dataset import duplicates, groups
from earmark.classify.dataset.build import Dataset, without
from earmark.classify.dataset.pooling import pool
from earmark.classify.evaluation import held_out, metrics
from earmark.classify.evaluation.model_card import model_card
from earmark.classify.evaluation.summary import summary
from earmark.classify.model import genre_profiles, storage
from earmark.classify.model.ensemble import softmax
from earmark.classify.model.estimator import GenreClassifier
from earmark.extract import tables
from earmark.extract.batch import run
from earmark.extract.config import DEFAULTS
from earmark.extract.feature_table import FeatureTable
from earmark.extract.sets import SPOTIFY_COLUMNS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from earmark.classify.evaluation.result import Evaluation

WINDOWS = 6.0
STRENGTH = 0.02
"""Of the linear half: the more it is held back, the more often it is right on a left-out corpus."""

FEWEST_TRACKS = 8
"""A genre with fewer tracks than this is left out: nothing could be said of its accuracy."""

FEW_ARTISTS = 8
"""The card says of genres with fewer artists that their numbers are guesses."""

IGNORED = (
    *("duration_ms", "loudness"),
    # Half of the corpora is mono.
    "stereo_width",
    # A genre has no key.
    *("key", "mode", "key_confidence", "chroma", "tonnetz"),
    # What the corpora's codecs and sample rates decide more than their music.
    *("spectral_rolloff", "spectral_flatness", "spectral_contrast_06", "zero_crossing_rate"),
)
"""Descriptors that tell the corpora apart rather than the genres."""

GENRE_OF_TAG = {
    "Blues": "blues",
    "Classical": "classical",
    "Country": "country",
    "Electronic": "electronic",
    "Jazz": "jazz",
    "Latin": "latin",
    "Pop/Rock": "pop|rock",
    "R&B": "rnb",
    "Rap": "hiphop",
    "Reggae": "reggae",
}
SPOTIFY_NAMES = {"hiphop": "hip-hop", "rnb": "r-n-b"}
"""What Spotify's table calls the genres that it calls otherwise."""

AMBIGUOUS = "pop|rock"
"""What panda4q calls Pop/Rock: nothing to train on, and right in a test if either is found."""


def gtzan(folder: Path) -> pd.DataFrame:
    """GTZAN: the tracks that have audio; artists are known within the published folds."""
    tracks = pd.read_csv(folder / "tracks.csv").dropna(subset=["file"])
    groups = "gtzan " + tracks["artist_group"]
    return pd.DataFrame({"path": tracks["file"], "label": tracks["genre"], "group": groups})


def emotify(folder: Path) -> pd.DataFrame:
    """Emotify: four genres of Magnatune, with artists."""
    tracks = pd.read_csv(folder / "tracks.csv")
    return pd.DataFrame(
        {"path": tracks["file"], "label": tracks["genre"], "group": tracks["artist"]}
    )


def panda4q(folder: Path) -> pd.DataFrame:
    """4Q: commercial songs whose tags name exactly one of our genres."""
    tracks = pd.read_csv(folder / "tracks.csv")
    tags = tracks["genres"].fillna("").str.split("; ")
    found = tags.map(lambda own: sorted({GENRE_OF_TAG[tag] for tag in own if tag in GENRE_OF_TAG}))
    labels = found.map(lambda own: own[0] if len(own) == 1 else None)
    return pd.DataFrame(
        {"path": tracks["file"], "label": labels, "group": tracks["artist"]}
    ).dropna(subset=["label"])


CORPORA: dict[str, Callable[[Path], pd.DataFrame]] = {
    "gtzan": gtzan,
    "emotify": emotify,
    "panda4q": panda4q,
}


def collect(data: Path) -> tuple[Dataset, pd.Series]:
    """Extract the corpora and lay them together; also return the corpus of each row."""
    extraction = run.Extraction("default", DEFAULTS, WINDOWS)
    parts = []
    for name, labels in CORPORA.items():
        known = labels(data / name).set_index("path")
        result = run.extract([data / name / "audio"], extraction, workers=2, progress=True)
        part = result.table[result.table["path"].isin(known.index)].copy()
        part["label"] = part["path"].map(known["label"])
        part["group"] = part["path"].map(known["group"])
        part["path"] = f"{name}/" + part["path"]
        parts.append(part.assign(corpus=name))
    table = pd.concat(parts, ignore_index=True)
    columns, about = extraction.schema.names, tables.metadata(extraction.schema)
    table = table[FeatureTable(table, about).has_sound].reset_index(drop=True)
    # Two songs of these corpora are there twice, under names of their own.
    found = duplicates.find(table[columns], table["path"], table["sha256"], about, table["seconds"])
    artists = table.drop_duplicates("path").set_index("path")["group"].reindex(found.tracks)
    keys, joined = groups.joined(artists.tolist(), None, found)
    of_row = pd.factorize(table["path"])[0]
    dataset = Dataset(
        features=table[without(columns, IGNORED)],
        labels=table["label"],
        groups=pd.Series(joined[of_row], dtype=str),
        tracks=table["path"],
        columns=columns,
        about=about,
        keys=pd.Series(keys[of_row], dtype=str),
        duplicates=found,
    )
    return dataset, table["corpus"]


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


def leave_out(
    dataset: Dataset, corpus: pd.Series, name: str, model: GenreClassifier
) -> dict[str, float]:
    """Train without one corpus and test on it, on the genres that the training knows."""
    trained = dataset.subset(((corpus != name) & (dataset.labels != AMBIGUOUS)).to_numpy())
    genres = set(trained.labels)
    testable = dataset.labels.isin(genres | {AMBIGUOUS})
    tested = dataset.subset(((corpus == name) & testable).to_numpy())
    learner = held_out.learn(model, trained)
    order, logits = pool(learner.logits(tested.features), tested.tracks.to_numpy(object))
    truth = tested.per_track().set_index("track")["label"].reindex(order).tolist()
    chances, classes = softmax(logits), [str(genre) for genre in learner.classes_]
    either = np.array([label == AMBIGUOUS for label in truth])
    best = chances.argsort(axis=1)[:, ::-1]
    names = np.array(classes, object)[best]

    def right(top: int) -> np.ndarray:
        exact = (names[:, :top] == np.array(truth, object)[:, None]).any(axis=1)
        accepted = np.isin(names[:, :top], ["pop", "rock"]).any(axis=1)
        return np.where(either, accepted, exact)

    single = [index for index, flag in enumerate(either) if not flag]
    known = [truth[index] for index in single]
    return {
        "tracks": len(truth),
        "genres": len(set(known)),
        "accuracy": float(right(1).mean()),
        "top_3": float(right(3).mean()),
        "single_accuracy": metrics.accuracy(known, chances[single], classes),
        "ece": metrics.expected_calibration_error(known, chances[single], classes),
    }


def within(evaluation: Evaluation, corpus: str) -> dict[str, float]:
    """Return what the cross-validation gave for the tracks of one corpus."""
    own = evaluation.tracks.index.str.startswith(f"{corpus}/")
    truth = evaluation.tracks.loc[own, "label"].tolist()
    chances = evaluation.probabilities.loc[own].to_numpy()
    return {"tracks": len(truth)} | metrics.evaluate(truth, chances, evaluation.genres)


def main() -> None:
    """Extract, measure, train and write the bundle."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="folder with gtzan, emotify, panda4q, spotify")
    parser.add_argument("-o", "--output", type=Path, default=storage.DEFAULT)
    arguments = parser.parse_args()

    dataset, corpus = collect(arguments.data)
    counts = dataset.per_track()["label"].value_counts().drop(AMBIGUOUS)
    few = sorted(counts[counts < FEWEST_TRACKS].index)
    keep = (~dataset.labels.isin(few)).to_numpy()
    dataset, corpus = dataset.subset(keep), corpus[keep].reset_index(drop=True)

    model = GenreClassifier(linear_strength=STRENGTH)
    clear = replace(
        dataset.subset((dataset.labels != AMBIGUOUS).to_numpy()), duplicates=dataset.duplicates
    )
    evaluation, trained = train.train(clear, model, show_progress=True)
    sure = GenreClassifier(linear_share=evaluation.linear_share, temperature=evaluation.temperature)
    outside = {name: leave_out(dataset, corpus, name, sure) for name in CORPORA}
    numbers = evaluation.metrics | {
        "left_out": outside,
        "corpora": {name: within(evaluation, name) for name in CORPORA},
    }
    # What Spotify's table has no genre for keeps what the corpora say of it.
    typical = trained.typical | of_spotify(arguments.data, trained.genres)
    trained = replace(trained, metrics=numbers, typical=typical)
    print("\n".join(summary(numbers)), file=sys.stderr)
    for name in CORPORA:
        print(f"{name}: {numbers['corpora'][name]}, left out: {outside[name]}", file=sys.stderr)

    card = model_card(
        "The default genre model",
        numbers,
        describe(clear, few, counts, outside, numbers["corpora"]),
    )
    # No pickles: they would double the size, and belong to one version of each library.
    train.write(arguments.output, trained, card, evaluation=evaluation)


def describe(
    dataset: Dataset,
    few: list[str],
    counts: pd.Series,
    outside: dict[str, dict[str, float]],
    corpora: dict[str, dict[str, float]],
) -> list[str]:
    """Write the paragraphs of the card that are this model's own."""
    left = ", ".join(f"{genre} ({counts[genre]} tracks)" for genre in few)
    rows = [
        f"| {name} | {outside[name]['tracks']} | {outside[name]['genres']} "
        f"| {outside[name]['accuracy']:.2f} | {outside[name]['top_3']:.2f} "
        f"| {corpora[name]['accuracy']:.2f} | {corpora[name]['top_3']:.2f} |"
        for name in outside
    ]
    genres = sorted(set(dataset.labels))
    artists = dataset.per_track().groupby("label")["group"].nunique()
    rare = ", ".join(
        f"{genre} ({counts[genre]} tracks by {artists[genre]} artists)"
        for genre in genres
        if artists[genre] < FEW_ARTISTS
    )
    errors = [f"{entry['ece']:.2f}" for entry in outside.values()]
    return [
        "XGBoost and a logistic regression, their log-odds mixed, on the descriptors of the set "
        f"`{dataset.about['set']}`, taken over windows of about {WINDOWS:g} s whose log-odds are "
        f"averaged over a track. It knows {len(genres)} genres: {', '.join(genres)}. Made by "
        "`classify/models/train_default.py`.",
        "",
        f"Trained on {dataset.tracks.nunique()} tracks ({len(dataset.features)} windows): GTZAN "
        "(510 clips, most of them 2–3 s long), a part of Emotify (96 clips of Magnatune's "
        "catalogue) and the songs of 4Q whose tags name one genre. No audio is part of this "
        "project. Songs that 4Q calls Pop/Rock are ambiguous: they are not trained on.",
        "",
        f"Of the {len(dataset.columns)} columns it looks at {dataset.features.shape[1]}. Left out "
        f"are those of {', '.join(IGNORED)}, which say more about key, length, mastering or codec "
        "than about genre. Columns, learner and weights were chosen among some hundred by numbers "
        "like these on the same corpora: what follows is therefore a little too kind.",
        *(["", f"Of {rare} there are so few that their numbers are guesses."] if rare else []),
        *(["", f"Left out, with too few tracks to say anything honest of: {left}."] if few else []),
        "",
        "## What to expect of your own files",
        "",
        "Each corpus was left out in turn and classified by a model trained on the other two. "
        "This is the number for files that come from elsewhere, and it is bad, as it is for every "
        "genre model trained on public collections: take the genre as a suggestion and look at "
        "the first three. Beside it stands what the cross-validation gave for the same corpus, "
        "where music of other artists in it was learned from.",
        "",
        "| corpus | tracks | genres | left out: right | among three | cross-validation: right "
        "| among three |",
        "|---|---|---|---|---|---|---|",
        *rows,
        "",
        "Where a corpus is left out, a song tagged Pop/Rock counts as right when either pop or "
        "rock is found. Probabilities are tempered by the cross-validation; for music from "
        "elsewhere they are too sure of themselves (calibration error "
        f"{', '.join(errors)} for the three).",
    ]


if __name__ == "__main__":
    main()
