"""A table of descriptors becomes a table of genres."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from classify.bundle import Bundle
from extract import schema, sets, tables
from extract.errors import SchemaError

__all__ = ["pool", "predictions"]


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
        Rows of tracks, or of windows, whose probabilities are averaged over a track.
    about : dict, optional
        What the table says of itself (`extract.tables.read`).
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
        The table has other columns than the model was trained on, or other settings made it.
    """
    about = about or {}
    remedy = (
        f"Make the table with `earmark extract --set {bundle.set_name}` of the "
        "version of Earmark that trained the model, or train the model again"
        if bundle.set
        else "Train the model again on a table with these columns"
    )
    given = sets.needed(bundle.set, tables.feature_columns(table, about))
    schema.check(bundle.columns, given, where, remedy + ".")
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
    paths = table["path"] if "path" in table else pd.Series(table.index.astype(str))
    described = tables.described(table, bundle.columns).to_numpy()
    order, probabilities = pool(bundle.probabilities(table[described]), paths.to_numpy()[described])
    top = max(1, min(top, len(bundle.genres)))
    ranks = np.argsort(-probabilities, axis=1, kind="stable")[:, :top]
    genres = np.asarray(bundle.genres, object)[ranks]
    chances = np.take_along_axis(probabilities, ranks, axis=1)
    columns: dict[str, object] = {}
    for rank in range(top):
        suffix = "" if rank == 0 else f"_{rank + 1}"
        columns[f"genre{suffix}"] = pd.Series(genres[:, rank], order, dtype="str")
        columns[f"probability{suffix}"] = pd.Series(chances[:, rank], order, dtype="float32")
    found = pd.DataFrame(columns).reindex(paths.drop_duplicates())
    return found.rename_axis("path").reset_index()


def pool(
    probabilities: NDArray[np.floating], tracks: NDArray[np.object_]
) -> tuple[NDArray[np.object_], NDArray[np.floating]]:
    """Average the probabilities of the windows of each track.

    Returns
    -------
    tracks : ndarray of shape (tracks,)
        Each track once, in the order in which they first occur.
    probabilities : ndarray of shape (tracks, genres)
        The means.
    """
    codes, unique = pd.factorize(tracks)
    sums = np.zeros((len(unique), probabilities.shape[1]))
    np.add.at(sums, codes, probabilities)
    return unique, sums / np.maximum(np.bincount(codes, minlength=len(unique)), 1)[:, None]
