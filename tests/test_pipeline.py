"""The command line as a user meets it: on demo tracks, on real music, and when it goes wrong."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import soundfile

import earmark
from earmark.extract import schema, sets
from earmark.extract.config import DEFAULTS


@pytest.mark.slow
def test_the_demo_tracks_are_classified_in_one_go(cli, demo, tmp_path):
    output = tmp_path / "genres.csv"
    status, out, err = cli("classify", demo, "-o", output, "--top", 2)
    assert status == 0
    found = pd.read_csv(output)
    columns = ["path", "genre", "probability", "genre_2", "probability_2"]
    assert found.columns.tolist() == columns
    assert found["path"].tolist() == sorted(pd.read_csv(demo / "tracks.csv")["path"])
    assert found["probability"].between(0, 1).all()
    assert all(path in out for path in found["path"])
    assert "6/6" in err


@pytest.mark.slow
def test_predictions_are_the_same_from_files_from_a_table_and_from_python(cli, demo, tmp_path):
    table = tmp_path / "tracks.parquet"
    assert cli("extract", demo, "-o", table, "--set", "default+musicnn", "-q")[0] == 0
    cli("classify", table, "-o", tmp_path / "a.csv", "-q")
    cli("classify", demo, "-o", tmp_path / "b.csv", "-q")
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()
    found = earmark.load().predict(earmark.table([demo], set="default+musicnn"))
    written = pd.read_csv(tmp_path / "a.csv")
    assert found["genre"].tolist() == written["genre"].tolist()


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
def test_extract_writes_every_format(cli, demo, tmp_path, ending):
    output = tmp_path / f"t.{ending}"
    status, out, _ = cli("extract", demo / "tracks.csv", demo, "-o", output, "-q")
    assert status == 0
    count = len(schema.of("default", DEFAULTS).names)
    assert f"6 tracks, {count} descriptors each" in out
    status, _, err = cli("classify", output, "-o", tmp_path / "genres.csv", "-q")
    assert status == 0
    assert "the model light is taken" in err
    assert len(pd.read_csv(tmp_path / "genres.csv")) == 6
    failures = pd.read_csv(tmp_path / "t.failures.csv")
    assert failures[["path", "stage"]].to_numpy().tolist() == [[str(demo / "tracks.csv"), "decode"]]


@pytest.mark.slow
def test_bad_files_are_named_and_the_others_classified(cli, demo, tmp_path):
    music = tmp_path / "music"
    music.mkdir()
    (music / "empty.mp3").touch()
    (music / "text.flac").write_text("no audio")
    soundfile.write(music / "silent.wav", np.zeros(44100), 44100)
    soundfile.write(music / "one sample.wav", np.zeros(1), 44100)
    (music / "good.ogg").write_bytes((demo / "reggae-76bpm-g-major.ogg").read_bytes())
    output = tmp_path / "genres.csv"
    status, _out, err = cli("classify", music, tmp_path / "none", "-o", output, "-q")
    # One of the sources that were named is not there.
    assert status == 1
    genres = pd.read_csv(output).set_index("path")["genre"]
    assert genres.isna().to_dict() == {
        "good.ogg": False,
        "one sample.wav": True,
        "silent.wav": True,
    }
    assert "2 without a genre" in err
    failures = pd.read_csv(tmp_path / "genres.failures.csv").set_index("path")
    assert failures.loc["empty.mp3", "message"].startswith("is empty (0 bytes)")
    assert "not audio" in failures.loc["text.flac", "message"]
    assert failures.loc[str(tmp_path / "none"), "stage"] == "find"
    assert "3 failed" in err
    assert cli("classify", music, "-o", output, "-q", "--strict")[0] == 1
    # Nothing failed: the failures of the run before do not stay to mislead.
    assert cli("classify", music / "good.ogg", "-o", output, "-q")[0] == 0
    assert not (tmp_path / "genres.failures.csv").exists()


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["classify", "{tmp}/none"], 1, "does not exist; check the spelling"),
        (["classify", "{tmp}"], 1, "holds no audio files"),
        (["classify", "{demo}", "-m", "{tmp}"], 1, "is no model"),
        (["classify", "{demo}", "-o", "{tmp}/x.txt"], 1, "the ending names the format"),
        (["classify", "ftp://127.0.0.1/a.mp3"], 1, "is a URL of a kind that is not read"),
        (["extract", "{demo}", "--set", "other", "-o", "{tmp}/t.csv"], 2, "no feature set is"),
        (["extract", "{demo}", "--windows", "0.1", "-o", "{tmp}/t.csv"], 2, "windows = 0.1"),
        (["extract", "{demo}", "--config", "{tmp}/none", "-o", "{tmp}/t.csv"], 2, "cannot be read"),
        (["extract", "{demo}", "--workers", "-1"], 2, "'--workers'"),
        (["train", "{tmp}/none.csv", "-o", "{tmp}/m"], 1, "does not exist"),
        (["train", "{tmp}/none.csv", "-o", "{demo}"], 1, "holds other things than a model"),
        (["info", "{tmp}/none.mp3"], 1, "does not exist; check the spelling"),
        (["unknown"], 2, "No such command"),
    ],
)
def test_wrong_use_gets_one_clear_line(cli, demo, tmp_path, arguments, status, message):
    filled = [argument.format(tmp=tmp_path, demo=demo) for argument in arguments]
    given, _, err = cli(*filled)
    assert given == status
    assert any(part in err for part in message.split("|"))


def test_every_command_has_help_with_an_example(cli):
    for command in (
        *("extract", "classify", "train", "evaluate", "beats", "playlist", "similar", "info"),
    ):
        status, out, _ = cli(command, "--help")
        assert status == 0
        assert f"Example:  earmark {command}" in " ".join(out.split("\n"))


def test_the_version_is_that_of_the_package(cli):
    assert cli("--version")[1] == f"earmark {earmark.__version__}\n"


@pytest.mark.slow
def test_the_command_line_runs_as_a_module(demo, tmp_path):
    command = [sys.executable, "-m", "earmark", "classify", str(demo), "-q"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "predictions.csv").exists()


@pytest.mark.real_audio
@pytest.mark.slow
def test_a_new_user_extracts_trains_and_classifies_real_music(cli, shared, tmp_path):
    table, model = tmp_path / "features.parquet", tmp_path / "model"
    music = shared / "emotify" / "audio"
    status, out, _ = cli("extract", music, "-o", table, "--windows", 10, "-q")
    assert (status, out.split(",")[0]) == (0, "96 tracks in 192 windows")
    labels = shared / "emotify" / "tracks.csv"
    arguments = ("train", table, "--labels", labels, "-o", model, "--repeats", 1, "-q")
    status, out, _ = cli(*arguments)
    assert status == 0
    assert "no artist is on both sides" in out
    assert (model / "confusion.png").stat().st_size > 10000
    # Chance is 0.25; what a model says of its own training tracks is no measure, only a sign.
    status, out, _ = cli("info", model)
    assert "genres: classical, electronic, pop, rock" in out
    status, _, _ = cli("classify", music, "-m", model, "-o", tmp_path / "g.csv", "-q")
    found = pd.read_csv(tmp_path / "g.csv")
    assert (found["genre"] == found["path"].str.split("-").str[0]).mean() > 0.9


@pytest.mark.slow
def test_no_table_takes_the_place_of_one_of_another_kind_or_of_a_better_one(cli, demo, tmp_path):
    table = tmp_path / "t.csv"
    cli("extract", demo, "-o", table, "-q")
    before = table.read_bytes()
    status, _, err = cli("classify", table, "-o", table, "-q")
    assert status == 1
    assert "holds features; it is kept" in err
    status, _, err = cli("extract", demo / "tracks.csv", "-o", table, "-q")
    assert status == 1
    assert "nothing could be analysed" in err
    assert table.read_bytes() == before
    cli("classify", demo, "-o", tmp_path / "p.csv", "-q")
    assert "holds predictions; it is kept" in cli("extract", demo, "-o", tmp_path / "p.csv")[2]


def test_help_names_every_set(cli):
    _, out, _ = cli("extract", "--help")
    for name in sets.SETS:
        assert name in out


def test_a_folder_of_silence_has_no_genres_and_no_warnings(cli, tone, tmp_path):
    path = tone(gain=0)
    status, _, err = cli("classify", path, "-o", tmp_path / "p.csv", "-q")
    assert status == 0
    assert err.splitlines() == [
        f"earmark: 1 track: {tmp_path / 'p.csv'}",
        "earmark: 1 without a genre: silent, or shorter than a tenth of a second",
    ]
    assert pd.read_csv(tmp_path / "p.csv")["genre"].isna().all()
