"""A table and labels become a data set: features, genre, group and track of every row."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import pandas as pd

from earmark.classify.dataset import genres
from earmark.classify.dataset import groups as grouping
from earmark.classify.dataset import labels as labelling
from earmark.classify.dataset.duplicates import KINDS, Duplicates, find
from earmark.classify.dataset.inputs import (
    FILE_DESCRIPTORS,
    SPOTIFY_EXTRAS,
    STATISTICS,
    finite,
    flags,
    learned_from,
    without,
)
from earmark.classify.dataset.pooling import CATEGORIES
from earmark.extract import tables
from earmark.extract.errors import LabelError
from earmark.extract.feature_table import names_of_rows

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from earmark.extract.feature_table import FeatureTable

__all__ = [
    "CATEGORIES",
    "FILE_DESCRIPTORS",
    "SPOTIFY_EXTRAS",
    "STATISTICS",
    "Dataset",
    "build",
    "check",
    "finite",
    "flags",
    "grouped",
    "learnable",
    "learned_from",
    "noticed",
    "one_line",
    "weights",
    "without",
]


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
        What must stay on one side of a split: the artist, else the album, else the recording,
        joined where tracks are doubles of one another.
    tracks : Series of shape (rows,)
        The path of each row's track.
    columns : list of str
        All descriptors of the table, in order, also those that are not learned from.
    about : dict
        What the table says of itself.
    notes : list of str
        What was left out, for the user to read.
    grouped_by : str
        What the groups are: ``"artist"``, ``"album"``, ``"track"`` for nothing but the recordings
        themselves, or the name of the column that was asked for.
    keys : Series of shape (rows,)
        As `groups`, but doubles are not joined; by default the groups.
    split : Series of shape (rows,), optional
        The published fold of each row, missing where it has none.
    duplicates : Duplicates, optional
        The tracks that are there more than once; None where nobody looked.
    ignored : DataFrame of shape (rows, columns), optional
        The descriptors that are not learned from.
    """

    features: pd.DataFrame
    labels: pd.Series
    groups: pd.Series
    tracks: pd.Series
    columns: list[str]
    about: dict[str, Any]
    notes: list[str] = field(default_factory=list)
    grouped_by: str = "artist"
    keys: pd.Series = None  # type: ignore[assignment]
    split: pd.Series | None = None
    duplicates: Duplicates | None = None
    ignored: pd.DataFrame | None = None

    def __post_init__(self) -> None:
        if self.keys is None:
            object.__setattr__(self, "keys", self.groups)

    @property
    def categorical(self) -> list[str]:
        """The inputs that are categories."""
        return [name for name in CATEGORIES if name in self.features]

    def subset(self, rows: NDArray[Any]) -> Dataset:
        """Return some rows, by position or as a mask; of doubles nothing is known there."""
        parts = {
            name: getattr(self, name).iloc[rows].reset_index(drop=True)
            for name in ("features", "labels", "groups", "tracks", "keys", "split", "ignored")
            if getattr(self, name) is not None
        }
        return replace(self, **parts, duplicates=None)

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
    split: str | None = None,
    ignore: Sequence[str] | None = None,
    use: Sequence[str] = (),
    keep_all: bool = False,
    ignore_unknown: bool = False,
    audio: str | Path | None = None,
    genre_list: genres.Rule = "first",
    spelled: Iterable[str] = (),
) -> Dataset:
    """Join a feature table with its labels.

    Parameters
    ----------
    table : str or Path
        A feature table. Without ``path``, a column ``file``, ``filename``, ``track``, ``track_id``
        or ``id`` names its rows, if it names each once.
    labels : str, optional
        A CSV with a column of one of these names; ``"folders"`` for the name of the folder that a
        file lies in; ``"tags"`` for the genre in the files' own tags; None where the table itself
        has the column.
    label : str
        Name of the column with the genre.
    group : str, optional
        Name of the column that never crosses a split. By default the artist, else the album.
    split : str, optional
        Name of the column with the published fold of each track, in the labels or the table.
    ignore : sequence of str, optional
        Descriptors that are not learned from, by name: ``chroma`` stands for all its columns. In a
        table that Earmark extracted, those of `FILE_DESCRIPTORS` come on top.
    use : sequence of str
        Which of those that are left out by default are learned from all the same.
    keep_all : bool
        Leave out nothing by default: for the test of a model, which knows what it looks at.
    ignore_unknown : bool
        Pass over labels of tracks that the table does not have.
    audio : str or Path, optional
        With ``"tags"``: the folder that the table was extracted from.
    genre_list : {"first", "last", "whole"}
        Which genre counts of a list such as ``Rock; Pop``; the whole may be one name.
    spelled : iterable of str
        Genres whose spelling is taken, such as those of a model; by default the commonest is.

    Raises
    ------
    SchemaError
        The table cannot be read.
    LabelError
        The labels do not fit the table, or are too few to learn from; or a name in `ignore` or
        `use` fits no descriptor.
    """
    source = tables.read(table).recognised()
    frame, about = source.frame, dict(source.provenance)
    if "path" not in frame:
        frame = pd.concat(
            [pd.Series(names_of_rows(frame), frame.index, name="path"), frame], axis=1
        )
    if "explicit" in frame:
        frame["explicit"] = flags(frame["explicit"])
    frame["path"] = source.with_frame(frame).paths
    known, notes = labelling.read(
        *(frame, table, labels),
        label=label,
        group=group,
        split=split,
        ignore_unknown=ignore_unknown,
        audio=audio,
        genre_list=genre_list,
        spelled=spelled,
    )
    labelled = frame["path"].map(known["label"])
    tables.check_scales(about.get("set"), frame, str(table))
    source = source.with_frame(frame)
    columns, inputs = learned_from(
        source, (label, group, split), notes, ignore=ignore or (), use=use, keep_all=keep_all
    )
    used, labelled = learnable(source, labelled, columns, notes)
    finite(used[inputs], used["path"], str(table))
    duplicates = find(
        *(used[columns], used["path"], used.get("sha256"), about, used.get("seconds")),
        inputs=inputs,
    )
    of_track = known.reindex(duplicates.tracks)
    keys, groups, grouped_by = grouped(of_track, group, duplicates)
    notes += noticed(of_track, group, duplicates)
    rows = pd.factorize(used["path"])[0]
    dataset = Dataset(
        features=used[inputs],
        labels=labelled.map(one_line),
        groups=pd.Series(groups[rows], dtype=str),
        tracks=used["path"],
        columns=columns,
        about=about,
        notes=notes,
        grouped_by=grouped_by,
        keys=pd.Series(keys[rows], dtype=str),
        split=None if split is None else used["path"].map(known["split"]),
        duplicates=duplicates,
        ignored=used[[name for name in columns if name not in inputs]],
    )
    extras = [name for name in SPOTIFY_EXTRAS if name in inputs and about.get("set")]
    if extras:
        notes.append(
            f"audio files have no {' and no '.join(extras)}: a model that is to classify them is "
            f"more often right when trained with --ignore {','.join(extras)}"
        )
    unsplit = 0 if split is None else int(of_track["split"].isna().sum())
    if unsplit:
        notes.append(
            f"{unsplit} of {len(of_track)} tracks have no published fold: they are in neither part"
        )
    check(dataset)
    return dataset


def learnable(
    source: FeatureTable, labelled: pd.Series, columns: list[str], notes: list[str]
) -> tuple[pd.DataFrame, pd.Series]:
    """Return the rows that have a label and sound, of genres with more than one track."""
    frame, described = source.frame, source.has_sound_in(columns)
    count = frame["path"].nunique()
    unlabelled = count - frame.loc[labelled.notna(), "path"].nunique()
    if unlabelled:
        notes.append(f"{unlabelled} of {count} tracks have no label and were left out")
    silent = frame.loc[labelled.notna(), "path"].nunique() - (
        frame.loc[labelled.notna() & described, "path"].nunique()
    )
    if silent:
        notes.append(f"{silent} labelled tracks are silent or too short and were left out")
    chosen = labelled.notna() & described
    used, labelled = frame[chosen].reset_index(drop=True), labelled[chosen].reset_index(drop=True)
    if not len(used):
        raise LabelError("no track of the table has a label")
    of_track = labelled[~used["path"].duplicated()].value_counts()
    alone = sorted(of_track.index[of_track < 2].astype(str))
    if alone and (of_track >= 2).sum() >= 2:
        notes.append(
            f"left out, with one track each, which cannot be learned from and tested on: "
            f"{', '.join(alone[:5])}{', …' if len(alone) > 5 else ''}"
        )
        kept = ~labelled.astype(str).isin(alone)
        used, labelled = used[kept].reset_index(drop=True), labelled[kept].reset_index(drop=True)
    return used, labelled


def grouped(
    of_track: pd.DataFrame, group: str | None, duplicates: Duplicates
) -> tuple[NDArray[np.object_], NDArray[np.object_], str]:
    """Return key and group of each track (see `grouping.joined`), and what the groups are."""
    if group is not None:
        return *grouping.joined(of_track["group"].tolist(), None, duplicates), group
    artists, albums = of_track["artist"].tolist(), of_track["album"].tolist()
    return *grouping.joined(artists, albums, duplicates), grouping.what(artists, albums)


def noticed(of_track: pd.DataFrame, group: str | None, duplicates: Duplicates) -> list[str]:
    """Say which tracks are there more than once, and of how many nobody knows whose they are."""
    notes = _duplicates(duplicates, of_track["label"].tolist())
    nameless = of_track["artist"].isna() & of_track["album"].isna()
    count = int(nameless.sum()) if group is None else 0
    if 0 < count < len(of_track):
        notes.append(
            f"{count} of {len(of_track)} tracks have no artist and no album: where one artist made "
            "several of them, the numbers are too high"
        )
    return notes


def one_line(label: object) -> str:
    """Return a genre without line breaks and other signs that steer."""
    text = str(label)
    if not text.isprintable():
        text = "".join(sign if sign.isprintable() else " " for sign in text)
    return " ".join(text.split())


def _duplicates(duplicates: Duplicates, labels: list[str]) -> list[str]:
    """Say which tracks are there more than once."""
    notes = [
        f"{count} tracks are there more than once ({KINDS[kind]}), such as "
        f"{' and '.join(duplicates.examples(kind)[0])}; no split but a published one parts them"
        for kind, count in duplicates.counts().items()
        # Files that are the same have the same numbers: that is said once.
        if count and not (kind == "features" and count == duplicates.counts()["file"])
    ]
    disagreeing = duplicates.disagreements(labels)
    if disagreeing:
        notes.append(
            f"{disagreeing} recordings that are there more than once stand under more than one "
            "genre"
        )
    return notes


def check(dataset: Dataset) -> None:
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
    owners = per_track["group"].nunique()
    if dataset.grouped_by == "track" or owners == len(per_track):
        dataset.notes.append(
            "no artists are known, or none has two tracks: where tracks of one artist or album "
            "are on both sides, the numbers are too high"
        )
    if owners < 2:
        raise LabelError("all tracks belong to one group (artist); nothing honest can be measured")
    artists = per_track.groupby("label")["group"].nunique()
    alone = sorted(artists[artists < 2].index)
    if alone:
        dataset.notes.append(
            f"all tracks of {', '.join(alone)} are by one artist: in the cross-validation none can "
            "be recognised"
        )


def weights(dataset: Dataset) -> NDArray[np.float64]:
    """Weight rows so that every track of a genre, and every genre, counts the same in total."""
    per_row = 1 / dataset.tracks.map(dataset.tracks.value_counts()).to_numpy(float)
    totals = pd.Series(per_row).groupby(dataset.labels.to_numpy()).transform("sum").to_numpy()
    balanced = per_row / totals
    row_weights: NDArray[np.float64] = balanced / balanced.mean()
    return row_weights
