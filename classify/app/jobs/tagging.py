"""Which tags would be written to which files; this runs in a worker, which reads the files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from earmark.classify.library.tagging import plan
from earmark.classify.library.tagging.changes import Plan
from earmark.classify.library.tagging.values import Wanted

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["SECONDS", "planned"]

SECONDS = 0.2
"""How long the tags of one file may take, one with another: some lie on a network drive."""

PIECE = 25
"""Files between two reports."""

WANTED = Wanted(("genre", "bpm", "key"))
"""What is shown."""


def planned(
    predictions: pd.DataFrame, files: Mapping[str, str], report: Callable[[float, str], object]
) -> pd.DataFrame:
    """Plan the tags of files, and report progress.

    Parameters
    ----------
    predictions : DataFrame
        As `earmark.classify.library.tagging.plan.make` takes it.
    files : mapping of str to str
        The file of each ``path`` of the predictions.
    report : callable
        Called with the share that is done and a text.

    Returns
    -------
    DataFrame
        As `earmark.classify.library.tagging.plan.table` returns it.
    """
    predictions = predictions.drop_duplicates("path")
    locations = {name: Path(file) for name, file in files.items()}
    plans = [plan.table(Plan(()))]
    for start in range(0, len(predictions), PIECE):
        report(start / len(predictions), f"tags of {start} of {len(predictions)} files read")
        piece = predictions.iloc[start : start + PIECE]
        made = plan.make(piece, locations, WANTED, mode="overwrite", albums="none", hashed=False)
        plans.append(plan.table(made))
    return pd.concat(plans, ignore_index=True)
