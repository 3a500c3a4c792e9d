"""A table of descriptors becomes a table of genres."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from earmark.classify.dataset.build import finite, flags
from earmark.classify.model.ensemble import softmax
from earmark.extract import config, sets, tables
from earmark.extract.batch.track import Extraction
from earmark.extract.errors import BundleError, SchemaError
from earmark.extract.feature_table import FeatureTable

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from earmark.classify.model.bundle import Bundle

__all__ = ["audible", "check", "extraction_of", "pool", "predictions", "track_logits"]


def predictions(
    bundle: Bundle,
    table: pd.DataFrame | FeatureTable,
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
    table : DataFrame or FeatureTable
        Rows of tracks, or of windows, whose log-odds are averaged over a track.
    about : dict, optional
        Its provenance, where the table does not carry it.
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
    table = FeatureTable.of(table, where, about)
    logits = track_logits(bundle, table)
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
    paths = table.paths.drop_duplicates()
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


def check(
    bundle: Bundle,
    table: pd.DataFrame | FeatureTable,
    about: dict[str, Any] | None = None,
    where: str = "the table",
) -> None:
    """Refuse a table whose values are not those that the model was trained on.

    A model asks for the columns that it looks at and can't do without, in the version that it
    knows, and for nothing else. The parameters are those of `predictions`.

    Raises
    ------
    SchemaError
        A column is missing or of another version, or other settings made the table.
    """
    table = FeatureTable.of(table, where, about)
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
    return (
        f"Make the table with `earmark extract --set {bundle.set_name}` of the version of Earmark "
        "that trained the model, or train the model again."
    )


def track_logits(
    bundle: Bundle,
    table: pd.DataFrame | FeatureTable,
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
    table: pd.DataFrame | FeatureTable,
    *,
    about: dict[str, Any] | None = None,
    where: str = "the table",
) -> tuple[pd.DataFrame, NDArray[np.object_]]:
    """Check a table and return the inputs of the rows that have sound, and the track of each.

    Parameters and errors are those of `predictions`.
    """
    table = FeatureTable.of(table, where, about)
    check(bundle, table)
    frame, paths = table.frame, table.paths
    chosen = table.has_sound_in(bundle.columns).to_numpy()
    features = frame.loc[chosen, [name for name in bundle.inputs if name in frame]]
    if "explicit" in features:
        features = features.assign(explicit=flags(features["explicit"]))
    finite(features, paths[chosen], table.source)
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
