"""The page that trains, with real workers, and what it does without a page."""

from __future__ import annotations

import html
import io
import re
import time
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import queue_jobs
from streamlit.proto.WidgetStates_pb2 import WidgetState
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import Selectbox

import earmark
from earmark.classify.app.jobs import training
from earmark.classify.app.pages import train as train_page
from earmark.classify.model import storage
from earmark.extract.errors import LabelError, WriteError


def table(rows=60, genres=("jazz", "rock"), seed=0):
    """A table of what tells two genres apart, with artists."""
    rng = np.random.default_rng(seed)
    labels = np.resize(genres, rows)
    loud = pd.Series(labels).map({genre: place for place, genre in enumerate(genres)})
    return pd.DataFrame(
        {
            "path": [f"{row}.mp3" for row in range(rows)],
            "energy": rng.normal(loud, 0.2),
            "tempo": rng.normal(120, 20, rows),
            "genre": labels,
            "artist": [f"artist {row // 4}" for row in range(rows)],
        }
    )


def test_the_column_with_the_genre_comes_first(tmp_path):
    path = tmp_path / "table.csv"
    table().rename(columns={"genre": "track_genre"}).to_csv(path, index=False)
    seen = training.inspect_table(str(path))
    assert seen["rows"] == 60
    assert seen["columns"] == ["track_genre", "artist", "path", "energy", "tempo"]


@pytest.mark.parametrize(
    ("name", "found"),
    [("My genres!", "My-genres"), ("../../etc", "etc"), ("♯", "model"), ("a" * 99, "a" * 60)],
)
def test_a_model_has_a_name_that_a_folder_can_have(name, found):
    assert training.directory_name(name) == found


@pytest.mark.parametrize(
    "text",
    [
        *("", "..", ".", "/tmp/x", "models/../..", "out/x", "\0", "music/mine", "models"),
        *("models/.mine", ".models/mine", "models/a/b/c"),
    ],
)
def test_a_model_goes_nowhere_else(tmp_path, text):
    root = tmp_path / "root"
    root.mkdir()
    (root / "out").symlink_to(tmp_path)
    with pytest.raises(WriteError, match="is no place for a model"):
        training.model_directory(text, root)
    assert training.model_directory("models/mine", root) == root / "models" / "mine"


def test_a_model_takes_no_others_place(tmp_path):
    theirs = tmp_path / "data" / "models" / "theirs"
    theirs.mkdir(parents=True)
    with pytest.raises(WriteError, match="is there already"):
        training.model_directory("data/models/theirs", tmp_path)
    assert training.model_directory("data/models/theirs", tmp_path, {theirs}) == theirs
    (theirs / "song.mp3").write_bytes(b"x")
    with pytest.raises(WriteError, match="holds other things than a model"):
        training.model_directory("data/models/theirs", tmp_path, {theirs})


def test_no_model_goes_among_those_that_ship(tmp_path):
    root = storage.DEFAULT.parent.parent.resolve()
    with pytest.raises(WriteError, match="is no place for a model"):
        training.model_directory("models/mine", root)


def test_of_many_columns_the_first_and_those_of_genres_are_looked_at(tmp_path):
    path, many = tmp_path / "wide.parquet", training.MOST_COLUMNS + 9
    frame = pd.DataFrame("text", index=range(2), columns=[f"c{place}" for place in range(many)])
    frame.assign(genre=["a", "b"]).to_parquet(path)
    columns = training.inspect_table(str(path))["columns"]
    assert columns[0] == "genre"
    assert len(columns) == training.MOST_COLUMNS + 1


def test_a_report_is_shown_where_it_can_do_nothing():
    page = training.sandboxed('<p title="x">&amp;</p><script>alert(1)</script>', 300)
    assert page.startswith('<iframe sandbox title="Report"')
    shown = page.split('srcdoc="')[1].rstrip("</iframe>").rstrip('"')
    assert '"' not in shown
    assert "<" not in shown
    assert html.unescape(shown) == '<p title="x">&amp;</p><script>alert(1)</script>'


def test_what_is_wrong_is_said_of_what_somebody_brought(tmp_path):
    path = tmp_path / "0123.csv"
    table(genres=("jazz",)).to_csv(path, index=False)
    with pytest.raises(LabelError, match=r"all 60 labelled tracks are 'jazz'"):
        training.train(str(path), str(tmp_path / "model"), {})
    with pytest.raises(LabelError) as error:
        training.train(str(path), str(tmp_path / "m"), {str(path): "my songs.csv"}, label="mood")
    assert str(tmp_path) not in str(error.value)
    assert "my songs.csv" in str(error.value)


def test_what_audio_does_not_have_can_be_left_out(tmp_path):
    path, told = tmp_path / "table.csv", []
    table().assign(popularity=50, explicit=True).to_csv(path, index=False)
    extras = ["popularity", "explicit"]
    training.train(
        str(path), str(tmp_path / "m"), {}, ignore=extras, report=lambda *own: told.append(own)
    )
    assert earmark.load(tmp_path / "m").inputs == ["energy", "tempo"]
    shares = [share for share, _ in told]
    assert shares == sorted(shares)
    assert shares[-1] < 1


def script():
    from earmark.classify.app.pages import train
    from earmark.classify.app.widgets import theme

    with theme.errors_shown():
        train.page()


@pytest.fixture
def app(below, tmp_path):
    """The page, with some tables below its root."""
    table().to_csv(tmp_path / "songs.csv", index=False)
    table(genres=("jazz",)).to_csv(tmp_path / "one.csv", index=False)
    (tmp_path / "broken.csv").write_bytes(b"a,b\n\xff\xfe\n")
    (tmp_path / "broken.parquet").write_bytes(b"PAR1 and no more")
    return AppTest.from_function(script, default_timeout=60)


@pytest.fixture(autouse=True)
def _tables_may_be_typed(monkeypatch):
    """Send what is none of the options of a box, too, as a browser does."""

    def state(box):
        sent = WidgetState(id=box.id)
        if box.value is not None:
            sent.string_value = str(box.format_func(box.value))
        return sent

    monkeypatch.setattr(Selectbox, "_widget_state", property(state))


def until(app, condition, seconds=300):
    """Draw the page anew, as its fragments do, until something is there."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, [own.value for own in app.main]
        time.sleep(0.1)
        app.run()
        assert not app.exception
    return app


def press(app, label):
    next(button for button in app.button if button.label == label).click().run()


def begin(app, column="genre"):
    """Choose the column of the genre, and train."""
    app.selectbox("train label").set_value(column).run()
    press(app, "Train")


def name_table(app, named):
    app.run()
    app.selectbox("train table").set_value(named).run()
    assert not app.exception


def shows(app, label):
    return lambda: any(button.label == label for button in app.button)


def test_an_empty_page_says_what_to_do(app):
    app.run()
    assert not app.exception
    assert "No table yet" in app.markdown[0].value


@pytest.mark.parametrize(
    ("named", "message"),
    [
        ("/etc/passwd", "is not there"),
        ("nowhere.csv", "is not there"),
        (".", "is a folder"),
        (".netrc", "is not there"),
        ("notes.txt", "ends in none of"),
        ("broken.parquet", "broken.parquet: cannot be read as a table"),
    ],
)
def test_a_table_elsewhere_is_refused_in_a_sentence(app, tmp_path, named, message):
    for name in (".netrc", "notes.txt"):
        (tmp_path / name).write_text("machine x login y password z\n" * 9, encoding="utf-8")
    name_table(app, named)
    assert message in app.error[0].value.replace("\\", "")


def test_a_broken_table_is_named(app, tmp_path):
    name_table(app, "broken.csv")
    until(app, lambda: len(app.error))
    said = app.error[0].value.replace("\\", "")
    assert said.startswith("broken.csv: ")
    assert str(tmp_path) not in said


@pytest.mark.slow
def test_one_genre_is_not_enough(app):
    name_table(app, "one.csv")
    until(app, shows(app, "Train"))
    begin(app)
    until(app, lambda: len(app.error))
    assert "a classifier needs at least two genres" in app.error[0].value.replace("\\", "")


@pytest.mark.slow
def test_a_table_becomes_a_model_that_can_be_kept(app, tmp_path):
    name_table(app, "songs.csv")
    until(app, shows(app, "Train"))
    # Nobody trains on a column that a page has guessed.
    assert app.selectbox("train label").value is None
    assert app.button("train go").disabled
    begin(app)
    until(app, shows(app, "Save"))
    assert not app.error
    assert app.metric[0].label == "Right, honestly"
    assert int(app.metric[0].value.split()[0]) > 90
    directory = app.session_state["work"].directory
    assert app.session_state["models"] == [directory]
    with zipfile.ZipFile(io.BytesIO(training.zip_model(directory))) as archive:
        names = set(archive.namelist())
    assert {f"songs/{name}" for name in ("model.ubj", "bundle.json", "report.html")} <= names
    next(own for own in app.text_input if own.label == "Keep it in").set_value("../elsewhere")
    press(app, "Save")
    assert "is no place for a model" in app.error[0].value.replace("\\", "")
    next(own for own in app.text_input if own.label == "Keep it in").set_value("models/mine")
    press(app, "Save")
    assert not app.error
    press(app, "Save")
    assert not app.error
    app.session_state["train kept"] = set()
    press(app, "Save")
    assert "is there already" in app.error[0].value.replace("\\", "")
    assert app.session_state["models"] == [tmp_path / "models" / "mine"]
    kept = earmark.load(tmp_path / "models" / "mine")
    assert kept.genres == ["jazz", "rock"]
    assert (tmp_path / "models" / "mine" / storage.CARD).is_file()


def test_what_runs_is_shown_whatever_else_is_wrong(app):
    name_table(app, "songs.csv")
    until(app, shows(app, "Train"))
    begin(app)
    until(app, shows(app, "Stop"))
    name_table(app, "nowhere.csv")
    for _ in range(2):
        assert "is not there" in app.error[0].value
        assert shows(app, "Stop")()
        app.run()
    press(app, "Stop")
    until(app, lambda: len(app.info))


def test_who_cannot_wait_stops_the_look_at_a_table(app, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))
    monkeypatch.setattr(training, "inspect_table", queue_jobs.sleep_for)
    name_table(app, "songs.csv")
    until(app, shows(app, "Stop"))
    press(app, "Stop")
    until(app, lambda: len(app.info))
    assert "Bring the table again" in app.info[0].value


def models_page():
    from pathlib import Path

    import streamlit as st

    from earmark.classify.app.widgets import model_picker

    st.markdown(str(model_picker.choose_model("model", first=Path(st.session_state["models"][0]))))


def test_models_of_one_name_are_told_apart(below, tmp_path):
    made = [tmp_path / "new" / "songs", tmp_path / "old" / "songs"]
    for directory in made:
        directory.mkdir(parents=True)
    app = AppTest.from_function(models_page)
    app.session_state["models"] = made
    app.run()
    box = app.selectbox("model")
    assert app.markdown[0].value == str(made[0])
    # The one that was trained first has its name.
    assert box.options[0] == "songs (2)"
    assert "songs" in box.options
    box.set_value(made[1]).run()
    assert app.markdown[0].value == str(made[1])


def test_a_training_can_be_stopped(app):
    name_table(app, "songs.csv")
    until(app, shows(app, "Train"))
    begin(app)
    until(app, shows(app, "Stop"))
    press(app, "Stop")
    until(app, lambda: len(app.info))
    assert "was stopped" in app.info[0].value
    assert not app.error


@pytest.mark.slow
def test_labels_come_from_elsewhere(app, tmp_path):
    frame = table()
    frame.drop(columns=["genre", "artist"]).to_csv(tmp_path / "bare.csv", index=False)
    labels = frame[["path", "genre"]].to_csv(index=False).encode()
    name_table(app, "bare.csv")
    until(app, shows(app, "Train"))
    app.radio[0].set_value("in a CSV").run()
    assert not shows(app, "Train")()
    app.file_uploader("train labels").upload("mine.csv", labels, "text/csv").run()
    until(app, shows(app, "Train"))
    # The box is empty after another page was looked at; what was brought is here.
    app.file_uploader("train labels").clear().run()
    assert shows(app, "Train")()
    assert any(r"mine\.csv is taken" in own.value for own in app.caption)
    begin(app)
    until(app, shows(app, "Save"))
    assert not app.error


@pytest.mark.slow
def test_an_uploaded_table_is_called_by_its_name(app):
    app.run()
    app.file_uploader[0].upload("<b>mine</b>.csv", b"path,tempo\na,1\nb,2\n", "text/csv").run()
    until(app, shows(app, "Train"))
    assert any(r"\<b\>mine\<" in own.value for own in app.markdown)
    begin(app, "tempo")
    until(app, lambda: len(app.error))
    assert "earmark-app" not in app.error[0].value
    first = app.session_state["work"].table
    app.file_uploader[0].upload("other.csv", b"path,tempo\na,1\n", "text/csv").run()
    assert app.session_state["work"].table.is_file()
    assert app.session_state["work"].table != first
    # Both can be chosen, on every page; of many the first go.
    assert [name for name in app.selectbox("train table").options if "Uploaded" in name] == [
        "Uploaded: other.csv",
        "Uploaded: <b>mine</b>.csv",
    ]
    for number in range(4):
        app.file_uploader[0].upload(f"{number}.csv", b"path,tempo\na,1\n", "text/csv").run()
    assert not first.exists()
    assert app.session_state["work"].name == "3.csv"


def said_of_options():
    """Return all text of the modules that read labels in which an option of a command stands."""
    import ast

    from earmark.classify.dataset import build

    found = set()
    for path in Path(build.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.JoinedStr):
                parts = [
                    part.value if isinstance(part, ast.Constant) else "x" for part in node.values
                ]
                found.add("".join(parts))
                for part in node.values:
                    part.value = ""
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.add(node.value)
    return sorted(text for text in found if re.search(r"[ (]--\w", text) and len(text) < 400)


def test_the_page_has_no_words_of_the_command_line():
    # The page never asks for genres in tags.
    told = [text for text in said_of_options() if not text.startswith("--labels tags")]
    assert len(told) >= 5
    for text in told:
        shown = train_page.on_page(text)
        assert "--" not in shown, (text, shown)
        # What was wrong is still said.
        assert len(shown) > 10
    assert train_page.on_page("no option here; a - b -- c.") == "no option here; a - b -- c."


def test_what_is_no_honest_number_is_not_called_so():
    def shown():
        from earmark.classify.app.pages import train

        numbers = {
            "accuracy": 0.724,
            "top_3": 0.955,
            "top_5": 0.998,
            "leaky": 0.723,
            "commonest": 0.19,
            "tracks": 1500,
            "interval": {"accuracy": [0.7, 0.75]},
        }
        train._numbers({**numbers, "grouped_by": "track"}, 6)
        train._numbers({**numbers, "grouped_by": "artist"}, 12)

    labels = [metric.label for metric in AppTest.from_function(shown).run().metric]
    assert labels[:3] == ["Right, at most", "Among three", "Commonest genre"]
    honest = ["Right, honestly", "Among three", "Among five", "A random split says"]
    assert labels[3:] == [*honest, "Commonest genre"]
