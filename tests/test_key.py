"""The model of the 24 keys and the script that learns it."""

from __future__ import annotations

import json
from dataclasses import astuple, replace

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


def some_sound(seed=0):
    """What may be heard of a track."""
    rng = np.random.default_rng(seed)
    shares = rng.dirichlet(np.ones(24), 3)
    return key.Heard(rng.uniform(0.01, 0.2, 36), *shares)


def transposed(heard, steps):
    parts = [np.roll(part.reshape(-1, 12), steps, axis=1).ravel() for part in astuple(heard)]
    return key.Heard(*parts)


def test_probabilities_are_of_one_key_or_another():
    found = key.probabilities(some_sound())
    assert found.shape == (24,)
    assert found.sum() == pytest.approx(1)
    assert (found > 0).all()


def test_a_transposed_track_is_in_the_transposed_key():
    plain = key.probabilities(some_sound()).reshape(2, 12)
    for steps in range(12):
        moved = key.probabilities(transposed(some_sound(), steps)).reshape(2, 12)
        np.testing.assert_allclose(moved, np.roll(plain, steps, axis=1))


def test_strength_does_not_count():
    heard = some_sound()
    soft = replace(heard, dyads=0.3 * heard.dyads)
    np.testing.assert_allclose(key.probabilities(soft), key.probabilities(heard))


@pytest.mark.parametrize("dyads", [np.zeros(36), np.full(36, 0.1)], ids=["nothing", "all alike"])
def test_what_says_nothing_has_no_key(dyads):
    heard = replace(some_sound(), dyads=dyads)
    assert key.evidence(heard) is None
    assert key.probabilities(heard) is None


def test_the_weights_say_what_they_were_learnt_from_and_how_right_they_are():
    stored = json.loads(key.WEIGHTS.read_text("utf-8"))
    for mode in ("minor", "major"):
        assert np.shape(stored[mode]["dyads"]) == (len(key.INTERVALS), 12)
        for part in ("chords", "opening", "closing"):
            assert np.shape(stored[mode][part]) == (len(key.CHORDS), 12)
    assert "GTZAN" in stored["learnt_from"]
    assert stored["artists_left_out"]["long"]["mirex"] >= 0.7
    assert stored["artists_left_out"]["songs"]["exact"] >= 0.48


def test_learning_finds_the_weights_that_made_the_keys():
    rng = np.random.default_rng(0)
    evidence = np.array([key.evidence(some_sound(seed)) for seed in range(3000)])
    true = 2 * rng.normal(size=2 * evidence.shape[2] + 1)
    true[-1] = 0.5
    chances = fit_key.probabilities(fit_key.scores(true, evidence))
    right = np.array([rng.choice(24, p=chance) for chance in chances])
    learnt = fit_key.fit(evidence, right, np.ones(len(evidence)))
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
