"""What no ear hears below the music is removed: a constant offset, and rumble under 20 Hz.

Cheap converters and old software add a constant to all samples, turntables and wind move them
slowly. Neither is heard, and both would move whatever counts crossings of zero, energy or the
lowest bins of a spectrum.
"""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import NDArray

from earmark.extract.signal.kernels import kernel

__all__ = ["CUTOFF", "HighPass"]

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]

CUTOFF = 20.0
"""Hz at which a tone is 3 dB softer: where hearing ends. At 30 Hz it is 0.2 dB, at 10 Hz 24 dB."""

SETTLING = 0.1
"""Seconds at the start whose mean is taken for the offset: two periods of the cutoff."""


# Nothing is reordered or fused: the result does not depend, in any bit, on how the signal is cut.
@partial(kernel, fastmath=frozenset())
def _filter(samples, sections, state, out):
    b0, a1, a2 = sections[0, 0], sections[0, 1], sections[0, 2]
    c0, d1, d2 = sections[1, 0], sections[1, 1], sections[1, 2]
    # Local variables stay in registers: each sample waits for the result of the one before.
    s0, s1, s2, s3 = state[0], state[1], state[2], state[3]
    for index in range(len(samples)):
        # Two biquads in transposed direct form II, whose numerators are a factor times 1 -2 1.
        x = b0 * np.float64(samples[index])
        once = x + s0
        s0 = s1 - 2 * x - a1 * once
        s1 = x - a2 * once
        y = c0 * once
        twice = y + s2
        s2 = s3 - 2 * y - d1 * twice
        s3 = y - d2 * twice
        out[index] = twice
    state[0], state[1], state[2], state[3] = s0, s1, s2, s3


class HighPass:
    """Remove what lies below 20 Hz from a signal that is fed piece by piece.

    A Butterworth filter of the fourth order. It starts as if the mean of the first tenth of a
    second had always been there, so that a constant offset makes no step: of nothing but an offset
    nothing is left.

    Parameters
    ----------
    rate : int
        Sample rate in Hz.

    References
    ----------
    Bristow-Johnson, "Cookbook formulae for audio equalizer biquad filter coefficients", 1998.

    Examples
    --------
    >>> highpass = HighPass(22050)
    >>> offset = np.full(22050, 0.5, np.float32)
    >>> float(np.abs(np.concatenate([highpass.feed(offset), highpass.finish()])).max()) < 1e-9
    True
    """

    def __init__(self, rate: int) -> None:
        self._sections = _butterworth(rate)
        self._state = np.zeros(4)
        self._needed = round(SETTLING * rate)
        self._held: list[Floats] | None = []

    def feed(self, piece: Floats) -> Floats:
        """Take the next samples, and return what is certain."""
        if self._held is None:
            return self._filtered(piece)
        self._held.append(piece)
        if sum(map(len, self._held)) < self._needed:
            return np.empty(0, np.float32)
        return self._start()

    def finish(self) -> Floats:
        """Return the rest."""
        return np.empty(0, np.float32) if self._held is None else self._start()

    def _start(self) -> Floats:
        held = np.concatenate([np.empty(0, np.float32), *(self._held or [])])
        self._held = None
        if not len(held):
            return held
        offset = held[: self._needed].mean(dtype=np.float64)
        settled = self._sections[0, 0] * offset
        # What the first section settles to under a constant input; the second hears nothing of it.
        self._state[:2] = -settled, settled
        return self._filtered(held)

    def _filtered(self, piece: Floats) -> Floats:
        out = np.empty(len(piece), np.float32)
        _filter(piece, self._sections, self._state, out)
        return out


def _butterworth(rate: int) -> Doubles:
    """Return the sections of the filter: the factor of the numerator, and a1 and a2."""
    tangent = np.tan(np.pi * CUTOFF / rate)
    # The angles of the poles of the fourth order.
    inverse_quality = 2 * np.cos(np.pi * np.array([1, 3]) / 8)
    norm = 1 + inverse_quality * tangent + tangent**2
    second = (1 - inverse_quality * tangent + tangent**2) / norm
    return np.array([1 / norm, 2 * (tangent**2 - 1) / norm, second]).T.copy()
