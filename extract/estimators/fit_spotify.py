"""Fit the estimates to Spotify's own values, measure them without flattery, and write the card.

The audio is not part of this project. The script expects a folder with ``gtzan/``, ``songs/``,
``mixed/``, ``emotify/``, ``panda4q/``, ``librosa/`` and ``spotify/``:

    python extract/estimators/fit_spotify.py ../shared/data

`earmark.extract.estimators.fit_spotify_truth` says what there is to learn from. In the
cross-validation no artist is on both sides, in none of these ways, and the penalty of each fold is
chosen by another cross-validation within what it learns from.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy.linalg import solve
from scipy.stats import spearmanr
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GroupKFold

from earmark.extract.estimators.fit_spotify_truth import (
    QUADRANTS,
    Corpora,
    Doubles,
    Examples,
    Truth,
    whole,
)
from earmark.extract.estimators.spotify import FITS, MATCHED, SCALES, WEIGHTS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

FOLDS, SEEDS = 5, 3

PENALTIES = (100.0, 200.0, 400.0, 800.0)
"""What the squares of the weights cost, for each estimate to choose from."""


@dataclass(frozen=True)
class LinearModel:
    """A weighted sum of inputs.

    Parameters
    ----------
    weights : ndarray of shape (columns,)
        What each adds per deviation.
    offset : float
        The sum where all are at their mean.
    """

    weights: Doubles
    offset: float

    def predict(self, inputs: Doubles) -> Doubles:
        """Return the sum of every row."""
        sums: Doubles = inputs @ self.weights + self.offset
        return sums


@dataclass(frozen=True)
class Sums:
    """What ridge regression needs to know of some rows; those of more rows are the sum of both."""

    counts: float
    inputs: Doubles
    values: float
    squares: Doubles
    products: Doubles

    @classmethod
    def of(cls, examples: Examples, rows: Any = slice(None)) -> Sums:
        """Sum over some of the examples."""
        inputs, values = examples.inputs[rows], examples.values[rows]
        counted = examples.weights[rows]
        weighted = inputs * counted[:, None]
        return cls(
            counted.sum(),
            weighted.sum(axis=0),
            counted @ values,
            weighted.T @ inputs,
            weighted.T @ values,
        )

    def without(self, other: Sums) -> Sums:
        """Return the sums without those of some of the rows."""
        return Sums(
            *(getattr(self, part.name) - getattr(other, part.name) for part in fields(self))
        )

    def ridge(self, penalty: float) -> LinearModel:
        """Fit a weighted sum."""
        middle, mean = self.inputs / self.counts, self.values / self.counts
        squares = self.squares - self.counts * np.outer(middle, middle)
        squares[np.diag_indices_from(squares)] += penalty
        products = self.products - self.counts * middle * mean
        weights = solve(squares, products, assume_a="pos")
        return LinearModel(weights, float(mean - middle @ weights))


def fit(examples: Examples) -> LinearModel:
    """Fit the weighted sum, with the penalty by which rows of other artists are told best."""
    errors = np.zeros(len(PENALTIES))
    whole = Sums.of(examples)
    for _, test in GroupKFold(FOLDS).split(examples.inputs, groups=examples.groups):
        others = whole.without(Sums.of(examples, test))
        for place, penalty in enumerate(PENALTIES):
            found = others.ridge(penalty).predict(examples.inputs[test])
            errors[place] += examples.weights[test] @ np.square(found - examples.values[test])
    return whole.ridge(PENALTIES[int(errors.argmin())])


def folds(truth: Truth, name: str, seed: int) -> Iterator[tuple[pd.Index, pd.Index]]:
    """Yield tracks to learn from and to test on, no artist being on both sides."""
    tracks = truth.values(name).index
    artists = truth.songs["artist"][tracks].astype("category").cat.codes.to_numpy()
    shuffled = np.random.default_rng(seed).permutation(artists.max() + 1)[artists]
    for train, test in GroupKFold(FOLDS).split(tracks, groups=shuffled):
        yield tracks[train], tracks[test]


def out_of_fold(truth: Truth, name: str, seed: int) -> pd.DataFrame:
    """Estimate every song by weights that have not seen its artist.

    Returns
    -------
    DataFrame
        ``truth`` and ``estimate`` on the scale of the fit, by track, ``window``: the mean estimate
        of a single window of it, and ``corpus``: ``songs``, ``gtzan``, or ``tables`` for clips
        that are known from public tables alone.
    """
    values = truth.values(name)
    estimates = pd.DataFrame({"estimate": np.nan, "window": np.nan}, values.index)
    tracks = whole(truth.heard)
    windows = whole(truth.heard, tracks=False)
    for train, test in folds(truth, name, seed):
        learner = fit(truth.examples(name, train, test))
        heard = test[test.isin(tracks.index)]
        estimates.loc[heard, "estimate"] = learner.predict(tracks.loc[heard].to_numpy())
        own = windows[windows.index.isin(heard)]
        drawn = pd.Series(learner.predict(own.to_numpy()), own.index).groupby(level=0).first()
        estimates.loc[drawn.index, "window"] = drawn
        others = test[~test.isin(tracks.index)]
        estimates.loc[others, "estimate"] = learner.predict(truth.imputed.loc[others].to_numpy())
    corpus = truth.songs["corpus"][values.index].where(values.index.isin(tracks.index), "tables")
    return estimates.assign(truth=values, corpus=corpus)


def interval(truth: Doubles, estimate: Doubles, groups: Iterable[str]) -> tuple[float, float]:
    """Return a 95 % interval of the rank correlation, from a bootstrap over artists."""
    codes, names = pd.factorize(np.asarray(list(groups), object))
    rows = [np.flatnonzero(codes == code) for code in range(len(names))]
    generator = np.random.default_rng(0)
    correlations = []
    for _ in range(1000):
        drawn = np.concatenate([rows[i] for i in generator.integers(0, len(rows), len(rows))])
        correlations.append(spearmanr(truth[drawn], estimate[drawn]).statistic)
    low, high = np.percentile(correlations, [2.5, 97.5])
    return float(low), float(high)


def spread(truth: Truth, name: str, fitted: Doubles) -> tuple[Doubles, Doubles]:
    """Return quantiles of what was fitted to GTZAN's clips, and of Spotify's table.

    Both hold the same ten genres, each with the same weight.
    """
    shares = np.linspace(0, 1, 41)
    names = {"hiphop": "hip-hop"}
    genres = [names.get(genre, genre) for genre in truth.tracks["genre"].unique()]
    table = truth.table[truth.table["track_genre"].isin(genres)]
    table = table.drop_duplicates(["duration_ms", "loudness", "tempo", "track_genre"])
    weights = 1 / table["track_genre"].map(table["track_genre"].value_counts())
    order = np.argsort(table[name].to_numpy(), kind="stable")
    place = np.cumsum(weights.to_numpy()[order]) / weights.sum()
    values = np.interp(shares, place, table[name].to_numpy()[order])
    return np.quantile(fitted, shares), values


@dataclass(frozen=True)
class Measured:
    """An estimate as it is fitted to all that is known, and what was measured of it.

    Parameters
    ----------
    model : LinearModel
        Its sums on the scale of the fit, the shrinking made up for.
    knots : tuple of ndarray
        See `spread`.
    metrics : dict
        From the cross-validation.
    """

    model: LinearModel
    knots: tuple[Doubles, Doubles]
    metrics: dict[str, Any]

    def value(self, name: str, fitted: Doubles) -> Doubles:
        """Bring sums to Spotify's scale."""
        return _value(name, fitted, self.knots)


def _value(name: str, fitted: Doubles, knots: tuple[Doubles, Doubles]) -> Doubles:
    if name in MATCHED:
        return np.interp(fitted, *knots)
    return np.array([SCALES[name].back(value) for value in fitted])


def measure(truth: Truth, name: str) -> Measured:
    """Cross-validate an estimate, and fit it to all that is known."""
    runs = [out_of_fold(truth, name, seed) for seed in range(SEEDS)]
    mean = runs[0].assign(estimate=np.mean([run["estimate"] for run in runs], axis=0))
    audio = mean[mean["corpus"] != "tables"]
    slope, offset = np.polyfit(audio["estimate"], audio["truth"], 1)
    tracks = truth.values(name).index
    plain = fit(truth.examples(name, tracks, tracks[:0]))
    model = LinearModel(slope * plain.weights, float(offset + slope * plain.offset))
    knots = spread(truth, name, model.predict(truth.gtzan.to_numpy()))
    metrics: dict[str, Any] = {}
    artists = truth.songs["artist"]
    for corpus in ("songs", "gtzan", "tables"):
        rows = mean["corpus"] == corpus
        known = truth.songs[name][mean.index[rows]].to_numpy()
        found = _value(name, offset + slope * mean["estimate"][rows].to_numpy(), knots)
        ranks = [
            float(spearmanr(run["truth"][rows], run["estimate"][rows]).statistic) for run in runs
        ]
        metrics[corpus] = {
            "n": int(rows.sum()),
            "rank_correlation": float(np.mean(ranks)),
            "deviation_over_seeds": float(np.std(ranks)),
            "interval": interval(
                mean["truth"][rows].to_numpy(),
                mean["estimate"][rows].to_numpy(),
                artists[mean.index[rows]],
            ),
            "mean_absolute_error": float(np.abs(found - known).mean()),
            "mean_absolute_error_of_median": float(np.abs(np.median(known) - known).mean()),
        }
    of_windows = mean[mean["corpus"] == "songs"]
    metrics["songs"]["rank_correlation_of_a_window"] = float(
        spearmanr(of_windows["truth"], of_windows["window"], nan_policy="omit").statistic
    )
    if name in QUADRANTS:
        metrics["quadrants_auc"] = quadrants_auc(truth, name)
    if name == "instrumentalness":
        metrics["unseen_instrumentals"] = unseen_instrumentals(truth, slope, offset, knots)
    if name == "speechiness":
        metrics |= unseen_speakers(truth, slope, offset)
    return Measured(model, knots, metrics)


def quadrants_auc(truth: Truth, name: str) -> float:
    """Return the area under the curve against the quadrants, which were not learned from here."""
    tracks = truth.values(name).index
    learner = fit(truth.examples(name, tracks, tracks[:0], panda4q=True))
    songs = whole(truth.rows["panda4q"])
    high = truth.quadrants["quadrant"][songs.index].isin(QUADRANTS[name])
    return float(roc_auc_score(high, learner.predict(songs.to_numpy())))


def unseen_instrumentals(
    truth: Truth, slope: float, offset: float, knots: tuple[Doubles, Doubles]
) -> dict[str, float]:
    """Return the median instrumentalness of recordings without singers, a source at a time.

    Each is estimated by weights that were learned without that source; the recordings of librosa
    without each other.
    """
    name = "instrumentalness"
    tracks = truth.values(name).index
    sources = {"librosa": ("librosa", truth.played("librosa"))}
    played = truth.mixed.loc[truth.played("mixed")]
    for source, rows in played.groupby("source"):
        sources[str(source)] = ("mixed", rows.index)
    found = {}
    for source, (corpus, recordings) in sources.items():
        learner = fit(truth.examples(name, tracks, tracks[:0], recordings=recordings))
        rows = whole(truth.rows[corpus]).loc[recordings]
        fitted = offset + slope * learner.predict(rows.to_numpy())
        found[source] = float(np.median(np.interp(fitted, *knots)))
    return found


def unseen_speakers(truth: Truth, slope: float, offset: float) -> dict[str, float]:
    """Estimate the speechiness of speakers by what was learned from others, and of music."""
    name = "speechiness"
    tracks, scale = truth.values(name).index, SCALES[name]
    speech = whole(truth.rows["mixed"]).loc[truth.speakers()]
    spoken = []
    for fold in range(FOLDS):
        unseen = speech.iloc[fold::FOLDS]
        learner = fit(truth.examples(name, tracks, tracks[:0], speakers=unseen.index))
        spoken += [
            scale.back(offset + slope * value) for value in learner.predict(unseen.to_numpy())
        ]
    music = []
    for corpus in ("emotify", "panda4q"):
        rows = whole(truth.rows[corpus])
        fitted = offset + slope * learner.predict(rows.to_numpy())
        music += [scale.back(value) for value in fitted]
    return {
        "speakers": len(spoken),
        "speakers_median": float(np.median(spoken)),
        "speakers_above_0.66": float(np.mean(np.array(spoken) > 0.66)),
        "music_above_0.66": float(np.mean(np.array(music) > 0.66)),
        "music": len(music),
    }


def fit_loudness(corpora: Corpora, truth: Truth) -> dict[str, float]:
    """Fit a line from LUFS to Spotify's scale, by the least absolute distance, and measure it."""
    rows = truth.songs[truth.songs["corpus"] == "songs"]
    found = whole(corpora.described["songs"]).loc[rows.index, "loudness"].to_numpy()
    known = rows["loudness"].to_numpy()
    errors = np.empty(len(known))
    for train, test in GroupKFold(FOLDS).split(known, groups=rows["artist"]):
        slope, offset = line(found[train], known[train])
        errors[test] = np.abs(offset + slope * found[test] - known[test])
    slope, offset = line(found, known)
    return {
        "slope": round(slope, 4),
        "offset": round(offset, 4),
        "n": len(known),
        "mean_absolute_error": float(errors.mean()),
        "mean_absolute_error_of_lufs": float(np.abs(found - known).mean()),
        "mean_absolute_error_of_median": float(np.abs(np.median(known) - known).mean()),
        "rank_correlation": float(spearmanr(found, known).statistic),
    }


def line(found: Doubles, known: Doubles) -> tuple[float, float]:
    """Return slope and offset of the line with the least sum of absolute distances.

    Examples
    --------
    >>> line(np.array([0.0, 1.0, 2.0, 3.0]), np.array([1.0, 3.0, 5.0, 99.0]))
    (2.0, 1.0)
    """
    pairs = [(i, j) for i in range(len(found)) for j in range(i) if found[i] != found[j]]
    slopes = [(known[i] - known[j]) / (found[i] - found[j]) for i, j in pairs]
    # The best line leads through two of the points.
    offsets = [known[i] - slope * found[i] for (i, _), slope in zip(pairs, slopes, strict=True)]
    distances = np.abs(np.outer(slopes, found) + np.array(offsets)[:, None] - known).sum(axis=1)
    best = int(distances.argmin())
    return float(slopes[best]), float(offsets[best])


def main() -> None:
    """Measure, fit to everything, and write the weights and the card."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="folder of the corpora")
    parser.add_argument("-o", "--output", type=Path, default=WEIGHTS)
    parser.add_argument(
        "--tables", type=Path, help="folder in which descriptors are kept between runs"
    )
    arguments = parser.parse_args()

    corpora = Corpora(arguments.data, arguments.tables)
    about: dict[str, Any] = {}
    for embedded, title in zip((True, False), FITS, strict=True):
        truth = Truth(corpora, embedded)
        about[title] = fitted_to(truth)
    about["loudness"] = fit_loudness(corpora, truth)
    print("loudness", about["loudness"], file=sys.stderr)
    arguments.output.write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")
    (arguments.output.parent / "spotify.md").write_text(card(truth, about), encoding="utf-8")


def fitted_to(truth: Truth) -> dict[str, Any]:
    """Return what is stored of a fit."""
    about: dict[str, Any] = {
        "columns": truth.columns,
        "mean": [float(f"{value:.6g}") for value in truth.mean],
        "deviation": [float(f"{value:.6g}") for value in truth.deviation],
        **{part: {} for part in ("offset", "weights", "fitted", "spread", "metrics")},
    }
    for name in SCALES:
        measured = measure(truth, name)
        print(name, measured.metrics, file=sys.stderr)
        about["metrics"][name] = measured.metrics
        about["offset"][name] = round(measured.model.offset, 6)
        about["weights"][name] = [round(float(own), 6) for own in measured.model.weights]
        if name in MATCHED:
            for part, knots in zip(("fitted", "spread"), measured.knots, strict=True):
                about[part][name] = [float(f"{value:.6g}") for value in knots]
    return about


def card(truth: Truth, about: dict[str, Any]) -> str:
    """Write what the weights are, what they were fitted to and how far off the estimates are."""
    rows = []
    for name in SCALES:
        row = [name]
        for title in reversed(FITS):
            for corpus in ("songs", "gtzan"):
                score = about[title]["metrics"][name][corpus]
                low, high = score["interval"]
                row.append(f"{score['rank_correlation']:.2f} ({low:.2f} to {high:.2f})")
        for title in reversed(FITS):
            score = about[title]["metrics"][name]["songs"]
            row.append(f"{score['mean_absolute_error']:.3f}")
        row.append(f"{score['mean_absolute_error_of_median']:.3f}")
        rows.append(f"| {' | '.join(row)} |")
    plain, embedded = (about[title]["metrics"] for title in reversed(FITS))
    counts = {corpus: plain["energy"][corpus]["n"] for corpus in ("songs", "gtzan", "tables")}
    speech = plain["speechiness"]
    played = ", ".join(
        f"{plain['instrumentalness']['unseen_instrumentals'][source]:.2f} and "
        f"{embedded['instrumentalness']['unseen_instrumentals'][source]:.2f} ({source})"
        for source in plain["instrumentalness"]["unseen_instrumentals"]
    )
    loudness = about["loudness"]
    lines = [
        "# The calibration of Spotify's estimates",
        "",
        f"Weighted sums over a track, fitted by ridge regression to Spotify's own values of songs: "
        f"one fit of {len(about[FITS[1]]['columns'])} descriptors, and one that looks at the "
        "activations and tags of `musicnn` beside them, for tables of the set `default+musicnn`. "
        "Made by `extract/estimators/fit_spotify.py`; the weights are in `spotify.json`. No audio "
        "is part of this project.",
        "",
        f"Truth: {counts['songs']} modern songs, 30 s of each, and {counts['gtzan']} clips of "
        "GTZAN, most of them 2–3 s out of a song whose value describes the whole; "
        f"{counts['tables']} more clips are known through public tables of descriptors. Beside it, "
        "with less weight: other clips of GTZAN through a regression on these tables, classical "
        "music, jazz and electronic music by their mean in Spotify's table, the quadrants of 4Q "
        f"(energy, valence), {len(truth.speakers())} recordings of speech, and "
        f"{len(truth.played('mixed')) + len(truth.played('librosa'))} without singers. Windows of "
        "6 s count as much as the tracks that they are of.",
        "",
        f"Cross-validated, no artist on both sides, {FOLDS} folds, {SEEDS} shuffles, the penalty "
        "chosen within what is learned from: rank correlation, in brackets an interval of 95 % "
        "from a bootstrap over artists; then the mean absolute error for the songs on Spotify's "
        "scale, and that of saying the median of all songs. The spread was taken from all, which "
        "makes the errors a little too kind.",
        "",
        "| estimate | songs | GTZAN | songs, with musicnn | GTZAN, with musicnn | error | error, "
        "with musicnn | of the median |",
        "|---|---|---|---|---|---|---|---|",
        *rows,
        "",
        f"The spread of {', '.join(MATCHED)} over GTZAN's ten genres is brought to that of "
        "Spotify's table over the same genres. Ranks stay; errors grow a little, for a regression "
        "that says less is wrong by less.",
        "",
        "Against the quadrants of 4Q, not learned from for this number: area under the curve "
        f"{plain['energy']['quadrants_auc']:.2f} for energy, "
        f"{plain['valence']['quadrants_auc']:.2f} for valence (with musicnn "
        f"{embedded['energy']['quadrants_auc']:.2f} and {embedded['valence']['quadrants_auc']:.2f})"
        f". Speechiness of {speech['speakers']} speakers who were not learned from: "
        f"{speech['speakers_median']:.2f} in the middle, "
        f"{100 * speech['speakers_above_0.66']:.0f} % of them above 0.66, and "
        f"{100 * speech['music_above_0.66']:.1f} % of {speech['music']} songs. Instrumentalness in "
        f"the middle of recordings without singers whose source was not learned from: {played}; "
        "the second number with musicnn.",
        "",
        "**Liveness is not better than chance; do not use it.** It is here because a table without "
        "it is no table of Spotify's. Applause sounds before and after the music, and not in what "
        "was learned from.",
        "",
        f"Loudness of the set `spotify`: {loudness['slope']:.2f} times the LUFS, and "
        f"{loudness['offset']:+.1f} dB. The mean error over the {loudness['n']} songs is "
        f"{loudness['mean_absolute_error']:.1f} dB in cross-validation (the LUFS themselves: "
        f"{loudness['mean_absolute_error_of_lufs']:.1f}); much of it is that a copy is not as loud "
        "as the release that Spotify has, and an excerpt not as loud as its song.",
        "",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
