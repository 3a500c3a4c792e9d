"""Fit what decides the octave of a tempo: `python extract/estimators/fit_tempo.py DATA`.

DATA holds `gtzan/audio` and `gtzan/tracks.csv` with `file`, `seconds`, `artist_group` and the
`tempo_bpm` that people tapped ("GTZAN-Rhythm", ISMIR 2015). Clips of
ten seconds and more decide among pulses; shorter ones only help to tell which music is fast. The
accuracy that is printed is that of cross-validation by artist, everything fitted anew in each fold.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import minimize
from sklearn.metrics import roc_auc_score

from earmark.extract.audio import decode
from earmark.extract.config import DEFAULTS
from earmark.extract.descriptors import rhythm
from earmark.extract.engine import registry, single_pass
from earmark.extract.estimators import tempo
from earmark.extract.estimators.fit_key import LONG
from earmark.extract.estimators.spotify import standardised
from earmark.extract.sets import TRACK_WINDOW

Doubles = NDArray[np.float64]

RIDGE = 100.0
"""Pull of the weights of the clues towards zero; from 30 to 1,000 it hardly matters."""

SHRINK = 3.0
"""Pull of the three weights of a pulse towards zero, once scaled to deviation one."""

LONG_WEIGHT = 2.0
"""Of clips of ten seconds and more, beside those of two or three."""

TOLERANCE = 0.04
OCTAVES = (1.0, 2.0, 0.5, 3.0, 1 / 3)
"""Factors that count as right in accuracy 2."""

FOLDS, INNER_FOLDS, SEEDS = 10, 8, 6


def describe(path: Path) -> tuple[tempo.Pulses, Doubles]:
    """Return the pulses of a file and the clues to its octave."""
    entry = registry.get("tempo")
    with decode.open_audio(path) as audio:
        track = single_pass.summarise_track(audio, (entry,), DEFAULTS, {TRACK_WINDOW})[TRACK_WINDOW]
    return rhythm.evidence(track)


def folds(groups: Any, seed: int, count: int) -> NDArray[np.int64]:
    """Deal the artists out to folds; a row per clip."""
    names = np.unique(groups)
    order = dict(zip(names, np.random.default_rng(seed).permutation(len(names)), strict=True))
    return np.array([order[group] % count for group in groups])


def ridge(values: Doubles, target: Doubles, weight: Doubles) -> tuple[Doubles, float]:
    """Weighted ridge regression of values without mean."""
    offset = float(np.average(target, weights=weight))
    weighted = values * weight[:, None]
    square = weighted.T @ values + RIDGE * np.eye(values.shape[1])
    slope = np.asarray(np.linalg.solve(square, weighted.T @ (target - offset)), np.float64)
    return slope, offset


def choose(terms: list[Doubles], right: list[NDArray[np.bool_]]) -> Doubles:
    """Fit a conditional logit: weights of what speaks for each pulse of a clip."""
    used = [index for index, marks in enumerate(right) if marks.any()]
    spread = np.concatenate(terms).std(axis=0)

    def loss(weights: Doubles) -> tuple[float, Doubles]:
        total, slope = SHRINK * weights @ weights / 2, SHRINK * weights
        for index in used:
            scaled = terms[index] / spread
            score = scaled @ weights
            likely = np.exp(score - score.max())
            likely /= likely.sum()
            share = likely * right[index]
            total -= np.log(share.sum())
            slope = slope + scaled.T @ (likely - share / share.sum())
        return float(total), slope

    fitted: Doubles = minimize(loss, np.zeros(terms[0].shape[1]), jac=True).x
    weights: Doubles = fitted / spread
    return weights


class Data:
    """The clips: pulses, clues and what people tapped."""

    def __init__(self, folder: Path) -> None:
        rows = pd.read_csv(folder / "gtzan" / "tracks.csv").dropna(subset=["file", "tempo_bpm"])
        clips = [describe(folder / "gtzan" / "audio" / name) for name in rows["file"]]
        self.names = rows["track"].to_numpy()
        self.pulses = [pulses for pulses, _ in clips]
        self.clues = np.array([clues for _, clues in clips])
        self.bpm = rows["tempo_bpm"].to_numpy(float)
        self.octave = np.log2(self.bpm / tempo.CENTRE)
        # Without an artist a clip stands for itself.
        self.groups = rows["artist_group"].fillna(rows["track"]).astype(str).to_numpy()
        self.long = rows["seconds"].to_numpy() >= LONG

    def fit(self, use: NDArray[np.bool_], seed: int) -> tempo.Octaves:
        """Fit to some of the clips; what clips expect is taken from clips of other artists."""
        mean, scale = np.nanmean(self.clues[use], axis=0), np.nanstd(self.clues[use], axis=0)
        values = standardised(self.clues, mean, scale)
        weight = np.where(self.long, LONG_WEIGHT, 1.0)
        expected = np.zeros(len(use))
        inner = folds(self.groups, seed + 50, INNER_FOLDS)
        for fold in range(INNER_FOLDS):
            others = use & (inner != fold)
            slope, offset = ridge(values[others], self.octave[others], weight[others])
            expected[inner == fold] = values[inner == fold] @ slope + offset
        terms, right = [], []
        for index in np.flatnonzero(use & self.long):
            pulses = self.pulses[index]
            octave = np.log2(pulses.bpm / tempo.CENTRE)
            near = np.square(octave - expected[index])
            strength = np.log(pulses.strength / pulses.strength.max())
            terms.append(np.stack([strength, -near, -np.square(octave)], axis=1))
            right.append(np.abs(pulses.bpm / self.bpm[index] - 1) <= TOLERANCE)
        slope, offset = ridge(values[use], self.octave[use], weight[use])
        return tempo.Octaves(mean, scale, slope, offset, *map(float, choose(terms, right)))

    def held_out(self, seed: int) -> tuple[Doubles, Doubles]:
        """Return tempo and confidence of the long clips, by what other artists' clips taught."""
        answers = np.full((len(self.bpm), 2), np.nan)
        dealt = folds(self.groups, seed, FOLDS)
        for fold in range(FOLDS):
            fitted = self.fit(dealt != fold, seed)
            for index in np.flatnonzero((dealt == fold) & self.long):
                answers[index] = fitted.decide(self.pulses[index], self.clues[index])
        return answers[self.long, 0], answers[self.long, 1]


def within(estimate: Doubles, truth: Doubles, factors: tuple[float, ...] = (1.0,)) -> Doubles:
    """Tell which tempi are right, or right but for a factor."""
    right = [np.abs(estimate * factor / truth - 1) <= TOLERANCE for factor in factors]
    marks: Doubles = np.any(right, axis=0).astype(float)
    return marks


def report(data: Data) -> dict[str, Any]:
    """Cross-validate: accuracies with intervals by bootstrap over artists, and the confidence."""
    truth, groups = data.bpm[data.long], data.groups[data.long]
    runs = [data.held_out(seed) for seed in range(SEEDS)]
    first = np.mean([within(estimate, truth) for estimate, _ in runs], axis=0)
    second = np.mean([within(estimate, truth, OCTAVES) for estimate, _ in runs], axis=0)
    order = np.mean([roc_auc_score(within(estimate, truth), sure) for estimate, sure in runs])
    members = [np.flatnonzero(groups == group) for group in np.unique(groups)]
    rng = np.random.default_rng(0)
    drawn = [
        np.concatenate([members[at] for at in rng.integers(0, len(members), len(members))])
        for _ in range(2000)
    ]
    result: dict[str, Any] = {"clips": len(truth), "confidence_auc": round(float(order), 3)}
    for name, values in (("accuracy_1", first), ("accuracy_2", second)):
        ends = np.percentile([values[rows].mean() for rows in drawn], [2.5, 97.5])
        result[name] = [round(float(x), 3) for x in (values.mean(), *ends)]
    return result


def main() -> None:
    """Fit, cross-validate, write `tempo.json`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    data = Data(parser.parse_args().data)
    fitted = asdict(data.fit(np.ones(len(data.bpm), bool), 0))
    values = {
        name: np.round(value, 6).tolist() if isinstance(value, np.ndarray) else round(value, 6)
        for name, value in fitted.items()
    }
    values["cross_validation"] = report(data)
    text = json.dumps(values, indent=1)
    Path(__file__).with_name("tempo.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
