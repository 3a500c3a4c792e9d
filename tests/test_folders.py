"""The folders below the root, to click through."""

from __future__ import annotations

import pytest

pytest.importorskip("streamlit")

from streamlit.testing.v1 import AppTest

from earmark.classify.app.files import folders
from earmark.classify.app.files.folders import Folder, look_into


@pytest.fixture
def root(tmp_path):
    root = tmp_path / "root"
    for name in ("Ärzte", "beatles/1969", "beatles/*1970* ", ".keys", "Zappa"):
        (root / name).mkdir(parents=True)
    (tmp_path / "elsewhere").mkdir()
    (root / "out").symlink_to(tmp_path / "elsewhere")
    (root / "in").symlink_to(root / "beatles")
    (root / "gone").symlink_to(root / "nowhere")
    for name in ("a.mp3", "B.FLAC", "notes.txt", ".hidden.mp3"):
        (root / "beatles" / name).touch()
    return root


def test_what_is_hidden_or_elsewhere_is_not_there(root):
    assert look_into(root, root) == Folder(["beatles", "in", "Zappa", "Ärzte"], 0, 0)
    assert look_into(root / "beatles", root).tracks == 2
    assert look_into(root / "nowhere", root) == Folder([], 0, 0)
    assert look_into(root / "beatles" / "a.mp3", root) == Folder([], 0, 0)


def test_many_folders_are_counted(root, monkeypatch):
    monkeypatch.setattr(folders, "MOST", 3)
    assert look_into(root, root) == Folder(["beatles", "in", "Zappa"], 1, 0)


def test_folders_are_clicked_through_and_stand_in_the_box(root):
    def shown(where):
        from pathlib import Path

        import streamlit as st

        from earmark.classify.app.widgets import folder_browser

        folder_browser.browse(Path(where), "box")
        st.text_input("Folder", key="box")

    def press(label):
        next(one for one in app.button if one.label.replace("\\", "") == label).click().run()
        assert not app.exception
        return app.text_input[0].value

    app = AppTest.from_function(shown, args=(str(root),), default_timeout=30).run()
    assert [one.label for one in app.button] == ["beatles", "in", "Zappa", "Ärzte"]
    assert press("beatles") == "beatles"
    assert app.caption[0].value.startswith("2 tracks here")
    assert app.button[0].label == "Up"
    assert press("1969") == "beatles/1969"
    assert press("Up") == "beatles"
    assert press("Up") == "."
    # Whatever somebody has written, the browser begins where there is something.
    app.text_input[0].set_value("../../etc").run()
    assert [one.label for one in app.button] == ["beatles", "in", "Zappa", "Ärzte"]
