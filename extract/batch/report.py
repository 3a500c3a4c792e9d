"""What a run has done, for people and for programs: ``T.report.json``."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from earmark.extract import tables
from earmark.extract.errors import FindError
from earmark.extract.provenance import versions

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from earmark.extract.schema import Schema

__all__ = ["Counts", "Effort", "how_many", "write"]


@dataclass(frozen=True)
class Counts:
    """What became of the files that were found: each is described or has failed.

    Parameters
    ----------
    found : int
        Files.
    described, failed : int
        Those that have rows, and those that have not.
    new, changed : int
        Those that were analysed, because they were not known, or not with this content.
    unchanged : int
        Those that had their rows already.
    moved, copies : int
        Those whose content had its rows under another name: one that is gone, or one that is still
        there.
    failed_before : int
        Those that failed in an earlier run and have not changed since.
    gone, pruned : int
        Tracks of the table that were not found, and how many of them were taken out.
    unfound : int
        Sources that could not be searched.
    """

    found: int = 0
    described: int = 0
    failed: int = 0
    new: int = 0
    changed: int = 0
    unchanged: int = 0
    moved: int = 0
    copies: int = 0
    failed_before: int = 0
    gone: int = 0
    pruned: int = 0
    unfound: int = 0

    def __str__(self) -> str:
        """Say it in a line, without what is none."""
        words = {
            "new": "new",
            "changed": "changed",
            "unchanged": "unchanged",
            "moved": "moved",
            "copies": "of the same content as another",
            "failed_before": "failed before (--retry-failed tries them again)",
        }
        parts = [f"{getattr(self, name):,} {what}" for name, what in words.items()]
        line = ", ".join(part for part in parts if not part.startswith("0 "))
        files = "1 file" if self.found == 1 else f"{self.found:,} files"
        if self.pruned:
            line += f"; {self.pruned:,} that are gone were taken out"
        elif self.gone:
            line += f"; {self.gone:,} that are gone keep their rows (--prune takes them out)"
        return f"{files}: {line}"


@dataclass
class Effort:
    """What a run has spent.

    Parameters
    ----------
    seconds : float
        On the clock.
    audio_seconds : float
        Length of what was analysed in them.
    """

    seconds: float = 0.0
    audio_seconds: float = 0.0

    @property
    def times_real_time(self) -> float | None:
        """How many seconds of audio were analysed in one."""
        return round(self.audio_seconds / self.seconds, 1) if self.audio_seconds else None


def how_many(failures: Sequence[Sequence[str]]) -> str:
    """Say how many sources were not found and how many files failed, without what is none.

    Examples
    --------
    >>> none = ("none", "find", "NotFoundError", "does not exist; check the spelling")
    >>> how_many([none, ("a.mp3", "decode", "DecodeError", "is empty (0 bytes)")])
    '1 not found, 1 failed'
    """
    unfound = sum(row[1] == FindError.stage for row in failures)
    counts = {"not found": unfound, "failed": len(failures) - unfound}
    return ", ".join(f"{count:,} {what}" for what, count in counts.items() if count)


def write(
    output: Path,
    counts: Counts,
    effort: Effort,
    rows: int,
    schema: Schema,
    failures: Sequence[tuple[str, ...]],
    notes: Sequence[tuple[str, str]],
) -> None:
    """Write the report beside a table.

    Parameters
    ----------
    output : Path
        The table.
    counts, effort
        What was done, and spent.
    rows : int
        Rows of the table.
    schema : Schema
        What made them.
    failures : sequence of tuple
        As in the failures table.
    notes : sequence of tuple
        Path and note.
    """
    by_file: dict[str, list[str]] = {}
    for path, note in notes:
        by_file.setdefault(path, []).append(note)
    report = {
        "table": output.name,
        "rows": rows,
        "files": asdict(counts),
        "seconds": round(effort.seconds, 3),
        "audio_seconds": round(effort.audio_seconds, 3),
        "times_real_time": effort.times_real_time,
        "set": schema.set,
        "fingerprint": schema.fingerprint,
        "settings": schema.settings.model_dump() if schema.settings else {},
        "windows": schema.windows,
        "versions": versions(),
        "failures": [dict(zip(tables.FAILURE_COLUMNS, row, strict=True)) for row in failures],
        "notes": by_file,
    }
    with tables.atomic(tables.report_path(output)) as temporary:
        temporary.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
