"""Widgets to choose or to upload a table, shared by the pages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import streamlit as st

from earmark.classify.app import catalog, session
from earmark.classify.app.files.paths import check_table_size
from earmark.classify.app.settings import app_settings
from earmark.classify.app.widgets import theme
from earmark.extract.errors import EarmarkError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from earmark.classify.app.jobs.track_list import TrackList

__all__ = ["SESSION", "UploadedTable", "choose_table", "upload_table"]

SESSION = "What was classified in this session"
"""The option that stands for the tracks classified in this session."""


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


def choose_table(key: str, before: Sequence[str] = (), after: Sequence[str] = ()) -> str | None:
    """Draw the choice of a table, which may also be typed in; None where none is chosen.

    Parameters
    ----------
    key : str
        The key of the widget.
    before, after : sequence of str
        Options before and after the tables of the session and below the root.
    """
    track_list: TrackList | None = st.session_state.get("track list")
    of_session = [SESSION] if track_list is not None and track_list.done else []
    names = [*before, *of_session, *catalog.list_tables(app_settings().root), *after]
    if st.session_state.get(theme.persistent_key(key)) == SESSION and not of_session:
        del st.session_state[key]
    chosen: str | None = st.selectbox(
        "Table",
        names,
        index=0 if names else None,
        accept_new_options=True,
        placeholder="data/features/music.parquet",
        help=f"Choose one, or type where it is below {theme.plain(str(app_settings().root))}.",
        key=key,
    )
    return chosen


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
