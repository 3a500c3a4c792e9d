"""`--tempo-range`: the beat between two tempi, as DJ programs have it, and nothing else changed."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import earmark
from earmark.extract import config, schema
from earmark.extract.batch.track import Extraction
from earmark.extract.config import Settings
from earmark.extract.errors import SettingsError
from earmark.extract.estimators.tempo import Tempo
from earmark.extract.tempo_range import in_range, of_tracks

HOUSE = "house-128bpm-a-minor.mp3"
FOLLOWS = {"tempo", "tempo_2", "tempo_std", "time_signature", "time_signature_confidence"}
"""What follows from the beat."""


@pytest.mark.parametrize("bounds", [(88, 175), (60, 120), (100, 130), (70.5, 71)])
def test_a_tempo_in_range_is_the_same_but_for_octaves(bounds):
    for bpm in np.geomspace(38, 270, 40):
        folded = in_range(bpm, *bounds)
        octaves = np.log2(folded / bpm)
        assert octaves == pytest.approx(round(octaves), abs=1e-9)
        reachable = any(bounds[0] <= bpm * 2.0**k <= bounds[1] for k in range(-4, 5))
        assert (bounds[0] <= folded <= bounds[1]) == reachable
        assert reachable or folded == bpm


def test_no_tempo_stays_none():
    assert np.isnan(in_range(np.nan, 88, 175))
    assert in_range(0.0, 88, 175) == 0.0
    windows = pd.DataFrame({"path": ["a"] * 3 + ["b"], "tempo": [70.0, 141.0, 90.0, np.nan]})
    found = of_tracks(windows, (88, 175))
    assert found["a"] == 140.0
    assert np.isnan(found["b"])


def test_the_other_tempo_is_that_which_was_left():
    found = Tempo(70.0, 0.6, 141.0, 0.3).within((88, 175))
    assert found == Tempo(140.0, 0.6, 70.0, 0.3)
    assert Tempo(70.0, 0.6, 105.0, 0.3).within((88, 175)) == Tempo(140.0, 0.6, 105.0, 0.3)
    assert Tempo(90.0, 0.6, 45.0, 0.3).within((88, 175)) == Tempo(90.0, 0.6, 45.0, 0.3)


def test_only_what_follows_from_the_beat_changes(demo):
    usual = earmark.features(demo / HOUSE)
    other = earmark.features(demo / HOUSE, settings=Settings(tempo_range=(50, 100)))
    assert other["tempo"] == pytest.approx(usual["tempo"] / 2, rel=1e-6)
    changed = {name for name in usual.index if not np.array_equal(usual[name], other[name], True)}
    assert "tempo" in changed <= FOLLOWS


def test_a_range_that_holds_the_tempo_changes_no_value(demo):
    usual = earmark.features(demo / HOUSE, set="spotify")
    same = earmark.features(demo / HOUSE, set="spotify", settings=Settings(tempo_range=(88, 175)))
    pd.testing.assert_series_equal(usual, same)


def test_beats_are_tapped_in_the_range(demo):
    usual, half = (
        earmark.beats(demo / HOUSE, settings=Settings(tempo_range=bounds))
        for bounds in ((88, 175), (50, 100))
    )
    taps = [np.median(np.diff(found["time"])) for found in (usual, half)]
    assert taps == pytest.approx([60 / 128, 60 / 64], rel=0.02)
    assert half["tempo"].median() == pytest.approx(64, rel=0.01)


@pytest.mark.parametrize("name", ["default", "spotify", "default+musicnn"])
def test_tables_with_and_without_are_told_apart(name):
    plain, ranged = (schema.of(name, Settings(tempo_range=own)) for own in (None, (88, 175)))
    other = schema.of(name, Settings(tempo_range=(60, 120)))
    assert len({plain.fingerprint, ranged.fingerprint, other.fingerprint}) == 3
    assert "tempo_range" not in (plain.settings or Settings()).model_dump()
    assert config.parse(ranged.settings.model_dump(), "here") == ranged.settings


@pytest.mark.parametrize("name", ["gtzan", "fma", "loudness", "musicnn"])
def test_a_set_without_the_tempo_refuses_a_range(name):
    with pytest.raises(SettingsError, match=f"tempo_range: the set {name} has no tempo"):
        Extraction(name, Settings(tempo_range=(88, 175)))


def test_spotify_refuses_other_settings_still():
    with pytest.raises(SettingsError, match="spotify is defined with settings of its own"):
        Extraction("spotify", Settings(tempo_range=(88, 175), hop_length=256))


@pytest.mark.parametrize("bounds", [(10, 20), (100, 300), (175, 88), (90, 90)])
def test_a_range_beyond_what_is_found_is_refused(bounds):
    with pytest.raises(SettingsError, match=r"tempo_range is .*the lower one first, from 38 to 27"):
        config.parse({"tempo_range": bounds}, "here")


def test_a_table_grows_in_one_range_alone(cli, demo, tmp_path):
    table, source = tmp_path / "t.parquet", str(demo / HOUSE)
    extract = ("extract", source, "-o", str(table), "--set", "spotify", "-q")
    assert cli(*extract, "--tempo-range", "50", "100")[0] == 0
    assert pd.read_parquet(table)["tempo"].item() == pytest.approx(64, rel=0.01)
    assert "1 unchanged" in cli(*extract, "--tempo-range", "50", "100")[2]
    status, _, said = cli(*extract)
    assert status == 1
    assert "made with other settings" in said
    status, _, said = cli("classify", str(table), "-m", "spotify", "-o", str(tmp_path / "p.csv"))
    assert status == 1
    assert "tempo_range" in said


def test_classify_names_the_tempo_in_a_range_and_judges_by_the_other(cli, demo, tmp_path):
    found = []
    for extra in ((), ("--tempo-range", "50", "100")):
        output = tmp_path / f"p{len(extra)}.csv"
        args = ("classify", str(demo / HOUSE), "-m", "light", "-o", str(output), "-q")
        assert cli(*args, *extra)[0] == 0
        found.append(pd.read_csv(output))
    plain, ranged = found
    assert ranged.pop("tempo").item() == pytest.approx(64, rel=0.01)
    pd.testing.assert_frame_equal(plain, ranged)


def test_classify_refuses_a_table_without_tempi(cli, demo, tmp_path):
    table = tmp_path / "t.parquet"
    assert cli("extract", str(demo / HOUSE), "-o", str(table), "--set", "loudness", "-q")[0] == 0
    status, _, said = cli("classify", str(table), "--tempo-range", "88", "175", "-o", "-")
    assert status
    assert "no column tempo" in said
