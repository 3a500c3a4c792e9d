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
import tempfile
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from earmark.classify import train
from earmark.classify.dataset import duplicates, groups
from earmark.classify.dataset.build import Dataset, without
from earmark.classify.evaluation import held_out, metrics
from earmark.classify.evaluation.calibration import calibrate
from earmark.classify.evaluation.model_card import model_card
from earmark.classify.evaluation.summary import summary
from earmark.classify.model import genre_profiles, storage
from earmark.classify.model.ensemble import mixed, softmax
from earmark.classify.model.estimator import GenreClassifier
from earmark.classify.models.train_speech import FOLDS, SPEECH, Clip, fold_of, made
from earmark.extract import schema, tables
from earmark.extract.batch import executors, run
from earmark.extract.config import DEFAULTS
from earmark.extract.estimators.spotify import SCALES
from earmark.extract.feature_table import FeatureTable
from earmark.extract.sets import SPOTIFY_COLUMNS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from earmark.classify.evaluation.result import Evaluation
    from earmark.classify.model.bundle import Bundle
    from earmark.classify.model.ensemble import Floats

ROUNDS = 150
SHARE = 0.7
"""Of the trees, and of the linear half in the log-odds."""


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
        By how much speech is less likely in the linear half than a class of its weight, in
        log-odds: the more, the less music is called speech.
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
    "default": Recipe("default+musicnn", 0.005, 2.5),
    "light": Recipe("default", 0.02, 2.5, ("rnb",)),
}

SEEDS = range(3)
"""With which the models without a corpus are trained."""

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
    # They change more with where an excerpt begins than between genres.
    *("tempo_2", "tempo_2_confidence", "tempo_std"),
    *("time_signature", "time_signature_confidence"),
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
"""What panda4q calls Pop/Rock: nothing to train on."""

EITHER = ("pop", "rock", "metal")
"""What is right of it in a test: AllMusic's class holds all three."""

ONE_MAKER = ("bensound", "incompetech_hudebniweb")
"""Sources of `mixed` that are one composer, or one library."""

READERS = ("198", "3436", "5703")
"""The recordings of speech among librosa's: what their names begin with is the reader."""

NARROWED = 160
"""Tracks of music that are sent through a narrow band, too."""

PLAIN = "without the embedding: "
"""How the columns of estimates begin that were made without it."""

MADE = "made/"
"""How the paths of what was made begin."""

LEAST_MOTION = 3.5
"""Below it lie noise and held tones: white noise has 2.2, none of the music here, in tracks and in
windows of six seconds, has less than 4.8."""

STEPS = (0.0, 0.3, 0.5, 0.7, 0.9, 1.1)
"""Of how sure a model is."""

ASIDE = "mixed"
"""The corpus of clips that are only tested on: of thin genres, partly of one composer, they cost
more on the others than they give."""

ELSEWHERE = ("gtzan", "emotify", "panda4q", "songs")
"""The corpora that are left out in turn."""


def gtzan(folder: Path) -> pd.DataFrame:
    """GTZAN: the tracks that have audio; artists are known within the published folds."""
    tracks = pd.read_csv(folder / "tracks.csv").dropna(subset=["file"])
    groups = "gtzan " + tracks["artist_group"]
    return pd.DataFrame({"path": tracks["file"], "label": tracks["genre"], "group": groups})


def by_artist(folder: Path) -> pd.DataFrame:
    """Emotify, four genres of Magnatune, and songs as people have them on disk: with artists."""
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


def various(folder: Path) -> pd.DataFrame:
    """Clips of many sources, and readings, each by a speaker."""
    tracks = pd.read_csv(folder / "tracks.csv")
    whole = tracks["source"].isin(ONE_MAKER)
    makers = tracks["source"].where(whole, tracks["artist"])
    labels = tracks["genre"].replace({"disco_funk": "disco"})
    return pd.DataFrame({"path": tracks["file"], "label": labels, "group": makers})


CORPORA: dict[str, Callable[[Path], pd.DataFrame]] = {
    "gtzan": gtzan,
    "emotify": by_artist,
    "panda4q": panda4q,
    "songs": by_artist,
    "mixed": various,
}


def extracted(sources: list[Path]) -> FeatureTable:
    """Extract all that any of the models looks at.

    Without the embedding Spotify's estimates are others, of another fit: they stand beside those
    with it, under names of their own.
    """
    found = {}
    for recipe in MODELS.values():
        extraction = run.Extraction(recipe.set, DEFAULTS)
        found[recipe.set] = run.extract(
            sources, extraction, executor=executors.Processes(2), progress=True
        ).table.copy()
    table = found[MODELS["default"].set]
    plain = found[MODELS["light"].set].set_index("path")[list(SCALES)]
    beside = plain.loc[table["path"]].add_prefix(PLAIN).set_axis(table.index)
    about = tables.metadata(schema.of(MODELS["default"].set, DEFAULTS))
    return FeatureTable(pd.concat([table, beside], axis=1), about)


def collect(data: Path) -> pd.DataFrame:
    """Extract the corpora and what is made of them.

    Returns
    -------
    DataFrame
        The columns of the greatest set, with ``label``, ``group``, ``track``, ``corpus`` (that
        of a track and of what was made of it; all speech is ``speech``), ``made`` (how) and ``bed``
        (the music under a voice).
    """
    parts, clips = [], []
    for name, labels in CORPORA.items():
        known = labels(data / name).set_index("path")
        known["group"] = known["group"].fillna(pd.Series(known.index, known.index))
        table = extracted([data / name / "audio"]).frame
        part = table[table["path"].isin(known.index)].copy()
        clips += [
            Clip(data / name / "audio" / str(path), f"{name}/{path}", str(label), str(group))
            for path, label, group in known.itertuples()
        ]
        about = {column: part["path"].map(known[column]) for column in ("label", "group")}
        paths = f"{name}/" + part["path"]
        parts.append(part.assign(path=paths, track=paths, corpus=name, made="", **about))
    read = extracted(
        sorted(path for own in READERS for path in (data / "librosa").glob(f"{own}-*.ogg"))
    ).frame
    speakers = "speaker " + read["path"].str.extract(r"(\d+)-[^/]*$")[0]
    read = read.assign(path="librosa/" + read["path"], label=SPEECH, group=speakers)
    parts.append(read.assign(track=read["path"], corpus=SPEECH, made=""))

    chance = np.random.default_rng(0)
    music = [
        clip
        for clip in clips
        if clip.name.startswith(("emotify/", "panda4q/", "songs/")) and clip.label != AMBIGUOUS
    ]
    chosen = sorted(chance.choice(len(music), min(NARROWED, len(music)), replace=False))
    with tempfile.TemporaryDirectory() as folder:
        rows = made(
            Path(folder),
            [clip for clip in clips if clip.label == SPEECH],
            [music[place] for place in chosen],
            [clip for clip in clips if clip.label != SPEECH and not clip.name.startswith("gtzan/")],
        ).set_index("path")
        table = extracted([Path(folder) / "audio"]).frame
    about = {name: table["path"].map(rows[name]) for name in ("label", "group", "bed", "made")}
    sources, paths = table["path"].map(rows["source"]), MADE + table["path"]
    # What was made of music is one more row of its track, and does not count twice.
    tracks = sources.where(about["label"] != SPEECH, paths)
    corpora = sources.str.partition("/")[0]
    table = table.assign(path=paths, track=tracks, corpus=corpora, **about)
    whole = pd.concat([*parts, table], ignore_index=True)
    whole.loc[whole["label"] == SPEECH, "corpus"] = SPEECH
    whole["bed"] = whole["bed"].fillna("")
    about = tables.metadata(schema.of(MODELS["default"].set, DEFAULTS))
    return whole[FeatureTable(whole, about).has_sound].reset_index(drop=True)


def dataset_of(table: pd.DataFrame, set_name: str) -> Dataset:
    """Lay out what a model learns from, and what it doesn't."""
    if set_name == MODELS["light"].set:
        table = table.assign(**{name: table[PLAIN + name] for name in SCALES})
    extraction = run.Extraction(set_name, DEFAULTS)
    columns, about = extraction.schema.names, tables.metadata(extraction.schema)
    # Two songs of these corpora are there twice, under names of their own.
    found = duplicates.find(table[columns], table["track"], table["sha256"], about, None)
    artists = table.drop_duplicates("track").set_index("track")["group"].reindex(found.tracks)
    keys, joined = groups.joined(artists.tolist(), None, found)
    of_row = pd.factorize(table["track"])[0]
    inputs = without(columns, IGNORED)
    return Dataset(
        features=table[inputs],
        labels=table["label"].astype(str),
        groups=pd.Series(joined[of_row], dtype=str),
        tracks=table["track"].astype(str),
        columns=columns,
        about=about,
        keys=pd.Series(keys[of_row], dtype=str),
        duplicates=found,
        ignored=table[[name for name in columns if name not in inputs]],
    )


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


@dataclass(frozen=True)
class Outside:
    """What models say of a corpus that they were not trained on.

    Parameters
    ----------
    genres : list of str
        Those that the models know, in the order of the log-odds.
    trees, linear : ndarray of shape (seeds, tracks, genres)
        The log-odds of the two parts.
    made, truth, groups : list of str
        How each was made, or nothing; its genre and its artist.
    """

    genres: list[str]
    trees: Floats
    linear: Floats
    made: list[str]
    truth: list[str]
    groups: list[str]

    @property
    def plain(self) -> Outside:
        """The tracks themselves, without what was made of them."""
        return self._some([not how for how in self.made])

    @property
    def known(self) -> Outside:
        """The tracks that have one genre alone."""
        return self._some([label != AMBIGUOUS for label in self.truth])

    def _some(self, chosen: Sequence[bool]) -> Outside:
        places = np.flatnonzero(chosen)
        texts = ([own[at] for at in places] for own in (self.made, self.truth, self.groups))
        return Outside(self.genres, self.trees[:, places], self.linear[:, places], *texts)

    def chances(self, temperature: float, share: float = SHARE) -> Floats:
        """Return the probability of each genre, shape (seeds, tracks, genres)."""
        return softmax(mixed(self.trees, self.linear, share, temperature))

    def right(self, chances: Floats, top: int) -> NDArray[np.bool_]:
        """Return whether the genre of each track is among the first, of one seed."""
        names = np.array(self.genres, object)[chances.argsort(axis=1)[:, ::-1][:, :top]]
        accepted = [EITHER if label == AMBIGUOUS else (label,) for label in self.truth]
        return np.array([bool({*own} & {*of}) for own, of in zip(names, accepted, strict=True)])


def leave_out(dataset: Dataset, table: pd.DataFrame, name: str, recipe: Recipe) -> Outside:
    """Train without one corpus and what was made of it, and test on it.

    Tested are the genres that the training knows.
    """
    corpus = table["corpus"]
    heard = (corpus == name) | table["bed"].str.startswith(f"{name}/")
    trained = dataset.subset(learnable(dataset, table) & ~heard.to_numpy())
    testable = dataset.labels.isin({*trained.labels, AMBIGUOUS})
    chosen = ((corpus == name) & testable).to_numpy()
    tested = dataset.subset(chosen)
    learners = [held_out.learn(recipe.model, trained, seed=seed) for seed in SEEDS]
    trees, linear = np.stack([own.parts(tested.features) for own in learners], axis=1)
    genres = [str(genre) for genre in learners[0].classes_]
    about = (table.loc[chosen, "made"], tested.labels, tested.groups)
    return Outside(genres, trees, reserved(linear, genres, recipe.reserve), *map(list, about))


def learnable(dataset: Dataset, table: pd.DataFrame) -> NDArray[np.bool_]:
    """Return which rows may be trained on."""
    rows: NDArray[np.bool_] = (
        (dataset.labels != AMBIGUOUS) & (table["corpus"] != ASIDE)
    ).to_numpy()
    return rows


def reserved(linear: Floats, genres: Sequence[str], reserve: float) -> Floats:
    """Make speech less likely: there is less of it among music than the training says."""
    less: Floats = linear - reserve * (np.array(genres) == SPEECH)
    return less


def temperature_of(outside: Iterable[Outside]) -> float:
    """Return the temperature that makes the truth of corpora most likely that were left out.

    Every corpus counts alike: the largest must not say how sure the model may be.
    """
    found = []
    for known in (own.plain.known for own in outside):
        truth = metrics.codes(known.truth, known.genres)
        for trees, linear in zip(known.trees, known.linear, strict=True):
            found.append(calibrate(trees, linear, truth, SHARE)[1])
    return float(np.exp(np.mean(np.log(found))))


def by_chance(chances: Floats, genres: Sequence[str], draws: int = 20) -> float:
    """Return the calibration error of a model that is as right as it says: that of few tracks."""
    ends = chances.cumsum(axis=1)
    names = np.array(genres, object)
    generator = np.random.default_rng(0)
    found = []
    for _ in range(draws):
        places = (ends < generator.random((len(ends), 1)) * ends[:, -1:]).sum(axis=1)
        truth = names[places].tolist()
        found.append(metrics.expected_calibration_error(truth, chances, genres))
    return float(np.mean(found))


def measured(outside: Outside, temperature: float, share: float = SHARE) -> dict[str, Any]:
    """Return numbers of a corpus that was left out: means over the seeds, with their spread."""
    own, known = outside.plain, outside.plain.known
    chances = own.chances(temperature, share)
    first, third = (np.stack([own.right(part, top) for part in chances]) for top in (1, 3))
    low, high = metrics.interval(first.mean(axis=0), np.array(own.groups, object))
    errors = [
        metrics.expected_calibration_error(known.truth, part, known.genres)
        for part in known.chances(temperature, share)
    ]
    best = np.array(own.genres, object)[outside.chances(temperature, share).argmax(axis=2)]
    drawn = [by_chance(part, known.genres) for part in known.chances(temperature, share)]
    return {
        "tracks": len(own.truth),
        "genres": len(set(known.truth)),
        "accuracy": float(first.mean()),
        "interval": {"accuracy": [float(low), float(high)]},
        "spread": {"accuracy": float(first.mean(axis=1).std())},
        "top_3": float(third.mean()),
        "ece": float(np.mean(errors)),
        "ece_by_chance": float(np.mean(drawn)),
        "speech": float((best == SPEECH).mean()),
    }


def coverage(outside: Mapping[str, Outside], temperatures: Mapping[str, float]) -> dict[str, Any]:
    """Return, by how sure a model is, how many tracks there are and how many of them are right."""
    sure, right = [], []
    for name, own in ((name, own.plain) for name, own in outside.items()):
        for part in own.chances(temperatures[name]):
            sure.append(part.max(axis=1))
            right.append(own.right(part, 1))
    chance, hit = np.concatenate(sure), np.concatenate(right)
    found = {}
    for low, high in pairwise(STEPS):
        step = (low <= chance) & (chance < high)
        if step.any():
            found[f"{low:.1f}–{min(high, 1):.1f}"] = [float(step.mean()), float(hit[step].mean())]
    return found


def spoken(dataset: Dataset, table: pd.DataFrame, recipe: Recipe) -> dict[str, Any]:
    """Return how much speech of held-out speakers is called speech, by how it was made."""
    is_speech = (dataset.labels == SPEECH).to_numpy()
    folds = table["group"].map(fold_of).to_numpy()
    called = np.zeros(len(is_speech), bool)
    for number in range(FOLDS):
        tested = is_speech & (folds == number)
        learner = held_out.learn(recipe.model, dataset.subset(learnable(dataset, table) & ~tested))
        trees, linear = learner.parts(dataset.features[tested])
        genres = [str(genre) for genre in learner.classes_]
        logits = mixed(trees, reserved(linear, genres, recipe.reserve), SHARE, 1.0)
        called[tested] = np.array(genres)[logits.argmax(axis=1)] == SPEECH
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
    # What Spotify's table has no genre for keeps what the corpora say of it.
    linear = bundle.linear or {}
    intercept = reserved(np.array(linear["intercept"]), bundle.genres, recipe.reserve)
    bundle = replace(
        bundle,
        linear=linear | {"intercept": intercept.tolist()},
        metrics=numbers,
        temperature=temperature,
        typical=bundle.typical | of_spotify(data, bundle.genres),
        least_motion=LEAST_MOTION,
    )
    card = model_card(f"The {name} genre model", numbers, describe(clear, name, numbers))
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


def music(numbers: Mapping[str, Any]) -> float:
    """Return the share of the music whose genre the cross-validation found: speech is easy."""
    genres = [own for genre, own in numbers["genres"].items() if genre != SPEECH]
    tracks = [own["tracks"] for own in genres]
    return float(np.average([own["recall"] for own in genres], weights=tracks))


def describe(dataset: Dataset, name: str, numbers: Mapping[str, Any]) -> list[str]:
    """Write the paragraphs of the card that are this model's own."""
    genres = sorted(set(dataset.labels))
    tracks = dataset.per_track()
    recordings = int((~tracks["track"].str.startswith(MADE)).sum())
    made = tracks["track"].str.startswith(MADE)
    counts = tracks[~made].groupby("label")["track"].size()
    artists = tracks[~made].groupby("label")["group"].nunique()
    few = ", ".join(
        f"{genre} ({counts[genre]} tracks by {artists[genre]} artists)"
        for genre in genres
        if artists[genre] < FEW_ARTISTS or counts[genre] < 2 * FEWEST_TRACKS
    )
    rows = [
        f"| {corpus} | {own['tracks']} | {own['genres']} "
        f"| {own['accuracy']:.2f} ± {own['spread']['accuracy']:.2f} "
        f"| {own['interval']['accuracy'][0]:.2f}–{own['interval']['accuracy'][1]:.2f} "
        f"| {own['top_3']:.2f} | {own['ece']:.2f} ({own['ece_by_chance']:.2f}) "
        f"| {own['speech']:.3f} |"
        for corpus, own in numbers["left_out"].items()
    ]
    sure = [
        f"| {step} | {share:.0%} | {right:.0%} |"
        for step, (share, right) in numbers["coverage"].items()
    ]
    speech = numbers["speech"]
    kinds = [f"| {kind} | {size} | {right:.3f} |" for kind, (size, right) in speech["made"].items()]
    looks = (
        "hand-made descriptors and the 200 activations and 50 tags of the network musicnn"
        if name == "default"
        else "hand-made descriptors alone"
    )
    return [
        f"XGBoost and a logistic regression, their log-odds mixed (the latter has {SHARE:.0%} of "
        f"the say), on {looks} (set `{dataset.about['set']}`), a row per track. It knows "
        f"{len(genres)} classes: {', '.join(genres)}. Made by `classify/models/train_default.py`.",
        "",
        f"Trained on {recordings} recordings, and on {len(dataset.features) - recordings} more "
        "that were made of them or synthesised: GTZAN (510 clips, most of them 2–3 s long), a part "
        "of Emotify (96 clips of Magnatune's catalogue), the songs of 4Q whose tags name one "
        "genre, excerpts of songs as people have them on disk, and readings by 110 speakers of "
        "LibriSpeech. No audio is part of this project. Songs that 4Q calls Pop/Rock are ambiguous "
        "(more than half of them are metal and punk): they are not trained on. The class `speech` "
        "also learned from readings that espeak-ng synthesised in twelve languages, from telephone "
        "band, reverberation and music under the voice; and some music was sent through a "
        "telephone and through 16 kHz and stayed music.",
        "",
        f"Of the {len(dataset.columns)} columns it looks at {dataset.features.shape[1]}. Left out "
        f"are those of {', '.join(IGNORED)}, which say more about key, length, mastering or codec "
        "than about genre. The columns, the strength of the linear half and the classes were "
        "chosen among some thirty by the numbers of left-out corpora like those below, which are "
        "therefore a little too kind.",
        *(["", f"Of {few} there are so few that their numbers are guesses."] if few else []),
        "",
        "## What to expect of your own files",
        "",
        "Each corpus was left out in turn and classified by a model trained on the others, three "
        "times with other seeds; brackets hold 95 %, from a bootstrap over artists. This is the "
        "number for files that come from elsewhere. How sure the model may be was found on the "
        "other three corpora. A genre that only the left-out corpus has is not asked for. The "
        f"clips of `{ASIDE}` are of thin genres, partly stock music, and nothing is trained on "
        "them.",
        "",
        "| corpus | tracks | genres | left out: right | 95 % interval | among three "
        "| calibration error | called speech |",
        "|---|---|---|---|---|---|---|---|",
        *rows,
        "",
        "A song tagged Pop/Rock counts as right when pop, rock or metal is found. A calibration "
        "error of so few tracks is mostly chance: in brackets stands that of a model that is right "
        "exactly as often as it says. The last column is the share of the corpus, and of what was "
        "narrowed of it, that was taken for speech.",
        "",
        "| how sure | share of the tracks | of these right |",
        "|---|---|---|",
        *sure,
        "",
        "The probabilities that the model gives are tempered for files from elsewhere: for music "
        "like that it was trained on, they are too modest.",
        "",
        f"In the cross-validation below, of the music alone {music(numbers):.1%} is right.",
        "",
        f"Of speech by speakers that were held out ({speech['groups']}, {speech['tracks']} "
        f"recordings), with music that was not under a voice before, {speech['recall']:.1%} is "
        "called speech:",
        "",
        "| speech | recordings | called speech |",
        "|---|---|---|",
        *kinds,
        "",
        "Voices lie 3 to 20 dB above the music under them. Silence, noise and held tones have no "
        f"genre: none of the first cepstral coefficients moves by {LEAST_MOTION}, and all music "
        "here moves more.",
    ]


if __name__ == "__main__":
    main()
