"""What the estimates are fitted to and measured on, from the corpora.

There is little truth: 329 clips of GTZAN whose songs Spotify has values of, 161 of them with audio,
most of that 2–3 s long. What else is learned from, most of it with less weight:

* clips without audio, by what public tables of their 30 s (57 and 167 librosa features) tell of our
  descriptors, through a regression on the clips that have both;
* all other clips of GTZAN, by what a regression on those tables alone says of them (distillation);
* genres that are hardly among the songs (classical, jazz, electronic), by their mean in Spotify's
  table;
* for energy and valence the quadrants of 4Q, for speechiness recordings of speech, for
  instrumentalness recordings without singers.
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
from earmark.extract.descriptors.perceptual import INPUTS
from earmark.extract.engine import aggregate, registry, single_pass
from earmark.extract.estimators.spotify import SCALES, standardised

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

__all__ = ["PENALTY", "PLAYED", "QUADRANTS", "SPEECH", "Doubles", "Examples", "Truth"]

Doubles = NDArray[np.float64]

PENALTY = 100.0
"""Chosen from 50, 100, 200, 400: all but the last are as good."""

UNUSED = ("key", "tempo", "spectral_contrast_06_mean", "spectral_contrast_06_std")
"""Columns of the inputs that are not looked at: two that no straight line leads through, and the
band that codecs cut off."""

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
