"""What lies below 20 Hz is removed, in the same bytes however a file is cut, and nothing else."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import scipy.signal
import soundfile

import earmark
from earmark.extract.signal.highpass import HighPass

RATE = 22050


def filtered(samples, rate=RATE, cuts=()):
    highpass = HighPass(rate)
    pieces = np.split(samples.astype(np.float32), cuts)
    return np.concatenate([*map(highpass.feed, pieces), highpass.finish()])


@pytest.mark.parametrize("rate", [8000, 22050, 44100, 192000])
def test_it_is_a_butterworth_filter(rate):
    samples = np.random.default_rng(0).normal(0.2, 0.1, 2 * rate).astype(np.float32)
    sections = scipy.signal.butter(4, 20, "highpass", fs=rate, output="sos")
    settled = scipy.signal.sosfilt_zi(sections) * samples[: rate // 10].mean(dtype=np.float64)
    expected, _ = scipy.signal.sosfilt(sections, samples.astype(np.float64), zi=settled)
    np.testing.assert_allclose(filtered(samples, rate), expected, atol=1e-6)


@pytest.mark.parametrize(("hertz", "decibels"), [(5, -48.2), (10, -24.1), (20, -3), (40, 0)])
def test_tones_are_as_soft_as_on_paper(hertz, decibels):
    time = np.arange(20 * RATE) / RATE
    found = filtered(np.sin(2 * np.pi * hertz * time))[10 * RATE :]
    assert 10 * np.log10(2 * np.square(found).mean()) == pytest.approx(decibels, abs=0.1)


def test_any_cut_gives_the_same_bytes():
    generator = np.random.default_rng(1)
    samples = generator.normal(0, 0.1, 3 * RATE)
    whole = filtered(samples)
    for count in (1, 7, 500):
        cuts = np.sort(generator.integers(0, len(samples), count))
        assert filtered(samples, cuts=cuts).tobytes() == whole.tobytes()


@pytest.mark.parametrize("count", [0, 1, 100])
def test_less_than_it_settles_in_is_filtered_too(count):
    assert len(filtered(np.ones(count))) == count
    assert not np.abs(filtered(np.ones(count))).max(initial=0) > 1e-9


def test_an_offset_alone_is_silence(tmp_path):
    path = tmp_path / "offset.wav"
    soundfile.write(path, np.full(5 * RATE, 0.3), RATE, subtype="FLOAT")
    row = earmark.features(path)
    assert row["energy":].isna().all()


@pytest.mark.parametrize("below", [0.01, 0.1])
def test_an_offset_changes_nothing(demo, tmp_path, below):
    samples, rate = soundfile.read(demo / "waltz-96bpm-f-major.flac", dtype="float32")
    rows = []
    for name, own in (("plain", samples), ("offset", samples + np.float32(below))):
        path = tmp_path / f"{name}.wav"
        soundfile.write(path, own, rate, subtype="FLOAT")
        rows.append(earmark.features(path, set="default+musicnn"))
    pd.testing.assert_series_equal(*rows, rtol=1e-3, atol=1e-3, check_names=False)
