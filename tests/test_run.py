"""Many files: the same table for any number of workers, and after any accident."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile

import earmark
from earmark import pipeline
from earmark.extract import tables
from earmark.extract.audio import sources
from earmark.extract.audio.sources import Track
from earmark.extract.batch import checkpoint, executors, run
from earmark.extract.batch import track as analysis
from earmark.extract.batch.executors import Processes
from earmark.extract.batch.track import Analysis
from earmark.extract.config import DEFAULTS
from earmark.extract.engine import aggregate
from earmark.extract.errors import DecodeError, FindError, SettingsError, WriteError

EXTRACTION = run.Extraction("default", DEFAULTS)


@pytest.fixture
def music(tmp_path):
    """A folder of six short noises and one file that is no audio."""
    folder = tmp_path / "music"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for index in range(6):
        soundfile.write(folder / f"{index}.wav", rng.normal(0, 0.1, 22050), 22050)
    (folder / "bad.mp3").write_text("no audio")
    return folder


def status(*arguments):
    with pytest.raises(SystemExit) as stop:
        pipeline.main([*map(str, arguments), "-q"])
    return stop.value.code


def test_every_file_is_a_row_or_a_failure(music, tmp_path):
    output = tmp_path / "t.parquet"
    result = run.extract([music, tmp_path / "none"], EXTRACTION, output=output)
    assert result.table["path"].tolist() == [f"{index}.wav" for index in range(6)]
    assert result.table.columns.tolist() == ["path", "sha256", *EXTRACTION.schema.names]
    failures = pd.read_csv(tmp_path / "t.failures.csv")
    assert failures.columns.tolist() == ["path", "stage", "error", "message"]
    assert failures["path"].tolist() == [str(tmp_path / "none"), "bad.mp3"]
    assert failures["stage"].tolist() == ["find", "decode"]
    assert failures["error"].tolist() == ["NotFoundError", "DecodeError"]
    assert failures["message"].str.len().min() > 10
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "music",
        "t.failures.csv",
        "t.files.parquet",
        "t.parquet",
        "t.report.json",
    ]


def test_windows_cover_the_track_and_keep_its_name(demo):
    job = run.Extraction("default", DEFAULTS, 5.0)
    table = run.extract([demo / "jazz-120bpm-b-flat-major.wav"], job).table
    assert table.columns[:4].tolist() == ["path", "start", "seconds", "sha256"]
    ends = table["start"] + table["seconds"]
    np.testing.assert_allclose(table["start"][1:], ends[:-1])
    # The last one takes what is left.
    assert table["seconds"][:-1].between(4.9, 5.1).all()
    assert 2.5 <= table["seconds"].iloc[-1] < 7.5
    assert table["path"].nunique() == table["sha256"].nunique() == 1


@pytest.mark.parametrize("windows", [0.1, 1e6, float("nan"), -1])
def test_windows_out_of_range_are_refused(windows):
    with pytest.raises(SettingsError, match=r"windows = .*: between 0.5 and 3600 seconds"):
        run.Extraction("default", DEFAULTS, windows)


def test_an_unknown_set_is_refused():
    with pytest.raises(SettingsError, match="no feature set is called 'spotfy'; there is default"):
        run.Extraction("spotfy", DEFAULTS)


@pytest.mark.processes
def test_one_worker_and_two_give_the_same_bytes(music, tmp_path, monkeypatch):
    monkeypatch.setattr(executors, "TRACKS_PER_WORKER", 1)
    job = run.Extraction("default", DEFAULTS, 0.5)
    outputs = [tmp_path / name for name in ("one.parquet", "two.parquet")]
    for workers, output in enumerate(outputs, start=1):
        run.extract([music], job, output=output, executor=Processes(workers))
    assert outputs[0].read_bytes() == outputs[1].read_bytes()
    lists = [tables.failures_path(output).read_bytes() for output in outputs]
    assert lists[0] == lists[1]


class Deadly(Track):
    """A track that ends the process that unpickles it, which is the worker."""

    def __reduce__(self):
        return os._exit, (1,)


@pytest.mark.slow
@pytest.mark.processes
def test_a_file_that_kills_its_worker_is_a_failure_and_the_others_are_analysed(music, monkeypatch):
    monkeypatch.setattr(executors, "TRACKS_PER_WORKER", 1)
    tracks = [Track(f"{index}.wav", music / f"{index}.wav") for index in range(6)]
    tracks[2] = Deadly("deadly.wav", music / "2.wav")
    found = dict(Processes(2).run(tracks, Analysis(EXTRACTION)))
    assert sorted(found) == list(range(6))
    assert [index for index in found if found[index].failure] == [2]
    assert found[2].failure[:3] == ("deadly.wav", "analyse", "AnalyseError")
    assert "killed the process that read it" in found[2].failure[3]


KILLED = """
import os, signal, sys
from pathlib import Path
from earmark.extract.batch import checkpoint, run
from earmark.extract.batch import track as analysis
from earmark.extract.config import DEFAULTS

analyse, seen = analysis.analyse, []

def deadly(track, *rest):
    seen.append(track)
    if len(seen) == 5:
        os.kill(os.getpid(), signal.SIGKILL)
    return analyse(track, *rest)

analysis.analyse, checkpoint.SECONDS_PER_PART = deadly, 0.0
run.extract([sys.argv[1]], run.Extraction("default", DEFAULTS), output=Path(sys.argv[2]))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL")
def test_a_run_that_was_killed_goes_on_where_it_was(music, tmp_path, analysed):
    output, whole = tmp_path / "t.parquet", tmp_path / "whole.parquet"
    killed = subprocess.run([sys.executable, "-c", KILLED, music, output], timeout=120)
    assert killed.returncode == -9
    assert not output.exists()
    run.extract([music], EXTRACTION, output=output)
    # Four were finished, the failure among them.
    assert analysed == ["4.wav", "5.wav", "bad.mp3"]
    run.extract([music], EXTRACTION, output=whole)
    assert output.read_bytes() == whole.read_bytes()
    failures = tables.failures_path
    assert failures(output).read_bytes() == failures(whole).read_bytes()
    assert not output.with_name("t.parquet.parts").exists()


@pytest.fixture
def interrupted(music, tmp_path, monkeypatch):
    """The output of a run that was stopped by Ctrl-C after three tracks."""
    output = tmp_path / "t.parquet"
    analyse = analysis.analyse

    def stopping(track, *rest):
        if track.path == "3.wav":
            raise KeyboardInterrupt
        return analyse(track, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(analysis, "analyse", stopping)
        with pytest.raises(KeyboardInterrupt):
            run.extract([music], EXTRACTION, output=output)
    assert len(list(output.with_name("t.parquet.parts").iterdir())) == 1
    return output


def test_what_was_finished_before_ctrl_c_is_kept(music, interrupted, analysed):
    run.extract([music], EXTRACTION, output=interrupted)
    assert analysed == ["3.wav", "4.wav", "5.wav", "bad.mp3"]


def test_a_new_file_of_the_same_name_elsewhere_changes_no_name_and_nothing_is_done_again(
    tone, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    for pitch, name in enumerate(("one/x.wav", "one/y.wav", "two/z.wav"), start=1):
        tone(name, frequency=100.0 * pitch)
    output, analyse, seen = tmp_path / "t.parquet", analysis.analyse, []

    def stopping(track, *rest):
        seen.append(track.path)
        if seen.count("two/z.wav") == 1 and track.path == "two/z.wav":
            raise KeyboardInterrupt
        return analyse(track, *rest)

    monkeypatch.setattr(analysis, "analyse", stopping)
    with pytest.raises(KeyboardInterrupt):
        run.extract(["one", "two"], EXTRACTION, output=output)
    tone("two/x.wav", frequency=400.0)
    table = run.extract(["one", "two"], EXTRACTION, output=output).table
    assert table["path"].tolist() == ["one/x.wav", "one/y.wav", "two/x.wav", "two/z.wav"]
    assert seen == ["one/x.wav", "one/y.wav", "two/z.wav", "two/x.wav", "two/z.wav"]


def test_a_file_that_changed_meanwhile_is_analysed_again(music, interrupted, analysed):
    shutil.copyfile(music / "5.wav", music / "0.wav")
    os.utime(music / "0.wav", ns=(0, 0))
    table = run.extract([music], EXTRACTION, output=interrupted).table.set_index("path")
    # The last one has the content of the first, which is analysed for both.
    assert analysed == ["0.wav", "3.wav", "4.wav", "bad.mp3"]
    assert table.loc["0.wav", "sha256"] == table.loc["5.wav", "sha256"]


def test_other_settings_believe_nothing_of_what_was_finished(music, interrupted, analysed):
    job = run.Extraction("default", DEFAULTS.model_copy(update={"top_db": 60.0}))
    run.extract([music], job, output=interrupted)
    assert len(analysed) == 7


def test_a_part_that_a_power_cut_damaged_is_computed_again(music, interrupted, analysed):
    (part,) = interrupted.with_name("t.parquet.parts").iterdir()
    part.write_bytes(part.read_bytes()[:100])
    run.extract([music], EXTRACTION, output=interrupted)
    assert len(analysed) == 7


def test_a_folder_of_the_user_with_the_name_of_our_parts_is_not_emptied(music, tmp_path):
    mine = tmp_path / "t.parquet.parts" / "mine.txt"
    mine.parent.mkdir()
    mine.write_text("precious")
    run.extract([music], EXTRACTION, output=tmp_path / "t.parquet")
    assert mine.read_text() == "precious"


def test_a_file_that_goes_between_finding_and_reading_is_a_failure(music, tmp_path, monkeypatch):
    analyse = analysis.analyse

    def removing(track, *rest):
        (music / "3.wav").unlink(missing_ok=True)
        return analyse(track, *rest)

    monkeypatch.setattr(analysis, "analyse", removing)
    result = run.extract([music], EXTRACTION, output=tmp_path / "t.csv")
    assert len(result.table) == 5
    assert result.failures[0][:2] == ("3.wav", "decode")
    assert "is not there" in result.failures[0][3]


def test_a_disk_that_gives_up_while_the_file_is_hashed_is_a_failure(music, monkeypatch):
    def vanish(*_):
        raise OSError(errno.EIO, "Input/output error")

    # The disk gives up after the audio was decoded, while the file is read again for its hash.
    monkeypatch.setattr(hashlib, "file_digest", vanish)
    outcome = analysis.analyse(Track("0.wav", music / "0.wav"), EXTRACTION)
    assert outcome.failure[1] == "decode"
    assert "please report it" not in outcome.failure[3]


def test_an_error_that_nobody_foresaw_is_a_failure_that_asks_for_a_report(music, monkeypatch):
    monkeypatch.setattr(aggregate, "row", lambda *_: 1 / 0)
    result = run.extract([music / "0.wav"], EXTRACTION)
    path, stage, error, message = result.failures[0]
    assert (path, stage, error) == ("0.wav", "analyse", "AnalyseError")
    assert "ZeroDivisionError: division by zero); please report it" in message


def test_nothing_to_analyse_is_an_error(tmp_path):
    with pytest.raises(FindError, match="holds no audio files"):
        run.extract([tmp_path], EXTRACTION)
    with pytest.raises(FindError, match="name at least one file or folder"):
        run.extract([], EXTRACTION)


def test_an_output_is_refused_before_any_work(music, tmp_path, analysed):
    (tmp_path / "mine.csv").write_text("my own notes\n")
    with pytest.raises(WriteError, match="it is kept"):
        run.extract([music], EXTRACTION, output=tmp_path / "mine.csv")
    assert not analysed
    assert (tmp_path / "mine.csv").read_text() == "my own notes\n"


def test_exit_statuses(music, tmp_path, capsys):
    output = tmp_path / "t.csv"
    assert status("extract", music, "-o", output) == 0
    assert "1 failed, all listed in" in capsys.readouterr().err
    assert status("extract", music, "-o", output, "--strict") == 1
    assert status("extract", music / "bad.mp3", "-o", output) == 1
    assert status("extract", tmp_path / "none", "-o", output) == 1
    assert status("extract", music, "-o", tmp_path / "t.doc") in (1, 2)
    assert status("extract", music, "-o", output, "--set", "none") == 2
    assert status("extract", music, "-o", output, "--windows", "0") == 2
    assert status("extract", "-o", output) == 2
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have only names that are text")
def test_names_that_are_not_utf8_end_in_the_table_or_in_the_failures(music, tmp_path):
    odd = os.fsdecode(b"caf\xe9.wav")
    shutil.copyfile(music / "0.wav", music / odd)
    missing = os.fsdecode(os.fsencode(tmp_path) + b"/\xe9.wav")
    output = tmp_path / "t.csv"
    assert status("extract", music, missing, "-o", output) == 1
    assert r"caf\xe9.wav" in pd.read_csv(output)["path"].tolist()
    failures = pd.read_csv(tables.failures_path(output))
    assert failures["stage"].tolist() == ["find", "decode"]


def test_features_of_one_file_are_those_of_the_table(music):
    table = earmark.table([music / "0.wav"])
    row = earmark.features(music / "0.wav")
    assert row.index.tolist() == EXTRACTION.schema.names
    assert row.name == str(music / "0.wav")
    np.testing.assert_allclose(
        table.loc[0, EXTRACTION.schema.names].to_numpy(float), row, rtol=1e-6
    )


def test_features_of_a_bad_file_raise_with_its_name(music):
    with pytest.raises(DecodeError, match=r"bad\.mp3: is not audio"):
        earmark.features(music / "bad.mp3")


def test_a_table_warns_of_what_failed_and_lists_it(music):
    with pytest.warns(UserWarning, match=r"1 failed, the first: bad\.mp3: is not audio"):
        table = earmark.table(str(music))
    assert len(table) == 6
    assert table.attrs["failures"][0]["path"] == "bad.mp3"


def test_a_path_may_be_anything_that_names_a_file(music):
    assert len(earmark.table([Path(music, "0.wav"), str(music / "1.wav")])) == 2


@pytest.mark.slow
def test_a_table_is_the_same_in_however_many_pieces_it_is_written(music, tmp_path, monkeypatch):
    job = run.Extraction("default", DEFAULTS, 0.5, tracks=True)
    whole, pieces = tmp_path / "whole", tmp_path / "pieces"
    for folder, rows in ((whole, 10_000), (pieces, 1)):
        monkeypatch.setattr(run, "ROWS_AT_ONCE", rows)
        for ending in ("parquet", "csv", "jsonl"):
            output = folder / f"windows.{ending}"
            tracks = folder / f"tracks.{ending}"
            result = run.extract([music], job, output=output, tracks_output=tracks)
            assert (result.described, result.rows) == (6, len(result.table))
            assert len(result.tracks) == 6
    for name in ("windows.csv", "tracks.csv", "windows.jsonl", "tracks.jsonl"):
        assert (pieces / name).read_bytes() == (whole / name).read_bytes()
    for name in ("windows.parquet", "tracks.parquet"):
        found, expected = (tables.read(at / name) for at in (pieces, whole))
        pd.testing.assert_frame_equal(found.frame, expected.frame)
        assert found.provenance == expected.provenance


def test_few_parts_are_open_at_once_and_all_are_read_in_order(music, tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoint, "SECONDS_PER_PART", 0.0)
    monkeypatch.setattr(checkpoint, "OPEN_PARTS", 1)
    parts = checkpoint.Parts(tmp_path / "t.parquet", EXTRACTION)
    tracks, _ = sources.find([music])
    found = dict(executors.Here().run(tracks, Analysis(EXTRACTION)))
    for index in (3, 0, 6, 2, 5, 1, 4):
        parts.add(index, found[index])
    assert len(list(parts.folder.iterdir())) == 7
    again = [parts.outcome(index) for index in range(7)]
    assert [outcome.path for outcome in again] == [track.path for track in tracks]
    for index, outcome in enumerate(again):
        assert outcome.failure == found[index].failure
        if outcome.failure is None:
            np.testing.assert_array_equal(outcome.values, found[index].values)


def test_a_part_that_goes_while_the_run_goes_on_is_named(music, tmp_path):
    parts = checkpoint.Parts(tmp_path / "t.parquet", EXTRACTION)
    parts.add(0, analysis.analyse(Track("0.wav", music / "0.wav"), EXTRACTION))
    parts.save()
    (part,) = parts.folder.iterdir()
    part.unlink()
    with pytest.raises(WriteError, match="was removed or damaged while the run went on"):
        parts.outcome(0)


def test_both_tables_cannot_go_to_one_file(music, tmp_path):
    job = run.Extraction("default", DEFAULTS, 0.5, tracks=True)
    output = tmp_path / "t.parquet"
    with pytest.raises(WriteError, match="cannot hold both tables; name two files"):
        run.extract([music], job, output=output, tracks_output=output)
