"""Results that are kept on the disk by the content of the file: what is known is found at once.

A result is plain data (`earmark.classify.app.jobs.serialize`), so reading one runs nothing. The
folder is bounded: what was not looked at for longest goes first.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from earmark.classify.app.errors import JobError
from earmark.classify.app.jobs import serialize
from earmark.classify.model import storage
from earmark.extract import tables
from earmark.version import __version__

__all__ = ["Results", "forget"]

FORM = 1
"""Of what a result holds; another number is another result."""

ENDING = ".result"


@dataclass(frozen=True)
class Results:
    """A folder of results.

    Parameters
    ----------
    folder : Path
        It need not be there.
    megabytes : int
        That it may hold.
    """

    folder: Path
    megabytes: int

    def find(self, sha256: str, model: str, kind: str) -> dict[str, Any] | None:
        """Return what was found out about a file, or None.

        Parameters
        ----------
        sha256 : str
            Of the file.
        model : str
            The directory of the model.
        kind : str
            What is looked for: ``values``, ``picture`` or ``course``.
        """
        path = self._path(sha256, model, kind)
        try:
            found: dict[str, Any] = serialize.unpack(path.read_bytes())
        except OSError:
            return None
        except JobError:
            # It was cut off, or is none of ours.
            path.unlink(missing_ok=True)
            return None
        with contextlib.suppress(OSError):
            os.utime(path)
        return found

    def keep(self, sha256: str, model: str, kind: str, found: dict[str, Any]) -> None:
        """Keep what was found out about a file; where there is no room, nothing is kept."""
        with contextlib.suppress(OSError):
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with tables.atomic(self._path(sha256, model, kind)) as part:
                part.write_bytes(serialize.pack(found))
            self._prune()

    def _path(self, sha256: str, model: str, kind: str) -> Path:
        about = Path(model) / storage.ABOUT
        identity = [sha256, _model(str(about), about.stat().st_mtime_ns), __version__, FORM]
        name = hashlib.sha256(repr([*identity, kind]).encode()).hexdigest()
        return self.folder / f"{name}{ENDING}"

    def _prune(self) -> None:
        found = []
        for path in self.folder.glob(f"*{ENDING}"):
            # Another worker may be doing the same.
            with contextlib.suppress(OSError):
                status = path.stat()
                found.append((status.st_mtime_ns, status.st_size, path))
        left = sum(size for _, size, _ in found) - self.megabytes * 10**6
        for _, size, path in sorted(found):
            if left <= 0:
                break
            path.unlink(missing_ok=True)
            left -= size


def forget(folder: Path) -> None:
    """Remove all results."""
    shutil.rmtree(folder, ignore_errors=True)


@lru_cache(maxsize=16)
def _model(about: str, _modified: int) -> str:
    """Return what tells a model from others: the sum over its description."""
    return hashlib.sha256(Path(about).read_bytes()).hexdigest()
