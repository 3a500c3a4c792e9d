"""ZIP archives to download."""

from __future__ import annotations

import zipfile
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["zip_files"]

EPOCH = (1980, 1, 1, 0, 0, 0)
"""The date of every file, the first that ZIP has: so the same files give the same bytes."""


def zip_files(files: Mapping[str, bytes | Path]) -> bytes:
    """Pack files into a ZIP archive.

    Parameters
    ----------
    files : mapping of str to bytes or Path
        The content of each, or its path, by its name in the archive.

    Returns
    -------
    bytes
        The archive; it is the same for the same files.
    """
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            data = content.read_bytes() if isinstance(content, Path) else content
            archive.writestr(zipfile.ZipInfo(name, EPOCH), data, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()
