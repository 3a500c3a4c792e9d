"""What the player sends to the browser: all of it, small, the same every time, and only as text."""

from __future__ import annotations

import dataclasses
import json
import struct
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("streamlit")

from streamlit.testing.v1 import AppTest

from earmark.classify.app.widgets import player
from earmark.extract.batch.track import Extraction
from earmark.extract.preview import Preview, preview


@pytest.fixture(scope="module")
def seen(demo) -> Preview:
    return preview(demo / "hip-hop-90bpm-d-minor.mp3", Extraction("default"))


def unpacked(data: bytes):
    """Read what was packed, as its description says and as `picture.js` does."""
    (length,) = struct.unpack_from("<I", data)
    header = json.loads(data[4 : 4 + length])
    at = 4 + length

    def take(kind, count):
        nonlocal at
        assert at % np.dtype(kind).itemsize == 0
        part = np.frombuffer(data, kind, count, at)
        at += part.nbytes
        return part

    times = take("<f4", header["beats"])
    wave = take("i1", 3 * header["columns"]).reshape(-1, 3)
    numbers = take("u1", header["beats"])
    mel = take("u1", header["bands"] * header["melColumns"]).reshape(header["bands"], -1)
    assert at == len(data)
    return header, times, wave, numbers, mel


def test_what_is_packed_is_what_was_seen(seen):
    header, times, wave, numbers, mel = unpacked(player.pack(seen, "a song", "/media/1.mp3"))
    assert (header["name"], header["sound"]) == ("a song", "/media/1.mp3")
    assert header["duration"] == seen.duration
    assert (header["waveRate"], header["melRate"]) == (seen.waveform_rate, seen.mel_rate)
    np.testing.assert_allclose(header["frequencies"], seen.mel_frequencies, atol=0.05)
    peak = np.abs(seen.waveform).max()
    assert header["peak"] == peak
    np.testing.assert_allclose(wave / 127 * peak, seen.waveform, atol=0.5 / 127 * peak + 1e-6)
    np.testing.assert_array_equal(mel, seen.mel)
    np.testing.assert_allclose(times, seen.beats["time"], atol=1e-4)
    np.testing.assert_array_equal(numbers, seen.beats["beat"])
    assert len(times) > 10


def test_the_same_track_is_the_same_bytes_and_another_another_track(seen, demo):
    assert player.pack(seen, "a", None) == player.pack(seen, "a", None)
    other = preview(demo / "jazz-120bpm-b-flat-major.wav", Extraction("default"))
    tracks = [
        unpacked(player.pack(each, name, sound))[0]["track"]
        for each, name, sound in [
            (seen, "a", None),
            (seen, "b", "/media/x.mp3"),
            (other, "a", None),
        ]
    ]
    assert tracks[0] == tracks[1] != tracks[2]


def test_the_largest_picture_is_a_few_hundred_kilobytes(seen):
    columns = 4097
    large = dataclasses.replace(
        seen,
        waveform=np.zeros((columns, 3), np.float32),
        mel=np.zeros((64, columns), np.uint8),
        beats=pd.DataFrame({"time": np.arange(1200.0), "beat": 1}),
    )
    assert len(player.pack(large, "x" * 10_000, None)) < 300_000


@pytest.mark.parametrize(
    "name",
    [
        "</script><img src=x onerror=alert(1)>",
        'a"b\\c\n\x00\u2028',
        "\udcff\udc80",
        "\u202egpj.exe",
        "",
    ],
)
def test_any_name_is_only_text(seen, name):
    assert unpacked(player.pack(seen, name, None))[0]["name"] == name


def test_without_beats_columns_or_sense(seen):
    nothing = dataclasses.replace(
        seen,
        duration=0.0,
        waveform=np.empty((0, 1), np.float32),
        mel=np.zeros((64, 0), np.uint8),
        beats=pd.DataFrame({"time": [], "beat": []}),
    )
    header, times, wave, _, mel = unpacked(player.pack(nothing, "n", None))
    assert (len(times), len(wave), mel.size, header["sound"]) == (0, 0, 0, None)

    odd = dataclasses.replace(
        seen,
        waveform=np.array([[-2, np.nan, np.inf], [-1, 1, 0.5]], np.float32),
        beats=pd.DataFrame({"time": [2.0, np.nan, 1.0], "beat": [300, 1, np.nan]}),
    )
    header, times, wave, numbers, _ = unpacked(player.pack(odd, "n", None))
    assert header["peak"] == 2
    np.testing.assert_array_equal(wave, [[-127, 0, 64], [-64, 64, 32]])
    np.testing.assert_array_equal(times, [1, 2])
    np.testing.assert_array_equal(numbers, [0, 255])


@pytest.mark.parametrize(
    ("name", "served"),
    [
        ("a.mp3", "audio/mpeg"),
        ("a.OGG", "audio/ogg"),
        ("a.html", "application/octet-stream"),
        ("a.svg", "application/octet-stream"),
        ("a", "application/octet-stream"),
    ],
)
def test_a_file_is_never_served_as_a_page(name, served):
    assert player.sound_type(Path(name)) == served


def script(file, key):
    import pickle
    from pathlib import Path

    from streamlit import runtime

    from earmark.classify.app.widgets import player

    sound, seen = pickle.loads(Path(file).read_bytes())
    player.show(seen, sound, "a song", key)
    manager = runtime.get_instance().media_file_mgr
    if sound and sound.exists():
        (stored,) = manager._storage._files_by_id.values()
        assert stored.content == sound.read_bytes()


@pytest.mark.parametrize("sound", [None, "gone.flac", "hip-hop-90bpm-d-minor.mp3"])
def test_a_page_shows_it_with_sound_and_without(seen, demo, tmp_path, sound):
    import pickle

    file = tmp_path / "seen.pkl"
    file.write_bytes(pickle.dumps((sound and demo / sound, seen)))
    page = AppTest.from_function(script, args=(str(file), "one"), default_timeout=30).run()
    assert not page.exception
    (shown,) = page.get("bidi_component")
    header = unpacked(shown.proto.bytes)[0]
    assert header["name"] == "a song"
    if sound and sound != "gone.flac":
        assert header["sound"].startswith("/mock/media/")
        assert header["sound"].endswith(".mp3")
    else:
        assert header["sound"] is None


def test_the_texts_of_the_component_are_whole():
    """The browser gets them as they are: nothing from elsewhere, nothing makes code of data."""
    folder = Path(player.__file__).parent
    texts = {
        name: (folder / name).read_text("utf-8")
        for name in ("picture.js", "player.js", "player.css", "player.html")
    }
    for name, text in texts.items():
        for never in ("http:", "https:", "url(", "@import", "innerHTML", "eval(", "<script"):
            assert never not in text, f"{never} in {name}"
