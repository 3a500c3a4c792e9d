"""Which track a name means: by the end of its path, never against its folders."""

from __future__ import annotations

import unicodedata

import numpy as np
import pandas as pd
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

import earmark
from earmark.classify.dataset import build, names
from earmark.classify.library import ask, places
from earmark.classify.library.library import open_library
from earmark.classify.library.tagging import plan as plans
from earmark.classify.library.tagging.values import Wanted
from earmark.extract import tables
from earmark.extract.audio.sources import find
from earmark.extract.errors import FindError, LabelError

NFC = unicodedata.normalize("NFC", "Café/Beyoncé – Déjà Vu.wav")
NFD = unicodedata.normalize("NFD", NFC)


@pytest.mark.parametrize(
    ("named", "paths", "meant"),
    [
        # Folders that contradict, and those that do not.
        ("jazz/01 Intro.wav", ["rock/01 Intro.wav"], None),
        ("jazz/01 Intro.wav", ["rock/01 Intro.wav", "jazz/01 Intro.wav"], "jazz/01 Intro.wav"),
        ("/home/a/jazz/01.wav", ["rock/01.wav", "jazz/01.wav"], "jazz/01.wav"),
        ("jazz/01.wav", ["m/rock/01.wav", "m/jazz/01.wav"], "m/jazz/01.wav"),
        ("jazz/CD1/01.wav", ["rock/CD1/01.wav"], None),
        ("jazz/CD1/01.wav", ["rock/CD1/01.wav", "CD1/01.wav"], "CD1/01.wav"),
        # The most folders decide, then the ending.
        ("a/b/01.wav", ["01.wav", "b/01.wav"], "b/01.wav"),
        ("a/b/01.wav", ["01.wav", "b/01.flac"], "b/01.flac"),
        ("b/01.wav", ["b/01.flac", "b/01.mp3"], None),
        ("m/b/01.wav", ["b/01.flac", "b/01.WAV"], "b/01.WAV"),
        # A base name alone.
        ("01.wav", ["rock/01.wav"], "rock/01.wav"),
        ("01.wav", ["rock/01.wav", "jazz/01.wav"], None),
        ("01.wav", ["rock/01.wav", "01.wav"], "01.wav"),
        ("rock/01.wav", ["01.wav"], "01.wav"),
        ("rock/01.wav", ["01.wav", "jazz/01.wav"], "01.wav"),
        ("01.mp3", ["rock/01.wav", "jazz/01.mp3"], "jazz/01.mp3"),
        ("01", ["rock/01.wav"], "rock/01.wav"),
        ("blues.00000.wav", ["blues/blues.00000.au"], "blues/blues.00000.au"),
        ("blues.00000", ["blues.00000.au", "blues.00001.au"], "blues.00000.au"),
        # Ways to write the same path.
        ("rock\\01.wav", ["rock/01.wav"], "rock/01.wav"),
        ("rock/01.wav", ["C:\\Music\\rock\\01.wav"], "C:\\Music\\rock\\01.wav"),
        (" ./rock//01.wav ", ["rock/01.wav"], "rock/01.wav"),
        ("/m/rock/01.wav", ["../rock/01.wav"], "../rock/01.wav"),
        (NFC, [NFD], NFD),
        (NFD, [f"m/{NFC}"], f"m/{NFC}"),
        (NFD, [NFC, NFD], NFD),
        ("Beyoncé – Déjà Vu.mp3", [NFD], NFD),
        ("caf\\xe9.wav", ["caf\\xe9.wav", "xe9.wav"], "caf\\xe9.wav"),
        ("", ["01.wav"], None),
        ("..", ["01.wav"], None),
        ("01.wav", [], None),
    ],
)
def test_a_name_means_the_track_whose_path_ends_like_it(named, paths, meant):
    for order in (paths, paths[::-1]):
        assert names.Matcher(order)(named) == meant


PARTS = st.sampled_from(["a", "b", "c"])
SOME_PATHS = st.lists(
    st.lists(PARTS, min_size=1, max_size=4).map("/".join), min_size=1, max_size=8, unique=True
)


@given(SOME_PATHS, st.lists(PARTS, min_size=1, max_size=4))
def test_of_those_that_fit_it_is_the_longest_or_none(paths, named):
    def fits(path):
        own = path.split("/")
        shorter = min(len(own), len(named))
        return own[-shorter:] == named[-shorter:]

    name = "/".join(named)
    fitting = [path for path in paths if fits(path)]
    found = names.Matcher(paths)(name)
    # Shorter ones are ends of the name: no two are as long. Longer ones are all as good.
    ends = [path for path in fitting if path.count("/") < len(named)]
    expected = max(ends, key=len) if ends and len(max(ends, key=len)) == len(name) else None
    if expected is None:
        longer = [path for path in fitting if path not in ends]
        expected = (
            (longer[0] if len(longer) == 1 else None)
            if longer
            else max(ends, key=len, default=None)
        )
    assert found == expected


def test_of_several_names_of_one_track_those_count_that_fit_best():
    paths = ["jazz/01.wav", "rock/01.wav"]
    pairs = names.pair(["old/jazz/01.wav", "jazz/01.wav", "rock/01.flac"], paths)
    assert pairs == ([None, "jazz/01.wav", "rock/01.wav"], False)


def test_where_no_folder_is_the_same_the_longest_common_end_decides_and_only_there():
    paths = ["new/jazz/01.wav", "new/rock/01.wav", "new/rock/02.wav"]
    given = ["old/jazz/01.wav", "old/rock/01.wav", "old/pop/02.wav", "old/pop/01.wav"]
    assert names.pair(given, paths) == ([*paths, None], True)
    # One that is right without a doubt, and what contradicts is something else.
    assert names.pair([*given, paths[0]], paths) == ([None] * 4 + paths[:1], False)
    assert names.pair(["x/9.wav"], paths) == ([None], False)
    # Two that may be meant by one name, or one by two, are none.
    assert names.pair(["x/1.wav"], ["a/1.wav", "b/1.wav"]) == ([None], False)
    assert names.pair(["x/1.wav", "y/1.wav"], ["a/1.wav"]) == ([None, None], False)


def write_table(path, paths):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"path": paths, "x": rng.normal(size=len(paths))})
    frame.to_csv(path, index=False)
    return path


def write_labels(path, rows):
    text = "path,genre\n" + "".join(f"{name},{genre}\n" for name, genre in rows)
    path.write_text(text, encoding="utf-8")
    return str(path)


def labelled(table, labels):
    data = build.build(table, labels, ignore_unknown=True)
    return dict(zip(data.tracks, data.labels, strict=True)), data.notes


def test_a_label_of_another_folder_is_no_label_of_the_track(tmp_path):
    own = [f"{genre}/{number}.wav" for genre in ("jazz", "rock") for number in (2, 3)]
    table = write_table(tmp_path / "t.csv", [*own, "rock/01 Intro.wav"])
    rows = [(path, path[:4]) for path in own]
    labels = write_labels(tmp_path / "l.csv", [*rows, ("jazz/01 Intro.wav", "jazz")])
    found, notes = labelled(table, labels)
    assert found == dict(rows)
    assert "1 of 5 tracks have no label and were left out" in notes
    with pytest.raises(LabelError, match=r"1 tracks that are not in the table: jazz/01 Intro\.wav"):
        build.build(table, labels)


def test_labels_of_another_tree_are_matched_by_the_longest_end_and_that_is_said(tmp_path):
    table = write_table(tmp_path / "t.csv", [f"mp3/{g}/{n}.mp3" for g in ("a", "b") for n in "123"])
    rows = [(f"wav/{g}/{n}.wav", g) for g in ("a", "b") for n in "123"]
    found, notes = labelled(table, write_labels(tmp_path / "l.csv", rows))
    assert found == {f"mp3/{g}/{n}.mp3": g for g in ("a", "b") for n in "123"}
    assert any("such as 'wav/a/1.wav' for 'mp3/a/1.mp3'" in note for note in notes)


def test_a_label_of_a_track_that_failed_is_none_of_its_namesake(tmp_path):
    table = write_table(
        tmp_path / "t.csv", [f"{g}/{n}.wav" for g in ("jazz", "rock") for n in "123"]
    )
    (tmp_path / "t.failures.csv").write_text(
        "path,stage,error,message\njazz/4.wav,decode,DecodeError,is empty\n"
    )
    rows = [(f"{g}/{n}.wav", g) for g in ("jazz", "rock") for n in "123"]
    labels = write_labels(tmp_path / "l.csv", [*rows, ("4.wav", "jazz")])
    assert len(build.build(table, labels).labels) == 6
    labels = write_labels(tmp_path / "l.csv", [*rows, ("rock/4.wav", "rock")])
    with pytest.raises(LabelError, match=r"not in the table: rock/4\.wav"):
        build.build(table, labels)


def test_tags_are_those_of_the_tracks_wherever_the_folder_was_named(tmp_path, demo):
    pytest.importorskip("mutagen")
    paths = [f"data/raw/{track.path}" for track in find([demo])[0]]
    table = write_table(tmp_path / "t.csv", paths)
    known, _ = build.labelling.read(pd.read_csv(table), table, "tags", label=None, audio=demo)
    assert known["label"].notna().all()
    frame = pd.DataFrame({"path": ["elsewhere/a.mp3"]})
    with pytest.raises(
        LabelError, match=r"none of its files is in the table, which names 'elsewhe"
    ):
        build.labelling.read(frame, table, "tags", label=None, audio=demo)


def test_columns_that_differ_in_case_alone_are_named(tmp_path):
    table = write_table(tmp_path / "t.csv", ["a.wav", "b.wav", "c.wav", "d.wav"])
    rows = "".join(f"{name}.wav,x,{genre},n\n" for name, genre in zip("abcd", "yyzz", strict=True))
    path = tmp_path / "l.csv"
    for header in ("path,Genre,genre,n", "path, genre ,genre,n", "path,GENRE,Genre ,n"):
        path.write_text(f"{header}\n{rows}")
        with pytest.raises(
            LabelError, match=r"its columns '.*' and '.*' are called the same but for"
        ):
            build.build(table, str(path))
    # What nobody asks for may be called anything.
    path.write_text(f"path,note,genre,Note\n{rows}")
    assert build.build(table, str(path)).labels.tolist() == ["y", "y", "z", "z"]
    path.write_text(f"path,Genre,style,genre\n{rows}")
    assert build.build(table, str(path), label="Style").labels.tolist() == ["y", "y", "z", "z"]


@pytest.fixture
def accented(tmp_path):
    """Files as macOS names them, and the table of another system, the other way round."""
    rng = np.random.default_rng(0)
    folder = tmp_path / "music"
    for path in (NFD, "Café/b.wav", "d.wav"):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(folder / path, rng.normal(0, 0.1, 22050), 22050)
    table = earmark.table([folder])
    paths = table["path"].map(lambda path: unicodedata.normalize("NFC", path))
    assert (paths != table["path"]).any()
    return folder, table.assign(path=paths)


def test_accents_are_the_same_however_they_are_written(tmp_path, accented):
    folder, table = accented
    table.to_parquet(tmp_path / "t.parquet")
    rows = [(NFD, "x"), (unicodedata.normalize("NFD", "Café/b.wav"), "x"), ("d.wav", "y")]
    labels = write_labels(tmp_path / "l.csv", rows)
    library = open_library(tmp_path / "t.parquet", labels)
    assert dict(zip(library.tracks["path"], library.tracks["genre"], strict=True)) == {
        unicodedata.normalize("NFC", path): genre for path, genre in rows
    }
    for name in (NFC, NFD, "Beyoncé – Déjà Vu.wav"):
        assert len(ask.find(name, table)) == 2
    where = places.locate(folder, folder, table["path"])
    assert where[NFC] == NFD
    files = names.located(table["path"], folder)
    wanted = Wanted(("genre",))
    plan = plans.table(plans.make(table[["path"]].assign(genre="x"), files, wanted))
    assert plan["what"].tolist() == ["add"] * 3


def written(path):
    return [line for line in path.read_text().splitlines() if line[0] != "#"]


def test_playlists_lead_to_the_files_however_many_folders_were_named(
    tmp_path, cli, tone, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    for name in ("music/a/1.wav", "music/b/1.wav", "more/1.wav"):
        tone(name)
    rows = pd.DataFrame({"path": ["music/a/1.wav", "music/b/1.wav", "more/1.wav"], "genre": "x"})
    rows.to_csv("p.csv", index=False)
    status, _, err = cli("playlist", "p.csv", "-o", "lists", "--audio", "music")
    assert status == 0
    assert "1 track is not in music: left out" in err
    # The folder was named from here; the list lies elsewhere.
    assert written(tmp_path / "lists/x.m3u8") == [str(tmp_path / f"music/{n}/1.wav") for n in "ab"]
    assert cli("playlist", "p.csv", "-o", "music/lists", "--audio", "music")[0] == 0
    assert written(tmp_path / "music/lists/x.m3u8") == ["../a/1.wav", "../b/1.wav"]
    # The same names in other folders are other music.
    tone("other/c/1.wav")
    assert names.located(rows["path"], "other") == {}


def test_a_track_is_not_found_by_a_name_in_another_folder():
    table = pd.DataFrame({"path": ["rock/1.wav", "rock/2.wav"], "tempo": [1.0, 2.0]})
    assert len(ask.find("rock/1.wav", table)) == 1
    with pytest.raises(FindError, match="has no such track"):
        ask.find("jazz/1.wav", table)


def test_many_tracks_of_one_name_take_no_time():
    paths = [f"artist {n % 97}/album {n}/01 Intro.mp3" for n in range(20_000)]
    named = [f"/music/{path}" for path in paths]
    assert names.pair(named, paths) == (paths, False)
    assert names.pair(["01 Intro.mp3"], paths) == ([None], False)


@pytest.mark.parametrize(
    "name", ["a\rb.mp3", "a\nb.mp3", "a\r\nb.mp3", 'a"b.mp3', "a,b.mp3", "a;b.mp3"]
)
def test_a_name_may_hold_what_ends_a_line(tmp_path, name):
    path = tmp_path / "t.csv"
    tables.write(pd.DataFrame({"path": [name, "c.mp3"], "label": ["jazz", "rock"]}), path)
    assert tables.read(path).frame["path"].tolist() == [name, "c.mp3"]
