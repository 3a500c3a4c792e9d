"""Sources become tracks: each file once, in a fixed order, whatever the names are."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import tempfile
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

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
    for some in (["recording"], [".hidden"], ["recording", ".hidden"]):
        assert names(*(tmp_path / name for name in some)) == some


@pytest.mark.parametrize(
    "name", ["with space.mp3", "new\nline.mp3", "'quo\"tes'.mp3", "🎵.mp3", "-o.mp3", "a,b;c.mp3"]
)
def test_a_name_may_hold_anything(tmp_path, monkeypatch, name):
    touch(tmp_path / name)
    assert names(tmp_path) == [name]
    monkeypatch.chdir(tmp_path)
    assert names(name) == [name]


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
    assert names(tmp_path / "music") == ["a.mp3"]
    several = tmp_path / "music", file, tmp_path / "link", str(file)
    assert names(*several) == [(tmp_path / "music" / "a.mp3").as_posix()]


def test_of_several_sources_names_begin_with_the_source_as_it_was_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    touch(Path("one/x.mp3"), Path("one/y.mp3"), Path("two/x.mp3"), Path("x.mp3"))
    wanted = ["one/x.mp3", "one/y.mp3", "two/x.mp3"]
    assert names("one", "two") == wanted
    assert names("./one/", "two/.", "one") == wanted
    assert names("one", "two", "x.mp3") == [*wanted, "x.mp3"]
    # A file beside the only folder is none in it.
    assert names("two", "x.mp3") == ["x.mp3", "./x.mp3"]
    assert names("two", Path("x.mp3").absolute()) == ["x.mp3", str(Path("x.mp3").absolute())]
    assert names("one/x.mp3", "two/x.mp3") == ["one/x.mp3", "two/x.mp3"]
    assert names("one/x.mp3") == ["x.mp3"]
    assert names("one/x.mp3", "one/y.mp3") == ["x.mp3", "y.mp3"]
    assert names("one/../one", "two") == [f"one/../{wanted[0]}", f"one/../{wanted[1]}", wanted[2]]
    # One source is one, however often it is named, and its names are relative to it.
    assert names("one") == names("one/", "./one") == ["x.mp3", "y.mp3"]


NAMES = st.sampled_from(["a", "b", "t"])
PLACES = st.lists(
    st.tuples(NAMES, NAMES, NAMES).map(lambda parts: "/".join(parts) + ".mp3"),
    min_size=1,
    max_size=6,
    unique=True,
)
SOURCES = st.lists(
    st.sampled_from([".", "a", "b", "a/b", "b/a", "a/t/t.mp3", "t/t/t.mp3", "./b/", "a/../a"]),
    min_size=1,
    max_size=4,
)


@given(before=PLACES, after=PLACES, links=PLACES, sources=SOURCES)
def test_more_files_in_a_folder_never_change_what_a_track_is_called(before, after, links, sources):
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        touch(*map(Path, before))
        for source in sources:
            Path(source).parent.mkdir(parents=True, exist_ok=True)
            if not source.endswith(".mp3"):
                Path(source).mkdir(parents=True, exist_ok=True)
        first = {track.location.resolve(): track.path for track in files.find(sources)[0]}
        touch(*map(Path, after))
        for link in links:
            if not Path(link).exists():
                touch(Path(link))
                Path(link).unlink()
                Path(link).symlink_to(Path(before[0]).absolute())
        tracks, _ = files.find(sources)
        second = {track.location.resolve(): track.path for track in tracks}
    assert first.items() <= second.items()
    assert len(set(second.values())) == len(tracks) == len(second)


def test_a_folder_is_called_by_its_own_name_and_not_by_a_link_beside_it(tmp_path):
    touch(tmp_path / "z" / "x.mp3")
    (tmp_path / "a").symlink_to("z")
    assert names(tmp_path) == ["z/x.mp3"]


def test_what_is_not_searched_is_counted_by_ending_and_said(tmp_path, cli, tone):
    tone("music/a.wav")
    others = "b.XYZ", "sub/c.xyz", "d.jpg", "e", ".hidden.xyz", "sub/.f/g.xyz"
    touch(*(tmp_path / "music" / name for name in others))
    unsearched = Counter()
    files.find([tmp_path / "music", tmp_path / "music" / "sub"], unsearched)
    assert unsearched == {".xyz": 2, ".jpg": 1, "": 1}
    said = "earmark: 4 files with endings that are not searched: .xyz 2, none 1, .jpg 1"
    for command in ("extract", "classify"):
        output = tmp_path / f"{command}.csv"
        status, _, err = cli(command, tmp_path / "music", "-o", output, "-q")
        assert status == 0
        assert said in err.splitlines()
    (tmp_path / "music" / "a.wav").unlink()
    assert messages(tmp_path / "music") == [
        f"{tmp_path / 'music'}: holds no audio files (4 files with endings that are not searched: "
        ".xyz 2, none 1, .jpg 1)"
    ]


def test_many_endings_are_not_all_named():
    counts = {f".{number:03}": number for number in range(1, 101)}
    said = files.unsearched_files(counts)
    assert said.startswith("5050 files with endings that are not searched: .100 100, .099 99, ")
    assert said.endswith(".089 89, and 88 more endings")


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


def test_a_list_names_sources_line_by_line(tone, tmp_path, monkeypatch):
    one, other = tone("a b.wav"), tone("folder/#c.wav")
    names = f"\ufeff# a comment\r\n{one}\r\n\r\n{other.parent}".encode()
    (tmp_path / "list.txt").write_bytes(names)
    tracks, failures = files.find([f"@{tmp_path / 'list.txt'}"])
    assert ([track.location for track in tracks], failures) == ([one, other], [])
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(names)))
    assert files.find(["-"])[0] == tracks == files.find([one, other.parent])[0]


@pytest.mark.parametrize("content", [None, b"", b"# nothing\n\n"])
def test_a_list_that_is_none_is_refused(tmp_path, content):
    path = tmp_path / "list.txt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(files.FindError, match=r"cannot be read|names no file"):
        files.find([f"@{path}"])


def test_a_mount_that_dies_while_it_is_searched_is_a_failure_and_the_rest_is_found(
    tmp_path, monkeypatch
):
    touch(tmp_path / "a.mp3", tmp_path / "dead" / "x.mp3")

    def dying(call):
        def called(path, *arguments, **keywords):
            if os.path.basename(path) == "dead":  # noqa: PTH119
                raise OSError(errno.ESTALE, os.strerror(errno.ESTALE), str(path))
            return call(path, *arguments, **keywords)

        return called

    for name in ("scandir", "stat", "lstat"):
        monkeypatch.setattr(os, name, dying(getattr(os, name)))
    tracks, (failure,) = files.find([tmp_path])
    assert [track.path for track in tracks] == ["a.mp3"]
    assert "cannot be searched" in failure.message
