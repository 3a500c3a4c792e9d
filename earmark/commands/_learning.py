"""What training and evaluation share: labels joined to a table, a search, the numbers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from earmark.commands._console import say
from earmark.commands._output import Format, show

if TYPE_CHECKING:
    from earmark.classify.dataset.build import Dataset
    from earmark.classify.evaluation.held_out import Search


def labelled(table: Path, labels: str | None, **options: Any) -> Dataset:
    """Join a table with its labels, and say what was noticed."""
    from earmark.classify.dataset import build

    data = build.build(table, labels, **options)
    for note in data.notes:
        say(note)
    return data


def search(trials: int) -> Search | None:
    """Return the search for parameters that was asked for, if any."""
    if not trials:
        return None
    from functools import partial

    from earmark.classify.evaluation import tune

    return partial(tune.search, trials=trials)


def show_evaluation(numbers: dict[str, Any], form: Format = Format.table) -> None:
    from earmark.classify.evaluation.summary import summary

    show(numbers, form, lambda: print(*summary(numbers), sep="\n"))
