"""Learn which intervals sound in each key, and measure the accuracy on artists left out.

Reads ``gtzan/tracks.csv`` (columns track, file, seconds, key, mode, artist_group) in the folder of
the corpora, with the audio beside it. Longer clips count fully, short ones half: their key is that
of the whole clip. The score is MIREX's: 1 for the key, 0.5 for a fifth above, 0.3 for the relative,
0.2 for the parallel key.

example:

    python extract/estimators/fit_key.py ../shared/data
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import minimize, minimize_scalar
from sklearn.metrics import roc_auc_score

from earmark.extract.audio import decode
from earmark.extract.config import DEFAULTS
from earmark.extract.engine import registry, single_pass
from earmark.extract.estimators import key
from earmark.extract.sets import TRACK_WINDOW

Doubles = NDArray[np.float64]

RIDGE = 64.0
LONG = 10.0
SHORT_WEIGHT = 0.5
FOLDS = 8
SEEDS = 5


def evidence_of(path: Path) -> Doubles | None:
    """Return the evidence for each key in a file; see `key.evidence`."""
    with decode.open_audio(path) as audio:
        (track,) = single_pass.summarise_track(
            audio, (registry.get("key"),), DEFAULTS, {TRACK_WINDOW}
        ).values()
    return key.evidence(track.values("dyads")) if track else None


def scores(parameters: Doubles, evidence: Doubles) -> Doubles:
    """Return the score of each key, shape (tracks, 24): minor first."""
    count = evidence.shape[2]
    weights = parameters[: 2 * count].reshape(2, count)
    both: Doubles = np.einsum("nkd,md->nmk", evidence, weights)
    both[:, 1] += parameters[-1]
    return both.reshape(len(evidence), 24)


def probabilities(values: Doubles) -> Doubles:
    """Return the softmax of each row."""
    powers = np.exp(values - values.max(axis=1, keepdims=True))
    shares: Doubles = powers / powers.sum(axis=1, keepdims=True)
    return shares


def fit(evidence: Doubles, right: NDArray[np.int64], counts: Doubles) -> Doubles:
    """Return the weights of minor and major and the bias of major, most probable with a ridge."""
    tracks, _, size = evidence.shape
    rows = np.arange(tracks)

    def loss(parameters: Doubles) -> tuple[float, Doubles]:
        likely = probabilities(scores(parameters, evidence))
        value = -(counts * np.log(likely[rows, right])).sum()
        value += RIDGE / 2 * np.square(parameters[:-1]).sum()
        likely[rows, right] -= 1
        step = (likely * counts[:, None]).reshape(tracks, 2, 12)
        slope = np.einsum("nmk,nkd->md", step, evidence).ravel() + RIDGE * parameters[:-1]
        return value, np.append(slope, step[:, 1].sum())

    start = np.zeros(2 * size + 1)
    solution: Doubles = minimize(loss, start, jac=True, method="L-BFGS-B").x
    return solution


def mirex(answer: int, right: int, both_fifths: bool = False) -> float:
    """Return the score of a key for another; keys are numbered minor first, from C upwards."""
    steps, same = (answer - right) % 12, answer // 12 == right // 12
    relative = 9 if right >= 12 else 3
    if same:
        return {0: 1.0, 7: 0.5, 5: 0.5 * both_fifths}.get(steps, 0.0)
    return {0: 0.2, relative: 0.3}.get(steps, 0.0)


def out_of_fold(
    evidence: Doubles, right: NDArray[np.int64], counts: Doubles, groups: Any, seed: int
) -> Doubles:
    """Return the scores of each track by weights that were learnt without its artist."""
    names = np.unique(groups)
    np.random.default_rng(seed).shuffle(names)
    place = dict(zip(names, np.arange(len(names)) % FOLDS, strict=True))
    folds = np.array([place[group] for group in groups])
    held_out = np.empty((len(right), 24))
    for fold in range(FOLDS):
        out = folds == fold
        held_out[out] = scores(fit(evidence[~out], right[~out], counts[~out]), evidence[out])
    return held_out


def interval(values: Doubles) -> list[float]:
    """Return the bootstrap 95 % interval of the mean."""
    draws = np.random.default_rng(0).integers(0, len(values), (5000, len(values)))
    low, high = np.quantile(values[draws].mean(axis=1), [0.025, 0.975])
    return [round(float(low), 3), round(float(high), 3)]


def measure(values: list[Doubles], right: NDArray[np.int64], scale: float) -> dict[str, Any]:
    """Return the accuracy of the keys, averaged over the repetitions."""
    best = [each.argmax(axis=1) for each in values]
    marks = np.mean([[mirex(f, r) for f, r in zip(b, right, strict=True)] for b in best], axis=0)
    either = [[mirex(f, r, True) for f, r in zip(b, right, strict=True)] for b in best]
    confidence = np.concatenate([probabilities(scale * each).max(axis=1) for each in values])
    good = np.concatenate([b == right for b in best])
    return {
        "clips": len(right),
        "mirex": round(float(marks.mean()), 3),
        "interval": interval(marks),
        "mirex_fifths_both_ways": round(float(np.mean(either)), 3),
        "exact": round(float(good.mean()), 3),
        "mean_confidence": round(float(confidence.mean()), 3),
        "confidence_auc": round(float(roc_auc_score(good, confidence)), 3),
    }


class Data:
    """The annotated clips, and the evidence for each key in them.

    Parameters
    ----------
    folder : Path
        The folder of the corpora.
    """

    def __init__(self, folder: Path) -> None:
        table = pd.read_csv(folder / "gtzan/tracks.csv").dropna(subset=["file", "key", "mode"])
        clips = [evidence_of(folder / "gtzan/audio" / name) for name in table["file"]]
        table = table[[clip is not None for clip in clips]]
        self.names = table["track"].to_numpy()
        self.evidence = np.array([clip for clip in clips if clip is not None])
        self.right = (12 * table["mode"] + table["key"]).to_numpy(int)
        self.long = (table["seconds"] >= LONG).to_numpy()
        self.counts = np.where(self.long, 1, SHORT_WEIGHT)
        self.groups = table["artist_group"].fillna(table["track"]).to_numpy()

    def held_out(self, seed: int) -> Doubles:
        """Return the scores of each clip by weights that were learnt without its artist."""
        return out_of_fold(self.evidence, self.right, self.counts, self.groups, seed)


def main() -> None:
    """Learn, measure, write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("data", type=Path, help="folder of the corpora")
    parser.add_argument("-o", "--output", type=Path, default=key.WEIGHTS)
    arguments = parser.parse_args()
    data = Data(arguments.data)
    values = [data.held_out(seed) for seed in range(SEEDS)]
    right, long = data.right, data.long
    rows = np.arange(len(right))

    def surprise(scale: float) -> float:
        likely = [probabilities(scale * each)[rows, right][long] for each in values]
        return float(-np.log(likely).mean())

    # One number makes probabilities of scores: the ridge has left them too careful.
    scale = minimize_scalar(surprise, bounds=(0.3, 5), method="bounded").x
    learnt = fit(data.evidence, right, data.counts).round(4)
    minor, major = learnt[:-1].reshape(2, len(key.INTERVALS), 12)
    stored = {
        "learnt_from": "GTZAN's audio and its annotations of key and mode",
        "artists_left_out": {
            "long": measure([each[long] for each in values], right[long], scale),
            "short": measure([each[~long] for each in values], right[~long], scale),
        },
        "scale": round(float(scale), 3),
        "major_bias": learnt[-1],
        "minor": minor.tolist(),
        "major": major.tolist(),
    }
    arguments.output.write_text(json.dumps(stored, indent=1) + "\n", "utf-8")
    print(json.dumps(stored["artists_left_out"], indent=1))


if __name__ == "__main__":
    main()
