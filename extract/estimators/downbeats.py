"""Which of the beats begin a bar: where the bass sounds, the harmony and the sound change.

A weighted sum of what distinguishes a beat from the others of the track, averaged over the beats of
each place in the bar. The weights (`downbeats.json`, by `fit_downbeats.py`) are those of a
conditional logit, fitted to downbeats that people annotated.

References
----------
Durand, Bello, David and Richard, "Downbeat tracking with multiple features and deep neural
networks", ICASSP 2015. Davies and Plumbley, "A spectral difference approach to downbeat extraction
in musical audio", EUSIPCO 2006.
"""

from __future__ import annotations

import json
from functools import lru_cache
from importlib import resources
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Heard", "first", "marks", "places", "weights"]

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
Indices = NDArray[np.int64]

REACHES = (1, 2, 4)
"""Beats before and after one that are compared with each other."""

QUIETEST = 60.0
"""Decibels below the loudest at which a band counts as silent."""

MOST = 3.0
"""Deviations beyond which a beat stands out no more."""

BASS = 8
"""Mel bands, from the lowest, whose change is that of the bass."""


class Heard(NamedTuple):
    """What is heard in each frame of a track.

    Parameters
    ----------
    onset, low_onset, high_onset, low_level : ndarray of shape (frames,)
        Onset envelopes of all bands, of the bass and of the treble; level of the bass in dB.
    mel : ndarray of shape (frames, bands)
        Levels in dB.
    chroma : ndarray of shape (frames, 12)
        Strength of the pitch classes.
    """

    onset: Floats
    low_onset: Floats
    high_onset: Floats
    low_level: Floats
    mel: Floats
    chroma: Floats


def marks(beats: Indices, heard: Heard) -> Doubles:
    """Measure how each beat stands out, shape (beats, marks).

    Onsets of all bands, bass and treble on the beat, level of the bass, onsets half a beat later,
    and how much chroma, mel bands and bass change: between the beats before and from there on. Each
    of mean 0 and deviation 1; 0 where all beats are the same.

    Parameters
    ----------
    beats : ndarray of shape (beats,)
        Their frames, two at least.
    heard : Heard
        The track.
    """
    last = len(heard.onset) - 1
    # A rise may be divided between neighbouring frames: all of it counts.
    near = np.clip(beats[:, None] + np.arange(-1, 3), 0, last)
    held = np.clip(beats[:, None] + np.arange(5), 0, last)
    edges = np.append(beats, min(last + 1, 2 * beats[-1] - beats[-2]))
    between = np.clip((edges[:-1] + edges[1:])[:, None] // 2 + np.arange(-1, 3), 0, last)
    mel = _means(heard.mel, edges)
    mel = np.maximum(mel, mel.max() - QUIETEST)
    found = [
        heard.onset[near].sum(axis=1),
        heard.low_onset[near].sum(axis=1),
        heard.high_onset[near].sum(axis=1),
        heard.low_level[held].mean(axis=1),
        heard.low_onset[between].sum(axis=1),
        heard.onset[between].sum(axis=1),
    ]
    for reach in REACHES:
        before, after = _sides(_means(heard.chroma, edges), reach)
        norms = np.sqrt(np.square(before).sum(axis=1) * np.square(after).sum(axis=1))
        found.append(1 - (before * after).sum(axis=1) / np.maximum(norms, 1e-9))
        for bands in (mel, mel[:, :BASS]):
            before, after = _sides(bands - bands.mean(axis=1, keepdims=True), reach)
            found.append(np.sqrt(np.square(before - after).mean(axis=1)))
    values = np.nan_to_num(np.array(found, np.float64).T)
    values -= values.mean(axis=0)
    spread = values.std(axis=0)
    # Equal beats differ by rounding alone, which is no mark.
    scaled = np.where(spread > 1e-3, values / np.maximum(spread, 1e-3), 0)
    return np.clip(scaled, -MOST, MOST)


def _means(frames: Floats, edges: Indices) -> Doubles:
    """Average over the frames from each edge to the next."""
    parts = [
        frames[start : max(start + 1, stop)].mean(axis=0, dtype=np.float64)
        for start, stop in pairwise(edges)
    ]
    return np.array(parts)


def _sides(values: Doubles, reach: int) -> tuple[Doubles, Doubles]:
    """Average over some beats before each, and over as many from it on."""
    padded = np.pad(values, ((reach, reach), (0, 0)), mode="edge")
    sums = np.cumsum(np.pad(padded, ((1, 0), (0, 0))), axis=0)
    means = (sums[reach:] - sums[:-reach]) / reach
    return means[: len(values)], means[reach : reach + len(values)]


def places(values: Doubles, metre: int) -> Doubles:
    """Average the marks of the beats at each place in the bar, shape (places, marks)."""
    return np.array([values[place::metre].mean(axis=0) for place in range(metre)])


@lru_cache(maxsize=1)
def weights() -> Doubles:
    """Return the fitted weights, shape (marks,)."""
    file = resources.files("earmark.extract.estimators") / "downbeats.json"
    return np.array(json.loads(file.read_text(encoding="utf-8"))["weights"])


def first(values: Doubles, metre: int) -> int:
    """Return which of the first `metre` beats begins a bar.

    Parameters
    ----------
    values : ndarray of shape (beats, marks)
        See `marks`.
    metre : int
        Beats in a bar.
    """
    return int((places(values, min(metre, len(values))) @ weights()).argmax())
