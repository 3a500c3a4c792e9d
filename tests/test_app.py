"""What the pages of the app stand on: limits, the root, words for trouble, how it starts."""

from __future__ import annotations

import contextlib
import logging
import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from classify.app import charts, grid, look, serve, setting
from extract.errors import FindError, SettingsError

ROOT = Path(__file__).parent.parent


def test_the_limits_are_told_by_the_environment(tmp_path):
    found = setting.read(
        {"EARMARK_APP_ROOT": str(tmp_path), "EARMARK_APP_UPLOADS": "3", "HOME": "/"}
    )
    assert (found.root, found.uploads) == (tmp_path.resolve(), 3)
    assert setting.read({}).root == Path.cwd().resolve()


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("UPLOADS", "0", "EARMARK_APP_UPLOADS = '0': .*greater than or equal to 1"),
        ("UPLOADS", "many", "EARMARK_APP_UPLOADS = 'many': .*integer"),
        ("UPLAODS", "3", "EARMARK_APP_UPLAODS = '3': is unknown; there is EARMARK_APP_ROOT"),
        ("ROOT", "/nowhere/at/all", "EARMARK_APP_ROOT = /nowhere/at/all: is no folder"),
    ],
)
def test_a_limit_that_makes_no_sense_is_named(name, value, message):
    with pytest.raises(SettingsError, match=message):
        setting.read({f"EARMARK_APP_{name}": value})


def test_a_folder_is_named_below_the_root(tmp_path):
    (tmp_path / "music" / "jazz").mkdir(parents=True)
    assert setting.inside("music/jazz", tmp_path) == tmp_path / "music" / "jazz"
    assert setting.inside(f" {tmp_path / 'music'} ", tmp_path) == tmp_path / "music"
    assert setting.inside("", tmp_path) == tmp_path
    assert setting.inside("music/../music", tmp_path) == tmp_path / "music"


def test_a_long_track_has_more_time(tmp_path, monkeypatch):
    monkeypatch.setenv("EARMARK_APP_TRACK_SECONDS", "60")
    setting.setting.cache_clear()
    try:
        album = tmp_path / "album.mp3"
        with album.open("wb") as file:
            file.truncate(172 * 10**6)
        # Three hours at 128 kbit/s; a quiet core does them in half a minute.
        assert setting.seconds_for(album) == pytest.approx(60 + 430)
        assert setting.seconds_for(tmp_path / "none.mp3") == 60
    finally:
        setting.setting.cache_clear()


@pytest.mark.parametrize("named", ["..", "/", "/etc/passwd", "~", "music/../..", "out", "out/x"])
def test_what_lies_elsewhere_is_not_there(tmp_path, named):
    root = tmp_path / "root"
    (root / "music").mkdir(parents=True)
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "x").write_text("", encoding="utf-8")
    (root / "out").symlink_to(tmp_path / "secret")
    with pytest.raises(FindError, match="is not there; name a folder or a file below"):
        setting.inside(named, root)


@settings(deadline=None)
@given(st.text(max_size=300))
@example("x" * 5000)
@example("a\0b")
@example("~nobody-of-this-name/x")
def test_no_name_leads_out_or_breaks_anything(tmp_path_factory, named):
    root = tmp_path_factory.getbasetemp()
    with contextlib.suppress(FindError):
        assert setting.inside(named, root).is_relative_to(root)


# What remark, which Streamlit draws Markdown with, makes of text after all else was read.
MADE = re.compile(
    r"https?://|www\.|[-.\w+]@[-\w]+\.[-\w]|:streamlit:|->|<-|--|[<>~]=", re.IGNORECASE
)


@settings(deadline=None)
@given(st.text(max_size=80) | st.from_regex(MADE, fullmatch=True))
@example("https://evil.example/x www.evil.example a@b.example")
@example("HTTP://evil.example _WWW.evil.example mailto:a@b.example")
@example(":streamlit: a --> b <-- c ~= d >= e")
@example("<img src=x onerror=alert(1)>.mp3")
@example("**bold** [link](http://x) `code` $x$ :red[red] :material/home: ~~a~~")
@example("# head")
@example("1. list")
@example("\u202egnp.exe")
def test_anybodys_text_is_shown_as_it_is(text):
    tokens = MarkdownIt().parse(look.plain(text))
    kinds = {child.type for token in tokens for child in token.children or []}
    assert kinds <= {"text", "text_special"}
    assert {token.type for token in tokens} <= {"paragraph_open", "inline", "paragraph_close"}
    shown = "".join(child.content for token in tokens for child in token.children or [])
    bare = "".join(sign for sign in shown if not sign.isspace())
    assert "\u202e" not in bare
    kept = [sign for sign in text if sign.isascii() and sign.isprintable() and sign != " "]
    assert [sign for sign in bare if sign.isascii()] == kept
    assert not MADE.search(shown)


def test_long_text_is_cut():
    assert look.plain("a" * 1000) == "a" * 119 + "…"


def test_nothing_that_goes_wrong_is_shown_as_a_traceback(monkeypatch, caplog):
    said = []
    monkeypatch.setattr(look.st, "error", lambda text, **_: said.append(text))
    with look.kept_in_words():
        raise FindError("a_b.mp3", "is gone")
    with look.kept_in_words(), caplog.at_level(logging.ERROR, "earmark"):
        raise ZeroDivisionError("secret")
    assert said[0] == r"a\_b\.mp3\: is gone"
    assert "ZeroDivisionError" in said[1]
    assert "secret" not in said[1]
    assert "secret" in caplog.text


def test_streamlit_is_told_the_same_in_a_clone():
    own = serve.CONFIG.read_bytes()
    assert (ROOT / ".streamlit" / "config.toml").read_bytes() == own
    found = serve.options(serve.CONFIG)
    assert found["server_address"] == "127.0.0.1"
    assert found["client_showErrorDetails"] == "none"
    assert found["theme_light_primaryColor"] == look.PALETTE[0]


def test_every_option_is_one_of_streamlits():
    from streamlit import config

    known = config.get_config_options()
    given = {name.replace("_", ".") for name in serve.options(serve.CONFIG)}
    assert given <= set(known)


def test_a_port_that_is_taken_is_named(monkeypatch):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(SettingsError, match=rf"127\.0\.0\.1, port {port}: .*--port"):
            serve.serve(ROOT / "app.py", server_port=port)


def test_the_script_draws_nothing_when_a_worker_imports_it():
    code = (
        "import runpy, sys; runpy.run_path('app.py', run_name='__mp_main__'); "
        "print('streamlit' in sys.modules)"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert (result.stdout.strip(), result.stderr) == ("False", "")


@pytest.mark.parametrize(
    ("key", "mode", "name"),
    [
        (0, 1, "C major"),
        (9, 0, "A minor"),
        (3, float("nan"), "E♭"),
        (-1, 1, ""),
        (float("nan"), 1, ""),
    ],
)
def test_keys_are_called_as_musicians_call_them(key, mode, name):
    assert grid.key_of(key, mode) == name


def test_the_charts_show_the_strongest_and_take_names_as_text():
    chart = charts.genres(["<b>rock</b>", "pop", "jazz"], [0.7, 0.296, 0.004], top=2)
    assert list(chart.data[0].y) == ["&lt;b&gt;rock&lt;/b&gt;", "pop"]
    assert list(chart.data[0].text) == ["70 %", "30 %"]
    told = [("a", 1.0, 0.5), ("b", 2.0, -0.1), ("c", 3.0, 0.9), ("d", 4.0, -0.7)]
    assert list(charts.reasons(told).data[0].y) == ["c", "a", "b", "d"]
    assert list(charts.reasons(told, top=1).data[0].y) == ["c", "d"]


def test_the_environment_of_a_test_says_nothing_of_the_app():
    assert not [name for name in os.environ if name.startswith(setting.PREFIX)]
