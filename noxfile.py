"""Every step of the checks and of a release as one command: `nox -s NAME`; `nox -l` lists them.

What the workflows in `.github/workflows` run are these sessions and nothing else, so that whatever
fails there can be repeated here.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import nox

nox.needs_version = ">=2024.4.15"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.sessions = ["lint", "types", "tests"]

PYTHONS = ["3.11", "3.12", "3.13"]

QUICK = ("-m", "not slow and not browser")
"""Tests that need no browser and take no long time."""

DIST = Path("dist")


@nox.session
def lint(session: nox.Session) -> None:
    """Look for faults, another layout, and misspelt words."""
    session.install("ruff>=0.6", "codespell>=2.3")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("codespell")


@nox.session(python="3.11")
def types(session: nox.Session) -> None:
    """Check types, strictly, and the form of docstrings."""
    session.install("-e", ".[dev]")
    session.run("bash", ".ci/types", external=True)
    session.run("python", "-m", "pytest", "-q", "tests/test_docstrings.py")


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """Run the quick tests, or with arguments others, such as `nox -s tests-3.12 -- -m slow`."""
    session.install("-e", ".[test]")
    session.run("python", "-m", "pytest", "-q", "-n", "auto", *(session.posargs or QUICK))


@nox.session(python="3.11", venv_backend="uv")
def lowest(session: nox.Session) -> None:
    """Run the quick tests with the oldest versions that are declared to do."""
    session.install("--resolution", "lowest-direct", "-e", ".[test]")
    # Beside the newest of what they build on themselves, old versions deprecate much.
    passed = ("-W", "ignore::DeprecationWarning")
    session.run("python", "-m", "pytest", "-q", "-n", "auto", *passed, *(session.posargs or QUICK))


@nox.session
def browser(session: nox.Session) -> None:
    """Run the tests of the app in Chromium."""
    session.install("-e", ".[test]")
    if shutil.which("chromium") is None:
        session.run("playwright", "install", "--with-deps", "chromium")
    session.run("python", "-m", "pytest", "-q", "-m", "browser", *session.posargs)


@nox.session
def docs(session: nox.Session) -> None:
    """Build the documentation; a warning is an error."""
    session.install("-e", ".[docs]")
    session.run("sphinx-build", "-W", "--keep-going", "-b", "html", "docs", "build/docs")


@nox.session
def build(session: nox.Session) -> None:
    """Build what is released, and check it: its metadata, what it holds, that it runs by itself."""
    session.install("build>=1.2", "twine>=5", "check-wheel-contents>=0.6")
    shutil.rmtree(DIST, ignore_errors=True)
    session.run("python", "-m", "build", "--outdir", str(DIST))
    built = sorted(map(str, DIST.iterdir()))
    (wheel,) = (name for name in built if name.endswith(".whl"))
    session.run("twine", "check", "--strict", *built)
    session.run("check-wheel-contents", wheel)
    session.install(wheel)
    tracks, output = Path("data/raw").resolve(), Path(session.create_tmp(), "genres.csv").resolve()
    with session.chdir(session.create_tmp()):
        session.run("earmark", "--version")
        session.run("earmark", "classify", "--quiet", str(tracks), "-o", str(output))
    found = len(output.read_text(encoding="utf-8").splitlines()) - 1
    if found != 6:
        session.error(f"the wheel classified {found} of the six demo tracks")


@nox.session(venv_backend="none")
def container(session: nox.Session) -> None:
    """Build the container, and classify the demo tracks in it."""
    engine = next(filter(shutil.which, ("podman", "docker")), None)
    if engine is None:
        session.skip("neither podman nor docker is installed")
    session.run(engine, "build", "-t", "earmark", "-f", "Containerfile", ".", external=True)
    music = Path("data/raw").resolve()
    command = (
        "run",
        "--rm",
        "-v",
        f"{music}:/music:ro",
        "earmark",
        "classify",
        "/music",
        "-o",
        "-",
    )
    session.run(engine, *command, external=True)
