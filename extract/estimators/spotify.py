"""Calibration of estimates to the scales of Spotify's table: weights that were fitted elsewhere.

The weights are data (``spotify.json``), with a card beside them that says what they were fitted to
and how far off they are; ``fit_spotify.py`` makes both.
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
"""Deviations from the mean beyond which a descriptor counts no more: it must not decide alone."""


class Scale:
    """Where a straight line is fitted: values of 0 to 1 on another scale, and the way back.

    Parameters
    ----------
    name : {"linear", "log", "logit"}
        How values spread: evenly, towards 0, or towards both ends.
    least : float
        Is added on the way, so that 0 (and 1) stay finite.
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
"""The estimates, and how each spreads in Spotify's table."""


MATCHED = ("danceability", "energy", "acousticness", "instrumentalness", "valence")
"""The estimates whose spread is brought to that of Spotify's table.

A regression says too little of what is far from the mean, so that nothing would be instrumental.
Speechiness has recordings of speech to hold its upper end; liveness is too weak to be spread."""


@lru_cache(maxsize=1)
def _weights() -> dict[str, Any]:
    known: dict[str, Any] = json.loads(WEIGHTS.read_text(encoding="utf-8"))
    for name in ("mean", "deviation"):
        known[name] = np.array(known[name])
    for name in ("weights", "fitted", "spread"):
        known[name] = {own: np.array(values) for own, values in known[name].items()}
    return known


def standardised(values: Doubles, mean: Doubles, deviation: Doubles) -> Doubles:
    """Return descriptors in deviations from their mean; what is missing is the mean."""
    return np.nan_to_num(np.clip((values - mean) / deviation, -FARTHEST, FARTHEST))


def calibrated(name: str, row: Mapping[str, float]) -> float:
    """Return an estimate on Spotify's scale from the descriptors of a track.

    Parameters
    ----------
    name : str
        Spotify's name of it, one of `SCALES`.
    row : mapping of str to float
        Descriptors by the name of their column; more may be in it than are needed.

    Returns
    -------
    float
        0 to 1.
    """
    known = _weights()
    values = np.array([row[column] for column in known["columns"]])
    inputs = standardised(values, known["mean"], known["deviation"])
    fitted = float(known["offset"][name] + inputs @ known["weights"][name])
    if name in MATCHED:
        return float(np.interp(fitted, known["fitted"][name], known["spread"][name]))
    return SCALES[name].back(fitted)
