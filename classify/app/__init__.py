"""The app: pages over what the command line does, for people who would rather look and listen.

A page draws and calls, and knows no more than that. What takes long runs in worker processes
(`earmark.classify.app.jobs.queue`), what comes from outside goes through
`earmark.classify.app.files.scratch` and
`earmark.classify.app.settings`, and what is shown looks as `earmark.classify.app.widgets.theme`
says.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

PAGES = (
    ("classify", "Classify", ":material/graphic_eq:"),
    ("by_hand", "By hand", ":material/tune:"),
    ("library", "Library", ":material/library_music:"),
    ("insights", "Insights", ":material/insights:"),
    ("train", "Train", ":material/model_training:"),
)
"""Module, title and icon of each page, in the order in which people need them."""


def main() -> None:
    """Draw the page that is asked for: what `app.py` runs."""
    import streamlit as st

    from earmark.classify.app import _compat, session
    from earmark.classify.app.widgets import theme

    # A picture of our own: those that have names are fetched from elsewhere.
    icon = Path(__file__).with_name("icon.png")
    st.set_page_config(page_title="Earmark", page_icon=icon, layout="wide")
    theme.frame()
    pages = [
        st.Page(_page(module), title=title, icon=icon, url_path=module, default=not place)
        for place, (module, title, icon) in enumerate(PAGES)
    ]
    chosen = st.navigation(pages, position="top")
    with theme.kept_in_words():
        # However the app was started, Streamlit takes files as large as the boxes say.
        _compat.limit_uploads(session.setting().upload_mb)
        # Workers start while somebody reads the page.
        session.queue()
        chosen.run()


def _page(module: str) -> Callable[[], None]:
    def draw() -> None:
        from earmark.classify.app.widgets import theme

        with theme.kept_in_words():
            importlib.import_module(f"earmark.classify.app.pages.{module}").page()

    return draw
