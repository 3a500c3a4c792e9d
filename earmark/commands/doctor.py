"""`earmark doctor`: what is installed here, what can be read, and what is missing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from earmark.commands._output import As, Format, grid, show

if TYPE_CHECKING:
    import pandas as pd

EXAMPLE = "earmark doctor --format json"


def command(form: As = Format.table) -> None:
    """Say what is installed and works here, what is missing, and how to install it.

    Exits with 1 if anything that Earmark needs is missing or does not work.
    """
    from earmark import diagnosis

    found = diagnosis.table()
    show(found, form, lambda: _print(found))
    if diagnosis.BROKEN in found["state"].to_numpy():
        raise typer.Exit(1)


def _print(found: pd.DataFrame) -> None:
    """Print what was found, and below it each remedy on a line of its own, to be copied."""
    print(grid(found.drop(columns="remedy")), end="")
    asked = found[found["remedy"] != ""]
    for remedy, own in asked.groupby("remedy", sort=False):
        print(f"{', '.join(own['what'])}: {remedy}")
