"""Markdown as the pages of descriptors are written in it: lines of at most 100 signs."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

__all__ = ["item", "joined", "section", "table", "wrapped"]


def joined(*parts: str) -> str:
    """Return paragraphs, those that there are, with blank lines between."""
    return "\n\n".join(part for part in parts if part)


def wrapped(line: str, indent: str = "") -> str:
    """Return a paragraph in lines."""
    return textwrap.fill(
        line, 100, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )


def item(line: str) -> str:
    """Return an item of a list."""
    return wrapped(f"- {line}", "  ")


def section(title: str, *parts: str) -> str:
    """Return a section with its heading; nothing where it would be empty."""
    lists = all(part.startswith("- ") for part in parts)
    body = "\n".join(parts) if lists else joined(*parts)
    return f"## {title}\n\n{body}" if body else ""


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table; a bar in a cell stays one."""

    def lines() -> Iterator[str]:
        for cells in (heads, ["---"] * len(heads), *rows):
            yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"

    return "\n".join(lines())
