"""The filter banks are librosa's."""

from __future__ import annotations

import librosa
import numpy as np
import pytest

from earmark.extract.signal import filters


@pytest.mark.filterwarnings("ignore:Empty filters")
@pytest.mark.parametrize("rate", [8000, 22050, 44100])
@pytest.mark.parametrize("n_fft", [512, 2048, 4095])
@pytest.mark.parametrize("n_mels", [32, 64, 128])
def test_mel_bands_are_those_of_librosa(rate, n_fft, n_mels):
    for fmax in (900, 3000.5, rate / 2):
        expected = librosa.filters.mel(sr=rate, n_fft=n_fft, n_mels=n_mels, fmax=fmax, dtype=float)
        np.testing.assert_allclose(filters.mel(rate, n_fft, n_mels, fmax), expected, atol=1e-12)


def test_mel_frequencies_are_those_of_librosa():
    for fmax in (900, 1000, 1001, 10000):
        expected = librosa.mel_frequencies(n_mels=66, fmax=fmax)
        np.testing.assert_allclose(filters.mel_frequencies(66, fmax), expected)


@pytest.mark.parametrize("rate", [8000, 22050, 44100])
@pytest.mark.parametrize("n_fft", [512, 2048, 4095])
@pytest.mark.parametrize("tuning", [-0.5, 0.0, 0.23])
def test_pitch_classes_are_those_of_librosa(rate, n_fft, tuning):
    expected = librosa.filters.chroma(sr=rate, n_fft=n_fft, tuning=tuning, dtype=float)
    np.testing.assert_allclose(filters.chroma(rate, n_fft, tuning), expected, atol=1e-9)
