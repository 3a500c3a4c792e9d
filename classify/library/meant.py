"""Which track of a table somebody means who names it by path, or by some words of it."""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING

from earmark.classify.dataset import build, labels, names
from earmark.classify.library.words import plain
from earmark.extract.errors import FindError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from earmark.extract.feature_table import FeatureTable

__all__ = ["named", "spoken"]

WORD = re.compile(r"\w+")

SPELLED = 0.75
"""How nearly a word must be spelled as it is (`difflib`)."""

MOST_GUESSED = 1000
"""Tracks that are held against a misspelled name."""


def named(track: str, source: FeatureTable) -> str:
    """Return the path of the track that somebody means.

    It is the path of a track, or the end of one, as `earmark.classify.dataset.names` has it; else
    the words are looked for in path, artist, title and album, and where no track has them all, the
    text that is nearest to them is found (`difflib`), so that a slip of the finger does no harm.

    Raises
    ------
    FindError
        There is no such track, or there are several; the message names the nearest.
    """
    paths = source.paths.drop_duplicates()
    if (found := track if (paths == track).any() else names.Matcher(paths)(track)) is not None:
        return found
    texts = _texts(source.frame.loc[paths.index].assign(path=paths))
    words = spoken(track).split()
    near = [place for place, text in enumerate(texts) if all(word in text for word in words)]
    if not near or not words:
        near = _guessed(" ".join(words), texts)
    shown = "; ".join(build.one_line(paths.iloc[place]) for place in near[:5])
    if not near:
        raise FindError(
            track,
            f"{source.source} has no such track, and there is no such file; check the spelling",
        )
    if len(near) > 1:
        more = f" and {len(near) - 5} more" if len(near) > 5 else ""
        raise FindError(track, f"{source.source} has several such tracks: {shown}{more}; say more")
    return str(paths.iloc[near[0]])


def spoken(text: str) -> str:
    """Return a text as people type it: no capitals, accents or signs between words."""
    return " ".join(WORD.findall(plain(text)))


def _texts(rows: pd.DataFrame) -> list[str]:
    """Return what is known of tracks in words."""
    groups = (["path"], labels.ARTIST_COLUMNS, labels.TITLE_COLUMNS, labels.ALBUM_COLUMNS)
    columns = [name for group in groups for name in group if name in rows]
    parts = zip(*(rows[name].fillna("").astype(str) for name in columns), strict=True)
    return [spoken(" ".join(part)) for part in parts]


def _guessed(track: str, texts: Sequence[str]) -> list[int]:
    """Return the tracks one of whose texts holds words nearly like those that were typed."""
    wanted = track.split()
    if not wanted:
        return []
    spelled = sorted({word for text in texts for word in text.split()})
    alike = [set(difflib.get_close_matches(word, spelled, 20, SPELLED)) for word in wanted]
    if not all(alike):
        return []
    held = [set(text.split()) for text in texts]
    found = [place for place, own in enumerate(held) if all(own & each for each in alike)]

    def fit(place: int) -> float:
        return sum(
            max(difflib.SequenceMatcher(None, word, other).ratio() for other in held[place] & each)
            for word, each in zip(wanted, alike, strict=True)
        )

    fits = [fit(place) for place in found[:MOST_GUESSED]]
    return [place for place, own in zip(found, fits, strict=False) if own >= max(fits) - 1e-9]
