"""The tracks that somebody looks at: asked for in turn, taken in, forgotten, stopped."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from earmark.classify.app.jobs import track_list
from earmark.classify.app.jobs.track_analysis import TrackAnalysis, analyse_track
from earmark.classify.app.jobs.track_list import AHEAD, PICTURES, TrackList
from earmark.classify.model import storage
from earmark.extract.errors import BusyError

SENT = {
    "duration": 2.0,
    "sample_rate": 22050,
    "channels": 1,
    "values": {"tempo": 120.0, "energy": 0.5},
    "genres": ["jazz", "blues"],
    "probabilities": [0.75, 0.25],
    "reasons": [["energy", 0.5, 0.25]],
}


class Job:
    def __init__(self, function, arguments, timeout):
        self.state, self.error, self.arguments, self.timeout = "waiting", "", arguments, timeout
        assert function is analyse_track

    def result(self):
        path, _, folder = self.arguments
        if folder is None:
            return dict(SENT)
        drawn = {
            "waveform": np.zeros((2, 3), np.float32),
            "waveform_rate": 1.0,
            "mel": np.zeros((3, 2), np.uint8),
            "mel_rate": 1.0,
            "mel_frequencies": np.ones(3),
            "beat_times": np.array([0.5]),
            "beat_numbers": np.array([1]),
        }
        return SENT | drawn | {"sound": path}

    def cancel(self):
        self.state = "cancelled"


class JobQueue:
    """A line whose jobs are done when a test says so."""

    def __init__(self, room=10**6):
        self.waiting_jobs, self.room = [], room

    def submit(self, owner, function, *arguments, timeout, first=False):
        assert owner == "me"
        if len(self.open) >= self.room:
            raise BusyError("too many")
        job = Job(function, arguments, timeout)
        self.waiting_jobs.insert(0 if first else len(self.waiting_jobs), job)
        return job

    @property
    def open(self):
        return [job for job in self.waiting_jobs if job.state == "waiting"]

    def finish(self, state="done", error=""):
        for job in self.open:
            job.state, job.error = state, error


@pytest.fixture
def own(tmp_path):
    return TrackList("me", Path("model"), tmp_path)


def tracks(count):
    return [(f"{number}.mp3", Path(f"/music/{number}.mp3")) for number in range(count)]


def test_tracks_are_asked_for_some_at_a_time_until_all_are_known(own):
    own.add(tracks(2 * AHEAD + 5))
    line = JobQueue()
    assert own.refresh(line)
    assert len(line.open) == AHEAD
    own.refresh(line)
    assert len(line.open) == AHEAD
    for _ in range(3):
        line.finish()
        own.refresh(line)
    assert not own.refresh(line)
    assert len(own.done) == len(own.items) == len(line.waiting_jobs)
    assert own.chosen is own.items[0]


def test_what_is_looked_at_comes_first_and_few_pictures_are_kept(own, tmp_path):
    own.add(tracks(PICTURES + 40))
    line = JobQueue()
    own.show(own.items[-1])
    own.refresh(line)
    assert line.waiting_jobs[0].arguments == ("/music/45.mp3", "model", str(tmp_path))
    assert line.waiting_jobs[1].arguments == ("/music/0.mp3", "model", str(tmp_path))
    assert line.waiting_jobs[2].arguments == ("/music/1.mp3", "model", None)
    own.show(own.items[7])
    own.refresh(line)
    assert line.waiting_jobs[0].arguments == ("/music/7.mp3", "model", str(tmp_path))
    while own.refresh(line):
        line.finish()
    heard = [job.arguments[0] for job in line.waiting_jobs if job.state == "done"]
    assert len(heard) == len(set(heard)) == len(own.items)
    for item in own.items[: PICTURES + 2]:
        own.show(item)
        own.refresh(line)
        line.finish()
        own.refresh(line)
        assert item.heard.picture is not None
    drawn = [item for item in own.items if item.heard.picture is not None]
    assert drawn == own.items[2 : PICTURES + 2]
    assert own.items[0].heard.genres == ["jazz", "blues"]


def test_what_fails_is_named_and_not_asked_for_again(own):
    own.add(tracks(2))
    line = JobQueue()
    own.refresh(line)
    line.finish("failed", "is no audio")
    assert not own.refresh(line)
    assert [item.error for item in own.failed] == ["is no audio"] * 2
    # Nor is a picture that cannot be drawn of a track of which the rest is known.
    own.clear()
    own.add(tracks(2))
    own.refresh(line)
    line.finish()
    own.refresh(line)
    own.show(own.items[1])
    assert own.refresh(line)
    line.finish("failed", "is gone")
    assert not own.refresh(line)
    assert len(own.done) == 2
    assert own.items[1].error == "is gone"


def test_a_full_line_is_waited_for_or_named(own):
    own.add(tracks(5))
    line = JobQueue(room=2)
    assert own.refresh(line)
    assert len(line.open) == 2
    full = JobQueue(room=0)
    other = TrackList("me", Path("model"), Path("/x"))
    other.add(tracks(1))
    other.refresh(full)
    assert other.failed[0].error == "too many"


def test_stopping_leaves_what_is_known(own):
    own.add(tracks(AHEAD + 3))
    line = JobQueue()
    own.refresh(line)
    line.waiting_jobs[0].state = "done"
    own.refresh(line)
    own.stop()
    assert not own.refresh(line)
    assert (len(own.done), len(own.stopped), len(own.failed)) == (1, AHEAD + 2, 0)
    assert not line.open
    own.resume()
    while own.refresh(line):
        line.finish()
    assert len(own.done) == AHEAD + 3


def test_stopping_one_leaves_the_others(own):
    own.add(tracks(3))
    line = JobQueue()
    own.show(own.items[0])
    own.refresh(line)
    own.stop(own.items[0])
    assert own.stopped == own.items[:1]
    while own.refresh(line):
        line.finish()
    assert own.done == own.items[1:]
    # What is known of a track stays when nobody waits for its picture.
    own.show(own.items[1])
    own.refresh(line)
    own.stop(own.items[1])
    assert not own.refresh(line)
    assert own.items[1] in own.done


def test_what_was_stopped_is_looked_at_again_when_somebody_asks_for_it(own):
    own.add(tracks(3))
    line = JobQueue()
    own.refresh(line)
    own.stop()
    assert own.chosen is None
    own.resume()
    assert own.chosen is own.items[0]
    own.show(own.chosen)
    while own.refresh(line):
        line.finish()
    # A picture that is there is looked at on, whatever else is stopped.
    own.stop()
    assert own.chosen is own.items[0]
    own.chosen = own.items[1]
    own.show(own.chosen)
    own.refresh(line)
    own.stop(own.chosen)
    assert own.chosen is None
    own.chosen = own.items[2]
    own.again(Path("other"))
    assert own.chosen is own.items[2]


def test_a_shelf_that_was_cleared_is_of_no_folder(own):
    own.source = Path("/music")
    own.add(tracks(2))
    own.clear()
    assert (own.source, own.chosen, own.items) == (None, None, [])


def test_tracks_of_one_name_are_told_apart(own):
    named = ["a.mp3", "a.mp3", "b", "a.mp3", "b", "x.y/b", "x.y/b"]
    own.add((name, Path(f"/{place}")) for place, name in enumerate(named))
    assert [item.name for item in own.items] == [
        *("a.mp3", "a (2).mp3", "b", "a (3).mp3", "b (2)", "x.y/b", "x.y/b (2)")
    ]


def test_another_model_describes_everything_anew(own):
    own.add(tracks(2))
    line = JobQueue()
    own.refresh(line)
    line.finish()
    own.refresh(line)
    own.again(Path("other"))
    assert own.refresh(line)
    assert [job.arguments[1] for job in line.open] == ["other", "other"]


@pytest.mark.parametrize(
    ("sound", "kept"),
    [("/music/0.mp3", True), ("{}/0.flac", True), ("/etc/passwd", False), ("{}/../x", False)],
)
def test_a_worker_names_no_file_that_is_not_its_own(own, tmp_path, sound, kept):
    item = own.add(tracks(1))[0]
    named = sound.format(tmp_path)
    assert own._trusted(item, TrackAnalysis.of(SENT | {"sound": named})).sound == (
        named if kept else ""
    )


def test_the_table_is_one_of_predictions_with_the_values_beside_them(own):
    own.add([("a.mp3", Path("/a.mp3")), ("silent.wav", Path("/b.wav"))])
    own.items[0].heard = TrackAnalysis.of(SENT)
    own.items[1].heard = TrackAnalysis.of(SENT | {"genres": [], "probabilities": [], "reasons": []})
    found = track_list.table(own.items)
    assert found.columns[:5].tolist() == [
        "path",
        "genre",
        "probability",
        "genre_2",
        "probability_2",
    ]
    assert found.loc[0, ["path", "genre", "probability_2", "tempo"]].tolist() == [
        *("a.mp3", "jazz", 0.25, 120.0)
    ]
    assert found.loc[1, ["genre", "probability"]].isna().all()
    assert track_list.table([]).columns.tolist() == found.columns.tolist()


def test_a_worker_hears_what_the_tables_say(demo, tmp_path):
    import earmark

    file = demo / "jazz-120bpm-b-flat-major.wav"
    heard = TrackAnalysis.of(analyse_track(str(file), str(storage.DEFAULT), str(tmp_path)))
    model = earmark.load()
    table = earmark.table([file], windows=model.windows)
    found = model.predict(table, top=12).iloc[0]
    assert heard.genres[0] == found["genre"]
    assert heard.probabilities[0] == pytest.approx(found["probability"], abs=1e-6)
    assert sum(heard.probabilities) == pytest.approx(1, abs=1e-5)
    assert heard.values["tempo"] == pytest.approx(earmark.features(file)["tempo"])
    assert heard.picture is not None
    assert Path(heard.sound) == file
    assert {name for name, _, _ in heard.reasons} <= set(model.inputs)
