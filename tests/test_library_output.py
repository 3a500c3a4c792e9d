"""What the commands of a library print for programs: the result on stdout, and nothing else."""

from __future__ import annotations

import io
import json
import shutil
from xml.etree import ElementTree

import pandas as pd
import pytest


@pytest.fixture(scope="module")
def kept(demo, tmp_path_factory):
    """A folder of music with a double, its features and genres."""
    from earmark import pipeline

    folder = tmp_path_factory.mktemp("kept")
    music = folder / "music"
    shutil.copytree(demo, music)
    shutil.copyfile(music / "waltz-96bpm-f-major.flac", music / "twin.flac")
    features, genres = folder / "f.parquet", folder / "g.csv"
    for given in (
        ("extract", music, "-o", features, "-q"),
        ("classify", features, "-o", genres, "-q", "-m", "light"),
    ):
        with pytest.raises(SystemExit):
            pipeline.main([str(each) for each in given])
    return folder


def test_similar_tracks_are_rows(kept, cli):
    given = ("similar", "waltz", kept / "f.parquet", "-n", 2, "--why")
    _, csv, _ = cli(*given, "--format", "csv")
    _, out, _ = cli(*given, "--format", "json")
    rows = json.loads(out)
    assert [list(row) for row in rows] == [["path", "similarity", "reasons"]] * 2
    assert pd.read_csv(io.StringIO(csv))["path"].tolist() == [row["path"] for row in rows]


def test_a_playlist_is_printed_as_it_would_stand_in_a_file(kept, cli, monkeypatch):
    monkeypatch.chdir(kept)
    given = ("playlist", "g.csv", "--audio", "music", "--at-least", 0)
    for kind in ("m3u8", "xspf"):
        assert cli(*given, "-o", f"g.{kind}")[0] == 0
        _, out, _ = cli(*given, "-o", "-", "--type", kind)
        assert out == (kept / f"g.{kind}").read_text("utf-8")
    _, out, _ = cli(*given, "-o", "-", "--format", "json")
    rows = json.loads(out)
    assert len(rows) == 7
    assert all((kept / row["file"]).exists() for row in rows)
    _, out, _ = cli(*given, "-o", "lists", "--format", "csv")
    made = pd.read_csv(io.StringIO(out))
    assert made["tracks"].sum() == 7
    assert made["path"].map(lambda path: (kept / path).exists()).all()
    assert not (kept / "-").exists()


def test_a_playlist_that_cannot_be_written_is_refused_first(kept, cli, monkeypatch):
    monkeypatch.chdir(kept)
    (kept / "mine.m3u8").write_text("mine\n")
    for given in (("playlist", "none.csv", "-o"), ("duplicates", "none.csv", "--playlist")):
        status, _, err = cli(*given, "mine.m3u8")
        assert (status, "it is kept" in err) == (1, True)


def test_doubles_are_rows(kept, cli, monkeypatch):
    monkeypatch.chdir(kept)
    _, said, _ = cli("duplicates", "f.parquet")
    assert "1 recording is there several times, in 2 files" in said
    _, csv, _ = cli("duplicates", "f.parquet", "-o", "-")
    assert pd.read_csv(io.StringIO(csv))["recording"].tolist() == [1, 1]
    _, out, _ = cli("duplicates", "f.parquet", "-o", "d.csv", "--format", "json")
    assert [row["path"] for row in json.loads(out)] == pd.read_csv("d.csv")["path"].tolist()
    assert not (kept / "-").exists()


def test_a_collection_is_printed_and_a_database_is_not(kept, cli, monkeypatch):
    monkeypatch.chdir(kept)
    for target in ("rekordbox", "itunes"):
        _, out, _ = cli("export", "f.parquet", "-o", "-", "--to", target)
        ElementTree.fromstring(out)
    status, out, err = cli("export", "f.parquet", "-o", "-", "--to", "sqlite")
    assert (status, out) == (2, "")
    assert "cannot be printed" in err
    _, out, _ = cli("export", "f.parquet", "-o", "x.xml", "--format", "json")
    assert json.loads(out) == {"tracks": 7, "output": "x.xml"}


def test_plans_journals_and_what_was_undone_are_printed(kept, cli, monkeypatch, tmp_path):
    pytest.importorskip("mutagen")
    monkeypatch.chdir(tmp_path)
    shutil.copytree(kept / "music", "music")
    given = ("tag", kept / "g.csv", "--audio", "music", "--fields", "genre", "-q", "--overwrite")
    _, csv, err = cli(*given, "--plan", "plan.json", "--format", "csv")
    planned = pd.read_csv(io.StringIO(csv))
    assert set(planned["field"].dropna()) == {"genre"}
    assert "nothing was written" in err
    _, out, err = cli("tag", "--write", "plan.json", "--journal", "j", "--format", "json")
    assert len(json.loads(out)) == len(planned)
    assert "back with: earmark untag j" in err
    _, out, _ = cli("tag", "--verify", "j", "--format", "json")
    assert {row["what"] for row in json.loads(out)} == {"as written"}
    _, out, _ = cli("untag", "j", "--format", "json")
    assert json.loads(out)["restored"] >= 1
    assert json.loads(out)["left"] == []


def test_of_many_descriptors_only_those_are_read_that_are_asked_for(kept, tmp_path):
    from earmark.classify.dataset import duplicates
    from earmark.classify.library import choose, columns
    from earmark.extract import tables

    rule = choose.Choice("mood == 'happy' or musicnn_007 > -100 and energy > 0", order="-tempo")
    _, every = columns.read(kept / "f.parquet")
    path = tmp_path / "both.parquet"
    extra = {f"musicnn_{place:03}": float(place) for place in range(20)}
    frame = every.frame.assign(**extra)
    names = [*every.columns, *extra]
    tables.write(every.with_frame(frame).to_frame(), path)
    about = {**every.provenance, "set": "default+musicnn-1", "columns": names}
    frame.attrs["earmark"] = about
    tables.write(frame, path)
    some, source = columns.read(path, None, rule.columns)
    assert set(source.columns) == {*duplicates.telling(about), "musicnn_007"}
    rule = choose.Choice("musicnn_007 > -100 and energy > 0", order="-tempo")
    chosen = choose.choose(some, source, rule)["path"].tolist()
    assert chosen == choose.choose(*columns.read(path), rule)["path"].tolist()
    assert len(chosen) == 6


def test_what_is_left_out_or_leads_nowhere_is_said(kept, cli, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    table = pd.read_csv(kept / "g.csv")
    table["probability"] = [0.9, 0.4, *[0.9] * (len(table) - 2)]
    table.to_csv("g.csv", index=False)
    _, _, err = cli("playlist", "g.csv", "-o", "lists", "--audio", kept / "music")
    assert f"1 of {len(table)} is in no playlist: the genre is less probable than 0.5" in err
    _, _, err = cli("export", "g.csv", "-o", "r.xml")
    assert "they lead to no file: --audio FOLDER says where" in err
    _, _, err = cli("export", "g.csv", "-o", "r.xml", "--audio", kept / "music")
    assert err == ""


def test_doubles_are_heard_by_what_their_tags_say(kept, cli, tmp_path):
    given = ("duplicates", kept / "f.parquet", "--audio", kept / "music")
    assert cli(*given, "--playlist", tmp_path / "d.m3u8")[0] == 0
    said = [line for line in (tmp_path / "d.m3u8").read_text().splitlines() if "#EXTINF" in line]
    assert len(said) == 2
    assert all(" - Waltz in F major" in line for line in said)
