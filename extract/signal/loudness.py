"""The loudness meter: K-weighted energies and true peaks at the sample rate of the file.

It mixes the channels down in the same pass.

The K-weighting is that of ITU-R BS.1770-4. Its two biquads are designed for each sample rate from
the analogue prototype (De Man, "Evaluation of implementations of the EBU R128 loudness
measurement", AES 145, 2018), which at 48 kHz gives the coefficients of the standard. The high-pass
of the standard amplifies by 0.04 dB; so does this one, at every rate.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from earmark.extract.signal.kernels import kernel
from earmark.extract.signal.true_peak import TruePeaks

__all__ = ["Energies", "LoudnessMeter"]

if TYPE_CHECKING:
    from collections.abc import Sequence

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]

STEPS_PER_SECOND = 10

POSITIONS = frozenset({"FL", "FR", "FC"})
"""A layout that has none of these, such as that of Ambisonics, has no loudspeakers."""

_LOW = frozenset({"LFE", "LFE2"})

_ORDERS = {
    5: ("FL", "FR", "FC", "BL", "BR"),
    6: ("FL", "FR", "FC", "LFE", "BL", "BR"),
    7: ("FL", "FR", "FC", "LFE", "BC", "SL", "SR"),
    8: ("FL", "FR", "FC", "LFE", "BL", "BR", "SL", "SR"),
}
"""The order of WAV by the number of channels."""


@dataclass(frozen=True)
class Energies:
    """What the loudness meter measured in each full step of 100 ms.

    Parameters
    ----------
    weighted : ndarray of shape (steps,)
        Mean square of the K-weighted channels, weighted after BS.1770 and summed.
    side : ndarray of shape (steps,), optional
        Mean square of half the difference of two K-weighted channels, over the mean of their mean
        squares: 0 where they are the same, 1 where they are opposite; NaN in silence. None where
        there are not two channels.
    peaks : ndarray of shape (steps,)
        True peak of all channels, full scale being 1; see `earmark.extract.signal.true_peak`. The
        last one includes the samples after the last full step. Empty where peaks are not measured.
    """

    weighted: Doubles
    side: Doubles | None = None
    peaks: Doubles = field(default_factory=lambda: np.zeros(0))

    def between(self, start: float, stop: float) -> Energies:
        """Return the steps from one time to another, in seconds."""
        part = slice(round(start * STEPS_PER_SECOND), round(stop * STEPS_PER_SECOND))
        side = None if self.side is None else self.side[part]
        return Energies(self.weighted[part], side, self.peaks[part])


@kernel
def _meter(left, right, shelf, highpass, state, sums, start, rate, share, energies, mono):
    b0, b1, b2, a1, a2 = shelf[0], shelf[1], shelf[2], shelf[3], shelf[4]
    c1, c2, d1, d2 = highpass[1], highpass[2], highpass[3], highpass[4]
    # Local variables stay in registers: each sample waits for the result of the one before.
    l0, l1, l2, l3 = state[0, 0], state[0, 1], state[0, 2], state[0, 3]
    r0, r1, r2, r3 = state[1, 0], state[1, 1], state[1, 2], state[1, 3]
    of_left, of_right, of_both = sums[0], sums[1], sums[2]
    step = int(start / rate)
    filled = 0
    at = 0
    while at < len(left):
        edge = round((step + 1) * rate) - start
        if edge <= at:
            step += 1
            continue
        stop = min(edge, len(left))
        for index in range(at, stop):
            mono[index] += (left[index] + right[index]) * share
            x = np.float64(left[index])
            y = np.float64(right[index])
            # Two biquads in transposed direct form II for each channel, interleaved.
            x_once = b0 * x + l0
            y_once = b0 * y + r0
            l0 = b1 * x - a1 * x_once + l1
            r0 = b1 * y - a1 * y_once + r1
            l1 = b2 * x - a2 * x_once
            r1 = b2 * y - a2 * y_once
            x_twice = x_once + l2
            y_twice = y_once + r2
            l2 = c1 * x_once - d1 * x_twice + l3
            r2 = c1 * y_once - d1 * y_twice + r3
            l3 = c2 * x_once - d2 * x_twice
            r3 = c2 * y_once - d2 * y_twice
            of_left += x_twice * x_twice
            of_right += y_twice * y_twice
            of_both += x_twice * y_twice
        at = stop
        if at == edge:
            energies[filled, 0], energies[filled, 1] = of_left / rate, of_right / rate
            energies[filled, 2] = of_both / rate
            of_left = of_right = of_both = 0.0
            filled += 1
            step += 1
    state[0, 0], state[0, 1], state[0, 2], state[0, 3] = l0, l1, l2, l3
    state[1, 0], state[1, 1], state[1, 2], state[1, 3] = r0, r1, r2, r3
    sums[0], sums[1], sums[2] = of_left, of_right, of_both
    return filled


class LoudnessMeter:
    """Measure loudness and mix down, block by block, at the file's own rate.

    Parameters
    ----------
    sample_rate : int
        Of the blocks, in Hz.
    channels : int
        Of the blocks.
    peaks : bool
        Whether to measure true peaks as well, which takes two thirds more time.
    layout : sequence of str
        The place of each channel's loudspeaker, in FFmpeg's names (``FL``, ``LFE``, …). Without it
        channels are taken to be in the order of WAV: five are L R C Ls Rs, six L R C LFE Ls Rs,
        seven L R C LFE, one behind and two beside the listener, eight L R C LFE, two behind and
        two beside; with any other number all have the same weight.

    Examples
    --------
    A sine of 997 Hz at full scale in one channel has -3.01 LUFS (EBU Tech 3341):

    >>> meter = LoudnessMeter(48000, 1)
    >>> sine = np.sin(2 * np.pi * 997 / 48000 * np.arange(48000)).astype(np.float32)
    >>> mono = meter.feed(sine[:, None])
    >>> energies = meter.energies().weighted
    >>> len(energies), round(float(-0.691 + 10 * np.log10(energies[5])), 1)
    (10, -3.0)
    """

    def __init__(
        self, sample_rate: int, channels: int, peaks: bool = False, layout: Sequence[str] = ()
    ) -> None:
        self.samples = 0
        self._weights = _weights(layout if set(layout) & POSITIONS else _ORDERS.get(channels, ()))
        if len(self._weights) != channels:
            self._weights = np.ones(channels)
        self._shelf, self._highpass = _k_weighting(sample_rate)
        self._rate = sample_rate / STEPS_PER_SECOND
        # Channels are filtered in pairs; an odd one is paired with silence.
        pairs = (channels + 1) // 2
        self._states = np.zeros((pairs, 2, 4))
        self._sums = np.zeros((pairs, 3))
        self._steps: list[Doubles] = []
        self._peaks = TruePeaks(sample_rate, channels, STEPS_PER_SECOND) if peaks else None

    def feed(self, block: Floats) -> Floats:
        """Take samples of shape (samples, channels) and return their mean over the channels."""
        count, channels = block.shape
        mono = np.zeros(count, np.float32)
        pairs = len(self._states)
        energies = np.empty((pairs, int(count / self._rate) + 2, 3))
        filled = 0
        for pair in range(pairs):
            left = block[:, 2 * pair]
            right = block[:, 2 * pair + 1] if 2 * pair + 1 < channels else np.zeros_like(left)
            filled = _meter(
                left,
                right,
                self._shelf,
                self._highpass,
                self._states[pair],
                self._sums[pair],
                self.samples,
                self._rate,
                np.float32(1 / channels),
                energies[pair],
                mono,
            )
        self._steps.append(energies[:, :filled])
        if self._peaks is not None:
            self._peaks.feed(block)
        self.samples += count
        return mono

    def energies(self) -> Energies:
        """Return what was measured so far."""
        pairs = len(self._states)
        steps = np.concatenate([np.empty((pairs, 0, 3)), *self._steps], axis=1)
        squares = steps[:, :, :2].transpose(1, 0, 2).reshape(steps.shape[1], 2 * pairs)
        weighted = squares[:, : len(self._weights)] @ self._weights
        peaks = np.empty(0) if self._peaks is None else self._peaks.steps()
        if len(self._weights) != 2:
            return Energies(weighted, peaks=peaks)
        with np.errstate(invalid="ignore"):
            return Energies(weighted, 0.5 - steps[0, :, 2] / squares.sum(axis=1), peaks)


def _weights(layout: Sequence[str]) -> Doubles:
    """Return the weight of each channel by BS.1770-4, table 4.

    Loudspeakers at the side (60° to 120° from the front) count 1.41, the subwoofer not at all.
    Those called back are at the side where no others are, as in 5.1.
    """
    beside = {"SL", "SR"} & set(layout) or {"BL", "BR"}
    return np.array([0.0 if name in _LOW else 1.41 if name in beside else 1.0 for name in layout])


def _k_weighting(sample_rate: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the biquads b0 b1 b2 a1 a2 of the shelf and of the high-pass."""
    tangent = np.tan(np.pi * min(1681.974450955533, 0.49 * sample_rate) / sample_rate)
    quality = 0.7071752369554196
    high = 10 ** (3.999843853973347 / 20)
    band = high**0.4996667741545416
    norm = 1 + tangent / quality + tangent**2
    shelf = [
        (high + band * tangent / quality + tangent**2) / norm,
        2 * (tangent**2 - high) / norm,
        (high - band * tangent / quality + tangent**2) / norm,
        2 * (tangent**2 - 1) / norm,
        (1 - tangent / quality + tangent**2) / norm,
    ]
    quality = 0.5003270373238773
    # The numerator of the standard, 1 -2 1, amplifies by a factor that depends on the rate. The
    # shelf makes up for the difference to the factor at 48 kHz.
    at_48_khz, tangent = np.tan(np.pi * 38.13547087602444 / np.array([48000, sample_rate]))
    norm = 1 + tangent / quality + tangent**2
    shelf[:3] = np.multiply(shelf[:3], (1 + at_48_khz / quality + at_48_khz**2) / norm)
    highpass = [
        1.0,
        -2.0,
        1.0,
        2 * (tangent**2 - 1) / norm,
        (1 - tangent / quality + tangent**2) / norm,
    ]
    return np.array(shelf), np.array(highpass)
