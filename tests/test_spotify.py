"""The set of Spotify's columns, and models of Spotify's own table."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import extract
from extract import sets, tables

CONFIDENCES = ["tempo_confidence", "time_signature_confidence", "key_confidence"]


@pytest.fixture(scope="module")
def table(demo, tmp_path_factory):
    """The demo tracks, and one of silence."""
    import soundfile

    folder = tmp_path_factory.mktemp("music")
    soundfile.write(folder / "silence.wav", np.zeros(44100), 22050)
    return extract.table([demo, folder], set="spotify")


def test_names_and_order_are_spotifys_and_confidences_follow(table):
    names = table.columns[2:].tolist()
    assert names[:13] == list(sets.SPOTIFY_COLUMNS)
    assert sorted(names[13:]) == sorted(CONFIDENCES)


def test_scales_and_types_are_spotifys(table):
    music = table[table["path"] != "silence.wav"]
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
    silence = table.set_index("path").loc["silence.wav"].drop("sha256")
    assert silence.dropna().to_dict() == {"duration_ms": 2000}


def test_a_track_without_a_key_has_spotifys_number_for_it(tmp_path):
    import soundfile

    path = tmp_path / "noise.wav"
    soundfile.write(path, np.random.default_rng(0).normal(0, 0.1, 10 * 22050), 22050)
    found = extract.features(path, set="spotify")
    assert np.isnan(extract.features(path)["key"])
    assert found["key"] == sets.NO_KEY
    assert found["energy"] > 0


@pytest.mark.parametrize("ending", ["parquet", "csv", "jsonl"])
def test_integers_stay_integers_in_every_format(earmark, demo, tmp_path, ending):
    output = tmp_path / f"t.{ending}"
    status, _, _ = earmark("extract", demo, "--set", "spotify", "-o", output, "-q")
    assert status == 0
    found, _ = tables.read(output)
    for name in sets.SPOTIFY_INTEGERS:
        assert pd.api.types.is_integer_dtype(found[name]), name


def test_the_set_agrees_with_the_default_set(demo):
    track = demo / "house-128bpm-a-minor.mp3"
    both, own = extract.features(track), extract.features(track, set="spotify")
    assert own.to_dict() == pytest.approx(both[own.index].to_dict())


def test_a_model_of_spotifys_table_takes_ours_as_it_is(earmark, demo, tmp_path):
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
    status, _, err = earmark(
        *("train", tmp_path / "spotify.csv", "--label", "track_genre", "-o", model)
    )
    assert status == 0, err
    for ending in ("csv", "parquet"):
        own = tmp_path / f"own.{ending}"
        earmark("extract", demo, "--set", "spotify", "-o", own, "-q")
        predictions = tmp_path / "predictions.csv"
        status, _, err = earmark("classify", own, "-m", model, "-o", predictions, "-q")
        assert status == 0, err
        found = pd.read_csv(predictions).set_index("path")["genre"]
        assert found["metal-150bpm-e-minor.m4a"] == "loud"
        assert found["waltz-96bpm-f-major.flac"] == "calm"
    status, _, err = earmark("classify", demo, "-m", model, "-o", predictions, "-q")
    assert status == 0, err


def test_one_recording_of_spotifys_table_is_on_one_side_of_a_split(tmp_path):
    from classify import dataset

    generator = np.random.default_rng(0)
    spotify = pd.DataFrame({name: generator.uniform(0, 1, 20) for name in sets.SPOTIFY_COLUMNS})
    spotify["track_genre"] = ["a", "b"] * 10
    pd.concat([spotify, spotify.assign(popularity=3)]).to_csv(tmp_path / "s.csv", index=False)
    found = dataset.build(tmp_path / "s.csv", label="track_genre")
    assert found.columns == list(sets.SPOTIFY_COLUMNS)
    assert found.groups.nunique() == 20
    assert (found.groups.value_counts() == 2).all()
