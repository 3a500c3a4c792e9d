"""Speech told from all music at once, beside the genres.

A model of genres must be held back: what tells two collections of rock apart tells no genres apart.
Speech is another matter: all music is its opposite, also that of which nobody knows the genre. So
the linear half has a second say on it: a logistic regression of speech against music, less held
back, whose log-odds are added to those that speech has among the genres. It is what finds voices
over music that is nearly as loud.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from earmark.classify.models.train_speech import SPEECH

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from earmark.classify.model.linear import Linear

__all__ = ["told"]

STRENGTH = 0.1
"""Inverse of the penalty of speech against music, scikit-learn's ``C``."""

SAY = 2.0
"""How much its log-odds count beside those of a genre."""


def told(
    linear: Linear,
    genres: Sequence[str],
    values: NDArray[np.float32],
    spoken: NDArray[np.bool_],
    reserve: float,
) -> Linear:
    """Return the linear half with a second say on speech.

    Parameters
    ----------
    linear : Linear
        What was fitted to the genres.
    genres : sequence of str
        Those that it knows; speech among them.
    values : ndarray of shape (rows, columns)
        Of speech and of music, whatever its genre.
    spoken : ndarray of shape (rows,)
        Which rows are speech.
    reserve : float
        By how much it is held back, in log-odds: there is less speech among music than here.
    """
    from sklearn.linear_model import LogisticRegression
    from threadpoolctl import threadpool_limits

    regression = LogisticRegression(C=STRENGTH, max_iter=1000, tol=1e-3, class_weight="balanced")
    with threadpool_limits(1):
        regression.fit(linear.inputs(values), spoken)
    own = np.array(genres) == SPEECH
    return replace(
        linear,
        weights=linear.weights + SAY * own[:, None] * regression.coef_,
        intercept=linear.intercept + own * (SAY * regression.intercept_ - reserve),
    )
