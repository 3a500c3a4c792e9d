"""What FFmpeg reads of the tags of a file: RIFF INFO, APE, Matroska, CAF and the others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from earmark.extract.errors import DecodeError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["read"]

FALLBACK = "cp1252"
"""What texts are in that are no UTF-8: RIFF has nothing to say so, and programs for Windows wrote
most of it."""


def read(path: Path) -> tuple[dict[str, str], float]:
    """Return what a file says of itself, and how long it is.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    tags : dict of str to str
        By the name in small letters that FFmpeg gives it, such as ``genre``.
    seconds : float
        0 where nobody knows.

    Raises
    ------
    DecodeError
        FFmpeg does not know the format.

    Examples
    --------
    >>> tags, seconds = read(demo / "jazz-120bpm-b-flat-major.wav")
    >>> 10 < seconds < 30
    True
    """
    import av

    for encoding in ("utf-8", FALLBACK):
        try:
            with (
                path.open("rb") as handle,
                av.open(
                    handle,
                    metadata_encoding=encoding,
                    metadata_errors="strict" if encoding != FALLBACK else "replace",
                    options={"protocol_whitelist": "none"},
                ) as container,
            ):
                if not container.streams.audio:
                    raise DecodeError(path, "holds no audio whose tags could be read")
                found: dict[str, str] = {}
                for tags in (container.metadata, *(each.metadata for each in container.streams)):
                    for name, text in tags.items():
                        found.setdefault(name.lower(), text)
                return found, (container.duration or 0) / av.time_base
        except UnicodeDecodeError:
            continue
        except (av.error.FFmpegError, ValueError, OSError) as error:
            reason = getattr(error, "strerror", None) or error
            raise DecodeError(path, f"its tags cannot be read ({reason})") from error
    return {}, 0.0
