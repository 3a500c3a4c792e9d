"""Reasons in words, tags, parts of a long recording, unsure genres, and what is synthetic."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import soundfile

import earmark
from earmark.classify import demo as demos
from earmark.classify import reasons, score, segments, sound_tags
from earmark.extract.descriptor_docs import described
from earmark.extract.engine import registry
from earmark.extract.errors import BundleError, SchemaError, SettingsError

NORMAL = pd.DataFrame(
    {"middle": [2000.0, 0.0, 0.5, np.nan, 120.0, 0.3], "spread": [400.0, 10.0, 0.2, np.nan, 30, 1]},
    index=["spectral_centroid_mean", "mfcc_01_mean", "acousticness", "mode", "tempo", "popularity"],
)


def told(added, values, tags=None):
    """Return the words of each family for one track, by family."""
    heard = pd.DataFrame([tags or {}], index=["a.mp3"])
    contributions = pd.DataFrame([added], index=["a.mp3"], columns=NORMAL.index, dtype=float)
    track = pd.DataFrame([values], index=["a.mp3"], columns=NORMAL.index, dtype=float)
    found = reasons.by_family(contributions, track, {"a.mp3": "jazz"}, NORMAL, heard)
    assert found.columns.tolist() == reasons.COLUMNS
    # All that the columns add is told, and no more.
    assert found["contribution"].sum() == pytest.approx(sum(added))
    assert found["contribution"].is_monotonic_decreasing
    return dict(zip(found["family"], found["words"], strict=True))


# By families.


def test_every_descriptor_of_a_set_has_a_family_and_words_for_columns_that_it_has():
    for entry in described():
        assert entry.family in registry.FAMILIES, entry.name
        names = [column.name for column in entry.columns(earmark.extract.config.DEFAULTS)]
        for pattern in entry.words:
            said = [name for name in names if entry.says(name) is entry.words[pattern]]
            assert said, f"{entry.name}: no column is called {pattern}"


def test_a_family_that_does_not_exist_is_refused():
    with pytest.raises(ValueError, match="family 'taste' does not exist; there is timbre"):
        registry.descriptor("track", family="taste")(lambda track: 0.0)


def test_words_say_how_a_track_compares_with_the_usual():
    bright = [2600, -20, 0.5, 1, 120, 0.3]
    assert told([0.4, 0.2, 0, 0, 0, 0], bright)["timbre"] == "brighter than usual"
    # The first cepstral coefficient is high where the bass outweighs.
    dark = [1400, 20, 0.5, 1, 120, 0.3]
    assert told([0.4, 0.2, 0, 0, 0, 0], dark)["timbre"] == "darker than usual"
    both = [2600, -20, 0.1, 1, 120, 0.3]
    assert told([0.2, 0.2, 0.9, 0, 0, 0], both)["timbre"] == (
        "less acoustic and brighter than usual"
    )


def test_what_is_usual_is_not_said():
    assert told([0.4, 0.2, 0, 0, 0, 0], [2050, -1, 0.5, 1, 120, 0.3])["timbre"] == ""


def test_what_columns_of_one_meaning_disagree_about_is_not_said():
    assert told([0.4, 0.2, 0, 0, 0, 0], [2600, 15, 0.5, 1, 120, 0.3])["timbre"] == ""


def test_words_speak_the_way_the_family_does():
    # It is brighter, which speaks for the genre; the family as a whole speaks against it.
    found = told([0.4, 0.1, -0.9, 0, 0, 0], [2600, -20, 0.9, 1, 120, 0.3])
    assert found["timbre"] == "more acoustic than usual"


def test_a_category_is_named_and_a_tempo_given():
    found = told([0, 0, 0, 0.3, 0.2, 0], [2000, 0, 0.5, 0, 174.4, 0.3])
    assert found["harmony"] == "in a minor key"
    assert found["rhythm"] == "faster than usual (174 BPM)"


def test_a_column_that_nobody_declared_is_its_own_family():
    assert told([0, 0, 0, 0, 0, -1], [2000, 0, 0.5, 0, 120, 2.3]) == {
        "popularity": "higher than usual"
    }


def test_tags_are_the_words_of_what_it_sounds_like():
    names = ["musicnn_000", "tag_rock", "tag_sad"]
    contributions = pd.DataFrame([[1.0, 0.2, -0.1]], ["a"], names)
    values = pd.DataFrame([[0.0, 0.4, 0.5]], ["a"], names)
    normal = pd.DataFrame({"middle": [0.0, 0.1, 0.1], "spread": 1.0}, names)
    tags = pd.DataFrame([[0.4, 0.5, 0.3]], ["a"], ["tag_rock", "tag_sad", "tag_jazz"])
    given = ({"a": "rock"}, normal, tags)
    found = reasons.by_family(contributions, values, *given)
    # Sadness speaks against it; of jazz nothing is known.
    assert found["words"].tolist() == ["rock, jazz"]
    against = reasons.by_family(contributions * [-1, 1, 1], values, *given)
    assert against["words"].tolist() == ["sad, jazz"]
    nothing = reasons.by_family(contributions, values, {"a": "rock"}, normal, tags * 0)
    assert nothing["words"].tolist() == ["other rock"]


def test_what_is_slight_is_not_told():
    found = pd.DataFrame(
        [
            ("a", "jazz", "timbre", "darker than usual", 2.0),
            ("a", "jazz", "voice", "", 0.1),
            ("a", "jazz", "mood", "less cheerful than usual", -0.5),
        ],
        columns=reasons.COLUMNS,
    )
    assert reasons.told(found, 1) == ["timbre: darker than usual"]
    assert reasons.told(found, -1) == ["mood: less cheerful than usual"]
    assert reasons.told(found.iloc[:1], -1) == []


def test_families_add_up_to_what_all_columns_do(demo):
    model = earmark.load()
    table = earmark.table([demo], set=model.set_name)
    by_family = model.explain(table, by="families")
    everything = model.explain(table, top=len(model.inputs))
    for path, own in by_family.groupby("path"):
        columns = everything[everything["path"] == path]
        assert own["contribution"].sum() == pytest.approx(columns["contribution"].sum(), abs=1e-9)
        assert set(own["genre"]) == set(columns["genre"])
        assert set(own["family"]) <= set(registry.FAMILIES)


def test_a_model_of_spotifys_table_tells_reasons_too(demo):
    model = earmark.load("spotify")
    table = earmark.table([demo], set="spotify")
    found = model.explain(table, by="families")
    assert found["path"].nunique() == 6
    assert found["words"].str.contains("than usual").any()
    # Audio has no popularity: it says nothing.
    assert not {"popularity", "explicit"} & set(found["family"])


# Categories.


def test_the_key_of_windows_is_the_commonest_and_never_a_mean():
    tracks = np.array(["a"] * 3 + ["b"] * 2, object)
    values = np.array([[11, 1], [0, 1], [11, 0], [2, 0], [2, 0]], np.float32)
    added = np.ones((5, 2))
    found = score.ranked(added, values, tracks, ["jazz"] * 5, ["key", "mode"], top=2)
    by = found.set_index(["path", "feature"])["value"]
    assert by.to_dict() == {
        ("a", "key"): 11,
        ("a", "mode"): 1,
        ("b", "key"): 2,
        ("b", "mode"): 0,
    }


def test_what_stands_in_for_a_category_is_one_of_its_values():
    model = earmark.load("spotify")
    features = pd.DataFrame([dict.fromkeys(model.inputs, 0.5)]).drop(columns=["explicit"])
    filled = score._filled(model, features.assign(time_signature=4.0, key=9.0, mode=0.0))
    values = dict(zip(model.inputs, filled[0], strict=True))
    assert values["explicit"] in model.categories["explicit"]
    assert (values["key"], values["mode"], values["time_signature"]) == (9, 0, 4)


# Unsure.


@pytest.fixture
def logits():
    rows = np.log([[0.6, 0.3, 0.1], [0.2, 0.45, 0.35], [np.nan] * 3])
    return pd.DataFrame(rows, index=["a", "b", "c"], columns=["jazz", "rock", "pop"])


def test_a_genre_that_is_less_probable_stays_empty_and_its_probability_stays(logits):
    found = score.named(logits, 2, 0.5)
    assert found.loc["a", "genre"] == "jazz"
    assert found.loc["a", "genre_2"] == "rock"
    assert found.loc["b", ["genre", "genre_2"]].isna().all()
    assert found.loc["b", "probability"] == pytest.approx(0.45)
    assert found.loc["c"].isna().all()
    # What is exactly as probable is named.
    assert score.named(logits, 1, 0.45).loc["b", "genre"] == "rock"
    pd.testing.assert_frame_equal(score.named(logits, 2, 0.0), score.named(logits, 2))


@pytest.mark.parametrize("wrong", [-0.1, 1.5, float("nan")])
def test_a_least_probability_is_one(logits, wrong):
    with pytest.raises(SettingsError, match="between 0 and 1"):
        score.named(logits, 2, wrong)


def test_unsure_tracks_are_marked_and_counted(cli, demo, tmp_path):
    output = tmp_path / "genres.csv"
    status, out, err = cli("classify", demo, "-o", output, "--min-probability", 1, "-q")
    assert status == 0
    found = pd.read_csv(output)
    assert found[["genre", "genre_2", "genre_3"]].isna().all(axis=None)
    assert found["probability"].between(0, 1).all()
    assert "6 without a genre: less probable than 1" in err
    assert len(re.findall(r"│ \?  ", out)) == 6
    assert cli("classify", demo, "--min-probability", 1.1, "-q")[0] == 2


# Tags.


def test_the_strongest_tags_are_named_as_listeners_write_them():
    values = pd.Series({"tag_hip_hop": 0.3, "tag_female_vocalist": 0.4, "tag_rock": 0.05})
    values["tag_female_vocalists"], values["musicnn_000"], values["tag_pop"] = 0.2, 9.0, np.nan
    assert sound_tags.strongest(values) == [("female vocalists", 0.4), ("Hip-Hop", 0.3)]
    assert sound_tags.strongest(values, top=1) == [("female vocalists", 0.4)]


def test_tags_stand_in_the_predictions(cli, demo, tmp_path):
    track, output = demo / "house-128bpm-a-minor.mp3", tmp_path / "genres.csv"
    status, out, _ = cli("classify", track, "--tags", "-o", output, "-q")
    assert status == 0
    found = pd.read_csv(output).iloc[0]
    tags, chances = found["tags"].split("; "), found["tag_probabilities"].split("; ")
    assert len(tags) == len(chances) <= 5
    assert "dance" in tags
    chances = [float(chance) for chance in chances]
    assert chances == sorted(chances, reverse=True)
    assert chances[-1] >= sound_tags.LEAST
    assert tags[0] in out
    # The genre is what it is without them.
    cli("classify", track, "-o", tmp_path / "plain.csv", "-q")
    plain = pd.read_csv(tmp_path / "plain.csv").iloc[0]
    assert "tags" not in plain
    assert plain["genre"] == found["genre"]
    assert plain["probability"] == pytest.approx(found["probability"], abs=1e-6)


def test_tags_of_a_table_need_their_columns(cli, demo, tmp_path):
    bare, both = tmp_path / "bare.parquet", tmp_path / "both.parquet"
    track = demo / "house-128bpm-a-minor.mp3"
    cli("extract", track, "-o", both, "--set", "default+musicnn", "-q")
    table = earmark.extract.tables.read(both)
    model = earmark.load()
    names = [name for name in table.frame if name in {"path", "sha256", *model.columns}]
    earmark.extract.tables.write(table.frame[names], bare)
    made = tmp_path / "genres.csv"
    assert cli("classify", both, "--tags", "-o", made, "-q")[0] == 0
    assert "dance" in pd.read_csv(made).loc[0, "tags"]
    if "musicnn" not in str(model.set):
        status, out, err = cli("classify", bare, "--tags", "-o", tmp_path / "no.csv", "-q")
        assert (status, out) == (1, "")
        assert "has no tags; make it with `earmark extract --set default+musicnn`" in err


def test_a_model_whose_set_goes_with_no_tags_says_what_to_do(cli, demo, tmp_path):
    status, out, err = cli(
        "classify", demo, "-m", "spotify", "--tags", "-o", tmp_path / "no.csv", "-q"
    )
    assert (status, out) == (1, "")
    assert "earmark extract --set musicnn" in err
    with pytest.raises(BundleError, match="spotify"):
        score.extraction_of(earmark.load("spotify"), "it", tags=True)


# Parts.


def spans_of(*lengths, path="a"):
    starts = np.cumsum([0, *lengths[:-1]])
    return pd.DataFrame({"path": path, "start": starts, "seconds": lengths})


def test_windows_become_parts_and_neighbours_of_a_genre_are_joined():
    spans = spans_of(*[10.0] * 6, 4.0)
    logits = np.array([[2, 0], [1, 0], [0, 1], [0, 3], [np.nan] * 2, [3, 0], [0, 1.0]])
    found, mean = segments.joined(spans, logits, 10)
    assert found["start"].tolist() == [0, 20, 40, 50, 60]
    assert found["seconds"].tolist() == [20, 20, 10, 10, 4]
    np.testing.assert_allclose(mean, [[1.5, 0], [0, 2], [np.nan] * 2, [3, 0], [0, 1]])


def test_a_part_is_as_many_windows_as_come_to_its_length():
    spans = spans_of(*[6.0] * 10)
    logits = np.tile([[1.0, 0.0], [0.0, 1.5]], (5, 1))
    # Of ten windows that take turns five parts of two would be of the second genre: one part.
    found, mean = segments.joined(spans, logits, 12)
    assert found[["start", "seconds"]].to_numpy().tolist() == [[0, 60]]
    np.testing.assert_allclose(mean, [[0.5, 0.75]])
    # A part is a window at least.
    assert len(segments.joined(spans, logits, 3)[0]) == 10


def test_long_windows_count_for_more_and_tracks_stay_apart():
    spans = pd.concat([spans_of(8.0, 2.0), spans_of(8.0, path="b")], ignore_index=True)
    found, mean = segments.joined(spans, np.array([[1, 0], [0, 2], [1, 0.0]]), 16)
    assert found["path"].tolist() == ["a", "b"]
    np.testing.assert_allclose(mean, [[0.8, 0.4], [1, 0]])


def test_parts_of_nothing():
    found, mean = segments.joined(spans_of(1.0)[:0], np.empty((0, 2)), 30)
    assert (len(found), mean.shape) == (0, (0, 2))


@pytest.mark.real_audio
def test_a_mix_of_two_kinds_of_music_has_two_parts(cli, shared, tmp_path):
    folder = shared / "emotify" / "audio"
    labels = pd.read_csv(shared / "emotify" / "tracks.csv")
    pieces, rate = [], 44100
    model = earmark.load()
    for genre in ("classical", "rock"):
        kind = labels.loc[labels["genre"] == genre, "file"].str.split("/").str[-1].head(3)
        for name in kind:
            samples, rate = soundfile.read(folder / name, dtype="float32", always_2d=True)
            pieces.append(samples[: 18 * rate, :1])
    mix = tmp_path / "mix.wav"
    soundfile.write(mix, np.concatenate(pieces), rate)
    output = tmp_path / "genres.csv"
    status, out, _ = cli("classify", mix, "--segments", 18, "-o", output, "-q")
    assert status == 0
    found = pd.read_csv(tmp_path / "genres.segments.csv")
    assert found.columns.tolist()[:5] == ["path", "start", "seconds", "genre", "probability"]
    assert set(found["path"]) == {"mix.wav"}
    # They lie end to end, and change where the music does.
    ends = found["start"] + found["seconds"]
    np.testing.assert_allclose(ends[:-1], found["start"][1:], atol=0.05)
    assert ends.iloc[-1] == pytest.approx(108, abs=0.1)
    assert (found["genre"] != found["genre"].shift()).all()
    assert (found["start"] - 54).abs().min() < 7
    assert found.loc[0, "genre"] == "classical"
    assert "classical" not in found.loc[found["start"] > 50, "genre"].tolist()
    assert "  0:00  classical" in out
    # Whether the model knows tracks or windows, the track has its own prediction.
    assert len(pd.read_csv(output)) == 1
    table = earmark.table([mix], windows=model.windows or 18, set=model.set_name)
    assert len(model.segments(table, seconds=18)) == len(found)


def test_a_model_of_tracks_gets_windows_and_tracks_from_one_pass(demo):
    model = replace(earmark.load(), windows=None)
    extraction = score.extraction_of(model, "it", segments=20)
    assert (extraction.windows, extraction.tracks) == (20, True)
    assert score.extraction_of(model, "it").windows is None
    windowed = replace(model, windows=6.0)
    extraction = score.extraction_of(windowed, "it", segments=20)
    assert (extraction.windows, extraction.tracks) == (6, False)


def test_a_table_of_tracks_has_no_parts(demo):
    table = earmark.table([demo / "house-128bpm-a-minor.mp3"], set=earmark.load().set_name)
    with pytest.raises(SchemaError, match=r"a row per track.*--windows"):
        earmark.load().segments(table)


@pytest.mark.parametrize("wrong", [0, -5, float("nan"), float("inf")])
def test_parts_have_a_length(demo, wrong):
    with pytest.raises(SettingsError, match="a number of seconds"):
        score.extraction_of(earmark.load(), "it", segments=wrong)
    track = demo / "house-128bpm-a-minor.mp3"
    table = earmark.table([track], windows=6, set=earmark.load().set_name)
    with pytest.raises(SettingsError, match="a number of seconds"):
        earmark.load().segments(table, seconds=wrong)


# The command line.


def test_what_somebody_else_wrote_is_kept(cli, demo, tmp_path):
    track, output = demo / "house-128bpm-a-minor.mp3", tmp_path / "genres.csv"
    for option, name in (("--explain", "explained"), ("--segments", "segments")):
        other = tmp_path / f"genres.{name}.csv"
        other.write_text("mine\n1\n")
        status, _, err = cli("classify", track, option, "-o", output, "-q")
        assert (status, other.read_text()) == (1, "mine\n1\n")
        assert "is no table of Earmark's" in err
        other.unlink()
        # What it wrote itself it replaces.
        for _ in range(2):
            assert cli("classify", track, option, "-o", output, "-q")[0] == 0


@pytest.mark.parametrize(
    ("arguments", "meant"),
    [
        (["--explain"], "families"),
        (["--explain=families"], "families"),
        (["--explain", "columns"], "columns"),
        (["--explain=columns"], "columns"),
    ],
)
def test_explain_stands_with_and_without_its_value(cli, demo, tmp_path, arguments, meant):
    track, output = demo / "house-128bpm-a-minor.mp3", tmp_path / "genres.csv"
    for given in (["classify", *arguments, track], ["classify", track, *arguments]):
        status, out, _ = cli(*given, "-o", output, "-q")
        assert status == 0
        line = next(line for line in out.splitlines() if line.startswith("  for "))
        assert bool(re.search(r"\([+-]\d", line)) == (meant == "columns")
        assert bool(re.search(r"for +[a-z ]+(:|;|$)", line)) == (meant == "families")
    explained = pd.read_csv(tmp_path / "genres.explained.csv")
    assert set(explained["feature"]) <= set(earmark.load().inputs)


def test_segments_stand_with_and_without_their_value(cli, demo, tmp_path):
    track, output = demo / "house-128bpm-a-minor.mp3", tmp_path / "genres.csv"
    for arguments in (["--segments", track], ["--segments", "20", track], ["--segments=8", track]):
        assert cli("classify", *arguments, "-o", output, "-q")[0] == 0
        assert (tmp_path / "genres.segments.csv").is_file()
        (tmp_path / "genres.segments.csv").unlink()
    assert cli("classify", "--segments=1", track, "-o", output)[0] == 2
    assert cli("classify", "--explain=rows", track, "-o", output)[0] == 2


def test_the_help_names_the_options(cli):
    help_text = cli("classify", "--help")[1]
    for option in ("--explain", "families|columns", "--tags", "--segments", "--min-probability"):
        assert option in help_text


# The demo tracks.


def test_demo_tracks_are_said_to_be_synthetic(cli, demo, tmp_path):
    _, _, err = cli("classify", demo, "-o", tmp_path / "a.csv", "-q")
    assert "6 of them are demo tracks: synthetic" in err
    one = demo / "jazz-120bpm-b-flat-major.wav"
    _, _, err = cli("classify", one, "-o", tmp_path / "b.csv", "-q")
    assert "1 of them is a demo track: synthetic" in err
    own = tmp_path / "own.wav"
    shutil.copy(one, own)
    _, _, err = cli("classify", own, "-o", tmp_path / "c.csv", "-q")
    assert "synthetic" not in err


def test_a_table_of_somebody_elses_names_no_demo(tmp_path):
    (tmp_path / "tracks.csv").write_bytes(b"path,artist\na.wav,Somebody\n\xff\n")
    assert demos.synthetic([tmp_path], ["a.wav"]) == []
    (tmp_path / "tracks.csv").write_text("path,artist\na.wav,Earmark demo\n")
    assert demos.synthetic([tmp_path], ["a.wav", "b.wav"]) == ["a.wav"]
