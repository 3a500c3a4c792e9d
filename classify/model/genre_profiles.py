"""What tracks of a genre typically measure in Spotify's columns, in quartiles.

Whoever looks at one track wants something to hold it against.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from earmark.classify.dataset.build import SPOTIFY_EXTRAS
from earmark.classify.dataset.pooling import CATEGORIES, per_track
from earmark.extract.errors import BundleError
from earmark.extract.sets import SPOTIFY_COLUMNS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["COLUMNS", "Typical", "check", "of", "overall"]

COLUMNS = (*SPOTIFY_COLUMNS, *SPOTIFY_EXTRAS)
"""The columns of which quartiles are kept."""

QUARTERS = (0.25, 0.5, 0.75)

Typical = dict[str, dict[str, list[float]]]
"""Genre → column → lower quartile, median and upper quartile; of a category three times the
commonest value."""


def of(values: pd.DataFrame, labels: pd.Series, tracks: pd.Series) -> Typical:
    """Return the quartiles of every genre.

    Parameters
    ----------
    values : DataFrame of shape (rows, columns)
        Rows of tracks, or of windows, which `earmark.classify.dataset.pooling.per_track`
        sums up; columns that are not Spotify's are passed over.
    labels, tracks : Series of shape (rows,)
        The genre and the track of each row.
    """
    names = [name for name in COLUMNS if name in values]
    of_track = per_track(values[names].astype(float), tracks)
    genres = labels.groupby(tracks.to_numpy(object), sort=False).first()
    return {
        str(genre): {
            name: _summary(name, own[name].dropna()) for name in names if own[name].notna().any()
        }
        for genre, own in of_track.groupby(genres)
    }


def _summary(name: str, values: pd.Series) -> list[float]:
    if name in CATEGORIES:
        return [float(values.mode().iloc[0])] * len(QUARTERS)
    # More digits would say more than there is to know.
    return [float(f"{value:.5g}") for value in values.quantile(list(QUARTERS))]


def overall(typical: Typical) -> dict[str, list[float]]:
    """Return the quartiles of a track of any genre: the medians of those of the genres."""
    names = [name for name in COLUMNS if any(name in own for own in typical.values())]
    known = {name: [own[name] for own in typical.values() if name in own] for name in names}
    return {
        name: _summary(name, pd.Series([middle for _, middle, _ in own]))
        if name in CATEGORIES
        else [float(value) for value in np.median(own, axis=0)]
        for name, own in known.items()
    }


def check(typical: Mapping[str, Any], genres: Sequence[str]) -> None:
    """Refuse what is not quartiles of known columns of known genres.

    Raises
    ------
    BundleError
        Something else is there.
    """
    foreign = sorted(set(typical) - set(genres))
    if foreign:
        raise BundleError(f"it has typical values of {', '.join(foreign[:5])}, no genre of its own")
    for genre, own in typical.items():
        for name, values in own.items():
            if name not in COLUMNS:
                raise BundleError(f"it has typical values of {name!r}, which is no column known")
            if len(values) != len(QUARTERS) or not (
                np.isfinite(values).all() and values == sorted(values)
            ):
                raise BundleError(f"the typical {name} of {genre} is not three ascending numbers")
