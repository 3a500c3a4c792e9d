"""The network musicnn, trained on the tags of the Million Song Dataset, in NumPy.

Filters as tall as a timbre and others as long as a rhythm look at three seconds of a mel
spectrogram; three layers combine them along time; what is left of each, its maximum and its mean,
goes through a dense layer of 200 units to 50 tags. The weights in ``musicnn.npz`` are the authors';
`convert_musicnn.py` made them of their checkpoint, and ``musicnn.md`` says what they learned from.

Matrix products are all there is, so that nothing but NumPy is needed. Timbral filters, seven frames
long, are three quarters of the work: they are applied to four frames at once by the algorithm of
Toom and Cook, with ten products in the place of 28.

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
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

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

POINTS = (0, 1, -1, 2, -2, 1 / 2, -1 / 2, 3 / 2, -3 / 2)
"""Where the polynomials of Toom and Cook are evaluated, beside infinity."""

STEP = len(POINTS) + 2 - TAPS
"""Frames that are filtered at once."""


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
    _, of_filter, _ = _toom_cook()

    def layer(name: str) -> _Layer:
        kernel, bias, scale, shift = (
            held[f"{name}_{part}"] for part in ("kernel", "bias", "scale", "shift")
        )
        sign = np.where(scale < 0, -1.0, 1.0)
        kernel = kernel * sign
        if name.startswith("timbral"):
            kernel = np.tensordot(of_filter, kernel, 1)
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


@lru_cache(maxsize=1)
def _toom_cook() -> tuple[Doubles, Doubles, Doubles]:
    """Return matrices by which a short filter is applied with few products.

    Returns
    -------
    of_input : ndarray of shape (points, points)
    of_filter : ndarray of shape (points, taps)
    of_output : ndarray of shape (step, points)
        ``of_output @ ((of_filter @ taps) * (of_input @ x))`` are the sums of products of the taps
        with each `step` of consecutive values of `x`.
    """

    def powers(count: int) -> Doubles:
        finite = np.vander(np.array(POINTS, np.float64), count, increasing=True)
        return np.vstack([finite, np.eye(count)[-1]])

    of_filter, of_output = powers(TAPS), powers(STEP).T
    # Of a product of polynomials this is the transpose; points are brought to the same size.
    largest: Doubles = np.abs(of_filter).max(axis=1)
    of_input = np.linalg.inv(powers(TAPS + STEP - 1)).T.astype(np.float64)
    return of_input, of_filter / largest[:, None], of_output * largest


def _timbral(net: _Network, scaled: Floats) -> list[Floats]:
    """Return for each frame the most that each filter finds, wherever it is put."""
    of_input, _, of_output = (matrix.astype(np.float32) for matrix in _toom_cook())
    frames = len(scaled)
    pieces = -(-frames // STEP)
    reach = TAPS // 2
    padded = np.pad(scaled, ((reach, reach + pieces * STEP - frames), (0, 0)))
    # Of shape (pieces, points, bands), then (points, pieces, bands).
    windows = sliding_window_view(padded, len(of_input), axis=0)[::STEP].transpose(0, 2, 1)
    inputs = np.ascontiguousarray((of_input @ np.ascontiguousarray(windows)).transpose(1, 0, 2))
    found = []
    for layer in net.timbral:
        _, width, count = layer.kernel.shape
        products = np.empty((len(inputs), pieces, count), np.float32)
        sums = np.empty((STEP, pieces * count), np.float32)
        most = np.full_like(sums, -np.inf)
        for band in range(scaled.shape[1] - width + 1):
            np.matmul(inputs[:, :, band : band + width], layer.kernel, out=products)
            np.matmul(of_output, products.reshape(len(inputs), -1), out=sums)
            np.maximum(most, sums, out=most)
        ordered = most.reshape(STEP, pieces, count).transpose(1, 0, 2).reshape(-1, count)
        found.append(layer.activated(ordered[:frames]))
    return found


def _temporal(net: _Network, scaled: Floats) -> list[Floats]:
    """Return for each frame the most that each filter finds in any band."""
    longest = max(TEMPORAL_LENGTHS)
    before = (longest - 1) // 2
    padded = np.pad(scaled, ((before, longest - 1 - before), (0, 0)))
    bands = np.ascontiguousarray(padded.T)
    shape = len(scaled), net.temporal[0].kernel.shape[1]
    most = [np.full(shape, -np.inf, np.float32) for _ in net.temporal]
    sums = np.empty(shape, np.float32)
    for band in bands:
        windows = np.ascontiguousarray(sliding_window_view(band, longest))
        for layer, so_far in zip(net.temporal, most, strict=True):
            length = len(layer.kernel)
            start = before - (length - 1) // 2
            np.matmul(windows[:, start : start + length], layer.kernel, out=sums)
            np.maximum(so_far, sums, out=so_far)
    return [layer.activated(of_layer) for layer, of_layer in zip(net.temporal, most, strict=True)]


def _along_time(layer: _Layer, values: Floats) -> Floats:
    """Return a layer of filters over seven frames, of shape (frames, filters)."""
    padded = np.pad(values, ((TAPS // 2, TAPS // 2), (0, 0)))
    found = np.zeros((len(values), layer.kernel.shape[-1]), np.float32)
    for tap, kernel in enumerate(layer.kernel):
        found += padded[tap : tap + len(values)] @ kernel
    return layer.activated(found)


def _sigmoid(values: Floats) -> Floats:
    return (1 / (1 + np.exp(-values))).astype(np.float32)
