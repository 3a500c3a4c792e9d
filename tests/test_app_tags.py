"""Tags in the app: planned, looked through, written, undone; only where that was allowed."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import pytest
import streamlit
from streamlit.testing.v1 import AppTest

from earmark.classify.app import server, session, settings
from earmark.classify.app.jobs import tagging
from earmark.classify.app.jobs.tagging import WritingTo
from earmark.classify.app.jobs.track_analysis import TrackAnalysis
from earmark.classify.app.jobs.track_list import Item
from earmark.classify.dataset import tags as file_tags
from earmark.classify.library.tagging import journal, opened
from earmark.classify.library.tagging.changes import Origin
from earmark.classify.library.tagging.look import sha256_of
from earmark.classify.library.tagging.values import Wanted
from earmark.extract.errors import SettingsError, WriteError

pytest.importorskip("mutagen")

NAMES = (
    "house-128bpm-a-minor.mp3",
    "waltz-96bpm-f-major.flac",
    "reggae-76bpm-g-major.ogg",
    "metal-150bpm-e-minor.m4a",
    "jazz-120bpm-b-flat-major.wav",
)
"""A file of each format."""


@pytest.fixture
def root(demo, tmp_path):
    root = tmp_path / "root"
    (root / "music").mkdir(parents=True)
    for name in NAMES:
        shutil.copy(demo / name, root / "music" / name)
    return root.resolve()


def item(path, **values):
    known = {"tempo": 120.4, "key": 9.0, "mode": 0.0, "energy": 0.66, "loudness": -9.0}
    analysis = TrackAnalysis(
        10.0,
        *(44100, 2),
        known | values,
        ["hiphop", "jazz"],
        [0.8, 0.2],
        [],
        tags=[("happy", 0.4), ("rock", 0.3)],
        sha256=sha256_of(path),
    )
    return Item(path.name, path, analysis)


def plan(root, items=None, mode="keep", chosen=("genre", "bpm", "key", "mood")):
    items = [item(path) for path in sorted((root / "music").iterdir())] if items is None else items
    folder = root.parent / "session"
    folder.mkdir(exist_ok=True)
    told = []
    found = tagging.planned(
        tagging.rows_of(items),
        {each.name: str(each.path) for each in items},
        (Wanted(chosen), mode),
        Origin("default", "mine"),
        str(folder),
        lambda share, text: told.append((share, text)),
    )
    assert all(0 <= share <= 1 for share, _ in told)
    assert len(told) == len(items)
    return found


def quiet(share, text):
    """Report to nobody."""


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_what_is_planned_is_written_and_undone_to_the_byte(root):
    before = contents(root / "music")
    made = plan(root)
    assert set(made["changes"]["field"]) == {"genre", "bpm", "key", "mood"}
    log = tagging.new_journal(root)
    # Two of the changes are not wanted, and one file not at all.
    refused = {(NAMES[0], "key"), (NAMES[1], "bpm")}
    refused |= {(NAMES[2], name) for name in ("genre", "bpm", "key", "mood")}
    told = []
    done = tagging.written(
        made["plan"], refused, WritingTo(root, log), lambda share, text: told.append(text)
    )
    assert done == {"counts": {"written": 4, "unchanged": 1}, "left": []}
    assert told[-1] == "4 of 5 files written"
    after = contents(root / "music")
    assert after[NAMES[2]] == before[NAMES[2]]
    # A genre that is there stays, and what was not wanted is not there.
    assert file_tags.read(root / "music" / NAMES[0])["genre"] == ["electronic"]
    assert opened.open_tags(root / "music" / NAMES[0]).get("bpm") == ["120"]
    assert opened.open_tags(root / "music" / NAMES[1]).get("bpm") == []
    assert opened.open_tags(root / "music" / NAMES[0]).get("key") == []
    assert opened.open_tags(root / "music" / NAMES[3]).get("key") == ["Am"]

    assert tagging.journals(root) == [log]
    changes = tagging.changes_of(str(log), root)
    assert changes["path"].nunique() == 4
    assert set(changes["path"]) == {f"music/{name}" for name in NAMES if name != NAMES[2]}
    back = tagging.undone(str(log), WritingTo(root, tagging.new_journal(root, log)), quiet)
    assert back == {"counts": {"restored": 4}, "left": []}
    assert contents(root / "music") == before
    again = tagging.undone(str(log), WritingTo(root, tagging.new_journal(root, log)), quiet)
    assert again["counts"] == {"as before": 4}


def test_a_file_that_changed_since_it_was_heard_is_left(root):
    items = [item(path) for path in sorted((root / "music").iterdir())]
    changed = root / "music" / NAMES[0]
    changed.write_bytes(changed.read_bytes() + b"\0")
    made = plan(root, items)["changes"]
    (why,) = made.loc[made["path"] == NAMES[0], "what"]
    assert "has changed since it was analysed" in why
    # And one that changes between plan and writing.
    found = plan(root, items)
    other = root / "music" / NAMES[1]
    other.write_bytes(other.read_bytes() + b"\0")
    kept = other.read_bytes()
    log = tagging.new_journal(root)
    done = tagging.written(found["plan"], (), WritingTo(root, log), quiet)
    assert {path for path, _ in done["left"]} == {NAMES[0], NAMES[1]}
    assert other.read_bytes() == kept


def test_nothing_is_written_outside_of_the_root(root, demo, tmp_path):
    outside = tmp_path / "elsewhere.mp3"
    shutil.copy(demo / NAMES[0], outside)
    (root / "music" / "link.mp3").symlink_to(outside)
    before = outside.read_bytes()
    log = tagging.new_journal(root)
    done = tagging.written(plan(root)["plan"], (), WritingTo(root, log), quiet)
    assert ("link.mp3", tagging.ELSEWHERE) in done["left"]
    assert outside.read_bytes() == before

    # Nor does a journal that somebody put there lead out: it was written for another root.
    wide = tagging.new_journal(tmp_path)
    made = plan(root, [item(outside)])
    assert tagging.written(made["plan"], (), WritingTo(tmp_path, wide), quiet)["counts"] == {
        "written": 1
    }
    tagged = outside.read_bytes()
    planted = wide.rename(root / "planted.journal")
    assert planted in tagging.journals(root)
    back = tagging.undone(str(planted), WritingTo(root, root / "x.journal"), quiet)
    assert back == {"counts": {}, "left": [(str(outside), tagging.ELSEWHERE)]}
    assert outside.read_bytes() == tagged


def test_journals_have_names_of_their_own_and_nothing_else_is_one(root, monkeypatch):
    (root / "a.journal").write_text("{}", encoding="utf-8")
    (root / "b.journal").write_bytes(b"\xff\xfe")
    (root / "c.journal").mkdir()
    assert tagging.journals(root) == []
    monkeypatch.setattr(journal, "default_path", lambda: Path("now.journal"))
    first = tagging.new_journal(root)
    first.write_text("x", encoding="utf-8")
    assert [first.name, tagging.new_journal(root).name] == ["now.journal", "now-1.journal"]
    assert tagging.new_journal(root, first).name == "now.undone-1.journal"
    with pytest.raises(WriteError, match="its folder is not there"):
        tagging.new_journal(root / "nowhere")


@pytest.mark.parametrize(
    ("address", "own"),
    [
        *(("127.0.0.1", True), ("localhost", True), ("::1", True), ("127.0.0.2", True)),
        *(("0.0.0.0", False), ("::", False), ("192.168.1.2", False), (None, False)),
        *(("music.example.org", False), ("", False)),
    ],
)
def test_writing_needs_an_address_of_this_computer_alone(monkeypatch, tmp_path, address, own):
    assert server.is_loopback(address) == own
    monkeypatch.setenv("EARMARK_APP_ALLOW_WRITING", "1")
    monkeypatch.setattr(streamlit, "get_option", lambda name: address)
    settings.app_settings.cache_clear()
    try:
        assert session.may_write() == own
        monkeypatch.delenv("EARMARK_APP_ALLOW_WRITING")
        settings.app_settings.cache_clear()
        assert not session.may_write()
    finally:
        settings.app_settings.cache_clear()


def test_the_command_refuses_to_write_for_a_whole_network(cli, tmp_path, monkeypatch):
    # What a command sets is set for good.
    monkeypatch.setenv("EARMARK_APP_ALLOW_WRITING", "0")
    monkeypatch.setenv("EARMARK_APP_ROOT", str(tmp_path))
    status, _, told = cli("app", "--allow-writing", "--address", "0.0.0.0", "--root", tmp_path)
    assert status != 0
    assert "--allow-writing and --address 0.0.0.0" in told
    with pytest.raises(SettingsError, match="EARMARK_APP_ALLOW_WRITING = 'perhaps'"):
        settings.read({"EARMARK_APP_ALLOW_WRITING": "perhaps"})


# --- The page ----------------------------------------------------------------------------------


def script():
    from earmark.classify.app.pages import classify
    from earmark.classify.app.widgets import theme

    with theme.errors_shown():
        classify.page()


def run_until(app, condition, seconds=300):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, [element.value for element in app.markdown]
        time.sleep(0.2)
        app.run()


def button(app, label):
    return next((one for one in app.button if one.label.startswith(label)), None)


def captions(app):
    return " ".join(element.value for element in app.caption).replace("\\", "")


@pytest.fixture
def page(demo, below, monkeypatch):
    """The page over copies of two tracks, which are analysed."""
    (below / "music").mkdir()
    for name in NAMES[:2]:
        shutil.copy(demo / name, below / "music" / name)
    monkeypatch.setattr(session, "may_write", lambda: True)
    app = AppTest.from_function(script, default_timeout=60).run()
    app.text_input[0].set_value("music")
    button(app, "Analyse").click().run()
    run_until(app, lambda: "track list" in app.session_state)
    tracks = app.session_state["track list"]
    run_until(app, lambda: len(tracks.done) == 2 and not any(one.waits for one in tracks.items))
    app.run()
    app.toggle(key="plan").set_value(True).run()
    run_until(app, lambda: button(app, "Read the files again"))
    return app


@pytest.mark.slow
def test_tags_are_planned_written_and_undone_on_the_page(page, below, monkeypatch):
    before = contents(below / "music")
    assert "Nothing is written yet" in captions(page)
    label = button(page, "Write ").label
    assert label.endswith("into 2 files")
    button(page, "Write ").click().run()
    run_until(page, lambda: page.success)
    assert "2 files written" in page.success[0].value
    (log,) = tagging.journals(below)
    assert log.name in page.success[0].value.replace("\\", "")
    assert all(contents(below / "music")[name] != data for name, data in before.items())
    page.button(key="tags done").click().run()
    # Planned anew, there is nothing left to write.
    run_until(page, lambda: button(page, "Read the files again"))
    assert "Nothing to write" in captions(page)
    run_until(page, lambda: button(page, "Undo "))
    button(page, "Undo 2 files").click().run()
    run_until(page, lambda: "to the byte" in captions(page))
    assert contents(below / "music") == before
    page.button(key="undo done").click().run()
    assert not page.exception
    assert not page.error

    # Of what is not allowed there is a dry run, and no way to write.
    monkeypatch.setattr(session, "may_write", lambda: False)
    page.run()
    run_until(page, lambda: button(page, "Read the files again"))
    assert "A dry run, no file is touched" in captions(page)
    assert "Writing is off. Start the app with `earmark app --allow-writing`" in captions(page)
    assert button(page, "Write ") is None
    assert button(page, "Undo ") is None
