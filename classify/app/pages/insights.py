"""Insights: pictures of what is in a table, drawn one after the other."""

from __future__ import annotations

import html
from pathlib import Path

import streamlit as st

from earmark.classify.app import _compat, catalog, session
from earmark.classify.app.files.paths import resolve_table
from earmark.classify.app.jobs.gallery import Gallery, Source, zipped
from earmark.classify.app.jobs.track_list import TrackList
from earmark.classify.app.jobs.track_list import table as tabulate
from earmark.classify.app.settings import app_settings, seconds_for
from earmark.classify.app.widgets import table_picker, theme, waiting
from earmark.classify.app.widgets.table_picker import SESSION
from earmark.classify.app.widgets.waiting import POLL
from earmark.classify.html.plotting import size
from earmark.classify.insights import tracks
from earmark.classify.insights.page import NAMES, NO_GENRE, Absent, Picture
from earmark.extract.errors import EarmarkError

__all__ = ["page"]

DEMO = "The demo tracks"

STYLE = """
<style>
  .earmark-picture img { display: block; width: 100%; height: auto; }
  /* On a phone another is shown: scaled down, the letters of the wide one could not be read. */
  .earmark-picture .narrow { display: none; }
  @media (max-width: 640px) {
    .earmark-picture .wide { display: none; }
    .earmark-picture .narrow { display: block; }
  }
</style>
"""


def page() -> None:
    """Draw the page."""
    theme.page_header(
        "Insights",
        "What is in a table: its genres, its descriptors, how they go together, what is missing.",
    )
    st.html(STYLE)
    source = _source()
    gallery: Gallery | None = st.session_state.get("gallery")
    if source is None:
        if gallery is not None:
            gallery.stop()
        theme.empty_state(
            "No table yet",
            "Name one above, or upload it: a table that `earmark extract` made, one of Spotify's, "
            "or any other with a row per track. Those in data/features are found by themselves.",
            ":material/insights:",
        )
        return
    if gallery is None or gallery.source != source:
        if gallery is not None:
            gallery.close()
        folder = session.scratch().path
        seconds = seconds_for(source.path) if source.path else app_settings().track_seconds
        gallery = Gallery(source, session.owner(), folder, seconds, theme.color_scheme())
        st.session_state["gallery"] = gallery
    elif gallery.theme != theme.color_scheme():
        gallery.redraw(theme.color_scheme())
    gallery.refresh(session.queue())
    theme.fragment(_pictures, POLL if gallery.busy else None)(gallery)


def _source() -> Source | None:
    """Draw the choice of a table and of its genres; None where no table is chosen."""
    table, beside = table_picker.pick_table(
        "insights table", [DEMO] if (tracks.DEMO / "tracks.csv").is_file() else []
    )
    if table is None:
        return None
    with beside:
        labels, label, labels_name = _genres(table.option)
    track_list: TrackList | None = st.session_state.get("track list")
    if table.option == SESSION and track_list is not None:
        return Source.of(SESSION, tabulate(track_list.done))
    path = table.path
    if path is None:
        return Source(DEMO)
    name = Path(table.name).name
    # Pictures are drawn anew when another run of `earmark extract` has changed the files.
    stamp = hash(tuple(catalog.file_stamp(Path(file)) for file in (path, labels) if file))
    return Source(name, str(path), labels, label, stamp=stamp, labels_name=labels_name)


def _genres(table: str) -> tuple[str | None, str | None, str]:
    """Return the file of genres, the column of the genre, and the name of the file as typed."""
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
                labels = str(resolve_table(named))
            except EarmarkError as error:
                theme.show_error(error)
    return labels, column.strip() or None, named or ""


def _pictures(gallery: Gallery) -> None:
    """Draw the pictures that are ready, and redraw for as long as more are being drawn."""
    gallery.refresh(session.queue())
    if not gallery.busy and st.session_state.get("gallery busy"):
        st.session_state["gallery busy"] = False
        st.rerun()
    st.session_state["gallery busy"] = gallery.busy
    st.markdown(f"## {theme.plain(gallery.source.name)}")
    if gallery.about:
        st.caption(theme.plain(" ".join(gallery.about), 600))
    if gallery.error:
        theme.show_error(gallery.error)
        if st.button("Try again", icon=":material/refresh:", key="insights again"):
            gallery.resume()
            st.rerun()
        return
    if gallery.busy:
        _progress(gallery)
    else:
        with st.container(horizontal=True):
            if gallery.stopped and st.button("Go on", icon=":material/play_arrow:"):
                gallery.resume()
                st.rerun()
            if gallery.made:
                st.download_button(
                    "Download all (ZIP)",
                    lambda: zipped(gallery),
                    f"{Path(gallery.source.name).name.partition('.')[0] or 'insights'}.zip",
                    "application/zip",
                    icon=":material/download:",
                    on_click="ignore",
                    key="insights download",
                )
    made = [gallery.made[name] for name in NAMES if name in gallery.made]
    for drawing in made:
        if isinstance(drawing, Picture):
            _show(drawing)
    absent = [drawing for drawing in made if isinstance(drawing, Absent)]
    if any(drawing.reason == NO_GENRE for drawing in absent):
        st.caption("Genres can be compared once a file of them is named: see Genres above.")
    if absent:
        st.markdown("## Not drawn")
        st.caption("  \n".join(theme.plain(f"{one.heading}: {one.reason}", 400) for one in absent))


def _progress(gallery: Gallery) -> None:
    text = waiting.queue_position(gallery.gathering)
    if not text and not gallery.file:
        text = (
            "Reading the table…" if gallery.source != Source(DEMO) else "Listening to six tracks…"
        )
    text = text or f"{len(gallery.made)} of {len(NAMES)} pictures"
    if waiting.progress_bar(len(gallery.made) / len(NAMES), text, "insights stop"):
        gallery.stop()
        st.rerun()


def _show(drawing: Picture) -> None:
    with st.container(border=True):
        st.markdown(f"### {theme.plain(drawing.title, 300)}")
        st.caption(theme.plain(drawing.caption, 600))
        with st.container(key=f"insight-{drawing.name}"):
            forms = [
                _element(drawing, svg, kind)
                for kind, svg in (("wide", drawing.svg), ("narrow", drawing.narrow))
            ]
            st.html(f'<div class="earmark-picture">{"".join(forms)}</div>')
        if drawing.legend:
            named = (f"{label} = {full}" for label, full in drawing.legend.items())
            st.caption("  \n".join(theme.plain(line) for line in named))
        st.download_button(
            "Numbers (CSV)",
            drawing.data,
            f"{drawing.name}.csv",
            "text/csv",
            icon=":material/download:",
            on_click="ignore",
            type="tertiary",
            help=f"The numbers in the picture “{drawing.heading}”",
            key=f"insight csv {drawing.name}",
        )


def _element(drawing: Picture, svg: bytes, kind: str) -> str:
    """Serve a picture, and return the HTML that keeps room for it until it is there."""
    address = _compat.serve_media(svg, "image/svg+xml", f"earmark.insight.{drawing.name}.{kind}")
    width, height = map(round, size(svg))
    return (
        f'<img class="{kind}" alt="{html.escape(drawing.alternative)}" loading="lazy" '
        f'width="{width}" height="{height}" src="{address}">'
    )
