"""`earmark untag`: what `earmark tag` wrote is undone."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from earmark.commands._console import say
from earmark.commands._options import Quiet, Strict, names_in
from earmark.commands._output import As, Format, show
from earmark.commands._tags import finish_files, reporter

EXAMPLE = "earmark untag earmark-20260131-120000.journal"


def command(
    journal_path: Annotated[
        Path, typer.Argument(help="The journal that `earmark tag --write` made.", metavar="JOURNAL")
    ],
    fields: Annotated[
        str | None,
        typer.Option(
            help="Undo these fields alone, with commas, as the journal names them.",
            metavar="NAMES",
        ),
    ] = None,
    audio: Annotated[
        Path | None,
        typer.Option(help="Where files are that moved: found by their sums.", metavar="DIR"),
    ] = None,
    hard_links: Annotated[
        bool,
        typer.Option("--hard-links", help="Also write files that have several names, in place."),
    ] = False,
    strict: Strict = False,
    quiet: Quiet = False,
    form: As = Format.table,
) -> None:
    """Undo what a journal says, the last change first.

    A file that is as it was written becomes what it was, to the byte. One that was changed since
    gets back the fields that still say what was written, and keeps the rest.
    """
    from earmark.classify.library.tagging import journal, restore
    from earmark.classify.library.tagging.write import Rules
    from earmark.extract.errors import SettingsError

    entries = journal.read(journal_path)
    chosen = names_in(fields) or None
    known = {name for entry in entries for name in entry.fields}
    if unknown := sorted(set(chosen or ()) - known):
        raise SettingsError(
            f"{journal_path} has no field {unknown[0]!r}; it has {', '.join(sorted(known))}"
        )
    if audio is not None:
        entries = restore.moved(entries, audio)
    log = journal.Journal(_free(journal_path))
    with log:
        done = restore.undo(
            entries, log, chosen, Rules(hard_links, keep_times=True), reporter("files", quiet)
        )
    facts = {**done.counts, "left": [{"path": path, "why": why} for path, why in done.left]}
    lines = [f"{count} {what}\n" for what, count in done.counts.items()]
    show(facts, form, lambda: print(*lines, sep="", end=""))
    if log.path.exists():
        say(f"what was undone field by field is in {log.path}")
    finish_files(done, strict)


def _free(path: Path) -> Path:
    """Return a name beside a journal that nothing has."""
    number = 1
    while (free := path.with_name(f"{path.stem}.undone-{number}{path.suffix}")).exists():
        number += 1
    return free
