"""What `earmark.load` returns: a model that predicts and explains."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Literal

from earmark.classify import score
from earmark.classify.model.bundle import Bundle
from earmark.classify.segments import SECONDS
from earmark.extract.feature_table import facts_table

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
    Trained(14 genres, 448 of 503 columns of default+musicnn-2, whole tracks, ...)
    """

    @classmethod
    def of(cls, bundle: Bundle) -> Trained:
        """Return a bundle as a model that takes tables."""
        return cls(**{field.name: getattr(bundle, field.name) for field in fields(bundle)})

    def _repr_html_(self) -> str:
        """Return what a notebook shows: what it takes, which genres it knows, how right it is."""
        facts = {
            "looks at": f"{len(self.inputs)} of {len(self.columns)} columns of "
            f"{self.set or 'a table that Earmark did not extract'}",
            "rows": f"windows of {self.windows:g} s" if self.windows else "whole tracks",
            "genres": ", ".join(self.genres),
        }
        for name in ("accuracy", "tracks"):
            if isinstance(value := self.metrics.get(name), int | float):
                facts[name] = f"{value:,}" if isinstance(value, int) else f"{value:.3f}"
        return facts_table(type(self).__name__, facts)

    def predict(
        self, table: pd.DataFrame | FeatureTable, *, top: int = 3, min_probability: float = 0.0
    ) -> pd.DataFrame:
        """Return the most probable genres of each track.

        Parameters
        ----------
        table : DataFrame or FeatureTable
            Descriptors; rows are tracks, or windows of tracks.
        top : int
            How many genres to name.
        min_probability : float
            A track whose genre is less probable gets none.

        Returns
        -------
        DataFrame
            As from `earmark.classify.score.Scored.predictions`.

        Raises
        ------
        SchemaError
            The table was not made like the one that the model was trained on.
        """
        return score.scored(self, table).predictions(top, min_probability)

    def explain(
        self,
        table: pd.DataFrame | FeatureTable,
        *,
        top: int = 5,
        by: Literal["columns", "families"] = "columns",
    ) -> pd.DataFrame:
        """Return what spoke for and against the genre of each track.

        Parameters
        ----------
        table : DataFrame or FeatureTable
            Descriptors; rows are tracks, or windows of tracks.
        top : int
            How many columns to name for, and how many against.
        by : {"columns", "families"}
            Whether to name columns with their values, or families of them in words.

        Returns
        -------
        DataFrame
            As from `earmark.classify.score.Scored.explanations`, or of families as from
            `earmark.classify.reasons.by_family`, all of them.

        Raises
        ------
        SchemaError
            The table was not made like the one that the model was trained on.
        """
        scored = score.scored(self, table)
        return scored.reasons() if by == "families" else scored.explanations(top)

    def segments(
        self,
        table: pd.DataFrame | FeatureTable,
        *,
        seconds: float = SECONDS,
        top: int = 3,
        min_probability: float = 0.0,
    ) -> pd.DataFrame:
        """Return the genres of the parts of each track, such as those of a DJ mix.

        Parameters
        ----------
        table : DataFrame or FeatureTable
            Descriptors of windows of tracks.
        seconds : float
            About how long the parts are that are judged by themselves.
        top, min_probability
            As for `predict`.

        Returns
        -------
        DataFrame
            As from `earmark.classify.score.Scored.segments`.

        Raises
        ------
        SchemaError
            Rows of the table are tracks, or it was not made like the one that the model was trained
            on.
        """
        return score.scored(self, table).segments(seconds, top, min_probability)
