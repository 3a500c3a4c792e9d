"""Tables that somebody opens in a spreadsheet: text in them is never run as a formula."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["FORMULA", "risky", "without_formulas"]

FORMULA = ("=", "+", "-", "@")
"""How cells begin that spreadsheets run."""


def risky(table: pd.DataFrame) -> list[str]:
    """Return the columns with text that a spreadsheet would run as a formula."""
    from pandas.api.types import is_numeric_dtype

    texts = [name for name in map(str, table) if not is_numeric_dtype(table[name])]
    return [name for name in texts if any(map(_is_formula, table[name]))]


def without_formulas(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table whose risky text begins with an apostrophe, in cells and in names of columns.

    Examples
    --------
    >>> import pandas as pd
    >>> without_formulas(pd.DataFrame({"genre": ["=1+1", "jazz"], "energy": [-1, 0]}))
       genre  energy
    0  '=1+1      -1
    1   jazz       0
    """
    shown = table.copy()
    for name in risky(shown):
        shown[name] = [_quoted(value) for value in shown[name]]
    return shown.set_axis([_quoted(name) for name in shown.columns], axis=1)


def _quoted(value: Any) -> Any:
    return f"'{value}" if _is_formula(value) else value


def _is_formula(value: object) -> bool:
    return isinstance(value, str) and value.lstrip().startswith(FORMULA)
