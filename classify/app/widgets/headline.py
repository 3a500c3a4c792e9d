"""What is said of a track first: its genre and how sure that is, tempo, key, energy and mood.

Words alone; nothing here needs Streamlit.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from earmark.classify.app.widgets.grid import key_of
from earmark.extract.key_names import camelot

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["SPEECH", "Certainty", "certainty", "facts", "is_speech", "mood"]

SPEECH = "speech"
"""The class of models that tell speech from music."""

NEARLY_ALL_SPEECH = 0.66
"""Speechiness from which on a track is nearly all speech, as Spotify has defined it."""

MOODS = {
    "beautiful": "beautiful",
    "catchy": "catchy",
    "chill": "chilled",
    "chillout": "chilled",
    "easy listening": "easy",
    "happy": "happy",
    "Mellow": "mellow",
    "party": "for a party",
    "sad": "sad",
    "sexy": "sexy",
}
"""Words for the tags that name a mood."""

GRADES = ((0.9, "Very sure"), (0.7, "Fairly sure"), (0.5, "Likely"), (0.0, "A guess"))
"""What is said of the share that is right, from which on."""

WEAK = 0.5
"""Share right below which an answer has to look like a guess."""


@dataclass(frozen=True)
class Certainty:
    """How sure a genre is.

    Parameters
    ----------
    words : str
        Such as "fairly sure".
    told : str
        What that was measured on, a sentence.
    weak : bool
        Whether the genre is no more than a guess.
    """

    words: str
    told: str
    weak: bool


def certainty(probability: float, metrics: Mapping[str, Any]) -> Certainty:
    """Say how sure a genre is, by what the card of the model says of music from elsewhere.

    Parameters
    ----------
    probability : float
        Of the genre.
    metrics : mapping
        Of the bundle: ``coverage`` has by range of probabilities, such as "0.5-0.7", how many
        tracks of other collections were in it, and how many of these were right. Models without it
        have ``accuracy``.
    """
    for bounds, (_, right) in metrics.get("coverage", {}).items():
        low, high = map(float, re.findall(r"\d+\.\d+", bounds))
        if low <= probability < high or (high == 1 and probability >= low):
            told = (
                f"Of music from other collections of which it was as sure, {100 * right:.0f} % "
                "were right."
            )
            return Certainty(_grade(right), told, right < WEAK)
    told = ""
    if isinstance(accuracy := metrics.get("accuracy"), int | float):
        told = (
            f"Of tracks like those it learned from, {100 * accuracy:.0f} % were right; of music "
            "from elsewhere expect less."
        )
    return Certainty(_grade(probability), told, probability < WEAK)


def _grade(right: float) -> str:
    return next(words for least, words in GRADES if right >= least)


def is_speech(genres: Sequence[str], values: Mapping[str, float]) -> bool:
    """Tell whether a track is speech: by its class, or where a model has none by speechiness."""
    return bool(genres) and (
        genres[0] == SPEECH
        or (SPEECH not in genres and values.get("speechiness", 0) >= NEARLY_ALL_SPEECH)
    )


def facts(values: Mapping[str, float], tags: Sequence[tuple[str, float]]) -> dict[str, str]:
    """Return what a listener asks first: tempo, key, energy and mood, as far as they are known."""
    tempo, energy = (values.get(name, math.nan) for name in ("tempo", "energy"))
    key, mode = (values.get(name, math.nan) for name in ("key", "mode"))
    found = {}
    if tempo > 0:
        found["Tempo"] = f"{tempo:.0f} BPM"
    if name := key_of(key, mode):
        wheel = camelot(key, mode)
        found["Key"] = f"{name} · {wheel}" if wheel else name
    if math.isfinite(energy):
        level = "low" if energy < 1 / 3 else "medium" if energy < 2 / 3 else "high"
        found["Energy"] = f"{level} ({energy:.2f})"
    if words := mood(values, tags):
        found["Mood"] = ", ".join(words)
    return found


def mood(values: Mapping[str, float], tags: Sequence[tuple[str, float]]) -> list[str]:
    """Return up to three words for the mood: of tags, then of valence and energy where clear.

    Examples
    --------
    >>> mood({"valence": 0.9, "energy": 0.9}, [("rock", 0.6), ("party", 0.3)])
    ['for a party', 'joyful']
    >>> mood({"valence": 0.1, "energy": 0.2}, [])
    ['gloomy']
    """
    said = [MOODS[tag] for tag, _ in tags if tag in MOODS]
    valence, energy = values.get("valence", math.nan), values.get("energy", math.nan)
    if math.isfinite(energy):
        if valence >= 0.65:
            said.append("joyful" if energy >= 0.5 else "serene")
        elif valence <= 0.35:
            said.append("fierce" if energy >= 0.65 else "gloomy")
    return list(dict.fromkeys(said))[:3]
