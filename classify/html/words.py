"""Numbers and names as they stand in sentences, in tables and in a terminal."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from earmark.classify.html.plotting import labels
from earmark.extract.errors import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "NONE",
    "counted",
    "equals",
    "fixed",
    "interval",
    "listed",
    "missing",
    "one_line",
    "percent",
    "signed",
    "whole",
    "writable",
]

NONE = "–"
"""What stands for a number that is not known."""

UNWRITABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udc7f\udd00-\udfff]")
"""Control characters, and surrogates but those that stand for a byte of a path: these are shown."""


def counted(count: int, what: str) -> str:
    """Say how many there are of something."""
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def listed(names: Sequence[str], most: int = 5) -> str:
    """Name some of many, as pictures do."""
    return ", ".join(labels(list(names[:most]), 34)) + (", …" if len(names) > most else "")


def signed(value: float) -> str:
    """Say a number to two decimals, with a minus sign."""
    return f"{value:.2f}".replace("-0.00", "0.00").replace("-", "−")


def equals(letter: str, value: float) -> str:
    """Say what a letter stands for."""
    # What does not break stays on one line.
    return f"{letter}\N{NO-BREAK SPACE}=\N{NO-BREAK SPACE}{signed(value)}"


def missing(value: Any) -> bool:
    """Tell whether a number is not known: None or NaN."""
    return value is None or bool(value != value)  # noqa: PLR0124


def whole(value: Any) -> str:
    """Write a whole number, with its thousands set apart."""
    return NONE if missing(value) else f"{int(value):,}"


def fixed(value: Any, digits: int = 3) -> str:
    """Write a number with so many decimals."""
    return NONE if missing(value) else f"{value:.{digits}f}"


def percent(share: Any, digits: int = 1) -> str:
    """Write a share; the number and its unit stay on one line."""
    return NONE if missing(share) else f"{100 * share:.{digits}f}\N{NO-BREAK SPACE}%"


def interval(bounds: Sequence[float] | None) -> str:
    """Write the two bounds of an interval with three decimals."""
    return NONE if bounds is None else "–".join(fixed(bound) for bound in bounds)


def writable(text: object) -> str:
    """Return text that is valid UTF-8 and has no control characters but tabs and new lines."""
    return printable(UNWRITABLE.sub("\N{REPLACEMENT CHARACTER}", str(text)))


def one_line(name: object) -> str:
    """Return a name as it can stand in a line of a terminal."""
    return " ".join(writable(name).split())
