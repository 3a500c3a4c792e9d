"""What a journal says is undone, or held against the files."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING

import pandas as pd

from earmark.classify.library.tagging import delta, safe
from earmark.classify.library.tagging.look import sha256_of
from earmark.classify.library.tagging.opened import open_tags
from earmark.classify.library.tagging.write import Done, Rules, each, mapped, set_fields
from earmark.extract.audio.sources import find
from earmark.extract.errors import DecodeError, WriteError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from earmark.classify.library.tagging.journal import Entry, Journal

__all__ = ["compare", "moved", "undo"]


def undo(
    entries: Sequence[Entry],
    log: Journal,
    fields: Iterable[str] | None = None,
    rules: Rules | None = None,
    report: Callable[[int, int], object] = lambda _done, _total: None,
) -> Done:
    """Undo the changes of a journal, the last first.

    A file that is as Earmark left it becomes what it was, to the byte. One that was changed since
    gets back the old values of those fields that still say what Earmark wrote, and keeps the rest.

    Parameters
    ----------
    entries : sequence of Entry
        Of the journal.
    log : Journal
        Gets what is undone field by field.
    fields : iterable of str, optional
        Only these are undone; by default everything.
    rules : Rules, optional
        How files are written.
    report : callable
        Called with the number of files that are done, and that of all.

    Raises
    ------
    WriteError
        The journal cannot be written: then nothing else is, either.
    """
    rules = rules or Rules(keep_times=True)
    chosen = None if fields is None else list(fields)
    return each(entries[::-1], lambda entry: _undo(entry, log, chosen, rules), log, report)


def compare(entries: Sequence[Entry]) -> pd.DataFrame:
    """Hold the files of a journal against it.

    Returns
    -------
    DataFrame
        ``path``, ``field``, ``now``, ``then`` and ``what``: for every file what became of it
        (``as written``, ``as before``, ``changed since``, or why it cannot be read), and for one
        that was changed since, the fields that say something else than was written.
    """
    rows: list[tuple[str, str, str, str, str]] = []
    for entry in {entry.path: entry for entry in entries}.values():
        try:
            now = sha256_of(entry.location)
            state = {entry.new: "as written", entry.old: "as before"}.get(now)
            if state:
                rows.append((entry.path, "", "", "", state))
                continue
            tags = open_tags(entry.location)
        except OSError as error:
            reason = f"cannot be read: {error.strerror or error}"
            rows.append((entry.path, "", "", "", reason))
            continue
        except DecodeError as error:
            rows.append((entry.path, "", "", "", error.message))
            continue
        rows.append((entry.path, "", "", "", "changed since"))
        rows += [
            (entry.path, name, "; ".join(tags.get(name)), "; ".join(after), "changed since")
            for name, (_, after) in entry.fields.items()
            if tags.get(name) != after
        ]
    return pd.DataFrame(rows, columns=["path", "field", "now", "then", "what"], dtype="str")


def moved(entries: Sequence[Entry], folder: Path) -> list[Entry]:
    """Find files that are no longer where a journal has them, by their sums, in a folder.

    Raises
    ------
    FindError
        The folder holds no audio.
    """
    gone = {entry.path for entry in entries if not entry.location.is_file()}
    if not gone:
        return list(entries)
    tracks, failures = find([folder])
    if not tracks:
        raise failures[0]
    places = {}
    for track in tracks:
        try:
            places[sha256_of(track.location)] = track.location
        except OSError:
            continue
    found = {
        entry.path: place
        for entry in entries
        if entry.path in gone and (place := places.get(entry.new) or places.get(entry.old))
    }
    return [
        replace(entry, path=str(found[entry.path].resolve())) if entry.path in found else entry
        for entry in entries
    ]


def _undo(entry: Entry, log: Journal, fields: list[str] | None, rules: Rules) -> str:
    """Undo the change of one file, and say what that was."""
    path = entry.location
    try:
        now = sha256_of(path)
    except OSError as error:
        raise WriteError(
            path,
            f"cannot be read: {error.strerror or error}; was it moved? --audio names its folder",
        ) from error
    if now == entry.old:
        return "as before"
    if fields is None and now == entry.new:
        _bring_back(entry, rules)
        return "restored"
    tags = open_tags(path)
    chosen = {name: pair for name, pair in entry.fields.items() if fields is None or name in fields}
    ours = {name: before for name, (before, after) in chosen.items() if tags.get(name) == after}
    changed = {name: before for name, before in ours.items() if tags.get(name) != before}
    if changed:
        set_fields(path, changed, now, log, rules)
    if len(ours) < len(chosen):
        kept = ", ".join(name for name in chosen if name not in ours)
        raise WriteError(path, f"was changed since: {kept} says something else now, and is kept")
    return "restored by field" if changed else "as before"


def _bring_back(entry: Entry, rules: Rules) -> None:
    path = entry.location
    with safe.Copy(path, several_names=rules.several_names, filled=False) as copy:
        total = hashlib.sha256()
        try:
            with copy.path.open("r+b") as file:
                for piece in delta.apply(mapped(path), entry.delta):
                    total.update(piece)
                    file.write(piece)
        except ValueError as error:
            raise WriteError(path, f"what the journal holds of it {error}") from error
        except OSError as error:
            raise WriteError(
                path, f"cannot be written, and is as it was: {error.strerror or error}"
            ) from error
        if total.hexdigest() != entry.old:
            raise WriteError(path, "would not become what it was; the journal is damaged")
        copy.settle(entry.modified)
        copy.commit()
