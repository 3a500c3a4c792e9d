"""The columns of `features_30_sec.csv`, the table of GTZAN that most tutorials learn from.

Its author called librosa at its defaults on each clip of 30 s and stored the mean and the variance
over all the values of each feature. Two more things follow from the values: spectra and levels were
padded by reflection, as in librosa before 0.10, and the harmonic and percussive parts were zero in
the last hop where it was incomplete. Computed so, all columns agree with the table to six digits;
today's librosa at its defaults differs from it by 0.1 %.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from earmark.extract.engine.registry import Column
from earmark.extract.published import spectra
from earmark.extract.published.spectra import HOP_LENGTH, N_FFT
from earmark.extract.signal import hpss, series_loops

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["SAMPLE_RATE", "columns", "describe"]

Floats = NDArray[np.float32]

SAMPLE_RATE = 22050
"""The rate in Hz to which the table's author brought the clips."""

MFCCS = 20

# Name, unit, range of a value.
_FEATURES = (
    ("chroma_stft", "", (0.0, 1.0)),
    ("rms", "", (0.0, np.inf)),
    ("spectral_centroid", "Hz", (0.0, np.inf)),
    ("spectral_bandwidth", "Hz", (0.0, np.inf)),
    ("rolloff", "Hz", (0.0, np.inf)),
    ("zero_crossing_rate", "", (0.0, 1.0)),
    ("harmony", "", (-np.inf, np.inf)),
    ("perceptr", "", (-np.inf, np.inf)),
)
_MFCC_FEATURES = tuple((f"mfcc{i + 1}", "", (-np.inf, np.inf)) for i in range(MFCCS))


def columns() -> tuple[Column, ...]:
    """Return the columns in the order of the table."""

    def pair(name: str, unit: str, values: tuple[float, float]) -> Iterator[Column]:
        yield Column(f"{name}_mean", unit, values)
        # Popoviciu's inequality, where a value has both bounds.
        largest = (values[1] - values[0]) ** 2 / 4
        yield Column(f"{name}_var", f"{unit}²" if unit else "", (0.0, largest))

    return (
        Column("length", "samples", (0.0, np.inf), dtype="int64"),
        *(column for feature in _FEATURES for column in pair(*feature)),
        Column("tempo", "BPM", (0.0, np.inf)),
        *(column for feature in _MFCC_FEATURES for column in pair(*feature)),
    )


class _Sums:
    """Mean and variance of values that arrive in parts."""

    def __init__(self) -> None:
        self.count = 0
        self.total = 0.0
        self.squares = 0.0

    def add(self, values: NDArray[np.floating]) -> None:
        flat = np.asarray(values, np.float64).ravel()
        self.count += len(flat)
        self.total += float(flat.sum())
        self.squares += float(flat @ flat)

    def result(self) -> tuple[float, float]:
        mean = self.total / self.count
        return mean, max(0.0, self.squares / self.count - mean**2)


def describe(samples: Floats, sample_rate: int) -> NDArray[np.float64]:
    """Compute the columns of a mono signal.

    Parameters
    ----------
    samples : ndarray of shape (samples,), float32
        May be mapped from a file; it is read in blocks, twice.
    sample_rate : int
        In Hz; `SAMPLE_RATE` for values that can be compared to the table.

    Returns
    -------
    ndarray of shape (58,), float64
        In the order of `columns`. The tempo is NaN where there is no onset; everything but the
        length is NaN where there is less than a window, or a sample is no number or absurdly large.
    """
    out = np.full(len(columns()), np.nan)
    out[0] = len(samples)
    if len(samples) < N_FFT:
        return out
    blocks = spectra.blocks(samples, "reflect")
    tuning = _tuning(blocks, sample_rate)
    if tuning is None:
        return out
    sums = {name: _Sums() for name, *_ in (*_FEATURES, *_MFCC_FEATURES)}
    levels = np.empty((spectra.frame_count(samples), 128), np.float32)

    def measured() -> Iterator[NDArray[np.complex64]]:
        """Measure each block on its way to the separation."""
        for block in blocks:
            levels[block.start : block.stop] = block.mel_db(sample_rate)
            sums["chroma_stft"].add(block.chroma(sample_rate, tuning))
            sums["rms"].add(np.sqrt(series_loops.squares(block.span, N_FFT, HOP_LENGTH)))
            sums["spectral_centroid"].add(block.centroid(sample_rate))
            sums["spectral_bandwidth"].add(block.bandwidth(sample_rate))
            sums["rolloff"].add(block.rolloff(sample_rate))
            sums["zero_crossing_rate"].add(block.zero_crossing_rate())
            yield block.spectra

    # Of whole hops only, over the number of all samples: the rest was zero.
    done, whole = 0, len(samples) // HOP_LENGTH * HOP_LENGTH
    for part in hpss.inverse(hpss.harmonic_spectra(measured()), N_FFT, HOP_LENGTH):
        harmonic = part[: max(0, whole - done)]
        sums["harmony"].add(harmonic)
        sums["perceptr"].add(samples[done : done + len(harmonic)] - harmonic)
        done += len(harmonic)
    sums["harmony"].count = sums["perceptr"].count = len(samples)

    for coefficients in spectra.mfcc(levels, MFCCS):
        for index in range(MFCCS):
            sums[f"mfcc{index + 1}"].add(coefficients[:, index])
    pairs = [value for entry in sums.values() for value in entry.result()]
    before = 2 * len(_FEATURES)
    out[1:] = [*pairs[:before], _tempo(_onset_envelope(levels), sample_rate), *pairs[before:]]
    return out


def _tuning(blocks: Iterable[spectra.SpectraBlock], sample_rate: int) -> float | None:
    """Return the tuning in semitones, from the power as the author's call had it.

    None where a sample is no number or absurd.
    """
    peaks = spectra.PitchPeaks(sample_rate)
    for block in blocks:
        if not block.is_sound():
            return None
        peaks.feed(block.power)
    return peaks.tuning()


def _onset_envelope(levels: Floats) -> Floats:
    """Return the median rise of the mel bands (`librosa.onset.onset_strength`), shape (frames,)."""
    # Half a window and the frame that each is compared to, as librosa shifts them.
    delay = 1 + N_FFT // (2 * HOP_LENGTH)
    envelope = np.zeros(len(levels) + delay, np.float32)
    for start in range(1, len(levels), 4096):
        stop = min(start + 4096, len(levels))
        rise = np.maximum(levels[start:stop] - levels[start - 1 : stop - 1], 0)
        envelope[start - 1 + delay : stop - 1 + delay] = np.median(rise, axis=1)
    return envelope[: len(levels)]


def _tempo(envelope: Floats, sample_rate: int) -> float:
    """Return the tempo that `librosa.beat.beat_track` starts from, in BPM; NaN if nothing rises.

    The tempogram is averaged some frames at a time, since librosa's holds hundreds of values for
    each frame.
    """
    from librosa.feature import tempo, tempogram

    if not envelope.any():
        return np.nan
    length = int(8.0 * sample_rate / HOP_LENGTH)
    padded = np.pad(envelope, length // 2, mode="linear_ramp")
    # librosa drops the last window, if the length is even, so that there is one for each frame.
    windows = min(len(envelope), len(padded) - length + 1)
    total = np.zeros(length)
    for start in range(0, windows, 1024):
        part = padded[start : min(start + 1024, windows) + length - 1]
        total += tempogram(onset_envelope=part, win_length=length, center=False).sum(axis=1)
    mean = total[:, np.newaxis] / windows
    return float(tempo(tg=mean, sr=sample_rate, hop_length=HOP_LENGTH)[0])
