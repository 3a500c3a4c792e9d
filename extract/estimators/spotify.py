"""Spotify's estimates as weighted sums of descriptors, on the scales of Spotify's table.

There are two fits: one of descriptors that are defined, and one that looks at the activations of
`musicnn` beside them, for rows that have these. The weights are data (``spotify.json``). The card
beside them (``spotify.md``) says what they were fitted to and how large their errors are;
``fit_spotify.py`` writes both.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "FITS",
    "MATCHED",
    "SCALES",
    "SPOTIFY_LOUDNESS",
    "WEIGHTS",
    "Scale",
    "calibrated",
    "on_spotify_scale",
    "standardised",
]

Doubles = NDArray[np.float64]

WEIGHTS = Path(__file__).parent / "spotify.json"

SPOTIFY_LOUDNESS = (-60.0, 5.0)
"""The range of loudness in Spotify's tables, in dB."""

FARTHEST = 4.0
"""Descriptors are clipped at so many deviations from their mean, so that none decides alone."""


class Scale:
    """The scale on which an estimate is fitted: a map of values from 0 to 1, and its inverse.

    Parameters
    ----------
    name : {"linear", "log", "logit"}
        How values are spread: evenly, crowded at 0, or crowded at both ends.
    least : float
        Is added before taking the logarithm, so that 0 (and 1) stay finite.

    Examples
    --------
    >>> scale = Scale("logit", 0.02)
    >>> round(scale.back(float(scale.forth(np.array(0.25)))), 6)
    0.25
    """

    def __init__(self, name: str, least: float = 0.0) -> None:
        self.name = name
        self.least = least

    def forth(self, values: Doubles) -> Doubles:
        """Return values on the scale of the fit."""
        if self.name == "linear":
            return values
        shifted = values + self.least
        return np.log(shifted if self.name == "log" else shifted / (1 + 2 * self.least - shifted))

    def back(self, fitted: float) -> float:
        """Return a value of 0 to 1 from the scale of the fit."""
        if self.name == "log":
            fitted = math.exp(min(fitted, 1.0)) - self.least
        elif self.name == "logit":
            fitted = (1 + 2 * self.least) / (1 + math.exp(min(-fitted, 99.0))) - self.least
        return min(max(fitted, 0.0), 1.0)


SCALES = {
    "danceability": Scale("linear"),
    "energy": Scale("logit", 0.02),
    "speechiness": Scale("log", 0.01),
    "acousticness": Scale("logit", 0.01),
    "instrumentalness": Scale("log", 0.0001),
    "liveness": Scale("log", 0.01),
    "valence": Scale("linear"),
}
"""The estimates, each with the scale that fits its spread in Spotify's table."""


MATCHED = ("danceability", "energy", "acousticness", "instrumentalness", "valence")
"""The estimates whose spread is brought to that of Spotify's table.

A regression stays too close to the mean, so that nothing would count as instrumental. Speechiness
has recordings of speech for its upper end; liveness is too weak an estimate to be spread."""


FITS = ("with_musicnn", "descriptors")
"""The fits in ``spotify.json``: the first whose columns a row has is used."""


@dataclass(frozen=True)
class Fit:
    """Weighted sums of the same inputs.

    Parameters
    ----------
    columns : tuple of str
        The descriptors that are looked at.
    mean, deviation : ndarray of shape (columns,)
        Of these over music.
    offset, weights, fitted, spread : dict
        By the name of the estimate: the sum at the mean, what each column adds per deviation, and
        quantiles of such sums beside those of Spotify's table.
    """

    columns: tuple[str, ...]
    mean: Doubles
    deviation: Doubles
    offset: dict[str, float]
    weights: dict[str, Doubles]
    fitted: dict[str, Doubles]
    spread: dict[str, Doubles]

    def value(self, name: str, row: Mapping[str, float]) -> float:
        """Return an estimate on Spotify's scale from the descriptors of a track."""
        values = np.array([row[column] for column in self.columns])
        inputs = standardised(values, self.mean, self.deviation)
        fitted = float(self.offset[name] + inputs @ self.weights[name])
        if name in MATCHED:
            return float(np.interp(fitted, self.fitted[name], self.spread[name]))
        return SCALES[name].back(fitted)


@lru_cache(maxsize=1)
def _stored() -> dict[str, Any]:
    stored: dict[str, Any] = json.loads(WEIGHTS.read_text(encoding="utf-8"))
    return stored


@lru_cache(maxsize=1)
def _fits() -> tuple[Fit, ...]:
    def arrays(values: Mapping[str, list[float]]) -> dict[str, Doubles]:
        return {name: np.array(own) for name, own in values.items()}

    return tuple(
        Fit(
            tuple(stored["columns"]),
            np.array(stored["mean"]),
            np.array(stored["deviation"]),
            stored["offset"],
            *(arrays(stored[part]) for part in ("weights", "fitted", "spread")),
        )
        for stored in (_stored()[name] for name in FITS)
    )


def standardised(values: Doubles, mean: Doubles, deviation: Doubles) -> Doubles:
    """Return values in deviations from their mean, at most `FARTHEST`; 0 where they are NaN.

    Examples
    --------
    >>> standardised(np.array([3.0, np.nan, 99.0]), np.ones(3), np.ones(3)).tolist()
    [2.0, 0.0, 4.0]
    """
    return np.nan_to_num(np.clip((values - mean) / deviation, -FARTHEST, FARTHEST))


def calibrated(name: str, row: Mapping[str, float]) -> float:
    """Return an estimate on Spotify's scale from the descriptors of a track.

    Parameters
    ----------
    name : str
        Spotify's name of the estimate, one of `SCALES`.
    row : mapping of str to float
        Descriptors by the name of their column; there may be others than those needed.

    Returns
    -------
    float
        0 to 1.
    """
    fit = next(fit for fit in _fits() if fit.columns[-1] in row)
    return fit.value(name, row)


def on_spotify_scale(lufs: Doubles) -> Doubles:
    """Return loudness in LUFS on the scale of Spotify's tables, in dB.

    Examples
    --------
    >>> bool(-9 < on_spotify_scale(np.array(-11.0)) < -5)
    True
    """
    line = _stored()["loudness"]
    found: Doubles = np.clip(line["offset"] + line["slope"] * lufs, *SPOTIFY_LOUDNESS)
    return found
