"""One direction: the app and the command line import classify, which imports extract."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

MODULES = sorted(
    path.relative_to(ROOT).as_posix()
    for path in (*ROOT.glob("extract/**/*.py"), *ROOT.glob("classify/**/*.py"), *ROOT.glob("*.py"))
)

HEAVY = {"av", "librosa", "numba", "numpy", "pandas", "pyarrow", "scipy", "sklearn", "xgboost"}


def imported(tree):
    """Return the top-level packages that a module imports, in its functions too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert not node.level, "imports are absolute here"
            yield node.module.partition(".")[0]


def test_the_modules_are_found():
    assert {"extract/run.py", "classify/train.py", "pipeline.py"} <= set(MODULES)


@pytest.mark.parametrize("name", MODULES)
def test_a_module_has_a_docstring_and_imports_only_what_lies_below_it(name):
    tree = ast.parse((ROOT / name).read_text(encoding="utf-8"))
    assert ast.get_docstring(tree)
    above = {
        "extract": {"classify", "pipeline", "app"},
        "classify": {"pipeline", "app"},
    }.get(name.partition("/")[0], set())
    assert not above & set(imported(tree))


def test_the_command_line_answers_before_anything_heavy_is_loaded():
    code = f"import sys, pipeline; print(*{HEAVY!r} & sys.modules.keys())"
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert (result.stdout.strip(), result.stderr, result.returncode) == ("", "", 0)
