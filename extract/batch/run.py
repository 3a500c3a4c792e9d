"""Many files: workers, progress, failures."""

from __future__ import annotations

import contextlib
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from pandas.api.types import pandas_dtype

from earmark.extract import sets, tables
from earmark.extract.audio import sources as files
from earmark.extract.batch.checkpoint import Memory, Parts
from earmark.extract.batch.executors import Executor, Here
from earmark.extract.batch.track import (
    Analysis,
    Extraction,
    Outcome,
    failure,
)
from earmark.extract.errors import FindError, SettingsError, WriteError
from earmark.extract.feature_table import FeatureTable
from earmark.extract.provenance import Provenance

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from earmark.extract.schema import Schema

__all__ = ["Extraction", "Result", "extract", "tabulate"]

ROWS_AT_ONCE = 10_000
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
    """

    described: int
    rows: int
    failures: list[tuple[str, ...]]
    notes: list[tuple[str, str]]
    held: tuple[FeatureTable, ...] = ()
    written: tuple[Path, ...] = ()
    unsearched: Counter[str] = field(default_factory=Counter)

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
) -> Result:
    """Analyse every audio file of the sources.

    Parameters
    ----------
    sources : iterable of str or Path
        Files and folders.
    extraction : Extraction
        What to compute.
    output : Path, optional
        Where the table goes, and failures and notes beside it; without a single row, what stands
        there is kept. Finished tracks are kept in a folder ``<output>.parts`` meanwhile, so that an
        interrupted run goes on where it was.
    tracks_output : Path, optional
        Where the table with a row per track goes, of a job that asks for both.
    header_rows : {1, 3}
        Rows of the header of a CSV; three as the Free Music Archive's table has them.
    executor : Executor, optional
        Who analyses the tracks; by default this process. The table is the same for any.
    progress : bool
        Show a bar on stderr.

    Raises
    ------
    FindError
        The sources hold no audio at all.
    WriteError
        The output cannot be written.
    SettingsError
        Three header rows for what has them not.
    """
    executor = executor or Here()
    sources = list(sources)
    headers = sets.get(extraction.set).headers if header_rows == 3 else ()
    if header_rows == 3 and (
        not headers or extraction.windows or output is None or output.suffix.lower() != ".csv"
    ):
        raise SettingsError(
            "three header rows are for the sets fma and fma-compat, a row per track and an output "
            "that ends in .csv"
        )
    if output is not None:
        tables.check_output(output, "features")
    if tracks_output is not None:
        tables.check_output(tracks_output, "features")
        if output is not None and tracks_output.absolute() == output.absolute():
            raise WriteError(tracks_output, "cannot hold both tables; name two files")
    unsearched: Counter[str] = Counter()
    tracks, unfound = files.find(sources, unsearched)
    if not tracks:
        raise unfound[0] if unfound else FindError("sources", "name at least one file or folder")
    found = Parts(output, extraction) if output is not None else Memory()
    outcome_at = found.finished(tracks)
    rest = [index for index in range(len(tracks)) if index not in outcome_at]
    try:
        for at, outcome in _with_progress(
            executor.run([tracks[index] for index in rest], Analysis(extraction)),
            len(tracks),
            len(outcome_at),
            progress,
        ):
            outcome_at[rest[at]] = outcome.failure
            found.add(rest[at], outcome)
    finally:
        found.save()
    failures: list[tuple[str, ...]] = [failure(error.path, error) for error in unfound]
    failures += [row for _, row in sorted(outcome_at.items()) if row is not None]
    described = sum(row is None for row in outcome_at.values())
    schemas = [
        extraction.schema,
        *([extraction.track_schema] if extraction.windows and extraction.tracks else []),
    ]
    if output is None:
        everything = list(found.outcomes())
        held = tuple(
            FeatureTable(tabulate(everything, schema), Provenance(schema), "the analysis")
            for schema in schemas
        )
        return Result(
            described, len(held[0]), failures, _notes(everything), held=held, unsearched=unsearched
        )
    paths = (output, *([tracks_output] if tracks_output else []))
    # A table that stands there is worth more than an empty one.
    notes: list[tuple[str, str]] = []
    written = _noting(found.outcomes(), notes)
    rows = _write(written, paths, schemas, headers) if described else 0
    tables.write_failures(failures, output)
    tables.write_notes(notes, output)
    found.remove()
    return Result(described, rows, failures, notes, written=paths, unsearched=unsearched)


def _notes(outcomes: Iterable[Outcome]) -> list[tuple[str, str]]:
    return [(outcome.path, note) for outcome in outcomes for note in outcome.notes]


def _noting(outcomes: Iterable[Outcome], notes: list[tuple[str, str]]) -> Iterator[Outcome]:
    """Pass outcomes on and keep their notes, since all the outcomes are never held."""
    for outcome in outcomes:
        notes += _notes([outcome])
        yield outcome


def _write(
    results: Iterable[Outcome],
    paths: Sequence[Path],
    schemas: Sequence[Schema],
    headers: Sequence[tuple[str, ...]],
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
            pieces = [tabulate(some, schema) for _, schema in targets]
            for (append, _), piece in zip(targets, pieces, strict=True):
                if len(piece):
                    append(piece)
            rows += len(pieces[0])
    return rows


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
