"""What a listener would say: Spotify's seven estimates, from the other descriptors of a track.

All seven are made alike: each is a weighted sum of descriptors of the track that depend neither on
the gain of the file nor on the key it is in. The weights were fitted by ridge regression to the
values that Spotify itself gave to modern songs and to songs of the GTZAN collection and, with less
weight, to what else is known of recordings of other music and of speech. The sum is formed on the
scale on which values spread evenly, and brought back to Spotify's. There are two fits: one of
descriptors that are defined, and one that looks at the activations of `musicnn` as well, which the
set `default+musicnn` uses. `extract/estimators/spotify.md` says what they were fitted to, and how
they were measured with no artist on both sides; `extract/estimators/fit_spotify.py` makes the
weights.

Notes
-----
It is not Spotify's value. How Spotify computes it was never published, and what it knows of a song
besides the sound cannot be heard in a file.

Its values are those of whole songs; the recordings behind the weights are clips of them, of 30 s or
of 2–3 s. Two parts of one song differ, and so may the album version from the one in Spotify's
catalogue.

The songs are popular music of the West, of before 2000 and of the 2010s. What is far from it is
guessed.

References
----------
Spotify, Web API reference, "Get track's audio features": what the value is meant to say.

Sturm, "The GTZAN dataset: its contents, its faults, their effects on evaluation, and its future
use", arXiv 1306.1461, 2013: which songs the clips are from.

Hoerl and Kennard, "Ridge regression: biased estimation for nonorthogonal problems", Technometrics
12(1), 1970.
"""

from __future__ import annotations

from collections.abc import Mapping

from earmark.extract.engine.registry import descriptor
from earmark.extract.estimators.spotify import calibrated

__all__ = [
    "EMBEDDING",
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
    *("rms", "peak_rate", "tempo", "tempo_pattern", "rotated_chroma", "key"),
)
"""The descriptors that the estimates are made of: timbre and how it moves, rhythm, harmony.

Not among them is what tells of the file rather than the music (loudness, length, flatness, the
highest band of contrast) or of the key it happens to be in."""

EMBEDDING = ("musicnn",)
"""What the second fit is made of as well; it is used where a row has these columns."""

Row = Mapping[str, float]


@descriptor(
    "estimate",
    range=(0, 1),
    needs=INPUTS,
    sets=["default", "spotify"],
    version=2,
    family="rhythm",
    words={"danceability": ("less danceable", "more danceable")},
)
def danceability(row: Row) -> float:
    """How well one could dance to it, 0 to 1: an estimate of Spotify's value.

    High where a beat is strong and steady and strokes stand out of what sounds on, as in hip-hop,
    disco and reggae; low for music without a pulse, and for a beat that is lost in a wall of sound.

    Spotify's is made of tempo, stability of the rhythm, strength of the beat and regularity; this
    one of how bands move, how much repeats at which tempo, and timbre.

    Notes
    -----
    Not whether people dance to it: a waltz or a pogo may have a low value. Nor is it the tempo.
    """
    return calibrated("danceability", row)


@descriptor(
    "estimate",
    range=(0, 1),
    needs=INPUTS,
    sets=["default", "spotify"],
    version=2,
    family="dynamics",
    words={"energy": ("calmer", "more energetic")},
)
def energy(row: Row) -> float:
    """How intense and busy it feels, 0 to 1: an estimate of Spotify's value.

    High for what feels fast, dense and noisy, as metal does; low for a prelude on the piano.

    Spotify's is made of dynamic range, perceived loudness, timbre, onset rate and entropy; this one
    of how full the spectrum is up to the treble, how little single tones stand out, and how it
    moves. The quadrants of 4Q, a second truth, say which songs are high and low.

    Notes
    -----
    Not the loudness: a quiet file of metal is as energetic as a loud one. Nor the energy of
    physics, nor the tempo.

    References
    ----------
    Russell, "A circumplex model of affect", Journal of Personality and Social Psychology 39(6),
    1980: arousal, which it comes close to.

    Panda, Malheiro and Paiva, "Novel audio features for music emotion recognition", IEEE
    Transactions on Affective Computing 11(4), 2020: the quadrants.
    """
    return calibrated("energy", row)


@descriptor(
    "estimate",
    range=(0, 1),
    needs=INPUTS,
    sets=["default", "spotify"],
    version=2,
    family="voice",
    words={"speechiness": ("", "more like speech")},
)
def speechiness(row: Row) -> float:
    """How much of it is spoken, 0 to 1: an estimate of Spotify's value.

    Above 0.66 nearly all is speech, from 0.33 there is both, as in rap, below it is music.

    Learned from songs, whose values are low, and from recordings of speech, which count for more so
    that the upper end of the scale is held. What tells them apart is how restless the timbre is.

    Notes
    -----
    Not a transcript, and no detector of voices: singing is no speech. The speakers that were
    learned from read aloud in a quiet room; talk over music, and audio books with music, lie in
    between. Below 0.33 small differences mean little.
    """
    return calibrated("speechiness", row)


@descriptor(
    "estimate",
    range=(0, 1),
    needs=INPUTS,
    sets=["default", "spotify"],
    version=2,
    family="timbre",
    words={"acousticness": ("less acoustic", "more acoustic")},
)
def acousticness(row: Row) -> float:
    """How sure one can be that it is acoustic, 0 to 1: an estimate of Spotify's value.

    High for a guitar, a piano or strings as they sound in a room; low for synthesisers, distortion
    and drum machines. A confidence, not an amount: 0.5 says that it could be either, not that half
    of it is.

    Goes by timbre and by how it moves: acoustic sounds have less treble, tones that stand out, and
    levels that swing.

    Notes
    -----
    Not whether an instrument has a plug: a sampled piano is acoustic, as far as sound goes. A
    dull recording is taken for an acoustic one more easily.
    """
    return calibrated("acousticness", row)


@descriptor(
    "estimate",
    range=(0, 1),
    needs=INPUTS,
    sets=["default", "spotify"],
    version=2,
    family="voice",
    words={"instrumentalness": ("more vocal", "more instrumental")},
)
def instrumentalness(row: Row) -> float:
    """How sure one can be that nobody sings or speaks, 0 to 1: an estimate of Spotify's value.

    Above 0.5 it is meant to be instrumental; "ooh" and "aah" count as instruments, rap and speech
    as voices.

    In Spotify's table nearly all songs are close to 0, and some close to 1. A regression alone
    would never say so much: the order comes from it, the spread from Spotify's table.

    Notes
    -----
    No detector of voices. It knows what songs with and without them tend to sound like; a saxophone
    may pass for a singer. Few songs behind the weights are instrumental, so that it is least sure
    where it matters, and the value of one track says little. Use it to sort many.
    """
    return calibrated("instrumentalness", row)


@descriptor(
    "estimate",
    range=(0, 1),
    needs=INPUTS,
    sets=["default", "spotify"],
    version=2,
    family="recording",
)
def liveness(row: Row) -> float:
    """How sure one can be that an audience is there, 0 to 1: an estimate of Spotify's value.

    Above 0.8 Spotify means that it is very likely a concert.

    Fitted as the others are, to hardly any concerts. Its values therefore stay near those of a
    studio recording.

    Notes
    -----
    Not better than chance; do not use it. Applause sounds before and after the music, and not in
    the clips that were learned from. It is here because a table without it is no table of
    Spotify's.
    """
    return calibrated("liveness", row)


@descriptor(
    "estimate",
    range=(0, 1),
    needs=INPUTS,
    sets=["default", "spotify"],
    version=2,
    family="mood",
    words={"valence": ("less cheerful", "more cheerful")},
)
def valence(row: Row) -> float:
    """How positive it sounds, 0 (sad, angry) to 1 (happy, cheerful): an estimate of Spotify's.

    High for what sounds happy, cheerful or euphoric, low for what sounds sad, depressed or angry.

    From timbre, rhythm and harmony, mode among them, by weights like those of the other estimates.
    The quadrants of 4Q, a second truth, say which songs are high and low.

    Notes
    -----
    Not the words: sad ones to a cheerful tune count as cheerful. Not what you feel, either. From
    sound it is harder to tell than energy, in this project as in others.

    References
    ----------
    Russell, "A circumplex model of affect", Journal of Personality and Social Psychology 39(6),
    1980: what valence is.

    Huq, Bello and Rowe, "Automated music emotion recognition: a systematic evaluation", Journal of
    New Music Research 39(3), 2010: how hard it is.

    Panda, Malheiro and Paiva, "Novel audio features for music emotion recognition", IEEE
    Transactions on Affective Computing 11(4), 2020: the quadrants.
    """
    return calibrated("valence", row)
