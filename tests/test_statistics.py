"""Statistics of tables: against scipy and pandas on a real table, and by hand on invented ones."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from earmark.classify.insights import statistics


@pytest.mark.real_audio
def test_pop_film_and_k_pop_lead_on_spotifys_table(spotify):
    table = statistics.mean_popularity(
        spotify.values["popularity"], spotify.genres, spotify.artists
    )
    assert table.index[:2].tolist() == ["pop-film", "k-pop"]
    assert table["mean"].iloc[:2].round(1).tolist() == [59.7, 58.9]
    assert ((table["low"] < table["mean"]) & (table["mean"] < table["high"])).all()
    assert table["mean"].is_monotonic_decreasing
    # The interval of a mean, as the textbook has it, is nearly that of the bootstrap.
    own = spotify.values.loc[spotify.genres == "k-pop", "popularity"]
    low, high = stats.t.interval(0.95, len(own) - 1, own.mean(), own.sem())
    assert table.loc["k-pop", ["low", "high"]].tolist() == pytest.approx([low, high], abs=0.15)


@pytest.mark.real_audio
def test_rank_correlations_are_spearmans(spotify):
    values = spotify.values[["energy", "loudness", "explicit"]].head(3000)
    found = statistics.rank_correlations(values)
    assert found.to_numpy() == pytest.approx(values.corr("spearman").to_numpy(), abs=1e-9)


def test_means_of_few_tracks_lead_nobody():
    frame = pd.DataFrame(
        {"genre": ["a"] * 6 + ["b"] * 6 + ["one"], "popularity": [1.0] * 6 + [2.0] * 6 + [99.0]}
    )
    found = statistics.mean_popularity(frame["popularity"], frame["genre"])
    assert found.index.tolist() == ["b", "a"]
    # Where no genre has more, all are shown.
    frame = frame.iloc[[0, 6, 12]]
    few = statistics.mean_popularity(frame["popularity"], frame["genre"])
    assert few["mean"].tolist() == [99.0, 2.0, 1.0]


def test_an_interval_knows_that_tracks_of_an_artist_are_alike():
    frame = pd.DataFrame({"genre": "x", "popularity": np.repeat([10.0, 50.0, 90.0, 30.0], 25)})
    artists = pd.Series(np.repeat(list("abcd"), 25))
    alone = statistics.mean_popularity(frame["popularity"], frame["genre"])
    owned = statistics.mean_popularity(frame["popularity"], frame["genre"], artists)
    width = [float((table["high"] - table["low"]).iloc[0]) for table in (alone, owned)]
    assert width[1] > 3 * width[0]


def test_correlations_take_the_rows_that_have_both():
    random = np.random.default_rng(1)
    values = pd.DataFrame(random.normal(size=(60, 3)), columns=list("abc"))
    values["d"] = 1.0
    values.iloc[::7, 0] = np.nan
    found = statistics.rank_correlations(values)
    both = values[["a", "b"]].dropna()
    assert found.loc["a", "b"] == pytest.approx(both.corr("spearman").iloc[0, 1], abs=1e-12)
    assert found["d"].isna().all()
    assert found.loc["a", "a"] == 1


def test_correlations_with_gaps_are_those_of_pandas():
    random = np.random.default_rng(2)
    base = random.normal(size=(80, 1))
    values = pd.DataFrame((base + random.normal(size=(80, 9))).round(1), columns=list("abcdefghi"))
    # Gaps of its own, gaps in common with others, gaps that depend on values, and hardly a value.
    values["a"] = values["a"].mask(random.random(80) < 0.4)
    values.loc[::3, ["b", "c"]] = np.nan
    values["d"] = values["d"].mask(values["e"] > 0.5)
    values["f"] = values["f"].where(values.index < 2)
    values["g"] = values["g"].where(values.index < 30)
    # It varies, but not where `g` is there.
    values["h"] = (values.index >= 30).astype(float)
    expected = values.corr("spearman", min_periods=3)
    found = statistics.rank_correlations(values)
    pd.testing.assert_frame_equal(found, expected, check_exact=False, atol=1e-12)
    assert found["f"].isna().all()
    assert np.isnan(found.loc["g", "h"])


def test_of_no_columns_and_of_no_rows_there_are_no_correlations():
    assert statistics.rank_correlations(pd.DataFrame(index=range(3))).shape == (0, 0)
    assert (
        statistics.rank_correlations(pd.DataFrame(columns=["a", "b"], dtype=float))
        .isna()
        .all(axis=None)
    )


def test_what_separates_genres_comes_first(invented):
    shares = statistics.separation(invented[["mode", "energy", "key"]], invented["genre"])
    assert shares.index[0] == "energy"
    assert 0.85 < shares["energy"] <= 1
    assert shares.between(0, 1).all()


def test_a_profile_is_in_deviations_of_all_tracks(invented):
    table = statistics.profiles(invented[["energy", "mode"]], invented["genre"])
    assert table["energy"].idxmax() == "metal"
    assert table["energy"].idxmin() == "lullaby"
    # Every genre has as many in major: their means are the mean of all.
    assert table["mode"].abs().max() == pytest.approx(0)


def test_alike_genres_stand_side_by_side():
    random = np.random.default_rng(2)
    kinds = {"a1": 0, "b1": 9, "a2": 0.1, "b2": 9.1, "a3": 0.2}
    rows = [
        (genre, middle + random.normal(0, 0.5)) for genre, middle in kinds.items() for _ in range(8)
    ]
    frame = pd.DataFrame(rows, columns=["genre", "x"])
    order = statistics.profiles(frame[["x"]], frame["genre"]).index.str[0].tolist()
    assert order in ([*"aaabb"], [*"bbaaa"])


def test_representatives_are_one_of_each_group():
    random = np.random.default_rng(3)
    base = random.normal(size=(200, 3))
    columns = {
        f"{letter}{copy}": sign * base[:, place] + random.normal(0, 0.1, 200)
        for place, letter in enumerate("abc")
        for copy, sign in enumerate((1, -1, 1))
    }
    matrix = statistics.rank_correlations(pd.DataFrame(columns))
    assert sorted(name[0] for name in statistics.representatives(matrix, 3)) == list("abc")
    assert statistics.representatives(matrix, 0) == []
    assert len(statistics.representatives(matrix, 99)) == 9


def test_families_of_columns():
    order, blocks = statistics.family_blocks(
        ["tempo", "mfcc_00_mean", "mfcc_01_mean", "energy", "mfcc_00_std", "mfcc_01_std"]
        + [f"chroma{number}_var" for number in range(4)]
    )
    assert blocks == [(statistics.ALONE, 0, 2), ("mfcc", 2, 6), ("chroma", 6, 10)]
    assert order[:3] == ["tempo", "energy", "mfcc_00_mean"]


def test_genres_in_colour_lie_apart():
    points = pd.DataFrame({"x": np.repeat([0.0, 0.1, 0.2, 9.0, 9.1], 20), "y": np.zeros(100)})
    genres = pd.Series(np.repeat(list("abcde"), 20))
    chosen = statistics.apart(points, genres, 2)
    assert chosen[0] == "a"
    assert chosen[1] == "e"
    assert statistics.apart(points, genres, 8) == list("abcde")
