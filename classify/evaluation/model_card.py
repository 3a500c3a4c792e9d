"""The card of a model, Markdown: what it was trained on and how right it is."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from earmark.classify.evaluation.wording import MEASURES, described_split, is_repeated
from earmark.classify.html.words import fixed, interval, missing, one_line, writable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["model_card"]

CARD = """# {title}

{lines}

## How right it is

{how}

| measure | value | 95 % interval |
|---|---|---|
{measures}

| genre | tracks | groups | recall | precision |
|---|---|---|---|---|
{genres}

These are numbers for music like that it was trained on. On other people's files, mastered and
encoded otherwise, expect less.
"""


def model_card(title: str, metrics: Mapping[str, Any], lines: Sequence[str]) -> str:
    """Write the card of a model: what it was trained on and how right it is, Markdown.

    Parameters
    ----------
    title : str
        What the model is called.
    metrics : dict
        Of its evaluation. What an older bundle does not have is not on its card.
    lines : sequence of str
        What it was trained on.

    Returns
    -------
    str
        Markdown in which the names of genres are nothing but text.
    """
    genres = [
        f"| {_cell(genre)} | {entry['tracks']} | {entry['groups']} "
        f"| {fixed(entry['recall'], 2)} | {fixed(entry['precision'], 2)} |"
        for genre, entry in metrics["genres"].items()
    ]
    return writable(
        CARD.format(
            title=one_line(title),
            lines="\n".join(lines),
            how=_how(metrics),
            measures="\n".join(_measures(metrics)),
            genres="\n".join(genres),
        )
    )


def _measures(metrics: Mapping[str, Any]) -> list[str]:
    intervals, leaky = metrics.get("interval", {}), metrics.get("leaky", {})
    rows = [
        f"| {name} | {_plus_minus(metrics, key)} | {interval(intervals.get(key))} |"
        for key, name in MEASURES.items()
        if not missing(metrics.get(key))
    ]
    rows.append(f"| the commonest genre alone would give | {fixed(metrics['commonest'])} | – |")
    if not missing(leaky.get("accuracy")):
        rows.append(
            f"| accuracy that a random split would have said | {fixed(leaky['accuracy'])} "
            f"| {interval(leaky.get('interval', {}).get('accuracy'))} |"
        )
    return rows


def _how(metrics: Mapping[str, Any]) -> str:
    """Say how it was tested."""
    if metrics["folds"] == 1:
        how = f"Tested on a part that was not trained on; {described_split(metrics)}"
    else:
        how = f"{metrics['folds']}-fold cross-validation in which {described_split(metrics)}"
    if not is_repeated(metrics):
        return f"{how}."
    # A published split has its folds; what differs is the learner's seed.
    other = "seeds" if metrics.get("published") else "folds"
    times = f"{metrics['repeats']} times with other {other}"
    return f"{how},\n{times}; ± is the standard deviation over these."


def _plus_minus(metrics: Mapping[str, Any], key: str) -> str:
    spread = metrics.get("spread", {}).get(key) if is_repeated(metrics) else None
    return fixed(metrics[key]) + ("" if missing(spread) else f" ± {fixed(spread)}")


def _cell(name: object) -> str:
    """Return a name for a cell of a Markdown table, in which it is nothing but text."""
    return re.sub(r"([\\`*|<>\[\]])", r"\\\1", one_line(name))
