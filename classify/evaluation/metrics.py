"""How good predictions are: how often right, how well calibrated, and how sure that is.

Conventions: `truth` holds genres, shape (tracks,), of at least one track; `probabilities` has shape
(tracks, genres), its columns in the order of `genres`. Rows are tracks, never windows. A truth that
is not among the genres counts as an error. Of equal probabilities the first is the larger.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "accuracy",
    "codes",
    "confusion",
    "evaluate",
    "expected_calibration_error",
    "interval",
    "log_loss",
    "macro_f1",
    "per_genre",
    "ranks",
    "reliability",
    "top_k",
]

Probabilities = NDArray[np.floating]

DRAWN = 4_000_000
"""Numbers that `interval` draws at a time, so that its memory does not grow with the groups."""


def accuracy(truth: Sequence[str], probabilities: Probabilities, genres: Sequence[str]) -> float:
    """Share of tracks whose most probable genre is the true one."""
    return top_k(truth, probabilities, genres, 1)


def top_k(
    truth: Sequence[str], probabilities: Probabilities, genres: Sequence[str], k: int
) -> float:
    """Share of tracks whose true genre is among the `k` most probable ones."""
    # The rank of a truth that is none of the genres is their number: no k reaches it.
    return float((ranks(truth, probabilities, genres) < min(k, len(genres))).mean())


def confusion(
    truth: Sequence[str], probabilities: Probabilities, genres: Sequence[str]
) -> NDArray[np.int64]:
    """Count tracks by true genre (rows) and predicted genre (columns).

    Tracks whose truth is not among the genres have no row and are not counted.
    """
    true, predicted = codes(truth, genres), np.asarray(probabilities).argmax(axis=1)
    cells = (true * len(genres) + predicted)[true >= 0]
    return np.bincount(cells, minlength=len(genres) ** 2).reshape(len(genres), len(genres))


def per_genre(
    truth: Sequence[str], probabilities: Probabilities, genres: Sequence[str]
) -> pd.DataFrame:
    """Say how well each genre is found.

    With the hits of a genre, its tracks and how often it was predicted::

        recall = hits / tracks    precision = hits / predicted
        f1 = 2 hits / (tracks + predicted)

    the last being the harmonic mean of the two.

    Returns
    -------
    DataFrame
        ``tracks``, ``predicted``, ``precision``, ``recall`` and ``f1``, a row per genre. What
        would be divided by zero is NaN: the precision of a genre that was never predicted, the
        recall of one that never occurs.

    References
    ----------
    van Rijsbergen, "Information retrieval", 2nd edition, Butterworths 1979, chapter 7.
    """
    counts = confusion(truth, probabilities, genres)
    hits, tracks = counts.diagonal(), counts.sum(axis=1)
    # Not the columns of the matrix: whoever is of none of the genres was predicted as one, too.
    predicted = np.bincount(np.asarray(probabilities).argmax(axis=1), minlength=len(genres))
    return pd.DataFrame(
        {
            "tracks": tracks,
            "predicted": predicted,
            "precision": _ratio(hits, predicted),
            "recall": _ratio(hits, tracks),
            "f1": _ratio(2 * hits, tracks + predicted),
        },
        index=pd.Index(list(genres), name="genre"),
    )


def macro_f1(truth: Sequence[str], probabilities: Probabilities, genres: Sequence[str]) -> float:
    """Mean of the F1 of the genres that occur, each weighing the same; see `per_genre`."""
    table = per_genre(truth, probabilities, genres)
    occurs = table["tracks"] > 0
    return float(table.loc[occurs, "f1"].mean()) if occurs.any() else 0.0


def log_loss(truth: Sequence[str], probabilities: Probabilities, genres: Sequence[str]) -> float:
    """Mean of -ln p of the true genres' probabilities p [nat].

    A probability of zero would be infinitely wrong: p is clipped at the smallest difference that a
    float64 knows, 2.2e-16, which costs 36 nat. So much also costs a truth that is none of the
    genres.

    References
    ----------
    Good, "Rational decisions", Journal of the Royal Statistical Society B 14, 1952.
    """
    chances = _chances_of_truth(truth, probabilities, genres)
    return float(-np.log(np.clip(chances, np.finfo(float).eps, 1)).mean())


def reliability(
    truth: Sequence[str], probabilities: Probabilities, genres: Sequence[str], bins: int = 10
) -> pd.DataFrame:
    """Compare how sure the predictions are with how often they are right.

    A track's confidence is the probability of its most probable genre. Bins are of equal width,
    each without its lower edge and with its upper one.

    Returns
    -------
    DataFrame
        ``low`` and ``high`` edge, mean ``confidence``, ``accuracy`` and number of ``tracks`` of
        each bin, lowest first; NaN where a bin is empty. Well calibrated are predictions whose
        accuracy is their confidence.

    References
    ----------
    Niculescu-Mizil and Caruana, "Predicting good probabilities with supervised learning",
    ICML 2005.
    """
    confidence = np.asarray(probabilities, float).max(axis=1)
    right = ranks(truth, probabilities, genres) == 0
    edges = np.linspace(0, 1, bins + 1)
    bin_of = np.searchsorted(edges[1:-1], confidence)
    tracks = np.bincount(bin_of, minlength=bins)
    return pd.DataFrame(
        {
            "low": edges[:-1],
            "high": edges[1:],
            "confidence": _ratio(np.bincount(bin_of, confidence, bins), tracks),
            "accuracy": _ratio(np.bincount(bin_of, right, bins), tracks),
            "tracks": tracks,
        }
    )


def expected_calibration_error(
    truth: Sequence[str], probabilities: Probabilities, genres: Sequence[str], bins: int = 15
) -> float:
    """Mean distance between how sure predictions are and how often they are right.

    Over the bins b of `reliability`, with n_b of n tracks in each::

        ECE = sum_b n_b / n |accuracy_b - confidence_b|

    It lies between 0 and 1; 0.05 says that probabilities are off by five points on average.

    References
    ----------
    Guo, Pleiss, Sun and Weinberger, "On calibration of modern neural networks", ICML 2017.
    """
    table = reliability(truth, probabilities, genres, bins)
    gaps = (table["accuracy"] - table["confidence"]).abs()
    return float((gaps * table["tracks"]).sum() / table["tracks"].sum())


def interval(
    correct: ArrayLike,
    groups: ArrayLike,
    level: float = 0.95,
    seed: int = 0,
    repeats: int = 1000,
) -> tuple[float, float]:
    """Say between which bounds a mean lies, by a bootstrap that draws whole groups.

    The tracks of an artist are right or wrong together, so that they tell less than as many tracks
    of different artists would. From G groups, G are drawn with replacement, again and again; the
    bounds are quantiles of the means of what was drawn (the percentile method).

    Parameters
    ----------
    correct : array_like of shape (tracks,)
        What the mean is of: whether each track is right, or any other number.
    groups : array_like of shape (tracks,)
        The group of each track.
    level : float
        Share of the drawn means that lie between the bounds.
    seed : int
        Of the draw.
    repeats : int
        How often to draw.

    Returns
    -------
    low, high : float
        Where all groups are alike both are the mean: what was not seen cannot be drawn.

    References
    ----------
    Efron and Tibshirani, "An introduction to the bootstrap", Chapman & Hall 1993, chapter 13.
    Field and Welsh, "Bootstrapping clustered data", Journal of the Royal Statistical Society B 69,
    2007.
    """
    values = np.asarray(correct, float)
    codes, _ = pd.factorize(np.asarray(groups))
    pairs = np.column_stack([np.bincount(codes, values), np.bincount(codes)])
    # Groups of the same sum and size are the same to a mean: what matters is how many of each kind
    # are drawn. Kinds are few where values are right or wrong, though there be 60,000 groups.
    kinds, counts = np.unique(pairs, axis=0, return_counts=True)
    shares = counts / counts.sum()
    random = np.random.default_rng(seed)
    means: list[NDArray[np.float64]] = []
    at_once = max(1, DRAWN // len(kinds))
    for start in range(0, repeats, at_once):
        drawn = random.multinomial(len(pairs), shares, min(at_once, repeats - start))
        means.append(drawn @ kinds[:, 0] / (drawn @ kinds[:, 1]))
    low, high = np.quantile(np.concatenate(means), [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def evaluate(
    truth: Sequence[str], probabilities: Probabilities, genres: Sequence[str]
) -> dict[str, float]:
    """Return accuracy, macro-F1, top-3, top-5, ECE and log loss.

    Of three genres the true one is always among the first three: top-3 is of more, as top-5 is.
    """
    places = ranks(truth, probabilities, genres)
    return {
        "accuracy": float((places < 1).mean()),
        "macro_f1": macro_f1(truth, probabilities, genres),
        **{f"top_{k}": float((places < k).mean()) for k in (3, 5) if len(genres) > k},
        "ece": expected_calibration_error(truth, probabilities, genres),
        "log_loss": log_loss(truth, probabilities, genres),
    }


def codes(truth: Sequence[str], genres: Sequence[str]) -> NDArray[np.int64]:
    """Return the position of each truth among the genres, -1 where it is none of them."""
    position = {genre: index for index, genre in enumerate(genres)}
    return np.fromiter((position.get(true, -1) for true in truth), np.int64, len(truth))


def _chances_of_truth(
    truth: Sequence[str], probabilities: Probabilities, genres: Sequence[str]
) -> NDArray[np.float64]:
    """Return the probability of each track's true genre, 0 where it is none of the genres."""
    places = codes(truth, genres)
    own = np.take_along_axis(np.asarray(probabilities, float), places[:, None], axis=1)[:, 0]
    return np.where(places < 0, 0.0, own)


def ranks(
    truth: Sequence[str], probabilities: Probabilities, genres: Sequence[str]
) -> NDArray[np.int64]:
    """Count, for each track, the genres that come before the true one; all where it is none."""
    places, chances = codes(truth, genres)[:, None], np.asarray(probabilities)
    own = np.take_along_axis(chances, places, axis=1)
    earlier = np.arange(chances.shape[1]) < places
    before = ((chances > own) | ((chances == own) & earlier)).sum(axis=1)
    places_of_truth: NDArray[np.int64] = np.where(places[:, 0] < 0, chances.shape[1], before)
    return places_of_truth


def _ratio(part: ArrayLike, whole: ArrayLike) -> NDArray[np.float64]:
    """Divide; by zero is NaN."""
    divisor = np.asarray(whole, float)
    return np.asarray(part, float) / np.where(divisor == 0, np.nan, divisor)
