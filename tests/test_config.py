"""The settings: checked when they are made, and told apart by a fingerprint."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from pydantic import ValidationError

from earmark.extract import config, schema
from earmark.extract.errors import SettingsError

CONFIGS = Path(__file__).parent.parent / "configs"

OTHERS = {
    "sample_rate": 44100,
    "n_fft": 1024,
    "hop_length": 256,
    "fmax": 8000.0,
    "n_mels": 40,
    "n_mfcc": 13,
    "top_db": 60.0,
    "tempo_range": (88.0, 175.0),
}
"""A second valid value of every setting."""


def test_every_setting_has_its_place_in_the_list_above():
    assert OTHERS.keys() == config.Settings.model_fields.keys()


@pytest.mark.parametrize("name", OTHERS)
def test_every_setting_changes_the_fingerprint(name):
    other = config.parse({name: OTHERS[name]}, "here")
    assert getattr(other, name) == OTHERS[name] != getattr(config.DEFAULTS, name)
    assert config.fingerprint(other) != config.fingerprint(config.DEFAULTS)
    ours, theirs = (schema.of("default", settings) for settings in (config.DEFAULTS, other))
    assert ours.fingerprint != theirs.fingerprint


def test_a_fingerprint_is_of_the_values_and_of_nothing_else():
    spelled = config.parse({"fmax": 10000, "n_mels": 64}, "here")
    assert config.fingerprint(spelled) == config.fingerprint(config.DEFAULTS)
    assert config.fingerprint(spelled, "default-2") != config.fingerprint(spelled, "default-1")
    assert re.fullmatch("[0-9a-f]{16}", config.fingerprint(spelled))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"sample_rat": 22050}, "here: sample_rat is no setting.*are: sample_rate, n_f"),
        ({"sample_rate": 0}, "sample_rate = 0: .*greater than or equal to 4000"),
        ({"sample_rate": 10**9}, "sample_rate = 1000000000: .*less than or equal to 192000"),
        ({"n_fft": 2048.5}, "n_fft = 2048.5: .*integer"),
        ({"hop_length": "long"}, "hop_length = 'long': .*integer"),
        ({"fmax": float("nan")}, "fmax = nan: "),
        ({"fmax": 20000}, "fmax is 20000 Hz, above half the sample rate"),
        ({"n_fft": 256}, "hop_length 512 is longer than n_fft 256"),
        ({"n_mels": 32, "n_mfcc": 40}, "n_mfcc 40 is more than n_mels 32"),
        ({"n_mels": 1, "n_mfcc": 1}, "n_mels = 1: .*n_mfcc = 1: "),
    ],
)
def test_a_wrong_setting_is_refused_with_its_name_and_value(values, message):
    with pytest.raises(SettingsError, match=message):
        config.parse(values, "here")


def test_settings_never_change():
    with pytest.raises(ValidationError, match="frozen"):
        config.DEFAULTS.n_fft = 1024


def test_a_file_may_leave_settings_out(tmp_path):
    path = tmp_path / "some.toml"
    path.write_text("n_mels = 40\n")
    assert config.load(path) == config.Settings(n_mels=40)


@pytest.mark.parametrize("content", [b"n_mels = = 40", b"\xff\xfe", b"[analysis]\nn_mels = 40\n"])
def test_a_file_that_holds_no_settings_is_refused_by_name(tmp_path, content):
    path = tmp_path / "bad.toml"
    path.write_bytes(content)
    with pytest.raises(SettingsError, match=r"bad\.toml: "):
        config.load(path)


def test_a_missing_file_is_refused_by_name(tmp_path):
    with pytest.raises(SettingsError, match=r"none\.toml: cannot be read"):
        config.load(tmp_path / "none.toml")


def test_no_descriptor_of_any_set_depends_on_a_folder_or_a_clock():
    assert schema.of("default", config.DEFAULTS) == schema.of("default", config.Settings())


def test_the_default_file_says_what_the_code_does():
    assert config.load(CONFIGS / "default.toml") == config.DEFAULTS
    text = (CONFIGS / "default.toml").read_text()
    given = {name for name, value in config.DEFAULTS if value is not None}
    assert set(tomllib.loads(text)) == given
    assert all(f"# {name} = " in text for name in set(config.Settings.model_fields) - given)


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.toml")), ids=lambda path: path.name)
def test_every_file_of_settings_is_valid(path):
    config.load(path)
