"""Tracks and windows from one pass: the same tables as from two."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile

import earmark
from earmark import pipeline
from earmark.extract import schema, tables
from earmark.extract.batch import executors, run
from earmark.extract.batch import track as analysis
from earmark.extract.batch.executors import Processes
from earmark.extract.config import DEFAULTS


@pytest.fixture
def music(tmp_path):
    """A folder of five noises of 1 to 5 s and one file that is no audio."""
    folder = tmp_path / "music"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for index in range(5):
        soundfile.write(folder / f"{index}.wav", rng.normal(0, 0.1, (index + 1) * 22050), 22050)
    (folder / "bad.mp3").write_text("no audio")
    return folder


def cli(*arguments):
    with pytest.raises(SystemExit) as stop:
        pipeline.main([*map(str, arguments)])
    return stop.value.code


@pytest.mark.parametrize("name", ["default", "gtzan"])
@pytest.mark.parametrize("seconds", [2.5, 6.0, 60.0])
@pytest.mark.slow
def test_both_tables_are_those_of_two_passes(demo, name, seconds):
    tracks, windows = earmark.tracks_and_windows([demo], windows=seconds, set=name)
    pd.testing.assert_frame_equal(tracks, earmark.table([demo], set=name), check_exact=True)
    expected = earmark.table([demo], set=name, windows=seconds)
    pd.testing.assert_frame_equal(windows, expected, check_exact=True)


def test_every_file_is_analysed_once(music, analysed):
    with pytest.warns(UserWarning, match=r"1 failed, the first: bad\.mp3: is not audio"):
        tracks, windows = earmark.tracks_and_windows([music], windows=1.0)
    assert analysed == [f"{index}.wav" for index in range(5)] + ["bad.mp3"]
    assert tracks["path"].tolist() == [f"{index}.wav" for index in range(5)]
    assert windows["path"].drop_duplicates().tolist() == tracks["path"].tolist()
    assert windows.groupby("path").size().tolist() == [1, 2, 3, 4, 5]
    for table in (tracks, windows):
        assert [failure["path"] for failure in table.attrs["failures"]] == ["bad.mp3"]


def test_the_command_line_writes_both_and_lists_failures_once(music, tmp_path, capsys):
    windows, tracks = tmp_path / "windows.parquet", tmp_path / "tracks.parquet"
    arguments = ("extract", music, "-o", windows, "--windows", 1, "--tracks", tracks, "-q")
    assert cli(*arguments) == 0
    captured = capsys.readouterr()
    count = len(schema.of("default", DEFAULTS).names)
    assert captured.out.startswith(f"5 tracks in 15 windows, {count} descriptors each: ")
    assert captured.err.count("bad.mp3") == 1
    for path, seconds in ((windows, 1.0), (tracks, None)):
        expected = schema.of("default", DEFAULTS, seconds)
        read = tables.read(path)
        table, about = read.frame, read.provenance
        keys = ["path", "start", "seconds", "sha256"] if seconds else ["path", "sha256"]
        assert table.columns.tolist() == [*keys, *expected.names]
        assert about == tables.metadata(expected)
        again = earmark.table(sorted(music.glob("*.wav")), windows=seconds)
        again["path"] = again["path"].str.removeprefix(f"{music}/")
        pd.testing.assert_frame_equal(table, again, check_exact=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "music",
        "tracks.parquet",
        "windows.failures.csv",
        "windows.files.parquet",
        "windows.parquet",
        "windows.report.json",
    ]
    failures = pd.read_csv(tmp_path / "windows.failures.csv")
    assert failures["path"].tolist() == ["bad.mp3"]


def test_info_tells_one_table_from_the_other(music, tmp_path, capsys):
    windows, tracks = tmp_path / "windows.parquet", tmp_path / "tracks.parquet"
    cli("extract", music, "-o", windows, "--windows", 2, "--tracks", tracks, "-q")
    capsys.readouterr()
    of = schema.of("default", DEFAULTS)
    count = len(of.names)
    for path, expected in (
        (windows, [f"features: 9 rows, {count + 4} columns", "rows: windows of 2 s"]),
        (tracks, [f"features: 5 rows, {count + 2} columns", "rows: whole tracks"]),
    ):
        assert cli("info", path) == 0
        lines = capsys.readouterr().out.splitlines()
        assert set(expected) < set(lines)
        assert f"set: {of.set}" in lines


@pytest.mark.parametrize("endings", [("csv", "parquet"), ("jsonl", "csv"), ("parquet", "jsonl")])
def test_each_table_has_the_format_of_its_own_ending(music, tmp_path, endings):
    windows, tracks = (tmp_path / f"t.{ending}" for ending in endings)
    cli("extract", music, "-o", windows, "--windows", 1, "--tracks", tracks, "-q")
    assert len(tables.read(windows)) == 15
    assert len(tables.read(tracks)) == 5


def test_tracks_without_windows_are_refused_before_any_work(music, tmp_path, analysed, capsys):
    tracks = tmp_path / "tracks.csv"
    assert cli("extract", music, "-o", tmp_path / "t.csv", "--tracks", tracks) == 2
    assert "--tracks" in capsys.readouterr().err
    assert not analysed


def test_a_table_of_tracks_that_is_not_ours_is_kept_before_any_work(
    music, tmp_path, analysed, capsys
):
    tracks = tmp_path / "tracks.csv"
    tracks.write_text("my own notes\n")
    output = tmp_path / "t.csv"
    assert cli("extract", music, "-o", output, "--windows", 1, "--tracks", tracks) == 1
    assert "it is kept" in capsys.readouterr().err
    assert tracks.read_text() == "my own notes\n"
    assert not analysed


def test_one_file_cannot_hold_both_tables(music, tmp_path, analysed, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    output = tmp_path / "t.csv"
    assert cli("extract", music, "-o", output, "--windows", 1, "--tracks", "t.csv") == 1
    assert "t.csv: cannot hold both tables; name two files" in capsys.readouterr().err
    assert not output.exists()
    assert not analysed


@pytest.mark.slow
@pytest.mark.processes
def test_two_workers_write_the_same_bytes_as_one(music, tmp_path, monkeypatch):
    monkeypatch.setattr(executors, "TRACKS_PER_WORKER", 1)
    job = run.Extraction("default", DEFAULTS, 1.0, tracks=True)
    written = []
    for workers in (1, 2):
        paths = [tmp_path / f"{workers}-{kind}.parquet" for kind in ("windows", "tracks")]
        run.extract(
            [music], job, output=paths[0], tracks_output=paths[1], executor=Processes(workers)
        )
        written.append([path.read_bytes() for path in paths])
    assert written[0] == written[1]


def extracted(music, output, job):
    """Run a job and return the bytes of all that it writes."""
    beside = output.with_name("tracks.parquet")
    beside.unlink(missing_ok=True)
    run.extract([music], job, output=output, tracks_output=beside if job.tracks else None)
    assert not output.with_name(f"{output.name}.parts").exists()
    written = [output, beside, tables.failures_path(output)]
    return [path.read_bytes() if path.exists() else None for path in written]


def interrupt(music, output, job, monkeypatch):
    """Stop a run of a job by Ctrl-C after three tracks."""
    analyse = analysis.analyse

    def stopping(track, *rest):
        if track.path == "3.wav":
            raise KeyboardInterrupt
        return analyse(track, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(analysis, "analyse", stopping)
        with pytest.raises(KeyboardInterrupt):
            run.extract([music], job, output=output)
    assert len(list(Path(f"{output}.parts").iterdir())) == 1


@pytest.mark.parametrize("name", ["default", "gtzan"])
def test_a_run_that_was_interrupted_goes_on_and_writes_the_same_tables(
    music, tmp_path, monkeypatch, analysed, name
):
    job = run.Extraction(name, DEFAULTS, 1.0, tracks=True)
    expected = extracted(music, tmp_path / "whole.parquet", job)
    analysed.clear()
    output = tmp_path / "t.parquet"
    interrupt(music, output, job, monkeypatch)
    assert analysed == ["0.wav", "1.wav", "2.wav"]
    assert extracted(music, output, job) == expected
    assert analysed == ["0.wav", "1.wav", "2.wav", "3.wav", "4.wav", "bad.mp3"]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ((None, False), (1.0, False)),
        ((None, False), (1.0, True)),
        ((1.0, False), (None, False)),
        ((0.5, False), (None, False)),
        ((1.0, True), (None, False)),
        ((1.0, False), (1.0, True)),
        ((1.0, False), (2.0, False)),
        ((1.0, True), (1.0, False)),
        ((1.0, True), (2.0, True)),
    ],
)
def test_what_was_finished_for_other_rows_changes_nothing(
    music, tmp_path, monkeypatch, before, after
):
    first, second = (run.Extraction("default", DEFAULTS, *rows) for rows in (before, after))
    expected = extracted(music, tmp_path / "whole.parquet", second)
    output = tmp_path / "t.parquet"
    interrupt(music, output, first, monkeypatch)
    assert extracted(music, output, second) == expected
