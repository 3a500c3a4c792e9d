"""Why a genre, in words: what speaks for it and against it, by families of descriptors.

A model looks at hundreds of columns, most of which have no name that a listener would give them. A
family (timbre, rhythm, harmony …) is said to speak for a genre by the sum of what its columns add.
What is said of it are words that its columns declare (`earmark.extract.engine.registry`), by how
the track compares with the music that the model was trained on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from earmark.classify import sound_tags
from earmark.classify.model import genre_profiles
from earmark.classify.model.linear import widths
from earmark.extract.engine import registry

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from earmark.classify.model.bundle import Bundle
    from earmark.extract.engine.registry import Words

__all__ = ["COLUMNS", "by_family", "family_of", "told", "usual"]

COLUMNS = ["path", "genre", "family", "words", "contribution"]

QUARTILES = 1.349
"""Standard deviations between the quartiles of a normal distribution."""

NOTABLE = 0.5
"""Standard deviations from the usual value from which on a listener may be told of it."""

MOST = 2
"""Comparisons that are made of a family; more would not be read."""

LEARNED = "sounds like"
"""The family whose words are tags."""

RHYTHM, TEMPO = "rhythm", "tempo"
"""The family beside whose words the tempo stands, and its column."""

UNKNOWN: Words = ("lower", "higher")
"""What is said of a column that nobody declared, such as popularity."""

SLIGHT = 0.1
"""Share of the strongest family's contribution below which one is not worth telling."""


def family_of(column: str) -> str:
    """Return the family that a column belongs to; one that nobody declared is its own.

    Examples
    --------
    >>> [family_of(name) for name in ("mfcc_03_std", "tempo", "tag_rock", "popularity")]
    ['timbre', 'rhythm', 'sounds like', 'popularity']
    """
    entry = registry.of_column(column)
    return entry.family if entry else column


def usual(bundle: Bundle) -> pd.DataFrame:
    """Return what the inputs of a model measure in the music that it was trained on.

    Parameters
    ----------
    bundle : Bundle
        The model. Its linear part knows mean and deviation of every input; one without has the
        quartiles of Spotify's columns.

    Returns
    -------
    DataFrame
        ``middle`` and ``spread`` by input; NaN where the model does not know, and for categories.
    """
    found = pd.DataFrame({"middle": np.nan, "spread": np.nan}, index=bundle.inputs)
    if (linear := bundle.ensemble.linear) is not None:
        sizes = np.array(widths(linear.categories))
        numbers = np.array([own is None for own in linear.categories])
        places = (np.cumsum(sizes) - sizes)[numbers]
        found.loc[numbers, "middle"] = linear.mean[places]
        found.loc[numbers, "spread"] = linear.scale[places]
        return found
    for name, (low, middle, high) in genre_profiles.overall(bundle.typical).items():
        if name in found.index and name not in bundle.categories:
            found.loc[name] = middle, (high - low) / QUARTILES
    return found


def by_family(
    contributions: pd.DataFrame,
    values: pd.DataFrame,
    genres: Mapping[str, str],
    normal: pd.DataFrame,
    tags: pd.DataFrame,
) -> pd.DataFrame:
    """Sum contributions up by family, and put each in words.

    Parameters
    ----------
    contributions, values : DataFrame of shape (tracks, inputs)
        What each column adds to the log-odds of the track's genre, and the columns themselves.
    genres : mapping of str to str
        The genre of each track, by path.
    normal : DataFrame of shape (inputs, 2)
        From `usual`.
    tags : DataFrame of shape (tracks, tags)
        Tags of the tracks; without columns where the table has none.

    Returns
    -------
    DataFrame
        ``path``, ``genre``, ``family``, ``words`` (empty where there is nothing to say that a
        listener would understand) and ``contribution``; for each track the strongest family for
        its genre first, the strongest against it last.
    """
    families = [family_of(name) for name in contributions.columns]
    summed = contributions.T.groupby(families).sum().T
    qualities = _qualities(contributions.columns)
    away = (values - normal["middle"]) / normal["spread"].where(normal["spread"] > 0)
    rows = []
    for path in contributions.index:
        of_track = summed.loc[path].sort_values(ascending=False, kind="stable")
        for family, added in of_track[of_track != 0].items():
            if family == LEARNED:
                heard = tags.loc[path] if path in tags.index else pd.Series(dtype=float)
                words = _alike(heard, contributions.loc[path], normal["middle"], added)
                words = words or f"{'other' if added > 0 else 'no other'} {genres[path]}"
            else:
                own = [quality for quality in qualities if quality.family == family]
                words = _compared(
                    own, contributions.loc[path], values.loc[path], away.loc[path], added
                )
                tempo = values.loc[path].get(TEMPO, np.nan)
                if words and family == RHYTHM and np.isfinite(tempo):
                    words += f" ({tempo:.0f} BPM)"
            rows.append((path, genres[path], family, words, added))
    return pd.DataFrame(rows, columns=COLUMNS)


@dataclass
class _Quality:
    """Something that a listener may say of a track, and the columns that tell it.

    Parameters
    ----------
    family : str
        The family of the columns.
    words : tuple of str or mapping of float to str
        As a descriptor declares them.
    columns : dict of str to int
        1 for a column that is high where the second word holds, -1 where the first does.
    """

    family: str
    words: Words
    columns: dict[str, int]


def _qualities(columns: Iterable[str]) -> list[_Quality]:
    """Return what may be said of columns; those of the same two words say the same."""
    found: dict[tuple[object, ...], _Quality] = {}
    for name in columns:
        entry = registry.of_column(name)
        words = entry.says(name) if entry else UNKNOWN
        if words is None:
            continue
        family = entry.family if entry else name
        alike = frozenset(words) if isinstance(words, tuple) else name
        quality = found.setdefault((family, alike), _Quality(family, words, {}))
        quality.columns[name] = 1 if words == quality.words else -1
    return list(found.values())


def _compared(
    qualities: Sequence[_Quality],
    contributions: pd.Series,
    values: pd.Series,
    away: pd.Series,
    added: float,
) -> str:
    """Say how a track compares with others, as far as that speaks the way the family does."""
    states: list[tuple[float, str]] = []
    comparisons: list[tuple[float, str]] = []
    for quality in qualities:
        names = list(quality.columns)
        strength = float(contributions[names].sum() * np.sign(added))
        if not strength > 0:
            continue
        if isinstance(quality.words, tuple):
            signs = np.array(list(quality.columns.values()))
            distances = away[names].to_numpy(float) * signs
            known = distances[np.isfinite(distances)]
            distance = known.mean() if len(known) else 0.0
            word = quality.words[int(distance > 0)]
            if word and abs(distance) >= NOTABLE:
                comparisons.append((strength, word))
        elif (state := quality.words.get(float(values[names[0]]))) is not None:
            states.append((strength, state))
    said = [word for _, word in sorted(states, reverse=True)]
    compared = [word for _, word in sorted(comparisons, reverse=True)[:MOST]]
    if compared:
        said.insert(0, f"{' and '.join(compared)} than usual")
    return ", ".join(said)


def _alike(tags: pd.Series, contributions: pd.Series, middle: pd.Series, added: float) -> str:
    """Name the strongest tags, of those that are stronger than usual and speak as the family does.

    Of tags that the model does not look at neither is known: the strongest are named.
    """
    speaking = contributions.reindex(tags.index) * np.sign(added)
    chosen = ~(speaking < 0) & ~(tags < middle.reindex(tags.index))
    return ", ".join(tag for tag, _ in sound_tags.strongest(tags[chosen], 3))


def told(reasons: pd.DataFrame, sign: int, top: int = 4) -> list[str]:
    """Return the families that spoke for a track's genre or against it, each in words.

    Parameters
    ----------
    reasons : DataFrame
        The rows of one track, from `by_family`.
    sign : {1, -1}
        For or against.
    top : int
        How many to tell; what is slight beside the strongest is left out.

    Examples
    --------
    >>> rows = [("a.mp3", "jazz", "timbre", "darker than usual", 0.9), ("", "", "voice", "", 0.2)]
    >>> told(pd.DataFrame(rows, columns=COLUMNS), 1)
    ['timbre: darker than usual', 'voice']
    """
    strengths = sign * reasons["contribution"]
    worth = strengths[strengths >= SLIGHT * strengths.abs().max()]
    chosen = reasons.loc[worth.sort_values(ascending=False, kind="stable").index[:top]]
    return [
        f"{family}: {words}" if words else str(family)
        for family, words in zip(chosen["family"], chosen["words"], strict=True)
    ]
