"""The library page, drawn without a browser, and what it stands on."""

from __future__ import annotations

import os
import time
import zipfile
from io import BytesIO

import numpy as np
import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from earmark.classify.app import catalog, settings
from earmark.classify.app.files import paths
from earmark.classify.app.jobs.queue import Job, JobQueue
from earmark.classify.app.jobs.track_analysis import TrackAnalysis
from earmark.classify.app.jobs.track_list import TrackList
from earmark.classify.app.widgets import scatter, table_picker, theme
from earmark.classify.library import library, mixing
from earmark.extract import tables
from earmark.extract.batch import run
from earmark.extract.errors import FindError


def songs(count=200):
    """A table such as Spotify's, with names of every kind."""
    rng = np.random.default_rng(0)
    kinds = np.arange(count) % 4
    return pd.DataFrame(
        {
            "path": [
                f"album {index // 10}/{index:03d} <b>*song*</b>.mp3" for index in range(count)
            ],
            "artists": [f"Ärtist{index % 7}" for index in range(count)],
            "track_name": [f"[Song]({index})" for index in range(count)],
            "tempo": 60 + 25.0 * kinds + rng.normal(0, 3, count),
            "energy": np.clip(kinds / 4 + rng.normal(0, 0.05, count), 0, 1),
            "valence": np.clip(kinds % 2 / 2 + rng.uniform(0, 0.4, count), 0, 1),
            "key": np.arange(count) % 12,
            "mode": np.arange(count) % 2,
            "track_genre": np.array(["rock", "jazz", "r&b/soul", "<i>odd</i>"])[kinds],
        }
    )


def script():
    from earmark.classify.app.pages import library
    from earmark.classify.app.widgets import theme

    with theme.errors_shown():
        library.page()


@pytest.fixture
def root(below):
    """A root with a folder for tables."""
    (below / "data" / "features").mkdir(parents=True)
    return below


@pytest.fixture
def app(root):
    songs().to_csv(root / "data" / "features" / "songs.csv", index=False)
    (root / "data" / "broken.csv").write_bytes(b'"\xff')
    return AppTest.from_function(script, default_timeout=60)


def box(app, kind, label):
    return next(element for element in getattr(app, kind) if element.label == label)


def said(app):
    return " ".join(element.value for element in (*app.markdown, *app.caption))


def run_until(app, condition, seconds=120):
    end = time.monotonic() + seconds
    app.run()
    while not condition():
        assert time.monotonic() < end, said(app)
        time.sleep(0.1)
        app.run()


def test_without_tables_the_page_says_what_to_do(root):
    app = AppTest.from_function(script, default_timeout=60).run()
    assert "No table yet" in said(app)
    assert not app.exception


def test_a_table_is_searched_filtered_sorted_and_paged(app):
    app.run()
    assert not app.exception
    assert "**200** of 200 tracks" in said(app)
    shown = app.dataframe[0].value
    assert len(shown) == 50
    assert shown["path"].iloc[0] == "album 0/000 <b>*song*</b>.mp3"

    box(app, "text_input", "Search").set_value("artist3").run()
    assert "**29** of 200 tracks" in said(app)
    assert set(app.dataframe[0].value["artist"]) == {"Ärtist3"}

    box(app, "multiselect", "Genres").set_value(["jazz"]).run()
    assert set(app.dataframe[0].value["genre"]) == {"jazz"}

    box(app, "text_input", "Search").set_value("").run()
    box(app, "multiselect", "Genres").set_value([]).run()
    box(app, "selectbox", "Sort by").set_value("tempo").run()
    box(app, "toggle", "Descending").set_value(True).run()
    tempo = app.dataframe[0].value["tempo"]
    assert tempo.is_monotonic_decreasing
    assert tempo.iloc[0] == pytest.approx(songs()["tempo"].max())

    tempo = box(app, "slider", "tempo")
    tempo.set_range(tempo.min, 90).run()
    assert app.dataframe[0].value["tempo"].max() <= 90
    assert r"tempo ≤ 90" in said(app).replace("\\", "")

    box(app, "text_input", "Search").set_value("nothing like it").run()
    assert "Nothing found" in said(app)
    assert not app.exception


def test_another_table_begins_with_its_first_page_and_a_shorter_one_has_its_last(app, root):
    features = root / "data" / "features"
    songs(40).to_csv(features / "few.csv", index=False)
    app.session_state["library table"] = "data/features/songs.csv"
    app.run()
    page = app.get("pagination")[0].proto.id.split("-", 2)[2]
    app.session_state[page] = 4
    app.run()
    assert app.dataframe[0].value["path"].iloc[0].startswith("album 5/050")
    app.session_state["library table"] = "data/features/few.csv"
    app.run()
    assert len(app.dataframe[0].value) == 40
    app.session_state["library table"] = "data/features/songs.csv"
    app.session_state[page] = 4
    songs(60).to_csv(features / "songs.csv", index=False)
    app.run()
    assert "**60** of 60 tracks" in said(app)
    assert len(app.dataframe[0].value) == 10
    assert not app.exception


def test_key_and_mode_are_chosen_by_name(app):
    app.run()
    box(app, "selectbox", "Key").set_value("D").run()
    assert app.dataframe[0].value["key"].tolist() == ["D minor"] * sum(songs()["key"] == 2)
    assert "D" in said(app)
    box(app, "segmented_control", "Mode").set_value("major").run()
    assert "Nothing found" in said(app)


def test_a_track_shows_what_is_like_it_and_no_name_is_markup(app):
    app.run()
    app.session_state["library track"] = 5
    app.run()
    assert not app.exception
    headings = [element.value for element in app.markdown]
    assert r"## \[Song\]\(5\)" in headings
    assert "file is not found" in said(app)
    near = app.dataframe[1].value
    assert len(near) == 10
    assert (near["genre"] == "jazz").mean() > 0.7
    assert near["%"].is_monotonic_decreasing
    values = app.dataframe[2].value.set_index("descriptor")
    assert values.loc["energy", "this track"] == f"{songs()['energy'][5]:.2f}"
    assert " – " in values.loc["energy", "typical"]


@pytest.mark.parametrize(("sums", "unit"), [({}, "dB"), ({"sha256": "0"}, "LUFS")])
def test_only_loudness_that_earmark_measured_is_in_lufs(root, sums, unit):
    table = songs(20).assign(loudness=-9.0, **sums)
    table.to_csv(root / "data" / "features" / "songs.csv", index=False)
    app = AppTest.from_function(script, default_timeout=60)
    app.run()
    app.session_state["library track"] = 5
    app.run()
    assert f'"%.1f {unit}"' in app.dataframe[0].proto.columns
    values = app.dataframe[-1].value.set_index("descriptor")
    assert values.loc["loudness"].tolist() == [f"−9.0 {unit}"] * 2


def test_playlists_are_offered_of_what_was_found(app):
    app.run()
    box(app, "text_input", "Search").set_value("artist3").run()
    box(app, "segmented_control", "View").set_value("Playlists")
    app.session_state["library track"] = 5
    app.run()
    assert not app.exception
    assert "What was found" in said(app)
    assert "One for each genre" in said(app)
    assert r"\[Song\]\(5\), and those most like it" in said(app)


@pytest.mark.slow
def test_the_map_is_made_by_a_worker_and_can_be_stopped(app):
    app.run()
    box(app, "segmented_control", "View").set_value("Map").run()
    stop = [button for button in app.button if button.label == "Stop"]
    assert stop
    stop[0].click()
    run_until(app, lambda: "Stopped." in said(app))
    box(app, "button", "Try again").click().run()
    run_until(app, lambda: "lie together" in said(app))
    assert not app.exception


def test_a_map_is_drawn_up_once_for_everybody(app, monkeypatch):
    submitted = []

    def submit(queue, owner, function, *_, pool, timeout):
        submitted.append(Job(queue._pools[pool], owner, function.__name__, b"", timeout))
        submitted[-1].state = "running"
        return submitted[-1]

    monkeypatch.setattr(JobQueue, "submit", submit)
    other = AppTest.from_function(script, default_timeout=60)
    for one in (app, other):
        one.run()
        box(one, "segmented_control", "View").set_value("Map").run()
        assert box(one, "button", "Stop")
    assert [job.name for job in submitted] == ["layout"]
    # Who waits no longer for what somebody else has asked for takes it from nobody.
    box(other, "button", "Stop").click().run()
    assert "Stopped." in said(other)
    assert submitted[0].state == "running"
    box(other, "button", "Try again").click().run()
    assert len(submitted) == 1
    # Where whoever asked for it has stopped it, or is gone, those who wait ask for it.
    box(app, "button", "Stop").click().run()
    assert (submitted[0].state, len(submitted)) == ("cancelled", 1)
    other.run()
    assert (len(submitted), submitted[1].owner) == (2, other.session_state["owner"])
    submitted[1].state, submitted[1].error = "failed", "it is too hard"
    for one in (app, other):
        one.run()
        assert "it is too hard" in one.error[0].value
    for one in (app, other):
        box(one, "button", "Try again").click().run()
        assert box(one, "button", "Stop")
    assert len(submitted) == 3
    submitted[2].state, submitted[2].value = "done", np.zeros((200, 2))
    for one in (app, other):
        one.run()
        assert "lie together" in said(one)
        assert not one.exception


@pytest.mark.slow
def test_what_has_finished_or_cannot_be_is_not_looked_at_again_and_again(app, root, monkeypatch):
    polled = []
    living = theme.fragment

    def watched(function, every=None):
        # For tables that are made meanwhile it is looked now and then.
        polled.append(every != table_picker.WATCH and every)
        return living(function, every)

    def now(condition):
        run_until(app, condition)
        polled.clear()
        app.run()
        assert not app.exception
        return any(polled)

    predictions = {"path": ["a", "b"], "genre": ["jazz", "rock"], "probability": [0.9, 0.8]}
    tables.write(pd.DataFrame(predictions), root / "data" / "predictions.csv")
    songs().drop(columns="track_genre").to_csv(root / "data" / "features" / "bare.csv", index=False)
    monkeypatch.setattr(theme, "fragment", watched)
    app.session_state["library table"] = "data/features/songs.csv"
    app.run()
    box(app, "segmented_control", "View").set_value("Map").run()
    assert any(polled)
    box(app, "button", "Stop").click()
    assert not now(lambda: "Stopped." in said(app))
    app.session_state["library table"] = "data/predictions.csv"
    assert not now(lambda: "no descriptors" in app.error[0].value)
    assert "No track selected" in said(app)
    # Its columns are not the model's.
    app.session_state["library table"] = "data/features/bare.csv"
    app.run()
    box(app, "button", "Find the genres").click()
    assert not now(lambda: app.error and "other columns" in app.error[0].value)
    assert box(app, "button", "Try again")


@pytest.mark.parametrize("named", ["../x.csv", "/etc/passwd", "data", "data/broken.csv", "a\0b"])
def test_a_table_that_is_none_is_refused_in_a_sentence(app, named):
    app.session_state["library table"] = named
    app.run()
    assert len(app.error) == 1
    assert not app.exception


@pytest.mark.slow
def test_a_table_without_genres_gets_those_of_a_model_and_its_tracks_play(root, demo):
    music = root / "music"
    music.mkdir()
    for name in ("jazz-120bpm-b-flat-major.wav", "waltz-96bpm-f-major.flac"):
        (music / name).write_bytes((demo / name).read_bytes())
    job = run.Extraction("default", windows=6)
    table = run.extract([music], job).table
    tables.write(table, root / "data" / "features" / "own.parquet", job.schema)
    app = AppTest.from_function(script, default_timeout=60).run()
    assert "The table has no genres" in said(app)
    box(app, "button", "Find the genres").click()
    run_until(app, lambda: bool(app.multiselect))
    assert app.dataframe[0].value["genre"].notna().all()
    box(app, "text_input", "Folder of the music").set_value("music")
    app.session_state["library track"] = 0
    run_until(app, lambda: bool(app.get("audio")))
    assert not app.exception
    box(app, "text_input", "Folder of the music").set_value("..").run()
    assert "is not there" in app.error[0].value.replace("\\", "")


def test_what_was_classified_in_this_session_is_a_library(root):
    app = AppTest.from_function(script, default_timeout=60)
    tracks = TrackList("me", root, root)
    values = dict.fromkeys(("energy", "valence", "tempo"), 0.5)
    for item in tracks.add([(f"{name}.mp3", root / name) for name in "abc"]):
        item.analysis = TrackAnalysis(1.0, 44100, 2, values, ["jazz", "rock"], [0.7, 0.2], [])
    app.session_state["track list"] = tracks
    app.run()
    assert not app.exception
    assert box(app, "selectbox", "Table").value == "What was classified in this session"
    assert app.dataframe[0].value["path"].tolist() == ["a.mp3", "b.mp3", "c.mp3"]
    assert app.dataframe[0].value["genre"].tolist() == ["jazz"] * 3


def test_tables_are_offered_and_other_files_are_not(root):
    features = root / "data" / "features"
    tables.write(pd.DataFrame({"path": ["a"], "sha256": ["0"], "x": [1.0]}), features / "a.csv")
    tables.write_failures([("a", "find", "E", "m")], features / "a.csv")
    (features / "README.md").write_text("no table", encoding="utf-8")
    (features / ".hidden.csv").write_text("path\na\n", encoding="utf-8")
    (root / "foreign.csv").write_text("x,y\n1,2\n", encoding="utf-8")
    tables.write(
        pd.DataFrame({"path": ["a"], "genre": ["b"], "probability": [1.0]}), root / "genres.csv"
    )
    assert catalog.list_tables(root) == ["data/features/a.csv", "genres.csv"]


def test_what_is_no_table_or_a_large_one_is_refused(root, monkeypatch):
    monkeypatch.setenv("EARMARK_APP_TABLE_MB", "1")
    settings.app_settings.cache_clear()
    (root / "large.csv").write_text("path\n" + "x" * 1_100_000, encoding="utf-8")
    (root / "page.html").touch()
    for named, message in (
        ("large.csv", "is larger than 1 MB"),
        (".", "is a folder"),
        ("page.html", "ends in none of"),
        ("../x.csv", "is not there"),
    ):
        with pytest.raises(FindError, match=message):
            paths.resolve_table(named)


def test_a_track_is_found_below_the_root_only(root):
    (root / "music").mkdir()
    (root / "music" / "a.mp3").write_bytes(b"x")
    (root / "music" / "out.mp3").symlink_to("/etc/passwd")
    own = root / "music" / "a.mp3"
    assert catalog.locate("a.mp3", ["", "music"], root) == own
    assert catalog.locate(str(own), [""], root) == own
    for path in ("out.mp3", "../../etc/passwd", "/etc/passwd", "b.mp3", ".", "a\0b"):
        assert catalog.locate(path, ["", "music"], root) is None
    assert catalog.TrackPaths(root / "music", ["a.mp3", "/b.mp3"]) == {
        "a.mp3": f"{root.as_posix()}/music/a.mp3",
        "/b.mp3": "/b.mp3",
    }


def test_playlists_of_all_genres_come_in_one_archive():
    own = library.from_table(songs())
    made = zipfile.ZipFile(BytesIO(catalog.zip_playlists(own.tracks, 0.5)))
    assert sorted(made.namelist()) == ["_i_odd__i_.m3u8", "jazz.m3u8", "r&b_soul.m3u8", "rock.m3u8"]
    assert made.read("jazz.m3u8").decode().count("#EXTINF") == 50


def test_what_is_typical_of_a_genre_is_the_middle_half_of_its_tracks():
    own = library.from_table(songs())
    found = catalog.genre_profile(own, "jazz")
    part = songs()[songs()["track_genre"] == "jazz"]
    assert found["energy"] == pytest.approx(
        part["energy"].quantile([0.25, 0.5, 0.75]).tolist(), rel=1e-4
    )
    assert found["mode"] == [1, 1, 1]
    assert "acousticness" not in found
    assert catalog.genre_profile(own, "unknown") == {}


def test_dots_are_coloured_by_genre_and_say_names_as_text():
    own = library.from_table(songs())
    places = np.random.default_rng(0).uniform(-1, 1, (200, 2))
    rows = own.select(library.Query(genres=("jazz", "<i>odd</i>")))
    chart = scatter.tracks_map(places, own.tracks, rows, own.genres, chosen=1)
    names = [trace.name for trace in chart.data]
    assert names == ["not found", "&lt;i&gt;odd&lt;/i&gt;", "jazz", None]
    dots = chart.data[2]
    assert sorted(dots.customdata) == sorted(np.flatnonzero(songs()["track_genre"] == "jazz"))
    place = int(dots.customdata[0])
    assert dots.text[0] == f"[Song]({place})<br>Ärtist{place % 7}<br>jazz"
    assert (dots.x[0], dots.y[0]) == pytest.approx(tuple(places[place]))
    assert chart.data[3].x[0] == pytest.approx(places[1, 0])
    bare = scatter.tracks_map(places, own.tracks[["path"]], rows, [])
    assert "&lt;b&gt;" in bare.data[1].text[0]


def test_more_dots_than_a_browser_likes_are_drawn_in_part_and_by_webgl():
    count = 50_000
    tracks = pd.DataFrame({"path": [str(index) for index in range(count)]})
    places = np.zeros((count, 2))
    rows = np.arange(30_000)
    inside, others = scatter.drawn(count, rows)
    assert (len(inside), len(others)) == (scatter.DOTS, 0)
    assert inside.max() < 30_000
    np.testing.assert_array_equal(inside, scatter.drawn(count, rows)[0])
    inside, others = scatter.drawn(count, rows[:7])
    assert sorted(inside) == list(range(7))
    assert len(others) == scatter.BACKGROUND
    assert others.min() >= 7
    assert {trace.type for trace in scatter.tracks_map(places, tracks, rows, []).data} == {
        "scattergl"
    }


def test_the_name_of_a_column_is_text(root):
    picture = "![x](http://example.org/x.png)"
    table = songs().drop(columns="tempo").assign(**{picture: np.arange(200.0)})
    table.to_csv(root / "data" / "features" / "songs.csv", index=False)
    app = AppTest.from_function(script, default_timeout=60).run()
    labels = [slider.label for slider in app.slider]
    assert theme.plain(picture) in labels
    assert picture not in labels


def test_genres_of_a_few_models_are_held_and_of_one_that_changed_none(tmp_path):
    own = library.from_table(songs().drop(columns="track_genre"))
    opened = catalog.OpenTable({"": own})
    for place in range(5):
        opened.add_predicted((f"model {place}", 0), own)
    assert list(opened.libraries) == ["", ("model 2", 0), ("model 3", 0), ("model 4", 0)]
    about = tmp_path / "bundle.json"
    about.touch()
    before = catalog.model_version(str(tmp_path))
    os.utime(about, ns=(1, 1))
    assert catalog.model_version(str(tmp_path)) == (str(tmp_path), 1) != before


def test_paths_below_a_folder_are_not_gone_through_before_they_are_asked_for(root):
    class Paths(list):
        def __iter__(self):
            raise AssertionError("gone through")

    assert catalog.TrackPaths(root, Paths(["a.mp3"])).get("a.mp3") == f"{root.as_posix()}/a.mp3"


def test_a_table_that_is_broken_is_called_as_it_was_named(app, root):
    app.session_state["library table"] = "data/broken.csv"
    app.run()
    said = app.error[0].value.replace("\\", "")
    assert said.startswith("data/broken.csv: ")
    assert str(root) not in said


def test_what_takes_long_waits_with_the_trainings(app, monkeypatch):
    kinds = []
    submit = JobQueue.submit
    monkeypatch.setattr(
        JobQueue, "submit", lambda *own, **how: kinds.append(how["pool"]) or submit(*own, **how)
    )
    app.run()
    box(app, "segmented_control", "View").set_value("Map").run()
    assert kinds == ["train"]


def test_what_is_looked_for_outlives_a_visit_to_another_page(app):
    app.run()
    box(app, "text_input", "Search").set_value("artist3").run()
    slider = box(app, "slider", "tempo")
    slider.set_range(slider.min, 90).run()
    box(app, "segmented_control", "Mode").set_value("minor").run()
    kept = dict(app.session_state["widget values"])
    later = AppTest.from_function(script, default_timeout=60)
    later.session_state["widget values"] = kept
    later.run()
    assert not later.exception
    assert box(later, "text_input", "Search").value == "artist3"
    assert box(later, "slider", "tempo").value == (slider.min, 90)
    assert box(later, "segmented_control", "Mode").value == "minor"


def test_a_table_that_was_replaced_has_no_track_selected(app, root):
    app.run()
    app.session_state["library track"] = 5
    app.run()
    assert "No track selected" not in said(app)
    songs().iloc[::-1].to_csv(root / "data" / "features" / "songs.csv", index=False)
    app.run()
    assert "No track selected" in said(app)


def test_a_huge_number_is_no_warning():
    table = pd.DataFrame({"path": ["a", "b"], "tempo": [1.0, 1e300]})
    own = library.from_table(table)
    assert own.tracks["tempo"].tolist() == [1.0, np.inf]
    assert "tempo" not in own.bounds


def test_what_mixes_has_the_tempo_and_a_key_beside_it(app):
    tracks = pd.DataFrame(
        {
            "tempo": [120, 127, 128, 60, 240, 120, 120, 120, np.nan],
            "key": [9, 9, 9, 4, 0, 7, 9, -1, 9],
            "mode": [0, 0, 0, 0, 1, 1, 1, 0, 0],
        }
    )
    # A minor at 120: six per cent faster, in E minor at half, in C major at double tempo.
    found = catalog.mixes(tracks, 0, np.arange(1, 9))
    assert found.tolist() == [1, 3, 4]
    app.run()
    app.session_state["library track"] = 5
    app.run()
    box(app, "toggle", "Only what mixes").set_value(True).run()
    assert not app.exception
    names = app.dataframe[1].value["track"]
    assert 0 < len(names) <= 10
    tempo = songs().set_index("track_name")["tempo"]
    ratios = tempo[names] / tempo[songs()["track_name"][5]]
    assert all(min(abs(times * one - 1) for times in (0.5, 1, 2)) <= 0.06 for one in ratios)


def test_an_upload_is_a_library_and_is_offered_on_every_page(app):
    app.run()
    content = songs(8).to_csv(index=False).encode()
    app.file_uploader[0].upload("my *own*.csv", content, "text/csv").run()
    assert "**8** of 8 tracks" in said(app)
    table = box(app, "selectbox", "Table")
    assert table.value == "Uploaded: my *own*.csv"
    assert "data/features/songs.csv" in table.options
    assert not app.error
    other = AppTest.from_function(insights_script, default_timeout=60)
    other.session_state["uploaded tables"] = app.session_state["uploaded tables"]
    other.run()
    assert "Uploaded: my *own*.csv" in other.selectbox(key="insights table").options
    other.session_state["gallery"].stop()


def insights_script():
    from earmark.classify.app.pages import insights
    from earmark.classify.app.widgets import theme

    with theme.errors_shown():
        insights.page()


def test_a_table_that_was_made_meanwhile_is_seen(root):
    before = catalog.list_tables(root)
    songs(3).to_csv(root / "data" / "features" / "new.csv", index=False)
    assert set(catalog.list_tables(root)) - set(before) == {"data/features/new.csv"}
    # At the root, what was no table of Earmark's may become one.
    mixed = root / "genres.csv"
    mixed.write_text("a,b\n1,2\n", encoding="utf-8")
    assert "genres.csv" not in catalog.list_tables(root)
    mixed.write_text("path,sha256,tempo\na.mp3,00,1\n", encoding="utf-8")
    os.utime(mixed, ns=(1, 1))
    assert tables.kind_of(mixed) == catalog._kind(str(mixed), catalog.file_stamp(mixed))


def test_an_address_opens_the_view_that_it_was_copied_from(app):
    app.run()
    box(app, "text_input", "Search").set_value("song").run()
    box(app, "multiselect", "Genres").set_value(["jazz", "r&b/soul"]).run()
    box(app, "selectbox", "Sort by").set_value("tempo").run()
    box(app, "toggle", "Descending").set_value(True).run()
    tempo = box(app, "slider", "tempo")
    tempo.set_range(tempo.min, 90).run()
    app.session_state["library track"] = 1
    app.run()
    copied = dict(app.query_params)
    assert copied["table"] in ("data/features/songs.csv", ["data/features/songs.csv"])
    assert copied["genre"] == ["jazz", "r&b/soul"]
    shown = app.dataframe[0].value

    other = AppTest.from_function(script, default_timeout=60)
    for name, values in copied.items():
        other.query_params[name] = values
    other.run()
    assert not other.exception
    assert other.dataframe[0].value["path"].tolist() == shown["path"].tolist()
    assert box(other, "text_input", "Search").value == "song"
    assert box(other, "toggle", "Descending").value
    assert other.session_state["library track"] == 1
    assert dict(other.query_params) == copied
    # What was opened is a beginning: it can be changed, and the address with it.
    box(other, "text_input", "Search").set_value("").run()
    assert "q" not in other.query_params


@pytest.mark.parametrize(
    "parts",
    [
        {"range": ["tempo 90", "tempo x y", "nothing 0 1", "tempo 5 -5", "key 99 99", ""]},
        {"genre": ["none", "<b>"], "sort": ["nowhere"], "view": ["Elsewhere"], "track": ["no.mp3"]},
    ],
)
def test_what_an_address_says_and_the_table_has_not_is_passed_over(app, parts):
    for name, values in parts.items():
        app.query_params[name] = values
    app.run()
    assert not app.exception
    assert not app.error
    assert "**200** of 200 tracks" in said(app)


def test_an_address_leads_to_no_table_outside_of_the_root(app, root):
    songs(3).to_csv(root.parent / "out.csv", index=False)
    app.query_params["table"] = "../out.csv"
    app.run()
    assert "is not there" in app.error[0].value


def costs(library, rows):
    """What it costs to mix each track with the next."""
    tempo, key, mode = (library.tracks[name].to_numpy(float) for name in ("tempo", "key", "mode"))
    place = mixing.wheel(key, mode)
    return mixing.cost(tempo[rows[:-1]], place[rows[:-1]], tempo[rows[1:]], place[rows[1:]])


@pytest.mark.parametrize("count", [2, 3, 12, 50])
def test_a_way_leads_from_one_track_to_another(tmp_path, count):
    songs().to_csv(tmp_path / "songs.csv", index=False)
    own = library.open_library(tmp_path / "songs.csv")
    plain, mixed = (catalog.way(own, 3, 150, count, mixes) for mixes in (False, True))
    for rows in (plain, mixed):
        assert (rows[0], rows[-1]) == (3, 150)
        assert len(set(rows.tolist())) == len(rows) <= count
    assert len(mixed) == len(plain) or count == 50
    if count == 12:
        assert costs(own, mixed).mean() < 0.7 * costs(own, plain).mean()


def test_a_way_of_which_nothing_is_known_still_leads_there(tmp_path):
    table = songs(30)
    table.loc[::2, ["tempo"]] = np.nan
    table.loc[::3, ["key", "mode"]] = np.nan
    table.to_csv(tmp_path / "songs.csv", index=False)
    rows = catalog.way(library.open_library(tmp_path / "songs.csv"), 0, 29, 8, True)
    assert (rows[0], rows[-1]) == (0, 29)


@pytest.mark.slow
def test_a_way_through_a_real_table_mixes(shared):
    own = library.open_library(shared / "spotify" / "spotify_tracks.csv.gz")
    rng = np.random.default_rng(0)
    pairs = rng.integers(0, len(own), (5, 2))
    plain, mixed = (
        np.mean([costs(own, catalog.way(own, *map(int, pair), 15, mixes)) for pair in pairs])
        for mixes in (False, True)
    )
    assert mixed < 0.5 * plain


def test_a_playlist_from_one_track_to_another_is_heard_and_downloaded(app):
    app.run()
    for end, row in (("first", 3), ("last", 150)):
        app.session_state["library track"] = row
        app.run()
        app.button(key=f"library way {end}").click().run()
    # With both ends named, it is shown.
    assert not app.exception
    assert app.session_state["library view"] == "Playlists"
    way = next(shown.value for shown in app.dataframe if "tempo" in shown.value)
    assert way["track"].iloc[0].startswith("[Song](3)") or "003" in way["track"].iloc[0]
    assert len(way) == 12
    box(app, "toggle", "Each mixes with the next").set_value(True).run()
    other = next(shown.value for shown in app.dataframe if "tempo" in shown.value)
    assert other["track"].tolist() != way["track"].tolist()
    assert [other["track"].iloc[0], other["track"].iloc[-1]] == [
        way["track"].iloc[0],
        way["track"].iloc[-1],
    ]
    assert not app.error
