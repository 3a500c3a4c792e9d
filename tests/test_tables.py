"""Tables on disk: the same values in every format, provenance, and nothing of others lost."""

from __future__ import annotations

import json
import os

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from earmark.extract import schema, tables
from earmark.extract.config import DEFAULTS
from earmark.extract.errors import SchemaError, WriteError

ENDINGS = ("parquet", "csv", "jsonl")
SCHEMA = schema.of("default", DEFAULTS, 6.0)


@pytest.fixture
def table():
    """A feature table with values of every magnitude, missing ones and awkward names."""
    rng = np.random.default_rng(0)
    paths = ["a.mp3", "new\nline.mp3", "quo\"te's, ü 🎵.mp3", "NA", "null", "1.50", "a\\b.mp3"]
    values = rng.normal(size=(len(paths), len(SCHEMA.columns)))
    values *= 10.0 ** rng.integers(-12, 6, values.shape)
    values[0, 0] = values[2] = np.nan
    found = pd.DataFrame(values.astype(np.float32), columns=SCHEMA.names)
    found.insert(0, "path", paths)
    found.insert(1, "start", rng.uniform(0, 600, len(paths)))
    found.insert(2, "seconds", rng.uniform(5, 7, len(paths)))
    found.insert(3, "sha256", ["0" * 64, "1e5" + "0" * 61] + ["ab" * 32] * (len(paths) - 2))
    return found


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_table_comes_back_as_it_went(table, tmp_path, ending):
    path = tmp_path / f"t.{ending}"
    tables.write(table, path, SCHEMA)
    read = tables.read(path)
    found, about = read.frame, read.provenance
    assert found.columns.tolist() == table.columns.tolist()
    for name in ("path", "sha256"):
        assert found[name].tolist() == table[name].tolist()
    for name in ("start", "seconds"):
        np.testing.assert_allclose(found[name], table[name], rtol=1e-12)
    np.testing.assert_array_equal(found[SCHEMA.names].astype(np.float32), table[SCHEMA.names])
    assert about == (tables.metadata(SCHEMA) if ending == "parquet" else {})


@pytest.mark.parametrize("ending", ENDINGS)
def test_the_same_table_is_the_same_bytes(table, tmp_path, ending):
    one, two = tmp_path / f"one.{ending}", tmp_path / f"two.{ending}"
    tables.write(table, one, SCHEMA)
    tables.write(table.copy(), two, SCHEMA)
    assert one.read_bytes() == two.read_bytes()


def test_parquet_says_what_every_column_is_and_what_made_the_table(table, tmp_path):
    path = tmp_path / "t.parquet"
    tables.write(table, path, SCHEMA)
    arrow = pq.read_schema(path)
    for column in SCHEMA.columns:
        field = arrow.field(column.name)
        assert str(field.type) == "float"
        assert field.metadata[b"unit"].decode() == column.unit
        assert field.metadata[b"version"].decode() == str(column.version)
        bounds = json.loads(field.metadata[b"range"])
        assert bounds == [bound if np.isfinite(bound) else None for bound in column.range]
    about = json.loads(arrow.metadata[b"earmark"])
    assert about["set"] == "default-5"
    assert about["fingerprint"] == SCHEMA.fingerprint
    assert about["columns"] == SCHEMA.names
    assert about["settings"] == DEFAULTS.model_dump()
    assert about["windows"] == 6
    assert about.keys() >= {"earmark", "librosa", "numpy", "scipy", "soundfile", "soxr"}


def test_the_file_of_a_failed_write_is_as_it_was_and_nothing_is_left_over(tmp_path):
    path = tmp_path / "t.parquet"
    path.write_text("old")
    half = pd.DataFrame({"path": [1, object()]})
    with pytest.raises(pa.ArrowException, match="object"):
        tables.write(half, path)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_full_disk_is_an_error_of_ours_and_leaves_nothing_over(tmp_path):
    path = tmp_path / "t.csv"
    full = OSError(28, "No space left on device")
    with (
        pytest.raises(WriteError, match=r"t\.csv: cannot be written: No space"),
        tables.atomic(path),
    ):
        raise full
    assert not list(tmp_path.iterdir())


def test_a_new_table_is_as_readable_as_any_new_file(table, tmp_path):
    (tmp_path / "other").touch()
    tables.write(table, tmp_path / "t.parquet")
    assert (tmp_path / "t.parquet").stat().st_mode == (tmp_path / "other").stat().st_mode


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_table_of_ours_may_be_written_again(table, tmp_path, ending):
    path = tmp_path / f"t.{ending}"
    tables.write(table, path, SCHEMA)
    tables.check_output(path, "features")


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_file_of_someone_else_is_kept(tmp_path, ending):
    path = tmp_path / f"t.{ending}"
    foreign = pd.DataFrame({"name": ["a"], "x": [1.0]})
    if ending == "parquet":
        foreign.to_parquet(path)
    elif ending == "csv":
        foreign.to_csv(path)
    else:
        foreign.to_json(path, orient="records", lines=True)
    with pytest.raises(WriteError, match=r"is no table of Earmark's; it is kept"):
        tables.check_output(path, "features")


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_file_that_is_no_table_at_all_is_kept(tmp_path, ending):
    path = tmp_path / f"t.{ending}"
    path.write_bytes(b"\xff\x00 precious")
    with pytest.raises(WriteError, match=r"is no table of Earmark's; it is kept"):
        tables.check_output(path, "features")


def test_a_failures_table_of_someone_else_is_kept(tmp_path):
    path = tmp_path / "t.failures.csv"
    path.write_text("my own notes\n")
    with pytest.raises(WriteError, match=r"t\.failures\.csv: .*is kept"):
        tables.check_output(tmp_path / "t.parquet", "features")
    assert path.read_text() == "my own notes\n"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("t.xlsx", r"ends in none of \.parquet \.csv \.jsonl"),
        ("folder.csv", "is a folder; name a file in it"),
        ("file/t.csv", "file is (not a|no) folder"),
    ],
)
def test_an_output_that_cannot_be_is_refused_before_the_work(tmp_path, name, message):
    (tmp_path / "folder.csv").mkdir()
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(WriteError, match=message):
        tables.check_output(tmp_path / name, "predictions")


def test_failures_stand_beside_the_table_and_go_when_there_are_none(tmp_path):
    output = tmp_path / "t.parquet"
    failures = [("a, b\n.mp3", "decode", "DecodeError", 'is "odd"')]
    listed = tables.write_failures(failures, output)
    assert listed == tmp_path / "t.failures.csv"
    found = pd.read_csv(listed)
    assert found.columns.tolist() == ["path", "stage", "error", "message"]
    assert found.to_numpy().tolist() == [list(failures[0])]
    assert tables.write_failures([], output) is None
    assert not listed.exists()


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("t.parquet", b"PAR1 no more", "cannot be read as a table"),
        ("t.parquet", b"", "cannot be read as a table"),
        ("t.csv", b"", "cannot be read as a table"),
        ("t.csv", b"\xff\xfe\x00", "cannot be read as a table"),
        ("t.jsonl", b"{", "cannot be read as a table"),
        ("t.csv", b"path,a\n", "has no rows; look at its failures table"),
        ("t.csv", None, "does not exist; make it with"),
    ],
)
def test_what_is_no_table_is_refused_by_name(tmp_path, name, content, message):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(SchemaError, match=rf"{name}: {message}"):
        tables.read(tmp_path / name)


@pytest.mark.skipif(os.name != "posix", reason="other systems have only names that are text")
def test_an_output_whose_name_is_no_text_is_refused(tmp_path):
    with pytest.raises(WriteError, match="is no name in UTF-8; choose another"):
        tables.check_output(tmp_path / os.fsdecode(b"caf\xe9.parquet"), "features")
