"""Which of many sounds may be one recording: those that have words in common, at one offset.

The 32 bits of a frame (`earmark.classify.library.fingerprint`) are a word. An edit of a recording
keeps some words as they are, and different recordings share hardly any: of 336 real tracks two
different ones have 0.01 words in common on average and never three at one offset, a recording and
one of its edits 20 at the least. So all words are sorted once, and only sounds that lie beside each
other there are looked at: time and memory grow with how much there is to hear, not with the number
of pairs (as in section 5 of Haitsma and Kalker's paper).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Sequence

    from earmark.classify.library.fingerprint import Fingerprint

__all__ = ["pairs"]

Ints = NDArray[np.int64]

SHARED = 3
"""Words that two sounds share at one offset, at the least."""

SLOT = 8
"""Frames within which an offset is one: a word lasts for some."""

MOST = 60_000_000
"""Words that are sorted: of more, every second, third … is left out, the same in every sound."""

BESIDE = 8
"""Sounds with the same word with which one is paired; the others are reached through these."""

SCATTERED = np.uint32(2654435761)
"""Knuth's multiplier: which words are left out has nothing to do with what they say."""


def pairs(prints: Sequence[Fingerprint | None]) -> Ints:
    """Return the pairs of sounds that may be one recording.

    Parameters
    ----------
    prints : sequence of Fingerprint
        None for a sound that is not known.

    Returns
    -------
    ndarray of shape (pairs, 2)
        Positions, the lower first, each pair once. Sounds of one recording are connected by them,
        but not each with each.
    """
    total = sum(len(each.words) for each in prints if each is not None)
    words, starts = _sorted(prints, max(1, -(-total // MOST)))
    found = [np.empty(0, np.int64)]
    span = int(np.diff(starts).max(initial=0)) + 1
    for step in range(1, BESIDE + 1):
        same = np.flatnonzero(words[step:] >> np.uint64(32) == words[:-step] >> np.uint64(32))
        if not len(same):
            break
        one, other = (
            (words[places] & np.uint64(0xFFFFFFFF)).astype(np.int64)
            for places in (same, same + step)
        )
        a, b = (np.searchsorted(starts, slots, "right") - 1 for slots in (one, other))
        # Slots rise with the sounds: the lower one comes first.
        offsets = (other - starts[b]) - (one - starts[a]) + span
        found.append(((a * len(prints) + b) * 2 * span + offsets)[a != b])
    hits, counts = np.unique(np.concatenate(found), return_counts=True)
    # An offset may lie between two slots.
    following = np.zeros(len(hits), np.int64)
    following[:-1] = np.where(np.diff(hits) == 1, counts[1:], 0)
    sharing = np.unique(hits[counts + following >= SHARED] // (2 * span))
    return np.column_stack(np.divmod(sharing, max(len(prints), 1)))


def _sorted(prints: Sequence[Fingerprint | None], share: int) -> tuple[NDArray[np.uint64], Ints]:
    """Return words with where they are first heard, sorted, and where each sound begins.

    The upper half of each number is the word, the lower one the slot, counted through all sounds.
    """
    starts = np.zeros(len(prints) + 1, np.int64)
    parts = [np.empty(0, np.uint64)]
    limit = np.uint32(0xFFFFFFFF // share)
    for number, each in enumerate(prints):
        slots = 0
        if each is not None:
            words, frames = np.unique(each.words, return_index=True)
            kept = each.sounding[frames] & (words * SCATTERED <= limit)
            slots = len(each.words) // SLOT + 1
            place = (frames[kept] // SLOT + starts[number]).astype(np.uint64)
            parts.append(words[kept].astype(np.uint64) << np.uint64(32) | place)
        starts[number + 1] = starts[number] + slots
    every = np.concatenate(parts)
    every.sort()
    return every, starts
