"""What is in a table: its pictures in a directory, and a page that shows them all.

A table becomes `Tracks` (`earmark.classify.insights.tracks`), these become pictures
(`earmark.classify.insights.figures`); who wants both finds them here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from earmark.classify.html import document
from earmark.classify.insights.figures import NO_GENRE, picture, pictures
from earmark.classify.insights.picture import NAMES, Absent, Picture, findings
from earmark.classify.insights.tracks import Tracks, about, demo, describe, read
from earmark.extract import tables
from earmark.extract.errors import WriteError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

__all__ = [
    "NAMES",
    "NO_GENRE",
    "Absent",
    "Picture",
    "Tracks",
    "about",
    "check_directory",
    "demo",
    "describe",
    "findings",
    "picture",
    "pictures",
    "read",
    "render",
    "write",
]

PAGE = "index.html"
MAKER = "Earmark insights"
"""By this a page of ours is known, which may be replaced."""


def check_directory(directory: Path) -> None:
    """Refuse, before any work is done, a place where pictures cannot go.

    Raises
    ------
    WriteError
        Something other than an earlier result stands there.
    """
    if not directory.exists():
        return
    if not directory.is_dir():
        raise WriteError(directory, "is a file; name a directory for the pictures")
    files = {entry.name for entry in directory.iterdir()}
    others = sorted(files - {PAGE, *map(_file, NAMES)})
    # Somebody else's page is called index.html, too.
    if not others and files and not _is_ours(directory / PAGE):
        others = sorted(files)
    if others:
        raise WriteError(
            directory,
            f"holds other things than pictures of a table ({', '.join(others[:3])}); name a new "
            "one",
        )


def write(directory: Path, tracks: Tracks, theme: str = "light") -> Iterator[Picture | Absent]:
    """Write the pictures of a table, one after the other, and at last a page that shows them all.

    Parameters
    ----------
    directory : Path
        Exists or is made; pictures of an earlier table go. Each file appears whole.
    tracks, theme
        As for `pictures`.

    Yields
    ------
    Picture or Absent
        As each is written.

    Raises
    ------
    WriteError
        Something else stands there, or a file cannot be written.
    """
    check_directory(directory)
    made = []
    # An interrupted run leaves a page behind, by which the directory is known as ours.
    _put(directory / PAGE, _page(tracks.name, theme, [], [], unfinished=True))
    for entry in pictures(tracks, theme):
        made.append(entry)
        if isinstance(entry, Picture):
            _put(directory / _file(entry.name), entry.png)
        else:
            (directory / _file(entry.name)).unlink(missing_ok=True)
        yield entry
    _put(directory / PAGE, render(tracks.name, about(tracks), made, theme))


def render(
    name: str, said: Sequence[str], made: Sequence[Picture | Absent], theme: str = "light"
) -> bytes:
    """Make the page: what was found, the pictures, and what could not be drawn.

    Parameters
    ----------
    name : str
        What the table is called.
    said : sequence of str
        What it holds, as `about` says.
    made : sequence
        Its pictures.
    theme : {"light", "dark"}
        How these were drawn.
    """
    return _page(name, theme, [*said, *findings(made)], made)


def _page(
    name: str,
    theme: str,
    sentences: Sequence[str],
    made: Sequence[Picture | Absent],
    unfinished: bool = False,
) -> bytes:
    return document.render(
        "insights",
        title=f"Insights: {name}",
        maker=MAKER,
        table_name=name,
        sentences=sentences,
        pictures=[entry for entry in made if isinstance(entry, Picture)],
        absent=[entry for entry in made if isinstance(entry, Absent)],
        dark=theme == "dark",
        unfinished=unfinished,
    )


def _file(name: str) -> str:
    return f"{name}.png"


def _is_ours(page: Path) -> bool:
    try:
        with page.open(encoding="utf-8", errors="replace") as lines:
            return f'content="{MAKER}"' in lines.read(1000)
    except OSError:
        return False


def _put(path: Path, content: bytes) -> None:
    with tables.atomic(path) as temporary:
        temporary.write_bytes(content)
