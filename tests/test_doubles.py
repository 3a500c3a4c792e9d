"""Doubles: the same bytes, another bit rate, another edit; never another recording."""

from __future__ import annotations

import shutil
import subprocess

import numpy as np
import pandas as pd
import pytest
import soundfile

from earmark.classify.library import doubles, fingerprint, shared_words
from earmark.extract.batch import run
from earmark.extract.errors import SchemaError
from earmark.extract.feature_table import FeatureTable


@pytest.fixture(scope="module")
def music():
    """Make half a minute of notes at random times: two are never alike."""

    def make(seed, seconds=30):
        random = np.random.default_rng(seed)
        time = np.arange(seconds * fingerprint.RATE) / fingerprint.RATE
        sound = np.zeros(len(time))
        # Each piece is in a style of its own.
        lowest, notes, fall, overtones = 55 * 2 ** random.uniform(0, 2), *random.integers(2, 9, 3)
        for start in random.uniform(0, seconds, notes * seconds):
            after = time - start
            pitch = lowest * 2 ** (random.integers(0, 36) / 12)
            wave = sum(np.sin(2 * np.pi * n * pitch * after) / n for n in range(1, overtones))
            sound += np.where(after >= 0, np.exp(-fall * np.maximum(after, 0)) * wave, 0)
        return (0.3 * sound / np.abs(sound).max()).astype(np.float32)

    return make


def test_edits_of_a_sound_are_the_same_and_others_are_not(music):
    one, other = music(1), music(2)
    rate = fingerprint.RATE
    prints = {
        "louder": np.clip(4 * one, -1, 1),
        "cut": one[7 * rate : 20 * rate],
        "silence before": np.concatenate([np.zeros(3 * rate, np.float32), one]),
        "noise": one + 0.001 * np.random.default_rng(0).normal(size=len(one)).astype(np.float32),
    }
    whole = fingerprint.of_samples(one)
    for name, samples in prints.items():
        found = fingerprint.match(whole, fingerprint.of_samples(samples))
        assert found.same, name
        assert found.distance < 0.25
        offset = {"cut": -7.0, "silence before": 3.0}.get(name, 0.0)
        assert found.offset == pytest.approx(offset, abs=0.05)
    assert fingerprint.match(whole, fingerprint.of_samples(other)).distance > 0.42
    # Half of it in another piece is a sample that was taken.
    half = np.concatenate([one[: 15 * rate], other[: 15 * rate]])
    assert not fingerprint.match(whole, fingerprint.of_samples(half)).same


def test_a_short_part_is_found_late_in_a_long_sound(music):
    long, rate = music(4, 45), fingerprint.RATE
    part = fingerprint.of_samples(long[33 * rate : 43 * rate])
    found = fingerprint.match(part, fingerprint.of_samples(long))
    assert found.same
    assert found.offset == pytest.approx(33, abs=0.05)
    back = fingerprint.match(fingerprint.of_samples(long), part)
    assert (back.same, back.offset) == (True, pytest.approx(-33, abs=0.05))


def test_faster_or_higher_is_another_version(music):
    one = music(1)
    faster = np.interp(np.arange(0, len(one), 1.04), np.arange(len(one)), one).astype(np.float32)
    found = fingerprint.match(fingerprint.of_samples(one), fingerprint.of_samples(faster))
    assert not found.same


def test_silence_and_what_is_too_short_are_like_nothing(music):
    silent = fingerprint.of_samples(np.zeros(60_000, np.float32))
    short = fingerprint.of_samples(music(1)[: 2 * fingerprint.RATE])
    for one in (silent, short, fingerprint.of_samples(np.zeros(10, np.float32))):
        assert not fingerprint.match(one, one).same
        assert fingerprint.match(one, silent).seconds == 0


@pytest.mark.slow
def test_files_are_told_apart_by_table_and_sound_and_nothing_is_deleted(music, tmp_path, cli):
    folder = tmp_path / "music"
    folder.mkdir()
    rate = fingerprint.RATE
    for seed in range(8):
        soundfile.write(folder / f"{seed:02}.wav", music(seed), rate)
    one = music(3)
    shutil.copyfile(folder / "03.wav", folder / "copy.wav")
    soundfile.write(folder / "other.flac", one, rate)
    soundfile.write(folder / "cut.wav", one[2 * rate : 28 * rate], rate)
    soundfile.write(
        folder / "late.wav", np.concatenate([np.zeros(4 * rate, np.float32), one]), rate
    )
    table, out, heard = tmp_path / "t.parquet", tmp_path / "d.csv", tmp_path / "d.m3u8"
    assert cli("extract", folder, "-o", table, "-q")[0] == 0
    before = sorted((path.name, path.stat().st_mtime_ns) for path in folder.iterdir())
    status, said, _ = cli("duplicates", table, "--audio", folder, "-o", out, "--playlist", heard)
    assert status == 0
    rows = pd.read_csv(out)
    assert set(rows["path"]) == {"03.wav", "copy.wav", "other.flac", "cut.wav", "late.wav"}
    assert set(rows["recording"]) == {1}
    what = rows.set_index("path")["what"]
    assert what["cut.wav"] == "another edit of the recording"
    assert what.iloc[0] == "the first of its recording"
    assert {what["03.wav"], what["copy.wav"]} & {"the same file"}
    assert "1 recording is there several times, in 5 files" in said
    assert heard.read_text().count("music/") == 5
    assert sorted((path.name, path.stat().st_mtime_ns) for path in folder.iterdir()) == before
    status, said, err = cli("duplicates", table)
    assert (status, "--audio" in err) == (0, True)
    assert "cut.wav" not in said
    (folder / "cut.wav").write_text("broken")
    status, _, err = cli("duplicates", table, "--audio", folder)
    assert (status, "cut.wav" in err) == (0, True)


def test_a_few_numbers_tell_nothing():
    table = pd.DataFrame({"path": list("abc"), "tempo": [120.0] * 3, "energy": [0.5] * 3})
    assert not len(doubles.find(FeatureTable.of(table)).table)
    twice = table.assign(sha256=["x", "x", "y"])
    assert doubles.find(FeatureTable.of(twice)).table["path"].tolist() == ["a", "b"]
    with pytest.raises(SchemaError, match="no descriptors"):
        doubles.find(FeatureTable.of(table[["path"]]))


def test_re_encodings_are_found_in_a_table_with_a_network_beside(demo):
    """Only the columns of the default set are compared, in which it was measured."""
    rows = run.extract([demo], run.Extraction("default+musicnn")).table
    own = rows.drop_duplicates("path")
    random = np.random.default_rng(0)
    numbers = [name for name in own.select_dtypes("float") if name != "duration_ms"]
    recoded = own.assign(
        path="mp3 " + own["path"].astype(str), sha256=[f"{place:064x}" for place in range(len(own))]
    )
    recoded[numbers] = own[numbers] * (1 + 1e-5 * random.normal(size=(len(own), len(numbers))))
    both = pd.concat([own, recoded], ignore_index=True)
    both.attrs = rows.attrs
    found = doubles.find(FeatureTable.of(both)).table
    assert found["recording"].nunique() == len(own)
    assert set(found["what"]) >= {"the same audio at another bit rate or in another format"}


@pytest.mark.real_audio
@pytest.mark.slow
def test_real_edits_are_found_and_other_recordings_are_not(shared, tmp_path):
    files = sorted((shared / "emotify" / "audio").glob("*.mp3"))[::16]
    edits = {
        "cut": ["-ss", "4", "-t", "12"],
        "loud": ["-af", "volume=9dB,alimiter=limit=0.9"],
        "late": ["-af", "adelay=3170|3170"],
        "low": ["-b:a", "64k", "-ac", "1"],
    }
    prints = {file: fingerprint.of_file(file) for file in files}
    for file, own in prints.items():
        for name, options in edits.items():
            made = tmp_path / f"{file.stem}-{name}.mp3"
            command = ["ffmpeg", "-v", "error", "-i", file, "-vn", *options, made]
            subprocess.run(list(map(str, command)), check=True)
            edit = fingerprint.of_file(made)
            assert fingerprint.match(own, edit).distance < 0.25
            others = [fingerprint.match(each, edit) for each in prints.values() if each is not own]
            assert min(found.distance for found in others) > 0.42


@pytest.fixture(scope="module")
def heard(music):
    """Twelve recordings, and of each a part, one that is louder, and one with silence before."""
    rate = fingerprint.RATE
    prints = []
    for seed in range(12):
        one = music(seed, 20)
        late = np.concatenate([np.zeros(3 * rate, np.float32), one])
        for samples in (one, one[5 * rate : 15 * rate], np.clip(3 * one, -1, 1), late):
            prints.append(fingerprint.of_samples(samples))
    return prints


def test_sounds_that_have_words_in_common_are_asked_for_and_no_others(heard):
    found = shared_words.pairs(heard)
    assert (found[:, 0] < found[:, 1]).all()
    assert len(np.unique(found, axis=0)) == len(found)
    own = found[:, 0] // 4 == found[:, 1] // 4
    assert own.sum() == 12 * 6
    # Notes that are made have more words in common than those that are played: of the 1,056 pairs
    # of different pieces a few are asked for, and none is taken for one recording.
    assert (~own).sum() < 0.05 * 1056
    assert not any(fingerprint.match(heard[a], heard[b]).same for a, b in found[~own])


def test_of_too_many_words_the_same_are_left_out_everywhere(heard, monkeypatch):
    monkeypatch.setattr(shared_words, "MOST", sum(len(each.words) for each in heard) // 4)
    found = shared_words.pairs(heard)
    assert {(a // 4, b // 4) for a, b in found} == {(each, each) for each in range(12)}
    assert len(set(doubles.duplicates.components(48, [found]))) == 12


def test_a_recording_that_is_there_many_times_is_connected(heard):
    found = shared_words.pairs([*[heard[0]] * 40, heard[4], None])
    assert len(found) < 40 * shared_words.BESIDE
    assert len(set(doubles.duplicates.components(40, [found]))) == 1


def test_without_sound_there_are_no_pairs():
    silent = fingerprint.of_samples(np.zeros(60_000, np.float32))
    for prints in ([], [None], [silent, silent], [None, fingerprint.of_samples(np.zeros(3, "f4"))]):
        assert shared_words.pairs(prints).shape == (0, 2)
