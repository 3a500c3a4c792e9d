"""Parameters of training that suit the size of a table."""

from __future__ import annotations

from typing import Any

__all__ = ["FEW_ROWS", "one_tree_for_all", "suited"]

FEW_ROWS = 10_000
"""Rows up to which a table is small."""

FOR_FEW_ROWS: dict[str, Any] = {
    "n_estimators": 300,
    "learning_rate": 0.08,
    "max_depth": 3,
    "max_bin": 64,
    "subsample": 0.7,
    "colsample_bynode": 0.15,
    "min_child_weight": 1.0,
    "reg_lambda": 2.0,
    "linear_share": 0.5,
    "early_stopping": False,
}
"""Shallow trees, each on a part of the columns, and half of the say for the linear part."""

FOR_MANY_ROWS: dict[str, Any] = FOR_FEW_ROWS | {
    "n_estimators": 400,
    "learning_rate": 0.1,
    "max_depth": 8,
    "max_bin": 128,
    "subsample": 1.0,
    "colsample_bynode": 1.0,
    "reg_lambda": 1.0,
    "linear_share": 0.0,
    "early_stopping": True,
}
"""Deep trees: tens of thousands of tracks can tell what a few hundred cannot."""

MANY_GENRES = 20
"""Genres from which a large table gets one tree a round for all of them; see `vector_leaf`."""

FOR_MANY_GENRES: dict[str, Any] = FOR_MANY_ROWS | {"early_stopping": False}
"""What holds back such trees is their being shared: they lose by a part that is held out."""


ENOUGH_ROWS = 1_000
"""Rows that a round of shallow trees needs; where there are more, each round has its part."""


def suited(rows: int, genres: int) -> dict[str, Any]:
    """Return the parameters for so many rows of so many genres."""
    if rows < 2 * ENOUGH_ROWS:
        return FOR_FEW_ROWS
    if rows <= FEW_ROWS:
        return FOR_FEW_ROWS | {"subsample": 1 / (rows // ENOUGH_ROWS)}
    return FOR_MANY_GENRES if one_tree_for_all(rows, genres) else FOR_MANY_ROWS


def one_tree_for_all(rows: int, genres: int) -> bool:
    """Whether one tree a round is for all genres; see `earmark.classify.model.vector_leaf`."""
    return rows > FEW_ROWS and genres >= MANY_GENRES
