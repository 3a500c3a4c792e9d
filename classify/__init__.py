"""Tables of descriptors become genres.

Examples
--------
>>> import classify
>>> classify.load("models/mine").predict(table)  # doctest: +SKIP
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from classify.bundle import Bundle
    from classify.model import GenreClassifier

__all__ = ["GenreClassifier", "load"]


def load(path: str | Path | None = None) -> Bundle:
    """Load a model bundle; without a path, the default model that ships with Earmark.

    Parameters
    ----------
    path : str or Path, optional
        The directory of the bundle, or the name of another that ships with Earmark: ``"spotify"``.

    Returns
    -------
    Bundle
        Call `predict` on it with a table of descriptors.

    Raises
    ------
    BundleError
        The bundle is missing, damaged, or of a protocol that is not known here.
    """
    from classify import bundle

    return bundle.load(bundle.DEFAULT if path is None else path)


def __getattr__(name: str) -> Any:
    # scikit-learn takes a second to import: only who asks for the estimator pays for it.
    if name == "GenreClassifier":
        from classify.model import GenreClassifier

        return GenreClassifier
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
