"""Pitch classes, the tonal centroid, key and mode."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from extract import filters
from extract.config import Settings
from extract.frames import Block, frequencies
from extract.kernels import Projection
from extract.reduce import Track
from extract.registry import Column, descriptor
from extract.windows import Window

__all__ = ["chroma", "key", "rotated_chroma", "tonnetz"]

Floats = NDArray[np.float32]

# Keeps a division by the power of silence finite.
_TINY = np.float32(1e-30)

_TONNETZ = filters.tonnetz().astype(np.float32)

# Krumhansl and Kessler, "Tracing the dynamic changes in perceived tonal organization in a spatial
# representation of musical keys", Psychological Review 89(4), 1982.
MAJOR_PROFILE = (6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88)
MINOR_PROFILE = (6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17)


@lru_cache(maxsize=8)
def _chroma_bank(settings: Settings) -> Projection:
    bank = filters.chroma(settings.sample_rate, settings.n_fft)
    return Projection(bank[:, : len(frequencies(settings))])


@descriptor("frame", range=(0, 1), size=12, stats=["mean", "std"], sets=["default"], version=2)
def chroma(block: Block) -> Floats:
    """Power by pitch class from C upwards (`librosa.feature.chroma_stft`), the largest being 1.

    Tuned to A = 440 Hz.
    """
    folded = _chroma_bank(block.settings)(block.power)
    largest = folded.max(axis=1, keepdims=True)
    return folded / np.maximum(largest, _TINY)


@descriptor("window", range=(0, 1), size=12, needs=["chroma"], sets=["default"])
def rotated_chroma(window: Window) -> Floats:
    """Mean chroma from the strongest pitch class of the window upwards.

    So that intervals count, whatever the key.
    """
    mean = window.heard("chroma").mean(axis=0)
    return np.roll(mean, -int(mean.argmax()))


@descriptor(
    "series",
    range=(-1, 1),
    size=6,
    stats=["mean", "std"],
    needs=["chroma"],
    sets=["default"],
    version=2,
)
def tonnetz(window: Window) -> Floats:
    """Tonal centroid of the chroma (`librosa.feature.tonnetz`): fifths, minor and major thirds.

    References
    ----------
    Harte, Sandler and Gasser, "Detecting harmonic change in musical audio", AMCMM 2006.
    """
    values = window["chroma"]
    total = values.sum(axis=1, keepdims=True)
    return (values / np.maximum(total, _TINY)) @ _TONNETZ


def _standardised(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return values brought to mean 0 and deviation 1: products of such are correlations."""
    return (values - values.mean()) / values.std()


@lru_cache(maxsize=1)
def _key_profiles() -> NDArray[np.float64]:
    """Standardised profiles of the 24 keys, shape (24, 12): major first, from C upwards."""
    profiles = [_standardised(np.array(profile)) for profile in (MAJOR_PROFILE, MINOR_PROFILE)]
    return np.array([np.roll(profile, tonic) for profile in profiles for tonic in range(12)])


@descriptor(
    "track",
    values=[
        Column("key", "pitch class", (0, 11)),
        Column("mode", "0 minor, 1 major", (0, 1)),
        Column("key_confidence", "", (0, 1)),
    ],
    needs=["chroma"],
    sets=["default", "spotify"],
    version=2,
)
def key(track: Track) -> tuple[float, float, float]:
    """Key and mode whose profile correlates best with the mean chroma.

    The confidence is the lead of the best of the 24 keys over the next one, as a share of the
    best; NaN for all three where the chroma is flat.

    References
    ----------
    Krumhansl, "Cognitive foundations of musical pitch", Oxford 1990, chapter 4.
    """
    mean, _ = track.moments("chroma")
    if not np.ptp(mean) > 0:
        return np.nan, np.nan, np.nan
    scores = _key_profiles() @ _standardised(mean) / 12
    best = int(scores.argmax())
    second = np.partition(scores, -2)[-2]
    confidence = (scores[best] - second) / scores[best] if scores[best] > 0 else 0.0
    return float(best % 12), float(best < 12), float(np.clip(confidence, 0, 1))
