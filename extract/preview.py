"""A preview of a track: its waveform, mel spectrogram and beats, beside its descriptors.

All of it comes from one pass over the audio, and none of it grows with the length of the file:
pictures are reduced to a bounded number of columns while the samples come in.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from earmark.extract import sets
from earmark.extract.audio import decode
from earmark.extract.batch.track import EMPTY, Extraction, one_thread
from earmark.extract.config import DEFAULTS
from earmark.extract.descriptors import rhythm
from earmark.extract.engine import single_pass
from earmark.extract.errors import DecodeError
from earmark.extract.signal import filters

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

__all__ = ["MOST_COLUMNS", "Condenser", "Preview", "preview"]

Floats = NDArray[np.float32]

MOST_COLUMNS = 4096
"""The most columns of a picture; all but very short tracks have at least half as many. More than
any screen has, so that there is something to zoom into."""

SAMPLES = 128
"""Samples in the finest column of a waveform: 3 ms, shorter than anybody sees or hears."""

MEL_RANGE = 80.0
"""Decibels from the loudest mel band down to the darkest shade, as in `librosa.power_to_db`."""

SET = "default"
"""The set whose values every preview has; Spotify's columns are among them."""


@dataclass(frozen=True)
class Preview:
    """What is shown of a track.

    Parameters
    ----------
    duration : float
        In seconds.
    sample_rate, channels : int
        Of the file.
    values : Series
        The descriptors of the default set of the whole track, by name; NaN where there is none.
    rows : DataFrame
        The input of the model: the columns of its set, a row for each window of the track.
    waveform : ndarray of shape (columns, 3), float32
        Lowest and highest sample over all channels and the root mean square, full scale being 1.
    waveform_rate : float
        Columns of the waveform in a second.
    mel : ndarray of shape (bands, columns), uint8
        Levels of the mel bands, from 80 dB below the loudest (0) up to it (255).
    mel_rate : float
        Columns of the spectrogram in a second; the first one begins half a hop before the track.
    mel_frequencies : ndarray of shape (bands,), float64
        Centres of the bands in Hz.
    beats : DataFrame
        ``time`` in seconds and ``beat``, 1 for the first of a bar; see `earmark.beats`.
    """

    duration: float
    sample_rate: int
    channels: int
    values: pd.Series
    rows: pd.DataFrame
    waveform: Floats
    waveform_rate: float
    mel: NDArray[np.uint8]
    mel_rate: float
    mel_frequencies: NDArray[np.float64]
    beats: pd.DataFrame


class Condenser:
    """Keep a series of rows, however long, in a bounded number of columns.

    Whenever there are too many columns, neighbours are merged and a column stands for twice as many
    rows from there on: all columns stand for equally many, but for the last.

    Parameters
    ----------
    merge : callable
        Maps an array of shape (columns, rows of each, size) to (columns, size).
    most : int
        Columns that are kept.
    """

    def __init__(self, merge: Callable[[Floats], Floats], most: int = MOST_COLUMNS) -> None:
        self.span = 1
        self._merge = merge
        self._most = most
        self._columns: list[Floats] = []
        self._count = 0
        self._held: Floats | None = None

    def feed(self, rows: Floats) -> None:
        """Take the next rows, of shape (rows, size)."""
        if self._held is not None:
            rows = np.concatenate([self._held, rows])
        whole = len(rows) // self.span
        if whole:
            self._columns.append(self._merged(rows[: whole * self.span], self.span))
            self._count += whole
        self._held = np.array(rows[whole * self.span :])
        while self._count > self._most:
            self._halve()

    def columns(self) -> Floats:
        """Return the columns so far, of shape (columns, size); the last may stand for less."""
        parts = list(self._columns)
        if self._held is not None and len(self._held):
            parts.append(self._merged(self._held, len(self._held)))
        return np.concatenate(parts) if parts else np.empty((0, 1), np.float32)

    def _halve(self) -> None:
        columns = np.concatenate(self._columns)
        even = len(columns) // 2 * 2
        if self._held is not None:
            # The last of an odd number waits for its neighbour, as rows that are all alike.
            last = np.repeat(columns[even:], self.span, axis=0)
            self._held = np.concatenate([last, self._held])
        self._columns = [self._merged(columns[:even], 2)]
        self._count = even // 2
        self.span *= 2

    def _merged(self, rows: Floats, span: int) -> Floats:
        return self._merge(rows.reshape(-1, span, rows.shape[1]))


def preview(path: str | Path, extraction: Extraction) -> Preview:
    """Read a file once and return everything that is shown of it.

    Parameters
    ----------
    path : str or Path
        An audio file of any format.
    extraction : Extraction
        What the model needs. Where that is not computed from the default settings (a published set,
        or other settings), the file is read a second time for it.

    Raises
    ------
    DecodeError
        The file cannot be decoded, or holds no samples.
    """
    with one_thread(), decode.open_audio(path) as audio:
        result = _one_pass(audio, extraction)
        if not result.duration:
            raise DecodeError(path, EMPTY)
    if not len(result.rows):
        with one_thread(), decode.open_audio(path) as audio:
            rows = extraction.rows(audio)
        result = dataclasses.replace(result, rows=_table(rows, extraction))
    return result


def _one_pass(audio: decode.Audio, extraction: Extraction) -> Preview:
    """Read the audio once; the rows of the model are empty where they need another pass."""
    whole = sets.DescriptorSet(SET, sets.get(SET).version)
    wave, mel = Condenser(_envelope), Condenser(lambda levels: levels.mean(axis=1))
    watched = dataclasses.replace(audio, blocks=_watched(audio.blocks, wave))

    listener = rhythm.Listener()

    def watch(series: Mapping[str, Floats]) -> None:
        mel.feed(series["mel_db"])
        listener(series)

    lengths, model_set = {sets.TRACK_WINDOW}, sets.get(extraction.set)
    same_pass = extraction.settings == DEFAULTS and isinstance(model_set, sets.DescriptorSet)
    if same_pass and extraction.windows:
        lengths.add(extraction.windows)
    descriptors = whole.descriptors
    if same_pass and isinstance(model_set, sets.DescriptorSet):
        descriptors = tuple(dict.fromkeys((*descriptors, *model_set.descriptors)))
    tracks = single_pass.summarise_track(
        watched, descriptors, DEFAULTS, lengths, watch, sections=bool(extraction.windows)
    )
    track = tracks[sets.TRACK_WINDOW]
    rows = pd.DataFrame()
    if same_pass and isinstance(model_set, sets.DescriptorSet):
        windows = extraction.windows
        rows = _table(model_set.rows_from(tracks, windows, windows is None), extraction)
    values = whole.rows_from(tracks, None, True).values[0]
    empty: tuple[list[float], ...] = ([], [], [])
    times, numbers, tempi = rhythm.beats(track, listener) if track.seconds else empty
    return Preview(
        duration=track.seconds,
        sample_rate=audio.sample_rate,
        channels=audio.channels,
        values=pd.Series(values, [column.name for column in whole.columns(DEFAULTS)]),
        rows=rows,
        waveform=wave.columns(),
        waveform_rate=audio.sample_rate / (SAMPLES * wave.span),
        mel=_shades(mel.columns()),
        mel_rate=DEFAULTS.frame_rate / mel.span,
        mel_frequencies=filters.mel_frequencies(DEFAULTS.n_mels + 2, DEFAULTS.fmax)[1:-1],
        beats=pd.DataFrame({"time": times, "beat": numbers, "tempo": tempi}),
    )


def _table(rows: sets.Rows, extraction: Extraction) -> pd.DataFrame:
    """Lay out rows as `classify` takes them, without the name of the file."""
    table = pd.DataFrame(rows.values, columns=extraction.schema.names)
    if extraction.windows is not None:
        table.insert(0, "start", rows.starts)
        table.insert(1, "seconds", rows.seconds)
    return table


def _watched(blocks: Iterator[Floats], wave: Condenser) -> Iterator[Floats]:
    """Pass blocks of samples on, and feed the extent of every `SAMPLES` of them to the waveform."""
    held: Floats | None = None
    for block in blocks:
        yield block
        samples = block if held is None else np.concatenate([held, block])
        whole = len(samples) // SAMPLES * SAMPLES
        held = np.array(samples[whole:])
        if whole:
            wave.feed(_extent(samples[:whole].reshape(whole // SAMPLES, -1)))
    if held is not None and len(held):
        wave.feed(_extent(held.reshape(1, -1)))


def _extent(runs: Floats) -> Floats:
    """Return lowest and highest sample and root mean square of each row."""
    power = np.square(runs).mean(axis=1)
    return np.stack([runs.min(axis=1), runs.max(axis=1), np.sqrt(power)], axis=1)


def _envelope(columns: Floats) -> Floats:
    """Merge columns of a waveform."""
    low, high, rms = columns[..., 0], columns[..., 1], columns[..., 2]
    return np.stack(
        [low.min(axis=1), high.max(axis=1), np.sqrt(np.square(rms).mean(axis=1))], axis=1
    )


def _shades(levels: Floats) -> NDArray[np.uint8]:
    """Map levels in dB of shape (columns, bands) to shades of shape (bands, columns)."""
    if not len(levels):
        return np.zeros((DEFAULTS.n_mels, 0), np.uint8)
    # Of digital silence, and whatever is as quiet, nothing is to be seen.
    top = max(float(levels.max()), -100.0)
    shares = np.clip((levels.T - top) / MEL_RANGE + 1, 0, 1)
    shades: NDArray[np.uint8] = np.rint(255 * shares).astype(np.uint8)
    return shades
