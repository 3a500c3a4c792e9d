"""The loudness meter on the signals of EBU Tech 3341 and on the numbers of ITU-R BS.1770."""

from __future__ import annotations

import importlib
from pathlib import Path

import numpy as np
import pytest
import scipy.signal

from earmark.extract import sets
from earmark.extract.audio.sources import Track
from earmark.extract.batch.track import Extraction, analyse
from earmark.extract.descriptors.level import integrated_loudness
from earmark.extract.engine import aggregate
from earmark.extract.signal import frames
from earmark.extract.signal.loudness import LoudnessMeter, _k_weighting


def sines(rate, *parts, channels=2, frequency=1000.0):
    """Join sines given as (level in dBFS, or one per channel, seconds)."""
    pieces = []
    for level, seconds in parts:
        phase = 2 * np.pi * frequency / rate * np.arange(round(seconds * rate))
        gains = 10 ** (np.broadcast_to(level, channels) / 20)
        pieces.append(np.outer(np.sin(phase), gains).astype(np.float32))
    return np.concatenate(pieces)


def measure(samples, rate, length=65536, peaks=False):
    """Feed the samples in blocks of `length` and return the meter."""
    meter = LoudnessMeter(rate, samples.shape[1], peaks)
    for start in range(0, len(samples), length):
        meter.feed(samples[start : start + length])
    return meter


# The names of the signals in benchmarks/loudness.py, where they are made.
SIGNALS = [
    *(f"3341-{number}" for number in (*range(1, 7), *range(15, 24))),
    *(f"3342-{number}" for number in range(1, 5)),
]


@pytest.fixture
def signals(monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).parent.parent / "benchmarks"))
    return importlib.import_module("loudness")


@pytest.mark.parametrize("rate", [48000, 44100])
@pytest.mark.parametrize("case", SIGNALS)
def test_the_signals_of_the_ebu_in_files(case, rate, signals, tmp_path):
    assert set(SIGNALS) == set(signals.CASES)
    found = signals.measured(tmp_path / "signal.wav", case, rate)
    assert found["passed"], found


@pytest.mark.real_audio
@pytest.mark.slow
def test_loudness_is_that_of_pyloudnorm(signals, shared):
    found = signals.against_pyloudnorm([shared / "librosa"])
    assert found["n"] == 14
    assert found["max"] < 0.1


@pytest.mark.parametrize(
    ("rate", "factor"), [(44100, 4), (88200, 4), (96000, 2), (176400, 2), (192000, 1)]
)
def test_the_higher_the_rate_the_fewer_points_between_samples(rate, factor):
    # A sine of a quarter of the rate, whose peak lies a quarter, a half, or 1/8 from a sample.
    def peak(degrees):
        phase = np.pi / 2 * np.arange(4000) + np.radians(degrees)
        samples = (np.hanning(4000) * np.sin(phase)).astype(np.float32)[:, None]
        return measure(samples, rate, peaks=True).energies().peaks.max()

    assert peak(90) == pytest.approx(1, abs=0.01)
    assert peak(45) == pytest.approx(1 if factor > 1 else 0.5**0.5, abs=0.01)
    assert peak(67.5) == pytest.approx(1 if factor > 2 else np.cos(np.pi / 8), abs=0.01)


def test_true_peaks_are_those_of_every_point():
    samples = np.random.default_rng(2).normal(0, 0.1, (30011, 3)).astype(np.float32)
    many = scipy.signal.firwin(49, 1 / 4, window=("kaiser", 5.0), scale=False) * 4
    points = abs(scipy.signal.upfirdn(many, samples.astype(np.float64), 4, axis=0))[24:]
    found = measure(samples, 44100, peaks=True).energies().peaks
    assert len(found) == 6
    for step, peak in enumerate(found):
        stop = None if step == 5 else 4 * 4410 * (step + 1)
        assert peak == pytest.approx(points[4 * 4410 * step : stop].max(), rel=5e-3)


def test_a_peak_counts_though_the_last_step_is_not_full():
    samples = np.zeros((48000 + 2000, 2), np.float32)
    samples[-1, 1] = -0.7
    energies = measure(samples, 48000, peaks=True).energies()
    assert len(energies.peaks) == len(energies.weighted) == 10
    assert energies.peaks[-1] == np.float32(0.7)
    assert not energies.peaks[:-1].any()
    short = measure(samples[-50:], 48000, peaks=True).energies()
    assert short.peaks == pytest.approx([0.7])
    assert not len(measure(samples[:0], 48000, peaks=True).energies().peaks)


def test_peaks_are_measured_only_for_those_who_want_them():
    wanted = {
        name: aggregate.plan(sets.get(name).descriptors).peaks for name in ("default", "loudness")
    }
    assert wanted == {"default": False, "loudness": True}
    assert not len(measure(np.ones((48000, 2), np.float32), 48000).energies().peaks)


@pytest.mark.parametrize("rate", [8000, 11025, 16000, 22050, 44100, 48000, 96000, 192000])
def test_a_full_scale_sine_in_one_channel_reads_minus_3(rate):
    samples = sines(rate, (0, 5), channels=1, frequency=997)
    # The bilinear transform bends the shelf a little, more at low rates.
    found = integrated_loudness(measure(samples, rate).energies().weighted)
    assert found == pytest.approx(-3.01, abs=0.05 if rate >= 16000 else 0.25)


@pytest.mark.parametrize("rate", [16000, 22050, 32000, 44100])
def test_loudness_does_not_depend_on_the_sample_rate(rate):
    # Pink up to what the rate can hold, as music is.
    samples = np.random.default_rng(3).normal(0, 0.1, (5 * rate, 2))
    spectrum = np.fft.rfft(samples, axis=0)
    spectrum /= np.sqrt(np.arange(1, len(spectrum) + 1))[:, None]
    spectrum[int(0.9 * len(spectrum)) :] = 0
    low = np.fft.irfft(spectrum, axis=0).astype(np.float32)
    high = (np.fft.irfft(spectrum, 5 * 48000, axis=0) * 48000 / rate).astype(np.float32)
    found, expected = (
        integrated_loudness(measure(samples, at).energies().weighted)
        for samples, at in ((low, rate), (high, 48000))
    )
    assert found == pytest.approx(expected, abs=0.05)


def test_the_set_computes_no_spectra(demo, monkeypatch):
    monkeypatch.delattr(frames.Block, "power")
    path = demo / "jazz-120bpm-b-flat-major.wav"
    job = Extraction("loudness", windows=6.0, tracks=True)
    outcome = analyse(Track(path.name, path), job)
    assert outcome.failure is None
    assert job.schema.names == ["duration_ms", "loudness", "loudness_range", "true_peak"]
    assert np.isfinite(outcome.values).all()
    # The highest peak of the windows is that of the track.
    assert outcome.values[1:, 3].max() == outcome.values[0, 3]


def test_the_filters_are_those_of_the_standard():
    # ITU-R BS.1770-4, annex 1, tables 1 and 2: b0 b1 b2 a1 a2 at 48 kHz.
    shelf, highpass = _k_weighting(48000)
    assert shelf == pytest.approx(
        [1.53512485958697, -2.69169618940638, 1.19839281085285, -1.69065929318241, 0.73248077421585]
    )
    assert highpass == pytest.approx([1, -2, 1, -1.99004745483398, 0.99007225036621])


def test_the_channel_of_low_frequencies_does_not_count():
    five = sines(48000, ((-28, -28, -24, -30, -30), 5), channels=5)
    six = np.insert(five, 3, 0.9, axis=1)
    energies = [measure(samples, 48000).energies().weighted for samples in (five, six)]
    np.testing.assert_allclose(*energies, rtol=1e-12)


def test_one_channel_is_3_db_below_the_same_in_two():
    one, two = (
        integrated_loudness(measure(sines(48000, (-20, 5), channels=n), 48000).energies().weighted)
        for n in (1, 2)
    )
    assert two - one == pytest.approx(10 * np.log10(2), abs=1e-6)


@pytest.mark.parametrize("length", [1, 11, 777, 4800])
def test_the_meter_does_not_care_how_the_samples_are_cut(length):
    samples = np.random.default_rng(0).normal(0, 0.1, (40000, 2)).astype(np.float32)
    whole, cut = (measure(samples, 44100, count, True) for count in (len(samples), length))
    assert cut.samples == whole.samples
    np.testing.assert_array_equal(cut.energies().weighted, whole.energies().weighted)
    np.testing.assert_array_equal(cut.energies().peaks, whole.energies().peaks)


@pytest.mark.parametrize("rate", [8000, 11025, 22050, 44100, 48000])
def test_there_are_ten_steps_a_second_and_only_full_ones(rate):
    # A tenth of a second of 11025 Hz is not a whole number of samples: no drift may add up.
    assert (
        len(measure(np.zeros((rate * 33 + rate // 11, 1), np.float32), rate).energies().weighted)
        == 330
    )


def test_feeding_returns_the_mean_of_the_channels():
    samples = np.random.default_rng(1).normal(0, 0.1, (1000, 3)).astype(np.float32)
    np.testing.assert_allclose(
        LoudnessMeter(44100, 3).feed(samples), samples.mean(axis=1), atol=1e-7
    )


@pytest.mark.parametrize(
    "energies",
    [np.empty(0), np.full(3, 0.1), np.zeros(50), np.full(50, 10 ** ((-70.5 + 0.691) / 10))],
    ids=["none", "shorter than a block", "silence", "below the absolute gate"],
)
def test_what_has_no_loudness_is_nan(energies):
    assert np.isnan(integrated_loudness(energies))
