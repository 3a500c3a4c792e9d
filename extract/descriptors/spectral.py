"""The shape of the spectrum, frame by frame, in the band up to `fmax`.

Definitions are librosa's wherever it has one. Spectra are those of Hann windows, and only the bins
up to `fmax` (10 kHz) count: what lies above depends more on the codec than on the music. None
depends on the gain of the file.

Notes
-----
A frame holds everything that sounds in it: these describe the mixture, not an instrument.

References
----------
McFee and others, "librosa: audio and music signal analysis in Python", Proceedings of the 14th
Python in Science Conference, 2015.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from earmark.extract.engine.registry import descriptor
from earmark.extract.signal import filters, series_loops, spectral_loops
from earmark.extract.signal.frames import Block, frequencies
from earmark.extract.signal.highpass import CUTOFF

if TYPE_CHECKING:
    from earmark.extract.config import Settings

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

CONTRAST_RANGE = 1e-4
"""The same for the valleys of `spectral_contrast`, which are nothing but such bins."""

ROLLOFF_SHARE = 0.85


@descriptor(
    "frame",
    range=(0, 1),
    stats=["mean", "std"],
    sets=["default"],
    version=3,
    family="timbre",
    words={"zero_crossing_rate_mean": ("darker", "brighter")},
)
def zero_crossing_rate(block: Block) -> Floats:
    """Share of samples whose sign differs from the one before.

    High for hiss, cymbals and the s of a voice, low for bass and whatever sounds dark.

    Crossings of zero per sample, from 0 to 1; a pure tone of f Hz has 2 f over the sample rate. As
    `librosa.feature.zero_crossing_rate` with threshold 0, except that the frames at both ends are
    padded with zeros, as those of the spectra are, and not with the first and last sample.

    Notes
    -----
    No pitch: in a mixture the loudest partials decide, so that a loud bass hides a soft hiss. It is
    the only one here that hears what lies above `fmax`, up to half the sample rate.

    References
    ----------
    Gouyon, Pachet and Delerue, "On the use of zero-crossing rate for an application of
    classification of percussive sounds", DAFx 2000.
    """
    return series_loops.zero_crossings(block.span, block.settings.n_fft, block.settings.hop_length)


@descriptor(
    "frame",
    unit="Hz",
    range=(0, np.inf),
    stats=["mean", "std"],
    sets=["default"],
    version=3,
    family="timbre",
    words={"spectral_centroid_mean": ("darker", "brighter")},
)
def spectral_centroid(block: Block) -> Floats:
    """Mean frequency weighted by magnitude (`librosa.feature.spectral_centroid`).

    The brightness of the sound: low for a double bass, high for cymbals, in between for a band.

    The sum of frequency times magnitude over the bins, divided by the sum of the magnitudes, in Hz;
    0 for a frame of silence.

    Notes
    -----
    No pitch: of a tone it lies above the fundamental, and all the more the more overtones there
    are. One cymbal moves it as far as a change of key does not. A muffled recording of bright music
    has the value of dark music.

    References
    ----------
    Grey and Gordon, "Perceptual effects of spectral modifications on musical timbres", Journal of
    the Acoustical Society of America 63(5), 1978.

    Klapuri and Davy (editors), "Signal processing methods for music transcription", Springer 2006,
    chapter 5.
    """
    sums = block.moments
    return (sums[:, 1] / np.where(sums[:, 0] > 0, sums[:, 0], 1)).astype(np.float32)


@descriptor(
    "frame",
    unit="Hz",
    range=(0, np.inf),
    stats=["mean", "std"],
    sets=["default"],
    version=3,
    family="timbre",
)
def spectral_bandwidth(block: Block) -> Floats:
    """Deviation of frequency weighted by magnitude (`librosa.feature.spectral_bandwidth`, p=2).

    Narrow for a flute or a hum alone, wide where bass and treble sound at once.

    The root of the mean squared distance of the bins from the centroid, weighted by magnitude: how
    far the sound spreads around it, in Hz; 0 for a frame of silence.

    Notes
    -----
    Not the width of the stereo image (see `stereo_width`), nor the bandwidth of the codec. Two pure
    tones far apart have as wide a value as noise between them.

    References
    ----------
    Klapuri and Davy (editors), "Signal processing methods for music transcription", Springer 2006,
    chapter 5.
    """
    sums = block.moments
    total = np.where(sums[:, 0] > 0, sums[:, 0], 1)
    variance = sums[:, 2] / total - np.square(sums[:, 1] / total)
    return np.sqrt(np.maximum(variance, 0)).astype(np.float32)


@descriptor(
    "frame",
    unit="Hz",
    range=(0, np.inf),
    stats=["mean", "std"],
    sets=["default"],
    version=3,
    family="timbre",
    words={"spectral_rolloff_mean": ("darker", "brighter")},
)
def spectral_rolloff(block: Block) -> Floats:
    """Frequency below which 85 % of the magnitude lies (`librosa.feature.spectral_rolloff`), Hz.

    Where the treble ends: low for a voice with a guitar, high for distortion and cymbals.

    The frequency of the first bin at which the running sum of the magnitudes reaches 85 % of their
    sum; 0 for a frame of silence.

    Notes
    -----
    Not where a codec cuts the treble off: that lies above `fmax` mostly, and is left out on
    purpose. It goes in steps of a bin, 10.8 Hz by default.

    References
    ----------
    Tzanetakis and Cook, "Musical genre classification of audio signals", IEEE TSAP 10(5), 2002.
    """
    return block.frequencies[spectral_loops.rolloff_bins(block.magnitude, ROLLOFF_SHARE)]


def _or_one(values: Floats) -> Floats:
    """Return what can be divided by: one instead of the powers of silence."""
    return np.where(values > _TINY, values, np.float32(1))


@descriptor(
    "frame",
    unit="dB",
    range=(-60, 0),
    stats=["mean", "std"],
    sets=["default"],
    version=3,
    family="timbre",
    words={"spectral_flatness_mean": ("clearer", "noisier")},
)
def spectral_flatness(block: Block) -> Floats:
    """Geometric over arithmetic mean of the power (`librosa.feature.spectral_flatness`), in dB.

    Lowest for tones, higher for breath, drums and distortion, near 0 for noise as even as hiss.

    The geometric mean of the power over the bins, divided by the arithmetic mean, in decibels:
    values of music crowd below a hundredth, and one click among them would decide a deviation. The
    smallest power that counts (librosa's `amin`) is 1e-6 of the frame's mean and not a fixed
    number, so that neither the gain nor bins that a codec emptied decide the value. -60 for a frame
    of silence.

    Notes
    -----
    The treble, where most bins are and the least energy is, decides; a codec of few bits still
    moves it.

    References
    ----------
    Gray and Markel, "A spectral-flatness measure for studying the autocorrelation method of linear
    prediction of speech analysis", IEEE TASSP 22(3), 1974.

    Dubnov, "Generalization of spectral flatness measure for non-Gaussian linear processes", IEEE
    Signal Processing Letters 11(8), 2004.
    """
    scales = np.float32(1) / _or_one(block.mean_power[:, 0])
    geometric, arithmetic = spectral_loops.floored_means(block.power, scales, POWER_RANGE)
    flatness = np.where(block.mean_power[:, 0] > _TINY, geometric / arithmetic, np.float32(0))
    levels: Floats = 10 * np.log10(np.clip(flatness, np.float32(POWER_RANGE), np.float32(1)))
    return levels


@descriptor(
    "frame",
    range=(0, np.sqrt(2)),
    stats=["mean", "std"],
    sets=["default"],
    version=3,
    family="timbre",
    words={"spectral_flux_mean": ("smoother", "more restless")},
)
def spectral_flux(block: Block) -> Floats:
    """Distance between the magnitudes of a frame and of the one before, each scaled to sum 1.

    How fast the sound changes from moment to moment: low for a held chord, high for fast notes.

    The Euclidean distance of the two magnitude spectra. Since both have the sum 1, a sound that
    only gets louder or softer does not change; 0 beside a frame of silence.

    Notes
    -----
    Not `librosa.onset.onset_strength`, which counts what rises alone, on a scale of decibels. It
    counts no onsets, and noise changes from frame to frame though nobody hears it change.

    References
    ----------
    Tzanetakis and Cook, "Musical genre classification of audio signals", IEEE TSAP 10(5), 2002,
    where it is squared.
    """
    return spectral_loops.flux(block.magnitude, block.magnitude_before)


@lru_cache(maxsize=8)
def _contrast_bands(settings: Settings) -> tuple[NDArray[np.int64], ...]:
    starts, stops, counts = filters.contrast_bands(frequencies(settings))
    # What is left below 20 Hz, and reaches into the next bin, would be the valley of the lowest.
    lowest = int(np.searchsorted(frequencies(settings), 1.5 * CUTOFF))
    starts[0] = max(starts[0], min(lowest, stops[0] - 1))
    return starts, stops, counts


@descriptor(
    "frame",
    unit="dB",
    range=(0, np.inf),
    size=filters.CONTRAST_BANDS,
    stats=["mean", "std"],
    sets=["default"],
    version=3,
    family="timbre",
    words={"spectral_contrast_*_mean": ("noisier", "clearer")},
)
def spectral_contrast(block: Block) -> Floats:
    """Level of the peaks over the valleys in seven octave bands.

    High where single tones stand out, as of a piano or a choir; low where the bands are filled, as
    by distortion, applause or a wall of cymbals.

    Bands reach up to 200, 400, 800, 1,600, 3,200, 6,400 and 12,800 Hz, none above `fmax`. In each
    the mean of the highest 2 % of the magnitudes, one bin at least, over that of the lowest. As
    `librosa.feature.spectral_contrast`, of magnitudes on the decibel scale for powers, as there,
    but the lowest band begins at 30 Hz, and with a floor 40 dB below the mean power of the frame,
    since the valleys of bins that a codec or a filter emptied have no level. NaN for bands without
    bins, where `fmax` is low.

    Notes
    -----
    Not the dynamic range, and no contrast between parts of a piece. The decibels are half of those
    between the powers of peak and valley, as in librosa. The highest band tells of the codec, too.

    References
    ----------
    Jiang, Lu, Zhang, Tao and Cai, "Music type classification by spectral contrast feature", ICME
    2002.
    """
    floor = np.sqrt(_or_one(block.mean_power) * np.float32(CONTRAST_RANGE))
    floored = np.maximum(block.magnitude, floor)
    starts, stops, counts = _contrast_bands(block.settings)
    valleys, peaks = spectral_loops.band_extremes(floored, starts, stops, counts)
    peaks[:, starts == stops] = np.nan
    contrast: Floats = 10 * np.log10(peaks / valleys)
    return contrast
