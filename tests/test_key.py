"""The model of the 24 keys and the script that learns it."""

from __future__ import annotations

import json

import numpy as np
import pytest

from earmark.extract.estimators import fit_key, key

C_MINOR, D_MINOR, G_MINOR, A_MINOR, C_MAJOR, E_FLAT_MAJOR, F_MAJOR, G_MAJOR = (
    0,
    2,
    7,
    9,
    12,
    15,
    17,
    19,
)


def some_dyads(seed=0):
    return np.random.default_rng(seed).uniform(0.01, 0.2, 36)


def test_probabilities_are_of_one_key_or_another():
    found = key.probabilities(some_dyads())
    assert found.shape == (24,)
    assert found.sum() == pytest.approx(1)
    assert (found > 0).all()


def test_a_transposed_track_is_in_the_transposed_key():
    heard = some_dyads().reshape(3, 12)
    plain = key.probabilities(heard.ravel()).reshape(2, 12)
    for steps in range(12):
        moved = key.probabilities(np.roll(heard, steps, axis=1).ravel()).reshape(2, 12)
        np.testing.assert_allclose(moved, np.roll(plain, steps, axis=1))


def test_strength_does_not_count():
    heard = some_dyads()
    np.testing.assert_allclose(key.probabilities(0.3 * heard), key.probabilities(heard))


@pytest.mark.parametrize("heard", [np.zeros(36), np.full(36, 0.1)], ids=["nothing", "all alike"])
def test_what_says_nothing_has_no_key(heard):
    assert key.evidence(heard) is None
    assert key.probabilities(heard) is None


def test_the_weights_say_what_they_were_learnt_from_and_how_right_they_are():
    stored = json.loads(key.WEIGHTS.read_text("utf-8"))
    assert np.shape(stored["minor"]) == np.shape(stored["major"]) == (len(key.INTERVALS), 12)
    assert "GTZAN" in stored["learnt_from"]
    assert stored["artists_left_out"]["long"]["mirex"] >= 0.66


def test_learning_finds_the_weights_that_made_the_keys():
    rng = np.random.default_rng(0)
    evidence = np.array([key.evidence(rng.uniform(0.01, 0.2, 36)) for _ in range(2000)])
    true = 2 * rng.normal(size=73)
    true[-1] = 0.5
    chances = fit_key.probabilities(fit_key.scores(true, evidence))
    right = np.array([rng.choice(24, p=chance) for chance in chances])
    learnt = fit_key.fit(evidence, right, np.ones(2000))
    agree = fit_key.scores(learnt, evidence).argmax(1) == chances.argmax(1)
    assert agree.mean() > 0.8


@pytest.mark.parametrize(
    ("found", "right", "score"),
    [
        (C_MAJOR, C_MAJOR, 1),
        (C_MINOR, C_MINOR, 1),
        (G_MAJOR, C_MAJOR, 0.5),
        (G_MINOR, C_MINOR, 0.5),
        # MIREX counts a fifth up only.
        (F_MAJOR, C_MAJOR, 0),
        (A_MINOR, C_MAJOR, 0.3),
        (E_FLAT_MAJOR, C_MINOR, 0.3),
        (C_MAJOR, C_MINOR, 0.2),
        (C_MINOR, C_MAJOR, 0.2),
        (E_FLAT_MAJOR, C_MAJOR, 0),
        (A_MINOR, C_MINOR, 0),
        (D_MINOR, C_MAJOR, 0),
        (G_MINOR, C_MAJOR, 0),
    ],
)
def test_scores_are_those_of_mirex(found, right, score):
    assert fit_key.mirex(found, right) == score
    both = fit_key.mirex(found, right, both_fifths=True)
    assert both == (0.5 if found == F_MAJOR else score)
