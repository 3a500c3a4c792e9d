"""What is imported is declared in pyproject.toml, and what is declared is imported."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

PACKAGE = ("earmark", "extract", "classify", "beetsplug", "pipeline.py", "app.py")

OPTIONAL = ("app", "beets", "cluster", "remote", "tags", "tune", "watch")

DISTRIBUTIONS = {"PIL": "pillow", "markdown_it": "markdown-it-py", "sklearn": "scikit-learn"}
"""Where the module is not called as the distribution is."""

ELSEWHERE = {"musicnn", "tensorflow"}
"""What a script of developers imports in an environment of its own."""


WRITTEN = {"greedy_job"}
"""What a test writes before it imports it."""


def project():
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def names(requirements):
    """Return the distributions that requirements name."""
    found = {re.match(r"[\w-]+", requirement)[0] for requirement in requirements}
    return found - {"earmark"}


def third_party(*places, without=()):
    """Return the distributions that modules import, at their top or in their functions."""
    files = [
        path
        for place in places
        for path in ([ROOT / place] if place.endswith(".py") else (ROOT / place).rglob("*.py"))
    ]
    modules = set()
    for path in files:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                modules |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                modules.add(node.module.partition(".")[0])
    modules -= sys.stdlib_module_names | {"earmark"} | set(without)
    return {DISTRIBUTIONS.get(name, name) for name in modules}


def test_the_package_declares_exactly_what_it_imports():
    extras = project()["optional-dependencies"]
    optional = set().union(*(names(extras[extra]) for extra in OPTIONAL))
    found = third_party(*PACKAGE, without=ELSEWHERE)
    assert found == names(project()["dependencies"]) | optional


@pytest.mark.parametrize(
    ("extra", "places"),
    [
        ("app", {"classify/app"}),
        ("tune", {"classify/evaluation"}),
        ("cluster", {"extract/batch/cluster", "classify/distributed"}),
        ("remote", {"extract/audio/remote"}),
    ],
)
def test_what_an_extra_brings_is_imported_nowhere_else(extra, places):
    optional = names(project()["optional-dependencies"][extra])
    for path in sorted((ROOT / "classify").rglob("*.py")) + sorted(
        (ROOT / "extract").rglob("*.py")
    ):
        name = path.relative_to(ROOT).as_posix()
        if not name.startswith(tuple(places)):
            assert not third_party(name) & optional, name


def test_tests_import_what_the_extra_for_them_brings():
    extras = project()["optional-dependencies"]
    declared = names(project()["dependencies"]).union(
        *(names(extras[extra]) for extra in (*OPTIONAL, "test"))
    )
    local = {
        path.stem for folder in ("tests", "benchmarks") for path in (ROOT / folder).glob("*.py")
    }
    assert third_party("tests", without=local | WRITTEN) <= declared


def test_pinned_versions_hold_every_dependency_and_no_address():
    text = (ROOT / "requirements.txt").read_text(encoding="utf-8")
    extras = project()["optional-dependencies"]
    needed = names(project()["dependencies"]).union(
        *(names(extras[extra]) for extra in ("app", "cluster", "tags", "tune"))
    )
    pinned = {line.partition("==")[0] for line in text.splitlines()}
    assert needed <= pinned
    assert "://" not in text
    assert "--" not in text
