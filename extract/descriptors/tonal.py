"""Pitch classes, the tonal centroid, key and mode."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import scipy
from numpy.typing import NDArray

from earmark.extract.engine.registry import Column, descriptor
from earmark.extract.estimators import key as keys
from earmark.extract.signal import filters
from earmark.extract.signal.frames import Block, frequencies
from earmark.extract.signal.spectral_loops import Projection, pitch_peaks

if TYPE_CHECKING:
    from earmark.extract.config import Settings
    from earmark.extract.engine.aggregate import TrackSummary
    from earmark.extract.engine.windows import Window

__all__ = [
    "chords",
    "chroma",
    "closing_chords",
    "dyads",
    "fine_bass",
    "fine_chroma",
    "heard",
    "key",
    "opening_chords",
    "rotated_chroma",
    "tonnetz",
    "triads",
]

Floats = NDArray[np.float32]

# Keeps a division by the power of silence finite.
_TINY = np.float32(1e-30)

FINE = 60
"""Parts of an octave in which pitches are told apart before the tuning is known: 20 cents each."""

# Partials outside are too close to each other for the window, or as likely noise as not.
LOWEST, HIGHEST = 40.0, 3000.0

FADE = 1.5
"""Octaves over which partials fade out upwards."""

BASS_HIGHEST, BASS_FADE = 260.0, 0.7
"""The same for those of the bass."""

# Peaks more than 40 dB below the loudest bin of their frame do not count; in the bass 20 dB.
_PEAK_FLOOR, _BASS_FLOOR = 1e-4, 1e-2

# Power of the bass, as a share of the loudest bin, below which it is leakage and rounding.
_BASS_LEAST = np.float32(1e-6)

CHORD_FRAMES = 17
"""Frames over which pitches are averaged before a chord is heard in them: 0.4 s."""

END_SECONDS = 2.0
"""How much of the beginning and of the end is heard by itself, a bar at 120 BPM; of what is short a
third."""

# What a note of the bass adds to the chords on it, and pitches outside a chord take away from it.
_ROOT, _OUTSIDE = 0.35, 0.5

# How much of the better match the best chord makes.
_SHARPNESS = 12.0

_TONNETZ = filters.tonnetz().astype(np.float32)


@lru_cache(maxsize=8)
def _chroma_bank(settings: Settings) -> Projection:
    bank = filters.chroma(settings.sample_rate, settings.n_fft)
    return Projection(bank[:, : len(frequencies(settings))])


@descriptor(
    "frame",
    range=(0, 1),
    size=12,
    stats=["mean", "std"],
    sets=["default"],
    version=2,
    family="harmony",
)
def chroma(block: Block) -> Floats:
    """Power by pitch class from C upwards (`librosa.feature.chroma_stft`), the largest being 1.

    Which of the twelve notes sound, in whatever octave: 00 is C, 01 C sharp, up to 11, B.

    Each power spectrum is folded to one octave, by Gaussians around the pitches of each class, and
    weighted towards the octaves around 880 Hz; each frame is divided by its largest value. Tuned to
    A = 440 Hz.

    Notes
    -----
    Not the notes of a score. Overtones count for the class that they fall into, so that a C alone
    shows a G and some E; drums and noise fill all twelve, and what is tuned between two classes is
    in both. It changes with the key; see `rotated_chroma` for what does not.

    References
    ----------
    Fujishima, "Realtime chord recognition of musical sound: a system using Common Lisp Music", ICMC
    1999.

    Ellis, "Chroma feature analysis and synthesis", 2007: the Gaussians.
    """
    folded = _chroma_bank(block.settings)(block.power)
    largest = folded.max(axis=1, keepdims=True)
    scaled: Floats = folded / np.maximum(largest, _TINY)
    return scaled


@descriptor(
    "window",
    range=(0, 1),
    size=12,
    needs=["chroma"],
    sets=["default"],
    family="harmony",
    words={"rotated_chroma_*": ("clearer in pitch", "more blurred in pitch")},
)
def rotated_chroma(window: Window) -> Floats:
    """Mean chroma from the strongest pitch class of the window upwards.

    Which intervals sound above the commonest note, whatever the key: a fifth, a minor or a major
    third, or everything at once.

    The mean of `chroma` over the frames of the window in which something sounds, turned so that its
    largest value is number 00: 03 is then the minor third above it, 04 the major one, 07 the fifth.

    Notes
    -----
    The commonest note need not be the one that the music comes to rest on, and may be another in
    the next window. It names neither chord nor key; see `key`.

    References
    ----------
    Serrà, Gómez and Herrera, "Transposing chroma representations to a common key", IEEE CS
    Conference on the Use of Symbols to Represent Music and Multimedia Objects, 2008.
    """
    mean = window.active_rows("chroma").mean(axis=0)
    return np.roll(mean, -int(mean.argmax()))


@descriptor(
    "series",
    range=(-1, 1),
    size=6,
    stats=["mean", "std"],
    needs=["chroma"],
    sets=["default"],
    version=2,
    family="harmony",
)
def tonnetz(window: Window) -> Floats:
    """Tonal centroid of the chroma (`librosa.feature.tonnetz`): fifths, minor and major thirds.

    Where the harmony lies on a map on which fifths and thirds are neighbours. Means say which
    chords prevail, deviations how far the harmony moves.

    The chroma, brought to the sum 1, times a point for each pitch class on three circles: that of
    fifths (00 and 01), of minor thirds (02 and 03) and of major thirds (04 and 05), the last of
    half the radius. All are 0 where every class sounds alike.

    Notes
    -----
    No chord names. Means depend on the key, as those of `chroma` do: a song a tone higher lies
    elsewhere.

    References
    ----------
    Harte, Sandler and Gasser, "Detecting harmonic change in musical audio", AMCMM 2006.
    """
    values = window["chroma"]
    total = values.sum(axis=1, keepdims=True)
    centroids: Floats = (values / np.maximum(total, _TINY)) @ _TONNETZ
    return centroids


@descriptor("frame", range=(0, np.inf), size=FINE)
def fine_chroma(block: Block) -> Floats:
    """Magnitude of spectral peaks by pitch class in steps of 20 cents from C upwards.

    Peaks from 40 to 3,000 Hz, placed between the bins. Drums and noise, which have no steady peaks,
    are spread over all classes.

    References
    ----------
    Gómez, "Tonal description of polyphonic audio for music content processing", INFORMS Journal on
    Computing 18(3), 2006.
    """
    weights, pitches = _partials(block.settings, HIGHEST, FADE)
    return pitch_peaks(block.power, _PEAK_FLOOR, weights, pitches, FINE)


@descriptor("frame", range=(0, np.inf), size=FINE)
def fine_bass(block: Block) -> Floats:
    """Magnitude of spectral peaks from 40 to 260 Hz by pitch class; see `fine_chroma`.

    Peaks more than 20 dB below the loudest of these bins do not count, nor does any where all of
    them are more than 60 dB below the loudest of the frame: there is no bass.
    """
    weights, pitches = _partials(block.settings, BASS_HIGHEST, BASS_FADE)
    low = np.ascontiguousarray(block.power[:, : len(weights) + 1])
    there = low.max(axis=1) > _BASS_LEAST * block.power.max(axis=1)
    peaks: Floats = pitch_peaks(low, _BASS_FLOOR, weights, pitches, FINE) * there[:, None]
    return peaks


@lru_cache(maxsize=8)
def _partials(settings: Settings, highest: float, fade: float) -> tuple[Floats, Floats]:
    """Return the weights of the bins that may be peaks, and the pitch classes of these.

    They fade out over the last octaves below the highest: an edge would raise the pitch classes
    below it, where there is noise.
    """
    bins = frequencies(settings)
    bins = bins[: min(np.searchsorted(bins, highest), len(bins) - 1)]
    octaves = np.log2(np.maximum(bins, bins[1]) / highest)
    weights = np.sin(np.pi / 2 * np.clip(-octaves / fade, 0, 1)) ** 2
    weights[bins < LOWEST] = 0
    # A is the tenth of twelve classes from C.
    pitches = FINE * (octaves + np.log2(highest / 440) + 9 / 12)
    return weights.astype(np.float32), (pitches % FINE).astype(np.float32)


def _folding(fine: NDArray[np.floating]) -> Floats:
    """Return what folds fine pitch classes to semitones, in the tuning that they are in.

    The tuning is the mean deviation from A = 440 Hz on the circle of one semitone.
    """
    step = FINE // 12
    around = np.exp(2j * np.pi * np.arange(FINE) / step)
    tuning = np.angle(fine @ around) / (2 * np.pi)
    distance = np.arange(FINE)[:, None] / step - tuning - np.arange(12)
    distance = (distance + 6) % 12 - 6
    return np.where(np.abs(distance) < 0.5, np.cos(np.pi * distance) ** 2, 0).astype(np.float32)


def _unit(values: Floats) -> Floats:
    """Return rows of length one; those of zeros stay."""
    scaled: Floats = values / np.maximum(np.linalg.norm(values, axis=1, keepdims=True), _TINY)
    return scaled


def _window_folding(window: Window) -> Floats:
    """Return what folds the fine pitch classes of a window; see `_folding`."""
    return _folding(window.active_rows("fine_chroma").sum(axis=0, dtype=np.float64))


@descriptor("window", range=(0, 1), size=12 * len(keys.INTERVALS), needs=["fine_chroma"])
def dyads(window: Window) -> Floats:
    """How much two pitch classes sound at once: minor thirds, major thirds, fourths, C upwards.

    The product of the two in frames of pitch classes of length one, averaged over the frames.
    What is sounded together says more of the key than what is sounded in all: drums fall on all
    pairs alike, and a bare chord has its thirds and fifths. The tuning is estimated first.
    """
    folded = _unit(window.active_rows("fine_chroma") @ _window_folding(window))
    together = folded.T @ folded / len(folded)
    classes = np.arange(12)
    return np.concatenate(
        [together[classes, (classes + interval) % 12] for interval in keys.INTERVALS]
    )


@lru_cache(maxsize=1)
def _chord_templates() -> Floats:
    """Return the pitch classes of each chord, shape (12, chords x 12)."""
    inside = np.zeros((12, len(keys.CHORDS), 12), bool)
    for number, steps in enumerate(keys.CHORDS):
        for step in steps:
            inside[(np.arange(12) + step) % 12, number, np.arange(12)] = True
    weights = np.where(inside, 1 / np.sqrt(3), -_OUTSIDE / 3)
    return weights.reshape(12, -1).astype(np.float32)


@descriptor("series", range=(0, 1), size=12 * len(keys.CHORDS), needs=["fine_chroma", "fine_bass"])
def triads(window: Window) -> Floats:
    """How probable each minor chord is, C upwards, then each major one.

    The pitch classes of some frames, the tuning taken out, averaged, and the square root taken, so
    that a loud note does not hide the others. A chord scores by the cosine with its three notes,
    less by what sounds beside them, more by the share of its root in the bass; scores become
    shares by a softmax. There is no chord but these 24: others are between two of them.

    References
    ----------
    Fujishima, "Realtime chord recognition of musical sound: a system using Common Lisp Music", ICMC
    1999.
    """
    folding = _window_folding(window)
    pitches = _averaged(_unit(window["fine_chroma"] @ folding))
    bass = window["fine_bass"] @ folding
    bass = _averaged(bass / np.maximum(bass.max(axis=1, keepdims=True), _TINY))
    bass /= np.maximum(bass.sum(axis=1, keepdims=True), _TINY)
    scores = _unit(np.sqrt(pitches)) @ _chord_templates()
    scores += _ROOT * np.tile(bass, (1, len(keys.CHORDS)))
    odds = np.exp(_SHARPNESS * (scores - scores.max(axis=1, keepdims=True)))
    shares: Floats = odds / odds.sum(axis=1, keepdims=True)
    return shares


def _averaged(values: Floats) -> Floats:
    """Return the mean over the frames around each, but for the number of these at the ends."""
    mean: Floats = scipy.ndimage.uniform_filter1d(values, CHORD_FRAMES, axis=0, mode="constant")
    # Its running sums may end a little below nothing.
    return np.maximum(mean, np.float32(0))


@descriptor("window", range=(0, 1), size=12 * len(keys.CHORDS), needs=["triads"])
def chords(window: Window) -> Floats:
    """Share of each chord; see `triads`."""
    mean: Floats = window.active_rows("triads").mean(axis=0)
    return mean


@descriptor("window", range=(0, 1), size=12 * len(keys.CHORDS), needs=["triads"])
def opening_chords(window: Window) -> Floats:
    """Share of each chord in the first two seconds of the window, or third; see `triads`."""
    shares = window.active_rows("triads")
    mean: Floats = shares[: _end_frames(window, len(shares))].mean(axis=0)
    return mean


@descriptor("window", range=(0, 1), size=12 * len(keys.CHORDS), needs=["triads"])
def closing_chords(window: Window) -> Floats:
    """Share of each chord in the last two seconds of the window, or third; see `triads`."""
    shares = window.active_rows("triads")
    mean: Floats = shares[-_end_frames(window, len(shares)) :].mean(axis=0)
    return mean


def _end_frames(window: Window, frames: int) -> int:
    """Return how many of the active frames are the beginning or the end."""
    return max(1, min(round(END_SECONDS * window.settings.frame_rate), frames // 3))


def heard(track: TrackSummary) -> keys.Heard:
    """Return what tells the key of a track: of its chords, all, the first and the last."""
    return keys.Heard(
        track.values("dyads"),
        track.values("chords"),
        track.first("opening_chords"),
        track.last("closing_chords"),
    )


@descriptor(
    "track",
    values=[
        Column("key", "pitch class", (0, 11)),
        Column("mode", "0 minor, 1 major", (0, 1)),
        Column("key_confidence", "", (0, 1)),
    ],
    needs=["dyads", "chords", "opening_chords", "closing_chords"],
    sets=["default", "spotify"],
    version=4,
    family="harmony",
    words={
        "mode": {0: "in a minor key", 1: "in a major key"},
    },
)
def key(track: TrackSummary) -> tuple[float, float, float]:
    """Key and mode, and how probable it is that both are right.

    The note on which the music comes to rest, and whether it is major or minor. `key` counts
    semitones from C = 0 to B = 11; `mode` is 1 for major.

    The thirds and fourths that sound, the chords, and those of the first and the last two seconds
    are compared with what is usual in each of the 24 keys, as learnt from recordings and from
    progressions played by a synthesiser: see `earmark.extract.estimators.key`. An estimate. All
    three are NaN where no pitch class stands out, as in noise.

    Notes
    -----
    One key for all of it: music that modulates has the one that fits best. Dorian counts as minor
    and Mixolydian as major; blues and what is not Western are pressed into the two. Where the same
    chords go round, it may be the one they begin and end with that tells the relative keys apart:
    an excerpt says less than the song. When it is wrong, it is often a fifth off, or the relative
    or parallel key.

    References
    ----------
    Kraft, Lerch and Zölzer, "The tonalness spectrum: feature-based estimation of tonal components",
    DAFx 2013: the annotations.
    """
    probabilities = keys.probabilities(heard(track))
    if probabilities is None:
        return np.nan, np.nan, np.nan
    best = int(probabilities.argmax())
    return float(best % 12), float(best // 12), float(probabilities[best])
