"""Level: duration, loudness and its range, true peak, RMS, and how wide the stereo image is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from earmark.extract.engine.registry import Column, descriptor
from earmark.extract.engine.windows import REFERENCE_LEVEL
from earmark.extract.signal import series_loops

if TYPE_CHECKING:
    from earmark.extract.engine.aggregate import TrackSummary
    from earmark.extract.signal.frames import Block

__all__ = [
    "duration_ms",
    "frame_rms",
    "integrated_loudness",
    "loudness",
    "loudness_range",
    "range_of_loudness",
    "rms",
    "stereo_width",
    "true_peak",
]

Floats = NDArray[np.float32]


@descriptor(
    "track",
    values=[Column("duration_ms", "ms", (0, np.inf), dtype="int64")],
    sets=["default", "spotify", "loudness"],
    family="length",
    words={"duration_ms": ("shorter", "longer")},
)
def duration_ms(track: TrackSummary) -> float:
    """Duration in milliseconds, rounded as Spotify gives it.

    How long it plays, with the silence at both ends.

    The samples that were decoded over the sample rate, to the nearest millisecond.

    Notes
    -----
    Not what the header of the file claims, nor exactly Spotify's: releases of one song differ in
    length, and encoders add some silence. In a row of a window it is the length of the window.

    References
    ----------
    Spotify, Web API reference, "Get track's audio features": the name and the unit.
    """
    return float(round(track.seconds * 1000))


@descriptor(
    "track",
    unit="LUFS",
    range=(-70, 20),
    sets=["default", "spotify", "loudness"],
    version=2,
    family="dynamics",
    words={"loudness": ("softer", "louder")},
)
def loudness(track: TrackSummary) -> float:
    """Integrated loudness of the full-rate channels in LUFS, by ITU-R BS.1770-4 with gating.

    How loud the file is as a whole: about -8 for a loud modern master, -14 for what streaming
    services play at, -23 for broadcasts.

    All channels are K-weighted at the file's own rate, which lifts the treble as the head does and
    cuts off the deepest bass; their energies are summed over blocks of 400 ms, four of which begin
    in every 400 ms. Blocks below -70 LUFS do not count, nor those more than 10 LU below the mean of
    the others. NaN where none is left, and above 20 LUFS, which square waves in eight channels do
    not reach: there the samples are on a scale of integers.

    Notes
    -----
    Not how loud it is played, nor how loud the music is by nature: a remaster of the same recording
    is louder, and a clip whose level was changed has lost it. Not Spotify's value either, whose
    rule was never published, though close to it.

    A file of one channel is 3 LU softer than one of two with the same signal in both, as the
    standard has it.

    References
    ----------
    ITU-R BS.1770-4, "Algorithms to measure audio programme loudness and true-peak audio level",
    2015, annex 1.

    De Man, "Evaluation of implementations of the EBU R128 loudness measurement", AES 145, 2018: the
    weighting at any sample rate.
    """
    return integrated_loudness(track.energies.weighted)


def integrated_loudness(energies: NDArray[np.float64]) -> float:
    """Gate and average K-weighted energies.

    Parameters
    ----------
    energies : ndarray of shape (steps,)
        Weighted mean square per step of 100 ms. Blocks are four steps long and overlap by three.

    Returns
    -------
    float
        Loudness in LUFS; NaN where no block of 400 ms reaches -70 LUFS.

    References
    ----------
    ITU-R BS.1770-4, "Algorithms to measure audio programme loudness and true-peak audio level",
    2015, annex 1.

    Examples
    --------
    >>> round(integrated_loudness(np.full(100, 0.01)), 2)
    -20.69
    """
    if len(energies) < 4:
        return np.nan
    blocks = np.convolve(energies, np.full(4, 0.25), "valid")
    blocks = blocks[blocks > 10 ** ((-70 + 0.691) / 10)]
    if not len(blocks):
        return np.nan
    blocks = blocks[blocks > blocks.mean() * 10 ** (-10 / 10)]
    return float(-0.691 + 10 * np.log10(blocks.mean()))


@descriptor(
    "track",
    unit="LU",
    range=(0, np.inf),
    sets=["loudness"],
    family="dynamics",
    words={"loudness_range": ("more even in level", "more varied in level")},
)
def loudness_range(track: TrackSummary) -> float:
    """Loudness range in LU, by EBU Tech 3342: how far apart quiet and loud passages lie.

    A few LU for pop that is level throughout, 15 or more for an orchestra with soft and loud
    passages.

    The loudness of blocks of 3 s, one of which begins every 100 ms: from the 10th to the 95th
    percentile of those within 20 LU of the mean of all above -70 LUFS.

    Three seconds of music have no range yet, and less than a minute says little: NaN where there
    are not two blocks above the gate.

    Notes
    -----
    Not the punch of single strokes, which compression takes away: it is about passages. A long fade
    counts as a soft one. A clip has less of it than the piece that it was cut from.

    References
    ----------
    EBU Tech 3342, "Loudness range: a measure to supplement EBU R 128 loudness normalization", 2016.
    """
    return range_of_loudness(track.energies.weighted)


def range_of_loudness(energies: NDArray[np.float64]) -> float:
    """Return the spread of short-term loudness.

    From the 10th to the 95th percentile of the blocks within 20 LU of the mean of those above
    -70 LUFS.

    Parameters
    ----------
    energies : ndarray of shape (steps,)
        Weighted mean square per step of 100 ms. Blocks are thirty steps long, one begins with
        each step.

    Returns
    -------
    float
        Range in LU; NaN where fewer than two blocks reach the gate.

    References
    ----------
    EBU Tech 3342, "Loudness range: a measure to supplement EBU R 128 loudness normalization",
    2016.

    Examples
    --------
    >>> soft_then_loud = np.repeat([0.001, 0.01], 600)
    >>> round(range_of_loudness(soft_then_loud), 2)
    10.0
    """
    if len(energies) < 31:
        return np.nan
    blocks = np.convolve(energies, np.full(30, 1 / 30), "valid")
    blocks = blocks[blocks >= 10 ** ((-70 + 0.691) / 10)]
    if len(blocks):
        blocks = blocks[blocks >= blocks.mean() * 10 ** (-20 / 10)]
    if len(blocks) < 2:
        return np.nan
    low, high = np.quantile(blocks, [0.1, 0.95], method="nearest")
    return float(10 * np.log10(high / low))


@descriptor(
    "track",
    unit="dBTP",
    range=(-80, 30),
    peaks=True,
    sets=["loudness"],
    family="dynamics",
)
def true_peak(track: TrackSummary) -> float:
    """Highest point of the waveform in dB relative to full scale, between the samples too.

    How close the file comes to clipping once it is sound: above 0 dBTP a player or an encoder may
    distort.

    By ITU-R BS.1770-4, annex 2, over all channels at the sample rate of the file (see
    `earmark.extract.signal.true_peak`). Above 0 where a player that turns samples into a waveform
    would clip, as in many MP3s of loud music. NaN for silence, to which the dither of 16 bits
    counts, for less than 100 ms, and above 30 dBTP, where the samples are on a scale of integers.

    Notes
    -----
    Not the loudness: soft music may have high peaks. Not the highest sample either, which is lower.

    References
    ----------
    ITU-R BS.1770-4, "Algorithms to measure audio programme loudness and true-peak audio level",
    2015, annex 2.
    """
    peak = track.energies.peaks.max(initial=0.0)
    if not len(track.energies.weighted) or peak < 10 ** (-80 / 20):
        return np.nan
    return float(20 * np.log10(peak))


@descriptor(
    "track",
    range=(0, 1),
    needs=["frame_rms"],
    sets=["default"],
    family="recording",
    words={"stereo_width": ("narrower in stereo", "wider in stereo")},
)
def stereo_width(track: TrackSummary) -> float:
    """Share of the energy that mixing two channels down to one takes away.

    How far the sound reaches out of the middle: 0 is mono, as old recordings are, and the more
    differs between left and right the wider it is.

    0 for the same signal in both, 1/2 for two that have nothing in common, 1 for opposite ones;
    K-weighted (see `earmark.extract.signal.loudness`), weighted with the energy. NaN where there
    are not two channels: how wide the original of a mono file was cannot be known.

    Notes
    -----
    Not where instruments stand: one that is hard on the left gives 1/2 as well as two that have
    nothing in common. Reverberation, chorus and codecs that join channels change it.

    References
    ----------
    Blumlein, "Improvements in and relating to sound-transmission, sound-recording and
    sound-reproducing systems", British patent 394,325, 1933: sum and difference of two channels.
    """
    energies = track.energies
    if energies.side is None or not energies.weighted.sum() > 0:
        return np.nan
    share = np.average(np.nan_to_num(energies.side), weights=energies.weighted)
    return float(np.clip(share, 0, 1))


@descriptor("frame")
def frame_rms(block: Block) -> Floats:
    """Root mean square of the samples under each frame (`librosa.feature.rms`), full scale 1."""
    return np.sqrt(
        series_loops.squares(block.span, block.settings.n_fft, block.settings.hop_length)
    )


@descriptor(
    "track",
    values=[Column("rms_mean", "", (0, np.inf)), Column("rms_std", "", (0, np.inf))],
    needs=["frame_rms"],
    sets=["default"],
    version=3,
    family="dynamics",
    words={
        "rms_mean": ("more varied in level", "more even in level"),
        "rms_std": ("more even in level", "more varied in level"),
    },
)
def rms(track: TrackSummary) -> tuple[float, float]:
    """Mean and deviation of the root mean square per frame, the track brought to -23 dB.

    The mean says how steadily the level is held, the deviation how much it moves; neither depends
    on the gain of the file.

    The root mean square of the samples of the mix-down under each frame (`librosa.feature.rms`),
    times what brings the track to -23 dB; mean and deviation over the frames in which something
    sounds. Of a steady tone the mean is 0.07, the highest that there is, and the deviation 0.

    Notes
    -----
    Not the loudness, which goes with the gain. No range in decibels either: see `loudness_range`
    for passages.

    References
    ----------
    McFee and others, "librosa: audio and music signal analysis in Python", Proceedings of the 14th
    Python in Science Conference, 2015.
    """
    gain = 10 ** ((REFERENCE_LEVEL - track.level) / 20)
    values = track["frame_rms"][track.active].astype(np.float64) * gain
    return float(values.mean()), float(values.std())
