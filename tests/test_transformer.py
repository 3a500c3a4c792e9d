"""The extractor as a step of scikit-learn: the values of `earmark.features`, and its manners."""

from __future__ import annotations

import pickle
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

import earmark
from earmark import AudioFeatures
from earmark.extract import schema
from earmark.extract.batch import executors
from earmark.extract.batch import track as analysis
from earmark.extract.config import DEFAULTS
from earmark.extract.errors import DecodeError, SettingsError

NAMES = schema.of("default", DEFAULTS).names


@pytest.fixture
def tones(tone):
    """The paths of three tones, as text."""
    return [str(tone(f"{pitch}.wav", frequency=pitch)) for pitch in (220, 440, 880)]


@pytest.fixture
def analysed(monkeypatch):
    """The names of the files that are analysed in this process."""
    seen = []
    analyse = analysis.analyse

    def counted(track, *rest):
        seen.append(Path(track.path).name)
        return analyse(track, *rest)

    monkeypatch.setattr(analysis, "analyse", counted)
    return seen


@pytest.mark.parametrize("name", ["default", "gtzan", "fma"])
@pytest.mark.slow
def test_rows_are_those_of_features(tones, name):
    found = AudioFeatures(name).fit_transform(tones)
    assert found.dtype == np.float64
    for row, path in zip(found, tones, strict=True):
        expected = earmark.features(path, set=name)
        np.testing.assert_array_equal(row, expected)
    np.testing.assert_array_equal(AudioFeatures(name).get_feature_names_out(), expected.index)


def test_settings_are_parameters(tones):
    settings = DEFAULTS.model_copy(update={"n_mfcc": 13, "fmax": 8000.0})
    found = AudioFeatures(n_mfcc=13, fmax=8000).fit_transform(tones[:1])
    np.testing.assert_array_equal(found[0], earmark.features(tones[0], settings=settings))


def test_every_setting_is_a_parameter_with_the_same_default():
    parameters = AudioFeatures().get_params()
    assert {name: parameters.get(name) for name in DEFAULTS.model_dump()} == DEFAULTS.model_dump()


def test_numbers_of_numpy_are_numbers(tones):
    # A search over a grid of numpy's gives its scalars.
    grid = {"n_mfcc": np.int64(13), "fmax": np.float32(8000)}
    names = AudioFeatures(**grid).fit(tones).get_feature_names_out()
    np.testing.assert_array_equal(
        names, AudioFeatures(n_mfcc=13, fmax=8000.0).get_feature_names_out()
    )


@pytest.mark.slow
@pytest.mark.processes
def test_two_workers_give_what_one_gives(tones, monkeypatch):
    monkeypatch.setattr(executors, "TRACKS_PER_WORKER", 1)
    one, two = (AudioFeatures(workers=workers).fit_transform(tones) for workers in (1, 2))
    np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize(
    "made",
    [
        tuple,
        np.array,
        pd.Series,
        lambda paths: [Path(path) for path in paths],
        lambda paths: np.array([Path(path) for path in paths], dtype=object),
        lambda paths: pd.Series(paths, dtype=object),
        lambda paths: pd.Series(paths, dtype="category"),
        lambda paths: pd.DataFrame({"file": paths}),
        lambda paths: [[path] for path in paths],
        lambda paths: np.array(paths)[:, None],
    ],
    ids=[
        "tuple",
        "array",
        "Series",
        "Paths",
        "array of Paths",
        "Series of objects",
        "categories",
        "DataFrame",
        "list of lists",
        "column",
    ],
)
def test_any_list_or_column_of_paths_will_do(tones, made):
    expected = AudioFeatures().fit_transform(tones)
    np.testing.assert_array_equal(AudioFeatures().fit_transform(made(tones)), expected)


@pytest.mark.parametrize(
    ("wrong", "what"),
    [
        ("song.mp3", "an array of shape ()"),
        (Path("song.mp3"), "an array of shape ()"),
        (None, "an array of shape ()"),
        ([["a.mp3", "b.mp3"]], "an array of shape (1, 2)"),
        (pd.DataFrame({"path": ["a.mp3"], "year": [1999]}), "an array of shape (1, 2)"),
        ([1.0, 2.0], "something else"),
        ([b"a.mp3"], "something else"),
        (pd.Series(["a.mp3", None]), "something else"),
    ],
)
def test_what_is_no_list_of_paths_is_refused(wrong, what):
    message = f"AudioFeatures takes a list or column of paths, and was given {what}"
    for method in (AudioFeatures().fit, AudioFeatures().transform):
        with pytest.raises(TypeError, match=f"^{re.escape(message)}$"):
            method(wrong)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"n_mfcc": 1000}, r"^AudioFeatures: n_mfcc = 1000: .*less than or equal to 128"),
        ({"n_fft": "long"}, r"^AudioFeatures: n_fft = 'long': .*integer"),
        ({"fmax": 20000.0}, "fmax is 20000 Hz, above half the sample rate"),
        (
            {"set": "spotfy"},
            r"no feature set is called 'spotfy'; there is default, spotify, loudness",
        ),
        ({"set": "gtzan", "n_mfcc": 13}, "the set gtzan is defined with settings of its own"),
        ({"set": "fma", "sample_rate": 44100}, "the set fma is defined with settings of its own"),
        ({"on_error": "ignore"}, r"^on_error = 'ignore': either 'raise' or 'nan'$"),
    ],
)
def test_a_wrong_parameter_is_refused_by_name_when_fitted(parameters, message, analysed):
    # Not when it is made: scikit-learn sets parameters one after the other.
    estimator = AudioFeatures().set_params(**parameters)
    with pytest.raises(SettingsError, match=message):
        estimator.fit(["a.mp3"])
    assert not analysed


def test_fitting_reads_no_file(analysed):
    estimator = AudioFeatures().fit(["nowhere.mp3"], ["jazz"])
    assert estimator.n_features_out_ == len(NAMES)
    assert not analysed


def test_nothing_has_to_be_fitted(tones):
    # A row depends on its file alone, and the tags say so.
    assert not AudioFeatures().__sklearn_tags__().requires_fit
    found = AudioFeatures().transform(tones)
    np.testing.assert_array_equal(found, AudioFeatures().fit(tones[:1]).transform(tones))


def test_no_files_are_no_rows():
    assert AudioFeatures().fit_transform([]).shape == (0, len(NAMES))


def test_a_clone_has_the_parameters_and_nothing_else(tones):
    estimator = AudioFeatures("default", n_mfcc=13, workers=2, on_error="nan").fit(tones)
    copy = clone(estimator)
    assert copy.get_params() == estimator.get_params()
    assert not hasattr(copy, "n_features_out_")
    assert repr(AudioFeatures(n_mfcc=13)) == "AudioFeatures(n_mfcc=13)"


def test_set_params_changes_what_comes_out(tones):
    estimator = AudioFeatures().fit(tones)
    estimator.set_params(n_mfcc=13)
    names = schema.of("default", DEFAULTS.model_copy(update={"n_mfcc": 13})).names
    assert estimator.get_feature_names_out().tolist() == names
    assert estimator.transform(tones[:1]).shape == (1, len(names))
    with pytest.raises(ValueError, match="Invalid parameter 'n_mfccs'"):
        estimator.set_params(n_mfccs=13)


def test_names_do_not_depend_on_what_the_input_was_called():
    names = AudioFeatures().get_feature_names_out(["path"])
    assert names.dtype == object
    assert names.tolist() == NAMES


@pytest.mark.parametrize(
    ("made", "index"),
    [
        (lambda paths: pd.Series(paths, index=["x", "y", "z"]), ["x", "y", "z"]),
        (lambda paths: pd.DataFrame({"path": paths}, index=[7, 3, 5]), [7, 3, 5]),
        (list, [0, 1, 2]),
    ],
    ids=["Series", "DataFrame", "list"],
)
def test_a_table_comes_out_under_the_index_that_went_in(tones, made, index):
    estimator = AudioFeatures().set_output(transform="pandas")
    found = estimator.fit_transform(made(tones))
    assert found.columns.tolist() == NAMES
    assert found.index.tolist() == index
    np.testing.assert_array_equal(found, AudioFeatures().transform(tones))


def test_a_file_that_cannot_be_analysed_raises_its_own_error(tones, tmp_path):
    bad = tmp_path / "bad.mp3"
    bad.write_text("no audio")
    message = f"^{re.escape(str(bad))}: is not audio"
    with pytest.raises(DecodeError, match=message) as caught:
        AudioFeatures().fit_transform([*tones, bad])
    assert caught.value.path == str(bad)
    with pytest.raises(DecodeError, match=r"none\.mp3: is not there"):
        AudioFeatures().fit_transform([tmp_path / "none.mp3"])


def test_a_file_that_cannot_be_analysed_may_be_a_row_of_nan(tones, tmp_path):
    bad = tmp_path / "bad.mp3"
    bad.write_text("no audio")
    paths = [tones[0], str(bad), str(tmp_path / "none.mp3"), tones[1]]
    estimator = AudioFeatures(on_error="nan").set_output(transform="pandas")
    message = f"^2 failed, the first: {re.escape(str(bad))}: is not audio"
    with pytest.warns(UserWarning, match=message):
        found = estimator.fit_transform(paths)
    assert found.isna().all(axis=1).tolist() == [False, True, True, False]
    np.testing.assert_array_equal(found.iloc[[0, 3]], AudioFeatures().transform(tones[:2]))


def test_it_can_be_pickled_fitted_or_not(tones):
    for estimator in (AudioFeatures(n_mfcc=13), AudioFeatures(n_mfcc=13).fit(tones)):
        again = pickle.loads(pickle.dumps(estimator))
        assert again.get_params() == estimator.get_params()
        np.testing.assert_array_equal(again.transform(tones), estimator.transform(tones))


def test_a_column_of_a_table_can_be_replaced_by_what_its_files_sound_like(tones):
    table = pd.DataFrame({"path": tones, "year": [1999, 2000, 2001]})
    for columns in ("path", ["path"]):
        both = ColumnTransformer(
            [("audio", AudioFeatures(), columns), ("rest", "passthrough", ["year"])],
            verbose_feature_names_out=False,
        )
        found = both.set_output(transform="pandas").fit_transform(table)
        assert found.columns.tolist() == [*NAMES, "year"]
        np.testing.assert_array_equal(found[NAMES], AudioFeatures().transform(tones))


@pytest.fixture
def composed(demo):
    """The paths of the demo tracks and whether they are in major or minor."""
    table = pd.read_csv(demo / "tracks.csv")
    return pd.Series([str(demo / name) for name in table["path"]]), table["mode"]


def pipeline_of(**parameters):
    return Pipeline(
        [
            ("audio", AudioFeatures()),
            # Two of the tracks are mono, which has no width.
            ("impute", SimpleImputer(keep_empty_features=True)),
            ("scale", StandardScaler()),
            ("learn", KNeighborsClassifier(1)),
        ],
        **parameters,
    )


@pytest.mark.slow
def test_its_parameters_can_be_searched_over(composed):
    paths, modes = composed
    search = GridSearchCV(pipeline_of(), {"audio__n_mfcc": [13, 20]}, cv=3, error_score="raise")
    search.fit(paths, modes)
    assert len(search.cv_results_["params"]) == 2
    best = search.best_params_["audio__n_mfcc"]
    names = schema.of("default", DEFAULTS.model_copy(update={"n_mfcc": best})).names
    assert search.best_estimator_[:-1].get_feature_names_out().tolist() == names
    # The nearest neighbour of a track that was learned from is that track.
    assert search.predict(paths).tolist() == modes.tolist()


@pytest.mark.slow
def test_a_memory_saves_the_analysis_of_what_was_learned_from(composed, tmp_path, analysed):
    paths, modes = composed
    pipeline = pipeline_of(memory=str(tmp_path / "memory"))
    pipeline.fit(paths, modes)
    assert len(analysed) == len(paths)
    pipeline.set_params(learn__n_neighbors=3).fit(paths, modes)
    assert len(analysed) == len(paths)
    pipeline.set_params(audio__n_mfcc=13).fit(paths, modes)
    assert len(analysed) == 2 * len(paths)
    plain = pipeline_of().set_params(audio__n_mfcc=13, learn__n_neighbors=3).fit(paths, modes)
    np.testing.assert_array_equal(plain.predict_proba(paths), pipeline.predict_proba(paths))
