"""What `earmark.load` returns: a model that predicts and explains."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from earmark.classify import score
from earmark.classify.model.bundle import Bundle

if TYPE_CHECKING:
    import pandas as pd

    from earmark.extract.feature_table import FeatureTable

__all__ = ["Trained"]


@dataclass(frozen=True, repr=False)
class Trained(Bundle):
    """A bundle that takes whole tables: it checks them, predicts, and says why.

    Examples
    --------
    >>> import earmark
    >>> model = earmark.load()
    >>> model  # doctest: +ELLIPSIS
    Trained(14 genres, 450 of 500 columns of default+musicnn-1, whole tracks, ...)
    """

    @classmethod
    def of(cls, bundle: Bundle) -> Trained:
        """Return a bundle as a model that takes tables."""
        return cls(**{field.name: getattr(bundle, field.name) for field in fields(bundle)})

    def __repr__(self) -> str:
        parts = [
            f"{len(self.genres)} genres",
            f"{len(self.inputs)} of {len(self.columns)} columns of "
            f"{self.set or 'a table that Earmark did not extract'}",
            f"windows of {self.windows:g} s" if self.windows else "whole tracks",
        ]
        if isinstance(accuracy := self.metrics.get("accuracy"), int | float):
            parts.append(f"accuracy {accuracy:.3f}")
        return f"{type(self).__name__}({', '.join(parts)})"

    def predict(self, table: pd.DataFrame | FeatureTable, *, top: int = 3) -> pd.DataFrame:
        """Return the most probable genres of each track.

        Parameters
        ----------
        table : DataFrame or FeatureTable
            Descriptors; rows are tracks, or windows of tracks.
        top : int
            How many genres to name.

        Returns
        -------
        DataFrame
            As from `earmark.classify.score.Scored.predictions`.

        Raises
        ------
        SchemaError
            The table was not made like the one that the model was trained on.
        """
        return score.scored(self, table).predictions(top)

    def explain(self, table: pd.DataFrame | FeatureTable, *, top: int = 5) -> pd.DataFrame:
        """Return what spoke for and against the genre of each track.

        Parameters
        ----------
        table : DataFrame or FeatureTable
            Descriptors; rows are tracks, or windows of tracks.
        top : int
            How many columns to name for, and how many against.

        Returns
        -------
        DataFrame
            As from `earmark.classify.score.Scored.explanations`.

        Raises
        ------
        SchemaError
            The table was not made like the one that the model was trained on.
        """
        return score.scored(self, table).explanations(top)
