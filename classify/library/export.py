"""A table of tracks for other programs: a database, or a file for each track."""

from __future__ import annotations

import json
import math
import re
import sqlite3
from contextlib import closing
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from earmark.classify import reasons, sound_tags
from earmark.classify.dataset import labels
from earmark.classify.library import columns
from earmark.classify.library.places import filename
from earmark.extract import sets, tables
from earmark.extract.errors import WriteError
from earmark.extract.key_names import key_name
from earmark.version import __version__

if TYPE_CHECKING:
    from collections.abc import Mapping

    from earmark.extract.feature_table import FeatureTable

__all__ = ["acousticbrainz", "acousticbrainz_files", "sqlite"]

WORDS = ("path", "sha256", "genre", "probability", "artist", "title", "album", "year")
"""What stands in the table of tracks, beside what follows from the descriptors."""

SQLITE = b"SQLite format 3\x00"

APPLICATION = 0x4541524D
"""What marks a database as one of Earmark's ("EARM"): only those are replaced."""

PART = re.compile(r"(?P<name>.+?)(?:_(?P<index>\d+))?_(?P<statistic>mean|std)")

STATISTICS = {"mean": "mean", "std": "stdev"}

LEVELS = {"rhythm": "rhythm", "harmony": "tonal"}
"""Where AcousticBrainz has a family of descriptors; the others are low level."""


def sqlite(tracks: pd.DataFrame, source: FeatureTable, path: Path) -> int:
    """Write tracks as a database for SQLite; return their number.

    It has the tables ``tracks``, ``descriptors``, ``tags`` and ``about``, and the views ``spotify``
    (Spotify's columns), ``mixing`` (tempo, key and Camelot code) and ``genres`` (how many tracks of
    each, with means).

    Parameters
    ----------
    tracks : DataFrame
        From `earmark.classify.library.columns.read`.
    source : FeatureTable
        The descriptors, with their provenance.
    path : Path
        Where it goes.

    Raises
    ------
    WriteError
        Something else than a database made here stands there, or it cannot be written.
    """
    if path.exists():
        with path.open("rb") as file:
            head = file.read(72)
        if not (head[:16] == SQLITE and head[68:72] == APPLICATION.to_bytes(4, "big")):
            raise WriteError(path, "stands there already and was not made by Earmark; it is kept")
    tracks = columns.with_columns(
        tracks,
        [
            name
            for name, (needed, _) in columns.DERIVED.items()
            if all(column in tracks for column in needed)
        ],
    )
    described = [name for name in source.columns if name in tracks]
    words = [name for name in tracks if name in (*WORDS, *labels.ARTIST_COLUMNS, *columns.DERIVED)]
    tags = {name: tag for name, tag in sound_tags.of_columns().items() if name in tracks}
    strengths = tracks[["path", *tags]].rename(columns=tags).melt("path", var_name="tag")
    strengths = strengths[strengths["value"] >= sound_tags.LEAST]
    about = pd.DataFrame(
        [(name, json.dumps(value, default=str)) for name, value in source.provenance.items()],
        columns=["name", "value"],
    )
    contents = {
        "tracks": tracks[list(dict.fromkeys(["path", *words]))],
        "descriptors": tracks[["path", *described]],
        "tags": strengths.sort_values(["path", "value"], ascending=[True, False]),
        "about": about,
    }
    with tables.atomic(path) as temporary:
        temporary.unlink()
        with closing(sqlite3.connect(temporary)) as base, base:
            base.execute(f"PRAGMA application_id = {APPLICATION}")
            for name, frame in contents.items():
                _insert(base, name, frame)
            for name in ("tracks", "descriptors"):
                base.execute(f'CREATE UNIQUE INDEX "{name}_path" ON "{name}" (path)')
            base.execute("CREATE INDEX tags_tag ON tags (tag, value)")
            for view in _views(contents):
                base.execute(view)
    return len(tracks)


def acousticbrainz_files(
    tracks: pd.DataFrame, source: FeatureTable, folder: Path
) -> tuple[int, list[WriteError]]:
    """Write a file for each track, as AcousticBrainz had it; return how many, and what was kept.

    A file is called as the track, in the same folders, with ``.json`` behind it.
    """
    written, kept = 0, []
    for row in tracks.to_dict("records"):
        parts = [part for part in PurePosixPath(str(row["path"])).parts if part not in ("/", "..")]
        target = folder.joinpath(*map(filename, [*parts[:-1], f"{parts[-1]}.json"]))
        if target.exists() and '"earmark"' not in target.read_text("utf-8", "replace")[:4000]:
            kept.append(WriteError(target, "was not made by Earmark; it is kept"))
            continue
        described = acousticbrainz({str(name): value for name, value in row.items()}, source)
        with tables.atomic(target) as temporary:
            temporary.write_text(json.dumps(described, indent=1, ensure_ascii=False), "utf-8")
        written += 1
    return written, kept


def acousticbrainz(row: Mapping[str, Any], source: FeatureTable) -> dict[str, Any]:
    """Return a track in the form of AcousticBrainz's low-level documents.

    The form is theirs, so that programs find ``rhythm.bpm`` and ``lowlevel.mfcc.mean``; the values
    are Earmark's, by Earmark's definitions, and Essentia's differ. ``version`` says so.

    Parameters
    ----------
    row : mapping of str to object
        A track: descriptors by column, ``path``, and what is known of it in words.
    source : FeatureTable
        Whose provenance is cited.
    """
    found: dict[str, dict[str, Any]] = {"lowlevel": {}, "rhythm": {}, "tonal": {}}
    for column in source.columns:
        value = _number(row.get(column))
        if value is None or column.startswith("tag_"):
            continue
        level = found[LEVELS.get(reasons.family_of(column), "lowlevel")]
        parts = PART.fullmatch(column)
        if parts is None:
            level[column] = value
            continue
        own = level.setdefault(parts["name"], {})
        statistic = STATISTICS[parts["statistic"]]
        if isinstance(own, dict):
            if parts["index"] is None:
                own[statistic] = value
            else:
                own.setdefault(statistic, []).append(value)
    tempo, key, mode = (_number(row.get(name)) for name in ("tempo", "key", "mode"))
    if tempo is not None:
        found["rhythm"]["bpm"] = tempo
    if key is not None and mode is not None and (name := key_name(key, mode)):
        found["tonal"]["key_key"] = name.removesuffix("m")
        found["tonal"]["key_scale"] = "major" if mode == 1 else "minor"
    strengths = {
        tag: _number(row[name]) for name, tag in sound_tags.of_columns().items() if name in row
    }
    length = _number(row.get("duration_ms"))
    said = {
        name: [str(row[name])]
        for name in ("artist", "title", "album", "genre", "year")
        if isinstance(row.get(name), str) and row[name]
    }
    return {
        "metadata": {
            "version": {
                "earmark": __version__,
                "set": source.provenance.get("set"),
                "fingerprint": source.fingerprint,
            },
            "tags": {"file_name": str(row["path"]), **said},
            "audio_properties": {
                "length": None if length is None else length / 1000,
                "sha256": row.get("sha256"),
            },
        },
        **{name: level for name, level in found.items() if level},
        **({"highlevel": {"tags": {"all": strengths}}} if strengths else {}),
    }


def _insert(base: sqlite3.Connection, name: str, frame: pd.DataFrame) -> None:
    kinds = [
        "INTEGER"
        if pd.api.types.is_integer_dtype(kind) or pd.api.types.is_bool_dtype(kind)
        else "REAL"
        if pd.api.types.is_numeric_dtype(kind)
        else "TEXT"
        for kind in frame.dtypes
    ]
    declared = ", ".join(
        f"{_quoted(str(column))} {kind}" for column, kind in zip(frame, kinds, strict=True)
    )
    base.execute(f"CREATE TABLE {_quoted(name)} ({declared})")
    values = [
        [
            None if gone else _plain(value)
            for value, gone in zip(own.tolist(), own.isna(), strict=True)
        ]
        for _, own in frame.items()
    ]
    marks = ", ".join("?" * len(frame.columns))
    base.executemany(
        f"INSERT INTO {_quoted(name)} VALUES ({marks})",  # noqa: S608 - the name is ours
        zip(*values, strict=True),
    )


def _views(contents: Mapping[str, pd.DataFrame]) -> list[str]:
    described, tracks = contents["descriptors"], contents["tracks"]
    views = []
    if spotify := [name for name in sets.SPOTIFY_COLUMNS if name in described]:
        views.append(
            f"CREATE VIEW spotify AS SELECT path, {', '.join(spotify)} FROM descriptors"  # noqa: S608
        )
    if "camelot" in tracks and "tempo" in described:
        views.append(
            "CREATE VIEW mixing AS SELECT path, tempo, musical_key, camelot "
            "FROM tracks JOIN descriptors USING (path)"
        )
    if "genre" in tracks:
        means = "".join(f", avg({name}) AS {name}" for name in spotify)
        views.append(
            f"CREATE VIEW genres AS SELECT genre, count(*) AS tracks{means} "  # noqa: S608
            "FROM tracks JOIN descriptors USING (path) GROUP BY genre ORDER BY tracks DESC"
        )
    return views


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        value = value.item()
    return value if isinstance(value, int | float | str) else str(value)


def _number(value: Any) -> float | None:
    if isinstance(value, int | float | np.number) and math.isfinite(float(value)):
        return float(value)
    return None
