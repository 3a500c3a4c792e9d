"""The recipe of the class speech: readings as they are met, and music that stays music."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
import soundfile

from earmark.classify.models import train_default, train_speech
from earmark.classify.models.train_speech import FOLDS, LEVELS, RATE, SPEECH, Clip, fold_of


def clips(folder, label, count):
    chance = np.random.default_rng(0)
    found = []
    for number in range(count):
        path = folder / f"{label}-{number}.wav"
        soundfile.write(path, chance.normal(0, 0.1, 2 * RATE), RATE)
        found.append(Clip(path, path.name, label, f"{label} {number}"))
    return found


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    if shutil.which("espeak-ng") is None:
        pytest.skip("espeak-ng is not installed")
    folder = tmp_path_factory.mktemp("clips")
    readings, beds = clips(folder, SPEECH, 4), clips(folder, "jazz", 40)
    return train_speech.made(folder / "made", readings, beds[:3], beds)


def test_every_reading_lies_over_music_at_every_level(made):
    over = made[made["made"] == "bed"].groupby("source").size()
    assert (over[[f"{SPEECH}-{number}.wav" for number in range(4)]] == len(LEVELS)).all()


def test_music_under_a_voice_is_of_the_part_of_its_reader(made):
    over = made[made["made"] == "bed"]
    groups = over["bed"].str.replace(r"jazz-(\d+).wav", r"jazz \1", regex=True)
    assert (over["group"].map(fold_of) == groups.map(fold_of)).all()
    assert set(over["group"].map(fold_of)) <= set(range(FOLDS))
    assert (made.loc[made["made"] != "bed", "bed"] == "").all()


def test_music_in_a_narrow_band_stays_music(made):
    assert made.loc[made["label"] == "jazz", "made"].isin(["telephone", "wideband"]).all()
    assert (made["label"] == "jazz").sum() == 3


@pytest.mark.parametrize(("level", "weaker"), [(3.0, 10**-0.15), (20.0, 0.1)])
def test_the_level_of_a_voice_over_music(level, weaker):
    chance = np.random.default_rng(1)
    voice, bed = chance.normal(size=(2, RATE))
    under = train_speech.over(voice, 7 * bed, level) - voice
    assert np.sqrt((under**2).mean() / (voice**2).mean()) == pytest.approx(weaker)


def test_a_model_that_is_as_right_as_it_says_errs_by_chance_alone():
    chances = np.random.default_rng(0).dirichlet(np.ones(4), 2000)
    genres = ["blues", "jazz", "metal", "pop"]
    many, few = (train_default.by_chance(chances[:size], genres) for size in (2000, 100))
    assert many < 0.03 < few < 0.15
