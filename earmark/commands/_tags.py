"""Plans of tags and what became of them, on the screen."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import typer

from earmark.commands._console import SHOWN, say

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

    from earmark.classify.library.tagging.write import Done


def show_plan(plan: pd.DataFrame, *, changes_only: bool = False) -> None:
    """Show a table with old and new values."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    rows = plan[plan["what"] != "keep"] if changes_only else plan
    if not len(rows):
        return
    grid = Table(header_style="bold")
    for name in plan.columns:
        grid.add_column(name, overflow="fold")
    for row in rows.head(SHOWN).itertuples(index=False):
        # Text, not markup: a file may be called anything.
        grid.add_row(*(Text(str(cell)) for cell in row))
    # Where the output is no screen, lines must not be cut to an imagined width.
    console = Console() if sys.stdout.isatty() else Console(width=160)
    console.print(grid)
    if len(rows) > SHOWN:
        print(f"… and {len(rows) - SHOWN} more")


def reporter(what: str, quiet: bool) -> Callable[[int, int], None]:
    """Return what shows on stderr how many files are done; nothing where nobody looks."""
    if quiet or not sys.stderr.isatty():
        return lambda _done, _total: None

    def report(done: int, total: int) -> None:
        end = "\n" if done + 1 >= total else "\r"
        print(f"{what}: {done + 1} of {total}", end=end, file=sys.stderr, flush=True)

    return report


def finish_files(done: Done, strict: bool) -> None:
    """Name what was left and cleaned, and end with the right status."""
    if done.cleaned:
        count = len(done.cleaned)
        say(f"a run that was killed had left {count} {'copy' if count == 1 else 'copies'}: removed")
    if done.left:
        say(f"{len(done.left)} left as they are:")
        for path, reason in done.left[:SHOWN]:
            say(f"  {path}: {reason}")
        if len(done.left) > SHOWN:
            say(f"  … and {len(done.left) - SHOWN} more")
    if done.left and (strict or not done.counts.total()):
        raise typer.Exit(1)
