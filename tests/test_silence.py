"""Silence before, after and within the music, wherever it meets the edge of a window."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

import earmark
from earmark.extract.audio import decode
from earmark.extract.batch.track import Extraction
from earmark.extract.config import DEFAULTS
from earmark.extract.sets import TRACK_WINDOW

RATE, HOP = DEFAULTS.sample_rate, DEFAULTS.hop_length
REACH = DEFAULTS.n_fft / 2
"""Samples by which a frame reaches over its middle."""
PITCH = 1000.0
EXTRACTION = Extraction("default", windows=TRACK_WINDOW, tracks=True)
EVEN_OF_SILENCE = ["duration_ms", "loudness", "stereo_width"]
"""What a row has without an active frame: the length, and what is measured at the file's rate."""


def described(samples, extraction=EXTRACTION):
    """Return the row of the track and those of its windows, with start and length."""
    blocks = [np.asarray(samples, np.float32)[:, None]]
    rows = extraction.rows(decode.Audio(RATE, 1, iter(blocks)))
    found = pd.DataFrame(rows.values, columns=extraction.schema.names)
    return found.assign(start=rows.starts, seconds=rows.seconds)


def tone(count):
    """Return a tone of 1 kHz under soft noise."""
    noise = np.random.default_rng(0).normal(0, 3e-6, count)
    return 0.3 * np.sin(2 * np.pi * PITCH / RATE * np.arange(count)) + noise


def check(sound, found):
    """Check every row against what sounds in it: `sound` says of each sample whether it does."""
    track, windows = found.iloc[0], found.iloc[1:]
    assert track["duration_ms"] == round(1000 * len(sound) / RATE)
    steps = np.flatnonzero(np.diff(sound, prepend=False, append=False)).reshape(-1, 2)
    # Two frames at each end of a sound reach less than half over it.
    share = 4 * HOP * len(steps) / sound.sum()
    assert track["spectral_centroid_mean"] == pytest.approx(PITCH, rel=0.02 + share)
    # All but what needs a beat: an eighth of the columns at most.
    assert np.isfinite(track.drop(["start", "stereo_width", "loudness"])).mean() > 7 / 8
    assert windows["seconds"].sum() == pytest.approx(len(sound) / RATE)
    for _, row in windows.iterrows():
        first, last = row["start"] * RATE, (row["start"] + row["seconds"]) * RATE
        # Frames whose middle lies that far within the sound hold nothing else.
        inside = [min(b - REACH, last) - max(a + REACH, first) for a, b in steps]
        # The filter that removes what lies below 20 Hz rings on for a tenth of a second.
        near = [min(b + REACH + RATE // 10, last) - max(a - REACH, first) for a, b in steps]
        if max(inside) > 2 * HOP:
            share = 4 * HOP / max(inside)
            assert row["spectral_centroid_mean"] == pytest.approx(PITCH, rel=0.02 + share)
            assert row["rms_mean"] > 0
        if max(near) <= 0:
            assert row.drop(["start", "seconds", *EVEN_OF_SILENCE]).isna().all()


EDGE = round(TRACK_WINDOW * DEFAULTS.frame_rate) * HOP
"""Where the second window begins, in samples."""


@pytest.mark.parametrize("shift", range(-4 * HOP, 5 * HOP, HOP // 2))
def test_sound_may_begin_and_end_anywhere_about_the_edge_of_a_window(shift):
    for sounds in (slice(EDGE + shift, None), slice(None, EDGE + shift)):
        sound = np.zeros(3 * EDGE, bool)
        sound[sounds] = True
        check(sound, described(np.where(sound, tone(len(sound)), 0)))


def test_a_window_that_sound_only_reaches_into_is_not_heard():
    # The last frame of the first window has the level, and none that holds sound alone.
    sound = np.zeros(2 * EDGE, bool)
    sound[EDGE:] = True
    rows = described(np.where(sound, tone(len(sound)), 0))
    silent = rows.iloc[1].drop(["start", "seconds", *EVEN_OF_SILENCE])
    assert silent.isna().all()
    assert rows["rms_mean"].iloc[2] == pytest.approx(rows["rms_mean"].iloc[0], rel=0.01)


RUNS = st.lists(st.tuples(st.floats(0, 8), st.floats(0.3, 7)), min_size=1, max_size=4)


@pytest.mark.slow
@settings(max_examples=60)
@given(RUNS, st.floats(0, 8), st.sampled_from([2.0, 6.0]))
def test_silences_of_any_length_anywhere_never_raise_and_spoil_nothing(runs, end, length):
    lengths = [round(RATE * seconds) for seconds in (*np.ravel(runs), end)]
    sound = np.repeat([False, True] * len(runs) + [False], lengths)
    samples = np.where(sound, tone(len(sound)), 0)
    check(sound, described(samples, Extraction("default", windows=length, tracks=True)))


@pytest.mark.slow
@settings(max_examples=30)
@given(RUNS, st.floats(0, 8), st.sampled_from(["spotify", "loudness", "gtzan", "fma"]))
def test_no_set_minds_silence(runs, end, name):
    lengths = [round(RATE * seconds) for seconds in (*np.ravel(runs), end)]
    sound = np.repeat([False, True] * len(runs) + [False], lengths)
    samples = np.where(sound, tone(len(sound)), 0)
    found = described(samples, Extraction(name, windows=2.0, tracks=True))
    assert found["seconds"].iloc[1:].sum() == pytest.approx(len(sound) / RATE)


# Real files


def padded(source, target, lead, trail=0, seconds=None):
    """Write a recording with seconds of silence before and after it."""
    samples, rate = soundfile.read(source, always_2d=True)
    samples = samples[: round(seconds * rate)] if seconds else samples
    silences = [np.zeros((round(count * rate), samples.shape[1])) for count in (lead, trail)]
    soundfile.write(target, np.concatenate([silences[0], samples, silences[1]]), rate)
    return target


@pytest.mark.parametrize("lead", [30, 36, 42, 48, 54])
def test_a_waltz_behind_silence_is_the_same_waltz(lead, demo, tmp_path):
    waltz = demo / "waltz-96bpm-f-major.flac"
    late = padded(waltz, tmp_path / "late.wav", lead)
    bare, found = earmark.features(waltz), earmark.features(late)
    assert found["duration_ms"] == bare["duration_ms"] + 1000 * lead
    assert found["tempo"] == pytest.approx(bare["tempo"], rel=1e-3)
    assert found["loudness"] == pytest.approx(bare["loudness"], abs=0.02)
    assert found["onset_rate"] == pytest.approx(bare["onset_rate"], abs=0.07)
    for name in ("key", "mode", "time_signature"):
        assert found[name] == bare[name]
    np.testing.assert_allclose(
        earmark.beats(late)["time"].iloc[8:16] - lead, earmark.beats(waltz)["time"].iloc[8:16],
        atol=0.03,
    )  # fmt: skip
    rows = earmark.table([late], windows=6.0)
    heard = rows["spectral_centroid_mean"].notna()
    # The first frame that sounds is whole and active half a window after the music begins.
    assert heard.tolist() == [start + seconds > lead + 0.1 for start, seconds in zip(
        rows["start"], rows["seconds"], strict=True)]  # fmt: skip


@pytest.mark.real_audio
@pytest.mark.slow
@pytest.mark.parametrize("seconds", [12, 24])
def test_real_tracks_that_end_at_the_edge_of_a_window(seconds, shared, tmp_path):
    for source in sorted((shared / "librosa").glob("*.ogg")):
        if soundfile.info(source).duration < seconds:
            continue
        cut = padded(source, tmp_path / "cut.wav", 0, 30, seconds)
        found, rows = earmark.features(cut), earmark.table([cut], windows=6.0)
        bare = earmark.features(padded(source, tmp_path / "bare.wav", 0, 0, seconds))
        assert found.isna().tolist() == bare.isna().tolist()
        assert found["spectral_centroid_mean"] == pytest.approx(
            bare["spectral_centroid_mean"], rel=0.025
        )
        assert rows["spectral_centroid_mean"].iloc[seconds // 6 + 1 :].isna().all()
        earmark.beats(cut)
