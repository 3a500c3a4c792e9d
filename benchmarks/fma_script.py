"""What the Free Music Archive dataset's feature script asks of librosa, for today's librosa.

The calls, their order and their arguments are those of `features.py` in github.com/mdeff/fma, which
has `rmse` for what is now `rms`: 11 features with 7 statistics each, 518 values. As there, the file
keeps its own rate, while the calls on spectra assume 22050 Hz.

References
----------
Defferrard, Benzi, Vandergheynst and Bresson, "FMA: a dataset for music analysis", ISMIR 2017.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import librosa
import numpy as np
from scipy import stats

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

N_FFT, HOP_LENGTH, OCTAVES, PITCHES = 2048, 512, 7, 12

STATISTICS: tuple[Callable[..., NDArray[np.floating]], ...] = (
    np.mean,
    np.std,
    stats.skew,
    stats.kurtosis,
    np.median,
    np.min,
    np.max,
)


def describe(path: str) -> dict[str, NDArray[np.floating]]:
    """Compute the frames of each feature, shape (size, frames)."""
    samples, rate = librosa.load(path, sr=None, mono=True)
    feature = librosa.feature
    frames = {"zcr": feature.zero_crossing_rate(samples, frame_length=N_FFT, hop_length=HOP_LENGTH)}

    pitches = np.abs(
        librosa.cqt(
            samples,
            sr=rate,
            hop_length=HOP_LENGTH,
            bins_per_octave=PITCHES,
            n_bins=OCTAVES * PITCHES,
            tuning=None,
        )
    )
    # librosa 0.5 took the bins per octave from the number of classes; that of today assumes 36.
    folding = {
        **{"C": pitches, "n_chroma": PITCHES, "n_octaves": OCTAVES},
        "bins_per_octave": PITCHES,
    }
    frames["chroma_cqt"] = feature.chroma_cqt(**folding)
    frames["chroma_cens"] = feature.chroma_cens(**folding)
    frames["tonnetz"] = feature.tonnetz(chroma=frames["chroma_cens"])

    magnitude = np.abs(librosa.stft(samples, n_fft=N_FFT, hop_length=HOP_LENGTH))
    frames["chroma_stft"] = feature.chroma_stft(S=magnitude**2, n_chroma=PITCHES)
    frames["rmse"] = feature.rms(S=magnitude)
    frames["spectral_centroid"] = feature.spectral_centroid(S=magnitude)
    frames["spectral_bandwidth"] = feature.spectral_bandwidth(S=magnitude)
    frames["spectral_contrast"] = feature.spectral_contrast(S=magnitude, n_bands=6)
    frames["spectral_rolloff"] = feature.spectral_rolloff(S=magnitude)
    mel = feature.melspectrogram(sr=rate, S=magnitude**2)
    frames["mfcc"] = feature.mfcc(S=librosa.power_to_db(mel), n_mfcc=20)
    return frames


def fma() -> Callable[[str], int]:
    """Prepare the script: seven statistics of every feature."""

    def action(path: str) -> int:
        return sum(
            np.size(statistic(values, axis=1))
            for values in describe(path).values()
            for statistic in STATISTICS
        )

    return action
