"""Where the app reaches into the internals of Streamlit, which may change with any version.

Everything else of the app uses what Streamlit documents. Each function here has a test that fails
when what it relies on is no longer there (``tests/test_app_compat.py``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from streamlit import config, runtime
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.scriptrunner import get_script_run_ctx
from streamlit.web import bootstrap

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

__all__ = [
    "forget_uploads",
    "is_connected",
    "limit_uploads",
    "run_server",
    "serve_media",
    "session_id",
]


def session_id() -> str | None:
    """Return Streamlit's name of the session whose page is drawn; None outside a server."""
    context = get_script_run_ctx()
    return context.session_id if runtime.exists() and context is not None else None


def is_connected(session: str) -> bool:
    """Tell whether a browser is connected to a session.

    Parameters
    ----------
    session : str
        As `session_id` returned it.
    """
    return runtime.exists() and runtime.get_instance().is_active_session(session)


def forget_uploads(files: Iterable[str]) -> None:
    """Remove uploads of this session from memory, where Streamlit holds them until it ends.

    Parameters
    ----------
    files : iterable of str
        Their `file_id`. The boxes that show them are empty after this.
    """
    context = get_script_run_ctx()
    manager = None if context is None else context.uploaded_file_mgr
    if context is not None and isinstance(manager, MemoryUploadedFileManager):
        for file in files:
            manager.remove_file(context.session_id, file)


def limit_uploads(megabytes: int) -> None:
    """Have Streamlit take uploads up to a size, however the app was started."""
    config.set_option("server.maxUploadSize", megabytes)


def serve_media(file: Path | bytes, mime: str, key: str) -> str | None:
    """Serve a file from memory, in parts as the browser asks for them, and return its address.

    Streamlit holds it for as long as each run of the page asks for it anew.

    Parameters
    ----------
    file : Path or bytes
        The file, or what would be in it.
    mime : str
        Its media type.
    key : str
        What on the page it is for; another file under the same key takes its place.

    Returns
    -------
    str or None
        The path of its address; None outside a server.
    """
    if not runtime.exists():
        return None
    address = runtime.get_instance().media_file_mgr.add(
        file if isinstance(file, bytes) else str(file), mime, key
    )
    base = str(config.get_option("server.baseUrlPath") or "").strip("/")
    return f"/{base}{address}" if base else address


def run_server(script: Path, options: dict[str, Any]) -> None:
    """Serve an app until it is stopped, as ``streamlit run`` does.

    Parameters
    ----------
    script : Path
        What draws the pages.
    options : dict
        Options of Streamlit by their names, with underscores for dots.
    """
    # By it Streamlit finds the folder of the app, with its configuration.
    config._main_script_path = str(script)
    bootstrap.load_config_options(options)
    bootstrap.run(str(script), False, [], options)
