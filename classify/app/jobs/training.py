"""Training in the app: inspect a table, train a model on it, choose its directory, zip it.

No Streamlit here. What reads the table or trains runs in a worker
(`earmark.classify.app.jobs.queue`): the table may be anybody's, and training takes long.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from earmark.classify.app import catalog
from earmark.classify.app.files.zip import zip_files
from earmark.classify.dataset import labels as labelling
from earmark.classify.model import storage
from earmark.extract import tables
from earmark.extract.errors import EarmarkError, LabelError, WriteError, printable

__all__ = [
    "directory_name",
    "inspect_table",
    "model_directory",
    "sandboxed",
    "train",
    "zip_model",
]

REPORT = storage.REPORT[0]
"""The page of the report."""

MOST_COLUMNS = 2000
"""Columns that are inspected, and whose names are returned."""

Report = Callable[[float, str], object]


def inspect_table(table: str) -> dict[str, Any]:
    """Say what a table holds; this runs in a worker.

    Returns
    -------
    dict
        ``rows``; ``columns``, all names, those that may hold the genre first; ``set``, the feature
        set that it says it is of.
    """
    features = tables.read(table)
    frame = features.frame
    names, usual = [str(name) for name in frame.columns], labelling.GENRE_COLUMNS
    frame.columns = pd.Index(names)
    # To inspect tens of thousands would take minutes; the usual names are looked up at once.
    inspected = [name for name in usual if name in names] + names[:MOST_COLUMNS]

    def unlikely(name: str) -> tuple[int, bool]:
        """Return a key that sorts usual names of the genre first, then columns of text."""
        column = frame[name]
        is_number = column.dtype.kind in "biufc"
        text = not is_number and 2 <= column.astype(str).nunique() < len(column)
        return usual.index(name) if name in usual else len(usual), not text

    return {
        "rows": len(frame),
        "columns": sorted(dict.fromkeys(inspected), key=unlikely),
        "set": str(features.set or ""),
    }


def train(
    table: str,
    directory: str,
    called: dict[str, str],
    labels: str | None = None,
    label: str = "genre",
    group: str | None = None,
    ignore: Sequence[str] | None = None,
    report: Report = lambda _share, _text: None,
) -> dict[str, Any]:
    """Evaluate and train a model and write it with its report; this runs in a worker.

    Parameters
    ----------
    table : str
        The feature table.
    directory : str
        Where the bundle is written.
    called : dict
        What their owner calls the files, by our paths.
    labels, label, group, ignore
        As for `earmark.classify.dataset.build.build`.
    report : callable
        Called with the share that is done and a text.

    Returns
    -------
    dict
        ``metrics`` (the most important), ``genres`` and ``notes``.
    """
    try:
        options = {"labels": labels, "label": label, "group": group, "ignore": ignore}
        return _train(table, Path(directory), called, options, report)
    except EarmarkError as error:
        names = called | {directory: Path(directory).name}
        raise LabelError(catalog.with_user_names(str(error), names)) from error


def _train(
    table: str, directory: Path, called: dict[str, str], options: dict[str, Any], report: Report
) -> dict[str, Any]:
    from earmark.classify import train as training
    from earmark.classify.dataset import build

    report(0.0, "reading the table")
    data = build.build(table, **options, ignore_unknown=True)

    def progress(done: int, of: int) -> None:
        report(0.9 * done / of, f"{done} of {of} parts measured")
        if done == of:
            report(0.9, "training on all tracks")

    report(0.0, "measuring on tracks that were not trained on")
    evaluation, bundle = training.train(data, progress=progress)
    title = f"Genre model {directory.name}"
    card = training.card(title, called.get(table, Path(table).name), data, bundle)
    report(0.97, "writing the report")
    pickles = training.pickles(bundle, data)
    training.write(directory, bundle, card, evaluation=evaluation, pickles=pickles)
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


def directory_name(text: str) -> str:
    """Return the name of a directory for a model that is called so."""
    name = re.sub(r"[^\w.-]+", "-", text, flags=re.ASCII).strip("-.")
    return name[:60] or "model"


def model_directory(text: str, root: Path, replaceable: Collection[Path] = ()) -> Path:
    """Return the directory in which somebody wants to save a model.

    Parameters
    ----------
    text : str
        What they typed.
    root : Path
        Nothing is written outside it.
    replaceable : collection of Path
        Where they saved models before: only those are replaced.

    Returns
    -------
    Path
        Absolute; it need not exist.

    Raises
    ------
    WriteError
        Models are not looked for there, or something that is not theirs stands there.
    """
    from earmark.classify.app.widgets.model_picker import FOLDERS

    try:
        directory = (root / Path(text.strip()).expanduser()).resolve()
        parts = directory.relative_to(root).parts
        within = [
            directory.relative_to(folder).parts
            for folder in (root / name for name in FOLDERS)
            if directory.is_relative_to(folder)
        ]
        # As deep as they are looked for, and away from those that ship.
        good = any(len(rest) in (1, 2) for rest in within)
        good = good and not any(part.startswith(".") for part in parts)
        good = good and not directory.is_relative_to(storage.DEFAULT.parent.resolve())
    except (OSError, RuntimeError, ValueError):
        good = False
    if not good:
        where = " or ".join(f"{name}/" for name in FOLDERS)
        raise WriteError(printable(text), f"is no place for a model; name a new folder in {where}")
    if directory.exists() and directory not in replaceable:
        raise WriteError(printable(text), "is there already, and is kept; choose another name")
    storage.check_directory(directory)
    return directory


def zip_model(directory: Path) -> bytes:
    """Return a model as a ZIP archive, in a folder of its own name."""
    return zip_files(
        {f"{directory.name}/{path.name}": path for path in sorted(directory.iterdir())}
    )


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
