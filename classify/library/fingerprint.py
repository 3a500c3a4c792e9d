"""Whether two files hold the same recording: their sounds, laid side by side.

The fingerprint is that of Haitsma and Kalker, "A highly robust audio fingerprinting system", ISMIR
2002: for every frame 32 bits say whether the energy of a band, against its neighbour, grew or fell
since the frame before, from 300 to 2000 Hz. Level, equalising, codec and bit rate hardly change
them; another performance, which is never in the same time to some hundredths of a second, changes
half of them. Two fingerprints are laid against each other at every offset, and the share of bits
that differ where it is lowest is the distance: 0 for the same sound, 0.5 for sounds that have
nothing to do with each other. Silence counts for nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from earmark.extract.audio.decode import open_audio
from earmark.extract.audio.resample import resampled

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from earmark.extract.audio.decode import Audio

__all__ = ["SAME", "Fingerprint", "Match", "match", "of_file", "of_samples"]

Floats = NDArray[np.float32]

RATE, FRAME, HOP = 5512, 2048, 128
"""Samples a second, in a frame, and between frames."""

BANDS, LOWEST, HIGHEST = 33, 300.0, 2000.0

SILENT = 1e-6
"""Energy beside that of the loudest frame below which a frame is silent: 60 dB."""

SAME = 0.35
"""Share of differing bits up to which two sounds are one recording, as in the paper."""

LEAST = 4.0
"""Seconds that must be compared: of less, chance finds an offset that fits."""

COVERED = 0.8
"""Share of the shorter sound that must lie within the longer one, and agree with it."""

STRETCH = 3.0
"""Seconds that are judged by themselves, as in the paper."""

LONGEST = 600.0
"""Seconds that are looked at of a file; the rest of a long mix says nothing new."""

CHUNK = 512


@dataclass(frozen=True)
class Fingerprint:
    """What is kept of a sound.

    Parameters
    ----------
    words : ndarray of shape (frames,)
        Of each frame the 32 bits, the lowest band first.
    sounding : ndarray of shape (frames,)
        Whether it is none of silence, whose bits say nothing.
    """

    words: NDArray[np.uint32]
    sounding: NDArray[np.bool_]

    @property
    def signs(self) -> NDArray[np.int8]:
        """1 or -1 for each bit of each frame, and 0 in silence."""
        bits = (self.words[:, None] >> np.arange(BANDS - 1, dtype=np.uint32)) & 1
        return (2 * bits.astype(np.int8) - 1) * self.sounding[:, None]

    @property
    def seconds(self) -> float:
        """How long it sounds."""
        return float(self.sounding.sum() * HOP / RATE)


@dataclass(frozen=True)
class Match:
    """How two sounds fit where they fit best.

    Parameters
    ----------
    distance : float
        Share of the bits that differ; 1 where too little can be compared.
    offset : float
        Seconds by which the second begins later in its file.
    seconds : float
        How much could be compared.
    agreeing : float
        Share of the stretches of `STRETCH` seconds that agree by themselves.
    """

    distance: float
    offset: float
    seconds: float
    agreeing: float

    @property
    def same(self) -> bool:
        """Whether they are one recording."""
        return self.distance <= SAME and self.agreeing >= COVERED


def of_file(path: str | Path) -> Fingerprint:
    """Return the fingerprint of an audio file.

    Raises
    ------
    DecodeError
        It is not audio.
    """
    with open_audio(path) as audio:
        begun = resampled(_beginning(audio), audio.sample_rate, RATE)
        return of_samples(np.concatenate([np.empty(0, np.float32), *begun]))


def _beginning(audio: Audio) -> Iterator[Floats]:
    """Yield the mean of the channels, of as much as is looked at."""
    length = 0
    for block in audio.blocks:
        yield block.mean(axis=1)
        length += len(block)
        if length >= LONGEST * audio.sample_rate:
            return


def of_samples(samples: Floats) -> Fingerprint:
    """Return the fingerprint of samples at `RATE`."""
    if len(samples) < FRAME + HOP:
        return Fingerprint(np.zeros(0, np.uint32), np.zeros(0, bool))
    frames = np.lib.stride_tricks.sliding_window_view(samples, FRAME)[::HOP]
    frequencies = np.fft.rfftfreq(FRAME, 1 / RATE)
    edges = np.searchsorted(frequencies, np.geomspace(LOWEST, HIGHEST, BANDS + 1))
    window = np.hanning(FRAME).astype(np.float32)
    energy = np.empty((len(frames), BANDS), np.float32)
    for start in range(0, len(frames), CHUNK):
        power = np.abs(np.fft.rfft(frames[start : start + CHUNK] * window)) ** 2
        energy[start : start + CHUNK] = np.add.reduceat(power[:, : edges[-1]], edges[:-1], axis=1)
    slopes = np.diff(energy, axis=1)
    bits = (np.diff(slopes, axis=0) > 0).astype(np.uint32)
    words = (bits << np.arange(BANDS - 1, dtype=np.uint32)).sum(axis=1, dtype=np.uint32)
    level = energy.sum(axis=1)
    silent = level <= SILENT * level.max()
    return Fingerprint(words, ~(silent[1:] | silent[:-1]))


def match(one: Fingerprint, other: Fingerprint) -> Match:
    """Lay two fingerprints against each other at every offset, and return the best.

    The offset must leave `COVERED` of the shorter sound within the longer one, and as many of the
    stretches there must agree: that part of two pieces are the same, such as a sample that one
    takes from the other, does not make them one.
    """
    from scipy.fft import irfft, next_fast_len, rfft

    size = next_fast_len(len(one.words) + len(other.words) + 1, real=True)
    a, b = (rfft(each.signs.T.astype(np.float32), size) for each in (one, other))
    agree = irfft((a.conj() * b).sum(axis=0), size)
    sounds = [each.sounding.astype(np.float32) for each in (one, other)]
    heard = irfft(rfft(sounds[0], size).conj() * rfft(sounds[1], size), size)
    needed = max(LEAST * RATE / HOP, COVERED * min(sound.sum() for sound in sounds))
    possible = heard >= needed - 0.5
    if not possible.any():
        return Match(1.0, 0.0, 0.0, 0.0)
    shares = np.where(possible, agree / np.maximum(heard, 1) / (BANDS - 1), -np.inf)
    best = int(np.argmax(shares))
    offset = best if best < len(other.words) else best - size
    distance = (1 - float(shares[best])) / 2
    seconds = float(heard[best] * HOP / RATE)
    return Match(distance, offset * HOP / RATE, seconds, _agreeing(one, other, offset))


def _agreeing(one: Fingerprint, other: Fingerprint, offset: int) -> float:
    """Return the share of stretches that agree where the second begins so many frames later."""
    left, right = one.signs[max(-offset, 0) :], other.signs[max(offset, 0) :]
    length = min(len(left), len(right))
    products = left[:length] * right[:length]
    size = round(STRETCH * RATE / HOP)
    starts = np.arange(0, max(length - size // 2, 1), size)
    sums = np.add.reduceat(products.sum(axis=1, dtype=np.int64), starts)
    known = np.add.reduceat(np.count_nonzero(products, axis=1), starts)
    heard = known > known.max() / 4
    distances = (1 - sums[heard] / known[heard]) / 2
    return float((distances <= SAME).mean())
