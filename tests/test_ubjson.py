"""XGBoost's UBJSON says what its JSON says."""

from __future__ import annotations

import json

import numpy as np
import pytest
import xgboost

from earmark.classify.model import ubjson


def _trained(**parameters):
    rng = np.random.default_rng(0)
    values = rng.integers(0, 5, (300, 3)).astype(np.float32)
    values[::9, 1] = np.nan
    labels = (np.nan_to_num(values[:, 0]) + rng.integers(0, 2, 300)) % 4
    data = xgboost.DMatrix(
        values, labels, feature_types=["c", "float", "int"], enable_categorical=True
    )
    if parameters.get("multi_strategy"):
        data = xgboost.DMatrix(values, labels)
    return xgboost.train(
        {"objective": "multi:softprob", "num_class": 4, "nthread": 1, **parameters}, data, 4
    )


def _same(found, expected):
    if isinstance(expected, dict):
        assert list(found) == list(expected)
        for name, value in expected.items():
            _same(found[name], value)
    elif isinstance(expected, list):
        assert len(found) == len(expected)
        for own, other in zip(found, expected, strict=True):
            _same(own, other)
    elif isinstance(expected, float):
        # JSON spells out as many digits as 32 bits need.
        assert np.float32(found) == np.float32(expected)
    else:
        assert found == expected


@pytest.mark.parametrize("parameters", [{}, {"multi_strategy": "multi_output_tree"}])
def test_it_holds_what_the_json_holds(parameters):
    booster = _trained(**parameters)
    # Attributes of the booster are texts of anybody's.
    booster.set_attr(who="Łódź ♯")
    found = ubjson.decode(booster.save_raw("ubj"))
    expected = json.loads(booster.save_raw("json"))
    _same(found, expected)
    tree = found["learner"]["gradient_booster"]["model"]["trees"][0]
    assert isinstance(tree["left_children"], np.ndarray)


@pytest.mark.parametrize(
    ("content", "value"),
    [
        (b"T", True),
        (b"F", False),
        (b"Z", None),
        (b"i\xff", -1),
        (b"U\xff", 255),
        (b"I\x01\x00", 256),
        (b"D\x40\x09\x21\xfb\x54\x44\x2d\x18", np.pi),
        (b"[#i\x02i\x01SL" + (5).to_bytes(8, "big") + b"seven", [1, "seven"]),
        (b"{i\x01a{}i\x01b[#i\x00}", {"a": {}, "b": []}),
    ],
)
def test_every_kind_of_value(content, value):
    assert ubjson.decode(content) == value


@pytest.mark.parametrize("content", [b"N", b"[i\x01]", b"[$i\x01"])
def test_what_xgboost_does_not_write_is_not_guessed_at(content):
    with pytest.raises(ValueError, match="no UBJSON as XGBoost writes it"):
        ubjson.decode(content)
