"""What is in a table: pictures and sentences on its genres, its descriptors and its gaps.

A table of any origin becomes `Tracks`: numbers, and a genre where one is known. Each picture is
made of these alone, one at a time, so that whoever shows them can stop in between; what a table
has nothing for is `Absent`, with the reason.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from classify import charts, dataset, document, figures, labels, metrics
from classify.charts import Head, Panel
from extract import schema, sets, tables
from extract.config import DEFAULTS
from extract.errors import WriteError

__all__ = [
    "NAMES",
    "Absent",
    "Picture",
    "Tracks",
    "about",
    "check_directory",
    "demo",
    "describe",
    "findings",
    "picture",
    "pictures",
    "read",
    "render",
    "write",
]

PAGE = "index.html"
MAKER = "Earmark insights"
"""By this a page of ours is known, which may be replaced."""

HEADINGS = {
    "popularity": "Popularity of genres",
    "loudness-energy": "Loudness and energy",
    "distributions": "How the descriptors are distributed",
    "correlations": "Which descriptors go together",
    "families": "All descriptors, in families",
    "genres": "What marks each genre",
    "tempo": "Tempo",
    "keys": "Keys",
    "missing": "What is missing",
}
NAMES = tuple(HEADINGS)
"""The pictures, in the order in which they are shown."""

MERE = ("distributions", "families")
"""Those whose titles say what they show, not what is found in it."""

DEMO = Path(__file__).parent.parent / "data" / "raw"

FEW = 5
"""Tracks that a genre must have for its mean to be compared with others."""

MANY = 30
"""Tracks from which on a correlation says something."""

TOP = 20
"""Genres whose popularity is shown."""

MOST_GENRES = 120
"""Genres that a picture has room for."""

ALL, CHOSEN, VAST = 60, 24, 1000
"""Descriptors up to which all are shown; how many stand for them where there are more; and how many
are looked at at all."""

GAPS = 40
"""Columns whose gaps are shown."""

UNORDERED = ("key",)
"""Numbers of which more is not more: they have no correlation and no median."""

SHARES = ("explicit", "mode")
"""Numbers that are 0 or 1: instead of a median they have a mean."""

NO_GENRE = "no genre in this table"
"""Why genres cannot be compared."""

MEANINGS = {
    "key": charts.KEYS,
    "mode": ("minor", "major"),
    "explicit": ("no", "yes"),
}
"""What the numbers of categories mean."""

FOREIGN_UNITS = {"loudness": "dB", "popularity": "0 to 100"}
"""Units in tables that Earmark did not make."""

NO_SOUND = re.compile(r"Unnamed:|probability(_\d+)?$")
"""Columns of numbers that describe no sound: pandas' of rows, and how sure predictions are."""

FAMILY_SIZE = 4
ALONE = "single ones"
"""Columns that make a family, and what the others are called."""

FAMILY = re.compile(rf"(_?\d+|_({dataset.STATISTICS}))+$")
"""What tells the columns of a family apart."""


@dataclass(frozen=True)
class Tracks:
    """What is known of the tracks of a table.

    Parameters
    ----------
    name : str
        What the table is called.
    values : DataFrame of shape (tracks, descriptors)
        Finite numbers, float64; NaN where there is none.
    genres : Series of shape (tracks,), optional
        The genre of each, missing where nobody knows it; None where none is known at all.
    artists : Series of shape (tracks,), optional
        Whose track each is, missing where nobody knows.
    gaps : Series
        The share of rows without a value, by column of the table.
    rows : int
        Rows of the table: more than tracks where these are windows.
    units : dict
        Of the descriptors that have one.
    notes : list of str
        What was passed over.
    """

    name: str
    values: pd.DataFrame
    genres: pd.Series | None
    artists: pd.Series | None
    gaps: pd.Series
    rows: int
    units: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    @property
    def count(self) -> str:
        """How many there are, in words."""
        count = _counted(len(self.values), "track")
        if self.rows > len(self.values):
            return f"{count} (means of {_counted(self.rows, 'window')})"
        return count

    @property
    def descriptors(self) -> list[str]:
        """The names of the descriptors."""
        return [str(name) for name in self.values]

    @cached_property
    def varying(self) -> list[str]:
        """The descriptors that differ between tracks."""
        return [name for name in self.descriptors if self.values[name].nunique() > 1]

    @cached_property
    def ranked(self) -> pd.DataFrame:
        """Spearman's correlations of all descriptors that vary and are ordered."""
        names = [name for name in self.varying if name not in UNORDERED]
        return rank_correlations(self.values[_spread(names, VAST)])

    @cached_property
    def principal(self) -> list[str]:
        """The descriptors that are shown one by one: all, or some that stand for all."""
        present = self.descriptors
        if len(present) <= ALL:
            return present
        known = (*sets.SPOTIFY_COLUMNS, *dataset.SPOTIFY_EXTRAS)
        chosen = [name for name in known if name in present]
        others = [str(name) for name in self.ranked if name not in chosen]
        chosen += representatives(self.ranked.loc[others, others], CHOSEN - len(chosen))
        return chosen or present[:CHOSEN]


@dataclass(frozen=True)
class Picture:
    """A picture of a table.

    Parameters
    ----------
    name : str
        One of `NAMES`.
    title : str
        What is seen, in a sentence; a finding where there is one.
    caption : str
        What is drawn, of how many tracks, and what was left out.
    png : bytes
        The picture as it is sent around: title and caption stand above it.
    bare : bytes
        The same without these, for who shows them as text.
    legend : dict
        What labels such as ``no. 3`` stand for, which its font could not write.
    """

    name: str
    title: str
    caption: str
    png: bytes
    bare: bytes
    legend: dict[str, str] = field(default_factory=dict)

    @property
    def heading(self) -> str:
        """What the picture is about."""
        return HEADINGS[self.name]


@dataclass(frozen=True)
class Absent:
    """A picture that cannot be made of a table.

    Parameters
    ----------
    name : str
        One of `NAMES`.
    reason : str
        Why: what the table lacks, or that nothing is wrong.
    """

    name: str
    reason: str

    @property
    def heading(self) -> str:
        """What the picture would have been about."""
        return HEADINGS[self.name]


def read(
    table: str | Path,
    source: str | None = None,
    *,
    label: str | None = None,
    ignore_unknown: bool = False,
    audio: str | Path | None = None,
) -> Tracks:
    """Read a table, and genres where there are any.

    Parameters
    ----------
    table : str or Path
        Any table that `extract.tables.read` reads.
    source : str, optional
        Where the genres are, as `labels` of `classify.dataset.build`; None where they are in the
        table, or nowhere.
    label : str, optional
        Name of the column of the genre; by default the first of `classify.labels.GENRE_COLUMNS`.
    ignore_unknown, audio
        As for `classify.dataset.build`.

    Raises
    ------
    SchemaError
        The table cannot be read.
    LabelError
        The labels do not fit it.
    """
    frame, about = tables.read(table)
    return describe(
        *(frame, about, source),
        where=table,
        label=label,
        ignore_unknown=ignore_unknown,
        audio=audio,
    )


def describe(
    frame: pd.DataFrame,
    about: dict[str, Any] | None = None,
    source: str | None = None,
    *,
    where: str | Path = "the table",
    label: str | None = None,
    ignore_unknown: bool = False,
    audio: str | Path | None = None,
) -> Tracks:
    """Bring a table into the form that pictures are made of: a row per track, finite numbers.

    Windows of a track become their mean; of categories the commonest, of tempi the median, and of
    durations the sum.

    Parameters
    ----------
    frame : DataFrame
        The table.
    about : dict, optional
        What it says of itself.
    where : str or Path
        Where it comes from.
    source, label, ignore_unknown, audio
        As for `read`.
    """
    frame = frame.set_axis([str(name) for name in frame.columns], axis=1)
    frame = frame.loc[:, ~frame.columns.duplicated()].reset_index(drop=True).copy()
    about = about or dataset.recognise(frame)
    gaps = frame.isna().mean()
    windows = "start" in frame
    if source is None and not windows:
        # Nothing is joined by name: every row is a track, whatever it is called.
        frame["path"] = [f"row {place}" for place in range(len(frame))]
    elif "path" not in frame:
        frame["path"] = dataset.row_names(frame)
    frame["path"] = frame["path"].astype(str)
    genre = label or labels.genre_column(frame.columns)
    known: pd.DataFrame | None = None
    notes: list[str] = []
    if source is not None or genre is not None:
        known, notes = labels.read(
            *(frame, where, source),
            label=label,
            ignore_unknown=ignore_unknown,
            audio=audio,
        )
    # What names a track or says whose it is describes no sound, though it may be a number.
    others = {
        *(*schema.KEYS, *labels.NAME_COLUMNS, *labels.ARTIST_COLUMNS, *labels.ALBUM_COLUMNS),
        *([genre] if genre else []),
    }
    values = _numbers(frame, others)
    wild = (values.abs() > np.finfo(np.float32).max).to_numpy()
    if wild.any():
        notes.append(f"{_counted(int(wild.sum()), 'infinite value')} taken for missing")
        values = values.mask(wild)
        gaps = gaps.add(pd.Series(wild.mean(axis=0), values.columns), fill_value=0)[gaps.index]
    # Below this, differences have no digits left to be divided by.
    values = values.mask(values.abs() < np.finfo(np.float32).tiny, 0.0)
    if "key" in values:
        values["key"] = values["key"].where(values["key"].between(0, 11))
    empty = [str(name) for name in values if values[name].isna().all()]
    if empty:
        notes.append(f"nothing at all in {_listed(empty)}")
    values = values.drop(columns=empty)
    paths, rows = frame["path"], len(frame)
    if windows:
        values, paths = _per_track(values, paths)
    of = {
        role: None if known is None else paths.map(known[role]).reset_index(drop=True)
        for role in ("label", "artist")
    }
    genres = of["label"]
    if genres is not None:
        genres = genres.map(dataset.one_line, na_action="ignore")
        unknown = int(genres.isna().sum())
        if unknown == len(genres):
            genres = None
            notes.append("no track has a genre")
        elif unknown:
            notes.append(f"{_counted(unknown, 'track')} of {len(genres):,} without a genre")
    return Tracks(
        name=Path(where).name,
        values=values.reset_index(drop=True),
        genres=genres,
        artists=of["artist"],
        gaps=gaps,
        rows=rows,
        units=_units([str(name) for name in values], about, "sha256" in frame),
        notes=notes,
    )


def demo() -> Tracks | None:
    """Analyse the demo tracks, which only a copy of the project has; None where there are none.

    This takes some seconds.
    """
    import extract

    listed = DEMO / "tracks.csv"
    if not listed.is_file():
        return None
    table = extract.table([DEMO], set="spotify")
    known = schema.of("spotify", DEFAULTS)
    return describe(table, tables.metadata(known), str(listed), where="demo tracks")


def pictures(tracks: Tracks, theme: str = "light") -> Iterator[Picture | Absent]:
    """Make the pictures of a table one after the other.

    Parameters
    ----------
    tracks : Tracks
        The table.
    theme : {"light", "dark"}
        One of `classify.figures.THEMES`.
    """
    for name in NAMES:
        yield picture(name, tracks, theme)


def picture(name: str, tracks: Tracks, theme: str = "light") -> Picture | Absent:
    """Make one of the pictures `NAMES`, or say why it cannot be made."""
    made = PICTURES[name](tracks, theme)
    return made if isinstance(made, Picture) else Absent(name, made)


def about(tracks: Tracks) -> list[str]:
    """Say in sentences what a table holds."""
    genres = 0 if tracks.genres is None else tracks.genres.nunique()
    known = _counted(genres, "genre") if genres else "no genres"
    first = f"{tracks.count}, {_counted(tracks.values.shape[1], 'descriptor')}, {known}."
    return [first, *(f"{note[0].upper()}{note[1:]}." for note in tracks.notes)]


def findings(made: Iterable[Picture | Absent]) -> list[str]:
    """Say in sentences what pictures show."""
    return [
        f"{found.title}." for found in made if isinstance(found, Picture) and found.name not in MERE
    ]


def check_directory(directory: Path) -> None:
    """Refuse, before any work is done, a place where pictures cannot go.

    Raises
    ------
    WriteError
        Something other than an earlier result stands there.
    """
    if not directory.exists():
        return
    if not directory.is_dir():
        raise WriteError(directory, "is a file; name a directory for the pictures")
    found = {entry.name for entry in directory.iterdir()}
    others = sorted(found - {PAGE, *map(_file, NAMES)})
    # Somebody else's page is called index.html, too.
    if not others and found and not _is_ours(directory / PAGE):
        others = sorted(found)
    if others:
        raise WriteError(
            directory,
            f"holds other things than pictures of a table ({', '.join(others[:3])}); name a new "
            "one",
        )


def write(directory: Path, tracks: Tracks, theme: str = "light") -> Iterator[Picture | Absent]:
    """Write the pictures of a table, one after the other, and at last a page that shows them all.

    Parameters
    ----------
    directory : Path
        Exists or is made; pictures of an earlier table go. Each file appears whole.
    tracks, theme
        As for `pictures`.

    Yields
    ------
    Picture or Absent
        As each is written.

    Raises
    ------
    WriteError
        Something else stands there, or a file cannot be written.
    """
    check_directory(directory)
    made = []
    # An interrupted run leaves a page behind, by which the directory is known as ours.
    _put(directory / PAGE, document.page(tracks.name, ["<p>Not finished.</p>"], maker=MAKER))
    for found in pictures(tracks, theme):
        made.append(found)
        if isinstance(found, Picture):
            _put(directory / _file(found.name), found.png)
        else:
            (directory / _file(found.name)).unlink(missing_ok=True)
        yield found
    _put(directory / PAGE, render(tracks.name, about(tracks), made, theme))


def render(
    name: str, said: Sequence[str], made: Sequence[Picture | Absent], theme: str = "light"
) -> bytes:
    """Make the page: what was found, the pictures, and what could not be drawn.

    Parameters
    ----------
    name : str
        What the table is called.
    said : sequence of str
        What it holds, as `about` says.
    made : sequence
        Its pictures.
    theme : {"light", "dark"}
        How these were drawn.
    """
    lines = "".join(f"<li>{document.text(line)}</li>" for line in (*said, *findings(made)))
    sections = [f"<h1>{document.name(name)}</h1>\n<ul>{lines}</ul>\n"]
    sections += [
        document.section(
            document.text(found.title),
            f'<p class="note">{document.text(found.caption)}</p>',
            document.picture(
                found.bare,
                found.heading,
                found.legend,
                # Small enough for a phone, nothing on it could be read.
                wide=True,
                dark=theme == "dark",
            ),
        )
        for found in made
        if isinstance(found, Picture)
    ]
    rows = [
        [document.text(found.heading), document.text(found.reason)]
        for found in made
        if isinstance(found, Absent)
    ]
    if rows:
        sections.append(
            document.section("Not drawn", document.table(["picture", "why"], rows, numeric=""))
        )
    return document.page(f"Insights: {name}", sections, maker=MAKER)


# What the pictures show, as numbers.


def mean_popularity(tracks: Tracks, top: int = TOP) -> pd.DataFrame:
    """Return the mean popularity of genres with intervals, the most popular first.

    Returns
    -------
    DataFrame
        ``mean``, ``low``, ``high`` (95 %, by a bootstrap over artists, or tracks where nobody knows
        them) and ``tracks`` by genre. Genres of less than `FEW` tracks are left out where others
        have more.
    """
    assert tracks.genres is not None
    known = tracks.genres.notna() & tracks.values["popularity"].notna()
    popularity, genres = tracks.values.loc[known, "popularity"], tracks.genres[known]
    found = popularity.groupby(genres).agg(["mean", "size"])
    enough = found[found["size"] >= FEW]
    found = enough if len(enough) else found
    # The name decides between equals, so that the order is always the same.
    found = found.sort_index().sort_values("mean", ascending=False, kind="stable").head(top)
    owners = pd.Series(np.arange(len(popularity)), popularity.index)
    if tracks.artists is not None:
        owners = tracks.artists[known].where(tracks.artists[known].notna(), owners)
    rows = []
    for genre, (mean, size) in found.iterrows():
        own = genres == genre
        low, high = metrics.interval(popularity[own], owners[own].astype(str))
        rows.append((mean, low, high, int(size)))
    return pd.DataFrame(rows, found.index, ["mean", "low", "high", "tracks"])


def rank_correlations(values: pd.DataFrame) -> pd.DataFrame:
    """Return Spearman's correlations between columns, over the rows that have both values."""
    ranks = values.rank().to_numpy(float)
    there = np.isfinite(ranks).astype(float)
    # Small numbers around zero: sums of squares of large ones lose their last digits.
    ranks = np.nan_to_num((ranks - np.nanmean(ranks, axis=0)) / len(values))
    counts, products = there.T @ there, ranks.T @ ranks
    sums, squares = ranks.T @ there, (ranks**2).T @ there
    with np.errstate(all="ignore"):
        covariance = counts * products - sums * sums.T
        spreads = counts * squares - sums**2
        # Rounding leaves a little where there is no spread at all.
        spreads[spreads <= 1e-12 * counts**2] = np.nan
        found = covariance / np.sqrt(spreads * spreads.T)
    found[counts < 3] = np.nan
    return pd.DataFrame(np.clip(found, -1, 1), values.columns, values.columns)


def separation(tracks: Tracks, columns: Sequence[str]) -> pd.Series:
    """Return the share of each descriptor's ranks that lies between the genres, largest first.

    It is η² of the ranks: 0 where all genres have the same, 1 where the genre says all.
    """
    assert tracks.genres is not None
    known = tracks.genres.notna()
    ranks = tracks.values.loc[known, list(columns)].rank()
    ranks -= ranks.mean()
    grouped = ranks.groupby(tracks.genres[known])
    between = (grouped.mean() ** 2 * grouped.count()).sum()
    shares = between / (ranks**2).sum().replace(0, np.nan)
    return shares.sort_values(ascending=False, kind="stable")


def profiles(tracks: Tracks, columns: Sequence[str]) -> pd.DataFrame:
    """Return how far each genre's medians lie from those of all, in standard deviations of tracks.

    What is 0 or 1 has a mean instead. The deviation is that of values between the 1st and the 99th
    percentile, which far outliers do not widen. Genres that are alike stand together.
    """
    assert tracks.genres is not None
    known = tracks.genres.notna()
    values, genres = tracks.values.loc[known, list(columns)], tracks.genres[known]
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
    return found.iloc[_alike(found.fillna(0).clip(-3, 3).to_numpy())]


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


# The pictures: each is made, or the reason why not is given.


def _popularity(tracks: Tracks, theme: str) -> Picture | str:
    if "popularity" not in tracks.values:
        return "no popularity in this table"
    if tracks.genres is None:
        return NO_GENRE
    table = mean_popularity(tracks)
    if not len(table):
        return "no track has both a genre and a popularity"
    genres = [str(genre) for genre in table.index]
    shown = figures.labels(genres)
    if len(table) == 1:
        title = f"{shown[0]} has a mean popularity of {table['mean'].iloc[0]:.3g}"
    else:
        first, second = (f"{mean:.3g}" for mean in table["mean"].iloc[:2])
        title = f"{shown[0]} and {shown[1]} lead in mean popularity ({first} and {second})"
    total = tracks.genres.nunique()
    which = f"The first {len(table)} of {total}" if total > len(table) else "The"
    over = "tracks" if tracks.artists is None or tracks.artists.isna().all() else "artists"
    caption = (
        f"{which} genres, with 95 % intervals (bootstrap over {over}); n = "
        f"{_counted(int(tracks.values['popularity'].notna().sum()), 'track')}"
    )
    if table["tracks"].max() < FEW:
        caption += "; of so few tracks of each, chance leads"
    made = charts.popularity(
        table, float(tracks.values["popularity"].mean()), Head(title, caption, theme)
    )
    return Picture("popularity", title, caption, *made, figures.legend(genres))


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
    chosen = [] if genres is None else apart(points, genres, charts.COLOURED)
    title = "Loudness and energy"
    caption = f"n = {_counted(len(points), 'track')}"
    if len(points) > 2 and (points.nunique() > 1).all():
        r = float(np.corrcoef(points.to_numpy().T)[0, 1])
        rho = float(rank_correlations(points).to_numpy()[0, 1])
        bounds = _fisher(r, len(points))
        how = "rise together" if r >= 0.3 else "run opposite" if r <= -0.3 else "hardly go together"
        title = f"Loudness and energy {how}: {_equals('r', r)}"
        if bounds[0] <= 0 <= bounds[1]:
            title = f"Loudness and energy: {_equals('r', r)}, which may be chance"
        low, high = map(_signed, bounds)
        between = f" (95 % interval {low} to {high})" if low != high else ""
        caption += f"; r is Pearson's{between}, Spearman's {_equals('ρ', rho)}"
    if genres is not None:
        total = genres.nunique()
        caption += (
            f"; in colour the {len(chosen)} of {total} genres that lie farthest apart, each by "
            "the same number of points"
            if total > len(chosen)
            else "; coloured by genre"
        )
        if genres.value_counts()[chosen].max() >= charts.MEDIAN:
            caption += "; large: medians"
    unit = tracks.units.get("loudness")
    made = charts.scatter(
        *(points, genres, chosen, figures.labels(chosen)),
        (f"loudness [{unit}]" if unit else "loudness", "energy [0 to 1]"),
        Head(title, caption, theme),
    )
    return Picture("loudness-energy", title, caption, *made, figures.legend(chosen))


def _distributions(tracks: Tracks, theme: str) -> Picture | str:
    names = tracks.principal
    if not names:
        return "no column of numbers has a value"
    panels = [_panel(name, tracks.values[name].dropna().to_numpy(), tracks.units) for name in names]
    total = tracks.values.shape[1]
    title = f"{_counted(len(names), 'descriptor')}, one by one"
    caption = f"n = {tracks.count}; each line is a median"
    if total > len(names):
        title = f"{len(names)} of {total:,} descriptors, one by one"
        caption += "; those shown stand for groups that say nearly the same"
    made = charts.distributions(panels, Head(title, caption, theme))
    return Picture("distributions", title, caption, *made, figures.legend(names, 26))


def _correlations(tracks: Tracks, theme: str) -> Picture | str:
    if len(tracks.values) < 3:
        return f"no correlation in {_counted(len(tracks.values), 'track')}; it takes three"
    names = [name for name in tracks.principal if name in tracks.ranked]
    matrix = tracks.ranked.loc[names, names]
    named = matrix.notna().sum() > 1
    matrix = matrix.loc[named, named]
    if len(matrix) < 2:
        return "fewer than two descriptors that vary"
    order = _alike(matrix.fillna(0).to_numpy())
    matrix = matrix.iloc[order, order]
    shown_of = [str(name) for name in matrix]
    shown = figures.labels(shown_of, 30)
    lower = np.where(np.tri(len(matrix), k=-1, dtype=bool), matrix.to_numpy(), np.nan)
    parts = []
    for how, place, sign in (
        ("Most alike", np.nanargmax(lower), 1),
        ("most opposed", np.nanargmin(lower), -1),
    ):
        one, other = divmod(int(place), len(matrix))
        if lower[one, other] * sign > 0:
            parts.append(
                f"{how}: {shown[other]} and {shown[one]} ({_equals('ρ', lower[one, other])})"
            )
    title = "; ".join(parts) or "No two descriptors go together"
    title = title[0].upper() + title[1:]
    caption = f"Of {len(matrix)} descriptors, those that are alike side by side; n = {tracks.count}"
    constant = [name for name in tracks.principal if name not in {*shown_of, *UNORDERED}]
    if constant:
        caption += f"; left out, since it never differs: {_listed(constant)}"
    if len(tracks.values) < MANY:
        caption += "; among so few tracks high values come by chance"
    made = charts.correlations(matrix, Head(title, caption, theme))
    return Picture("correlations", title, caption, *made, figures.legend(shown_of, 30))


def _families(tracks: Tracks, theme: str) -> Picture | str:
    matrix = tracks.ranked
    if tracks.values.shape[1] <= ALL:
        return "all descriptors are in the picture of correlations"
    if len(tracks.values) < 3 or len(matrix) < 2:
        return "no correlations in this table"
    order, blocks = family_blocks([str(name) for name in matrix])
    matrix = matrix.loc[order, order]
    title = f"{len(matrix)} descriptors against one another, by families"
    caption = f"n = {tracks.count}; families of {FAMILY_SIZE} and more, named where there is room"
    if len(matrix) < tracks.values.shape[1]:
        caption += f"; of {tracks.values.shape[1]:,} columns"
    made = charts.families(matrix, blocks, Head(title, caption, theme))
    return Picture("families", title, caption, *made)


def _genres(tracks: Tracks, theme: str) -> Picture | str:
    if tracks.genres is None:
        return NO_GENRE
    if tracks.genres.nunique() < 2:
        return "one genre only: there is nothing to compare"
    names = [name for name in tracks.principal if name in tracks.varying and name not in UNORDERED]
    shares = separation(tracks, names).dropna()
    if not len(shares):
        return "no descriptor differs between tracks with a genre"
    table = profiles(tracks, list(shares.index))
    same = [str(name) for name in table if (table[name].fillna(0) == 0).all()]
    table = table.drop(columns=same if len(same) < table.shape[1] else [])
    shown = figures.labels(list(shares.index), 30)
    title = (
        f"{shown[0]} and {shown[1]} tell the genres apart most"
        if len(shown) > 1 and tracks.genres.value_counts().max() >= FEW
        else f"{_counted(len(table), 'genre')} side by side"
    )
    sizes = tracks.genres.value_counts()
    total = len(sizes)
    which = f"The largest {len(table)} of {total:,}" if total > len(table) else str(total)
    fewest, most = int(sizes[table.index].min()), int(sizes[table.index].max())
    each = (f"{fewest:,} to " if fewest < most else "") + _counted(most, "track")
    caption = (
        f"{which} genres of {each} each, alike ones side by side; descriptors from the one "
        "whose ranks differ most between genres to the one whose differ least"
    )
    medians = [name for name in SHARES if name in table]
    if medians:
        caption += f"; of {' and '.join(medians)} the mean, not the median"
    if most < FEW:
        caption += "; genres of so few tracks differ by chance"
    if same:
        caption += f"; the same median in all genres: {_listed(same)}"
    made = charts.profile(table, Head(title, caption, theme))
    legend = figures.legend([str(genre) for genre in table.index])
    return Picture("genres", title, caption, *made, legend)


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
        if low != high
        else f"The tempo is {middle} BPM"
    )
    caption = f"n = {_counted(len(values), 'track')}"
    if low != high:
        caption += "; shaded: the middle half"
    without = len(tracks.values) - len(values)
    if without:
        caption += f"; {_counted(without, 'track')} without a tempo"
    made = charts.tempo(values, Head(title, caption, theme))
    return Picture("tempo", title, caption, *made)


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
    commonest = charts.KEYS[place] + (f" {counts.columns[column]}" if counts.shape[1] > 1 else "")
    share = float(counts.to_numpy().max()) / total
    title = f"{commonest} is the commonest key ({_percent(share)})"
    caption = f"n = {_counted(total, 'track')}"
    if counts.shape[1] > 1:
        caption += f"; {_percent(counts['major'].sum() / total)} are in a major key"
    if total < len(key):
        caption += f"; {_counted(len(key) - total, 'track')} without a key"
    made = charts.keys(counts, Head(title, caption, theme))
    return Picture("keys", title, caption, *made)


def _missing(tracks: Tracks, theme: str) -> Picture | str:
    shares = tracks.gaps[tracks.gaps > 0].sort_values(ascending=False, kind="stable")
    total = len(tracks.gaps)
    if not len(shares):
        return f"nothing is missing: all {_counted(total, 'column')} are full in all rows"
    names = [str(name) for name in shares.index]
    most = figures.labels(names, 34)[0]
    title = (
        f"{len(shares)} of {_counted(total, 'column')} {'has' if len(shares) == 1 else 'have'} "
        f"gaps, {most} the most ({_percent(shares.iloc[0])})"
    )
    caption = f"n = {_counted(tracks.rows, 'row')}"
    if len(shares) > GAPS:
        caption += f"; the {GAPS} with the largest"
        shares, names = shares.head(GAPS), names[:GAPS]
    made = charts.missing(shares, Head(title, caption, theme))
    return Picture("missing", title, caption, *made, figures.legend(names, 34))


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


def _numbers(frame: pd.DataFrame, others: Collection[str]) -> pd.DataFrame:
    """Return the columns of numbers, and of what is true or false, but those of other meaning."""
    kinds = pd.api.types
    found = {}
    for name in frame:
        column = dataset.flags(frame[name]) if name == "explicit" else frame[name]
        if name in others or NO_SOUND.match(str(name)):
            continue
        if kinds.is_numeric_dtype(column) and not kinds.is_complex_dtype(column):
            found[str(name)] = column.to_numpy(dtype=float, na_value=np.nan)
    return pd.DataFrame(found, frame.index)


def _per_track(values: pd.DataFrame, paths: pd.Series) -> tuple[pd.DataFrame, pd.Series]:
    """Sum up the windows of each track."""
    codes, unique = pd.factorize(paths)
    grouped = values.groupby(codes)
    found = grouped.mean()
    if "tempo" in found:
        # Half or twice the tempo in one window must not move it.
        found["tempo"] = grouped["tempo"].median()
    if "duration_ms" in found:
        found["duration_ms"] = grouped["duration_ms"].sum()
    for name in found.columns.intersection(list(dataset.CATEGORIES)):
        counts = pd.crosstab(codes, values[name].to_numpy())
        found[name] = counts.idxmax(axis=1).reindex(found.index)
    return found, pd.Series(unique)


def _units(columns: Sequence[str], about: dict[str, Any], ours: bool) -> dict[str, str]:
    """Return the units of columns that have one."""
    name = str(about.get("set", "")).rpartition("-")[0]
    declared = schema.of(name if name in sets.SETS else "spotify", DEFAULTS).columns
    units = {column.name: column.unit for column in declared} | ({} if ours else FOREIGN_UNITS)
    return {column: units[column] for column in columns if units.get(column)}


def _panel(name: str, values: NDArray[np.float64], units: dict[str, str]) -> Panel:
    known = np.unique(values)
    if name in dataset.CATEGORIES and len(known) <= 12 and (known == known.round()).all():
        meanings = MEANINGS.get(name, ())
        if known.min() >= 0 and known.max() < len(meanings):
            return Panel(name, "", values, meanings)
        places = np.searchsorted(known, values).astype(float)
        return Panel(name, "", places, tuple(f"{value:.0f}" for value in known))
    unit = units.get(name, "")
    if unit == "ms" and values.max() >= 10_000:
        values, unit = values / 1000, "s"
    return Panel(name, unit, values)


def _spread(names: Sequence[str], most: int) -> list[str]:
    """Return at most so many names, evenly spread."""
    if len(names) <= most:
        return list(names)
    return [names[place] for place in np.linspace(0, len(names) - 1, most).astype(int)]


def _alike(rows: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return an order in which rows that are alike are side by side."""
    from scipy.cluster.hierarchy import leaves_list, linkage

    if len(rows) < 3:
        return np.arange(len(rows))
    order: NDArray[np.int64] = leaves_list(linkage(rows, "average", optimal_ordering=True))
    return order


def _fisher(r: float, count: int) -> tuple[float, float]:
    """Return the 95 % interval of a correlation, by Fisher's transformation."""
    if count < 4 or abs(r) > 1 - 1e-12:
        return (r, r) if abs(r) > 1 - 1e-12 else (-1.0, 1.0)
    reach = 1.959964 / np.sqrt(count - 3)
    low, high = np.tanh(np.arctanh(r) + np.array([-reach, reach]))
    return float(low), float(high)


def _file(name: str) -> str:
    return f"{name}.png"


def _is_ours(page: Path) -> bool:
    try:
        with page.open(encoding="utf-8", errors="replace") as lines:
            return f'content="{MAKER}"' in lines.read(1000)
    except OSError:
        return False


def _put(path: Path, content: bytes) -> None:
    with tables.atomic(path) as temporary:
        temporary.write_bytes(content)


def _counted(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def _listed(names: Sequence[str], most: int = 5) -> str:
    return ", ".join(figures.labels(list(names[:most]), 34)) + (", …" if len(names) > most else "")


def _signed(value: float) -> str:
    return f"{value:.2f}".replace("-0.00", "0.00").replace("-", "−")


def _equals(letter: str, value: float) -> str:
    # What does not break stays on one line.
    return f"{letter}\N{NO-BREAK SPACE}=\N{NO-BREAK SPACE}{_signed(value)}"


def _percent(share: float) -> str:
    return f"{100 * share:.1f}\N{NO-BREAK SPACE}%"
