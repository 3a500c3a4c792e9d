"""What happens to the tags of files, as it is planned, saved, shown and carried out."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from earmark.classify.library.tagging import values
from earmark.classify.library.tagging.fields import MARK

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["PLANNED", "Change", "FilePlan", "Origin", "Plan"]


@dataclass(frozen=True)
class Change:
    """What happens to a field of a file.

    Parameters
    ----------
    field : str
        As in `earmark.classify.library.tagging.fields`.
    now, then : tuple of str
        Its values.
    what : {"add", "replace", "append", "keep"}
        Whether there are none yet, they are replaced, ours are added, or nothing changes.
    """

    field: str
    now: tuple[str, ...]
    then: tuple[str, ...]
    what: str


@dataclass(frozen=True)
class FilePlan:
    """What happens to a file.

    Parameters
    ----------
    path : str
        Its name in tables.
    location : Path
        The file itself, not a link to it.
    sha256 : str
        Of the file as it was planned for; empty where it was not read.
    changes : tuple of Change
        For each field.
    left : str
        Why nothing is written; empty where something may be.
    notes : tuple of str
        What a reader has to know.
    """

    path: str
    location: Path
    sha256: str = ""
    changes: tuple[Change, ...] = ()
    left: str = ""
    notes: tuple[str, ...] = ()

    @property
    def written(self) -> tuple[Change, ...]:
        """The changes that change something."""
        return tuple(each for each in self.changes if each.what != "keep")


@dataclass(frozen=True)
class Origin:
    """Where values come from, as it is written beside them.

    Parameters
    ----------
    set : str, optional
        The feature set with its version.
    model : str, optional
        The model.
    """

    set: str | None = None
    model: str | None = None


@dataclass(frozen=True)
class Plan:
    """What happens to files.

    Parameters
    ----------
    files : tuple of FilePlan
        In the order of the predictions.
    origin : Origin
        Where the values come from.
    """

    files: tuple[FilePlan, ...]
    origin: Origin = field(default_factory=Origin)

    @property
    def counts(self) -> Counter[str]:
        """How many values are added, replaced, appended and kept, and how many files left."""
        found = Counter(
            change.what
            for file in self.files
            for change in file.changes
            if change.field != MARK.lower()
        )
        found["left"] = sum(bool(file.left) for file in self.files)
        return found


_REPLAYGAIN = tuple(
    f"{kind}_{name}_{what}"
    for name in ("track", "album")
    for kind, what in (("replaygain", "gain"), ("replaygain", "peak"), ("r128", "gain"))
)

PLANNED = (
    *("genre", "bpm", "key", "energy", "mood"),
    *_REPLAYGAIN,
    *(f"earmark_{name}" for name in values.SPOTIFY),
    *("earmark_tags", MARK.lower()),
)
"""All fields that a plan may have, in order."""
