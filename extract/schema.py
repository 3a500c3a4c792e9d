"""What the columns of a feature table are, derived from the declarations, and the check of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from earmark.extract import sets
from earmark.extract.config import Settings, fingerprint
from earmark.extract.errors import SchemaError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from earmark.extract.engine.registry import Column

__all__ = ["KEYS", "Schema", "check", "of"]

KEYS = ("path", "start", "seconds", "sha256")
"""The columns that say which audio a row describes; `start` and `seconds` in rows of windows."""


@dataclass(frozen=True)
class Schema:
    """The columns of a feature set under given settings.

    Parameters
    ----------
    set : str
        Name and version of the set, such as ``default-1``.
    columns : tuple of Column
        The columns in order, without the keys.
    fingerprint : str
        Changes with whatever changes a value.
    settings : Settings, optional
        What the fingerprint stands for, beside the versions; None where the set fixes them.
    windows : float, optional
        Seconds of the windows that rows describe; None where a row is a track.
    """

    set: str
    columns: tuple[Column, ...]
    fingerprint: str
    settings: Settings | None
    windows: float | None = None

    @property
    def names(self) -> list[str]:
        """The names of the columns, in order."""
        return [column.name for column in self.columns]


def of(set_name: str, settings: Settings, windows: float | None = None) -> Schema:
    """Return the schema of a feature set."""
    feature_set = sets.get(set_name)
    columns = feature_set.columns(settings)
    versioned = f"{set_name}-{feature_set.version}"
    versions = [f"{column.name}:{column.version}" for column in columns]
    own = settings if feature_set.configurable else None
    return Schema(versioned, columns, fingerprint(own, versioned, *versions), own, windows)


def check(expected: Sequence[str], actual: Sequence[str], where: str, remedy: str) -> None:
    """Compare the columns of a table with those that are needed, in order.

    Raises
    ------
    SchemaError
        They differ: the message names the first five missing, unexpected and reordered columns,
        and ends with the remedy.
    """
    if list(expected) == list(actual):
        return
    missing = [name for name in expected if name not in set(actual)]
    unexpected = [name for name in actual if name not in set(expected)]
    common = [name for name in actual if name in set(expected)]
    ordered = [name for name in expected if name in set(actual)]
    reordered = [name for name, due in zip(common, ordered, strict=False) if name != due]
    parts = [
        f"{label} {len(names)} ({', '.join(names[:5])}{', …' if len(names) > 5 else ''})"
        for label, names in (
            ("missing", missing),
            ("unexpected", unexpected),
            ("reordered", reordered),
        )
        if names
    ]
    raise SchemaError(f"{where} has other columns than the model: {'; '.join(parts)}. {remedy}")
