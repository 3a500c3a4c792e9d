"""Keys on Camelot's wheel, by which DJs find what mixes: 8B is C major, 8A is A minor."""

from __future__ import annotations

import math

__all__ = ["camelot", "compatible"]


def camelot(key: float, mode: float) -> str:
    """Return the place of a key on the wheel; empty where key or mode is unknown.

    Parameters
    ----------
    key : float
        Pitch class, C being 0; -1 and NaN are no key.
    mode : float
        1 for major, 0 for minor.

    Examples
    --------
    >>> [camelot(0, 1), camelot(9, 0), camelot(7, 1), camelot(-1, 1)]
    ['8B', '8A', '9B', '']
    """
    if not (math.isfinite(key) and math.isfinite(mode) and 0 <= key < 12):
        return ""
    # A minor key stands beside the major key of the same notes, and a fifth up is one further.
    major = int(key) if mode else int(key) + 3
    return f"{(7 * major + 7) % 12 + 1}{'B' if mode else 'A'}"


def compatible(one: str, other: str) -> bool:
    """Tell whether two keys mix: the same, a fifth apart, or with the same notes.

    Examples
    --------
    >>> [compatible("8A", other) for other in ("8A", "7A", "9A", "8B", "9B", "")]
    [True, True, True, True, False, False]
    """
    if not one or not other:
        return False
    apart = abs(int(one[:-1]) - int(other[:-1])) % 12
    return apart == 0 or (one[-1] == other[-1] and apart in (1, 11))
