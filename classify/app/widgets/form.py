"""The form of the page By hand: its fields, with their ranges and usual values.

A model of Spotify's columns needs no audio, as its values can be typed in. The fields follow from
the bundle and from the registered columns. Nothing here needs Streamlit.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from earmark.classify.app.widgets.grid import KEYS
from earmark.classify.dataset.build import SPOTIFY_EXTRAS
from earmark.classify.model import genre_profiles
from earmark.classify.model.storage import ABOUT
from earmark.extract import descriptor_docs
from earmark.extract.config import DEFAULTS
from earmark.extract.engine import registry
from earmark.extract.errors import BundleError
from earmark.extract.sets import NO_KEY

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from earmark.classify.model.bundle import Bundle
    from earmark.extract.engine.registry import Column

__all__ = ["GROUPS", "TYPICAL", "Field", "fields", "possible", "row", "settled", "typical_tracks"]

TYPICAL = Path(__file__).with_name("typical_tracks.json")
"""A track of each of Spotify's genres, made by `classify/app/widgets/train_typical.py`."""

GROUPS = {
    "Feeling": ("danceability", "energy", "valence"),
    "Sound": ("acousticness", "instrumentalness", "liveness", "speechiness", "loudness"),
    "Form": ("tempo", "time_signature", "key", "mode", "duration_ms"),
    "On Spotify": ("popularity", "explicit"),
}
"""Groups of fields."""

TITLES = {"duration_ms": "duration"}
"""Titles of columns whose names are no words."""

WORDS: dict[str, dict[float, str]] = {
    "key": {float(NO_KEY): "none found", **{float(number): key for number, key in enumerate(KEYS)}},
    "mode": {1.0: "major", 0.0: "minor"},
    "time_signature": {float(beats): f"{beats}/4" for beats in range(3, 8)},
    "explicit": {0.0: "no", 1.0: "yes"},
}
"""Names of the values of categories."""

MEANING = {
    "popularity": "How much it is played, 100 being the most: Spotify's own count, which no audio "
    "file holds.",
    "explicit": "Whether its words are marked as not for children.",
}
"""Meanings of the columns that Spotify gives beside the sound."""

STEPS = 100
"""Steps into which a range is divided, roughly."""

LONGEST = 20 * 60 * 1000.0
"""Longest duration that can be set, in milliseconds: the column has no upper bound."""

SECOND = 1000.0

SPOTIFY_LOUDNESS = ("dB", -60.0, 0.0)
"""Unit and range of Spotify's loudness: dB of its own kind, and no LUFS."""


@dataclass(frozen=True)
class Field:
    """One value that can be set.

    Parameters
    ----------
    name : str
        The column.
    title : str
        The label.
    unit : str
        Its unit, empty for a pure number.
    low, high, step : float
        The range, and the step of the slider.
    usual : float
        The value of a typical track of any genre, or the middle of the range.
    meaning : str
        What the value means to a listener.
    options : dict
        For a category: the names of its values.
    optional : bool
        Whether it can be left out, as no audio file holds it: then it is NaN, and the model
        averages over what it may be.
    """

    name: str
    title: str
    unit: str
    low: float
    high: float
    step: float
    usual: float
    meaning: str
    options: dict[float, str]
    optional: bool = False

    def fit(self, value: float) -> float:
        """Return the value that the form can show for another: in range, on a step, an option."""
        if not math.isfinite(value):
            return math.nan if self.optional else self.usual
        if self.options:
            return min(self.options, key=lambda option: (abs(option - value), option))
        steps = round((value - self.low) / self.step)
        digits = max(0, -math.floor(math.log10(self.step)))
        return min(max(round(self.low + steps * self.step, digits), self.low), self.high)


def possible(directory: Path) -> bool:
    """Tell whether a model needs no audio, from its description alone."""
    about = directory / ABOUT
    try:
        return _possible(str(about), about.stat().st_mtime_ns)
    except (OSError, ValueError, TypeError, KeyError):
        # Other pages say what is wrong with a damaged bundle.
        return False


@lru_cache(maxsize=256)
def _possible(about: str, stamp: int) -> bool:  # noqa: ARG001 - part of the key of the cache
    inputs = json.loads(Path(about).read_text(encoding="utf-8"))["inputs"]
    return set(inputs) <= set(genre_profiles.COLUMNS)


def fields(bundle: Bundle) -> dict[str, Field]:
    """Return the fields for a model, by column, in the order of the form.

    Raises
    ------
    BundleError
        The model uses columns that cannot be set by hand.
    """
    foreign = [name for name in bundle.inputs if name not in genre_profiles.COLUMNS]
    if foreign:
        raise BundleError(
            f"this model looks at {len(bundle.inputs)} descriptors, such as {foreign[0]}, that "
            "nobody can set by hand; choose one that was trained on Spotify's columns"
        )
    usual = genre_profiles.overall(bundle.typical)
    columns_by_name = _columns()
    return {
        name: _field(*columns_by_name[name], usual[name][1] if name in usual else math.nan)
        for group in GROUPS.values()
        for name in group
        if name in bundle.inputs
    }


def _columns() -> dict[str, tuple[Column, str]]:
    """Return Spotify's columns by name, each with its meaning."""
    of_audio = {
        column.name: (column, descriptor_docs.text(entry))
        for entry in registry.in_set("spotify")
        for column in entry.columns(DEFAULTS)
    }
    described = {
        name: (column, " ".join((text.meaning or text.summary).split()))
        for name, (column, text) in of_audio.items()
    }
    return described | {name: (column, MEANING[name]) for name, column in SPOTIFY_EXTRAS.items()}


def _field(column: Column, meaning: str, usual: float) -> Field:
    low, high = map(float, column.range)
    unit = column.unit
    if column.name == "loudness":
        unit, low, high = SPOTIFY_LOUDNESS
    if column.name == "duration_ms":
        high, step = LONGEST, SECOND
    else:
        step = _step((high - low) / STEPS)
    options = WORDS.get(column.name, {})
    title = TITLES.get(column.name, column.name.replace("_", " ")).capitalize()
    optional = column.name in SPOTIFY_EXTRAS
    field = Field(column.name, title, unit, low, high, step, low, meaning, options, optional)
    return replace(field, usual=field.fit(usual if math.isfinite(usual) else (low + high) / 2))


def _step(about: float) -> float:
    """Return the nearest smaller step that people count in: 1 or 5 times a power of ten."""
    power: float = 10.0 ** math.floor(math.log10(about))
    return 5 * power if about >= 5 * power else power


def settled(fields: Mapping[str, Field], values: Mapping[str, float]) -> dict[str, float]:
    """Return a value for every field: the given one as the form can show it, else the usual one."""
    return {name: field.fit(values.get(name, math.nan)) for name, field in fields.items()}


def typical_tracks(bundle: Bundle) -> dict[str, dict[str, float]]:
    """Return the values of a typical track by genre.

    Of Spotify's genres it is a track that somebody made. Of others it is the middle of each column
    by itself.
    """
    middles = {
        genre: {name: middle for name, (_, middle, _) in own.items()}
        for genre, own in bundle.typical.items()
    }
    kept: dict[str, dict[str, float]] = json.loads(TYPICAL.read_text(encoding="utf-8"))
    if len(set(middles) & set(kept)) < len(kept):
        # Another model's rock may be another rock.
        return middles
    extras = dict.fromkeys(SPOTIFY_EXTRAS, math.nan)
    return {genre: kept.get(genre, own) | extras for genre, own in middles.items()}


def row(bundle: Bundle, values: Mapping[str, float]) -> pd.DataFrame:
    """Return the table of one track that a model takes; what is left out has no column."""
    columns: Sequence[str] = [
        name
        for name in bundle.columns
        if name not in SPOTIFY_EXTRAS or math.isfinite(values.get(name, math.nan))
    ]
    cells = {name: [float(values.get(name, math.nan))] for name in columns}
    return pd.DataFrame({"path": ["by hand"], **cells})
