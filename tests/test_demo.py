"""The demo tracks: what their table says of them is what Earmark finds."""

from __future__ import annotations

import csv

import pytest

import earmark


@pytest.fixture(scope="module")
def said(demo):
    with (demo / "tracks.csv").open(encoding="utf-8") as file:
        return {row["path"]: row for row in csv.DictReader(file)}


@pytest.fixture(scope="module")
def measured(demo):
    return earmark.table([demo], set="default+musicnn").set_index("path", drop=False)


def test_the_default_model_names_five_of_six(measured, said):
    predicted = earmark.load().predict(measured)
    found = dict(zip(predicted["path"], predicted["genre"], strict=True))
    assert found.keys() == said.keys()
    assert sum(found[path] == row["genre"] for path, row in said.items()) >= 5, found


def test_the_tempos_are_those_that_the_names_say(measured, said):
    tempos = measured["tempo"].to_dict()
    assert tempos == pytest.approx(
        {path: float(row["tempo"]) for path, row in said.items()}, rel=0.01
    )


def test_the_keys_are_those_that_the_names_say(measured, said):
    found = {path: (row["key"], row["mode"]) for path, row in measured.iterrows()}
    assert found == {path: (float(row["key"]), float(row["mode"])) for path, row in said.items()}
