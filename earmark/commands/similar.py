"""`earmark similar`: tracks that sound alike."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from earmark.commands._console import say
from earmark.commands._output import As, Format, show

EXAMPLE = "earmark similar 'Miles Davis/So What.mp3' features.parquet"


def command(
    track: Annotated[
        str,
        typer.Argument(
            help="A track as the table names it, some words of its path, artist or title, or an "
            "audio file.",
            metavar="TRACK",
        ),
    ],
    table: Annotated[
        Path,
        typer.Argument(help="A table from `earmark extract`; it may stand first.", metavar="TABLE"),
    ],
    count: Annotated[int, typer.Option("-n", min=1, help="How many tracks to name.")] = 10,
    duplicates: Annotated[
        bool, typer.Option("--duplicates", help="Also name the same recording in another file.")
    ] = False,
    why: Annotated[
        bool, typer.Option("--why", help="Also say in words what both have in common.")
    ] = False,
    form: As = Format.table,
) -> None:
    """Find the tracks of a table that sound most like a track: a line each, similarity and path.

    1 is alike in everything, 0 is nothing in common, below that the two differ from the average
    track in opposite ways.
    """
    from earmark.classify.dataset import build
    from earmark.classify.library import ask
    from earmark.extract import tables

    if tables.is_table(track):
        if tables.is_table(table):
            raise typer.BadParameter(f"{track} and {table} are two tables; name a track and one")
        # Only one of both is a table: the order says nothing.
        track, table = str(table), Path(track)
    found = ask.find(track, tables.read(table), count=count, duplicates=duplicates, reasons=why)
    if not len(found):
        say(f"{track}: nothing is like it: it is silent, or the only one")

    def lines() -> None:
        for path, alike, *reasons in found.itertuples(index=False):
            print("\t".join([f"{alike:.3f}", build.one_line(path), *reasons]))

    show(found, form, lines)
