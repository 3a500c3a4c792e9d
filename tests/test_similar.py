"""Similar tracks: on paper, on the demo tracks and on real music."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import earmark
from earmark.classify.library import ask, library, meant, similar
from earmark.extract import schema, sets, tables
from earmark.extract.batch import run
from earmark.extract.errors import DecodeError, FindError, SchemaError
from earmark.extract.feature_table import FeatureTable


@pytest.fixture
def toy():
    """Six tracks along a circle: their neighbours are known on paper."""
    angles = np.array([0, 10, 25, 90, 180, 200]) * np.pi / 180
    return pd.DataFrame(
        {
            "path": [f"{letter}.mp3" for letter in "abcdef"],
            "x": np.cos(angles),
            "y": np.sin(angles),
            "constant": 3.3,
            "key": [0, 11, 3, 5, 0, 11],
            "Unnamed: 0": range(6),
        }
    )


def test_pitches_names_and_what_is_about_the_file_are_not_compared(toy):
    assert similar.compared(toy) == ["x", "y", "constant"]
    made = toy.assign(sha256="0", loudness=-9.0, duration_ms=1, mode=1, tonnetz_00_mean=1.0)
    assert similar.compared(made) == ["x", "y", "constant"]
    with pytest.raises(SchemaError, match="no descriptors to compare tracks by"):
        similar.compared(toy[["path", "key"]])


def test_vectors_have_length_one_and_a_constant_says_nothing(toy):
    vectors = similar.standardised(toy, ["x", "y", "constant"])
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, rtol=1e-6)
    assert not vectors[:, 2].any()
    expected = (toy[["x", "y"]] - toy[["x", "y"]].mean()) / toy[["x", "y"]].std(ddof=0)
    expected = expected.div(np.linalg.norm(expected, axis=1), axis=0)
    np.testing.assert_allclose(vectors[:, :2], expected, atol=1e-6)


def test_the_nearest_come_first_and_the_track_itself_never(toy):
    index = similar.index(toy)
    found = index.nearest(0, 2)
    assert found["path"].tolist() == ["b.mp3", "c.mp3"]
    assert found["similarity"].is_monotonic_decreasing
    cosine = float(index.vectors[0] @ index.vectors[1])
    assert found["similarity"][0] == pytest.approx(cosine)
    assert len(index.nearest(0, 99)) == 5


def test_what_is_missing_counts_as_the_mean_and_silence_is_like_nothing(toy):
    toy.loc[1, "x"] = np.nan
    toy.loc[2, ["x", "y", "constant"]] = np.nan
    toy.loc[3, "y"] = np.inf
    index = similar.index(toy)
    assert index.vectors[1, 0] == 0
    assert np.isfinite(index.vectors).all()
    assert len(index.nearest(2)) == 0
    assert "c.mp3" not in set(index.nearest(0)["path"])


def test_windows_are_averaged_per_track(toy):
    halves = [toy.assign(x=toy["x"] + step, start=step, seconds=6.0) for step in (-0.3, 0.3)]
    index = similar.index(pd.concat(halves))
    whole = similar.index(toy)
    assert index.paths.tolist() == whole.paths.tolist()
    np.testing.assert_allclose(index.vectors, whole.vectors, atol=1e-6)


def test_paths_may_be_numbers_and_none_may_be_missing(toy, cli, tmp_path):
    numbered, gaps = tmp_path / "numbered.parquet", tmp_path / "gaps.parquet"
    toy.assign(path=range(6)).to_parquet(numbered)
    toy.assign(path=["a", "b", None, "d", None, "f"]).to_parquet(gaps)
    status, out, _ = cli("similar", "1", numbered, "-n", 2)
    assert status == 0
    assert [line.split("\t")[1] for line in out.splitlines()] == ["0", "2"]
    assert len(library.open_library(numbered).index.nearest(0)) == 5
    status, _, err = cli("similar", "a", gaps)
    assert status == 1
    assert f"{gaps}: 2 of its 6 rows have no path, the first of them row 3; name their" in err
    with pytest.raises(SchemaError, match="have no path"):
        library.open_library(gaps)
    with pytest.raises(SchemaError, match="have no path"):
        similar.index(pd.read_parquet(gaps))


def test_a_table_without_provenance_is_recognised_once(toy, monkeypatch):
    seen = []
    of = schema.of
    monkeypatch.setattr(schema, "of", lambda name, *more: seen.append(name) or of(name, *more))
    ask.find("a.mp3", toy)
    assert seen == list(sets.SETS)


def test_duplicates_are_named_once_or_when_asked_for(toy):
    twice = pd.concat([toy, toy.assign(path="copy of " + toy["path"])], ignore_index=True)
    index = similar.index(twice)
    assert index.nearest(0, 2)["path"].tolist() == ["b.mp3", "c.mp3"]
    assert index.nearest(0, 3, duplicates=True)["path"].tolist() == [
        "copy of a.mp3",
        "b.mp3",
        "copy of b.mp3",
    ]


def test_several_seeds_and_a_way_between_two(toy):
    index = similar.index(toy.drop(5))
    assert index.near([0, 2], 2)["path"].tolist() == ["b.mp3", "d.mp3"]
    assert len(index.near([0, 1, 2, 3, 4], 3)) == 0
    circle = np.arange(0, 180, 5) * np.pi / 180
    arc = pd.DataFrame({"path": range(72), "x": [*np.cos(circle), *-np.cos(circle)]})
    arc["y"] = [*np.sin(circle), *-np.sin(circle)]
    ready = similar.index(arc)
    way = ready.between(0, 18, 7)
    assert way.tolist() == [0, 3, 6, 9, 12, 15, 18]
    assert ready.between(0, 18, 2).tolist() == [0, 18]
    assert len(set(ready.between(0, 1, 30).tolist())) == 30


def test_many_tracks_are_found_as_by_comparing_all(monkeypatch):
    random = np.random.default_rng(0)
    factors = random.normal(size=(8, 60))
    table = pd.DataFrame(random.normal(size=(5000, 8)) @ factors + random.normal(size=(5000, 60)))
    table = table.add_prefix("x").assign(path=range(5000))
    index = similar.index(table)
    whole = [index.nearest(place, 10, duplicates=True) for place in range(20)]
    monkeypatch.setattr(similar, "MANY", 1000)
    monkeypatch.setattr(similar, "AXES", 12)
    quick = similar.index(table).prepare()
    for place, expected in enumerate(whole):
        pd.testing.assert_frame_equal(quick.nearest(place, 10, duplicates=True), expected)
    # It is the axes that are searched, not all.
    assert quick.sketch[1].shape == (5000, 12)


@pytest.mark.parametrize(
    "values",
    [
        np.random.default_rng(0).normal(size=100_000),
        np.arange(100_000),
        np.zeros(100_000),
        np.tile([0, *[1] * 15], 6250),
        np.tile([1, *[0] * 15], 6250),
        np.arange(3),
    ],
)
def test_about_so_many_of_the_highest_are_found_however_they_lie(values):
    values = values.astype(np.float32)
    rows = similar._highest(values, 2000)
    assert min(1000, len(values)) <= len(rows) <= 4000
    assert values[rows].min() >= np.sort(values)[max(len(values) - 4000, 0)]
    assert (np.diff(rows) > 0).all()


def test_a_track_is_named_by_words_and_slips_do_no_harm():
    rows = pd.DataFrame(
        {
            "path": ["x/01.mp3", "x/02.mp3", "y/03.mp3"],
            "artist": ["Björk", "Björk", "Miles Davis"],
            "title": ["Jóga", "Hyperballad", "So What"],
            "x": [0.0, 1.0, 2.0],
        }
    )
    source = FeatureTable.of(rows)
    assert meant.named("miles so what", source) == "y/03.mp3"
    assert meant.named("bjork: JOGA", source) == "x/01.mp3"
    assert meant.named("bjrok hyperbalad", source) == "x/02.mp3"
    assert meant.named("01", source) == "x/01.mp3"
    with pytest.raises(FindError, match=r"several such tracks: x/01\.mp3; x/02\.mp3; say more"):
        meant.named("bjork", source)
    for nothing in ("Coltrane", "", "???"):
        with pytest.raises(FindError, match="no such track"):
            meant.named(nothing, source)


def test_reasons_say_what_both_have_in_common(cli, tmp_path):
    random = np.random.default_rng(2)
    table = pd.DataFrame(
        {
            "path": [f"{place}.mp3" for place in range(40)],
            "spectral_centroid_mean": random.normal(2000, 100, 40),
            "tempo": random.normal(120, 5, 40),
            "tag_rock": random.uniform(0, 0.1, 40),
        }
    )
    table.loc[[0, 1], "spectral_centroid_mean"] = 900
    table.loc[[0, 1], "tag_rock"] = 0.0
    table.loc[[2, 3], "tag_rock"] = 0.8, 0.7
    path = tmp_path / "t.parquet"
    table.to_parquet(path)
    status, out, _ = cli("similar", "0", path, "-n", 1, "--why")
    alike, name, reasons = out.rstrip("\n").split("\t")
    assert (status, name, float(alike) > 0.9) == (0, "1.mp3", True)
    assert reasons.startswith("timbre: darker than usual")
    _, out, _ = cli("similar", "2", path, "-n", 1, "--why")
    assert out.split("\t")[1:] == ["3.mp3", "sounds like: rock\n"]
    # What is alike in no word says nothing: neither has been heard as anything.
    table.loc[[4, 5], ["tag_rock", "spectral_centroid_mean"]] = 0.0, 2000
    table.to_parquet(path)
    _, out, _ = cli("similar", "4", path, "-n", 5, "--why")
    assert not any(line.endswith("sounds like") for line in out.splitlines())


@pytest.mark.parametrize("count", [1, 2])
def test_few_tracks_are_no_error(toy, count):
    index = similar.index(toy.head(count))
    assert len(index.nearest(0)) <= count - 1


def test_a_file_is_found_by_its_sum_or_analysed_like_the_table(demo, tone, tmp_path):
    job = run.Extraction("default", windows=6)
    rows = run.extract([demo], job).table
    waltz = demo / "waltz-96bpm-f-major.flac"
    copy = tmp_path / "renamed.flac"
    copy.write_bytes(waltz.read_bytes())
    by_name = ask.find(waltz.name, rows)
    assert waltz.name not in set(by_name["path"])
    pd.testing.assert_frame_equal(ask.find(str(copy), rows), by_name)
    pd.testing.assert_frame_equal(ask.find("waltz-96bpm-f-major.mp3", rows), by_name)
    others = rows[rows["path"] != waltz.name]
    pd.testing.assert_frame_equal(ask.find(str(waltz), others), by_name)
    with pytest.raises(FindError, match=r"none\.mp3: t\.csv has no such track, and there is no"):
        ask.find("none.mp3", FeatureTable.of(rows, "t.csv"))
    (tmp_path / "text.mp3").write_text("no audio")
    with pytest.raises(DecodeError, match="not audio"):
        ask.find(str(tmp_path / "text.mp3"), rows)
    older = tables.metadata(job.schema) | {"fingerprint": "0"}
    with pytest.raises(SchemaError, match="another version of Earmark"):
        ask.find(str(waltz), FeatureTable.of(others, provenance=older))
    with pytest.raises(SchemaError, match="was not made by Earmark"):
        ask.find(str(waltz), others.drop(columns="sha256"))


def test_the_command_prints_a_line_for_each_track(cli, demo, tmp_path):
    table = tmp_path / "t.csv"
    assert cli("extract", demo, "-o", table, "-q")[0] == 0
    status, out, _ = cli("similar", "waltz-96bpm-f-major.flac", table, "-n", 2)
    assert status == 0
    lines = [line.split("\t") for line in out.splitlines()]
    assert len(lines) == 2
    assert all(-1 <= float(alike) <= 1 and path.count("bpm") == 1 for alike, path in lines)
    status, _, err = cli("similar", "none", table)
    assert (status, "has no such track" in err) == (1, True)


@pytest.mark.real_audio
@pytest.mark.slow
def test_real_music_by_one_artist_is_similar_and_a_re_encoding_is_a_double(shared, tmp_path):
    labels = pd.read_csv(shared / "emotify" / "tracks.csv").set_index("file")
    table = earmark.table([shared / "emotify" / "audio"], workers=2)
    index = similar.index(table)
    genres = labels["genre"].reindex(index.paths).to_numpy()
    same = [
        (genres[index.nearest(place)["place"]] == genre).mean()
        for place, genre in enumerate(genres)
    ]
    # By chance a quarter would be.
    assert np.mean(same) > 0.4
    # Two pairs of Emotify are one recording each.
    inside = [index.nearest(place, 5, duplicates=True)["path"] for place in range(len(genres))]
    outside = [index.nearest(place, 5)["path"] for place in range(len(genres))]
    lost = [set(a) - set(b) for a, b in zip(inside, outside, strict=True)]
    assert sum(map(bool, lost)) >= 4
