"""The report of a training: one page that says how right a model is, its pictures and its card."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from earmark.classify.dataset.duplicates import KINDS
from earmark.classify.evaluation import metrics, plots
from earmark.classify.evaluation.wording import (
    MEASURES,
    added_by_duplicates,
    described_split,
    is_repeated,
)
from earmark.classify.html import document
from earmark.classify.html.plotting import legend
from earmark.classify.html.words import NONE, fixed, interval, missing, percent
from earmark.extract.tables import atomic

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from earmark.classify.evaluation.result import Evaluation

__all__ = ["render", "write"]

"""What a report consists of; the last picture is there only where importances are known."""

PAIRS, EXAMPLES, ERRORS, COLUMNS, REASONS = 20, 5, 20, 25, 3
"""How many worst confusions, tracks of each, worst errors, columns and reasons the page lists."""


def write(
    directory: Path,
    *,
    title: str,
    evaluation: Evaluation,
    importances: pd.Series | None = None,
    explanations: pd.DataFrame | None = None,
    card: str = "",
) -> None:
    """Write the report into the directory of a model: the page and its pictures.

    Parameters
    ----------
    directory : Path
        Exists or is made. Each file appears whole.
    title, evaluation, importances, explanations, card
        As for `render`.

    Raises
    ------
    WriteError
        A file cannot be written.
    """
    rendered = render(
        title=title,
        evaluation=evaluation,
        importances=importances,
        explanations=explanations,
        card=card,
    )
    for name, content in rendered.items():
        with atomic(directory / name) as temporary:
            temporary.write_bytes(content)


def render(
    *,
    title: str,
    evaluation: Evaluation,
    importances: pd.Series | None = None,
    explanations: pd.DataFrame | None = None,
    card: str = "",
) -> dict[str, bytes]:
    """Make the files of a report, by name.

    Parameters
    ----------
    title : str
        What the model is called.
    evaluation : Evaluation
        What was measured, with the probabilities of every track that was tested.
    importances : Series, optional
        The share of each column (index) in what the model looks at.
    explanations : DataFrame, optional
        ``path``, ``genre``, ``feature``, ``value`` and ``contribution`` [logit]: what spoke for
        the genre, or against it where negative. Tracks that are not shown may be there, too.
    card : str
        The model card, Markdown.

    Returns
    -------
    dict of str to bytes
        Some of `storage.REPORT`. The page needs none of the others: its pictures are in it. It
        loads nothing and runs nothing, whatever tracks and genres are called.
    """
    numbers = evaluation.metrics
    table = _genre_table(evaluation)
    genres = list(table.index)
    truth, chances = evaluation.tracks["label"].tolist(), evaluation.probabilities.to_numpy(float)
    counts = metrics.confusion(truth, chances, evaluation.genres)
    # One order everywhere, that of recall: what is mixed up stands together.
    order = [evaluation.genres.index(genre) for genre in genres]
    counts = counts[np.ix_(order, order)]
    error = numbers.get("ece")
    if error is None:
        error = metrics.expected_calibration_error(truth, chances, evaluation.genres)
    bins = metrics.reliability(truth, chances, evaluation.genres)
    largest = pd.Series(dtype=float)
    if importances is not None:
        largest = importances.sort_values(ascending=False, kind="stable").head(COLUMNS)

    title_of_confusion = f"{percent(numbers['accuracy'])} right, {described_split(numbers)}"
    pictures = {
        "confusion": plots.confusion(counts, genres, title_of_confusion),
        "genres": plots.genres(table, f"{len(genres)} genres, best found first"),
        "calibration": plots.calibration(bins, float(error)),
    }
    if len(largest):
        pictures["importance"] = plots.importance(largest)
    explained = explanations is not None and len(explanations) > 0
    page = document.render(
        "report",
        title=title,
        legend=legend,
        pictures={name: made.svg for name, made in pictures.items()},
        verdict=_verdict(numbers),
        boxes=_boxes(numbers),
        tested_on=_tested_on(numbers),
        repeated=is_repeated(numbers),
        measures=_measures(numbers),
        duplicates=_duplicates(numbers.get("duplicate_tracks", {})),
        genres=genres,
        genre_rows=table.rename_axis("name").reset_index().to_dict("records"),
        confusions=_confusions(evaluation, counts, genres),
        explained=explained,
        errors=_errors(evaluation, explanations if explained else None),
        calibration_error=float(error),
        temperature=None if missing(numbers.get("temperature")) else numbers["temperature"],
        bins=bins.to_dict("records"),
        importances=[(str(name), share) for name, share in largest.items()],
        columns=0 if importances is None else len(importances),
        card=card,
    )
    return {"report.html": page, **{f"{name}.png": made.png for name, made in pictures.items()}}


def _genre_table(evaluation: Evaluation) -> pd.DataFrame:
    """Return tracks, groups, recall, precision and F1 of each genre, best found first.

    They are those of all repeats where the evaluation has them, else those of its tracks.
    """
    tracks = evaluation.tracks
    known = metrics.per_genre(
        tracks["label"].tolist(), evaluation.probabilities.to_numpy(float), evaluation.genres
    )
    known["groups"] = tracks.groupby("label")["group"].nunique()
    given = pd.DataFrame.from_dict(evaluation.metrics.get("genres", {}), orient="index")
    for name in given.columns.intersection(["tracks", "groups", "recall", "precision"]):
        known[name] = pd.to_numeric(given[name]).reindex(known.index)
    # What was never predicted has no precision, though somebody may have written it down as zero.
    known.loc[(known["predicted"] == 0) & (known["precision"] == 0), "precision"] = np.nan
    total = known["precision"] + known["recall"]
    harmonic = 2 * known["precision"] * known["recall"] / total.where(total > 0)
    known["f1"] = harmonic.where(~((total == 0) | known["precision"].isna()), 0.0)
    return known.sort_values("recall", ascending=False, kind="stable")


def _verdict(numbers: Mapping[str, Any]) -> str:
    """Say first what matters: how often it is right on what it was not trained on."""
    group = str(numbers.get("grouped_by", "track"))
    unheard = (
        "it was not trained on" if group == "track" else f"whose {group} it was not trained on"
    )
    accuracy = numbers["accuracy"]
    verdict = (
        f"On tracks {unheard} this model names the right genre {_in_ten(accuracy)} "
        f"({percent(accuracy)})"
    )
    if not missing(top := numbers.get("top_3")):
        verdict += f"; the true one is among its first three for {percent(top)}"
    if not missing(alone := numbers.get("commonest")):
        verdict += f". Always saying the commonest would be right for {percent(alone)}"
    return f"{verdict}."


def _boxes(numbers: Mapping[str, Any]) -> list[dict[str, str]]:
    """Return the numbers that stand in large type: the honest one, then those that are too kind."""
    name, reason = "honest", f"{described_split(numbers)}: what to expect of new music"
    if numbers.get("grouped_by") == "track":
        # Tracks of one artist may be on both sides, and nobody can tell.
        name, reason = "at most", "no artists are known: of others than these, less is right"
    boxes = [_box("honest", name, numbers, reason)]
    leaky, duplicates = numbers.get("leaky", {}), numbers.get("duplicates")
    if not missing(leaky.get("accuracy")):
        group = numbers.get("grouped_by", "track")
        reason = (
            "tracks fall where they may"
            if group == "track"
            else f"the same {group} is on both sides"
        )
        name = "what a random split would have said"
        boxes.append(_box("leaky", name, leaky, f"{reason}: too kind"))
    if duplicates is not None and not missing(duplicates.get("accuracy")):
        base = duplicates["accuracy"] - added_by_duplicates(numbers)
        name, reason = "what duplicates would have added", "duplicates of a track on both sides"
        boxes.append(_box("leaky", name, duplicates, reason, base))
    return boxes


def _box(
    kind: str, name: str, numbers: Mapping[str, Any], reason: str, base: float | None = None
) -> dict[str, str]:
    """Return a number with its details; where there is a `base`, the difference from that."""
    accuracy = numbers["accuracy"]
    bounds = numbers.get("interval", {}).get("accuracy")
    details = []
    if bounds is not None:
        between = "–".join(f"{100 * bound:.0f}" for bound in bounds)
        details.append(f"95 % interval {between}\N{NO-BREAK SPACE}%")
    if base is not None:
        value = f"{100 * (accuracy - base):+.1f} points"
        details.append(f"{percent(accuracy)} instead of {percent(base)}")
    else:
        value = percent(accuracy)
        if not missing(numbers.get("top_3")):
            details.append(f"{percent(numbers['top_3'])} among the first three")
    return {
        "kind": kind,
        "name": name,
        "value": value,
        "details": "; ".join(details),
        "reason": reason,
    }


def _tested_on(numbers: Mapping[str, Any]) -> str:
    """Say how many tracks were tested, and how often."""
    parts = [
        f"{numbers[key]:,} {name}"
        for key, name in (("tracks", "tracks"), ("tested", "of them tested"), ("groups", "groups"))
        if not missing(numbers.get(key))
        and (key != "tested" or numbers["tested"] != numbers.get("tracks"))
    ]
    if "folds" in numbers:
        parts.append(f"{numbers['folds']} fold{'s' * (numbers['folds'] > 1)}")
        if is_repeated(numbers):
            parts.append(f"{numbers['repeats']} times")
    return ", ".join(parts)


def _measures(numbers: Mapping[str, Any]) -> list[list[str]]:
    """Return the rows of the table of measures: the name, and what stands in each column."""
    spread, bounds = numbers.get("spread", {}), numbers.get("interval", {})
    leaky, repeated = numbers.get("leaky", {}), is_repeated(numbers)
    rows = [
        [
            name,
            fixed(numbers[key]),
            *([fixed(spread.get(key))] if repeated else []),
            interval(bounds.get(key)),
            fixed(leaky.get(key)),
        ]
        for key, name in MEASURES.items()
        if not missing(numbers.get(key))
    ]
    if not missing(numbers.get("commonest")):
        others = [NONE] * (3 if repeated else 2)
        rows.append(["the commonest genre alone", fixed(numbers["commonest"]), *others])
    return rows


def _duplicates(kinds: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return what tracks share that are there more than once, with examples."""
    return [
        {
            "shared": KINDS[kind],
            "tracks": entry["tracks"],
            "examples": entry.get("examples", []),
        }
        for kind, entry in kinds.items()
    ]


def _confusions(
    evaluation: Evaluation, counts: NDArray[np.int64], genres: Sequence[str]
) -> list[dict[str, Any]]:
    """Return the pairs of genres that are mixed up most, with the tracks of the surest errors."""
    wrong = counts.copy()
    np.fill_diagonal(wrong, 0)
    flat = np.argsort(-wrong, axis=None, kind="stable")[:PAIRS]
    truth, predicted, shares = _answers(evaluation)
    paths = evaluation.tracks.index.to_numpy(object)
    pairs = []
    for row, column in zip(*np.unravel_index(flat, wrong.shape), strict=True):
        if not wrong[row, column]:
            break
        places = np.flatnonzero((truth == genres[row]) & (predicted == genres[column]))
        places = places[np.argsort(-shares[places], kind="stable")][:EXAMPLES]
        pairs.append(
            {
                "true": genres[row],
                "predicted": genres[column],
                "tracks": wrong[row, column],
                "share": wrong[row, column] / counts[row].sum(),
                "paths": list(paths[places]),
            }
        )
    return pairs


def _errors(evaluation: Evaluation, explanations: pd.DataFrame | None) -> list[dict[str, Any]]:
    """Return the tracks whose wrong genre the model is surest of."""
    truth, predicted, shares = _answers(evaluation)
    wrong = np.flatnonzero(predicted != truth)
    wrong = wrong[np.argsort(-shares[wrong], kind="stable")][:ERRORS]
    chances = evaluation.probabilities.to_numpy(float)
    columns = {genre: column for column, genre in enumerate(evaluation.genres)}
    paths = evaluation.tracks.index.to_numpy(object)
    errors = []
    for row in wrong:
        column = columns.get(truth[row])
        reasons = [] if explanations is None else _reasons(explanations, paths[row], predicted[row])
        errors.append(
            {
                "path": paths[row],
                "true": truth[row],
                "true_share": None if column is None else chances[row, column],
                "predicted": predicted[row],
                "predicted_share": shares[row],
                "reasons": reasons,
            }
        )
    return errors


def _answers(
    evaluation: Evaluation,
) -> tuple[NDArray[np.object_], NDArray[np.object_], NDArray[np.float64]]:
    """Return of each track the true genre, the predicted one, and the probability of this."""
    chances = evaluation.probabilities.to_numpy(float)
    predicted = np.asarray(evaluation.genres, object)[chances.argmax(axis=1)]
    return evaluation.tracks["label"].to_numpy(object), predicted, chances.max(axis=1)


def _reasons(explanations: pd.DataFrame, path: object, genre: object) -> list[str]:
    """Name the features that spoke most for a genre, with their values and contributions."""
    features = explanations[(explanations["path"] == path) & (explanations["genre"] == genre)]
    features = features[features["contribution"] > 0]
    features = features.sort_values("contribution", ascending=False, kind="stable").head(REASONS)
    return [
        f"{feature} = {_value(value)} ({contribution:+.2f})"
        for feature, value, contribution in features[
            ["feature", "value", "contribution"]
        ].itertuples(index=False)
    ]


def _value(value: object) -> str:
    if isinstance(value, int | float | np.number):
        return NONE if missing(value) else f"{value:.4g}".replace("-", "−")
    return str(value)


def _in_ten(share: float) -> str:
    times = round(10 * share)
    return {0: "hardly ever", 10: "nearly always"}.get(times, f"{times} times in 10")
