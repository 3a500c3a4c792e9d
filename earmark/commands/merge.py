"""`earmark merge`: several tables become one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from earmark.commands._console import say_new_folder
from earmark.commands._output import STDOUT, As, Format, printed, show

EXAMPLE = "earmark merge rock.parquet jazz.parquet -o all.parquet"


def command(
    sources: Annotated[
        list[Path],
        typer.Argument(help="Tables from `earmark extract`, in Parquet.", metavar="TABLE"),
    ],
    output: Annotated[
        str,
        typer.Option(
            "-o",
            "--output",
            help="The table of them all; its ending (.parquet, .csv, .jsonl) names the format, a / "
            "at the end a folder of part-*.parquet; it may be a URL; - prints it.",
            metavar="TABLE",
            show_default=False,
        ),
    ],
    form: As = Format.table,
) -> None:
    """Join tables that were made alike: with the same set, settings and versions of descriptors.

    A row that several tables have is there once. A path that stands for different files in them is
    refused, as are tables that do not say how they were made.
    """
    from earmark.extract import feature_table, tables
    from earmark.extract.batch import delivery

    if output == str(STDOUT):
        merged = feature_table.merge([tables.read(source) for source in sources])
        show(merged.frame, printed(STDOUT, form))
        return
    called = delivery.shown(output)
    with delivery.here(output) as place:
        tables.check_output(place, "features")
        if called == output:
            say_new_folder(place)
        parts = [tables.read(source) for source in sources]
        merged = feature_table.merge(parts)
        tables.write(merged, place)
    twice = sum(map(len, parts)) - len(merged)
    repeated = f" ({twice} were there more than once)" if twice else ""
    tracks = merged.paths.nunique()
    facts = {"rows": len(merged), "tracks": tracks, "repeated": twice, "output": called}
    line = f"{len(merged)} rows of {tracks} tracks{repeated}: {called}"
    show(facts, form, lambda: print(line))
