"""Harmonic and percussive parts of a sound, by median filtering of its spectra.

The definition is that of `librosa.effects.hpss` at its defaults: the median over 31 frames keeps
what lasts, the median over 31 bins keeps what is broad, and the energy of each bin is divided
between the two parts in the ratio of the squares of these medians. Spectra pass through in runs of
frames, and only the 15 frames on either side are kept.

The medians are exact. Sixteen neighbouring windows of 31 values have most of their values in
common. These are sorted once for all sixteen, then the next ones for each half of them, and so on;
at every step the values that can no longer be a median are dropped (Adams, "Fast median filters
using separable sorting networks", ACM TOG 40(4), 2021, in one dimension). That leaves 21
comparisons for a median, without a branch, and the processor does them for many columns at a time.

References
----------
Fitzgerald, "Harmonic/percussive separation using median filtering", DAFx 2010.
"""

from __future__ import annotations

from functools import cache
from itertools import zip_longest
from typing import TYPE_CHECKING

import numpy as np
import scipy
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from earmark.extract.signal.frames import hann
from earmark.extract.signal.kernels import kernel
from earmark.extract.signal.spectral_loops import powers

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["harmonic_spectra", "inverse", "separate", "sliding_median"]

Floats = NDArray[np.float32]
Spectra = NDArray[np.complex64]
Indices = NDArray[np.int32]

WIDTH = 31
"""Values under each median."""

_SIDE = WIDTH // 2
_TOGETHER = 16
"""Medians that are computed together; a power of two."""

_LANES = 64
"""Columns that are sorted at once: their registers fit in the first-level cache."""

_FRAMES = 64
"""Frames in a run, and medians along time that are computed at once."""


def separate(samples: Floats, n_fft: int = 2048, hop_length: int = 512) -> tuple[Floats, Floats]:
    """Split a sound into its harmonic and its percussive part (`librosa.effects.hpss`).

    Parameters
    ----------
    samples : ndarray of shape (samples,), float32
        Mono.
    n_fft, hop_length : int
        Window and hop in samples.

    Returns
    -------
    harmonic, percussive : ndarray of shape (samples,), float32
        The two parts; their sum is the sound.

    Examples
    --------
    >>> clicks = np.zeros(22050, np.float32)
    >>> clicks[2205::4410] = 1
    >>> harmonic, percussive = separate(clicks)
    >>> bool((harmonic**2).sum() < 0.01 * (percussive**2).sum())
    True
    """
    harmonic = np.empty_like(samples)
    done = 0
    for part in inverse(harmonic_spectra(_runs(samples, n_fft, hop_length)), n_fft, hop_length):
        stop = min(done + len(part), len(samples))
        harmonic[done:stop] = part[: stop - done]
        done = stop
    return harmonic, samples - harmonic


def _runs(samples: Floats, n_fft: int, hop_length: int) -> Iterator[Spectra]:
    """Yield the STFT of a sound in runs of frames: centred, with zeros around, Hann window."""
    frames = sliding_window_view(np.pad(samples, n_fft // 2), n_fft)[::hop_length]
    for start in range(0, len(frames), _FRAMES):
        windowed = frames[start : start + _FRAMES] * hann(n_fft)
        yield scipy.fft.rfft(windowed, axis=1, overwrite_x=True)


class _Network:
    """A sorting network: a list of comparisons, to be run later for many columns at once.

    Values are numbered; a comparison of two gives two new ones, the smaller and the larger.
    """

    def __init__(self, inputs: int) -> None:
        self.values = inputs
        self.steps: list[tuple[int, int, int, int]] = []

    def compare(self, a: int, b: int) -> list[int]:
        low, high = self.values, self.values + 1
        self.values += 2
        self.steps.append((a, b, low, high))
        return [low, high]

    def merge(self, a: list[int], b: list[int]) -> list[int]:
        """Merge two sorted lists (Batcher's odd-even merge, for any lengths)."""
        if not a or not b:
            return a or b
        if len(a) == len(b) == 1:
            return self.compare(a[0], b[0])
        even = self.merge(a[::2], b[::2])
        odd = self.merge(a[1::2], b[1::2])
        out = even[:1]
        for left, right in zip_longest(odd, even[1:]):
            if left is None or right is None:
                out.append(right if left is None else left)
            else:
                out += self.compare(left, right)
        return out

    def sort(self, values: list[int]) -> list[int]:
        if len(values) < 2:
            return values
        half = len(values) // 2
        return self.merge(self.sort(values[:half]), self.sort(values[half:]))


@cache
def _program() -> tuple[Indices, Indices, int]:
    """Return the steps for `_TOGETHER` medians, the registers they end up in, and how many it has.

    A step is (a, b, low, high): the smaller of registers a and b goes to low, the larger to high.
    """
    inputs = list(range(WIDTH - 1 + _TOGETHER))
    network = _Network(len(inputs))
    medians: list[int] = []

    def narrow(core: list[int], cut: int, first: int, count: int) -> None:
        """Find the medians from `first` on; `core` is sorted, without the `cut` smallest."""
        if count == 1:
            medians.extend(core)
            return
        half = count // 2
        for start, extra in (
            (first, inputs[first + half - 1 : first + count - 1]),
            (first + half, inputs[first + WIDTH : first + half + WIDTH]),
        ):
            merged = network.merge(core, network.sort(extra))
            # With half - 1 values still to come, a median can only be one of `half` values.
            lowest = _SIDE - (half - 1)
            narrow(merged[lowest - cut :][:half], lowest, start, half)

    core = network.sort(inputs[_TOGETHER - 1 : WIDTH])
    narrow(core, 0, 0, _TOGETHER)
    return _allocate(network.steps, medians, len(inputs))


def _allocate(
    steps: list[tuple[int, int, int, int]], results: list[int], inputs: int
) -> tuple[Indices, Indices, int]:
    """Drop the steps that no result needs, and reuse the registers of values no longer needed."""
    last = dict.fromkeys(results, len(steps))
    kept = []
    for index in range(len(steps) - 1, -1, -1):
        a, b, low, high = steps[index]
        if low in last or high in last:
            kept.append(index)
            for value in (a, b):
                last.setdefault(value, index)
    kept.reverse()
    where = {value: value for value in range(inputs)}
    free = [value for value in range(inputs) if value not in last]
    size = inputs
    program = []
    for index in kept:
        a, b, low, high = steps[index]
        # Outputs get their registers before those of the inputs are free: the compiler vectorises
        # a loop only where input and output cannot be the same memory.
        for value in (low, high):
            if not free:
                free.append(size)
                size += 1
            where[value] = free.pop()
        program.append((where[a], where[b], where[low], where[high]))
        free += [where[value] for value in {a, b} if last[value] == index]
        free += [where[value] for value in (low, high) if value not in last]
    places = [where[value] for value in results]
    return np.array(program, np.int32), np.array(places, np.int32), size


@kernel
def _medians(
    values: Floats, program: Indices, places: Indices, registers: Floats, out: Floats
) -> None:
    together = len(places)
    inputs = values.shape[0] - out.shape[0] + together
    lanes = registers.shape[1]
    for left in range(0, out.shape[1], lanes):
        width = min(lanes, out.shape[1] - left)
        for top in range(0, out.shape[0], together):
            for row in range(inputs):
                source = values[min(top + row, values.shape[0] - 1), left : left + width]
                target = registers[row]
                for lane in range(width):
                    target[lane] = source[lane]
            for step in range(len(program)):
                a = registers[program[step, 0]]
                b = registers[program[step, 1]]
                low = registers[program[step, 2]]
                high = registers[program[step, 3]]
                for lane in range(lanes):
                    swap = b[lane] < a[lane]
                    low[lane] = b[lane] if swap else a[lane]
                    high[lane] = a[lane] if swap else b[lane]
            for row in range(min(together, out.shape[0] - top)):
                source = registers[places[row]]
                target = out[top + row, left : left + width]
                for lane in range(width):
                    target[lane] = source[lane]


def sliding_median(values: Floats) -> Floats:
    """Return the medians of 31 consecutive rows, shape (rows, columns) → (rows - 30, columns)."""
    program, places, size = _program()
    out = np.empty((len(values) - WIDTH + 1, values.shape[1]), np.float32)
    _medians(values, program, places, np.zeros((size, _LANES), np.float32), out)
    return out


def _reflected(start: int, stop: int, length: int) -> NDArray[np.int64]:
    """Return the rows `start` to `stop` of a series mirrored at both ends, as often as needed."""
    index = np.arange(start, stop) % (2 * length)
    return np.minimum(index, 2 * length - 1 - index)


@kernel
def _share(spectra: Spectra, lasting: Floats, broad: Floats, out: Spectra) -> None:
    for frame in range(out.shape[0]):
        row = spectra[frame]
        lasting_row = lasting[frame]
        broad_row = broad[frame]
        out_row = out[frame]
        for index in range(len(out_row)):
            # Medians of powers are the squares of medians of magnitudes, as the mask needs them.
            total = lasting_row[index] + broad_row[index]
            mask = lasting_row[index] / total if total > 0 else np.float32(0.5)
            out_row[index] = mask * row[index]


def harmonic_spectra(runs: Iterable[Spectra]) -> Iterator[Spectra]:
    """Return the harmonic part of the spectra of a sound; the rest is percussive.

    The same as `librosa.decompose.hpss` at its defaults (kernel 31, power 2, margin 1), with the
    median of the power instead of the squared median of the magnitude, which is the same value.

    Parameters
    ----------
    runs : iterable of ndarray of shape (frames, bins), complex64
        The frames in their order, in runs of any length.

    Yields
    ------
    ndarray of shape (frames, bins), complex64
        The same frames, in other runs: each comes 15 frames late.
    """
    held: list[Spectra] = []
    first = done = total = 0
    bins = 0

    def emit(stop: int, length: int) -> Spectra:
        nonlocal first, done
        spectra = np.concatenate(held)
        power = powers(spectra, bins)
        lasting = sliding_median(power[_reflected(done - _SIDE, stop + _SIDE, length) - first])
        due = slice(done - first, stop - first)
        across = np.ascontiguousarray(power[due].T)[_reflected(-_SIDE, bins + _SIDE, bins)]
        broad = np.ascontiguousarray(sliding_median(across).T)
        out = np.empty((stop - done, bins), np.complex64)
        _share(spectra[due], lasting, broad, out)
        done = stop
        keep = max(first, done - _SIDE)
        held[:] = [spectra[keep - first :]]
        first = keep
        return out

    for run in runs:
        held.append(run)
        total += len(run)
        bins = run.shape[1]
        if total - _SIDE > done:
            # The frames that are due do not reach past the end: any length beyond it will do.
            yield emit(total - _SIDE, 2 * total)
    if total > done:
        yield emit(total, total)


def inverse(runs: Iterable[Spectra], n_fft: int, hop_length: int) -> Iterator[Floats]:
    """Turn spectra back into samples (`librosa.istft`, centred, Hann window).

    Parameters
    ----------
    runs : iterable of ndarray of shape (frames, n_fft // 2 + 1), complex64
        The frames in their order.

    Yields
    ------
    ndarray of float32
        Consecutive samples from the first one on: a hop for each frame but the first, and
        `n_fft // 2` more. The caller drops what lies past the end of the sound.
    """
    window = hann(n_fft)
    tail = np.zeros(n_fft - hop_length, np.float32)
    weight = np.zeros(n_fft - hop_length, np.float32)
    skip = n_fft // 2
    for spectra in runs:
        pieces = scipy.fft.irfft(spectra, n_fft, axis=1, overwrite_x=True)
        summed = np.zeros(len(pieces) * hop_length + len(tail), np.float32)
        weights = np.zeros_like(summed)
        summed[: len(tail)] = tail
        weights[: len(tail)] = weight
        _overlap(pieces, window, hop_length, summed, weights)
        ready = len(pieces) * hop_length
        tail, weight = summed[ready:], weights[ready:]
        out = _level(summed[:ready], weights[:ready])
        yield out[skip:]
        skip = max(0, skip - ready)
    yield _level(tail, weight)[skip:]


@kernel
def _overlap(
    pieces: Floats, window: Floats, hop_length: int, summed: Floats, weights: Floats
) -> None:
    for frame in range(pieces.shape[0]):
        start = frame * hop_length
        row = pieces[frame]
        out = summed[start : start + len(row)]
        out_weights = weights[start : start + len(row)]
        for index in range(len(row)):
            out[index] += row[index] * window[index]
            out_weights[index] += window[index] * window[index]


def _level(summed: Floats, weights: Floats) -> Floats:
    """Divide by the sum of the squared windows, except where it is zero."""
    bare = weights <= np.finfo(np.float32).tiny
    return np.divide(summed, np.where(bare, np.float32(1), weights), dtype=np.float32)
