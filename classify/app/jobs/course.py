"""What changes in the course of a track, computed in a worker after all that is shown first."""

from __future__ import annotations

import dataclasses
from typing import Any

from earmark.classify.app.jobs.track_analysis import model_at
from earmark.classify.over_time import OverTime, over_time
from earmark.classify.sections import Section

__all__ = ["follow", "received"]


def follow(path: str, model: str) -> dict[str, Any]:
    """Read a file and say what changes in its course; this runs in a worker.

    Parameters
    ----------
    path : str
        The file.
    model : str
        The directory of a bundle.

    Returns
    -------
    dict
        The fields of an `OverTime`, for `received`.

    Raises
    ------
    DecodeError
        The file cannot be decoded.
    BundleError
        The model takes no audio.
    """
    found = over_time(path, model_at(model), model)
    sent = {field.name: getattr(found, field.name) for field in dataclasses.fields(found)}
    return sent | {"sections": [dataclasses.astuple(part) for part in found.sections]}


def received(sent: dict[str, Any]) -> OverTime:
    """Make what pages use of what `follow` returned."""
    parts = [Section(start, stop, str(label)) for start, stop, label in sent["sections"]]
    return OverTime(**sent | {"sections": parts})
