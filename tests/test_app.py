"""What the pages of the app stand on: limits, the root, words for trouble, how it starts."""

from __future__ import annotations

import contextlib
import datetime
import io
import logging
import os
import re
import socket
import subprocess
import sys
import types
from pathlib import Path

import hypothesis
import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from streamlit.testing.v1 import AppTest

from earmark.classify.app import server, session, settings
from earmark.classify.app.files import paths
from earmark.classify.app.widgets import charts, grid, theme, waiting
from earmark.classify.html import cells
from earmark.extract.errors import FindError, SettingsError

ROOT = Path(__file__).parent.parent


def test_the_limits_are_told_by_the_environment(tmp_path):
    found = settings.read(
        {"EARMARK_APP_ROOT": str(tmp_path), "EARMARK_APP_UPLOADS": "3", "HOME": "/"}
    )
    assert (found.root, found.uploads) == (tmp_path.resolve(), 3)
    assert settings.read({}).root == Path.cwd().resolve()


def test_music_is_where_the_user_has_it_unless_a_root_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(settings.platformdirs, "user_music_path", lambda: tmp_path / "Musik")
    assert settings.read({}).music is None
    (tmp_path / "Musik").mkdir()
    assert settings.read({}).music == tmp_path / "Musik"
    assert settings.read({"EARMARK_APP_ROOT": str(tmp_path)}).music is None
    both = settings.read({"EARMARK_APP_ROOT": "/", "EARMARK_APP_MUSIC": str(tmp_path)})
    assert (both.root, both.music) == (Path("/"), tmp_path)


def test_folders_are_of_music_or_below_the_root_and_of_the_root_alone_for_others(
    tmp_path, monkeypatch
):
    for folder in ("music/jazz", "work/data", "else"):
        (tmp_path / folder).mkdir(parents=True)
    own = settings.AppSettings(root=tmp_path / "work", music=tmp_path / "music")
    monkeypatch.setattr(session, "app_settings", lambda: own)
    address = {"server.address": "127.0.0.1"}
    monkeypatch.setattr(session.st, "get_option", address.get)
    assert session.below_roots("jazz") == tmp_path / "music" / "jazz"
    assert session.below_roots("data") == tmp_path / "work" / "data"
    assert session.root_of(tmp_path / "work" / "data") == tmp_path / "work"
    assert session.root_of(tmp_path / "else") is None
    with pytest.raises(FindError, match="is not there"):
        session.below_roots(str(tmp_path / "else"))
    address["server.address"] = "0.0.0.0"
    assert session.roots() == [tmp_path / "work"]
    with pytest.raises(FindError, match="is not there"):
        session.below_roots("jazz")


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="a process has every core here")
def test_there_are_no_more_workers_than_cores_that_may_be_used():
    code = """
import os
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
from earmark.classify.app import settings
print(settings.read({}).workers)
"""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    found = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert found.stdout == "1\n"


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
        settings.read({f"EARMARK_APP_{name}": value})


def test_a_folder_is_named_below_the_root(tmp_path):
    (tmp_path / "music" / "jazz").mkdir(parents=True)
    assert paths.resolve_below_root("music/jazz", tmp_path) == tmp_path / "music" / "jazz"
    assert paths.resolve_below_root(f" {tmp_path / 'music'} ", tmp_path) == tmp_path / "music"
    assert paths.resolve_below_root("", tmp_path) == tmp_path
    assert paths.resolve_below_root("music/../music", tmp_path) == tmp_path / "music"


def test_a_long_track_has_more_time(tmp_path, monkeypatch):
    monkeypatch.setenv("EARMARK_APP_TRACK_SECONDS", "60")
    settings.app_settings.cache_clear()
    try:
        album = tmp_path / "album.mp3"
        with album.open("wb") as file:
            file.truncate(172 * 10**6)
        # Three hours at 128 kbit/s; a quiet core does them in half a minute.
        assert settings.seconds_for(album) == pytest.approx(60 + 430)
        assert settings.seconds_for(tmp_path / "none.mp3") == 60
    finally:
        settings.app_settings.cache_clear()


@pytest.mark.parametrize(
    "named", ["..", "/", "/etc/passwd", "~", "music/../..", "out", "out/x", ".ssh", "key"]
)
def test_what_lies_elsewhere_is_not_there(tmp_path, named):
    root = tmp_path / "root"
    (root / "music").mkdir(parents=True)
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "x").write_text("", encoding="utf-8")
    (root / "out").symlink_to(tmp_path / "secret")
    (root / ".ssh").mkdir()
    (root / "key").symlink_to(root / ".ssh")
    with pytest.raises(FindError, match="is not there; name a folder or a file below"):
        paths.resolve_below_root(named, root)


@hypothesis.settings(deadline=None)
@given(st.text(max_size=300))
@example("x" * 5000)
@example("a\0b")
@example("~nobody-of-this-name/x")
def test_no_name_leads_out_or_breaks_anything(tmp_path_factory, named):
    root = tmp_path_factory.getbasetemp()
    with contextlib.suppress(FindError):
        assert paths.resolve_below_root(named, root).is_relative_to(root)


# What remark, which Streamlit draws Markdown with, makes of text after all else was read.
MADE = re.compile(
    r"https?://|www\.|[-.\w+]@[-\w]+\.[-\w]|:streamlit:|->|<-|--|[<>~]=", re.IGNORECASE
)


@hypothesis.settings(deadline=None)
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
    tokens = MarkdownIt().parse(theme.plain(text))
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
    assert theme.plain("a" * 1000) == "a" * 119 + "…"


def test_nothing_that_goes_wrong_is_shown_as_a_traceback(monkeypatch, caplog):
    said = []
    monkeypatch.setattr(theme.st, "error", lambda text, **_: said.append(text))
    with theme.errors_shown():
        raise FindError("a_b.mp3", "is gone")
    with theme.errors_shown(), caplog.at_level(logging.ERROR, "earmark"):
        raise ZeroDivisionError("secret")
    assert said[0] == r"a\_b\.mp3\: is gone"
    assert "ZeroDivisionError" in said[1]
    assert "secret" not in said[1]
    assert "secret" in caplog.text


def test_streamlit_is_told_the_same_in_a_clone():
    own = server.CONFIG.read_bytes()
    assert (ROOT / ".streamlit" / "config.toml").read_bytes() == own
    found = server.options(server.CONFIG)
    assert found["server_address"] == "127.0.0.1"
    assert found["client_showErrorDetails"] == "none"
    assert found["theme_light_primaryColor"] == theme.PALETTE[0]
    assert {scheme: found[f"theme_{scheme}_textColor"] for scheme in theme.INK} == theme.INK


@pytest.mark.parametrize(
    ("address", "hosts"),
    [
        (None, ["localhost", "127.0.0.1", "::1"]),
        ("192.168.1.5", ["localhost", "127.0.0.1", "::1", "192.168.1.5", "me"]),
        ("0.0.0.0", ["*"]),
    ],
)
def test_a_page_of_another_name_gets_no_answer(monkeypatch, address, hosts):
    from streamlit.web import bootstrap

    given = {}
    monkeypatch.setattr(server, "_free", lambda *_: None)
    monkeypatch.setattr(socket, "gethostname", lambda: "me")
    monkeypatch.setattr(bootstrap, "load_config_options", given.update)
    monkeypatch.setattr(bootstrap, "run", lambda *_: None)
    server.serve(ROOT / "app.py", server_address=address)
    assert given["server_allowedHosts"] == hosts


def test_every_option_is_one_of_streamlits():
    from streamlit import config

    known = config.get_config_options()
    given = {name.replace("_", ".") for name in server.options(server.CONFIG)}
    assert given <= set(known)


def test_an_upload_may_be_as_large_as_is_said_however_the_app_was_started(below, monkeypatch):
    from streamlit import config

    monkeypatch.setenv("EARMARK_APP_UPLOAD_MB", "500")
    settings.app_settings.cache_clear()
    before = config.get_option("server.maxUploadSize")
    try:
        app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60).run()
        assert not app.exception
        # What Streamlit looks at when a file comes.
        assert config.get_option("server.maxUploadSize") == 500
    finally:
        config.set_option("server.maxUploadSize", before)


def test_a_port_that_is_taken_is_named(monkeypatch):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(SettingsError, match=rf"127\.0\.0\.1, port {port}: .*--port"):
            server.serve(ROOT / "app.py", server_port=port)


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


@pytest.mark.parametrize(
    ("rows", "there", "found"), [([3], 5, 3), ([3], 3, None), ([0], 0, None), ([], 5, None)]
)
def test_a_row_that_is_gone_is_not_selected(monkeypatch, rows, there, found):
    state = {"table": {"selection": {"rows": rows, "columns": [], "cells": []}}}
    monkeypatch.setattr(grid.st, "session_state", state)
    assert grid.picked("table", there) == found
    assert grid.picked("not drawn yet", there) is None


def test_the_charts_show_the_strongest_and_take_names_as_text():
    chart = charts.genres(["<b>rock</b>", "pop", "jazz"], [0.7, 0.296, 0.004], top=2)
    assert list(chart.layout.yaxis.ticktext) == ["&lt;b&gt;rock&lt;/b&gt;", "pop"]
    assert list(chart.data[0].text) == ["70 %", "30 %"]
    told = [("a", 1.0, 0.5), ("b", 2.0, -0.1), ("c", 3.0, 0.9), ("d", 4.0, -0.7)]
    assert list(charts.reasons(told).layout.yaxis.ticktext) == ["c", "a", "b", "d"]
    assert list(charts.reasons(told, top=1).layout.yaxis.ticktext) == ["c", "d"]


def test_the_environment_of_a_test_says_nothing_of_the_app():
    assert not [name for name in os.environ if name.startswith(settings.PREFIX)]


def test_text_is_never_a_formula_in_a_spreadsheet():
    texts = ["=HYPERLINK(1)", "+1", "-1", "@x", " =1", "a=b", "song.mp3"]
    table = pd.DataFrame({"path": texts, "energy": np.linspace(-1, 1, 7)})
    found = pd.read_csv(io.BytesIO(grid.as_csv(table)))
    assert found["path"].tolist() == [*(f"'{text}" for text in texts[:5]), *texts[5:]]
    np.testing.assert_allclose(found["energy"], table["energy"])
    assert cells.risky(table) == ["path"]
    assert pd.read_parquet(io.BytesIO(grid.as_parquet(table)))["path"].tolist() == texts


def test_whole_numbers_are_written_as_such():
    table = pd.DataFrame({"path": ["a", "b"], "key": [9.0, np.nan], "duration_ms": [1000.4, 2.0]})
    assert grid.as_csv(table).decode().splitlines()[1:] == ["a,9,1000", "b,,2"]


def test_a_table_shows_no_none_and_lengths_as_clocks():
    table = pd.DataFrame({"path": ["a"], "artist": [None], "duration_ms": [201_400.0]})
    shown = grid.for_display(table)
    assert shown["artist"].tolist() == [""]
    assert shown["duration_ms"].tolist() == [datetime.time(0, 3, 21)]


def refused(path, message):
    with pytest.raises(FindError, match=message):
        paths.resolve_table(path.name, path.parent)


@pytest.mark.parametrize("name", [".netrc", ".hidden.csv", "notes.txt", "config.toml", "x.csv.zst"])
def test_only_tables_are_read_as_tables(tmp_path, name):
    (tmp_path / name).write_text("password,secret\n", encoding="utf-8")
    refused(tmp_path / name, "is not there" if name.startswith(".") else "ends in none of")


def test_a_table_that_is_no_regular_file_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "x.csv")
    refused(tmp_path / "x.csv", "is no regular file")


@pytest.fixture
def small(monkeypatch):
    """A limit of one megabyte."""
    monkeypatch.setenv("EARMARK_APP_TABLE_MB", "1")
    settings.app_settings.cache_clear()
    yield
    settings.app_settings.cache_clear()


@pytest.mark.parametrize("ending", ["gz", "bz2", "xz", "zip"])
def test_what_a_packed_table_unpacks_to_counts(tmp_path, small, ending):
    path = tmp_path / f"table.csv.{ending}"
    frame = pd.DataFrame({"path": ["x" * 1000] * 900})
    frame.to_csv(path, index=False)
    assert paths.resolve_table(path.name, tmp_path) == path
    pd.concat([frame, frame]).to_csv(path, index=False)
    assert path.stat().st_size < 100_000
    refused(path, "is larger than 1 MB")
    path.write_bytes(path.read_bytes()[:-20])
    refused(path, "cannot be read as a table|is larger than 1 MB")
    path.write_bytes(b"no archive")
    refused(path, "cannot be read as a table")


def test_cells_count_where_bytes_say_nothing(tmp_path, monkeypatch):
    many = tmp_path / "many.parquet"
    pd.DataFrame({"path": "a", "x": np.zeros(30_000)}).to_parquet(many)
    wide = tmp_path / "wide.csv"
    wide.write_text("path" + ",x" * 999 + "\n" + ",\n" * 60, encoding="utf-8")
    assert paths.resolve_table("many.parquet", tmp_path) == many
    monkeypatch.setattr(paths, "MOST_CELLS", 59_999)
    refused(many, "has 60,000 cells")
    refused(wide, "has 61,000 cells")
    monkeypatch.setattr(paths, "MOST_COLUMNS", 999)
    refused(wide, "has more than 999 columns, the limit here")
    # What only describes its columns is not read for that: it would take gigabytes.
    pd.DataFrame(1.0, range(2), [f"c{place}" for place in range(1500)]).to_parquet(many)
    monkeypatch.setattr(paths, "MOST_FOOTER", 10_000)
    refused(many, "has more than 999 columns, the limit here")
    many.write_bytes(b"PAR1 and no more")
    refused(many, "cannot be read as a table")


def test_genres_that_are_numbers_or_alike_have_bars_of_their_own():
    names = ["1990", "1985", "x" * 50 + "a", "x" * 50 + "b"]
    for chart in (
        charts.genres(names, [0.4, 0.3, 0.2, 0.1]),
        charts.reasons([(name, 0.0, 4.0 - place) for place, name in enumerate(names)]),
    ):
        assert list(chart.data[0].y) == [0, 1, 2, 3]
        assert chart.layout.yaxis.type == "linear"
        assert list(chart.layout.yaxis.tickvals) == [0, 1, 2, 3]
        assert chart.layout.yaxis.ticktext[:2] == ("1990", "1985")


@pytest.mark.parametrize(("wait", "said"), [(0.2, "1 s"), (3.0, "3 s"), (3.4, "4 s")])
def test_nobody_is_told_less_than_the_line_says(wait, said):
    job = types.SimpleNamespace(state="waiting", ahead=2, wait=wait)
    assert waiting.queue_position(job) == f"2 before you; starts within {said}"


def test_charts_have_words_for_who_does_not_see_them():
    def shown():
        from earmark.classify.app.widgets import charts, theme

        theme.figure(charts.genres(["dis\u202eco", "<b>"], [0.62, 0.3]))
        theme.figure(charts.reasons([("tempo", 128.0, 0.5), ("energy", 0.1, -0.2)]))

    told = [chart.proto.alt for chart in AppTest.from_function(shown).run().get("plotly_chart")]
    assert told == [
        "A bar per genre: disco 62 %, <b> 30 %.",
        "A bar per descriptor, the most telling first. for it: tempo (128); against it: energy "
        "(0.1).",
    ]
