"""The loops that NumPy cannot run fast, compiled by numba and cached on disk.

Every kernel is a pure function of its arguments and runs on one thread, so that the same input
gives the same bytes however many workers there are.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

__all__ = [
    "Meter",
    "Projection",
    "band_extremes",
    "flux",
    "moments",
    "pick_peaks",
    "powers",
    "rolloff_bins",
    "squares",
    "zero_crossings",
]

Floats = NDArray[np.float32]

# Sums may be reordered, which lets the compiler use vectors; NaN and infinity keep their meaning.
# It only does so in loops over one-dimensional arrays from zero on: hence the rows in the kernels.
_FAST = {"reassoc", "contract", "arcp", "nsz"}


def _kernel(function: Any) -> Any:
    options = {"fastmath": _FAST, "error_model": "numpy"}
    try:
        return numba.njit(cache=True, **options)(function)
    except RuntimeError:
        # Nowhere to keep what is compiled (a read-only system without a home): compile each time.
        return numba.njit(**options)(function)


@_kernel
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


@_kernel
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


@_kernel
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


@_kernel
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


@_kernel
def _band_extremes(values, starts, stops, counts, smallest, largest, lows, highs):
    for frame in range(values.shape[0]):
        for band in range(len(starts)):
            count = counts[band]
            for rank in range(count):
                smallest[rank] = np.inf
                largest[rank] = -np.inf
            # Insertion into two short sorted lists: few values of a band ever enter one.
            for value in values[frame, starts[band] : stops[band]]:
                if value < smallest[count - 1]:
                    rank = count - 1
                    while rank > 0 and smallest[rank - 1] > value:
                        smallest[rank] = smallest[rank - 1]
                        rank -= 1
                    smallest[rank] = value
                if value > largest[count - 1]:
                    rank = count - 1
                    while rank > 0 and largest[rank - 1] < value:
                        largest[rank] = largest[rank - 1]
                        rank -= 1
                    largest[rank] = value
            low = np.float32(0)
            high = np.float32(0)
            for rank in range(count):
                low += smallest[rank]
                high += largest[rank]
            lows[frame, band] = low / count
            highs[frame, band] = high / count


def band_extremes(
    values: Floats, starts: NDArray[np.int64], stops: NDArray[np.int64], counts: NDArray[np.int64]
) -> tuple[Floats, Floats]:
    """Return the means of the smallest and of the largest `counts` values in each band."""
    lows = np.empty((len(values), len(starts)), np.float32)
    highs = np.empty_like(lows)
    # Scratch space comes from outside: what allocates takes numba seconds to compile.
    smallest, largest = np.empty((2, counts.max()), np.float32)
    _band_extremes(values, starts, stops, counts, smallest, largest, lows, highs)
    return lows, highs


@_kernel
def _squares(span, length, hop, out):
    for frame in range(len(out)):
        row = span[frame * hop : frame * hop + length]
        total = np.float32(0)
        for index in range(len(row)):
            total += row[index] * row[index]
        out[frame] = total / length


def squares(span: Floats, length: int, hop: int) -> Floats:
    """Return the mean square of each frame of so many samples in a span of them."""
    out = np.empty(1 + (len(span) - length) // hop, np.float32)
    _squares(span, length, hop, out)
    return out


@_kernel
def _zero_crossings(span, length, hop, out):
    for frame in range(len(out)):
        before = span[frame * hop : frame * hop + length - 1]
        row = span[frame * hop + 1 : frame * hop + length]
        count = np.int32(0)
        for index in range(len(row)):
            count += np.int32((before[index] < 0) != (row[index] < 0))
        out[frame] = count / length


def zero_crossings(span: Floats, length: int, hop: int) -> Floats:
    """Return the share of samples in each frame whose sign differs from the one before."""
    out = np.empty(1 + (len(span) - length) // hop, np.float32)
    _zero_crossings(span, length, hop, out)
    return out


@_kernel
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
    """Return the Euclidean distance of each row to the other's, both scaled to the sum one."""
    out = np.empty(len(magnitude), np.float32)
    _flux(magnitude, before, out)
    return out


@_kernel
def _pick_peaks(values, max_before, max_after, mean_before, mean_after, delta, wait, out):
    index = 0
    while index < len(values):
        largest = values[index]
        for near in range(max(0, index - max_before), min(index + max_after, len(values))):
            if values[near] > largest:
                largest = values[near]
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


@_kernel
def _meter(block, weights, shelf, highpass, state, done, sums, edge, rate, step, energies, mono):
    channels = block.shape[1]
    share = np.float32(1 / channels)
    filled = 0
    for index in range(block.shape[0]):
        mixed = np.float32(0)
        for channel in range(channels):
            sample = block[index, channel]
            mixed += sample
            # Two biquads in transposed direct form II, whose chains of operations interleave.
            once = shelf[0] * sample + state[channel, 0]
            state[channel, 0] = shelf[1] * sample - shelf[3] * once + state[channel, 1]
            state[channel, 1] = shelf[2] * sample - shelf[4] * once
            twice = highpass[0] * once + state[channel, 2]
            state[channel, 2] = highpass[1] * once - highpass[3] * twice + state[channel, 3]
            state[channel, 3] = highpass[2] * once - highpass[4] * twice
            sums += weights[channel] * twice * twice
        mono[index] = mixed * share
        done += 1
        if done == edge:
            energies[filled] = sums
            filled += 1
            sums = 0.0
            step += 1
            edge = round(step * rate)
    return filled, sums, step, edge


class Meter:
    """Measure loudness and mix down, block by block, at the file's own rate.

    The K-weighting is that of ITU-R BS.1770-4, its two biquads designed anew for each sample rate
    from the analogue prototype (De Man, "Evaluation of implementations of the EBU R128 loudness
    measurement", AES 145, 2018), which gives the standard's own coefficients at 48 kHz.

    Parameters
    ----------
    sample_rate : int
        Of the blocks, in Hz.
    channels : int
        Of the blocks. Five are taken as L R C Ls Rs, six as L R C LFE Ls Rs, eight as L R C LFE,
        two behind and two beside the listener; all others count alike.
    """

    STEPS_PER_SECOND = 10

    def __init__(self, sample_rate: int, channels: int) -> None:
        self.samples = 0
        self._weights = np.ones(channels)
        if channels == 5:
            self._weights[3:] = 1.41
        elif channels == 6:
            self._weights[3:] = 0, 1.41, 1.41
        elif channels == 8:
            self._weights[3:] = 0, 1, 1, 1.41, 1.41
        self._shelf, self._highpass = _k_weighting(sample_rate)
        self._state = np.zeros((channels, 4))
        self._rate = sample_rate / self.STEPS_PER_SECOND
        self._step = 1
        self._edge = round(self._rate)
        self._sum = 0.0
        self._energies: list[NDArray[np.float64]] = []

    def feed(self, block: Floats) -> Floats:
        """Take samples of shape (samples, channels) and return their mean over the channels."""
        mono = np.empty(len(block), np.float32)
        energies = np.empty(int(len(block) / self._rate) + 2)
        filled, self._sum, self._step, self._edge = _meter(
            block,
            self._weights,
            self._shelf,
            self._highpass,
            self._state,
            self.samples,
            self._sum,
            self._edge,
            self._rate,
            self._step,
            energies,
            mono,
        )
        if filled:
            self._energies.append(energies[:filled] / self._rate)
        self.samples += len(block)
        return mono

    def energies(self) -> NDArray[np.float64]:
        """Return the weighted mean square of each full step of 100 ms so far."""
        return np.concatenate(self._energies) if self._energies else np.empty(0)


def _k_weighting(sample_rate: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the biquads b0 b1 b2 a1 a2 of the shelf and of the high-pass."""
    tangent = np.tan(np.pi * min(1681.974450955533, 0.49 * sample_rate) / sample_rate)
    quality = 0.7071752369554196
    high = 10 ** (3.999843853973347 / 20)
    band = high**0.4996667741545416
    norm = 1 + tangent / quality + tangent**2
    shelf = [
        (high + band * tangent / quality + tangent**2) / norm,
        2 * (tangent**2 - high) / norm,
        (high - band * tangent / quality + tangent**2) / norm,
        2 * (tangent**2 - 1) / norm,
        (1 - tangent / quality + tangent**2) / norm,
    ]
    tangent = np.tan(np.pi * 38.13547087602444 / sample_rate)
    quality = 0.5003270373238773
    norm = 1 + tangent / quality + tangent**2
    highpass = [
        1.0,
        -2.0,
        1.0,
        2 * (tangent**2 - 1) / norm,
        (1 - tangent / quality + tangent**2) / norm,
    ]
    return np.array(shelf), np.array(highpass)
