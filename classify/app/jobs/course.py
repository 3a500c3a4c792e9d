"""What changes in the course of a track, computed in a worker after all that is shown first."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

from earmark.classify.app.jobs.track_analysis import model_at
from earmark.classify.library.tagging.look import sha256_of
from earmark.classify.over_time import OverTime, over_time
from earmark.classify.sections import Section

if TYPE_CHECKING:
    from earmark.classify.app.jobs.kept import Results

__all__ = ["follow", "received"]


def follow(path: str, model: str, kept: Results | None = None) -> dict[str, Any]:
    """Read a file and say what changes in its course; this runs in a worker.

    Parameters
    ----------
    path : str
        The file.
    model : str
        The directory of a bundle.
    kept : Results, optional
        Where what was found out before is looked for, and kept.

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
    digest = sha256_of(Path(path)) if kept is not None and Path(path).is_file() else ""
    known = kept.find(digest, model, "course") if kept is not None else None
    if known is not None:
        return known
    found = over_time(path, model_at(model), model)
    sent = {field.name: getattr(found, field.name) for field in dataclasses.fields(found)}
    sent["sections"] = [dataclasses.astuple(part) for part in found.sections]
    if kept is not None:
        kept.keep(digest, model, "course", sent)
    return sent


def received(sent: dict[str, Any]) -> OverTime:
    """Make what pages use of what `follow` returned."""
    parts = [Section(start, stop, str(label)) for start, stop, label in sent["sections"]]
    return OverTime(**sent | {"sections": parts})
