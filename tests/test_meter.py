"""The loudness meter on the signals of EBU Tech 3341 and on the numbers of ITU-R BS.1770."""

from __future__ import annotations

import numpy as np
import pytest

from extract.descriptors.level import integrated_loudness
from extract.meter import Meter, _k_weighting


def sines(rate, *parts, channels=2, frequency=1000.0):
    """Join sines given as (level in dBFS, or one per channel, seconds)."""
    pieces = []
    for level, seconds in parts:
        phase = 2 * np.pi * frequency / rate * np.arange(round(seconds * rate))
        gains = 10 ** (np.broadcast_to(level, channels) / 20)
        pieces.append(np.outer(np.sin(phase), gains).astype(np.float32))
    return np.concatenate(pieces)


def measure(samples, rate, length=65536):
    """Feed the samples in blocks of `length` and return the meter."""
    meter = Meter(rate, samples.shape[1])
    for start in range(0, len(samples), length):
        meter.feed(samples[start : start + length])
    return meter


# EBU Tech 3341, "Loudness metering", table 1, minimum requirements 1 to 6.
TECH_3341 = {
    "1": ([(-23, 20)], -23),
    "2": ([(-33, 20)], -33),
    "3": ([(-36, 10), (-23, 60), (-36, 10)], -23),
    "4": ([(-72, 10), (-36, 10), (-23, 60), (-36, 10), (-72, 10)], -23),
    "5": ([(-26, 20), (-20, 20.1), (-26, 20)], -23),
    "6": ([((-28, -28, -24, -30, -30), 20)], -23),
}


@pytest.mark.parametrize("rate", [48000, 44100])
@pytest.mark.parametrize("case", TECH_3341)
def test_the_signals_of_tech_3341(case, rate):
    parts, expected = TECH_3341[case]
    samples = sines(rate, *parts, channels=np.size(parts[0][0]) if case == "6" else 2)
    assert integrated_loudness(measure(samples, rate).energies().weighted) == pytest.approx(
        expected, abs=0.1
    )


@pytest.mark.parametrize("rate", [8000, 11025, 16000, 22050, 44100, 48000, 96000, 192000])
def test_a_full_scale_sine_in_one_channel_reads_minus_3(rate):
    samples = sines(rate, (0, 5), channels=1, frequency=997)
    # The bilinear transform bends the shelf a little, more at low rates.
    found = integrated_loudness(measure(samples, rate).energies().weighted)
    assert found == pytest.approx(-3.01, abs=0.05)


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


@pytest.mark.parametrize("length", [1, 777, 4800])
def test_the_meter_does_not_care_how_the_samples_are_cut(length):
    samples = np.random.default_rng(0).normal(0, 0.1, (40000, 2)).astype(np.float32)
    whole, cut = measure(samples, 44100, len(samples)), measure(samples, 44100, length)
    assert cut.samples == whole.samples
    np.testing.assert_array_equal(cut.energies().weighted, whole.energies().weighted)


@pytest.mark.parametrize("rate", [8000, 11025, 22050, 44100, 48000])
def test_there_are_ten_steps_a_second_and_only_full_ones(rate):
    # A tenth of a second of 11025 Hz is not a whole number of samples: no drift may add up.
    assert (
        len(measure(np.zeros((rate * 33 + rate // 11, 1), np.float32), rate).energies().weighted)
        == 330
    )


def test_feeding_returns_the_mean_of_the_channels():
    samples = np.random.default_rng(1).normal(0, 0.1, (1000, 3)).astype(np.float32)
    np.testing.assert_allclose(Meter(44100, 3).feed(samples), samples.mean(axis=1), atol=1e-7)


@pytest.mark.parametrize(
    "energies",
    [np.empty(0), np.full(3, 0.1), np.zeros(50), np.full(50, 10 ** ((-70.5 + 0.691) / 10))],
    ids=["none", "shorter than a block", "silence", "below the absolute gate"],
)
def test_what_has_no_loudness_is_nan(energies):
    assert np.isnan(integrated_loudness(energies))
