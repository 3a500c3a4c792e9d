"""The look of the app: page style and headers, error messages, escaped text, charts."""

from __future__ import annotations

import contextlib
import logging
import re
import unicodedata
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import streamlit as st

from earmark.extract.errors import EarmarkError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    import plotly.graph_objects as go

__all__ = [
    "BY_NIGHT",
    "OTHERS",
    "PALETTE",
    "apply_style",
    "color_scheme",
    "empty_state",
    "errors_shown",
    "figure",
    "fragment",
    "page_header",
    "persistent_key",
    "plain",
    "plain_text",
    "recoloured",
    "remember_error",
    "show_error",
    "show_remembered_error",
]

PALETTE = (
    *("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#a08a00"),
    *("#8c6bb1", "#66a61e"),
)
"""Okabe and Ito's colours, which people with any colour vision tell apart, and two more."""

BY_NIGHT = (
    *("#56b4e9", "#f5b83d", "#2fc79d", "#e6a3cc", "#9fd6f7", "#ff8f4f", "#d3bf4a"),
    *("#b99be3", "#97d54e"),
)
"""The same colours for a dark ground: each at least 5.5 times as bright as it."""

OTHERS = "#8a8f98"
"""The colour of everything that has none in the palette."""

LONGEST = 120
"""Characters of a name that are shown at most."""

JOINER = "\N{WORD JOINER}"

# Places where Streamlit turns text into links, its logo or arrows, after Markdown was parsed.
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
  /* Levels of headings follow each other without a gap, and are no larger for it. */
  body [data-testid="stMarkdownContainer"] :is(h2, h3) {
    font-size: 1.25rem; letter-spacing: normal; padding: 0.375rem 0 1rem;
  }
  body .st-key-headline [data-testid="stMarkdownContainer"] h3 { font-size: 1.75rem; }
  body .st-key-verdict [data-testid="stMarkdownContainer"] h2 { font-size: 1.5rem; }
  /* Streamlit's own grey is too faint to be read by everybody. */
  body [data-testid="stCaptionContainer"] { color: inherit; opacity: 0.75; }
  /* The first colour is too faint on a tint of itself; frame and tint show what is selected. */
  body [data-testid="stButtonGroup"] button[data-selected="true"] p { color: var(--ink); }
  /* On a phone the pages are behind a button, which says so. */
  [data-testid="stExpandSidebarButton"] { width: auto; padding-inline: 0.5rem; }
  [data-testid="stExpandSidebarButton"]::after { content: "Menu"; margin-left: 0.25rem; }
  .earmark-keys { border: 1px solid currentColor; border-radius: 0.5rem; padding: 1.5rem; }
  .earmark-keys h2 { margin: 0 0 0.75rem; padding: 0; font-size: 1.25rem; }
  .earmark-keys th { padding: 0.2rem 1.5rem 0.2rem 0; text-align: left; white-space: nowrap; }
  .earmark-keys button { margin-top: 1rem; padding: 0.25rem 0.75rem; }
</style>
"""


INK = {"light": "#20242a", "dark": "#e8e9e6"}
"""The colour of text, as in the theme that Streamlit is told."""

BRIGHT = """
<style>
  /* The first colour of the dark theme is bright: white on it could not be read. */
  body [data-testid^="stBaseButton-primary"] { color: #14171c; }
</style>
"""


def apply_style() -> None:
    """Apply the style sheet that all pages share."""
    scheme = color_scheme()
    ink = f"<style>:root {{ --ink: {INK[scheme]}; }}</style>"
    st.html(STYLE + ink + (BRIGHT if scheme == "dark" else ""))
    script = Path(__file__).with_name("keys.js").read_text(encoding="utf-8")
    st.html(f"<script>{script}</script>", unsafe_allow_javascript=True)


def page_header(title: str, lead: str) -> None:
    """Draw the title of a page, and a sentence on what the page is for."""
    st.title(title, anchor=False)
    st.caption(lead)


def empty_state(title: str, text: str, icon: str = ":material/music_note:") -> None:
    """Draw a placeholder: what would stand here, and how to get it."""
    with st.container(border=True, horizontal_alignment="center"):
        st.markdown(f"## {icon} {title}", text_alignment="center")
        st.caption(text, text_alignment="center")


def show_error(error: EarmarkError | str) -> None:
    """Show an error message as plain text, as it may hold untrusted names."""
    st.error(plain(str(error), 1000), icon=":material/error:")


@contextlib.contextmanager
def errors_shown() -> Iterator[None]:
    """Show errors as messages on the page; the traceback of an unexpected one is logged."""
    try:
        yield
    except EarmarkError as error:
        show_error(error)
    except Exception as error:
        logging.getLogger("earmark").exception("a page failed")
        st.error(
            f"Something went wrong that should not ({type(error).__name__}). Reload the page; if "
            "it comes again, please report it with what the terminal says.",
            icon=":material/error:",
        )


@contextlib.contextmanager
def remember_error(key: str) -> Iterator[None]:
    """Store an error in the session, so that `show_remembered_error` shows it at each rerun.

    Parameters
    ----------
    key : str
        The key under which the session keeps the message.
    """
    st.session_state[key] = ""
    try:
        yield
    except EarmarkError as error:
        st.session_state[key] = str(error)


def show_remembered_error(key: str) -> None:
    """Show the error that `remember_error` stored last under a key, if there was one."""
    if message := st.session_state.get(key):
        show_error(message)


def persistent_key(key: str, options: Collection[Any] | None = None) -> str:
    """Keep the value of a widget while other pages are shown; call it before the widget.

    Parameters
    ----------
    key : str
        The key of the widget.
    options : collection, optional
        The options of the widget: a value that is none of them is dropped.

    Returns
    -------
    str
        The same key, to be given to the widget.
    """
    values = st.session_state.setdefault("widget values", {})
    if key in st.session_state:
        values[key] = st.session_state[key]
    elif key in values:
        st.session_state[key] = values[key]
    if options is not None and st.session_state.get(key) not in options:
        st.session_state.pop(key, None)
    return key


def fragment(function: Callable[..., None], every: float | None = None) -> Callable[..., None]:
    """Return a function that draws a part of a page, which is redrawn without the rest.

    Parameters
    ----------
    function : callable
        Draws the part.
    every : float, optional
        Seconds between two redraws; by default only a change of a widget in it redraws it.
    """

    @wraps(function)
    def drawn(*arguments: Any) -> None:
        # Without this, Streamlit would show the traceback of an error in a fragment.
        with errors_shown():
            function(*arguments)

    redrawn: Callable[..., None] = st.fragment(drawn, run_every=every)
    return redrawn


def plain(text: str, longest: int = LONGEST) -> str:
    """Return untrusted text as Markdown that shows exactly that text.

    Control characters and those that change the direction of writing are removed, characters with a
    meaning in Markdown or HTML are escaped, and long text is cut. Where escapes do not help, as
    against links, an invisible character (word joiner) is put between.
    """
    shown = plain_text(text, longest)
    return re.sub(r"([!-/:-@\[-`{-~])", r"\\\1", _MADE.sub(JOINER, shown))


def plain_text(text: str, longest: int = LONGEST) -> str:
    """Return untrusted text without what is invisible or turns its direction, cut to a length."""
    shown = "".join(
        " " if sign.isspace() and sign != NO_BREAK else sign
        for sign in text
        if sign.isspace() or unicodedata.category(sign) not in ("Cc", "Cf", "Cs", "Co", "Cn")
    )
    return shown if len(shown) <= longest else f"{shown[: longest - 1]}…"


def color_scheme() -> str:
    """Return "dark" or "light", as in the settings of the browser."""
    return "dark" if st.context.theme.type == "dark" else "light"


def recoloured(chart: go.Figure, scheme: str) -> go.Figure:
    """Return a chart with the colours of the palette made for "light" or "dark" ground.

    Charts are drawn in the colours of `PALETTE`; all other colours stay.
    """
    if scheme != "dark":
        return chart
    by_night = dict(zip(PALETTE, BY_NIGHT, strict=True))

    def turned(colour: Any) -> Any:
        return by_night.get(colour, colour) if isinstance(colour, str) else colour

    for trace in chart.data:
        for part in (getattr(trace, "marker", None), getattr(trace, "line", None)):
            if part is not None and part.color is not None:
                several = isinstance(part.color, tuple)
                part.color = [*map(turned, part.color)] if several else turned(part.color)
        if (fill := getattr(trace, "fillcolor", None)) is not None:
            trace.fillcolor = fill.replace("0, 114, 178", "86, 180, 233")
    return chart


def figure(chart: go.Figure, height: int | None = None, **options: Any) -> Any:
    """Show a Plotly chart in the style of the app, and return the selection in it.

    What its layout has as ``meta`` is for people who do not see it.
    """
    ink = INK[color_scheme()]
    chart.update_layout(
        margin={"l": 8, "r": 8, "t": 32 if chart.layout.title.text else 8, "b": 8},
        colorway=BY_NIGHT if color_scheme() == "dark" else PALETTE,
        hoverlabel={"namelength": -1},
        # Streamlit's own grey is too faint here, too, and is given to each axis by itself.
        font={"color": ink},
        **({"height": height} if height else {}),
    )
    for update in (chart.update_xaxes, chart.update_yaxes):
        update(tickfont={"color": ink}, title={"font": {"color": ink}})
    recoloured(chart, color_scheme())
    config = {"displaylogo": False, "displayModeBar": options.pop("modebar", False)}
    # The name of a track or a genre may be anything.
    told = plain_text(chart.layout.meta, 2000) if chart.layout.meta else None
    return st.plotly_chart(chart, config=config, alt=told, **options)
