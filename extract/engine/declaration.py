"""What a descriptor declares of itself, and what of that cannot be meant."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from earmark.extract.config import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator

__all__ = [
    "FAMILIES",
    "SET_NAMES",
    "STATISTICS",
    "Column",
    "Descriptor",
    "DescriptorKind",
    "Range",
    "Words",
    "check",
]


DescriptorKind = Literal["frame", "series", "window", "track", "estimate", "embedding"]

Range = tuple[float, float]

Doubles = NDArray[np.float64]

SET_NAMES = ("default", "spotify", "loudness", "musicnn")
"""The feature sets that a descriptor may belong to; `earmark.extract.sets` has their versions."""

FAMILIES = (
    *("timbre", "rhythm", "harmony", "dynamics", "voice", "mood", "recording", "length"),
    "sounds like",
)
"""What a listener calls that which descriptors are about; explanations are told in these."""

Words = tuple[str, str] | Mapping[float, str]
"""What a listener says of a column: the words for a low value and for a high one, which stand
before "than usual", and are empty where there is nothing worth saying; of a category the words for
those of its values that are worth it."""

STATISTICS: dict[str, Callable[[Doubles, Doubles], Doubles]] = {
    "mean": lambda mean, _: mean,
    "std": lambda _, variance: np.sqrt(variance),
}
"""Statistics over the frames of a track, from their mean and variance.

None of them may depend on the number of frames, as minimum, maximum and count do."""


@dataclass(frozen=True)
class Column:
    """One column of a feature table.

    Parameters
    ----------
    name : str
        Its name in the table.
    unit : str
        Unit, empty for a pure number.
    range : tuple of float
        Smallest and largest possible value.
    version : int
        Version of the descriptor that computes it.
    dtype : str
        NumPy's name of the type.
    """

    name: str
    unit: str
    range: Range
    version: int = 1
    dtype: str = "float32"


@dataclass(frozen=True)
class Descriptor:
    """A registered descriptor: its function and its declaration; see `descriptor`."""

    name: str
    function: Callable[..., Any]
    kind: DescriptorKind
    unit: str
    range: Range
    stats: tuple[str, ...]
    values: tuple[Column, ...]
    size: int | str | None
    needs: tuple[str, ...]
    peaks: bool
    sets: tuple[str, ...]
    version: int
    family: str = ""
    words: Mapping[str, Words] = field(default_factory=dict, compare=False)

    def says(self, column: str) -> Words | None:
        """Return the words that are declared for a column, if any."""
        patterns = (pattern for pattern in self.words if fnmatchcase(column, pattern))
        return next((self.words[pattern] for pattern in patterns), None)

    def columns(self, settings: Settings) -> tuple[Column, ...]:
        """Return the columns that this descriptor gives under `settings`."""
        if self.kind in ("track", "estimate", "embedding"):
            return self.values
        if self.kind == "window":
            return self.values or tuple(
                Column(name, self.unit, self.range, self.version)
                for name in self._value_names(settings)
            )
        return tuple(
            Column(f"{name}_{stat}", self.unit, _stat_range(stat, self.range), self.version)
            for stat in self.stats
            for name in self._value_names(settings)
        )

    def _value_names(self, settings: Settings) -> Iterator[str]:
        if self.size is None:
            yield self.name
            return
        size = getattr(settings, self.size) if isinstance(self.size, str) else self.size
        for index in range(size):
            yield f"{self.name}_{index:02d}"


def _stat_range(stat: str, values: Range) -> Range:
    """Return the range of a statistic of values in the given range."""
    low, high = values
    if stat == "std":
        # Popoviciu's inequality: a deviation is at most half of the range.
        return (0.0, (high - low) / 2 if math.isfinite(high - low) else math.inf)
    return values


def check(entry: Descriptor) -> None:
    """Refuse a declaration that cannot be meant, naming the descriptor and the value."""

    def refuse(problem: str) -> None:
        raise ValueError(f"descriptor {entry.name!r}: {problem}")

    def one_of(argument: str, names: Iterable[str], allowed: Collection[str]) -> None:
        for name in names:
            if name not in allowed:
                refuse(f"{argument} {name!r} does not exist; there is {', '.join(allowed)}")

    one_of("kind", [entry.kind], get_args(DescriptorKind))
    one_of("set", entry.sets, SET_NAMES)
    one_of("statistic", entry.stats, STATISTICS)
    one_of("family", [entry.family] if entry.family else [], FAMILIES)
    if isinstance(entry.size, str):
        one_of("setting", [entry.size], Settings.model_fields)
    elif entry.size is not None and entry.size < 1:
        refuse(f"size={entry.size} is less than one value")
    over_frames = entry.kind in ("frame", "series")
    if entry.stats and not over_frames:
        refuse(f"stats={list(entry.stats)} are over frames, and kind {entry.kind!r} has none")
    if entry.values and over_frames:
        refuse(f"values={[column.name for column in entry.values]} with kind {entry.kind!r}")
    if entry.size is not None and entry.kind in ("track", "estimate", "embedding"):
        refuse(f"size={entry.size!r} with kind {entry.kind!r}; declare its columns in values")
    if over_frames and entry.sets and not entry.stats:
        refuse(f"sets={list(entry.sets)} without stats: it would have no column in them")
    names = [column.name for column in entry.values]
    for name in names:
        if not name.isidentifier():
            refuse(f"column name {name!r} is no name; use letters, digits and _")
        if names.count(name) > 1:
            refuse(f"two columns are called {name!r}")
    for low, high in (entry.range, *(column.range for column in entry.values)):
        if not low < high:
            refuse(f"range ({low:g}, {high:g}) is empty")
    if entry.version < 1:
        refuse(f"version={entry.version}; versions count from 1")
