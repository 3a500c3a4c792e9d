"""The table of the tracks that are classified, to search and to take along."""

from __future__ import annotations

import streamlit as st

from earmark.classify.app import session
from earmark.classify.app.jobs.track_list import Item, TrackList
from earmark.classify.app.jobs.track_list import table as tabulate
from earmark.classify.app.pages.classify.sources import put_aside, show_failed
from earmark.classify.app.pages.classify.tags import show_planned_tags
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
    drawn = st.session_state.get("classify drawn", (track_list.chosen, busy))
    st.session_state["classify drawn"] = track_list.chosen, busy
    if drawn != (track_list.chosen, busy):
        # Another track was selected, or all is done: both change the page outside of this fragment.
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
        chosen = track_list.chosen
        if len(track_list.items) > 1 and chosen in done + failed:
            name = theme.plain(chosen.name, 40)
            if st.button(f"Remove {name}", icon=":material/close:", disabled=busy, key="remove"):
                track_list.remove(chosen)
                st.rerun()


def _results(track_list: TrackList, done: list[Item], busy: bool) -> None:
    words, genres, least = st.columns([3, 3, 2])
    for key in ("classify search", "classify least"):
        theme.persistent_key(key)
    text = words.text_input("Search", placeholder="part of a name", key="classify search")
    names = sorted(
        {item.analysis.genres[0] for item in done if item.analysis and item.analysis.genres}
    )
    held = st.session_state.get(theme.persistent_key("classify genres"), [])
    if not set(held) <= set(names):
        # The tracks or the model have changed.
        del st.session_state["classify genres"]
    chosen = genres.multiselect("Genres", names, key="classify genres", placeholder="all")
    share = least.slider("At least", 0, 100, step=5, format="%d %%", key="classify least")
    shown = [
        item
        for item in done
        if text.casefold() in item.name.casefold()
        and (
            not chosen
            or (item.analysis and item.analysis.genres[:1] and item.analysis.genres[0] in chosen)
        )
        and (
            not share
            or (item.analysis and max(item.analysis.probabilities, default=0) >= share / 100)
        )
    ]
    if not shown:
        theme.empty_state("Nothing found", "Take a word or a filter away.", ":material/search_off:")
        return
    table = tabulate(shown)
    # The row of the selected track.
    looked_at = [place for place, item in enumerate(shown) if item is track_list.chosen]

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
        selection_default=grid.select_rows("classify table", looked_at),
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
        help="A dry run: what would be written into the files, beside what is there.",
    )
    if planned and not busy:
        show_planned_tags(shown, table)
