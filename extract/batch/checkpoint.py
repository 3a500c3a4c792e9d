"""What is finished goes to disk at once, so that an interrupted run goes on where it was."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass
from itertools import pairwise
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

TOLD = ("path", "stamp", "sha256", "notes", "stage", "error", "message")
"""What a part says of every row, beside where it starts, how long it is, and the values."""

OPEN_PARTS = 8
"""Parts that are held while they are read in order: neighbours finish about together."""

Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
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
        values = rows[self._extraction.schema.names].to_numpy(np.float64)
        starts, seconds = rows["start"].to_numpy(), rows["seconds"].to_numpy()
        told = list(zip(*(rows[name].tolist() for name in TOLD), strict=True))
        # The rows of a track lie together.
        firsts = [at for at in range(len(rows)) if not at or told[at][:2] != told[at - 1][:2]]
        found = {}
        for first, end in pairwise([*firsts, len(rows)]):
            path, unchanged, sha256, notes, *failure = told[first]
            stage, error, message = failure
            found[path, unchanged] = Outcome(
                *(path, sha256, starts[first:end], seconds[first:end], values[first:end]),
                failure=(path, stage, error, message) if stage else None,
                stamp=unchanged,
                notes=tuple(notes.splitlines()),
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
        # A failure is a row without values.
        counts = [len(outcome.starts) or 1 for outcome in self._held]
        nothing, zero = np.full((1, len(names)), np.nan), np.zeros(1)
        values, starts, seconds = (
            np.concatenate([pick(outcome) for outcome in self._held])
            for pick in (
                lambda outcome: outcome.values if len(outcome.starts) else nothing,
                lambda outcome: outcome.starts if len(outcome.starts) else zero,
                lambda outcome: outcome.seconds if len(outcome.starts) else zero,
            )
        )
        told = [
            (
                *(outcome.path, outcome.stamp, outcome.sha256, "\n".join(outcome.notes)),
                *(outcome.failure or ("", "", "", ""))[1:],
            )
            for outcome in self._held
        ]
        texts = {
            name: np.repeat(np.array(column, object), counts)
            for name, column in zip(TOLD, zip(*told, strict=True), strict=True)
        }
        about = pd.DataFrame({**texts, "start": starts, "seconds": seconds})
        rows = pd.concat([pd.DataFrame(values, columns=names), about], axis=1)
        part = self.folder / f"{self._name()}-{self._count:06d}.parquet"
        tables.write(rows, part)
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
