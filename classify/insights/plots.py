"""The pictures of a table: how its descriptors lie, and what they say of its genres.

Each function returns a picture, the same bytes for the same input. They are given numbers and words
and decide nothing but how these look; what they show is chosen in
`earmark.classify.insights.figures`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from earmark.classify.html.plotting import Rendered, canvas, labels
from earmark.classify.insights.chart import (
    Head,
    Ink,
    for_any_screen,
    headed,
    share_text,
    short,
    tick,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = [
    "COLOURED",
    "KEYS",
    "MEDIAN",
    "Panel",
    "distributions",
    "histogram",
    "keys",
    "missing",
    "popularity",
    "scatter",
    "tempo",
    "tempos",
]

KEYS = ("C", "C♯", "D", "E♭", "E", "F", "F♯", "G", "A♭", "A", "B♭", "B")
"""The pitch classes by number, as keys are mostly written."""

MARKERS = ("o", "s", "^", "D", "v", "P", "X", "p")
COLOURED = len(MARKERS)
"""Genres that are told apart in one picture, by colour and by shape."""

MEDIAN = 3
"""Tracks of a genre from which on their median is drawn."""

BINS = 40

POINTS = 4000
"""Points of a scatter picture, above which they would be one blot."""


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


@for_any_screen
def popularity(head: Head, table: pd.DataFrame, average: float) -> Rendered:
    """Draw the mean popularity of genres (rows, from the top) with intervals.

    Parameters
    ----------
    head : Head
        What stands above.
    table : DataFrame
        ``mean``, ``low``, ``high`` and ``tracks`` by genre.
    average : float
        Of all tracks.
    """
    ink, places = head.ink, np.arange(len(table))
    with canvas(head.width, 1.1 + 0.27 * len(table), head.theme) as (figure, render):
        axes = figure.subplots()
        axes.axvline(average, color=ink.soft, linewidth=1, linestyle="--")
        axes.hlines(places, table["low"], table["high"], color=ink.first, linewidth=3, alpha=0.45)
        axes.scatter(table["mean"], places, color=ink.first, s=38, zorder=3)
        axes.set_yticks(places, labels([str(genre) for genre in table.index], head.name_length()))
        axes.set_ylim(len(table) - 0.4, -0.6)
        axes.set_xlabel(
            head.lines(f"mean popularity, 0 to 100 (dashed: all tracks, {average:.3g})")
        )
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
        return headed(figure, render, head)


@for_any_screen
def scatter(
    head: Head,
    points: pd.DataFrame,
    genres: pd.Series | None,
    chosen: Sequence[str],
    shown: Sequence[str],
    axis_labels: tuple[str, str],
) -> Rendered:
    """Draw two descriptors against each other: all tracks in grey, chosen genres in colour.

    Parameters
    ----------
    head : Head
        What stands above.
    points : DataFrame
        Two columns without gaps, a row per track.
    genres : Series, optional
        The genre of each.
    chosen, shown : sequence of str
        The genres in colour, at most `COLOURED`, and how they are written.
    axis_labels : tuple of str
        What the axes say.
    """
    ink = head.ink
    x, y = (points[name].to_numpy() for name in points)
    with canvas(head.width, 3.9 if head.narrow else 5.6, head.theme) as (figure, render):
        axes = figure.subplots()
        if len(points) > POINTS:
            axes.hexbin(
                *(x, y),
                gridsize=(30, 20) if head.narrow else (60, 22),
                bins="log",
                mincnt=1,
                cmap=_greys(head.theme),
                linewidths=0.1,
            )
        elif not len(chosen) or (genres is not None and not genres.isin(list(chosen)).all()):
            colour = ink.faint if len(chosen) else ink.first
            axes.scatter(x, y, s=16, color=colour, alpha=0.75, linewidths=0)
        if genres is not None and len(chosen):
            _scatter_genres(axes, points, genres, dict(zip(chosen, shown, strict=True)), ink)
        axes.set_xlabel(axis_labels[0])
        axes.set_ylabel(axis_labels[1])
        axes.grid()
        if chosen:
            figure.legend(
                loc="outside lower left", ncols=2 if head.narrow else 8, handletextpad=0.2
            )
        return headed(figure, render, head)


def _scatter_genres(
    axes: Any, points: pd.DataFrame, genres: pd.Series, shown: dict[str, str], ink: Ink
) -> None:
    """Draw the tracks of chosen genres, and over them the median of each."""
    x, y = (points[name].to_numpy() for name in points)
    random = np.random.default_rng(0)
    most = POINTS // (2 * len(shown))
    drawn = []
    for place, genre in enumerate(shown):
        members = np.flatnonzero((genres == genre).to_numpy())
        middle, height = np.median(x[members]), np.median(y[members])
        # As many of each: the commonest must not paint over the others.
        if len(members) > most:
            members = np.sort(random.choice(members, most, replace=False))
        style: dict[str, Any] = {"color": ink.palette[place], "marker": MARKERS[place]}
        drawn.append((members, middle, height, style))
    total = sum(len(members) for members, *_ in drawn)
    size = 90 if total < 30 else 40 if total < 100 else 22 if total < 800 else 9
    edges: dict[str, Any] = {"edgecolors": ink.back}
    for members, _, _, style in drawn:
        axes.scatter(
            *(x[members], y[members]),
            s=size,
            alpha=0.75,
            linewidths=0.2,
            zorder=2,
            **style | edges,
        )
    for (members, middle, height, style), name in zip(drawn, shown.values(), strict=True):
        if len(members) >= MEDIAN:
            axes.scatter(
                *([middle], [height]),
                s=150,
                linewidths=1.6,
                zorder=4,
                **style | edges,
            )
        axes.plot(*([], []), markersize=7, linestyle="", label=name, **style)


@for_any_screen
def distributions(head: Head, panels: Sequence[Panel]) -> Rendered:
    """Draw how each of several descriptors lies: quantities as histograms, categories as bars."""
    ink = head.ink
    across = min(2 if head.narrow else 5, len(panels))
    rows = -(-len(panels) // across)
    longest = 15 if head.narrow else 26
    with canvas(head.width, (1.6 if head.narrow else 1.75) * rows + 0.2, head.theme) as (
        figure,
        render,
    ):
        grid = figure.subplots(rows, across, squeeze=False)
        figure.get_layout_engine().set(w_pad=0.08, h_pad=0.06)
        names = labels([panel.name for panel in panels], longest)
        for axes, panel, name in zip(grid.flat, panels, names, strict=False):
            axes.set_title(name, fontsize=8.5, pad=4)
            axes.tick_params(labelsize=7)
            under = [panel.unit] if panel.unit else []
            if panel.categories:
                _bars(axes, panel, ink)
            else:
                beyond = _histogram(axes, panel, ink)
                # A long name takes all the room above.
                if len(name) < longest - 4:
                    middle = short(float(np.median(panel.values)))
                    axes.set_title(middle, loc="right", fontsize=7, pad=4, color=ink.second)
                under += [f"{share_text(beyond)} beyond"] if beyond else []
            axes.set_xlabel("; ".join(under), fontsize=7, labelpad=1)
            axes.set_ylabel("")
            axes.locator_params(axis="y", nbins=3)
        for axes in grid.flat[len(panels) :]:
            axes.set_visible(False)
        figure.supylabel("share of the tracks [%]", fontsize=8)
        return headed(figure, render, head)


def _bars(axes: Any, panel: Panel, ink: Ink) -> None:
    """Draw the share of each category."""
    many = len(panel.categories)
    counts = np.bincount(panel.values.astype(int), minlength=many)
    axes.bar(range(many), 100 * counts / counts.sum(), color=ink.first, width=0.8)
    # Twelve keys have no room for more than the white ones.
    named = [place for place in range(many) if many < 9 or panel.categories[place][1:] == ""]
    axes.set_xticks(named, [panel.categories[place] for place in named])
    axes.set_xlim(-1 if many < 3 else -0.6, many if many < 3 else many - 0.4)
    axes.tick_params(axis="x", length=0)


def _histogram(axes: Any, panel: Panel, ink: Ink) -> float:
    """Draw a histogram with its median; return the share of the values beyond its axis."""
    drawn = histogram(panel)
    edges = np.append(drawn["from"], drawn["to"].iloc[-1])
    axes.stairs(drawn["%"], edges, fill=True, color=ink.first)
    axes.axvline(float(np.median(panel.values)), color=ink.second, linewidth=1.2)
    axes.xaxis.set_major_formatter(tick)
    axes.locator_params(axis="x", nbins=4)
    return 1 - int(drawn["tracks"].sum()) / len(panel.values)


@for_any_screen
def tempo(head: Head, values: NDArray[np.float64]) -> Rendered:
    """Draw how often each tempo occurs [BPM], and where half of the tracks lie."""
    ink = head.ink
    low, middle, high = np.quantile(values, [0.25, 0.5, 0.75])
    drawn = tempos(values)
    step = drawn["to"].iloc[0] - drawn["from"].iloc[0]
    beyond = 1 - int(drawn["tracks"].sum()) / len(values)
    with canvas(head.width, 2.8 if head.narrow else 3.4, head.theme) as (figure, render):
        axes = figure.subplots()
        if high > low:
            axes.axvspan(low, high, color=ink.faint, alpha=0.35, linewidth=0)
        axes.bar(
            *(drawn["from"], drawn["tracks"]),
            width=step,
            align="edge",
            color=ink.first,
            linewidth=0.3,
            edgecolor=ink.back,
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
                *(f"{share_text(beyond)} beyond", (0.99, 0.95)),
                xycoords="axes fraction",
                ha="right",
                va="top",
                fontsize=8,
                color=ink.soft,
            )
        axes.set_xlabel("tempo [BPM]")
        axes.set_ylabel(f"tracks per {step:.0f} BPM")
        axes.yaxis.get_major_locator().set_params(integer=True)
        axes.yaxis.set_major_formatter("{x:,.0f}")
        return headed(figure, render, head)


@for_any_screen
def keys(head: Head, counts: pd.DataFrame) -> Rendered:
    """Draw how many tracks each key has: a row per pitch class, a column per mode."""
    ink = head.ink
    many = counts.shape[1]
    width = 0.8 / many
    total = counts.to_numpy().sum()
    with canvas(head.width, 2.8 if head.narrow else 3.4, head.theme) as (figure, render):
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
            figure.legend(loc="outside upper right", ncols=2, borderpad=0)
        return headed(figure, render, head)


@for_any_screen
def missing(head: Head, shares: pd.Series) -> Rendered:
    """Draw the share of rows without a value, by column, from the top."""
    places = np.arange(len(shares))
    with canvas(head.width, 0.9 + 0.27 * len(shares), head.theme) as (figure, render):
        axes = figure.subplots()
        bars = axes.barh(places, 100 * shares.to_numpy(float), height=0.7, color=head.ink.second)
        axes.bar_label(bars, [share_text(share) for share in shares], padding=3, fontsize=8)
        axes.set_yticks(places, labels([str(name) for name in shares.index], head.name_length(34)))
        axes.set_ylim(len(shares) - 0.4, -0.6)
        axes.set_xlim(0, 100)
        axes.spines["right"].set_visible(False)
        axes.set_xlabel("rows without a value [%]")
        axes.grid(axis="x")
        axes.tick_params(axis="y", length=0)
        return headed(figure, render, head)


def histogram(panel: Panel) -> pd.DataFrame:
    """Return what is drawn of a descriptor: its shares of the tracks [%], by bin or category."""
    if panel.categories:
        counts = np.bincount(panel.values.astype(int), minlength=len(panel.categories))
        shares = 100 * counts / counts.sum()
        return pd.DataFrame({"descriptor": panel.name, "category": panel.categories, "%": shares})
    edges = _edges(_inner(panel.values)[0])
    return _counted(panel.values, edges).assign(descriptor=panel.name, unit=panel.unit)


def tempos(values: NDArray[np.float64]) -> pd.DataFrame:
    """Return what is drawn of the tempo: the tracks between two tempi [BPM]."""
    return _counted(values, _steps(values))


def _counted(values: NDArray[np.float64], edges: NDArray[np.float64]) -> pd.DataFrame:
    counts, _ = np.histogram(values, edges)
    return pd.DataFrame(
        {
            "from": edges[:-1],
            "to": edges[1:],
            "tracks": counts,
            "%": 100 * counts / len(values),
        }
    )


def _steps(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the edges of the bins of a tempo: wider ones of few tracks."""
    inner, _ = _inner(values)
    first, last = np.floor(inner.min() / 5) * 5, np.ceil(inner.max() / 5) * 5
    step = 2.0 if len(values) >= 300 else 5.0
    return np.arange(first, max(last, first + step) + step, step)


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


def _greys(theme: str) -> Any:
    """Return greys from the faintest that is seen on the page to one on which colours are seen."""
    from matplotlib.colors import LinearSegmentedColormap

    ends = ("#eceef1", "#a9afb8") if theme == "light" else ("#242932", "#59616d")
    return LinearSegmentedColormap.from_list("greys", ends)
