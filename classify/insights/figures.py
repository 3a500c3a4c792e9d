"""The pictures of a table: what each shows of it, and what it says in words.

Each is made of `Tracks` alone, one at a time, so that whoever shows them can stop in between; what
a table has nothing for is `Absent`, with the reason. What they look like is
`earmark.classify.insights.plots`'.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from earmark.classify.dataset import build
from earmark.classify.html.cells import without_formulas
from earmark.classify.html.plotting import labels, legend
from earmark.classify.html.words import counted, equals, listed, percent, signed
from earmark.classify.insights import heatmaps, plots, statistics
from earmark.classify.insights.chart import Head
from earmark.classify.insights.picture import NAMES, Absent, Picture
from earmark.classify.insights.plots import Panel
from earmark.classify.insights.tracks import ALL, UNORDERED, Tracks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

__all__ = ["NO_GENRE", "picture", "pictures"]

MANY = 30
"""Tracks from which on a correlation says something."""

GAPS = 40
"""Columns whose gaps are shown."""

NO_GENRE = "no genre in this table"
"""Why genres cannot be compared."""

MEANINGS = {
    "key": plots.KEYS,
    "mode": ("minor", "major"),
    "explicit": ("no", "yes"),
}
"""What the numbers of categories mean."""


def pictures(tracks: Tracks, theme: str = "light") -> Iterator[Picture | Absent]:
    """Make the pictures of a table one after the other.

    Parameters
    ----------
    tracks : Tracks
        The table.
    theme : {"light", "dark"}
        One of `earmark.classify.html.plotting.THEMES`.
    """
    for name in NAMES:
        yield picture(name, tracks, theme)


def picture(name: str, tracks: Tracks, theme: str = "light") -> Picture | Absent:
    """Make one of the pictures `NAMES`, or say why it cannot be made."""
    made = PICTURES[name](tracks, theme)
    return made if isinstance(made, Picture) else Absent(name, made)


# Each of these makes its picture, or gives the reason why it cannot be made.


def _popularity(tracks: Tracks, theme: str) -> Picture | str:
    if "popularity" not in tracks.values:
        return "no popularity in this table"
    if tracks.genres is None:
        return NO_GENRE
    table = statistics.mean_popularity(tracks.values["popularity"], tracks.genres, tracks.artists)
    if not len(table):
        return "no track has both a genre and a popularity"
    genres = [str(genre) for genre in table.index]
    shown = labels(genres)
    if len(table) == 1:
        title = f"{shown[0]} has a mean popularity of {table['mean'].iloc[0]:.3g}"
    else:
        first, second = (f"{mean:.3g}" for mean in table["mean"].iloc[:2])
        title = f"{shown[0]} and {shown[1]} lead in mean popularity ({first} and {second})"
    total = tracks.genres.nunique()
    which = f"The first {len(table)} of {total}" if total > len(table) else "The"
    over = "tracks" if tracks.artists is None or tracks.artists.isna().all() else "artists"
    known = tracks.genres.notna() & tracks.values["popularity"].notna()
    caption = (
        f"{which} genres, with 95 % intervals (bootstrap over {over}); n = "
        f"{counted(int(known.sum()), 'track')}"
    )
    if table["tracks"].max() < statistics.FEW:
        caption += "; of so few tracks of each, chance leads"
    made = plots.popularity(
        Head(title, caption, theme), table, float(tracks.values["popularity"].mean())
    )
    data = table.rename_axis("genre").reset_index()
    return Picture("popularity", title, caption, *made, _csv(data), legend(genres))


def _loudness_energy(tracks: Tracks, theme: str) -> Picture | str:
    lacking = [name for name in ("loudness", "energy") if name not in tracks.values]
    if lacking:
        return f"no {' and no '.join(lacking)} in this table"
    points = tracks.values[["loudness", "energy"]].dropna()
    if not len(points):
        return "no track has both loudness and energy"
    genres = None if tracks.genres is None else tracks.genres[points.index]
    if genres is not None and not genres.notna().any():
        genres = None
    chosen = [] if genres is None else statistics.apart(points, genres, plots.COLOURED)
    title = "Loudness and energy"
    caption = f"n = {counted(len(points), 'track')}"
    known = len(points) if genres is None else int(genres.notna().sum())
    if known < len(points):
        caption = f"n = {known:,} of {counted(len(points), 'track')} with a genre; the others grey"
    if len(points) >= statistics.FEW and (points.nunique() > 1).all():
        r = float(np.corrcoef(points.to_numpy().T)[0, 1])
        rho = float(statistics.rank_correlations(points).to_numpy()[0, 1])
        bounds = statistics.fisher(r, len(points))
        how = "rise together" if r >= 0.3 else "run opposite" if r <= -0.3 else "hardly go together"
        title = f"Loudness and energy {how}: {equals('r', r)}"
        if bounds[0] <= 0 <= bounds[1]:
            title = f"Loudness and energy: {equals('r', r)}, which may be chance"
        low, high = map(signed, bounds)
        between = f" (95 % interval {low} to {high})" if low != high else ""
        caption += f"; r is Pearson's{between}, Spearman's {equals('ρ', rho)}"
    if genres is not None:
        total = genres.nunique()
        caption += (
            f"; in colour the {len(chosen)} of {total} genres that lie farthest apart, each by "
            "the same number of points"
            if total > len(chosen)
            else "; coloured by genre"
        )
        if genres.value_counts()[chosen].max() >= plots.MEDIAN:
            caption += "; large: medians"
    unit = tracks.units.get("loudness")
    made = plots.scatter(
        Head(title, caption, theme),
        *(points, genres, chosen, labels(chosen)),
        (f"loudness [{unit}]" if unit else "loudness", "energy [0 to 1]"),
    )
    data = points if genres is None else points.assign(genre=genres)
    return Picture("loudness-energy", title, caption, *made, _csv(data), legend(chosen))


def _distributions(tracks: Tracks, theme: str) -> Picture | str:
    names = tracks.principal
    if not names:
        return "no column of numbers has a value"
    panels = [_panel(name, tracks.values[name].dropna().to_numpy(), tracks.units) for name in names]
    total = tracks.values.shape[1]
    title = f"{counted(len(names), 'descriptor')}, one by one"
    caption = f"n = {tracks.count}; each line is a median"
    if total > len(names):
        title = f"{len(names)} of {total:,} descriptors, one by one"
        caption += "; those shown stand for groups that say nearly the same"
    made = plots.distributions(Head(title, caption, theme), panels)
    data = pd.concat([plots.histogram(panel) for panel in panels])
    order = ("descriptor", "unit", "category", "from", "to", "tracks", "%")
    data = data[[name for name in order if name in data]]
    return Picture("distributions", title, caption, *made, _csv(data), legend(names, 26))


def _correlations(tracks: Tracks, theme: str) -> Picture | str:
    if len(tracks.values) < 3:
        return f"no correlation in {counted(len(tracks.values), 'track')}; it takes three"
    names = [name for name in tracks.principal if name in tracks.ranked]
    matrix = tracks.ranked.loc[names, names]
    named = matrix.notna().sum() > 1
    matrix = matrix.loc[named, named]
    if len(matrix) < 2:
        return "fewer than two descriptors that vary"
    order = statistics.alike(matrix.fillna(0).to_numpy())
    matrix = matrix.iloc[order, order]
    shown_of = [str(name) for name in matrix]
    shown = labels(shown_of, 30)
    lower = np.where(np.tri(len(matrix), k=-1, dtype=bool), matrix.to_numpy(), np.nan)
    parts = []
    for how, place, sign in (
        ("Most alike", np.nanargmax(lower), 1),
        ("most opposed", np.nanargmin(lower), -1),
    ):
        one, other = divmod(int(place), len(matrix))
        if lower[one, other] * sign > 0:
            parts.append(
                f"{how}: {shown[other]} and {shown[one]} ({equals('ρ', lower[one, other])})"
            )
    title = "; ".join(parts) or "No two descriptors go together"
    title = title[0].upper() + title[1:]
    caption = f"Of {len(matrix)} descriptors, those that are alike side by side; n = {tracks.count}"
    constant = [name for name in tracks.principal if name not in {*shown_of, *UNORDERED}]
    if constant:
        caption += f"; left out, since it never differs: {listed(constant)}"
    if len(tracks.values) < MANY:
        caption += "; among so few tracks high values come by chance"
    made = heatmaps.correlations(Head(title, caption, theme), matrix)
    data = _csv(_with_names(matrix))
    return Picture("correlations", title, caption, *made, data, legend(shown_of, 30))


def _families(tracks: Tracks, theme: str) -> Picture | str:
    matrix = tracks.ranked
    if tracks.values.shape[1] <= ALL:
        return "all descriptors are in the picture of correlations"
    if len(tracks.values) < 3 or len(matrix) < 2:
        return "no correlations in this table"
    order, blocks = statistics.family_blocks([str(name) for name in matrix])
    matrix = matrix.loc[order, order]
    title = f"{len(matrix)} descriptors against one another, by families"
    caption = (
        f"n = {tracks.count}; families of {statistics.FAMILY_SIZE} and more, named where there is "
        "room"
    )
    if len(matrix) < tracks.values.shape[1]:
        caption += f"; of {tracks.values.shape[1]:,} columns"
    made = heatmaps.families(Head(title, caption, theme), matrix, blocks)
    return Picture("families", title, caption, *made, _csv(_with_names(matrix)))


def _genres(tracks: Tracks, theme: str) -> Picture | str:
    if tracks.genres is None:
        return NO_GENRE
    if tracks.genres.nunique() < 2:
        return "one genre only: there is nothing to compare"
    names = [name for name in tracks.principal if name in tracks.varying and name not in UNORDERED]
    shares = statistics.separation(tracks.values[names], tracks.genres).dropna()
    if not len(shares):
        return "no descriptor differs between tracks with a genre"
    table = statistics.profiles(tracks.values[list(shares.index)], tracks.genres)
    same = [str(name) for name in table if (table[name].fillna(0) == 0).all()]
    table = table.drop(columns=same if len(same) < table.shape[1] else [])
    shown = labels(list(shares.index), 30)
    title = (
        f"{shown[0]} and {shown[1]} tell the genres apart most"
        if len(shown) > 1 and tracks.genres.value_counts().max() >= statistics.FEW
        else f"{counted(len(table), 'genre')} side by side"
    )
    sizes = tracks.genres.value_counts()
    total = len(sizes)
    which = f"The largest {len(table)} of {total:,}" if total > len(table) else str(total)
    fewest, most = int(sizes[table.index].min()), int(sizes[table.index].max())
    each = (f"{fewest:,} to " if fewest < most else "") + counted(most, "track")
    caption = (
        f"{which} genres of {each} each, alike ones side by side; descriptors from the one "
        "whose ranks differ most between genres to the one whose differ least"
    )
    medians = [name for name in statistics.SHARES if name in table]
    if medians:
        caption += f"; of {' and '.join(medians)} the mean, not the median"
    if most < statistics.FEW:
        caption += "; genres of so few tracks differ by chance"
    if same:
        caption += f"; the same median in all genres: {listed(same)}"
    made = heatmaps.profile(Head(title, caption, theme), table)
    data = _csv(table.rename_axis("genre").reset_index())
    named = legend([str(name) for name in table.index])
    return Picture("genres", title, caption, *made, data, named)


def _tempo(tracks: Tracks, theme: str) -> Picture | str:
    name = next((name for name in ("tempo", "tempo_bpm") if name in tracks.values), None)
    if name is None:
        return "no tempo in this table"
    # Where Spotify found none it says 0.
    values = tracks.values[name].to_numpy()
    values = values[np.nan_to_num(values) > 0]
    if not len(values):
        return "no track has a tempo"
    low, middle, high = (f"{value:.0f}" for value in np.quantile(values, [0.25, 0.5, 0.75]))
    title = (
        f"Half of the tracks lie between {low} and {high} BPM"
        if low != high and len(values) >= statistics.FEW
        else f"The tempo of {counted(len(values), 'track')}"
        if low != high
        else f"The tempo is {middle} BPM"
    )
    caption = f"n = {counted(len(values), 'track')}"
    if low != high:
        caption += "; shaded: the middle half"
    without = len(tracks.values) - len(values)
    if without:
        caption += f"; {counted(without, 'track')} without a tempo"
    made = plots.tempo(Head(title, caption, theme), values)
    return Picture("tempo", title, caption, *made, _csv(plots.tempos(values)))


def _keys(tracks: Tracks, theme: str) -> Picture | str:
    if "key" not in tracks.values:
        return "no key in this table"
    key = tracks.values["key"]
    mode = tracks.values.get("mode")
    known = key.notna()
    if mode is not None and mode.isin([0, 1]).any():
        known &= mode.isin([0, 1])
        counts = pd.crosstab(key[known].astype(int), mode[known].astype(int))
        counts = counts.reindex(index=range(12), columns=[1, 0], fill_value=0)
        counts.columns = ["major", "minor"]
    else:
        counts = key[known].astype(int).value_counts().reindex(range(12), fill_value=0).to_frame()
        counts.columns = ["key"]
    total = int(counts.to_numpy().sum())
    if not total:
        return "no track has a key"
    place, column = divmod(int(counts.to_numpy().argmax()), counts.shape[1])
    commonest = plots.KEYS[place] + (f" {counts.columns[column]}" if counts.shape[1] > 1 else "")
    share = float(counts.to_numpy().max()) / total
    title = f"{commonest} is the commonest key ({percent(share)})"
    caption = f"n = {counted(total, 'track')}"
    if counts.shape[1] > 1:
        caption += f"; {percent(counts['major'].sum() / total)} are in a major key"
    if total < len(key):
        caption += f"; {counted(len(key) - total, 'track')} without a key"
    made = plots.keys(Head(title, caption, theme), counts)
    data = _csv(counts.set_axis(plots.KEYS).rename_axis("key").add_prefix("tracks, ").reset_index())
    return Picture("keys", title, caption, *made, data)


def _missing(tracks: Tracks, theme: str) -> Picture | str:
    shares = tracks.gaps[tracks.gaps > 0].sort_values(ascending=False, kind="stable")
    total = len(tracks.gaps)
    if not len(shares):
        return f"nothing is missing: all {counted(total, 'column')} are full in all rows"
    names = [str(name) for name in shares.index]
    most = labels(names, 34)[0]
    title = (
        f"{len(shares)} of {counted(total, 'column')} {'has' if len(shares) == 1 else 'have'} "
        f"gaps, {most} the most ({percent(shares.iloc[0])})"
    )
    caption = f"n = {counted(tracks.rows, 'row')}"
    if len(shares) > GAPS:
        caption += f"; the {GAPS} with the largest"
        shares, names = shares.head(GAPS), names[:GAPS]
    made = plots.missing(Head(title, caption, theme), shares)
    data = _csv(pd.DataFrame({"column": shares.index, "rows without": shares.to_numpy()}))
    return Picture("missing", title, caption, *made, data, legend(names, 34))


PICTURES: dict[str, Callable[[Tracks, str], Picture | str]] = {
    "popularity": _popularity,
    "loudness-energy": _loudness_energy,
    "distributions": _distributions,
    "correlations": _correlations,
    "families": _families,
    "genres": _genres,
    "tempo": _tempo,
    "keys": _keys,
    "missing": _missing,
}


def _csv(table: pd.DataFrame) -> bytes:
    """Return the numbers of a picture as CSV, in as many digits as anybody reads."""
    table = without_formulas(table)
    return table.to_csv(index=False, float_format="%.6g", lineterminator="\n").encode()


def _with_names(matrix: pd.DataFrame) -> pd.DataFrame:
    """Return a square matrix with the names of its rows in a column, as its columns are called."""
    return matrix.set_axis(matrix.columns).rename_axis("descriptor").reset_index()


def _panel(name: str, values: NDArray[np.float64], units: dict[str, str]) -> Panel:
    known = np.unique(values)
    if name in build.CATEGORIES and len(known) <= 12 and (known == known.round()).all():
        meanings = MEANINGS.get(name, ())
        if known.min() >= 0 and known.max() < len(meanings):
            return Panel(name, "", values, meanings)
        places = np.searchsorted(known, values).astype(float)
        return Panel(name, "", places, tuple(f"{value:.0f}" for value in known))
    unit = units.get(name, "")
    if unit == "ms" and values.max() >= 10_000:
        values, unit = values / 1000, "s"
    return Panel(name, unit, values)
