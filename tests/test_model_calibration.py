"""The estimates: their weights, their scales, and what they say of music that is known."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import earmark
from earmark.extract.config import DEFAULTS, Settings
from earmark.extract.descriptors.perceptual import EMBEDDING
from earmark.extract.engine import registry
from earmark.extract.estimators.spotify import FITS, MATCHED, SCALES, WEIGHTS, calibrated

STORED = json.loads(WEIGHTS.read_text(encoding="utf-8"))
KNOWN = STORED["descriptors"]
MEANS = dict(zip(KNOWN["columns"], KNOWN["mean"], strict=True))


@pytest.mark.parametrize("fit", FITS)
def test_every_estimate_has_its_weights_and_every_weight_its_column(fit):
    known = STORED[fit]
    estimates = {e.name for e in registry.in_set("default") if e.kind == "estimate"}
    assert estimates == set(SCALES) == set(known["weights"]) == set(known["offset"])
    more = EMBEDDING if fit == FITS[0] else ()
    for name in estimates:
        columns = {
            column.name
            for need in (*registry.get(name).needs, *more)
            for column in registry.get(need).columns(DEFAULTS)
        }
        assert set(known["columns"]) <= columns
        assert len(known["weights"][name]) == len(known["columns"])
    assert set(known["spread"]) == set(known["fitted"]) == set(MATCHED)


@pytest.mark.parametrize("name", SCALES)
@given(value=st.floats(0, 1))
def test_a_scale_leads_there_and_back(name, value):
    scale = SCALES[name]
    assert scale.back(float(scale.forth(np.array(value)))) == pytest.approx(value, abs=1e-9)


@pytest.mark.parametrize("name", SCALES)
@given(fitted=st.floats(-1e6, 1e6))
def test_nothing_leaves_the_scale(name, fitted):
    assert 0 <= SCALES[name].back(fitted) <= 1


@pytest.mark.parametrize("name", SCALES)
def test_the_weighted_sum_is_taken_as_it_is_written_down(name):
    # What is missing counts as the mean.
    offset = KNOWN["offset"][name]
    at_mean = calibrated(name, MEANS)
    assert at_mean == calibrated(name, dict.fromkeys(MEANS, np.nan))
    if name in MATCHED:
        assert at_mean == np.interp(offset, KNOWN["fitted"][name], KNOWN["spread"][name])
    else:
        assert at_mean == SCALES[name].back(offset)
    # A descriptor with a positive weight raises it, up to four deviations and no further.
    best = int(np.argmax(KNOWN["weights"][name]))
    column, deviation = KNOWN["columns"][best], KNOWN["deviation"][best]
    values = [
        calibrated(name, MEANS | {column: MEANS[column] + steps * deviation})
        for steps in (-2, 0, 2, 4, 40)
    ]
    assert values == sorted(values)
    assert values[0] < values[-1]
    assert values[3] == pytest.approx(values[4], abs=1e-12)


def test_the_spread_never_turns_an_order_round():
    for name in MATCHED:
        assert (np.diff(KNOWN["fitted"][name]) > 0).all()
        assert (np.diff(KNOWN["spread"][name]) >= 0).all()
        assert 0 <= KNOWN["spread"][name][0] <= KNOWN["spread"][name][-1] <= 1


def test_other_settings_have_no_estimates(demo):
    track = demo / "jazz-120bpm-b-flat-major.wav"
    found = earmark.features(track, settings=Settings(n_mels=40))
    assert found[list(SCALES)].isna().all()
    assert found.drop(list(SCALES)).drop("stereo_width").notna().all()
    assert earmark.features(track)[list(SCALES)].notna().all()


@pytest.mark.real_audio
def test_speech_is_speech_and_music_is_none(shared):
    def speechiness(paths):
        return [earmark.features(path, set="spotify")["speechiness"] for path in paths]

    folder = shared / "librosa"
    for name in ("198-209-0000", "3436-172162-0000", "5703-47212-0000"):
        assert speechiness([folder / f"{name}.hq.ogg"])[0] > 0.66
    music = sorted((shared / "emotify" / "audio").glob("*-5?.mp3"))
    assert len(music) > 10
    assert max(speechiness(music)) < 0.33


@pytest.mark.real_audio
@pytest.mark.slow
def test_the_estimates_go_with_what_people_hear(shared):
    tracks = pd.read_csv(shared / "emotify" / "tracks.csv")
    table = earmark.table([shared / "emotify" / "audio"], set="spotify").set_index("path")
    by_genre = table.groupby(tracks.set_index("file")["genre"]).median(numeric_only=True)
    assert by_genre["acousticness"].idxmax() == "classical"
    assert by_genre["instrumentalness"].idxmax() == "classical"
    assert by_genre["energy"].idxmin() == "classical"
    assert by_genre["danceability"].idxmin() == "classical"


def test_the_fit_finds_weights_and_chooses_a_penalty():
    from earmark.extract.estimators import fit_spotify
    from earmark.extract.estimators.fit_spotify_truth import Examples

    generator = np.random.default_rng(0)
    inputs = generator.normal(size=(100_000, 3))
    values = inputs @ [0.5, 0.3, -0.2] + 1
    groups = (np.arange(len(values)) % 50).astype(str)
    found = fit_spotify.fit(Examples(inputs, values, np.ones(len(values)), groups))
    assert found.weights == pytest.approx([0.5, 0.3, -0.2], abs=0.01)
    assert found.offset == pytest.approx(1, abs=0.01)
    assert found.predict(inputs[:2]) == pytest.approx(values[:2], abs=0.02)
    # Of noise nothing is learned: the weights are those of the greatest penalty.
    few = Examples(inputs[:200], generator.normal(size=200), np.ones(200), groups[:200])
    greatest = fit_spotify.Sums.of(few).ridge(fit_spotify.PENALTIES[-1])
    assert fit_spotify.fit(few).weights == pytest.approx(greatest.weights)


def test_rows_with_the_embedding_get_the_fit_that_looks_at_it(demo):
    path = demo / "jazz-120bpm-b-flat-major.wav"
    plain, more = (earmark.features(path, set=name) for name in ("default", "default+musicnn"))
    shared = plain.index.difference(SCALES)
    assert more[shared].equals(plain[shared])
    # All that the second fit looks at, but for one descriptor that is in no table.
    with_peaks = {**more, "peak_rate": more["onset_rate"]}
    without = {k: v for k, v in with_peaks.items() if not k.startswith(("musicnn", "tag_"))}
    for name in set(SCALES) - {"liveness"}:
        assert more[name] == pytest.approx(calibrated(name, with_peaks), abs=0.02)
        assert plain[name] == pytest.approx(calibrated(name, without), abs=0.02)
    assert not np.allclose(more[list(SCALES)].astype(float), plain[list(SCALES)].astype(float))


def test_loudness_of_the_spotify_set_is_on_its_scale(demo):
    path = demo / "waltz-96bpm-f-major.flac"
    theirs, ours = (earmark.features(path, set=name)["loudness"] for name in ("spotify", "default"))
    line = STORED["loudness"]
    assert theirs == pytest.approx(line["slope"] * ours + line["offset"], abs=1e-3)
    assert earmark.features(path, set="loudness")["loudness"] == ours
    assert line["mean_absolute_error"] < 2
