"""The address of a view: what is looked at stands in it, so that it can be copied and opened."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["given", "told"]


def given(page: str, *names: str) -> dict[str, list[str]]:
    """Return what the address says when a page is drawn for the first time, and nothing later.

    Parameters
    ----------
    page : str
        The page, or the part of it that asks.
    *names : str
        Parts of the address that it looks at; by default all.

    Returns
    -------
    dict of str to list of str
        The values of each part that is there.
    """
    if st.session_state.get(f"{page} opened"):
        return {}
    st.session_state[f"{page} opened"] = True
    return {name: st.query_params.get_all(name) for name in names or [*st.query_params]}


def told(**parts: Sequence[str] | str | None) -> None:
    """Have the address say what is looked at; None takes a part away.

    Parameters
    ----------
    **parts
        Values by the names of the parts.
    """
    for name, value in parts.items():
        values = [value] if isinstance(value, str) else [*(value or ())]
        if st.query_params.get_all(name) == values:
            continue
        if values:
            st.query_params[name] = values
        else:
            st.query_params.pop(name, None)
