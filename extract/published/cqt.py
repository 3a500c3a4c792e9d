"""Pitch classes from the constant-Q transform of a sound that comes in pieces.

The result is that of `librosa.cqt` with seven octaves of twelve bins from C1, folded to its pitch
classes. Each octave is taken from the sound at half the rate of the one above, so that one set of
twelve filters serves all seven, and a product of matrices applies them to many frames at a time.

References
----------
Schörkhuber and Klapuri, "Constant-Q transform toolbox for music processing", SMC 2010.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import soxr
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

__all__ = ["PitchClasses"]

Floats = NDArray[np.float32]

OCTAVES = 7
BINS = 12


@lru_cache(maxsize=128)
def _filters(sample_rate: float, tuning: float) -> tuple[Floats, int] | None:
    """Return the filters of the highest octave and how often the sound is halved before it.

    Returns
    -------
    filters : ndarray of shape (n_fft, 24), float32
        Real parts, then imaginary parts, for samples at the rate of the highest octave.
    halvings : int
        Halvings of the rate before the highest octave.

    None where the highest octave reaches beyond half the sample rate.
    """
    import librosa
    from librosa.filters import wavelet, wavelet_lengths

    lowest = librosa.note_to_hz("C1") * 2 ** (tuning / BINS)
    bins = librosa.cqt_frequencies(OCTAVES * BINS, fmin=lowest, bins_per_octave=BINS)
    _, cutoff = wavelet_lengths(freqs=bins, sr=sample_rate)
    if cutoff > sample_rate / 2:
        return None
    # librosa's rule; a hop of 512 samples can be halved nine times and has to be six times.
    halvings = min(max(0, int(np.ceil(np.log2(sample_rate / 2 / cutoff))) - 2), 9 - OCTAVES + 1)
    rate = sample_rate / 2**halvings
    kernels, lengths = wavelet(freqs=bins[-BINS:], sr=rate, norm=1, pad_fft=True)
    size = kernels.shape[1]
    # `librosa.cqt` multiplies by the length here and divides by its root in the end.
    spectra = np.fft.fft(kernels * (np.sqrt(lengths)[:, np.newaxis] / size), axis=1)
    kept = librosa.util.sparsify_rows(spectra[:, : size // 2 + 1].astype(np.complex64)).toarray()
    # The factors of the spectrum of a frame, transformed to factors of its samples.
    applied = np.fft.fft(kept.astype(np.complex128), size, axis=1).T
    return np.concatenate([applied.real, applied.imag], axis=1).astype(np.float32), halvings


class _Halved:
    """A sound at a fraction of its rate, at the same energy (`librosa.resample`, `scale`)."""

    def __init__(self, factor: int) -> None:
        self._factor = factor
        self._stream = soxr.ResampleStream(factor, 1, 1, dtype="float32", quality="HQ")
        self._taken = self._given = 0

    def feed(self, piece: Floats, last: bool) -> Floats:
        self._taken += len(piece)
        out: Floats = self._stream.resample_chunk(piece, last=last)
        if last:
            missing = -(-self._taken // self._factor) - self._given - len(out)
            out = np.pad(out, (0, missing)) if missing >= 0 else out[:missing]
        self._given += len(out)
        # Rounded as in librosa: where a file falls silent, chroma consist of rounding errors.
        out /= np.sqrt(1 / self._factor)
        return out


class _Octave:
    """The magnitudes of one octave, for every hop of the sound at its rate."""

    def __init__(self, filters: Floats, hop_length: int) -> None:
        self._filters = filters
        self._hop_length = hop_length
        self._held = np.zeros(len(filters) // 2, np.float32)

    def feed(self, piece: Floats, last: bool) -> Floats:
        """Return the frames that are complete, shape (frames, 12)."""
        size, hop = len(self._filters), self._hop_length
        after = np.zeros(size // 2 if last else 0, np.float32)
        held = np.concatenate([self._held, piece, after])
        count = max(0, 1 + (len(held) - size) // hop)
        self._held = held[count * hop :]
        if not count:
            return np.empty((0, BINS), np.float32)
        frames = np.ascontiguousarray(sliding_window_view(held, size)[: count * hop : hop])
        response = frames @ self._filters
        magnitudes: Floats = np.hypot(response[:, :BINS], response[:, BINS:])
        return magnitudes


class PitchClasses:
    """The magnitudes of all octaves, summed by pitch class from C upwards.

    As `librosa.feature.chroma_cqt` without its normalisation. Frames come every 512 samples.

    Parameters
    ----------
    sample_rate : float
        In Hz.
    tuning : float
        Deviation from A = 440 Hz in semitones.
    frames : int
        Frames of the track.
    """

    HOP_LENGTH = 512

    def __init__(self, sample_rate: float, tuning: float, frames: int) -> None:
        designed = _filters(sample_rate, tuning)
        self._possible = designed is not None
        self._sums = np.zeros((frames, BINS), np.float32)
        self._octaves: list[_Octave] = []
        self._halved: list[_Halved | None] = []
        if designed is None:
            return
        filters, halvings = designed
        hop = self.HOP_LENGTH >> halvings
        for octave in range(OCTAVES):
            factor = 2 if octave else 2**halvings
            self._halved.append(_Halved(factor) if factor > 1 else None)
            self._octaves.append(_Octave(filters, hop >> octave))
        self._done = [0] * OCTAVES

    def feed(self, piece: Floats, last: bool) -> None:
        """Take the next samples; `last` is set with the last ones of the track."""
        signal = piece
        for index, (halved, octave) in enumerate(zip(self._halved, self._octaves, strict=True)):
            signal = halved.feed(signal, last) if halved else signal
            start = self._done[index]
            # A lower octave may have a frame more at the end, which librosa drops.
            magnitudes = octave.feed(signal, last)[: len(self._sums) - start]
            self._sums[start : start + len(magnitudes)] += magnitudes
            self._done[index] += len(magnitudes)

    def values(self) -> Floats | None:
        """Return the sums, shape (frames, 12); None where the sample rate is too low for them."""
        return self._sums if self._possible else None
