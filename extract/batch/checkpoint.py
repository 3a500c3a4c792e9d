"""What is finished goes to disk at once, so that an interrupted run goes on where it was."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow as pa

from earmark.extract import tables
from earmark.extract.batch.track import Extraction, Outcome
from earmark.extract.errors import WriteError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from earmark.extract.audio.sources import Track

__all__ = ["Finished", "Memory", "Parts"]

SECONDS_PER_PART = 5.0
ROWS_PER_PART = 5000
"""What is finished goes to disk at least this often, and before it is this much."""


DIGITS = "[0-9]" * 6
"""How parts are numbered: windows and tracks stand before, and must not be taken for it."""

OPEN_PARTS = 8
"""Parts that are held while they are read in order: neighbours finish about together."""

Key = tuple[str, str]


@dataclass(frozen=True)
class Finished:
    """What a run has to know of a track that is finished, without its rows.

    Parameters
    ----------
    sha256 : str
        Its content.
    failure : tuple of str, optional
        Why it could not be analysed.
    seconds : float
        How long it is.
    """

    sha256: str
    failure: tuple[str, str, str, str] | None
    seconds: float

    @classmethod
    def of(cls, outcome: Outcome) -> Finished:
        """Return that of an outcome."""
        return cls(outcome.sha256, outcome.failure, outcome.audio_seconds)


class Parts:
    """Finished outcomes on disk, so that an interrupted run can be taken up again.

    A part is one Parquet file with the rows and failures of some tracks, written atomically. It is
    believed for a track as long as the file's size and time of change are the same.
    """

    def __init__(self, output: Path, extraction: Extraction) -> None:
        self.folder = output.with_name(f"{output.name}.parts")
        self._extraction = extraction
        self._held: list[Outcome] = []
        self._rows = 0
        self._saved = time.monotonic()
        self._count = 0
        self._keys: dict[int, Key] = {}
        self._where: dict[Key, Path] = {}
        self._opened: dict[Path, dict[Key, Outcome]] = {}

    def _name(self) -> str:
        return self._extraction.made

    def finished(self, tracks: Sequence[Track], stamps: Sequence[str]) -> dict[int, Finished]:
        """Return what became of tracks in a run that was interrupted, where it still holds.

        Parameters
        ----------
        tracks : sequence of Track
            Those of this run.
        stamps : sequence of str
            Of their files, now.
        """
        found: dict[Key, Finished] = {}
        for part in sorted(self.folder.glob(f"{self._name()}-{DIGITS}.parquet")):
            self._count += 1
            # A part that was damaged, by a power cut say, is as good as none.
            with contextlib.suppress(OSError, ValueError, KeyError, pa.ArrowException):
                for key, outcome in self._load(part).items():
                    self._where[key] = part
                    found[key] = Finished.of(outcome)
        # Without a stamp, nothing is to be believed.
        keys = ((track.path, stamp) for track, stamp in zip(tracks, stamps, strict=True))
        self._keys = {index: key for index, key in enumerate(keys) if key[1] and key in found}
        return {index: found[key] for index, key in self._keys.items()}

    def outcome(self, index: int) -> Outcome:
        """Return what became of a track; a few parts are held, for neighbours come together."""
        key = self._keys[index]
        part, opened = self._where[key], self._opened
        # Put at the end, as the last one to go.
        opened[part] = opened.pop(part) if part in opened else self._reload(part)
        if len(opened) > OPEN_PARTS:
            del opened[next(iter(opened))]
        return opened[part][key]

    def _reload(self, part: Path) -> dict[Key, Outcome]:
        try:
            return self._load(part)
        except (OSError, ValueError, KeyError, pa.ArrowException) as error:
            raise WriteError(
                part, f"was removed or damaged while the run went on ({error}); start it again"
            ) from error

    def _load(self, part: Path) -> dict[Key, Outcome]:
        rows = pd.read_parquet(part)
        names = self._extraction.schema.names
        found = {}
        for _, own in rows.groupby(["path", "stamp"], sort=False):
            first = own.iloc[0]
            path, unchanged = str(first["path"]), str(first["stamp"])
            failure = (path, first["stage"], first["error"], first["message"])
            found[path, unchanged] = Outcome(
                path,
                first["sha256"],
                own["start"].to_numpy(),
                own["seconds"].to_numpy(),
                own[names].to_numpy(np.float64),
                failure if first["stage"] else None,
                unchanged,
                tuple(first["notes"].splitlines()),
            )
        return found

    def add(self, index: int, outcome: Outcome) -> None:
        """Take the finished outcome of a track, and write what is held when it is time."""
        self._held.append(outcome)
        self._keys[index] = outcome.path, outcome.stamp
        self._rows += len(outcome.starts)
        if self._rows > ROWS_PER_PART or time.monotonic() - self._saved > SECONDS_PER_PART:
            self.save()

    def save(self) -> None:
        """Write what is held as one part."""
        if not self._held:
            return
        names = self._extraction.schema.names
        records = []
        for outcome in self._held:
            stage, error, message = (outcome.failure or ("", "", "", ""))[1:]
            failed = outcome.failure is not None
            values = np.full((1, len(names)), np.nan) if failed else outcome.values
            rows = pd.DataFrame(values, columns=names)
            rows["path"], rows["stamp"] = outcome.path, outcome.stamp
            rows["sha256"] = outcome.sha256
            rows["start"] = 0.0 if failed else outcome.starts
            rows["seconds"] = 0.0 if failed else outcome.seconds
            rows["notes"] = "\n".join(outcome.notes)
            rows["stage"], rows["error"], rows["message"] = stage, error, message
            records.append(rows)
        part = self.folder / f"{self._name()}-{self._count:06d}.parquet"
        tables.write(pd.concat(records, ignore_index=True), part)
        self._where |= {(outcome.path, outcome.stamp): part for outcome in self._held}
        self._count += 1
        self._held.clear()
        self._rows = 0
        self._saved = time.monotonic()

    def remove(self) -> None:
        """Remove all parts, of other settings too; what is not ours stays and keeps the folder."""
        for pattern in (f"*-{DIGITS}.parquet", f".*-{DIGITS}.parquet.*"):
            for part in self.folder.glob(pattern):
                part.unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            self.folder.rmdir()


class Memory:
    """Holds outcomes as `Parts` does, where there is no output to keep them beside."""

    def __init__(self) -> None:
        self._held: dict[int, Outcome] = {}

    def finished(
        self,
        tracks: Sequence[Track],  # noqa: ARG002
        stamps: Sequence[str],  # noqa: ARG002
    ) -> dict[int, Finished]:
        """Return none: nothing is known of earlier runs."""
        return {}

    def add(self, index: int, outcome: Outcome) -> None:
        """Take the finished outcome of a track."""
        self._held[index] = outcome

    def outcome(self, index: int) -> Outcome:
        """Return what became of a track."""
        return self._held[index]

    def save(self) -> None:
        """Do nothing: all is held."""

    def remove(self) -> None:
        """Do nothing: it goes by itself."""
