"""Keys are named in a column of their own, where that is asked for."""

from __future__ import annotations

import io
import json
import re
import shutil

import pandas as pd
import pytest

from earmark.extract import key_names, tables

NAMES = {"musical": ["Dm", "F"], "camelot": ["7A", "7B"], "openkey": ["12m", "12d"]}
TRACKS = ("hip-hop-90bpm-d-minor.mp3", "waltz-96bpm-f-major.flac")


@pytest.fixture
def music(demo, tmp_path):
    folder = tmp_path / "music"
    folder.mkdir()
    for name in TRACKS:
        shutil.copy(demo / name, folder)
    return folder


@pytest.mark.parametrize("ending", ["parquet", "csv", "jsonl"])
def test_a_table_names_its_keys_as_was_asked_for_last(music, tmp_path, cli, ending):
    output = tmp_path / f"t.{ending}"

    def names(*asked):
        status, _, said = cli("extract", music, "-o", output, "--set", "spotify", *asked)
        assert status == 0, said
        return tables.read(output)

    plain = names()
    assert key_names.COLUMN not in plain.frame
    before = output.read_bytes()
    for notation, expected in NAMES.items():
        # What stands there is not analysed anew, and all else stays as it is.
        named = names("--key-notation", notation)
        assert named.frame[key_names.COLUMN].tolist() == expected
        columns = named.frame.columns.tolist()
        assert columns[columns.index("mode") + 1] == key_names.COLUMN
        pd.testing.assert_frame_equal(named.frame.drop(columns=key_names.COLUMN), plain.frame)
        assert named.columns == plain.columns
    names()
    assert output.read_bytes() == before


def test_names_of_windows_and_of_tracks(music, tmp_path, cli):
    rows, tracks = tmp_path / "w.parquet", tmp_path / "t.parquet"
    windows = ("--windows", "6", "--tracks", tracks, "--key-notation", "camelot")
    assert cli("extract", music, "-o", rows, *windows)[0] == 0
    assert tables.read(tracks).frame[key_names.COLUMN].tolist() == NAMES["camelot"]
    found = tables.read(rows).frame
    expected = [key_names.camelot(*pair) for pair in zip(found["key"], found["mode"], strict=True)]
    assert found[key_names.COLUMN].fillna("").tolist() == expected


def test_a_set_without_keys_has_none_to_name(music, tmp_path, cli):
    output = tmp_path / "t.csv"
    asked = ("--set", "loudness", "--key-notation", "camelot")
    status, _, said = cli("extract", music, "-o", output, *asked)
    assert status == 2
    assert "has no column key and no mode" in said
    assert not output.exists()


def test_classified_tracks_have_the_names_of_their_keys(music, cli):
    status, printed, _ = cli(
        "classify", music, "--model", "light", "-o", "-", "--key-notation", "camelot"
    )
    assert status == 0
    found = pd.read_csv(io.StringIO(printed))
    assert found[key_names.COLUMN].tolist() == NAMES["camelot"]


def test_info_of_a_file_names_its_key(demo, cli):
    path = demo / TRACKS[0]
    status, printed, _ = cli("info", path, "--key-notation", "openkey")
    assert status == 0
    assert re.search(r"^key_name +12m$", printed, re.MULTILINE)
    printed = cli("info", path, "--key-notation", "musical", "--format", "json")[1]
    assert json.loads(printed)["key_name"] == "Dm"
    assert "key_name" not in cli("info", path)[1]
