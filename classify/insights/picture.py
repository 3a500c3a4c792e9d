"""A picture of a table: what it is about, and what it says in words."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["NAMES", "Absent", "Picture", "findings"]

HEADINGS = {
    "popularity": "Popularity of genres",
    "loudness-energy": "Loudness and energy",
    "distributions": "How the descriptors are distributed",
    "correlations": "Which descriptors go together",
    "families": "All descriptors, in families",
    "genres": "What marks each genre",
    "tempo": "Tempo",
    "keys": "Keys",
    "missing": "What is missing",
}
KINDS = {
    "popularity": "A dot with an interval for each genre",
    "loudness-energy": "A dot for each track, loudness to the right and energy upwards",
    "distributions": "A histogram of each descriptor",
    "correlations": "A triangle of colours, one for each two descriptors",
    "families": "A square of colours, one for each two descriptors",
    "genres": "A table of colours, a row for each genre and a column for each descriptor",
    "tempo": "A histogram",
    "keys": "Bars, for each key one in major and one in minor",
    "missing": "A bar for each column that has gaps",
}
"""What each picture is, for who does not see it."""

NAMES = tuple(HEADINGS)
"""The pictures, in the order in which they are shown."""

MERE = ("distributions", "families")
"""Those whose titles say what they show, not what is found in it."""


@dataclass(frozen=True)
class Picture:
    """A picture of a table.

    Parameters
    ----------
    name : str
        One of `NAMES`.
    title : str
        What is seen, in a sentence; a finding where there is one.
    caption : str
        What is drawn, of how many tracks, and what was left out.
    png : bytes
        The picture as it is sent around: title and caption stand above it.
    svg : bytes
        The same without these, for who shows them as text; on any ground of its theme.
    narrow : bytes
        Like `svg`, for a phone.
    data : bytes
        The numbers in it, as CSV.
    legend : dict
        What labels such as ``no. 3`` stand for, which its font could not write.
    """

    name: str
    title: str
    caption: str
    png: bytes
    svg: bytes
    narrow: bytes
    data: bytes
    legend: dict[str, str] = field(default_factory=dict)

    @property
    def heading(self) -> str:
        """What the picture is about."""
        return HEADINGS[self.name]

    @property
    def alternative(self) -> str:
        """What the picture is, and what is seen in it, for who does not see it."""
        return f"{KINDS[self.name]}: {self.title}. {self.caption}."


@dataclass(frozen=True)
class Absent:
    """A picture that cannot be made of a table.

    Parameters
    ----------
    name : str
        One of `NAMES`.
    reason : str
        Why: what the table lacks, or that nothing is wrong.
    """

    name: str
    reason: str

    @property
    def heading(self) -> str:
        """What the picture would have been about."""
        return HEADINGS[self.name]


def findings(made: Iterable[Picture | Absent]) -> list[str]:
    """Say in sentences what pictures show."""
    return [
        f"{found.title}." for found in made if isinstance(found, Picture) and found.name not in MERE
    ]
