"""What a neural network hears: learned, not defined."""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

from earmark.extract.embedding import musicnn as network
from earmark.extract.engine.registry import Column, descriptor

__all__ = ["musicnn", "tag_column"]

Floats = NDArray[np.float32]


def tag_column(tag: str) -> str:
    """Return the name of the column of a tag.

    Examples
    --------
    >>> tag_column("Hip-Hop"), tag_column("60s")
    ('tag_hip_hop', 'tag_60s')
    """
    return "tag_" + re.sub(r"\W+", "_", tag.lower())


@descriptor(
    "embedding",
    values=[
        *(Column(f"musicnn_{unit:03d}", "", (-np.inf, np.inf)) for unit in range(network.UNITS)),
        *(Column(tag_column(tag), "probability", (0, 1)) for tag in network.TAGS),
    ],
    sets=["musicnn"],
    version=2,
    family="sounds like",
)
def musicnn(patch: Floats) -> Floats:
    """Activations of the network musicnn: 200 numbers, and 50 tags that listeners would give.

    `tag_guitar`, `tag_sad` or `tag_90s` say how likely it is, by the network, that listeners write
    that word to a song: genres, moods, instruments, voices, decades. The 200 numbers before them
    mean nothing one by one; together they say what the tags are told from, and songs that sound
    alike have similar ones. They serve models, such as the one that tells genres.

    Learned, not defined: a convolutional network was trained by its authors on some 200,000 songs
    of the Million Song Dataset and the fifty commonest tags that listeners had given to them on
    Last.fm. The columns are what comes out of its last layer (tags) and the last but one. They are
    computed with the authors' weights, and equal what the authors' network says of the same input.

    Its input is a mel spectrogram of 96 bands up to 8 kHz, by windows of 512 samples at 16 kHz in
    steps of 256, as log10(10,000 x + 1), in patches of three seconds (187 frames). Each patch is
    brought to a level of -15 dB first, about that of published songs, which the authors' program
    does not do: a copy that is 12 dB softer would be other music to the network. A file shorter
    than a patch is repeated until it fills one.

    Notes
    -----
    A tag is not a fact. Listeners use words as they like (`tag_alternative`, `tag_sexy`,
    `tag_beautiful`), most songs that fit a word were never given it, and a value is therefore low
    even where it is right: compare a value with those of the same tag in other songs, not with
    0.5. The words, and the songs, are those of Last.fm up to about 2011: popular music of the West.
    What is far from that is told from what it resembles; `tag_00s` is no date.

    References
    ----------
    Pons and Serra, "musicnn: pre-trained convolutional neural networks for music audio tagging",
    late-breaking session of ISMIR, 2019.

    Pons, Nieto, Prockup, Schmidt, Ehmann and Serra, "End-to-end learning for music audio tagging at
    scale", ISMIR 2018: the architecture.

    Bertin-Mahieux, Ellis, Whitman and Lamere, "The Million Song Dataset", ISMIR 2011.
    """
    return np.concatenate(network.activations(patch))
