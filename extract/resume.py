"""What is finished goes to disk at once, so that an interrupted run goes on where it was."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from extract import tables
from extract.analyse import Job, Outcome, stamp
from extract.files import Track

__all__ = ["Parts"]

SECONDS_PER_PART = 5.0
"""What is finished goes to disk at least this often."""


class Parts:
    """Finished outcomes on disk, so that an interrupted run can be taken up again.

    A part is one Parquet file with the rows and failures of some tracks, written atomically. It is
    believed for a track as long as the file's size and time of change are the same.
    """

    def __init__(self, output: Path, job: Job) -> None:
        self.folder = output.with_name(f"{output.name}.parts")
        self._job = job
        self._held: list[Outcome] = []
        self._saved = time.monotonic()
        self._count = 0

    def _name(self) -> str:
        windows = "" if self._job.windows is None else f"-{self._job.windows:g}s"
        tracks = "-tracks" if windows and self._job.tracks else ""
        return f"{self._job.schema.fingerprint}{windows}{tracks}"

    def finished(self, tracks: Sequence[Track]) -> dict[int, Outcome]:
        """Return the outcomes of an earlier run that still hold."""
        stored: dict[tuple[str, str], Outcome] = {}
        for part in sorted(self.folder.glob(f"{self._name()}-*.parquet")):
            self._count += 1
            # A part that was damaged, by a power cut say, is as good as none.
            with contextlib.suppress(OSError, ValueError, KeyError, pa.ArrowException):
                stored |= self._load(part)
        return {
            index: stored[key]
            for index, track in enumerate(tracks)
            if (key := (track.path, stamp(track))) in stored
        }

    def _load(self, part: Path) -> dict[tuple[str, str], Outcome]:
        rows = pd.read_parquet(part)
        names = self._job.schema.names
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
            )
        return found

    def add(self, outcome: Outcome) -> None:
        """Take a finished outcome, and write what is held when it is time."""
        self._held.append(outcome)
        if time.monotonic() - self._saved > SECONDS_PER_PART:
            self.save()

    def save(self) -> None:
        """Write what is held as one part."""
        if not self._held:
            return
        names = self._job.schema.names
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
            rows["stage"], rows["error"], rows["message"] = stage, error, message
            records.append(rows)
        part = self.folder / f"{self._name()}-{self._count:06d}.parquet"
        tables.write(pd.concat(records, ignore_index=True), part)
        self._count += 1
        self._held.clear()
        self._saved = time.monotonic()

    def remove(self) -> None:
        """Remove all parts, of other settings too; what is not ours stays and keeps the folder."""
        digits = "[0-9]" * 6
        for pattern in (f"*-{digits}.parquet", f".*-{digits}.parquet.*"):
            for part in self.folder.glob(pattern):
                part.unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            self.folder.rmdir()
