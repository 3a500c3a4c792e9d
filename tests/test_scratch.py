"""What comes from a browser: told apart by content, limited, kept apart, and removed."""

from __future__ import annotations

import errno
import gc
import io
import os
import signal
import stat
import subprocess
import sys
import tempfile
import unicodedata
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st
from test_decode import encoded, picture, with_av

from earmark.classify.app.files import transcode as playing
from earmark.classify.app.files.scratch import Limits, Scratch, display_name, sweep
from earmark.classify.app.files.sniff import sniff
from earmark.classify.app.files.transcode import browser_playable
from earmark.extract.audio import decode, formats
from earmark.extract.audio.sources import AUDIO_SUFFIXES
from earmark.extract.errors import DecodeError, UploadError

ROOT = Path(__file__).parent.parent


@pytest.fixture
def scratch():
    scratch = Scratch(Limits(file_bytes=1_000_000, files=3, session_bytes=1_500_000))
    yield scratch
    scratch.close()


def kept(scratch, data, name="song.mp3"):
    return scratch.keep(name, io.BytesIO(data))


def instead(data):
    kind, message = sniff(io.BytesIO(data))
    assert kind is None, kind
    return message


# --- What it is --------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".mp3", ".flac", ".wav", ".ogg", ".m4a"])
def test_the_demo_tracks_are_what_they_are_called(demo, suffix):
    paths = list(demo.glob(f"*{suffix}"))
    assert paths
    for path in paths:
        with path.open("rb") as file:
            kind, _ = sniff(file)
        assert kind is not None
        assert kind.suffix == suffix


@pytest.mark.parametrize(
    ("kind", "subtype", "name"),
    [
        ("WAV", "PCM_16", "WAV"),
        ("WAVEX", "FLOAT", "WAV"),
        ("RF64", "PCM_16", "RF64"),
        ("W64", "PCM_16", "Wave64"),
        ("AIFF", "PCM_16", "AIFF"),
        ("AIFF", "FLOAT", "AIFF"),
        ("AU", "PCM_16", "AU"),
        ("CAF", "PCM_16", "CAF"),
        ("FLAC", "PCM_16", "FLAC"),
        ("OGG", "VORBIS", "Ogg"),
        ("MP3", "MPEG_LAYER_III", "MP3"),
    ],
)
def test_what_libsndfile_writes_is_known(kind, subtype, name):
    found, _ = sniff(io.BytesIO(encoded(kind=kind, subtype=subtype)))
    assert found is not None
    assert found.name == name
    assert found.suffix in AUDIO_SUFFIXES


@pytest.mark.parametrize(
    ("codec", "container", "name"),
    [
        ("aac", "adts", "AAC"),
        ("aac", "ipod", "MP4"),
        ("aac", "3gp", "MP4"),
        ("aac", "mov", "MP4"),
        ("alac", "ipod", "MP4"),
        ("wmav2", "asf", "WMA"),
        ("libopus", "webm", "WebM"),
        ("aac", "matroska", "Matroska"),
        ("tta", "tta", "True Audio"),
        ("wavpack", "wv", "WavPack"),
        ("ac3", "ac3", "AC-3"),
        ("mp2", "mp2", "MP2"),
        ("libmp3lame", "mp3", "MP3"),
    ],
)
def test_what_ffmpeg_writes_is_known_and_can_be_decoded(tmp_path, codec, container, name):
    path = with_av(tmp_path / "whatever", codec, 48000, container=container)
    with path.open("rb") as file:
        found, _ = sniff(file)
    assert found is not None
    assert found.name == name
    assert found.suffix in AUDIO_SUFFIXES
    with decode.open_audio(path) as audio:
        assert sum(map(len, audio.blocks)) > 48000


@pytest.mark.parametrize("before", [b"\0" * 5000, b"ID3\x04\0\0\0\0\x02\x01" + b"\0" * 257])
def test_an_mp3_may_have_something_before_its_music(before):
    kind, _ = sniff(io.BytesIO(before * 2 + encoded(kind="MP3", subtype="MPEG_LAYER_III")))
    assert kind == formats.MP3


def test_a_tag_with_a_large_picture_hides_nothing():
    size = 3_000_000
    header = b"ID3\x04\0\0" + bytes(size >> shift & 0x7F for shift in (21, 14, 7, 0))
    flac = encoded(kind="FLAC", subtype="PCM_16")
    kind, _ = sniff(io.BytesIO(header + b"\xff" * size + flac))
    assert kind is not None
    assert kind.name == "FLAC"
    assert "a PDF" in instead(header + b"\xff" * size + b"%PDF-1.7")
    assert "holds a tag and no music" in instead(header + b"\0" * 10)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "is empty .0 bytes."),
        (b"%PDF-1.7 ...", "is a PDF. Music is taken as MP3, FLAC"),
        (b"PK\x03\x04" + b"\0" * 40, "is a ZIP archive .or an Office document.; unpack it first"),
        (b"<!DOCTYPE html><html><body>Not found", "is a web page .HTML.; was it saved"),
        (b"\xef\xbb\xbf\n <html>", "is a web page"),
        (b"<?xml version='1.0'?><svg/>", "is an XML or SVG file"),
        (b"#EXTM3U\nsong.mp3", "is a playlist; upload the files that it names"),
        ("Müsli".encode() * 20000, "is text"),
        (b"\xff\xd8\xff\xe0" + b"\0" * 100, "is a picture .JPEG."),
        (b"RIFF\x10\0\0\0WEBPVP8 ", "is a picture .WebP."),
        (b"RIFF\x10\0\0\0AVI LIST", "is an AVI video"),
        (b"MThd\0\0\0\x06", "is a MIDI file, which holds notes and no sound"),
        (b"\x7fELF\x02\x01", "is a program"),
        (b"MZ\x90\0", "is a program"),
        (b"\0" * 70000, "is nothing but zeros"),
        (np.random.default_rng(0).bytes(70000), "is no audio in a format that is known here"),
        (b"\xff\xfe" + "text".encode("utf-16-le") * 50, "is no audio"),
        (b"\xff", "is no audio"),
        (b"\xff\xf1", "is no audio"),
        (b"ID3", "is text"),
    ],
)
def test_what_is_no_audio_is_refused_by_what_it_is(scratch, data, message):
    with pytest.raises(UploadError, match=f"^song.mp3: {message}"):
        kept(scratch, data)
    assert scratch.uploads == ()
    assert list(scratch.path.iterdir()) == []


def test_a_picture_and_a_table_are_no_music(tmp_path, scratch):
    with pytest.raises(UploadError, match=r"is a picture .PNG."):
        kept(scratch, picture(tmp_path / "cover", "png", "rgb24").read_bytes())


@given(st.binary(max_size=3000))
def test_any_bytes_are_judged(data):
    kind, message = sniff(io.BytesIO(data))
    assert (kind is None) == bool(message)


# --- What it is called -------------------------------------------------------------------------

HOSTILE = [
    "../../etc/passwd",
    "..\\..\\boot.ini",
    "/etc/passwd",
    "a\0b.mp3",
    "song\u202e3pm.exe",
    "x" * 4000 + ".mp3",
    "new\nline\r\n.mp3",
    "\x1b[31mred.mp3",
    "...",
    ".\ud7fc",
    "e\u200d\u0301",
    "",
    ".",
    "~/song.mp3",
    "\ud800.mp3",
    "CON",
    "<img src=x onerror=alert(1)>.mp3",
]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_is_text_and_no_path(scratch, name):
    upload = kept(scratch, encoded(), name)
    assert upload.path.parent == scratch.path
    assert upload.path.name.removesuffix(".wav").isalnum()
    assert upload.path.read_bytes() == encoded()
    assert 0 < len(upload.name) <= 120
    assert upload.name.isprintable()
    assert not {"/", "\\", "\u202e"} & set(upload.name)


def test_a_name_stays_what_people_know_it_by():
    assert (
        display_name("Motörhead – Ace of Spades (live).mp3")
        == "Motörhead – Ace of Spades (live).mp3"
    )
    assert display_name("C:\\Music\\夜に駆ける.flac") == "夜に駆ける.flac"
    assert display_name("<img src=x onerror=alert(1)>.mp3") == "<img src=x onerror=alert(1)>.mp3"
    assert display_name("a\u202eb\0c\u200d.mp3") == "abc.mp3"
    assert display_name("x" * 4000 + ".mp3").endswith("xxx.mp3")
    assert display_name(" \t ") == "a file without a name"


@given(st.text(max_size=300) | st.sampled_from(HOSTILE))
def test_any_name_is_shown_as_one_short_line(name):
    text = display_name(name)
    assert 0 < len(text) <= 120
    assert text == text.strip()
    assert display_name(text) == text
    assert all(character == " " or character.isprintable() for character in text)
    assert not any(unicodedata.category(character) in ("Cc", "Cf", "Cs") for character in text)
    assert str(UploadError(text, "is refused")).endswith(": is refused")


# --- How much ----------------------------------------------------------------------------------


class Endless(io.RawIOBase):
    """A browser that never stops sending; it counts what was taken."""

    taken = 0

    def readable(self):
        return True

    def read(self, size=-1):
        assert 0 < size <= 2**20, "a file is never read whole"
        self.taken += size
        return b"\0" * size


def test_what_is_too_large_is_not_read_to_its_end(scratch):
    source = Endless()
    with pytest.raises(UploadError, match=r"big.mp3: is larger than 1 MB, which is the limit here"):
        scratch.keep("big.mp3", source)
    assert source.taken <= 2 * 2**20
    assert list(scratch.path.iterdir()) == []


def test_a_session_keeps_so_many_files_and_so_many_bytes(scratch):
    large = encoded(np.zeros(400_000, np.float32))
    first = kept(scratch, large)
    with pytest.raises(UploadError, match="does not fit: 2 MB are kept of all your files together"):
        kept(scratch, large)
    kept(scratch, encoded())
    kept(scratch, encoded())
    with pytest.raises(UploadError, match="is one too many: 3 files are kept here; remove some"):
        kept(scratch, encoded())
    scratch.remove(first)
    # Whoever takes back what came to nothing need not ask whether the session has ended since.
    scratch.remove(first)
    assert not first.path.exists()
    assert len({upload.path for upload in scratch.uploads}) == 2
    scratch.clear()
    assert (scratch.uploads, list(scratch.path.iterdir())) == ((), [])
    assert kept(scratch, large).size == len(large)


@pytest.mark.parametrize(
    ("number", "message"),
    [
        (errno.ENOSPC, "cannot be kept: the disk of the server is full; try again later"),
        (errno.EDQUOT, "cannot be kept: the disk of the server is full"),
        (errno.EIO, "cannot be kept: Input/output error"),
    ],
)
def test_a_full_disk_is_said(scratch, number, message):
    class Broken(io.BytesIO):
        def read(self, size=-1):
            raise OSError(number, os.strerror(number))

    with pytest.raises(UploadError, match=f"song.mp3: {message}"):
        scratch.keep("song.mp3", Broken())
    assert list(scratch.path.iterdir()) == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no disk that is always full")
def test_a_disk_that_is_full_while_it_is_written(scratch, monkeypatch):
    opened = io.open
    monkeypatch.setattr(Path, "open", lambda path, mode: opened("/dev/full", "wb+"))
    with pytest.raises(UploadError, match="the disk of the server is full"):
        kept(scratch, encoded())


# --- For how long ------------------------------------------------------------------------------


def test_a_table_is_taken_for_what_it_is(scratch):
    frame = pd.DataFrame({"path": ["a.mp3", "b.mp3"], "energy": [0.25, 0.5]})
    text, columns = io.BytesIO(frame.to_csv(index=False).encode()), io.BytesIO()
    frame.to_parquet(columns)
    columns.seek(0)
    assert scratch.keep_table("x.mp3", text).suffix == ".csv"
    kept = scratch.keep_table("../../x.csv", columns)
    assert (kept.suffix, kept.parent) == (".parquet", scratch.path)
    pd.testing.assert_frame_equal(pd.read_parquet(kept), frame)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "x.csv: is empty"),
        (b" \n", "x.csv: is empty"),
        (b"\x7fELF\0\0", "is no table: upload CSV or Parquet"),
        (b"a,b\n" + b"1,2\n" * 300_000, "is larger than 1 MB"),
    ],
)
def test_what_is_no_table_or_too_much_of_one_is_refused(scratch, content, message):
    with pytest.raises(UploadError, match=message):
        scratch.keep_table("x.csv", io.BytesIO(content))
    assert not list(scratch.path.iterdir())


def test_nobody_else_can_look_into_the_folder(scratch):
    for folder in (scratch.path, scratch.path.parent):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert scratch.path.parent.parent == Path(tempfile.gettempdir())


def test_the_folder_goes_with_the_session():
    first, second = Scratch(), Scratch()
    paths = [first.path, second.path]
    kept(first, encoded())
    first.close()
    first.close()
    assert [path.exists() for path in paths] == [False, True]
    del second
    gc.collect()
    assert not paths[1].exists()


SERVER = """
import io, sys, time
from earmark.classify.app.files.scratch import Scratch
scratch = Scratch()
scratch.path.joinpath("song.mp3").write_bytes(b"x")
print(scratch.path, flush=True)
if sys.argv[1] == "wait":
    time.sleep(600)
"""


def server(tmp_path, how, before=""):
    """Start a process that keeps something in a folder for temporary files of its own."""
    process = subprocess.Popen(
        [sys.executable, "-c", before + SERVER, how],
        env={**os.environ, "TMPDIR": str(tmp_path), "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    with process.stdout:
        return process, Path(process.stdout.readline().strip())


def test_the_folder_goes_with_the_process(tmp_path):
    process, _ = server(tmp_path, "leave")
    assert process.wait(60) == 0
    assert list(tmp_path.iterdir()) == []


def test_where_there_are_no_locks_nothing_is_swept_and_all_else_works(tmp_path):
    # As on Windows, where a file that is open has its name for good, too.
    without = """
import sys
from pathlib import Path
sys.modules["fcntl"] = None
del Path.rename
"""
    alive, kept = server(tmp_path, "wait", without)
    try:
        assert kept.is_dir()
        process, _ = server(tmp_path, "leave", without)
        assert process.wait(60) == 0
        assert list(tmp_path.iterdir()) == [kept.parent]
        assert sweep(tmp_path) == 0
    finally:
        alive.kill()
        alive.wait(60)


def test_what_a_killed_process_left_goes_with_the_next_start(tmp_path):
    killed, left = server(tmp_path, "wait")
    alive, kept = server(tmp_path, "wait")
    try:
        killed.send_signal(signal.SIGKILL)
        killed.wait(60)
        assert left.exists()
        process, _ = server(tmp_path, "leave")
        assert process.wait(60) == 0
        assert (left.parent.exists(), kept.exists()) == (False, True)
    finally:
        alive.kill()
        alive.wait(60)
    assert sweep(tmp_path) == 1
    assert list(tmp_path.iterdir()) == []


GETTING_READY = """
import time
from earmark.classify.app.jobs import track_analysis
def analyse(path, *_):
    print(path, flush=True)
    time.sleep(600)
track_analysis.analyse_track = analyse
track_analysis.warm()
"""


def test_what_a_worker_left_that_was_killed_while_it_got_ready_is_swept(tmp_path):
    with subprocess.Popen(
        [sys.executable, "-c", GETTING_READY],
        env={**os.environ, "TMPDIR": str(tmp_path), "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert Path(process.stdout.readline().strip()).is_file()
        assert sweep(tmp_path) == 0
        process.kill()
    assert sweep(tmp_path) == 1
    assert list(tmp_path.iterdir()) == []


def test_only_what_is_ours_is_swept(tmp_path):
    (tmp_path / "earmark-app-someone").mkdir()
    (tmp_path / "music").mkdir()
    (tmp_path / "music" / "lock").touch()
    (tmp_path / "earmark-app-link").symlink_to(tmp_path / "music")
    assert sweep(tmp_path) == 0
    assert len(list(tmp_path.iterdir())) == 3


# --- What browsers play ------------------------------------------------------------------------


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
