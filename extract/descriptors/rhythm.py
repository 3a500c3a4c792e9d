"""Onsets and tempo."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import scipy.fft
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from extract import kernels
from extract.frames import hann
from extract.reduce import Track
from extract.registry import Column, descriptor
from extract.windows import Window

__all__ = ["onset_envelope", "onset_rate", "onsets", "tempo", "tempo_pattern"]

Floats = NDArray[np.float32]

TEMPOGRAM_SECONDS = 8.0
TEMPOGRAM_STEP = 8
"""Frames between two columns of the tempogram; the mean over a track does not need every one."""

TEMPO_RANGE = (30.0, 300.0)
TEMPO_BANDS = 16
TEMPO_PATTERN_RANGE = (40.0, 360.0)
LEAST_OVERLAP = 0.2
"""Seconds that must overlap for an autocorrelation to mean anything."""

PRIOR_BPM = 120.0
PRIOR_OCTAVES = 1.0


@descriptor("series", unit="dB", range=(0, np.inf), needs=["mel_level"])
def onset_envelope(window: Window) -> Floats:
    """Mean rise of the mel bands from the frame before (`librosa.onset.onset_strength`).

    Without the delay that librosa adds, of the half window by which centring moves frames ahead.

    References
    ----------
    Böck and Widmer, "Maximum filter vibrato suppression for onset detection", DAFx 2013, without
    the maximum filter.
    """
    levels = window["mel_level"]
    if not len(levels):
        return np.empty(0, np.float32)
    # The frame before the window is cut off where those in it are.
    before = window.before.get("mel_db", window["mel_db"][0]) + window.gain
    floor = levels.max() - np.float32(window.settings.top_db)
    return kernels.mean_rise(levels, np.maximum(before, floor))


def onsets(envelope: Floats, frame_rate: float) -> Floats:
    """Mark each frame where a note or a stroke begins (`librosa.onset.onset_detect`).

    Parameters
    ----------
    envelope : ndarray of shape (frames,)
        Onset envelope.
    frame_rate : float
        Frames per second.

    Returns
    -------
    ndarray of shape (frames,)
        One at onsets, zero elsewhere.
    """
    spread = np.ptp(envelope)
    if not spread > 0:
        return np.zeros_like(envelope)
    # librosa's parameters, which it took from an optimisation on a large collection of onsets.
    return kernels.pick_peaks(
        (envelope - envelope.min()) / spread,
        max_before=int(0.03 * frame_rate),
        max_after=1,
        mean_before=int(0.10 * frame_rate),
        mean_after=int(0.10 * frame_rate) + 1,
        delta=0.07,
        wait=int(0.03 * frame_rate),
    )


@descriptor(
    "track", unit="1/s", range=(0, np.inf), needs=["onset_envelope"], sets=["default"], version=2
)
def onset_rate(track: Track) -> float:
    """Onsets per second, from the first sound to the last."""
    frame_rate = track.settings.frame_rate
    return float(onsets(_heard_envelope(track), frame_rate).mean() * frame_rate)


def _heard_envelope(track: Track) -> Floats:
    """Return the onset envelope from the first sound to the last.

    The step from silence to the first sound would dwarf every onset in the music: it is zero while
    frames reach over it.
    """
    heard = np.flatnonzero(track.active)
    envelope = track["onset_envelope"][heard[0] : heard[-1] + 1]
    reach = track.settings.n_fft // (2 * track.settings.hop_length)
    return np.concatenate([np.zeros_like(envelope[: reach + 1]), envelope[reach + 1 :]])


@descriptor(
    "track",
    values=[Column("tempo", "BPM", TEMPO_RANGE), Column("tempo_confidence", "", (0, 1))],
    needs=["onset_envelope"],
    sets=["default", "spotify"],
    version=2,
)
def tempo(track: Track) -> tuple[float, float]:
    """Tempo in beats per minute, an estimate (`librosa.feature.tempo`, finer).

    The onset envelope's autocorrelation in windows of 8 s, averaged and weighted with a log-normal
    prior around 120 BPM, has its highest peak at the beat; a parabola through it gives fractions
    of a frame. The confidence is the autocorrelation there of the envelope without its mean, over
    that of the window alone: near 1 for a machine, near 0 without a pulse. NaN where nothing
    repeats.

    References
    ----------
    Ellis, "Beat tracking by dynamic programming", Journal of New Music Research 36(1), 2007.
    """
    envelope = _heard_envelope(track)
    frame_rate = track.settings.frame_rate
    length = round(TEMPOGRAM_SECONDS * frame_rate)
    lags, strength = mean_autocorrelation(envelope, length)
    bpm = 60 * frame_rate / np.maximum(lags, 1)
    # Towards short lags every autocorrelation rises; only where it has a peak something repeats.
    peaked = np.zeros(len(strength), bool)
    peaked[1:-1] = (strength[1:-1] > strength[:-2]) & (strength[1:-1] >= strength[2:])
    allowed = peaked & (bpm >= TEMPO_RANGE[0]) & (bpm <= TEMPO_RANGE[1])
    if not allowed.any():
        return np.nan, np.nan
    prior = -0.5 * np.square(np.log2(bpm / PRIOR_BPM) / PRIOR_OCTAVES)
    score = np.where(allowed, np.log1p(1e6 * np.maximum(strength, 0)) + prior, -np.inf)
    best = int(score.argmax())
    lag = best + _vertex(strength, best)
    return (
        float(np.clip(60 * frame_rate / lag, *TEMPO_RANGE)),
        float(np.clip(_pulse(envelope, length, best), 0, 1)),
    )


def _pulse(envelope: Floats, length: int, lag: int) -> float:
    """Return the autocorrelation at a lag, without the mean and without the window's own share."""
    _, strength = mean_autocorrelation(envelope - envelope.mean(), length)
    share = lag / length
    # How much two Hann windows overlap that lie so far apart, relative to none.
    overlap = (1 - share) * (2 + np.cos(2 * np.pi * share)) / 3
    overlap += np.sin(2 * np.pi * share) / (2 * np.pi)
    return float(strength[lag] / overlap)


@descriptor("window", range=(-1, 1), size=TEMPO_BANDS, needs=["onset_envelope"], sets=["default"])
def tempo_pattern(window: Window) -> Floats:
    """How much repeats at each of 16 tempi: autocorrelation of the onset envelope, 40 to 360 BPM.

    Each value is the highest one in a band of tempi (a ratio of 1.147, slowest first) of the
    autocorrelation of the envelope without its mean, scaled to 1 at lag 0 and to the frames that
    overlap; NaN where the window is too short for the lag.

    References
    ----------
    Tzanetakis and Cook, "Musical genre classification of audio signals", IEEE TSAP 10(5), 2002.
    """
    envelope = window["onset_envelope"]
    count = len(envelope)
    products = _autocorrelation(envelope - envelope.mean(), 2 * count)[:count]
    if not products[0] > 0:
        return np.zeros(TEMPO_BANDS, np.float32)
    strength = products / products[0] * (count / np.arange(count, 0, -1))
    lags, firsts = _tempo_lags(window.settings.frame_rate)
    found = np.interp(lags, np.arange(count), strength)
    found[lags > count - LEAST_OVERLAP * window.settings.frame_rate] = np.nan
    # The longest lag of each band ends it and begins the next.
    highest = np.fmax(np.fmax.reduceat(found, firsts[:-1]), found[firsts[1:]])
    return np.clip(highest[::-1], -1, 1).astype(np.float32)


@lru_cache(maxsize=8)
def _tempo_lags(frame_rate: float) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return the lags at which an autocorrelation can be highest, and where each band begins.

    Between whole frames it runs straight: they and the edges of the bands suffice.
    """
    edges = 60 * frame_rate / np.geomspace(*TEMPO_PATTERN_RANGE[::-1], TEMPO_BANDS + 1)
    whole = np.arange(np.ceil(edges[0]), edges[-1])
    lags = np.union1d(edges, whole)
    return lags, np.searchsorted(lags, edges)


def _autocorrelation(values: Floats, size: int) -> Floats:
    """Return the autocorrelation along the last axis, padded with zeros to `size`."""
    spectra = scipy.fft.rfft(values, size, axis=-1)
    energy = np.square(spectra.real) + np.square(spectra.imag)
    return np.asarray(scipy.fft.irfft(energy, size, axis=-1))


def mean_autocorrelation(envelope: Floats, length: int) -> tuple[NDArray[np.int64], Floats]:
    """Average the autocorrelation of Hann-weighted windows, each scaled to 1 at lag 0.

    Parameters
    ----------
    envelope : ndarray of shape (frames,)
        Onset envelope.
    length : int
        Frames in a window; a shorter envelope is padded with zeros, as its ends are.

    Returns
    -------
    lags, strength : ndarray of shape (length,)
        Lags in frames and the mean autocorrelation there; zeros where nothing rises.
    """
    padded = np.pad(envelope, length // 2)
    if len(padded) < length:
        padded = np.pad(padded, (0, length - len(padded)))
    windows = sliding_window_view(padded, length)[::TEMPOGRAM_STEP]
    size = scipy.fft.next_fast_len(2 * length - 1, real=True)
    total = np.zeros(length)
    count = 0
    for start in range(0, len(windows), 64):
        correlation = _autocorrelation(windows[start : start + 64] * hann(length), size)[:, :length]
        heard = correlation[:, 0] > 0
        total += (correlation[heard] / correlation[heard, :1]).sum(axis=0, dtype=np.float64)
        count += int(heard.sum())
    return np.arange(length), (total / max(count, 1)).astype(np.float32)


def _vertex(values: Floats, index: int) -> float:
    """Offset of the top of the parabola through a maximum and its neighbours, within ±0.5."""
    if not 0 < index < len(values) - 1:
        return 0.0
    before, at, after = (float(values[index + step]) for step in (-1, 0, 1))
    curve = before - 2 * at + after
    return float(np.clip((before - after) / (2 * curve), -0.5, 0.5)) if curve < 0 else 0.0
