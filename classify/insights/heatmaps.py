"""The pictures of a table that are matrices of colours: correlations, and profiles of genres.

Each function returns a picture, the same bytes for the same input.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from earmark.classify.html.plotting import ROOMY, canvas, labels
from earmark.classify.insights.chart import Drawn, Head, headed, hundredths

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

__all__ = ["correlations", "families", "profile"]

NUMBERED = 24
"""Columns up to which the cells of a correlation matrix hold numbers."""

WIDTH = 8.6
"""Of the picture of all columns [inch]."""


def correlations(matrix: pd.DataFrame, head: Head) -> Drawn:
    """Draw the rank correlations of columns, in the order given, as the lower half of a square."""
    import seaborn

    many = len(matrix)
    few = many <= NUMBERED
    side = max(4.5, 1.9 + (0.44 if many <= 16 else 0.36 if few else 0.17) * many)
    # Each column with those before it: the first row and the last column would be empty.
    half = matrix.iloc[1:, :-1]
    hidden = ~np.tri(many - 1, dtype=bool)
    names = labels([str(name) for name in matrix.columns], 30)
    with canvas(side + 0.6, side * 0.92, head.theme) as (figure, finish):
        axes = figure.subplots()
        seaborn.heatmap(
            100 * half if few else half,
            mask=hidden | half.isna().to_numpy(),
            cmap=head.ink.diverging,
            **({"vmin": -100, "vmax": 100} if few else {"vmin": -1, "vmax": 1}),
            annot=half.map(hundredths) if few else None,
            fmt="",
            annot_kws={"fontsize": 7.5 if many <= 16 else 6.5},
            linewidths=0.6 if few else 0.2,
            linecolor=head.ink.back,
            square=True,
            xticklabels=False,
            yticklabels=False,
            cbar_kws={"shrink": 0.5, "aspect": 28, "pad": 0.02},
            ax=axes,
        )
        size = 9 if few else 7
        places = np.arange(many - 1) + 0.5
        axes.set_xticks(places, names[:-1], rotation=90, fontsize=size)
        axes.set_yticks(places, names[1:], rotation=0, fontsize=size)
        axes.tick_params(length=0)
        bar = figure.axes[-1]
        bar.set_ylabel("rank correlation (Spearman's ρ)" + (" × 100" if few else ""), fontsize=8)
        bar.tick_params(labelsize=7.5, length=2)
        return headed(figure, finish, head)


def families(matrix: pd.DataFrame, blocks: Sequence[tuple[str, int, int]], head: Head) -> Drawn:
    """Draw the rank correlations of very many columns, named by families.

    Parameters
    ----------
    matrix : DataFrame
        Square; columns of a family stand together.
    blocks : sequence of tuple
        Name, first row and row after the last of each family.
    head : Head
        What stands above.
    """
    many = len(matrix)
    with canvas(WIDTH, WIDTH * 0.88, head.theme) as (figure, finish):
        axes = figure.subplots()
        image = axes.imshow(
            matrix.to_numpy(),
            cmap=_colours(head.ink.diverging),
            vmin=-1,
            vmax=1,
            interpolation="nearest",
        )
        axes.spines[:].set_visible(False)
        edges = [start for _, start, _ in blocks[1:]]
        for edge in edges:
            axes.axhline(edge - 0.5, color=head.ink.back, linewidth=0.8)
            axes.axvline(edge - 0.5, color=head.ink.back, linewidth=0.8)
        # A name needs the room of a line: those of smaller families would lie on one another.
        room = many / 48
        named = [(name, (start + stop - 1) / 2) for name, start, stop in _roomy(blocks, room)]
        names = labels([name for name, _ in named], 30)
        middles = [middle for _, middle in named]
        axes.set_yticks(middles, names, fontsize=8)
        axes.set_xticks(middles, names, fontsize=8, rotation=90)
        axes.tick_params(length=0)
        bar = figure.colorbar(image, ax=axes, shrink=0.5, aspect=28, pad=0.02)
        bar.outline.set_visible(False)
        bar.set_label("rank correlation (Spearman's ρ)", fontsize=8)
        bar.ax.tick_params(labelsize=7.5, length=2)
        return headed(figure, finish, head)


def profile(table: pd.DataFrame, head: Head) -> Drawn:
    """Draw what marks each genre (rows): how far its medians lie from those of all."""
    import seaborn

    many, across = table.shape
    row = 0.27 if many <= ROOMY else 0.165
    size = 9 if many <= ROOMY else 7
    limit = 2.0
    width = min(max(4.6, 2.6 + 0.42 * across), 14)
    with canvas(width, 2.0 + row * many, head.theme) as (figure, finish):
        axes = figure.subplots()
        seaborn.heatmap(
            table,
            mask=table.isna().to_numpy(),
            cmap=head.ink.diverging,
            vmin=-limit,
            vmax=limit,
            linewidths=0.4,
            linecolor=head.ink.back,
            xticklabels=False,
            yticklabels=False,
            cbar=False,
            ax=axes,
        )
        columns = labels([str(name) for name in table.columns], 30)
        axes.set_xticks(np.arange(across) + 0.5, columns, rotation=90, fontsize=min(size + 1, 9))
        axes.set_yticks(
            np.arange(many) + 0.5,
            labels([str(genre) for genre in table.index]),
            rotation=0,
            fontsize=size,
        )
        axes.set(xlabel="", ylabel="")
        axes.tick_params(length=0)
        if many > 40:
            axes.tick_params(axis="x", top=True, labeltop=True)
        bar = figure.colorbar(
            axes.collections[0],
            ax=axes,
            location="bottom",
            fraction=0.3 / (2.0 + row * many),
            aspect=34,
            shrink=min(1.0, 4.2 / width),
            pad=0.01,
            extend="both",
            ticks=[-2, -1, 0, 1, 2],
        )
        bar.outline.set_visible(False)
        bar.set_label("the genre's median, in standard deviations of all tracks", fontsize=8)
        bar.ax.tick_params(labelsize=7.5, length=2)
        return headed(figure, finish, head)


def _roomy(blocks: Sequence[tuple[str, int, int]], room: float) -> list[tuple[str, int, int]]:
    """Return the families whose names have room, one after the other."""
    found: list[tuple[str, int, int]] = []
    for block in sorted(blocks, key=lambda block: block[1] - block[2]):
        middle = (block[1] + block[2]) / 2
        if all(abs(middle - (other[1] + other[2]) / 2) >= room for other in found):
            found.append(block)
    return sorted(found, key=lambda block: block[1])


def _colours(name: str) -> Any:
    """Return a colour map, one of seaborn's too."""
    import seaborn

    return seaborn.color_palette(name, as_cmap=True)
