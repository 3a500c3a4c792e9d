"""Spotify's estimates as weighted sums of descriptors, on the scales of Spotify's table.

The weights are data (``spotify.json``). The card beside them (``spotify.md``) says what they were
fitted to and how large their errors are; ``fit_spotify.py`` writes both.
"""

from __future__ import annotations

import json
import math
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["MATCHED", "SCALES", "WEIGHTS", "Scale", "calibrated", "standardised"]

Doubles = NDArray[np.float64]

WEIGHTS = Path(__file__).parent / "spotify.json"

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


@lru_cache(maxsize=1)
def _weights() -> dict[str, Any]:
    stored: dict[str, Any] = json.loads(WEIGHTS.read_text(encoding="utf-8"))
    for part in ("mean", "deviation"):
        stored[part] = np.array(stored[part])
    for part in ("weights", "fitted", "spread"):
        stored[part] = {name: np.array(values) for name, values in stored[part].items()}
    return stored


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
    model = _weights()
    values = np.array([row[column] for column in model["columns"]])
    inputs = standardised(values, model["mean"], model["deviation"])
    fitted = float(model["offset"][name] + inputs @ model["weights"][name])
    if name in MATCHED:
        return float(np.interp(fitted, model["fitted"][name], model["spread"][name]))
    return SCALES[name].back(fitted)
