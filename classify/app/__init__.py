"""The web app (Streamlit): what the command line does, as pages in the browser.

Pages only draw widgets and call other modules. Long work runs in worker processes
(`earmark.classify.app.jobs.queue`), uploads are kept by `earmark.classify.app.files.scratch`
within the limits of `earmark.classify.app.settings`, and `earmark.classify.app.widgets.theme`
gives all pages one look.
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
"""Module, title and icon of each page, in the order of the navigation."""


def main() -> None:
    """Draw the requested page; `app.py` calls this."""
    import streamlit as st

    from earmark.classify.app import _compat, session
    from earmark.classify.app.settings import app_settings
    from earmark.classify.app.widgets import theme

    # A file, as Streamlit fetches named icons from the internet.
    icon = Path(__file__).with_name("icon.png")
    st.set_page_config(page_title="Earmark", page_icon=icon, layout="wide")
    theme.apply_style()
    st.logo(Path(__file__).with_name("wordmark.svg"), size="large")
    pages = [
        st.Page(_page(module), title=title, icon=icon, url_path=module, default=not place)
        for place, (module, title, icon) in enumerate(PAGES)
    ]
    chosen = st.navigation(pages, position="top")
    st.set_page_config(page_title=f"{chosen.title} · Earmark")
    with theme.errors_shown():
        # The limit of uploads holds however the app was started.
        _compat.limit_uploads(app_settings().upload_mb)
        # The workers start while the page is being read.
        session.queue()
        chosen.run()


def _page(module: str) -> Callable[[], None]:
    def draw() -> None:
        from earmark.classify.app.widgets import theme

        with theme.errors_shown():
            importlib.import_module(f"earmark.classify.app.pages.{module}").page()

    return draw
