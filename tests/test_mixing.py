"""An order for mixing: keys lie where DJ programs have them, and neighbours agree."""

from __future__ import annotations

import time

import numpy as np
import pytest

from earmark.classify.library import mixing
from earmark.extract import key_names
from earmark.extract.errors import SchemaError

# The wheel as it is printed: minor keys have A, major keys B.
MINOR = ["G#", "D#", "A#", "F", "C", "G", "D", "A", "E", "B", "F#", "C#"]
MAJOR = ["B", "F#", "C#", "G#", "D#", "A#", "F", "C", "G", "D", "A", "E"]
PITCHES = ["C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B"]


def test_a_key_of_a_column_has_a_name():
    key, mode = np.array([9.0, 0.0]), np.array([0.0, 1.0])
    assert [key_names.key_name(*pair) for pair in zip(key, mode, strict=True)] == ["Am", "C"]
    assert [key_names.camelot(*pair) for pair in zip(key, mode, strict=True)] == ["8A", "8B"]


@pytest.mark.parametrize("pitch", range(12))
def test_the_wheel_is_that_of_dj_programs_and_is_read_back(pitch):
    name = PITCHES[pitch]
    for mode, wheel, letter in ((0, MINOR, "A"), (1, MAJOR, "B")):
        code = f"{wheel.index(name) + 1}{letter}"
        assert key_names.camelot(pitch, mode) == code
        assert key_names.parse_key(code) == (pitch, mode)
        assert key_names.parse_key(name + ("m" if mode == 0 else "")) == (pitch, mode)


def test_what_is_no_key_is_refused_and_an_unknown_one_has_no_code():
    for text in ("13A", "0B", "H", "", "m", "F##", "8C"):
        with pytest.raises(SchemaError, match="is no key"):
            key_names.parse_key(text)
    assert (
        key_names.camelot(-1, 0)
        == key_names.camelot(float("nan"), 1)
        == key_names.camelot(3, 2)
        == ""
    )


def test_neighbours_agree_and_others_do_not():
    def place(code):
        return mixing.wheel(*(np.array([float(v)]) for v in key_names.parse_key(code)))

    for other in ("8A", "7A", "9A", "8B"):
        assert mixing.harmonic(place("8A"), place(other)).all()
    for other in ("10A", "9B", "7B", "2A"):
        assert not mixing.harmonic(place("8A"), place(other)).any()
    assert mixing.harmonic(place("12B"), place("1B")).all()


def test_half_and_double_tempo_cost_nothing_and_three_percent_a_step():
    here = mixing.wheel(np.array([9.0]), np.array([0.0]))
    tempo = np.array([140.0])
    assert mixing.cost(tempo, here, tempo / 2, here)[0] == pytest.approx(0)
    assert mixing.cost(tempo, here, tempo * 1.03, here)[0] == pytest.approx(1)
    nothing = np.full(1, np.nan)
    unknown = mixing.wheel(nothing, nothing)
    assert mixing.cost(tempo, here, nothing, unknown)[0] == 2 * mixing.FURTHEST


def total(order, tempo, key, mode):
    place = mixing.wheel(key, mode)[order]
    return mixing.cost(tempo[order][:-1], place[:-1], tempo[order][1:], place[1:])


def test_a_chain_whose_best_order_is_known_is_found():
    keys = [key_names.parse_key(code) for code in ("5A", "8A", "6A", "9A", "7A", "10A")]
    key, mode = np.array(keys, float).T
    found = mixing.order(np.full(6, 120.0), key, mode, start=0)
    assert found.tolist() == [0, 2, 4, 1, 3, 5]


def test_an_order_is_cheap_holds_all_and_begins_where_it_is_told():
    random = np.random.default_rng(1)
    count = 200
    tempo = random.uniform(80, 160, count)
    key, mode = random.integers(0, 12, count) * 1.0, random.integers(0, 2, count) * 1.0
    tempo[3] = key[3] = np.nan
    found = mixing.order(tempo, key, mode, start=17)
    assert found[0] == 17
    assert found[-1] == 3
    assert sorted(found) == list(range(count))
    by_tempo = np.argsort(tempo)
    ours, theirs = (np.median(total(each, tempo, key, mode)) for each in (found, by_tempo))
    assert ours < theirs / 2
    np.testing.assert_array_equal(mixing.order(tempo, key, mode, start=17), found)


def test_the_time_depends_on_the_stops_alone():
    random = np.random.default_rng(1)
    count = 100_000
    start = time.perf_counter()
    found = mixing.order(
        random.uniform(60, 200, count),
        random.integers(0, 12, count) * 1.0,
        random.integers(0, 2, count) * 1.0,
    )
    assert time.perf_counter() - start < 5
    assert len(np.unique(found)) == count
    assert len(mixing.order(*np.empty((3, 0)))) == 0
