"""How fast the app answers, how much memory it holds, and whether its queue keeps its word.

The real app is served from this folder and used in a real Chromium:

  picture  from the choice of an MP3 of three minutes to the waveform, and to the genre
  library  from a changed filter to the changed rows, in a table of 100,000 tracks
  memory   of the server and its workers, over 200 uploads one after the other
  queue    ten at once have such an MP3 analysed while an eleventh has a folder of 100: how long
           each waits until it starts, against the wait that the queue promised, without a browser
  people   the same ten in Chromium: what they are told, and when they see the picture

Nothing else should keep the machine busy; the report says whether something did.

example:

    python benchmarks/app.py -o app.json
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import re
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

# What is measured is the project that this file lies in, whatever is installed.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import browser
import music
import numpy as np
import pandas as pd
from speed import machine, others

import earmark
from earmark.classify.app.jobs import track_analysis
from earmark.classify.app.jobs.queue import JobQueue
from earmark.classify.app.settings import app_settings
from earmark.classify.model import storage
from earmark.extract.files import atomic

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Report = dict[str, Any]

SECONDS = 180.0
"""Length of the track: that of a song."""

TRACKS = 100_000
"""In the library."""

PEOPLE = 10

FOLDER = 100
"""Tracks of the eleventh."""

PARTS = ("picture", "library", "memory", "queue", "people")

LIMITS = {"picture": 3.0, "library": 0.5}
"""Seconds that are promised."""

PATIENCE = 600_000

PARTED = """root => [root, ...[...root.querySelectorAll("*")].filter(one => one.shadowRoot)
    .flatMap(one => window.parted(one.shadowRoot))]"""
"""All parts of a page; components live in parts of their own."""

WATCH = r"""every => {
    window.parted = PARTED;
    window.seen = [];
    window.addEventListener("change", event => {
        if (event.target.type === "file") window.chosen = performance.now();
    }, true);
    const drawn = canvas => {
        const {width, height} = canvas;
        if (!width || !height) return false;
        const {data} = canvas.getContext("2d").getImageData(0, 0, width, height);
        return new Set(new Uint32Array(data.buffer)).size > 20;
    };
    const look = () => {
        const text = document.querySelector("[data-testid=stMain]").innerText;
        const canvases = window.parted(document).map(root => root.querySelector("canvas.picture"));
        window.drawn ??= canvases.some(one => one && drawn(one)) ? performance.now() : undefined;
        window.why ??= /^Why /m.test(text) ? performance.now() : undefined;
        const told = text.match(/(\d+) before you; starts within (\d+) s/);
        if (told) window.seen.push([performance.now(), Number(told[1]), Number(told[2])]);
        if (!window.drawn || !window.why) setTimeout(look, every);
    };
    look();
}""".replace("PARTED", PARTED)
"""Notes in the page itself when a file was chosen, what was said, and what was seen."""

CHANGED = """expected => new Promise(resolve => {
    const until = performance.now() + 60000;
    let rows = window.rows(), changed = null, counted = null;
    const look = () => {
        const now = performance.now(), drawn = window.rows();
        if (drawn !== rows) [rows, changed] = [drawn, now];
        const main = document.querySelector("[data-testid=stMain]").innerText;
        if (counted === null && main.includes(expected)) counted = now;
        // What is drawn is the answer once it rests.
        const last = Math.max(changed, counted);
        if (now > until) resolve(null);
        else if (changed && counted && now > last + 1000) resolve((last - window.began) / 1000);
        else requestAnimationFrame(look);
    };
    look();
})"""

MARK = """() => {
    window.rows = () => {
        const canvas = document.querySelector("[data-testid=data-grid-canvas]");
        if (!canvas?.width) return 0;
        const {data} = canvas.getContext("2d").getImageData(0, 0, canvas.width, 400);
        return new Uint32Array(data.buffer).reduce((sum, pixel) => (31 * sum + pixel) | 0, 7);
    };
    const mark = () => { window.began = performance.now(); };
    for (const kind of ["keydown", "pointerdown"]) window.addEventListener(kind, mark, true);
}"""
"""Tells what the first rows look like, and when a key or the mouse was pressed last."""


# --- What is looked at -------------------------------------------------------------------------


def song(folder: Path) -> Path:
    """Write an MP3 of three minutes of a real recording."""
    samples, rate = music.read(music.choose([music.default()], 1)[0])
    length = round(SECONDS * rate)
    path = folder / "song.mp3"
    music.write_mp3(path, np.tile(samples, (-(-length // len(samples)), 1))[:length], rate)
    return path


def table(path: Path) -> None:
    """Write a table of many tracks with Spotify's columns, titles and artists."""
    rng = np.random.default_rng(0)
    words = ["blue", "night", "river", "golden", "heart", "stone", "summer", "train", "ghost"]
    words += ["mirror", "silver", "road", "winter", "fire", "paper", "moon", "wild", "king"]
    genres = np.array([f"genre {number}" for number in range(50)])
    columns = {
        "path": [f"music/{number // 12:05d}/{number % 12:02d}.mp3" for number in range(TRACKS)],
        "title": [" ".join(three) for three in rng.choice(words, (TRACKS, 3))],
        "artist": [f"artist {number}" for number in rng.integers(0, TRACKS // 20, TRACKS)],
        "genre": rng.choice(genres, TRACKS),
        **{
            name: rng.random(TRACKS).astype(np.float32)
            for name in (
                *("danceability", "energy", "speechiness", "acousticness"),
                *("instrumentalness", "liveness", "valence"),
            )
        },
        "key": rng.integers(0, 12, TRACKS),
        "mode": rng.integers(0, 2, TRACKS),
        "loudness": rng.normal(-10, 4, TRACKS).astype(np.float32),
        "tempo": rng.normal(120, 25, TRACKS).astype(np.float32),
        "time_signature": 4,
        "duration_ms": rng.integers(60_000, 400_000, TRACKS),
    }
    path.parent.mkdir(parents=True)
    pd.DataFrame(columns).to_parquet(path)


@contextlib.contextmanager
def session(
    chromium: Any, served: browser.Served, path: str = "", width: int = 1280
) -> Iterator[Any]:
    """Open the app as somebody new, and leave with the block."""
    context = chromium.new_context(viewport={"width": width, "height": width})
    context.set_default_timeout(PATIENCE)
    try:
        page = context.new_page()
        page.goto(f"{served.address}/{path}")
        settled(page)
        yield page
    finally:
        context.close()


def settled(page: Any) -> None:
    """Wait until the page is drawn."""
    # By its tag: an open box hides all else from readers, and so from roles.
    page.locator("h1").wait_for()
    page.locator("[data-testid=stApp][data-test-script-state=notRunning]").wait_for()


def drop(page: Any, path: Path) -> None:
    """Choose a file for upload."""
    page.locator("input[type=file]").first.set_input_files(path)


def pictured(page: Any) -> Report:
    """Wait until waveform and genre are drawn, and return after how long each was."""
    page.wait_for_function("window.drawn && window.why")
    chosen, drawn, why = page.evaluate("[window.chosen, window.drawn, window.why]")
    return {"picture": (drawn - chosen) / 1000, "genre": (why - chosen) / 1000}


# --- What is measured --------------------------------------------------------------------------


def picture(chromium: Any, served: browser.Served, path: Path, rounds: int) -> Report:
    """Time an upload until the waveform is drawn, and until the genre is."""
    rows = []
    for number in range(rounds + 1):
        with session(chromium, served) as page:
            page.evaluate(WATCH, 15)
            before = processor(served)
            drop(page, path)
            row = pictured(page)
            settled(page)
            row["processor"] = processor(served) - before
            rows.append(row)
            print(f"upload {number}: {row['picture']:.2f} s …", file=sys.stderr)
    return {
        "first": rows[0],
        "rounds": rows[1:],
        "best": min(row["picture"] for row in rows[1:]),
        "median": statistics.median(row["picture"] for row in rows[1:]),
        "genre": statistics.median(row["genre"] for row in rows[1:]),
        "analysis": analysis(path, rounds),
    }


def analysis(path: Path, rounds: int) -> float:
    """Return the seconds that a worker takes for the same, without server and browser."""
    queue = JobQueue(1, warm=track_analysis.warm)
    try:
        with tempfile.TemporaryDirectory(prefix="earmark-app-bench-") as folder:
            times = []
            for _ in range(rounds):
                job = queue.submit(
                    "benchmark",
                    track_analysis.analyse_track,
                    str(path),
                    str(storage.DEFAULT),
                    folder,
                    timeout=600,
                )
                while job.state == "waiting":
                    time.sleep(0.001)
                began = time.perf_counter()
                job.result()
                times.append(time.perf_counter() - began)
            return min(times)
    finally:
        queue.close()


def library(chromium: Any, served: browser.Served, path: Path, rounds: int) -> Report:
    """Time changes of what is looked for until the rows have changed."""
    tracks = pd.read_parquet(path)
    words = (tracks["title"] + " " + tracks["artist"] + " " + tracks["genre"]).str.lower()
    rows: dict[str, list[float]] = {}
    with session(chromium, served, "library") as page:
        page.get_by_text(f"{TRACKS:,} of {TRACKS:,} tracks").wait_for()
        settled(page)
        page.evaluate(MARK)

        def timed(name: str, count: int, action: Callable[[], object]) -> None:
            expected = f"{count:,} of {TRACKS:,} tracks"
            page.evaluate(f"expected => {{ window.answer = ({CHANGED})(expected); }}", expected)
            action()
            seconds = page.evaluate("window.answer")
            if seconds is None:
                raise SystemExit(f"{name}: the rows never changed")
            rows.setdefault(name, []).append(seconds)
            settled(page)

        box = page.get_by_role("textbox", name="Search")
        for word in ("moon", "king", "paper", "ghost", "wild")[:rounds]:
            box.fill(word)
            timed("search", int(words.str.contains(word).sum()), lambda: box.press("Enter"))
        box.fill("")
        timed("search for nothing", TRACKS, lambda: box.press("Enter"))
        count = 0
        for number in range(min(rounds, 5)):
            genre = f"genre {7 * number}"
            count += int((tracks["genre"] == genre).sum())
            chosen = page.get_by_role("combobox", name="Genres").first
            chosen.click()
            chosen.fill(genre)
            option = page.get_by_role("option", name=genre, exact=True)
            option.wait_for()
            timed("genre", count, option.click)
            page.keyboard.press("Escape")
        for _ in range(2):
            timed("descending", count, page.get_by_text("Descending", exact=True).click)
    every = [seconds for times in rows.values() for seconds in times]
    return {
        "changes": rows,
        "median": statistics.median(every),
        "longest": max(every),
    }


def memory(chromium: Any, served: browser.Served, path: Path, uploads: int) -> Report:
    """Watch the memory of the server and its workers over many uploads."""
    rows = []
    each = min(10, uploads)
    for start in range(0, uploads, each):
        with session(chromium, served) as page:
            for number in range(start, min(start + each, uploads)):
                drop(page, path)
                count = number - start + 1
                if count == 1:
                    page.locator("canvas.picture").wait_for()
                else:
                    page.get_by_text(re.compile(rf"^{count} of {count} tracks")).wait_for()
                settled(page)
                rows.append({"upload": number + 1, **resident(served)})
        print(f"{len(rows)} uploads: {rows[-1]} …", file=sys.stderr)
    quarter = len(rows) // 4

    def mean(part: list[Report], name: str) -> float:
        return statistics.mean(float(row[name]) for row in part)

    return {
        "rows": rows,
        "early": {name: mean(rows[quarter : 2 * quarter], name) for name in ("server", "workers")},
        "late": {name: mean(rows[3 * quarter :], name) for name in ("server", "workers")},
    }


def people(chromium: Any, served: browser.Served, path: Path) -> Report:
    """Let ten upload at once while an eleventh has a folder analysed, noting what each is told."""
    with contextlib.ExitStack() as stack:
        # Small pages: these browsers share the cores with the server, which in life they do not.
        pages = [stack.enter_context(session(chromium, served, width=400)) for _ in range(PEOPLE)]
        busy = stack.enter_context(session(chromium, served, width=400))
        busy.get_by_role("tab", name="Name a folder").click()
        busy.get_by_role("textbox", name="Folder").fill("folder")
        busy.get_by_role("button", name="Analyse").click()
        busy.get_by_text(re.compile(rf"^[1-9]\d* of {FOLDER} tracks")).first.wait_for()
        for page in pages:
            # Ten pages that look all the time would leave nothing for the rest.
            page.evaluate(WATCH, 250)
        began = time.perf_counter()
        for page in pages:
            drop(page, path)
        seen = [pictured(page) for page in pages]
        lasted = time.perf_counter() - began
        rows = [
            kept(row, *page.evaluate("[window.chosen, window.seen]"))
            for row, page in zip(seen, pages, strict=True)
        ]
        text = busy.get_by_text(re.compile(rf"^\d+ of {FOLDER} tracks")).first.inner_text()
        busy.get_by_role("button", name="Stop").first.click()
    return {"people": rows, "all": lasted, "folder": text}


def kept(row: Report, chosen: float, said: list[list[float]]) -> Report:
    """Put what somebody was told first beside what became of it."""
    at, ahead, told = said[0] if said else (chosen, 0, 0)
    return {"ahead": ahead, "told": told, "after": (at - chosen) / 1000, **row}


def waits(path: Path, folder: Path) -> Report:
    """Let ten submit at once while an eleventh has a folder: promised waits beside real ones."""
    queue = JobQueue(app_settings().workers, warm=track_analysis.warm)
    model = str(storage.DEFAULT)
    try:
        with tempfile.TemporaryDirectory(prefix="earmark-app-bench-") as scratch:
            queue.submit(
                "first", track_analysis.analyse_track, str(path), model, scratch, timeout=600
            ).result()
            many = [
                queue.submit(
                    "folder", track_analysis.analyse_track, str(one), model, None, timeout=600
                )
                for one in sorted(folder.iterdir())
            ]
            while not any(job.finished for job in many):
                time.sleep(0.01)
            rows = []
            waiting_jobs = []
            for number in range(PEOPLE):
                name = f"person {number}"
                job = queue.submit(
                    name, track_analysis.analyse_track, str(path), model, scratch, timeout=600
                )
                now = time.perf_counter()
                row = {"ahead": job.ahead, "told": job.wait, "waited": 0.0}
                rows.append(row)
                waiting_jobs.append((job, now, row))
            while waiting := [one for one in waiting_jobs if one[0].state == "waiting"]:
                for job, began, row in waiting:
                    now, told = time.perf_counter(), job.wait
                    row["waited"] = now - began
                    # Each thing that is said on the way is a promise, too.
                    row["told least"] = min(row.get("told least", 1e9), now - began + told)
                time.sleep(0.01)
            for row in rows:
                row["late"] = row["waited"] - min(row["told"], row.pop("told least", 1e9))
            finished = sum(job.finished for job in many)
            return {"people": rows, "folder": finished}
    finally:
        queue.close()


# --- The machine -------------------------------------------------------------------------------


def resident(served: browser.Served) -> Report:
    """Return the MiB that the server and all of its workers hold."""
    server, *rest = browser.tree(served.process.pid)
    return {"server": megabytes(server), "workers": sum(map(megabytes, rest))}


def megabytes(process: int) -> float:
    """Return the MiB of memory that a process holds; 0 where it has ended."""
    with contextlib.suppress(OSError, IndexError):
        status = Path(f"/proc/{process}/status").read_text(errors="replace")
        return int(re.findall(r"VmRSS:\s*(\d+)", status)[0]) / 1024
    return 0.0


def processor(served: browser.Served) -> float:
    """Return the seconds of processor time that the server and its workers have used."""
    ticks = 0
    for process in browser.tree(served.process.pid):
        with contextlib.suppress(OSError):
            fields = Path(f"/proc/{process}/stat").read_text(errors="replace").rpartition(")")[2]
            ticks += sum(map(int, fields.split()[11:13]))
    return ticks / os.sysconf("SC_CLK_TCK")


# --- What is said of it ------------------------------------------------------------------------


def show(report: Report) -> None:
    """Print the report as tables."""
    system = report["machine"]
    print(f"{system['processor']}, {system['cores']} cores, {system['system']}")
    if (report["others"] or 0) > 0.1:
        print(f"Other programs kept {report['others']:.1f} cores busy when it began.")
    if part := report.get("picture"):
        print(f"\nan MP3 of {SECONDS:.0f} s, from its choice, in seconds")
        for name, value in (
            ("first picture, median", part["median"]),
            ("first picture, best", part["best"]),
            ("first picture, of a server that has just started", part["first"]["picture"]),
            ("genre, median", part["genre"]),
            ("analysis alone, in a worker", part["analysis"]),
        ):
            print(f"  {name:<52}{value:>8.2f}")
        judged("picture", part["median"])
    if part := report.get("library"):
        print(f"\na library of {TRACKS:,} tracks, from a change to the changed rows, in seconds")
        for name, times in part["changes"].items():
            print(f"  {name:<24}{statistics.median(times):>8.2f} median{max(times):>8.2f} longest")
        judged("library", part["longest"])
    if part := report.get("memory"):
        print(f"\n{len(part['rows'])} uploads, MiB")
        print(f"{'  upload':<12}{'server':>10}{'workers':>10}")
        step = max(1, len(part["rows"]) // 8)
        for row in part["rows"][step - 1 :: step]:
            print(f"  {row['upload']:<10}{row['server']:>10.0f}{row['workers']:>10.0f}")
        for name in ("server", "workers"):
            early, late = part["early"][name], part["late"][name]
            print(f"  {name}: second quarter {early:.0f}, last {late:.0f} ({late - early:+.0f})")
    if part := report.get("queue"):
        print(
            f"\n{PEOPLE} at once in the queue beside a folder of {FOLDER}, seconds until the start"
        )
        print(f"{'':<10}{'ahead':>8}{'told':>8}{'waited':>8}")
        for number, row in enumerate(part["people"]):
            print(f"  {number:<8}{row['ahead']:>8}{row['told']:>8.1f}{row['waited']:>8.1f}")
        late = max(row["late"] for row in part["people"])
        print(f"  longer than it ever said: {'nobody' if late <= 0 else f'by {late:.1f} s'}")
        print(f"  meanwhile {part['folder']} tracks of the folder were done")
    if part := report.get("people"):
        print(f"\n{PEOPLE} people at once in Chromium beside a folder of {FOLDER}, in seconds")
        print(f"{'':<10}{'ahead':>8}{'starts in':>11}{'picture':>9}")
        for number, row in enumerate(part["people"]):
            print(f"  {number:<8}{row['ahead']:>8}{row['told']:>11}{row['picture']:>9.1f}")
        print(f"  all had their picture after {part['all']:.1f} s; meanwhile {part['folder']}")


def judged(name: str, value: float) -> None:
    """Say whether a promise is kept."""
    limit = LIMITS[name]
    print(f"  promised {limit:g} s: {'kept' if value < limit else 'not kept'}")


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("-n", "--rounds", type=int, default=5, help="default: 5")
    parser.add_argument("-o", "--output", type=Path, default=Path("app.json"), metavar="JSON")
    parser.add_argument("--only", action="append", choices=PARTS, help="may be repeated")
    parser.add_argument("--uploads", type=int, default=200, help="for the memory (default: 200)")
    parser.add_argument(
        "--source", type=Path, metavar="MP3", help="a track to upload (default: one is made)"
    )
    arguments = parser.parse_args()
    if arguments.rounds < 1 or arguments.uploads < 8:
        parser.error("at least one round and eight uploads")
    if browser.chromium() is None:
        parser.error("no Chromium: neither EARMARK_CHROMIUM nor the path holds it")
    return arguments


def main() -> None:
    """Measure, print the tables, and save all numbers as JSON."""
    arguments = parse()
    parts = arguments.only or PARTS
    report: Report = {
        "machine": machine(),
        "versions": {"Earmark": earmark.__version__, "Python": platform.python_version()},
        "others": others(),
    }
    with tempfile.TemporaryDirectory(prefix="earmark-bench-") as temporary:
        root = Path(temporary) / "root"
        path = arguments.source or song(Path(temporary))
        library_path = root / "data" / "features" / "library.parquet"
        table(library_path)
        if {"queue", "people"} & set(parts):
            music.write_folder(root / "folder", music.choose([music.default()], 3), FOLDER)
        with browser.browser() as chromium:
            if "queue" in parts:
                report["queue"] = waits(path, root / "folder")
            for part in [part for part in parts if part != "queue"]:
                print(f"{part} …", file=sys.stderr)
                folder = Path(temporary) / part
                folder.mkdir()
                # Every part has a server of its own: none measures what another has left.
                with browser.served(folder, EARMARK_APP_ROOT=str(root)) as served:
                    warm(chromium, served)
                    match part:
                        case "picture":
                            report[part] = picture(chromium, served, path, arguments.rounds)
                        case "library":
                            report[part] = library(chromium, served, library_path, arguments.rounds)
                        case "memory":
                            report[part] = memory(chromium, served, path, arguments.uploads)
                        case "people":
                            report[part] = people(chromium, served, path)
    show(report)
    with atomic(arguments.output) as out:
        out.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


def warm(chromium: Any, served: browser.Served) -> None:
    """Wait until the workers have loaded what they need, and rest."""
    with session(chromium, served):
        quiet = 0
        while quiet < 3:
            before = processor(served)
            time.sleep(1)
            quiet = quiet + 1 if processor(served) - before < 0.2 else 0


if __name__ == "__main__":
    main()
