"""The feature table: which columns are sound, and what made its values, wherever it goes."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

import earmark
from earmark.extract import feature_table, provenance, schema, tables
from earmark.extract.config import DEFAULTS, Settings
from earmark.extract.errors import SchemaError
from earmark.extract.feature_table import FeatureTable

OTHERS = Settings(hop_length=1024)


def made(names="ab", settings=DEFAULTS, set_name="default", windows=None):
    """Return a table of invented values that was made so."""
    of = schema.of(set_name, settings, windows)
    values = np.arange(len(names) * len(of.names)).reshape(len(names), -1) / 7
    frame = pd.DataFrame(values.astype(np.float32), columns=of.names)
    frame.insert(0, "path", [f"{name}.mp3" for name in names])
    if windows:
        frame.insert(1, "start", 0.0)
        frame.insert(2, "seconds", windows)
    frame.insert(3 if windows else 1, "sha256", [name * 64 for name in names])
    return FeatureTable(frame, provenance.metadata(of), f"{names}.parquet")


@pytest.fixture(scope="module")
def jazz(demo):
    return earmark.table([demo / "jazz-120bpm-b-flat-major.wav"], windows=6.0)


def test_columns_are_those_of_the_set_or_all_numbers_but_names():
    table = made()
    assert table.columns == schema.of("default", DEFAULTS).names
    more = table.with_frame(table.frame.assign(year=1999))
    assert more.columns == table.columns
    assert more.numeric == [*table.columns, "year"]
    foreign = {"Unnamed: 0": [0], "track_id": [7], "artist": [3], "tempo": [120.0], "x": ["y"]}
    sure = {"probability": [0.5], "probability_2": [0.2], "start": [0.0], "seconds": [6.0]}
    table = FeatureTable.of(pd.DataFrame(foreign | sure))
    assert table.columns == ["tempo"]
    assert (table.set, table.fingerprint, table.column_versions) == (None, None, {})
    assert table.windowed
    assert table.paths.tolist() == ["7"]


def test_silence_has_a_duration_alone():
    frame = made("abc").frame
    frame.iloc[1, 2:] = np.nan
    frame.loc[1, "duration_ms"] = 1000.0
    assert FeatureTable.of(frame).has_sound.tolist() == [True, False, True]


def test_a_table_without_provenance_is_recognised_by_its_columns():
    assert FeatureTable.of(made().frame).recognised().set == made().set
    windows = FeatureTable.of(made(windows=3.0).frame).recognised()
    assert windows.provenance["windows"] == 3.0
    foreign = FeatureTable.of(pd.DataFrame({"tempo": [1.0]}))
    assert foreign.recognised() is foreign
    other = made(settings=OTHERS)
    assert other.recognised() is other


def test_provenance_outlives_what_pandas_does_to_a_table(tmp_path):
    frame = made().to_frame()
    expected = frame.attrs["earmark"]
    for selected in (
        frame[frame["path"] == "a.mp3"],
        frame.head(1),
        frame.loc[:, ["path", "sha256", "tempo"]],
        frame.drop(columns="tempo"),
        frame.assign(genre="jazz"),
        frame.reset_index(drop=True),
        pd.concat([frame, made("cd").to_frame()]),
    ):
        assert FeatureTable.of(selected).provenance == expected
    mixed = pd.concat([frame, made(settings=OTHERS).to_frame()])
    assert FeatureTable.of(mixed).provenance == {}
    # As pandas writes it, and as Earmark does.
    frame.to_parquet(tmp_path / "pandas.parquet")
    assert tables.read(tmp_path / "pandas.parquet").provenance == expected
    tables.write(frame, tmp_path / "ours.parquet")
    assert tables.read(tmp_path / "ours.parquet").provenance == expected


def test_a_table_that_carries_its_provenance_is_written_as_one_with_a_schema(tmp_path):
    table, of = made(windows=6.0), schema.of("default", DEFAULTS, 6.0)
    tables.write(table.frame, tmp_path / "schema.parquet", of)
    expected = (tmp_path / "schema.parquet").read_bytes()
    for name, carrying in (("frame", table.to_frame()), ("table", table)):
        tables.write(carrying, tmp_path / f"{name}.parquet")
        assert (tmp_path / f"{name}.parquet").read_bytes() == expected
    again = tables.read(tmp_path / "schema.parquet")
    tables.write(again, tmp_path / "again.parquet")
    assert (tmp_path / "again.parquet").read_bytes() == expected


def test_a_table_of_a_set_that_is_no_more_keeps_the_versions_of_its_columns(tmp_path):
    table = made()
    old = FeatureTable(table.frame, {**table.provenance, "fingerprint": "0", "set": "default-1"})
    tables.write(old, tmp_path / "t.parquet")
    fields = pq.read_schema(tmp_path / "t.parquet")
    assert fields.field("tempo").metadata == {
        b"version": str(table.column_versions["tempo"]).encode()
    }


def test_older_tables_have_the_versions_of_their_columns_in_the_fields(tmp_path):
    path, of = tmp_path / "t.parquet", schema.of("default", DEFAULTS)
    tables.write(made().frame, path, of)
    arrow = pq.read_table(path)
    about = json.loads(arrow.schema.metadata[b"earmark"])
    del about["column_versions"]
    metadata = {**arrow.schema.metadata, b"earmark": json.dumps(about).encode()}
    pq.write_table(arrow.replace_schema_metadata(metadata), path)
    assert tables.read(path).column_versions == made().column_versions


def test_tables_say_what_computed_them():
    found = provenance.versions()
    assert found["earmark"] == earmark.__version__
    assert found["numpy"] == np.__version__
    expected = {"python", "scipy", "numba", "soxr", "soundfile", "libsndfile", "av", "ffmpeg"}
    assert expected | {"librosa"} <= set(found)
    assert all(isinstance(version, str) and version for version in found.values())


def test_only_who_keeps_a_table_asks_for_versions(cli, demo, tmp_path, monkeypatch):
    asked = []
    versions = provenance.versions
    monkeypatch.setattr(provenance, "versions", lambda: asked.append(1) or versions())
    waltz = demo / "waltz-96bpm-f-major.flac"
    assert cli("classify", waltz, "-q", "-o", tmp_path / "genres.csv")[0] == 0
    assert not asked
    assert cli("extract", waltz, "-q", "-o", tmp_path / "table.parquet")[0] == 0
    assert asked
    stored = tables.read(tmp_path / "table.parquet").provenance
    frame = earmark.table([waltz])
    assert frame.attrs["earmark"] == stored == provenance.metadata(schema.of("default", DEFAULTS))
    tables.write(FeatureTable.of(frame), tmp_path / "again.parquet")
    assert tables.read(tmp_path / "again.parquet").provenance == stored


def test_a_checkout_names_its_commit_and_nothing_else_does(tmp_path):
    assert provenance.commit(tmp_path) is None
    (tmp_path / ".git").write_text("gitdir: nowhere")
    provenance.commit.cache_clear()
    assert provenance.commit(tmp_path) is None


def test_in_python_a_model_refuses_what_the_command_refuses(jazz, demo):
    model = earmark.load("light")
    assert model.predict(jazz)["genre"].notna().all()
    track = demo / "jazz-120bpm-b-flat-major.wav"
    table = earmark.table([track], windows=6.0, settings=OTHERS)
    message = r"hop_length 1024 \(the model has 512\)\. Extract again with the model's settings"
    for answer in (model.predict, model.explain):
        with pytest.raises(SchemaError, match=message):
            answer(table)
        with pytest.raises(SchemaError, match=message):
            answer(table[table["start"] == 0])
    tracks, windows = earmark.tracks_and_windows([track], settings=OTHERS)
    for table in (tracks, windows):
        with pytest.raises(SchemaError, match=message):
            model.predict(table)


def changed(table, **versions):
    about = {**table.attrs["earmark"], "set": "default-4", "fingerprint": "0"}
    about["column_versions"] = {**about["column_versions"], **versions}
    return FeatureTable.of(table, "t.parquet", about)


def test_a_column_of_another_version_is_refused_by_name(jazz):
    model = earmark.load("light")
    of = model.column_versions
    name = next(column for column in of if of[column] > 1)
    newer = changed(jazz, **{name: of[name] + 1})
    message = (
        rf"t\.parquet was not .*: {name} of version {of[name] + 1} \(the model has {of[name]}\)\. "
        "Make the table with `earmark extract --set default` of the version of Earmark that"
    )
    with pytest.raises(SchemaError, match=message):
        model.predict(newer)
    older = changed(jazz, **{name: of[name] - 1})
    with pytest.raises(SchemaError, match="Extract again with `earmark extract --set default`"):
        model.predict(older)


def test_a_new_descriptor_is_no_reason_to_refuse(jazz):
    model = earmark.load("light")
    more = changed(jazz.copy().assign(brilliance=1.0), brilliance=1)
    pd.testing.assert_frame_equal(model.predict(more), model.predict(jazz))
    unseen = next(name for name in model.columns if name not in model.inputs)
    for table in (changed(jazz, **{unseen: 99}), jazz.drop(columns=unseen)):
        pd.testing.assert_frame_equal(model.predict(table), model.predict(jazz))
    with pytest.raises(SchemaError, match=rf"missing 1 \({model.inputs[3]}\)"):
        model.predict(jazz.drop(columns=model.inputs[3]))
    first = ", ".join(model.inputs[:5])
    with pytest.raises(SchemaError, match=rf"missing 7 \({first}, …\).*\. Make the table with"):
        model.predict(jazz.drop(columns=model.inputs[:7]))


def test_concat_takes_tables_that_were_made_alike_and_names_those_that_were_not():
    joined = feature_table.concat([made("ab"), made("cd").to_frame()])
    assert joined.paths.tolist() == ["a.mp3", "b.mp3", "c.mp3", "d.mp3"]
    assert joined.provenance == made().provenance
    one, two = made("ab"), made("cd", settings=OTHERS)
    with pytest.raises(SchemaError) as refused:
        feature_table.concat([one, two])
    for name in (one.source, one.fingerprint, two.source, two.fingerprint):
        assert name in str(refused.value)
    with pytest.raises(SchemaError, match=r"a row per windows of 3 s"):
        feature_table.concat([made("ab"), made("cd", windows=3.0)])
    with pytest.raises(SchemaError, match="table 2 does not say how it was made"):
        feature_table.concat([one, two.frame])


def test_concat_names_all_versions_and_all_failures():
    older = made("cd")
    older = FeatureTable(older.frame, {**older.provenance, "numpy": "1.0"})
    joined = feature_table.concat([made("ab"), older]).provenance
    assert joined["numpy"] == f"{np.__version__}, 1.0"
    frames = [made("ab").to_frame(), made("cd").to_frame()]
    frames[1].attrs["failures"] = [{"path": "e.mp3"}]
    both = earmark.concat(frames)
    assert both.attrs["failures"] == [{"path": "e.mp3"}]
    assert both.attrs["earmark"] == made().provenance


def test_merge_joins_tables_and_keeps_what_made_them(cli, demo, tmp_path):
    files = sorted(demo.glob("*.wav"))[:1] + sorted(demo.glob("*.flac"))[:1]
    one, two, both = (tmp_path / f"{name}.parquet" for name in ("one", "two", "both"))
    for target, sources in ((one, files[:1]), (two, files)):
        assert cli("extract", *sources, "-o", target, "-q", "--set", "loudness")[0] == 0
    status, out, _ = cli("merge", one, two, "-o", both)
    assert (status, out) == (0, f"2 rows of 2 tracks (1 were there more than once): {both}\n")
    merged, expected = tables.read(both), tables.read(two)
    assert sorted(merged.paths) == sorted(expected.paths)
    assert merged.provenance == expected.provenance
    assert pq.read_schema(both).equals(pq.read_schema(two), check_metadata=True)
    status, out, _ = cli("info", both)
    assert f"numpy: {np.__version__}\n" in out
    assert "libsndfile: " in out
    assert "column_versions" not in out


def test_merge_refuses_what_does_not_go_together(cli, tmp_path):
    a, b, c, d = (tmp_path / name for name in ("a.parquet", "b.parquet", "c.parquet", "d.csv"))
    tables.write(made("ab"), a)
    tables.write(made("cd", settings=OTHERS), b)
    other = made("ab")
    tables.write(other.with_frame(other.frame.assign(sha256=["a" * 64, "0" * 64])), c)
    tables.write(made("ab"), d)
    output = tmp_path / "out.parquet"
    for sources, message in (
        ((a, b), f"{a} and {b} were not made alike"),
        ((a, c), "1 path stands for files of different content in the tables, such as b.mp3"),
        ((a, d), f"{d} does not say how it was made"),
    ):
        status, _, err = cli("merge", *sources, "-o", output)
        assert (status, message in err) == (1, True), err
        assert not output.exists()
    output.write_text("mine")
    status, _, err = cli("merge", a, "-o", output)
    assert (status, "is no table of Earmark's" in err) == (1, True)
    assert output.read_text() == "mine"
