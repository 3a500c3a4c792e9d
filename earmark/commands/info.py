"""`earmark info`: what a table, a model, a file or a descriptor is."""

from __future__ import annotations

import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from earmark.commands._learning import show_evaluation
from earmark.commands._options import KeyNames
from earmark.commands._output import As, Format, show

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

    from earmark.classify.trained import Trained
    from earmark.extract.feature_table import FeatureTable

EXAMPLE = "earmark info features.parquet"

MOST_NAMED = 5
"""Columns of a kind that are named; the others are counted."""


def command(
    thing: Annotated[
        Path,
        typer.Argument(
            help="A table, a model directory, an audio file or a descriptor's name.",
            metavar="TABLE|MODEL|TRACK|NAME",
        ),
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
    elif tables.is_table(thing):
        _show_table(tables.read(thing), tables.kind_of(thing), form)
    elif thing.is_dir():
        _show_model(earmark.load(thing), form)
    else:
        row = earmark.features(thing).to_frame().T
        named = (with_names(row, keys.value) if keys else row).iloc[0]
        values = {str(name): value for name, value in named.items()}
        show(values, form, lambda: _show_values(values))


def _units(set_name: str | None) -> dict[str, str]:
    """Return the units of the columns of a feature set, by column; of no set none."""
    from earmark.extract import schema, sets
    from earmark.extract.config import DEFAULTS

    name = (set_name or "").rpartition("-")[0] or set_name
    if name not in sets.SETS:
        return {}
    return {column.name: column.unit for column in schema.of(name, DEFAULTS).columns}


def _show_values(values: Mapping[str, float | str]) -> None:
    """Show what was measured in a file: names, values and units below each other."""
    from earmark.extract.sets import DEFAULT_SET

    units = _units(DEFAULT_SET)
    width = max(map(len, values))
    for name, value in values.items():
        shown = value if isinstance(value, str) else "–" if math.isnan(value) else f"{value:.6g}"
        print(f"{name:<{width}}  {shown:>12}  {units.get(name, '')}".rstrip())
    print(f"\n`{EXAMPLE.rpartition(' ')[0]} NAME` says what a column means")


def _show_columns(frame: pd.DataFrame, units: Mapping[str, str]) -> None:
    """Show the columns that are measured once per row, and count the others."""
    import pandas as pd

    from earmark.extract.engine import registry

    known = [name for name in units if name in frame]
    whole = [name for name in known if (own := registry.of_column(name)) and own.name == name]
    if not whole or not len(frame):
        return
    values = frame[whole].astype(float)
    grid = pd.DataFrame({"column": whole, "unit": [units[name] for name in whole]})
    for what, found in (
        ("lowest", values.min()),
        ("median", values.median()),
        ("highest", values.max()),
    ):
        grid[what] = [_short(value) for value in found]
    print()
    show(grid, Format.table)
    others = len(known) - len(whole)
    print(f"{others} more columns; `earmark info NAME` says what one means" if others else "")


def _short(value: float) -> str:
    """Return a number in few digits; nothing for what is missing."""
    if math.isnan(value):
        return ""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def _missing(shares: pd.Series) -> list[str]:
    """Say what is missing, all columns of one share together, those first that lack most."""
    lines = []
    for share, columns in sorted(shares[shares > 0].groupby(shares), reverse=True):
        names = [str(name) for name in columns.index]
        more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
        lines.append(f"missing in {share:.1%} of rows: {', '.join(names[:MOST_NAMED])}{more}")
    return lines


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
    units = _units(table.set)

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
        print(*_missing(missing), sep="\n", end="\n" if missing.any() else "")
        _show_columns(frame, units)

    facts = {
        "kind": kind,
        "rows": len(frame),
        "columns": list(frame),
        **about,
        "units": {name: units[name] for name in units if name in frame},
        "missing": missing[missing > 0].to_dict(),
    }
    show(facts, form, lines)
