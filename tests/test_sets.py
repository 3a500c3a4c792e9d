"""The published sets through the command line: files, schemas, refusals, and a model of one."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

import earmark
from earmark.extract import schema, sets, tables
from earmark.extract.batch import executors
from earmark.extract.config import DEFAULTS

COUNTS = {"gtzan": 58, "fma": 518, "fma-compat": 518}


def test_every_published_set_is_in_the_list_above():
    published = {name for name, held in sets.SETS.items() if isinstance(held, sets.PublishedSet)}
    assert COUNTS.keys() == published


@pytest.mark.parametrize("name", COUNTS)
@pytest.mark.slow
def test_a_set_is_extracted_to_every_format(cli, demo, tmp_path, name):
    expected = schema.of(name, DEFAULTS)
    in_python = earmark.table([demo], set=name)
    for ending in ("parquet", "csv", "jsonl"):
        output = tmp_path / f"t.{ending}"
        status, out, _ = cli("extract", demo, "--set", name, "-o", output, "-q")
        assert status == 0
        assert f"6 tracks, {COUNTS[name]} descriptors each" in out
        read = tables.read(output)
        table, about = read.frame, read.provenance
        assert table.columns.tolist() == ["path", "sha256", *expected.names]
        assert about == (tables.metadata(expected) if ending == "parquet" else {})
        values = table[expected.names].astype(np.float32)
        np.testing.assert_array_equal(values, in_python[expected.names].astype(np.float32))


@pytest.mark.parametrize("name", COUNTS)
def test_the_table_says_which_set_it_is_of_and_names_no_settings(cli, demo, tmp_path, name):
    output = tmp_path / "t.parquet"
    cli("extract", demo, "--set", name, "-o", output, "-q")
    about = json.loads(pq.read_schema(output).metadata[b"earmark"])
    assert about["set"] == f"{name}-{sets.SETS[name].version}"
    assert not about["settings"]
    assert about["windows"] is None
    assert len(about["columns"]) == COUNTS[name]
    status, out, _ = cli("info", output)
    assert status == 0
    assert f"features: 6 rows, {COUNTS[name] + 2} columns" in out
    assert f"set: {about['set']}\n" in out


def test_sets_with_the_same_columns_are_told_apart():
    fingerprints = {schema.of(name, DEFAULTS).fingerprint for name in sets.SETS}
    assert len(fingerprints) == len(sets.SETS)
    of_fma, of_compat = (schema.of(name, DEFAULTS).names for name in ("fma", "fma-compat"))
    assert of_fma == of_compat


def test_settings_do_not_change_what_a_published_set_is():
    other = DEFAULTS.model_copy(update={"n_mels": 40})
    assert schema.of("gtzan", DEFAULTS) == schema.of("gtzan", other)


def test_an_unknown_set_is_refused_with_the_names_of_all(cli, demo, tmp_path):
    output = tmp_path / "t.csv"
    status, _, err = cli("extract", demo, "--set", "gtzan30", "-o", output, "-q")
    assert status == 2
    assert f"no feature set is called 'gtzan30'; there is {', '.join(sets.SETS)}" in err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", COUNTS)
def test_settings_are_refused_for_a_published_set(cli, demo, tmp_path, name):
    config = tmp_path / "mine.toml"
    config.write_text("n_mels = 40\n")
    output = tmp_path / "t.csv"
    status, _, err = cli("extract", demo, "--set", name, "--config", config, "-o", output)
    assert status == 2
    assert f"the set {name} is defined with settings of its own; leave others out" in err
    assert not output.exists()


@pytest.mark.parametrize("name", COUNTS)
@pytest.mark.slow
def test_two_workers_write_the_same_bytes_as_one(cli, demo, tmp_path, monkeypatch, name):
    monkeypatch.setattr(executors, "TRACKS_PER_WORKER", 1)
    written = []
    for workers in (1, 2):
        output = tmp_path / f"{workers}.parquet"
        arguments = ("extract", demo, "--set", name, "-o", output, "-j", workers, "-q")
        assert cli(*arguments)[0] == 0
        written.append(output.read_bytes())
    assert written[0] == written[1]


@pytest.mark.parametrize("name", COUNTS)
def test_silence_and_what_is_no_audio_do_not_stop_a_set(cli, demo, tone, tmp_path, name):
    tone("music/silent.wav", gain=0)
    tone("music/short.wav", seconds=0.01)
    tone("music/tone.wav")
    (tmp_path / "music" / "bad.mp3").write_text("no audio")
    output = tmp_path / "t.csv"
    status, _, err = cli("extract", tmp_path / "music", "--set", name, "-o", output, "-q")
    assert status == 0
    assert "please report it" not in err
    table = pd.read_csv(output)
    assert table["path"].tolist() == ["short.wav", "silent.wav", "tone.wav"]
    assert pd.read_csv(tmp_path / "t.failures.csv")["path"].tolist() == ["bad.mp3"]


@pytest.mark.slow
def test_the_default_model_refuses_the_table_of_another_set_by_its_columns(cli, demo, tmp_path):
    for ending in ("parquet", "csv"):
        table, output = tmp_path / f"t.{ending}", tmp_path / "genres.csv"
        cli("extract", demo, "--set", "gtzan", "-o", table, "-q")
        status, _, err = cli("classify", table, "-o", output, "-q")
        assert status == 1
        assert "t." + ending + " has other columns than the model: missing " in err
        assert "(rms_std, onset_rate, " in err
        assert "; unexpected 53 (length, chroma_stft_mean, chroma_stft_var, " in err
        assert "`earmark extract --set default+musicnn`" in err
        assert not output.exists()


@pytest.mark.slow
def test_a_model_is_trained_on_a_table_of_gtzan_and_classifies_files(cli, demo, tmp_path):
    table, model = tmp_path / "gtzan.parquet", tmp_path / "model"
    cli("extract", demo, "--set", "gtzan", "-o", table, "-q")
    labels = pd.read_csv(demo / "tracks.csv")
    labels["genre"] = ["electronic", "acoustic"] * 3
    # Without the artist, who is the same of all.
    labels[["path", "genre"]].to_csv(tmp_path / "labels.csv", index=False)
    arguments = ("train", table, "--labels", tmp_path / "labels.csv", "-o", model)
    status, out, _ = cli(*arguments, "--folds", 2, "--repeats", 1, "-q")
    assert status == 0
    assert "6 tracks, 2-fold cross-validation, no track is on both sides" in out
    assert cli("info", model)[1].startswith("model of gtzan-1, 58 columns, whole tracks\n")
    found = []
    for source in (table, demo):
        output = tmp_path / "genres.csv"
        assert cli("classify", source, "-m", model, "-o", output, "-q")[0] == 0
        found.append(pd.read_csv(output))
    # Files are analysed as the table was that the model is of.
    pd.testing.assert_frame_equal(*found)
    assert set(found[0]["genre"]) <= {"electronic", "acoustic"}
    # Another set is refused, and so is the default one.
    for name in ("fma", "default"):
        other = tmp_path / f"{name}.csv"
        cli("extract", demo, "--set", name, "-o", other, "-q")
        status, _, err = cli("classify", other, "-m", model, "-o", output, "-q")
        assert status == 1
        assert "`earmark extract --set gtzan`" in err


@pytest.mark.slow
def test_a_model_of_fma_refuses_fma_compat_though_the_columns_are_the_same(cli, demo, tmp_path):
    labels = pd.read_csv(demo / "tracks.csv")
    labels["genre"] = ["electronic", "acoustic"] * 3
    labels[["path", "genre"]].to_csv(tmp_path / "labels.csv", index=False)
    for name in ("fma", "fma-compat"):
        output = tmp_path / f"{name}.parquet"
        cli("extract", demo, "--set", name, "-o", output, "-q")
    model, labels = tmp_path / "model", tmp_path / "labels.csv"
    arguments = ("train", tmp_path / "fma.parquet", "--labels", labels, "-o", model, "-q")
    assert cli(*arguments, "--folds", 2, "--repeats", 1)[0] == 0
    other = tmp_path / "fma-compat.parquet"
    status, _, err = cli("classify", other, "-m", model, "-o", tmp_path / "genres.csv", "-q")
    assert status == 1
    assert "fma-compat.parquet" in err
    assert "was not extracted like the table that the model was trained on" in err


@pytest.mark.parametrize("name", sets.SETS)
def test_what_changes_a_set_raises_its_version(name):
    pinned = json.loads(Path(__file__).with_name("golden.json").read_text(encoding="utf-8"))
    current = schema.of(name, DEFAULTS)
    assert pinned["fingerprints"].get(current.set) == current.fingerprint, (
        f"{current.set} is another than it was: raise its version in extract/sets.py, "
        "then run `python tests/make_golden.py`"
    )
