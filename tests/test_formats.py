"""The table of audio formats: what is searched for, recognised and played is said in one place."""

from __future__ import annotations

import io
import struct

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from earmark.classify.app.files.sniff import sniff
from earmark.classify.app.widgets import player
from earmark.extract.audio import decode, formats, mp3, protection, sources
from earmark.extract.audio.sources import AUDIO_SUFFIXES
from earmark.extract.errors import DecodeError

SEARCHED = [
    ".wav",
    ".wave",
    ".mp3",
    ".mp2",
    ".flac",
    ".ogg",
    ".oga",
    ".opus",
    ".aif",
    ".aiff",
    ".aifc",
    ".au",
    ".snd",
    ".caf",
    ".w64",
    ".rf64",
    ".m4a",
    ".m4b",
    ".mp4",
    ".aac",
    ".wma",
    ".ape",
    ".wv",
    ".tta",
    ".mpc",
    ".ac3",
    ".dts",
    ".mka",
    ".webm",
    ".3gp",
    ".amr",
    ".dsf",
    ".dff",
    ".voc",
    ".spx",
    ".ogx",
    ".eac3",
    ".ec3",
    ".m4p",
    ".m4r",
    ".mpga",
    ".mp1",
    ".adts",
    ".weba",
    ".mkv",
    ".mov",
    ".m4v",
    ".3g2",
    ".wmv",
    ".asf",
    ".rm",
    ".ra",
    ".thd",
    ".mlp",
    ".tak",
    ".shn",
    ".m2t",
]


def test_folders_are_searched_for_these_suffixes_and_no_others():
    assert sorted(SEARCHED) == sorted(AUDIO_SUFFIXES)


def test_every_suffix_and_every_name_stands_in_one_row():
    suffixes = [suffix for each in formats.FORMATS for suffix in each.suffixes]
    assert len(suffixes) == len(set(suffixes))
    assert all(suffix.startswith(".") and suffix == suffix.lower() for suffix in suffixes)
    names = [each.name for each in formats.FORMATS]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("row", formats.FORMATS, ids=lambda row: row.name)
def test_every_format_can_be_recognised_and_its_magic_is_no_other(row):
    assert row.magic or row.check
    assert bool(row.mime) == bool(row.codecs)
    for magic in row.magic:
        head = bytearray(400)
        for offset, mark in magic.items():
            head[offset : offset + len(mark)] = mark
        if row.name == "WebM":
            head[40:44] = b"webm"
        assert formats.identify(bytes(head)) is row
        assert sniff(io.BytesIO(head)) == (row, "")


def test_the_player_serves_what_browsers_play_under_its_type_and_nothing_else():
    played = {suffix: row.mime for row in formats.FORMATS if row.codecs for suffix in row.suffixes}
    assert played == player.TYPES
    assert set(played.values()) == {
        f"audio/{name}" for name in ("mpeg", "flac", "ogg", "wav", "mp4", "webm", "aac")
    }
    assert {
        "." + name
        for name in ["aac", "flac", "m4a", "mp3", "mp4", "oga", "ogg", "opus", "wav", "webm"]
    } <= set(played)


def test_a_format_is_one_row(monkeypatch):
    row = formats.AudioFormat("New", (".new",), ({0: b"NEWFORMAT"},))
    assert formats.identify(b"NEWFORMAT" + bytes(60)) is None
    monkeypatch.setattr(formats, "FORMATS", (*formats.FORMATS, row))
    assert sniff(io.BytesIO(b"NEWFORMAT" + bytes(60))) == (row, "")


SECONDS = 2.0

WRITTEN = {
    "a.eac3": ("eac3", "eac3"),
    "a.ec3": ("eac3", "eac3"),
    "a.m4r": ("aac", "ipod"),
    "a.mov": ("aac", "mov"),
    "a.3g2": ("aac", "3g2"),
    "a.mpga": ("libmp3lame", "mp3"),
    "a.adts": ("aac", "adts"),
    "a.weba": ("libopus", "webm"),
    "a.mkv": ("libopus", "matroska"),
    "a.voc": ("pcm_u8", "voc"),
    "a.ogx": ("libopus", "ogg"),
    "a.wmv": ("wmav2", "asf"),
    "a.rm": ("ac3", "rm"),
}


def write(path, codec, container, **options):
    """Write two seconds of a chord."""
    rate = 48000
    time = np.arange(int(SECONDS * rate)) / rate
    chord = sum(np.sin(2 * np.pi * pitch * time) for pitch in (220, 277, 330)) / 8
    with av.open(str(path), "w", format=container, container_options=options) as target:
        stream = target.add_stream(codec, rate=rate)
        stream.layout = "mono" if codec == "pcm_u8" else "stereo"
        stream.bit_rate = 128_000
        resampler = av.AudioResampler(stream.format, stream.layout, rate, stream.frame_size or 1024)
        frame = av.AudioFrame.from_ndarray(chord[None].astype(np.float32), "fltp", "mono")
        frame.sample_rate = rate
        for part in (*resampler.resample(frame), *resampler.resample(None)):
            target.mux(stream.encode(part))
        target.mux(stream.encode(None))


def seconds(path):
    with decode.open_audio(path) as audio:
        return sum(map(len, audio.blocks)) / audio.sample_rate


@pytest.mark.parametrize("name", WRITTEN)
def test_audio_under_less_known_endings_is_searched_and_read(tmp_path, name):
    write(tmp_path / name, *WRITTEN[name])
    ((track,), _) = sources.find([tmp_path])
    assert seconds(track.location) == pytest.approx(SECONDS, abs=0.1)


def test_dsdiff_and_mpeg_layer_1_are_read(tmp_path):
    def chunk(name, data):
        return name + struct.pack(">Q", len(data)) + data

    rate = 2822400
    properties = chunk(b"FS  ", struct.pack(">I", rate))
    properties += chunk(b"CHNL", struct.pack(">H", 2) + b"SLFTSRGT")
    properties += chunk(b"CMPR", b"DSD \x0enot compressed\0")
    # Half of the bits are ones: silence.
    body = b"DSD " + chunk(b"FVER", b"\x01\x05\0\0") + chunk(b"PROP", b"SND " + properties)
    body += chunk(b"DSD ", b"\x69" * (rate * 2 // 8))
    (tmp_path / "a.dff").write_bytes(chunk(b"FRM8", body))
    assert formats.identify((tmp_path / "a.dff").read_bytes()[:64]).name == "DSDIFF"
    # 384 samples a frame, at 384 kb/s and 44.1 kHz.
    frame = bytes([0xFF, 0xFF, 0xC0, 0xC0]) + bytes(12 * 384000 // 44100 * 4 - 4)
    (tmp_path / "a.mp1").write_bytes(frame * 200)
    lengths = [seconds(track.location) for track in sources.find([tmp_path])[0]]
    assert lengths == pytest.approx([1.0, 200 * 384 / 44100], abs=0.01)


@pytest.mark.parametrize("how", ["drms", "encrypted", "long sizes", "at the end"])
def test_a_locked_mp4_says_that_it_is_locked(tmp_path, how):
    path = tmp_path / "a.m4p"
    write(path, "aac", "ipod")
    assert seconds(path) == pytest.approx(SECONDS, abs=0.1)
    data = path.read_bytes().replace(b"mp4a", b"drms")
    if how == "encrypted":
        key = {"encryption_key": "76a6c65c5ea762046bd749a2e632ccbb"}
        key |= {"encryption_kid": "a7e61c373e219033c21091fa607bf3b8"}
        write(path, "aac", "mp4", encryption_scheme="cenc-aes-ctr", **key)
        data = path.read_bytes()
        assert b"drms" not in data
    elif how == "long sizes":
        free = struct.pack(">I", 1) + b"free" + struct.pack(">Q", 116) + bytes(100)
        at = data.index(b"moov") - 4
        data = data[:at] + free + data[at:]
    elif how == "at the end":
        assert data.index(b"mdat") < data.index(b"moov")
    path.write_bytes(data)
    with pytest.raises(DecodeError, match=r"a\.m4p: is protected against copying \(DRM\)"):
        seconds(path)


def test_a_picture_may_hold_any_bytes(tmp_path):
    mp4 = pytest.importorskip("mutagen.mp4")
    path = tmp_path / "a.m4a"
    write(path, "aac", "ipod")
    tags = mp4.MP4(path)
    tags["covr"] = [mp4.MP4Cover(b"\xff\xd8\xff sinf drms aavd" * 99)]
    tags.save()
    assert path.read_bytes().count(b"sinf") == 99
    assert seconds(path) == pytest.approx(SECONDS, abs=0.1)


@given(st.binary(max_size=200), st.integers(0, 2000), st.binary(max_size=4))
def test_damage_never_ends_in_an_error_of_its_own(junk, at, bytes_):
    data = bytearray(b"\0\0\0\x10ftypM4A \0\0\0\0" + b"\0\0\1\0moov" + junk)
    data[at : at + len(bytes_)] = bytes_
    file = io.BytesIO(data)
    file.seek(3)
    assert protection.is_locked(file) in (True, False)
    assert file.tell() == 3


def test_a_locked_wma_says_that_it_is_locked(tmp_path):
    path = tmp_path / "a.wma"
    write(path, "wmav2", "asf")
    data = path.read_bytes()
    assert seconds(path) == pytest.approx(SECONDS, abs=0.1)
    lock = bytes.fromhex("fbb3112223bdd211b4b700a0c955fc6e") + struct.pack("<QII", 40, 0, 0)
    lock += bytes(40 - len(lock))
    size, count = struct.unpack("<QI", data[16:28])
    head = data[:16] + struct.pack("<QI", size + len(lock), count + 1)
    path.write_bytes(head + data[28:30] + lock + data[30:])
    with pytest.raises(DecodeError, match=r"a\.wma: is protected against copying \(DRM\)"):
        seconds(path)


@given(st.binary(max_size=40))
def test_any_beginning_is_of_one_format_or_none(head):
    row = formats.identify(head)
    assert row is None or row.matches(head)
    assert (row is formats.MP3) <= mp3.begins(head)
