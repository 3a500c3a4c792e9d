"""The app for people who do not see, hear or point: what axe-core finds in a real Chromium."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest

pytest.importorskip("streamlit")
pytest.importorskip("playwright.sync_api")
axe = pytest.importorskip("axe_playwright_python.sync_playwright")

from test_browser import app, choose, chromium, drop, root, settled, table, visit  # noqa: E402, F401
from test_report import evaluation  # noqa: E402

from earmark.classify.evaluation import report  # noqa: E402
from earmark.classify.insights import page as insights  # noqa: E402

pytestmark = pytest.mark.browser

NOT_OURS = {"presentation-role-conflict"}
"""What the box for files of Streamlit has, and axe-core calls minor."""


INKS = """() => [
    [getComputedStyle(document.querySelector(".stApp")).color],
    ...[...document.querySelectorAll(".js-plotly-plot text")]
        .filter(own => own.textContent && own.checkVisibility())
        .map(own => [getComputedStyle(own).fill, own.textContent]),
]"""
"""The colour of text on the page, and that of each text in a chart."""

FOCUSED = """() => {
    const own = document.activeElement;
    if (own === document.body) return null;
    const {top, left} = own.getBoundingClientRect();
    const {scrollTop} = document.querySelector("[data-testid=stMain]");
    return {top: top + scrollTop, left, what: own.outerHTML.slice(0, 200)};
}"""
"""Where what has the focus stands on the page."""


def faults(page):
    """Return what axe-core finds, of any impact, with the elements that have it."""
    settled(page)
    # What is faded is still of the drawing before, and what moves has not come to its place.
    page.locator("[data-stale=true]").first.wait_for(state="detached")
    page.wait_for_timeout(500)
    # axe-core does not look at what is drawn.
    ink, *drawn = page.evaluate(INKS)
    return found(page) + [f"faint: {text}" for colour, text in drawn if faint(colour, ink[0])]


def faint(colour, ink):
    """Tell whether a colour is far fainter than that of text: a contrast of 4.5 needs half."""
    levels = [[int(part) for part in re.findall(r"\d+", one)[:3]] for one in (colour, ink)]
    return sum(abs(one - other) for one, other in zip(*levels, strict=True)) > 150


def found(page):
    return [
        f"{fault['id']} ({fault['impact']}): {node['html'][:200]}"
        for fault in axe.Axe().run(page).response["violations"]
        if fault["id"] not in NOT_OURS
        for node in fault["nodes"]
    ]


def classified(page, demo):
    """Two tracks with their answer, and what would be written into them."""
    yield
    drop(page, demo / "house-128bpm-a-minor.mp3", demo / "waltz-96bpm-f-major.flac")
    page.get_by_text(re.compile("^2 of 2 tracks")).wait_for()
    page.get_by_text("mel spectrogram").wait_for()
    page.get_by_text("What would the tags be?").click()
    page.get_by_text("A dry run, no file is touched").wait_for()
    yield


def searched(page, demo):
    """A table as a list, as playlists and as a map."""
    for view in ("Tracks", "Playlists", "Map"):
        page.get_by_role("radio", name=view).or_(
            page.get_by_role("button", name=view, exact=True)
        ).first.click()
        if view == "Map":
            page.locator(".js-plotly-plot").wait_for()
        yield


def pictured(page, demo):
    """All pictures of a table."""
    page.get_by_text("Download all (ZIP)").wait_for()
    yield


def trained(page, demo):
    """A table before and after a model was trained on it."""
    drop(page, ("mine.csv", table().to_csv(index=False).encode()))
    page.get_by_text("240 rows").wait_for()
    choose(page, "Genre", "genre")
    yield
    page.get_by_role("button", name="Train", exact=True).click()
    page.get_by_text("Right, honestly").wait_for()
    yield


def set_by_hand(page, demo):
    """The form, and what it gives."""
    page.locator(".st-key-verdict").wait_for()
    yield


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(
    ("path", "states"),
    [
        ("", classified),
        ("by_hand", set_by_hand),
        ("library", searched),
        ("insights", pictured),
        ("train", trained),
    ],
)
def test_a_page_has_no_fault(visit, demo, path, states, scheme):  # noqa: F811
    page = visit(path, color_scheme=scheme)
    if scheme == "light":
        focus_goes_down(page)
    for _ in states(page, demo):
        assert faults(page) == []


def focus_goes_down(page):
    """Check that the key Tab leads from the top of the page to its bottom."""
    settled(page)
    rows = []
    for _ in range(20):
        page.keyboard.press("Tab")
        own = page.evaluate(FOCUSED)
        if own is None:
            break
        rows.append(own)
    assert len(rows) >= 6
    for above, below in pairwise(rows):
        # What comes next stands lower, or farther right in the same row.
        assert below["top"] > above["top"] - 60 or below["left"] > above["left"], (above, below)


def test_pages_that_stand_alone_have_no_fault(chromium, tmp_path):  # noqa: F811
    tracks = insights.describe(table())
    pictures = [insights.picture(name, tracks) for name in ("tempo", "keys", "correlations")]
    (tmp_path / "insights.html").write_bytes(insights.render("mine", [], pictures))
    page = report.render(title="Mine", evaluation=evaluation(["jazz", "metal"]))["report.html"]
    (tmp_path / "report.html").write_bytes(page)
    for scheme in ("light", "dark"):
        context = chromium.new_context(color_scheme=scheme)
        for path in sorted(tmp_path.glob("*.html")):
            page = context.new_page()
            page.goto(path.as_uri())
            assert found(page) == []
        context.close()
