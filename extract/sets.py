"""Named feature sets: what they describe a track by, under which version.

Descriptors say themselves which sets they belong to. The number here is raised by whatever changes
the values or the columns of a set, so that two tables of `default-1` can be laid together.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from extract import engine, reduce, registry
from extract.config import Settings
from extract.decode import Audio
from extract.errors import SettingsError
from extract.registry import Column

__all__ = ["DEFAULT_SET", "SETS", "DescriptorSet", "FeatureSet", "Rows", "get"]

Doubles = NDArray[np.float64]

DEFAULT_SET = "default"

TRACK_WINDOW = 6.0
"""Seconds of the windows that a track is summed up from."""


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
        tracks = engine.listen(audio, self.descriptors, settings, lengths)
        parts = [(np.nan, tracks[TRACK_WINDOW])] if whole else []
        parts += tracks[windows].stretches() if windows else []
        return Rows(
            next(iter(tracks.values())).seconds,
            np.array([start for start, _ in parts]),
            np.array([part.seconds for _, part in parts]),
            np.array([reduce.row(part, self.descriptors) for _, part in parts]),
        )


SETS: dict[str, FeatureSet] = {"default": DescriptorSet("default", 2)}


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
