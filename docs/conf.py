"""How Sphinx builds the documentation: `python -m sphinx -W docs build/docs`.

Nothing is described twice: the pages of the descriptors, the cards of the models and the change
log are taken from where they stand, the commands from their options, the reference from docstrings.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
os.chdir(ROOT)

import earmark

if TYPE_CHECKING:
    from sphinx.application import Sphinx

project = "Earmark"
author = "The Earmark authors"
copyright = "the Earmark authors"
release = version = earmark.__version__

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.doctest",
    "sphinx.ext.intersphinx",
    "sphinx_gallery.gen_gallery",
]
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
# scikit-learn's docstrings, inherited, refer to pages of its own documentation.
suppress_warnings = ["config.cache", "ref.ref"]
exclude_patterns = ["build", "tutorials"]

html_theme = "pydata_sphinx_theme"
html_title = "Earmark"
html_favicon = "../classify/app/icon.png"
html_theme_options = {"show_toc_level": 2, "navigation_with_keys": False}

autosummary_generate = True
autodoc_typehints = "none"
numpydoc_show_class_members = False
# Other projects' pages are not there where there is no network; types need no links.
intersphinx_mapping: dict[str, tuple[str, None]] = {}

doctest_global_setup = "import earmark"

sphinx_gallery_conf = {
    "examples_dirs": "tutorials",
    "gallery_dirs": "gallery",
    "filename_pattern": r"\.py$",
    "within_subsection_order": "FileNameSortKey",
    "show_memory": False,
    "download_all_examples": False,
}

GENERATED = Path(__file__).parent / "generated"

TAKEN = {
    "extract/descriptors/pages": "descriptors",
    "extract/estimators": "estimators",
    "extract/embedding": "embedding",
    "classify/models/default": "models/default",
    "classify/models/light": "models/light",
    "classify/models/spotify": "models/spotify",
}
"""Folders of pages that stand beside the code, and where they are in the documentation."""

COMMANDS = """# Commands

A source is a file, a folder (searched at every depth), a list (`@list.txt`, `-`) or what else
`earmark extract --help` names. Progress and notes go to stderr, results to stdout. Exit status: 0
done (what failed is counted and named), 1 nothing could be done, or `--strict` and something
failed, 2 wrong usage, 130 interrupted (143 by SIGTERM).
"""

SETS = """# Feature sets

A set has a name and a version; what it computes changes only with the version. Sets may be named
together (`--set default+musicnn`). What the columns mean is said by the pages of the
[descriptors](extract/descriptors/pages/README.md).
"""

SHOWN = {ROOT / "docs/tutorials/README.rst": ROOT / "docs/gallery/index.rst"}
"""Pages that are made of others."""

PAGES = ("CHANGELOG.md", "CONTRIBUTING.md", "NOTICE.md")


def take_pages(app: Sphinx) -> None:
    """Copy the pages that stand beside the code to where Sphinx looks, and write the others."""
    shutil.rmtree(GENERATED, ignore_errors=True)
    for source, target in TAKEN.items():
        folder = GENERATED / target
        folder.mkdir(parents=True)
        for path in sorted((ROOT / source).iterdir()):
            if path.suffix in (".md", ".png"):
                shutil.copy(path, folder / path.name)
    for name in PAGES:
        shutil.copy(ROOT / name, GENERATED / name)
    for page, text in (("commands.md", commands()), ("sets.md", feature_sets())):
        (GENERATED / page).write_text(text, encoding="utf-8")
    with (GENERATED / "descriptors" / "README.md").open("a", encoding="utf-8") as index:
        index.write("\n```{toctree}\n:hidden:\n:glob:\n\n[!R]*\n```\n")


def cell(value: object) -> str:
    """Return a text as a cell of a table."""
    return " ".join(str(value).split()).replace("|", "\\|").replace("<", "\\<")


def commands() -> str:
    """Describe every command by what it says of itself."""
    import typer

    from earmark import pipeline

    parts = [COMMANDS]
    program = typer.main.get_command(pipeline.app)
    for name in pipeline.COMMANDS:
        command = program.commands[name]
        example = str(command.epilog).removeprefix("Example:").strip()
        parts += [f"## earmark {name}\n", str(command.help), f"\n    {example}\n"]
        for title, kind in (("argument", "argument"), ("option", "option")):
            rows = [own for own in command.params if own.param_type_name == kind]
            if not rows:
                continue
            parts.append(f"| {title} | what | default |\n| --- | --- | --- |")
            for own in rows:
                spelt = [*own.opts, *own.secondary_opts]
                names = spelt if kind == "option" else [own.metavar or ""]
                usual = "" if own.default in (None, False, (), "") else f"`{own.default}`"
                shown = ", ".join(f"`{each}`" for each in names if each) or f"`{own.name}`"
                parts.append(f"| {shown} | {cell(own.help or '')} | {cell(usual)} |")
            parts.append("")
    return "\n".join(parts) + "\n"


def feature_sets() -> str:
    """List the columns of every set."""
    from earmark.extract import schema, sets
    from earmark.extract.config import DEFAULTS

    parts = [SETS]
    for name in sets.SETS:
        known = schema.of(name, DEFAULTS)
        parts += [
            f"## {known.set}\n",
            f"{len(known.columns)} columns, fingerprint `{known.fingerprint}` with the settings "
            "that are usual.\n",
            "| column | unit | range | version |\n| --- | --- | --- | --- |",
        ]
        for column in known.columns:
            low, high = column.range
            about = (column.unit or "–", f"{low:g} to {high:g}", column.version)
            parts.append(f"| `{column.name}` | {' | '.join(map(str, about))} |")
        parts.append("")
    return "\n".join(parts) + "\n"


def turn_links(app: Sphinx, name: str, source: list[str]) -> None:
    """Have links to what stands elsewhere in the repository lead to where it is shown."""
    page = Path(app.env.doc2path(name))
    taken = {GENERATED / target: ROOT / folder for folder, target in TAKEN.items()}
    own = taken.get(page.parent, ROOT if page.parent == GENERATED else page.parent)

    def turned(link: re.Match[str]) -> str:
        text, target, anchor = link.groups()
        path = Path(os.path.normpath(own / target))
        path = SHOWN.get(path, path)
        for folder, place in TAKEN.items():
            if path.parent == ROOT / folder and path.suffix in (".md", ".png"):
                path = GENERATED / place / path.name
        if path.parent == ROOT and path.name in PAGES:
            path = GENERATED / path.name
        if path.suffix == ".md" and not path.is_relative_to(ROOT / "docs"):
            return f"{text} (`{path.relative_to(ROOT)}`)"
        if not path.exists() or (path.is_dir() or path.suffix in ("", ".cff", ".py")):
            return f"{text} (`{path.relative_to(ROOT)}`)" if path.is_relative_to(ROOT) else text
        return f"[{text}]({os.path.relpath(path, page.parent)}{anchor or ''})"

    pattern = r"(?<!!)\[([^\]]*)\]\((?!https?:|#|mailto:)([^)#\s]+)(#[^)]*)?\)"
    source[0] = re.sub(pattern, turned, source[0])


def setup(app: Sphinx) -> None:
    """Take the pages before Sphinx looks for them."""
    app.connect("builder-inited", take_pages, priority=0)
    app.connect("source-read", turn_links)
