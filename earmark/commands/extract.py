"""`earmark extract`: audio files become a table."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from earmark.commands._console import finish, say, say_unsearched, show_notes
from earmark.commands._options import (
    Config,
    Quiet,
    Scheduler,
    Sources,
    Strict,
    Timeout,
    Workers,
    default_folder,
    executor,
    read_settings,
)

EXAMPLE = "earmark extract ~/Music -o features.parquet --workers 4"


def command(
    sources: Sources,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            help="The table; its ending (.parquet, .csv, .jsonl) names the format. "
            "By default features.parquet, in data/features where there is such a folder.",
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
        Path | None,
        typer.Option(
            "--tracks", help="With --windows: a table with a row per track, from the same pass."
        ),
    ] = None,
    header_rows: Annotated[
        int,
        typer.Option(
            help="3 for a CSV of the set fma with the header of the published one.", metavar="1|3"
        ),
    ] = 1,
    workers: Workers = 0,
    scheduler: Scheduler = None,
    timeout: Timeout = None,
    config: Config = None,
    strict: Strict = False,
    quiet: Quiet = False,
) -> None:
    """Analyse audio files: a table with a row of descriptors per track.

    What could not be analysed is listed in TABLE.failures.csv beside the table, and what is odd
    about others in TABLE.notes.csv. A run that was interrupted goes on where it was when the same
    command is given again.
    """
    from earmark.extract import tables
    from earmark.extract.batch import run

    if tracks_output and windows is None:
        raise typer.BadParameter(
            "without --windows, -o names the table of tracks", param_hint="--tracks"
        )
    if header_rows not in (1, 3):
        raise typer.BadParameter("either 1 or 3", param_hint="--header-rows")
    extraction = run.Extraction(
        set_name, read_settings(config), windows, tracks_output is not None, timeout
    )
    output = output or default_folder() / "features.parquet"
    result = run.extract(
        sources,
        extraction,
        output=output,
        tracks_output=tracks_output,
        header_rows=header_rows,
        executor=executor(scheduler, workers),
        progress=not quiet,
    )
    tracks = result.described
    rows = f" in {result.rows} windows" if windows else ""
    if tracks:
        print(f"{tracks} tracks{rows}, {len(extraction.schema.columns)} descriptors each: {output}")
    else:
        say(f"nothing could be analysed; no {output} was written")
    say_unsearched(result)
    show_notes(result.notes, tables.notes_path(output))
    finish(tracks, result.failures, tables.failures_path(output), strict)
