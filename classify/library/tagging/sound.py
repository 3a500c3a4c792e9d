"""Whether two files hold the same sound: a sum over the packets of their streams."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from earmark.extract.errors import DecodeError

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

__all__ = ["digest"]


def digest(path: Path) -> str:
    """Return a sum over what a decoder gets of a file: equal where the decoded samples are.

    Every packet of every stream counts, with its time and length, and what decoders are set up
    with. Pictures that a container shows as streams do not: they are tags.

    Parameters
    ----------
    path : Path
        The file.

    Raises
    ------
    DecodeError
        FFmpeg finds no sound in it.
    """
    import av

    total = hashlib.sha256()
    try:
        with (
            path.open("rb") as handle,
            av.open(
                handle, metadata_errors="replace", options={"protocol_whitelist": "none"}
            ) as container,
        ):
            streams = [each for each in container.streams if not _is_picture(each)]
            if not any(each.type == "audio" for each in streams):
                raise DecodeError(path, "holds no sound that could be compared")
            for stream in streams:
                context = stream.codec_context
                total.update(_set_up(stream).encode())
                total.update(_without_comments(bytes(context.extradata or b"")) if context else b"")
            packets = 0
            for packet in container.demux(streams):
                times = (packet.stream_index, packet.pts, packet.dts, packet.duration)
                total.update(repr(times).encode())
                total.update(packet)
                packets += bool(packet.size)
    except (av.error.FFmpegError, ValueError, OSError) as error:
        reason = getattr(error, "strerror", None) or error
        raise DecodeError(path, f"its sound cannot be compared ({reason})") from error
    if not packets:
        raise DecodeError(path, "holds no sound that could be compared")
    return total.hexdigest()


def _is_picture(stream: Any) -> bool:
    from av.stream import Disposition

    return bool(stream.disposition & Disposition.attached_pic)


def _set_up(stream: Any) -> str:
    context = stream.codec_context
    about = [stream.type, stream.time_base]
    if stream.type == "audio":
        about += [context.name, context.sample_rate, context.layout.name, context.format]
    return repr(about)


def _without_comments(setup: bytes) -> bytes:
    """Leave the comments out of the three headers that Vorbis is set up with."""
    if len(setup) < 3 or setup[0] != 2:
        return setup
    sizes = []
    at = 1
    for _ in range(2):
        size = 0
        while at < len(setup) and setup[at] == 0xFF:
            size, at = size + 255, at + 1
        if at == len(setup):
            return setup
        sizes.append(size + setup[at])
        at += 1
    if not setup[at:].startswith(b"\x01vorbis"):
        return setup
    return setup[at : at + sizes[0]] + setup[at + sum(sizes) :]
