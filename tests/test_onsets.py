"""Onsets are counted where notes begin, and held sound has none."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile

import earmark
from earmark.extract.audio import decode
from earmark.extract.config import DEFAULTS
from earmark.extract.descriptors import rhythm
from earmark.extract.engine import registry, single_pass
from earmark.extract.sets import TRACK_WINDOW

RATE, SECONDS = 44100, 20
TIME = np.arange(RATE * SECONDS) / RATE
LISTED = ("onset_rate", "peak_rate", "tempo")


def sine(frequency):
    return 0.5 * np.sin(2 * np.pi * frequency * TIME)


def partials(frequency, time, count=8):
    """Return a tone with partials that fall by 3 dB each, in any phase."""
    phases = np.random.default_rng(int(frequency)).uniform(0, 2 * np.pi, count)
    return sum(
        0.7**index * np.sin(2 * np.pi * frequency * (index + 1) * time + phase)
        for index, phase in enumerate(phases)
    )


def organ(chord, attack=0.05):
    """Return a chord that is held for 20 s, tempered, so that its partials beat."""
    frequencies = [440 * 2 ** ((note - 69) / 12) for note in chord]
    sound = sum(partials(frequency, TIME) for frequency in frequencies)
    return 0.5 * sound / np.abs(sound).max() * np.clip(TIME / attack, 0, 1)


def tremolo(depth):
    return 0.2 * partials(440, TIME) * (1 + depth * np.sin(2 * np.pi * 5 * TIME))


def notes(rate, decay):
    """Return notes that are struck `rate` times a second and decay over `decay` seconds."""
    samples = np.zeros(len(TIME) + 4 * RATE)
    scale = [220 * step for step in (1, 9 / 8, 5 / 4, 4 / 3, 3 / 2, 5 / 3, 15 / 8, 2)]
    for index, start in enumerate(np.arange(0.25, SECONDS - 0.1, 1 / rate)):
        time = np.arange(round(min(3, 2 / rate) * RATE)) / RATE
        shape = np.exp(-time / decay) * np.clip(time / 0.003, 0, 1)
        shape *= np.clip((time[-1] - time) / 0.02, 0, 1)
        at = round(start * RATE)
        samples[at : at + len(time)] += partials(scale[3 * index % 8], time) * shape
    return 0.2 * samples[: len(TIME)]


def clicks(level, under=0.0):
    """Return two clicks a second, at a level in dB, perhaps over something else."""
    sound = np.zeros(len(TIME))
    time = np.arange(round(0.03 * RATE)) / RATE
    for start in np.arange(0.25, SECONDS - 0.1, 0.5):
        at = round(start * RATE)
        sound[at : at + len(time)] += np.sin(2 * np.pi * 1000 * time) * np.exp(-time / 0.008)
    return 10 ** (level / 20) * sound + under


def measured(samples, rate=RATE):
    """Return the rates and the tempo with its confidence."""
    blocks = iter([np.asarray(samples, np.float32)[:, None]])
    entries = tuple(registry.get(name) for name in LISTED)
    audio = decode.Audio(rate, 1, blocks)
    track = single_pass.summarise_track(audio, entries, DEFAULTS, {TRACK_WINDOW})[TRACK_WINDOW]
    return rhythm.onset_rate(track), rhythm.peak_rate(track), *rhythm.tempo(track)


HELD = {
    **{f"{frequency} Hz": sine(frequency) for frequency in (60, 100, 440, 1000, 5000)},
    "440 Hz of 16 bits": np.rint(sine(440) * 32767) / 32768,
    "440 and 441 Hz": (sine(440) + sine(441)) / 2,
    "440 and 443 Hz": (sine(440) + sine(443)) / 2,
    "a square wave": 0.3 * np.sign(sine(110)),
    "an organ in C": organ([60, 64, 67, 72]),
    "an organ, at once": organ([60, 64, 67, 72], 1e-3),
    "an organ, deep": organ([36, 43, 48]),
    "an organ, all over": organ([36, 48, 55, 60, 64, 67, 72, 76]),
    "a tremolo of 10 %": tremolo(0.1),
}


@pytest.mark.parametrize("name", HELD)
def test_held_sound_has_no_onsets_and_no_tempo(name):
    onsets, peaks, bpm, confidence = measured(HELD[name])
    # Three moments in 20 s at most, at which the partials of a chord happen to meet.
    assert onsets <= 0.16 * name.startswith("an organ")
    # Its ripple has peaks all the same.
    assert peaks > 0.9
    assert np.isnan([bpm, confidence]).all() if not onsets else confidence < 0.25


def test_a_chord_that_swells_is_hardly_more_than_one_onset():
    onsets, peaks, _, confidence = measured(organ([60, 64, 67, 72], attack=2))
    assert onsets <= 0.16
    assert peaks > 5
    assert confidence < 0.2 or np.isnan(confidence)


@pytest.mark.parametrize("decay", [0.3, 1.5])
@pytest.mark.parametrize("rate", [1, 2, 3, 4, 6, 8, 10])
def test_every_note_that_is_struck_counts(rate, decay):
    onsets, peaks, *_ = measured(notes(rate, decay))
    assert onsets == peaks
    # From the first note, which does not count, to the end.
    assert onsets == pytest.approx(rate, rel=0.06)


@pytest.mark.parametrize("level", [0, -20, -40, -60])
def test_a_metronome_counts_at_every_level(level):
    onsets, _, bpm, confidence = measured(clicks(level))
    assert onsets == pytest.approx(2, rel=0.02)
    assert bpm == pytest.approx(120, rel=0.01)
    assert confidence > 0.5


@pytest.mark.parametrize("below", [0, -10])
def test_a_metronome_counts_over_an_organ(below):
    onsets, _, bpm, _ = measured(clicks(below - 6, organ([60, 64, 67, 72])))
    assert onsets == pytest.approx(2, rel=0.03)
    assert bpm == pytest.approx(120, rel=0.01)


def test_without_an_onset_there_are_no_beats(tmp_path):
    path = tmp_path / "hum.wav"
    soundfile.write(path, sine(60), RATE)
    row = earmark.features(path)
    assert row["onset_rate"] == 0
    names = ["tempo", "tempo_confidence", "time_signature", "time_signature_confidence"]
    assert row[names].isna().all()
    assert not len(earmark.beats(path))
    # What is learned of the tempo does without it.
    assert row[["danceability", "energy", "valence"]].notna().all()


@pytest.mark.parametrize("name", ["60 Hz", "440 Hz", "an organ in C", "an organ, deep"])
def test_lossy_coding_makes_no_onsets(name, tmp_path):
    path = tmp_path / "held.ogg"
    soundfile.write(path, HELD[name], RATE, format="OGG", subtype="VORBIS")
    assert earmark.features(path)["onset_rate"] <= 0.16


@pytest.mark.real_audio
@pytest.mark.slow
def test_few_recordings_have_fainter_onsets(shared):
    folders = [shared / "gtzan/audio", shared / "emotify/audio", shared / "panda4q/audio"]
    paths = [path for folder in folders for path in sorted(folder.iterdir())[::12]]
    lost = []
    for path in paths:
        with decode.open_audio(path) as audio:
            samples = np.concatenate([np.array(block) for block in audio.blocks]).mean(axis=1)
            onsets, peaks, bpm, _ = measured(samples, audio.sample_rate)
        assert onsets <= peaks
        # Music has a tempo, whatever the floor.
        assert bpm > 0
        lost.append(peaks - onsets)
    assert np.mean(np.array(lost) > 0) < 0.2
    assert np.mean(lost) < 0.25
