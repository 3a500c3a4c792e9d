"""The tracks that somebody is looking at: what is known of each, what is waited for, what failed.

No Streamlit here: a shelf is filled by a page, and refreshed for as long as somebody looks at it.
Who closes the page has nothing more computed.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from earmark.classify.app.jobs.track_analysis import TrackAnalysis, analyse_track
from earmark.classify.app.settings import seconds_for
from earmark.extract import sets
from earmark.extract.audio import sources
from earmark.extract.errors import EarmarkError, FindError, printable

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from earmark.classify.app.jobs.queue import Job, JobQueue

__all__ = ["Item", "TrackList", "search", "told_apart"]

AHEAD = 32
"""Tracks of a shelf that are in the queue at a time; the rest follows as they are done."""

PICTURES = 6
"""Pictures that are kept, those looked at last."""

STOPPED = "was not analysed: it was stopped"

TOP = 3
"""Genres of a track in the table."""


@dataclass(eq=False)
class Item:
    """A track on the shelf.

    Parameters
    ----------
    name : str
        As its owner calls it: anybody's text.
    path : Path
        Where it is.
    heard : TrackAnalysis, optional
        What is known of it.
    error : str
        Why nothing is known of it.
    ticket : Job, optional
        Of the job that is waited for.
    picture : bool
        Whether it is to be drawn.
    """

    name: str
    path: Path
    heard: TrackAnalysis | None = None
    error: str = ""
    job: Job | None = None
    picture: bool = False

    @property
    def waits(self) -> bool:
        """Whether there is more to come."""
        if self.job is not None:
            return True
        wanted = self.heard is None or (self.picture and self.heard.picture is None)
        return wanted and not self.error


@dataclass
class TrackList:
    """Tracks in order, described by one model.

    Parameters
    ----------
    owner : str
        Whose they are, for the queue.
    model : Path
        The directory of the model.
    folder : Path
        Where sounds are put that browsers play.
    source : Path, optional
        The folder that they come from; None for what was uploaded.
    more : int
        Tracks of that folder that are not on the shelf: there are too many.
    chosen : Item, optional
        The one that is looked at.
    items : list of Item
        The tracks.
    """

    owner: str
    model: Path
    folder: Path
    source: Path | None = None
    more: int = 0
    chosen: Item | None = None
    items: list[Item] = field(default_factory=list)
    _seen: list[Item] = field(default_factory=list)

    def add(self, tracks: Iterable[tuple[str, Path]]) -> list[Item]:
        """Put tracks on the shelf by their names and places; the first of them is looked at.

        Who brings two tracks of one name gets them told apart.
        """
        known = {item.name for item in self.items}
        new = []
        for name, path in tracks:
            new.append(Item(told_apart(name, known), path))
            known.add(new[-1].name)
        self.items += new
        if new:
            self.chosen = new[0]
            self.show(new[0])
        return new

    def show(self, item: Item) -> None:
        """Have a track drawn; pictures that nobody looked at for long are forgotten."""
        if not item.picture and item.job is not None and item.job.state == "waiting":
            # It is heard once: with its picture, and before the others.
            item.job.cancel()
            item.job = None
        self._seen = [*(other for other in self._seen if other is not item), item]
        item.picture = True
        for old in self._seen[:-PICTURES]:
            old.picture = False
            if old.heard is not None:
                old.heard = old.heard.without_picture()
        self._seen = self._seen[-PICTURES:]

    def refresh(self, queue: JobQueue) -> bool:
        """Take in what was found out, ask for more, and return whether more is to come."""
        for item in self.items:
            if item.job is not None and item.job.state not in ("waiting", "running"):
                self._take(item, item.job)
        waiting = [item for item in self.items if item.waits]
        # What somebody looks at comes first.
        waiting.sort(key=lambda item: not item.picture)
        asked = sum(item.job is not None for item in waiting)
        for item in waiting:
            if item.job is None and (asked < AHEAD or item.picture):
                try:
                    item.job = queue.submit(
                        self.owner,
                        analyse_track,
                        *(str(item.path), str(self.model)),
                        str(self.folder) if item.picture else None,
                        timeout=seconds_for(item.path),
                        first=item.picture,
                    )
                except EarmarkError as error:
                    if not asked:
                        item.error = str(error)
                    break
                asked += 1
        return any(item.waits for item in self.items)

    def _take(self, item: Item, job: Job) -> None:
        item.job = None
        if job.state == "done":
            item.heard = self._trusted(item, TrackAnalysis.of(job.result()))
        else:
            item.error = job.error or STOPPED

    def _trusted(self, item: Item, heard: TrackAnalysis) -> TrackAnalysis:
        """Take no file for the sound that is neither the track's own nor one made of it."""
        own = Path(heard.sound).resolve()
        known = own == item.path.resolve() or own.parent == self.folder.resolve()
        return heard if known else replace(heard, sound="")

    def stop(self, item: Item | None = None) -> None:
        """Have nothing more done, of one track or of all; what is known stays.

        A track whose picture was stopped is no longer looked at.
        """
        for each in self.items if item is None else [item]:
            if each.job is not None:
                each.job.cancel()
                each.job = None
            if each.heard is None and not each.error:
                each.error = STOPPED
            if each.heard is None or each.heard.picture is None:
                each.picture = False
                if each is self.chosen:
                    self.chosen = None

    def resume(self) -> None:
        """Have done what was stopped."""
        stopped = self.stopped
        for item in stopped:
            item.error = ""
        self.chosen = self.chosen or next(iter(stopped), None)

    def again(self, model: Path) -> None:
        """Have everything described anew by another model."""
        chosen = self.chosen
        self.stop()
        self.model, self.chosen = model, chosen
        for item in self.items:
            item.heard, item.error = None, ""

    def clear(self) -> None:
        """Take everything off the shelf."""
        self.stop()
        self.items.clear()
        self._seen.clear()
        self.chosen = self.source = None
        self.more = 0

    @property
    def done(self) -> list[Item]:
        """Tracks of which something is known."""
        return [item for item in self.items if item.heard is not None]

    @property
    def stopped(self) -> list[Item]:
        """Tracks that were not analysed since nobody wanted to wait."""
        return [item for item in self.items if item.error == STOPPED]

    @property
    def failed(self) -> list[Item]:
        """Tracks of which nothing will be known."""
        return [
            item
            for item in self.items
            if item.heard is None and item.error and item.error != STOPPED
        ]


def told_apart(name: str, known: Collection[str]) -> str:
    """Return a name that is not known yet: the same, or with a number before its ending."""
    stem, dot, ending = name.rpartition(".")
    if not dot or "/" in ending:
        stem, ending = name, ""
    numbered = (f"{stem} ({number}){dot if ending else ''}{ending}" for number in count(2))
    return name if name not in known else next(other for other in numbered if other not in known)


def search(folder: Path, named: str) -> list[tuple[str, Path]]:
    """Find the tracks of a folder: what a worker does, for links may lead far.

    Parameters
    ----------
    folder : Path
        Where it is.
    named : str
        What somebody calls it.

    Returns
    -------
    list of (str, Path)
        Names below the folder, and where the tracks are.

    Raises
    ------
    FindError
        It holds none.
    """
    found, failures = sources.find([folder])
    if not found:
        raise failures[0] if failures else FindError(printable(named), "holds no audio files")
    return [(track.path, track.location) for track in found]


def table(items: Iterable[Item]) -> pd.DataFrame:
    """Lay out what is known of tracks: ``path``, genres as predictions have them, the values.

    Returns
    -------
    DataFrame
        ``path, genre, probability, genre_2, …`` and Spotify's thirteen columns, a row per track.
    """
    genres = [f"genre{suffix}" for suffix in _suffixes()]
    probabilities = [f"probability{suffix}" for suffix in _suffixes()]
    rows = []
    for item in items:
        if item.heard is None:
            continue
        row: dict[str, object] = {"path": item.name}
        named = zip(item.heard.genres, item.heard.probabilities, strict=True)
        for genre, probability, (name, share) in zip(genres, probabilities, named, strict=False):
            row |= {genre: name, probability: share}
        rows.append(row | item.heard.values)
    pairs = [name for pair in zip(genres, probabilities, strict=True) for name in pair]
    return pd.DataFrame(rows, columns=["path", *pairs, *sets.SPOTIFY_COLUMNS])


def _suffixes() -> list[str]:
    return ["", *(f"_{rank}" for rank in range(2, TOP + 1))]
