"""Learn which intervals and chords sound in each key, and measure the accuracy on artists left out.

DATA holds ``gtzan/tracks.csv`` (columns track, file, seconds, key, mode, artist_group),
``gtzan/spotify_values.csv`` and ``songs/tracks.csv`` (file, artist, duration_agrees, and the key
and mode that Spotify says), with the audio beside them; progressions are played by FluidSynth (see
`fit_key_renders.py`). Clips of ten seconds and more count fully, shorter ones half: their key is
that of the whole clip; songs count less, as Spotify's keys are estimates, too. The score is
MIREX's: 1 for the key, 0.5 for a fifth above, 0.3 for the relative, 0.2 for the parallel key.

example:

    python extract/estimators/fit_key.py ../shared/data
"""

from __future__ import annotations

import argparse
import json
import re
import tempfile
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import minimize, minimize_scalar
from sklearn.metrics import roc_auc_score

from earmark.extract.audio import decode
from earmark.extract.config import DEFAULTS
from earmark.extract.descriptors import tonal
from earmark.extract.engine import registry, single_pass
from earmark.extract.estimators import fit_key_renders, key
from earmark.extract.sets import TRACK_WINDOW

if TYPE_CHECKING:
    from earmark.extract.engine.aggregate import TrackSummary

Doubles = NDArray[np.float64]

RIDGE = 128.0
LONG = 10.0
RENDERS = 320
WEIGHTS = {"long": 1.0, "short": 0.5, "songs": 0.3, "unsure": 0.3, "renders": 0.6}
"""How much a clip counts: GTZAN's by length, songs, those that may be another recording than the
one that Spotify heard, and what was rendered."""
FOLDS = 8
SEEDS = 5


def track_of(path: Path) -> TrackSummary:
    """Return what is kept of a file to find its key."""
    with decode.open_audio(path) as audio:
        (track,) = single_pass.summarise_track(
            audio, (registry.get("key"),), DEFAULTS, {TRACK_WINDOW}
        ).values()
    return track


def evidence_of(path: Path) -> Doubles | None:
    """Return the evidence for each key in a file; see `key.evidence`."""
    track = track_of(path)
    return key.evidence(tonal.heard(track)) if track else None


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


def plain(artist: str) -> str:
    """Return the first artist of several, letters and digits alone: what an artist is known by."""
    first = re.split(r"[;,]| feat", artist.lower())[0].replace("the ", "")
    return "".join(filter(str.isalnum, first))


def annotated(folder: Path) -> pd.DataFrame:
    """Return the recordings of known key: `path`, `name`, `part`, `key`, `mode`, `group`.

    `part` is one of `WEIGHTS`. Without an artist a clip stands for itself. Clips of GTZAN whose
    artist is among those of the songs are grouped with them.
    """
    clips = pd.read_csv(folder / "gtzan" / "tracks.csv").dropna(subset=["file", "key", "mode"])
    clips["path"] = [folder / "gtzan" / "audio" / name for name in clips["file"]]
    clips["part"] = np.where(clips["seconds"] >= LONG, "long", "short")
    clips["group"] = clips["genre"] + " " + clips["artist_group"].fillna("? " + clips["track"])
    named = pd.read_csv(folder / "gtzan" / "spotify_values.csv").set_index("clip")["artist"]
    artists = pd.DataFrame({"group": clips["group"], "artist": clips["track"].map(named)})
    artist_of = artists.dropna().drop_duplicates("group").set_index("group")["artist"].map(plain)
    clips["group"] = clips["group"].map(artist_of).fillna(clips["group"])
    songs = pd.read_csv(folder / "songs" / "tracks.csv").dropna(subset=["key", "mode"])
    songs["path"] = [folder / "songs" / "audio" / name for name in songs["file"]]
    songs["part"] = np.where(songs["duration_agrees"] == 1, "songs", "unsure")
    songs["group"] = songs["artist"].map(plain)
    both = [clips.rename(columns={"track": "name"}), songs.rename(columns={"file": "name"})]
    columns = ["path", "name", "part", "key", "mode", "group"]
    return pd.concat([each[columns] for each in both], ignore_index=True)


def rendered(count: int) -> tuple[Doubles, NDArray[np.int64]]:
    """Return the evidence in progressions drawn at random, and their keys among the 24."""
    evidence, right = [], []
    for seed in range(count):
        song = fit_key_renders.drawn(seed)
        with tempfile.TemporaryDirectory() as folder:
            found = evidence_of(fit_key_renders.render(song, Path(folder)))
        if found is not None:
            evidence.append(found)
            right.append(song.number)
    return np.array(evidence), np.array(right)


class Data:
    """The recordings of known key and the evidence for each key in them; what is rendered, too.

    Parameters
    ----------
    folder : Path
        The folder of the corpora.
    """

    def __init__(self, folder: Path) -> None:
        table = annotated(folder)
        clips = [evidence_of(path) for path in table["path"]]
        table = table[[clip is not None for clip in clips]]
        self.names = table["name"].to_numpy()
        self.part = table["part"].to_numpy(str)
        self.evidence = np.array([clip for clip in clips if clip is not None])
        self.right = (12 * table["mode"] + table["key"]).to_numpy(int)
        self.groups = table["group"].to_numpy(str)
        self.renders = rendered(RENDERS)

    @property
    def long(self) -> NDArray[np.bool_]:
        """Which are clips of GTZAN that are long enough to be judged."""
        long: NDArray[np.bool_] = self.part == "long"
        return long

    def fit(self, used: NDArray[np.bool_]) -> Doubles:
        """Return the weights learnt from some of the recordings and from what is rendered."""
        evidence, right = self.renders
        counts = [WEIGHTS[part] for part in self.part[used]]
        return fit(
            np.concatenate([self.evidence[used], evidence]),
            np.concatenate([self.right[used], right]),
            np.array(counts + [WEIGHTS["renders"]] * len(right)),
        )

    def held_out(self, seed: int) -> Doubles:
        """Return the scores of each recording by weights that were learnt without its artist."""
        names = np.unique(self.groups)
        np.random.default_rng(seed).shuffle(names)
        place = dict(zip(names, np.arange(len(names)) % FOLDS, strict=True))
        folds = np.array([place[group] for group in self.groups])
        held_out = np.empty((len(self.right), 24))
        for fold in range(FOLDS):
            out = folds == fold
            held_out[out] = scores(self.fit(~out), self.evidence[out])
        return held_out


def named(weights: Doubles) -> dict[str, list[list[float]]]:
    """Return the weights of one mode by what they weigh; see `key.Heard`."""
    rows = iter(weights.reshape(-1, 12).tolist())
    counts = {"dyads": len(key.INTERVALS)}
    return {
        part.name: [next(rows) for _ in range(counts.get(part.name, len(key.CHORDS)))]
        for part in fields(key.Heard)
    }


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
    learnt = data.fit(np.full(len(right), True)).round(4)
    parts = {
        part: measure([each[data.part == part] for each in values], right[data.part == part], scale)
        for part in ("long", "short", "songs")
    }
    stored = {
        "learnt_from": "GTZAN's audio and its annotations of key and mode, songs with the keys "
        "that Spotify says, and progressions rendered by FluidSynth",
        "artists_left_out": parts,
        "scale": round(float(scale), 3),
        "major_bias": learnt[-1],
        "minor": named(learnt[: len(learnt) // 2]),
        "major": named(learnt[len(learnt) // 2 : -1]),
    }
    arguments.output.write_text(json.dumps(stored, indent=1) + "\n", "utf-8")
    print(json.dumps(stored["artists_left_out"], indent=1))


if __name__ == "__main__":
    main()
