"""HTML pages that stand alone: they load nothing and run nothing, whatever names are in them.

The pages are Jinja2 templates in `templates`. Whatever these are given is text and is escaped.
"""

from __future__ import annotations

from base64 import b64encode
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from earmark.classify.html import plotting, words

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

__all__ = ["OPEN_ROWS", "render"]

OPEN_ROWS = 30
"""Rows up to which a table stands open on the page."""

SCALE = 100 / 72
"""Pixels on the page for each point of a picture: its letters are as large as those beside it."""


def render(template: str, *, title: str, maker: str = "Earmark", **values: object) -> bytes:
    """Make a page of a template.

    Parameters
    ----------
    template : str
        Name of a file in `templates`, without ``.html.jinja``.
    title : str
        Any text.
    maker : str
        The program that made the page, as its head says.
    **values
        What the template shows.

    Returns
    -------
    bytes
        HTML, UTF-8.
    """
    page = _environment().get_template(f"{template}.html.jinja")
    return page.render(title=title, maker=maker, **values).encode()


@cache
def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        finalize=_finalize,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["OPEN_ROWS"] = OPEN_ROWS
    environment.filters |= {
        "data_url": _data_url,
        "fixed": words.fixed,
        "markdown": _markdown,
        "page_width": _page_width,
        "percent": words.percent,
        "whole": words.whole,
    }
    return environment


def _finalize(value: object) -> object:
    """Make a value writable before it is escaped; what is HTML already stays."""
    return value if hasattr(value, "__html__") else words.writable(value)


def _data_url(svg: bytes) -> str:
    return f"data:image/svg+xml;base64,{b64encode(svg).decode()}"


def _page_width(svg: bytes) -> int:
    """Return the width of a picture on the page."""
    return round(plotting.size(svg)[0] * SCALE)


def _markdown(text: str) -> Markup:
    """Make HTML of Markdown, whose headings become ones within a section of the page."""
    from markdown_it import MarkdownIt
    from markupsafe import Markup

    # Tags in it are text, and it loads no pictures.
    parser = MarkdownIt("commonmark", {"html": False}).enable("table").disable("image")
    tokens = parser.parse(words.writable(text))
    for token in tokens:
        if token.type.startswith("heading"):
            token.tag = f"h{min(int(token.tag[1]) + 2, 6)}"
    html: str = parser.renderer.render(tokens, parser.options, {})
    html = html.replace("<table>", '<div class="scroll"><table>')
    # The parser has escaped the text.
    return Markup(html.replace("</table>", "</table></div>"))  # noqa: S704
