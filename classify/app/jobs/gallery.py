"""The pictures of a table, which workers draw one after the other. No Streamlit here.

A table is read once, by a job that writes what the pictures need into a file; each picture is a
job that reads this file. So others have their turns in between, and stopping takes effect at once.
"""

from __future__ import annotations

import dataclasses
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from earmark.classify.app import catalog
from earmark.classify.app.files.zip import zip_files
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
        What its owner calls it; as anybody may have written it, it is only ever shown as text.
    path : str, optional
        The file; None for the demo tracks, or with `table`.
    labels : str, optional
        A CSV with genres.
    label : str, optional
        The column of the genre.
    table : DataFrame, optional
        The table itself.
    stamp : int
        Differs between tables of one name, and where a file has changed.
    labels_name : str
        What its owner calls the CSV with genres.
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
        """Return the source of a table in memory."""
        return cls(name, table=table, stamp=int(pd.util.hash_pandas_object(table).sum()))


def gather(source: Source, folder: str) -> dict[str, Any]:
    """Read a table and write what its pictures need into a file; this runs in a worker.

    Parameters
    ----------
    source : Source
        The table.
    folder : str
        Where the file is written: that of the session.

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
        tracks = insights.read(source.path, source.labels, **options)
    return dataclasses.replace(tracks, name=source.name)


def draw(file: str, name: str, theme: str) -> dict[str, Any]:
    """Draw one picture from the file that `gather` wrote; this runs in a worker.

    Parameters
    ----------
    file : str
        That file.
    name : str
        The picture, one of `insights.NAMES`.
    theme : str
        ``light`` or ``dark``.

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
        For whom they are drawn: a name for the queue.
    folder : Path
        Of the session.
    seconds : float
        That the table, and each picture, may take.
    theme : str
        ``light`` or ``dark``.
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
        """Take in finished pictures, and submit the next jobs."""
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
            gathered = self.gathering.result()
            self.file, self.about = gathered["file"], gathered["about"]

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
                drawn = job.result()
                self.made[name] = Picture(**drawn) if "png" in drawn else Absent(**drawn)
            else:
                # The others are drawn all the same.
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

    def redraw(self, theme: str) -> None:
        """Draw all pictures anew, in another theme."""
        self.stop()
        self.theme, self.made = theme, {}
        self.resume()

    def close(self) -> None:
        """Stop, and forget the table."""
        self.stop()
        if self.file:
            Path(self.file).unlink(missing_ok=True)


def zipped(gallery: Gallery) -> bytes:
    """Return the pictures that are done, and a page that shows them, as a ZIP archive."""
    made = [gallery.made[name] for name in insights.NAMES if name in gallery.made]
    page = insights.render(gallery.source.name, gallery.about, made, gallery.theme)
    files = {"index.html": page}
    for one in made:
        if isinstance(one, Picture):
            files |= {f"{one.name}.png": one.png, f"{one.name}.svg": one.svg}
            files[f"{one.name}.csv"] = one.data
    return zip_files(files)
