"""What the cards of the models of sound say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from earmark.classify.models.train_corpora import (
    ASIDE,
    FEWEST_TRACKS,
    IGNORED,
    LEAST_MOTION,
    MADE,
    WITH_EMBEDDING,
)
from earmark.classify.models.train_outside import SHARE
from earmark.classify.models.train_speech import SPEECH

if TYPE_CHECKING:
    from collections.abc import Mapping

    from earmark.classify.dataset.build import Dataset

__all__ = ["describe"]

FEW_ARTISTS = 8
"""The card says of genres with fewer artists that their numbers are guesses."""


def describe(dataset: Dataset, numbers: Mapping[str, Any]) -> list[str]:
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
        if WITH_EMBEDDING in str(dataset.about["set"])
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
        "telephone and through 16 kHz and stayed music. On speech the linear half has a second "
        "say, of speech against all music here, of which genre it may be.",
        "",
        f"Of the {len(dataset.columns)} columns it looks at {dataset.features.shape[1]}. Left out "
        f"are those of {', '.join(IGNORED)}, which say more about key, length, mastering or codec "
        "than about genre. The columns, the strength of the linear half, how far speech is held "
        "back and the classes were chosen among some thirty by the numbers of left-out corpora "
        "like those below, which are therefore a little too kind.",
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
        f"In the cross-validation below, of the music alone {_music(numbers):.1%} is right.",
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


def _music(numbers: Mapping[str, Any]) -> float:
    """Return the share of the music whose genre the cross-validation found: speech is easy."""
    genres = [own for genre, own in numbers["genres"].items() if genre != SPEECH]
    tracks = [own["tracks"] for own in genres]
    return float(np.average([own["recall"] for own in genres], weights=tracks))
