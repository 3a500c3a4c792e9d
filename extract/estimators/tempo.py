"""The tempo: periods at which an onset envelope repeats, and which of their octaves people tap.

The strength of a period comes from a comb: the autocorrelation at the period and at its multiples.
That leaves the octave open, about which listeners disagree too. A regression, fitted to tempi that
people tapped (`extract/estimators/tempo.md`), estimates how fast music of this
kind is, and decides together with the strength of each pulse and the turns that bass drum and snare
drum take.

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
from typing import Any, NamedTuple

import numpy as np
import scipy
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from earmark.extract.estimators import beats
from earmark.extract.estimators.spotify import standardised
from earmark.extract.tempo_range import FOUND, Range, in_range

__all__ = [
    "CENTRE",
    "NO_PULSES",
    "Octaves",
    "Pulses",
    "Tempo",
    "clues",
    "octaves",
    "pulses",
    "terms",
]

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]

SAME = 0.04
"""Log of the ratio below which two tempi are one."""

CENTRE = 115.0
"""The middle of the tempi that people tap, in beats per minute."""

WINDOW_SECONDS = 12.0
STEP_SECONDS = 2.0
MULTIPLES = (1, 2, 3, 4, 5, 6)
LONGEST = 0.8
"""Longest lag as a share of a window: at longer ones too little overlaps."""

LOW_SHARE = 0.25
"""Weight of the bass in the autocorrelation; that of all bands has the rest."""

FINER = 4
"""Lags per frame."""

GROUP = 8
"""Beats over which bass drum and snare drum are compared: beyond, a tracker may have slipped."""

MOST_TURNS = 0.5
"""Beyond, more turns say no more: machines in off-beat have the most."""

SPARSE = 8.0
"""What speaks against a pulse, in log-odds for each octave by which it is faster than onsets follow
each other. Not fitted: no beat of the songs and clips is."""

SLACK = 0.2
"""Octaves by which a pulse may be faster: a few onsets are missed."""

_RATIO = 1.005
_LEAST = 0.3
"""Strength, as a share of the strongest pulse, below which a pulse is no tempo."""


@dataclass(frozen=True)
class Pulses:
    """Tempi at which the onsets repeat.

    Parameters
    ----------
    bpm : ndarray of shape (pulses,)
        Beats per minute, slowest first.
    strength : ndarray of shape (pulses,)
        Mean autocorrelation at the period and its multiples, up to the sixth: 1 for a machine, 0
        for noise.
    backbeat : ndarray of shape (pulses,)
        How much bass drum and snare drum take turns from beat to beat: 0 where they do not.
    sparse : ndarray of shape (pulses,)
        By how many octaves it is faster than onsets follow each other; 0 where it is not.
    """

    bpm: Doubles
    strength: Doubles
    backbeat: Doubles
    sparse: Doubles


NO_PULSES = Pulses(*np.empty((4, 0)))


def _repeats(onset: Floats, low_onset: Floats, frame_rate: float) -> Doubles:
    """Correlate with itself, by lag, averaged over windows; `FINER` lags per frame.

    Of all bands, and by `LOW_SHARE` of the bass. Of envelopes without their mean, scaled to 1 at
    lag 0 and divided by the share that overlaps; between whole frames by band-limited
    interpolation.
    """
    envelopes = np.stack([onset, low_onset])
    length = min(len(onset), round(WINDOW_SECONDS * frame_rate))
    step = max(1, round(STEP_SECONDS * frame_rate))
    windows = sliding_window_view(envelopes, length, axis=1)[:, ::step]
    size = scipy.fft.next_fast_len(2 * length, real=True)
    total = np.zeros((2, size // 2 + 1))
    counts = np.zeros(2)
    # 32 at a time: a track of hours has thousands.
    for start in range(0, windows.shape[1], 32):
        part = windows[:, start : start + 32]
        part = part - part.mean(axis=2, keepdims=True)
        energy = np.square(part).sum(axis=2, keepdims=True)
        has_onsets = energy > 0
        spectra = scipy.fft.rfft(part / np.sqrt(np.where(has_onsets, energy, 1)), size)
        total += np.square(np.abs(spectra)).sum(axis=1, dtype=np.float64)
        counts += has_onsets.sum(axis=(1, 2))
    # Averaged as spectra, so that one inverse transform gives the mean correlation.
    mean = total / np.maximum(counts, 1)[:, None]
    whole = (1 - LOW_SHARE) * mean[0] + LOW_SHARE * mean[1]
    lags = FINER * scipy.fft.irfft(whole, FINER * size)[: FINER * length]
    return np.asarray(lags / (1 - np.arange(FINER * length) / (FINER * length)))


def _backbeat(onset: Floats, low_onset: Floats, mid_onset: Floats, period: float) -> float:
    """Measure how much bass drum and snare drum take turns from beat to beat.

    Every second beat is compared with the others, eight beats at a time: minus the product of the
    log-ratios of the bass and of the middle, where the snare drum is. 0 where the two are stronger
    on the same beats.
    """
    found = beats.track(onset, period)
    groups = len(found) // GROUP
    if not groups:
        return 0.0
    # A rise may be divided between neighbouring frames.
    near = np.clip(found[: groups * GROUP, None] + np.arange(-1, 3), 0, len(onset) - 1)
    ratios = []
    for envelope in (low_onset, mid_onset):
        heard = envelope[near].sum(axis=1) / max(float(envelope.mean()), 1e-6)
        sums = heard.reshape(groups, -1, 2).mean(axis=1) + 0.5
        ratios.append(np.log(sums[:, 0] / sums[:, 1]))
    return float(np.clip(-np.mean(ratios[0] * ratios[1]), 0, MOST_TURNS))


@lru_cache(maxsize=1)
def _grid() -> Doubles:
    """Tempi half a hundredth apart, one beyond each end of the range."""
    count = int(np.log(FOUND[1] / FOUND[0]) / np.log(_RATIO))
    return FOUND[0] * _RATIO ** np.arange(-1.0, count + 2)


def pulses(
    onset: Floats, low_onset: Floats, mid_onset: Floats, rate: float, frame_rate: float
) -> Pulses:
    """Find the tempi at which onsets repeat.

    Parameters
    ----------
    onset, low_onset, mid_onset : ndarray of shape (frames,)
        Onset envelopes of all bands, of the bass, which counts by `LOW_SHARE`, and of the middle,
        where the snare drum is.
    rate : float
        Onsets per second.
    frame_rate : float
        Frames per second.

    Returns
    -------
    Pulses
        The peaks over tempo that reach three tenths of the highest; none where nothing repeats.

    Examples
    --------
    A click every 20 frames, 43 frames a second, is 129 beats per minute:

    >>> clicks = np.zeros(1000, np.float32)
    >>> clicks[::20] = 1
    >>> any(abs(pulses(clicks, clicks, clicks, 2.15, 43.0).bpm - 129) < 1)
    True
    """
    if len(onset) < 2:
        return NO_PULSES
    repeats = _repeats(onset, low_onset, frame_rate)
    lags = FINER * 60 * frame_rate / _grid() * np.array(MULTIPLES)[:, None]
    used = lags < LONGEST * len(repeats)
    values = np.interp(lags, np.arange(len(repeats)), repeats) * used
    strength = values.sum(axis=0) / np.maximum(used.sum(axis=0), 1)
    inner = strength[1:-1]
    peaks = (inner > strength[:-2]) & (inner >= strength[2:]) & (inner > _LEAST * inner.max())
    at = 1 + np.flatnonzero(peaks & (inner > 0))
    if not len(at):
        return NO_PULSES
    before, here, after = strength[at - 1], strength[at], strength[at + 1]
    # The top of the parabola through the peak and its neighbours.
    shift = np.clip((before - after) / (2 * (before - 2 * here + after)), -0.5, 0.5)
    top = here - (before - after) * shift / 4
    bpm = np.clip(_grid()[at] * _RATIO**shift, *FOUND)
    turns = [_backbeat(onset, low_onset, mid_onset, 60 * frame_rate / each) for each in bpm]
    sparse = np.maximum(0, np.log2(bpm / (60 * max(rate, 1 / 60))) - SLACK)
    return Pulses(bpm, top, np.array(turns), sparse)


class Tempo(NamedTuple):
    """The tempo of a track, and what else it may be.

    Parameters
    ----------
    bpm, confidence : float
        Beats per minute, and how sure that is.
    other, other_confidence : float
        The second most probable tempo, mostly another octave of the first, and how sure that is.
        All are NaN where there is none.
    """

    bpm: float
    confidence: float
    other: float
    other_confidence: float

    def within(self, bounds: Range | None) -> Tempo:
        """Return the tempo in a range; the other one becomes that which it was, if they meet.

        The confidences stay: how sure it is what people tap does not depend on what somebody wants.
        """
        if bounds is None or (bpm := in_range(self.bpm, *bounds)) == self.bpm:
            return self
        meet = abs(np.log(self.other / bpm)) < SAME
        return self._replace(bpm=bpm, other=self.bpm if meet else self.other)


@dataclass(frozen=True)
class Octaves:
    """The model of which of several pulses is the beat; see `extract/estimators/tempo.md`.

    Parameters
    ----------
    mean, scale, weights : ndarray of shape (clues,)
        Of the clues, and what each adds to the expected tempo, in octaves per deviation.
    offset : float
        The expected tempo of the mean clues, in octaves above `CENTRE`.
    strength, distance, extreme, lean, backbeat : float
        Weights of the logarithm of a pulse's strength, of its squared distance from the expected
        tempo and of that from `CENTRE`, in octaves, of how many octaves above `CENTRE` it is, and
        of its backbeat.
    """

    mean: Doubles
    scale: Doubles
    weights: Doubles
    offset: float
    strength: float
    distance: float
    extreme: float
    lean: float
    backbeat: float

    def expected(self, clues: Doubles) -> float:
        """Return the expected tempo in octaves above `CENTRE`; a clue may be NaN."""
        return float(self.offset + standardised(clues, self.mean, self.scale) @ self.weights)

    def probabilities(self, candidates: Pulses, clues: Doubles) -> Doubles:
        """Return the probability of each pulse to be the beat, shape (pulses,)."""
        weights = (self.strength, self.distance, self.extreme, self.lean, self.backbeat)
        score = terms(candidates, self.expected(clues)) @ np.array(weights)
        score -= SPARSE * candidates.sparse
        likely = np.exp(score - score.max())
        return np.asarray(likely / likely.sum())

    def decide(self, candidates: Pulses, clues: Doubles) -> Tempo:
        """Return the tempo and the second most probable one."""
        if not len(candidates.bpm):
            return Tempo(np.nan, np.nan, np.nan, np.nan)
        likely = self.probabilities(candidates, clues)
        sure = likely * np.sqrt(np.clip(candidates.strength, 0, 1))
        best, *others = np.argsort(-likely, kind="stable")[:2]
        found = float(candidates.bpm[best]), float(sure[best])
        if not others:
            return Tempo(*found, np.nan, np.nan)
        return Tempo(*found, float(candidates.bpm[others[0]]), float(sure[others[0]]))


def terms(candidates: Pulses, expected: float) -> Doubles:
    """Return what speaks for each pulse, shape (pulses, 5): see the weights of `Octaves`.

    Parameters
    ----------
    candidates : Pulses
        One at least.
    expected : float
        The expected tempo in octaves above `CENTRE`.
    """
    octave = np.log2(candidates.bpm / CENTRE)
    strength = np.log(candidates.strength / candidates.strength.max())
    distance, extreme = -np.square(octave - expected), -np.square(octave)
    return np.stack([strength, distance, extreme, octave, candidates.backbeat], axis=1)


@lru_cache(maxsize=1)
def octaves() -> Octaves:
    """Return the fitted model: `extract/estimators/tempo.json`."""
    file = resources.files("earmark.extract.estimators") / "tempo.json"
    fitted: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    del fitted["cross_validation"]
    for name in ("mean", "scale", "weights"):
        fitted[name] = np.array(fitted[name])
    return Octaves(**fitted)


def clues(tempo_pattern: Doubles, fluctuation_pattern: Doubles, peak_rate: float) -> Doubles:
    """Join the descriptors that hint at how fast the music feels, shape (33,).

    Parameters
    ----------
    tempo_pattern : ndarray of shape (16,)
        Strength of the repetition at each of 16 tempi.
    fluctuation_pattern : ndarray of shape (64,)
        Strength of the movement at each of 8 rates in each of 8 bands; averaged over low and over
        high bands.
    peak_rate : float
        Peaks of the onset envelope per second.
    """
    moving = fluctuation_pattern.reshape(-1, 8)
    halves = [moving[:, low:high].mean(axis=1) for low, high in pairwise((0, 3, 8))]
    return np.concatenate([tempo_pattern, *halves, [peak_rate]])
