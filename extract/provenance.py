"""What a table says of itself: what its values are, and what computed them."""

from __future__ import annotations

import functools
import platform
import subprocess
from importlib import metadata as distributions
from pathlib import Path
from typing import TYPE_CHECKING, Any

from earmark.version import __version__

if TYPE_CHECKING:
    from earmark.extract.schema import Schema

__all__ = ["DESCRIPTION", "commit", "metadata", "versions"]

DESCRIPTION = ("set", "fingerprint", "columns", "column_versions", "settings", "windows")
"""The entries that say what the values are; the others are versions of what computed them."""

LIBRARIES = ("numpy", "scipy", "numba", "soxr", "soundfile", "av", "librosa")
"""The distributions that values, or the samples that they are computed from, come from."""

CHECKOUT = Path(__file__).resolve().parents[1]


def metadata(schema: Schema) -> dict[str, Any]:
    """Return the provenance of a table: what its values are, and what computed them.

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
    return {
        "set": schema.set,
        "fingerprint": schema.fingerprint,
        "columns": schema.names,
        "column_versions": {column.name: column.version for column in schema.columns},
        "settings": schema.settings.model_dump() if schema.settings else {},
        "windows": schema.windows,
        **versions(),
    }


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
