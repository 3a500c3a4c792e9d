"""Windows lie where they should, and know which of their frames are sound."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

import earmark
from earmark.extract.config import DEFAULTS
from earmark.extract.engine.windows import (
    ACTIVE_RANGE,
    REFERENCE_LEVEL,
    Window,
    WindowCutter,
    gated_level,
)

CONFIGS = [
    DEFAULTS,
    DEFAULTS.model_copy(update={"sample_rate": 44100, "hop_length": 256}),
    DEFAULTS.model_copy(update={"hop_length": 2048}),
]
REACH = DEFAULTS.n_fft // (2 * DEFAULTS.hop_length)
"""Frames beside one that its window of samples reaches half over."""


def cut(config, seconds, blocks):
    """Feed series that tell which frame is which, in blocks, and return the windows."""
    cutter = WindowCutter(config, seconds)
    windows, at = [], 0
    for count in blocks:
        numbers = np.arange(at, at + count, dtype=np.float32)
        windows += cutter.feed({"frame_rms": numbers, "pairs": np.outer(numbers, [1, -1])})
        at += count
    return [*windows, *cutter.finish()]


SECONDS = st.floats(0.5, 40)
BLOCKS = st.lists(st.integers(1, 3000), min_size=1, max_size=30)


@hypothesis_settings(deadline=None)
@given(st.sampled_from(CONFIGS), SECONDS, BLOCKS)
def test_windows_cover_all_frames_in_order_without_gap_or_overlap(config, seconds, blocks):
    windows = cut(config, seconds, blocks)
    numbers = np.arange(sum(blocks))
    np.testing.assert_array_equal(np.concatenate([w["frame_rms"] for w in windows]), numbers)
    pairs = np.concatenate([w["pairs"] for w in windows])
    np.testing.assert_array_equal(pairs, np.outer(numbers, [1, -1]))
    assert [w.start for w in windows] == [w["frame_rms"][0] for w in windows]


@hypothesis_settings(deadline=None)
@given(st.sampled_from(CONFIGS), SECONDS, BLOCKS)
def test_windows_are_as_long_as_they_should_be(config, seconds, blocks):
    *others, last = (len(window) for window in cut(config, seconds, blocks))
    nominal = seconds * config.frame_rate
    # No window drifts from where it should be: its edges are those of the clock, to a frame.
    assert all(abs(length - nominal) <= 1 for length in others)
    edges = np.cumsum([0, *others])
    assert np.all(np.abs(edges - nominal * np.arange(len(edges))) <= 0.5)
    assert last < 1.5 * nominal + 1
    if others:
        assert last >= 0.5 * nominal - 1


@hypothesis_settings(deadline=None)
@given(SECONDS, BLOCKS, st.integers(1, 500))
def test_the_blocks_do_not_move_the_windows(seconds, blocks, length):
    total = sum(blocks)
    whole = cut(DEFAULTS, seconds, [total])
    rest = [total % length] if total % length else []
    for others in (blocks, [length] * (total // length) + rest):
        starts = [window.start for window in cut(DEFAULTS, seconds, others)]
        assert starts == [window.start for window in whole]


@hypothesis_settings(deadline=None)
@given(SECONDS, BLOCKS)
def test_a_window_knows_the_last_frame_before_it_and_whether_it_is_the_last(seconds, blocks):
    windows = cut(DEFAULTS, seconds, blocks)
    assert not windows[0].before
    for one, two in pairwise(windows):
        assert two.before.keys() == {"frame_rms", "pairs"}
        assert two.before["frame_rms"] == one["frame_rms"][-1]
        np.testing.assert_array_equal(two.before["pairs"], one["pairs"][-1])
        assert one.after["frame_rms"] == two["frame_rms"][0]
    assert not windows[-1].after


def test_no_frames_are_no_windows():
    assert list(WindowCutter(DEFAULTS, 6.0).finish()) == []


# What is sound


def window(rms, first=True, last=True):
    """Return a window of frames of the given levels, alone or within a track."""
    before, after = ({} if end else {"frame_rms": np.float32(0.1)} for end in (first, last))
    return Window(DEFAULTS, 0, {"frame_rms": np.asarray(rms, np.float32)}, before, after)


def test_frames_that_reach_over_the_ends_of_a_track_are_not_active():
    steady = np.full(50, 0.1)
    inner = np.arange(50)
    for first in (True, False):
        for last in (True, False):
            expected = (inner >= REACH * first) & (inner < 50 - REACH * last)
            np.testing.assert_array_equal(window(steady, first, last).active, expected)


def heard_of(length):
    """Return how many frames of a sound that is that many long are active."""
    return length - 2 * REACH if length > 2 * REACH else 2 - length % 2


RUNS = st.lists(st.tuples(st.integers(1, 12), st.integers(1, 12)), min_size=1, max_size=20)


@given(RUNS, st.integers(1, 12), st.booleans(), st.booleans())
def test_of_every_sound_the_frames_that_reach_into_silence_are_not_active(runs, end, first, last):
    sound = np.repeat([0.0, 0.1] * len(runs) + [0.0], [*np.ravel(runs), end])
    active = window(sound, first, last).active
    assert not active[sound == 0].any()
    at = 0
    for silence, length in runs:
        own = active[at + silence : at + silence + length]
        assert own.sum() == heard_of(length)
        np.testing.assert_array_equal(own, own[::-1])
        at += silence + length


@given(st.integers(REACH, 50), st.integers(1, 50), st.integers(REACH, 50))
def test_sound_goes_on_beyond_a_window_but_not_into_its_silences(before, silence, after):
    sound = np.repeat([0.1, 0.0, 0.1], [before, silence, after])
    expected = np.repeat([True, False, True], [before - REACH, silence + 2 * REACH, after - REACH])
    np.testing.assert_array_equal(window(sound, first=False, last=False).active, expected)


def test_sound_that_begins_at_the_edge_of_a_window_reaches_into_silence():
    silent = {"frame_rms": np.float32(0)}
    begins = Window(DEFAULTS, 0, {"frame_rms": np.full(50, 0.1, np.float32)}, silent, {})
    assert begins.active.tolist() == [False] * REACH + [True] * (50 - 2 * REACH) + [False] * REACH


@pytest.mark.parametrize("length", [1, 2, 3, 2 * REACH, 2 * REACH + 1, 100])
def test_of_a_track_of_a_few_frames_the_middle_is_active(length):
    active = window(np.full(length, 0.1)).active
    assert active.sum() == heard_of(length)
    np.testing.assert_array_equal(active, active[::-1])


def test_frames_60_db_below_the_level_are_silence():
    assert ACTIVE_RANGE == 60
    rms = np.full(100, 0.1)
    for below, heard in ((59.5, True), (60.5, False)):
        rms[50] = 0.1 * 10 ** (-below / 20)
        assert window(rms, first=False, last=False).active.all() == heard


@pytest.mark.parametrize("level", [0, 1e-6, 3e-5])
def test_silence_has_no_level_no_gain_and_no_active_frame(level):
    silent = window(np.full(100, level), first=False, last=False)
    assert np.isnan(silent.level)
    assert silent.gain == 0
    assert not silent.active.any()
    assert silent.active_rows("frame_rms").shape == (0,)


def test_the_gain_brings_a_window_to_the_reference_level():
    loud = window(np.full(100, 0.5))
    assert loud.level + loud.gain == pytest.approx(REFERENCE_LEVEL)
    assert window(np.full(100, 0.005)).gain - loud.gain == pytest.approx(40, abs=1e-4)


def test_heard_are_the_rows_of_the_active_frames():
    rms = np.full(100, 0.1)
    rms[40:60] = 0
    part = window(rms)
    assert part.active_rows("frame_rms").tolist() == part["frame_rms"][part.active].tolist()
    whole = window(np.full(100, 0.1), first=False, last=False)
    assert whole.active_rows("frame_rms") is whole["frame_rms"]


# Levels


def off_the_gate(rms):
    """Whether rounding decides of no frame if it counts: all are within 60 dB of the loudest."""
    power = np.square(rms)
    return not np.isclose(power, 0.1 * power.mean(), rtol=1e-9, atol=0).any()


LEVELS = st.lists(st.floats(2e-3, 1.0), min_size=1, max_size=100).map(np.array).filter(off_the_gate)


@given(st.floats(1e-4, 4.0))
def test_the_level_of_a_steady_sound_is_its_own(rms):
    found = gated_level(np.full(20, rms, np.float32))
    assert found == pytest.approx(20 * np.log10(rms), abs=1e-4)


@given(LEVELS, st.floats(0.1, 10))
def test_gain_moves_the_level_by_itself(rms, gain):
    assert gated_level(gain * rms) - gated_level(rms) == pytest.approx(20 * np.log10(gain))


@given(LEVELS, st.integers(0, 300), st.randoms(use_true_random=False))
def test_silence_and_order_do_not_move_the_level(rms, count, random):
    mixed = [*rms, *np.zeros(count)]
    random.shuffle(mixed)
    assert gated_level(np.array(mixed)) == pytest.approx(gated_level(rms))


@given(LEVELS, st.integers(2, 5))
def test_what_comes_again_does_not_move_the_level(rms, times):
    assert gated_level(np.tile(rms, times)) == pytest.approx(gated_level(rms))


@given(LEVELS)
def test_the_level_lies_between_that_of_all_frames_and_that_of_the_loudest(rms):
    mean = 10 * np.log10(np.mean(rms**2))
    assert mean - 1e-9 <= gated_level(rms) <= 20 * np.log10(rms.max()) + 1e-9


def test_the_gates_on_paper():
    # 65 dB below the loudest, and 20 dB below the mean of the rest: neither counts.
    rms = 10 ** (np.array([-10] * 5 + [-75] * 500 + [-33] * 5) / 20)
    assert gated_level(rms) == pytest.approx(-10)
    # Within 10 dB of the mean all do.
    rms = 10 ** (np.array([-10, -16]) / 20)
    assert gated_level(rms) == pytest.approx(10 * np.log10((10**-1 + 10**-1.6) / 2))


def test_silence_has_no_level():
    # Of 16 bits the dither reaches -90 dB.
    assert np.isnan(gated_level(np.empty(0, np.float32)))
    assert np.isnan(gated_level(np.full(9, 10 ** (-90.1 / 20))))
    assert gated_level(np.full(9, 10 ** (-89.9 / 20))) == pytest.approx(-89.9)


# From the file to the rows


@pytest.mark.parametrize("rate", [22050, 44100])
@pytest.mark.slow
def test_each_row_describes_its_own_seconds(tmp_path, rate):
    # Six tones, each of five seconds and 3 dB softer than the one before.
    pitches = [440, 3520, 880, 5280, 1760, 7040]
    time = np.arange(5 * rate) / rate
    tones = [
        0.5 * 10 ** (-3 * number / 20) * np.sin(2 * np.pi * pitch * time)
        for number, pitch in enumerate(pitches)
    ]
    path = tmp_path / "tones.wav"
    soundfile.write(path, np.concatenate(tones), rate, subtype="FLOAT")
    found = earmark.table([path], windows=5.0)
    np.testing.assert_allclose(found["start"], [0, 5, 10, 15, 20, 25], atol=0.02)
    assert found["start"].iloc[-1] + found["seconds"].iloc[-1] == pytest.approx(30)
    # One or two frames at an edge hear both tones.
    np.testing.assert_allclose(found["spectral_centroid_mean"], pitches, rtol=0.02, atol=15)
    published = earmark.table([path], windows=5.0, set="gtzan")
    np.testing.assert_allclose(published["start"], [0, 5, 10, 15, 20, 25], atol=1e-9)
    np.testing.assert_allclose(published["length"], 5 * 22050, atol=1)
    np.testing.assert_allclose(published["spectral_centroid_mean"], pitches, rtol=0.1)
    steps = np.diff(20 * np.log10(published["rms_mean"]))
    np.testing.assert_allclose(steps, -3, atol=0.01)


@pytest.mark.parametrize("name", ["default", "gtzan", "fma"])
@pytest.mark.parametrize("seconds", [0.3, 2.9, 3.1, 8.9, 9.1])
def test_windows_cover_the_file_in_every_set(tone, name, seconds):
    found = earmark.table([tone(seconds=seconds)], windows=2.0, set=name)
    assert len(found) == max(1, int(seconds / 2 + 0.5))
    ends = found["start"] + found["seconds"]
    np.testing.assert_allclose(found["start"], [0, *ends[:-1]], atol=1e-9)
    assert ends.iloc[-1] == pytest.approx(seconds)
    assert found["seconds"][:-1].between(1.95, 2.05).all()
