"""How keys are written: in letters, on Camelot's wheel, and in Open Key notation.

A table has numbers for key and mode; the names follow from them, and stand in a column of their own
where they are asked for.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal

from earmark.extract.errors import SchemaError, SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pandas as pd

__all__ = [
    "COLUMN",
    "Notation",
    "camelot",
    "check_named",
    "compatible",
    "key_name",
    "of_tracks",
    "parse_key",
    "with_names",
]

Notation = Literal["musical", "camelot", "openkey"]

COLUMN = "key_name"
"""The column of names, right after `mode`."""

TONICS = (
    ("C", "C#", "D", "Eb", "E", "F", "F#", "G", "G#", "A", "Bb", "B"),
    ("C", "Db", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B"),
)
"""The twelve tonics as they are written most in minor, and in major."""

LETTERS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}

ACCIDENTALS = {"": 0, "#": 1, "♯": 1, "b": -1, "♭": -1}

CODE = re.compile(r"(1[0-2]|[1-9])([AB])", re.IGNORECASE)


def key_name(key: float, mode: float, notation: Notation = "musical") -> str:
    """Return the name of a key; empty where key or mode is unknown.

    Parameters
    ----------
    key : float
        Pitch class, C being 0; -1 and NaN are no key.
    mode : float
        1 for major, 0 for minor.
    notation : {"musical", "camelot", "openkey"}
        Both wheels count in fifths; a minor key has the number of its relative major. C major is
        8B on Camelot's, and 1d in Open Key notation.

    Examples
    --------
    >>> key_name(9, 0), key_name(9, 0, "camelot"), key_name(9, 0, "openkey"), key_name(-1, 1)
    ('Am', '8A', '1m', '')
    """
    if not (key in range(12) and mode in (0, 1)):
        return ""
    pitch, major = int(key), bool(mode == 1)
    if notation == "musical":
        return TONICS[major][pitch] + ("" if major else "m")
    fifths = 7 * (pitch if major else pitch + 3) % 12
    if notation == "openkey":
        return f"{fifths + 1}{'d' if major else 'm'}"
    return f"{(fifths + 7) % 12 + 1}{'B' if major else 'A'}"


def check_named(columns: Iterable[str], where: str) -> None:
    """Refuse to name keys in a table that has none.

    Raises
    ------
    SettingsError
        Key or mode is not among the columns.
    """
    missing = [name for name in ("key", "mode") if name not in [*columns]]
    if missing:
        raise SettingsError(
            f"{where}: has no column {' and no '.join(missing)}, so there is no key to name; the "
            "sets default and spotify have both"
        )


def with_names(table: pd.DataFrame, notation: Notation) -> pd.DataFrame:
    """Return a table with the names of its keys after `mode`, whatever stood there.

    Examples
    --------
    >>> import pandas as pd
    >>> table = pd.DataFrame({"key": [9, -1], "mode": [0, 1], "tempo": [120, 90]})
    >>> with_names(table, "camelot")
       key  mode key_name  tempo
    0    9     0       8A    120
    1   -1     1      NaN     90
    """
    import pandas as pd

    plain = table.drop(columns=COLUMN, errors="ignore")
    pairs = zip(plain["key"], plain["mode"], strict=True)
    names = [key_name(*pair, notation) or None for pair in pairs]
    at = plain.columns.tolist().index("mode") + 1
    column = pd.Series(names, plain.index, "str", COLUMN)
    return pd.concat([plain.iloc[:, :at], column, plain.iloc[:, at:]], axis=1)


def of_tracks(rows: pd.DataFrame, notation: Notation) -> dict[str, str]:
    """Return the names of the keys of tracks, by path; of windows the surest key counts most.

    Examples
    --------
    >>> import pandas as pd
    >>> rows = pd.DataFrame({"path": ["a", "a", "b"], "key": [0, 9, -1], "mode": [1, 0, 0]})
    >>> of_tracks(rows.assign(key_confidence=[0.4, 0.9, 0]), "musical")
    {'a': 'Am'}
    """
    votes: dict[str, dict[str, float]] = {}
    sure = rows["key_confidence"] if "key_confidence" in rows else [1.0] * len(rows)
    for path, key, mode, vote in zip(rows["path"], rows["key"], rows["mode"], sure, strict=True):
        if name := key_name(key, mode, notation):
            of_path = votes.setdefault(str(path), {})
            of_path[name] = of_path.get(name, 0.0) + vote
    return {path: max(of_path, key=of_path.__getitem__) for path, of_path in votes.items()}


def camelot(key: float, mode: float) -> str:
    """Return the place of a key on Camelot's wheel, by which DJs find what mixes.

    Examples
    --------
    >>> [camelot(0, 1), camelot(9, 0), camelot(7, 1), camelot(-1, 1)]
    ['8B', '8A', '9B', '']
    """
    return key_name(key, mode, "camelot")


def compatible(one: str, other: str) -> bool:
    """Tell whether two keys on the wheel mix: the same, a fifth apart, or with the same notes.

    Examples
    --------
    >>> [compatible("8A", other) for other in ("8A", "7A", "9A", "8B", "9B", "")]
    [True, True, True, True, False, False]
    """
    if not one or not other:
        return False
    apart = abs(int(one[:-1]) - int(other[:-1])) % 12
    return apart == 0 or (one[-1] == other[-1] and apart in (1, 11))


def parse_key(text: str) -> tuple[int, int]:
    """Return key and mode that a name or a code of Camelot's says.

    Raises
    ------
    SchemaError
        It is neither.

    Examples
    --------
    >>> parse_key("8A"), parse_key("F#m"), parse_key("Bb")
    ((9, 0), (6, 0), (10, 1))
    """
    plain = text.strip()
    if found := CODE.fullmatch(plain):
        mode = int(found[2].upper() == "B")
        major = (int(found[1]) - 8) * 7 % 12
        return (major - 3 * (mode == 0)) % 12, mode
    name, minor = (plain[:-1], True) if plain[-1:] == "m" else (plain, False)
    if name[:1].upper() in LETTERS and name[1:] in ACCIDENTALS:
        return (LETTERS[name[0].upper()] + ACCIDENTALS[name[1:]]) % 12, int(not minor)
    raise SchemaError(f"{text!r} is no key: write it like 8A, or like F#m and Bb")
