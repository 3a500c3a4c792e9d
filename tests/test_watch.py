"""Folders are watched, in a process of its own and in this one."""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import time

import pandas as pd
import pytest

from earmark.classify.library import seen, watch
from earmark.classify.library.tagging import opened
from earmark.classify.library.tagging.values import Wanted
from earmark.extract.audio import sources
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
    assert 59 < watching(settled=60.0).look() <= 60
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
    assert found == watch.SOONEST
    assert not (tmp_path / "t.csv").exists()


def test_what_is_seen_is_what_is_found(music, tmp_path):
    """The quick search has the files of the one that names tracks, links and all."""
    away = tmp_path / "away"
    for name in ("a/1.mp3", "a/b/2.FLAC", "a/.hidden/3.mp3", ".4.mp3", "5.txt", "z/6.ogg", "7"):
        (music / name).parent.mkdir(parents=True, exist_ok=True)
        (music / name).write_text(name)
    away.mkdir()
    (away / "8.wav").write_text("8")
    (music / "a" / "link.mp3").symlink_to(music / "z" / "6.ogg")
    (music / "elsewhere").symlink_to(away)
    (music / "z" / "round").symlink_to(music)
    (music / "gone.mp3").symlink_to(tmp_path / "none.mp3")
    (music / "other.mp3").hardlink_to(music / "a" / "1.mp3")
    found = dict(seen.files([music]))
    tracks, _ = sources.find([music])
    # A name that leads nowhere is no file yet.
    assert sorted(found) == sorted(
        str(track.location) for track in tracks if track.location.exists()
    )
    assert found[str(music / "a" / "1.mp3")] == seen.stamp(music / "a" / "1.mp3")
    assert set(seen.files([music / "a"], links=False)) < set(found.items())
    assert str(music / "a" / "link.mp3") not in dict(seen.files([music], links=False))


@pytest.mark.skipif(sys.platform != "linux", reason="what is told differs")
def test_only_what_may_be_news_wakes_the_watch(demo, music, tmp_path):
    """Reading and searching are none: of ten thousand folders they would be too many events."""
    (music / "a").mkdir()
    shutil.copyfile(demo / MP3, music / "a" / "1.mp3")
    moved = tmp_path / "moved"
    moved.mkdir()
    shutil.copyfile(demo / MP3, moved / "2.mp3")
    news = seen.News()

    def told():
        until = time.monotonic() + 5
        while not (found := news.take()) and time.monotonic() < until:
            time.sleep(0.05)
        time.sleep(0.3)
        return found | news.take()

    with seen.watched([music], news):
        list(seen.files([music]))
        (music / "a" / "1.mp3").read_bytes()
        (music / "cover.jpg").write_bytes(b"x")
        (music / ".earmark-copy.mp3").write_bytes(b"x")
        (music / "a" / "1.mp3").with_name(".x").mkdir()
        assert not news.wait(0.5)
        (music / "a" / "1.mp3").write_bytes(b"other")
        assert told() == {music / "a"}
        moved.rename(music / "moved")
        assert told() == {music / "moved"}


def test_where_the_system_does_not_watch_so_many_folders_it_is_said(music, monkeypatch):
    from watchdog.observers import Observer

    def full(*_, **__):
        raise OSError(errno.ENOSPC, "inotify watch limit reached")

    monkeypatch.setattr(Observer, "schedule", full)
    said = []
    with seen.watched([music], seen.News(), said.append):
        pass
    assert "max_user_watches" in said[0]


def test_a_look_among_folders_leaves_the_others(demo, music, tmp_path):
    for name in ("a", "b"):
        (music / name).mkdir()
        shutil.copyfile(demo / MP3, music / name / "1.mp3")
    one = watch.Watch([music], tmp_path / "t.csv", settled=0.0, say=lambda _: None)
    assert one.look([music / "b"]) is None
    assert pd.read_csv(tmp_path / "t.csv")["path"].tolist() == [str(music / "b" / "1.mp3")]
    later = watch.Watch([music], tmp_path / "t.csv", settled=60.0)
    os.utime(music / "a" / "1.mp3")
    assert later.look([music / "a"])
    # What has not settled is looked at again, wherever else something happens.
    later.settled = 0.0
    assert later.look([music / "b"]) is None
    assert len(pd.read_csv(tmp_path / "t.csv")) == 2


@pytest.mark.slow
def test_a_hundred_thousand_files_are_looked_through_in_seconds(music, tmp_path):
    for number in range(100_000):
        folder = music / f"{number // 1000}" / f"{number // 10}"
        if number % 10 == 0:
            folder.mkdir(parents=True)
        (folder / f"{number}.mp3").touch()
    state = dict(seen.files([music]))
    (tmp_path / "t.csv.watch.json").write_text(json.dumps(state))
    one = watch.Watch([music], tmp_path / "t.csv")
    begun = time.process_time()
    assert one.look() is None
    # 1.0 where nobody else computes.
    assert time.process_time() - begun < 3
    news = seen.News()
    with seen.watched([music], news):
        (music / "50" / "new.mp3").write_bytes(b"x")
        assert news.wait(10)
        begun = time.process_time()
        assert one.look(news.take()) <= watch.SETTLED
        assert time.process_time() - begun < 0.5


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
