"""Genres as people write them: spellings, lists, words for none, tags of every container."""

from __future__ import annotations

import shutil
import struct

import av
import numpy as np
import pandas as pd
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

import earmark
from earmark.classify.dataset import build, genres, labels
from earmark.classify.dataset import tags as file_tags
from earmark.classify.library.library import open_library
from earmark.extract.errors import LabelError


@pytest.mark.parametrize(
    ("text", "first", "last", "whole"),
    [
        ("Rock", "Rock", "Rock", "Rock"),
        ("Rock; Pop", "Rock", "Pop", "Rock; Pop"),
        ("Rock;Pop;", "Rock", "Pop", "Rock;Pop;"),
        ("Rock/Pop", "Rock", "Pop", "Rock/Pop"),
        ("Rock, Pop", "Rock", "Pop", "Rock, Pop"),
        ("Rock|Pop", "Rock", "Pop", "Rock|Pop"),
        ("Rock\0Pop", "Rock", "Pop", "Rock; Pop"),
        ("Rock\\\\Pop", "Rock", "Pop", "Rock\\\\Pop"),
        ("Rock\r\nPop", "Rock", "Pop", "Rock\r\nPop"),
        ("R&B/Soul", "R&B", "Soul", "R&B/Soul"),
        ("Hip-Hop/Rap", "Hip-Hop", "Rap", "Hip-Hop/Rap"),
        ("Folk, World, & Country", "Folk", "& Country", "Folk, World, & Country"),
        ("Unknown; Jazz; Other", "Jazz", "Jazz", "Unknown; Jazz; Other"),
        ("N/A; Jazz", "Jazz", "Jazz", "N/A; Jazz"),
        ("None", "None", "None", "None"),
        ("80s", "80s", "80s", "80s"),
        ("Шансон / Эстрада", "Шансон", "Эстрада", "Шансон / Эстрада"),
        *(
            (text, None, None, None)
            for text in ("N/A", "n/a", "NaN", "?", "Unknown", "unknown genre", "<Unknown>", "OTHER")
        ),
        *((text, None, None, None) for text in ("", " ", "-", "...", ";", "Other/Unknown", "N.A.")),
    ],
)
def test_which_genre_a_label_is(text, first, last, whole):
    assert genres.single(text) == first
    assert genres.single(text, "last") == last
    if first is not None or whole is None:
        found = genres.single(text, "whole")
        assert found == whole or (text == "Other/Unknown" and found == text)


@given(st.text(max_size=30), st.sampled_from(genres.RULES))
def test_any_text_is_a_genre_or_none(text, rule):
    genre = genres.single(text, rule)
    assert genre is None or (genre == genre.strip() and genres.key(genre))
    # What is a genre stays one.
    if genre is not None and rule != "whole":
        assert genres.single(genre, rule) == genre


def test_spellings_are_one_genre_in_the_commonest_and_that_is_said():
    written = [
        "hip hop",
        "Hip-Hop",
        "HIP-HOP",
        "Hiphop",
        "Hip-Hop",
        "hip_hop",
        "Hip\u2011Hop",
        "Jazz",
    ]
    found, notes = genres.read(pd.Series(written))
    assert found.tolist() == ["Hip-Hop"] * 7 + ["Jazz"]
    assert notes == [
        "one genre in several spellings: Hip-Hop (2), Hiphop (1), Hip\u2011Hop (1), hip hop (1), "
        "hip_hop (1), HIP-HOP (1)"
    ]
    # Of two that are as common, it is not the one in capitals.
    assert genres.read(pd.Series(["ROCK", "Rock"]))[0].tolist() == ["Rock"] * 2
    # A model's own spelling is kept.
    found, notes = genres.read(pd.Series(written), spelled=["hip-hop", "rock"])
    assert found.tolist() == ["hip-hop"] * 7 + ["Jazz"]
    assert notes[0].startswith("one genre in several spellings: hip-hop: Hip-Hop (2), ")


def test_genres_that_are_not_the_same_stay_apart(shared):
    spotify = pd.read_csv(shared / "spotify" / "spotify_tracks.csv.gz")["track_genre"]
    found, notes = genres.read(spotify)
    assert (found == spotify).all()
    assert found.nunique() == 114
    assert not notes
    numbers = pd.Series(["1", "-1", "1.0", "10", "1980"])
    assert genres.read(numbers)[0].tolist() == numbers.tolist()


def test_lists_and_what_is_none_are_said():
    found, notes = genres.read(pd.Series(["Rock; Pop", "Rock", "N/A", None, "Other", "Rock; Pop"]))
    assert found.tolist() == ["Rock", "Rock", None, None, None, "Rock"]
    assert notes == [
        "2 labels are lists ('Rock; Pop'): their first genre counts; --genre-list chooses "
        "otherwise",
        "2 labels are no genres ('N/A', 'Other')",
    ]
    found, notes = genres.read(pd.Series(["Rock; Pop", "Rock"]), "whole")
    assert (found.tolist(), notes) == (["Rock; Pop", "Rock"], [])
    with pytest.raises(
        LabelError, match="no rule 'middle' for lists of genres; first, last, whole"
    ):
        genres.read(pd.Series(["x"]), "middle")


@pytest.fixture
def table(tmp_path):
    """Write a table in which two genres are told apart by a single value."""
    rng = np.random.default_rng(0)
    genre = np.repeat([0, 1, 2], 20)
    frame = pd.DataFrame(
        {
            "path": [f"{number:02}.mp3" for number in range(60)],
            "x": genre + rng.normal(0, 0.3, 60),
            "y": rng.normal(0, 1, 60),
        }
    )
    frame.to_csv(tmp_path / "t.csv", index=False)
    return tmp_path / "t.csv"


def write_labels(table, written):
    path = table.with_name("labels.csv")
    frame = pd.read_csv(table)[["path"]].assign(genre=written, artist=[f"a{n}" for n in range(60)])
    frame.to_csv(path, index=False)
    return path


PLAIN = np.repeat(["Hip-Hop", "Jazz", "Rock"], 20)


def test_half_of_the_labels_in_capitals_change_nothing(table, cli):
    def score(written):
        options = "--folds", 3, "--repeats", 1, "-q"
        status, out, err = cli(
            "evaluate", table, "--labels", write_labels(table, written), *options
        )
        assert status == 0
        return out, err

    plain, _ = score(PLAIN)
    capitals = [name.upper() if n % 5 < 2 else name for n, name in enumerate(PLAIN)]
    out, err = score(capitals)
    assert out == plain
    assert "one genre in several spellings: Hip-Hop (12), HIP-HOP (8); Jazz (12), JAZZ (8)" in err
    out, err = score([f"{name}; Pop" for name in PLAIN])
    assert out == plain
    assert "60 labels are lists ('Hip-Hop; Pop', 'Jazz; Pop', 'Rock; Pop')" in err


def test_the_option_chooses_the_rule(table, cli):
    path = write_labels(table, [f"Pop/{name}" for name in PLAIN])
    assert set(build.build(table, str(path), genre_list="last").labels) == {*PLAIN}
    whole = {f"Pop/{name}" for name in PLAIN}
    assert set(build.build(table, str(path), genre_list="whole").labels) == whole
    status, _, err = cli("evaluate", table, "--labels", path)
    assert (status, "all 60 labelled tracks are 'Pop'" in err) == (1, True)
    for rule in ("last", "whole"):
        options = "--folds", 3, "--repeats", 1, "-q", "--genre-list", rule
        assert cli("evaluate", table, "--labels", path, *options)[0] == 0
    assert cli("evaluate", table, "--labels", path, "--genre-list", "middle")[0] == 2


def test_a_model_is_tested_on_its_genres_in_any_spelling(table, tmp_path, cli):
    options = "--folds", 3, "--repeats", 1, "-q"
    path = write_labels(table, PLAIN)
    assert cli("train", table, "--labels", path, "-o", tmp_path / "m", *options)[0] == 0
    _, plain, _ = cli("evaluate", table, "--labels", path, "-m", tmp_path / "m")
    path = write_labels(table, [name.replace("-", " ").lower() for name in PLAIN])
    status, out, err = cli("evaluate", table, "--labels", path, "-m", tmp_path / "m")
    assert (status, out) == (0, plain)
    assert "Hip-Hop: hip hop (20)" in err


def test_two_rows_of_one_track_may_spell_its_genre_differently(table):
    path = write_labels(table, PLAIN)
    with path.open("a") as file:
        file.write("00.mp3,HIP HOP,a0\n01.mp3,Unknown,a1\n")
    assert build.build(table, str(path)).labels.tolist() == PLAIN.tolist()
    # A row that knows nothing is none, wherever it stands.
    text = path.read_text().replace("02.mp3,Hip-Hop,a2", "02.mp3,?,a2\n02.mp3,Hip-Hop,a2")
    path.write_text(text)
    assert build.build(table, str(path)).labels.tolist() == PLAIN.tolist()
    path.write_text(text + "05.mp3,Metal,a5\n")
    with pytest.raises(LabelError, match=r"gives more than one genre for 05\.mp3"):
        build.build(table, str(path))


def test_predicted_genres_are_shown_as_the_model_names_them(tmp_path):
    frame = pd.DataFrame({"path": ["a", "b"], "genre": ["Folk, World", "R&B/Soul"]})
    frame.assign(probability=[0.5, 0.6]).to_csv(tmp_path / "p.csv", index=False)
    assert open_library(tmp_path / "p.csv").tracks["genre"].tolist() == ["Folk, World", "R&B/Soul"]
    frame[["path"]].to_csv(tmp_path / "t.csv", index=False)
    frame.to_csv(tmp_path / "labels.csv", index=False)
    library = open_library(tmp_path / "t.csv", tmp_path / "labels.csv")
    assert library.tracks["genre"].tolist() == ["Folk", "R&B"]


def folders(paths):
    frame = pd.DataFrame({"path": paths, "x": np.arange(float(len(paths)))})
    return labels.read(frame, "the table", "folders", label=None)


def test_folders_that_look_like_albums_are_said_before_anything_is_trained():
    albums = [
        f"artist {n // 5}/album {n}/{k:02}.mp3" for n in range(100) for k in range(1 + n % 2 * 9)
    ]
    _, notes = folders(albums)
    assert notes[0].startswith(
        "the folders look like albums or artists, not like genres: 550 tracks lie in 100 folders "
        "such as 'album 1', 'album 3', 'album 5', 50 of them with one track."
    )
    with pytest.raises(LabelError, match="look like albums or artists, not like genres: 30 tracks"):
        folders([f"artist/album {n}/01.mp3" for n in range(30)])
    # Many genres of one tree, few genres, and large folders anywhere are none.
    for paths in (
        [f"music/genre {n}/{k}.mp3" for n in range(114) for k in range(5)],
        [f"{genre}/{k}.mp3" for genre in ("jazz", "rock") for k in range(3)],
        [f"cd {n // 9}/genre {n}/{k}.mp3" for n in range(30) for k in range(40)],
    ):
        assert not folders(paths)[1]


def tagged(path, codec, container, **options):
    """Write half a second with tags as FFmpeg puts them into the container."""
    rate = 48000
    samples = np.random.default_rng(0).normal(0, 0.1, (1, rate // 2)).astype(np.float32)
    with av.open(str(path), "w", format=container, container_options=options) as target:
        target.metadata.update(
            {"genre": "Trip Hop", "artist": "Ann", "album": "Blue", "title": "T"}
        )
        stream = target.add_stream(codec, rate=rate)
        stream.layout = "mono"
        stream.bit_rate = 96_000
        frame = av.AudioFrame.from_ndarray(samples, "fltp", "mono")
        frame.sample_rate = rate
        resampler = av.AudioResampler(stream.format, "mono", rate, stream.frame_size or 1024)
        for part in (*resampler.resample(frame), *resampler.resample(None), None):
            target.mux(stream.encode(part))
    return path


@pytest.mark.parametrize(
    ("name", "codec", "container"),
    [
        ("riff.wav", "pcm_s16le", "wav"),
        ("matroska.mka", "libopus", "matroska"),
        ("video.mkv", "aac", "matroska"),
        ("webm.webm", "libopus", "webm"),
        ("core.caf", "pcm_s16be", "caf"),
        ("quick.mov", "aac", "mov"),
        ("sun.au", "pcm_s16be", "au"),
        ("ape.wv", "wavpack", "wv"),
        ("ape.tta", "tta", "tta"),
        ("ogg.opus", "libopus", "ogg"),
        ("wma.wma", "wmav2", "asf"),
    ],
)
def test_tags_are_read_from_every_container(tmp_path, name, codec, container):
    pytest.importorskip("mutagen")
    found = file_tags.read(tagged(tmp_path / name, codec, container))
    assert found["genre"] == ["Trip Hop"]
    assert found["artist"][0] == "Ann"
    assert (found["album"], found["title"]) == (["Blue"], ["T"])
    assert float(found["seconds"][0]) == pytest.approx(0.5, abs=0.1)


@pytest.mark.parametrize("name", ["a.mp3", "a.ac3", "a.aac"])
def test_an_ape_tag_is_read_behind_anything(tmp_path, name, demo):
    apev2 = pytest.importorskip("mutagen.apev2")
    if name == "a.mp3":
        id3 = pytest.importorskip("mutagen.id3")
        path = shutil.copy(demo / "house-128bpm-a-minor.mp3", tmp_path / name)
        id3.delete(path)
    else:
        path = tagged(tmp_path / name, name[2:], {"aac": "adts"}.get(name[2:], name[2:]))
    tags = apev2.APEv2()
    tags["Genre"], tags["Artist"] = ["Trip Hop", "Jazz"], "Ann"
    tags.save(path)
    found = file_tags.read(path)
    assert (found["genre"], found["artist"]) == (["Trip Hop", "Jazz"], ["Ann"])


def test_riff_texts_of_windows_are_read(tmp_path):
    pytest.importorskip("mutagen")
    path = tmp_path / "a.wav"
    soundfile.write(path, np.zeros(4800), 48000)
    data = path.read_bytes()

    def chunk(name, content):
        return name + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2)

    info = chunk(b"IGNR", "Fado é música\0".encode("cp1252")) + chunk(b"IART", b"Am\xe1lia\0")
    body = data[8:] + chunk(b"LIST", b"INFO" + info)
    path.write_bytes(b"RIFF" + struct.pack("<I", len(body)) + body)
    found = file_tags.read(path)
    assert (found["genre"], found["artist"]) == (["Fado é música"], ["Amália"])


def test_genres_of_tags_are_lists_too(tmp_path):
    pytest.importorskip("mutagen")
    folder = tmp_path / "music"
    folder.mkdir()
    for number in range(4):
        tagged(folder / f"{number}.mka", "libopus", "matroska")
    flac = pytest.importorskip("mutagen.flac")
    rng = np.random.default_rng(0)
    for number in range(4, 8):
        soundfile.write(folder / f"{number}.flac", rng.normal(0, 0.1, 24000), 48000)
        file = flac.FLAC(folder / f"{number}.flac")
        file["genre"] = ["Dub", "Reggae"]
        file.save()
    table = earmark.table([folder])
    table.to_csv(tmp_path / "t.csv", index=False)
    for rule, second in (("first", "Dub"), ("last", "Reggae"), ("whole", "Dub; Reggae")):
        known, _ = labels.read(table, "t", "tags", label=None, audio=folder, genre_list=rule)
        assert known["label"].tolist() == ["Trip Hop"] * 4 + [second] * 4
