"""Training on a cluster of Dask's: a table in pieces, of which no machine ever holds all.

A piece is a row group of a Parquet file. Its workers say which tracks are in it; labels, groups and
the split are found for the tracks, and go back to the pieces that have them. XGBoost's own Dask
interface grows the trees on what each worker holds. Of the held-out tracks only their log-odds
come back, piece after piece. The linear part would need all rows in one place: there is none, as
for every table of more than 10,000 rows (`earmark.classify.model.defaults`).
"""

from __future__ import annotations

import hashlib
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from earmark.classify.dataset import build, duplicates
from earmark.classify.dataset import labels as labelling
from earmark.classify.dataset.build import SPOTIFY_EXTRAS, Dataset
from earmark.classify.dataset.pooling import pool
from earmark.classify.evaluation.cross_validation import judge
from earmark.classify.evaluation.held_out import Run, halves
from earmark.classify.model.boosting import booster_parameters
from earmark.classify.model.bundle import Bundle
from earmark.classify.model.defaults import suited
from earmark.classify.model.ensemble import Ensemble, coded
from earmark.extract import partitioned, tables
from earmark.extract.batch import cluster
from earmark.extract.errors import (
    AnalyseError,
    EarmarkError,
    LabelError,
    SchemaError,
    SettingsError,
)
from earmark.extract.feature_table import FeatureTable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from earmark.classify.dataset import genres
    from earmark.classify.evaluation.result import Evaluation
    from earmark.classify.model.linear import Categories

__all__ = ["Piece", "Pieces", "connect", "pieces_of", "survey", "train"]

ROWS = "rows"
"""How many rows of a track have sound."""

STOPPING = 0.05
"""Share of the groups that say when to stop, of those that are trained on."""

PATIENCE = 15
"""Rounds without a gain after which to stop."""


class Piece(NamedTuple):
    """A row group of a Parquet file, which every worker finds under the same name."""

    path: str
    group: int

    def read(self, columns: Sequence[str] | None = None) -> pd.DataFrame:
        """Return some columns of the rows."""
        with pq.ParquetFile(self.path) as file:
            frame: pd.DataFrame = file.read_row_group(self.group, columns=columns).to_pandas()
        if "explicit" in frame:
            frame["explicit"] = build.flags(frame["explicit"])
        frame["path"] = FeatureTable(frame, {}, self.path).paths
        return frame


@dataclass(frozen=True, eq=False)
class Pieces:
    """A labelled table in pieces.

    Parameters
    ----------
    tracks : Dataset
        A row per track, without features.
    rows : ndarray of shape (tracks,)
        How many rows with sound each has.
    inputs : list of str
        What is learned from.
    categories : list of (ndarray or None)
        For each input its sorted values, or None for a number.
    pieces : list of Piece
        In order.
    places : list of ndarray
        For each piece the tracks that it has rows of, by their place.
    """

    tracks: Dataset
    rows: NDArray[np.int64]
    inputs: list[str]
    categories: Categories
    pieces: list[Piece]
    places: list[NDArray[np.int64]]


@contextmanager
def connect(address: str, workers: int) -> Iterator[Any]:
    """Within this, a client of a cluster that has a worker is the current one.

    Parameters
    ----------
    address, workers
        As for `earmark.extract.batch.cluster.Cluster`.

    Raises
    ------
    SettingsError
        Dask is not installed, no scheduler answers, or it has no worker.
    """
    with cluster.connected(cluster.scheduler(address, workers)) as client:
        try:
            client.wait_for_workers(1, timeout=cluster.CONNECTING)
        except TimeoutError as error:
            raise SettingsError(
                f"--scheduler {address}: has no worker; start some with `dask worker {address}`"
            ) from error
        with client.as_current():
            yield client


def pieces_of(table: Path) -> tuple[list[Piece], FeatureTable]:
    """Find the pieces of a table.

    Parameters
    ----------
    table : Path
        A folder of ``part-*.parquet``, or one file.

    Returns
    -------
    pieces : list of Piece
        In the order of the names.
    head : FeatureTable
        The first rows, which say what the columns are.

    Raises
    ------
    SchemaError
        There is none, or the files were not made alike.
    """
    pieces: list[Piece] = []
    head: FeatureTable | None = None
    for file in partitioned.files(table, tables.provenance_of):
        try:
            with pq.ParquetFile(file) as opened:
                pieces += [
                    Piece(str(file.resolve()), group)
                    for group in range(opened.num_row_groups)
                    if opened.metadata.row_group(group).num_rows
                ]
                if head is None and opened.metadata.num_rows:
                    rows = next(opened.iter_batches(batch_size=1000)).to_pandas()
                    about = tables.provenance_of(opened.schema_arrow)
                    head = FeatureTable(rows, about, str(table))
        except (OSError, ValueError, pa.ArrowException) as error:
            raise SchemaError(f"{file}: cannot be read as Parquet: {error}") from error
    if head is None:
        raise SchemaError(f"{table}: has no rows; look at its failures table")
    if "path" not in head.frame:
        raise SchemaError(f"{table}: has no column 'path', by which the pieces of a track are one")
    return pieces, head.recognised()


def survey(
    client: Any,
    table: Path,
    labels: str | None = None,
    *,
    label: str = "genre",
    group: str | None = None,
    ignore: Sequence[str] = (),
    use: Sequence[str] = (),
    ignore_unknown: bool = False,
    audio: Path | None = None,
    genre_list: genres.Rule = "first",
) -> Pieces:
    """Join a table in pieces with its labels, track by track.

    Parameters
    ----------
    client : distributed.Client
        Of the cluster.
    table : Path
        As for `pieces_of`.
    labels, label, group, ignore, use, ignore_unknown, audio, genre_list
        As for `earmark.classify.dataset.build.build`.

    Raises
    ------
    SchemaError
        The table cannot be read.
    LabelError
        The labels do not fit the table, or are too few to learn from.
    """
    pieces, head = pieces_of(table)
    looked: list[str] = []
    columns, inputs = build.learned_from(head, (label, group), looked, ignore=ignore, use=use)
    extras = [name for name in SPOTIFY_EXTRAS if name in inputs and head.set]
    if extras:
        raise LabelError(
            f"{table}: {' and '.join(extras)} cannot be learned from in pieces, since audio files "
            f"have none; leave them out with --ignore {','.join(extras)}"
        )
    names = [name for name in head.frame.columns if name not in columns and name != "path"]
    categorical = [name for name in build.CATEGORIES if name in inputs]
    asked = client.map(
        _surveyed,
        pieces,
        names=names,
        columns=columns,
        categorical=categorical,
        set=head.set,
        pure=False,
    )
    found = list(_results(client, asked, table))
    seen = pd.concat([own for own, _ in found])
    frame = seen[names].groupby(level=0, sort=False).first().rename_axis("path").reset_index()
    sound = seen[ROWS].groupby(level=0, sort=False).sum().to_numpy()
    known, notes = labelling.read(
        *(frame, table, labels),
        label=label,
        group=group,
        ignore_unknown=ignore_unknown,
        audio=audio,
        genre_list=genre_list,
    )
    notes += looked
    summed = FeatureTable(frame.assign(**{ROWS: np.where(sound > 0, sound, np.nan)}))
    used, labelled = build.learnable(summed, frame["path"].map(known["label"]), [ROWS], notes)
    doubles = duplicates.same_files(used["path"], used.get("sha256"))
    of_track = known.reindex(doubles.tracks)
    keys, groups, grouped_by = build.grouped(of_track, group, doubles)
    notes += build.noticed(of_track, group, doubles)
    notes += [
        "duplicates were looked for by the sums of files alone",
        "trained in pieces on a cluster, which gives trees without a linear part",
    ]
    tracks = Dataset(
        features=used[[]],
        labels=labelled.map(build.one_line),
        groups=pd.Series(groups, dtype=str),
        tracks=used["path"],
        columns=columns,
        about=dict(head.provenance),
        notes=notes,
        grouped_by=grouped_by,
        keys=pd.Series(keys, dtype=str),
        duplicates=doubles,
    )
    build.check(tracks)
    place = pd.Series(np.arange(len(used)), used["path"].to_numpy(object))
    places = [
        place.reindex(own.index[own[ROWS] > 0]).dropna().to_numpy(np.int64) for own, _ in found
    ]
    values = {
        name: np.unique(np.concatenate([own[name] for _, own in found])) for name in categorical
    }
    categories = [values.get(name) for name in inputs]
    return Pieces(tracks, used[ROWS].to_numpy(np.int64), inputs, categories, pieces, places)


def train(
    client: Any, table: Pieces, *, count: int = 5, seed: int = 0
) -> tuple[Evaluation, Bundle]:
    """Measure a model on groups that were held out, then train it on everything.

    Parameters
    ----------
    client : distributed.Client
        Of the cluster.
    table : Pieces
        From `survey`.
    count : int
        One of so many parts is held out.
    seed : int
        Of the split and the trees.

    Raises
    ------
    LabelError
        Nothing can be held out without taking a genre from the training.
    AnalyseError
        A worker has ended, or cannot read its part.
    """
    import xgboost

    from earmark.version import __version__

    tracks = table.tracks
    named = sorted(tracks.labels.unique())
    truth = pd.Categorical(tracks.labels, named).codes.astype(np.int64)
    rows = int(table.rows.sum())
    # Here each genre has a tree of its own, however many they are.
    chosen = suited(rows, 1)
    held_out, stopping = _split(tracks, truth, count, seed, stop=chosen["early_stopping"])
    parameters = booster_parameters(chosen, len(named), seed)
    training = ~held_out & ~stopping
    rounds = chosen["n_estimators"]
    booster = _grown(client, table, truth, training, stopping, parameters, rounds)
    chosen |= {"n_estimators": booster.num_boosted_rounds(), "early_stopping": False}
    run = _predicted(client, table, booster, held_out)
    fold = np.flatnonzero(~held_out), np.flatnonzero(held_out)
    evaluation = judge(tracks, fold, run)
    every, none = np.ones(len(truth), bool), np.zeros(len(truth), bool)
    final = _grown(client, table, truth, every, none, parameters, chosen["n_estimators"])
    about = tracks.about
    versions = FeatureTable(tracks.features, about).column_versions
    bundle = Bundle(
        model=bytes(final.save_raw("ubj")),
        genres=[str(genre) for genre in named],
        columns=tracks.columns,
        inputs=table.inputs,
        set=about.get("set"),
        fingerprint=about.get("fingerprint"),
        windows=about.get("windows"),
        column_versions={name: versions[name] for name in table.inputs if name in versions},
        settings=about.get("settings", {}),
        temperature=evaluation.temperature,
        categories={
            name: own.astype(float).tolist()
            for name, own in zip(table.inputs, table.categories, strict=True)
            if own is not None
        },
        learner=chosen | {"linear_share": 0.0, "random_state": seed},
        metrics=evaluation.metrics,
        versions={"earmark": __version__, "xgboost": xgboost.__version__},
    )
    return evaluation, bundle


def _surveyed(
    piece: Piece, names: list[str], columns: list[str], categorical: list[str], set: str | None
) -> tuple[pd.DataFrame, dict[str, NDArray[np.float32]]]:
    """Say which tracks a piece has: their names, rows with sound, and values of categories."""
    frame = piece.read(["path", *names, *columns])
    tables.check_scales(set, frame, piece.path)
    sound = FeatureTable(frame).has_sound_in(columns)
    by_track = frame[names].assign(**{ROWS: sound.astype(np.int64)}).groupby(frame["path"])
    how = dict.fromkeys(names, "first") | {ROWS: "sum"}
    values = {name: frame[name].dropna().unique().astype(np.float32) for name in categorical}
    return by_track.agg(how), {name: own[np.isfinite(own)] for name, own in values.items()}


def _split(
    tracks: Dataset, truth: NDArray[np.int64], count: int, seed: int, *, stop: bool
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return which tracks are held out, and which say when to stop, by a hash of their groups.

    A genre that nothing would be left of to learn from keeps its tracks in the training.
    """
    codes, unique = pd.factorize(tracks.groups)
    drawn = [hashlib.sha256(f"{seed}\0{group}".encode()).digest() for group in unique]
    rank = np.empty(len(unique), np.int64)
    rank[sorted(range(len(unique)), key=drawn.__getitem__)] = np.arange(len(unique))
    tested = max(1, len(unique) // count)
    stopped = int((len(unique) - tested) * STOPPING) if stop else 0
    of_track = rank[codes]
    apart = of_track < tested + stopped
    needed = np.isin(codes, codes[~np.isin(truth, truth[~apart])])
    held_out = (of_track < tested) & ~needed
    if not held_out.any():
        raise LabelError(
            "nothing can be held out: one artist made all tracks of a genre; label tracks of more "
            "artists, or train without --scheduler"
        )
    return held_out, apart & ~held_out & ~needed


def _grown(
    client: Any,
    table: Pieces,
    truth: NDArray[np.int64],
    training: NDArray[np.bool_],
    stopping: NDArray[np.bool_],
    parameters: dict[str, Any],
    rounds: int,
) -> Any:
    """Grow trees on some tracks, until others have no use for more."""
    import distributed
    import xgboost.dask

    data = _matrix(client, table, truth, training, parameters["max_bin"])
    evals = []
    if stopping.any():
        part = _matrix(client, table, truth, stopping, parameters["max_bin"], ref=data)
        evals = [(part, "stopping")]
    try:
        grown = xgboost.dask.train(
            client,
            parameters,
            data,
            rounds,
            evals=evals,
            early_stopping_rounds=PATIENCE if evals else None,
            verbose_eval=False,
        )
    except (xgboost.core.XGBoostError, OSError, ValueError, distributed.KilledWorker) as error:
        # A task of XGBoost's that finds itself on another worker is a ValueError.
        message = f"ended while trees were grown ({str(error).splitlines()[0]:.200}); train again"
        raise AnalyseError("workers", message) from error
    booster = grown["booster"]
    if evals:
        booster = booster[: booster.best_iteration + 1]
    # Bundles name their inputs themselves.
    booster.feature_names = None
    return booster


def _matrix(
    client: Any,
    table: Pieces,
    truth: NDArray[np.int64],
    chosen: NDArray[np.bool_],
    max_bin: int,
    ref: Any = None,
) -> Any:
    """Return some tracks as XGBoost takes them, each row where its piece was read."""
    import dask.dataframe
    import xgboost.dask

    weights = _weights(truth, table.rows, chosen)
    parts = [
        client.submit(
            _part,
            piece,
            pd.DataFrame(
                {"label": truth[own], "weight": weights[own]},
                index=table.tracks.tracks.to_numpy(object)[own],
            ),
            table.tracks.columns,
            table.inputs,
            table.categories,
            pure=False,
        )
        for piece, own in _of(table, chosen)
    ]
    _settled(parts, table.pieces[0].path)
    names = [str(place) for place in range(len(table.inputs))]
    meta = pd.DataFrame({name: pd.Series(dtype=np.float32) for name in [*names, "label", "weight"]})
    frame = dask.dataframe.from_delayed(parts, meta=meta, verify_meta=False)
    types = ["float" if own is None else "c" for own in table.categories]
    return xgboost.dask.DaskQuantileDMatrix(
        client,
        frame[names],
        frame["label"],
        weight=frame["weight"],
        feature_types=types,
        enable_categorical=True,
        max_bin=max_bin,
        ref=ref,
    )


def _weights(
    truth: NDArray[np.int64], rows: NDArray[np.int64], chosen: NDArray[np.bool_]
) -> NDArray[np.float32]:
    """Weight the rows of each track as `build.weights` does: tracks alike, and genres alike."""
    sizes = np.maximum(np.bincount(truth[chosen], minlength=int(truth.max()) + 1), 1)
    balanced = 1 / (rows * sizes[truth])
    mean = (balanced * rows)[chosen].sum() / rows[chosen].sum()
    weights: NDArray[np.float32] = (balanced / mean).astype(np.float32)
    return weights


def _of(table: Pieces, chosen: NDArray[np.bool_]) -> Iterator[tuple[Piece, NDArray[np.int64]]]:
    """Yield the pieces that have rows of some tracks, and which."""
    for piece, places in zip(table.pieces, table.places, strict=True):
        own = places[chosen[places]]
        if len(own):
            yield piece, own


def _rows(
    piece: Piece,
    tracks: pd.Index,
    columns: list[str],
    inputs: list[str],
    categories: Categories,
) -> tuple[NDArray[np.object_], NDArray[np.float32]]:
    """Return the rows with sound of some tracks: of which each is, and its inputs."""
    frame = piece.read(["path", *columns])
    frame = frame[frame["path"].isin(tracks) & FeatureTable(frame).has_sound_in(columns)]
    build.finite(frame[inputs], frame["path"], piece.path)
    values = frame[inputs].to_numpy(np.float32)
    return frame["path"].to_numpy(object), coded(values, categories)


def _part(
    piece: Piece,
    known: pd.DataFrame,
    columns: list[str],
    inputs: list[str],
    categories: Categories,
) -> pd.DataFrame:
    """Return the rows of some tracks with their labels and weights."""
    paths, values = _rows(piece, known.index, columns, inputs, categories)
    frame = pd.DataFrame(values, columns=[str(place) for place in range(len(inputs))])
    own = known.reindex(paths).to_numpy(np.float32)
    return frame.assign(label=own[:, 0], weight=own[:, 1])


def _predicted(client: Any, table: Pieces, booster: Any, chosen: NDArray[np.bool_]) -> Run:
    """Return the log-odds of some tracks, which come back piece after piece."""
    tracks = table.tracks
    [model] = client.scatter([bytes(booster.save_raw("ubj"))], broadcast=True)
    paths = tracks.tracks.to_numpy(object)
    asked = [
        client.submit(
            _summed,
            *(piece, pd.Index(paths[own]), tracks.columns, table.inputs, table.categories, model),
            pure=False,
        )
        for piece, own in _of(table, chosen)
    ]
    place = pd.Series(np.arange(len(paths)), paths)
    genres = tracks.labels.nunique()
    sums = np.zeros((len(paths), genres))
    for own, found in _results(client, asked, Path(table.pieces[0].path)):
        # Windows of a track may lie in several pieces.
        sums[place[own].to_numpy()] += found
    means = (sums / table.rows[:, None])[chosen]
    known = pd.DataFrame(
        {"label": tracks.labels[chosen].to_numpy(), "group": tracks.groups[chosen].to_numpy()},
        index=pd.Index(paths[chosen]),
    )
    return Run(known, means, np.zeros_like(means), halves(known["group"]))


def _summed(
    piece: Piece,
    tracks: pd.Index,
    columns: list[str],
    inputs: list[str],
    categories: Categories,
    model: bytes,
) -> tuple[NDArray[np.object_], NDArray[np.float64]]:
    """Return the sums of the log-odds of the rows that a piece has of some tracks."""
    import xgboost

    paths, values = _rows(piece, tracks, columns, inputs, categories)
    # What categories are is in the trees; here they are places already.
    places = [None if own is None else np.arange(len(own), dtype=np.float32) for own in categories]
    booster = xgboost.Booster(model_file=bytearray(model))
    logits, _ = Ensemble(booster, None, places, n_jobs=1).parts(values)
    order, means = pool(logits, paths)
    counts = pd.Series(paths).value_counts().reindex(order).to_numpy()
    return order, means * counts[:, None]


def _settled(asked: Sequence[Any], where: str | Path) -> None:
    """Wait for what was asked of the workers, and pass on what was wrong with it."""
    import distributed

    distributed.wait(asked)
    for future in asked:
        if future.status == "finished":
            continue
        try:
            future.result()
        except EarmarkError:
            raise
        except Exception as error:
            raise AnalyseError(
                "workers",
                f"cannot read their parts of {where} ({error!r:.200}); all must reach it under "
                "this name, have the memory for it, and the same Earmark",
            ) from error


def _results(client: Any, asked: Sequence[Any], where: Path) -> Iterable[Any]:
    """Return what the workers found, in order."""
    _settled(asked, where)
    found: list[Any] = client.gather(asked)
    return found
