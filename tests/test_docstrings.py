"""Docstrings have the form of numpydoc; what is public says what it takes and returns."""

from __future__ import annotations

import importlib
import inspect
import pkgutil

import pytest

import earmark
import earmark.classify
import earmark.extract

validate = pytest.importorskip(
    "numpydoc.validate", reason="numpydoc is not installed, which the extra dev brings"
).validate

NOT_ASKED = {"SA01", "ES01", "EX01", "SS05"}
"""Other places to look, a second paragraph and an example are welcome. Whether a summary begins
with a verb is told by an s at the end, which levels and beats have, too."""

INSIDE = {"PR01", "PR03", "PR04", "RT01", "RT02", "YD01"}
"""Inside, a sentence may say what is taken and returned, and parameters stand by what they are."""

PUBLIC = {"PR04", "RT02"}
"""Types of settings stand where they are declared; results may be named ("tracks, windows")."""


def modules():
    """Import every module that needs no extra and no data of developers."""
    for package in (earmark.extract, earmark.classify):
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            last = found.name.rpartition(".")[2]
            if ".app" in found.name or last.startswith(("train_", "fit_", "convert_")):
                continue
            yield importlib.import_module(found.name)


def names():
    """Name what modules offer, with the methods of classes."""
    for module in modules():
        for name in getattr(module, "__all__", ()):
            own = getattr(module, name)
            if getattr(own, "__module__", None) != module.__name__ or not (
                inspect.isclass(own) or inspect.isfunction(own)
            ):
                continue
            yield f"{module.__name__}.{name}"
            if inspect.isclass(own):
                for part, value in vars(own).items():
                    # Others may have been put there by tests.
                    own = getattr(value, "__module__", None) == module.__name__
                    if own and not part.startswith("_") and inspect.isfunction(value):
                        yield f"{module.__name__}.{name}.{part}"


def problems(name, passed):
    return [
        f"{name}: {code} {what}" for code, what in validate(name)["errors"] if code not in passed
    ]


def test_docstrings_have_the_form_of_numpydoc():
    listed = list(names())
    assert len(listed) > 400
    assert [line for name in listed for line in problems(name, NOT_ASKED | INSIDE)] == []


@pytest.mark.parametrize("name", [each for each in earmark.__all__ if not each.startswith("_")])
def test_what_is_public_says_what_it_takes_and_returns(name):
    assert problems(f"earmark.{name}", NOT_ASKED | PUBLIC) == []
