"""The measures: on paper, against scikit-learn, and what must hold of all of them."""

from __future__ import annotations

import math
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as sklearn_metrics

from earmark.classify.evaluation import metrics

GENRES = ["a", "b", "c", "d"]

# Ranks 0, 1, 3 and, of equal chances, 3.
TRUTH = ["a", "b", "a", "d"]
CHANCES = np.array(
    [[0.7, 0.1, 0.1, 0.1], [0.4, 0.3, 0.2, 0.1], [0.1, 0.2, 0.3, 0.4], [0.25, 0.25, 0.25, 0.25]]
)


def drawn(seed, tracks=300, genres="abcdef"):
    """Return truths and chances by chance, the truth a little likelier than the rest."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, len(genres), tracks)
    chances = rng.dirichlet(np.full(len(genres), 0.7), tracks)
    chances[np.arange(tracks), truth] += 0.3
    return [genres[place] for place in truth], chances / chances.sum(axis=1, keepdims=True)


def test_on_paper():
    assert metrics.ranks(TRUTH, CHANCES, GENRES).tolist() == [0, 1, 3, 3]
    assert metrics.accuracy(TRUTH, CHANCES, GENRES) == 1 / 4
    assert [metrics.top_k(TRUTH, CHANCES, GENRES, k) for k in (2, 3, 4)] == [0.5, 0.5, 1]
    assert metrics.confusion(TRUTH, CHANCES, GENRES).tolist() == [
        [1, 0, 0, 1],
        [1, 0, 0, 0],
        [0, 0, 0, 0],
        [1, 0, 0, 0],
    ]
    loss = -np.log([0.7, 0.3, 0.1, 0.25]).mean()
    assert metrics.log_loss(TRUTH, CHANCES, GENRES) == pytest.approx(loss, rel=1e-12)


def test_each_genre_on_paper():
    found = metrics.per_genre(TRUTH, CHANCES, GENRES)
    assert found.index.tolist() == GENRES
    assert found["tracks"].tolist() == [2, 1, 0, 1]
    assert found["predicted"].tolist() == [3, 0, 0, 1]
    # b is never predicted and c never occurs: what there is nothing to divide by is not zero.
    np.testing.assert_allclose(found["precision"], [1 / 3, math.nan, math.nan, 0])
    np.testing.assert_allclose(found["recall"], [1 / 2, 0, math.nan, 0])
    np.testing.assert_allclose(found["f1"], [2 / 5, 0, math.nan, 0])
    # Over the three genres that occur.
    assert metrics.macro_f1(TRUTH, CHANCES, GENRES) == pytest.approx(2 / 15)


def test_of_equal_chances_the_first_is_the_larger():
    alike = np.full((4, 4), 0.25)
    assert metrics.ranks(GENRES, alike, GENRES).tolist() == [0, 1, 2, 3]
    # So rank and prediction agree: a track of rank 0 is one that argmax calls by its name.
    assert metrics.confusion(GENRES, alike, GENRES)[:, 0].tolist() == [1, 1, 1, 1]


def test_a_genre_that_the_model_does_not_know_is_an_error_and_no_more():
    truth = ["polka", *TRUTH]
    chances = np.vstack([[0.9, 0.1, 0, 0], CHANCES])
    assert metrics.ranks(truth, chances, GENRES)[0] == len(GENRES)
    assert metrics.top_k(truth, chances, GENRES, len(GENRES)) == 4 / 5
    assert metrics.confusion(truth, chances, GENRES).sum() == 4
    found = metrics.per_genre(truth, chances, GENRES)
    assert found["tracks"].sum() == 4
    assert found["predicted"]["a"] == 4
    assert found["precision"]["a"] == 1 / 4
    none = metrics.evaluate(["polka"], chances[:1], GENRES)
    assert none["accuracy"] == none["top_3"] == none["macro_f1"] == 0
    assert none["log_loss"] == pytest.approx(-np.log(np.finfo(float).eps))


def test_a_chance_of_zero_is_very_but_not_infinitely_wrong():
    assert metrics.log_loss(["b"], np.array([[1.0, 0.0]]), ["a", "b"]) == pytest.approx(36.04, 1e-3)


@pytest.mark.parametrize("seed", range(3))
def test_scikit_learn_says_the_same(seed):
    genres = list("abcdef")
    truth, chances = drawn(seed)
    called = np.array(genres)[chances.argmax(axis=1)]
    assert metrics.log_loss(truth, chances, genres) == pytest.approx(
        sklearn_metrics.log_loss(truth, chances, labels=genres)
    )
    for k in (1, 2, 3, 5):
        assert metrics.top_k(truth, chances, genres, k) == pytest.approx(
            sklearn_metrics.top_k_accuracy_score(truth, chances, k=k, labels=genres)
        )
    found = metrics.per_genre(truth, chances, genres)
    precision, recall, f1, tracks = sklearn_metrics.precision_recall_fscore_support(truth, called)
    for name, expected in (("precision", precision), ("recall", recall), ("f1", f1)):
        np.testing.assert_allclose(found[name], expected, rtol=1e-12)
    assert found["tracks"].tolist() == tracks.tolist()
    assert metrics.macro_f1(truth, chances, genres) == pytest.approx(
        sklearn_metrics.f1_score(truth, called, average="macro")
    )
    np.testing.assert_array_equal(
        metrics.confusion(truth, chances, genres), sklearn_metrics.confusion_matrix(truth, called)
    )


@given(st.lists(st.sampled_from("abcx"), min_size=1, max_size=20), st.integers(0, 1000))
def test_what_holds_of_any_predictions(truth, seed):
    genres = list("abc")
    chances = np.random.default_rng(seed).dirichlet([1, 1, 1], len(truth))
    values = [metrics.top_k(truth, chances, genres, k) for k in (1, 2, 3)]
    known = sum(true in genres for true in truth)
    assert values == sorted(values)
    assert values[-1] == known / len(truth)
    assert values[0] == metrics.accuracy(truth, chances, genres)
    counts = metrics.confusion(truth, chances, genres)
    assert counts.sum() == known
    assert counts.trace() == round(values[0] * len(truth))
    found = metrics.evaluate(truth, chances, genres)
    assert list(found) == ["accuracy", "macro_f1", "ece", "log_loss"]
    assert all(0 <= found[name] <= 1 for name in ("accuracy", "macro_f1", "ece"))
    assert 0 <= found["log_loss"] < 37


@given(st.permutations(list("abcd")), st.integers(0, 1000))
def test_the_order_of_genres_and_of_tracks_says_nothing(order, seed):
    truth, chances = drawn(seed, tracks=40, genres="abcd")
    expected = metrics.evaluate(truth, chances, list("abcd"))
    mixed = np.random.default_rng(seed).permutation(len(truth))
    moved = chances[mixed][:, ["abcd".index(genre) for genre in order]]
    found = metrics.evaluate([truth[place] for place in mixed], moved, order)
    assert found == pytest.approx(expected)


@pytest.mark.parametrize(
    ("genres", "told"),
    [("abc", []), ("abcd", ["top_3"]), ("abcde", ["top_3"]), ("abcdef", ["top_3", "top_5"])],
)
def test_the_first_few_are_told_where_there_are_more(genres, told):
    truth, chances = drawn(0, genres=genres)
    found = metrics.evaluate(truth, chances, list(genres))
    assert [name for name in found if name.startswith("top_")] == told
    assert all(found["accuracy"] < found[name] for name in told)


def test_confidence_and_truth_stand_side_by_side():
    sure = np.array([0.75, 0.75, 0.75, 0.75, 0.55, 0.55, 1.0])
    chances = np.column_stack([sure, 1 - sure])
    truth = ["a", "a", "a", "b", "b", "b", "a"]
    bins = metrics.reliability(truth, chances, ["a", "b"], bins=5)
    assert bins["tracks"].tolist() == [0, 0, 2, 4, 1]
    np.testing.assert_allclose(bins["low"], [0, 0.2, 0.4, 0.6, 0.8])
    np.testing.assert_allclose(bins["high"], [0.2, 0.4, 0.6, 0.8, 1])
    np.testing.assert_allclose(bins["confidence"], [math.nan, math.nan, 0.55, 0.75, 1])
    np.testing.assert_allclose(bins["accuracy"], [math.nan, math.nan, 0, 0.75, 1])
    # Two of seven tracks are off by 0.55, the others by nothing.
    error = metrics.expected_calibration_error(truth, chances, ["a", "b"], bins=5)
    assert error == pytest.approx(2 / 7 * 0.55)


def test_a_bin_has_its_upper_edge():
    # The edges themselves: 0.6 as linspace makes it is not the 0.6 of a decimal.
    edges = np.linspace(0, 1, 6)[3:]
    chances = np.column_stack([edges, 1 - edges])
    bins = metrics.reliability(["a"] * 3, chances, ["a", "b"], bins=5)
    assert bins["tracks"].tolist() == [0, 0, 1, 1, 1]


def test_who_is_as_sure_as_right_has_no_calibration_error():
    rng = np.random.default_rng(0)
    sure = rng.uniform(0.5, 1, 200_000)
    chances = np.column_stack([sure, 1 - sure])
    truth = np.where(rng.random(len(sure)) < sure, "a", "b").tolist()
    assert metrics.expected_calibration_error(truth, chances, ["a", "b"]) < 0.005
    # Twice as sure as one may be, in log-odds.
    odds = (sure / (1 - sure)) ** 2
    boasting = np.column_stack([odds / (1 + odds), 1 / (1 + odds)])
    error = metrics.expected_calibration_error(truth, boasting, ["a", "b"])
    assert error == pytest.approx(float((odds / (1 + odds) - sure).mean()), abs=0.005)
    assert error > 0.08


def test_the_interval_is_that_of_the_mean_of_independent_tracks():
    right = np.arange(400) < 260
    low, high = metrics.interval(right, np.arange(400))
    # The normal approximation: 0.65 ± 1.96 √(0.65 · 0.35 / 400).
    assert low == pytest.approx(0.6033, abs=0.006)
    assert high == pytest.approx(0.6967, abs=0.006)
    narrow = metrics.interval(right, np.arange(400), level=0.5)
    assert low < narrow[0] < 0.65 < narrow[1] < high


def test_tracks_of_one_artist_tell_less_than_tracks_of_many():
    right = np.repeat(np.arange(40) < 26, 10)
    widths = [
        np.diff(metrics.interval(right, np.arange(400) // size))[0] for size in (1, 2, 5, 10, 20)
    ]
    assert widths == sorted(widths)
    # Artists of ten tracks alike are 40 independent values and not 400: √10 times as wide.
    assert widths[3] / widths[0] == pytest.approx(np.sqrt(10), rel=0.1)


def test_the_interval_is_the_same_each_time_and_whatever_groups_are_called():
    rng = np.random.default_rng(1)
    right, groups = rng.random(300) < 0.6, rng.integers(0, 50, 300)
    found = metrics.interval(right, groups)
    assert metrics.interval(right, groups) == found
    assert metrics.interval(right, [f"artist {group}" for group in groups]) == found
    assert metrics.interval(right, groups, seed=1) != found
    mixed = rng.permutation(300)
    assert metrics.interval(right[mixed], groups[mixed]) == found


@pytest.mark.parametrize("right", [[1.0, 1.0, 1.0], [0.0, 0.0], [1.0]])
def test_what_was_not_seen_cannot_be_drawn(right):
    assert metrics.interval(right, range(len(right))) == (right[0], right[0])
    assert metrics.interval([1, 0, 1, 0], ["one artist"] * 4) == (0.5, 0.5)


def test_the_interval_is_of_any_number_not_of_right_and_wrong_alone():
    rng = np.random.default_rng(0)
    values, groups = rng.normal(3, 1, 500), np.arange(500)
    low, high = metrics.interval(values, groups)
    half = 1.96 / np.sqrt(500)
    assert low == pytest.approx(values.mean() - half, abs=0.02)
    assert high == pytest.approx(values.mean() + half, abs=0.02)


@pytest.mark.slow
def test_the_memory_of_an_interval_does_not_grow_with_the_groups():
    # Every group of a kind of its own: 60,000 of them drawn 400 times are 192 MB at once.
    values = np.random.default_rng(0).random(60_000)
    tracemalloc.start()
    try:
        low, high = metrics.interval(values, np.arange(60_000), repeats=400)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert low < values.mean() < high
    assert peak < 100e6


def test_an_unknown_genre_is_not_even_among_more_than_there_are():
    assert metrics.top_k(["z"], np.array([[0.9, 0.1]]), ["a", "b"], 3) == 0
