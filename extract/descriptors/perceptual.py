"""What a listener would say: Spotify's seven estimates, from the other descriptors of a track.

Each is a weighted sum of descriptors that do not depend on the key or the gain, fitted to Spotify's
own values (`extract.calibration`). They are estimates: the page of each says how far off.
"""

from __future__ import annotations

from collections.abc import Mapping

from extract.calibration import calibrated
from extract.registry import descriptor

__all__ = [
    "INPUTS",
    "acousticness",
    "danceability",
    "energy",
    "instrumentalness",
    "liveness",
    "speechiness",
    "valence",
]

INPUTS = (
    *("mfcc", "mfcc_difference", "variance_pattern"),
    *("spectral_centroid", "spectral_bandwidth", "spectral_flux", "spectral_contrast"),
    *("rms", "onset_rate", "tempo", "tempo_pattern", "rotated_chroma", "key"),
)
"""The descriptors that the estimates are made of: timbre and how it moves, rhythm, harmony.

Not among them is what tells of the file rather than the music (loudness, length, flatness, the
highest band of contrast) or of the key it happens to be in."""

Row = Mapping[str, float]


@descriptor("estimate", range=(0, 1), needs=INPUTS, sets=["default", "spotify"])
def danceability(row: Row) -> float:
    """How well one could dance to it, 0 to 1: an estimate of Spotify's value.

    High where a beat is strong and steady and strokes stand out of what sounds on.
    """
    return calibrated("danceability", row)


@descriptor("estimate", range=(0, 1), needs=INPUTS, sets=["default", "spotify"])
def energy(row: Row) -> float:
    """How intense and busy it feels, 0 to 1: an estimate of Spotify's value.

    High where the spectrum is full up to the treble and changes all the time. The level does not
    count: a quiet file of metal is as energetic as a loud one.
    """
    return calibrated("energy", row)


@descriptor("estimate", range=(0, 1), needs=INPUTS, sets=["default", "spotify"])
def speechiness(row: Row) -> float:
    """How much of it is spoken, 0 to 1: an estimate of Spotify's value.

    Above 0.66 nearly all is speech, from 0.33 there is both, as in rap, below it is music.
    """
    return calibrated("speechiness", row)


@descriptor("estimate", range=(0, 1), needs=INPUTS, sets=["default", "spotify"])
def acousticness(row: Row) -> float:
    """How sure one can be that it is acoustic, 0 to 1: an estimate of Spotify's value.

    A confidence, not an amount: 0.5 says that it could be either, not that half of it is.
    """
    return calibrated("acousticness", row)


@descriptor("estimate", range=(0, 1), needs=INPUTS, sets=["default", "spotify"])
def instrumentalness(row: Row) -> float:
    """How sure one can be that nobody sings or speaks, 0 to 1: an estimate of Spotify's value.

    Above 0.5 it is meant to be instrumental; "ooh" and "aah" count as instruments.
    """
    return calibrated("instrumentalness", row)


@descriptor("estimate", range=(0, 1), needs=INPUTS, sets=["default", "spotify"])
def liveness(row: Row) -> float:
    """How sure one can be that an audience is there, 0 to 1: an estimate of Spotify's value.

    Above 0.8 it is very likely a concert.
    """
    return calibrated("liveness", row)


@descriptor("estimate", range=(0, 1), needs=INPUTS, sets=["default", "spotify"])
def valence(row: Row) -> float:
    """How positive it sounds, 0 (sad, angry) to 1 (happy, cheerful): an estimate of Spotify's."""
    return calibrated("valence", row)
