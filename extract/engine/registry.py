"""Declaring a descriptor: one decorated function, from which everything else follows.

Columns, their order, units and ranges, the metadata of tables and the standard tests are derived
from the declarations here; no other list names the descriptors.

There are six kinds, after what a function is given:

``frame``
    A `Block` of consecutive frames, never a whole file → an array of shape (frames,) or
    (frames, size), float32. It is called while the file is being decoded.
``series``
    A `Window` of some seconds → an array with one row per frame again, float32. For what needs
    more than single frames first, such as their level.
``window``
    A `Window` → one value or an array of them; a track has the mean over its windows.
``track``
    A `TrackSummary`, of a whole track or of a section → one number, or a tuple of them.
``estimate``
    The values of the columns of the descriptors that it needs, by name → one number.
``embedding``
    A patch, three seconds of the mel spectrogram of shape (frames, bands) → an array of values; a
    track has the mean over its patches. See `earmark.extract.engine.patches`.

A declaration that cannot be meant (a set, a statistic, a setting or a need that does not exist) is
refused with a `ValueError` when its module is imported; needs are checked when all modules are.
"""

from __future__ import annotations

import difflib
import importlib
import inspect
import math
import pkgutil
import re
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any

from earmark.extract.engine.declaration import (
    FAMILIES,
    SET_NAMES,
    STATISTICS,
    Column,
    Descriptor,
    DescriptorKind,
    Range,
    Words,
    check,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

__all__ = [
    "FAMILIES",
    "SET_NAMES",
    "STATISTICS",
    "Column",
    "Descriptor",
    "Words",
    "check_needs",
    "closure",
    "descriptor",
    "get",
    "in_set",
    "of_column",
    "place",
]


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
    family: str = "",
    words: Mapping[str, Words] | None = None,
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register the decorated function under its own name.

    Its docstring becomes its page: see `earmark.extract.descriptor_docs`.

    Parameters
    ----------
    kind : {"frame", "series", "window", "track", "estimate", "embedding"}
        What the function is given; see the top of this module.
    unit, range : str, tuple of float
        Of the values per frame or window; columns that differ are declared in `values`, without
        which a track descriptor gives one column of its own name.
    stats : iterable of str
        Statistics over the frames that become columns, of
        `STATISTICS`. A series without any is there for other descriptors only.
    values : iterable of Column
        The columns of a track or window descriptor or an embedding, in the order of what it
        returns.
    size : int or str, optional
        Values per frame or window, or the setting that holds their number; None for one value.
    needs : iterable of str
        The series that the function reads; of an estimate the descriptors whose columns it reads.
    peaks : bool
        Whether it reads the true peaks, which are measured for those alone that do.
    sets : iterable of str
        The feature sets that it belongs to.
    version : int
        To be raised with every change of the values.
    family : str
        What a listener calls that which it is about, one of `FAMILIES`. Whatever is in a set has
        one.
    words : mapping of str to Words, optional
        What a listener says of its columns, by their names or by patterns such as ``mfcc_*_std``.
        Columns of the same two words say the same thing, also where the words are turned round.

    Raises
    ------
    ValueError
        When a function is decorated: its name is taken, or the declaration cannot be meant. The
        message names the descriptor and the value.
    """

    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        name = function.__name__
        if name in _registered:
            raise ValueError(f"two descriptors are called {name!r}")
        columns = tuple(replace(value, version=version) for value in values)
        if kind in ("track", "estimate", "embedding") and not columns:
            columns = (Column(name, unit, range, version),)
        entry = Descriptor(
            name=name,
            function=function,
            kind=kind,
            unit=unit,
            range=range,
            stats=_names("stats", stats, name),
            values=columns,
            size=size,
            needs=_names("needs", needs, name),
            peaks=peaks,
            sets=_names("sets", sets, name),
            version=version,
            family=family,
            words=words or {},
        )
        check(entry)
        _registered[name] = entry
        return function

    return register


def _names(argument: str, names: Iterable[str], descriptor: str) -> tuple[str, ...]:
    """Return names as a tuple; a single string would be taken apart into its letters."""
    if isinstance(names, str):
        raise ValueError(
            f"descriptor {descriptor!r}: {argument}={names!r} is a string; write [{names!r}]"
        )
    return tuple(names)


def check_needs(registered: Mapping[str, Descriptor]) -> None:
    """Check that whatever a descriptor needs is registered.

    Parameters
    ----------
    registered : mapping of str to Descriptor
        All descriptors by name.

    Raises
    ------
    ValueError
        A need does not exist, or leads back to the descriptor itself.
    """

    def visit(name: str, path: tuple[str, ...]) -> None:
        if name in path:
            raise ValueError(f"descriptor {name!r} needs itself: {' → '.join((*path, name))}")
        if name not in registered:
            alike = difflib.get_close_matches(name, registered, 1)
            hint = f"; did you mean {alike[0]!r}?" if alike else ""
            raise ValueError(f"descriptor {path[-1]!r} needs {name!r}, which does not exist{hint}")
        if name not in checked:
            for need in registered[name].needs:
                visit(need, (*path, name))
            checked.add(name)

    checked: set[str] = set()
    for name in registered:
        visit(name, ())


@cache
def _discover() -> dict[str, Descriptor]:
    """Import every module of descriptors once; its functions register themselves."""
    import earmark.extract.descriptors as package

    for module in sorted(entry.name for entry in pkgutil.iter_modules(package.__path__)):
        importlib.import_module(f"{package.__name__}.{module}")
    check_needs(_registered)
    return _registered


def get(name: str) -> Descriptor:
    """Return the descriptor of that name; a `KeyError` where there is none.

    Examples
    --------
    >>> get("loudness").unit
    'LUFS'
    """
    return _discover()[name]


def of_column(name: str) -> Descriptor | None:
    """Return the descriptor with a family that a column is of, by its name; None if there is none.

    Columns of other people's tables are found too, where they begin with a descriptor's name.

    Examples
    --------
    >>> of_column("mfcc_01_mean").name, of_column("mfcc7_var").name, of_column("tag_rock").name
    ('mfcc', 'mfcc', 'musicnn')
    >>> of_column("popularity")
    """
    entries = [entry for entry in _discover().values() if entry.family]
    for entry in entries:
        if any(column.name == name for column in entry.values):
            return entry
    begun = [entry for entry in entries if re.match(rf"{entry.name}(?![a-z])", name)]
    return max(begun, key=lambda entry: len(entry.name), default=None)


def in_set(name: str) -> tuple[Descriptor, ...]:
    """Return the descriptors of a feature set, one of `SET_NAMES`, in the order of its columns.

    Values of the track come first, then what is estimated from all others, statistics over frames,
    values of windows and embeddings; within each, the order of the modules' names and of the
    functions in them.
    """
    kinds = {"track": 0, "estimate": 1, "frame": 2, "series": 2, "window": 3, "embedding": 4}
    members = (entry for entry in _discover().values() if name in entry.sets)
    return tuple(sorted(members, key=lambda entry: (kinds[entry.kind], *place(entry))))


def place(entry: Descriptor) -> tuple[str, int]:
    """Return module and line of a declaration: an order that no order of imports changes."""
    return entry.function.__module__, inspect.unwrap(entry.function).__code__.co_firstlineno


def closure(descriptors: Iterable[Descriptor]) -> tuple[Descriptor, ...]:
    """Return the descriptors with all that they need, directly or not, each once.

    Parameters
    ----------
    descriptors : iterable of Descriptor
        Which are to be computed.

    Returns
    -------
    tuple of Descriptor
        In an order in which everything comes after what it needs.
    """
    ordered: dict[str, Descriptor] = {}

    def visit(entry: Descriptor) -> None:
        if entry.name not in ordered:
            for need in entry.needs:
                visit(get(need))
            ordered[entry.name] = entry

    for entry in descriptors:
        visit(entry)
    return tuple(ordered.values())
