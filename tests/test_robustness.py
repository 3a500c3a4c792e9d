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
WITH_EMBEDDING = Extraction("default+musicnn")
OF_THE_FILE = ["duration_ms", "loudness"]
"""Columns that are meant to say how long and how loud the file is."""

LEAST_OF_LIGHT = 0.85
"""How many of the genres stay. Without the embedding a model is less sure of ten seconds."""


def resampled(samples, rate):
    return soxr.resample(samples.mean(axis=1), rate, 22050)[:, None], 22050


def coded(codec, container, bits, sample_format="fltp", rate=None, **options):
    """Return what encodes samples and decodes them again."""

    def change(samples, own):
        at = rate or own
        buffer = io.BytesIO()
        with av.open(buffer, "w", format=container) as target:
            stream = target.add_stream(codec, rate=at, layout="stereo")
            stream.bit_rate = bits
            stream.options = options
            frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), "flt", "stereo")
            frame.sample_rate = own
            size = stream.codec_context.frame_size or 1152
            resampler = av.AudioResampler(sample_format, "stereo", at, size)
            for piece in (*resampler.resample(frame), *resampler.resample(None), None):
                target.mux(stream.encode(piece))
        # About what it was asked for: AAC spends as much as the music needs.
        assert 8 * buffer.tell() * own / len(samples) == pytest.approx(bits, rel=0.25)
        buffer.seek(0)
        with av.open(buffer) as source:
            pieces = [piece.to_ndarray() for piece in source.decode(audio=0)]
            planar = np.concatenate(pieces, axis=1)
            assert source.streams.audio[0].codec_context.format.name == "fltp"
        return np.ascontiguousarray(planar.T), at

    change.__name__ = f"{codec.removeprefix('lib')}_{bits // 1000}"
    return change


def vorbis(samples, rate):
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, rate, format="OGG", compression_level=0.6)
    buffer.seek(0)
    return soundfile.read(buffer, dtype="float32", always_2d=True)


def softer(samples, rate):
    return samples * np.float32(10 ** (-12 / 20)), rate


def twice(samples, rate):
    return np.concatenate([samples] * 2), rate


def thrice(samples, rate):
    return np.concatenate([samples] * 3), rate


def late(samples, rate):
    return np.concatenate([np.zeros((2 * rate, samples.shape[1]), np.float32), samples]), rate


def offset(samples, rate):
    return samples + np.float32(0.01), rate


def rumbling(samples, rate):
    rumble = 0.03 * np.sin(2 * np.pi * 8 * np.arange(len(samples)) / rate)
    return samples + rumble[:, None].astype(np.float32), rate


def clicking(samples, rate):
    # Ten milliseconds of noise at full scale, once.
    samples = samples.copy()
    middle, length = len(samples) // 2, rate // 100
    noise = np.random.default_rng(0).uniform(-0.9, 0.9, (length, 1))
    samples[middle : middle + length] += noise.astype(np.float32)
    return samples, rate


# libmp3lame as libsndfile has it, but in little more than half the time.
VARIANTS = [
    *(coded("libmp3lame", "mp3", bits, compression_level="7") for bits in (128_000, 64_000)),
    coded("libopus", "ogg", 96_000, "flt", 48000, vbr="off"),
    coded("aac", "adts", 128_000),
    *(resampled, vorbis, softer, twice, thrice, late, offset, rumbling, clicking),
]


def rows(samples, rate, extraction=EXTRACTION):
    """Return the row of the track and those of its windows."""
    starts = range(0, len(samples), opened.BLOCK_LENGTH)
    blocks = (np.ascontiguousarray(samples[at : at + opened.BLOCK_LENGTH]) for at in starts)
    values = extraction.rows(decode.Audio(rate, samples.shape[1], blocks)).values
    return pd.DataFrame(values.astype(np.float32), columns=extraction.schema.names)


def described(model, found):
    """Return a row per track and the genre that each sounds like."""
    genres = [model.genres[model.probabilities(each[:1])[0].argmax()] for each in found]
    tracks = pd.concat([each[:1] for each in found], ignore_index=True)
    return tracks.drop(columns=OF_THE_FILE), np.array(genres)


def excerpts(shared):
    """Yield ten seconds of each recording, and their rate."""
    for path in sorted((shared / "emotify" / "audio").glob("*.mp3")):
        with decode.open_audio(path) as audio:
            rate = audio.sample_rate
            samples = np.concatenate([block.copy() for block in audio.blocks])
        yield samples[5 * rate : 15 * rate], rate


@pytest.fixture(scope="module")
def recordings(shared):
    """Tracks and genres of each excerpt, as it is and in every variant."""
    found = {kind: [] for kind in (None, *VARIANTS)}
    for samples, rate in list(excerpts(shared))[::2]:
        found[None].append(rows(samples, rate))
        for kind in VARIANTS:
            found[kind].append(rows(*kind(samples, rate)))
    model = earmark.load("light")
    return {kind: described(model, each) for kind, each in found.items()}


@pytest.mark.parametrize("kind", VARIANTS)
def test_the_same_music_has_the_same_descriptors(recordings, kind):
    plain, _ = recordings[None]
    changed, _ = recordings[kind]
    assert len(plain) == 48
    # What is mono has no width.
    assert changed.columns[changed.isna().any()].tolist() in ([], ["stereo_width"])
    moved = (changed - plain).abs().mean() / plain.std()
    assert moved.median() < 0.15
    assert moved.max() < 1, moved.nlargest(5)


@pytest.mark.parametrize("kind", VARIANTS)
def test_the_same_music_has_the_same_genre_without_the_embedding(recordings, kind):
    # Of ten seconds of music, which it is less sure of than the default model.
    assert np.mean(recordings[kind][1] == recordings[None][1]) >= LEAST_OF_LIGHT


def test_the_same_music_has_the_same_genre(shared):
    model = earmark.load()
    kinds = [kind for kind in VARIANTS if kind.__name__ in ("mp3lame_64", "twice", "clicking")]
    kept = []
    for samples, rate in list(excerpts(shared))[::3]:
        found = [
            rows(*form, WITH_EMBEDDING)
            for form in ((samples, rate), *(kind(samples, rate) for kind in kinds))
        ]
        _, genres = described(model, found)
        kept += (genres[1:] == genres[0]).tolist()
    assert np.mean(kept) >= 0.95
