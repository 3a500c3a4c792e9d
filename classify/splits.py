"""Splits that no group crosses: an artist, or a track, is on one side only."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from classify.dataset import Dataset
from extract.errors import LabelError

__all__ = ["Indices", "folds"]

Indices = NDArray[np.int64]


def folds(dataset: Dataset, count: int, seed: int) -> Iterator[tuple[Indices, Indices]]:
    """Yield the rows to train on and to test on, fold after fold.

    Parameters
    ----------
    dataset : Dataset
        Rows may be windows: all rows of a group stay together.
    count : int
        Number of folds; fewer where there are fewer groups or tracks.
    seed : int
        Of the shuffle.

    Yields
    ------
    train, test : ndarray of int
        Indices of rows. Genres are spread over the folds as evenly as the groups allow.

    Raises
    ------
    LabelError
        A fold would leave one genre only to learn from.
    """
    import warnings

    from sklearn.model_selection import StratifiedGroupKFold

    tracks = dataset.per_track()
    largest = int(tracks["label"].value_counts().max())
    count = max(2, min(count, tracks["group"].nunique(), largest))
    splitter = StratifiedGroupKFold(n_splits=count, shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        # A genre with fewer tracks than folds is legitimate here: it is absent from some.
        warnings.filterwarnings("ignore", message="The least populated class", category=UserWarning)
        pairs = list(splitter.split(tracks, tracks["label"], tracks["group"]))
    for _, held_out in pairs:
        test = dataset.tracks.isin(tracks["track"].iloc[held_out]).to_numpy()
        if not test.any() or test.all():
            continue
        left = dataset.labels[~test].unique()
        if len(left) < 2:
            raise LabelError(
                f"a fold leaves only {left[0]!r} to learn from, because so few artists made the "
                "others: label tracks of more artists, or use more folds"
            )
        yield np.flatnonzero(~test), np.flatnonzero(test)
