"""What tests share: the demo tracks, the shared recordings where they are, small signals."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
from hypothesis import settings

ROOT = Path(__file__).parent.parent

MAIN = sys.modules["__main__"]

if worker := os.environ.get("PYTEST_XDIST_WORKER"):
    # Processes that compile the same function for the first time at once can damage numba's cache
    # of it, and then every call of it ends in a segmentation fault: each has a cache of its own.
    os.environ["NUMBA_CACHE_DIR"] = str(ROOT / ".numba_cache" / worker)

from earmark import pipeline  # noqa: E402
from earmark.extract.batch import executors, track  # noqa: E402

# A busy machine is no fault of the code.
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")


def pytest_collection_modifyitems(items):
    """Count coverage over the quick tests: under a tracer the others would take half as long again.

    What they start are processes of their own, which it would not see.
    """
    for item in items:
        if item.get_closest_marker("slow") or item.get_closest_marker("browser"):
            item.add_marker(pytest.mark.no_cover)
        # A page that is drawn anew at the wrong moment does not hear a click: what fails in a
        # browser is tried once more, which the summary says.
        if item.get_closest_marker("browser"):
            item.add_marker(pytest.mark.flaky(reruns=1))


@pytest.fixture(scope="session")
def demo() -> Path:
    """The folder of the demo tracks."""
    return ROOT / "data" / "raw"


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real recordings; tests that need it are skipped where it is not."""
    folder = Path(os.environ.get("EARMARK_DATA", ROOT.parent / "shared" / "data"))
    if not (folder / "emotify").is_dir():
        pytest.skip(f"no real recordings: neither EARMARK_DATA nor {folder} holds them")
    return folder


@pytest.fixture
def tone(tmp_path):
    """Write a tone and return its path: `tone(name, seconds, frequency, rate, gain)`."""

    def write(name="tone.wav", seconds=1.0, frequency=440.0, rate=22050, gain=0.5):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        time = np.arange(round(seconds * rate)) / rate
        soundfile.write(path, gain * np.sin(2 * np.pi * frequency * time), rate)
        return path

    return write


@pytest.fixture
def analysed(monkeypatch):
    """The names of the tracks that are analysed in this process."""
    seen = []
    analyse = track.analyse

    def counted(each, *rest):
        seen.append(each.path)
        return analyse(each, *rest)

    monkeypatch.setattr(track, "analyse", counted)
    return seen


@pytest.fixture(autouse=True)
def _few_tracks_are_analysed_here(request, monkeypatch):
    """Spare the tests of the command line the start of a worker; some are of workers themselves."""
    if request.node.get_closest_marker("processes"):
        return
    run = executors.Processes.run

    def here(pool, tracks, job):
        few = len(tracks) < 2 * executors.TRACKS_PER_WORKER
        return executors.Here().run(tracks, job) if few else run(pool, tracks, job)

    monkeypatch.setattr(executors.Processes, "run", here)


@pytest.fixture(autouse=True)
def _main_stays_main():
    """Streamlit puts its script in the place of `__main__`, which new processes would run again."""
    sys.modules["__main__"] = MAIN


@pytest.fixture
def cli(capsys):
    """Run the command line in this process: `cli(*arguments)` → status, stdout, stderr."""

    def call(*arguments):
        with pytest.raises(SystemExit) as stop:
            pipeline.main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        assert "Traceback" not in captured.err
        return stop.value.code, captured.out, captured.err

    return call


@pytest.fixture(scope="session")
def spotify(shared):
    """Spotify's table as a whole, as tracks."""
    from earmark.classify.insights import page

    return page.read(shared / "spotify" / "spotify_tracks.csv.gz")


@pytest.fixture
def invented():
    """Tracks of three genres: loud ones have energy, quiet ones are acoustic."""
    random = np.random.default_rng(0)
    level = np.repeat([-20.0, -12.0, -5.0], 12) + random.normal(0, 1, 36)
    return pd.DataFrame(
        {
            "path": [f"{place}.mp3" for place in range(36)],
            "genre": np.repeat(["lullaby", "folk", "metal"], 12),
            "popularity": np.repeat([10, 20, 60], 12) + np.arange(36) % 3,
            "loudness": level,
            "energy": (level + 22) / 20,
            "acousticness": -level / 25,
            "tempo": np.repeat([70.0, 100.0, 160.0], 12),
            "key": np.arange(36) % 12,
            "mode": [1, 1, 1, 0] * 9,
        }
    )


@pytest.fixture
def below(tmp_path, monkeypatch):
    """Draw pages of the app with one worker and an own folder as their root, which it returns."""
    import streamlit as st

    from earmark.classify.app import session, settings

    monkeypatch.setenv("EARMARK_APP_ROOT", str(tmp_path))
    monkeypatch.setenv("EARMARK_APP_WORKERS", "1")
    monkeypatch.setenv("EARMARK_APP_CACHE", str(tmp_path / ".cache"))
    settings.app_settings.cache_clear()
    yield tmp_path
    session.queue().close()
    st.cache_resource.clear()
    settings.app_settings.cache_clear()


@pytest.fixture
def scratch():
    """A folder for uploads that takes three files."""
    from earmark.classify.app.files.scratch import Limits, Scratch

    scratch = Scratch(Limits(file_bytes=1_000_000, files=3, session_bytes=1_500_000))
    yield scratch
    scratch.close()


class Machines:
    """A scheduler and workers, each a process of its own."""

    def __init__(self, folder):
        self.folder, self.processes, self.port = folder, [], 0

    def start(self, kind, *arguments):
        import distributed

        package = Path(distributed.__file__).parent / "cli"
        environment = {**os.environ, "PYTHONPATH": os.environ.get("PYTHONPATH", "") or str(ROOT)}
        process = subprocess.Popen(
            [sys.executable, package / f"dask_{kind}.py", "--no-dashboard", *map(str, arguments)],
            cwd=self.folder,
            env=environment,
            stderr=subprocess.DEVNULL,
        )
        self.processes.append(process)
        return process

    def scheduler(self):
        import socket

        if not self.port:
            with socket.socket() as free:
                free.bind(("127.0.0.1", 0))
                self.port = free.getsockname()[1]
        self.start("scheduler", "--host", "127.0.0.1", "--port", self.port)
        return f"tcp://127.0.0.1:{self.port}"

    def worker(self):
        return self.start("worker", f"tcp://127.0.0.1:{self.port}", "--nthreads", 1, "--no-nanny")


@pytest.fixture
def machines(tmp_path):
    machines = Machines(tmp_path)
    yield machines
    for process in machines.processes:
        process.kill()
    for process in machines.processes:
        process.wait()
