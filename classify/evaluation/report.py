"""The report of a training: one page that says how right a model is, its pictures and its card."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from earmark.classify.dataset.duplicates import KINDS
from earmark.classify.evaluation import metrics, plots
from earmark.classify.html import document
from earmark.extract.tables import atomic

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from earmark.classify.evaluation.result import Evaluation

__all__ = ["FILES", "model_card", "render", "summary", "write"]

FILES = ("report.html", "confusion.png", "genres.png", "calibration.png", "importance.png")
"""What a report consists of; the last picture is there only where importances are known."""

PAIRS, EXAMPLES, ERRORS, COLUMNS, REASONS = 20, 5, 20, 25, 3
"""How many worst confusions, tracks of each, worst errors, columns and reasons the page lists."""

MEASURES = {
    "accuracy": "accuracy",
    "top_3": "true genre among the first three",
    "top_5": "true genre among the first five",
    "macro_f1": "macro-F1",
    "ece": "calibration error (ECE)",
    "log_loss": "log loss [nat]",
}
"""What the measures are called, in the order in which they are shown."""

SHORT = {"top_3": "top-3", "top_5": "top-5", "ece": "calibration error", "log_loss": "log loss"}
"""What they are called where there is no room."""

NONE = "–"


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
        Some of `FILES`. The page needs none of the others: its pictures are in it. It loads
        nothing and runs nothing, whatever tracks and genres are called.
    """
    numbers = evaluation.metrics
    table = _genre_table(evaluation)
    truth, chances = evaluation.tracks["label"].tolist(), evaluation.probabilities.to_numpy(float)
    counts = metrics.confusion(truth, chances, evaluation.genres)
    # One order everywhere, that of recall: what is mixed up stands together.
    order = [evaluation.genres.index(genre) for genre in table.index]
    counts = counts[np.ix_(order, order)]
    given = numbers.get("ece")
    error = (
        metrics.expected_calibration_error(truth, chances, evaluation.genres)
        if given is None
        else float(given)
    )
    bins = metrics.reliability(truth, chances, evaluation.genres)

    genres = list(table.index)
    files = {
        "confusion.png": plots.confusion(
            counts, genres, f"{_percent(numbers['accuracy'])} right, {_sides(numbers)}"
        ),
        "genres.png": plots.genres(table, f"{len(genres)} genres, best found first"),
        "calibration.png": plots.calibration(bins, error),
    }
    sections = [
        _verdict(title, numbers),
        _measures(numbers),
        _doubles(numbers.get("doubles", {})),
        _genres(table, files["genres.png"]),
        document.section(
            "Confusion matrix",
            "<p>A row for each true genre, a column for each genre that was predicted; the colour "
            "is the share of the row. A perfect model has the diagonal only.</p>",
            _picture(files["confusion.png"], "Confusion matrix", genres),
        ),
        _confusions(evaluation, counts, genres),
        _errors(evaluation, explanations),
        _calibration(bins, error, numbers, files["calibration.png"]),
    ]
    if importances is not None and len(importances):
        largest = importances.sort_values(ascending=False, kind="stable").head(COLUMNS)
        files["importance.png"] = plots.importance(largest)
        sections.append(_importances(largest, len(importances), files["importance.png"]))
    if card:
        sections.append(document.section("Model card", _markdown(card)))
    return {"report.html": document.page(title, sections), **files}


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
    """
    intervals, leaky = metrics.get("interval", {}), metrics.get("leaky", {})
    rows = [
        f"| {name} | {_plus_minus(metrics, key)} | {_interval(intervals.get(key), 3)} |"
        for key, name in MEASURES.items()
        if not _missing(metrics.get(key))
    ]
    rows.append(f"| the commonest genre alone would give | {_fixed(metrics['commonest'])} | – |")
    if not _missing(leaky.get("accuracy")):
        rows.append(
            f"| accuracy that a random split would have said | {_fixed(leaky['accuracy'])} "
            f"| {_interval(leaky.get('interval', {}).get('accuracy'), 3)} |"
        )
    per_genre = [
        f"| {_cell(genre)} | {entry['tracks']} | {entry['groups']} "
        f"| {_fixed(entry['recall'], 2)} | {_fixed(entry['precision'], 2)} |"
        for genre, entry in metrics["genres"].items()
    ]
    newline = "\n"
    card = f"""# {document.line(title)}

{newline.join(lines)}

## How right it is

{_how(metrics)}

| measure | value | 95 % interval |
|---|---|---|
{newline.join(rows)}

| genre | tracks | groups | recall | precision |
|---|---|---|---|---|
{newline.join(per_genre)}

These are numbers for music like that it was trained on. On other people's files, mastered and
encoded otherwise, expect less.
"""
    return document.writable(card)


def _how(numbers: Mapping[str, Any]) -> str:
    if numbers["folds"] == 1:
        how = f"Tested on a part that was not trained on; {_sides(numbers)}"
    else:
        how = f"{numbers['folds']}-fold cross-validation in which {_sides(numbers)}"
    if not _repeated(numbers):
        return f"{how}."
    # A published split has its folds; what differs is the learner's seed.
    other = "seeds" if numbers.get("published") else "folds"
    times = f"{numbers['repeats']} times with other {other}"
    return f"{how},\n{times}; ± is the standard deviation over these."


def summary(numbers: Mapping[str, Any]) -> list[str]:
    """Say in lines for a terminal what an evaluation gave: the honest number, then the leaky one.

    Parameters
    ----------
    numbers : dict
        Metrics of an evaluation; what they lack is not said.
    """
    count, tested = numbers["tracks"], numbers.get("tested", numbers["tracks"])
    lines = [f"{count} tracks" + (f", {tested} of them tested" if tested != count else "")]
    if "folds" in numbers:
        times = f", {numbers['repeats']} times" if numbers["repeats"] > 1 else ""
        # A single part that is tested is no cross-validation.
        how = f", {numbers['folds']}-fold cross-validation" if numbers["folds"] > 1 else ""
        lines[0] += f"{how}, {_sides(numbers)}{times}"
    lines[0] += ":"
    bounds = numbers.get("interval", {})
    leaky = numbers.get("leaky", {})
    others = leaky.get("interval", {})
    for key, name in MEASURES.items():
        if _missing(numbers.get(key)):
            continue
        line = f"  {SHORT.get(key, name):<18} {numbers[key]:.3f}"
        if key in bounds:
            line += f"  ({_interval(bounds[key], 3)})"
        if not _missing(leaky.get(key)):
            other = f"  ({_interval(others[key], 3)})" if key in others else ""
            line = f"{line:<46}random split: {leaky[key]:.3f}{other}"
        lines.append(line)
    lines.append(f"  the commonest genre alone would give {numbers['commonest']:.3f}")
    for kind, found in numbers.get("doubles", {}).items():
        lines.append(f"  {found['tracks']} tracks are there more than once: {KINDS[kind]}")
    if numbers.get("duplicates") is not None:
        lines.append(
            "  doubles on both sides of the split would have changed accuracy by "
            f"{_added(numbers):+.3f}"
        )
    for genre, tracks in numbers.get("unknown", {}).items():
        lines.append(
            f"  {document.line(genre)}: {tracks} tracks, a genre that the model does not know"
        )
    worst = sorted(
        ((document.line(genre), entry) for genre, entry in numbers["genres"].items()),
        key=lambda entry: entry[1]["recall"] or 0,
    )
    if len(worst) > document.OPEN:
        lines.append(f"  of {len(worst)} genres the ten that are found least:")
        worst = worst[:10]
    width = max(len(genre) for genre, _ in worst)
    lines += [
        f"  {genre:<{width}} {entry['tracks']:>6} tracks  recall {_fixed(entry['recall'], 2)}  "
        f"precision {_fixed(entry['precision'], 2)}"
        for genre, entry in worst
    ]
    return lines


def _added(numbers: Mapping[str, Any]) -> float:
    """Return what doubles on both sides added, to the same shuffle where that is known."""
    double = numbers["duplicates"]
    return float(double.get("added", double["accuracy"] - numbers["accuracy"]))


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


def _verdict(title: str, numbers: Mapping[str, Any]) -> str:
    """Say first what matters: how often it is right on what it was not trained on."""
    right, by = numbers["accuracy"], str(numbers.get("grouped_by", "track"))
    unheard = "it was not trained on" if by == "track" else f"whose {by} it was not trained on"
    alone = numbers.get("commonest")
    sentence = (
        f"On tracks {document.text(unheard)} this model names the right genre {_in_ten(right)} "
        f"({_percent(right)})"
        + (
            ""
            if _missing(numbers.get("top_3"))
            else f"; the true one is among its first three for {_percent(numbers['top_3'])}"
        )
        + (
            "."
            if _missing(alone)
            else f". Always saying the commonest would be right for {_percent(alone)}."
        )
    )
    boxes = [_box("honest", "honest", numbers, f"{_sides(numbers)}: what to expect of new music")]
    if not _missing((leaky := numbers.get("leaky", {})).get("accuracy")):
        why = f"the same {by} is on both sides" if by != "track" else "tracks fall where they may"
        boxes.append(
            _box("leaky", "what a random split would have said", leaky, f"{why}: too kind")
        )
    if isinstance(double := numbers.get("duplicates"), Mapping) and not _missing(
        double.get("accuracy")
    ):
        why = "doubles of a track on both sides"
        base = double["accuracy"] - _added(numbers)
        boxes.append(_box("leaky", "what duplicates would have added", double, why, base))
    about = [
        f"{numbers[key]:,} {name}"
        for key, name in (("tracks", "tracks"), ("tested", "of them tested"), ("groups", "groups"))
        if not _missing(numbers.get(key))
        and (key != "tested" or numbers["tested"] != numbers.get("tracks"))
    ]
    if "folds" in numbers:
        about += [f"{numbers['folds']} fold{'s' * (numbers['folds'] > 1)}"]
        about += [f"{numbers['repeats']} times"] if _repeated(numbers) else []
    return (
        f'<h1>{document.text(title)}</h1>\n<p class="verdict">{sentence}</p>\n'
        f'<div class="numbers">{"".join(boxes)}</div>\n<p class="note">{", ".join(about)}</p>\n'
    )


def _box(
    kind: str, name: str, numbers: Mapping[str, Any], why: str, base: float | None = None
) -> str:
    right = numbers["accuracy"]
    shown = _percent(right) if base is None else f"{100 * (right - base):+.1f} points"
    bounds = numbers.get("interval", {}).get("accuracy")
    also = [f"95 % interval {_interval_percent(bounds)}"] if bounds is not None else []
    also += [f"{_percent(right)} instead of {_percent(base)}"] if base is not None else []
    if base is None and not _missing(numbers.get("top_3")):
        also.append(f"{_percent(numbers['top_3'])} among the first three")
    return (
        f'<div class="{kind}">{document.text(name)}<b>{shown}</b>{"; ".join(also)}'
        f'<div class="note">{document.text(why)}</div></div>'
    )


def _measures(numbers: Mapping[str, Any]) -> str:
    spread, bounds = numbers.get("spread", {}), numbers.get("interval", {})
    leaky, again = numbers.get("leaky", {}), _repeated(numbers)
    rows = [
        [
            document.text(name),
            _fixed(numbers[key]),
            *([_fixed(spread.get(key))] if again else []),
            _interval(bounds.get(key), 3),
            _fixed(leaky.get(key)),
        ]
        for key, name in MEASURES.items()
        if not _missing(numbers.get(key))
    ]
    heads = ["", "value", *(["± repeats"] if again else []), "95 % interval", "random split"]
    if not _missing(numbers.get("commonest")):
        others = [NONE] * (len(heads) - 2)
        rows.append(["the commonest genre alone", _fixed(numbers["commonest"]), *others])
    return document.section(
        "Measures",
        document.table(heads, rows, numeric="1234"),
        '<p class="note">'
        + ("± is the standard deviation over repeats with other folds. " if again else "")
        + "The interval says what other tracks by other people could have given. Of the "
        "calibration error and the log loss less is better.</p>",
    )


def _doubles(found: Mapping[str, Mapping[str, Any]]) -> str:
    """Name tracks that are there more than once."""
    rows = [
        [
            document.text(KINDS[kind]),
            _count(own["tracks"]),
            "".join(
                f"<div>{document.name(a)}, {document.name(b)}</div>"
                for a, b in own.get("examples", [])
            ),
        ]
        for kind, own in found.items()
    ]
    if not rows:
        return ""
    return document.section(
        "Doubles",
        "<p>These tracks are there more than once. All versions of one stay on one side of every "
        "split.</p>",
        document.table(["what they share", "tracks", "for example"], rows, numeric="1"),
    )


def _genres(table: pd.DataFrame, picture: bytes) -> str:
    rows = [
        [
            str(place),
            document.name(genre),
            _count(row["tracks"]),
            _count(row["groups"]),
            *(_percent(row[key], 0) for key in ("recall", "precision")),
            _fixed(row["f1"], 2),
        ]
        for place, (genre, row) in enumerate(table.iterrows(), 1)
    ]
    heads = ["", "genre", "tracks", "groups", "recall", "precision", "F1"]
    return document.section(
        "Genres",
        "<p>Recall is the share of a genre's tracks that are found, precision the share of those "
        f"called so that are it. {NONE} stands where the model never says the genre.</p>",
        _picture(picture, "Precision and recall of each genre", list(table.index)),
        document.folded(
            f"{len(rows)} genres in numbers",
            len(rows),
            document.table(heads, rows, numeric="023456"),
        ),
    )


def _confusions(evaluation: Evaluation, counts: NDArray[np.int64], genres: list[str]) -> str:
    wrong = counts.copy()
    np.fill_diagonal(wrong, 0)
    flat = np.argsort(-wrong, axis=None, kind="stable")[:PAIRS]
    chances = evaluation.probabilities.to_numpy(float)
    best, sure = chances.argmax(axis=1), chances.max(axis=1)
    truth = evaluation.tracks["label"].to_numpy(object)
    names = np.asarray(evaluation.genres, object)[best]
    paths = evaluation.tracks.index.to_numpy(object)
    rows = []
    for true, called in zip(*np.unravel_index(flat, wrong.shape), strict=True):
        if not wrong[true, called]:
            break
        found = np.flatnonzero((truth == genres[true]) & (names == genres[called]))
        found = found[np.argsort(-sure[found], kind="stable")][:EXAMPLES]
        rows.append(
            [
                f"{document.name(genres[true])} → {document.name(genres[called])}",
                _count(wrong[true, called]),
                _percent(wrong[true, called] / counts[true].sum(), 0),
                "".join(map(document.name, paths[found])),
            ]
        )
    return document.section(
        "Worst confusions",
        document.table(
            ["true → predicted", "tracks", "of the genre", "for example, the surest first"],
            rows,
            numeric="12",
            names="3",
        )
        if rows
        else "<p>No track was mistaken for another genre's.</p>",
    )


def _errors(evaluation: Evaluation, explanations: pd.DataFrame | None) -> str:
    chances = evaluation.probabilities.to_numpy(float)
    truth = evaluation.tracks["label"].to_numpy(object)
    called = np.asarray(evaluation.genres, object)[chances.argmax(axis=1)]
    sure = chances.max(axis=1)
    wrong = np.flatnonzero(called != truth)
    wrong = wrong[np.argsort(-sure[wrong], kind="stable")][:ERRORS]
    if not len(wrong):
        return ""
    position = {genre: index for index, genre in enumerate(evaluation.genres)}
    explained = explanations is not None and len(explanations) > 0
    paths = evaluation.tracks.index.to_numpy(object)
    rows = []
    for index in wrong:
        own = position.get(truth[index])
        rows.append(
            [
                document.name(paths[index]),
                document.name(truth[index]),
                _percent(None if own is None else chances[index, own], 0),
                document.name(called[index]),
                _percent(sure[index], 0),
            ]
        )
        if explained:
            rows[-1].append(_reasons(explanations, paths[index], called[index]))
    heads = ["track", "is", "given", "called", "given"] + ["what spoke for it"] * explained
    return document.section(
        "Surest errors",
        "<p>Either the model is wrong, or the label is: a look at these pays.</p>",
        document.table(heads, rows, numeric="24", names="05"),
    )


def _reasons(explanations: pd.DataFrame | None, path: object, genre: object) -> str:
    """Name the features that spoke most for a genre, with their values and contributions."""
    if explanations is None:
        return ""
    own = explanations[(explanations["path"] == path) & (explanations["genre"] == genre)]
    own = own[own["contribution"] > 0].sort_values("contribution", ascending=False, kind="stable")
    return "".join(
        document.name(f"{feature} = {_value(value)} ({contribution:+.2f})")
        for feature, value, contribution in own[["feature", "value", "contribution"]]
        .head(REASONS)
        .itertuples(index=False)
    )


def _calibration(
    bins: pd.DataFrame, error: float, numbers: Mapping[str, Any], picture: bytes
) -> str:
    tempered = numbers.get("temperature")
    rows = [
        [
            f"{100 * low:.0f}–{100 * high:.0f}",
            _count(tracks),
            _percent(confidence),
            _percent(right),
        ]
        for low, high, confidence, right, tracks in bins.itertuples(index=False)
        if tracks
    ]
    return document.section(
        "Calibration",
        "<p>Of the tracks that the model is 70 % sure of, 70 % ought to be right. Its "
        f"probabilities are off by {100 * error:.1f} points on average"
        + ("" if _missing(tempered) else f", after they were tempered (T = {tempered:.2f})")
        + ".</p>",
        _picture(picture, "Calibration curve", []),
        document.folded(
            "the curve in numbers",
            0,
            document.table(["sure by [%]", "tracks", "mean", "right"], rows, numeric="0123"),
        ),
        '<p class="note">Expected calibration error: Guo, Pleiss, Sun and Weinberger, ICML '
        "2017.</p>",
    )


def _importances(largest: pd.Series, of: int, picture: bytes) -> str:
    rows = [
        [str(place), document.name(name), _percent(share)]
        for place, (name, share) in enumerate(largest.items(), 1)
    ]
    return document.section(
        "What the model looks at",
        f"<p>The {len(rows)} most important of {of} columns. Of columns that say the same, one may "
        "stand for all of them.</p>",
        _picture(picture, "Importance of columns", [str(name) for name in largest.index]),
        document.folded(
            "the same in numbers", 0, document.table(["", "column", "share"], rows, numeric="02")
        ),
    )


def _picture(png: bytes, what: str, names: Sequence[str]) -> str:
    return document.picture(png, what, plots.legend(names), wide=len(names) > document.OPEN)


def _markdown(card: str) -> str:
    """Make HTML of a card, whose headings become ones within a section of the page."""
    from markdown_it import MarkdownIt

    # Tags in it are text, and it loads no pictures.
    parser = MarkdownIt("commonmark", {"html": False}).enable("table").disable("image")
    tokens = parser.parse(document.writable(card))
    for token in tokens:
        if token.type.startswith("heading"):
            token.tag = f"h{min(int(token.tag[1]) + 2, 6)}"
    made: str = parser.renderer.render(tokens, parser.options, {})
    return made.replace("<table>", '<div class="scroll"><table>').replace(
        "</table>", "</table></div>"
    )


def _cell(name: object) -> str:
    """Return a name for a cell of a Markdown table, in which it is nothing but text."""
    return re.sub(r"([\\`*|<>\[\]])", r"\\\1", document.line(name))


def _sides(numbers: Mapping[str, Any]) -> str:
    crossing = numbers.get("crossing")
    if numbers.get("published") and crossing:
        return f"the published split is kept, which {crossing} groups cross"
    if numbers.get("published"):
        return "the published split is kept"
    return f"no {numbers.get('grouped_by', 'track')} is on both sides"


def _repeated(numbers: Mapping[str, Any]) -> bool:
    """Tell whether there was more than one shuffle, without which nothing can spread."""
    return bool(numbers.get("repeats", 2) > 1)


def _missing(value: Any) -> bool:
    return value is None or value != value


def _count(value: Any) -> str:
    return NONE if _missing(value) else f"{int(value):,}"


def _fixed(value: Any, digits: int = 3) -> str:
    return NONE if _missing(value) else f"{value:.{digits}f}"


def _percent(share: Any, digits: int = 1) -> str:
    # What does not break: a number and its unit stay on one line.
    return NONE if _missing(share) else f"{100 * share:.{digits}f}\N{NO-BREAK SPACE}%"


def _interval(bounds: Sequence[float] | None, digits: int) -> str:
    return NONE if bounds is None else "–".join(_fixed(bound, digits) for bound in bounds)


def _interval_percent(bounds: Sequence[float]) -> str:
    return "–".join(f"{100 * bound:.0f}" for bound in bounds) + "\N{NO-BREAK SPACE}%"


def _plus_minus(numbers: Mapping[str, Any], key: str) -> str:
    spread = numbers.get("spread", {}).get(key) if _repeated(numbers) else None
    return _fixed(numbers[key]) + ("" if _missing(spread) else f" ± {_fixed(spread)}")


def _value(value: object) -> str:
    if isinstance(value, int | float | np.number):
        return NONE if _missing(value) else f"{value:.4g}".replace("-", "−")
    return str(value)


def _in_ten(share: float) -> str:
    times = round(10 * share)
    return {0: "hardly ever", 10: "nearly always"}.get(times, f"{times} times in 10")
