"""A table of any origin as tracks: numbers, genres, and what was passed over."""

from __future__ import annotations

import pandas as pd
import pytest

import earmark
from earmark.classify.dataset import labels
from earmark.classify.insights import figures, tracks
from earmark.classify.insights.picture import Picture
from earmark.extract import tables
from earmark.extract.errors import LabelError


@pytest.mark.real_audio
def test_a_song_has_the_units_of_its_table(spotify, demo):
    assert spotify.units["loudness"] == "dB"
    assert (
        tracks.describe(
            earmark.table([demo / "jazz-120bpm-b-flat-major.wav"], set="spotify")
        ).units["loudness"]
        == "dB"
    )


def test_the_demo_tracks_with_their_genres(demo, monkeypatch, tmp_path):
    found = tracks.demo()
    assert sorted(found.genres) == sorted(pd.read_csv(demo / "tracks.csv")["genre"])
    assert {"energy", "loudness", "tempo", "key_confidence"} <= set(found.values)
    # A wheel has no demo tracks.
    monkeypatch.setattr(tracks, "DEMO", tmp_path)
    assert tracks.demo() is None


def test_a_table_of_250_columns_in_windows(demo, tmp_path):
    table, windows = earmark.tracks_and_windows([demo], windows=3)
    tables.write(windows, tmp_path / "windows.csv")
    found = tracks.read(tmp_path / "windows.csv", str(demo / "tracks.csv"))
    assert (len(found.values), found.rows) == (6, len(windows))
    assert found.count == f"6 tracks (means of {len(windows)} windows)"
    own = windows[windows["path"] == table["path"].iloc[2]]
    place = windows["path"].drop_duplicates().tolist().index(own["path"].iloc[0])
    row = found.values.iloc[place]
    assert row["energy"] == pytest.approx(own["energy"].astype(float).mean(), abs=1e-6)
    assert row["tempo"] == pytest.approx(own["tempo"].astype(float).median(), abs=1e-4)
    assert row["mode"] in own["mode"].tolist()
    assert row["duration_ms"] == own["duration_ms"].sum()
    assert found.genres.nunique() == 6
    # Spotify's come first, the others stand for groups, and a picture more shows them all.
    assert len(found.principal) == tracks.CHOSEN
    assert {"energy", "loudness", "tempo", "key"} <= set(found.principal)
    families = figures.picture("families", found)
    assert isinstance(families, Picture)
    assert "by families" in families.title


@pytest.mark.parametrize("column", labels.GENRE_COLUMNS)
def test_the_column_of_the_genre_is_found(invented, column):
    found = tracks.describe(invented.rename(columns={"genre": column}))
    assert found.genres.nunique() == 3


def test_genres_from_predictions_and_from_named_columns(invented, tmp_path):
    predictions = invented[["path", "genre"]].iloc[::-1].assign(probability=0.5)
    predictions.to_csv(tmp_path / "predictions.csv", index=False)
    bare = invented.drop(columns="genre")
    tables.write(bare, tmp_path / "t.csv")
    found = tracks.read(tmp_path / "t.csv", str(tmp_path / "predictions.csv"))
    assert found.genres.tolist() == invented["genre"].tolist()
    assert tracks.read(tmp_path / "t.csv").genres is None
    renamed = bare.assign(style=invented["genre"])
    assert tracks.describe(renamed, label="style").genres.nunique() == 3
    with pytest.raises(LabelError, match="has no column 'style'"):
        tracks.describe(bare, label="style")


def test_how_sure_a_prediction_is_describes_no_sound(invented):
    sure = invented.assign(probability=0.5, probability_2=0.1, **{"Unnamed: 0": range(36)})
    assert tracks.describe(sure).descriptors == tracks.describe(invented).descriptors


def test_every_row_is_a_track_of_its_own(invented):
    # As in Spotify's table, where a track stands under each of its genres.
    double = pd.concat([invented, invented.assign(genre="again")])
    found = tracks.describe(double)
    assert found.genres.value_counts()["again"] == 36
    assert tracks.describe(invented.assign(path=None)).genres.nunique() == 3


def test_tracks_without_a_genre_are_told(invented):
    invented.loc[:9, "genre"] = None
    assert tracks.describe(invented).notes == ["10 tracks of 36 without a genre"]
    none = tracks.describe(invented.assign(genre=" "))
    assert none.genres is None
    assert none.notes == ["no track has a genre"]
