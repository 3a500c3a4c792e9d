"""Loops over samples, and over one value for each frame."""

from __future__ import annotations

import numpy as np

from earmark.extract.signal.kernels import Floats, kernel

__all__ = ["pick_peaks", "squares", "zero_crossings"]


@kernel
def _squares(span, length, hop, out):
    for frame in range(len(out)):
        row = span[frame * hop : frame * hop + length]
        total = np.float32(0)
        for index in range(len(row)):
            total += row[index] * row[index]
        out[frame] = total / length


def squares(span: Floats, length: int, hop: int) -> Floats:
    """Return the mean square of each frame of `length` samples, one every `hop`."""
    out = np.empty(1 + (len(span) - length) // hop, np.float32)
    _squares(span, length, hop, out)
    return out


@kernel
def _zero_crossings(span, length, hop, out):
    for frame in range(len(out)):
        before = span[frame * hop : frame * hop + length - 1]
        row = span[frame * hop + 1 : frame * hop + length]
        count = np.int32(0)
        for index in range(len(row)):
            count += np.int32((before[index] < 0) != (row[index] < 0))
        out[frame] = count / length


def zero_crossings(span: Floats, length: int, hop: int) -> Floats:
    """Return the share of samples in each frame whose sign differs from that of the one before."""
    out = np.empty(1 + (len(span) - length) // hop, np.float32)
    _zero_crossings(span, length, hop, out)
    return out


@kernel
def _pick_peaks(values, max_before, max_after, mean_before, mean_after, delta, wait, out):
    index = 0
    while index < len(values):
        largest = values[index]
        for near in range(max(0, index - max_before), min(index + max_after, len(values))):
            largest = max(largest, values[near])
        total = 0.0
        first, last = max(0, index - mean_before), min(index + mean_after, len(values))
        for near in range(first, last):
            total += values[near]
        if values[index] == largest and values[index] >= total / (last - first) + delta:
            out[index] = 1
            index += wait
        index += 1


def pick_peaks(
    values: Floats,
    max_before: int,
    max_after: int,
    mean_before: int,
    mean_after: int,
    delta: float,
    wait: int,
) -> Floats:
    """Mark peaks with one, everything else with zero, as `librosa.util.peak_pick` finds them.

    A peak is the largest value from `max_before` before it up to, but without, `max_after` after
    it, exceeds the mean of its wider neighbourhood by `delta`, and comes more than `wait` after
    the peak before.
    """
    out = np.zeros(len(values), np.float32)
    _pick_peaks(values, max_before, max_after, mean_before, mean_after, delta, wait, out)
    return out
