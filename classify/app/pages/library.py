"""Library: a table of many tracks to search, to see as a map, to hear, to make playlists of."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import streamlit as st

from earmark.classify.app import catalog, session
from earmark.classify.app.catalog import Opened, Version
from earmark.classify.app.files.paths import resolve_below_root, resolve_table
from earmark.classify.app.files.transcode import browser_playable
from earmark.classify.app.jobs import track_list
from earmark.classify.app.settings import setting
from earmark.classify.app.widgets import grid, model_picker, table_picker, theme, waiting
from earmark.classify.app.widgets.scatter import drawn, tracks_map
from earmark.classify.app.widgets.table_picker import SESSION
from earmark.classify.app.widgets.waiting import POLL
from earmark.classify.insights.tracks import FOREIGN_UNITS
from earmark.classify.library import map as atlas
from earmark.classify.library import playlists
from earmark.classify.library.library import Library, Query, from_table
from earmark.extract.errors import EarmarkError, SchemaError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from earmark.classify.app.jobs.queue import Job

__all__ = ["page"]

PAGE = 50
"""Rows that are sent to a browser."""

SIMILAR = 10
"""Tracks that are named as similar."""

OWN, FOLDERS = "in the table", "folders of the files"
"""Where genres come from, beside a file that is named."""

ANY = "any"

CHOSEN = "library track"
"""Where a session keeps the row of the track that is looked at."""

PLAY = "library play"

SESSION_MARK = "library session mark"
"""Where a session keeps what its own library was made of."""


def page() -> None:
    """Draw the page."""
    theme.head(
        "Library", "A table of many tracks: search it, see it as a map, make playlists of it."
    )
    with st.container(horizontal=True, vertical_alignment="bottom"):
        table = table_picker.table("library table")
        if table is None:
            theme.empty(
                "No table yet",
                "Name one above: a table that `earmark extract` made, predictions, or a table of "
                "Spotify's. Those in data/features are found by themselves. What is classified "
                "here becomes a library, too.",
                ":material/library_music:",
            )
            return
        genres, audio = _choose_details(table)
    if table == SESSION:
        own, stack = _of_session()
    else:
        stack = _opened(table, genres)
        own = stack.libraries[""]
        if not own.genres and (model := _choose_model(table)):
            version = catalog.version(model)
            if version not in stack.libraries and not _named(stack, table, version):
                return
            own = stack.libraries[version]
    # The row of a track says nothing of another table, nor of what the table has become.
    stamp = (
        st.session_state[SESSION_MARK] if table == SESSION else catalog.stamp(resolve_table(table))
    )
    if st.session_state.get("library shown") != (table, stamp):
        st.session_state["library shown"] = table, stamp
        st.session_state[CHOSEN] = None
    theme.living(_browse)(own, stack, table, audio)


def _choose_model(table: str) -> str:
    """Where a table has no genres, let somebody have a model find them; the directory of that."""
    key = f"library model {table}"
    with st.container(horizontal=True, vertical_alignment="bottom"):
        directory = str(model_picker.choose("library model"))
        taken: str = st.session_state.get(key, "")

        def take() -> None:
            st.session_state[key] = directory

        st.button(
            "Find the genres",
            icon=":material/auto_awesome:",
            on_click=take,
            disabled=taken == directory,
        )
    if not taken:
        st.caption("The table has no genres. Name a file that has them under Options, or a model.")
    return taken


def _choose_details(table: str) -> tuple[str, str]:
    """Let somebody say where the genres come from and where the music is."""
    with st.popover("Options", icon=":material/tune:"):
        genres = st.selectbox(
            "Genres",
            [OWN, FOLDERS] if table != SESSION else [OWN],
            accept_new_options=table != SESSION,
            help="Or type where predictions or a CSV with a column genre are.",
            key=theme.kept(f"library genres {table}"),
        )
        audio = st.text_input(
            "Folder of the music",
            placeholder="where the paths of the table begin",
            help="Then tracks can be played, and playlists lead to them.",
            key=theme.kept(f"library audio {table}"),
        )
        if audio:
            try:
                resolve_below_root(audio)
            except EarmarkError as error:
                theme.trouble(error)
                audio = ""
    return genres or OWN, audio


def _opened(table: str, genres: str) -> Opened:
    path = resolve_table(table)
    if genres == FOLDERS:
        source: str | None = "folders"
    elif genres == OWN:
        source = None
    else:
        source = str(resolve_table(genres))
    stamps = (
        catalog.stamp(path),
        catalog.stamp(Path(source)) if source and source != "folders" else None,
    )
    called = {str(path): table, **({source: genres} if source else {})}
    with st.spinner("Opening the table…"), catalog.in_names_of_theirs(called):
        return _held(str(path), source, stamps)


@st.cache_resource(max_entries=3, show_spinner=False)
def _held(path: str, genres: str | None, stamps: object) -> Opened:  # noqa: ARG001
    """Open a table once for all sessions, for as long as the files stay as they are."""
    return catalog.opened(Path(path), genres)


def _of_session() -> tuple[Library, Opened]:
    """Return what was classified in this session as a library."""
    own: track_list.TrackList = st.session_state["track list"]
    mark = [id(item.analysis) for item in own.done]
    if st.session_state.get(SESSION_MARK) != mark:
        old: Opened | None = st.session_state.get("library session")
        if old is not None and old.mapping is not None:
            old.mapping.cancel()
        table = track_list.table(own.done).drop_duplicates("path")
        st.session_state[SESSION_MARK] = mark
        st.session_state["library session"] = Opened({"": from_table(table)})
    stack: Opened = st.session_state["library session"]
    return stack.libraries[""], stack


def _named(stack: Opened, table: str, version: Version) -> bool:
    """Have a model name the genres; False until it has."""
    key, path, model = "library naming", resolve_table(table), version[0]
    stamps = version, catalog.stamp(path)
    job = _job(key, catalog.named, str(path), model, table, stamps=stamps)
    if _waits(job, key, lambda: st.session_state.pop(key)):
        return False
    stack.hold(version, stack.libraries[""].with_genres(job.result()).prepare())
    return True


def _job(
    key: str,
    function: Any,
    *arguments: Any,
    stamps: object = None,
    pool: str = "train",
    timeout: float | None = None,
) -> Job:
    """Return the ticket of a job of this session; what was asked for before is stopped."""
    known: tuple[object, Job] | None = st.session_state.get(key)
    mark = [*arguments, stamps]
    if known is None or known[0] != mark:
        if known is not None:
            known[1].cancel()
        job = _submitted(function, *arguments, pool=pool, timeout=timeout)
        st.session_state[key] = mark, job
        return job
    return known[1]


def _submitted(
    function: Any, *arguments: Any, pool: str = "train", timeout: float | None = None
) -> Job:
    """Put a job of this session in the line.

    What takes as long as a training waits for its turn among those, by default.
    """
    timeout = timeout or setting().training_seconds
    return session.queue().submit(session.owner(), function, *arguments, timeout=timeout, pool=pool)


def _waits(job: Job, key: str, forget: Callable[[], object]) -> bool:
    """Show how far a job is, with a way to stop it; False once it has a result.

    Parameters
    ----------
    ticket : Job
        Of the job, which may be another session's: then stopping is to wait for it no longer.
    key : str
        Where the session keeps which job it has stopped, and the beginning of the keys of buttons.
    forget : callable
        Makes way for another job where this one has not come to a result.
    """
    if job.state == "done":
        return False
    if not job.finished and st.session_state.get(f"{key} stopped") is not job:
        theme.living(_waiting, POLL)(job, key)
        return True
    if job.state == "failed":
        theme.trouble(job.error)
    else:
        st.caption("Stopped.")
    if st.button("Try again", icon=":material/refresh:", key=f"{key} again"):
        st.session_state.pop(f"{key} stopped", None)
        if job.finished:
            forget()
        st.rerun()
    return True


def _waiting(job: Job, key: str) -> None:
    share, text = job.progress
    if waiting.bar(share, waiting.turn(job) or f"{theme.plain(text) or 'waiting'}…", f"{key} stop"):
        st.session_state[f"{key} stopped"] = job
        if job.owner == session.owner():
            job.cancel()
        st.rerun()
    if job.finished:
        # It is not looked at again and again.
        st.rerun()


def _browse(own: Library, stack: Opened, table: str, audio: str) -> None:
    """Draw all that depends on what is looked for; only this is drawn anew when that changes."""
    query = _filters(own, table)
    rows = own.select(query)
    with st.container(horizontal=True, vertical_alignment="center"):
        view = st.segmented_control(
            "View",
            ["Tracks", "Map", "Playlists"],
            default="Tracks",
            required=True,
            label_visibility="collapsed",
            key="library view",
        )
        st.markdown(f"**{len(rows):,}** of {len(own):,} tracks")
    where = _places_of(own, table, audio)
    left, right = st.columns([2, 1], gap="large")
    with left:
        if view == "Map":
            _map(own, stack, rows)
        elif view == "Playlists":
            _playlists(own, rows, where)
        else:
            _tracks(own, rows, query, table, where)
    with right:
        _track(own, table, audio)


def _filters(own: Library, table: str) -> Query:
    """Draw what can be looked for, and return what is."""
    key = f"library {table} "
    names = [str(name) for name in own.tracks]
    held = st.session_state.get(theme.kept(f"{key}genres"), [])
    if not set(held) <= set(own.genres):
        # Other genres came from elsewhere.
        del st.session_state[f"{key}genres"]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        text = st.text_input(
            "Search",
            placeholder="words of title, artist, path …",
            key=theme.kept(f"{key}text"),
            width=260,
        )
        genres = (
            st.multiselect("Genres", own.genres, placeholder="all", key=f"{key}genres", width=260)
            if own.genres
            else []
        )
        sort = st.selectbox("Sort by", names, key=theme.kept(f"{key}sort", names), width=150)
        descending = st.toggle("Descending", key=theme.kept(f"{key}descending"))
        with st.popover("Values", icon=":material/filter_alt:"):
            ranges = _ranges(own, key)
    if ranges:
        # What is folded away must not be forgotten.
        st.caption(f":material/filter_alt: {theme.plain(_spoken(ranges))}")
    return Query(text, tuple(genres), ranges, sort or "path", descending)


def _ranges(own: Library, key: str) -> dict[str, tuple[float, float]]:
    ranges: dict[str, tuple[float, float]] = {}
    if {"key", "mode"} <= set(own.tracks):
        pitch = st.selectbox("Key", [ANY, *grid.KEYS], key=theme.kept(f"{key}pitch"))
        st.session_state.setdefault(theme.kept(f"{key}mode"), ANY)
        mode = st.segmented_control(
            "Mode", [ANY, "major", "minor"], required=True, key=f"{key}mode"
        )
        if pitch in grid.KEYS:
            ranges["key"] = (grid.KEYS.index(pitch),) * 2
        if mode in ("major", "minor"):
            ranges["mode"] = (float(mode == "major"),) * 2
    for name, (low, high) in own.bounds.items():
        if name in ("key", "mode"):
            continue
        unit = 1000.0 if name == "duration_ms" else 1.0
        least, most, step = _ends(low / unit, high / unit)
        label = "duration (s)" if name == "duration_ms" else name
        form = "%.0f" if step >= 1 else "%.2f"
        name_of = theme.kept(f"{key}range {name}")
        held = st.session_state.get(name_of)
        if held is None or not least <= held[0] <= held[1] <= most:
            st.session_state[name_of] = least, most
        chosen: Any = st.slider(
            theme.plain(label), least, most, step=step, format=form, key=name_of
        )
        if chosen != (least, most):
            # What is shown is rounded: the ends of the slider are the ends of the values.
            ranges[name] = (
                chosen[0] * unit if chosen[0] > least else -np.inf,
                chosen[1] * unit if chosen[1] < most else np.inf,
            )
    return ranges


def _spoken(ranges: Mapping[str, tuple[float, float]]) -> str:
    """Say which values are looked for."""
    said = []
    for name, (low, high) in ranges.items():
        if name == "key":
            said.append(grid.KEYS[int(low)])
        elif name == "mode":
            said.append("major" if low else "minor")
        else:
            unit = 1000 if name == "duration_ms" else 1
            ends = [f"{end / unit:g}" for end in (low, high) if np.isfinite(end)]
            sign = "≥ " if high == np.inf else "≤ " if low == -np.inf else ""
            said.append(f"{name.removesuffix('_ms')} {sign}{' – '.join(ends)}")
    return " · ".join(said)


def _ends(low: float, high: float) -> tuple[float, float, float]:
    """Return ends of a slider that hold the values between them, and its step."""
    step = 10.0 ** np.floor(np.log10(high - low) - 2)
    return float(np.floor(low / step) * step), float(np.ceil(high / step) * step), float(step)


def _tracks(
    own: Library,
    rows: NDArray[np.int64],
    query: Query,
    table: str,
    where: Mapping[str, str] | None,
) -> None:
    if not len(rows):
        theme.empty("Nothing found", "Take a word or a filter away.", ":material/search_off:")
        return
    ranges = tuple(query.ranges.items())
    mark = hash((table, query.text, query.genres, ranges, query.sort, query.descending))
    key = f"library rows {mark}"
    pages = -(-len(rows) // PAGE)
    # The table, or its genres, may have become others.
    number = min(st.session_state.get(f"{key} page", 1), pages)
    found = own.page(rows, number - 1, PAGE)

    # The row of the track that is looked at.
    looked_at = np.flatnonzero(found.index == st.session_state.get(CHOSEN)).tolist()

    def choose() -> None:
        picked = st.session_state["library rows"]["selection"]["rows"]
        _choose(int(found.index[picked[0]]) if picked else None)

    st.dataframe(
        grid.spoken(found),
        hide_index=True,
        column_config=_columns(found, _loudness(own, table)),
        column_order=_order(found),
        height=38 + 35 * min(len(found), 14),
        on_select=choose,
        selection_mode="single-row",
        selection_default=grid.marked("library rows", looked_at),
        placeholder="",
        key="library rows",
    )
    if pages > 1:
        st.pagination(pages, key=f"{key} page")
    grid.downloads(own.tracks.iloc[rows], "library", where)


def _order(found: pd.DataFrame) -> list[str]:
    """Return the columns in the order in which they are read; a path says least beside a title."""
    first = [name for name in ("title", "artist", "genre", "probability") if name in found]
    rest = [name for name in map(str, found) if name not in (*first, "path", "mode")]
    return [*first, *rest, "path"] if "title" in found else ["path", *first, *rest]


def _loudness(own: Library, table: str) -> str:
    """Return the unit of the loudness: only Earmark knows the sum of the file."""
    ours = table == SESSION or "sha256" in own.table.frame
    return grid.LUFS if ours else FOREIGN_UNITS["loudness"]


def _columns(found: pd.DataFrame, loudness: str) -> dict[str, Any]:
    """Return how the columns are shown: what names a track stays in sight."""
    config = st.column_config.TextColumn
    if "title" not in found:
        return grid.columns(loudness)
    return grid.columns(loudness) | {
        "title": config("title", width=200, pinned=True),
        "artist": config("artist", width=150),
        "album": config("album", width=150),
        "path": config("path", width="large"),
    }


def _choose(place: int | None, play: bool = True) -> None:
    st.session_state[CHOSEN] = place
    st.session_state[PLAY] = play and place is not None


def _map(own: Library, stack: Opened, rows: NDArray[np.int64]) -> None:
    places = _places(own, stack)
    if places is None:
        return
    chosen = st.session_state.get(CHOSEN)
    if not len(rows):
        st.caption("Nothing found: all tracks are in the background.")

    def choose() -> None:
        picked = st.session_state["library map"]["selection"]["points"]
        if picked:
            data = picked[0].get("customdata")
            _choose(int(data[0] if isinstance(data, list) else data))

    theme.figure(
        tracks_map(places, own.tracks, rows, own.genres, chosen),
        height=560,
        modebar=True,
        key="library map",
        on_select=choose,
        selection_mode="points",
    )
    dots = len(drawn(len(own), rows)[0])
    part = (
        f" {dots:,} of the {len(rows):,} tracks that were found are drawn."
        if dots < len(rows)
        else ""
    )
    st.caption(f"Tracks that sound alike lie together. Click one to hear it.{part}")


def _places(own: Library, stack: Opened) -> NDArray[np.float64] | None:
    """Have the map drawn up, once for everybody who looks at the table; None until it is there."""
    if stack.places is None:
        key = "library mapping"
        try:
            job = stack.mapped(
                lambda: _submitted(atlas.layout, own.index.vectors),
                st.session_state.get(f"{key} stopped"),
            )
        except EarmarkError as error:
            theme.trouble(error)
            return None
        if _waits(job, key, lambda: stack.forget(job)):
            return None
    return stack.places


def _places_of(own: Library, table: str, audio: str) -> Mapping[str, str] | None:
    """Return what playlists say of each track; None for the paths of the table."""
    if table == SESSION:
        shown: track_list.TrackList = st.session_state["track list"]
        return {item.name: str(item.path) for item in shown.done} if shown.source else None
    return catalog.Below(resolve_below_root(audio), own.tracks["path"]) if audio else None


def _playlists(own: Library, rows: NDArray[np.int64], where: Mapping[str, str] | None) -> None:
    if where is None:
        st.caption(
            "The playlists hold the paths of the table: put them into the folder that was "
            "analysed, or name that folder under Options."
        )
    with st.container(border=True):
        st.markdown("##### What was found")
        most = st.slider("Tracks at most", 10, 500, 100, 10, key="library found most")
        found = own.tracks.iloc[rows[:most]]
        st.caption(f"The first {len(found):,}, in the order in which they are sorted.")
        _offer("found", lambda: playlists.text(found, where).encode(), not len(found))
    with st.container(border=True):
        st.markdown("##### Like one track")
        place = st.session_state.get(CHOSEN)
        if place is None:
            st.caption("Select a track under Tracks or on the map.")
        else:
            count = st.slider("Tracks", 5, 100, 25, 5, key="library similar count")
            st.caption(f"{theme.plain(_name(own, place))}, and those most like it.")
            _offer("similar", lambda: _similar_list(own, place, count, where))
    if own.genres:
        with st.container(border=True):
            st.markdown("##### One for each genre")
            least = (
                st.slider("Probability at least", 0, 100, 50, 5, format="%d %%", key="library sure")
                if "probability" in own.tracks
                else 0
            )
            st.caption("Of what was found, in one ZIP file.")
            part = own.tracks.iloc[rows]
            _offer(
                "genres", lambda: catalog.zipped(part, least / 100, where), not len(part), ".zip"
            )


def _offer(name: str, made: Any, disabled: bool = False, ending: str = playlists.ENDING) -> None:
    st.download_button(
        "Playlists" if ending == ".zip" else "Playlist",
        made,
        f"{name}{ending}",
        "application/zip" if ending == ".zip" else grid.MIME[ending],
        icon=":material/queue_music:",
        on_click="ignore",
        disabled=disabled,
        key=f"library playlist {name}",
    )


def _similar_list(own: Library, place: int, count: int, where: Mapping[str, str] | None) -> bytes:
    near = own.index.nearest(place, count)["place"].to_numpy()
    return playlists.text(own.tracks.iloc[[place, *near]], where).encode()


def _name(own: Library, place: int) -> str:
    row = own.tracks.iloc[place]
    title = row.get("title")
    return title if isinstance(title, str) else str(row["path"])


def _track(own: Library, table: str, audio: str) -> None:
    """Draw the track that is looked at: its sound, its values, and what is like it."""
    place = st.session_state.get(CHOSEN)
    if place is None or place >= len(own):
        theme.empty("No track selected", "Select one to hear it, and to find others like it.")
        return
    row = own.tracks.iloc[place]
    st.markdown(f"#### {theme.plain(_name(own, place))}")
    words = [row.get(name) for name in ("artist", "album", "genre")]
    words = [theme.plain(word) for word in words if isinstance(word, str)]
    st.caption(" · ".join(words) or "no genre known")
    _sound(own, place, table, audio)
    _similar(own, place)
    genre = row.get("genre")
    usual = catalog.typical(own, genre) if isinstance(genre, str) else {}
    numbers = {name: float(row[name]) for name in own.numbers}
    with st.expander("Values", icon=":material/equalizer:"):
        config = st.column_config.TextColumn
        st.dataframe(
            grid.values(numbers, usual, _loudness(own, table)),
            hide_index=True,
            column_config={
                "descriptor": config(width=115),
                "this track": config(width=80),
                "typical": config("its genre here" if usual else "", width=130),
            },
        )


def _sound(own: Library, place: int, table: str, audio: str) -> None:
    path = str(own.tracks["path"].iloc[place])
    if table == SESSION:
        shown: track_list.TrackList = st.session_state["track list"]
        file = next((item.path for item in shown.done if item.name == path), None)
    else:
        folders = [audio] if audio else ["", str(Path(table).parent)]
        file = catalog.locate(path, folders, setting().root)
    if file is None:
        st.caption(":material/volume_off: Its file is not found. Name its folder under Options.")
        return
    job = _job(
        "library sound",
        browser_playable,
        *(str(file), str(session.scratch().path)),
        pool="analyse",
        timeout=setting().track_seconds,
    )
    if job.finished:
        _player(job, file, path)
    else:
        theme.living(_listening, POLL)(job)


def _listening(job: Job) -> None:
    if job.finished:
        st.rerun()
    st.skeleton(height=54)


def _player(job: Job, file: Path, path: str) -> None:
    if job.state != "done":
        theme.trouble(job.error.replace(str(file), path))
        return
    sound, kind = job.result()
    if not Path(sound).is_file():
        # Of what was converted, little is kept.
        st.session_state.pop("library sound", None)
        st.rerun()
    # A worker reads what strangers made: no other file is taken from it.
    if Path(sound) == file or Path(sound).parent == session.scratch().path:
        st.audio(str(sound), format=kind, autoplay=bool(st.session_state.pop(PLAY, False)))


def _similar(own: Library, place: int) -> None:
    try:
        near = own.index.nearest(place, SIMILAR)
    except SchemaError:
        return
    if not len(near):
        return
    found = own.tracks.iloc[near["place"]]
    shown = pd.DataFrame({"track": [_name(own, other) for other in near["place"]]})
    for name in ("genre", "artist"):
        if name in found:
            shown[name] = found[name].to_numpy()
    shown.insert(min(2, len(shown.columns)), "%", 100 * near["similarity"].to_numpy())

    def choose() -> None:
        picked = st.session_state[f"library similar {place}"]["selection"]["rows"]
        if picked:
            _choose(int(near["place"].iloc[picked[0]]))

    st.markdown("##### Similar tracks")
    st.dataframe(
        shown,
        hide_index=True,
        column_config={
            "track": st.column_config.TextColumn("track", width=150),
            "genre": st.column_config.TextColumn("genre", width=80),
            "%": st.column_config.NumberColumn("%", format="%.0f", width=45),
        },
        on_select=choose,
        selection_mode="single-row",
        key=f"library similar {place}",
    )
