"""The map of a library as a chart of Plotly's."""

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
"""Dots that a browser moves about with ease, also on a phone."""

FEW = 2_000
"""Dots that are drawn without WebGL."""

BACKGROUND = 5_000
"""Of those that show where the others are."""

SAID = ("artist", "genre")
"""What is said beside a dot under the name of its track."""

LONGEST = 60
"""Characters of a name beside a dot."""


def drawn(count: int, rows: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return which of the tracks that were found are drawn, and which of the others.

    The same ones each time, spread over all.
    """
    order = np.random.default_rng(0).permutation(count)
    found = np.zeros(count, bool)
    found[rows] = True
    inside = order[found[order]][:DOTS]
    others = order[~found[order]][: min(BACKGROUND, DOTS - len(inside))]
    return inside, others


def tracks_map(
    places: NDArray[np.float64],
    tracks: pd.DataFrame,
    rows: NDArray[np.int64],
    genres: Sequence[str],
    chosen: int | None = None,
) -> go.Figure:
    """Draw tracks as dots: what was found in the colours of its genres, the rest in the background.

    Parameters
    ----------
    places : ndarray of shape (tracks, 2)
        From `earmark.classify.library.map.layout`.
    tracks : DataFrame
        Of a `earmark.classify.library.library.Library`.
    rows : ndarray of int
        Of the tracks that were found.
    genres : sequence of str
        The most frequent first: those get colours, the others are grey.
    chosen : int, optional
        The row of a track that gets a ring.

    Returns
    -------
    Figure
        Each dot of a track that was found has its row as ``customdata``.
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
    rest = np.ones(len(inside), bool)
    present = set(genre[pd.notna(genre)])
    named = [name for name in genres if name in present][: len(PALETTE)]
    parts = [(name, color, genre == name) for name, color in zip(named, PALETTE, strict=False)]
    for _, _, part in parts:
        rest &= ~part
    size = 9 if len(inside) < 300 else 6 if len(inside) < 3000 else 4
    for name, color, part in [("others" if named else "tracks", OTHERS, rest), *parts]:
        # Colours are what is looked for: what has none steps back beside them.
        opacity = 0.75 if color != OTHERS or not named else 0.35
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
    blank = {"visible": False, "range": [-1.06, 1.06]}
    chart.update_xaxes(**blank)
    chart.update_yaxes(**blank)
    chart.update_layout(
        # What was zoomed into stays when something else is found.
        uirevision="map",
        dragmode="pan",
        clickmode="event+select",
        legend={"orientation": "h", "y": -0.02, "yanchor": "top", "itemsizing": "constant"},
    )
    return chart


def _at(places: NDArray[np.float64], rows: NDArray[np.int64]) -> dict[str, NDArray[np.float32]]:
    return dict(zip("xy", places[rows].astype(np.float32).T, strict=True))


def _texts(shown: pd.DataFrame) -> NDArray[np.object_]:
    """Return what is said beside each dot: title or path, artist, genre, a line each."""
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
