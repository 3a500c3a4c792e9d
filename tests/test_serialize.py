"""Results of jobs as bytes: they come back as they were, and damaged ones are refused."""

from __future__ import annotations

import contextlib
import itertools
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

from earmark.classify.app.errors import JobError
from earmark.classify.app.jobs import serialize
from earmark.classify.app.jobs.pool import PoolSettings

plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text()
    | st.text(st.characters(categories=["Cs", "L"]))
    | st.binary(max_size=20)
    | st.builds(Path, st.text("abc/", max_size=8)),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text(max_size=3) | st.integers(), inner, max_size=4)
    ),
    max_leaves=20,
)


@given(plain)
def test_unpacking_gives_back_what_was_packed(value):
    assert serialize.unpack(serialize.pack(value)) == value


@given(st.binary(max_size=300))
def test_bytes_that_were_not_packed_are_refused(data):
    with pytest.raises(JobError, match="the answer of the worker cannot be read"):
        serialize.unpack(data)


@given(st.data())
def test_damaged_bytes_are_refused_or_give_plain_values(data):
    good = serialize.pack({"a": np.arange(5.0), "b": [1, "x", (None, 2.5)]})
    at = data.draw(st.integers(0, len(good) - 1))
    damaged = good[:at] + data.draw(st.binary(min_size=1, max_size=4)) + good[at + 1 :]
    with contextlib.suppress(JobError):
        found = serialize.unpack(damaged)
        assert serialize.pack(found)


@pytest.mark.parametrize(
    "array",
    [
        np.arange(6, dtype="int16").reshape(2, 3),
        np.empty((0, 4), np.float32),
        np.array(7.5),
        np.array([True, False]),
        np.array(["a", "ßü"]),
        np.array(["2024-01-01"], "datetime64[s]"),
        np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        np.array([1 + 2j, np.nan]),
    ],
)
def test_arrays_come_back_as_they_were_and_can_be_written(array):
    found = serialize.unpack(serialize.pack(array))
    assert (found.dtype, found.shape) == (array.dtype, array.shape)
    np.testing.assert_array_equal(found, array)
    found[...] = found


def test_tables_come_back_as_they_were():
    frame = pd.DataFrame(
        {
            "path": ["a", None],
            "genre": pd.Categorical(["jazz", "rock"]),
            "energy": np.array([0.5, np.nan], np.float32),
            "when": pd.to_datetime(["2024-01-01", None]),
        },
        index=pd.Index(["x", "y"], name="row"),
    )
    frame = frame.astype({"path": "str"})
    (found,) = serialize.unpack(serialize.pack([frame]))
    assert_frame_equal(found, frame)
    assert serialize.unpack(serialize.pack(np.float32(0.5))) == 0.5


@pytest.mark.parametrize(
    "value", [object(), np.array([object()]), {1, 2}, print, PoolSettings(), pd.Series([1])]
)
def test_what_is_not_plain_does_not_leave_the_worker(value):
    with pytest.raises(TypeError, match=r"a result cannot hold a .*; give plain values"):
        serialize.pack(value)


def test_nothing_without_an_end_is_packed():
    value: list = []
    value.append(value)
    with pytest.raises(TypeError, match="nested too deeply"):
        serialize.pack(value)
    deep = list(itertools.accumulate(range(30), lambda inner, _: [inner], initial=[]))
    assert serialize.unpack(serialize.pack(deep)) == deep


def test_an_array_of_objects_is_refused_when_unpacked():
    good = serialize.pack(np.zeros(3))
    with pytest.raises(JobError, match="cannot be read"):
        serialize.unpack(good.replace(b"<f8", b"|O8"))
