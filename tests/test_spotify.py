"""The set of Spotify's columns, and models of Spotify's own table."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import earmark
from earmark.extract import sets, tables

CONFIDENCES = ["tempo_confidence", "time_signature_confidence", "key_confidence"]


@pytest.fixture(scope="module")
def table(demo, tmp_path_factory):
    """The demo tracks, and one of silence."""
    import soundfile

    folder = tmp_path_factory.mktemp("music")
    soundfile.write(folder / "silence.wav", np.zeros(44100), 22050)
    return earmark.table([demo, folder], set="spotify")


def test_names_and_order_are_spotifys_and_confidences_follow(table):
    names = table.columns[2:].tolist()
    assert names[:13] == list(sets.SPOTIFY_COLUMNS)
    assert sorted(names[13:]) == sorted(CONFIDENCES)


def test_scales_and_types_are_spotifys(table):
    music = table[~table["path"].str.endswith("silence.wav")]
    for name in sets.SPOTIFY_COLUMNS:
        due = name in sets.SPOTIFY_INTEGERS
        assert pd.api.types.is_integer_dtype(table[name]) == due, name
    for name in ("danceability", "energy", "valence", "liveness", *CONFIDENCES):
        assert music[name].between(0, 1).all()
    assert music["key"].between(-1, 11).all()
    assert music["time_signature"].between(3, 7).all()
    assert music["mode"].isin([0, 1]).all()
    assert music["loudness"].between(-60, 0).all()


def test_of_silence_only_the_length_is_known(table):
    (silence,) = table.index[table["path"].str.endswith("silence.wav")]
    silence = table.loc[silence].drop(["path", "sha256"])
    assert silence.dropna().to_dict() == {"duration_ms": 2000}


def test_a_track_without_a_key_has_spotifys_number_for_it(tmp_path):
    import soundfile

    path = tmp_path / "noise.wav"
    soundfile.write(path, np.random.default_rng(0).normal(0, 0.1, 10 * 22050), 22050)
    found = earmark.features(path, set="spotify")
    assert np.isnan(earmark.features(path)["key"])
    assert found["key"] == sets.NO_KEY
    assert found["energy"] > 0


@pytest.mark.parametrize("ending", ["parquet", "csv", "jsonl"])
def test_integers_stay_integers_in_every_format(cli, demo, tmp_path, ending):
    output = tmp_path / f"t.{ending}"
    status, _, _ = cli("extract", demo, "--set", "spotify", "-o", output, "-q")
    assert status == 0
    found = tables.read(output).frame
    for name in sets.SPOTIFY_INTEGERS:
        assert pd.api.types.is_integer_dtype(found[name]), name


def test_the_set_agrees_with_the_default_set(demo):
    track = demo / "house-128bpm-a-minor.mp3"
    both, own = earmark.features(track), earmark.features(track, set="spotify")
    # Loudness is on Spotify's scale here, and in LUFS there.
    shared = own.index.drop("loudness")
    assert own[shared].to_dict() == pytest.approx(both[shared].to_dict())


@pytest.mark.slow
def test_a_model_of_spotifys_table_takes_ours_as_it_is(cli, demo, tmp_path):
    generator = np.random.default_rng(0)
    rows = 80
    values = {name: generator.uniform(0, 1, rows) for name in sets.SPOTIFY_COLUMNS}
    values["key"] = generator.integers(-1, 12, rows)
    values["popularity"] = generator.integers(0, 100, rows)
    spotify = pd.DataFrame(values)
    spotify["track_genre"] = np.where(spotify["energy"] > 0.5, "loud", "calm")
    # Spotify's own order is another; one recording stands there for each of its genres.
    spotify = pd.concat([spotify.iloc[:, ::-1], spotify.iloc[:3, ::-1].assign(track_genre="calm")])
    spotify.to_csv(tmp_path / "spotify.csv", index=False)
    model = tmp_path / "model"
    status, _, err = cli(
        *("train", tmp_path / "spotify.csv", "--label", "track_genre", "-o", model)
    )
    assert status == 0, err
    for ending in ("csv", "parquet"):
        own = tmp_path / f"own.{ending}"
        cli("extract", demo, "--set", "spotify", "-o", own, "-q")
        predictions = tmp_path / "predictions.csv"
        status, _, err = cli("classify", own, "-m", model, "-o", predictions, "-q")
        assert status == 0, err
        found = pd.read_csv(predictions).set_index("path")["genre"]
        assert found["metal-150bpm-e-minor.m4a"] == "loud"
        assert found["waltz-96bpm-f-major.flac"] == "calm"
    status, _, err = cli("classify", demo, "-m", model, "-o", predictions, "-q")
    assert status == 0, err


def test_one_recording_of_spotifys_table_is_on_one_side_of_a_split(tmp_path):
    from earmark.classify.dataset import build

    generator = np.random.default_rng(0)
    spotify = pd.DataFrame({name: generator.uniform(0, 1, 20) for name in sets.SPOTIFY_COLUMNS})
    spotify["track_genre"] = ["a", "b"] * 10
    pd.concat([spotify, spotify.assign(popularity=3)]).to_csv(tmp_path / "s.csv", index=False)
    found = build.build(tmp_path / "s.csv", label="track_genre")
    assert found.columns == [*sets.SPOTIFY_COLUMNS, "popularity"]
    assert found.groups.nunique() == 20
    assert (found.groups.value_counts() == 2).all()


@pytest.fixture
def spotifys(tmp_path):
    """A table such as Spotify's, and how it is written."""
    generator = np.random.default_rng(1)
    frame = pd.DataFrame({name: generator.uniform(0, 1, 40) for name in sets.SPOTIFY_COLUMNS})
    frame["track_genre"] = ["a", "b"] * 20

    def write(name="s.csv", **changes):
        path = tmp_path / name
        frame.assign(**changes).to_csv(path, index=False)
        return path

    return write


def test_percentages_are_refused(cli, spotifys, tmp_path):
    path = spotifys(energy=np.linspace(0, 98, 40))
    status, _, err = cli("train", path, "--label", "track_genre", "-o", tmp_path / "m", "-q")
    assert status == 1
    assert "energy reaches 98, but Spotify's runs from 0 to 1; divide percentages by 100" in err
    assert not (tmp_path / "m").exists()


@pytest.mark.slow
def test_a_compressed_table_is_a_table_everywhere(cli, spotifys, tmp_path):
    path, model = spotifys("s.csv.gz"), tmp_path / "m"
    assert cli("train", path, "--label", "track_genre", "-o", model, "-q")[0] == 0
    assert cli("classify", path, "-m", model, "-o", tmp_path / "p.csv", "-q")[0] == 0
    status, out, _ = cli("info", path)
    assert status == 0
    assert "40 rows, 14 columns" in out


@pytest.mark.slow
def test_what_a_foreign_table_lacks_is_all_that_is_named(cli, spotifys, tmp_path):
    model = tmp_path / "m"
    cli("train", spotifys(), "--label", "track_genre", "-o", model, "-q")
    other = pd.read_csv(spotifys(popularity=1)).drop(columns="liveness").iloc[:, ::-1]
    other.to_csv(tmp_path / "o.csv", index=False)
    status, _, err = cli(
        "classify", tmp_path / "o.csv", "-m", model, "-o", tmp_path / "p.csv", "-q"
    )
    assert status == 1
    assert "missing 1 (liveness)" in err
    assert "unexpected" not in err
    assert "reordered" not in err


def test_what_is_not_learned_from_is_said(spotifys):
    from earmark.classify.dataset import build

    found = build.build(spotifys(plays=range(40)), label="track_genre")
    assert "not learned from, since the set has no such columns: plays" in found.notes


@pytest.mark.slow
def test_without_artists_nobody_says_that_there_were_any(cli, spotifys, tmp_path):
    from earmark.classify.dataset import build

    path = spotifys()
    doubled = pd.concat([pd.read_csv(path), pd.read_csv(path).iloc[:6]])
    doubled.to_csv(path, index=False)
    found = build.build(path, label="track_genre")
    assert found.grouped_by == "track"
    assert any("no artists are known" in note for note in found.notes)
    _, out, _ = cli("train", path, "--label", "track_genre", "-o", tmp_path / "m", "-q")
    assert "no track is on both sides" in out


def test_json_lines_keep_integers_beside_what_is_missing(table, tmp_path):
    tables.write(table, tmp_path / "t.jsonl")
    text = (tmp_path / "t.jsonl").read_text(encoding="utf-8")
    assert '"mode": 1,' in text
    assert '"mode": null' in text
    assert '"mode": 1.0' not in text
