"""The model of Spotify's table that ships with Earmark."""

from __future__ import annotations

import joblib
import numpy as np
import pandas as pd
import pytest

import earmark
from earmark.classify.dataset.build import SPOTIFY_EXTRAS
from earmark.classify.model import genre_profiles, storage
from earmark.extract import schema
from earmark.extract.config import DEFAULTS
from earmark.extract.sets import SPOTIFY_COLUMNS


@pytest.fixture(scope="module")
def model():
    return earmark.load("spotify")


@pytest.fixture(scope="module")
def usual(model):
    """A typical track of every genre."""
    return pd.DataFrame(
        [
            {name: middle for name, (_, middle, _) in model.typical[genre].items()}
            for genre in model.genres
        ],
        index=model.genres,
    )


def test_it_takes_the_columns_of_spotifys_table_and_is_small(model):
    current = schema.of("spotify", DEFAULTS)
    assert (model.set, model.fingerprint) == (current.set, current.fingerprint)
    assert model.inputs == model.columns == [*SPOTIFY_COLUMNS, *SPOTIFY_EXTRAS]
    assert len(model.genres) == 114
    names = {path.name for path in storage.SPOTIFY.iterdir()}
    assert names == {storage.MODEL, storage.ABOUT, storage.CARD, *storage.PICKLES}
    assert sum(path.stat().st_size for path in storage.SPOTIFY.iterdir()) < 15e6


def test_what_is_typical_of_a_genre_is_found_to_be_of_it(model, usual):
    found = model.predict(usual.rename_axis("path").reset_index(), top=5)
    genres = found.filter(like="genre").to_numpy()
    among_five = (genres == found["path"].to_numpy()[:, None]).any(axis=1)
    # By chance it would be four in a hundred.
    assert among_five.mean() > 0.6
    first = dict(zip(found["path"], found["genre"], strict=True))
    for genre in ("comedy", "sleep", "tango", "grindcore", "pop-film", "honky-tonk"):
        assert first[genre] == genre


def test_every_genre_has_typical_values_of_every_column(model):
    assert list(model.typical) == model.genres
    for own in model.typical.values():
        assert list(own) == list(genre_profiles.COLUMNS)
    usual = genre_profiles.overall(model.typical)
    assert 0.4 < usual["danceability"][1] < 0.7
    assert usual["time_signature"] == [4, 4, 4]
    assert 180_000 < usual["duration_ms"][1] < 260_000


def test_its_card_says_what_was_measured(model):
    card = (storage.SPOTIFY / storage.CARD).read_text(encoding="utf-8")
    numbers = model.metrics
    assert f"| accuracy | {numbers['accuracy']:.3f} |" in card
    assert f"true genre among the first five | {numbers['top_5']:.3f} |" in card
    assert f"random split would have said | {numbers['leaky']['accuracy']:.3f} |" in card
    for name in ("most", "any", "few"):
        assert f"{100 * numbers['limits'][name]:.0f} %" in card
    assert f"{100 * numbers['of_sound']['accuracy']:.0f} %" in card
    assert numbers["of_sound"]["accuracy"] < numbers["accuracy"] < numbers["limits"]["any"]
    assert numbers["accuracy"] > 0.34
    assert numbers["top_5"] > 0.6


# Another version of these libraries says that it is another one.
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.InconsistentVersionWarning")
@pytest.mark.filterwarnings("ignore:.*serialized model:UserWarning")
def test_scikit_learn_finds_the_same_genres_in_the_same_rows(model, usual):
    plain, encoder = (joblib.load(storage.SPOTIFY / name) for name in storage.PICKLES)
    rows = usual[model.inputs]
    expected = model.predict(rows.rename_axis("path").reset_index())["genre"].tolist()
    for given in (rows, rows.to_numpy(), rows.to_numpy().tolist()):
        assert encoder.inverse_transform(plain.predict(given)).tolist() == expected
    card = (storage.SPOTIFY / storage.CARD).read_text(encoding="utf-8")
    assert ", ".join(model.inputs[:8]) in card.replace("\n", " ")


def test_popularity_is_not_needed(model, usual):
    found = model.probabilities(usual[list(SPOTIFY_COLUMNS)])
    np.testing.assert_allclose(found.sum(axis=1), 1)
    assert model.genres[found[model.genres.index("comedy")].argmax()] == "comedy"


def test_it_knows_the_table_that_it_was_trained_on(model, shared):
    table = pd.read_csv(shared / "spotify" / "spotify_tracks.csv.gz")
    found = model.predict(table.iloc[::20])
    assert (found["genre"] == table["track_genre"].iloc[::20].tolist()).mean() > 0.4
