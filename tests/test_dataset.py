"""Labels meet a table: every way to name them, and every way to get them wrong."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from earmark.classify.dataset import build, splits
from earmark.extract.errors import LabelError, SchemaError


@pytest.fixture
def table(tmp_path):
    """Write a table of eight tracks in two folders and return its path."""
    rng = np.random.default_rng(0)
    rows = [(f"{genre}/{index}.mp3", genre) for genre in ("jazz", "rock") for index in range(4)]
    frame = pd.DataFrame(
        {
            "path": [path for path, _ in rows],
            "sha256": [f"{number:064x}" for number in range(8)],
            "tempo": rng.normal(120, 10, 8).astype(np.float32),
            "flatness": rng.normal(0, 1, 8).astype(np.float32),
        }
    )
    path = tmp_path / "features.csv"
    frame.to_csv(path, index=False)
    return path


def labels(tmp_path, text, name="labels.csv"):
    path = tmp_path / name
    path.write_text(text)
    return str(path)


def every(extra=""):
    rows = [f"{g}/{i}.mp3,{g},{g} artist {i // 2}\n" for g in ("jazz", "rock") for i in range(4)]
    return "path,genre,artist\n" + "".join(rows) + extra


@pytest.mark.parametrize("key", ["path", "file", "filename"])
def test_csv_is_matched_by_path_under_any_of_three_names(table, tmp_path, key):
    data = build.build(table, labels(tmp_path, every().replace("path", key, 1)))
    assert data.labels.tolist() == ["jazz"] * 4 + ["rock"] * 4
    assert data.groups.iloc[0] == "jazz artist 0"
    assert data.features.columns.tolist() == ["tempo", "flatness"]


def test_csv_is_matched_by_name_only_where_that_is_unique(tmp_path):
    frame = pd.DataFrame(
        {"path": ["a/1.mp3", "b/1.mp3", "a/2.mp3", "b/3.mp3"], "x": [1.0, 2.0, 3.0, 4.0]}
    )
    frame.to_csv(tmp_path / "t.csv", index=False)
    text = "file,genre\n1.mp3,jazz\n2.mp3,jazz\n3.mp3,rock\n"
    with pytest.raises(LabelError, match=r"not in the table: 1\.mp3"):
        build.build(tmp_path / "t.csv", labels(tmp_path, text))


def test_backslashes_name_the_same_track(table, tmp_path):
    data = build.build(table, labels(tmp_path, every().replace("/", "\\")))
    assert len(data.labels) == 8


def test_folders_are_labels(table):
    assert build.build(table, "folders").labels.unique().tolist() == ["jazz", "rock"]


def test_a_flat_table_has_no_folders(tmp_path):
    pd.DataFrame({"path": ["1.mp3", "2.mp3"], "x": [1.0, 2.0]}).to_csv(
        tmp_path / "t.csv", index=False
    )
    with pytest.raises(LabelError, match="no folders to take the genre from"):
        build.build(tmp_path / "t.csv", "folders")


def test_tags_are_labels(demo, tmp_path):
    import earmark

    table = earmark.table([demo])
    doubled = pd.concat([table, table.assign(path="copy/" + table["path"])])
    doubled.to_csv(tmp_path / "t.csv", index=False)
    with pytest.raises(LabelError, match="only one track each of"):
        build.build(tmp_path / "t.csv", "tags", audio=demo)
    with pytest.raises(LabelError, match="name their folder with --audio"):
        build.build(tmp_path / "t.csv", "tags")


def test_unknown_tracks_are_named(table, tmp_path):
    path = labels(tmp_path, every("rock/9.mp3,rock,x\n"))
    with pytest.raises(LabelError, match=r"names 1 tracks that are not in the table: rock/9\.mp3"):
        build.build(table, path)
    assert len(build.build(table, path, ignore_unknown=True).labels) == 8


def test_a_track_that_failed_is_not_unknown(table, tmp_path):
    (tmp_path / "features.failures.csv").write_text(
        "path,stage,error,message\nrock/9.mp3,decode,DecodeError,is empty\n"
    )
    assert len(build.build(table, labels(tmp_path, every("rock/9.mp3,rock,x\n"))).labels) == 8


def test_unlabelled_tracks_are_counted(table, tmp_path):
    text = every().replace("rock/3.mp3,rock", "rock/3.mp3,")
    data = build.build(table, labels(tmp_path, text))
    assert data.notes == ["1 of 8 tracks have no label and were left out"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name,genre\n1,2\n", r"has no column path, file or filename"),
        ("path,style\njazz/0.mp3,x\n", r"has no column 'genre'"),
        ("path,genre\nelsewhere.mp3,jazz\n", r"none of its 1 tracks is in the table"),
        ("path,genre\n", r"has no row with both"),
        ("", r"cannot be read as CSV"),
        ("path,genre,artist\n", r"has no row with both"),
        (every("jazz/0.mp3,rock,x\n"), r"gives more than one genre for jazz/0\.mp3"),
        (every().replace("rock,", "jazz,"), r"all 8 labelled tracks are 'jazz'"),
        (
            "path,genre,artist\njazz/0.mp3,jazz,a\njazz/1.mp3,jazz,a\n"
            "rock/0.mp3,rock,a\nrock/1.mp3,rock,a\n",
            r"belong to one group",
        ),
    ],
)
def test_bad_labels_are_refused_before_any_training(table, tmp_path, text, message):
    with pytest.raises(LabelError, match=message):
        build.build(table, labels(tmp_path, text))


def test_a_genre_of_one_track_is_left_out_and_said(table, tmp_path):
    text = every().replace("0.mp3,rock,", "0.mp3,hard rock,")
    data = build.build(table, labels(tmp_path, text))
    assert set(data.labels) == {"jazz", "rock"}
    assert any("left out, with one track each" in note for note in data.notes)
    assert any("hard rock" in note for note in data.notes)


def test_a_value_that_no_descriptor_has_is_named(table, tmp_path):
    frame = pd.read_csv(table)
    for wild in (np.inf, 1e300):
        frame.loc[2, "tempo"] = wild
        frame.to_csv(table, index=False)
        with pytest.raises(SchemaError, match=r"tempo of jazz/2\.mp3 is (inf|1e\+300)"):
            build.build(table, labels(tmp_path, every()))


def test_numbers_that_name_an_artist_are_not_learned_from(table, tmp_path):
    frame = pd.read_csv(table).assign(artist=[1, 1, 2, 2, 3, 3, 4, 4], genre=["a", "b"] * 4)
    frame.to_csv(table, index=False)
    data = build.build(table)
    assert data.features.columns.tolist() == ["tempo", "flatness"]
    assert data.groups.nunique() == 4


def test_where_some_artists_are_unknown_that_is_said(table, tmp_path):
    text = every().replace("jazz artist 0", "")
    data = build.build(table, labels(tmp_path, text))
    assert any("2 of 8 tracks have no artist and no album" in note for note in data.notes)


def test_a_genre_may_be_called_none(table, tmp_path):
    data = build.build(table, labels(tmp_path, every().replace("rock,", "None,")))
    assert set(data.labels) == {"jazz", "None"}


def test_a_genre_of_one_artist_is_said(table, tmp_path):
    data = build.build(table, labels(tmp_path, every().replace("rock artist 1", "rock artist 0")))
    assert "all tracks of rock are by one artist" in data.notes[0]


def test_a_missing_table_says_how_to_make_it(tmp_path):
    with pytest.raises(SchemaError, match="does not exist; make it with `earmark extract`"):
        build.build(tmp_path / "none.parquet", "folders")


def test_no_group_and_no_track_crosses_a_fold(table, tmp_path):
    frame = pd.read_csv(table)
    windows = pd.concat(
        [frame.assign(start=start, seconds=6.0) for start in (0.0, 6.0)], ignore_index=True
    )
    windows.to_csv(table, index=False)
    data = build.build(table, labels(tmp_path, every()))
    tested = []
    for train, test in splits.folds(data, 2, seed=0):
        assert not set(data.groups[train]) & set(data.groups[test])
        assert not set(data.tracks[train]) & set(data.tracks[test])
        tested += test.tolist()
    assert sorted(tested) == list(range(16))


def test_weights_balance_tracks_and_genres(table, tmp_path):
    frame = pd.read_csv(table)
    windows = pd.concat([frame, frame.iloc[[0] * 5], frame.iloc[4:6]], ignore_index=True)
    windows.to_csv(table, index=False)
    data = build.build(table, labels(tmp_path, every()))
    weights = pd.Series(build.weights(data))
    assert weights.groupby(data.labels).sum().round(9).nunique() == 1
    assert weights.groupby(data.tracks).sum().round(9).nunique() == 1


def test_descriptors_are_ignored_by_name(table, tmp_path):
    data = build.build(table, labels(tmp_path, every()), ignore=["flatness"])
    assert data.features.columns.tolist() == ["tempo"]
    assert data.columns == ["tempo", "flatness"]
    assert build.without(["key", "key_confidence", "keys"], ["key"]) == ["keys"]
    with pytest.raises(LabelError, match="no column is of a descriptor 'chroma'"):
        build.build(table, labels(tmp_path, every()), ignore=["chroma"])
    with pytest.raises(LabelError, match="nothing is left to learn from"):
        build.build(table, labels(tmp_path, every()), ignore=["tempo", "flatness"])


def test_what_says_more_of_the_file_is_not_learned_from(demo, tmp_path):
    import earmark

    table = earmark.table([demo])
    table.to_csv(tmp_path / "t.csv", index=False)
    genres = zip(table["path"], ["jazz"] * 3 + ["reggae"] * 3, strict=True)
    text = "path,genre\n" + "".join(f"{path},{genre}\n" for path, genre in genres)
    data = build.build(tmp_path / "t.csv", labels(tmp_path, text))
    assert data.about["set"] == "default-5"
    assert not {"duration_ms", "loudness"} & set(data.features)
    assert {"duration_ms", "loudness"} < set(data.columns)

    # Who names others does not bring them back; who wants one back is told so.
    more = build.build(tmp_path / "t.csv", labels(tmp_path, text), ignore=["key", "mode"])
    assert not {"duration_ms", "loudness", "key", "mode"} & set(more.features)
    back = build.build(tmp_path / "t.csv", labels(tmp_path, text), use=["loudness"])
    assert set(back.features) - set(data.features) == {"loudness"}
    assert any("about the file than about the music: loudness" in note for note in back.notes)
    everything = build.build(tmp_path / "t.csv", labels(tmp_path, text), keep_all=True)
    assert list(everything.features) == everything.columns
    with pytest.raises(LabelError, match="'tempo' is not left out by default: only duration_ms"):
        build.build(tmp_path / "t.csv", labels(tmp_path, text), use=["tempo"])
    with pytest.raises(LabelError, match="'loudness' cannot both be used and be ignored"):
        build.build(
            *(tmp_path / "t.csv", labels(tmp_path, text)), ignore=["loudness"], use=["loudness"]
        )


@pytest.mark.parametrize("separator", [";", "\t"])
def test_csv_is_read_as_people_save_it(table, tmp_path, separator):
    text = every().replace(",", separator).replace("path", " Path", 1).replace("genre", "Genre ", 1)
    path = tmp_path / "labels.csv"
    path.write_bytes(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())
    data = build.build(table, str(path), label="Genre")
    assert data.labels.tolist() == ["jazz"] * 4 + ["rock"] * 4
    assert data.groups.iloc[0] == "jazz artist 0"


def test_a_csv_in_another_encoding_or_none_says_what_to_do(table, tmp_path):
    (tmp_path / "labels.csv").write_bytes("path,genre\ncafé.mp3,jazz\n".encode("latin-1"))
    with pytest.raises(LabelError, match="save it as CSV in UTF-8"):
        build.build(table, str(tmp_path / "labels.csv"))
    with pytest.raises(LabelError, match="does not exist; check the spelling"):
        build.build(table, str(tmp_path / "none.csv"))


def test_there_are_no_more_folds_than_tracks_allow(table):
    data = build.build(table, "folders")
    assert len(list(splits.folds(data, 50, seed=0))) == 4
    assert "no artists are known" in data.notes[0]


def test_a_fold_that_leaves_one_genre_is_refused(tmp_path):
    frame = pd.DataFrame(
        {
            "path": [f"{index}.mp3" for index in range(8)],
            "x": np.arange(8.0),
            "genre": ["jazz"] * 4 + ["rock"] * 4,
            "artist": ["a"] * 4 + ["b"] * 4,
        }
    )
    frame.to_csv(tmp_path / "t.csv", index=False)
    data = build.build(tmp_path / "t.csv")
    with pytest.raises(LabelError, match=r"a fold leaves only '(jazz|rock)' to learn from"):
        list(splits.folds(data, 2, seed=0))


def test_a_descriptor_is_ignored_without_its_neighbours():
    columns = ["tempo", "tempo_confidence", "tempo_pattern_00", "mfcc_00_mean", "rms_std"]
    columns += ["mfcc_difference_00_std", "loudness", "loudness_range", "mfcc_kurtosis_01"]
    left = build.without(columns, ["tempo", "mfcc", "loudness"])
    assert left == ["tempo_pattern_00", "rms_std", "mfcc_difference_00_std", "loudness_range"]
