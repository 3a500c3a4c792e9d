"""The models that a page offers: shipped, below the root, and trained in the session."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from earmark.classify.app.jobs.track_list import unique_name
from earmark.classify.app.settings import app_settings
from earmark.classify.app.widgets import theme
from earmark.classify.model import storage
from earmark.extract.errors import BundleError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

__all__ = ["add", "available_models", "choose_model", "model_name"]

SHIPPED = {
    storage.DEFAULT: "Earmark's default",
    storage.LIGHT: "Earmark's light one",
    storage.SPOTIFY: "Spotify's 114 genres",
}
"""Names of the shipped models."""

FOLDERS = ("models", "data/models")
"""Folders below the root that hold models, each in its folder or one level deeper."""

MOST = 100


def available_models(root: Path) -> dict[Path, str]:
    """Return the names of all models by their directories, the shipped ones first."""
    below_root = {
        about.parent: about.parent.relative_to(root).as_posix()
        for folder in FOLDERS
        for pattern in (f"*/{storage.ABOUT}", f"*/*/{storage.ABOUT}")
        for about in sorted((root / folder).glob(pattern))[:MOST]
        # A link may lead out of the root.
        if about.resolve().is_relative_to(root)
    }
    trained: list[Path] = [path for path in st.session_state.get("models", []) if path.is_dir()]
    shipped = {path: name for path, name in SHIPPED.items() if path.is_dir()}
    # Of two trained models with one name, the later one gets a number.
    names = shipped | {path: path.name for path in reversed(trained)} | below_root
    models: dict[Path, str] = {}
    for path, name in names.items():
        if path in shipped or path.resolve() not in shipped:
            models[path] = unique_name(name, models.values())
    return {path: models[path] for path in (*shipped, *trained, *below_root) if path in models}


def add(directory: Path) -> None:
    """Offer a model that this session trained, before its others."""
    others = [path for path in st.session_state.get("models", []) if path != directory]
    st.session_state["models"] = [directory, *others]


def model_name(directory: Path) -> str:
    """Return the name of a model."""
    return SHIPPED.get(directory, directory.name)


def choose_model(
    key: str, first: Path = storage.DEFAULT, fit: Callable[[Path], bool] | None = None
) -> Path:
    """Draw the choice of a model, and return the directory of the chosen one.

    Parameters
    ----------
    key : str
        The key of the widget.
    first : Path
        The model that is selected at first.
    fit : callable, optional
        Tells whether to offer a model, by its directory; by default all are offered.

    Raises
    ------
    BundleError
        No model can be offered.
    """
    names = available_models(app_settings().root)
    options = [path for path in names if fit is None or fit(path)]
    if not options:
        raise BundleError("there is no model here that fits; train one")
    options.sort(key=lambda path: path != first)
    chosen: Path = st.selectbox(
        "Model",
        options,
        format_func=lambda path: names[path],
        key=theme.persistent_key(key, options),
    )
    return chosen
