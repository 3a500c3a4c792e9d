"""What was analysed is there after a reload: results by content, lists by browser, forgotten."""

from __future__ import annotations

import json
import os
import shutil
import time

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from earmark.classify.app import visits
from earmark.classify.app.jobs import course, track_analysis
from earmark.classify.app.jobs.kept import Results
from earmark.classify.app.jobs.track_analysis import TrackAnalysis, analyse_track
from earmark.classify.model import storage

LIGHT = str(storage.LIGHT)
SENT = {"duration": 2.0, "genres": ["jazz"], "waveform": np.zeros((2, 3), np.float32)}


def test_results_are_found_by_content_model_and_kind(tmp_path):
    place = Results(tmp_path / "results", 10)
    assert place.find("aa", LIGHT, "values") is None
    place.keep("aa", LIGHT, "values", SENT)
    found = place.find("aa", LIGHT, "values")
    assert found["genres"] == ["jazz"]
    np.testing.assert_array_equal(found["waveform"], SENT["waveform"])
    for other in (("bb", LIGHT, "values"), ("aa", str(storage.DEFAULT), "values")):
        assert place.find(*other) is None
    assert place.find("aa", LIGHT, "picture") is None
    assert (tmp_path / "results").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("content", [b"", b"\0" * 40, b"{}", None])
def test_a_damaged_result_is_none(tmp_path, content):
    place = Results(tmp_path, 10)
    place.keep("aa", LIGHT, "values", SENT)
    (path,) = tmp_path.iterdir()
    path.write_bytes(path.read_bytes()[:-1] if content is None else content)
    assert place.find("aa", LIGHT, "values") is None
    assert not path.exists()


def test_results_are_bounded_and_the_oldest_go(tmp_path):
    place = Results(tmp_path, 1)
    for number in range(6):
        place.keep(str(number), LIGHT, "values", {"x": bytes(250_000)})
        for path in tmp_path.iterdir():
            # As if a second had gone by.
            status = path.stat()
            os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns - 10**9))
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= 10**6
    there = [number for number in range(6) if place.find(str(number), LIGHT, "values")]
    assert there == [3, 4, 5]


def test_where_nothing_can_be_kept_the_analysis_goes_on(tmp_path):
    (tmp_path / "file").touch()
    Results(tmp_path / "file" / "x", 10).keep("aa", LIGHT, "values", SENT)
    assert Results(tmp_path / "file" / "x", 10).find("aa", LIGHT, "values") is None


def test_a_file_that_is_known_is_not_analysed_again(demo, tmp_path, monkeypatch):
    song = tmp_path / "song.mp3"
    shutil.copy(demo / "house-128bpm-a-minor.mp3", song)
    (tmp_path / "session").mkdir()
    place = Results(tmp_path / "results", 100)
    first = analyse_track(str(song), LIGHT, str(tmp_path / "session"), place)
    followed = course.follow(str(song), LIGHT, place)

    def never(*arguments):
        raise AssertionError(arguments)

    monkeypatch.setattr(track_analysis, "_analysed", never)
    monkeypatch.setattr(course, "over_time", never)
    # Under another name, for another session.
    moved = song.rename(tmp_path / "moved.mp3")
    again = analyse_track(str(moved), LIGHT, str(tmp_path / "session"), place)
    assert again["sound"] == str(moved)
    one, other = TrackAnalysis.of(first), TrackAnalysis.of(again)
    assert (one.genres, one.probabilities, one.sha256) == (
        other.genres,
        other.probabilities,
        other.sha256,
    )
    np.testing.assert_array_equal(one.picture.mel, other.picture.mel)
    assert course.received(course.follow(str(moved), LIGHT, place)).sections == (
        course.received(followed).sections
    )
    moved.write_bytes(moved.read_bytes() + b"\0")
    with pytest.raises(AssertionError):
        analyse_track(str(moved), LIGHT, None, place)


# --- The page ----------------------------------------------------------------------------------

ONE, OTHER = "a" * 32, "b" * 32


def script():
    from earmark.classify.app.pages import classify
    from earmark.classify.app.widgets import theme

    with theme.errors_shown():
        classify.page()


def visit():
    return AppTest.from_function(script, default_timeout=60).run()


def run_until(app, condition, seconds=200):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, [element.value for element in app.markdown]
        time.sleep(0.1)
        app.run()


def tracks_of(app):
    found = app.session_state["track list"]
    run_until(app, lambda: not any(item.waits for item in found.items))
    app.run()
    assert not app.exception
    assert not app.error
    return found


@pytest.fixture
def browser(monkeypatch):
    """Come as a browser of this cookie: `browser(ONE)`."""

    def come(cookie):
        monkeypatch.setattr(visits, "_cookie", lambda: cookie)

    come(ONE)
    return come


@pytest.fixture
def music(demo, below):
    (below / "music").mkdir()
    for name in ("house-128bpm-a-minor.mp3", "waltz-96bpm-f-major.flac"):
        shutil.copy(demo / name, below / "music" / name)
    return below / "music"


@pytest.mark.slow
def test_another_visit_shows_what_was_analysed(browser, music, below):
    app = visit()
    app.text_input[0].set_value("music")
    next(button for button in app.button if button.label == "Analyse").click().run()
    run_until(app, lambda: "classify finding" not in app.session_state)
    first = tracks_of(app)
    assert dict(app.query_params)["folder"] in ("music", ["music"])

    again = visit()
    second = tracks_of(again)
    assert second is not first
    assert [item.name for item in second.items] == [item.name for item in first.items]
    assert [item.analysis.genres for item in second.items] == [
        item.analysis.genres for item in first.items
    ]
    assert second.source == music
    # Nobody sees what others had.
    browser(OTHER)
    assert not visit().session_state["track list"].items

    # What is gone is left out; what is cleared is not there the next time.
    browser(ONE)
    (music / "waltz-96bpm-f-major.flac").unlink()
    third = visit()
    assert [item.name for item in tracks_of(third).items] == ["house-128bpm-a-minor.mp3"]
    next(button for button in third.button if button.label == "Clear").click().run()
    assert not visit().session_state["track list"].items


@pytest.mark.slow
def test_what_was_dropped_is_shown_without_its_sound_and_forgotten(browser, demo, below):
    app = visit()
    sound = (demo / "house-128bpm-a-minor.mp3").read_bytes()
    app.file_uploader[0].upload("mine.mp3", sound, "audio/mpeg").run()
    first = tracks_of(app).items[0].analysis
    again = visit()
    (item,) = tracks_of(again).items
    assert item.name == "mine.mp3"
    assert item.analysis.genres == first.genres
    assert item.analysis.sound == ""
    assert any("Drop it again to hear it" in element.value for element in again.caption)

    again.toggle(key="remember").set_value(False).run()
    assert not list(below.rglob("*.result"))
    gone = visit()
    assert not gone.session_state["track list"].items
    # Nor is anything kept from now on.
    gone.file_uploader[0].upload("mine.mp3", sound, "audio/mpeg").run()
    tracks_of(gone)
    assert not list(below.rglob("*.result"))
    assert not visit().session_state["track list"].items


@pytest.mark.parametrize(
    "held",
    [
        "[]",
        "{",
        '{"items": 3}',
        '{"items": [3, null, {}, {"name": "x"}], "source": "/"}',
        '{"items": [{"name": "x", "path": "", "sha256": "../../x"}], "model": "/nowhere"}',
    ],
)
def test_a_list_that_is_damaged_is_none(browser, below, held):
    visit()
    path = visits_file(below)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(held, encoding="utf-8")
    app = visit()
    assert not app.exception
    assert not app.error
    assert app.title[0].value == "Earmark"


def test_a_list_leads_to_nothing_outside_of_the_root(browser, demo, below):
    outside = demo / "NOTICE.mp3"
    secret = below.parent / "secret.mp3"
    shutil.copy(demo / "house-128bpm-a-minor.mp3", secret)
    path = visits_file(below)
    path.parent.mkdir(parents=True, exist_ok=True)
    items = [{"name": "s.mp3", "path": str(one), "sha256": ""} for one in (secret, outside)]
    path.write_text(json.dumps({"source": str(below), "items": items}), encoding="utf-8")
    assert not visit().session_state["track list"].items


def visits_file(below):
    import hashlib

    name = hashlib.sha256(ONE.encode()).hexdigest()
    return below / ".cache" / "visits" / f"{name}.json"
