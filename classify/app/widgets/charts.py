"""Charts that several pages show: the probabilities of genres, and the reasons for a genre.

Pure functions that return Plotly figures; `earmark.classify.app.widgets.theme.figure` shows them.
"""

from __future__ import annotations

import math
import textwrap
from typing import TYPE_CHECKING

import plotly.graph_objects as go

from earmark.classify.app.widgets.grid import meaning
from earmark.classify.app.widgets.theme import OTHERS, PALETTE

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["escaped", "genres", "number", "percent", "reasons"]

FOR, AGAINST = PALETTE[2], PALETTE[5]

ROW = 30
"""Height in pixels of a bar with the space around it."""


def percent(share: float) -> str:
    """Return a probability as text in percent."""
    return f"{100 * share:.0f} %" if share >= 0.005 else "< 1 %"


def genres(names: Sequence[str], probabilities: Sequence[float], top: int = 6) -> go.Figure:
    """Draw the most probable genres as bars, the first one highlighted."""
    shown = list(zip(names, probabilities, strict=True))[:top]
    chart = go.Figure(
        go.Bar(
            x=[100 * share for _, share in shown],
            y=list(range(len(shown))),
            orientation="h",
            marker={"color": [PALETTE[0]] + [OTHERS] * (len(shown) - 1), "cornerradius": 4},
            text=[percent(share) for _, share in shown],
            textposition="outside",
            cliponaxis=False,
            hoverinfo="skip",
        )
    )
    chart.update_xaxes(range=[0, 112], visible=False, fixedrange=True)
    _name_rows(chart, [name for name, _ in shown])
    said = ", ".join(f"{name} {percent(share)}" for name, share in shown)
    chart.update_layout(
        height=ROW * len(shown) + 24, bargap=0.3, showlegend=False, meta=f"A bar per genre: {said}."
    )
    return chart


def reasons(contributions: Sequence[tuple[str, float, float]], top: int = 6) -> go.Figure:
    """Draw the descriptors that speak for a genre to the right, those against it to the left.

    Parameters
    ----------
    contributions : sequence of (str, float, float)
        Descriptor, its value, and its contribution to the log-odds of the genre.
    top : int
        Descriptors on each side at most.
    """
    pro = sorted((item for item in contributions if item[2] > 0), key=lambda item: -item[2])[:top]
    con = sorted((item for item in contributions if item[2] < 0), key=lambda item: item[2])[:top]
    shown = pro + con[::-1]
    chart = go.Figure(
        go.Bar(
            x=[added for _, _, added in shown],
            y=list(range(len(shown))),
            orientation="h",
            marker={
                "color": [FOR if added > 0 else AGAINST for _, _, added in shown],
                "cornerradius": 3,
            },
            customdata=[
                (escaped(name), number(value), "for" if added > 0 else "against", _meant(name))
                for name, value, added in shown
            ],
            hovertemplate="<b>%{customdata[0]}</b> is %{customdata[1]} and speaks %{customdata[2]} "
            "it%{customdata[3]}<extra></extra>",
        )
    )
    chart.add_vline(x=0, line_width=1, line_color=OTHERS)
    chart.update_xaxes(
        title="← speaks against it      speaks for it →",
        showticklabels=False,
        zeroline=False,
        fixedrange=True,
        automargin=True,
    )
    _name_rows(chart, [name for name, _, _ in shown])
    told = [
        f"{way} it: {', '.join(f'{name} ({number(value)})' for name, value, _ in own)}"
        for way, own in (("for", pro), ("against", con))
        if own
    ]
    chart.update_layout(
        height=24 * len(shown) + 64,
        bargap=0.25,
        showlegend=False,
        meta=f"A bar per descriptor, the most telling first. {'; '.join(told)}.",
    )
    return chart


def _name_rows(chart: go.Figure, names: Sequence[str]) -> None:
    """Label the bars, which are placed by number, as names may be numbers or equal."""
    chart.update_yaxes(
        type="linear",
        range=[len(names) - 0.5, -0.5],
        tickmode="array",
        tickvals=list(range(len(names))),
        ticktext=[escaped(name) for name in names],
        ticks="",
        zeroline=False,
        showgrid=False,
        fixedrange=True,
        automargin=True,
    )


def number(value: float) -> str:
    """Return a number as people write it: three digits that count, and no powers of ten.

    Examples
    --------
    >>> [number(value) for value in (30123.4, 0.12345, 128.0, float("nan"))]
    ['30,123', '0.123', '128', 'unknown']
    """
    if not math.isfinite(value):
        return "unknown"
    size = abs(value)
    digits = 0 if size >= 100 else 1 if size >= 10 else 2 if size >= 1 else 3
    text = f"{value:,.{digits}f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return text.replace("-", "−")


def _meant(name: str) -> str:
    """Return what a column means, on lines of their own; nothing where that is not known."""
    return "".join(f"<br>{escaped(line)}" for line in textwrap.wrap(meaning(name), 40))


def escaped(name: str, longest: int = 40) -> str:
    """Return a name, cut to a length and escaped, as Plotly interprets some HTML."""
    short = name if len(name) <= longest else f"{name[: longest - 1]}…"
    return short.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
