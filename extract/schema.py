"""What the columns of a feature table are, derived from the declarations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from earmark.extract import sets
from earmark.extract.config import Settings, fingerprint

if TYPE_CHECKING:
    from earmark.extract.engine.registry import Column

__all__ = [
    "ALBUM_COLUMNS",
    "ARTIST_COLUMNS",
    "GENRE_COLUMNS",
    "KEYS",
    "NAMES",
    "NAME_COLUMNS",
    "TEXTS",
    "TITLE_COLUMNS",
    "Schema",
    "of",
]

KEYS = ("path", "start", "seconds", "sha256")
"""The columns that say which audio a row describes; `start` and `seconds` in rows of windows."""

NAME_COLUMNS = ("path", "file", "filename", "track", "track_id", "id")
"""What the column is called that names the tracks, the likeliest first."""

ARTIST_COLUMNS = ("artist", "artists", "artist_name", "album_artist", "albumartist")
ALBUM_COLUMNS = ("album", "album_name")
TITLE_COLUMNS = ("title", "track_name", "name", "song")

GENRE_COLUMNS = ("genre", "track_genre", "genre_top", "top_genre", "genres", "label", "class")
"""What the column of the genre is called in tables that go round, the likeliest first."""

NAMES = frozenset({*KEYS, *NAME_COLUMNS, *ARTIST_COLUMNS, *ALBUM_COLUMNS})
"""What names a track or says whose it is; it describes no sound, though it may be a number."""

TEXTS = NAMES - {"start", "seconds"} | {*TITLE_COLUMNS, *GENRE_COLUMNS}
"""What is text, though all of it may look like numbers."""


@dataclass(frozen=True)
class Schema:
    """The columns of a feature set under given settings.

    Parameters
    ----------
    set : str
        Name and version of the set, such as ``default-1``.
    columns : tuple of Column
        The columns in order, without the keys.
    fingerprint : str
        Changes with whatever changes a value.
    settings : Settings, optional
        What the fingerprint stands for, beside the versions; None where the set fixes them.
    windows : float, optional
        Seconds of the windows that rows describe; None where a row is a track.
    """

    set: str
    columns: tuple[Column, ...]
    fingerprint: str
    settings: Settings | None
    windows: float | None = None

    @property
    def names(self) -> list[str]:
        """The names of the columns, in order."""
        return [column.name for column in self.columns]


def of(set_name: str, settings: Settings, windows: float | None = None) -> Schema:
    """Return the schema of a feature set."""
    feature_set = sets.get(set_name)
    columns = feature_set.columns(settings)
    versioned = f"{set_name}-{feature_set.version}"
    versions = [f"{column.name}:{column.version}" for column in columns]
    matters = feature_set.configurable or settings.tempo_range
    configured = settings if matters else None
    return Schema(
        versioned, columns, fingerprint(configured, versioned, *versions), configured, windows
    )
