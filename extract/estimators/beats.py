"""Where the beats are, and how many of them make a bar.

References
----------
Ellis, "Beat tracking by dynamic programming", Journal of New Music Research 36(1), 2007. Gainza,
"Automatic musical meter detection", ICASSP 2009.
"""

from __future__ import annotations

import numpy as np
import scipy
from numpy.typing import NDArray

from earmark.extract.signal.kernels import kernel

__all__ = ["METRES", "accents", "bar", "track"]

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
Indices = NDArray[np.int64]

TIGHTNESS = 200.0
"""Penalty of a beat that is early or late. Ellis uses 100 to 400, and 680 for machines."""

SMOOTHING = 1 / 32
"""Deviation, in periods, of the Gaussian that smooths the envelope, as Ellis has it: strokes of
one beat may be a little apart."""

METRES = (3, 4, 5, 6, 7)

PRIOR = (0.055, 0.925, 0.01, 0.005, 0.005)
"""Share of each metre among 1,000 clips of ten genres; the last three are from two clips."""

EVIDENCE = 2.2
"""Weight of a correlation over n beats, times the root of n: chance alone gives 1 / √n."""

MOST_BEATS = 64
"""Beats up to which evidence grows: that of further ones is not independent."""


@kernel
def _chain(envelope, periods, tightness, total, before):
    # What a distance costs is computed anew only where the period changes.
    cost = np.empty(int(2 * periods.max()) + 2)
    usual = 0.0
    for frame in range(len(envelope)):
        best = 0.0
        place = -1
        period = periods[frame]
        if period != usual:
            usual = period
            for distance in range(int(0.5 * period), int(2 * period) + 2):
                late = np.log(distance / period)
                cost[distance] = tightness * late * late
        first = max(0, int(frame - 2 * period))
        for other in range(first, int(frame - 0.5 * period) + 1):
            value = total[other] - cost[frame - other]
            if value > best:
                best = value
                place = other
        total[frame] = envelope[frame] + best
        before[frame] = place


def track(envelope: Floats, period: float | Doubles) -> Indices:
    """Find the beats: strong onsets that follow each other at about the same distance.

    Parameters
    ----------
    envelope : ndarray of shape (frames,)
        Onset envelope.
    period : float or ndarray of shape (frames,)
        Frames from beat to beat; where the tempo changes, at each frame.

    Returns
    -------
    ndarray of shape (beats,)
        The frames of the beats.

    Examples
    --------
    >>> envelope = np.zeros(200, np.float32)
    >>> envelope[10::20] = 1
    >>> track(envelope, 20.0)[:4].tolist()
    [10, 30, 50, 70]
    """
    spread = envelope.std()
    if not spread > 0:
        return np.empty(0, np.int64)
    periods = np.broadcast_to(np.asarray(period, np.float64), envelope.shape)
    usual = float(np.median(periods))
    smooth = scipy.ndimage.gaussian_filter1d(envelope / spread, SMOOTHING * usual)
    total = np.empty(len(smooth))
    before = np.empty(len(smooth), np.int32)
    _chain(smooth, np.ascontiguousarray(periods), TIGHTNESS, total, before)
    last = max(0, len(total) - round(float(periods[-1])))
    frame = last + int(total[last:].argmax())
    backwards = []
    while frame >= 0:
        backwards.append(frame)
        frame = int(before[frame])
    return np.array(backwards[::-1])


def accents(beats: Indices, onset: Floats, low_onset: Floats, low_level: Floats) -> Doubles:
    """Measure how beats stand out: by their onset, that of the bass, and the level of the bass.

    Parameters
    ----------
    beats : ndarray of shape (beats,)
        Their frames.
    onset, low_onset, low_level : ndarray of shape (frames,)
        Series of the track.

    Returns
    -------
    ndarray of shape (3, beats)
        Each of mean 0 and deviation 1; 0 where all are the same.
    """
    last = len(onset) - 1
    # A rise may be divided between neighbouring frames: all of it counts.
    near = np.clip(beats[:, None] + np.arange(-1, 3), 0, last)
    held = np.clip(beats[:, None] + np.arange(5), 0, last)
    strength = np.array(
        [onset[near].sum(axis=1), low_onset[near].sum(axis=1), low_level[held].mean(axis=1)],
        np.float64,
    )
    strength -= strength.mean(axis=1, keepdims=True)
    spread = strength.std(axis=1, keepdims=True)
    # Equal beats differ by rounding alone, which is no accent.
    return np.where(spread > 1e-3, strength / np.maximum(spread, 1e-3), 0)


def bar(values: Doubles) -> tuple[int, float]:
    """Find how many beats make a bar, from the repetition of their accents.

    Bars of four are by far the most frequent, and returned unless others are evident.

    Parameters
    ----------
    values : ndarray of shape (3, beats)
        See `accents`.

    Returns
    -------
    metre, probability : int, float
        One of `METRES`, and how likely it is.

    Examples
    --------
    >>> waltz = np.tile([2.0, -1.0, -1.0], (3, 20)) / np.sqrt(2)
    >>> bar(waltz)[0]
    3
    """
    count = values.shape[1]
    weight = EVIDENCE * np.sqrt(min(count, MOST_BEATS))
    score = np.log(PRIOR)
    possible = np.zeros(len(METRES), bool)
    possible[METRES.index(4)] = True
    for index, metre in enumerate(METRES):
        # Three bars at least.
        if count >= 3 * metre:
            correlations = [_repeats(values, lag) for lag in (metre, 2 * metre)]
            score[index] += weight * sum(correlations) / len(correlations)
            possible[index] = True
    likely = np.exp(score - score.max())
    best = int(np.where(possible, likely, -1).argmax())
    return METRES[best], float(likely[best] / likely.sum())


def _repeats(values: Doubles, lag: int) -> float:
    """Return the mean correlation of the accents with those `lag` beats later."""
    return float(np.mean(values[:, lag:] * values[:, :-lag]))
