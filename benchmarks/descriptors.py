"""How right the descriptors are: each against its truth, ours beside librosa's and Essentia's.

Truth is what people annotated (tempo, beats, bars, keys), what Spotify said of the same songs, what
a standard defines, and recordings of which it is known what they are. What was fitted to such truth
is measured by cross-validation: no artist is on both sides. Intervals of 95 % come from a bootstrap
over artists. Essentia joins where it is installed (``pip install essentia``).

The audio is not part of this project; the folder holds ``gtzan/``, ``songs/``, ``mixed/``,
``emotify/``, ``panda4q/``, ``librosa/`` and ``spotify/``. What is measured here stands on the pages
of the descriptors and, after `python benchmarks/readme.py`, in the README and the guide.

example:

    python benchmarks/descriptors.py ../shared/data -o extract/measured.json
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import sys
import warnings
from dataclasses import asdict
from datetime import date
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

# What is measured is the project that this file lies in, whatever is installed.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import librosa
import loudness
import numpy as np
import pandas as pd
import plain_librosa
from librosa.beat import beat_track
from numpy.typing import NDArray
from scipy.stats import spearmanr
from sklearn.compose import TransformedTargetRegressor
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVR

import earmark
from earmark.extract import measurements
from earmark.extract.estimators import fit_key, fit_spotify, fit_spotify_truth, fit_tempo
from earmark.extract.estimators.spotify import SCALES
from earmark.extract.files import atomic

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

Doubles = NDArray[np.float64]

BEAT_TOLERANCE = 0.07
FIRST_SECONDS = 5.0
"""Beats before are not counted, as in the evaluations of MIREX."""


Row = measurements.Measurement
"""One number of the table; more is better unless it is called a difference."""


def interval(values: Doubles, groups: Iterable[str]) -> tuple[float, float]:
    """Return a 95 % interval of the mean, from a bootstrap over groups."""
    codes, names = pd.factorize(np.asarray(list(groups), object))
    sums = np.bincount(codes, values)
    counts = np.bincount(codes)
    drawn = np.random.default_rng(0).integers(0, len(names), (2000, len(names)))
    means = sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1)
    low, high = np.percentile(means, [2.5, 97.5])
    return float(low), float(high)


class Clips:
    """The clips of GTZAN that are long enough for people to have tapped and heard a key in them.

    Parameters
    ----------
    data : Path
        The folder of the corpora.
    """

    def __init__(self, data: Path) -> None:
        table = pd.read_csv(data / "gtzan/tracks.csv").dropna(subset=["file"])
        self.table = table[table["seconds"] >= fit_key.LONG].reset_index(drop=True)
        self.paths = [data / "gtzan/audio" / name for name in self.table["file"]]
        self.beats = [data / "gtzan/beats" / f"{name}.beats" for name in self.table["track"]]
        self.groups = self.table["artist_group"].fillna(self.table["track"]).tolist()

    @cached_property
    def samples(self) -> list[NDArray[np.float32]]:
        """Mono samples at 22,050 Hz, as librosa loads them."""
        return [librosa.load(path, sr=22050)[0] for path in self.paths]

    @cached_property
    def at_full_rate(self) -> list[NDArray[np.float32]]:
        """Mono samples at 44,100 Hz, as Essentia wants them."""
        return [librosa.resample(own, orig_sr=22050, target_sr=44100) for own in self.samples]


@cache
def essentia() -> Any:
    """Return Essentia's algorithms, or None where it is not installed."""
    if importlib.util.find_spec("essentia") is None:
        return None
    package = importlib.import_module("essentia")
    package.log.infoActive = package.log.warningActive = False
    return importlib.import_module("essentia.standard")


def tempo_rows(data: Path, clips: Clips) -> Iterator[Row]:
    """Tempo against what people tapped."""
    truth = clips.table["tempo_bpm"].to_numpy(float)
    others = {
        "librosa tempo": np.array(
            [librosa.feature.tempo(y=own, sr=22050).item() for own in clips.samples]
        ),
        "librosa beat_track": np.array(
            [beat_track(y=own, sr=22050)[0].item() for own in clips.samples]
        ),
    }
    algorithms = essentia()
    if algorithms:
        multifeature = algorithms.RhythmExtractor2013(method="multifeature")
        others["Essentia multifeature"] = np.array(
            [multifeature(own)[0] for own in clips.at_full_rate]
        )
        # It keeps something of the file before: each needs one of its own.
        others["Essentia percival"] = np.array(
            [algorithms.PercivalBpmEstimator()(own) for own in clips.at_full_rate]
        )
    fitted = fit_tempo.Data(data)
    runs = [fitted.held_out(seed) for seed in range(fit_tempo.SEEDS)]
    order = fitted.names[fitted.long].tolist()
    place = [order.index(name) for name in clips.table["track"]]
    for name, factors in (("accuracy 1", fit_tempo.OCTAVES[:1]), ("accuracy 2", fit_tempo.OCTAVES)):
        ours = np.mean([fit_tempo.within(own[place], truth, factors) for own, _ in runs], axis=0)
        what = "the octave counts" if name == "accuracy 1" else "twice, thrice, half, third too"
        yield Row(
            "tempo",
            f"within 4 %, {what} ({name})",
            "GTZAN, tapped",
            len(truth),
            float(ours.mean()),
            *interval(ours, clips.groups),
            {k: float(fit_tempo.within(own, truth, factors).mean()) for k, own in others.items()},
        )
    right = [fit_tempo.within(own[place], truth) for own, _ in runs]
    yield Row(
        "tempo",
        "how often a right answer is surer than a wrong one",
        "GTZAN, tapped",
        len(truth),
        float(
            np.mean(
                [
                    roc_auc_score(own, sure[place])
                    for (_, sure), own in zip(runs, right, strict=True)
                ]
            )
        ),
    )


def beat_score(found: Doubles, truth: Doubles) -> float:
    """Return the F-measure of beats, each within 70 ms of one that was annotated.

    References
    ----------
    Dixon, "Evaluation of the audio beat tracking system BeatRoot", Journal of New Music Research
    36(1), 2007.
    """
    found, truth = found[found >= FIRST_SECONDS], truth[truth >= FIRST_SECONDS]
    if not len(found) or not len(truth):
        return 0.0
    hits = at = 0
    for beat in truth:
        while at < len(found) and found[at] < beat - BEAT_TOLERANCE:
            at += 1
        if at < len(found) and found[at] <= beat + BEAT_TOLERANCE:
            hits += 1
            at += 1
    return 2 * hits / (len(found) + len(truth))


def beat_rows(clips: Clips) -> Iterator[Row]:
    """Beats and bars against those that were annotated."""
    annotated = [np.loadtxt(path, ndmin=2) for path in clips.beats]
    truth = [
        own[own[:, 0] <= seconds, 0]
        for own, seconds in zip(annotated, clips.table["seconds"], strict=True)
    ]
    ours = [earmark.beats(path)["time"].to_numpy() for path in clips.paths]
    others = {"librosa": [beat_track(y=y, sr=22050, units="time")[1] for y in clips.samples]}
    algorithms = essentia()
    if algorithms:
        tracker = algorithms.RhythmExtractor2013(method="multifeature")
        others["Essentia multifeature"] = [tracker(own)[1] for own in clips.at_full_rate]
    scores = np.array([beat_score(own, due) for own, due in zip(ours, truth, strict=True)])
    yield Row(
        "time_signature",
        "beats: F-measure within 70 ms (the tempo's octave was learnt from these clips)",
        "GTZAN, annotated",
        len(truth),
        float(scores.mean()),
        *interval(scores, clips.groups),
        {
            name: float(
                np.mean([beat_score(np.asarray(a), b) for a, b in zip(own, truth, strict=True)])
            )
            for name, own in others.items()
        },
    )
    lengths = []
    for own in annotated:
        numbers = own[:, 1].astype(int) if own.shape[1] > 1 else np.zeros(0, int)
        bars = numbers[:-1][numbers[1:] == 1]
        lengths.append(float(np.bincount(bars).argmax()) if len(bars) else np.nan)
    bars = np.array(lengths)
    found = np.array([earmark.features(p, set="spotify")["time_signature"] for p in clips.paths])
    known = np.isfinite(bars)
    groups = np.array(clips.groups, object)
    right = (found == bars)[known].astype(float)
    yield Row(
        "time_signature",
        "right",
        "GTZAN, annotated",
        int(known.sum()),
        float(right.mean()),
        *interval(right, groups[known]),
        {"always 4": float((bars[known] == 4).mean())},
    )
    for length in (3, 4):
        rows = bars == length
        yield Row(
            "time_signature",
            f"right where the bar has {length} beats",
            "GTZAN, annotated",
            int(rows.sum()),
            float((found[rows] == length).mean()),
            *interval((found[rows] == length).astype(float), groups[rows]),
            {"always 4": float(length == 4)},
        )


def key_rows(data: Path, clips: Clips) -> Iterator[Row]:
    """Key and mode against what people heard, as MIREX counts."""
    known = clips.table[["key", "mode"]].notna().all(axis=1).to_numpy()
    table = clips.table[known]
    right = (12 * table["mode"] + table["key"]).to_numpy(int)
    groups = np.array(clips.groups, object)[known]
    others = {
        "Krumhansl on chroma_cqt": [
            krumhansl(own) for own, use in zip(clips.samples, known, strict=True) if use
        ]
    }
    algorithms = essentia()
    names = ["C", "C#", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B"]
    for profile in ("bgate", "edma") if algorithms else ():
        found = []
        for own, use in zip(clips.at_full_rate, known, strict=True):
            if use:
                key, scale, _ = algorithms.KeyExtractor(profileType=profile)(own)
                found.append(12 * (scale == "major") + names.index(key))
        others[f"Essentia {profile}"] = found
    learnt = fit_key.Data(data)
    runs = [learnt.held_out(seed) for seed in range(fit_key.SEEDS)]
    order = learnt.names.tolist()
    place = [order.index(name) for name in table["track"]]
    best = [own[place].argmax(axis=1) for own in runs]
    marks = np.mean(
        [[fit_key.mirex(f, r) for f, r in zip(b, right, strict=True)] for b in best], axis=0
    )
    exact = np.mean([b == right for b in best], axis=0)
    yield Row(
        "key",
        "MIREX: 1 right, 0.5 a fifth above, 0.3 relative, 0.2 parallel",
        "GTZAN, annotated",
        len(right),
        float(marks.mean()),
        *interval(marks, groups),
        {
            name: float(np.mean([fit_key.mirex(f, r) for f, r in zip(own, right, strict=True)]))
            for name, own in others.items()
        },
    )
    yield Row(
        "key",
        "key and mode right",
        "GTZAN, annotated",
        len(right),
        float(exact.mean()),
        *interval(exact, groups),
        {name: float(np.mean(np.array(own) == right)) for name, own in others.items()},
    )


def krumhansl(samples: NDArray[np.float32]) -> int:
    """Return the key that tutorials find: the profile that fits the mean chroma best."""
    scores = plain_librosa.krumhansl(librosa.feature.chroma_cqt(y=samples, sr=22050))
    best = int(scores.argmax())
    return best % 12 + 12 * (best < 12)


def loudness_rows(data: Path, clips: Clips) -> Iterator[Row]:
    """Loudness against the EBU's signals, another implementation, and Spotify's."""
    signals = pd.DataFrame(loudness.ebu())
    names = {"loudness": "EBU Tech 3341, LU", "loudness_range": "EBU Tech 3342, LU"}
    for name, rows in signals.groupby("what"):
        yield Row(
            str(name),
            f"largest difference on the signals of {names.get(str(name), 'EBU Tech 3341, dB')}",
            "their answers",
            len(rows),
            float((rows["found"] - rows["expected"]).abs().max()),
        )
    if importlib.util.find_spec("pyloudnorm"):
        beside = loudness.against_pyloudnorm(
            [data / part for part in ("emotify/audio", "panda4q/audio", "librosa")]
        )
        yield Row(
            "loudness",
            "largest difference, LU",
            "pyloudnorm, real music",
            beside["n"],
            beside["max"],
        )
    songs = pd.read_csv(data / "gtzan/spotify_values.csv").set_index("clip")
    table = clips.table.assign(path=clips.paths)
    table = table[table["track"].isin(songs.index)]
    found = [earmark.features(path, set="spotify")["loudness"] for path in table["path"]]
    theirs = songs.loc[table["track"], "loudness"].to_numpy()
    artists = songs.loc[table["track"], "artist"]
    yield Row(
        "loudness",
        "rank correlation",
        "Spotify's value of the song, clips that kept the level of GTZAN",
        len(found),
        float(spearmanr(found, theirs).statistic),
        *fit_spotify.interval(np.array(found), theirs, artists),
    )


OF_SONGS = "Spotify's value of the song, modern songs"
OF_GTZAN = "Spotify's value of the song, GTZAN's clips with audio (most 2–3 s)"


def estimate_rows(corpora: fit_spotify_truth.Corpora, data: Path) -> Iterator[Row]:
    """Spotify's seven estimates against its own values, and what else is known."""
    columns = pd.read_csv(data / "gtzan/features_30_sec.csv").set_index("filename")
    columns.index = columns.index.str.removesuffix(".wav")
    columns = columns.drop(columns=["length", "label"])
    plain, embedded = (fit_spotify_truth.Truth(corpora, own) for own in (False, True))
    for name in SCALES:
        found = fit_spotify.measure(plain, name).metrics
        beside = fit_spotify.measure(embedded, name).metrics
        baseline = "SVR on the 57 librosa columns of GTZAN's table (30 s)"
        others = {baseline: tutorial(plain, columns, name)}
        for corpus, what in (("songs", OF_SONGS), ("gtzan", OF_GTZAN)):
            own, more = found[corpus], beside[corpus]
            for rows, called in ((own, ""), (more, ", with musicnn")):
                low, high = rows["interval"]
                yield Row(
                    name,
                    f"rank correlation{called}",
                    what,
                    rows["n"],
                    rows["rank_correlation"],
                    low,
                    high,
                    others if corpus == "gtzan" and not called else {},
                )
            yield Row(
                name,
                "mean absolute difference",
                what,
                own["n"],
                own["mean_absolute_error"],
                others={
                    "with musicnn": more["mean_absolute_error"],
                    "the median of all songs": own["mean_absolute_error_of_median"],
                },
            )
        yield Row(
            name,
            "rank correlation of one window of 6 s",
            OF_SONGS,
            found["songs"]["n"],
            found["songs"]["rank_correlation_of_a_window"],
            others={"with musicnn": beside["songs"]["rank_correlation_of_a_window"]},
        )
        if "quadrants_auc" in found:
            yield Row(
                name,
                "how often a song of the upper half is above one of the lower",
                "4Q, annotated",
                len(plain.quadrants),
                found["quadrants_auc"],
                others={"with musicnn": beside["quadrants_auc"]},
            )
        if "speakers" in found:
            yield Row(
                name,
                "share of speakers, not learned from, above 0.66",
                "recordings of speech",
                found["speakers"],
                found["speakers_above_0.66"],
                others={"with musicnn": beside["speakers_above_0.66"]},
            )
            yield Row(
                name,
                "share of songs above 0.66",
                "Emotify and 4Q",
                found["music"],
                found["music_above_0.66"],
                others={"with musicnn": beside["music_above_0.66"]},
            )
    line = fit_spotify.fit_loudness(corpora, plain)
    yield Row(
        "loudness",
        "mean absolute difference of the set `spotify`, dB",
        OF_SONGS,
        int(line["n"]),
        line["mean_absolute_error"],
        others={
            "the LUFS": line["mean_absolute_error_of_lufs"],
            "the median of all songs": line["mean_absolute_error_of_median"],
        },
    )


def tutorial(truth: fit_spotify_truth.Truth, columns: pd.DataFrame, name: str) -> float:
    """Return the rank correlation of a support-vector regression for GTZAN's clips with audio."""
    values = truth.values(name)
    clips = values.index[values.index.isin(columns.index)]
    heard = clips.isin(truth.gtzan.index)
    scores = []
    for seed in range(fit_spotify.SEEDS):
        found = pd.Series(np.nan, clips)
        for train, test in fit_spotify.folds(truth, name, seed):
            learner = make_pipeline(
                StandardScaler(),
                TransformedTargetRegressor(SVR(), transformer=StandardScaler()),
            )
            known, asked = train.intersection(clips), test.intersection(clips)
            learner.fit(columns.loc[known], truth.songs.loc[known, name])
            found[asked] = learner.predict(columns.loc[asked])
        scores.append(spearmanr(found[heard], values[clips[heard]]).statistic)
    return float(np.mean(scores))


def table(rows: Sequence[Row]) -> str:
    """Lay the rows out in Markdown."""
    lines = [
        "| descriptor | measure | truth | n | Earmark | others |",
        "|---|---|---|---|---|---|",
    ]
    for row in rows:
        ours = f"**{row.ours:.2f}**"
        if row.low is not None and row.high is not None:
            ours += f" ({row.low:.2f} to {row.high:.2f})"
        others = ", ".join(f"{name} {value:.2f}" for name, value in row.others.items())
        lines.append(
            f"| `{row.descriptor}` | {row.measure} | {row.truth} | {row.n} | {ours} | {others} |"
        )
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure, print the table, and save it."""
    parser = argparse.ArgumentParser(
        description=(__doc__ or "").partition("example:")[0],
        epilog="example: python benchmarks/descriptors.py ../shared/data -o measured.json",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("data", type=Path, help="folder of the corpora")
    parser.add_argument("-o", "--output", type=Path, help="where to save the numbers as JSON")
    parser.add_argument("--tables", type=Path, help="folder of descriptors kept by fit_spotify.py")
    arguments = parser.parse_args()
    if not (arguments.data / "gtzan").is_dir():
        parser.error(f"{arguments.data}: holds no folder gtzan; see the top of this file")
    warnings.filterwarnings("ignore", module="librosa")

    clips = Clips(arguments.data)
    parts: list[Callable[[], Iterator[Row]]] = [
        lambda: tempo_rows(arguments.data, clips),
        lambda: beat_rows(clips),
        lambda: key_rows(arguments.data, clips),
        lambda: loudness_rows(arguments.data, clips),
        lambda: estimate_rows(
            fit_spotify_truth.Corpora(arguments.data, arguments.tables), arguments.data
        ),
    ]
    rows: list[Row] = []
    for part in parts:
        for row in part():
            rows.append(Row(**rounded(asdict(row))))
            print(f"{row.descriptor}, {row.measure}: {row.ours:.3f} {row.others}", file=sys.stderr)
    print(table(rows))
    if arguments.output:
        saved = {
            "earmark": earmark.__version__,
            "date": date.today().isoformat(),
            "made_by": "python benchmarks/descriptors.py",
            "rows": [asdict(row) for row in rows],
        }
        with atomic(arguments.output) as temporary:
            temporary.write_text(json.dumps(saved, indent=1) + "\n", encoding="utf-8")


def rounded(value: Any) -> Any:
    """Return numbers with four decimals: more is noise."""
    if isinstance(value, float):
        return round(value, 4)
    if isinstance(value, dict):
        return {name: rounded(own) for name, own in value.items()}
    return value


if __name__ == "__main__":
    main()
