"""What a cross-validation gave."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from earmark.classify.evaluation import metrics
from earmark.classify.score import named

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

__all__ = ["Evaluation", "beside_labels"]


@dataclass(frozen=True, eq=False)
class Evaluation:
    """What a cross-validation gave.

    Parameters
    ----------
    metrics : dict
        Means over the repeats, their spread, intervals, and numbers per genre.
    tracks : DataFrame
        ``label``, ``group`` and ``fold`` of the tracks that were tested, by path.
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

    def predictions(self, top: int = 3) -> pd.DataFrame:
        """Return what was said of every track that was tested, beside what it is.

        Parameters
        ----------
        top : int
            How many genres to name.

        Returns
        -------
        DataFrame
            A row per track: ``path``, ``genre``, ``probability``, ``genre_2`` … as of
            `earmark.classify.score.Scored.predictions`, then ``label``, ``group`` and ``fold``, in
            which it was held out.
        """
        chances = self.probabilities.clip(lower=1e-12)
        return beside_labels(chances.transform(np.log), self.tracks, top)


def beside_labels(logits: pd.DataFrame, tracks: pd.DataFrame, top: int) -> pd.DataFrame:
    """Name the genres of log-odds by path, beside what else is known of the tracks."""
    return named(logits, top).join(tracks).rename_axis("path").reset_index()
