"""Fit what tells where bars begin: `python extract/estimators/fit_downbeats.py DATA`.

DATA holds `gtzan/audio`, `gtzan/tracks.csv` and `gtzan/beats/*.beats`, beats and their numbers in
the bar as people annotated them ("GTZAN-Rhythm", ISMIR 2015). Clips under ten seconds are not cut
where the annotations begin. A clip is learnt from twice, on beats at the tempo that people tapped
and at the one that is estimated; accuracy is that of cross-validation by artist, at the latter.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import minimize

from earmark.extract.audio import decode
from earmark.extract.config import DEFAULTS
from earmark.extract.descriptors import rhythm
from earmark.extract.engine import registry, single_pass
from earmark.extract.estimators import beats as pulse
from earmark.extract.estimators import downbeats, fit_tempo
from earmark.extract.estimators.fit_key import LONG
from earmark.extract.sets import TRACK_WINDOW

Doubles = NDArray[np.float64]

RIDGE = 100.0
"""Pull of the weights towards zero, once scaled to deviation one."""

LEAST = 0.6
"""F-measure of the best place, below which the beats are too wrong to learn from."""

METRE = 4
TOLERANCE = 0.07
FOLDS, SEEDS = 8, 6


class Bars(NamedTuple):
    """The beats of a clip, and how right each place in the bar is as the first.

    Parameters
    ----------
    marks : ndarray of shape (beats, marks)
        See `downbeats.marks`.
    rightness : ndarray of shape (places,)
        F-measure of the downbeats, were that place the first.
    """

    marks: Doubles
    rightness: Doubles


def f_measure(found: Doubles, truth: Doubles) -> float:
    """Return the F-measure of times, each within 70 ms of one that was annotated."""
    hits, left, right = 0, 0, 0
    while left < len(found) and right < len(truth):
        late = found[left] - truth[right]
        hits += abs(late) <= TOLERANCE
        left += late <= TOLERANCE
        right += late >= -TOLERANCE
    return 2 * hits / max(1, len(found) + len(truth))


def describe(path: Path, bpm: float, downs: Doubles) -> tuple[Bars, Bars] | None:
    """Return the bars of a clip at its estimated and at its tapped tempo; None without beats."""
    listener = rhythm.Listener()
    wanted = tuple(registry.get(name) for name in listener.NEEDS)
    with decode.open_audio(path) as audio:
        tracks = single_pass.summarise_track(audio, wanted, DEFAULTS, {TRACK_WINDOW}, listener)
    track = tracks[TRACK_WINDOW]
    estimated = rhythm.bars(track)
    if len(estimated.frames) < 2 * METRE or not len(downs):
        return None
    heard, start = rhythm.heard(track, listener), int(np.flatnonzero(track.active)[0])
    tapped = start + pulse.track(heard.onset, 60 * DEFAULTS.frame_rate / bpm)
    both = []
    for frames, metre in ((estimated.frames, int(estimated.metre)), (tapped, METRE)):
        times = rhythm.seconds(frames, DEFAULTS)
        rightness = [f_measure(times[place::metre], downs) for place in range(metre)]
        both.append(Bars(downbeats.marks(frames - start, heard), np.array(rightness)))
    return both[0], both[1]


def choose(clips: list[Bars]) -> Doubles:
    """Fit a conditional logit: the weights of the marks by which the first place is chosen."""
    used = [
        clip for clip in clips if len(clip.rightness) == METRE and clip.rightness.max() >= LEAST
    ]
    values = np.array([downbeats.places(clip.marks, METRE) for clip in used])
    right = np.array([clip.rightness == clip.rightness.max() for clip in used])
    spread = values.reshape(-1, values.shape[2]).std(axis=0)
    scaled = values / spread

    def loss(weights: Doubles) -> tuple[float, Doubles]:
        score = scaled @ weights
        likely = np.exp(score - score.max(axis=1, keepdims=True))
        likely /= likely.sum(axis=1, keepdims=True)
        share = likely * right
        of_right = share.sum(axis=1, keepdims=True)
        total = RIDGE * np.square(weights).sum() / 2 - np.log(of_right).sum()
        step = np.einsum("nkd,nk->d", scaled, likely - share / of_right)
        return float(total), RIDGE * weights + step

    fitted = minimize(loss, np.zeros(len(spread)), jac=True, method="L-BFGS-B").x
    return np.asarray(fitted / spread, np.float64)


def held_out(clips: list[tuple[Bars, Bars]], groups: Any, seed: int) -> Doubles:
    """Return the F-measure of each clip by the weights that other artists' clips taught."""
    dealt = fit_tempo.folds(groups, seed, FOLDS)
    found = np.zeros(len(clips))
    for fold in range(FOLDS):
        weights = choose([bars for at in np.flatnonzero(dealt != fold) for bars in clips[at]])
        for at in np.flatnonzero(dealt == fold):
            bars = clips[at][0]
            score = downbeats.places(bars.marks, len(bars.rightness)) @ weights
            found[at] = bars.rightness[score.argmax()]
    return found


def main() -> None:
    """Fit, cross-validate, write `downbeats.json`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    data = parser.parse_args().data
    rows = fit_tempo.annotated(data)
    rows = rows[(rows["corpus"] == "gtzan") & (rows["seconds"] >= LONG)]
    clips, groups = [], []
    for track, path, bpm, seconds, group in zip(
        rows["track"], rows["path"], rows["bpm"], rows["seconds"], rows["group"], strict=True
    ):
        beats = np.loadtxt(data / "gtzan" / "beats" / f"{track}.beats", ndmin=2)
        numbered = beats[:, 1] == 1 if beats.shape[1] > 1 else np.zeros(len(beats), bool)
        found = describe(path, bpm, beats[numbered & (beats[:, 0] <= seconds), 0])
        if found is not None:
            clips.append(found)
            groups.append(group)
    scores = np.mean([held_out(clips, groups, seed) for seed in range(SEEDS)], axis=0)
    table = pd.Series(scores).groupby(groups)
    sums, counts = table.sum().to_numpy(), table.size().to_numpy()
    drawn = np.random.default_rng(0).integers(0, len(sums), (2000, len(sums)))
    ends = np.percentile(sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1), [2.5, 97.5])
    best = float(np.mean([clip[0].rightness.max() for clip in clips]))
    values = {
        "weights": np.round(choose([bars for clip in clips for bars in clip]), 6).tolist(),
        "cross_validation": {
            "clips": len(clips),
            "f_measure": [round(float(value), 3) for value in (scores.mean(), *ends)],
            "f_measure_of_the_best_place": round(best, 3),
        },
    }
    text = json.dumps(values, indent=1)
    Path(__file__).with_name("downbeats.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
