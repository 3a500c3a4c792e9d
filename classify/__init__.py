"""Tables of descriptors become genres.

Examples
--------
>>> import earmark
>>> earmark.load("models/mine").predict(table)  # doctest: +SKIP
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from earmark.classify.trained import Trained

__all__ = ["load"]


def load(path: str | Path | None = None) -> Trained:
    """Load a model bundle; without a path, the default model that ships with Earmark.

    Parameters
    ----------
    path : str or Path, optional
        The directory of the bundle, or the name of another that ships with Earmark: ``"spotify"``.

    Returns
    -------
    Trained
        Call `predict` on it with a table of descriptors.

    Raises
    ------
    BundleError
        The bundle is missing, damaged, or of a protocol that is not known here.
    """
    from earmark.classify.model import storage
    from earmark.classify.trained import Trained

    return storage.load(storage.DEFAULT if path is None else path, Trained)
