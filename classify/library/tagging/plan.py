"""What would be written to the tags of files: a plan, to be looked at. Nothing is written here."""

from __future__ import annotations

import re
import zlib
from dataclasses import replace
from typing import TYPE_CHECKING, Literal, get_args

import pandas as pd

from earmark.classify.dataset import tags as file_tags
from earmark.classify.library.tagging import values
from earmark.classify.library.tagging.changes import PLANNED, Change, FilePlan, Origin, Plan
from earmark.classify.library.tagging.fields import MARK
from earmark.classify.library.tagging.look import Albums, Known, look
from earmark.extract.errors import SchemaError, SettingsError
from earmark.version import __version__

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from earmark.classify.library.tagging.values import Wanted

__all__ = ["Mode", "make", "table"]

Mode = Literal["keep", "append", "overwrite"]
"""What happens to values that are there: they stay, ours are added, or ours replace them."""

COLUMNS = ["path", "field", "now", "then", "what"]

SEVERAL = ("genre", "mood", "earmark_tags")
"""The fields that may have several values, to which one may be added."""

CHECKED = re.compile(r"(\w+):([0-9a-f]{8})")


def make(
    predictions: pd.DataFrame,
    locations: Mapping[str, Path],
    wanted: Wanted,
    *,
    mode: Mode = "keep",
    albums: Albums = "tag",
    origin: Origin | None = None,
    hashed: bool = True,
    report: Callable[[int, int], object] = lambda _done, _total: None,
) -> Plan:
    """Say what would be written to the tags of files, and what would stay.

    Parameters
    ----------
    predictions : DataFrame
        ``path`` and ``genre``, with ``probability``; for the other fields the columns of a feature
        table, which may be ``tempo``, ``key`` and ``mode``, ``energy``, the tags of the embedding,
        and ``loudness`` with ``true_peak``. With ``sha256``, a file that has changed since is left.
    locations : mapping of str to Path
        Where the file of each path is.
    wanted : Wanted
        Which fields, and how.
    mode : {"keep", "append", "overwrite"}
        What happens to values that are there. Those that are Earmark's are always brought up to
        date.
    albums : {"tag", "folder", "none"}
        What makes tracks an album.
    origin : Origin, optional
        Where the values come from.
    hashed : bool
        Whether the plan shall be written: files are then read whole, to tell whether they change.
    report : callable
        Called with the number of files that were looked at, and that of all.

    Raises
    ------
    SchemaError
        The table has no paths.
    SettingsError
        There is no such mode, or such albums.
    LabelError
        mutagen is not installed.
    """
    if mode not in get_args(Mode) or albums not in get_args(Albums):
        raise SettingsError(f"tags cannot be written by {mode!r} and albums by {albums!r}")
    if "path" not in predictions:
        raise SchemaError("the table has no column 'path' that names the files")
    origin = origin or Origin()
    records = predictions.drop_duplicates("path").to_dict("records")
    rows: list[dict[str, object]] = [
        {str(name): value for name, value in row.items()} for row in records
    ]
    seen: dict[Path, str] = {}
    known = []
    for number, row in enumerate(rows):
        report(number, len(rows))
        known.append(look(row, locations, seen, albums, hashed))
    loudness = _album_loudness(rows, known)
    files = [
        _planned(row, each, wanted, mode, loudness.get(each.album), origin)
        for row, each in zip(rows, known, strict=True)
    ]
    return Plan(tuple(files), origin)


def table(plan: Plan) -> pd.DataFrame:
    """Return a plan as a table for people.

    Returns
    -------
    DataFrame
        ``path``, ``field``, ``now`` (empty where the file says nothing; several values have
        semicolons between them), ``then`` and ``what``: add, replace, append, keep (it says the
        same, or nothing better is known), or why the file is left, whose row has no field. The
        field that says which values are Earmark's is not named. Values are cut as in
        `earmark.classify.dataset.tags.read`.
    """
    rows = []
    for file in plan.files:
        if file.left:
            rows.append((file.path, "", "", "", file.left))
            continue
        rows += [
            (file.path, each.field, _shown(each.now), _shown(each.then), each.what)
            for each in file.changes
            if each.field != MARK.lower()
        ]
    return pd.DataFrame(rows, columns=COLUMNS, dtype="str")


_COLUMNS = {"genre": "genre", "bpm": "tempo", "key": "mode"}
"""The columns of fields that are told of even where nothing is known of a track."""


def _album_loudness(
    rows: Sequence[Mapping[str, object]], known: Sequence[Known]
) -> dict[tuple[str, ...], tuple[float, float]]:
    """Return loudness and peak of every album."""
    tracks: dict[tuple[str, ...], list[tuple[float, float, float]]] = {}
    for row, each in zip(rows, known, strict=True):
        if each.album and (found := _level(row)):
            tracks.setdefault(each.album, []).append(found)
    return {
        album: (
            values.album_loudness((level, length) for level, _, length in held),
            max(peak for _, peak, _ in held),
        )
        for album, held in tracks.items()
    }


def _level(row: Mapping[str, object]) -> tuple[float, float, float] | None:
    """Return loudness, peak and length; without a peak, loudness may be on Spotify's own scale."""
    found = [values.number(row.get(name)) for name in ("loudness", "true_peak", "duration_ms")]
    loudness, peak, length = found
    if loudness is None or peak is None:
        return None
    return loudness, peak, length or 1.0


def _planned(
    row: Mapping[str, object],
    known: Known,
    wanted: Wanted,
    mode: Mode,
    album: tuple[float, float] | None,
    origin: Origin,
) -> FilePlan:
    """Hold what is wanted of a file against what it says."""
    file = known.plan
    if file.left:
        return file
    found = values.of_track(row, wanted)
    asked = {name for name, column in _COLUMNS.items() if name in wanted.fields and column in row}
    if "replaygain" in wanted.fields and (level := _level(row)):
        kind = "r128" if known.is_opus else "replaygain"
        every = values.gains(*level[:2], album)
        found |= {name: texts for name, texts in every.items() if name.startswith(kind)}
    own = dict(CHECKED.findall(" ".join(known.now[MARK.lower()])))
    changes = []
    marked = {}
    for name in PLANNED:
        if name not in found and name not in asked:
            continue
        held, then = known.now[name], found.get(name, [])
        is_ours = own.get(name) == _check(held)
        change = _change(name, held or known.second.get(name, []), then, mode, is_ours)
        if change.what != "keep" and known.second.get(name):
            reason = (
                f"has a {name} in two kinds of tags, and which of them counts depends on the "
                "program; remove one kind"
            )
            return replace(file, left=reason)
        changes.append(change)
        if change.what in ("add", "replace"):
            marked[name] = _check(change.then)
    if not marked and not any(change.what == "append" for change in changes):
        return replace(file, changes=tuple(changes))
    still = {name: check for name, check in own.items() if check == _check(known.now.get(name, []))}
    mark = _mark(origin, str(row.get("sha256") or file.sha256), still | marked)
    before = tuple(known.now[MARK.lower()])
    what = "replace" if before else "add"
    return replace(file, changes=(*changes, Change(MARK.lower(), before, (mark,), what)))


def _change(name: str, now: Sequence[str], then: Sequence[str], mode: Mode, ours: bool) -> Change:
    held = tuple(now)
    if not then or _same(name, held, then):
        return Change(name, held, tuple(then), "keep")
    if not held:
        return Change(name, held, tuple(then), "add")
    if mode == "overwrite" or ours:
        return Change(name, held, tuple(then), "replace")
    if mode == "append" and name in SEVERAL:
        more = [text for text in then if not any(_same(name, (text,), (other,)) for other in held)]
        if more:
            return Change(name, held, (*held, *more), "append")
    return Change(name, held, held, "keep")


def _same(name: str, now: Sequence[str], then: Sequence[str]) -> bool:
    """Tell whether two values say the same: case says nothing, nor do decimals of a tempo."""
    if [text.casefold() for text in now] == [text.casefold() for text in then]:
        return True
    try:
        (one,), (other,) = now, then
        return name == "bpm" and round(float(one)) == round(float(other))
    except (ValueError, OverflowError):
        return False


def _check(texts: Sequence[str]) -> str:
    """Return a short sum over values, to tell later whether they are still ours."""
    return f"{zlib.crc32(chr(0).join(texts).encode()):08x}"


def _mark(origin: Origin, sha256: str, checks: Mapping[str, str]) -> str:
    parts = [f"earmark {__version__}"]
    parts += [
        f"{name} {value}"
        for name, value in (
            ("set", origin.set),
            ("model", origin.model),
            ("source", sha256[:16]),
            ("wrote", " ".join(f"{name}:{check}" for name, check in sorted(checks.items()))),
        )
        if value
    ]
    return "; ".join(parts)


def _shown(texts: Iterable[str]) -> str:
    return "; ".join(texts)[: file_tags.LONGEST]
