"""Tracks that browsers play stay as they are; others are converted."""

from __future__ import annotations

import os

import numpy as np
import pytest
import soundfile
from test_decode import encoded, with_av

from earmark.classify.app.errors import UploadError
from earmark.classify.app.files import transcode as playing
from earmark.classify.app.files.transcode import browser_playable
from earmark.extract.errors import DecodeError


@pytest.mark.parametrize(
    ("suffix", "mime"),
    [
        (".mp3", "audio/mpeg"),
        (".flac", "audio/flac"),
        (".wav", "audio/wav"),
        (".ogg", "audio/ogg"),
        (".m4a", "audio/mp4"),
    ],
)
def test_what_browsers_play_stays_as_it_is(demo, tmp_path, suffix, mime):
    path = next(demo.glob(f"*{suffix}"))
    assert browser_playable(str(path), str(tmp_path)) == (path, mime)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("codec", "container", "rate"),
    [("alac", "ipod", 44100), ("wmav2", "asf", 44100), ("wavpack", "wv", 192000)],
)
def test_what_browsers_do_not_play_is_converted(tmp_path, codec, container, rate):
    source = with_av(tmp_path / "song", codec, rate, container=container)
    path, mime = browser_playable(str(source), str(tmp_path))
    assert (path.parent, path.suffix, mime) == (tmp_path, ".flac", "audio/flac")
    heard, heard_rate = soundfile.read(path)
    assert heard_rate == min(rate, playing.HIGHEST_RATE)
    assert heard.shape[1] == 2
    assert len(heard) / heard_rate == pytest.approx(2, abs=0.1)
    # A tone of half of full scale, through coders that change it a little.
    assert np.abs(heard[heard_rate // 4 : heard_rate]).max() == pytest.approx(0.5, abs=0.05)


def test_what_is_converted_is_bounded(tmp_path):
    noise = np.random.default_rng(0).normal(0, 3, (44100, 4)).astype(np.float32)
    source = tmp_path / "song.aiff"
    source.write_bytes(encoded(noise, 44100, kind="AIFF", subtype="FLOAT"))
    path, _ = browser_playable(str(source), str(tmp_path), 0.5)
    heard, rate = soundfile.read(path)
    assert (heard.shape, rate) == ((22050, 2), 44100)
    np.testing.assert_allclose(heard, np.clip(noise[:22050, :2], -1, 1), atol=1e-4)


def test_every_file_has_a_copy_of_its_own_and_one_alone(tmp_path, monkeypatch):
    noise = np.random.default_rng(0).normal(0, 0.1, (4410, 2)).astype(np.float32)
    folder = tmp_path / "session"
    found = []
    for number, name in enumerate(["a/01.aiff", "b/01.aiff", f"{'é' * 120}.aiff"], 1):
        source = tmp_path / name
        source.parent.mkdir(exist_ok=True)
        source.write_bytes(encoded(noise / number, 44100, kind="AIFF", subtype="FLOAT"))
        found.append(browser_playable(str(source), str(folder))[0])
        np.testing.assert_allclose(soundfile.read(found[-1])[0], noise / number, atol=1e-4)
    assert len(set(found)) == 3
    assert set(folder.iterdir()) == set(found)
    monkeypatch.setattr(playing.decode, "open_audio", None)
    assert browser_playable(str(source), str(folder))[0] == found[-1]
    monkeypatch.undo()
    # What was changed is another one.
    source.write_bytes(encoded(noise / 7, 44100, kind="AIFF", subtype="FLOAT"))
    os.utime(source, ns=(1, 1))
    np.testing.assert_allclose(
        soundfile.read(browser_playable(str(source), str(folder))[0])[0], noise / 7, atol=1e-4
    )


def test_few_copies_are_kept_and_nothing_that_is_none_goes(tmp_path):
    noise = np.random.default_rng(0).normal(0, 0.1, (441, 2)).astype(np.float32)
    upload = tmp_path / "0123456789abcdef.flac"
    upload.touch()
    # What a worker was writing when it was stopped.
    rest = tmp_path / ".played-x.flac.abc"
    rest.touch()
    os.utime(rest, ns=(0, 0))
    found = []
    for number in range(playing.KEPT + 3):
        source = tmp_path / "music" / f"{number}.aiff"
        source.parent.mkdir(exist_ok=True)
        source.write_bytes(encoded(noise, 44100, kind="AIFF", subtype="FLOAT"))
        found.append(browser_playable(str(source), str(tmp_path))[0])
        os.utime(found[-1], ns=(number, number))
        # The first one is asked for again and again.
        browser_playable(str(source.with_name("0.aiff")), str(tmp_path))
    assert {path for path in tmp_path.iterdir() if path.is_file()} == {
        upload,
        found[0],
        *found[-playing.KEPT + 1 :],
    }


def test_nothing_half_written_stands_under_a_name(tmp_path):
    source = tmp_path / "song.aiff"
    source.write_bytes(b"FORM\0\0\0\x10AIFFgarbage" + b"\1" * 100)
    with pytest.raises(DecodeError):
        browser_playable(str(source), str(tmp_path / "session"))
    assert list((tmp_path / "session").iterdir()) == []


def test_what_is_too_large_to_hold_is_converted_as_far_as_it_goes(demo, tmp_path, monkeypatch):
    source = next(demo.glob("*.wav"))
    monkeypatch.setattr(playing, "LARGEST", source.stat().st_size)
    assert browser_playable(str(source), str(tmp_path))[0] == source
    monkeypatch.setattr(playing, "LARGEST", source.stat().st_size - 1)
    path, mime = browser_playable(str(source), str(tmp_path), 0.5)
    assert (mime, soundfile.info(path).duration) == ("audio/flac", 0.5)


def test_a_wave_that_browsers_do_not_know_is_converted(tmp_path):
    source = tmp_path / "song.wav"
    source.write_bytes(encoded(kind="WAV", subtype="MS_ADPCM"))
    assert browser_playable(str(source), str(tmp_path))[1] == "audio/flac"


def test_what_cannot_be_played_is_said(tmp_path):
    source = tmp_path / "song.aiff"
    source.write_bytes(b"%PDF-1.7")
    with pytest.raises(UploadError, match=r"song.aiff: is a PDF"):
        browser_playable(str(source), str(tmp_path))
    source.write_bytes(b"FORM\0\0\0\x10AIFFgarbage" + b"\1" * 100)
    with pytest.raises(DecodeError, match=r"song.aiff: is not audio"):
        browser_playable(str(source), str(tmp_path))
