"""The pictures of a table that are matrices of colours: correlations, and profiles of genres.

Each function returns a picture, the same bytes for the same input.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from earmark.classify.html.plotting import ROOMY, Rendered, canvas, labels
from earmark.classify.insights.chart import Head, for_any_screen, headed, hundredths

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

__all__ = ["correlations", "families", "profile"]

NUMBERED = 24
"""Columns up to which the cells of a correlation matrix hold numbers."""


@for_any_screen
def correlations(head: Head, matrix: pd.DataFrame) -> Rendered:
    """Draw the rank correlations of columns, in the order given, as the lower half of a square."""
    import seaborn

    many = len(matrix)
    # A phone has no room for numbers, nor for the names of more columns than rows.
    few = many <= (8 if head.narrow else NUMBERED)
    size = 7 if head.narrow or not few else 9
    # Each column with those before it: the first row and the last column would be empty.
    half = matrix.iloc[1:, :-1]
    hidden = ~np.tri(many - 1, dtype=bool)
    names = labels([str(name) for name in matrix.columns], head.name_length(30))
    height = 2.4 + max(1.2, (0.3 if few and not head.narrow else 0.14) * many)
    with canvas(head.width, height, head.theme) as (figure, render):
        axes = figure.subplots()
        seaborn.heatmap(
            100 * half if few else half,
            mask=hidden | half.isna().to_numpy(),
            cmap=head.ink.diverging,
            **({"vmin": -100, "vmax": 100} if few else {"vmin": -1, "vmax": 1}),
            annot=half.map(hundredths) if few else None,
            fmt="",
            annot_kws={"fontsize": 7.5},
            linewidths=0.6 if few else 0.2,
            linecolor=head.ink.back,
            xticklabels=False,
            yticklabels=False,
            cbar=False,
            ax=axes,
        )
        shown = slice(None, None, _every(many, head))
        places = np.arange(many - 1) + 0.5
        axes.set_xticks(places[shown], names[:-1][shown], rotation=90, fontsize=size)
        axes.set_yticks(places, names[1:], rotation=0, fontsize=size)
        axes.tick_params(length=0)
        said = "rank correlation (Spearman's ρ)" + (" × 100" if few else "")
        _scale(figure, axes, axes.collections[0], said)
        return headed(figure, render, head)


@for_any_screen
def families(head: Head, matrix: pd.DataFrame, blocks: Sequence[tuple[str, int, int]]) -> Rendered:
    """Draw the rank correlations of very many columns, named by families.

    Parameters
    ----------
    head : Head
        What stands above.
    matrix : DataFrame
        Square; columns of a family stand together.
    blocks : sequence of tuple
        Name, first row and row after the last of each family.
    """
    many = len(matrix)
    height = 4.2 if head.narrow else 8.0
    with canvas(head.width, height, head.theme) as (figure, render):
        axes = figure.subplots()
        image = axes.imshow(
            matrix.to_numpy(),
            cmap=_colours(head.ink.diverging),
            vmin=-1,
            vmax=1,
            interpolation="none",
            aspect="auto",
        )
        axes.spines[:].set_visible(False)
        edges = [start for _, start, _ in blocks[1:]]
        for edge in edges:
            axes.axhline(edge - 0.5, color=head.ink.back, linewidth=0.8)
            axes.axvline(edge - 0.5, color=head.ink.back, linewidth=0.8)
        # A name needs the room of a line: those of smaller families would lie on one another.
        room = many / (18 if head.narrow else 44)
        named = [(name, (start + stop - 1) / 2) for name, start, stop in _roomy(blocks, room)]
        names = labels([name for name, _ in named], head.name_length(30))
        middles = [middle for _, middle in named]
        size = 7 if head.narrow else 8
        axes.set_yticks(middles, names, fontsize=size)
        axes.set_xticks(middles, names, fontsize=size, rotation=90)
        axes.tick_params(length=0)
        _scale(figure, axes, image, "rank correlation (Spearman's ρ)")
        return headed(figure, render, head)


@for_any_screen
def profile(head: Head, table: pd.DataFrame) -> Rendered:
    """Draw what marks each genre (rows): how far its medians lie from those of all."""
    import seaborn

    many, across = table.shape
    row = 0.27 if many <= ROOMY else 0.165
    size = 9 if many <= ROOMY and not head.narrow else 7
    limit = 2.0
    with canvas(head.width, 2.2 + row * many, head.theme) as (figure, render):
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
        columns = labels([str(name) for name in table.columns], head.name_length(30))
        shown = slice(None, None, _every(across, head))
        places = np.arange(across) + 0.5
        axes.set_xticks(places[shown], columns[shown], rotation=90, fontsize=size)
        axes.set_yticks(
            np.arange(many) + 0.5,
            labels([str(genre) for genre in table.index], head.name_length()),
            rotation=0,
            fontsize=size,
        )
        axes.set(xlabel="", ylabel="")
        axes.tick_params(length=0)
        if many > 40:
            axes.tick_params(axis="x", top=True, labeltop=True)
        said = head.lines("the genre's median, in standard deviations of all tracks")
        _scale(figure, axes, axes.collections[0], said, extend="both")
        return headed(figure, render, head)


def _scale(figure: Any, axes: Any, colours: Any, said: str, **options: Any) -> None:
    """Draw what the colours mean, under the picture, as large as it is wherever that is."""
    from matplotlib.ticker import MaxNLocator

    width, height = figure.get_size_inches()
    bar = figure.colorbar(
        colours,
        ax=axes,
        location="bottom",
        fraction=0.3 / height,
        aspect=34,
        shrink=min(1.0, 3.6 / width),
        pad=0.01,
        **options,
    )
    bar.locator = MaxNLocator(4, symmetric=True)
    bar.outline.set_visible(False)
    bar.set_label(said, fontsize=8)
    bar.ax.tick_params(labelsize=7.5, length=2)


def _every(many: int, head: Head) -> int:
    """Return of how many columns one is named, so that the names do not lie on one another."""
    # A name takes a seventh of an inch, beside the names of the rows.
    return -(-many // int(7.5 * (head.width - 1.4)))


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
