"""How the bands move: patterns over blocks of frames, averaged over a window.

Most of what tells genres apart lies not in the mean spectrum but in how it moves: within a quarter
of a second, and with the beat over some seconds.

Notes
-----
Movement in time alone: these tell neither notes nor which instrument moves. A window shorter than
the blocks is one block.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import scipy
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from earmark.extract.engine.registry import descriptor
from earmark.extract.signal.frames import hann
from earmark.extract.signal.spectral_loops import Projection

if TYPE_CHECKING:
    from earmark.extract.engine.windows import Window

__all__ = ["fluctuation_pattern", "variance_pattern"]

Floats = NDArray[np.float32]

VARIANCE_BANDS = 16
VARIANCE_SECONDS = 0.232

FLUCTUATION_BANDS = 8
FLUCTUATION_SECONDS = 2.972
FLUCTUATION_EDGES = (1, 2, 3, 4, 6, 9, 14, 22, 34)
"""Edges of the modulation bands, in multiples of 1 / FLUCTUATION_SECONDS: from 0.3 to 11 Hz."""

FLUCTUATION_FLOOR = 1e-2
"""In dB: what moves less is noise, and would be spread out by the logarithm."""


@lru_cache(maxsize=8)
def _pooling(n_mels: int, bands: int) -> Projection:
    """Means of neighbouring mel bands."""
    edges = np.rint(np.linspace(0, n_mels, bands + 1)).astype(int)
    weights = np.zeros((bands, n_mels), np.float32)
    for band, (low, high) in enumerate(pairwise(edges)):
        weights[band, low:high] = 1 / (high - low)
    return Projection(weights)


@descriptor(
    "window",
    unit="dB",
    range=(0, np.inf),
    size=VARIANCE_BANDS,
    needs=["mel_level"],
    sets=["default"],
    version=2,
    family="rhythm",
    words={"variance_pattern_*": ("less percussive", "more percussive")},
)
def variance_pattern(window: Window) -> Floats:
    """Deviation of the level of each of 16 mel bands within a quarter of a second, on average.

    Low where tones are held, as of an organ or a pad, high where notes are struck or plucked; band
    by band, bass first, so that drums over held strings show.

    Neighbouring mel bands are averaged to 16, in dB. In each block of 0.232 s the standard
    deviation of each over the frames is taken, and averaged over the blocks of the window.

    Notes
    -----
    Not the dynamic range of a piece: what changes slower than a quarter of a second does not count.

    References
    ----------
    Seyerlehner, Schedl, Pohle and Knees, "Using block-level features for genre classification, tag
    classification and music similarity estimation", MIREX 2010, which takes variances of
    differences and a percentile of the blocks.
    """
    levels = _pooling(window.settings.n_mels, VARIANCE_BANDS)(window.active_rows("mel_level"))
    length = round(VARIANCE_SECONDS * window.settings.frame_rate)
    count = max(1, len(levels) // length)
    blocks = levels[: count * length].reshape(count, -1, VARIANCE_BANDS)
    pattern: Floats = blocks.std(axis=1).mean(axis=0)
    return pattern


@descriptor(
    "window",
    unit="lg dB",
    size=FLUCTUATION_BANDS * (len(FLUCTUATION_EDGES) - 1),
    needs=["mel_level"],
    sets=["default"],
    version=2,
    family="rhythm",
    words={"fluctuation_pattern_*": ("less pulsing", "more pulsing")},
)
def fluctuation_pattern(window: Window) -> Floats:
    """How strongly the level of each of 8 mel bands moves at each of 8 rates from 0.3 to 11 Hz.

    The rhythm as a picture, each band by itself: bass that moves with the bar, strokes on every
    beat, a hi-hat that ticks faster.

    The magnitude spectrum over time of sixteen bands in dB, in blocks of 3 s which overlap by half,
    averaged over the blocks and pairs of bands; logarithm to base 10. The rate changes every eight
    columns, slowest first; NaN for rates above half the frame rate. What moves by less than 0.01 dB
    counts as 0.01 dB.

    Notes
    -----
    No tempo: a rate is no beat, and strokes on every second beat move the slower rate as well. It
    does not tell when in the bar something happens.

    References
    ----------
    Pampalk, Rauber and Merkl, "Content-based organization and visualization of music archives", ACM
    Multimedia 2002.

    Seyerlehner, Schedl, Pohle and Knees, "Using block-level features for genre classification, tag
    classification and music similarity estimation", MIREX 2010.
    """
    levels = _pooling(window.settings.n_mels, 2 * FLUCTUATION_BANDS)(
        window.active_rows("mel_level")
    )
    size = round(FLUCTUATION_SECONDS * window.settings.frame_rate)
    length = min(size, len(levels))
    blocks = sliding_window_view(levels, length, axis=0)[:: max(1, length // 2)]
    weights = hann(length + 1)[1:]
    moving = (blocks - blocks.mean(axis=2, keepdims=True)) * weights
    spectra = np.abs(scipy.fft.rfft(moving, size, axis=2)).mean(axis=0)
    spectra /= np.sqrt(np.square(weights).sum())
    pairs = spectra.reshape(FLUCTUATION_BANDS, 2, -1).mean(axis=1)
    # Rates above half the frame rate are unknown.
    unknown = np.full((FLUCTUATION_BANDS, FLUCTUATION_EDGES[-1]), np.nan, np.float32)
    pairs = np.concatenate([pairs, unknown], axis=1)
    rates = [pairs[:, low:high].mean(axis=1) for low, high in pairwise(FLUCTUATION_EDGES)]
    return np.log10(np.concatenate(rates) + FLUCTUATION_FLOOR)
