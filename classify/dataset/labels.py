"""What is known of each track beside its sound: genre, artist, album, published fold.

It comes from the table itself, a CSV, the names of folders, or the files' own tags.
"""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import pandas as pd

from earmark.classify.dataset import tags
from earmark.extract import tables
from earmark.extract.audio.sources import find
from earmark.extract.errors import DecodeError, LabelError
from earmark.extract.schema import ALBUM_COLUMNS, ARTIST_COLUMNS, NAME_COLUMNS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

__all__ = [
    "ALBUM_COLUMNS",
    "ARTIST_COLUMNS",
    "GENRE_COLUMNS",
    "NAME_COLUMNS",
    "TITLE_COLUMNS",
    "Matcher",
    "genre_column",
    "read",
]

TITLE_COLUMNS = ("title", "track_name", "name", "song")

GENRE_COLUMNS = ("genre", "track_genre", "genre_top", "top_genre", "genres", "label", "class")
"""What the column of the genre is called in tables that go round, the likeliest first."""

FEW_UNKNOWN = 0.01
"""Share of the labels that may be of tracks which the table does not have: a published list often
names a file that nobody can read."""

ENDING = re.compile(r"\.(?=\w*[a-z])\w{2,5}$", re.IGNORECASE)
"""The ending of a file's name; that of ``blues.00000`` is none."""


def read(
    frame: pd.DataFrame,
    where: str | Path,
    source: str | None,
    *,
    label: str | None,
    group: str | None = None,
    split: str | None = None,
    ignore_unknown: bool = False,
    audio: str | Path | None = None,
) -> tuple[pd.DataFrame, list[str]]:
    """Read what is known of the tracks of a table.

    Parameters
    ----------
    frame : DataFrame
        The table, with ``path``.
    where : str or Path
        Where it comes from.
    source : str, optional
        As `labels` of `earmark.classify.dataset.build.build`.
    label : str, optional
        As there; None looks for one of `GENRE_COLUMNS`.
    group, split, ignore_unknown, audio
        As there.

    Returns
    -------
    known : DataFrame
        By path ``label``, ``artist``, ``album``, ``group`` and ``split``; what is not known is
        missing. Artists and albums that the labels say nothing of are the table's.
    notes : list of str
        What was passed over.

    Raises
    ------
    LabelError
        The labels do not fit the table, or lack a column.
    """
    paths = frame["path"].drop_duplicates().astype(str)
    roles = _roles(list(frame.columns), group, split)
    notes: list[str] = []
    if source is None:
        label = label or genre_column(frame.columns) or GENRE_COLUMNS[0]
        if label not in frame:
            raise LabelError(
                f"{where}: has no column {label!r}; name a CSV of labels (--labels), or the column "
                f"(--label) if it is called otherwise"
            )
        known = _known(frame["path"], frame, {"label": label} | roles)
        named, place = list(frame.columns), str(where)
    elif source == "folders":
        known, named, place = _from_folders(paths), list(frame.columns), str(where)
    elif source == "tags":
        known, named, place = _from_tags(paths, audio), list(frame.columns), str(where)
    else:
        known, named = _from_csv(
            source, paths, _failed(where), label, group, split, ignore_unknown, notes
        )
        place = source
    own = _known(frame["path"], frame, roles)
    for role in ("artist", "album", "group", "split"):
        if role not in known:
            known[role] = own[role].reindex(known.index) if role in own else None
    for name, role, purpose in ((group, "group", "group by"), (split, "split", "split by")):
        if name is not None and known[role].isna().all():
            present = name.strip().lower() in [*named, *map(str.lower, frame.columns)]
            problem = "has nothing in its" if present else "has no"
            raise LabelError(
                f"{place}: {problem} column {name!r} to {purpose}; it has {', '.join(named[:8])}"
            )
    return known, notes


def genre_column(columns: Iterable[str]) -> str | None:
    """Return which of the columns of a table is most likely the genre, if any."""
    present = set(columns)
    return next((name for name in GENRE_COLUMNS if name in present), None)


def _roles(columns: Sequence[str], group: str | None, split: str | None) -> dict[str, str]:
    """Return which column says what."""
    wanted = {
        "artist": ARTIST_COLUMNS,
        "album": ALBUM_COLUMNS,
        "group": (group,),
        "split": (split,),
    }
    found = {
        role: next((name for name in names if name in columns), None)
        for role, names in wanted.items()
    }
    return {role: name for role, name in found.items() if name is not None}


def _known(paths: pd.Series, given: pd.DataFrame, roles: Mapping[str, str]) -> pd.DataFrame:
    """Lay columns by path under the names of their roles; blank values are missing."""
    known = pd.DataFrame({role: given[name].astype("object") for role, name in roles.items()})
    for role in known:
        texts = known[role].map(lambda value: str(value).strip() or None, na_action="ignore")
        known[role] = texts.astype("object").where(texts.notna(), None)
    known.index = pd.Index(paths.astype(str), name="path")
    return known[~known.index.duplicated()]


def _from_folders(paths: pd.Series) -> pd.DataFrame:
    folders = [PurePosixPath(path).parent.name for path in paths]
    if not any(folders):
        raise LabelError(
            "the paths of the table have no folders to take the genre from: extract the folder "
            "above (`earmark extract music`, not `earmark extract music/*`)"
        )
    return _known(paths, pd.DataFrame({"label": folders}, paths.index), {"label": "label"})


def _from_tags(paths: pd.Series, audio: str | Path | None) -> pd.DataFrame:
    if audio is None:
        raise LabelError("--labels tags reads the files again: name their folder with --audio")
    found, failures = find([audio])
    if failures and not found:
        raise failures[0]
    locations = {track.path: track.location for track in found}
    rows = []
    for path in paths:
        try:
            values = tags.read(locations[path]) if path in locations else {}
        except DecodeError:
            values = {}
        genre, artist, owner, album = (
            next(iter(values.get(name, [])), None)
            for name in ("genre", "artist", "albumartist", "album")
        )
        rows.append((genre, artist or owner, album))
    roles = ("label", "artist", "album")
    given = pd.DataFrame(rows, paths.index, list(roles), dtype="object")
    known = _known(paths, given, {role: role for role in roles})
    if known["label"].isna().all():
        raise LabelError(f"{audio}: none of its files has a genre in its tags")
    return known


def _failed(table: str | Path) -> set[str]:
    """Return the paths that could not be analysed, from the failures table beside a table."""
    path = tables.failures_path(Path(table))
    return set(tables.read(path).frame["path"]) if tables.kind_of(path) == "failures" else set()


class Matcher:
    """Finds the track of a table that a label names: by path, by name, by name without ending.

    Parameters
    ----------
    paths : Series
        Of the table, each once.
    """

    def __init__(self, paths: pd.Series) -> None:
        self.paths = set(paths)
        names = pd.Series([PurePosixPath(path).name for path in paths], paths.to_numpy())
        self.names, self.stems = _unique(names), _unique(names.map(_stem))

    def __call__(self, named: str) -> str | None:
        """Return the path of the track in the table; None where there is none, or several."""
        named = named.strip().replace("\\", "/").removeprefix("./")
        if named in self.paths:
            return named
        name = PurePosixPath(named).name
        return self.names.get(name) or self.stems.get(_stem(name))


def _stem(name: str) -> str:
    return ENDING.sub("", name)


def _unique(names: pd.Series) -> dict[str, str]:
    """Return the path of each name that only one path has."""
    once = names[~names.duplicated(keep=False)]
    return dict(zip(once, once.index, strict=True))


def _from_csv(
    path: str,
    paths: pd.Series,
    failed: set[str],
    label: str | None,
    group: str | None,
    split: str | None,
    ignore_unknown: bool,
    notes: list[str],
) -> tuple[pd.DataFrame, list[str]]:
    given = _read_labels(path)
    label = (label or genre_column(given.columns) or GENRE_COLUMNS[0]).strip().lower()
    group, split = (name and name.strip().lower() for name in (group, split))
    columns = list(given.columns)
    keys = [name for name in NAME_COLUMNS if name in given]
    shown = ", ".join(map(repr, columns[:8]))
    if not keys:
        raise LabelError(
            f"{path}: has no column path, file or filename (or {', '.join(NAME_COLUMNS[3:-1])} or "
            f"{NAME_COLUMNS[-1]}) that names the tracks; rename one of {shown}"
        )
    if label not in given:
        raise LabelError(
            f"{path}: has no column {label!r}; name the column of the genre with --label; it has "
            f"{shown}"
        )
    given = given[given[label].notna()]
    match = Matcher(paths)
    matches = {name: given[name].map(match, na_action="ignore") for name in keys}
    # Several columns may name the tracks: files elsewhere, and what they are called everywhere.
    key = max(keys, key=lambda name: int(matches[name].notna().sum()))
    given, matched = given[given[key].notna()], matches[key][given[key].notna()]
    broken_names = {PurePosixPath(own).name for own in failed}
    found = matched.notna()
    unknown = [
        name
        for name in given.loc[~found, key]
        if PurePosixPath(name.replace("\\", "/")).name not in broken_names
    ]
    if not found.any():
        raise LabelError(
            f"{path}: none of its {len(given)} tracks is in the table; it says "
            f"{given[key].iloc[0]!r} where the table says {paths.iloc[0]!r}"
            if len(given)
            else f"{path}: has no row with both a {key} and a {label}"
        )
    if unknown and not ignore_unknown:
        named = f"{', '.join(unknown[:5])}{', …' if len(unknown) > 5 else ''}"
        missing = f"names {len(unknown)} tracks that are not in the table: {named}"
        if len(unknown) > FEW_UNKNOWN * len(given):
            raise LabelError(
                f"{path}: {missing}. Extract them too, or pass over them with --ignore-unknown"
            )
        notes.append(f"{path} {missing}")
    labels = given.loc[found, label].str.strip()
    clashing = labels.groupby(matched[found]).nunique()
    clashing = clashing[clashing > 1]
    if len(clashing):
        raise LabelError(
            f"{path}: gives more than one {label} for {', '.join(map(str, clashing.index[:5]))}"
        )
    roles = {"label": label} | _roles(columns, group, split)
    return _known(matched[found], given[found], roles), columns


def _read_labels(path: str) -> pd.DataFrame:
    """Read a CSV as people save it: commas, semicolons or tabs, and any case in the header."""
    try:
        with Path(path).open(encoding="utf-8-sig") as lines:
            header = lines.readline()
        separator = max(",;\t", key=header.count)
        given = pd.read_csv(
            path,
            sep=separator,
            dtype=str,
            encoding="utf-8-sig",
            keep_default_na=False,
            na_values=[""],
        )
    except FileNotFoundError:
        raise LabelError(f"{path}: does not exist; check the spelling") from None
    except UnicodeDecodeError as error:
        raise LabelError(f"{path}: is not in UTF-8; save it as CSV in UTF-8") from error
    except (OSError, ValueError) as error:
        raise LabelError(f"{path}: cannot be read as CSV: {error}") from error
    return given.rename(columns=lambda name: str(name).strip().lower())
