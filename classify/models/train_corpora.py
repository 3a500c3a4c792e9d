"""The corpora that the models of sound are trained on, and the table that is made of them."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from earmark.classify.dataset import duplicates, groups
from earmark.classify.dataset.build import Dataset, without
from earmark.classify.models.train_speech import SPEECH, Clip, made
from earmark.extract import schema, tables
from earmark.extract.batch import executors, run
from earmark.extract.config import DEFAULTS
from earmark.extract.estimators.spotify import SCALES
from earmark.extract.feature_table import FeatureTable

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "AMBIGUOUS",
    "ASIDE",
    "CORPORA",
    "ELSEWHERE",
    "FEWEST_TRACKS",
    "HAND_MADE",
    "IGNORED",
    "LEAST_MOTION",
    "MADE",
    "WITH_EMBEDDING",
    "collect",
    "dataset_of",
]

WITH_EMBEDDING, HAND_MADE = "default+musicnn", "default"
"""The sets that the models look at."""

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

FEWEST_TRACKS = 8
"""A genre with fewer tracks than this is left out: nothing could be said of its accuracy."""

LEAST_MOTION = 3.5
"""Below it lie noise and held tones: white noise has 2.2, none of the music here, in tracks and in
windows of six seconds, has less than 4.8."""

ASIDE = "mixed"
"""The corpus of clips that are only tested on: of thin genres, partly of one composer, they cost
more on the others than they give."""

ELSEWHERE = ("gtzan", "emotify", "panda4q", "songs")
"""The corpora that are left out in turn."""

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

AMBIGUOUS = "pop|rock"
"""What panda4q calls Pop/Rock: nothing to train on."""

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
    for name in (WITH_EMBEDDING, HAND_MADE):
        extraction = run.Extraction(name, DEFAULTS)
        found[name] = run.extract(
            sources, extraction, executor=executors.Processes(2), progress=True
        ).table.copy()
    table = found[WITH_EMBEDDING]
    plain = found[HAND_MADE].set_index("path")[list(SCALES)]
    beside = plain.loc[table["path"]].add_prefix(PLAIN).set_axis(table.index)
    about = tables.metadata(schema.of(WITH_EMBEDDING, DEFAULTS))
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
    about = tables.metadata(schema.of(WITH_EMBEDDING, DEFAULTS))
    return whole[FeatureTable(whole, about).has_sound].reset_index(drop=True)


def dataset_of(table: pd.DataFrame, set_name: str) -> Dataset:
    """Lay out what a model learns from, and what it doesn't."""
    if set_name == HAND_MADE:
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
