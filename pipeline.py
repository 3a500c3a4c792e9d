"""The command line `earmark`: parses, calls, prints; no logic of its own."""

from __future__ import annotations

import re
import sys
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, NoReturn

import typer
from typer.core import TyperCommand

# Everything else is imported where it is used: `earmark --help` answers at once.
if TYPE_CHECKING:
    import pandas as pd

    from earmark.classify.dataset.build import Dataset
    from earmark.classify.evaluation.held_out import Search
    from earmark.classify.model.bundle import Bundle
    from earmark.classify.score import Scored
    from earmark.classify.trained import Trained
    from earmark.extract.batch.run import Result
    from earmark.extract.feature_table import FeatureTable

__all__ = ["main"]

app = typer.Typer(
    name="earmark",
    help="Turn a folder of music into a table of audio descriptors and a genre for every track.",
    epilog="Example:  earmark classify ~/Music -o genres.csv",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

SHOWN = 50
"""Rows of a result that are shown on the screen; the file holds them all."""

WEAK = 0.3
"""Probability below which a genre gets a question mark."""


class OptionalValues(TyperCommand):
    """A command some options of which may stand without their value.

    What follows such an option is its value only if it could be one: `--explain ~/Music` names a
    folder, `--explain columns` and `--explain=columns` do not.
    """

    VALUES: ClassVar[dict[str, tuple[str, str]]] = {
        "--explain": ("families", r"families|columns"),
        "--segments": ("30", r"\d+(\.\d*)?"),
    }
    """By option: what it means without a value, and what its values look like."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Give options their values before the arguments are parsed."""
        given: list[str] = []
        rest = list(args)
        while rest:
            argument = rest.pop(0)
            if argument == "--":
                given += [argument, *rest]
                break
            if argument in self.VALUES:
                usual, values = self.VALUES[argument]
                own = rest.pop(0) if rest and re.fullmatch(values, rest[0]) else usual
                argument = f"{argument}={own}"
            given.append(argument)
        return super().parse_args(ctx, given)


class Reasons(StrEnum):
    """How reasons are told."""

    families = "families"
    columns = "columns"


class Device(StrEnum):
    """Where a model is trained."""

    cpu = "cpu"
    cuda = "cuda"


class GenreList(StrEnum):
    """Which genre of a list counts."""

    first = "first"
    last = "last"
    whole = "whole"


class Theme(StrEnum):
    """What page a picture is for."""

    light = "light"
    dark = "dark"


Sources = Annotated[
    list[str],
    typer.Argument(
        help="Audio files, and folders searched at every depth. Tracks are called by their path in "
        "the folder; where several folders are named, the folder as it was named goes before it."
    ),
]
Workers = Annotated[
    int,
    typer.Option("--workers", "-j", min=0, help="Processes; 0 takes one per core.", metavar="N"),
]
Timeout = Annotated[
    float | None,
    typer.Option(
        help="Seconds that one file may take; by default 30 and a twentieth of its length.",
        metavar="SECONDS",
    ),
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
        help="Sets of parameters to try (needs 'earmark[tune]'), within the training part of every "
        "fold, so that the numbers stay honest.",
        metavar="N",
    ),
]
WhereToTrain = Annotated[Device, typer.Option("--device", help="Where to train.")]


def _version(wanted: bool) -> None:
    if wanted:
        from earmark.version import __version__

        print(f"earmark {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    pass


@app.command("extract", epilog="Example:  earmark extract ~/Music -o features.parquet --workers 4")
def extract_command(
    sources: Sources,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            help="The table; its ending (.parquet, .csv, .jsonl) names the format. "
            "By default features.parquet, in data/features where there is such a folder.",
        ),
    ] = None,
    set_name: Annotated[
        str,
        typer.Option(
            "--set",
            help="Feature set: default; spotify, the 13 columns of Spotify's tables; loudness, its "
            "range and true peak; musicnn, 50 tags and 200 activations of a network; "
            "default+musicnn; gtzan, the 58 columns of the GTZAN table; fma, the 518 of the Free "
            "Music Archive's; or fma-compat, those as published, frequencies halved.",
        ),
    ] = "default",
    windows: Annotated[
        float | None,
        typer.Option(help="A row per window of about this many seconds.", metavar="SECONDS"),
    ] = None,
    tracks_output: Annotated[
        Path | None,
        typer.Option(
            "--tracks", help="With --windows: a table with a row per track, from the same pass."
        ),
    ] = None,
    header_rows: Annotated[
        int,
        typer.Option(
            help="3 for a CSV of the set fma with the header of the published one.", metavar="1|3"
        ),
    ] = 1,
    workers: Workers = 0,
    timeout: Timeout = None,
    config: Config = None,
    strict: Strict = False,
    quiet: Quiet = False,
) -> None:
    """Analyse audio files: a table with a row of descriptors per track.

    What could not be analysed is listed in TABLE.failures.csv beside the table, and what is odd
    about others in TABLE.notes.csv. A run that was interrupted goes on where it was when the same
    command is given again.
    """
    from earmark.extract import tables
    from earmark.extract.batch import run

    if tracks_output and windows is None:
        raise typer.BadParameter(
            "without --windows, -o names the table of tracks", param_hint="--tracks"
        )
    if header_rows not in (1, 3):
        raise typer.BadParameter("either 1 or 3", param_hint="--header-rows")
    extraction = run.Extraction(
        set_name, _settings(config), windows, tracks_output is not None, timeout
    )
    output = output or _default_folder() / "features.parquet"
    result = run.extract(
        sources,
        extraction,
        output=output,
        tracks_output=tracks_output,
        header_rows=header_rows,
        workers=_workers(workers),
        progress=not quiet,
    )
    tracks = result.described
    rows = f" in {result.rows} windows" if windows else ""
    if tracks:
        print(f"{tracks} tracks{rows}, {len(extraction.schema.columns)} descriptors each: {output}")
    else:
        _say(f"nothing could be analysed; no {output} was written")
    _say_unsearched(result)
    _show_notes(result.notes, tables.notes_path(output))
    _finish(tracks, result.failures, tables.failures_path(output), strict)


@app.command(
    "classify",
    cls=OptionalValues,
    epilog="Example:  earmark classify ~/Music -o genres.csv --model models/mine",
)
def classify_command(
    sources: Annotated[
        list[str],
        typer.Argument(help="Audio files, folders searched at every depth, or one feature table."),
    ],
    model: Annotated[
        Path | None,
        typer.Option("-m", "--model", help="Directory of a model; by default the one shipped."),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            help="The predictions (.csv, .parquet, .jsonl). By default predictions.csv, in "
            "data/features where there is such a folder.",
        ),
    ] = None,
    top: Annotated[int, typer.Option(min=1, help="Genres to name per track.")] = 3,
    min_probability: Annotated[
        float,
        typer.Option(
            min=0,
            max=1,
            help="Leave the genre empty where it is less probable.",
            metavar="P",
        ),
    ] = 0.0,
    explain: Annotated[
        Reasons | None,
        typer.Option(
            "--explain",
            help="Also say what spoke for each genre and what against it: in words on the screen, "
            "or with '--explain=columns' by descriptor; OUTPUT.explained.csv has the descriptors.",
            metavar="[families|columns]",
        ),
    ] = None,
    tags: Annotated[
        bool,
        typer.Option(
            "--tags",
            help="Also name the strongest tags, such as 'guitar' or 'female vocalists', as a "
            "network hears them; the columns tags and tag_probabilities of the predictions.",
        ),
    ] = False,
    segments: Annotated[
        float | None,
        typer.Option(
            "--segments",
            min=3,
            help="Also judge parts of about this many seconds, 30 by default, of DJ mixes and live "
            "sets by themselves: OUTPUT.segments.csv. Neighbours of the same genre are joined.",
            metavar="[SECONDS]",
        ),
    ] = None,
    workers: Workers = 0,
    timeout: Timeout = None,
    strict: Strict = False,
    quiet: Quiet = False,
) -> None:
    """Find the genre of audio files: a table on the screen and a file of predictions."""
    import earmark
    from earmark.classify import score, sound_tags
    from earmark.extract import tables
    from earmark.extract.batch import run

    bundle = earmark.load(model)
    output = output or _default_folder() / "predictions.csv"
    tables.check_output(output, "predictions")
    explained = _beside(output, "explained", "reasons" if explain else None)
    timeline = _beside(output, "segments", None if segments is None else "segments")
    failures: Sequence[Sequence[str]] = []
    notes: Sequence[Sequence[str]] = []
    if len(sources) == 1 and sources[0].lower().endswith(tables.READABLE):
        table = parts = tables.read(sources[0])
        if model is None and not set(bundle.inputs) <= set(table.frame):
            bundle = _light_for(table, bundle)
        _say_of_table(bundle, table)
    else:
        where = str(model or "the default model")
        extraction = score.extraction_of(bundle, where, tags=tags, segments=segments)
        extraction = replace(extraction, timeout=timeout)
        result = run.extract(sources, extraction, workers=_workers(workers), progress=not quiet)
        parts, table = result.held[0], result.held[-1]
        failures, notes = result.failures, result.notes
        _say_unsearched(result)
    scored = score.scored(bundle, table)
    found = scored.predictions(top, min_probability)
    if tags:
        found = found.join(sound_tags.of_tracks(scored.tags, table.source), on="path")
    if segments is not None:
        timed = scored if parts is table else score.scored(bundle, parts)
        over_time = timed.segments(segments, top, min_probability)
    listed = tables.write_failures(failures, output)
    if len(found):
        tables.write(found, output)
        _show_predictions(found)
        print(f"{len(found)} tracks: {output}")
        _say_synthetic(sources, found["path"])
        if explain:
            _explain(scored, explain, explained)
        if segments is not None:
            tables.write(over_time, timeline)
            _show_segments(over_time)
            print(f"genres over time: {timeline}")
    else:
        _say(f"nothing could be analysed; no {output} was written")
    _show_doubts(found, min_probability)
    _show_notes(notes, tables.write_notes(notes, output))
    _finish(len(found), failures, listed, strict)


@app.command(
    "train", epilog="Example:  earmark train features.parquet --labels labels.csv -o models/mine"
)
def train_command(
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
    device: WhereToTrain = Device.cpu,
    quiet: Quiet = False,
) -> None:
    """Train a model on a table and labels, and say honestly how right it is.

    The directory holds the model, its card, and report.html with pictures.
    """
    from earmark.classify import train
    from earmark.classify.model import storage
    from earmark.classify.model.estimator import GenreClassifier, usable_device

    storage.check_directory(output)
    data = _labelled(
        *(table, labels),
        label=label,
        group=group,
        split=split,
        ignore=_names(ignore),
        use=_names(use),
        ignore_unknown=ignore_unknown,
        audio=audio,
        genre_list=genre_list.value,
    )
    evaluation, bundle = train.train(
        data,
        GenreClassifier(device=usable_device(device.value)),
        count=folds,
        repeats=repeats,
        seed=seed,
        search=_search(tune),
        show_progress=not quiet,
    )
    card = train.card(f"Genre model {output.name}", table.name, data, bundle)
    if not quiet:
        _say("writing model and report")
    pickles = train.pickles(bundle, data)
    train.write(output, bundle, card, evaluation=evaluation, pickles=pickles)
    _show_evaluation(evaluation.metrics)
    print(f"model, card and report.html: {output}")


@app.command(
    "evaluate",
    epilog="Example:  earmark evaluate features.parquet --labels labels.csv --split fold",
)
def evaluate_command(
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
    quiet: Quiet = False,
) -> None:
    """Say how right a model of these tracks is about artists that it has not heard.

    Beside it stands what a random split would have said, and what duplicates add to that.
    """
    import earmark
    from earmark.classify.evaluation import cross_validation
    from earmark.classify.model.estimator import GenreClassifier, usable_device
    from earmark.extract.errors import BundleError

    if table.is_dir():
        numbers = earmark.load(table).metrics
        if not numbers:
            raise BundleError(f"{table}: says nothing of how right it is")
        _show_evaluation(numbers)
        return
    bundle = None if model is None else earmark.load(model)
    data = _labelled(
        *(table, labels),
        label=label,
        group=group,
        split=split,
        ignore=[] if model is not None else _names(ignore),
        use=[] if model is not None else _names(use),
        # A model that is there knows itself what it looks at.
        keep_all=model is not None,
        # A genre of its is the same in another spelling.
        spelled=() if bundle is None else bundle.genres,
        ignore_unknown=ignore_unknown,
        audio=audio,
        genre_list=genre_list.value,
    )
    if bundle is not None:
        _show_evaluation(cross_validation.test(bundle, data))
        return
    found = cross_validation.cross_validate(
        data,
        GenreClassifier(device=usable_device(device.value)),
        count=folds,
        repeats=repeats,
        seed=seed,
        leaky=True,
        search=_search(tune),
        show_progress=not quiet,
    )
    _show_evaluation(found.metrics)


@app.command("insights", epilog="Example:  earmark insights features.parquet -o pictures")
def insights_command(
    table: Annotated[Path, typer.Argument(help="Any table of tracks, or of windows of them.")],
    output: Annotated[
        Path,
        typer.Option("-o", "--output", help="Directory for the pictures.", show_default=False),
    ],
    labels: Labels = None,
    label: Annotated[
        str | None,
        typer.Option(
            help="Column that holds the genre; by default genre, track_genre, label or the like.",
            show_default=False,
        ),
    ] = None,
    genre_list: Genres = GenreList.first,
    audio: Audio = None,
    ignore_unknown: IgnoreUnknown = False,
    theme: Annotated[
        Theme, typer.Option(help="Draw for a light page or a dark one.")
    ] = Theme.light,
) -> None:
    """Draw what is in a table: genres, descriptors, how they go together, and what is missing.

    The directory holds the pictures and index.html, which shows them all. What the table has
    nothing for is left out, and named.
    """
    from earmark.classify.insights import page as insights

    insights.check_directory(output)
    tracks = insights.read(
        *(table, labels),
        label=label,
        ignore_unknown=ignore_unknown,
        audio=audio,
        genre_list=genre_list.value,
    )
    made = list(insights.write(output, tracks, theme.value))
    for line in (*insights.about(tracks), *insights.findings(made)):
        print(line)
    for absent in made:
        if isinstance(absent, insights.Absent):
            print(f"not drawn: {absent.heading}: {absent.reason}")
    print(f"pictures and index.html: {output}")


@app.command("beats", epilog="Example:  earmark beats song.mp3 > song.beats")
def beats_command(
    track: Annotated[Path, typer.Argument(help="An audio file.")],
) -> None:
    """Find the beats of an audio file: a line for each, its second and its number in the bar."""
    import earmark

    found = earmark.beats(track)
    if not len(found):
        _say(f"{track}: nothing repeats in it, so that it has no beats")
    for second, beat in found.itertuples(index=False):
        print(f"{second:.3f}\t{beat}")


@app.command("playlist", epilog="Example:  earmark playlist genres.csv -o ~/Music --audio ~/Music")
def playlist_command(
    predictions: Annotated[
        Path,
        typer.Argument(help="Predictions of `earmark classify`, or any table with genres."),
    ],
    output: Annotated[
        Path,
        typer.Option(
            "-o", "--output", help="Folder for the playlists.", show_default=False, metavar="DIR"
        ),
    ],
    by: Annotated[
        str, typer.Option(help="Column whose values become playlists.", metavar="COLUMN")
    ] = "genre",
    at_least: Annotated[
        float, typer.Option(min=0, max=1, help="Leave out tracks that are less probable.")
    ] = 0.5,
    audio: Annotated[
        Path | None,
        typer.Option(
            help="The folder that was classified: the playlists then lead to its files. By default "
            "they hold the paths of the table, which are right in that folder only."
        ),
    ] = None,
) -> None:
    """Write a playlist (.m3u8) for each genre, the surest tracks first."""
    from earmark.classify.library import playlists
    from earmark.extract import tables
    from earmark.extract.errors import SchemaError

    table = tables.read(predictions).frame
    paths = playlists.locate(audio, output, table["path"].astype(str)) if audio else None
    made = playlists.write(table, output, by=by, at_least=at_least, paths=paths)
    if paths is not None:
        away = table.loc[~table["path"].isin(paths.keys()), "path"].nunique()
        if away:
            _say(f"{away} {'track is' if away == 1 else 'tracks are'} not in {audio}: left out")
    if not made:
        raise SchemaError(
            f"{predictions}: no track has a {by} with a probability of {at_least:g} or more; "
            "lower --at-least"
        )
    for playlist in made:
        print(f"{playlist.tracks:6}  {playlist.path}")


@app.command(
    "similar", epilog="Example:  earmark similar 'Miles Davis/So What.mp3' features.parquet"
)
def similar_command(
    track: Annotated[
        str,
        typer.Argument(help="A track as the table names it, or an audio file.", metavar="TRACK"),
    ],
    table: Annotated[Path, typer.Argument(help="A table from `earmark extract`.")],
    count: Annotated[int, typer.Option("-n", min=1, help="How many tracks to name.")] = 10,
    duplicates: Annotated[
        bool, typer.Option("--duplicates", help="Also name the same recording in another file.")
    ] = False,
) -> None:
    """Find the tracks of a table that sound most like a track: a line each, similarity and path.

    1 is alike in everything, 0 is nothing in common, below that the two differ from the average
    track in opposite ways.
    """
    from earmark.classify.dataset import build
    from earmark.classify.library import similar
    from earmark.extract import tables

    found = similar.find(track, tables.read(table), count=count, duplicates=duplicates)
    if not len(found):
        _say(f"{track}: nothing is like it: it is silent, or the only one")
    for path, alike in found.itertuples(index=False):
        print(f"{alike:.3f}\t{build.one_line(path)}")


@app.command("merge", epilog="Example:  earmark merge rock.parquet jazz.parquet -o all.parquet")
def merge_command(
    sources: Annotated[
        list[Path],
        typer.Argument(help="Tables from `earmark extract`, in Parquet.", metavar="TABLE..."),
    ],
    output: Annotated[
        Path,
        typer.Option(
            "-o",
            "--output",
            help="The table of them all; its ending (.parquet, .csv, .jsonl) names the format.",
            show_default=False,
        ),
    ],
) -> None:
    """Join tables that were made alike: with the same set, settings and versions of descriptors.

    A row that several tables have is there once. A path that stands for different files in them is
    refused, as are tables that do not say how they were made.
    """
    from earmark.extract import feature_table, tables

    tables.check_output(output, "features")
    parts = [tables.read(source) for source in sources]
    merged = feature_table.merge(parts)
    tables.write(merged, output)
    twice = sum(map(len, parts)) - len(merged)
    repeated = f" ({twice} were there more than once)" if twice else ""
    print(f"{len(merged)} rows of {merged.paths.nunique()} tracks{repeated}: {output}")


@app.command("info", epilog="Example:  earmark info features.parquet")
def info_command(
    thing: Annotated[
        Path,
        typer.Argument(help="A table, a model directory, an audio file or a descriptor's name."),
    ],
) -> None:
    """Say what a table, a model or an audio file holds, or what a descriptor means."""
    import earmark
    from earmark.extract import descriptor_docs, tables

    if not thing.exists() and descriptor_docs.is_name(str(thing)):
        _show_page(descriptor_docs.find(str(thing)))
    elif thing.is_dir():
        import earmark

        bundle = earmark.load(thing)
        windows = f"windows of {bundle.windows:g} s" if bundle.windows else "whole tracks"
        print(
            f"model of {bundle.set or 'a foreign table'}, {len(bundle.columns)} columns, {windows}"
        )
        print(f"genres: {', '.join(bundle.genres)}")
        if bundle.metrics:
            _show_evaluation(bundle.metrics)
    elif thing.name.lower().endswith(tables.READABLE):
        _show_table(tables.read(thing), tables.kind_of(thing))
    else:
        for name, value in earmark.features(thing).items():
            print(f"{name} {value:g}")


@app.command("app", epilog="Example:  earmark app --root ~/Music")
def app_command(
    root: Annotated[
        Path | None,
        typer.Option(
            help="Folders and tables can be named below this one, and nowhere else; by default the "
            "current one.",
        ),
    ] = None,
    port: Annotated[int | None, typer.Option(min=1, max=65535, help="By default 8501.")] = None,
    address: Annotated[
        str | None,
        typer.Option(
            help="Address to listen on; by default this computer alone, 127.0.0.1. With 0.0.0.0 "
            "everybody in the network can use it: there is no password."
        ),
    ] = None,
    upload_mb: Annotated[
        int | None, typer.Option(min=1, help="Megabytes of one file; by default 200.")
    ] = None,
    browser: Annotated[
        bool | None, typer.Option("--browser/--no-browser", help="Open a browser.")
    ] = None,
) -> None:
    """Look at music in the browser: classify, browse, compare, train.

    What else is limited is set by variables of the environment, such as EARMARK_APP_UPLOADS.
    """
    import os

    from earmark.classify.app import server, settings

    for name, value in (("ROOT", root and root.absolute()), ("UPLOAD_MB", upload_mb)):
        if value is not None:
            os.environ[f"{settings.PREFIX}{name}"] = str(value)
    server.serve(
        Path(__file__).with_name("app.py").resolve(),
        server_port=port,
        server_address=address,
        server_headless=None if browser is None else not browser,
    )


def _labelled(table: Path, labels: str | None, **options: Any) -> Dataset:
    """Join a table with its labels, and say what was noticed."""
    from earmark.classify.dataset import build

    data = build.build(table, labels, **options)
    for note in data.notes:
        _say(note)
    return data


def _search(trials: int) -> Search | None:
    """Return the search for parameters that was asked for, if any."""
    if not trials:
        return None
    from functools import partial

    from earmark.classify.evaluation import tune

    return partial(tune.search, trials=trials)


def _names(given: str | None) -> list[str]:
    """Split names at commas."""
    return [name.strip() for name in (given or "").split(",") if name.strip()]


def _workers(wanted: int) -> int:
    if wanted:
        return wanted
    import joblib

    return int(joblib.cpu_count())


def _settings(config: Path | None) -> Any:
    from earmark.extract import config as configs

    return configs.load(config) if config else configs.DEFAULTS


def _default_folder() -> Path:
    """Return where results go that nobody named a place for."""
    folder = Path("data/features")
    return folder if folder.is_dir() else Path()


def _say(message: str) -> None:
    print(f"earmark: {message}", file=sys.stderr)


def _say_unsearched(result: Result) -> None:
    """Say which files of the folders were not searched."""
    from earmark.extract.audio.sources import unsearched_files

    if result.unsearched:
        _say(unsearched_files(result.unsearched))


def _show_notes(notes: Sequence[Sequence[str]], listed: Path | None) -> None:
    """Say what is odd about files that could be analysed."""
    if notes:
        count = len({path for path, _ in notes})
        _say(f"{count} analysed and odd" + (f", all listed in {listed}" if listed else "") + ":")
        for path, note in notes[:5]:
            _say(f"  {path}: {note}")
        if len(notes) > 5:
            _say(f"  … and {len(notes) - 5} more")


def _finish(
    good: int, failures: Sequence[Sequence[str]], listed: Path | None, strict: bool
) -> None:
    """Name what failed and end with the right status."""
    if failures:
        _say(f"{len(failures)} failed" + (f", all listed in {listed}" if listed else "") + ":")
        for path, _, _, message in failures[:5]:
            _say(f"  {path}: {message}")
        if len(failures) > 5:
            _say(f"  … and {len(failures) - 5} more")
    if not good or (strict and failures):
        raise typer.Exit(1)


def _show_page(page: str) -> None:
    if not sys.stdout.isatty():
        print(page, end="")
        return
    from rich.console import Console
    from rich.markdown import Markdown

    Console().print(Markdown(page, hyperlinks=False))


def _show_table(table: FeatureTable, kind: str | None) -> None:
    """Show what a table holds, what made it, and what is missing in it."""
    from earmark.extract.provenance import DESCRIPTION

    frame, about = table.frame, table.provenance
    print(f"{kind or 'a foreign table'}: {len(frame)} rows, {len(frame.columns)} columns")
    for name in ("set", "fingerprint"):
        if name in about:
            print(f"{name}: {about[name]}")
    if "settings" in about:
        settings = ", ".join(f"{name} {value}" for name, value in about["settings"].items())
        print("settings:", settings or "those of the set")
    if "windows" in about:
        length = about["windows"]
        print("rows:", f"windows of {length:g} s" if length else "whole tracks")
    for name, value in about.items():
        if name not in DESCRIPTION:
            print(f"{name}: {value}")
    missing = frame.isna().mean()
    for column, share in missing[missing > 0].items():
        print(f"missing in {column}: {share:.1%}")


def _beside(output: Path, name: str, kind: str | None) -> Path:
    """Return where a second table goes; one of that kind must be free to stand there."""
    from earmark.extract import tables

    path = output.with_name(f"{output.stem}.{name}{output.suffix}")
    if kind is not None:
        tables.check_output(path, kind)
    return path


def _light_for(table: FeatureTable, default: Trained) -> Trained:
    """Return the light model where a table has all that it looks at, and say so."""
    import earmark

    light = earmark.load("light")
    if not set(light.inputs) <= set(table.frame):
        return default
    _say(
        f"{table.source} holds no learned embedding: the model light is taken, which is less often "
        "right; `earmark extract --set default+musicnn` makes a table for the default model"
    )
    return light


def _say_of_table(bundle: Bundle, table: FeatureTable) -> None:
    """Say what a table that a model is to classify is taken for."""
    if bundle.fingerprint and not table.provenance:
        _say(
            f"{table.source} does not say with which settings it was made, as Parquet does; it "
            "is taken to be made like the model's"
        )
    if bundle.windows and not table.windowed and set(bundle.inputs) <= set(table.frame):
        _say(
            f"{table.source} has a row per track, and the model was trained on windows of "
            f"{bundle.windows:g} s: it is less right so than on the files themselves"
        )


def _say_synthetic(sources: Sequence[str], paths: Iterable[str]) -> None:
    """Say which tracks nobody played."""
    from earmark.classify import demo

    if count := len(demo.synthetic(sources, paths)):
        which = "1 of them is a demo track" if count == 1 else f"{count} of them are demo tracks"
        _say(f"{which}: synthetic, computed by a script, and no measure of how right it is")


def _show_doubts(found: pd.DataFrame, min_probability: float) -> None:
    """Count the tracks without a genre, and those whose genre is weak."""
    silent = found["probability"].isna()
    unsure = found["genre"].isna() & ~silent
    weak = found["genre"].notna() & (found["probability"] < WEAK)
    if silent.any():
        print(f"{silent.sum()} without a genre: silent, or shorter than a tenth of a second")
    if unsure.any():
        print(f"{unsure.sum()} without a genre: less probable than {min_probability:g}")
    if weak.any():
        print(f"{weak.sum()} with a question mark: less than {100 * WEAK:.0f} % sure")


def _explain(scored: Scored, how: Reasons, output: Path) -> None:
    """Write what spoke for the genre of each track and what against it, and show it."""
    from earmark.extract import tables

    columns = scored.explanations()
    tables.write(columns, output)
    if how is Reasons.columns:
        _show_columns(columns)
    else:
        _show_reasons(scored.reasons(scored.paths[:SHOWN]))
    print(f"what spoke for and against each: {output}")


def _show_predictions(found: pd.DataFrame) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    grid = Table(header_style="bold")
    grid.add_column("track", overflow="fold")
    grid.add_column("genre")
    grid.add_column("%", justify="right")
    grid.add_column("or")
    if "tags" in found:
        grid.add_column("tags")
    ranks = [
        int(name.removeprefix("genre_")) for name in map(str, found) if name.startswith("genre_")
    ]
    for row in found.head(SHOWN).to_dict("records"):
        named = isinstance(row["genre"], str)
        sound = row["probability"] >= 0
        others = [
            f"{row[f'genre_{rank}']} {100 * row[f'probability_{rank}']:.0f}" for rank in ranks
        ]
        # Text, not markup: a file may be called anything.
        cells: list[Text | str] = [
            Text(row["path"]),
            Text(_marked(row["genre"], row["probability"])),
            f"{100 * row['probability']:.0f}" if sound else "",
            Text(", ".join(others) if named else ""),
        ]
        if "tags" in found:
            tags = row["tags"]
            cells.append(Text(tags.replace(";", ",") if isinstance(tags, str) else ""))
        grid.add_row(*cells)
    # Where the output is no screen, lines must not be cut to an imagined width.
    console = Console() if sys.stdout.isatty() else Console(width=120)
    console.print(grid)
    if len(found) > SHOWN:
        print(f"… and {len(found) - SHOWN} more")


def _marked(genre: object, probability: float) -> str:
    """Return a genre with what says that it is weak, unsure or missing."""
    if not isinstance(genre, str):
        return "?" if probability >= 0 else "–"
    return f"{genre} ?" if probability < WEAK else genre


def _show_reasons(reasons: pd.DataFrame) -> None:
    """Show for each track what spoke for its genre and what against it, in words."""
    from earmark.classify.reasons import told

    for path, own in reasons.groupby("path", sort=False):
        print(f"{path}: {own['genre'].iloc[0]}")
        for sign, word in ((1, "for"), (-1, "against")):
            if found := told(own, sign):
                print(f"  {word:<8} {'; '.join(found)}")


def _show_segments(segments: pd.DataFrame) -> None:
    """Show the genres of each track in order, each with when it begins."""
    for path, own in list(segments.groupby("path", sort=False))[:SHOWN]:
        print(path)
        for row in own.head(SHOWN).to_dict("records"):
            minutes, seconds = divmod(round(row["start"]), 60)
            chance = row["probability"]
            sure = f" {100 * chance:.0f} %" if chance >= 0 else ""
            print(f"  {minutes:3}:{seconds:02}  {_marked(row['genre'], chance)}{sure}")
        if len(own) > SHOWN:
            print(f"  … and {len(own) - SHOWN} more")


def _show_columns(reasons: pd.DataFrame) -> None:
    """Show for each track which descriptors spoke for its genre and which against it."""
    for path, own in list(reasons.groupby("path", sort=False))[:SHOWN]:
        print(f"{path}: {own['genre'].iloc[0]}")
        for sign, word in ((1, "for"), (-1, "against")):
            spoke = own[own["contribution"] * sign > 0]
            found = [
                f"{row.feature} {row.value:.3g} ({row.contribution:+.2f})"
                for row in spoke.itertuples()
            ]
            if found:
                print(f"  {word:<8} {', '.join(found)}")


def _show_evaluation(numbers: dict[str, Any]) -> None:
    from earmark.classify.evaluation.summary import summary

    for line in summary(numbers):
        print(line)


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run the command line; errors become one line on stderr and an exit status."""
    from earmark.extract.errors import EarmarkError, SettingsError

    # Said by joblib when a run is interrupted; what was finished is kept all the same.
    warnings.filterwarnings("ignore", message=".*successfully executed but not used")
    try:
        app(args=arguments)
    except SettingsError as error:
        _say(str(error))
        sys.exit(2)
    except EarmarkError as error:
        _say(str(error))
        sys.exit(1)
    except OSError as error:
        _say(f"cannot go on: {error.strerror or error}")
        sys.exit(1)
    except KeyboardInterrupt:
        _say("stopped; an extraction goes on where it was when the same command is given again")
        sys.exit(130)
    sys.exit(0)


if __name__ == "__main__":
    main()
