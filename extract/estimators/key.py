"""The 24 keys: how probable each is, given the thirds and fourths that sound together.

A conditional logit model: each key has a score, a weighted sum of the strength of every interval
counted from its tonic. There is a set of weights for minor and one for major, the same for all
tonics. `extract/estimators/fit_key.py` learnt them and measured, on artists left out, how often
they are right; `key.md` has the figures.
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
"""Deviation of the evidence, as a share of its mean, up to which it counts as noise."""

_ROTATIONS = (np.arange(12)[:, None] + np.arange(12)) % 12


@lru_cache(maxsize=1)
def _weights() -> tuple[Doubles, Doubles]:
    """Return weights, shape (2, intervals x 12), and biases, shape (2,), of minor and major."""
    stored = json.loads(WEIGHTS.read_text("utf-8"))
    scale = stored["scale"]
    weights = [np.ravel(stored[mode]) for mode in ("minor", "major")]
    return scale * np.array(weights), scale * np.array([0.0, stored["major_bias"]])


def evidence(dyads: Doubles) -> Doubles | None:
    """Return the strength of every interval, counted from each tonic.

    Parameters
    ----------
    dyads : ndarray of shape (intervals x 12,)
        See `earmark.extract.descriptors.tonal.dyads`.

    Returns
    -------
    ndarray of shape (12, intervals x 12), or None
        A row for each tonic from C upwards; each interval has mean 0 and deviation 1 over the pitch
        classes. None where one of them is nearly as strong on every pitch class, as in noise.
    """
    strength = np.sqrt(dyads).reshape(len(INTERVALS), 12)
    mean, spread = strength.mean(axis=1, keepdims=True), strength.std(axis=1, keepdims=True)
    if not (spread > FLAT * mean).all():
        return None
    rolled: Doubles = ((strength - mean) / spread)[:, _ROTATIONS]
    return rolled.transpose(1, 0, 2).reshape(12, -1)


def probabilities(dyads: Doubles) -> Doubles | None:
    """Return the probability of each key.

    Parameters
    ----------
    dyads : ndarray of shape (intervals x 12,)
        See `earmark.extract.descriptors.tonal.dyads`.

    Returns
    -------
    ndarray of shape (24,), or None
        Minor from C upwards, then major; None where there is only noise.

    Examples
    --------
    A chord of C major has the minor third E G, the major third C E and the fourth G C:

    >>> dyads = np.zeros((3, 12))
    >>> dyads[0, 4] = dyads[1, 0] = dyads[2, 7] = 1
    >>> int(probabilities(dyads.ravel()).argmax())
    12
    >>> probabilities(np.ones(36)) is None
    True
    """
    strength = evidence(dyads)
    if strength is None:
        return None
    weights, bias = _weights()
    scores = (weights @ strength.T + bias[:, None]).ravel()
    powers: Doubles = np.exp(scores - scores.max())
    normalised: Doubles = powers / powers.sum()
    return normalised
