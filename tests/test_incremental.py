"""The same command again: only what is new or changed is analysed, and nothing is lost."""

from __future__ import annotations

import json
import os
import shutil

import numpy as np
import pandas as pd
import pytest
import soundfile

from earmark.extract import tables
from earmark.extract.batch import run
from earmark.extract.batch import track as analysis
from earmark.extract.config import DEFAULTS
from earmark.extract.errors import AnalyseError, FindError, WriteError

EXTRACTION = run.Extraction("loudness")
WINDOWS = run.Extraction("loudness", windows=0.5)
BOTH = run.Extraction("loudness", windows=0.5, tracks=True)


@pytest.fixture
def music(tmp_path):
    """A folder of six noises, one below another folder, and one file that is no audio."""
    folder = tmp_path / "music"
    (folder / "deep").mkdir(parents=True)
    rng = np.random.default_rng(0)
    for name in ("0.wav", "1.wav", "2.wav", "3.wav", "4.wav", "deep/5.wav"):
        soundfile.write(folder / name, rng.normal(0, 0.1, 22050), 22050)
    (folder / "bad.mp3").write_text("no audio")
    return folder


def noise(path, seed=1, seconds=1.0):
    rng = np.random.default_rng(seed)
    soundfile.write(path, rng.normal(0, 0.1, round(22050 * seconds)), 22050)


@pytest.fixture(params=["t.parquet", "t.csv", "t.jsonl"])
def extracted(music, tmp_path, request, analysed):
    """A table of the folder in every format."""
    output = tmp_path / request.param
    run.extract([music], EXTRACTION, output=output)
    assert len(analysed) == 7
    analysed.clear()
    return output


def again(music, output, job=EXTRACTION, **options):
    return run.extract([music], job, output=output, **options)


def anew(music, output, job=EXTRACTION, **options):
    """The table of the same files, made by a first run."""
    fresh = output.with_name(f"fresh{output.suffix}")
    for path in (fresh, tables.files_path(fresh)):
        path.unlink(missing_ok=True)
    return run.extract([music], job, output=fresh, **options), fresh


def test_nothing_is_done_again(extracted, music, analysed):
    before, when = extracted.read_bytes(), extracted.stat().st_mtime_ns
    result = again(music, extracted)
    assert not analysed
    assert (extracted.read_bytes(), extracted.stat().st_mtime_ns) == (before, when)
    assert (result.counts.unchanged, result.counts.failed_before) == (6, 1)
    assert result.failures[0][0] == "bad.mp3"
    assert tables.failures_path(extracted).exists()


def test_new_and_changed_files_are_analysed_and_the_bytes_are_those_of_a_first_run(
    extracted, music, analysed
):
    noise(music / "1.wav", 7)
    noise(music / "11.wav", 8)
    result = again(music, extracted)
    assert analysed == ["1.wav", "11.wav"]
    assert (result.counts.new, result.counts.changed, result.counts.unchanged) == (1, 1, 5)
    assert extracted.read_bytes() == anew(music, extracted)[1].read_bytes()


def test_renamed_and_moved_files_keep_their_values(extracted, music, analysed):
    (music / "0.wav").rename(music / "zero.wav")
    (music / "deep").rename(music / "abyss")
    result = again(music, extracted)
    assert not analysed
    assert (result.counts.moved, result.counts.gone) == (2, 0)
    assert extracted.read_bytes() == anew(music, extracted)[1].read_bytes()


def test_a_file_that_was_touched_or_copied_is_not_analysed(extracted, music, analysed):
    os.utime(music / "0.wav", ns=(0, 0))
    shutil.copyfile(music / "1.wav", music / "same.wav")
    result = again(music, extracted)
    assert not analysed
    assert (result.counts.unchanged, result.counts.copies) == (6, 1)
    assert extracted.read_bytes() == anew(music, extracted)[1].read_bytes()
    assert again(music, extracted).counts.unchanged == 7


def test_swapped_names_swap_their_values(extracted, music, analysed):
    (music / "0.wav").rename(music / "x.wav")
    (music / "1.wav").rename(music / "0.wav")
    (music / "x.wav").rename(music / "1.wav")
    again(music, extracted)
    assert not analysed
    assert extracted.read_bytes() == anew(music, extracted)[1].read_bytes()


def test_identical_content_is_analysed_once(music, tmp_path, analysed):
    shutil.copyfile(music / "3.wav", music / "also.wav")
    shutil.copyfile(music / "bad.mp3", music / "worse.mp3")
    result = run.extract([music], EXTRACTION, output=tmp_path / "t.parquet")
    assert "3.wav" in analysed
    assert "also.wav" not in analysed
    assert len(analysed) == 7
    table = result.table.set_index("path")
    assert table.loc["3.wav"].equals(table.loc["also.wav"])
    assert [row[0] for row in result.failures] == ["bad.mp3", "worse.mp3"]


def test_what_is_gone_keeps_its_row_until_it_is_pruned(extracted, music, analysed):
    shutil.rmtree(music / "deep")
    result = again(music, extracted)
    assert (result.counts.gone, result.counts.pruned) == (1, 0)
    assert tables.read(extracted).frame["path"].tolist()[-1] == "deep/5.wav"
    assert len(tables.read(extracted)) == 6
    result = again(music, extracted, prune=True)
    assert (result.counts.gone, result.counts.pruned) == (1, 1)
    assert extracted.read_bytes() == anew(music, extracted)[1].read_bytes()
    assert not [path for path in analysed if path == "deep/5.wav"]


def test_a_folder_that_vanishes_takes_nothing_with_it_and_is_known_when_it_returns(
    extracted, music, tmp_path, analysed
):
    before = extracted.read_bytes()
    music.rename(tmp_path / "away")
    with pytest.raises(FindError, match="does not exist"):
        again(music, extracted, prune=True)
    music.mkdir()
    with pytest.raises(FindError, match="holds no audio files"):
        again(music, extracted, prune=True)
    music.rmdir()
    assert extracted.read_bytes() == before
    (tmp_path / "away").rename(music)
    again(music, extracted)
    assert not analysed
    assert extracted.read_bytes() == before


def test_nothing_is_pruned_while_a_source_cannot_be_searched(extracted, music, tmp_path):
    with pytest.raises(FindError, match="nothing is taken out while a source cannot be searched"):
        run.extract([music, tmp_path / "none"], EXTRACTION, output=extracted, prune=True)


def test_what_failed_is_tried_again_when_it_changes_or_somebody_asks(extracted, music, analysed):
    again(music, extracted, retry_failed=True)
    assert analysed == ["bad.mp3"]
    analysed.clear()
    noise(music / "bad.mp3", 9)
    result = again(music, extracted)
    assert analysed == ["bad.mp3"]
    assert not result.failures
    assert not tables.failures_path(extracted).exists()


def test_what_failed_by_circumstances_is_tried_again(music, tmp_path, monkeypatch, analysed):
    output = tmp_path / "t.parquet"
    usual = analysis._analyse

    def slow(track, *rest):
        if track.path == "0.wav":
            raise AnalyseError(track.path, "took longer than 30 s")
        return usual(track, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(analysis, "_analyse", slow)
        assert [row[0] for row in again(music, output).failures] == ["0.wav", "bad.mp3"]
    analysed.clear()
    result = again(music, output)
    # What the file itself was to blame for is not.
    assert analysed == ["0.wav"]
    assert [row[0] for row in result.failures] == ["bad.mp3"]
    assert output.read_bytes() == anew(music, output)[1].read_bytes()


def test_a_disk_that_fails_while_it_is_read_is_no_fault_of_the_file(
    music, tmp_path, monkeypatch, analysed
):
    output = tmp_path / "t.parquet"
    with monkeypatch.context() as patch:

        def failing(*_):
            raise OSError(5, "Input/output error")

        patch.setattr(analysis.hashlib, "file_digest", failing)
        assert len(again(music, output).failures) == 7
    analysed.clear()
    assert len(again(music, output).table) == 6
    assert "0.wav" in analysed


@pytest.mark.parametrize("ending", ["parquet", "csv"])
def test_without_its_ledger_files_are_known_by_their_content(music, tmp_path, analysed, ending):
    output = tmp_path / f"t.{ending}"
    again(music, output)
    before = output.read_bytes()
    tables.files_path(output).unlink()
    analysed.clear()
    again(music, output)
    # A CSV does not say how it was made, so that its values are not believed.
    assert len(analysed) == (1 if ending == "parquet" else 7)
    assert output.read_bytes() == before
    assert tables.files_path(output).exists()


@pytest.mark.parametrize("job", [WINDOWS, BOTH], ids=["windows", "both"])
@pytest.mark.parametrize("ending", ["parquet", "csv"])
def test_tables_of_windows_are_incremental_too(music, tmp_path, analysed, job, ending):
    names = ["w", "t"][: 1 + job.tracks]

    def made(folder):
        paths = [tmp_path / folder / f"{name}.{ending}" for name in names]
        beside = {"tracks_output": paths[1]} if job.tracks else {}
        result = run.extract([music], job, output=paths[0], **beside)
        return result, [path.read_bytes() for path in paths]

    made("kept")
    analysed.clear()
    noise(music / "2.wav", 5, 3.0)
    (music / "3.wav").rename(music / "a.wav")
    result, bytes_ = made("kept")
    assert analysed == ["2.wav"]
    assert result.counts.moved == 1
    assert bytes_ == made("fresh")[1]


def test_rows_are_read_across_the_pieces_of_a_table(music, tmp_path, monkeypatch, analysed):
    monkeypatch.setattr(run, "ROWS_AT_ONCE", 1)
    output = tmp_path / "t.parquet"
    again(music, output, WINDOWS)
    noise(music / "2.wav", 5, 3.0)
    analysed.clear()
    again(music, output, WINDOWS)
    assert analysed == ["2.wav"]
    assert output.read_bytes() == anew(music, output, WINDOWS)[1].read_bytes()


@pytest.mark.parametrize(
    ("job", "message"),
    [
        (run.Extraction("spotify"), r"6 rows and was made with the set loudness-\d, not spotify"),
        (WINDOWS, "has a row per track, not per window of 0.5 s"),
    ],
)
def test_another_set_or_other_rows_replace_nothing(music, tmp_path, analysed, job, message):
    output = tmp_path / "t.parquet"
    again(music, output)
    analysed.clear()
    before = output.read_bytes()
    with pytest.raises(WriteError, match=f"{message}.*; name another output, .* with --force"):
        again(music, output, job)
    assert not analysed
    assert output.read_bytes() == before
    again(music, output, job, force=True)
    assert tables.read(output).set == job.schema.set


def test_other_settings_replace_nothing(music, tmp_path):
    output = tmp_path / "t.csv"
    run.extract([music / "0.wav"], run.Extraction("default"), output=output)
    job = run.Extraction("default", DEFAULTS.model_copy(update={"top_db": 60.0}))
    with pytest.raises(WriteError, match="another set, settings or rows"):
        run.extract([music / "0.wav"], job, output=output)


def test_columns_of_somebody_elses_are_not_lost(music, tmp_path):
    output = tmp_path / "t.csv"
    again(music, output)
    frame = pd.read_csv(output).assign(mood="good")
    frame.to_csv(output, index=False)
    with pytest.raises(WriteError, match=r"other columns \(mood\) than the command makes"):
        again(music, output)


def test_one_file_is_added_to_a_large_table(music, tmp_path, analysed):
    output = tmp_path / "t.parquet"
    again(music, output)
    noise(tmp_path / "one.wav", 3)
    analysed.clear()
    result = run.extract([tmp_path / "one.wav"], EXTRACTION, output=output)
    assert analysed == ["one.wav"]
    assert (result.rows, result.counts.gone) == (7, 6)


def test_a_file_of_the_same_name_elsewhere_does_not_take_a_row(music, tmp_path, analysed):
    output = tmp_path / "t.parquet"
    again(music, output)
    (tmp_path / "other").mkdir()
    noise(tmp_path / "other" / "0.wav", 3)
    analysed.clear()
    with pytest.raises(WriteError, match=r"would be called 0\.wav, as .*music/0\.wav is"):
        again(tmp_path / "other", output)
    assert not analysed
    # Where the folder itself was moved, nothing is where it was.
    music.rename(tmp_path / "renamed")
    assert again(tmp_path / "renamed", output).counts.unchanged == 6


def test_every_file_is_accounted_for_in_the_report(music, tmp_path):
    output = tmp_path / "t.parquet"
    for _ in range(2):
        again(music, output)
        found = json.loads(tables.report_path(output).read_text(encoding="utf-8"))
        files = found["files"]
        assert files["described"] + files["failed"] == files["found"] == 7
        assert found["rows"] == files["described"] == 6
        assert [row["path"] for row in found["failures"]] == ["bad.mp3"]
        assert found["set"] == EXTRACTION.schema.set
        assert "numpy" in found["versions"]
    assert files["unchanged"] == 6
    assert found["audio_seconds"] == 0
    report = json.loads(tables.report_path(anew(music, output)[1]).read_text(encoding="utf-8"))
    assert report["audio_seconds"] == pytest.approx(6)
    assert report["times_real_time"] > 0


def test_the_command_says_what_was_done(music, tmp_path, cli):
    output = tmp_path / "t.parquet"
    cli("extract", music, "-o", output, "--set", "loudness", "-q")
    (music / "0.wav").unlink()
    noise(music / "new.wav", 4)
    status, out, err = cli("extract", music, "-o", output, "--set", "loudness", "-q")
    assert status == 0
    assert out.startswith("7 tracks, ")
    assert "7 files: 1 new, 5 unchanged, 1 failed before (--retry-failed tries them again)" in err
    assert "1 that are gone keep their rows (--prune takes them out)" in err
    status, _, err = cli("extract", music, "-o", output, "--set", "spotify", "-q")
    assert status == 1
    assert "stands there already with 7 rows and was made with the set" in err
    assert cli("extract", music, "-o", output, "--set", "loudness", "--prune", "-q")[0] == 0
    assert len(tables.read(output)) == 6
