"""Tempi in the range of a DJ program: halved or doubled until they lie between two bounds."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from earmark.extract.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pandas as pd

__all__ = ["COLUMN", "FOUND", "Range", "check_there", "in_range", "of_tracks"]

Range = tuple[float, float]

COLUMN = "tempo"

FOUND = (38.0, 270.0)
"""Slowest and fastest tempo that is found, in beats per minute; 4 % of tapped tempi lie outside."""


def in_range(bpm: float, lowest: float, highest: float) -> float:
    """Return a tempo halved or doubled until it lies in a range, as DJ programs show it.

    Where the range is less than an octave and none of these lies in it, the tempo stays.

    Examples
    --------
    >>> in_range(70.0, 88, 175), in_range(180.0, 88, 175), in_range(100.0, 88, 175)
    (140.0, 90.0, 100.0)
    >>> in_range(80.0, 100, 120)
    80.0
    """
    if not bpm > 0 or lowest <= bpm <= highest:
        return bpm
    folded: float = bpm * 2.0 ** math.ceil(math.log2(lowest / bpm))
    return folded if folded <= highest else bpm


def check_there(columns: Iterable[str], where: str) -> None:
    """Refuse a range for tempi where there are none.

    Raises
    ------
    SettingsError
        The tempo is not among the columns.
    """
    if COLUMN not in [*columns]:
        raise SettingsError(
            f"{where}: has no column {COLUMN} to bring into a range; the sets default and spotify "
            "have it"
        )


def of_tracks(rows: pd.DataFrame, bounds: Range) -> pd.Series:
    """Return the tempi of tracks in a range, by path; of windows the median.

    Examples
    --------
    >>> import pandas as pd
    >>> rows = pd.DataFrame({"path": ["a", "a", "a", "b"], "tempo": [70.0, 140, 71, None]})
    >>> of_tracks(rows, (88, 175)).to_dict()
    {'a': 140.0, 'b': nan}
    """
    folded = rows[COLUMN].astype(float).map(lambda bpm: in_range(bpm, *bounds))
    return folded.groupby(rows["path"], sort=False).median()
