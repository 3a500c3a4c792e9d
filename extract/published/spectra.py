"""What several published tables need: librosa's frames at its default sizes, and their features.

Unlike the descriptors of the set `default`, these describe the file rather than the music: at its
own level, up to its highest frequency, silence included. Samples may be mapped from a file of many
hours: they are read in blocks, and spectra are kept for one block at a time.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import scipy
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from earmark.extract.signal import series_loops, spectral_loops
from earmark.extract.signal.kernels import kernel

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = [
    "HOP_LENGTH",
    "N_FFT",
    "PitchPeaks",
    "SpectraBlock",
    "blocks",
    "decibels",
    "frame_count",
    "mfcc",
    "normalised",
    "samples_under",
]

Floats = NDArray[np.float32]
Padding = Literal["constant", "edge", "reflect"]

N_FFT = 2048
HOP_LENGTH = 512
FRAMES_PER_BLOCK = 64

TRANSFORMED_ONCE = 2**21
"""Samples (48 s at 44.1 kHz) up to which all spectra are kept, 35 bytes for each sample. Of longer
tracks they are computed twice, for the tuning and for the rest."""

LOUDEST = 1e6
"""Samples beyond it, full scale being 1, are no sound."""

ROLLOFF_SHARE = 0.85
LEVEL_RANGE = 80.0
"""Levels are raised to this many dB below the highest one of the track."""

# librosa's smallest power with a level, -100 dB.
_SMALLEST_POWER = np.float32(1e-10)

# librosa takes samples within this of zero as zero when it counts crossings.
_NO_CROSSING = np.float32(1e-10)


def frame_count(samples: Floats) -> int:
    """Return the number of centred frames: one for every hop, whole or not."""
    return 1 + len(samples) // HOP_LENGTH


def samples_under(samples: Floats, start: int, stop: int, padding: Padding) -> Floats:
    """Return the samples that lie under the frames from `start` up to `stop`.

    Parameters
    ----------
    samples : ndarray of shape (samples,)
        At least a window of them.
    padding : str
        What stands before the first and after the last sample, in the words of `numpy.pad`.

    Returns
    -------
    ndarray of shape (N_FFT + (stop - start - 1) * HOP_LENGTH,), float32
        With what the padding puts before the first and after the last.
    """
    first = start * HOP_LENGTH - N_FFT // 2
    last = (stop - 1) * HOP_LENGTH + N_FFT // 2
    # One sample more, so that there are enough to be mirrored when the last frame stands alone.
    more = 1 if first > 0 else 0
    piece = np.asarray(samples[max(0, first - more) : max(0, last)], np.float32)
    before, after = max(0, -first), max(0, last - len(samples))
    return np.pad(piece, (before, after), mode=padding)[more:] if before or after else piece[more:]


class SpectraBlock:
    """Some consecutive frames of a track.

    Parameters
    ----------
    samples : ndarray of shape (samples,)
        The whole track.
    start, stop : int
        The frames.
    padding : str
        See `samples_under`.
    """

    def __init__(self, samples: Floats, start: int, stop: int, padding: Padding) -> None:
        self.samples = samples
        self.start = start
        self.stop = stop
        self.span = samples_under(samples, start, stop, padding)

    @cached_property
    def spectra(self) -> NDArray[np.complex64]:
        """The STFT (`librosa.stft`), shape (frames, bins)."""
        # In double precision, as librosa: bins that a codec emptied hold nothing but rounding.
        windowed = sliding_window_view(self.span, N_FFT)[::HOP_LENGTH] * _window()
        return np.asarray(scipy.fft.rfft(windowed, axis=-1, overwrite_x=True), np.complex64)

    @cached_property
    def magnitude(self) -> Floats:
        """Magnitude spectra, shape (frames, bins)."""
        return np.abs(self.spectra)

    @cached_property
    def power(self) -> Floats:
        """Power spectra, shape (frames, bins)."""
        # From the magnitude, as in librosa: rounding may decide between two tunings.
        return np.square(self.magnitude)

    def is_sound(self) -> bool:
        """Whether all samples are numbers of a sensible size, whose squares do not overflow."""
        return bool((np.abs(self.span) < LOUDEST).all())

    def rms(self) -> Floats:
        """Root mean square by the spectra (`librosa.feature.rms` of them), shape (frames,)."""
        power = self.power
        # The first and the last bin stand for themselves, all others for their mirror image too.
        total = power.sum(axis=1) - (power[:, 0] + power[:, -1]) / 2
        rms: Floats = np.sqrt(2 * total) / np.float32(N_FFT)
        return rms

    @cached_property
    def _sums(self) -> NDArray[np.float64]:
        """Sums over the bins k of magnitude, magnitude x k and x k²; one for a sum of zero."""
        sums = spectral_loops.moments(self.magnitude, np.arange(N_FFT // 2 + 1, dtype=np.float32))
        sums[sums[:, 0] <= 0, 0] = 1
        return sums

    def centroid(self, sample_rate: float) -> NDArray[np.floating[Any]]:
        """`librosa.feature.spectral_centroid` in Hz, shape (frames,)."""
        sums = self._sums
        return sums[:, 1] / sums[:, 0] * (sample_rate / N_FFT)

    def bandwidth(self, sample_rate: float) -> NDArray[np.floating[Any]]:
        """`librosa.feature.spectral_bandwidth` in Hz, shape (frames,)."""
        sums = self._sums
        variance = sums[:, 2] / sums[:, 0] - np.square(sums[:, 1] / sums[:, 0])
        return np.sqrt(np.maximum(variance, 0)) * (sample_rate / N_FFT)

    def rolloff(self, sample_rate: float) -> NDArray[np.floating[Any]]:
        """`librosa.feature.spectral_rolloff` in Hz, shape (frames,)."""
        return spectral_loops.rolloff_bins(self.magnitude, ROLLOFF_SHARE) * (sample_rate / N_FFT)

    def zero_crossing_rate(self) -> Floats:
        """`librosa.feature.zero_crossing_rate`, shape (frames,)."""
        span = samples_under(self.samples, self.start, self.stop, "edge")
        clipped = np.where(np.abs(span) <= _NO_CROSSING, np.float32(0), span)
        return series_loops.zero_crossings(clipped, N_FFT, HOP_LENGTH)

    def mel_db(self, sample_rate: float) -> Floats:
        """Levels of 128 mel bands (`librosa.feature.melspectrogram`) in dB, (frames, 128)."""
        power = _mel_bank(sample_rate)(self.power)
        return _levels(power)

    def chroma(self, sample_rate: float, tuning: float) -> Floats:
        """`librosa.feature.chroma_stft` of the power at a tuning, shape (frames, 12)."""
        return normalised(self.power @ _chroma_bank(sample_rate, tuning))


@dataclass(frozen=True)
class _Blocks:
    """The frames of a track, block after block; can be iterated over again."""

    samples: Floats
    padding: Padding

    def __iter__(self) -> Iterator[SpectraBlock]:
        count = frame_count(self.samples)
        for start in range(0, count, FRAMES_PER_BLOCK):
            stop = min(start + FRAMES_PER_BLOCK, count)
            yield SpectraBlock(self.samples, start, stop, self.padding)


def blocks(samples: Floats, padding: Padding) -> Iterable[SpectraBlock]:
    """Cut a track into blocks of frames, which can be iterated over more than once."""
    cut = _Blocks(samples, padding)
    # A block keeps its spectra for the second pass.
    return list(cut) if len(samples) <= TRANSFORMED_ONCE else cut


def normalised(values: NDArray[Any], order: float = np.inf) -> NDArray[Any]:
    """Divide rows by their norm, zeros left as they are (`librosa.util.normalize`)."""
    norm = np.linalg.norm(values, order, axis=1, keepdims=True)
    divisors = np.where(norm < np.finfo(values.dtype).tiny, 1, norm).astype(values.dtype)
    normalised: NDArray[Any] = values / divisors
    return normalised


def _levels(power: Floats) -> Floats:
    levels: Floats = 10 * np.log10(np.maximum(power, _SMALLEST_POWER))
    return levels


def decibels(power: Floats) -> Floats:
    """Return the levels in dB of a whole track (`librosa.power_to_db`), at most 80 dB apart."""
    levels = _levels(power)
    limited: Floats = np.maximum(levels, levels.max() - np.float32(LEVEL_RANGE))
    return limited


@lru_cache(maxsize=1)
def _window() -> NDArray[np.float64]:
    from librosa.filters import get_window

    return np.asarray(get_window("hann", N_FFT), np.float64)


@lru_cache(maxsize=4)
def _mel_bank(sample_rate: float) -> spectral_loops.Projection:
    from librosa.filters import mel

    with warnings.catch_warnings():
        # At high rates the lowest bands have no bin of their own: they stay empty, as librosa's do.
        warnings.filterwarnings("ignore", "Empty filters", UserWarning)
        return spectral_loops.Projection(mel(sr=sample_rate, n_fft=N_FFT))


@lru_cache(maxsize=128)
def _chroma_bank(sample_rate: float, tuning: float) -> Floats:
    from librosa.filters import chroma

    return np.ascontiguousarray(chroma(sr=sample_rate, n_fft=N_FFT, tuning=tuning).T)


def mfcc(levels: Floats, count: int) -> Iterator[Floats]:
    """Yield `librosa.feature.mfcc` of the levels of a track in dB, some frames at a time.

    The levels are raised, in place, to 80 dB below their largest, as `librosa.power_to_db` does.
    """
    floor = levels.max() - np.float32(LEVEL_RANGE)
    np.maximum(levels, floor, out=levels)
    for start in range(0, len(levels), 4096):
        yield scipy.fft.dct(levels[start : start + 4096], axis=1, norm="ortho")[:, :count]


class PitchPeaks:
    """Spectral peaks, from which the tuning of a track follows (`librosa.estimate_tuning`).

    librosa keeps the spectra of the whole track for it; the peaks of each frame are enough.

    Parameters
    ----------
    sample_rate : float
        In Hz.
    """

    LOWEST, HIGHEST = 150.0, 4000.0
    THRESHOLD = 0.1

    def __init__(self, sample_rate: float) -> None:
        self.sample_rate = sample_rate
        bins = np.arange(N_FFT // 2 + 1) * (sample_rate / N_FFT)
        highest = min(self.HIGHEST, sample_rate / 2)
        inside = np.flatnonzero((bins >= self.LOWEST) & (bins < highest))
        self._first = int(inside[0]) if len(inside) else 1
        self._stop = self._first + len(inside)
        # Two neighbours cannot both be peaks.
        self._scratch = np.empty((4, FRAMES_PER_BLOCK * (N_FFT // 4 + 1)), np.float32)
        self._blocks: list[Floats] = []

    def feed(self, values: Floats) -> None:
        """Take power or magnitude spectra of shape (frames, bins)."""
        count = _peaks(values, self._first, self._stop, np.float32(self.THRESHOLD), *self._scratch)
        bins, shifts, heights, slopes = self._scratch[:, :count]
        # Rounded where librosa rounds, and not where a compiler would: one peak may decide.
        hertz = (bins.astype(np.float64) + shifts) * self.sample_rate / N_FFT
        heights = heights + np.float32(0.5) * slopes * shifts
        self._blocks.append(np.stack([hertz.astype(np.float32), heights]))

    def tuning(self) -> float:
        """Return the deviation from A = 440 Hz in semitones; 0 where there are no peaks."""
        from librosa import pitch_tuning

        hertz, heights = np.concatenate(self._blocks or [np.empty((2, 0), np.float32)], axis=1)
        if not len(hertz):
            return 0.0
        return float(pitch_tuning(hertz[heights >= np.median(heights)], bins_per_octave=12))


@kernel
def _peaks(
    values: Floats,
    first: int,
    stop: int,
    threshold: np.float32,
    bins: Floats,
    shifts: Floats,
    heights: Floats,
    slopes: Floats,
) -> int:
    count = 0
    for frame in range(values.shape[0]):
        row = values[frame]
        largest = np.float32(0)
        for index in range(len(row)):
            largest = max(largest, row[index])
        floor = threshold * largest
        for index in range(first, stop):
            at = row[index]
            if not (at > floor and at > row[index - 1] and at >= row[index + 1]):
                continue
            # The parabola through the peak and its neighbours.
            before, after = row[index - 1], row[index + 1]
            curve = np.float64(after + before) - 2.0 * at
            slope = np.float64(after - before) / 2
            shift = np.float32(0)
            if abs(slope) < abs(curve):
                shift = np.float32(-slope / curve)
            bins[count] = index
            shifts[count] = shift
            heights[count] = at
            slopes[count] = slope
            count += 1
    return count
