"""Files that FFmpeg reads, through PyAV: everything, to its end, stepping over damage."""

from __future__ import annotations

import contextlib
import itertools
from typing import TYPE_CHECKING, Any

import numpy as np
import soxr

from earmark.extract import _compat
from earmark.extract.audio import protection
from earmark.extract.audio.opened import BLOCK_LENGTH, Audio, Floats, OpenFile
from earmark.extract.errors import DecodeError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import BinaryIO

    from earmark.extract.audio.view import View

__all__ = ["Decoder", "container_of", "opened", "sentence", "stream_of"]

_DEMUXERS = (
    "aac,ac3,ac4,act,adx,aea,aiff,amr,amrnb,amrwb,ape,asf,au,avi,avr,boa,bonk,caf,dsf,dts,dtshd,"
    "eac3,epaf,flac,flv,gsm,iff,ircam,loas,matroska,matroska\\,webm,mlp,mmf,mov,mp4,"
    "mov\\,mp4\\,m4a\\,3gp\\,3g2\\,mj2,mp3,mpc,mpc8,mpeg,mpegts,mxf,nistsphere,nsv,nut,ogg,oma,osq,"
    "paf,pvf,qcp,qoa,rka,rm,shn,sox,tak,truehd,tta,voc,vqf,w64,wav,webm,wsd,wv,xwma"
)
"""FFmpeg's readers of containers that hold sound: pictures, subtitles and lists are no music."""

_TIMED = (
    *("aiff", "ape", "asf", "avi", "caf", "dsf", "flac", "iff"),
    *("mov,mp4,m4a,3gp,3g2,mj2", "mpc", "mpc8", "ogg", "rm", "tak", "tta", "w64", "wav", "wv"),
    "xwma",
)
"""Containers whose duration FFmpeg reads and does not guess from the bitrate."""

_TIMED_AS_A_WHOLE = ("flv", "matroska,webm")
"""Containers that tell the duration of all streams together; that of one is always a guess."""


NO_DECODER = "is not audio that can be decoded, whatever its name says"


@contextlib.contextmanager
def opened(given: OpenFile) -> Iterator[Audio]:
    """Open a file with FFmpeg; streams that are laid end to end are opened one after the other."""
    links = given.links()
    with contextlib.ExitStack() as stack:
        while True:
            try:
                container, stream = stack.enter_context(stream_of(given, links[0]))
                break
            except DecodeError:
                # The head of a stream may be damaged, and the streams behind it whole.
                if len(links) == 1:
                    raise
                links = links[1:]
        first = Decoder(container, stream)
        if not (first.sample_rate and first.channels):
            raise DecodeError(given.path, NO_DECODER)
        named = container.format.long_name
        said = given.extent.said
        if said is None and not given.extent.replaced and len(given.links()) == 1:
            said = _said(container, stream)

        def blocks() -> Iterator[Floats]:
            done = 0
            decoder = first
            for block in first.blocks():
                done += len(block)
                yield block
            damage, changes, lost = decoder.damage, list(decoder.changes), decoder.lost
            for link in links[1:]:
                try:
                    with stream_of(given, link) as opened:
                        decoder = Decoder(*opened, like=first, done=done)
                        for block in decoder.blocks():
                            done += len(block)
                            yield block
                except DecodeError as error:
                    damage = damage or error.message
                    continue
                damage = damage or decoder.damage
                lost = max(lost, decoder.lost)
                changes += decoder.changes
            if damage and not done:
                raise DecodeError(given.path, f"cannot be decoded ({damage}); copy it again")
            if given.found.format is None and not given.found.instead:
                given.notes.append(f"is read as {named}, which its beginning does not say")
            given.notes.extend(changes)
            given.conclude(done / first.sample_rate, said, damage, lost)

        yield Audio(first.sample_rate, first.channels, blocks(), first.layout, given.notes)


def _said(container: Any, stream: Any) -> float | None:
    """Return the seconds of sound that the header says; None where it does not."""
    if container.format.name in _TIMED and stream.duration:
        return float(stream.duration * stream.time_base)
    if container.format.name in _TIMED_AS_A_WHOLE and container.duration:
        # A video may be longer than its sound.
        alone = len(container.streams) == 1 and not stream.duration
        return container.duration / 1_000_000 if alone else None
    return None


@contextlib.contextmanager
def stream_of(given: OpenFile, view: View) -> Iterator[tuple[Any, Any]]:
    """Open a file, or part of it, with FFmpeg and choose the stream that holds its sound."""
    view.seek(0)
    whole = given.handle if view is given.view and not given.has_tags else None
    name = given.found.format.name if given.found.format else ""
    with container_of(given.path, view, given.found.instead, whole, name) as container:
        if not container.streams.audio:
            message = "holds no audio stream (a picture, a video without sound?)"
            raise DecodeError(given.path, message)
        stream = container.streams.audio[0]
        if protection.is_locked(view):
            raise DecodeError(given.path, protection.LOCKED)
        context = stream.codec_context
        if context is None:
            raise DecodeError(given.path, NO_DECODER)
        if context.name in _CHECKED:
            context.options = {"err_detect": "crccheck+explode"}
        yield container, stream


_CHECKED = frozenset({"flac"})
"""Codecs whose frames have checksums that are right in good files; damaged frames are noise."""

_FAULTS = (ValueError, OSError, ArithmeticError, LookupError)
"""What PyAV raises for bytes that FFmpeg refuses, beside its own errors."""


class Decoder:
    """Read a stream with FFmpeg, stepping over what it refuses.

    Where sample rate or channels change in the stream, the rest is converted to what came first.

    Parameters
    ----------
    container, stream
        PyAV's.
    like : Decoder, optional
        The decoder of a stream that came before this one.
    done : int
        The number of samples that came before.
    """

    def __init__(
        self, container: Any, stream: Any, like: Decoder | None = None, done: int = 0
    ) -> None:
        self.damage = ""
        self.changes: list[str] = []
        self._good = self._bad = 0
        self._done = done
        self._frames = self._decoded(container, stream)
        self._first = next(self._frames, None)
        self._kind: tuple[int, tuple[str, ...]] | None = None
        self._packer = _compat.packer(0)
        self._resampler: soxr.ResampleStream | None = None
        if like is not None:
            self._kind = like.sample_rate, like.layout
            kind = self._kind
        else:
            source = stream if self._first is None else self._first
            kind = int(source.sample_rate or 0), _compat.positions(source.layout)
        self.sample_rate: int = kind[0]
        self.layout: tuple[str, ...] = kind[1]
        self.channels = len(self.layout)

    @property
    def lost(self) -> float:
        """Share of the packets that could not be decoded."""
        return self._bad / max(1, self._good + self._bad)

    def has_sound(self) -> bool:
        """Tell whether anything can be decoded."""
        return self._first is not None

    def _decoded(self, container: Any, stream: Any) -> Iterator[Any]:
        import av

        packets = container.demux(stream)
        while True:
            try:
                packet = next(packets, None)
            except (av.error.FFmpegError, *_FAULTS) as error:
                # The container breaks off: nobody knows where it would go on.
                self.damage = self.damage or _reason(error)
                return
            if packet is None:
                return
            try:
                yield from packet.decode()
                self._good += 1
            except (av.error.FFmpegError, *_FAULTS) as error:
                self.damage = self.damage or _reason(error)
                self._bad += 1

    def blocks(self) -> Iterator[Floats]:
        """Yield all samples."""
        held: list[Floats] = []
        count = 0
        frames = itertools.chain([] if self._first is None else [self._first], self._frames)
        for samples in itertools.chain.from_iterable(map(self._converted, frames)):
            held.append(samples)
            count += len(samples)
            self._done += len(samples)
            if count >= BLOCK_LENGTH:
                yield np.concatenate(held)
                held, count = [], 0
        held += self._flushed()
        if held:
            yield np.concatenate(held)

    def _converted(self, frame: Any) -> list[Floats]:
        """Return the samples of a frame, at the sample rate and with the channels of the first."""
        kind = int(frame.sample_rate), _compat.positions(frame.layout)
        pieces: list[Floats] = []
        if kind != self._kind:
            pieces += self._flushed()
            if self._kind is not None:
                at = self._done / self.sample_rate
                self.changes.append(
                    f"changes after {at:.1f} s from {_named(self._kind)} to {_named(kind)}"
                )
            self._kind = kind
            self._packer = _compat.packer(len(kind[1]))
            if kind[0] != self.sample_rate:
                rates = kind[0], self.sample_rate
                self._resampler = soxr.ResampleStream(*rates, self.channels, dtype="float32")
        whole = (_samples(one, len(kind[1])) for one in self._packer(frame))
        samples = _with_channels(np.concatenate([*whole]), self.channels)
        if self._resampler is not None:
            samples = self._resampler.resample_chunk(np.ascontiguousarray(samples))
        return [*pieces, samples]

    def _flushed(self) -> list[Floats]:
        """Return what is left in the resampler, and forget it."""
        resampler, self._resampler = self._resampler, None
        if resampler is None:
            return []
        nothing = np.empty((0, self.channels), np.float32)
        return [resampler.resample_chunk(nothing, last=True)]


_SCALES = {"u8": 2**7, "s16": 2**15, "s32": 2**31, "s64": 2**63, "flt": 1, "dbl": 1}
"""Full scale of FFmpeg's sample formats."""


def _samples(frame: Any, channels: int) -> Floats:
    """Return the samples of a frame, of shape (samples, channels), full scale being 1."""
    values = frame.to_ndarray()
    packed = values.T if frame.format.is_planar else values.reshape(-1, channels)
    scale = _SCALES[frame.format.packed.name]
    if packed.dtype == np.uint8:
        packed = packed.astype(np.int16) - 128
    samples = np.ascontiguousarray(packed, dtype=np.float32)
    return samples if scale == 1 else samples * np.float32(1 / scale)


def _with_channels(samples: Floats, channels: int) -> Floats:
    """Return samples with another number of channels, as loud as before as far as that goes.

    One channel goes to two loudspeakers at half the power; all are averaged into one; of more, the
    first are kept.
    """
    given = samples.shape[1]
    if given == channels:
        return samples
    if channels == 1:
        mean: Floats = samples.mean(axis=1, keepdims=True)
        return mean
    out = np.zeros((len(samples), channels), np.float32)
    if given == 1:
        out[:, :2] = samples * np.float32(np.sqrt(0.5))
    else:
        shared = min(given, channels)
        out[:, :shared] = samples[:, :shared]
    return out


def _named(kind: tuple[int, tuple[str, ...]]) -> str:
    names = {1: "mono", 2: "stereo"}
    return f"{kind[0]} Hz {names.get(len(kind[1]), f'with {len(kind[1])} channels')}"


def container_of(
    path: Path,
    file: BinaryIO | View,
    instead: str = "",
    whole: BinaryIO | None = None,
    name: str = "",
) -> Any:
    """Open a file with PyAV.

    Parameters
    ----------
    path : Path
        For messages.
    file : binary file
        Its content.
    instead : str
        What it is, where it is seen to be no audio.
    whole : binary file, optional
        The file, if the content is all of it.
    name : str
        The format, by how it begins.

    Raises
    ------
    DecodeError
        FFmpeg does not know the format, or finds it broken.
    """
    # Imported here because most collections never need it.
    import av

    # FFmpeg gets the open file, since it might take a name for a protocol; and without protocols
    # a playlist in the guise of audio cannot open other files.
    options = {"protocol_whitelist": "none", "format_whitelist": _DEMUXERS}
    try:
        return av.open(file, metadata_errors="replace", options=options)
    except (av.error.FFmpegError, *_FAULTS) as error:
        problem = error
    if whole is not None and not instead:
        # Through Python a position outside of the file is an error, which FFmpeg itself survives.
        with contextlib.suppress(av.error.FFmpegError, *_FAULTS):
            whole.seek(0)
            number = {"fd": str(whole.fileno()), "protocol_whitelist": "fd"}
            return av.open("fd:", metadata_errors="replace", options=options | number)
    if name and isinstance(problem, av.error.InvalidDataError | av.error.EOFError):
        reason = f"begins as {name} does and breaks off, or its header is damaged"
        message = f"is not audio in any format that is known here ({reason}); copy it again"
        raise DecodeError(path, message) from problem
    reason = f"it is {instead}" if instead else _reason(problem)
    raise DecodeError(
        path, f"is not audio in any format that is known here ({reason})"
    ) from problem


def _reason(error: Exception) -> str:
    return sentence(str(getattr(error, "strerror", None) or error))


def sentence(text: str) -> str:
    """Return a message of a library without what ends a sentence."""
    return text.strip().rstrip(".")
