"""A file becomes blocks of float32 samples; whatever the format.

libsndfile (through soundfile) is fast and reads WAV, MP3, FLAC, OGG, AIFF and AU; FFmpeg (through
PyAV, whose wheel contains it) reads the rest, and what is not plainly what it seems: several
streams laid end to end, a length that is wrong, tags where the format has none, more than two
channels, whose order libsndfile does not tell. The content of a file decides, not its name, and
reading ends where the sound ends, not where a header says.

Damage is stepped over: what can be decoded is read, with a note that says what is missing. A file
of which less than half can be decoded is refused.
"""

from __future__ import annotations

import contextlib
import dataclasses
import stat
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import soundfile

from earmark.extract.audio import ffmpeg, libsndfile
from earmark.extract.audio.extent import Extent
from earmark.extract.audio.opened import SAMPLE_RATES, Audio, Floats, OpenFile, is_sound
from earmark.extract.audio.recognise import recognise
from earmark.extract.audio.view import View
from earmark.extract.errors import DecodeError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from earmark.extract.audio.recognise import Recognised

__all__ = ["Audio", "codec", "holds_sound", "open_audio"]

HIGHEST_DSD_RATE = 2822400
"""Of DSD512; FFmpeg gives a sample for every eight bits."""


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
    with _opened(path) as handle, contextlib.ExitStack() as stack:
        audio = _open(path, handle, stack)
        low, high = SAMPLE_RATES
        if not low <= audio.sample_rate <= high and audio.sample_rate not in _dsd_rates():
            raise DecodeError(
                path, f"says its sample rate is {audio.sample_rate} Hz; its header is damaged"
            )
        yield dataclasses.replace(audio, blocks=_sound(path, audio.blocks))


def _dsd_rates() -> tuple[int, ...]:
    """Return the rates at which FFmpeg reads DSD256 and DSD512, of either base rate."""
    return tuple(rate // div for rate in (HIGHEST_DSD_RATE, 3072000) for div in (1, 2, 4))


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    """Open a regular file that is not empty."""
    try:
        # Opening a pipe or a device would wait for ever.
        if not stat.S_ISREG(path.stat().st_mode):
            raise DecodeError(path, "is not a regular file")
        # Without a buffer, so that libsndfile and we agree on the position.
        handle = path.open("rb", buffering=0)
    except FileNotFoundError:
        message = "is not there, or no longer; was it moved, or is it a link to nothing?"
        raise DecodeError(path, message) from None
    except OSError as error:
        raise DecodeError(path, f"cannot be read: {error.strerror}") from error
    with handle:
        try:
            empty = not handle.read(1)
        except OSError as error:
            raise DecodeError(path, f"cannot be read: {error.strerror}") from error
        if empty:
            raise DecodeError(path, "is empty (0 bytes); copy it again from where it came")
        yield handle


def _open(path: Path, handle: BinaryIO, stack: contextlib.ExitStack) -> Audio:
    """Open a file with the reader that is right for it."""
    try:
        found = recognise(handle)
        extent = Extent(plain=False)
        if found.format is not None and found.format.extent is not None:
            extent = found.format.extent(handle, found.start, found.stop)
    except OSError as error:
        raise DecodeError(path, f"cannot be read: {error.strerror}") from error
    if found.start == found.stop:
        raise DecodeError(path, "holds a tag and no music; copy it again from where it came")
    view = View(handle, found.start, found.stop, extent.replaced)
    file = OpenFile(path, handle, view, found, extent)
    if extent.plain and (file.is_mp3 or not file.has_tags):
        readers = (libsndfile.opened, ffmpeg.opened)
    else:
        readers = (ffmpeg.opened, libsndfile.opened)
    problems: list[Exception] = []
    for reader in readers:
        try:
            audio = stack.enter_context(reader(file))
            if readers[0] is ffmpeg.opened and problems:
                file.notes.append("is refused by FFmpeg, and read by libsndfile")
            return audio
        except (soundfile.LibsndfileError, DecodeError, libsndfile.UnfitError) as error:
            problems.append(error)
    raise next(error for error in problems if isinstance(error, DecodeError))


def _sound(path: Path, blocks: Iterator[Floats]) -> Iterator[Floats]:
    """Pass blocks on; raise where samples are no numbers or absurdly large."""
    for block in blocks:
        if not is_sound(block):
            raise DecodeError(
                path, "holds samples that are not numbers or far too large; export it again"
            )
        yield block


def holds_sound(file: BinaryIO, found: Recognised) -> bool:
    """Tell whether FFmpeg finds sound in a file that our table of formats does not know."""
    view = View(file, found.start, found.stop)
    given = OpenFile(Path("upload"), file, view, found, Extent(plain=False))
    try:
        with ffmpeg.stream_of(given, view) as opened:
            return ffmpeg.Decoder(*opened).has_sound()
    except DecodeError:
        return False


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
    with path.open("rb") as handle, ffmpeg.container_of(path, handle) as container:
        contexts = [stream.codec_context for stream in container.streams.audio]
        return str(contexts[0].codec.canonical_name) if contexts and contexts[0] else ""
