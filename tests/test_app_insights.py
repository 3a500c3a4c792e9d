"""The page of pictures, drawn without a browser, with real workers; and what it keeps."""

from __future__ import annotations

import html
import io
import time
import zipfile

import numpy as np
import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from earmark.classify.app.errors import BusyError
from earmark.classify.app.jobs import gallery
from earmark.classify.app.jobs.gallery import Gallery, Source
from earmark.classify.insights import page, tracks
from earmark.classify.insights.page import Absent, Picture
from earmark.extract.errors import SchemaError


def script():
    from earmark.classify.app.pages import insights
    from earmark.classify.app.widgets import theme

    with theme.errors_shown():
        insights.page()


@pytest.fixture
def table():
    random = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "path": [f"{place}.mp3" for place in range(30)],
            "genre": ["quiet **one**", "loud"] * 15,
            "popularity": random.integers(0, 100, 30),
            "energy": random.random(30),
            "tempo": random.normal(120, 20, 30),
        }
    )


@pytest.fixture
def root(below):
    """A root with a folder for tables."""
    (below / "data" / "features").mkdir(parents=True)
    return below


@pytest.fixture
def app(root):
    return AppTest.from_function(script, default_timeout=60)


def run_until(app, condition, seconds=240):
    """Draw the page anew, as its fragments do, until something is there."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, [element.value for element in app.markdown]
        time.sleep(0.1)
        app.run()


def button_of(app, key):
    return [one for one in app.get("download_button") if one.proto.id.endswith(f"-{key}")]


def button(app, label):
    return next(button for button in app.button if button.label == label)


@pytest.mark.slow
def test_a_table_becomes_pictures(app, root, table):
    table.to_csv(root / "data" / "features" / "mine.csv", index=False)
    app.run()
    assert app.selectbox(key="insights table").value == "data/features/mine.csv"
    own = app.session_state["gallery"]
    run_until(app, lambda: not own.busy)
    app.run()
    assert not app.exception
    assert not app.error
    titles = [element.value.replace("\\", "") for element in app.markdown]
    assert "## mine.csv" in titles
    assert any("lead in mean popularity" in title for title in titles)
    # Anybody's names are text.
    assert any(r"quiet \*\*one\*\*" in element.value for element in app.markdown)
    shown = [found for found in own.made.values() if isinstance(found, Picture)]
    images = "".join(element.proto.body for element in app.get("html"))
    assert len(shown) >= 4
    assert images.count('class="wide"') == images.count('class="narrow"') == len(shown)
    for found in shown:
        assert images.count(f'alt="{html.escape(found.alternative)}"') == 2
        assert button_of(app, f"insight csv {found.name}")
    said = " ".join(element.value.replace("\\", "") for element in app.caption)
    assert "30 tracks, 3 descriptors, 2 genres." in said
    assert "Loudness and energy: no loudness in this table" in said
    with zipfile.ZipFile(io.BytesIO(gallery.zipped(own))) as archive:
        assert {"index.html", "popularity.png", "tempo.svg", "tempo.csv"} <= set(archive.namelist())
        assert archive.read("tempo.png") == own.made["tempo"].png

    # Another table: what was gathered of the first goes.
    gathered = own.file
    table.drop(columns="genre").to_parquet(root / "data" / "other.parquet")
    app.run()
    app.selectbox(key="insights table").set_value("data/other.parquet").run()
    assert app.session_state["gallery"] is not own
    assert not own.folder.joinpath(gathered).exists()
    button(app, "Stop").click().run()
    assert app.session_state["gallery"].stopped
    assert button(app, "Go on")
    assert not app.exception


@pytest.mark.parametrize("named", ["../x.csv", "data/features/../../../x.csv", "data", "page.html"])
def test_a_table_elsewhere_is_refused_in_a_sentence(app, root, table, named):
    table.to_csv(root.parent / "x.csv")
    (root / "page.html").touch()
    app.session_state["insights table"] = named
    app.run()
    said = app.error[0].value.replace("\\", "")
    assert any(words in said for words in ("is not there", "is a folder", "ends in none of"))
    assert "gallery" not in app.session_state
    assert not app.exception


@pytest.mark.slow
def test_without_a_table_the_demo_tracks_are_shown(app):
    app.run()
    assert app.selectbox(key="insights table").value == "The demo tracks"
    own = app.session_state["gallery"]
    run_until(app, lambda: bool(own.file or own.error))
    assert own.about[0] == "6 tracks, 16 descriptors, 6 genres."
    own.stop()


def test_without_any_table_the_page_says_what_to_do(app, monkeypatch, tmp_path):
    monkeypatch.setattr(tracks, "DEMO", tmp_path)
    app.run()
    assert not app.exception
    assert "No table yet" in app.markdown[0].value


def test_what_is_no_table_is_told_in_a_sentence(app, root):
    (root / "data" / "features" / "broken.csv").write_bytes(b"a,b\n\xff\xfe\n")
    app.run()
    own = app.session_state["gallery"]
    run_until(app, lambda: bool(own.error))
    app.run()
    assert "broken.csv: cannot be read as a table" in app.error[0].value.replace("\\", "")
    assert not app.exception


@pytest.mark.slow
def test_a_table_that_was_mended_is_drawn(app, root, table):
    path = root / "data" / "features" / "mine.csv"
    path.write_bytes(b"a,b\n\xff\xfe\n")
    app.run()
    first = app.session_state["gallery"]
    run_until(app, lambda: bool(first.error))
    app.run()
    before = first.gathering
    button(app, "Try again").click().run()
    assert first.gathering is not before
    table.to_csv(path, index=False)
    app.run()
    own = app.session_state["gallery"]
    assert own is not first
    run_until(app, lambda: bool(own.file or own.error))
    assert own.about[0].startswith("30 tracks")
    own.stop()


@pytest.mark.slow
def test_genres_come_from_a_file_that_is_named(app, root, table):
    table.drop(columns="genre").to_csv(root / "data" / "features" / "bare.csv", index=False)
    table[["path", "genre"]].rename(columns={"genre": "style"}).to_csv(root / "g.csv", index=False)
    app.run()
    app.text_input(key="insights labels data/features/bare.csv").set_value("../g.csv")
    app.run()
    assert "is not there" in app.error[0].value.replace("\\", "")
    app.text_input(key="insights labels data/features/bare.csv").set_value("g.csv")
    app.text_input(key="insights label data/features/bare.csv").set_value("style")
    app.run()
    own = app.session_state["gallery"]
    assert (own.source.labels, own.source.label) == (str(root / "g.csv"), "style")
    run_until(app, lambda: bool(own.file or own.error))
    assert own.about[0].endswith("2 genres.")
    own.stop()


@pytest.mark.slow
def test_an_upload_is_shown_under_its_own_name(app, table):
    app.run()
    content = table.to_csv(index=False).encode()
    app.file_uploader[0].set_value(("my *table*.csv", content, "text/csv")).run()
    assert not app.exception
    own = app.session_state["gallery"]
    assert own.source.name == "my *table*.csv"
    run_until(app, lambda: bool(own.file or own.error))
    assert own.about[0] == "30 tracks, 3 descriptors, 2 genres."
    own.stop()


# Without a page.


class Now:
    """A line that does at once what it is asked for, in this process."""

    def __init__(self, fails=()):
        self.fails = fails

    def submit(self, owner, function, *arguments, timeout):
        return Done(function, arguments, self.fails)


class Done:
    finished, ahead = True, 0

    def __init__(self, function, arguments, fails):
        failed = bool(
            set(fails) & {argument for argument in arguments if isinstance(argument, str)}
        )
        self.state, self.error = ("failed", "took too long") if failed else ("done", "")
        self.result = lambda: function(*arguments)
        self.cancelled = False

    def cancel(self):
        self.cancelled = True


@pytest.fixture
def own(table, tmp_path):
    return Gallery(Source.of("t", table), "me", tmp_path, 10, "light")


@pytest.mark.slow
def test_pictures_are_those_of_the_command(own, table):
    own.refresh(Now())
    assert not own.busy
    tracks = page.describe(table, where="t")
    assert own.about == page.about(tracks)
    for found in page.pictures(tracks):
        assert own.made[found.name] == found
    assert gallery.zipped(own) == gallery.zipped(own)


@pytest.mark.slow
def test_a_picture_that_fails_takes_no_other_with_it(own):
    own.refresh(Now(fails=["tempo"]))
    assert own.made["tempo"] == Absent("tempo", "took too long")
    assert isinstance(own.made["popularity"], Picture)
    assert not own.error


@pytest.mark.slow
def test_a_stop_keeps_what_is_there_and_can_be_taken_back(own):
    own.refresh(Now())
    first = own.made["popularity"]
    for name in ("tempo", "keys"):
        del own.made[name]
    own.stop()
    assert not own.busy
    own.refresh(Now())
    assert "tempo" not in own.made
    own.resume()
    assert own.busy
    own.refresh(Now())
    assert own.made["popularity"] is first
    assert set(own.made) == set(page.NAMES)
    own.redraw("dark")
    own.refresh(Now())
    assert own.made["popularity"].png != first.png


def test_a_line_that_is_full_is_told(own):
    class Full:
        def submit(self, *arguments, **options):
            raise BusyError("5000 jobs are waiting")

    own.refresh(Full())
    assert own.error == "5000 jobs are waiting"
    assert not own.busy


@pytest.mark.slow
def test_a_closed_gallery_leaves_nothing(own, tmp_path):
    own.refresh(Now())
    assert list(tmp_path.iterdir())
    own.close()
    assert not list(tmp_path.iterdir())


def test_two_tables_of_one_name_are_two(table):
    assert Source.of("t", table) == Source.of("t", table.copy())
    assert Source.of("t", table) != Source.of("t", table.assign(energy=0.0))


def test_errors_name_an_upload_as_its_owner_does(tmp_path):
    (tmp_path / "0f3a.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SchemaError, match=r"^mine\.csv: cannot be read") as error:
        gallery.gather(Source("mine.csv", str(tmp_path / "0f3a.csv")), str(tmp_path))
    assert "0f3a" not in str(error.value)
