"""Tags of files are planned, written and undone; this runs in a worker, which reads the files.

The work is that of `earmark tag` and `earmark untag`, with all that they promise: a file is
replaced in one step by a copy that is proven to sound the same, and what was there is in a journal
before. So a job that is stopped leaves every file as it was, or as it was to be.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from earmark.classify import sound_tags
from earmark.classify.app.jobs import track_list
from earmark.classify.library.tagging import journal, plan, restore, stored, write
from earmark.classify.library.tagging.fields import MARK

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    from earmark.classify.app.jobs.track_list import Item
    from earmark.classify.library.tagging.changes import FilePlan, Origin
    from earmark.classify.library.tagging.values import Wanted

__all__ = [
    "FIELDS",
    "MODES",
    "SECONDS",
    "WritingTo",
    "changes_of",
    "journals",
    "new_journal",
    "planned",
    "rows_of",
    "undone",
    "written",
]

SECONDS = 0.2
"""How long the tags of one file may take, one with another: some lie on a network drive."""

FIELDS = {
    "genre": "Genre",
    "bpm": "Tempo",
    "key": "Key",
    "energy": "Energy",
    "mood": "Mood",
    "values": "Spotify's values",
    "tags": "Words of listeners",
}
"""What can be written here, and what it is called."""

MODES: dict[plan.Mode, str] = {
    "keep": "Fill what is empty",
    "append": "Add genres and moods",
    "overwrite": "Replace what is there",
}
"""What happens to values that are there, and what that is called."""

ELSEWHERE = "lies outside of the root folder, where nothing is written"


@dataclass(frozen=True)
class WritingTo:
    """Where is written.

    Parameters
    ----------
    root : Path
        No file outside of it is touched.
    log : Path
        The journal.
    """

    root: Path
    log: Path


def rows_of(items: Iterable[Item]) -> pd.DataFrame:
    """Return what is known of tracks, as plans take it."""
    done = [item for item in items if item.analysis is not None]
    known = track_list.table(done)
    words = [[tag for tag, _ in item.analysis.tags] for item in done if item.analysis]
    known["tags"] = [sound_tags.SEPARATOR.join(each) for each in words]
    known["sha256"] = [item.analysis.sha256 for item in done if item.analysis]
    return known


def planned(
    rows: pd.DataFrame,
    files: Mapping[str, str],
    asked: tuple[Wanted, plan.Mode],
    origin: Origin,
    folder: str,
    report: Callable[[float, str], object],
) -> dict[str, Any]:
    """Plan the tags of files.

    Parameters
    ----------
    rows : DataFrame
        As `rows_of` returns it.
    files : mapping of str to str
        The file of each ``path``.
    asked : tuple of Wanted and str
        Which fields, and what happens to values that are there.
    origin : Origin
        Where the values come from.
    folder : str
        Where the plan is saved: that of the session.
    report : callable
        Called with the share that is done and a text.

    Returns
    -------
    dict
        ``plan``, the file in which it is saved; ``changes``, as from
        `earmark.classify.library.tagging.plan.table`; ``notes``, what a reader has to know.
    """
    wanted, mode = asked
    made = plan.make(
        rows,
        {name: Path(file) for name, file in files.items()},
        wanted,
        mode=mode,
        origin=origin,
        report=_counted(report, "tags of {} of {} files read"),
    )
    saved = Path(folder) / "tags.json"
    stored.save(made, saved)
    notes = [f"{file.path}: {note}" for file in made.files for note in file.notes]
    return {"plan": str(saved), "changes": plan.table(made), "notes": notes}


def written(
    saved: str,
    refused: Collection[tuple[str, str]],
    where: WritingTo,
    report: Callable[[float, str], object],
) -> dict[str, Any]:
    """Carry out a plan.

    Parameters
    ----------
    saved : str
        The file with the plan.
    refused : collection of tuple of str
        The changes that are not wanted: path, as in the plan, and field.
    where : WritingTo
        Where is written.
    report : callable
        Called with the share that is done and a text.

    Returns
    -------
    dict
        ``counts``, how many files by what became of them, and ``left``: path, and why.
    """
    made = stored.load(Path(saved))
    files = tuple(_reviewed(file, refused, where.root) for file in made.files)
    with journal.Journal(where.log) as log:
        done = write.carry_out(
            replace(made, files=files), log, report=_counted(report, "{} of {} files written")
        )
    return _told(done)


def changes_of(named: str, root: Path) -> pd.DataFrame:
    """Return what a journal says was changed: ``path`` below the root, ``field``, both values."""
    rows = [
        (_below(entry.location, root) or entry.path, name, "; ".join(before), "; ".join(after))
        for entry in journal.read(Path(named))
        for name, (before, after) in entry.fields.items()
        if name != MARK.lower()
    ]
    return pd.DataFrame(rows, columns=["path", "field", "before", "written"], dtype="str")


def undone(named: str, where: WritingTo, report: Callable[[float, str], object]) -> dict[str, Any]:
    """Undo what a journal says, as `earmark untag` does.

    Parameters
    ----------
    named : str
        The journal.
    where : WritingTo
        Where is written; its journal gets what is undone field by field.
    report : callable
        Called with the share that is done and a text.

    Returns
    -------
    dict
        As from `written`.
    """
    entries = journal.read(Path(named))
    # A journal is a file like others: anybody may have named any path in it.
    inside = [entry for entry in entries if _below(entry.location, where.root)]
    with journal.Journal(where.log) as log:
        done = restore.undo(inside, log, report=_counted(report, "{} of {} files looked at"))
    found = _told(done)
    found["left"] += [(entry.path, ELSEWHERE) for entry in entries if entry not in inside]
    names = {entry.path: _below(entry.location, where.root) for entry in inside}
    found["left"] = [(names.get(path) or path, why) for path, why in found["left"]]
    return found


def journals(root: Path) -> list[Path]:
    """Return the journals in the root folder, the newest first."""
    found = [path for path in root.glob("*.journal") if path.is_file() and _is_journal(path)]
    return sorted(found, key=lambda path: (path.stat().st_mtime_ns, path.name), reverse=True)


def new_journal(root: Path, of: Path | None = None) -> Path:
    """Return where a journal may be written: in the root folder, under a name that nothing has.

    Parameters
    ----------
    root : Path
        The root folder.
    of : Path, optional
        The journal that is undone; by default one for what is written now.

    Raises
    ------
    WriteError
        The folder takes no files.
    """
    first = root / journal.default_path() if of is None else of
    kind = "" if of is None else ".undone"
    names = [first] if of is None else []
    names += [first.with_name(f"{first.stem}{kind}-{number}.journal") for number in range(1, 1000)]
    free = next((path for path in names if not path.exists()), names[0])
    # It says what is wrong now, and not after hours.
    journal.Journal(free)
    return free


def _is_journal(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            first = json.loads(file.readline(1000))
        return bool(first["earmark"] == journal.KIND)
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _reviewed(file: FilePlan, refused: Collection[tuple[str, str]], root: Path) -> FilePlan:
    """Return what is left of the plan of a file."""
    if not file.left and not _below(file.location, root):
        return replace(file, left=ELSEWHERE)
    kept = tuple(each for each in file.changes if (file.path, each.field) not in refused)
    # The field that says what is Earmark's stands for no value of its own.
    if all(each.what == "keep" or each.field == MARK.lower() for each in kept):
        kept = ()
    return replace(file, changes=kept)


def _below(path: Path, root: Path) -> str:
    """Return a path relative to the root; empty where links lead out of it."""
    try:
        return path.resolve().relative_to(root).as_posix()
    except (OSError, RuntimeError, ValueError):
        return ""


def _counted(report: Callable[[float, str], object], text: str) -> Callable[[int, int], object]:
    return lambda done, total: report(done / max(total, 1), text.format(done, total))


def _told(done: write.Done) -> dict[str, Any]:
    return {"counts": dict(done.counts), "left": list(done.left)}
