"""What all pictures share: themes, an empty canvas, and names that the font can write.

matplotlib is used through its objects: no display, no window, no figure that stays behind.
"""

from __future__ import annotations

import contextlib
import io
import re
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

__all__ = [
    "BLUE",
    "GREY",
    "LONGEST",
    "ORANGE",
    "ROOMY",
    "THEMES",
    "Rendered",
    "canvas",
    "labels",
    "legend",
    "size",
]

BLUE, ORANGE, GREY = "#0072b2", "#d55e00", "#777777"
"""Of Okabe and Ito's palette, which people with any colour vision tell apart."""

STYLE: dict[str, Any] = {
    "font.family": ["DejaVu Sans"],
    "font.size": 9,
    "text.parse_math": False,
    "text.usetex": False,
    "text.color": "#222222",
    "axes.labelcolor": "#222222",
    "axes.edgecolor": GREY,
    "axes.titlesize": 11,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "grid.color": "#dddddd",
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "savefig.facecolor": "white",
    # Letters become outlines, as not every computer has the font; names of parts stay the same.
    "svg.fonttype": "path",
    "svg.hashsalt": "earmark",
}
"""The light theme; dollars in names are no formulas."""

DARK: dict[str, Any] = {
    **dict.fromkeys(("text.color", "axes.labelcolor", "xtick.color", "ytick.color"), "#e8e9e6"),
    "axes.edgecolor": "#9aa0a8",
    "axes.facecolor": "#14171c",
    "figure.facecolor": "#14171c",
    "savefig.facecolor": "#14171c",
    "grid.color": "#333a44",
}
"""What the dark theme changes."""

THEMES = {"light": STYLE, "dark": STYLE | DARK}
"""The settings of matplotlib for each theme."""

SIZE = re.compile(rb' width="([0-9.]+)pt" height="([0-9.]+)pt"')

UNSAID = {"png": ("Software",), "svg": ("Creator", "Date", "Format", "Type")}
"""What matplotlib would write into the files."""

ROOMY = 30
"""Rows up to which a picture has room for type of full size, and for numbers in its cells."""

LONGEST = 24
"""Characters of a name that a picture has room for."""

PLACE = re.compile(r"no\. \d+")
"""What stands for a name that cannot be written."""


class Rendered(NamedTuple):
    """A picture as PNG, on the ground of its theme, and as SVG, without any."""

    png: bytes
    svg: bytes

    @classmethod
    def of(cls, render: Callable[[str], bytes]) -> Rendered:
        """Render what was drawn on a canvas."""
        return cls(render("png"), render("svg"))


@contextlib.contextmanager
def canvas(
    width: float, height: float, theme: str = "light"
) -> Iterator[tuple[Any, Callable[[str], bytes]]]:
    """Give an empty figure [inch] in one of the `THEMES`, and the function that renders it.

    That is told what as: ``png``, on the ground of the theme, or ``svg``, without any.
    """
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    # What a user's matplotlibrc says holds again afterwards.
    with matplotlib.rc_context(THEMES[theme]):
        figure = Figure(figsize=(width, height), dpi=130, layout="constrained")
        FigureCanvasAgg(figure)

        def render(kind: str) -> bytes:
            buffer = io.BytesIO()
            figure.savefig(
                buffer,
                format=kind,
                dpi=130,
                bbox_inches="tight",
                transparent=kind == "svg",
                # The version of matplotlib, and the time, would be in the file.
                metadata=dict.fromkeys(UNSAID[kind]),
            )
            return buffer.getvalue()

        yield figure, render


def size(svg: bytes) -> tuple[float, float]:
    """Return width and height of a picture [points]; they stand in the head of the SVG."""
    (width, height), *_ = SIZE.findall(svg)
    return float(width), float(height)


def labels(names: Sequence[str], longest: int = LONGEST) -> list[str]:
    """Shorten names for a picture.

    The only font that is there everywhere knows no Chinese and not much of others: a name that it
    cannot write becomes its place in the list, as in ``no. 3``.
    """
    known = _characters()
    return [
        _shortened(plain, longest)
        if (plain := " ".join(name.split())) and {ord(character) for character in plain} <= known
        else f"no. {place}"
        for place, name in enumerate(names, 1)
    ]


def legend(names: Sequence[str], longest: int = LONGEST) -> dict[str, str]:
    """Return what the places stand for that `labels` gives in place of names."""
    return {
        label: name
        for label, name in zip(labels(names, longest), names, strict=True)
        if label != name and PLACE.fullmatch(label)
    }


def _shortened(name: str, longest: int) -> str:
    if len(name) <= longest:
        return name
    end = longest // 3
    return f"{name[: longest - end - 1].rstrip()}…{name[-end:].lstrip()}"


@cache
def _characters() -> frozenset[int]:
    """Return the characters that the font of the pictures has."""
    from matplotlib.font_manager import findfont
    from matplotlib.ft2font import FT2Font

    # Sorted out by hand: what is invisible alone, or changes its neighbours, is a name's trouble.
    return frozenset(
        code
        for code in FT2Font(findfont(STYLE["font.family"][0])).get_charmap()
        if chr(code).isprintable()
    )
