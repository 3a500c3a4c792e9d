"""The app as people have it: served by Streamlit, and looked at in Chromium."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Served", "browser", "chromium", "served", "tree"]

ROOT = Path(__file__).resolve().parents[1]

PATIENCE = 120.0
"""Seconds until the server must answer."""

OPTIONS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@dataclass(frozen=True)
class Served:
    """A running app.

    Parameters
    ----------
    address : str
        Where it answers.
    process : Popen
        The server.
    log : Path
        What it has said.
    temporary : Path
        Its folder for temporary files, which nobody else uses.
    """

    address: str
    process: subprocess.Popen[bytes]
    log: Path
    temporary: Path


@contextlib.contextmanager
def served(folder: Path, **environment: str) -> Iterator[Served]:
    """Run ``streamlit run app.py`` on a free port and end it with the block.

    Parameters
    ----------
    folder : Path
        For its log and its temporary files.
    **environment
        Further variables.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    temporary, log = folder / "temporary", folder / "app.log"
    temporary.mkdir()
    command = [sys.executable, "-m", "streamlit", "run", "app.py"]
    # Nothing is known of an earlier visit.
    own = {"PYTHONPATH": str(ROOT), "TMPDIR": str(temporary), "EARMARK_APP_CACHE_MB": "0"}
    with log.open("wb") as said:
        process = subprocess.Popen(
            [*command, "--server.headless=true", f"--server.port={port}"],
            cwd=ROOT,
            # What is looked at is the project that this file lies in, whatever is installed.
            env={**os.environ, **own, **environment},
            stdout=said,
            stderr=said,
        )
    try:
        address = f"http://127.0.0.1:{port}"
        _answers(address, process, log)
        yield Served(address, process, log, temporary)
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _answers(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end and process.poll() is None:
        with contextlib.suppress(OSError), urllib.request.urlopen(f"{address}/_stcore/health"):  # noqa: S310 (our own server)
            return
        time.sleep(0.1)
    raise RuntimeError(f"the app does not answer:\n{log.read_text(errors='replace')}")


def chromium() -> str | None:
    """Return the path of the system's Chromium."""
    names = ("chromium", "chromium-browser", "google-chrome")
    return os.environ.get("EARMARK_CHROMIUM") or next(filter(None, map(shutil.which, names)), None)


@contextlib.contextmanager
def browser() -> Iterator[Any]:
    """Start Chromium, and end it with the block."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=chromium(), args=[*OPTIONS])
        try:
            yield found
        finally:
            found.close()


def tree(process: int) -> list[int]:
    """Return a process and all that descend from it."""
    children: dict[int, list[int]] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError, IndexError):
            after_name = (folder / "stat").read_text(errors="replace").rpartition(")")[2].split()
            children.setdefault(int(after_name[1]), []).append(int(folder.name))
    found = [process]
    for one in found:
        found += children.get(one, [])
    return found
