"""Options that several commands have, and what they are read into."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from earmark.extract.batch.executors import Executor
    from earmark.extract.key_names import Notation


class Device(StrEnum):
    """Where a model is trained."""

    cpu = "cpu"
    cuda = "cuda"


class GenreList(StrEnum):
    """Which genre of a list counts."""

    first = "first"
    last = "last"
    whole = "whole"


class Keys(StrEnum):
    """How keys are written."""

    musical = "musical"
    camelot = "camelot"
    openkey = "openkey"


Sources = Annotated[
    list[str],
    typer.Argument(
        help="Audio files, folders searched at every depth, and lists: '@list.txt' has one on "
        "each line, '-' is such a list on stdin. Tracks are called by their path in "
        "the folder; where several folders are named, the folder as it was named goes before it.",
        metavar="SOURCE",
    ),
]


Workers = Annotated[
    int,
    typer.Option("--workers", "-j", min=0, help="Processes; 0 takes one per core.", metavar="N"),
]


Scheduler = Annotated[
    str | None,
    typer.Option(
        help="Analyse on a cluster of Dask's (needs the extra cluster): the address of its "
        "scheduler, or 'local' to start one here.",
        metavar="tcp://HOST:8786|local",
    ),
]


KeyNames = Annotated[
    Keys | None,
    typer.Option(
        "--key-notation",
        help="Also name the key, in the column key_name: Am, 8A on Camelot's wheel, or 1m in Open "
        "Key notation.",
    ),
]


def _a_range(limits: tuple[float, float] | None) -> tuple[float, float] | None:
    if limits is not None and not 0 < limits[0] < limits[1]:
        raise typer.BadParameter(f"{limits[0]:g} {limits[1]:g}: the lower one first, above 0")
    return limits


TempoRange = Annotated[
    tuple[float, float] | None,
    typer.Option(
        "--tempo-range",
        help="Halve or double tempi until they lie between these two, as DJ programs do: 88 175.",
        metavar="LOW HIGH",
        callback=_a_range,
    ),
]


Timeout = Annotated[
    float | None,
    typer.Option(
        help="Seconds that one file may take; by default 30 and a twentieth of its length.",
        metavar="SECONDS",
    ),
]


Memory = Annotated[
    float | None,
    typer.Option(
        min=0.5,
        help="Gibibytes that one worker may take (on Linux); by default 4.",
        metavar="GIB",
        show_default=False,
    ),
]


Force = Annotated[
    bool,
    typer.Option("--force", help="Replace what stands there, whatever would be lost by it."),
]


Config = Annotated[
    Path | None, typer.Option(help="Settings of the analysis, TOML (see configs/default.toml).")
]


Strict = Annotated[bool, typer.Option("--strict", help="Exit with 1 if any file failed.")]


Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar.")]


Labels = Annotated[
    str | None,
    typer.Option(
        help="A CSV with a column path, file or filename and one of genres; 'folders' for the "
        "folder of each file; 'tags' for the tags in the files. By default a column of the table. "
        "Spellings that differ in case, hyphens and spaces are one genre; 'N/A', 'Unknown' and "
        "'Other' are none.",
        metavar="CSV|folders|tags",
    ),
]


Label = Annotated[str, typer.Option(help="Column that holds the genre.")]


Genres = Annotated[
    GenreList,
    typer.Option(
        "--genre-list",
        help="Which genre counts where a label is a list, such as 'Rock; Pop', 'Rock/Pop' or "
        "'Rock, Pop'; 'whole' takes it for the name of one.",
    ),
]


Group = Annotated[
    str | None,
    typer.Option(
        help="Column whose values never cross a split; by default the artist, else the album, else "
        "the recording."
    ),
]


Split = Annotated[
    str | None,
    typer.Option(
        help="Column that names the published fold of each track: train, valid and test, or the "
        "number of a fold.",
        metavar="COLUMN",
    ),
]


Audio = Annotated[
    Path | None, typer.Option(help="With '--labels tags': the folder that was extracted.")
]


Ignore = Annotated[
    str | None,
    typer.Option(
        help="Descriptors not to learn from, with commas, beside those of the file rather than the "
        "music (duration_ms, length, loudness, true_peak) in a table that Earmark made.",
        metavar="NAMES",
    ),
]


Use = Annotated[
    str | None,
    typer.Option(
        help="Descriptors of the file to learn from all the same, with commas.", metavar="NAMES"
    ),
]


IgnoreUnknown = Annotated[
    bool, typer.Option("--ignore-unknown", help="Pass over labels of tracks not in the table.")
]


Folds = Annotated[int, typer.Option(min=2, help="Folds of the cross-validation.")]


Repeats = Annotated[
    int | None,
    typer.Option(
        min=1,
        help="Repeats with other folds. By default 3 for less than 2,000 tracks, else 1; of 20,000 "
        "tracks and more a single fold is tested.",
        show_default=False,
    ),
]


Seed = Annotated[int, typer.Option(min=0, max=2**31 - 100, help="Seed of folds and learner.")]


Tune = Annotated[
    int,
    typer.Option(
        min=0,
        help="Sets of parameters to try (needs the extra tune), within the training part of every "
        "fold, so that the numbers stay honest.",
        metavar="N",
    ),
]


TrainScheduler = Annotated[
    str | None,
    typer.Option(
        "--scheduler",
        help="Train on a cluster of Dask's (needs the extra cluster), on a table of Parquet that "
        "need not fit into one machine: the address of its scheduler, or 'local' to start one "
        "here. One part of --folds is held out, and there is no linear part.",
        metavar="tcp://HOST:8786|local",
    ),
]


WhereToTrain = Annotated[Device, typer.Option("--device", help="Where to train.")]


def notation_of(keys: Keys | None) -> Notation | None:
    """Return how keys are to be named; None where they are not."""
    return keys.value if keys else None


def names_in(given: str | None) -> list[str]:
    """Split names at commas."""
    return [name.strip() for name in (given or "").split(",") if name.strip()]


def process_count(wanted: int) -> int:
    if wanted:
        return wanted
    import joblib

    return int(joblib.cpu_count())


def processes(workers: int, memory: float | None, scheduler: str | None = None) -> Executor:
    """Return the workers of a command: processes here, or a cluster."""
    from earmark.extract.batch.executors import MEMORY, Processes

    held = int(memory * 2**30) if memory else MEMORY
    if scheduler is None:
        return Processes(process_count(workers), held)
    from earmark.extract.batch.cluster import Cluster

    return Cluster(scheduler, process_count(workers), held)


def read_settings(
    config: Path | None = None, tempo_range: tuple[float, float] | None = None
) -> Any:
    from earmark.extract import config as configs

    settings = configs.load(config) if config else configs.DEFAULTS
    if tempo_range is None:
        return settings
    return configs.parse(settings.model_dump() | {"tempo_range": tempo_range}, "--tempo-range")


def default_folder() -> Path:
    """Return where results go that nobody named a place for."""
    folder = Path("data/features")
    return folder if folder.is_dir() else Path()
