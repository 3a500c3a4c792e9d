"""Many files: workers, progress, failures."""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from pandas.api.types import pandas_dtype

from earmark.extract import partitioned, sets, tables
from earmark.extract.audio import sources as files
from earmark.extract.batch import report
from earmark.extract.batch.checkpoint import Finished, Memory, Parts
from earmark.extract.batch.executors import Executor, Here
from earmark.extract.batch.plan import Plan, plan, where
from earmark.extract.batch.report import Counts, Effort
from earmark.extract.batch.standing import Entry, Ledger, Standing, standing
from earmark.extract.batch.track import (
    Analysis,
    Extraction,
    Outcome,
    failure,
    stamp,
)
from earmark.extract.errors import FindError, SettingsError, WriteError
from earmark.extract.feature_table import FeatureTable
from earmark.extract.key_names import check_named, with_names
from earmark.extract.provenance import Provenance

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from earmark.extract.audio.sources import Track
    from earmark.extract.batch.track import Failure
    from earmark.extract.key_names import Notation
    from earmark.extract.schema import Schema

__all__ = ["Extraction", "Result", "extract", "tabulate"]

ROWS_AT_ONCE = 4_000
"""Rows that are laid together to be written: a table of millions is never held."""


def tabulate(results: Sequence[Outcome], schema: Schema) -> pd.DataFrame:
    """Lay those rows of outcomes together that a schema is of: of tracks, or of windows."""
    good = [outcome for outcome in results if outcome.failure is None]
    wanted = [np.isnan(outcome.starts) == (schema.windows is None) for outcome in good]
    counts = [int(rows.sum()) for rows in wanted]

    def joined(pick: Callable[[Outcome], NDArray[np.float64]]) -> NDArray[np.float64]:
        return np.concatenate(
            [pick(outcome)[rows] for outcome, rows in zip(good, wanted, strict=True)]
        )

    data: dict[str, object] = {"path": np.repeat([outcome.path for outcome in good], counts)}
    if schema.windows is not None:
        data["start"] = joined(lambda outcome: outcome.starts) if good else []
        data["seconds"] = joined(lambda outcome: outcome.seconds) if good else []
    data["sha256"] = np.repeat([outcome.sha256 for outcome in good], counts)
    columns = schema.columns
    values = joined(lambda outcome: outcome.values) if good else np.empty((0, len(columns)))
    for index, column in enumerate(columns):
        data[column.name] = pd.Series(values[:, index]).astype(pandas_dtype(column.dtype))
    return pd.DataFrame(data).astype({"path": "str", "sha256": "str"})


@dataclass(frozen=True)
class Result:
    """What a run gave.

    Parameters
    ----------
    described, rows : int
        Number of tracks that could be analysed, and of rows in the table.
    failures : list of tuple of str
        Path, stage, error and message of what could not be analysed.
    notes : list of tuple of str
        Path and note of what is odd about files that could be analysed.
    held : tuple of FeatureTable
        The tables, where they were not written: the one that was asked for and, where the
        extraction asks for both, the one with a row per track.
    written : tuple of Path
        Where they were written.
    unsearched : Counter
        How many files of folders were not searched, by their endings.
    counts : Counts
        What became of the files that were found.
    kept : Parts, optional
        What was kept beside `keep` in case of an interruption; whoever asked for it removes it.
    """

    described: int
    rows: int
    failures: list[tuple[str, ...]]
    notes: list[tuple[str, str]]
    held: tuple[FeatureTable, ...] = ()
    written: tuple[Path, ...] = ()
    unsearched: Counter[str] = field(default_factory=Counter)
    counts: Counts = field(default_factory=Counts)
    kept: Parts | None = None

    @property
    def table(self) -> pd.DataFrame:
        """A row per track or window, in the order of the tracks; it carries its provenance."""
        return (self.held[0] if self.held else tables.read(self.written[0])).to_frame()

    @property
    def tracks(self) -> pd.DataFrame | None:
        """A row per track, where the extraction asks for those beside the rows of windows."""
        if self.held:
            return self.held[1].to_frame() if len(self.held) > 1 else None
        return tables.read(self.written[1]).to_frame() if len(self.written) > 1 else None


def extract(
    sources: Iterable[str | Path],
    extraction: Extraction,
    *,
    output: Path | None = None,
    tracks_output: Path | None = None,
    header_rows: int = 1,
    executor: Executor | None = None,
    progress: bool = False,
    prune: bool = False,
    retry_failed: bool = False,
    force: bool = False,
    keep: Path | None = None,
    notation: Notation | None = None,
) -> Result:
    """Analyse every audio file of the sources.

    Parameters
    ----------
    sources : iterable of str or Path
        Files and folders.
    extraction : Extraction
        What to compute.
    output : Path, optional
        Where the table goes, and failures, notes, ledger and report beside it. Where one stands
        there, only what is new or changed is analysed, and without a single row it is kept.
        Finished tracks are kept in a folder ``<output>.parts`` meanwhile, so that an interrupted
        run goes on where it was.
    tracks_output : Path, optional
        Where the table with a row per track goes, of a job that asks for both.
    header_rows : {1, 3}
        Rows of the header of a CSV; three as the Free Music Archive's table has them.
    executor : Executor, optional
        Who analyses the tracks; by default this process. The table is the same for any.
    progress : bool
        Show a bar on stderr.
    prune : bool
        Take the rows of files out that are gone.
    retry_failed : bool
        Analyse files again that failed before and have not changed.
    force : bool
        Make the table anew, and replace what stands there whatever it is.
    keep : Path, optional
        Without an output: finished tracks are kept in ``<keep>.parts`` meanwhile, and until
        whoever asked for it removes them (`Result.kept`).
    notation : {"musical", "camelot", "openkey"}, optional
        Also name the keys, in the column `key_name`; a table has it if it was asked for last.

    Raises
    ------
    FindError
        The sources hold no audio at all, or some of them not and rows are to be taken out.
    WriteError
        The output cannot be written, or holds what would be lost.
    SettingsError
        Three header rows for what has them not, or names of keys for what has no key.
    """
    begun = time.monotonic()
    executor = executor or Here()
    headers = _checked_headers(extraction, output, header_rows)
    paths = _checked_outputs(output, tracks_output)
    unsearched: Counter[str] = Counter()
    tracks, unfound = files.find(list(sources), unsearched, urls=True)
    if not tracks:
        raise unfound[0] if unfound else FindError("sources", "name at least one file or folder")
    if prune and unfound:
        message = f"{unfound[0].message}; nothing is taken out while a source cannot be searched"
        raise FindError(unfound[0].path, message)
    schemas = _checked_schemas(extraction, notation)
    there = standing(
        dict(zip(paths, schemas, strict=False)),
        extraction.made,
        len(tracks),
        force=force,
        readable=not headers,
    )
    beside = output or keep
    store: Parts | Memory = Parts(beside, extraction) if beside else Memory()
    stamps = [stamp(track) for track in tracks]
    finished = store.finished(tracks, stamps)
    contents = {index: known.sha256 for index, known in finished.items()}
    todo = plan(tracks, stamps, there, contents, executor, retry_failed=retry_failed)
    finished = {
        index: finished[index]
        for index in todo.analysed
        if index in finished and not (retry_failed and finished[index].failure)
    }
    effort = _analyse(tracks, todo, finished, extraction, executor, store, progress)
    failure_of = _failures(tracks, todo, finished, there)
    failures: list[tuple[str, ...]] = [failure(error.path, error) for error in unfound]
    failures += [row for _, row in sorted(failure_of.items())]
    described = len(tracks) - len(failure_of)
    found = _Found(tracks, todo, there, store, [] if prune else todo.gone)
    counts = Counts(
        found=len(tracks),
        described=described,
        failed=len(failure_of),
        unfound=len(unfound),
        pruned=len(todo.gone) - len(found.gone),
        **todo.counts,
    )
    if output is None:
        everything = list(found.outcomes())
        held = tuple(
            FeatureTable(_laid(everything, schema, notation), Provenance(schema), "the analysis")
            for schema in schemas
        )
        return Result(
            *(described, len(held[0]), failures, found.notes),
            held=held,
            unsearched=unsearched,
            counts=counts,
            kept=store if isinstance(store, Parts) else None,
        )
    good = [track.path for index, track in enumerate(tracks) if index not in failure_of]
    if (
        len(todo.standing) == described
        and all(tracks[index].path == name for index, name in todo.standing.items())
        and there.same_order([*good, *found.gone])
        and not (notation or there.named)
    ):
        rows = there.tables[0].count
        found.stays()
    elif described or found.gone:
        try:
            rows = _write(found.outcomes(), paths, schemas, headers, notation)
        except KeyboardInterrupt as error:
            _say_how_to_go_on(error, store, len(tracks), len(tracks))
            raise
    else:
        # A table that stands there is worth more than an empty one.
        rows = sum(len(outcome.starts) for outcome in found.outcomes())
    tables.write_failures(failures, output)
    tables.write_notes(found.notes, output)
    Ledger.write([*found.entries, *found.others(prune)], extraction.made, output)
    effort.seconds = time.monotonic() - begun
    report.write(output, counts, effort, rows, extraction.schema, failures, found.notes)
    store.remove()
    return Result(
        *(described, rows, failures, found.notes),
        written=paths,
        unsearched=unsearched,
        counts=counts,
    )


def _failures(
    tracks: Sequence[Track], todo: Plan, finished: Mapping[int, Finished], there: Standing
) -> dict[int, Failure]:
    """Return why tracks have no rows, by their index."""
    found = {index: there.ledger[tracks[index].path].failure for index in todo.failed}
    found |= {index: known.failure for index, known in finished.items()}
    for index, first in todo.copies.items():
        row = finished[first].failure
        found[index] = (tracks[index].path, *row[1:]) if row else None
    return {index: row for index, row in found.items() if row}


def _say_how_to_go_on(
    error: KeyboardInterrupt, store: Parts | Memory, done: int, total: int
) -> None:
    if isinstance(store, Parts):
        error.args = (
            f"stopped after {done:,} of {total:,} files, which are kept in {store.folder}; the "
            "same command goes on from there",
        )


@dataclass
class _Found:
    """What became of every track, gathered from where it is.

    Notes and entries of the ledger are there when all outcomes were passed on, since those are
    never held.
    """

    tracks: Sequence[Track]
    todo: Plan
    there: Standing
    store: Parts | Memory
    gone: Sequence[str]
    notes: list[tuple[str, str]] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)

    def outcomes(self) -> Iterator[Outcome]:
        """Yield what became of tracks in order, but of those that failed in an earlier run."""
        for index, track in enumerate(self.tracks):
            believed = self.todo.stamps[index]
            if index in self.todo.failed:
                self.entries.append(self.there.ledger[track.path])
                continue
            if index in self.todo.standing:
                outcome = self.there.outcome(self.todo.standing[index]).named(track.path)
            else:
                outcome = self.store.outcome(self.todo.copies.get(index, index)).named(track.path)
                # What was circumstances in one run may go well in the next.
                believed = outcome.stamp and believed
            self._note(Entry.of(outcome, where(track), believed))
            yield outcome
        yield from map(self.there.outcome, self.gone)

    def stays(self) -> None:
        """Gather notes and entries where all rows stay as they are."""
        for index, track in enumerate(self.tracks):
            entry = self.there.ledger.get(track.path)
            if entry is None or index not in self.todo.failed:
                content, told = self.there.sha256(track.path) or "", entry.notes if entry else ""
                location = where(track)
                entry = Entry(track.path, location, self.todo.stamps[index], content, notes=told)
            self._note(entry)

    def others(self, prune: bool) -> list[Entry]:
        """Return entries of files that were not found: those whose rows stay, and of failures."""
        known = {track.path for track in self.tracks} | {*self.todo.standing.values()}
        entries = self.there.ledger.items()
        return [] if prune else [entry for path, entry in entries if path not in known]

    def _note(self, entry: Entry) -> None:
        self.entries.append(entry)
        self.notes += [(entry.path, note) for note in entry.notes.splitlines()]


def _checked_headers(
    extraction: Extraction, output: Path | None, header_rows: int
) -> Sequence[tuple[str, ...]]:
    headers = sets.get(extraction.set).headers if header_rows == 3 else ()
    if header_rows == 3 and (
        not headers or extraction.windows or output is None or output.suffix.lower() != ".csv"
    ):
        raise SettingsError(
            "three header rows are for the sets fma and fma-compat, a row per track and an output "
            "that ends in .csv"
        )
    return headers


def _checked_schemas(extraction: Extraction, notation: Notation | None) -> list[Schema]:
    """Return what the tables hold; where keys are to be named, there must be some."""
    schemas = [extraction.schema]
    if extraction.windows and extraction.tracks:
        schemas.append(extraction.track_schema)
    if notation:
        for schema in schemas:
            check_named(schema.names, schema.set)
    return schemas


def _checked_outputs(output: Path | None, tracks_output: Path | None) -> tuple[Path, ...]:
    paths = tuple(path for path in (output, tracks_output) if path is not None)
    for path in paths:
        partitioned.settled(path)
        tables.check_output(path, "features")
    if tracks_output and output and tracks_output.absolute() == output.absolute():
        raise WriteError(tracks_output, "cannot hold both tables; name two files")
    return paths


def _analyse(
    tracks: Sequence[Track],
    todo: Plan,
    finished: dict[int, Finished],
    extraction: Extraction,
    executor: Executor,
    store: Parts | Memory,
    progress: bool,
) -> Effort:
    """Analyse what is not finished, and add it to that."""
    effort = Effort()
    rest = [index for index in todo.analysed if index not in finished]
    done = len(tracks) - len(rest)
    try:
        # Closed at once where this is interrupted: what runs ends then.
        with contextlib.closing(
            executor.run([tracks[index] for index in rest], Analysis(extraction))
        ) as results:
            for at, outcome in _with_progress(results, len(tracks), done, progress):
                finished[rest[at]] = Finished.of(outcome)
                effort.audio_seconds += outcome.audio_seconds
                store.add(rest[at], outcome)
    except KeyboardInterrupt as error:
        count = done + len(finished) - (len(todo.analysed) - len(rest))
        _say_how_to_go_on(error, store, count, len(tracks))
        raise
    finally:
        store.save()
    return effort


def _write(
    results: Iterable[Outcome],
    paths: Sequence[Path],
    schemas: Sequence[Schema],
    headers: Sequence[tuple[str, ...]],
    notation: Notation | None,
) -> int:
    """Write outcomes piece by piece, and return the number of rows in the first table."""
    if headers:
        whole = tabulate(list(results), schemas[0])
        tables.write_with_headers(whole, paths[0], headers)
        return len(whole)
    rows = 0
    with contextlib.ExitStack() as stack:
        targets = [
            (stack.enter_context(tables.appending(path, schema)), schema)
            for path, schema in zip(paths, schemas, strict=False)
        ]
        for some in _batches(results):
            pieces = [_laid(some, schema, notation) for _, schema in targets]
            for (append, _), piece in zip(targets, pieces, strict=True):
                if len(piece):
                    append(piece)
            rows += len(pieces[0])
    return rows


def _laid(results: Sequence[Outcome], schema: Schema, notation: Notation | None) -> pd.DataFrame:
    """Lay outcomes together, with the names of their keys where they are wanted."""
    table = tabulate(results, schema)
    return with_names(table, notation) if notation else table


def _batches(results: Iterable[Outcome]) -> Iterator[list[Outcome]]:
    """Yield outcomes some thousand rows at a time."""
    some: list[Outcome] = []
    count = 0
    for outcome in results:
        some.append(outcome)
        count += len(outcome.starts)
        if count >= ROWS_AT_ONCE:
            yield some
            some, count = [], 0
    if some:
        yield some


def _with_progress(
    results: Iterator[tuple[int, Outcome]], total: int, done: int, show: bool
) -> Iterator[tuple[int, Outcome]]:
    from tqdm import tqdm

    failed = 0
    with tqdm(
        total=total, initial=done, unit="track", disable=not show, dynamic_ncols=True
    ) as progress:
        # The first run on a machine compiles the kernels, and workers take a moment to start.
        progress.set_description("preparing")
        for index, outcome in results:
            failed += outcome.failure is not None
            progress.set_description("analysing", refresh=False)
            if failed:
                progress.set_postfix(failed=failed)
            progress.update()
            yield index, outcome
