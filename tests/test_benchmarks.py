"""The benchmarks run, and what they hold ours against computes the same."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from extract import pages, sets
from extract.analyse import Job, analyse
from extract.config import DEFAULTS
from extract.files import Track

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"


def test_a_short_run_gives_every_number(demo, tmp_path):
    output = tmp_path / "speed.json"
    wanted = ["decode", "stages of default", "plain librosa, one STFT", "FMA's script", "bliss"]
    done = subprocess.run(
        [
            *(sys.executable, BENCHMARKS / "speed.py", demo / "jazz-120bpm-b-flat-major.wav"),
            *("-n", "1", "--tracks", "0", "-o", output, *(f"--only={name}" for name in wanted)),
        ],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    report = json.loads(output.read_text(encoding="utf-8"))
    rows = {row["name"]: row for row in report["contestants"]}
    columns = len(Job("default", DEFAULTS).schema.columns)
    assert rows["default"]["values"] == columns
    assert rows["default"]["time_to_default"] == 1
    assert rows["FMA's script"]["values"] == 518
    assert 0 < rows["default"]["times_real_time"] < rows["decode"]["times_real_time"]
    assert rows["default"]["peak_mib"] > 50
    # A peer that is not there is named all the same.
    assert ("error" in rows["bliss"]) != ("values" in rows["bliss"])
    assert report["ratios"]["default ÷ decode"] > 1
    assert report["files"][0]["kbps"] == pytest.approx(192, rel=0.03)
    stages = report["stages"]["stages of default"]
    names = {"decode", "resample", "meter and mix down", "cut into frames", "statistics"}
    assert names | {entry.name for entry in sets.get("default").descriptors} <= stages.keys()
    assert "x real time" in done.stdout


# librosa asks audioread what it can read, and that imports what Python 3.13 no longer has.
@pytest.mark.filterwarnings("ignore:.*slated for removal in Python 3.13:DeprecationWarning")
@pytest.mark.parametrize("careful", [False, True])
def test_the_plain_script_computes_what_ours_does(demo, monkeypatch, careful):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import plain_librosa

    path = demo / "jazz-120bpm-b-flat-major.wav"
    job = Job("default", DEFAULTS)
    values = iter(analyse(Track(path.name, path), job).values[0])
    ours = {
        entry.name: np.array([next(values) for _ in entry.columns(DEFAULTS)])
        for entry in sets.get("default").descriptors
    }
    plain = plain_librosa.describe(str(path), careful, sorted(plain_librosa.available()))
    for name, part, tolerance in [
        ("duration_ms", slice(None), 1),
        ("zero_crossing_rate", slice(2), 2e-3),
        ("onset_rate", slice(None), 0.1),
        ("key", slice(2), 0),
        ("chroma", slice(12), 5e-3),
        ("tonnetz", slice(6), 5e-3),
        ("variance_pattern", slice(None), 0.3),
        ("fluctuation_pattern", slice(None), 0.2),
        ("mfcc_difference", slice(None), 0.3),
        # The first coefficient is the level, which ours has taken out.
        ("mfcc", slice(1, 20), 0.5),
        # What lies below fmax.
        ("spectral_contrast", slice(1, 6), 0.1),
    ]:
        np.testing.assert_allclose(plain[name][part], ours[name][part], rtol=0, atol=tolerance)


@pytest.fixture(scope="module")
def descriptors():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(BENCHMARKS))
        import descriptors

        yield descriptors


def test_beats_are_scored_as_the_field_does(descriptors):
    truth = np.arange(0.5, 20, 0.5)
    score = descriptors.beat_score
    assert score(truth, truth) == 1
    assert score(truth + 0.06, truth) == 1
    assert score(truth + 0.08, truth) == 0
    # Half as many, each right: precision 1, recall 1/2.
    assert score(truth[::2], truth) == pytest.approx(2 / 3, abs=0.02)
    assert score(np.arange(0.5, 20, 0.25), truth) == pytest.approx(2 / 3, abs=0.02)
    assert score(np.zeros(0), truth) == 0
    # One beat is not found twice.
    assert score(np.array([6, 6.02, 6.04]), np.array([6.0])) == pytest.approx(1 / 2)


def test_an_interval_is_over_groups(descriptors):
    values = np.repeat([0.0, 1.0], 50)
    alone = descriptors.interval(values, map(str, range(100)))
    assert 0.35 < alone[0] < 0.45 < 0.55 < alone[1] < 0.65
    # Two artists: all, half or nothing is right.
    assert descriptors.interval(values, ["a"] * 50 + ["b"] * 50) == (0, 1)


def test_what_is_surer_is_counted(descriptors):
    right = np.array([1.0, 1, 0, 0])
    assert descriptors.roc_auc_score(right, np.array([4.0, 3, 2, 1])) == 1
    assert descriptors.roc_auc_score(right, np.array([1.0, 2, 3, 4])) == 0
    assert descriptors.roc_auc_score(right, np.ones(4)) == 0.5


def test_tutorials_find_the_key_of_a_scale(descriptors):
    steps = 261.63 * 2 ** (np.array([0, 4, 7, 0, 5, 9, 0, 7, 4, 0]) / 12)
    time = np.arange(11025) / 22050
    samples = np.concatenate([np.sin(2 * np.pi * f * time) for f in steps]).astype(np.float32)
    assert descriptors.krumhansl(samples) == 12


def test_figures_in_the_readme_are_those_that_were_measured(descriptors):
    measured = json.loads(pages.MEASURED.read_text(encoding="utf-8"))
    text = (BENCHMARKS.parent / "README.md").read_text(encoding="utf-8")
    _, shown, _ = text.split(descriptors.MARK)
    rows = [descriptors.Row(**row) for row in measured["rows"]]
    every = descriptors.table(rows).splitlines()
    lines = shown.strip().splitlines()
    assert lines[:2] == every[:2]
    assert len(lines) > 10
    assert set(lines) <= set(every)
