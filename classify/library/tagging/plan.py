"""What would be written to the tags of files: a plan, to be looked at. Nothing is written here."""

from __future__ import annotations

import hashlib
import json
import re
import zlib
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

import pandas as pd

from earmark.classify.dataset import tags as file_tags
from earmark.classify.library.tagging import values
from earmark.classify.library.tagging.fields import MARK, open_tags
from earmark.extract import tables
from earmark.extract.errors import DecodeError, SchemaError, SettingsError, printable
from earmark.version import __version__

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from earmark.classify.library.tagging.fields import Tags
    from earmark.classify.library.tagging.values import Wanted

__all__ = [
    "Albums",
    "Change",
    "FilePlan",
    "Mode",
    "Origin",
    "Plan",
    "load",
    "make",
    "save",
    "sha256_of",
    "table",
]

Mode = Literal["keep", "append", "overwrite"]
"""What happens to values that are there: they stay, ours are added, or ours replace them."""

Albums = Literal["tag", "folder", "none"]
"""What makes tracks an album: the tag of that name, the folder, or nothing."""

KIND = "plan of tags"
VERSION = 1

COLUMNS = ["path", "field", "now", "then", "what"]

SEVERAL = ("genre", "mood", "earmark_tags")
"""The fields that may have several values, to which one may be added."""

CHECKED = re.compile(r"(\w+):([0-9a-f]{8})")

SOURCE = re.compile(r"source ([0-9a-f]{16})")


@dataclass(frozen=True)
class Change:
    """What happens to a field of a file.

    Parameters
    ----------
    field : str
        As in `earmark.classify.library.tagging.fields`.
    now, then : tuple of str
        Its values.
    what : {"add", "replace", "append", "keep"}
        Whether there are none yet, they are replaced, ours are added, or nothing changes.
    """

    field: str
    now: tuple[str, ...]
    then: tuple[str, ...]
    what: str


@dataclass(frozen=True)
class FilePlan:
    """What happens to a file.

    Parameters
    ----------
    path : str
        Its name in tables.
    location : Path
        The file itself, not a link to it.
    sha256 : str
        Of the file as it was planned for; empty where it was not read.
    changes : tuple of Change
        For each field.
    left : str
        Why nothing is written; empty where something may be.
    notes : tuple of str
        What a reader has to know.
    """

    path: str
    location: Path
    sha256: str = ""
    changes: tuple[Change, ...] = ()
    left: str = ""
    notes: tuple[str, ...] = ()

    @property
    def written(self) -> tuple[Change, ...]:
        """The changes that change something."""
        return tuple(each for each in self.changes if each.what != "keep")


@dataclass(frozen=True)
class Origin:
    """Where values come from, as it is written beside them.

    Parameters
    ----------
    set : str, optional
        The feature set with its version.
    model : str, optional
        The model.
    """

    set: str | None = None
    model: str | None = None


@dataclass(frozen=True)
class Plan:
    """What happens to files.

    Parameters
    ----------
    files : tuple of FilePlan
        In the order of the predictions.
    origin : Origin
        Where the values come from.
    """

    files: tuple[FilePlan, ...]
    origin: Origin = field(default_factory=Origin)

    @property
    def counts(self) -> Counter[str]:
        """How many values are added, replaced, appended and kept, and how many files left."""
        found = Counter(
            change.what
            for file in self.files
            for change in file.changes
            if change.field != MARK.lower()
        )
        found["left"] = sum(bool(file.left) for file in self.files)
        return found


@dataclass(frozen=True)
class _Known:
    """What a look into a file has told."""

    plan: FilePlan
    now: Mapping[str, list[str]]
    second: Mapping[str, list[str]]
    is_opus: bool
    album: tuple[str, ...]


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
        known.append(_look(row, locations, seen, albums, hashed))
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


def save(plan: Plan, path: Path) -> None:
    """Write a plan as JSON, to be looked at, edited, and carried out.

    Raises
    ------
    WriteError
        The file cannot be written.
    """
    content = {
        "earmark": KIND,
        "version": VERSION,
        "by": __version__,
        "set": plan.origin.set,
        "model": plan.origin.model,
        "files": [
            {
                "path": file.path,
                "location": str(file.location),
                "sha256": file.sha256,
                **({"left": file.left} if file.left else {}),
                **({"notes": list(file.notes)} if file.notes else {}),
                "changes": [
                    {
                        "field": each.field,
                        "now": list(each.now),
                        "then": list(each.then),
                        "what": each.what,
                    }
                    for each in file.changes
                ],
            }
            for file in plan.files
        ],
    }
    with tables.atomic(path) as temporary:
        temporary.write_text(json.dumps(content, indent=1), encoding="utf-8")


def load(path: Path) -> Plan:
    """Read a plan that was saved, and perhaps edited.

    Raises
    ------
    SettingsError
        The file is not there, or no plan; the message says where.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read: {error.strerror or error}") from error
    except ValueError as error:
        raise SettingsError(f"{path}: is no JSON ({error})") from error
    if not isinstance(content, dict) or content.get("earmark") != KIND:
        raise SettingsError(f"{path}: is no plan of `earmark tag --plan`")
    if content.get("version") != VERSION:
        raise SettingsError(
            f"{path}: is of version {content.get('version')}; plan again with this Earmark"
        )
    files = []
    for number, given in enumerate(content.get("files") or (), 1):
        try:
            files.append(_file_of(given))
        except (KeyError, TypeError, ValueError) as error:
            raise SettingsError(f"{path}: file {number} of the plan: {error}") from error
    return Plan(tuple(files), Origin(content.get("set"), content.get("model")))


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file, as tables have it."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def _file_of(given: dict[str, object]) -> FilePlan:
    changes = []
    for each in given["changes"]:  # type: ignore[attr-defined]
        name, what = each["field"], each["what"]
        if name not in _PLANNED:
            raise ValueError(f"there is no field {name!r}")
        if what not in ("add", "replace", "append", "keep"):
            raise ValueError(f"{name}: 'what' is {what!r}; add, replace, append or keep")
        for texts in (each["now"], each["then"]):
            if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
                raise TypeError(f"{name}: 'now' and 'then' are lists of texts")
        changes.append(Change(name, tuple(each["now"]), tuple(each["then"]), what))
    texts = {name: given.get(name, "") for name in ("path", "location", "sha256", "left")}
    if not all(isinstance(text, str) for text in texts.values()) or not texts["location"]:
        raise TypeError("path, location and sha256 are texts")
    return FilePlan(
        str(texts["path"]),
        Path(str(texts["location"])),
        str(texts["sha256"]),
        tuple(changes),
        str(texts["left"]),
    )


_REPLAYGAIN = tuple(
    f"{kind}_{name}_{what}"
    for name in ("track", "album")
    for kind, what in (("replaygain", "gain"), ("replaygain", "peak"), ("r128", "gain"))
)

_PLANNED = (
    *("genre", "bpm", "key", "energy", "mood"),
    *_REPLAYGAIN,
    *(f"earmark_{name}" for name in values.SPOTIFY),
    *("earmark_tags", MARK.lower()),
)
"""All fields that a plan may have, in order."""


_COLUMNS = {"genre": "genre", "bpm": "tempo", "key": "mode"}
"""The columns of fields that are told of even where nothing is known of a track."""


def _look(
    row: Mapping[str, object],
    locations: Mapping[str, Path],
    seen: dict[Path, str],
    albums: Albums,
    hashed: bool,
) -> _Known:
    """Read what the tags of a file say, or why it is left."""
    path = str(row["path"])
    file = FilePlan(path, locations.get(path, Path(path)))
    try:
        if path not in locations:
            raise DecodeError(path, "is not in the folder")
        real = file.location.resolve(strict=True)
        if real in seen:
            raise DecodeError(path, f"is the same file as {seen[real]}, whose row is taken")
        seen[real] = path
        tags = open_tags(real)
        digest = sha256_of(real) if hashed else ""
        now = {name: tags.get(name) for name in _PLANNED}
        _refuse(path, row, digest, tags)
        names = real.stat().st_nlink
    except DecodeError as error:
        return _Known(replace(file, left=error.message), {}, {}, False, ())
    except (OSError, RuntimeError) as error:
        reason = f"cannot be read: {getattr(error, 'strerror', None) or error}"
        return _Known(replace(file, left=reason), {}, {}, False, ())
    notes = list(tags.notes)
    if file.location.is_symlink():
        notes.append(f"is a link to {printable(real)}, which is written")
    if names > 1:
        notes.append(f"has {names} names (hard links)")
    return _Known(
        replace(file, location=real, sha256=digest, notes=tuple(notes)),
        now,
        _elsewhere(real, tags),
        tags.is_opus,
        _album(tags, real, albums),
    )


def _refuse(path: str, row: Mapping[str, object], digest: str, tags: Tags) -> None:
    """Refuse a file to which nothing may be written."""
    if tags.refused:
        raise DecodeError(path, tags.refused)
    due = row.get("sha256")
    if digest and isinstance(due, str) and due and due != digest:
        # Our own tags are no change: they name the file that was analysed.
        mark = SOURCE.search(" ".join(tags.get(MARK.lower())))
        if mark is None or not due.startswith(mark[1]):
            raise DecodeError(path, "has changed since it was analysed; extract it again")


def _elsewhere(path: Path, tags: Tags) -> dict[str, list[str]]:
    """Return the values that stand in tags of another kind in the same file."""
    if tags.second is not None:
        return {name: found for name in _PLANNED if (found := tags.second.get(name))}
    if tags.kind == "WAVE" and not tags.get("genre"):
        # RIFF has a genre of its own, and no other of these fields.
        try:
            genre = file_tags.read(path).get("genre")
            return {"genre": genre} if genre else {}
        except DecodeError:
            return {}
    return {}


def _album(tags: Tags, path: Path, albums: Albums) -> tuple[str, ...]:
    """Return what tracks of one album have in common; nothing where a track is of none."""
    folder = str(path.parent)
    if albums == "folder":
        return (folder,)
    title = " ".join(tags.get("album")).strip().casefold()
    if albums == "none" or not title:
        return ()
    # Without whose album it is, two of a name in two folders are two.
    return title, " ".join(tags.get("albumartist")).strip().casefold() or folder


def _album_loudness(
    rows: Sequence[Mapping[str, object]], known: Sequence[_Known]
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
    known: _Known,
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
    for name in _PLANNED:
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
