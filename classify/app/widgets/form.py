"""The form that stands for a track: what can be set of it, from where to where, and what is usual.

A model of Spotify's columns needs no audio: whoever knows the values can give them. All that the
form shows follows from the bundle and from what the columns say of themselves. No Streamlit here.
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
from earmark.classify.model.bundle import ABOUT, Bundle
from earmark.extract import descriptor_docs
from earmark.extract.config import DEFAULTS
from earmark.extract.engine import registry
from earmark.extract.errors import BundleError
from earmark.extract.sets import NO_KEY

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from earmark.extract.engine.registry import Column

__all__ = ["GROUPS", "Field", "fields", "possible", "row", "settled"]

GROUPS = {
    "Feeling": ("danceability", "energy", "valence"),
    "Sound": ("acousticness", "instrumentalness", "liveness", "speechiness", "loudness"),
    "Form": ("tempo", "time_signature", "key", "mode", "duration_ms"),
    "On Spotify": ("popularity", "explicit"),
}
"""What stands together in the form."""

TITLES = {"duration_ms": "duration"}
"""What columns are called whose names are no words."""

WORDS: dict[str, dict[float, str]] = {
    "key": {float(NO_KEY): "none found", **{float(own): key for own, key in enumerate(KEYS)}},
    "mode": {1.0: "major", 0.0: "minor"},
    "time_signature": {float(beats): f"{beats}/4" for beats in range(3, 8)},
    "explicit": {0.0: "no", 1.0: "yes"},
}
"""What the values of categories are called."""

MEANING = {
    "popularity": "How much it is played, 100 being the most: Spotify's own count, which no audio "
    "file holds.",
    "explicit": "Whether its words are marked as not for children.",
}
"""What Spotify says beside the sound has no page of its own."""

STEPS = 100
"""Into about so many steps a range is divided."""

LONGEST = 20 * 60 * 1000.0
"""Milliseconds up to which a duration can be set: it has no upper bound of its own."""

SECOND = 1000.0


@dataclass(frozen=True)
class Field:
    """One value that can be set.

    Parameters
    ----------
    name : str
        The column.
    title : str
        What it is called.
    unit : str
        Its unit, empty for a pure number.
    low, high, step : float
        From where to where, and by how much at a time.
    usual : float
        Of a typical track of any genre, or the middle of the range where the model knows none.
    meaning : str
        What it means to a listener.
    options : dict
        For a category: its values and what they are called.
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

    def fit(self, value: float) -> float:
        """Return the value that the form can show for another: in range, on a step, an option."""
        if not math.isfinite(value):
            return self.usual
        if self.options:
            return min(self.options, key=lambda own: (abs(own - value), own))
        steps = round((value - self.low) / self.step)
        digits = max(0, -math.floor(math.log10(self.step)))
        return min(max(round(self.low + steps * self.step, digits), self.low), self.high)


def possible(directory: Path) -> bool:
    """Tell whether nobody needs audio for a model, from what it says of itself alone."""
    about = directory / ABOUT
    try:
        return _possible(str(about), about.stat().st_mtime_ns)
    except (OSError, ValueError, TypeError, KeyError):
        # What is damaged, another page says.
        return False


@lru_cache(maxsize=256)
def _possible(about: str, stamp: int) -> bool:  # noqa: ARG001 - part of the key of the cache
    inputs = json.loads(Path(about).read_text(encoding="utf-8"))["inputs"]
    return set(inputs) <= set(genre_profiles.COLUMNS)


def fields(bundle: Bundle) -> dict[str, Field]:
    """Return what can be set of a track for a model, by column, in the order of the form.

    Raises
    ------
    BundleError
        The model looks at what nobody can set by hand.
    """
    foreign = [name for name in bundle.inputs if name not in genre_profiles.COLUMNS]
    if foreign:
        raise BundleError(
            f"this model looks at {len(bundle.inputs)} descriptors, such as {foreign[0]}, that "
            "nobody can set by hand; choose one that was trained on Spotify's columns"
        )
    usual = genre_profiles.overall(bundle.typical)
    known = _columns()
    return {
        name: _field(*known[name], usual[name][1] if name in usual else math.nan)
        for group in GROUPS.values()
        for name in group
        if name in bundle.inputs
    }


def _columns() -> dict[str, tuple[Column, str]]:
    """Return Spotify's columns, each with what it means."""
    of_audio = {
        column.name: (column, descriptor_docs.text(entry))
        for entry in registry.in_set("spotify")
        for column in entry.columns(DEFAULTS)
    }
    described = {
        name: (column, " ".join((text.meaning or text.summary).split()))
        for name, (column, text) in of_audio.items()
    }
    return described | {name: (own, MEANING[name]) for name, own in SPOTIFY_EXTRAS.items()}


def _field(column: Column, meaning: str, usual: float) -> Field:
    low, high = map(float, column.range)
    if column.name == "duration_ms":
        high, step = LONGEST, SECOND
    else:
        step = _step((high - low) / STEPS)
    options = WORDS.get(column.name, {})
    title = TITLES.get(column.name, column.name.replace("_", " ")).capitalize()
    field = Field(column.name, title, column.unit, low, high, step, low, meaning, options)
    return replace(field, usual=field.fit(usual if math.isfinite(usual) else (low + high) / 2))


def _step(about: float) -> float:
    """Return the nearest smaller step that people count in: 1 or 5 times a power of ten."""
    power: float = 10.0 ** math.floor(math.log10(about))
    return 5 * power if about >= 5 * power else power


def settled(own: Mapping[str, Field], values: Mapping[str, float]) -> dict[str, float]:
    """Return a value for every field: the given one as the form can show it, else the usual one."""
    return {name: field.fit(values.get(name, math.nan)) for name, field in own.items()}


def row(bundle: Bundle, values: Mapping[str, float]) -> pd.DataFrame:
    """Return the table of one track that a model takes."""
    columns: Sequence[str] = bundle.columns
    cells = {name: [float(values.get(name, math.nan))] for name in columns}
    return pd.DataFrame({"path": ["by hand"], **cells})
