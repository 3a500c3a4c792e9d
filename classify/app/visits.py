"""What somebody had here before: the list of tracks, for a reload, a closed tab, another day.

A browser is known by a random cookie, under whose sum the list is kept beside the results
(`earmark.classify.app.jobs.kept`): nobody sees what others had. Of what was dropped the results are
kept and not the files; those of a folder are where they were.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Any

import streamlit as st

from earmark.classify.app import session
from earmark.classify.app.jobs import kept
from earmark.classify.app.jobs.course import received
from earmark.classify.app.jobs.kept import Results
from earmark.classify.app.jobs.track_analysis import TrackAnalysis
from earmark.classify.app.jobs.track_list import Item
from earmark.classify.app.server import is_loopback
from earmark.classify.app.settings import app_settings
from earmark.classify.app.widgets import theme
from earmark.classify.insights import tracks
from earmark.extract import tables
from earmark.extract.errors import EarmarkError

if TYPE_CHECKING:
    from earmark.classify.app.jobs.track_list import TrackList

__all__ = [
    "forget",
    "remember",
    "remembers",
    "restore",
    "restore_model",
    "results",
    "switch",
    "tell",
]

COOKIE = "earmark_visit"

GONE = "was dropped in an earlier visit, and is no longer here; drop it again"

MOST = 200
"""Lists of browsers that are kept, the latest."""


def results() -> Results | None:
    """Return where results are kept; None where none are."""
    limits = app_settings()
    if not limits.cache_mb or not remembers():
        return None
    return Results(limits.cache / "results", limits.cache_mb)


def remembers() -> bool:
    """Tell whether this browser's tracks are remembered."""
    if "remembers" not in st.session_state:
        st.session_state["remembers"] = _read().get("remember", True)
    return bool(st.session_state["remembers"])


def switch() -> None:
    """Draw the switch that has all forgotten, and nothing more remembered."""
    if not app_settings().cache_mb:
        return
    st.session_state["remember"] = remembers()
    st.toggle(
        "Remember what was analysed",
        key="remember",
        on_change=_switched,
        help="On this computer, to show it again after a reload or on another day. Switched off, "
        "all of it is forgotten.",
    )


def _switched() -> None:
    st.session_state["remembers"] = wanted = bool(st.session_state["remember"])
    if not wanted:
        forget()
    _write({"remember": wanted})


def forget() -> None:
    """Forget all results, and the list of this browser."""
    if is_loopback(st.get_option("server.address")):
        # Elsewhere others have theirs there, too.
        kept.forget(app_settings().cache / "results")
    _write({"remember": remembers()})


def remember(track_list: TrackList) -> None:
    """Keep the list of tracks, where it is another one than before."""
    if results() is None:
        return
    items = [
        {
            "name": item.name,
            "path": str(item.path) if track_list.source else "",
            "sha256": item.analysis.sha256 if item.analysis else "",
        }
        for item in track_list.items
        if item.analysis is not None or track_list.source
    ]
    chosen = "" if track_list.chosen is None else track_list.chosen.name
    held = {
        "remember": True,
        "source": str(track_list.source or ""),
        "model": str(track_list.model),
        "chosen": chosen,
        "items": items,
    }
    before = st.session_state.get("remembered")
    if before != held and (items or before):
        st.session_state["remembered"] = held
        _write(held)


def restore(track_list: TrackList) -> None:
    """Fill a list with the tracks of an earlier visit; what is no longer there is left out."""
    place, held = results(), _read()
    if place is None or not isinstance(held.get("items"), list):
        return
    source, model = str(held.get("source") or ""), str(track_list.model)
    found: list[Item] = []
    for one in held["items"]:
        with contextlib.suppress(EarmarkError, KeyError, TypeError, ValueError, OSError):
            item = _from_folder(one) if source else _dropped(one, place, model)
            if item is not None:
                found.append(item)
    if not found:
        return
    track_list.source = Path(source) if source else None
    track_list.items = found
    chosen = [item for item in found if item.name == held.get("chosen")]
    track_list.chosen = (chosen or found)[0]
    st.session_state["remembered"] = held


def restore_model(key: str) -> None:
    """Choose the model of the earlier visit, where it is still there."""
    if model := _read().get("model"):
        st.session_state[theme.persistent_key(key)] = Path(str(model))


def _from_folder(one: dict[str, Any]) -> Item | None:
    path = Path(one["path"])
    if not path.is_relative_to(tracks.DEMO):
        # Another root may be set today.
        path = session.below_roots(str(path))
    return Item(str(one["name"]), path) if path.is_file() else None


def _dropped(one: dict[str, Any], place: Results, model: str) -> Item | None:
    """Return a track by its results alone."""
    known = [place.find(str(one["sha256"]), model, kind) for kind in ("picture", "values")]
    sent = next(filter(None, known), None)
    if sent is None:
        return None
    analysis = TrackAnalysis.of(sent | {"sound": ""})
    item = Item(str(one["name"]), Path(app_settings().cache / "gone"), analysis)
    item.picture, item.error = analysis.picture is not None, "" if known[0] else GONE
    if (course := place.find(str(one["sha256"]), model, "course")) is not None:
        item.course.found = received(course)
    else:
        item.course.error = GONE
    return item


def _file() -> Path:
    name = hashlib.sha256(_token().encode()).hexdigest()
    return app_settings().cache / "visits" / f"{name}.json"


def _token() -> str:
    """Return by what this browser is known."""
    if "visit" not in st.session_state:
        known = _cookie()
        is_ours = re.fullmatch(r"[0-9a-f]{32}", known)
        st.session_state["visit"] = known if is_ours else secrets.token_hex(16)
    token: str = st.session_state["visit"]
    return token


def _cookie() -> str:
    return str(st.context.cookies.get(COOKIE, ""))


def tell() -> None:
    """Tell a browser by what it will be known, at its first visit."""
    if app_settings().cache_mb and _cookie() != _token():
        cookie = f"{COOKIE}={_token()}; path=/; max-age=31536000; samesite=strict"
        st.html(f"<script>document.cookie = '{cookie}'</script>", unsafe_allow_javascript=True)


def _read() -> dict[str, Any]:
    if not app_settings().cache_mb:
        return {}
    try:
        found = json.loads(_file().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _write(held: dict[str, Any]) -> None:
    """Write the list of this browser; where there is no room, nothing is kept."""
    path = _file()
    with contextlib.suppress(OSError, EarmarkError):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tables.atomic(path) as part:
            part.write_text(json.dumps(held), encoding="utf-8")
        others = sorted(path.parent.glob("*.json"), key=lambda one: one.stat().st_mtime_ns)
        for old in others[:-MOST]:
            old.unlink(missing_ok=True)
