"""Declarations of descriptors: what cannot be meant is refused, naming descriptor and value."""

from __future__ import annotations

import numpy as np
import pytest

from earmark.extract import sets
from earmark.extract.engine import registry
from earmark.extract.engine.registry import Column


def rumble(row):
    """How much it rumbles."""
    return float(row["loudness"])


@pytest.fixture(autouse=True)
def only_what_was_registered():
    before = dict(registry._discover())
    yield
    assert registry._discover() == before


@pytest.mark.parametrize(
    ("declaration", "message"),
    [
        ({"kind": "frames"}, "kind 'frames' does not exist; there is frame, series"),
        ({"sets": ["defualt"]}, "set 'defualt' does not exist; there is default, spotify"),
        ({"sets": "default"}, r"sets='default' is a string; write \['default'\]"),
        ({"stats": ["sdt"]}, "statistic 'sdt' does not exist; there is mean, std"),
        ({"stats": "mean"}, "stats='mean' is a string"),
        ({"needs": "mel_level"}, "needs='mel_level' is a string"),
        ({"size": "n_mel"}, "setting 'n_mel' does not exist; there is sample_rate"),
        ({"size": 0}, "size=0 is less than one value"),
        ({"kind": "window", "stats": ["mean"]}, "are over frames, and kind 'window' has none"),
        ({"values": [Column("rumble", "", (0, 1))]}, r"values=\['rumble'\] with kind 'series'"),
        ({"kind": "track", "size": 3}, "size=3 with kind 'track'"),
        ({"kind": "embedding", "size": 3}, "size=3 with kind 'embedding'"),
        ({"kind": "embedding", "stats": ["mean"]}, "and kind 'embedding' has none"),
        ({"sets": ["default"]}, "without stats: it would have no column"),
        ({"kind": "track", "values": [Column("", "", (0, 1))]}, "column name '' is no name"),
        (
            {"kind": "track", "values": 2 * [Column("roar", "", (0, 1))]},
            "two columns are called 'roar'",
        ),
        ({"range": (1, 0)}, r"range \(1, 0\) is empty"),
        ({"range": (0, np.nan)}, r"range \(0, nan\) is empty"),
        ({"kind": "track", "values": [Column("roar", "", (1, 1))]}, r"range \(1, 1\) is empty"),
        ({"version": 0}, "version=0"),
    ],
)
def test_a_declaration_that_cannot_be_meant_is_refused(declaration, message):
    with pytest.raises(ValueError, match=f"^descriptor 'rumble': .*{message}"):
        registry.descriptor(**{"kind": "series"} | declaration)(rumble)


def test_a_name_is_taken_once():
    def loudness(track):
        raise NotImplementedError

    with pytest.raises(ValueError, match="two descriptors are called 'loudness'"):
        registry.descriptor("track")(loudness)


@pytest.fixture
def declare(monkeypatch):
    """Declare functions in a registry of their own."""
    registered = dict(registry._discover())
    monkeypatch.setattr(registry, "_registered", registered)

    def declare(name, needs):
        function = type(rumble)(rumble.__code__, {}, name)
        registry.descriptor("window", needs=needs)(function)
        return registered

    return declare


def test_a_need_that_does_not_exist_is_refused_once_all_modules_are_loaded(declare):
    registered = declare("rumble", ["mel_levle"])
    hint = "descriptor 'rumble' needs 'mel_levle', which does not exist; did you mean 'mel_level'"
    with pytest.raises(ValueError, match=hint):
        registry.check_needs(registered)


def test_loading_the_descriptors_checks_their_needs(declare):
    declare("rumble", ["no_such"])
    with pytest.raises(ValueError, match="descriptor 'rumble' needs 'no_such', which does not"):
        registry._discover.__wrapped__()


def test_a_need_that_leads_back_is_refused(declare):
    declare("rumble", ["roar"])
    registered = declare("roar", ["rumble"])
    with pytest.raises(ValueError, match="'rumble' needs itself: rumble → roar → rumble"):
        registry.check_needs(registered)


def test_every_set_of_descriptors_has_a_version_and_every_version_a_set():
    versioned = {name for name, held in sets.SETS.items() if isinstance(held, sets.DescriptorSet)}
    assert {part for name in versioned for part in name.split("+")} == set(registry.SET_NAMES)
    assert all(sets.SETS[name].name == name for name in versioned)
