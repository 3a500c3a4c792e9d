"""Who belongs together: artists, albums, recordings that stand in a table more than once."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import soundfile

import earmark
from earmark.classify.dataset import build, duplicates, groups, splits
from earmark.extract import sets
from earmark.extract.audio import decode
from earmark.extract.errors import LabelError


def found(count, **pairs):
    """Return duplicates among tracks that are called by their number."""
    empty = {kind: np.empty((0, 2), np.int64) for kind in duplicates.KINDS}
    given = {kind: np.array(values, np.int64) for kind, values in pairs.items()}
    return duplicates.Duplicates(
        np.array([f"{n}.mp3" for n in range(count)], object), empty | given
    )


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("  The  Beatles ", "the beatles"),
        ("BJÖRK", "björk"),
        ("Bjo\u0308rk", "björk"),
        ("A;B", "a"),
        ("A; B", "a"),
        ("A feat. B", "a"),
        ("A (ft. B)", "a"),
        ("A Featuring B", "a"),
        ("Little Feat", "little feat"),
        ("Defeat The Odds", "defeat the odds"),
        ("Earth, Wind & Fire", "earth, wind & fire"),
        ("Various  Artists", None),
        ("VA", None),
        (" ", None),
        (None, None),
        (np.nan, None),
    ],
)
def test_an_artist_is_known_by_any_spelling(name, key):
    assert groups.artist_key(name) == key


def test_two_spellings_that_share_a_file_are_one_group():
    artists = ["The Beatles", "Beatles", "the beatles", "Beatles, The", "Kinks", None]
    keys, joined = groups.joined(artists, [None] * 6, found(6, file=[(0, 1)]))
    assert joined.tolist() == ["The Beatles"] * 3 + ["Beatles, The", "Kinks", "5.mp3"]
    assert keys.tolist() == ["The Beatles", "Beatles", "The Beatles", *joined[3:]]


def test_a_group_is_called_by_its_artist_where_one_is_known():
    artists = ["Unknown Artist", None, "Kinks", None]
    _, joined = groups.joined(artists, [None, "X", None, None], found(4, features=[(0, 2), (0, 1)]))
    assert joined.tolist() == ["Kinks"] * 3 + ["3.mp3"]


def test_albums_join_what_has_no_artist():
    artists = ["A", "A", "various artists", "", None, None]
    albums = ["X", "Y", "Hits 42", "hits  42", "Greatest Hits", "greatest hits"]
    keys, joined = groups.joined(artists, albums, found(6))
    assert joined.tolist() == ["A", "A", *["Hits 42 (album)"] * 2, "4.mp3", "5.mp3"]
    assert keys.tolist() == joined.tolist()


def table(rows, columns=5, seed=0):
    return pd.DataFrame(np.random.default_rng(seed).normal(size=(rows, columns))).add_prefix("x")


def test_files_and_numbers_that_are_the_same_are_found():
    features = table(6)
    features.iloc[4] = features.iloc[1]
    paths = pd.Series([f"{n}.mp3" for n in range(6)])
    sums = pd.Series(["a", "b", "c", "a", "e", None])
    double = duplicates.find(features, paths, sums, {})
    assert double.counts() == {"file": 2, "features": 2, "recoded": 0}
    assert double.examples("file") == [("0.mp3", "3.mp3")]
    assert double.examples("features") == [("1.mp3", "4.mp3")]
    assert double.disagreements(list("uvwuzz")) == 1
    assert double.summary()["file"] == {"tracks": 2, "examples": [("0.mp3", "3.mp3")]}


def test_silences_are_no_duplicates():
    features = table(6)
    features.iloc[:2] = 0.0
    features.iloc[2:4] = np.nan
    double = duplicates.find(features, pd.Series(list("abcdef")), None, {})
    assert double.counts()["features"] == 0


def test_windows_make_a_double_only_in_their_order():
    features = table(2)
    rows = pd.concat([features, features, features.iloc[::-1], features.iloc[[0]]])
    paths = pd.Series(list("aabbccd"))
    double = duplicates.find(rows.reset_index(drop=True), paths, None, {})
    assert double.examples("features") == [("a", "b")]


def test_one_recording_of_spotifys_has_another_popularity_elsewhere():
    features = table(4, 13).set_axis(list(sets.SPOTIFY_COLUMNS), axis=1)
    twice = pd.concat([features, features.iloc[[1]]], ignore_index=True).assign(popularity=range(5))
    double = duplicates.find(twice, pd.Series(list("abcde")), None, {})
    assert double.examples("features") == [("b", "e")]


@pytest.fixture(scope="module")
def recoded(demo, tmp_path_factory):
    """The demo tracks, each also at a lower bit rate and in another format."""
    folder = tmp_path_factory.mktemp("recoded")
    for path in sorted(entry for entry in demo.iterdir() if entry.suffix in (".mp3", ".flac")):
        with decode.open_audio(path) as audio:
            samples = np.concatenate([block.copy() for block in audio.blocks])
        rate = audio.sample_rate
        soundfile.write(folder / f"{path.stem}.ogg", samples, rate)
        low = {"bitrate_mode": "CONSTANT", "compression_level": 0.7}
        soundfile.write(folder / f"{path.stem}.mp3", samples, rate, **low)
        (folder / path.name.replace(".", "-0.")).write_bytes(path.read_bytes())
    return earmark.tracks_and_windows([folder])


@pytest.mark.parametrize("part", [0, 1])
def test_the_same_audio_is_found_at_another_bit_rate(recoded, part):
    rows = recoded[part]
    columns = rows.columns.drop(["path", "sha256", "start", "seconds"], errors="ignore")
    double = duplicates.find(
        *(rows[columns], rows["path"], rows["sha256"], {"set": "default-4"}, rows.get("seconds"))
    )
    stems = [path.rsplit(".", 1)[0].removesuffix("-0") for path in double.tracks]
    ours = pd.Series(double.recordings()).groupby(stems)
    assert len(ours) > 1
    assert (ours.nunique() == 1).all()
    assert len(set(double.recordings())) == len(ours)
    other = duplicates.find(rows[columns], rows["path"], rows["sha256"], {"set": "fma-1"})
    assert other.counts()["recoded"] == 0


@pytest.mark.real_audio
@pytest.mark.slow
def test_tracks_of_one_artist_are_different_recordings(shared):
    rows = earmark.table([shared / "emotify" / "audio"])
    columns = rows.columns.drop(["path", "sha256"])
    double = duplicates.find(
        rows[columns], rows["path"], rows["sha256"], {"set": "default-4"}, None
    )
    # Emotify does hold two recordings twice.
    assert double.examples("recoded") == [
        ("electronic-28.mp3", "electronic-30.mp3"),
        ("rock-72.mp3", "rock-75.mp3"),
    ]


def written(tmp_path, frame, name="t.csv"):
    frame.to_csv(tmp_path / name, index=False)
    return tmp_path / name


def music(rows=40, **columns):
    genres = np.array(["jazz", "rock"])[np.arange(rows) % 2]
    return table(rows).assign(genre=genres, **columns)


def test_artists_and_duplicates_of_a_table_are_joined(tmp_path):
    frame = music(artists=[f"Artist {n // 4};x" for n in range(40)])
    frame.iloc[7, :5] = frame.iloc[8, :5]
    data = build.build(written(tmp_path, frame))
    assert data.grouped_by == "artist"
    assert (data.groups.nunique(), data.keys.nunique()) == (9, 10)
    assert data.groups[[4, 8]].nunique() == 1
    assert data.duplicates.counts()["features"] == 2
    assert "1 recordings that are there more than once stand under more than one genre" in (
        data.notes
    )
    part = data.subset(np.arange(40) < 20)
    assert (len(part.features), len(part.keys), part.duplicates) == (20, 20, None)


def test_a_column_that_was_asked_for_is_all_that_groups(tmp_path):
    frame = music(artist="one", session=[f"s{n // 10}" for n in range(40)])
    data = build.build(written(tmp_path, frame), group="session")
    assert (data.grouped_by, data.groups.nunique()) == ("session", 4)
    albums = build.build(written(tmp_path, music(album=["a", "b"] * 20, artist=" ")))
    assert (albums.grouped_by, albums.groups.nunique()) == ("album", 2)


def test_flags_and_categories_of_spotifys_table_are_inputs(tmp_path):
    frame = music(explicit=["True", "False"] * 19 + ["", "true"], key=[*range(10)] * 4)
    data = build.build(written(tmp_path, frame))
    assert data.categorical == ["explicit", "key"]
    assert data.features["explicit"].sum() == 20
    assert data.features["explicit"].isna().sum() == 1


def test_names_and_numbers_of_rows_are_not_learned_from(tmp_path):
    frame = music(track_id=range(100, 140))
    frame.insert(0, "Unnamed: 0", range(40))
    data = build.build(written(tmp_path, frame))
    assert data.features.columns.tolist() == [f"x{n}" for n in range(5)]
    assert data.tracks[0] == "100"
    frame.loc[3, "track_id"] = 100
    again = build.build(written(tmp_path, frame))
    assert again.features.columns.tolist() == [f"x{n}" for n in range(5)]
    assert again.tracks[0] == "row 0"


def test_labels_match_by_the_column_and_the_part_of_the_name_that_fit(tmp_path):
    frame = table(8).assign(filename=[f"jazz.{n:05d}.wav" for n in range(8)])
    known = pd.DataFrame(
        {
            "file": ["jazz.00000.au", *[None] * 7],
            "track": [f"jazz.{n:05d}" for n in range(8)],
            "genre": ["a", "b"] * 4,
            "fold": [1, 1, 2, 2, 3, 3, None, 3],
        }
    )
    path = str(written(tmp_path, known, "labels.csv"))
    data = build.build(written(tmp_path, frame), path, split="fold")
    assert data.labels.tolist() == ["a", "b"] * 4
    pairs = list(splits.published_folds(data))
    assert [test.tolist() for _, test in pairs] == [[0, 1], [2, 3], [4, 5, 7]]
    assert all(6 not in train for train, _ in pairs)
    with pytest.raises(LabelError, match="has no column 'part' to split by; it has file"):
        build.build(tmp_path / "t.csv", path, split="part")


def split_by(tmp_path, values):
    frame = music(len(values), part=values)
    return build.build(written(tmp_path, frame), split="part")


def test_a_published_test_part_is_tested_once(tmp_path):
    data = split_by(tmp_path, ["Train", "train", "VALID", "dev", *["Test"] * 4, "", ""])
    ((train, test),) = splits.published_folds(data)
    assert (train.tolist(), test.tolist()) == ([0, 1, 2, 3], [4, 5, 6, 7])
    assert "2 of 10 tracks have no published fold: they are in neither part" in data.notes


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (["test"] * 8, "has only one part \\('test'\\)"),
        (["test", "eval"] * 4, "no part to train on, only 'eval', 'test'"),
        (["train", "dev"] * 4, "no part to test on, only 'dev', 'train'"),
        (["test", "1"] * 4, "a part 'test' and one that is '1'"),
        (["train", "test"] * 4, "a fold leaves only 'jazz' to learn from"),
    ],
)
def test_values_that_make_no_split_are_refused(tmp_path, values, message):
    with pytest.raises(LabelError, match=message):
        list(splits.published_folds(split_by(tmp_path, values)))
    with pytest.raises(LabelError, match="no column with a published split was named"):
        list(splits.published_folds(build.build(tmp_path / "t.csv")))


def test_groups_that_cross_a_published_split_are_counted(tmp_path):
    frame = music(artist=[f"a{n // 8}" for n in range(40)], part=["train"] * 20 + ["test"] * 20)
    data = build.build(written(tmp_path, frame), split="part")
    assert splits.crossing(data) == 1
    assert len(list(splits.published_folds(data))) == 1


def test_many_groups_are_dealt_out_evenly_and_none_crosses(tmp_path, monkeypatch):
    frame = music(600, artist=[f"a{n // 3}" for n in range(600)])
    data = build.build(written(tmp_path, frame))
    monkeypatch.setattr(splits, "MANY_GROUPS", 100)
    tested = []
    for train, test in splits.folds(data, 5, seed=1):
        assert not set(data.groups[train]) & set(data.groups[test])
        assert data.labels[test].value_counts().between(54, 66).all()
        tested += test.tolist()
    assert sorted(tested) == list(range(600))


def test_random_folds_regard_nothing_but_genres(tmp_path):
    frame = music(artist=[f"a{n // 8}" for n in range(40)])
    data = build.build(written(tmp_path, frame))
    pairs = list(splits.random_folds(data, 4, seed=0))
    assert sorted(np.concatenate([test for _, test in pairs])) == list(range(40))
    for train, test in pairs:
        assert data.labels[test].value_counts().tolist() == [5, 5]
        assert set(data.groups[train]) & set(data.groups[test])


@pytest.mark.real_audio
def test_published_splits_of_gtzan_work_as_they_are(shared):
    folder = shared / "gtzan"
    given = (folder / "features_167.csv", str(folder / "tracks.csv"))
    data = build.build(*given, split="fault_filtered")
    ((train, test),) = splits.published_folds(data)
    assert (len(train), len(test)) == (639, 290)
    folds = list(splits.published_folds(build.build(*given, split="artist_fold")))
    assert len(folds) == 3
    assert sum(len(test) for _, test in folds) == 947


@pytest.mark.real_audio
def test_spotifys_table_gives_fifteen_inputs_and_groups_its_recordings(shared):
    data = build.build(shared / "spotify" / "spotify_tracks.csv.gz", label="track_genre")
    assert data.features.shape == (69989, 15)
    assert data.categorical == ["explicit", "key", "mode", "time_signature"]
    assert data.features.notna().all().all()
    assert (data.groups.nunique(), data.keys.nunique()) == (57201, 69989)
