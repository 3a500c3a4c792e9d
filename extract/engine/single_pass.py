"""One pass over the audio of a file: blocks of spectra, windows, their summaries.

    samples → blocks of frames → frame descriptors → windows → summaries → a track
            → patches → embeddings                                        ↗

Nothing but the summaries grows with the length of the file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from earmark.extract.engine import aggregate
from earmark.extract.engine.aggregate import Summary, TrackSummary
from earmark.extract.engine.patches import Patches
from earmark.extract.engine.windows import WindowCutter
from earmark.extract.signal import frames
from earmark.extract.signal.loudness import LoudnessMeter

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    import numpy as np
    from numpy.typing import NDArray

    from earmark.extract.audio.decode import Audio
    from earmark.extract.config import Settings
    from earmark.extract.engine.registry import Descriptor

__all__ = ["summarise_track"]


def summarise_track(
    audio: Audio,
    descriptors: tuple[Descriptor, ...],
    settings: Settings,
    lengths: Collection[float],
    watch: Callable[[Mapping[str, NDArray[np.float32]]], None] | None = None,
    sections: bool = False,
) -> dict[float, TrackSummary]:
    """Read the audio once and summarise the track over windows of each length.

    Parameters
    ----------
    audio : Audio
        An open file.
    descriptors : tuple of Descriptor
        What to compute; their declarations say what that needs.
    settings : Settings
        Sample rate, analysis window, hop and band.
    lengths : collection of float
        Lengths in seconds of the windows. Spectra and frame descriptors are computed once for all
        of them.
    watch : callable, optional
        Called with the series of the frame descriptors of each block, by name.
    sections : bool
        Whether the windows will be asked for embeddings of their own, too.

    Returns
    -------
    dict of float to TrackSummary
        The track by the length of the windows.

    Raises
    ------
    DecodeError
        The file breaks off.
    """
    needed = aggregate.plan(descriptors)
    meter = LoudnessMeter(audio.sample_rate, audio.channels, needed.peaks, audio.layout)
    cutters = {seconds: WindowCutter(settings, seconds) for seconds in lengths}
    summaries: dict[float, list[Summary]] = {seconds: [] for seconds in lengths}
    patches = None
    if needed.embeddings:
        patches = Patches(audio.sample_rate, needed.embeddings, sections)
    listen = None if patches is None else patches.feed
    for block in frames.blocks(audio, meter, settings, listen):
        series = {entry.name: entry.function(block) for entry in needed.frames}
        if watch is not None:
            watch(series)
        for seconds, cutter in cutters.items():
            summaries[seconds] += (
                aggregate.summarise(window, needed) for window in cutter.feed(series)
            )
    for seconds, cutter in cutters.items():
        summaries[seconds] += (aggregate.summarise(window, needed) for window in cutter.finish())
    if patches is not None:
        patches.finish()
    duration = meter.samples / audio.sample_rate
    energies = meter.energies()
    return {
        seconds: TrackSummary(settings, duration, energies, parts, patches=patches)
        for seconds, parts in summaries.items()
    }
