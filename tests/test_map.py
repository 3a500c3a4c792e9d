"""The map: alike is near, and nothing is too few or too plain for it."""

from __future__ import annotations

import numpy as np
import pytest

from earmark.classify.library import map


def unit(values):
    return (values / np.linalg.norm(values, axis=1, keepdims=True)).astype(np.float32)


def clouds(count, seed=0):
    """Tracks of five kinds that are far apart."""
    rng = np.random.default_rng(seed)
    kinds = np.arange(count) % 5
    return unit(3 * np.eye(8)[kinds] + rng.normal(0, 0.3, (count, 8))), kinds


@pytest.mark.parametrize("count", [200, 2600])
@pytest.mark.slow
def test_tracks_of_a_kind_lie_together_and_the_same_way_every_time(count, capsys):
    vectors, kinds = clouds(count)
    told = []
    places = map.layout(vectors, lambda share, text: told.append((share, text)))
    assert places.shape == (count, 2)
    assert np.abs(places).max() == pytest.approx(1)
    some = np.random.default_rng(1).permutation(count)[:200]
    apart = ((places[some, None] - places[None]) ** 2).sum(axis=2)
    apart[np.arange(len(some)), some] = np.inf
    nearest = apart.argmin(axis=1)
    assert (kinds[nearest] == kinds[some]).mean() > 0.97
    np.testing.assert_array_equal(map.layout(vectors), places)
    shares = [share for share, _ in told]
    assert shares == sorted(shares)
    assert (shares[0], shares[-1]) == (0, 1)
    assert all(text for _, text in told)
    # The longest part of it moves on, and prints nothing.
    assert sum(0.05 < share < 0.7 for share in shares) > 5
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("count", [0, 1, 2, 5, 12, 13])
def test_few_tracks_have_places_of_their_own(count):
    vectors, _ = clouds(count)
    places = map.layout(vectors)
    assert places.shape == (count, 2)
    assert np.isfinite(places).all()
    assert len(np.unique(places.round(9), axis=0)) == count


def test_tracks_that_are_all_the_same_lie_on_one_spot():
    vectors = np.tile(unit(np.array([[1.0, 2, 3]])), (40, 1))
    assert not map.layout(vectors).any()


def test_a_single_column_is_a_line():
    vectors = np.sign(np.arange(-20, 21)).astype(np.float32)[:, None]
    places = map.layout(vectors)
    assert np.isnan(places[20]).all()
    assert not places[places[:, 0] == places[:, 0], 1].any()


def test_silence_is_not_on_the_map():
    vectors, _ = clouds(50)
    vectors[7] = 0
    places = map.layout(vectors)
    assert np.isnan(places[7]).all()
    assert np.isfinite(np.delete(places, 7, axis=0)).all()
    assert np.isnan(map.layout(np.zeros((3, 4), np.float32))).all()
