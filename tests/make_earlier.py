"""Keep tables and a model of this version, for the tests of those that come after it.

    python tests/make_earlier.py

Run it before the version of a set, or the protocol of models, is raised: `tests/data/earlier` gets
a table of each set that has none in its version yet, and a model. They are of a dozen made sounds,
half of them hums and half hisses. Those that stand there are of the versions that they name, and
are never made again.
"""

from __future__ import annotations

import io
import lzma
import tarfile
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import soundfile

from earmark.classify import train
from earmark.classify.dataset import build
from earmark.classify.evaluation import cross_validation
from earmark.classify.model import storage
from earmark.classify.model.estimator import GenreClassifier
from earmark.extract import sets
from earmark.extract.batch import run

FOLDER = Path(__file__).parent / "data" / "earlier"

RATE, SECONDS = 22050, 3


def sounds(folder: Path) -> None:
    """Write hums and hisses, in turn, that pulse."""
    random = np.random.default_rng(0)
    time = np.arange(RATE * SECONDS) / RATE
    for number in range(12):
        pulse = 0.5 * (np.sin(2 * np.pi * (2 + 0.1 * number) * time) > 0.9) + 0.1
        partials = [np.sin(2 * np.pi * (110 + 5 * number) * k * time) / k for k in range(1, 6)]
        sound = random.normal(0, 0.2, len(time)) if number % 2 else 0.2 * np.sum(partials, axis=0)
        soundfile.write(folder / f"{number:02}.wav", pulse * sound, RATE, subtype="PCM_16")


def table(sounds: Path, name: str, folder: Path) -> Path:
    """Write the table of a set, packed."""
    output = folder / f"{name}.parquet"
    run.extract([sounds], run.Extraction(name), output=output)
    target = FOLDER / f"{name}-{sets.get(name).version}.parquet.xz"
    if not target.exists():
        target.write_bytes(lzma.compress(output.read_bytes(), preset=9 | lzma.PRESET_EXTREME))
        print(target)
    return output


def model(features: Path, folder: Path) -> None:
    """Write a model with a few small trees, packed."""
    labels = folder / "labels.csv"
    names = [f"{number:02}.wav" for number in range(12)]
    genres = ["hum", "hiss"] * 6
    pd.DataFrame({"path": names, "genre": genres}).to_csv(labels, index=False)
    data = build.build(features, str(labels))
    learner = GenreClassifier(n_estimators=6, max_depth=2)
    found = cross_validation.cross_validate(data, learner, count=3, repeats=1)
    bundle = train.fit(data, learner, found)
    storage.save(bundle, folder / "model", "")
    target = FOLDER / f"protocol-{storage.PROTOCOL}-{bundle.set}.tar.xz"
    if not target.exists():
        with lzma.open(target, "wb") as packed, tarfile.open(fileobj=packed, mode="w") as archive:
            for name in (storage.MODEL, storage.ABOUT):
                content = (folder / "model" / name).read_bytes()
                entry = tarfile.TarInfo(name)
                entry.size = len(content)
                archive.addfile(entry, io.BytesIO(content))
        print(target)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        music = Path(scratch, "music")
        music.mkdir()
        sounds(music)
        made = {name: table(music, name, Path(scratch)) for name in sets.SETS}
        model(made["default"], Path(scratch))
