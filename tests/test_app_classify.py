"""The page that classifies, drawn without a browser, with real workers and real files."""

from __future__ import annotations

import gc
import io
import re
import time
from pathlib import Path

import pytest
import queue_jobs
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.testing.v1 import AppTest

from earmark.classify.app import settings


def script():
    from earmark.classify.app.pages import classify
    from earmark.classify.app.widgets import theme

    with theme.errors_shown():
        classify.page()


@pytest.fixture
def app(demo, below, tmp_path):
    """The page, with the demo tracks and some trouble below its root."""
    music = tmp_path / "music"
    music.mkdir()
    for name in ("jazz-120bpm-b-flat-major.wav", "waltz-96bpm-f-major.flac"):
        (music / name).write_bytes((demo / name).read_bytes())
    (music / "no **song**.mp3").write_text("<html>", encoding="utf-8")
    (music / "elsewhere.mp3").symlink_to(demo / "hip-hop-90bpm-d-minor.mp3")
    return AppTest.from_function(script, default_timeout=60)


def run_until(app, condition, seconds=120):
    """Draw the page anew, as its fragments do, until something is there."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, [element.value for element in app.markdown]
        time.sleep(0.1)
        app.run()
    return app


def plans(app):
    """Return the tables that say what would be written."""
    return [shown.value for shown in app.dataframe if "what" in shown.value]


def shown(app):
    """Return the first word of the title of the track that is looked at."""
    heads = [element.value for element in app.markdown if element.value.startswith("## ")]
    return heads[0].split()[1]


def name_folder(app, named):
    app.run()
    app.text_input[0].set_value(named)
    next(button for button in app.button if button.label == "Analyse").click().run()
    return run_until(app, lambda: "classify finding" not in app.session_state)


def test_an_empty_page_says_what_to_do(app):
    app.run()
    assert not app.exception
    assert "Drop a song" in app.caption[0].value
    assert any("Nothing leaves this computer" in element.value for element in app.caption)
    assert app.title[0].value == "Earmark"


@pytest.mark.parametrize("named", ["..", "/etc", "nowhere", "music/no **song**.mp3/x"])
def test_a_folder_elsewhere_is_refused_in_a_sentence(app, named):
    name_folder(app, named)
    assert "is not there" in app.error[0].value.replace("\\", "")
    assert not app.exception


@pytest.mark.slow
def test_reasons_are_told_in_words_and_by_column_behind_a_fold(app, demo, tmp_path):
    (tmp_path / "one").mkdir()
    track = "reggae-76bpm-g-major.ogg"
    (tmp_path / "one" / track).write_bytes((demo / track).read_bytes())
    name_folder(app, "one")
    tracks = app.session_state["track list"]
    run_until(app, lambda: tracks.done and tracks.items[0].picture and not tracks.items[0].waits)
    app.run()
    assert not app.exception
    written = [element.value for element in app.markdown]
    assert any(text.startswith("For it:\n\n- ") and "than usual" in text for text in written)
    # The answer comes first, in words, with what such an answer is worth.
    heads = [place for place, text in enumerate(written) if text.startswith("### ")]
    assert written[heads[0] - 1] == "## Reggae in G major"
    assert re.match(r"### .*\w+ \d+ %", written[heads[0]])
    assert "of which it was as sure" in written[heads[0] + 1]
    assert ":gray[Tempo] **76 BPM**" in written
    assert any(text.startswith(":gray[Key] **G major · 9B**") for text in written)
    assert any("A demo track: synthetic" in element.value for element in app.caption)
    assert "By descriptor" in [fold.label for fold in app.expander]


@pytest.mark.slow
def test_a_folder_becomes_a_table(app):
    name_folder(app, "music")
    tracks = app.session_state["track list"]
    run_until(app, lambda: len(tracks.done) == 2 and not any(item.waits for item in tracks.items))
    app.run()
    assert not app.exception
    # The link out of the root is passed over, and what is no song is named as it is called.
    assert len(tracks.items) == 3
    assert any("1 link leads out of the root" in element.value for element in app.caption)
    assert r"no \*\*song\*\*\.mp3" in app.error[0].value
    found = app.dataframe[0].value
    assert found["path"].tolist() == ["jazz-120bpm-b-flat-major.wav", "waltz-96bpm-f-major.flac"]
    assert found["probability"].between(0, 100).all()
    assert found["tempo"].round().tolist() == [120, 96]
    assert found["key"].tolist() == ["B♭ major", "F major"]

    next(box for box in app.text_input if box.label == "Search").set_value("WALTZ").run()
    assert app.dataframe[0].value["path"].tolist() == ["waltz-96bpm-f-major.flac"]

    app.toggle(key="plan").set_value(True).run()
    run_until(app, lambda: plans(app))
    plan = plans(app)[0]
    # Its genre is there already, and stays.
    assert set(plan["field"]) == {"Tempo", "Key"}
    assert plan.loc[plan["field"] == "Tempo", "then"].tolist() == ["96"]
    # It is not read again for another look at it, but for another choice.
    first = app.session_state["classify plan"][1]
    app.run()
    assert app.session_state["classify plan"][1] is first
    next(box for box in app.text_input if box.label == "Search").set_value("").run()
    run_until(app, lambda: plans(app))
    assert plans(app)[0]["path"].nunique() == 2
    second = app.session_state["classify plan"][1]
    app.button(key="plan again").click().run()
    run_until(app, lambda: plans(app))
    assert app.session_state["classify plan"][1] is not second

    next(button for button in app.button if button.label == "Clear").click().run()
    assert not tracks.items
    assert app.title[0].value == "Earmark"

    # What was cleared by mistake comes back as it was, and one track can go alone.
    app.button(key="undo").click().run()
    run_until(app, lambda: len(tracks.done) == 2 and not any(item.waits for item in tracks.items))
    app.run()
    assert len(app.dataframe[0].value) == 2
    gone = tracks.chosen
    app.button(key="remove").click().run()
    assert gone not in tracks.items
    assert len(tracks.items) == 2
    assert not app.exception


@pytest.mark.parametrize(
    ("holds", "message"), [("", "holds no audio files"), ("link", "links to elsewhere")]
)
@pytest.mark.slow
def test_a_folder_without_tracks_is_told(app, demo, tmp_path, holds, message):
    (tmp_path / "bare").mkdir()
    if holds:
        (tmp_path / "bare" / "a.mp3").symlink_to(demo / "hip-hop-90bpm-d-minor.mp3")
    name_folder(app, "bare")
    assert message in app.error[0].value
    assert app.title[0].value == "Earmark"


def test_a_search_can_be_stopped(app, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))
    monkeypatch.setattr("earmark.classify.app.jobs.track_list.search", queue_jobs.sleep_for)
    app.run()
    app.text_input[0].set_value("music")
    next(button for button in app.button if button.label == "Analyse").click().run()
    next(button for button in app.button if button.label == "Stop").click().run()
    assert not app.session_state["track list"].items
    assert "classify finding" not in app.session_state
    assert not app.exception
    assert not app.error


@pytest.mark.slow
def test_of_too_many_tracks_it_is_said_how_many_were_not_taken(app, monkeypatch):
    monkeypatch.setenv("EARMARK_APP_FOLDER_TRACKS", "1")
    settings.app_settings.cache_clear()
    name_folder(app, "music")
    for _ in range(2):
        assert "2 more tracks of the folder were not taken" in app.warning[0].value
        app.run()
    next(button for button in app.button if button.label in ("Stop", "Clear")).click().run()
    assert len(app.session_state["track list"].items) <= 1


@pytest.mark.slow
def test_somebody_who_stops_keeps_what_is_there(app, tmp_path, demo):
    track = (demo / "jazz-120bpm-b-flat-major.wav").read_bytes()
    for number in range(20):
        # So many that some are still waiting when somebody stops, however fast the machine.
        (tmp_path / "music" / f"{number}.wav").write_bytes(track)
    name_folder(app, "music")
    tracks = app.session_state["track list"]
    next(button for button in app.button if button.label == "Stop").click().run()
    assert not any(item.waits for item in tracks.items)
    assert tracks.stopped
    next(button for button in app.button if button.label.startswith("Go on with")).click().run()
    assert not tracks.stopped
    assert not app.exception


@pytest.mark.slow
def test_what_runs_is_shown_whatever_else_is_wrong(app):
    name_folder(app, "music")
    tracks = app.session_state["track list"]
    name_folder(app, "nowhere")
    # However often the page is drawn anew meanwhile.
    for _ in range(3):
        assert any("is not there" in error.value for error in app.error)
        app.run()
    assert any(button.label in ("Stop", "Clear") for button in app.button)
    assert len(tracks.items) == 3
    tracks.stop()


@pytest.mark.slow
def test_what_is_dropped_joins_what_was_dropped_and_replaces_a_folder(
    app, demo, tmp_path, monkeypatch
):
    let_go = []

    def remove(manager, session, file):
        let_go.append(file)

    monkeypatch.setattr(MemoryUploadedFileManager, "remove_file", remove)
    name_folder(app, "music")
    tracks = app.session_state["track list"]
    assert tracks.source == tmp_path / "music"
    sound = (demo / "jazz-120bpm-b-flat-major.wav").read_bytes()
    for name in ("one.wav", "two.wav"):
        app.file_uploader[0].upload(name, sound, "audio/wav").run()
    assert not app.exception
    assert [item.name for item in tracks.items] == ["one.wav", "two.wav"]
    # Streamlit need not hold them, too.
    assert len(set(let_go)) == 2
    # What playlists of uploads say are names.
    assert tracks.source is None
    tracks.stop()


@pytest.mark.slow
def test_failures_alone_can_be_cleared(app, tmp_path):
    (tmp_path / "broken").mkdir()
    for number in range(7):
        (tmp_path / "broken" / f"{number}.mp3").write_text("no song", encoding="utf-8")
    name_folder(app, "broken")
    tracks = app.session_state["track list"]
    run_until(app, lambda: len(tracks.failed) == 7)
    app.run()
    assert len(app.error) == 5
    assert "2 more" in [fold.label for fold in app.expander]
    next(button for button in app.button if button.label == "Clear").click().run()
    assert not tracks.items
    assert not app.error


def test_what_a_session_keeps_goes_with_it(app, tmp_path):
    app.run()
    folder = app.session_state["session"].scratch.path
    assert folder.is_dir()
    app.session_state["session"].scratch.keep("a.wav", io.BytesIO(b"RIFF....WAVEfmt "))
    del app.session_state["session"]
    del app.session_state["track list"]
    gc.collect()
    assert not folder.exists()


@pytest.mark.slow
def test_a_search_without_a_hit_is_taken_back(app):
    name_folder(app, "music")
    tracks = app.session_state["track list"]
    run_until(app, lambda: len(tracks.done) == 2 and not any(item.waits for item in tracks.items))
    app.run()

    def search(text):
        next(box for box in app.text_input if box.label == "Search").set_value(text).run()
        # A change in the table is drawn beside it at once.
        run_until(app, lambda: not any(item.waits for item in tracks.items))
        app.run()

    heard = tracks.chosen.name
    search("zzz")
    assert any("Nothing found" in element.value for element in app.markdown)
    # Nothing is shown: neither what was looked at before, nor why it is what it is.
    heads = [element.value for element in app.markdown if element.value.startswith("## ")]
    assert [head.endswith("Nothing found") for head in heads] == [True]
    # What is found is looked at, and marked in the table; then what was chosen again.
    search("waltz")
    assert shown(app) == "Waltz"
    search("")
    assert len(app.dataframe[0].value) == 2
    assert shown(app) in heard.title()
    # By its title, too, and by how sure it is.
    search("in f")
    assert len(app.dataframe[0].value) == 1
    search("")
    next(slide for slide in app.slider if slide.label == "At least").set_value(100).run()
    assert any("Nothing found" in element.value for element in app.markdown)
    # What comes then is not hidden.
    name_folder(app, "music")
    run_until(app, lambda: tracks.done)
    app.run()
    assert not any("Nothing found" in element.value for element in app.markdown)
    assert not app.exception


@pytest.mark.slow
def test_the_demo_tracks_are_one_click_away(app):
    app.run()
    app.button(key="demo").click().run()
    tracks = app.session_state["track list"]
    assert len(tracks.items) == 6
    assert app.title[0].value == "Classify"
    tracks.stop()


def test_an_empty_name_is_no_folder(app):
    name_folder(app, "  ")
    assert "a dot stands for all of" in app.error[0].value
    assert not app.session_state["track list"].items
