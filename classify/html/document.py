"""An HTML page that stands alone: it loads nothing and runs nothing, whatever names are in it."""

from __future__ import annotations

import html
import re
from base64 import b64encode
from typing import TYPE_CHECKING

from earmark.extract.errors import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

__all__ = ["folded", "line", "name", "page", "picture", "section", "table", "text", "writable"]

OPEN = 30
"""Rows up to which a table stands open on the page."""

UNWRITABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udc7f\udd00-\udfff]")
"""Control characters, and surrogates but those that stand for a byte of a path: these are shown."""

STYLE = """
:root { color-scheme: light dark; --text: #222; --soft: #5c5c5c; --line: #d9d9d9; --back: #fff;
  --panel: #f4f6f8; --blue: #00609a; --orange: #b04e00 }
@media (prefers-color-scheme: dark) { :root { --text: #e4e4e4; --soft: #a5a5a5; --line: #3d3d3d;
  --back: #161616; --panel: #212427; --blue: #6cb8ea; --orange: #f0995a }
  /* The pictures are drawn on white: turned over, with their hues turned back. */
  img:not(.dark) { filter: invert(0.914) hue-rotate(180deg) } }
* { box-sizing: border-box }
body { margin: 0 auto; padding: 1rem 1rem 4rem; max-width: 62rem; background: var(--back);
  color: var(--text); font: 1rem/1.5 system-ui, sans-serif; overflow-wrap: anywhere }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 1rem 0 0.5rem }
h2 { font-size: 1.2rem; margin: 2.5rem 0 0.5rem; border-bottom: 1px solid var(--line) }
h3 { font-size: 1.05rem; margin: 1.5rem 0 0.5rem }
p, li { max-width: 46rem }
.verdict { font-size: 1.15rem }
.note { color: var(--soft); font-size: 0.9rem }
.numbers { display: flex; flex-wrap: wrap; gap: 0.75rem; margin: 1.25rem 0 }
.numbers > div { flex: 1 1 14rem; padding: 0.75rem 1rem; background: var(--panel);
  border-left: 4px solid var(--line); border-radius: 4px }
.numbers > .honest { border-color: var(--blue) }
.numbers > .leaky { border-color: var(--orange) }
.numbers b { display: block; font-size: 2rem; line-height: 1.2 }
.honest b { color: var(--blue) }
.leaky b { color: var(--orange) }
.scroll { overflow-x: auto; margin: 0.75rem 0 }
table { border-collapse: collapse; font-size: 0.9rem; overflow-wrap: normal }
th, td { padding: 0.3rem 0.9rem 0.3rem 0; text-align: left; vertical-align: top;
  border-bottom: 1px solid var(--line) }
th { color: var(--soft); font-weight: 600; vertical-align: bottom }
.n { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums }
td bdi { overflow-wrap: anywhere }
td.names { min-width: 13rem }
td.names bdi { display: block }
@media (max-width: 40rem) {
  .tracks tr { display: flex; flex-wrap: wrap; border-bottom: 1px solid var(--line) }
  .tracks th, .tracks td { border: 0 }
  .tracks .names { flex: 1 0 100% } }
figure { margin: 1rem 0; overflow-x: auto }
img { display: block; max-width: 100%; height: auto }
img.wide { min-width: 44rem }
summary { cursor: pointer; margin: 0.75rem 0 }
pre, code { font: 0.9em ui-monospace, monospace }
pre { overflow-x: auto; padding: 0.75rem; background: var(--panel) }
"""


def page(title: str, sections: Iterable[str], *, maker: str = "Earmark") -> bytes:
    """Put sections, which are HTML, together to a page.

    Parameters
    ----------
    title : str
        Any text.
    sections : iterable of str
        As `section` gives them.
    maker : str
        What made the page, for those who ask a page that they find.
    """
    whole = f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="generator" content="{text(maker)}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<title>{text(title)}</title>
<style>{STYLE}</style>
</head>
<body>
{"".join(sections)}</body>
</html>
"""
    return whole.encode()


def section(heading: str, *parts: str) -> str:
    """Put a heading, which is HTML, over parts."""
    return f"<section>\n<h2>{heading}</h2>\n{''.join(parts)}\n</section>\n"


def folded(summary: str, rows: int, content: str) -> str:
    """Fold what is long: it stands open where it has few rows, at least one."""
    state = " open" if 0 < rows <= OPEN else ""
    return f"<details{state}><summary>{summary}</summary>{content}</details>"


def picture(
    png: bytes, what: str, legend: Mapping[str, str], *, wide: bool = False, dark: bool = False
) -> str:
    """Put a picture into the page, and under it what its labels stand for.

    Parameters
    ----------
    png : bytes
        The picture.
    what : str
        What it shows, for those who do not see it.
    legend : dict
        What labels stand for that the picture could not write
        (`earmark.classify.evaluation.plots.legend`).
    wide : bool
        Whether it is pushed aside on a phone rather than made small.
    dark : bool
        Whether it is drawn on black: then it stays as it is on a dark page.
    """
    named = "; ".join(f"{label} = {name(full)}" for label, full in legend.items())
    under = f'<figcaption class="note">{named}</figcaption>' if named else ""
    kind = " ".join(["wide"] * wide + ["dark"] * dark)
    kind = f' class="{kind}"' if kind else ""
    # The pixels of a PNG stand in its header; fewer on the page are sharp on any screen.
    width = int.from_bytes(png[16:20], "big")
    return (
        f'<figure><img{kind} alt="{text(what)}" width="{round(width / 1.3)}" '
        f'src="data:image/png;base64,{b64encode(png).decode()}">{under}</figure>'
    )


def table(
    heads: Sequence[str], rows: Iterable[Sequence[str]], numeric: str, names: str = ""
) -> str:
    """Make a table of cells that are HTML; columns of numbers and of names are given by place."""

    def cell(tag: str, place: int, content: str) -> str:
        kind = "n" if str(place) in numeric else "names" if str(place) in names else ""
        return f'<{tag} class="{kind}">{content}</{tag}>' if kind else f"<{tag}>{content}</{tag}>"

    def line(tag: str, cells: Sequence[str]) -> str:
        return f"<tr>{''.join(cell(tag, *entry) for entry in enumerate(cells))}</tr>\n"

    body = "".join(line("td", row) for row in rows)
    kind = ' class="tracks"' if names else ""
    return f'<div class="scroll"><table{kind}>\n{line("th", heads)}{body}</table></div>\n'


def writable(text: object) -> str:
    """Return text that is valid UTF-8 and has no control characters but tabs and new lines."""
    return printable(UNWRITABLE.sub("\N{REPLACEMENT CHARACTER}", str(text)))


def line(name: object) -> str:
    """Return a name as it can stand in a line of a terminal."""
    return " ".join(writable(name).split())


def text(value: object) -> str:
    """Return anything as text in HTML."""
    return html.escape(writable(value))


def name(value: object) -> str:
    """Show a name that may be of any script, without effect on the direction of its neighbours."""
    return f"<bdi>{text(value)}</bdi>"
