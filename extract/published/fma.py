"""The columns of `features.csv`, the table of the Free Music Archive's dataset.

Seven statistics over the frames of eleven features of librosa, 518 values, at the file's own rate.

The script behind the published table did not pass the sample rate to the chroma of the spectrum,
the centroid, the bandwidth, the contrast and the roll-off, so that librosa assumed 22050 Hz. Nearly
all files have 44.1 kHz: their frequencies in the table are half of the true ones. The chroma of the
constant-Q transform and the MFCC had the right rate. Here all have it, unless `halved` asks for the
published values. Those also have the root mean square of librosa at the time, over the bins and not
over the samples, and frames that are padded by reflection at both ends of the track.

References
----------
Defferrard, Benzi, Vandergheynst and Bresson, "FMA: a dataset for music analysis", ISMIR 2017.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import scipy
from numpy.typing import NDArray

from earmark.extract.engine.registry import Column
from earmark.extract.published import spectra
from earmark.extract.published.cqt import PitchClasses
from earmark.extract.published.spectra import N_FFT, normalised
from earmark.extract.signal import filters, spectral_loops

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["SAMPLE_RATE", "columns", "describe", "header"]

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]

SAMPLE_RATE = None
"""None: that of the file."""

ASSUMED_RATE = 22050
"""The rate in Hz that librosa assumes where none is passed."""

# Name, number of values, unit and range of a value, in the order of the published table.
_FEATURES = (
    ("chroma_cens", 12, "", (0.0, 1.0)),
    ("chroma_cqt", 12, "", (0.0, 1.0)),
    ("chroma_stft", 12, "", (0.0, 1.0)),
    ("mfcc", 20, "", (-np.inf, np.inf)),
    ("rmse", 1, "", (0.0, np.inf)),
    ("spectral_bandwidth", 1, "Hz", (0.0, np.inf)),
    ("spectral_centroid", 1, "Hz", (0.0, np.inf)),
    ("spectral_contrast", 7, "dB", (-np.inf, np.inf)),
    ("spectral_rolloff", 1, "Hz", (0.0, np.inf)),
    ("tonnetz", 6, "", (-1.0, 1.0)),
    ("zcr", 1, "", (0.0, 1.0)),
)
_STATISTICS = ("kurtosis", "max", "mean", "median", "min", "skew", "std")


def header() -> list[tuple[str, str, str]]:
    """Return the three header rows of the published table, column by column.

    Each column has a feature, a statistic and a number from '01' on.
    """
    return [
        (name, statistic, f"{number:02d}")
        for name, size, *_ in _FEATURES
        for statistic in _STATISTICS
        for number in range(1, size + 1)
    ]


def columns() -> tuple[Column, ...]:
    """Return the columns, named like `mfcc_mean_01`, in the order of the published table."""
    units = {name: (unit, values) for name, _, unit, values in _FEATURES}

    def column(name: str, statistic: str, number: str) -> Column:
        unit, values = units[name]
        if statistic == "kurtosis":
            unit, values = "", (-2.0, np.inf)
        elif statistic == "skew":
            unit, values = "", (-np.inf, np.inf)
        elif statistic == "std":
            # Popoviciu's inequality, where a value has both bounds.
            values = (0.0, (values[1] - values[0]) / 2)
        return Column(f"{name}_{statistic}_{number}", unit, values)

    return tuple(column(*rows) for rows in header())


def describe(samples: Floats, sample_rate: int, *, halved: bool = False) -> Doubles:
    """Compute the columns of a mono signal.

    Parameters
    ----------
    samples : ndarray of shape (samples,), float32
        May be mapped from a file; it is read in blocks, twice.
    sample_rate : int
        In Hz.
    halved : bool
        Whether to reproduce the published table with its errors; see the top of this module.

    Returns
    -------
    ndarray of shape (518,), float64
        In the order of `columns`. All are NaN where there is less than a window, or a sample is no
        number or absurdly large. The chroma of the constant-Q transform, and what follows from it,
        are NaN where the sample rate is too low for seven octaves, the contrast where it is too low
        for six bands or so high that a band has no bin; skewness and kurtosis of constant values.
    """
    if len(samples) < N_FFT:
        return np.full(len(header()), np.nan)
    blocks = spectra.blocks(samples, "reflect" if halved else "constant")
    tunings = _tunings(blocks, sample_rate, halved)
    if tunings is None:
        return np.full(len(header()), np.nan)
    series = _series(samples, blocks, sample_rate, halved, tunings)
    return np.concatenate([_statistics(series[name]) for name, *_ in _FEATURES])


def _tunings(
    blocks: Iterable[spectra.SpectraBlock], sample_rate: int, halved: bool
) -> tuple[float, float] | None:
    """Return the tunings for the spectra and for the constant-Q transform, in semitones.

    The first comes from powers, the second from magnitudes, as in librosa's functions. None where a
    sample is no number or absurdly large.
    """
    of_power = spectra.PitchPeaks(ASSUMED_RATE if halved else sample_rate)
    of_magnitude = spectra.PitchPeaks(sample_rate)
    for block in blocks:
        if not block.is_sound():
            return None
        of_power.feed(block.power)
        of_magnitude.feed(block.magnitude)
    return of_power.tuning(), of_magnitude.tuning()


def _series(
    samples: Floats,
    blocks: Iterable[spectra.SpectraBlock],
    sample_rate: int,
    halved: bool,
    tunings: tuple[float, float],
) -> dict[str, NDArray[np.floating]]:
    """Return the features by name, each of shape (frames,) or (frames, size)."""
    count = spectra.frame_count(samples)
    rate = ASSUMED_RATE if halved else sample_rate
    sizes = {name: size for name, size, *_ in _FEATURES}
    out: dict[str, NDArray[np.floating]] = {
        name: np.empty((count, sizes[name]), np.float32)
        for name in ("chroma_stft", "rmse", "zcr", "mfcc")
    }
    for name in ("spectral_centroid", "spectral_bandwidth", "spectral_rolloff"):
        out[name] = np.empty((count, 1))
    bands = _contrast_bands(rate)
    valleys = np.empty((count, sizes["spectral_contrast"]), np.float32)
    peaks = np.empty_like(valleys)
    levels = np.empty((count, 128), np.float32)
    pitch_classes = PitchClasses(sample_rate, tunings[1], count)
    for block in blocks:
        at = slice(block.start, block.stop)
        out["chroma_stft"][at] = block.chroma(rate, tunings[0])
        # Over bins, before librosa learnt to divide by the length of the window.
        out["rmse"][at, 0] = np.sqrt(block.power.mean(axis=1)) if halved else block.rms()
        out["zcr"][at, 0] = block.zero_crossing_rate()
        out["spectral_centroid"][at, 0] = block.centroid(rate)
        out["spectral_bandwidth"][at, 0] = block.bandwidth(rate)
        out["spectral_rolloff"][at, 0] = block.rolloff(rate)
        levels[at] = block.mel_db(sample_rate)
        if bands is not None:
            valleys[at], peaks[at] = spectral_loops.band_extremes(block.magnitude, *bands)
    step = 256 * PitchClasses.HOP_LENGTH
    for start in range(0, len(samples), step):
        piece = np.asarray(samples[start : start + step], np.float32)
        pitch_classes.feed(piece, start + step >= len(samples))
    if bands is None:
        out["spectral_contrast"] = np.full_like(valleys, np.nan)
    else:
        out["spectral_contrast"] = spectra.decibels(peaks) - spectra.decibels(valleys)
    start = 0
    for part in spectra.mfcc(levels, sizes["mfcc"]):
        out["mfcc"][start : start + len(part)] = part
        start += len(part)
    classes = pitch_classes.values()
    if classes is None:
        out |= {name: np.full((1, sizes[name]), np.nan) for name in ("chroma_cqt", "chroma_cens")}
        out["tonnetz"] = np.full((1, sizes["tonnetz"]), np.nan)
    else:
        out["chroma_cqt"] = normalised(classes)
        out["chroma_cens"] = _cens(classes)
        out["tonnetz"] = normalised(out["chroma_cens"], 1) @ filters.tonnetz().astype(np.float32)
    return out


def _contrast_bands(sample_rate: float) -> tuple[NDArray[np.int64], ...] | None:
    """Return the bands of the spectral contrast; None where librosa would refuse.

    That is where the highest begins beyond half the sample rate, or a low one has no bin.
    """
    starts, stops, counts = filters.contrast_bands(
        np.arange(N_FFT // 2 + 1) * (sample_rate / N_FFT)
    )
    highest = filters.CONTRAST_FMIN * 2.0 ** (filters.CONTRAST_BANDS - 2)
    return (
        None if highest >= sample_rate / 2 or (starts >= stops).any() else (starts, stops, counts)
    )


def _cens(classes: Floats) -> Floats:
    """Return `librosa.feature.chroma_cens` of pitch classes, shape (frames, 12).

    References
    ----------
    Müller and Ewert, "Chroma toolbox: MATLAB implementations for extracting variants of
    chroma-based audio features", ISMIR 2011.
    """
    shares = normalised(classes, 1)
    steps = np.zeros_like(shares)
    for threshold in (0.4, 0.2, 0.1, 0.05):
        steps += np.float32(0.25) * (shares > threshold)
    # 41 frames and a zero at either end; symmetric.
    window = np.hanning(43)
    window /= window.sum()
    smooth = scipy.ndimage.convolve1d(steps, window, axis=0, mode="constant")
    return normalised(smooth, 2)


def _statistics(series: NDArray[np.floating]) -> Doubles:
    """Return the statistics of a feature of shape (frames, size), one after the other.

    Skewness and excess kurtosis are the biased ones (`scipy.stats`), and NaN, as there, where the
    values differ by no more than they are rounded.
    """
    rounding = np.finfo(series.dtype).eps
    frames, size = series.shape
    out = np.empty((len(_STATISTICS), size))
    # Some at a time, so that long tracks do not need their series once more in double precision.
    step = max(1, 2**20 // frames)
    for start in range(0, size, step):
        values = np.ascontiguousarray(series[:, start : start + step].T, np.float64)
        mean = values.mean(axis=1)
        centred = values - mean[:, np.newaxis]
        squares = centred * centred
        variance = squares.mean(axis=1)
        varied = np.where(variance > (rounding * mean) ** 2, variance, np.nan)
        out[:, start : start + step] = (
            (squares * squares).mean(axis=1) / varied**2 - 3,
            values.max(axis=1),
            mean,
            np.median(values, axis=1),
            values.min(axis=1),
            (squares * centred).mean(axis=1) / varied**1.5,
            np.sqrt(variance),
        )
    return out.ravel()
