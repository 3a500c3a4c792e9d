"""How fast the beat is: what repeats in an onset envelope, and which of its octaves people tap to.

Periods are weighed by a comb: the autocorrelation at a period and at its multiples. What is left is
the octave, about which listeners disagree as well. A few numbers, fitted to what people tapped
(`extract/calibration`), guess how fast music of this kind is from how it moves, and decide.

References
----------
Percival and Tzanetakis, "Streamlined tempo estimation based on autocorrelation and
cross-correlation with pulses", IEEE/ACM TASLP 22(12), 2014. Peeters, "Template-based estimation of
tempo: using unsupervised or supervised learning to create better spectral templates", DAFx 2010.
Hockman and Fujinaga, "Fast vs slow: learning tempo octaves from user data", ISMIR 2010.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from itertools import pairwise
from typing import Any

import numpy as np
import scipy.fft
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from earmark.extract.estimators.spotify import standardised

__all__ = ["CENTRE", "RANGE", "Octaves", "Pulses", "clues", "octaves", "pulses"]

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]

RANGE = (38.0, 270.0)
"""Slowest and fastest tempo in beats per minute; four in a hundred people's taps lie outside."""

CENTRE = 115.0
"""The middle of what people tap, in beats per minute."""

WINDOW_SECONDS = 12.0
STEP_SECONDS = 2.0
MULTIPLES = (1, 2, 3, 4, 5, 6)
LONGEST = 0.8
"""Of a window: at longer lags too little overlaps."""

LOW_SHARE = 0.25
"""Of the bass in what repeats, beside that of all bands."""

FINER = 4
"""Lags in a frame."""

_RATIO = 1.005
_LEAST = 0.3
"""Of the strongest pulse: what is weaker is no tempo."""


@dataclass(frozen=True)
class Pulses:
    """Tempi at which something repeats.

    Parameters
    ----------
    bpm : ndarray of shape (pulses,)
        Beats per minute, slowest first.
    strength : ndarray of shape (pulses,)
        Mean autocorrelation at the period and its multiples, up to the sixth: 1 for a machine, 0
        for noise.
    """

    bpm: Doubles
    strength: Doubles


def _repeats(onset: Floats, low_onset: Floats, frame_rate: float) -> Doubles:
    """Average the autocorrelations of both envelopes over windows.

    Each is without its mean, scaled to 1 at lag 0, and to what overlaps. There are `FINER` lags in
    a frame: band-limited interpolation between the whole ones.
    """
    both = np.stack([onset, low_onset])
    length = min(len(onset), round(WINDOW_SECONDS * frame_rate))
    step = max(1, round(STEP_SECONDS * frame_rate))
    windows = sliding_window_view(both, length, axis=1)[:, ::step]
    size = scipy.fft.next_fast_len(2 * length, real=True)
    total = np.zeros((2, size // 2 + 1))
    counts = np.zeros((2, 1))
    # Some at a time: a track of hours has thousands.
    for start in range(0, windows.shape[1], 32):
        part = windows[:, start : start + 32]
        part = part - part.mean(axis=2, keepdims=True)
        energy = np.square(part).sum(axis=2, keepdims=True)
        heard = energy > 0
        scaled = part / np.sqrt(np.where(heard, energy, 1))
        total += np.square(np.abs(scipy.fft.rfft(scaled, size))).sum(axis=1, dtype=np.float64)
        counts += heard.sum(axis=1)
    # The mean of the spectra is that of the autocorrelations: one transform goes back.
    mean = np.array([1 - LOW_SHARE, LOW_SHARE]) @ (total / np.maximum(counts, 1))
    found = FINER * scipy.fft.irfft(mean, FINER * size)[: FINER * length]
    return np.asarray(found / (1 - np.arange(FINER * length) / (FINER * length)))


@lru_cache(maxsize=1)
def _grid() -> Doubles:
    """Tempi half a hundredth apart, one beyond each end of the range."""
    count = int(np.log(RANGE[1] / RANGE[0]) / np.log(_RATIO))
    return RANGE[0] * _RATIO ** np.arange(-1.0, count + 2)


def pulses(onset: Floats, low_onset: Floats, frame_rate: float) -> Pulses:
    """Find the tempi at which onsets repeat.

    Parameters
    ----------
    onset, low_onset : ndarray of shape (frames,)
        Onset envelopes of all bands and of the bass, which counts by `LOW_SHARE`.
    frame_rate : float
        Frames per second.

    Returns
    -------
    Pulses
        The peaks over tempo that reach three tenths of the highest; none where nothing repeats.
    """
    nothing = Pulses(np.empty(0), np.empty(0))
    if len(onset) < 2:
        return nothing
    repeats = _repeats(onset, low_onset, frame_rate)
    lags = FINER * 60 * frame_rate / _grid() * np.array(MULTIPLES)[:, None]
    used = lags < LONGEST * len(repeats)
    values = np.interp(lags, np.arange(len(repeats)), repeats) * used
    strength = values.sum(axis=0) / np.maximum(used.sum(axis=0), 1)
    inner = strength[1:-1]
    peaks = (inner > strength[:-2]) & (inner >= strength[2:]) & (inner > _LEAST * inner.max())
    at = 1 + np.flatnonzero(peaks & (inner > 0))
    if not len(at):
        return nothing
    before, here, after = strength[at - 1], strength[at], strength[at + 1]
    # The top of the parabola through the peak and its neighbours.
    shift = np.clip((before - after) / (2 * (before - 2 * here + after)), -0.5, 0.5)
    top = here - (before - after) * shift / 4
    return Pulses(np.clip(_grid()[at] * _RATIO**shift, *RANGE), top)


@dataclass(frozen=True)
class Octaves:
    """What tells which of several pulses is the beat; see `extract/estimators/tempo.md`.

    Parameters
    ----------
    mean, scale, weights : ndarray of shape (clues,)
        Of the clues, and what each adds to the expected tempo, in octaves per deviation.
    offset : float
        The expected tempo of the mean clues, in octaves above `CENTRE`.
    strength, distance, extreme : float
        Weights of the logarithm of a pulse's strength, of its squared distance from the expected
        tempo and of that from `CENTRE`, in octaves.
    """

    mean: Doubles
    scale: Doubles
    weights: Doubles
    offset: float
    strength: float
    distance: float
    extreme: float

    def expected(self, clues: Doubles) -> float:
        """Guess the tempo from the clues, in octaves above `CENTRE`; an unknown one is no clue."""
        return float(self.offset + standardised(clues, self.mean, self.scale) @ self.weights)

    def probabilities(self, found: Pulses, clues: Doubles) -> Doubles:
        """Return how likely each pulse is the beat."""
        octave = np.log2(found.bpm / CENTRE)
        score = (
            self.strength * np.log(found.strength / found.strength.max())
            - self.distance * np.square(octave - self.expected(clues))
            - self.extreme * np.square(octave)
        )
        likely = np.exp(score - score.max())
        return np.asarray(likely / likely.sum())

    def decide(self, found: Pulses, clues: Doubles) -> tuple[float, float]:
        """Return the beat's tempo and the confidence in it, both NaN without a pulse."""
        if not len(found.bpm):
            return np.nan, np.nan
        likely = self.probabilities(found, clues)
        best = int(likely.argmax())
        clear = np.sqrt(np.clip(found.strength[best], 0, 1))
        return float(found.bpm[best]), float(likely[best] * clear)


@lru_cache(maxsize=1)
def octaves() -> Octaves:
    """Return what was fitted: `extract/estimators/tempo.json`."""
    file = resources.files("earmark.extract.estimators") / "tempo.json"
    held: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    del held["cross_validation"]
    for name in ("mean", "scale", "weights"):
        held[name] = np.array(held[name])
    return Octaves(**held)


def clues(tempo_pattern: Doubles, fluctuation_pattern: Doubles, onset_rate: float) -> Doubles:
    """Gather what tells how fast the music is felt, shape (33,).

    Parameters
    ----------
    tempo_pattern : ndarray of shape (16,)
        How much repeats, by tempo.
    fluctuation_pattern : ndarray of shape (64,)
        How much moves, by rate and band; low and high bands are averaged.
    onset_rate : float
        Onsets per second.
    """
    moving = fluctuation_pattern.reshape(-1, 8)
    halves = [moving[:, low:high].mean(axis=1) for low, high in pairwise((0, 3, 8))]
    return np.concatenate([tempo_pattern, *halves, [onset_rate]])
