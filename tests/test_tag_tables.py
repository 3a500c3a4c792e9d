"""What tables can give to tags, which of them gives what, and what is said where none can."""

from __future__ import annotations

import json
import shutil

import pandas as pd
import pytest

from earmark.classify.library.tagging import known, values

pytest.importorskip("mutagen")

NAMES = ["house-128bpm-a-minor.mp3", "waltz-96bpm-f-major.flac"]


@pytest.fixture
def music(demo, tmp_path, cli, monkeypatch):
    """Two files, and predictions of them that name no more than the genre."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "music"
    folder.mkdir()
    for name in NAMES:
        shutil.copy(demo / name, folder)
    rows = {"path": [f"music/{name}" for name in NAMES], "genre": "x", "probability": 0.9}
    pd.DataFrame(rows).to_csv("genres.csv", index=False)
    cli("extract", folder, "-o", "default.parquet", "-q")
    cli("extract", folder, "-o", "level.csv", "--set", "loudness", "-q")
    return folder


def plan(cli, *more):
    status, out, err = cli("tag", "genres.csv", "--audio", "music", "--format", "json", *more)
    rows = json.loads(out) if status == 0 else []
    return status, {(row["path"][6:], row["field"]): row["then"] for row in rows}, err


def test_a_table_beside_predictions_gives_what_they_cannot(music, cli):
    status, found, err = plan(cli, "--fields", "genre,bpm,key,replaygain")
    assert (status, {field for _, field in found}) == (0, {"genre"})
    assert "genres.csv cannot give bpm, key, replaygain: name a table beside it" in err
    assert "(bpm, key by --set default; replaygain by --set loudness)" in err
    beside = ("--features", "default.parquet", "--features", "level.csv")
    status, found, err = plan(cli, "--fields", "genre,bpm,key,replaygain", *beside)
    assert (status, "cannot give" in err) == (0, False)
    assert [found[name, "bpm"] for name in NAMES] == ["128", "96"]
    assert [found[name, "key"] for name in NAMES] == ["Am", "F"]
    level = pd.read_csv("level.csv").set_index("path")["loudness"][NAMES[1]]
    assert found[NAMES[1], "replaygain_track_gain"] == f"{-18 - level:.2f} dB"


def test_where_nothing_that_is_named_can_be_given_nothing_is_done(music, cli):
    status, _, err = plan(cli, "--fields", "bpm,key")
    assert (status, "genres.csv cannot give bpm, key" in err) == (1, True)
    assert cli("tag", music, "--features", "default.parquet")[0] == 2


def test_loudness_without_a_peak_may_be_on_another_scale_and_is_not_taken(music, cli, tmp_path):
    cli("extract", music, "-o", "spotify.parquet", "--set", "spotify", "-q")
    one = known.of_table(tmp_path / "genres.csv", music, features=[tmp_path / "spotify.parquet"])
    assert not {"loudness", "true_peak"} & set(one.rows)
    both = [tmp_path / "spotify.parquet", tmp_path / "level.csv"]
    found = known.of_table(tmp_path / "genres.csv", music, features=both).rows
    level = pd.read_csv("level.csv")
    assert sorted(found["loudness"]) == pytest.approx(sorted(level["loudness"]))


def test_a_second_pass_is_announced(music, cli):
    said = "every file is heard twice, the second time for ReplayGain's loudness"
    assert said in cli("tag", music / NAMES[1])[2]
    assert said not in cli("tag", music / NAMES[1], "--fields", "genre")[2]


@pytest.mark.parametrize("field", values.FIELDS)
def test_what_is_lacking_is_what_no_row_gives(field):
    """The rule of what columns give is held against what is made of them."""
    row = {
        **{"genre": "x", "tempo": 100.0, "key": 1, "mode": 0, "energy": 0.5, "tags": "happy; rock"},
        **{"loudness": -9.0, "true_peak": -1.0, "danceability": 0.5},
    }
    needs = {
        **{"genre": ["genre"], "bpm": ["tempo"], "key": ["key", "mode"], "energy": ["energy"]},
        **{"mood": ["tags"], "tags": ["tags"], "replaygain": ["loudness", "true_peak"]},
        "values": ["danceability", "energy"],
    }[field]
    assert not values.lacking(row, [field])
    without = {name: value for name, value in row.items() if name not in needs}
    assert list(values.lacking(without, [field])) == [field]
    if field != "replaygain":
        assert values.of_track(row, values.Wanted((field,)))
        assert not values.of_track(without, values.Wanted((field,)))


def test_similar_takes_the_track_and_the_table_in_any_order(music, cli):
    found = cli("similar", "waltz", "default.parquet")
    assert cli("similar", "default.parquet", "waltz") == found
    assert found[0] == 0
    status, _, err = cli("similar", "default.parquet", "genres.csv")
    assert (status, "two tables" in err) == (2, True)
