"""What is known of a track, as it is written in tags."""

from __future__ import annotations

import math
import tomllib
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, get_args

import pandas as pd

from earmark.classify import sound_tags
from earmark.classify.dataset import genres
from earmark.extract.errors import SettingsError
from earmark.extract.key_names import Notation, key_name
from earmark.extract.tempo_range import in_range

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = [
    "FIELDS",
    "GENRE_NAMES",
    "USUAL",
    "Wanted",
    "album_loudness",
    "gains",
    "genre_names",
    "lacking",
    "number",
    "of_track",
]


FIELDS = ("genre", "bpm", "key", "energy", "mood", "replaygain", "values", "tags")
"""What can be written."""

USUAL = FIELDS[:6]
"""What is written unless other fields are named."""

GENRE_NAMES = ("discogs", "itunes")
"""The lists of genre names that ship."""

REFERENCE = -18.0
"""Loudness in LUFS that ReplayGain 2.0 brings a track to."""

REFERENCE_OPUS = -23.0
"""The one of the fields of Opus (RFC 7845)."""

MOODS = {
    "happy": "Happy",
    "sad": "Sad",
    "Mellow": "Mellow",
    "party": "Party",
    "sexy": "Sexy",
    "beautiful": "Beautiful",
    "chill": "Chill",
    "chillout": "Chill",
}
"""The words of listeners that say a mood."""

MOST_MOODS = 3

SPOTIFY = (
    *("danceability", "energy", "speechiness", "acousticness", "instrumentalness"),
    *("liveness", "valence"),
)
"""The values that have fields of their own, `EARMARK_DANCEABILITY` and so on."""


def lacking(columns: Iterable[str], fields: Iterable[str]) -> dict[str, str]:
    """Tell which fields cannot be written from columns, and which set of descriptors has those.

    Parameters
    ----------
    columns : iterable of str
        Of a table.
    fields : iterable of str
        Of `FIELDS`.

    Examples
    --------
    >>> lacking(["path", "genre", "tempo"], ["genre", "bpm", "key", "mood", "replaygain"])
    {'key': 'default', 'mood': 'default+musicnn', 'replaygain': 'loudness'}
    """
    held = set(columns)
    words = "tags" in held or not held.isdisjoint(sound_tags.of_columns())
    enough = {
        "genre": ("genre" in held, "default+musicnn"),
        "bpm": ("tempo" in held, "default"),
        "key": ({"key", "mode"} <= held, "default"),
        "energy": ("energy" in held, "default"),
        "mood": (words, "default+musicnn"),
        "replaygain": ({"loudness", "true_peak"} <= held, "loudness"),
        "values": (not held.isdisjoint(SPOTIFY), "default"),
        "tags": (words, "default+musicnn"),
    }
    return {field: enough[field][1] for field in fields if not enough[field][0]}


@dataclass(frozen=True)
class Wanted:
    """Which fields are written, and how.

    Parameters
    ----------
    fields : tuple of str
        Of `FIELDS`.
    at_least : float
        Genres that are less probable are not written.
    notation : {"musical", "camelot", "openkey"}
        How keys are written.
    tempo_range : tuple of float, optional
        Between which tempi are halved or doubled (`in_range`).
    names : mapping of str to str
        What genres are called, by `earmark.classify.dataset.genres.key` of each.
    """

    fields: tuple[str, ...] = USUAL
    at_least: float = 0.0
    notation: Notation = "musical"
    tempo_range: tuple[float, float] | None = None
    names: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in self.fields:
            if name not in FIELDS:
                raise SettingsError(
                    f"no tag {name!r} can be written; choose from {', '.join(FIELDS)}"
                )
        if not 0 <= self.at_least <= 1:
            raise SettingsError(f"min_probability = {self.at_least:g}: between 0 and 1")
        if self.notation not in get_args(Notation):
            raise SettingsError(
                f"keys are not written as {self.notation!r}; choose from "
                f"{', '.join(get_args(Notation))}"
            )


def of_track(row: Mapping[str, object], wanted: Wanted) -> dict[str, list[str]]:
    """Return the values of a track by field; what is not known is not there.

    ReplayGain is none of them (`gains`).

    Parameters
    ----------
    row : mapping of str to object
        Of predictions (``genre``, ``probability``, ``tags``) or of a feature table.
    wanted : Wanted
        Which fields, and how.
    """
    found: dict[str, list[str]] = {}
    genre = row.get("genre")
    if isinstance(genre, str) and genre.strip():
        chance = number(row.get("probability", 1.0))
        if chance is not None and chance >= wanted.at_least:
            found["genre"] = [wanted.names.get(genres.key(genre), genre)]
    tempo = number(row.get("tempo"))
    if tempo is not None and tempo > 0:
        if wanted.tempo_range is not None:
            tempo = in_range(tempo, *wanted.tempo_range)
        found["bpm"] = [f"{tempo:.0f}"]
    key, mode = number(row.get("key")), number(row.get("mode"))
    if key is not None and mode is not None and (name := key_name(key, mode, wanted.notation)):
        found["key"] = [name]
    energy = number(row.get("energy"))
    if energy is not None and 0 <= energy <= 1:
        found["energy"] = [str(max(1, round(10 * energy)))]
    words = _words(row)
    moods = list(dict.fromkeys(MOODS[word] for word in words if word in MOODS))
    found["mood"] = moods[:MOST_MOODS]
    found["earmark_tags"] = words
    chosen = {name for name in wanted.fields if name in found}
    if "tags" in wanted.fields:
        chosen.add("earmark_tags")
    if "values" in wanted.fields:
        for name in SPOTIFY:
            value = number(row.get(name))
            if value is not None:
                found[f"earmark_{name}"] = [f"{value:.3f}"]
                chosen.add(f"earmark_{name}")
    return {name: values for name, values in found.items() if values and name in chosen}


def _words(row: Mapping[str, object]) -> list[str]:
    """Return the words of listeners, the strongest first."""
    named = row.get("tags")
    if isinstance(named, str):
        return [word.strip() for word in named.split(sound_tags.SEPARATOR.strip()) if word.strip()]
    own = {name: row[name] for name in sound_tags.of_columns() if name in row}
    if not own:
        return []
    return [tag for tag, _ in sound_tags.strongest(pd.Series(own), top=len(own))]


def gains(
    loudness: float, peak: float, album: tuple[float, float] | None = None
) -> dict[str, list[str]]:
    """Return the fields of ReplayGain 2.0 of a track, and those that Opus has instead.

    Parameters
    ----------
    loudness, peak : float
        LUFS, and dB of the true peak over full scale.
    album : tuple of float, optional
        The same of its album.

    Examples
    --------
    >>> found = gains(-10.0, -0.5)
    >>> found["replaygain_track_gain"], found["r128_track_gain"]
    (['-8.00 dB'], ['-3328'])
    """
    found = {}
    for name, pair in (("track", (loudness, peak)), ("album", album)):
        if pair is None or not all(map(math.isfinite, pair)):
            continue
        level, top = pair
        found[f"replaygain_{name}_gain"] = [f"{REFERENCE - level:.2f} dB"]
        found[f"replaygain_{name}_peak"] = [f"{10 ** (top / 20):.6f}"]
        steps = round(256 * (REFERENCE_OPUS - level))
        found[f"r128_{name}_gain"] = [str(min(max(steps, -32768), 32767))]
    return found


def album_loudness(tracks: Iterable[tuple[float, float]]) -> float:
    """Return the loudness of tracks one after the other, from the loudness and length of each.

    What the gate of ITU-R BS.1770 does is done for whole tracks: those that are more than 10 LU
    below the others do not count.

    Examples
    --------
    >>> round(album_loudness([(-10.0, 60), (-10.0, 120), (-40.0, 300)]), 2)
    -10.0
    """
    known = [(level, length) for level, length in tracks if math.isfinite(level) and length > 0]
    if not known:
        return math.nan
    gate = _mean(known) - 10
    return _mean([(level, length) for level, length in known if level > gate])


def _mean(tracks: list[tuple[float, float]]) -> float:
    total = sum(length for _, length in tracks)
    return 10 * math.log10(sum(length * 10 ** (level / 10) for level, length in tracks) / total)


def genre_names(named: str | Path) -> dict[str, str]:
    """Read what genres are called, by `earmark.classify.dataset.genres.key` of each.

    Parameters
    ----------
    named : str or Path
        A list that ships, one of `GENRE_NAMES`, or a TOML file with a table ``[genres]``.

    Raises
    ------
    SettingsError
        There is no such file, or it holds something else.
    """
    if str(named) in GENRE_NAMES:
        text = (resources.files(__package__) / "genre_names" / f"{named}.toml").read_text("utf-8")
    else:
        try:
            text = Path(named).read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "is no text in UTF-8"
            raise SettingsError(
                f"{named}: cannot be read ({reason}); name a TOML file, or one of "
                f"{', '.join(GENRE_NAMES)}"
            ) from error
    try:
        table = tomllib.loads(text).get("genres")
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{named}: is no TOML ({error})") from error
    if not isinstance(table, dict) or not all(
        isinstance(name, str) and name.strip() for name in table.values()
    ):
        raise SettingsError(
            f'{named}: has no table [genres] with lines such as hiphop = "Hip-Hop/Rap"'
        )
    return {genres.key(genre): name for genre, name in table.items()}


def number(value: object) -> float | None:
    """Return a number; None where there is none."""
    try:
        found = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None
    return found if math.isfinite(found) else None
