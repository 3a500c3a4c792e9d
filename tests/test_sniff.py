"""Files are told apart by their content, whatever they are called."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_decode import encoded, picture, with_av
from test_scratch import kept

from earmark.classify.app.errors import UploadError
from earmark.classify.app.files.sniff import sniff
from earmark.extract.audio import decode, formats
from earmark.extract.audio.sources import AUDIO_SUFFIXES


def instead(data):
    kind, message = sniff(io.BytesIO(data))
    assert kind is None, kind
    return message


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
        (b"\xff\xfe" + "text".encode("utf-16-le") * 50, "is text"),
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
