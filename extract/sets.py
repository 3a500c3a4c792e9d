"""Named feature sets: which descriptors, under which version.

A descriptor says itself which sets it belongs to. The number here is raised by whatever changes
the values or the columns of a set, so that two tables of `default-1` can be laid together.
"""

from __future__ import annotations

from extract import registry
from extract.errors import SettingsError

__all__ = ["DEFAULT_SET", "VERSIONS", "descriptors"]

DEFAULT_SET = "default"

VERSIONS = {"default": 1}


def descriptors(name: str) -> tuple[registry.Descriptor, ...]:
    """Return the descriptors of a set in the order of its columns.

    Raises
    ------
    SettingsError
        No set has that name.
    """
    if name not in VERSIONS:
        raise SettingsError(f"no feature set is called {name!r}; there is {', '.join(VERSIONS)}")
    return registry.in_set(name)
