"""The layers: the app and the command line import classify, which imports extract; no circles.

Inside classify: dataset ← model ← score ← evaluation ← train, library and insights ← app.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

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

COMMAND_LINE = {"earmark.commands", "earmark.pipeline", "earmark.app"}

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
        "extract": {"earmark.classify", *COMMAND_LINE},
        "classify": COMMAND_LINE,
    }.get(name.partition("/")[0], set())
    assert not [
        module
        for module in imported(tree)
        if any(module == other or module.startswith(f"{other}.") for other in above)
    ]


LEVELS = {
    "classify._compat": 0,
    "classify.dataset": 1,
    "classify.demo": 1,
    "classify.sections": 1,
    "classify.segments": 1,
    "classify.sound_tags": 1,
    "classify.model": 2,
    "classify.reasons": 2,
    # What a model says of a table: evaluation measures it, the library shows it.
    "classify.agreement": 3,
    "classify.score": 3,
    "classify.trained": 4,
    "classify.over_time": 4,
    "classify": 5,
    "classify.html": 4,
    "classify.evaluation": 5,
    "classify.train": 6,
    "classify.distributed": 6,
    "classify.insights": 6,
    "classify.library": 7,
    "classify.models": 7,
    "classify.app": 8,
}
"""Every wing of classify, and every module above the wings; each imports its like and lower ones.

The package itself is what is imported for `load`, the way in for those outside and for the app.
"""


def wing(module):
    """Return the part of classify that a module is in, None outside."""
    parts = module.removeprefix("earmark.").split(".")
    return ".".join(parts[:2]) if parts[0] == "classify" else None


@pytest.mark.parametrize("name", [name for name in MODULES if name.startswith("classify/")])
def test_a_wing_of_classify_imports_only_wings_below_it(name):
    ours = wing(dotted(name))
    others = {wing(module) for module in imports_of(name)} - {None}
    above = {other for other in others if LEVELS[other] > LEVELS[ours]}
    assert not {(ours, other) for other in above}


def test_nothing_imports_in_a_circle():
    """Also not through imports in functions, or such as only types need."""
    graph = {dotted(name): imports_of(name) for name in MODULES}
    names = sorted(graph)
    links = [(names.index(one), names.index(other)) for one in names for other in graph[one]]
    matrix = coo_matrix((np.ones(len(links)), np.transpose(links)), (len(names), len(names)))
    _, component = connected_components(matrix, directed=True, connection="strong")
    circles = [np.flatnonzero(component == one) for one in np.unique(component)]
    assert not [[names[place] for place in circle] for circle in circles if len(circle) > 1]


def test_nothing_persists_or_imports_the_folders_by_their_own_names():
    """`import extract` would find a user's own extract.py: everything is within `earmark`."""
    for name in MODULES:
        for node in ast.walk(ast.parse((ROOT / name).read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            tops = {each.partition(".")[0] for each in names}
            assert not tops & {"extract", "classify", "pipeline", "app"}, name


def test_every_command_is_in_the_command_line():
    from earmark import pipeline

    names = {Path(name).stem for name in MODULES if name.startswith("earmark/commands/")}
    assert sorted(pipeline.COMMANDS) == sorted(name for name in names if not name.startswith("_"))


def test_the_command_line_answers_before_anything_heavy_is_loaded():
    code = f"import sys, earmark.pipeline; print(*{HEAVY!r} & sys.modules.keys())"
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert (result.stdout.strip(), result.stderr, result.returncode) == ("", "", 0)
