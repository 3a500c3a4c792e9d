"""The network musicnn: its weights, its input, and what becomes of it in rows of tables."""

from __future__ import annotations

import subprocess
import sys
import tracemalloc
from pathlib import Path

import librosa
import numpy as np
import pytest
import scipy.signal
import soundfile

import earmark
from earmark.extract import preview, schema, sets
from earmark.extract.audio import decode
from earmark.extract.batch.track import Extraction, one_thread
from earmark.extract.config import DEFAULTS
from earmark.extract.descriptors.learned import tag_column
from earmark.extract.embedding import convert_musicnn, musicnn
from earmark.extract.engine import patches, registry, single_pass
from earmark.extract.engine.windows import gated_level
from earmark.extract.estimators.spotify import SCALES

ROOT = Path(__file__).parent.parent
HOUSE = "house-128bpm-a-minor.mp3"
COLUMNS = schema.of("musicnn", DEFAULTS).names
RATE = patches.SAMPLE_RATE


@pytest.fixture(scope="module")
def reference():
    """What the authors' own network said, as recorded by the script that converts it."""
    with np.load(Path(__file__).with_name("musicnn_reference.npz")) as stored:
        return dict(stored)


@pytest.fixture(scope="module")
def house(demo):
    """A demo track at 16 kHz, by librosa."""
    samples, rate = soundfile.read(demo / HOUSE, dtype="float32", always_2d=True)
    return librosa.resample(samples.mean(axis=1), orig_sr=rate, target_sr=RATE)


def power(samples):
    """Return the mel spectrogram by librosa, of shape (frames, bands)."""
    options = {"sr": RATE, "hop_length": 256, "n_fft": 512, "n_mels": 96}
    return librosa.feature.melspectrogram(y=samples, **options).T


def without_rumble(samples):
    """Remove what lies below 20 Hz, as if the offset of the first tenth had always been there."""
    sections = scipy.signal.butter(4, 20, "highpass", fs=RATE, output="sos")
    settled = scipy.signal.sosfilt_zi(sections) * samples[: RATE // 10].mean(dtype=np.float64)
    return scipy.signal.sosfilt(sections, samples.astype(np.float64), zi=settled)[0].astype("f4")


def expected(samples, which=None):
    """Return the mean over patches of 187 frames, as the authors cut them, at the same level."""
    samples = without_rumble(samples)
    whole = power(samples)
    padded = np.pad(samples, 256)
    found = []
    for index in range(len(whole) // 187) if which is None else which:
        under = padded[187 * 256 * index :][:48128].reshape(-1, 256)
        gain = 10 ** (-15 / 20) / 10 ** (gated_level(np.sqrt(np.square(under).mean(1))) / 20)
        patch = gain**2 * whole[187 * index : 187 * (index + 1)]
        levels = np.log10(10000 * patch + 1).astype(np.float32)
        found.append(np.concatenate(musicnn.activations(levels)))
    return np.mean(found, axis=0)


def described(samples, rate=RATE, length=65536, name="musicnn", **options):
    """Return the rows of samples that come in blocks of a length."""
    samples = np.asarray(samples, np.float32)[:, None]
    blocks = (samples[at : at + length] for at in range(0, len(samples), length))
    with one_thread():
        return Extraction(name, **options).rows(decode.Audio(rate, 1, blocks))


def test_the_network_says_what_the_original_one_says(reference):
    assert list(musicnn.TAGS) == reference["names"].tolist()
    for at, patch in enumerate(reference["patches"]):
        penultimate, tags = musicnn.activations(patch)
        np.testing.assert_allclose(tags, reference["tags"][at], atol=1e-5)
        np.testing.assert_allclose(penultimate, reference["penultimate"][at], atol=1e-4)


def test_the_wheel_that_is_converted_is_the_one_that_was_published(tmp_path, monkeypatch):
    other = tmp_path / "musicnn.whl"
    other.write_bytes(b"another")
    monkeypatch.setattr(sys, "argv", ["convert_musicnn.py", str(other)])
    with pytest.raises(SystemExit, match=r"has the sha256 .* not f38a48.* download musicnn"):
        convert_musicnn.main()


@pytest.mark.parametrize("taps", [4, 7])
def test_the_filters_of_few_products_are_filters(taps):
    of_input, of_filter, of_output = musicnn._toom_cook(taps)
    rng = np.random.default_rng(0)
    values, own = rng.normal(size=len(of_input)), rng.normal(size=taps)
    found = of_output @ ((of_filter @ own) * (of_input @ values))
    np.testing.assert_allclose(found, np.correlate(values, own, "valid"))


def test_the_mel_spectrogram_is_that_of_librosa(house, reference):
    padded = np.pad(house, patches.N_FFT // 2)
    found, wanted = patches.log_mel(padded), np.log10(10000 * power(house) + 1)
    np.testing.assert_allclose(found[: len(wanted)], wanted, atol=2e-4)
    np.testing.assert_allclose(found[: patches.FRAMES], reference["patches"][1], atol=2e-4)


def test_a_row_is_the_mean_over_patches_as_the_authors_cut_them(house, demo):
    wanted = expected(house)
    row = earmark.features(demo / HOUSE, set="musicnn")
    assert list(row.index) == COLUMNS
    # The decoders differ in the last digits.
    np.testing.assert_allclose(row, wanted, atol=2e-3)
    np.testing.assert_allclose(described(house).values[0], wanted, atol=1e-3)


def test_columns_are_named_by_the_tags():
    assert COLUMNS[0] == "musicnn_000"
    assert COLUMNS[199:202] == ["musicnn_199", "tag_rock", "tag_pop"]
    assert {"tag_female_vocalists", "tag_60s", "tag_hip_hop", "tag_progressive_rock"} <= {*COLUMNS}
    assert len({*COLUMNS}) == 250
    assert COLUMNS[200:] == [tag_column(tag) for tag in musicnn.TAGS]
    tags = schema.of("musicnn", DEFAULTS).columns[200:]
    assert {(column.unit, column.range) for column in tags} == {("probability", (0, 1))}


@pytest.mark.parametrize("length", [1000, 47872, 10**9])
def test_the_blocks_change_no_bit(house, length):
    options = {"windows": 4.0, "tracks": True}
    found, wanted = (described(house, length=of, **options).values for of in (length, 65536))
    np.testing.assert_array_equal(found, wanted)


def test_a_window_has_the_patches_whose_middle_is_in_it(house):
    whole = np.concatenate([house, house[::-1], house])[: 21 * RATE]
    both = described(whole, windows=6.0, tracks=True)
    middles = (np.arange(7) + 0.5) * patches.STEP / RATE
    spans = [(0, 21), *zip(both.starts[1:], both.seconds[1:], strict=True)]
    for values, (start, seconds) in zip(both.values, spans, strict=True):
        inside = np.flatnonzero((middles >= start) & (middles < start + seconds))
        np.testing.assert_allclose(values, expected(whole, inside), atol=1e-3)
    np.testing.assert_array_equal(both.values[:1], described(whole).values)
    np.testing.assert_array_equal(both.values[1:], described(whole, windows=6.0).values)


def test_every_window_has_values_however_short(house):
    found = described(house, windows=0.5)
    assert len(found.values) > 10
    assert np.isfinite(found.values).all()


def chosen(monkeypatch, minutes, windows=None):
    """Return the numbers of the patches that describe a track of so many minutes."""
    seen = []
    mean = patches.Patches.mean

    def watched(self, *arguments):
        found = mean(self, *arguments)
        seen.append(sorted(index for _, index in self._values))
        return found

    monkeypatch.setattr(patches.Patches, "mean", watched)
    noise = np.random.default_rng(0).normal(0, 0.1, minutes * 60 * RATE)
    described(noise, windows=windows, tracks=True)
    return seen[0]


@pytest.mark.slow
def test_ten_patches_describe_a_track_and_are_spread_over_it(monkeypatch):
    found = chosen(monkeypatch, 12)
    assert len(found) == patches.MOST
    # Of 240; none at the very ends, and none far from the next.
    assert found[0] > 0
    assert found[-1] < 239
    assert max(np.diff(found)) <= 2 * min(np.diff(found))
    assert found[0] <= max(np.diff(found)) >= 239 - found[-1]


def test_silence_has_no_values():
    for samples in (np.zeros(5 * RATE), np.zeros(100), np.zeros(0)):
        found = described(samples, windows=2.0, tracks=True)
        assert np.isnan(found.values).all()


def test_silence_around_the_music_counts_for_nothing(house):
    silence = np.zeros(4 * patches.STEP)
    found = described(np.concatenate([silence, house, silence])).values[0]
    alone = described(house).values[0]
    # The patches are the same ones, but for the last, which the silence makes whole.
    assert np.abs(found - alone)[200:].max() < 0.03
    windows = described(np.concatenate([silence, house]), windows=5.0)
    assert np.isnan(windows.values[0]).all()
    assert np.isfinite(windows.values[-1]).all()


def test_sound_is_found_wherever_it_is(house):
    """In the rest at the end, and in one patch of many that are silent."""
    sound, patch = house[: 2 * RATE], np.zeros(patches.STEP)
    wanted = described(sound).values[0]
    for windows in (None, 0.5, 6.0):
        found = described(np.concatenate([patch, patch, sound]), windows=windows, tracks=True)
        # The filter below 20 Hz begins in silence, or as if the sound had always been there.
        np.testing.assert_allclose(found.values[0], wanted, atol=5e-3)
        assert np.isfinite(found.values[-1]).all()
    whole = house[: patches.STEP]
    for place in (20, 45, 46):
        parts = [patch] * 90
        parts[place] = whole
        found = described(np.concatenate(parts)).values[0]
        assert np.abs(found - described(whole).values[0])[200:].max() < 0.05


def test_less_than_a_patch_is_repeated(house):
    whole = described(house[: patches.STEP]).values[0]
    half = described(house[: patches.STEP // 2]).values[0]
    # The rest of the three seconds as silence would change the tags more.
    padded = np.pad(house[: patches.STEP // 2], (256, patches.LENGTH - patches.STEP // 2 - 256))
    blank = np.concatenate(musicnn.activations(patches.log_mel(padded.astype(np.float32))))
    assert np.isfinite(half).all()
    near, far = (np.abs(found - whole)[200:].max() for found in (half, blank))
    assert near < far


@pytest.mark.parametrize("gain", [-40, -12, 12])
def test_the_level_of_the_file_changes_nothing(house, gain):
    louder = house * np.float32(10 ** (gain / 20))
    found, wanted = (described(samples, windows=6.0).values for samples in (louder, house))
    np.testing.assert_allclose(found, wanted, atol=2e-3)


@pytest.mark.parametrize("rate", [8000, 44100, 48000])
def test_the_rate_of_the_file_changes_little(house, rate):
    other = librosa.resample(house, orig_sr=RATE, target_sr=rate)
    found, wanted = (described(s, r).values[0, 200:] for s, r in ((other, rate), (house, RATE)))
    # At 8 kHz the upper half of the spectrum is not there; otherwise it is the edge that was
    # filtered once more.
    assert np.abs(found - wanted).max() < (0.5 if rate < RATE else 0.03)


def test_the_set_beside_default_is_both(demo, tone):
    joined = sets.get("default+musicnn")
    names = [column.name for column in joined.columns(DEFAULTS)]
    assert names == [*schema.of("default", DEFAULTS).names, *COLUMNS]
    for path in (demo / HOUSE, tone(seconds=0.05)):
        row = earmark.features(path, set="default+musicnn")
        for name in ("default", "musicnn"):
            alone = earmark.features(path, set=name)
            # Of Spotify's values there is another fit where the embedding stands beside.
            same = alone.index.difference(SCALES)
            np.testing.assert_array_equal(row[same], alone[same])


def test_workers_change_no_bit(demo):
    one, two = (
        earmark.table([demo], set="musicnn", windows=6.0, workers=workers) for workers in (1, 2)
    )
    np.testing.assert_array_equal(one[COLUMNS], two[COLUMNS])


def test_who_does_not_ask_for_it_does_not_load_it(demo):
    code = (
        "import sys, earmark\n"
        f"earmark.features({str(demo / HOUSE)!r})\n"
        "from earmark.extract.embedding import musicnn\n"
        "print(musicnn._network.cache_info().currsize)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout == "0\n"


def test_a_model_of_it_needs_no_second_reading(demo):
    extraction = Extraction("default+musicnn", windows=6.0)
    rows = preview.preview(demo / HOUSE, extraction).rows
    with one_thread(), decode.open_audio(demo / HOUSE) as audio:
        wanted = extraction.rows(audio)
    np.testing.assert_array_equal(rows[COLUMNS], wanted.values[:, -250:])


def test_a_track_that_was_read_without_patches_says_so(house):
    entry = registry.get("musicnn")
    audio = decode.Audio(RATE, 1, iter([house[:, None]]))
    track = single_pass.summarise_track(audio, (registry.get("rms"),), DEFAULTS, {6.0})[6.0]
    with pytest.raises(ValueError, match="read without patches, and musicnn is made from them"):
        track.embedding(entry.name)


@pytest.mark.slow
def test_a_long_track_needs_hardly_more_memory_than_a_short_one():
    def peak(minutes):
        rng = np.random.default_rng(0)
        blocks = (rng.normal(0, 0.1, (RATE, 1)).astype(np.float32) for _ in range(60 * minutes))
        tracemalloc.start()
        try:
            Extraction("musicnn").rows(decode.Audio(RATE, 1, blocks))
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak(1)
    assert 3 * (peak(24) - peak(4)) < 10e6


@pytest.mark.real_audio
def test_tags_of_real_recordings_are_plausible(shared):
    strongest = {
        "sorohanro_-_solo-trumpet-06": {"jazz", "instrumental"},
        "Karissa_Hobbs_-_Lets_Go_Fishin": {"female vocalists", "folk"},
        "Kevin_MacLeod_-_Vibe_Ace": {"jazz", "electronic"},
        "glacier-bay-humpback": {"ambient", "experimental"},
    }
    for name, tags in strongest.items():
        row = earmark.features(shared / "librosa" / f"{name}.hq.ogg", set="musicnn")
        best = row[COLUMNS[200:]].nlargest(4).index
        assert {tag_column(tag) for tag in tags} <= {*best}, (name, row[best])


def test_levels_differ_and_a_file_of_two_channels_is_their_mean(house, tmp_path):
    path = tmp_path / "two.wav"
    both = np.stack([house, house * 0.5], axis=1)
    soundfile.write(path, both, RATE, subtype="FLOAT")
    found = earmark.features(path, set="musicnn")
    np.testing.assert_allclose(found, described(both.mean(axis=1)).values[0], atol=1e-4)
