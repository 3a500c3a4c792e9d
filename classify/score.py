"""A table of descriptors becomes a table of genres."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from earmark.classify.dataset.build import finite, flags, row_names
from earmark.classify.model.ensemble import softmax
from earmark.extract import config, schema, sets, tables
from earmark.extract.batch.track import Extraction
from earmark.extract.errors import BundleError, SchemaError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from earmark.classify.model.bundle import Bundle

__all__ = ["audible", "check", "extraction_of", "paths_of", "pool", "predictions", "track_logits"]


def predictions(
    bundle: Bundle,
    table: pd.DataFrame,
    *,
    about: dict[str, Any] | None = None,
    where: str = "the table",
    top: int = 3,
) -> pd.DataFrame:
    """Predict the genre of every track of a table.

    Parameters
    ----------
    bundle : Bundle
        The model.
    table : DataFrame
        Rows of tracks, or of windows, whose log-odds are averaged over a track.
    about : dict, optional
        What the table says of itself (`earmark.extract.tables.read`).
    where : str
        What to call the table in an error.
    top : int
        How many genres to name.

    Returns
    -------
    DataFrame
        ``path``, ``genre``, ``probability``, ``genre_2``, ``probability_2`` …, a row per track. A
        track without sound has no genre: its cells are missing.

    Raises
    ------
    SchemaError
        The table has other columns than the model was trained on, other settings made it, or a row
        has no path.
    """
    logits = track_logits(bundle, table, about=about, where=where)
    order, probabilities = logits.index, softmax(logits.to_numpy())
    top = max(1, min(top, len(bundle.genres)))
    ranks = np.argsort(-probabilities, axis=1, kind="stable")[:, :top]
    genres = np.asarray(bundle.genres, object)[ranks]
    chances = np.take_along_axis(probabilities, ranks, axis=1)
    columns: dict[str, object] = {}
    for rank in range(top):
        suffix = "" if rank == 0 else f"_{rank + 1}"
        columns[f"genre{suffix}"] = pd.Series(genres[:, rank], order, dtype="str")
        columns[f"probability{suffix}"] = pd.Series(chances[:, rank], order, dtype="float32")
    paths = paths_of(table, where).drop_duplicates()
    return pd.DataFrame(columns).reindex(paths).rename_axis("path").reset_index()


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


def check(bundle: Bundle, table: pd.DataFrame, about: dict[str, Any] | None, where: str) -> None:
    """Refuse a table that was not made like the one that the model was trained on.

    Raises
    ------
    SchemaError
        It has other columns, or other settings made it.
    """
    about = about or {}
    remedy = (
        f"Make the table with `earmark extract --set {bundle.set_name}` of the "
        "version of Earmark that trained the model, or train the model again"
        if bundle.set
        else "Train the model again on a table with these columns"
    )
    given = sets.needed(bundle.set, tables.feature_columns(table, about))
    if not bundle.set and set(bundle.columns) <= set(table.columns):
        # Somebody else's table may hold more: labels, names, splits.
        given = [str(name) for name in table.columns if name in set(bundle.columns)]
    # What a model can do without is asked for nowhere.
    needed = [name for name in bundle.columns if name not in bundle.stand_ins]
    given = [name for name in given if name not in bundle.stand_ins]
    schema.check(needed, given, where, remedy + ".")
    tables.check_scales(bundle.set, table, where)
    theirs = about.get("fingerprint")
    if theirs and bundle.fingerprint and theirs != bundle.fingerprint:
        others = [
            f"{name} {value} (the model has {bundle.settings.get(name)})"
            for name, value in about.get("settings", {}).items()
            if value != bundle.settings.get(name)
        ]
        if about.get("set") not in (None, bundle.set):
            others = [f"set {about['set']} (the model has {bundle.set})"]
        elif others:
            remedy = "Extract again with the model's settings, or train on this table"
        raise SchemaError(
            f"{where} was not extracted like the table that the model was trained on: "
            f"{', '.join(others) or f'other versions ({theirs}, not {bundle.fingerprint})'}. "
            f"{remedy}."
        )


def paths_of(table: pd.DataFrame, where: str | Path = "the table") -> pd.Series:
    """Return the track that each row is of; in a table without paths, whatever names its rows.

    Parameters
    ----------
    table : DataFrame
        Its paths may also be numbers.
    where : str or Path
        What to call the table in an error.

    Raises
    ------
    SchemaError
        A path is missing.
    """
    if "path" in table:
        missing = table["path"].isna()
        if missing.any():
            raise SchemaError(
                f"{where}: {int(missing.sum())} of its {len(table)} rows have no path, the first "
                f"of them row {int(missing.argmax()) + 1}; name their tracks, or leave them out"
            )
        return table["path"].astype(str)
    if isinstance(table.index, pd.RangeIndex):
        return pd.Series(row_names(table), table.index)
    return pd.Series(table.index.astype(str), table.index)


def track_logits(
    bundle: Bundle,
    table: pd.DataFrame,
    *,
    about: dict[str, Any] | None = None,
    where: str = "the table",
) -> pd.DataFrame:
    """Return the log-odds of each genre (columns) for each track that has sound (rows).

    Parameters and errors are those of `predictions`.
    """
    features, paths = audible(bundle, table, about=about, where=where)
    order, logits = pool(bundle.logits(features), paths)
    return pd.DataFrame(logits, index=order, columns=bundle.genres)


def audible(
    bundle: Bundle,
    table: pd.DataFrame,
    *,
    about: dict[str, Any] | None = None,
    where: str = "the table",
) -> tuple[pd.DataFrame, NDArray[np.object_]]:
    """Check a table and return the inputs of the rows that have sound, and the track of each.

    Parameters and errors are those of `predictions`.
    """
    check(bundle, table, about, where)
    present = [name for name in bundle.columns if name in table]
    chosen = tables.described(table, present).to_numpy()
    features = table.loc[chosen, [name for name in bundle.inputs if name in table]]
    if "explicit" in features:
        features = features.assign(explicit=flags(features["explicit"]))
    paths = paths_of(table, where)
    finite(features, paths[chosen], where)
    return features, paths.to_numpy(object)[chosen]


def pool(
    values: NDArray[np.floating], tracks: NDArray[np.object_]
) -> tuple[NDArray[np.object_], NDArray[np.float64]]:
    """Average what is known of the windows of each track, such as their log-odds.

    Returns
    -------
    tracks : ndarray of shape (tracks,)
        Each track once, in the order in which they first occur.
    means : ndarray of shape (tracks, ...)
        Of the first axis of `values`.
    """
    codes, unique = pd.factorize(tracks)
    sums = np.zeros((len(unique), *values.shape[1:]))
    np.add.at(sums, codes, values)
    counts = np.maximum(np.bincount(codes, minlength=len(unique)), 1)
    means: NDArray[np.float64] = sums / counts.reshape(-1, *(1,) * (values.ndim - 1))
    return unique, means
