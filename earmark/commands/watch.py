"""`earmark watch`: new files are analysed, classified and tagged as they come."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Annotated

import typer

from earmark.commands._console import say
from earmark.commands._options import Workers, names_in, process_count

EXAMPLE = "earmark watch ~/Music -o library.parquet --tag genre,bpm,key"


def command(
    folders: Annotated[
        list[Path], typer.Argument(help="Folders, watched at every depth.", metavar="FOLDER")
    ],
    output: Annotated[
        Path,
        typer.Option("-o", "--output", help="The table (.parquet, .csv, .jsonl): a row per track."),
    ],
    tag: Annotated[
        str | None,
        typer.Option(
            help="Also fill these tags of the files where they are empty, with commas, as for "
            "`earmark tag --fields`; journals stand beside the table.",
            metavar="NAMES",
        ),
    ] = None,
    model: Annotated[
        Path | None,
        typer.Option("-m", "--model", help="Directory of a model; by default the one shipped."),
    ] = None,
    rescan: Annotated[
        float,
        typer.Option(min=1, help="Seconds after which all is looked through.", metavar="SECONDS"),
    ] = 300.0,
    settled: Annotated[
        float,
        typer.Option(
            min=0, help="Seconds for which a file must not have changed.", metavar="SECONDS"
        ),
    ] = 5.0,
    once: Annotated[bool, typer.Option("--once", help="Look through it once, and end.")] = False,
    workers: Workers = 1,
) -> None:
    """Watch folders: new and changed files are analysed and classified as they come.

    Stop it with Ctrl-C, or by the signal TERM: it goes on where it was when it is started again.
    """
    from earmark.classify.library.tagging.values import Wanted
    from earmark.classify.library.watch import Watch, only_one

    wanted = None if tag is None else Wanted(tuple(names_in(tag)))
    watch = Watch(
        folders, output, model, wanted, settled=settled, workers=process_count(workers), say=say
    )
    with only_one(output):
        if once:
            watch.look()
            return
        for each in (signal.SIGINT, signal.SIGTERM):
            signal.signal(each, lambda *_: watch.stopped.set())
        watch.run(rescan)
    say("stopped")
