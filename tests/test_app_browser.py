"""What the pages of music do, in a real Chromium: tags are written and undone, and the like.

With EARMARK_SCREENSHOTS=FOLDER the tests leave pictures there.
"""

from __future__ import annotations

import contextlib
import re
import shutil

import pytest

pytest.importorskip("streamlit")
sync_api = pytest.importorskip("playwright.sync_api")

from test_browser import PATIENCE, browsing, chromium, settled, shot, visit  # noqa: E402, F401

pytestmark = pytest.mark.browser

NAMES = ("house-128bpm-a-minor.mp3", "waltz-96bpm-f-major.flac")


@pytest.fixture(scope="module")
def root(demo, tmp_path_factory):
    """A folder of music that may be written into."""
    root = tmp_path_factory.mktemp("root")
    (root / "music").mkdir()
    for name in NAMES:
        shutil.copy(demo / name, root / "music" / name)
    return root


@pytest.fixture(scope="module")
def app(chromium, root, tmp_path_factory):  # noqa: F811
    """The app over that folder; what it logs holds no traceback at the end."""
    told = {
        "EARMARK_APP_ROOT": str(root),
        "EARMARK_APP_ALLOW_WRITING": "1",
        "EARMARK_APP_CACHE": str(tmp_path_factory.mktemp("cache")),
        "EARMARK_APP_CACHE_MB": "100",
    }
    with browsing.served(tmp_path_factory.mktemp("app"), **told) as served:
        yield served
    assert "Traceback" not in served.log.read_text(errors="replace")


def analysed(page, named="music", count=2):
    """Have a folder analysed."""
    page.get_by_role("tab", name="Name a folder").click()
    page.get_by_role("textbox", name="Folder").fill(named)
    page.get_by_role("button", name="Analyse").click()
    page.get_by_text(re.compile(rf"^{count} of {count} tracks")).wait_for()
    page.get_by_text("mel spectrogram").wait_for()


def press(page, name, then):
    """Press a button once it is drawn, and the page with it, until a text is there.

    Streamlit may draw a button anew while it is pressed; then nobody hears it.
    """
    button, answer = page.get_by_role("button", name=name), page.get_by_text(then)
    button.wait_for()
    for _ in range(3):
        settled(page)
        if button.is_visible():
            button.click()
        with contextlib.suppress(sync_api.TimeoutError):
            answer.wait_for(timeout=30_000)
            break
    assert answer.is_visible(), page.locator("[data-testid=stMain]").inner_text()
    answer.scroll_into_view_if_needed()


def test_tags_are_planned_written_and_undone(visit, root):  # noqa: F811
    before = {path.name: path.read_bytes() for path in (root / "music").iterdir()}
    page = visit()
    analysed(page)
    page.get_by_text("What would the tags be?").click()
    page.get_by_text("Nothing is written yet").wait_for()
    page.get_by_text("Nothing is written yet").scroll_into_view_if_needed()
    shot(page, "tags-planned")
    press(page, re.compile("^.*Write 4 values into 2 files"), "2 files written. To undo it")
    shot(page, "tags-written")
    assert all((root / "music" / name).read_bytes() != data for name, data in before.items())
    page.get_by_text("Undo tags that were written").click()
    press(page, re.compile("Undo 2 files"), "as they were, to the byte")
    shot(page, "tags-undone")
    assert {path.name: path.read_bytes() for path in (root / "music").iterdir()} == before


def test_what_a_search_finds_is_looked_at(visit):  # noqa: F811
    page = visit()
    analysed(page)
    # What changes in the course of it comes after all else, and fits a phone.
    lanes = page.get_by_role("img", name=re.compile("Energy: lowest .*Short-term loudness"))
    lanes.wait_for()
    assert lanes.locator("img").count() >= 2
    page.set_viewport_size({"width": 390, "height": 844})
    settled(page)
    assert page.evaluate("document.querySelector('[data-testid=stMain]').scrollWidth") <= 390
    page.set_viewport_size({"width": 1280, "height": 900})
    # The address says what is looked at, and a reload shows it again.
    assert "folder=music" in page.url
    page.reload()
    page.get_by_text(re.compile("^2 of 2 tracks")).wait_for()
    page.get_by_text("mel spectrogram").wait_for()
    headline = page.locator(".st-key-headline")
    search = page.get_by_role("textbox", name="Search")
    for text, named in (("waltz", "Waltz"), ("zzz", None), ("house", "House")):
        search.fill(text)
        search.press("Enter")
        if named is None:
            page.get_by_text("Nothing found").wait_for()
            sync_api.expect(headline).to_have_count(0)
            sync_api.expect(page.get_by_text("mel spectrogram")).to_have_count(0)
            shot(page, "nothing-found")
        else:
            sync_api.expect(headline).to_contain_text(named, timeout=PATIENCE)


def test_what_was_dropped_is_there_after_a_reload(visit, demo):  # noqa: F811
    page = visit()
    settled(page)
    page.locator("input[type=file]").first.set_input_files(demo / NAMES[0])
    page.get_by_text("mel spectrogram").wait_for()
    page.get_by_role("img", name=re.compile("Energy: lowest")).wait_for()
    settled(page)
    page.reload()
    sync_api.expect(page.locator(".st-key-headline")).to_contain_text("House", timeout=PATIENCE)
    page.get_by_text("Drop it again to hear it").wait_for()
    # Nobody else sees it.
    other = visit()
    other.get_by_role("button", name="Try the demo tracks").wait_for()
