"""Tables that went through Excel or LibreOffice: read with the right values, or one sentence."""

from __future__ import annotations

import gzip
import zipfile

import numpy as np
import pandas as pd
import pytest

import earmark
from earmark.classify.dataset import build
from earmark.extract import spreadsheets, tables
from earmark.extract.errors import LabelError, SchemaError

PATHS = [f"{genre}/{number}.wav" for genre in ("jazz", "rock") for number in range(4)]


@pytest.fixture
def table():
    """A table as `earmark extract` writes it, as text."""
    rng = np.random.default_rng(1)
    return pd.DataFrame(
        {
            "path": PATHS,
            "sha256": [f"{number:064x}" for number in range(8)],
            "tempo": [f"{value:.6g}" for value in rng.normal(120, 10, 8)],
            "key": [str(value) for value in rng.integers(0, 12, 8)],
            "mfcc_00_mean": [f"{value:.7g}" for value in rng.normal(0, 1e-4, 8)],
            "rms_mean": ["0.25", "", "1e-05", "2", "0.125", "3.5", "-4.25", "0.0625"],
        }
    )


def numbers(frame):
    return frame.drop(columns=["path", "sha256"]).apply(
        lambda cells: pd.to_numeric(cells.replace("", None))
    )


def german(frame):
    """Write decimal commas, as LibreOffice and Excel do where a comma is the decimal sign."""
    return frame.apply(
        lambda cells: (
            cells.str.replace(".", ",", regex=False)
            if cells.name not in ("path", "sha256")
            else cells
        )
    )


def saved(frame, path, *, separator=";", encoding="utf-8-sig", blanks=0, head="", newline="\r\n"):
    """Save as a spreadsheet does: no quotes where none are needed, rows of separators."""
    columns = [*frame, *[""] * blanks]
    blank = separator * (len(columns) - 1)
    lines = [separator.join(columns)]
    for place, row in enumerate(frame.itertuples(index=False)):
        lines.append(separator.join([*row, *[""] * blanks]))
        if blanks and place in (1, 4):
            lines.append(blank)
    lines += [blank] * (3 * blanks)
    text = head + newline.join(lines) + newline
    path.write_bytes(text.encode(encoding))
    return path


@pytest.mark.parametrize(
    "how",
    [
        {},
        {"encoding": "utf-8"},
        {"encoding": "utf-16", "separator": "\t"},
        {"separator": "\t"},
        {"blanks": 1},
        {"blanks": 3, "encoding": "utf-16", "separator": "\t"},
        {"head": "sep=;\r\n"},
        {"head": ";;;;;\r\n\r\n"},
        {"newline": "\n"},
        {"newline": "\r"},
    ],
    ids=str,
)
def test_what_a_spreadsheet_saves_has_the_same_values(table, tmp_path, how):
    path = saved(german(table), tmp_path / "t.csv", **how)
    found = tables.read(path).frame
    assert found.columns.tolist() == table.columns.tolist()
    assert found["path"].tolist() == PATHS
    assert found["sha256"].tolist() == table["sha256"].tolist()
    pd.testing.assert_frame_equal(found.drop(columns=["path", "sha256"]), numbers(table))
    assert found["key"].dtype == "int64"


def test_points_stay_points_and_what_is_compressed_is_read(table, tmp_path):
    for separator in ";,\t":
        path = saved(table, tmp_path / "t.csv", separator=separator, blanks=1)
        (tmp_path / "t.csv.gz").write_bytes(gzip.compress(path.read_bytes()))
        with zipfile.ZipFile(tmp_path / "t.csv.zip", "w") as archive:
            archive.write(path, "t.csv")
        for name in ("t.csv", "t.csv.gz", "t.csv.zip"):
            found = tables.read(tmp_path / name).frame
            pd.testing.assert_frame_equal(found[numbers(table).columns], numbers(table))


def test_quoted_decimal_commas_are_read_between_commas(table, tmp_path):
    path = tmp_path / "t.csv"
    german(table).to_csv(path, index=False)
    found = tables.read(path).frame
    pd.testing.assert_frame_equal(found[numbers(table).columns], numbers(table))


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ("path\tgenre, main\na, b.mp3\trock\nc.mp3\tjazz\n", ["path", "genre, main"]),
        ("path;genre, main\na.mp3;rock\nc.mp3;jazz, x\n", ["path", "genre, main"]),
        ("path,title; other\na.mp3,x\nc.mp3,y; z\n", ["path", "title; other"]),
        ('"path;1",x\n"a;b.mp3",1\n', ["path;1", "x"]),
        ("path,x\n", ["path", "x"]),
    ],
)
def test_the_separator_is_what_parts_all_rows(tmp_path, text, columns):
    (tmp_path / "t.csv").write_text(text)
    assert spreadsheets.texts(tmp_path / "t.csv").columns.tolist() == columns


def test_a_row_that_ends_in_a_separator_shifts_nothing(tmp_path):
    (tmp_path / "t.csv").write_text("path,x,y\na.mp3,1,2,\nb.mp3,3,4,\n")
    found = tables.read(tmp_path / "t.csv").frame
    assert found.to_dict("list") == {"path": ["a.mp3", "b.mp3"], "x": [1, 3], "y": [2, 4]}


@pytest.mark.parametrize(
    "cell",
    ["n. v.", "#DIV/0!", "01. Mai", "1,2,3"],
)
@pytest.mark.parametrize("separator", [";", "\t", "quoted"])
def test_a_text_among_numbers_is_named_by_row_and_column(table, tmp_path, cell, separator):
    path = tmp_path / "t.csv"
    frame = table if separator == "quoted" else german(table)
    frame.loc[5, "tempo"] = cell
    if separator == "quoted":
        frame.to_csv(path, index=False)
    else:
        saved(frame, path, separator=separator)
    # The sixth track, below the header.
    with pytest.raises(SchemaError) as caught:
        tables.read(path)
    assert str(caught.value) == (
        f"{path}: row 7, column 'tempo': {cell!r} is no number as the others are; correct it, or "
        "leave it blank"
    )


def test_the_row_is_the_one_of_the_spreadsheet_though_rows_are_blank(table, tmp_path):
    table.loc[7, "rms_mean"] = "leise"
    path = saved(german(table), tmp_path / "t.csv", blanks=2, head=";;;;;;;\r\n")
    # A blank row before the header, two among the eight tracks.
    with pytest.raises(SchemaError, match=r"row 12, column 'rms_mean': 'leise' is no number"):
        tables.read(path)


def test_a_column_of_a_foreign_table_is_numbers_where_nearly_all_of_it_is(tmp_path):
    frame = pd.DataFrame(
        {"path": [f"{n}.mp3" for n in range(40)], "x": [f"{n}.5" for n in range(40)]}
    )
    frame["released"] = ["1999", "1999-05-01"] * 20
    frame["title"] = ["1979"] * 39 + ["So What"]
    frame["genre"] = ["1980"] * 39 + ["Rock"]
    frame.to_csv(tmp_path / "t.csv", index=False)
    found = tables.read(tmp_path / "t.csv").frame
    assert found["x"].tolist() == [n + 0.5 for n in range(40)]
    assert found["released"].tolist() == ["1999", "1999-05-01"] * 20
    assert found["title"].tolist()[-2:] == ["1979", "So What"]
    frame.loc[3, "x"] = "loud"
    frame.to_csv(tmp_path / "t.csv", index=False)
    with pytest.raises(SchemaError, match=r"row 5, column 'x': 'loud' is no number"):
        tables.read(tmp_path / "t.csv")


@pytest.mark.parametrize("mark", ["?", "-", "#N/A", "#NV", "n/a", "NaN"])
def test_what_is_not_known_is_missing_however_it_is_written(table, tmp_path, mark):
    table.loc[5, "tempo"] = mark
    found = tables.read(saved(german(table), tmp_path / "t.csv")).frame
    assert np.isnan(found["tempo"][5])
    assert found["tempo"].notna().sum() == 7


def test_a_comma_that_may_be_either_is_refused(tmp_path):
    text = 'path,x\na.mp3,"1,234"\nb.mp3,"2,345"\n'
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(SchemaError, match=r"row 2, column 'x': '1,234' may have a decimal comma"):
        tables.read(tmp_path / "t.csv")
    # Another number, or the separator, says which it is.
    (tmp_path / "t.csv").write_text(text + 'c.mp3,"3,4"\n')
    assert tables.read(tmp_path / "t.csv").frame["x"].tolist() == [1.234, 2.345, 3.4]
    (tmp_path / "t.csv").write_text("path;x\na.mp3;1,234\nb.mp3;2.345,5\nc.mp3;1.000\n")
    assert tables.read(tmp_path / "t.csv").frame["x"].tolist() == [1.234, 2345.5, 1000]


def test_a_row_that_is_too_long_is_named(tmp_path):
    (tmp_path / "t.csv").write_text("path;x\na.mp3;1\nb;c.mp3;2\n")
    with pytest.raises(SchemaError, match=r"t\.csv: row 3 has 3 cells, where the header has 2"):
        tables.read(tmp_path / "t.csv")


@pytest.mark.parametrize("head", [b"PK\x03\x04\x14\0", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"])
def test_a_workbook_is_told_to_be_saved_as_csv(tmp_path, head):
    for name in ("t.xlsx", "t.csv"):
        (tmp_path / name).write_bytes(head + bytes(100))
        with pytest.raises(
            SchemaError, match="is a workbook of Excel or LibreOffice; save it as CSV"
        ):
            tables.read(tmp_path / name)
        with pytest.raises(
            LabelError, match="is a workbook of Excel or LibreOffice; save it as CSV"
        ):
            build.labelling.read(
                pd.DataFrame({"path": ["a.mp3"]}), "t", str(tmp_path / name), label=None
            )


@pytest.mark.parametrize("name", ["t.csv.gz", "t.csv.zip", "t.csv.bz2", "t.csv.xz"])
def test_a_damaged_archive_is_refused(tmp_path, name):
    for content in (b"", b"no archive", gzip.compress(b"path,x\n" * 999)[:30]):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(SchemaError, match="cannot be read as a table"):
            tables.read(tmp_path / name)


def test_another_encoding_is_named(tmp_path):
    (tmp_path / "t.csv").write_bytes("path,x\ncafé.mp3,1\n".encode("latin-1"))
    with pytest.raises(SchemaError, match="it is not in UTF-8; save it as CSV in UTF-8"):
        tables.read(tmp_path / "t.csv")


def test_labels_are_read_as_spreadsheets_save_them(table, tmp_path):
    table.to_csv(tmp_path / "t.csv", index=False)
    given = pd.DataFrame({"Path": PATHS, "Genre": ["Jazz"] * 4 + ["Rock"] * 4, "Notiz": "1,5"})
    for how in ({}, {"encoding": "utf-16", "separator": "\t"}, {"blanks": 2, "head": "sep=;\r\n"}):
        path = saved(given, tmp_path / "labels.csv", **how)
        data = build.build(tmp_path / "t.csv", str(path))
        assert data.labels.tolist() == ["Jazz"] * 4 + ["Rock"] * 4


def test_a_track_without_a_name_is_named_by_its_row(table, tmp_path):
    table.loc[2, "path"] = ""
    with pytest.raises(SchemaError, match="1 of its 8 rows have no path, the first of them row 3"):
        build.build(saved(german(table), tmp_path / "t.csv"), "folders")


def test_predictions_are_read_as_spreadsheets_save_them(demo, tmp_path, cli):
    table = earmark.table([demo])
    table.to_parquet(tmp_path / "t.parquet")
    assert cli("classify", tmp_path / "t.parquet", "-o", tmp_path / "p.csv")[0] == 0
    plain = pd.read_csv(tmp_path / "p.csv", dtype=str, keep_default_na=False)
    texts = {"path", *(name for name in plain if name.startswith("genre"))}
    commas = plain.apply(
        lambda cells: cells if cells.name in texts else cells.str.replace(".", ",", regex=False)
    )
    path = saved(commas, tmp_path / "saved.csv", blanks=1)
    pd.testing.assert_frame_equal(tables.read(path).frame, tables.read(tmp_path / "p.csv").frame)
    for name in ("p.csv", "saved.csv"):
        status, _, _ = cli("playlist", tmp_path / name, "-o", tmp_path / name[:2], "--at-least", 0)
        assert status == 0
    made = [sorted(file.name for file in (tmp_path / folder).iterdir()) for folder in ("p.", "sa")]
    assert made[0] == made[1]
