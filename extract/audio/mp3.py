"""The frames of an MP3: where they begin, how many there are, and whether they are all alike.

The first frame may say how many frames and bytes follow (the Xing header; LAME calls it Info for a
constant bitrate). That may be wrong or missing, and several streams may be laid end to end, as
mixes often are; the frames themselves are right.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from earmark.extract.audio.extent import Extent
from earmark.extract.signal.kernels import kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Frames", "begins", "extent", "is_free_format", "walk"]

# Kilobits per second of layer III, by the index in the header: MPEG 1, and MPEG 2 and 2.5.
_BITRATES = np.array(
    (
        (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
        (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    )
)
_SAMPLE_RATES = np.array((44100, 48000, 32000))

FRAMES_IN_A_ROW = 8
"""As many frames, each beginning where the one before ends, are no accident."""

MOST_CHANGES = 256
"""Streams of another kind that are told apart; a damaged file may seem to have more."""

READ_AT_ONCE = 2**20

LONGEST_FRAME = 1500
"""Bytes; a frame has at most 1441."""

LOOKAHEAD = FRAMES_IN_A_ROW * LONGEST_FRAME

FREE_FORMAT_SEARCHED = 4096
"""Bytes in which the second frame of free format begins: more than decoders take."""


@dataclass(frozen=True)
class Frames:
    """The frames of a file.

    Parameters
    ----------
    count : int
        Number of frames with sound; the one that holds the Xing header has none.
    samples : int
        Samples per frame and channel: 1152, or 576 at low sample rates.
    sample_rate : int
        Of the first frame, in Hz.
    changes : tuple of int
        Where frames of another sample rate or number of channels begin, in the file.
    gaps : int
        How often something that is no frame stands between frames.
    said : int or None
        Number of frames by the Xing header.
    begin, end : int
        Where the first frame begins in the file, and where the last one ends.
    """

    count: int = 0
    samples: int = 1152
    sample_rate: int = 0
    changes: tuple[int, ...] = ()
    gaps: int = 0
    said: int | None = None
    begin: int = 0
    end: int = 0

    @property
    def seconds(self) -> float:
        """Duration of the frames, with what encoders add at the ends."""
        return self.count * self.samples / self.sample_rate if self.sample_rate else 0.0


@kernel
def _frame_length(data, at, bitrates, sample_rates):
    """Return the length in bytes of the frame of MPEG layer III at a position; 0 for no frame."""
    if at + 4 > len(data) or data[at] != 0xFF or data[at + 1] & 0xE6 != 0xE2:
        return 0
    version = data[at + 1] >> 3 & 3
    bitrate, rate = data[at + 2] >> 4, data[at + 2] >> 2 & 3
    if version == 1 or not 1 <= bitrate <= 14 or rate == 3:
        return 0
    first = version == 3
    sample_rate = sample_rates[rate] // (1 if first else 2 if version == 2 else 4)
    kilobits = bitrates[0 if first else 1, bitrate - 1]
    padding = data[at + 2] >> 1 & 1
    return (144 if first else 72) * kilobits * 1000 // sample_rate + padding


@kernel
def _run_begins(data, at, bitrates, sample_rates):
    """Tell whether frames follow one another from a position on, or to the end of the data."""
    for count in range(FRAMES_IN_A_ROW):
        length = _frame_length(data, at, bitrates, sample_rates)
        if length == 0:
            return count > 1 and at >= len(data) - 4
        at += length
    return True


@kernel
def _find_run(data, at, stop, bitrates, sample_rates):
    """Return where the first run of frames begins; the stop where there is none."""
    while at < stop:
        if data[at] == 0xFF and _run_begins(data, at, bitrates, sample_rates):
            return at
        at += 1
    return stop


@kernel
def _walk(data, at, stop, offset, state, changes, bitrates, sample_rates):
    """Follow the frames from a position to the stop and return the position after them.

    The state is: in step, frames, kind of the frame before, number of changes, gaps, position in
    the file after the last frame. For each change the position in the file and the number of
    frames before it are kept, as many as fit.
    """
    while at < stop:
        if state[0] == 0:
            at = _find_run(data, at, stop, bitrates, sample_rates)
            if at == stop:
                return at
            state[0] = 1
            state[4] += state[1] > 0
        length = _frame_length(data, at, bitrates, sample_rates)
        if length == 0:
            state[0] = 0
            continue
        # Version, sample rate, and whether there is one channel.
        kind = 1 + (data[at + 1] >> 3 & 3) * 8 + (data[at + 2] >> 2 & 3) * 2 + (data[at + 3] >= 192)
        if state[1] > 0 and state[2] != kind:
            if state[3] < len(changes):
                changes[state[3], 0], changes[state[3], 1] = offset + at, state[1]
            state[3] += 1
        state[2] = kind
        state[1] += 1
        at += length
        state[5] = offset + at
    return at


def walk(file: BinaryIO, start: int, stop: int) -> Frames:
    """Count the frames of an MP3.

    Parameters
    ----------
    file : binary file
        Open for reading; its position is moved.
    start, stop : int
        The part of it that is looked at, without the tags before and behind.

    Returns
    -------
    Frames
        None at all where it is no MP3, or one of free format.

    Examples
    --------
    >>> with open(demo / "house-128bpm-a-minor.mp3", "rb") as file:
    ...     frames = walk(file, 0, file.seek(0, 2))
    >>> frames.changes, frames.gaps, frames.said == frames.count
    ((), 0, True)
    """
    state = np.zeros(6, np.int64)
    changes = np.zeros((MOST_CHANGES, 2), np.int64)
    held = b""
    offset, at, begin = start, 0, start
    first = b""
    file.seek(start)
    left = stop - start
    while True:
        piece = file.read(min(READ_AT_ONCE, left))
        left -= len(piece)
        last = not piece or not left
        held += piece
        data = np.frombuffer(held, np.uint8)
        until = len(held) if last else max(0, len(held) - LOOKAHEAD)
        if not state[1]:
            # Where the first frame is shows only here.
            at = int(_find_run(data, min(at, len(data)), until, _BITRATES, _SAMPLE_RATES))
            first, begin = held[at : at + LONGEST_FRAME], offset + at
        at = int(_walk(data, at, until, offset, state, changes, _BITRATES, _SAMPLE_RATES))
        if last:
            break
        # A frame may reach beyond what is held.
        position = min(at, len(held))
        held, at, offset = held[position:], at - position, offset + position
    if not state[1]:
        return Frames()
    return _frames(state, changes[: state[3]], first, begin)


def _frames(
    state: NDArray[np.int64], changes: NDArray[np.int64], first: bytes, begin: int
) -> Frames:
    version, rate = first[1] >> 3 & 3, first[2] >> 2 & 3
    sample_rate = int(_SAMPLE_RATES[rate]) // {3: 1, 2: 2, 0: 4}[version]
    headers = [at for at in (first.find(b"Xing", 4, 48), first.find(b"Info", 4, 48)) if at >= 0]
    said = None
    if headers:
        flags, frames = struct.unpack_from(">II", first[min(headers) + 4 :].ljust(8, b"\0"))
        said = frames if flags & 1 else None
    without_sound = bool(headers) or first[36:40] == b"VBRI"
    # A damaged header looks like a change, for a frame.
    counts = np.diff(np.append(changes[:, 1], state[1]))
    places = changes[counts >= FRAMES_IN_A_ROW, 0]
    return Frames(
        int(state[1]) - without_sound,
        1152 if version == 3 else 576,
        sample_rate,
        tuple(int(position) for position in places),
        int(state[4]),
        said,
        begin,
        int(state[5]),
    )


def extent(file: BinaryIO, start: int, stop: int) -> Extent:
    """Look at an MP3: frames of one kind without gaps, as many as the header says."""
    frames = walk(file, start, stop)
    if not frames.count:
        file.seek(start)
        return Extent(plain=is_free_format(file.read(READ_AT_ONCE)))
    plain = not frames.changes and not frames.gaps
    said = None
    if frames.said is not None and frames.sample_rate:
        if not 0 <= frames.said - frames.count <= 1:
            said = frames.said * frames.samples / frames.sample_rate
        # Of a file that was cut libsndfile reads what is left.
        plain = plain and frames.said >= frames.count - 1
    # Encoders add at the ends, and say in the header how much of it is to be left out.
    fewest = (frames.count - (2 if frames.said is None else 4)) * frames.samples
    damage = "something that is no sound stands between its frames" if frames.gaps else ""
    links = (start, *frames.changes) if frames.changes else ()
    before, behind = frames.begin - start, stop - frames.end
    # Of a stream that was cut the first frame and the last are not whole.
    notes = [f"begins with {before} bytes that are no sound"] if before > LONGEST_FRAME else []
    if behind > LONGEST_FRAME:
        notes.append(f"has {behind} bytes behind its last frame that are no MP3")
    note = ", ".join(notes)
    return Extent(plain, said, links=links, note=note, damage=damage, fewest=max(0, fewest))


def begins(data: bytes) -> bool:
    """Tell whether a run of frames begins anywhere in the data."""
    values = np.frombuffer(data, np.uint8)
    found = _find_run(values, 0, len(values), _BITRATES, _SAMPLE_RATES)
    return bool(found < len(values)) or is_free_format(data)


def is_free_format(data: bytes) -> bool:
    """Tell whether the data begin with frames whose length no header says.

    Such frames have one bitrate, which only the distance to the next frame tells.
    """
    if len(data) < 4 or data[0] != 0xFF or data[1] & 0xE6 != 0xE2 or data[2] >> 4:
        return False
    if data[1] >> 3 & 3 == 1 or data[2] >> 2 & 3 == 3:
        return False

    def is_like_the_first(at: int) -> bool:
        """Tell whether a header like the first stands here; padding and stereo may differ."""
        return (
            data[at : at + 2] == data[:2] and at + 2 < len(data) and data[at + 2] | 3 == data[2] | 3
        )

    def padding(at: int) -> int:
        return data[at + 2] >> 1 & 1

    for second in range(24, FREE_FORMAT_SEARCHED):
        at, count, length = second, 1, second - padding(0)
        while count < FRAMES_IN_A_ROW and is_like_the_first(at):
            at += length + padding(at)
            count += 1
        if count == FRAMES_IN_A_ROW:
            return True
    return False
