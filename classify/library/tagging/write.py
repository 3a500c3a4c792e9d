"""A plan is carried out: every file is changed in one step, and none that is not proven."""

from __future__ import annotations

import hashlib
import mmap
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, TypeVar

from earmark.classify.library.tagging import delta, journal, safe, sound
from earmark.classify.library.tagging.look import sha256_of
from earmark.classify.library.tagging.opened import open_tags
from earmark.extract.errors import DecodeError, FileError, WriteError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from earmark.classify.library.tagging.changes import FilePlan, Plan
    from earmark.classify.library.tagging.journal import Journal

__all__ = ["Done", "Rules", "carry_out", "each", "mapped", "set_fields"]


class _File(Protocol):
    """A file of a plan, or of a journal."""

    @property
    def path(self) -> str: ...

    @property
    def location(self) -> Path: ...


F = TypeVar("F", bound=_File)


@dataclass(frozen=True)
class Rules:
    """How files are written.

    Parameters
    ----------
    several_names : bool
        Whether files with hard links are written in place; they are left otherwise.
    keep_times : bool
        Whether a file keeps the time of its last change.
    """

    several_names: bool = False
    keep_times: bool = False


@dataclass
class Done:
    """What became of files.

    Parameters
    ----------
    counts : Counter
        How many files, by what became of them.
    left : list of tuple of str
        The path of each file to which nothing was done though something was to be, and why.
    cleaned : list of Path
        What runs that were killed had left.
    """

    counts: Counter[str] = field(default_factory=Counter)
    left: list[tuple[str, str]] = field(default_factory=list)
    cleaned: list[Path] = field(default_factory=list)


def carry_out(
    plan: Plan,
    log: Journal,
    rules: Rules | None = None,
    report: Callable[[int, int], object] = lambda _done, _total: None,
) -> Done:
    """Write the tags of a plan.

    Parameters
    ----------
    plan : Plan
        Files that have changed since it was made are left.
    log : Journal
        Holds every change before it is made.
    rules : Rules, optional
        How files are written.
    report : callable
        Called with the number of files that are done, and that of all.

    Raises
    ------
    WriteError
        The journal cannot be written: then nothing else is, either.
    """
    rules = rules or Rules()
    return each(plan.files, lambda file: _write(file, log, rules), log, report)


def each(
    files: Sequence[F],
    act: Callable[[F], str],
    log: Journal,
    report: Callable[[int, int], object],
) -> Done:
    """Do something to files one after the other: one that cannot be changed stops no other.

    Parameters
    ----------
    files : sequence
        With ``path`` and ``location``.
    act : callable
        Does it to one of them, and says what became of it.
    log, report
        As for `carry_out`.

    Raises
    ------
    WriteError
        The journal cannot be written: then nothing else is, either.
    """
    done = Done(cleaned=safe.clean(file.location.parent for file in files))
    for number, file in enumerate(files):
        report(number, len(files))
        try:
            done.counts[act(file)] += 1
        except FileError as error:
            if error.path == str(log.path):
                raise
            done.left.append((file.path, error.message))
    return done


def set_fields(
    path: Path,
    wanted: Mapping[str, Sequence[str]],
    sha256: str,
    log: Journal,
    rules: Rules,
) -> None:
    """Set fields of a file, all of them or none.

    Parameters
    ----------
    path : Path
        The file itself, not a link to it.
    wanted : mapping of str to sequence of str
        The values by field; a field without values is removed.
    sha256 : str
        Of the file that is meant.
    log : Journal
        Gets the change before it is made.
    rules : Rules
        How the file is written.

    Raises
    ------
    WriteError
        It was not written: another file stands there, it must not be written to, or what was
        written is not what was to be.
    DecodeError
        Its tags or its sound cannot be read.
    """
    with safe.Copy(path, several_names=rules.several_names) as copy:
        if sha256_of(copy.path) != sha256:
            raise WriteError(path, "has changed since the plan was made; plan again")
        tags = open_tags(copy.path)
        if tags.refused:
            raise WriteError(path, tags.refused)
        others = tags.others(list(wanted))
        before = {name: tags.get(name) for name in wanted}
        try:
            for name, values in wanted.items():
                tags.set(name, values)
            after = {name: tags.get(name) for name in wanted}
            tags.save(copy.path)
        except Exception as error:
            # The library breaks in more ways than it has errors for.
            raise WriteError(path, f"its tags cannot be written: {error}") from error
        _prove(path, copy.path, others, after)
        heard = sound.digest(path)
        if sound.digest(copy.path) != heard:
            raise WriteError(path, "would not sound the same; it is left as it is")
        copy.settle(copy.before.st_mtime_ns if rules.keep_times else None)
        new = mapped(copy.path)
        way_back = delta.encode(new, mapped(path))
        total = hashlib.sha256()
        for piece in delta.apply(new, way_back):
            total.update(piece)
        if total.hexdigest() != sha256:
            raise WriteError(path, "could not be brought back; it is left as it is")
        log.add(
            journal.Entry(
                path=str(path),
                old=sha256,
                new=sha256_of(copy.path),
                modified=copy.before.st_mtime_ns,
                sound=heard,
                fields={name: (before[name], after[name]) for name in wanted},
                delta=way_back,
            )
        )
        copy.commit()


def mapped(path: Path) -> mmap.mmap:
    """Return the content of a file that is not empty, without reading it into memory."""
    with path.open("rb") as handle:
        return mmap.mmap(handle.fileno(), 0, access=mmap.ACCESS_READ)


def _write(file: FilePlan, log: Journal, rules: Rules) -> str:
    if file.left:
        raise WriteError(file.path, file.left)
    if not file.written:
        return "unchanged"
    wanted = {change.field: change.then for change in file.written}
    set_fields(file.location, wanted, file.sha256, log, rules)
    return "written"


def _prove(
    path: Path,
    copy: Path,
    others: Iterable[tuple[str, object]],
    after: Mapping[str, Sequence[str]],
) -> None:
    """Read what was written, and refuse it where it is not what was to be."""
    try:
        tags = open_tags(copy)
    except DecodeError as error:
        raise WriteError(path, f"could not be read again: {error.message}") from error
    for name, values in after.items():
        if tags.get(name) != values:
            raise WriteError(
                path,
                f"its format cannot hold {name} = {'; '.join(values)!r}: it would say "
                f"{'; '.join(tags.get(name))!r}",
            )
    if tags.others(list(after)) != list(others):
        raise WriteError(path, "holds other tags that would not stay as they are; it is left")
