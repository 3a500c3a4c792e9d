"""Results on stdout: for people, and for programs."""

from __future__ import annotations

import io
import json

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
