"""Level: loudness, duration, RMS, and which frames count as sound at all."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from extract import kernels
from extract.frames import Block, Series
from extract.registry import Column, descriptor

__all__ = ["active", "duration_ms", "gated_level", "integrated_loudness", "loudness", "rms"]

Floats = NDArray[np.float32]

REFERENCE_LEVEL = -23.0
"""Level in dB relative to full scale to which every track is brought before it is described."""

ACTIVE_RANGE = 60.0
"""Frames more than this many dB below the level of the track count as silence."""


@descriptor(
    "track",
    values=[Column("duration_ms", "ms", (0, np.inf), dtype="int64")],
    sets=["default"],
)
def duration_ms(series: Series) -> float:
    """Duration in milliseconds, rounded as Spotify gives it."""
    return float(round(series.seconds * 1000))


@descriptor("track", unit="LUFS", range=(-70, 20), sets=["default"])
def loudness(series: Series) -> float:
    """Integrated loudness of the full-rate channels in LUFS, by ITU-R BS.1770-4 with gating."""
    return integrated_loudness(series.energies)


def integrated_loudness(energies: NDArray[np.float64]) -> float:
    """Gate and average K-weighted energies.

    Parameters
    ----------
    energies : ndarray of shape (steps,)
        Weighted mean square per step of 100 ms. Blocks are four steps long and overlap by three.

    Returns
    -------
    float
        Loudness in LUFS; NaN where no block of 400 ms reaches -70 LUFS.

    References
    ----------
    ITU-R BS.1770-4, "Algorithms to measure audio programme loudness and true-peak audio level",
    2015, annex 1.
    """
    if len(energies) < 4:
        return np.nan
    blocks = np.convolve(energies, np.full(4, 0.25), "valid")
    blocks = blocks[blocks > 10 ** ((-70 + 0.691) / 10)]
    if not len(blocks):
        return np.nan
    blocks = blocks[blocks > blocks.mean() * 10 ** (-10 / 10)]
    return float(-0.691 + 10 * np.log10(blocks.mean()))


@descriptor("frame")
def frame_rms(block: Block) -> Floats:
    """Root mean square of the samples under each frame (`librosa.feature.rms`), full scale 1."""
    return np.sqrt(kernels.squares(block.span, block.settings.n_fft, block.settings.hop_length))


def gated_level(frame_rms: Floats) -> float:
    """Return the level of the mixed-down track in dB relative to full scale.

    Gated like BS.1770, so that silence before, within or after the music does not count: frames
    within 60 dB of the loudest, then those within 10 dB of the mean of these. The first gate is
    relative, unlike the standard's, so that gain changes nothing.

    Returns
    -------
    float
        NaN where no frame reaches -90 dB, the level of the dither of 16 bits: silence.
    """
    power = np.square(frame_rms, dtype=np.float64)
    if not len(power) or power.max() < 1e-9:
        return np.nan
    power = power[power > 1e-6 * power.max()]
    power = power[power > 0.1 * power.mean()]
    return float(10 * np.log10(power.mean()))


@descriptor("series", needs=["frame_rms"])
def active(series: Series) -> Floats:
    """One where there is sound: within 60 dB of the level of the track; zero in silence."""
    level = gated_level(series["frame_rms"])
    if np.isnan(level):
        return np.zeros_like(series["frame_rms"])
    threshold = 10 ** ((level - ACTIVE_RANGE) / 20)
    return (series["frame_rms"] >= threshold).astype(np.float32)


@descriptor(
    "series",
    range=(0, np.inf),
    stats=["mean", "std"],
    needs=["frame_rms", "active"],
    sets=["default"],
)
def rms(series: Series) -> Floats:
    """Root mean square per frame (`librosa.feature.rms`) of the track brought to -23 dB.

    Its mean says how steadily the level is held, its deviation how much it moves; neither depends
    on the gain of the file.
    """
    gain = 10 ** ((REFERENCE_LEVEL - gated_level(series["frame_rms"])) / 20)
    return series["frame_rms"] * np.float32(gain)
