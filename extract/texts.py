"""Tables as text: CSV, also under several header rows, and JSON lines."""

from __future__ import annotations

import io
import json
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, TextIO, cast

import numpy as np
import pandas as pd

from earmark.extract.files import atomic

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

__all__ = ["json_lines", "text", "write_csv", "write_with_headers"]


def write_with_headers(table: pd.DataFrame, path: Path, headers: Sequence[tuple[str, ...]]) -> None:
    """Write descriptors as CSV with several header rows, as the Free Music Archive's table has.

    ``pandas.read_csv(path, index_col=0, header=[0, 1, 2])`` reads it. Tracks are known by the
    number that their file is called by, or else by their path.

    Parameters
    ----------
    table : DataFrame
        A row per track, with ``path`` and ``sha256``.
    path : Path
        What stood there is replaced in one step.
    headers : sequence of tuple
        What each column is called in every row.

    Raises
    ------
    WriteError
        The file cannot be written.
    """
    paths = table["path"].to_numpy(object)
    stems = [PurePosixPath(name).stem for name in paths]
    numbered = all(stem.isdecimal() for stem in stems) and len({*map(int, stems)}) == len(stems)
    index = pd.Index([int(stem) for stem in stems] if numbered else paths, name="track_id")
    columns = pd.MultiIndex.from_tuples(list(headers), names=["feature", "statistics", "number"])
    values = table.drop(columns=["path", "sha256"]).set_axis(columns, axis=1).set_axis(index)
    with (
        atomic(path) as temporary,
        temporary.open("w", encoding="utf-8", newline="") as file,
    ):
        write_csv(values, file)


class _Lines:
    """Ends the rows of a CSV with a line feed, where those that give it quote carriage returns.

    Python's writer quotes only what ends its own rows, and readers take both for the end of one.
    """

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def write(self, row: str) -> None:
        self._file.write(row.removesuffix("\r\n") + "\n")


def write_csv(
    table: pd.DataFrame, file: TextIO, *, index: bool = True, header: bool = True
) -> None:
    """Write a table as CSV whose rows end in a line feed."""
    lines = cast("TextIO", _Lines(file))
    table.to_csv(lines, lineterminator="\r\n", index=index, header=header)


def text(table: pd.DataFrame, ending: str) -> str:
    """Return what a file with the ending .csv or .jsonl holds of a table.

    Examples
    --------
    >>> print(text(pd.DataFrame({"path": ["a.mp3"], "tempo": [120.0]}), ".jsonl"), end="")
    {"path": "a.mp3", "tempo": 120.0}
    """
    if ending == ".jsonl":
        return json_lines(table)
    file = io.StringIO()
    write_csv(table, file, index=False)
    return file.getvalue()


def json_lines(table: pd.DataFrame) -> str:
    """Return a JSON object per row; numbers have the fewest digits that give them back."""
    plain: dict[str, list[object]] = {}
    for name in map(str, table):
        column = table[name]
        if pd.api.types.is_extension_array_dtype(column.dtype):
            # As numbers of NumPy's, integers of which some are missing would be none.
            column = column.astype(object)
        values = column.to_numpy()
        # The text of a float32 is shorter than that of the float64 that it becomes.
        plain[name] = [
            None if missing else float(str(value)) if isinstance(value, np.floating) else value
            for value, missing in zip(
                values.tolist() if values.dtype.kind in "iub" else values,
                pd.isna(values),
                strict=True,
            )
        ]
    rows = zip(*plain.values(), strict=True)
    return "".join(
        json.dumps(dict(zip(plain, row, strict=True)), ensure_ascii=False) + "\n" for row in rows
    )
