"""Train: a table with labels becomes a model that says honestly how right it is."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import streamlit as st

from earmark.classify.app import catalog, session
from earmark.classify.app.files.paths import table as table_at
from earmark.classify.app.jobs import training
from earmark.classify.app.settings import app_settings
from earmark.classify.app.widgets import model_picker, table_picker, theme, waiting
from earmark.classify.app.widgets.waiting import POLL
from earmark.classify.dataset.build import SPOTIFY_EXTRAS
from earmark.classify.model import bundle
from earmark.extract import tables
from earmark.extract.errors import EarmarkError

if TYPE_CHECKING:
    from earmark.classify.app.jobs.queue import Job

__all__ = ["page"]

HEIGHT = 900
"""Pixels of the report."""

NAME = 60
"""Characters of a model's name."""

IN_TABLE, IN_CSV, IN_FOLDERS = "in a column of the table", "in a CSV", "the folder of each file"

BY_ARTIST = "artist or album, where known"


@dataclass
class Work:
    """What is being trained on, and what has come of it.

    Parameters
    ----------
    table : Path
        The feature table.
    name : str
        What somebody calls it.
    looking : Job
        Of the job that looks at it.
    labels : Path, optional
        The CSV of labels, and in `labels_looking` the job that looks at it.
    training : Job, optional
        Of the job that trains.
    directory : Path, optional
        Where the model is.
    saved : str
        Where it was put last.
    """

    table: Path
    name: str
    looking: Job
    labels: Path | None = None
    labels_looking: Job | None = None
    labels_name: str = ""
    training: Job | None = None
    directory: Path | None = None
    saved: str = ""
    called: dict[str, str] = field(default_factory=dict)


def page() -> None:
    """Draw the page."""
    theme.page_header(
        "Train", "Teach a model your own genres, from a table and labels that you trust."
    )
    with theme.errors_shown():
        # What runs is shown, and can be stopped, whatever else is wrong.
        _source()
    work: Work | None = st.session_state.get("work")
    if work is None:
        theme.empty_state(
            "No table yet",
            "Upload a table with a row per track, or name one. `earmark extract` makes them from "
            "audio; a table of Spotify's values will do as well.",
            ":material/model_training:",
        )
        return
    seen = _seen(work.looking, f"Looking at {work.name}…")
    if seen is None:
        return
    running = work.training is not None and not work.training.finished
    _settings(work, seen, running)
    if work.training is None:
        return
    if running:
        theme.fragment(_progress, POLL)(work.training)
    elif work.training.state == "done" and work.directory is not None:
        _outcome(work, work.directory, work.training.result())
    elif work.training.state == "cancelled":
        st.info("The training was stopped.", icon=":material/stop_circle:")
    else:
        theme.show_error(work.training.error)


def _source() -> None:
    """Let somebody bring a table."""
    dropped, named = st.tabs([":material/upload: Upload a table", ":material/folder: Name a table"])
    with dropped:
        upload = table_picker.upload_table("CSV or Parquet", "train upload")
        if upload is not None and st.session_state.get("train taken") != upload:
            st.session_state["train taken"] = upload
            _begin(upload.path, upload.name)
    with named, st.form("train table", border=False):
        text = st.text_input(
            "Table",
            placeholder="data/features/features.parquet",
            help=f"Below {theme.plain(str(app_settings().root))}; {', '.join(tables.READABLE)}.",
        )
        if st.form_submit_button("Open", icon=":material/table_view:"):
            with theme.remember_error("train wrong"):
                _begin(table_at(text), text.strip())
    with named:
        theme.show_remembered_error("train wrong")


def _begin(table: Path, name: str) -> None:
    """Look at a table; what was trained before is offered elsewhere."""
    before: Work | None = st.session_state.get("work")
    if before is not None:
        for job in (before.looking, before.labels_looking, before.training):
            if job is not None:
                job.cancel()
    st.session_state["work"] = Work(table, name, _looking(table), called={str(table): name})


def _looking(table: Path) -> Job:
    return session.queue().submit(
        session.owner(), training.look_at, str(table), timeout=app_settings().track_seconds
    )


def _seen(job: Job, text: str) -> dict[str, Any] | None:
    """Return what was seen of a table, once it was."""
    if not job.finished:
        theme.fragment(_wait, POLL)(job, text)
        return None
    if job.state == "cancelled":
        st.info("Stopped. Bring the table again to go on.", icon=":material/stop_circle:")
        return None
    if job.state == "failed":
        work: Work = st.session_state["work"]
        theme.show_error(catalog.with_user_names(job.error, work.called))
        return None
    found: dict[str, Any] = job.result()
    return found


def _wait(job: Job, text: str) -> None:
    if job.finished:
        st.rerun()
    if waiting.progress_bar(
        job.progress[0], waiting.queue_position(job) or theme.plain(text), "looking stop"
    ):
        job.cancel()
        st.rerun()


def _settings(work: Work, seen: dict[str, Any], running: bool) -> None:
    """Ask for what cannot be seen, and train."""
    about = f" · {seen['set']}" if seen["set"] else ""
    st.markdown(f"##### {theme.plain(work.name)}")
    st.caption(f"{seen['rows']:,} rows · {len(seen['columns']):,} columns{theme.plain(about)}")
    where = st.radio(
        "The genres are",
        [IN_TABLE, IN_CSV, IN_FOLDERS],
        horizontal=True,
        disabled=running,
        key=theme.persistent_key("train where"),
    )
    columns: list[str] = seen["columns"] if where != IN_CSV else _labels(work, running)
    if not columns:
        return
    beside = [name for name in SPOTIFY_EXTRAS if name in seen["columns"]]
    sound_alone = bool(beside) and st.checkbox(
        f"Learn from the sound alone, without {' and '.join(beside)}",
        disabled=running,
        key=theme.persistent_key("train sound"),
        help="Audio files have neither. A model that is to classify files is more often right "
        "without, one for Spotify's values with them.",
    )
    groups = [BY_ARTIST, *columns]
    for key, options in (("train label", columns), ("train group", groups)):
        theme.persistent_key(key, options)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        label = "genre"
        group: str | None = None
        if where != IN_FOLDERS:
            label = st.selectbox("Genre", columns, disabled=running, width=260, key="train label")
            chosen = st.selectbox(
                "Kept together",
                groups,
                disabled=running,
                width=260,
                key="train group",
                help="Tracks with the same value are never both trained on and tested on, so that "
                "a model is not praised for knowing an artist.",
            )
            group = None if chosen == BY_ARTIST else chosen
        key = theme.persistent_key(f"train name {work.table}")
        st.session_state.setdefault(key, Path(work.name).stem[:NAME])
        name = st.text_input(
            "Name of the model", max_chars=NAME, disabled=running, width=260, key=key
        )
        pressed = st.button(
            "Train", type="primary", icon=":material/play_arrow:", disabled=running, key="train go"
        )
    if pressed:
        labels = {IN_CSV: str(work.labels), IN_FOLDERS: "folders"}.get(where)
        ignore = beside if sound_alone else None
        _train(work, training.named(name), labels, label, group, ignore)


def _labels(work: Work, running: bool) -> list[str]:
    """Let somebody bring a CSV of labels, and return its columns, none until it is there."""
    upload = table_picker.upload_table(
        "Labels: a column that names the tracks as the table does, and one with their genres",
        "train labels",
        ["csv"],
        disabled=running,
    )
    if upload is not None and work.labels != upload.path:
        work.labels, work.labels_name = upload.path, upload.name
        work.called[str(upload.path)] = upload.name
        work.labels_looking = _looking(upload.path)
    if work.labels_looking is None:
        return []
    if upload is None:
        # The box is empty once another page was drawn.
        st.caption(f"{theme.plain(work.labels_name)} is taken until you bring another.")
    seen = _seen(work.labels_looking, f"Looking at {work.labels_name}…")
    return list(seen["columns"]) if seen else []


def _train(work: Work, name: str, *options: Any) -> None:
    """Have a model trained, with the options of `training.train`."""
    directory = session.scratch().path / secrets.token_hex(8) / name
    work.training = session.queue().submit(
        session.owner(),
        training.train,
        *(str(work.table), str(directory), work.called, *options),
        timeout=app_settings().training_seconds,
        kind="train",
    )
    work.directory, work.saved = directory, ""
    st.rerun()


def _progress(job: Job) -> None:
    """Say how far it is, until it is there."""
    if job.finished:
        st.rerun()
    if job.state == "waiting" and job.ahead:
        text = f"{job.ahead} before yours"
    else:
        text = job.progress[1] or "starting"
    if waiting.progress_bar(job.progress[0], theme.plain(text), "train stop"):
        job.cancel()
        st.rerun()


def _outcome(work: Work, directory: Path, told: dict[str, Any]) -> None:
    """Show what a training gave."""
    if directory not in st.session_state.get("models", []) and not work.saved:
        model_picker.add(directory)
    numbers = told["metrics"]
    st.divider()
    _numbers(numbers, len(told["genres"]))
    for note in told["notes"]:
        st.caption(theme.plain(f"{note[:1].upper()}{note[1:]}.", 500))
    _take(work, directory)
    report, card = st.tabs([":material/description: Report", ":material/badge: Model card"])
    with report:
        page = (directory / training.REPORT).read_text(encoding="utf-8")
        st.iframe(training.sandboxed(page, HEIGHT), height=HEIGHT)
    with card:
        st.code((directory / bundle.CARD).read_text(encoding="utf-8"), "markdown", wrap_lines=True)


def _numbers(numbers: dict[str, Any], genres: int) -> None:
    grouped = numbers["grouped_by"]
    low, high = (100 * bound for bound in numbers["interval"]["accuracy"])
    with st.container(horizontal=True):
        st.metric(
            "Right, honestly",
            f"{100 * numbers['accuracy']:.0f} %",
            help=f"On tracks that it was not trained on, with no {theme.plain(str(grouped))} on "
            f"both sides. 95 % interval: {low:.0f} to {high:.0f} %.",
            border=True,
        )
        for name, title in (("top_3", "Among three"), ("top_5", "Among five")):
            if name in numbers:
                st.metric(title, f"{100 * numbers[name]:.0f} %", border=True)
        st.metric(
            "A random split says",
            f"{100 * numbers['leaky']:.0f} %",
            help="What most people report: tracks of one artist, or parts of one track, are on "
            "both sides. It says little about other music.",
            border=True,
        )
        st.metric(
            "Commonest genre",
            f"{100 * numbers['commonest']:.0f} %",
            help="How often one would be right who always says the same.",
            border=True,
        )
    st.caption(f"Learned from {numbers['tracks']:,} tracks of {genres} genres.")


def _take(work: Work, directory: Path) -> None:
    """Offer the model for download, and a place for it."""
    st.caption("The other pages offer this model for as long as this session lasts.")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.download_button(
            "Download (ZIP)",
            lambda: training.zipped(directory),
            f"{directory.name}.zip",
            "application/zip",
            icon=":material/download:",
            on_click="ignore",
            key="train download",
        )
        text = st.text_input(
            "Keep it in",
            f"models/{directory.name}",
            help=f"A new folder in {' or '.join(model_picker.FOLDERS)} below "
            f"{theme.plain(str(app_settings().root))}.",
            width=320,
            key=f"train place {directory.parent.name}",
        )
        pressed = st.button("Save", icon=":material/save:", key="train save")
    if pressed:
        try:
            own = st.session_state.setdefault("train kept", set())
            saved = training.place(text, app_settings().root, own)
            bundle.copy(directory, saved)
            own.add(saved)
        except EarmarkError as error:
            theme.show_error(error)
            return
        work.saved = text.strip()
        known = [path for path in st.session_state.get("models", []) if path != directory]
        st.session_state["models"] = known
        model_picker.add(saved)
    if work.saved:
        st.success(f"Saved in {theme.plain(work.saved)}.", icon=":material/check:")
