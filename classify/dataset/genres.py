"""Genres as people write them: lists of several, spellings of one, and words for none.

What differs in nothing but case, hyphens and spaces is one genre: ``Hip-Hop``, ``hip hop`` and
``HIPHOP``. Of a list (``Rock; Pop``, ``Rock/Pop``, ``Rock, Pop``) the first genre counts.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Literal

from earmark.extract.errors import LabelError

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pandas as pd

__all__ = ["RULES", "SEVERAL", "Rule", "key", "read", "single"]

Rule = Literal["first", "last", "whole"]

RULES: tuple[Rule, ...] = ("first", "last", "whole")
"""Which genre of a list counts; ``whole`` takes the list for the name of one genre."""

SEVERAL = "\0"
"""What stands between the values of a tag that has several."""

SURE = re.compile(r"[;|\0\r\n]|\\\\")
UNSURE = re.compile(r"[,/]")
"""What stands between the genres of a list; the latter also within words for none (``N/A``)."""

JOINING = re.compile(r"[\s_\-\u2010-\u2015\u2212]+")
"""Hyphens and spaces."""

NUMBER = re.compile(r"[+-]?[\d.]+")

NONE = frozenset(
    (
        *("", "na", "nan", "null", "unknown", "unknowngenre", "other", "others", "undefined"),
        *("unclassified", "uncategorized", "uncategorised", "untagged", "notavailable", "nogenre"),
        *("misc", "miscellaneous"),
    )
)
"""What stands in the place of a genre, without its signs, where there is none."""

SHOWN = 5
"""Genres that a note names."""


def key(genre: str) -> str:
    """Return what all spellings of a genre have in common.

    Examples
    --------
    >>> {key(genre) for genre in ("Hip-Hop", "hip hop", "HIPHOP", "Hip\u2010Hop ")}
    {'hiphop'}
    """
    plain = unicodedata.normalize("NFKC", genre).casefold().strip()
    return plain if NUMBER.fullmatch(plain) else JOINING.sub("", plain)


def single(text: str, rule: Rule = "first") -> str | None:
    """Return the genre that a label stands for; None where it is none.

    Examples
    --------
    >>> single("Rock; Pop"), single("R&B/Soul"), single("Unknown, Jazz"), single("Rock/Pop", "last")
    ('Rock', 'R&B', 'Jazz', 'Pop')
    >>> single("N/A"), single("?"), single(" Other ")
    (None, None, None)
    """
    if _is_none(text):
        return None
    if rule == "whole":
        return text.replace(SEVERAL, "; ").strip()
    parts = [
        part.strip()
        for several in SURE.split(text)
        if not _is_none(several)
        for part in UNSURE.split(several)
        if not _is_none(part)
    ]
    return (parts[0] if rule == "first" else parts[-1]) if parts else None


def read(
    labels: pd.Series, rule: Rule = "first", spelled: Iterable[str] = ()
) -> tuple[pd.Series, list[str]]:
    """Return the genres that labels stand for, each in one spelling.

    Parameters
    ----------
    labels : Series of str
        As they are written, of one track each; None where there is none.
    rule : {"first", "last", "whole"}
        Which genre of a list counts.
    spelled : iterable of str
        Genres whose spelling is taken, such as those of a model; by default the commonest is.

    Returns
    -------
    genres : Series of str
        None where a label is no genre.
    notes : list of str
        What was merged, cut and left out.

    Raises
    ------
    LabelError
        There is no such rule.

    Examples
    --------
    >>> import pandas as pd
    >>> found, notes = read(pd.Series(["Hip-Hop", "hip hop", "Hip-Hop", "Jazz; Funk", "?"]))
    >>> found.tolist()
    ['Hip-Hop', 'Hip-Hop', 'Hip-Hop', 'Jazz', None]
    >>> notes[0]
    'one genre in several spellings: Hip-Hop (2), hip hop (1)'
    """
    if rule not in RULES:
        raise LabelError(f"there is no rule {rule!r} for lists of genres; {', '.join(RULES)} are")
    written = labels.astype("object").where(labels.notna(), None)
    counts = written.value_counts()
    singles = {text: single(str(text), rule) for text in counts.index}
    chosen = written.map(singles.get, na_action="ignore")
    spellings = chosen.value_counts()
    # The commonest first; of two that are as common, the one that is not all capitals.
    ranked = sorted(spellings.index, key=lambda genre: (-spellings[genre], genre.isupper(), genre))
    kept = {key(genre): genre for genre in reversed(list(dict.fromkeys(spelled)))}
    merged: dict[str, list[str]] = {}
    for genre in ranked:
        merged.setdefault(kept.setdefault(key(genre), genre), []).append(genre)
    genres = chosen.map(lambda genre: kept[key(genre)], na_action="ignore").astype("object")
    notes = []
    several = [
        f"{genre}: " * (genre not in spelt)
        + ", ".join(f"{one} ({spellings[one]})" for one in spelt)
        for genre, spelt in merged.items()
        if spelt != [genre]
    ]
    if several:
        notes.append(f"one genre in several spellings: {_some(several, '; ')}")
    lists = [
        text
        for text in counts.index
        if singles[text] and single(str(text), "whole") != singles[text]
    ]
    if lists:
        shown = _some([repr(str(text).replace(SEVERAL, "; ")) for text in lists])
        notes.append(
            f"{int(counts[lists].sum())} labels are lists ({shown}): their {rule} genre counts; "
            "--genre-list chooses otherwise"
        )
    nothing = [text for text in counts.index if singles[text] is None]
    if nothing:
        shown = _some([repr(str(text)) for text in nothing])
        notes.append(f"{int(counts[nothing].sum())} labels are no genres ({shown})")
    return genres.where(genres.notna(), None), notes


def _is_none(text: str) -> bool:
    return re.sub(r"[\W_]+", "", unicodedata.normalize("NFKC", text).casefold()) in NONE


def _some(texts: list[str], between: str = ", ") -> str:
    return between.join(texts[:SHOWN]) + (f"{between}…" if len(texts) > SHOWN else "")
