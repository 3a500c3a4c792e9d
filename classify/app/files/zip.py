"""Several files as one: a ZIP archive to download."""

from __future__ import annotations

import zipfile
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["packed"]

EPOCH = (1980, 1, 1, 0, 0, 0)
"""The date of all that is packed, the first that ZIP knows: the same files are the same bytes."""


def packed(files: Mapping[str, bytes | Path]) -> bytes:
    """Pack files into a ZIP archive.

    Parameters
    ----------
    files : mapping of str to bytes or Path
        What is in them, or where it is, by their names in the archive.

    Returns
    -------
    bytes
        The same for the same files.
    """
    whole = BytesIO()
    with zipfile.ZipFile(whole, "w") as archive:
        for name, content in files.items():
            held = content.read_bytes() if isinstance(content, Path) else content
            archive.writestr(zipfile.ZipInfo(name, EPOCH), held, zipfile.ZIP_DEFLATED)
    return whole.getvalue()
