"""What changes in the course of a track: genre, energy, mood, loudness, sections.

It is read once more for that, as every part of it is heard by the network: that takes longer than
the track as a whole, which nobody shall wait for.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import scipy.fft
from numpy.typing import NDArray

from earmark.classify import score, sound_tags
from earmark.classify.sections import Section, sections
from earmark.extract import sets
from earmark.extract.audio import decode
from earmark.extract.batch.track import one_thread
from earmark.extract.config import DEFAULTS
from earmark.extract.engine import registry, single_pass
from earmark.extract.feature_table import FeatureTable
from earmark.extract.preview import Condenser
from earmark.extract.provenance import Provenance

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from earmark.classify.trained import Trained

__all__ = ["STEP", "OverTime", "over_time", "short_term"]

Floats = NDArray[np.float64]

SET = "default"
"""The set that has energy, where the model looks at none of ours."""

STEP = sets.TRACK_WINDOW
"""Seconds of the parts that energy and mood are told of."""

MOMENTS = 1024
"""Moments at the most that are compared to find sections."""

POINTS = 600
"""Points of a curve at the most: more than can be told apart."""

SHORT_TERM = 30
"""Steps of 100 ms in a window of short-term loudness: three seconds (EBU Tech 3341)."""

FLOOR = -70.0
"""LUFS below which nothing is told: what the gate of BS.1770 takes for silence."""


@dataclass(frozen=True)
class OverTime:
    """What changes in the course of a track.

    Parameters
    ----------
    duration : float
        In seconds.
    genres : DataFrame
        ``start``, ``seconds``, ``genre`` and ``probability`` of parts of half a minute, neighbours
        of one genre joined (`earmark.classify.score.Scored.segments`); empty where the model takes
        no parts.
    times : ndarray of shape (parts,)
        The middle of each part of `STEP` seconds.
    energy : ndarray of shape (parts,)
        Of each part.
    tags : DataFrame of shape (parts, tags)
        How likely each tag is, as a network hears it; no columns where the model's set has none.
    loudness_times, loudness : ndarray of shape (points,)
        Short-term loudness in LUFS, at the middle of its three seconds; NaN for silence.
    integrated, range, true_peak : float
        LUFS, LU and dBTP of the track; NaN where there is none.
    sections : list of Section
        The parts that sound alike.
    """

    duration: float
    genres: pd.DataFrame
    times: Floats
    energy: Floats
    tags: pd.DataFrame
    loudness_times: Floats
    loudness: Floats
    integrated: float
    range: float
    true_peak: float
    sections: list[Section]


def over_time(path: str | Path, bundle: Trained, where: str) -> OverTime:
    """Read a file and say what changes in its course.

    Parameters
    ----------
    path : str or Path
        An audio file.
    bundle : Trained
        The model that tells the genres.
    where : str
        What to call it in an error.

    Raises
    ------
    DecodeError
        The file cannot be decoded.
    BundleError
        The model takes no audio.
    """
    extraction = score.extraction_of(bundle, where, segments=STEP)
    told, own = sets.DescriptorSet(SET, sets.get(SET).version), sets.get(extraction.set)
    # The rows of other sets, and of other settings, are not computed for parts.
    ours = extraction.settings == DEFAULTS and extraction.windows == STEP
    if ours and isinstance(own, sets.DescriptorSet):
        told = own
    wanted = (*told.descriptors, *_level())
    timbre = Condenser(lambda rows: rows.mean(axis=1), MOMENTS)
    with one_thread(), decode.open_audio(path) as audio:
        tracks = single_pass.summarise_track(
            audio,
            tuple(dict.fromkeys(wanted)),
            DEFAULTS,
            {sets.TRACK_WINDOW, STEP},
            lambda series: timbre.feed(_moment(series)),
            sections=True,
        )
    track = tracks[sets.TRACK_WINDOW]
    rows = told.rows_from(tracks, STEP, False)
    parts = pd.DataFrame(rows.values, columns=[column.name for column in told.columns(DEFAULTS)])
    genres = pd.DataFrame(columns=["start", "seconds", "genre", "probability"])
    if told is own and len(parts):
        table = parts.assign(path=str(path), start=rows.starts, seconds=rows.seconds)
        provenance = Provenance(extraction.schema)
        found = score.scored(bundle, FeatureTable(table, provenance)).segments(top=1)
        genres = found[list(genres)]
    times, loudness = short_term(track.energies.weighted)
    levels = {entry.name: float(entry.function(track)) for entry in _level()}
    return OverTime(
        duration=track.seconds,
        genres=genres,
        times=rows.starts + rows.seconds / 2,
        energy=parts["energy"].to_numpy(float)
        if "energy" in parts
        else np.full(len(parts), np.nan),
        tags=parts[[name for name in sound_tags.of_columns() if name in parts]],
        loudness_times=times,
        loudness=loudness,
        integrated=levels["loudness"],
        range=levels["loudness_range"],
        true_peak=levels["true_peak"],
        sections=sections(timbre.columns().astype(float), timbre.span / DEFAULTS.frame_rate),
    )


def short_term(energies: Floats) -> tuple[Floats, Floats]:
    """Return short-term loudness, three seconds at a time (EBU Tech 3341).

    Parameters
    ----------
    energies : ndarray of shape (steps,)
        Weighted mean square of each 100 ms, as of the loudness meter.

    Returns
    -------
    times : ndarray of shape (points,)
        The middle of the three seconds.
    loudness : ndarray of shape (points,)
        In LUFS; NaN below -70.

    Examples
    --------
    >>> times, loudness = short_term(np.full(50, 0.01))
    >>> len(times), float(times[0]), round(float(loudness[0]), 2)
    (21, 1.5, -20.69)
    """
    if len(energies) < SHORT_TERM:
        return np.zeros(0), np.zeros(0)
    means = np.convolve(energies, np.full(SHORT_TERM, 1 / SHORT_TERM), "valid")
    every = -(-len(means) // POINTS)
    places = np.arange(0, len(means), every)
    with np.errstate(divide="ignore"):
        levels = -0.691 + 10 * np.log10(np.maximum(means[places], 0))
    times = (places + SHORT_TERM / 2) / 10
    return times, np.where(levels > FLOOR, levels, np.nan)


def _level() -> tuple[Any, ...]:
    return tuple(registry.get(name) for name in ("loudness", "loudness_range", "true_peak"))


def _moment(series: Mapping[str, NDArray[np.float32]]) -> NDArray[np.float32]:
    """Return what a moment sounds like: its colour, as cepstra, and its notes, as chroma."""
    cepstra = scipy.fft.dct(series["mel_db"], axis=1, norm="ortho")[:, 1:14]
    return np.hstack([cepstra, series["chroma"]]).astype(np.float32)
