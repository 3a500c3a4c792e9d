"""Files of any length: what is held of them grows hardly, and what is laid aside goes again."""

from __future__ import annotations

import tempfile
import tracemalloc

import numpy as np
import pytest
import soundfile

from earmark.extract.audio import decode, resample
from earmark.extract.batch.track import Extraction
from earmark.extract.errors import DecodeError

RATE = 22050


def noise(minutes):
    """A file that was never written: its blocks are made as they are asked for."""
    rng = np.random.default_rng(0)
    blocks = (rng.normal(0, 0.1, (RATE, 1)).astype(np.float32) for _ in range(60 * minutes))
    return decode.Audio(RATE, 1, blocks)


def peak(job, minutes):
    """Return how many bytes are held at most while that many minutes are described."""
    tracemalloc.start()
    try:
        job.rows(noise(minutes))
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("windows", [None, 6.0])
@pytest.mark.slow
def test_a_long_track_needs_hardly_more_memory_than_a_short_one(windows):
    job = Extraction("default", windows=windows, tracks=True)
    job.rows(noise(1))
    short, long = peak(job, 2), peak(job, 22)
    per_hour = 3 * (long - short)
    # The samples of an hour are 318 MB, its mel bands 40 MB.
    assert per_hour < 20e6
    assert long < 20e6


@pytest.fixture
def aside(tmp_path, monkeypatch):
    """A folder of its own for temporary files, which more than 10,000 samples go to."""
    folder = tmp_path / "aside"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    monkeypatch.setattr(resample, "IN_MEMORY", 10_000)
    return folder


@pytest.fixture(params=[1, 2])
def path(request, tmp_path):
    """A file of three seconds, in several blocks."""
    path = tmp_path / "x.wav"
    values = np.random.default_rng(0).normal(0, 0.1, (3 * 44100 + 7, request.param))
    soundfile.write(path, values, 44100, subtype="FLOAT")
    return path


def read(path, rate):
    with decode.open_audio(path) as audio, resample.mono(audio, rate) as (found, own, seconds):
        return np.array(found), own, seconds, type(found)


@pytest.mark.parametrize("rate", [None, 44100, 22050])
def test_samples_laid_aside_are_the_samples(path, aside, monkeypatch, rate):
    found, own, seconds, kind = read(path, rate)
    assert kind is np.memmap
    monkeypatch.undo()
    expected, *same, kind = read(path, rate)
    assert kind is np.ndarray
    assert (own, seconds) == tuple(same) == (rate or 44100, (3 * 44100 + 7) / 44100)
    np.testing.assert_array_equal(found, expected)
    # soxr gives as many as there are seconds, to a sample.
    assert len(found) == pytest.approx(seconds * own, abs=1)


def test_samples_are_the_mean_of_the_channels(path):
    found, *_ = read(path, None)
    expected = soundfile.read(path, dtype="float32", always_2d=True)[0].mean(axis=1)
    np.testing.assert_allclose(found, expected, atol=1e-7)


def test_nothing_laid_aside_is_left_behind(path, aside):
    read(path, None)
    assert list(aside.iterdir()) == []


def test_nothing_is_left_behind_of_a_file_that_breaks_off(aside):
    def breaking():
        for _ in range(5):
            yield np.zeros((RATE, 1), np.float32)
        raise DecodeError("x.mp3", "breaks off after 5.0 s")

    audio = decode.Audio(RATE, 1, breaking())
    with pytest.raises(DecodeError, match="breaks off"), resample.mono(audio, None):
        pass
    assert list(aside.iterdir()) == []


@pytest.mark.parametrize("length", [0, 1])
def test_samples_of_next_to_nothing_are_as_many(length):
    audio = decode.Audio(RATE, 1, iter([np.zeros((length, 1), np.float32)]))
    with resample.mono(audio, None) as (found, rate, seconds):
        assert (len(found), rate, seconds) == (length, RATE, length / RATE)


@pytest.mark.parametrize("name", ["gtzan", "fma"])
@pytest.mark.slow
def test_published_sets_say_the_same_of_samples_laid_aside(path, aside, monkeypatch, name):
    def described():
        with decode.open_audio(path) as audio:
            return Extraction(name, windows=1.0, tracks=True).rows(audio).values

    found = described()
    assert list(aside.iterdir()) == []
    monkeypatch.undo()
    np.testing.assert_array_equal(found, described())
