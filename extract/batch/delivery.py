"""Where an output goes: to a file or a folder here, or to a URL.

A run writes on this machine in any case, with all its promises. What goes to a URL is written to a
folder of the user's, in which what stands at the URL is put first and an interrupted run goes on;
when the run has ended well, it is sent, the table last.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import platformdirs

from earmark.extract import partitioned, tables
from earmark.extract.audio import remote
from earmark.extract.errors import FindError, WriteError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

__all__ = ["beside", "here", "shown"]

FETCHED = ".fetched.json"
"""In the folder: what stood at the URL when its files were copied from there."""

BESIDE = (
    tables.failures_path,
    tables.notes_path,
    tables.files_path,
    tables.report_path,
)


def shown(output: str | Path) -> str:
    """Return an output as it may be shown."""
    return remote.shown(str(output)) if remote.is_url(output) else str(output)


def beside(output: str | Path, name: Callable[[Path], Path]) -> str:
    """Return where a table stands that is beside an output, as it may be shown."""
    if not remote.is_url(output):
        return str(name(Path(output)))
    url = str(output).rstrip("/")
    return remote.shown(_beside(url, name(Path(url)).name))


@contextlib.contextmanager
def here(output: str | Path) -> Iterator[Path]:
    """Give the path on this machine that an output is to be written to.

    Parameters
    ----------
    output : str or Path
        A file; with a slash at its end, or where one stands already, a folder of
        ``part-*.parquet``; or a URL of either, to which everything is sent when the block ends
        without an error.

    Raises
    ------
    WriteError
        The name is none for a table, or the URL cannot be written to.
    FindError, FetchError
        What stands at the URL cannot be read.
    """
    name = str(output)
    path = Path(name.rstrip("/").rpartition("/")[2] if remote.is_url(name) else name)
    folder = name.endswith("/") or partitioned.is_one(name)
    if not path.suffix and not folder and not remote.is_url(name):
        raise WriteError(
            name,
            f"ends in none of {' '.join(tables.FORMATS)}; the ending names the format, and a slash "
            "at the end a folder of part-*.parquet",
        )
    if path.suffix and name.endswith("/"):
        raise WriteError(name, "is to be a folder, whose name has no ending; or leave the / out")
    if not remote.is_url(name):
        yield path
        return
    remote.check_writable(name.rstrip("/"))
    table = _home(name) / path.name
    _fetch(name.rstrip("/"), table)
    yield table
    try:
        _send(table, name.rstrip("/"))
    except WriteError as error:
        message = f"{error.message}; it is kept in {table}, and the same command sends it"
        raise WriteError(error.path, message) from None
    shutil.rmtree(table.parent, ignore_errors=True)


def _home(url: str) -> Path:
    """Return the folder in which the output for a URL is written."""
    name = hashlib.sha256(remote.shown(url).encode()).hexdigest()[:16]
    return platformdirs.user_cache_path("earmark", appauthor=False) / "outputs" / name


def _fetch(url: str, table: Path) -> None:
    """Copy what stands at a URL and beside it, unless it has been fetched and not sent yet."""
    standing: dict[str, remote.RemoteFile] = {}
    for path in (table, *(beside(table) for beside in BESIDE)):
        address = _beside(url, path.name)
        with contextlib.suppress(FindError):
            is_folder, files = remote.search(address, set())
            if path == table and is_folder and table.suffix:
                raise WriteError(remote.shown(url), "is a folder; name a file in it")
            standing |= {str(Path(path.name, name)): file for name, file in files.items()}
    stamps = {name: file.stamp for name, file in standing.items()}
    record = table.parent / FETCHED
    if tables.is_there(table) and _read(record) == stamps:
        return
    table.parent.mkdir(parents=True, exist_ok=True)
    for path in table.parent.iterdir():
        if path.is_file():
            path.unlink()
        elif not path.name.endswith(".parts"):
            shutil.rmtree(path)
    for name, file in standing.items():
        with remote.local_copy(file) as copy, tables.atomic(table.parent / name) as target:
            shutil.copyfile(copy, target)
    with tables.atomic(record) as target:
        target.write_text(json.dumps(stamps), encoding="utf-8")


def _read(record: Path) -> Mapping[str, str] | None:
    try:
        found = json.loads(record.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def _send(table: Path, url: str) -> None:
    """Send what was written; then remove what stood there and is no more."""
    before = _read(table.parent / FETCHED) or {}
    files = [
        path
        for path in sorted(table.parent.rglob("*"))
        if path.is_file() and path.name != FETCHED and ".parts" not in path.parent.suffixes
    ]
    # The table comes last: whoever finds it finds the rest.
    files.sort(key=lambda path: path == table or table in path.parents)
    names = [path.relative_to(table.parent).as_posix() for path in files]
    for path, name in zip(files, names, strict=True):
        remote.send(path, _beside(url, name))
    for name in sorted(set(before) - {str(Path(name)) for name in names}):
        remote.remove(_beside(url, Path(name).as_posix()))


def _beside(url: str, name: str) -> str:
    return f"{url.rpartition('/')[0]}/{name}"
