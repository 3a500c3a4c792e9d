"""How sure a model may be: the share of its linear part and the temperature of its log-odds.

Both are found on tracks that were held out, never on those that were trained on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from earmark.classify.model.ensemble import Floats, mixed

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["calibrate", "cross_fitted"]

SHARES = tuple(np.linspace(0.0, 1.0, 11))
"""Shares of the linear part that are tried."""

USUAL_SHARE = 0.5

CAUTION = 3.0
"""Weight of the usual share and of temperature 1, in tracks: a few tracks cannot move them far."""


def calibrate(
    trees: Floats, linear: Floats, truth: NDArray[np.int64], share: float | None = None
) -> tuple[float, float]:
    """Return the share of the linear part and the temperature that make the truth most likely.

    Parameters
    ----------
    trees, linear : ndarray of shape (tracks, genres)
        Log-odds of the two parts.
    truth : ndarray of shape (tracks,)
        The true genres, by number.
    share : float, optional
        A share that is fixed; by default it is found.

    Returns
    -------
    share, temperature : float
        What `earmark.classify.model.ensemble.Ensemble` takes.

    References
    ----------
    Guo et al., "On calibration of modern neural networks", ICML 2017.
    """
    from scipy.optimize import minimize_scalar

    def loss(log_temperature: float, own: float) -> float:
        logits = mixed(trees, linear, own, np.exp(log_temperature))
        logits = logits - logits.max(axis=1, keepdims=True)
        chance = logits[np.arange(len(truth)), truth] - np.log(np.exp(logits).sum(axis=1))
        # One track of which nothing at all was expected must not decide.
        surprise = -np.maximum(chance, np.log(1e-4)).sum()
        held_back = log_temperature**2 + (0.0 if share is not None else (own - USUAL_SHARE) ** 2)
        return float(surprise + CAUTION * held_back)

    found = []
    for own in SHARES if share is None else (share,):
        best = minimize_scalar(
            loss, bounds=(np.log(0.1), np.log(10)), args=(own,), method="bounded"
        )
        found.append((float(best.fun), float(own), float(np.exp(best.x))))
    _, own, temperature = min(found)
    return own, temperature


def cross_fitted(
    trees: Floats,
    linear: Floats,
    truth: NDArray[np.int64],
    folds: NDArray[np.int64],
    share: float | None = None,
) -> Floats:
    """Return the log-odds of tracks, calibrated for each fold on the tracks of the others.

    Parameters
    ----------
    trees, linear, truth, share
        As for `calibrate`.
    folds : ndarray of shape (tracks,)
        At least two, no group in two of them.
    """
    logits = np.empty_like(trees)
    for fold in np.unique(folds):
        own = folds == fold
        found = calibrate(trees[~own], linear[~own], truth[~own], share)
        logits[own] = mixed(trees[own], linear[own], *found)
    return logits
