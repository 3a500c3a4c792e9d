"""What the app may do: how much, how long, and where; told by the environment.

Every field of `Setting` is set by the variable ``EARMARK_APP_`` and its name in capitals, which is
also how `earmark app` hands its options on.
"""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from earmark.extract.errors import SettingsError, printable

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["PREFIX", "Setting", "read", "seconds_for", "setting"]

PREFIX = "EARMARK_APP_"

BYTES_A_SECOND = 400_000
"""Of a file, that the slowest machine still analyses: an eighth of what was measured of an MP3."""


def _cores() -> int:
    """Return how many cores this process may use: fewer than there are in a container."""
    import joblib

    return int(joblib.cpu_count())


class Setting(BaseModel):
    """Limits of the app.

    Parameters
    ----------
    root : Path
        Folders and tables are named below it, and nowhere else.
    workers : int
        Processes that analyse; by default as many as there are cores for them.
    upload_mb : int
        Megabytes of one file that is uploaded.
    uploads : int
        Files that somebody may have here at a time.
    session_mb : int
        Megabytes of all of them together.
    track_seconds : float
        Seconds that the analysis of a small file may take, or a picture of a small table; large
        ones have more (`seconds_for`).
    training_seconds : float
        Seconds that a training, or the map of a library, may take.
    folder_tracks : int
        Tracks of a folder that are analysed at a time.
    table_mb : int
        Megabytes of a table that is opened.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    root: Path = Field(default_factory=Path.cwd)
    workers: int = Field(default_factory=_cores, ge=1, le=256)
    upload_mb: int = Field(200, ge=1, le=10_000)
    uploads: int = Field(50, ge=1, le=10_000)
    session_mb: int = Field(1000, ge=1, le=1_000_000)
    track_seconds: float = Field(120, ge=1, le=86_400)
    training_seconds: float = Field(3600, ge=1, le=604_800)
    folder_tracks: int = Field(5000, ge=1, le=1_000_000)
    table_mb: int = Field(1000, ge=1, le=100_000)


def read(environment: Mapping[str, str]) -> Setting:
    """Return what the variables say.

    Raises
    ------
    SettingsError
        A variable is unknown or out of its range, or the root is no folder.
    """
    given = {
        name.removeprefix(PREFIX).lower(): value
        for name, value in environment.items()
        if name.startswith(PREFIX)
    }
    try:
        found = Setting.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        name = f"{PREFIX}{str(first['loc'][0]).upper()}"
        known = ", ".join(f"{PREFIX}{field.upper()}" for field in Setting.model_fields)
        what = (
            f"is unknown; there is {known}" if first["type"] == "extra_forbidden" else first["msg"]
        )
        raise SettingsError(f"{name} = {first['input']!r}: {what}") from None
    if not found.root.is_dir():
        raise SettingsError(f"{PREFIX}ROOT = {printable(found.root)}: is no folder")
    return found.model_copy(update={"root": found.root.resolve()})


@cache
def setting() -> Setting:
    """Return what this process was told, read once."""
    return read(os.environ)


def seconds_for(path: str | Path) -> float:
    """Return the seconds that the analysis of a file may take: the longer it is, the more."""
    try:
        size = Path(path).stat().st_size
    except OSError:
        # Whoever opens it says what is wrong.
        size = 0
    return setting().track_seconds + size / BYTES_A_SECOND
