"""What changes in the course of a track: computed, sent, drawn."""

from __future__ import annotations

import html
import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import soundfile

import earmark
from earmark.classify import over_time, score
from earmark.classify.app.errors import BusyError
from earmark.classify.app.jobs import course, serialize
from earmark.classify.app.jobs.track_list import TrackList
from earmark.classify.app.widgets import timeline
from earmark.classify.over_time import OverTime
from earmark.classify.sections import LEAST, Section, sections
from earmark.extract.batch import executors, run
from earmark.extract.errors import DecodeError

RATE = 48000


def sine(path, seconds, level, frequency=997.0, phase=0.0):
    """Write a stereo sine; its level is that of its peak."""
    time = np.arange(round(seconds * RATE)) / RATE
    one = 10 ** (level / 20) * np.sin(2 * np.pi * frequency * time + phase)
    soundfile.write(path, np.column_stack([one, one]), RATE, subtype="FLOAT")
    return path


@pytest.fixture(scope="module")
def model():
    return earmark.load("light")


def found(path, model):
    return over_time.over_time(path, model, "the light one")


def test_short_term_loudness_is_that_of_the_standard(tmp_path, model):
    # EBU Tech 3341, cases 1 and 2: a sine of -23 and -33 dBFS in both channels.
    for level in (-23.0, -33.0):
        seen = found(sine(tmp_path / "sine.wav", 20, level), model)
        assert seen.loudness == pytest.approx(np.full(len(seen.loudness), level), abs=0.1)
        assert seen.integrated == pytest.approx(level, abs=0.1)
    assert seen.loudness_times[0] == pytest.approx(1.5)
    assert seen.loudness_times[-1] == pytest.approx(18.5, abs=0.2)
    # As long as the three seconds lie in the silence, there is none.
    quiet = np.concatenate([np.full(50, 0.01), np.zeros(60), np.full(50, 0.01)])
    times, levels = over_time.short_term(quiet)
    # All of the window: from its begin at 5 s to its end at 11 s.
    assert np.isnan(levels[(times > 6.55) & (times < 9.45)]).all()
    assert np.isfinite(levels[(times < 6.45) | (times > 9.55)]).all()


def test_the_true_peak_lies_between_the_samples(tmp_path, model):
    # EBU Tech 3341, case 16: a quarter of the rate at 45 degrees; no sample is above -9 dBFS.
    path = sine(tmp_path / "peak.wav", 4, -6.0, RATE / 4, np.pi / 4)
    assert 20 * np.log10(np.abs(soundfile.read(path)[0]).max()) == pytest.approx(-9.0, abs=0.1)
    assert found(path, model).true_peak == pytest.approx(-6.0, abs=0.4)


@pytest.mark.parametrize("seconds", [0.02, 2.0])
def test_of_silence_and_of_next_to_nothing_little_is_told(tmp_path, model, seconds):
    soundfile.write(tmp_path / "none.wav", np.zeros(round(seconds * RATE)), RATE)
    seen = found(tmp_path / "none.wav", model)
    assert not np.isfinite(seen.loudness).any()
    assert np.isnan(seen.true_peak)
    assert not any(isinstance(genre, str) for genre in seen.genres["genre"])
    assert len(seen.sections) <= 1
    assert timeline.levels(seen) == "No sound that has a loudness."
    assert timeline.described(seen) == "Nothing that changes."
    assert "role" in timeline.drawn(seen, "light")
    with pytest.raises(DecodeError):
        found(tmp_path / "nowhere.wav", model)


@pytest.mark.slow
def test_parts_are_those_that_the_extraction_of_windows_gives(demo):
    model = earmark.load()
    path = demo / "metal-150bpm-e-minor.m4a"
    seen = found(path, model)
    extraction = replace(score.extraction_of(model, "x", segments=over_time.STEP), tracks=False)
    table = run.extract([path], extraction, executor=executors.Here()).held[0]
    assert seen.energy == pytest.approx(table.frame["energy"].to_numpy(), nan_ok=True)
    for name in seen.tags:
        assert seen.tags[name].to_numpy() == pytest.approx(table.frame[name].to_numpy(), abs=1e-6)
    expected = score.scored(model, table).segments(top=1)
    assert seen.genres["genre"].tolist() == expected["genre"].tolist()
    assert seen.genres["probability"].tolist() == pytest.approx(expected["probability"].tolist())
    assert len(seen.tags.columns) == 50

    # What is sent from a worker is what was found there.
    sent = serialize.unpack(serialize.pack(course.follow(str(path), str(model_path()))))
    got = course.received(sent)
    assert got.sections == seen.sections
    pd.testing.assert_frame_equal(got.tags, seen.tags)
    np.testing.assert_array_equal(got.loudness, seen.loudness)


def model_path():
    from earmark.classify.model import storage

    return storage.DEFAULT


# --- Sections ----------------------------------------------------------------------------------


def sounds(*parts, step=0.2, seed=0):
    """Moments of parts, each a kind and a length in seconds."""
    rng = np.random.default_rng(seed)
    kinds = rng.normal(0, 1, (10, 25))
    return np.concatenate(
        [kinds[kind] + rng.normal(0, 1, (round(length / step), 25)) for kind, length in parts]
    )


@pytest.mark.parametrize("step", [0.1, 0.2, 1.0])
def test_sections_begin_where_something_else_begins(step):
    made = sections(sounds((0, 30), (1, 20), (0, 25), (2, 40), step=step), step)
    assert "".join(part.label for part in made) == "ABAC"
    assert [part.start for part in made] == pytest.approx([0, 30, 50, 75], abs=1.5)
    assert made[-1].stop == pytest.approx(115)


@pytest.mark.parametrize("seed", range(5))
def test_what_goes_on_is_one_section(seed):
    (one,) = sections(sounds((0, 180), seed=seed), 0.2)
    assert (one.start, one.label) == (0.0, "A")
    assert sections(np.zeros((100, 3)), 0.2) == [Section(0.0, 20.0, "A")]
    assert sections(np.zeros((0, 3)), 0.2) == []
    assert len(sections(np.zeros((1, 3)), 0.2)) == 1
    # What is shorter than a section is none.
    assert len(sections(sounds((0, 30), (1, LEAST / 4), (0, 30), seed=seed), 0.2)) <= 3


def test_many_kinds_have_letters_and_a_long_one_is_quick():
    rng = np.random.default_rng(0)
    many = np.concatenate([rng.normal(0, 1, 40) + rng.normal(0, 0.3, (100, 40)) for _ in range(30)])
    labels = {part.label for part in sections(many, 0.2)}
    assert "A" in labels
    assert all(re.fullmatch(r"[A-Z]\d*", label) for label in labels)
    assert len(labels) > 5


@pytest.mark.slow
def test_sections_of_real_songs_laid_end_to_end(shared, tmp_path, model):
    """Half of one song, another, the rest of the first; those that nothing was chosen by."""
    table = pd.read_csv(shared / "songs" / "tracks.csv").drop_duplicates("artist")
    # The first half of these pairs was used to choose the thresholds of `sections`.
    files = table.sample(frac=1, random_state=1)["file"].tolist()[60:84]
    places = {file.name: file for file in (shared / "songs").rglob("*.opus")}
    hits = 0
    for one, other in zip(files[::2], files[1::2], strict=True):
        first, rate = decoded(places[one])
        second, _ = decoded(places[other])
        half = len(first) // 2
        laid = np.concatenate([first[:half], second, first[half:]])
        soundfile.write(tmp_path / "laid.wav", laid, rate)
        seen = found(tmp_path / "laid.wav", model).sections
        edges = half / rate, (half + len(second)) / rate
        starts = [part.start for part in seen]
        hits += sum(min(abs(start - edge) for start in starts) <= 3 for edge in edges)
    # 95 % of thirty such pairs.
    assert hits >= 0.85 * 24


def decoded(path):
    from earmark.extract.audio import decode

    with decode.open_audio(path) as audio:
        return np.concatenate([block.mean(axis=1) for block in audio.blocks]), audio.sample_rate


# --- Drawn -------------------------------------------------------------------------------------


def made(**given):
    parts = 30
    usual = OverTime(
        duration=180.0,
        genres=pd.DataFrame(
            {
                "start": [0.0, 90.0],
                "seconds": [90.0, 90.0],
                "genre": ["jazz", '<img src=x onerror="alert(1)">'],
                "probability": [0.32, 0.9],
            }
        ),
        times=np.arange(parts) * 6 + 3.0,
        energy=np.linspace(0.2, 0.8, parts),
        tags=pd.DataFrame({"tag_sad": np.linspace(0, 0.4, parts), "tag_rock": np.ones(parts)}),
        loudness_times=np.arange(1.5, 178.5, 1),
        loudness=np.where(np.arange(177) % 50 == 49, np.nan, -14.0),
        integrated=-14.2,
        range=5.04,
        true_peak=0.31,
        sections=[Section(0, 60, "A"), Section(60, 120, "B"), Section(120, 180, "A")],
    )
    return replace(usual, **given)


def test_lanes_are_told_in_words_and_anybodys_genre_is_text():
    page = timeline.drawn(made(), "light")
    told = html.unescape(re.search(r'aria-label="([^"]*)"', page)[1])
    assert told == timeline.described(made())
    assert "Sections: A from 0:00, B from 1:00, A from 2:00" in told
    assert "Energy: lowest 0.20 at 0:03, highest 0.80 at 2:57" in told
    assert "Mood sad: most at 2:57" in told
    assert "rock" not in told
    assert "<img src=x" not in page
    assert page.count("data:image/svg+xml") == 3
    assert timeline.drawn(made(), "dark") != page


def test_levels_are_said_with_a_warning_above_full_scale():
    assert timeline.levels(made()) == (
        "Loudness −14.2 LUFS · range 5.0 LU · true peak 0.3 dBTP, at which players and encoders "
        "may distort"
    )
    assert "distort" not in timeline.levels(made(true_peak=-1.0))


def test_a_model_that_hears_no_tags_has_no_moods_and_one_section_is_not_drawn():
    bare = made(tags=pd.DataFrame(index=range(30)), sections=[Section(0, 180, "A")])
    assert timeline.moods(bare) == []
    assert "Mood" not in timeline.drawn(bare, "light")
    assert "Sections" not in timeline.drawn(bare, "light")


# --- Waited for --------------------------------------------------------------------------------


class Job:
    def __init__(self, arguments):
        self.state, self.arguments, self.error = "waiting", arguments, ""

    @property
    def finished(self):
        return self.state not in ("waiting", "running")

    def cancel(self):
        self.state = "cancelled"


class Queue:
    def __init__(self):
        self.jobs = []

    def submit(self, owner, function, *arguments, timeout, first):
        assert function is course.follow
        assert first
        if len(self.jobs) == 3:
            raise BusyError("too many")
        self.jobs.append(Job(arguments))
        return self.jobs[-1]


def test_of_tracks_that_are_passed_over_nothing_is_computed(tmp_path):
    names = ["a.mp3", "b.mp3", "c.mp3", "d.mp3"]
    tracks = TrackList("me", tmp_path, tmp_path)
    one, other, third, last = tracks.add([(name, tmp_path / name) for name in names])
    queue = Queue()
    assert not tracks.follow(queue, one)
    assert not tracks.follow(queue, one)
    assert len(queue.jobs) == 1
    assert not tracks.follow(queue, other)
    # The first had not begun.
    assert queue.jobs[0].state == "cancelled"
    queue.jobs[1].state = "running"
    assert not tracks.follow(queue, third)
    # One that runs goes on: to end it would end its worker.
    assert queue.jobs[1].state == "running"
    queue.jobs[2].state, queue.jobs[2].error = "failed", f"{third.path}: is no music"
    assert tracks.follow(queue, third)
    assert third.course.error == "c.mp3: is no music"
    assert tracks.follow(queue, last)
    assert last.course.error == "too many"
    tracks.change_model(tmp_path / "other")
    assert third.course.error == ""
