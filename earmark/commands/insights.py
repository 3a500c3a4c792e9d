"""`earmark insights`: pictures of a table."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from earmark.commands._console import say
from earmark.commands._options import Audio, GenreList, Genres, IgnoreUnknown, Labels
from earmark.commands._output import As, Format, show

EXAMPLE = "earmark insights features.parquet -o pictures"


class Theme(StrEnum):
    """What page a picture is for."""

    light = "light"
    dark = "dark"


def command(
    table: Annotated[
        Path, typer.Argument(help="Any table of tracks, or of windows of them.", metavar="TABLE")
    ],
    output: Annotated[
        Path,
        typer.Option("-o", "--output", help="Directory for the pictures.", show_default=False),
    ],
    labels: Labels = None,
    label: Annotated[
        str | None,
        typer.Option(
            help="Column that holds the genre; by default genre, track_genre, label or the like.",
            show_default=False,
        ),
    ] = None,
    genre_list: Genres = GenreList.first,
    audio: Audio = None,
    ignore_unknown: IgnoreUnknown = False,
    theme: Annotated[
        Theme, typer.Option(help="Draw for a light page or a dark one.")
    ] = Theme.light,
    form: As = Format.table,
) -> None:
    """Draw what is in a table: genres, descriptors, how they go together, and what is missing.

    The directory holds the pictures and index.html, which shows them all. What the table has
    nothing for is left out, and named.
    """
    from earmark.classify.insights import page as insights

    insights.check_directory(output)
    tracks = insights.read(
        *(table, labels),
        label=label,
        ignore_unknown=ignore_unknown,
        audio=audio,
        genre_list=genre_list.value,
    )
    made = list(insights.write(output, tracks, theme.value))
    said = [*insights.about(tracks), *insights.findings(made)]
    absent = {one.heading: one.reason for one in made if isinstance(one, insights.Absent)}

    def lines() -> None:
        for line in said:
            print(line)
        for heading, reason in absent.items():
            print(f"not drawn: {heading}: {reason}")

    show({"found": said, "not drawn": absent, "output": output}, form, lines)
    say(f"pictures and index.html: {output}")
