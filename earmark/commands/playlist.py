"""`earmark playlist`: playlists by genre."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from earmark.commands._console import say

EXAMPLE = "earmark playlist genres.csv -o ~/Music --audio ~/Music"


def command(
    predictions: Annotated[
        Path,
        typer.Argument(help="Predictions of `earmark classify`, or any table with genres."),
    ],
    output: Annotated[
        Path,
        typer.Option(
            "-o", "--output", help="Folder for the playlists.", show_default=False, metavar="DIR"
        ),
    ],
    by: Annotated[
        str, typer.Option(help="Column whose values become playlists.", metavar="COLUMN")
    ] = "genre",
    at_least: Annotated[
        float, typer.Option(min=0, max=1, help="Leave out tracks that are less probable.")
    ] = 0.5,
    audio: Annotated[
        Path | None,
        typer.Option(
            help="The folder that was classified: the playlists then lead to its files. By default "
            "they hold the paths of the table, which are right in that folder only."
        ),
    ] = None,
) -> None:
    """Write a playlist (.m3u8) for each genre, the surest tracks first."""
    from earmark.classify.library import playlists
    from earmark.extract import tables
    from earmark.extract.errors import SchemaError

    table = tables.read(predictions).frame
    paths = playlists.locate(audio, output, table["path"].astype(str)) if audio else None
    made = playlists.write(table, output, by=by, at_least=at_least, paths=paths)
    if paths is not None:
        away = table.loc[~table["path"].isin(paths.keys()), "path"].nunique()
        if away:
            say(f"{away} {'track is' if away == 1 else 'tracks are'} not in {audio}: left out")
    if not made:
        raise SchemaError(
            f"{predictions}: no track has a {by} with a probability of {at_least:g} or more; "
            "lower --at-least"
        )
    for playlist in made:
        print(f"{playlist.tracks:6}  {playlist.path}")
