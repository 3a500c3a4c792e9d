"""The pictures of a table as the app makes them: one after the other, in workers. No Streamlit.

A table is read once, by a job that leaves what pictures need in a file of its own; each picture is
a job that reads this. So others have their turns in between, and whoever stops, stops at once.
"""

from __future__ import annotations

import dataclasses
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from earmark.classify.app import catalog
from earmark.classify.app.files.zip import packed
from earmark.classify.app.jobs import serialize
from earmark.classify.insights import page as insights
from earmark.classify.insights.page import Absent, Picture, Tracks
from earmark.extract.errors import EarmarkError, SchemaError

if TYPE_CHECKING:
    from earmark.classify.app.jobs.queue import Job, JobQueue

__all__ = ["Gallery", "Source", "draw", "gather", "zipped"]


@dataclass(frozen=True)
class Source:
    """Where a table and its genres come from.

    Parameters
    ----------
    name : str
        What it is called: anybody's text.
    path : str, optional
        The file; None for the demo tracks, or with `table`.
    labels : str, optional
        A CSV with genres.
    label : str, optional
        The column of the genre.
    table : DataFrame, optional
        The table itself.
    stamp : int
        Differs between tables of one name, also between what a file holds now and held before.
    labels_name : str
        What the CSV with genres is called by those who named it.
    """

    name: str
    path: str | None = None
    labels: str | None = None
    label: str | None = None
    table: pd.DataFrame | None = field(default=None, repr=False, compare=False)
    stamp: int = 0
    labels_name: str = ""

    @classmethod
    def of(cls, name: str, table: pd.DataFrame) -> Source:
        """Return the source of a table that is there."""
        return cls(name, table=table, stamp=int(pd.util.hash_pandas_object(table).sum()))


def gather(source: Source, folder: str) -> dict[str, Any]:
    """Read a table and leave what pictures need in a file.

    Parameters
    ----------
    source : Source
        The table.
    folder : str
        Of the session.

    Returns
    -------
    dict
        ``file``, for `draw`, and ``about``, sentences on the table.
    """
    tracks = _read(source)
    file = Path(folder) / f"{secrets.token_hex(8)}.tracks"
    parts = {part.name: getattr(tracks, part.name) for part in dataclasses.fields(Tracks)}
    for name, value in parts.items():
        if isinstance(value, pd.Series):
            parts[name] = value.rename("of").to_frame()
    file.write_bytes(serialize.pack(parts))
    return {"file": str(file), "about": insights.about(tracks)}


def _read(source: Source) -> Tracks:
    options: dict[str, Any] = {"label": source.label, "ignore_unknown": True}
    if source.table is not None:
        return insights.describe(source.table, where=source.name, **options)
    if source.path is None:
        demo = insights.demo()
        if demo is None:
            raise SchemaError("there are no demo tracks here; name a table")
        return demo
    called = {source.path: source.name}
    if source.labels is not None:
        called[source.labels] = source.labels_name
    with catalog.errors_with_user_names(called):
        found = insights.read(source.path, source.labels, **options)
    return dataclasses.replace(found, name=source.name)


def draw(file: str, name: str, theme: str) -> dict[str, Any]:
    """Make one picture of what `gather` left.

    Returns
    -------
    dict
        The fields of a `Picture` or an `Absent`.
    """
    try:
        kept = Path(file).read_bytes()
    except FileNotFoundError as error:
        raise SchemaError("the table is no longer here: its session has ended") from error
    parts = serialize.unpack(kept)
    for role in ("genres", "artists", "gaps"):
        if parts[role] is not None:
            parts[role] = parts[role]["of"]
    return dataclasses.asdict(insights.picture(name, Tracks(**parts), theme))


@dataclass(eq=False)
class Gallery:
    """The pictures of one table, as they come.

    Parameters
    ----------
    source : Source
        The table.
    owner : str
        Whose they are, for the line.
    folder : Path
        Of the session.
    seconds : float
        That the table, and each picture, may take.
    theme : str
        How they are drawn.
    """

    source: Source
    owner: str
    folder: Path
    seconds: float
    theme: str
    file: str = ""
    about: list[str] = field(default_factory=list)
    error: str = ""
    stopped: bool = False
    gathering: Job | None = None
    drawing: dict[str, Job] = field(default_factory=dict)
    made: dict[str, Picture | Absent] = field(default_factory=dict)

    @property
    def busy(self) -> bool:
        """Whether there is more to come."""
        return not (self.stopped or self.error) and len(self.made) < len(insights.NAMES)

    def refresh(self, queue: JobQueue) -> None:
        """Take in what was made, and ask for what is next."""
        if not self.busy:
            return
        try:
            if not self.file:
                self._gather(queue)
            if self.file:
                self._draw(queue)
        except EarmarkError as error:
            self.error = str(error)

    def _gather(self, queue: JobQueue) -> None:
        if self.gathering is None:
            self.gathering = queue.submit(
                self.owner, gather, self.source, str(self.folder), timeout=self.seconds
            )
        if self.gathering.finished:
            found = self.gathering.result()
            self.file, self.about = found["file"], found["about"]

    def _draw(self, queue: JobQueue) -> None:
        for name in insights.NAMES:
            if name not in self.drawing:
                self.drawing[name] = queue.submit(
                    self.owner, draw, self.file, name, self.theme, timeout=self.seconds
                )
            job = self.drawing[name]
            if name in self.made or not job.finished:
                continue
            if job.state == "done":
                found = job.result()
                self.made[name] = Picture(**found) if "png" in found else Absent(**found)
            else:
                # One that fails takes no other with it.
                self.made[name] = Absent(name, job.error)

    def stop(self) -> None:
        """Make no more; what is there stays."""
        self.stopped = True
        for job in (self.gathering, *self.drawing.values()):
            if job is not None:
                job.cancel()

    def resume(self) -> None:
        """Go on after a stop."""
        self.stopped, self.error = False, ""
        self.gathering = self.gathering if self.file else None
        self.drawing = {name: self.drawing[name] for name in self.made}

    def again(self, theme: str) -> None:
        """Draw all anew, for another page."""
        self.stop()
        self.theme, self.made = theme, {}
        self.resume()

    def close(self) -> None:
        """Stop, and forget the table."""
        self.stop()
        if self.file:
            Path(self.file).unlink(missing_ok=True)


def zipped(own: Gallery) -> bytes:
    """Pack the pictures that are there, and a page that shows them all."""
    made = [own.made[name] for name in insights.NAMES if name in own.made]
    page = insights.render(own.source.name, own.about, made, own.theme)
    pictures = {f"{one.name}.png": one.png for one in made if isinstance(one, Picture)}
    return packed({"index.html": page, **pictures})
