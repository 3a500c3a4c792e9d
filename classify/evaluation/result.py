"""What a cross-validation gave."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from earmark.classify.evaluation import metrics

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

__all__ = ["Evaluation"]


@dataclass(frozen=True, eq=False)
class Evaluation:
    """What a cross-validation gave.

    Parameters
    ----------
    metrics : dict
        Means over the repeats, their spread, intervals, and numbers per genre.
    tracks : DataFrame
        ``label`` and ``group`` of the tracks that were tested, by path.
    probabilities : DataFrame of shape (tracks, genres)
        What was found for them by models that had not seen them, in the first repeat.
    linear_share, temperature : float
        With which the held-out tracks come out most likely.
    explanations : DataFrame
        What spoke for and against the errors that the model was surest of; see
        `earmark.classify.score.Scored.explanations`.
    """

    metrics: dict[str, Any]
    tracks: pd.DataFrame
    probabilities: pd.DataFrame
    linear_share: float
    temperature: float
    explanations: pd.DataFrame

    @property
    def genres(self) -> list[str]:
        """The genres, sorted."""
        return [str(genre) for genre in self.probabilities.columns]

    @property
    def confusion(self) -> NDArray[np.int64]:
        """Counts of tracks, true genres in rows."""
        truth = self.tracks["label"].tolist()
        return metrics.confusion(truth, self.probabilities.to_numpy(), self.genres)
