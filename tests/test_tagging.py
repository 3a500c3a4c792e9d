"""Tags are written and undone: nothing is lost, whatever happens meanwhile."""

from __future__ import annotations

import errno
import json
import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from earmark.classify.library.tagging import (
    delta,
    journal,
    kinds,
    look,
    opened,
    plan,
    restore,
    safe,
    sound,
    stored,
    values,
    write,
)
from earmark.extract import key_names
from earmark.extract.errors import DecodeError, SettingsError, WriteError

mutagen = pytest.importorskip("mutagen")

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))

import tagged  # noqa: E402
from mutagen import apev2, id3  # noqa: E402
from tagged import carried_out, undone  # noqa: E402

FORMATS = {
    **{"flac": "flac.flac", "ogg": "vorbis.ogg", "opus": "opus.opus", "mp3": "mp3.mp3"},
    **{"wav": "wav.wav", "aiff": "aiff.aiff", "m4a": "aac.m4a", "wma": "wma.wma"},
    **{"wv": "wavpack.wv", "tta": "tta.tta"},
}

COUNT = len(FORMATS)


@pytest.fixture(scope="module")
def formats(demo, tmp_path_factory):
    """A real file of each format."""
    folder = tmp_path_factory.mktemp("formats")
    import soundfile

    samples, _ = soundfile.read(demo / "jazz-120bpm-b-flat-major.wav", frames=100_000)
    samples = np.column_stack([samples, samples]) if samples.ndim == 1 else samples
    for name in FORMATS.values():
        tagged.written(samples, folder / name)
    return folder


@pytest.fixture
def music(formats, tmp_path):
    folder = tmp_path / "music"
    shutil.copytree(formats, folder)
    return folder


def rows_of(folder, **more):
    names = sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))
    known = {
        "genre": "hiphop",
        "probability": 0.8,
        "tempo": 120.4,
        "key": 9,
        "mode": 0,
        "energy": 0.66,
        "danceability": 0.5,
        "loudness": -9.3,
        "true_peak": 0.3,
        "duration_ms": 20000,
        "tag_happy": 0.4,
        "tag_sad": 0.2,
        "tag_rock": 0.5,
    }
    return pd.DataFrame({"path": names, **known, **more})


def planned(folder, wanted=None, rows=None, **how):
    rows = rows_of(folder) if rows is None else rows
    places = {name: folder / name for name in rows["path"]}
    wanted = wanted or values.Wanted(values.FIELDS)
    return plan.make(rows, places, wanted, **{"albums": "folder", **how})


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_every_format_is_written_and_brought_back_to_the_byte(music, tmp_path):
    before = contents(music)
    times = {path.name: path.stat().st_mtime_ns for path in music.iterdir()}
    sounds = {path.name: sound.digest(path) for path in music.iterdir()}
    done = carried_out(planned(music), tmp_path / "j.journal")
    assert (done.counts, done.left) == ({"written": COUNT}, [])
    for path in music.iterdir():
        tags = opened.open_tags(path)
        assert tags.get("genre") == ["hiphop"], path
        assert (tags.get("bpm"), tags.get("key"), tags.get("energy")) == (["120"], ["Am"], ["7"])
        assert tags.get("mood") == ["Happy", "Sad"]
        assert tags.get("earmark_danceability") == ["0.500"]
        assert tags.get("earmark_tags") == ["rock", "happy", "sad"]
        if path.suffix == ".opus":
            assert tags.get("r128_track_gain") == [str(round(256 * (-23 + 9.3)))]
            assert not tags.get("replaygain_track_gain")
        else:
            assert tags.get("replaygain_track_gain") == ["-8.70 dB"]
            assert tags.get("replaygain_album_peak") == [f"{10 ** (0.3 / 20):.6f}"]
        assert sound.digest(path) == sounds[path.name]
        assert path.read_bytes() != before[path.name]
    entries = journal.read(tmp_path / "j.journal")
    assert set(restore.compare(entries)["what"]) == {"as written"}
    # Ours are known again: nothing is to do.
    assert not planned(music).counts.keys() - {"keep", "left"}
    done = undone(tmp_path / "j.journal")
    assert (done.counts, done.left) == ({"restored": COUNT}, [])
    assert contents(music) == before
    assert times == {path.name: path.stat().st_mtime_ns for path in music.iterdir()}
    assert set(restore.compare(entries)["what"]) == {"as before"}


def test_tags_of_every_kind_come_back_to_the_byte(demo, tmp_path):
    """ID3v1 to 2.4, with pictures and chapters, two kinds in a file, a broken one behind."""
    (tmp_path / "music").mkdir()
    made = tagged.library([demo], len(tagged.KINDS), tmp_path / "music")
    report = tagged.there_and_back(tmp_path / "music", tmp_path)
    assert report["left"] == []
    for what in ("files", "written", "changed", "as written", "identical again"):
        assert report[what] == len(made) == len(tagged.KINDS), what
    assert report["more files"] == 0


def test_a_tag_of_id3v22_becomes_one_of_23_that_says_all_it_said(demo, tmp_path):
    (tmp_path / "music").mkdir()
    tagged.library([demo], 3, tmp_path / "music")
    (path,) = (tmp_path / "music").glob("*2.2.mp3")
    carried_out(tagged.planned(tmp_path / "music"), tmp_path / "j.journal")
    assert path.read_bytes()[:4] == b"ID3\x03"
    tags = id3.ID3(path, translate=False)
    found = {name: str(frame) for name, frame in tags.items() if name[:4] not in ("TXXX", "APIC")}
    texts = {"TIT2": "Title", "TPE1": "Artiste é", "TYER": "1987", "TCOM": "Composer"}
    assert found.items() >= {**texts, "TSOP": "Sorted by", "COMM::eng": "A comment"}.items()
    (picture,) = tags.getall("APIC")
    assert (picture.mime, picture.desc, picture.data) == ("image/png", "cover", tagged.PICTURE)


@pytest.mark.parametrize(
    ("frames", "named"),
    [
        ({b"CRM": b"owner\0what\0data"}, "CRM"),
        ({b"XYZ": b"what nobody knows"}, "XYZ"),
        ({b"TT2": b"\x09not of this encoding"}, "TIT2"),
    ],
)
def test_a_tag_of_id3v22_that_would_lose_a_frame_is_left(music, tmp_path, frames, named):
    path = music / "mp3.mp3"
    id3.delete(str(path))
    with_text(path, tagged.old_tag({**tagged.OLD_FRAMES, **frames}))
    before = path.read_bytes()
    rows = rows_of(music)[lambda rows: rows["path"] == path.name]
    done = carried_out(planned(music, rows=rows), tmp_path / "j.journal")
    assert f"({named})" in done.left[0][1]
    assert path.read_bytes() == before


def test_frames_that_would_be_lost_are_seen_in_a_chunk_too(music, tmp_path):
    """The tag of a WAV is not at its beginning."""
    path = music / "wav.wav"
    tag = tagged.old_tag({**tagged.OLD_FRAMES, b"XYZ": b"what nobody knows"})
    data = path.read_bytes() + b"id3 " + len(tag).to_bytes(4, "little") + tag
    data += b"\0" * (len(data) & 1)
    path.write_bytes(data[:4] + (len(data) - 8).to_bytes(4, "little") + data[8:])
    rows = rows_of(music)[lambda rows: rows["path"] == path.name]
    assert "(XYZ)" in planned(music, rows=rows).files[0].left


@pytest.mark.parametrize("grown", [0, 200_000])
def test_a_delta_makes_the_old_file_of_the_new_one(grown):
    random_ = np.random.default_rng(grown)
    for _ in range(300):
        old = random_.integers(0, 256, random_.integers(1, 3000), np.uint8).tobytes()
        new = bytearray(old)
        for _ in range(random_.integers(0, 4)):
            at = random_.integers(0, len(new) + 1)
            new[at : at + random_.integers(0, 200)] = random_.bytes(random_.integers(0, 300))
        new = random_.bytes(grown) + bytes(new)
        assert b"".join(delta.apply(new, delta.encode(new, old))) == old
    big = random_.bytes(1 << 20)
    assert len(delta.encode(b"x" * 5000 + big, b"tag" + big)) < 60
    with pytest.raises(ValueError, match="is damaged"):
        list(delta.apply(b"", b"no delta"))
    with pytest.raises(ValueError, match="of another file"):
        list(delta.apply(b"short", delta.encode(big, big)))


def test_what_is_there_stays_is_added_to_or_replaced(music, tmp_path):
    path = music / "flac.flac"
    tags = mutagen.File(path)
    tags["genre"], tags["bpm"] = ["Jazz"], ["119.8"]
    tags.save()
    rows = rows_of(music)[lambda rows: rows["path"] == path.name]
    wanted = values.Wanted(("genre", "bpm", "key"), names=values.genre_names("itunes"))

    def said(**how):
        made = planned(music, wanted, rows, **how)
        return [(each.field, each.then, each.what) for each in made.files[0].changes][:3]

    key = ("key", ("Am",), "add")
    kept = ("genre", ("Jazz",), "keep")
    # The tempo says the same.
    tempo = ("bpm", ("120",), "keep")
    assert said() == [kept, tempo, key]
    assert said(mode="append") == [("genre", ("Jazz", "Hip-Hop/Rap"), "append"), tempo, key]
    assert said(mode="overwrite") == [("genre", ("Hip-Hop/Rap",), "replace"), tempo, key]
    carried_out(planned(music, wanted, rows), tmp_path / "1.journal")
    # What we wrote is brought up to date, and what somebody wrote over it is not.
    rows = rows.assign(key=0)
    assert said()[2] == ("key", ("Cm",), "replace")
    tags = mutagen.File(path)
    tags["initialkey"] = ["Dm"]
    tags.save()
    assert said()[2] == ("key", ("Dm",), "keep")


def test_a_file_that_was_changed_since_gets_back_what_is_still_ours(music, tmp_path):
    path = music / "mp3.mp3"
    rows = rows_of(music)[lambda rows: rows["path"] == path.name]
    carried_out(planned(music, values.Wanted(), rows), tmp_path / "j.journal")
    tags = mutagen.File(path)
    tags["TKEY"] = id3.TKEY(text="Bbm")
    tags["TPE1"] = id3.TPE1(text="Somebody")
    tags.save()
    entries = journal.read(tmp_path / "j.journal")
    compared = restore.compare(entries)
    assert compared[["field", "now", "then"]].to_numpy().tolist() == [
        ["", "", ""],
        ["key", "Bbm", "Am"],
    ]
    done = undone(tmp_path / "j.journal")
    assert "key says something else now, and is kept" in done.left[0][1]
    tags = mutagen.File(path)
    assert (str(tags["TKEY"]), str(tags["TPE1"]), "TCON" in tags) == ("Bbm", "Somebody", False)
    assert "TXXX:EARMARK" not in tags


def test_fields_are_undone_one_by_one(music, tmp_path):
    before = contents(music)
    carried_out(planned(music, values.Wanted()), tmp_path / "j.journal")
    done = undone(tmp_path / "j.journal", fields=["bpm"])
    assert done.counts == {"restored by field": COUNT}
    for path in music.iterdir():
        tags = opened.open_tags(path)
        assert (tags.get("bpm"), tags.get("key")) == ([], ["Am"])
    # And that is undone, too, and then the rest.
    shutil.move(tmp_path / "j.undone", tmp_path / "once.journal")
    undone(tmp_path / "once.journal")
    shutil.copy(tmp_path / "j.journal", tmp_path / "k.journal")
    undone(tmp_path / "k.journal")
    assert contents(music) == before


def test_other_tags_of_any_kind_stay(music, tmp_path):
    path = music / "mp3.mp3"
    tags = mutagen.File(path)
    tags.tags.add(id3.APIC(data=os.urandom(20_000_000), mime="image/png", type=3, desc="cover"))
    tags.tags.add(
        id3.CHAP(element_id="c1", start_time=0, end_time=900, sub_frames=[id3.TIT2(text="One")])
    )
    tags.tags.add(id3.TPE1(text=["One", "Two"]))
    tags.tags.add(id3.PRIV(owner="x", data=b"\x00\xff"))
    tags.save(v2_version=3, v23_sep=None, v1=2)
    before = path.read_bytes()
    rows = rows_of(music)[lambda rows: rows["path"] == path.name]
    kept = opened.open_tags(path)
    others = kept.others(["genre", "earmark"])
    assert carried_out(planned(music, rows=rows), tmp_path / "j.journal").counts["written"] == 1
    written = opened.open_tags(path)
    own = [change.field for change in planned(music, rows=rows).files[0].changes]
    assert written.others([*own, "earmark"]) == kept.others([*own, "earmark"])
    assert len(others) == 5
    # The version stays, and so does the old tag at the end.
    assert written.version == 3
    assert path.read_bytes()[-128:] == before[-128:]
    assert (tmp_path / "j.journal").stat().st_size < 200_000
    undone(tmp_path / "j.journal")
    assert path.read_bytes() == before


def with_text(path, data):
    path.write_bytes(data + path.read_bytes())


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        ("two", "two tags of ID3v2"),
        ("kinds", "has a genre in two kinds of tags"),
        ("junk", "frames that are damaged, there twice or of no name in ID3v2.3 (TBPM)"),
        ("text", "its tags cannot be read|cannot hold the tags"),
        ("folder", "is not a regular file"),
        ("gone", "is not in the folder|cannot be read"),
        ("au", "format that cannot hold the tags"),
    ],
)
def test_what_is_odd_is_left_with_words(music, tmp_path, damage, said):
    import re

    path = music / "mp3.mp3"
    if damage == "two":
        tags = id3.ID3()
        tags.add(id3.TIT2(text="x"))
        tags.save(tmp_path / "tag")
        with_text(path, 2 * (tmp_path / "tag").read_bytes())
    elif damage == "kinds":
        tags = apev2.APEv2()
        tags["Genre"] = "Noise"
        tags.save(path)
    elif damage == "junk":
        body = b"TBPM\0\0\0\x02\0\0\x09x" + b"TIT2\0\0\0\x02\0\0\0x"
        with_text(path, b"ID3\x03\0\0\0\0\0" + bytes([len(body)]) + body)
        data = path.read_bytes()
        # Only this one tag.
        path.write_bytes(data[: 10 + len(body)] + data[data.index(b"\xff\xfb") :])
    elif damage == "text":
        path.write_text("no music at all")
    elif damage == "folder":
        path.unlink()
        path.mkdir()
    elif damage == "gone":
        path.unlink()
    elif damage == "au":
        path = path.rename(music / "x.au")
        path.write_bytes(b".snd" + bytes(100))
    before = path.read_bytes() if path.is_file() else None
    rows = rows_of(music)[lambda rows: rows["path"] == path.name]
    if damage == "gone":
        rows = rows_of(music).iloc[:1].assign(path="mp3.mp3")
    made = planned(music, values.Wanted(), rows, mode="overwrite")
    assert any(part in made.files[0].left for part in said.split("|")), made.files[0].left
    done = carried_out(made, tmp_path / "j.journal")
    assert re.search(said.replace("(", r"\(").replace(")", r"\)"), done.left[0][1])
    assert not (tmp_path / "j.journal").exists()
    assert before == (path.read_bytes() if path.is_file() else None)


def test_tags_of_id3v1_alone_stay_and_are_repeated(music, tmp_path):
    path = music / "mp3.mp3"
    mutagen.File(path).delete()
    path.write_bytes(path.read_bytes() + b"TAG" + b"Old title".ljust(124, b"\0") + b"\x08")
    before = path.read_bytes()
    rows = rows_of(music)[lambda rows: rows["path"] == path.name]
    made = planned(music, values.Wanted(), rows)
    assert any("ID3v1 alone" in note for note in made.files[0].notes)
    assert made.files[0].changes[0].now == ("Jazz",)
    carried_out(made, tmp_path / "j.journal")
    assert path.read_bytes()[-128:] == before[-128:]
    assert str(mutagen.File(path)["TIT2"]) == "Old title"
    undone(tmp_path / "j.journal")
    assert path.read_bytes() == before


def test_mode_owner_attributes_and_times_stay(music, tmp_path):
    path = music / "flac.flac"
    path.chmod(0o640)
    os.utime(path, ns=(10**18, 10**18 + 7))
    attributes = {}
    try:
        os.setxattr(path, "user.note", b"mine")
        attributes = {"user.note": b"mine"}
    except (OSError, AttributeError):
        pass
    rows = rows_of(music)[lambda rows: rows["path"] == path.name]
    carried_out(planned(music, rows=rows), tmp_path / "j.journal", keep_times=True)
    found = path.stat()
    assert (stat.S_IMODE(found.st_mode), found.st_mtime_ns) == (0o640, 10**18 + 7)
    for name, value in attributes.items():
        assert os.getxattr(path, name) == value


def test_read_only_and_linked_files_are_said(music, tmp_path):
    rows = rows_of(music)
    locked, linked = music / "flac.flac", music / "mp3.mp3"
    locked.chmod(0o444)
    os.link(linked, tmp_path / "other name.mp3")
    (tmp_path / "away").mkdir()
    shutil.move(music / "wav.wav", tmp_path / "away" / "wav.wav")
    (music / "wav.wav").symlink_to(tmp_path / "away" / "wav.wav")
    before = contents(music)
    made = planned(music, rows=rows)
    notes = {file.path: file.notes for file in made.files}
    assert "has 2 names (hard links)" in notes["mp3.mp3"]
    assert "is a link to" in notes["wav.wav"][0]
    left = dict(carried_out(made, tmp_path / "j.journal").left)
    assert "is read-only" in left["flac.flac"]
    assert "has 2 names" in left["mp3.mp3"]
    assert len(left) == 2
    assert (music / "wav.wav").is_symlink()
    assert opened.open_tags(tmp_path / "away" / "wav.wav").get("key") == ["Am"]
    again = planned(music, rows=rows[rows["path"] == "mp3.mp3"])
    carried_out(again, tmp_path / "2.journal", several_names=True)
    assert linked.stat().st_nlink == 2
    assert linked.read_bytes() == (tmp_path / "other name.mp3").read_bytes()
    undone(tmp_path / "2.journal", rules=write.Rules(several_names=True, keep_times=True))
    undone(tmp_path / "j.journal")
    assert contents(music) == before


def test_two_rows_of_one_file_and_files_that_changed_are_left(music, tmp_path):
    (music / "link.mp3").symlink_to(music / "mp3.mp3")
    sums = {path.name: look.sha256_of(path) for path in music.iterdir()}
    rows = rows_of(music)
    rows["sha256"] = rows["path"].map(sums)
    with (music / "wav.wav").open("ab") as file:
        file.write(b"more")
    left = {file.path: file.left for file in planned(music, rows=rows).files if file.left}
    assert left == {
        "mp3.mp3": "is the same file as link.mp3, whose row is taken",
        "wav.wav": "has changed since it was analysed; extract it again",
    }
    # Our own tags are no change.
    carried_out(planned(music, rows=rows), tmp_path / "j.journal")
    again = planned(music, rows=rows.assign(key=3))
    assert {file.path for file in again.files if file.left} == set(left)
    assert again.counts["replace"] == COUNT - 1


def test_a_file_that_changes_after_the_plan_is_left(music, tmp_path):
    made = planned(music)
    with (music / "wav.wav").open("ab") as file:
        file.write(b"more")
    left = dict(carried_out(made, tmp_path / "j.journal").left)
    assert left == {"wav.wav": "has changed since the plan was made; plan again"}


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux says who has a file open")
def test_a_file_that_another_program_writes_is_left(music, tmp_path):
    path = music / "wav.wav"
    script = "import sys; file = open(sys.argv[1], 'r+b'); print('open', flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", script, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as other:
        assert other.stdout.readline() == "open\n"
        if not safe.is_being_written(path):
            other.communicate("\n")
            pytest.skip("this file system does not say who has a file open")
        left = dict(carried_out(planned(music), tmp_path / "j.journal").left)
        other.communicate("\n")
    assert left == {"wav.wav": safe.WRITING}
    assert not safe.is_being_written(path)


def full(*_arguments, **_named):
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("where", ["copyfile", "fsync", "replace", "journal"])
def test_a_full_disk_loses_nothing(music, tmp_path, monkeypatch, where):
    before = contents(music)
    made = planned(music)
    if where == "copyfile":
        monkeypatch.setattr(safe.shutil, "copyfile", full)
    elif where == "fsync":
        monkeypatch.setattr(safe.os, "fsync", full)
    elif where == "replace":
        monkeypatch.setattr(safe.Path, "replace", full)
    else:
        monkeypatch.setattr(journal.Journal, "_write", full)
    if where == "journal":
        with pytest.raises(WriteError, match="the journal cannot be written, so no tags are"):
            carried_out(made, tmp_path / "j.journal")
    else:
        done = carried_out(made, tmp_path / "j.journal")
        assert len(done.left) == COUNT
        assert all("No space left on device" in reason for _, reason in done.left)
    assert contents(music) == before


def test_sound_that_would_differ_is_never_written(music, tmp_path, monkeypatch):
    before = contents(music)

    def damaging(tags, path):
        saved(tags, path)
        data = bytearray(path.read_bytes())
        data[-3000] ^= 0x55
        path.write_bytes(data)

    saved = kinds.Comments.save
    monkeypatch.setattr(kinds.Comments, "save", damaging)
    rows = rows_of(music)[lambda rows: rows["path"] == "flac.flac"]
    done = carried_out(planned(music, rows=rows), tmp_path / "j.journal")
    assert done.left == [("flac.flac", "would not sound the same; it is left as it is")]
    assert contents(music) == before


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_a_run_may_be_killed_at_any_moment(music, tmp_path):
    kills = int(os.environ.get("EARMARK_KILLS", "12"))
    counted, bad = tagged.kill_at_random(music, tmp_path, kills, seed=1)
    assert (counted >= kills, bad) == (True, 0)


def test_a_copy_that_is_left_is_removed_and_one_that_is_finished_is_used(music):
    path = music / "flac.flac"
    unfinished = music / f"{safe.MARK}{'0' * 16}.flac"
    unfinished.write_bytes(b"half")
    finished = music / f"{safe.MARK}{'1' * 16}-{path.stat().st_ino}.flac"
    finished.write_bytes(b"the whole file")
    mine = music / ".earmark-notes.txt"
    mine.write_text("somebody's own")
    assert sorted(safe.clean([music])) == [unfinished, finished]
    assert not unfinished.exists()
    assert not finished.exists()
    assert path.read_bytes() == b"the whole file"
    assert mine.exists()
    with safe.Copy(music / "wav.wav") as copy:
        assert safe.clean([music]) == []
        assert copy.path.exists()


def test_a_torn_journal_is_read_and_a_damaged_one_refused(music, tmp_path):
    log = tmp_path / "j.journal"
    carried_out(planned(music), log)
    whole = log.read_bytes()
    log.write_bytes(whole[:-20])
    assert len(journal.read(log)) == COUNT - 1
    log.write_bytes(whole.replace(b'"delta": "', b'"delta": "!', 1))
    with pytest.raises(WriteError, match="line 2 is damaged"):
        journal.read(log)
    log.write_text("nothing")
    with pytest.raises(WriteError, match="is no journal"):
        journal.read(log)
    with pytest.raises(WriteError, match="is there already"):
        journal.Journal(log)


def test_files_that_moved_are_found_by_their_sums(music, tmp_path):
    before = contents(music)
    carried_out(planned(music), tmp_path / "j.journal")
    music.rename(tmp_path / "elsewhere")
    entries = journal.read(tmp_path / "j.journal")
    with journal.Journal(tmp_path / "k.journal") as log:
        done = restore.undo(entries, log)
        assert len(done.left) == COUNT
        assert "was it moved? --audio names its folder" in done.left[0][1]
        restore.undo(restore.moved(entries, tmp_path / "elsewhere"), log)
    assert contents(tmp_path / "elsewhere") == before


def test_a_plan_can_be_saved_edited_and_is_checked(music, tmp_path):
    made = planned(music)
    path = tmp_path / "plan.json"
    stored.save(made, path)
    assert plan.table(stored.load(path)).equals(plan.table(made))
    path.write_text(path.read_text().replace('"Am"', '"8A"'))
    carried_out(stored.load(path), tmp_path / "j.journal")
    assert opened.open_tags(music / "mp3.mp3").get("key") == ["8A"]
    for old, new, said in (
        ('"field": "key"', '"field": "kee"', "file 1 of the plan: there is no field 'kee'"),
        ('"what": "add"', '"what": "burn"', "'what' is 'burn'"),
        ('"plan of tags"', '"list"', "is no plan"),
        ('"version": 1', '"version": 9', "is of version 9"),
    ):
        stored.save(made, path)
        path.write_text(path.read_text().replace(old, new))
        with pytest.raises(SettingsError, match=said):
            stored.load(path)


def test_keys_are_written_in_three_ways():
    # The wheel that DJs use: neighbours differ by a fifth, the two modes of a number are relative.
    camelot = [key_names.key_name(key, 1, "camelot") for key in range(12)]
    assert camelot == ["8B", "3B", "10B", "5B", "12B", "7B", "2B", "9B", "4B", "11B", "6B", "1B"]
    minor = [key_names.key_name(key, 0, "camelot") for key in range(12)]
    assert minor == ["5A", "12A", "7A", "2A", "9A", "4A", "11A", "6A", "1A", "8A", "3A", "10A"]
    assert [key_names.key_name(*pair, "openkey") for pair in ((0, 1), (9, 0), (7, 1))] == [
        "1d",
        "1m",
        "2d",
    ]


@pytest.mark.parametrize("name", values.GENRE_NAMES)
def test_the_lists_of_names_know_every_genre_of_the_models(name):
    import earmark
    from earmark.classify.dataset import genres

    known = values.genre_names(name)
    assert not {genre for genre in earmark.load().genres if genres.key(genre) not in known}
    with pytest.raises(SettingsError, match="name a TOML file, or one of discogs, itunes"):
        values.genre_names("no such file")


def test_the_gain_of_an_album_is_that_of_its_tracks_in_a_row(tmp_path):
    """Against the meter that is held against the EBU's signals, on tracks laid end to end."""
    import soundfile

    import earmark

    rng = np.random.default_rng(5)
    pieces, tracks = [], []
    for number, (level, seconds) in enumerate([(0.3, 8), (0.08, 12), (0.001, 6), (0.2, 5)]):
        samples = level * rng.normal(0, 0.3, (seconds * 22050, 2)).clip(-3, 3)
        soundfile.write(tmp_path / f"{number}.wav", samples, 22050, subtype="FLOAT")
        row = earmark.features(tmp_path / f"{number}.wav", set="loudness")
        tracks.append((row["loudness"], row["duration_ms"]))
        pieces.append(samples)
    soundfile.write(tmp_path / "all.wav", np.concatenate(pieces), 22050, subtype="FLOAT")
    whole = earmark.features(tmp_path / "all.wav", set="loudness")["loudness"]
    assert abs(values.album_loudness(tracks) - whole) < 0.1


def test_the_command_plans_writes_verifies_and_undoes(music, tmp_path, cli, monkeypatch):
    monkeypatch.chdir(tmp_path)
    before = contents(music)
    rows = rows_of(music)
    rows.to_csv("genres.csv", index=False)
    status, out, err = cli("tag", "genres.csv", "--audio", music, "--plan", "plan.json", "-q")
    assert status == 0
    assert "mp3.mp3: has a tag of ID3v1 alone" in err
    assert "nothing was written: " in out
    assert contents(music) == before
    status, out, _ = cli("tag", "--write", "plan.json", "--journal", "j.journal", "-q")
    assert status == 0
    assert "10 files written; back with: earmark untag j.journal" in out
    status, out, _ = cli("tag", "--verify", "j.journal")
    assert (status, "10 as written" in out) == (0, True)
    tags = mutagen.File(music / "flac.flac")
    tags["genre"] = ["Other"]
    tags.save()
    status, out, _ = cli("tag", "--verify", "j.journal")
    assert (status, "9 as written, 1 changed since" in out) == (1, True)
    assert cli("untag", "j.journal", "--fields", "year")[0] == 2
    status, out, err = cli("untag", "j.journal")
    assert "9 restored" in out
    assert "genre says something else now, and is kept" in err
    assert {name for name, data in contents(music).items() if data != before[name]} == {"flac.flac"}
    assert cli("tag", "genres.csv", "--write", "plan.json")[0] == 2
    assert cli("tag")[0] == 2


def test_the_command_analyses_files(music, tmp_path, cli, monkeypatch):
    monkeypatch.chdir(tmp_path)
    status, out, err = cli("tag", music / "flac.flac", "--write", "--overwrite", "-q")
    assert status == 0, err
    assert "1 files written" in out
    tags = opened.open_tags(music / "flac.flac")
    assert tags.get("replaygain_track_gain")
    assert "set default+musicnn-2; model default; source" in tags.get("earmark")[0]


def test_a_table_finds_files_that_moved_by_their_sums(music, tmp_path):
    from earmark.classify.library.tagging import known

    rows = rows_of(music)
    rows["sha256"] = [look.sha256_of(music / name) for name in rows["path"]]
    rows.to_csv(tmp_path / "t.csv", index=False)
    (music / "mp3.mp3").rename(music / "renamed.mp3")
    (music / "wav.wav").unlink()
    found = known.of_table(tmp_path / "t.csv", music)
    assert found.locations["mp3.mp3"] == music / "renamed.mp3"
    assert "wav.wav" not in found.locations


def test_a_lost_format_is_said_when_its_sound_cannot_be_compared(tmp_path):
    path = tmp_path / "x.mp3"
    path.write_bytes(b"nothing")
    with pytest.raises(DecodeError, match="sound"):
        sound.digest(path)


def test_tempi_are_brought_into_the_range_of_a_dj(demo, tmp_path, cli):
    music = tmp_path / "music"
    music.mkdir()
    for name in ("reggae-76bpm-g-major.ogg", "house-128bpm-a-minor.mp3"):
        shutil.copy(demo / name, music)
    table = tmp_path / "t.parquet"
    cli("extract", music, "-o", table, "-q")
    plan = ("tag", table, "--audio", music, "--fields", "bpm", "--format", "json")
    found = {
        limits: [row["then"] for row in json.loads(cli(*plan, *limits)[1])]
        for limits in ((), ("--tempo-range", "88", "175"), ("--tempo-range", "60", "70"))
    }
    assert list(found.values()) == [["128", "76"], ["128", "152"], ["64", "76"]]
    status, _, said = cli(*plan, "--tempo-range", "175", "88")
    assert status == 2
    assert "175 88: the lower one first" in said
