"""The compiled loops give what NumPy gives."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from earmark.extract.signal import kernels, spectral_loops

MATRICES = arrays.arrays(
    np.float32,
    st.tuples(st.integers(1, 20), st.integers(8, 90)),
    elements=st.floats(0, 1e3, width=32),
)


@settings(max_examples=50, deadline=None, derandomize=True)
@given(
    values=MATRICES, split=st.integers(2, 6), counts=st.tuples(st.integers(1, 2), st.integers(1, 2))
)
def test_band_extremes_are_the_ends_of_sorted_bands(values, split, counts):
    starts, stops = np.array([0, split]), np.array([split, values.shape[1]])
    lows, highs = spectral_loops.band_extremes(values, starts, stops, np.array(counts))
    for band, count in enumerate(counts):
        ordered = np.sort(values[:, starts[band] : stops[band]], axis=1)
        np.testing.assert_allclose(lows[:, band], ordered[:, :count].mean(axis=1), rtol=1e-6)
        np.testing.assert_allclose(highs[:, band], ordered[:, -count:].mean(axis=1), rtol=1e-6)


@settings(max_examples=50, deadline=None, derandomize=True)
@given(values=MATRICES, scale=st.floats(0.01, 1))
def test_floored_means_are_geometric_and_arithmetic(values, scale):
    scales = np.full(len(values), scale, np.float32)
    found = spectral_loops.floored_means(values, scales, 1e-6)
    floored = np.maximum(values.astype(float) * scales[:, None], 1e-6)
    np.testing.assert_allclose(found[0], np.exp(np.log(floored).mean(axis=1)), rtol=1e-4)
    np.testing.assert_allclose(found[1], floored.mean(axis=1), rtol=1e-4)


@pytest.mark.parametrize("count", range(1, 20))
def test_floored_means_of_few_values(count):
    values = np.linspace(0, 2, 3 * count, dtype=np.float32).reshape(3, count)
    geometric, arithmetic = spectral_loops.floored_means(values, np.ones(3, np.float32), 0.01)
    floored = np.maximum(values, 0.01)
    assert geometric == pytest.approx(np.exp(np.log(floored).mean(axis=1)), rel=1e-5)
    assert arithmetic == pytest.approx(floored.mean(axis=1), rel=1e-5)


@settings(max_examples=50, deadline=None, derandomize=True)
@given(values=MATRICES, data=st.data())
def test_moments_of_the_rows_in_use(values, data):
    used = np.array(data.draw(st.lists(st.booleans(), min_size=len(values), max_size=len(values))))
    used[0] = True
    mean, variance = spectral_loops.mean_variance(values, used)
    np.testing.assert_allclose(mean, values[used].mean(axis=0, dtype=float), rtol=1e-9)
    np.testing.assert_allclose(variance, values[used].var(axis=0, dtype=float), atol=1e-9)


def test_the_mean_rise_begins_with_the_row_before():
    levels = np.float32([[1, 5], [3, 4], [2, 2]])
    found = spectral_loops.mean_rise(levels, np.float32([0, 9]))
    assert found == pytest.approx([0.5, 1, 0])


@kernels.kernel
def _doubled(value):
    return 2 * value


@kernels.kernel
def _quadrupled(value):
    return _doubled(_doubled(value))


def test_a_kernel_is_compiled_when_it_is_called_and_calls_others():
    assert "compiled" not in vars(_quadrupled)
    assert _quadrupled(3.0) == 12
    assert _quadrupled.compiled.signatures
