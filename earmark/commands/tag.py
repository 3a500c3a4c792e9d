"""`earmark tag`: genre, tempo, key and more into the tags of files."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar

import typer

from earmark.commands._console import say
from earmark.commands._options import (
    Keys,
    Quiet,
    Strict,
    TempoRange,
    Timeout,
    Workers,
    names_in,
    process_count,
)
from earmark.commands._output import As, Format, show
from earmark.commands._tags import finish_files, reporter, show_plan
from earmark.commands.classify import OptionalValues

if TYPE_CHECKING:
    import pandas as pd

    from earmark.classify.library.tagging.changes import Plan
    from earmark.classify.library.tagging.plan import Mode

EXAMPLE = "earmark tag ~/Music --plan plan.json, then: earmark tag --write plan.json"

NOW = "now"
"""What `--write` is without a plan."""


class PlanOrNothing(OptionalValues):
    """`--write` may name a plan, or stand alone."""

    VALUES: ClassVar[dict[str, tuple[str, str]]] = {"--write": (NOW, r".+\.json")}


class AlbumsBy(StrEnum):
    """What makes tracks an album."""

    tag = "tag"
    folder = "folder"
    none = "none"


PARSER = PlanOrNothing


def command(
    sources: Annotated[
        list[str] | None,
        typer.Argument(
            help="Audio files, folders searched at every depth, or one table: predictions of "
            "`earmark classify`, or features.",
            metavar="SOURCE|TABLE",
        ),
    ] = None,
    write: Annotated[
        str | None,
        typer.Option(
            "--write",
            help="Write the tags: those of a plan that was saved, or what would be planned now.",
            metavar="[PLAN.json]",
        ),
    ] = None,
    plan_output: Annotated[
        Path | None,
        typer.Option("--plan", help="Save the plan, to be looked at and edited.", metavar="JSON"),
    ] = None,
    verify: Annotated[
        Path | None,
        typer.Option(help="Hold the files of a journal against it.", metavar="JOURNAL"),
    ] = None,
    fields: Annotated[
        str | None,
        typer.Option(
            help="What to write, with commas: genre, bpm, key, energy, mood, replaygain (these by "
            "default), values (danceability and the like), tags (words of listeners).",
            metavar="NAMES",
        ),
    ] = None,
    min_probability: Annotated[
        float,
        typer.Option(min=0, max=1, help="Write no genre that is less probable.", metavar="P"),
    ] = 0.0,
    keep: Annotated[
        bool,
        typer.Option("--keep-existing", help="Fill what is empty, and keep the rest: the default."),
    ] = False,
    append: Annotated[
        bool, typer.Option("--append", help="Add genres and moods to those that are there.")
    ] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace what is there.")] = False,
    genre_map: Annotated[
        str | None,
        typer.Option(
            "--map",
            help="What genres are called: discogs, itunes, or a TOML file with a table genres.",
            metavar="NAME|TOML",
        ),
    ] = None,
    keys: Annotated[
        Keys, typer.Option("--key-notation", help="How keys are written: Am, 8A or 1m.")
    ] = Keys.musical,
    tempo_range: TempoRange = None,
    albums: Annotated[
        AlbumsBy, typer.Option("--album", help="What makes tracks an album, for its ReplayGain.")
    ] = AlbumsBy.tag,
    audio: Annotated[
        Path | None,
        typer.Option(help="With a table: the folder that was analysed.", metavar="DIR"),
    ] = None,
    features: Annotated[
        list[Path] | None,
        typer.Option(
            help="Beside a table: one from `earmark extract` of the same tracks, for the fields "
            "that the first cannot give; may be given several times.",
            metavar="TABLE",
        ),
    ] = None,
    model: Annotated[
        Path | None,
        typer.Option("-m", "--model", help="Directory of a model; by default the one shipped."),
    ] = None,
    journal_path: Annotated[
        Path | None,
        typer.Option(
            "--journal",
            help="Where what was there before is kept, for `earmark untag`; by default "
            "earmark-DATE-TIME.journal in this folder.",
            metavar="JOURNAL",
        ),
    ] = None,
    hard_links: Annotated[
        bool,
        typer.Option("--hard-links", help="Also write files that have several names, in place."),
    ] = False,
    keep_times: Annotated[
        bool, typer.Option("--keep-times", help="Files keep the time of their last change.")
    ] = False,
    workers: Workers = 0,
    timeout: Timeout = None,
    strict: Strict = False,
    quiet: Quiet = False,
    form: As = Format.table,
) -> None:
    """Write genre, tempo, key and more into the tags of files; without --write, say what it would.

    A file is replaced in one step by a copy that is proven to sound the same, and what was there
    before is in a journal: `earmark untag JOURNAL` brings it back, to the byte.
    """
    from earmark.classify.library.tagging import journal, opened, restore, stored
    from earmark.classify.library.tagging import plan as plans
    from earmark.classify.library.tagging import write as writing

    opened.require_mutagen()
    if verify is not None:
        _compare(restore.compare(journal.read(verify)), form)
        return
    saved = write is not None and write != NOW
    if saved == bool(sources):
        raise typer.BadParameter("name either files or a table, or a plan: --write PLAN.json")
    if keep + append + overwrite > 1:
        raise typer.BadParameter("one of --keep-existing, --append and --overwrite")
    if write is not None:
        # Refused before hours of analysis.
        log = journal.Journal(journal_path or journal.default_path())
    if saved:
        plan = stored.load(Path(str(write)))
    else:
        mode: Mode = "append" if append else "overwrite" if overwrite else "keep"
        plan = _planned(
            sources or [],
            fields=fields,
            at_least=min_probability,
            genre_map=genre_map,
            keys=keys,
            tempo_range=tempo_range,
            mode=mode,
            albums=albums,
            audio=audio,
            features=features or [],
            model=model,
            workers=workers,
            timeout=timeout,
            quiet=quiet,
        )
    changes = plans.table(plan)
    show(changes, form, lambda: show_plan(changes, changes_only=True))
    tell = print if form is Format.table else say
    for file in plan.files:
        for note in file.notes:
            say(f"{file.path}: {note}")
    if plan_output is not None:
        stored.save(plan, plan_output)
        tell(f"the plan: {plan_output}; carry it out with: earmark tag --write {plan_output}")
    if write is None:
        counts = plan.counts
        named = [f"{counts[what]} to {what}" for what in ("add", "replace", "append", "keep")]
        tell(f"nothing was written: {', '.join(named)}, {counts['left']} files left")
        return
    rules = writing.Rules(several_names=hard_links, keep_times=keep_times)
    with log:
        done = writing.carry_out(plan, log, rules, reporter("tags", quiet))
    if done.counts["written"]:
        tell(f"{done.counts['written']} files written; back with: earmark untag {log.path}")
    if done.counts["unchanged"]:
        tell(f"{done.counts['unchanged']} files say all that already")
    finish_files(done, strict)


def _compare(found: pd.DataFrame, form: Format) -> None:
    """Show what became of the files of a journal."""
    counts = found.loc[found["field"] == "", "what"].value_counts()

    def people() -> None:
        show_plan(found)
        print(", ".join(f"{count} {what}" for what, count in counts.items()))

    show(found, form, people)
    if set(counts.index) - {"as written", "as before"}:
        raise typer.Exit(1)


def _planned(
    sources: list[str],
    *,
    fields: str | None,
    at_least: float,
    genre_map: str | None,
    keys: Keys,
    tempo_range: tuple[float, float] | None,
    mode: Mode,
    albums: AlbumsBy,
    audio: Path | None,
    features: list[Path],
    model: Path | None,
    workers: int,
    timeout: float | None,
    quiet: bool,
) -> Plan:
    """Find out what is known of the tracks, and hold it against their tags."""
    from earmark.classify.library.tagging import known, values
    from earmark.classify.library.tagging import plan as plans
    from earmark.extract import tables

    wanted = values.Wanted(
        tuple(names_in(fields)) or values.USUAL,
        at_least,
        keys.value,
        tempo_range,
        values.genre_names(genre_map) if genre_map else {},
    )
    if len(sources) == 1 and tables.is_table(sources[0]):
        found = known.of_table(Path(sources[0]), audio, model, features)
        _say_lacking(
            sources[0], values.lacking(map(str, found.rows), wanted.fields), wanted.fields, fields
        )
    else:
        if features:
            raise typer.BadParameter("--features stands beside a table; here, files are analysed")
        if "replaygain" in wanted.fields and not quiet:
            say(
                "every file is heard twice, the second time for ReplayGain's loudness; --fields "
                "without replaygain hears it once"
            )
        found = known.of_files(
            sources,
            model,
            level="replaygain" in wanted.fields,
            timeout=timeout,
            workers=process_count(workers),
            progress=not quiet,
        )
    for note in found.notes:
        say(note)
    for path, _, _, message in found.failures:
        say(f"{path}: {message}")
    return plans.make(
        found.rows,
        found.locations,
        wanted,
        mode=mode,
        albums=albums.value,
        origin=found.origin,
        report=reporter("tags read", quiet),
    )


def _say_lacking(
    table: str, lacking: dict[str, str], wanted: tuple[str, ...], named: str | None
) -> None:
    """Say which fields a table cannot give, and how to get them."""
    from earmark.extract.errors import SchemaError

    if not lacking:
        return
    sets: dict[str, list[str]] = {}
    for field, which in lacking.items():
        sets.setdefault(which, []).append(field)
    ways = [f"{', '.join(own)} by --set {which}" for which, own in sets.items()]
    message = (
        f"{table} cannot give {', '.join(lacking)}: name a table beside it that can, --features "
        f"TABLE, which `earmark extract SOURCE -o TABLE` makes ({'; '.join(ways)})"
    )
    if named is not None and len(lacking) == len(wanted):
        raise SchemaError(message)
    say(message)
