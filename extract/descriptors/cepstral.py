"""Mel bands and cepstral coefficients."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from extract import filters
from extract.config import Settings
from extract.frames import Block, frequencies
from extract.kernels import Projection
from extract.registry import descriptor
from extract.windows import Window

__all__ = ["mel_db", "mel_level", "mfcc", "mfcc_difference"]

Floats = NDArray[np.float32]

# Far below anything audible: it only keeps the logarithm of digital silence finite.
_TINY = np.float32(1e-20)


@lru_cache(maxsize=8)
def _mel_bank(settings: Settings) -> Projection:
    bank = filters.mel(settings.sample_rate, settings.n_fft, settings.n_mels, settings.fmax)
    return Projection(bank[:, : len(frequencies(settings))])


@descriptor("frame", unit="dB", size="n_mels")
def mel_db(block: Block) -> Floats:
    """Power in mel bands (`librosa.feature.melspectrogram`) in dB, as the file has it."""
    return 10 * np.log10(np.maximum(_mel_bank(block.settings)(block.power), _TINY))


@descriptor("series", unit="dB", size="n_mels", needs=["mel_db"])
def mel_level(window: Window) -> Floats:
    """Levels of the mel bands of the window brought to -23 dB.

    They are cut off `top_db` below the loudest one: what lies there is the codec's or the room's.
    """
    levels = window["mel_db"]
    if not len(levels):
        return levels
    floor = levels.max() - np.float32(window.settings.top_db)
    return np.maximum(levels, floor) + window.gain


@descriptor(
    "series", size="n_mfcc", stats=["mean", "std"], needs=["mel_level"], sets=["default"], version=2
)
def mfcc(window: Window) -> Floats:
    """Mel-frequency cepstral coefficients (`librosa.feature.mfcc`) of the window at -23 dB.

    The outline of the spectrum: the discrete cosine transform of the levels of the mel bands.
    """
    return scipy.fft.dct(window["mel_level"], axis=1, norm="ortho")[:, : window.settings.n_mfcc]


@descriptor("series", size="n_mfcc", stats=["std"], needs=["mfcc"], sets=["default"])
def mfcc_difference(window: Window) -> Floats:
    """Difference of the cepstral coefficients from the frame before; 0 in a window's first."""
    return np.diff(window["mfcc"], axis=0, prepend=window["mfcc"][:1])
