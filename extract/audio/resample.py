"""Samples at another rate, and a whole file at once for computations that read it twice."""

from __future__ import annotations

import contextlib
import tempfile
from typing import TYPE_CHECKING

import numpy as np
import soxr
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from earmark.extract.audio.decode import Audio

__all__ = ["Resampler", "mono", "resampled"]

Floats = NDArray[np.float32]

IN_MEMORY = 2**25
"""Samples held in memory (128 MiB, 13 minutes at 44.1 kHz); more go to a temporary file."""


def resampled(pieces: Iterable[Floats], rate: int, target: int) -> Iterator[Floats]:
    """Resample a mono signal that comes in pieces.

    Parameters
    ----------
    pieces : iterable of ndarray of shape (samples,), float32
        The signal in order.
    rate, target : int
        Its sample rate and the one to bring it to, in Hz.

    Yields
    ------
    ndarray of shape (samples,), float32
        The signal at the new rate, in pieces.

    Examples
    --------
    >>> second = np.zeros(44100, np.float32)
    >>> sum(len(piece) for piece in resampled([second], 44100, 22050))
    22050
    """
    if rate == target:
        yield from pieces
        return
    stream = Resampler(rate, target)
    for piece in pieces:
        yield stream.feed(piece)
    yield stream.finish()


class Resampler:
    """Resample a mono signal that is fed piece by piece.

    Parameters
    ----------
    rate, target : int
        Its sample rate and the one to bring it to, in Hz.

    Examples
    --------
    >>> resampler = Resampler(44100, 16000)
    >>> len(resampler.feed(np.zeros(44100, np.float32))) + len(resampler.finish())
    16000
    """

    def __init__(self, rate: int, target: int) -> None:
        self._stream = None
        if rate != target:
            self._stream = soxr.ResampleStream(rate, target, 1, dtype="float32", quality="HQ")

    def feed(self, piece: Floats) -> Floats:
        """Take the next samples, and return what is certain at the new rate."""
        return self._resampled(piece, last=False)

    def finish(self) -> Floats:
        """Return the rest."""
        return self._resampled(np.empty(0, np.float32), last=True)

    def _resampled(self, piece: Floats, last: bool) -> Floats:
        if self._stream is None:
            return piece
        found: Floats = self._stream.resample_chunk(piece, last=last)
        return found


@contextlib.contextmanager
def mono(audio: Audio, sample_rate: int | None) -> Iterator[tuple[Floats, int, float]]:
    """Read a whole file as the mean of its channels.

    Parameters
    ----------
    audio : Audio
        An open file.
    sample_rate : int, optional
        What to resample to, in Hz; None to keep the rate of the file.

    Yields
    ------
    samples : ndarray of shape (samples,), float32
        In memory, or mapped from a temporary file that is removed when the context is left.
    sample_rate : int
        Their rate.
    seconds : float
        Duration of the file.
    """
    rate = sample_rate or audio.sample_rate
    read = 0

    def pieces() -> Iterator[Floats]:
        nonlocal read
        for block in audio.blocks:
            read += len(block)
            yield block.T.mean(axis=0) if block.shape[1] > 1 else block[:, 0].copy()

    held: list[Floats] = []
    count = 0
    with contextlib.ExitStack() as stack:
        file = None
        for piece in resampled(pieces(), audio.sample_rate, rate):
            held.append(piece)
            count += len(piece)
            if count > IN_MEMORY:
                file = file or stack.enter_context(tempfile.TemporaryFile(prefix="earmark-"))
                for part in held:
                    file.write(part.tobytes())
                held.clear()
        if file is None:
            samples = np.concatenate([np.empty(0, np.float32), *held])
        else:
            file.flush()
            samples = np.memmap(file, np.float32, "r", shape=(count,))
        yield samples, rate, read / audio.sample_rate
