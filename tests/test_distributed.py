"""Training on a cluster: a real scheduler, two workers, and a table that lies in pieces."""

from __future__ import annotations

import threading
import time

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from earmark.classify import distributed
from earmark.classify.dataset import build
from earmark.classify.model import storage
from earmark.classify.model.boosting import booster_parameters
from earmark.classify.model.defaults import FOR_FEW_ROWS
from earmark.classify.model.ensemble import Ensemble
from earmark.classify.model.estimator import GenreClassifier
from earmark.extract.errors import AnalyseError, LabelError, SchemaError

GENRES = ("folk", "jazz", "rock")
INPUTS = ["bright", "key", "dense"]


def windows(tracks=240, most=4):
    """Tracks of two to four windows, whose genre shows in three columns, but not for certain."""
    random = np.random.default_rng(0)
    track = np.repeat(np.arange(tracks), random.integers(2, most + 1, tracks))
    genre = track % 3
    return pd.DataFrame(
        {
            "path": [f"music/{number:03}.mp3" for number in track],
            "sha256": [f"{number:064x}" for number in track],
            "bright": genre + random.normal(0, 1.2, len(track)),
            "key": np.where(random.random(len(track)) < 0.6, 4 * genre, random.integers(12)),
            "dense": random.normal(0, 1, len(track)) - (genre == 2),
        }
    )


def write(folder, frame, parts=4, group=60):
    """Write parts of several row groups; tracks lie across their borders."""
    folder.mkdir()
    for number, rows in enumerate(np.array_split(np.arange(len(frame)), parts)):
        part = folder / f"part-{number:05}.parquet"
        frame.iloc[rows].to_parquet(part, index=False, row_group_size=group)
    return folder


@pytest.fixture
def labels(tmp_path):
    """The genre and artist of each track; six tracks each."""
    known = pd.DataFrame({"path": [f"music/{number:03}.mp3" for number in range(240)]})
    known["genre"] = [GENRES[number % 3] for number in range(240)]
    known["artist"] = [f"artist {number // 6}" for number in range(240)]
    known.to_csv(tmp_path / "labels.csv", index=False)
    return tmp_path / "labels.csv"


@pytest.fixture
def two_workers(machines):
    address = machines.scheduler()
    machines.worker()
    machines.worker()
    with distributed.connect(address, 0) as client:
        client.wait_for_workers(2, timeout=30)
        yield address, client


@pytest.mark.slow
def test_two_workers_train_what_one_machine_would(
    cli, two_workers, machines, labels, tmp_path, monkeypatch
):
    address, client = two_workers
    frame = windows()
    # A silent window has nothing to be learned from, and a track without a label has no genre.
    frame.loc[5, INPUTS] = np.nan
    stranger = frame.iloc[:3].assign(path="music/stranger.mp3", sha256="0")
    folder = write(tmp_path / "table", pd.concat([frame, stranger]))

    def collected(*_):
        raise AssertionError("a piece was read outside of the workers")

    monkeypatch.setattr(distributed.Piece, "read", collected)
    output = tmp_path / "model"
    status, out, err = cli(
        "train", folder, "--labels", labels, "-o", output, "--scheduler", address
    )
    assert status == 0, err
    assert "240 tracks, 48 of them tested, no artist is on both sides" in out
    assert "1 of 241 tracks have no label" in err
    monkeypatch.undo()

    bundle = storage.load(output)
    assert (bundle.genres, bundle.inputs, bundle.linear) == (list(GENRES), INPUTS, None)
    assert f"({len(frame) - 1} rows" in (output / "MODEL_CARD.md").read_text()
    whole = tmp_path / "whole.parquet"
    frame.to_parquet(whole, index=False)
    data = build.build(whole, str(labels))
    here = GenreClassifier(linear_share=0.0, class_weight=None, categorical_features=["key"])
    here.fit(data.features, data.labels, sample_weight=build.weights(data))
    there = bundle.probabilities(data.features)
    assert np.array_equal(bundle.categories["key"], here.categories_[1])
    # Rows are drawn otherwise, so trees differ; what they say hardly does.
    assert np.abs(there - here.predict_proba(data.features)).mean() < 0.04
    assert abs(bundle.metrics["accuracy"] - held_out_accuracy(data)) < 0.1

    pieces = distributed.survey(client, folder, str(labels))
    in_both_workers(client, pieces)
    log_odds_are_those_of_the_whole(client, pieces, bundle, data)
    what_is_wrong_with_a_row_is_said(cli, address, labels, tmp_path)
    the_death_of_a_worker_ends_the_training(client, pieces, machines)


def held_out_accuracy(data):
    """Measure the same trees in one place, on the same groups."""
    tracks = data.per_track()
    dataset = build.Dataset(
        data.features, tracks["label"], tracks["group"], tracks["track"], [], {}
    )
    truth = tracks["label"].map(GENRES.index).to_numpy()
    held_out, _ = distributed._split(dataset, truth, 5, 0, stop=False)
    rows = data.tracks.isin(tracks["track"][held_out]).to_numpy()
    model = GenreClassifier(linear_share=0.0, class_weight=None, categorical_features=["key"])
    model.fit(data.features[~rows], data.labels[~rows], sample_weight=build.weights(data)[~rows])
    mean = pd.DataFrame(model.logits(data.features[rows])).groupby(data.tracks[rows].to_numpy())
    found = mean.mean().idxmax(axis=1)
    return (found == pd.Series(truth, tracks["track"])[found.index]).mean()


def in_both_workers(client, pieces):
    truth = np.arange(240) % 3
    matrix = distributed._matrix(client, pieces, truth, np.ones(240, bool), 64)
    assert len(matrix.worker_map) == 2


def log_odds_are_those_of_the_whole(client, pieces, bundle, data):
    chosen = np.arange(240) % 7 == 0
    run = distributed._predicted(client, pieces, bundle.booster, chosen)
    trees, _ = Ensemble(bundle.booster, None, bundle.ensemble.categories).parts(
        data.features.to_numpy(np.float32)
    )
    expected = pd.DataFrame(trees).groupby(data.tracks.to_numpy()).mean()
    assert len(run.tracks) == chosen.sum()
    np.testing.assert_allclose(run.trees, expected.loc[run.tracks.index], atol=1e-5)


def what_is_wrong_with_a_row_is_said(cli, address, labels, tmp_path):
    frame = windows()
    frame.loc[100, "bright"] = np.inf
    folder = write(tmp_path / "wild", frame, parts=2, group=1000)
    arguments = ("--labels", labels, "-o", tmp_path / "none", "--scheduler", address)
    status, _, err = cli("train", folder, *arguments)
    assert status == 1
    assert f"bright of {frame['path'][100]} is inf" in err
    assert not (tmp_path / "none").exists()


def the_death_of_a_worker_ends_the_training(client, pieces, machines):
    def kill():
        # XGBoost's task on each worker.
        growing, deadline = 0, time.monotonic() + 20
        while growing < 2 and time.monotonic() < deadline:
            time.sleep(0.2)
            tasks = [str(key) for own in client.processing().values() for key in own]
            growing = sum(key.startswith("fn-") for key in tasks)
        time.sleep(1)
        machines.processes[-1].kill()

    everything, nothing = np.ones(240, bool), np.zeros(240, bool)
    parameters = booster_parameters(FOR_FEW_ROWS, 3, 0)
    death = threading.Thread(target=kill, daemon=True)
    death.start()
    # So many rounds take minutes.
    with pytest.raises(AnalyseError, match="ended while trees were grown"):
        distributed._grown(
            client, pieces, np.arange(240) % 3, everything, nothing, parameters, 30_000
        )
    assert machines.processes[-1].poll() is not None


def test_weights_are_those_of_one_machine():
    frame = windows()
    genre = frame["path"].str[6:9].astype(int) % 3
    rows = frame["path"].value_counts(sort=False)
    data = build.Dataset(frame[INPUTS], genre, frame["path"], frame["path"], INPUTS, {})
    truth = np.arange(240) % 3
    ours = distributed._weights(truth, rows.to_numpy(), np.ones(240, bool))
    by_row = pd.Series(ours, rows.index)[frame["path"]].to_numpy()
    np.testing.assert_allclose(by_row, build.weights(data), rtol=1e-6)


def split(groups, truth, stop=True):
    series = pd.Series(groups)
    dataset = build.Dataset(pd.DataFrame(), pd.Series(truth), series, series, [], {})
    return distributed._split(dataset, np.asarray(truth), 5, 0, stop=stop)


def test_no_group_is_in_two_parts_and_each_genre_is_learned_from():
    groups = [f"artist {number // 3}" for number in range(600)]
    truth = np.arange(600) % 4
    # A genre of one artist alone.
    truth[:3] = 4
    held_out, stopping = split(groups, truth)
    assert held_out.sum() == 120
    assert 0 < stopping.sum() < 30
    parts = pd.Series(held_out + 2 * stopping).groupby(groups).nunique()
    assert (parts == 1).all()
    assert set(truth[~held_out & ~stopping]) == set(range(5))


def test_the_order_of_rows_does_not_matter_to_the_split():
    groups = np.array([f"artist {number // 3}" for number in range(600)])
    order = np.random.default_rng(0).permutation(600)
    truth = np.arange(600) % 4
    assert np.array_equal(split(groups, truth)[0][order], split(groups[order], truth[order])[0])


def test_where_nothing_can_be_held_out_it_is_said():
    with pytest.raises(LabelError, match="nothing can be held out"):
        split(["a", "a", "b", "b"], [0, 0, 1, 1])


def test_pieces_are_row_groups_of_files_in_order(tmp_path):
    folder = write(tmp_path / "table", windows(), parts=2, group=200)
    pieces, head = distributed.pieces_of(folder)
    assert [piece.group for piece in pieces[:2]] == [0, 1]
    assert pd.concat([piece.read() for piece in pieces])["path"].tolist() == list(windows()["path"])
    assert set(INPUTS) <= set(head.columns)
    single, _ = distributed.pieces_of(folder / "part-00000.parquet")
    assert single == [piece for piece in pieces if piece.path.endswith("part-00000.parquet")]


def test_files_that_were_made_otherwise_are_refused(tmp_path):
    folder = write(tmp_path / "table", windows(), parts=2)
    other = pq.read_table(folder / "part-00001.parquet")
    pq.write_table(other.append_column("more", pa.nulls(len(other))), folder / "part-00001.parquet")
    with pytest.raises(SchemaError, match=r"part-00001.parquet: was not made like"):
        distributed.pieces_of(folder)


def test_a_folder_without_parts_is_refused(tmp_path):
    with pytest.raises(SchemaError, match=r"holds no part-\*.parquet"):
        distributed.pieces_of(tmp_path)


def test_what_a_cluster_does_not_know_is_refused(cli, labels, tmp_path):
    arguments = ("-o", tmp_path / "model", "--scheduler", "local", "--tune", 3)
    status, _, err = cli("train", tmp_path, "--labels", labels, *arguments)
    assert status == 2
    assert "--tune cannot be used with --scheduler" in err
