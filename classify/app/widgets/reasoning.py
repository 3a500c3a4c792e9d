"""What speaks for a genre and what against it, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from earmark.classify import reasons
from earmark.classify.app.widgets import theme

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["show"]


def show(families: pd.DataFrame) -> None:
    """Draw the reasons of one track, from `earmark.classify.reasons.by_family`."""
    for sign, heading in ((1, "For it"), (-1, "Against it")):
        if found := reasons.told(families, sign):
            lines = "\n".join(f"- {theme.plain(line)}" for line in found)
            st.markdown(f"{heading}:\n\n{lines}")
