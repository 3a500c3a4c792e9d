"""The pictures of a training: what is mixed up, what is found, how sure, and by what.

Each function returns a picture, the same bytes for the same input.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from earmark.classify.html.plotting import BLUE, GREY, ORANGE, ROOMY, Rendered, canvas, labels

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from numpy.typing import NDArray

__all__ = ["calibration", "confusion", "genres", "importance"]


def confusion(counts: NDArray[np.int64], genres: Sequence[str], title: str) -> Rendered:
    """Draw a confusion matrix: true genres in rows, shares of each row as colour and number."""
    many = len(genres)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    # Rows of many genres are as high as their names, in a smaller type.
    side = max(5.0, 2.2 + (0.5 if many <= ROOMY else 0.13) * many)
    size = 9 if many <= ROOMY else 6.5
    names = labels(genres)
    with canvas(side, side) as (figure, render):
        axes = figure.subplots()
        image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, interpolation="none")
        axes.spines[:].set_visible(False)
        axes.set_xticks(range(many), names, rotation=90, fontsize=size)
        axes.set_yticks(range(many), names, fontsize=size)
        axes.tick_params(length=0)
        axes.set_xlabel("predicted genre")
        axes.set_ylabel("true genre")
        axes.set_title(title)
        if many <= ROOMY:
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
        return Rendered.of(render)


def genres(table: pd.DataFrame, title: str) -> Rendered:
    """Draw precision and recall of each genre (rows, from the top), joined by a line."""
    many = len(table)
    places = np.arange(many)
    low, high = (table[["precision", "recall"]].agg(how, axis=1) for how in ("min", "max"))
    with canvas(7.5, 1.6 + (0.26 if many <= ROOMY else 0.165) * many) as (figure, render):
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
        size = 9 if many <= ROOMY else 7
        axes.set_yticks(places, labels([str(genre) for genre in table.index]), fontsize=size)
        axes.set_ylim(many - 0.4, -0.6)
        axes.set_xlim(-2, 102)
        axes.set_xlabel("recall: of the genre's tracks, precision: of those called so [%]")
        axes.grid(axis="x")
        axes.tick_params(axis="y", length=0)
        axes.set_title(title)
        figure.legend(loc="outside lower center", ncols=2)
        return Rendered.of(render)


def calibration(table: pd.DataFrame, error: float) -> Rendered:
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
    with canvas(6, 6.5) as (figure, render):
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
        return Rendered.of(render)


def importance(shares: pd.Series) -> Rendered:
    """Draw the shares of columns (index) as bars, in the order given, from the top."""
    places = np.arange(len(shares))
    with canvas(7.5, 1.3 + 0.26 * len(shares)) as (figure, render):
        axes = figure.subplots()
        axes.barh(places, 100 * shares.to_numpy(float), height=0.7, color=BLUE)
        axes.set_yticks(places, labels([str(name) for name in shares.index], 40))
        axes.set_ylim(len(shares) - 0.4, -0.6)
        axes.set_xlabel("share of all importance [%]")
        axes.grid(axis="x")
        axes.tick_params(axis="y", length=0)
        axes.set_title("What the model looks at")
        return Rendered.of(render)


def _percent(share: float, _: int) -> str:
    return f"{100 * share:.0f}"
