"""`earmark train`: a table and labels become a model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

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
    TrainScheduler,
    Tune,
    Use,
    WhereToTrain,
    names_in,
    process_count,
)
from earmark.commands._output import As, Format

EXAMPLE = "earmark train features.parquet --labels labels.csv -o models/mine"


def command(
    table: Annotated[
        Path,
        typer.Argument(
            help="A table from `earmark extract`, or one of Spotify's; with --scheduler also a "
            "folder of part-*.parquet.",
            metavar="TABLE",
        ),
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
    scheduler: TrainScheduler = None,
    form: As = Format.table,
    quiet: Quiet = False,
) -> None:
    """Train a model on a table and labels, and say honestly how right it is.

    The directory holds the model, its card, and report.html with pictures.
    """
    from earmark.classify import distributed, train
    from earmark.classify.model import storage
    from earmark.classify.model.boosting import usable_device
    from earmark.classify.model.estimator import GenreClassifier

    storage.check_directory(output)
    joining: dict[str, Any] = {
        "label": label,
        "group": group,
        "ignore": names_in(ignore),
        "use": names_in(use),
        "ignore_unknown": ignore_unknown,
        "audio": audio,
        "genre_list": genre_list.value,
    }
    if scheduler is not None:
        alone = {"--split": split, "--repeats": repeats, "--tune": tune}
        _refuse([name for name, value in alone.items() if value], device)
        with distributed.connect(scheduler, process_count(0)) as client:
            pieces = distributed.survey(client, table, labels, **joining)
            data, rows, pickles = pieces.tracks, int(pieces.rows.sum()), None
            for note in data.notes:
                say(note)
            if not force:
                storage.check_replaced(output, data)
            evaluation, bundle = distributed.train(client, pieces, count=folds, seed=seed)
    else:
        data = labelled(table, labels, split=split, **joining)
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
        rows, pickles = len(data.features), train.pickles(bundle, data)
    card = train.card(f"Genre model {output.name}", table.name, data, bundle, rows)
    if not quiet:
        say("writing model and report")
    train.write(output, bundle, card, evaluation=evaluation, pickles=pickles)
    show_evaluation(evaluation.metrics, form)
    say(f"model, card and report.html: {output}")


def _refuse(given: list[str], device: Device) -> None:
    """Refuse what training on a cluster does not know."""
    from earmark.extract.errors import SettingsError

    given += [] if device is Device.cpu else ["--device"]
    if given:
        raise SettingsError(
            f"{', '.join(given)} cannot be used with --scheduler, which trains on CPUs and holds "
            "out one part of the groups; leave it out"
        )
