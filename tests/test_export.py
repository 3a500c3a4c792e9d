"""Tables for other programs: a database, JSON as AcousticBrainz had it, XML for DJ programs."""

from __future__ import annotations

import json
import plistlib
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest

from earmark.classify.library import columns, export
from earmark.extract import sets, tables
from earmark.extract.batch import run


@pytest.fixture(scope="module")
def table(demo, tmp_path_factory):
    path = tmp_path_factory.mktemp("export") / "t.parquet"
    job = run.Extraction("default+musicnn")
    tables.write(run.extract([demo], job).table, path, job.schema)
    return path


@pytest.fixture
def predictions(table, tmp_path):
    names = tables.read(table).frame["path"]
    path = tmp_path / "genres.csv"
    rows = pd.DataFrame({"path": names, "genre": list("aaaabb"), "probability": 0.9})
    rows.to_csv(path, index=False)
    return path


def test_a_database_holds_the_table_to_the_digit_with_views(table, predictions, cli, tmp_path):
    out = tmp_path / "t.sqlite"
    given = ("export", predictions, "--features", table, "-o", out, "--to", "sqlite")
    assert cli(*given)[0] == 0
    frame = tables.read(table).frame.set_index("path")
    with closing(sqlite3.connect(out)) as base:
        read = pd.read_sql("SELECT * FROM descriptors", base).set_index("path")
        numbers = [name for name in frame if name != "sha256"]
        expected = frame[numbers].astype("float64")
        pd.testing.assert_frame_equal(
            read[numbers].astype("float64").loc[expected.index], expected, check_exact=True
        )
        names = pd.read_sql("SELECT * FROM spotify", base).columns[1:]
        assert list(names) == [name for name in sets.SPOTIFY_COLUMNS if name in frame]
        genres = pd.read_sql("SELECT genre, tracks FROM genres", base)
        assert genres.to_numpy().tolist() == [["a", 4], ["b", 2]]
        keys = dict(base.execute("SELECT path, camelot FROM mixing"))
        assert keys["house-128bpm-a-minor.mp3"] == "8A"
        about = dict(base.execute("SELECT name, value FROM about"))
        assert json.loads(about["set"]) == "default+musicnn-2"
        assert base.execute("SELECT min(value) FROM tags").fetchone()[0] >= 0.1
    assert cli(*given)[0] == 0
    foreign = tmp_path / "mine.sqlite"
    with closing(sqlite3.connect(foreign)) as base, base:
        base.execute("CREATE TABLE mine (x)")
    before = foreign.read_bytes()
    status, _, err = cli(*given[:-3], foreign, "--to", "sqlite")
    assert (status, "was not made by Earmark" in err) == (1, True)
    assert foreign.read_bytes() == before


def test_a_track_has_the_form_of_acousticbrainz(table, demo, cli, tmp_path):
    out = tmp_path / "ab"
    assert cli("export", table, "-o", out, "--to", "acousticbrainz", "--audio", demo)[0] == 0
    assert len(list(out.iterdir())) == 6
    read = json.loads((out / "house-128bpm-a-minor.mp3.json").read_text("utf-8"))
    row = tables.read(table).frame.set_index("path").loc["house-128bpm-a-minor.mp3"]
    assert read["rhythm"]["bpm"] == pytest.approx(row["tempo"])
    assert (read["tonal"]["key_key"], read["tonal"]["key_scale"]) == ("A", "minor")
    mfcc = read["lowlevel"]["mfcc"]["mean"]
    np.testing.assert_allclose(mfcc, row.filter(regex=r"^mfcc_\d+_mean$").astype(float))
    assert read["metadata"]["audio_properties"]["sha256"] == row["sha256"]
    assert read["metadata"]["tags"]["artist"]
    assert 0 <= read["highlevel"]["tags"]["all"]["rock"] <= 1
    (out / "waltz-96bpm-f-major.flac.json").write_text("mine")
    status, _, err = cli("export", table, "-o", out, "--to", "acousticbrainz")
    assert (status, "it is kept" in err) == (0, True)
    assert (out / "waltz-96bpm-f-major.flac.json").read_text() == "mine"


def test_no_path_leaves_the_folder_of_the_files(table, tmp_path):
    source = tables.read(table)
    tracks = columns.tracks_of(source).head(1).assign(path="/a/../../b/c.mp3")
    assert export.acousticbrainz_files(tracks, source, tmp_path / "in")[0] == 1
    assert [path.name for path in tmp_path.iterdir()] == ["in"]
    assert (tmp_path / "in" / "a" / "b" / "c.mp3.json").exists()


def test_dj_programs_get_a_collection_with_a_list_for_each_genre(
    table, predictions, demo, cli, tmp_path
):
    given = ("export", predictions, "--features", table, "--audio", demo)
    assert cli(*given, "-o", tmp_path / "r.xml")[0] == 0
    root = ElementTree.parse(tmp_path / "r.xml").getroot()
    lists = {node.get("Name"): len(node) for node in root.findall("PLAYLISTS/NODE/NODE")}
    assert lists == {"all": 6, "a": 4, "b": 2}
    assert {track.get("Tonality") for track in root.find("COLLECTION")} >= {"Am"}
    assert cli(*given, "-o", tmp_path / "i.xml", "--to", "itunes")[0] == 0
    read = plistlib.loads((tmp_path / "i.xml").read_bytes())
    assert [len(each["Playlist Items"]) for each in read["Playlists"]] == [6, 4, 2]
    places = {own["Location"].rpartition("/")[2] for own in read["Tracks"].values()}
    assert places == set(tables.read(table).frame["path"])
    (tmp_path / "mine.xml").write_text("<mine/>")
    assert cli(*given, "-o", tmp_path / "mine.xml")[0] == 1


def test_duckdb_reads_the_tables_as_the_guide_says(table, predictions, monkeypatch):
    duckdb = pytest.importorskip("duckdb")
    guide = Path(__file__).parents[1] / "docs" / "guide" / "library.md"
    query = guide.read_text(encoding="utf-8").partition("```sql\n")[2].partition("```")[0]
    monkeypatch.chdir(predictions.parent)
    shutil.copy(table, "features.parquet")
    found = duckdb.sql(query).fetchall()
    tempos = tables.read(table).frame["tempo"].tolist()
    means = [
        pytest.approx(np.mean(tempos[:4]), abs=0.06),
        pytest.approx(np.mean(tempos[4:]), abs=0.06),
    ]
    assert found == [("a", 4, means[0]), ("b", 2, means[1])]
