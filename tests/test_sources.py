"""Sources become tracks: each file once, in a fixed order, whatever the names are."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from earmark.extract.audio import sources as files


def touch(*paths):
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")


def names(*sources):
    tracks, failures = files.find(sources)
    assert not failures
    return [track.path for track in tracks]


def messages(*sources):
    tracks, failures = files.find(sources)
    assert not tracks
    return [str(failure) for failure in failures]


def test_a_folder_is_searched_at_every_depth_and_sorted_by_the_parts_of_the_path(tmp_path):
    # As text "a b/1.mp3" comes before "a/1.mp3"; folder by folder it does not.
    wanted = ["a/1.mp3", "a/b/c/2.flac", "a b/1.mp3", "z.ogg"]
    touch(*(tmp_path / name for name in wanted))
    assert names(tmp_path) == wanted


def test_audio_is_known_by_its_ending_in_any_case_and_hidden_files_are_passed_over(tmp_path):
    touch(*(tmp_path / name for name in ("A.MP3", "b.Flac", "cover.png", "list.m3u", "mp3")))
    touch(*(tmp_path / name for name in ("._A.mp3", ".trash/old.mp3", "x.mp3.part")))
    assert names(tmp_path) == ["A.MP3", "b.Flac"]


def test_a_file_named_on_its_own_may_be_called_anything(tmp_path):
    touch(tmp_path / "recording", tmp_path / ".hidden")
    assert names(tmp_path / "recording", tmp_path / ".hidden") == ["recording", ".hidden"]


@pytest.mark.parametrize(
    "name", ["with space.mp3", "new\nline.mp3", "'quo\"tes'.mp3", "🎵.mp3", "-o.mp3", "a,b;c.mp3"]
)
def test_a_name_may_hold_anything(tmp_path, name):
    touch(tmp_path / name)
    assert names(tmp_path) == [name]
    assert names(tmp_path / name) == [name]


def test_a_name_that_is_not_utf8_becomes_text_that_is(tmp_path):
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.mp3"))
    try:
        touch(path)
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    (track,), _ = files.find([tmp_path])
    assert track.path == r"caf\xe9.mp3"
    assert track.path.encode()
    assert track.location.exists()


def test_a_file_is_listed_once_however_often_it_is_named(tmp_path):
    touch(tmp_path / "music" / "a.mp3")
    (tmp_path / "music" / "b.mp3").symlink_to("a.mp3")
    (tmp_path / "link").symlink_to("music")
    file = tmp_path / "music" / "a.mp3"
    assert names(tmp_path / "music", file, tmp_path / "link", str(file)) == ["a.mp3"]


def test_one_name_in_two_sources_is_told_apart_by_the_source(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    touch(Path("one/x.mp3"), Path("one/y.mp3"), Path("two/x.mp3"))
    assert names("one", "two") == ["one/x.mp3", "y.mp3", "two/x.mp3"]


def test_no_two_files_share_a_name_even_where_one_source_repeats_the_name_of_another(
    tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    touch(Path("one/two/x.mp3"), Path("two/x.mp3"), Path("three/x.mp3"))
    assert len(set(names("one", "two", "three"))) == 3


def test_links_between_folders_end_nowhere_in_a_loop(tmp_path):
    touch(tmp_path / "a" / "x.mp3")
    (tmp_path / "a" / "up").symlink_to("..")
    (tmp_path / "a" / "self").symlink_to(".")
    assert names(tmp_path) == ["a/x.mp3"]


@pytest.mark.parametrize("target", ["nowhere.mp3", "link.mp3"])
def test_a_link_to_nothing_or_to_itself_is_left_to_the_decoder_to_refuse(tmp_path, target):
    (tmp_path / "link.mp3").symlink_to(target)
    assert names(tmp_path) == ["link.mp3"]


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("nothing.mp3", "nothing.mp3: does not exist; check the spelling"),
        ("https://example.org/a.mp3", "https://example.org/a.mp3: is a URL; download"),
        ("a" * 300 + ".mp3", "a.mp3: "),
        ("nul\0.mp3", "does not exist"),
        (".", "holds no audio files"),
    ],
)
def test_a_source_that_gives_nothing_is_a_failure_that_names_it(
    tmp_path, monkeypatch, source, message
):
    monkeypatch.chdir(tmp_path)
    (failure,) = messages(source)
    assert message in failure


def test_a_folder_that_cannot_be_listed_is_named_and_the_others_are_searched(tmp_path, monkeypatch):
    touch(tmp_path / "a" / "x.mp3", tmp_path / "b" / "x.mp3")
    scandir = os.scandir

    # Root may read everything, so that a mode of 000 would test nothing.
    def refuse(folder):
        if str(folder).endswith("a"):
            raise PermissionError(errno.EACCES, "Permission denied", str(folder))
        return scandir(folder)

    monkeypatch.setattr(os, "scandir", refuse)
    tracks, (failure,) = files.find([tmp_path])
    assert [track.path for track in tracks] == ["b/x.mp3"]
    assert str(failure) == f"{tmp_path / 'a'}: cannot be searched: Permission denied"


def test_a_source_in_a_folder_that_may_not_be_entered_is_a_failure(tmp_path, monkeypatch):
    stat = os.stat

    def refuse(path, *arguments, **options):
        if str(path).endswith("closed.mp3"):
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return stat(path, *arguments, **options)

    monkeypatch.setattr(os, "stat", refuse)
    (failure,) = messages(tmp_path / "closed.mp3")
    assert "closed.mp3: " in failure


def test_a_folder_that_is_called_like_a_file_is_searched(tmp_path):
    touch(tmp_path / "live.mp3" / "1.mp3")
    assert names(tmp_path) == ["live.mp3/1.mp3"]
