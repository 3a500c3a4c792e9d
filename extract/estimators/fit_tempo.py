"""Fit what decides the octave of a tempo: `python extract/estimators/fit_tempo.py DATA`.

DATA holds `gtzan/audio` and `gtzan/tracks.csv` with `file`, `seconds`, `artist_group` and the
`tempo_bpm` that people tapped ("GTZAN-Rhythm", ISMIR 2015), and `songs/audio` and
`songs/tracks.csv` with `file`, `artist`, `duration_agrees` and the `tempo` that Spotify says. Clips
under ten seconds count less. The accuracy is that of cross-validation by artist, everything fitted
anew in each fold; songs are counted where the recording is as long as Spotify says. The demo
tracks, `data/raw`, whose tempo is what they were composed at, are learnt from, and never counted.
"""

from __future__ import annotations

import argparse
import json
import re
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

RIDGE = 50.0
"""Pull of the weights of the clues towards zero; from 15 to 500 it hardly matters."""

SHRINK = np.array([3.0, 3.0, 3.0, 10.0, 1.0])
"""Pull of the weights of a pulse towards zero, once scaled to deviation one."""

LONG_WEIGHT = 2.0
"""Of clips of ten seconds and more, beside those of two or three."""

SONG_WEIGHT = 0.5
"""Of songs, beside clips that people tapped, in the regression: Spotify is often at the double."""

DEMO_WEIGHT = 4.0
"""Of the six demo tracks: what music is at when nobody guessed."""

DEMO = Path(__file__).parents[2] / "data" / "raw"

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


def choose(terms: list[Doubles], right: list[NDArray[np.bool_]], counts: list[float]) -> Doubles:
    """Fit a conditional logit: weights of what speaks for each pulse of a clip."""
    used = [index for index, marks in enumerate(right) if marks.any()]
    spread = np.concatenate(terms).std(axis=0)
    most = max(len(terms[index]) for index in used)
    scaled = np.zeros((len(used), most, len(spread)))
    there, good = np.zeros((2, len(used), most), bool)
    for row, index in enumerate(used):
        scaled[row, : len(terms[index])] = terms[index] / spread
        there[row, : len(terms[index])] = True
        good[row, : len(terms[index])] = right[index]
    weight = np.array([counts[index] for index in used])

    def loss(weights: Doubles) -> tuple[float, Doubles]:
        score = np.where(there, scaled @ weights, -np.inf)
        likely = np.exp(score - score.max(axis=1, keepdims=True))
        likely /= likely.sum(axis=1, keepdims=True)
        share = likely * good
        of_right = share.sum(axis=1, keepdims=True)
        total = SHRINK @ np.square(weights) / 2 - weight @ np.log(of_right[:, 0])
        step = (likely - share / of_right) * weight[:, None]
        return float(total), SHRINK * weights + np.einsum("nkd,nk->d", scaled, step)

    fitted: Doubles = minimize(loss, np.zeros(len(spread)), jac=True, method="L-BFGS-B").x
    weights: Doubles = fitted / spread
    return weights


def annotated(folder: Path) -> pd.DataFrame:
    """Return the clips of known tempo: `path`, `track`, `corpus`, `bpm`, `seconds`, `group`.

    Without an artist a clip stands for itself. Clips of GTZAN whose artist is among those of the
    songs are grouped with them. The corpus is "" for songs that may be another recording.
    """
    clips = pd.read_csv(folder / "gtzan" / "tracks.csv").dropna(subset=["file", "tempo_bpm"])
    clips["path"] = [folder / "gtzan" / "audio" / name for name in clips["file"]]
    clips["bpm"], clips["corpus"] = clips["tempo_bpm"], "gtzan"
    clips["group"] = clips["genre"] + " " + clips["artist_group"].fillna("? " + clips["track"])
    named = pd.read_csv(folder / "gtzan" / "spotify_values.csv").set_index("clip")["artist"]
    artists = pd.DataFrame({"group": clips["group"], "artist": clips["track"].map(named)})
    artist_of = artists.dropna().drop_duplicates("group").set_index("group")["artist"].map(plain)
    clips["group"] = clips["group"].map(artist_of).fillna(clips["group"])
    songs = pd.read_csv(folder / "songs" / "tracks.csv").dropna(subset=["tempo"])
    songs["path"] = [folder / "songs" / "audio" / name for name in songs["file"]]
    songs["bpm"], songs["track"] = songs["tempo"], songs["file"]
    songs["corpus"] = np.where(songs["duration_agrees"] == 1, "songs", "")
    songs["group"] = songs["artist"].map(plain)
    demo = pd.read_csv(DEMO / "tracks.csv").rename(columns={"path": "track", "tempo": "bpm"})
    demo["path"] = [DEMO / name for name in demo["track"]]
    demo["corpus"], demo["seconds"], demo["group"] = "demo", LONG, demo["track"]
    columns = ["path", "track", "corpus", "bpm", "seconds", "group"]
    return pd.concat([part[columns] for part in (clips, songs, demo)], ignore_index=True)


def plain(artist: str) -> str:
    """Return the first artist of several, letters and digits alone: what an artist is known by."""
    first = re.split(r"[;,]| feat", artist.lower())[0].replace("the ", "")
    return "".join(filter(str.isalnum, first))


class Data:
    """The clips: pulses, clues, and what people tapped or Spotify says."""

    def __init__(self, folder: Path) -> None:
        rows = annotated(folder)
        clips = [describe(path) for path in rows["path"]]
        self.names = rows["track"].to_numpy()
        self.pulses = [pulses for pulses, _ in clips]
        self.clues = np.array([clues for _, clues in clips])
        self.bpm = rows["bpm"].to_numpy(float)
        self.octave = np.log2(self.bpm / tempo.CENTRE)
        self.groups = rows["group"].to_numpy(str)
        self.long = (rows["seconds"] >= LONG).to_numpy()
        self.corpus = rows["corpus"].to_numpy(str)

    def fit(self, use: NDArray[np.bool_], seed: int) -> tempo.Octaves:
        """Fit to some of the clips; what clips expect is taken from clips of other artists."""
        mean, scale = np.nanmean(self.clues[use], axis=0), np.nanstd(self.clues[use], axis=0)
        values = standardised(self.clues, mean, scale)
        choice = np.where(self.long, 1.0, 1 / LONG_WEIGHT)
        choice[self.corpus == "demo"] = DEMO_WEIGHT
        weight = np.where(np.isin(self.corpus, ("", "songs")), SONG_WEIGHT, 1.0) * choice
        expected = np.zeros(len(use))
        inner = folds(self.groups, seed + 50, INNER_FOLDS)
        for fold in range(INNER_FOLDS):
            others = use & (inner != fold)
            slope, offset = ridge(values[others], self.octave[others], weight[others])
            expected[inner == fold] = values[inner == fold] @ slope + offset
        heard = [index for index in np.flatnonzero(use) if len(self.pulses[index].bpm)]
        weights = choose(
            [tempo.terms(self.pulses[index], expected[index]) for index in heard],
            [np.abs(self.pulses[i].bpm / self.bpm[i] - 1) <= TOLERANCE for i in heard],
            [choice[index] for index in heard],
        )
        slope, offset = ridge(values[use], self.octave[use], weight[use])
        return tempo.Octaves(mean, scale, slope, offset, *map(float, weights))

    def held_out(self, seed: int) -> tuple[Doubles, Doubles]:
        """Return tempo and confidence of the long clips, by what other artists' clips taught."""
        answers = np.full((len(self.bpm), 2), np.nan)
        dealt = folds(self.groups, seed, FOLDS)
        for fold in range(FOLDS):
            fitted = self.fit(dealt != fold, seed)
            for index in np.flatnonzero((dealt == fold) & self.long):
                answers[index] = fitted.decide(self.pulses[index], self.clues[index])[:2]
        return answers[self.long, 0], answers[self.long, 1]


def within(estimate: Doubles, truth: Doubles, factors: tuple[float, ...] = (1.0,)) -> Doubles:
    """Tell which tempi are right, or right but for a factor."""
    right = [np.abs(estimate * factor / truth - 1) <= TOLERANCE for factor in factors]
    marks: Doubles = np.any(right, axis=0).astype(float)
    return marks


def report(data: Data) -> dict[str, Any]:
    """Cross-validate: accuracies with intervals by bootstrap over artists, and the confidence."""
    runs = [data.held_out(seed) for seed in range(SEEDS)]
    return {corpus: _report(data, corpus, runs) for corpus in ("gtzan", "songs")}


def _report(data: Data, corpus: str, runs: list[tuple[Doubles, Doubles]]) -> dict[str, Any]:
    of = data.corpus[data.long] == corpus
    truth, groups = data.bpm[data.long][of], data.groups[data.long][of]
    runs = [(estimate[of], sure[of]) for estimate, sure in runs]
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
