"""The picture and the card of a training."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from extract.tables import atomic

__all__ = ["confusion_png", "model_card"]


def confusion_png(counts: NDArray[np.int64], genres: Sequence[str], title: str, path: Path) -> None:
    """Draw a confusion matrix: true genres in rows, shares of each row as colour and number."""
    # The object interface: no global state, no display, no backend to choose.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    side = max(4.0, 1.8 + 0.55 * len(genres))
    figure = Figure(figsize=(side, side), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    labels = [f"{genre} ({total})" for genre, total in zip(genres, counts.sum(axis=1), strict=True)]
    axes.set_xticks(range(len(genres)), genres, rotation=45, ha="right")
    axes.set_yticks(range(len(genres)), labels)
    axes.set_xlabel("predicted genre")
    axes.set_ylabel("true genre (tracks)")
    axes.set_title(title)
    # Numbers would only be noise among dozens of genres.
    for row, column in np.argwhere(counts > 0) if len(genres) <= 30 else ():
        dark = shares[row, column] > 0.55
        axes.text(
            column,
            row,
            f"{100 * shares[row, column]:.0f}",
            ha="center",
            va="center",
            fontsize=8,
            color="white" if dark else "black",
        )
    figure.supxlabel("numbers are percent of the row", fontsize=8, color="grey")
    with atomic(path) as temporary:
        figure.savefig(temporary, format="png", dpi=150, metadata={"Software": None})


def model_card(title: str, metrics: dict[str, Any], lines: Sequence[str]) -> str:
    """Write the card of a model: what it was trained on and how right it is, Markdown."""
    spread = metrics["spread"]
    per_genre = "\n".join(
        f"| {genre} | {entry['tracks']} | {entry['groups']} | {entry['recall']:.2f} "
        f"| {entry['precision']:.2f} |"
        for genre, entry in metrics["genres"].items()
    )
    return f"""# {title}

{chr(10).join(lines)}

## How right it is

{metrics["folds"]}-fold cross-validation in which no {metrics["grouped_by"]} is on both sides,
{metrics["repeats"]} times with other folds; ± is the standard deviation over these.

| measure | value |
|---|---|
| accuracy | {metrics["accuracy"]:.3f} ± {spread["accuracy"]:.3f} |
| macro-F1 | {metrics["macro_f1"]:.3f} ± {spread["macro_f1"]:.3f} |
| true genre among the first three | {metrics["top_3"]:.3f} ± {spread["top_3"]:.3f} |
| the commonest genre alone would give | {metrics["commonest"]:.3f} |

| genre | tracks | groups | recall | precision |
|---|---|---|---|---|
{per_genre}

These are numbers for music like that it was trained on. On other people's files, mastered and
encoded otherwise, expect less.
"""
