"""How the tempo changes over a track: the strongest period of each moment, followed through time.

The octave is that of the whole track: tempi up to half an octave around it are compared, by the
autocorrelation of a few seconds at the period and its multiples. The path that changes least is the
map: a change costs more the larger it is, up to the price of a jump, as from one track of a mix to
the next.

References
----------
Grosche and Müller, "Extracting predominant local pulse information from music recordings", IEEE
TASLP 19(6), 2011. Laroche, "Efficient tempo and beat tracking in audio recordings", JAES 51(4),
2003: dynamic programming over local tempi.
"""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import numpy as np
import scipy
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

__all__ = ["NO_MAP", "TempoMap", "follow"]

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]

WINDOW_SECONDS = 4.0
STEP_SECONDS = 1.0
MULTIPLES = (1, 2, 3, 4)
FINER = 4
"""Lags per frame."""

LOW_SHARE = 0.25
"""Weight of the bass, as in the tempo of the whole."""

RATIO = 1.005
REACH = 2**0.5
"""How far from the tempo of the whole a moment may be, as a factor."""

PRICE = 3.0
"""Of a change by an octave from one moment to the next, in units of an autocorrelation."""

JUMP_PRICE = 1.0
"""The highest price of a change: what another tempo gains in a few seconds."""

STEADY = 0.02
"""Deviation of the tempo, as a share of it, up to which it is steady: musicians without a click."""

SIDE, GAP = 6, 3
"""Moments before and after a jump in which the tempo is steady, and those in between, which hear
both tempi."""


TREND = 0.5
"""Share of all change that leads from the first tempo to the last where the tempo goes one way."""


class TempoMap(NamedTuple):
    """The tempo of each second.

    Parameters
    ----------
    seconds : ndarray of shape (moments,)
        The middle of the few seconds that each tempo describes.
    bpm : ndarray of shape (moments,)
        Beats per minute.
    """

    seconds: Doubles
    bpm: Doubles

    @property
    def spread(self) -> float:
        """Standard deviation in beats per minute; NaN without a beat."""
        return float(self.bpm.std()) if len(self.bpm) else np.nan

    @property
    def steady(self) -> bool:
        """Whether one tempo describes the track."""
        return not len(self.bpm) or bool(self.spread <= STEADY * self.bpm.mean())

    @property
    def jumps(self) -> Doubles:
        """Return the seconds at which another tempo begins at once, as in a DJ's mix."""
        if len(self.bpm) < 2 * SIDE + GAP:
            return np.empty(0)
        sides = sliding_window_view(np.log(self.bpm), SIDE)
        level, moved = np.median(sides, axis=1), np.ptp(sides, axis=1)
        change = np.abs(level[SIDE + GAP :] - level[: -SIDE - GAP])
        around = moved[SIDE + GAP :] + moved[: -SIDE - GAP]
        at = np.flatnonzero((change > STEADY) & (change > 2 * around))
        if not len(at):
            return np.empty(0)
        runs = np.split(at, 1 + np.flatnonzero(np.diff(at) > 1))
        return np.array([self.seconds[SIDE + (GAP + run[0] + run[-1]) // 2] for run in runs])

    def words(self) -> str:
        """Say how the tempo changes, in a few words; nothing where it does not."""
        if self.steady and not len(self.jumps):
            return ""
        if len(self.jumps):
            edges = np.searchsorted(self.seconds, [0.0, *self.jumps, np.inf])
            parts = [np.median(self.bpm[a:b]) for a, b in pairwise(edges) if b > a]
            minutes = ", ".join(f"{int(at) // 60}:{int(at) % 60:02d}" for at in self.jumps)
            told = ", ".join(f"{bpm:.0f}" for bpm in parts)
            return f"the tempo jumps, as in a mix, at {minutes}: {told} BPM"
        first, last = self.bpm[:SIDE].mean(), self.bpm[-SIDE:].mean()
        trend = abs(last - first) / (np.abs(np.diff(self.bpm)).sum() + 1e-9)
        if trend > TREND:
            return f"the tempo goes from {first:.0f} to {last:.0f} BPM"
        low, high = np.percentile(self.bpm, [5, 95])
        return f"the tempo is free: {low:.0f} to {high:.0f} BPM"


NO_MAP = TempoMap(np.empty(0), np.empty(0))


def follow(onset: Floats, low_onset: Floats, bpm: float, frame_rate: float) -> TempoMap:
    """Follow the tempo through a track.

    Parameters
    ----------
    onset, low_onset : ndarray of shape (frames,)
        Onset envelopes of all bands and of the bass.
    bpm : float
        The tempo of the whole, whose octave is kept.
    frame_rate : float
        Frames per second.

    Examples
    --------
    A click every 20 frames, 43 frames a second, is 129 beats per minute all along:

    >>> clicks = np.zeros(1000, np.float32)
    >>> clicks[::20] = 1
    >>> found = follow(clicks, clicks, 129.0, 43.0)
    >>> round(found.bpm.min()), round(found.bpm.max()), found.steady
    (129, 129, True)
    """
    steps = int(np.log(REACH) / np.log(RATIO))
    grid = bpm * RATIO ** np.arange(-steps, steps + 1.0)
    length = min(len(onset), round(WINDOW_SECONDS * frame_rate))
    step = max(1, round(STEP_SECONDS * frame_rate))
    windows = sliding_window_view(np.stack([onset, low_onset]), length, axis=1)[:, ::step]
    gains = np.concatenate(
        [
            _strength(windows[:, first : first + 32], grid, frame_rate)
            for first in range(0, windows.shape[1], 32)
        ]
    )
    octaves = np.log2(grid)
    price = np.minimum(PRICE * np.abs(octaves[:, None] - octaves), JUMP_PRICE)
    path = _cheapest(gains, price)
    seconds = (np.arange(len(path)) * step + length / 2) / frame_rate
    found: Doubles = np.asarray(grid[0] * np.power(RATIO, _top(gains, path)), np.float64)
    return TempoMap(np.asarray(seconds, np.float64), found)


def _strength(windows: Floats, grid: Doubles, frame_rate: float) -> Doubles:
    """Return the mean correlation at each tempo and its multiples, shape (windows, tempi)."""
    part = windows - windows.mean(axis=2, keepdims=True)
    energy = np.square(part).sum(axis=2, keepdims=True)
    length = part.shape[2]
    size = scipy.fft.next_fast_len(2 * length, real=True)
    spectra = scipy.fft.rfft(part / np.sqrt(np.where(energy > 0, energy, 1)), size)
    whole, low = np.square(np.abs(spectra))
    mean = (1 - LOW_SHARE) * whole + LOW_SHARE * low
    lags = FINER * scipy.fft.irfft(mean, FINER * size)[:, : FINER * length]
    lags = lags / (1 - np.arange(FINER * length) / (FINER * length))
    at = FINER * 60 * frame_rate / grid * np.array(MULTIPLES)[:, None]
    used = at < 0.75 * lags.shape[1]
    below = np.minimum(at.astype(int), lags.shape[1] - 2)
    share = at - below
    heard = lags[:, below] * (1 - share) + lags[:, below + 1] * share
    return np.asarray((heard * used).sum(axis=1) / np.maximum(used.sum(axis=0), 1))


def _cheapest(gains: Doubles, price: Doubles) -> NDArray[np.int64]:
    """Return the path of most gain less the price of its changes (Viterbi)."""
    total = gains[0]
    before = np.zeros(gains.shape, np.int32)
    for moment in range(1, len(gains)):
        reached = total[:, None] - price
        before[moment] = reached.argmax(axis=0)
        total = reached.max(axis=0) + gains[moment]
    path = np.empty(len(gains), np.int64)
    path[-1] = total.argmax()
    for moment in range(len(gains) - 1, 0, -1):
        path[moment - 1] = before[moment, path[moment]]
    return path


def _top(gains: Doubles, path: NDArray[np.int64]) -> Doubles:
    """Return where between the tempi each peak is: the top of a parabola."""
    at = np.clip(path, 1, gains.shape[1] - 2)
    row = np.arange(len(path))
    before, here, after = (gains[row, at + shift] for shift in (-1, 0, 1))
    bend = before - 2 * here + after
    shift = np.where(bend < 0, (before - after) / (2 * np.where(bend < 0, bend, -1)), 0)
    return np.asarray(at + np.clip(shift, -0.5, 0.5), np.float64)
