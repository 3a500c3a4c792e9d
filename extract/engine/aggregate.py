"""Windows become summaries, and the summaries of a track its row of values.

A window is summarised as soon as its last frame is there: mean and variance of its series over the
active frames, the values of the window descriptors, and the few series of one value per frame that
track descriptors need. Means and deviations of a track follow exactly from those of its windows.
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
from earmark.extract.signal.spectral_loops import mean_variance

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from earmark.extract.engine.patches import Patches
    from earmark.extract.engine.registry import Descriptor
    from earmark.extract.signal.loudness import Energies

__all__ = ["Plan", "Summary", "TrackSummary", "plan", "row", "summarise"]

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
T = TypeVar("T")


@dataclass(frozen=True)
class Plan:
    """What has to be computed for some descriptors, derived from their declarations.

    Parameters
    ----------
    frames : tuple of Descriptor
        To be called on every block.
    windows : tuple of Descriptor
        To be called on every window.
    embeddings : tuple of Descriptor
        To be called on patches.
    moments : tuple of str
        The series whose mean and variance are needed.
    per_frame : tuple of str
        The series of one value per frame that are kept for the whole track.
    peaks : bool
        Whether the loudness meter has to measure true peaks.
    """

    frames: tuple[Descriptor, ...]
    windows: tuple[Descriptor, ...]
    embeddings: tuple[Descriptor, ...]
    moments: tuple[str, ...]
    per_frame: tuple[str, ...]
    peaks: bool


@lru_cache(maxsize=8)
def plan(descriptors: tuple[Descriptor, ...]) -> Plan:
    """Return what has to be computed for some descriptors, such as those of a set."""
    # Every window measures its level.
    entries = registry.closure((registry.get("frame_rms"), *descriptors))
    moments = [entry.name for entry in _with_inputs(descriptors) if entry.stats]
    per_frame = ["frame_rms"]
    for entry in entries:
        if entry.kind == "track":
            # A track keeps all of a series of one value per frame, and only the moments of one of
            # several; the values of windows are kept in any case.
            series = [registry.get(need) for need in entry.needs]
            series = [need for need in series if need.kind in ("frame", "series")]
            per_frame += [need.name for need in series if need.size is None]
            moments += [need.name for need in series if need.size is not None]
    return Plan(
        tuple(entry for entry in entries if entry.kind == "frame"),
        tuple(entry for entry in entries if entry.kind == "window"),
        tuple(entry for entry in entries if entry.kind == "embedding"),
        tuple(dict.fromkeys(moments)),
        tuple(dict.fromkeys(per_frame)),
        any(entry.peaks for entry in entries),
    )


@dataclass(frozen=True)
class Summary:
    """What is kept of a window.

    Parameters
    ----------
    start : int
        Its first frame within the track.
    level : float
        Its level in dB relative to full scale; NaN where no frame is active, so that the window is
        not heard.
    active : ndarray of shape (frames,), bool
        Which frames hold sound.
    moments : dict of ndarray of shape (2, size)
        Mean and variance over the active frames, by the name of the series.
    per_frame : dict of ndarray of shape (frames,)
        Series of one value per frame, by name.
    values : dict of ndarray of shape (size,)
        The values of window descriptors, by name.
    """

    start: int
    level: float
    active: NDArray[np.bool_]
    moments: dict[str, Doubles]
    per_frame: dict[str, Floats]
    values: dict[str, Floats]


def summarise(window: Window, needed: Plan) -> Summary:
    """Summarise a window; one without an active frame has neither level, moments nor values.

    Nothing else decides whether a window is heard. One that sound reaches half a frame into has
    loud frames, and none that is active.
    """
    heard = window.active.any()
    level = window.level if heard else np.nan
    per_frame = {name: np.array(window[name]) for name in needed.per_frame}
    moments: dict[str, Doubles] = {}
    values: dict[str, Floats] = {}
    if heard:
        series = [window[name].reshape(len(window), -1) for name in needed.moments]
        if series:
            edges = np.cumsum([part.shape[1] for part in series])[:-1]
            both = mean_variance(np.concatenate(series, axis=1), window.active)
            moments = dict(zip(needed.moments, np.split(both, edges, axis=1), strict=True))
        values = {
            entry.name: np.atleast_1d(np.asarray(entry.function(window), np.float32))
            for entry in needed.windows
        }
    return Summary(window.start, level, window.active, moments, per_frame, values)


class TrackSummary:
    """A track, or a section of one, by the summaries of its windows.

    Parameters
    ----------
    settings : Settings
        Holds the rate of the frames.
    seconds : float
        Its duration.
    energies : Energies
        What the loudness meter measured.
    summaries : sequence of Summary
        Its windows in order.
    track_level : float, optional
        Level in dB of the whole track, for a section of it. Windows more than 60 dB below that
        count as silence.
    patches : Patches, optional
        Of the whole track, where embeddings are wanted.
    span : tuple of float, optional
        Where a section of a track starts and stops, in seconds.
    """

    def __init__(
        self,
        settings: Settings,
        seconds: float,
        energies: Energies,
        summaries: Sequence[Summary],
        track_level: float | None = None,
        patches: Patches | None = None,
        span: tuple[float, float] | None = None,
    ) -> None:
        self.settings = settings
        self.seconds = seconds
        self.energies = energies
        self._summaries = summaries
        self._track_level = track_level
        self._patches = patches
        self._span = span
        self._results: dict[Callable[[TrackSummary], Any], Any] = {}

    def cached(self, function: Callable[[TrackSummary], T]) -> T:
        """Return `function(self)`, computed once though several descriptors need it."""
        if function not in self._results:
            self._results[function] = function(self)
        result: T = self._results[function]
        return result

    @cached_property
    def level(self) -> float:
        """Level in dB relative to full scale, NaN for silence; see `gated_level`."""
        return gated_level(self["frame_rms"]) if self._summaries else np.nan

    def _is_audible(self, entry: Summary) -> bool:
        """Whether a window is not silent compared with the whole track."""
        level = self.level if self._track_level is None else self._track_level
        return entry.level >= level - ACTIVE_RANGE

    @cached_property
    def _audible(self) -> list[Summary]:
        """The windows that are not silent compared with the whole track."""
        return [entry for entry in self._summaries if self._is_audible(entry)]

    @cached_property
    def active(self) -> NDArray[np.bool_]:
        """Which frames hold sound, shape (frames,)."""
        parts = (entry.active & self._is_audible(entry) for entry in self._summaries)
        return np.concatenate([np.zeros(0, bool), *parts])

    @cached_property
    def _weights(self) -> Doubles:
        """The share of each audible window in the active frames."""
        counts: Doubles = np.array([entry.active.sum() for entry in self._audible], np.float64)
        weights: Doubles = counts / counts.sum()
        return weights

    def __getitem__(self, name: str) -> Floats:
        """Return a series of one value per frame by the name of its descriptor."""
        return np.concatenate([entry.per_frame[name] for entry in self._summaries])

    def moments(self, name: str) -> tuple[Doubles, Doubles]:
        """Return mean and variance of a series over the active frames, each of shape (size,)."""
        parts = np.array([entry.moments[name] for entry in self._audible])
        mean = self._weights @ parts[:, 0]
        # The spread within the windows, and that of their means.
        return mean, self._weights @ (parts[:, 1] + np.square(parts[:, 0] - mean))

    def values(self, name: str) -> Doubles:
        """Return the mean of a window descriptor over the windows, shape (size,).

        Windows are weighted by their active frames; one whose value is NaN is left out.
        """
        parts = np.array([entry.values[name] for entry in self._audible], np.float64)
        weights = self._weights[:, None] * np.isfinite(parts)
        total = weights.sum(axis=0)
        sums = (weights * np.nan_to_num(parts)).sum(axis=0)
        return np.where(total > 0, sums / np.where(total > 0, total, 1), np.nan)

    def first(self, name: str) -> Doubles:
        """Return the value of a window descriptor in the first audible window, shape (size,)."""
        return self._audible[0].values[name].astype(np.float64)

    def last(self, name: str) -> Doubles:
        """Return the value of a window descriptor in the last audible window, shape (size,)."""
        return self._audible[-1].values[name].astype(np.float64)

    def embedding(self, name: str) -> Doubles:
        """Return the mean of an embedding over the patches, shape (size,)."""
        if self._patches is None:
            raise ValueError(f"the track was read without patches, and {name} is made from them")
        return self._patches.mean(name, self.active, self.settings.frame_rate, self._span)

    def sections(self) -> list[tuple[float, TrackSummary]]:
        """Return each window as a track by itself, with its start in seconds."""
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
                    self._patches,
                    (start, stop),
                ),
            )
            for entry, start, stop in zip(self._summaries, edges[:-1], edges[1:], strict=True)
        ]

    def __bool__(self) -> bool:
        """Whether any window is audible."""
        return bool(self._audible)


def _with_inputs(descriptors: Iterable[Descriptor]) -> tuple[Descriptor, ...]:
    """Return the descriptors, then those whose columns the estimates among them read."""
    read = [registry.get(need) for d in descriptors if d.kind == "estimate" for need in d.needs]
    return tuple(dict.fromkeys((*descriptors, *read)))


def row(track: TrackSummary, descriptors: Sequence[Descriptor]) -> Doubles:
    """Compute the values of the descriptors' columns.

    Statistics are taken over the active frames alone, so that silence around the music does not
    count. Whatever needs frames is NaN where none is active.

    Parameters
    ----------
    track : TrackSummary
        Computed with what the descriptors need; see `plan`.
    descriptors : sequence of Descriptor
        Which are wanted.

    Returns
    -------
    ndarray of shape (columns,)
        In the order of the descriptors and of their columns.
    """
    values = {
        entry.name: _values(track, entry)
        for entry in _with_inputs(descriptors)
        if entry.kind != "estimate"
    }
    estimates = [entry for entry in descriptors if entry.kind == "estimate"]
    if estimates and track and track.settings.of_sound == DEFAULTS:
        names = _columns(tuple(values), track.settings)
        by_column = dict(zip(names, np.concatenate(list(values.values())).tolist(), strict=True))
        values |= {entry.name: np.array([entry.function(by_column)]) for entry in estimates}
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
    if entry.kind == "embedding":
        return track.embedding(entry.name)
    moments = track.moments(entry.name)
    return np.concatenate([registry.STATISTICS[stat](*moments) for stat in entry.stats])
