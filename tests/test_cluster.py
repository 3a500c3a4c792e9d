"""A run on a cluster: a real scheduler, real workers, and what happens to them."""

from __future__ import annotations

import os
import signal

import numpy as np
import pytest
import soundfile

from earmark.extract.batch import run
from earmark.extract.batch.cluster import Cluster
from earmark.extract.batch.executors import Processes
from earmark.extract.batch.track import Analysis

EXTRACTION = run.Extraction("loudness")


@pytest.fixture
def music(tmp_path):
    folder = tmp_path / "music"
    folder.mkdir()
    random = np.random.default_rng(0)
    for number in range(60):
        noise = random.normal(0, 0.1, 22050)
        soundfile.write(folder / f"{number:03}.wav", noise, 22050)
    (folder / "030.wav").write_text("damaged")
    return folder


def table(music, output, executor):
    result = run.extract([music], EXTRACTION, output=output, executor=executor)
    assert result.described == 59
    assert [row[0] for row in result.failures] == ["030.wav"]
    return output.read_bytes()


@pytest.mark.slow
@pytest.mark.parametrize("lost", ["worker", "scheduler"])
def test_nothing_is_lost_or_done_twice_when_something_dies(music, tmp_path, machines, lost):
    expected = table(music, tmp_path / "here.parquet", Processes(1))
    address = machines.scheduler()
    first = machines.worker()
    machines.worker()
    executor = Cluster(address)
    seen = {}

    def counted(tracks, job):
        for index, outcome in executor.run(tracks, job):
            seen.setdefault(type(job), []).append(index)
            if isinstance(job, Analysis) and len(seen[Analysis]) == 10:
                if lost == "worker":
                    os.kill(first.pid, signal.SIGKILL)
                    machines.worker()
                else:
                    for process in machines.processes:
                        os.kill(process.pid, signal.SIGKILL)
                        process.wait()
                    machines.scheduler()
                    machines.worker()
            yield index, outcome

    class Counting:
        run = staticmethod(counted)

    assert table(music, tmp_path / "there.parquet", Counting()) == expected
    assert all(len(set(found)) == len(found) for found in seen.values())
    assert len(seen[Analysis]) == 60


@pytest.mark.slow
def test_a_local_scheduler_gives_the_same_table(cli, music, tmp_path):
    expected = table(music, tmp_path / "here.parquet", Processes(1))
    output = tmp_path / "there.parquet"
    arguments = ("--set", "loudness", "--scheduler", "local", "-j", 2, "-q")
    assert cli("extract", music, "-o", output, *arguments)[0] == 0
    assert output.read_bytes() == expected


def test_an_address_that_is_none_is_wrong_usage(cli, music, tmp_path):
    status, _, err = cli(
        "extract", music, "-o", tmp_path / "t.csv", "--scheduler", "nonsense://x", "-q"
    )
    assert status == 2
    assert "--scheduler nonsense://x" in err
