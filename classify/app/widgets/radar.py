"""Radar chart of Spotify's thirteen values of a track, over those typical of its genre.

A pure function that returns a Plotly figure; `earmark.classify.app.widgets.theme.figure` shows it.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import plotly.graph_objects as go

from earmark.classify.app.widgets import grid
from earmark.classify.app.widgets.theme import OTHERS, PALETTE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

__all__ = ["AXES", "place", "radar"]


def _between(low: float, high: float) -> Callable[[float], float]:
    return lambda value: (value - low) / (high - low)


def _share(value: float) -> float:
    return value


AXES: dict[str, tuple[str, Callable[[float], float]]] = {
    "energy": ("energy", _share),
    "loudness": ("loudness", _between(-30, 0)),
    "valence": ("valence", _share),
    "mode": ("mode", _between(-1, 2)),
    "danceability": ("dance", _share),
    "tempo": ("tempo", _between(40, 220)),
    "time_signature": ("metre", _between(2, 7)),
    "duration_ms": ("duration", lambda value: _between(4.5, 6)(math.log10(max(value, 1)))),
    "instrumentalness": ("instrumental", _share),
    "acousticness": ("acoustic", _share),
    "key": ("key", _between(-1, 11)),
    "liveness": ("live", _share),
    "speechiness": ("speech", _share),
}
"""The axes, clockwise from the top: what each is called, and how far out a value lies, 1 being the
rim. Loudness is drawn from −30 LUFS, below which hardly any music is; duration from half a minute
to a quarter of an hour, equal ratios being equally far."""

CATEGORIES = ("key", "mode", "time_signature")
"""Categories, drawn as points and not as corners of the outline. Their axes are not adjacent, so
that the outline has no gap."""

TRACK, GRID = PALETTE[0], "rgba(128, 128, 128, 0.28)"


def place(name: str, value: float | None) -> float | None:
    """Return how far out a value lies on its axis, from 0 to 1; None where there is no value.

    Parameters
    ----------
    name : str
        One of Spotify's thirteen columns.
    value : float or None
        In Spotify's scale; the key −1 is no key.
    """
    if value is None or not math.isfinite(value) or (name == "key" and value < 0):
        return None
    return min(max(AXES[name][1](float(value)), 0.0), 1.0)


def radar(
    values: Mapping[str, float], typical: Mapping[str, list[float]], loudness: str = grid.LUFS
) -> go.Figure:
    """Draw the thirteen values of a track over the middle half of its genre's tracks.

    Parameters
    ----------
    values : mapping of str to float
        By Spotify's column; what is missing is left out.
    typical : mapping of str to list of float
        Lower quartile, median and upper quartile by column; empty where they are unknown.
    loudness : str
        The unit of the loudness.
    """
    words = grid.values(values, typical, loudness)
    value_texts = dict(zip(words["descriptor"], words["this track"], strict=True))
    typical_texts = dict(zip(words["descriptor"], words["typical"], strict=True))
    positions = {name: place(name, values.get(name)) for name in AXES}
    usual = {
        name: [
            where for where in (place(name, each) for each in typical[name]) if where is not None
        ]
        for name in AXES
        if name in typical
    }
    usual = {name: quarters for name, quarters in usual.items() if len(quarters) == 3}
    numbers = [name for name in AXES if name not in CATEGORIES]
    chart = go.Figure()
    if all(name in usual for name in numbers):
        _draw_usual(chart, usual, numbers)
    _draw_track(chart, positions, numbers, value_texts, typical_texts)
    labels = [f"{AXES[name][0]}<br><b>{value_texts[name]}</b>" for name in AXES]
    chart.update_polars(
        # Labels take their room from the inside: no margin has to be known.
        domain={"x": [0.17, 0.83], "y": [0.16, 0.9]},
        bgcolor="rgba(0, 0, 0, 0)",
        gridshape="linear",
        angularaxis={
            "direction": "clockwise",
            "rotation": 90,
            "tickmode": "array",
            "tickvals": [_angle(name) for name in AXES],
            "ticktext": labels,
            "tickfont": {"size": 11},
            "gridcolor": GRID,
            "linecolor": GRID,
        },
        radialaxis={
            "range": [0, 1],
            "tickvals": [0.25, 0.5, 0.75],
            "showticklabels": False,
            "ticks": "",
            "showline": False,
            "gridcolor": GRID,
        },
    )
    said = ", ".join(f"{AXES[name][0]} {value_texts[name]}" for name in AXES)
    chart.update_layout(
        meta=f"A star of thirteen axes. This track: {said}.",
        height=430,
        dragmode=False,
        legend={"orientation": "h", "x": 0.5, "xanchor": "center", "y": 0, "yanchor": "bottom"},
    )
    return chart


def _draw_usual(
    chart: go.Figure, usual: Mapping[str, Sequence[float]], numbers: Sequence[str]
) -> None:
    """Draw the middle half as a ring, outwards around and inwards back, and the medians in it."""
    around = [*numbers, numbers[0]]
    ring = [(name, 2) for name in around] + [(name, 0) for name in reversed(around)]
    chart.add_scatterpolar(
        r=[usual[name][quarter] for name, quarter in ring],
        theta=[_angle(name) for name, _ in ring],
        mode="lines",
        line={"width": 0},
        fill="toself",
        fillcolor="rgba(138, 143, 152, 0.35)",
        name="middle half of the genre",
        hoverinfo="skip",
    )
    chart.add_scatterpolar(
        r=[usual[name][1] for name in around],
        theta=[_angle(name) for name in around],
        mode="lines",
        line={"color": OTHERS, "width": 1.5, "dash": "dot"},
        name="its median",
        hoverinfo="skip",
    )
    known = [name for name in CATEGORIES if name in usual]
    chart.add_scatterpolar(
        r=[usual[name][1] for name in known],
        theta=[_angle(name) for name in known],
        mode="markers",
        marker={"symbol": "diamond-open", "size": 11, "color": OTHERS, "line": {"width": 1.5}},
        showlegend=False,
        hoverinfo="skip",
    )


def _draw_track(
    chart: go.Figure,
    positions: Mapping[str, float | None],
    numbers: Sequence[str],
    value_texts: Mapping[str, str],
    typical_texts: Mapping[str, str],
) -> None:
    """Draw the outline of the track, open where a value is missing."""
    around = [*numbers, numbers[0]]
    whole = all(positions[name] is not None for name in numbers)
    for names, mode, symbol in (
        (around, "lines+markers", "circle"),
        (CATEGORIES, "markers", "diamond"),
    ):
        chart.add_scatterpolar(
            r=[positions[name] for name in names],
            theta=[_angle(name) for name in names],
            mode=mode,
            line={"color": TRACK, "width": 2},
            marker={"color": TRACK, "symbol": symbol, "size": 7 if symbol == "circle" else 9},
            fill="toself" if whole and names is around else "none",
            fillcolor="rgba(0, 114, 178, 0.14)",
            customdata=[[name, value_texts[name], _beside(typical_texts[name])] for name in names],
            hovertemplate="%{customdata[0]}: <b>%{customdata[1]}</b>%{customdata[2]}"
            "<extra></extra>",
            cliponaxis=False,
            name="this track",
            showlegend=names is around,
        )


def _beside(typical_text: str) -> str:
    return f"<br>typical of the genre: {typical_text}" if typical_text else ""


def _angle(name: str) -> float:
    """Return the angle of an axis in degrees, clockwise from the top."""
    return 360 * list(AXES).index(name) / len(AXES)
