"""What the benchmarks said over time: kept as JSON, and drawn.

A run of a benchmark, or a model that was trained, is added with the commit and the day that it is
of; what was measured before under the same name at the same commit is replaced:

    python benchmarks/history.py add speed.json accuracy.json extract/measured.json
    python benchmarks/history.py add classify/models/default/bundle.json

A picture has a panel for each measure that was taken more than once:

    python benchmarks/history.py draw -o history.svg --only tempo

Ratios between contestants that ran in the same minutes hold between machines, seconds do not:
of speed only ratios are kept.
"""

from __future__ import annotations

import argparse
import datetime
import json
import math
import re
import subprocess
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from earmark.extract.errors import EarmarkError, SchemaError
from earmark.extract.files import atomic

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

HISTORY = Path(__file__).parent / "history.json"

COLUMNS = 3
"""Panels of a picture beside each other."""


@dataclass(frozen=True)
class Entry:
    """A number that was measured.

    Parameters
    ----------
    day, commit, version : str
        When, of which commit, and of which version of Earmark.
    benchmark, measure : str
        Which program measured, and what.
    value : float
        The number.
    low, high : float, optional
        Its interval of 95 %.
    n : int, optional
        How many tracks it was measured on.
    """

    day: str
    commit: str
    version: str
    benchmark: str
    measure: str
    value: float
    low: float | None = None
    high: float | None = None
    n: int | None = None

    @property
    def name(self) -> tuple[str, str]:
        """What was measured, by which benchmark."""
        return self.benchmark, self.measure


def numbers(report: Any) -> Iterator[dict[str, Any]]:
    """Yield what is kept of a report, whichever benchmark wrote it.

    Raises
    ------
    SchemaError
        None of them did.
    """
    if "ratios" in report:
        for name, value in report["ratios"].items():
            yield {"benchmark": "speed", "measure": name, "value": value}
    elif "metrics" in report and "genres" in report:
        metrics = report["metrics"]
        low, high = metrics.get("interval", {}).get("accuracy", (None, None))
        measure = f"accuracy on artists it has not heard, {len(report['genres'])} genres"
        yield {
            "benchmark": f"model of {report['set'] or 'a foreign table'}",
            "measure": measure,
            "value": metrics["accuracy"],
            "low": low,
            "high": high,
            "n": metrics.get("tested", metrics["tracks"]),
        }
    elif "rows" in report:
        for row in report["rows"]:
            shared = {key: row.get(key) for key in ("low", "high", "n")}
            if "descriptor" in row:
                measure = f"{row['descriptor']}: {row['measure']} ({row['truth']})"
                yield {
                    "benchmark": "descriptors",
                    "measure": measure,
                    "value": row["ours"],
                    **shared,
                }
            elif row.get("accuracy") is not None:
                measure = f"{row['benchmark']}, {row['features']}, {row['learner']}"
                yield {
                    "benchmark": "accuracy",
                    "measure": measure,
                    "value": row["accuracy"],
                    **shared,
                }
    else:
        raise SchemaError("is neither a report of a benchmark nor a model")


def version_of(report: Any) -> str:
    """Return the version of Earmark that a report names."""
    versions = report.get("versions", {})
    return str(report.get("earmark") or versions.get("Earmark") or versions.get("earmark") or "")


def read(path: Path) -> list[Entry]:
    """Read the history; there may be none yet."""
    if not path.exists():
        return []
    return [Entry(**row) for row in json.loads(path.read_text(encoding="utf-8"))]


def write(entries: Sequence[Entry], path: Path) -> None:
    """Write the history: sorted, an entry on each line, so that changes can be read."""
    rows = [
        json.dumps({key: value for key, value in asdict(entry).items() if value is not None})
        for entry in sorted(entries, key=lambda entry: (*entry.name, entry.day))
    ]
    with atomic(path) as out:
        out.write_text("[\n" + ",\n".join(rows) + "\n]\n", encoding="utf-8")


def added(history: Sequence[Entry], report: Any, day: str, commit: str) -> list[Entry]:
    """Return the history with the numbers of a report, in the place of those of that commit."""
    stamp = {"day": day, "commit": commit, "version": version_of(report)}
    new = []
    for row in numbers(report):
        if row["value"] is None or not math.isfinite(row["value"]):
            continue
        own = {key: round(one, 4) if isinstance(one, float) else one for key, one in row.items()}
        entry: dict[str, Any] = stamp | own
        new.append(Entry(**entry))
    names = {entry.name for entry in new}
    kept = [entry for entry in history if entry.commit != commit or entry.name not in names]
    return kept + new


def draw(history: Sequence[Entry], output: Path, only: str) -> int:
    """Draw every measure that was taken more than once, and return how many those are."""
    import matplotlib as mpl

    mpl.use("agg")
    import matplotlib.pyplot as plt

    series: dict[tuple[str, str], list[Entry]] = {}
    for entry in sorted(history, key=lambda entry: entry.day):
        if re.search(only, f"{entry.benchmark} {entry.measure}"):
            series.setdefault(entry.name, []).append(entry)
    series = {name: entries for name, entries in series.items() if len(entries) > 1}
    if not series:
        return 0
    rows = math.ceil(len(series) / COLUMNS)
    figure, grid = plt.subplots(
        rows, COLUMNS, figsize=(4.5 * COLUMNS, 2.6 * rows), layout="constrained", squeeze=False
    )
    for axes in grid.flat[len(series) :]:
        axes.set_axis_off()
    for axes, ((benchmark, measure), entries) in zip(grid.flat, series.items(), strict=False):
        axes.plot([entry.value for entry in entries], marker="o")
        for place, entry in enumerate(entries):
            if entry.low is not None and entry.high is not None:
                axes.vlines(place, entry.low, entry.high, alpha=0.4)
        axes.set_title(f"{benchmark}\n{measure}", fontsize=7, wrap=True)
        ticks = [f"{entry.day[5:]} {entry.commit}" for entry in entries]
        axes.set_xticks(range(len(entries)), ticks, fontsize=6, rotation=30, ha="right")
        axes.tick_params(axis="y", labelsize=6)
    with atomic(output) as out:
        figure.savefig(out, format=output.suffix.removeprefix("."))
    plt.close(figure)
    return len(series)


def head() -> str:
    """Return the commit of the checkout."""
    return subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"],  # noqa: S607
        cwd=HISTORY.parent,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()


def main() -> None:
    """Add reports, or draw."""
    parser = argparse.ArgumentParser(
        description=(__doc__ or "").partition("\n")[0],
        epilog="example: python benchmarks/history.py add speed.json",
    )
    parser.add_argument("--history", type=Path, default=HISTORY, metavar="JSON")
    commands = parser.add_subparsers(required=True, dest="command")
    adding = commands.add_parser("add", help="keep what reports say")
    adding.add_argument("reports", type=Path, nargs="+", metavar="JSON")
    adding.add_argument("--day", default=datetime.date.today().isoformat(), help="by default today")
    adding.add_argument("--commit", help="by default the one that is checked out")
    drawing = commands.add_parser("draw", help="draw it")
    drawing.add_argument("-o", "--output", type=Path, default=Path("history.svg"))
    drawing.add_argument("--only", default="", metavar="PATTERN", help="a regular expression")
    arguments = parser.parse_args()
    history = read(arguments.history)
    if arguments.command == "draw":
        count = draw(history, arguments.output, arguments.only)
        if not count:
            parser.error("nothing of that name was measured more than once")
        print(f"{count} measures: {arguments.output}")
        return
    for path in arguments.reports:
        try:
            report = json.loads(path.read_text(encoding="utf-8"))
            history = added(history, report, arguments.day, arguments.commit or head())
        except (OSError, ValueError, EarmarkError) as error:
            parser.error(f"{path}: {error}")
    write(history, arguments.history)
    print(f"{len(history)} numbers: {arguments.history}")


if __name__ == "__main__":
    main()
