"""What would be written to the tags of files. Nothing is written here."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

import pandas as pd

from earmark.classify.dataset.names import located
from earmark.classify.dataset.tags import LONGEST, read
from earmark.extract.errors import DecodeError, SchemaError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

__all__ = ["FIELDS", "key_name", "plan"]

FIELDS = ("genre", "bpm", "key")
"""The tags that can be written."""

TONICS = (
    ("C", "Db", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B"),
    ("C", "C#", "D", "Eb", "E", "F", "F#", "G", "G#", "A", "Bb", "B"),
)
"""The twelve tonics as they are written most in major, and in minor."""

COLUMNS = ["path", "field", "now", "then", "what"]


def key_name(key: float, mode: float) -> str:
    """Return a key as it is written in tags: ``C``, ``F#m``; empty where it is not known."""
    if not (key in range(12) and mode in (0, 1)):
        return ""
    return TONICS[0][int(key)] if mode == 1 else f"{TONICS[1][int(key)]}m"


def plan(
    predictions: pd.DataFrame,
    files: str | Path | Mapping[str, Path],
    fields: Iterable[str] = FIELDS,
    *,
    at_least: float = 0.0,
) -> pd.DataFrame:
    """Say what would be written to the tags of files, and what would stay.

    Parameters
    ----------
    predictions : DataFrame
        ``path`` and ``genre``, with ``probability``; for the other fields ``tempo``, ``key`` and
        ``mode``, as a feature table has them.
    files : str, Path or mapping of str to Path
        The folder to which the paths are relative, or where the file of each path is.
    fields : iterable of str
        Which of `FIELDS`; one of which the table knows nothing is passed over.
    at_least : float
        Leave genres alone that are less probable.

    Returns
    -------
    DataFrame
        ``path``, ``field``, ``now`` (empty where the file says nothing; several values have
        semicolons between them), ``then`` and ``what``: add, replace, keep (it says the same, or
        nothing better is known), or why the file cannot be read, whose row has no field. Values
        are cut as in `earmark.classify.dataset.tags.read`.

    Raises
    ------
    FindError
        The folder is not there, or holds no audio.
    SchemaError
        A field is none that can be written, or the table has no paths.
    """
    fields = list(fields)
    for field in fields:
        if field not in FIELDS:
            raise SchemaError(f"no tag {field!r} can be written; choose from {', '.join(FIELDS)}")
    if "path" not in predictions:
        raise SchemaError("the table has no column 'path' that names the files")
    locations = (
        files
        if isinstance(files, Mapping)
        else located(predictions["path"].dropna().astype(str), files)
    )
    known = predictions.drop_duplicates("path").set_index("path")
    wanted = {
        field: values for field, values in _wanted(known, at_least).items() if field in fields
    }
    rows = []
    for path in known.index:
        try:
            if path not in locations:
                raise DecodeError(path, "is not in the folder")
            now = read(locations[path])
        except DecodeError as error:
            rows.append((path, "", "", "", error.message))
            continue
        for field, values in wanted.items():
            held, then = "; ".join(now.get(field, []))[:LONGEST], values[path][:LONGEST]
            rows.append((path, field, held, then, _what(held, then)))
    return pd.DataFrame(rows, columns=COLUMNS, dtype="str")


def _wanted(known: pd.DataFrame, at_least: float) -> dict[str, dict[str, str]]:
    """Return what is known of each track by field; empty where nothing is."""
    values = {}
    if "genre" in known:
        sure = pd.to_numeric(known.get("probability", pd.Series(1.0, known.index))) >= at_least
        values["genre"] = dict(known["genre"].where(sure).fillna("").astype(str))
    if "tempo" in known:
        tempo = pd.to_numeric(known["tempo"], errors="coerce")
        values["bpm"] = {
            path: f"{value:.0f}" if math.isfinite(value) and value > 0 else ""
            for path, value in tempo.items()
        }
    if {"key", "mode"} <= set(known):
        names = (key_name(*pair) for pair in zip(known["key"], known["mode"], strict=True))
        values["key"] = dict(zip(known.index, names, strict=True))
    return values


def _what(now: str, then: str) -> str:
    if not then or _same(now, then):
        return "keep"
    return "replace" if now else "add"


def _same(now: str, then: str) -> bool:
    """Tell whether two values say the same: case says nothing, nor do decimals of a tempo."""
    try:
        return round(float(now)) == round(float(then))
    except (ValueError, OverflowError):
        return now.casefold() == then.casefold()
