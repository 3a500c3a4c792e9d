"""A table of descriptors becomes genres, and the reasons for them.

A table is checked and its log-odds are computed once (`scored`); predictions and explanations are
views of that.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from earmark.classify.dataset.build import finite, flags
from earmark.classify.dataset.pooling import pool
from earmark.classify.model.ensemble import softmax
from earmark.extract import config, sets, tables
from earmark.extract.batch.track import Extraction
from earmark.extract.errors import BundleError, SchemaError
from earmark.extract.feature_table import FeatureTable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from earmark.classify.model.bundle import Bundle

__all__ = [
    "EXPLAINED_COLUMNS",
    "Scored",
    "check",
    "extraction_of",
    "ranked",
    "scored",
]

EXPLAINED_COLUMNS = ["path", "genre", "feature", "value", "contribution"]

CHUNK = 10_000_000
"""Contributions that are held at once, in numbers."""


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
    """

    bundle: Bundle
    features: pd.DataFrame
    tracks: NDArray[np.object_]
    paths: list[str]
    logits: pd.DataFrame

    def predictions(self, top: int = 3) -> pd.DataFrame:
        """Return the most probable genres of every track.

        Parameters
        ----------
        top : int
            How many genres to name.

        Returns
        -------
        DataFrame
            ``path``, ``genre``, ``probability``, ``genre_2``, ``probability_2`` …, a row per
            track. A track without sound has no genre: its cells are missing.
        """
        probabilities = softmax(self.logits.to_numpy())
        top = max(1, min(top, len(self.bundle.genres)))
        ranks = np.argsort(-probabilities, axis=1, kind="stable")[:, :top]
        genres = np.asarray(self.bundle.genres, object)[ranks]
        chances = np.take_along_axis(probabilities, ranks, axis=1)
        columns: dict[str, object] = {}
        for rank in range(top):
            suffix = "" if rank == 0 else f"_{rank + 1}"
            index = self.logits.index
            columns[f"genre{suffix}"] = pd.Series(genres[:, rank], index, dtype="str")
            columns[f"probability{suffix}"] = pd.Series(chances[:, rank], index, dtype="float32")
        return pd.DataFrame(columns).reindex(self.paths).rename_axis("path").reset_index()

    def explanations(self, top: int = 5) -> pd.DataFrame:
        """Say what spoke for and against the genre of every track.

        Parameters
        ----------
        top : int
            How many columns to name for, and how many against.

        Returns
        -------
        DataFrame
            ``path``, ``genre`` (the most probable one), ``feature``, ``value`` (of windows the
            mean) and ``contribution``: what the column adds to the genre's log-odds beyond what it
            adds to the average genre's. Positive ones speak for the genre. For each track the
            strongest for, then the strongest against. See
            `earmark.classify.model.ensemble.Ensemble.contributions`.
        """
        bundle, features, tracks = self.bundle, self.features, self.tracks
        values = np.mean(bundle.filled(features), axis=0) if len(features) else features.to_numpy()
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
        genres = [bundle.genres[place] for place in genre_of_row]
        return ranked(added, values, tracks, genres, bundle.inputs, top)


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
    check(bundle, table)
    frame, paths = table.frame, table.paths
    audible = table.has_sound_in(bundle.columns).to_numpy()
    features = frame.loc[audible, [name for name in bundle.inputs if name in frame]]
    if "explicit" in features:
        features = features.assign(explicit=flags(features["explicit"]))
    finite(features, paths[audible], table.source)
    tracks = paths.to_numpy(object)[audible]
    index, logits = pool(bundle.logits(features), tracks)
    return Scored(
        bundle=bundle,
        features=features,
        tracks=tracks,
        paths=paths.drop_duplicates().tolist(),
        logits=pd.DataFrame(logits, index=index, columns=bundle.genres),
    )


def extraction_of(bundle: Bundle, where: str) -> Extraction:
    """Return what has to be computed of audio files for a model.

    Parameters
    ----------
    bundle : Bundle
        The model.
    where : str
        What to call it in an error.

    Raises
    ------
    BundleError
        It was trained on a table that Earmark did not make.
    """
    if bundle.set_name is None:
        raise BundleError(
            f"{where}: was trained on a table that Earmark did not extract; it can classify "
            "tables with the same columns, not audio files"
        )
    return Extraction(bundle.set_name, config.parse(bundle.settings, where), bundle.windows)


def check(bundle: Bundle, table: FeatureTable) -> None:
    """Refuse a table whose values are not those that the model was trained on.

    A model asks for the columns that it looks at and can't do without, in the version that it
    knows, and for nothing else.

    Raises
    ------
    SchemaError
        A column is missing or of another version, or other settings made the table.
    """
    needed = [name for name in bundle.inputs if name not in bundle.stand_ins]
    missing = [name for name in needed if name not in table.frame]
    if missing:
        known = {*bundle.columns, *bundle.stand_ins}
        unexpected = [name for name in sets.needed(bundle.set, table.columns) if name not in known]
        # Others are no fault, but say what may stand there under another name.
        parts = [
            f"{label} {len(names)} ({', '.join(names[:5])}{', …' if len(names) > 5 else ''})"
            for label, names in (("missing", missing), ("unexpected", unexpected))
            if names
        ]
        raise SchemaError(
            f"{table.source} has other columns than the model: {'; '.join(parts)}. "
            f"{_remedy(bundle)}"
        )
    tables.check_scales(bundle.set, table.frame, table.source)
    if table.fingerprint in (None, bundle.fingerprint) or not bundle.fingerprint:
        return
    if difference := _difference(bundle, table):
        raise SchemaError(
            f"{table.source} was not extracted like the table that the model was trained on: "
            f"{difference}"
        )


def _difference(bundle: Bundle, table: FeatureTable) -> str | None:
    """Say what changes values in a table of another fingerprint, and what mends it."""
    expected, versions = bundle.column_versions, table.column_versions
    comparable = bool(expected and versions)
    # Where columns say their versions, the set may have got more of them since.
    name_of = _set_name if comparable else str
    if table.set is not None and name_of(table.set) != name_of(str(bundle.set)):
        return f"set {table.set} (the model has {bundle.set}). {_remedy(bundle)}"
    settings = [
        f"{name} {value} (the model has {bundle.settings.get(name)})"
        for name, value in (table.provenance.get("settings") or {}).items()
        if value != bundle.settings.get(name)
    ]
    if settings:
        mending = "Extract again with the model's settings, or train on this table"
        return f"{', '.join(settings)}. {mending}."
    if not comparable:
        fingerprints = f"{table.fingerprint}, not {bundle.fingerprint}"
        return f"other versions ({fingerprints}). {_remedy(bundle)}"
    changed = {
        name: versions.get(name, 0) for name in expected if expected[name] != versions.get(name)
    }
    if not changed:
        return None
    listed = ", ".join(
        f"{name} of version {version} (the model has {expected[name]})"
        for name, version in [*changed.items()][:5]
    )
    older = all(version < expected[name] for name, version in changed.items())
    mending = f"Extract again with `earmark extract --set {bundle.set_name}`."
    more = ", …" if len(changed) > 5 else ""
    return f"{listed}{more}. {mending if older else _remedy(bundle)}"


def _set_name(versioned: str) -> str:
    return versioned.rpartition("-")[0]


def _remedy(bundle: Bundle) -> str:
    if not bundle.set:
        return "Train the model again on a table with these columns."
    remedy = (
        f"Make the table with `earmark extract --set {bundle.set_name}` of the version of Earmark "
        "that trained the model, or train the model again."
    )
    if bundle.set_name == "default+musicnn":
        remedy += " For tables of the set default there is the model light: `-m light`."
    return remedy


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
        What they are of.
    paths, genres : sequence of str, a value for each row
        The track, and its genre that is explained.
    inputs : sequence of str
        What the columns are called.
    top : int
        How many to name each way.
    """
    order, added = pool(contributions, paths)
    shown = pd.DataFrame(values).groupby(pd.factorize(paths)[0]).mean().to_numpy()
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
