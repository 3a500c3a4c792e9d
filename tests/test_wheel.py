"""What is installed: one package, without developers' scripts, beside anybody's own modules."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

import earmark

ROOT = Path(__file__).parent.parent

pytest.importorskip("hatchling", reason="hatchling is not installed, which builds the wheel")
spec = importlib.util.spec_from_file_location("hatch_build", ROOT / "hatch_build.py")
hatch_build = importlib.util.module_from_spec(spec)
spec.loader.exec_module(hatch_build)

VERSION = hatch_build.version()
"""Of what is built here: that of the tag, where there is one."""

BESIDE = ("app.py", "classify.py", "extract.py", "pipeline.py")
"""Modules that users have of their own."""


def run(*command, cwd, **environment):
    """Return what a Python prints that is started in a folder."""
    done = subprocess.run(
        [sys.executable, *map(str, command)],
        cwd=cwd,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def build(target, folder, source):
    """Build with what is installed, without a network: the file."""
    run("-m", "hatchling", "build", "-t", target, "-d", folder, cwd=source)
    (built,) = folder.iterdir()
    return built


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    return build("wheel", tmp_path_factory.mktemp("wheel"), ROOT)


@pytest.fixture(scope="module")
def names(wheel):
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


@pytest.fixture
def beside(tmp_path):
    """A folder with modules of a user's own."""
    for name in BESIDE:
        (tmp_path / name).write_text("OWNER = 'user'\n", encoding="utf-8")
    return tmp_path


@pytest.mark.slow
def test_the_wheel_holds_one_package_and_the_plugin_of_beets(names):
    assert {name.partition("/")[0] for name in names} == {
        "beetsplug",
        "earmark",
        f"earmark-{VERSION}.dist-info",
    }


@pytest.mark.slow
def test_the_wheel_holds_every_module_but_the_scripts_of_developers(names):
    modules = {
        path.relative_to(ROOT).as_posix().removeprefix("earmark/")
        for folder in ("beetsplug", "earmark", "extract", "classify")
        for path in (ROOT / folder).rglob("*.py")
    } | {"pipeline.py", "app.py"}
    scripts = {name for name in modules if re.search(r"/(train|fit|convert)_\w+\.py$", name)} - {
        "classify/train.py"
    }
    assert len(scripts) == 15
    installed = {name.removeprefix("earmark/") for name in names if name.endswith(".py")}
    assert installed == modules - scripts


@pytest.mark.slow
def test_the_wheel_holds_what_the_modules_read_and_no_pickles(names):
    read = {
        path.relative_to(ROOT).as_posix()
        for folder in ("extract", "classify")
        for path in (ROOT / folder).rglob("*")
        if path.is_file()
        and path.suffix not in {".py", ".joblib"}
        and "__pycache__" not in path.parts
    }
    assert {
        "classify/models/default/bundle.json",
        "classify/models/light/bundle.json",
        "classify/models/spotify/model.ubj",
        "classify/app/widgets/player.js",
        "extract/descriptors/pages/tempo.md",
        "extract/embedding/musicnn.npz",
        "extract/estimators/tempo.json",
    } <= read
    assert {f"earmark/{name}" for name in read} <= names
    assert "earmark/py.typed" in names
    assert not [name for name in names if name.endswith((".joblib", ".pyc"))]


@pytest.mark.slow
def test_the_wheel_carries_its_licence(names):
    licences = f"earmark-{VERSION}.dist-info/licenses"
    assert {f"{licences}/LICENSE", f"{licences}/NOTICE.md"} <= names


@pytest.mark.slow
def test_the_wheel_is_the_same_from_a_source_distribution(names, tmp_path):
    with tarfile.open(build("sdist", tmp_path / "sdist", ROOT)) as archive:
        archive.extractall(tmp_path, filter="data")
    source = tmp_path / f"earmark-{VERSION}"
    with zipfile.ZipFile(build("wheel", tmp_path / "wheel", source)) as archive:
        assert set(archive.namelist()) == names


@pytest.mark.slow
def test_what_is_installed_leaves_a_users_own_modules_alone(wheel, beside, tmp_path_factory):
    target = tmp_path_factory.mktemp("target")
    pip = ("-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target", target)
    run(*pip, wheel, cwd=beside)
    assert {path.name for path in target.iterdir()} - {"bin"} == {
        "beetsplug",
        "earmark",
        f"earmark-{VERSION}.dist-info",
    }
    code = (
        "import earmark, extract, classify, pipeline, app\n"
        "from earmark.extract import sets\n"
        "import earmark.app, earmark.pipeline\n"
        "print(earmark.__version__, sets.DEFAULT_SET, *earmark.__path__)\n"
        "print(extract.OWNER, classify.OWNER, pipeline.OWNER, app.OWNER)\n"
    )
    found = run("-c", code, cwd=beside, PYTHONPATH=str(target)).splitlines()
    assert found == [
        f"{VERSION} default {target / 'earmark'}",
        "user user user user",
    ]
    version = run("-m", "earmark", "--version", cwd=beside, PYTHONPATH=str(target))
    assert version == f"earmark {VERSION}\n"


def test_the_command_runs_in_a_checkout_beside_a_users_own_modules(beside):
    version = f"earmark {earmark.__version__}\n"
    assert run(ROOT / "pipeline.py", "--version", cwd=beside) == version
    assert run("-m", "earmark", "--version", cwd=beside, PYTHONPATH=str(ROOT)) == version


def test_everything_names_the_same_version_and_licence():
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert f"\nversion: {earmark.__version__}\n" in citation
    assert f"\n## {earmark.__version__}\n" in changes
    assert "\nlicense: MIT\n" in citation
    assert '\nlicense = "MIT"\n' in project
    assert (ROOT / "LICENSE").read_text(encoding="utf-8").startswith("MIT License\n")


@pytest.fixture
def repository(tmp_path):
    """A repository with one commit that states a version."""
    stated = tmp_path / hatch_build.STATED
    stated.parent.mkdir()
    stated.write_text('__version__ = "1.2.0.dev0"\n', encoding="utf-8")

    def git(*arguments):
        own = ("-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false")
        subprocess.run(["git", *own, *arguments], cwd=tmp_path, check=True, capture_output=True)

    git("init", "-q")
    git("add", ".")
    git("commit", "-qm", "one")
    return tmp_path, git


def test_the_version_is_that_of_the_tag(repository):
    folder, git = repository
    # A clone without tags, as one without a repository.
    assert hatch_build.version(folder) == "1.2.0.dev0"
    git("tag", "-m", "one", "v1.2.0")
    assert hatch_build.version(folder) == "1.2.0"


def test_commits_after_a_release_are_counted(repository):
    folder, git = repository
    git("tag", "v1.1.0", "-m", "before")
    for number in range(3):
        git("commit", "-qm", f"more {number}", "--allow-empty")
    assert hatch_build.version(folder) == "1.2.0.dev3"


def test_a_tag_of_another_version_is_refused(repository):
    folder, git = repository
    git("tag", "v2.0.0", "-m", "wrong")
    with pytest.raises(ValueError, match=r"tag v2\.0\.0 is of another version .* 1\.2\.0\.dev0"):
        hatch_build.version(folder)
    # What is no release says nothing.
    git("tag", "-d", "v2.0.0")
    git("tag", "before-lunch")
    assert hatch_build.version(folder) == "1.2.0.dev0"
