"""The network musicnn, trained on the tags of the Million Song Dataset, in NumPy.

Filters as tall as a timbre and others as long as a rhythm look at three seconds of a mel
spectrogram; three layers combine them along time; what is left of each, its maximum and its mean,
goes through a dense layer of 200 units to 50 tags. The weights in ``musicnn.npz`` are the authors';
`convert_musicnn.py` made them of their checkpoint, and ``musicnn.md`` says what they learned from.

Matrix products are all there is, so that nothing but NumPy is needed. Filters of the first layer
are nearly all of the work: they are applied to four frames at once by the algorithm of Toom and
Cook, with ten products in the place of 28 for filters of seven frames, and seven in the place of 16
for each four frames of longer ones.

References
----------
Pons and Serra, "musicnn: pre-trained convolutional neural networks for music audio tagging",
ISMIR late-breaking session, 2019.

Pons, Nieto, Prockup, Schmidt, Ehmann and Serra, "End-to-end learning for music audio tagging at
scale", ISMIR 2018: the architecture.

Lavin and Gray, "Fast algorithms for convolutional neural networks", CVPR 2016: fewer products.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache, reduce
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["TAGS", "UNITS", "activations"]

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]

UNITS = 200
"""Units of the last layer but one."""

TAGS = (
    *("rock", "pop", "alternative", "indie", "electronic", "female vocalists", "dance", "00s"),
    *("alternative rock", "jazz", "beautiful", "metal", "chillout", "male vocalists"),
    *("classic rock", "soul", "indie rock", "Mellow", "electronica", "80s", "folk", "90s"),
    *("chill", "instrumental", "punk", "oldies", "blues", "hard rock", "ambient", "acoustic"),
    *("experimental", "female vocalist", "guitar", "Hip-Hop", "70s", "party", "country"),
    *("easy listening", "sexy", "catchy", "funk", "electro", "heavy metal", "Progressive rock"),
    *("60s", "rnb", "indie pop", "sad", "House", "happy"),
)
"""The tags in the network's order, as listeners wrote them."""

WEIGHTS = Path(__file__).with_suffix(".npz")

TIMBRAL_WIDTHS = (38, 67)
"""Bands that timbral filters reach over: 0.4 and 0.7 of all."""

TEMPORAL_LENGTHS = (128, 64, 32)
"""Frames that temporal filters reach over, each of them in one band."""

TAPS = 7
"""Frames that all other filters reach over."""

STEP = 4
"""Frames that are filtered at once, and those of a temporal filter that are applied at once."""

POINTS = (0, 1, -1, 2, -2, 1 / 2, -1 / 2, 3 / 2, -3 / 2)
"""Where the polynomials of Toom and Cook are evaluated, beside infinity; of shorter ones the first.
"""


def activations(patch: Floats) -> tuple[Floats, Floats]:
    """Return what the network makes of three seconds.

    Parameters
    ----------
    patch : ndarray of shape (187, 96), float32
        From `earmark.extract.engine.patches.log_mel`.

    Returns
    -------
    penultimate : ndarray of shape (200,), float32
        The last layer but one.
    tags : ndarray of shape (50,), float32
        How likely each of `TAGS` is, 0 to 1.
    """
    net = _network()
    scaled = patch * net.input_scale + net.input_shift
    front = np.concatenate([*_timbral(net, scaled), *_temporal(net, scaled)], axis=1)
    first, second, third = net.middle
    one = _along_time(first, front)
    two = _along_time(second, one) + one
    three = _along_time(third, two) + two
    features = np.concatenate([front, one, two, three], axis=1)
    pooled = np.concatenate([features.max(axis=0), features.mean(axis=0)])
    penultimate = net.dense.activated(pooled @ net.dense.kernel)
    return penultimate, _sigmoid(penultimate @ net.output_kernel + net.output_bias)


@dataclass(frozen=True)
class _Layer:
    """A layer, and the batch normalisation after it as scale and shift.

    Filters whose scale is negative are held with their sign turned. What is greatest then stays
    greatest through all that follows, and the maximum can be taken first.
    """

    kernel: Floats
    bias: Floats
    scale: Floats
    shift: Floats
    sign: Floats

    def activated(self, found: Floats) -> Floats:
        """Return the activation, of what the kernel has found."""
        value: Floats = np.maximum(found * self.sign + self.bias, 0) * self.scale + self.shift
        return value


@dataclass(frozen=True)
class _Network:
    input_scale: np.float32
    input_shift: np.float32
    timbral: tuple[_Layer, ...]
    temporal: tuple[_Layer, ...]
    middle: tuple[_Layer, ...]
    dense: _Layer
    output_kernel: Floats
    output_bias: Floats


@lru_cache(maxsize=1)
def _network() -> _Network:
    """Read the weights, once and when they are first needed."""
    with np.load(WEIGHTS, allow_pickle=False) as stored:
        held = {name: stored[name].astype(np.float64) for name in stored.files}

    def layer(name: str) -> _Layer:
        kernel, bias, scale, shift = (
            held[f"{name}_{part}"] for part in ("kernel", "bias", "scale", "shift")
        )
        sign = np.where(scale < 0, -1.0, 1.0)
        kernel = kernel * sign
        if name.startswith("timbral"):
            kernel = np.tensordot(_toom_cook(TAPS)[1], kernel, 1)
        if name.startswith("temporal"):
            blocks = kernel.reshape(-1, STEP, kernel.shape[-1])
            kernel = np.tensordot(_toom_cook(STEP)[1], blocks, (1, 1))
        parts = (kernel, bias, scale, shift, sign)
        return _Layer(*(np.ascontiguousarray(part, np.float32) for part in parts))

    return _Network(
        np.float32(held["input_scale"]),
        np.float32(held["input_shift"]),
        tuple(layer(f"timbral_{width}") for width in TIMBRAL_WIDTHS),
        tuple(layer(f"temporal_{length}") for length in TEMPORAL_LENGTHS),
        tuple(layer(f"middle_{index}") for index in range(3)),
        layer("dense"),
        held["output_kernel"].astype(np.float32),
        held["output_bias"].astype(np.float32),
    )


@lru_cache(maxsize=2)
def _toom_cook(taps: int) -> tuple[Doubles, Doubles, Doubles]:
    """Return matrices by which a short filter is applied with few products.

    Parameters
    ----------
    taps : int
        How many the filter has.

    Returns
    -------
    of_input : ndarray of shape (points, points)
    of_filter : ndarray of shape (points, taps)
    of_output : ndarray of shape (step, points)
        ``of_output @ ((of_filter @ filter) * (of_input @ x))`` are the sums of products of the
        filter with each `taps` consecutive values of `x`.
    """
    points = np.array(POINTS[: STEP + taps - 2], np.float64)

    def powers(count: int) -> Doubles:
        finite = np.vander(points, count, increasing=True)
        return np.vstack([finite, np.eye(count)[-1]])

    of_filter, of_output = powers(taps), powers(STEP).T
    # Of a product of polynomials this is the transpose; points are brought to the same size.
    largest: Doubles = np.abs(of_filter).max(axis=1)
    of_input = np.linalg.inv(powers(len(points) + 1)).T.astype(np.float64)
    return of_input, of_filter / largest[:, None], of_output * largest


def _timbral(net: _Network, scaled: Floats) -> list[Floats]:
    """Return for each frame the most that each filter finds, wherever it is put."""
    pieces = -(-len(scaled) // STEP)
    inputs = np.ascontiguousarray(_inputs(scaled, TAPS, TAPS // 2, pieces).transpose(2, 0, 1))
    found = []
    for layer in net.timbral:
        width = layer.kernel.shape[1]
        places = (inputs[:, :, band : band + width] for band in range(scaled.shape[1] - width + 1))
        found.append(layer.activated(_most(places, layer.kernel, TAPS)[: len(scaled)]))
    return found


def _temporal(net: _Network, scaled: Floats) -> list[Floats]:
    """Return for each frame the most that each filter finds in any band."""
    pieces = -(-len(scaled) // STEP)
    longest = max(layer.kernel.shape[1] for layer in net.temporal)
    before = (longest * STEP - 1) // 2
    inputs = _inputs(scaled, STEP, before, pieces + longest - 1)
    by_band = np.ascontiguousarray(inputs.transpose(1, 2, 0))
    found = []
    for layer in net.temporal:
        blocks = layer.kernel.shape[1]
        start = (longest - blocks) // 2
        held = by_band[:, :, start : start + pieces + blocks - 1]
        places = map(np.ascontiguousarray, sliding_window_view(held, blocks, axis=2))
        found.append(layer.activated(_most(places, layer.kernel, STEP)[: len(scaled)]))
    return found


def _inputs(scaled: Floats, taps: int, before: int, pieces: int) -> Floats:
    """Transform a spectrogram for filters of so many taps.

    Parameters
    ----------
    scaled : ndarray of shape (frames, bands)
        The spectrogram.
    taps : int
        Of the filters.
    before : int
        Frames that filters reach back.
    pieces : int
        Steps that are needed, from there on.

    Returns
    -------
    ndarray of shape (pieces, bands, points)
    """
    of_input = _toom_cook(taps)[0].astype(np.float32)
    points = len(of_input)
    after = STEP * (pieces - 1) + points - before - len(scaled)
    padded = np.pad(scaled, ((before, after), (0, 0)))
    windows = np.ascontiguousarray(sliding_window_view(padded, points, axis=0)[::STEP])
    return (windows.reshape(-1, points) @ of_input.T).reshape(windows.shape)


def _most(places: Iterable[Floats], kernel: Floats, taps: int) -> Floats:
    """Apply filters in many places, and return the most that each finds.

    Parameters
    ----------
    places : iterable of ndarray of shape (points, pieces, inputs)
        What lies under the filters.
    kernel : ndarray of shape (points, inputs, filters)
        The filters.
    taps : int
        How many frames they were made for.

    Returns
    -------
    ndarray of shape (frames, filters)
    """
    of_output = _toom_cook(taps)[2].astype(np.float32)
    filters = kernel.shape[-1]
    products = ((place @ kernel).reshape(len(kernel), -1) for place in places)
    most: Floats = reduce(np.maximum, (of_output @ product for product in products))
    return most.reshape(STEP, -1, filters).transpose(1, 0, 2).reshape(-1, filters)


def _along_time(layer: _Layer, values: Floats) -> Floats:
    """Return a layer of filters over seven frames, of shape (frames, filters)."""
    padded = np.pad(values, ((TAPS // 2, TAPS // 2), (0, 0)))
    found = np.zeros((len(values), layer.kernel.shape[-1]), np.float32)
    for tap, kernel in enumerate(layer.kernel):
        found += padded[tap : tap + len(values)] @ kernel
    return layer.activated(found)


def _sigmoid(values: Floats) -> Floats:
    return (1 / (1 + np.exp(-values))).astype(np.float32)
