"""Tables of tracks: how columns are shown, and what they are downloaded as."""

from __future__ import annotations

import tempfile
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import streamlit as st

from earmark.classify.app.widgets import theme
from earmark.classify.insights.plots import KEYS
from earmark.classify.library import playlists
from earmark.extract import sets, tables
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
    "key_of",
    "marked",
    "meaning",
    "spoken",
    "values",
]

MIME = {
    ".csv": "text/csv",
    ".parquet": "application/vnd.apache.parquet",
    ".m3u8": "application/vnd.apple.mpegurl",
}


LUFS = "LUFS"
"""The unit of the loudness that Earmark measures."""


def spoken(found: pd.DataFrame) -> pd.DataFrame:
    """Return a table of tracks as it is read: probabilities in percent, keys by their names."""
    shown = found.copy()
    for name in shown.columns:
        if str(name).startswith("probability"):
            shown[name] = 100 * shown[name].astype(float)
    if "duration_ms" in shown:
        shown["duration_ms"] = shown["duration_ms"].astype(float) / 1000
    if {"key", "mode"} <= set(shown):
        keys = [key_of(key, mode) for key, mode in zip(shown["key"], shown["mode"], strict=True)]
        shown["key"] = pd.Series(keys, shown.index, dtype="str")
        shown = shown.drop(columns="mode")
    return shown


def key_of(key: float, mode: float) -> str:
    """Return what a musician calls a key, such as "A minor"; nothing where none was found."""
    if pd.isna(key) or not 0 <= key < len(KEYS):
        return ""
    kind = "" if pd.isna(mode) else (" major" if mode else " minor")
    return f"{KEYS[int(key)]}{kind}"


def columns(loudness: str = LUFS) -> dict[str, Any]:
    """Return how Streamlit shows the columns of `spoken` tables, by name.

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
        "duration_ms": config.NumberColumn("duration", format="%.0f s"),
    }


def marked(key: str, rows: list[int]) -> Any:
    """Mark rows of a table that is drawn next, whatever was marked before in their place.

    Parameters
    ----------
    key : str
        Of the table.
    rows : list of int
        Their places.

    Returns
    -------
    dict
        For the table's `selection_default`: what is set here is lost where the page is drawn again
        before it was seen.
    """
    state = {"selection": {"rows": rows, "columns": [], "cells": []}}
    if st.session_state.get(key, {}).get("selection") != state["selection"]:
        st.session_state[key] = state
    return state


@cache
def _meanings() -> dict[str, str]:
    entries = (*registry.in_set("default"), *registry.in_set("spotify"))
    return {
        column.name: (entry.function.__doc__ or "").split("\n")[0].replace("`", "")
        for entry in entries
        for column in entry.columns(DEFAULTS)
    }


def meaning(column: str) -> str:
    """Return a sentence on a column; nothing for one that Earmark does not make."""
    return _meanings().get(column, "")


def values(
    found: Mapping[str, float], typical: Mapping[str, list[float]], loudness: str = LUFS
) -> pd.DataFrame:
    """Lay out Spotify's columns of one track beside what is typical of its genre.

    Parameters
    ----------
    found : mapping of str to float
        Its values, by column.
    typical : mapping of str to list of float
        Lower quartile, median and upper quartile by column; empty where nobody knows.
    loudness : str
        The unit of the loudness.

    Returns
    -------
    DataFrame
        ``descriptor``, ``this track``, ``typical`` (the middle half of the genre's tracks, or the
        commonest where there is no middle), as text.
    """
    said = partial(_said, loudness=loudness)
    rows = []
    for name in sets.SPOTIFY_COLUMNS:
        own = said(name, found.get(name, float("nan")), found.get("mode", float("nan")))
        low, middle, high = typical.get(name, [float("nan")] * 3)
        usual = said(name, middle) if low == high else f"{said(name, low)} – {said(name, high)}"
        rows.append((name, own, usual if name in typical else ""))
    return pd.DataFrame(rows, columns=["descriptor", "this track", "typical"])


def _said(name: str, value: float, mode: float = float("nan"), *, loudness: str) -> str:  # noqa: PLR0911 - one per column
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


def as_csv(found: pd.DataFrame) -> bytes:
    """Return a table as CSV, as the command line writes it."""
    return _written(found, ".csv")


def as_parquet(found: pd.DataFrame) -> bytes:
    """Return a table as Parquet, as the command line writes it."""
    return _written(found, ".parquet")


def _written(found: pd.DataFrame, ending: str) -> bytes:
    with tempfile.TemporaryDirectory(prefix="earmark-") as folder:
        path = Path(folder) / f"table{ending}"
        tables.write(found, path)
        return path.read_bytes()


def downloads(found: pd.DataFrame, name: str, locations: Mapping[str, str] | None = None) -> None:
    """Offer a table as CSV, Parquet and playlist; each is made when it is asked for.

    Parameters
    ----------
    found : DataFrame
        With ``path``.
    name : str
        What the files are called, and the key of the buttons.
    locations : mapping of str to str, optional
        Where the tracks are, for the playlist; by default where their paths say.
    """
    if not len(found):
        return
    offers: dict[str, tuple[str, Callable[[], bytes]]] = {
        ".csv": ("CSV", lambda: as_csv(found)),
        ".parquet": ("Parquet", lambda: as_parquet(found)),
        ".m3u8": ("Playlist", lambda: playlists.text(found, locations).encode()),
    }
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
