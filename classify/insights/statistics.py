"""Statistics of tables of tracks: how columns go together, and how genres differ in them.

Numbers in, numbers out: a frame of values, and the genre of each row.
"""

from __future__ import annotations

import re
from itertools import combinations_with_replacement
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from earmark.classify.dataset import build
from earmark.classify.evaluation import metrics

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = [
    "ALONE",
    "FAMILY_SIZE",
    "FEW",
    "SHARES",
    "alike",
    "apart",
    "family_blocks",
    "fisher",
    "mean_popularity",
    "profiles",
    "rank_correlations",
    "representatives",
    "separation",
]

FEW = 5
"""Tracks that a genre must have for its mean to be compared with others."""

TOP = 20
"""Genres whose popularity is shown."""

MOST_GENRES = 120
"""Genres that are compared at the most: more than one could look at."""

SHARES = ("explicit", "mode")
"""Numbers that are 0 or 1: instead of a median they have a mean."""

FAMILY_SIZE = 4
ALONE = "single ones"
"""Columns that make a family, and what the others are called."""

FAMILY = re.compile(rf"(_?\d+|_({build.STATISTICS}))+$")
"""What tells the columns of a family apart."""


def mean_popularity(
    popularity: pd.Series, genres: pd.Series, artists: pd.Series | None = None, top: int = TOP
) -> pd.DataFrame:
    """Return the mean popularity of genres with intervals, the most popular first.

    Returns
    -------
    DataFrame
        ``mean``, ``low``, ``high`` (95 %, by a bootstrap over artists, or tracks where nobody knows
        them) and ``tracks`` by genre. Genres of less than `FEW` tracks are left out where others
        have more.
    """
    known = genres.notna() & popularity.notna()
    popularity, genres = popularity[known], genres[known]
    found = popularity.groupby(genres).agg(["mean", "size"])
    enough = found[found["size"] >= FEW]
    found = enough if len(enough) else found
    # The name decides between equals, so that the order is always the same.
    found = found.sort_index().sort_values("mean", ascending=False, kind="stable").head(top)
    owners = pd.Series(np.arange(len(popularity)), popularity.index)
    if artists is not None:
        owners = artists[known].where(artists[known].notna(), owners)
    rows = []
    for genre, (mean, size) in found.iterrows():
        own = genres == genre
        low, high = metrics.interval(popularity[own], owners[own].astype(str))
        rows.append((mean, low, high, int(size)))
    return pd.DataFrame(rows, found.index, ["mean", "low", "high", "tracks"])


def rank_correlations(values: pd.DataFrame) -> pd.DataFrame:
    """Return Spearman's correlations between columns, each over the rows that have both values.

    It gives what ``values.corr("spearman", min_periods=3)`` gives, which ranks every pair of
    columns anew and takes minutes for a large table. Here the columns that lack values in the same
    rows are ranked and multiplied together.

    Parameters
    ----------
    values : DataFrame of shape (tracks, descriptors)
        Finite numbers, NaN where there is none.

    Returns
    -------
    DataFrame of shape (descriptors, descriptors)
        From -1 to 1; NaN where a column does not vary, or fewer than three rows have both values.
    """
    codes = [np.unique(values[name].to_numpy(), return_inverse=True)[1] for name in values]
    # The columns that have values in the same rows.
    sharing: dict[bytes, list[int]] = {}
    for place, name in enumerate(values):
        sharing.setdefault(values[name].notna().to_numpy().tobytes(), []).append(place)
    groups = [(np.frombuffer(rows, bool), places) for rows, places in sharing.items()]
    correlations = np.full((len(codes), len(codes)), np.nan)
    for (rows, one), (other_rows, other) in combinations_with_replacement(groups, 2):
        both = rows & other_rows
        if both.sum() < 3:
            continue
        ranks = _standard_ranks([codes[place][both] for place in one])
        others = ranks if one is other else _standard_ranks([codes[place][both] for place in other])
        block = np.clip(ranks @ others.T, -1, 1)
        correlations[np.ix_(one, other)], correlations[np.ix_(other, one)] = block, block.T
    return pd.DataFrame(correlations, values.columns, values.columns)


def _standard_ranks(columns: Sequence[NDArray[np.int64]]) -> NDArray[np.float64]:
    """Return the ranks in each column as a row of mean 0 and length 1; NaN where all are equal.

    Columns hold integers in the order of the values, so that ranks are counted, not sorted.
    """
    ranks = np.empty((len(columns), len(columns[0])))
    for place, column in enumerate(columns):
        sizes = np.bincount(column)
        # Equal values share the mean of their places.
        ranks[place] = (np.cumsum(sizes) - (sizes - 1) / 2)[column]
    ranks -= ranks.mean(axis=1, keepdims=True)
    lengths = np.sqrt((ranks**2).sum(axis=1, keepdims=True))
    return ranks / np.where(lengths > 0, lengths, np.nan)


def separation(values: pd.DataFrame, genres: pd.Series) -> pd.Series:
    """Return the share of each descriptor's ranks that lies between the genres, largest first.

    It is η² of the ranks: 0 where all genres have the same, 1 where the genre says all.
    """
    known = genres.notna()
    ranks = values[known].rank()
    ranks -= ranks.mean()
    grouped = ranks.groupby(genres[known])
    between = (grouped.mean() ** 2 * grouped.count()).sum()
    shares = between / (ranks**2).sum().replace(0, np.nan)
    return shares.sort_values(ascending=False, kind="stable")


def profiles(values: pd.DataFrame, genres: pd.Series) -> pd.DataFrame:
    """Return how far each genre's medians lie from those of all, in standard deviations of tracks.

    What is 0 or 1 has a mean instead. The deviation is that of values between the 1st and the 99th
    percentile, which far outliers do not widen. Genres that are alike stand together.
    """
    known = genres.notna()
    values, genres = values[known], genres[known]
    largest = genres.value_counts().sort_index().sort_values(ascending=False, kind="stable")
    kept = genres.isin(largest.index[:MOST_GENRES])
    grouped = values[kept].groupby(genres[kept])
    middles, middle = grouped.median(), values.median()
    for name in SHARES:
        if name in middles:
            middles[name], middle[name] = grouped[name].mean(), values[name].mean()
    spread = values.clip(values.quantile(0.01), values.quantile(0.99), axis=1).std(ddof=0)
    spread = spread.where(spread > 0, values.std(ddof=0))
    found = (middles - middle) / spread.where(spread > 0)
    return found.iloc[alike(found.fillna(0).clip(-3, 3).to_numpy())]


def representatives(matrix: pd.DataFrame, count: int) -> list[str]:
    """Choose columns that stand for all: the middle one of each of `count` groups.

    Parameters
    ----------
    matrix : DataFrame
        Correlations. Columns of a group go together or against each other.
    count : int
        How many.
    """
    from scipy.cluster.hierarchy import fcluster, linkage
    from scipy.spatial.distance import squareform

    names = [str(name) for name in matrix]
    if count < 1 or len(matrix) <= count:
        return names[: max(count, 0)]
    near = matrix.abs().fillna(0).to_numpy(copy=True)
    np.fill_diagonal(near, 1)
    groups = fcluster(linkage(squareform(1 - near, checks=False), "average"), count, "maxclust")
    found = []
    for group in np.unique(groups):
        members = np.flatnonzero(groups == group)
        found.append(members[near[np.ix_(members, members)].sum(axis=1).argmax()])
    return [names[place] for place in sorted(found)]


def apart(points: pd.DataFrame, genres: pd.Series, count: int) -> list[str]:
    """Choose genres that lie far apart: the commonest, then always the farthest from those chosen.

    Genres of less than `FEW` tracks, or than a tenth of the commonest, are not chosen where others
    are left.
    """
    sizes = genres.value_counts().sort_index().sort_values(ascending=False, kind="stable")
    if len(sizes) <= count:
        return list(sizes.index)
    common = sizes[sizes >= max(FEW, sizes.iloc[0] / 10)]
    sizes = common if len(common) >= count else sizes
    spread = points.std(ddof=0).replace(0, 1)
    middles = (points.groupby(genres).median() / spread).loc[sizes.index].to_numpy()
    chosen = [0]
    while len(chosen) < count:
        distances = np.linalg.norm(middles[:, None] - middles[chosen], axis=2).min(axis=1)
        chosen.append(int(distances.argmax()))
    return [sizes.index[place] for place in chosen]


def family_blocks(columns: Sequence[str]) -> tuple[list[str], list[tuple[str, int, int]]]:
    """Put columns of a family side by side: those that differ in a number or a statistic.

    Columns of small families come first, as one block.

    Returns
    -------
    order : list of str
        The columns.
    blocks : list of tuple
        Name of each family, its first place and the place after its last.
    """
    members: dict[str, list[str]] = {}
    for name in columns:
        members.setdefault(FAMILY.sub("", name) or name, []).append(name)
    large = {name: own for name, own in members.items() if len(own) >= FAMILY_SIZE}
    alone = [own for name, own in members.items() if name not in large]
    ordered = {ALONE: [name for own in alone for name in own]} if alone else {}
    ordered |= large
    ends = np.cumsum([len(own) for own in ordered.values()]).tolist()
    blocks = [
        (name, end - len(own), end) for (name, own), end in zip(ordered.items(), ends, strict=True)
    ]
    return [name for own in ordered.values() for name in own], blocks


def alike(rows: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return an order in which rows that are alike are side by side."""
    from scipy.cluster.hierarchy import leaves_list, linkage

    if len(rows) < 3:
        return np.arange(len(rows))
    order: NDArray[np.int64] = leaves_list(linkage(rows, "average", optimal_ordering=True))
    return order


def fisher(r: float, count: int) -> tuple[float, float]:
    """Return the 95 % interval of a correlation, by Fisher's transformation."""
    if count < 4 or abs(r) > 1 - 1e-12:
        return (r, r) if abs(r) > 1 - 1e-12 else (-1.0, 1.0)
    reach = 1.959964 / np.sqrt(count - 3)
    low, high = np.tanh(np.arctanh(r) + np.array([-reach, reach]))
    return float(low), float(high)
