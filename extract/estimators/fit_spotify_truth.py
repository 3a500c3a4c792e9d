"""What the estimates are fitted to and measured on, from the corpora.

Truth is what Spotify itself says of songs: 82 modern ones of which 30 s are here (``songs/``, where
the recording has the length that Spotify names), and 329 clips of GTZAN, 161 of them with audio,
most of that 2–3 s long. What else is learned from, most of it with less weight:

* clips without audio, by what public tables of their 30 s (57 and 167 librosa features) tell of our
  descriptors, through a regression on the clips that have both;
* all other clips of GTZAN, by what a regression on those tables alone says of them (distillation);
* genres that are hardly among the songs (classical, jazz, electronic), by their mean in Spotify's
  table;
* for energy and valence the quadrants of 4Q, for speechiness readers and speakers, for
  instrumentalness recordings without singers, and speech, which is none.

Whole tracks and their windows of 6 s are learned from alike, so that a clip, a song and an hour of
music mean the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.linear_model import Ridge
from sklearn.model_selection import GroupKFold

from earmark.extract import sets
from earmark.extract.audio import decode
from earmark.extract.config import DEFAULTS
from earmark.extract.descriptors.perceptual import EMBEDDING, INPUTS
from earmark.extract.engine import aggregate, registry, single_pass
from earmark.extract.estimators.spotify import SCALES, standardised

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

__all__ = ["QUADRANTS", "Corpora", "Doubles", "Examples", "Truth", "whole"]

Doubles = NDArray[np.float64]

UNUSED = ("key", "tempo", "spectral_contrast_06_mean", "spectral_contrast_06_std")
"""Columns of the inputs that are not looked at: two that no straight line leads through, and the
band that codecs cut off."""

IMPUTED, DISTILLED, GENRE, QUADRANT = 0.5, 0.25, 0.2, 0.5
"""What a track counts, beside 1 of a song with audio and values. Halves and doubles are as good."""

PENALTY_OF_TABLES = 100.0

SPEECH_WEIGHT, SPOKEN = 1.0, 0.95
"""What each reader counts, and the speechiness of speech: Spotify says 0.9 or more."""

PLAYED = ("incompetech_hudebniweb", "bensound")
"""Sources of ``mixed/`` whose music is played, not sung."""

RECORDINGS = (
    "147793__setuniman__sweet-waltz-0i-22mi",
    "442789__lena-orsa__happy-music-pistachio-ice-cream-ragtime",
    "Hungarian_Dance_number_5_-_Allegro_in_F_sharp_minor_(string_orchestra)",
    "Kevin_MacLeod_-_P_I_Tchaikovsky_Dance_of_the_Sugar_Plum_Fairy",
    "Kevin_MacLeod_-_Vibe_Ace",
    "admiralbob77_-_Choice_-_Drum-bass",
    "sorohanro_-_solo-trumpet-06",
)
INSTRUMENTAL, INSTRUMENTAL_WEIGHT = 0.85, 0.25
"""Instrumentalness of recordings in which nobody sings, and what each counts. One composer and one
stock library made most of them: with more weight the songs are ranked worse."""

SUNG_WEIGHT = 0.1
"""What each reader counts for instrumentalness: words are no instrument."""

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
    groups : ndarray of shape (rows,), str
        Artists, or what else is not to be on both sides.
    """

    inputs: Doubles
    values: Doubles
    weights: Doubles
    groups: NDArray[np.str_]


def describe(paths: Iterable[Path]) -> pd.DataFrame:
    """Return the inputs of files and of their windows of 6 s.

    Returns
    -------
    DataFrame
        Indexed by ``track``, the stem of the name, and ``whole``: whether the row is the track's.
    """
    descriptors = tuple(registry.get(name) for name in (*INPUTS, "loudness", *EMBEDDING))
    columns = [column.name for entry in descriptors for column in entry.columns(DEFAULTS)]
    rows, names = [], []
    for path in paths:
        with decode.open_audio(path) as audio:
            lengths = {sets.TRACK_WINDOW}
            track = single_pass.summarise_track(
                audio, descriptors, DEFAULTS, lengths, sections=True
            )[sets.TRACK_WINDOW]
        for whole, part in [(True, track), *((False, own) for _, own in track.sections())]:
            rows.append(aggregate.row(part, descriptors))
            names.append((path.name.removesuffix(path.suffix).removesuffix(".hq"), whole))
    index = pd.MultiIndex.from_tuples(names, names=["track", "whole"])
    table = pd.DataFrame(np.array(rows), index, columns)
    return table[table["rms_mean"].notna()]


class Corpora:
    """The descriptors of all that is learned from, which both fits share.

    Parameters
    ----------
    data : Path
        The folder of the corpora.
    tables : Path, optional
        A folder in which the descriptors of each corpus are kept, and found the next time. Nothing
        notices there that a descriptor has changed.
    """

    def __init__(self, data: Path, tables: Path | None = None) -> None:
        self.data = data
        clips = pd.read_csv(data / "gtzan/tracks.csv").set_index("track")
        self.tracks = clips
        sources = {
            "gtzan": [data / "gtzan/audio" / name for name in clips["file"].dropna()],
            "songs": sorted((data / "songs/audio").iterdir()),
            "mixed": sorted((data / "mixed/audio").iterdir()),
            "emotify": sorted((data / "emotify/audio").iterdir()),
            "panda4q": sorted((data / "panda4q/audio").iterdir()),
            "librosa": sorted((data / "librosa").glob("*.ogg")),
        }
        self.described = {name: _kept(tables, name, own) for name, own in sources.items()}
        self.public = public_tables(data / "gtzan")


def _stem(name: str) -> str:
    return name.rpartition(".")[0]


def _kept(tables: Path | None, name: str, paths: Iterable[Path]) -> pd.DataFrame:
    """Describe a corpus, or find what was described before."""
    if tables is None:
        return describe(paths)
    kept = tables / f"{name}.parquet"
    if not kept.exists():
        tables.mkdir(parents=True, exist_ok=True)
        describe(paths).to_parquet(kept)
    return pd.read_parquet(kept)


class Truth:
    """Everything that is learned from and measured on.

    Parameters
    ----------
    corpora : Corpora
        What was described.
    embedded : bool
        Whether the columns of `musicnn` are looked at, too.
    """

    def __init__(self, corpora: Corpora, embedded: bool = False) -> None:
        data = corpora.data
        self.tracks = corpora.tracks
        groups = self.tracks["artist_group"].fillna("? " + self.tracks.index.to_series())
        self.groups = self.tracks["genre"] + " " + groups
        self.table = pd.read_csv(data / "spotify/spotify_tracks.csv.gz")
        clips = pd.read_csv(data / "gtzan/spotify_values.csv").set_index("clip")
        songs = pd.read_csv(data / "songs/tracks.csv")
        songs = songs[(songs["duration_agrees"] == 1) & songs["energy"].notna()]
        songs = songs.set_index(songs["file"].map(_stem))
        self.songs = pd.concat([clips, songs])
        self.songs["corpus"] = ["gtzan"] * len(clips) + ["songs"] * len(songs)
        self.songs["artist"] = self.songs["artist"].str.casefold()
        self.quadrants = _by_stem(data / "panda4q/tracks.csv")
        self.mixed = _by_stem(data / "mixed/tracks.csv")
        self.emotify_genres = _by_stem(data / "emotify/tracks.csv")["genre"]
        names = [*INPUTS, *(EMBEDDING if embedded else ())]
        inputs = (c.name for name in names for c in registry.get(name).columns(DEFAULTS))
        self.columns = [name for name in inputs if name not in UNUSED]
        own = {name: table[self.columns] for name, table in corpora.described.items()}
        music = pd.concat([own[name] for name in ("gtzan", "songs", "panda4q", "emotify")])
        music = whole(music)
        self.mean = music.mean()
        self.deviation = music.std()
        self.rows = {
            name: pd.DataFrame(
                standardised(
                    table.to_numpy(np.float64), self.mean.to_numpy(), self.deviation.to_numpy()
                ),
                table.index,
                table.columns,
            )
            for name, table in own.items()
        }
        self.heard = pd.concat([self.rows["gtzan"], self.rows["songs"]])
        self.gtzan = whole(self.rows["gtzan"])
        self.public = corpora.public

    @cached_property
    def imputed(self) -> pd.DataFrame:
        """The inputs of all clips as the public tables tell them, never from their own audio."""
        known = self.gtzan.index
        learner = Ridge(PENALTY_OF_TABLES)
        every = learner.fit(self.public.loc[known], self.gtzan).predict(self.public)
        imputed = pd.DataFrame(every, self.public.index, self.columns)
        for train, test in GroupKFold(10).split(known, groups=self.groups[known]):
            learner.fit(self.public.loc[known[train]], self.gtzan.iloc[train])
            imputed.loc[known[test]] = learner.predict(self.public.loc[known[test]])
        return imputed

    def values(self, name: str) -> pd.Series:
        """Return the known values of an estimate on the scale of the fit, by clip and song."""
        known = self.songs[name].dropna()
        return pd.Series(SCALES[name].forth(known.to_numpy()), known.index)

    def speakers(self) -> pd.Index:
        """Return the recordings of speech, one of each speaker."""
        return self.mixed.index[self.mixed["genre"] == "speech"]

    def examples(self, name: str, seen: pd.Index, hidden: pd.Index, **skip: object) -> Examples:
        """Gather what may be learned from while some tracks are hidden.

        Parameters
        ----------
        name : str
            The estimate.
        seen, hidden : Index
            Tracks whose values are learned from, and tracks that are tested on.
        **skip
            ``panda4q=True`` leaves out the quadrants, ``speakers`` or ``recordings`` those named.
        """
        values = self.values(name)
        mean, spread = values[seen].mean(), values[seen].std()
        clips = seen[seen.isin(self.public.index)]
        teacher = Ridge(300.0).fit(self.public.loc[clips], values[clips])
        artists = self.songs["artist"]
        parts: list[tuple[pd.DataFrame, pd.Series, Doubles, pd.Series]] = []

        def add(rows: pd.DataFrame, targets: pd.Series, weight: float, groups: pd.Series) -> None:
            """Add the rows of the tracks that have a target: half the track's, half its windows."""
            if rows.index.nlevels == 1:
                rows = rows.loc[targets.index]
                parts.append((rows, targets, np.full(len(rows), weight), groups[rows.index]))
                return
            rows = rows[rows.index.get_level_values("track").isin(targets.index)]
            tracks = rows.index.get_level_values("track")
            entire = rows.index.get_level_values("whole").to_numpy(bool)
            windows = pd.Series(~entire, tracks).groupby(level=0).sum()[tracks].to_numpy()
            weights = weight * np.where(entire, 0.5, 0.5 / np.maximum(windows, 1))
            parts.append((rows, targets[tracks], weights, groups[tracks]))

        heard = seen[seen.isin(self.gtzan.index)]
        taught = teacher.predict(self.public.loc[heard])
        add(self.rows["gtzan"], (values[heard] + taught) / 2, 1.0, artists)
        add(self.rows["songs"], values[seen[~seen.isin(self.public.index)]], 1.0, artists)
        add(self.imputed, values[clips], IMPUTED, artists)
        related = self.groups.isin(self.groups[hidden[hidden.isin(self.groups.index)]])
        others = self.gtzan.index.difference(values.index)
        others = others[~related[others].to_numpy()]
        genres = self.tracks["genre"][others]
        usual = self._of_genres(name)
        rare = genres.isin(usual).to_numpy()
        plain = others[~rare]
        told = pd.Series(teacher.predict(self.public.loc[plain]), plain)
        add(self.gtzan, told, DISTILLED, self.groups)
        add(self.gtzan, genres[rare].map(usual), GENRE, self.groups)
        fits = self.emotify_genres[self.emotify_genres.isin(usual)].map(usual)
        itself = pd.Series(fits.index, fits.index)
        add(self.rows["emotify"], fits, GENRE, itself)
        if name in QUADRANTS and not skip.get("panda4q"):
            high = self.quadrants["quadrant"].isin(QUADRANTS[name])
            targets = mean + QUADRANT_DISTANCE * spread * (2.0 * high - 1)
            add(self.rows["panda4q"], targets, QUADRANT, pd.Series(high.index, high.index))
        for rows, known, weight, own in self._beside(name, skip):
            add(rows, known, weight, own)
        return Examples(
            np.concatenate([rows.to_numpy() for rows, _, _, _ in parts]),
            np.concatenate([np.asarray(target, np.float64) for _, target, _, _ in parts]),
            np.concatenate([weights for _, _, weights, _ in parts]),
            np.concatenate([np.asarray(groups, str) for _, _, _, groups in parts]),
        )

    def _beside(
        self, name: str, skip: Mapping[str, object]
    ) -> Iterator[tuple[pd.DataFrame, pd.Series, float, pd.Series]]:
        """Yield recordings of which it is known what they are, with what each counts."""
        if name in ("speechiness", "instrumentalness"):
            spoken = self.speakers().difference(_index(skip.get("speakers")))
            value, weight = (SPOKEN, SPEECH_WEIGHT) if name == "speechiness" else (0.0, SUNG_WEIGHT)
            targets = pd.Series(float(SCALES[name].forth(np.array(value))), spoken)
            yield self.rows["mixed"], targets, weight, pd.Series(spoken, spoken)
        if name == "instrumentalness":
            value = float(SCALES[name].forth(np.array(INSTRUMENTAL)))
            left_out = _index(skip.get("recordings"))
            for corpus in ("mixed", "librosa"):
                played = self.played(corpus).difference(left_out)
                # A source is one composer, or one library: it is on one side.
                groups = self.mixed["source"] if corpus == "mixed" else pd.Series(played, played)
                yield self.rows[corpus], pd.Series(value, played), INSTRUMENTAL_WEIGHT, groups

    def played(self, corpus: str) -> pd.Index:
        """Return the recordings of a corpus in which nobody sings."""
        if corpus == "librosa":
            return pd.Index(RECORDINGS)
        return self.mixed.index[self.mixed["source"].isin(PLAYED)]

    def _of_genres(self, name: str) -> dict[str, float]:
        """Return the mean of rare genres in Spotify's table, on the scale of the fit."""
        table = self.table.drop_duplicates(["duration_ms", "loudness", "tempo", "track_genre"])
        return {
            genre: float(
                SCALES[name].forth(table.loc[table["track_genre"] == genre, name].to_numpy()).mean()
            )
            for genre in GENRES
        }


def whole(rows: pd.DataFrame, tracks: bool = True) -> pd.DataFrame:
    """Return the rows of whole tracks, or those of windows, by the track alone."""
    chosen = rows[rows.index.get_level_values("whole") == tracks]
    return chosen.droplevel("whole")


def _index(names: Any) -> pd.Index:
    found: pd.Index = pd.Index([] if names is None else names)
    return found


def _by_stem(path: Path) -> pd.DataFrame:
    """Read a table of tracks, by the stem of the name of their file."""
    table = pd.read_csv(path)
    return table.set_index(table["file"].map(_stem))


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
