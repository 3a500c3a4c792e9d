"""What would be written to the tags of files: a worker reads them, for they may be anybody's."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from earmark.classify.library import tags

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["SECONDS", "planned"]

SECONDS = 0.2
"""That the tags of a file may take beside all others: some lie on a disk far away."""

PIECE = 25
"""Files between two reports."""


def planned(
    predictions: pd.DataFrame, files: Mapping[str, str], report: Callable[[float, str], object]
) -> pd.DataFrame:
    """Return `earmark.classify.library.tags.plan` of files, and say how far it is meanwhile.

    Parameters
    ----------
    predictions : DataFrame
        As `earmark.classify.library.tags.plan` takes it.
    files : mapping of str to str
        Where the file of each path is.
    report : callable
        Gets a share of one and a text.
    """
    predictions = predictions.drop_duplicates("path")
    found = [tags.plan(predictions.iloc[:0], {})]
    locations = {name: Path(file) for name, file in files.items()}
    for start in range(0, len(predictions), PIECE):
        report(start / len(predictions), f"tags of {start} of {len(predictions)} files read")
        found.append(tags.plan(predictions.iloc[start : start + PIECE], locations))
    return pd.concat(found, ignore_index=True)
