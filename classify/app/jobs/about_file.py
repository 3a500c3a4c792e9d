"""What the tags of a file say of it, and its cover. No Streamlit here: this runs in a worker."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

from earmark.classify.dataset import tags
from earmark.extract.errors import EarmarkError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["COVER", "about_file", "cover"]

COVER = 256
"""Pixels of the longer side of a cover as it is shown."""

LARGEST = 20 * 10**6
"""Bytes of a picture that is looked at."""

MOST_PIXELS = 40 * 10**6
"""Pixels of a picture that is decoded."""


def about_file(path: str | Path) -> dict[str, Any]:
    """Return title, artist and album of a file, empty where unknown, and its cover.

    Returns
    -------
    dict
        ``title``, ``artist``, ``album``: text; ``cover``: a small PNG, empty where there is none.
    """
    found: dict[str, list[str]] = {}
    # What has no tags, or damaged ones, is analysed all the same.
    with contextlib.suppress(EarmarkError):
        found = tags.read(path)
    words = {name: ", ".join(found.get(name, [])[:3]) for name in ("title", "artist", "album")}
    return words | {"cover": cover(path)}


def cover(path: str | Path) -> bytes:
    """Return the front cover in the tags of a file as a small PNG of our own, else nothing.

    It is drawn anew, so that nothing that a stranger put into a picture reaches a browser.
    """
    # Pillow and mutagen break in more ways than they have errors for.
    with contextlib.suppress(Exception):
        from PIL import Image

        for data in _pictures(Path(path)):
            if not 0 < len(data) <= LARGEST:
                continue
            with Image.open(io.BytesIO(data), formats=("JPEG", "PNG", "GIF", "WEBP")) as picture:
                if picture.width * picture.height > MOST_PIXELS:
                    continue
                # A JPEG is decoded no larger than it has to be.
                picture.draft("RGB", (COVER, COVER))
                small = picture.convert("RGB")
                small.thumbnail((COVER, COVER))
                out = io.BytesIO()
                small.save(out, "PNG")
                return out.getvalue()
    return b""


def _pictures(path: Path) -> Iterator[bytes]:
    """Yield the pictures in the tags, front covers first."""
    import base64

    import mutagen
    from mutagen.flac import Picture

    from earmark.classify._compat import bounded_unpacking

    with bounded_unpacking():
        tagged = mutagen.File(path)
    if tagged is None:
        return
    # FLAC has a list of its own; ID3, Vorbis comments and MP4 have them among their tags.
    found = [*getattr(tagged, "pictures", [])]
    for name, value in (tagged.tags or {}).items():
        if name.startswith("APIC"):
            found.append(value)
        elif name.lower() == "metadata_block_picture":
            found += [Picture(base64.b64decode(text)) for text in value]
        elif name == "covr":
            found += list(value)
    found.sort(key=lambda one: getattr(one, "type", 3) != 3)
    for one in found:
        yield bytes(getattr(one, "data", one))
