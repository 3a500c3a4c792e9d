"""Loops over frames of spectra, and over what is computed of each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from earmark.extract.signal.kernels import Floats, kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "Projection",
    "band_extremes",
    "floored_means",
    "flux",
    "mean_rise",
    "mean_variance",
    "moments",
    "pitch_peaks",
    "powers",
    "rolloff_bins",
]


@kernel
def _powers(spectra, out):
    for frame in range(out.shape[0]):
        row = spectra[frame]
        out_row = out[frame]
        for index in range(len(out_row)):
            value = row[index]
            out_row[index] = value.real * value.real + value.imag * value.imag


def powers(spectra: NDArray[np.complex64], bins: int) -> Floats:
    """Return the squared magnitudes of the first bins of spectra, shape (frames, bins)."""
    out = np.empty((spectra.shape[0], bins), np.float32)
    _powers(spectra, out)
    return out


@kernel
def _project(values, weights, starts, stops, out):
    for frame in range(out.shape[0]):
        for row in range(out.shape[1]):
            under = values[frame, starts[row] : stops[row]]
            filter_row = weights[row, starts[row] : stops[row]]
            total = np.float32(0)
            for index in range(len(under)):
                total += under[index] * filter_row[index]
            out[frame, row] = total


class Projection:
    """A filter bank that skips the zeros at both ends of each filter.

    Parameters
    ----------
    weights : ndarray of shape (filters, bins)
        The filters.
    """

    def __init__(self, weights: NDArray[np.floating[Any]]) -> None:
        self.weights = np.ascontiguousarray(weights, np.float32)
        used = self.weights != 0
        self.starts = used.argmax(axis=1)
        self.stops = np.where(used.any(axis=1), used.shape[1] - used[:, ::-1].argmax(axis=1), 0)

    def __call__(self, values: Floats) -> Floats:
        """Apply the filters to values of shape (frames, bins) → (frames, filters)."""
        out = np.empty((len(values), len(self.weights)), np.float32)
        _project(values, self.weights, self.starts, self.stops, out)
        return out


@kernel
def _moments(values, positions, out):
    for frame in range(out.shape[0]):
        row = values[frame]
        zeroth = 0.0
        first = 0.0
        second = 0.0
        for index in range(len(row)):
            weight = np.float64(row[index])
            at = np.float64(positions[index])
            zeroth += weight
            first += weight * at
            second += weight * at * at
        out[frame, 0] = zeroth
        out[frame, 1] = first
        out[frame, 2] = second


def moments(values: Floats, positions: Floats) -> NDArray[np.float64]:
    """Return Σv, Σvp and Σvp² of each row, shape (frames, 3); float64 against cancellation."""
    out = np.empty((len(values), 3))
    _moments(values, positions, out)
    return out


@kernel
def _mean_variance(values, used, out):
    count = 0
    for row in range(len(used)):
        if used[row]:
            count += 1
            for index in range(out.shape[1]):
                out[0, index] += values[row, index]
    for index in range(out.shape[1]):
        out[0, index] /= count
    for row in range(len(used)):
        if used[row]:
            for index in range(out.shape[1]):
                step = values[row, index] - out[0, index]
                out[1, index] += step * step
    for index in range(out.shape[1]):
        out[1, index] /= count


def mean_variance(values: Floats, used: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return mean and variance of each column over the rows in use, shape (2, columns)."""
    out = np.zeros((2, values.shape[1]))
    _mean_variance(values, used, out)
    return out


@kernel
def _mean_rise(levels, before, out):
    for frame in range(len(out)):
        row = levels[frame]
        row_before = levels[frame - 1] if frame else before
        total = np.float32(0)
        for index in range(len(row)):
            total += max(row[index] - row_before[index], np.float32(0))
        out[frame] = total / len(row)


def mean_rise(levels: Floats, before: Floats) -> Floats:
    """Return the mean over the columns of the rise of each row over the one before it.

    Parameters
    ----------
    levels : ndarray of shape (frames, columns)
        Levels in dB; where one falls, its rise is 0.
    before : ndarray of shape (columns,)
        The row before the first.

    Returns
    -------
    ndarray of shape (frames,)
        In dB.
    """
    out = np.empty(len(levels), np.float32)
    _mean_rise(levels, before, out)
    return out


@kernel
def _rolloff_bins(values, share, out):
    for frame in range(out.shape[0]):
        row = values[frame]
        total = np.float32(0)
        for index in range(len(row)):
            total += row[index]
        threshold = share * total
        so_far = np.float32(0)
        out[frame] = 0
        for index in range(len(row)):
            so_far += row[index]
            if so_far >= threshold:
                out[frame] = index
                break


def rolloff_bins(values: Floats, share: float) -> NDArray[np.int64]:
    """Return the first index in each row at which the running sum reaches `share` of the total."""
    out = np.empty(len(values), np.int64)
    _rolloff_bins(values, np.float32(share), out)
    return out


@kernel
def _band_extremes(columns, starts, stops, counts, lowest, highest, passed, lows, highs):
    frames = columns.shape[1]
    going_up = passed[0]
    going_down = passed[1]
    for band in range(len(starts)):
        count = counts[band]
        lowest[:count] = np.inf
        highest[:count] = -np.inf
        # Each value moves down two short sorted lists and changes places with what it beats: one
        # step for all frames at once, without a branch.
        for position in range(starts[band], stops[band]):
            row = columns[position]
            for frame in range(frames):
                going_up[frame] = row[frame]
                going_down[frame] = row[frame]
            for rank in range(count):
                low = lowest[rank]
                high = highest[rank]
                for frame in range(frames):
                    here = low[frame]
                    new = going_up[frame]
                    low[frame] = here if here < new else new
                    going_up[frame] = new if here < new else here
                    here = high[frame]
                    new = going_down[frame]
                    high[frame] = here if here > new else new
                    going_down[frame] = new if here > new else here
        for frame in range(frames):
            low_sum = np.float32(0)
            high_sum = np.float32(0)
            for rank in range(count):
                low_sum += lowest[rank, frame]
                high_sum += highest[rank, frame]
            lows[frame, band] = low_sum / count
            highs[frame, band] = high_sum / count


def band_extremes(
    values: Floats, starts: NDArray[np.int64], stops: NDArray[np.int64], counts: NDArray[np.int64]
) -> tuple[Floats, Floats]:
    """Return the means of the smallest and of the largest `counts` values in each band.

    Parameters
    ----------
    values : ndarray of shape (frames, bins)
        Spectra.
    starts, stops, counts : ndarray of shape (bands,)
        First bin and last bin + 1 of each band, and how many values to average at each end.

    Returns
    -------
    lowest, highest : ndarray of shape (frames, bands)
        The two means.
    """
    lows = np.empty((len(values), len(starts)), np.float32)
    highs = np.empty_like(lows)
    # Scratch space comes from outside: what allocates takes numba seconds to compile.
    lowest, highest = np.empty((2, counts.max(), len(values)), np.float32)
    passed = np.empty((2, len(values)), np.float32)
    columns = np.ascontiguousarray(values.T)
    _band_extremes(columns, starts, stops, counts, lowest, highest, passed, lows, highs)
    return lows, highs


@kernel
def _floored_products(values, scales, floor, products, sums):
    quarter = values.shape[1] // 4
    for frame in range(len(values)):
        row = values[frame]
        scale = scales[frame]
        out = products[frame]
        total = np.float32(0)
        for index in range(quarter):
            first = max(row[index] * scale, floor)
            second = max(row[quarter + index] * scale, floor)
            third = max(row[2 * quarter + index] * scale, floor)
            fourth = max(row[3 * quarter + index] * scale, floor)
            out[index] = (first * second) * (third * fourth)
            total += (first + second) + (third + fourth)
        for index in range(4 * quarter, len(row)):
            value = max(row[index] * scale, floor)
            out[index - 4 * quarter] *= value
            total += value
        sums[frame] = total


def floored_means(values: Floats, scales: Floats, floor: float) -> tuple[Floats, Floats]:
    """Return the geometric and the arithmetic mean of each row, scaled, with a floor.

    The values are multiplied in fours and fives first, which saves most of the logarithms; a floor
    of 1e-7 or more keeps the products in range.

    Parameters
    ----------
    values : ndarray of shape (frames, bins)
        Power spectra.
    scales : ndarray of shape (frames,)
        What to multiply each row by.
    floor : float
        Smaller values, once scaled, count as this.

    Returns
    -------
    geometric, arithmetic : ndarray of shape (frames,)
        The two means.
    """
    frames, count = values.shape
    # At least as wide as the number of values that can be left over.
    products = np.ones((frames, max(count // 4, 4)), np.float32)
    sums = np.empty(frames, np.float32)
    _floored_products(values, scales, np.float32(floor), products, sums)
    return np.exp(np.log(products).sum(axis=1) / count), sums / count


@kernel
def _flux(magnitude, before, out):
    for frame in range(magnitude.shape[0]):
        row = magnitude[frame]
        row_before = before[frame]
        total = np.float32(0)
        total_before = np.float32(0)
        for index in range(len(row)):
            total += row[index]
            total_before += row_before[index]
        if total > 0 and total_before > 0:
            scale = 1 / total
            scale_before = 1 / total_before
            summed = np.float32(0)
            for index in range(len(row)):
                step = row[index] * scale - row_before[index] * scale_before
                summed += step * step
            out[frame] = np.sqrt(summed)
        else:
            out[frame] = 0


def flux(magnitude: Floats, before: Floats) -> Floats:
    """Return the Euclidean distance of each row to that of `before`, both scaled to the sum 1."""
    out = np.empty(len(magnitude), np.float32)
    _flux(magnitude, before, out)
    return out


@kernel
def _pitch_peaks(power, floor, weights, pitches, slope, peaks, heights, places, out):
    third = np.float32(1 / 3)
    half = np.float32(0.5)
    one = np.float32(1)
    bins = np.float32(out.shape[1])
    for frame in range(len(power)):
        row = power[frame]
        out_row = out[frame]
        loudest = np.float32(0)
        for index in range(len(row)):
            loudest = max(loudest, row[index])
        least = floor * loudest
        # No processor predicts which bins are peaks. So each one is written down, and the next one
        # overwrites it where it is none: a fraction of the time that branches would take.
        count = 0
        for index in range(1, len(weights)):
            here = row[index]
            peaks[count] = index
            count += int((here > least) & (here > row[index - 1]) & (here >= row[index + 1]))
        for peak in range(count):
            index = peaks[peak]
            here = row[index]
            below = row[index - 1]
            above = row[index + 1]
            # The ratio of a bin to its neighbour under a Hann window says where between them a
            # sine lies, and how much higher it is there than in the bin.
            ratio = np.sqrt(max(below, above) / here)
            offset = (ratio + ratio - one) / (ratio + one)
            square = offset * offset
            rise = one + square * (np.float32(0.645) + square * np.float32(0.26))
            heights[peak] = weights[index] * np.sqrt(here) * rise
            # Three terms of the logarithm are enough within half a bin.
            step = (offset if above > below else -offset) / np.float32(index)
            place = pitches[index] + slope * step * (one - step * (half - step * third))
            place = place + bins if place < 0 else place
            places[peak] = place - bins if place >= bins else place
        for peak in range(count):
            lower = int(places[peak])
            share = places[peak] - np.float32(lower)
            upper = lower + 1 if lower + 1 < out.shape[1] else 0
            out_row[lower] += heights[peak] * (one - share)
            out_row[upper] += heights[peak] * share


def pitch_peaks(power: Floats, floor: float, weights: Floats, pitches: Floats, bins: int) -> Floats:
    """Return the magnitudes of the peaks of power spectra, summed by pitch class.

    Parameters
    ----------
    power : ndarray of shape (frames, bins of the spectrum)
        Power spectra under a Hann window.
    floor : float
        Power of the smallest peaks that count, as a share of the largest bin of their frame.
    weights : ndarray
        Weight of each bin that may be a peak, up to the last but one of the spectrum.
    pitches : ndarray
        Pitch class of each of these bins, in parts of an octave: from 0 to below `bins`.
    bins : int
        Parts of an octave. A peak between two of them is divided between both.

    Returns
    -------
    ndarray of shape (frames, bins)
        From the pitch class 0 upwards.
    """
    out = np.zeros((len(power), bins), np.float32)
    # Scratch space comes from outside: what allocates takes numba seconds to compile.
    peaks = np.empty(len(weights), np.int64)
    heights, places = np.empty((2, len(weights)), np.float32)
    slope = np.float32(bins / np.log(2))
    _pitch_peaks(power, np.float32(floor), weights, pitches, slope, peaks, heights, places, out)
    return out
