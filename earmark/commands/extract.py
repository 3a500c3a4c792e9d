"""`earmark extract`: audio files become a table."""

from __future__ import annotations

import contextlib
from typing import Annotated

import typer

from earmark.commands._console import (
    finish,
    say,
    say_compiling,
    say_new_folder,
    say_unsearched,
    show_notes,
)
from earmark.commands._options import (
    Config,
    Force,
    KeyNames,
    Memory,
    Quiet,
    Scheduler,
    Sources,
    Strict,
    TempoRange,
    Timeout,
    Workers,
    default_folder,
    notation_of,
    processes,
    read_settings,
)
from earmark.commands._output import NOWHERE, STDOUT, As, Format, printed, show

EXAMPLE = "earmark extract ~/Music -o features.parquet --workers 4"


def command(
    sources: Sources,
    output: Annotated[
        str | None,
        typer.Option(
            "-o",
            "--output",
            help="The table; its ending (.parquet, .csv, .jsonl) names the format, a / at the end "
            "a folder of part-*.parquet. It may be a URL (s3://, gs://, sftp://). By default "
            "features.parquet, in data/features where there is such a folder; - prints it and "
            "writes nothing.",
            metavar="TABLE",
        ),
    ] = None,
    set_name: Annotated[
        str,
        typer.Option(
            "--set",
            help="Feature set: default; spotify, the 13 columns of Spotify's tables; loudness, its "
            "range and true peak; musicnn, 50 tags and 200 activations of a network; "
            "default+musicnn; gtzan, the 58 columns of the GTZAN table; fma, the 518 of the Free "
            "Music Archive's; or fma-compat, those as published, frequencies halved.",
        ),
    ] = "default",
    windows: Annotated[
        float | None,
        typer.Option(help="A row per window of about this many seconds.", metavar="SECONDS"),
    ] = None,
    tracks_output: Annotated[
        str | None,
        typer.Option(
            "--tracks",
            help="With --windows: a table with a row per track, from the same pass.",
            metavar="TABLE",
        ),
    ] = None,
    header_rows: Annotated[
        int,
        typer.Option(
            help="3 for a CSV of the set fma with the header of the published one.", metavar="1|3"
        ),
    ] = 1,
    prune: Annotated[
        bool, typer.Option("--prune", help="Take the rows of files out that are gone.")
    ] = False,
    retry_failed: Annotated[
        bool,
        typer.Option(
            "--retry-failed", help="Try files again that failed before and have not changed."
        ),
    ] = False,
    keys: KeyNames = None,
    tempo_range: TempoRange = None,
    force: Force = False,
    workers: Workers = 0,
    scheduler: Scheduler = None,
    timeout: Timeout = None,
    memory: Memory = None,
    config: Config = None,
    form: As = Format.table,
    strict: Strict = False,
    quiet: Quiet = False,
) -> None:
    """Analyse audio files: a table with a row of descriptors per track.

    Given again, the command analyses what is new or changed and keeps the rest, also what was
    renamed or is gone; a run that was interrupted goes on where it was. What could not be analysed
    is listed in TABLE.failures.csv beside the table, what is odd about others in TABLE.notes.csv,
    and what was done in TABLE.report.json; TABLE.files.parquet is how files are known again.
    """
    from earmark.extract import tables
    from earmark.extract.batch import delivery, run

    if tracks_output and windows is None:
        raise typer.BadParameter(
            "without --windows, -o names the table of tracks", param_hint="--tracks"
        )
    if header_rows not in (1, 3):
        raise typer.BadParameter("either 1 or 3", param_hint="--header-rows")
    extraction = run.Extraction(
        set_name,
        read_settings(config, tempo_range),
        windows,
        tracks_output is not None,
        timeout,
    )
    say_compiling(set_name)
    if output == str(STDOUT):
        if tracks_output or header_rows != 1 or prune or retry_failed or force:
            raise typer.BadParameter(NOWHERE, param_hint="--output")
        held = run.extract(
            sources,
            extraction,
            executor=processes(workers, memory, scheduler),
            progress=not quiet,
            notation=notation_of(keys),
        )
        show(held.held[0].frame, printed(STDOUT, form))
        say_unsearched(held)
        show_notes(held.notes, None)
        finish(held.described, held.failures, None, strict)
        return
    output = output or str(default_folder() / "features.parquet")
    called = delivery.shown(output)
    with contextlib.ExitStack() as stack:
        table = stack.enter_context(delivery.here(output))
        of_tracks = stack.enter_context(delivery.here(tracks_output)) if tracks_output else None
        if called == output:
            say_new_folder(table)
        result = run.extract(
            sources,
            extraction,
            output=table,
            tracks_output=of_tracks,
            header_rows=header_rows,
            executor=processes(workers, memory, scheduler),
            progress=not quiet,
            prune=prune,
            retry_failed=retry_failed,
            force=force,
            notation=notation_of(keys),
        )
        there = table.exists()
    tracks = result.described
    total = tracks + result.counts.gone - result.counts.pruned
    rows = f" in {result.rows} windows" if windows else ""
    if tracks:
        columns = len(extraction.schema.columns)
        line = f"{total} tracks{rows}, {columns} descriptors each: {called}"
        facts = {
            "tracks": total,
            "rows": result.rows,
            "descriptors": columns,
            "failed": result.counts.failed,
            "not_found": result.counts.unfound,
            "output": called,
        }
        show(facts, form, lambda: print(line))
    elif there:
        say(f"nothing could be analysed; {called} is as it was")
    else:
        say(f"nothing could be analysed; no {called} was written")
    say(str(result.counts))
    say_unsearched(result)
    show_notes(result.notes, delivery.beside(output, tables.notes_path))
    finish(tracks, result.failures, delivery.beside(output, tables.failures_path), strict)
