"""Tags of the files of the table: planned, looked through, written where allowed, undone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd
import streamlit as st

from earmark.classify.app import session
from earmark.classify.app.jobs import tagging
from earmark.classify.app.jobs.tagging import WritingTo
from earmark.classify.app.jobs.track_analysis import model_at
from earmark.classify.app.settings import app_settings, seconds_for
from earmark.classify.app.widgets import theme
from earmark.classify.app.widgets.jobs import session_job, submit, unfinished
from earmark.classify.library.tagging.changes import Origin
from earmark.classify.library.tagging.values import Wanted

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from earmark.classify.app.jobs.queue import Job
    from earmark.classify.app.jobs.track_list import Item, TrackList

__all__ = ["show_tags", "show_undo"]

PLAN, WRITING, UNDOING = "classify plan", "classify writing", "classify undoing"
"""The session keys of the jobs."""

USUAL = ("genre", "bpm", "key")
"""The fields that are chosen at first."""

SHOWN_REASONS = 50
"""Files that were left whose reasons are shown."""


def show_tags(track_list: TrackList, shown: list[Item]) -> None:
    """Draw what would be written into the files of the tracks, and write it when asked to."""
    held: tuple[Job, Path] | None = st.session_state.get(WRITING)
    if held is not None:
        _written(*held)
        return
    asked = _asked()
    if asked is None:
        return
    job = _plan_job(track_list, shown, asked)
    if unfinished(job, PLAN, lambda: st.session_state.pop(PLAN)):
        return
    plan = job.result()
    changes = plan["changes"]
    counts = changes["what"].value_counts()
    found = [what for what in ("add", "replace", "append", "keep") if counts.get(what)]
    said = [f"{counts[what]:,} to {what}" for what in found] or ["nothing"]
    refusal = _refusal(track_list)
    start = "Nothing is written yet" if not refusal else "A dry run, no file is touched"
    st.caption(f"{start}: {', '.join(said)}.")
    for note in plan["notes"][:SHOWN_REASONS]:
        st.caption(theme.plain(note, 400))
    _left(changes.loc[changes["field"] == "", ["path", "what"]])
    refused = _reviewed(changes[(changes["field"] != "") & (changes["what"] != "keep")], refusal)
    same = changes[changes["what"] == "keep"]
    if len(same):
        with st.expander(f"{len(same):,} that stay as they are"):
            st.dataframe(same.drop(columns="what"), hide_index=True, key="kept")
    with st.container(horizontal=True, vertical_alignment="center"):
        if not refusal:
            _offer_writing(changes, refused, plan["plan"], shown)
        if st.button("Read the files again", icon=":material/refresh:", key="plan again"):
            del st.session_state[PLAN]
            st.rerun()
    if refusal:
        st.caption(f":material/lock: {refusal}")


def _asked() -> tuple[Wanted, Any] | None:
    """Draw which fields are wanted, and what happens to values that are there."""
    fields, mode = st.columns([3, 2])
    chosen = fields.pills(
        "Fields",
        list(tagging.FIELDS),
        format_func=tagging.FIELDS.__getitem__,
        selection_mode="multi",
        default=USUAL,
        key=theme.persistent_key("tag fields"),
    )
    how = mode.selectbox(
        "Values that are there",
        list(tagging.MODES),
        format_func=tagging.MODES.__getitem__,
        help="Those that Earmark wrote are always brought up to date.",
        key=theme.persistent_key("tag mode"),
    )
    return (Wanted(tuple(chosen)), how) if chosen else None


def _plan_job(track_list: TrackList, shown: list[Item], asked: tuple[Wanted, Any]) -> Job:
    """Return the job that plans the tags of the tracks; others, or other wishes, are another."""
    request = (track_list.model, asked, *((item, item.analysis) for item in shown))
    held: tuple[object, Job] | None = st.session_state.get(PLAN)
    if held is not None and held[0] == request:
        return held[1]
    if held is not None:
        held[1].cancel()
    bundle = model_at(track_list.model)
    job = submit(
        tagging.planned,
        tagging.rows_of(shown),
        {item.name: str(item.path) for item in shown},
        asked,
        Origin(bundle.set, track_list.model.name),
        str(session.scratch().path),
        pool="analyse",
        timeout=app_settings().track_seconds + len(shown) * tagging.SECONDS + _reading(shown),
    )
    st.session_state[PLAN] = request, job
    return job


def _reading(shown: list[Item]) -> float:
    """Return how long the files may take to be read."""
    return sum(seconds_for(item.path) - app_settings().track_seconds for item in shown)


def _refusal(track_list: TrackList) -> str:
    """Say why nothing is written here; empty where tags may be written."""
    if track_list.source is None:
        return (
            "What was dropped here are copies. To write tags, name the folder that the files are "
            "in."
        )
    if session.root_of(track_list.source) is None:
        return "These tracks lie outside of the root folder."
    if not session.may_write():
        return (
            "Writing is off. Start the app with `earmark app --allow-writing`, on this computer "
            "alone."
        )
    return ""


def _reviewed(changes: pd.DataFrame, refusal: str) -> set[tuple[str, str]]:
    """Show the changes to be looked through, and return those that are not wanted."""
    if not len(changes):
        st.caption("Nothing to write: the files say all that already.")
        return set()
    named = changes.assign(field=changes["field"].map(lambda name: tagging.FIELDS.get(name, name)))
    if refusal:
        st.dataframe(named, hide_index=True, key="planned")
        return set()
    named.insert(0, "write", True)
    config = st.column_config
    edited = st.data_editor(
        named,
        hide_index=True,
        disabled=[str(name) for name in named if name != "write"],
        column_config={
            "write": config.CheckboxColumn("write", help="Take the tick away to leave it."),
            "now": config.TextColumn("now"),
            "then": config.TextColumn("then"),
        },
        key=f"planned {hash(tuple(map(tuple, changes.to_numpy())))}",
    )
    left = changes[~edited["write"].to_numpy(bool)]
    return set(zip(left["path"], left["field"], strict=True))


def _left(left: pd.DataFrame) -> None:
    """Show which files nothing is written into, and why."""
    if len(left):
        with st.expander(f"{len(left):,} files are left, and why", icon=":material/block:"):
            st.dataframe(left.rename(columns={"what": "why"}), hide_index=True, key="left")


def _offer_writing(
    changes: pd.DataFrame, refused: set[tuple[str, str]], plan: str, shown: list[Item]
) -> None:
    """Draw the button that writes; what it will do stands on it."""
    wanted = changes[(changes["field"] != "") & (changes["what"] != "keep")]
    pairs = zip(wanted["path"], wanted["field"], strict=True)
    kept = [pair for pair in pairs if pair not in refused]
    files = len({path for path, _ in kept})
    label = f"Write {len(kept):,} values into {files:,} {'file' if files == 1 else 'files'}"
    if st.button(label, type="primary", icon=":material/edit:", disabled=not kept, key="write"):
        root = session.root_of(shown[0].path) or app_settings().root
        log = tagging.new_journal(root)
        job = submit(
            tagging.written,
            *(plan, refused, WritingTo(root, log)),
            pool="analyse",
            # A file is read some times, and written once.
            timeout=app_settings().training_seconds + 10 * _reading(shown),
        )
        st.session_state[WRITING] = job, log
        st.rerun()


def _written(job: Job, log: Path) -> None:
    """Show how far the writing is, and what became of the files."""
    stopped = job.finished and job.state != "done"
    if stopped and log.exists():
        st.caption(f"What was written until then is in {theme.plain(log.name)}, and can be undone.")
    if unfinished(job, WRITING, _forget_writing):
        return
    found = job.result()
    count = found["counts"].get("written", 0)
    if count:
        st.success(
            f"{count:,} {'file' if count == 1 else 'files'} written. To undo it, see below, or: "
            f"earmark untag {theme.plain(log.name)}",
            icon=":material/check:",
        )
    _told(found, "written")
    if st.button("Done", key="tags done"):
        _forget_writing()
        st.rerun()


def _forget_writing() -> None:
    """Make way for another plan: the files are others now."""
    for key in (WRITING, PLAN):
        st.session_state.pop(key, None)


def _told(found: Mapping[str, Any], but: str = "") -> None:
    """Say what became of files, and why some were left."""
    words = {
        "unchanged": "say all that already",
        "restored": "are as they were, to the byte",
        "restored by field": "have back the values that Earmark changed",
        "as before": "had not been changed",
    }
    for what, count in found["counts"].items():
        if what != but:
            st.caption(f"{count:,} {'file' if count == 1 else 'files'} {words.get(what, what)}.")
    _left(pd.DataFrame(found["left"], columns=["path", "what"]))


def show_undo() -> None:
    """Draw what was written into files below the root, which can be undone."""
    if not session.may_write():
        return
    held: Job | None = st.session_state.get(UNDOING)
    found = [log for root in session.roots() for log in tagging.journals(root)]
    if not found and held is None:
        return
    with st.expander("Undo tags that were written", icon=":material/undo:", expanded=bool(held)):
        if held is not None:
            _undone(held)
            return
        chosen: Path = st.selectbox(
            "Journal",
            found,
            format_func=lambda path: path.name,
            help=f"The journals in {theme.plain(' and '.join(map(str, session.roots())))}, the "
            "newest first.",
            key=theme.persistent_key("undo journal", found),
        )
        root = session.root_of(chosen) or app_settings().root
        stamp = chosen.stat().st_mtime_ns
        job = session_job(
            "classify journal",
            tagging.changes_of,
            *(str(chosen), root),
            stamps=stamp,
            pool="analyse",
            timeout=app_settings().track_seconds,
        )
        if unfinished(job, "classify journal", lambda: st.session_state.pop("classify journal")):
            return
        changes = job.result()
        st.dataframe(changes, hide_index=True, key="journal")
        count = changes["path"].nunique()
        label = f"Undo {count:,} {'file' if count == 1 else 'files'}"
        if st.button(label, icon=":material/undo:", disabled=not count, key="undo tags"):
            st.session_state[UNDOING] = submit(
                tagging.undone,
                *(str(chosen), WritingTo(root, tagging.new_journal(root, chosen))),
                pool="analyse",
            )
            st.rerun()


def _undone(job: Job) -> None:
    """Show how far the undoing is, and what became of the files."""
    if unfinished(job, UNDOING, lambda: st.session_state.pop(UNDOING)):
        return
    _told(job.result())
    # What is planned was planned for other files.
    st.session_state.pop(PLAN, None)
    if st.button("Done", key="undo done"):
        del st.session_state[UNDOING]
        st.rerun()
