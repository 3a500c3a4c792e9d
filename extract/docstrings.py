"""The docstring of a descriptor or of a module, taken apart.

* the summary says what it is;
* the first paragraph after it says what that means to a listener;
* the further ones give the definition and the method;
* ``Notes`` say what it is not, and where it fails;
* ``References`` say whose definition it is.
"""

from __future__ import annotations

import inspect
import re
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Text", "parse"]


@dataclass(frozen=True)
class Text:
    """The parts of the docstring of a descriptor or module.

    Parameters
    ----------
    summary : str
        What it is, in a line.
    meaning : str
        What it means to a listener; empty where the docstring has a single further paragraph.
    method : str
        Definition and method.
    limits : str
        What it is not.
    references : tuple of str
        Whose definition it is.
    """

    summary: str = ""
    meaning: str = ""
    method: str = ""
    limits: str = ""
    references: tuple[str, ...] = ()


def parse(thing: object) -> Text:
    """Take the docstring of a function or module apart."""
    sections: dict[str, list[str]] = {"": []}
    title = ""
    lines = (inspect.getdoc(thing) or "").splitlines()
    for line, following in pairwise([*lines, ""]):
        if line.strip() and re.fullmatch(r"-{3,}", following):
            title = line
            sections[title] = []
        elif not re.fullmatch(r"-{3,}", line):
            sections[title].append(line)
    summary, *more = _paragraphs(sections[""]) or [""]
    # A single paragraph is needed for the definition.
    meaning = more.pop(0) if len(more) > 1 else ""
    return Text(
        " ".join(summary.split()),
        meaning,
        "\n\n".join(more),
        "\n\n".join(_paragraphs(sections.get("Notes", []))),
        tuple(_paragraphs(sections.get("References", []))),
    )


def _paragraphs(lines: Iterable[str]) -> list[str]:
    """Return the paragraphs of some lines, each with its own line breaks."""
    parts = re.split(r"\n\s*\n", "\n".join(lines).strip("\n"))
    return [part.rstrip() for part in parts if part.strip()]
