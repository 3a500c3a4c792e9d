"""`earmark duplicates`: the same recording in several files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from earmark.commands._console import SHOWN, say, say_new_folder
from earmark.commands._output import STDOUT, As, Format, printed, show

if TYPE_CHECKING:
    import pandas as pd

EXAMPLE = "earmark duplicates features.parquet --audio ~/Music --playlist doubles.m3u8"


def command(
    table: Annotated[Path, typer.Argument(help="A table from `earmark extract`.", metavar="TABLE")],
    output: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            help="A table of what was found (.csv, .parquet, .jsonl); - prints it.",
            show_default=False,
        ),
    ] = None,
    audio: Annotated[
        Path | None,
        typer.Option(
            help="The folder that was analysed: also finds other edits (cut, louder, silence "
            "before), whose sounds are compared.",
            show_default=False,
        ),
    ] = None,
    playlist: Annotated[
        Path | None,
        typer.Option(
            help="A playlist (.m3u8, .xspf, .xml) to hear them, the files of a recording one "
            "after the other.",
            show_default=False,
        ),
    ] = None,
    form: As = Format.table,
) -> None:
    """Find recordings that are there in several files. Nothing is deleted.

    The same bytes, the same audio at another bit rate or in another format and, with --audio, other
    edits of it; never another version (live, remix, faster).
    """
    from earmark.classify.dataset import names
    from earmark.classify.library import columns, doubles, places, playlists
    from earmark.extract import tables

    if output is not None and output != STDOUT:
        tables.check_output(output, "doubles")
        say_new_folder(output)
    if playlist is not None:
        playlists.check_output(playlist)
    source = tables.read(table)
    files = names.located(source.paths.astype(str), audio) if audio else None
    found = doubles.find(source, files)
    rows = found.table
    if output is not None and output != STDOUT:
        tables.write(rows, output)
    if playlist is not None and len(rows):
        lines, heard = None, rows
        if audio is not None and files is not None:
            lines = places.located_as(files, audio, playlist, True, "auto")
            heard = columns.with_tags(rows, files)
        playlists.write_one(heard, playlist, lines)
    for failure in found.failures:
        say(str(failure))
    if audio is None:
        say("other edits of a recording are looked for with --audio, which compares sounds")
    show(rows, printed(output, form), lambda: _show(rows))


def _show(rows: pd.DataFrame) -> None:
    from earmark.classify.dataset import build

    for number, path, what, _, seconds, _ in rows[rows["recording"] <= SHOWN].itertuples(
        index=False
    ):
        print(f"{number:5}  {seconds:7.1f} s  {build.one_line(str(path))}  ({what})")
    count = rows["recording"].nunique()
    if count > SHOWN:
        print(f"… and {count - SHOWN} more recordings")
    if count:
        which = "1 recording is" if count == 1 else f"{count} recordings are"
        print(f"{which} there several times, in {len(rows)} files")
    else:
        print("no recording is there several times")
