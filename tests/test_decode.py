"""Files become samples, whatever the format; what is no audio is refused and said to be so."""

from __future__ import annotations

import io
import os
import signal
import struct
import sys
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from earmark.extract.audio import decode, ffmpeg
from earmark.extract.audio.sources import Track
from earmark.extract.batch import run
from earmark.extract.batch import track as analysis
from earmark.extract.config import DEFAULTS
from earmark.extract.errors import DecodeError

RATE = 22050
NOISE = np.random.default_rng(0).normal(0, 0.1, RATE).astype(np.float32)
EXTRACTION = run.Extraction("default", DEFAULTS)


def encoded(samples=NOISE, rate=RATE, kind="WAV", subtype=None):
    """Return a file of libsndfile's as bytes."""
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, rate, format=kind, subtype=subtype)
    return buffer.getvalue()


def with_av(path, codec, rate=44100, layout="stereo", seconds=2, container=None):
    """Write a tone with one of FFmpeg's encoders."""
    time = np.arange(seconds * rate) / rate
    channels = av.AudioLayout(layout).nb_channels
    tone = np.repeat(0.5 * np.sin(2 * np.pi * 440 * time)[None], channels, 0).astype(np.float32)
    frame = av.AudioFrame.from_ndarray(tone, format="fltp", layout=layout)
    frame.sample_rate, frame.pts, frame.time_base = rate, 0, Fraction(1, rate)
    with av.open(str(path), "w", format=container) as target:
        stream = target.add_stream(codec, rate=rate)
        stream.layout = layout
        stream.bit_rate = 128_000
        # Encoders take their own sample format, most of them in frames of a fixed length.
        resampler = av.AudioResampler(stream.format, layout, rate, stream.frame_size or 1024)
        for piece in (*resampler.resample(frame), *resampler.resample(None), None):
            target.mux(stream.encode(piece))
    return path


def picture(path, codec, pixels="yuv420p"):
    """Write a picture, or a video of one, without any sound."""
    with av.open(str(path), "w", format="image2" if codec == "png" else None) as target:
        stream = target.add_stream(codec, rate=1)
        stream.width = stream.height = 64
        stream.pix_fmt = pixels
        frame = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), format="rgb24")
        for piece in (frame.reformat(format=pixels), None):
            target.mux(stream.encode(piece))
    return path


def samples(path):
    with decode.open_audio(path) as audio:
        blocks = [block.copy() for block in audio.blocks]
    assert all(block.dtype == np.float32 and block.shape[1] == audio.channels for block in blocks)
    return np.concatenate(blocks), audio.sample_rate


def outcome(path):
    """Analyse a file; a failure must be one that somebody foresaw."""
    found = analysis.analyse(Track("name", Path(path)), EXTRACTION)
    assert found.failure is None or "please report it" not in found.failure[3], found.failure
    return found


@pytest.fixture
def in_time():
    """Stop a test that hangs; what waits in the kernel for a FIFO can be interrupted."""

    def stop(*_):
        raise TimeoutError("it hangs")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(5)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize(
    ("subtype", "tolerance"),
    [("PCM_U8", 0.01), ("PCM_16", 1e-4), ("PCM_24", 1e-6), ("FLOAT", 0), ("DOUBLE", 0)],
)
def test_samples_are_scaled_to_one_whatever_their_width(tmp_path, subtype, tolerance):
    path = tmp_path / "x.wav"
    path.write_bytes(encoded(subtype=subtype))
    found, rate = samples(path)
    assert rate == RATE
    np.testing.assert_allclose(found[:, 0], NOISE, atol=tolerance)


@pytest.mark.parametrize("kind", ["FLAC", "AIFF", "AU", "CAF", "W64", "RF64"])
def test_lossless_formats_give_the_samples_of_the_wav(tmp_path, kind):
    path = tmp_path / "no ending"
    path.write_bytes(encoded(kind=kind, subtype="PCM_16"))
    np.testing.assert_allclose(samples(path)[0][:, 0], NOISE, atol=1e-4)


@pytest.mark.parametrize("channels", [1, 2, 6, 8])
def test_every_channel_is_read(tmp_path, channels):
    path = tmp_path / "x.wav"
    levels = np.linspace(0.1, 0.8, channels, dtype=np.float32)
    path.write_bytes(encoded(np.tile(levels, (RATE, 1)), subtype="FLOAT"))
    np.testing.assert_array_equal(samples(path)[0][0], levels)
    assert outcome(path).failure is None


@pytest.mark.parametrize("rate", [8000, 11025, 44100, 96000, 192000])
def test_a_tone_is_where_it_is_at_any_sample_rate(tone, rate):
    row = outcome(tone(rate=rate, seconds=1.0, frequency=1000.0))
    assert row.seconds == pytest.approx([1.0])
    centroid = row.values[0, EXTRACTION.schema.names.index("spectral_centroid_mean")]
    assert centroid == pytest.approx(1000, rel=0.1)


@pytest.mark.parametrize(
    ("name", "codec", "rate", "layout"),
    [
        ("x.m4a", "aac", 44100, "stereo"),
        ("surround.m4a", "aac", 48000, "5.1"),
        ("lossless.m4a", "alac", 44100, "stereo"),
        ("x.aac", "aac", 44100, "mono"),
        ("x.opus", "libopus", 48000, "stereo"),
        ("x.webm", "libopus", 48000, "stereo"),
        ("x.wma", "wmav2", 44100, "stereo"),
        ("x.ac3", "ac3", 48000, "stereo"),
        ("x.mp3", "libmp3lame", 44100, "stereo"),
        ("x.mka", "flac", 44100, "stereo"),
        ("x.wv", "wavpack", 44100, "stereo"),
        ("x.tta", "tta", 44100, "stereo"),
    ],
)
def test_formats_of_ffmpeg_have_their_duration_rate_and_level(tmp_path, name, codec, rate, layout):
    path = tmp_path / name
    try:
        with_av(path, codec, rate, layout)
    except (av.codec.codec.UnknownCodecError, av.error.FFmpegError) as error:
        pytest.skip(f"this FFmpeg cannot write it: {error}")
    found, own_rate = samples(path)
    assert own_rate == rate
    # A lossy codec may add a frame or two of silence.
    assert len(found) / rate == pytest.approx(2, abs=0.1)
    assert found.shape[1] == av.AudioLayout(layout).nb_channels
    middle = found[rate // 2 : 3 * rate // 2, 0]
    assert np.sqrt(np.mean(middle**2)) == pytest.approx(0.5 / np.sqrt(2), rel=0.1)


def test_the_demo_tracks_can_be_read(demo):
    paths = sorted(demo.glob("*bpm*"))
    assert {path.suffix for path in paths} == {".flac", ".m4a", ".mp3", ".ogg", ".wav"}
    for path in paths:
        found, rate = samples(path)
        assert len(found) > 5 * rate


@pytest.mark.parametrize("tag", [100, 100_000, 2_000_000])
def test_a_tag_before_the_first_frame_is_passed_over(tmp_path, tag):
    size = bytes(tag >> shift & 127 for shift in (21, 14, 7, 0))
    path = tmp_path / "x.mp3"
    path.write_bytes(b"ID3\x04\0\0" + size + bytes(tag) + encoded(kind="MP3"))
    assert len(samples(path)[0]) == pytest.approx(RATE, abs=2400)


def tagged(size):
    """Return a tag of ID3v2, as stands at the start of a file."""
    content = bytes(range(1, 200)) * (size // 199)
    return b"ID3\x04\0\0" + bytes(len(content) >> at & 127 for at in (21, 14, 7, 0)) + content


def tagged_behind(size):
    """Return a tag of APE, as stands at the end of a file: with a header and a footer."""
    content = struct.pack("<II", size, 2) + b"Cover Art (Front)\0" + bytes(range(1, 200)) * size
    content = content[: 26 + size]
    ends = [
        b"APETAGEX" + struct.pack("<IIII", 2000, len(content) + 32, 1, flags) + bytes(8)
        for flags in (0xA0000000, 0x80000000)
    ]
    return ends[0] + content + ends[1]


def music_of(path):
    """Return an MP3 without the tag at its start; its first frame counts what it holds."""
    content = path.read_bytes()
    assert content.startswith(b"ID3")
    sizes = zip(content[6:10], (21, 14, 7, 0), strict=True)
    music = content[10 + sum(byte << at for byte, at in sizes) :]
    assert b"Info" in music[:100]
    return music


@pytest.mark.parametrize("read", [music_of, Path.read_bytes], ids=["bare", "with their tags"])
@pytest.mark.parametrize("order", [(0, 1), (0, 1, 0), (1, 1, 1), (1, 0, 0)])
def test_mp3s_laid_end_to_end_are_read_to_the_end(demo, tmp_path, order, read):
    paths = sorted(demo.glob("*.mp3"))
    path = tmp_path / "mix.mp3"
    path.write_bytes(b"".join(read(paths[index]) for index in order))
    alone = [samples(paths[index])[0] for index in order]
    found, rate = samples(path)
    assert len(found) / rate == pytest.approx(sum(map(len, alone)) / rate, abs=0.2)
    # But for a second at its ends, each is as loud as alone.
    start = 0
    for part in alone:
        inner = slice(start + rate, start + len(part) - rate)
        level, expected = (np.sqrt(np.mean(own**2)) for own in (found[inner], part[rate:-rate]))
        assert level == pytest.approx(expected, rel=0.02)
        start += len(part)


@pytest.mark.parametrize(
    ("before", "behind"),
    [
        (b"", b""),
        (tagged(3_000_000), b""),
        (b"", b"TAG" + bytes(125)),
        (b"", tagged_behind(200_000)),
        (tagged(3_000_000), tagged_behind(200_000) + b"TAG" + bytes(125)),
        (b"", tagged_behind(3_000_000)),
        (b"", tagged(3_000_000)),
        (b"", bytes(400_000)),
        (b"", np.random.default_rng(0).bytes(400_000)),
    ],
    ids=["none", "ID3v2", "ID3v1", "APE", "all", "big APE", "ID3v2 behind", "zeros", "noise"],
)
def test_tags_are_not_taken_for_more_music(demo, tmp_path, monkeypatch, before, behind):
    # FFmpeg, which reads what is laid end to end, is slower and gives other samples at the ends.
    monkeypatch.setattr(ffmpeg, "opened", lambda *_: pytest.fail("not read by libsndfile"))
    original = min(demo.glob("*.mp3"))
    path = tmp_path / "x.mp3"
    path.write_bytes(before + music_of(original) + behind)
    found, rate = samples(path)
    expected, own = samples(original)
    assert rate == own
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("junk", [bytes(3000), bytes(range(200)) * 10])
def test_junk_before_the_first_frame_is_passed_over(tmp_path, junk):
    path = tmp_path / "x.mp3"
    path.write_bytes(junk + encoded(kind="MP3"))
    assert len(samples(path)[0]) == pytest.approx(RATE, abs=2400)


def test_a_cover_picture_is_not_taken_for_the_music(tmp_path):
    mutagen = pytest.importorskip("mutagen.mp4")
    path = with_av(tmp_path / "x.m4a", "aac")
    cover = picture(tmp_path / "cover.png", "png", "rgb24").read_bytes()
    tags = mutagen.MP4(path)
    tags["covr"] = [mutagen.MP4Cover(cover, mutagen.MP4Cover.FORMAT_PNG)]
    tags.save()
    assert outcome(path).seconds == pytest.approx([2], abs=0.1)


def patched(offset, layout, value):
    """Return a WAV whose header lies at one place."""
    data = bytearray(encoded(subtype="PCM_16"))
    struct.pack_into(layout, data, offset, value)
    return bytes(data)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"is empty \(0 bytes\)"),
        (b"no music, only words\n" * 99, "is not audio"),
        (bytes(100_000), "is not audio"),
        (b"\xff" * 5000, "is not audio"),
        (encoded()[:40], "is not audio"),
        (encoded()[:44], "holds no samples"),
        (encoded(NOISE[:0]), "holds no samples"),
        (patched(24, "<I", 0), "is not audio"),
        (patched(24, "<I", 1), "sample rate is 1 Hz; its header is damaged"),
        (patched(24, "<I", 2**32 - 1), "is not audio|sample rate is"),
        (patched(22, "<H", 0), "is not audio"),
        (patched(22, "<H", 65535), "is not audio"),
        (patched(34, "<H", 0), "is not audio"),
        (patched(20, "<H", 99), "is not audio"),
        (encoded(kind="MP3")[:60], "is not audio"),
        (encoded(kind="OGG")[:60], "is not audio"),
        (encoded(kind="FLAC")[:60], "is not audio"),
    ],
    # Some of the bytes are random: the names must be the same in every process that runs tests.
    ids=[
        *("empty", "text", "zeros", "sync words", "40 bytes of WAV", "header of WAV", "no samples"),
        *("0 Hz", "1 Hz", "4 GHz", "no channels", "65535 channels", "0 bits", "unknown codec"),
        *("60 bytes of MP3", "60 bytes of Ogg", "60 bytes of FLAC"),
    ],
)
def test_what_is_no_audio_is_refused_with_a_reason(tmp_path, content, message):
    path = tmp_path / "x.mp3"
    path.write_bytes(content)
    found = outcome(path)
    assert found.failure is not None
    assert found.failure[:3] == ("name", "decode", "DecodeError")
    with pytest.raises(DecodeError, match=message):
        raise DecodeError(path, found.failure[3])


@pytest.mark.parametrize("length", [2**31, 2**32 - 1])
def test_a_wav_from_a_pipe_does_not_know_its_length_and_is_read_to_its_end(tmp_path, length):
    path = tmp_path / "x.wav"
    path.write_bytes(patched(40, "<I", length))
    assert outcome(path).seconds == pytest.approx([1])


def test_a_flac_from_a_pipe_does_not_know_its_length_and_is_read_to_its_end(tmp_path):
    data = bytearray(encoded(kind="FLAC"))
    # The last 36 bits of these eight bytes count the samples; an encoder that writes to a pipe
    # cannot come back to fill them in.
    known = int.from_bytes(data[18:26], "big") >> 36 << 36
    data[18:26] = known.to_bytes(8, "big")
    path = tmp_path / "x.flac"
    path.write_bytes(data)
    assert outcome(path).seconds == pytest.approx([1])


@pytest.mark.parametrize(
    ("name", "codec", "message"),
    [("x.mp4", "mpeg4", "holds no audio stream"), ("x.flac", "png", "it is a picture")],
)
def test_pictures_without_sound_are_refused(tmp_path, name, codec, message):
    path = picture(tmp_path / name, codec, "rgb24" if codec == "png" else "yuv420p")
    with pytest.raises(DecodeError, match=message):
        samples(path)


@pytest.mark.parametrize("content", ["ffconcat version 1.0\nfile other.mp3\n"])
def test_a_list_of_files_is_no_audio_and_opens_none_of_them(tmp_path, content):
    (tmp_path / "other.mp3").write_bytes(encoded(kind="MP3"))
    path = tmp_path / "list.mp3"
    path.write_text(content)
    with pytest.raises(DecodeError, match="is not audio"):
        samples(path)


@pytest.mark.parametrize("kind", ["WAV", "FLAC", "OGG", "MP3", "m4a"])
@pytest.mark.parametrize("share", [0.05, 0.3, 0.6, 0.95])
def test_a_file_that_was_cut_gives_what_is_left_or_a_reason(tmp_path, kind, share):
    path = tmp_path / f"x.{kind}"
    if kind == "m4a":
        data = with_av(path, "aac", RATE, "mono", seconds=1).read_bytes()
    else:
        data = encoded(kind=kind)
    path.write_bytes(data[: int(share * len(data))])
    found = outcome(path)
    if found.failure is None:
        assert 0 < found.seconds[0] <= share + 0.1
    else:
        assert found.failure[1:3] == ("decode", "DecodeError")


@pytest.mark.parametrize("kind", ["WAV", "FLAC", "OGG", "MP3"])
@settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(changes=st.dictionaries(st.integers(0, 300), st.integers(0, 255), min_size=1, max_size=6))
def test_a_damaged_header_never_surprises(tmp_path, kind, changes):
    data = bytearray(encoded(NOISE[:6000], kind=kind))
    for place, value in changes.items():
        data[place] = value
    path = tmp_path / "x"
    path.write_bytes(data)
    outcome(path)


@pytest.mark.parametrize("place", [0, RATE // 2, -1])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e30])
@pytest.mark.filterwarnings("ignore:(invalid value|overflow) encountered:RuntimeWarning")
def test_samples_that_are_not_numbers_are_refused_wherever_they_are(tmp_path, place, value):
    # The last 50 ms fill no step of the meter.
    data = NOISE[: -RATE // 20].copy()
    data[place] = value
    path = tmp_path / "x.wav"
    path.write_bytes(encoded(data, subtype="FLOAT"))
    found = outcome(path)
    assert found.failure is not None
    assert found.failure[1] == "decode"
    assert "not numbers" in found.failure[3]


@pytest.mark.parametrize("content", [np.zeros(RATE), NOISE[:1], NOISE[:2000]])
def test_of_silence_and_of_less_than_a_window_only_the_duration_is_known(tmp_path, content):
    path = tmp_path / "x.wav"
    path.write_bytes(encoded(content))
    found = outcome(path)
    assert found.seconds == pytest.approx([len(content) / RATE])
    known = [
        name
        for name, value in zip(EXTRACTION.schema.names, found.values[0], strict=True)
        if value == value
    ]
    assert known == ["duration_ms"]


def test_a_file_that_is_gone_is_said_to_be_gone(tmp_path):
    with pytest.raises(DecodeError, match=r"x\.mp3: is no(t| longer) there"):
        samples(tmp_path / "x.mp3")


@pytest.mark.skipif(sys.platform == "win32", reason="no links without special rights")
@pytest.mark.parametrize("target", ["nowhere.mp3", "x.mp3"])
def test_a_link_to_nothing_or_to_itself_is_refused(tmp_path, target):
    (tmp_path / "x.mp3").symlink_to(target)
    with pytest.raises(DecodeError, match=r"is no(t| longer) there|cannot be read"):
        samples(tmp_path / "x.mp3")


def test_a_folder_is_refused(tmp_path):
    with pytest.raises(DecodeError, match=r"cannot be read|not a (regular )?file"):
        samples(tmp_path)


def test_a_file_that_may_not_be_read_is_refused(tone, monkeypatch):
    path = tone()

    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(DecodeError, match="cannot be read: Permission denied"):
        samples(path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no FIFO on this system")
def test_a_fifo_is_refused_and_not_waited_for(tmp_path, in_time):
    path = tmp_path / "x.mp3"
    os.mkfifo(path)
    with pytest.raises(DecodeError, match=r"not a (regular )?file"):
        samples(path)


@pytest.mark.parametrize("kind", ["wav", "m4a"])
def test_a_file_may_be_called_what_is_not_utf8(tmp_path, kind):
    plain = tmp_path / f"x.{kind}"
    if kind == "m4a":
        with_av(plain, "aac")
    else:
        plain.write_bytes(encoded())
    try:
        path = plain.rename(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9"))
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    assert len(samples(path)[0])


@pytest.mark.parametrize("name", ["pipe:0.m4a", "file:x.m4a", "http:x.m4a", "-x.m4a", "%03d.m4a"])
def test_a_relative_name_is_never_taken_for_a_protocol(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    with_av(tmp_path / "x.m4a", "aac").rename(tmp_path / name)
    assert len(samples(name)[0])
