"""Mel bands and cepstral coefficients."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from extract.config import Settings
from extract.descriptors.level import REFERENCE_LEVEL, gated_level
from extract.frames import Block, Series, frequencies
from extract.kernels import Projection
from extract.registry import descriptor

__all__ = ["mel_db", "mel_floor", "mfcc"]

Floats = NDArray[np.float32]

# Far below anything audible: it only keeps the logarithm of digital silence finite.
_TINY = np.float32(1e-20)


@lru_cache(maxsize=8)
def _mel_bank(settings: Settings) -> Projection:
    from librosa.filters import mel as filters

    bank = filters(
        sr=settings.sample_rate, n_fft=settings.n_fft, n_mels=settings.n_mels, fmax=settings.fmax
    )
    return Projection(bank[:, : len(frequencies(settings))])


@descriptor("frame", unit="dB", size="n_mels")
def mel_db(block: Block) -> Floats:
    """Power in mel bands (`librosa.feature.melspectrogram`) in dB, as the file has it."""
    return 10 * np.log10(np.maximum(_mel_bank(block.settings)(block.power), _TINY))


def mel_floor(series: Series) -> np.float32:
    """Return the level in dB at which mel bands are cut off: `top_db` below the loudest one."""
    return series["mel_db"].max() - np.float32(series.settings.top_db)


@descriptor(
    "series",
    size="n_mfcc",
    stats=["mean", "std"],
    needs=["mel_db", "frame_rms", "active"],
    sets=["default"],
)
def mfcc(series: Series) -> Floats:
    """Mel-frequency cepstral coefficients (`librosa.feature.mfcc`) of the track brought to -23 dB.

    The outline of the spectrum: the discrete cosine transform of the levels of the mel bands,
    which are cut off `top_db` below the loudest one of the track.
    """
    settings = series.settings
    levels = series["mel_db"]
    out = np.empty((len(levels), settings.n_mfcc), np.float32)
    if not len(levels):
        return out
    floor = mel_floor(series)
    gain = np.float32(REFERENCE_LEVEL - gated_level(series["frame_rms"]))
    for start in range(0, len(levels), 4096):
        part = np.maximum(levels[start : start + 4096], floor) + gain
        out[start : start + 4096] = scipy.fft.dct(part, axis=1, norm="ortho")[:, : settings.n_mfcc]
    return out
