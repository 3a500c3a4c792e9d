"""CSV as people and their spreadsheets save it.

Excel and LibreOffice write semicolons or tabs where a comma is the decimal sign, UTF-16 as "Unicode
text", a mark at the beginning of UTF-8, and rows and columns of nothing but separators. All that is
read. A cell of text among numbers is refused by its row and column, as the spreadsheet counts them:
with it, a column would be text and could not be learned from, without a word.
"""

from __future__ import annotations

import bz2
import codecs
import csv
import gzip
import io
import lzma
import re
import zipfile
import zlib
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from earmark.extract.errors import SchemaError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["MISSING", "decompressed", "read", "texts"]

MISSING = ("", "NA", "N/A", "NaN", "nan", "null", "None")
"""What stands in a cell of which nothing is known."""

MARKS = frozenset((*MISSING, "?", "-", "–", "—", "#N/A", "#NV", "n/a", "na", "NULL"))
"""What stands there where people or spreadsheets wrote it; only among numbers."""

HEAD = 2**18
"""Bytes that are looked at to find out how a file is written."""

BOMS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}

WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
"""How the own formats of Excel and LibreOffice begin."""

LINES = re.compile(r"\r\n|\n|\r")

BLANK = re.compile(r'[\s,;"]*')

INTEGER = r"[+-]?\d+"
POWER = r"(?:[eE][+-]?\d+)?"
PLAIN = re.compile(rf"(?:[+-]?(?:\d+\.?\d*|\.\d+){POWER}|[+-]?inf(?:inity)?)", re.IGNORECASE)
COMMA = re.compile(rf"[+-]?(?:\d{{1,3}}(?:\.\d{{3}})+|\d*),\d+{POWER}")
WHOLE = re.compile(rf"{INTEGER}{POWER}|[+-]?\d{{1,3}}(?:\.\d{{3}})+")
"""Numbers with a decimal point, those with a decimal comma, and what may stand among the latter."""

THOUSANDS = re.compile(r"[+-]?\d{1,3}(?:,\d{3})+")

FEW = 0.05
"""Share of the cells of a column of numbers that may be text by mistake: more are meant so."""

CELLS = re.compile(r"Expected (\d+) fields in line (\d+), saw (\d+)")


@dataclass(frozen=True)
class _Dialect:
    """How a file is written."""

    encoding: str
    separator: str
    skipped: int
    """Rows before the header."""
    names: list[str] | None
    """Where rows have more cells than the header: a name for each."""

    @property
    def options(self) -> dict[str, Any]:
        return {
            "sep": self.separator,
            "encoding": self.encoding,
            "skiprows": self.skipped,
            "skip_blank_lines": False,
            "keep_default_na": False,
            **({"names": self.names, "header": 0} if self.names else {}),
        }


def texts(path: Path) -> pd.DataFrame:
    """Read a CSV with all its cells as text; blank ones are missing.

    Parameters
    ----------
    path : Path
        May be compressed, as its ending says.

    Returns
    -------
    DataFrame
        Without blank rows and columns; the index says in which row of the file each one stands.

    Raises
    ------
    SchemaError
        It is no CSV, or its rows do not fit its header.
    OSError, ValueError
        It cannot be read.
    """
    dialect = _dialect(path)
    with _reading(path, dialect.skipped):
        frame = pd.read_csv(path, dtype=str, na_values=[""], **dialect.options)
    # Spreadsheets count from one, and the header is a row.
    frame.index = pd.RangeIndex(dialect.skipped + 2, dialect.skipped + 2 + len(frame))
    return _without_blanks(_stripped(frame))


def read(path: Path, *, names: Collection[str], known: Collection[str]) -> pd.DataFrame:
    """Read a CSV with its numbers; a track may be called NA, a value that is NA is missing.

    Parameters
    ----------
    path : Path
        May be compressed, as its ending says.
    names : collection of str
        Columns that are texts, whatever stands in them.
    known : collection of str
        Columns that are numbers, unless most of their cells are text.

    Raises
    ------
    SchemaError
        It is no CSV, its rows do not fit its header, or a cell among numbers is none.
    OSError, ValueError
        It cannot be read.
    """
    dialect = _dialect(path)
    with _reading(path, dialect.skipped):
        frame = _stripped(_typed(path, dialect.options))
    if not _is_odd(frame, names):
        return _named(frame)
    cells = texts(path)
    for name in cells:
        if name not in names:
            cells[name] = _numbers(cells[name], str(path), name in known, dialect.separator)
    written = io.StringIO(cells.to_csv(index=False, quoting=csv.QUOTE_ALL))
    return _named(_typed(written, {"keep_default_na": False}))


def _named(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a table in which a path that is blank is missing."""
    if "path" in frame:
        frame["path"] = frame["path"].where(frame["path"] != "", None)
    return frame


def _typed(source: Path | io.StringIO, options: Mapping[str, Any]) -> pd.DataFrame:
    header = pd.read_csv(source, nrows=0, **options)
    if isinstance(source, io.StringIO):
        source.seek(0)
    exact = ("path", "sha256")
    frame: pd.DataFrame = pd.read_csv(
        source,
        dtype={name: str for name in header if str(name).strip() in exact},
        na_values={name: list(MISSING) for name in header if str(name).strip() != "path"},
        low_memory=False,
        **options,
    )
    return frame


def _stripped(frame: pd.DataFrame) -> pd.DataFrame:
    names = pd.Index([str(name).strip() for name in frame])
    return frame.set_axis(names, axis=1) if names.is_unique else frame


def _is_odd(frame: pd.DataFrame, names: Collection[str]) -> bool:
    """Tell whether there are blank rows or columns, or numbers in a column of texts."""
    rest = frame.drop(columns=["path", "sha256"], errors="ignore")
    if rest.isna().all(axis=1).any() or any(
        str(name).startswith("Unnamed:") and rest[name].isna().all() for name in rest
    ):
        return True
    return any(
        bool(cells.str.fullmatch(PLAIN).any() or cells.str.fullmatch(COMMA).any())
        for cells in (
            rest[name].dropna().astype(str).str.strip()
            for name in rest
            if name not in names and not pd.api.types.is_numeric_dtype(rest[name].dtype)
        )
    )


def _without_blanks(frame: pd.DataFrame) -> pd.DataFrame:
    known = np.column_stack(
        [frame.iloc[:, place].fillna("").str.strip().ne("") for place in range(frame.shape[1])]
    )
    named = np.array([not str(name).startswith("Unnamed:") for name in frame])
    kept = np.flatnonzero(known.any(axis=1)), np.flatnonzero(named | known.any(axis=0))
    return frame.take(kept[0]).take(kept[1], axis=1)


def _numbers(cells: pd.Series, where: str, known: bool, separator: str) -> pd.Series:
    """Return the cells of a column with decimal points; as they are where they are texts.

    Raises
    ------
    SchemaError
        A few cells are no numbers, and the others are.
    """
    plain = cells.str.strip()
    given = (plain.notna() & ~plain.isin(MARKS)).to_numpy(bool)
    commas = _match(plain, COMMA) & given
    numbers = (commas | _match(plain, WHOLE) if commas.any() else _match(plain, PLAIN)) & given
    wrong, reason = (
        given & ~numbers,
        "is no number as the others are; correct it, or leave it blank",
    )
    right, count = int(numbers.sum()), int(wrong.sum())
    if count:
        meant = right > count if known else right > 2 and count <= max(1, FEW * right)
        if not meant:
            return cells
    elif not right:
        return cells
    elif separator == "," and not (commas & ~_match(plain, THOUSANDS)).any():
        # Whose comma it is, only the separator or another number tells.
        wrong, reason = commas, "may have a decimal comma or thousands; write it without a comma"
    if wrong.any():
        place = int(np.argmax(wrong))
        raise SchemaError(
            f"{where}: row {cells.index[place]}, column {cells.name!r}: {plain.iloc[place]!r} "
            f"{reason}"
        )
    if commas.any():
        plain = plain.str.replace(".", "", regex=False).str.replace(",", ".", regex=False)
    return plain.where(given)


def _match(cells: pd.Series, pattern: re.Pattern[str]) -> NDArray[np.bool_]:
    return np.asarray(cells.str.fullmatch(pattern).fillna(False), bool)


def _dialect(path: Path) -> _Dialect:
    """Find out how a file is written, by its beginning."""
    with _reading(path), ExitStack() as stack:
        head = decompressed(path, stack).read(HEAD)
    if head.startswith(WORKBOOKS):
        raise SchemaError(f"{path}: is a workbook of Excel or LibreOffice; save it as CSV in UTF-8")
    encoding = next((name for mark, name in BOMS.items() if head.startswith(mark)), "utf-8")
    lines = LINES.split(head.decode(encoding, "replace"))
    skipped = 0
    while skipped < len(lines) - 1 and BLANK.fullmatch(lines[skipped]):
        skipped += 1
    said = re.fullmatch(r'"?sep=(.)"?', lines[skipped], re.IGNORECASE)
    skipped += said is not None
    separator = said[1] if said else _separator(lines[skipped : skipped + 20])
    rows = csv.reader(io.StringIO("\n".join(lines[skipped : skipped + 20])), delimiter=separator)
    try:
        names, *first = rows
    except (ValueError, csv.Error):
        return _Dialect(encoding, separator, skipped, None)
    longer = {len(row) for row in first} - {0, len(names)}
    trailing = longer == {len(names) + 1} and not any(
        row[-1].strip() for row in first if len(row) > len(names)
    )
    blank = f"Unnamed: {len(names)}"
    return _Dialect(encoding, separator, skipped, [*names, blank] if trailing else None)


def _separator(lines: list[str]) -> str:
    """Return what parts the cells: it does so in most rows as in the header, into most cells."""

    def fits(separator: str) -> tuple[int, int]:
        header, *rows = (re.sub(r'"[^"]*"', "", line).count(separator) for line in lines)
        return (sum(count in (header, header + 1) for count in rows) if header else -1), header

    return max(",;\t", key=fits) if lines else ","


def decompressed(path: Path, stack: ExitStack) -> Any:
    """Open a file, whatever it is compressed with, to read what is in it; the stack closes it."""
    match path.suffix.lower():
        case ".gz":
            return stack.enter_context(gzip.open(path))
        case ".bz2":
            return stack.enter_context(bz2.open(path))
        case ".xz":
            return stack.enter_context(lzma.open(path))
        case ".zip":
            archive = stack.enter_context(zipfile.ZipFile(path))
            return stack.enter_context(archive.open(archive.namelist()[0]))
        case _:
            return stack.enter_context(path.open("rb"))


@contextmanager
def _reading(path: Path, skipped: int = 0) -> Iterator[None]:
    """Turn what libraries raise of a file into one sentence."""
    try:
        yield
    except pd.errors.ParserError as error:
        found = CELLS.search(str(error))
        if not found:
            raise
        wanted, line, seen = map(int, found.groups())
        raise SchemaError(
            f"{path}: row {line + skipped} has {seen} cells, where the header has {wanted}; put a "
            "cell that holds the separator in quotes"
        ) from error
    except (EOFError, IndexError, zlib.error, lzma.LZMAError, zipfile.BadZipFile) as error:
        raise ValueError(f"it is damaged, or not what its ending says ({error})") from error
