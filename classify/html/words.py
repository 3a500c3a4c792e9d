"""Numbers and names as they stand in sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING

from earmark.classify.html.plotting import labels

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["counted", "equals", "listed", "percent", "signed"]


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


def percent(share: float) -> str:
    """Say a share."""
    return f"{100 * share:.1f}\N{NO-BREAK SPACE}%"
