"""Frames are gathered into windows of some seconds, which are described one after the other.

Series are held in memory for one window at a time, so that ten hours need hardly more memory than
ten minutes. Each window is brought to the same level, and decides by itself which of its frames are
silence.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from earmark.extract.engine import registry

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from earmark.extract.config import Settings

__all__ = ["ACTIVE_RANGE", "REFERENCE_LEVEL", "Window", "WindowCutter", "gated_level"]

Floats = NDArray[np.float32]

REFERENCE_LEVEL = -23.0
"""Level in dB relative to full scale to which every window is brought before it is described."""

ACTIVE_RANGE = 60.0
"""Frames more than this many dB below the level of their window count as silence."""


def gated_level(rms: Floats) -> float:
    """Return the level of frames in dB relative to full scale.

    Gated like BS.1770, so that silence before, within or after the music does not count: frames
    within 60 dB of the loudest, then those within 10 dB of the mean of these. The first gate is
    relative, unlike the standard's, so that gain changes nothing.

    Parameters
    ----------
    rms : ndarray of shape (frames,)
        Root mean square of each frame, full scale being 1.

    Returns
    -------
    float
        NaN where no frame reaches -90 dB, the level of the dither of 16 bits: silence.
    """
    power = np.square(rms, dtype=np.float64)
    if not len(power) or power.max() < 1e-9:
        return np.nan
    power = power[power > 1e-6 * power.max()]
    power = power[power > 0.1 * power.mean()]
    return float(10 * np.log10(power.mean()))


class Window:
    """The series of some seconds: what `series` and `window` descriptors work on.

    Parameters
    ----------
    settings : Settings
        Holds the rate of the frames.
    start : int
        Its first frame within the track.
    series : dict of ndarray
        The series of the frame descriptors, of shape (frames,) or (frames, size), by name.
    before, after : dict of ndarray
        The row of each of them before and after the window; empty at the ends of the track.
    """

    def __init__(
        self,
        settings: Settings,
        start: int,
        series: Mapping[str, Floats],
        before: Mapping[str, Floats],
        after: Mapping[str, Floats],
    ) -> None:
        self.settings = settings
        self.start = start
        self.before = before
        self.after = after
        self._series = dict(series)

    def __getitem__(self, name: str) -> Floats:
        """Return a series by the name of its descriptor, computed once."""
        if name not in self._series:
            self._series[name] = registry.get(name).function(self)
        return self._series[name]

    def __len__(self) -> int:
        return len(self["frame_rms"])

    @cached_property
    def level(self) -> float:
        """Its level in dB relative to full scale, NaN for silence; see `gated_level`."""
        return gated_level(self["frame_rms"])

    @cached_property
    def gain(self) -> np.float32:
        """The gain in dB that brings it to the reference level; 0 for silence."""
        return np.float32(0 if np.isnan(self.level) else REFERENCE_LEVEL - self.level)

    @cached_property
    def active(self) -> NDArray[np.bool_]:
        """Which frames hold sound, shape (frames,): those within 60 dB of the level.

        Frames that reach from the sound into silence, or past the ends of the track, contain a step
        that is not in the music, and are not active. Of a sound shorter than a frame the middle
        ones are.
        """
        if np.isnan(self.level):
            return np.zeros(len(self), bool)
        threshold = 10 ** ((self.level - ACTIVE_RANGE) / 20)
        reach = self.settings.n_fft // (2 * self.settings.hop_length)
        # Where the frame just outside the window has sound, it is taken to go on there.
        margin = 2 * reach + 1
        before, after = (
            np.full(margin, beyond.get("frame_rms", 0.0) >= threshold)
            for beyond in (self.before, self.after)
        )
        loud = np.concatenate([before, self["frame_rms"] >= threshold, after])
        steps = np.flatnonzero(np.diff(loud, prepend=False, append=False))
        for start, stop in steps.reshape(-1, 2):
            cut = min(reach, (stop - start - 1) // 2)
            loud[start : start + cut] = False
            loud[stop - cut : stop] = False
        return loud[margin:-margin]

    def active_rows(self, name: str) -> Floats:
        """Return the rows of a series whose frames are active."""
        values = self[name]
        return values if self.active.all() else values[self.active]


class WindowCutter:
    """Cut the series of frame descriptors into windows of the same length.

    The last window holds the rest: between a half and one and a half lengths, or less where the
    track itself is shorter.

    Parameters
    ----------
    settings : Settings
        Holds the rate of the frames.
    seconds : float
        Length of a window.
    """

    def __init__(self, settings: Settings, seconds: float) -> None:
        self._settings = settings
        self._length = seconds * settings.frame_rate
        self._held: dict[str, list[Floats]] = {}
        self._count = 0
        self._start = 0
        self._index = 0
        self._before: dict[str, Floats] = {}

    def feed(self, series: Mapping[str, Floats]) -> Iterator[Window]:
        """Take the series of a block and yield each window that it completes."""
        for name, values in series.items():
            self._held.setdefault(name, []).append(values)
        self._count += len(next(iter(series.values())))
        while self._count >= 1.5 * self._length:
            edge = round((self._index + 1) * self._length)
            yield self._cut(edge - self._start)

    def finish(self) -> Iterator[Window]:
        """Yield the last window."""
        if self._count:
            yield self._cut(self._count)

    def _cut(self, frames: int) -> Window:
        joined = {name: np.concatenate(parts) for name, parts in self._held.items()}
        window = Window(
            self._settings,
            self._start,
            {name: values[:frames] for name, values in joined.items()},
            self._before,
            {name: values[frames] for name, values in joined.items() if frames < len(values)},
        )
        self._before = {name: values[frames - 1] for name, values in joined.items()}
        self._held = {name: [values[frames:]] for name, values in joined.items()}
        self._count -= frames
        self._start += frames
        self._index += 1
        return window
