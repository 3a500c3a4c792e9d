"""`earmark classify`: the genre of audio files."""

from __future__ import annotations

import contextlib
import re
import shlex
import sys
from collections.abc import Iterable, Sequence
from dataclasses import replace
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import typer
from typer.core import TyperCommand

from earmark.commands._console import (
    SHOWN,
    finish,
    say,
    say_compiling,
    say_new_folder,
    say_unsearched,
    show_notes,
)
from earmark.commands._options import (
    KeyNames,
    Memory,
    Quiet,
    Scheduler,
    Strict,
    TempoRange,
    Timeout,
    Workers,
    default_folder,
    processes,
)
from earmark.commands._output import NOWHERE, STDOUT, As, Format, printed, show
from earmark.commands._predictions import (
    show_columns,
    show_doubts,
    show_predictions,
    show_reasons,
    show_segments,
)

if TYPE_CHECKING:
    import pandas as pd

    from earmark.classify.model.bundle import Bundle
    from earmark.classify.score import Scored
    from earmark.classify.trained import Trained
    from earmark.extract.feature_table import FeatureTable

EXAMPLE = "earmark classify ~/Music -o genres.csv --model models/mine"


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


PARSER = OptionalValues


def command(  # noqa: PLR0912, PLR0915
    sources: Annotated[
        list[str],
        typer.Argument(
            help="Audio files, folders searched at every depth, or one feature table.",
            metavar="SOURCE|TABLE",
        ),
    ],
    model: Annotated[
        Path | None,
        typer.Option("-m", "--model", help="Directory of a model; by default the one shipped."),
    ] = None,
    output: Annotated[
        str | None,
        typer.Option(
            "-o",
            "--output",
            help="The predictions (.csv, .parquet, .jsonl), also at a URL (s3://, gs://, sftp://). "
            "By default predictions.csv, in data/features where there is such a folder; - prints "
            "them and writes nothing.",
            metavar="TABLE",
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
    keys: KeyNames = None,
    tempo_range: TempoRange = None,
    workers: Workers = 0,
    scheduler: Scheduler = None,
    timeout: Timeout = None,
    form: As = Format.table,
    memory: Memory = None,
    strict: Strict = False,
    quiet: Quiet = False,
) -> None:
    """Find the genre of audio files: a table on the screen and a file of predictions.

    A run that was interrupted goes on where it was when the same command is given again.
    """
    import earmark
    from earmark.classify import score, sound_tags
    from earmark.extract import key_names, tables
    from earmark.extract import tempo_range as tempi
    from earmark.extract.batch import delivery, run

    bundle = earmark.load(model)
    named = output or str(default_folder() / "predictions.csv")
    called = delivery.shown(named)
    to_stdout = named == str(STDOUT)
    if to_stdout and (explain or segments is not None):
        raise typer.BadParameter(NOWHERE, param_hint="--explain, --segments")
    with contextlib.ExitStack() as stack:
        place = STDOUT if to_stdout else stack.enter_context(delivery.here(named))
        if not to_stdout:
            tables.check_output(place, "predictions")
            if called == named:
                say_new_folder(place)
        explained = _beside(place, "explained", "reasons" if explain else None)
        timeline = _beside(place, "segments", None if segments is None else "segments")
        failures: Sequence[Sequence[str]] = []
        notes: Sequence[Sequence[str]] = []
        kept = None
        if len(sources) == 1 and tables.is_table(sources[0]):
            table = parts = tables.read(sources[0])
            if model is None and not set(bundle.inputs) <= set(table.frame):
                bundle = _light_for(table, bundle)
            _say_of_table(bundle, table)
            if keys:
                key_names.check_named(map(str, table.frame), table.source)
            if tempo_range:
                tempi.check_there(map(str, table.frame), table.source)
        else:
            where = str(model or "the default model")
            extraction = score.extraction_of(bundle, where, tags=tags, segments=segments)
            extraction = replace(extraction, timeout=timeout)
            if keys:
                key_names.check_named(extraction.schema.names, extraction.schema.set)
            if tempo_range:
                tempi.check_there(extraction.schema.names, extraction.schema.set)
            say_compiling(extraction.set)
            result = run.extract(
                sources,
                extraction,
                executor=processes(workers, memory, scheduler),
                progress=not quiet,
                keep=None if to_stdout else place,
            )
            kept = result.kept
            parts, table = result.held[0], result.held[-1]
            failures, notes = result.failures, result.notes
            say_unsearched(result)
        scored = score.scored(bundle, table)
        found = scored.predictions(top, min_probability)
        if tags:
            found = found.join(sound_tags.of_tracks(scored.tags, table.source), on="path")
        if keys:
            names = key_names.of_tracks(table.frame.assign(path=table.paths), keys.value)
            found[key_names.COLUMN] = found["path"].map(names)
        if tempo_range:
            own = tempi.of_tracks(table.frame.assign(path=table.paths), tempo_range)
            found[tempi.COLUMN] = found["path"].map(own)
        if segments is not None:
            timed = scored if parts is table else score.scored(bundle, parts)
            over_time = timed.segments(segments, top, min_probability)
        if not to_stdout:
            tables.write_failures(failures, place)
            tables.write_notes(notes, place)
        if len(found):
            if not to_stdout:
                tables.write(found, place)
            show(found, printed(place, form), lambda: show_predictions(found))
            if not to_stdout:
                say(f"{len(found)} {'track' if len(found) == 1 else 'tracks'}: {called}")
            _say_synthetic(sources, found["path"])
            if explain:
                _explain(scored, explain, explained, form)
                say(f"what spoke for and against each: {_named(named, 'explained')}")
            if segments is not None:
                _over_time(over_time, timeline, form)
                say(f"genres over time: {_named(named, 'segments')}")
        else:
            say(f"nothing could be analysed; no {called} was written")
        if kept is not None:
            kept.remove()
        show_doubts(found, min_probability)
        if len(found) and not to_stdout and sys.stderr.isatty():
            say(f"next: {_next(called, sources)}")
    beside = (lambda _: None) if to_stdout else partial(delivery.beside, named)
    show_notes(notes, beside(tables.notes_path))
    finish(len(found), failures, beside(tables.failures_path), strict)


def _next(output: str, sources: Sequence[str]) -> str:
    """Return a command that makes something of predictions, as it would be typed."""
    from earmark.extract import tables

    command = ["earmark", "playlist", output, "-o", "playlists"]
    # The paths of the table are those in the one folder that was named.
    if len(sources) == 1 and Path(sources[0]).is_dir() and not tables.is_table(sources[0]):
        command += ["--audio", sources[0]]
    return shlex.join(command)


def _beside(output: Path, name: str, kind: str | None) -> Path:
    """Return where a second table goes; one of that kind must be free to stand there."""
    from earmark.extract import tables

    path = _second(output, name)
    if kind is not None:
        tables.check_output(path, kind)
    return path


def _second(output: Path, name: str) -> Path:
    return output.with_name(f"{output.stem}.{name}{output.suffix}")


def _named(output: str, name: str) -> str:
    """Return where a second table goes, as it may be shown."""
    from earmark.extract.batch import delivery

    return delivery.beside(output, lambda path: _second(path, name))


def _light_for(table: FeatureTable, default: Trained) -> Trained:
    """Return the light model where a table has all that it looks at, and say so."""
    import earmark

    light = earmark.load("light")
    if not set(light.inputs) <= set(table.frame):
        return default
    say(
        f"{table.source} holds no learned embedding: the model light is taken, which is less often "
        "right; `earmark extract --set default+musicnn` makes a table for the default model"
    )
    return light


def _say_of_table(bundle: Bundle, table: FeatureTable) -> None:
    """Say what a table that a model is to classify is taken for."""
    if bundle.fingerprint and not table.provenance:
        say(
            f"{table.source} does not say with which settings it was made, as Parquet does; it "
            "is taken to be made like the model's"
        )
    if bundle.windows and not table.windowed and set(bundle.inputs) <= set(table.frame):
        say(
            f"{table.source} has a row per track, and the model was trained on windows of "
            f"{bundle.windows:g} s: it is less right so than on the files themselves"
        )


def _say_synthetic(sources: Sequence[str], paths: Iterable[str]) -> None:
    """Say which tracks nobody played."""
    from earmark.classify import demo

    if count := len(demo.synthetic(sources, paths)):
        which = "1 of them is a demo track" if count == 1 else f"{count} of them are demo tracks"
        say(f"{which}: synthetic, computed by a script, and no measure of how right it is")


def _over_time(segments: pd.DataFrame, output: Path, form: Format) -> None:
    """Write the genres of the parts of each track, and show them."""
    from earmark.extract import tables

    tables.write(segments, output)
    if form is Format.table:
        show_segments(segments)


def _explain(scored: Scored, how: Reasons, output: Path, form: Format) -> None:
    """Write what spoke for the genre of each track and what against it, and show it."""
    from earmark.extract import tables

    columns = scored.explanations()
    tables.write(columns, output)
    if form is Format.table:
        if how is Reasons.columns:
            show_columns(columns)
        else:
            show_reasons(scored.reasons(scored.paths[:SHOWN]))
