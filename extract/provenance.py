"""What a table says of itself: what its values are, and what computed them."""

from __future__ import annotations

import functools
import platform
import subprocess
from collections.abc import Mapping
from importlib import metadata as distributions
from pathlib import Path
from typing import TYPE_CHECKING, Any

from earmark.version import __version__

if TYPE_CHECKING:
    from collections.abc import Iterator

    from earmark.extract.schema import Schema

__all__ = ["DESCRIPTION", "Provenance", "commit", "metadata", "versions"]

DESCRIPTION = ("set", "fingerprint", "columns", "column_versions", "settings", "windows")
"""The entries that say what the values are; the others are versions of what computed them."""

LIBRARIES = ("numpy", "scipy", "numba", "soxr", "soundfile", "av", "librosa")
"""The distributions that values, or the samples that they are computed from, come from."""

CHECKOUT = Path(__file__).resolve().parents[1]


class Provenance(Mapping[str, Any]):
    """The provenance of a table that is computed here: what its values are, and what computed them.

    The latter is gathered when somebody asks for it, such as who writes the table: that asks git
    and loads every library.

    Parameters
    ----------
    schema : Schema
        Of the table.
    """

    def __init__(self, schema: Schema) -> None:
        self._description = {
            "set": schema.set,
            "fingerprint": schema.fingerprint,
            "columns": schema.names,
            "column_versions": {column.name: column.version for column in schema.columns},
            "settings": schema.settings.model_dump() if schema.settings else {},
            "windows": schema.windows,
        }

    def __getitem__(self, name: str) -> Any:
        return (self._description if name in self._description else versions())[name]

    def __iter__(self) -> Iterator[str]:
        yield from self._description
        yield from versions()

    def __len__(self) -> int:
        return len(self._description) + len(versions())

    def __bool__(self) -> bool:
        return True


def metadata(schema: Schema) -> dict[str, Any]:
    """Return the provenance of a table, complete.

    Parameters
    ----------
    schema : Schema
        Of the table.

    Returns
    -------
    dict
        ``set`` with its version, ``fingerprint``, ``columns``, ``column_versions`` (of the
        descriptor of each, by column), ``settings``, ``windows`` in seconds, and all of
        `versions`. It can be written as JSON.
    """
    return dict(Provenance(schema))


def versions() -> dict[str, str]:
    """Return the versions of Earmark, Python and the libraries that compute values."""
    return dict(_versions())


@functools.cache
def _versions() -> dict[str, str]:
    import av
    import soundfile

    revision = commit()
    return {
        "earmark": __version__,
        **({"commit": revision} if revision else {}),
        "python": platform.python_version(),
        **{name: distributions.version(name) for name in LIBRARIES},
        "libsndfile": soundfile.__libsndfile_version__,
        "ffmpeg": av.ffmpeg_version_info,
    }


@functools.cache
def commit(folder: Path = CHECKOUT) -> str | None:
    """Return the git commit of a checkout, with ``-dirty`` where files were changed since.

    None where Earmark is installed, or git cannot tell.
    """
    if not (folder / ".git").exists():
        return None
    command = ("git", "-C", str(folder), "describe", "--always", "--dirty", "--exclude=*")
    try:
        result = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return result.stdout.strip() or None
