"""What the extraction relies on within other libraries is still there."""

from __future__ import annotations

import os

import joblib
import pytest

from earmark.extract import _compat


def test_a_killed_worker_raises_the_error_that_is_caught():
    with (
        joblib.parallel_config(backend="loky", inner_max_num_threads=1),
        pytest.raises(_compat.worker_killed_error()),
    ):
        joblib.Parallel(n_jobs=2)(joblib.delayed(os.abort)() for _ in range(2))
