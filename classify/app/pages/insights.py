"""Insights: what is in a table, as pictures that come one after the other."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from earmark.classify.app import catalog, session
from earmark.classify.app.files.paths import table as table_at
from earmark.classify.app.jobs import gallery, track_list
from earmark.classify.app.jobs.gallery import Gallery, Source
from earmark.classify.app.settings import app_settings, seconds_for
from earmark.classify.app.widgets import table_picker, theme, waiting
from earmark.classify.app.widgets.table_picker import SESSION
from earmark.classify.app.widgets.waiting import POLL
from earmark.classify.insights import page as insights
from earmark.classify.insights import tracks
from earmark.classify.insights.page import Absent, Picture
from earmark.extract.errors import EarmarkError

__all__ = ["page"]

DEMO = "The demo tracks"
UPLOAD = "Uploaded: "

STYLE = """
<style>
  /* On a phone pictures are pushed aside: made small, nothing on them could be read. */
  [class*="st-key-insight-"] { overflow-x: auto; }
  [class*="st-key-insight-"] img { min-width: 40rem; }
</style>
"""

LIGHT = """
<style>
  /* What is drawn on white stands on the page as on paper. */
  [class*="st-key-insight-"] img { mix-blend-mode: multiply; }
</style>
"""


def page() -> None:
    """Draw the page."""
    theme.page_header(
        "Insights",
        "What is in a table: its genres, its descriptors, how they go together, what is missing.",
    )
    st.html(STYLE if theme.color_scheme() == "dark" else STYLE + LIGHT)
    source = _source()
    own: Gallery | None = st.session_state.get("gallery")
    if source is None:
        if own is not None:
            own.stop()
        theme.empty_state(
            "No table yet",
            "Name one above, or upload it: a table that `earmark extract` made, one of Spotify's, "
            "or any other with a row per track. Those in data/features are found by themselves.",
            ":material/insights:",
        )
        return
    if own is None or own.source != source:
        if own is not None:
            own.close()
        folder = session.scratch().path
        seconds = seconds_for(source.path) if source.path else app_settings().track_seconds
        own = Gallery(source, session.owner(), folder, seconds, theme.color_scheme())
        st.session_state["gallery"] = own
    elif own.theme != theme.color_scheme():
        own.again(theme.color_scheme())
    own.refresh(session.queue())
    theme.fragment(_pictures, POLL if own.busy else None)(own)


def _source() -> Source | None:
    """Let somebody choose a table, and say where its genres are."""
    choose, upload = st.tabs([":material/table_view: A table", ":material/upload: Upload one"])
    with upload:
        _upload()
    with choose, st.container(horizontal=True, vertical_alignment="bottom"):
        table = _choose()
        if table is None:
            return None
        labels, label, called = _genres(table)
    own: track_list.TrackList | None = st.session_state.get("track list")
    if table == SESSION and own is not None:
        return Source.of(SESSION, track_list.table(own.done))
    if table == DEMO:
        return Source(DEMO)
    name, path = st.session_state.get("insights upload", ("", None))
    if path is None or table != f"{UPLOAD}{name}":
        path = table_at(table)
        name = path.name
    # What is drawn is of the files as they are: another run of `earmark extract` changes them.
    stamp = hash(tuple(catalog.file_stamp(Path(file)) for file in (path, labels) if file))
    return Source(name, str(path), labels, label, stamp=stamp, labels_name=called)


def _upload() -> None:
    """Take a table, and choose it."""
    turn = st.session_state.setdefault("insights turn", 0)
    upload = table_picker.upload_table("CSV or Parquet", f"insights file {turn}")
    if upload is None:
        return
    _, before = st.session_state.get("insights upload", ("", None))
    if before is not None:
        before.unlink(missing_ok=True)
    st.session_state["insights upload"] = upload.name, upload.path
    st.session_state["insights table"] = f"{UPLOAD}{upload.name}"
    # Another key is an empty box.
    st.session_state["insights turn"] = turn + 1
    session.forget([upload.file_id])
    st.rerun()


def _choose() -> str | None:
    name, path = st.session_state.get("insights upload", ("", None))
    return table_picker.choose_table(
        "insights table",
        before=[] if path is None else [f"{UPLOAD}{name}"],
        after=[DEMO] if (tracks.DEMO / "tracks.csv").is_file() else [],
    )


def _genres(table: str) -> tuple[str | None, str | None, str]:
    """Let somebody say where the genres are: a file, a column, and what the file is called."""
    if table in (SESSION, DEMO):
        return None, None, ""
    with st.popover("Genres", icon=":material/tune:"):
        named = st.text_input(
            "File of genres",
            placeholder="predictions.csv",
            help="A CSV that names the tracks and their genres, such as predictions; by default "
            "those in the table.",
            key=theme.persistent_key(f"insights labels {table}"),
        )
        column = st.text_input(
            "Column of the genre",
            placeholder="genre, track_genre, label or the like",
            key=theme.persistent_key(f"insights label {table}"),
        )
        labels = None
        if named:
            try:
                labels = str(table_at(named))
            except EarmarkError as error:
                theme.show_error(error)
    return labels, column.strip() or None, named or ""


def _pictures(own: Gallery) -> None:
    """Draw what is there, again and again for as long as there is more to come."""
    own.refresh(session.queue())
    if not own.busy and st.session_state.get("gallery busy"):
        st.session_state["gallery busy"] = False
        st.rerun()
    st.session_state["gallery busy"] = own.busy
    st.markdown(f"##### {theme.plain(own.source.name)}")
    if own.about:
        st.caption(theme.plain(" ".join(own.about), 600))
    if own.error:
        theme.show_error(own.error)
        if st.button("Try again", icon=":material/refresh:", key="insights again"):
            own.resume()
            st.rerun()
        return
    if own.busy:
        _progress(own)
    else:
        with st.container(horizontal=True):
            if own.stopped and st.button("Go on", icon=":material/play_arrow:"):
                own.resume()
                st.rerun()
            if own.made:
                st.download_button(
                    "Download all (ZIP)",
                    lambda: gallery.zipped(own),
                    f"{Path(own.source.name).name.partition('.')[0] or 'insights'}.zip",
                    "application/zip",
                    icon=":material/download:",
                    on_click="ignore",
                    key="insights download",
                )
    made = [own.made[name] for name in insights.NAMES if name in own.made]
    for found in made:
        if isinstance(found, Picture):
            _show(found)
    absent = [found for found in made if isinstance(found, Absent)]
    if any(found.reason == insights.NO_GENRE for found in absent):
        st.caption("Genres can be compared once a file of them is named: see Genres above.")
    if absent:
        st.markdown("##### Not drawn")
        st.caption("  \n".join(theme.plain(f"{one.heading}: {one.reason}", 400) for one in absent))


def _progress(own: Gallery) -> None:
    text = waiting.queue_position(own.gathering)
    if not text and not own.file:
        text = "Reading the table…" if own.source != Source(DEMO) else "Listening to six tracks…"
    text = text or f"{len(own.made)} of {len(insights.NAMES)} pictures"
    if waiting.progress_bar(len(own.made) / len(insights.NAMES), text, "insights stop"):
        own.stop()
        st.rerun()


def _show(found: Picture) -> None:
    with st.container(border=True):
        st.markdown(f"##### {theme.plain(found.title, 300)}")
        st.caption(theme.plain(found.caption, 600))
        # The pixels of a PNG stand in its header; fewer on the page are sharp on any screen.
        width = round(int.from_bytes(found.bare[16:20], "big") / 1.3)
        with st.container(key=f"insight-{found.name}"):
            st.image(found.bare, width=width)
        if found.legend:
            named = (f"{label} = {full}" for label, full in found.legend.items())
            st.caption("  \n".join(theme.plain(line) for line in named))
