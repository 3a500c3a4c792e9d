"""A table of descriptors becomes genres, and the reasons for them.

A table is checked and its log-odds are computed once (`scored`); predictions, explanations and
segments are views of that.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from earmark.classify import agreement, reasons, sound_tags
from earmark.classify import segments as pieces
from earmark.classify.dataset.build import finite, flags
from earmark.classify.dataset.pooling import per_track, pool
from earmark.classify.model.ensemble import softmax
from earmark.extract import config, sets
from earmark.extract.batch.track import Extraction
from earmark.extract.errors import BundleError, SchemaError, SettingsError
from earmark.extract.feature_table import FeatureTable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from earmark.classify.model.bundle import Bundle

__all__ = [
    "EXPLAINED_COLUMNS",
    "Scored",
    "extraction_of",
    "ranked",
    "scored",
]

EXPLAINED_COLUMNS = ["path", "genre", "feature", "value", "contribution"]

CHUNK = 10_000_000
"""Contributions that are held at once, in numbers."""

EMBEDDING = "musicnn"
"""The set that has the tags."""


@dataclass(frozen=True, eq=False)
class Scored:
    """What a model says of the tracks of a table.

    Parameters
    ----------
    bundle : Bundle
        The model.
    features : DataFrame of shape (rows, inputs)
        Those inputs of the model that the table has, of the rows that have sound.
    tracks : ndarray of shape (rows,)
        The track of each of these rows.
    paths : list of str
        All tracks of the table, also those without sound, in order.
    logits : DataFrame of shape (tracks with sound, genres)
        The log-odds of each genre, averaged over the rows of a track; by path.
    tags : DataFrame of shape (tracks with sound, tags)
        The tags that the table has (`earmark.classify.sound_tags`), by path.
    windows : tuple of DataFrame and ndarray, optional
        ``path``, ``start`` and ``seconds`` of every window, and its log-odds, NaN without sound;
        None of a table of tracks.
    """

    bundle: Bundle
    features: pd.DataFrame
    tracks: NDArray[np.object_]
    paths: list[str]
    logits: pd.DataFrame
    tags: pd.DataFrame
    windows: tuple[pd.DataFrame, NDArray[np.float64]] | None = None

    def predictions(self, top: int = 3, min_probability: float = 0.0) -> pd.DataFrame:
        """Return the most probable genres of every track.

        Parameters
        ----------
        top : int
            How many genres to name.
        min_probability : float
            A track whose genre is less probable gets none: its probabilities stay, and no genre is
            named beside them.

        Returns
        -------
        DataFrame
            ``path``, ``genre``, ``probability``, ``genre_2``, ``probability_2`` …, a row per
            track. A track without sound, or of steady sound alone, has no genre: its cells are
            missing.
        """
        found = named(self.logits, top, min_probability)
        return found.reindex(self.paths).rename_axis("path").reset_index()

    def segments(
        self, seconds: float = pieces.SECONDS, top: int = 3, min_probability: float = 0.0
    ) -> pd.DataFrame:
        """Return the genres of the parts of every track, in order.

        Parameters
        ----------
        seconds : float
            Length of the parts that are judged by themselves: as many windows of the table as come
            to about so much. Neighbours of the same genre are joined.
        top, min_probability
            As for `predictions`.

        Returns
        -------
        DataFrame
            ``path``, ``start`` and ``seconds`` of each part, and columns as of `predictions`.

        Raises
        ------
        SchemaError
            Rows of the table are tracks.
        SettingsError
            The length is none.
        """
        if self.windows is None:
            raise SchemaError(
                "the table has a row per track, and parts of tracks are judged by windows; make it "
                "with `earmark extract --windows SECONDS`, or classify the files themselves"
            )
        _check_length(seconds)
        spans, logits = pieces.joined(*self.windows, seconds)
        spans = spans.round({"start": 2, "seconds": 2})
        genres = named(pd.DataFrame(logits, columns=self.bundle.genres), top, min_probability)
        return pd.concat([spans, genres], axis=1)

    def reasons(self, paths: Sequence[str] | None = None) -> pd.DataFrame:
        """Say in words what spoke for and against the genre of tracks, by families of columns.

        Parameters
        ----------
        paths : sequence of str, optional
            The tracks; by default all of them.

        Returns
        -------
        DataFrame
            As from `earmark.classify.reasons.by_family`.
        """
        wanted = self.logits.index if paths is None else self.logits.index.intersection([*paths])
        added, values = self._explained
        inputs = self.bundle.inputs
        order, contributions = pool(added, self.tracks)
        return reasons.by_family(
            pd.DataFrame(contributions, order, inputs).loc[wanted],
            per_track(pd.DataFrame(values, columns=inputs), pd.Series(self.tracks)).loc[wanted],
            dict(zip(self.logits.index, self._genres, strict=True)),
            reasons.usual(self.bundle),
            self.tags,
        )

    def explanations(self, top: int = 5) -> pd.DataFrame:
        """Say what spoke for and against the genre of every track.

        Parameters
        ----------
        top : int
            How many columns to name for, and how many against.

        Returns
        -------
        DataFrame
            ``path``, ``genre`` (the most probable one), ``feature``, ``value`` (the track's; see
            `earmark.classify.dataset.pooling.per_track`) and ``contribution``: what the column adds
            to the genre's log-odds beyond what it adds to the average genre's. Positive ones speak
            for the genre. For each track the strongest for, then the strongest against. See
            `earmark.classify.model.ensemble.Ensemble.contributions`.
        """
        added, values = self._explained
        genres = pd.Series(self._genres, self.logits.index, dtype=object)
        named_rows = genres.reindex(self.tracks).tolist()
        return ranked(added, values, self.tracks, named_rows, self.bundle.inputs, top)

    @property
    def _genres(self) -> list[str]:
        """The most probable genre of each track that has sound."""
        return [self.bundle.genres[place] for place in self.logits.to_numpy().argmax(axis=1)]

    @cached_property
    def _explained(self) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
        """What each input adds to the genre of each row, and the inputs: (rows, inputs) both."""
        bundle, features, tracks = self.bundle, self.features, self.tracks
        values = _filled(bundle, features)
        present = np.array([name in features for name in bundle.inputs])
        best = pd.Series(self.logits.to_numpy().argmax(axis=1), self.logits.index)
        genre_of_row = best.reindex(tracks).to_numpy()
        # As many rows at a time as come to so many numbers.
        step = max(1, CHUNK // (len(bundle.genres) * (len(bundle.inputs) + 1)))
        added = np.zeros((len(tracks), len(bundle.inputs)))
        for start in range(0, len(tracks), step):
            rows = slice(start, start + step)
            added[rows] = bundle.ensemble.contributions(values[rows], genre_of_row[rows])[:, :-1]
        added[:, ~present] = 0.0
        return added, values


def named(logits: pd.DataFrame, top: int, min_probability: float = 0.0) -> pd.DataFrame:
    """Name the most probable genres of rows of log-odds; see `Scored.predictions`.

    Parameters
    ----------
    logits : DataFrame of shape (rows, genres)
        A row may be missing: it has no genre.
    top, min_probability
        As for `Scored.predictions`.

    Raises
    ------
    SettingsError
        The probability is none.
    """
    if not 0 <= min_probability <= 1:
        raise SettingsError(f"min_probability = {min_probability:g}: between 0 and 1")
    known = logits.notna().all(axis=1)
    probabilities = softmax(logits[known].to_numpy())
    top = max(1, min(top, logits.shape[1]))
    ranks = np.argsort(-probabilities, axis=1, kind="stable")[:, :top]
    genres = np.asarray(logits.columns, object)[ranks]
    chances = np.take_along_axis(probabilities, ranks, axis=1).astype(np.float32)
    sure = chances[:, 0] >= np.float32(min_probability)
    columns: dict[str, object] = {}
    for rank in range(top):
        suffix = "" if rank == 0 else f"_{rank + 1}"
        index = logits.index[known]
        columns[f"genre{suffix}"] = pd.Series(genres[:, rank], index, dtype="str").where(sure)
        columns[f"probability{suffix}"] = pd.Series(chances[:, rank], index)
    return pd.DataFrame(columns).reindex(logits.index)


def _filled(bundle: Bundle, features: pd.DataFrame) -> NDArray[np.float32]:
    """Return the inputs; what audio does not have is usual: the mean, or the commonest category."""
    if not len(features):
        return np.empty((0, len(bundle.inputs)), np.float32)
    draws = bundle.filled(features)
    if len(draws) == 1:
        return draws[0]
    values: NDArray[np.float32] = np.stack(draws).mean(axis=0, dtype=np.float32)
    for place, name in enumerate(bundle.inputs):
        if name in bundle.categories and name in bundle.stand_ins:
            usual = pd.Series(bundle.stand_ins[name]).mode().iloc[0]
            known = np.isin(values[:, place], bundle.categories[name])
            values[:, place] = np.where(known, values[:, place], usual)
    return values


def scored(bundle: Bundle, table: pd.DataFrame | FeatureTable) -> Scored:
    """Check a table and compute the log-odds of its tracks.

    Parameters
    ----------
    bundle : Bundle
        The model.
    table : DataFrame or FeatureTable
        Rows of tracks, or of windows, whose log-odds are averaged over a track.

    Raises
    ------
    SchemaError
        The table has other columns than the model was trained on, other settings made it, or a row
        has no path.
    """
    table = FeatureTable.of(table)
    agreement.check(bundle, table)
    frame, paths = table.frame, table.paths
    audible = table.has_sound_in(bundle.columns).to_numpy() & ~bundle.steady(frame)
    features = frame.loc[audible, [name for name in bundle.inputs if name in frame]]
    if "explicit" in features:
        features = features.assign(explicit=flags(features["explicit"]))
    finite(features, paths[audible], table.source)
    tracks = paths.to_numpy(object)[audible]
    of_rows = bundle.logits(features)
    index, logits = pool(of_rows, tracks)
    tags = [name for name in sound_tags.of_columns() if name in frame]
    windows = None
    if table.windowed:
        spans = frame[["start", "seconds"]].assign(path=paths)[["path", "start", "seconds"]]
        placed = np.full((len(frame), len(bundle.genres)), np.nan)
        placed[audible] = of_rows
        windows = spans.reset_index(drop=True), placed
    return Scored(
        bundle=bundle,
        features=features,
        tracks=tracks,
        paths=paths.drop_duplicates().tolist(),
        logits=pd.DataFrame(logits, index=index, columns=bundle.genres),
        tags=per_track(frame.loc[audible, tags], paths[audible]).reindex(index),
        windows=windows,
    )


def extraction_of(
    bundle: Bundle, where: str, *, tags: bool = False, segments: float | None = None
) -> Extraction:
    """Return what has to be computed of audio files for a model.

    Parameters
    ----------
    bundle : Bundle
        The model.
    where : str
        What to call it in an error.
    tags : bool
        Whether tags are wanted, too: then from a set that has them beside the model's.
    segments : float, optional
        Seconds of the parts that are to be judged by themselves. A model of tracks then gets rows
        of windows of that length, and those of tracks beside them.

    Raises
    ------
    BundleError
        It was trained on a table that Earmark did not make, or no set has tags beside its columns.
    SettingsError
        The length of the parts is none.
    """
    if segments is not None:
        _check_length(segments)
    if bundle.set_name is None:
        raise BundleError(
            f"{where}: was trained on a table that Earmark did not extract; it can classify "
            "tables with the same columns, not audio files"
        )
    name = bundle.set_name
    if tags and EMBEDDING not in name.split("+"):
        name = f"{name}+{EMBEDDING}"
        if name not in sets.SETS:
            raise BundleError(
                f"{where}: looks at the set {bundle.set_name}, which has no tags and goes with "
                "none; extract them with `earmark extract --set musicnn`, or take another model"
            )
    settings = config.parse(bundle.settings, where)
    if segments and not bundle.windows:
        return Extraction(name, settings, segments, tracks=True)
    return Extraction(name, settings, bundle.windows)


def _check_length(seconds: float) -> None:
    if not 0 < seconds < np.inf:
        raise SettingsError(f"segments = {seconds:g}: a number of seconds")


def ranked(
    contributions: NDArray[np.float64],
    values: NDArray[np.float32],
    paths: NDArray[np.object_],
    genres: Sequence[str],
    inputs: Sequence[str],
    top: int,
) -> pd.DataFrame:
    """Name the columns that added most to each track's genre, and those that took most away.

    Parameters
    ----------
    contributions : ndarray of shape (rows, inputs)
        From `earmark.classify.model.ensemble.Ensemble.contributions`, without what it starts from.
    values : ndarray of shape (rows, inputs)
        What they are of; a track has what suits each column
        (`earmark.classify.dataset.pooling.per_track`).
    paths, genres : sequence of str, a value for each row
        The track, and its genre that is explained.
    inputs : sequence of str
        What the columns are called.
    top : int
        How many to name each way.
    """
    order, added = pool(contributions, paths)
    shown = per_track(pd.DataFrame(values, columns=list(inputs)), pd.Series(paths)).to_numpy()
    genre_of = dict(zip(paths, genres, strict=True))
    rows = []
    for track, of_track, seen in zip(order, added, shown, strict=True):
        places = np.argsort(-of_track, kind="stable")
        speaking = [place for place in places[:top] if of_track[place] > 0]
        speaking += [place for place in places[::-1][:top] if of_track[place] < 0]
        rows += [
            (track, genre_of[track], inputs[place], seen[place], of_track[place])
            for place in speaking
        ]
    return pd.DataFrame(rows, columns=EXPLAINED_COLUMNS)
