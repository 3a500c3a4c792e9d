"""Blocks of samples become windows, power spectra and the series that descriptors share.

One pass: each block is metered at the file's own rate, mixed down, resampled, framed and
transformed, and every frame descriptor is called on the spectra while they are in the cache. What
stays is a few values per frame, the `Series`; whole spectrograms are never held, so that memory
grows by some hundred bytes per frame and not by thousands.

Frames are librosa's: centred, with zeros before the first and after the last sample, a periodic
Hann window, 1 + samples // hop_length of them. The rate, the window and the hop belong to the
`Block` and the `Series`; no descriptor has a rate of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
import scipy.fft
import soxr
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from extract import registry
from extract.config import Settings
from extract.decode import Audio
from extract.kernels import Meter, moments, powers

__all__ = ["Block", "Series", "analyse", "frequencies", "hann"]

Floats = NDArray[np.float32]

FRAMES_PER_BLOCK = 64
"""Frames transformed at once: their spectra (half a megabyte) stay in a second-level cache."""


@lru_cache(maxsize=8)
def frequencies(settings: Settings) -> NDArray[np.floating[Any]]:
    """Return the frequencies in Hz of the bins that descriptors see: from 0 up to `fmax`."""
    bins = np.fft.rfftfreq(settings.n_fft, 1 / settings.sample_rate)
    return bins[bins <= settings.fmax]


@lru_cache(maxsize=8)
def hann(length: int) -> Floats:
    """Return the periodic Hann window, as librosa takes it."""
    return (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(length) / length)).astype(np.float32)


class Block:
    """A run of consecutive frames, with everything of them that descriptors share.

    Parameters
    ----------
    settings : Settings
        Holds the sample rate, window and hop of these frames.
    span : ndarray of shape (n_fft + (frames - 1) * hop_length,), float32
        The samples under the frames.
    previous : Block, optional
        The block before, for what compares a frame to the one before it.
    """

    def __init__(self, settings: Settings, span: Floats, previous: Block | None = None) -> None:
        self.settings = settings
        self.span = span
        self._last_magnitude = None if previous is None else previous.magnitude[-1]

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
        return self.power.mean(axis=1, keepdims=True)

    @cached_property
    def moments(self) -> NDArray[np.float64]:
        """Sums of magnitude, magnitude x frequency and x frequency², shape (frames, 3)."""
        return moments(self.magnitude, self.frequencies)

    @cached_property
    def magnitude_before(self) -> Floats:
        """Magnitude spectra of the frames one earlier, shape (frames, bins); zeros at the start."""
        before = np.empty_like(self.magnitude)
        before[0] = 0 if self._last_magnitude is None else self._last_magnitude
        before[1:] = self.magnitude[:-1]
        return before


@dataclass(frozen=True)
class Series:
    """The series of a track, or of a window of it: what track descriptors work on.

    Parameters
    ----------
    settings : Settings
        Holds the rate of the frames.
    seconds : float
        Duration of the track or window.
    energies : ndarray of shape (steps,), float64
        Mean square of the K-weighted channels, weighted and summed, per step of 100 ms.
    """

    settings: Settings
    seconds: float
    energies: NDArray[np.float64]
    _kept: dict[str, Floats] = field(repr=False)
    _frames: slice = field(default_factory=lambda: slice(None))
    _track: Series | None = field(default=None, repr=False)

    def __getitem__(self, name: str) -> Floats:
        """Return a series by the name of its descriptor, computed once for the whole track."""
        if name not in self._kept:
            self._kept[name] = registry.get(name).function(self._track or self)
        return self._kept[name][self._frames]

    def __len__(self) -> int:
        count = len(next(iter(self._kept.values()), ()))
        return len(range(*self._frames.indices(count)))

    def windows(self, seconds: float) -> Iterator[tuple[float, Series]]:
        """Cut the track into windows of about `seconds`, all of the same length.

        Yields
        ------
        start : float
            Where the window begins, in seconds.
        window : Series
            The part of every series that lies in it.
        """
        count = max(1, round(self.seconds / seconds))
        edges = np.linspace(0, self.seconds, count + 1)
        frames = np.rint(edges * self.settings.frame_rate).astype(int)
        steps = np.rint(edges * Meter.STEPS_PER_SECOND).astype(int)
        frames[-1], steps[-1] = len(self), len(self.energies)
        for index in range(count):
            yield (
                float(edges[index]),
                Series(
                    self.settings,
                    float(edges[index + 1] - edges[index]),
                    self.energies[steps[index] : steps[index + 1]],
                    self._kept,
                    slice(int(frames[index]), int(frames[index + 1])),
                    self,
                ),
            )


def analyse(audio: Audio, settings: Settings, descriptors: Iterable[registry.Descriptor]) -> Series:
    """Read the audio once and return the series that the descriptors need.

    Parameters
    ----------
    audio : Audio
        An open file.
    settings : Settings
        Rate, window, hop and band.
    descriptors : iterable of Descriptor
        What is wanted; what they need is found from their declarations.
    """
    wanted = [entry for entry in registry.closure(descriptors) if entry.kind == "frame"]
    meter = Meter(audio.sample_rate, audio.channels)
    parts: dict[str, list[Floats]] = {entry.name: [] for entry in wanted}
    previous = None
    for span in _spans(_resampled(meter, audio, settings), settings):
        block = Block(settings, span, previous)
        for entry in wanted:
            parts[entry.name].append(entry.function(block))
        previous = block
    seconds = meter.samples / audio.sample_rate
    # Popped, so that the pieces of one series go before the next is laid together.
    kept = {
        entry.name: np.concatenate(parts.pop(entry.name) or [np.empty(0, np.float32)])
        for entry in wanted
    }
    return Series(settings, seconds, meter.energies(), kept)


def _resampled(meter: Meter, audio: Audio, settings: Settings) -> Iterator[Floats]:
    """Meter each block, mix it down and bring it to the rate of the settings."""
    if audio.sample_rate == settings.sample_rate:
        for block in audio.blocks:
            yield meter.feed(block)
        return
    stream = soxr.ResampleStream(
        audio.sample_rate, settings.sample_rate, 1, dtype="float32", quality="HQ"
    )
    for block in audio.blocks:
        yield stream.resample_chunk(meter.feed(block))
    yield stream.resample_chunk(np.empty(0, np.float32), last=True)


def _spans(pieces: Iterable[Floats], settings: Settings) -> Iterator[Floats]:
    """Cut mono samples into the overlapping spans of some frames each; see `Block`."""
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
    # Less than one window of sound says nothing about the music.
    if total < n_fft:
        return
    held = np.concatenate([held, np.zeros(n_fft // 2, np.float32)])
    for start in range(0, len(held) - n_fft + 1, step):
        frames = 1 + (min(len(held), start + length) - start - n_fft) // hop_length
        yield held[start : start + n_fft + (frames - 1) * hop_length]
