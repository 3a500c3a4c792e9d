"""Patches of a track: three seconds of its mel spectrogram each, for networks that look at them.

The track is brought to 16 kHz once, while it is read, and cut into patches that lie end to end.
Ten of them, spread evenly, say what all would; so no more are held than twice as many, of which
those count that have sound. Each is brought to the level of a song as it is published, so that a
quiet copy is the same music. What is made of a patch depends neither on the blocks that the samples
came in, nor on the patches beside it.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import scipy
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from earmark.extract.audio.resample import Resampler
from earmark.extract.engine.windows import gated_level
from earmark.extract.signal import filters
from earmark.extract.signal.frames import hann

if TYPE_CHECKING:
    from collections.abc import Iterable

    from earmark.extract.engine.registry import Descriptor

__all__ = [
    "BANDS",
    "FRAMES",
    "HOP_LENGTH",
    "LENGTH",
    "MOST",
    "N_FFT",
    "SAMPLE_RATE",
    "Patches",
    "log_mel",
]

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]

SAMPLE_RATE = 16000
N_FFT = 512
HOP_LENGTH = 256
BANDS = 96
FRAMES = 187

STEP = FRAMES * HOP_LENGTH
"""Samples from one patch to the next."""

LENGTH = N_FFT + (FRAMES - 1) * HOP_LENGTH
"""Samples under a patch: its frames are centred, and reach over into those beside it."""

SECONDS = STEP / SAMPLE_RATE

MOST = 10
"""Patches that describe a track."""

KEPT = 2 * MOST

LEVEL = -15.0
"""Level in dB relative to full scale to which every patch is brought."""


def log_mel(samples: Floats) -> Floats:
    """Return the mel spectrogram of samples at 16 kHz, as log10(10,000 x + 1).

    x is `librosa.feature.melspectrogram` with 96 bands, windows of 512 samples and steps of 256.

    Parameters
    ----------
    samples : ndarray of shape (samples,), float32
        From half a window before the centre of the first frame to half a window after that of the
        last.

    Returns
    -------
    ndarray of shape (frames, 96), float32
        Frames of which the whole window lies in the samples.

    Examples
    --------
    >>> log_mel(np.zeros(LENGTH, np.float32)).shape
    (187, 96)
    """
    windowed = sliding_window_view(samples, N_FFT)[::HOP_LENGTH] * hann(N_FFT)
    spectra = scipy.fft.rfft(windowed, axis=-1)
    power = np.square(spectra.real) + np.square(spectra.imag)
    levels: Floats = np.log10(np.float32(1e4) * (power @ _bands()) + np.float32(1))
    return levels


@lru_cache(maxsize=1)
def _bands() -> Floats:
    return filters.mel(SAMPLE_RATE, N_FFT, BANDS, SAMPLE_RATE / 2).T.astype(np.float32)


def _levelled(samples: Floats) -> Floats:
    """Bring samples to `LEVEL`; of silence nothing is left."""
    frames = samples[: len(samples) // HOP_LENGTH * HOP_LENGTH].reshape(-1, HOP_LENGTH)
    level = gated_level(np.sqrt(np.square(frames).mean(axis=1)))
    gain = 0.0 if np.isnan(level) else 10 ** ((LEVEL - level) / 20)
    return samples * np.float32(gain)


class Patches:
    """Cut a track into patches while it is read, and describe those that are asked for.

    Parameters
    ----------
    rate : int
        Sample rate of the file in Hz.
    entries : iterable of Descriptor
        Of kind ``embedding``: what describes a patch.
    every : bool
        Whether parts of the track will be asked for, too. Then every patch is described as soon as
        it is complete, since not all can be held.
    """

    def __init__(self, rate: int, entries: Iterable[Descriptor], every: bool) -> None:
        self._entries = {entry.name: entry for entry in entries}
        self._every = every
        self._resampler = Resampler(rate, SAMPLE_RATE)
        # The first frame is centred on the first sample.
        self._pieces = [np.zeros(N_FFT // 2, np.float32)]
        self._length = N_FFT // 2
        self._count = 0
        self._sounding: list[int] = []
        self._stride = 1
        self._samples: dict[int, Floats] = {}
        self._values: dict[tuple[str, int], Floats] = {}

    def feed(self, piece: Floats) -> None:
        """Take the next samples of the mono signal, at the rate of the file."""
        self._append(self._resampler.feed(piece))

    def finish(self) -> None:
        """Take note that there are no more samples."""
        self._append(self._resampler.finish())
        # The last frame reaches over the end by half a window.
        self._append(np.zeros(N_FFT // 2, np.float32))
        rest = np.concatenate(self._pieces)[N_FFT // 2 : -(N_FFT // 2)]
        self._samples[self._count] = _levelled(np.resize(rest, LENGTH))

    def _append(self, piece: Floats) -> None:
        self._pieces.append(piece)
        self._length += len(piece)
        if self._length < LENGTH:
            return
        held = np.concatenate(self._pieces)
        while len(held) >= LENGTH:
            self._take(held[:LENGTH])
            held = held[STEP:]
        self._pieces, self._length = [held], len(held)

    def _take(self, samples: Floats) -> None:
        index = self._count
        self._count += 1
        levelled = _levelled(samples)
        if not levelled.any():
            return
        self._samples[index] = levelled
        self._sounding.append(index)
        if self._every:
            for name in self._entries:
                self._value(name, index)
            self._samples.clear()
        if len(self._sounding) > KEPT * self._stride:
            self._stride *= 2
        kept = self._spread()
        self._samples = {at: own for at, own in self._samples.items() if at in kept}

    def _spread(self) -> list[int]:
        """Return the patches that may describe the track: every one, every second, fourth …."""
        return self._sounding[:: self._stride]

    def _value(self, name: str, index: int) -> Floats:
        key = name, index
        if key not in self._values:
            levels = log_mel(self._samples[index])
            self._values[key] = np.asarray(self._entries[name].function(levels), np.float32)
        return self._values[key]

    def mean(
        self,
        name: str,
        active: NDArray[np.bool_],
        frame_rate: float,
        span: tuple[float, float] | None = None,
    ) -> Doubles:
        """Return the mean of a descriptor over the patches of a track, or of a part of it.

        Those count that have at least half as many active frames as the one with most. Of more than
        ten, ten count.

        What is left at the end and fills no patch is left out, unless it alone has sound: then it
        is repeated until it fills one, as for the training of the network that is used here.

        Parameters
        ----------
        name : str
            Of the descriptor.
        active : ndarray of shape (frames,), bool
            Which frames of the track, or of its part, hold sound.
        frame_rate : float
            Frames in a second.
        span : tuple of float, optional
            Start and end of the part in seconds. Its patches are those whose middle is in it; where
            there is none, the one whose middle is next to its own.

        Returns
        -------
        ndarray of shape (size,)
            As many numbers as the descriptor has.
        """
        candidates = self._between(*span) if span else np.array(self._spread(), np.int64)
        begin = np.rint((candidates * SECONDS - (span[0] if span else 0)) * frame_rate)
        edges = np.stack([begin, begin + round(SECONDS * frame_rate)], 1).clip(0).astype(np.int64)
        counts = np.array([active[start:stop].sum() for start, stop in edges])
        if not counts.any():
            chosen = [self._count]
        else:
            chosen = candidates[2 * counts >= counts.max()].tolist()
        if len(chosen) > MOST:
            # Spread over all but the ends.
            chosen = [chosen[place * len(chosen) // (MOST + 1)] for place in range(1, MOST + 1)]
        values = np.array([self._value(name, index) for index in chosen], np.float64)
        mean: Doubles = values.mean(axis=0)
        return mean

    def _between(self, start: float, stop: float) -> NDArray[np.int64]:
        patches = np.array(self._sounding, np.int64)
        middles = (patches + 0.5) * SECONDS
        inside = (middles >= start) & (middles < stop)
        if not inside.any() and len(patches):
            inside[np.abs(middles - (start + stop) / 2).argmin()] = True
        return patches[inside]
