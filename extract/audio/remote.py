"""Files at URLs, through fsspec: searched where they are, copied to be read, and sent there.

What a URL may hold of credentials, a password before the host or a signature behind ``?``, is in no
name and no message; what libraries say of an error often repeats the URL, and is not passed on.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import posixpath
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urljoin

from earmark.extract.errors import FetchError, FindError, WriteError, printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

T = TypeVar("T")

__all__ = [
    "RemoteFile",
    "check_writable",
    "is_list",
    "is_url",
    "listed",
    "local_copy",
    "remove",
    "search",
    "send",
    "shown",
]

SCHEMES = frozenset({"s3", "gs", "gcs", "http", "https", "sftp", "ssh"})
"""Where files may be. Others, such as ``file``, would let a list name what is on this machine."""

WRITABLE = frozenset({"s3", "gs", "gcs", "sftp", "ssh"})
"""Where files may be sent to."""

PAUSES = (0.5, 2.0)
"""Seconds before a network is tried again."""

ANSWER = 20.0
"""Seconds within which a server says what a file is, and sends a list."""

LARGEST = 4 * 2**30
"""Bytes: no file is copied that is larger."""

LARGEST_LIST = 2**24

LISTS = (".m3u", ".m3u8")

NEEDS = "is a URL, which needs an extra: pip install 'earmark[remote]' (for gs://: gcsfs)"

TRY_AGAIN = frozenset({408, 425, 429})
"""Statuses of HTTP below 500 that may be otherwise in a moment."""

SILENT = "cannot be read: the server does not answer; see whether it is there, and try again"

CREDENTIALS = frozenset(
    {
        "AuthenticationException",
        "BadAuthenticationType",
        "NoCredentialsError",
        "PartialCredentialsError",
        "RefreshError",
    }
)
"""Names of errors that mean that a service does not know who asks."""


TALKATIVE = {
    "fsspec.http": logging.INFO,
    "botocore": logging.INFO,
    "aiobotocore": logging.INFO,
    "gcsfs": logging.ERROR,
}
"""Loggers that write URLs and signatures where their level is lower, or a warning at every call."""


@dataclass(frozen=True)
class RemoteFile:
    """A file at a URL.

    Parameters
    ----------
    url : str
        Where it is, with whatever credentials it holds.
    stamp : str
        Its size, and what changes when it is replaced; empty where the server does not say.
    """

    url: str = field(repr=False)
    stamp: str


def is_url(source: object) -> bool:
    """Tell whether a source is a URL."""
    return "://" in str(source)


def is_list(url: str) -> bool:
    """Tell whether a URL is that of a list, by its ending."""
    return shown(url).lower().endswith(LISTS)


def shown(url: str) -> str:
    """Return a URL as it may be shown: without credentials.

    Examples
    --------
    >>> shown("https://me:secret@host/a.mp3?X-Amz-Signature=1f")
    'https://host/a.mp3'
    >>> shown("s3://bucket/why?.mp3")
    's3://bucket/why?.mp3'
    """
    scheme, _, rest = url.rpartition("::")[2].partition("://")
    scheme = scheme.lower()
    if scheme in ("http", "https"):
        rest = rest.partition("?")[0].partition("#")[0]
    host, slash, path = rest.partition("/")
    host = host.rpartition("@")[2]
    if not (host.rpartition(":")[2].isdigit() or ":" not in host or host.endswith("]")):
        # A slash in a password: nobody can tell where it ends.
        return f"{scheme}://…"
    return printable(f"{scheme}://{host}{slash}{path}")


def listed(url: str) -> list[str]:
    """Return the URLs that a list (``.m3u8``) names; those without a scheme are taken from it.

    Raises
    ------
    FindError, FetchError
        The list cannot be read or names nothing.
    """
    with local_copy(RemoteFile(url, ""), largest=LARGEST_LIST, within=ANSWER) as copy:
        text = copy.read_text("utf-8-sig", "replace")
    lines = [line.strip() for line in text.splitlines()]
    found = [_joined(url, line) for line in lines if line and not line.startswith("#")]
    if not found:
        raise FindError(shown(url), "names no file; a list has a URL on each line")
    return found


def _joined(url: str, entry: str) -> str:
    if is_url(entry):
        return entry
    if url.lower().startswith(("http:", "https:")):
        return urljoin(url, entry)
    scheme, _, rest = url.partition("://")
    host, _, path = rest.partition("/")
    joined = posixpath.normpath(posixpath.join("/", posixpath.dirname(path), entry))
    return f"{scheme}://{host}/{joined.lstrip('/')}"


def search(url: str, silent: set[str]) -> tuple[bool, dict[str, RemoteFile]]:
    """Find the files at a URL.

    Parameters
    ----------
    url : str
        A file, or a folder, which is searched at every depth.
    silent : set of str
        Servers that did not answer, which are not asked again: a list may name thousands of files
        of one. The server of the URL is added, if it does not.

    Returns
    -------
    is_folder : bool
        Whether it is one.
    files : dict of RemoteFile
        By their paths in the folder; a file by an empty one.

    Raises
    ------
    FindError, FetchError
        It does not exist, or cannot be searched.
    """

    def searched() -> tuple[bool, dict[str, RemoteFile]]:
        system, root = _opened(url)
        system.invalidate_cache()
        info = system.info(root, **_within(system, ANSWER))
        if info["type"] != "directory":
            return False, {"": RemoteFile(url, _stamp(info))}
        start = root.rstrip("/") + "/"
        found = system.find(root, detail=True)
        return True, {
            name.removeprefix(start): RemoteFile(
                f"{url.rstrip('/')}/{name.removeprefix(start)}", _stamp(about)
            )
            for name, about in sorted(found.items())
        }

    server = shown(url).split("/")[2]
    if server in silent:
        raise FetchError(shown(url), f"was not asked for: {server} did not answer before")
    try:
        return _tried(url, searched)
    except FetchError as error:
        if error.message == SILENT:
            silent.add(server)
        raise


def _within(system: Any, seconds: float | None) -> dict[str, float | None]:
    """Return how a call is told its time; what is not asynchronous has limits of its own."""
    return {"timeout": seconds} if system.async_impl else {}


def _stamp(info: Mapping[str, Any]) -> str:
    """Return the size of a file and what changes when it is replaced."""
    names = ("ETag", "etag", "md5Hash", "LastModified", "Last-Modified", "mtime", "updated")
    change = next((str(info[name]) for name in names if info.get(name)), "")
    size = info.get("size")
    return f"{size}-{change}" if change and size is not None else ""


def _opened(url: str) -> tuple[Any, str]:
    scheme = url.partition("://")[0].lower()
    if scheme not in SCHEMES:
        known = ", ".join(sorted(SCHEMES))
        raise FindError(shown(url), f"is a URL of a kind that is not read; these are: {known}")
    try:
        import fsspec

        for name, level in TALKATIVE.items():
            logging.getLogger(name).setLevel(level)
        system, root = fsspec.url_to_fs(scheme + url[len(scheme) :])
    except ImportError:
        raise FindError(shown(url), NEEDS) from None
    return system, root


@contextlib.contextmanager
def local_copy(
    file: RemoteFile,
    allow: Callable[[float], object] = lambda _: None,
    largest: int = LARGEST,
    within: float | None = None,
) -> Iterator[Path]:
    """Copy a file to where it can be read, as long as that takes.

    The copy has no name on Linux, so that nothing is left of it even where the process is killed.

    Parameters
    ----------
    file : RemoteFile
        The file.
    allow : callable
        Is told how many bytes have come.
    largest : int
        Bytes that it may have.
    within : float, optional
        Seconds that it may take; None where somebody else watches over that.

    Raises
    ------
    FindError, FetchError
        It is not there, or cannot be copied.
    """
    with contextlib.ExitStack() as stack:
        handle = stack.enter_context(tempfile.TemporaryFile())
        path = Path(f"/proc/self/fd/{handle.fileno()}")
        if not path.exists():
            path = Path(stack.enter_context(tempfile.TemporaryDirectory()), "copy")
        _tried(file.url, lambda: _copy(file.url, path, allow, largest, within))
        yield path


def _copy(
    url: str, path: Path, allow: Callable[[float], object], largest: int, within: float | None
) -> None:
    from fsspec.callbacks import Callback

    def check(size: float) -> None:
        if size > largest:
            raise FetchError(shown(url), f"is larger than {largest / 2**30:.3g} GiB; copy it here")
        allow(size)

    class Watched(Callback):
        def call(self, *_: object, **__: object) -> None:
            check(self.value)

    system, root = _opened(url)
    size = system.info(root, **_within(system, ANSWER)).get("size")
    check(size or 0)
    system.get_file(root, str(path), callback=Watched(), **_within(system, within))
    if size is not None and path.stat().st_size != size:
        raise ConnectionError("broke off")


def check_writable(url: str) -> None:
    """Refuse a URL that nothing can be sent to, before any work is done for it.

    Raises
    ------
    WriteError
        It is of another kind, is not there, or may not be written to.
    """
    scheme = url.partition("://")[0].lower()
    if scheme not in WRITABLE:
        known = ", ".join(sorted(WRITABLE))
        raise WriteError(shown(url), f"nothing is written to URLs of this kind, only to: {known}")
    with tempfile.TemporaryDirectory() as folder:
        empty = Path(folder, "empty")
        empty.touch()
        probe = f"{url}.{os.getpid()}.test"
        try:
            send(empty, probe)
            remove(probe)
        except WriteError as error:
            raise WriteError(shown(url), error.message) from None


def send(path: Path, url: str) -> None:
    """Put a file at a URL.

    Raises
    ------
    WriteError
        It cannot be put there.
    """

    def put() -> None:
        system, root = _opened(url)
        # In an object store there are no folders, and a bucket is nobody's to make by the way.
        if url.lower().startswith(("sftp:", "ssh:")):
            system.makedirs(posixpath.dirname(root), exist_ok=True)
        system.put_file(str(path), root)

    _written(url, put)


def remove(url: str) -> None:
    """Remove a file; it is well if there is none.

    Raises
    ------
    WriteError
        It cannot be removed.
    """

    def removed() -> None:
        system, root = _opened(url)
        with contextlib.suppress(FileNotFoundError):
            system.rm_file(root)

    _written(url, removed)


def _written(url: str, attempt: Callable[[], None]) -> None:
    try:
        _tried(url, attempt)
    except FindError as error:
        message = error.message.replace("does not exist;", "its bucket or folder does not exist;")
    except FetchError as error:
        message = error.message.replace("be read", "be written")
    else:
        return
    raise WriteError(shown(url), message)


def _tried(url: str, attempt: Callable[[], T]) -> T:
    """Do what needs a network, and again where it fails as networks do."""
    for pause in (*PAUSES, None):
        try:
            return attempt()
        except (FindError, FetchError, MemoryError):
            raise
        except Exception as error:
            failed = _cause(url, error)
        if isinstance(failed, ImportError):
            raise FindError(shown(url), NEEDS)
        if isinstance(failed, FileNotFoundError) or getattr(failed, "status", 0) in (404, 410):
            raise FindError(shown(url), "does not exist; check the spelling")
        if pause is None or not _passing(failed):
            break
        time.sleep(pause)
    # Raised here, so that not even its context keeps what the library says of the URL.
    raise FetchError(shown(url), _reason(failed))


def _cause(url: str, error: BaseException) -> BaseException:
    """Return what went wrong: fsspec says of all that it does on the web that there is no file."""
    while (
        url.lower().startswith("http")
        and isinstance(error, FileNotFoundError)
        and error.__cause__ is not None
    ):
        error = error.__cause__
    return error


def _passing(error: BaseException) -> bool:
    """Tell whether an error may be gone in a moment."""
    status = getattr(error, "status", None)
    if isinstance(status, int):
        return status >= 500 or status in TRY_AGAIN
    final = (PermissionError, ValueError, TypeError)
    if isinstance(error, final) or type(error).__name__ in CREDENTIALS:
        return False
    return getattr(error, "errno", None) not in (errno.ENOSPC, errno.EDQUOT, errno.EROFS)


def _reason(error: BaseException) -> str:
    """Say what went wrong, in words of our own and of the system."""
    status = getattr(error, "status", None)
    if isinstance(error, PermissionError) or type(error).__name__ in CREDENTIALS | {"ClientError"}:
        return "may not be read; check the credentials of this service"
    if isinstance(error, TimeoutError):
        return SILENT
    if isinstance(status, int) and status:
        return f"cannot be read: the server answers {status}"
    number = getattr(error, "errno", None)
    what = os.strerror(number) if isinstance(number, int) and number > 0 else type(error).__name__
    return f"cannot be read: {what}; see whether the network is there, and try again"
