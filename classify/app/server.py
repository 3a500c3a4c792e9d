"""Serves the app from any folder, with the options that `streamlit run app.py` has in a clone."""

from __future__ import annotations

import ipaddress
import os
import socket
import tomllib
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from earmark.extract.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["CONFIG", "is_loopback", "options", "serve"]

CONFIG = Path(__file__).with_name("config.toml")
"""Options of Streamlit: the theme of the app, and its address."""

EVERYWHERE = ("0.0.0.0", "::")  # noqa: S104 - compared with, never a default
"""Addresses that stand for all addresses of this computer."""


def serve(script: Path, **given: Any) -> None:
    """Serve the app until it is stopped.

    Parameters
    ----------
    script : Path
        ``app.py``.
    **given
        Options of Streamlit by their names, with underscores for dots. They override those of
        `CONFIG`, unless they are None.

    Raises
    ------
    SettingsError
        Streamlit is not installed, a limit makes no sense, the port is taken, or tags were to be
        written by whoever is in the network.
    """
    if find_spec("streamlit") is None:
        raise SettingsError("the app needs Streamlit; install it with: pip install 'earmark[app]'")
    from earmark.classify.app import _compat
    from earmark.classify.app.settings import read

    merged = options(CONFIG) | {name: value for name, value in given.items() if value is not None}
    # A wrong limit is an error here, and not later in the browser.
    limits = read(os.environ)
    address = str(merged["server_address"])
    if limits.allow_writing and not is_loopback(address):
        raise SettingsError(
            f"--allow-writing and --address {address}: tags are written only where the app listens "
            "on this computer alone, as there is no password; leave one of the two out"
        )
    if address in EVERYWHERE:
        # Whoever opens the app to all addresses answers for the host names, too.
        merged["server_allowedHosts"] = ["*"]
    elif address not in merged["server_allowedHosts"]:
        merged["server_allowedHosts"] += [address, socket.gethostname()]
    _free(address, int(merged.get("server_port", 8501)))
    _compat.run_server(script, merged)


def is_loopback(address: str | None) -> bool:
    """Tell whether an address is one of this computer's own; None stands for all addresses."""
    if address == "localhost":
        return True
    try:
        return address is not None and ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


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
    """Refuse a port that is in use: Streamlit would exit without a message."""
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
