"""A table and labels become a data set: features, genre, group and track of every row."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import pandas as pd

from extract import schema, sets, tables
from extract.config import DEFAULTS
from extract.errors import LabelError
from extract.files import find

__all__ = ["FILE_DESCRIPTORS", "Dataset", "build", "weights", "without"]

FILE_DESCRIPTORS = ("duration_ms", "length", "loudness", "true_peak")
"""What says more about the file (an excerpt, a mastering) than about the music in it."""

KEY_COLUMNS = ("path", "file", "filename")

_STATISTICS = "mean|std|var|median|min|max|skew|kurtosis|confidence"
"""What may follow the name of a descriptor in that of a column, beside numbers."""


@dataclass(frozen=True)
class Dataset:
    """What a model is trained on.

    Parameters
    ----------
    features : DataFrame of shape (rows, inputs)
        What is learned from; rows are tracks or windows of tracks.
    labels : Series of shape (rows,)
        The genre of each row.
    groups : Series of shape (rows,)
        What must stay on one side of a split: the artist, else the track's audio.
    tracks : Series of shape (rows,)
        The path of each row's track.
    columns : list of str
        All descriptors of the table, in order, also those that are not learned from.
    about : dict
        What the table says of itself.
    notes : list of str
        What was left out, for the user to read.
    grouped_by : {"artist", "track"}
        What the groups are: artists, or nothing but the recordings themselves.
    """

    features: pd.DataFrame
    labels: pd.Series
    groups: pd.Series
    tracks: pd.Series
    columns: list[str]
    about: dict[str, Any]
    notes: list[str] = field(default_factory=list)
    grouped_by: str = "artist"

    def per_track(self) -> pd.DataFrame:
        """Return one row per track with ``track``, ``label`` and ``group``."""
        rows = pd.DataFrame({"track": self.tracks, "label": self.labels, "group": self.groups})
        return rows.drop_duplicates("track").reset_index(drop=True)


def build(
    table: str | Path,
    labels: str | None = None,
    *,
    label: str = "genre",
    group: str | None = None,
    ignore: Sequence[str] | None = None,
    ignore_unknown: bool = False,
    audio: str | Path | None = None,
) -> Dataset:
    """Join a feature table with its labels.

    Parameters
    ----------
    table : str or Path
        A feature table.
    labels : str, optional
        A CSV with a column ``path``, ``file`` or ``filename``; ``"folders"`` for the name of the
        folder that a file lies in; ``"tags"`` for the genre in the files' own tags; None where
        the table itself has the column.
    label : str
        Name of the column with the genre.
    group : str, optional
        Name of the column that never crosses a split. By default ``artist`` where there is one.
    ignore : sequence of str, optional
        Descriptors that are not learned from, by name: ``chroma`` stands for all its columns. By
        default `FILE_DESCRIPTORS` in a table that Earmark extracted.
    ignore_unknown : bool
        Pass over labels of tracks that the table does not have.
    audio : str or Path, optional
        With ``"tags"``: the folder that the table was extracted from.

    Raises
    ------
    SchemaError
        The table cannot be read.
    LabelError
        The labels do not fit the table, or are too few to learn from.
    """
    frame, about = tables.read(table)
    about = about or _recognise(frame)
    if "path" not in frame:
        frame.insert(0, "path", [f"row {index}" for index in range(len(frame))])
    paths = frame["path"].drop_duplicates().astype(str)
    if labels is None:
        known = _from_table(frame, label, group, table)
    elif labels == "folders":
        known = _from_folders(paths)
    elif labels == "tags":
        known = _from_tags(paths, audio)
    else:
        known = _from_csv(labels, paths, _failed(table), label, group, ignore_unknown)

    notes = []
    labelled = frame["path"].map(known["label"])
    unlabelled = int(paths.map(known["label"]).isna().sum())
    if unlabelled:
        notes.append(f"{unlabelled} of {len(paths)} tracks have no label and were left out")
    given = tables.feature_columns(frame, about)
    columns = [name for name in sets.needed(about.get("set"), given) if name not in (label, group)]
    tables.check_scales(about.get("set"), frame, str(table))
    known_to_set = (*about.get("columns", given), label, group)
    foreign = [name for name in tables.feature_columns(frame, {}) if name not in known_to_set]
    if foreign:
        notes.append(f"not learned from, since the set has no such columns: {', '.join(foreign)}")
    if not columns:
        raise LabelError(f"{table}: has no numeric columns to learn from")
    if ignore is None:
        known_to_us = FILE_DESCRIPTORS if about.get("set") else ()
        ignore = [name for name in known_to_us if name in columns]
    inputs = without(columns, ignore)
    described = tables.described(frame, columns)
    silent = frame.loc[labelled.notna(), "path"].nunique() - (
        frame.loc[labelled.notna() & described, "path"].nunique()
    )
    if silent:
        notes.append(f"{silent} labelled tracks are silent or too short and were left out")
    used = frame[labelled.notna() & described].reset_index(drop=True)
    # The same numbers to the last digit are the same recording: Spotify's table has it once for
    # each of its genres and albums.
    same = pd.Series(pd.util.hash_pandas_object(used[inputs], index=False), used.index)
    own = used.get("sha256", same).astype(str)
    groups = used["path"].map(known["group"]).fillna(own).astype(str)
    dataset = Dataset(
        features=used[inputs],
        labels=used["path"].map(known["label"]).astype(str),
        groups=groups,
        tracks=used["path"],
        columns=columns,
        about=about,
        notes=notes,
        grouped_by="artist" if known["group"].notna().any() else "track",
    )
    _check(dataset)
    return dataset


def without(columns: Sequence[str], ignored: Sequence[str]) -> list[str]:
    """Return the columns but those of the ignored descriptors.

    Raises
    ------
    LabelError
        A name fits no column, or none is left.
    """

    def belongs(column: str, name: str) -> bool:
        return re.fullmatch(rf"{re.escape(name)}(_(\d+|{_STATISTICS}))*", column) is not None

    for name in ignored:
        if not any(belongs(column, name) for column in columns):
            raise LabelError(f"no column is of a descriptor {name!r} that could be ignored")
    kept = [column for column in columns if not any(belongs(column, name) for name in ignored)]
    if not kept:
        raise LabelError("every column is ignored: nothing is left to learn from")
    return kept


def _recognise(frame: pd.DataFrame) -> dict[str, Any]:
    """Say of a table without metadata, such as CSV, which feature set it holds, if any.

    It counts as extracted with the default settings: CSV has no place to say otherwise.
    """
    names = tables.feature_columns(frame, {})
    in_windows = {"start", "seconds"} <= set(frame)
    windows = round(float(frame["seconds"].median()), 2) if in_windows else None
    for name in sets.SETS:
        known = schema.of(name, DEFAULTS, windows)
        if set(sets.needed(name, known.names)) <= set(names):
            return tables.metadata(known)
    return {}


def _known(paths: Any, labels: Any, groups: Any = None) -> pd.DataFrame:
    """Lay labels and groups by path; blank ones are missing."""
    known = pd.DataFrame({"path": paths, "label": labels, "group": groups}).astype("object")
    return known.set_index("path").map(lambda value: str(value).strip() or None, na_action="ignore")


def _from_table(
    frame: pd.DataFrame, label: str, group: str | None, where: str | Path
) -> pd.DataFrame:
    if label not in frame:
        raise LabelError(
            f"{where}: has no column {label!r}; name a CSV of labels (--labels), or the column "
            f"(--label) if it is called otherwise"
        )
    group = _group_column(list(frame.columns), group, str(where))
    return _known(frame["path"], frame[label], frame[group] if group else None).pipe(
        lambda known: known[~known.index.duplicated()]
    )


def _from_folders(paths: pd.Series) -> pd.DataFrame:
    folders = [PurePosixPath(path).parent.name for path in paths]
    if not any(folders):
        raise LabelError(
            "the paths of the table have no folders to take the genre from: extract the folder "
            "above (`earmark extract music`, not `earmark extract music/*`)"
        )
    return _known(paths.to_numpy(), folders)


def _from_tags(paths: pd.Series, audio: str | Path | None) -> pd.DataFrame:
    if audio is None:
        raise LabelError("--labels tags reads the files again: name their folder with --audio")
    try:
        import mutagen
    except ImportError:
        raise LabelError(
            "reading tags needs mutagen; install it with: pip install 'earmark[tags]'"
        ) from None
    found, failures = find([audio])
    if failures and not found:
        raise failures[0]
    locations = {track.path: track.location for track in found}
    rows = []
    for path in paths:
        try:
            tags = mutagen.File(locations[path], easy=True) if path in locations else None
        except mutagen.MutagenError:
            tags = None
        values = dict(tags or {})
        rows.append(
            (path, *(next(iter(values.get(key) or []), None) for key in ("genre", "artist")))
        )
    known = _known(*zip(*rows, strict=True))
    if known["label"].isna().all():
        raise LabelError(f"{audio}: none of its files has a genre in its tags")
    return known


def _failed(table: str | Path) -> set[str]:
    """Return the paths that could not be analysed, from the failures table beside a table."""
    path = tables.failures_path(Path(table))
    return set(tables.read(path)[0]["path"]) if tables.kind_of(path) == "failures" else set()


def _from_csv(
    path: str,
    paths: pd.Series,
    failed: set[str],
    label: str,
    group: str | None,
    ignore_unknown: bool,
) -> pd.DataFrame:
    given = _read_labels(path)
    label, group = label.strip().lower(), group.strip().lower() if group else None
    key = next((name for name in KEY_COLUMNS if name in given), None)
    if key is None:
        raise LabelError(
            f"{path}: has no column {', '.join(KEY_COLUMNS[:-1])} or {KEY_COLUMNS[-1]} that names "
            f"the tracks; rename one of {', '.join(map(repr, given.columns[:8]))}"
        )
    if label not in given:
        raise LabelError(
            f"{path}: has no column {label!r}; name the column of the genre with --label; it has "
            f"{', '.join(map(repr, given.columns[:8]))}"
        )
    group = _group_column(list(given.columns), group, path)
    given = given[given[key].notna() & given[label].notna()]
    by_name = pd.Series([PurePosixPath(own).name for own in paths], index=paths.to_numpy())
    unique = by_name[~by_name.duplicated(keep=False)]
    path_of_name = dict(zip(unique, unique.index, strict=True))
    known_paths = set(paths)

    def match(named: str) -> str | None:
        named = named.replace("\\", "/").removeprefix("./")
        return named if named in known_paths else path_of_name.get(PurePosixPath(named).name)

    matched = given[key].map(match)
    broken_names = {PurePosixPath(own).name for own in failed}
    unknown = [
        name
        for name, own in zip(given[key], matched, strict=True)
        if pd.isna(own) and PurePosixPath(name.replace("\\", "/")).name not in broken_names
    ]
    found = matched.notna()
    if not found.any():
        raise LabelError(
            f"{path}: none of its {len(given)} tracks is in the table; it says "
            f"{given[key].iloc[0]!r} where the table says {paths.iloc[0]!r}"
            if len(given)
            else f"{path}: has no row with both a {key} and a {label}"
        )
    if unknown and not ignore_unknown:
        raise LabelError(
            f"{path}: names {len(unknown)} tracks that are not in the table: "
            f"{', '.join(unknown[:5])}{', …' if len(unknown) > 5 else ''}. Extract them too, or "
            "pass over them with --ignore-unknown"
        )
    known = _known(
        matched[found], given.loc[found, label], given.loc[found, group] if group else None
    )
    clashing = known.groupby(level=0)["label"].nunique()
    clashing = clashing[clashing > 1]
    if len(clashing):
        raise LabelError(
            f"{path}: gives more than one {label} for {', '.join(map(str, clashing.index[:5]))}"
        )
    return known[~known.index.duplicated()]


def _read_labels(path: str) -> pd.DataFrame:
    """Read a CSV as people save it: commas, semicolons or tabs, and any case in the header."""
    try:
        with Path(path).open(encoding="utf-8-sig") as lines:
            header = lines.readline()
        separator = max(",;\t", key=header.count)
        given = pd.read_csv(path, sep=separator, dtype=str, encoding="utf-8-sig")
    except FileNotFoundError:
        raise LabelError(f"{path}: does not exist; check the spelling") from None
    except UnicodeDecodeError as error:
        raise LabelError(f"{path}: is not in UTF-8; save it as CSV in UTF-8") from error
    except (OSError, ValueError) as error:
        raise LabelError(f"{path}: cannot be read as CSV: {error}") from error
    return given.rename(columns=lambda name: str(name).strip().lower())


def _group_column(columns: list[str], group: str | None, where: str) -> str | None:
    if group is not None and group not in columns:
        raise LabelError(
            f"{where}: has no column {group!r} to group by; it has {', '.join(columns[:8])}"
        )
    return group or ("artist" if "artist" in columns else None)


def _check(dataset: Dataset) -> None:
    """Refuse what nothing honest can be learned from."""
    per_track = dataset.per_track()
    counts = per_track["label"].value_counts()
    if not len(counts):
        raise LabelError("no track of the table has a label")
    if len(counts) == 1:
        raise LabelError(
            f"all {counts.iloc[0]} labelled tracks are {counts.index[0]!r}; a classifier needs at "
            "least two genres"
        )
    single = sorted(counts[counts < 2].index)
    if single:
        raise LabelError(
            f"only one track each of {', '.join(single[:5])}{', …' if len(single) > 5 else ''}: "
            "one cannot be learned from and tested on; add tracks or leave the genre out"
        )
    if dataset.grouped_by == "track" or per_track["group"].nunique() == len(per_track):
        dataset.notes.append(
            "no artists are known, or none has two tracks: where tracks of one artist or album "
            "are on both sides, the numbers are too high"
        )
    if per_track["group"].nunique() < 2:
        raise LabelError("all tracks belong to one group (artist); nothing honest can be measured")
    artists = per_track.groupby("label")["group"].nunique()
    alone = sorted(artists[artists < 2].index)
    if alone:
        dataset.notes.append(
            f"all tracks of {', '.join(alone)} are by one artist: in the cross-validation none can "
            "be recognised"
        )


def weights(dataset: Dataset) -> np.ndarray:
    """Weight rows so that every track of a genre, and every genre, counts the same in total."""
    per_row = 1 / dataset.tracks.map(dataset.tracks.value_counts()).to_numpy(float)
    totals = pd.Series(per_row).groupby(dataset.labels.to_numpy()).transform("sum").to_numpy()
    balanced = per_row / totals
    return balanced / balanced.mean()
