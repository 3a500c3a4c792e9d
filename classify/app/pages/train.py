"""Train: a table with labels becomes a model, with a report on how often it is right."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import streamlit as st

from earmark.classify.app import catalog, session
from earmark.classify.app.jobs import training
from earmark.classify.app.settings import app_settings
from earmark.classify.app.widgets import model_picker, table_picker, theme, waiting
from earmark.classify.app.widgets.waiting import POLL
from earmark.classify.dataset.build import SPOTIFY_EXTRAS
from earmark.classify.model import storage
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


UNGROUPED = "track"
"""What is kept together where no artist or album is known."""

CLOSE = 2
"""Times as many genres as answers that a share of these needs to say something."""

PAGE_WORDS = (
    (r" \(--[\w-]+\)", ""),
    (r"with --label\b", "under Genre"),
    (r"with --ignore [\w, ]+", "from the sound alone"),
    (r"[;,.](?: [\w']+)* --[\w-]+[^;,.]*", ""),
)
"""What stands on this page for the options of the command line, by pattern."""


@dataclass
class Work:
    """A table to train on, the jobs about it, and the model that was trained.

    Parameters
    ----------
    table : Path
        The feature table.
    name : str
        The name that the user gave the table.
    looking : Job
        The job that reads columns and rows of the table.
    labels : Path, optional
        The CSV of labels.
    labels_looking : Job, optional
        The job that reads its columns.
    labels_name : str
        The name that the user gave the CSV.
    training : Job, optional
        The job that trains.
    directory : Path, optional
        The directory of the model.
    saved : str
        Where the user saved the model last; empty before.
    user_names : dict
        The names of the files by their paths, for error messages.
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
    user_names: dict[str, str] = field(default_factory=dict)


def page() -> None:
    """Draw the page."""
    theme.page_header(
        "Train", "Teach a model your own genres, from a table and labels that you trust."
    )
    with theme.errors_shown():
        # After an error here, running jobs are still shown and can be stopped.
        _source()
    work: Work | None = st.session_state.get("work")
    if work is None:
        theme.empty_state(
            "No table yet",
            "Name a table with a row per track, or upload one: of Earmark's descriptors, or of "
            "Spotify's values.",
            ":material/model_training:",
        )
        return
    summary = _table_summary(work.looking, f"Looking at {work.name}…")
    if summary is None:
        return
    running = work.training is not None and not work.training.finished
    _settings(work, summary, running)
    if work.training is None:
        return
    if running:
        theme.fragment(_progress, POLL)(work.training)
    elif work.training.state == "done" and work.directory is not None:
        _outcome(work, work.directory, work.training.result())
    elif work.training.state == "cancelled":
        st.info("The training was stopped.", icon=":material/stop_circle:")
    else:
        theme.show_error(on_page(work.training.error))


def on_page(text: str) -> str:
    """Return what a command would say in the words of this page, which has no options.

    Examples
    --------
    >>> on_page("t.csv: has no column 'x'; name the column of the genre with --label; it has a")
    "t.csv: has no column 'x'; name the column of the genre under Genre; it has a"
    """
    for pattern, words in PAGE_WORDS:
        text = re.sub(pattern, words, text)
    return text


def _source() -> None:
    """Draw the choice of a table, and begin with another one that was chosen."""
    table, _ = table_picker.pick_table("train table", of_session=False, first=False)
    if table is None or table.path is None:
        return
    work: Work | None = st.session_state.get("work")
    running = work is not None and work.training is not None and not work.training.finished
    stamp = catalog.file_stamp(table.path)
    before = st.session_state.get("train taken")
    if before is None or before[0] != table or (before[1] != stamp and not running):
        st.session_state["train taken"] = table, stamp
        _begin(table.path, table.name)


def _begin(table: Path, name: str) -> None:
    """Begin with another table, and cancel the jobs about the one before."""
    before: Work | None = st.session_state.get("work")
    if before is not None:
        for job in (before.looking, before.labels_looking, before.training):
            if job is not None:
                job.cancel()
    st.session_state["work"] = Work(table, name, _submit_look(table), user_names={str(table): name})


def _submit_look(table: Path) -> Job:
    return session.queue().submit(
        session.owner(), training.inspect_table, str(table), timeout=app_settings().track_seconds
    )


def _table_summary(job: Job, text: str) -> dict[str, Any] | None:
    """Return the summary of a table, None until its job is done."""
    if not job.finished:
        theme.fragment(_wait, POLL)(job, text)
        return None
    if job.state == "cancelled":
        st.info("Stopped. Bring the table again to go on.", icon=":material/stop_circle:")
        return None
    if job.state == "failed":
        work: Work = st.session_state["work"]
        theme.show_error(catalog.with_user_names(job.error, work.user_names))
        return None
    summary: dict[str, Any] = job.result()
    return summary


def _wait(job: Job, text: str) -> None:
    if job.finished:
        st.rerun()
    if waiting.progress_bar(
        job.progress[0], waiting.queue_position(job) or theme.plain(text), "looking stop"
    ):
        job.cancel()
        st.rerun()


def _settings(work: Work, summary: dict[str, Any], running: bool) -> None:
    """Draw the settings of the training, and the button that starts it."""
    about = f" · {summary['set']}" if summary["set"] else ""
    st.markdown(f"## {theme.plain(work.name)}")
    st.caption(
        f"{summary['rows']:,} rows · {len(summary['columns']):,} columns{theme.plain(about)}"
    )
    where = st.radio(
        "The genres are",
        [IN_TABLE, IN_CSV, IN_FOLDERS],
        horizontal=True,
        disabled=running,
        key=theme.persistent_key("train where"),
    )
    columns: list[str] = summary["columns"] if where != IN_CSV else _labels(work, running)
    if not columns:
        return
    beside = [name for name in SPOTIFY_EXTRAS if name in summary["columns"]]
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
        label: str | None = "genre"
        group: str | None = None
        if where != IN_FOLDERS:
            label = st.selectbox(
                "Genre",
                columns,
                index=None,
                placeholder="Choose its column",
                disabled=running,
                width=260,
                key="train label",
            )
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
            "Train",
            type="primary",
            icon=":material/play_arrow:",
            disabled=running or not label,
            help=None if label else "Choose the column that holds the genre first.",
            key="train go",
        )
    if pressed:
        labels = {IN_CSV: str(work.labels), IN_FOLDERS: "folders"}.get(where)
        ignore = beside if sound_alone else None
        _train(work, training.directory_name(name), labels, label, group, ignore)


def _labels(work: Work, running: bool) -> list[str]:
    """Draw the upload of a CSV of labels, and return its columns; none until it was read."""
    upload = table_picker.upload_table(
        "Labels: a column that names the tracks as the table does, and one with their genres",
        "train labels",
        ["csv"],
        disabled=running,
    )
    if upload is not None and work.labels != upload.path:
        work.labels, work.labels_name = upload.path, upload.name
        work.user_names[str(upload.path)] = upload.name
        work.labels_looking = _submit_look(upload.path)
    if work.labels_looking is None:
        return []
    if upload is None:
        # After a visit to another page the box is empty, but the file is still there.
        st.caption(f"{theme.plain(work.labels_name)} is taken until you bring another.")
    summary = _table_summary(work.labels_looking, f"Looking at {work.labels_name}…")
    return list(summary["columns"]) if summary else []


def _train(work: Work, name: str, *options: Any) -> None:
    """Submit the training of a model, with the options of `training.train`."""
    directory = session.scratch().path / secrets.token_hex(8) / name
    work.training = session.queue().submit(
        session.owner(),
        training.train,
        *(str(work.table), str(directory), work.user_names, *options),
        timeout=app_settings().training_seconds,
        pool="train",
    )
    work.directory, work.saved = directory, ""
    st.rerun()


def _progress(job: Job) -> None:
    """Show the progress of the training, until it is done."""
    if job.finished:
        st.rerun()
    if job.state == "waiting" and job.ahead:
        text = f"{job.ahead} before yours"
    else:
        text = job.progress[1] or "starting"
    if waiting.progress_bar(job.progress[0], theme.plain(text), "train stop"):
        job.cancel()
        st.rerun()


def _outcome(work: Work, directory: Path, results: dict[str, Any]) -> None:
    """Show the trained model: how often it is right, its report and its card."""
    if directory not in st.session_state.get("models", []) and not work.saved:
        model_picker.add(directory)
    numbers = results["metrics"]
    st.divider()
    _numbers(numbers, len(results["genres"]))
    notes = (on_page(note) for note in results["notes"])
    st.caption(
        "\n".join(f"- {theme.plain(f'{note[:1].upper()}{note[1:]}.', 500)}" for note in notes)
    )
    _take(work, directory)
    st.markdown("## Report")
    # The model's card is its last section.
    page = (directory / training.REPORT).read_text(encoding="utf-8")
    st.iframe(training.sandboxed(page, HEIGHT), height=HEIGHT)


def _numbers(numbers: dict[str, Any], genres: int) -> None:
    grouped = str(numbers["grouped_by"])
    apart = grouped != UNGROUPED
    expected = (
        f"On tracks that it was not trained on, with no {theme.plain(grouped)} on both sides."
        if apart
        else "On tracks that it was not trained on. No artists are known: of others than "
        "those that it has heard less is right."
    )
    low, high = (100 * bound for bound in numbers["interval"]["accuracy"])
    with st.container(horizontal=True):
        st.metric(
            "Right, honestly" if apart else "Right, at most",
            f"{100 * numbers['accuracy']:.0f} %",
            help=f"{expected} 95 % interval: {low:.0f} to {high:.0f} %.",
            border=True,
        )
        for name, title, answers in (("top_3", "Among three", 3), ("top_5", "Among five", 5)):
            if name in numbers and genres >= CLOSE * answers:
                st.metric(title, f"{100 * numbers[name]:.0f} %", border=True)
        if apart:
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
    """Offer to download the model, and to save it below the root."""
    st.caption("The other pages offer this model for as long as this session lasts.")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.download_button(
            "Download (ZIP)",
            lambda: training.zip_model(directory),
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
            saved_before = st.session_state.setdefault("train kept", set())
            saved = training.model_directory(text, app_settings().root, saved_before)
            storage.copy(directory, saved)
            saved_before.add(saved)
        except EarmarkError as error:
            theme.show_error(error)
            return
        work.saved = text.strip()
        others = [path for path in st.session_state.get("models", []) if path != directory]
        st.session_state["models"] = others
        model_picker.add(saved)
    if work.saved:
        st.success(f"Saved in {theme.plain(work.saved)}.", icon=":material/check:")
