"""Limits of the app: sizes, times and the root folder, read from the environment.

The variable ``EARMARK_APP_`` followed by the name of a field of `AppSettings` in capitals sets that
field; `earmark app` passes its options on in the same way.
"""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import platformdirs
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from earmark.extract.errors import SettingsError, printable

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["PREFIX", "AppSettings", "app_settings", "read", "seconds_for"]

PREFIX = "EARMARK_APP_"

BYTES_A_SECOND = 400_000
"""Bytes that a slow machine analyses in a second: an eighth of what was measured with MP3."""


def _cores() -> int:
    """Return how many cores this process may use, which a container may limit."""
    import joblib

    return int(joblib.cpu_count())


def _cache() -> Path:
    """Return the folder for what is kept between visits, as the system has it."""
    return platformdirs.user_cache_path("earmark", appauthor=False) / "app"


def _music() -> Path | None:
    """Return the user's folder of music, as the system has it, where there is one."""
    folder = platformdirs.user_music_path()
    return folder if folder.is_dir() else None


class AppSettings(BaseModel):
    """Limits of the app.

    Parameters
    ----------
    root : Path
        Folders and tables outside of it cannot be opened; by default where the app was started.
    music : Path, optional
        Music may be here, too, where the app listens on this computer alone; by default, and where
        no root is named, the user's folder of music (`earmark.classify.app.session.roots`).
    workers : int
        Worker processes; by default one per core that this process may use.
    upload_mb : int
        Megabytes of one file that is uploaded.
    uploads : int
        Uploaded files that a session may hold at a time.
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
    allow_writing : bool
        Whether tags may be written into files below the root, and undone; only where the app
        listens on this computer alone (`earmark.classify.app.session.may_write`).
    cache : Path
        Where results are kept for another visit; by default in the user's folder of caches.
    cache_mb : int
        Megabytes of results that are kept; 0 keeps none, and no list of tracks.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    root: Path = Field(default_factory=Path.cwd)
    music: Path | None = None
    workers: int = Field(default_factory=_cores, ge=1, le=256)
    upload_mb: int = Field(200, ge=1, le=10_000)
    uploads: int = Field(50, ge=1, le=10_000)
    session_mb: int = Field(1000, ge=1, le=1_000_000)
    track_seconds: float = Field(120, ge=1, le=86_400)
    training_seconds: float = Field(3600, ge=1, le=604_800)
    folder_tracks: int = Field(5000, ge=1, le=1_000_000)
    table_mb: int = Field(1000, ge=1, le=100_000)
    allow_writing: bool = False
    cache: Path = Field(default_factory=_cache)
    cache_mb: int = Field(500, ge=0, le=1_000_000)


def read(environment: Mapping[str, str]) -> AppSettings:
    """Return the settings from environment variables.

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
        settings = AppSettings.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        name = f"{PREFIX}{str(first['loc'][0]).upper()}"
        names = ", ".join(f"{PREFIX}{field.upper()}" for field in AppSettings.model_fields)
        what = (
            f"is unknown; there is {names}" if first["type"] == "extra_forbidden" else first["msg"]
        )
        raise SettingsError(f"{name} = {first['input']!r}: {what}") from None
    for name, folder in (("ROOT", settings.root), ("MUSIC", settings.music)):
        if folder is not None and not folder.is_dir():
            raise SettingsError(f"{PREFIX}{name} = {printable(folder)}: is no folder")
    music = settings.music if "root" in given or settings.music else _music()
    folders = {"root": settings.root.resolve(), "music": music and music.resolve()}
    return settings.model_copy(update=folders)


@cache
def app_settings() -> AppSettings:
    """Return the settings of this process, read once."""
    return read(os.environ)


def seconds_for(path: str | Path) -> float:
    """Return the time limit in seconds for the analysis of a file, which grows with its size."""
    try:
        size = Path(path).stat().st_size
    except OSError:
        # Opening the file raises an error that says what is wrong.
        size = 0
    return app_settings().track_seconds + size / BYTES_A_SECOND
