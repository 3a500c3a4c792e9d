"""The 24 keys: how probable each is, by the thirds and fourths that are heard.

A conditional logit model: each key has a score, a weighted sum of how strongly every interval is
heard, counted from its tonic; the weights are those of the mode and the same for all tonics. They
were learnt by `extract/estimators/fit_key.py`, which also measured on artists left out how right
they are, and lie beside it with what they were learnt from.
"""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

__all__ = ["INTERVALS", "WEIGHTS", "evidence", "probabilities"]

Doubles = NDArray[np.float64]

WEIGHTS = Path(__file__).with_name("key.json")

INTERVALS = (3, 4, 5)
"""The intervals that are counted, in semitones: minor third, major third, fourth."""

FLAT = 0.06
"""Deviation of the evidence, as a share of its mean, up to which nothing is heard but noise."""

_ROTATIONS = (np.arange(12)[:, None] + np.arange(12)) % 12


@lru_cache(maxsize=1)
def _weights() -> tuple[Doubles, Doubles]:
    """Return the weights of minor and major, shape (2, intervals x 12), and what to add to each."""
    stored = json.loads(WEIGHTS.read_text("utf-8"))
    scale = stored["scale"]
    weights = [np.ravel(stored[mode]) for mode in ("minor", "major")]
    return scale * np.array(weights), scale * np.array([0.0, stored["major_bias"]])


def evidence(dyads: Doubles) -> Doubles | None:
    """Return what speaks for each key, counted from its tonic, shape (12, intervals x 12).

    Parameters
    ----------
    dyads : ndarray of shape (intervals x 12,)
        See `earmark.extract.descriptors.tonal.dyads`.

    Returns
    -------
    ndarray or None
        Each interval brought to mean 0 and deviation 1 over the pitch classes; None where one of
        them has nearly the same strength everywhere.
    """
    heard = np.sqrt(dyads).reshape(len(INTERVALS), 12)
    mean, spread = heard.mean(axis=1, keepdims=True), heard.std(axis=1, keepdims=True)
    if not (spread > FLAT * mean).all():
        return None
    rolled: Doubles = ((heard - mean) / spread)[:, _ROTATIONS]
    return rolled.transpose(1, 0, 2).reshape(12, -1)


def probabilities(dyads: Doubles) -> Doubles | None:
    """Return the probability of each key, minor from C upwards, then major; None where none is."""
    heard = evidence(dyads)
    if heard is None:
        return None
    weights, bias = _weights()
    scores = (weights @ heard.T + bias[:, None]).ravel()
    powers = np.exp(scores - scores.max())
    return powers / powers.sum()
