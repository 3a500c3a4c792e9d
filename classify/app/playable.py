"""A track in a form that browsers play."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from classify.app import uploads
from extract import decode
from extract.errors import UploadError

__all__ = ["playable"]

LONGEST = 900.0
"""Seconds of a track that are converted; who wants to hear more has the file."""

HIGHEST_RATE = 96000
"""Hz: above it a browser may refuse."""

# By what a file is (`classify.app.uploads.sniff`): its type, and the codecs that browsers know.
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

    FLAC, because every browser plays it, and it is written twenty times as fast as MP3.

    Parameters
    ----------
    path : str
        The file.
    folder : str
        Where another one is put, under its name.
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
        kind, instead = uploads.sniff(file)
    if kind is None:
        raise UploadError(path, instead)
    mime, codecs = _PLAYED.get(kind.suffix, ("", set()))
    if codecs and decode.codec(source) in codecs:
        return source, mime
    target = Path(folder, f"{source.name}.flac")
    with decode.open_audio(source) as audio:
        rate = min(audio.sample_rate, HIGHEST_RATE)
        channels = min(audio.channels, 2)
        with soundfile.SoundFile(target, "w", rate, channels, "PCM_16", format="FLAC") as out:
            for block in _cut(_stereo(audio, rate), round(seconds * rate)):
                out.write(np.clip(block, -1, 1))
    return target, "audio/flac"


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
