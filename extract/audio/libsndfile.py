"""Files that libsndfile reads: fast, and believing what headers say."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import numpy as np
import soundfile

from earmark.extract import _compat
from earmark.extract.audio import ffmpeg
from earmark.extract.audio.opened import (
    BLOCK_LENGTH,
    SAMPLE_RATES,
    Audio,
    Floats,
    OpenFile,
    is_sound,
)
from earmark.extract.errors import DecodeError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["UnfitError", "opened"]

SURE = frozenset({"AVR", "IRCAM", "MAT5", "NIST", "PAF", "PVF", "SVX", "XI"})
"""Formats beyond our table that libsndfile knows by more than a byte or two."""

UNKNOWN_LENGTH = 2**62
"""libsndfile reports 2**63 - 1 samples for a stream of unknown length."""


class UnfitError(Exception):
    """A reader is not the right one for a file."""


@contextlib.contextmanager
def opened(given: OpenFile) -> Iterator[Audio]:
    """Open a file with libsndfile, which looks at the content since it is not told the name."""
    given.handle.seek(0)
    with contextlib.ExitStack() as stack:
        printed: list[str] = []
        quiet: Callable[[], contextlib.AbstractContextManager[None]] = contextlib.nullcontext
        # What is of no format of our table libsndfile may take for MP3.
        if given.is_mp3 or given.found.format is None:
            messages = stack.enter_context(contextlib.closing(_compat.LibraryMessages()))
            printed, quiet = messages.lines, messages.caught
        with quiet():
            file = stack.enter_context(soundfile.SoundFile(given.handle.fileno(), closefd=False))
            _refuse_unfit(file, given)
            # The first block is read at once: where even that fails, FFmpeg may manage.
            buffer = np.empty((BLOCK_LENGTH, file.channels), np.float32)
            first = file.read(out=buffer)

        def blocks() -> Iterator[Floats]:
            block, done, damage, lost = first, 0, "", 0.0
            while len(block):
                if given.is_mp3 and not is_sound(block):
                    # A damaged frame, which FFmpeg leaves out.
                    damage = "a frame of absurd samples"
                    break
                done += len(block)
                yield block
                try:
                    with quiet():
                        block = file.read(out=buffer)
                except soundfile.LibsndfileError as error:
                    damage = ffmpeg.sentence(error.error_string)
                    break
            fewest = given.extent.fewest
            least = file.frames if fewest is None else min(file.frames, fewest)
            said = file.frames / file.samplerate if least > done else given.extent.said
            if damage or least > done:
                # FFmpeg may read on.
                rest = _Rest(given, file.samplerate, file.channels, done)
                for block in rest.blocks():
                    done += len(block)
                    yield block
                damage, lost = rest.damage or damage, rest.lost
            if printed and not damage:
                given.notes.append(f"is odd: {printed[0]}")
            given.conclude(done / file.samplerate, said, damage, lost)

        yield Audio(file.samplerate, file.channels, blocks(), notes=given.notes)


def _refuse_unfit(file: soundfile.SoundFile, given: OpenFile) -> None:
    """Raise where FFmpeg knows more of a file, or where libsndfile takes anything for MP3."""
    if file.frames > UNKNOWN_LENGTH:
        # FLAC that was written to a pipe; libsndfile cannot read it to its end.
        raise UnfitError
    if given.found.format is None and (given.found.instead or file.format not in SURE):
        raise UnfitError
    low, high = SAMPLE_RATES
    if not low <= file.samplerate <= high:
        # Some formats say it in every frame too.
        raise UnfitError
    if given.extent.plain and file.channels > 2:
        raise UnfitError
    if given.extent.fewest is not None and file.frames < given.extent.fewest:
        # It guesses the length of an MP3, and reads no further.
        raise UnfitError


class _Rest:
    """What FFmpeg reads of a file beyond the sample where libsndfile stopped."""

    def __init__(self, given: OpenFile, sample_rate: int, channels: int, done: int) -> None:
        self._given, self._done = given, done
        self._target = sample_rate, channels
        self.damage = ""
        self.lost = 0.0

    def blocks(self) -> Iterator[Floats]:
        """Yield the samples that are left."""
        done = self._done
        try:
            with ffmpeg.stream_of(self._given, self._given.view) as (container, stream):
                decoder = ffmpeg.Decoder(container, stream)
                if (decoder.sample_rate, decoder.channels) != self._target:
                    return
                for block in decoder.blocks():
                    fresh = block[done:]
                    done -= min(done, len(block))
                    if len(fresh):
                        yield fresh
                self.damage, self.lost = decoder.damage, decoder.lost
        except DecodeError:
            return
