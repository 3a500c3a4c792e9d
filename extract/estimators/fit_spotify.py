"""Fit the estimates to Spotify's own values, measure them without flattery, and write the card.

The audio is not part of this project. The script expects a folder with ``gtzan/``, ``emotify/``,
``panda4q/``, ``librosa/`` and ``spotify/``:

    python extract/estimators/fit_spotify.py ../shared/data

There is little truth: 329 clips of GTZAN whose songs Spotify has values of, 161 of them with audio,
most of that 2–3 s long. What else is learned from, most of it with less weight:

* clips without audio, by what public tables of their 30 s (57 and 167 librosa features) tell of our
  descriptors, through a regression on the clips that have both;
* all other clips of GTZAN, by what a regression on those tables alone says of them (distillation);
* genres that are hardly among the songs (classical, jazz, electronic), by their mean in Spotify's
  table;
* for energy and valence the quadrants of 4Q, for speechiness recordings of speech, for
  instrumentalness recordings without singers.

In the cross-validation no artist is on both sides, in none of these ways.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import lsq_linear
from scipy.stats import spearmanr
from sklearn.linear_model import Ridge
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GroupKFold

from earmark.extract import sets
from earmark.extract.audio import decode
from earmark.extract.config import DEFAULTS
from earmark.extract.descriptors.perceptual import INPUTS
from earmark.extract.engine import aggregate, registry, single_pass
from earmark.extract.estimators.spotify import MATCHED, SCALES, WEIGHTS, standardised

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

Doubles = NDArray[np.float64]

PENALTY = 100.0
"""Chosen from 50, 100, 200, 400: all but the last are as good."""
FOLDS, SEEDS = 5, 10

UNUSED = ("key", "tempo", "spectral_contrast_06_mean", "spectral_contrast_06_std")
"""Columns of the inputs that are not looked at: two that no straight line leads through, and the
band that codecs cut off."""

SIGNS = {
    "danceability": {"tempo_confidence": 1, "rms_std": 1, "variance_pattern_*": 1},
    "energy": {
        **{"spectral_bandwidth_mean": 1, "spectral_centroid_mean": 1, "spectral_flux_mean": 1},
        **{"peak_rate": 1, "spectral_contrast_*_mean": -1},
    },
    "speechiness": {"rms_std": 1, "mfcc_difference_*": 1, "tempo_confidence": -1},
    "acousticness": {
        **{"spectral_bandwidth_mean": -1, "spectral_flux_mean": -1, "peak_rate": -1},
        **{"spectral_contrast_*_mean": 1},
    },
    # What a voice moves, few instruments move as much.
    "instrumentalness": {"variance_pattern_*": -1},
    "liveness": {},
    "valence": {"mode": 1, "peak_rate": 1, "tempo_confidence": 1},
}
"""Columns that can only raise an estimate, or only lower it, where the direction is known."""

IMPUTED, DISTILLED, GENRE, QUADRANT = 1.0, 0.5, 0.2, 0.5
"""What a row counts, beside 1 of a song with audio and values. Halves and doubles are as good."""

SPEECH = ("198-209-0000", "3436-172162-0000", "5703-47212-0000")
SPEECH_WEIGHT = 20.0
SPOKEN = 1.8
"""Aimed at in speech, where Spotify says 0.9 or more: a regression falls short of what is rare."""

PLAYED = (
    "147793__setuniman__sweet-waltz-0i-22mi",
    "442789__lena-orsa__happy-music-pistachio-ice-cream-ragtime",
    "Hungarian_Dance_number_5_-_Allegro_in_F_sharp_minor_(string_orchestra)",
    "Kevin_MacLeod_-_P_I_Tchaikovsky_Dance_of_the_Sugar_Plum_Fairy",
    "Kevin_MacLeod_-_Vibe_Ace",
    "admiralbob77_-_Choice_-_Drum-bass",
    "sorohanro_-_solo-trumpet-06",
)
INSTRUMENTAL_WEIGHT = 3.0
INSTRUMENTAL = 0.9
"""Instrumentalness of recordings in which nobody sings, and what each counts in all. Without them a
solo instrument has none; with more of them the songs are ranked worse."""

GENRES = ("classical", "jazz", "electronic")
"""Hardly among the songs; Spotify's table calls them the same."""

QUADRANTS = {"energy": ("Q1", "Q2"), "valence": ("Q1", "Q4")}
QUADRANT_DISTANCE = 0.8
"""Deviations from the mean that a song in the high or low half is taken to be."""


@dataclass(frozen=True)
class Examples:
    """Rows to learn from: standardised inputs, values on the scale of the fit, and what they count.

    Parameters
    ----------
    inputs : ndarray of shape (rows, columns)
        Standardised descriptors.
    values : ndarray of shape (rows,)
        What is to be estimated.
    weights : ndarray of shape (rows,)
        What each row counts.
    """

    inputs: Doubles
    values: Doubles
    weights: Doubles


def describe(paths: Iterable[Path], windows: bool = False) -> pd.DataFrame:
    """Return the inputs of files, or of their windows, by the stem of their name."""
    descriptors = tuple(registry.get(name) for name in INPUTS)
    columns = [column.name for entry in descriptors for column in entry.columns(DEFAULTS)]
    rows, names = [], []
    for path in paths:
        with decode.open_audio(path) as audio:
            track = single_pass.summarise_track(audio, descriptors, DEFAULTS, {sets.TRACK_WINDOW})
        whole = track[sets.TRACK_WINDOW]
        for part in [part for _, part in whole.sections()] if windows else [whole]:
            rows.append(aggregate.row(part, descriptors))
            names.append(path.name.partition(".hq")[0] if windows else path.stem)
    table = pd.DataFrame(np.array(rows), names, columns)
    return table.drop(columns=list(UNUSED))


class Truth:
    """Everything that is learned from and measured on.

    Parameters
    ----------
    data : Path
        The folder of the corpora.
    """

    def __init__(self, data: Path) -> None:
        self.tracks = pd.read_csv(data / "gtzan/tracks.csv").set_index("track")
        groups = self.tracks["artist_group"].fillna("? " + self.tracks.index.to_series())
        self.groups = self.tracks["genre"] + " " + groups
        self.songs = pd.read_csv(data / "gtzan/spotify_values.csv").set_index("clip")
        self.table = pd.read_csv(data / "spotify/spotify_tracks.csv.gz")
        self.quadrants = pd.read_csv(data / "panda4q/tracks.csv").set_index("file")
        self.quadrants.index = self.quadrants.index.str.removesuffix(".mp3")
        clips = self.tracks["file"].dropna()
        gtzan = describe(data / "gtzan/audio" / name for name in clips).set_axis(clips.index)
        emotify = describe(sorted((data / "emotify/audio").iterdir()))
        panda4q = describe(data / f"panda4q/audio/{name}.mp3" for name in self.quadrants.index)
        recordings = sorted((data / "librosa").glob("*.ogg"))
        windows = describe(recordings, windows=True)
        self.columns = list(gtzan)
        self.mean = gtzan.mean()
        self.deviation = gtzan.std()

        def standard(table: pd.DataFrame) -> pd.DataFrame:
            values = standardised(table.to_numpy(), self.mean.to_numpy(), self.deviation.to_numpy())
            return pd.DataFrame(values, table.index, table.columns)

        self.gtzan = standard(gtzan)
        self.emotify = standard(emotify)
        self.panda4q = standard(panda4q)
        self.windows = standard(windows)
        self.public = public_tables(data / "gtzan")
        emotions = pd.read_csv(data / "emotify/tracks.csv").set_index("file")["genre"]
        self.emotify_genres = emotions.set_axis(emotions.index.str.removesuffix(".mp3"))

    @cached_property
    def imputed(self) -> pd.DataFrame:
        """The inputs of all clips as the public tables tell them, never from their own audio."""
        known = self.gtzan.index
        learner = Ridge(PENALTY)
        every = learner.fit(self.public.loc[known], self.gtzan).predict(self.public)
        imputed = pd.DataFrame(every, self.public.index, self.columns)
        for train, test in GroupKFold(10).split(known, groups=self.groups[known]):
            learner.fit(self.public.loc[known[train]], self.gtzan.iloc[train])
            imputed.loc[known[test]] = learner.predict(self.public.loc[known[test]])
        return imputed

    def values(self, name: str) -> pd.Series:
        """Return the known values of an estimate on the scale of the fit, by clip."""
        known = self.songs[name].dropna()
        return pd.Series(SCALES[name].forth(known.to_numpy()), known.index)

    def examples(self, name: str, seen: pd.Index, hidden: pd.Index, **skip: object) -> Examples:
        """Gather what may be learned from while some clips are hidden.

        Parameters
        ----------
        name : str
            The estimate.
        seen, hidden : Index
            Clips whose values are learned from, and clips that are tested on.
        **skip
            ``panda4q=True`` leaves out the quadrants, ``speaker`` or ``recording`` the one named.
        """
        values = self.values(name)
        mean, spread = values[seen].mean(), values[seen].std()
        teacher = Ridge(300.0).fit(self.public.loc[seen], values[seen])
        parts: list[tuple[pd.DataFrame, Any, Any]] = []
        heard = seen[seen.isin(self.gtzan.index)]
        taught = teacher.predict(self.public.loc[heard])
        parts.append((self.gtzan.loc[heard], (values[heard] + taught) / 2, 1.0))
        parts.append((self.imputed.loc[seen], values[seen], IMPUTED))
        related = self.groups.isin(self.groups[hidden])
        others = self.gtzan.index.difference(values.index)
        others = others[~related[others].to_numpy()]
        genres = self.tracks["genre"][others]
        usual = self._of_genres(name)
        rare = genres.isin(usual)
        plain = others[~rare.to_numpy()]
        parts.append((self.gtzan.loc[plain], teacher.predict(self.public.loc[plain]), DISTILLED))
        for inputs, labels in (
            (self.gtzan.loc[others[rare.to_numpy()]], genres[rare]),
            (self.emotify, self.emotify_genres[self.emotify.index]),
        ):
            fits = labels.isin(usual).to_numpy()
            parts.append((inputs[fits], labels[fits].map(usual).to_numpy(), GENRE))
        if name in QUADRANTS and not skip.get("panda4q"):
            high = self.quadrants["quadrant"].isin(QUADRANTS[name]).to_numpy()
            distance = QUADRANT_DISTANCE * spread
            parts.append((self.panda4q, np.where(high, mean + distance, mean - distance), QUADRANT))
        if name == "speechiness":
            spoken = [speaker for speaker in SPEECH if speaker != skip.get("speaker")]
            rows = self.windows[self.windows.index.isin(spoken)]
            value = SCALES[name].forth(np.array(SPOKEN))
            parts.append((rows, np.full(len(rows), value), SPEECH_WEIGHT))
        if name == "instrumentalness":
            left_out = skip.get("recording")
            played = [recording for recording in PLAYED if recording != left_out]
            rows = self.windows[self.windows.index.isin(played)]
            counts = INSTRUMENTAL_WEIGHT / rows.index.value_counts()[rows.index].to_numpy()
            value = SCALES[name].forth(np.array(INSTRUMENTAL))
            parts.append((rows, np.full(len(rows), value), counts))
        return Examples(
            np.concatenate([inputs.to_numpy() for inputs, _, _ in parts]),
            np.concatenate([np.asarray(target, np.float64) for _, target, _ in parts]),
            np.concatenate([np.broadcast_to(weight, len(inputs)) for inputs, _, weight in parts]),
        )

    def _of_genres(self, name: str) -> dict[str, float]:
        """Return the mean of rare genres in Spotify's table, on the scale of the fit."""
        table = self.table.drop_duplicates(["duration_ms", "loudness", "tempo", "track_genre"])
        return {
            genre: float(
                SCALES[name].forth(table.loc[table["track_genre"] == genre, name].to_numpy()).mean()
            )
            for genre in GENRES
        }


def public_tables(folder: Path) -> pd.DataFrame:
    """Lay two public tables of GTZAN's clips together, standardised."""
    small = pd.read_csv(folder / "features_30_sec.csv").set_index("filename")
    large = pd.read_csv(folder / "features_167.csv").set_index("filename")
    large = large.select_dtypes("number").add_prefix("large ")
    both = small.drop(columns=["length", "label"]).join(large)
    both.index = both.index.str.removesuffix(".wav")
    names = both.columns.astype(str)
    spreads = names[names.str.contains("var|std|max") & (both > 0).all().to_numpy()]
    both[spreads] = np.log(both[spreads])
    both = both.loc[:, both.std() > 0]
    return ((both - both.mean()) / both.std()).clip(-4, 4).fillna(0.0)


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


def fit(truth: Truth, name: str, examples: Examples) -> LinearModel:
    """Fit the weighted sum: ridge regression whose weights have the signs that are known."""
    counts = np.sqrt(examples.weights)
    middle = np.average(examples.inputs, axis=0, weights=examples.weights)
    mean = np.average(examples.values, weights=examples.weights)
    rows = np.vstack(
        [
            (examples.inputs - middle) * counts[:, None],
            np.sqrt(PENALTY) * np.eye(len(middle)),
        ]
    )
    values = np.append((examples.values - mean) * counts, np.zeros(len(middle)))
    signs = np.zeros(len(middle))
    for pattern, sign in SIGNS[name].items():
        signs[[fnmatch(str(column), pattern) for column in truth.columns]] = sign
    # The same sums of squares, in as many rows as columns.
    orthogonal, square = np.linalg.qr(rows)
    bounds = np.where(signs > 0, 0, -np.inf), np.where(signs < 0, 0, np.inf)
    weights = lsq_linear(square, orthogonal.T @ values, bounds, method="bvls").x
    return LinearModel(weights, float(mean - middle @ weights))


def folds(truth: Truth, name: str, seed: int) -> Iterator[tuple[pd.Index, pd.Index]]:
    """Yield clips to learn from and to test on, no artist being on both sides."""
    clips = truth.values(name).index
    artists = truth.songs["artist"][clips].astype("category").cat.codes.to_numpy()
    shuffled = np.random.default_rng(seed).permutation(artists.max() + 1)[artists]
    for train, test in GroupKFold(FOLDS).split(clips, groups=shuffled):
        yield clips[train], clips[test]


def out_of_fold(truth: Truth, name: str, seed: int) -> pd.DataFrame:
    """Estimate every song by weights that have not seen its artist.

    Returns
    -------
    DataFrame
        ``truth`` and ``estimate`` on the scale of the fit, by clip, and ``audio``: whether the
        descriptors came from audio or from the public tables.
    """
    values = truth.values(name)
    estimates = pd.Series(np.nan, values.index)
    audio = values.index.isin(truth.gtzan.index)
    for train, test in folds(truth, name, seed):
        learner = fit(truth, name, truth.examples(name, train, test))
        inputs = truth.imputed.loc[test].copy()
        heard = test[test.isin(truth.gtzan.index)]
        inputs.loc[heard] = truth.gtzan.loc[heard]
        estimates[test] = learner.predict(inputs.to_numpy())
    return pd.DataFrame({"truth": values, "estimate": estimates, "audio": audio})


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


def measure(truth: Truth, name: str) -> tuple[dict[str, object], float, float]:
    """Cross-validate an estimate; also return the line that makes up for its shrinking."""
    runs = [out_of_fold(truth, name, seed) for seed in range(SEEDS)]
    mean = runs[0].assign(estimate=np.mean([run["estimate"] for run in runs], axis=0))
    heard = mean[mean["audio"]]
    slope, offset = np.polyfit(heard["estimate"], heard["truth"], 1)
    scale = SCALES[name]
    clips = truth.values(name).index
    fitted = offset + slope * heard["estimate"].to_numpy()
    if name in MATCHED:
        learner = fit(truth, name, truth.examples(name, clips, clips[:0]))
        every = learner.predict(truth.gtzan.to_numpy())
        estimates = np.interp(fitted, *spread(truth, name, offset + slope * every))
    else:
        estimates = np.array([scale.back(value) for value in fitted])
    known = truth.songs[name][heard.index].to_numpy()

    def ranks(some: str) -> list[float]:
        parts = [run[run["audio"]] if some == "audio" else run for run in runs]
        return [float(spearmanr(part["truth"], part["estimate"]).statistic) for part in parts]

    audio, all_songs = ranks("audio"), ranks("all")
    artists = truth.songs["artist"]
    metrics: dict[str, object] = {
        "n": len(heard),
        "rank_correlation": float(np.mean(audio)),
        "deviation_over_seeds": float(np.std(audio)),
        "interval": interval(
            heard["truth"].to_numpy(), heard["estimate"].to_numpy(), artists[heard.index]
        ),
        "mean_absolute_error": float(np.abs(estimates - known).mean()),
        "mean_absolute_error_of_median": float(np.abs(np.median(known) - known).mean()),
        "n_with_tables": len(mean),
        "rank_correlation_with_tables": float(np.mean(all_songs)),
        "interval_with_tables": interval(
            mean["truth"].to_numpy(), mean["estimate"].to_numpy(), artists[mean.index]
        ),
    }
    if name in QUADRANTS:
        learner = fit(truth, name, truth.examples(name, clips, clips[:0], panda4q=True))
        high = truth.quadrants["quadrant"].isin(QUADRANTS[name])
        metrics["quadrants_auc"] = float(
            roc_auc_score(high, learner.predict(truth.panda4q.to_numpy()))
        )
    if name == "instrumentalness":
        played = {}
        knots = spread(truth, name, offset + slope * every)
        for recording in PLAYED:
            learner = fit(truth, name, truth.examples(name, clips, clips[:0], recording=recording))
            rows = truth.windows[truth.windows.index == recording]
            fitted = offset + slope * learner.predict(rows.to_numpy())
            played[recording] = float(np.median(np.interp(fitted, *knots)))
        metrics["unseen_instrumentals"] = played
    if name == "speechiness":
        spoken, music = {}, []
        for speaker in SPEECH:
            learner = fit(truth, name, truth.examples(name, clips, clips[:0], speaker=speaker))
            rows = truth.windows[truth.windows.index == speaker]
            fitted = offset + slope * learner.predict(rows.to_numpy())
            spoken[speaker] = float(np.mean([scale.back(value) for value in fitted]))
        for table in (truth.emotify, truth.panda4q):
            fitted = offset + slope * learner.predict(table.to_numpy())
            music += [scale.back(value) for value in fitted]
        metrics["unseen_speakers"] = spoken
        metrics["music_above_0.66"] = float(np.mean(np.array(music) > 0.66))
    return metrics, float(slope), float(offset)


def main() -> None:
    """Measure, fit to everything, and write the weights and the card."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="folder of the corpora")
    parser.add_argument("-o", "--output", type=Path, default=WEIGHTS)
    arguments = parser.parse_args()

    truth = Truth(arguments.data)
    about: dict[str, Any] = {
        "columns": truth.columns,
        "mean": [float(f"{value:.6g}") for value in truth.mean],
        "deviation": [float(f"{value:.6g}") for value in truth.deviation],
        **{part: {} for part in ("offset", "weights", "fitted", "spread", "metrics")},
    }
    for name in SCALES:
        about["metrics"][name], slope, offset = measure(truth, name)
        print(name, about["metrics"][name], file=sys.stderr)
        clips = truth.values(name).index
        learner = fit(truth, name, truth.examples(name, clips, clips[:0]))
        about["offset"][name] = round(float(offset + slope * learner.offset), 6)
        about["weights"][name] = [round(float(slope * weight), 6) for weight in learner.weights]
        if name in MATCHED:
            fitted = offset + slope * learner.predict(truth.gtzan.to_numpy())
            for part, knots in zip(("fitted", "spread"), spread(truth, name, fitted), strict=True):
                about[part][name] = [float(f"{value:.6g}") for value in knots]
    arguments.output.write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")
    (arguments.output.parent / "spotify.md").write_text(card(truth, about), encoding="utf-8")


def card(truth: Truth, about: dict[str, Any]) -> str:
    """Write what the weights are, what they were fitted to and how far off the estimates are."""
    rows = []
    for name, score in about["metrics"].items():
        low, high = score["interval"]
        rows.append(
            f"| {name} | {score['n']} | {score['rank_correlation']:.2f} ± "
            f"{score['deviation_over_seeds']:.2f} | {low:.2f} to {high:.2f} "
            f"| {score['mean_absolute_error']:.3f} ({score['mean_absolute_error_of_median']:.3f}) "
            f"| {score['rank_correlation_with_tables']:.2f} |"
        )
    metrics = about["metrics"]
    speakers = ", ".join(
        f"{value:.2f}" for value in metrics["speechiness"]["unseen_speakers"].values()
    )
    played = metrics["instrumentalness"]["unseen_instrumentals"].values()
    instrumental = ", ".join(f"{value:.2f}" for value in played)
    lines = [
        "# The calibration of Spotify's seven estimates",
        "",
        f"Weighted sums of {len(truth.columns)} descriptors over a track, fitted by ridge "
        "regression, with the signs that are known, to Spotify's own values of songs. Made by "
        "`extract/estimators/fit_spotify.py`; the weights are in `spotify.json`. No audio is part "
        "of this project.",
        "",
        f"Truth: {len(truth.songs)} clips of GTZAN whose songs were found in Spotify's catalogue, "
        f"{truth.songs.index.isin(truth.gtzan.index).sum()} of them with audio, most of it 2–3 s "
        "out of a song whose value describes the whole; the others are known through public tables "
        "of descriptors. Beside it, with less weight: other clips of GTZAN through a regression on "
        "these tables, classical music, jazz and electronic music by their mean in Spotify's "
        "table, the quadrants of 4Q (energy, valence), three recordings of speech and "
        f"{len(PLAYED)} without singers.",
        "",
        f"Cross-validated, no artist on both sides, {FOLDS} folds, {SEEDS} shuffles (± their "
        "deviation; interval of 95 % from a bootstrap over artists). The error is the mean "
        "absolute one on Spotify's scale; in brackets that of saying the median of all songs. In "
        "the last column the songs without audio count too, by what the tables tell of them. The "
        "descriptors and the penalty were chosen by numbers like these, which are therefore a "
        "little too kind; so is the error, for the spread was taken from all.",
        "",
        "| estimate | songs | rank correlation | interval | error | with tables |",
        "|---|---|---|---|---|---|",
        *rows,
        "",
        f"The spread of {', '.join(MATCHED)} over GTZAN's ten genres is brought to that of "
        "Spotify's table over the same genres. Ranks stay; errors grow a little, for a regression "
        "that says less is wrong by less.",
        "",
        "Against the quadrants of 4Q, not learned from for this number: area under the curve "
        f"{metrics['energy']['quadrants_auc']:.2f} for energy, "
        f"{metrics['valence']['quadrants_auc']:.2f} for valence. Speechiness of a speaker who was "
        f"not learned from: {speakers}; music above 0.66: "
        f"{100 * metrics['speechiness']['music_above_0.66']:.1f} % of 236 songs. "
        "Instrumentalness of recordings without singers that were not learned from: "
        f"{instrumental}.",
        "",
        "Liveness is hardly better than chance: nobody has found it in a few seconds of audio, and "
        "it is here because a table without it is no table of Spotify's. Among the songs hardly "
        "any is classical, and few are instrumental.",
        "",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
