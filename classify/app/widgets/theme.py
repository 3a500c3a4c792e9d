"""The one visual language of the app: its frame, its words for what is wrong, its charts."""

from __future__ import annotations

import contextlib
import logging
import re
import unicodedata
from functools import wraps
from typing import TYPE_CHECKING, Any

import streamlit as st

from earmark.extract.errors import EarmarkError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    import plotly.graph_objects as go

__all__ = [
    "OTHERS",
    "PALETTE",
    "empty",
    "figure",
    "frame",
    "head",
    "kept",
    "kept_in_words",
    "living",
    "plain",
    "theme",
    "told",
    "tried",
    "trouble",
]

PALETTE = (
    *("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#a08a00"),
    *("#8c6bb1", "#66a61e"),
)
"""Okabe and Ito's colours, which people with any colour vision tell apart, and two more."""

OTHERS = "#8a8f98"
"""What has no colour of its own."""

LONGEST = 120
"""Characters of a name that are shown."""

JOINER = "\N{WORD JOINER}"

# Where Streamlit makes something of text after Markdown was read: links, its logo, arrows.
_MADE = re.compile(
    r"(?<=www)(?=\.)|(?=://)|(?=@)|(?<=:)(?=streamlit:)|(?<=[-<>~])(?=[-=>])", re.IGNORECASE
)

NO_BREAK = "\N{NO-BREAK SPACE}"

STYLE = """
<style>
  .block-container { padding-top: 4.2rem; max-width: 76rem; }
  @media (max-width: 640px) { .block-container { padding-inline: 1rem; } }
  h1 { letter-spacing: -0.02em; }
  .stMainBlockContainer h1 { padding-bottom: 0; }
</style>
"""


def frame() -> None:
    """Draw what every page has."""
    st.html(STYLE)


def head(title: str, lead: str) -> None:
    """Begin a page: its name, and a sentence on what it is for."""
    st.title(title, anchor=False)
    st.caption(lead)


def empty(title: str, text: str, icon: str = ":material/music_note:") -> None:
    """Say what would stand here, and how it gets here."""
    with st.container(border=True, horizontal_alignment="center"):
        st.markdown(f"#### {icon} {title}", text_alignment="center")
        st.caption(text, text_alignment="center")


def trouble(error: EarmarkError | str) -> None:
    """Say what went wrong; names in it may be anybody's, and are shown as text."""
    st.error(plain(str(error), 1000), icon=":material/error:")


@contextlib.contextmanager
def kept_in_words() -> Iterator[None]:
    """Turn whatever goes wrong into a sentence: a traceback is for the log."""
    try:
        yield
    except EarmarkError as error:
        trouble(error)
    except Exception as error:
        logging.getLogger("earmark").exception("a page failed")
        st.error(
            f"Something went wrong that should not ({type(error).__name__}). Reload the page; if "
            "it comes again, please report it with what the terminal says.",
            icon=":material/error:",
        )


@contextlib.contextmanager
def tried(key: str) -> Iterator[None]:
    """Keep what goes wrong with what somebody asked for, for `told`: a page is drawn many times."""
    st.session_state[key] = ""
    try:
        yield
    except EarmarkError as error:
        st.session_state[key] = str(error)


def told(key: str) -> None:
    """Say what went wrong with what was `tried` last."""
    if said := st.session_state.get(key):
        trouble(said)


def kept(key: str, options: Collection[Any] | None = None) -> str:
    """Keep what a widget holds while other pages are looked at; call it before the widget.

    Parameters
    ----------
    key : str
        Of the widget.
    options : collection, optional
        What it offers: what is not among them any more is forgotten, or was never chosen.

    Returns
    -------
    str
        The key, for the widget.
    """
    values = st.session_state.setdefault("kept", {})
    if key in st.session_state:
        values[key] = st.session_state[key]
    elif key in values:
        st.session_state[key] = values[key]
    if options is not None and st.session_state.get(key) not in options:
        st.session_state.pop(key, None)
    return key


def living(function: Callable[..., None], every: float | None = None) -> Callable[..., None]:
    """Return a part of a page that is drawn anew by itself.

    Parameters
    ----------
    function : callable
        Draws it.
    every : float, optional
        Seconds after which it is drawn again; by default only when somebody touches it.
    """

    @wraps(function)
    def drawn(*arguments: Any) -> None:
        # What goes wrong in a part would be told by Streamlit itself.
        with kept_in_words():
            function(*arguments)

    found: Callable[..., None] = st.fragment(drawn, run_every=every)
    return found


def plain(text: str, longest: int = LONGEST) -> str:
    """Return anybody's text as Markdown that shows just that.

    Signs that steer are left out (controls, and those that turn the direction of writing), what
    Markdown or HTML would take for its own is escaped, and what is too long is cut. Where escapes
    do not help, as against links, a sign that nobody sees stands between.
    """
    shown = "".join(
        " " if sign.isspace() and sign != NO_BREAK else sign
        for sign in text
        if sign.isspace() or unicodedata.category(sign) not in ("Cc", "Cf", "Cs", "Co", "Cn")
    )
    shown = shown if len(shown) <= longest else f"{shown[: longest - 1]}…"
    return re.sub(r"([!-/:-@\[-`{-~])", r"\\\1", _MADE.sub(JOINER, shown))


def theme() -> str:
    """Return "dark" or "light", whichever the reader has."""
    return "dark" if st.context.theme.type == "dark" else "light"


def figure(chart: go.Figure, height: int | None = None, **options: Any) -> Any:
    """Show a chart of Plotly's as charts look here, and return what was selected in it."""
    chart.update_layout(
        margin={"l": 8, "r": 8, "t": 32 if chart.layout.title.text else 8, "b": 8},
        colorway=PALETTE,
        hoverlabel={"namelength": -1},
        **({"height": height} if height else {}),
    )
    config = {"displaylogo": False, "displayModeBar": options.pop("modebar", False)}
    return st.plotly_chart(chart, config=config, **options)
