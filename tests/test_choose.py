"""Playlists by a rule, of similar tracks, for mixing, in the formats that programs read."""

from __future__ import annotations

import os
import plistlib
import shutil
import subprocess
import sys
import warnings
from pathlib import Path
from urllib.parse import unquote, urlsplit
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

import earmark
from earmark.classify.library import choose, columns, exchange
from earmark.extract import key_names, schema, tables
from earmark.extract.config import DEFAULTS
from earmark.extract.errors import SchemaError, SettingsError
from earmark.extract.feature_table import FeatureTable

XSPF = "{http://xspf.org/ns/0/}"


@pytest.fixture
def source():
    random = np.random.default_rng(5)
    count = 60
    table = pd.DataFrame(random.normal(size=(count, 6))).add_prefix("timbre_")
    table.insert(0, "path", [f"{place:02}.mp3" for place in range(count)])
    table["tempo"] = random.uniform(90, 140, count)
    table["key"] = random.integers(0, 12, count)
    table["mode"] = random.integers(0, 2, count)
    table["energy"] = np.linspace(0, 1, count)
    table["genre"] = np.where(np.arange(count) % 2, "house", "techno")
    return FeatureTable.of(table)


def chosen(source, **asked):
    found = choose.choose(columns.tracks_of(source), source, choose.Choice(**asked))
    return found["path"].tolist()


def test_a_rule_an_order_and_a_count(source):
    assert chosen(source, where="energy > 0.9 and genre == 'house'") == [
        "55.mp3",
        "57.mp3",
        "59.mp3",
    ]
    assert chosen(source, order="-energy", count=2) == ["59.mp3", "58.mp3"]
    codes = source.frame.apply(lambda row: key_names.camelot(row["key"], row["mode"]), axis=1)
    found = chosen(source, where=f"camelot == '{codes[0].lower()}'")
    assert found == source.frame["path"][codes == codes[0]].tolist()
    with pytest.raises(SchemaError, match="no track is found by 'energy > 2'"):
        chosen(source, where="energy > 2")
    with pytest.raises(SettingsError, match="cannot be ordered by 'loudness'"):
        chosen(source, order="loudness")


def test_a_recording_is_there_once_even_if_only_some_are_wanted(source):
    twice = pd.concat([source.frame, source.frame.assign(path="copy " + source.frame["path"])])
    both = FeatureTable.of(twice.reset_index(drop=True))
    assert len(chosen(both)) == len(source)
    assert chosen(both, order="energy", count=3) == ["00.mp3", "01.mp3", "02.mp3"]
    assert not {"copy 03.mp3"} & set(chosen(both, like=["03"], count=30))


def test_similar_tracks_begin_with_the_seeds_and_the_rule_holds_for_the_others(source):
    found = chosen(source, like=["03.mp3", "08"], count=12, where="genre == 'house'")
    assert found[:2] == ["03.mp3", "08.mp3"]
    assert len(found) == 12
    assert all(int(path[:2]) % 2 for path in found[2:])
    way = chosen(source, like=["03.mp3"], to="08.mp3", count=9)
    assert (way[0], way[-1], len(set(way))) == ("03.mp3", "08.mp3", 9)
    mixed = chosen(source, like=["03.mp3"], count=9, order="mix")
    assert mixed[0] == "03.mp3"
    assert set(mixed) == set(chosen(source, like=["03.mp3"], count=9))
    with pytest.raises(SettingsError, match="begins with one other"):
        chosen(source, to="08.mp3")
    with pytest.raises(SettingsError, match="no order of similarity"):
        chosen(source, order="alike")


def test_columns_follow_from_others():
    tracks = pd.DataFrame(
        {
            "path": list("abc"),
            "key": [9, 6, np.nan],
            "mode": [0, 1, 1],
            "tempo": [128.4, 99.99, np.nan],
            "year": [1987, 2000, None],
            "tag_happy": [0.4, 0.0, 0.2],
            "tag_Mellow": [0.1, 0.05, 0.3],
        }
    ).rename(columns={"tag_Mellow": "tag_mellow"})
    made = columns.with_columns(tracks, columns.DERIVED)
    expected = {
        "camelot": ["8A", "2B", None],
        "musical_key": ["Am", "F#", None],
        "tempo_band": ["120-129", "90-99", None],
        "decade": ["1980", "2000", None],
        "mood": ["happy", None, "mellow"],
    }
    for name, values in expected.items():
        assert [None if pd.isna(value) else value for value in made[name]] == values
    with pytest.raises(SchemaError, match="no mode: camelot follows from it"):
        columns.with_columns(tracks.drop(columns="mode"), ["camelot"])


def test_columns_beside_hundreds_that_were_read_come_without_a_warning(demo, tmp_path):
    wide = pd.DataFrame(np.ones((1, 300)), columns=[f"c{number}" for number in range(300)])
    wide = wide.assign(path="waltz-96bpm-f-major.flac", tempo=96.0)
    path = tmp_path / "wide.parquet"
    wide.to_parquet(path)
    # A column apart from the others for each, as a table is read of which some are left out.
    read = pq.read_table(path).to_pandas(split_blocks=True)
    assert columns.with_column(read, "tempo_band", None)["tempo_band"].tolist() == ["90-99"]
    files = {"waltz-96bpm-f-major.flac": demo / "waltz-96bpm-f-major.flac"}
    assert columns.with_tags(read, files)["title"].notna().all()


def test_a_column_beside_five_hundred_others_warns_of_nothing(tmp_path):
    """pandas complains of frames in so many pieces, in words that nobody can act on."""
    names = schema.of("default+musicnn", DEFAULTS).names
    table = pd.DataFrame(np.ones((3, len(names)), np.float32), None, names)
    table.insert(0, "path", list("abc"))
    table.insert(1, "sha256", list("abc"))
    tables.write(table, tmp_path / "t.parquet", schema.of("default+musicnn", DEFAULTS))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        tracks, _ = columns.read(tmp_path / "t.parquet", None, {"tag_happy", "mood"})
        made = columns.with_columns(tracks, ["camelot", "tempo_band", "mood"])
        made = columns.with_tags(made, {})
    assert made["mood"].tolist() == ["beautiful"] * 3
    assert made["artist"].isna().all()


def test_what_is_asked_for_and_not_there_is_guessed_or_found_in_tags(source):
    with pytest.raises(SettingsError, match=r"no column 'energi'; is energy meant\? It has path"):
        chosen(source, where="energi > 0.5")
    with pytest.raises(SettingsError, match=r"'artist'; with the folder of the files .--audio."):
        chosen(source, where="'doom' in artist")
    with pytest.raises(SettingsError, match=r"cannot be ordered by 'temp'.* is tempo meant"):
        chosen(source, order="-temp")


def test_rows_of_windows_become_tracks():
    windows = pd.DataFrame(
        {
            "path": ["b", "b", "a"],
            "start": [0.0, 6, 0],
            "seconds": [6.0, 6, 6],
            "tempo": [100.0, 110, 90],
            "genre": ["x", "x", "y"],
        }
    )
    made = columns.tracks_of(FeatureTable.of(windows))
    assert made["path"].tolist() == ["b", "a"]
    assert made["tempo"].tolist() == [105, 90]
    assert made["genre"].tolist() == ["x", "y"]
    assert "seconds" not in made


TRACKS = pd.DataFrame(
    {
        "path": ["a b/ü&#1.mp3", "/whole/<x>.flac", "C:\\Music\\z.mp3", "a:b.mp3"],
        "artist": ["Ana & Bo", None, "<i>", 'say "x"'],
        "title": ["Öl\x00", None, "T\x1b", "t"],
        "duration_ms": [61_499.0, np.nan, 2000, 1000],
        "key": [9, 0, np.nan, 1],
        "mode": [0, 1, 1, 0],
        "tempo": [128.04, np.nan, 90, 100],
        "year": [1987.0, np.nan, 1999, 2001],
    }
)


def test_xspf_names_files_and_what_is_known():
    root = ElementTree.fromstring(exchange.xspf(exchange.entries(TRACKS), "mine"))
    tracks = root.findall(f"{XSPF}trackList/{XSPF}track")
    assert [track.findtext(f"{XSPF}location") for track in tracks] == [
        "./a%20b/%C3%BC%26%231.mp3",
        "file:///whole/%3Cx%3E.flac",
        "file:///C:/Music/z.mp3",
        "./a%3Ab.mp3",
    ]
    assert [track.findtext(f"{XSPF}title") for track in tracks] == ["Öl", "<x>", "T", "t"]
    assert tracks[0].findtext(f"{XSPF}creator") == "Ana & Bo"
    assert [track.findtext(f"{XSPF}duration") for track in tracks] == [
        "61000",
        None,
        "2000",
        "1000",
    ]


def test_rekordbox_has_a_collection_and_lists_that_point_into_it(tmp_path):
    tracks = exchange.entries(TRACKS)
    root = ElementTree.fromstring(
        exchange.rekordbox({"one": tracks, "two": tracks[:1]}, tmp_path, "0")
    )
    collection = root.find("COLLECTION")
    assert collection.get("Entries") == str(len(collection)) == "4"
    first = collection[0].attrib
    assert first["Location"].startswith("file://localhost/")
    assert unquote(urlsplit(first["Location"]).path) == str(tmp_path / "a b/ü&#1.mp3")
    assert (first["AverageBpm"], first["Tonality"], first["TotalTime"]) == ("128.04", "Am", "61")
    assert "AverageBpm" not in collection[1].attrib
    one, two = root.findall("PLAYLISTS/NODE/NODE")
    assert [track.get("Key") for track in one] == ["1", "2", "3", "4"]
    assert [track.get("Key") for track in two] == ["1"]


def test_itunes_is_a_property_list(tmp_path):
    made = exchange.itunes({"one": exchange.entries(TRACKS)}, tmp_path)
    read = plistlib.loads(made.encode())
    assert read["Tracks"]["1"]["BPM"] == 128
    assert read["Tracks"]["1"]["Total Time"] == 61000
    assert [item["Track ID"] for item in read["Playlists"][0]["Playlist Items"]] == [1, 2, 3, 4]


@given(
    st.lists(
        st.fixed_dictionaries(
            {"path": st.text(min_size=1), "artist": st.text(), "title": st.text()}
        ),
        max_size=4,
    )
)
def test_no_name_breaks_xml(rows):
    tracks = exchange.entries(pd.DataFrame(rows, columns=["path", "artist", "title"]))
    for made in (
        exchange.xspf(tracks, "x"),
        exchange.rekordbox({"x": tracks}, Path("/"), "0"),
        exchange.itunes({"x": tracks}, Path("/")),
    ):
        ElementTree.fromstring(made.encode())
        assert exchange.is_ours(made[:1000])


def test_the_command_makes_one_playlist_with_what_tags_say(cli, demo, tmp_path):
    mutagen = pytest.importorskip("mutagen")
    music = tmp_path / "music"
    shutil.copytree(demo, music)
    tagged = mutagen.File(music / "house-128bpm-a-minor.mp3", easy=True)
    # Some formats say an artist twice.
    tagged.update({"artist": ["Ana", "Ana"], "title": "One", "date": "1987-05-01"})
    tagged.save()
    table, features = tmp_path / "genres.csv", tmp_path / "features.csv"
    names = sorted(path.name for path in music.iterdir() if path.suffix in (".mp3", ".flac"))
    pd.DataFrame({"path": names, "genre": "electronic", "probability": 0.4}).to_csv(
        table, index=False
    )
    pd.DataFrame({"path": names, "tempo": 120.0, "energy": 0.5}).to_csv(features, index=False)
    out = music / "mine.m3u8"
    given = ("playlist", table, "--features", features, "--audio", music)
    status, said, _ = cli(*given, "-o", out, "--where", "energy > 0.3 and year < 1990")
    assert (status, said.split()[0]) == (0, "1")
    lines = out.read_text("utf-8").splitlines()
    assert lines[2].endswith(",Ana - One")
    assert int(lines[2].split(":")[1].split(",")[0]) > 0
    assert lines[3] == "house-128bpm-a-minor.mp3"
    absolute = tmp_path / "all.xspf"
    assert cli(*given, "-o", absolute, "--paths", "absolute")[0] == 0
    assert absolute.read_text().count(f"<location>file://{music}/") == len(names)
    assert cli(*given, "-o", tmp_path / "lists", "--by", "decade", "--type", "xml")[0] == 0
    assert [path.name for path in (tmp_path / "lists").iterdir()] == ["1980.xml"]
    status, _, err = cli("playlist", features, "-o", out, "--where", "mood == 'happy'")
    assert (status, "no tag_happy: mood follows from it" in err) == (1, True)
    status, _, err = cli("playlist", features, "-o", out, "--where", "__import__('os')")
    assert (status, "is not understood" in err) == (2, True)


NOT_NEEDED = {
    "numba",
    "scipy.fft",
    "scipy.special",
    "sklearn",
    "xgboost",
    "earmark.extract.batch.run",
}
"""What takes long to import, and reads, compares and plays no table."""


@pytest.mark.parametrize("asked", ["playlist {} -o list.m3u8", "info {}"])
def test_what_is_made_of_a_table_imports_nothing_that_hears(asked, source, tmp_path):
    source.frame.to_parquet(tmp_path / "t.parquet")
    code = (
        "import sys\nfrom earmark import pipeline\n"
        "try:\n    pipeline.main(sys.argv[1:])\n"
        f"finally:\n    print(sorted({NOT_NEEDED!r} & sys.modules.keys()))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code, *asked.format("t.parquet").split()],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(Path(earmark.__file__).parents[1])},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (result.returncode, result.stdout.splitlines()[-1]) == (0, "[]"), result.stderr


@pytest.mark.slow
def test_a_hundred_thousand_rows_of_five_hundred_columns_take_two_seconds(tmp_path):
    """The whole command, cold: what the processor does, which others on the machine change less."""
    names = schema.of("default+musicnn", DEFAULTS).names
    random = np.random.default_rng(0)
    table = pd.DataFrame(random.normal(size=(100_000, len(names))).astype(np.float32), None, names)
    table["energy"], table["tempo"] = random.random(100_000), random.uniform(60, 200, 100_000)
    table.insert(0, "path", [f"{place}.mp3" for place in range(len(table))])
    table.insert(1, "sha256", [f"{place:064x}" for place in range(len(table))])
    assert len(table.columns) > 500
    big = FeatureTable.of(table).recognised()
    tables.write(big, tmp_path / "big.parquet", schema.of("default+musicnn", DEFAULTS))
    rule = "energy > 0.7 and 120 <= tempo <= 130"
    command = [sys.executable, "-m", "earmark", "playlist", "big.parquet", "--where", rule]
    taken = []
    for _ in range(3):
        before = os.times()
        subprocess.run(
            [*command, "-o", "a.m3u8"],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(Path(earmark.__file__).parents[1])},
            check=True,
            capture_output=True,
        )
        taken.append(sum(os.times()[2:4]) - sum(before[2:4]))
    lines = (tmp_path / "a.m3u8").read_text().splitlines()
    kept = table[(table["energy"] > 0.7) & table["tempo"].between(120, 130)]
    assert set(lines[3::2]) == set(kept["path"])
    # Where nobody else computes, it is 1.6.
    assert min(taken) < 3
