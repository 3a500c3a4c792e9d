"""Audio files that browsers play: the file itself, or one that is made of it."""

from __future__ import annotations

import contextlib
import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import soundfile
import soxr

from earmark.classify.app.errors import UploadError
from earmark.classify.app.files.sniff import sniff
from earmark.extract import tables
from earmark.extract.audio import decode

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

__all__ = ["browser_playable"]

LONGEST = 900.0
"""Seconds of a track that are converted at the most."""

LARGEST = 50 * 10**6
"""Bytes of a file that is played as it is: the server holds it in memory meanwhile."""

KEPT = 8
"""Converted tracks that stay in a folder, those asked for last."""

HIGHEST_RATE = 96000
"""Hz: above it a browser may refuse."""


def browser_playable(path: str, folder: str, seconds: float = LONGEST) -> tuple[Path, str]:
    """Return a file that browsers play: the same one, or a FLAC that is made of it.

    A file of more than `LARGEST` bytes is converted too, as far as `seconds` go. It is FLAC
    because every browser plays it, and it is written twenty times as fast as MP3.

    Parameters
    ----------
    path : str
        The file.
    folder : str
        Where converted files are put, and found again; it keeps the latest `KEPT`.
    seconds : float
        How much of the track is converted at the most.

    Returns
    -------
    path : Path
        The file that browsers play.
    mime : str
        Its media type.

    Raises
    ------
    UploadError
        It is no audio.
    DecodeError
        It has to be converted and cannot be decoded.
    """
    source = Path(path)
    with source.open("rb") as file:
        audio_format, problem = sniff(file)
    if audio_format is None:
        raise UploadError(path, problem)
    status, codecs = source.stat(), audio_format.codecs
    if codecs and status.st_size <= LARGEST and decode.codec(source) in codecs:
        return source, audio_format.mime
    # Two albums may have a track of the same name, and a file may have changed.
    identity = f"{source.resolve()}\0{status.st_mtime_ns}\0{status.st_size}\0{seconds}"
    digest = hashlib.sha256(os.fsencode(identity)).hexdigest()[:32]
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
