"""The page where the values of a track are set by hand, and the form that it shows."""

from __future__ import annotations

import dataclasses
import math
from datetime import time
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

import earmark
from earmark.classify.app import settings
from earmark.classify.app.jobs.track_analysis import TrackAnalysis
from earmark.classify.app.jobs.track_list import Item, TrackList
from earmark.classify.app.widgets import form
from earmark.classify.dataset import build
from earmark.classify.model import genre_profiles
from earmark.extract.errors import BundleError
from earmark.extract.sets import NO_KEY


@pytest.fixture(scope="module")
def model():
    return earmark.load("spotify")


@pytest.fixture(scope="module")
def own(model):
    return form.fields(model)


def test_all_that_the_model_looks_at_can_be_set(model, own):
    assert set(own) == set(model.inputs)
    assert {name for group in form.GROUPS.values() for name in group} == set(genre_profiles.COLUMNS)
    for field in own.values():
        assert field.meaning
        assert field.low <= field.usual <= field.high
        assert field.optional == (field.name in build.SPOTIFY_EXTRAS)


@pytest.mark.parametrize(
    ("name", "low", "high", "step", "unit"),
    [
        ("energy", 0, 1, 0.01, ""),
        ("loudness", -60, 0, 0.5, "dB"),
        ("tempo", 38, 270, 1, "BPM"),
        ("popularity", 0, 100, 1, ""),
        ("duration_ms", 0, 1_200_000, 1000, "ms"),
    ],
)
def test_ranges_are_those_of_the_columns(own, name, low, high, step, unit):
    field = own[name]
    assert (field.low, field.high, field.unit) == (low, high, unit)
    assert field.step == pytest.approx(step)


def test_categories_are_chosen_by_name(own):
    assert own["key"].options[NO_KEY] == "none found"
    assert own["key"].options[6] == "F♯"
    assert own["mode"].options == {1: "major", 0: "minor"}
    assert own["explicit"].options == {0: "no", 1: "yes"}
    assert own["time_signature"].options[3] == "3/4"
    # Where there are words for categories they are all that can be.
    for name in ("mode", "explicit", "time_signature"):
        assert sorted(own[name].options) == list(range(int(own[name].low), int(own[name].high) + 1))
    assert {name for name, field in own.items() if field.options} == set(build.CATEGORIES)


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("energy", 0.12345, 0.12),
        ("energy", 7.0, 1.0),
        ("loudness", -12.3, -12.5),
        ("tempo", 0.0, 38.0),
        ("duration_ms", 201_499.0, 201_000.0),
        ("duration_ms", 1e9, 1_200_000.0),
        ("time_signature", 1.0, 3.0),
        ("key", 11.0, 11.0),
    ],
)
def test_any_value_is_shown_as_the_form_can(own, name, value, shown):
    assert own[name].fit(value) == shown


def test_what_is_not_known_is_as_usual(own):
    settled = form.settled(own, {"energy": 0.3, "tempo": math.nan, "mfcc": 1.0})
    assert settled["energy"] == 0.3
    assert settled["tempo"] == own["tempo"].usual
    assert set(settled) == set(own)


def test_what_no_file_holds_is_left_out_until_somebody_sets_it(model, own):
    settled = form.settled(own, {})
    assert math.isnan(settled["popularity"])
    assert math.isnan(settled["explicit"])
    left_out = form.row(model, settled)
    assert not {"popularity", "explicit"} & set(left_out)
    # Averaged over, and so no surer than what it averages over.
    ends = [model.predict(form.row(model, settled | {"popularity": value})) for value in (0, 50)]
    found = model.predict(left_out)["probability"].iloc[0]
    assert found < max(one["probability"].iloc[0] for one in ends)


@pytest.mark.parametrize("others", [{}, {"popularity": 20.0}])
def test_what_is_spoken_is_comedy(model, own, others):
    values = form.settled(own, {"speechiness": 0.95, "liveness": 0.7, **others})
    assert model.predict(form.row(model, values))["genre"].iloc[0] == "comedy"


def test_a_typical_track_of_a_genre_is_found_to_be_of_it(model, own):
    typical = form.typical_tracks(model)
    assert list(typical) == list(model.typical)
    rows = [form.row(model, form.settled(own, values)) for values in typical.values()]
    found = [model.predict(row, top=1)["genre"].iloc[0] for row in rows]
    right = sum(map(str.__eq__, found, typical))
    assert right >= 90
    assert found[list(typical).index("acoustic")] == "acoustic"


def test_a_typical_track_of_a_model_of_ones_own_is_in_its_middle(model):
    own = dataclasses.replace(model, typical={"mine": {"energy": [0.1, 0.2, 0.3]}})
    assert form.typical_tracks(own) == {"mine": {"energy": 0.2}}


def test_a_model_of_more_than_that_is_refused():
    with pytest.raises(BundleError, match=r"looks at 448 descriptors, such as .* by hand"):
        form.fields(earmark.load())


def test_a_model_without_typical_values_starts_in_the_middle(model):
    bare = form.fields(dataclasses.replace(model, typical={}))
    assert bare["energy"].usual == 0.5
    assert bare["tempo"].usual == 154


def script():
    from earmark.classify.app.pages import by_hand
    from earmark.classify.app.widgets import theme

    with theme.errors_shown():
        by_hand.page()


@pytest.fixture
def app(tmp_path, monkeypatch):
    monkeypatch.setenv("EARMARK_APP_ROOT", str(tmp_path))
    settings.app_settings.cache_clear()
    yield AppTest.from_function(script, default_timeout=60)
    st.cache_resource.clear()
    settings.app_settings.cache_clear()


def verdict(app):
    """Return the genre that is shown first."""
    return next(
        own.value for own in app.markdown if own.value.startswith("## ") and "%" in own.value
    ).split()[1]


def choose(app, how, **others):
    app.selectbox("by hand start").set_value(how).run()
    for key, value in others.items():
        app.selectbox(f"by hand {key}").set_value(value).run()
    assert not app.exception
    assert not app.error


def test_a_track_of_a_genre_is_of_that_genre_and_another_after_the_sliders(app):
    app.run()
    assert not app.exception
    assert not app.error
    choose(app, "a typical track of a genre", genre="sleep")
    assert verdict(app) == "sleep"
    assert app.slider("by hand energy").value < 0.3
    for name, value in {"energy": 0.99, "loudness": -4.0, "acousticness": 0.0}.items():
        app.slider(f"by hand {name}").set_value(value)
    app.run()
    assert verdict(app) != "sleep"
    assert len(app.get("plotly_chart")) == 3
    assert any(text.value.startswith("For it:") for text in app.markdown)
    next(button for button in app.button if button.label == "Back to it").click().run()
    assert verdict(app) == "sleep"


def test_selects_and_times_reach_the_model(app):
    app.run()
    app.selectbox("by hand key").set_value(-1.0)
    app.selectbox("by hand time_signature").set_value(3.0)
    app.radio("by hand mode").set_value(0.0)
    app.checkbox("by hand explicit left out").set_value(False).run()
    app.radio("by hand explicit").set_value(1.0)
    app.slider("by hand duration_ms").set_value(time(0, 3, 21))
    app.run()
    assert not app.exception
    held = app.session_state["by hand values"]
    chosen = {name: held[name] for name in ("key", "time_signature", "mode", "explicit")}
    assert chosen == {"key": -1, "time_signature": 3, "mode": 0, "explicit": 1}
    assert held["duration_ms"] == 201_000


def test_a_track_that_was_classified_is_a_start(app):
    values = {"energy": 0.91, "tempo": 151.2, "key": 4.0, "mode": 0.0, "loudness": -5.2}
    heard = TrackAnalysis(200.0, 44100, 2, values, ["metal"], [1.0], [])
    tracks = TrackList("me", Path("model"), Path("folder"))
    tracks.items.append(Item("no **song**.mp3", Path("x.mp3"), heard))
    app.session_state["track list"] = tracks
    app.run()
    choose(app, "a track you classified", track="no **song**.mp3")
    assert app.slider("by hand energy").value == 0.91
    assert app.slider("by hand tempo").value == 151
    assert app.selectbox("by hand key").value == 4.0


def test_models_that_need_audio_are_not_offered_nor_damaged_ones(app, tmp_path):
    app.run()
    assert app.selectbox("by hand model").options == ["Spotify's 114 genres"]
    models = Path(earmark.__file__).parents[1] / "classify" / "models"
    assert form.possible(models / "spotify")
    assert not form.possible(models / "default")
    assert not form.possible(tmp_path)
    (tmp_path / "bundle.json").write_text("[", encoding="utf-8")
    assert not form.possible(tmp_path)
