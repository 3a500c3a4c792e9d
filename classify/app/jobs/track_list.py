"""The tracks of a session: which are analysed, which are waited for, which failed.

No Streamlit here: a page fills the list, and refreshes it for as long as somebody looks at it.
Once the page is closed, nothing more is computed.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from earmark.classify.app.jobs.course import follow, received
from earmark.classify.app.jobs.track_analysis import TrackAnalysis, analyse_track
from earmark.classify.app.settings import seconds_for
from earmark.extract import sets
from earmark.extract.audio import sources
from earmark.extract.errors import EarmarkError, FindError, printable

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from earmark.classify.app.jobs.kept import Results
    from earmark.classify.app.jobs.queue import Job, JobQueue
    from earmark.classify.over_time import OverTime

__all__ = ["Item", "TrackList", "search", "table", "unique_name"]

AHEAD = 32
"""Tracks of a list that are in the queue at a time; others follow as these are done."""

PICTURES = 6
"""Pictures that are kept: those of the tracks shown last."""

STOPPED = "was not analysed: it was stopped"

WORDS = ("title", "artist", "album")
"""What the tags say that stands in the table, where they say it of any track."""

TOP = 3
"""Genres of a track in the table, the most probable."""


@dataclass(eq=False)
class Course:
    """What changes in the course of a track, once somebody looks at it.

    Parameters
    ----------
    found : OverTime, optional
        None before it is known.
    job : Job, optional
        What is waited for.
    error : str
        Why it is not known.
    """

    found: OverTime | None = None
    job: Job | None = None
    error: str = ""


@dataclass(eq=False)
class Item:
    """A track of the list.

    Parameters
    ----------
    name : str
        What its owner calls it; as anybody may have written it, it is only ever shown as text.
    path : Path
        Where the file is.
    analysis : TrackAnalysis, optional
        None before it is analysed.
    error : str
        Why it could not be analysed, or not be drawn.
    job : Job, optional
        The analysis that is waited for.
    picture : bool
        Whether it is shown, and so has to be drawn.
    course : Course
        What changes in the course of it.
    """

    name: str
    path: Path
    analysis: TrackAnalysis | None = None
    error: str = ""
    job: Job | None = None
    picture: bool = False
    course: Course = field(default_factory=Course)

    @property
    def waits(self) -> bool:
        """Whether an analysis of it is waited for, or has still to be asked for."""
        if self.job is not None:
            return True
        missing = self.analysis is None or (self.picture and self.analysis.picture is None)
        return missing and not self.error


@dataclass
class TrackList:
    """Tracks in order, analysed with one model.

    Parameters
    ----------
    owner : str
        For whom they are analysed: a name for the queue.
    model : Path
        The directory of the model.
    folder : Path
        Where files are put that browsers play.
    source : Path, optional
        The folder that they come from; None for what was uploaded.
    more : int
        Tracks of that folder that are left out, because there are too many.
    outside : int
        Links of that folder that are not followed, because they lead out of the root.
    chosen : Item, optional
        The one that is shown.
    items : list of Item
        The tracks.
    kept : Results, optional
        Where results are kept for another visit.
    """

    owner: str
    model: Path
    folder: Path
    source: Path | None = None
    more: int = 0
    outside: int = 0
    chosen: Item | None = None
    items: list[Item] = field(default_factory=list)
    kept: Results | None = None
    _shown: list[Item] = field(default_factory=list)
    _followed: Item | None = None

    def add(self, tracks: Iterable[tuple[str, Path]]) -> list[Item]:
        """Add tracks by their names and paths, and show the first of them.

        A name that is in the list already gets a number.
        """
        names = {item.name for item in self.items}
        new = []
        for name, path in tracks:
            new.append(Item(unique_name(name, names), path))
            names.add(new[-1].name)
        self.items += new
        if new:
            self.chosen = new[0]
            self.show(new[0])
        return new

    def show(self, item: Item) -> None:
        """Have a track drawn; only the pictures of the tracks shown last are kept."""
        if not item.picture and item.job is not None and item.job.state == "waiting":
            # It is analysed once: together with its picture, and before the others.
            item.job.cancel()
            item.job = None
        self._shown = [*(other for other in self._shown if other is not item), item]
        item.picture = True
        for old in self._shown[:-PICTURES]:
            old.picture = False
            if old.analysis is not None:
                old.analysis = old.analysis.without_picture()
        self._shown = self._shown[-PICTURES:]

    def follow(self, queue: JobQueue, item: Item) -> bool:
        """Find out what changes in the course of a track; return whether that has come to an end.

        What was asked of another one and has not begun is not waited for.
        """
        course = item.course
        if course.job is None and course.found is None and not course.error:
            before = None if self._followed is None else self._followed.course
            if before is not None and before.job is not None and before.job.state == "waiting":
                before.job.cancel()
                before.job = None
            self._followed = item
            try:
                course.job = queue.submit(
                    self.owner,
                    follow,
                    *(str(item.path), str(self.model)),
                    timeout=seconds_for(item.path),
                    first=True,
                    **self._kept,
                )
            except EarmarkError as error:
                course.error = str(error)
        elif course.job is not None and course.job.finished:
            if course.job.state == "done":
                course.found = received(course.job.result())
            else:
                course.error = course.job.error.replace(str(item.path), item.name)
            course.job = None
        return course.job is None

    @property
    def _kept(self) -> dict[str, Any]:
        """What a job is told of the results that are kept."""
        return {} if self.kept is None else {"kept": self.kept}

    def refresh(self, queue: JobQueue) -> bool:
        """Take in finished analyses, submit further ones, and return whether more are to come."""
        for item in self.items:
            if item.job is not None and item.job.state not in ("waiting", "running"):
                self._take(item, item.job)
        waiting = [item for item in self.items if item.waits]
        # What is shown comes first.
        waiting.sort(key=lambda item: not item.picture)
        submitted = sum(item.job is not None for item in waiting)
        for item in waiting:
            if item.job is None and (submitted < AHEAD or item.picture):
                try:
                    item.job = queue.submit(
                        self.owner,
                        analyse_track,
                        *(str(item.path), str(self.model)),
                        str(self.folder) if item.picture else None,
                        timeout=seconds_for(item.path),
                        first=item.picture,
                        **self._kept,
                    )
                except EarmarkError as error:
                    if not submitted:
                        item.error = str(error)
                    break
                submitted += 1
        return any(item.waits for item in self.items)

    def _take(self, item: Item, job: Job) -> None:
        item.job = None
        if job.state == "done":
            item.analysis = self._checked(item, TrackAnalysis.of(job.result()))
        else:
            # A message begins with the path, which on a server says nothing to anybody.
            item.error = job.error.removeprefix(f"{item.path}: ") or STOPPED
            item.error = item.error.replace(str(item.path), item.name)

    def _checked(self, item: Item, analysis: TrackAnalysis) -> TrackAnalysis:
        """Leave out a sound that is neither the track's own file nor one that was made of it.

        A worker that a damaged file has taken over could name any file of this machine.
        """
        sound = Path(analysis.sound).resolve()
        allowed = sound == item.path.resolve() or sound.parent == self.folder.resolve()
        return analysis if allowed else replace(analysis, sound="")

    def stop(self, item: Item | None = None) -> None:
        """Cancel the analysis of one track or of all; what is done stays.

        A track whose picture was cancelled is no longer shown.
        """
        for each in self.items if item is None else [item]:
            if each.job is not None:
                each.job.cancel()
                each.job = None
            if each.analysis is None and not each.error:
                each.error = STOPPED
            if each.analysis is None or each.analysis.picture is None:
                each.picture = False
                if each is self.chosen:
                    self.chosen = None

    def resume(self) -> None:
        """Have the tracks analysed that were stopped."""
        stopped = self.stopped
        for item in stopped:
            item.error = ""
        self.chosen = self.chosen or next(iter(stopped), None)

    def change_model(self, model: Path) -> None:
        """Have all tracks analysed anew with another model."""
        chosen = self.chosen
        self.stop()
        self.model, self.chosen = model, chosen
        for item in self.items:
            if item.course.job is not None:
                item.course.job.cancel()
            item.analysis, item.error, item.course = None, "", Course()

    def remove(self, item: Item) -> None:
        """Remove one track, and show the one that took its place."""
        if item not in self.items:
            return
        place = self.items.index(item)
        self.stop(item)
        self.items.remove(item)
        self._shown = [other for other in self._shown if other is not item]
        if self.chosen is None or self.chosen is item:
            self.chosen = self.items[min(place, len(self.items) - 1)] if self.items else None

    def clear(self) -> None:
        """Remove all tracks."""
        self.stop()
        self.items.clear()
        self._shown.clear()
        self.chosen = self.source = None
        self.more = self.outside = 0

    @property
    def done(self) -> list[Item]:
        """Tracks that are analysed."""
        return [item for item in self.items if item.analysis is not None]

    @property
    def stopped(self) -> list[Item]:
        """Tracks whose analysis was stopped."""
        return [item for item in self.items if item.error == STOPPED]

    @property
    def failed(self) -> list[Item]:
        """Tracks that could not be analysed."""
        return [
            item
            for item in self.items
            if item.analysis is None and item.error and item.error != STOPPED
        ]


def unique_name(name: str, taken: Collection[str]) -> str:
    """Return a name that is not taken: the same, or with a number before its ending.

    Examples
    --------
    >>> unique_name("a.mp3", {"a.mp3", "a (2).mp3"})
    'a (3).mp3'
    """
    stem, dot, ending = name.rpartition(".")
    if not dot or "/" in ending:
        stem, ending = name, ""
    numbered = (f"{stem} ({number}){dot if ending else ''}{ending}" for number in count(2))
    return name if name not in taken else next(other for other in numbered if other not in taken)


def search(folder: Path, named: str) -> list[tuple[str, Path]]:
    """Find the tracks of a folder.

    This runs in a worker: links may lead to a folder that is searched for hours.

    Parameters
    ----------
    folder : Path
        The folder.
    named : str
        What its owner calls it, for messages.

    Returns
    -------
    list of (str, Path)
        The name of each track relative to the folder, and its path.

    Raises
    ------
    FindError
        It holds none.
    """
    tracks, failures = sources.find([folder])
    if not tracks:
        raise failures[0] if failures else FindError(printable(named), "holds no audio files")
    # Where links lead is what decides whether a file may be opened.
    return [(track.path, track.location.resolve()) for track in tracks]


def table(items: Iterable[Item]) -> pd.DataFrame:
    """Return a table of the tracks that are analysed: their genres and values.

    Returns
    -------
    DataFrame
        ``path``, ``title``, ``artist``, ``album`` as far as any track has them, ``genre,
        probability, genre_2, …`` and Spotify's thirteen columns, a row per track.
    """
    genres = [f"genre{suffix}" for suffix in _suffixes()]
    probabilities = [f"probability{suffix}" for suffix in _suffixes()]
    rows = []
    for item in items:
        if item.analysis is None:
            continue
        row: dict[str, object] = {"path": item.name}
        row |= {name: getattr(item.analysis, name) or None for name in WORDS}
        named = zip(item.analysis.genres, item.analysis.probabilities, strict=True)
        for genre, probability, (name, share) in zip(genres, probabilities, named, strict=False):
            row |= {genre: name, probability: share}
        rows.append(row | item.analysis.values)
    pairs = [name for pair in zip(genres, probabilities, strict=True) for name in pair]
    known = [name for name in WORDS if any(row[name] for row in rows)]
    return pd.DataFrame(rows, columns=["path", *known, *pairs, *sets.SPOTIFY_COLUMNS])


def _suffixes() -> list[str]:
    """Return what stands behind ``genre`` and ``probability`` in the columns of each rank."""
    return ["", *(f"_{rank}" for rank in range(2, TOP + 1))]
