"""Sections of a track: parts that sound alike have the same letter.

Moments are compared with each other (a self-similarity matrix). Where a checkerboard laid over its
diagonal fits, what was ends and something else begins (Foote); parts between such places that sound
alike on average are the same. Nothing is learned here, and nothing is known of verses or choruses.

References
----------
Foote, "Automatic audio segmentation using a measure of audio novelty", ICME 2000.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

__all__ = ["LEAST", "Section", "novelty", "sections"]

Floats = NDArray[np.float64]

LEAST = 8.0
"""Seconds of the shortest section."""

REACH = 16.0
"""Seconds that are compared before and after a place."""

SMOOTH = 2.0
"""Seconds over which moments are averaged: a bar or so, so that single strokes do not count."""

NOVEL = 0.65
"""Novelty that a boundary has at least: about 0 where all goes on, 1 and more between two songs."""

ALIKE = 0.3
"""Similarity from which on two sections are the same, 1 being equality."""


@dataclass(frozen=True)
class Section:
    """A part of a track.

    Parameters
    ----------
    start, stop : float
        In seconds.
    label : str
        A letter; parts that sound alike have the same one. "A" is the first.
    """

    start: float
    stop: float
    label: str


def sections(features: Floats, step: float) -> list[Section]:
    """Find the sections of a track.

    Parameters
    ----------
    features : ndarray of shape (moments, features)
        What it sounds like, such as chroma and cepstra.
    step : float
        Seconds from one moment to the next.

    Returns
    -------
    list of Section
        In order; one alone where nothing changes, none of nothing.
    """
    count = len(features)
    if not count:
        return []
    moments = _moments(np.asarray(features, float), step)
    edges = [0, *_peaks(novelty(moments, step), step), count]
    spans = [*pairwise(edges)]
    means = [moments[low:high].mean(axis=0) for low, high in spans]
    found: list[Section] = []
    for (low, high), label in zip(spans, _labels(means, spans), strict=True):
        goes_on = bool(found) and found[-1].label == label
        start = found.pop().start if goes_on else low * step
        found.append(Section(start, high * step, label))
    return found


def novelty(moments: Floats, step: float) -> Floats:
    """Return by how much moments before and after each place differ more than among themselves.

    Parameters
    ----------
    moments : ndarray of shape (moments, features)
        Of length 1 each.
    step : float
        Seconds from one to the next.

    Returns
    -------
    ndarray of shape (moments,)
        0 at the ends, where there is too little to compare.
    """
    count = len(moments)
    reach = max(1, round(REACH / step))
    found = np.zeros(count)
    taper = np.exp(-0.5 * np.square((np.arange(reach) + 0.5) / (0.5 * reach)))
    for place in range(1, count):
        width = min(reach, place, count - place)
        if width * step < LEAST / 2:
            continue
        weights = taper[:width] / taper[:width].sum()
        # The mean over a block of the matrix is the product of two means.
        before = weights[::-1] @ moments[place - width : place]
        after = weights @ moments[place : place + width]
        found[place] = before @ before + after @ after - 2 * before @ after
    return found


def _moments(features: Floats, step: float) -> Floats:
    """Return features of which each counts alike, averaged over a bar or so, of length 1."""
    spread = features.std(axis=0)
    # What hardly moves is not blown up to what does.
    spread = np.maximum(spread, 0.1 * max(float(np.median(spread)), 1e-9))
    standard = (features - features.mean(axis=0)) / spread
    width = min(max(1, round(SMOOTH / step)), len(standard))
    padded = np.pad(standard, ((width // 2, width - 1 - width // 2), (0, 0)), mode="edge")
    means = sliding_window_view(padded, width, axis=0).mean(axis=-1)
    lengths = np.linalg.norm(means, axis=1, keepdims=True)
    units: Floats = means / np.maximum(lengths, 1e-9)
    return units


def _peaks(found: Floats, step: float) -> list[int]:
    """Return the places of highest novelty, none nearer to another than a section is long."""
    least = max(1, round(LEAST / step))
    chosen: list[int] = []
    for place in np.argsort(-found, kind="stable"):
        if found[place] < NOVEL:
            break
        ends = [0, len(found), *chosen]
        if all(abs(int(place) - other) >= least for other in ends):
            chosen.append(int(place))
    return sorted(chosen)


def _labels(means: list[Floats], spans: list[tuple[int, int]]) -> list[str]:
    """Lay parts together whose means are alike, the most similar first, and name them."""
    groups = [[place] for place in range(len(means))]

    def mean(group: list[int]) -> Floats:
        total = sum((spans[place][1] - spans[place][0]) * means[place] for place in group)
        unit: Floats = np.asarray(total) / max(float(np.linalg.norm(total)), 1e-9)
        return unit

    while len(groups) > 1:
        own = np.array([mean(group) for group in groups])
        alike = own @ own.T
        np.fill_diagonal(alike, -1)
        one, other = sorted(divmod(int(alike.argmax()), len(groups)))
        if alike[one, other] < ALIKE:
            break
        groups[one] += groups.pop(other)
    groups.sort(key=min)
    names = {place: _letter(number) for number, group in enumerate(groups) for place in group}
    return [names[place] for place in range(len(means))]


def _letter(number: int) -> str:
    """Return A to Z, then A2, B2 and so on."""
    turn, place = divmod(number, 26)
    return chr(ord("A") + place) + (str(turn + 1) if turn else "")
