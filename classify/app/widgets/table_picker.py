"""Tables that somebody names or uploads, on whatever page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import streamlit as st

from earmark.classify.app import catalog
from earmark.classify.app import session as state
from earmark.classify.app.files.paths import check_table_size
from earmark.classify.app.settings import setting
from earmark.classify.app.widgets import theme
from earmark.extract.errors import EarmarkError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from earmark.classify.app.jobs.track_list import TrackList

__all__ = ["SESSION", "UploadedTable", "table", "uploaded"]

SESSION = "What was classified in this session"
"""What stands for a table of that."""


@dataclass(frozen=True)
class UploadedTable:
    """A table that was uploaded.

    Parameters
    ----------
    name : str
        What its owner calls it: anybody's text.
    path : Path
        Where it is.
    file_id : str
        What Streamlit calls it.
    """

    name: str
    path: Path
    file_id: str


def table(key: str, before: Sequence[str] = (), after: Sequence[str] = ()) -> str | None:
    """Let somebody choose a table, or type where one is; None where there is none.

    Parameters
    ----------
    key : str
        Of the widget.
    before, after : sequence of str
        What is offered beside the tables below the root and that of the session.
    """
    own: TrackList | None = st.session_state.get("track list")
    session = [SESSION] if own is not None and own.done else []
    names = [*before, *session, *catalog.listed(setting().root), *after]
    if st.session_state.get(theme.kept(key)) == SESSION and not session:
        del st.session_state[key]
    chosen: str | None = st.selectbox(
        "Table",
        names,
        index=0 if names else None,
        accept_new_options=True,
        placeholder="data/features/music.parquet",
        help=f"Choose one, or type where it is below {theme.plain(str(setting().root))}.",
        key=key,
    )
    return chosen


def uploaded(
    label: str, key: str, types: Sequence[str] = ("csv", "parquet"), *, disabled: bool = False
) -> UploadedTable | None:
    """Let somebody upload a table, and return it for as long as it is in the box.

    The one that was taken before goes when another takes its place.
    """
    file = st.file_uploader(
        label,
        type=list(types),
        key=key,
        max_upload_size=setting().upload_mb,
        disabled=disabled,
    )
    if file is None:
        return None
    # Drawn anew, the box still holds what was taken from it, or refused.
    known: tuple[str, UploadedTable | str] | None = st.session_state.get(f"{key} kept")
    if known is None or known[0] != file.file_id:
        try:
            path = state.scratch().keep_table(file.name, file)
            try:
                check_table_size(path, file.name)
            except EarmarkError:
                path.unlink()
                raise
            before: Path | None = st.session_state.get(f"{key} file")
            if before is not None:
                before.unlink(missing_ok=True)
                state.forget([known[0]] if known else [])
            st.session_state[f"{key} file"] = path
            known = file.file_id, UploadedTable(file.name, path, file.file_id)
        except EarmarkError as error:
            known = file.file_id, str(error)
        st.session_state[f"{key} kept"] = known
    if isinstance(known[1], str):
        theme.trouble(known[1])
        return None
    return known[1]
