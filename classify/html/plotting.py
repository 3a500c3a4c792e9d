"""What all pictures share: themes, an empty canvas, and names that the font can write.

matplotlib is used through its objects: no display, no window, no figure that stays behind.
"""

from __future__ import annotations

import contextlib
import io
import re
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

__all__ = ["BLUE", "GREY", "LONGEST", "ORANGE", "ROOMY", "THEMES", "canvas", "labels", "legend"]

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

ROOMY = 30
"""Rows up to which a picture has room for type of full size, and for numbers in its cells."""

LONGEST = 24
"""Characters of a name that a picture has room for."""

PLACE = re.compile(r"no\. \d+")
"""What stands for a name that cannot be written."""


@contextlib.contextmanager
def canvas(
    width: float, height: float, theme: str = "light"
) -> Iterator[tuple[Any, Callable[[], bytes]]]:
    """Give an empty figure [inch] in one of the `THEMES` and the function that makes it a PNG."""
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    # What a user's matplotlibrc says holds again afterwards.
    with matplotlib.rc_context(THEMES[theme]):
        figure = Figure(figsize=(width, height), dpi=130, layout="constrained")
        FigureCanvasAgg(figure)

        def finish() -> bytes:
            buffer = io.BytesIO()
            # The version of matplotlib would be in the file.
            figure.savefig(
                buffer, format="png", dpi=130, bbox_inches="tight", metadata={"Software": None}
            )
            return buffer.getvalue()

        yield figure, finish


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
