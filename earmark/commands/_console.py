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


def say_new_folder(output: Path) -> None:
    """Say, before the work, that the folder of an output is not there yet: it may be misspelt."""
    if not output.parent.exists():
        say(f"the folder {output.parent} does not exist yet; it will be made")


def say_compiling(set_name: str) -> None:
    """Say that a first run takes longer, and why."""
    from earmark.extract.signal import hpss, kernels, series_loops, spectral_loops

    needed = [spectral_loops, series_loops, *([hpss] if set_name == "gtzan" else [])]
    if not all(map(kernels.are_compiled, needed)):
        say("compiling on the first run, up to a minute or two; later runs begin at once")


def say_unsearched(result: Result) -> None:
    """Say which files of the folders were not searched."""
    from earmark.extract.audio.sources import unsearched_files

    if result.unsearched:
        say(unsearched_files(result.unsearched))


def show_notes(notes: Sequence[Sequence[str]], listed: Path | str | None) -> None:
    """Say what is odd about files that could be analysed."""
    if notes:
        count = len({path for path, _ in notes})
        say(f"{count} analysed and odd" + (f", all listed in {listed}" if listed else "") + ":")
        for path, note in notes[:5]:
            say(f"  {path}: {note}")
        if len(notes) > 5:
            say(f"  … and {len(notes) - 5} more")


def finish(
    good: int, failures: Sequence[Sequence[str]], listed: Path | str | None, strict: bool
) -> None:
    """Name what failed, first what was named and is not there, and end with the right status.

    A source that is not there is most likely misspelt: whatever else was done, what was asked for
    was not.
    """
    from earmark.extract.batch.report import how_many
    from earmark.extract.errors import FindError, NotFoundError

    def late(row: Sequence[str]) -> tuple[bool, bool]:
        return row[2] != NotFoundError.__name__, row[1] != FindError.stage

    if failures:
        say(how_many(failures) + (f", all listed in {listed}" if listed else "") + ":")
        for path, _, _, message in sorted(failures, key=late)[:5]:
            say(f"  {path}: {message}")
        if len(failures) > 5:
            say(f"  … and {len(failures) - 5} more")
    absent = any(row[2] == NotFoundError.__name__ for row in failures)
    if not good or absent or (strict and failures):
        raise typer.Exit(1)
