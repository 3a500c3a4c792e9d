"""A file becomes blocks of float32 samples; the only module that uses the audio libraries.

libsndfile (through soundfile) is fast and reads WAV, MP3, FLAC, OGG, AIFF and AU; FFmpeg (through
PyAV, whose wheel contains it) reads the rest. The content of a file decides, not its name.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
import soundfile
from numpy.typing import NDArray

from earmark.extract.audio import mp3, protection
from earmark.extract.errors import DecodeError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Audio", "codec", "open_audio"]

BLOCK_LENGTH = 65536
"""Samples per channel in a block: in stereo half a megabyte, which fits a second-level cache."""

SAMPLE_RATES = (1000, 768000)

UNKNOWN_LENGTH = 2**62
"""libsndfile reports 2**63 - 1 samples for a stream of unknown length."""

LARGEST_SAMPLE = 1e6
"""Full scale is 1; float files may exceed it, but not by 120 dB."""

Floats = NDArray[np.float32]


@dataclasses.dataclass(frozen=True)
class Audio:
    """An open audio file.

    Parameters
    ----------
    sample_rate : int
        Samples per second and channel.
    channels : int
        Number of channels.
    blocks : iterator of ndarray of shape (samples, channels), float32
        The samples in order, full scale being ±1. It raises `DecodeError` where the file breaks
        off.
    """

    sample_rate: int
    channels: int
    blocks: Iterator[Floats]


@contextlib.contextmanager
def open_audio(path: str | Path) -> Iterator[Audio]:
    """Open a file for decoding.

    Parameters
    ----------
    path : str or Path
        An audio file of any format.

    Yields
    ------
    Audio
        Its samples; they can be read once, until the context is left.

    Raises
    ------
    DecodeError
        The file is gone, cannot be read, is empty or is not audio.

    Examples
    --------
    >>> with open_audio(demo / "house-128bpm-a-minor.mp3") as audio:
    ...     length = sum(len(block) for block in audio.blocks)
    >>> audio.sample_rate > 0, length > audio.sample_rate
    (True, True)
    """
    path = Path(path)
    with contextlib.ExitStack() as stack:
        try:
            # Opening a pipe or a device would wait for ever.
            if not stat.S_ISREG(path.stat().st_mode):
                raise DecodeError(path, "is not a regular file")
            handle = stack.enter_context(path.open("rb"))
            empty = not handle.read(1)
            handle.seek(0)
        except FileNotFoundError:
            message = "is not there, or no longer; was it moved, or is it a link to nothing?"
            raise DecodeError(path, message) from None
        except OSError as error:
            raise DecodeError(path, f"cannot be read: {error.strerror}") from error
        if empty:
            raise DecodeError(path, "is empty (0 bytes); copy it again from where it came")
        if mp3.is_joined(handle):
            # libsndfile would stop after the first stream.
            audio = stack.enter_context(_open_av(path, handle, lenient=True))
        else:
            try:
                audio = stack.enter_context(_open_soundfile(path))
            except soundfile.LibsndfileError:
                audio = stack.enter_context(_open_av(path, handle))
        low, high = SAMPLE_RATES
        if not low <= audio.sample_rate <= high:
            raise DecodeError(
                path, f"says its sample rate is {audio.sample_rate} Hz; its header is damaged"
            )
        yield dataclasses.replace(audio, blocks=_sound(path, audio.blocks))


def _sound(path: Path, blocks: Iterator[Floats]) -> Iterator[Floats]:
    """Pass blocks on; raise where samples are no numbers or absurdly large."""
    for block in blocks:
        # Comparisons with NaN are false.
        if not max(block.max(initial=0), -block.min(initial=0)) < LARGEST_SAMPLE:
            raise DecodeError(
                path, "holds samples that are not numbers or far too large; export it again"
            )
        yield block


@contextlib.contextmanager
def _open_soundfile(path: Path) -> Iterator[Audio]:
    # Bytes, because a name need not be valid UTF-8 where names are bytes.
    with soundfile.SoundFile(os.fsencode(path) if os.name == "posix" else path) as file:
        if file.frames > UNKNOWN_LENGTH:
            # FLAC that was written to a pipe; libsndfile cannot read it to its end.
            raise soundfile.LibsndfileError(0, "no length known: ")

        # The first block is read at once: where even that fails, FFmpeg may manage.
        buffer = np.empty((BLOCK_LENGTH, file.channels), np.float32)
        first = file.read(out=buffer)

        def blocks() -> Iterator[Floats]:
            block, done = first, 0
            while len(block):
                done += len(block)
                yield block
                try:
                    block = file.read(out=buffer)
                except soundfile.LibsndfileError as error:
                    raise _broken(path, done, file.samplerate, error.error_string) from error

        yield Audio(file.samplerate, file.channels, blocks())


@contextlib.contextmanager
def _open_av(path: Path, handle: BinaryIO, lenient: bool = False) -> Iterator[Audio]:
    import av

    with _container(path, handle) as container:
        if not container.streams.audio:
            raise DecodeError(path, "holds no audio stream (a picture, a video without sound?)")
        stream = container.streams.audio[0]
        if protection.is_locked(handle):
            raise DecodeError(path, protection.LOCKED)
        if stream.codec_context is None or not (stream.sample_rate and stream.channels):
            raise DecodeError(path, "is not audio that can be decoded, whatever its name says")
        resampler = av.AudioResampler(format="flt")

        def blocks() -> Iterator[Floats]:
            held: list[Floats] = []
            count = done = 0
            try:
                for frame in _frames(container, stream, lenient):
                    for packed in resampler.resample(frame):
                        samples = packed.to_ndarray().reshape(-1, stream.channels)
                        held.append(samples)
                        count += len(samples)
                    if count >= BLOCK_LENGTH:
                        yield np.concatenate(held)
                        done += count
                        held, count = [], 0
            except (av.error.FFmpegError, ValueError) as error:
                raise _broken(path, done + count, stream.sample_rate, _reason(error)) from error
            if held:
                yield np.concatenate(held)

        yield Audio(stream.sample_rate, stream.channels, blocks())


def codec(path: Path) -> str:
    """Return FFmpeg's name of the codec of a file's audio, such as ``flac``; empty for none.

    Parameters
    ----------
    path : Path
        The file.

    Raises
    ------
    DecodeError
        FFmpeg does not know the format.

    Examples
    --------
    >>> codec(demo / "house-128bpm-a-minor.mp3")
    'mp3'
    """
    with path.open("rb") as handle, _container(path, handle) as container:
        contexts = [stream.codec_context for stream in container.streams.audio]
        return str(contexts[0].codec.canonical_name) if contexts and contexts[0] else ""


def _container(path: Path, handle: BinaryIO) -> Any:
    # Imported here because most collections never need it.
    import av

    try:
        # FFmpeg gets the open file, since it might take a name for a protocol; and without
        # protocols a playlist in the guise of audio cannot open other files.
        return av.open(handle, metadata_errors="replace", options={"protocol_whitelist": "none"})
    except (av.error.FFmpegError, ValueError) as error:
        raise DecodeError(
            path, f"is not audio in any format that is known here ({_reason(error)})"
        ) from error


def _frames(container: Any, stream: Any, lenient: bool) -> Iterator[Any]:
    """Decode a stream; if lenient, skip data that is not audio, such as tags between MP3s."""
    import av

    for packet in container.demux(stream):
        try:
            yield from packet.decode()
        except av.error.InvalidDataError:
            if not lenient:
                raise


def _reason(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error)


def _broken(path: Path, done: int, sample_rate: int, reason: str) -> DecodeError:
    return DecodeError(
        path, f"breaks off after {done / sample_rate:.1f} s ({reason.rstrip('.')}); copy it again"
    )
