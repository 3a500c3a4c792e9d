"""The analysis of one track: its values, genres, reasons and picture.

It runs in a worker, which reads what strangers made: so it returns plain values and arrays
(`earmark.classify.app.jobs.serialize`), of which `TrackAnalysis.of` makes what pages use.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import soundfile

from earmark import classify
from earmark.classify import score, sound_tags
from earmark.classify.app.files import scratch
from earmark.classify.app.files.transcode import browser_playable
from earmark.classify.app.jobs.about_file import about_file
from earmark.classify.library.tagging.look import sha256_of
from earmark.classify.model import storage
from earmark.extract import sets
from earmark.extract.batch import track
from earmark.extract.feature_table import FeatureTable
from earmark.extract.preview import Preview, preview
from earmark.extract.provenance import Provenance

if TYPE_CHECKING:
    from earmark.classify.app.jobs.kept import Results
    from earmark.classify.trained import Trained

__all__ = ["TrackAnalysis", "analyse_track", "model_at", "warm"]

REASONS = 8
"""Descriptors that spoke most for the genre, and as many against it, that are shown."""

SHOWN = frozenset(sets.SPOTIFY_COLUMNS)
"""Values that are shown, each with its confidence where it has one."""

DRAWN = ("waveform", "mel", "mel_frequencies")
"""Arrays of a preview that only its picture needs."""


@dataclass(frozen=True)
class TrackAnalysis:
    """What was found out about a track.

    Parameters
    ----------
    duration : float
        In seconds.
    sample_rate, channels : int
        Of the file.
    values : dict of float
        Spotify's thirteen and the confidences, by name; NaN where a value is missing.
    genres : list of str
        All genres of the model, the most probable first; none for a silent track.
    probabilities : list of float
        Of these genres.
    reasons : list of (str, float, float)
        Descriptor, its value and what it adds to the log-odds of the genre: the strongest for,
        then the strongest against.
    families : list of (str, str, float)
        Family of descriptors, what a listener may say of it, and what it adds in all.
    tags : list of (str, float)
        The strongest tags and how probable they are; none where the model's set has none.
    picture : Preview, optional
        What is drawn, without its table; None where no picture was asked for.
    sound : str
        The file that browsers play; empty where no picture was asked for.
    title, artist, album : str
        What the tags of the file say; empty where they say nothing.
    cover : bytes
        A small PNG; empty where the tags have none.
    sha256 : str
        Of the file.
    """

    duration: float
    sample_rate: int
    channels: int
    values: dict[str, float]
    genres: list[str]
    probabilities: list[float]
    reasons: list[tuple[str, float, float]]
    families: list[tuple[str, str, float]] = field(default_factory=list)
    tags: list[tuple[str, float]] = field(default_factory=list)
    picture: Preview | None = None
    sound: str = ""
    title: str = ""
    artist: str = ""
    album: str = ""
    cover: bytes = b""
    sha256: str = ""

    @classmethod
    def of(cls, sent: dict[str, Any]) -> TrackAnalysis:
        """Make one of what `analyse_track` returned."""
        given = {field.name: sent[field.name] for field in fields(cls) if field.name in sent}
        given["reasons"] = [(str(name), value, added) for name, value, added in sent["reasons"]]
        given["families"] = [
            (str(name), str(words), added) for name, words, added in sent["families"]
        ]
        given["tags"] = [(str(tag), chance) for tag, chance in sent["tags"]]
        return cls(**given | {"picture": _preview(sent)})

    def without_picture(self) -> TrackAnalysis:
        """Return the same without picture and sound, which take most of the memory."""
        return replace(self, picture=None, sound="")


def _preview(sent: dict[str, Any]) -> Preview | None:
    if "waveform" not in sent:
        return None
    beats = pd.DataFrame({"time": sent["beat_times"], "beat": sent["beat_numbers"]})
    return Preview(
        duration=sent["duration"],
        sample_rate=sent["sample_rate"],
        channels=sent["channels"],
        values=pd.Series(sent["values"]),
        rows=pd.DataFrame(),
        waveform_rate=sent["waveform_rate"],
        mel_rate=sent["mel_rate"],
        beats=beats,
        **{name: sent[name] for name in DRAWN},
    )


def analyse_track(
    path: str, model: str, folder: str | None = None, kept: Results | None = None
) -> dict[str, Any]:
    """Analyse a file with a model; this runs in a worker.

    Parameters
    ----------
    path : str
        The file.
    model : str
        The directory of a bundle.
    folder : str, optional
        Where a file that browsers play may be put; None where no picture and sound are wanted.
    kept : Results, optional
        Where what was found out before is looked for, and kept.

    Returns
    -------
    dict
        Numbers, texts, lists and arrays, for `TrackAnalysis.of`.

    Raises
    ------
    DecodeError
        The file cannot be decoded.
    BundleError
        The model takes no audio.
    """
    digest = sha256_of(Path(path)) if Path(path).is_file() else ""
    kind = "values" if folder is None else "picture"
    known = kept.find(digest, model, kind) if kept is not None else None
    sent = _analysed(path, model, folder is not None) if known is None else known
    sent["sha256"] = digest
    if kept is not None and known is None:
        kept.keep(digest, model, kind, sent)
    if folder is not None:
        # Where the sound is belongs to the session.
        sent["sound"] = str(browser_playable(path, folder)[0])
    return sent


def _analysed(path: str, model: str, pictured: bool) -> dict[str, Any]:
    bundle = model_at(model)
    extraction = score.extraction_of(bundle, model)
    seen = preview(path, extraction)
    provenance = Provenance(extraction.schema)
    scored = score.scored(bundle, FeatureTable(seen.rows.assign(path=path), provenance))
    found = scored.predictions(len(bundle.genres))
    genres: list[str] = []
    probabilities: list[float] = []
    reasons: list[tuple[str, float, float]] = []
    families: list[tuple[str, str, float]] = []
    tags: list[tuple[str, float]] = []
    if len(found) and isinstance(found["genre"].iloc[0], str):
        suffixes = ["", *(f"_{rank}" for rank in range(2, len(bundle.genres) + 1))]
        genres = [str(found[f"genre{suffix}"].iloc[0]) for suffix in suffixes]
        probabilities = [float(found[f"probability{suffix}"].iloc[0]) for suffix in suffixes]
        told = scored.explanations(REASONS)
        told = told[["feature", "value", "contribution"]]
        reasons = [(str(name), float(value), float(own)) for name, value, own in told.to_numpy()]
        worded = scored.reasons()[["family", "words", "contribution"]]
        families = [(str(name), str(words), float(own)) for name, words, own in worded.to_numpy()]
        tags = sound_tags.strongest(scored.tags.iloc[0])
    wanted = [name for name in seen.values.index if name.removesuffix("_confidence") in SHOWN]
    sent: dict[str, Any] = {
        "duration": seen.duration,
        "sample_rate": seen.sample_rate,
        "channels": seen.channels,
        "values": {name: float(seen.values[name]) for name in wanted},
        "genres": genres,
        "probabilities": probabilities,
        "reasons": reasons,
        "families": families,
        "tags": tags,
        **about_file(path),
    }
    if pictured:
        sent |= {name: getattr(seen, name) for name in (*DRAWN, "waveform_rate", "mel_rate")}
        sent["beat_times"] = seen.beats["time"].to_numpy(np.float64)
        sent["beat_numbers"] = seen.beats["beat"].to_numpy(np.int64)
    return sent


def warm() -> None:
    """Load what the first track would wait for: kernels, libraries, the default model."""
    directory = str(storage.DEFAULT)
    track.warm(score.extraction_of(model_at(directory), directory))
    with scratch.temporary() as folder:
        noise = np.random.default_rng(0).normal(0, 0.1, (44100, 2)).clip(-1, 1)
        soundfile.write(folder / "noise.wav", noise, 44100)
        analyse_track(str(folder / "noise.wav"), directory, str(folder))


def model_at(directory: str | Path) -> Trained:
    """Load a model; again only where its files have changed."""
    about = Path(directory) / storage.ABOUT
    modified = about.stat().st_mtime_ns if about.is_file() else 0
    return _model(str(directory), modified)


@lru_cache(maxsize=4)
def _model(directory: str, _modified: int) -> Trained:
    return classify.load(directory)
