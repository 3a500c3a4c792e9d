"""The words that listeners would give to a track, as a network hears them: `tag_` columns.

They are the tags of the set `musicnn`; see the page of that descriptor for what they are not.
"""

from __future__ import annotations

from functools import cache

import pandas as pd

from earmark.extract.errors import SchemaError

__all__ = ["LEAST", "SEPARATOR", "TAG_COLUMNS", "of_columns", "of_tracks", "strongest"]

TAG_COLUMNS = ("tags", "tag_probabilities")
"""The columns of predictions that list the strongest tags and how probable they are."""

SEPARATOR = "; "

LEAST = 0.1
"""Probability from which on a tag is worth naming: few listeners write one to a song at all."""

SAME = {"female vocalist": "female vocalists"}
"""Tags that are another one, written differently; the other is named."""


@cache
def of_columns() -> dict[str, str]:
    """Return the tags, as listeners write them, by the column that each has in a table."""
    from earmark.extract.descriptors import learned
    from earmark.extract.embedding import musicnn

    return {learned.tag_column(tag): tag for tag in musicnn.TAGS}


def strongest(tags: pd.Series, top: int = 5, least: float = LEAST) -> list[tuple[str, float]]:
    """Return the most probable tags of a track, the strongest first.

    Parameters
    ----------
    tags : Series
        The values of a track by column; what is no tag is passed over.
    top : int
        How many tags to name.
    least : float
        The probability that a tag has at least.

    Examples
    --------
    >>> strongest(pd.Series({"tag_rock": 0.5, "tag_60s": 0.2, "tag_sad": 0.01, "tempo": 120.0}))
    [('rock', 0.5), ('60s', 0.2)]
    """
    names = of_columns()
    found: dict[str, float] = {}
    for column, value in tags.items():
        tag = names.get(str(column))
        if tag is not None and value >= least:
            tag = SAME.get(tag, tag)
            found[tag] = max(found.get(tag, 0.0), float(value))
    return sorted(found.items(), key=lambda pair: -pair[1])[:top]


def of_tracks(tags: pd.DataFrame, where: str, top: int = 5) -> pd.DataFrame:
    """Return the strongest tags of tracks as two columns of text.

    Parameters
    ----------
    tags : DataFrame of shape (tracks, tags)
        By path.
    where : str
        What to call the table that they are from in an error.
    top : int
        How many tags to name.

    Returns
    -------
    DataFrame
        ``tags`` ("rock; guitar") and ``tag_probabilities`` ("0.54; 0.31"), by path; missing where
        none is strong enough.

    Raises
    ------
    SchemaError
        The table has no tags.
    """
    if not tags.columns.size:
        raise SchemaError(
            f"{where}: has no tags; make it with `earmark extract --set default+musicnn`, or "
            "classify the files themselves"
        )
    rows = []
    for _, values in tags.iterrows():
        found = strongest(values, top)
        words = SEPARATOR.join(tag for tag, _ in found)
        chances = SEPARATOR.join(f"{chance:.2f}" for _, chance in found)
        rows.append((words, chances) if found else (None, None))
    return pd.DataFrame(rows, tags.index, list(TAG_COLUMNS), dtype="str")
