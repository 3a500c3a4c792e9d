"""The radar: every axis within the rim, the words of the table, and nothing for what is missing."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("plotly")
pytest.importorskip("streamlit")

from earmark.classify.app.widgets.radar import AXES, CATEGORIES, place, radar
from earmark.extract.sets import SPOTIFY_COLUMNS

HOUSE = {
    **{"danceability": 0.65, "energy": 0.67, "key": 9, "loudness": -14.7, "mode": 0},
    **{"speechiness": 0.07, "acousticness": 0.1, "instrumentalness": 0.0, "liveness": 0.15},
    **{"valence": 0.63, "tempo": 128, "time_signature": 4, "duration_ms": 212_000},
}
TYPICAL = {
    name: [value] * 3 if name in CATEGORIES else [0.9 * value, value, 1.1 * value]
    for name, value in HOUSE.items()
}


def own(chart, name):
    """How far out the track's point on an axis is, and what is said of it."""
    for trace in chart.data:
        if trace.name == "this track":
            for where, words in zip(trace.r, trace.customdata, strict=True):
                if words[0] == name:
                    return where, words
    raise AssertionError(f"no {name}")


def test_the_axes_are_spotifys_thirteen():
    assert set(AXES) == set(SPOTIFY_COLUMNS)


def test_categories_stand_apart_so_that_outlines_close():
    places = [list(AXES).index(name) for name in CATEGORIES]
    assert all((a - b) % len(AXES) not in (1, len(AXES) - 1) for a in places for b in places)


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("energy", 0.25, 0.25),
        ("loudness", -60, 0),
        ("loudness", -15, 0.5),
        ("loudness", 1, 1),
        ("tempo", 40, 0),
        ("tempo", 130, 0.5),
        ("tempo", 300, 1),
        ("duration_ms", 0, 0),
        ("duration_ms", 10**5.25, 0.5),
        ("duration_ms", 3.6e7, 1),
        ("time_signature", 3, 0.2),
        ("time_signature", 7, 1),
        ("mode", 0, 1 / 3),
        ("mode", 1, 2 / 3),
        ("key", 0, 1 / 12),
        ("key", 11, 1),
        ("key", -1, None),
        ("tempo", math.nan, None),
        ("tempo", math.inf, None),
        ("tempo", None, None),
    ],
)
def test_places(name, value, expected):
    assert place(name, value) == (expected if expected is None else pytest.approx(expected))


@given(st.sampled_from(SPOTIFY_COLUMNS), st.floats())
def test_no_value_leaves_the_rim(name, value):
    where = place(name, value)
    assert where is None or 0 <= where <= 1


def test_each_point_says_the_value_and_what_is_typical():
    chart = radar(pd.Series(HOUSE), TYPICAL)
    where, words = own(chart, "tempo")
    assert where == pytest.approx((128 - 40) / 180)
    assert words[1] == "128 BPM"
    assert "115 BPM" in words[2]
    assert "141 BPM" in words[2]
    assert own(chart, "mode")[1][1] == "minor"
    assert any("128 BPM" in label for label in chart.layout.polar.angularaxis.ticktext)


def test_the_ring_goes_from_quartile_to_quartile():
    chart = radar(HOUSE, TYPICAL)
    ring, median, points, outline, categories = chart.data
    assert ring.r[0] == pytest.approx(1.1 * 0.67)
    assert ring.r[-1] == pytest.approx(0.9 * 0.67)
    assert median.r[0] == median.r[-1] == pytest.approx(0.67)
    assert len(points.r) == len(categories.r) == 3
    assert outline.fill == "toself"


def test_nothing_typical_is_known():
    chart = radar(HOUSE, {})
    assert [trace.name for trace in chart.data] == ["this track", "this track"]
    assert own(chart, "tempo")[1][2] == ""


def test_what_is_missing_is_a_gap():
    chart = radar({**HOUSE, "tempo": np.nan, "key": -1}, TYPICAL)
    assert own(chart, "tempo")[0] is None
    assert own(chart, "key")[0] is None
    assert chart.data[3].fill == "none"


def test_silence_has_a_radar_too():
    chart = radar(dict.fromkeys(HOUSE, math.nan), {})
    assert all(where is None for trace in chart.data for where in trace.r)


def test_its_values_are_told_in_words():
    told = radar({"energy": 0.71, "tempo": 128.2}, {}).layout.meta
    assert "energy 0.71" in told
    assert "tempo 128 BPM" in told
    assert "speech –" in told
