"""The music of the benchmarks: chosen, read, and written as MP3 and WAV."""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import av
import numpy as np
import soxr
from numpy.typing import NDArray

from earmark.extract.audio import decode
from earmark.extract.audio import sources as files

if TYPE_CHECKING:
    from collections.abc import Sequence

BIT_RATE = 192_000
MP3_RATES = (32000, 44100, 48000)
"""Rates at which MP3 has 192 kb/s; what has another becomes 44100 Hz."""

CUT_SECONDS = 30.0
"""Length of the tracks in a folder of many: that of most collections for research."""

Samples = NDArray[np.int16]


def default() -> Path:
    """Return the folder of the shared full-quality recordings, else that of the demo tracks."""
    root = Path(__file__).resolve().parents[1]
    shared = Path(os.environ.get("EARMARK_DATA", root.parent / "shared" / "data")) / "librosa"
    return shared if shared.is_dir() else root / "data" / "raw"


def choose(sources: Sequence[Path], longest: int) -> list[Path]:
    """Return the longest audio files of the sources."""
    tracks, failures = files.find(sources)
    if failures or not tracks:
        raise SystemExit(str(failures[0]) if failures else "no audio in the sources")
    return sorted((track.location for track in tracks), key=_seconds, reverse=True)[:longest]


def _seconds(path: Path) -> float:
    """Return what the file says of its length, without decoding it; 0 where it says nothing."""
    with contextlib.suppress(av.error.FFmpegError), av.open(str(path)) as container:
        return (container.duration or 0) / 1e6
    return 0.0


def read(path: Path) -> tuple[Samples, int]:
    """Read a file as 16-bit samples of one or two channels, at a rate that MP3 knows."""
    with decode.open_audio(path) as audio:
        samples = np.concatenate([block[:, :2].copy() for block in audio.blocks])
        rate = audio.sample_rate
    if rate not in MP3_RATES:
        samples, rate = soxr.resample(samples, rate, 44100), 44100
    return (np.clip(samples, -1, 1) * 32767).astype(np.int16), rate


def write_mp3(path: Path, samples: Samples, rate: int) -> None:
    """Write MP3 by LAME at a constant 192 kb/s; libsndfile cannot be told a bit rate."""
    layout = "stereo" if samples.shape[1] == 2 else "mono"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libmp3lame", rate=rate, layout=layout)
        stream.bit_rate = BIT_RATE
        frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout=layout)
        frame.sample_rate = rate
        for piece in (frame, None):
            container.mux(stream.encode(piece))


def write_folder(folder: Path, music: Sequence[Path], tracks: int) -> float:
    """Fill a folder with MP3s of 30 s cut from the music, and copies of them.

    Returns
    -------
    float
        Their length in seconds, all together.
    """
    folder.mkdir()
    cuts: list[tuple[Path, float]] = []
    for path in music:
        samples, rate = read(path)
        length = min(round(CUT_SECONDS * rate), len(samples))
        for start in range(0, len(samples) - length + 1, length):
            if len(cuts) < tracks:
                cut = folder / f"{len(cuts):04d}.mp3"
                write_mp3(cut, samples[start : start + length], rate)
                cuts.append((cut, length / rate))
    for index in range(len(cuts), tracks):
        shutil.copy(cuts[index % len(cuts)][0], folder / f"{index:04d}.mp3")
    return sum(cuts[index % len(cuts)][1] for index in range(tracks))
