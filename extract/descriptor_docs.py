"""A page for every descriptor, from its declaration, its docstring and measurements of it.

Nothing is written twice. Columns, units, ranges, versions and sets come from the declaration, and
the text from the docstring of the function, whose parts `earmark.extract.docstrings` names. The
docstring of a module, after its summary, holds for every descriptor in it. Figures come from
``measured.json``, which ``benchmarks/descriptors.py`` writes. After a change to any of these

    python -m earmark.extract.descriptor_docs

writes the pages anew.
"""

from __future__ import annotations

import difflib
import math
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from earmark.extract import measurements, sets
from earmark.extract.config import DEFAULTS
from earmark.extract.docstrings import Text, parse
from earmark.extract.engine import patches, registry
from earmark.extract.errors import FindError
from earmark.extract.files import atomic
from earmark.extract.markdown import item, joined, section, table, wrapped

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from types import ModuleType

    from earmark.extract.engine.registry import Column, Descriptor
    from earmark.extract.measurements import Measurement

__all__ = [
    "FOLDER",
    "described",
    "find",
    "generate",
    "index",
    "is_estimate",
    "is_name",
    "page",
    "text",
    "write",
]

FOLDER = Path(__file__).parent / "descriptors" / "pages"

INDEX = "README.md"
COMMAND = "python -m earmark.extract.descriptor_docs"


def described() -> tuple[Descriptor, ...]:
    """Return the descriptors that have a page, module by module: those of any set."""
    entries = {
        entry.name: entry
        for feature_set in sets.SETS.values()
        if isinstance(feature_set, sets.DescriptorSet)
        for entry in feature_set.descriptors
    }
    return tuple(sorted(entries.values(), key=registry.place))


def is_estimate(entry: Descriptor) -> bool:
    """Whether it is an estimate: by its kind, or because it has a confidence."""
    return entry.kind == "estimate" or bool(_confidences(entry))


def text(entry: Descriptor) -> Text:
    """Return the text of a descriptor, from its docstring and that of its module."""
    entry_text, shared = parse(entry.function), parse(_module(entry))
    return Text(
        entry_text.summary,
        entry_text.meaning,
        joined(entry_text.method, joined(shared.meaning, shared.method)),
        joined(entry_text.limits, shared.limits),
        tuple(dict.fromkeys((*entry_text.references, *shared.references))),
    )


def page(entry: Descriptor, measured: Sequence[Measurement] = (), made_by: str = "") -> str:
    """Return the page of a descriptor.

    Parameters
    ----------
    entry : Descriptor
        Which is in a set.
    measured : sequence of Measurement
        Of any descriptors.
    made_by : str
        The command that measured them.

    Returns
    -------
    str
        Markdown.
    """
    parsed = text(entry)
    parts = [
        f"# {entry.name}",
        parsed.summary,
        _caution(entry),
        section("To a listener", parsed.meaning),
        section("Definition and method", parsed.method, _course(entry), _needs(entry)),
        section("Columns", _columns(entry), _membership(entry)),
        section("How far off", _figures(entry, measured, made_by)),
        section("What it is not", parsed.limits),
        section("References", *map(item, _references(entry))),
        "---",
        wrapped(
            f"[All descriptors]({INDEX}). Made by `{COMMAND}` from the declaration in "
            f"`{entry.function.__module__.replace('.', '/')}.py`; not to be edited."
        ),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def index(entries: Iterable[Descriptor]) -> str:
    """Return the page that lists all others, by module."""
    parts = [
        "# The descriptors",
        wrapped(
            "What each means to a listener, how it is defined and computed, its unit and range, "
            "how far off it is, and what it is not. `earmark info NAME` shows the same on the "
            "command line."
        ),
        wrapped(
            "*Estimate*: guessed by a rule that was chosen or learned, and wrong at times. "
            "*Learned*: what a neural network makes of the sound. All others are measured off the "
            "signal by their definition."
        ),
    ]
    modules: dict[str, list[Descriptor]] = {}
    for entry in entries:
        modules.setdefault(parse(_module(entry)).summary.rstrip("."), []).append(entry)
    for title, members in modules.items():
        rows = []
        for entry in members:
            first, *_ = columns = entry.columns(DEFAULTS)
            flag = " *estimate*" if is_estimate(entry) else ""
            flag = " *learned*" if entry.kind == "embedding" else flag
            summary = parse(entry.function).summary
            rows.append(
                (
                    f"[{entry.name}]({entry.name}.md){flag}",
                    summary,
                    first.unit or "–",
                    _range(first),
                    str(len(columns)),
                    ", ".join(entry.sets),
                )
            )
        heads = ("descriptor", "what it is", "unit", "range", "columns", "sets")
        parts += [f"## {title}", table(heads, rows)]
    parts += [
        "---",
        wrapped(
            "Unit and range are those of the first column; the page has all. Made by "
            f"`{COMMAND}`; not to be edited."
        ),
    ]
    return "\n\n".join(parts) + "\n"


def generate() -> dict[str, str]:
    """Return every page by the name of its file."""
    entries = described()
    measured, made_by = measurements.read()
    pages = {f"{entry.name}.md": page(entry, measured, made_by) for entry in entries}
    return {INDEX: index(entries), **pages}


def write(folder: Path = FOLDER) -> None:
    """Write every page, and remove those of descriptors that are no more."""
    pages = generate()
    for name, content in pages.items():
        with atomic(folder / name) as temporary:
            temporary.write_text(content, encoding="utf-8")
    for old in folder.glob("*.md"):
        if old.name not in pages:
            old.unlink()


def is_name(thing: str) -> bool:
    """Whether a text could be the name of a descriptor rather than a path."""
    return re.fullmatch(r"[\w -]+", thing) is not None


def find(name: str) -> str:
    """Return the page of the descriptor of that name, or with a column of that name.

    Parameters
    ----------
    name : str
        Case, and spaces or hyphens in the place of underscores, do not matter.

    Raises
    ------
    FindError
        There is none; the message lists similar names.

    Examples
    --------
    >>> find("Spectral Centroid").splitlines()[0]
    '# spectral_centroid'
    """
    key = re.sub(r"[\s-]+", "_", name.strip().lower())
    entries = described()
    pages = {column.name: entry for entry in entries for column in entry.columns(DEFAULTS)}
    pages |= {entry.name: entry for entry in entries}
    if key in pages:
        return page(pages[key], *measurements.read())
    # The name of the descriptor stands for columns that differ by a number alone.
    unnumbered = [known for known in pages if not re.search(r"_\d\d", known)]
    alike = difflib.get_close_matches(key, unnumbered, 3, 0.6)
    names = ", ".join(alike or (entry.name for entry in entries))
    hint = "did you mean" if alike else "the descriptors are"
    raise FindError(name, f"is neither a file nor a descriptor; {hint} {names}")


def _module(entry: Descriptor) -> ModuleType:
    return sys.modules[entry.function.__module__]


def _confidences(entry: Descriptor) -> list[str]:
    names = (column.name for column in entry.values)
    return [name for name in names if name.endswith("_confidence")]


def _caution(entry: Descriptor) -> str:
    """Return the warning that heads the page of what is no definition; empty for others."""
    if entry.kind == "embedding":
        return wrapped(
            "**Learned, not defined**: what a neural network, trained by others on other music, "
            "makes of the sound. No formula says what a value means."
        )
    if not is_estimate(entry):
        return ""
    sure = "".join(f" `{name}` says how sure it is." for name in _confidences(entry))
    what = (
        "guessed from other descriptors of the track, not measured off the signal"
        if entry.kind == "estimate"
        else "the best guess at what a musician would say, and wrong at times"
    )
    return wrapped(f"**An estimate**: {what}.{sure}")


def _course(entry: Descriptor) -> str:
    """Return how the values in a row of the table are computed from those of frames or windows."""
    frame = 1000 * DEFAULTS.n_fft / DEFAULTS.sample_rate
    step = 1000 / DEFAULTS.frame_rate
    kinds = {
        "mean": "the mean (`_mean`)",
        "std": "the standard deviation (`_std`)",
    }
    stats = " and ".join(kinds.get(stat, f"`_{stat}`") for stat in entry.stats)
    frames = (
        f"There is a value for every frame, of {frame:.0f} ms and {step:.0f} ms after the one "
        f"before; a row of the table has {stats} over the frames in which something sounds."
    )
    courses = {
        "frame": frames,
        "series": frames,
        "window": f"There is a value for every window, of {sets.TRACK_WINDOW:g} s; a track has the "
        "mean over its windows, which count by how much of each is sound.",
        "track": "There is one value for the whole track, or for the window that a row describes.",
        "embedding": "There is a value for every patch of three seconds; a row of the table has "
        "the mean over those of its patches in which something sounds, and over "
        f"{patches.MOST} that are spread over it where there are more.",
        "estimate": "There is one value for a row of the table, from the other values in it; none "
        "(NaN) where the settings are not the default ones.",
    }
    return wrapped(courses[entry.kind])


def _reach(entry: Descriptor) -> tuple[list[Descriptor], list[Descriptor]]:
    """Return the needs that have a page, and those that have to be explained on this one."""
    with_page: dict[str, Descriptor] = {}
    inner: dict[str, Descriptor] = {}

    def visit(names: Iterable[str]) -> None:
        for need in map(registry.get, names):
            if need.sets:
                with_page[need.name] = need
            elif need.name not in inner:
                inner[need.name] = need
                visit(need.needs)

    visit(entry.needs)
    return list(with_page.values()), list(inner.values())


def _needs(entry: Descriptor) -> str:
    with_page, inner = _reach(entry)
    lines = []
    if with_page:
        lines.append(item(", ".join(f"[{need.name}]({need.name}.md)" for need in with_page)))
    for need in inner:
        parsed = parse(need.function)
        unit = f" ({need.unit})" if need.unit else ""
        explained = f"{parsed.summary} {parsed.meaning} {parsed.method}"
        lines.append(item(f"`{need.name}`{unit}: {explained}"))
    return "Made from:\n\n" + "\n".join(lines) if lines else ""


def _references(entry: Descriptor) -> tuple[str, ...]:
    """Return the references of a descriptor and of what it is made from without a page."""
    _, inner = _reach(entry)
    lines = [*text(entry).references, *(r for e in inner for r in parse(e.function).references)]
    return tuple(dict.fromkeys(lines))


def _columns(entry: Descriptor) -> str:
    """Return the table of columns; those that differ by a number alone share a line."""
    runs: dict[tuple[str, str, str, str], list[Column]] = {}
    for column in entry.columns(DEFAULTS):
        stem = re.sub(r"_\d{2,3}(?=_|$)", "", column.name)
        key = (stem, column.unit, _range(column), str(column.version))
        runs.setdefault(key, []).append(column)
    rows = []
    for (_, unit, span, version), columns in runs.items():
        name = f"`{columns[0].name}`"
        if len(columns) > 1:
            name += f" … `{columns[-1].name}` ({len(columns)})"
        rows.append((name, unit or "–", span, version))
    return table(("name", "unit", "range", "version"), rows)


def _membership(entry: Descriptor) -> str:
    *first, last = (f"`{name}`" for name in entry.sets)
    names = f"sets {', '.join(first)} and {last}" if first else f"set {last}"
    return f"In the feature {names}."


def _figures(entry: Descriptor, measured: Sequence[Measurement], made_by: str) -> str:
    """Return the table of the measurements of a descriptor, or why there is none."""
    names = {entry.name, *(column.name for column in entry.columns(DEFAULTS))}
    of_entry = [row for row in measured if row.descriptor in names]
    if not of_entry:
        if is_estimate(entry):
            return "Not measured yet."
        if entry.kind == "embedding":
            return wrapped(
                "There is no truth that an activation could be off from. The tests hold it to what "
                "the authors' own program computes from the same input."
            )
        return wrapped(
            "Defined, not estimated: there is no truth that it could be off from. The tests hold "
            "it to its definition, by signals whose answer is known on paper and by another "
            "implementation on a recording."
        )
    rows = [
        (
            row.measure if row.descriptor == entry.name else f"`{row.descriptor}`: {row.measure}",
            row.truth,
            f"{row.n:,}",
            f"**{_number(row.ours)}**",
            "–" if None in (row.low, row.high) else f"{_number(row.low)} to {_number(row.high)}",
            ", ".join(f"{name} {_number(value)}" for name, value in row.others.items()) or "–",
        )
        for row in of_entry
    ]
    heads = ("measure", "truth", "n", "Earmark", "95 % interval", "others")
    return joined(table(heads, rows), f"Measured by `{made_by}`." if made_by else "")


def _number(value: float | None) -> str:
    if value is None or not math.isfinite(value):
        return "–"
    return f"{value:.3f}" if abs(value) < 10 else f"{value:.1f}"


def _range(column: Column) -> str:
    low, high = column.range
    if math.isinf(low) and math.isinf(high):
        return "any"
    if math.isinf(high):
        return f"{low:.4g} or more"
    if math.isinf(low):
        return f"{high:.4g} or less"
    return f"{low:.4g} to {high:.4g}"


if __name__ == "__main__":
    write(*map(Path, sys.argv[1:2]))
