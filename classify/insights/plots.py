"""The pictures of a table, as PNG: how its descriptors lie, and what they say of its genres.

Each function returns a picture, the same bytes for the same input. They are given numbers and words
and decide nothing but how these look; what they show is chosen in
`earmark.classify.insights.figures`.
"""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from earmark.classify.evaluation import plots

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from numpy.typing import NDArray

__all__ = [
    "COLOURED",
    "KEYS",
    "MEDIAN",
    "Drawn",
    "Head",
    "Panel",
    "correlations",
    "distributions",
    "families",
    "keys",
    "missing",
    "popularity",
    "profile",
    "scatter",
    "tempo",
]

KEYS = ("C", "C♯", "D", "E♭", "E", "F", "F♯", "G", "A♭", "A", "B♭", "B")
"""The pitch classes by number, as keys are mostly written."""

MARKERS = ("o", "s", "^", "D", "v", "P", "X", "p")
COLOURED = len(MARKERS)
"""Genres that are told apart in one picture, by colour and by shape."""

MEDIAN = 3
"""Tracks of a genre from which on their median is drawn."""

NUMBERED = 24
"""Columns up to which the cells of a correlation matrix hold numbers."""

BINS = 40

POINTS = 4000
"""Points of a scatter picture, above which they would be one blot."""

RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")

WIDTH = 8.6
"""Of a picture of full width [inch]."""


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
        One of `earmark.classify.evaluation.plots.THEMES`.
    """

    title: str
    note: str
    theme: str = "light"

    @property
    def ink(self) -> Ink:
        """The colours of the theme."""
        return INKS[self.theme]


class Drawn(NamedTuple):
    """A picture as PNG: with its title and note above it, and without."""

    png: bytes
    bare: bytes


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


@dataclass(frozen=True)
class Panel:
    """One descriptor among several.

    Parameters
    ----------
    name, unit : str
        What it is called, and its unit, empty for a pure number.
    values : ndarray
        Finite ones, at least one; of categories their numbers.
    categories : tuple of str
        What the numbers 0, 1, … of categories mean; empty for quantities.
    """

    name: str
    unit: str
    values: NDArray[np.float64]
    categories: tuple[str, ...] = ()


def popularity(table: pd.DataFrame, average: float, head: Head) -> Drawn:
    """Draw the mean popularity of genres (rows, from the top) with intervals.

    Parameters
    ----------
    table : DataFrame
        ``mean``, ``low``, ``high`` and ``tracks`` by genre.
    average : float
        Of all tracks.
    head : Head
        What stands above.
    """
    ink, places = head.ink, np.arange(len(table))
    with plots.canvas(7.5, 1.1 + 0.27 * len(table), head.theme) as (figure, finish):
        axes = figure.subplots()
        axes.axvline(average, color=ink.soft, linewidth=1, linestyle="--")
        axes.hlines(places, table["low"], table["high"], color=ink.first, linewidth=3, alpha=0.45)
        axes.scatter(table["mean"], places, color=ink.first, s=38, zorder=3)
        axes.set_yticks(places, plots.labels([str(genre) for genre in table.index]))
        axes.set_ylim(len(table) - 0.4, -0.6)
        axes.set_xlabel(f"mean popularity, 0 to 100 (dashed: all tracks, {average:.3g})")
        axes.grid(axis="x")
        axes.tick_params(axis="y", length=0)
        # The number of tracks stands where no interval ends.
        for place, count in zip(places, table["tracks"], strict=True):
            axes.annotate(
                *(f"{count:,}", (1.01, place)),
                xycoords=("axes fraction", "data"),
                va="center",
                fontsize=7.5,
                color=ink.soft,
            )
        axes.annotate(
            *("tracks", (1.01, 1.0)),
            xycoords="axes fraction",
            xytext=(0, 2),
            textcoords="offset points",
            fontsize=7.5,
            color=ink.soft,
        )
        return _headed(figure, finish, head)


def scatter(
    points: pd.DataFrame,
    genres: pd.Series | None,
    chosen: Sequence[str],
    shown: Sequence[str],
    axis_labels: tuple[str, str],
    head: Head,
) -> Drawn:
    """Draw two descriptors against each other: all tracks in grey, chosen genres in colour.

    Parameters
    ----------
    points : DataFrame
        Two columns without gaps, a row per track.
    genres : Series, optional
        The genre of each.
    chosen, shown : sequence of str
        The genres in colour, at most `COLOURED`, and how they are written.
    axis_labels : tuple of str
        What the axes say.
    head : Head
        What stands above.
    """
    ink = head.ink
    x, y = (points[name].to_numpy() for name in points)
    random = np.random.default_rng(0)
    with plots.canvas(7.5, 5.6, head.theme) as (figure, finish):
        axes = figure.subplots()
        if len(points) > POINTS:
            axes.hexbin(
                *(x, y),
                gridsize=70,
                bins="log",
                mincnt=1,
                cmap=_greys(head.theme),
                linewidths=0.1,
                rasterized=True,
            )
        elif not len(chosen) or (genres is not None and len(chosen) < genres.nunique()):
            colour = ink.faint if len(chosen) else ink.first
            axes.scatter(x, y, s=16, color=colour, alpha=0.75, linewidths=0)
        share = max(POINTS // (2 * max(len(chosen), 1)), 1)
        drawn = []
        for place, genre in enumerate(chosen):
            assert genres is not None
            own = np.flatnonzero((genres == genre).to_numpy())
            # As many of each: the commonest must not paint over the others.
            kept = np.sort(random.choice(own, share, replace=False)) if len(own) > share else own
            drawn.append((place, x[kept], y[kept], np.median(x[own]), np.median(y[own])))
        crowd = sum(len(xs) for _, xs, *_ in drawn)
        size = 90 if crowd < 30 else 40 if crowd < 100 else 22 if crowd < 800 else 9
        style: dict[str, Any] = {"edgecolors": ink.back, "zorder": 2}
        for place, xs, ys, *_ in drawn:
            axes.scatter(
                *(xs, ys),
                s=size,
                color=ink.palette[place],
                marker=MARKERS[place],
                alpha=0.75,
                **style | {"linewidths": 0.2},
            )
        for place, xs, _, middle, height in drawn:
            if len(xs) >= MEDIAN:
                axes.scatter(
                    *([middle], [height]),
                    s=150,
                    color=ink.palette[place],
                    marker=MARKERS[place],
                    **style | {"linewidths": 1.6, "zorder": 4},
                )
            axes.plot(
                *([], []),
                color=ink.palette[place],
                marker=MARKERS[place],
                markersize=7,
                linestyle="",
                label=shown[place],
            )
        axes.set_xlabel(axis_labels[0])
        axes.set_ylabel(axis_labels[1])
        axes.grid()
        if chosen:
            figure.legend(loc="outside lower left", ncols=4, handletextpad=0.2)
        return _headed(figure, finish, head)


def distributions(panels: Sequence[Panel], head: Head) -> Drawn:
    """Draw how each of several descriptors lies: quantities as histograms, categories as bars."""
    import seaborn

    ink = head.ink
    across = min(4, len(panels))
    rows = -(-len(panels) // across)
    with plots.canvas(max(4.0, WIDTH * across / 4), 1.75 * rows + 0.2, head.theme) as (
        figure,
        finish,
    ):
        grid = figure.subplots(rows, across, squeeze=False)
        figure.get_layout_engine().set(w_pad=0.08, h_pad=0.06)
        names = plots.labels([panel.name for panel in panels], 26)
        for axes, panel, name in zip(grid.flat, panels, names, strict=False):
            axes.set_title(name, fontsize=8.5, pad=4)
            axes.tick_params(labelsize=7)
            under = [panel.unit] if panel.unit else []
            if panel.categories:
                many = len(panel.categories)
                counts = np.bincount(panel.values.astype(int), minlength=many)
                axes.bar(range(many), 100 * counts / counts.sum(), color=ink.first, width=0.8)
                # Twelve keys have no room for more than the white ones.
                named = [
                    place for place in range(many) if many < 9 or panel.categories[place][1:] == ""
                ]
                axes.set_xticks(named, [panel.categories[place] for place in named])
                axes.set_xlim(-1 if many < 3 else -0.6, many if many < 3 else many - 0.4)
                axes.tick_params(axis="x", length=0)
            else:
                inner, beyond = _inner(panel.values)
                seaborn.histplot(
                    x=inner,
                    bins=_edges(inner),
                    stat="percent",
                    color=ink.first,
                    alpha=1,
                    linewidth=0,
                    ax=axes,
                )
                # Shares are of all tracks, those beyond the axis too.
                scale = len(inner) / len(panel.values)
                for bar in axes.patches:
                    bar.set_height(bar.get_height() * scale)
                axes.relim()
                axes.autoscale_view()
                middle = float(np.median(panel.values))
                axes.axvline(middle, color=ink.second, linewidth=1.2)
                # A long name takes all the room above.
                if len(name) < 22:
                    axes.set_title(_short(middle), loc="right", fontsize=7, pad=4, color=ink.second)
                under += [f"{_share(beyond)} beyond"] if beyond else []
                axes.xaxis.set_major_formatter(_tick)
                axes.locator_params(axis="x", nbins=4)
            axes.set_xlabel("; ".join(under), fontsize=7, labelpad=1)
            axes.set_ylabel("")
            axes.locator_params(axis="y", nbins=3)
        for axes in grid.flat[len(panels) :]:
            axes.set_visible(False)
        figure.supylabel("share of the tracks [%]", fontsize=8)
        return _headed(figure, finish, head)


def correlations(matrix: pd.DataFrame, head: Head) -> Drawn:
    """Draw the rank correlations of columns, in the order given, as the lower half of a square."""
    import seaborn

    many = len(matrix)
    few = many <= NUMBERED
    side = max(4.5, 1.9 + (0.44 if many <= 16 else 0.36 if few else 0.17) * many)
    # Each column with those before it: the first row and the last column would be empty.
    half = matrix.iloc[1:, :-1]
    hidden = ~np.tri(many - 1, dtype=bool)
    names = plots.labels([str(name) for name in matrix.columns], 30)
    with plots.canvas(side + 0.6, side * 0.92, head.theme) as (figure, finish):
        axes = figure.subplots()
        seaborn.heatmap(
            100 * half if few else half,
            mask=hidden | half.isna().to_numpy(),
            cmap=head.ink.diverging,
            **({"vmin": -100, "vmax": 100} if few else {"vmin": -1, "vmax": 1}),
            annot=half.map(_hundredths) if few else None,
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
        return _headed(figure, finish, head)


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
    with plots.canvas(WIDTH, WIDTH * 0.88, head.theme) as (figure, finish):
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
        names = plots.labels([name for name, _ in named], 30)
        middles = [middle for _, middle in named]
        axes.set_yticks(middles, names, fontsize=8)
        axes.set_xticks(middles, names, fontsize=8, rotation=90)
        axes.tick_params(length=0)
        bar = figure.colorbar(image, ax=axes, shrink=0.5, aspect=28, pad=0.02)
        bar.outline.set_visible(False)
        bar.set_label("rank correlation (Spearman's ρ)", fontsize=8)
        bar.ax.tick_params(labelsize=7.5, length=2)
        return _headed(figure, finish, head)


def profile(table: pd.DataFrame, head: Head) -> Drawn:
    """Draw what marks each genre (rows): how far its medians lie from those of all."""
    import seaborn

    many, across = table.shape
    row = 0.27 if many <= plots.NUMBERED else 0.165
    size = 9 if many <= plots.NUMBERED else 7
    limit = 2.0
    width = min(max(4.6, 2.6 + 0.42 * across), 14)
    with plots.canvas(width, 2.0 + row * many, head.theme) as (figure, finish):
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
        columns = plots.labels([str(name) for name in table.columns], 30)
        axes.set_xticks(np.arange(across) + 0.5, columns, rotation=90, fontsize=min(size + 1, 9))
        axes.set_yticks(
            np.arange(many) + 0.5,
            plots.labels([str(genre) for genre in table.index]),
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
        return _headed(figure, finish, head)


def tempo(values: NDArray[np.float64], head: Head) -> Drawn:
    """Draw how often each tempo occurs [BPM], and where half of the tracks lie."""
    import seaborn

    ink = head.ink
    low, middle, high = np.quantile(values, [0.25, 0.5, 0.75])
    inner, beyond = _inner(values)
    first, last = np.floor(inner.min() / 5) * 5, np.ceil(inner.max() / 5) * 5
    step = 2 if len(values) >= 300 else 5
    edges = np.arange(first, max(last, first + step) + step, step)
    with plots.canvas(7.5, 3.2, head.theme) as (figure, finish):
        axes = figure.subplots()
        if high > low:
            axes.axvspan(low, high, color=ink.faint, alpha=0.35, linewidth=0)
        seaborn.histplot(
            x=inner,
            bins=edges,
            color=ink.first,
            alpha=1,
            linewidth=0.3,
            edgecolor=ink.back,
            ax=axes,
        )
        axes.axvline(middle, color=ink.second, linewidth=1.5)
        axes.annotate(
            *(f"median {middle:.0f}", (middle, 1)),
            xycoords=("data", "axes fraction"),
            xytext=(3, 2),
            textcoords="offset points",
            fontsize=8,
            color=ink.second,
        )
        if beyond:
            axes.annotate(
                *(f"{_share(beyond)} beyond", (0.99, 0.95)),
                xycoords="axes fraction",
                ha="right",
                va="top",
                fontsize=8,
                color=ink.soft,
            )
        axes.set_xlabel("tempo [BPM]")
        axes.set_ylabel(f"tracks per {step} BPM")
        axes.yaxis.get_major_locator().set_params(integer=True)
        axes.yaxis.set_major_formatter("{x:,.0f}")
        return _headed(figure, finish, head)


def keys(counts: pd.DataFrame, head: Head) -> Drawn:
    """Draw how many tracks each key has: a row per pitch class, a column per mode."""
    ink = head.ink
    many = counts.shape[1]
    width = 0.8 / many
    total = counts.to_numpy().sum()
    with plots.canvas(7.5, 3.2, head.theme) as (figure, finish):
        axes = figure.subplots()
        for place, (mode, colour) in enumerate(zip(counts, (ink.first, ink.second), strict=False)):
            offset = (place - (many - 1) / 2) * width
            axes.bar(
                np.arange(12) + offset,
                100 * counts[mode] / total,
                width=width * 0.94,
                color=colour,
                label=mode,
                hatch="////" if place else None,
                edgecolor=ink.back,
                linewidth=0,
            )
        axes.set_xticks(range(12), KEYS)
        axes.tick_params(axis="x", length=0)
        axes.set_xlabel("key")
        axes.set_ylabel("share of the tracks [%]")
        axes.grid(axis="y")
        if many > 1:
            axes.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=2, borderpad=0)
        return _headed(figure, finish, head)


def missing(shares: pd.Series, head: Head) -> Drawn:
    """Draw the share of rows without a value, by column, from the top."""
    places = np.arange(len(shares))
    with plots.canvas(7.5, 0.9 + 0.27 * len(shares), head.theme) as (figure, finish):
        axes = figure.subplots()
        bars = axes.barh(places, 100 * shares.to_numpy(float), height=0.7, color=head.ink.second)
        axes.bar_label(bars, [_share(share) for share in shares], padding=3, fontsize=8)
        axes.set_yticks(places, plots.labels([str(name) for name in shares.index], 34))
        axes.set_ylim(len(shares) - 0.4, -0.6)
        axes.set_xlim(0, 100)
        axes.spines["right"].set_visible(False)
        axes.set_xlabel("rows without a value [%]")
        axes.grid(axis="x")
        axes.tick_params(axis="y", length=0)
        return _headed(figure, finish, head)


def _headed(figure: Any, finish: Any, head: Head) -> Drawn:
    """Finish a picture, and again with title and note above it, beyond its edge."""
    bare: bytes = finish()
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
    return Drawn(finish(), bare)


def _inner(values: NDArray[np.float64]) -> tuple[NDArray[np.float64], float]:
    """Return the values without far outliers, which would leave one bar, and the share of these."""
    low, high = np.quantile(values, [0.005, 0.995])
    reach = 0.5 * (high - low)
    kept = values[(values >= low - reach) & (values <= high + reach)] if reach > 0 else values
    return kept, 1 - len(kept) / len(values)


def _edges(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the edges of as many bins as so many values can fill."""
    low, high = float(values.min()), float(values.max())
    if not high > low:
        reach = max(abs(low) * 0.05, 0.5)
        return np.linspace(low - reach, low + reach, 12)
    return np.linspace(low, high, int(np.clip(2 * np.sqrt(len(values)), 8, BINS)) + 1)


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


def _greys(theme: str) -> Any:
    """Return greys from the faintest that is seen on the page to one on which colours are seen."""
    from matplotlib.colors import LinearSegmentedColormap

    ends = ("#eceef1", "#a9afb8") if theme == "light" else ("#242932", "#59616d")
    return LinearSegmentedColormap.from_list("greys", ends)


def _short(value: float) -> str:
    """Write a number in little room."""
    if value and not 1e-3 <= abs(value) < 1e6:
        digits, power = f"{value:.1e}".split("e")
        return f"{digits}·10{str(int(power)).translate(RAISED)}".replace("-", "−")
    written = f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
    return written.replace("-", "−")


def _hundredths(value: float) -> str:
    return "" if np.isnan(value) else f"{round(100 * value)}".replace("-", "−")


def _tick(value: float, _: int) -> str:
    """Write a number on a narrow axis."""
    size = abs(value)
    for unit, factor in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if size >= factor and (factor > 1e3 or size >= 1e4):
            return f"{value / factor:.4g} {unit}".replace("-", "−")
    return _short(value) if 0 < size < 1e-3 else f"{value:.4g}".replace("-", "−")


def _share(share: float) -> str:
    percent = 100 * share
    return "< 0.1 %" if 0 < percent < 0.1 else f"{percent:.{0 if percent >= 10 else 1}f} %"
