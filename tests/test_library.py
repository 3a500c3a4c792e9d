"""A library is searched, filtered, sorted and paged; its genres come from wherever they are."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import earmark
from earmark.classify.library import library, playlists
from earmark.classify.library.library import Query
from earmark.extract import tables
from earmark.extract.batch import run
from earmark.extract.errors import LabelError, SchemaError


@pytest.fixture
def songs(tmp_path):
    """A small table such as Spotify's, as a file."""
    path = tmp_path / "songs.csv"
    pd.DataFrame(
        {
            "track_id": ["t1", "t2", "t3", "t4", "t5"],
            "artists": ["Björk;Tricky", "Sigur Rós", "Motörhead", "Beyoncé", None],
            "album_name": ["Post", "Ágætis byrjun", "Ace of Spades", "Lemonade", "<b>x</b>"],
            "track_name": ["Enjoy", "Svefn-g-englar", "Ace of Spades", "Sorry", "ÆON FLUX"],
            "popularity": [50, 60, 70, 80, 0],
            "explicit": [False, False, True, True, False],
            "tempo": [90.0, 60.0, 140.0, 130.0, np.nan],
            "key": [0, 5, 3, 5, -1],
            "mode": [1, 0, 1, 1, 0],
            "energy": [0.6, 0.2, 0.95, 0.7, 0.1],
            "track_genre": ["electronic", "ambient", "metal", "pop", "pop"],
        }
    ).to_csv(path, index=False)
    return library.open_library(path)


def found(songs, **query):
    return songs.tracks["path"].iloc[songs.select(Query(**query))].tolist()


def test_a_table_of_spotifys_kind_is_a_library(songs):
    assert songs.tracks.columns.tolist() == [
        *("path", "title", "artist", "album", "genre"),
        *("tempo", "key", "mode", "energy", "popularity", "explicit"),
    ]
    assert songs.genres == ["pop", "ambient", "electronic", "metal"]
    assert songs.tracks["explicit"].tolist() == [0, 0, 1, 1, 0]
    assert len(songs) == 5


@pytest.mark.parametrize(
    ("text", "paths"),
    [
        ("", ["t1", "t2", "t3", "t4", "t5"]),
        ("bjork", ["t1"]),
        ("BJÖRK", ["t1"]),
        ("spades ace", ["t3"]),
        ("pop beyonce", ["t4"]),
        ("agætis", ["t2"]),
        ("aeon", ["t5"]),
        ("<B>", ["t5"]),
        ("ror", []),
        (".*", []),
        ("t1\n", ["t1"]),
    ],
)
def test_all_words_must_occur_in_any_order_case_and_accent(songs, text, paths):
    assert found(songs, text=text) == paths


def test_words_of_two_columns_do_not_run_together(songs):
    assert found(songs, text="enjoybjork") == []
    assert found(songs, text="enjoy bjork") == ["t1"]


def test_genres_and_ranges_narrow_it_down(songs):
    assert found(songs, genres=("pop", "metal")) == ["t3", "t4", "t5"]
    assert found(songs, genres=("pop", "unknown")) == ["t4", "t5"]
    assert found(songs, genres=("unknown",)) == []
    # The fifth has no tempo.
    assert found(songs, ranges={"tempo": (0, 1000)}) == ["t1", "t2", "t3", "t4"]
    assert found(songs, ranges={"tempo": (90, 130), "energy": (0.65, 1)}) == ["t4"]
    assert found(songs, ranges={"key": (5, 5), "mode": (1, 1)}) == ["t4"]
    assert found(songs, text="o", genres=("pop",), ranges={"popularity": (1, 100)}) == ["t4"]


def test_what_is_missing_comes_last_both_ways(songs):
    assert found(songs, sort="tempo") == ["t2", "t1", "t4", "t3", "t5"]
    assert found(songs, sort="tempo", descending=True) == ["t3", "t4", "t1", "t2", "t5"]
    assert found(songs, sort="artist") == ["t4", "t1", "t3", "t2", "t5"]
    assert found(songs, sort="title", descending=True)[0] == "t2"


def test_a_column_that_is_not_there_is_named(songs):
    with pytest.raises(SchemaError, match="no column 'mood'; it has path, title, artist"):
        songs.select(Query(sort="mood"))
    with pytest.raises(SchemaError, match="no column 'mood'"):
        songs.select(Query(ranges={"mood": (0, 1)}))


def test_a_page_is_part_of_the_rows_and_says_where_they_stand(songs):
    rows = songs.select(Query(sort="popularity", descending=True))
    assert songs.page(rows, 0, 2)["path"].to_dict() == {3: "t4", 2: "t3"}
    assert songs.page(rows, 2, 2)["path"].to_dict() == {4: "t5"}
    assert not len(songs.page(rows, 3, 2))


def test_windows_become_tracks_as_everywhere():
    table = pd.DataFrame(
        {
            "path": ["b.mp3", "a.mp3", "a.mp3", "a.mp3", "a.mp3"],
            "start": [0.0, 0.0, 6.0, 12.0, 18.0],
            "seconds": 6.0,
            "sha256": "0",
            "energy": [0.9, 0.2, 0.4, 0.2, 0.4],
            "key": [3, 11, 0, 11, np.nan],
            "tempo": [90.0, 100.0, 100.0, 200.0, np.nan],
            "duration_ms": [np.nan, 6000, 6000, 6000, 4000],
        }
    )
    made = library.from_table(table).tracks
    assert made["path"].tolist() == ["b.mp3", "a.mp3"]
    np.testing.assert_allclose(made["energy"], [0.9, 0.3], rtol=1e-6)
    assert made["key"].tolist() == [3, 11]
    assert made["tempo"].tolist() == [90, 100]
    np.testing.assert_array_equal(made["duration_ms"], [np.nan, 22_000])
    assert "#EXTINF:22," in playlists.text(made)


def test_a_track_that_is_listed_twice_is_no_longer_for_that():
    table = pd.DataFrame({"path": ["a", "b", "a"], "duration_ms": [5000, 6000, 5000]})
    assert library.from_table(table).tracks["duration_ms"].tolist() == [5000, 6000]


def test_genres_come_from_predictions_labels_or_folders(tmp_path):
    table, predictions = tmp_path / "t.parquet", tmp_path / "p.csv"
    rows = pd.DataFrame({"path": ["jazz/a.mp3", "rock/b.mp3"], "sha256": "0", "energy": [0.1, 0.9]})
    rows.to_parquet(table)
    assert library.open_library(table).genres == []
    assert len(library.open_library(table).select(Query(genres=("jazz",)))) == 0
    assert library.open_library(table, "folders").tracks["genre"].tolist() == ["jazz", "rock"]
    tables.write(
        pd.DataFrame({"path": ["rock/b.mp3"], "genre": ["pop"], "probability": [0.75]}), predictions
    )
    named = library.open_library(table, predictions)
    assert named.tracks["genre"].isna().tolist() == [True, False]
    assert named.tracks["probability"].iloc[1] == 0.75
    assert named.tracks["genre"].iloc[named.select(Query(genres=("pop",)))].tolist() == ["pop"]
    labels = tmp_path / "l.csv"
    labels.write_text("file,style\na.mp3,bebop\nnone.mp3,x\n", encoding="utf-8")
    styled = library.open_library(table, labels, label="style")
    assert styled.genres == ["bebop"]
    with pytest.raises(LabelError, match="has no column 'mood'"):
        library.open_library(table, labels, label="mood")
    with pytest.raises(LabelError, match="has no column 'mood'"):
        library.open_library(table, label="mood")
    with pytest.raises(SchemaError, match="does not exist"):
        library.open_library(tmp_path / "none.csv")


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_predictions_name_tracks_as_labels_may(tmp_path, ending):
    table, predictions = tmp_path / "t.parquet", tmp_path / f"p.{ending}"
    rows = pd.DataFrame({"path": ["a.mp3", "b.mp3", "c.mp3", "d.mp3"], "energy": 0.5})
    rows.to_parquet(table)
    # From one folder further up; of two that are called b the one in place is meant, of two that
    # are called d nobody knows.
    paths = ["Music/a.mp3", "Music/b.mp3", "b.mp3", "x/d.mp3", "y/d.mp3", "z.mp3"]
    genres = [1980, 1990, 2000, 1980, 1990, 1980]
    said = pd.DataFrame({"path": paths, "genre": genres, "probability": 0.5})
    tables.write(said, predictions)
    own = library.open_library(table, predictions)
    assert own.tracks["genre"].fillna("").tolist() == ["1980", "2000", "", ""]
    assert own.tracks["probability"].notna().tolist() == [True, True, False, False]
    assert own.genres == ["1980", "2000"]
    tables.write(said.tail(1), predictions)
    with pytest.raises(LabelError, match=r"none of its 1 tracks is in the table; it says 'z\.mp3'"):
        library.open_library(table, predictions)


def test_predictions_alone_are_a_library(tmp_path):
    path = tmp_path / "p.csv"
    rows = {"path": ["b", "a"], "genre": ["x", None], "probability": [0.5, None]}
    rows |= {"genre_2": ["y", None], "probability_2": [0.2, None]}
    tables.write(pd.DataFrame(rows), path)
    own = library.open_library(path)
    assert own.tracks.columns.tolist() == ["path", "genre", "probability"]
    assert found(own, sort="probability") == ["b", "a"]
    with pytest.raises(SchemaError, match="no descriptors"):
        _ = own.index


@pytest.mark.slow
def test_a_model_names_the_genres_of_a_table_like_its_own(demo, songs):
    rows = run.extract([demo], run.Extraction("default", windows=6)).table
    bundle = earmark.load("light")
    own = library.from_table(rows).predicted(bundle)
    expected = bundle.predict(rows)
    assert own.tracks["genre"].tolist() == expected["genre"].tolist()
    assert own.tracks["duration_ms"].notna().all()
    assert set(own.index.nearest(0)["path"]) < set(own.tracks["path"])
    with pytest.raises(SchemaError, match="has other columns than the model"):
        songs.predicted(bundle)


def test_a_foreign_table_shows_its_own_numbers():
    table = pd.DataFrame({"path": ["a"], "year": [1999], "weird": [1.5], "Unnamed: 0": [0]})
    assert library.from_table(table).numbers == ["year", "weird"]


def test_keys_in_words_are_left_out():
    # As in a table of Spotify's that goes round.
    table = pd.DataFrame(
        {
            "genre": ["Movie", "Opera"],
            "track_id": ["a", "b"],
            "tempo": [166.969, 90.0],
            "key": ["C#", "F"],
            "mode": ["Major", "Minor"],
            "time_signature": ["4/4", "3/4"],
            "explicit": ["false", "true"],
        }
    )
    own = library.from_table(table)
    assert own.numbers == ["tempo", "explicit"]
    assert own.tracks["explicit"].tolist() == [0, 1]


@pytest.mark.real_audio
def test_spotifys_table_is_searched_and_grouped(shared):
    own = library.open_library(shared / "spotify" / "spotify_tracks.csv.gz")
    assert (len(own), len(own.genres)) == (69989, 114)
    rows = own.select(Query(genres=("k-pop",), ranges={"tempo": (100, 120)}, sort="popularity"))
    part = own.tracks.iloc[rows]
    assert set(part["genre"]) == {"k-pop"}
    assert part["tempo"].between(100, 120).all()
    assert part["popularity"].is_monotonic_increasing
    near = own.index.nearest(int(rows[-1]))
    assert near["similarity"].iloc[0] > 0.9
