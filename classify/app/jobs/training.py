"""Training in the app: a table is looked at, a model is trained on it, packed and put away.

No Streamlit here. What reads the table or trains runs in a worker
(`earmark.classify.app.jobs.queue`): the table
is anybody's, and a training takes long.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from earmark.classify.app import catalog
from earmark.classify.app.files.zip import packed
from earmark.classify.dataset import labels as labelling
from earmark.classify.evaluation.report import FILES
from earmark.classify.model import bundle as bundles
from earmark.extract import tables
from earmark.extract.errors import EarmarkError, LabelError, WriteError, printable

__all__ = ["look_at", "named", "place", "sandboxed", "train", "zipped"]

REPORT = FILES[0]
"""The page of the report."""

MOST_COLUMNS = 2000
"""Columns that are looked at, and whose names are told."""

Report = Callable[[float, str], object]


def look_at(table: str) -> dict[str, Any]:
    """Say what a table holds: what a worker does first.

    Returns
    -------
    dict
        ``rows``; ``columns``, all names, those that may hold the genre first; ``set``, the feature
        set that it says it is of.
    """
    frame, about = tables.read(table)
    names, known = [str(name) for name in frame.columns], labelling.GENRE_COLUMNS
    frame.columns = pd.Index(names)
    # Of tens of thousands, looking at each would take minutes; names are quickly found.
    seen = list(dict.fromkeys([name for name in known if name in names] + names[:MOST_COLUMNS]))

    def unlikely(name: str) -> tuple[int, bool]:
        """Return what is small where the genre may stand: a name for it, or else text."""
        own = frame[name]
        text = own.dtype.kind not in "biufc" and 2 <= own.astype(str).nunique() < len(own)
        return known.index(name) if name in known else len(known), not text

    return {
        "rows": len(frame),
        "columns": sorted(seen, key=unlikely),
        "set": str(about.get("set") or ""),
    }


def train(
    table: str,
    directory: str,
    called: dict[str, str],
    labels: str | None = None,
    label: str = "genre",
    group: str | None = None,
    ignore: Sequence[str] | None = None,
    report: Report = lambda share, text: None,
) -> dict[str, Any]:
    """Train a model, measure it and write it with its report: what a worker does.

    Parameters
    ----------
    table : str
        The feature table.
    directory : str
        Where the bundle is written.
    called : dict
        What the files are called by those who brought them, by what we call them.
    labels, label, group, ignore
        As for `earmark.classify.dataset.build.build`.
    report : callable
        Is told the share that is done, and a text.

    Returns
    -------
    dict
        ``metrics`` that are told first, ``genres`` and ``notes``.
    """
    try:
        options = {"labels": labels, "label": label, "group": group, "ignore": ignore}
        return _train(table, Path(directory), called, options, report)
    except EarmarkError as error:
        own = called | {directory: Path(directory).name}
        raise LabelError(catalog.with_user_names(str(error), own)) from error


def _train(
    table: str, directory: Path, called: dict[str, str], options: dict[str, Any], report: Report
) -> dict[str, Any]:
    from earmark.classify import train as training
    from earmark.classify.dataset import build
    from earmark.classify.evaluation import cross_validation
    from earmark.classify.model.estimator import GenreClassifier

    report(0.0, "reading the table")
    data = build.build(table, **options, ignore_unknown=True)
    learner = GenreClassifier()

    def told(done: int, of: int) -> None:
        report(0.9 * done / of, f"{done} of {of} parts measured")

    report(0.0, "measuring on tracks that were not trained on")
    evaluation = cross_validation.cross_validate(data, learner, leaky=True, progress=told)
    report(0.9, "training on all tracks")
    bundle, pickles = training.fit(data, learner, evaluation)
    title = f"Genre model {directory.name}"
    card = training.card(title, called.get(table, Path(table).name), data, bundle)
    report(0.97, "writing the report")
    training.write(bundle, pickles, evaluation, card, directory)
    numbers = evaluation.metrics
    return {
        "metrics": {
            name: numbers[name]
            for name in ("accuracy", "top_3", "top_5", "commonest", "tracks", "groups", "interval")
            if name in numbers
        }
        | {"leaky": numbers["leaky"]["accuracy"], "grouped_by": numbers["grouped_by"]},
        "genres": bundle.genres,
        "notes": data.notes,
    }


def named(text: str) -> str:
    """Return a name of a model that can be one of a directory."""
    kept = re.sub(r"[^\w.-]+", "-", text, flags=re.ASCII).strip("-.")
    return kept[:60] or "model"


def place(text: str, root: Path, own: Collection[Path] = ()) -> Path:
    """Return the directory below the root in which somebody wants to have a model.

    Parameters
    ----------
    text : str
        What they typed.
    root : Path
        Nothing is written outside it.
    own : collection of Path
        Where they put models before: only those give way.

    Raises
    ------
    WriteError
        Models are not looked for there, or something that is not theirs stands there.
    """
    from earmark.classify.app.widgets.model_picker import FOLDERS

    try:
        found = (root / Path(text.strip()).expanduser()).resolve()
        parts = found.relative_to(root).parts
        within = [
            found.relative_to(folder).parts
            for folder in (root / name for name in FOLDERS)
            if found.is_relative_to(folder)
        ]
        # As deep as they are looked for, and away from those that ship.
        good = any(len(rest) in (1, 2) for rest in within)
        good = good and not any(part.startswith(".") for part in parts)
        good = good and not found.is_relative_to(bundles.DEFAULT.parent.resolve())
    except (OSError, RuntimeError, ValueError):
        good = False
    if not good:
        where = " or ".join(f"{name}/" for name in FOLDERS)
        raise WriteError(printable(text), f"is no place for a model; name a new folder in {where}")
    if found.exists() and found not in own:
        raise WriteError(printable(text), "is there already, and is kept; choose another name")
    bundles.check_directory(found)
    return found


def zipped(directory: Path) -> bytes:
    """Return a model as a ZIP archive, in a folder of its own name."""
    return packed({f"{directory.name}/{path.name}": path for path in sorted(directory.iterdir())})


def sandboxed(page: str, height: int) -> str:
    """Return HTML that shows a page which can run nothing and reach nobody.

    Parameters
    ----------
    page : str
        HTML of a whole page.
    height : int
        In pixels.
    """
    style = f"width: 100%; height: {height - 8}px; border: 0; display: block"
    return f'<iframe sandbox title="Report" style="{style}" srcdoc="{html.escape(page)}"></iframe>'
