"""The series of a track or window become its row of values."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
from numpy.typing import NDArray

from extract.frames import Series
from extract.registry import Descriptor

__all__ = ["STATISTICS", "row"]

STATISTICS: dict[str, Callable[[NDArray[np.float32]], NDArray[np.float64]]] = {
    "mean": lambda values: values.mean(axis=0, dtype=np.float64),
    "std": lambda values: values.std(axis=0, dtype=np.float64),
}
"""Statistics over frames, of an array (frames,) or (frames, size) along its first axis.

None depends on the number of frames: minimum, maximum and count would."""


def row(series: Series, descriptors: Iterable[Descriptor]) -> NDArray[np.float64]:
    """Compute the values of the descriptors' columns, in order.

    Statistics are taken over the active frames alone: silence around the music says nothing of
    it. What needs frames is NaN where none is active.
    """
    heard = series["active"] > 0 if len(series) else np.zeros(0, bool)
    anything, everything = bool(heard.any()), bool(heard.all())
    parts: list[NDArray[np.float64]] = []
    for entry in descriptors:
        if not anything and (entry.needs or entry.kind != "track"):
            parts.append(np.full(len(entry.columns(series.settings)), np.nan))
        elif entry.kind == "track":
            parts.append(np.atleast_1d(np.asarray(entry.function(series), np.float64)))
        else:
            values = series[entry.name]
            values = values if everything else values[heard]
            parts += [np.atleast_1d(STATISTICS[stat](values)) for stat in entry.stats]
    return np.concatenate(parts)
