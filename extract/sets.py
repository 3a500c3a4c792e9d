"""Named feature sets and their versions.

Each descriptor declares which sets it belongs to. The version of a set is raised with every change
of its values or columns, so that any two tables of one version can be joined.
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
from earmark.extract.estimators.spotify import SPOTIFY_LOUDNESS, on_spotify_scale

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
    "within",
]

Doubles = NDArray[np.float64]

DEFAULT_SET = "default"

TRACK_WINDOW = 6.0
"""Length in seconds of the windows by whose summaries a whole track is described."""

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
    """The rows that a set gives for a file.

    Parameters
    ----------
    duration : float
        Of the file, in seconds.
    starts, seconds : ndarray of shape (rows,)
        Start and length of each window; the row of the whole track, which comes first, has NaN as
        its start.
    values : ndarray of shape (rows, columns)
        In the order of the set's columns, each in its declared range or NaN.
    notes : tuple of str
        What a reader of the rows has to know, a sentence each.
    """

    duration: float
    starts: Doubles
    seconds: Doubles
    values: Doubles
    notes: tuple[str, ...] = ()


MOST_NAMED = 3
"""Columns that a note names; it counts the others."""


def within(rows: Rows, columns: Sequence[Column]) -> Rows:
    """Leave out what lies outside its declared range, with a note that says so.

    Parameters
    ----------
    rows : Rows
        Of a file.
    columns : sequence of Column
        What the values are.

    Returns
    -------
    Rows
        The same rows, where all is as declared.
    """
    # As they will be stored: rounding leads out of no range.
    stored = rows.values.astype(np.float32)
    lowest, highest = np.array([column.range for column in columns], np.float32).T
    outside = (stored < lowest) | (stored > highest) | np.isinf(stored)
    if not outside.any():
        return rows
    places = np.flatnonzero(outside.any(axis=0))
    named = []
    for place in places[:MOST_NAMED]:
        value = f"{rows.values[outside[:, place], place][0]:.4g} {columns[place].unit}".strip()
        low, high = columns[place].range
        named.append(f"{columns[place].name} ({value}, not {low:g} to {high:g})")
    more = f" and {len(places) - MOST_NAMED} more" if len(places) > MOST_NAMED else ""
    note = f"left missing, outside the declared range: {', '.join(named)}{more}"
    values = np.where(outside, np.nan, rows.values)
    return replace(rows, values=values, notes=(*rows.notes, note))


class FeatureSet(Protocol):
    """A named set of columns and how they are computed."""

    @property
    def version(self) -> int:
        """A number that is raised with every change of the values or columns."""

    @property
    def configurable(self) -> bool:
        """Whether it can be computed with other settings than the default ones."""

    @property
    def finds_tempo(self) -> bool:
        """Whether it has the descriptor `tempo`, and not what somebody else calls so."""

    @property
    def headers(self) -> Sequence[tuple[str, ...]]:
        """The header rows of a published table that has several, a tuple for each column."""

    def columns(self, settings: Settings) -> tuple[Column, ...]:
        """Return the columns in order."""

    def rows(self, audio: Audio, settings: Settings, windows: float | None, whole: bool) -> Rows:
        """Read the audio once and describe it: as a whole, window by window, or both.

        Parameters
        ----------
        audio : Audio
            An open file.
        settings : Settings
            The default ones, unless the set is configurable.
        windows : float, optional
            Length in seconds of the windows that get a row each; None for no such rows.
        whole : bool
            Whether to give a row for the whole track.
        """


@dataclass(frozen=True)
class DescriptorSet:
    """The registered descriptors that belong to a set.

    Parameters
    ----------
    name : str
        The name by which descriptors declare it, one of `registry.SET_NAMES`, or several of them
        joined by ``+``: all columns of the first, then those that the next adds.
    version : int
        Of its values and columns.
    """

    name: str
    version: int
    configurable: bool = True
    headers: tuple[tuple[str, ...], ...] = ()

    @property
    def finds_tempo(self) -> bool:
        """Whether the descriptor `tempo` is among its own."""
        return registry.get("tempo") in self.descriptors

    @property
    def descriptors(self) -> tuple[registry.Descriptor, ...]:
        """The descriptors in the order of their columns."""
        parts = (registry.in_set(name) for name in self.name.split("+"))
        return tuple(dict.fromkeys(entry for part in parts for entry in part))

    def columns(self, settings: Settings) -> tuple[Column, ...]:
        """Return the columns in order."""
        return tuple(column for entry in self.descriptors for column in entry.columns(settings))

    def rows(self, audio: Audio, settings: Settings, windows: float | None, whole: bool) -> Rows:
        """Read the audio once and describe it; see `FeatureSet.rows`."""
        lengths = ({TRACK_WINDOW} if whole else set()) | ({windows} if windows else set())
        tracks = single_pass.summarise_track(
            audio, self.descriptors, settings, lengths, sections=windows is not None
        )
        return self.rows_from(tracks, windows, whole)

    def rows_from(
        self, tracks: Mapping[float, aggregate.TrackSummary], windows: float | None, whole: bool
    ) -> Rows:
        """Return the rows of a track that was summarised over windows of these lengths.

        Parameters
        ----------
        tracks : mapping of float to TrackSummary
            By the length of the windows in seconds; see `single_pass.summarise_track`.
        windows, whole
            As for `rows`.
        """
        descriptors = self.descriptors
        track = next(iter(tracks.values()))
        parts = [(np.nan, tracks[TRACK_WINDOW])] if whole else []
        parts += tracks[windows].sections() if windows else []
        rows = Rows(
            track.seconds,
            np.array([start for start, _ in parts]),
            np.array([part.seconds for _, part in parts]),
            np.array([aggregate.row(part, descriptors) for _, part in parts]),
        )
        columns = [column for entry in descriptors for column in entry.columns(track.settings)]
        return within(rows, columns)


@dataclass(frozen=True)
class PublishedSet:
    """The columns of a published table, computed as its authors did.

    Parameters
    ----------
    module : str
        The one in `earmark.extract.published` that computes it; imported when it is used.
    version : int
        Of its values.
    options : tuple of pairs
        Keyword arguments of the `describe` function of the module.
    """

    module: str
    version: int
    options: tuple[tuple[str, Any], ...] = ()
    configurable: bool = False
    finds_tempo: bool = False

    def columns(self, settings: Settings) -> tuple[Column, ...]:  # noqa: ARG002
        """Return the columns in order; the settings change none of them."""
        columns: tuple[Column, ...] = self._module().columns()
        return columns

    @property
    def headers(self) -> Sequence[tuple[str, ...]]:
        """The header rows of the published table if it has several, a tuple for each column."""
        module = self._module()
        return module.header() if hasattr(module, "header") else ()

    def rows(
        self,
        audio: Audio,
        settings: Settings,
        windows: float | None,
        whole: bool,
    ) -> Rows:
        """Read the audio once and describe it, each window as if it were a file by itself."""
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
        rows = Rows(duration, starts, seconds, np.array(values))
        return within(rows, self.columns(settings))

    def _module(self) -> ModuleType:
        return importlib.import_module(f"earmark.extract.published.{self.module}")


@dataclass(frozen=True)
class SpotifySet(DescriptorSet):
    """The audio columns of Spotify's tables: their names, order, scales and types.

    After them come the confidences of those that have one, which are in no table of Spotify's.
    Loudness is on Spotify's scale, and not in LUFS (see `spotify.on_spotify_scale`). The estimates
    are calibrated for the default settings alone.
    """

    configurable: bool = False

    def columns(self, settings: Settings) -> tuple[Column, ...]:
        """Return the columns in order."""
        columns = {column.name: column for column in super().columns(settings)}
        columns["key"] = replace(columns["key"], range=(NO_KEY, columns["key"].range[1]))
        columns["loudness"] = replace(
            columns["loudness"], unit="dB", range=SPOTIFY_LOUDNESS, version=3
        )
        return tuple(
            replace(columns[name], dtype="Int64")
            if name in SPOTIFY_INTEGERS and columns[name].dtype == "float32"
            else columns[name]
            for name in self._order(columns)
        )

    def rows_from(
        self, tracks: Mapping[float, aggregate.TrackSummary], windows: float | None, whole: bool
    ) -> Rows:
        """Return the rows of a track that was summarised over windows of these lengths."""
        rows = super().rows_from(tracks, windows, whole)
        declared = [column.name for column in super().columns(DEFAULTS)]
        order = self._order(declared)
        values = rows.values[:, [declared.index(name) for name in order]]
        keys = values[:, order.index("key")]
        audible = np.isfinite(values[:, order.index("energy")])
        keys[np.isnan(keys) & audible] = NO_KEY
        loudness = values[:, order.index("loudness")]
        loudness[:] = on_spotify_scale(loudness)
        return replace(rows, values=values)

    @staticmethod
    def _order(names: Iterable[str]) -> list[str]:
        return [*SPOTIFY_COLUMNS, *(name for name in names if name not in SPOTIFY_COLUMNS)]


SETS: dict[str, FeatureSet] = {
    "default": DescriptorSet("default", 5),
    "spotify": SpotifySet("spotify", 2),
    "loudness": DescriptorSet("loudness", 2),
    "musicnn": DescriptorSet("musicnn", 2, configurable=False),
    "default+musicnn": DescriptorSet("default+musicnn", 2),
    "gtzan": PublishedSet("gtzan", 1),
    "fma": PublishedSet("fma", 1),
    "fma-compat": PublishedSet("fma", 1, (("halved", True),)),
}


def needed(versioned: str | None, columns: Sequence[str]) -> list[str]:
    """Return which columns of a table of a set a model learns from, in the set's order.

    All of them, except for a table of Spotify's: of that only the columns that describe the sound.
    The tables that Spotify gave out hold others too, in any order, and ours hold confidences.

    Parameters
    ----------
    versioned : str, optional
        Name of the set, with its version or without.
    columns : sequence of str
        The columns of the table.

    Examples
    --------
    >>> needed("spotify-1", ["popularity", "loudness", "energy", "tempo_confidence"])
    ['energy', 'loudness']
    """
    if (versioned or "").rpartition("-")[0] == "spotify" or versioned == "spotify":
        return [name for name in SPOTIFY_COLUMNS if name in columns]
    return list(columns)


def get(name: str) -> FeatureSet:
    """Return the set of that name, one of `SETS`.

    Raises
    ------
    SettingsError
        No set has that name.

    Examples
    --------
    >>> len(get("fma").columns(DEFAULTS))
    518
    """
    if name not in SETS:
        raise SettingsError(f"no feature set is called {name!r}; there is {', '.join(SETS)}")
    return SETS[name]
