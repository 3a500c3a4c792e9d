"""What does not move has no genre: noise and held tones."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import soundfile
from scipy import signal

import earmark
from earmark.classify.model import storage
from earmark.classify.models import train_corpora

RATE = 22_050


def coloured(power, seconds=12):
    """Noise whose power falls by the frequency to some power."""
    chance = np.random.default_rng(0)
    spectrum = np.fft.rfft(chance.normal(size=seconds * RATE))
    spectrum[1:] /= np.arange(1, len(spectrum)) ** (power / 2)
    return np.fft.irfft(spectrum)


def tone(*pitches, seconds=12):
    times = np.arange(seconds * RATE) / RATE
    return sum(np.sin(2 * np.pi * pitch * times) for pitch in pitches)


STEADY = {
    "white": coloured(0),
    "pink": coloured(1),
    "brown": coloured(2),
    "hiss": signal.sosfilt(signal.butter(4, 3000, "high", fs=RATE, output="sos"), coloured(0)),
    "sine": tone(440),
    "low sine": tone(100),
    "dial tone": tone(350, 440),
    "mains hum": tone(*(50.0 * k for k in range(1, 9))),
    "square": np.sign(tone(220)),
}


@pytest.fixture(scope="module")
def steady(tmp_path_factory):
    folder = tmp_path_factory.mktemp("steady")
    for name, sound in STEADY.items():
        soundfile.write(folder / f"{name}.wav", sound / abs(sound).max() / 2, RATE)
    soundfile.write(folder / "white.mp3", STEADY["white"] / 8, RATE)
    soundfile.write(folder / "white.ogg", STEADY["white"] / 8, RATE)
    return folder


@pytest.mark.parametrize("name", ["default", "light"])
def test_noise_and_held_tones_have_no_genre(name, steady):
    model = earmark.load(name)
    table = earmark.table([steady], set=model.set_name)
    found = model.predict(table).set_index("path")
    assert len(found) == len(STEADY) + 2
    assert found["genre"].isna().all(), found["genre"].dropna()


@pytest.mark.parametrize("name", ["default", "light"])
def test_demo_tracks_move(name, demo):
    bundle = storage.load(name)
    table = earmark.table([demo], set=bundle.set_name, windows=3)
    assert bundle.least_motion == train_corpora.LEAST_MOTION
    assert not bundle.steady(table).any()


def test_where_nobody_knows_how_much_it_moves_nothing_is_steady():
    bundle = storage.load("light")
    unknown = pd.DataFrame(np.nan, range(2), bundle.columns)
    assert not bundle.steady(unknown).any()
    assert not bundle.steady(unknown.drop(columns="mfcc_01_std")).any()
