"""The examples in the docstrings of public functions run, and give what they say."""

from __future__ import annotations

import doctest
import importlib

import pytest

MODULES = [
    "earmark",
    "earmark.extract",
    "earmark.classify.dataset.genres",
    "earmark.classify.dataset.names",
    "earmark.extract.audio.decode",
    "earmark.extract.audio.metadata",
    "earmark.extract.audio.mp3",
    "earmark.extract.audio.resample",
    "earmark.extract.audio.sources",
    "earmark.extract.config",
    "earmark.extract.descriptor_docs",
    "earmark.extract.descriptors.level",
    "earmark.extract.engine.registry",
    "earmark.extract.errors",
    "earmark.extract.estimators.beats",
    "earmark.extract.estimators.key",
    "earmark.extract.estimators.spotify",
    "earmark.extract.estimators.tempo",
    "earmark.extract.sets",
    "earmark.extract.signal.filters",
    "earmark.extract.signal.frames",
    "earmark.extract.signal.hpss",
    "earmark.extract.signal.loudness",
]

SKIPPED_ONLY = {"earmark", "earmark.extract"}
"""Their examples need files of the reader."""


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_of_a_module_run(name, demo):
    module = importlib.import_module(name)
    result = doctest.testmod(module, extraglobs={"demo": demo})
    assert result.failed == 0
    assert result.attempted > 0 or name in SKIPPED_ONLY
