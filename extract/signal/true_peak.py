"""True peaks: the highest points of the waveform, between the samples too.

As ITU-R BS.1770-4, annex 2: oversampled four times below 96 kHz, twice below 192 kHz. The filter of
the standard errs by up to 0.2 dB at single frequencies. This one, a sinc under a Kaiser window,
also has twelve taps a phase, leaves the samples themselves unchanged and errs by less than 0.1 dB
up to 0.35 of the sample rate.

The phases at one quarter and three quarters are mirror images. So both follow from an even part
(from the sums of the samples on both sides) and an odd part (from the differences), and the larger
magnitude of the two is the sum of the magnitudes of these parts. Channels stay interleaved, which
keeps neighbours in memory neighbours in a vector. Skipping samples too quiet to hold the peak was
tried: they are a third of the music, and looking for them took longer.
"""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import NDArray

from earmark.extract.signal.kernels import UNORDERED_MAXIMUM, kernel

__all__ = ["TruePeaks"]

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]

TAPS = 12
BEFORE = TAPS // 2 - 1
"""Taps before the sample that a point between two samples follows."""

BETA = 5.0

CHUNK = 512
"""Values that are filtered at once: they stay in the first-level cache."""


# Nothing is reordered or fused here: the result does not depend, in any bit, on where in a block a
# sample lies or how wide the processor's vectors are.
@partial(kernel, fastmath=UNORDERED_MAXIMUM)
def _largest(flat, channels, count, weights, scratch):
    e0, e1, e2, e3, e4, e5 = weights[0]
    o0, o1, o2, o3, o4, o5 = weights[1]
    h0, h1, h2, h3, h4, h5 = weights[2]
    x0 = flat[:count]
    x1 = flat[channels : channels + count]
    x2 = flat[2 * channels : 2 * channels + count]
    x3 = flat[3 * channels : 3 * channels + count]
    x4 = flat[4 * channels : 4 * channels + count]
    x5 = flat[5 * channels : 5 * channels + count]
    x6 = flat[6 * channels : 6 * channels + count]
    x7 = flat[7 * channels : 7 * channels + count]
    x8 = flat[8 * channels : 8 * channels + count]
    x9 = flat[9 * channels : 9 * channels + count]
    x10 = flat[10 * channels : 10 * channels + count]
    x11 = flat[11 * channels : 11 * channels + count]
    # Two loops, because the compiler makes no vectors of sums and a maximum in one.
    for index in range(count):
        near = x5[index] + x6[index]
        even, odd, half = near * e5, (x5[index] - x6[index]) * o5, near * h5
        near = x4[index] + x7[index]
        even, odd, half = even + near * e4, odd + (x4[index] - x7[index]) * o4, half + near * h4
        near = x3[index] + x8[index]
        even, odd, half = even + near * e3, odd + (x3[index] - x8[index]) * o3, half + near * h3
        near = x2[index] + x9[index]
        even, odd, half = even + near * e2, odd + (x2[index] - x9[index]) * o2, half + near * h2
        near = x1[index] + x10[index]
        even, odd, half = even + near * e1, odd + (x1[index] - x10[index]) * o1, half + near * h1
        near = x0[index] + x11[index]
        even, odd, half = even + near * e0, odd + (x0[index] - x11[index]) * o0, half + near * h0
        scratch[index] = max(abs(x5[index]), abs(half), abs(even) + abs(odd))
    largest = np.float32(0)
    for index in range(count):
        largest = max(largest, scratch[index])
    return largest


@partial(kernel, fastmath=UNORDERED_MAXIMUM)
def _peaks(flat, channels, weights, first, rate, scratch, peaks):
    points = len(flat) // channels - TAPS + 1
    at = 0
    step = int(max(first, 0) / rate)
    while at < points:
        edge = round((step + 1) * rate) - first
        if edge <= at:
            step += 1
            continue
        stop = min(edge, points)
        for start in range(at * channels, stop * channels, CHUNK):
            count = min(CHUNK, stop * channels - start)
            part = flat[start : start + count + (TAPS - 1) * channels]
            peaks[step] = max(peaks[step], _largest(part, channels, count, weights, scratch))
        at = stop


class TruePeaks:
    """Measure true peaks block by block.

    Parameters
    ----------
    sample_rate : int
        Of the blocks, in Hz.
    channels : int
        Of the blocks; all count, that for low frequencies too.
    steps_per_second : int
        How many peaks to keep for each second.
    """

    def __init__(self, sample_rate: int, channels: int, steps_per_second: int) -> None:
        self._channels = channels
        self._rate = sample_rate / steps_per_second
        self._weights = _weights(4 if sample_rate < 96000 else 2 if sample_rate < 192000 else 1)
        self._scratch = np.empty(CHUNK, np.float32)
        self._peaks = np.zeros(64, np.float32)
        self._held = np.zeros((TAPS - 1, channels), np.float32)
        self._count = 0

    def feed(self, block: Floats) -> None:
        """Take samples of shape (samples, channels)."""
        needed = int((self._count + len(block)) / self._rate) + 2
        if needed > len(self._peaks):
            grown = np.zeros(2 * needed, np.float32)
            grown[: len(self._peaks)] = self._peaks
            self._peaks = grown
        joint = np.concatenate([self._held, block[: TAPS - 1]])
        self._measure(joint, self._count - (TAPS - 1), self._peaks)
        self._measure(block, self._count, self._peaks)
        self._count += len(block)
        rest = block[-(TAPS - 1) :]
        self._held = np.concatenate([self._held[len(rest) :], rest])

    def steps(self) -> Doubles:
        """Return the peak within each full step, full scale being 1.

        The samples after the last full step count with it, or are the only step.
        """
        peaks = self._peaks.copy()
        silence = np.zeros((TAPS // 2, self._channels), np.float32)
        self._measure(np.concatenate([self._held, silence]), self._count - (TAPS - 1), peaks)
        full = max(1, _full_steps(self._count, self._rate))
        peaks[full - 1] = peaks[full - 1 :].max()
        return peaks[: full if self._count else 0].astype(np.float64)

    def _measure(self, samples: Floats, start: int, peaks: Floats) -> None:
        """Measure around each sample with enough neighbours; `start` is the number of the first."""
        flat = np.ascontiguousarray(samples).reshape(-1)
        arguments = (self._weights, start + BEFORE, self._rate, self._scratch, peaks)
        _peaks(flat, self._channels, *arguments)


def _full_steps(count: int, rate: float) -> int:
    """Return how many steps are full after so many samples."""
    steps = int(count / rate) + 1
    while round(steps * rate) > count:
        steps -= 1
    return steps


def _weights(factor: int) -> Floats:
    """Return the filter: even and odd part of the quarter phases, and the half phase.

    Each has six taps, the others being their mirror image. With a factor of two the quarter phases
    are zero; with one all are, so that the samples alone count.
    """
    taps = np.arange(TAPS) - BEFORE

    def phase(place: float) -> Doubles:
        window = np.i0(BETA * np.sqrt(1 - np.square((taps - place) / (TAPS / 2))))
        values: Doubles = np.sinc(taps - place) * window
        normalised: Doubles = values / values.sum()
        return normalised

    first, half = phase(0.25), phase(0.5)
    parts = np.array([(first + first[::-1]) / 2, (first - first[::-1]) / 2, half])
    if factor < 4:
        parts[:2] = 0
    if factor < 2:
        parts[2] = 0
    return parts[:, : TAPS // 2].astype(np.float32)
