"""The shape of the spectrum, frame by frame, in the band up to `fmax`.

Definitions are librosa's on the bins of that band. None depends on the gain of the file.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from extract import filters, kernels
from extract.config import Settings
from extract.frames import Block, frequencies
from extract.registry import descriptor

__all__ = [
    "spectral_bandwidth",
    "spectral_centroid",
    "spectral_contrast",
    "spectral_flatness",
    "spectral_flux",
    "spectral_rolloff",
    "zero_crossing_rate",
]

Floats = NDArray[np.float32]

# Far below the rounding of any signal: what can be inverted in single precision.
_TINY = np.float32(1e-30)

POWER_RANGE = 1e-6
"""Bins this far (60 dB) below the mean power of their frame count as this: codecs empty bins."""

ROLLOFF_SHARE = 0.85


@descriptor("frame", range=(0, 1), stats=["mean", "std"], sets=["default"], version=2)
def zero_crossing_rate(block: Block) -> Floats:
    """Share of samples whose sign differs from the one before.

    As `librosa.feature.zero_crossing_rate` with threshold 0, except that the frames at both ends
    are padded with zeros, as those of the spectra are, and not with the first and last sample.
    """
    return kernels.zero_crossings(block.span, block.settings.n_fft, block.settings.hop_length)


@descriptor(
    "frame", unit="Hz", range=(0, np.inf), stats=["mean", "std"], sets=["default"], version=2
)
def spectral_centroid(block: Block) -> Floats:
    """Mean frequency weighted by magnitude (`librosa.feature.spectral_centroid`).

    The brightness of the sound, in Hz; 0 for a frame of silence.
    """
    sums = block.moments
    return (sums[:, 1] / np.where(sums[:, 0] > 0, sums[:, 0], 1)).astype(np.float32)


@descriptor(
    "frame", unit="Hz", range=(0, np.inf), stats=["mean", "std"], sets=["default"], version=2
)
def spectral_bandwidth(block: Block) -> Floats:
    """Deviation of frequency weighted by magnitude (`librosa.feature.spectral_bandwidth`, p=2).

    How far the sound spreads around its centroid, in Hz; 0 for a frame of silence.
    """
    sums = block.moments
    total = np.where(sums[:, 0] > 0, sums[:, 0], 1)
    variance = sums[:, 2] / total - np.square(sums[:, 1] / total)
    return np.sqrt(np.maximum(variance, 0)).astype(np.float32)


@descriptor(
    "frame", unit="Hz", range=(0, np.inf), stats=["mean", "std"], sets=["default"], version=2
)
def spectral_rolloff(block: Block) -> Floats:
    """Frequency below which 85 % of the magnitude lies (`librosa.feature.spectral_rolloff`), Hz."""
    return block.frequencies[kernels.rolloff_bins(block.magnitude, ROLLOFF_SHARE)]


def _or_one(values: Floats) -> Floats:
    """Return what can be divided by: one instead of the powers of silence."""
    return np.where(values > _TINY, values, np.float32(1))


@descriptor("frame", range=(0, 1), stats=["mean", "std"], sets=["default"], version=2)
def spectral_flatness(block: Block) -> Floats:
    """Geometric over arithmetic mean of the power (`librosa.feature.spectral_flatness`).

    Near 1 for noise, near 0 for a tone. The smallest power that counts (librosa's `amin`) is
    1e-6 of the frame's mean and not a fixed number, so that neither the gain nor bins that a codec
    emptied decide the value. 0 for a frame of silence.
    """
    scales = np.float32(1) / _or_one(block.mean_power[:, 0])
    geometric, arithmetic = kernels.floored_means(block.power, scales, POWER_RANGE)
    flatness = geometric / arithmetic
    return np.where(block.mean_power[:, 0] > _TINY, flatness, 0).astype(np.float32)


@descriptor("frame", range=(0, np.sqrt(2)), stats=["mean", "std"], sets=["default"], version=2)
def spectral_flux(block: Block) -> Floats:
    """Distance between the magnitudes of a frame and of the one before, each scaled to sum 1.

    How fast the timbre changes. After Tzanetakis and Cook, "Musical genre classification of audio
    signals", IEEE TSAP 10(5), 2002, without the square.
    """
    return kernels.flux(block.magnitude, block.magnitude_before)


@lru_cache(maxsize=8)
def _contrast_bands(settings: Settings) -> tuple[NDArray[np.int64], ...]:
    return filters.contrast_bands(frequencies(settings))


@descriptor(
    "frame",
    unit="dB",
    range=(0, np.inf),
    size=filters.CONTRAST_BANDS,
    stats=["mean", "std"],
    sets=["default"],
    version=2,
)
def spectral_contrast(block: Block) -> Floats:
    """Level of the peaks over the valleys in seven octave bands.

    Clear tones give a high contrast, noise a low one. As `librosa.feature.spectral_contrast`, of
    magnitudes on the decibel scale for powers, as there, but with a floor 60 dB below the mean
    power of the frame, since the valleys of bins that a codec emptied have no level. NaN for
    bands without bins, where `fmax` is low.
    """
    floor = np.sqrt(_or_one(block.mean_power) * np.float32(POWER_RANGE))
    floored = np.maximum(block.magnitude, floor)
    starts, stops, counts = _contrast_bands(block.settings)
    valleys, peaks = kernels.band_extremes(floored, starts, stops, counts)
    peaks[:, starts == stops] = np.nan
    return 10 * np.log10(peaks / valleys)
