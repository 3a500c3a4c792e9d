"""The learner, its bundle and its predictions."""

from __future__ import annotations

import hashlib
import json
import pickle
import zlib
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import xgboost
from sklearn.base import clone
from sklearn.utils._param_validation import InvalidParameterError
from sklearn.utils.estimator_checks import parametrize_with_checks

import earmark
from earmark.classify import score, train
from earmark.classify.dataset import build
from earmark.classify.evaluation import cross_validation
from earmark.classify.model import defaults, storage
from earmark.classify.model.ensemble import softmax
from earmark.classify.model.estimator import GenreClassifier
from earmark.classify.trained import Trained
from earmark.extract import schema, tables
from earmark.extract.config import DEFAULTS
from earmark.extract.errors import BundleError, SchemaError, WriteError
from earmark.extract.feature_table import FeatureTable

KNOWN_TO_FAIL = {
    "check_sample_weight_equivalence_on_dense_data": "rows are sampled at random, weighted or not"
}


# Skipped checks (array API, data frames of other libraries) say so with a warning.
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
@parametrize_with_checks(
    [GenreClassifier(n_estimators=15, n_jobs=1)],
    expected_failed_checks=lambda estimator: KNOWN_TO_FAIL,
)
def test_scikit_learn_accepts_the_estimator(estimator, check):
    check(estimator)


@pytest.fixture(scope="module")
def toy():
    """Three genres that one column tells apart, in windows of tracks by some artists."""
    rng = np.random.default_rng(0)
    genres = np.repeat(["blues", "jazz", "rock"], 40)
    features = pd.DataFrame(rng.normal(size=(120, 5)), columns=list("abcde")).astype(np.float32)
    features["a"] += pd.Series(genres).map({"blues": -3, "jazz": 0, "rock": 3})
    return build.Dataset(
        features,
        pd.Series(genres),
        pd.Series([f"artist {row // 8}" for row in range(120)]),
        pd.Series([f"{row // 2}.mp3" for row in range(120)]),
        list("abcde"),
        {},
    )


@pytest.fixture(scope="module")
def trained(toy):
    learner = GenreClassifier(n_estimators=30)
    evaluation = cross_validation.cross_validate(toy, learner, count=3, repeats=2)
    bundle = train.fit(toy, learner, evaluation)
    return Trained.of(bundle), train.pickles(bundle, toy), evaluation


@pytest.fixture
def saved(trained, tmp_path):
    model, pickles, evaluation = trained
    train.write(tmp_path / "model", model, "card", evaluation=evaluation, pickles=pickles)
    return tmp_path / "model"


def test_the_evaluation_finds_what_is_there_and_says_over_what(trained):
    numbers = trained[2].metrics
    assert numbers["accuracy"] > 0.85
    assert numbers["tracks"] == 60
    assert numbers["groups"] == 15
    assert numbers["grouped_by"] == "artist"
    assert trained[2].confusion.sum() == 60


def test_shuffled_labels_give_chance(toy):
    # An evaluation that leaks would still find something here.
    shuffled = build.Dataset(
        toy.features.sample(frac=1, random_state=0).reset_index(drop=True),
        toy.labels,
        toy.groups,
        toy.tracks,
        toy.columns,
        {},
    )
    numbers = cross_validation.cross_validate(
        shuffled, GenreClassifier(n_estimators=30), repeats=2
    ).metrics
    assert 0.1 < numbers["accuracy"] < 0.55


def test_the_same_seed_gives_the_same_model(toy, trained):
    again = train.fit(toy, GenreClassifier(n_estimators=30), trained[2])
    assert again.model == trained[0].model


def test_missing_values_are_values(toy):
    features = toy.features.copy()
    features.loc[::7, "a"] = np.nan
    learner = GenreClassifier(n_estimators=10).fit(features, toy.labels)
    chances = learner.predict_proba(features)
    assert np.isfinite(chances).all()
    np.testing.assert_allclose(chances.sum(axis=1), 1, rtol=1e-5)
    assert clone(learner).get_params() == learner.get_params()


def test_a_device_that_is_not_there_is_said_in_one_line(toy, caplog):
    has_gpu = Path("/dev/nvidia0").exists()
    GenreClassifier(n_estimators=2, device="cuda").fit(toy.features, toy.labels)
    assert [record.message for record in caplog.records] == (
        [] if has_gpu else ["no GPU can be used here: training on the CPU"]
    )


def test_a_bundle_comes_back_as_it_was(saved, trained, toy):
    loaded = earmark.load(saved)
    assert loaded == trained[0]
    expected = trained[0].probabilities(toy.features)
    np.testing.assert_array_equal(loaded.probabilities(toy.features), expected)
    assert (saved / "confusion.png").read_bytes().startswith(b"\x89PNG")


class _Bomb:
    def __reduce__(self):
        return (pytest.fail, ("something was unpickled",))


def test_loading_never_unpickles(saved):
    for name in ("model.joblib", "encoder.joblib"):
        (saved / name).write_bytes(pickle.dumps(_Bomb()))
    earmark.load(saved)


def test_the_pickles_hold_no_import_path_of_ours(saved, toy):
    import joblib

    for name in ("model.joblib", "encoder.joblib"):
        content = zlib.decompress((saved / name).read_bytes())
        assert b"sklearn" in content
        assert b"classify" not in content
    plain = joblib.load(saved / "model.joblib")
    encoder = joblib.load(saved / "encoder.joblib")
    genres = encoder.inverse_transform(plain.predict(toy.features))
    assert (genres == toy.labels).mean() > 0.9


@pytest.mark.parametrize("genres", [3, 25])
def test_the_pickles_take_categories_as_they_are(genres, monkeypatch):
    # With many genres the trees have vectors in their leaves, and take categories otherwise.
    monkeypatch.setattr(defaults, "FEW_ROWS", 100)
    rng = np.random.default_rng(0)
    rows = 40 * genres
    labels = np.repeat([f"genre {place:02d}" for place in range(genres)], 40)
    signatures = rng.choice([0.0, 3.0, 4.0, 5.0], (genres, 1))
    features = pd.DataFrame(
        {
            "energy": rng.normal(np.arange(rows) % 7, 1),
            "time_signature": np.repeat(signatures, 40),
            "key": rng.choice([-1.0, 0.0, 7.0, 11.0], rows),
        }
    ).astype(np.float32)
    features.loc[::9, "energy"] = np.nan
    names = pd.Series([f"{row}.mp3" for row in range(rows)])
    data = build.Dataset(features, pd.Series(labels), names, names, list(features), {})
    learner = GenreClassifier(n_estimators=5)
    evaluation = SimpleNamespace(linear_share=0.0, temperature=1.0, metrics={})
    model = train.fit(data, learner, evaluation)
    pickles = train.pickles(model, data)
    assert model.ensemble.together == (genres == 25)
    assert model.categories["time_signature"] == sorted(set(features["time_signature"]))
    # What was never seen is there when the model is used.
    features.loc[::11, "time_signature"] = 7.0
    expected = np.array(model.genres)[model.logits(features).argmax(axis=1)]
    plain, encoder = pickles["model.joblib"], pickles["encoder.joblib"]
    for given in (features, features.to_numpy(), features.to_numpy().tolist()):
        found = encoder.inverse_transform(plain.predict(given))
        np.testing.assert_array_equal(found, expected)
    assert b"classify" not in pickle.dumps(plain)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda d: (d / "bundle.json").unlink(), "there is no bundle.json in it"),
        (lambda d: (d / "model.ubj").unlink(), "there is no model.ubj in it"),
        (lambda d: (d / "bundle.json").write_text("{"), "cannot be read"),
        (lambda d: (d / "bundle.json").write_text("[]"), "has protocol None"),
        (lambda d: (d / "model.ubj").write_bytes(b"x"), "is damaged"),
        (
            lambda d: _edit(d, protocol=99),
            "has protocol 99, and this version of Earmark reads 1, 2, 3, 4",
        ),
        (lambda d: _edit(d, genres=["a", "b"]), "give 3 genres, but it names 5 and 2"),
        (lambda d: _edit(d, inputs=["a"]), "take 5 columns .* but it names 1 and 3"),
        (lambda d: _edit(d, columns=["a"]), "its inputs b, c, d, e are not among"),
        (lambda d: _edit(d, genres="abc"), "its genres: Input should be a valid list"),
        (lambda d: _edit(d, surprise=1), "its surprise: Unexpected keyword argument"),
        (lambda d: _edit(d, genres=["a", "b", "a"]), "names 'a' twice"),
        (lambda d: _edit(d, temperature=0), r"temperature: .* to 0\.001 \(it is 0\)"),
        (lambda d: _edit(d, temperature="hot"), "its temperature: Input should be a valid number"),
        (lambda d: _edit(d, linear_share=2), r"linear_share: .* equal to 1 \(it is 2\)"),
        (lambda d: _edit(d, linear=None), "linear part is there without a share"),
        (lambda d: _edit(d, linear={"mean": [0.0]}), "is inconsistent"),
        (lambda d: _edit(d, categories={"z": [1]}), "its categories z are not among"),
        (
            lambda d: _edit(d, categories={"a": [2, 1]}),
            r"categories\.a: these are no sorted numbers",
        ),
        (lambda d: _edit(d, stand_ins={"z": [1]}), r"stand-ins \['z'\] are not among"),
        (lambda d: _edit(d, stand_ins={"a": [1], "b": [1, 2]}), "no lists of numbers of one"),
        (lambda d: _edit(d, windows=-6), r"its windows: .* greater than 0 \(it is -6\)"),
        (lambda d: _edit(d, windows=10**400), r"its windows: .* valid number \(it is 10+\)"),
        (lambda d: _edit(d, set=5), r"its set: .* valid string \(it is 5\)"),
        (lambda d: _edit(d, set="unheard-1"), "no feature set is"),
        (lambda d: _edit(d, set="default-4", settings={"hop": 1}), "its settings"),
        (lambda d: _edit(d, metrics="good"), "its metrics: Input should be a valid dictionary"),
        (lambda d: _edit(d, metrics={"accuracy": "very"}), r"its metrics\.tracks: Field required"),
        (lambda d: _edit(d, genres=["a", "b", "\x1b[2J"]), "signs that steer a terminal"),
        (lambda d: (d / "bundle.json").write_text("[" * 200_000), "cannot be read"),
        (lambda d: _grow(d, left_children=10**8), "is not whole"),
        (lambda d: _grow(d, right_children=0), "is not whole"),
        (lambda d: _grow(d, split_indices=10**7), "is not whole"),
    ],
)
def test_a_damaged_bundle_is_refused(saved, damage, message):
    damage(saved)
    with pytest.raises(BundleError, match=message):
        earmark.load(saved)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("temperature", 0.0), ("temperature", -1.0), ("temperature", float("nan"))),
        *(("linear_share", 2.0), ("linear_share", -0.1), ("linear_strength", 0.0)),
        *(("n_estimators", -5), ("n_estimators", 0), ("n_estimators", 1.5), ("max_depth", -1)),
        *(("subsample", 0.0), ("colsample_bynode", 1.1), ("learning_rate", 0.0), ("max_bin", 1)),
        *(("validation_fraction", 1.0), ("n_iter_no_change", 0), ("class_weight", "even")),
    ],
)
def test_a_parameter_out_of_its_range_is_refused_by_name(toy, name, value):
    learner = GenreClassifier().set_params(**{name: value})
    with pytest.raises(InvalidParameterError, match=f"'{name}' parameter of GenreClassifier"):
        learner.fit(toy.features, toy.labels)


def test_every_parameter_has_a_range():
    assert set(GenreClassifier._parameter_constraints) == set(GenreClassifier().get_params())


def test_what_is_loaded_says_what_it_is(saved):
    assert repr(earmark.load(saved)).startswith("Trained(3 genres, 5 of 5 columns of ")
    model = earmark.load()
    columns = f"{len(model.inputs)} of {len(model.columns)} columns of {model.set}"
    assert repr(model).startswith(f"Trained({len(model.genres)} genres, {columns}, whole tracks, ")


def test_a_bundle_of_the_second_protocol_is_read(saved, trained):
    # It knew no typical values.
    path = saved / "bundle.json"
    about = json.loads(path.read_text())
    del about["typical"]
    path.write_text(json.dumps(about | {"protocol": 2}))
    loaded = earmark.load(saved)
    assert loaded.typical == {}
    assert loaded.model == trained[0].model


def test_metrics_of_older_bundles_have_the_names_of_today(saved):
    duplicates = {"file": {"tracks": 2, "examples": [["a", "b"]]}}
    path = saved / "bundle.json"
    about = json.loads(path.read_text())
    path.write_text(json.dumps(about | {"metrics": about["metrics"] | {"doubles": duplicates}}))
    metrics = earmark.load(saved).metrics
    assert metrics["duplicate_tracks"] == duplicates
    assert "doubles" not in metrics


def test_a_bundle_of_the_first_protocol_is_read(saved, trained, toy):
    # It knew trees alone, and no temperature.
    path = saved / "bundle.json"
    about = json.loads(path.read_text())
    for name in ("linear", "linear_share", "temperature", "categories", "stand_ins", "typical"):
        del about[name]
    path.write_text(json.dumps(about | {"protocol": 1}))
    trees, _ = trained[0].ensemble.parts(toy.features.to_numpy(np.float32))
    found = earmark.load(saved).probabilities(toy.features)
    np.testing.assert_allclose(found, softmax(trees), rtol=1e-6)


def _grow(directory, **values):
    """Change the root of the first tree, and say that it is as it should be."""
    model = xgboost.Booster(model_file=bytearray((directory / "model.ubj").read_bytes()))
    trees = json.loads(model.save_raw("json"))
    for name, value in values.items():
        trees["learner"]["gradient_booster"]["model"]["trees"][0][name][0] = value
    raw = json.dumps(trees).encode()
    (directory / "model.ubj").write_bytes(raw)
    _edit(directory, sha256=hashlib.sha256(raw).hexdigest())


def _edit(directory, **values):
    path = directory / "bundle.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def test_a_bundle_is_copied_whole_where_a_bundle_can_be(saved, tmp_path):
    storage.copy(saved, tmp_path / "a" / "copy")
    names = sorted(path.name for path in saved.iterdir())
    assert "report.html" in names
    assert sorted(path.name for path in (tmp_path / "a" / "copy").iterdir()) == names
    assert earmark.load(tmp_path / "a" / "copy") == earmark.load(saved)
    (tmp_path / "music").mkdir()
    (tmp_path / "music" / "song.mp3").write_bytes(b"x")
    with pytest.raises(WriteError, match=r"holds other things than a model \(song\.mp3\)"):
        storage.copy(saved, tmp_path / "music")


def test_models_that_ship_go_by_their_names(tmp_path, monkeypatch):
    assert storage.load("default") == storage.load(storage.DEFAULT)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BundleError, match=r"one that ships with Earmark: default, light, spotify"):
        storage.load("mine")
    # What lies there under the name is what is meant.
    Path("default").mkdir()
    with pytest.raises(BundleError, match=r"there is no bundle\.json in it"):
        storage.load("default")


def test_trees_that_an_old_xgboost_would_die_of_are_not_given_to_it(monkeypatch):
    monkeypatch.setattr(xgboost, "__version__", "3.1.3")
    with pytest.raises(BundleError, match=r"which XGBoost 3\.1\.3 does not know; install 3\.2 or"):
        storage.load(storage.SPOTIFY)
    storage.load(storage.DEFAULT)


def test_a_bundle_takes_the_place_of_a_bundle_only(saved, trained, tmp_path):
    storage.save(trained[0], saved, "new card")
    assert (saved / "MODEL_CARD.md").read_text() == "new card"
    (tmp_path / "music").mkdir()
    (tmp_path / "music" / "song.mp3").write_bytes(b"x")
    with pytest.raises(WriteError, match=r"holds other things than a model \(song\.mp3\)"):
        storage.save(trained[0], tmp_path / "music", "card")
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["model", "music"]


def test_predictions_average_the_windows_of_a_track(trained, toy):
    table = toy.features.assign(path=toy.tracks)
    found = trained[0].predict(table, top=2)
    assert found.columns.tolist() == [
        "path",
        "genre",
        "probability",
        "genre_2",
        "probability_2",
    ]
    assert found["path"].tolist() == toy.tracks.drop_duplicates().tolist()
    chances = softmax(trained[0].logits(toy.features.iloc[:2]).mean(axis=0))
    assert found["probability"].iloc[0] == pytest.approx(chances.max(), rel=1e-6)


def test_a_silent_track_has_no_genre(trained, toy):
    table = toy.features.iloc[:2].assign(path=["a.mp3", "b.mp3"])
    table.iloc[0, :5] = np.nan
    found = trained[0].predict(table)
    assert found["genre"].isna().tolist() == [True, False]
    assert found["probability"].isna().tolist() == [True, False]
    assert trained[0].predict(table.iloc[:1])["genre"].isna().all()


def test_columns_that_are_missing_are_named(trained, toy):
    table = toy.features.rename(columns={"b": "z"})[["d", "c", "a", "z", "e"]]
    message = (
        r"has other columns than the model: missing 1 \(b\); unexpected 1 \(z\)\. Train the model"
    )
    with pytest.raises(SchemaError, match=message):
        trained[0].predict(table)


def test_a_model_asks_for_what_it_looks_at_in_any_order_and_for_nothing_else(trained, toy):
    table = toy.features.assign(path=toy.tracks)
    expected = trained[0].predict(table)
    more = table.assign(z=1.0)[["d", "z", "c", "path", "a", "b", "e"]]
    pd.testing.assert_frame_equal(trained[0].predict(more), expected)


def test_other_settings_are_refused_though_the_columns_are_the_same():
    model = earmark.load("light")
    about = tables.metadata(schema.of("default", DEFAULTS.model_copy(update={"hop_length": 1024})))
    table = pd.DataFrame(np.zeros((1, len(model.columns))), columns=model.columns)
    with pytest.raises(SchemaError, match=r"hop_length 1024 \(the model has 512\)\. Extract again"):
        score.scored(model, FeatureTable(table, about))


def test_a_table_of_the_hand_made_descriptors_is_for_the_light_model(demo):
    table = earmark.table([demo / "reggae-76bpm-g-major.ogg"])
    found = earmark.load("light").predict(table)
    assert found["genre"].notna().all()
    with pytest.raises(SchemaError, match=r"missing 250 \(musicnn_000, .*: `-m light`\."):
        earmark.load().predict(table)


@pytest.mark.parametrize(
    ("name", "set_name"), [("default", "default+musicnn"), ("light", "default")]
)
def test_the_models_take_tables_of_this_version_and_are_small(name, set_name):
    model, directory = earmark.load(name), storage.SHIPPED[name]
    # A set may have got columns since; those that the model looks at are as they were.
    current = schema.of(set_name, DEFAULTS)
    assert model.set_name == set_name
    assert model.windows is None
    assert model.settings == current.settings.model_dump()
    versions = {column.name: column.version for column in current.columns}
    assert {name: versions.get(name) for name in model.inputs} == {
        name: model.column_versions[name] for name in model.inputs
    }
    parts = list(directory.iterdir())
    assert sum(part.stat().st_size for part in parts) < 5e6
    assert not [part.name for part in parts if part.suffix == ".joblib"]
    card = (directory / "MODEL_CARD.md").read_text()
    assert f"{model.metrics['accuracy']:.3f}" in card
    for corpus, numbers in model.metrics["left_out"].items():
        assert f"| {corpus} | {numbers['tracks']} " in card
