"""An open file: what is known of it, and its samples."""

from __future__ import annotations

import dataclasses
import itertools
import os
from typing import TYPE_CHECKING, BinaryIO

import numpy as np
from numpy.typing import NDArray

from earmark.extract.audio import formats
from earmark.extract.audio.view import View
from earmark.extract.errors import DecodeError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from earmark.extract.audio.extent import Extent
    from earmark.extract.audio.recognise import Recognised

__all__ = ["BLOCK_LENGTH", "SAMPLE_RATES", "Audio", "Floats", "OpenFile", "is_sound"]

BLOCK_LENGTH = 65536
"""Samples per channel in a block: in stereo half a megabyte, which fits a second-level cache."""

SAMPLE_RATES = (1000, 768000)

LEAST = 0.5
"""Share of a damaged file that must be decoded."""

DIFFERENCE = 0.01
"""Share by which the length may differ from what the header says, without a note."""

AT_THE_ENDS = 0.06
"""Seconds that decoders leave out, or do not, of what encoders add: two frames or so."""

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
        off with less than half of it read.
    layout : tuple of str
        Where the loudspeaker of each channel stands, in FFmpeg's names (``FL``, ``LFE``, …); empty
        where the file does not say.
    notes : list of str
        What is odd about the file and does not hinder its reading; complete once all blocks are
        read.
    """

    sample_rate: int
    channels: int
    blocks: Iterator[Floats]
    layout: tuple[str, ...] = ()
    notes: list[str] = dataclasses.field(default_factory=list)


@dataclasses.dataclass(frozen=True)
class OpenFile:
    """An open file and what a look at it has told.

    Parameters
    ----------
    path : Path
        For messages.
    handle : binary file
        The file.
    view : View
        Its content without the tags around it.
    found : Recognised
        What it is.
    extent : Extent
        How long it is.
    notes : list of str
        See `Audio`.
    """

    path: Path
    handle: BinaryIO
    view: View
    found: Recognised
    extent: Extent
    notes: list[str] = dataclasses.field(default_factory=list)

    @property
    def is_mp3(self) -> bool:
        """Whether it is an MP3, by its content."""
        return self.found.format is formats.MP3

    @property
    def has_tags(self) -> bool:
        """Whether tags stand before or behind its content."""
        return bool(self.found.start) or self.found.stop != self.handle.seek(0, os.SEEK_END)

    def links(self) -> list[View]:
        """Return the streams that are laid end to end, or the one."""
        bounds = (*self.extent.links, self.found.stop)
        if len(bounds) <= 2:
            return [self.view]
        return [View(self.handle, *pair) for pair in itertools.pairwise(bounds)]

    def conclude(self, seconds: float, said: float | None, damage: str, lost: float) -> None:
        """Note, or refuse, what was read of the file.

        Parameters
        ----------
        seconds : float
            Duration of what was read.
        said : float or None
            Duration that the header says.
        damage : str
            What went wrong; empty for nothing.
        lost : float
            Share of the pieces that were met and could not be decoded.
        """
        damage = damage or self.extent.damage
        self.notes.extend(note for note in (self.found.note, self.extent.note) if note)
        of = f" of {said:.1f}" if said else ""
        if damage and (lost > 1 - LEAST or (said and seconds < LEAST * said)):
            raise DecodeError(
                self.path,
                f"breaks off or is damaged: {seconds:.1f}{of} s can be read ({damage}); "
                "copy it again",
            )
        if damage:
            self.notes.append(f"is damaged: {seconds:.1f}{of} s can be read ({damage})")
        elif said is not None and abs(seconds - said) > max(DIFFERENCE * seconds, AT_THE_ENDS):
            self.notes.append(f"says that it has {said:.1f} s and has {seconds:.1f} s")


def is_sound(block: Floats) -> bool:
    """Tell whether samples are numbers, and none absurdly large."""
    # Comparisons with NaN are false.
    return bool(max(block.max(initial=0), -block.min(initial=0)) < LARGEST_SAMPLE)
