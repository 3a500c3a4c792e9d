"""The learner's halves, how they are mixed and tempered, what they are measured by and explain."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import earmark
from earmark.classify import score, train
from earmark.classify.dataset import build
from earmark.classify.evaluation import cross_validation, tune
from earmark.classify.evaluation.calibration import calibrate, cross_fitted
from earmark.classify.model.defaults import FEW_ROWS
from earmark.classify.model.ensemble import Ensemble, mixed, softmax
from earmark.classify.model.estimator import GenreClassifier
from earmark.classify.model.linear import Linear
from earmark.classify.model.vector_leaf import has_vector_leaves
from earmark.classify.trained import Trained
from earmark.extract.errors import LabelError

NO_CATEGORIES = [None, None, None]


def points(rows=300, genres=3, seed=0):
    """Return rows of three columns, the first of which tells the genre."""
    rng = np.random.default_rng(seed)
    encoded = rng.integers(0, genres, rows)
    values = rng.normal(size=(rows, 3)).astype(np.float32)
    values[:, 0] += 2 * encoded
    return values, encoded


# The linear half.


def test_the_linear_half_is_scikit_learns_regression():
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    values, encoded = points()
    own = Linear.fit(values, encoded, np.ones(300), NO_CATEGORIES, 0.1)
    scaled = np.clip(StandardScaler().fit_transform(values.astype(float)), -4, 4)
    other = LogisticRegression(C=0.1, max_iter=1000, tol=1e-3).fit(scaled, encoded)
    np.testing.assert_allclose(softmax(own.logits(values)), other.predict_proba(scaled), atol=1e-4)


def test_of_two_genres_the_odds_are_what_the_regression_says():
    values, encoded = points(genres=2)
    own = Linear.fit(values, encoded, np.ones(300), NO_CATEGORIES, 0.1)
    logits = own.logits(values)
    np.testing.assert_allclose(logits.sum(axis=1), 0, atol=1e-9)
    assert ((logits[:, 1] > 0) == (encoded == 1)).mean() > 0.8


def test_what_is_missing_says_nothing():
    values, encoded = points()
    own = Linear.fit(values, encoded, np.ones(300), NO_CATEGORIES, 0.1)
    unknown = np.full((1, 3), np.nan, np.float32)
    np.testing.assert_array_equal(own.logits(unknown)[0], own.intercept)
    assert not own.contributions(unknown)[0, :, :3].any()


def test_one_wild_value_does_not_outvote_the_others():
    values, encoded = points()
    own = Linear.fit(values, encoded, np.ones(300), NO_CATEGORIES, 0.1)
    wild = values[:1].copy()
    wild[0, 1] = 1e30
    assert np.abs(own.logits(wild) - own.logits(values[:1])).max() < 2


def test_a_category_is_an_input_for_each_of_its_values_and_a_new_one_is_none():
    values, encoded = points()
    values[:, 2] = np.where(encoded == 1, 7, 3)
    categories = [None, None, np.array([3, 7], np.float32)]
    own = Linear.fit(values, encoded, np.ones(300), categories, 0.1)
    assert own.weights.shape == (3, 4)
    assert own.contributions(values).shape == (300, 3, 4)
    new = values[:1].copy()
    new[0, 2] = 5
    assert np.isfinite(own.logits(new)).all()


@settings(deadline=None, max_examples=25)
@given(st.integers(2, 5), st.integers(0, 1000), st.booleans())
def test_contributions_of_the_linear_half_add_up(genres, seed, categorical):
    values, encoded = points(60, genres, seed)
    encoded[:genres] = np.arange(genres)
    values[::7, 1] = np.nan
    categories = list(NO_CATEGORIES)
    if categorical:
        values[:, 2] = np.round(values[:, 2])
        categories[2] = np.unique(values[:, 2])
    own = Linear.fit(values, encoded, np.ones(60), categories, 0.1)
    total = own.contributions(values).sum(axis=2)
    np.testing.assert_allclose(total, own.logits(values), atol=1e-9)
    again = Linear.from_json(own.to_json(), categories)
    np.testing.assert_array_equal(again.logits(values), own.logits(values))


def test_a_category_of_which_nothing_is_known_adds_nothing():
    values, encoded = points()
    values[:, 2] = np.nan
    categories = [None, None, np.array([], np.float32)]
    own = Linear.fit(values, encoded, np.ones(300), categories, 0.1)
    added = own.contributions(values)
    assert not added[:, :, 2].any()
    np.testing.assert_allclose(added.sum(axis=2), own.logits(values), atol=1e-9)


def test_what_differs_by_rounding_alone_is_constant():
    values, encoded = points()
    values[:, 1] = 0.1
    own = Linear.fit(values, encoded, np.ones(300), NO_CATEGORIES, 0.1)
    other = values[:1].copy()
    other[0, 1] = 0.2
    assert np.abs(own.logits(other) - own.logits(values[:1])).max() < 1e-6


def test_a_linear_half_that_does_not_fit_its_columns_is_refused():
    values, encoded = points()
    stored = Linear.fit(values, encoded, np.ones(300), NO_CATEGORIES, 0.1).to_json()
    with pytest.raises(ValueError, match="does not fit its columns"):
        Linear.from_json(stored, NO_CATEGORIES[:2])
    with pytest.raises(ValueError, match="does not fit its columns"):
        Linear.from_json(stored | {"intercept": [float("nan")] * 3}, NO_CATEGORIES)


# The estimator.


def test_the_parameters_suit_the_size_of_the_table_and_give_way_to_ones_own():
    assert GenreClassifier().parameters(FEW_ROWS, 114)["max_depth"] == 3
    assert GenreClassifier().parameters(FEW_ROWS + 1, 3)["early_stopping"]
    assert not GenreClassifier().parameters(FEW_ROWS + 1, 114)["early_stopping"]
    own = GenreClassifier(max_depth=5, linear_share=0.0).parameters(FEW_ROWS, 3)
    assert (own["max_depth"], own["linear_share"]) == (5, 0.0)


def test_a_round_has_its_part_of_the_rows_where_there_are_many():
    shares = {
        rows: GenreClassifier().parameters(rows, 3)["subsample"] for rows in (1999, 2000, 5999)
    }
    assert shares == {1999: 0.7, 2000: 1 / 2, 5999: 1 / 5}
    values, encoded = points(600)
    row_weights = np.random.default_rng(0).uniform(0.5, 2, len(values))
    for parts in (1, 2, 3, 4):
        learner = GenreClassifier(
            n_estimators=parts, subsample=1 / parts, learning_rate=1e-6, class_weight=None
        ).fit(values, encoded, row_weights)
        trees = learner.ensemble_.booster.trees_to_dataframe()
        # The root of a tree says how much weight it saw: of p = 1/3 the hessian is 2 p (1 - p).
        roots = trees[trees["Node"] == 0]["Cover"].to_numpy().reshape(parts, 3)
        seen = roots.mean(axis=1) / (2 / 3 * 2 / 3)
        assert len(seen) == parts
        # Each part once: together they are all rows, and no two are the same.
        assert seen.sum() == pytest.approx(row_weights.sum(), rel=0.02)
        assert len(set(seen.round(3))) == parts


def test_parts_of_the_rows_learn_what_all_of_them_do():
    values, encoded = points(4000)
    others, truth = points(2000, seed=1)
    right = []
    for share in (1.0, 1 / 4):
        learner = GenreClassifier(n_estimators=60, subsample=share).fit(values, encoded)
        right.append((learner.predict(others) == truth).mean())
    assert right[1] > right[0] - 0.01


def test_parts_are_dealt_of_rows_that_weigh_something():
    values, encoded = points(12)
    encoded[:3] = 0, 1, 2
    row_weights = (np.arange(12) < 3).astype(float)
    learner = GenreClassifier(n_estimators=5, subsample=0.01).fit(values, encoded, row_weights)
    assert np.isfinite(learner.predict_proba(values)).all()


def test_early_stopping_holds_out_whole_groups_and_stops():
    values, encoded = points(600)
    groups = np.arange(600) // 6
    learner = GenreClassifier(
        n_estimators=400, early_stopping=True, validation_fraction=0.3, n_iter_no_change=5
    ).fit(values, encoded, groups=groups)
    assert 1 <= learner.n_iter_ < 400
    # Labels by group, features without meaning: who learns the groups would never stop.
    learner = GenreClassifier(n_estimators=300, early_stopping=True, validation_fraction=0.3)
    noise = np.repeat(np.random.default_rng(0).normal(size=(100, 3)), 6, axis=0)
    learner.fit(noise, np.repeat(np.arange(100) % 3, 6), groups=groups)
    assert learner.n_iter_ < 40


def test_categories_are_taken_by_dtype_by_name_and_by_place():
    rng = np.random.default_rng(0)
    names = np.array(["c", "a", "b", "d"])
    kind = rng.integers(0, 4, 400)
    frame = pd.DataFrame({"x": rng.normal(size=400), "kind": pd.Categorical(names[kind])})
    # Of four values in a row the outer ones belong together: no line can tell them.
    labels = np.where(np.isin(frame["kind"], ["c", "b"]), "yes", "no")
    learner = GenreClassifier(n_estimators=20).fit(frame, labels)
    assert (learner.predict(frame) == labels).all()
    unknown = frame.assign(kind=pd.Categorical(["z"] * 400))
    assert np.isfinite(learner.predict_proba(unknown)).all()
    numbers = pd.DataFrame({"x": frame["x"], "kind": kind.astype(float)})
    for chosen in (["kind"], [1]):
        own = GenreClassifier(n_estimators=20, categorical_features=chosen).fit(numbers, labels)
        assert [len(values) if values is not None else None for values in own.categories_] == [
            None,
            4,
        ]
        assert (own.predict(numbers) == labels).all()
    with pytest.raises(ValueError, match="names 'key', which is no column"):
        GenreClassifier(categorical_features=["key"]).fit(numbers, labels)
    with pytest.raises(ValueError, match="categorical_features is 'all'"):
        GenreClassifier(categorical_features="all").fit(numbers, labels)


@pytest.fixture(scope="module")
def many():
    """Return a learner of thirty genres on more rows than a small table has."""
    rng = np.random.default_rng(0)
    encoded = rng.integers(0, 30, FEW_ROWS + 2000)
    values = rng.normal(size=(len(encoded), 4)).astype(np.float32)
    values[:, 0] += encoded % 6
    values[:, 1] += encoded // 6
    values[:, 3] = encoded % 3
    learner = GenreClassifier(n_estimators=12, max_depth=5, categorical_features=[3], n_jobs=1)
    return learner.fit(values, encoded), values, encoded


def test_of_many_genres_one_tree_a_round_is_for_all(many):
    learner, values, encoded = many
    assert learner.ensemble_.together
    assert learner.ensemble_.linear is None
    # Chance is one in thirty; two columns with noise and a third of the answer give half.
    assert (learner.predict(values) == encoded).mean() > 0.35
    assert learner.predict_proba(values[:5]).sum(axis=1) == pytest.approx(1)


@pytest.mark.parametrize("kind", ["few", "many"])
def test_contributions_add_up_to_the_log_odds_over_the_average_genre(many, kind):
    if kind == "many":
        learner, values, _ = many
        values = values[:40]
    else:
        values, encoded = points()
        values[::5, 2] = np.nan
        learner = GenreClassifier(n_estimators=20, temperature=1.7).fit(values, encoded)
    logits = learner.logits(values)
    best = logits.argmax(axis=1)
    added = learner.contributions(values)
    assert added.shape == (len(values), values.shape[1] + 1)
    expected = logits[np.arange(len(values)), best] - logits.mean(axis=1)
    np.testing.assert_allclose(added.sum(axis=1), expected, rtol=1e-4, atol=1e-4)


def test_vector_leaves_are_known_by_the_model():
    values, encoded = points()
    learner = GenreClassifier(n_estimators=3).fit(values, encoded)
    import json

    assert not has_vector_leaves(json.loads(learner.ensemble_.booster.save_raw("json")))


# Mixture and temperature.


def test_the_temperature_of_known_odds_is_found():
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 2, (4000, 5))
    truth = np.array([rng.choice(5, p=chances) for chances in softmax(logits)])
    share, temperature = calibrate(3 * logits, np.zeros_like(logits), truth, share=0.0)
    assert (share, temperature) == (0.0, pytest.approx(3, rel=0.08))


def test_the_half_that_knows_gets_the_say():
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 2, (2000, 4))
    truth = np.array([rng.choice(4, p=chances) for chances in softmax(logits)])
    noise = rng.normal(0, 2, (2000, 4))
    assert calibrate(noise, logits, truth)[0] > 0.9
    assert calibrate(logits, noise, truth)[0] < 0.1


def test_a_few_tracks_move_the_usual_mixture_little():
    sure = np.array([[9.0, 0.0], [0.0, 9.0]])
    share, temperature = calibrate(sure, np.zeros((2, 2)), np.array([1, 0]))
    assert 0.3 <= share <= 1
    assert temperature < 10


def test_a_fold_is_calibrated_without_its_own_truth():
    rng = np.random.default_rng(0)
    trees, linear = rng.normal(size=(2, 60, 3))
    truth, folds = rng.integers(0, 3, 60), np.arange(60) % 2
    before = cross_fitted(trees, linear, truth, folds)
    swapped = np.where(folds == 0, (truth + 1) % 3, truth)
    after = cross_fitted(trees, linear, swapped, folds)
    np.testing.assert_array_equal(before[folds == 0], after[folds == 0])
    assert not np.array_equal(before[folds == 1], after[folds == 1])


def test_mixing_is_a_weighted_mean_over_the_temperature():
    found = mixed(np.array([[1.0, 3.0]]), np.array([[5.0, 7.0]]), 0.25, 2.0)
    np.testing.assert_allclose(found, [[1.0, 2.0]])


# The evaluation.


@pytest.fixture(scope="module")
def artists():
    """Return tracks in windows, by artists who can be told apart while genres hardly can."""
    rng = np.random.default_rng(0)
    artist = np.repeat(np.arange(24), 12)
    genre = np.array(["folk", "jazz", "rock"])[artist % 3]
    voice = rng.normal(0, 3, (24, 6))[artist]
    features = pd.DataFrame(voice + rng.normal(0, 0.3, voice.shape), columns=list("abcdef"))
    features["g"] = rng.normal(0, 1, len(artist)) + 0.5 * (artist % 3)
    return build.Dataset(
        features.astype(np.float32),
        pd.Series(genre),
        pd.Series([f"artist {own}" for own in artist]),
        pd.Series([f"{row // 3}.mp3" for row in range(len(artist))]),
        list("abcdefg"),
        {},
    )


@pytest.fixture(scope="module")
def evaluated(artists):
    return cross_validation.cross_validate(
        artists, GenreClassifier(n_estimators=40), count=4, repeats=2, leaky=True
    )


def test_the_leaky_number_stands_beside_the_honest_one(evaluated):
    numbers = evaluated.metrics
    assert numbers["accuracy"] < 0.65
    assert numbers["leaky"]["accuracy"] > 0.95
    low, high = numbers["interval"]["accuracy"]
    assert low < numbers["accuracy"] < high
    assert numbers["leaky"]["interval"]["accuracy"][0] > high
    assert "duplicates" not in numbers


def test_the_surest_errors_are_explained_by_models_that_had_not_seen_them(evaluated):
    wrong = evaluated.probabilities.idxmax(axis=1) != evaluated.tracks["label"]
    explained = evaluated.explanations
    assert set(explained["path"]) <= set(wrong.index[wrong])
    assert 0 < explained["path"].nunique() <= cross_validation.EXPLAINED
    taken_for = explained.drop_duplicates("path").set_index("path")["genre"]
    found = evaluated.probabilities.loc[taken_for.index].idxmax(axis=1)
    # Share and temperature differ a little between the folds and the whole.
    assert (found == taken_for).mean() > 0.8


def test_the_same_seed_gives_the_same_numbers(artists, evaluated):
    again = cross_validation.cross_validate(
        artists, GenreClassifier(n_estimators=40), count=4, repeats=2, leaky=True
    )
    assert again.metrics == evaluated.metrics


def test_duplicates_on_both_sides_are_counted_apart(artists):
    # Every artist again under another name: whoever splits by name has them on both sides.
    twice = pd.concat([artists.features, artists.features], ignore_index=True)
    names = artists.groups.tolist()
    doubled = build.Dataset(
        twice,
        pd.concat([artists.labels, artists.labels], ignore_index=True),
        pd.Series(names + names),
        pd.Series([*artists.tracks, *("copy of " + artists.tracks)]),
        artists.columns,
        {},
        keys=pd.Series(names + [f"{name} again" for name in names]),
    )
    found = cross_validation.cross_validate(
        doubled, GenreClassifier(n_estimators=40), count=4, repeats=1, leaky=True
    )
    assert found.metrics["duplicates"]["accuracy"] > found.metrics["accuracy"] + 0.1


def test_a_published_split_is_followed(artists):
    number = artists.groups.str.split().str[1].astype(int)
    split = pd.Series(np.select([number < 12, number < 18], ["train", "valid"], "test"))
    published = replace(artists, split=split)
    found = cross_validation.cross_validate(published, GenreClassifier(n_estimators=20), repeats=1)
    assert (found.metrics["folds"], found.metrics["published"]) == (1, True)
    tested = set(artists.tracks[number >= 18])
    assert set(found.tracks.index) == tested


def test_groups_that_cross_a_published_split_are_counted(artists):
    split = pd.Series(np.where(np.arange(len(artists.labels)) % 2, "train", "test"))
    crossed = replace(artists, split=split)
    found = cross_validation.cross_validate(crossed, GenreClassifier(n_estimators=5), repeats=1)
    assert found.metrics["crossing"] == 24


def test_a_large_table_is_tested_on_one_fold():
    assert cross_validation.plan(1_999) == (None, 3)
    assert cross_validation.plan(2_000) == (None, 1)
    assert cross_validation.plan(20_000) == (1, 1)


def test_a_genre_that_a_fold_cannot_learn_is_never_found_there(artists):
    # All folk is by one artist: where it is tested, nothing is known of it.
    only = artists.groups.where(artists.labels != "folk", "artist 0")
    found = cross_validation.cross_validate(
        replace(artists, groups=only, keys=only), GenreClassifier(n_estimators=20), repeats=1
    )
    assert found.metrics["genres"]["folk"]["recall"] == 0
    assert np.isfinite(found.probabilities.to_numpy()).all()


@pytest.fixture(scope="module")
def model(artists, evaluated):
    return Trained.of(train.fit(artists, GenreClassifier(n_estimators=40), evaluated))


def test_a_model_is_tested_on_labelled_tracks(model, artists, evaluated):
    numbers = cross_validation.test(model, artists)
    assert numbers["accuracy"] > evaluated.metrics["accuracy"]
    right = numbers["accuracy"]
    assert numbers["tracks"] == artists.tracks.nunique()
    renamed = replace(artists, labels=artists.labels.replace("folk", "polka"))
    numbers = cross_validation.test(model, renamed)
    assert numbers["unknown"] == {"polka": 32}
    assert numbers["accuracy"] < min(right, 2 / 3 + 1e-9)
    with pytest.raises(LabelError, match="knows none of the genres polka"):
        cross_validation.test(
            model, replace(artists, labels=pd.Series(["polka"] * len(artists.labels)))
        )


# Explanations.


def test_a_prediction_says_what_spoke_for_it_and_what_against(model, artists):
    table = artists.features.assign(path=artists.tracks)
    found = model.explain(table, top=2)
    assert found.columns.tolist() == score.EXPLAINED_COLUMNS
    predicted = model.predict(table).set_index("path")["genre"]
    assert (found["genre"] == found["path"].map(predicted)).all()
    # First what spoke for it, the strongest first; then what against.
    signs = found.groupby("path")["contribution"].apply(
        lambda own: np.sign(own).is_monotonic_decreasing
    )
    assert signs.all()
    assert found.groupby("path").size().max() <= 4
    first = found.iloc[0]
    seen = artists.features.loc[artists.tracks == first["path"], first["feature"]]
    assert first["value"] == pytest.approx(seen.mean(), rel=1e-5)


def test_the_column_that_decides_is_named_first():
    values, encoded = points(400)
    table = pd.DataFrame(values, columns=["decides", "noise", "more noise"])
    paths = pd.Series([f"{row}.mp3" for row in range(400)])
    labels = pd.Series(np.array(["a", "b", "c"])[encoded])
    data = build.Dataset(table, labels, paths, paths, list(table), {})
    learner = GenreClassifier(n_estimators=30)
    evaluation = cross_validation.cross_validate(data, learner, repeats=1)
    bundle = Trained.of(train.fit(data, learner, evaluation))
    found = bundle.explain(table.assign(path=paths))
    ends = found[(found["genre"] != "b") & (found["contribution"] > 0)]
    assert (ends.groupby("path")["feature"].first() == "decides").mean() > 0.9
    assert train.importances(bundle).index[0] == "decides"
    assert train.importances(bundle).sum() == pytest.approx(1)


def test_nothing_is_said_of_silence(model, artists):
    table = artists.features.iloc[:2].assign(path=["a", "b"])
    table.iloc[:, :7] = np.nan
    assert not len(model.explain(table))


def test_what_audio_does_not_have_is_averaged_over(artists):
    rng = np.random.default_rng(0)
    features = artists.features.assign(popularity=rng.uniform(0, 100, len(artists.labels)))
    about = {"set": "spotify-1"}
    known = replace(artists, features=features, columns=[*"abcdefg", "popularity"], about=about)
    learner = GenreClassifier(n_estimators=20)
    evaluation = cross_validation.cross_validate(known, learner, repeats=1)
    bundle = train.fit(known, learner, evaluation)
    assert len(bundle.stand_ins["popularity"]) == train.STAND_INS
    expected = np.mean(
        [
            bundle.probabilities(features.assign(popularity=own))
            for own in bundle.stand_ins["popularity"]
        ],
        axis=0,
    )
    found = bundle.probabilities(artists.features)
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    missing = features.assign(popularity=np.nan).astype(np.float32)
    assert np.isfinite(bundle.probabilities(missing)).all()


def test_an_excerpt_does_not_tell_how_long_the_song_is(artists):
    rng = np.random.default_rng(0)
    count = len(artists.labels)
    lengths = rng.uniform(120_000, 400_000, count)
    features = artists.features.assign(popularity=rng.uniform(0, 100, count), duration_ms=lengths)
    columns = [*"abcdefg", "popularity", "duration_ms"]
    known = replace(artists, features=features, columns=columns, about={"set": "spotify-1"})
    learner = GenreClassifier(n_estimators=20)
    bundle = train.fit(known, learner, cross_validation.cross_validate(known, learner, repeats=1))
    songs, clips = features, features.assign(duration_ms=29_900.0)
    mixed = features.assign(duration_ms=np.where(np.arange(count) % 2, 29_900.0, lengths))
    of_songs, of_clips, of_both = map(bundle.probabilities, (songs, clips, mixed))
    draws = [
        bundle.probabilities(features.assign(duration_ms=own))
        for own in bundle.stand_ins["duration_ms"]
    ]
    np.testing.assert_allclose(of_clips, np.mean(draws, axis=0), rtol=1e-5)
    np.testing.assert_allclose(
        of_both, np.where(np.arange(count)[:, None] % 2, of_clips, of_songs), rtol=1e-5
    )
    assert not np.allclose(of_songs, of_clips, atol=1e-3)


def test_the_default_model_explains_itself(demo):

    table = earmark.table([demo], set="default+musicnn")
    found = earmark.load().explain(table, top=3)
    assert found["path"].nunique() == 6
    assert set(found["feature"]) <= set(earmark.load().inputs)


# The search.


@pytest.mark.slow
@pytest.mark.parametrize("rows", [100, 2_000, 9_999, FEW_ROWS])
def test_a_search_can_start_from_what_suits_the_table(rows):
    usual = GenreClassifier().parameters(rows, 3)
    for name, (low, high) in tune._RANGES.items():
        assert low <= usual[name] <= high


def test_a_search_finds_better_parameters_and_judges_them_elsewhere(artists):
    pytest.importorskip("optuna")
    from earmark.classify.evaluation.tune import search

    # Depth 1 and two rounds: whatever is tried is better.
    poor = GenreClassifier(n_estimators=2, learning_rate=0.001, linear_share=0.0)
    found = search(artists, poor, 3, seed=0)
    assert found.get_params() != poor.get_params()
    assert found.get_params() == search(artists, poor, 3, seed=0).get_params()
    number = artists.groups.str.split().str[1].astype(int)
    split = pd.Series(np.where(number < 18, "train", "test"))
    published = replace(artists, split=split)
    for data in (artists, published):
        numbers = cross_validation.cross_validate(
            data, poor, count=3, repeats=1, search=partial(search, trials=2)
        ).metrics
        assert 0 < numbers["accuracy"] <= 1


def test_an_ensemble_without_a_linear_half_has_trees_alone():
    values, encoded = points()
    learner = GenreClassifier(n_estimators=5, linear_share=0.0).fit(values, encoded)
    assert isinstance(learner.ensemble_, Ensemble)
    trees, linear = learner.parts(values)
    assert not linear.any()
    np.testing.assert_allclose(learner.logits(values), trees)
