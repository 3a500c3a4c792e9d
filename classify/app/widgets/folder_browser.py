"""Folders to click through, for who does not know a name by heart."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING

import streamlit as st

from earmark.classify.app.files.folders import look_into
from earmark.classify.app.files.paths import resolve_below_root
from earmark.classify.app.widgets import theme
from earmark.extract.errors import FindError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["browse"]

MANY, HEIGHT = 7, 320
"""Folders from which on the list scrolls, and its height then [pixel]."""


def browse(root: Path, key: str) -> None:
    """Draw a button behind which the folders below the root are, and write each into a box.

    Parameters
    ----------
    root : Path
        The root.
    key : str
        The key of the text box, which is drawn after this.
    """
    with st.popover("Browse", icon=":material/folder_open:"):
        at = PurePosixPath(st.session_state.get(key) or ".")
        try:
            folder = resolve_below_root(str(at), root)
        except FindError:
            folder = root
        if not folder.is_dir():
            folder = folder.parent
        at = PurePosixPath(folder.relative_to(root).as_posix())
        found = look_into(folder, root)
        st.markdown(f"**{theme.plain(str(at) if at.parts else root.name or str(root))}**")
        count = "1 track" if found.tracks == 1 else f"{found.tracks:,} tracks"
        st.caption(f"{count} here, and what is in the folders below.")
        many = len(found.folders) >= MANY
        with st.container(height=HEIGHT if many else "content", gap="xsmall", border=False):
            if at.parts:
                _step("Up", at.parent, key, ":material/arrow_upward:", f"browse up {at}")
            for name in found.folders:
                _step(name, at / name, key, ":material/folder:", f"browse to {at / name}")
        if found.more:
            st.caption(f"{found.more:,} more folders; write their names.")


def _step(name: str, to: PurePosixPath, key: str, icon: str, own: str) -> None:
    def go() -> None:
        st.session_state[key] = str(to)

    st.button(theme.plain(name), icon=icon, type="tertiary", key=own, on_click=go)
