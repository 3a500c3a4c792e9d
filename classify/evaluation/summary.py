"""The result of an evaluation in lines for a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from earmark.classify.dataset.duplicates import KINDS
from earmark.classify.evaluation.wording import (
    MEASURES,
    added_by_duplicates,
    described_split,
)
from earmark.classify.html.words import fixed, interval, missing, one_line

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["summary"]

SHORT = {"top_3": "top-3", "top_5": "top-5", "ece": "calibration error", "log_loss": "log loss"}
"""What measures are called where there is no room."""

MOST_GENRES, WORST = 30, 10
"""Genres up to which all are named, and how many are where there are more."""


def summary(metrics: Mapping[str, Any]) -> list[str]:
    """Say in lines for a terminal what an evaluation gave: the honest number, then the leaky one.

    Parameters
    ----------
    metrics : dict
        Of an evaluation; what they lack is not said.

    Returns
    -------
    list of str
        Without control characters, whatever genres are called.
    """
    return [
        _heading(metrics),
        *_measures(metrics),
        f"  the commonest genre alone would give {metrics['commonest']:.3f}",
        *_remarks(metrics),
        *_genres(metrics["genres"]),
    ]


def _heading(metrics: Mapping[str, Any]) -> str:
    count, tested = metrics["tracks"], metrics.get("tested", metrics["tracks"])
    heading = f"{count} tracks" + (f", {tested} of them tested" if tested != count else "")
    if "folds" in metrics:
        # A single part that is tested is no cross-validation.
        if metrics["folds"] > 1:
            heading += f", {metrics['folds']}-fold cross-validation"
        heading += f", {described_split(metrics)}"
        if metrics["repeats"] > 1:
            heading += f", {metrics['repeats']} times"
    return f"{heading}:"


def _measures(metrics: Mapping[str, Any]) -> list[str]:
    bounds, leaky = metrics.get("interval", {}), metrics.get("leaky", {})
    leaky_bounds = leaky.get("interval", {})
    lines = []
    for key, name in MEASURES.items():
        if missing(metrics.get(key)):
            continue
        line = f"  {SHORT.get(key, name):<18} {metrics[key]:.3f}"
        if key in bounds:
            line += f"  ({interval(bounds[key])})"
        if not missing(leaky.get(key)):
            line = f"{line:<46}random split: {leaky[key]:.3f}"
            if key in leaky_bounds:
                line += f"  ({interval(leaky_bounds[key])})"
        lines.append(line)
    return lines


def _remarks(metrics: Mapping[str, Any]) -> list[str]:
    """Name what is there more than once, and genres that the model does not know."""
    lines = [
        f"  {entry['tracks']} tracks are there more than once: {KINDS[kind]}"
        for kind, entry in metrics.get("duplicate_tracks", {}).items()
    ]
    if metrics.get("duplicates") is not None:
        lines.append(
            "  duplicates on both sides of the split would have changed accuracy by "
            f"{added_by_duplicates(metrics):+.3f}"
        )
    lines += [
        f"  {one_line(genre)}: {tracks} tracks, a genre that the model does not know"
        for genre, tracks in metrics.get("unknown", {}).items()
    ]
    return lines


def _genres(genres: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Name the genres, those first that are found least."""
    worst = sorted(
        ((one_line(genre), entry) for genre, entry in genres.items()),
        key=lambda entry: entry[1]["recall"] or 0,
    )
    lines = []
    if len(worst) > MOST_GENRES:
        lines.append(f"  of {len(worst)} genres the ten that are found least:")
        worst = worst[:WORST]
    width = max(len(genre) for genre, _ in worst)
    lines += [
        f"  {genre:<{width}} {entry['tracks']:>6} tracks  recall {fixed(entry['recall'], 2)}  "
        f"precision {fixed(entry['precision'], 2)}"
        for genre, entry in worst
    ]
    return lines
