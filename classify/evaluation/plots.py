"""The pictures of a training, as PNG: what is mixed up, what is found, how sure, and by what.

Each function returns the bytes of a picture, the same ones for the same input. matplotlib is used
through its objects: no display, no window, no figure that stays behind.
"""

from __future__ import annotations

import contextlib
import io
import re
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pandas as pd
    from numpy.typing import NDArray

__all__ = [
    "THEMES",
    "calibration",
    "canvas",
    "confusion",
    "genres",
    "importance",
    "labels",
    "legend",
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
}
"""One look for all pictures; dollars in names are no formulas."""

DARK: dict[str, Any] = {
    **dict.fromkeys(("text.color", "axes.labelcolor", "xtick.color", "ytick.color"), "#e8e9e6"),
    "axes.edgecolor": "#9aa0a8",
    "axes.facecolor": "#14171c",
    "figure.facecolor": "#14171c",
    "savefig.facecolor": "#14171c",
    "grid.color": "#333a44",
}
"""What differs on a dark page."""

THEMES = {"light": STYLE, "dark": STYLE | DARK}
"""The looks that pictures can have."""

NUMBERED = 30
"""Genres up to which the cells of a confusion matrix hold numbers: more would be noise."""

LONGEST = 24
"""Characters of a name that a picture has room for."""

PLACE = re.compile(r"no\. \d+")
"""What stands for a name that cannot be written."""


def confusion(counts: NDArray[np.int64], genres: Sequence[str], title: str) -> bytes:
    """Draw a confusion matrix: true genres in rows, shares of each row as colour and number."""
    many = len(genres)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    # Rows of many genres are as high as their names, in a smaller type.
    side = max(5.0, 2.2 + (0.5 if many <= NUMBERED else 0.13) * many)
    size = 9 if many <= NUMBERED else 6.5
    names = labels(genres)
    with canvas(side, side) as (figure, finish):
        axes = figure.subplots()
        image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
        axes.spines[:].set_visible(False)
        axes.set_xticks(range(many), names, rotation=90, fontsize=size)
        axes.set_yticks(range(many), names, fontsize=size)
        axes.tick_params(length=0)
        axes.set_xlabel("predicted genre")
        axes.set_ylabel("true genre")
        axes.set_title(title)
        if many <= NUMBERED:
            for row, column in np.argwhere(counts > 0):
                axes.text(
                    *(column, row, f"{100 * shares[row, column]:.0f}"),
                    ha="center",
                    va="center",
                    fontsize=8,
                    color="white" if shares[row, column] > 0.55 else "#222222",
                )
        bar = figure.colorbar(image, ax=axes, shrink=0.5, aspect=30, format=_percent)
        bar.outline.set_visible(False)
        bar.set_label("share of the true genre's tracks [%]")
        return finish()


def genres(table: pd.DataFrame, title: str) -> bytes:
    """Draw precision and recall of each genre (rows, from the top), joined by a line."""
    many = len(table)
    places = np.arange(many)
    low, high = (table[["precision", "recall"]].agg(how, axis=1) for how in ("min", "max"))
    with canvas(7.5, 1.6 + (0.26 if many <= NUMBERED else 0.165) * many) as (figure, finish):
        axes = figure.subplots()
        axes.hlines(places, 100 * low, 100 * high, color="#bbbbbb", linewidth=1.5, zorder=1)
        # The one on top is the smaller: where both are the same, both are seen.
        for name, colour, marker, area in (
            ("recall", BLUE, "o", 46),
            ("precision", ORANGE, "D", 14),
        ):
            axes.scatter(
                *(100 * table[name], places), s=area, color=colour, marker=marker, label=name
            )
        size = 9 if many <= NUMBERED else 7
        axes.set_yticks(places, labels([str(genre) for genre in table.index]), fontsize=size)
        axes.set_ylim(many - 0.4, -0.6)
        axes.set_xlim(-2, 102)
        axes.set_xlabel("recall: of the genre's tracks, precision: of those called so [%]")
        axes.grid(axis="x")
        axes.tick_params(axis="y", length=0)
        axes.set_title(title)
        figure.legend(loc="outside lower center", ncols=2)
        return finish()


def calibration(table: pd.DataFrame, error: float) -> bytes:
    """Draw how often predictions are right against how sure they are, and how many are so sure.

    Parameters
    ----------
    table : DataFrame
        As `earmark.classify.evaluation.metrics.reliability` gives it.
    error : float
        The expected calibration error, for the title.
    """
    middles, width = 50 * (table["low"] + table["high"]), 100 * (table["high"] - table["low"])
    filled = table[table["tracks"] > 0]
    with canvas(6, 6.5) as (figure, finish):
        upper, lower = figure.subplots(2, sharex=True, height_ratios=(4, 1))
        upper.plot([0, 100], [0, 100], color=GREY, linestyle="--", linewidth=1, label="as it ought")
        upper.plot(
            *(100 * filled["confidence"], 100 * filled["accuracy"]),
            color=BLUE,
            marker="o",
            label="this model",
            # Never right and always right are points like others: they are drawn whole.
            clip_on=False,
            zorder=3,
        )
        upper.set_xlim(0, 100)
        upper.set_ylim(0, 100)
        upper.set_ylabel("were right [%]")
        upper.set_title(f"Calibration: off by {100 * error:.1f} points on average (ECE)")
        upper.legend(loc="upper left")
        upper.grid()
        bars = lower.bar(middles, table["tracks"], width=0.9 * width, color=BLUE)
        lower.bar_label(bars, [f"{count:,}" if count else "" for count in table["tracks"]], size=7)
        lower.margins(y=0.25)
        lower.set_ylabel("tracks")
        lower.set_xlabel("probability that the model gave to its answer [%]")
        figure.align_ylabels()
        return finish()


def importance(shares: pd.Series) -> bytes:
    """Draw the shares of columns (index) as bars, in the order given, from the top."""
    places = np.arange(len(shares))
    with canvas(7.5, 1.3 + 0.26 * len(shares)) as (figure, finish):
        axes = figure.subplots()
        axes.barh(places, 100 * shares.to_numpy(float), height=0.7, color=BLUE)
        axes.set_yticks(places, labels([str(name) for name in shares.index], 40))
        axes.set_ylim(len(shares) - 0.4, -0.6)
        axes.set_xlabel("share of all importance [%]")
        axes.grid(axis="x")
        axes.tick_params(axis="y", length=0)
        axes.set_title("What the model looks at")
        return finish()


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


def _percent(share: float, _: int) -> str:
    return f"{100 * share:.0f}"


@contextlib.contextmanager
def canvas(width: float, height: float, theme: str = "light") -> Iterator[tuple[Any, Any]]:
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
