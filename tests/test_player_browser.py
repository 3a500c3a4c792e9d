"""The player in a real browser: it draws, plays, seeks, zooms, and shows anybody's name as text."""

from __future__ import annotations

import os
import pickle
import re
import shutil
import socket
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

import pytest

from earmark.extract.batch.track import Extraction
from earmark.extract.preview import preview

pytest.importorskip("streamlit")
sync_api = pytest.importorskip("playwright.sync_api")
pytestmark = pytest.mark.browser

ROOT = Path(__file__).parent.parent
OPTIONS = ["--no-sandbox", "--disable-gpu", "--autoplay-policy=no-user-gesture-required"]
HOSTILE = '<img src=x onerror="document.title=1">&amp;</div>'

SCRIPT = """
import pickle
from pathlib import Path
import streamlit as st
from earmark.classify.app.widgets import player

st.set_page_config(layout="wide")
tracks = sorted((path.stem for path in Path().glob("*.pkl")), key=lambda name: name != "hip")
track = st.radio("track", tracks, horizontal=True)
sound = st.checkbox("sound", value=True)
st.button("again")
file, seen = pickle.loads(Path(f"{track}.pkl").read_bytes())
player.show(seen, file if sound else None, st.query_params.get("name", file.name), "one")
if "two" in st.query_params:
    player.show(seen, file, "the second", "two")
st.session_state.runs = st.session_state.get("runs", 0) + 1
st.write(f"run {st.session_state.runs}")
"""

TRACKS = {
    "hip": "hip-hop-90bpm-d-minor.mp3",
    "jazz": "jazz-120bpm-b-flat-major.wav",
    "reggae": "reggae-76bpm-g-major.ogg",
    "waltz": "waltz-96bpm-f-major.flac",
}


@pytest.fixture(scope="module")
def address(demo, tmp_path_factory):
    """Run a small page that shows the player, and return where."""
    folder = tmp_path_factory.mktemp("page")
    for name, file in TRACKS.items():
        seen = preview(demo / file, Extraction("default"))
        (folder / f"{name}.pkl").write_bytes(pickle.dumps((demo / file, seen)))
    (folder / "broken.mp3").write_bytes(b"no sound at all" * 1000)
    (folder / "broken.pkl").write_bytes(pickle.dumps((folder / "broken.mp3", seen)))
    (folder / "page.py").write_text(SCRIPT)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = ["--server.headless=true", f"--server.port={port}", "--server.address=127.0.0.1"]
    options += ["--browser.gatherUsageStats=false", "--server.fileWatcherType=none"]
    command = [sys.executable, "-m", "streamlit", "run", "page.py", *options]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with (folder / "log").open("w") as log:
        server = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(30)


@pytest.fixture(scope="module")
def browser():
    found = os.environ.get("EARMARK_CHROMIUM") or shutil.which("chromium")
    if not found:
        pytest.skip("no chromium: neither EARMARK_CHROMIUM nor the path holds it")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=OPTIONS)
        yield browser
        browser.close()


@pytest.fixture
def visit(browser, address):
    """Open the page and return it; nothing may go wrong in it."""
    contexts, wrong = [], []

    def open_page(query="", width=1280, several=False, **options):
        options = {"viewport": {"width": width, "height": 900}, **options}
        contexts.append(browser.new_context(**options))
        page = contexts[-1].new_page()
        page.on("pageerror", lambda error: wrong.append(str(error)))
        for _ in range(60):
            try:
                page.goto(address + query)
                break
            except sync_api.Error:
                page.wait_for_timeout(500)
        clocks = page.locator(".clock").get_by_text("/")
        clocks.nth(1 if several else 0).wait_for()
        page.get_by_text("run 1").wait_for()
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert wrong == []


def colours(page, part):
    """How many colours a canvas has, in its middle half."""
    return page.locator(part).evaluate(
        """canvas => {
            const {width, height} = canvas;
            const {data} = canvas.getContext("2d").getImageData(width / 4, 0, width / 2, height);
            return new Set(new Uint32Array(data.buffer)).size;
        }"""
    )


def until(page, condition):
    """Wait for something to be true of the sound."""
    page.wait_for_function(
        "() => [...document.querySelectorAll('*')].some(element => {"
        "const audio = element.shadowRoot?.querySelector('audio');"
        f"return audio && {condition}; }})"
    )


def sound(page):
    return page.locator("audio").evaluate(
        "({currentTime, paused, duration, error}) => ({currentTime, paused, duration, error})"
    )


def ready(page):
    until(page, "audio.readyState >= 1")


def choose(page, track):
    page.get_by_text(track, exact=True).click()
    page.locator(".name").get_by_text(TRACKS[track]).wait_for()
    ready(page)


def shown(page):
    return page.locator(".overview").get_attribute("aria-label")


def place(page, share, height=0.3):
    """A point of the picture, at a share of the time it shows."""
    box = page.locator(".stage").bounding_box()
    return box["x"] + 46 + share * (box["width"] - 46), box["y"] + height * box["height"]


def now(page):
    return float(page.locator(".stage").get_attribute("aria-valuenow"))


@pytest.mark.parametrize("track", ["hip", "jazz", "reggae"])
def test_it_draws_plays_and_seeks(visit, track):
    page = visit()
    choose(page, track)
    assert colours(page, ".picture") > 200
    page.get_by_label("Play", exact=True).click()
    page.get_by_label("Pause", exact=True).wait_for()
    page.mouse.click(*place(page, 0.5))
    half = sound(page)["duration"] / 2
    assert half > 5
    until(page, f"audio.currentTime > {half} + 0.2")
    assert sound(page)["currentTime"] < half + 5
    page.keyboard.press("Space")
    page.get_by_label("Play", exact=True).wait_for()
    held = sound(page)
    assert held["paused"]
    assert held["error"] is None


def test_keys_move_and_zoom(visit):
    page = visit()
    ready(page)
    page.mouse.click(*place(page, 0))
    page.keyboard.press("ArrowRight")
    assert now(page) == pytest.approx(5, abs=0.2)
    page.keyboard.press("Shift+ArrowRight")
    page.mouse.move(*place(page, (now(page) + 0.1) / 16.8))
    assert "beat 1" in page.locator(".tip").text_content()
    page.keyboard.press("End")
    assert now(page) == pytest.approx(16.8, abs=0.2)
    page.keyboard.press("Home")
    assert now(page) == 0
    page.keyboard.press("+")
    assert shown(page) == "Shown: 0:00 to 0:08"
    page.keyboard.press("0")
    assert shown(page) == "Shown: 0:00 to 0:16"


def test_wheel_buttons_and_dragging_change_the_view(visit):
    page = visit()
    page.mouse.move(*place(page, 0.5))
    for _ in range(20):
        page.mouse.wheel(0, -300)
    assert shown(page) == "Shown: 0:07 to 0:08"
    page.mouse.down()
    page.mouse.move(*place(page, 0.95), steps=5)
    page.mouse.move(*place(page, 1.5), steps=5)
    page.mouse.up()
    assert shown(page) == "Shown: 0:06 to 0:07"
    assert now(page) == 0
    page.get_by_label("Whole track").click()
    assert shown(page) == "Shown: 0:00 to 0:16"
    page.get_by_label("Zoom in").click()
    assert shown(page) == "Shown: 0:00 to 0:08"
    box = page.locator(".overview").bounding_box()
    page.mouse.click(box["x"] + box["width"] - 2, box["y"] + 5)
    assert shown(page) == "Shown: 0:08 to 0:16"


def test_a_wheel_over_the_whole_track_scrolls_the_page(visit):
    page = visit(viewport={"width": 1280, "height": 500})
    page.mouse.move(*place(page, 0.5))
    top = page.locator(".stage").bounding_box()["y"]
    page.mouse.wheel(0, 100)
    page.wait_for_function(
        "() => [...document.querySelectorAll('*')].some(element => element.scrollTop > 0)"
    )
    assert page.locator(".stage").bounding_box()["y"] < top
    assert shown(page) == "Shown: 0:00 to 0:16"


def test_light_and_dark_are_drawn_in_their_colours(visit):
    page = visit(color_scheme="light")
    # What there is most of on the upper edge of the waveform is what lies behind it.
    behind = """canvas => {
        const {data} = canvas.getContext("2d").getImageData(60, 20, 800, 1);
        const count = {};
        for (const pixel of new Uint32Array(data.buffer)) count[pixel] = (count[pixel] ?? 0) + 1;
        return Object.keys(count).sort((a, b) => count[b] - count[a])[0] & 255;
    }"""
    assert page.locator(".picture").evaluate(behind) > 200
    page.emulate_media(color_scheme="dark")
    for _ in range(100):
        if page.locator(".picture").evaluate(behind) < 80:
            break
        page.wait_for_timeout(100)
    else:
        pytest.fail("the picture stayed light")


def test_the_view_turns_pages_after_the_sound(visit):
    page = visit()
    ready(page)
    page.mouse.click(*place(page, 0))
    for _ in range(5):
        page.keyboard.press("+")
    assert shown(page) == "Shown: 0:00 to 0:01"
    page.keyboard.press("ArrowRight")
    assert shown(page) == "Shown: 0:04 to 0:05"


def test_two_fingers_zoom_and_one_taps(visit):
    page = visit(width=390, has_touch=True, is_mobile=True, device_scale_factor=3)
    ready(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.locator(".stage").scroll_into_view_if_needed()
    session = page.context.new_cdp_session(page)
    middle, height = place(page, 0.5)

    def touch(kind, *apart):
        points = [{"x": middle + x, "y": height, "id": i} for i, x in enumerate(apart)]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    touch("touchStart", -20)
    touch("touchStart", -20, 20)
    for apart in range(20, 81, 5):
        touch("touchMove", -apart, apart)
    touch("touchEnd")
    begin, end = map(int, re.findall(r"0:(\d\d)", shown(page)))
    assert 2 <= end - begin <= 6
    assert begin < 8 < end + 1
    page.get_by_label("Whole track").tap()
    page.touchscreen.tap(*place(page, 0.75))
    assert now(page) == pytest.approx(0.75 * 16.8, abs=0.3)


def test_pointing_tells_time_frequency_and_beat(visit):
    page = visit()
    page.mouse.move(*place(page, 0.5, 0.25))
    assert re.fullmatch(r"0:08\.\d\d · bar \d, beat [1-4]", page.locator(".tip").text_content())
    page.mouse.move(*place(page, 0.5, 0.9))
    assert re.search(r" · \d+ Hz · ", page.locator(".tip").text_content())
    page.mouse.move(*place(page, 0.5, 0.5))
    assert " kHz · " in page.locator(".tip").text_content()
    page.mouse.move(5, 5)
    page.locator(".tip").wait_for(state="hidden")


def test_beats_can_be_switched_off(visit):
    page = visit()
    picture = "canvas => canvas.toDataURL()"
    shown = page.locator(".picture").evaluate(picture)
    page.get_by_role("switch").click()
    hidden = page.locator(".picture").evaluate(picture)
    page.get_by_role("switch").click()
    assert hidden != shown
    assert page.locator(".picture").evaluate(picture) == shown


def test_a_hostile_name_is_text(visit):
    page = visit(f"/?name={urllib.parse.quote(HOSTILE)}")
    assert page.locator(".name").text_content() == HOSTILE
    assert page.locator(".player img").count() == 0
    assert page.title() != "1"


def test_what_is_no_sound_is_told(visit):
    page = visit()
    page.get_by_text("broken", exact=True).click()
    page.get_by_text("this browser cannot play it").wait_for()
    assert page.get_by_label("Play", exact=True).is_disabled()
    choose(page, "jazz")
    assert page.get_by_label("Play", exact=True).is_enabled()


def test_of_two_players_one_is_heard(visit):
    page = visit("/?two=1", several=True)
    for player in (0, 1):
        one = page.locator(".player").nth(player)
        one.get_by_label("Play", exact=True).click()
        one.get_by_label("Pause", exact=True).wait_for()
    page.locator(".player").nth(0).get_by_label("Play", exact=True).wait_for()


def test_sound_may_come_later_and_nothing_is_lost(visit):
    page = visit()
    page.get_by_text("sound", exact=True).click()
    page.get_by_text("no sound yet").wait_for()
    assert page.get_by_label("Play", exact=True).is_disabled()
    page.mouse.click(*place(page, 0.5))
    page.get_by_label("Zoom in").click()
    view = shown(page)
    page.get_by_text("sound", exact=True).click()
    ready(page)
    page.get_by_text("no sound yet").wait_for(state="hidden")
    assert shown(page) == view
    assert sound(page)["currentTime"] == pytest.approx(8.4, abs=0.1)


def test_a_run_of_the_page_neither_stops_it_nor_sends_it_again(visit):
    page = visit()
    ready(page)
    page.get_by_label("Play", exact=True).click()
    page.get_by_label("Pause", exact=True).wait_for()
    got = []
    session = page.context.new_cdp_session(page)
    session.send("Network.enable")
    session.on(
        "Network.webSocketFrameReceived",
        lambda event: got.append(len(event["response"]["payloadData"])),
    )
    at = sound(page)["currentTime"]
    for run in range(3):
        page.get_by_role("button", name="again").click()
        page.get_by_text(f"run {run + 2}").wait_for()
    assert len(got) > 3
    assert sum(got) < 30_000
    until(page, f"audio.currentTime > {at} + 0.2")
    assert not sound(page)["paused"]


def test_another_track_takes_its_place_and_the_old_sound_is_let_go(visit, address):
    page = visit()
    # Nobody but this test has this one open.
    choose(page, "waltz")
    old = page.locator("audio").evaluate("audio => audio.src")
    assert old.startswith(address)
    request = urllib.request.Request(old, headers={"Range": "bytes=100-199"})
    with urllib.request.urlopen(request) as answer:
        assert (answer.status, len(answer.read())) == (206, 100)
    page.mouse.click(*place(page, 0.5))
    page.get_by_label("Zoom in").click()
    choose(page, "jazz")
    assert shown(page) == "Shown: 0:00 to 0:12"
    assert sound(page)["currentTime"] == 0
    # Files that no page shows any more are forgotten when a run has ended.
    page.get_by_role("button", name="again").click()
    page.get_by_text("run 3").wait_for()
    with pytest.raises(urllib.error.HTTPError, match="404"):
        urllib.request.urlopen(old)
