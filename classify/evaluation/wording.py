"""What the measures of an evaluation are called, and how its split is described in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["MEASURES", "added_by_duplicates", "described_split", "is_repeated"]

Metrics = Mapping[str, Any]

MEASURES = {
    "accuracy": "accuracy",
    "top_3": "true genre among the first three",
    "top_5": "true genre among the first five",
    "macro_f1": "macro-F1",
    "ece": "calibration error (ECE)",
    "log_loss": "log loss [nat]",
}
"""What the measures are called, in the order in which they are shown."""


def described_split(metrics: Metrics) -> str:
    """Say what is never on both sides of the split."""
    crossing = metrics.get("crossing")
    if metrics.get("published") and crossing:
        return f"the published split is kept, which {crossing} groups cross"
    if metrics.get("published"):
        return "the published split is kept"
    return f"no {metrics.get('grouped_by', 'track')} is on both sides"


def is_repeated(metrics: Metrics) -> bool:
    """Tell whether there was more than one shuffle, without which nothing can spread."""
    return bool(metrics.get("repeats", 2) > 1)


def added_by_duplicates(metrics: Metrics) -> float:
    """Return what duplicates on both sides added to accuracy.

    It is the difference within one shuffle where the evaluation has that.
    """
    duplicates = metrics["duplicates"]
    return float(duplicates.get("added", duplicates["accuracy"] - metrics["accuracy"]))
