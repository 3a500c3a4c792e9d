"""Real files of every container, damaged from a seed, each give a row or a reason."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))

import fuzz

pytestmark = pytest.mark.slow

SEEDS = 2000


@pytest.fixture(scope="module")
def originals():
    return fuzz.originals(fuzz.music())


def test_the_originals_are_rows_without_a_note(originals, tmp_path):
    assert set(originals) >= {*fuzz.LIBSNDFILE, *fuzz.FFMPEG}
    for name, data in originals.items():
        path = tmp_path / name
        path.write_bytes(data)
        assert fuzz.judge(path) == fuzz.Verdict("row"), name


def test_a_mutation_is_the_same_for_a_seed(originals):
    first = [fuzz.mutate(seed, originals) for seed in range(20)]
    assert first == [fuzz.mutate(seed, originals) for seed in range(20)]
    assert len({data for _, data, _ in first}) > 15


@pytest.mark.filterwarnings("ignore:(invalid value|overflow) encountered:RuntimeWarning")
def test_every_mutation_is_a_row_or_a_reason():
    faults = []
    kinds = Counter()

    def report(seed, history, verdict):
        kinds[verdict.kind] += 1
        if verdict.kind == "fault":
            faults.append((seed, history, verdict.text))

    fuzz.run_seeds(0, SEEDS, report)
    assert faults == []
    # Some are whole, some are not: otherwise nothing was tried.
    assert min(kinds["row"], kinds["noted"], kinds["refused"]) > SEEDS // 10


def test_what_must_not_be_is_seen(originals, tmp_path, monkeypatch):
    path = tmp_path / "a.mp3"
    path.write_bytes(originals["a.mp3"])
    monkeypatch.setattr(fuzz, "seconds_by_ffmpeg", lambda _: (1.0, True))
    monkeypatch.setattr(fuzz, "SECONDS", 1.0)
    assert "silently 3.0" in fuzz.judge(path).text
    path.write_bytes(b"no music " * 100)
    assert fuzz.judge(path).text.startswith("lost, though FFmpeg reads 1.00 s")
