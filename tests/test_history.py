"""The history of the benchmarks: reports are added, and what was measured twice is drawn."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def history(*arguments, status=0):
    done = subprocess.run(
        [sys.executable, ROOT / "benchmarks" / "history.py", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == status, done.stderr
    return done.stdout + done.stderr


@pytest.fixture
def speed(tmp_path):
    path = tmp_path / "speed.json"

    def measured(ratio):
        report = {"ratios": {"bliss ÷ default": ratio}, "versions": {"Earmark": "1.0"}}
        path.write_text(json.dumps(report), encoding="utf-8")
        return path

    return measured


@pytest.mark.slow
def test_reports_are_kept_and_drawn(speed, tmp_path):
    kept = tmp_path / "history.json"
    add = ("--history", kept, "add")
    history(*add, speed(2.0), "--day", "2026-01-01", "--commit", "aaa")
    history(*add, speed(2.5), "--day", "2026-01-02", "--commit", "bbb")
    # The same commit once more: in its place.
    history(*add, speed(3.0), "--day", "2026-01-02", "--commit", "bbb")
    shipped = ROOT / "classify/models/light/bundle.json", ROOT / "extract/measured.json"
    history(*add, *shipped, "--day", "2026-01-02", "--commit", "bbb")
    rows = json.loads(kept.read_text(encoding="utf-8"))
    speeds = [(row["commit"], row["value"]) for row in rows if row["benchmark"] == "speed"]
    assert speeds == [("aaa", 2.0), ("bbb", 3.0)]
    accuracy = json.loads(shipped[0].read_text(encoding="utf-8"))["metrics"]["accuracy"]
    (model,) = [row for row in rows if row["benchmark"].startswith("model of default-")]
    assert model["value"] == round(accuracy, 4)
    assert model["low"] < model["value"] < model["high"]
    assert sum(row["benchmark"] == "descriptors" for row in rows) > 20
    picture = tmp_path / "history.png"
    assert "1 measures" in history("--history", kept, "draw", "-o", picture)
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert "measured more than once" in history(
        "--history", kept, "draw", "--only", "nothing", "-o", picture, status=2
    )


@pytest.mark.slow
def test_what_no_benchmark_wrote_is_refused(tmp_path):
    other = tmp_path / "other.json"
    other.write_text("{}", encoding="utf-8")
    said = history("--history", tmp_path / "h.json", "add", other, "--commit", "a", status=2)
    assert "other.json: is neither a report of a benchmark nor a model" in said
    assert not (tmp_path / "h.json").exists()


def test_what_is_kept_is_read():
    rows = json.loads((ROOT / "benchmarks" / "history.json").read_text(encoding="utf-8"))
    assert {row["benchmark"] for row in rows} >= {"descriptors", "model of default+musicnn-1"}
    assert all(row["commit"] and row["day"] and row["value"] >= 0 for row in rows)
