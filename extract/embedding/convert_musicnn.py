"""Turn the weights that musicnn's authors published into `musicnn.npz`.

    pip download --no-deps musicnn==0.1.0
    python extract/embedding/convert_musicnn.py musicnn-0.1.0-py3-none-any.whl

It needs an environment of its own, with Python 3.11, ``tensorflow-cpu==2.15.*`` and ``librosa``;
Earmark itself needs no TensorFlow. The authors' own code and checkpoint compute the reference
activations in ``tests/musicnn_reference.npz``: of noise, and of the first three seconds of a demo
track.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

SHA256 = "f38a4890c648c1ddbb141c5d96d2b0a8cfcd36746002d896989f7b88beb65cfa"
MODEL = "MSD_musicnn"
EPSILON = 1e-3
"""What TensorFlow adds to variances when it normalises."""

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
DEMO = ROOT / "data" / "raw" / "house-128bpm-a-minor.mp3"
REFERENCE = ROOT / "tests" / "musicnn_reference.npz"

Doubles = NDArray[np.float64]
Weights = dict[str, Doubles]


def main() -> None:
    """Check the wheel, convert the weights, and record what the original network says."""
    parser = argparse.ArgumentParser(description="Convert musicnn's weights.")
    parser.add_argument("wheel", type=Path, help="musicnn-0.1.0-py3-none-any.whl, from PyPI")
    wheel = parser.parse_args().wheel
    found = hashlib.sha256(wheel.read_bytes()).hexdigest()
    if found != SHA256:
        sys.exit(f"{wheel} has the sha256 {found}, not {SHA256}: download musicnn 0.1.0 again")
    patches = np.stack([noise(), demo()])
    with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
        weights, penultimate, tags, names = original(Path(folder), patches)
    np.savez_compressed(HERE / "musicnn.npz", **converted(weights))
    np.savez_compressed(REFERENCE, patches=patches, penultimate=penultimate, tags=tags, names=names)


def noise() -> NDArray[np.float32]:
    """Return a patch of noise, as strong as music is."""
    values = np.random.default_rng(0).normal(1.5, 1.0, (187, 96))
    return np.abs(values).astype(np.float32)


def demo() -> NDArray[np.float32]:
    """Return a patch of a demo track, by librosa, as the authors compute it.

    They round to half precision first, which overflows where music is loud; this does not.
    """
    import librosa

    audio, rate = librosa.load(DEMO, sr=16000)
    power = librosa.feature.melspectrogram(y=audio, sr=rate, hop_length=256, n_fft=512, n_mels=96)
    levels: NDArray[np.float32] = np.log10(10000 * power.T[:187] + 1).astype(np.float32)
    return levels


def original(folder: Path, patches: NDArray[np.float32]) -> tuple[Weights, Any, Any, list[str]]:
    """Run the authors' network, with their code; also return its variables and tags."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    sys.path.insert(0, str(folder))
    import tensorflow
    from musicnn import configuration, models

    v1 = tensorflow.compat.v1
    v1.disable_eager_execution()
    with v1.name_scope("model"):
        x = v1.placeholder(tensorflow.float32, [None, *patches.shape[1:]])
        training = v1.placeholder(tensorflow.bool)
        labels = configuration.MSD_LABELS
        logits, *_, penultimate = models.define_model(x, training, MODEL, len(labels))
    with v1.Session() as session:
        v1.train.Saver().restore(session, f"{folder}/musicnn/{MODEL}/")
        weights = {
            variable.op.name: session.run(variable).astype(np.float64)
            for variable in v1.global_variables()
        }
        found = session.run(
            [penultimate, tensorflow.nn.sigmoid(logits)], {x: patches, training: False}
        )
    return weights, *found, list(labels)


def converted(weights: Weights) -> dict[str, Any]:
    """Name the weights by what they are, with every batch normalisation as scale and shift."""

    def numbered(name: str, index: int) -> str:
        return f"{name}_{index}" if index else name

    def normalisation(index: int) -> tuple[Doubles, Doubles]:
        gamma, beta, mean, variance = (
            weights[f"{numbered('batch_normalization', index)}/{part}"]
            for part in ("gamma", "beta", "moving_mean", "moving_variance")
        )
        scale = gamma / np.sqrt(variance + EPSILON)
        return scale, beta - mean * scale

    scale, shift = normalisation(0)
    held = {"input_scale": scale[0], "input_shift": shift[0]}
    names = (
        *("timbral_38", "timbral_67", "temporal_128", "temporal_64", "temporal_32"),
        *("middle_0", "middle_1", "middle_2"),
    )
    for index, name in enumerate(names):
        # (frames, bands, 1, filters); of temporal filters there is one band.
        kernel = weights[f"{numbered('conv2d', index)}/kernel"][:, :, 0]
        held[f"{name}_kernel"] = kernel[:, 0] if name.startswith("temporal") else kernel
        held[f"{name}_bias"] = weights[f"{numbered('conv2d', index)}/bias"]
        held[f"{name}_scale"], held[f"{name}_shift"] = normalisation(index + 1)
    # The normalisation before a dense layer becomes part of it. Maxima and means alternate in it.
    kernel = weights["dense/kernel"]
    scale, shift = normalisation(9)
    held["dense_bias"] = weights["dense/bias"] + shift @ kernel
    scaled = scale[:, None] * kernel
    held["dense_kernel"] = np.concatenate([scaled[0::2], scaled[1::2]])
    held["dense_scale"], held["dense_shift"] = normalisation(10)
    held["output_kernel"], held["output_bias"] = weights["dense_1/kernel"], weights["dense_1/bias"]
    return {name: np.asarray(values, np.float32) for name, values in held.items()}


if __name__ == "__main__":
    main()
