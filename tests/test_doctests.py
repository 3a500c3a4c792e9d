"""The examples in the docstrings run, and give what they say."""

from __future__ import annotations

import doctest
import importlib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

PUBLIC = {
    "earmark",
    "earmark.classify",
    "earmark.classify.model.estimator",
    "earmark.classify.trained",
    "earmark.extract",
    "earmark.extract.feature_table",
    "earmark.extract.transformer",
}
"""Where what `import earmark` offers is defined."""

NEEDS_A_TABLE = "earmark.classify.train"
"""Its example needs a labelled table of the reader."""


def with_examples():
    """Return the modules whose docstrings have examples."""
    for folder in ("earmark", "extract", "classify"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            if ">>> " in path.read_text(encoding="utf-8"):
                parts = path.relative_to(ROOT).with_suffix("").parts
                name = ".".join(part for part in parts if part != "__init__")
                yield name if folder == "earmark" else f"earmark.{name}"


MODULES = list(with_examples())


def test_what_is_offered_has_examples():
    assert set(MODULES) >= PUBLIC


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_of_a_module_run(name, demo, monkeypatch):
    # Examples name the demo tracks as somebody does who stands in a copy of the project.
    monkeypatch.chdir(ROOT)
    module = importlib.import_module(name)
    flags = doctest.ELLIPSIS | doctest.IGNORE_EXCEPTION_DETAIL
    result = doctest.testmod(module, extraglobs={"demo": demo}, optionflags=flags)
    assert result.failed == 0
    assert result.attempted > 0 or name == NEEDS_A_TABLE
    assert "+SKIP" not in Path(module.__file__).read_text(encoding="utf-8") or name == NEEDS_A_TABLE
