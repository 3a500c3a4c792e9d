"""The recipe of the class speech: readings as they are met, and music that stays music."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
import soundfile

import earmark
from earmark.classify.model.linear import Linear
from earmark.classify.models import train_outside, train_speech, train_spoken
from earmark.classify.models.train_speech import (
    FOLDS,
    LEVELS,
    RATE,
    ROUNDS,
    SPEECH,
    Clip,
    fold_of,
)


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
    each = over[[f"{SPEECH}-{number}.wav" for number in range(4)]]
    assert (each == ROUNDS * len(LEVELS)).all()


def test_only_what_differs_is_made_again(made):
    count = made.groupby(["source", "made"]).size().unstack(fill_value=0)
    voices = count.index.str.startswith("en-us")
    assert (count.loc[voices, ["dry", "bed", "room"]].to_numpy() == [1, ROUNDS, ROUNDS]).all()
    assert count.loc[count.index.str.startswith(SPEECH), "telephone"].tolist() == [0, 1, 0, 1]
    assert not made["path"].duplicated().any()


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
    many, few = (train_outside.by_chance(chances[:size], genres) for size in (2000, 100))
    assert many < 0.03 < few < 0.15


def test_speech_has_a_second_say_on_what_no_genre_tells():
    """Speech over loud music, by a half that is held back so much that it hears the music alone."""
    chance = np.random.default_rng(2)
    kind = np.repeat([0, 1, 2], 100)
    values = chance.normal(size=(300, 6)).astype(np.float32)
    values[kind == 0, 0] += 4
    values[kind == 2, 1] += 2
    values[200:233, 0] += 9
    genres = ["jazz", "metal", SPEECH]
    first = Linear.fit(values, kind, np.ones(300), [None] * 6, 0.001)
    both = train_spoken.told(first, genres, values, kind == 2, 0.0)
    right = [(own.logits(values[200:233]).argmax(axis=1) == 2).mean() for own in (first, both)]
    assert right[1] > right[0] + 0.1
    # Among the other genres nothing changes, and what is held back is speech alone.
    np.testing.assert_allclose(first.logits(values)[:, :2], both.logits(values)[:, :2])
    held = train_spoken.told(first, genres, values, kind == 2, 1.5)
    np.testing.assert_allclose(
        both.logits(values) - held.logits(values), np.tile([0, 0, 1.5], (300, 1)), atol=1e-9
    )


@pytest.mark.parametrize("name", ["default", "light"])
def test_the_shipped_models_tell_speech_from_music(name):
    metrics = earmark.load(name).metrics
    assert metrics["speech"]["recall"] >= (0.97 if name == "default" else 0.93)
    music = [own for corpus, own in metrics["left_out"].items()]
    taken = sum(own["speech"] * own["tracks"] for own in music) / sum(o["tracks"] for o in music)
    assert taken <= 0.005
