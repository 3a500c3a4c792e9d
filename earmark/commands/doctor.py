"""`earmark doctor`: what is installed here, what can be read, and what is missing."""

from __future__ import annotations

import typer

from earmark.commands._output import As, Format, show

EXAMPLE = "earmark doctor --format json"


def command(form: As = Format.table) -> None:
    """Say what is installed and works here, what is missing, and how to install it.

    Exits with 1 if anything that Earmark needs is missing or does not work.
    """
    from earmark import diagnosis

    found = diagnosis.table()
    show(found, form)
    if diagnosis.BROKEN in found["state"].to_numpy():
        raise typer.Exit(1)
