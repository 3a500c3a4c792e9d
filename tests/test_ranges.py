"""Every value lies in its declared range, or is missing and the file has a note."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile

import earmark
from earmark.extract import schema, sets
from earmark.extract.audio import decode
from earmark.extract.audio.sources import Track
from earmark.extract.batch.track import FAR_BEYOND, Extraction, analyse
from earmark.extract.config import DEFAULTS
from earmark.extract.engine.registry import Column

SECONDS = 5


def signals(rate):
    """Return what is extreme, by name, of shape (samples, channels)."""
    random = np.random.default_rng(0)
    time = np.arange(SECONDS * rate) / rate
    noise = random.uniform(-1, 1, len(time))
    square = np.sign(np.sin(2 * np.pi * 1000 * time + 0.1))
    mono = {
        "silence": 0 * time,
        "dither": random.integers(-1, 2, len(time)) / 32768,
        "direct current": 0 * time + 1,
        "a square at full scale": square,
        "an impulse": (np.arange(len(time)) == len(time) // 3).astype(float),
        "clicks": (np.arange(len(time)) % (rate // 4) == 0).astype(float),
        "noise": noise,
        "hardly audible noise": 1e-4 * noise,
        "60 Hz": np.sin(2 * np.pi * 60 * time),
        "440 Hz": np.sin(2 * np.pi * 440 * time),
        "15 kHz": np.sin(2 * np.pi * min(15000, 0.45 * rate) * time),
        "half the rate": np.cos(np.pi * np.arange(len(time))),
        "silence, then a tone": np.sin(2 * np.pi * 440 * time) * (time > SECONDS / 2),
        "from soft to loud": noise * np.where(time < SECONDS / 2, 1e-4, 1),
        **{f"{count} samples": noise[:count] for count in (1, 100, 2047, 2048, 3000, 9000)},
    }
    several = {
        "opposite channels": np.stack([noise, -noise], axis=1),
        "left alone": np.stack([noise, 0 * noise], axis=1),
        "eight squares": np.repeat(square[:, None], 8, axis=1),
        "12 dB over full scale": 4 * np.stack([square, square], axis=1),
    }
    return {name: samples[:, None] for name, samples in mono.items()} | several


def rows(samples, rate, name):
    """Return the rows of a set: of the track and of its windows."""
    blocks = iter([np.ascontiguousarray(samples, np.float32)])
    extraction = Extraction(name, windows=2.0, tracks=True)
    return extraction.rows(decode.Audio(rate, samples.shape[1], blocks))


def check(samples, rate, name):
    """Check that all values of a set are as declared, without one that had to be left out."""
    found = rows(samples, rate, name)
    assert found.notes == ()
    for column, values in zip(schema.of(name, DEFAULTS).columns, found.values.T, strict=True):
        stored = values[~np.isnan(values)].astype(np.float32)
        low, high = np.array(column.range, np.float32)
        assert ((stored >= low) & (stored <= high)).all(), (column, stored)
        assert np.isfinite(stored).all(), column


# Shape and spread of constant values have no number, which NumPy mentions.
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.slow
@pytest.mark.parametrize("rate", [8000, 44100])
@pytest.mark.parametrize("name", sets.SETS)
def test_extremes_are_in_range(name, rate):
    for samples in signals(rate).values():
        check(samples, rate, name)


@pytest.mark.slow
@pytest.mark.parametrize("name", sets.SETS)
def test_the_demo_tracks_are_in_range(name, demo):
    for path in sorted(demo.glob("*-*.*")):
        samples, rate = load(path, 12)
        check(samples, rate, name)


@pytest.mark.real_audio
@pytest.mark.slow
@pytest.mark.parametrize("name", sets.SETS)
def test_recordings_are_in_range(name, shared):
    for path in sorted((shared / "librosa").glob("*.ogg")):
        samples, rate = load(path, 6)
        check(samples, rate, name)


def load(path, seconds):
    """Decode the beginning of a file."""
    with decode.open_audio(path) as audio:
        samples = np.concatenate([np.array(block) for block in audio.blocks])
        return samples[: round(seconds * audio.sample_rate)], audio.sample_rate


def test_a_key_that_is_not_found_is_in_the_range_that_the_spotify_set_declares():
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, (3 * 22050, 1))
    columns = schema.of("spotify", DEFAULTS).columns
    (place,) = [index for index, column in enumerate(columns) if column.name == "key"]
    assert columns[place].range == (-1, 11)
    assert rows(noise, 22050, "spotify").values[0, place] == -1
    (key,) = [column for column in schema.of("default", DEFAULTS).columns if column.name == "key"]
    assert key.range == (0, 11)


# What is out of range


@pytest.fixture
def jazz(demo, tmp_path):
    """A track as floats, on the usual scale and on that of 16 bits."""
    samples, rate = soundfile.read(demo / "jazz-120bpm-b-flat-major.wav", dtype="float32")
    paths = tmp_path / "usual.wav", tmp_path / "integers.wav"
    for path, scale in zip(paths, (1, 32767), strict=True):
        soundfile.write(path, scale * samples, rate, subtype="FLOAT")
    return paths


@pytest.mark.parametrize("name", ["default", "spotify", "loudness"])
def test_floats_on_a_scale_of_integers_have_no_loudness_and_a_note(name, jazz):
    usual, integers = (analyse(Track(path.name, path), Extraction(name)) for path in jazz)
    assert usual.notes == ()
    (lost,) = np.nonzero(np.isnan(integers.values[0]) & ~np.isnan(usual.values[0]))
    names = [Extraction(name).schema.names[place] for place in lost]
    assert names == (["loudness", "true_peak"] if name == "loudness" else ["loudness"])
    kept = ~np.isnan(integers.values)
    # What does not go with the level is what it was.
    np.testing.assert_allclose(integers.values[kept], usual.values[kept], rtol=2e-3, atol=2e-3)
    peak = np.abs(soundfile.read(jazz[1])[0]).max()
    assert f"samples reach {peak:.6g} times full scale" in integers.notes[0]
    level = analyse(Track("u", jazz[0]), Extraction("loudness")).values[0, 1]
    assert f"loudness ({level + 20 * np.log10(32767):.4g} LUFS, not -70 to 20)" in integers.notes[1]


def test_in_python_the_note_is_a_warning(jazz):
    with pytest.warns(UserWarning, match="integers.wav: samples reach.*loudness"):
        earmark.features(jazz[1])


def test_what_is_loud_but_possible_keeps_its_values(demo):
    samples, rate = load(demo / "waltz-96bpm-f-major.flac", 6)
    samples = samples / np.abs(samples).max()
    for peak in (1, 4, 0.99 * FAR_BEYOND):
        found = rows(peak * samples, rate, "loudness")
        assert found.notes == ()
        assert np.isfinite(found.values[0]).all()
    over = rows(1.01 * FAR_BEYOND * samples, rate, "loudness")
    assert np.isfinite(over.values[0]).all()
    assert len(over.notes) == 1


def test_a_note_names_three_columns_and_counts_the_others():
    columns = [Column(f"c{index}", "dB", (0, 1)) for index in range(6)]
    values = np.array([[0.5, 2, -1, 1, np.inf, 7], [0.5, np.nan, 0, 1, 0, 0]])
    nothing = np.zeros(2)
    found = sets.within(sets.Rows(1.0, nothing, nothing, values, ("before",)), columns)
    expected = [[0.5, np.nan, np.nan, 1, np.nan, np.nan], [0.5, np.nan, 0, 1, 0, 0]]
    np.testing.assert_array_equal(found.values, expected)
    assert found.notes == (
        "before",
        "left missing, outside the declared range: c1 (2 dB, not 0 to 1), c2 (-1 dB, not 0 to 1), "
        "c4 (inf dB, not 0 to 1) and 1 more",
    )


def test_rounding_leads_out_of_no_range():
    column = Column("share", "", (0, 1))
    values = np.array([[1 + 1e-9]])
    row = sets.Rows(1.0, np.zeros(1), np.zeros(1), values)
    assert sets.within(row, [column]) is row
