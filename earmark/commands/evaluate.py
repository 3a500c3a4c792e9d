"""`earmark evaluate`: how right a model is about artists that it has not heard."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from earmark.commands._console import say, say_new_folder
from earmark.commands._learning import labelled, search, show_evaluation
from earmark.commands._options import (
    Audio,
    Device,
    Folds,
    GenreList,
    Genres,
    Group,
    Ignore,
    IgnoreUnknown,
    Label,
    Labels,
    Quiet,
    Repeats,
    Seed,
    Split,
    Tune,
    Use,
    WhereToTrain,
    names_in,
)
from earmark.commands._output import As, Format

if TYPE_CHECKING:
    import pandas as pd

EXAMPLE = "earmark evaluate features.parquet --labels labels.csv --split fold"


def command(
    table: Annotated[
        Path,
        typer.Argument(help="A table with labels, or the directory of a model.", metavar="TABLE"),
    ],
    labels: Labels = None,
    model: Annotated[
        Path | None,
        typer.Option(
            "-m",
            "--model",
            help="Test this model on the table instead of training on parts of it. Tracks that it "
            "was trained on say nothing.",
        ),
    ] = None,
    label: Label = "genre",
    genre_list: Genres = GenreList.first,
    group: Group = None,
    split: Split = None,
    audio: Audio = None,
    ignore: Ignore = None,
    use: Use = None,
    ignore_unknown: IgnoreUnknown = False,
    folds: Folds = 5,
    repeats: Repeats = None,
    tune: Tune = 0,
    seed: Seed = 0,
    device: WhereToTrain = Device.cpu,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            help="What was said of each track by a model that had not seen it, beside its label, "
            "group and fold (.csv, .parquet, .jsonl); of several repeats the first.",
            show_default=False,
        ),
    ] = None,
    form: As = Format.table,
    quiet: Quiet = False,
) -> None:
    """Say how right a model of these tracks is about artists that it has not heard.

    Beside it stands what a random split would have said, and what duplicates add to that.
    """
    import earmark
    from earmark.classify.evaluation import cross_validation
    from earmark.classify.model.boosting import usable_device
    from earmark.classify.model.estimator import GenreClassifier
    from earmark.extract import tables
    from earmark.extract.errors import BundleError

    if output is not None:
        if table.is_dir():
            raise typer.BadParameter("a model's directory has numbers alone", param_hint="--output")
        tables.check_output(output, "predictions")
        say_new_folder(output)
    if table.is_dir():
        numbers = earmark.load(table).metrics
        if not numbers:
            raise BundleError(f"{table}: says nothing of how right it is")
        show_evaluation(numbers, form)
        return
    bundle = None if model is None else earmark.load(model)
    data = labelled(
        *(table, labels),
        label=label,
        group=group,
        split=split,
        ignore=[] if model is not None else names_in(ignore),
        use=[] if model is not None else names_in(use),
        # A model that is there knows itself what it looks at.
        keep_all=model is not None,
        # A genre of its is the same in another spelling.
        spelled=() if bundle is None else bundle.genres,
        ignore_unknown=ignore_unknown,
        audio=audio,
        genre_list=genre_list.value,
    )
    if bundle is not None:
        show_evaluation(cross_validation.test(bundle, data), form)
        say("this holds if the model was trained on none of these tracks, nor on their artists")
        if output is not None:
            _write(cross_validation.predicted(bundle, data), output)
        return
    found = cross_validation.cross_validate(
        data,
        GenreClassifier(device=usable_device(device.value)),
        count=folds,
        repeats=repeats,
        seed=seed,
        leaky=True,
        search=search(tune),
        show_progress=not quiet,
    )
    show_evaluation(found.metrics, form)
    if output is not None:
        _write(found.predictions(), output)


def _write(predictions: pd.DataFrame, output: Path) -> None:
    from earmark.extract import tables

    tables.write(predictions, output)
    say(f"what was said of {len(predictions)} tracks: {output}")
