"""`earmark train`: a table and labels become a model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from earmark.commands._console import say
from earmark.commands._learning import labelled, search, show_evaluation
from earmark.commands._options import (
    Audio,
    Device,
    Folds,
    Force,
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

EXAMPLE = "earmark train features.parquet --labels labels.csv -o models/mine"


def command(
    table: Annotated[
        Path, typer.Argument(help="A table from `earmark extract`, or one of Spotify's.")
    ],
    output: Annotated[
        Path, typer.Option("-o", "--output", help="Directory for the model.", show_default=False)
    ],
    labels: Labels = None,
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
    force: Force = False,
    device: WhereToTrain = Device.cpu,
    form: As = Format.table,
    quiet: Quiet = False,
) -> None:
    """Train a model on a table and labels, and say honestly how right it is.

    The directory holds the model, its card, and report.html with pictures.
    """
    from earmark.classify import train
    from earmark.classify.model import storage
    from earmark.classify.model.estimator import GenreClassifier, usable_device

    storage.check_directory(output)
    data = labelled(
        *(table, labels),
        label=label,
        group=group,
        split=split,
        ignore=names_in(ignore),
        use=names_in(use),
        ignore_unknown=ignore_unknown,
        audio=audio,
        genre_list=genre_list.value,
    )
    if not force:
        storage.check_replaced(output, data)
    evaluation, bundle = train.train(
        data,
        GenreClassifier(device=usable_device(device.value)),
        count=folds,
        repeats=repeats,
        seed=seed,
        search=search(tune),
        show_progress=not quiet,
    )
    card = train.card(f"Genre model {output.name}", table.name, data, bundle)
    if not quiet:
        say("writing model and report")
    pickles = train.pickles(bundle, data)
    train.write(output, bundle, card, evaluation=evaluation, pickles=pickles)
    show_evaluation(evaluation.metrics, form)
    say(f"model, card and report.html: {output}")
