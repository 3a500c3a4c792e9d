"""Files that are not plainly what they seem: the right value, a note, or a true reason."""

from __future__ import annotations

import io
import random
import re
import struct

import numpy as np
import pandas as pd
import pytest
import soundfile
from test_decode import encoded, music_of, picture, samples, tagged, tagged_behind, with_av

import earmark
from earmark.classify.app.files.sniff import sniff
from earmark.extract import tables
from earmark.extract.audio import chunks, decode, foreign_tags, libsndfile
from earmark.extract.audio.sources import Track
from earmark.extract.audio.view import View
from earmark.extract.batch.track import Extraction, analyse
from earmark.extract.errors import DecodeError

RATE = 44100
SECONDS = 4
NOISE = np.random.default_rng(0).normal(0, 0.1, (SECONDS * RATE, 2)).astype(np.float32)


def analysed(path, feature_set="loudness"):
    found = analyse(Track(path.name, path), Extraction(feature_set))
    assert found.failure is None, found.failure
    return found


def refused(path):
    with pytest.raises(DecodeError) as error:
        samples(path)
    return error.value.message


def put(path, data):
    path.write_bytes(data)
    return path


def file_of(tmp_path, name, codec, rate=RATE, layout="stereo", seconds=2, container=None):
    """Return the bytes of a tone."""
    if codec == "libvorbis":
        # This FFmpeg cannot write it.
        time = np.arange(seconds * rate) / rate
        tone = 0.5 * np.sin(2 * np.pi * 440 * time)[:, None].repeat(1 + (layout == "stereo"), 1)
        data = encoded(tone, rate, "OGG", "VORBIS")
        return put(tmp_path / name, data).read_bytes()
    return with_av(tmp_path / name, codec, rate, layout, seconds, container).read_bytes()


# The content decides, not the ending


@pytest.mark.parametrize(
    ("codec", "container", "name"),
    [
        ("aac", "adts", "a.mp3"),
        ("libmp3lame", "mpegts", "t.mp3"),
        ("libmp3lame", "avi", "a.wav"),
        ("wmav2", "asf", "a.flac"),
        ("libopus", "webm", "a.aiff"),
        ("ac3", "ac3", "a.au"),
    ],
)
def test_a_wrong_ending_changes_nothing(tmp_path, codec, container, name):
    path = with_av(tmp_path / name, codec, 48000, seconds=3, container=container)
    assert analysed(path).seconds == pytest.approx([3], abs=0.1)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("# Earmark turns music into a table.\n" * 500, "it is text"),
        (bytes(4096), "it is nothing but zeros"),
        (b"%PDF-1.7" + bytes(500), "it is a PDF"),
        (random.Random(0).randbytes(20_000), "is not audio"),
        (("\ufeff" + "A song.\r\n" * 999).encode("utf-16-le"), "it is text"),
        (("\ufeff" + "A song.\r\n" * 999).encode("utf-16-be"), "it is text"),
        # libsndfile takes this for MP3, and libmpg123 has its own words about it.
        (b"\xff\xfe\x41\x01" + "héllo wörld ".encode("utf-16-le") * 500, "is not audio"),
    ],
    ids=["text", "zeros", "PDF", "noise", "UTF-16", "UTF-16 of the other order", "like MP3"],
)
@pytest.mark.parametrize("name", ["x.au", "x.snd", "x.vox", "x.gsm", "x.raw", "x.mp3", "x.sw"])
def test_nothing_is_made_of_what_is_no_audio(tmp_path, capfd, name, content, message):
    data = content.encode() if isinstance(content, str) else content
    assert message in refused(put(tmp_path / name, data))
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("kind", ["WAV", "AIFF", "AU", "m4a"])
def test_what_breaks_off_in_its_header_is_called_broken_and_not_unknown(tmp_path, kind):
    if kind == "m4a":
        # Its index stands at the end.
        data = with_av(tmp_path / "x.m4a", "aac").read_bytes()
        data = data[: len(data) // 2]
    else:
        data = encoded(NOISE, RATE, kind)[:22]
    assert "breaks off, or its header is damaged" in refused(put(tmp_path / "x", data))


def test_a_picture_called_a_sound_is_a_picture(tmp_path):
    path = picture(tmp_path / "x.snd", "png", "rgb24")
    assert "it is a picture" in refused(path)


# A length that is only said never ends the reading


def frames_of(data):
    """Return an MP3 without the tag and the frame that says how many follow."""
    sync = re.compile(rb"\xff[\xf3\xfb]")
    first = sync.search(data)
    return data[sync.search(data, first.end()).start() :]


def mp3(tmp_path, rate=RATE, layout="stereo", seconds=SECONDS):
    return file_of(tmp_path, f"{rate}{layout}.mp3", "libmp3lame", rate, layout, seconds=seconds)


def test_an_mp3_of_many_bitrates_without_a_header_is_read_to_its_end(tmp_path):
    quiet = io.BytesIO()
    # Frames of digital silence are small: a guess by the first ones is far too long or short.
    soundfile.write(
        quiet, NOISE * 0, RATE, format="MP3", bitrate_mode="VARIABLE", compression_level=0.9
    )
    loud = io.BytesIO()
    soundfile.write(loud, NOISE, RATE, format="MP3", bitrate_mode="VARIABLE", compression_level=0.0)
    parts = [frames_of(each.getvalue()) for each in (loud, quiet)]
    assert len(parts[0]) > 2 * len(parts[1])
    for order in ((0, 1), (1, 0)):
        path = put(tmp_path / "x.mp3", b"".join(parts[at] for at in order))
        assert analysed(path).seconds == pytest.approx([2 * SECONDS], abs=0.1)


@pytest.mark.parametrize(("factor", "kept"), [(0.5, "2.0"), (3, "12.0")])
def test_a_wrong_count_of_frames_is_said_and_not_believed(tmp_path, factor, kept):
    data = bytearray(mp3(tmp_path))
    at = max(data.find(b"Xing"), data.find(b"Info"))
    assert data[at + 7] & 1
    (count,) = struct.unpack_from(">I", data, at + 8)
    struct.pack_into(">I", data, at + 8, round(count * factor))
    found = analysed(put(tmp_path / "x.mp3", bytes(data)))
    assert found.seconds == pytest.approx([SECONDS], abs=0.1)
    assert found.notes[0].startswith(f"says that it has {kept[:-1]}")


def test_a_flac_that_says_a_quarter_is_read_whole(tmp_path):
    data = bytearray(encoded(NOISE, RATE, "FLAC"))
    packed = int.from_bytes(data[18:26], "big")
    total = packed & (2**36 - 1)
    assert total == len(NOISE)
    data[18:26] = (packed - total + total // 4).to_bytes(8, "big")
    found = analysed(put(tmp_path / "x.flac", bytes(data)))
    assert found.seconds == pytest.approx([SECONDS])
    assert found.notes == ("says that it has 1.0 s and has 4.0 s",)


def test_the_frames_of_a_flac_know_their_sample_rate(tmp_path):
    data = bytearray(encoded(NOISE, RATE, "FLAC"))
    packed = int.from_bytes(data[18:26], "big")
    data[18:26] = (packed - (RATE << 44) + (4000 << 44)).to_bytes(8, "big")
    found = analysed(put(tmp_path / "x.flac", bytes(data)))
    assert found.seconds == pytest.approx([SECONDS])
    assert found.notes == ("says that it has 44.1 s and has 4.0 s",)


def never_filled(kind, value=0):
    """Return a file as a recorder that crashed leaves it."""
    data = bytearray(encoded(NOISE, RATE, kind, "PCM_16"))
    if kind == "WAV":
        struct.pack_into("<I", data, 4, value)
        struct.pack_into("<I", data, data.find(b"data") + 4, value)
    elif kind == "AU":
        struct.pack_into("<I" if data[:4] == b"dns." else ">I", data, 8, value)
    elif kind == "AIFF":
        struct.pack_into(">I", data, data.find(b"COMM") + 10, value)
        struct.pack_into(">I", data, data.find(b"SSND") + 4, value)
    elif kind == "W64":
        struct.pack_into("<q", data, data.find(b"data") + 16, value + 24)
    elif kind == "CAF":
        struct.pack_into(">q", data, data.find(b"data") + 4, value)
    elif kind == "RF64":
        struct.pack_into("<q", data, data.find(b"ds64") + 16, value)
    return bytes(data)


@pytest.mark.parametrize("kind", ["WAV", "AU", "AIFF", "W64", "CAF", "RF64"])
def test_a_length_that_was_never_filled_in_is_that_of_the_file(tmp_path, kind):
    found = analysed(put(tmp_path / "x", never_filled(kind)))
    assert found.seconds == pytest.approx([SECONDS], abs=0.001)
    assert found.notes == (chunks.ENDLESS,)
    whole = analysed(put(tmp_path / "whole", encoded(NOISE, RATE, kind, "PCM_16")))
    assert whole.notes == ()
    np.testing.assert_allclose(found.values, whole.values, atol=1e-3)


@pytest.mark.parametrize("value", [2**32 - 1, 2**31 - 1])
def test_a_wav_or_au_of_unknown_length_is_read_to_its_end(tmp_path, value):
    for kind in ("WAV", "AU"):
        found = analysed(put(tmp_path / "x", never_filled(kind, value)))
        assert found.seconds == pytest.approx([SECONDS])


def test_the_length_of_a_wav_of_more_than_4_gib_has_wrapped(tmp_path):
    head = bytearray(encoded(NOISE[:0], RATE, "WAV", "PCM_16"))
    extra = 4000
    struct.pack_into("<I", head, head.find(b"data") + 4, extra)
    path = put(tmp_path / "x.wav", bytes(head))
    with path.open("r+b") as file:
        # A hole takes no room on the disk.
        file.truncate(len(head) + 2**32 + extra)
    with path.open("rb") as file:
        extent = chunks.wav(file, 0, path.stat().st_size)
        assert not extent.plain
        view = View(file, 0, path.stat().st_size, extent.replaced)
        assert struct.unpack_from("<I", view.read(len(head)), head.find(b"data") + 4) == (
            2**32 - 1,
        )
    with decode.open_audio(path) as audio:
        read = sum(len(block) for block, _ in zip(audio.blocks, range(40), strict=False))
    assert read > 10 * extra


def test_what_stands_behind_the_sound_of_a_wav_is_not_sound(tmp_path):
    data = encoded(NOISE, RATE, "WAV", "PCM_16")
    found = analysed(put(tmp_path / "x.wav", data + b"\xaa\xbb\xcc\xdd" * 50_000))
    assert found.seconds == pytest.approx([SECONDS])
    assert found.notes == ("has 200000 bytes behind its sound that nobody reads",)
    chunk = b"LIST" + struct.pack("<I", 10_000) + bytes(10_000)
    assert analysed(put(tmp_path / "x.wav", data + chunk)).notes == ()


@pytest.mark.parametrize("kind", ["WAV", "W64", "AIFF"])
def test_a_second_file_behind_the_first_is_said_and_not_read_as_samples(tmp_path, kind):
    data = encoded(NOISE, RATE, kind, "PCM_16")
    found = analysed(put(tmp_path / "x", data + data))
    assert found.seconds == pytest.approx([SECONDS])
    assert found.notes == (f"has {len(data)} bytes behind its sound that nobody reads",)


@pytest.mark.parametrize("other", ["FLAC", "OGG", "WAV", "zeros", "text"])
def test_what_stands_behind_the_last_frame_of_an_mp3_is_said(tmp_path, other):
    texts = {"zeros": bytes(20_000), "text": b"<html>not found</html>" * 500}
    behind = texts[other] if other in texts else encoded(NOISE, RATE, other)
    data = mp3(tmp_path)
    found = analysed(put(tmp_path / "x.mp3", data + behind))
    assert found.seconds == pytest.approx([SECONDS], abs=0.03)
    assert found.notes == (f"has {len(behind)} bytes behind its last frame that are no MP3",)
    assert analysed(put(tmp_path / "x.mp3", data)).notes == ()


def test_frames_of_a_flac_that_are_damaged_are_left_out_and_no_noise(tmp_path):
    time = np.arange(20 * RATE) / RATE
    tone = (0.1 * np.sin(2 * np.pi * (220 + 20 * time) * time)).astype(np.float32)
    data = encoded(tone, RATE, "FLAC")
    for cut in range(4, 12):
        at = len(data) * cut // 16
        path = put(tmp_path / "x.flac", data[:at] + data[at + 5000 :])
        read, _ = samples(path)
        assert abs(read).max() < 0.101
        assert 0.9 * len(tone) < len(read) < len(tone)


@pytest.mark.parametrize("kind", ["WAV", "FLAC", "MP3", "AIFF"])
def test_a_file_that_was_cut_says_so(tmp_path, kind):
    data = encoded(NOISE, RATE, kind) if kind != "MP3" else mp3(tmp_path)
    found = analysed(put(tmp_path / "x", data[: len(data) * 3 // 4]))
    assert found.seconds == pytest.approx([3], abs=0.1)
    assert "4.0" in found.notes[0]


@pytest.mark.parametrize("codec", ["libvorbis", "libopus", "flac"])
def test_an_ogg_that_was_cut_says_so(tmp_path, codec):
    rate = 48000 if codec == "libopus" else RATE
    data = file_of(tmp_path, "x.ogg", codec, rate, seconds=20, container="ogg")
    assert analysed(tmp_path / "x.ogg").notes == ()
    found = analysed(put(tmp_path / "x.ogg", data[: len(data) * 3 // 4]))
    assert 13 < found.seconds[0] < 17
    assert "breaks off in the middle of a page" in found.notes[0]


@pytest.mark.parametrize(
    ("codec", "container"), [("pcm_mulaw", "aiff"), ("pcm_alaw", "aiff"), ("adpcm_ms", "wav")]
)
def test_compressed_sound_of_a_chunk_that_was_cut_says_so(tmp_path, codec, container):
    data = bytearray(file_of(tmp_path, "x", codec, container=container))
    if container == "wav":
        # Bytes per second are often zero where the bitrate varies.
        data[28:32] = bytes(4)
    assert analysed(put(tmp_path / "x", bytes(data))).notes == ()
    found = analysed(put(tmp_path / "x", bytes(data[: len(data) * 3 // 4])))
    assert found.seconds == pytest.approx([1.5], abs=0.1)
    assert "breaks off: " in found.notes[0]


@pytest.mark.parametrize(
    ("codec", "container"), [("libopus", "webm"), ("flac", "matroska"), ("aac", "flv")]
)
def test_a_cut_file_whose_duration_is_said_of_the_whole_says_so(tmp_path, codec, container):
    data = file_of(tmp_path, "x", codec, 48000 if codec == "libopus" else RATE, container=container)
    assert not any("says" in note for note in analysed(tmp_path / "x").notes)
    notes = analysed(put(tmp_path / "x", data[: len(data) * 2 // 3])).notes
    assert any("2.0" in note for note in notes), notes


def test_a_stream_without_a_duration_is_not_said_to_have_one(tmp_path):
    data = file_of(tmp_path, "x.mka", "libmp3lame", seconds=8)
    at = data.find(b"\x44\x89\x88")
    # An empty element takes the place of the duration.
    data = data[:at] + b"\xec\x89" + bytes(9) + data[at + 11 :]
    assert analysed(put(tmp_path / "x.mka", data)).notes == ()


# Streams that change


@pytest.mark.parametrize("with_header", [True, False])
@pytest.mark.parametrize("other", [(48000, "stereo"), (RATE, "mono"), (22050, "mono")])
def test_mp3s_of_two_kinds_are_read_to_the_end(tmp_path, other, with_header):
    parts = [mp3(tmp_path), mp3(tmp_path, *other)]
    parts = parts if with_header else [frames_of(part) for part in parts]
    found, rate = samples(put(tmp_path / "x.mp3", b"".join(parts)))
    assert (rate, found.shape[1]) == (RATE, 2)
    assert len(found) / rate == pytest.approx(2 * SECONDS, abs=0.15)
    # A tone of one channel is as loud as it was, on two loudspeakers.
    alone = samples(put(tmp_path / "y.mp3", parts[1]))[0][other[0] : 3 * other[0]]
    level = np.sqrt(np.mean(alone**2)) * (1 if other[1] == "stereo" else np.sqrt(0.5))
    inside = found[5 * RATE : 7 * RATE]
    assert np.sqrt(np.mean(inside**2)) == pytest.approx(level, rel=0.02)
    note = analysed(tmp_path / "x.mp3").notes[0]
    assert note.startswith("changes after 4.")


@pytest.mark.parametrize("other", [(48000, "stereo"), (48000, "mono")])
@pytest.mark.parametrize(
    ("codec", "container"),
    [("aac", "adts"), ("libvorbis", "ogg"), ("libopus", "ogg"), ("flac", "ogg"), ("flac", "flac")],
)
def test_streams_laid_end_to_end_are_read_to_the_end(tmp_path, codec, container, other):
    first = 48000 if codec == "libopus" else RATE
    parts = [
        file_of(tmp_path, f"{at}", codec, rate, layout, seconds=SECONDS, container=container)
        for at, (rate, layout) in enumerate([(first, "stereo"), other, (first, "stereo")])
    ]
    for order in ((0, 1), (0, 1, 2), (0, 2), (1, 0)):
        found, rate = samples(put(tmp_path / "x", b"".join(parts[at] for at in order)))
        assert len(found) / rate == pytest.approx(SECONDS * len(order), abs=0.2)
        # It sounds to the end.
        assert np.sqrt(np.mean(found[-2 * rate : -rate // 2] ** 2)) > 0.2


# libsndfile's "no" is not damage


@pytest.mark.parametrize(
    ("name", "codec", "container"),
    [
        ("x.flac", "flac", "flac"),
        ("x.mp3", "libmp3lame", "mp3"),
        ("x.ac3", "ac3", "ac3"),
        ("x.wv", "wavpack", "wv"),
        ("x.tta", "tta", "tta"),
        ("x.ogg", "libvorbis", "ogg"),
        ("x.aac", "aac", "adts"),
        ("x.wav", "pcm_s16le", "wav"),
    ],
)
@pytest.mark.parametrize(
    ("before", "behind"),
    [
        (tagged(200_000), b""),
        (b"", b"TAG" + bytes(125)),
        (b"", tagged_behind(500)),
        (tagged_behind(5000), b""),
        (tagged(300) * 2, tagged_behind(500) + b"TAG" + bytes(125)),
        (bytes(3000), b""),
        (b"", b"LYRICSBEGINLYR00005la la000024LYRICS200TAG" + bytes(125)),
    ],
    ids=["ID3v2", "ID3v1", "APE behind", "APE before", "all", "zeros", "Lyrics3"],
)
def test_foreign_tags_are_stepped_over(tmp_path, name, codec, container, before, behind):
    plain = file_of(tmp_path, "plain", codec, 48000, "stereo", seconds=SECONDS, container=container)
    expected = samples(tmp_path / "plain")[0]
    found = analysed(put(tmp_path / name, before + plain + behind))
    assert found.seconds[0] == pytest.approx(len(expected) / 48000, abs=0.05)
    # What stands before the sound is said, unless it is usual there.
    usual = container in ("mp3", "adts", "tta") and before != bytes(3000)
    assert len(found.notes) == (bool(before) and not usual)


@pytest.mark.parametrize("junk", [bytes(3000) + b"\x07" * 50, random.Random(1).randbytes(900)])
def test_aac_may_begin_anywhere_as_mp3_does(tmp_path, junk):
    data = file_of(tmp_path, "x.aac", "aac", container="adts", seconds=SECONDS)
    found = analysed(put(tmp_path / "x", junk + data))
    assert found.seconds == pytest.approx([SECONDS], abs=0.1)
    assert found.notes == (f"begins with {len(junk)} bytes that are no sound",)


def test_a_footer_without_its_header_takes_no_sound(tmp_path):
    data = file_of(tmp_path, "plain.opus", "libopus", 48000, "stereo")
    lying = b"APETAGEX" + struct.pack("<IIII", 2000, 32, 0, 0x80000000) + bytes(8)
    with (put(tmp_path / "x.opus", data + lying)).open("rb") as file:
        assert foreign_tags.bounds(file) == (0, len(data))


def test_ogg_with_pages_that_are_missing_is_noted(tmp_path):
    data = file_of(tmp_path, "x.ogg", "libvorbis", seconds=20)
    at = data.find(b"OggS", len(data) // 2)
    end = data.find(b"OggS", at + 4)
    for damaged in (data[:at] + data[end:], data[:at] + data[at + 300 :]):
        found = analysed(put(tmp_path / "y.ogg", damaged))
        assert 10 < found.seconds[0] < 20
        assert "pages are missing or broken" in found.notes[0]


def test_of_what_is_mostly_damaged_nothing_is_told(tmp_path):
    data = bytearray(file_of(tmp_path, "x.wv", "wavpack", seconds=20))
    for at in range(len(data) // 8, len(data), 50):
        data[at] ^= 0xFF
    message = refused(put(tmp_path / "x.wv", bytes(data)))
    assert "copy it again" in message


# Channels and sample rates


def in_channels(layout, rate=48000):
    """Return a tone of its own in each channel, with a loud low one for the subwoofer."""
    import av

    names = [channel.name for channel in av.AudioLayout(layout).channels]
    time = np.arange(SECONDS * rate) / rate
    tones = [
        0.7 * np.sin(2 * np.pi * 60 * time)
        if name == "LFE"
        else 0.02 * 1.5**at * np.sin(2 * np.pi * (400 + 50 * at) * time)
        for at, name in enumerate(names)
    ]
    return np.stack(tones, 1).astype(np.float32), names


VORBIS_ORDERS = {
    "5.0": ("FL", "FC", "FR", "BL", "BR"),
    "5.1": ("FL", "FC", "FR", "BL", "BR", "LFE"),
    "6.1": ("FL", "FC", "FR", "SL", "SR", "BC", "LFE"),
    "7.1": ("FL", "FC", "FR", "SL", "SR", "BL", "BR", "LFE"),
}


def surround(path, codec, layout, container):
    from fractions import Fraction

    import av

    tones, names = in_channels(layout)
    if codec == "libvorbis":
        # libsndfile writes channels in the order of the format.
        order = [names.index(name) for name in VORBIS_ORDERS[layout]]
        soundfile.write(path, tones[:, order], 48000, format="OGG", subtype="VORBIS")
        return path
    frame = av.AudioFrame.from_ndarray(tones.reshape(1, -1), format="flt", layout=layout)
    frame.sample_rate, frame.pts, frame.time_base = 48000, 0, Fraction(1, 48000)
    options = {"mapping_family": "1"} if codec == "libopus" else {}
    with av.open(str(path), "w", format=container) as target:
        stream = target.add_stream(codec, rate=48000, options=options)
        stream.layout = layout
        stream.bit_rate = 700_000
        size = stream.codec_context.frame_size or 1024
        resampler = av.AudioResampler(stream.format, layout, 48000, size)
        for piece in (*resampler.resample(frame), *resampler.resample(None), None):
            target.mux(stream.encode(piece))
    return path


@pytest.mark.parametrize("layout", ["5.0", "5.1", "6.1", "7.1"])
@pytest.mark.parametrize(
    ("codec", "container"),
    [("libvorbis", "ogg"), ("libopus", "ogg"), ("flac", "flac"), ("pcm_s16le", "aiff")],
)
def test_each_channel_is_where_its_loudspeaker_stands(tmp_path, layout, codec, container):
    if (layout, container) == ("7.1", "aiff"):
        pytest.skip("FFmpeg writes it with other names for the four channels beside and behind")
    found = analysed(surround(tmp_path / "x", codec, layout, container))
    wav = analysed(surround(tmp_path / "y", "pcm_s16le", layout, "wav"))
    _, names = in_channels(layout)
    beside = {"SL", "SR"} & set(names) or {"BL", "BR"}
    # On paper: by the K-weighting 60 Hz does not matter, and neither does the subwoofer.
    powers = [
        (1.41 if name in beside else 1.0) * (0.02 * 1.5**at) ** 2 / 2
        for at, name in enumerate(names)
        if name != "LFE"
    ]
    loudness = Extraction("loudness").schema.names.index("loudness")
    assert wav.values[0, loudness] == pytest.approx(-0.691 + 10 * np.log10(sum(powers)), abs=0.4)
    assert found.values[0, loudness] == pytest.approx(wav.values[0, loudness], abs=0.3)


def dsf(multiple, seconds=1):
    """Return a DSF of silence as DSD has it: as many ones as zeros."""
    rate = 44100 * multiple
    size = -(-rate * seconds // 8 // 4096) * 4096
    form = struct.pack("<QIIIIIIQII", 52, 1, 0, 1, 1, rate, 1, rate * seconds, 4096, 0)
    content = b"fmt " + form + b"data" + struct.pack("<Q", size + 12) + b"\x69" * size
    return b"DSD " + struct.pack("<QQQ", 28, 28 + len(content), 0) + content


@pytest.mark.parametrize("multiple", [64, 128, 256, 512])
def test_dsd_of_every_rate_is_read(tmp_path, multiple):
    found, rate = samples(put(tmp_path / "x.dsf", dsf(multiple)))
    assert rate == 44100 * multiple // 8
    assert len(found) / rate == pytest.approx(1, abs=0.1)


# One piece decides for the app and for the command line


def free_format(data):
    """Return an MP3 whose frames do not say their length."""
    out = bytearray()
    at = data.find(b"\xff\xfb")
    while at + 4 <= len(data) and data[at] == 0xFF:
        out += data[at : at + 2] + bytes([data[at + 2] & 0x0F]) + data[at + 3 : at + 384]
        at += 384
    return bytes(out)


def test_what_the_command_line_reads_the_app_takes(tmp_path):
    cbr = file_of(tmp_path, "x.mp3", "libmp3lame", 48000)
    assert cbr[cbr.find(b"\xff\xfb") + 2] >> 4 == 9
    for data in (
        free_format(cbr),
        bytes(70_000) + cbr,
        tagged_behind(5000) + cbr,
        file_of(tmp_path, "x.ts", "libmp3lame", container="mpegts"),
        file_of(tmp_path, "x.voc", "pcm_u8", container="voc"),
    ):
        assert analysed(put(tmp_path / "x", data)).seconds == pytest.approx([2], abs=0.1)
        found, problem = sniff(io.BytesIO(data))
        assert found is not None, problem
        assert problem == ""


# What libraries print, and what becomes of notes


@pytest.fixture
def damaged(tmp_path, demo):
    """Return an MP3 about which libmpg123 complains."""
    data = bytearray(music_of(min(demo.glob("*.mp3"))))
    chance = random.Random(3)
    for _ in range(60):
        # Behind the headers of frames, so that the frames still follow one another.
        data[chance.randrange(5000, len(data))] ^= 0x10
    return put(tmp_path / "odd.mp3", bytes(data))


def test_nothing_is_printed_about_a_file_that_has_no_name_there(damaged, capfd):
    found = analysed(damaged)
    assert capfd.readouterr() == ("", "")
    assert len(found.notes) == 1


def test_notes_are_listed_beside_the_table_and_said(damaged, tmp_path, demo, cli):
    output = tmp_path / "table.parquet"
    tone = min(demo.glob("*.flac"))
    status, _, err = cli("extract", damaged, tone, "-o", output, "--set", "loudness", "-q")
    assert status == 0
    assert "1 analysed and odd" in err
    assert "odd.mp3" in err
    notes = pd.read_csv(tmp_path / "table.notes.csv")
    assert notes["path"].str.endswith("odd.mp3").all()
    assert tables.kind_of(tmp_path / "table.notes.csv") == "notes"
    # Where nothing is odd any more, nothing is said of it.
    assert cli("extract", tone, "-o", output, "--set", "loudness", "-q")[0] == 0
    assert not (tmp_path / "table.notes.csv").exists()
    assert earmark.table([damaged], set="loudness").attrs["notes"][0]["path"] == "odd.mp3"


def test_a_run_that_goes_on_keeps_its_notes(damaged, tmp_path, demo, monkeypatch):
    from earmark.extract.batch import run
    from earmark.extract.batch import track as analysis

    extraction = Extraction("loudness")
    output = tmp_path / "table.parquet"
    monkeypatch.setattr(run, "_write", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        run.extract([damaged], extraction, output=output)
    monkeypatch.undo()
    monkeypatch.setattr(analysis, "analyse", lambda *_: pytest.fail("analysed again"))
    assert run.extract([damaged], extraction, output=output).notes


def test_a_file_has_so_much_time_and_no_more(tmp_path):
    path = put(tmp_path / "x.wav", encoded(NOISE, RATE, "WAV"))
    found = analyse(Track("x.wav", path), Extraction("loudness", timeout=1e-6))
    assert found.failure is not None
    assert found.failure[1:3] == ("analyse", "AnalyseError")
    assert "--timeout" in found.failure[3]
    assert analysed(path).failure is None


def test_libsndfile_is_never_told_a_name(tmp_path, monkeypatch):
    opened = []
    original = soundfile.SoundFile

    def recorded(file, *arguments, **options):
        opened.append(file)
        return original(file, *arguments, **options)

    path = put(tmp_path / "x.wav", encoded(NOISE, RATE, "WAV"))
    monkeypatch.setattr(libsndfile.soundfile, "SoundFile", recorded)
    samples(path)
    assert [type(file) for file in opened] == [int]
