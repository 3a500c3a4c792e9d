"""Tables and models of every earlier version: they are read, or refused by name."""

from __future__ import annotations

import json
import lzma
import re
import tarfile
from pathlib import Path

import numpy as np
import pytest

import earmark
from earmark.classify.model import storage
from earmark.extract import feature_table, sets, tables
from earmark.extract.errors import SchemaError

FOLDER = Path(__file__).parent / "data" / "earlier"

TABLES = sorted(path.name.removesuffix(".parquet.xz") for path in FOLDER.glob("*.parquet.xz"))
MODELS = sorted(path.name.removesuffix(".tar.xz") for path in FOLDER.glob("*.tar.xz"))


@pytest.fixture
def table(tmp_path):
    """Unpack the table of a version: `table("default-1")`."""

    def unpack(version):
        path = tmp_path / f"{version}.parquet"
        path.write_bytes(lzma.decompress((FOLDER / f"{version}.parquet.xz").read_bytes()))
        return path

    return unpack


@pytest.fixture
def model(tmp_path):
    """Unpack the directory of a model: `model("protocol-1-default-2")`."""

    def unpack(name):
        with tarfile.open(FOLDER / f"{name}.tar.xz") as archive:
            archive.extractall(tmp_path / name, filter="data")
        return tmp_path / name

    return unpack


def current(version):
    """Tell whether a set is still of that version."""
    name, _, number = version.rpartition("-")
    return int(number) == sets.get(name).version


def test_there_is_a_table_of_every_version_and_a_model_of_every_protocol():
    """Run `python tests/make_earlier.py` before a version is raised."""
    for name in sets.SETS:
        earlier = {f"{name}-{number}" for number in range(1, sets.get(name).version)}
        assert earlier <= set(TABLES)
    protocols = {int(name.split("-")[1]) for name in MODELS}
    assert protocols >= set(storage.READABLE) - {storage.PROTOCOL}


@pytest.mark.parametrize("version", TABLES)
def test_a_table_of_every_version_is_read_and_says_what_it_is(cli, table, version):
    path = table(version)
    held = tables.read(path)
    assert held.set == version
    assert len(held) == 12
    assert held.frame["path"].tolist() == [f"{number:02}.wav" for number in range(12)]
    assert held.columns == list(held.provenance["columns"])
    assert held.frame[held.columns].notna().any(axis=1).all()
    status, out, _ = cli("info", path)
    assert status == 0
    assert f"set: {version}" in out


@pytest.mark.parametrize("version", [each for each in TABLES if not current(each)])
def test_a_table_of_another_version_is_not_joined_with_todays(table, version):
    old = tables.read(table(version))
    name = version.rpartition("-")[0]
    today = earmark.table([Path(__file__).parent.parent / "data/raw/waltz-96bpm-f-major.flac"])
    if name != sets.DEFAULT_SET:
        pytest.skip("tables of today are made of the default set here")
    with pytest.raises(SchemaError, match=rf"were not made alike .*set {re.escape(version)}"):
        feature_table.concat([today, old])


@pytest.mark.parametrize("version", [each for each in TABLES if each.startswith("default-")])
def test_todays_model_takes_a_table_or_says_what_is_wrong_with_it(table, version):
    held = tables.read(table(version))
    light = earmark.load("light")
    if light.set == version:
        assert light.predict(held)["genre"].notna().any()
        return
    with pytest.raises(
        SchemaError, match=r"missing \d+|version|set default|not extracted like"
    ) as caught:
        light.predict(held)
    assert len(str(caught.value)) < 600


@pytest.mark.parametrize("name", MODELS)
def test_a_model_of_every_protocol_is_loaded_and_knows_its_own_table(table, model, name):
    directory = model(name)
    _, protocol, version = name.split("-", 2)
    assert json.loads((directory / storage.ABOUT).read_text())["protocol"] == int(protocol)
    loaded = earmark.load(directory)
    assert (loaded.set, loaded.genres) == (version, ["hiss", "hum"])
    found = loaded.predict(tables.read(table(version)))
    right = found["genre"].to_numpy() == np.array(["hum", "hiss"] * 6)
    assert right.mean() > 0.9


@pytest.mark.parametrize("name", MODELS)
def test_a_model_refuses_a_table_of_another_version_by_its_name(table, model, name):
    version = name.split("-", 2)[2]
    other = next(each for each in TABLES if each.startswith("default-") and each != version)
    with pytest.raises(SchemaError) as caught:
        earmark.load(model(name)).predict(tables.read(table(other)))
    assert other in str(caught.value) or "missing" in str(caught.value)


def test_a_model_of_a_later_protocol_is_refused_by_its_number(model):
    directory = model(MODELS[-1])
    about = json.loads((directory / storage.ABOUT).read_text())
    later = storage.PROTOCOL + 1
    (directory / storage.ABOUT).write_text(json.dumps(about | {"protocol": later}))
    with pytest.raises(earmark.extract.errors.BundleError, match=rf"has protocol {later}, and"):
        earmark.load(directory)
