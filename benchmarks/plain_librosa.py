"""What people write without Earmark: the columns of the set `default`, one librosa call each.

Two ways: as tutorials do it, each call from the samples, and as a careful author does it, who
computes once what several calls need.
"""

from __future__ import annotations

import importlib
import importlib.util
from functools import wraps
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import librosa
import librosa.onset as onsets
import numpy as np
from librosa.beat import beat_track
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Callable

Values = NDArray[np.floating[Any]]

RATE, N_FFT, HOP_LENGTH = 22050, 2048, 512


def once(method: Callable[[Sound], Values]) -> Callable[[Sound], Values]:
    """Let a careful author keep what the method computes."""

    @wraps(method)
    def kept(sound: Sound) -> Values:
        if not sound.careful:
            return method(sound)
        if method.__name__ not in sound.kept:
            sound.kept[method.__name__] = method(sound)
        return sound.kept[method.__name__]

    return kept


class Sound:
    """A loaded file, and what is handed to librosa's functions.

    Parameters
    ----------
    path : str
        The file.
    careful : bool
        Whether what several calls need is computed once, or in each of them.
    """

    def __init__(self, path: str, careful: bool) -> None:
        self.channels, self.full_rate = librosa.load(path, sr=None, mono=False)
        mono = librosa.to_mono(self.channels)
        self.samples = librosa.resample(mono, orig_sr=self.full_rate, target_sr=RATE)
        self.careful = careful
        self.kept: dict[str, Values] = {}

    def spectrum(self, power: int = 1) -> dict[str, Values]:
        """Return the argument that says what to work on: `S` in that power, or `y`."""
        return {"S": self.magnitude() ** power} if self.careful else {"y": self.samples}

    @once
    def magnitude(self) -> Values:
        """Magnitudes of the short-time Fourier transform."""
        return np.abs(librosa.stft(self.samples, n_fft=N_FFT, hop_length=HOP_LENGTH))

    @once
    def mel_db(self) -> Values:
        """As many mel bands as ours, in dB."""
        return librosa.power_to_db(
            librosa.feature.melspectrogram(**self.spectrum(2), sr=RATE, n_mels=64, fmax=10000)
        )

    @once
    def chroma(self) -> Values:
        """Pitch classes; tuned to 440 Hz like ours, which spares librosa its estimate."""
        return librosa.feature.chroma_stft(**self.spectrum(2), sr=RATE, tuning=0.0)

    @once
    def onset_envelope(self) -> Values:
        """How much the mel bands rise."""
        return onsets.onset_strength(S=self.mel_db(), sr=RATE)


def loudness(sound: Sound) -> Values:
    """Integrated loudness by the usual package, since librosa has none."""
    meter = importlib.import_module("pyloudnorm").Meter(sound.full_rate)
    return np.array(meter.integrated_loudness(sound.channels.T))


def loudness_range(sound: Sound) -> Values:
    """Loudness range by the usual package; of less than three seconds it has none."""
    meter = importlib.import_module("pyloudnorm").Meter(sound.full_rate)
    return np.array(meter.loudness_range(sound.channels.T))


def onset_rate(sound: Sound) -> Values:
    """Onsets per second."""
    found = onsets.onset_detect(onset_envelope=sound.onset_envelope(), sr=RATE)
    return np.array(len(found) / (len(sound.samples) / RATE))


def tempo(sound: Sound) -> Values:
    """Tempo, and the height of the tempogram there as a confidence."""
    tempogram = librosa.feature.tempogram(onset_envelope=sound.onset_envelope(), sr=RATE)
    bpm = librosa.feature.tempo(tg=tempogram, sr=RATE)[0]
    frequencies = librosa.tempo_frequencies(len(tempogram), sr=RATE)
    return np.array([bpm, tempogram.mean(axis=1)[np.abs(frequencies - bpm).argmin()]])


def time_signature(sound: Sound) -> Values:
    """Find what the strength of the beats repeats after; librosa knows beats alone."""
    envelope = sound.onset_envelope()
    _, found = beat_track(onset_envelope=envelope, sr=RATE)
    strength = envelope[found] - envelope[found].mean()
    repeats = librosa.autocorrelate(np.pad(strength, (0, 8)))[3:8]
    return np.array([3 + repeats.argmax(), repeats.max() / max(np.square(strength).sum(), 1e-9)])


def key(sound: Sound) -> Values:
    """Key, mode and a score by Krumhansl's profiles, as everybody copies them."""
    scores = krumhansl(sound.chroma())
    best = int(scores.argmax())
    return np.array([best % 12, best < 12, scores[best]])


def krumhansl(chroma: Values) -> Values:
    """Return how well the mean chroma fits each key: major from C upwards, then minor."""
    major = [6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88]
    minor = [6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17]
    mean = chroma.mean(axis=1)
    profiles = [np.roll(profile, tonic) for profile in (major, minor) for tonic in range(12)]
    return np.array([np.corrcoef(mean, profile)[0, 1] for profile in profiles])


def flux(sound: Sound) -> Values:
    """Distance between neighbouring spectra, for which librosa has no function."""
    scaled = sound.magnitude() / np.maximum(sound.magnitude().sum(axis=0), 1e-20)
    return np.sqrt(np.square(np.diff(scaled)).sum(axis=0, keepdims=True))


def stereo_width(sound: Sound) -> Values:
    """Share of the energy in the difference of the channels."""
    if sound.channels.ndim != 2 or len(sound.channels) != 2:
        return np.array(np.nan)
    left, right = sound.channels
    return np.square((left - right) / 2).sum() / np.square(sound.channels).mean(axis=0).sum()


def mfcc(sound: Sound) -> Values:
    """Cepstral coefficients."""
    return librosa.feature.mfcc(S=sound.mel_db(), n_mfcc=20)


def mfcc_difference(sound: Sound) -> Values:
    """How much they change from frame to frame."""
    return np.diff(mfcc(sound)).std(axis=1)


def variance_pattern(sound: Sound) -> Values:
    """Deviation of 16 bands in blocks of ten frames."""
    bands = sound.mel_db().reshape(16, 4, -1).mean(axis=1)
    blocks = librosa.util.frame(bands, frame_length=10, hop_length=10)
    return blocks.std(axis=1).mean(axis=-1)


def fluctuation_pattern(sound: Sound) -> Values:
    """Spectra over time of 16 bands, in blocks of 128 frames."""
    bands = sound.mel_db().reshape(16, 4, -1).mean(axis=1)
    blocks = librosa.util.frame(bands, frame_length=128, hop_length=64)
    window = np.hanning(130)[1:-1, np.newaxis]
    moving = (blocks - blocks.mean(axis=1, keepdims=True)) * window
    spectra = np.abs(np.fft.rfft(moving, axis=1)).mean(axis=-1) / np.sqrt(np.square(window).sum())
    pairs = spectra.reshape(8, 2, -1).mean(axis=1)
    edges = [1, 2, 3, 4, 6, 9, 14, 22, 34]
    rates = [pairs[:, low:high].mean(axis=1) for low, high in pairwise(edges)]
    return np.log10(np.concatenate(rates) + 0.01)


def tempo_pattern(sound: Sound) -> Values:
    """Autocorrelation of the onset envelope in bands of tempo."""
    envelope = sound.onset_envelope()
    strength = librosa.autocorrelate(envelope - envelope.mean(), max_size=100)
    edges = 60 * RATE / HOP_LENGTH / np.geomspace(40, 360, 17)
    return np.array(
        [
            strength[int(low) : int(np.ceil(high)) + 1].max() / strength[0]
            for high, low in pairwise(edges)
        ]
    )


def rotated_chroma(sound: Sound) -> Values:
    """Chroma from the strongest pitch class on."""
    mean = sound.chroma().mean(axis=1)
    return np.roll(mean, -int(mean.argmax()))


CALLS: dict[str, Callable[[Sound], Values]] = {
    "duration_ms": lambda sound: np.array(1000 * librosa.get_duration(y=sound.samples, sr=RATE)),
    "loudness": loudness,
    "loudness_range": loudness_range,
    "onset_rate": onset_rate,
    "tempo": tempo,
    "time_signature": time_signature,
    "key": key,
    "stereo_width": stereo_width,
    "mfcc": mfcc,
    "mfcc_difference": mfcc_difference,
    "variance_pattern": variance_pattern,
    "fluctuation_pattern": fluctuation_pattern,
    "tempo_pattern": tempo_pattern,
    "rotated_chroma": rotated_chroma,
    "rms": lambda sound: librosa.feature.rms(y=sound.samples),
    "zero_crossing_rate": lambda sound: librosa.feature.zero_crossing_rate(sound.samples),
    "spectral_centroid": lambda sound: librosa.feature.spectral_centroid(**sound.spectrum()),
    "spectral_bandwidth": lambda sound: librosa.feature.spectral_bandwidth(**sound.spectrum()),
    "spectral_rolloff": lambda sound: librosa.feature.spectral_rolloff(**sound.spectrum()),
    "spectral_flatness": lambda sound: librosa.feature.spectral_flatness(**sound.spectrum()),
    "spectral_flux": flux,
    "spectral_contrast": lambda sound: librosa.feature.spectral_contrast(**sound.spectrum()),
    "chroma": Sound.chroma,
    "tonnetz": lambda sound: librosa.feature.tonnetz(chroma=sound.chroma()),
}
"""How a descriptor of ours is had from librosa, by its name in the registry.

An array of one axis or none is taken as it is, of one with frames the mean and the deviation."""


def available() -> set[str]:
    """Return the names of the descriptors that the script can compute here."""
    found = importlib.util.find_spec("pyloudnorm")
    return {name for name in CALLS if found or not name.startswith("loudness")}


def describe(path: str, careful: bool, names: list[str]) -> dict[str, Values]:
    """Compute the named descriptors of a file."""
    sound = Sound(path, careful)
    row = {}
    for name in names:
        values = CALLS[name](sound)
        if values.ndim == 2:
            values = np.concatenate([values.mean(axis=1), values.std(axis=1)])
        row[name] = np.atleast_1d(values)
    return row


def plain(careful: bool, names: list[str]) -> Callable[[str], int]:
    """Prepare the script for the named descriptors; it gives the number of values."""
    return lambda path: sum(map(len, describe(path, careful, names).values()))
