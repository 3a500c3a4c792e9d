"""Folders are watched: what is new or changed is analysed, classified and, if asked, tagged.

What was done stands in the table, and beside it (``TABLE.watch.json``) the size and time of each
file as it was then: a run that was stopped goes on from there. Events of the system wake the watch;
since they miss things (network drives, full queues), everything is looked through again from time
to time. A file is taken when nobody has changed it for some seconds or has it open for writing.
"""

from __future__ import annotations

import contextlib
import json
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from earmark.classify.library.seen import News, Stamp, files, stamp, watched
from earmark.classify.library.tagging import known, plan, safe, write
from earmark.classify.library.tagging.journal import Journal, default_path
from earmark.extract import tables
from earmark.extract.errors import EarmarkError, SettingsError, WriteError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from earmark.classify.library.tagging.values import Wanted

__all__ = ["BATCH", "RESCAN", "SETTLED", "Watch", "only_one"]

RESCAN = 300.0
"""Seconds after which everything is looked through again."""

SETTLED = 5.0
"""Seconds for which a file must not have changed."""

BATCH = 16
"""Files that are analysed before the table is written, and before the watch may stop."""

SOONEST = 0.2
"""Seconds between two looks at the least."""

State = dict[str, Stamp]


@dataclass
class Watch:
    """What is watched, and what is done.

    Parameters
    ----------
    folders : sequence of Path
        Searched at every depth.
    table : Path
        Gets a row per track.
    model : Path, optional
        By default the one that ships.
    wanted : Wanted, optional
        The tags that are written; none without.
    settled : float
        Seconds for which a file must not have changed.
    workers : int
        Processes.
    say : callable
        Called with what a reader should know.
    stopped : threading.Event
        Set it to end the watch after the files that are being analysed.
    """

    folders: Sequence[Path]
    table: Path
    model: Path | None = None
    wanted: Wanted | None = None
    settled: float = SETTLED
    workers: int = 1
    say: Callable[[str], object] = print
    stopped: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        tables.check_output(self.table, "predictions")
        for folder in self.folders:
            if not folder.is_dir():
                raise SettingsError(f"{folder}: is no folder that could be watched")
        self._state = _read_state(self._state_path)
        self._failed: State = {}
        self._waiting: set[Path] = set()

    @property
    def _state_path(self) -> Path:
        return self.table.with_name(f"{self.table.name}.watch.json")

    def look(self, among: Iterable[Path] | None = None) -> float | None:
        """Analyse what is new or changed and has settled.

        Parameters
        ----------
        among : iterable of Path, optional
            Folders in which something has happened; by default everything is looked through.

        Returns
        -------
        float or None
            Seconds after which it is worth to look again, since files have not settled yet; None
            where all is done.
        """
        ready: list[Path] = []
        pauses: list[float] = []
        if among is None:
            self._waiting.clear()
            found = files([folder.absolute() for folder in self.folders])
        else:
            # Whether what a link leads to is here by its own name, only a look at all can tell.
            folders = {folder.absolute() for folder in among} | self._waiting
            self._waiting = set()
            found = files(sorted(folders), links=False)
        for name, own in found:
            if own in (self._state.get(name), self._failed.get(name)):
                continue
            path = Path(name)
            left = self.settled - (time.time() - own[1] / 1e9)
            if left > 0 or safe.is_being_written(path):
                # A clock may be wrong, and a writer take his time.
                pauses.append(left if 0 < left < self.settled else self.settled)
                self._waiting.add(path.parent)
                continue
            ready.append(path)
        for start in range(0, len(ready), BATCH):
            if self.stopped.is_set():
                return None
            self._take(ready[start : start + BATCH])
        return max(min(pauses), SOONEST) if pauses else None

    def run(self, rescan: float = RESCAN) -> None:
        """Watch until `stopped` is set."""
        news = News()
        with watched(self.folders, news, self.say):
            due = time.monotonic()
            while not self.stopped.is_set():
                happened = news.take()
                if time.monotonic() >= due:
                    soon = self.look()
                    due = time.monotonic() + rescan
                else:
                    soon = self.look(happened)
                until = due if soon is None else min(due, time.monotonic() + soon)
                while not self.stopped.is_set() and time.monotonic() < until:
                    if news.wait(SOONEST):
                        # What is copied comes in many events.
                        until = min(until, time.monotonic() + max(self.settled, SOONEST))

    def _take(self, paths: list[Path]) -> None:
        """Analyse some files, write their rows, and tag them if asked."""
        before = {str(path): own for path in paths if (own := stamp(path))}
        try:
            found = known.of_files(
                [Path(path) for path in before],
                self.model,
                level=self.wanted is not None and "replaygain" in self.wanted.fields,
                workers=self.workers,
            )
        except EarmarkError as error:
            self.say(str(error))
            self._failed |= before
            return
        for path, _, _, message in found.failures:
            self.say(f"{path}: {message}")
        rows = found.rows[found.rows["path"].isin(list(found.locations))]
        places = {name: str(place) for name, place in found.locations.items()}
        # What changed while it was read is read again.
        still = {path for path, own in before.items() if stamp(Path(path)) == own}
        rows = rows[rows["path"].map(places).isin(list(still))]
        done = set(rows["path"].map(places))
        self._failed |= {path: before[path] for path in still - done}
        if not done:
            return
        if self.wanted is not None:
            self._tag(rows, found)
        _add(self.table, rows.assign(path=rows["path"].map(places)))
        self._state |= {path: own for path in done if (own := stamp(Path(path)))}
        with tables.atomic(self._state_path) as temporary:
            temporary.write_text(json.dumps(self._state), encoding="utf-8")
        self.say(f"{len(done)} {'track' if len(done) == 1 else 'tracks'} analysed")

    def _tag(self, rows: pd.DataFrame, found: known.Known) -> None:
        made = plan.make(rows, found.locations, self.wanted or _nothing(), origin=found.origin)
        base = default_path()
        log = self.table.absolute().parent / base
        number = 1
        while log.exists():
            log = log.with_name(f"{base.stem}-{number}{base.suffix}")
            number += 1
        with Journal(log) as journal:
            done = write.carry_out(made, journal)
        for path, reason in done.left:
            self.say(f"{path}: {reason}")
        if done.counts["written"]:
            self.say(f"{done.counts['written']} tagged; back with: earmark untag {log}")


@contextlib.contextmanager
def only_one(table: Path) -> Iterator[None]:
    """Let one watch at a time write to a table.

    Raises
    ------
    WriteError
        Another one does.
    """
    lock = table.with_name(f"{table.name}.lock")
    with lock.open("a") as handle:
        try:
            safe.lock(handle.fileno())
        except OSError as error:
            raise WriteError(
                table, "is kept by another `earmark watch`; stop that one, or name another table"
            ) from error
        yield


def _nothing() -> Wanted:
    from earmark.classify.library.tagging.values import Wanted

    return Wanted(())


def _read_state(path: Path) -> State:
    try:
        held = json.loads(path.read_text(encoding="utf-8"))
        return {name: (int(size), int(time_)) for name, (size, time_) in held.items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise WriteError(
            path, "is damaged; remove it, and everything is analysed once more"
        ) from error


def _add(table: Path, rows: pd.DataFrame) -> None:
    """Add rows to a table, in the place of those of the same tracks."""
    if table.exists():
        held = tables.read(table).frame
        rows = pd.concat([held[~held["path"].isin(list(rows["path"]))], rows], ignore_index=True)
    tables.write(rows, table)
