"""What is seen of a training while it runs, and what must not depend on how it is shared out."""

import re
import threading

import numpy as np
import pandas as pd
import pytest

from earmark.classify import train
from earmark.classify.dataset import build
from earmark.classify.evaluation import held_out
from earmark.classify.evaluation.progress import Bar
from earmark.classify.model.estimator import GenreClassifier

MODEL = GenreClassifier(n_estimators=8, n_jobs=1)


@pytest.fixture(scope="module")
def dataset():
    """Return windows of tracks by sixteen artists."""
    rng = np.random.default_rng(0)
    artist = np.repeat(np.arange(16), 12)
    features = pd.DataFrame(rng.normal(size=(len(artist), 5)), columns=list("abcde"))
    features["a"] += artist % 3
    return build.Dataset(
        features.astype(np.float32),
        pd.Series(np.array(["folk", "jazz", "rock"])[artist % 3]),
        pd.Series([f"artist {own}" for own in artist]),
        pd.Series([f"{row // 3}.mp3" for row in range(len(artist))]),
        list("abcde"),
        {},
    )


def shown(text):
    """Return what a bar said, in order: what it was doing, and how many percent were done."""
    return [
        (found[1], int(found[2])) for found in re.finditer(r"\r([\w /]+): +(\d+)%\|", f"\r{text}")
    ]


def test_every_round_is_told_and_changes_nothing(dataset):
    told = []
    learner = held_out.learn(MODEL, dataset, after_round=lambda *own: told.append(own))
    assert told == [(done, 8) for done in range(1, 9)]
    silent = held_out.learn(MODEL, dataset)
    assert silent.ensemble_.booster.save_raw() == learner.ensemble_.booster.save_raw()


def test_rounds_are_told_where_training_may_stop_early(dataset):
    told = []
    learner = GenreClassifier(n_estimators=300, early_stopping=True, n_iter_no_change=2)
    held_out.learn(learner, dataset, after_round=lambda *own: told.append(own))
    assert told == [(done, 300) for done in range(1, len(told) + 1)]
    assert len(told) < 300


def test_the_bar_moves_within_a_part_and_says_what_is_done(capsys, monkeypatch):
    monkeypatch.setattr("tqdm.std.time", iter(range(1000)).__next__)
    with Bar({"honest folds": 2, "leaky folds": 2}, shown=True) as bar:
        with bar.part("honest folds") as moved:
            for done in range(1, 5):
                moved(done, 4)
        # A part that stops early, or tells nothing, is done all the same.
        with bar.part("honest folds") as moved:
            moved(1, 4)
        with bar.part("leaky folds"), bar.part("leaky folds"):
            pass
    said = shown(capsys.readouterr().err)
    percents = [percent for _, percent in said]
    assert {6, 12, 19, 25, 31, 50, 75, 100} <= set(percents)
    assert percents == sorted(percents)
    assert said[-1] == ("leaky folds 2/2", 100)
    assert ("honest folds 1/2", 25) in said


@pytest.mark.parametrize("steps", [3, 7, 300])
def test_a_bar_ends_at_its_end_whatever_its_steps(capsys, steps):
    with Bar({"folds": 25}, shown=True) as bar:
        for _ in range(25):
            with bar.part("folds") as moved:
                for done in range(1, steps + 1):
                    moved(done, steps)
    said = capsys.readouterr().err
    assert shown(said)[-1] == ("folds 25/25", 100)
    assert "Warning" not in said
    assert bar._bar.n == bar._bar.total


def test_threads_share_a_bar_and_nothing_is_lost(capsys):
    with Bar({"folds": 8}, shown=True) as bar:

        def work():
            with bar.part("folds") as moved:
                for done in range(1, 501):
                    moved(done, 500)

        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert shown(capsys.readouterr().err)[-1] == ("folds 8/8", 100)


def test_a_training_shows_the_folds_of_each_kind_and_the_final_fit(dataset, capsys):
    train.train(dataset, MODEL, count=3, repeats=1, show_progress=True)
    said = [what for what, _ in shown(capsys.readouterr().err)]
    assert "honest folds 3/3" in said
    assert "leaky folds 3/3" in said
    assert said[-1] == "final fit"


def test_nothing_is_shown_that_was_not_asked_for(dataset, capsys):
    train.train(dataset, MODEL, count=3, repeats=1)
    assert capsys.readouterr().err == ""


def test_the_model_is_the_same_for_any_number_of_workers(dataset, monkeypatch):
    made = []
    for workers in (1, 2, 5):
        monkeypatch.setattr(held_out, "_workers", lambda *_, own=workers: own)
        evaluation, bundle = train.train(dataset, MODEL, count=3, repeats=2)
        made.append((bundle.model, bundle.linear, bundle.metrics, evaluation.probabilities))
    for trees, linear, numbers, chances in made[1:]:
        assert trees == made[0][0]
        assert linear == made[0][1]
        assert numbers == made[0][2]
        pd.testing.assert_frame_equal(chances, made[0][3], check_exact=True)
