"""Splits: honest ones that no group crosses, published ones, and the leaky one to compare with."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from earmark.extract.errors import LabelError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from earmark.classify.dataset.build import Dataset

__all__ = ["Indices", "crossing", "folds", "published_folds", "random_folds"]

Indices = NDArray[np.int64]

MANY_GROUPS = 2000
"""With more groups than this, dealing them out spreads the genres within a few per cent of evenly,
as a search does that would take minutes for Spotify's table."""

PARTS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("valid", "validation", "val", "dev", "development"), "train"),
    **dict.fromkeys(("test", "testing", "eval", "evaluation"), "test"),
}
"""What published splits call their parts, and which side of the one fold that is."""


def folds(dataset: Dataset, count: int, seed: int) -> Iterator[tuple[Indices, Indices]]:
    """Yield the rows to train on and to test on, fold after fold.

    Parameters
    ----------
    dataset : Dataset
        Rows may be windows: all rows of a group stay together. To let doubles cross, and nothing
        else, give it its `keys` for `groups`.
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
    tracks = dataset.per_track()
    groups = tracks["group"].nunique()
    largest = int(tracks["label"].value_counts().max())
    count = max(2, min(count, groups, largest))
    if groups > MANY_GROUPS:
        dealt = _deal(tracks["label"], tracks["group"], count, seed)
    else:
        dealt = _search(tracks, count, seed)
    rows = dataset.tracks.map(pd.Series(dealt, tracks["track"].to_numpy())).to_numpy()
    hint = "because so few artists made the others: label tracks of more artists, or use more folds"
    return _each(dataset, (rows == fold for fold in range(count)), hint)


def random_folds(dataset: Dataset, count: int, seed: int) -> Iterator[tuple[Indices, Indices]]:
    """Yield folds of rows at random, as most do it: windows of one track are on both sides.

    What a model scores there says nothing of other people's files; it is there to be compared
    with. Parameters and errors are those of `folds`.
    """
    largest = int(dataset.labels.value_counts().max())
    count = max(2, min(count, largest))
    rows = pd.Series(np.arange(len(dataset.labels)))
    dealt = _deal(dataset.labels, rows, count, seed)
    return _each(dataset, (dealt == fold for fold in range(count)), "because there are so few rows")


def published_folds(dataset: Dataset) -> Iterator[tuple[Indices, Indices]]:
    """Yield the folds of a published split.

    Where it has parts such as train, valid and test, there is one fold that tests on test and
    trains on the rest; any other values are the names of folds, each of which is tested once. Rows
    without a value are in neither. Groups may cross: that is how the split was published
    (`crossing` counts them).

    Raises
    ------
    LabelError
        The values make no split.
    """
    if dataset.split is None:
        raise LabelError("no column with a published split was named; name it with --split")
    given = dataset.split.astype("object")
    known = given.notna().to_numpy()
    values = sorted({str(value) for value in given[known]})
    shown = ", ".join(map(repr, values[:8]))
    parts = {value: PARTS.get(value.lower()) for value in values}
    if len(values) < 2:
        raise LabelError(f"the published split has only one part ({shown or 'it is blank'})")
    if all(parts.values()):
        missing = {"train", "test"} - set(parts.values())
        if missing:
            raise LabelError(f"the published split has no part to {missing.pop()} on, only {shown}")
        tested = [given.map(parts).eq("test").to_numpy()]
    elif any(part == "test" for part in parts.values()):
        strange = next(value for value, part in parts.items() if part is None)
        raise LabelError(
            f"the published split has a part 'test' and one that is {strange!r}: neither parts "
            f"(train, valid, test) nor folds; it has {shown}"
        )
    else:
        tested = [given.astype(str).eq(value).to_numpy() & known for value in values]
    return _each(dataset, tested, "because the published split is so", known)


def crossing(dataset: Dataset) -> int:
    """Count the groups of which a published split has tracks in more than one of its folds."""
    if dataset.split is None:
        return 0
    parts = dataset.split.map(lambda value: PARTS.get(str(value).lower(), str(value)), "ignore")
    return int((parts.groupby(dataset.groups.to_numpy()).nunique() > 1).sum())


def _each(
    dataset: Dataset,
    tested: Iterable[NDArray[np.bool_]],
    reason: str,
    known: NDArray[np.bool_] | None = None,
) -> Iterator[tuple[Indices, Indices]]:
    """Yield both sides of each fold that has two, if there is enough to learn from."""
    labels = dataset.labels.to_numpy()
    every = np.ones(len(labels), bool) if known is None else known
    for test in tested:
        train = every & ~test
        if not test.any() or not train.any():
            continue
        left = pd.unique(labels[train])
        if len(left) < 2:
            raise LabelError(f"a fold leaves only {left[0]!r} to learn from, {reason}")
        yield np.flatnonzero(train), np.flatnonzero(test)


def _deal(labels: pd.Series, groups: pd.Series, count: int, seed: int) -> Indices:
    """Deal groups out to the folds like cards, genre after genre, the largest groups first."""
    codes, _ = pd.factorize(groups)
    genres = pd.factorize(labels, sort=True)[0]
    sizes = np.bincount(codes)
    # Of a group with several genres the first stands for it.
    genre = genres[np.unique(codes, return_index=True)[1]]
    shuffled = np.random.default_rng(seed).permutation(len(sizes))
    order = np.lexsort((shuffled, -sizes, genre))
    fold = np.empty(len(sizes), np.int64)
    fold[order] = np.arange(len(sizes)) % count
    dealt: Indices = fold[codes]
    return dealt


def _search(tracks: pd.DataFrame, count: int, seed: int) -> Indices:
    """Return the fold of each track, with genres spread as evenly as large groups allow."""
    import warnings

    from sklearn.model_selection import StratifiedGroupKFold

    splitter = StratifiedGroupKFold(n_splits=count, shuffle=True, random_state=seed)
    dealt = np.zeros(len(tracks), np.int64)
    with warnings.catch_warnings():
        # A genre with fewer tracks than folds is legitimate here: it is absent from some.
        warnings.filterwarnings("ignore", message="The least populated class", category=UserWarning)
        pairs = splitter.split(tracks, tracks["label"], tracks["group"])
        for fold, (_, held_out) in enumerate(pairs):
            dealt[held_out] = fold
    return dealt
