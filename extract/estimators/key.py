"""The 24 keys: how probable each is, given the chords that sound, first, last and in all.

A conditional logit model: each key has a score, a weighted sum of the strength of every interval
and chord counted from its tonic. There is a set of weights for minor and one for major, the same
for all tonics. `extract/estimators/fit_key.py` learnt them and measured, on artists left out, how
often they are right; `key.md` has the figures.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

__all__ = ["CHORDS", "INTERVALS", "WEIGHTS", "Heard", "evidence", "probabilities"]

Doubles = NDArray[np.float64]

WEIGHTS = Path(__file__).with_name("key.json")

INTERVALS = (3, 4, 5)
"""The intervals that are counted, in semitones: minor third, major third, fourth."""

CHORDS = ((0, 3, 7), (0, 4, 7))
"""The chords that are told apart, in semitones above the root: minor and major."""

FLAT = 0.06
"""Deviation of the thirds and fourths, as a share of their mean, up to which they are noise."""

# The ridge is the same for all weights: what is made larger here may count for more.
_CHORDS_SCALE, _ENDS_SCALE = 7.0, 2.5

_ROTATIONS = (np.arange(12)[:, None] + np.arange(12)) % 12


@dataclass(frozen=True)
class Heard:
    """What is heard of a track that tells its key, from C upwards each.

    Parameters
    ----------
    dyads : ndarray of shape (intervals x 12,)
        How much two pitch classes sound at once; see `earmark.extract.descriptors.tonal.dyads`.
    chords : ndarray of shape (chords x 12,)
        The share of each chord in the track.
    opening, closing : ndarray of shape (chords x 12,)
        Its share in the first and in the last seconds.
    """

    dyads: Doubles
    chords: Doubles
    opening: Doubles
    closing: Doubles


@lru_cache(maxsize=1)
def _weights() -> tuple[Doubles, Doubles]:
    """Return weights, shape (2, evidence), and biases, shape (2,), of minor and major."""
    stored = json.loads(WEIGHTS.read_text("utf-8"))
    weights = [
        np.concatenate([np.ravel(stored[mode][part.name]) for part in fields(Heard)])
        for mode in ("minor", "major")
    ]
    scale = stored["scale"]
    return scale * np.array(weights), scale * np.array([0.0, stored["major_bias"]])


def evidence(heard: Heard) -> Doubles | None:
    """Return what speaks for each key, counted from each tonic.

    Parameters
    ----------
    heard : Heard
        What is heard of a track.

    Returns
    -------
    ndarray of shape (12, evidence), or None
        A row for each tonic from C upwards: the intervals, each of mean 0 and deviation 1 over the
        pitch classes, then the chords of the track, its beginning and its end. None where one of
        the intervals is nearly as strong on every pitch class, as in noise.
    """
    strength = np.sqrt(heard.dyads).reshape(-1, 12)
    mean, spread = strength.mean(axis=1, keepdims=True), strength.std(axis=1, keepdims=True)
    if not (spread > FLAT * mean).all():
        return None
    parts = np.concatenate(
        [
            (strength - mean) / spread,
            _CHORDS_SCALE * np.sqrt(heard.chords).reshape(-1, 12),
            _ENDS_SCALE * heard.opening.reshape(-1, 12),
            _ENDS_SCALE * heard.closing.reshape(-1, 12),
        ]
    )
    rolled: Doubles = parts[:, _ROTATIONS]
    return rolled.transpose(1, 0, 2).reshape(12, -1)


def probabilities(heard: Heard) -> Doubles | None:
    """Return the probability of each key.

    Parameters
    ----------
    heard : Heard
        What is heard of a track.

    Returns
    -------
    ndarray of shape (24,), or None
        Minor from C upwards, then major; None where there is only noise.

    Examples
    --------
    A chord of C major has the minor third E G, the major third C E and the fourth G C:

    >>> dyads, chord = np.zeros((3, 12)), np.zeros((2, 12))
    >>> dyads[0, 4] = dyads[1, 0] = dyads[2, 7] = chord[1, 0] = 1
    >>> heard = Heard(dyads.ravel(), chord.ravel(), chord.ravel(), chord.ravel())
    >>> int(probabilities(heard).argmax())
    12
    >>> probabilities(Heard(np.ones(36), *[np.full(24, 1 / 24)] * 3)) is None
    True
    """
    strength = evidence(heard)
    if strength is None:
        return None
    weights, bias = _weights()
    scores = (weights @ strength.T + bias[:, None]).ravel()
    powers: Doubles = np.exp(scores - scores.max())
    normalised: Doubles = powers / powers.sum()
    return normalised
