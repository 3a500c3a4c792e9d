"""`earmark info`: what a table, a model, a file or a descriptor is."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from earmark.commands._learning import show_evaluation

if TYPE_CHECKING:
    from earmark.extract.feature_table import FeatureTable

EXAMPLE = "earmark info features.parquet"


def command(
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
            show_evaluation(bundle.metrics)
    elif thing.name.lower().endswith(tables.READABLE):
        _show_table(tables.read(thing), tables.kind_of(thing))
    else:
        for name, value in earmark.features(thing).items():
            print(f"{name} {value:g}")


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
