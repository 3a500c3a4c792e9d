"""What tracks of a genre typically measure."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

import earmark
from earmark.classify import train
from earmark.classify.dataset import build
from earmark.classify.evaluation import cross_validation
from earmark.classify.model import genre_profiles
from earmark.classify.model.estimator import GenreClassifier
from earmark.extract.errors import BundleError
from earmark.extract.sets import SPOTIFY_COLUMNS


def test_quartiles_per_genre_are_those_of_the_table(shared):
    table = pd.read_csv(shared / "spotify" / "spotify_tracks.csv.gz")
    found = genre_profiles.of(table, table["track_genre"], table.index.to_series())
    assert set(found) == set(table["track_genre"])
    assert list(found["tango"]) == list(genre_profiles.COLUMNS)
    tango = table[table["track_genre"] == "tango"]
    expected = np.percentile(tango["energy"], [25, 50, 75])
    np.testing.assert_allclose(found["tango"]["energy"], expected, rtol=1e-4)
    assert found["tango"]["key"] == [tango["key"].mode()[0]] * 3
    # Stand-up comedy is speech, with words that children should not hear.
    assert found["comedy"]["speechiness"][0] > 0.6
    assert found["comedy"]["explicit"] == [1, 1, 1]


def test_windows_count_as_their_track_and_lengths_add_up():
    table = pd.DataFrame(
        {
            "energy": [0.0, 0.2, 0.4, 0.9, np.nan],
            "key": [3, 3, 7, 1, np.nan],
            "tempo": [100, 100, 200, 90, np.nan],
            "duration_ms": [6000, 6000, 4000, 9000, 5000],
            "mfcc_00_mean": 1.0,
        }
    )
    labels = pd.Series(["jazz", "jazz", "jazz", "rock", "rock"])
    tracks = pd.Series(["a", "a", "a", "b", "c"])
    assert genre_profiles.of(table, labels, tracks) == {
        "jazz": {
            "energy": [0.2] * 3,
            "key": [3] * 3,
            "tempo": [100] * 3,
            "duration_ms": [16000] * 3,
        },
        "rock": {
            "energy": [0.9] * 3,
            "key": [1] * 3,
            "tempo": [90] * 3,
            "duration_ms": [6000, 7000, 8000],
        },
    }


def test_a_genre_says_nothing_of_what_none_of_its_tracks_has():
    table = pd.DataFrame({"tempo": [np.nan, 120.0]})
    found = genre_profiles.of(table, pd.Series(["a", "b"]), pd.Series(["1", "2"]))
    assert found == {"a": {}, "b": {"tempo": [120.0] * 3}}


def test_a_track_of_any_genre_lies_between_them():
    known = {
        "a": {"energy": [0.1, 0.2, 0.3], "key": [1.0] * 3},
        "b": {"energy": [0.3, 0.4, 0.9], "key": [5.0] * 3},
        "c": {"energy": [0.5, 0.6, 0.7], "key": [5.0] * 3, "tempo": [100.0, 110.0, 120.0]},
    }
    assert genre_profiles.overall(known) == {
        "energy": [0.3, 0.4, 0.7],
        "key": [5.0] * 3,
        "tempo": [100.0, 110.0, 120.0],
    }
    assert genre_profiles.overall({}) == {}


@pytest.mark.parametrize(
    ("own", "message"),
    [
        ({"polka": {"energy": [0, 1, 2]}}, "typical values of polka, no genre"),
        ({"jazz": {"mfcc": [0, 1, 2]}}, "typical values of 'mfcc', which is no column"),
        ({"jazz": {"energy": [0, 1]}}, "typical energy of jazz is not three"),
        ({"jazz": {"energy": [0, 2, 1]}}, "typical energy of jazz is not three"),
        ({"jazz": {"energy": [0, 1, float("inf")]}}, "typical energy of jazz is not three"),
    ],
)
def test_what_is_no_typical_value_is_refused(own, message):
    with pytest.raises(BundleError, match=message):
        genre_profiles.check(own, ["jazz", "rock"])


@pytest.mark.slow
def test_a_model_knows_also_what_it_does_not_learn_from(tmp_path):
    rng = np.random.default_rng(0)
    table = pd.DataFrame(
        {
            "path": [f"{row}.mp3" for row in range(40)],
            "loudness": rng.uniform(-30, 0, 40),
            "energy": rng.uniform(0, 1, 40),
            "genre": np.repeat(["jazz", "rock"], 20),
        }
    )
    table.to_csv(tmp_path / "table.csv", index=False)
    data = build.build(tmp_path / "table.csv", ignore=["loudness"])
    assert list(data.subset(np.arange(3)).ignored) == ["loudness"]
    learner = GenreClassifier(n_estimators=5)
    evaluation = cross_validation.cross_validate(data, learner, count=2, repeats=1)
    bundle = train.fit(data, learner, evaluation)
    pickles = train.pickles(bundle, data)
    assert bundle.inputs == ["energy"]
    assert set(bundle.typical["rock"]) == {"loudness", "energy"}
    train.write(tmp_path / "model", bundle, "card", evaluation=evaluation, pickles=pickles)
    assert earmark.load(tmp_path / "model").typical == bundle.typical
    about = json.loads((tmp_path / "model" / "bundle.json").read_text())
    for strange in ([], {"jazz": 3}, {"jazz": {"energy": "high"}}):
        (tmp_path / "model" / "bundle.json").write_text(json.dumps(about | {"typical": strange}))
        with pytest.raises(BundleError, match=r"typical|inconsistent"):
            earmark.load(tmp_path / "model")


def test_the_default_model_knows_what_whole_songs_of_its_genres_are_like():
    model = earmark.load()
    assert set(model.typical) == set(model.genres)
    # No clips of the corpora, but for speech, of which Spotify's table has none.
    lengths = {genre: own["duration_ms"][1] for genre, own in model.typical.items()}
    assert all(length > 120_000 or genre == "speech" for genre, length in lengths.items())
    for own in model.typical.values():
        assert list(own) == list(SPOTIFY_COLUMNS)
    assert model.typical["classical"]["energy"][1] < 0.3 < 0.8 < model.typical["metal"]["energy"][1]
