"""A track in a form that browsers play."""

from __future__ import annotations

import contextlib
import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import soundfile
import soxr

from earmark.classify.app.files import scratch
from earmark.extract import tables
from earmark.extract.audio import decode
from earmark.extract.errors import UploadError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

__all__ = ["playable"]

LONGEST = 900.0
"""Seconds of a track that are converted; who wants to hear more has the file."""

LARGEST = 50 * 10**6
"""Bytes of a file that is played as it is: the server holds it in memory meanwhile."""

KEPT = 8
"""Converted tracks that stay in a folder, those asked for last."""

HIGHEST_RATE = 96000
"""Hz: above it a browser may refuse."""

# By what a file is (`earmark.classify.app.files.scratch.sniff`): its type, and the codecs that
# browsers know.
_PLAYED = {
    ".mp3": ("audio/mpeg", {"mp3"}),
    ".wav": ("audio/wav", {"pcm_u8", "pcm_s16le", "pcm_s24le", "pcm_f32le"}),
    ".flac": ("audio/flac", {"flac"}),
    ".ogg": ("audio/ogg", {"vorbis", "opus", "flac"}),
    ".m4a": ("audio/mp4", {"aac", "mp3"}),
    ".webm": ("audio/webm", {"vorbis", "opus"}),
    ".aac": ("audio/aac", {"aac"}),
}


def playable(path: str, folder: str, seconds: float = LONGEST) -> tuple[Path, str]:
    """Return a file that browsers play and its type: the same one, or a FLAC made of it.

    A large one is converted too, as far as `seconds` go.

    FLAC, because every browser plays it, and it is written twenty times as fast as MP3.

    Parameters
    ----------
    path : str
        The file.
    folder : str
        Where another one is put, and found again; the oldest of more than `KEPT` go.
    seconds : float
        What of it is converted at the most.

    Raises
    ------
    UploadError
        It is no audio.
    DecodeError
        It has to be converted and cannot be decoded.
    """
    source = Path(path)
    with source.open("rb") as file:
        kind, instead = scratch.sniff(file)
    if kind is None:
        raise UploadError(path, instead)
    mime, codecs = _PLAYED.get(kind.suffix, ("", set()))
    about = source.stat()
    if codecs and about.st_size <= LARGEST and decode.codec(source) in codecs:
        return source, mime
    # Two albums have a track of the same name, and a file may be another one by tomorrow.
    mark = f"{source.resolve()}\0{about.st_mtime_ns}\0{about.st_size}\0{seconds}"
    digest = hashlib.sha256(os.fsencode(mark)).hexdigest()[:32]
    target = Path(folder, f"played-{digest}.flac")
    if target.is_file():
        os.utime(target)
        return target, "audio/flac"
    with tables.atomic(target) as part, decode.open_audio(source) as audio:
        rate = min(audio.sample_rate, HIGHEST_RATE)
        channels = min(audio.channels, 2)
        with soundfile.SoundFile(part, "w", rate, channels, "PCM_16", format="FLAC") as out:
            for block in _cut(_stereo(audio, rate), round(seconds * rate)):
                out.write(np.clip(block, -1, 1))
    _prune(target.parent)
    return target, "audio/flac"


def _prune(folder: Path) -> None:
    """Remove all but the newest copies, and what workers that were stopped have left of some."""
    times = {}
    for copy in folder.glob("*played-*.flac*"):
        # Another worker may be doing the same.
        with contextlib.suppress(FileNotFoundError):
            times[copy] = copy.stat().st_mtime_ns
    for copy in set(times) - set(sorted(times, key=times.__getitem__)[-KEPT:]):
        copy.unlink(missing_ok=True)


def _stereo(audio: decode.Audio, rate: int) -> Iterator[NDArray[np.float32]]:
    """Yield the first two channels at a rate."""
    pieces = (block[:, :2] for block in audio.blocks)
    if rate == audio.sample_rate:
        yield from pieces
        return
    stream = soxr.ResampleStream(audio.sample_rate, rate, min(audio.channels, 2), dtype="float32")
    for piece in pieces:
        yield stream.resample_chunk(np.ascontiguousarray(piece))


def _cut(blocks: Iterator[NDArray[np.float32]], length: int) -> Iterator[NDArray[np.float32]]:
    """Yield blocks until there are so many samples."""
    for block in blocks:
        yield block[:length]
        length -= len(block)
        if length <= 0:
            return
