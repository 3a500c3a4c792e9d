"""The promise of the default set: it describes the music, not the file that holds it."""

from __future__ import annotations

import io

import av
import numpy as np
import pandas as pd
import pytest
import soundfile
import soxr

import earmark
from earmark.extract.audio import decode, opened
from earmark.extract.batch.track import Extraction

pytestmark = [pytest.mark.real_audio, pytest.mark.slow]

EXTRACTION = Extraction("default", windows=6.0, tracks=True)
OF_THE_FILE = ["duration_ms", "loudness"]
"""Columns that are meant to say how long and how loud the file is."""


def resampled(samples, rate):
    return soxr.resample(samples.mean(axis=1), rate, 22050)[:, None], 22050


def mp3(samples, rate):
    buffer = io.BytesIO()
    # As libsndfile's, but in little more than half the time.
    with av.open(buffer, "w", format="mp3") as target:
        stream = target.add_stream("libmp3lame", rate=rate, layout="stereo")
        stream.bit_rate = 128_000
        stream.options = {"compression_level": "7"}
        frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), "flt", "stereo")
        frame.sample_rate = rate
        resampler = av.AudioResampler("fltp", "stereo", rate, 1152)
        for piece in (*resampler.resample(frame), *resampler.resample(None), None):
            target.mux(stream.encode(piece))
    assert 8 * buffer.tell() * rate / len(samples) == pytest.approx(128e3, rel=0.02)
    buffer.seek(0)
    return soundfile.read(buffer, dtype="float32", always_2d=True)


def vorbis(samples, rate):
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, rate, format="OGG", compression_level=0.6)
    buffer.seek(0)
    return soundfile.read(buffer, dtype="float32", always_2d=True)


def softer(samples, rate):
    return samples * np.float32(10 ** (-12 / 20)), rate


def thrice(samples, rate):
    return np.concatenate([samples] * 3), rate


def late(samples, rate):
    return np.concatenate([np.zeros((2 * rate, samples.shape[1]), np.float32), samples]), rate


VARIANTS = [resampled, mp3, vorbis, softer, thrice, late]


def rows(samples, rate):
    """Return the row of the track and those of its windows."""
    starts = range(0, len(samples), opened.BLOCK_LENGTH)
    blocks = (np.ascontiguousarray(samples[at : at + opened.BLOCK_LENGTH]) for at in starts)
    values = EXTRACTION.rows(decode.Audio(rate, samples.shape[1], blocks)).values
    return pd.DataFrame(values.astype(np.float32), columns=EXTRACTION.schema.names)


def described(model, found):
    """Return a row per track and the genre that each sounds like."""
    genres = [model.genres[model.probabilities(each[:1])[0].argmax()] for each in found]
    tracks = pd.concat([each[:1] for each in found], ignore_index=True)
    return tracks.drop(columns=OF_THE_FILE), np.array(genres)


@pytest.fixture(scope="module")
def recordings(shared):
    """Tracks and genres of ten seconds of each recording, as they are and in every variant."""
    found = {kind: [] for kind in (None, *VARIANTS)}
    for path in sorted((shared / "emotify" / "audio").glob("*.mp3")):
        with decode.open_audio(path) as audio:
            rate = audio.sample_rate
            samples = np.concatenate([block.copy() for block in audio.blocks])
        samples = samples[5 * rate : 15 * rate]
        found[None].append(rows(samples, rate))
        for kind in VARIANTS:
            found[kind].append(rows(*kind(samples, rate)))
    model = earmark.load("light")
    return {kind: described(model, each) for kind, each in found.items()}


@pytest.mark.parametrize("kind", VARIANTS)
def test_the_same_music_has_the_same_descriptors(recordings, kind):
    plain, _ = recordings[None]
    changed, _ = recordings[kind]
    assert len(plain) == 96
    # What is mono has no width.
    assert changed.columns[changed.isna().any()].tolist() in ([], ["stereo_width"])
    moved = (changed - plain).abs().mean() / plain.std()
    assert moved.median() < 0.15


@pytest.mark.parametrize("kind", VARIANTS)
def test_the_same_music_has_the_same_genre(recordings, kind):
    # Two seconds of silence move the windows, of which ten seconds of music have two.
    least = 0.9 if kind is late else 0.95
    assert np.mean(recordings[kind][1] == recordings[None][1]) >= least
