"""Tables of descriptors become genres.

`load` loads a model, which predicts the genres of a table that `earmark.table` has made.
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
        The directory of the bundle, or the name of another that ships with Earmark: ``"light"``,
        which looks at the set `default` alone, or ``"spotify"``.

    Returns
    -------
    Trained
        Call `predict` on it with a table of descriptors.

    Raises
    ------
    BundleError
        The bundle is missing, damaged, or of a protocol that is not known here.

    Examples
    --------
    >>> import earmark
    >>> model = earmark.load()
    >>> "jazz" in model.genres
    True
    >>> table = earmark.table(["data/raw/reggae-76bpm-g-major.ogg"], set=model.set_name)
    >>> model.predict(table, top=1).shape
    (1, 3)

    One that you have trained:

    >>> earmark.load("models/mine")
    Traceback (most recent call last):
    earmark.extract.errors.BundleError: models/mine: ...
    """
    from earmark.classify.model import storage
    from earmark.classify.trained import Trained

    return storage.load(storage.DEFAULT if path is None else path, Trained)
