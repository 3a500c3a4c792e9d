"""`earmark beats`: the beats of an audio file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from earmark.commands._console import say
from earmark.commands._options import TempoRange, read_settings
from earmark.commands._output import As, Format, show

EXAMPLE = "earmark beats song.mp3 > song.beats"


def command(
    track: Annotated[Path, typer.Argument(help="An audio file.", metavar="TRACK")],
    tempo_range: TempoRange = None,
    form: As = Format.table,
) -> None:
    """Find the beats of an audio file: a line for each, its second and its number in the bar.

    They follow a tempo that changes, which is said; as CSV and JSON each has its local tempo, too.
    """
    import earmark

    found = earmark.beats(track, settings=read_settings(tempo_range=tempo_range))
    if not len(found):
        say(f"{track}: nothing repeats in it, so that it has no beats")
    elif found.attrs["tempo"]:
        say(f"{track}: {found.attrs['tempo']}")

    def lines() -> None:
        for second, beat in found[["time", "beat"]].itertuples(index=False):
            print(f"{second:.3f}\t{beat}")

    show(found, form, lines)
