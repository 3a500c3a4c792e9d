"""A track to look at: what is drawn is what is there, and the values are those of the tables."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

import earmark
from earmark.extract.audio.sources import Track
from earmark.extract.batch.track import Extraction, analyse
from earmark.extract.config import Settings
from earmark.extract.errors import DecodeError
from earmark.extract.preview import MOST_COLUMNS, Condenser, preview

RATE = 22050


@settings(max_examples=60, deadline=None)
@given(
    pieces=st.lists(st.integers(0, 40), max_size=30),
    most=st.integers(2, 17),
)
def test_condensed_columns_are_those_of_the_whole_series(pieces, most):
    rows = np.arange(sum(pieces), dtype=np.float32)[:, None]
    condenser = Condenser(lambda own: own.max(axis=1), most)
    for piece in np.split(rows, np.cumsum(pieces)[:-1]) if pieces else []:
        condenser.feed(piece)
    found = condenser.columns()[:, 0]
    expected = [
        rows[start : start + condenser.span].max() for start in range(0, len(rows), condenser.span)
    ]
    assert found.tolist() == expected
    assert len(found) <= most + 1
    assert len(found) > most // 2 or condenser.span == 1


@pytest.mark.parametrize("name", ["default", "spotify"])
@pytest.mark.parametrize("windows", [None, 2.0, 6.0])
def test_the_values_are_those_of_the_tables(demo, name, windows):
    file = demo / "jazz-120bpm-b-flat-major.wav"
    job = Extraction(name, windows=windows)
    seen = preview(file, job)
    outcome = analyse(Track("x", file), job)
    np.testing.assert_array_equal(seen.rows[job.schema.names].to_numpy(), outcome.values)
    if windows:
        np.testing.assert_array_equal(seen.rows["start"], outcome.starts)
    values = earmark.features(file)
    np.testing.assert_array_equal(seen.values, values)
    assert seen.beats.equals(earmark.beats(file))


@pytest.mark.parametrize("job", [Extraction("gtzan"), Extraction("default", Settings(n_fft=1024))])
@pytest.mark.slow
def test_what_is_no_part_of_the_default_set_is_there_too(demo, job):
    file = demo / "jazz-120bpm-b-flat-major.wav"
    seen = preview(file, job)
    outcome = analyse(Track("x", file), job)
    np.testing.assert_array_equal(seen.rows[job.schema.names].to_numpy(), outcome.values)
    np.testing.assert_array_equal(seen.values, earmark.features(file))


def test_a_tone_after_silence_is_drawn_where_it_is(tmp_path):
    seconds = np.arange(20 * RATE) / RATE
    tone = np.where(seconds >= 10, 0.5 * np.sin(2 * np.pi * 1000 * seconds), 0.0)
    soundfile.write(tmp_path / "tone.wav", np.stack([tone, np.zeros_like(tone)], 1), RATE)
    seen = preview(tmp_path / "tone.wav", Extraction("default"))
    assert (seen.duration, seen.sample_rate, seen.channels) == (20, RATE, 2)
    middle = round(10 * seen.waveform_rate)
    low, high, rms = seen.waveform[middle + 2 : -2].T
    assert np.abs(seen.waveform[: middle - 2]).max() < 1e-3
    assert low == pytest.approx(-0.5, abs=0.01)
    assert high == pytest.approx(0.5, abs=0.01)
    # Half of the samples are those of the silent channel.
    assert rms == pytest.approx(0.25, abs=0.01)
    assert len(seen.waveform) / seen.waveform_rate == pytest.approx(20, rel=1e-3)
    edge = round(10 * seen.mel_rate)
    assert (seen.mel[:, : edge - 4] == 0).all()
    loudest = seen.mel[:, edge + 4 :].argmax(axis=0)
    assert seen.mel_frequencies[loudest] == pytest.approx(1000, rel=0.05)
    assert seen.mel.max() == 255


def test_a_long_track_needs_no_more_columns(tmp_path):
    noise = np.random.default_rng(0).normal(0, 0.1, 300 * 8000).clip(-1, 1)
    soundfile.write(tmp_path / "long.wav", noise, 8000)
    seen = preview(tmp_path / "long.wav", Extraction("default"))
    assert MOST_COLUMNS / 2 <= len(seen.waveform) <= MOST_COLUMNS + 1
    assert MOST_COLUMNS / 2 <= seen.mel.shape[1] <= MOST_COLUMNS + 1


def test_silence_and_what_is_shorter_than_a_window_are_drawn_too(tmp_path):
    soundfile.write(tmp_path / "silence.wav", np.zeros(5 * RATE), RATE)
    soundfile.write(tmp_path / "click.wav", np.full(100, 0.5), RATE)
    silence = preview(tmp_path / "silence.wav", Extraction("default", windows=6.0))
    assert not silence.mel.any()
    assert silence.beats.empty
    assert silence.values.drop("duration_ms").isna().any()
    click = preview(tmp_path / "click.wav", Extraction("default", windows=6.0))
    assert click.mel.shape[1] == 0
    assert len(click.waveform) == 1
    assert len(click.rows) == 1


def test_what_is_no_audio_is_an_error(tmp_path):
    (tmp_path / "no.mp3").write_text("not a song", encoding="utf-8")
    with pytest.raises(DecodeError, match=r"no\.mp3"):
        preview(tmp_path / "no.mp3", Extraction("default"))
    soundfile.write(tmp_path / "empty.wav", np.zeros(0), RATE)
    with pytest.raises(DecodeError, match="holds no samples"):
        preview(tmp_path / "empty.wav", Extraction("default"))
