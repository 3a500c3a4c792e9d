"""Which tracks a playlist holds, and in which order: by a rule, like others, for mixing."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from earmark.classify.library import columns, meant, mixing, playlists, rules, similar
from earmark.classify.library.doubles import TELLING
from earmark.extract.errors import SchemaError, SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from earmark.extract.feature_table import FeatureTable

__all__ = ["ALIKE", "MIX", "PROBABILITY", "Choice", "choose", "within"]

PROBABILITY, MIX, ALIKE = "probability", "mix", "alike"
"""Orders that are no column."""

LIKE = 25
"""Tracks of a playlist of similar ones, unless their number is said."""


@dataclass(frozen=True)
class Choice:
    """What is asked for.

    Parameters
    ----------
    where : str
        A rule (`earmark.classify.library.rules`); empty for all.
    like : sequence of str
        Tracks: the others are as like them as can be, and come after them.
    to : str
        A track: the playlist is a way from the one that is named in `like` to this one.
    count : int, optional
        How many tracks there are at most, those of `like` among them.
    order : str
        ``"probability"``, ``"mix"``, ``"alike"`` (the order of similarity, or of the way), or a
        column, the lowest first; with a hyphen before it, the highest. By default the order of
        similarity where there is one, else probability.
    """

    where: str = ""
    like: Sequence[str] = field(default=())
    to: str = ""
    count: int | None = None
    order: str = ""

    @property
    def columns(self) -> set[str]:
        """The columns that the rule and the order ask for; what they follow from is not named."""
        rule = rules.parse(self.where).names if self.where else frozenset()
        order = self.order.removeprefix("-")
        return {*rule, *({order} - {"", PROBABILITY, MIX, ALIKE})}


def choose(
    tracks: pd.DataFrame,
    source: FeatureTable,
    choice: Choice,
    files: Mapping[str, Path] | None = None,
) -> pd.DataFrame:
    """Return the rows that were chosen, in the order that was asked for, each recording once.

    Parameters
    ----------
    tracks : DataFrame
        A row for each track: `earmark.classify.library.columns.tracks_of`, perhaps with genres.
    source : FeatureTable
        The table of descriptors of the same tracks, by which they are compared.
    choice : Choice
        What is asked for.
    files : mapping of str to Path, optional
        Where the files are: what a rule or an order asks for and no table has is read from their
        tags.

    Raises
    ------
    SettingsError
        A rule or an order asks for what is not there.
    SchemaError
        Nothing was found, or the table has no descriptors.
    FindError
        A track that is named is not there.
    """
    if choice.to and len(choice.like) != 1:
        raise SettingsError("a way to a track begins with one other: name one with --like")
    rule = rules.parse(choice.where) if choice.where else None
    order = choice.order or (ALIKE if choice.like else PROBABILITY)
    if order == ALIKE and not choice.like:
        raise SettingsError("tracks are in no order of similarity: name one with --like")
    for name in sorted(choice.columns):
        tracks = columns.with_column(tracks, name, files)
    allowed = rule.holds(tracks) if rule else np.ones(len(tracks), bool)
    chosen = _alike(tracks, source, choice, allowed) if choice.like else tracks[allowed]
    if not len(chosen):
        raise SchemaError(f"no track is found by {choice.where!r}" if rule else "there is no track")
    chosen = _ordered(chosen, order, begins=bool(choice.like))
    if not choice.like:
        chosen = _once(chosen, source, choice.count)
    return chosen.head(choice.count) if choice.count else chosen


def within(
    tracks: pd.DataFrame, at_least: float, files: Mapping[str, Path] | None
) -> tuple[pd.DataFrame, int, int]:
    """Return the tracks that are sure enough and whose files are there.

    Returns
    -------
    tracks : DataFrame
        What is left.
    unsure, away : int
        How many are not sure enough, and how many others are not there.
    """
    unsure = away = 0
    if at_least and "probability" in tracks:
        sure = pd.to_numeric(tracks["probability"], errors="coerce") >= at_least
        tracks, unsure = tracks[sure], int((~sure).sum())
    if files is not None:
        there = tracks["path"].astype(str).isin(files.keys())
        tracks, away = tracks[there], int((~there).sum())
    return tracks, unsure, away


def _alike(
    tracks: pd.DataFrame, source: FeatureTable, choice: Choice, allowed: np.ndarray
) -> pd.DataFrame:
    """Return the named tracks, and those like them for which the rule holds."""
    seeds = [meant.named(track, source) for track in (*choice.like, *filter(None, [choice.to]))]
    by_path = pd.Series(np.arange(len(tracks)), tracks["path"].astype(str))
    # What the rule leaves out is not compared; the seeds always are.
    kept = set(tracks["path"].astype(str)[allowed]) | set(seeds)
    rows = source.paths.isin(kept).to_numpy()
    ready = similar.index(source if rows.all() else source.with_frame(source.frame[rows]))
    places = [ready.places[seed] for seed in seeds]
    count = choice.count or LIKE
    if choice.to:
        found = ready.between(places[0], places[1], max(count, 2))
    else:
        others = ready.near(places, max(count - len(places), 0))["place"].to_numpy()
        found = np.concatenate([np.asarray(places, np.int64), others])
    return tracks.iloc[by_path[list(map(str, ready.paths[found]))].to_numpy()]


def _ordered(rows: pd.DataFrame, order: str, *, begins: bool) -> pd.DataFrame:
    if order == ALIKE:
        return rows
    if order == PROBABILITY:
        return playlists.surest_first(rows.astype({"path": str}))
    if order == MIX:
        if "tempo" not in rows or not {"key", "mode"} <= set(rows):
            raise SettingsError(
                "the table has no tempo, key and mode: tracks cannot be mixed by it"
            )
        tempo, key, mode = (
            pd.to_numeric(rows[name], errors="coerce").to_numpy(np.float64, na_value=np.nan)
            for name in ("tempo", "key", "mode")
        )
        return rows.iloc[mixing.order(tempo, key, mode, 0 if begins else None)]
    name = order.removeprefix("-")
    if name not in rows:
        raise SettingsError(
            f"tracks cannot be ordered by {name!r}: choose {PROBABILITY}, {MIX}, {ALIKE} or a "
            f"column; {columns.unknown(name, rows)}"
        )
    return rows.sort_values(name, ascending=not order.startswith("-"), kind="stable")


def _once(rows: pd.DataFrame, source: FeatureTable, count: int | None) -> pd.DataFrame:
    """Leave out what is the same recording as a track before it."""
    if len(source.columns) < TELLING:
        return rows
    if count:
        # So many suffice, unless nearly all are doubles.
        rows = rows.head(2 * count + similar.DUPLICATES)
    known = pd.Series(np.arange(source.paths.nunique()), source.paths.drop_duplicates())
    places = known.reindex(rows["path"])
    described = places.notna().to_numpy()
    if not described.any():
        return rows
    numbers = similar.same_recordings(source)(places[described].to_numpy(np.int64))
    kept = np.ones(len(rows), bool)
    kept[described] = ~pd.Series(numbers).duplicated().to_numpy()
    return rows[kept]
