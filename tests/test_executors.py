"""Who analyses tracks: what hangs, dies or takes too much is a failure, and the rest goes on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass

import numpy as np
import pytest
import soundfile

from earmark.extract.audio.sources import Track
from earmark.extract.batch import executors, run
from earmark.extract.batch import track as analysis
from earmark.extract.batch.executors import Processes
from earmark.extract.batch.track import Analysis, Digest, Extraction
from earmark.extract.errors import AnalyseError

pytestmark = [pytest.mark.processes]

JOB = Analysis(Extraction("loudness"))


@pytest.fixture
def tracks(tmp_path, monkeypatch):
    monkeypatch.setattr(executors, "TRACKS_PER_WORKER", 1)
    rng = np.random.default_rng(0)
    found = []
    for index in range(6):
        path = tmp_path / f"{index}.wav"
        soundfile.write(path, rng.normal(0, 0.1, 22050), 22050)
        found.append(Track(path.name, path))
    return found


def test_processes_give_what_this_one_gives(tracks):
    here, there = (dict(each.run(tracks, JOB)) for each in (executors.Here(), Processes(2)))
    assert sorted(there) == list(range(6))
    for index, outcome in here.items():
        other = there[index]
        assert (other.path, other.sha256, other.failure) == (outcome.path, outcome.sha256, None)
        assert (other.stamp, other.notes) == (outcome.stamp, outcome.notes)
        np.testing.assert_array_equal(other.values, outcome.values)
        np.testing.assert_array_equal(other.starts, outcome.starts)


def test_a_failure_and_notes_come_through(tracks, tmp_path):
    (tmp_path / "bad.mp3").write_text("no audio")
    soundfile.write(tmp_path / "loud.wav", np.full(22050, 100.0), 22050, "FLOAT")
    odd = [Track(name, tmp_path / name) for name in ("bad.mp3", "loud.wav")]
    here, there = (dict(each.run(odd, JOB)) for each in (executors.Here(), Processes(1)))
    assert there[0].failure == here[0].failure
    assert there[1].notes == here[1].notes
    assert here[0].failure[2] == "DecodeError"
    assert here[1].notes


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes by name")
def test_a_file_that_hangs_is_stopped_and_the_others_are_analysed(tracks, tmp_path, monkeypatch):
    # Nobody writes to it: whoever opens it waits for ever.
    os.mkfifo(tmp_path / "hangs.wav")
    tracks.insert(1, Track("hangs.wav", tmp_path / "hangs.wav"))
    monkeypatch.setattr(executors, "SECONDS_PER_FILE", 1.0)
    monkeypatch.setattr(executors, "GRACE", 0.0)
    found = dict(Processes(2).run(tracks, Digest()))
    assert sorted(found) == list(range(7))
    assert [index for index in found if found[index].failure] == [1]
    message = "took longer than 1 s and was stopped; allow more with --timeout"
    assert found[1].failure == ("hangs.wav", "analyse", "AnalyseError", message)


@dataclass(frozen=True)
class Deadly(Track):
    """A track that ends the process that unpickles it, which is the worker."""

    def __reduce__(self):
        return os._exit, (1,)


def test_a_file_that_ends_its_worker_is_a_failure_and_its_neighbours_are_not(tracks):
    tracks[2] = Deadly("deadly.wav", tracks[2].location)
    tracks[4] = Deadly("deadly too.wav", tracks[4].location)
    found = dict(Processes(1).run(tracks, JOB))
    assert sorted(found) == list(range(6))
    assert [index for index in found if found[index].failure] == [2, 4]
    assert "killed the process that read it (status 1)" in found[2].failure[3]


def test_a_worker_that_somebody_kills_is_replaced_and_no_file_suffers(tracks, monkeypatch):
    started = []
    start = executors.WorkerProcess

    def noted(*arguments):
        started.append(start(*arguments))
        return started[-1]

    monkeypatch.setattr(executors, "WorkerProcess", noted)
    found = {}
    for index, outcome in Processes(1).run(tracks * 20, JOB):
        found[index] = outcome
        if len(found) == 10:
            os.kill(started[0].pid, signal.SIGKILL)
    assert len(started) == 2
    assert sorted(found) == list(range(120))
    assert not [outcome for outcome in found.values() if outcome.failure]


@pytest.mark.skipif(sys.platform != "linux", reason="memory is limited on Linux alone")
def test_what_needs_more_memory_than_there_is_fails_and_the_worker_is_replaced(
    tracks, monkeypatch, tmp_path
):
    # A header that promises much is no reason; eighty minutes of eight channels at once are.
    greedy = tmp_path / "job"
    greedy.mkdir()
    (greedy / "greedy_job.py").write_text(
        "from earmark.extract.batch import track\n"
        "class Greedy(track.Analysis):\n"
        "    def __call__(self, each, allow):\n"
        "        if each.path == '2.wav':\n"
        "            track._analyse = lambda *_: b'x' * 2**33\n"
        "        return super().__call__(each, allow)\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(greedy), prepend=os.pathsep)
    monkeypatch.syspath_prepend(str(greedy))
    from greedy_job import Greedy

    found = dict(Processes(1, memory=2**30).run(tracks, Greedy(Extraction("loudness"))))
    # Were the worker not replaced, all that follow would need as much.
    assert [index for index in sorted(found) if found[index].failure] == [2]
    assert found[2].failure[3] == analysis.NO_MEMORY


def test_workers_that_cannot_start_are_said(tracks, monkeypatch):
    monkeypatch.setattr(sys, "executable", sys.executable + "-is-not-there")
    with pytest.raises(AnalyseError, match="workers: cannot be started: No such file"):
        list(Processes(2).run(tracks, JOB))


def test_workers_that_end_while_they_start_are_said(tracks, monkeypatch):
    monkeypatch.setenv("PYTHONHOME", "/nowhere")
    with pytest.raises(AnalyseError, match=r"workers: cannot be started \(status 1\)"):
        list(Processes(2).run(tracks, JOB))


def test_closing_the_run_ends_its_workers(tracks, monkeypatch):
    started = []
    start = executors.WorkerProcess

    def noted(*arguments):
        started.append(start(*arguments))
        return started[-1]

    monkeypatch.setattr(executors, "WorkerProcess", noted)
    running = Processes(2).run(tracks * 50, JOB)
    next(running)
    running.close()
    limit = time.monotonic() + 10
    while any(worker.reason == "status None" for worker in started):
        assert time.monotonic() < limit
        time.sleep(0.05)


CLI = "from earmark.pipeline import main; main()"


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="no SIGTERM")
@pytest.mark.parametrize(("sent", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("command", ["extract", "classify"])
def test_a_run_that_is_stopped_says_within_two_seconds_how_to_go_on(
    tmp_path, sent, status, command
):
    folder = tmp_path / "music"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for index in range(1000):
        soundfile.write(folder / f"{index}.wav", rng.normal(0, 0.1, 44100), 22050)
    output = tmp_path / "t.csv"
    arguments = [sys.executable, "-c", CLI, command, str(folder), "-o", str(output), "-q"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    options = {"stderr": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    process = subprocess.Popen([*arguments, "-j", "1"], env=environment, **options)
    limit = time.monotonic() + 120
    # A part is written every five seconds.
    while not list(tmp_path.glob("t.csv.parts/*-0*.parquet")):
        assert time.monotonic() < limit
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.05)
    process.send_signal(sent)
    began = time.monotonic()
    _, said = process.communicate(timeout=30)
    assert time.monotonic() - began < 2
    assert process.returncode == status
    assert "of 1,000 files, which are kept in" in said
    assert "the same command goes on from there" in said
    kept = int(said.split("stopped after ")[1].split(" ")[0].replace(",", ""))
    assert 0 < kept < 1000
    assert not output.exists()
    parts = run.Parts(output, _extraction(command))
    from earmark.extract.audio import sources

    tracks = sources.find([folder])[0]
    assert len(parts.finished(tracks, [analysis.stamp(track) for track in tracks])) == kept


def _extraction(command):
    if command == "extract":
        return Extraction("default")
    import earmark
    from earmark.classify import score

    return score.extraction_of(earmark.load(), "the model")
