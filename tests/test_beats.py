"""Tempo, beats and bars of files, and their parts."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile

import earmark
from earmark.extract.config import DEFAULTS, Settings
from earmark.extract.errors import DecodeError
from earmark.extract.estimators import beats, downbeats, tempo, tempo_map

RATE = DEFAULTS.frame_rate


def clicks(period, count=600, start=10):
    """An envelope with a click every `period` frames, between frames too."""
    at = np.arange(start, count - 1, period)
    envelope = np.zeros(count, np.float32)
    np.add.at(envelope, at.astype(int), 1 - at % 1)
    np.add.at(envelope, at.astype(int) + 1, at % 1)
    return envelope


@pytest.mark.slow
def test_the_beats_of_a_file(demo):
    found = earmark.beats(demo / "waltz-96bpm-f-major.flac")
    assert list(found.columns) == ["time", "beat", "tempo"]
    assert np.median(np.diff(found["time"])) == pytest.approx(60 / 96, rel=0.02)
    row = earmark.features(demo / "waltz-96bpm-f-major.flac")
    assert found["beat"].max() == row["time_signature"] == 3
    assert set(np.diff(found["beat"])) == {1, -2}


def test_silence_has_no_beats(tone):
    found = earmark.beats(tone(gain=0))
    assert list(found.columns) == ["time", "beat", "tempo"]
    assert not len(found)


def test_beats_under_other_settings(demo):
    usual = earmark.beats(demo / "house-128bpm-a-minor.mp3")
    finer = earmark.beats(demo / "house-128bpm-a-minor.mp3", settings=Settings(hop_length=256))
    near = np.abs(usual["time"].to_numpy()[:, None] - finer["time"].to_numpy()).min(axis=1)
    assert np.median(near) < 0.02


def test_what_cannot_be_decoded_has_no_beats(tmp_path):
    (tmp_path / "not.mp3").write_bytes(b"no music")
    with pytest.raises(DecodeError, match=r"not\.mp3"):
        earmark.beats(tmp_path / "not.mp3")


@pytest.mark.parametrize("bpm", [51.7, 90, 120, 163.4, 201])
def test_pulses_are_found_between_frames(bpm):
    envelope = clicks(60 * RATE / bpm, 1300)
    found = tempo.pulses(envelope, envelope, envelope, bpm / 60, RATE)
    nearest = np.abs(found.bpm / bpm - 1).argmin()
    assert found.bpm[nearest] == pytest.approx(bpm, rel=2e-3)
    assert found.strength[nearest] > 0.5


@pytest.mark.parametrize("count", [0, 1, 2, 3, 10, 50])
def test_next_to_nothing_has_no_pulse(count):
    values = np.ones(count, np.float32)
    assert not len(tempo.pulses(values, values, values, 1.0, RATE).bpm)


def test_clues_move_the_octave():
    found = tempo.Pulses(np.array([70.0, 140.0]), np.array([0.8, 0.8]), *np.zeros((2, 2)))
    model = tempo.Octaves(np.zeros(1), np.ones(1), np.ones(1), 0.0, 4.0, 2.0, 0.5, 0.0, 0.0)
    assert model.decide(found, np.array([-1.0]))[0] == 70
    assert model.decide(found, np.array([1.0]))[0] == 140
    # Far away is no farther than four deviations, and what is unknown is in the middle.
    assert model.expected(np.array([100.0])) == 4
    assert model.expected(np.array([np.nan])) == 0


def test_without_a_pulse_nothing_is_decided():
    assert np.isnan(tempo.octaves().decide(tempo.NO_PULSES, np.zeros(33))).all()


def test_bass_drum_and_snare_drum_take_turns_at_the_beat():
    kicks, snares = clicks(40, 1300, start=10), clicks(40, 1300, start=30)
    found = tempo.pulses(kicks + snares, kicks, snares, RATE / 20, RATE)
    beat = 60 * RATE / 20
    at, half = (np.abs(found.bpm / beat - share).argmin() for share in (1, 0.5))
    assert found.backbeat[at] == tempo.MOST_TURNS
    assert found.backbeat[half] < 0.1
    # Both at once are no turns.
    together = tempo.pulses(kicks, kicks, kicks, RATE / 40, RATE)
    assert together.backbeat.max() < 0.1


def test_a_beat_is_not_faster_than_what_is_played():
    """A metronome's click is its beat, though twice its tempo repeats as well."""
    envelope = clicks(60 * RATE / 72, 1300)
    found = tempo.pulses(envelope, envelope, envelope, 72 / 60, RATE)
    fast = found.bpm > 80
    assert fast.any()
    assert (found.sparse > 0).tolist() == fast.tolist()
    quick = tempo.Octaves(np.zeros(1), np.ones(1), np.ones(1), 0.3, 4.0, 2.0, 0.5, 0.0, 0.0)
    assert quick.decide(found, np.zeros(1)).bpm == pytest.approx(72, rel=5e-3)


def test_the_second_tempo_is_the_next_probable():
    found = tempo.Pulses(
        np.array([35.0, 70.0, 140.0]), np.array([0.1, 0.7, 0.8]), *np.zeros((2, 3))
    )
    model = tempo.Octaves(np.zeros(1), np.ones(1), np.ones(1), 0.3, 4.0, 2.0, 0.5, 0.0, 0.0)
    bpm, sure, other, other_sure = model.decide(found, np.zeros(1))
    assert (bpm, other) == (140, 70)
    assert 0 < other_sure < sure < 1
    alone = tempo.Pulses(np.array([70.0]), np.array([0.8]), *np.zeros((2, 1)))
    assert np.isnan(model.decide(alone, np.zeros(1))[2:]).all()


def test_beats_follow_a_drifting_tempo():
    at = np.cumsum(np.linspace(20, 22, 60))
    envelope = np.zeros(1300, np.float32)
    envelope[np.rint(at).astype(int)] = 1
    found = beats.track(envelope, 21)
    near = np.abs(at[1:, None] - found).min(axis=1)
    assert np.median(near) < 1


def test_an_even_envelope_has_no_beats():
    assert not len(beats.track(np.ones(100, np.float32), 20))


def heard(changes, count=1300, period=20):
    """Clicks with the same bass, of which every fourth, from the second on, begins a chord."""
    rng = np.random.default_rng(0)
    even = clicks(period, count)
    bars = (np.arange(count) - 10 - period) // (4 * period)
    chords, tones = rng.random((bars.max() + 2, 12)), rng.random((bars.max() + 2, 64))
    chroma, mel = (each[bars + 1 if changes else bars * 0] for each in (chords, 20 * tones))
    flat = np.zeros(count, np.float32)
    return downbeats.Heard(even, even, even, flat, mel, chroma)


def test_a_bar_begins_where_the_chord_changes():
    frames = np.arange(10, 1290, 20)
    values = downbeats.marks(frames, heard(changes=True))
    assert downbeats.first(values, 4) == 1
    # A chord that stays marks no beat, nor do strokes that are all the same.
    inner = downbeats.marks(frames, heard(changes=False))[1:-1]
    assert np.abs(inner).max() < 1e-3


def test_a_bar_begins_where_the_bass_is():
    even = heard(changes=False)
    bass = np.where(np.arange(1300) % 80 // 20 == 2, 10, 0).astype(np.float32)
    values = downbeats.marks(np.arange(10, 1290, 20), even._replace(low_level=bass))
    assert downbeats.first(values, 4) == 2 - (10 // 20)


def strokes_at(times, path, rate=22050):
    """Write bursts of noise at some times."""
    rng = np.random.default_rng(0)
    samples = 0.002 * rng.standard_normal(int((times[-1] + 1) * rate))
    for start in (np.array(times) * rate).astype(int):
        samples[start : start + 1000] += rng.standard_normal(1000) * np.exp(-np.arange(1000) / 200)
    soundfile.write(path, 0.2 * samples, rate)
    return path


def course(bpm, seconds):
    """Times of beats whose tempo is a function of time."""
    times = [0.25]
    while times[-1] < seconds:
        times.append(times[-1] + 60 / bpm(times[-1]))
    return times


def on_the_beat(found, times):
    """Return the share of beats that are found within 50 ms."""
    return np.mean(np.abs(found["time"].to_numpy()[:, None] - times).min(axis=0) < 0.05)


def test_beats_follow_a_tempo_that_rises(tmp_path, cli):
    times = course(lambda at: 100 + 40 * at / 60, 60)
    path = strokes_at(times, tmp_path / "faster.wav")
    found = earmark.beats(path)
    assert on_the_beat(found, np.array(times)) > 0.95
    assert len(found) == pytest.approx(len(times), abs=4)
    expected = 100 + 40 * found["time"] / 60
    inner = found["time"].between(3, 57)
    assert (found["tempo"] / expected - 1)[inner].abs().max() < 0.02
    assert earmark.features(path)["tempo_std"] == pytest.approx(40 / np.sqrt(12), rel=0.1)
    _, _, err = cli("beats", path)
    assert "the tempo goes from 10" in err


def test_a_mix_jumps(tmp_path):
    times = course(lambda at: 120 if at < 30 else 128 if at < 60 else 110, 90)
    found = earmark.beats(strokes_at(times, tmp_path / "mix.wav"))
    assert on_the_beat(found, np.array(times)) > 0.95
    assert "jumps" in found.attrs["tempo"]
    assert "120, 128, 110 BPM" in found.attrs["tempo"]


def test_rubato_is_neither_a_jump_nor_a_trend(tmp_path):
    times = course(lambda at: 90 * (1 + 0.1 * np.sin(2 * np.pi * at / 12)), 60)
    found = earmark.beats(strokes_at(times, tmp_path / "free.wav"))
    assert "free" in found.attrs["tempo"]
    assert on_the_beat(found, np.array(times)) > 0.9


def test_players_without_a_click_are_steady(tmp_path):
    rng = np.random.default_rng(1)
    times = np.array(course(lambda at: 110, 60))
    found = earmark.beats(strokes_at(times + rng.normal(0, 0.012, len(times)), tmp_path / "a.wav"))
    assert not found.attrs["tempo"]


def test_next_to_nothing_has_a_map():
    for count in (2, 10, 100):
        values = clicks(20, count, start=1)
        found = tempo_map.follow(values, values, 129.0, RATE)
        assert len(found.bpm) == len(found.seconds) >= 1
        assert found.steady
    assert tempo_map.NO_MAP.steady
    assert not tempo_map.NO_MAP.words()
    assert np.isnan(tempo_map.NO_MAP.spread)


@pytest.mark.real_audio
@pytest.mark.slow
def test_modern_songs_are_not_halved(shared):
    """Songs that DJ programs, too, have at the double of what was given before."""
    rows = pd.read_csv(shared / "songs" / "tracks.csv").set_index("title")
    titles = ["Pop Style", "Wide Awake", "End of Beginning", "Me Gustas Tu"]
    for title in titles:
        found = earmark.features(shared / "songs" / "audio" / rows.loc[title, "file"])
        assert found["tempo"] == pytest.approx(rows.loc[title, "tempo"], rel=0.02), title
        assert found["tempo_2"] == pytest.approx(rows.loc[title, "tempo"] / 2, rel=0.04), title


@pytest.mark.real_audio
@pytest.mark.slow
def test_the_octave_model_is_as_right_as_its_card_says(shared):
    """Also on what it was fitted to: this only tells that the code still computes the same."""
    data = shared / "gtzan"
    rows = pd.read_csv(data / "tracks.csv").dropna(subset=["file", "tempo_bpm"])
    rows = rows[rows["seconds"] >= 10]
    table = earmark.table([data / "audio" / name for name in rows["file"]])
    table = table.set_index(table["path"].str.rpartition("/")[2])
    found = table["tempo"].reindex(rows["file"]).to_numpy()
    truth = rows["tempo_bpm"].to_numpy()
    assert np.mean(np.abs(found / truth - 1) <= 0.04) > 0.72
    beside = np.array([1, 2, 0.5, 3, 1 / 3])[:, None]
    assert np.mean((np.abs(found * beside / truth - 1) <= 0.04).any(axis=0)) > 0.9


def test_the_card_names_the_accuracies():
    folder = Path(tempo.__file__).parent
    held = json.loads((folder / "tempo.json").read_text(encoding="utf-8"))
    card = (folder / "tempo.md").read_text(encoding="utf-8")
    for corpus in held["cross_validation"].values():
        for name in ("accuracy_1", "accuracy_2"):
            assert f"{100 * corpus[name][0]:.1f} %" in card


def test_the_command_line_gives_beats_as_annotators_write_them(cli, demo):
    path = demo / "waltz-96bpm-f-major.flac"
    status, out, err = cli("beats", path)
    assert (status, err) == (0, "")
    lines = [line.split("\t") for line in out.splitlines()]
    expected = earmark.beats(path)
    assert [float(second) for second, _ in lines] == pytest.approx(expected["time"], abs=1e-3)
    assert [int(beat) for _, beat in lines] == expected["beat"].tolist()


def test_the_command_line_says_that_there_are_no_beats(cli, tone):
    status, out, err = cli("beats", tone(gain=0))
    assert (status, out) == (0, "")
    assert "nothing repeats" in err


def test_the_command_line_refuses_what_is_no_audio(cli, tmp_path):
    (tmp_path / "not.mp3").write_text("no audio")
    status, out, err = cli("beats", tmp_path / "not.mp3")
    assert (status, out) == (1, "")
    assert "not.mp3" in err


def test_an_empty_file_is_refused_and_not_called_beatless(tmp_path):
    soundfile.write(tmp_path / "empty.wav", np.zeros((0, 1)), 22050)
    with pytest.raises(DecodeError, match="holds no samples"):
        earmark.beats(tmp_path / "empty.wav")
