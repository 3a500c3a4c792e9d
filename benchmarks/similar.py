"""How alike similar tracks are: Earmark's, against FMA's features and bliss.

    python benchmarks/similar.py FOLDER [--peers PYTHON]

For every track of Emotify, 4Q and songs the ten nearest: the share of its artist's other tracks
among them (of ten, or of as many as there are), and the share of the ten nearest by other artists
that have its genre. None of the corpora says which album a track is from, so that albums cannot be
left out. Intervals of 95 % are from a bootstrap over artists. Peers are compared in three
ways: by their numbers as they are, and standardised by the distance of Euclid or by the angle.

`--peers` names a Python that has `bliss-audio` (`benchmarks/speed.py --peers` makes one).
"""

from __future__ import annotations

import argparse
import json
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

import earmark
from earmark.classify.library import similar

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

CORPORA = ("emotify", "panda4q", "songs")
NEAREST = 10
RESAMPLED = 1000

BLISS = (
    "import sys, json; from bliss_audio import Song;"
    "print(json.dumps({path: Song(path).analysis for path in sys.stdin.read().splitlines()}))"
)


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="the shared recordings")
    parser.add_argument("--peers", type=Path, help="a Python that has bliss-audio")
    parser.add_argument("--million", action="store_true", help="also time a million tracks")
    options = parser.parse_args()
    print("| corpus | what | same artist | same genre, other artists |\n|---|---|---|---|")
    for corpus in CORPORA:
        labels = pd.read_csv(options.folder / corpus / "tracks.csv")
        labels = labels.rename(columns={"genres": "genre"}).set_index("file")
        audio = options.folder / corpus / "audio"
        for name, ranked in _contestants(audio, options.peers):
            known = labels.loc[ranked.index]
            artist, genre = _scores(ranked.to_numpy(), known)
            print(f"| {corpus} | {name} | {_said(artist, known)} | {_said(genre, known)} |")
    if options.million:
        print(f"\na million tracks: {_million():.0f} ms for one (median of 20)")


def _contestants(audio: Path, peers: Path | None) -> list[tuple[str, pd.DataFrame]]:
    """Return likeness of every two tracks, by path, for each contestant."""
    found = []
    for feature_set in ("default+musicnn", "default"):
        index = similar.index(earmark.table([audio], set=feature_set))
        likeness = index.vectors @ index.vectors.T
        found.append((f"Earmark, {feature_set}", pd.DataFrame(likeness, index.paths)))
    others = {"FMA's 518": _numbers(earmark.table([audio], set="fma"))}
    if peers is not None:
        others["bliss's 23"] = _bliss(audio, peers)
    for name, values in others.items():
        found += [(f"{name}, {how}", like) for how, like in _distances(values)]
    return found


def _numbers(table: pd.DataFrame) -> pd.DataFrame:
    return table.set_index("path").select_dtypes("number").astype("float64")


def _bliss(audio: Path, peers: Path) -> pd.DataFrame:
    files = sorted(path for path in audio.iterdir() if path.is_file())
    done = subprocess.run(
        [str(peers), "-c", BLISS],
        input="\n".join(map(str, files)),
        capture_output=True,
        text=True,
        check=True,
    )
    values = json.loads(done.stdout)
    return pd.DataFrame.from_dict(
        {Path(path).name: own for path, own in values.items()}, orient="index"
    )


def _distances(values: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    raw = values.to_numpy(np.float64)
    raw = np.where(np.isfinite(raw), raw, np.nanmean(np.where(np.isfinite(raw), raw, np.nan), 0))
    spread = raw.std(axis=0)
    scaled = (raw - raw.mean(axis=0)) / np.where(spread > 0, spread, np.inf)
    unit = scaled / np.maximum(np.linalg.norm(scaled, axis=1, keepdims=True), 1e-9)
    ways = {
        "as they are": -np.linalg.norm(raw[:, None] - raw[None], axis=2),
        "standardised": -np.linalg.norm(scaled[:, None] - scaled[None], axis=2),
        "standardised, angle": unit @ unit.T,
    }
    return [(how, pd.DataFrame(likeness, values.index)) for how, likeness in ways.items()]


def _scores(likeness: NDArray[np.float64], known: pd.DataFrame) -> tuple[pd.Series, pd.Series]:
    """Return both shares for each track; NaN where there is nothing to find."""
    likeness = likeness.copy()
    np.fill_diagonal(likeness, -np.inf)
    artists = known["artist"].fillna("").to_numpy(str)
    genres = [set(str(own).split(";")) if isinstance(own, str) else set() for own in known["genre"]]
    rows = []
    for place, own in enumerate(likeness):
        order = np.argsort(-own, kind="stable")[:-1]
        same = (artists[order] == artists[place]) & (artists[place] != "")
        by_artist = same[:NEAREST].sum() / min(NEAREST, same.sum()) if same.any() else np.nan
        others = order[~same][:NEAREST]
        hits = [bool(genres[place] & genres[other]) for other in others]
        rows.append((by_artist, np.mean(hits) if genres[place] else np.nan))
    found = pd.DataFrame(rows, known.index)
    return found[0], found[1]


def _said(scores: pd.Series, known: pd.DataFrame) -> str:
    """Return a mean with its interval."""
    groups = [
        own.to_numpy() for _, own in scores.groupby(known["artist"].fillna(known.index.to_series()))
    ]
    random = np.random.default_rng(0)
    draws = random.integers(0, len(groups), (RESAMPLED, len(groups)))
    means = [np.nanmean(np.concatenate([groups[own] for own in draw])) for draw in draws]
    low, high = np.quantile(means, [0.025, 0.975])
    return f"{scores.mean():.2f} ({low:.2f} to {high:.2f})"


def _million() -> float:
    """Return the milliseconds that the ten nearest of a million tracks take, once prepared."""
    random = np.random.default_rng(0)
    count, columns, factors = 1_000_000, 459, 60
    base = random.normal(size=(factors, columns)).astype(np.float32)
    base *= np.geomspace(1, 0.1, factors, dtype=np.float32)[:, None]
    vectors = np.empty((count, columns), np.float32)
    for start in range(0, count, 50_000):
        own = random.normal(size=(50_000, factors)).astype(np.float32) @ base
        own += 0.3 * random.normal(size=own.shape).astype(np.float32)
        vectors[start : start + 50_000] = own / np.linalg.norm(own, axis=1, keepdims=True)
    whole: Callable[[NDArray[np.int64]], NDArray[np.int64]] = lambda places: places  # noqa: E731
    index = similar.Index(np.arange(count).astype(object), vectors, whole).prepare()
    times = []
    for place in random.integers(0, count, 20):
        begun = time.perf_counter()
        index.nearest(int(place), NEAREST)
        times.append(time.perf_counter() - begun)
    return 1000 * float(np.median(times))


if __name__ == "__main__":
    main()
