"""Tables of tracks: how their columns are shown, and their downloads."""

from __future__ import annotations

import tempfile
from datetime import time
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import streamlit as st

from earmark.classify.app.widgets import theme
from earmark.classify.html.cells import risky, without_formulas
from earmark.classify.insights.plots import KEYS
from earmark.classify.library import playlists
from earmark.extract import sets, tables
from earmark.extract.audio import formats
from earmark.extract.config import DEFAULTS
from earmark.extract.engine import registry

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = [
    "KEYS",
    "as_csv",
    "as_parquet",
    "columns",
    "downloads",
    "for_display",
    "key_of",
    "meaning",
    "picked",
    "select_rows",
    "values",
]

MIME = {
    ".csv": "text/csv",
    ".parquet": "application/vnd.apache.parquet",
    ".m3u8": "application/vnd.apple.mpegurl",
}


WHOLE = {"key", "mode", "time_signature", "duration_ms", "popularity", "explicit"}
"""Columns of whole numbers, which are floating where some are missing."""

SUFFIXES = tuple(formats.MIME_TYPES)
"""How names of audio files end."""

DAY = 24 * 60 * 60 * 1000
"""Milliseconds of a day; nothing is as long."""

LUFS = "LUFS"
"""The unit of the loudness that Earmark measures."""

DECIBEL = "dB"
"""The unit of Spotify's loudness."""


def for_display(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table of tracks for display: probabilities in percent, keys by name."""
    shown = table.copy()
    for name in shown.columns:
        if str(name).startswith("probability"):
            shown[name] = 100 * shown[name].astype(float)
        elif not pd.api.types.is_numeric_dtype(shown[name]):
            shown[name] = shown[name].astype(object).where(shown[name].notna(), "")
    if "duration_ms" in shown:
        lengths = [_clock(length) for length in shown["duration_ms"].astype(float)]
        shown["duration_ms"] = pd.Series(lengths, shown.index, dtype=object)
    if {"key", "mode"} <= set(shown):
        keys = [key_of(key, mode) for key, mode in zip(shown["key"], shown["mode"], strict=True)]
        shown["key"] = pd.Series(keys, shown.index, dtype="str")
        shown = shown.drop(columns="mode")
    return shown


def _clock(milliseconds: float) -> time | None:
    """Return a length as a time of day, which tables sort by."""
    if not 0 <= milliseconds < DAY:
        return None
    minutes, seconds = divmod(round(milliseconds / 1000), 60)
    return time(minutes // 60 % 24, minutes % 60, seconds)


def key_of(key: float, mode: float) -> str:
    """Return the name of a key, such as "A minor"; empty where none was detected."""
    if pd.isna(key) or not 0 <= key < len(KEYS):
        return ""
    kind = "" if pd.isna(mode) else (" major" if mode else " minor")
    return f"{KEYS[int(key)]}{kind}"


def columns(loudness: str = LUFS) -> dict[str, Any]:
    """Return how Streamlit shows the columns of `for_display` tables, by name.

    Parameters
    ----------
    loudness : str
        The unit of the loudness.
    """
    config = st.column_config
    chances = {
        f"probability{suffix}": config.ProgressColumn(
            "%", format="%.0f", min_value=0, max_value=100, width="small"
        )
        for suffix in ("", "_2", "_3")
    }
    named = {f"genre_{rank}": config.TextColumn(f"or ({rank})") for rank in (2, 3)}
    shares = {
        column.name: config.NumberColumn(format="%.2f", help=meaning(column.name))
        for column in sets.get("spotify").columns(DEFAULTS)
        if column.range == (0, 1) and column.name != "mode"
    }
    return {
        "path": config.TextColumn("track", width="medium"),
        "genre": config.TextColumn("genre"),
        **named,
        **chances,
        **shares,
        "loudness": config.NumberColumn(
            "loudness", format=f"%.1f {loudness}", help=meaning("loudness")
        ),
        "tempo": config.NumberColumn("tempo", format="%.0f BPM", help=meaning("tempo")),
        "key": config.TextColumn("key", help=meaning("key")),
        "time_signature": config.NumberColumn("beats in a bar", format="%.0f"),
        "duration_ms": config.TimeColumn("time", format="m:ss", width="small"),
    }


def select_rows(key: str, rows: list[int]) -> Any:
    """Select rows of the table that is drawn next, in place of any selection before.

    Parameters
    ----------
    key : str
        The key of the table.
    rows : list of int
        The positions of the rows.

    Returns
    -------
    dict
        To be given to the table as `selection_default`, as the state set here is lost in a rerun
        that comes before the table was drawn.
    """
    state = {"selection": {"rows": rows, "columns": [], "cells": []}}
    if st.session_state.get(key, {}).get("selection") != state["selection"]:
        st.session_state[key] = state
    return state


def picked(key: str, rows: int) -> int | None:
    """Return the position of the row that was selected in a table; None where there is none.

    A click may be on its way while the table becomes shorter: a row that is gone is none.

    Parameters
    ----------
    key : str
        The key of the table.
    rows : int
        How many rows the table has now.
    """
    chosen = st.session_state.get(key, {}).get("selection", {}).get("rows", [])
    return chosen[0] if chosen and chosen[0] < rows else None


@cache
def _meanings() -> dict[str, str]:
    entries = (*registry.in_set("default"), *registry.in_set("spotify"))
    return {
        column.name: (entry.function.__doc__ or "").split("\n")[0].replace("`", "")
        for entry in entries
        for column in entry.columns(DEFAULTS)
    }


def meaning(column: str) -> str:
    """Return a sentence about a column; empty for one that Earmark does not compute."""
    return _meanings().get(column, "")


def values(
    track: Mapping[str, float], typical: Mapping[str, list[float]], loudness: str = LUFS
) -> pd.DataFrame:
    """Return Spotify's columns of one track beside the typical values of its genre.

    Parameters
    ----------
    track : mapping of str to float
        The values of the track by column.
    typical : mapping of str to list of float
        Lower quartile, median and upper quartile by column; empty where they are unknown.
    loudness : str
        The unit of the loudness.

    Returns
    -------
    DataFrame
        ``descriptor``, ``this track``, ``typical`` (the middle half of the genre's tracks, or the
        commonest where there is no middle), as text.
    """
    as_text = partial(_as_text, loudness=loudness)
    rows = []
    for name in sets.SPOTIFY_COLUMNS:
        value_text = as_text(name, track.get(name, float("nan")), track.get("mode", float("nan")))
        low, middle, high = typical.get(name, [float("nan")] * 3)
        usual = (
            as_text(name, middle)
            if low == high
            else f"{as_text(name, low)} – {as_text(name, high)}"
        )
        rows.append((name, value_text, usual if name in typical else ""))
    return pd.DataFrame(rows, columns=["descriptor", "this track", "typical"])


def _as_text(name: str, value: float, mode: float = float("nan"), *, loudness: str) -> str:  # noqa: PLR0911 - one per column
    if pd.isna(value):
        return "–"
    match name:
        case "key":
            return key_of(value, mode) or "none"
        case "mode":
            return "major" if value else "minor"
        case "duration_ms":
            minutes, seconds = divmod(round(value / 1000), 60)
            return f"{minutes}:{seconds:02d}"
        case "loudness":
            return f"{value:.1f} {loudness}".replace("-", "−")
        case "tempo":
            return f"{value:.0f} BPM"
        case "time_signature":
            return f"{value:.0f}/4"
    return f"{value:.2f}"


def as_csv(table: pd.DataFrame) -> bytes:
    """Return a table as CSV that a spreadsheet opens as what it is: text is never a formula."""
    return _file_bytes(without_formulas(whole_numbers(table)), ".csv")


def as_parquet(table: pd.DataFrame) -> bytes:
    """Return a table as Parquet, as the command line writes it."""
    return _file_bytes(whole_numbers(table), ".parquet")


def whole_numbers(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table in which columns of whole numbers hold integers, whatever is missing."""
    shown = table.copy()
    for name in WHOLE & set(map(str, shown)):
        if pd.api.types.is_float_dtype(shown[name]):
            shown[name] = shown[name].round().astype("Int64")
    return shown


def _file_bytes(table: pd.DataFrame, ending: str) -> bytes:
    with tempfile.TemporaryDirectory(prefix="earmark-") as folder:
        path = Path(folder) / f"table{ending}"
        tables.write(table, path)
        return path.read_bytes()


def downloads(table: pd.DataFrame, name: str, locations: Mapping[str, str] | None = None) -> None:
    """Draw buttons to download a table as CSV, Parquet and playlist, each made on demand.

    Parameters
    ----------
    table : DataFrame
        Tracks, with a column ``path``.
    name : str
        The name of the files without extension, and prefix of the keys of the buttons.
    locations : mapping of str to str, optional
        The location of each track by its path, for the playlist; by default the path itself.
    """
    if not len(table):
        return
    offers: dict[str, tuple[str, Callable[[], bytes]]] = {
        ".csv": ("CSV", lambda: as_csv(table)),
        ".parquet": ("Parquet", lambda: as_parquet(table)),
        ".m3u8": ("Playlist", lambda: playlists.text(table, locations).encode()),
    }
    if not any(str(path).lower().endswith(SUFFIXES) for path in table["path"]):
        # Names of no files cannot be played.
        del offers[".m3u8"]
    with st.container(horizontal=True):
        for ending, (label, made) in offers.items():
            st.download_button(
                label,
                made,
                f"{name}{ending}",
                MIME[ending],
                key=f"{theme.plain(name)}{ending}",
                icon=":material/download:",
                on_click="ignore",
            )
    if risky(table):
        st.caption("In the CSV, text that a spreadsheet would take for a formula begins with a '.")
