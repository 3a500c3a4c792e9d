"""How far off the descriptors are: what ``benchmarks/descriptors.py`` has measured."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["MEASURED", "Measurement", "read"]

MEASURED = Path(__file__).parent / "measured.json"


@dataclass(frozen=True)
class Measurement:
    """The accuracy of a descriptor by one measure.

    Parameters
    ----------
    descriptor : str
        Its name, or that of one of its columns.
    measure, truth : str
        What was counted, and against what.
    n : int
        How many recordings.
    ours : float
        The value of the measure.
    low, high : float, optional
        Interval of 95 %.
    others : mapping of str to float
        The value of others by their name.
    """

    descriptor: str
    measure: str
    truth: str
    n: int
    ours: float
    low: float | None = None
    high: float | None = None
    others: Mapping[str, float | None] = field(default_factory=dict)


def read(path: Path = MEASURED) -> tuple[tuple[Measurement, ...], str]:
    """Read the measurements and the command that made them; none where there is no such file."""
    if not path.exists():
        return (), ""
    stored: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    names = Measurement.__dataclass_fields__
    rows = ({name: row[name] for name in names if name in row} for row in stored["rows"])
    return tuple(Measurement(**row) for row in rows), str(stored.get("made_by", ""))
