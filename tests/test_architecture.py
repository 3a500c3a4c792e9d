"""The layers: the app and the command line import classify, which imports extract; no circles."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

MODULES = sorted(
    path.relative_to(ROOT).as_posix()
    for path in (
        *ROOT.glob("extract/**/*.py"),
        *ROOT.glob("classify/**/*.py"),
        *ROOT.glob("earmark/**/*.py"),
        *ROOT.glob("*.py"),
    )
)

HEAVY = {"av", "librosa", "numba", "numpy", "pandas", "pyarrow", "scipy", "sklearn", "xgboost"}


def dotted(name):
    """Return the module that a file is: `extract/batch/run.py` → `earmark.extract.batch.run`."""
    parts = name.removesuffix(".py").removeprefix("earmark/").split("/")
    return ".".join(["earmark", *parts]).removesuffix(".__init__")


NAMES = {dotted(name) for name in MODULES}


def imported(tree):
    """Return the modules of the project that a module imports, in its functions too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in NAMES)
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert not node.level, "imports are absolute here"
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                if inner in NAMES:
                    yield inner
                elif node.module in NAMES:
                    yield node.module


def imports_of(name):
    return set(imported(ast.parse((ROOT / name).read_text(encoding="utf-8"))))


def test_the_modules_are_found():
    assert {"extract/batch/run.py", "classify/train.py", "pipeline.py"} <= set(MODULES)


@pytest.mark.parametrize("name", MODULES)
def test_a_module_has_a_docstring_and_imports_only_what_lies_below_it(name):
    tree = ast.parse((ROOT / name).read_text(encoding="utf-8"))
    assert ast.get_docstring(tree)
    above = {
        "extract": {"earmark.classify", "earmark.pipeline", "earmark.app"},
        "classify": {"earmark.pipeline", "earmark.app"},
    }.get(name.partition("/")[0], set())
    assert not [
        module
        for module in imported(tree)
        if any(module == other or module.startswith(f"{other}.") for other in above)
    ]


def test_nothing_persists_or_imports_the_folders_by_their_own_names():
    """`import extract` would find a user's own extract.py: everything is within `earmark`."""
    for name in MODULES:
        for node in ast.walk(ast.parse((ROOT / name).read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            tops = {each.partition(".")[0] for each in names}
            assert not tops & {"extract", "classify", "pipeline", "app"}, name


def test_the_command_line_answers_before_anything_heavy_is_loaded():
    code = f"import sys, earmark.pipeline; print(*{HEAVY!r} & sys.modules.keys())"
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert (result.stdout.strip(), result.stderr, result.returncode) == ("", "", 0)
