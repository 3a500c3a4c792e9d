"""`earmark info`: what a table, a model, a file or a descriptor is."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from earmark.commands._learning import show_evaluation
from earmark.commands._options import KeyNames
from earmark.commands._output import As, Format, show

if TYPE_CHECKING:
    from earmark.classify.trained import Trained
    from earmark.extract.feature_table import FeatureTable

EXAMPLE = "earmark info features.parquet"


def command(
    thing: Annotated[
        Path,
        typer.Argument(help="A table, a model directory, an audio file or a descriptor's name."),
    ],
    keys: KeyNames = None,
    form: As = Format.table,
) -> None:
    """Say what a table, a model or an audio file holds, or what a descriptor means."""
    import earmark
    from earmark.extract import descriptor_docs, tables
    from earmark.extract.key_names import with_names

    if not thing.exists() and descriptor_docs.is_name(str(thing)):
        page = descriptor_docs.find(str(thing))
        show({"name": str(thing), "page": page}, form, lambda: _show_page(page))
    elif thing.is_dir():
        _show_model(earmark.load(thing), form)
    elif thing.name.lower().endswith(tables.READABLE):
        _show_table(tables.read(thing), tables.kind_of(thing), form)
    else:
        row = earmark.features(thing).to_frame().T
        values = (with_names(row, keys.value) if keys else row).iloc[0]
        texts = [value if isinstance(value, str) else f"{value:g}" for value in values]
        lines = [f"{name} {text}" for name, text in zip(values.index, texts, strict=True)]
        show(
            {str(name): value for name, value in values.items()},
            form,
            lambda: print(*lines, sep="\n"),
        )


def _show_model(bundle: Trained, form: Format) -> None:
    """Show what a model was trained on, and how right it is."""

    def lines() -> None:
        windows = f"windows of {bundle.windows:g} s" if bundle.windows else "whole tracks"
        print(
            f"model of {bundle.set or 'a foreign table'}, {len(bundle.columns)} columns, {windows}"
        )
        print(f"genres: {', '.join(bundle.genres)}")
        if bundle.metrics:
            show_evaluation(bundle.metrics)

    facts = {
        "set": bundle.set,
        "windows": bundle.windows,
        "columns": list(bundle.columns),
        "genres": list(bundle.genres),
        "metrics": bundle.metrics,
    }
    show(facts, form, lines)


def _show_page(page: str) -> None:
    if not sys.stdout.isatty():
        print(page, end="")
        return
    from rich.console import Console
    from rich.markdown import Markdown

    Console().print(Markdown(page, hyperlinks=False))


def _show_table(table: FeatureTable, kind: str | None, form: Format) -> None:
    """Show what a table holds, what made it, and what is missing in it."""
    from earmark.extract.provenance import DESCRIPTION

    frame, about = table.frame, table.provenance
    missing = frame.isna().mean()

    def lines() -> None:
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
        for column, share in missing[missing > 0].items():
            print(f"missing in {column}: {share:.1%}")

    facts = {
        "kind": kind,
        "rows": len(frame),
        "columns": list(frame),
        **about,
        "missing": missing[missing > 0].to_dict(),
    }
    show(facts, form, lines)
