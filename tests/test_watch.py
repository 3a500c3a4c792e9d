"""Folders are watched, in a process of its own and in this one."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import time

import pandas as pd
import pytest

from earmark.classify.library import watch
from earmark.classify.library.tagging import opened
from earmark.classify.library.tagging.values import Wanted
from earmark.extract.errors import SettingsError, WriteError

pytest.importorskip("watchdog")
pytest.importorskip("mutagen")

MP3, FLAC = "house-128bpm-a-minor.mp3", "waltz-96bpm-f-major.flac"


@pytest.fixture
def music(tmp_path):
    folder = tmp_path / "music"
    folder.mkdir()
    return folder


def test_new_and_changed_files_are_taken_once_they_have_settled(demo, music, tmp_path):
    table, said = tmp_path / "t.parquet", []

    def watching(**how):
        return watch.Watch([music], table, say=said.append, **{"settled": 0.0, **how})

    shutil.copyfile(demo / MP3, music / MP3)
    assert watching(settled=60.0).look() == 60.0
    assert not table.exists()
    wanted = Wanted(("bpm", "key"))
    assert watching(wanted=wanted).look() is None
    assert opened.open_tags(music / MP3).get("key") == ["Am"]
    assert pd.read_parquet(table)["path"].tolist() == [str(music / MP3)]
    # Goes on where it was; its own tags are no change.
    said.clear()
    watching(wanted=wanted).look()
    assert said == []
    shutil.copyfile(demo / FLAC, music / FLAC)
    (music / "broken.mp3").write_bytes(b"none")
    one = watching()
    one.look()
    assert len(pd.read_parquet(table)) == 2
    assert any("broken.mp3" in line for line in said)
    said.clear()
    one.look()
    assert said == []
    shutil.copyfile(demo / FLAC, music / MP3)
    one.look()
    rows = pd.read_parquet(table).set_index("path")
    assert len(rows) == 2
    assert rows["sha256"].nunique() == 1


def test_a_file_that_is_being_written_is_not_taken(demo, music, tmp_path):
    path = music / FLAC
    shutil.copyfile(demo / FLAC, path)
    one = watch.Watch([music], tmp_path / "t.csv", settled=0.0)
    script = "import sys; file = open(sys.argv[1], 'r+b'); print('open', flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", script, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as other:
        assert other.stdout.readline() == "open\n"
        written = watch.safe.is_being_written(path)
        found = one.look() if written else 0.0
        other.communicate("\n")
    if not written:
        pytest.skip("this system does not say who has a file open")
    assert found == 0.0
    assert not (tmp_path / "t.csv").exists()


def test_wrong_use_is_said(music, tmp_path):
    with pytest.raises(SettingsError, match="is no folder"):
        watch.Watch([tmp_path / "none"], tmp_path / "t.csv")
    (tmp_path / "t.csv.watch.json").write_text("[")
    with pytest.raises(WriteError, match="is damaged; remove it"):
        watch.Watch([music], tmp_path / "t.csv")


def test_two_watches_of_one_table_are_one_too_many(tmp_path):
    pytest.importorskip("fcntl")
    with (
        watch.only_one(tmp_path / "t.csv"),
        pytest.raises(WriteError, match="another `earmark watch`"),
        watch.only_one(tmp_path / "t.csv"),
    ):
        pass


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_the_command_takes_what_comes_and_stops_cleanly(demo, music, tmp_path):
    table = tmp_path / "t.csv"
    command = [sys.executable, "-m", "earmark", "watch", music, "-o", table, "--settled", "0.5"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        time.sleep(8)
        shutil.copyfile(demo / MP3, music / MP3)
        # Long before everything is looked through again.
        until = time.monotonic() + 90
        while not table.exists() and time.monotonic() < until:
            time.sleep(0.2)
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "stopped" in said
    assert pd.read_csv(table)["path"].tolist() == [str(music / MP3)]
