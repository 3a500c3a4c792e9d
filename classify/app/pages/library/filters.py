"""The filters of the library page: words, genres and ranges of values."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st

from earmark.classify.app.widgets import grid, theme
from earmark.classify.library.library import Library, Query

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["as_parts", "choose_query", "open_query"]

ANY = "any"


def choose_query(library: Library, table: str) -> Query:
    """Draw the filters, and return the query that they make."""
    key = f"library {table} "
    names = [str(name) for name in library.tracks]
    held = st.session_state.get(theme.persistent_key(f"{key}genres"), [])
    if not set(held) <= set(library.genres):
        # The genres of the table have changed.
        del st.session_state[f"{key}genres"]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        text = st.text_input(
            "Search",
            placeholder="words of title, artist, path …",
            key=theme.persistent_key(f"{key}text"),
            width=260,
        )
        genres = (
            st.multiselect(
                "Genres", library.genres, placeholder="all", key=f"{key}genres", width=260
            )
            if library.genres
            else []
        )
        sort = st.selectbox(
            "Sort by", names, key=theme.persistent_key(f"{key}sort", names), width=150
        )
        descending = st.toggle("Descending", key=theme.persistent_key(f"{key}descending"))
        with st.popover("Values", icon=":material/filter_alt:"):
            ranges = _ranges(library, key)
    if ranges:
        # The popover hides which filters are set.
        st.caption(f":material/filter_alt: {theme.plain(_describe(ranges))}")
    return Query(text, tuple(genres), ranges, sort or "path", descending)


def as_parts(query: Query) -> dict[str, list[str] | str | None]:
    """Return the parts of an address that say what is looked for."""
    ranges = [
        f"{name} {float(low)!r} {float(high)!r}" for name, (low, high) in query.ranges.items()
    ]
    return {
        "q": query.text or None,
        "genre": list(query.genres),
        "sort": query.sort if query.sort != "path" else None,
        "descending": "1" if query.descending else None,
        "range": ranges,
    }


def open_query(parts: Mapping[str, list[str]], library: Library, table: str) -> None:
    """Look for what an address says; what does not fit the table is passed over."""
    key = f"library {table} "
    state = st.session_state
    if text := parts.get("q"):
        state[theme.persistent_key(f"{key}text")] = text[0]
    if genres := [genre for genre in parts.get("genre", []) if genre in library.genres]:
        state[theme.persistent_key(f"{key}genres")] = genres
    if (sort := parts.get("sort")) and sort[0] in library.tracks:
        state[theme.persistent_key(f"{key}sort")] = sort[0]
    if parts.get("descending") == ["1"]:
        state[theme.persistent_key(f"{key}descending")] = True
    for part in parts.get("range", []):
        with contextlib.suppress(ValueError):
            name, low, high = part.rsplit(" ", 2)
            _open_range(library, key, name, float(low), float(high))


def _open_range(library: Library, key: str, name: str, low: float, high: float) -> None:
    """Set the widgets of one range."""
    state = st.session_state
    if name == "key" and low in range(12):
        state[theme.persistent_key(f"{key}pitch")] = grid.KEYS[int(low)]
    elif name == "mode" and low in (0, 1):
        state[theme.persistent_key(f"{key}mode")] = "major" if low else "minor"
    elif name in library.bounds and low <= high:
        unit = 1000.0 if name == "duration_ms" else 1.0
        least, most, _ = _ends(*(end / unit for end in library.bounds[name]))
        ends = max(least, low / unit), min(most, high / unit)
        if ends[0] <= ends[1]:
            state[theme.persistent_key(f"{key}range {name}")] = ends


def _ranges(library: Library, key: str) -> dict[str, tuple[float, float]]:
    ranges: dict[str, tuple[float, float]] = {}
    if {"key", "mode"} <= set(library.tracks):
        pitch = st.selectbox("Key", [ANY, *grid.KEYS], key=theme.persistent_key(f"{key}pitch"))
        st.session_state.setdefault(theme.persistent_key(f"{key}mode"), ANY)
        mode = st.segmented_control(
            "Mode", [ANY, "major", "minor"], required=True, key=f"{key}mode"
        )
        if pitch in grid.KEYS:
            ranges["key"] = (grid.KEYS.index(pitch),) * 2
        if mode in ("major", "minor"):
            ranges["mode"] = (float(mode == "major"),) * 2
    for name, (low, high) in library.bounds.items():
        if name in ("key", "mode"):
            continue
        unit = 1000.0 if name == "duration_ms" else 1.0
        least, most, step = _ends(low / unit, high / unit)
        label = "duration (s)" if name == "duration_ms" else name
        form = "%.0f" if step >= 1 else "%.2f"
        name_of = theme.persistent_key(f"{key}range {name}")
        held = st.session_state.get(name_of)
        if held is None or not least <= held[0] <= held[1] <= most:
            st.session_state[name_of] = least, most
        chosen: Any = st.slider(
            theme.plain(label), least, most, step=step, format=form, key=name_of
        )
        if chosen != (least, most):
            # What is shown is rounded: the ends of the slider are the ends of the values.
            ranges[name] = (
                chosen[0] * unit if chosen[0] > least else -np.inf,
                chosen[1] * unit if chosen[1] < most else np.inf,
            )
    return ranges


def _describe(ranges: Mapping[str, tuple[float, float]]) -> str:
    """Describe the ranges in one line."""
    parts = []
    for name, (low, high) in ranges.items():
        if name == "key":
            parts.append(grid.KEYS[int(low)])
        elif name == "mode":
            parts.append("major" if low else "minor")
        else:
            unit = 1000 if name == "duration_ms" else 1
            ends = [f"{end / unit:g}" for end in (low, high) if np.isfinite(end)]
            sign = "≥ " if high == np.inf else "≤ " if low == -np.inf else ""
            parts.append(f"{name.removesuffix('_ms')} {sign}{' – '.join(ends)}")
    return " · ".join(parts)


def _ends(low: float, high: float) -> tuple[float, float, float]:
    """Return the ends of a slider, rounded outwards, and its step."""
    step = 10.0 ** np.floor(np.log10(high - low) - 2)
    return float(np.floor(low / step) * step), float(np.ceil(high / step) * step), float(step)
