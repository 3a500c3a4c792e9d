"""Mel bands and cepstral coefficients: the colour of the sound.

Computed from the levels of mel bands, about as wide as those of the ear: narrow in the bass, wide
in the treble. They end at `fmax` (10 kHz), since what lies above depends more on the codec than on
the music.

Notes
-----
A frame holds everything that sounds in it: these describe the mixture, not an instrument.

References
----------
McFee and others, "librosa: audio and music signal analysis in Python", Proceedings of the 14th
Python in Science Conference, 2015.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import scipy
from numpy.typing import NDArray

from earmark.extract.engine.registry import descriptor
from earmark.extract.signal import filters
from earmark.extract.signal.frames import Block, frequencies
from earmark.extract.signal.spectral_loops import Projection

if TYPE_CHECKING:
    from earmark.extract.config import Settings
    from earmark.extract.engine.windows import Window

__all__ = ["mel_db", "mel_level", "mfcc", "mfcc_difference"]

Floats = NDArray[np.float32]

# Far below anything audible: it only keeps the logarithm of digital silence finite.
_TINY = np.float32(1e-20)


@lru_cache(maxsize=8)
def _mel_bank(settings: Settings) -> Projection:
    bank = filters.mel(settings.sample_rate, settings.n_fft, settings.n_mels, settings.fmax)
    return Projection(bank[:, : len(frequencies(settings))])


@descriptor("frame", unit="dB", size="n_mels")
def mel_db(block: Block) -> Floats:
    """Power in mel bands (`librosa.feature.melspectrogram`) in dB, as the file has it."""
    levels: Floats = 10 * np.log10(np.maximum(_mel_bank(block.settings)(block.power), _TINY))
    return levels


@descriptor("series", unit="dB", size="n_mels", needs=["mel_db"])
def mel_level(window: Window) -> Floats:
    """Levels of the mel bands of the window brought to -23 dB.

    They are cut off `top_db` below the loudest one: what lies there is the codec's or the room's.
    """
    levels = window["mel_db"]
    if not len(levels):
        return levels
    floor = levels.max() - np.float32(window.settings.top_db)
    limited: Floats = np.maximum(levels, floor) + window.gain
    return limited


@descriptor(
    "series",
    size="n_mfcc",
    stats=["mean", "std"],
    needs=["mel_level"],
    sets=["default"],
    version=3,
    family="timbre",
    words={
        "mfcc_00_mean": ("thinner", "fuller"),
        "mfcc_01_mean": ("brighter", "darker"),
        "mfcc_*_std": ("more uniform", "more varied"),
    },
)
def mfcc(window: Window) -> Floats:
    """Mel-frequency cepstral coefficients (`librosa.feature.mfcc`) of the window at -23 dB.

    The colour of the sound, whatever the notes. Number 00 says how full all bands are, 01 how far
    bass outweighs treble, 02 how far both ends outweigh the middle, and each further one looks at
    a finer detail. Means tell one ensemble from another, deviations how much the colour changes.

    The discrete cosine transform, type II and orthonormal, of the levels in dB of the mel bands.
    The first coefficients keep the outline of the spectrum, and drop what differs from one band to
    the next, such as the partials of a tone. As librosa's, except that the window is brought to
    -23 dB first, so that the gain of the file does not count.

    Notes
    -----
    No single coefficient has a name that a listener would give it, and the sign of one means
    nothing without the others: they are made to be compared, or learned from. They do not tell
    notes or chords, and of rhythm only how much changes.

    References
    ----------
    Davis and Mermelstein, "Comparison of parametric representations for monosyllabic word
    recognition in continuously spoken sentences", IEEE TASSP 28(4), 1980.

    Logan, "Mel frequency cepstral coefficients for music modeling", ISMIR 2000.
    """
    transformed: Floats = scipy.fft.dct(window["mel_level"], axis=1, norm="ortho")
    return transformed[:, : window.settings.n_mfcc]


@descriptor(
    "series",
    size="n_mfcc",
    stats=["std"],
    needs=["mfcc"],
    sets=["default"],
    version=2,
    family="timbre",
    words={"mfcc_difference_*": ("smoother", "more restless")},
)
def mfcc_difference(window: Window) -> Floats:
    """Difference of the cepstral coefficients from the frame before; 0 in a window's first.

    How restless the colour of the sound is from moment to moment: low for held chords and pads,
    high for speech, drums and everything that is plucked or struck.

    The plain difference of `mfcc` between two frames, coefficient by coefficient. Its mean is
    always near 0; the deviation is what counts, and the only statistic taken.

    Notes
    -----
    Not librosa's `delta`, which is a slope over nine frames and misses fast changes. It does not
    tell whether what changes is a beat: see `tempo_pattern`.

    References
    ----------
    Furui, "Speaker-independent isolated word recognition using dynamic features of speech
    spectrum", IEEE TASSP 34(1), 1986, where it is a slope over several frames.
    """
    return np.diff(window["mfcc"], axis=0, prepend=window["mfcc"][:1])
