"""The columns of published tables, against the tables and against librosa."""

from __future__ import annotations

import csv

import hypothesis
import librosa
import numpy as np
import pytest
import soundfile
import soxr
from hypothesis import strategies as st
from scipy.ndimage import median_filter

from extract import hpss
from extract.published import gtzan, spectra


def music(shared, name, seconds, sample_rate=22050):
    path = next((shared / "librosa").glob(f"{name}.ogg"))
    with soundfile.SoundFile(path) as file:
        samples = file.read(seconds * file.samplerate, dtype="float32", always_2d=True)
        return soxr.resample(samples.mean(axis=1), file.samplerate, sample_rate)


# Harmonic and percussive parts


@hypothesis.settings(max_examples=100, deadline=None)
@hypothesis.given(
    rows=st.integers(31, 150),
    columns=st.integers(1, 140),
    # Few different values meet each other, many do not.
    different=st.sampled_from([1, 2, 5, 1000, 10**9]),
    seed=st.integers(0, 10**6),
)
def test_sliding_medians_are_the_medians(rows, columns, different, seed):
    rng = np.random.default_rng(seed)
    values = rng.integers(-different, different, (rows, columns)).astype(np.float32) * 1e-20
    got = hpss.sliding_median(values)
    assert np.array_equal(got, median_filter(values, size=(31, 1))[15:-15])


# SciPy mirrors two rows wrongly under a window of 31; a whole window of sound gives five frames.
@pytest.mark.parametrize("frames", [1, 3, 7, 15, 16, 30, 31, 32, 47, 64, 65, 129, 150])
@pytest.mark.parametrize("run", [1, 20, 64])
def test_the_harmonic_spectra_are_librosas_at_every_length(frames, run):
    rng = np.random.default_rng(frames)
    values = rng.standard_normal((frames, 65)) + 1j * rng.standard_normal((frames, 65))
    values = values.astype(np.complex64)
    runs = (values[start : start + run] for start in range(0, frames, run))
    got = np.concatenate(list(hpss.harmonic_spectra(runs)))
    expected, _ = librosa.decompose.hpss(values.T)
    np.testing.assert_allclose(got, expected.T, rtol=1e-5, atol=1e-6)


def test_nothing_has_no_harmonic_part():
    assert list(hpss.harmonic_spectra(iter(()))) == []


@pytest.mark.real_audio
@pytest.mark.filterwarnings("ignore:n_fft=2048 is too large")
@pytest.mark.parametrize("samples", [6 * 22050, 2048, 2047, 1024, 100, 1])
def test_the_separation_is_librosas(shared, samples):
    signal = music(shared, "*Choice*", 6)[-samples:]
    harmonic, percussive = hpss.separate(signal)
    expected_harmonic, expected_percussive = librosa.effects.hpss(signal)
    np.testing.assert_allclose(harmonic, expected_harmonic, atol=2e-6)
    np.testing.assert_allclose(percussive, expected_percussive, atol=2e-6)


# GTZAN


def published_rows(shared):
    with (shared / "gtzan" / "features_30_sec.csv").open() as file:
        return {row["filename"].removesuffix(".wav"): row for row in csv.DictReader(file)}


@pytest.mark.real_audio
def test_the_gtzan_columns_are_the_tables(shared):
    row = published_rows(shared)["blues.00000"]
    assert [column.name for column in gtzan.columns()] == list(row)[1:-1]


@pytest.mark.real_audio
def test_gtzan_agrees_with_the_public_table(shared):
    rows = published_rows(shared)
    paths = sorted((shared / "gtzan" / "audio").glob("*.au"))
    assert len(paths) == 10
    for path in paths:
        samples, sample_rate = soundfile.read(path, dtype="float32")
        assert sample_rate == gtzan.SAMPLE_RATE
        values = gtzan.describe(samples, sample_rate)
        for column, value in zip(gtzan.columns(), values, strict=True):
            expected = float(rows[path.stem][column.name])
            if column.name in ("length", "tempo"):
                assert value == expected
            else:
                # The means of the two parts are hardly more than zero.
                near_zero = 1e-8 if column.name in ("harmony_mean", "perceptr_mean") else 0
                # One frame in a thousand may roll off at the next bin.
                relative = 1e-4 if column.name.startswith("rolloff") else 1e-5
                assert value == pytest.approx(expected, rel=relative, abs=near_zero), column.name


def test_gtzan_of_silence_has_no_tempo():
    found = gtzan.describe(np.zeros(30000, "f4"), 22050)
    values = dict(zip((column.name for column in gtzan.columns()), found, strict=True))
    assert values["length"] == 30000
    assert np.isnan(values.pop("tempo"))
    assert not np.isnan(list(values.values())).any()
    assert values["rms_mean"] == values["harmony_var"] == values["chroma_stft_mean"] == 0
    assert values["mfcc1_mean"] == pytest.approx(-100 * np.sqrt(128))


@pytest.mark.parametrize("length", [0, 1, 2, 512, 2047])
def test_gtzan_of_less_than_a_window_is_nothing_but_its_length(length):
    values = gtzan.describe(np.full(length, 0.5, "f4"), 22050)
    assert values[0] == length
    assert np.isnan(values[1:]).all()


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 3e38])
def test_gtzan_of_what_is_no_sound_is_nothing_but_its_length(bad):
    samples = np.zeros(50000, "f4")
    samples[40000] = bad
    values = gtzan.describe(samples, 22050)
    assert values[0] == 50000
    assert np.isnan(values[1:]).all()


@pytest.mark.parametrize("length", [2048, 2049, 2560, 3071, 32768, 33280, 33000])
@pytest.mark.parametrize("level", [1.0, -0.25, 1e-12])
def test_gtzan_of_a_constant_is_finite_and_in_range(length, level):
    values = gtzan.describe(np.full(length, level, "f4"), 22050)
    for column, value in zip(gtzan.columns(), values, strict=True):
        if column.name != "tempo":
            assert column.range[0] <= value <= column.range[1], column.name


def test_gtzan_reads_a_map_of_a_file_as_it_reads_memory(tmp_path):
    samples = np.random.default_rng(1).uniform(-1, 1, 50000).astype("f4")
    kept = np.memmap(tmp_path / "samples", np.float32, "w+", shape=samples.shape)
    kept[:] = samples
    assert np.array_equal(gtzan.describe(kept, 22050), gtzan.describe(samples, 22050))


# What the tables share


@pytest.mark.parametrize("length", [2048, 5000, 32768, 40000, 66560])
@pytest.mark.parametrize("padding", ["constant", "reflect"])
def test_spectra_are_librosas_at_every_length(length, padding):
    samples = np.random.default_rng(2).uniform(-1, 1, length).astype("f4")
    got = np.concatenate([block.spectra for block in spectra.blocks(samples, padding)])
    expected = librosa.stft(samples, pad_mode=padding).T
    np.testing.assert_allclose(got, expected, atol=2e-4)


@pytest.mark.real_audio
@pytest.mark.parametrize("name", ["*Vibe*", "*Dance_number*", "198-209*"])
def test_the_tuning_is_librosas(shared, name):
    samples = music(shared, name, 10)
    peaks = spectra.Peaks(22050)
    for block in spectra.blocks(samples, "constant"):
        peaks.feed(block.magnitude)
    assert peaks.tuning() == librosa.estimate_tuning(y=samples, sr=22050)
