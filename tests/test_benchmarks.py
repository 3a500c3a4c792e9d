"""The benchmarks run, and what they hold ours against computes the same."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from extract import sets
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
