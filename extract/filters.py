"""Filter banks over the bins of a spectrum: librosa's, without the memory and time of its import.

A worker that does not load librosa starts in a third of the time and takes half of the memory.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["chroma", "mel", "mel_frequencies"]

Doubles = NDArray[np.float64]

PITCH_CLASSES = 12


def mel_frequencies(count: int, fmax: float) -> Doubles:
    """Return frequencies in Hz that are evenly spaced from 0 to `fmax` on Slaney's mel scale.

    Linear up to 1 kHz, logarithmic above (Slaney, "Auditory Toolbox", Interval Research Corporation
    Technical Report 1998-010), as `librosa.mel_frequencies`.
    """
    linear, knee, step = 200 / 3, 1000.0, np.log(6.4) / 27
    top = fmax / linear if fmax < knee else knee / linear + np.log(fmax / knee) / step
    mels = np.linspace(0, top, count)
    return np.where(
        mels < knee / linear, mels * linear, knee * np.exp(step * (mels - knee / linear))
    )


def mel(sample_rate: float, n_fft: int, n_mels: int, fmax: float) -> Doubles:
    """Return triangles of area one in mel bands (`librosa.filters.mel`).

    Returns
    -------
    ndarray of shape (n_mels, 1 + n_fft // 2)
        The weights of power spectra.
    """
    bins = np.fft.rfftfreq(n_fft, 1 / sample_rate)
    corners = mel_frequencies(n_mels + 2, fmax)[:, None]
    low, centre, high = corners[:-2], corners[1:-1], corners[2:]
    rising, falling = (bins - low) / (centre - low), (high - bins) / (high - centre)
    return np.maximum(0, np.minimum(rising, falling)) * 2 / (high - low)


def chroma(sample_rate: float, n_fft: int, tuning: float = 0.0) -> Doubles:
    """Return Gaussians around every pitch class, from C upwards (`librosa.filters.chroma`).

    They are weighted by a Gaussian of two octaves around the fifth above 27.5 Hz, the fourth
    above middle C.

    Parameters
    ----------
    sample_rate, n_fft : float, int
        Of the spectra.
    tuning : float
        Deviation from A = 440 Hz in semitones.

    Returns
    -------
    ndarray of shape (12, 1 + n_fft // 2)
        The weights of power spectra.

    References
    ----------
    Ellis, "Chroma feature analysis and synthesis", 2007.
    """
    reference = 440 / 16 * 2 ** (tuning / PITCH_CLASSES)
    octaves = np.log2(np.arange(1, n_fft) * sample_rate / n_fft / reference)
    # The bin of 0 Hz is put an octave and a half below the next.
    octaves = np.concatenate([octaves[:1] - 1.5, octaves])
    pitches = PITCH_CLASSES * octaves
    widths = np.append(np.maximum(np.diff(pitches), 1), 1)
    half = PITCH_CLASSES // 2
    distances = np.mod(pitches - np.arange(PITCH_CLASSES)[:, None] + half, PITCH_CLASSES) - half
    weights = np.exp(-0.5 * np.square(2 * distances / widths))
    weights /= np.linalg.norm(weights, axis=0)
    weights *= np.exp(-0.5 * np.square((octaves - 5) / 2))
    # Counted from A so far.
    return np.roll(weights, -3, axis=0)[:, : 1 + n_fft // 2]
