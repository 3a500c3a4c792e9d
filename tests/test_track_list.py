"""The list of tracks: analysed in turn, shown, stopped, analysed anew."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from earmark.classify.app.errors import BusyError
from earmark.classify.app.jobs import track_list
from earmark.classify.app.jobs.track_analysis import TrackAnalysis, analyse_track
from earmark.classify.app.jobs.track_list import AHEAD, PICTURES, TrackList
from earmark.classify.model import storage

SENT = {
    "duration": 2.0,
    "sample_rate": 22050,
    "channels": 1,
    "values": {"tempo": 120.0, "energy": 0.5},
    "genres": ["jazz", "blues"],
    "probabilities": [0.75, 0.25],
    "reasons": [["energy", 0.5, 0.25]],
    "families": [["dynamics", "more energetic than usual", 0.25]],
    "tags": [],
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
    """A queue whose jobs are done when a test says so."""

    def __init__(self, limit=10**6):
        self.jobs, self.limit = [], limit

    def submit(self, owner, function, *arguments, timeout, first=False):
        assert owner == "me"
        if len(self.open) >= self.limit:
            raise BusyError("too many")
        job = Job(function, arguments, timeout)
        self.jobs.insert(0 if first else len(self.jobs), job)
        return job

    @property
    def open(self):
        return [job for job in self.jobs if job.state == "waiting"]

    def finish(self, state="done", error=""):
        for job in self.open:
            job.state, job.error = state, error


@pytest.fixture
def tracks(tmp_path):
    return TrackList("me", Path("model"), tmp_path)


def some_tracks(count):
    return [(f"{number}.mp3", Path(f"/music/{number}.mp3")) for number in range(count)]


def test_tracks_are_asked_for_some_at_a_time_until_all_are_known(tracks):
    tracks.add(some_tracks(2 * AHEAD + 5))
    queue = JobQueue()
    assert tracks.refresh(queue)
    assert len(queue.open) == AHEAD
    tracks.refresh(queue)
    assert len(queue.open) == AHEAD
    for _ in range(3):
        queue.finish()
        tracks.refresh(queue)
    assert not tracks.refresh(queue)
    assert len(tracks.done) == len(tracks.items) == len(queue.jobs)
    assert tracks.chosen is tracks.items[0]


def test_what_is_shown_comes_first_and_few_pictures_are_kept(tracks, tmp_path):
    tracks.add(some_tracks(PICTURES + 40))
    queue = JobQueue()
    tracks.show(tracks.items[-1])
    tracks.refresh(queue)
    assert queue.jobs[0].arguments == ("/music/45.mp3", "model", str(tmp_path))
    assert queue.jobs[1].arguments == ("/music/0.mp3", "model", str(tmp_path))
    assert queue.jobs[2].arguments == ("/music/1.mp3", "model", None)
    tracks.show(tracks.items[7])
    tracks.refresh(queue)
    assert queue.jobs[0].arguments == ("/music/7.mp3", "model", str(tmp_path))
    while tracks.refresh(queue):
        queue.finish()
    analysed = [job.arguments[0] for job in queue.jobs if job.state == "done"]
    assert len(analysed) == len(set(analysed)) == len(tracks.items)
    for item in tracks.items[: PICTURES + 2]:
        tracks.show(item)
        tracks.refresh(queue)
        queue.finish()
        tracks.refresh(queue)
        assert item.analysis.picture is not None
    drawn = [item for item in tracks.items if item.analysis.picture is not None]
    assert drawn == tracks.items[2 : PICTURES + 2]
    assert tracks.items[0].analysis.genres == ["jazz", "blues"]


def test_what_fails_is_named_and_not_asked_for_again(tracks):
    tracks.add(some_tracks(2))
    queue = JobQueue()
    tracks.refresh(queue)
    queue.finish("failed", "is no audio")
    assert not tracks.refresh(queue)
    assert [item.error for item in tracks.failed] == ["is no audio"] * 2
    # Nor is a picture that cannot be drawn of a track of which the rest is known.
    tracks.clear()
    tracks.add(some_tracks(2))
    tracks.refresh(queue)
    queue.finish()
    tracks.refresh(queue)
    tracks.show(tracks.items[1])
    assert tracks.refresh(queue)
    queue.finish("failed", "is gone")
    assert not tracks.refresh(queue)
    assert len(tracks.done) == 2
    assert tracks.items[1].error == "is gone"


def test_a_full_queue_is_waited_for_or_named(tracks):
    tracks.add(some_tracks(5))
    queue = JobQueue(limit=2)
    assert tracks.refresh(queue)
    assert len(queue.open) == 2
    full = JobQueue(limit=0)
    other = TrackList("me", Path("model"), Path("/x"))
    other.add(some_tracks(1))
    other.refresh(full)
    assert other.failed[0].error == "too many"


def test_stopping_leaves_what_is_known(tracks):
    tracks.add(some_tracks(AHEAD + 3))
    queue = JobQueue()
    tracks.refresh(queue)
    queue.jobs[0].state = "done"
    tracks.refresh(queue)
    tracks.stop()
    assert not tracks.refresh(queue)
    assert (len(tracks.done), len(tracks.stopped), len(tracks.failed)) == (1, AHEAD + 2, 0)
    assert not queue.open
    tracks.resume()
    while tracks.refresh(queue):
        queue.finish()
    assert len(tracks.done) == AHEAD + 3


def test_stopping_one_leaves_the_others(tracks):
    tracks.add(some_tracks(3))
    queue = JobQueue()
    tracks.show(tracks.items[0])
    tracks.refresh(queue)
    tracks.stop(tracks.items[0])
    assert tracks.stopped == tracks.items[:1]
    while tracks.refresh(queue):
        queue.finish()
    assert tracks.done == tracks.items[1:]
    # What is known of a track stays when nobody waits for its picture.
    tracks.show(tracks.items[1])
    tracks.refresh(queue)
    tracks.stop(tracks.items[1])
    assert not tracks.refresh(queue)
    assert tracks.items[1] in tracks.done


def test_what_was_stopped_is_shown_again_when_somebody_asks_for_it(tracks):
    tracks.add(some_tracks(3))
    queue = JobQueue()
    tracks.refresh(queue)
    tracks.stop()
    assert tracks.chosen is None
    tracks.resume()
    assert tracks.chosen is tracks.items[0]
    tracks.show(tracks.chosen)
    while tracks.refresh(queue):
        queue.finish()
    # A picture that is there is looked at on, whatever else is stopped.
    tracks.stop()
    assert tracks.chosen is tracks.items[0]
    tracks.chosen = tracks.items[1]
    tracks.show(tracks.chosen)
    tracks.refresh(queue)
    tracks.stop(tracks.chosen)
    assert tracks.chosen is None
    tracks.chosen = tracks.items[2]
    tracks.change_model(Path("other"))
    assert tracks.chosen is tracks.items[2]


def test_a_list_that_was_cleared_is_of_no_folder(tracks):
    tracks.source = Path("/music")
    tracks.add(some_tracks(2))
    tracks.clear()
    assert (tracks.source, tracks.chosen, tracks.items) == (None, None, [])


def test_tracks_of_one_name_get_numbers(tracks):
    named = ["a.mp3", "a.mp3", "b", "a.mp3", "b", "x.y/b", "x.y/b"]
    tracks.add((name, Path(f"/{place}")) for place, name in enumerate(named))
    assert [item.name for item in tracks.items] == [
        *("a.mp3", "a (2).mp3", "b", "a (3).mp3", "b (2)", "x.y/b", "x.y/b (2)")
    ]


def test_another_model_describes_everything_anew(tracks):
    tracks.add(some_tracks(2))
    queue = JobQueue()
    tracks.refresh(queue)
    queue.finish()
    tracks.refresh(queue)
    tracks.change_model(Path("other"))
    assert tracks.refresh(queue)
    assert [job.arguments[1] for job in queue.open] == ["other", "other"]


@pytest.mark.parametrize(
    ("sound", "kept"),
    [("/music/0.mp3", True), ("{}/0.flac", True), ("/etc/passwd", False), ("{}/../x", False)],
)
def test_a_worker_names_no_file_that_is_not_its_own(tracks, tmp_path, sound, kept):
    item = tracks.add(some_tracks(1))[0]
    named = sound.format(tmp_path)
    assert tracks._checked(item, TrackAnalysis.of(SENT | {"sound": named})).sound == (
        named if kept else ""
    )


def test_the_table_is_one_of_predictions_with_the_values_beside_them(tracks):
    tracks.add([("a.mp3", Path("/a.mp3")), ("silent.wav", Path("/b.wav"))])
    tracks.items[0].analysis = TrackAnalysis.of(SENT)
    tracks.items[1].analysis = TrackAnalysis.of(
        SENT | {"genres": [], "probabilities": [], "reasons": [], "families": []}
    )
    found = track_list.table(tracks.items)
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


def test_a_worker_finds_what_the_tables_say(demo, tmp_path):
    import earmark

    file = demo / "jazz-120bpm-b-flat-major.wav"
    analysis = TrackAnalysis.of(analyse_track(str(file), str(storage.DEFAULT), str(tmp_path)))
    model = earmark.load()
    table = earmark.table([file], set=model.set_name)
    found = model.predict(table, top=len(model.genres)).iloc[0]
    assert analysis.genres[0] == found["genre"]
    assert analysis.probabilities[0] == pytest.approx(found["probability"], abs=1e-6)
    assert sum(analysis.probabilities) == pytest.approx(1, abs=1e-5)
    assert analysis.values["tempo"] == pytest.approx(earmark.features(file)["tempo"])
    assert analysis.picture is not None
    assert Path(analysis.sound) == file
    assert {name for name, _, _ in analysis.reasons} <= set(model.inputs)
    told = model.explain(table, by="families")
    assert [name for name, _, _ in analysis.families] == told["family"].tolist()
    assert [words for _, words, _ in analysis.families] == told["words"].tolist()
    assert bool(analysis.tags) == ("musicnn" in str(model.set))
