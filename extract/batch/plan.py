"""What there is to do: which tracks are analysed, and whose values stand already.

A file of the same size and time of change is what it was. Where these differ, and where another
file of its size is known, the content decides: it is analysed once, under however many names.
"""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from earmark.extract.audio import remote
from earmark.extract.batch.track import Digest
from earmark.extract.errors import WriteError, printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from earmark.extract.audio.sources import Track
    from earmark.extract.batch.executors import Executor
    from earmark.extract.batch.standing import Ledger, Standing

__all__ = ["Plan", "plan", "where"]


@dataclass
class Plan:
    """What is to be done with each track, by its index.

    Parameters
    ----------
    stamps : list of str
        Of the files, now.
    standing : dict of str
        The name under which the rows of a track stand already.
    failed : set
        Tracks that failed before, and have not changed since.
    copies : dict of int
        The track that has the same content and is analysed for both.
    analysed : list
        The others, in order.
    gone : list of str
        Names of tracks with rows that were not found, nor their content under another name.
    counts : Counter
        How many are ``new``, ``changed``, ``unchanged``, ``moved``, ``copies`` (of other files),
        ``failed_before`` and ``gone``.
    """

    stamps: list[str]
    standing: dict[int, str] = field(default_factory=dict)
    failed: set[int] = field(default_factory=set)
    copies: dict[int, int] = field(default_factory=dict)
    analysed: list[int] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)


def plan(
    tracks: Sequence[Track],
    stamps: list[str],
    there: Standing,
    finished: Mapping[int, str],
    executor: Executor,
    *,
    retry_failed: bool,
) -> Plan:
    """Decide what is to be done with each track.

    Parameters
    ----------
    tracks : sequence of Track
        All that were found.
    stamps : list of str
        Of their files.
    there : Standing
        What is known.
    finished : mapping
        The content of tracks that an interrupted run has finished, by index; empty where it is not
        known.
    executor : Executor
        Who reads files whose content has to be known.
    retry_failed : bool
        Whether what failed before is analysed again.

    Raises
    ------
    WriteError
        A track would take the name of another that is still there.
    """
    ledger = there.ledger
    result = Plan(stamps)
    _check_names(tracks, ledger)
    open_ = []
    for index, track in enumerate(tracks):
        entry = ledger.get(track.path)
        known = entry is not None and entry.stamp and entry.stamp == result.stamps[index]
        if known and entry is not None and entry.failure and not retry_failed:
            result.failed.add(index)
            result.counts["failed_before"] += 1
        elif known and entry is not None and there.sha256(track.path) == entry.sha256:
            result.standing[index] = track.path
            result.counts["unchanged"] += 1
        else:
            open_.append(index)
    digests = {**finished, **_digests(tracks, open_, stamps, there, finished, executor)}
    names = {track.path for track in tracks}
    by_content = _by_content(there, names)
    first: dict[str, int] = {}
    moved: set[str] = set()
    for index in open_:
        path, digest = tracks[index].path, digests.get(index, "")
        before = there.sha256(path) or (path in ledger and ledger[path].sha256)
        if digest and digest == there.sha256(path):
            result.standing[index] = path
            result.counts["unchanged"] += 1
        elif digest in by_content:
            other = by_content[digest]
            result.standing[index] = other
            result.counts["copies" if other in names or other in moved else "moved"] += 1
            moved.add(other)
        elif digest in first:
            result.copies[index] = first[digest]
            result.counts["copies"] += 1
        else:
            if digest:
                first[digest] = index
            result.analysed.append(index)
            result.counts["changed" if before else "new"] += 1
    result.gone = [path for path in there.order if path not in names and path not in moved]
    result.counts["gone"] = len(result.gone)
    return result


def _digests(
    tracks: Sequence[Track],
    open_: Sequence[int],
    stamps: Sequence[str],
    there: Standing,
    finished: Mapping[int, str],
    executor: Executor,
) -> dict[int, str]:
    """Return the content of those files that may be known under some name."""
    sizes = Counter(_size(stamps[index]) for index in open_)
    known = {entry.size for entry in there.ledger.values() if entry.sha256}
    # Of rows without an entry, the size is not known.
    unknown = any(path not in there.ledger for path in there.order)
    wanted = [
        index
        for index in open_
        if stamps[index]
        and index not in finished
        and (
            unknown
            or sizes[_size(stamps[index])] > 1
            or _size(stamps[index]) in known
            or there.sha256(tracks[index].path)
        )
    ]
    if not wanted:
        return {}
    found = executor.run([tracks[index] for index in wanted], Digest())
    return {wanted[at]: outcome.sha256 for at, outcome in found if outcome.sha256}


def where(track: Track) -> str:
    """Return where a track is, as a ledger says it."""
    if track.remote is not None:
        return remote.shown(track.remote.url)
    # Much quicker than the same of a Path.
    return printable(os.path.abspath(track.location))  # noqa: PTH100


def _size(stamp: str) -> str:
    return stamp.partition("-")[0]


def _by_content(there: Standing, names: Iterable[str]) -> dict[str, str]:
    """Return a name under which each content stands; rather one that is not there any more."""
    present = set(names)
    ordered = sorted(there.order, key=lambda path: path not in present)
    return {sha256: path for path in ordered if (sha256 := there.sha256(path))}


def _check_names(tracks: Sequence[Track], ledger: Ledger) -> None:
    """Refuse tracks that are called like others of the table, which are still where they were."""
    for track in tracks:
        entry = ledger.get(track.path)
        if entry is None or entry.location == where(track):
            continue
        before = Path(entry.location)
        # The folder that was named may have moved; then nothing is there any more.
        # A file at a URL is taken to be there still; to ask would take a request for each.
        other = remote.is_url(entry.location) or (
            before.is_file() and (track.remote or not before.samefile(track.location))
        )
        if other:
            raise WriteError(
                where(track),
                f"would be called {track.path}, as {entry.location} is, whose row stands in the "
                "table already; name both folders, name another output, or replace it with --force",
            )
