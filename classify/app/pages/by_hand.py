"""By hand: set the values of a track, and see which genre a model gives it."""

from __future__ import annotations

import math
from datetime import time, timedelta
from typing import TYPE_CHECKING, Any

import streamlit as st

from earmark.classify.app.jobs.track_analysis import REASONS, model_at
from earmark.classify.app.widgets import (
    charts,
    form,
    grid,
    headline,
    model_picker,
    radar,
    reasoning,
    theme,
)
from earmark.classify.model import storage

if TYPE_CHECKING:
    from collections.abc import Mapping

    from earmark.classify.app.jobs.track_list import TrackList
    from earmark.classify.app.widgets.form import Field
    from earmark.classify.trained import Trained

__all__ = ["page"]

DURATIONS = ("duration_ms",)
"""Columns shown in minutes and seconds."""

FEW = 2
"""Options up to which radio buttons show all of them; more are in a menu."""

VALUES = "by hand values"
"""The session key of the values: those of widgets are lost when another page is drawn."""

USUAL, OF_GENRE, OF_TRACK = (
    "a typical track",
    "a typical track of a genre",
    "a track you classified",
)

STYLE = """
<style>
  [data-testid="stLayoutWrapper"]:has(> .st-key-verdict) {{ position: sticky; top: 3.75rem;
    z-index: 50; padding-block: 0.4rem; background: {} }}
</style>
"""
"""Keeps the result in sight while the form is scrolled, above all on a phone."""


def page() -> None:
    """Draw the page."""
    theme.page_header(
        "By hand", "Set the values that Spotify gives a track, and see what genre it would be."
    )
    directory = model_picker.choose_model("by hand model", storage.SPOTIFY, form.possible)
    model = model_at(directory)
    fields = form.fields(model)
    _start(model, fields)
    st.html(
        STYLE.format(st.get_option(f"theme.{theme.color_scheme()}.backgroundColor") or "Canvas")
    )
    verdict = st.container(key="verdict")
    left, right = st.columns([6, 5], gap="large")
    with left:
        values = _form(fields)
    with right:
        _result(model, values, verdict)


def _start(model: Trained, fields: Mapping[str, Field]) -> None:
    """Draw the choice of a track to start from, whose values fill the form at once."""
    tracks = _classified()
    starts = [USUAL, *([OF_GENRE] if model.typical else []), *([OF_TRACK] if tracks else [])]

    def restart() -> None:
        chosen: Mapping[str, float] = {}
        match st.session_state["by hand start"]:
            case how if how == OF_GENRE:
                typical = form.typical_tracks(model)
                chosen = typical[st.session_state.get("by hand genre", next(iter(typical)))]
            case how if how == OF_TRACK:
                chosen = tracks[st.session_state.get("by hand track", next(iter(tracks)))]
        _set(form.settled(fields, chosen))

    offered = {
        "by hand start": starts,
        "by hand genre": list(model.typical),
        "by hand track": list(tracks),
    }
    for key, options in offered.items():
        theme.persistent_key(key, options)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        how = st.selectbox("Start from", starts, key="by hand start", width=260, on_change=restart)
        if how == OF_GENRE:
            st.selectbox(
                "Genre", list(model.typical), key="by hand genre", width=260, on_change=restart
            )
        elif how == OF_TRACK:
            st.selectbox("Track", list(tracks), key="by hand track", width=260, on_change=restart)
        st.button("Back to it", icon=":material/restart_alt:", on_click=restart)


def _classified() -> dict[str, dict[str, float]]:
    """Return the values of the tracks that this session has classified, by name."""
    track_list: TrackList | None = st.session_state.get("track list")
    return (
        {item.name: item.analysis.values for item in track_list.done if item.analysis}
        if track_list
        else {}
    )


def _set(values: Mapping[str, float]) -> None:
    """Put values into the form."""
    st.session_state[VALUES] = dict(values)
    for name in values:
        st.session_state.pop(_key(name), None)
        st.session_state.pop(f"{_key(name)} left out", None)


def _key(name: str) -> str:
    return f"by hand {name}"


def _form(fields: Mapping[str, Field]) -> dict[str, float]:
    """Draw the form, and return what it holds."""
    values = form.settled(fields, st.session_state.get(VALUES, {}))
    for group, names in form.GROUPS.items():
        shown = [fields[name] for name in names if name in fields]
        if not shown:
            continue
        st.markdown(f"## {group}")
        for place in range(0, len(shown), 2):
            pair = shown[place : place + 2]
            for column, field in zip(st.columns(2, gap="medium"), pair, strict=False):
                with column:
                    values[field.name] = _widget(field, values[field.name])
    st.session_state[VALUES] = st.session_state.get(VALUES, {}) | values
    return values


def _widget(field: Field, value: float) -> float:
    """Draw the widget of one value, and return the value; NaN where it is left out."""
    key, meaning = _key(field.name), theme.plain(field.meaning, 500)
    shared: dict[str, Any] = {"label": field.title, "key": key, "help": meaning}
    if field.optional:
        out = f"{key} left out"
        st.session_state.setdefault(out, math.isnan(value))
        left_out = st.checkbox(
            f"Leave out {field.title.lower()}",
            key=out,
            help="Then the model averages over what it may be, as it does for audio files.",
        )
        if left_out:
            return math.nan
        value = field.usual if math.isnan(value) else value
    st.session_state.setdefault(key, _time(value) if field.name in DURATIONS else value)
    if field.options:
        options, names = list(field.options), field.options.__getitem__
        if len(options) <= FEW:
            return float(st.radio(options=options, format_func=names, horizontal=True, **shared))
        return float(st.selectbox(options=options, format_func=names, **shared))
    if field.name in DURATIONS:
        bounds: dict[str, Any] = {"min_value": _time(field.low), "max_value": _time(field.high)}
        moved: Any = st.slider(step=timedelta(seconds=1), format="m:ss", **bounds, **shared)
        return float(1000.0 * (60 * (60 * moved.hour + moved.minute) + moved.second))
    digits = max(0, -math.floor(math.log10(field.step)))
    unit = f" {field.unit}" if field.unit else ""
    moved = st.slider(
        min_value=field.low,
        max_value=field.high,
        step=field.step,
        format=f"%.{digits}f{unit}",
        **shared,
    )
    return float(moved)


def _time(milliseconds: float) -> time:
    minutes, seconds = divmod(round(milliseconds / 1000), 60)
    return time(minutes // 60, minutes % 60, seconds)


def _result(model: Trained, values: Mapping[str, float], verdict: Any) -> None:
    table = form.row(model, values)
    prediction = model.predict(table, top=6).iloc[0]
    count = min(6, len(model.genres))
    suffixes = ["", *(f"_{rank}" for rank in range(2, count + 1))]
    genres = [str(prediction[f"genre{suffix}"]) for suffix in suffixes]
    chances = [float(prediction[f"probability{suffix}"]) for suffix in suffixes]
    with verdict:
        _verdict(model, genres, chances, values)
    st.markdown("## Genre")
    theme.figure(charts.genres(genres, chances), key="by hand genres")
    st.markdown("## Beside a typical track of it")
    theme.figure(
        radar.radar(values, model.typical.get(genres[0], {}), grid.DECIBEL), key="by hand radar"
    )
    st.markdown(f"## Why {theme.plain(genres[0])}?")
    reasoning.show(model.explain(table, by="families"))
    with st.expander("By descriptor"):
        explanation = model.explain(table, top=REASONS)
        reasons = [
            (str(name), float(value), float(added))
            for name, value, added in explanation[["feature", "value", "contribution"]].to_numpy()
        ]
        theme.figure(charts.reasons(reasons), key="by hand reasons")
        st.caption("Green speaks for it, orange against it, beside the average genre.")


def _verdict(
    model: Trained, genres: list[str], chances: list[float], values: Mapping[str, float]
) -> None:
    """Draw the genre, the next ones, and how sure that is."""
    sure = headline.certainty(chances[0], model.metrics)
    named = [
        f"{theme.plain(name)} {charts.percent(share)}"
        for name, share in zip(genres[:3], chances[:3], strict=False)
    ]
    first = f":gray[{named[0]}?]" if sure.weak else named[0]
    st.markdown(f"## {first} :gray[:small[{', '.join(named[1:])}]]")
    speech = "Speech rather than music. " if headline.is_speech(genres, values) else ""
    st.caption(theme.plain(f"{speech}{sure.words}. {sure.told}", 400))
