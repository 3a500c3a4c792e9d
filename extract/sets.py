"""Named feature sets: what they describe a track by, under which version.

Descriptors say themselves which sets they belong to. The number here is raised by whatever changes
the values or the columns of a set, so that two tables of `default-1` can be laid together.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from earmark.extract.audio import resample
from earmark.extract.config import DEFAULTS, Settings
from earmark.extract.engine import aggregate, registry, single_pass
from earmark.extract.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from types import ModuleType

    from earmark.extract.audio.decode import Audio
    from earmark.extract.engine.registry import Column

__all__ = [
    "DEFAULT_SET",
    "SETS",
    "DescriptorSet",
    "FeatureSet",
    "PublishedSet",
    "Rows",
    "get",
    "needed",
]

Doubles = NDArray[np.float64]

DEFAULT_SET = "default"

TRACK_WINDOW = 6.0
"""Seconds of the windows that a track is summed up from."""


SPOTIFY_COLUMNS = (
    *("danceability", "energy", "key", "loudness", "mode", "speechiness", "acousticness"),
    *("instrumentalness", "liveness", "valence", "tempo", "time_signature", "duration_ms"),
)
"""The columns of Spotify's tables, in its order."""

SPOTIFY_INTEGERS = ("key", "mode", "time_signature", "duration_ms")

NO_KEY = -1
"""What Spotify writes where no key was found."""


@dataclass(frozen=True)
class Rows:
    """What a set says of a file.

    Parameters
    ----------
    duration : float
        Of the file, in seconds.
    starts, seconds : ndarray of shape (rows,)
        Where each window begins and how long it is; the row of the whole track, which comes
        first, begins at NaN.
    values : ndarray of shape (rows, columns)
        The values.
    """

    duration: float
    starts: Doubles
    seconds: Doubles
    values: Doubles


class FeatureSet(Protocol):
    """A named set of columns and how they are computed."""

    @property
    def version(self) -> int:
        """Raised by whatever changes the values or columns."""

    @property
    def configurable(self) -> bool:
        """Whether `Settings` change it; else its definition fixes them."""

    @property
    def headers(self) -> Sequence[tuple[str, ...]]:
        """What columns are called in the several header rows of a published table, if it has."""

    def columns(self, settings: Settings) -> tuple[Column, ...]:
        """Return the columns in order."""

    def rows(self, audio: Audio, settings: Settings, windows: float | None, whole: bool) -> Rows:
        """Read the audio once and describe it: as a whole, window by window, or both."""


@dataclass(frozen=True)
class DescriptorSet:
    """The registered descriptors that belong to a set.

    Parameters
    ----------
    name : str
        What the descriptors call it.
    version : int
        Of its values and columns.
    """

    name: str
    version: int
    configurable: bool = True
    headers: tuple[tuple[str, ...], ...] = ()

    @property
    def descriptors(self) -> tuple[registry.Descriptor, ...]:
        """The descriptors in the order of their columns."""
        return registry.in_set(self.name)

    def columns(self, settings: Settings) -> tuple[Column, ...]:
        """Return the columns in order."""
        return tuple(column for entry in self.descriptors for column in entry.columns(settings))

    def rows(self, audio: Audio, settings: Settings, windows: float | None, whole: bool) -> Rows:
        """Read the audio once and describe it: as a whole, window by window, or both."""
        lengths = ({TRACK_WINDOW} if whole else set()) | ({windows} if windows else set())
        return self.described(
            single_pass.listen(audio, self.descriptors, settings, lengths), windows, whole
        )

    def described(
        self, tracks: Mapping[float, aggregate.TrackSummary], windows: float | None, whole: bool
    ) -> Rows:
        """Describe what was listened to, by the length of the windows; see `rows`."""
        descriptors = self.descriptors
        parts = [(np.nan, tracks[TRACK_WINDOW])] if whole else []
        parts += tracks[windows].stretches() if windows else []
        return Rows(
            next(iter(tracks.values())).seconds,
            np.array([start for start, _ in parts]),
            np.array([part.seconds for _, part in parts]),
            np.array([aggregate.row(part, descriptors) for _, part in parts]),
        )


@dataclass(frozen=True)
class PublishedSet:
    """The columns of a published table, computed as its authors did.

    Parameters
    ----------
    module : str
        The one in `earmark.extract.published` that knows; imported where it is used.
    version : int
        Of its values.
    options : tuple of pairs
        What to tell its `describe`.
    """

    module: str
    version: int
    options: tuple[tuple[str, Any], ...] = ()
    configurable: bool = False

    def columns(self, settings: Settings) -> tuple[Column, ...]:
        """Return the columns in order."""
        columns: tuple[Column, ...] = self._module().columns()
        return columns

    @property
    def headers(self) -> Sequence[tuple[str, ...]]:
        """What columns are called in the several header rows of the published table, if it has."""
        module = self._module()
        return module.header() if hasattr(module, "header") else ()

    def rows(self, audio: Audio, settings: Settings, windows: float | None, whole: bool) -> Rows:
        """Read the audio once and describe it, taking each window for a file of its own."""
        module = self._module()
        with resample.mono(audio, module.SAMPLE_RATE) as (signal, rate, duration):
            edges = [(0, len(signal))] if whole else []
            if windows is not None:
                count = max(1, int(len(signal) / (windows * rate) + 0.5))
                cuts = [round(index * windows * rate) for index in range(count)]
                edges += pairwise([*cuts, len(signal)])
            values = [
                module.describe(signal[start:stop], rate, **dict(self.options))
                for start, stop in edges
            ]
        starts = np.array([start / rate for start, _ in edges])
        starts[: int(whole)] = np.nan
        seconds = np.array([(stop - start) / rate for start, stop in edges])
        return Rows(duration, starts, seconds, np.array(values))

    def _module(self) -> ModuleType:
        return importlib.import_module(f"earmark.extract.published.{self.module}")


@dataclass(frozen=True)
class SpotifySet(DescriptorSet):
    """The audio columns of Spotify's tables: their names, order, scales and types.

    After them come the confidences of those that have one, which a model of Spotify's own table
    does not look at. The calibration of the estimates holds for the default settings alone.
    """

    configurable: bool = False

    def columns(self, settings: Settings) -> tuple[Column, ...]:
        """Return the columns in order."""
        own = {column.name: column for column in super().columns(settings)}
        return tuple(
            replace(own[name], dtype="Int64")
            if name in SPOTIFY_INTEGERS and own[name].dtype == "float32"
            else own[name]
            for name in self._order(own)
        )

    def described(
        self, tracks: Mapping[float, aggregate.TrackSummary], windows: float | None, whole: bool
    ) -> Rows:
        """Describe what was listened to, by the length of the windows; see `rows`."""
        rows = super().described(tracks, windows, whole)
        own = [column.name for column in super().columns(DEFAULTS)]
        order = self._order(own)
        values = rows.values[:, [own.index(name) for name in order]]
        keys = values[:, order.index("key")]
        heard = np.isfinite(values[:, order.index("energy")])
        keys[np.isnan(keys) & heard] = NO_KEY
        return replace(rows, values=values)

    @staticmethod
    def _order(names: Iterable[str]) -> list[str]:
        return [*SPOTIFY_COLUMNS, *(name for name in names if name not in SPOTIFY_COLUMNS)]


SETS: dict[str, FeatureSet] = {
    "default": DescriptorSet("default", 3),
    "spotify": SpotifySet("spotify", 1),
    "loudness": DescriptorSet("loudness", 1),
    "gtzan": PublishedSet("gtzan", 1),
    "fma": PublishedSet("fma", 1),
    "fma-compat": PublishedSet("fma", 1, (("halved", True),)),
}


def needed(versioned: str | None, columns: Sequence[str]) -> list[str]:
    """Return which columns of a table of a set a model takes, in the set's order.

    All of them; but of Spotify's those alone that describe the sound in its own tables, which come
    with others beside them and in any order. Ours have confidences.

    Parameters
    ----------
    versioned : str, optional
        Name of the set, with its version or without.
    columns : sequence of str
        The columns of the table.
    """
    if (versioned or "").rpartition("-")[0] == "spotify" or versioned == "spotify":
        return [name for name in SPOTIFY_COLUMNS if name in columns]
    return list(columns)


def get(name: str) -> FeatureSet:
    """Return the set of that name.

    Raises
    ------
    SettingsError
        No set has that name.
    """
    if name not in SETS:
        raise SettingsError(f"no feature set is called {name!r}; there is {', '.join(SETS)}")
    return SETS[name]
