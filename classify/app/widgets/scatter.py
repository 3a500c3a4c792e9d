"""The map of a library as a Plotly chart."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from earmark.classify.app.widgets.charts import escaped
from earmark.classify.app.widgets.theme import OTHERS, PALETTE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["drawn", "tracks_map"]

DOTS = 20_000
"""Dots at most, so that the map stays fast on a phone."""

FEW = 2_000
"""Dots up to which the map is drawn without WebGL."""

BACKGROUND = 5_000
"""Background dots at most: tracks that do not match the query."""

SAID = ("artist", "genre")
"""Columns in the label of a dot, under the name of the track."""

LONGEST = 60
"""Characters of a name in a label at most."""


def drawn(count: int, rows: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the rows of matching tracks to draw, and of others for the background.

    A random sample where there are too many, and the same one each time.
    """
    order = np.random.default_rng(0).permutation(count)
    matches = np.zeros(count, bool)
    matches[rows] = True
    inside = order[matches[order]][:DOTS]
    others = order[~matches[order]][: min(BACKGROUND, DOTS - len(inside))]
    return inside, others


def tracks_map(
    places: NDArray[np.float64],
    tracks: pd.DataFrame,
    rows: NDArray[np.int64],
    genres: Sequence[str],
    chosen: int | None = None,
) -> go.Figure:
    """Draw tracks as dots: matching ones in the colours of their genres, others in the background.

    Parameters
    ----------
    places : ndarray of shape (tracks, 2)
        From `earmark.classify.library.map.layout`.
    tracks : DataFrame
        The tracks of a `earmark.classify.library.library.Library`.
    rows : ndarray of int
        The rows of the tracks that match the query.
    genres : sequence of str
        The most frequent first: those get colours, the others are grey.
    chosen : int, optional
        The row of a track that gets a ring.

    Returns
    -------
    Figure
        Each dot of a matching track has its row as ``customdata``.
    """
    inside, others = drawn(len(tracks), rows)
    shown = tracks.iloc[inside]
    texts = _texts(shown)
    genre = shown["genre"].to_numpy(object) if "genre" in shown else np.full(len(shown), None)
    chart = go.Figure()
    # A few dots need no WebGL, which not every browser has.
    add = chart.add_scatter if len(inside) + len(others) <= FEW else chart.add_scattergl
    add(
        **_at(places, others),
        mode="markers",
        name="not found",
        marker={"size": 3, "color": OTHERS, "opacity": 0.15},
        hoverinfo="skip",
        showlegend=False,
        visible=len(others) > 0,
    )
    size = 9 if len(inside) < 300 else 6 if len(inside) < 3000 else 4
    for name, color, opacity, part in _layers(genre, genres):
        if part.any():
            add(
                **_at(places, inside[part]),
                mode="markers",
                name=escaped(str(name), LONGEST),
                text=texts[part],
                customdata=inside[part],
                hovertemplate="%{text}<extra></extra>",
                marker={"size": size, "color": color, "opacity": opacity},
                selected={"marker": {"opacity": opacity}},
                unselected={"marker": {"opacity": opacity}},
            )
    if chosen is not None:
        chart.add_scatter(
            **_at(places, np.array([chosen])),
            mode="markers",
            marker={"size": 18, "color": "rgba(0,0,0,0)", "line": {"width": 3, "color": "#d55e00"}},
            hoverinfo="skip",
            showlegend=False,
        )
    _lay_out(chart)
    named = [name for name in genres if name in set(genre[pd.notna(genre)])][: len(PALETTE)]
    chart.update_layout(
        meta=f"A dot for each of {len(inside):,} tracks; those that sound alike lie together. "
        + (f"In colour: {', '.join(map(str, named))}. " if named else "")
        + "The list has the same tracks."
    )
    return chart


def _layers(
    genre: NDArray[np.object_], genres: Sequence[str]
) -> list[tuple[str, str, float, NDArray[np.bool_]]]:
    """Return name, colour, opacity and dots of each genre, those without a colour first.

    Grey dots are fainter, so that the coloured genres stand out.
    """
    present = set(genre[pd.notna(genre)])
    named = [name for name in genres if name in present]
    layers = [
        (name, color, 0.75, genre == name) for name, color in zip(named, PALETTE, strict=False)
    ]
    if not layers:
        return [("tracks", OTHERS, 0.75, np.ones(len(genre), bool))]
    coloured = np.any([dots for *_, dots in layers], axis=0)
    return [("others", OTHERS, 0.35, ~coloured), *layers]


def _lay_out(chart: go.Figure) -> None:
    """Show no axes, and let a click select."""
    blank = {"visible": False, "range": [-1.06, 1.06]}
    chart.update_xaxes(**blank)
    chart.update_yaxes(**blank)
    chart.update_layout(
        # Zoom and position stay when the query changes.
        uirevision="map",
        dragmode="pan",
        clickmode="event+select",
        legend={"orientation": "h", "y": -0.02, "yanchor": "top", "itemsizing": "constant"},
    )


def _at(places: NDArray[np.float64], rows: NDArray[np.int64]) -> dict[str, NDArray[np.float32]]:
    return dict(zip("xy", places[rows].astype(np.float32).T, strict=True))


def _texts(shown: pd.DataFrame) -> NDArray[np.object_]:
    """Return the label of each dot: title or path, artist and genre, a line each."""
    names = (
        shown["title"].where(shown["title"].notna(), shown["path"]) if "title" in shown else None
    )
    lines = [(shown["path"] if names is None else names).astype(str).tolist()]
    lines += [shown[name].fillna("").astype(str).tolist() for name in SAID if name in shown]
    return np.array(
        [
            "<br>".join(escaped(part, LONGEST) for part in parts if part)
            for parts in zip(*lines, strict=True)
        ],
        object,
    )
