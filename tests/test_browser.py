"""The app as people have it: the real server, looked at in a real Chromium.

With EARMARK_SCREENSHOTS=FOLDER the tests leave there what the README shows.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from test_decode import encoded

pytest.importorskip("streamlit")
sync_api = pytest.importorskip("playwright.sync_api")

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"
sys.path.append(str(BENCHMARKS))

import browser as browsing  # noqa: E402

import earmark  # noqa: E402
from earmark.classify.app.widgets import form  # noqa: E402
from earmark.classify.model import storage  # noqa: E402

pytestmark = pytest.mark.browser

HOSTILE = "<img src=x onerror=alert(1)> **b** [x](javascript:alert(2)).mp3"

GENRES = ("jazz", "metal", "**b** <b>")
"""Of the table: one of them is somebody's joke."""

PATIENCE = 60_000
"""Milliseconds after which a test gives up; nothing is expected to take so long."""


def table():
    """A table of Spotify's columns, in which loudness and acousticness tell the genres apart."""
    rng = np.random.default_rng(0)
    rows = 240
    genre = np.arange(rows) % len(GENRES)
    return pd.DataFrame(
        {
            "path": [f"{GENRES[own]} {row}" for row, own in enumerate(genre)],
            "artist": [f"artist {row % 40}" for row in range(rows)],
            "genre": np.array(GENRES)[genre],
            "danceability": rng.uniform(0.3, 0.8, rows),
            "energy": rng.uniform(0.3, 0.8, rows),
            "key": rng.integers(0, 12, rows),
            "loudness": rng.normal(-20 + 6 * genre, 1.5),
            "mode": rng.integers(0, 2, rows),
            "speechiness": rng.uniform(0, 0.3, rows),
            "acousticness": np.clip(rng.normal(0.9 - 0.4 * genre, 0.05), 0, 1),
            "instrumentalness": rng.uniform(0, 1, rows),
            "liveness": rng.uniform(0, 0.4, rows),
            "valence": rng.uniform(0, 1, rows),
            "tempo": rng.normal(120, 20, rows),
            "time_signature": 4,
            "duration_ms": rng.integers(100_000, 300_000, rows),
        }
    )


@pytest.fixture(scope="module")
def chromium():
    if browsing.chromium() is None:
        pytest.skip("no Chromium: neither EARMARK_CHROMIUM nor the path holds it")
    with browsing.browser() as browser:
        yield browser


@pytest.fixture(scope="module")
def root(demo, tmp_path_factory):
    """A folder of music, and a table as people have it."""
    root = tmp_path_factory.mktemp("root")
    shutil.copytree(demo, root / "music", ignore=shutil.ignore_patterns("*.py", "*.csv"))
    (root / "data" / "features").mkdir(parents=True)
    table().to_csv(root / "data" / "features" / "library.csv", index=False)
    return root


@pytest.fixture(scope="module")
def app(chromium, root, tmp_path_factory):
    """The app over that folder; what it logs holds no traceback at the end."""
    told = {"EARMARK_APP_ROOT": str(root), "STREAMLIT_SERVER_DISCONNECTED_SESSION_TTL": "20"}
    with browsing.served(tmp_path_factory.mktemp("app"), **told) as served:
        yield served
    assert "Traceback" not in served.log.read_text(errors="replace")


@pytest.fixture
def visit(chromium, app):
    """Open a page of the app in a session of its own: `visit("library")`."""
    contexts, wrong = [], []

    def open_page(path="", address=app.address, **options):
        context = chromium.new_context(viewport={"width": 1280, "height": 900}, **options)
        context.set_default_timeout(PATIENCE)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("dialog", lambda dialog: (wrong.append(dialog.message), dialog.dismiss()))
        page.goto(f"{address}/{path}")
        page.get_by_role("heading", level=1).wait_for()
        return page

    yield open_page
    for context in contexts:
        for page in context.pages:
            settled(page)
            assert "Traceback" not in page.content()
            assert page.get_by_text("Something went wrong that should not").count() == 0
            # Streamlit's own box for what nobody has caught.
            assert page.locator("[data-testid=stException]").count() == 0
        context.close()
    assert wrong == []


def settled(page):
    """Wait until the page is drawn."""
    page.locator("[data-testid=stApp][data-test-script-state=notRunning]").wait_for()


def drop(page, *files):
    """Drop files on the page: paths, or pairs of name and bytes."""
    pairs = [(file.name, file.read_bytes()) if isinstance(file, Path) else file for file in files]
    page.locator("input[type=file]").first.set_input_files(
        [
            {"name": name, "mimeType": "application/octet-stream", "buffer": data}
            for name, data in pairs
        ]
    )


def downloaded(page, what, path):
    """Press a button that downloads, and return the path of what came."""
    # A page that is drawn anew takes back what it has offered.
    settled(page)
    with page.expect_download() as download:
        page.locator("[data-testid=stDownloadButton]").filter(has_text=what).click()
    download.value.save_as(path)
    return path


def choose(page, label, option):
    """Choose an option in a box."""
    box = page.get_by_role("combobox", name=label).first
    settled(page)
    # A page that scrolls closes its menus, and a click scrolls to what is under the header: where
    # people see it is the box brought before, and the event of that comes with the next frame.
    box.evaluate(
        """box => {
            box.scrollIntoView({block: "center"});
            return new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)));
        }"""
    )
    box.click()
    page.get_by_role("option", name=option, exact=True).first.click()
    # A box of several stays open; of one that is closed the key would take the choice back.
    if page.get_by_role("listbox").count():
        page.keyboard.press("Escape")


def shot(page, name, height=900):
    """Keep a picture of the page, where somebody asks for it."""
    if folder := os.environ.get("EARMARK_SCREENSHOTS"):
        page.set_viewport_size({**page.viewport_size, "height": height})
        settled(page)
        # What Plotly draws moves for a moment.
        page.wait_for_timeout(1500)
        Path(folder).mkdir(parents=True, exist_ok=True)
        page.screenshot(path=Path(folder, f"{name}.png"))


@pytest.fixture(scope="module")
def genres(demo, tmp_path_factory):
    """What the command line says of the demo tracks: genre by name."""
    from earmark import pipeline

    output = tmp_path_factory.mktemp("genres") / "genres.csv"
    with pytest.raises(SystemExit):
        pipeline.main(["classify", "-q", str(demo), "-o", str(output)])
    return pd.read_csv(output).set_index("path")


# --- Classify ----------------------------------------------------------------------------------


def test_an_uploaded_mp3_gets_the_genre_that_the_command_line_gives(visit, demo, genres):
    name = "house-128bpm-a-minor.mp3"
    page = visit()
    page.get_by_role("button", name="Try the demo tracks").wait_for()
    assert page.title() == "Classify · Earmark"
    drop(page, demo / name)
    page.get_by_role("heading", name=f"Why {genres.loc[name, 'genre']}?").wait_for()
    page.get_by_text(name, exact=True).first.wait_for()
    page.get_by_text("mel spectrogram").wait_for()
    page.get_by_role("heading", name="The thirteen values").wait_for()
    # The answer stands above all else, without scrolling.
    answer = page.locator(".st-key-headline h3")
    sync_api.expect(answer).to_contain_text(genres.loc[name, "genre"])
    assert answer.bounding_box()["y"] < page.get_by_text("mel spectrogram").bounding_box()["y"]
    assert answer.bounding_box()["y"] < 450
    shot(page, "classify", height=1560)


def test_a_folder_becomes_a_table_that_is_filtered_and_downloaded(visit, genres, tmp_path):
    page = visit()
    page.get_by_role("tab", name="Name a folder").click()
    page.get_by_role("textbox", name="Folder").fill("music")
    page.get_by_role("button", name="Analyse").click()
    page.get_by_text(re.compile(r"^6 of 6 tracks")).wait_for()
    # The one that is looked at is marked: the first.
    page.get_by_text("mel spectrogram").wait_for()
    looked_at = page.locator("[data-testid=data-grid-canvas] tr[aria-selected=true]")
    sync_api.expect(looked_at).to_contain_text("hip-hop-90bpm-d-minor.mp3", timeout=PATIENCE)
    shot(page, "folder")

    found = pd.read_csv(downloaded(page, "CSV", tmp_path / "genres.csv")).set_index("path")
    assert set(found.index) == set(genres.index)
    expected = genres.loc[found.index]
    assert found["genre"].tolist() == expected["genre"].tolist()
    np.testing.assert_allclose(found["probability"], expected["probability"], atol=1e-3)
    assert found["tempo"].between(60, 200).all()
    assert found["duration_ms"].gt(5000).all()

    page.get_by_role("textbox", name="Search").fill("jazz")
    page.get_by_role("textbox", name="Search").press("Enter")
    page.get_by_text(re.compile(r"^1 of 6 tracks")).wait_for()
    shown = pd.read_csv(downloaded(page, "CSV", tmp_path / "one.csv"))
    assert shown["path"].tolist() == ["jazz-120bpm-b-flat-major.wav"]


def test_a_hostile_name_is_text(visit):
    page = visit()
    drop(page, (HOSTILE, encoded(kind="MP3", subtype="MPEG_LAYER_III")))
    page.get_by_text(HOSTILE, exact=True).first.wait_for()
    page.get_by_text("mel spectrogram").wait_for()
    assert page.locator("img[src=x]").count() == 0
    assert page.locator("a[href^=javascript]").count() == 0
    assert page.locator("strong", has_text=re.compile("^b$")).count() == 0


def test_what_is_no_audio_is_refused_by_what_it_is(visit):
    page = visit()
    drop(
        page,
        ("paper.mp3", b"%PDF-1.7 and so on"),
        ("page.mp3", b"<!DOCTYPE html><title>Not found</title>"),
        ("empty.mp3", b""),
        ("noise.mp3", b"\xff\xfb\x90\x00" + np.random.default_rng(0).bytes(50_000)),
    )
    page.get_by_text("paper.mp3: is a PDF").wait_for()
    page.get_by_text("page.mp3: is a web page (HTML)").wait_for()
    page.get_by_text("empty.mp3: is empty (0 bytes)").wait_for()
    page.get_by_text("noise.mp3: is no audio in a format that is known here").wait_for()


def test_a_damaged_file_fails_alone(visit, demo):
    damaged = (demo / "waltz-96bpm-f-major.flac").read_bytes()[:2000]
    page = visit()
    drop(page, ("damaged.flac", damaged), demo / "jazz-120bpm-b-flat-major.wav")
    page.get_by_text("damaged.flac: ").first.wait_for()
    page.get_by_text(re.compile(r"^1 of 2 tracks")).wait_for()


def test_what_lies_outside_the_root_is_not_there(visit):
    page = visit()
    page.get_by_role("tab", name="Name a folder").click()
    for named in ("..", "/etc", "../../../../etc", "~"):
        page.get_by_role("textbox", name="Folder").fill(named)
        page.get_by_role("button", name="Analyse").click()
        page.get_by_text(f"{named}: is not there; name a folder or a file below").wait_for()


# --- By hand -----------------------------------------------------------------------------------


def test_the_form_says_what_the_model_says(visit):
    model = earmark.load(storage.SPOTIFY)
    own = form.fields(model)
    genre = sorted(model.typical)[3]
    values = form.settled(own, form.typical_tracks(model)[genre])

    def verdict():
        found = model.predict(form.row(model, values)).iloc[0]
        share = 100 * found["probability"]
        return f"{found['genre']} {share:.0f} %" if share >= 0.5 else f"{found['genre']} < 1 %"

    page = visit("by_hand")
    choose(page, "Start from", "a typical track of a genre")
    choose(page, "Genre", genre)
    said = page.locator(".st-key-verdict h2")
    sync_api.expect(said).to_contain_text(verdict())
    shot(page, "by-hand")

    before = verdict()
    for name, key, end in (("energy", "Home", "low"), ("acousticness", "End", "high")):
        page.get_by_role("slider", name=own[name].title).press(key)
        values[name] = getattr(own[name], end)
        sync_api.expect(said).to_contain_text(verdict())
    assert verdict() != before


# --- Library -----------------------------------------------------------------------------------


def test_a_library_is_filtered_and_downloaded(visit, tmp_path):
    own = table()
    page = visit("library")
    page.get_by_text(re.compile(r"^240 of 240 tracks")).wait_for()
    shot(page, "library")

    page.get_by_role("textbox", name="Search").fill("jazz 1")
    page.get_by_role("textbox", name="Search").press("Enter")
    # Words are looked for in the artist, too.
    words = own["path"] + own["artist"]
    expected = own[words.str.contains("jazz") & words.str.contains("1")]
    page.get_by_text(re.compile(rf"^{len(expected)} of 240 tracks")).wait_for()
    found = pd.read_csv(downloaded(page, "CSV", tmp_path / "found.csv"))
    assert found["path"].tolist() == sorted(expected["path"])
    np.testing.assert_allclose(
        found.set_index("path")["tempo"], expected.set_index("path")["tempo"][found["path"]]
    )

    page.get_by_role("textbox", name="Search").fill("")
    page.get_by_role("textbox", name="Search").press("Enter")
    page.get_by_text(re.compile(r"^240 of 240 tracks")).wait_for()
    choose(page, "Genres", GENRES[2])
    page.get_by_text(re.compile(r"^80 of 240 tracks")).wait_for()
    # Anybody's genre is text, in the boxes too.
    assert page.locator("b, strong", has_text=re.compile("^b$")).count() == 0
    found = pd.read_csv(downloaded(page, "CSV", tmp_path / "hostile.csv"))
    assert set(found["genre"]) == {GENRES[2]}


def test_a_map_is_drawn(visit):
    page = visit("library")
    page.get_by_role("radio", name="Map").or_(page.get_by_role("button", name="Map")).first.click()
    page.get_by_text("Tracks that sound alike lie together").wait_for()
    page.locator(".js-plotly-plot").wait_for()
    assert page.locator("b, strong", has_text=re.compile("^b$")).count() == 0
    shot(page, "map")


# --- Insights ----------------------------------------------------------------------------------


def test_pictures_of_a_table_are_drawn_and_downloaded(visit, tmp_path):
    page = visit("insights")
    page.get_by_text("Download all (ZIP)").wait_for()
    page.locator(".earmark-picture").nth(4).wait_for()
    for width, kind in ((1280, "wide"), (390, "narrow")):
        page.set_viewport_size({"width": width, "height": 900})
        shown = page.locator(".earmark-picture img:visible")
        for image in shown.all():
            image.scroll_into_view_if_needed()
            # It is there, it is the one for this width, and fills its card.
            image.evaluate("image => image.decode()")
            assert image.get_attribute("class") == kind
            room = image.evaluate("image => image.parentElement.clientWidth")
            assert image.bounding_box()["width"] == pytest.approx(room, abs=1)
            assert len(image.get_attribute("alt")) > 30
    page.set_viewport_size({"width": 1280, "height": 900})
    with page.expect_download() as download:
        page.locator(".st-key-insight-csv-tempo button:visible").first.click()
    download.value.save_as(tmp_path / "tempo.csv")
    numbers = pd.read_csv(tmp_path / "tempo.csv")
    assert numbers["tracks"].sum() == 240
    path = downloaded(page, "Download all", tmp_path / "pictures.zip")
    with zipfile.ZipFile(path) as file:
        assert file.testzip() is None
        assert sum(name.endswith(".png") for name in file.namelist()) >= 5
    shot(page, "insights")


# --- Train -------------------------------------------------------------------------------------


def test_a_table_becomes_a_model_that_the_other_pages_offer(visit, tmp_path):
    page = visit("train")
    drop(page, ("mine.csv", table().to_csv(index=False).encode()))
    page.get_by_text("240 rows").wait_for()
    choose(page, "Genre", "genre")
    page.get_by_role("button", name="Train", exact=True).click()
    page.get_by_text("Right, honestly").wait_for(timeout=5 * PATIENCE)
    shot(page, "train")
    with zipfile.ZipFile(downloaded(page, "Download", tmp_path / "model.zip")) as file:
        file.extractall(tmp_path / "model")
    (about,) = (tmp_path / "model").rglob("bundle.json")
    model = earmark.load(about.parent)
    assert set(model.genres) == set(GENRES)
    assert model.metrics["accuracy"] > 0.8

    page.get_by_role("link", name="By hand").click()
    page.get_by_role("heading", name="By hand", level=1).wait_for()
    choose(page, "Model", "mine")
    page.locator(".st-key-verdict h2").wait_for()


# --- Every page --------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["", "by_hand", "library", "insights", "train"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_page_can_be_read_on_a_phone(visit, path, scheme):
    page = visit(path, color_scheme=scheme)
    page.set_viewport_size({"width": 390, "height": 844})
    settled(page)
    wide = "document.querySelector('[data-testid=stMain]').scrollWidth"
    assert page.evaluate(wide) <= 390
    ground, ink = (
        page.evaluate(f"getComputedStyle(document.querySelector('[data-testid=stApp]')).{what}")
        for what in ("backgroundColor", "color")
    )
    dark = [sum(map(int, re.findall(r"\d+", colour)[:3])) < 384 for colour in (ground, ink)]
    assert dark == [scheme == "dark", scheme == "light"]
    if path == "":
        shot(page, f"phone-{scheme}")


WIDGETS = """() => {
    const main = document.querySelector("[data-testid=stMain]");
    const kinds = {
        press: "button:not([disabled]), summary, [role=tab], [role=radio], [role=option], label",
        type: "input[type=text]:not([disabled]), input:not([type]):not([disabled])",
        move: "[role=slider]",
        point: "canvas, .js-plotly-plot",
    };
    // A page that is drawn anew takes back its downloads, and Streamlit logs that.
    const left = "[data-testid=stDownloadButton]";
    const found = [];
    for (const [kind, selector] of Object.entries(kinds))
        for (const scope of [main, ...document.querySelectorAll("[data-baseweb=popover]")])
            for (const one of scope.querySelectorAll(selector)) {
                const {x, y, width, height} = one.getBoundingClientRect();
                if (width && height && one.checkVisibility() && !one.closest(left))
                    found.push([kind, x, y, width, height]);
            }
    return found;
}"""
"""What can be pressed, typed into, moved or pointed at, and where."""

TYPED = ("", "jazz", "zzz", "..", "<b>", "0", "music", "-1", "\N{SNOWMAN}")

ACTIONS = int(os.environ.get("EARMARK_MONKEY", "40"))
"""That the monkey makes on each page."""


def act(page, kind, place, rng):
    """Do something with a widget, wherever in it."""
    x, y, width, height = place
    at = x + rng.uniform(0.1, 0.9) * width, y + rng.uniform(0.1, 0.9) * height
    if not 60 < at[1] < page.viewport_size["height"]:
        # Wherever it is: what is above lies under the header.
        page.mouse.move(640, 500)
        page.mouse.wheel(0, at[1] - 450)
        return
    page.mouse.click(*at)
    if kind == "type":
        page.keyboard.press("Control+a")
        page.keyboard.type(rng.choice(TYPED))
        page.keyboard.press("Enter")
    elif kind == "move":
        page.keyboard.press(rng.choice(["Home", "End", "ArrowLeft", "ArrowRight", "PageUp"]))


@pytest.mark.slow
@pytest.mark.parametrize("path", ["", "by_hand", "library", "insights", "train"])
def test_a_monkey_breaks_nothing(visit, app, demo, path):
    said = len(app.log.read_text(errors="replace"))
    rng = random.Random(f"{os.environ.get('EARMARK_MONKEY_SEED', 0)} {path}")
    page = visit(path)
    if path == "":
        drop(page, *sorted(demo.glob("*.[mow][pga][3gv]"))[:3])
        page.get_by_text(re.compile("^3 of 3 tracks")).wait_for()
    elif path == "train":
        drop(page, ("mine.csv", table().to_csv(index=False).encode()))
        page.get_by_text("240 rows").wait_for()
    settled(page)
    done = []
    while len(done) < ACTIONS:
        kinds = {}
        for kind, *place in page.evaluate(WIDGETS):
            kinds.setdefault(kind, []).append(place)
        if not kinds:
            # Streamlit is between two drawings.
            page.wait_for_timeout(100)
            continue
        kind = rng.choice(sorted(kinds))
        done.append((kind, place := rng.choice(kinds[kind])))
        act(page, kind, place, rng)
        if len(done) % 5 == 0:
            settled(page)
        # A menu or a fold that lies over everything.
        page.keyboard.press("Escape")
        assert page.locator("[data-testid=stException]").count() == 0, done[-5:]
        assert "Traceback" not in app.log.read_text(errors="replace")[said:], done[-5:]


def test_keys_play_and_search(visit, demo):
    page = visit()
    drop(page, demo / "house-128bpm-a-minor.mp3", demo / "metal-150bpm-e-minor.m4a")
    page.get_by_text(re.compile("^2 of 2 tracks")).wait_for()
    page.get_by_text("mel spectrogram").wait_for()
    settled(page)
    page.keyboard.press("/")
    sync_api.expect(page.get_by_role("textbox", name="Search")).to_be_focused()
    page.keyboard.type(" /")
    assert page.get_by_role("textbox", name="Search").input_value() == " /"
    # What finds nothing leaves nothing to be played.
    page.get_by_role("textbox", name="Search").fill("")
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press(" ")
    page.locator("button.play[aria-label=Pause]").wait_for()
    page.keyboard.press(" ")
    page.locator("button.play[aria-label=Play]").wait_for()

    place = page.get_by_role("slider", name="Position")
    before = float(place.get_attribute("aria-valuenow"))
    page.keyboard.press("ArrowRight")
    after = re.compile(rf"^(?!{re.escape(f'{before:.1f}')}$)")
    sync_api.expect(place).to_have_attribute("aria-valuenow", after)
    assert float(place.get_attribute("aria-valuenow")) > before

    page.keyboard.press("?")
    keys = page.get_by_role("dialog", name="Keys")
    sync_api.expect(keys).to_contain_text("search")
    shot(page, "keys")
    page.keyboard.press("Escape")
    sync_api.expect(keys).to_have_count(0)


def test_the_menu_of_a_phone_says_what_it_is_and_closes(visit):
    page = visit()
    page.set_viewport_size({"width": 390, "height": 844})
    button = page.locator("[data-testid=stExpandSidebarButton]")
    button.wait_for()
    assert button.evaluate("box => getComputedStyle(box, '::after').content") == '"Menu"'
    button.click()
    page.locator("[data-testid=stSidebar] a", has_text="By hand").click()
    page.get_by_role("heading", name="By hand", level=1).wait_for()
    button.wait_for()
    sync_api.expect(page.locator("[data-testid=stSidebar] a").first).not_to_be_in_viewport()


# --- The server --------------------------------------------------------------------------------


def listening(process):
    """Return the addresses that a process listens on, as the kernel writes them."""
    found = set()
    inodes = set()
    for handle in Path(f"/proc/{process}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            inodes |= set(re.findall(r"socket:\[(\d+)\]", str(handle.readlink())))
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/{process}/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and fields[9] in inodes:
                found.add(fields[1].partition(":")[0])
    return found


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux says who listens")
def test_the_app_listens_to_this_computer_alone(app, visit):
    visit()
    assert listening(app.process.pid) == {"0100007F"}
    # Nor do its workers listen to anybody.
    others = [one for one in browsing.tree(app.process.pid) if one != app.process.pid]
    assert others
    assert not any(listening(one) for one in others)


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGINT])
def test_nothing_is_left_when_the_server_ends(visit, demo, tmp_path, end):
    with browsing.served(tmp_path, EARMARK_APP_ROOT=str(demo)) as served:
        page = visit(address=served.address)
        drop(page, demo / "house-128bpm-a-minor.mp3")
        page.get_by_text("mel spectrogram").wait_for()
        assert list(served.temporary.rglob("*.mp3"))
        processes = browsing.tree(served.process.pid)
        assert len(processes) > 1
        page.context.close()
        served.process.send_signal(end)
        served.process.wait(60)
    assert list(served.temporary.iterdir()) == []
    # The workers end with their server: they notice it as soon as they get a turn.
    for _ in range(100):
        if not any(Path(f"/proc/{one}").exists() for one in processes):
            break
        time.sleep(0.2)
    assert [one for one in processes if Path(f"/proc/{one}").exists()] == []


def test_a_lost_connection_loses_nothing(visit, demo, app):
    before = set(app.temporary.rglob("*.flac"))
    page = visit()
    drop(page, demo / "waltz-96bpm-f-major.flac")
    page.get_by_text("mel spectrogram").wait_for()
    (kept,) = set(app.temporary.rglob("*.flac")) - before
    # Each try to connect again waits longer than the last: on a busy machine, too long in the end.
    page.context.set_offline(True)
    page.wait_for_timeout(1500)
    page.context.set_offline(False)
    page.wait_for_timeout(3000)
    page.get_by_text("What would the tags be?").click()
    page.get_by_text("A dry run, no file is touched").wait_for()
    assert kept.exists()


def test_what_was_uploaded_goes_with_the_session(visit, demo, app):
    before = set(app.temporary.rglob("*.mp3"))
    page = visit()
    drop(page, demo / "house-128bpm-a-minor.mp3")
    page.get_by_text("mel spectrogram").wait_for()
    (kept,) = set(app.temporary.rglob("*.mp3")) - before
    assert kept.parent.stat().st_mode & 0o777 == 0o700
    other = visit()
    page.close()
    for _ in range(600):
        if not kept.exists():
            break
        other.wait_for_timeout(200)
    assert not kept.exists()


# --- The benchmark -----------------------------------------------------------------------------


def test_a_short_run_of_the_benchmark_gives_every_number(chromium, demo, tmp_path):
    output = tmp_path / "app.json"
    done = subprocess.run(
        [
            *(sys.executable, BENCHMARKS / "app.py", "-n", "1", "-o", output),
            *("--only=picture", "--source", demo / "house-128bpm-a-minor.mp3"),
        ],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(output.read_text(encoding="utf-8"))["picture"]
    assert 0 < found["best"] <= found["median"]
    assert found["analysis"] < found["genre"]
    assert "promised 3 s: " in done.stdout
