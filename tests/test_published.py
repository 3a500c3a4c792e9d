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
from scipy import stats
from scipy.ndimage import median_filter

from earmark.extract.published import cqt, fma, gtzan, spectra
from earmark.extract.signal import hpss


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


# Of two or three rows SciPy 1.17 reads past the end; a window of sound has five frames.
@pytest.mark.parametrize("frames", [1, 4, 7, 15, 16, 30, 31, 32, 47, 64, 65, 129, 150])
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
@pytest.mark.parametrize("samples", [6 * 22050, 2048, 2047, 100, 1])
@pytest.mark.slow
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
@pytest.mark.slow
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


# FMA


def script(samples, sample_rate, halved):
    """What the Free Music Archive's script calls, of the librosa of today."""
    feature = librosa.feature
    rate = {} if halved else {"sr": sample_rate}
    padding = "reflect" if halved else "constant"
    magnitude = np.abs(librosa.stft(samples, pad_mode=padding))
    power = magnitude**2
    tuning = librosa.estimate_tuning(S=magnitude, sr=sample_rate)
    transform = np.abs(librosa.cqt(samples, sr=sample_rate, tuning=tuning))
    # librosa has since taken to 36 bins per octave where none are given.
    cens = feature.chroma_cens(C=transform, bins_per_octave=12)
    mel = feature.melspectrogram(S=power, sr=sample_rate)
    return {
        "chroma_cens": cens,
        "chroma_cqt": feature.chroma_cqt(C=transform, bins_per_octave=12),
        "chroma_stft": feature.chroma_stft(S=power, **rate),
        "mfcc": feature.mfcc(S=librosa.power_to_db(mel)),
        # As librosa 0.5 had it, which wrote the table.
        "rmse": np.sqrt(power.mean(axis=0, keepdims=True)) if halved else feature.rms(S=magnitude),
        "spectral_bandwidth": feature.spectral_bandwidth(S=magnitude, **rate),
        "spectral_centroid": feature.spectral_centroid(S=magnitude, **rate),
        "spectral_contrast": feature.spectral_contrast(S=magnitude, **rate),
        "spectral_rolloff": feature.spectral_rolloff(S=magnitude, **rate),
        "tonnetz": feature.tonnetz(chroma=cens),
        "zcr": feature.zero_crossing_rate(samples),
    }


STATISTICS = {
    "kurtosis": stats.kurtosis,
    "max": np.max,
    "mean": np.mean,
    "median": np.median,
    "min": np.min,
    "skew": stats.skew,
    "std": np.std,
}


def assert_agrees_with_the_script(samples, sample_rate, halved=False):
    series = script(samples, sample_rate, halved)
    values = fma.describe(samples, sample_rate, halved=halved)
    for (name, statistic, number), value in zip(fma.header(), values, strict=True):
        row = series[name][int(number) - 1]
        expected = float(STATISTICS[statistic](row))
        # Relative to the value, or to what it measures where that is more: moments of a shape to
        # one, the others to the deviation of the series.
        scale = 1.0 if statistic in ("kurtosis", "skew") else float(row.std())
        error = abs(value - expected) / max(abs(expected), scale)
        assert error < 1e-3, (name, statistic, number, value, expected)


def recording(path, seconds=None):
    with soundfile.SoundFile(path) as file:
        frames = -1 if seconds is None else seconds * file.samplerate
        samples = file.read(frames, dtype="float32", always_2d=True)
        return np.ascontiguousarray(samples.mean(axis=1)), file.samplerate


@pytest.mark.real_audio
@pytest.mark.parametrize("folder", ["emotify", "panda4q"])
@pytest.mark.parametrize("index", [0, 40, 80])
def test_fma_agrees_with_librosa(shared, folder, index):
    path = sorted((shared / folder / "audio").glob("*.mp3"))[index]
    assert_agrees_with_the_script(*recording(path))


@pytest.mark.real_audio
@pytest.mark.parametrize("folder", ["emotify", "panda4q"])
def test_fma_reproduces_the_published_script(shared, folder):
    path = sorted((shared / folder / "audio").glob("*.mp3"))[5]
    assert_agrees_with_the_script(*recording(path, 10), halved=True)


@pytest.mark.parametrize("sample_rate", [16000, 22050, 48000, 96000])
def test_fma_agrees_with_librosa_at_other_rates_and_odd_lengths(sample_rate):
    rng = np.random.default_rng(sample_rate)
    time = np.arange(sample_rate * 2 + 7) / sample_rate
    sweep = np.sin(2 * np.pi * (200 + 300 * time) * time)
    samples = (0.3 * sweep + 0.05 * rng.standard_normal(len(time))).astype("f4")
    assert_agrees_with_the_script(samples, sample_rate)


def test_the_fma_columns_are_those_of_the_published_table():
    rows = fma.header()
    names = [column.name for column in fma.columns()]
    assert len(rows) == len(set(names)) == 518
    assert names == ["_".join(row) for row in rows]
    # The published table is sorted by its three header rows.
    assert rows == sorted(rows)
    assert rows[0] == ("chroma_cens", "kurtosis", "01")
    assert rows[-1] == ("zcr", "std", "01")
    assert ("mfcc", "mean", "20") in rows


def test_halving_halves_the_frequencies_of_a_file_at_44100_hz():
    samples = np.random.default_rng(3).standard_normal(44100).astype("f4") * np.float32(0.1)
    right = dict(zip(fma.header(), fma.describe(samples, 44100), strict=True))
    halved = dict(zip(fma.header(), fma.describe(samples, 44100, halved=True), strict=True))
    for name in ("spectral_centroid", "spectral_bandwidth", "spectral_rolloff"):
        mean = (name, "mean", "01")
        assert halved[mean] == pytest.approx(right[mean] / 2, rel=0.01)
    for name in ("mfcc", "chroma_cqt"):
        mean = (name, "median", "02")
        assert halved[mean] == pytest.approx(right[mean], rel=0.05, abs=1)


def test_fma_of_silence_has_no_shape_but_values():
    values = dict(zip(fma.header(), fma.describe(np.zeros(30000, "f4"), 44100), strict=True))
    for (name, statistic, number), value in values.items():
        if statistic in ("kurtosis", "skew"):
            assert np.isnan(value), (name, statistic, number)
        elif name != "mfcc":
            assert value == 0, (name, statistic, number)
    assert values["mfcc", "mean", "01"] == pytest.approx(-100 * np.sqrt(128))


@pytest.mark.parametrize("length", [0, 1, 2, 512, 2047])
def test_fma_of_less_than_a_window_is_nothing(length):
    assert np.isnan(fma.describe(np.full(length, 0.5, "f4"), 44100)).all()


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 3e38])
@pytest.mark.parametrize("halved", [False, True])
def test_fma_of_what_is_no_sound_is_nothing(bad, halved):
    samples = np.zeros(50000, "f4")
    samples[40000] = bad
    assert np.isnan(fma.describe(samples, 44100, halved=halved)).all()


@pytest.mark.parametrize("length", [2048, 2049, 3071, 32768, 33000])
@pytest.mark.parametrize("level", [1.0, -0.25, 1e-12])
@pytest.mark.parametrize("halved", [False, True])
def test_fma_of_a_constant_is_in_range_or_nothing(length, level, halved):
    values = fma.describe(np.full(length, level, "f4"), 44100, halved=halved)
    for column, value in zip(fma.columns(), values, strict=True):
        low, high = column.range
        assert np.isnan(value) or low - 1e-6 <= value <= high + 1e-6, column.name
        assert not np.isnan(value) or "_kurtosis_" in column.name or "_skew_" in column.name


def test_fma_leaves_out_what_a_low_rate_has_not():
    samples = np.random.default_rng(4).uniform(-1, 1, 20000).astype("f4")
    values = dict(zip(fma.header(), fma.describe(samples, 8000), strict=True))
    missing = {name for (name, *_), value in values.items() if np.isnan(value)}
    assert missing == {"chroma_cens", "chroma_cqt", "tonnetz", "spectral_contrast"}


@pytest.mark.parametrize("sample_rate", [100, 11025, 192000, 768000])
def test_fma_has_values_at_any_rate(sample_rate):
    samples = np.random.default_rng(7).uniform(-1, 1, 20000).astype("f4")
    values = dict(zip(fma.header(), fma.describe(samples, sample_rate), strict=True))
    assert np.isfinite(values["mfcc", "mean", "01"])
    assert 0 < values["spectral_centroid", "mean", "01"] < sample_rate / 2


def test_fma_reads_a_map_of_a_file_as_it_reads_memory(tmp_path):
    samples = np.random.default_rng(5).uniform(-1, 1, 300000).astype("f4")
    kept = np.memmap(tmp_path / "samples", np.float32, "w+", shape=samples.shape)
    kept[:] = samples
    assert np.array_equal(fma.describe(kept, 44100), fma.describe(samples, 44100))


# What the tables share


@pytest.mark.filterwarnings("ignore:n_fft=256 is too large")
@pytest.mark.parametrize("pieces", [1, 1000, 131072])
def test_the_pitch_classes_are_librosas_however_the_sound_comes(pieces):
    samples = np.random.default_rng(6).uniform(-1, 1, 30000 if pieces > 1 else 3000).astype("f4")
    classes = cqt.PitchClasses(44100, 0.2, 1 + len(samples) // 512)
    for start in range(0, len(samples), pieces):
        classes.feed(samples[start : start + pieces], start + pieces >= len(samples))
    transform = np.abs(librosa.cqt(samples, sr=44100, tuning=0.2))
    expected = transform.reshape(7, 12, -1).sum(axis=0).T
    np.testing.assert_allclose(classes.values(), expected, rtol=1e-4, atol=1e-5)


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
    peaks = spectra.PitchPeaks(22050)
    for block in spectra.blocks(samples, "constant"):
        peaks.feed(block.magnitude)
    assert peaks.tuning() == librosa.estimate_tuning(y=samples, sr=22050)
