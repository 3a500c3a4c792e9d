"""The models that a page offers: those that ship, those below the root, and the session's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from earmark.classify.app.jobs.track_list import unique_name
from earmark.classify.app.settings import setting
from earmark.classify.app.widgets import theme
from earmark.classify.model import storage
from earmark.extract.errors import BundleError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

__all__ = ["add", "choose", "found", "name"]

SHIPPED = {
    storage.DEFAULT: "Earmark's default",
    storage.SPOTIFY: "Spotify's 114 genres",
}
"""What the models that ship are called."""

FOLDERS = ("models", "data/models")
"""Where below the root models are looked for: a folder in one of these, or a level deeper."""

MOST = 100


def found(root: Path) -> dict[Path, str]:
    """Return the directories of models and what they are called, those that ship first."""
    own = {
        about.parent: about.parent.relative_to(root).as_posix()
        for folder in FOLDERS
        for pattern in (f"*/{storage.ABOUT}", f"*/*/{storage.ABOUT}")
        for about in sorted((root / folder).glob(pattern))[:MOST]
        # A link may lead out of the root.
        if about.resolve().is_relative_to(root)
    }
    trained: list[Path] = [path for path in st.session_state.get("models", []) if path.is_dir()]
    shipped = {path: name for path, name in SHIPPED.items() if path.is_dir()}
    # Of two of one name that were trained, the later one has a number.
    names = shipped | {path: path.name for path in reversed(trained)} | own
    found: dict[Path, str] = {}
    for path, name in names.items():
        if path in shipped or path.resolve() not in shipped:
            found[path] = unique_name(name, found.values())
    return {path: found[path] for path in (*shipped, *trained, *own) if path in found}


def add(directory: Path) -> None:
    """Offer a model that this session trained."""
    known = [path for path in st.session_state.get("models", []) if path != directory]
    st.session_state["models"] = [directory, *known]


def name(directory: Path) -> str:
    """Return what a model is called."""
    return SHIPPED.get(directory, directory.name)


def choose(
    key: str, first: Path = storage.DEFAULT, fit: Callable[[Path], bool] | None = None
) -> Path:
    """Let somebody choose a model, and return its directory.

    Parameters
    ----------
    key : str
        Of the widget.
    first : Path
        The model that is chosen before somebody does.
    fit : callable, optional
        Whether a model is offered; by default all are.

    Raises
    ------
    BundleError
        There is none to offer.
    """
    names = found(setting().root)
    options = [path for path in names if fit is None or fit(path)]
    if not options:
        raise BundleError("there is no model here that fits; train one")
    options.sort(key=lambda path: path != first)
    chosen: Path = st.selectbox(
        "Model", options, format_func=lambda path: names[path], key=theme.kept(key, options)
    )
    return chosen
