"""A result on stdout: a table for people, CSV or JSON for programs."""

from __future__ import annotations

import json
import math
import shutil
import sys
from collections.abc import Callable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from earmark.commands._console import SHOWN, say

if TYPE_CHECKING:
    import pandas as pd

STDOUT = Path("-")
"""As an output: stdout instead of a file."""

NOWHERE = "with '-o -' the result is printed, and there is no file to stand beside"


PATHS = {"path", "track"}
"""Columns whose cells are told apart by their ends."""

NARROWEST = 8
"""Characters that a column keeps, however narrow the terminal."""


class Format(StrEnum):
    """How a result is printed."""

    table = "table"
    csv = "csv"
    json = "json"


As = Annotated[
    Format,
    typer.Option("--format", help="Print a table for people, or all of the result as CSV or JSON."),
]


def printed(output: Path | None, form: Format) -> Format:
    """Return how a result is printed: with ``-o -`` for programs, whatever else was asked for."""
    return Format.csv if output == STDOUT and form is Format.table else form


def show(
    result: pd.DataFrame | Mapping[str, Any],
    form: Format,
    people: Callable[[], None] | None = None,
) -> None:
    """Print a result.

    Parameters
    ----------
    result : DataFrame or mapping
        Rows become the rows of a CSV or an array of JSON objects; a mapping becomes rows of
        ``name,value`` or one object. What is missing is blank, or null.
    form : Format
        How.
    people : callable, optional
        Prints the result as a table for people; by default a line for each row with its values
        in columns.
    """
    if form is Format.table and people is not None:
        people()
        return
    write(_text(result, form), for_programs=form is not Format.table)


def write(text: str, *, for_programs: bool = True) -> None:
    """Write a text to stdout; what programs read is UTF-8, whatever the system does."""
    if for_programs and hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(encoding="utf-8", newline="\n")
    sys.stdout.write(text)
    # Whoever reads it may have gone: it must be known here, not when the program ends.
    sys.stdout.flush()


def _text(result: pd.DataFrame | Mapping[str, Any], form: Format) -> str:
    """Return a result as text, which ends with the end of a line."""
    import pandas as pd

    from earmark.extract import tables

    if not isinstance(result, pd.DataFrame):
        plain = _plain(result)
        if form is Format.json:
            return json.dumps(plain, ensure_ascii=False, indent=2) + "\n"
        values = [
            each if isinstance(each, str) else json.dumps(each, ensure_ascii=False)
            for each in plain.values()
        ]
        result = pd.DataFrame({"name": list(plain), "value": values})
    if form is Format.csv:
        return tables.text(result, ".csv")
    if form is Format.json:
        rows = tables.text(result, ".jsonl").split("\n")[:-1]
        return "[" + ",".join(f"\n  {row}" for row in rows) + "\n]\n"
    return grid(result)


def _plain(value: Any) -> Any:
    """Return a value as JSON has it: what is no number is null."""
    if isinstance(value, Mapping):
        return {str(name): _plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple | set):
        return [_plain(each) for each in value]
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if isinstance(value, str | int | float | None) else str(value)


def grid(rows: pd.DataFrame) -> str:
    """Return a table for people: a line for each row, as wide as the terminal and no wider.

    Where it is too wide, the widest columns are shortened: paths at their beginning, since names
    stand at the end, all else at its end. Where there is no terminal, nothing is.
    """
    import pandas as pd
    from rich import box
    from rich.cells import cell_len
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    names = [str(name) for name in rows]
    cells = {name: [_cell(value) for value in rows[name].head(SHOWN)] for name in names}
    widths = {name: max(map(cell_len, (name, *texts))) for name, texts in cells.items()}
    frame = 3 * len(widths) + 1
    terminal = shutil.get_terminal_size((0, 0)).columns
    while terminal and sum(widths.values()) + frame > terminal:
        widest = max(widths, key=widths.__getitem__)
        if widths[widest] <= NARROWEST:
            break
        widths[widest] -= 1
    table = Table(header_style="bold", box=box.ROUNDED)
    for name, width in widths.items():
        justify: Any = "right" if pd.api.types.is_numeric_dtype(rows[name]) else "left"
        table.add_column(Text(name), justify=justify, no_wrap=True, width=width)
    for row in zip(*cells.values(), strict=True):
        # Text, not markup: a file may be called anything.
        fitted = (
            _fit(text, width, name in PATHS)
            for (name, width), text in zip(widths.items(), row, strict=True)
        )
        table.add_row(*map(Text, fitted))
    console = Console(width=sum(widths.values()) + frame, force_terminal=sys.stdout.isatty())
    with console.capture() as captured:
        console.print(table)
    if len(rows) > SHOWN:
        say(f"… and {len(rows) - SHOWN} more")
    return captured.get()


def _cell(value: Any) -> str:
    """Return a value on one line; nothing for what is missing."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    return f"{value:g}" if isinstance(value, float) else " ".join(str(value).splitlines())


def _fit(text: str, width: int, keep_end: bool) -> str:
    from rich.cells import cell_len, set_cell_size

    if cell_len(text) <= width:
        return text
    if keep_end:
        return f"…{set_cell_size(text[::-1], width - 1)[::-1]}"
    return f"{set_cell_size(text, width - 1)}…"


def say_astray(tracks: pd.DataFrame, folder: Path) -> None:
    """Say that the paths of a table, written as they are into a folder, lead to no file."""
    if not (folder / str(tracks["path"].iloc[0])).exists():
        say(
            f"paths are those of the table, and from {folder} they lead to no file: --audio FOLDER "
            "says where the files are"
        )
