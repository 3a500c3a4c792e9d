"""Declaring a descriptor: one decorated function, from which everything else follows.

Columns, their order, units and ranges, the metadata of tables and the standard tests are derived
from the declarations here; no other list names the descriptors.

There are five kinds, after what a function is given:

``frame``
    A `Block` of consecutive frames, never a whole file → an array of shape (frames,) or
    (frames, size), float32. It is called while the file is being decoded.
``series``
    A `Window` of some seconds → an array with one row per frame again, float32. For what needs
    more than single frames first, such as their level.
``window``
    A `Window` → one value or an array of them; a track has the mean over its windows.
``track``
    The `Track`, or a stretch of it → one number, or a tuple of them.
``estimate``
    What the descriptors that it needs say of a track, column by column → one number.
"""

from __future__ import annotations

import importlib
import inspect
import math
import pkgutil
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from earmark.extract.config import Settings

__all__ = ["Column", "Descriptor", "closure", "descriptor", "get", "in_set", "place"]

DescriptorKind = Literal["frame", "series", "window", "track", "estimate"]
Range = tuple[float, float]


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
    """A registered descriptor: the function and what was declared of it."""

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

    def columns(self, settings: Settings) -> tuple[Column, ...]:
        """Return the columns that this descriptor gives under `settings`."""
        if self.kind in ("track", "estimate"):
            return self.values
        if self.kind == "window":
            return self.values or tuple(
                Column(name, self.unit, self.range, self.version) for name in self._names(settings)
            )
        return tuple(
            Column(f"{name}_{stat}", self.unit, _stat_range(stat, self.range), self.version)
            for stat in self.stats
            for name in self._names(settings)
        )

    def _names(self, settings: Settings) -> Iterator[str]:
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


_registered: dict[str, Descriptor] = {}


def descriptor(
    kind: DescriptorKind,
    *,
    unit: str = "",
    range: Range = (-math.inf, math.inf),
    stats: Iterable[str] = (),
    values: Iterable[Column] = (),
    size: int | str | None = None,
    needs: Iterable[str] = (),
    peaks: bool = False,
    sets: Iterable[str] = (),
    version: int = 1,
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register the decorated function under its own name.

    Its docstring becomes its page: see `earmark.extract.descriptor_docs`.

    Parameters
    ----------
    kind : {"frame", "series", "window", "track", "estimate"}
        What the function is given; see the top of this module.
    unit, range : str, tuple of float
        Of the values per frame or window; columns that differ are declared in `values`, without
        which a track descriptor gives one column of its own name.
    stats : iterable of str
        Statistics over the frames that become columns, of
        `earmark.extract.engine.aggregate.STATISTICS`. A series
        without statistics is only material for others.
    values : iterable of Column
        The columns of a track or window descriptor, in the order of what it returns.
    size : int or str, optional
        Values per frame or window, or the setting that holds their number; None for one value.
    needs : iterable of str
        The series that the function reads; of an estimate the descriptors whose columns it reads.
    peaks : bool
        Whether it reads the true peaks, which are measured for those alone that do.
    sets : iterable of str
        The feature sets that it belongs to.
    version : int
        Raised by whatever changes the values.
    """

    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        name = function.__name__
        if name in _registered:
            raise ValueError(f"two descriptors are called {name!r}")
        own = tuple(replace(value, version=version) for value in values)
        if kind in ("track", "estimate") and not own:
            own = (Column(name, unit, range, version),)
        _registered[name] = Descriptor(
            name=name,
            function=function,
            kind=kind,
            unit=unit,
            range=range,
            stats=tuple(stats),
            values=own,
            size=size,
            needs=tuple(needs),
            peaks=peaks,
            sets=tuple(sets),
            version=version,
        )
        return function

    return register


@cache
def _discover() -> dict[str, Descriptor]:
    """Import every module of descriptors once; its functions register themselves."""
    import earmark.extract.descriptors as package

    for module in sorted(entry.name for entry in pkgutil.iter_modules(package.__path__)):
        importlib.import_module(f"{package.__name__}.{module}")
    return _registered


def get(name: str) -> Descriptor:
    """Return the descriptor of that name."""
    return _discover()[name]


def in_set(name: str) -> tuple[Descriptor, ...]:
    """Return the descriptors of a feature set in the order of its columns.

    Values of the track come first, then what is estimated from all others, statistics over frames
    and values of windows; within each, the order of the modules' names and of the functions in
    them.
    """
    kinds = {"track": 0, "estimate": 1, "frame": 2, "series": 2, "window": 3}
    members = (entry for entry in _discover().values() if name in entry.sets)
    return tuple(sorted(members, key=lambda entry: (kinds[entry.kind], *place(entry))))


def place(entry: Descriptor) -> tuple[str, int]:
    """Return where a descriptor is declared: not when, which depends on who imports what first."""
    return entry.function.__module__, inspect.unwrap(entry.function).__code__.co_firstlineno


def closure(descriptors: Iterable[Descriptor]) -> tuple[Descriptor, ...]:
    """Return the descriptors with all that they need, directly or not, each once."""
    found: dict[str, Descriptor] = {}

    def visit(entry: Descriptor) -> None:
        if entry.name not in found:
            for need in entry.needs:
                visit(get(need))
            found[entry.name] = entry

    for entry in descriptors:
        visit(entry)
    return tuple(found.values())
