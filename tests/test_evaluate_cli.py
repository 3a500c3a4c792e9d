"""Training, evaluating and explaining on the command line: what is printed and written."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest

import earmark
from earmark.classify.evaluation.summary import summary
from earmark.classify.model import storage

COLUMNS = list("abcdef")


def music(seed=0, artists=12, tracks=6):
    """Return a table in which artists are told apart well, and their genres only a little."""
    rng = np.random.default_rng(seed)
    owner = np.repeat(np.arange(artists), tracks)
    values = rng.normal(size=(artists, len(COLUMNS)))[owner]
    values = values + 0.1 * rng.normal(size=values.shape)
    values[:, 0] += (owner % 2) * 1.0
    found = pd.DataFrame(values, columns=COLUMNS)
    found.insert(0, "path", [f"{place}.mp3" for place in range(len(owner))])
    found.insert(1, "artist", [f"artist {place}" for place in owner])
    found.insert(2, "genre", np.array(["jazz", "rock"])[owner % 2])
    found.insert(3, "fold", np.where(owner < artists // 2, "train", "test"))
    return found


def written(path, frame):
    frame.to_csv(path, index=False)
    return path


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    return written(tmp_path_factory.mktemp("table") / "music.csv", music())


@pytest.fixture(scope="module")
def trained(table, tmp_path_factory):
    """Train once, on the command line, and return the model's directory."""
    from earmark import pipeline

    model = tmp_path_factory.mktemp("models") / "mine"
    arguments = ["train", str(table), "-o", str(model), "--repeats", "1", "--folds", "3", "-q"]
    with pytest.raises(SystemExit) as stop:
        pipeline.main(arguments)
    assert stop.value.code == 0
    return model


def measures(out):
    """Return the accuracy that is printed, and that of the random split beside it."""
    line = next(line for line in out.splitlines() if line.startswith("  accuracy"))
    honest, *leaky = re.findall(r"(?<![–(])\b\d\.\d{3}\b(?!\))(?!–)", line)
    return float(honest), *map(float, leaky)


def test_training_writes_a_report_that_agrees_with_what_is_kept(trained):
    assert {path.name for path in trained.iterdir()} >= {*storage.REPORT, "MODEL_CARD.md"}
    for name in storage.REPORT[1:]:
        assert (trained / name).read_bytes().startswith(b"\x89PNG")
    page = (trained / "report.html").read_text(encoding="utf-8")
    numbers = earmark.load(trained).metrics
    for found in (numbers["accuracy"], numbers["leaky"]["accuracy"]):
        assert f"{100 * found:.1f}\N{NO-BREAK SPACE}%" in page
    assert "Genre model mine" in page
    card = (trained / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert f"| accuracy | {numbers['accuracy']:.3f} |" in card
    assert "Trained by Earmark on 72 tracks (72 rows, 6 of 6 descriptors) from `music.csv`" in card


def test_a_table_is_evaluated_honestly_and_leakily(cli, table):
    status, out, err = cli("evaluate", table, "--repeats", 1, "--folds", 3, "-q")
    assert (status, err) == (0, "")
    head = "72 tracks, 3-fold cross-validation, no artist is on both sides:"
    assert out.splitlines()[0] == head
    honest, leaky = measures(out)
    # Tracks of an artist are nearly alike: who has heard one knows the genre of the others.
    assert leaky > 0.9
    assert honest < leaky - 0.15
    assert "the commonest genre alone would give 0.500" in out
    assert cli("evaluate", table, "--repeats", 1, "--folds", 3, "-q")[1] == out


def test_a_model_directory_says_what_was_measured_when_it_was_trained(cli, trained):
    status, out, _ = cli("evaluate", trained)
    numbers = earmark.load(trained).metrics
    assert status == 0
    assert out.splitlines() == summary(numbers)
    assert measures(out) == pytest.approx(
        (numbers["accuracy"], numbers["leaky"]["accuracy"]), abs=0.0005
    )


def test_a_published_split_is_kept(cli, table):
    status, out, _ = cli("evaluate", table, "--split", "fold", "--repeats", 1, "-q")
    assert status == 0
    head = "72 tracks, 36 of them tested, the published split is kept:"
    assert out.splitlines()[0] == head


def test_a_model_is_tested_on_other_tracks(cli, trained, tmp_path):
    other = music()
    other["genre"] = other["genre"].where(other["artist"] != "artist 3", "polka")
    status, out, _ = cli("evaluate", written(tmp_path / "o.csv", other), "-m", trained, "-q")
    assert status == 0
    assert out.splitlines()[0] == "72 tracks:"
    assert "random split" not in out
    assert "polka: 6 tracks, a genre that the model does not know" in out
    called = earmark.load(trained).predict(other)["genre"]
    right = (called == other["genre"]).mean()
    assert measures(out) == (pytest.approx(right, abs=0.0005),)
    # Under the names that they had, it knows some of them.
    _, known, _ = cli("evaluate", written(tmp_path / "k.csv", music()), "-m", trained, "-q")
    assert measures(known)[0] == pytest.approx((called == music()["genre"]).mean(), abs=0.0005)
    assert measures(known)[0] > right


def test_duplicates_are_named_and_what_they_would_have_added(cli, tmp_path):
    # Every track also stands under another artist.
    found = music(tracks=3)
    again = found.assign(
        path="again/" + found["path"], artist=[f"copier {place}" for place in range(len(found))]
    )
    path = written(tmp_path / "twice.csv", pd.concat([found, again], ignore_index=True))
    status, out, err = cli("evaluate", path, "--repeats", 1, "--folds", 3, "-q")
    assert status == 0
    assert "72 tracks are there more than once (the same numbers to the last digit)" in err
    assert "such as 0.mp3 and again/0.mp3" in err
    added = re.search(r"duplicates on both sides .* would have changed accuracy by ([+-]\S+)", out)
    assert float(added[1]) > 0.1


def test_explanations_of_a_table_are_shown_and_written(cli, table, trained, tmp_path):
    output = tmp_path / "genres.csv"
    status, out, err = cli(
        "classify", table, "-m", trained, "-o", output, "--explain=columns", "-q"
    )
    assert status == 0
    explained = pd.read_csv(tmp_path / "genres.explained.csv")
    assert explained.columns.tolist() == ["path", "genre", "feature", "value", "contribution"]
    assert f"what spoke for and against each: {tmp_path / 'genres.explained.csv'}" in err
    given = pd.read_csv(output).set_index("path")["genre"]
    assert (explained["genre"] == explained["path"].map(given)).all()
    assert set(explained["path"]) == set(given.index)
    assert set(explained["feature"]) <= set(COLUMNS)
    values = pd.read_csv(table).set_index("path")
    expected = [values.loc[row.path, row.feature] for row in explained.itertuples()]
    np.testing.assert_allclose(explained["value"], expected, rtol=1e-5)
    # The strongest for, then the strongest against.
    for _, own in explained.groupby("path"):
        signs = np.sign(own["contribution"]).tolist()
        assert signs == sorted(signs, reverse=True)
        strength = own["contribution"].abs()
        for sign in (1, -1):
            assert strength[own["contribution"] * sign > 0].is_monotonic_decreasing
    first = explained.iloc[0]
    assert (
        f"  for      {first['feature']} {first['value']:.3g} ({first['contribution']:+.2f})" in out
    )
    # Without being asked for them, there are none.
    cli("classify", table, "-m", trained, "-o", tmp_path / "plain.csv", "-q")
    assert not (tmp_path / "plain.explained.csv").exists()


def test_explanations_of_audio_are_of_the_default_model(cli, demo, tmp_path):
    track = demo / "reggae-76bpm-g-major.ogg"
    output = tmp_path / "genres.jsonl"
    status, out, _ = cli("classify", track, "-o", output, "--explain=columns", "-q")
    assert status == 0
    explained = pd.read_json(tmp_path / "genres.explained.jsonl", lines=True)
    assert set(explained["path"]) == {track.name}
    assert set(explained["feature"]) <= set(earmark.load().inputs)
    assert (explained["contribution"] > 0).sum() == 5
    assert out.count("  for  ") == out.count("  against  ") == 1


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["evaluate", "{table}", "--split", "part"], 1, r"has no column 'part' to split by; it ha"),
        (["evaluate", "{table}", "--label", "style"], 1, r"has no column 'style'; name a CSV of l"),
        (["evaluate", "{table}", "--group", "label"], 1, r"has no column 'label' to group by"),
        (["evaluate", "{bare}"], 1, r"has no column 'genre'; name a CSV of labels \(--labels\)"),
        (["evaluate", "{bare}", "--labels", "{none}"], 1, r"none\.csv"),
        (["evaluate", "{none}"], 1, r"none\.csv: does not exist"),
        (["evaluate", "{folder}"], 1, r"is no model \(there is no bundle\.json in it\)"),
        (["evaluate", "{other}", "-m", "{model}"], 1, r"missing 1 \(f\); unexpected 1 \(z\)"),
        (["evaluate", "{table}", "-m", "{folder}"], 1, r"is no model"),
        (["evaluate", "{foreign}", "-m", "{model}"], 1, r"the model knows none of the genres polk"),
        (["evaluate", "{one}"], 1, r"all 72 labelled tracks are 'jazz'; a classifier needs at l"),
        (["evaluate", "{table}", "--folds", "1"], 2, r"'--folds'"),
        (["train", "{bare}", "-o", "{new}"], 1, r"has no column 'genre'"),
        (["train", "{table}", "--split", "part", "-o", "{new}"], 1, r"has no column 'part'"),
        (["train", "{table}", "-o", "{table}"], 1, r"is a file; name a directory"),
        (["classify", "{other}", "-m", "{model}", "--explain", "-o", "{new}.csv"], 1, r"missing 1"),
    ],
)
def test_wrong_use_gets_one_clear_line(cli, table, trained, tmp_path, arguments, status, message):
    found = music()
    (tmp_path / "folder").mkdir()
    places = {
        "table": table,
        "model": trained,
        "none": tmp_path / "none.csv",
        "new": tmp_path / "new",
        "folder": tmp_path / "folder",
        "bare": written(tmp_path / "bare.csv", found.drop(columns="genre")),
        "other": written(tmp_path / "other.csv", found.rename(columns={"f": "z"})),
        "one": written(tmp_path / "one.csv", found.assign(genre="jazz")),
        "foreign": written(
            tmp_path / "foreign.csv",
            found.assign(genre=found["genre"].map({"jazz": "polka", "rock": "waltz"})),
        ),
    }
    given, out, err = cli(*(argument.format(**places) for argument in arguments))
    assert (given, out) == (status, "")
    assert re.search(message, err)
    if status == 1:
        assert re.fullmatch(r"earmark: [^\n]+\n", err)
    assert not list(tmp_path.glob("new*"))


def test_the_help_has_an_example_and_the_options(cli):
    status, out, _ = cli("evaluate", "--help")
    assert status == 0
    assert "Example:  earmark evaluate" in " ".join(out.split("\n"))
    for option in ("--labels", "--model", "--split", "--group", "--folds", "--repeats", "--seed"):
        assert option in out
    assert "--explain" in cli("classify", "--help")[1]


@pytest.mark.real_audio
@pytest.mark.slow
def test_on_real_music_a_random_split_says_far_too_much(cli, shared, tmp_path):
    table = tmp_path / "windows.parquet"
    music, labels = shared / "emotify" / "audio", shared / "emotify" / "tracks.csv"
    assert cli("extract", music, "-o", table, "--windows", 10, "-q")[0] == 0
    arguments = ("evaluate", table, "--labels", labels, "--repeats", 1, "-q")
    status, out, err = cli(*arguments)
    assert status == 0
    honest, leaky = measures(out)
    # Measured: 0.51 and 0.89, where chance is 0.25.
    assert 0.35 < honest < 0.65
    assert leaky > honest + 0.2
    assert "4 tracks are there more than once: the same audio at another bit rate" in out
    assert "such as electronic-28.mp3 and electronic-30.mp3" in err


def test_what_was_said_of_every_track_is_written(cli, table, trained, tmp_path):
    output = tmp_path / "said.csv"
    status, out, err = cli("evaluate", table, "--repeats", 1, "--folds", 3, "-q", "-o", output)
    assert status == 0
    assert f"what was said of 72 tracks: {output}" in err
    said = pd.read_csv(output).set_index("path")
    given = pd.read_csv(table).set_index("path")
    assert set(said.index) == set(given.index)
    assert (said["label"] == given["genre"].reindex(said.index)).all()
    # By a model that had not seen the artist: each is in one fold.
    assert (said.groupby("group")["fold"].nunique() == 1).all()
    assert said["fold"].nunique() == 3
    right = (said["genre"] == said["label"]).mean()
    assert measures(out)[0] == pytest.approx(right, abs=0.0005)
    other = tmp_path / "other.parquet"
    status, out, _ = cli("evaluate", table, "-m", trained, "-q", "-o", other)
    assert status == 0
    said = pd.read_parquet(other)
    assert (said["genre"] == said["label"]).mean() == pytest.approx(measures(out)[0], abs=0.0005)
    assert cli("evaluate", trained, "-o", tmp_path / "m.csv")[0] == 2
