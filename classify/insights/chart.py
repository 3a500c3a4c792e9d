"""What frames every picture of a table: title and note, the colours of its theme, short numbers."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass, replace
from functools import wraps
from typing import TYPE_CHECKING, Any, Concatenate, NamedTuple, ParamSpec

import numpy as np

from earmark.classify.html.plotting import Rendered

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "INKS",
    "Drawn",
    "Head",
    "Ink",
    "for_any_screen",
    "headed",
    "hundredths",
    "share_text",
    "short",
    "tick",
]

WIDE, NARROW = 11.0, 3.6
"""Widths of a picture for a page, and for a phone [inch]: its letters are as large on both."""

Given = ParamSpec("Given")

RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


@dataclass(frozen=True)
class Head:
    """What stands above a picture, and the look of it all.

    Parameters
    ----------
    title : str
        What is seen.
    note : str
        What is drawn, and of how many tracks.
    theme : {"light", "dark"}
        One of `earmark.classify.html.plotting.THEMES`.
    narrow : bool
        Whether it is for a phone.
    """

    title: str
    note: str
    theme: str = "light"
    narrow: bool = False

    @property
    def ink(self) -> Ink:
        """The colours of the theme."""
        return INKS[self.theme]

    @property
    def width(self) -> float:
        """The width of the picture [inch]."""
        return NARROW if self.narrow else WIDE

    def name_length(self, longest: int = 24) -> int:
        """Return how many characters of a name beside an axis there is room for."""
        return min(longest, 16) if self.narrow else longest

    def lines(self, text: str) -> str:
        """Break what stands along an axis into lines that are no longer than it."""
        return textwrap.fill(text, 28) if self.narrow else text


class Drawn(NamedTuple):
    """A picture as PNG, with its title and note above it, and without these as SVG.

    The narrow one is for a phone.
    """

    png: bytes
    svg: bytes
    narrow: bytes


def for_any_screen(
    draw: Callable[Concatenate[Head, Given], Rendered],
) -> Callable[Concatenate[Head, Given], Drawn]:
    """Make of a function that draws a picture one that draws it for a page and for a phone."""

    @wraps(draw)
    def drawn(head: Head, /, *given: Given.args, **named: Given.kwargs) -> Drawn:
        wide = draw(head, *given, **named)
        narrow = draw(replace(head, narrow=True), *given, **named)
        return Drawn(wide.png, wide.svg, narrow.svg)

    return drawn


@dataclass(frozen=True)
class Ink:
    """The colours of a theme: two that differ for any eye, a quiet one, and palettes."""

    first: str
    second: str
    soft: str
    faint: str
    back: str
    diverging: str
    rising: str
    palette: tuple[str, ...]


INKS = {
    "light": Ink(
        first="#0072b2",
        second="#d55e00",
        soft="#5c5c5c",
        faint="#c9ccd1",
        back="white",
        diverging="RdBu_r",
        rising="Blues",
        palette=(
            *("#0072b2", "#d55e00", "#009e73", "#cc79a7"),
            *("#e69f00", "#56b4e9", "#222222", "#8c6bb1"),
        ),
    ),
    "dark": Ink(
        first="#56b4e9",
        second="#f0995a",
        soft="#a5a9b0",
        faint="#4a515c",
        back="#14171c",
        diverging="icefire",
        rising="mako",
        palette=(
            *("#56b4e9", "#f0793a", "#2fc79a", "#e39cc4"),
            *("#f0c040", "#3f8fd0", "#e8e9e6", "#b09bd8"),
        ),
    ),
}


def headed(figure: Any, render: Callable[[str], bytes], head: Head) -> Rendered:
    """Finish a picture: as it is as SVG, and with title and note above it as PNG."""
    svg = render("svg")
    if head.narrow:
        # It stands on a page alone, which has title and note as text.
        return Rendered(b"", svg)
    # What was laid out stays where it is.
    figure.set_layout_engine("none")
    width, height = figure.get_size_inches()
    below = 0.06
    for text, size, weight, colour in (
        (head.note, 8, "normal", head.ink.soft),
        (head.title, 11.5, "bold", None),
    ):
        # DejaVu's letters are 0.6 of their height on average, bold ones wider.
        letters = int(width * 72 / (size * (0.66 if weight == "bold" else 0.56)))
        lines = textwrap.wrap(text, max(letters, 20)) or [""]
        figure.text(
            *(0.006, 1 + below / height, "\n".join(lines)),
            fontsize=size,
            fontweight=weight,
            va="bottom",
            linespacing=1.25,
            **({"color": colour} if colour else {}),
        )
        below += len(lines) * size * 1.32 / 72 + 0.04
    return Rendered(render("png"), svg)


def short(value: float) -> str:
    """Write a number in little room."""
    if value and not 1e-3 <= abs(value) < 1e6:
        digits, power = f"{value:.1e}".split("e")
        return f"{digits}·10{str(int(power)).translate(RAISED)}".replace("-", "−")
    written = f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
    return written.replace("-", "−")


def hundredths(value: float) -> str:
    """Write a share in hundredths; nothing where there is none."""
    return "" if np.isnan(value) else f"{round(100 * value)}".replace("-", "−")


def tick(value: float, _: int) -> str:
    """Write a number on a narrow axis."""
    size = abs(value)
    for unit, factor in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if size >= factor and (factor > 1e3 or size >= 1e4):
            return f"{value / factor:.4g} {unit}".replace("-", "−")
    return short(value) if 0 < size < 1e-3 else f"{value:.4g}".replace("-", "−")


def share_text(share: float) -> str:
    """Write a share with its unit, and say where it is too small to be written."""
    percent = 100 * share
    return "< 0.1 %" if 0 < percent < 0.1 else f"{percent:.{0 if percent >= 10 else 1}f} %"
