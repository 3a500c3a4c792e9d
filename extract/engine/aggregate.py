"""Windows become summaries, and the summaries of a track its row of values.

A window is summed up as soon as it is whole: the moments of its series over the frames that are
sound, its own values, and the few series of one value per frame that descriptors of tracks need.
Means and deviations of a track follow exactly from those of its windows.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from earmark.extract.config import DEFAULTS, Settings
from earmark.extract.engine import registry
from earmark.extract.engine.windows import ACTIVE_RANGE, Window, gated_level
from earmark.extract.signal.kernels import mean_variance

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from earmark.extract.engine.registry import Descriptor
    from earmark.extract.signal.loudness import Energies

__all__ = ["STATISTICS", "Plan", "Summary", "TrackSummary", "plan", "row", "summarise"]

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
T = TypeVar("T")

STATISTICS: dict[str, Callable[[Doubles, Doubles], Doubles]] = {
    "mean": lambda mean, variance: mean,
    "std": lambda mean, variance: np.sqrt(variance),
}
"""Statistics over frames from their mean and variance.

None depends on the number of frames: minimum, maximum and count would."""


@dataclass(frozen=True)
class Plan:
    """What has to be computed for some descriptors, found from their declarations.

    Parameters
    ----------
    frames : tuple of Descriptor
        To be called on every block.
    windows : tuple of Descriptor
        To be called on every window.
    moments : tuple of str
        The series whose mean and variance are needed.
    kept : tuple of str
        The series of one value per frame that are needed of the whole track.
    peaks : bool
        Whether the meter has to measure true peaks.
    """

    frames: tuple[Descriptor, ...]
    windows: tuple[Descriptor, ...]
    moments: tuple[str, ...]
    kept: tuple[str, ...]
    peaks: bool


@lru_cache(maxsize=8)
def plan(descriptors: tuple[Descriptor, ...]) -> Plan:
    """Return what has to be computed for the descriptors of a set."""
    # Every window measures its level.
    entries = registry.closure((registry.get("frame_rms"), *descriptors))
    moments = [entry.name for entry in _described(descriptors) if entry.stats]
    kept = ["frame_rms"]
    for entry in entries:
        if entry.kind == "track":
            # Of one value per frame a track keeps all, of several only the moments; what windows
            # gave is there in any case.
            series = [registry.get(need) for need in entry.needs]
            series = [need for need in series if need.kind in ("frame", "series")]
            kept += [need.name for need in series if need.size is None]
            moments += [need.name for need in series if need.size is not None]
    return Plan(
        tuple(entry for entry in entries if entry.kind == "frame"),
        tuple(entry for entry in entries if entry.kind == "window"),
        tuple(dict.fromkeys(moments)),
        tuple(dict.fromkeys(kept)),
        any(entry.peaks for entry in entries),
    )


@dataclass(frozen=True)
class Summary:
    """What stays of a window.

    Parameters
    ----------
    start : int
        Its first frame within the track.
    level : float
        Its level in dB relative to full scale, NaN for silence.
    active : ndarray of shape (frames,), bool
        Which frames are sound.
    moments : dict of ndarray of shape (2, size)
        Mean and variance over the active frames, by the name of the series.
    kept : dict of ndarray of shape (frames,)
        Series of one value per frame.
    values : dict of ndarray
        What window descriptors gave.
    """

    start: int
    level: float
    active: NDArray[np.bool_]
    moments: dict[str, Doubles]
    kept: dict[str, Floats]
    values: dict[str, Floats]


def summarise(window: Window, todo: Plan) -> Summary:
    """Sum up a window; a silent one has neither moments nor values."""
    kept = {name: np.array(window[name]) for name in todo.kept}
    moments: dict[str, Doubles] = {}
    values: dict[str, Floats] = {}
    if window.active.any():
        series = [window[name].reshape(len(window), -1) for name in todo.moments]
        if series:
            edges = np.cumsum([part.shape[1] for part in series])[:-1]
            both = mean_variance(np.concatenate(series, axis=1), window.active)
            moments = dict(zip(todo.moments, np.split(both, edges, axis=1), strict=True))
        values = {
            entry.name: np.atleast_1d(np.asarray(entry.function(window), np.float32))
            for entry in todo.windows
        }
    return Summary(window.start, window.level, window.active, moments, kept, values)


class TrackSummary:
    """A track, or a stretch of it, by the summaries of its windows.

    Parameters
    ----------
    settings : Settings
        Holds the rate of the frames.
    seconds : float
        Its duration.
    energies : Energies
        What the meter gave.
    summaries : sequence of Summary
        Its windows in order.
    level : float, optional
        Level in dB of the whole where this is a stretch of it. Windows 60 dB below are silence.
    """

    def __init__(
        self,
        settings: Settings,
        seconds: float,
        energies: Energies,
        summaries: Sequence[Summary],
        level: float | None = None,
    ) -> None:
        self.settings = settings
        self.seconds = seconds
        self.energies = energies
        self._summaries = summaries
        self._whole = level
        self._known: dict[Callable[[TrackSummary], Any], Any] = {}

    def once(self, function: Callable[[TrackSummary], T]) -> T:
        """Return what a function says of the track; what several descriptors need, once."""
        if function not in self._known:
            self._known[function] = function(self)
        found: T = self._known[function]
        return found

    @cached_property
    def level(self) -> float:
        """Level in dB relative to full scale, NaN for silence; see `gated_level`."""
        return gated_level(self["frame_rms"]) if self._summaries else np.nan

    def _is_heard(self, entry: Summary) -> bool:
        """Tell whether a window is more than silence beside the rest."""
        level = self.level if self._whole is None else self._whole
        return entry.level >= level - ACTIVE_RANGE

    @cached_property
    def _heard(self) -> list[Summary]:
        """The windows that are more than silence beside the rest."""
        return [entry for entry in self._summaries if self._is_heard(entry)]

    @cached_property
    def active(self) -> NDArray[np.bool_]:
        """Which frames are sound, shape (frames,)."""
        parts = (entry.active & self._is_heard(entry) for entry in self._summaries)
        return np.concatenate([np.zeros(0, bool), *parts])

    @cached_property
    def _weights(self) -> Doubles:
        counts = np.array([entry.active.sum() for entry in self._heard], np.float64)
        return counts / counts.sum()

    def __getitem__(self, name: str) -> Floats:
        """Return a series of one value per frame by the name of its descriptor."""
        return np.concatenate([entry.kept[name] for entry in self._summaries])

    def moments(self, name: str) -> tuple[Doubles, Doubles]:
        """Return mean and variance of a series over the active frames, each of shape (size,)."""
        parts = np.array([entry.moments[name] for entry in self._heard])
        mean = self._weights @ parts[:, 0]
        # The spread within the windows, and that of their means.
        return mean, self._weights @ (parts[:, 1] + np.square(parts[:, 0] - mean))

    def values(self, name: str) -> Doubles:
        """Return the mean over the windows of what a window descriptor gave, shape (size,).

        Windows count by their active frames; where one has no answer the others decide.
        """
        parts = np.array([entry.values[name] for entry in self._heard], np.float64)
        weights = self._weights[:, None] * np.isfinite(parts)
        total = weights.sum(axis=0)
        sums = (weights * np.nan_to_num(parts)).sum(axis=0)
        return np.where(total > 0, sums / np.where(total > 0, total, 1), np.nan)

    def stretches(self) -> list[tuple[float, TrackSummary]]:
        """Return each window as a track of its own, with its start in seconds."""
        if not self._summaries:
            return [(0.0, self)]
        rate = self.settings.frame_rate
        edges = [*(entry.start / rate for entry in self._summaries), self.seconds]
        return [
            (
                start,
                TrackSummary(
                    self.settings,
                    stop - start,
                    self.energies.between(start, stop),
                    [entry],
                    self.level,
                ),
            )
            for entry, start, stop in zip(self._summaries, edges[:-1], edges[1:], strict=True)
        ]

    def __bool__(self) -> bool:
        """Whether there is any sound."""
        return bool(self._heard)


def _described(descriptors: Iterable[Descriptor]) -> tuple[Descriptor, ...]:
    """Return the descriptors, and those whose columns their estimates read, in that order."""
    read = [registry.get(need) for d in descriptors if d.kind == "estimate" for need in d.needs]
    return tuple(dict.fromkeys((*descriptors, *read)))


def row(track: TrackSummary, descriptors: Sequence[Descriptor]) -> Doubles:
    """Compute the values of the descriptors' columns, in order.

    Statistics are taken over the active frames alone: silence around the music says nothing of
    it. What needs frames is NaN where none is active.
    """
    values = {
        entry.name: _values(track, entry)
        for entry in _described(descriptors)
        if entry.kind != "estimate"
    }
    estimates = [entry for entry in descriptors if entry.kind == "estimate"]
    if estimates and track and track.settings == DEFAULTS:
        names = _columns(tuple(values), track.settings)
        known = dict(zip(names, np.concatenate(list(values.values())).tolist(), strict=True))
        values |= {entry.name: np.array([entry.function(known)]) for entry in estimates}
    else:
        values |= {entry.name: np.array([np.nan]) for entry in estimates}
    return np.concatenate([values[entry.name] for entry in descriptors])


@lru_cache(maxsize=8)
def _columns(names: tuple[str, ...], settings: Settings) -> tuple[str, ...]:
    """Return the columns of the descriptors of these names."""
    return tuple(c.name for name in names for c in registry.get(name).columns(settings))


def _values(track: TrackSummary, entry: Descriptor) -> Doubles:
    if not track and (entry.needs or entry.kind != "track"):
        return np.full(len(entry.columns(track.settings)), np.nan)
    if entry.kind == "track":
        return np.atleast_1d(np.asarray(entry.function(track), np.float64))
    if entry.kind == "window":
        return track.values(entry.name)
    moments = track.moments(entry.name)
    return np.concatenate([STATISTICS[stat](*moments) for stat in entry.stats])
