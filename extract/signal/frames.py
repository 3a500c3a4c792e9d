"""Blocks of samples become frames and their power spectra.

One pass: the loudness of each block is measured at the sample rate of the file; then the block is
mixed down, freed of what lies below 20 Hz, resampled, cut into frames and transformed. Every frame
descriptor is called on the spectra while they are in the cache.

Frames are librosa's: centred, with zeros before the first and after the last sample, a periodic
Hann window, 1 + samples // hop_length of them. Sample rate, window and hop are those of the
settings, the same for all descriptors.
"""

from __future__ import annotations

from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from earmark.extract.audio.resample import resampled
from earmark.extract.signal.highpass import HighPass
from earmark.extract.signal.spectral_loops import moments, powers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from earmark.extract.audio.decode import Audio
    from earmark.extract.config import Settings
    from earmark.extract.signal.loudness import LoudnessMeter

__all__ = ["Block", "blocks", "frequencies", "hann"]

Floats = NDArray[np.float32]

FRAMES_PER_BLOCK = 64
"""Frames transformed at once: their spectra (half a megabyte) stay in a second-level cache."""


@lru_cache(maxsize=8)
def frequencies(settings: Settings) -> NDArray[np.floating[Any]]:
    """Return the frequencies in Hz of the bins that descriptors use: from 0 up to `fmax`."""
    bins = np.fft.rfftfreq(settings.n_fft, 1 / settings.sample_rate)
    return bins[bins <= settings.fmax]


@lru_cache(maxsize=8)
def hann(length: int) -> Floats:
    """Return the periodic Hann window of a length in samples, as librosa uses it.

    Examples
    --------
    >>> hann(4).tolist()
    [0.0, 0.5, 1.0, 0.5]
    """
    return (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(length) / length)).astype(np.float32)


class Block:
    """Consecutive frames, with everything of them that several descriptors use.

    Parameters
    ----------
    settings : Settings
        Holds the sample rate, window and hop of these frames.
    span : ndarray of shape (n_fft + (frames - 1) * hop_length,), float32
        The samples under the frames.
    previous : Block, optional
        The block before, for descriptors that compare a frame to the one before it.
    """

    def __init__(self, settings: Settings, span: Floats, previous: Block | None = None) -> None:
        self.settings = settings
        self.span = span
        self._last_magnitude: Floats | None = None
        self._previous: Block | None = None
        if previous is not None and "magnitude" in vars(previous):
            self._last_magnitude = previous.magnitude[-1]
        elif previous is not None:
            # Its spectra have not been needed so far. A copy without the block before it: that
            # one would keep the one before, and so on.
            self._previous = Block(settings, previous.span)

    @cached_property
    def frequencies(self) -> Floats:
        """Frequencies of the bins in Hz, shape (bins,); see `frequencies`."""
        return frequencies(self.settings).astype(np.float32)

    @cached_property
    def power(self) -> Floats:
        """Power spectra |STFT|², shape (frames, bins)."""
        n_fft, hop_length = self.settings.n_fft, self.settings.hop_length
        windowed = sliding_window_view(self.span, n_fft)[::hop_length] * hann(n_fft)
        return powers(scipy.fft.rfft(windowed, axis=-1, overwrite_x=True), len(self.frequencies))

    @cached_property
    def magnitude(self) -> Floats:
        """Magnitude spectra |STFT|, shape (frames, bins)."""
        return np.sqrt(self.power)

    @cached_property
    def mean_power(self) -> Floats:
        """Mean of the power over the bins, shape (frames, 1)."""
        mean: Floats = self.power.mean(axis=1, keepdims=True)
        return mean

    @cached_property
    def moments(self) -> NDArray[np.float64]:
        """Sums of magnitude, magnitude x frequency and x frequency², shape (frames, 3)."""
        return moments(self.magnitude, self.frequencies)

    @cached_property
    def magnitude_before(self) -> Floats:
        """Magnitude spectra of the frames one earlier, shape (frames, bins); zeros at the start."""
        before = np.empty_like(self.magnitude)
        if self._previous is not None:
            self._last_magnitude = self._previous.magnitude[-1]
        before[0] = 0 if self._last_magnitude is None else self._last_magnitude
        before[1:] = self.magnitude[:-1]
        return before


def blocks(
    audio: Audio,
    meter: LoudnessMeter,
    settings: Settings,
    listen: Callable[[Floats], None] | None = None,
) -> Iterator[Block]:
    """Read the audio once, through the loudness meter, and yield its frames block after block.

    Parameters
    ----------
    audio : Audio
        An open file.
    meter : LoudnessMeter
        Takes every sample, at the sample rate of the file.
    settings : Settings
        Sample rate, window, hop and band of the frames.
    listen : callable, optional
        Called with every piece of the mono signal without what lies below 20 Hz, at the sample
        rate of the file.

    Yields
    ------
    Block
        Of 64 frames, the last of fewer; none of a file shorter than one window.
    """
    previous = None
    audible = _audible((meter.feed(block) for block in audio.blocks), audio.sample_rate)
    heard = audible if listen is None else _heard(audible, listen)
    mono = resampled(heard, audio.sample_rate, settings.sample_rate)
    for span in _spans(mono, settings):
        block = Block(settings, span, previous)
        yield block
        previous = block


def _audible(pieces: Iterable[Floats], rate: int) -> Iterator[Floats]:
    """Remove what lies below 20 Hz."""
    highpass = HighPass(rate)
    for piece in pieces:
        yield highpass.feed(piece)
    yield highpass.finish()


def _heard(pieces: Iterable[Floats], listen: Callable[[Floats], None]) -> Iterator[Floats]:
    for piece in pieces:
        listen(piece)
        yield piece


def _spans(pieces: Iterable[Floats], settings: Settings) -> Iterator[Floats]:
    """Cut mono samples into overlapping spans, each of the samples under a block; see `Block`."""
    n_fft, hop_length = settings.n_fft, settings.hop_length
    length = (FRAMES_PER_BLOCK - 1) * hop_length + n_fft
    step = FRAMES_PER_BLOCK * hop_length
    held = np.zeros(n_fft // 2, np.float32)
    total = 0
    for piece in pieces:
        total += len(piece)
        held = np.concatenate([held, piece])
        start = 0
        while len(held) - start >= length:
            yield held[start : start + length]
            start += step
        held = held[start:]
    # Less than one window is too short to describe.
    if total < n_fft:
        return
    held = np.concatenate([held, np.zeros(n_fft // 2, np.float32)])
    for start in range(0, len(held) - n_fft + 1, step):
        frames = 1 + (min(len(held), start + length) - start - n_fft) // hop_length
        yield held[start : start + n_fft + (frames - 1) * hop_length]
