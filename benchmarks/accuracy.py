"""How often genres are right: ours beside plain XGBoost, and beside other people's features.

What is measured, each on artists (or songs) that the training did not hear:

- ``gtzan``: someone's 167 librosa features of GTZAN on its two published splits, ours beside
  XGBoost as it comes;
- ``spotify``: the 114 genres of Spotify's table, with all its columns and with those of the audio,
  and how long the training takes;
- ``emotify`` and ``panda4q``: recordings. Features of ours, of the Free Music Archive dataset and,
  where they are installed, of Essentia and openSMILE, with the same learner on the same folds;
- ``default``: the recipe of the default and the light model without each corpus, their parts, and
  the embedding alone;
- ``shipped``: what the models that ship with Earmark say of themselves.

Intervals of 95 % come from a bootstrap over artists. Peers run in an environment of their own,
which --peers makes and fills, and which later runs find; `speed.py` shares it. The data is not part
of this project; the folder holds ``gtzan/``, ``emotify/``, ``panda4q/`` and ``spotify/``.

example:

    python benchmarks/accuracy.py ../shared/data --peers -o accuracy.json
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

# What is measured is the project that this file lies in, whatever is installed.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
import pandas as pd
import peers
import xgboost
from numpy.typing import NDArray

import earmark
from earmark.classify.dataset.build import FILE_DESCRIPTORS, SPOTIFY_EXTRAS, Dataset, without
from earmark.classify.dataset.splits import folds
from earmark.classify.evaluation import metrics
from earmark.classify.evaluation.cross_validation import cross_validate
from earmark.classify.evaluation.held_out import learn
from earmark.classify.model.estimator import GenreClassifier
from earmark.classify.models import train_corpora as corpora
from earmark.classify.models import train_default as recipe
from earmark.classify.models import train_outside
from earmark.extract import schema, sets, tables
from earmark.extract.config import DEFAULTS
from earmark.extract.errors import EarmarkError
from earmark.extract.feature_table import FeatureTable

HERE = Path(__file__).resolve().parent

OURS, PLAIN = "Earmark", "plain XGBoost"

FOLDS, REPEATS = 5, 3

WINDOWS = 6.0
"""Seconds of the windows that a set is measured with, beside whole tracks."""

SEEDS = range(3)
"""With which ours is trained where the folds are given: its chance is averaged out."""

FEWEST_TRACKS = 4
"""A genre of a small corpus with fewer is left out."""

Rows = NDArray[np.int64]
Chances = Callable[[pd.DataFrame], pd.DataFrame]
"""Features become the probability of each genre (columns)."""


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Parameters
    ----------
    benchmark, features, learner : str
        What was asked, from what, and who answered.
    columns, n : int
        Number of columns that were learned from, and of tracks that were tested.
    accuracy, low, high : float
        Share of tracks whose genre is right, and its interval.
    top_3, top_5 : float
        Share of tracks whose genre is among the first three, or five.
    calibration_error : float
        By how much the probabilities are off.
    seconds : float
        Of a training on all rows.
    error : str
        Why it was not measured.
    """

    benchmark: str
    features: str
    learner: str
    columns: int | None = None
    n: int | None = None
    accuracy: float | None = None
    low: float | None = None
    high: float | None = None
    top_3: float | None = None
    top_5: float | None = None
    calibration_error: float | None = None
    seconds: float | None = None
    error: str = ""


@dataclass(frozen=True)
class Options:
    """What the command line says of how to measure.

    Parameters
    ----------
    data : Path
        The folder of the corpora.
    environment : Path
        Where the peers are.
    install : bool
        Whether slow baselines are trained too, and peers were installed.
    cache : Path, optional
        Where the peers' features are kept.
    workers : int
        Processes that extract ours.
    """

    data: Path
    environment: Path
    install: bool = False
    cache: Path | None = None
    workers: int = 1


# --- Learners ----------------------------------------------------------------------------------


def train_ours(dataset: Dataset, rows: Rows | slice, seed: int) -> Chances:
    """Train what Earmark trains."""
    learner = learn(GenreClassifier(), dataset, rows, seed)
    return lambda features: pd.DataFrame(
        learner.predict_proba(features), columns=learner.classes_.tolist()
    )


def train_plain(dataset: Dataset, rows: Rows | slice, seed: int, **parameters: Any) -> Chances:
    """Train XGBoost as it comes."""
    genres, codes = np.unique(dataset.labels.iloc[rows], return_inverse=True)
    learner = xgboost.XGBClassifier(random_state=seed, **parameters)
    learner.fit(dataset.features.iloc[rows].to_numpy(np.float32), codes)
    return lambda features: pd.DataFrame(
        learner.predict_proba(features.to_numpy(np.float32)), columns=genres.tolist()
    )


def train_vector_leaf(dataset: Dataset, rows: Rows | slice, seed: int) -> Chances:
    """Train XGBoost as it comes, but for leaves that hold all genres: many are slow without."""
    return train_plain(dataset, rows, seed, multi_strategy="multi_output_tree")


def held_out(
    dataset: Dataset,
    pairs: Sequence[tuple[Rows, Rows]],
    trains: Callable[[Dataset, Rows, int], Chances],
    seeds: Sequence[int],
) -> dict[str, Any]:
    """Train and test on given folds of a table with a row per track; return fields of a `Row`."""
    genres = sorted(dataset.labels.unique())
    rows = np.concatenate([test for _, test in pairs])
    truth = dataset.labels.iloc[rows].tolist()
    before = []
    for seed in seeds:
        parts = [trains(dataset, train, seed)(dataset.features.iloc[test]) for train, test in pairs]
        chances = pd.concat(parts).reindex(columns=genres).fillna(0.0).to_numpy()
        before.append(metrics.ranks(truth, chances, genres))
    first, third, fifth = ((np.stack(before) < most).mean(axis=0) for most in (1, 3, 5))
    low, high = metrics.interval(first, dataset.groups.iloc[rows].to_numpy())
    return {
        "columns": dataset.features.shape[1],
        "n": len(rows),
        "accuracy": first.mean(),
        "low": low,
        "high": high,
        "top_3": third.mean(),
        "top_5": fifth.mean(),
    }


def cross_validated(dataset: Dataset) -> dict[str, Any]:
    """Cross-validate ours; return fields of a `Row`."""
    found = cross_validate(dataset, GenreClassifier(), count=FOLDS, repeats=REPEATS).metrics
    return {"columns": dataset.features.shape[1]} | fields(found)


def fields(found: dict[str, Any]) -> dict[str, Any]:
    """Take the fields of a `Row` from what an evaluation gave; a model may not have all."""
    low, high = found.get("interval", {}).get("accuracy", (None, None))
    return {
        "n": found.get("tested", found["tracks"]),
        "accuracy": found["accuracy"],
        "low": low,
        "high": high,
        "top_3": found.get("top_3"),
        "top_5": found.get("top_5"),
        "calibration_error": found.get("ece"),
    }


# --- Tables ------------------------------------------------------------------------------------


def gtzan_rows(options: Options) -> Iterator[Row]:
    """GTZAN from someone's features, on the splits that were published for it."""
    folder = options.data / "gtzan"
    features = pd.read_csv(folder / "features_167.csv", index_col="filename")
    features = features.drop(columns="filedir").rename(lambda name: name.removesuffix(".wav"))
    columns = [str(name) for name in features.columns]
    about = ["track", "genre", "fault_filtered", "artist_fold", "artist_group"]
    tracks = pd.read_csv(folder / "tracks.csv")[about]
    table = tracks.merge(features, left_on="track", right_index=True).reset_index(drop=True)
    dataset = Dataset(
        features=table[columns],
        labels=table["genre"],
        groups=table["artist_group"].fillna(table["track"]),
        tracks=table["track"],
        columns=columns,
        about={},
    )
    part, fold = table["fault_filtered"], table["artist_fold"]
    plans = {
        "GTZAN, split without faults": [(part.isin(["train", "valid"]), part == "test")],
        "GTZAN, folds without common artists": [
            (fold.notna() & (fold != tested), fold == tested)
            for tested in sorted(fold.dropna().unique())
        ],
    }
    for benchmark, masks in plans.items():
        pairs = [(np.flatnonzero(train), np.flatnonzero(test)) for train, test in masks]
        row = Row(benchmark, "167 of librosa, whole clip", PLAIN)
        yield replace(row, **held_out(dataset, pairs, train_plain, [0]))
        yield replace(row, learner=OURS, **held_out(dataset, pairs, train_ours, SEEDS))


def spotify_rows(options: Options) -> Iterator[Row]:
    """Spotify's table: one fold of five is tested, all rows are trained on by the clock."""
    table = pd.read_csv(options.data / "spotify" / "spotify_tracks.csv.gz")
    labels = table.pop("track_genre")
    names = [str(name) for name in table.columns]
    audible = without(names, list(SPOTIFY_EXTRAS))
    # A song stands there once for each of its genres and albums.
    songs = pd.util.hash_pandas_object(table[audible], index=False).astype(str)
    learners = {"XGBoost, vector leaves": train_vector_leaf} if options.install else {}
    learners[OURS] = train_ours
    for name, columns in (("all", names), ("of the audio", audible)):
        dataset = Dataset(
            features=table[columns].astype(float),
            labels=labels,
            groups=songs,
            tracks=pd.Series([f"row {index}" for index in range(len(table))]),
            columns=columns,
            about={},
            grouped_by="track",
        )
        pairs = list(folds(dataset, FOLDS, 0))[:1]
        benchmark = f"Spotify's table, {labels.nunique()} genres"
        for learner, trains in learners.items():
            numbers = held_out(dataset, pairs, trains, [0])
            start = time.perf_counter()
            trains(dataset, slice(None), 0)
            seconds = time.perf_counter() - start
            yield Row(benchmark, f"columns, {name}", learner, **numbers, seconds=seconds)


# --- Recordings --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Peer:
    """Other people's features.

    Parameters
    ----------
    name, package : str
        What the table calls them, and the distribution that computes them.
    maker, arguments : str, tuple of str
        The function of `peers` that does.
    """

    name: str
    package: str
    maker: str
    arguments: tuple[str, ...] = ()

    def python(self, environment: Path) -> Path | None:
        """Return the Python that has it: this one, or the peers'."""
        pythons = [Path(sys.executable), peers.interpreter(environment)]
        there = (own for own in pythons if own.exists() and peers.versions(own, [self.package]))
        return next(there, None)


PEERS = (
    Peer("Essentia MusicExtractor", "essentia", "essentia_values"),
    Peer("openSMILE ComParE_2016", "opensmile", "opensmile_values", ("ComParE_2016",)),
)

UNEVEN = ("rhythm.beats_position",)
"""What has as many values as the track has beats."""


def known_tracks(data: Path, corpus: str) -> pd.DataFrame:
    """Return ``label`` and ``group`` of the tracks that have one genre, by path."""
    known = corpora.CORPORA[corpus](data / corpus)
    known = known[known["label"] != corpora.AMBIGUOUS]
    known = known[known["label"].map(known["label"].value_counts()) >= FEWEST_TRACKS]
    known = known.assign(group=known["group"].fillna(known["path"]))
    return known.sort_values("path").set_index("path")


def our_features(audio: Path, name: str, windows: float | None, workers: int) -> pd.DataFrame:
    """Extract a set; return ``path`` and what is learned from, of the rows that have sound."""
    with warnings.catch_warnings():
        # Which files failed is said where they are left out.
        warnings.filterwarnings("ignore", message=r"\d+ failed")
        table = earmark.table([audio], set=name, windows=windows, workers=workers)
    columns = schema.of(name, DEFAULTS, windows).names
    about_files = [own for own in FILE_DESCRIPTORS if own in columns]
    return table.loc[FeatureTable.of(table).has_sound, ["path", *without(columns, about_files)]]


def peer_features(
    peer: Peer, python: Path, audio: Path, paths: Sequence[str], cache: Path | None
) -> pd.DataFrame:
    """Compute a peer's features of files, or find them in the cache.

    Returns
    -------
    DataFrame
        ``path`` and the values, without the files that the peer could not read.
    """
    kept = None
    if cache is not None:
        own = peers.versions(python, [peer.package])[peer.package]
        kept = cache / f"{audio.parent.name} {'-'.join((peer.name, own)).replace(' ', '-')}.parquet"
    if kept is not None and kept.exists():
        table = pd.read_parquet(kept)
        if set(paths) <= set(table["path"]):
            return table[table["path"].isin(paths)].dropna(subset=table.columns[1:], how="all")
    answers = peers.described(python, [audio / path for path in paths], peer.maker, *peer.arguments)
    rows = []
    for path, answer in zip(paths, answers, strict=True):
        if "error" in answer:
            say(f"{peer.name}: {path}: {answer['error']}")
        rows.append({"path": path} | flat(answer.get("values", {})))
    table = pd.DataFrame(rows)
    if kept is not None:
        kept.parent.mkdir(parents=True, exist_ok=True)
        with tables.atomic(kept) as temporary:
            table.to_parquet(temporary)
    return table.dropna(subset=table.columns[1:], how="all")


def flat(values: dict[str, list[float]]) -> dict[str, float]:
    """Name every value on its own."""
    return {
        name if len(own) == 1 else f"{name}_{index}": value
        for name, own in values.items()
        if name not in UNEVEN
        for index, value in enumerate(own)
    }


def corpus_rows(corpus: str, title: str, options: Options) -> Iterator[Row]:
    """Features beside each other: the same tracks, the same folds, the same learner."""
    known = known_tracks(options.data, corpus)
    audio = options.data / corpus / "audio"
    benchmark = f"{title}, {known['label'].nunique()} genres"
    found: dict[str, pd.DataFrame] = {}
    for name, windows in (
        (sets.DEFAULT_SET, WINDOWS),
        (sets.DEFAULT_SET, None),
        ("musicnn", None),
        ("default+musicnn", None),
        ("fma", None),
    ):
        what = f"{name}, windows of {windows:g} s" if windows else f"{name}, whole track"
        say(f"{title}: {what} …")
        found[what] = our_features(audio, name, windows, options.workers)
    for peer in PEERS:
        python = peer.python(options.environment)
        if python is None:
            reason = peers.absent(options.environment)[peer.package]
            yield Row(benchmark, peer.name, OURS, error=reason)
            continue
        say(f"{title}: {peer.name} …")
        table = peer_features(peer, python, audio, list(known.index), options.cache)
        if table.empty:
            yield Row(benchmark, peer.name, OURS, error="it could read none of the files")
        else:
            found[peer.name] = table
    read = set(known.index).intersection(*(table["path"] for table in found.values()))
    if lost := sorted(set(known.index) - read):
        say(f"{title}: left out, since not all could read them: {', '.join(lost)}")
    for what, table in found.items():
        # In one order: the folds follow it.
        rows = table[table["path"].isin(read)].sort_values("path", kind="stable", ignore_index=True)
        paths, features = rows["path"], rows.drop(columns="path")
        dataset = Dataset(
            features=features.astype(np.float32),
            labels=paths.map(known["label"]).astype(str),
            groups=paths.map(known["group"]).astype(str),
            tracks=paths,
            columns=[str(name) for name in features.columns],
            about={},
        )
        yield Row(benchmark, what, OURS, **cross_validated(dataset))


# --- The default model -------------------------------------------------------------------------


PARTS_OF_A_MODEL = {OURS: train_outside.SHARE, "its trees": 0.0, "its linear half": 1.0}
"""Shares of the linear half."""


def default_rows(options: Options) -> Iterator[Row]:
    """Measure the recipes of the models, their parts and the embedding, without each corpus."""
    table = corpora.collect(options.data)
    default = recipe.MODELS["default"]
    for own in (*recipe.MODELS.values(), replace(default, set="musicnn")):
        rows, set_name = recipe.kept(table, own), own.set
        dataset = corpora.dataset_of(rows, set_name)
        columns = dataset.features.shape[1]
        outside = {
            corpus: recipe.leave_out(dataset, rows, corpus, own) for corpus in corpora.ELSEWHERE
        }
        for corpus, found in outside.items():
            temperature = train_outside.temperature_of(
                others for other, others in outside.items() if other != corpus
            )
            for learner, share in PARTS_OF_A_MODEL.items():
                numbers = train_outside.measured(found, temperature, share)
                row = left_out(f"without {corpus}, on {corpus}", set_name, columns, numbers)
                yield replace(row, learner=learner)


def shipped_rows(_: Options) -> Iterator[Row]:
    """Repeat what was measured when the models were trained."""
    for name in recipe.MODELS:
        bundle = earmark.load(name)
        features, columns = str(bundle.set), len(bundle.inputs)
        own = Row(f"shipped model {name}, cross-validation", features, OURS, columns)
        yield replace(own, **fields(bundle.metrics))
        for corpus, numbers in bundle.metrics["left_out"].items():
            benchmark = f"shipped model {name} without {corpus}, on {corpus}"
            yield left_out(benchmark, features, columns, numbers)


def left_out(benchmark: str, features: str, columns: int, numbers: dict[str, Any]) -> Row:
    """Make a row of what the recipe says of a corpus that it was not trained on."""
    low, high = numbers.get("interval", {}).get("accuracy", (None, None))
    return Row(
        benchmark,
        features,
        OURS,
        columns,
        numbers["tracks"],
        numbers["accuracy"],
        low,
        high,
        numbers["top_3"],
        calibration_error=numbers.get("ece"),
    )


# --- What is said of it ------------------------------------------------------------------------

PARTS: dict[str, tuple[tuple[str, ...], Callable[[Options], Iterator[Row]]]] = {
    "gtzan": (("gtzan/features_167.csv", "gtzan/tracks.csv"), gtzan_rows),
    "spotify": (("spotify/spotify_tracks.csv.gz",), spotify_rows),
    "emotify": (
        ("emotify/audio", "emotify/tracks.csv"),
        lambda options: corpus_rows("emotify", "Emotify", options),
    ),
    "panda4q": (
        ("panda4q/audio", "panda4q/tracks.csv"),
        lambda options: corpus_rows("panda4q", "4Q", options),
    ),
    "default": (tuple(f"{name}/audio" for name in corpora.CORPORA), default_rows),
    "shipped": ((), shipped_rows),
}
"""What each part needs of the data, and what measures it."""


def say(line: str) -> None:
    """Tell how far it is; the table alone is on stdout."""
    print(line, file=sys.stderr)


def table_of(rows: Sequence[Row]) -> str:
    """Lay the rows out in Markdown."""

    def cell(value: float | None, form: str = ".3f") -> str:
        return "–" if value is None else format(value, form)

    lines = [
        "| benchmark | features | columns | learner | n | right | of 3 | of 5 "
        "| calibration error | training |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        right = f"not measured: {row.error}" if row.error else f"**{cell(row.accuracy)}**"
        if row.low is not None and row.high is not None:
            right += f" ({row.low:.2f} to {row.high:.2f})"
        seconds = "–" if row.seconds is None else f"{row.seconds:.0f} s"
        lines.append(
            f"| {row.benchmark} | {row.features} | {cell(row.columns, 'd')} | {row.learner} "
            f"| {cell(row.n, 'd')} | {right} | {cell(row.top_3)} | {cell(row.top_5)} "
            f"| {cell(row.calibration_error)} | {seconds} |"
        )
    return "\n".join(lines) + "\n"


def rounded(row: Row) -> Row:
    """Return numbers with four decimals: more is noise."""
    numbers: dict[str, Any] = {
        name: round(float(value), 4)
        for name, value in asdict(row).items()
        if isinstance(value, float)
    }
    return replace(row, **numbers)


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path, help="folder of the corpora")
    parser.add_argument("-o", "--output", type=Path, default=Path("accuracy.json"), metavar="JSON")
    parser.add_argument(
        "--only",
        action="append",
        choices=list(PARTS),
        help="a part by its name; may be repeated (default: all whose data is there)",
    )
    parser.add_argument(
        "--peers",
        action="store_true",
        help="install the other extractors that are not there yet, and train the slow baselines",
    )
    parser.add_argument(
        "--environment",
        type=Path,
        default=HERE / ".peers",
        metavar="FOLDER",
        help="where the other extractors are, and are installed (default: benchmarks/.peers)",
    )
    parser.add_argument(
        "--cache", type=Path, metavar="FOLDER", help="where to keep the other extractors' features"
    )
    parser.add_argument("--workers", type=int, default=1, help="to extract ours (default: 1)")
    arguments = parser.parse_args()
    if not arguments.data.is_dir():
        parser.error(f"{arguments.data}: is no folder; see the top of this file")
    if arguments.workers < 1:
        parser.error("at least one worker")
    for part in arguments.only or ():
        if lacking := missing(arguments.data, part):
            parser.error(f"{arguments.data}: holds no {lacking}, which {part} needs")
    return arguments


def missing(data: Path, part: str) -> str:
    """Return the first thing that a part needs and the folder lacks, or nothing."""
    return next((needed for needed in PARTS[part][0] if not (data / needed).exists()), "")


def main() -> None:
    """Measure, print the table, and save all numbers as JSON."""
    arguments = parse()
    if arguments.peers:
        peers.install(arguments.environment)
    options = Options(
        arguments.data,
        arguments.environment,
        arguments.peers,
        arguments.cache,
        arguments.workers,
    )
    rows: list[Row] = []
    for part in arguments.only or PARTS:
        if lacking := missing(options.data, part):
            say(f"{part}: not measured: {options.data} holds no {lacking}")
            continue
        try:
            for row in map(rounded, PARTS[part][1](options)):
                rows.append(row)
                say(f"{row.benchmark}, {row.features}, {row.learner}: {row.error or row.accuracy}")
        except EarmarkError as error:
            rows.append(Row(part, "", OURS, error=str(error)))
            say(f"{part}: not measured: {error}")
    print(table_of(rows))
    saved = {
        "versions": {
            "Earmark": earmark.__version__,
            "Python": platform.python_version(),
            **{name: version(name) for name in ("numpy", "scikit-learn", "xgboost", "librosa")},
            **{
                peer.package: peers.versions(python, [peer.package])[peer.package]
                for peer in PEERS
                if (python := peer.python(options.environment)) is not None
            },
        },
        "made_by": "python benchmarks/accuracy.py",
        "rows": [asdict(row) for row in rows],
    }
    with tables.atomic(arguments.output) as out:
        out.write_text(json.dumps(saved, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
