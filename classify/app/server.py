"""Starting the app from anywhere, as `streamlit run app.py` does within a clone."""

from __future__ import annotations

import os
import socket
import tomllib
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from earmark.extract.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["CONFIG", "options", "serve"]

CONFIG = Path(__file__).with_name("config.toml")
"""How the app looks and listens."""


EVERYWHERE = ("0.0.0.0", "::")  # noqa: S104
"""Addresses that stand for all of this computer's."""


def serve(script: Path, **given: Any) -> None:
    """Serve the app until it is stopped.

    Parameters
    ----------
    script : Path
        ``app.py``.
    **given
        Options of Streamlit by their names, with underscores for dots, which override those of the
        project; None overrides nothing.

    Raises
    ------
    SettingsError
        Streamlit is not installed, a limit makes no sense, or the port is taken.
    """
    if find_spec("streamlit") is None:
        raise SettingsError("the app needs Streamlit; install it with: pip install 'earmark[app]'")
    from earmark.classify.app import _compat, settings

    found = options(CONFIG) | {name: value for name, value in given.items() if value is not None}
    # Told now, and not in the browser.
    settings.read(os.environ)
    address = str(found["server_address"])
    if address in EVERYWHERE:
        # Who lets everybody in knows best by what names they come.
        found["server_allowedHosts"] = ["*"]
    elif address not in found["server_allowedHosts"]:
        found["server_allowedHosts"] += [address, socket.gethostname()]
    _free(address, int(found.get("server_port", 8501)))
    _compat.run_server(script, found)


def options(file: Path) -> dict[str, Any]:
    """Return the options of a Streamlit configuration by the names of its flags."""
    return dict(_flat(tomllib.loads(file.read_text(encoding="utf-8"))))


def _flat(table: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in table.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{above}{name}_")
        else:
            yield f"{above}{name}", value


def _free(address: str, port: int) -> None:
    """Refuse a port that something listens on already: Streamlit would end without a word."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except (OSError, OverflowError) as error:
            why = getattr(error, "strerror", None) or error
            raise SettingsError(
                f"cannot listen on {address}, port {port}: {why}; choose another with --port"
            ) from None
