"""What every command says, to whom, and how it ends: results on stdout, the rest on stderr."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from earmark.extract.batch.run import Result

SHOWN = 50
"""Rows of a result that are shown on the screen; the file holds them all."""


def say(message: str) -> None:
    print(f"earmark: {message}", file=sys.stderr)


def say_unsearched(result: Result) -> None:
    """Say which files of the folders were not searched."""
    from earmark.extract.audio.sources import unsearched_files

    if result.unsearched:
        say(unsearched_files(result.unsearched))


def show_notes(notes: Sequence[Sequence[str]], listed: Path | None) -> None:
    """Say what is odd about files that could be analysed."""
    if notes:
        count = len({path for path, _ in notes})
        say(f"{count} analysed and odd" + (f", all listed in {listed}" if listed else "") + ":")
        for path, note in notes[:5]:
            say(f"  {path}: {note}")
        if len(notes) > 5:
            say(f"  … and {len(notes) - 5} more")


def finish(good: int, failures: Sequence[Sequence[str]], listed: Path | None, strict: bool) -> None:
    """Name what failed and end with the right status."""
    if failures:
        say(f"{len(failures)} failed" + (f", all listed in {listed}" if listed else "") + ":")
        for path, _, _, message in failures[:5]:
            say(f"  {path}: {message}")
        if len(failures) > 5:
            say(f"  … and {len(failures) - 5} more")
    if not good or (strict and failures):
        raise typer.Exit(1)
