"""The table of the tracks that are classified, to search and to take along."""

from __future__ import annotations

import streamlit as st

from earmark.classify.app import session
from earmark.classify.app.jobs.track_list import Item, TrackList
from earmark.classify.app.jobs.track_list import table as tabulate
from earmark.classify.app.pages.classify.filters import Filter, choose_filter, looked_at
from earmark.classify.app.pages.classify.sources import put_aside, show_failed
from earmark.classify.app.pages.classify.tags import show_tags
from earmark.classify.app.widgets import grid, theme, waiting
from earmark.classify.app.widgets.waiting import POLL

__all__ = ["show_results"]


def show_results(track_list: TrackList) -> None:
    """Draw the table, and redraw it for as long as tracks are being analysed."""
    busy = track_list.refresh(session.queue())
    # A long table takes longer to draw.
    every = max(POLL, len(track_list.items) / 2000)
    theme.fragment(_table, every if busy else None)(track_list)


def _table(track_list: TrackList) -> None:
    busy = track_list.refresh(session.queue())
    seen = looked_at(track_list)
    drawn = st.session_state.get("classify drawn", (seen, busy))
    st.session_state["classify drawn"] = seen, busy
    if drawn != (seen, busy):
        # Another track is looked at, or all is done: both change the page outside of this fragment.
        st.rerun()
    done, failed, stopped = track_list.done, track_list.failed, track_list.stopped
    left = len(track_list.items) - len(done) - len(failed) - len(stopped)
    if left:
        text = f"{len(track_list.items) - left} of {len(track_list.items)} tracks"
        if waiting.progress_bar(1 - left / len(track_list.items), text, "stop all"):
            track_list.stop()
            st.rerun()
    show_failed([(item.name, item.error) for item in failed])
    if done:
        _results(track_list, done, busy)
    with st.container(horizontal=True):
        if stopped and st.button(f"Go on with {len(stopped)} more", icon=":material/play_arrow:"):
            track_list.resume()
            st.rerun()
        if st.button("Clear", icon=":material/delete_sweep:", disabled=busy):
            put_aside(track_list)
            st.rerun()
        if len(track_list.items) > 1 and seen is not None and seen in done + failed:
            name = theme.plain(seen.name, 40)
            if st.button(f"Remove {name}", icon=":material/close:", disabled=busy, key="remove"):
                track_list.remove(seen)
                st.rerun()


def _results(track_list: TrackList, done: list[Item], busy: bool) -> None:
    # One track needs no search.
    wanted = choose_filter(done) if len(track_list.items) > 1 else Filter()
    shown = [item for item in done if wanted.takes(item)]
    if not shown:
        theme.empty_state("Nothing found", "Take a word or a filter away.", ":material/search_off:")
        return
    table = tabulate(shown)
    # The row of the track that is shown beside it.
    seen = looked_at(track_list)
    marked = [place for place, item in enumerate(shown) if item is seen]

    def choose() -> None:
        place = grid.picked("classify table", len(shown))
        if place is not None:
            track_list.chosen = shown[place]

    st.dataframe(
        grid.for_display(table),
        hide_index=True,
        column_config=grid.columns(),
        placeholder="",
        height=min(38 + 35 * len(table), 420),
        on_select=choose,
        selection_mode="single-row",
        selection_default=grid.select_rows("classify table", marked),
        key="classify table",
    )
    st.caption(f"{len(table):,} of {len(track_list.items):,} tracks. Select one to look at it.")
    # Playlists of uploads hold file names only, as the copies here are temporary.
    there = {item.name: str(item.path) for item in shown} if track_list.source else None
    grid.downloads(table, "genres", there)
    planned = st.toggle(
        "What would the tags be?",
        disabled=busy,
        key="plan",
        help="What would be written into the files, beside what is there.",
    )
    if planned and not busy:
        show_tags(track_list, shown)
