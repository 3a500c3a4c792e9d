"""What is known of each track beside its sound: genre, artist, album, published fold.

It comes from the table itself, a CSV, the names of folders, or the files' own tags.
"""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import pandas as pd

from earmark.classify.dataset import genres, names, tags
from earmark.extract import spreadsheets, tables
from earmark.extract.errors import DecodeError, LabelError, SchemaError
from earmark.extract.schema import (
    ALBUM_COLUMNS,
    ARTIST_COLUMNS,
    GENRE_COLUMNS,
    NAME_COLUMNS,
    TITLE_COLUMNS,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

__all__ = [
    "ALBUM_COLUMNS",
    "ARTIST_COLUMNS",
    "GENRE_COLUMNS",
    "NAME_COLUMNS",
    "TITLE_COLUMNS",
    "genre_column",
    "read",
]

FEW_UNKNOWN = 0.01
"""Share of the labels that may be of tracks which the table does not have: a published list often
names a file that nobody can read."""

MANY_FOLDERS = 20
SMALL_FOLDER = 15
"""So many folders with so few tracks on average are albums or artists."""


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
    genre_list: genres.Rule = "first",
    spelled: Iterable[str] = (),
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
    group, split, ignore_unknown, audio, genre_list, spelled
        As there.

    Returns
    -------
    known : DataFrame
        By path ``label``, ``artist``, ``album``, ``group`` and ``split``; what is not known is
        missing. Artists and albums that the labels say nothing of are the table's. A label is a
        genre, as `earmark.classify.dataset.genres.read` gives it.
    notes : list of str
        What was passed over, and how genres were read.

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
        known, named, place = _from_folders(paths, notes), list(frame.columns), str(where)
    elif source == "tags":
        known, named, place = _from_tags(paths, audio), list(frame.columns), str(where)
    else:
        known, named = _from_csv(
            source, paths, _failed(where), label, group, split, ignore_unknown, genre_list, notes
        )
        place = source
    known["label"], read = genres.read(known["label"], genre_list, spelled)
    notes += read
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


def _from_folders(paths: pd.Series, notes: list[str]) -> pd.DataFrame:
    folders = [PurePosixPath(path).parent.name for path in paths]
    if not any(folders):
        raise LabelError(
            "the paths of the table have no folders to take the genre from: extract the folder "
            "above (`earmark extract music`, not `earmark extract music/*`)"
        )
    album = _like_albums(paths)
    if album and pd.Series(folders).value_counts().gt(1).sum() < 2:
        raise LabelError(album)
    notes += [album] if album else []
    return _known(paths, pd.DataFrame({"label": folders}, paths.index), {"label": "label"})


def _from_tags(paths: pd.Series, audio: str | Path | None) -> pd.DataFrame:
    if audio is None:
        raise LabelError("--labels tags reads the files again: name their folder with --audio")
    locations = names.located(paths, audio)
    if not locations:
        raise LabelError(
            f"{audio}: none of its files is in the table, which names {paths.iloc[0]!r}; name the "
            "folder that was extracted"
        )
    rows = []
    for path in paths:
        try:
            values = tags.read(locations[path]) if path in locations else {}
        except DecodeError:
            values = {}
        artist, owner, album = (
            next(iter(values.get(name, [])), None) for name in ("artist", "albumartist", "album")
        )
        rows.append((genres.SEVERAL.join(values.get("genre", [])), artist or owner, album))
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


def _from_csv(
    path: str,
    paths: pd.Series,
    failed: set[str],
    label: str | None,
    group: str | None,
    split: str | None,
    ignore_unknown: bool,
    genre_list: genres.Rule,
    notes: list[str],
) -> tuple[pd.DataFrame, list[str]]:
    given = _read_labels(path, (label, group, split))
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
    everything = [*paths, *failed]
    pairs = {name: names.pair(given[name].fillna("").tolist(), everything) for name in keys}
    # Several columns may name the tracks: files elsewhere, and what they are called everywhere.
    key = max(keys, key=lambda name: (not pairs[name].loose, _count(pairs[name].paths)))
    matched = pd.Series(pairs[key].paths, given.index, dtype="object")
    matched = matched[given[key].notna()]
    given = given.loc[matched.index]
    found = matched.isin(set(paths))
    # Of a track that could not be analysed nothing can be learned.
    unknown = given.loc[matched.isna(), key].tolist()
    if not found.any():
        raise LabelError(
            f"{path}: none of its {len(given)} tracks is in the table; it says "
            f"{given[key].iloc[0]!r} where the table says {paths.iloc[0]!r}"
            if len(given)
            else f"{path}: has no row with both a {key} and a {label}"
        )
    if pairs[key].loose:
        notes.append(
            f"no folder of {path} is one of the table: tracks are known by the ends of their "
            f"paths, such as {given.loc[found, key].iloc[0]!r} for {matched[found].iloc[0]!r}"
        )
    if unknown and not ignore_unknown:
        named = f"{', '.join(unknown[:5])}{', …' if len(unknown) > 5 else ''}"
        missing = f"names {len(unknown)} tracks that are not in the table: {named}"
        if len(unknown) > FEW_UNKNOWN * len(given):
            raise LabelError(
                f"{path}: {missing}. Extract them too, or pass over them with --ignore-unknown"
            )
        notes.append(f"{path} {missing}")
    given, matched = given[found], matched[found]
    said = given[label].map(lambda text: genres.single(text, genre_list))
    clashing = said.map(genres.key, na_action="ignore").groupby(matched).nunique()
    clashing = clashing[clashing > 1]
    if len(clashing):
        raise LabelError(
            f"{path}: gives more than one {label} for {', '.join(map(str, clashing.index[:5]))}"
        )
    # A row that says something comes before one that says that nothing is known.
    order = said.isna().sort_values(kind="stable").index
    given, matched = given.loc[order], matched[order]
    roles = {"label": label} | _roles(columns, group, split)
    return _known(matched, given, roles), columns


def _count(paths: Iterable[str | None]) -> int:
    return sum(path is not None for path in paths)


def _like_albums(paths: Iterable[str]) -> str | None:
    """Say so where folders look like albums or artists and not like genres."""
    folders = [PurePosixPath(path).parent for path in paths]
    sizes = pd.Series([folder.name for folder in folders]).value_counts()
    alone = int((sizes == 1).sum())
    nested = len({folder.parent for folder in folders}) > 1
    small = nested and sizes.mean() < SMALL_FOLDER
    if len(sizes) < MANY_FOLDERS or not (small or 2 * alone >= len(sizes)):
        return None
    shown = ", ".join(map(repr, sizes.index[:3]))
    return (
        f"the folders look like albums or artists, not like genres: {len(folders)} tracks lie in "
        f"{len(sizes)} folders such as {shown}, {alone} of them with one track. Lay the files out "
        "as genre/track, or name the genres in a CSV or in tags (--labels)"
    )


def _read_labels(path: str, asked: Sequence[str | None]) -> pd.DataFrame:
    """Read a CSV as people save it, with any case in the header."""
    try:
        given = spreadsheets.texts(Path(path))
    except FileNotFoundError:
        raise LabelError(f"{path}: does not exist; check the spelling") from None
    except UnicodeDecodeError as error:
        raise LabelError(f"{path}: is not in UTF-8; save it as CSV in UTF-8") from error
    except SchemaError as error:
        raise LabelError(str(error)) from error
    except (OSError, ValueError) as error:
        raise LabelError(f"{path}: cannot be read as CSV: {error}") from error
    written = list(given.columns)
    plain = pd.Index([name.strip().lower() for name in written])
    used = {*NAME_COLUMNS, *ARTIST_COLUMNS, *ALBUM_COLUMNS}
    used |= {name.strip().lower() for name in asked if name}
    if asked[0] is None:
        used |= {*GENRE_COLUMNS}
    for name in plain[plain.duplicated()]:
        if name in used:
            same = " and ".join(
                repr(one) for one, other in zip(written, plain, strict=True) if other == name
            )
            raise LabelError(
                f"{path}: its columns {same} are called the same but for case and spaces; rename "
                "or remove all but one"
            )
    return given.set_axis(plain, axis=1).loc[:, ~plain.duplicated()]
