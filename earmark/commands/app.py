"""`earmark app`: the app in the browser."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

EXAMPLE = "earmark app --root ~/Music"


def command(
    root: Annotated[
        Path | None,
        typer.Option(
            help="Folders and tables can be named below this one, and nowhere else; by default the "
            "current one and, for music, your folder of music.",
        ),
    ] = None,
    port: Annotated[int | None, typer.Option(min=1, max=65535, help="By default 8501.")] = None,
    address: Annotated[
        str | None,
        typer.Option(
            help="Address to listen on; by default this computer alone, 127.0.0.1. With 0.0.0.0 "
            "everybody in the network can use it: there is no password."
        ),
    ] = None,
    allow_writing: Annotated[
        bool,
        typer.Option(
            "--allow-writing",
            help="Tags may be written into the files below the root, and undone; on this computer "
            "alone.",
        ),
    ] = False,
    upload_mb: Annotated[
        int | None, typer.Option(min=1, help="Megabytes of one file; by default 200.")
    ] = None,
    browser: Annotated[
        bool | None, typer.Option("--browser/--no-browser", help="Open a browser.")
    ] = None,
) -> None:
    """Look at music in the browser: classify, browse, compare, train.

    What else is limited is set by variables of the environment, such as EARMARK_APP_UPLOADS.
    """
    import os

    from earmark.classify.app import server, settings

    given = {
        "ROOT": root and root.absolute(),
        "UPLOAD_MB": upload_mb,
        "ALLOW_WRITING": allow_writing or None,
    }
    for name, value in given.items():
        if value is not None:
            os.environ[f"{settings.PREFIX}{name}"] = str(value)
    server.serve(
        _entry(),
        server_port=port,
        server_address=address,
        server_headless=None if browser is None else not browser,
    )


def _entry() -> Path:
    """Return the file that Streamlit runs."""
    from importlib.util import find_spec

    found = find_spec("earmark.app")
    if found is None or found.origin is None:
        raise ModuleNotFoundError("earmark.app")
    return Path(found.origin).resolve()
