"""An order in which a DJ would play tracks: tempos that meet, keys that agree.

Keys are laid on the wheel that DJ programs call Camelot: 1 to 12 round the circle of fifths, A for
minor and B for major, so that a key agrees with its neighbours on the wheel (a fifth away) and with
the other letter of its number (the relative key). A step of the wheel costs as much as a tempo that
is three percent away; half and double tempo are the same.

The order goes from each track to the cheapest that is left, and is then mended: a stretch that is
cheaper the other way round is turned (2-opt). The tempos and keys of a library are few: tracks of
one key, within one percent of one tempo, are one stop, and the time depends on the stops alone.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

__all__ = ["cost", "harmonic", "order", "wheel"]

Doubles = NDArray[np.float64]

PITCH = 0.03
"""The share of the tempo that costs as much as a step of the wheel."""

STOP = 0.01
"""The share of the tempo within which tracks are one stop."""

FURTHEST = 7.0
"""What a step costs of which the key, or the tempo, is not known: as much as any other."""

MENDED = 600
"""Stops up to which stretches are turned; beyond, it would take long and help little."""


def wheel(key: Doubles, mode: Doubles) -> Doubles:
    """Return where keys lie: 0 to 11 round the circle of fifths, and 0 for minor, 1 for major.

    Parameters
    ----------
    key, mode : ndarray of shape (tracks,)
        Pitch class, and 1 for major.

    Returns
    -------
    ndarray of shape (tracks, 2)
        NaN where the key is not known.
    """
    known = np.isin(key, range(12)) & np.isin(mode, (0, 1))
    # The relative major lies three semitones above a minor key, and C major at 8.
    major = np.where(known, key + 3 * (mode == 0), 0) % 12
    place = (7 * major + 7) % 12
    return np.column_stack([np.where(known, place, np.nan), np.where(known, mode, np.nan)])


def cost(tempo: Doubles, place: Doubles, other_tempo: Doubles, other_place: Doubles) -> Doubles:
    """Return what it costs to go from one track to another.

    Parameters
    ----------
    tempo, other_tempo : ndarray
        In BPM.
    place, other_place : ndarray of shape (..., 2)
        As `wheel` gives them.
    """
    turned = np.abs(place[..., 0] - other_place[..., 0])
    steps = np.minimum(turned, 12 - turned) + (place[..., 1] != other_place[..., 1])
    octaves = np.log2(tempo) - np.log2(other_tempo)
    apart = np.abs(octaves - np.rint(octaves)) / np.log2(1 + PITCH)
    found: Doubles = np.nan_to_num(steps, nan=FURTHEST) + np.nan_to_num(
        np.minimum(apart, FURTHEST), nan=FURTHEST
    )
    return found


def harmonic(place: Doubles, other: Doubles) -> NDArray[np.bool_]:
    """Tell whether two keys are the same, or neighbours on the wheel."""
    still = np.ones(np.shape(place)[:-1])
    agree: NDArray[np.bool_] = cost(still, place, still, other) <= 1
    return agree


def order(
    tempo: Doubles, key: Doubles, mode: Doubles, start: int | None = None
) -> NDArray[np.int64]:
    """Return an order in which tracks can be mixed.

    Parameters
    ----------
    tempo, key, mode : ndarray of shape (tracks,)
        As in a feature table; what is not known is NaN.
    start : int, optional
        The track to begin with; by default the slowest.

    Returns
    -------
    ndarray of shape (tracks,)
        Each row once. Tracks of one stop stay in the order in which they were given; those of which
        neither is known come last.
    """
    tempo = np.where(np.isfinite(tempo) & (tempo > 0), tempo, np.nan)
    place = wheel(key, mode)
    told = np.flatnonzero(np.isfinite(tempo) | np.isfinite(place[:, 0]))
    if start is not None:
        told = np.union1d(told, [start])
    silent = np.setdiff1d(np.arange(len(tempo)), told)
    found = told
    if len(told):
        band = np.rint(np.log(tempo[told]) / np.log(1 + STOP))
        stops = pd.DataFrame({"band": band, "fifth": place[told, 0], "mode": place[told, 1]})
        codes, _ = pd.factorize(pd.MultiIndex.from_frame(stops.fillna(-1)))
        firsts = told[np.unique(codes, return_index=True)[1]]
        slowest = int(np.argmin(np.nan_to_num(tempo[firsts], nan=np.inf)))
        begin = slowest if start is None else int(codes[told == start][0])
        tour = _greedy(tempo[firsts], place[firsts], begin)
        if len(tour) <= MENDED:
            tour = _mended(tour, tempo[firsts], place[firsts])
        rank = np.empty(len(tour), np.int64)
        rank[tour] = np.arange(len(tour))
        found = told[np.argsort(rank[codes], kind="stable")]
    found = np.concatenate([found, silent])
    if start is not None:
        found = np.concatenate([[start], found[found != start]])
    return found


def _greedy(tempos: Doubles, places: Doubles, begin: int) -> NDArray[np.int64]:
    count = len(tempos)
    left = np.ones(count, bool)
    tour = np.empty(count, np.int64)
    here = begin
    for step in range(count):
        tour[step] = here
        left[here] = False
        if step < count - 1:
            prices = cost(tempos[here], places[here], tempos, places)
            here = int(np.argmin(np.where(left, prices, np.inf)))
    return tour


def _mended(tour: NDArray[np.int64], tempos: Doubles, places: Doubles) -> NDArray[np.int64]:
    """Turn stretches as long as that makes the order cheaper; its first stop stays."""
    t, p = tempos[tour], places[tour]
    prices = cost(t[:, None], p[:, None], t[None], p[None])
    found = np.arange(len(tour))
    # What comes after the last costs nothing, from wherever.
    prices = np.pad(prices, ((0, 1), (0, 1)))
    better = True
    while better:
        better = False
        for i in range(1, len(found) - 1):
            ends = np.arange(i + 1, len(found))
            after = np.append(found[i + 2 :], len(found))
            gain = (
                prices[found[i - 1], found[i]]
                + prices[found[ends], after]
                - prices[found[i - 1], found[ends]]
                - prices[found[i], after]
            )
            best = int(np.argmax(gain))
            if gain[best] > 1e-9:
                end = ends[best] + 1
                found[i:end] = found[i:end][::-1].copy()
                better = True
    mended: NDArray[np.int64] = tour[found]
    return mended
