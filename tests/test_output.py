"""Results on stdout: for people, and for programs."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from rich.cells import cell_len

from earmark.commands._output import Format, grid, show

ROWS = pd.DataFrame(
    {
        "path": ["a.mp3", "b\r\u2028.mp3", "Sigur Rós/[bold]大きな古時計.flac"],
        "genre": ["rock", None, "a, b"],
        "probability": [0.5, np.nan, 1.0],
    }
)


def test_rows_are_printed_for_programs_as_they_are(capsys):
    show(ROWS, Format.csv)
    printed = capsys.readouterr().out
    pd.testing.assert_frame_equal(pd.read_csv(io.StringIO(printed, newline="")), ROWS)
    show(ROWS, Format.json)
    found = json.loads(capsys.readouterr().out)
    assert [row["genre"] for row in found] == ["rock", None, "a, b"]
    assert found[1] == {"path": "b\r\u2028.mp3", "genre": None, "probability": None}


@pytest.mark.parametrize("form", Format)
def test_no_rows_are_a_result_too(form, capsys):
    show(ROWS.head(0), form)
    printed = capsys.readouterr().out
    assert form is not Format.csv or printed == "path,genre,probability\n"
    assert form is not Format.json or json.loads(printed) == []


def test_facts_are_an_object_or_lines(capsys):
    facts = {"tracks": np.int64(3), "share": np.nan, "settings": {"fmax": np.float32(0.5)}}
    show(facts, Format.json)
    assert json.loads(capsys.readouterr().out) == {
        "tracks": 3,
        "share": None,
        "settings": {"fmax": 0.5},
    }
    show(facts, Format.csv)
    found = capsys.readouterr().out.splitlines()
    assert found[:2] == ["name,value", "tracks,3"]


@pytest.mark.parametrize("columns", [60, 80, 200])
def test_a_row_is_a_line_that_fits_the_terminal(columns, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(columns))
    rows = pd.concat([ROWS, ROWS.assign(path="Artist/Album/" + "大" * 90 + "/the song.mp3")])
    lines = grid(rows).splitlines()
    assert len(lines) == len(rows) + 4
    assert all(cell_len(line) <= columns for line in lines)
    assert "the song.mp3" in lines[-2]


def test_without_a_terminal_nothing_is_cut(monkeypatch):
    monkeypatch.delenv("COLUMNS", raising=False)
    assert "x" * 500 in grid(ROWS.assign(path="x" * 500))


def test_predictions_go_to_stdout_alone(cli, demo, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    table = tmp_path / "t.csv"
    cli("extract", demo, "-o", table, "-q")
    _, printed, said = cli("classify", table, "-o", "-", "-m", "light", "-q")
    assert len(pd.read_csv(io.StringIO(printed))) == 6
    assert not list(tmp_path.glob("*predictions*"))
    _, out, said = cli("classify", table, "-m", "light", "--format", "json", "-q")
    written = pd.read_csv("predictions.csv")
    assert [row["genre"] for row in json.loads(out)] == written["genre"].tolist()
    assert "6 tracks: predictions.csv" in said
    status, out, said = cli("classify", table, "-o", "-", "--segments", "-q")
    assert (status, out) == (2, "")


@pytest.mark.parametrize("columns", [80, 60])
def test_a_classified_track_is_one_line_and_genres_are_counted(
    cli, demo, tmp_path, monkeypatch, columns
):
    table = tmp_path / "t.csv"
    cli("extract", demo, "-o", table, "-q")
    rows = pd.read_csv(table)
    rows["path"] = [f"Some artist/An album of a long name/{path}" for path in rows["path"]]
    rows.to_csv(table, index=False)
    monkeypatch.setenv("COLUMNS", str(columns))
    _, out, _ = cli("classify", table, "-m", "light", "-o", tmp_path / "p.csv", "-q")
    lines = out.splitlines()
    assert len(lines) == 6 + 4 + 1
    assert max(map(cell_len, lines[:-1])) <= columns
    assert sum(int(each.rsplit(" ", 1)[1]) for each in lines[-1].split(", ")) == 6


def test_a_table_is_extracted_to_stdout(cli, demo, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    track = demo / "jazz-120bpm-b-flat-major.wav"
    _, out, _ = cli("extract", track, "-o", "-", "-q")
    assert pd.read_csv(io.StringIO(out))["tempo"].tolist() == pytest.approx([120], 0.02)
    assert not list(tmp_path.iterdir())
    _, out, _ = cli("extract", track, "-o", "t.csv", "-q", "--format", "json")
    assert json.loads(out)["tracks"] == 1


def test_what_is_no_table_is_printed_for_programs_too(cli, demo, tmp_path):
    track = demo / "jazz-120bpm-b-flat-major.wav"
    assert json.loads(cli("info", track, "--format", "json")[1])["tempo"] == pytest.approx(
        120, 0.02
    )
    beats = pd.read_csv(io.StringIO(cli("beats", track, "--format", "csv")[1]))
    assert beats.columns.tolist() == ["time", "beat", "tempo"]
    table, other = tmp_path / "t.parquet", tmp_path / "u.parquet"
    cli("extract", track, "-o", table, "-q")
    cli("extract", demo / "metal-150bpm-e-minor.m4a", "-o", other, "-q")
    about = json.loads(cli("info", table, "--format", "json")[1])
    assert (about["rows"], about["kind"]) == (1, "features")
    assert len(json.loads(cli("merge", table, other, "-o", "-", "--format", "json")[1])) == 2
    page = json.loads(cli("info", "tempo", "--format", "json")[1])["page"]
    assert page == cli("info", "tempo")[1]


def test_the_doctor_names_what_is_missing_and_what_to_do(cli, monkeypatch):
    from earmark import diagnosis

    status, out, _ = cli("doctor", "--format", "json")
    found = {row["what"]: row for row in json.loads(out)}
    assert status == 0
    assert {"ffmpeg", "libsndfile", "numba", "cores", "analysis", "model"} <= found.keys()
    monkeypatch.setattr(diagnosis, "CODECS", ("flac", "no-such-codec"))
    status, out, _ = cli("doctor", "--format", "csv")
    rows = pd.read_csv(io.StringIO(out)).set_index("what")
    assert status == 1
    assert "cannot read no-such-codec" in rows.loc["ffmpeg", "detail"]
    assert "pip install" in rows.loc["ffmpeg", "remedy"]


def test_a_reader_that_has_gone_is_told_nothing(demo):
    command = [sys.executable, "-m", "earmark", "info", "tempo", "--format", "json"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=demo.parents[1]
    ) as process:
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait() == 1


def test_commands_are_completed(demo):
    script = Path(sys.executable).with_name("earmark")
    asked = {"_EARMARK_COMPLETE": "complete_bash", "COMP_WORDS": "earmark cla", "COMP_CWORD": "1"}
    done = subprocess.run(
        [script], env={**os.environ, **asked}, capture_output=True, text=True, check=False
    )
    assert done.stdout.split() == ["classify"]
