"""`earmark export`: a table for other programs."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from earmark.commands._console import say
from earmark.commands._output import STDOUT, As, Format, say_astray, show, write

EXAMPLE = "earmark export genres.csv --features features.parquet --audio ~/Music -o rekordbox.xml"


class Target(StrEnum):
    """Who reads it."""

    rekordbox = "rekordbox"
    itunes = "itunes"
    sqlite = "sqlite"
    acousticbrainz = "acousticbrainz"


def command(
    table: Annotated[
        Path,
        typer.Argument(help="Predictions, or a table from `earmark extract`.", metavar="TABLE"),
    ],
    output: Annotated[
        Path,
        typer.Option(
            "-o", "--output", help="The file, or the folder; - prints XML.", show_default=False
        ),
    ],
    target: Annotated[
        Target,
        typer.Option(
            "--to",
            help="rekordbox: XML of Rekordbox; itunes: XML that Mixxx, Traktor and Serato read; "
            "sqlite: a database with views; acousticbrainz: a JSON file for each track.",
        ),
    ] = Target.rekordbox,
    features: Annotated[
        Path | None, typer.Option(help="Beside predictions: the table of descriptors.")
    ] = None,
    audio: Annotated[
        Path | None,
        typer.Option(help="The folder that was analysed: for whole paths, and what tags say."),
    ] = None,
    form: As = Format.table,
) -> None:
    """Write tracks, with a playlist for each genre, for DJ programs; a database; or JSON files."""
    from earmark.classify.dataset import names
    from earmark.classify.library import columns, export, places, playlists

    is_file = target in (Target.sqlite, Target.acousticbrainz)
    if output == STDOUT and is_file:
        raise typer.BadParameter(f"--to {target} cannot be printed: name a place with -o")
    if output != STDOUT and not is_file:
        playlists.check(output)
    tracks, source = columns.read(table, features)
    lines = None
    if audio is not None:
        files = names.located(tracks["path"].astype(str), audio)
        lines = places.located_as(files, audio, output, True, "absolute")
        tracks = columns.with_tags(tracks, files)
    if target is Target.sqlite:
        count = export.sqlite(tracks, source, output)
    elif target is Target.acousticbrainz:
        count, kept = export.acousticbrainz_files(tracks, source, output)
        for failure in kept:
            say(str(failure))
    elif output == STDOUT:
        write(playlists.collection(tracks, output.parent, lines, itunes=target is Target.itunes))
        return
    else:
        count = playlists.write_collection(tracks, output, lines, itunes=target is Target.itunes)
    if audio is None and not is_file:
        say_astray(tracks, output.parent)
    facts = {"tracks": count, "output": str(output)}
    show(facts, form, lambda: print(f"{count:6}  {output}"))
