"""The one way to name a table, on every page: from a list, by its path, or by an upload.

The list has the tables below the root, as they come, what was uploaded on any page, and what was
classified in this session.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import streamlit as st

from earmark.classify.app import catalog, session
from earmark.classify.app.files.paths import check_table_size, resolve_below_root, resolve_table
from earmark.classify.app.jobs.track_list import unique_name
from earmark.classify.app.settings import app_settings
from earmark.classify.app.widgets import address, theme
from earmark.extract.errors import EarmarkError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from streamlit.delta_generator import DeltaGenerator

    from earmark.classify.app.jobs.track_list import TrackList

__all__ = ["SESSION", "UPLOADED", "PickedTable", "UploadedTable", "pick_table", "upload_table"]

SESSION = "What was classified in this session"
"""The option that stands for the tracks classified in this session."""

UPLOADED = "Uploaded: "
"""How the options that are uploads begin."""

KEPT = 5
"""Tables that were uploaded which are kept, the latest."""

WATCH = 4.0
"""Seconds between two looks for tables that were made or changed meanwhile."""


@dataclass(frozen=True)
class UploadedTable:
    """A table that was uploaded.

    Parameters
    ----------
    name : str
        The file name on the user's computer; untrusted text.
    path : Path
        The copy in the session folder.
    file_id : str
        Streamlit's id of the upload.
    """

    name: str
    path: Path
    file_id: str


@dataclass(frozen=True)
class PickedTable:
    """A table that was chosen.

    Parameters
    ----------
    option : str
        What was chosen, or typed; untrusted text.
    name : str
        What its owner calls it.
    path : Path, optional
        The file; None for what is no file, such as `SESSION`.
    """

    option: str
    name: str
    path: Path | None = None


def pick_table(
    key: str, others: Sequence[str] = (), *, of_session: bool = True, first: bool = True
) -> tuple[PickedTable | None, DeltaGenerator]:
    """Draw the choice of a table.

    Parameters
    ----------
    key : str
        The key of the widget.
    others : sequence of str
        Further options, which are no files.
    of_session : bool
        Whether the tracks classified in this session may be chosen.
    first : bool
        Whether the first of the list is chosen until another is.

    Returns
    -------
    table : PickedTable or None
        None where none is chosen.
    beside : container
        The row beside the list.

    Raises
    ------
    FindError
        What was typed is no table below the root.
    """
    listed, upload = st.tabs([":material/table_view: A table", ":material/upload: Upload one"])
    with upload:
        _take_upload(key)
    beside = listed.container(horizontal=True, vertical_alignment="bottom")
    with beside:
        option = _choose(key, others, of_session, first)
    _watched(option)
    if option is None:
        return None, beside
    if option in _uploads():
        path = _uploads()[option]
        return PickedTable(option, option.removeprefix(UPLOADED), path), beside
    address.told(table=option)
    if option in (SESSION, *others):
        return PickedTable(option, option), beside
    return PickedTable(option, option, resolve_table(option)), beside


def _choose(key: str, others: Sequence[str], of_session: bool, first: bool) -> str | None:
    track_list: TrackList | None = st.session_state.get("track list")
    own = [SESSION] if of_session and track_list is not None and track_list.done else []
    below = catalog.list_tables(app_settings().root)
    names = [*reversed(_uploads()), *own, *below, *others]
    if (opened := address.given(key, "table").get("table")) and opened[0] != SESSION:
        # Whether there is such a table is seen when it is opened.
        st.session_state[theme.persistent_key(key)] = opened[0]
    gone = {SESSION} - set(own)
    held = st.session_state.get(theme.persistent_key(key))
    if held in gone or (isinstance(held, str) and held.startswith(UPLOADED) and held not in names):
        del st.session_state[key]
    chosen: str | None = st.selectbox(
        "Table",
        names,
        index=0 if names and first else None,
        accept_new_options=True,
        placeholder="data/features/music.parquet",
        help=f"Choose one, or type where it is below {theme.plain(str(app_settings().root))}.",
        key=key,
    )
    return chosen


def _uploads() -> dict[str, Path]:
    """Return the tables that were uploaded, by their options; the latest is the last."""
    held: dict[str, Path] = st.session_state.setdefault("uploaded tables", {})
    return held


def _take_upload(key: str) -> None:
    """Draw the upload box, and choose the table that is uploaded."""
    turn = st.session_state.setdefault("tables turn", 0)
    upload = upload_table("CSV or Parquet", f"{key} file {turn}")
    if upload is None:
        return
    held = _uploads()
    option = unique_name(f"{UPLOADED}{upload.name}", held)
    held[option] = upload.path
    for old in [*held][:-KEPT]:
        held.pop(old).unlink(missing_ok=True)
    # It is the list's from here on; another key is an empty box.
    st.session_state.pop(f"{key} file {turn} file", None)
    st.session_state["tables turn"] = turn + 1
    st.session_state[key] = option
    session.forget([upload.file_id])
    st.rerun()


def _watched(option: str | None) -> None:
    """Draw the page anew when a table was made or changed meanwhile, as by `earmark extract`."""
    root = app_settings().root

    def seen() -> tuple[object, ...]:
        stamp = None
        with contextlib.suppress(EarmarkError, OSError):
            stamp = catalog.file_stamp(resolve_below_root(option or ""))
        return (*catalog.list_tables(root), stamp)

    before = seen()

    def look() -> None:
        if seen() != before:
            st.rerun()

    theme.fragment(look, WATCH)()


def upload_table(
    label: str, key: str, types: Sequence[str] = ("csv", "parquet"), *, disabled: bool = False
) -> UploadedTable | None:
    """Draw an upload box, and return its table for as long as it is in the box.

    Another upload replaces the table, and removes the file of the one before.
    """
    file = st.file_uploader(
        label,
        type=list(types),
        key=key,
        max_upload_size=app_settings().upload_mb,
        disabled=disabled,
    )
    if file is None:
        return None
    # A rerun finds the same file in the box: it was accepted or refused already.
    checked: tuple[str, UploadedTable | str] | None = st.session_state.get(f"{key} kept")
    if checked is None or checked[0] != file.file_id:
        try:
            path = session.scratch().keep_table(file.name, file)
            try:
                check_table_size(path, file.name)
            except EarmarkError:
                path.unlink()
                raise
            previous: Path | None = st.session_state.get(f"{key} file")
            if previous is not None:
                previous.unlink(missing_ok=True)
                session.forget([checked[0]] if checked else [])
            st.session_state[f"{key} file"] = path
            checked = file.file_id, UploadedTable(file.name, path, file.file_id)
        except EarmarkError as error:
            checked = file.file_id, str(error)
        st.session_state[f"{key} kept"] = checked
    if isinstance(checked[1], str):
        theme.show_error(checked[1])
        return None
    return checked[1]
