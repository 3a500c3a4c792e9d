"""What changes in the course of a track, in lanes under its waveform: drawn as vectors in HTML.

The lanes begin and end where the player's pictures do (`picture.js`), on every width.
"""

from __future__ import annotations

import base64
import html
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from earmark.classify import sound_tags
from earmark.classify.app.widgets import theme
from earmark.classify.app.widgets.headline import MOODS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from earmark.classify.over_time import OverTime

__all__ = ["described", "drawn", "levels", "moods", "show"]

MOST_MOODS = 3
"""Moods that are shown, the strongest."""

LIKELY = 0.5
"""Probability of a tag at which it is drawn at its darkest; few reach as much."""

BOTTOM, TOP = -40.0, 0.0
"""LUFS at the lower and upper edge of the lane of loudness, unless a track is outside of them."""

STYLE = """
<style>
  .earmark-time { margin: 0; font-size: 0.8rem; line-height: 1.3; }
  .earmark-time .lane { margin-top: 0.45rem; }
  .earmark-time .name { opacity: 0.75; padding-left: 46px; }
  .earmark-time .row { display: flex; }
  .earmark-time .ends { width: 46px; flex: none; position: relative; font-size: 0.7rem; }
  .earmark-time .ends span { position: absolute; right: 8px; opacity: 0.75; }
  .earmark-time .ends span:first-child { top: -2px; }
  .earmark-time .ends span:last-child { bottom: -2px; }
  .earmark-time .field { flex: 1; min-width: 0; position: relative; border-radius: 3px; }
  .earmark-time .field { background: color-mix(in srgb, currentColor 6%, transparent); }
  .earmark-time .field, .earmark-time .part { overflow: hidden; }
  .earmark-time img { display: block; width: 100%; height: 100%; }
  .earmark-time .part { position: absolute; top: 0; bottom: 0; padding: 0.1rem 0.3rem; }
  .earmark-time .part { white-space: nowrap; text-overflow: ellipsis; box-sizing: border-box; }
  .earmark-time .clock { display: flex; justify-content: space-between; padding-left: 46px; }
  .earmark-time .clock { opacity: 0.75; font-size: 0.7rem; font-variant-numeric: tabular-nums; }
</style>
"""


def show(course: OverTime) -> None:
    """Draw what changes in the course of a track."""
    st.markdown("## Over time")
    st.html(STYLE + drawn(course, theme.color_scheme()))
    st.caption(levels(course))


def levels(course: OverTime) -> str:
    """Say how loud a track is, in a line."""
    peak = f"true peak {_signed(course.true_peak)} dBTP"
    if course.true_peak > 0:
        peak += ", at which players and encoders may distort"
    parts = [
        f"Loudness {_signed(course.integrated)} LUFS" if np.isfinite(course.integrated) else "",
        f"range {course.range:.1f} LU" if np.isfinite(course.range) else "",
        peak if np.isfinite(course.true_peak) else "",
    ]
    return " · ".join(part for part in parts if part) or "No sound that has a loudness."


def moods(course: OverTime) -> list[tuple[str, NDArray[np.float64]]]:
    """Return the strongest moods, each with how likely it is in every part."""
    names = sound_tags.of_columns()
    found: dict[str, NDArray[np.float64]] = {}
    for column in course.tags:
        word = MOODS.get(names.get(str(column), ""))
        if word is not None:
            chances = np.nan_to_num(course.tags[column].to_numpy(float))
            found[word] = np.maximum(found[word], chances) if word in found else chances
    named = [(word, chances) for word, chances in found.items() if len(chances)]
    named = [pair for pair in named if pair[1].max() >= sound_tags.LEAST]
    return sorted(named, key=lambda pair: -float(pair[1].mean()))[:MOST_MOODS]


def described(course: OverTime) -> str:
    """Return in words what the lanes show, for those who do not see them."""
    said = []
    if len(course.sections) > 1:
        parts = [f"{part.label} from {_clock(part.start)}" for part in course.sections]
        said.append(f"Sections: {', '.join(parts)}")
    genres = [f"{genre} from {_clock(start)}" for start, _, genre, _ in _genres(course)]
    if genres:
        said.append(f"Genre: {', '.join(genres)}")
    if np.isfinite(course.energy).any():
        low, high = np.nanargmin(course.energy), np.nanargmax(course.energy)
        said.append(
            f"Energy: lowest {course.energy[low]:.2f} at {_clock(course.times[low])}, highest "
            f"{course.energy[high]:.2f} at {_clock(course.times[high])}"
        )
    said += [
        f"Mood {word}: most at {_clock(course.times[int(chances.argmax())])}"
        for word, chances in moods(course)
    ]
    if np.isfinite(course.loudness).any():
        low, high = np.nanmin(course.loudness), np.nanmax(course.loudness)
        said.append(f"Short-term loudness: {_signed(low)} to {_signed(high)} LUFS")
    return ". ".join(said) + "." if said else "Nothing that changes."


def drawn(course: OverTime, scheme: str) -> str:
    """Return the lanes as HTML with vector graphics.

    Parameters
    ----------
    course : OverTime
        What is drawn.
    scheme : str
        "light" or "dark".
    """
    colours = theme.BY_NIGHT if scheme == "dark" else theme.PALETTE
    seconds = max(course.duration, 1e-9)
    lanes = []
    if len(course.sections) > 1:
        labels = list(dict.fromkeys(part.label for part in course.sections))
        blocks = [
            (
                part.start,
                part.stop,
                part.label,
                0.3,
                colours[labels.index(part.label) % len(colours)],
            )
            for part in course.sections
        ]
        lanes.append(_lane("Sections: parts that sound alike", 22, _blocks(blocks, seconds)))
    if known := _genres(course):
        names = list(dict.fromkeys(genre for _, _, genre, _ in known))
        blocks = [
            (
                *(start, stop),
                f"{genre} {100 * chance:.0f} %",
                0.1 + 0.4 * chance,
                colours[names.index(genre) % len(colours)],
            )
            for start, stop, genre, chance in known
        ]
        lanes.append(_lane("Genre of each half minute", 22, _blocks(blocks, seconds)))
    if np.isfinite(course.energy).any():
        svg = _steps(course.times, course.energy, seconds, colours[0])
        lanes.append(_lane("Energy", 40, svg, "1", "0"))
    for word, chances in moods(course):
        svg = _shades(course.times, chances, seconds, colours[3])
        lanes.append(_lane(f"Mood: {word}", 14, svg))
    if np.isfinite(course.loudness).any():
        low = min(BOTTOM, np.floor(np.nanmin(course.loudness)))
        high = max(TOP, np.ceil(np.nanmax(course.loudness)))
        svg = _curve(course, (float(low), float(high)), seconds, colours[5])
        about = "Loudness, short-term: three seconds, in LUFS"
        lanes.append(_lane(about, 56, svg, _signed(high, 0), _signed(low, 0)))
    ticks = "".join(f"<span>{_clock(share * course.duration)}</span>" for share in (0, 0.5, 1))
    return (
        f'<figure class="earmark-time" role="img" aria-label="{html.escape(described(course))}">'
        f'{"".join(lanes)}<div class="clock">{ticks}</div></figure>'
    )


def _genres(course: OverTime) -> list[tuple[float, float, str, float]]:
    """Return start, end, genre and its probability of the parts that have a genre."""
    found = course.genres
    starts, lengths, chances = (
        found[name].to_numpy(float).tolist() for name in ("start", "seconds", "probability")
    )
    parts = zip(starts, lengths, found["genre"].tolist(), chances, strict=True)
    return [
        (start, start + length, genre, chance)
        for start, length, genre, chance in parts
        if isinstance(genre, str)
    ]


def _lane(name: str, height: int, inside: str, top: str = "", bottom: str = "") -> str:
    ends = f'<div class="ends"><span>{top}</span><span>{bottom}</span></div>'
    return (
        f'<div class="lane"><div class="name">{html.escape(name)}</div>'
        f'<div class="row" style="height: {height}px">{ends}<div class="field">{inside}</div>'
        "</div></div>"
    )


def _blocks(blocks: Iterable[tuple[float, float, str, float, str]], seconds: float) -> str:
    """Return parts from one time to another, each with its text, strength and colour."""
    found = []
    for start, stop, text, strength, colour in blocks:
        left, wide = 100 * start / seconds, 100 * (min(stop, seconds) - start) / seconds
        title = html.escape(f"{text}, {_clock(start)} to {_clock(stop)}")
        ground = f"color-mix(in srgb, {colour} {100 * strength:.0f}%, transparent)"
        found.append(
            f'<div class="part" title="{title}" style="left: {left:.2f}%; width: {wide:.2f}%; '
            f'background: {ground}; border-left: 2px solid {colour}">{html.escape(text)}</div>'
        )
    return "".join(found)


def _svg(inside: str) -> str:
    """Return shapes as a picture that fills its place; as an image, since Streamlit drops SVG."""
    svg = (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1000 100" '
        f'preserveAspectRatio="none">{inside}</svg>'
    )
    data = base64.b64encode(svg.encode()).decode()
    return f'<img alt="" src="data:image/svg+xml;base64,{data}">'


def _edges(times: Sequence[float] | NDArray[np.float64], seconds: float) -> NDArray[np.float64]:
    """Return where parts begin and end, in thousandths of the width."""
    middles = np.asarray(times, float)
    between = (middles[1:] + middles[:-1]) / 2
    edges: NDArray[np.float64] = 1000 * np.concatenate([[0.0], between, [seconds]]) / seconds
    return edges


def _steps(
    times: NDArray[np.float64], values: NDArray[np.float64], seconds: float, colour: str
) -> str:
    """Return values between 0 and 1 as a filled line of steps; what is unknown is a gap."""
    edges, shapes = _edges(times, seconds), []
    for left, right, value in zip(edges, edges[1:], values, strict=False):
        if np.isfinite(value):
            height = 100 * min(max(float(value), 0.0), 1.0)
            shapes.append(
                f'<rect x="{left:.1f}" y="{100 - height:.1f}" width="{right - left:.1f}" '
                f'height="{height:.1f}" fill="{colour}" fill-opacity="0.35"/>'
                f'<path d="M{left:.1f} {100 - height:.1f}H{right:.1f}" stroke="{colour}" '
                'stroke-width="2" vector-effect="non-scaling-stroke"/>'
            )
    return _svg("".join(shapes))


def _shades(
    times: NDArray[np.float64], chances: NDArray[np.float64], seconds: float, colour: str
) -> str:
    edges = _edges(times, seconds)
    return _svg(
        "".join(
            f'<rect x="{left:.1f}" y="0" width="{right - left + 0.3:.1f}" height="100" '
            f'fill="{colour}" fill-opacity="{min(chance / LIKELY, 1):.2f}"/>'
            for left, right, chance in zip(edges, edges[1:], chances, strict=False)
        )
    )


def _curve(course: OverTime, ends: tuple[float, float], seconds: float, colour: str) -> str:
    """Return the curve of loudness, with a broken line at that of the whole track."""
    low, high = ends

    def y(level: float) -> float:
        return 100 * (high - level) / (high - low)

    path, pen = [], "M"
    for time, level in zip(course.loudness_times, course.loudness, strict=True):
        if np.isfinite(level):
            path.append(f"{pen}{1000 * time / seconds:.1f} {y(level):.1f}")
        pen = "L" if np.isfinite(level) else "M"
    line = (
        f'<path d="{"".join(path)}" fill="none" stroke="{colour}" stroke-width="1.8" '
        'vector-effect="non-scaling-stroke" stroke-linejoin="round"/>'
    )
    if np.isfinite(course.integrated):
        line += (
            f'<path d="M0 {y(course.integrated):.1f}H1000" stroke="{theme.OTHERS}" '
            ' stroke-dasharray="5 5" vector-effect="non-scaling-stroke"/>'
        )
    return _svg(line)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def _signed(level: float, digits: int = 1) -> str:
    return f"{level:.{digits}f}".replace("-", "\N{MINUS SIGN}")
