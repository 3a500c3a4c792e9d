"""`earmark playlist`: playlists by genre, by a rule, of similar tracks, for mixing."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from earmark.commands._console import say
from earmark.commands._output import STDOUT, As, Format, say_astray, show, write

EXAMPLE = (
    "earmark playlist genres.csv -o ~/Music --audio ~/Music;  earmark playlist features.parquet "
    "--where 'energy > 0.7 and 120 <= tempo <= 130' --order mix -o party.m3u8"
)


class PathStyle(StrEnum):
    """How paths are written."""

    auto = "auto"
    relative = "relative"
    absolute = "absolute"


class Kind(StrEnum):
    """The format of playlists that go into a folder."""

    m3u8 = "m3u8"
    xspf = "xspf"
    xml = "xml"


def command(
    table: Annotated[
        Path,
        typer.Argument(
            help="Predictions, a table from `earmark extract`, or any with paths.", metavar="TABLE"
        ),
    ],
    output: Annotated[
        Path,
        typer.Option(
            "-o",
            "--output",
            help="One playlist (.m3u8, .xspf, .xml for Rekordbox), or a folder: there is one for "
            "each value of a column in it; - prints one, as --type says.",
            show_default=False,
            metavar="FILE|DIR|-",
        ),
    ],
    by: Annotated[
        str,
        typer.Option(
            help="Column whose values become playlists in a folder: also mood, tempo_band, "
            "camelot, musical_key, decade.",
            metavar="COLUMN",
        ),
    ] = "genre",
    where: Annotated[
        str,
        typer.Option(
            help='Only tracks for which this holds, such as "energy > 0.7 and 120 <= tempo <= '
            "130\", \"'live' in title\", \"camelot in ('8A', '9A')\".",
            metavar="RULE",
            show_default=False,
        ),
    ] = "",
    like: Annotated[
        list[str] | None,
        typer.Option(help="Tracks like this one; may be given several times.", metavar="TRACK"),
    ] = None,
    to: Annotated[
        str,
        typer.Option(
            help="A way from the track of --like to this one.", metavar="TRACK", show_default=False
        ),
    ] = "",
    count: Annotated[
        int | None, typer.Option("-n", min=1, help="How many tracks at most.", show_default=False)
    ] = None,
    order: Annotated[
        str,
        typer.Option(
            help="probability, mix (tempos meet, keys agree), alike, or a column (-column for the "
            "highest first).",
            metavar="ORDER",
            show_default="alike with --like, else probability",
        ),
    ] = "",
    at_least: Annotated[
        float | None,
        typer.Option(
            min=0,
            max=1,
            help="Leave out tracks whose genre is less probable.",
            show_default="0.5 in playlists by genre",
        ),
    ] = None,
    features: Annotated[
        Path | None,
        typer.Option(
            help="Beside predictions: the table of descriptors, for rules, likeness and mixing."
        ),
    ] = None,
    audio: Annotated[
        Path | None,
        typer.Option(
            help="The folder that was analysed: the playlists then lead to its files, with artist "
            "and title from their tags. By default they hold the paths of the table, which are "
            "right in that folder only."
        ),
    ] = None,
    paths: Annotated[
        PathStyle,
        typer.Option(
            "--paths",
            help="With --audio; auto is relative where the playlist stands in that folder.",
        ),
    ] = PathStyle.auto,
    kind: Annotated[Kind, typer.Option("--type", help="What goes into a folder.")] = Kind.m3u8,
    form: As = Format.table,
) -> None:
    """Write playlists: one for each genre, or one of a rule, of similar tracks, for mixing.

    A recording that is there several times is in a playlist once. Files that Earmark did not make
    are kept. With '-o -' and --format csv or json, the tracks that were chosen are printed as such.
    """
    from dataclasses import asdict

    import pandas as pd

    from earmark.classify.dataset import names
    from earmark.classify.library import choose, columns, exchange, places, playlists
    from earmark.extract.errors import SchemaError

    single = output == STDOUT or (
        output.suffix.lower() in playlists.ENDINGS and not output.is_dir()
    )
    if single and output != STDOUT:
        playlists.check_output(output)
    asked = choose.Choice(where, like or (), to, count, order)
    # What is compared is compared in all descriptors.
    tracks, source = columns.read(table, features, None if like else {by, *asked.columns})
    files = names.located(tracks["path"].astype(str), audio) if audio else None
    if not single:
        tracks = columns.with_column(tracks, by, files)
    least = at_least if at_least is not None else 0.0 if single or by != "genre" else 0.5
    every = len(tracks)
    tracks, unsure, away = choose.within(tracks, least, files)
    if unsure:
        say(
            f"{unsure} of {every} {'is' if unsure == 1 else 'are'} in no playlist: the genre is "
            f"less probable than {least:g} (--at-least)"
        )
    if away:
        say(f"{away} {'track is' if away == 1 else 'tracks are'} not in {audio}: left out")
    if not len(tracks):
        raise SchemaError(
            f"{table}: no track has a {by} with a probability of {least:g} or more"
            + (f" and is in {audio}" if audio else "")
            + "; lower --at-least"
        )
    chosen = choose.choose(tracks, source, asked, files)
    lines = None
    if audio is not None and files is not None:
        lines = places.located_as(files, audio, output, single, paths.value)
        chosen = columns.with_tags(chosen, files)
    folder = output.parent if single else output
    ending = f".{kind.value}"
    if output == STDOUT:
        rows = pd.DataFrame([asdict(each) for each in exchange.entries(chosen, lines)])
        rendered = playlists.render(ending, table.stem, chosen, lines, folder)
        show(rows, form, lambda: write(rendered))
        return
    made, kept = playlists.write_some(chosen, output, by, lines, ending, single)
    for failure in kept:
        say(str(failure))
    if not single and (nameless := int(chosen[by].isna().sum())) and made:
        say(f"{nameless} of {every} {'is' if nameless == 1 else 'are'} in no playlist: no {by}")
    if not made:
        raise SchemaError(f"{table}: no playlist was written; no track has a {by}, or all are kept")
    if audio is None:
        say_astray(chosen, folder)
    written = pd.DataFrame([asdict(playlist) for playlist in made])
    lengths = [f"{playlist.tracks:6}  {playlist.path}" for playlist in made]
    show(written, form, lambda: print(*lengths, sep="\n"))
