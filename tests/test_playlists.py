"""Playlists that every player reads, whatever tracks and genres are called."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from earmark.classify.library import places, playlists
from earmark.extract import tables
from earmark.extract.errors import FindError, SchemaError

ROWS = pd.DataFrame(
    {
        "path": ["b.mp3", "a/1.mp3", "c.flac", "d.ogg", "e.wav"],
        "genre": ["rock", "jazz", "rock", "rock", None],
        "probability": [0.6, 0.9, 0.95, 0.4, float("nan")],
    }
)


def entries(text):
    """Return what a player would play."""
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def test_a_playlist_says_length_artist_and_title_where_they_are_known():
    rows = pd.DataFrame(
        {
            "path": ["x/one.mp3", "/abs/two.flac", "three.ogg"],
            "artists": ["Ana; Bo", None, ""],
            "track_name": ["Öl", "Second", None],
            "duration_ms": [61_499, float("nan"), 2000],
        }
    )
    assert playlists.text(rows).split("\n") == [
        "#EXTM3U",
        "#EARMARK",
        "#EXTINF:61,Ana; Bo - Öl",
        "x/one.mp3",
        "#EXTINF:-1,Second",
        "/abs/two.flac",
        "#EXTINF:2,three",
        "three.ogg",
        "",
    ]


def test_the_seconds_of_a_window_are_not_those_of_the_track():
    rows = pd.DataFrame({"path": ["a.mp3"], "start": [0.0], "seconds": [6.0]})
    assert "#EXTINF:-1,a" in playlists.text(rows)


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("#1 hit.mp3", "./#1 hit.mp3"),
        (" lead.mp3", "./ lead.mp3"),
        ("http://example.org/a.mp3", "./http://example.org/a.mp3"),
        ("../out.mp3", "../out.mp3"),
        ("C:\\Music\\a.mp3", "C:\\Music\\a.mp3"),
    ],
)
def test_a_path_is_no_comment_and_no_address(path, line):
    assert playlists.text(pd.DataFrame({"path": [path]})).splitlines()[-1] == line


@given(
    st.lists(
        st.fixed_dictionaries(
            {"path": st.text(min_size=1), "artist": st.text(), "title": st.text()}
        ),
        max_size=4,
    )
)
def test_no_name_breaks_the_format(rows):
    written = playlists.text(pd.DataFrame(rows, columns=["path", "artist", "title"]))
    lines = written.split("\n")
    assert (lines[:2], lines[-1]) == (["#EXTM3U", "#EARMARK"], "")
    pairs = lines[2:-1]
    assert len(pairs) == len(written.splitlines()) - 2
    assert all(line.startswith("#EXTINF:-1,") for line in pairs[::2])
    played = {line.removeprefix("./") for line in pairs[1::2]}
    assert not any(line.startswith("#") for line in pairs[1::2])
    assert played <= {row["path"].removeprefix("./") for row in rows}
    written.encode("utf-8")


def test_a_playlist_for_each_genre_holds_the_sure_tracks_the_surest_first(tmp_path):
    made, _ = playlists.write(ROWS, tmp_path / "lists")
    assert [(one.name, one.path.name, one.tracks) for one in made] == [
        ("jazz", "jazz.m3u8", 1),
        ("rock", "rock.m3u8", 2),
    ]
    assert entries(made[1].path.read_text("utf-8")) == ["c.flac", "b.mp3"]
    everything, _ = playlists.write(ROWS, tmp_path / "lists", at_least=0)
    assert entries(everything[1].path.read_text("utf-8")) == ["c.flac", "b.mp3", "d.ogg"]
    assert sorted(entry.name for entry in (tmp_path / "lists").iterdir()) == [
        "jazz.m3u8",
        "rock.m3u8",
    ]


def test_without_probabilities_all_tracks_count_and_are_sorted_by_path(tmp_path):
    rows = ROWS.drop(columns="probability").assign(mood=["x", "y", "x", "x", "x"])
    made, _ = playlists.write(rows, tmp_path, by="mood")
    assert entries(made[0].path.read_text("utf-8")) == ["b.mp3", "c.flac", "d.ogg", "e.wav"]


@pytest.mark.parametrize(
    ("genre", "name"),
    [
        ("rock", "rock"),
        ("r&b/soul", "r&b_soul"),
        ("../x", "_x"),
        ("..", "_"),
        ("CON", "_CON"),
        ("com1.live", "_com1.live"),
        ("a:b*c?", "a_b_c_"),
        ("tail. ", "tail"),
        ("\x1b[2J\u202e", "_[2J_"),
        ("e\u0301", "é"),
        ("日本" * 80, "日本" * 20),
    ],
)
def test_the_name_of_a_file_is_safe_on_every_system(genre, name):
    assert places.filename(genre) == name


@given(st.text())
def test_no_genre_leaves_the_folder(genre):
    name = places.filename(genre)
    assert name == Path(name).name not in ("", ".", "..")
    assert len(name.encode()) <= places.LONGEST + 1


def test_genres_that_differ_in_case_or_signs_only_have_files_of_their_own(tmp_path):
    rows = pd.DataFrame({"path": list("abc"), "genre": ["R&B", "r&b", "a/b"]})
    made, _ = playlists.write(
        pd.concat([rows, rows.assign(genre=["a:b"] * 3, path=list("def"))]), tmp_path
    )
    assert sorted(one.path.name for one in made) == [
        "R&B.m3u8",
        "a_b (2).m3u8",
        "a_b.m3u8",
        "r&b (2).m3u8",
    ]


@pytest.mark.parametrize("ending", [".m3u8", ".xspf", ".xml"])
def test_other_peoples_files_are_kept_and_the_others_are_written(tmp_path, ending):
    foreign = tmp_path / f"rock{ending}"
    foreign.write_text("#EXTM3U\nmine.mp3\n")
    made, kept = playlists.write(ROWS, tmp_path, ending=ending)
    assert [one.path.name for one in made] == [f"jazz{ending}"]
    assert "stands there already and was not made" in str(kept[0])
    assert foreign.read_text() == "#EXTM3U\nmine.mp3\n"
    foreign.unlink()
    foreign.mkdir()
    assert len(playlists.write(ROWS, tmp_path, ending=ending)[1]) == 1
    foreign.rmdir()
    assert len(playlists.write(ROWS, tmp_path, ending=ending)[0]) == 2
    assert len(playlists.write(ROWS, tmp_path, ending=ending)[0]) == 2


def test_one_that_was_made_before_is_replaced(tmp_path):
    playlists.write(ROWS, tmp_path)
    playlists.write(ROWS.assign(path=["1", "2", "3", "4", "5"]), tmp_path)
    assert entries((tmp_path / "rock.m3u8").read_text("utf-8")) == ["3", "1"]


def test_a_column_that_is_not_there_is_named(tmp_path):
    with pytest.raises(SchemaError, match="no column 'mood'; it has path, genre, probability"):
        playlists.write(ROWS, tmp_path, by="mood")


def test_the_files_of_a_folder_are_named_as_seen_from_the_playlist(tone, tmp_path):
    tone("music/a/1.wav")
    tone("music/line\nbreak.wav")
    music = tmp_path / "music"
    inside = places.locate(music, music / "lists")
    assert inside["a/1.wav"] == "../a/1.wav"
    assert inside["line\nbreak.wav"] == (music / "line\nbreak.wav").as_uri()
    assert places.locate(music, tmp_path / "lists")["a/1.wav"] == str(music / "a" / "1.wav")
    with pytest.raises(FindError, match="does not exist"):
        places.locate(tmp_path / "none", tmp_path)


def test_the_command_writes_playlists_that_lead_to_the_tracks(cli, demo, tmp_path):
    predictions, out = tmp_path / "genres.csv", tmp_path / "lists"
    tables.write(
        pd.DataFrame(
            {
                "path": ["waltz-96bpm-f-major.flac", "house-128bpm-a-minor.mp3", "gone.mp3"],
                "genre": ["classical", "electronic", "electronic"],
                "probability": [0.8, 0.7, 0.9],
            }
        ),
        predictions,
    )
    status, said, err = cli("playlist", predictions, "-o", out, "--audio", demo)
    assert status == 0
    assert "electronic" in said
    assert "1 track is not in" in err
    (played,) = entries((out / "electronic.m3u8").read_text("utf-8"))
    assert Path(played).samefile(demo / "house-128bpm-a-minor.mp3")
    _, _, err = cli("playlist", predictions, "-o", out, "--at-least", 0.75)
    assert "1 of 3 is in no playlist: the genre is less probable than 0.75 (--at-least)" in err
    unnamed = pd.read_csv(predictions).assign(genre=["classical", None, None])
    unnamed.to_csv(predictions, index=False)
    _, _, err = cli("playlist", predictions, "-o", out, "--at-least", 0)
    assert "2 of 3 are in no playlist: no genre" in err
    status, _, err = cli("playlist", predictions, "-o", out, "--at-least", 0.99)
    assert status == 1
    assert "no track has a genre with a probability of 0.99" in err
    assert cli("playlist", predictions, "-o", out, "--by", "mood")[0] == 1
