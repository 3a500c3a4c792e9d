"""Tables in a folder of parts: written, gone on with, read as one, and never half replaced."""

from __future__ import annotations

import contextlib
import shutil

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import soundfile

from earmark.extract import partitioned, tables
from earmark.extract.batch import run
from earmark.extract.errors import SchemaError, WriteError

EXTRACTION = run.Extraction("loudness")
TRACKS = 5


@pytest.fixture
def music(tmp_path):
    folder = tmp_path / "music"
    folder.mkdir()
    random = np.random.default_rng(0)
    for number in range(TRACKS):
        soundfile.write(folder / f"{number}.wav", random.normal(0, 0.1, 22050), 22050)
    return folder


@pytest.fixture
def two_a_part(monkeypatch):
    monkeypatch.setattr(run, "ROWS_AT_ONCE", 1)
    monkeypatch.setattr(partitioned, "ROWS", 2)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.usefixtures("two_a_part")
def test_a_table_in_parts_holds_what_one_file_does(music, tmp_path):
    whole = run.extract([music], EXTRACTION, output=tmp_path / "t.parquet").table
    folder = tmp_path / "t"
    parts = run.extract([music], EXTRACTION, output=folder)
    assert names(folder) == [f"part-{number:05d}.parquet" for number in range(3)]
    assert parts.rows == TRACKS
    pd.testing.assert_frame_equal(parts.table, whole)
    # As others read it.
    pd.testing.assert_frame_equal(
        pd.read_parquet(folder), pd.read_parquet(tmp_path / "t.parquet"), check_like=True
    )
    assert tables.read(folder).provenance == tables.read(tmp_path / "t.parquet").provenance
    assert tables.report_path(folder).exists()


@pytest.mark.usefixtures("two_a_part")
def test_it_is_gone_on_with(music, tmp_path):
    folder = tmp_path / "t"
    run.extract([music], EXTRACTION, output=folder)
    soundfile.write(music / "2b.wav", np.full(22050, 0.1), 22050)
    (music / "0.wav").unlink()
    again = run.extract([music], EXTRACTION, output=folder, prune=True)
    assert (again.counts.new, again.counts.unchanged, again.counts.pruned) == (1, 4, 1)
    assert list(again.table["path"]) == ["1.wav", "2.wav", "2b.wav", "3.wav", "4.wav"]
    before = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    run.extract([music], EXTRACTION, output=folder)
    assert {path: path.stat().st_mtime_ns for path in folder.iterdir()} == before


@pytest.mark.usefixtures("two_a_part")
def test_it_is_read_by_the_commands(cli, music, tmp_path):
    folder = tmp_path / "t"
    assert cli("extract", music, "-o", f"{folder}/", "--set", "loudness", "-q")[0] == 0
    status, said, _ = cli("info", folder)
    assert status == 0
    assert "5 rows" in said
    assert cli("merge", folder, "-o", tmp_path / "one.csv")[0] == 0
    assert len(pd.read_csv(tmp_path / "one.csv")) == TRACKS
    assert cli("merge", folder, "-o", f"{tmp_path}/again/")[0] == 0
    assert len(pd.read_parquet(tmp_path / "again")) == TRACKS


def test_a_name_without_an_ending_needs_the_slash(cli, music, tmp_path):
    status, _, said = cli("extract", music, "-o", tmp_path / "t", "--set", "loudness", "-q")
    assert status != 0
    assert "a slash at the end" in " ".join(said.split())
    assert not (tmp_path / "t").exists()
    assert cli("extract", music, "-o", f"{tmp_path}/t.csv/", "--set", "loudness", "-q")[0] != 0


def test_a_folder_of_other_things_is_kept(music, tmp_path):
    folder = tmp_path / "t"
    folder.mkdir()
    (folder / "letter.txt").write_text("dear")
    with pytest.raises(WriteError, match="is a folder"):
        run.extract([music], EXTRACTION, output=folder, force=True)
    assert names(folder) == ["letter.txt"]


def test_parts_that_were_made_otherwise_are_no_table(music, tmp_path):
    folder = tmp_path / "t"
    run.extract([music], EXTRACTION, output=folder)
    other = run.extract([music], run.Extraction("loudness", windows=0.5))
    tables.write(other.held[0], folder / "part-x.parquet", other.held[0] and EXTRACTION.schema)
    with pytest.raises(SchemaError, match="not made like"):
        tables.read(folder)


@pytest.mark.parametrize("moved", [False, True])
def test_a_swap_that_broke_off_is_settled(tmp_path, moved):
    folder, before = tmp_path / "t", tmp_path / ".t.before"
    folder.mkdir()
    (folder / "part-00000.parquet").write_bytes(b"old")
    shutil.copytree(folder, before)
    if moved:
        # The power failed before the new one was there.
        shutil.rmtree(folder)
    partitioned.settled(folder)
    assert names(folder) == ["part-00000.parquet"]
    assert not before.exists()


def test_an_error_leaves_the_old_one(tmp_path):
    folder = tmp_path / "t"
    folder.mkdir()
    (folder / "part-00000.parquet").write_bytes(b"old")
    with contextlib.suppress(ZeroDivisionError), partitioned.swapped(folder) as new:
        (new / "part-00000.parquet").write_bytes(b"new")
        raise ZeroDivisionError
    assert (folder / "part-00000.parquet").read_bytes() == b"old"
    assert names(tmp_path) == ["t"]


def test_parts_are_as_readable_as_other_files(music, tmp_path):
    folder = tmp_path / "t"
    run.extract([music], EXTRACTION, output=folder)
    (tmp_path / "plain").mkdir()
    (tmp_path / "plain" / "file").touch()
    assert folder.stat().st_mode == (tmp_path / "plain").stat().st_mode
    part = folder / "part-00000.parquet"
    assert part.stat().st_mode == (tmp_path / "plain" / "file").stat().st_mode
    assert pq.read_metadata(part).num_rows == TRACKS
