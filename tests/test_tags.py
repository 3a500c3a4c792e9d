"""What files say of themselves, and what would be written: nothing is."""

from __future__ import annotations

import os
import shutil
import struct
import zlib

import pandas as pd
import pytest

from earmark.classify import _compat
from earmark.classify.dataset import tags as file_tags
from earmark.classify.dataset.names import located
from earmark.classify.library.tagging import plan as plans
from earmark.classify.library.tagging.values import Wanted
from earmark.extract.errors import DecodeError, FindError, SchemaError, SettingsError
from earmark.extract.key_names import key_name

mutagen = pytest.importorskip("mutagen")


FIELDS = ("genre", "bpm", "key")


def planned(rows, files, fields=FIELDS, *, at_least=0.0):
    """Plan as the app does."""
    if not isinstance(files, dict):
        files = located(rows["path"], files)
    wanted = Wanted(tuple(fields), at_least)
    return plans.table(plans.make(rows, files, wanted, mode="overwrite", albums="none"))


def tagged(path, *, genre=None, bpm=None, key=None):
    """Write tags as other programs do."""
    from mutagen import id3, mp4

    file = mutagen.File(path)
    if file.tags is None:
        file.add_tags()
    own = "----:com.apple.iTunes:initialkey"
    for value, frame, atom, comment in (
        (genre, id3.TCON, "\xa9gen", "genre"),
        (bpm, id3.TBPM, "tmpo", "bpm"),
        (key, id3.TKEY, own, "initialkey"),
    ):
        if value is None:
            continue
        if isinstance(file.tags, id3.ID3):
            file.tags.add(frame(encoding=3, text=[value]))
        elif isinstance(file, mp4.MP4):
            file.tags[atom] = [{"tmpo": int, own: str.encode}.get(atom, str)(value)]
        else:
            file.tags[comment] = [value]
    file.save()


@pytest.fixture
def music(demo, tmp_path):
    """The demo tracks, to be tagged: all formats that they are in."""
    folder = tmp_path / "music"
    shutil.copytree(demo, folder, ignore=shutil.ignore_patterns("*.py", "*.csv", "*.md"))
    return folder


def test_what_each_format_holds_is_read(music):
    for path in music.iterdir():
        tagged(path, genre="Trip Hop", bpm="91", key="F#m")
        found = file_tags.read(path)
        assert {name: found[name] for name in FIELDS} == {
            "genre": ["Trip Hop"],
            "bpm": ["91"],
            "key": ["F#m"],
        }, path
        assert 12 < float(found["seconds"][0]) < 21


def test_genres_by_number_and_several_of_them_are_read(music):
    path = music / "house-128bpm-a-minor.mp3"
    tagged(path, genre="(17)")
    assert file_tags.read(path)["genre"] == ["Rock"]
    path = music / "waltz-96bpm-f-major.flac"
    file = mutagen.File(path)
    file.tags["genre"] = ["Waltz", "Classical"]
    file.save()
    assert file_tags.read(path)["genre"] == ["Waltz", "Classical"]


def test_a_plan_says_what_is_there_and_what_would_be(music):
    flac, mp3 = music / "waltz-96bpm-f-major.flac", music / "house-128bpm-a-minor.mp3"
    tagged(flac, genre="classical", bpm="95.6")
    tagged(mp3, genre="Noise")
    before = {path: path.read_bytes() for path in music.iterdir()}
    rows = pd.DataFrame(
        {
            "path": [flac.name, mp3.name],
            "genre": ["Classical", "electronic"],
            "probability": [0.9, 0.4],
            "tempo": [96.2, 128.0],
            "key": [5, -1],
            "mode": [1, 0],
        }
    )
    plan = planned(rows, music)
    assert plan.to_numpy().tolist() == [
        [flac.name, "genre", "classical", "Classical", "keep"],
        [flac.name, "bpm", "95.6", "96", "keep"],
        [flac.name, "key", "", "F", "add"],
        [mp3.name, "genre", "Noise", "electronic", "replace"],
        [mp3.name, "bpm", "", "128", "add"],
        [mp3.name, "key", "", "", "keep"],
    ]
    sure = planned(rows, music, ["genre"], at_least=0.5)
    assert sure["what"].tolist() == ["keep", "keep"]
    named = {row: music / row for row in rows["path"]}
    pd.testing.assert_frame_equal(planned(rows, named), plan)
    assert planned(rows, {})["what"].tolist() == ["is not in the folder"] * 2
    assert before == {path: path.read_bytes() for path in music.iterdir()}


def test_a_file_that_cannot_be_read_is_a_row_with_the_reason(music, tmp_path):
    (music / "broken.flac").write_bytes(b"fLaC" + b"\xff" * 40)
    (music / "text.mp3").write_text("no audio")
    (music / "empty.ogg").touch()
    (tmp_path / "outside.mp3").write_bytes((music / "house-128bpm-a-minor.mp3").read_bytes())
    names = ["broken.flac", "text.mp3", "empty.ogg", "gone.mp3", "../outside.mp3"]
    if hasattr(os, "mkfifo"):
        os.mkfifo(music / "pipe.mp3")
        names.append("pipe.mp3")
    plan = planned(pd.DataFrame({"path": names, "genre": "x"}), music)
    assert plan["path"].tolist() == names
    assert (plan["field"] == "").all()
    said = dict(zip(plan["path"], plan["what"], strict=True))
    assert "cannot be read" in said["broken.flac"]
    assert "is not in" in said["gone.mp3"]
    assert "is not in" in said["../outside.mp3"]
    if "pipe.mp3" in said:
        assert said["pipe.mp3"] == "is not a regular file"
    assert all(said.values())


def with_frames(path, *frames, version=3):
    """Write an MP3 whose ID3 tag has such frames: name, text, whether it is compressed."""
    body = b""
    for name, text, packed in frames:
        data = b"\x03" + text
        size = len(data)
        if packed:
            data = struct.pack(">L", size) + zlib.compress(data, 9)
        body += struct.pack(">4sLH", name, len(data), 0x80 if packed else 0) + data
    size = bytes(len(body) >> shift & 0x7F for shift in (21, 14, 7, 0))
    path.write_bytes(b"ID3" + bytes([version, 0, 0]) + size + body + path.read_bytes())


def test_what_is_compressed_is_unpacked_as_far_as_a_tag_goes(music):
    path = music / "house-128bpm-a-minor.mp3"
    with_frames(path, (b"TCON", b"Trip Hop", True), (b"TBPM", b"91", False))
    found = file_tags.read(path)
    assert (found["genre"], found["bpm"]) == (["Trip Hop"], ["91"])


@pytest.mark.parametrize(
    "bombs",
    [
        [(b"TCON", b"x" * 2**24, True)],
        # Each is small, and they are many.
        [(b"TXXX", b"%d\0" % one + b"x" * 2**18, True) for one in range(50)],
    ],
)
def test_a_frame_that_unpacks_to_more_is_left_packed(music, bombs, monkeypatch):
    unpacked = []

    class Counting(_compat._BoundedZlib):
        def decompress(self, data):
            found = super().decompress(data)
            unpacked.append(len(found))
            return found

    monkeypatch.setattr(_compat, "_BoundedZlib", Counting)
    path = music / "house-128bpm-a-minor.mp3"
    with_frames(path, *bombs, (b"TBPM", b"91", False))
    found = file_tags.read(path)
    assert ("genre" in found, found["bpm"]) == (False, ["91"])
    assert sum(unpacked) <= _compat.UNPACKED
    assert len(unpacked) == (3 if len(bombs) > 1 else 0)


def test_a_value_is_no_longer_than_anybody_reads(music):
    path = music / "house-128bpm-a-minor.mp3"
    tagged(path, genre="x" * 10_000)
    assert file_tags.read(path)["genre"] == ["x" * file_tags.LONGEST]
    tagged(path, genre="\0".join(f"genre {number}" for number in range(100)))
    plan = planned(pd.DataFrame({"path": [path.name], "genre": "y" * 10_000}), music)
    assert plan["now"].str.startswith("genre 0; genre 1; ").all()
    assert plan[["now", "then"]].map(len).to_numpy().tolist() == [[file_tags.LONGEST] * 2]


def test_wrong_use_is_said(music, tmp_path):
    rows = pd.DataFrame({"path": ["a"], "genre": ["x"]})
    with pytest.raises(SettingsError, match="no tag 'year' can be written; choose from genre"):
        planned(rows, {}, ["year"])
    with pytest.raises(SchemaError, match="no column 'path'"):
        planned(rows.drop(columns="path"), {})
    with pytest.raises(FindError, match="does not exist"):
        planned(rows, tmp_path / "none")
    with pytest.raises(DecodeError, match="cannot be read: No such file"):
        file_tags.read(tmp_path / "none.mp3")


def test_keys_are_named_as_tags_have_them():
    names = [key_name(key, mode) for mode in (1, 0) for key in range(12)]
    assert names[:12] == ["C", "Db", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B"]
    assert names[12:] == [
        *("Cm", "C#m", "Dm", "Ebm", "Em", "Fm", "F#m", "Gm", "G#m", "Am", "Bbm", "Bm")
    ]
    assert [key_name(*pair) for pair in ((-1, 1), (float("nan"), 0), (3, -1))] == [""] * 3
